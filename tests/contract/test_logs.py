"""The access log and the audit log keep what their ports promise, on every database."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from holdall.adapters.db.engine import open_database
from holdall.domain.access_log import Action, Event, LoggedEvent, Outcome, Search
from holdall.domain.audit import Entry, Fault, Head, follow
from holdall.errors import DatabaseUnavailable, HoldallError, Missing
from holdall.flows.access_log import BATCH, AccessRecorder, forget_old
from holdall.flows.audit import verify
from holdall.ports import Ledger
from tests.support.databases import Work
from tests.support.logs import LogServices, make_event
from tests.support.rows import LATER, NOW, World, make_upload, make_world, unique

ALL = Search()


@pytest.fixture
def world(work: Work) -> World:
    return work.write(make_world)


def found(work: Work, search: Search, **more: Any) -> list[LoggedEvent]:
    """What a search finds, newest first."""
    return work.read(lambda ledger: ledger.access_log.page(search, **{"limit": 100, **more}))


def keep(work: Work, *events: Event) -> None:
    """Keep events."""
    work.write(lambda ledger: ledger.access_log.add(events))


# ── the access log ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_comes_back_with_the_names_of_what_it_is_about(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))
    event = make_event(user=world.user.number, token="tokX", space=world.space.number, upload=upload.number, bytes=7)  # noqa: S106  an id
    keep(work, event)

    [logged] = found(work, Search(upload=upload.number))

    assert logged == LoggedEvent(
        logged.number,
        event.at,
        event.request_id,
        Action.READ,
        Outcome.OK,
        200,
        "",
        "files",
        "GET /{path:path}",
        "203.0.113.7",
        "test",
        world.user.id,
        world.user.login,
        "tokX",
        world.space.id,
        upload.id,
        upload.name,
        7,
        "",
    )


def test_what_was_only_asked_for_is_looked_up(work: Work, world: World):
    """A refused attempt at a real file stands in its log; a name that nobody has stays a name that nobody has."""
    upload = work.write(lambda ledger: make_upload(ledger, world))
    mark = unique("req")
    keep(
        work,
        make_event(request_id=mark, path=upload.path, outcome=Outcome.REFUSED),
        make_event(request_id=mark, space_id=world.space.id, outcome=Outcome.REFUSED),
        make_event(request_id=mark, path="nobody.png", space_id="spcNobody", outcome=Outcome.REFUSED),
    )

    nobody, space, file = [event for event in found(work, ALL) if event.request_id == mark]

    assert (file.file_id, file.space_id) == (upload.id, world.space.id)
    assert (space.file_id, space.space_id) == ("", world.space.id)
    assert (nobody.file_id, nobody.space_id) == ("", "")


def test_a_search_finds_by_each_of_its_parts(work: Work, world: World):
    upload = work.write(lambda ledger: make_upload(ledger, world))
    address = unique("10.")
    mine = make_event(
        at=LATER,
        address=address,
        user=world.user.number,
        space=world.space.number,
        upload=upload.number,
        action=Action.UPLOAD,
        outcome=Outcome.FAILED,
    )
    keep(work, mine, make_event(), make_event(address=address))
    parts = [
        {"user": world.user.login.upper()},
        {"user": world.user.id},
        {"space": world.space.id},
        {"file": upload.id},
        {"file": str(upload.number)},
        {"file": upload.path},
        {"upload": upload.number},
        {"address": address, "action": Action.UPLOAD},
        {"address": address, "outcome": Outcome.FAILED},
        {"address": address, "since": LATER, "until": LATER + timedelta(microseconds=1)},
    ]

    for part in parts:
        assert [event.request_id for event in found(work, Search(**part))] == [mine.request_id], part
    assert len(found(work, Search(address=address))) == 2
    assert found(work, Search(address=address, since=LATER + timedelta(microseconds=1))) == []
    assert len(found(work, Search(address=address, until=LATER))) == 1


@pytest.mark.parametrize("thing", ["user", "space", "file"])
def test_a_search_for_nobody_says_so(work: Work, thing: str):
    """An empty answer would look like nothing had happened."""
    with pytest.raises(Missing) as caught:
        found(work, Search(**{thing: "nobody"}))

    assert caught.value.thing == thing


def test_pages_go_back_in_time_and_on_from_a_number(work: Work):
    address = unique("10.")
    keep(work, *[make_event(address=address, status=number) for number in range(7)])
    search = Search(address=address)

    pages: list[list[int]] = []
    before = None
    while page := found(work, search, before=before, limit=3):
        pages.append([event.status for event in page])
        before = page[-1].number
    oldest = work.read(lambda ledger: ledger.access_log.after(search, after=0, limit=2))
    newest = work.read(lambda ledger: ledger.access_log.newest())

    assert pages == [[6, 5, 4], [3, 2, 1], [0]]
    assert [event.status for event in oldest] == [0, 1]
    assert newest == found(work, search)[0].number


def test_old_events_are_dropped_a_batch_at_a_time(work: Work):
    work.write(lambda ledger: ledger.access_log.forget(LATER + timedelta(days=9999), 0, 100_000))
    keep(work, *[make_event(at=NOW + timedelta(days=day)) for day in range(6)])

    def forget(keep: int, limit: int) -> int:
        return work.write(lambda ledger: ledger.access_log.forget(NOW + timedelta(days=3), keep, limit))

    assert [forget(1000, 2), forget(1000, 2), forget(1000, 2)] == [2, 1, 0]
    assert [event.at for event in found(work, ALL)] == [NOW + timedelta(days=day) for day in (5, 4, 3)]
    assert forget(1, 10) == 2
    assert [event.at for event in found(work, ALL)] == [NOW + timedelta(days=5)]


def test_rotation_keeps_what_is_young_and_counts_what_it_drops(work: Work):
    address = unique("10.")
    keep(work, *[make_event(address=address, at=NOW - timedelta(days=days)) for days in (91, 90, 89, 0)])
    services = LogServices(work.database, now=NOW, log_ttl=timedelta(days=90))

    dropped = asyncio.run(forget_old(services))

    assert dropped >= 1
    assert [NOW - event.at for event in found(work, Search(address=address))] == [
        timedelta(),
        timedelta(days=89),
        timedelta(days=90),
    ]


# ── the recorder ─────────────────────────────────────────────────────────────────────────────────────────────────


class Shaky:
    """A unit of work that fails while it is told to."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.error: BaseException | None = None
        self.commits: list[int] = []

    async def note(self, story: Any) -> Any:
        if self.error is not None:
            raise self.error
        before = await self._work.database.read(lambda ledger: ledger.access_log.newest())
        answer = await self._work.database.note(story)
        self.commits.append(await self._work.database.read(lambda ledger: ledger.access_log.newest()) - before)
        return answer


