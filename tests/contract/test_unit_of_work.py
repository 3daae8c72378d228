"""A unit of work does all of it or nothing, durably, for many callers at once, on every database."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from holdall.adapters.db import schema
from holdall.adapters.db.engine import open_database
from holdall.domain.conditions import IsEmpty, Not, Question, Sort
from holdall.domain.files import BlobState
from holdall.domain.history import creation
from holdall.domain.records import Record
from holdall.errors import Conflict, DatabaseUnavailable, Missing
from holdall.ports import AttachmentChange, Claim, Ledger, NewRecord, RecordChange
from tests.support.databases import Work, sqlite_url
from tests.support.rows import (
    LATER,
    NOW,
    PAPERS,
    TEXT,
    World,
    add_blob,
    keys_of,
    make_record,
    make_upload,
    make_user,
    make_world,
    new_blob,
    unique,
)

PATIENCE_SECONDS = 10
ACKNOWLEDGED_BEFORE_THE_KILL = 50


@pytest.fixture
def world(work: Work) -> World:
    return work.write(make_world)


class OnPurpose(Exception):  # noqa: N818
    """What a test's story raises."""


def count_records(world: World) -> Callable[[Ledger], int]:
    """A story that counts."""
    return lambda ledger: ledger.records.count(world.database)


def add_record(world: World) -> Callable[[Ledger], Record]:
    """A story that adds one."""
    return lambda ledger: make_record(ledger, world)


def add_record_and_fail(world: World) -> Callable[[Ledger], None]:
    """A story that adds one and then raises."""

    def story(ledger: Ledger) -> None:
        make_record(ledger, world)
        raise OnPurpose

    return story


# ── all or nothing ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_story_that_raises_leaves_nothing(work: Work, world: World):
    with pytest.raises(OnPurpose):
        work.write(add_record_and_fail(world))

    assert work.read(count_records(world)) == 0
    work.write(add_record(world))
    assert work.read(count_records(world)) == 1


def test_a_story_that_breaks_a_constraint_leaves_nothing(work: Work, world: World):
    blob = new_blob(world.space)

    def story(ledger: Ledger):
        make_record(ledger, world)
        ledger.files.reserve([blob.key], NOW)
        ledger.files.reserve([blob.key], NOW)

    with pytest.raises(Conflict):
        work.write(story)

    assert work.read(count_records(world)) == 0


def test_a_story_that_stops_iterating_is_an_error_and_no_hang(work: Work):
    with pytest.raises(RuntimeError):
        work.write(lambda _: next(iter(())))


def test_a_row_that_refers_to_nothing_is_refused(work: Work, world: World):
    nowhere = replace(new_blob(world.space), space_id=1 << 40)

    with pytest.raises(Conflict):
        work.write(lambda ledger: add_blob(ledger, nowhere))


def test_a_read_keeps_nothing(work: Work, world: World):
    if not work.has_parallel_reads:
        pytest.skip("one connection for all: what a read writes is kept")
    with pytest.raises(DatabaseUnavailable):
        work.read(add_record(world))

    assert work.read(count_records(world)) == 0


def test_a_failing_story_does_not_hurt_those_beside_it(work: Work, world: World):
    stories = [add_record_and_fail(world) if number % 5 == 0 else add_record(world) for number in range(100)]

    async def run():
        return await asyncio.gather(*map(work.database.write, stories), return_exceptions=True)

    outcomes = asyncio.run(run())

    assert [isinstance(outcome, OnPurpose) for outcome in outcomes] == [number % 5 == 0 for number in range(100)]
    assert work.read(count_records(world)) == 80
    kept = {record.id for record in work.read(lambda ledger: ledger.records.page(world.database, limit=100))}
    assert kept == {outcome.id for outcome in outcomes if isinstance(outcome, Record)}


# ── side by side ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_read_sees_one_moment_while_others_write(work: Work, world: World):
    if not work.has_parallel_reads:
        pytest.skip("one connection for all")
    has_begun, is_written = threading.Event(), threading.Event()

    def look_twice(ledger: Ledger) -> tuple[int, int]:
        before = ledger.records.count(world.database)
        has_begun.set()
        assert is_written.wait(PATIENCE_SECONDS)
        return before, ledger.records.count(world.database)

    async def run():
        reading = asyncio.ensure_future(work.database.read(look_twice))
        assert await asyncio.to_thread(has_begun.wait, PATIENCE_SECONDS)
        await work.database.write(add_record(world))
        is_written.set()
        return await reading, await work.database.read(count_records(world))

    assert asyncio.run(run()) == ((0, 0), 1)


