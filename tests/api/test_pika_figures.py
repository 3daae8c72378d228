"""What Pika's home page asks for (contract pika, section 10): exact numbers, and what is no month and nobody."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdall.dialects.pika import analytics
from holdall.domain.access import Actor, Scope
from holdall.errors import Forbidden
from holdall.flows import figures
from holdall.flows.accounts import known_user
from holdall.ports import Services
from tests.support.inprocess import House
from tests.support.pika import Keeper, refusal

MONTH: Mapping[str, Any] = {"month": 2, "year": 2026}
MONTHLY = [path for _, path, _, _ in analytics.ROUTES if "monthly" in path or "daily" in path]
NOBODY = (404, "person_not_found", "Person not found")
WRONG = (400, "invalid_request", "Invalid request.")
SUMMARY = "/analytics/person-transaction-summary"


@pytest.fixture
def keeper(house: House) -> Keeper:
    """One whose days begin at midnight, UTC."""
    keeper = Keeper(house)
    keeper.put("/settings", timezone="UTC")
    return keeper


@pytest.fixture
def noor(keeper: Keeper) -> dict[str, Any]:
    """A person with an avatar, between whom and the user there was something in February 2026."""
    avatar = keeper.avatar()
    noor = {**keeper.person(avatarId=avatar["id"]), "url": avatar["url"]}
    cash, bank = keeper.account("Cash"), keeper.account("Bank")
    hers = {"personId": noor["id"]}
    keeper.spend(cash, amount="12.5", date="2026-02-01T00:00:00Z", tags=["5"], **hers)
    keeper.spend(cash, amount="0.1", date="2026-02-28T23:59:59Z", categoryId="6")
    keeper.spend(cash, amount="0.2", date="2026-02-28T23:59:59Z", categoryId="6", tags=["5", "7"])
    keeper.spend(cash, amount=100, date="2026-02-02T00:00:00Z", type="income", categoryId="40", tags=["5"], **hers)
    transfer = {"type": "transfer", "categoryId": "50", "toAccountId": bank["id"]}
    keeper.spend(cash, amount="7.0001", date="2026-02-02T12:00:00Z", **transfer, **hers)
    keeper.spend(cash, amount=999, date="2026-01-31T23:59:59Z", **hers)
    keeper.spend(cash, amount=999, date="2026-03-01T00:00:00Z")
    return noor


def exactly(told: Any, expected: Any) -> bool:
    """Key by key, in order, and 12 is not 12.0."""
    return json.dumps(told) == json.dumps(expected)


@pytest.mark.usefixtures("noor")
def test_a_month_in_one(keeper: Keeper):
    """Transfers are counted, and add nothing. 12.8 in 28 days is 0.4571 a day; 87.2 of 100 were saved."""
    assert exactly(
        keeper.get("/analytics/monthly-summary", **MONTH),
        {
            "year": 2026,
            "month": 2,
            "monthName": "February",
            "income": 100,
            "expenses": 12.8,
            "balance": 87.2,
            "transactionCount": 5,
            "savingsRate": 87.2,
            "avgDaily": 0.4571,
            "incomeTransactionCount": 1,
            "expenseTransactionCount": 3,
        },
    )


def day(
    date: str, balance: float = 0, income: float = 0, expenses: float = 0, transfers: float = 0, *counts: int
) -> Any:
    return {
        "date": date,
        "balance": balance,
        "income": income,
        "expenses": expenses,
        "transfers": transfers,
        "transactionCount": sum(counts),
        **dict(
            zip(
                ("incomeTransactionCount", "expenseTransactionCount", "transferTransactionCount"),
                counts or (0, 0, 0),
                strict=True,
            )
        ),
    }


@pytest.mark.usefixtures("noor")
def test_a_month_day_by_day(keeper: Keeper):
    """Each of its days is there, in order, and none of another month."""
    expected = {f"2026-02-{number:02d}": day(f"2026-02-{number:02d}") for number in range(1, 29)}
    expected["2026-02-01"] = day("2026-02-01", -12.5, 0, 12.5, 0, 0, 1, 0)
    expected["2026-02-02"] = day("2026-02-02", 100, 100, 0, 7.0001, 1, 0, 1)
    expected["2026-02-28"] = day("2026-02-28", -0.3, 0, 0.3, 0, 0, 2, 0)

    assert exactly(
        keeper.get("/analytics/daily-summaries", **MONTH),
        {"data": expected, "meta": {"month": "February", "year": 2026, "timezone": "UTC"}},
    )


@pytest.mark.usefixtures("noor")
def test_a_month_by_category(keeper: Keeper):
    """Expenses alone, the largest first; what is a parent says so."""
    food, home = keeper.get("/analytics/monthly-category-spending", **MONTH)["data"]

    assert exactly(
        food,
        {
            "categoryId": "4",
            "categoryName": "Food",
            "categoryIcon": "utensils",
            "categoryColor": "#FFFFFF",
            "categoryBgColor": "#DD6B20",
            "isParent": False,
            "parentId": "1",
            "isSystem": True,
            "description": "",
            "amount": 12.5,
            "transactionCount": 1,
            "averagePerTransaction": 12.5,
            "highestTransaction": 12.5,
            "lowestTransaction": 12.5,
        },
    )
    assert (home["categoryId"], home["isParent"], home["parentId"]) == ("6", True, None)
    assert [home[key] for key in list(home)[-5:]] == [0.3, 2, 0.15, 0.2, 0.1]
    meta = keeper.get("/analytics/monthly-category-spending", **MONTH)["meta"]
    assert exactly(meta, {"month": 2, "year": 2026, "totalExpenses": 12.8})


META = {"month": "February", "year": 2026, "totalExpenses": 12.8, "totalIncome": 100, "totalTransfers": 7.0001}


@pytest.mark.usefixtures("noor")
def test_a_month_by_tag(keeper: Keeper):
    """A transaction with two tags counts for each of them, and once in the whole."""
    told = keeper.get("/analytics/monthly-tag-activity", **MONTH)

    assert exactly(told["meta"], META)
    assert [tag["id"] for tag in told["data"]] == ["5", "7"]
    assert exactly(
        told["data"][0],
        {
            **next(tag for tag in keeper.get("/tags") if tag["id"] == "5"),
            "totalAmount": 87.3,
            "totalTransactionCount": 3,
            "expenseAmount": 12.7,
            "expenseTransactionCount": 2,
            "incomeAmount": 100,
            "incomeTransactionCount": 1,
            "transferAmount": 0,
            "transferTransactionCount": 0,
            "averagePerTransaction": 37.5667,
            "highestTransaction": 100,
            "lowestTransaction": 0.2,
        },
    )


def test_a_month_by_person(keeper: Keeper, noor: Any):
    """Balance and newest date are those of all times; whom nothing names comes last, with nothing."""
    ada = keeper.person("Ada")
    told = keeper.get("/analytics/monthly-person-activity", **MONTH)

    assert exactly(told["meta"], META)
    assert exactly(
        told["data"],
        [
            {
                "id": noor["id"],
                "name": "Noor",
                "email": "",
                "phone": "",
                "description": "",
                "avatarUrl": noor["url"],
                "balance": -911.5,
                "totalAmount": 87.5,
                "totalTransactionCount": 3,
                "incomeAmount": 100,
                "incomeTransactionCount": 1,
                "expenseAmount": 12.5,
                "expenseTransactionCount": 1,
                "averagePerTransaction": 39.8334,
                "highestTransaction": 100,
                "lowestTransaction": 7.0001,
                "lastTransactionAt": "2026-02-02 12:00:00",
            },
            {
                "id": ada["id"],
                "name": "Ada",
                "email": "",
                "phone": "",
                "description": "",
                "avatarUrl": None,
                "balance": 0,
                "totalAmount": 0,
                "totalTransactionCount": 0,
                "incomeAmount": 0,
                "incomeTransactionCount": 0,
                "expenseAmount": 0,
                "expenseTransactionCount": 0,
                "averagePerTransaction": 0,
                "highestTransaction": 0,
                "lowestTransaction": 0,
                "lastTransactionAt": None,
            },
        ],
    )


def test_a_deleted_avatar_has_no_address(keeper: Keeper):
    """As where people are listed."""
    avatar = keeper.avatar()
    keeper.person(avatarId=avatar["id"])
    keeper.delete(f"/upload/{avatar['id']}")

    [noor] = keeper.get("/analytics/monthly-person-activity")["data"]
    assert noor["avatarUrl"] is None


def test_this_week(keeper: Keeper):
    """What was spent, Monday first; neither the week before, nor the next, nor income."""
    cash, today = keeper.account(), datetime.now(UTC).replace(hour=12)
    monday = today - timedelta(days=today.weekday())

    def at(days: int) -> str:
        return (monday + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

    for days, amount in ((0, "1.5"), (0, 1), (6, "12.5"), (-1, 99), (7, 99)):
        keeper.spend(cash, amount=amount, date=at(days))
    keeper.spend(cash, amount=50, date=at(2), type="income", categoryId="40")

    expected = {"mon": 2.5, "tue": 0, "wed": 0, "thu": 0, "fri": 0, "sat": 0, "sun": 12.5}
    assert exactly(keeper.get("/analytics/weekly-expenses"), expected)


def test_days_are_those_of_the_users_zone(keeper: Keeper):
    """Half past six in the evening in UTC is tomorrow in India, and another month."""
    cash, noor = keeper.account(), keeper.person()
    keeper.put("/settings", timezone="Asia/Kolkata")
    for date in ("2026-01-31T18:29:59Z", "2026-01-31T18:30:00Z", "2026-02-28T18:29:59Z", "2026-02-28T18:30:00Z"):
        keeper.spend(cash, amount=1, date=date, personId=noor["id"])

    told = keeper.get("/analytics/daily-summaries", **MONTH)
    assert told["meta"]["timezone"] == "Asia/Kolkata"
    assert {date: each["expenses"] for date, each in told["data"].items() if each["expenses"]} == {
        "2026-02-01": 1,
        "2026-02-28": 1,
    }
    for what in ("summary", "category-spending", "tag-activity", "person-activity"):
        told = keeper.get(f"/analytics/monthly-{what}", **MONTH)
        assert (told.get("expenses") or told["meta"]["totalExpenses"]) == 2
    periods = keeper.get(SUMMARY, personId=noor["id"], timeBucket="monthly")["data"]
    assert [(each["period"], each["expense"]) for each in periods] == [
        ("2026-01-01T00:00:00+05:30", 1),
        ("2026-02-01T00:00:00+05:30", 2),
        ("2026-03-01T00:00:00+05:30", 1),
    ]


def test_a_new_user_has_indian_days(house: House):
    """As settings say before anything was chosen."""
    assert Keeper(house).get("/analytics/daily-summaries")["meta"]["timezone"] == "Asia/Kolkata"


@pytest.mark.parametrize(
    ("bucket", "periods"),
    [
        ("daily", ["2026-01-31", "2026-02-01", "2026-02-02"]),
        ("weekly", ["2026-01-26", "2026-02-02"]),
        ("monthly", ["2026-01-01", "2026-02-01"]),
        ("yearly", ["2026-01-01"]),
    ],
)
def test_a_person_by_period(keeper: Keeper, noor: Any, bucket: str, periods: list[str]):
    """Only periods in which something came or went; transfers do neither."""
    told = keeper.get(SUMMARY, personId=noor["id"], timeBucket=bucket)

    assert [each["period"] for each in told["data"]] == [f"{day}T00:00:00+00:00" for day in periods]
    assert sum(each["balance"] for each in told["data"]) == -911.5
    assert told["meta"] == {"timeBucket": bucket, "startDate": None, "endDate": None}


@pytest.mark.parametrize(
    ("since", "until", "expense", "income"),
    [
        ("2026-02-01", "2026-02-28", 12.5, 100),
        ("2026-02-01", "2026-02-01", 12.5, 0),
        ("2026-01-31T23:59:59Z", "2026-02-01T00:00:00.000Z", 1011.5, 0),
        ("2026-02-01T00:00:01Z", "", 0, 100),
        ("", "2026-01-31", 999, 0),
    ],
)
def test_a_person_between_two_days(keeper: Keeper, noor: Any, since: str, until: str, expense: float, income: float):
    """Both are meant too; a period that is cut keeps its name."""
    told = keeper.get(SUMMARY, personId=noor["id"], timeBucket="yearly", startDate=since, endDate=until)

    assert exactly(
        told,
        {
            "data": [
                {
                    "period": "2026-01-01T00:00:00+00:00",
                    "expense": expense,
                    "income": income,
                    "balance": income - expense,
                }
            ],
            "meta": {"timeBucket": "yearly", "startDate": since or None, "endDate": until or None},
        },
    )


def test_a_mistyped_century_costs_no_more(keeper: Keeper):
    """Days between two that are far apart are not walked through."""
    cash, noor = keeper.account(), keeper.person()
    for date in ("1900-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2999-12-31T23:59:59Z"):
        keeper.spend(cash, amount=1, date=date, personId=noor["id"])

    told = keeper.get(SUMMARY, personId=noor["id"], timeBucket="daily")["data"]

    assert [each["period"][:10] for each in told] == ["1900-01-01", "2026-02-01", "2999-12-31"]


def test_an_empty_month_has_all_its_days(keeper: Keeper):
    """Nothing is divided by nothing."""
    told = keeper.get("/analytics/daily-summaries", month="12", year="9999")

    assert list(told["data"])[::30] == ["9999-12-01", "9999-12-31"]
    summary = keeper.get("/analytics/monthly-summary", month="02", year=1900)
    assert (summary["year"], summary["savingsRate"], summary["avgDaily"]) == (1900, 0, 0)
    for what in ("category-spending", "tag-activity", "person-activity"):
        assert keeper.get(f"/analytics/monthly-{what}", **MONTH)["data"] == []


def test_what_is_not_asked_for_is_now(keeper: Keeper):
    now = datetime.now(UTC)

    told = keeper.get("/analytics/monthly-summary", month=now.month)
    assert (told["month"], told["year"]) == (now.month, now.year)
    assert keeper.get("/analytics/monthly-summary", year=2020)["year"] == 2020


@pytest.mark.parametrize("path", MONTHLY)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("month", value) for value in ("0", "13", "-1", "", "x", "2.5", "1e1", "٢", "[2]", "9" * 50, "2\0", "null")),
        *(("year", value) for value in ("1899", "10000", "0", "-2026", "", "MMXXVI", "2026.0", "9" * 5000)),
    ],
)
def test_what_is_no_month_is_refused(keeper: Keeper, path: str, name: str, value: str):
    answer = keeper.ask("GET", path, params={**MONTH, name: value})

    assert refusal(answer) == WRONG
    assert name in answer.json()["data"]["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeBucket": "hourly"},
        {"timeBucket": ""},
        {"timeBucket": "x" * 5000},
        {"startDate": "yesterday"},
        {"startDate": "2026-02-30"},
        {"endDate": "2026-13-01"},
        {"endDate": "2026-02-01T00:00:00+05:30"},
        {"endDate": "9999-12-31"},
        {"endDate": "٢٠٢٦-02-01"},
        {"startDate": "2026-02-02", "endDate": "2026-02-01"},
        {"startDate": "2026-02-01T00:00:01Z", "endDate": "2026-02-01T00:00:00Z"},
    ],
    ids=str,
)
def test_what_is_no_period_is_refused(keeper: Keeper, wrong: dict[str, str]):
    answer = keeper.ask("GET", SUMMARY, params={"personId": keeper.person()["id"], **wrong})

    assert refusal(answer) == WRONG
    assert answer.json()["data"]["detail"]


@pytest.mark.parametrize("number", ["99999999", "x", "-1", "1.5", "", "null", "[1]", "9" * 60, "0"])
def test_a_person_who_is_not_there_has_no_figures(keeper: Keeper, number: str):
    assert refusal(keeper.ask("GET", SUMMARY, params={"personId": number})) == NOBODY


def test_a_person_has_to_be_named(keeper: Keeper):
    assert refusal(keeper.ask("GET", SUMMARY)) == WRONG
    assert refusal(keeper.ask("GET", SUMMARY, params={"personId[]": "1"})) == WRONG


def test_who_may_not_read_is_told_no_figure(house: House, keeper: Keeper):
    """The stories ask as well, whatever a door does."""

    async def ask(services: Services) -> None:
        user = await services.work.read(lambda ledger: known_user(ledger, keeper.login))
        await figures.month_summary(services, Actor(user, "tok", frozenset({Scope.WRITE})), 2, 2026)

    with pytest.raises(Forbidden):
        house.tell(ask)


def test_figures_are_of_ones_own_books(house: House, noor: Any):
    """Whatever another user's are, one's own are empty, and theirs are as they were."""
    other = Keeper(house)

    assert refusal(other.ask("GET", SUMMARY, params={"personId": noor["id"]})) == NOBODY
    assert other.get("/analytics/monthly-summary", **MONTH)["transactionCount"] == 0
    days = other.get("/analytics/daily-summaries", **MONTH)["data"].values()
    assert sum(each["transactionCount"] for each in days) == 0
    for what in ("category-spending", "tag-activity", "person-activity"):
        told = other.get(f"/analytics/monthly-{what}", **MONTH)
        assert (told["data"], told["meta"]["totalExpenses"]) == ([], 0)


@pytest.mark.parametrize("path", [path for _, path, _, _ in analytics.ROUTES])
def test_figures_take_a_cookie(house: House, path: str):
    answer = house.request("GET", "/wp-json/pika/v1" + path)

    assert refusal(answer) == (401, "unauthorized", "Unauthorized access.")
