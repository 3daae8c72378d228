"""(g) What safe keeping costs: the malware scan of a large file, and encryption at rest."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import servers
from bench.cases.downloads import AT_ONCE, client_of, target
from bench.cases.images import AVATARS
from bench.cases.setting import Setting
from bench.report import OURS, cell, figure, new_table, ratio, show
from bench.requests import Get, Talk, upload
from bench.rounds import Stretch, interleave, spread, spread_of, talking
from bench.samples import Sample, photo
from bench.servers import Holdall
from holdall.adapters.inspect.pool import ChildPool
from holdall.adapters.scan.clamd import ClamdScanner, parse_addresses
from holdall.adapters.scan.yara import YaraScanner
from tests.support import clamav

OFF, ON = "as it is", "encrypted"
BARE = "read and SHA-256"
CLAMD = "clamd, over a unix socket"
SCANNED_BYTES, QUICK_BYTES = 100_000_000, 25_000_000
_OPAQUE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class _Contest:
    """The same request to both servers."""

    title: str
    off: Talk
    on: Talk
    seconds: float


def run(setting: Setting) -> None:
    """Measure and show."""
    _scan(setting)
    _encryption(setting)


# ── the scan ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _scan(setting: Setting) -> None:
    size = QUICK_BYTES if setting.is_quick else SCANNED_BYTES
    with servers.new_folder(setting.folder / "scan") as folder:
        path = folder / "opaque.bin"
        path.write_bytes(secrets.token_bytes(size))
        contestants: dict[str, Callable[[], float]] = {
            f"{OURS}: every rule, in a child": lambda: asyncio.run(_seconds_to_scan(path)),
            BARE: lambda: _seconds_to_hash(path),
        }
        with _clamd(folder) as address:
            if address:
                contestants[CLAMD] = lambda: asyncio.run(_seconds_to_send(path, address))
            found = interleave(setting.rounds, contestants, setting.tell)
    speeds = {name: spread([size / seconds / 1e6 for seconds in times]) for name, times in found.items()}
    table = new_table(f"(g) a file of {size // 1_000_000} MB that cannot be compressed, one core", "", "MB/s", "ratio")
    for name, speed in speeds.items():
        table.add_row(name, cell(speed), ratio(speed, speeds[BARE]))
    notes = [
        "All from the page cache.",
        "clamd has hand-written signatures only: this is its plumbing, not its full work.",
    ]
    show("g", table, [], notes)


@contextmanager
def _clamd(folder: Path) -> Iterator[str]:
    """The address of a clamd that looks into files of this size; ``""`` where none is installed."""
    if not clamav.CLAMD.exists():
        yield ""
        return
    limits = {"StreamMaxLength": "200M", "MaxFileSize": "200M", "MaxScanSize": "400M"}
    with clamav.running_clamd(folder, **limits) as running:
        yield running.unix_address


async def _seconds_to_send(path: Path, address: str) -> float:
    scanner = ClamdScanner(parse_addresses(address), 1 << 30, 60)
    began = time.perf_counter()
    verdict = await scanner.scan(path, _OPAQUE)
    if not verdict.is_clean:
        raise RuntimeError(f"noise is {verdict}")
    return time.perf_counter() - began


async def _seconds_to_scan(path: Path) -> float:
    """By a child that has looked at a file before."""
    pool = ChildPool(1)
    try:
        scanner = YaraScanner(pool)
        await scanner.scan(Path(__file__), _OPAQUE)
        began = time.perf_counter()
        verdict = await scanner.scan(path, _OPAQUE)
        if not verdict.is_clean:
            raise RuntimeError(f"noise is {verdict}")
        return time.perf_counter() - began
    finally:
        await pool.close()


def _seconds_to_hash(path: Path) -> float:
    began = time.perf_counter()
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return time.perf_counter() - began


# ── encryption ───────────────────────────────────────────────────────────────────────────────────────────────────


def _encryption(setting: Setting) -> None:
    setting.tell("making photographs")
    samples = [photo("200 KB", 1024, 768, 200_000), photo("4 MB", 4000, 3000, 4_000_000)]
    with (
        servers.new_folder(setting.folder / "off") as off_folder,
        servers.holdall(off_folder) as off,
        servers.new_folder(setting.folder / "on") as on_folder,
        servers.holdall(on_folder, ENCRYPTION_KEY=secrets.token_hex(32)) as on,
    ):
        contests = [contest for sample in samples for contest in _contests(setting, off, on, sample)]
        results = [(contest, _measure(setting, contest, off, on)) for contest in contests]
    table = new_table(
        f"(g) encryption at rest, {AT_ONCE} at once", "", "requests/s", "on/off", "p50 ms", "CPU ms/request", "on − off"
    )
    for contest, found in results:
        table.add_row(f"[bold]{contest.title}[/]")
        for name, stretches in found.items():
            speed, cpu = spread_of(stretches, "per_second"), spread_of(stretches, "cpu_ms")
            more = cpu.median - spread_of(found[OFF], "cpu_ms").median
            table.add_row(
                f"  {name}",
                cell(speed),
                ratio(speed, spread_of(found[OFF], "per_second")) if name == ON else "",
                figure(spread_of(stretches, "p50_ms").median),
                cell(cpu),
                figure(more) if name == ON else "",
            )
    note = "Without encryption the server sends whole files from the disk by itself; sealed ones pass through Python."
    show("g", table, [], [note])


def _contests(setting: Setting, off: Holdall, on: Holdall, sample: Sample) -> list[_Contest]:
    fields, seconds = {"entityType": "person"}, setting.seconds(3.0)
    return [
        _Contest(
            f"avatar of {sample.title}",
            upload(AVATARS, off.person, fields, sample),
            upload(AVATARS, on.person, fields, sample),
            seconds,
        ),
        _Contest(f"GET of {sample.title}", _download(off, sample), _download(on, sample), seconds / 2),
        _Contest(f"GET of 1 KB inside {sample.title}", _part(off, sample), _part(on, sample), seconds / 2),
    ]


def _download(server: Holdall, sample: Sample) -> Get:
    """By signed link."""
    return Get(_link(server, sample))


def _part(server: Holdall, sample: Sample) -> Get:
    return Get(_link(server, sample), {"Range": "bytes=100000-100999"}, status=206)


def _link(server: Holdall, sample: Sample) -> str:
    with client_of(server.server) as client:
        form = {"file": (sample.name, sample.data, sample.mime)}
        answer = client.post(server.attachments_path, headers=server.bearer, files=form).raise_for_status()
    return target(answer.json()["data"][0]["url"])


def _measure(setting: Setting, contest: _Contest, off: Holdall, on: Holdall) -> dict[str, list[Stretch]]:
    contestants = {
        OFF: talking(setting.load, off.server, contest.off, AT_ONCE, contest.seconds),
        ON: talking(setting.load, on.server, contest.on, AT_ONCE, contest.seconds),
    }
    return interleave(setting.rounds, contestants, lambda what: setting.tell(f"{contest.title}: {what}"))
