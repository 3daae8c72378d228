"""Books are kept whole on every database: sums, ties and files, whoever changes them at the same time."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from holdall.domain.access import Actor, Scope
from holdall.domain.bookkeeping.entries import Account, Booking, Direction, Look, Person
from holdall.domain.files import Purpose, Upload
from holdall.errors import BookRefused, Forbidden, HoldallError, Missing
from holdall.flows import parties, transactions
from holdall.flows.parties import ACCOUNTS, PEOPLE
from holdall.ports import BookingSearch, Ledger
from tests.contract.test_unit_of_work import count_statements
from tests.support.databases import Work
from tests.support.rows import LATER, NOW, World, make_ready, make_record, make_world, new_upload

CROWD = 10
LOOK = Look("wallet", "#ffffff", "#3B82F6")
FOOD, PERSONAL = 4, 5
"""A category and a tag of everybody's."""


class Books:
    """A user with two accounts and a person, who writes in their books."""

    def __init__(self, work: Work, world: World) -> None:
        self.work, self.world = work, world
        self.services: Any = SimpleNamespace(work=work.database, clock=SimpleNamespace(now=lambda: NOW))
        self.actor = Actor(world.user, "tok", frozenset(Scope))
        self.user = world.user.number
        self.cash, self.bank = self.account("Cash"), self.account("Bank")
        self.noor = self.person("Noor")

    def do(self, *each: Awaitable[Any]) -> list[Any]:
        """What came of each, all at once."""

        async def run() -> list[Any]:
            return await asyncio.gather(*each, return_exceptions=True)

        return asyncio.run(run())

    def done(self, one: Awaitable[Any]) -> Any:
        """What came of one that has to go well."""
        [came] = self.do(one)
        if isinstance(came, BaseException):
            raise came
        return came

    def account(self, name: str, avatar: int | None = None) -> Account:
        new = Account(0, name, "", LOOK, avatar, 0, 0, None, NOW, NOW)
        return self.done(parties.add_party(self.services, self.actor, ACCOUNTS, lambda: new)).party

    def person(self, name: str, avatar: int | None = None) -> Person:
        new = Person(0, name, "", "", "", avatar, 0, 0, 0, None, NOW, NOW)
        return self.done(parties.add_party(self.services, self.actor, PEOPLE, lambda: new)).party

    def booking(self, **more: Any) -> Booking:
        """An expense of ten, in cash."""
        spent = Booking(0, "Food", 100_000, NOW, Direction.EXPENSE, FOOD, self.cash.number, None, None, "")
        return replace(spent, **more)

    def add(self, **more: Any) -> Awaitable[Any]:
        return transactions.add_transaction(self.services, self.actor, lambda: self.booking(**more))

    def change(self, number: int, **more: Any) -> Awaitable[Any]:
        return transactions.change_transaction(
            self.services, self.actor, number, lambda booking: replace(booking, **more)
        )

    def remove(self, number: int) -> Awaitable[Any]:
        return transactions.remove_transaction(self.services, self.actor, number)

    def uploads(self, count: int, door: str = "attachment", kind: str = "image", entity: str = "person") -> list[int]:
        purpose = Purpose(door, kind, entity)

        def make(ledger: Ledger) -> Upload:
            new = replace(new_upload(self.world), purpose=purpose)
            return ledger.files.add_upload(new, make_ready(ledger, self.world.space), NOW)

        return self.work.write(lambda ledger: [make(ledger).number for _ in range(count)])

    def all(self) -> Sequence[Booking]:
        return self.work.read(lambda ledger: ledger.transactions.page(self.user, BookingSearch(), limit=999, offset=0))

    def deleted(self, numbers: Sequence[int]) -> list[int]:
        there = self.work.read(lambda ledger: ledger.files.there(numbers))
        return [number for number in numbers if number not in there]

    def balances(self) -> dict[str, tuple[int, int]]:
        """Of each account: what is in it, and how many transactions it has."""
        accounts = self.work.read(lambda ledger: ledger.parties.accounts(self.user))
        return {account.name: (account.balance, account.transactions) for account in accounts}


@pytest.fixture
def books(work: Work) -> Books:
    return Books(work, work.write(make_world))