def test_changes_to_one_record_wait_for_each_other(work: Work, world: World):
    record = work.write(add_record(world))

    def add_one(ledger: Ledger) -> None:
        found = ledger.records.find(world.database, record.id, for_update=True)
        assert found is not None
        total = found.cells.get("fldTotal", 0) + 1
        ledger.records.change(found, {"fldTotal": total}, [], world.user, LATER)

    async def run():
        await asyncio.gather(*(work.database.write(add_one) for _ in range(40)))

    asyncio.run(run())
    found = work.read(lambda ledger: ledger.records.find(world.database, record.id))

    assert found is not None
    assert (found.revision, found.cells) == (40, {"fldTotal": 40})


def test_stories_that_wait_for_each_other_all_come_to_their_end(work: Work, world: World):
    pair = [work.write(add_record(world)).id for _ in range(2)]

    def touch_both(ids: list[str]) -> Callable[[Ledger], None]:
        def story(ledger: Ledger) -> None:
            for id in ids:
                found = ledger.records.find(world.database, id, for_update=True)
                assert found is not None
                ledger.records.change(found, {}, [], world.user, LATER)
                time.sleep(0.02)

        return story

    async def run():
        await asyncio.gather(*(work.database.write(touch_both(pair[:: 1 if n % 2 else -1])) for n in range(4)))

    asyncio.run(run())

    found = work.read(lambda ledger: ledger.records.page(world.database, limit=2))
    assert [record.revision for record in found] == [4, 4]


def test_of_many_claims_exactly_one_is_mine(work: Work):
    key = unique("key")

    def claim(ledger: Ledger) -> Claim:
        return ledger.idempotency.claim("usr", key, "same", NOW, LATER)

    async def run():
        return await asyncio.gather(*(work.database.write(claim) for _ in range(50)))

    claims = asyncio.run(run())

    assert sum(claim.is_mine for claim in claims) == 1
    assert {claim.fingerprint for claim in claims} == {"same"}


def test_of_many_takeovers_exactly_one_is_mine(work: Work):
    key = unique("key")
    work.write(lambda ledger: ledger.idempotency.claim("usr", key, "old", NOW, NOW))

    async def run():
        claims = (
            work.database.write(lambda ledger: ledger.idempotency.claim("usr", key, "new", NOW, LATER))
            for _ in range(20)
        )
        return await asyncio.gather(*claims)

    assert sum(claim.is_mine for claim in asyncio.run(run())) == 1


def test_claims_and_releases_in_a_crowd_leave_one_owner_at_a_time(work: Work):
    key = unique("key")
    owners, most = set(), []

    async def client(number: int):
        for _ in range(5):
            claim = await work.database.write(lambda ledger: ledger.idempotency.claim("usr", key, "", NOW, LATER))
            if claim.is_mine:
                owners.add(number)
                most.append(len(owners))
                await asyncio.sleep(0)
                owners.discard(number)
                await work.database.write(lambda ledger: ledger.idempotency.release("usr", key))

    async def run():
        await asyncio.gather(*map(client, range(10)))

    asyncio.run(run())

    assert set(most) == {1}


def test_of_many_twins_exactly_one_becomes_ready(work: Work, world: World):
    content = unique("").encode()

    async def keep_one():
        blob = new_blob(world.space, content)
        await work.database.write(lambda ledger: ledger.files.reserve(keys_of(blob), NOW))
        return blob, await work.database.write(lambda ledger: ledger.files.add(blob, NOW))

    async def run():
        return await asyncio.gather(*(keep_one() for _ in range(30)))

    outcomes = asyncio.run(run())

    (winner,) = {kept.id for _, kept in outcomes}
    assert {kept.state for _, kept in outcomes} == {BlobState.READY}
    losers = {key for blob, kept in outcomes for key in keys_of(blob) if blob.key != kept.key}
    assert len([blob for blob, kept in outcomes if (blob.key, kept.id) == (kept.key, winner)]) == 1
    assert losers <= {*work.write(lambda ledger: ledger.files.condemn_reserved(LATER, 9999))}


# ── few statements ───────────────────────────────────────────────────────────────────────────────────────────────


def count_statements(work: Work, story: Callable[[Ledger], object], *, written: bool = False) -> int:
    """How many statements a story runs; one for many rows is one."""
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    run = work.write if written else work.read
    run(story)
    for engine in work.database._engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        run(story)
    finally:
        for engine in work.database._engines:
            event.remove(engine, "before_cursor_execute", note)
    return len(statements)


