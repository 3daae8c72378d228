"""Categories and tags that users made, on every database; and whoever changes them at the same time."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from holdall.domain.access import Actor, Scope
from holdall.domain.bookkeeping.entries import Account, Booking, Category, Direction, Look, Tag
from holdall.domain.bookkeeping.labels import CATEGORIES, OWN_FROM, TAGS
from holdall.errors import BookRefused, Forbidden, Missing
from holdall.flows import labels
from holdall.flows.transactions import add_transaction
from holdall.ports import BookingSearch, Ledger
from tests.support.databases import Work
from tests.support.rows import NOW, make_user

CROWD = 6
LOOK = Look("apple", "#FFFFFF", "#276749")
OTHER = Look("user", "#000000", "#ffffff")
FRUIT = Category(0, "Fruit", "of the garden", LOOK, Direction.EXPENSE, 1, is_system=False)
GARDEN = Tag(0, "Garden", "all of it", LOOK, is_system=False)


class Keeper:
    """A user who writes in their books."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.services: Any = SimpleNamespace(work=work.database, clock=SimpleNamespace(now=lambda: NOW))
        user = work.write(make_user)
        self.actor, self.user = Actor(user, "tok", frozenset(Scope)), user.number

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

    def category(self, **more: Any) -> Category:
        family = self.done(labels.add_category(self.services, self.actor, lambda: replace(FRUIT, **more)))
        assert isinstance(family, labels.Family)
        return family.category

    def tag(self, **more: Any) -> Tag:
        tag = self.done(labels.add_tag(self.services, self.actor, lambda: replace(GARDEN, **more)))
        assert isinstance(tag, Tag)
        return tag

    def cash(self) -> int:
        blank = Account(0, "Cash", "", LOOK, None, 0, 0, None, NOW, NOW)
        return self.work.write(lambda ledger: ledger.parties.add_account(self.user, blank)).number

    def spend(self, account: int, category: int = 4, tags: tuple[int, ...] = ()) -> Awaitable[Any]:
        spent = Booking(0, "x", 1, NOW, Direction.EXPENSE, category, account, None, None, "", tags)
        return add_transaction(self.services, self.actor, lambda: spent)

    def bookings(self) -> list[Booking]:
        return self.work.read(lambda ledger: ledger.transactions.page(self.user, BookingSearch(), limit=99, offset=0))

    def own(self) -> tuple[list[Category], list[Tag]]:
        return self.work.read(
            lambda ledger: (list(ledger.labels.categories(self.user)), list(ledger.labels.tags(self.user)))
        )


@pytest.fixture
def keeper(work: Work) -> Keeper:
    return Keeper(work)


def test_they_come_back_as_they_were_kept_by_name(keeper: Keeper):
    """Under numbers that none of everybody's can have."""
    pears, apples = keeper.category(name="Pears"), keeper.category(name="Apples", parent=None)
    late, early = keeper.tag(name="Late"), keeper.tag(name="Early")

    assert keeper.own() == ([apples, pears], [early, late])
    assert pears == replace(FRUIT, number=pears.number, name="Pears")
    assert late == replace(GARDEN, number=late.number, name="Late", created_at=NOW)
    assert min(pears.number, apples.number, late.number, early.number) >= OWN_FROM


def test_all_of_them_changes_and_nothing_of_others(work: Work, keeper: Keeper):
    other = Keeper(work)
    mine, theirs = (keeper.category(), keeper.tag()), (other.category(), other.tag())
    category = replace(mine[0], name="Wood", description="", look=OTHER, type=Direction.INCOME, parent=None)
    tag = replace(mine[1], name="Wood", description="", look=OTHER)

    def change(ledger: Ledger) -> None:
        ledger.labels.change_category(keeper.user, category)
        ledger.labels.change_tag(keeper.user, tag)
        ledger.labels.change_category(keeper.user, replace(theirs[0], name="Mine"))
        ledger.labels.change_tag(keeper.user, replace(theirs[1], name="Mine"))
        ledger.labels.remove_category(keeper.user, theirs[0].number)
        ledger.labels.remove_tag(keeper.user, theirs[1].number)

    work.write(change)

    assert keeper.own() == ([category], [tag])
    assert other.own() == ([theirs[0]], [theirs[1]])


def test_a_removed_tag_is_taken_off_transactions_and_no_other_is(work: Work, keeper: Keeper):
    other = Keeper(work)
    tag, theirs = keeper.tag(), other.tag()
    keeper.done(keeper.spend(keeper.cash(), tags=(5, tag.number, 6)))
    other.done(other.spend(other.cash(), tags=(theirs.number,)))

    work.write(lambda ledger: ledger.labels.remove_tag(keeper.user, theirs.number))
    keeper.done(labels.remove_tag(keeper.services, keeper.actor, tag.number))

    assert [booking.tags for booking in keeper.bookings()] == [(5, 6)]
    assert [booking.tags for booking in other.bookings()] == [(theirs.number,)]
    assert keeper.own()[1] == []


