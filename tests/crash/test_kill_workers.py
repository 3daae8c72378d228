# ruff: noqa: S311 - nothing here is a secret
"""Two workers on what a server leaves to them, killed in turn: all is told, each job is done by one, and once."""

import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from holdall.dialects.bika.routes import PREFIX
from tests.crash.test_kill_webhooks import check_books, wait_until_told
from tests.support.hooks import Receiver, listening
from tests.support.server import RunningServer, running_server
from tests.support.workers import STOP_SECONDS, Worker

KILLS = 2
RECORDS_EACH = 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "data", HOLDALL_JOBS="worker", HOLDALL_WEBHOOK_ALLOW="127.0.0.1/32") as running:
        yield running


def start_worker(server: RunningServer, name: str) -> Worker:
    return Worker(server.env, server.data.with_name(f"{name}.log"))


def add_webhook(server: RunningServer, receiver: Receiver) -> None:
    mine = server.demo["bika"]
    hooks = f"{server.base_url}{PREFIX}/v1/spaces/{mine['space_id']}/outgoing-webhooks"
    headers = {"Authorization": f"Bearer {mine['token']}"}
    assert httpx.post(hooks, json={"name": "x", "url": receiver.url}, headers=headers).status_code == 200


def write(server: RunningServer) -> set[str]:
    """Some records; their ids."""
    mine = server.demo["bika"]
    path = f"{PREFIX}/v2/spaces/{mine['space_id']}/resources/databases/{mine['database_id']}/records"
    headers = {"Authorization": f"Bearer {mine['token']}"}
    with httpx.Client(base_url=server.base_url, headers=headers, timeout=10) as client:
        answers = [client.post(path, json={"records": [{"fields": {"Name": "x"}}]}) for _ in range(RECORDS_EACH)]
    return {answer.json()["data"]["records"][0]["id"] for answer in answers}


def scheduled(data: Path) -> dict[str, tuple[str, int]]:
    """Each scheduled job: what became of it, and how often it was taken up."""
    with closing(sqlite3.connect(data / "jobs.sqlite3")) as jobs:
        told = jobs.execute(
            "SELECT workflow_uuid, status, recovery_attempts FROM workflow_status"
            " WHERE workflow_uuid LIKE 'sweep.%' OR workflow_uuid LIKE 'scrub.%'"
        )
        return {id: (status, attempts) for id, status, attempts in told}


def test_two_workers_killed_in_turn_tell_everything_once_and_share_one_schedule(server: RunningServer):
    """A worker that is gone for good leaves its jobs to the other one; nobody starts it anew."""
    workers: list[Worker] = []
    with listening() as receiver:
        try:
            add_webhook(server, receiver)
            written = write(server)
            time.sleep(1)  # a server would have told of them by now
            assert receiver.messages == []

            workers = [start_worker(server, "first"), start_worker(server, "second")]
            for worker in workers:
                worker.wait()
            receiver.wait(len(written))
            assert scheduled_once(server.data)

            receiver.status_for = lambda _message: time.sleep(random.uniform(0, 0.3)) or 200
            for number in range(KILLS):
                written |= write(server)
                workers.append(start_worker(server, f"more-{number}").wait())
                workers[number].kill()
            wait_until_told(server.data, 30)
            asked = time.monotonic()
            assert [worker.stop() for worker in workers[KILLS:]] == [0] * KILLS
            assert time.monotonic() - asked < STOP_SECONDS
        finally:
            for worker in workers:
                worker.kill()
        told = Counter(message.told["record"]["id"] for message in receiver.messages)

    assert written - set(told) == set()
    assert len({message.headers["webhook-id"] for message in receiver.messages}) == len(written)
    check_books(server.data, len(written))


def scheduled_once(data: Path, seconds: float = 10) -> bool:
    """Both kinds are done, by one of the workers, who took it up once."""
    end = time.monotonic() + seconds
    while any(status != "SUCCESS" for status, _ in scheduled(data).values()) and time.monotonic() < end:
        time.sleep(0.1)
    jobs = scheduled(data)
    return {id.partition(".")[0] for id in jobs} == {"sweep", "scrub"} and set(jobs.values()) == {("SUCCESS", 1)}


def test_a_worker_that_is_asked_to_stop_ends_the_messages_in_hand(server: RunningServer):
    begun = threading.Event()

    def answer_slowly(_message: object) -> int:
        begun.set()
        time.sleep(2)
        return 200

    with listening() as receiver:
        receiver.status_for = answer_slowly
        worker = start_worker(server, "worker").wait()
        try:
            add_webhook(server, receiver)
            write(server)
            assert begun.wait(20)
            assert worker.stop() == 0
        finally:
            worker.kill()
        sent = len(receiver.messages)

    with closing(sqlite3.connect(server.data / "holdall.sqlite3")) as rows:
        [[delivered]] = rows.execute("SELECT count(*) FROM deliveries WHERE state = 'delivered'")
    assert sent
    assert delivered == sent
