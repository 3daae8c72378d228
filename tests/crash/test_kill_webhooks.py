# ruff: noqa: S311 - nothing here is a secret
"""Killed between a commit and its message, and in the middle of one: everything acknowledged is told, nothing twice.

Twice by our own doing, that is: a message whose sending was cut short is sent again under the same id.
"""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import httpx

from holdall.dialects.bika.routes import PREFIX
from tests.support.hooks import listening
from tests.support.server import RunningServer, start_server

ROUNDS = 2
LONGEST_ROUND_SECONDS = 1.6
ALLOWED = {"HOLDALL_WEBHOOK_ALLOW": "127.0.0.1/32"}


def write_until_killed(server: RunningServer, mine: Mapping[str, str], seconds: float, acknowledged: set[str]) -> None:
    """Records, one after the other; the server's group is killed somewhere in between."""
    path = f"{PREFIX}/v2/spaces/{mine['space_id']}/resources/databases/{mine['database_id']}/records"
    headers = {"Authorization": f"Bearer {mine['token']}"}
    end = time.monotonic() + seconds
    with httpx.Client(base_url=server.base_url, headers=headers, timeout=10) as client, suppress(httpx.HTTPError):
        while time.monotonic() < end:
            answer = client.post(path, json={"records": [{"fields": {"Name": "x"}}]})
            acknowledged.add(answer.json()["data"]["records"][0]["id"])
            time.sleep(0.03)  # the engine does some thirty a second
    server.kill()


def test_every_acknowledged_change_is_told_and_each_turn_of_it_is_enqueued_once(tmp_path: Path):
    data, acknowledged = tmp_path / "data", set[str]()
    with listening() as receiver:
        server = start_server(data, **ALLOWED)
        try:
            mine = server.demo["bika"]
            hooks = f"{server.base_url}{PREFIX}/v1/spaces/{mine['space_id']}/outgoing-webhooks"
            headers = {"Authorization": f"Bearer {mine['token']}"}
            receiver.status_for = lambda _message: time.sleep(random.uniform(0, 0.3)) or 200
            assert httpx.post(hooks, json={"name": "x", "url": receiver.url}, headers=headers).status_code == 200
            for _ in range(ROUNDS):
                write_until_killed(server, mine, random.uniform(0.2, LONGEST_ROUND_SECONDS), acknowledged)
                server = start_server(data, **ALLOWED)
            wait_until_told(data)
            assert server.stop() == 0
        finally:
            server.kill()
        told = Counter(message.told["record"]["id"] for message in receiver.messages)
        ids = Counter(message.headers["webhook-id"] for message in receiver.messages)

    assert acknowledged
    assert acknowledged - set(told) == set()
    assert len(told) == len(ids)  # one event for one record, however often it came
    check_books(data, len(told))


def wait_until_told(data: Path, seconds: float = 15) -> None:
    """Nothing waits any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with closing(sqlite3.connect(f"file:{data / 'holdall.sqlite3'}?mode=ro", uri=True)) as rows:
            [[waiting]] = rows.execute("SELECT count(*) FROM deliveries WHERE state = 'waiting'")
        if not waiting:
            return
        time.sleep(0.1)
    raise AssertionError(f"{waiting} wait")


def check_books(data: Path, told: int) -> None:
    """Rows, events and jobs agree: one delivery for each event, one job for each turn, and one turn for each."""
    with (
        closing(sqlite3.connect(data / "holdall.sqlite3")) as rows,
        closing(sqlite3.connect(data / "jobs.sqlite3")) as jobs,
    ):
        deliveries = {id for (id,) in rows.execute("SELECT public_id FROM deliveries WHERE state = 'delivered'")}
        done = [id for (id,) in jobs.execute("SELECT workflow_uuid FROM workflow_status WHERE name = 'holdall.job'")]
    turns = Counter(id.partition(".")[0] for id in done if not id.startswith(("sweep.", "scrub.")))
    assert len(deliveries) == told
    assert set(turns) == deliveries
    assert set(turns.values()) == {1}
