"""What Pika's home page asks for: figures of a week, a month, a person (contract pika, section 10)."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika import labels, reading, wire
from holdall.dialects.pika.asking import caller, whole
from holdall.domain.access import Scope
from holdall.domain.access_log import Action
from holdall.domain.bookkeeping.entries import Category, Person, Tag
from holdall.domain.bookkeeping.figures import Tallies, Tally
from holdall.domain.bookkeeping.periods import DAYS, FIRST_YEAR, LAST_YEAR, Bucket
from holdall.domain.money import number
from holdall.errors import Malformed
from holdall.flows import figures
from holdall.flows.access import holding
from holdall.flows.figures import MonthOf, MonthOfDays, MonthSummary, Range
from holdall.flows.parties import Avatars
from holdall.web.dialect import Handler, json_response
from holdall.web.edge import edge_of

_LENGTH_OF_DAY = len("2026-02-11")


async def get_weekly_expenses(request: Request) -> Response:
    """What was spent on each day of this week."""
    actor, _ = await caller(request, holding(Scope.READ))
    return json_response(weekly_expenses(await figures.week_of_expenses(edge_of(request).services, actor)))


async def get_monthly_summary(request: Request) -> Response:
    """A month in one."""
    actor, _ = await caller(request, holding(Scope.READ))
    return json_response(
        monthly_summary(await figures.month_summary(edge_of(request).services, actor, *_month(request)))
    )


async def get_daily_summaries(request: Request) -> Response:
    """A month day by day."""
    actor, _ = await caller(request, holding(Scope.READ))
    return json_response(
        daily_summaries(await figures.month_of_days(edge_of(request).services, actor, *_month(request)))
    )


async def get_category_spending(request: Request) -> Response:
    """What was spent in a month, by category."""
    actor, _ = await caller(request, holding(Scope.READ))
    found = await figures.month_of_categories(edge_of(request).services, actor, *_month(request))
    return json_response(category_spending(found))


async def get_tag_activity(request: Request) -> Response:
    """What a month's transactions come to, by tag."""
    actor, _ = await caller(request, holding(Scope.READ))
    found = await figures.month_of_tags(edge_of(request).services, actor, *_month(request))
    return json_response(tag_activity(found))


async def get_person_activity(request: Request) -> Response:
    """What a month's transactions come to, by person."""
    actor, _ = await caller(request, holding(Scope.READ))
    edge = edge_of(request)
    found = await figures.month_of_people(edge.services, actor, *_month(request))
    return json_response(person_activity(found, edge.links.site_url))


async def get_person_summary(request: Request) -> Response:
    """What came from a person and went to them, by period."""
    actor, _ = await caller(request, holding(Scope.READ))
    params = request.query_params
    if "personId" not in params:
        raise Malformed("query", "personId is missing")
    bucket, since, until = _bucket(params.get("timeBucket")), params.get("startDate"), params.get("endDate")
    found = await figures.periods_of_person(
        edge_of(request).services, actor, reading.number(params["personId"]), bucket, _range(since, until)
    )
    return json_response(person_summary(found, bucket, since or None, until or None))


ROUTES: tuple[tuple[str, str, Handler, Action], ...] = tuple(
    ("GET", f"/analytics/{what}", handler, Action.VIEW)
    for what, handler in (
        ("weekly-expenses", get_weekly_expenses),
        ("monthly-summary", get_monthly_summary),
        ("daily-summaries", get_daily_summaries),
        ("monthly-category-spending", get_category_spending),
        ("monthly-tag-activity", get_tag_activity),
        ("monthly-person-activity", get_person_activity),
        ("person-transaction-summary", get_person_summary),
    )
)
"""Method, path and handler of each, and what the access log calls it."""


# ── what is asked for ────────────────────────────────────────────────────────────────────────────────────────────


def _month(request: Request) -> tuple[int | None, int | None]:
    """Month and year; ``None`` where the present one is meant."""
    return _between(request, "month", 1, 12), _between(request, "year", FIRST_YEAR, LAST_YEAR)


def _between(request: Request, name: str, least: int, most: int) -> int | None:
    text = request.query_params.get(name)
    number = None if text is None else whole(text)
    if text is not None and (number is None or not least <= number <= most):
        raise Malformed("query", f"{name} is {text[:50]!r}; it can be a whole number from {least} to {most}")
    return number


def _bucket(text: str | None) -> Bucket:
    try:
        return Bucket.MONTHLY if text is None else Bucket(text.strip().lower())
    except ValueError as error:
        raise Malformed("query", f"timeBucket is {text!r:.50}; it can be {', '.join(Bucket)}") from error


def _range(since: str | None, until: str | None) -> Range:
    """A day is there whole, and so is the second that is the last."""
    first, last = _end("startDate", since), _end("endDate", until)
    # A day and a time are not compared: which is the earlier is for the user's zone to say.
    if first is not None and last is not None and type(first) is type(last) and first > last:
        raise Malformed("query", "startDate is after endDate")
    return Range(first, last + timedelta(seconds=1) if isinstance(last, datetime) else last)


def _end(name: str, text: str | None) -> date | datetime | None:
    """A day of the user's zone, or a time; ``None`` for nothing."""
    if not text:
        return None
    try:
        found = reading.moment(text)
    except ValueError as error:
        raise Malformed("query", f"{name} is {text[:50]!r}; it can be a day, or a time in UTC, in ISO 8601") from error
    return found.date() if len(text) == _LENGTH_OF_DAY else found


# ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────


