"""Figures are what plain Python adds up, one transaction at a time, in decimals: on every engine, in every zone."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdall.dialects.pika import analytics
from holdall.domain.access import Actor, Scope, User
from holdall.domain.bookkeeping.entries import Direction
from holdall.domain.bookkeeping.labels import CATEGORIES
from holdall.domain.bookkeeping.periods import Bucket
from holdall.domain.money import MAX_AMOUNT, UNITS
from holdall.domain.preferences import DEFAULTS
from holdall.flows import figures
from holdall.flows.figures import Range
from holdall.ports import Ledger
from tests.support.books import Row, put_account, put_person, put_tag, put_transactions
from tests.support.databases import Work, url, work
from tests.support.postgres import postgres
from tests.support.rows import make_user

__all__ = ["postgres", "url", "work"]

ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "America/Havana")
"""Of whole hours and of half ones; whose clocks skip midnight, show it twice, or left out a day."""
MONTHS = ((2026, 2), (2024, 2), (2026, 3), (2026, 10), (2017, 10), (2018, 2), (2018, 11), (2011, 12))
"""Short and long; clocks of the zones change in most of them, and Apia had no 30 December 2011."""
FILED = {Direction.EXPENSE: (4, 6, 16), Direction.INCOME: (40, 41), Direction.TRANSFER: (50,)}
NAMES = "January February March April May June July August September October November December".split()
OWN = 0
"""Stands for a tag of the user's own, until there is one."""

amounts = st.one_of(st.integers(1, 50_000), st.sampled_from([1, UNITS, MAX_AMOUNT, MAX_AMOUNT - 1]))
around_midnight = st.builds(
    lambda day, half_hours, odd: day * 86_400 + half_hours * 1800 + odd,
    st.integers(-1, 32),
    st.integers(-28, 28),
    st.sampled_from([-1, 0, 1]),
)
seconds = st.one_of(st.integers(-3 * 86_400, 35 * 86_400), around_midnight)


@dataclass(frozen=True)
class Case:
    """Transactions around a month, of two users, and a day of it that is today."""

    year: int
    month: int
    zone: str
    today: int
    rows: Sequence[Row]
    foreign: Sequence[Row]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    year, month = draw(st.sampled_from(MONTHS))
    first = datetime(year, month, 1, tzinfo=UTC)

    def row(second: int, type: Direction, amount: int, place: int, person: int | None, tags: list[int]) -> Row:
        category = FILED[type][place % len(FILED[type])]
        return Row(first + timedelta(seconds=second), type, amount, category, person, tags)

    row_of = st.builds(
        row,
        seconds,
        st.sampled_from(Direction),
        amounts,
        st.integers(0, 2),
        st.none() | st.integers(0, 1),
        st.lists(st.sampled_from([5, 7, OWN]), unique=True, max_size=2),
    )
    zone, today = draw(st.sampled_from(ZONES)), draw(st.integers(0, 40))
    return Case(year, month, zone, today, draw(st.lists(row_of, max_size=20)), draw(st.lists(row_of, max_size=3)))


# ── the model ────────────────────────────────────────────────────────────────────────────────────────────────────


def money(units: int | Decimal) -> Decimal:
    """Of the currency."""
    return Decimal(units) / UNITS


def rounded(number: Decimal, place: str) -> Decimal:
    return number.quantize(Decimal(place), ROUND_HALF_EVEN)


def total(rows: Iterable[Row], *types: Direction) -> Decimal:
    return sum((money(row.amount) for row in rows if row.type in types), Decimal())


def balance(rows: list[Row]) -> Decimal:
    return total(rows, Direction.INCOME) - total(rows, Direction.EXPENSE)


def count(rows: Iterable[Row], type: Direction) -> int:
    return sum(row.type is type for row in rows)


def extremes(rows: list[Row]) -> dict[str, Decimal]:
    amounts = [row.amount for row in rows] or [0]
    return {
        "averagePerTransaction": money(rounded(Decimal(sum(amounts)) / len(amounts), "1")),
        "highestTransaction": money(max(amounts)),
        "lowestTransaction": money(min(amounts)),
    }


