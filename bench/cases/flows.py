"""(c) Upload, then attach to a record, by Bika's API."""

import httpx

from bench import servers
from bench.cases.setting import Setting
from bench.report import OURS, cell, figure, new_table, ratio, show
from bench.requests import BikaFlow, PlainFlow, upload
from bench.rounds import interleave, spread_of, talking
from bench.samples import text
from bench.servers import Holdall

PLAIN = "plain service"
AT_ONCE = 8
RECORDS = 16


def run(setting: Setting) -> None:
    """Measure and show."""
    sample, folder = text("", 20_000), setting.folder
    with (
        servers.new_folder(folder / "ours") as our_folder,
        servers.holdall(our_folder) as ours,
        servers.new_folder(folder / "plain") as plain_folder,
        servers.plain(plain_folder) as plain,
    ):
        our_flow = BikaFlow(
            upload(ours.attachments_path, ours.bearer, {}, sample),
            ours.records_path,
            ours.bearer | {"Content-Type": "application/json"},
            ours.tenant["attachment_field"],
            _new_records(ours),
        )
        plain_flow = PlainFlow(upload("/documents", {}, {}, sample))
        seconds = setting.seconds(3.0)
        contestants = {
            OURS: talking(setting.load, ours.server, our_flow, AT_ONCE, seconds),
            PLAIN: talking(setting.load, plain, plain_flow, AT_ONCE, seconds),
        }
        found = interleave(setting.rounds, contestants, setting.tell)
    table = new_table(
        f"(c) upload 20 KB of text, then attach it: {AT_ONCE} at once, {RECORDS} records",
        "",
        "flows/s",
        "ours/it",
        "p50 ms",
        "p99 ms",
        "CPU ms/flow",
        "ours/it",
    )
    for name, stretches in found.items():
        flows, cpu = spread_of(stretches, "per_second"), spread_of(stretches, "cpu_ms")
        table.add_row(
            name,
            cell(flows),
            "" if name == OURS else ratio(spread_of(found[OURS], "per_second"), flows),
            figure(spread_of(stretches, "p50_ms").median),
            figure(spread_of(stretches, "p99_ms").median),
            cell(cpu),
            "" if name == OURS else ratio(spread_of(found[OURS], "cpu_ms"), cpu),
        )
    show("c", table, [], ["The plain service syncs its database, and no file."])


def _new_records(ours: Holdall) -> list[str]:
    with httpx.Client(base_url=f"http://127.0.0.1:{ours.server.port}", headers=ours.bearer) as client:
        return [_new_record(client, ours.records_path, number) for number in range(RECORDS)]


def _new_record(client: httpx.Client, path: str, number: int) -> str:
    answer = client.post(path, json={"cells": {"Name": f"Record {number}"}})
    answer.raise_for_status()
    id: str = answer.json()["data"]["id"]
    return id
