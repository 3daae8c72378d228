"""Sums of what is kept, on every kind of database: charged in one step with the check, and right whoever asks when."""

import asyncio

import pytest

from holdall.adapters.db.engine import open_database
from holdall.domain.files import Blob
from holdall.domain.quota import Holder, HolderKind, Quota, Usage
from holdall.errors import QuotaExceeded
from holdall.ports import Ledger
from tests.support.databases import Work
from tests.support.rows import NOW, World, add_blob, make_ready, make_user, make_world, new_blob, new_upload

ROOMY = Quota(max_files=1000)
ONE = Usage(5_000_000_000, 1)
"""What each of the blobs of ``tests.support.rows`` is."""


@pytest.fixture
def world(work: Work) -> World:
    return work.write(make_world)


@pytest.fixture(autouse=True)
def nothing_else(work: Work) -> None:
    """Sums from other tests are forgotten."""
    work.write(lambda ledger: ledger.quotas.forget())


def space_of(world: World) -> Holder:
    return Holder(HolderKind.SPACE, world.space.number)


def user_of(world: World) -> Holder:
    return Holder(HolderKind.USER, world.user.number)


def used(work: Work, *holders: Holder) -> list[Usage]:
    return work.read(lambda ledger: [ledger.quotas.used(holder) for holder in holders])


def bring(ledger: Ledger, world: World, content: bytes | None = None) -> Blob:
    """A ready blob with an upload of it."""
    blob = add_blob(ledger, new_blob(world.space, content))
    ledger.files.add_upload(new_upload(world), blob, NOW)
    return blob


def test_a_charge_is_kept_and_one_too_many_is_not(work: Work, world: World):
    """The refusal names whose quota it is, of what, and how much."""
    holder, quota = space_of(world), Quota(max_bytes=100)
    for _ in range(4):
        work.write(lambda ledger: ledger.quotas.charge(holder, Usage(25, 1), quota))
    with pytest.raises(QuotaExceeded) as refusal:
        work.write(lambda ledger: ledger.quotas.charge(holder, Usage(1, 1), quota))
    assert ("space", "bytes", 100) == (refusal.value.holder, refusal.value.what, refusal.value.limit)
    assert used(work, holder) == [Usage(100, 4)]


def test_files_are_counted_as_well_as_bytes(work: Work, world: World):
    """A quota of files stops the smallest of them."""
    holder, quota = user_of(world), Quota(max_bytes=100, max_files=2)
    work.write(lambda ledger: ledger.quotas.charge(holder, Usage(1, 2), quota))
    with pytest.raises(QuotaExceeded) as refusal:
        work.write(lambda ledger: ledger.quotas.charge(holder, Usage(1, 1), quota))
    assert ("user", "files", 2) == (refusal.value.holder, refusal.value.what, refusal.value.limit)


def test_what_is_there_already_is_counted_when_first_asked(work: Work, world: World):
    """Condemned files do not count, nor do another space's and another user's."""

    def fill(ledger: Ledger) -> None:
        for _ in range(2):
            bring(ledger, world)
        ledger.files.condemn(bring(ledger, world))
        bring(ledger, make_world(ledger))

    work.write(fill)
    assert used(work, space_of(world), user_of(world)) == [ONE + ONE, ONE + ONE]
    work.write(lambda ledger: ledger.quotas.charge(space_of(world), ONE, ROOMY))
    assert used(work, space_of(world)) == [ONE + ONE + ONE]


def test_a_charge_for_what_turns_out_to_be_there_is_put_right(work: Work, world: World):
    """Two bring the same bytes at once: the later one's charge to the space is forgotten with its blob."""
    content = b"the same"

    def twice(ledger: Ledger) -> None:
        for _ in range(2):
            ledger.quotas.charge(space_of(world), ONE, ROOMY)
            add_blob(ledger, new_blob(world.space, content))

    work.write(twice)
    assert used(work, space_of(world)) == [ONE]


def test_a_file_counts_once_for_whoever_brought_it_often(work: Work, world: World):
    """Two uploads of one blob are one file; of another user's, one for each of them."""

    def fill(ledger: Ledger) -> Holder:
        blob = bring(ledger, world)
        ledger.files.add_upload(new_upload(world), blob, NOW)
        other = make_user(ledger)
        assert ledger.files.has_brought(world.user.number, blob)
        assert not ledger.files.has_brought(other.number, blob)
        return Holder(HolderKind.USER, other.number)

    other = work.write(fill)
    assert used(work, space_of(world), user_of(world), other) == [ONE, ONE, Usage()]


def test_what_is_condemned_gives_its_room_back(work: Work, world: World):
    """To the space, to whoever brought it, and to whoever was to have it."""
    full = Quota(max_files=1)
    holders = [space_of(world), user_of(world)]

    def fill(ledger: Ledger) -> Blob:
        for holder in holders:
            ledger.quotas.charge(holder, ONE, full)
        return bring(ledger, world)

    blob = work.write(fill)
    assert used(work, *holders) == [ONE, ONE]
    with pytest.raises(QuotaExceeded):
        work.write(lambda ledger: ledger.quotas.charge(holders[0], ONE, full))
    work.write(lambda ledger: ledger.files.condemn(blob))
    assert used(work, *holders) == [Usage(), Usage()]
    for holder in holders:
        work.write(lambda ledger, holder=holder: ledger.quotas.charge(holder, ONE, full))


def test_a_charge_that_is_undone_was_none(work: Work, world: World):
    """It is part of the transaction that writes the row."""

    def fail(ledger: Ledger) -> None:
        ledger.quotas.charge(space_of(world), ONE, ROOMY)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work.write(fail)
    assert used(work, space_of(world)) == [Usage()]


@pytest.mark.parametrize("is_known", [True, False], ids=["sum known", "sum forgotten"])
def test_of_fifty_at_once_from_two_processes_ten_find_room(work: Work, world: World, is_known: bool):
    """Two databases of their own threads and connections, as two processes have them; each charge with its row."""
    holder, quota = space_of(world), Quota(max_files=10)
    if is_known:
        work.write(lambda ledger: ledger.quotas.charge(holder, Usage(), quota))

    def keep(ledger: Ledger) -> None:
        ledger.quotas.charge(holder, ONE, quota)
        make_ready(ledger, world.space)

    async def rush() -> list[BaseException | None]:
        other = open_database(work.url) if work.has_parallel_reads else work.database
        try:
            both = (work.database, other)
            return await asyncio.gather(*(both[n % 2].write(keep) for n in range(50)), return_exceptions=True)
        finally:
            if other is not work.database:
                await other.close()

    outcomes = asyncio.run(rush())
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [QuotaExceeded] * 40
    assert used(work, holder) == [Usage(10 * ONE.bytes, 10)]
    work.write(lambda ledger: ledger.quotas.forget(holder))
    assert used(work, holder) == [Usage(10 * ONE.bytes, 10)]
