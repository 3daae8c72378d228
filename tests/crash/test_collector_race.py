# ruff: noqa: S311 - nothing here is a secret
"""The sweep in a loop beside eight clients that upload, attach, detach and delete: nothing that hangs anywhere goes.

A few seconds as a rule; ``RACE_SECONDS=600``, as ``make endure`` sets it, for ten minutes.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.blobs.memory import MemoryBlobStore
from holdall.adapters.db import schema
from holdall.domain.files import Upload
from holdall.errors import BlobGone, Missing, Unavailable
from holdall.flows.leftovers import survey
from holdall.flows.record_writes import Order, RowChange, create_records, update_records
from holdall.flows.records import Place, find_record
from holdall.flows.scrub import Pace, scrub
from holdall.flows.sweep import sweep, sweep_unfinished, times
from holdall.flows.uploads import delete_upload
from tests.support.databases import sqlite_url
from tests.support.postgres import postgres
from tests.support.rows import PAPERS
from tests.support.ward import Ward, ward_over

__all__ = ["postgres"]

SECONDS = float(os.environ.get("RACE_SECONDS", "3"))
CLIENTS = 8
GRACE = timedelta(seconds=0.3)
"""Now and then shorter than an upload takes, on a machine that does other things besides: that one is refused."""
CONTENTS = [f"content {number} of all clients ".encode() * (1 + number) for number in range(60)]
"""Not many, so that what one client deletes another one brings at the same moment."""
FULL = 6


@dataclass
class Client:
    """One caller with a record of its own, who knows what has to hang in it."""

    ward: Ward
    order: Order
    chance: random.Random
    counts: Counter[str]
    record_id: str = ""
    hung: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """By id: the public name, and the bytes that lie there."""
    loose: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    async def run(self, until: float) -> None:
        while time.monotonic() < until:
            if self.loose and self.chance.random() < 0.6:
                await self._attach(self._any(self.loose))
            elif self.hung and self.chance.random() < 0.5:
                await self._detach(self._any(self.hung))
            elif self.loose and self.chance.random() < 0.3:
                await self._delete(self._any(self.loose))
            else:
                await self._upload()
            if self.chance.random() < 0.1:
                await self.check()

    async def check(self) -> None:
        """Everything that was acknowledged as attached is in the record and reads back."""
        found = await find_record(self.ward.services, self.order.actor, self.order.place, self.record_id)
        ids = {tie.upload.id for tie in found.records[0].attachments}
        self.counts["attached files removed"] += len(self.hung.keys() - ids)
        self.counts["dangling"] += len(ids - self.hung.keys())
        for path, data in self.hung.values():
            try:
                read = await self.ward.read(await self._at(path))
            except Missing:
                read = b""
            self.counts["read back"] += 1
            self.counts["unreadable"] += read != data

    async def _at(self, path: str) -> Upload:
        upload = await self.ward.services.work.read(lambda ledger: ledger.files.find_by_path(path))
        if upload is None:
            raise Missing("upload", path)
        return upload

    async def _upload(self) -> None:
        data = self.chance.choice(CONTENTS)
        if self.chance.random() < 0.7:  # nobody else's: its bytes go once it is deleted
            data = f"{self.chance.random()}".encode() * 20
        try:
            upload = await self.ward.upload(data, f"{self.chance.random()}.txt", services=self.ward.services)
        except (Unavailable, BlobGone):
            self.counts["refused"] += 1
            return
        self.loose[upload.id] = (upload.path, data)
        self.counts["uploads"] += 1

    async def _attach(self, id: str) -> None:
        await self._write([*self.hung, id])
        self.hung[id] = self.loose.pop(id)
        self.counts["attached"] += 1
        if len(self.hung) > FULL:
            await self._detach(next(iter(self.hung)))

    async def _detach(self, id: str) -> None:
        await self._write([each for each in self.hung if each != id])
        self.loose[id] = self.hung.pop(id)
        self.counts["detached"] += 1
        await self._delete(id)

    async def _delete(self, id: str) -> None:
        del self.loose[id]
        await delete_upload(self.ward.services, self.order.actor, lambda _ledger, _actor: self.ward.world.space, id)
        self.counts["deleted"] += 1

    async def _write(self, ids: list[str]) -> None:
        cells = {PAPERS.id: [{"id": id} for id in ids]}
        await update_records(self.ward.services, self.order, [RowChange(self.record_id, cells)])

    def _any(self, ids: dict[str, tuple[str, bytes]]) -> str:
        return self.chance.choice(list(ids))


async def _collect(ward: Ward, until: float, counts: Counter[str]) -> None:
    while time.monotonic() < until:
        is_full = counts["sweeps"] % 8 == 7  # the others are those that the server makes: they list no store
        swept = await (sweep if is_full else sweep_unfinished)(ward.services, GRACE)
        counts["sweeps"] += 1
        counts["files swept"] += swept.rows


async def _scrub(ward: Ward, until: float, counts: Counter[str]) -> None:
    while time.monotonic() < until:
        done = await scrub(ward.services, Pace(0))
        counts["scrubs"] += 1
        counts["wrongly lost"] += done.lost


@contextmanager
def store(folder: Path) -> Iterator[LocalBlobStore]:
    blobs = LocalBlobStore(folder)
    yield blobs
    blobs.close()


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_the_collector_takes_nothing_that_hangs_anywhere(request: pytest.FixtureRequest, tmp_path: Path, database: str):
    """C3: 0 attached files removed, 0 dangling; and in the end rows and bytes agree."""
    is_file = database == "sqlite"
    url = sqlite_url(tmp_path) if is_file else request.getfixturevalue("postgres").make_database()
    schema.migrate(url)
    counts: Counter[str] = Counter()

    async def story() -> None:
        with store(tmp_path / "blobs") as blobs:
            async with ward_over(tmp_path / "ward", blobs, MemoryBlobStore(), url) as ward:
                ward.services = replace(ward.services, delete_grace=timedelta(0))
                order = Order(ward.actor, Place(ward.world.space.id, ward.world.database.node.id))
                clients = [Client(ward, order, random.Random(number), counts) for number in range(CLIENTS)]
                for client in clients:
                    written = await create_records(ward.services, order, [{}])
                    client.record_id = written.found.records[0].id
                until = time.monotonic() + SECONDS
                others = (_collect(ward, until, counts), _scrub(ward, until, counts))
                await asyncio.gather(*(client.run(until) for client in clients), *others)
                for client in clients:
                    await client.check()
                ward.clock.ahead += timedelta(hours=1)
                await sweep(ward.services, GRACE)
                left = await survey(ward.services, times(ward.services, GRACE))
                counts["left over"] = sum(pile.number for pile in left.piles if pile.goes)

    asyncio.run(story())

    told = ", ".join(f"{number} {what}" for what, number in counts.items())
    print(f"{database}, {SECONDS:g} s: {told}")  # noqa: T201  the figures are what this test is for
    assert counts["uploads"] > CLIENTS
    assert counts["attached"] > CLIENTS
    assert counts["files swept"] > 0
    assert counts["scrubs"] > 0
    for what in ("attached files removed", "dangling", "unreadable", "wrongly lost", "left over"):
        assert counts[what] == 0, (what, counts)
