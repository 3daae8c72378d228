"""What Pika's dialect says in OpenAPI of the figures that its home page asks for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from holdall.dialects.pika import analytics
from holdall.dialects.pika.books_openapi import ID, TIME, operation, told
from holdall.dialects.pika.failures import CALLER
from holdall.domain.access import Scope
from holdall.domain.bookkeeping.entries import Person
from holdall.domain.bookkeeping.figures import NONE, Tallies, Tally
from holdall.domain.bookkeeping.labels import CATEGORIES, TAGS
from holdall.domain.bookkeeping.periods import DAYS, FIRST_YEAR, LAST_YEAR, Bucket, Month
from holdall.errors import Forbidden, Malformed, Missing
from holdall.flows.figures import MonthOf, MonthOfDays, MonthSummary
from holdall.web import openapi
from holdall.web.openapi import Failures, Json, Operation, list_of, object_of, parameter, ref, text

_FIGURES = "Pika figures"
TAGS_OF_OPERATIONS = {_FIGURES: "What transactions come to: by day, month, category, tag and person."}

# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _amount(description: str = "") -> Json:
    return {"type": "number", "description": description} if description else {"type": "number"}


def _keys(*names: str) -> dict[str, Json]:
    """Amounts and counts, by their names."""
    return {name: openapi.whole() if name.endswith("Count") else _amount() for name in names}


_EXTREMES: dict[str, Json] = {
    "averagePerTransaction": _amount("To four places."),
    **_keys("highestTransaction", "lowestTransaction"),
}
_BOTH_WAYS = _keys("incomeAmount", "incomeTransactionCount", "expenseAmount", "expenseTransactionCount")
_NET = _amount("Income less expenses.")
_WHOLE = object_of(
    {"month": text("Its name."), "year": openapi.whole(), **_keys("totalExpenses", "totalIncome", "totalTransfers")},
    description="Of all transactions of the month, each once.",
)
SCHEMAS: dict[str, Json] = {
    "PikaWeeklyExpenses": object_of({day: _amount() for day in DAYS}),
    "PikaMonthlySummary": object_of(
        {
            "year": openapi.whole(),
            "month": openapi.whole(),
            "monthName": text(),
            **_keys("income", "expenses"),
            "balance": _NET,
            "transactionCount": openapi.whole("Transfers too."),
            "savingsRate": _amount("Percent of the income that was not spent, to two places; 0 without income."),
            "avgDaily": _amount("Expenses of a day; of the present month, of the days up to today."),
            **_keys("incomeTransactionCount", "expenseTransactionCount"),
        }
    ),
    "PikaDailySummary": object_of(
        {
            "date": text(format="date"),
            "balance": _NET,
            **_keys("income", "expenses", "transfers"),
            "transactionCount": openapi.whole(),
            **_keys("incomeTransactionCount", "expenseTransactionCount", "transferTransactionCount"),
        }
    ),
    "PikaDailySummaries": object_of(
        {
            "data": {
                "type": "object",
                "additionalProperties": ref("PikaDailySummary"),
                "description": "By date; every day of the month.",
            },
            "meta": object_of(
                {"month": text("Its name."), "year": openapi.whole(), "timezone": text("In which days are days.")}
            ),
        }
    ),
    "PikaCategorySpending": object_of(
        {
            "data": list_of(
                object_of(
                    {
                        "categoryId": ID,
                        **{f"category{key}": text() for key in ("Name", "Icon", "Color", "BgColor")},
                        "isParent": {"type": "boolean"},
                        "parentId": {"type": ["string", "null"], "pattern": "^[0-9]+$"},
                        "isSystem": {"type": "boolean"},
                        "description": text(),
                        **_keys("amount", "transactionCount"),
                        **_EXTREMES,
                    }
                ),
                "Those that anything was spent on, the largest first; what is filed under a child is not its parent's.",
            ),
            "meta": object_of({"month": openapi.whole(), "year": openapi.whole(), "totalExpenses": _amount()}),
        }
    ),
    "PikaTagActivity": object_of(
        {
            "data": list_of(
                object_of(
                    {
                        "id": ID,
                        **{key: text() for key in ("name", "color", "bgColor", "icon", "description")},
                        "isSystem": {"type": "boolean"},
                        "totalAmount": _NET,
                        "totalTransactionCount": openapi.whole("Transfers too."),
                        **_BOTH_WAYS,
                        **_keys("transferAmount", "transferTransactionCount"),
                        **_EXTREMES,
                    }
                ),
                "Those that a transaction has, by what went through. A transaction with two tags counts for both.",
            ),
            "meta": _WHOLE,
        }
    ),
    "PikaPersonActivity": object_of(
        {
            "data": list_of(
                object_of(
                    {
                        "id": ID,
                        **{key: text() for key in ("name", "email", "phone", "description")},
                        "avatarUrl": {"type": ["string", "null"], "format": "uri"},
                        "balance": _amount("Of all times, as where people are listed."),
                        "totalAmount": _NET,
                        "totalTransactionCount": openapi.whole("Transfers too."),
                        **_BOTH_WAYS,
                        **_EXTREMES,
                        "lastTransactionAt": {**TIME, "description": "Of all times; UTC."},
                    }
                ),
                "Everybody, by what went through; those between whom and the user there was nothing last, by name.",
            ),
            "meta": _WHOLE,
        }
    ),
    "PikaPersonSummary": object_of(
        {
            "data": list_of(
                object_of(
                    {
                        "period": text("When it begins, in the user's zone.", format="date-time"),
                        **_keys("expense", "income", "balance"),
                    }
                ),
                "Periods in which anything came or went, the first first.",
            ),
            "meta": object_of(
                {
                    "timeBucket": text(enum=list(Bucket)),
                    "startDate": {"type": ["string", "null"]},
                    "endDate": {"type": ["string", "null"]},
                }
            ),
        }
    ),
}

# ── examples, told by the dialect's own wire ─────────────────────────────────────────────────────────────────────

_NOW = datetime(2026, 2, 11, 18, 0, tzinfo=UTC)
_MONTH = Month(2026, 2)
_SPENT = Tallies(expense=Tally(1, 125_000, 125_000, 125_000))
_NOOR = Person(31, "Noor", "", "", "", None, 0, 125_000, 1, _NOW, _NOW, _NOW)


def _month_of(*parts: Any) -> MonthOf[Any]:
    return MonthOf(_MONTH, parts, _SPENT, {})


def _examples() -> Mapping[str, Any]:
    days = {day: _SPENT if day == _NOW.date() else NONE for day in _MONTH.days}
    return {
        "weekly-expenses": analytics.weekly_expenses([0, 0, 0, 0, 0, 0, 125_000]),
        "monthly-summary": analytics.monthly_summary(MonthSummary(_MONTH, _SPENT, _NOW.day)),
        "daily-summaries": analytics.daily_summaries(MonthOfDays(_MONTH, UTC, days)),
        "monthly-category-spending": analytics.category_spending(_month_of((CATEGORIES[4], _SPENT))),
        "monthly-tag-activity": analytics.tag_activity(_month_of((TAGS[5], _SPENT))),
        "monthly-person-activity": analytics.person_activity(_month_of((_NOOR, _SPENT)), ""),
        "person-transaction-summary": analytics.person_summary(
            [(_NOW.replace(day=1, hour=0), _SPENT)], Bucket.MONTHLY, None, None
        ),
    }


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────

_READER: Failures = {**CALLER, "a credential without the right to read": Forbidden(Scope.READ)}
_NO_MONTH: Failures = {
    "no such month, or year": Malformed("query", "month is '13'; it can be a whole number from 1 to 12")
}
_NO_PERIOD: Failures = {
    "no personId": Malformed("query", "personId is missing"),
    "no such person, or another user's": Missing("person", "31"),
    "a timeBucket that is none": Malformed("query", "timeBucket is 'hourly'; it can be daily"),
    "a date that is none, or an end before the start": Malformed("query", "startDate is after endDate"),
}

# ── operations ───────────────────────────────────────────────────────────────────────────────────────────────────

_WHICH_MONTH = (
    parameter("query", "month", {"type": "integer", "minimum": 1, "maximum": 12}, "The present one unless named."),
    parameter("query", "year", {"type": "integer", "minimum": FIRST_YEAR, "maximum": LAST_YEAR}, "As `month`."),
)
_DATE = "A day of the user's zone, or a time in UTC, in ISO 8601; it is meant too."
_WHICH_PERIODS = (
    parameter("query", "personId", {"type": "string"}, "Needed.", "31"),
    parameter("query", "timeBucket", {"type": "string", "enum": list(Bucket), "default": Bucket.MONTHLY.value}),
    parameter("query", "startDate", {"type": "string"}, _DATE, "2026-02-01"),
    parameter("query", "endDate", {"type": "string"}, _DATE, "2026-02-28"),
)


def operations() -> list[Operation]:
    """Those of figures."""
    months = (
        ("monthly-summary", "PikaMonthlySummary", "A month in one"),
        ("daily-summaries", "PikaDailySummaries", "A month day by day"),
        ("monthly-category-spending", "PikaCategorySpending", "A month by category"),
        ("monthly-tag-activity", "PikaTagActivity", "A month by tag"),
        ("monthly-person-activity", "PikaPersonActivity", "A month by person"),
    )
    return [
        _operation("weekly-expenses", "PikaWeeklyExpenses", "This week", {}, ()),
        *(_operation(path, schema, summary, _NO_MONTH, _WHICH_MONTH) for path, schema, summary in months),
        _operation("person-transaction-summary", "PikaPersonSummary", "A person by period", _NO_PERIOD, _WHICH_PERIODS),
    ]


def _operation(path: str, schema: str, summary: str, wrong: Failures, parameters: tuple[Json, ...]) -> Operation:
    return operation(
        "GET",
        f"/analytics/{path}",
        "Get" + schema.removeprefix("Pika"),
        _FIGURES,
        summary,
        told("Numbers, of the caller's own transactions.", ref(schema), _examples()[path], _READER, wrong),
        "Days are those of the caller's time zone.",
        parameters=parameters,
    )
