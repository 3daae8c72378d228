"""(d) Files read back: by signed link, by cookie, and not at all because the client has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench import servers
from bench.cases.images import DOCUMENTS
from bench.cases.setting import Setting
from bench.report import OURS, cell, figure, new_table, ratio, show
from bench.requests import Get, target
from bench.rounds import Stretch, interleave, spread_of, talking
from bench.samples import Sample, text
from bench.servers import Holdall, Server

FILES = "Starlette FileResponse"
AT_ONCE = 8
_DOCUMENT = {"entityType": "transaction", "attachmentType": "document"}


@dataclass(frozen=True, slots=True)
class _Contest:
    """The same file read from both."""

    title: str
    ours: Get
    theirs: Get


def run(setting: Setting) -> None:
    """Measure and show."""
    samples = [text("200 KB", 200_000), text("4 MB", 4_000_000)]
    folder = setting.folder
    with (
        servers.new_folder(folder / "ours") as our_folder,
        servers.holdall(our_folder) as ours,
        servers.new_folder(folder / "files") as their_folder,
        servers.files(their_folder) as theirs,
    ):
        contests = [
            contest
            for number, sample in enumerate(samples)
            for contest in _contests(ours, theirs, sample, their_folder / f"{number}.txt")
        ]
        results = [(contest, _measure(setting, contest, ours.server, theirs)) for contest in contests]
    table = new_table(
        f"(d) downloads, {AT_ONCE} at once",
        "",
        "requests/s",
        "ours/it",
        "GB/s",
        "p50 ms",
        "p99 ms",
        "CPU ms/request",
        "ours/it",
    )
    for contest, found in results:
        table.add_row(f"[bold]{contest.title}[/]")
        for name, stretches in found.items():
            requests, cpu = spread_of(stretches, "per_second"), spread_of(stretches, "cpu_ms")
            table.add_row(
                f"  {name}",
                cell(requests),
                "" if name == OURS else ratio(spread_of(found[OURS], "per_second"), requests),
                figure(spread_of(stretches, "received_gb_per_second").median),
                figure(spread_of(stretches, "p50_ms").median),
                figure(spread_of(stretches, "p99_ms").median),
                cell(cpu),
                "" if name == OURS else ratio(spread_of(found[OURS], "cpu_ms"), cpu),
            )
    show("d", table, [])


def _contests(ours: Holdall, theirs: Server, sample: Sample, their_copy: Path) -> list[_Contest]:
    """The file by each of our doors, and, of the smaller one, the answer to who has it already."""
    their_copy.write_bytes(sample.data)
    signed, owned = _upload_to_both(ours, sample)
    there = f"/{their_copy.name}"
    contests = [
        _Contest(f"{sample.title}, signed link", Get(signed), Get(there)),
        _Contest(f"{sample.title}, cookie", Get(owned, ours.person), Get(there)),
    ]
    if len(sample.data) < 1_000_000:
        we_have, they_have = _known(ours.server, signed, {}), _known(theirs, there, {})
        contests += [
            _Contest("304, signed link", we_have, they_have),
            _Contest("304, cookie", _known(ours.server, owned, ours.person), they_have),
        ]
    return contests


def _upload_to_both(ours: Holdall, sample: Sample) -> tuple[str, str]:
    """The same file by Bika's door, and by Pika's as a document, which are kept as they came; where each is read."""
    form = {"file": (sample.name, sample.data, sample.mime)}
    with client_of(ours.server) as client:
        bika = client.post(ours.attachments_path, headers=ours.bearer, files=form).raise_for_status()
        pika = client.post(DOCUMENTS, headers=ours.person, files=form, data=_DOCUMENT).raise_for_status()
    return target(bika.json()["data"][0]["url"]), target(pika.json()["url"])


def _known(server: Server, path: str, headers: Mapping[str, str]) -> Get:
    """The request of a client that has the file."""
    with client_of(server) as client:
        etag = client.get(path, headers=dict(headers)).raise_for_status().headers["etag"]
    return Get(path, {**headers, "If-None-Match": etag}, status=304)


def client_of(server: Server) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{server.port}")


def _measure(setting: Setting, contest: _Contest, ours: Server, theirs: Server) -> dict[str, list[Stretch]]:
    seconds = setting.seconds(1.5)
    contestants = {
        OURS: talking(setting.load, ours, contest.ours, AT_ONCE, seconds),
        FILES: talking(setting.load, theirs, contest.theirs, AT_ONCE, seconds),
    }
    return interleave(setting.rounds, contestants, lambda what: setting.tell(f"{contest.title}: {what}"))
