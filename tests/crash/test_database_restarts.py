# ruff: noqa: S311 - nothing here is a secret
"""PostgreSQL is restarted again and again under load, and stays away for a while: C10.

Meanwhile there are errors, and answers to all who ask; nothing acknowledged is lost; the server goes on by itself.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from tests.crash.clients import Broken, Client, Demo, Told, lost, unique_picture, upload
from tests.support.postgres import Postgres, running_postgres
from tests.support.server import RunningServer, running_server

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "15"))
RESTARTS = max(3, ROUNDS // 10)
AWAY_SECONDS = 30 if ROUNDS >= 200 else 3
CLIENTS = 4
BACK_SECONDS = 5


def test_a_database_that_is_restarted_under_load_loses_nothing(tmp_path: Path):
    """One that has to keep its word: it syncs what it commits."""
    told = Told()
    with (
        running_postgres(fsync="on", synchronous_commit="on") as postgres,
        running_server(tmp_path / "data", HOLDALL_DATABASE_URL=postgres.make_database()) as server,
    ):
        demo = server.demo
        with traffic(server, demo, told) as broken:
            back = [seconds_until_back(postgres, told, how) for how in [signal.SIGQUIT, signal.SIGINT] * RESTARTS]
            back += [seconds_until_back(postgres, told, signal.SIGINT, AWAY_SECONDS, server)]
        said = Counter(answer.status for answer in told.refused)
        forms = {answer.content_type for answer in told.refused}
        missing = lost(server, demo, told.acknowledged)
        assert server.stop() == 0
    print(  # noqa: T201  the figures are what this test is for
        f"\n{len(back)} restarts, one of {AWAY_SECONDS} s: {len(told.acknowledged)} acknowledged, {len(missing)} lost;"
        f" refused {dict(said)}, {len(broken)} connections broken; acknowledged again {max(back):.2f} s after a start"
    )
    assert missing == []
    assert {*said} <= {500, 503}
    assert forms <= {"application/json"}
    assert broken == []
    assert max(back) < BACK_SECONDS


def seconds_until_back(
    postgres: Postgres, told: Told, how: signal.Signals, away: float = 0, server: RunningServer | None = None
) -> float:
    """End PostgreSQL after a moment under load, start it again, and wait until something is acknowledged."""
    time.sleep(random.uniform(0.1, 0.5))
    postgres.end(how)
    end = time.monotonic() + away
    while time.monotonic() < end:
        if server:
            assert httpx.get(f"{server.base_url}/healthz", timeout=2).status_code == 200
            assert httpx.get(f"{server.base_url}/readyz", timeout=5).status_code == 503
        time.sleep(0.2)
    postgres.start()
    started, before = time.monotonic(), len(told.acknowledged)
    while len(told.acknowledged) == before and time.monotonic() - started < 4 * BACK_SECONDS:
        time.sleep(0.02)
    return time.monotonic() - started


@contextmanager
def traffic(server: RunningServer, demo: Demo, told: Told) -> Iterator[list[str]]:
    """Uploads by both doors all the while; what those were told whose connection broke before there was an answer."""
    is_over, broken = threading.Event(), list[str]()

    def client(number: int) -> None:
        dialect, name, chance = (*(("bika", "a.txt"), ("pika", "a.jpg"))[number % 2], random.Random())
        with closing(Client(server, demo)) as own:
            while not is_over.is_set():
                content = unique_picture(chance) if dialect == "pika" else chance.randbytes(500).hex().encode()
                try:
                    done = upload(own, told, dialect, name, content)
                except Broken as error:
                    broken.append(str(error))
                    done = None
                if done is None:
                    own.close()  # as the server does with one whose body it did not read
                    time.sleep(0.02)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield broken
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
