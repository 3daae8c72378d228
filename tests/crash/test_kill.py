# ruff: noqa: S311 - nothing here is a secret
"""Killed at any moment, under load, again and again: what was acknowledged is there, and nothing is there by half."""

import asyncio
import functools
import os
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from holdall.adapters.blobs.keyring import read_keyring
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.blobs.sealed import SealedBlobStore
from tests.crash.clients import (
    Acknowledged,
    Broken,
    Client,
    Demo,
    Told,
    digest_at,
    disorder,
    kept,
    local_part,
    lost,
    unique_picture,
    upload,
)
from tests.support.server import RunningServer, run_command, start_server

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "15"))
CLIENTS = 8
LONGEST_ROUND_SECONDS = 0.8
LARGEST_BYTES = 2 << 20
READY_SECONDS = 10.0
FIELD = "Images"
ENCRYPTION_KEY = "c0" * 32


@dataclass
class Writer:
    """One client through all the rounds: what it uploads, and the record that only it changes."""

    number: int
    record_id: str
    chance: random.Random
    cell: list[str] = field(default_factory=list)
    """Ids in its record, as last acknowledged."""
    wanted: list[str] | None = None
    """Ids of a change that nobody answered."""
    last_content: bytes = b""

    def work(self, client: Client, told: Told) -> None:
        """Upload and attach until the server is gone."""
        fresh: list[str] = []
        while True:
            done = self._upload(client, told)
            if done and done.dialect == "bika":
                fresh.append(done.id)
            if fresh and self.chance.random() < 0.3:
                self._attach(client, fresh[-5:])

    def _upload(self, client: Client, told: Told) -> Acknowledged | None:
        if self.number % 4 == 3:
            return upload(client, told, "pika", "me.jpg", unique_picture(self.chance))
        if not self.last_content or self.chance.random() < 0.9:
            self.last_content = self._content()
        return upload(client, told, "bika", self.chance.choice(["a.bin", "a.txt"]), self.last_content)

    def _content(self) -> bytes:
        """1 KB to 2 MB of text, small ones more often than large ones."""
        size = int(1024 * (LARGEST_BYTES / 1024) ** self.chance.random())
        return self.chance.randbytes(size // 2).hex().encode()

    def _attach(self, client: Client, ids: list[str]) -> None:
        self.wanted = ids
        answer = client.write_record("PATCH", {FIELD: [{"id": id} for id in ids]}, self.record_id)
        assert answer.status == 200, answer
        self.cell, self.wanted = ids, None

    def check(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """The record is as it was acknowledged, or as it was asked to be when the server went away."""
        found = [item["id"] for item in records[self.record_id].get(FIELD, [])]
        assert found in (self.cell, self.wanted), (self.record_id, found, self.cell, self.wanted)
        self.cell, self.wanted = found, None


@pytest.mark.parametrize(("kept_as", "rounds"), [("plain", ROUNDS), ("sealed", max(2, ROUNDS // 5))])
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path, kept_as: str, rounds: int):
    """And after one sweep the disk and the database agree to the byte."""
    data, chance = tmp_path / "data", random.Random()
    told, ready_seconds = Told(), [0.0]
    settings = {"HOLDALL_ENCRYPTION_KEY": ENCRYPTION_KEY} if kept_as == "sealed" else {}
    server = start_server(data, **settings)
    try:
        demo = server.demo
        writers = _make_writers(server, demo, chance)
        for _ in range(rounds):
            already = len(told.acknowledged)
            _run_until_killed(server, demo, writers, told, chance.uniform(0, LONGEST_ROUND_SECONDS))
            server = start_server(data, **settings)
            ready_seconds.append(server.ready_seconds)
            assert lost(server, demo, told.acknowledged[already:]) == []
            _check_records(server, demo, writers)
            _check_uploads_work(server, demo, told)
        assert server.stop() == 0
    finally:
        server.kill()
    print(  # noqa: T201  the figures are what this test is for
        f"\n{kept_as}: killed {rounds} times: {len(told.acknowledged)} acknowledged, {told.unknown} unknown, "
        f"{len(told.refused)} refused; ready again after {max(ready_seconds):.2f} s at most; "
        f"swept {run_command(server.env, 'sweep', '--grace-seconds', '0').strip()}"
    )
    assert disorder(data, functools.partial(_unseal, data) if settings else None) == []
    there = kept(data)
    assert [one for one in told.acknowledged if there.get(one.id) != one.sha256] == []
    assert [answer for answer in told.refused if answer.content_type != "application/json"] == []
    assert max(ready_seconds) < READY_SECONDS


def _unseal(data: Path, key: str) -> bytes:
    """The plain bytes under a key, by a store of our own."""

    async def read(store: SealedBlobStore) -> bytes:
        return b"".join([piece async for piece in await store.open(key)])

    keys, scratch = read_keyring(ENCRYPTION_KEY), data / "sealing"
    with closing(SealedBlobStore(LocalBlobStore(data / "blobs"), keys, scratch)) as store:
        return asyncio.run(read(store))


def _make_writers(server: RunningServer, demo: Demo, chance: random.Random) -> list[Writer]:
    with closing(Client(server, demo)) as client:
        made = [client.write_record("POST", {"Name": f"of client {number}"}) for number in range(CLIENTS)]
    return [
        Writer(number, answer.json()["data"]["id"], random.Random(chance.random()))
        for number, answer in enumerate(made)
    ]


def _run_until_killed(server: RunningServer, demo: Demo, writers: list[Writer], told: Told, seconds: float) -> None:
    """All clients at once; ``seconds`` after the first of them began, the server's whole group is killed."""
    start = threading.Barrier(CLIENTS + 1)

    def run(writer: Writer) -> None:
        with closing(Client(server, demo)) as client, suppress(Broken):
            start.wait()
            writer.work(client, told)

    with ThreadPoolExecutor(CLIENTS) as threads:
        running = [threads.submit(run, writer) for writer in writers]
        start.wait()
        time.sleep(seconds)
        server.kill()
    for one in running:
        one.result()


def _check_records(server: RunningServer, demo: Demo, writers: list[Writer]) -> None:
    """Each record is whole, and all that hangs on it reads."""
    with closing(Client(server, demo)) as client:
        records = client.list_records()
        for writer in writers:
            writer.check(records)
        for fields in records.values():
            for item in fields.get(FIELD, []):
                assert len(digest_at(client, local_part(item["url"]))) == 64, item


def _check_uploads_work(server: RunningServer, demo: Demo, told: Told) -> None:
    """The next upload succeeds in both dialects."""
    chance = random.Random()
    with closing(Client(server, demo)) as client:
        assert upload(client, told, "bika", "a.txt", chance.randbytes(100).hex().encode())
        assert upload(client, told, "pika", "me.jpg", unique_picture(chance))
