"""Pika's transactions: order of refusals, ties, sums (contract pika, sections 6, 12, 14 and 15)."""

from typing import Any

import pytest

from tests.support.inprocess import House
from tests.support.pika import GROCERIES, Keeper, refusal

GONE = (404, "not_found", "Transaction not found")


@pytest.fixture
def keeper(house: House) -> Keeper:
    return Keeper(house)


def bad(code: str, message: str) -> tuple[int, str, str]:
    return 400, code, message


TITLE = bad("invalid_title", "Invalid title")
AMOUNT = bad("invalid_amount", "Invalid amount, must be greater than 0")
DATE = bad("invalid_date", "Invalid date")
TYPE = bad("invalid_type", 'Invalid type, must be "income", "expense" or "transfer"')
CATEGORY = bad("invalid_category_id", "Invalid category id")
ACCOUNT = bad("invalid_account_id", "Invalid account id")
PERSON = bad("invalid_person_id", "Invalid person id")
TO_ACCOUNT = bad("invalid_to_account_id", "Invalid to account id")
TAGS = bad("invalid_tags", "Invalid tags")
ATTACHMENTS = bad("invalid_attachments", "Invalid attachments")


# ── what is answered ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_transaction_is_answered_with_all_that_it_names(keeper: Keeper):
    account, person = keeper.account(), keeper.person()
    receipts = [keeper.upload(kind="document"), keeper.upload()]

    made = keeper.spend(
        account,
        personId=int(person["id"]),
        note="for the party",
        tags=["5"],
        attachments=[receipts[0]["id"], int(receipts[1]["id"])],
    )

    spent = {"totalTransactions": 1, "balance": "-23.9000", "lastTransactionAt": "2026-02-11 18:00:00"}
    assert made == {
        "id": made["id"],
        "title": "Groceries",
        "amount": "23.9000",
        "date": "2026-02-11T18:00:00+00:00",
        "type": "expense",
        "category": made["category"],
        "account": {**account, **spent},
        "person": {key: value for key, value in keeper.get(f"/people/{person['id']}").items() if key != "totalSummary"},
        "toAccount": None,
        "note": "for the party",
        "attachments": receipts,
        "tags": made["tags"],
    }
    assert (made["category"]["id"], made["category"]["name"]) == ("4", "Food")
    assert [tag["id"] for tag in made["tags"]] == ["5"]
    assert keeper.get(f"/transactions/{made['id']}") == made
    assert keeper.get("/transactions") == [made]


def test_no_person_tags_or_attachments_is_well(keeper: Keeper):
    """As Pika's front-end sends it."""
    made = keeper.spend(keeper.account(), personId=None, toAccountId=None, note="", tags=None, attachments=None)

    assert (made["person"], made["toAccount"], made["tags"], made["attachments"]) == (None, None, [], [])


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (23.9, "23.9000"),
        ("23.9", "23.9000"),
        (5, "5.0000"),
        (0.1 + 0.2, "0.3000"),
        ("0.00005", None),
        ("0.00015", "0.0002"),
        (99_999_999_999.9999, "99999999999.9999"),
        ("1e3", "1000.0000"),
    ],
)
def test_amounts_are_exact_to_four_places(keeper: Keeper, sent: Any, kept: str | None):
    answer = keeper.ask("POST", "/transactions", {**GROCERIES, "accountId": keeper.account()["id"], "amount": sent})

    if kept is None:
        assert refusal(answer) == AMOUNT
    else:
        assert answer.json()["amount"] == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-02-11T18:00:00.000Z", "2026-02-11T18:00:00+00:00"),
        ("2026-02-11T18:00:00Z", "2026-02-11T18:00:00+00:00"),
        ("2026-02-11T18:00:00+00:00", "2026-02-11T18:00:00+00:00"),
        ("2026-02-11T18:00:00.123456789Z", "2026-02-11T18:00:00+00:00"),
        ("2026-02-11", "2026-02-11T00:00:00+00:00"),
    ],
)
def test_dates_are_taken_in_utc(keeper: Keeper, sent: str, kept: str):
    """A day alone too, as the original's page says (section 14, C10)."""
    assert keeper.spend(keeper.account(), date=sent)["date"] == kept


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────