def weekly_expenses(found: Sequence[int]) -> dict[str, Any]:
    """By day, Monday first."""
    return {day: number(units) for day, units in zip(DAYS, found, strict=True)}


def monthly_summary(found: MonthSummary) -> dict[str, Any]:
    """``transactionCount`` counts transfers as well, which no amount does."""
    tallies = found.tallies
    return {
        "year": found.month.year,
        "month": found.month.number,
        "monthName": found.month.name,
        "income": number(tallies.income.total),
        "expenses": number(tallies.expense.total),
        "balance": number(tallies.balance),
        "transactionCount": tallies.together.count,
        "savingsRate": _percent(tallies.savings_rate),
        "avgDaily": number(found.daily_expenses),
        "incomeTransactionCount": tallies.income.count,
        "expenseTransactionCount": tallies.expense.count,
    }


def daily_summaries(found: MonthOfDays) -> dict[str, Any]:
    """By day, as it is written."""
    return {
        "data": {day.isoformat(): _day(day, tallies) for day, tallies in found.days.items()},
        "meta": {"month": found.month.name, "year": found.month.year, "timezone": str(found.zone)},
    }


def _day(day: date, tallies: Tallies) -> dict[str, Any]:
    return {
        "date": day.isoformat(),
        "balance": number(tallies.balance),
        "income": number(tallies.income.total),
        "expenses": number(tallies.expense.total),
        "transfers": number(tallies.transfer.total),
        "transactionCount": tallies.together.count,
        "incomeTransactionCount": tallies.income.count,
        "expenseTransactionCount": tallies.expense.count,
        "transferTransactionCount": tallies.transfer.count,
    }


def category_spending(found: MonthOf[Category]) -> dict[str, Any]:
    """Expenses alone; here, ``month`` is a number."""
    return {
        "data": [_category(category, tallies.expense) for category, tallies in found.parts],
        "meta": {
            "month": found.month.number,
            "year": found.month.year,
            "totalExpenses": number(found.whole.expense.total),
        },
    }


def _category(category: Category, spent: Tally) -> dict[str, Any]:
    return {
        "categoryId": str(category.number),
        "categoryName": category.name,
        "categoryIcon": category.look.icon,
        "categoryColor": category.look.color,
        "categoryBgColor": category.look.bg_color,
        "isParent": category.parent is None,
        "parentId": None if category.parent is None else str(category.parent),
        "isSystem": category.is_system,
        "description": category.description,
        "amount": number(spent.total),
        "transactionCount": spent.count,
        **_extremes(spent),
    }


def tag_activity(found: MonthOf[Tag]) -> dict[str, Any]:
    """A transaction with several tags counts for each; in ``meta``, once."""
    return {"data": [_tag(tag, tallies) for tag, tallies in found.parts], "meta": _whole(found)}


def _tag(tag: Tag, tallies: Tallies) -> dict[str, Any]:
    return {
        **labels.tag(tag),
        "totalAmount": number(tallies.balance),
        "totalTransactionCount": tallies.together.count,
        "expenseAmount": number(tallies.expense.total),
        "expenseTransactionCount": tallies.expense.count,
        "incomeAmount": number(tallies.income.total),
        "incomeTransactionCount": tallies.income.count,
        "transferAmount": number(tallies.transfer.total),
        "transferTransactionCount": tallies.transfer.count,
        **_extremes(tallies.together),
    }


def person_activity(found: MonthOf[Person], site_url: str) -> dict[str, Any]:
    """``balance`` and ``lastTransactionAt`` are those of all times, as where people are listed."""
    return {
        "data": [_person(person, tallies, found.avatars, site_url) for person, tallies in found.parts],
        "meta": _whole(found),
    }


def _person(person: Person, tallies: Tallies, avatars: Avatars, site_url: str) -> dict[str, Any]:
    shown = wire.person(person, avatars, site_url)
    avatar = shown["avatar"]
    return {
        **{key: shown[key] for key in ("id", "name", "email", "phone", "description")},
        "avatarUrl": None if avatar is None else avatar["url"],
        "balance": number(person.balance),
        "totalAmount": number(tallies.balance),
        "totalTransactionCount": tallies.together.count,
        "incomeAmount": number(tallies.income.total),
        "incomeTransactionCount": tallies.income.count,
        "expenseAmount": number(tallies.expense.total),
        "expenseTransactionCount": tallies.expense.count,
        **_extremes(tallies.together),
        "lastTransactionAt": shown["lastTransactionAt"],
    }


def person_summary(
    found: Sequence[tuple[datetime, Tallies]], bucket: Bucket, since: str | None, until: str | None
) -> dict[str, Any]:
    """By period; what was asked for is said again."""
    return {
        "data": [
            {
                "period": start.isoformat(timespec="seconds"),
                "expense": number(tallies.expense.total),
                "income": number(tallies.income.total),
                "balance": number(tallies.balance),
            }
            for start, tallies in found
        ],
        "meta": {"timeBucket": bucket.value, "startDate": since, "endDate": until},
    }


def _whole(found: MonthOf[Any]) -> dict[str, Any]:
    return {
        "month": found.month.name,
        "year": found.month.year,
        "totalExpenses": number(found.whole.expense.total),
        "totalIncome": number(found.whole.income.total),
        "totalTransfers": number(found.whole.transfer.total),
    }


def _extremes(tally: Tally) -> dict[str, Any]:
    return {
        "averagePerTransaction": number(tally.average),
        "highestTransaction": number(tally.highest),
        "lowestTransaction": number(tally.lowest),
    }


def _percent(hundredths: int) -> int | float:
    return hundredths // 100 if hundredths % 100 == 0 else hundredths / 100
