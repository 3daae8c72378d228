"""(e) From the start of the process to the first answer, and memory when there is nothing to do."""

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench import servers, tree
from bench.cases.images import AVATARS
from bench.cases.setting import Setting
from bench.load import ClosedLoop
from bench.report import OURS, cell, figure, new_table, show
from bench.requests import Talk, upload
from bench.rounds import interleave, spread, under_load
from bench.samples import Sample, photo
from bench.servers import Server

PLAIN = "plain service"
_IDLE_SECONDS = 0.5
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Start:
    """One start."""

    seconds: float
    idle: tree.Memory
    after_upload: tree.Memory


def run(setting: Setting) -> None:
    """Measure and show."""
    sample, folder = photo("20 KB", 320, 240, 20_000), setting.folder
    with servers.new_folder(folder / "ours") as our_folder, servers.new_folder(folder / "plain") as plain_folder:
        our_upload = _fill(setting, our_folder, sample)
        plain_upload = upload("/images", {}, {}, sample)
        contestants = {
            OURS: lambda: _start(setting, servers.holdall_again(our_folder), our_upload),
            PLAIN: lambda: _start(setting, servers.plain(plain_folder), plain_upload),
        }
        found = interleave(setting.rounds, contestants, setting.tell)
    table = new_table(
        "(e) start on existing data, and memory at rest",
        "",
        "first answer s",
        "RSS MiB",
        "USS MiB",
        "RSS, once used",
        "USS, once used",
        "processes",
    )
    for name, starts in found.items():
        table.add_row(
            name,
            cell(spread([start.seconds for start in starts])),
            _median(start.idle.rss for start in starts),
            _median(start.idle.uss for start in starts),
            _median(start.after_upload.rss for start in starts),
            _median(start.after_upload.uss for start in starts),
            f"{_count(start.idle for start in starts)} → {_count(start.after_upload for start in starts)}",
        )
    show("e", table, [], ["RSS counts a page once for each process that shares it; USS counts no shared page."])


def _fill(setting: Setting, folder: Path, sample: Sample) -> Talk:
    """Leave data behind for the next start to find; returns the upload that did."""
    with servers.holdall(folder) as ours:
        talk = upload(AVATARS, ours.person, {"entityType": "person"}, sample)
        under_load(setting.load, ours.server, ClosedLoop(ours.server.port, 8, setting.seconds(2.0), talk))
    return talk


def _start(setting: Setting, starting: AbstractContextManager[Server], talk: Talk) -> Start:
    with starting as server:
        time.sleep(_IDLE_SECONDS)
        idle = tree.memory(server.pid)
        under_load(setting.load, server, ClosedLoop(server.port, 1, 0.0, talk))
        time.sleep(_IDLE_SECONDS)
        return Start(server.seconds_to_answer, idle, tree.memory(server.pid))


def _median(values: Iterable[int]) -> str:
    return figure(spread([value / _MIB for value in values]).median)


def _count(memories: Iterable[tree.Memory]) -> str:
    return f"{spread([memory.processes for memory in memories]).median:.0f}"
