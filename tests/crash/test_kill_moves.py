# ruff: noqa: S311 - nothing here is a secret
"""A move of blobs that is killed at any moment, again and again, beside a server that takes and gives files."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import obstore
import pytest
from obstore.store import S3Store

from tests.crash.clients import Client, Told, lost, unique_picture, upload
from tests.crash.test_kill import ENCRYPTION_KEY
from tests.support.seaweed import Seaweed, seaweed
from tests.support.server import RunningServer, command, run_command, running_server

__all__ = ["seaweed"]
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "15")) // 10 or 1
FILES = 60
MIB = 1 << 20


@pytest.mark.parametrize("kept_as", ["plain", "sealed"])
def test_a_move_that_is_killed_loses_nothing_there_nor_back(tmp_path: Path, seaweed: Seaweed, kept_as: str):
    """To a bucket and back, with uploads and reads by HTTP throughout; then without the place that was left."""
    data, told, chance = tmp_path / "data", Told(), random.Random()
    key = {"HOLDALL_ENCRYPTION_KEY": ENCRYPTION_KEY} if kept_as == "sealed" else {}
    store = _bucket(seaweed)
    bucket = key | _settings(seaweed, store)
    with running_server(data, **key) as server:
        _fill(server, told, chance)
        told_first = len(told.acknowledged)
    for to, settled in (("s3", bucket), ("local", key)):
        with running_server(data, **bucket, HOLDALL_BLOBS_MOVE_TO=to) as server:
            with _traffic(server, told) as reads:
                for _ in range(ROUNDS):
                    _move_until_killed(server, to, store, chance.randrange(1, 20))
                in_both = _in_both(server.data, store)
                done = json.loads(run_command(server.env, "move-blobs", "--to", to))
            assert (done["failed"], done["lost"]) == ([], [])
            assert lost(server, server.demo, told.acknowledged) == []
            removed = json.loads(run_command(server.env, "move-blobs", "--to", to, "--remove-originals"))
            assert removed["kept"] == []
            assert lost(server, server.demo, told.acknowledged) == []
        print(  # noqa: T201  the figures are what this test is for
            f"\n{kept_as}, to {to}: killed {ROUNDS} times; the last run copied {done['copied']} and found"
            f" {done['there']} there; {removed['removed']} originals removed; {len(told.acknowledged)} files"
            f" acknowledged, {reads[0]} reads meanwhile, {reads[1]} wrong, 0 lost"
        )
        assert reads[0] > 0
        assert done["there"] >= in_both >= ROUNDS
        assert reads[1] == 0
        assert (_left_locally(data) == 0) is (to == "s3")
        with running_server(data, **settled) as server:
            assert lost(server, server.demo, told.acknowledged) == []
    assert len(told.acknowledged) > told_first


def _bucket(server: Seaweed) -> S3Store:
    """A bucket of its own."""
    store = S3Store(
        f"moving-{uuid4().hex}",
        endpoint=server.endpoint,
        region=server.region,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        client_options={"allow_http": True},
    )
    obstore.put(store, "probe", b"makes the bucket")
    return store


def _settings(server: Seaweed, store: S3Store) -> dict[str, str]:
    return {
        "HOLDALL_S3_BUCKET": store.config["bucket"],
        "HOLDALL_S3_ENDPOINT": server.endpoint,
        "HOLDALL_S3_ACCESS_KEY": server.access_key,
        "HOLDALL_S3_SECRET_KEY": server.secret_key,
    }


def _fill(server: RunningServer, told: Told, chance: random.Random) -> None:
    with closing(Client(server, server.demo)) as client:
        for size in (0, 10, *[50_000] * FILES, 5 * MIB, 9 * MIB):
            assert upload(client, told, "bika", "a.txt", chance.randbytes(size).hex().encode() or b"x")
        assert upload(client, told, "pika", "me.jpg", unique_picture(chance))


@contextmanager
def _traffic(server: RunningServer, told: Told) -> Iterator[list[int]]:
    """Uploads and reads until the context ends; how many reads there were, and how many of them were wrong."""
    reads, is_over, demo = [0, 0], Event(), server.demo

    def work(chance: random.Random) -> None:
        with closing(Client(server, demo)) as client:
            while not is_over.is_set():
                upload(client, told, "bika", "b.txt", chance.randbytes(20_000).hex().encode())
                known = chance.choice(told.acknowledged)
                reads[0] += 1
                reads[1] += bool(lost(server, demo, [known]))

    threads = [Thread(target=work, args=(random.Random(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield reads
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def _move_until_killed(server: RunningServer, to: str, store: S3Store, copies: int) -> None:
    """Kill it once it has made so many copies."""
    goal = _in_both(server.data, store) + copies
    process = subprocess.Popen(
        command("move-blobs", "--to", to), env=server.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while process.poll() is None and _in_both(server.data, store) < goal:
        time.sleep(0.002)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _in_both(data: Path, store: S3Store) -> int:
    """How many objects have a copy."""
    files = {f"{path.parent.name}/{path.name}" for path in (data / "blobs").rglob("*") if path.is_file()}
    return len(files & {found["path"] for page in obstore.list(store) for found in page})


def _left_locally(data: Path) -> int:
    return sum(path.is_file() for path in (data / "blobs").rglob("*"))