def failures(came: Sequence[Any]) -> list[BaseException]:
    return [each for each in came if isinstance(each, BaseException)]


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_credential_that_reads_does_not_write(books: Books):
    reader = replace(books.actor, scopes=frozenset({Scope.READ}))

    with pytest.raises(Forbidden):
        books.done(transactions.add_transaction(books.services, reader, books.booking))
    assert books.done(transactions.list_transactions(books.services, reader, BookingSearch(), limit=1, offset=0))


def test_books_of_others_are_closed(work: Work, books: Books):
    """Each thing in them is not there, for those who look and for those who name it."""
    other = Books(work, work.write(make_world))
    spent = books.done(books.add()).booking

    assert other.all() == []
    for hidden in (
        transactions.find_transaction(other.services, other.actor, spent.number),
        other.change(spent.number, title="Mine"),
        other.remove(spent.number),
        parties.find_party(other.services, other.actor, PEOPLE, books.noor.number),
        parties.remove_party(other.services, other.actor, ACCOUNTS, books.bank.number),
    ):
        with pytest.raises(Missing):
            other.done(hidden)
    with pytest.raises(BookRefused, match="invalid_account_id"):
        other.done(other.add(account=books.cash.number))
    assert books.all() == [spent]


def test_no_statement_reaches_into_books_of_others(work: Work, books: Books):
    """Whatever the story before it asked."""
    other = Books(work, work.write(make_world))

    def reach(ledger: Ledger) -> None:
        ledger.parties.change_person(other.user, replace(books.noor, name="Mine"))
        ledger.parties.change_account(other.user, replace(books.cash, name="Mine"))
        ledger.parties.remove_person(other.user, books.noor)
        ledger.parties.remove_account(other.user, books.bank)

    work.write(reach)

    assert work.read(lambda ledger: ledger.parties.people(books.user)) == [books.noor]
    assert work.read(lambda ledger: ledger.parties.accounts(books.user)) == [books.bank, books.cash]


# ── sums ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sums_add_up_when_many_write_at_once(books: Books):
    came = books.do(*(books.add(amount=10_000 * (number + 1)) for number in range(CROWD)))

    assert failures(came) == []
    assert books.balances()["Cash"] == (-10_000 * sum(range(CROWD + 1)), CROWD)
    assert books.work.write(lambda ledger: ledger.books.hold(books.user)) == 10_000 * sum(range(CROWD + 1))


def test_one_transaction_changed_by_many_counts_once(books: Books):
    number = books.done(books.add(person=books.noor.number)).booking.number

    came = books.do(*(books.change(number, amount=10_000 * (each + 1)) for each in range(CROWD)))

    assert failures(came) == []
    [last] = books.all()
    assert books.balances()["Cash"] == (-last.amount, 1)
    noor = books.work.read(lambda ledger: ledger.parties.find_person(books.user, books.noor.number))
    assert noor is not None
    assert (noor.expense, noor.income, noor.transactions, noor.last_at) == (last.amount, 0, 1, last.at)


# ── ties ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_changes_of_one_transaction_at_once_never_mix_their_ties(books: Books):
    """One of the sets that were sent is there, whole; what only others sent is deleted."""
    number = books.done(books.add()).booking.number
    sets = [tuple(books.uploads(3)) for _ in range(CROWD)]
    came = books.do(*(books.change(number, receipts=each, tags=(PERSONAL,)) for each in sets))

    assert failures(came) == []
    [last] = books.all()
    assert last.receipts in sets
    assert last.tags == (PERSONAL,)
    lost = [upload for each in sets if each != last.receipts for upload in each]
    assert books.deleted(lost) == lost
    assert books.deleted(last.receipts) == []