def test_a_page_takes_two_statements_however_long_it_is(work: Work, world: World):
    def fill(ledger: Ledger):
        for _ in range(20):
            make_record(ledger, world, [make_upload(ledger, world) for _ in range(2)])

    work.write(fill)

    for limit in (1, 20):
        assert count_statements(work, lambda ledger, n=limit: ledger.records.page(world.database, limit=n)) == 2


def test_a_sorted_page_takes_as_many_statements_for_one_record_as_for_twenty(work: Work, world: World):
    """One for each segment of the order, and one for the attachments."""

    def fill(ledger: Ledger):
        for _ in range(20):
            make_record(ledger, world, [make_upload(ledger, world)])

    work.write(fill)
    question = Question(Not(IsEmpty(TEXT)), [Sort(TEXT), Sort(PAPERS)])

    def ask(ledger: Ledger, limit: int) -> object:
        return ledger.records.search(world.database, question, limit=limit)

    assert [count_statements(work, lambda ledger, n=limit: ask(ledger, n)) for limit in (1, 20)] == [2, 2]


def test_what_is_done_to_several_records_takes_as_many_statements_as_for_one(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))
    papers = [AttachmentChange(PAPERS.id, [(upload, "a")])]

    def live(ledger: Ledger, count: int) -> None:
        new = [NewRecord(unique("rec"), {}, papers) for _ in range(count)]
        kept = ledger.records.add_all(world.database, new, world.user, NOW)
        held = ledger.records.find_all(world.database, [record.id for record in kept], for_update=True)
        changes = [RecordChange(record, {}, papers) for record in held.values()]
        changed = ledger.records.change_all(changes, world.user, LATER)
        ledger.history.add(world.database, [creation(record) for record in changed], world.user, LATER)
        ledger.records.remove_all(changed)

    one, ten = (count_statements(work, lambda ledger, n=n: live(ledger, n), written=True) for n in (1, 10))
    assert one == ten


# ── the event loop's side ────────────────────────────────────────────────────────────────────────────────────────


def test_a_cancelled_caller_stops_nobody_and_what_began_is_finished(work: Work, world: World):
    has_begun, may_end = threading.Event(), threading.Event()

    def slow(ledger: Ledger) -> None:
        make_record(ledger, world)
        has_begun.set()
        assert may_end.wait(PATIENCE_SECONDS)

    async def run():
        begun = asyncio.ensure_future(work.database.write(slow))
        assert await asyncio.to_thread(has_begun.wait, PATIENCE_SECONDS)
        begun.cancel()
        with pytest.raises(asyncio.CancelledError):
            await begun
        may_end.set()
        await work.database.write(add_record(world))
        return await work.database.read(count_records(world))

    assert asyncio.run(run()) == 2