def test_it_is_known_what_is_filed_under_a_category(work: Work, keeper: Keeper):
    """By this user: everybody's are others' too."""
    keeper.done(keeper.spend(keeper.cash()))
    stranger = Keeper(work)

    def filed(user: int, number: int) -> bool:
        return work.read(lambda ledger: ledger.labels.is_filed_under(user, number))

    assert (filed(keeper.user, 4), filed(keeper.user, 2), filed(stranger.user, 4)) == (True, False, False)


def test_everybodys_are_known_to_all_and_changed_by_nobody(work: Work, keeper: Keeper):
    mine = keeper.category()
    known = work.read(lambda ledger: labels.known_categories(ledger, keeper.user))
    assert known == {**CATEGORIES, mine.number: mine}
    assert work.read(lambda ledger: labels.known_tags(ledger, keeper.user)) == TAGS
    services, actor = keeper.services, keeper.actor
    came = keeper.do(
        labels.change_category(services, actor, 4, lambda it: it),
        labels.remove_category(services, actor, 4),
        labels.change_tag(services, actor, 5, lambda it: it),
        labels.remove_tag(services, actor, 5),
    )

    assert [type(each) for each in came] == [Missing] * 4


def test_of_many_of_one_name_one_is_kept(keeper: Keeper):
    services, actor = keeper.services, keeper.actor
    came = keeper.do(
        *(labels.add_category(services, actor, lambda: FRUIT) for _ in range(CROWD)),
        *(labels.add_tag(services, actor, lambda: GARDEN) for _ in range(CROWD)),
    )

    refused = [each.code for each in came if isinstance(each, BookRefused)]
    assert sorted(refused) == ["category_name_not_unique"] * (CROWD - 1) + ["tag_name_not_unique"] * (CROWD - 1)
    assert len(came) - len(refused) == 2
    assert [len(each) for each in keeper.own()] == [1, 1]


def test_a_label_deleted_while_a_transaction_comes_to_name_it_leaves_none_without_it(keeper: Keeper):
    """Either the deletion is refused, or the transaction; a tag goes off those that have it."""
    services, actor, cash = keeper.services, keeper.actor, keeper.cash()
    categories = [keeper.category(name=f"C{each}").number for each in range(CROWD)]
    tags = [keeper.tag(name=f"T{each}").number for each in range(CROWD)]
    came = keeper.do(
        *(keeper.spend(cash, category=each) for each in categories),
        *(labels.remove_category(services, actor, each) for each in categories),
        *(keeper.spend(cash, tags=(each,)) for each in tags),
        *(labels.remove_tag(services, actor, each) for each in tags),
    )

    failed = [each for each in came if isinstance(each, BaseException)]
    assert all(isinstance(each, BookRefused) for each in failed), failed
    left = {category.number for category in keeper.own()[0]}
    assert {booking.category for booking in keeper.bookings()} - {4} == left
    assert keeper.own()[1] == []
    assert {booking.tags for booking in keeper.bookings()} == {()}


def test_two_categories_cannot_become_each_others_children(keeper: Keeper):
    one, two = (keeper.category(name=name, parent=None).number for name in ("One", "Two"))

    def move(number: int, parent: int) -> Awaitable[Any]:
        return labels.change_category(keeper.services, keeper.actor, number, lambda it: replace(it, parent=parent))

    came = keeper.do(move(one, two), move(two, one))

    assert sorted(type(each).__name__ for each in came) == ["BookRefused", "Family"]
    assert sorted(each.parent is None for each in keeper.own()[0]) == [False, True]


def test_a_credential_that_may_only_read_changes_nothing(keeper: Keeper):
    reader = replace(keeper.actor, scopes=frozenset({Scope.READ}))
    writer = replace(keeper.actor, scopes=frozenset({Scope.WRITE}))
    services, mine, tag = keeper.services, keeper.category().number, keeper.tag().number
    came = keeper.do(
        labels.add_category(services, reader, lambda: FRUIT),
        labels.change_category(services, reader, mine, lambda it: it),
        labels.remove_category(services, reader, mine),
        labels.add_tag(services, reader, lambda: GARDEN),
        labels.change_tag(services, reader, tag, lambda it: it),
        labels.remove_tag(services, reader, tag),
        labels.list_categories(services, writer),
        labels.find_category(services, writer, mine),
        labels.list_tags(services, writer),
        labels.find_tag(services, writer, tag),
    )

    assert [type(each) for each in came] == [Forbidden] * 10
    assert [len(each) for each in keeper.own()] == [1, 1]
