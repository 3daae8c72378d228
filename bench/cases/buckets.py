"""(o) One gibibyte into a bucket and out of it, beside obstore alone with the same bucket, file and parts."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench import servers
from bench.cases.setting import Setting
from bench.load import ClosedLoop
from bench.report import OURS, at_least, at_most, cell, new_table, ratio, show
from bench.requests import form_closing, form_head, form_opening
from bench.requests import upload as upload_form
from bench.rounds import interleave, spread, under_load
from bench.samples import text
from bench.tree import cpu_seconds, watched_growth
from tests.support.seaweed import Seaweed, running_seaweed, s3_settings

FULL_BYTES, QUICK_BYTES = 1 << 30, 1 << 28
ALONE = "obstore alone"
_IN, _OUT = "in", "out"
_MIB = 1 << 20
_PIECE = 1 << 20
_GIVE_UP_SECONDS = 600
_ALONE = Path(__file__).parents[1] / "reference" / "bucket.py"


@dataclass(frozen=True, slots=True)
class Way:
    """One file on one way."""

    mb_per_second: float
    cpu_seconds: float
    anonymous_growth_mib: float


def run(setting: Setting) -> None:
    """Measure and show."""
    size = QUICK_BYTES if setting.is_quick else FULL_BYTES
    with servers.new_folder(setting.folder) as folder, running_seaweed(_folders(folder)) as store:
        settings = {name.removeprefix("HOLDALL_"): value for name, value in s3_settings(store, "bench").items()}
        source = _source(folder, size)
        numbers = count()
        contestants: dict[str, Callable[[], dict[str, Way]]] = {
            OURS: lambda: _through_holdall(setting, folder / f"ours-{next(numbers)}", settings, source, size),
            ALONE: lambda: _alone(store, source, size),
        }
        _show(interleave(setting.rounds, contestants, setting.tell), size)


def _folders(folder: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        made = folder / name
        made.mkdir()
        return made

    return make


def _source(folder: Path, size: int) -> Path:
    """A file that cannot be compressed."""
    path = folder / "source.bin"
    with path.open("wb") as file:
        for _ in range(size // _PIECE):
            file.write(os.urandom(_PIECE))
        os.fsync(file.fileno())
    return path


def _through_holdall(
    setting: Setting, folder: Path, settings: dict[str, str], source: Path, size: int
) -> dict[str, Way]:
    """A new server on new rows: nothing is known of the file already."""
    with servers.new_folder(folder), servers.holdall(folder, **settings) as ours:
        warm_up = upload_form(ours.attachments_path, ours.bearer, {}, text("", 20_000))
        under_load(setting.load, ours.server, ClosedLoop(ours.server.port, 1, 0.2, warm_up))
        ways = {}
        with _measured(ours.server.pid, size) as done:
            url = _send(ours, source, size)
        ways[_IN] = done[0]
        with _measured(ours.server.pid, size) as done:
            _fetch(url, size)
        ways[_OUT] = done[0]
        return ways


def _send(ours: servers.Holdall, source: Path, size: int) -> str:
    """Upload it by Bika's door; the link that leads to it."""
    opening, closing_ = form_opening({}, "backup.bin", "application/octet-stream"), form_closing()
    head = form_head(ours.attachments_path, ours.bearer, len(opening) + size + len(closing_)) + opening
    with closing(HTTPConnection("127.0.0.1", ours.server.port, timeout=_GIVE_UP_SECONDS)) as connection:
        connection.connect()
        connection.sock.sendall(head)
        with source.open("rb") as file:
            connection.sock.sendfile(file)
        connection.sock.sendall(closing_)
        answer = _answer(connection)
    item = msgspec.json.decode(answer)["data"][0]
    if item["size"] != size:
        raise RuntimeError(f"{item['size']} bytes came")
    return str(item["url"])


def _answer(connection: HTTPConnection) -> bytes:
    """Of a request that was sent by hand."""
    response = HTTPResponse(connection.sock)
    response.begin()
    told = response.read()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {told[:200]!r}")
    return told


def _fetch(url: str, size: int) -> None:
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=_GIVE_UP_SECONDS)) as connection:
        connection.request("GET", f"{parts.path}?{parts.query}")
        response, came = connection.getresponse(), 0
        while piece := response.read(_PIECE):
            came += len(piece)
    if came != size:
        raise RuntimeError(f"{response.status}: {came} bytes came")


def _alone(store: Seaweed, source: Path, size: int) -> dict[str, Way]:
    """A process that does nothing else, with the parts and pieces that ours has."""
    given = [store.endpoint, store.access_key, store.secret_key, "bench-alone", str(source)]
    done = subprocess.run([sys.executable, _ALONE, *given], check=True, capture_output=True)
    told = msgspec.json.decode(done.stdout)
    return {
        way: Way(size / told[way]["seconds"] / 1e6, told[way]["cpu"], told[way]["growth"] / _MIB) for way in (_IN, _OUT)
    }


@contextmanager
def _measured(pid: int, size: int) -> Iterator[list[Way]]:
    done: list[Way] = []
    with watched_growth(pid) as growth:
        before, began = cpu_seconds(pid), time.perf_counter()
        yield done
        seconds = time.perf_counter() - began
        spent = cpu_seconds(pid) - before
    done.append(Way(size / seconds / 1e6, spent, growth.anonymous / _MIB))


def _show(found: dict[str, list[dict[str, Way]]], size: int) -> None:
    table = new_table(
        f"(o) {size >> 20} MiB, incompressible, with a bucket", "", "MB/s", "ratio", "CPU s", "anonymous growth MiB"
    )
    goals = []
    for way in (_IN, _OUT):
        speeds = {name: spread([each[way].mb_per_second for each in rounds]) for name, rounds in found.items()}
        for name, rounds in found.items():
            table.add_row(
                f"{way}, {name}",
                cell(speeds[name]),
                ratio(speeds[name], speeds[ALONE]),
                cell(spread([each[way].cpu_seconds for each in rounds])),
                cell(spread([each[way].anonymous_growth_mib for each in rounds])),
            )
        growth = spread([each[way].anonymous_growth_mib for each in found[OURS]]).median
        if way == _IN:
            goals.append(at_least("speed in, ours / obstore", 0.7, speeds[OURS].median / speeds[ALONE].median))
        goals.append(at_most(f"memory growth of ours, {way}", 64, growth, " MiB"))
    show("o", table, goals, ["The store runs on the same processors; its own time is in the seconds, not in CPU."])