def is_same(told: Any, expected: Any) -> bool:
    """Key by key, in order; a number with a fraction is the nearest that a float can be."""
    if isinstance(expected, dict):
        return list(told) == list(expected) and all(is_same(told[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(told) == len(expected) and all(map(is_same, told, expected))
    if isinstance(expected, Decimal):
        return told == (expected if type(told) is int else float(expected))
    return type(told) is type(expected) and told == expected


# ── both ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Books:
    """A user's books, beside somebody else's."""

    def __init__(self, work: Work, case: Case) -> None:
        self._work = work
        self.zone = ZoneInfo(case.zone)
        self.now = datetime(case.year, case.month, 1, 12, tzinfo=UTC) + timedelta(days=case.today)
        self._services: Any = SimpleNamespace(work=work.database, clock=SimpleNamespace(now=lambda: self.now))
        (self.user, self.people, self.rows), _ = work.write(
            lambda ledger: [self._fill(ledger, case.zone, rows) for rows in (case.rows, case.foreign)]
        )
        self._actor = Actor(self.user, "tok", frozenset(Scope))

    def ask(self, story: Any, *arguments: Any) -> Any:
        return asyncio.run(story(self._services, self._actor, *arguments))

    def of(self, days: Iterable[date], rows: Iterable[Row] | None = None) -> list[Row]:
        """The transactions of these days."""
        wanted = set(days)
        return [row for row in (self.rows if rows is None else rows) if self.day(row.at) in wanted]

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    @staticmethod
    def _fill(ledger: Ledger, zone: str, rows: Sequence[Row]) -> tuple[User, list[int], list[Row]]:
        user = make_user(ledger)
        ledger.preferences.hold(user)
        ledger.preferences.keep(user, replace(DEFAULTS, timezone=zone))
        account, tag = put_account(ledger, user.number), put_tag(ledger, user.number)
        people = [put_person(ledger, user.number, name) for name in ("Ada", "Noor")]
        kept = [
            replace(
                row,
                person=None if row.person is None else people[row.person],
                tags=[each or tag for each in row.tags],
            )
            for row in rows
        ]
        put_transactions(ledger, user.number, account, kept)
        return user, people, kept


def days_of(year: int, month: int) -> list[date]:
    every = (date(year, month, 1) + timedelta(days=place) for place in range(31))
    return [day for day in every if day.month == month]


on_every_engine = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@on_every_engine
@given(case=cases())
def test_figures_of_time_are_what_plain_python_adds_up(work: Work, case: Case):
    """Of a week, of a month, of its days."""
    books, asked = Books(work, case), (case.month, case.year)
    days, today = days_of(*reversed(asked)), books.day(books.now)
    rows = books.of(days)
    income, expenses = total(rows, Direction.INCOME), total(rows, Direction.EXPENSE)
    is_now = (today.year, today.month) == (case.year, case.month)

    assert is_same(
        analytics.monthly_summary(books.ask(figures.month_summary, *asked)),
        {
            "year": case.year,
            "month": case.month,
            "monthName": NAMES[case.month - 1],
            "income": income,
            "expenses": expenses,
            "balance": income - expenses,
            "transactionCount": len(rows),
            "savingsRate": rounded((income - expenses) / income * 100, "0.01") if income else Decimal(),
            "avgDaily": rounded(expenses / (today.day if is_now else len(days)), "0.0001"),
            "incomeTransactionCount": count(rows, Direction.INCOME),
            "expenseTransactionCount": count(rows, Direction.EXPENSE),
        },
    )
    assert is_same(
        analytics.daily_summaries(books.ask(figures.month_of_days, *asked)),
        {
            "data": {str(day): of_day(day, books.of([day])) for day in days},
            "meta": {"month": NAMES[case.month - 1], "year": case.year, "timezone": case.zone},
        },
    )
    monday = today - timedelta(days=today.weekday())
    this_week = {
        name: total(books.of([monday + timedelta(days=place)]), Direction.EXPENSE)
        for place, name in enumerate("mon tue wed thu fri sat sun".split())
    }
    assert is_same(analytics.weekly_expenses(books.ask(figures.week_of_expenses)), this_week)


@on_every_engine
@given(case=cases())
def test_figures_of_what_is_named_are_what_plain_python_adds_up(work: Work, case: Case):
    """Of categories, of tags, of people; the largest first."""
    books, asked = Books(work, case), (case.month, case.year)
    rows = books.of(days_of(*reversed(asked)))
    spent = [row for row in rows if row.type is Direction.EXPENSE]
    meta = {
        "month": NAMES[case.month - 1],
        "year": case.year,
        "totalExpenses": total(rows, Direction.EXPENSE),
        "totalIncome": total(rows, Direction.INCOME),
        "totalTransfers": total(rows, Direction.TRANSFER),
    }

    told = analytics.category_spending(books.ask(figures.month_of_categories, *asked))
    filed = {each: [row for row in spent if row.category == each] for each in FILED[Direction.EXPENSE]}
    expected = sorted(
        (of_category(each, found) for each, found in filed.items() if found), key=lambda part: -part["amount"]
    )
    assert is_same(told["data"], expected)
    assert is_same(told["meta"], {"month": case.month, "year": case.year, "totalExpenses": meta["totalExpenses"]})

    told = analytics.tag_activity(books.ask(figures.month_of_tags, *asked))
    named = {tag for row in rows for tag in row.tags}
    expected = {str(each): of_tag([row for row in rows if each in row.tags]) for each in named}
    assert is_same({part["id"]: less(part) for part in told["data"]}, in_order(told, expected))
    assert is_same(told["meta"], meta)

    told = analytics.person_activity(books.ask(figures.month_of_people, *asked), "")
    expected = {str(each): of_person([row for row in rows if row.person == each]) for each in books.people}
    assert is_same({part["id"]: less(part) for part in told["data"]}, in_order(told, expected))
    assert is_same(told["meta"], meta)


@on_every_engine
@given(case=cases(), bucket=st.sampled_from(Bucket), bounds=st.tuples(st.integers(-2, 34), st.integers(0, 30)))
def test_periods_of_a_person_are_what_plain_python_adds_up(
    work: Work, case: Case, bucket: Bucket, bounds: tuple[int, int]
):
    """By day, week, month and year; of all times, and of some days."""
    books = Books(work, case)
    theirs = [row for row in books.rows if row.person == books.people[0]]
    first = date(case.year, case.month, 1) + timedelta(days=bounds[0])
    some = [first + timedelta(days=place) for place in range(bounds[1] + 1)]
    for bounded, rows in ((Range(), theirs), (Range(some[0], some[-1]), books.of(some, theirs))):
        periods: dict[str, list[Row]] = {}
        for row in sorted(rows, key=lambda row: row.at):
            if row.type is not Direction.TRANSFER:
                periods.setdefault(beginning(bucket, books.day(row.at), books.zone), []).append(row)
        expected = [
            {
                "period": start,
                "expense": total(found, Direction.EXPENSE),
                "income": total(found, Direction.INCOME),
                "balance": balance(found),
            }
            for start, found in periods.items()
        ]
        found = books.ask(figures.periods_of_person, books.people[0], bucket, bounded)
        assert is_same(analytics.person_summary(found, bucket, None, None)["data"], expected)


def beginning(bucket: Bucket, day: date, zone: ZoneInfo) -> str:
    """Of the period of a day, as it is told."""
    start = {
        Bucket.DAILY: day,
        Bucket.WEEKLY: day - timedelta(days=day.weekday()),
        Bucket.MONTHLY: day.replace(day=1),
        Bucket.YEARLY: day.replace(month=1, day=1),
    }[bucket]
    return datetime(start.year, start.month, start.day, tzinfo=zone).astimezone(UTC).astimezone(zone).isoformat()


def of_day(day: date, rows: list[Row]) -> dict[str, Any]:
    return {
        "date": str(day),
        "balance": balance(rows),
        "income": total(rows, Direction.INCOME),
        "expenses": total(rows, Direction.EXPENSE),
        "transfers": total(rows, Direction.TRANSFER),
        "transactionCount": len(rows),
        "incomeTransactionCount": count(rows, Direction.INCOME),
        "expenseTransactionCount": count(rows, Direction.EXPENSE),
        "transferTransactionCount": count(rows, Direction.TRANSFER),
    }


def of_category(number: int, rows: list[Row]) -> dict[str, Any]:
    category = CATEGORIES[number]
    return {
        "categoryId": str(number),
        "categoryName": category.name,
        "categoryIcon": category.look.icon,
        "categoryColor": "#FFFFFF",
        "categoryBgColor": category.look.bg_color,
        "isParent": category.parent is None,
        "parentId": None if category.parent is None else str(category.parent),
        "isSystem": True,
        "description": "",
        "amount": total(rows, Direction.EXPENSE),
        "transactionCount": len(rows),
        **extremes(rows),
    }


def of_tag(rows: list[Row]) -> dict[str, Any]:
    return {
        "totalAmount": balance(rows),
        "totalTransactionCount": len(rows),
        "expenseAmount": total(rows, Direction.EXPENSE),
        "expenseTransactionCount": count(rows, Direction.EXPENSE),
        "incomeAmount": total(rows, Direction.INCOME),
        "incomeTransactionCount": count(rows, Direction.INCOME),
        "transferAmount": total(rows, Direction.TRANSFER),
        "transferTransactionCount": count(rows, Direction.TRANSFER),
        **extremes(rows),
    }


def of_person(rows: list[Row]) -> dict[str, Any]:
    return {
        "totalAmount": balance(rows),
        "totalTransactionCount": len(rows),
        "incomeAmount": total(rows, Direction.INCOME),
        "incomeTransactionCount": count(rows, Direction.INCOME),
        "expenseAmount": total(rows, Direction.EXPENSE),
        "expenseTransactionCount": count(rows, Direction.EXPENSE),
        **extremes(rows),
    }


def less(part: dict[str, Any]) -> dict[str, Any]:
    """The figures of a part, without what it is."""
    figures = ("Amount", "Count", "Transaction")
    return {key: value for key, value in part.items() if key.endswith(figures)}


def in_order(told: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """What is expected, in the order that was told, which is that of what went through."""
    through = {
        each: found["averagePerTransaction"] * found["totalTransactionCount"] for each, found in expected.items()
    }
    order = [part["id"] for part in told["data"]]
    assert sorted(order) == sorted(expected)
    assert all(through[before] >= through[after] - 1 for before, after in pairwise(order))
    return {each: expected[each] for each in order}
