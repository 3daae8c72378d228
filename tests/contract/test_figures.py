"""Figures take a handful of statements on every database, whatever a month has; and sums as large as can be."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event

from holdall.domain.access import Actor, Scope
from holdall.domain.bookkeeping.entries import Direction
from holdall.domain.bookkeeping.periods import Bucket, Month
from holdall.domain.money import MAX_AMOUNT, MAX_TURNOVER
from holdall.flows import figures
from holdall.flows.figures import Range
from holdall.ports import Ledger
from tests.support.books import Row, put_account, put_person, put_tag, put_transactions
from tests.support.databases import Work
from tests.support.rows import make_user

FIRST = datetime(2026, 2, 1, 12, tzinfo=UTC)
STORIES: dict[str, Callable[["Books"], Awaitable[Any]]] = {
    "week": lambda books: figures.week_of_expenses(books.services, books.actor),
    "month": lambda books: figures.month_summary(books.services, books.actor, 2, 2026),
    "days": lambda books: figures.month_of_days(books.services, books.actor, 2, 2026),
    "categories": lambda books: figures.month_of_categories(books.services, books.actor, 2, 2026),
    "tags": lambda books: figures.month_of_tags(books.services, books.actor, 2, 2026),
    "people": lambda books: figures.month_of_people(books.services, books.actor, 2, 2026),
    "person": lambda books: figures.periods_of_person(
        books.services, books.actor, books.people[0], Bucket.DAILY, Range(date(2026, 1, 1), date(2026, 12, 31))
    ),
}


class Books:
    """A user's, with so many transactions in a month, on each of its days, to as many people."""

    def __init__(self, work: Work, count: int) -> None:
        self.work = work
        self.services: Any = SimpleNamespace(work=work.database, clock=SimpleNamespace(now=lambda: FIRST))
        self.number, self.actor, self.people = work.write(lambda ledger: self._fill(ledger, count))

    @staticmethod
    def _fill(ledger: Ledger, count: int) -> tuple[int, Actor, list[int]]:
        user = make_user(ledger)
        people = [put_person(ledger, user.number, f"Person {each}") for each in range(count)]
        tags = [put_tag(ledger, user.number, f"Tag {each}") for each in range(count)]
        rows = [
            Row(FIRST + timedelta(days=each % 28), Direction.EXPENSE, 1, 1 + each % 39, people[each], tags[: each + 1])
            for each in range(count)
        ]
        put_transactions(ledger, user.number, put_account(ledger, user.number), rows)
        return user.number, Actor(user, "tok", frozenset(Scope)), people

    def statements(self, story: Callable[["Books"], Awaitable[Any]]) -> int:
        """How many the story runs."""
        seen: list[object] = []

        def note(*arguments: object) -> None:
            seen.append(arguments[2])

        async def run() -> None:
            await story(self)

        asyncio.run(run())
        for engine in self.work.database._engines:
            event.listen(engine, "before_cursor_execute", note)
        asyncio.run(run())
        for engine in self.work.database._engines:
            event.remove(engine, "before_cursor_execute", note)
        return len(seen)


@pytest.mark.parametrize("what", STORIES)
def test_figures_take_a_handful_of_statements(work: Work, what: str):
    """As many for thirty transactions of thirty people as for one."""
    few, many = Books(work, 1), Books(work, 30)

    assert 0 < few.statements(STORIES[what]) == many.statements(STORIES[what]) <= 6


def test_the_largest_sums_are_exact(work: Work):
    """All that may ever go through somebody's books, in one month, to the last unit."""
    books = Books(work, 0)
    count = MAX_TURNOVER // MAX_AMOUNT
    rows = [Row(FIRST, Direction.INCOME, MAX_AMOUNT, 40)] * (count - 1) + [Row(FIRST, Direction.INCOME, 1, 40)]

    def add_up(ledger: Ledger) -> Any:
        account = put_account(ledger, books.number, "Bank")
        put_transactions(ledger, books.number, account, rows)
        edges = Month(2026, 2).edges(UTC)
        [whole] = ledger.figures.by_span(books.number, [edges[0], edges[-1]])
        return whole.income

    income = work.write(add_up)

    assert (income.total, income.count) == ((count - 1) * MAX_AMOUNT + 1, count)
    assert (income.highest, income.lowest) == (MAX_AMOUNT, 1)
