"""(a) One gibibyte through Bika's upload, beside a server that does nothing but hash, write and sync."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench import servers
from bench.cases.setting import Setting
from bench.load import ClosedLoop, Stream
from bench.report import OURS, at_least, at_most, cell, new_table, ratio, show
from bench.requests import Get, form_closing, form_head, form_opening
from bench.requests import upload as upload_form
from bench.rounds import interleave, spread, under_load
from bench.samples import text
from bench.servers import Server
from bench.tree import watched_growth

FULL_BYTES, QUICK_BYTES = 1 << 30, 1 << 28
BARE = "bare asyncio server"
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Transfer:
    """One file taken in."""

    mb_per_second: float
    cpu_seconds: float
    rss_growth_mib: float
    anonymous_growth_mib: float


def run(setting: Setting) -> None:
    """Measure and show."""
    size = QUICK_BYTES if setting.is_quick else FULL_BYTES
    numbers = count()
    contestants = {
        OURS: lambda: _through_holdall(setting, setting.folder / f"ours-{next(numbers)}", size),
        BARE: lambda: _through_bare(setting, setting.folder / f"bare-{next(numbers)}", size),
    }
    found = interleave(setting.rounds, contestants, setting.tell)
    _show(found, size)


def _through_holdall(setting: Setting, folder: Path, size: int) -> Transfer:
    """A new server on new data each time: nothing is known already, and nothing of the last round is in memory."""
    with servers.new_folder(folder), servers.holdall(folder) as ours:
        warm_up = upload_form(ours.attachments_path, ours.bearer, {}, text("", 20_000))
        under_load(setting.load, ours.server, ClosedLoop(ours.server.port, 1, 0.2, warm_up))
        return _transfer(setting, ours.server, ours.attachments_path, ours.bearer, size)


def _through_bare(setting: Setting, folder: Path, size: int) -> Transfer:
    with servers.new_folder(folder), servers.bare(folder) as server:
        under_load(setting.load, server, ClosedLoop(server.port, 1, 0.2, Get("/")))
        return _transfer(setting, server, "/", {}, size)


def _transfer(setting: Setting, server: Server, path: str, headers: dict[str, str], size: int) -> Transfer:
    opening, closing = form_opening({}, "backup.bin", "application/octet-stream"), form_closing()
    head = form_head(path, headers, len(opening) + size + len(closing)) + opening
    with watched_growth(server.pid) as growth:
        stretch = under_load(setting.load, server, Stream(server.port, head, closing, size))
    return Transfer(size / stretch.seconds / 1e6, stretch.cpu_seconds, growth.rss / _MIB, growth.anonymous / _MIB)


def _show(found: dict[str, list[Transfer]], size: int) -> None:
    table = new_table(
        f"(a) {size >> 20} MiB, incompressible, in one upload",
        "",
        "MB/s",
        "ratio",
        "CPU s",
        "RSS growth MiB",
        "of it anonymous",
    )
    speeds = {name: spread([transfer.mb_per_second for transfer in found[name]]) for name in found}
    for name, transfers in found.items():
        table.add_row(
            name,
            cell(speeds[name]),
            ratio(speeds[name], speeds[BARE]),
            cell(spread([transfer.cpu_seconds for transfer in transfers])),
            cell(spread([transfer.rss_growth_mib for transfer in transfers])),
            cell(spread([transfer.anonymous_growth_mib for transfer in transfers])),
        )
    growth = spread([transfer.rss_growth_mib for transfer in found[OURS]]).median
    goals = [
        at_least("speed, ours / bare", 0.6, speeds[OURS].median / speeds[BARE].median),
        at_most("memory growth of ours", 64, growth, " MiB"),
    ]
    show("a", table, goals)