_ORDER: list[tuple[dict[str, Any], tuple[int, str, str]]] = [
    ({"title": ""}, TITLE),
    ({"amount": 0}, AMOUNT),
    ({"date": "tomorrow"}, DATE),
    ({"type": "gift"}, TYPE),
    ({"categoryId": "x"}, CATEGORY),
    ({"accountId": "x"}, ACCOUNT),
    ({"personId": "x"}, PERSON),
    ({"toAccountId": "x"}, TO_ACCOUNT),
    ({"tags": "x"}, TAGS),
    ({"attachments": "x"}, ATTACHMENTS),
]


@pytest.mark.parametrize("first", range(len(_ORDER)))
def test_the_first_of_several_faults_is_told(keeper: Keeper, first: int):
    """In the documented order. A destination is looked at in transfers alone."""
    cash = keeper.account()
    good = {**GROCERIES, "type": "transfer", "categoryId": keeper.category("transfer"), "accountId": cash["id"]}
    wrong = {key: value for fault, _ in _ORDER[first:] for key, value in fault.items()}
    to = {"toAccountId": keeper.account("Bank")["id"]}

    assert refusal(keeper.ask("POST", "/transactions", {**good, **to, **wrong})) == _ORDER[first][1]


_TEXTS = [None, "", 5, [], {}, True, "x" * 10_000, "<b>x</b>", "a\u202eb"]
_AMOUNTS = [None, "", 0, -5, "-5", "0", "abc", "NaN", "Infinity", "-Infinity", [], [5], {}, True, 1e30, "1e999999999"]
_AMOUNTS += ["1_000", "٣", 10**18, "9" * 50, "0x10", " ", "100000000000.0001"]
_DATES = [None, "", 5, [], "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-02-11T18:00:00+02:00", "now"]
_DATES += ["2026-02-11T18:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-11T25:00:00Z", "٢٠٢٦-02-11"]
_TYPES = [None, "", "Expense", 5, [], {}, "gift"]
_IDS = [0, "0", -1, "x", [], ["3"], {}, True, 1.5, 10**40, "99999999", "3; DROP", "\u0663"]
_CONFUSED = [
    *[("title", value, TITLE) for value in _TEXTS],
    *[("amount", value, AMOUNT) for value in _AMOUNTS],
    *[("date", value, DATE) for value in _DATES],
    *[("type", value, TYPE) for value in _TYPES],
    *[("categoryId", value, CATEGORY) for value in [None, "", *_IDS]],
    *[("accountId", value, ACCOUNT) for value in [None, "", *_IDS]],
    *[("personId", value, PERSON) for value in _IDS],
    *[("tags", value, TAGS) for value in ("", "5", 5, {}, True, [[]], [None], ["x"], [99999999], [5, 0], [5] * 101)],
    *[("attachments", value, ATTACHMENTS) for value in ("", "5", 5, {}, False, [[]], [None], ["x"], [99999999], [-1])],
]


def test_confused_values_are_refused_as_documented(keeper: Keeper):
    """For a new transaction, and for one that is there."""
    good = {**GROCERIES, "accountId": keeper.account()["id"]}
    made = keeper.spend({"id": good["accountId"]})

    for key, value, told in _CONFUSED:
        assert refusal(keeper.ask("POST", "/transactions", {**good, key: value})) == told, (key, value)
        assert refusal(keeper.ask("PUT", f"/transactions/{made['id']}", {key: value})) == told, (key, value)
    assert keeper.get("/transactions") == [made]


@pytest.mark.parametrize("note", [5, [], {}, "x" * 10_000, "a\0b"])
def test_a_note_is_text(keeper: Keeper, note: Any):
    answer = keeper.ask("POST", "/transactions", {**GROCERIES, "accountId": keeper.account()["id"], "note": note})

    assert refusal(answer) == bad("invalid_request", "Invalid request.")