def test_whatever_is_deleted_while_it_is_named_leaves_nothing_hanging(books: Books):
    """Either the deletion is refused, or the transaction: there is none without its account and person."""
    doomed = [books.account(f"Doomed {number}") for number in range(CROWD)]
    leaving = [books.person(f"Leaving {number}") for number in range(CROWD)]
    came = books.do(
        *(books.add(account=account.number) for account in doomed),
        *(parties.remove_party(books.services, books.actor, ACCOUNTS, account.number) for account in doomed),
        *(books.add(person=person.number) for person in leaving),
        *(parties.remove_party(books.services, books.actor, PEOPLE, person.number) for person in leaving),
    )

    assert all(isinstance(each, BookRefused) for each in failures(came)), failures(came)
    accounts = books.work.read(lambda ledger: ledger.parties.accounts(books.user))
    people = books.work.read(lambda ledger: ledger.parties.people(books.user))
    named = {(booking.account, booking.person) for booking in books.all()}
    assert {account for account, _ in named} | {books.cash.number, books.bank.number} == {it.number for it in accounts}
    assert {person for _, person in named} - {None} | {books.noor.number} == {it.number for it in people}
    assert len(failures(came)) == 2 * CROWD


def test_a_receipt_that_a_cell_takes_while_it_is_let_go_is_not_deleted(books: Books):
    """Whoever hangs it up and whoever takes it down wait for each other."""
    [receipt] = books.uploads(1)
    number = books.done(books.add(receipts=(receipt,))).booking.number

    def tie(ledger: Ledger) -> None:
        id = ledger.files.there([receipt])[receipt].id
        found = ledger.files.find_uploads(books.world.space.number, [id], to_tie=True)
        time.sleep(0.1)  # the other comes in between, where it can
        make_record(ledger, books.world, [*found.values()])

    assert failures(books.do(books.work.database.write(tie), books.remove(number))) == []

    assert books.deleted([receipt]) == []


def test_a_receipt_that_was_let_go_is_taken_by_no_cell(books: Books):
    """Nor by one that looked for it in the meantime."""
    [receipt] = books.uploads(1)
    number = books.done(books.add(receipts=(receipt,))).booking.number
    [upload] = books.work.read(lambda ledger: [*ledger.files.there([receipt]).values()])

    def look(ledger: Ledger) -> list[str]:
        time.sleep(0.05)
        return [*ledger.files.find_uploads(books.world.space.number, [upload.id], to_tie=True)]

    def let_go(ledger: Ledger) -> None:
        ledger.files.hold_uploads([receipt])
        time.sleep(0.2)
        ledger.files.delete_upload(upload, NOW)

    database = books.work.database
    assert books.do(database.write(let_go), database.write(look)) == [None, []]
    assert books.done(books.remove(number)).unlinked == []


def test_a_transaction_deleted_while_it_is_changed_leaves_no_ties(books: Books):
    number = books.done(books.add(receipts=tuple(books.uploads(1)))).booking.number
    sets = [tuple(books.uploads(2)) for _ in range(4)]

    came = books.do(*(books.change(number, receipts=each) for each in sets), books.remove(number))

    assert all(isinstance(each, Missing) for each in failures(came))
    assert books.all() == []
    used = [each for some in sets for each in some]
    assert not any(books.work.read(lambda ledger: [ledger.files.is_used(each) for each in used]))
    assert books.balances()["Cash"] == (0, 0)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_stays_while_anything_has_it(books: Books):
    """An avatar that is a receipt as well, and hangs in a cell."""
    [picture] = books.uploads(1)
    number = books.done(books.add(receipts=(picture,))).booking.number
    noor = books.person("Ada", avatar=picture)
    upload = books.work.read(lambda ledger: ledger.files.there([picture]))[picture]
    record = books.work.write(lambda ledger: make_record(ledger, books.world, [upload]))

    books.done(books.remove(number))
    assert books.deleted([picture]) == []
    books.done(parties.remove_party(books.services, books.actor, PEOPLE, noor.number))
    assert books.deleted([picture]) == []
    books.work.write(lambda ledger: ledger.records.remove_all([record]))
    again = books.done(books.add(receipts=(picture,))).booking.number
    books.done(books.remove(again))

    assert books.deleted([picture]) == [picture]


def test_a_file_is_in_use_as_long_as_one_thing_has_it(books: Books):
    """A cell, a transaction, a person or an account, each by itself."""
    cell, receipt, loose = books.uploads(3)
    of_person, of_account = books.uploads(1, "avatar"), books.uploads(1, "avatar", entity="account")
    upload = books.work.read(lambda ledger: ledger.files.there([cell]))[cell]
    books.work.write(lambda ledger: make_record(ledger, books.world, [upload]))
    books.done(books.add(receipts=(receipt,)))
    books.person("Ada", avatar=of_person[0])
    books.account("Purse", avatar=of_account[0])

    def used(ledger: Ledger) -> list[bool]:
        return [ledger.files.is_used(each) for each in (cell, receipt, *of_person, *of_account, loose)]

    assert books.work.read(used) == [True] * 4 + [False]


