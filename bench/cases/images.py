"""(b) Photographs as Pika avatars, and a text as Pika document, with every check on."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table

from bench import servers
from bench.cases.setting import Setting
from bench.report import OURS, Goal, at_most, cell, figure, new_table, ratio, show
from bench.requests import Talk, upload
from bench.rounds import Stretch, interleave, spread_of, talking
from bench.samples import Sample, photo, text
from bench.servers import Holdall, Server

PLAIN, VIPS = "plain service", "bare libvips"
AT_ONCE = (1, 8)
CORES = 2
GOAL_CPU_MS = 3
AVATARS = "/wp-json/pika/v1/upload/avatar"
DOCUMENTS = "/wp-json/pika/v1/upload/attachment"
_Found = Mapping[str, Sequence[Stretch]]


@dataclass(frozen=True, slots=True)
class _Contest:
    """One file at one concurrency."""

    sample: Sample
    at_once: int
    ours: Talk
    plain: Talk
    seconds: float
    is_image: bool


def run(setting: Setting) -> None:
    """Measure and show."""
    setting.tell("making photographs")
    photos = _photos()
    folder = setting.folder
    with (
        servers.new_folder(folder / "ours") as our_folder,
        servers.holdall(our_folder) as ours,
        servers.new_folder(folder / "plain") as plain_folder,
        servers.plain(plain_folder) as plain,
    ):
        contests = [_of_image(setting, ours, sample, at_once) for sample in photos for at_once in AT_ONCE]
        contests += [_of_text(setting, ours, at_once) for at_once in AT_ONCE]
        results = [(contest, _measure(setting, contest, ours.server, plain)) for contest in contests]
    _show([result for result in results if result[0].is_image], "(b) photographs as avatars, every check on")
    _show_text([result for result in results if not result[0].is_image])


def _photos() -> list[Sample]:
    return [
        photo("20 KB", 320, 240, 20_000),
        photo("200 KB", 1024, 768, 200_000),
        photo("4 MB", 4000, 3000, 4_000_000),
    ]


def _of_image(setting: Setting, ours: Holdall, sample: Sample, at_once: int) -> _Contest:
    is_large = len(sample.data) > 1_000_000
    return _Contest(
        sample,
        at_once,
        upload(AVATARS, ours.person, {"entityType": "person"}, sample),
        upload("/images", {}, {"entityType": "person"}, sample),
        setting.seconds(3.0 if is_large else 1.5),
        is_image=True,
    )


def _of_text(setting: Setting, ours: Holdall, at_once: int) -> _Contest:
    sample = text("20 KB text", 20_000)
    fields = {"entityType": "transaction", "attachmentType": "document"}
    return _Contest(
        sample,
        at_once,
        upload(DOCUMENTS, ours.person, fields, sample),
        upload("/documents", {}, {}, sample),
        setting.seconds(1.5),
        is_image=False,
    )


def _measure(setting: Setting, contest: _Contest, ours: Server, plain: Server) -> dict[str, list[Stretch]]:
    title = f"{contest.sample.title}, {contest.at_once} at once"
    setting.tell(f"{title}: warming up")
    contestants = {
        OURS: talking(setting.load, ours, contest.ours, contest.at_once, contest.seconds),
        PLAIN: talking(setting.load, plain, contest.plain, contest.at_once, contest.seconds),
    }
    if contest.is_image:
        contestants[VIPS] = _bare_libvips(setting.folder, contest)
    return interleave(setting.rounds, contestants, lambda what: setting.tell(f"{title}: {what}"))


def _bare_libvips(folder: Path, contest: _Contest) -> Callable[[], Stretch]:
    path = folder / "sample.jpg"

    def measure() -> Stretch:
        path.write_bytes(contest.sample.data)
        command = [servers.PYTHON, "-m", "bench.reference.vips", str(path), str(contest.seconds), "master"]
        environ = {"VIPS_CONCURRENCY": "1", "PYTHONPATH": str(servers.ROOT)}
        loops = [
            subprocess.Popen(command, env=environ, cwd=servers.ROOT, stdout=subprocess.PIPE)
            for _ in range(min(contest.at_once, CORES))
        ]
        return _together([msgspec.json.decode(loop.communicate()[0]) for loop in loops])

    return measure


def _together(outcomes: Sequence[Mapping[str, Any]]) -> Stretch:
    """Loops side by side as one stretch."""
    latencies = [latency for outcome in outcomes for latency in outcome["latencies"]]
    return Stretch(
        count=len(latencies),
        seconds=sum(outcome["seconds"] for outcome in outcomes) / len(outcomes),
        cpu_seconds=sum(outcome["cpu_seconds"] for outcome in outcomes),
        latencies=latencies,
    )


def _show(results: Sequence[tuple[_Contest, _Found]], title: str) -> None:
    table = _table(title)
    goals = []
    for contest, found in results:
        _add_rows(table, contest, found)
        goals += _goals(contest, found)
    show("b", table, goals, [f"Plain service: {servers.name_of_plain()}; it checks nothing and syncs no file."])


def _show_text(results: Sequence[tuple[_Contest, _Found]]) -> None:
    table = _table("(b) a text as document, every check on")
    goals = []
    for contest, found in results:
        _add_rows(table, contest, found)
        cpu = spread_of(found[OURS], "cpu_ms").median
        goals.append(at_most(f"{_title(contest)}: CPU of ours", GOAL_CPU_MS, cpu, " ms"))
    show("b", table, goals)


def _table(title: str) -> Table:
    columns = ("requests/s", "ours/it", "p50 ms", "p99 ms", "CPU ms/request", "ours/it", "not pixels ms")
    return new_table(title, "", *columns)


def _title(contest: _Contest) -> str:
    return f"{contest.sample.title}, {contest.at_once} at once"


def _add_rows(table: Table, contest: _Contest, found: _Found) -> None:
    table.add_row(f"[bold]{_title(contest)}[/]")
    for name, stretches in found.items():
        is_ours = name == OURS
        speed, cpu = spread_of(stretches, "per_second"), spread_of(stretches, "cpu_ms")
        table.add_row(
            f"  {name}",
            cell(speed),
            "" if is_ours else ratio(spread_of(found[OURS], "per_second"), speed),
            figure(spread_of(stretches, "p50_ms").median),
            figure(spread_of(stretches, "p99_ms").median),
            cell(cpu),
            "" if is_ours else ratio(spread_of(found[OURS], "cpu_ms"), cpu),
            figure(_not_pixels(found)) if is_ours and VIPS in found else "",
        )


def _goals(contest: _Contest, found: _Found) -> list[Goal]:
    ours, plain = (spread_of(found[name], "per_second").median for name in (OURS, PLAIN))
    return [
        Goal(f"{_title(contest)}: not slower than the plain service", f"{ours / plain:.2f} ×", ours >= plain),
        at_most(f"{_title(contest)}: CPU that is not pixels", GOAL_CPU_MS, _not_pixels(found), " ms"),
    ]


def _not_pixels(found: _Found) -> float:
    """What an upload costs us beyond what its pixels cost anyone."""
    return spread_of(found[OURS], "cpu_ms").median - spread_of(found[VIPS], "cpu_ms").median