def test_what_is_named_is_ones_own(house: House, keeper: Keeper):
    """For a new transaction and for one that is there; the original takes other people's people (section 15, B7)."""
    other, cash = Keeper(house), keeper.account()
    good = {**GROCERIES, "type": "transfer", "categoryId": keeper.category("transfer"), "accountId": cash["id"]}
    made = keeper.post("/transactions", **{**good, "toAccountId": keeper.account("Bank")["id"]})
    for key, id, told in (
        ("categoryId", other.new_category(type="transfer")["id"], CATEGORY),
        ("accountId", other.account()["id"], ACCOUNT),
        ("personId", other.person()["id"], PERSON),
        ("toAccountId", other.account("Purse")["id"], TO_ACCOUNT),
        ("tags", [other.new_tag()["id"]], TAGS),
        ("attachments", [other.upload()["id"]], ATTACHMENTS),
    ):
        sent = {**good, "toAccountId": made["toAccount"]["id"], key: id}
        assert refusal(keeper.ask("POST", "/transactions", sent)) == told
        assert refusal(keeper.ask("PUT", f"/transactions/{made['id']}", {key: id})) == told
    assert keeper.get("/transactions") == [made]


def test_receipts_are_what_came_in_as_attachments(keeper: Keeper):
    """For whom they were uploaded is not looked at, as in the original."""
    account = keeper.account()
    for wrong in (keeper.avatar(), keeper.upload("other")):
        answer = keeper.ask(
            "POST", "/transactions", {**GROCERIES, "accountId": account["id"], "attachments": [wrong["id"]]}
        )
        assert refusal(answer) == ATTACHMENTS
    of_person = keeper.upload(entity="person")

    assert keeper.spend(account, attachments=[of_person["id"]])["attachments"] == [of_person]


def test_a_category_is_of_the_transactions_type(keeper: Keeper):
    account = keeper.account()
    answer = keeper.ask("POST", "/transactions", {**GROCERIES, "accountId": account["id"], "type": "income"})
    assert refusal(answer) == CATEGORY

    assert keeper.spend(account, type="income", categoryId=keeper.category("income"))["account"]["balance"] == "23.9000"


@pytest.mark.parametrize("to", [None, "", "x", "same", "none"])
def test_a_transfer_goes_to_another_account(keeper: Keeper, to: Any):
    cash = keeper.account()
    body = {**GROCERIES, "accountId": cash["id"], "type": "transfer", "categoryId": keeper.category("transfer")}
    if to != "none":
        body["toAccountId"] = cash["id"] if to == "same" else to

    assert refusal(keeper.ask("POST", "/transactions", body)) == TO_ACCOUNT


def test_only_a_transfer_has_a_destination(keeper: Keeper):
    """What is sent for another is dropped (section 15, B8)."""
    cash, bank = keeper.account("Cash"), keeper.account("Bank")

    assert keeper.spend(cash, toAccountId=bank["id"])["toAccount"] is None
    assert keeper.get(f"/accounts/{bank['id']}")["balance"] == "0.0000"


def test_duplicates_hang_once(keeper: Keeper):
    receipt = keeper.upload()

    made = keeper.spend(keeper.account(), attachments=[receipt["id"], int(receipt["id"])], tags=["5", 5])

    assert made["attachments"] == [receipt]
    assert [tag["id"] for tag in made["tags"]] == ["5"]


def test_books_that_are_full_take_no_more(house: House, keeper: Keeper):
    """Every sum has to fit where it is kept."""
    account = keeper.account()
    house.tell(lambda services: services.work.write(lambda ledger: _fill(ledger, keeper.number)))

    answer = keeper.ask("POST", "/transactions", {**GROCERIES, "accountId": account["id"]})

    assert refusal(answer) == AMOUNT
    assert "full" in answer.json()["data"]["detail"]


def _fill(ledger: Any, user: int) -> None:
    ledger.books.hold(user)
    ledger.books.turn_over(user, 4 * 10**18)