def test_a_loop_may_end_while_a_story_runs(work: Work, world: World):
    has_begun, may_end = threading.Event(), threading.Event()

    def slow(ledger: Ledger) -> None:
        has_begun.set()
        assert may_end.wait(PATIENCE_SECONDS)
        make_record(ledger, world)

    async def leave():
        task = asyncio.ensure_future(work.database.write(slow))
        assert await asyncio.to_thread(has_begun.wait, PATIENCE_SECONDS)
        task.cancel()

    asyncio.run(leave())
    may_end.set()
    work.write(add_record(world))

    deadline = time.monotonic() + PATIENCE_SECONDS
    while work.read(count_records(world)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert work.read(count_records(world)) == 2


def test_closing_finishes_what_waits(url: str):
    database = open_database(url)
    finished: list[int] = []

    def slow(number: int) -> Callable[[Ledger], None]:
        def story(ledger: Ledger) -> None:
            make_user(ledger)
            time.sleep(0.005)
            finished.append(number)

        return story

    async def run():
        writes = [asyncio.ensure_future(database.write(slow(number))) for number in range(20)]
        await asyncio.sleep(0)
        await database.close()
        await asyncio.gather(*writes)

    asyncio.run(run())

    assert sorted(finished) == list(range(20))
    assert not [thread for thread in threading.enumerate() if thread in _threads(database)]


def _threads(database: object) -> list[threading.Thread]:
    lanes = (database._reading, database._writing)
    return [thread for lane in lanes for thread in lane._threads]


def test_a_closed_database_is_unavailable(url: str):
    database = open_database(url)
    asyncio.run(database.close())
    asyncio.run(database.close())

    for verb in (database.read, database.write):
        with pytest.raises(DatabaseUnavailable):
            asyncio.run(verb(make_user))


def test_a_time_without_a_zone_is_refused(work: Work):
    with pytest.raises(Exception, match="2026"):
        work.write(lambda ledger: ledger.accounts.add_user("usr", "x", "x", "x", NOW.replace(tzinfo=None)))


# ── durability ───────────────────────────────────────────────────────────────────────────────────────────────────

WRITES_UNTIL_KILLED = """
import asyncio, sys
from holdall.adapters.db.engine import open_database
from tests.support.rows import make_user

async def write_on(database):
    while True:
        user = await database.write(make_user)
        print(user.login, flush=True)

async def main():
    database = open_database(sys.argv[1])
    await asyncio.gather(*(write_on(database) for _ in range(4)))

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_the_death_of_the_process(tmp_path: Path):
    address = sqlite_url(tmp_path)
    schema.migrate(address)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", WRITES_UNTIL_KILLED, address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline() for _ in range(ACKNOWLEDGED_BEFORE_THE_KILL)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [line for line in writer.stdout if line.endswith("\n")]

    database = open_database(address)

    async def find_all():
        found = await database.read(
            lambda ledger: [ledger.accounts.find_user(login.strip()) is not None for login in acknowledged]
        )
        await database.close()
        return found

    assert len(acknowledged) >= ACKNOWLEDGED_BEFORE_THE_KILL
    assert all(asyncio.run(find_all()))


# ── glances ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_glance_sees_what_was_written_before_it(work: Work, world: World):
    async def story() -> list[int]:
        counts = [await work.database.glance(count_records(world))]
        await work.database.write(add_record(world))
        return [*counts, await work.database.glance(count_records(world))]

    assert asyncio.run(story()) == [0, 1]


def test_a_glance_raises_what_its_story_raises_and_the_next_one_works(work: Work, world: World):
    def fail(ledger: Ledger) -> None:
        ledger.records.count(world.database)
        raise OnPurpose

    async def story() -> int:
        with pytest.raises(OnPurpose):
            await work.database.glance(fail)
        return await work.database.glance(count_records(world))

    assert asyncio.run(story()) == 0


def test_a_glance_keeps_nothing(work: Work, world: World):
    if not work.has_parallel_reads:
        pytest.skip("one connection for all: what a read writes is kept")
    with pytest.raises(DatabaseUnavailable):
        asyncio.run(work.database.glance(add_record(world)))

    assert work.read(count_records(world)) == 0


def test_a_glance_that_would_have_to_wait_waits_in_a_thread(tmp_path: Path):
    """Another process keeps the whole file to itself for a while; the event loop goes on."""
    address = sqlite_url(tmp_path)
    schema.migrate(address)
    path = address.removeprefix("sqlite:///")
    holding = f"""
import sqlite3, sys
database = sqlite3.connect({path!r}, isolation_level=None)
database.execute("PRAGMA locking_mode = EXCLUSIVE")
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        stdin = holder.stdin

        async def story() -> tuple[bool, object]:
            database = open_database(address)
            try:
                glance = asyncio.ensure_future(database.glance(lambda ledger: ledger.accounts.find_user("nobody")))
                await asyncio.sleep(0.2)
                was_done = glance.done()
                stdin.write(b"\n")
                stdin.close()
                return was_done, await glance
            finally:
                await database.close()

        assert asyncio.run(story()) == (False, None)


# ── notes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_noted_is_read_by_the_next(url: str):
    """A note is a commit like any other, to all who look."""

    async def story() -> list[bool]:
        database = open_database(url)
        try:
            await database.note(lambda ledger: ledger.accounts.add_user("usr" + "n" * 21, "noted", "", "N", NOW))
            await database.write(lambda ledger: ledger.accounts.add_user("usr" + "w" * 21, "written", "", "W", NOW))
            return await database.read(
                lambda ledger: [ledger.accounts.find_user(login) is not None for login in ("noted", "written")]
            )
        finally:
            await database.close()

    assert asyncio.run(story()) == [True, True]


def test_a_note_that_raises_leaves_nothing(url: str):
    """All or nothing, as for a write."""

    def fail(ledger: Ledger) -> None:
        ledger.accounts.add_user("usr" + "f" * 21, "failed", "", "F", NOW)
        raise Missing("nothing")

    async def story() -> bool:
        database = open_database(url)
        try:
            with pytest.raises(Missing):
                await database.note(fail)
            return await database.read(lambda ledger: ledger.accounts.find_user("failed") is None)
        finally:
            await database.close()

    assert asyncio.run(story())