def events_of(address: str, number: int) -> list[Event]:
    return [make_event(address=address, status=status) for status in range(number)]


def statuses(work: Work, address: str) -> list[int]:
    return [
        event.status
        for event in work.read(lambda ledger: ledger.access_log.after(Search(address=address), after=0, limit=100_000))
    ]


def test_events_are_written_together_and_in_order(work: Work):
    address, shaky = unique("10."), Shaky(work)

    async def story() -> None:
        recorder = AccessRecorder(LogServices(shaky), gather_seconds=0.05)
        for event in events_of(address, 2 * BATCH + 50):
            recorder.note([event])
        assert shaky.commits == []
        async with asyncio.timeout(10):
            while sum(shaky.commits) < 2 * BATCH + 50:  # noqa: ASYNC110  what is waited for is in the database
                await asyncio.sleep(0.01)

    asyncio.run(story())

    assert statuses(work, address) == list(range(2 * BATCH + 50))
    assert shaky.commits == [BATCH, BATCH, 50]


def test_a_stop_writes_what_waits(work: Work):
    address = unique("10.")

    async def story() -> None:
        recorder = AccessRecorder(LogServices(work.database), gather_seconds=60)
        recorder.note(events_of(address, BATCH + 1))
        await recorder.close()
        await recorder.close()

    asyncio.run(story())

    assert statuses(work, address) == list(range(BATCH + 1))


def test_while_the_database_is_down_events_wait_and_what_is_lost_is_told(work: Work, monkeypatch: pytest.MonkeyPatch):
    """Nothing is raised; the oldest are kept; the gap stands in the log, before what came after it."""
    monkeypatch.setattr("holdall.flows.access_log.RETRY_SECONDS", 0.05)
    address, shaky = unique("10."), Shaky(work)
    before = work.read(lambda ledger: ledger.access_log.newest())

    async def story() -> None:
        recorder = AccessRecorder(LogServices(shaky), gather_seconds=0.01, room=10)
        shaky.error = DatabaseUnavailable("on purpose")
        recorder.note(events_of(address, 25))
        await asyncio.sleep(0.2)
        recorder.note(events_of(address, 1))
        assert shaky.commits == []
        shaky.error = None
        await asyncio.sleep(0.2)
        recorder.note([make_event(address=address, status=99)])
        await recorder.close()

    asyncio.run(story())

    written = work.read(lambda ledger: ledger.access_log.after(ALL, after=before, limit=100))
    assert [event.status for event in written if event.address == address] == [*range(10), 99]
    [gap] = [event for event in written if event.action is Action.GAP]
    assert gap.detail.startswith("16 events were lost")


