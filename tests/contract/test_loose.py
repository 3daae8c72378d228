"""Uploads that hang nowhere, on each engine: noted, forgotten again, deleted once, and never while they are hung up."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from holdall.adapters.db.tables import money_accounts, people, receipts, transactions, uploads
from holdall.domain.bookkeeping.entries import Direction
from holdall.domain.files import Upload
from holdall.flows.loose import sweep_loose
from holdall.ports import Ledger
from tests.support.books import Row, connection_of, put_account, put_person, put_transactions
from tests.support.databases import Work
from tests.support.rows import NOW, make_record, make_upload, make_world

DAY = timedelta(days=1)
MONTH = timedelta(days=30)


@dataclass
class House:
    """As much of the services as the story needs, with a clock that is set."""

    database: Any
    at: datetime = NOW

    @property
    def work(self) -> Any:
        return self.database

    @property
    def clock(self) -> "House":
        return self

    def now(self) -> datetime:
        return self.at


def sweep(work: Work, at: datetime) -> int:
    return asyncio.run(sweep_loose(House(work.database, at), MONTH))  # type: ignore[arg-type]


def deleted(work: Work, upload: Upload) -> bool:
    column = select(uploads.c.deleted_at).where(uploads.c.id == upload.number)
    return work.read(lambda ledger: connection_of(ledger).scalar(column)) is not None


def in_a_cell(ledger: Ledger, world: Any, upload: Upload) -> None:
    make_record(ledger, world, [upload])


def as_a_receipt(ledger: Ledger, world: Any, upload: Upload) -> None:
    user = world.user.number
    put_transactions(ledger, user, put_account(ledger, user), [Row(NOW, Direction.EXPENSE, 1)])
    number = connection_of(ledger).scalar(select(transactions.c.id).where(transactions.c.user_id == user))
    connection_of(ledger).execute(insert(receipts).values(transaction_id=number, upload_id=upload.number, position=0))


def as_a_face(ledger: Ledger, world: Any, upload: Upload) -> None:
    number = put_person(ledger, world.user.number)
    connection_of(ledger).execute(update(people).where(people.c.id == number).values(avatar_id=upload.number))


def as_a_sign(ledger: Ledger, world: Any, upload: Upload) -> None:
    number = put_account(ledger, world.user.number)
    table = money_accounts
    connection_of(ledger).execute(update(table).where(table.c.id == number).values(avatar_id=upload.number))


TIES: Sequence[Callable[[Ledger, Any, Upload], None]] = (in_a_cell, as_a_receipt, as_a_face, as_a_sign)


def test_what_hangs_nowhere_goes_after_its_time_and_once(work: Work):
    world = work.write(make_world)
    upload = work.write(lambda ledger: make_upload(ledger, world))

    assert [sweep(work, NOW + days * DAY) for days in (0, 29, 30)] == [0, 0, 0]
    assert not deleted(work, upload)
    assert sweep(work, NOW + 31 * DAY) >= 1
    assert deleted(work, upload)
    assert sweep(work, NOW + 32 * DAY) == 0


def test_what_was_brought_back_has_its_whole_time_again(work: Work):
    world = work.write(make_world)
    upload = work.write(lambda ledger: make_upload(ledger, world))
    sweep(work, NOW)
    sweep(work, NOW + 31 * DAY)
    assert deleted(work, upload)

    assert work.write(lambda ledger: ledger.files.restore_upload(upload))

    for days in (31, 32, 60):
        sweep(work, NOW + days * DAY)
        assert not deleted(work, upload)
    sweep(work, NOW + 63 * DAY)
    assert deleted(work, upload)


@pytest.mark.parametrize("tie", TIES)
def test_what_hangs_somewhere_stays(work: Work, tie: Callable[[Ledger, Any, Upload], None]):
    """Also what was loose when a sweep came, and was hung up on the last day."""
    world = work.write(make_world)
    early, late = (work.write(lambda ledger: make_upload(ledger, world)) for _ in range(2))
    other = work.write(make_world)
    work.write(lambda ledger: tie(ledger, world, early))
    sweep(work, NOW)
    work.write(lambda ledger: tie(ledger, other, late))

    for days in (31, 90):
        sweep(work, NOW + days * DAY)
        assert [deleted(work, each) for each in (early, late)] == [False, False]


def test_what_was_taken_down_has_its_time_from_then_on(work: Work):
    world = work.write(make_world)
    upload = work.write(lambda ledger: make_upload(ledger, world))
    sweep(work, NOW)
    record = work.write(lambda ledger: make_record(ledger, world, [upload]))
    sweep(work, NOW + 29 * DAY)
    work.write(lambda ledger: ledger.records.remove_all([record]))
    sweep(work, NOW + 30 * DAY)
    sweep(work, NOW + 59 * DAY)
    assert not deleted(work, upload)
    sweep(work, NOW + 61 * DAY)
    assert deleted(work, upload)


def test_what_is_brought_for_nothing_in_particular_stays(work: Work):
    """Pika's ``other`` can only be linked to."""
    world = work.write(make_world)
    upload = work.write(lambda ledger: make_upload(ledger, world))
    other = update(uploads).where(uploads.c.id == upload.number).values(entity="other")
    work.write(lambda ledger: connection_of(ledger).execute(other).close())

    for days in (0, 31, 62):
        sweep(work, NOW + days * DAY)

    assert not deleted(work, upload)


@pytest.mark.parametrize("look", ["by id", "by number"])
def test_what_is_hung_up_in_that_moment_is_not_deleted(work: Work, look: str):
    """Whoever hangs it up has looked, and is slow; the sweep has found it due, and waits."""
    if not work.has_parallel_reads:
        pytest.skip("one connection")
    world = work.write(make_world)
    upload = work.write(lambda ledger: make_upload(ledger, world))
    sweep(work, NOW)

    def tie(ledger: Ledger) -> None:
        if look == "by id":
            found = [*ledger.files.find_uploads(world.space.number, [upload.id], to_tie=True).values()]
        else:
            found = [*ledger.files.there([upload.number], to_tie=True).values()]
        time.sleep(0.2)
        make_record(ledger, world, found)

    async def both() -> list[int]:
        late = NOW + 31 * DAY
        hanging = asyncio.ensure_future(work.database.write(tie))
        await asyncio.sleep(0.1)
        gone = await work.database.write(lambda ledger: ledger.loose.delete([upload.number], late - MONTH, late))
        await hanging
        return gone

    assert asyncio.run(both()) == []
    assert not deleted(work, upload)


@pytest.mark.parametrize("look", ["by id", "by number"])
def test_what_is_deleted_in_that_moment_is_not_hung_up(work: Work, look: str):
    """Whoever comes a moment later finds no such upload."""
    if not work.has_parallel_reads:
        pytest.skip("one connection")
    world = work.write(make_world)
    upload = work.write(lambda ledger: make_upload(ledger, world))
    sweep(work, NOW)

    def delete(ledger: Ledger) -> list[int]:
        late = NOW + 31 * DAY
        gone = ledger.loose.delete([upload.number], late - MONTH, late)
        time.sleep(0.2)
        return gone

    def find(ledger: Ledger) -> int:
        if look == "by id":
            return len(ledger.files.find_uploads(world.space.number, [upload.id], to_tie=True))
        return len(ledger.files.there([upload.number], to_tie=True))

    async def both() -> tuple[list[int], int]:
        deleting = asyncio.ensure_future(work.database.write(delete))
        await asyncio.sleep(0.1)
        found = await work.database.write(find)
        return await deleting, found

    assert asyncio.run(both()) == ([upload.number], 0)