def test_what_is_out_of_reach_hangs_nowhere(books: Books):
    """A file that is not ready, as in quarantine, is no receipt and no avatar; where it hung it is not shown."""
    receipt, picture = books.uploads(2)
    number = books.done(books.add(receipts=(receipt,))).booking.number
    found = books.work.read(lambda ledger: ledger.files.there([receipt, picture]))
    books.work.write(lambda ledger: [ledger.files.condemn(upload.blob) for upload in found.values()])

    for wrong in (
        books.add(receipts=(picture,)),
        books.change(number, receipts=(picture,)),
        parties.change_party(
            books.services, books.actor, PEOPLE, books.noor.number, lambda it: replace(it, avatar=picture)
        ),
    ):
        with pytest.raises(BookRefused, match="invalid_a"):
            books.done(wrong)
    _, told = books.done(transactions.find_transaction(books.services, books.actor, number))
    assert told.uploads == {}


def test_a_file_that_comes_back_before_the_sweep_keeps_its_places(books: Books):
    receipts, avatars = books.uploads(1), books.uploads(1, "avatar")
    books.done(books.add(receipts=tuple(receipts)))
    person = books.person("Ada", avatar=avatars[0])
    found = books.work.read(lambda ledger: ledger.files.there([*receipts, *avatars]))

    def sweep(ledger: Ledger) -> None:
        for upload in found.values():
            ledger.files.delete_upload(upload, NOW)
            ledger.files.restore_upload(upload)
            ledger.files.forget_upload(upload)

    books.work.write(sweep)

    [booking] = books.all()
    assert booking.receipts == tuple(receipts)
    assert books.work.read(lambda ledger: ledger.parties.find_person(books.user, person.number)) == person


def test_a_file_that_is_swept_leaves_its_places_empty(books: Books):
    """Its grace was over: nothing names it any more, and its bytes are condemned."""
    [receipt] = books.uploads(1)
    [avatar] = books.uploads(1, door="avatar")
    number = books.done(books.add(receipts=(receipt,))).booking.number
    person = books.person("Ada", avatar=avatar)
    found = books.work.read(lambda ledger: ledger.files.there([receipt, avatar]))

    def sweep(ledger: Ledger) -> None:
        for upload in found.values():
            ledger.files.delete_upload(upload, NOW)
            ledger.files.forget_upload(upload)

    books.work.write(sweep)

    [booking] = books.all()
    assert (booking.number, booking.receipts) == (number, ())
    left = books.work.read(lambda ledger: ledger.parties.find_person(books.user, person.number))
    assert left is not None
    assert left.avatar is None
    assert len(books.work.read(lambda ledger: ledger.files.condemned(LATER, 10_000))) >= 2


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_list_asks_as_much_for_one_as_for_many(books: Books):
    """Bookings, tags, receipts, accounts, people, categories, tags of the user, files."""
    for each in range(12):
        books.done(books.add(receipts=tuple(books.uploads(2)), tags=(PERSONAL,), at=NOW + timedelta(days=each)))

    def asked(limit: int) -> int:
        def look(ledger: Ledger) -> object:
            bookings = ledger.transactions.page(books.user, BookingSearch(), limit=limit, offset=0)
            return transactions.named(ledger, books.user, bookings)

        return count_statements(books.work, look)

    assert asked(1) == asked(12) <= 10


def test_dates_and_numbers_come_back_as_they_were(books: Books):
    """To the microsecond, and to the last of eighteen digits."""
    at = NOW.replace(year=2999, microsecond=123_457)
    booking = books.done(books.add(amount=10**15, at=at, note="x" * 5000)).booking

    assert books.all() == [booking]


def test_every_error_is_one_of_ours(books: Books):
    """A number that no column holds is refused before a database sees it."""
    for wrong in ({"account": -1}, {"person": -1}, {"category": -1}, {"tags": (-1,)}, {"receipts": (-1,)}):
        with pytest.raises(HoldallError):
            books.done(books.add(**wrong))