def test_a_batch_that_can_never_be_written_is_given_up_and_counted(work: Work):
    """Rather than stand in the way of all that follow."""
    address, shaky = unique("10."), Shaky(work)

    async def story() -> None:
        recorder = AccessRecorder(LogServices(shaky), gather_seconds=0.01)
        shaky.error = RuntimeError("on purpose")
        recorder.note(events_of(address, 3))
        await asyncio.sleep(0.1)
        shaky.error = None
        recorder.note([make_event(address=address, status=99)])
        await recorder.close()

    asyncio.run(story())

    assert statuses(work, address) == [99]
    newest = found(work, Search(action=Action.GAP))[0]
    assert newest.detail.startswith("3 events")


def test_a_write_cut_off_in_a_stop_is_not_lost(work: Work):
    """The server cancels what outlasts its patience, and closes the log after that."""
    address, shaky = unique("10."), Shaky(work)

    async def story() -> None:
        recorder = AccessRecorder(LogServices(shaky), gather_seconds=0.01)
        shaky.error = asyncio.CancelledError()
        recorder.note(events_of(address, 3))
        await asyncio.sleep(0.05)
        shaky.error = None
        await recorder.close()

    asyncio.run(story())

    assert statuses(work, address) == [0, 1, 2]


# ── the audit log ────────────────────────────────────────────────────────────────────────────────────────────────


def record(work: Work, subject: str, **details: Any) -> Entry:
    """One act."""
    return work.write(lambda ledger: ledger.audit.record("os:ines", "user.add", subject, details))


def chain(work: Work) -> Head | Fault:
    """What a walk over the chain comes to."""
    return asyncio.run(verify(LogServices(work.database)))


def test_an_act_comes_back_as_it_was_recorded_and_the_chain_grows(work: Work):
    before = work.read(lambda ledger: ledger.audit.head())
    first, second = record(work, "usr1", login="ines"), record(work, "usr2")

    assert work.read(lambda ledger: ledger.audit.entries(after=before.number, limit=9)) == [first, second]
    assert work.read(lambda ledger: ledger.audit.entries(after=before.number, limit=1)) == [first]
    assert work.read(lambda ledger: ledger.audit.head()) == Head(second.number, second.hash)
    assert (first.number, second.number) == (before.number + 1, before.number + 2)
    assert follow(before, [first, second]) == Head(second.number, second.hash)
    assert chain(work) == Head(second.number, second.hash)


def test_an_act_that_fails_leaves_no_entry(work: Work):
    """And the next one takes its number: the chain has no gaps."""
    before = work.read(lambda ledger: ledger.audit.head())

    def story(ledger: Ledger) -> None:
        ledger.audit.record("os:ines", "user.add", "usr1", {})
        raise Missing("user", "on purpose")

    with pytest.raises(Missing):
        work.write(story)

    assert work.read(lambda ledger: ledger.audit.head()) == before
    assert record(work, "usr2").number == before.number + 1


def test_many_may_record_at_once(work: Work):
    """Threads of this process and connections of others: one chain, no gap, no fork, nobody refused."""
    before = work.read(lambda ledger: ledger.audit.head())

    async def many() -> None:
        await asyncio.gather(
            *(
                work.database.write(lambda ledger, n=n: ledger.audit.record("server", "x.y", str(n), {}))
                for n in range(40)
            )
        )

    if work.url == "sqlite://":
        asyncio.run(many())
        others = 0
    else:
        script = (
            "import asyncio, sys\n"
            "from holdall.adapters.db.engine import open_database\n"
            "async def go():\n"
            "    db = open_database(sys.argv[1])\n"
            "    await asyncio.gather(*(db.write(lambda l, n=n: l.audit.record('os:x', 'x.y', str(n), {})) "
            "for n in range(40)))\n"
            "    await db.close()\n"
            "asyncio.run(go())\n"
        )
        with ThreadPoolExecutor(2) as threads:
            running = [
                threads.submit(subprocess.run, [sys.executable, "-c", script, work.url], check=True) for _ in range(2)
            ]
            asyncio.run(many())
            for one in running:
                one.result()
        others = 80

    head = chain(work)
    assert isinstance(head, Head), head
    assert head.number == before.number + 40 + others


def test_the_logs_fail_as_everything_fails_when_there_is_no_database():
    """So that the recorder knows to wait."""
    work = open_database("postgresql://nobody@/none?host=/nowhere")

    async def story() -> None:
        with pytest.raises(HoldallError):
            await work.note(lambda ledger: ledger.access_log.add([make_event()]))
        await work.close()

    asyncio.run(story())
