"""(f) Thumbnails: of a 12-megapixel photograph with every check on, cold and warm, and what an avatar waits for."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from bench import servers
from bench.cases.images import AVATARS
from bench.cases.setting import Setting
from bench.report import OURS, Goal, at_least, at_most, cell, figure, new_table, show
from bench.requests import Get, Talk, ThenThumbnail, target, upload
from bench.rounds import Stretch, interleave, spread_of, talking
from bench.samples import Sample, photo
from bench.servers import Holdall, Server

VIPS = "bare libvips, two processes"
UPLOADS = "Bika uploads with their thumbnail, 4 at once"
BIKA_COLD = "Bika: first byte to thumbnail's last, cold"
PIKA_COLD = "Pika: the same, thumbnail on demand"
RECEIPT_COLD = "Pika: the same, of a receipt with all its pixels"
WARM = "a thumbnail that is there, 8 at once"
AVATAR_ONE, AVATAR_MANY = "200 KB avatar, 1 at once", "200 KB avatar, 8 at once"
ATTACHMENTS = "/wp-json/pika/v1/upload/attachment"
LOOPS = 2
GOAL_SHARE, GOAL_COLD_MS = 0.8, 90


def run(setting: Setting) -> None:
    """Measure and show."""
    setting.tell("making photographs")
    large, avatar = photo("12 megapixels", 4000, 3000, 4_000_000), photo("200 KB", 1024, 768, 200_000)
    with servers.new_folder(setting.folder / "ours") as folder, servers.holdall(folder) as ours:
        setting.tell("warming up")
        contestants = _contestants(setting, ours, large, avatar)
        found = interleave(setting.rounds, contestants, setting.tell)
    _show(found)


def _contestants(setting: Setting, ours: Holdall, large: Sample, avatar: Sample) -> Mapping[str, Callable[[], Stretch]]:
    """One after the other in each round."""
    to_bika = upload(ours.attachments_path, ours.bearer, {}, large)
    to_pika = upload(AVATARS, ours.person, {"entityType": "person"}, large)
    receipt = upload(ATTACHMENTS, ours.person, {"entityType": "transaction", "attachmentType": "image"}, large)
    small = upload(AVATARS, ours.person, {"entityType": "person"}, avatar)

    def talk(talk: Talk, at_once: int, seconds: float) -> Callable[[], Stretch]:
        return talking(setting.load, ours.server, talk, at_once, setting.seconds(seconds))

    return {
        VIPS: _bare_libvips(setting, large),
        UPLOADS: talk(to_bika, 4, 3.0),
        BIKA_COLD: talk(ThenThumbnail(to_bika, "bika", {}), 1, 3.0),
        PIKA_COLD: talk(ThenThumbnail(to_pika, "pika", ours.person), 1, 3.0),
        RECEIPT_COLD: talk(ThenThumbnail(receipt, "pika", ours.person), 1, 3.0),
        WARM: talk(Get(_thumbnail(ours, large)), 8, 1.5),
        AVATAR_ONE: talk(small, 1, 2.0),
        AVATAR_MANY: talk(small, 8, 3.0),
    }


def _thumbnail(ours: Holdall, sample: Sample) -> str:
    """Where the thumbnail of an uploaded photograph is read."""
    form = {"file": (sample.name, sample.data, sample.mime)}
    address = f"{_address(ours.server)}{ours.attachments_path}"
    given: dict[str, Any] = httpx.post(address, headers=ours.bearer, files=form).raise_for_status().json()
    return target(given["data"][0]["thumbnailUrl"])


def _address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def _bare_libvips(setting: Setting, sample: Sample) -> Callable[[], Stretch]:
    path: Path = setting.folder / "sample.jpg"
    path.write_bytes(sample.data)
    command = [servers.PYTHON, "-m", "bench.reference.vips", str(path), str(setting.seconds(3.0)), "thumbnail"]
    environ = {"VIPS_CONCURRENCY": "1", "PYTHONPATH": str(servers.ROOT)}

    def measure() -> Stretch:
        loops = [subprocess.Popen(command, env=environ, cwd=servers.ROOT, stdout=subprocess.PIPE) for _ in range(LOOPS)]
        outcomes = [msgspec.json.decode(loop.communicate()[0]) for loop in loops]
        latencies = [latency for outcome in outcomes for latency in outcome["latencies"]]
        return Stretch(
            count=len(latencies),
            seconds=sum(outcome["seconds"] for outcome in outcomes) / LOOPS,
            cpu_seconds=sum(outcome["cpu_seconds"] for outcome in outcomes),
            latencies=latencies,
        )

    return measure


def _show(found: Mapping[str, Sequence[Stretch]]) -> None:
    table = new_table("(f) thumbnails of a 12-megapixel JPEG of 4 MB", "", "per second", "p50 ms", "p99 ms", "CPU ms")
    for name, stretches in found.items():
        table.add_row(
            name if name == VIPS else f"{OURS}: {name}",
            cell(spread_of(stretches, "per_second")),
            figure(spread_of(stretches, "p50_ms").median),
            figure(spread_of(stretches, "p99_ms").median),
            cell(spread_of(stretches, "cpu_ms")),
        )
    show("f", table, _goals(found))


def _goals(found: Mapping[str, Sequence[Stretch]]) -> list[Goal]:
    speed = {name: spread_of(stretches, "per_second").median for name, stretches in found.items()}
    cold = {name: spread_of(found[name], "p50_ms").median for name in (BIKA_COLD, PIKA_COLD)}
    return [
        at_least("thumbnails with every check, of bare libvips", GOAL_SHARE, speed[UPLOADS] / speed[VIPS]),
        *(at_most(name, GOAL_COLD_MS, median, " ms") for name, median in cold.items()),
    ]