# ── change and removal ───────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_not_named_stays(keeper: Keeper):
    """Tags and attachments too, where the original unlinks them (section 15, B4)."""
    made = keeper.spend(keeper.account(), tags=["5"], attachments=[keeper.upload()["id"]], note="x")

    assert keeper.put(f"/transactions/{made['id']}", title="Food") == {**made, "title": "Food"}
    assert refusal(keeper.ask("PUT", f"/transactions/{made['id']}", {"x": 1}))[1] == "no_update"


def test_the_front_end_sends_everything_back(keeper: Keeper):
    made = keeper.spend(keeper.account(), tags=["5"], attachments=[keeper.upload()["id"]])
    sent = {**GROCERIES, "accountId": made["account"]["id"], "personId": None, "toAccountId": None, "note": ""}

    changed = keeper.put(
        f"/transactions/{made['id']}",
        **{**sent, "tags": [tag["id"] for tag in made["tags"]], "attachments": [made["attachments"][0]["id"]]},
    )

    assert changed == made


def test_a_transaction_becomes_a_transfer_and_back(keeper: Keeper):
    """Which the original cannot do (section 15, B5 and B6)."""
    cash, bank = keeper.account("Cash"), keeper.account("Bank")
    path = f"/transactions/{keeper.spend(cash, amount=10)['id']}"
    assert refusal(keeper.ask("PUT", path, {"type": "transfer"})) == CATEGORY

    moved = keeper.put(path, type="transfer", categoryId=keeper.category("transfer"), toAccountId=bank["id"])

    assert (moved["account"]["balance"], moved["toAccount"]["balance"]) == ("-10.0000", "10.0000")
    assert keeper.put(path, title="Moved")["toAccount"]["id"] == bank["id"]
    spent = keeper.put(path, type="expense", categoryId="4")
    assert (spent["toAccount"], spent["account"]["balance"]) == (None, "-10.0000")
    assert keeper.get(f"/accounts/{bank['id']}")["balance"] == "0.0000"


def test_sums_follow_every_change(keeper: Keeper):
    cash, bank, noor, ada = keeper.account("Cash"), keeper.account("Bank"), keeper.person("Noor"), keeper.person("Ada")
    path = f"/transactions/{keeper.spend(cash, amount=10, personId=noor['id'])['id']}"

    keeper.put(path, amount="12.5", accountId=bank["id"], personId=ada["id"])

    balances = {each["name"]: (each["balance"], each["totalTransactions"]) for each in keeper.get("/accounts")}
    assert balances == {"Cash": ("0.0000", 0), "Bank": ("-12.5000", 1)}
    people = {each["name"]: (each["balance"], each["totalTransactions"]) for each in keeper.get("/people")}
    assert people == {"Noor": ("0.0000", "0"), "Ada": ("-12.5000", "1")}
    keeper.delete(path)
    assert {each["balance"] for each in (*keeper.get("/accounts"), *keeper.get("/people"))} == {"0.0000"}


def test_receipts_that_are_let_go_are_deleted_with_their_grace(keeper: Keeper):
    kept, gone = keeper.upload(), keeper.upload()
    made = keeper.spend(keeper.account(), attachments=[kept["id"], gone["id"]])

    changed = keeper.put(f"/transactions/{made['id']}", attachments=[kept["id"]])

    assert changed["attachments"] == [kept]
    assert keeper.get(f"/upload/{kept['id']}")["deletedAt"] is None
    assert keeper.get(f"/upload/{gone['id']}")["restorableUntil"] is not None


def test_a_receipt_of_two_transactions_stays_with_the_other(keeper: Keeper):
    receipt, account = keeper.upload(), keeper.account()
    first, second = (keeper.spend(account, attachments=[receipt["id"]]) for _ in range(2))

    keeper.delete(f"/transactions/{first['id']}")
    assert keeper.get(f"/transactions/{second['id']}")["attachments"] == [receipt]
    keeper.put(f"/transactions/{second['id']}", attachments=None)

    assert keeper.get(f"/upload/{receipt['id']}")["deletedAt"] is not None


