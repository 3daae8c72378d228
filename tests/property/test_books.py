"""Whatever is added, changed and removed, the sums that books keep are those over what stands in them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.adapters.db.engine import Database, open_database
from holdall.domain.access import Actor, Scope
from holdall.domain.bookkeeping.entries import Account, Booking, Direction, Look, Person
from holdall.domain.money import MAX_AMOUNT, UNITS, parse_amount, written
from holdall.flows import transactions
from holdall.flows.labels import known_categories
from holdall.ports import BookingSearch, Ledger
from tests.support.rows import NOW, make_user

ACCOUNTS, PEOPLE = 3, 2
amounts = st.one_of(st.integers(1, 50_000), st.sampled_from([1, MAX_AMOUNT, MAX_AMOUNT - 1]))


@dataclass(frozen=True)
class Sent:
    """What somebody enters; places are those in the lists of accounts and people."""

    type: Direction
    amount: int
    account: int
    to: int
    person: int | None
    days: int


entered = st.builds(
    Sent,
    st.sampled_from(Direction),
    amounts,
    st.integers(0, ACCOUNTS - 1),
    st.integers(1, ACCOUNTS - 1),
    st.none() | st.integers(0, PEOPLE - 1),
    st.integers(-400, 400),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), entered, st.just(0)),
        st.tuples(st.just("change"), entered, st.integers(0, 20)),
        st.tuples(st.just("remove"), st.none(), st.integers(0, 20)),
    ),
    min_size=1,
    max_size=15,
)


@dataclass
class Model:
    """What should stand in the books: bookings by number."""

    bookings: dict[int, Booking] = field(default_factory=dict)

    def balance(self, account: int) -> tuple[int, int]:
        """What is in it, and how many transactions it has."""
        total = count = 0
        for each in self.bookings.values():
            if account == each.account:
                total += each.amount if each.type is Direction.INCOME else -each.amount
            if account == each.to_account:
                total += each.amount
            count += account in (each.account, each.to_account)
        return total, count

    def between(self, person: int) -> tuple[int, int, int]:
        """Income, expense, and how many."""
        theirs = [each for each in self.bookings.values() if each.person == person]
        sums = [sum(each.amount for each in theirs if each.type is type) for type in Direction]
        return sums[0], sums[1], len(theirs)


@contextmanager
def opened() -> Iterator[Database]:
    database = open_database("sqlite://")
    yield database
    asyncio.run(database.close())


@settings(max_examples=30, deadline=None)
@given(steps)
def test_sums_are_those_over_what_stands_there(taken: list[tuple[str, Sent | None, int]]):
    with opened() as database:
        asyncio.run(_walk(database, taken))


async def _walk(database: Database, taken: list[tuple[str, Sent | None, int]]) -> None:
    services: Any = SimpleNamespace(work=database, clock=SimpleNamespace(now=lambda: NOW))
    user = await database.write(make_user)
    actor = Actor(user, "tok", frozenset(Scope))
    look, model = Look("wallet", "#ffffff", "#000000"), Model()

    def furnish(ledger: Ledger) -> tuple[list[int], list[int], dict[Direction, int]]:
        blank = [Account(0, f"A{each}", "", look, None, 0, 0, None, NOW, NOW) for each in range(ACCOUNTS)]
        people = [Person(0, f"P{each}", "", "", "", None, 0, 0, 0, None, NOW, NOW) for each in range(PEOPLE)]
        return (
            [ledger.parties.add_account(user.number, each).number for each in blank],
            [ledger.parties.add_person(user.number, each).number for each in people],
            {each.type: number for number, each in known_categories(ledger, user.number).items()},
        )

    accounts, people, categories = await database.write(furnish)

    def booking(sent: Sent) -> Booking:
        to = accounts[(sent.account + sent.to) % ACCOUNTS]
        return Booking(
            0,
            "x",
            sent.amount,
            NOW + timedelta(days=sent.days),
            sent.type,
            categories[sent.type],
            accounts[sent.account],
            to if sent.type is Direction.TRANSFER else None,
            None if sent.person is None else people[sent.person],
            "",
        )

    for step, sent, place in taken:
        numbers = sorted(model.bookings)
        number = numbers[place % len(numbers)] if numbers else None
        if step == "add" and sent is not None:
            kept = await transactions.add_transaction(services, actor, lambda sent=sent: booking(sent))
            model.bookings[kept.booking.number] = kept.booking
        elif number is not None and sent is not None:
            kept = await transactions.change_transaction(
                services, actor, number, lambda _, sent=sent, number=number: replace(booking(sent), number=number)
            )
            model.bookings[number] = kept.booking
        elif number is not None:
            await transactions.remove_transaction(services, actor, number)
            del model.bookings[number]
    await database.read(lambda ledger: _compare(ledger, user.number, model))


def _compare(ledger: Ledger, user: int, model: Model) -> None:
    for account in ledger.parties.accounts(user):
        assert (account.balance, account.transactions) == model.balance(account.number)
    for person in ledger.parties.people(user):
        assert (person.income, person.expense, person.transactions) == model.between(person.number)
        theirs = [each.at for each in model.bookings.values() if each.person == person.number]
        assert person.last_at == max(theirs, default=None)
    listed = ledger.transactions.page(user, BookingSearch(), limit=100, offset=0)
    assert listed == sorted(model.bookings.values(), key=lambda each: (each.at, each.number), reverse=True)
    assert ledger.books.hold(user) == sum(each.amount for each in listed)


@given(st.integers(1, MAX_AMOUNT))
def test_what_is_written_is_read_again(units: int):
    assert parse_amount(written(units)) == units
    assert written(-units) == "-" + written(units)


@given(st.integers(1, 10**11 - 1), st.integers(0, UNITS - 1))
def test_four_places_are_kept_exactly(whole: int, rest: int):
    assert parse_amount(f"{whole}.{rest:04d}") == whole * UNITS + rest


@given(st.one_of(st.text(max_size=60), st.floats(), st.integers(), st.none(), st.booleans(), st.binary()))
def test_whatever_comes_is_an_amount_or_none(value: Any):
    try:
        units = parse_amount(value)
    except ValueError:
        return
    assert 0 < units <= MAX_AMOUNT


@pytest.mark.parametrize("value", ["1e-999999999", "1e999999999", "-0", "0.00004", "sNaN", "٣", "1 000", ""])
def test_what_is_no_amount_is_refused(value: str):
    with pytest.raises(ValueError, match=r".*"):
        parse_amount(value)