def test_a_deleted_receipt_comes_back_to_where_it_hung(keeper: Keeper):
    """Though the transaction was saved meanwhile by one who did not see it."""
    receipts = [keeper.upload() for _ in range(2)]
    path = f"/transactions/{keeper.spend(keeper.account(), attachments=[each['id'] for each in receipts])['id']}"
    keeper.delete(f"/upload/{receipts[0]['id']}")
    assert keeper.get(path)["attachments"] == [receipts[1]]
    keeper.put(path, attachments=[receipts[1]["id"]])

    keeper.post(f"/upload/{receipts[0]['id']}/restore")

    assert sorted(each["id"] for each in keeper.get(path)["attachments"]) == sorted(each["id"] for each in receipts)


def test_a_transaction_is_deleted_with_its_ties(keeper: Keeper):
    receipt, account = keeper.upload(), keeper.account()
    made = keeper.spend(account, attachments=[receipt["id"]], tags=["5"])

    assert keeper.delete(f"/transactions/{made['id']}") == {"message": "Transaction deleted successfully"}

    assert refusal(keeper.ask("GET", f"/transactions/{made['id']}")) == GONE
    assert keeper.get(f"/upload/{receipt['id']}")["deletedAt"] is not None
    assert keeper.get(f"/accounts/{account['id']}") == account


def test_transactions_of_others_are_not_there(house: House, keeper: Keeper):
    other = Keeper(house)
    path = f"/transactions/{other.spend(other.account())['id']}"

    for answer in (
        keeper.ask("GET", path),
        keeper.ask("PUT", path, {"title": ""}),
        keeper.ask("DELETE", path),
        keeper.ask("GET", "/transactions/99999999"),
    ):
        assert refusal(answer) == GONE
    assert keeper.get("/transactions") == []


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_newest_come_first(keeper: Keeper):
    account = keeper.account()
    for day in (3, 1, 2):
        keeper.spend(account, title=f"Day {day}", date=f"2026-02-0{day}T10:00:00Z")

    def titles(**query: Any) -> list[str]:
        return [each["title"] for each in keeper.get("/transactions", **query)]

    assert titles() == ["Day 3", "Day 2", "Day 1"]
    assert titles(limit=1, offset=1) == ["Day 2"]
    assert titles(limit=0) == []
    assert titles(offset=5) == []
    assert titles(dateFrom="2026-02-02", dateTo="2026-02-02") == ["Day 2"]
    assert titles(dateFrom="2026-02-02T10:00:00Z") == ["Day 3", "Day 2"]
    assert titles(personId="", accountId="", limit="") == ["Day 3", "Day 2", "Day 1"]


def test_lists_are_narrowed(keeper: Keeper):
    """An account's are those to it and from it."""
    cash, bank, noor = keeper.account("Cash"), keeper.account("Bank"), keeper.person()
    spent = keeper.spend(cash, title="Spent", personId=noor["id"])
    keeper.spend(
        cash,
        title="Moved",
        type="transfer",
        categoryId=keeper.category("transfer"),
        toAccountId=bank["id"],
        date="2026-02-12T00:00:00Z",
    )

    def titles(**query: Any) -> list[str]:
        return [each["title"] for each in keeper.get("/transactions", **query)]

    assert titles(accountId=bank["id"]) == ["Moved"]
    assert titles(accountId=cash["id"]) == ["Moved", "Spent"]
    assert titles(accountId=cash["id"], limit=1, offset=1) == ["Spent"]
    assert titles(personId=noor["id"]) == ["Spent"]
    assert titles(categoryId="4") == ["Spent"]
    assert titles(categoryId="4", accountId=bank["id"]) == []
    assert titles(personId="99999999") == []
    assert spent["person"]["name"] == "Noor"


@pytest.mark.parametrize(
    "query",
    [{"limit": "x"}, {"limit": "-1"}, {"limit": "10001"}, {"offset": "1.5"}, {"personId": "x"}, {"dateFrom": "x"}],
)
def test_questions_that_are_none_are_refused(keeper: Keeper, query: dict[str, str]):
    answer = keeper.ask("GET", "/transactions", params=query)

    assert refusal(answer) == bad("invalid_request", "Invalid request.")
    assert next(iter(query)) in answer.json()["data"]["detail"]
