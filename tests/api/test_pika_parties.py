"""Pika's people and accounts (contract pika, sections 4, 5, 12, 14 and 15)."""

import re
from typing import Any

import pytest

from tests.support.inprocess import House
from tests.support.pika import Keeper, refusal

FORBIDDEN = (403, "rest_forbidden", "Sorry, you are not allowed to do that.")
NOBODY = (404, "person_not_found", "Person not found")
NOWHERE = (404, "account_not_found", "Account not found")
MYSQL_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@pytest.fixture
def keeper(house: House) -> Keeper:
    return Keeper(house)


# ── people (4) ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_person_is_answered_as_the_row_that_is_kept(keeper: Keeper):
    """All strings, the original's column names."""
    avatar = keeper.avatar()

    row = keeper.person(" Noor ", avatarId=int(avatar["id"]), description="flat mate", phone="+49 30 1")

    assert MYSQL_TIME.fullmatch(row.pop("created_at"))
    assert MYSQL_TIME.fullmatch(row.pop("updated_at"))
    assert row == {
        "id": row["id"],
        "user_id": str(keeper.number),
        "name": "Noor",
        "email": "",
        "phone": "+49 30 1",
        "avatar_id": avatar["id"],
        "description": "flat mate",
        "is_active": "1",
    }


def test_a_person_is_shown_with_avatar_and_sums(keeper: Keeper):
    """Strings, four places, the newest date as the original's database writes it."""
    avatar = keeper.avatar()
    person = keeper.person(avatarId=avatar["id"])
    account = keeper.account()
    keeper.spend(account, personId=person["id"], amount="14.5", date="2026-02-11T18:00:00Z")
    keeper.spend(account, personId=person["id"], amount=4, date="2026-02-10T18:00:00Z")

    found = keeper.get(f"/people/{person['id']}")

    assert found == {
        "id": person["id"],
        "name": "Noor",
        "description": "",
        "email": "",
        "phone": "",
        "avatar": avatar,
        "lastTransactionAt": "2026-02-11 18:00:00",
        "totalTransactions": "2",
        "balance": "-18.5000",
        "totalSummary": {"totalSpent": "18.5000", "totalReceived": "0.0000"},
    }
    del found["totalSummary"]
    assert keeper.get("/people") == [found]


def test_a_person_without_transactions_has_no_summary(keeper: Keeper):
    found = keeper.get(f"/people/{keeper.person()['id']}")

    assert found["totalSummary"] == {"totalSpent": None, "totalReceived": None}
    assert (found["lastTransactionAt"], found["totalTransactions"], found["balance"]) == (None, "0", "0.0000")


def test_people_come_by_name(keeper: Keeper):
    for name in ("Zoe", "Ada", "Mira"):
        keeper.person(name)

    assert [each["name"] for each in keeper.get("/people")] == ["Ada", "Mira", "Zoe"]


BAD_NAMES = [None, "", "   ", 5, 1.5, True, [], ["Noor"], {}, "x" * 256, "<b>Noor</b>", "<script>", "a\u202eb", "a\0b"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_person_needs_a_name(keeper: Keeper, name: Any):
    assert refusal(keeper.ask("POST", "/people", {"name": name})) == (400, "invalid_name", "Invalid person name")


def test_a_person_without_a_name_is_refused_for_that_alone(keeper: Keeper):
    wrong = {"email": "x", "avatarId": "9"}

    assert refusal(keeper.ask("POST", "/people", wrong)) == (400, "invalid_name", "Invalid person name")


@pytest.mark.parametrize("email", ["x", "a@b", 7, ["a@b.test"], "a b@c.test", "<a@b.test>"])
def test_an_address_that_is_none_is_refused(keeper: Keeper, email: Any):
    wrong = {"name": "Noor", "email": email, "avatarId": "99999"}

    assert refusal(keeper.ask("POST", "/people", wrong)) == (400, "invalid_email", "Invalid email")


@pytest.mark.parametrize("avatar", ["99999999", 99999999, "x", -1, 1.5, True, [], ["1"], {}, "1e3", 10**30])
def test_an_avatar_that_is_none_is_refused(keeper: Keeper, avatar: Any):
    answer = keeper.ask("POST", "/people", {"name": "Noor", "avatarId": avatar})

    assert refusal(answer) == (400, "invalid_avatar", "Invalid avatar id")


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_person_may_have_no_avatar(keeper: Keeper, nothing: Any):
    assert keeper.person(avatarId=nothing)["avatar_id"] is None


def test_an_avatar_has_to_be_ones_own_picture_of_a_person(house: House, keeper: Keeper):
    """Its door is not looked at, as in the original."""
    foreign = Keeper(house).avatar()
    of_account = keeper.avatar("account")
    document = keeper.upload(entity="person", kind="document")
    for wrong in (foreign, of_account, document):
        answer = keeper.ask("POST", "/people", {"name": "Noor", "avatarId": wrong["id"]})
        assert refusal(answer) == (400, "invalid_avatar", "Invalid avatar id")
    by_another_door = keeper.upload("other", entity="person")

    assert keeper.person(avatarId=by_another_door["id"])["avatar_id"] == by_another_door["id"]


def test_a_deleted_picture_is_no_avatar(keeper: Keeper):
    avatar = keeper.avatar()
    keeper.delete(f"/upload/{avatar['id']}")

    answer = keeper.ask("POST", "/people", {"name": "Noor", "avatarId": avatar["id"]})

    assert refusal(answer) == (400, "invalid_avatar", "Invalid avatar id")


def test_name_and_address_are_there_once(house: House, keeper: Keeper):
    taken = (400, "person_already_exists", "Person with same name and email already exists")
    keeper.person("Noor", email="noor@example.test")
    other = keeper.person("Noor", email="other@example.test")
    Keeper(house).person("Noor", email="noor@example.test")

    assert refusal(keeper.ask("POST", "/people", {"name": "Noor", "email": "noor@example.test"})) == taken
    assert refusal(keeper.ask("PUT", f"/people/{other['id']}", {"email": "noor@example.test"})) == taken
    assert keeper.put(f"/people/{other['id']}", email="other@example.test")["email"] == "other@example.test"


def test_what_is_not_named_stays(keeper: Keeper):
    """Where the original would take the avatar away (section 15, B3)."""
    avatar = keeper.avatar()
    person = keeper.person(avatarId=avatar["id"], email="noor@example.test", description="flat mate")

    changed = keeper.put(f"/people/{person['id']}", name="Noor B")

    assert (changed["name"], changed["email"], changed["description"]) == ("Noor B", "noor@example.test", "flat mate")
    assert changed["avatar"] == avatar
    assert keeper.put(f"/people/{person['id']}", avatarId="", phone="1")["avatar"] == avatar
    assert keeper.put(f"/people/{person['id']}", avatarId=None)["avatar"] is None


@pytest.mark.parametrize("nothing", [{}, {"colour": "red"}, {"avatarId": ""}])
def test_a_change_of_nothing_is_refused(keeper: Keeper, nothing: Any):
    person = keeper.person()

    assert refusal(keeper.ask("PUT", f"/people/{person['id']}", nothing)) == (400, "no_update", "Nothing to update.")


def test_a_change_is_held_to_the_same_rules(keeper: Keeper):
    path = f"/people/{keeper.person()['id']}"

    assert refusal(keeper.ask("PUT", path, {"name": ""})) == (400, "invalid_name", "Invalid person name")
    assert refusal(keeper.ask("PUT", path, {"email": "x"})) == (400, "invalid_email", "Invalid email")
    assert refusal(keeper.ask("PUT", path, {"avatarId": "7777777"})) == (400, "invalid_avatar", "Invalid avatar id")


@pytest.mark.parametrize("key", ["phone", "description"])
@pytest.mark.parametrize("value", [5, [], {}, "x" * 10_000, "a\0b"])
def test_text_that_is_none_is_refused(keeper: Keeper, key: str, value: Any):
    answer = keeper.ask("POST", "/people", {"name": "Noor", key: value})

    assert refusal(answer) == (400, "invalid_request", "Invalid request.")
    assert key in answer.json()["data"]["detail"]


def test_people_of_others_are_not_there(house: House, keeper: Keeper):
    path = f"/people/{Keeper(house).person()['id']}"

    assert refusal(keeper.ask("GET", path)) == NOBODY
    assert refusal(keeper.ask("PUT", path, {"name": "Mine", "avatarId": "x"})) == FORBIDDEN
    assert refusal(keeper.ask("DELETE", path)) == FORBIDDEN
    assert keeper.get("/people") == []


def test_people_who_never_were_are_answered_alike(keeper: Keeper):
    assert refusal(keeper.ask("GET", "/people/99999999")) == NOBODY
    assert refusal(keeper.ask("PUT", "/people/99999999", {"name": "Mine"})) == FORBIDDEN
    assert refusal(keeper.ask("DELETE", "/people/99999999")) == FORBIDDEN
    assert refusal(keeper.ask("GET", "/people/x"))[1] == "rest_no_route"


def test_a_person_is_deleted_once_no_transaction_names_them(keeper: Keeper):
    """The avatar goes with them."""
    avatar = keeper.avatar()
    person = keeper.person(avatarId=avatar["id"])
    spent = keeper.spend(keeper.account(), personId=person["id"])
    in_use = (400, "person_has_transactions", "Person has transactions. Please delete the transactions first.")
    assert refusal(keeper.ask("DELETE", f"/people/{person['id']}")) == in_use
    keeper.delete(f"/transactions/{spent['id']}")

    assert keeper.delete(f"/people/{person['id']}") == {"message": "Person deleted successfully"}

    assert refusal(keeper.ask("GET", f"/people/{person['id']}")) == NOBODY
    assert keeper.get(f"/upload/{avatar['id']}")["deletedAt"] is not None


# ── accounts (5) ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_account_has_the_documented_defaults(keeper: Keeper):
    account = keeper.account()

    assert account == {
        "id": account["id"],
        "name": "Cash",
        "description": "",
        "avatar": None,
        "lastTransactionAt": None,
        "totalTransactions": 0,
        "balance": "0.0000",
        "icon": "wallet",
        "bgColor": "#3B82F6",
        "color": "#ffffff",
    }
    assert keeper.get("/accounts") == [account]
    assert keeper.get(f"/accounts/{account['id']}") == account


@pytest.mark.parametrize(
    ("wrong", "code", "message"),
    [
        ({"name": ""}, "invalid_name", "Invalid name."),
        ({"name": 7}, "invalid_name", "Invalid name."),
        ({}, "invalid_name", "Invalid name."),
        ({"name": "A", "icon": "no-such-icon", "bgColor": "x"}, "invalid_icon", "Invalid icon."),
        ({"name": "A", "icon": 5}, "invalid_icon", "Invalid icon."),
        (
            {"name": "A", "bgColor": "3B82F6", "color": "x"},
            "invalid_bg_color",
            "Invalid background color. Use hex format like #000000.",
        ),
        (
            {"name": "A", "color": "#fff", "avatarId": "x"},
            "invalid_color",
            "Invalid color. Use hex format like #000000.",
        ),
        ({"name": "A", "color": ["#ffffff"]}, "invalid_color", "Invalid color. Use hex format like #000000."),
        ({"name": "Cash", "avatarId": "x"}, "account_name_not_unique", "Account with this name already exists"),
        ({"name": "A", "avatarId": "x"}, "invalid_avatar_id", "Invalid avatar id"),
        ({"name": "A", "avatarId": ""}, "invalid_avatar_id", "Invalid avatar id"),
        ({"name": "A", "avatarId": 99999999}, "invalid_avatar_id", "Invalid avatar id"),
    ],
)
def test_an_account_is_refused_in_the_documented_order(keeper: Keeper, wrong: Any, code: str, message: str):
    keeper.account("Cash")

    assert refusal(keeper.ask("POST", "/accounts", wrong)) == (400, code, message)


def test_an_account_changes_by_the_same_rules(keeper: Keeper):
    """Also where the original takes a wrong colour for none."""
    avatar = keeper.avatar("account")
    keeper.account("Bank")
    account = keeper.account("Cash", avatarId=avatar["id"])
    path = f"/accounts/{account['id']}"

    changed = keeper.put(path, name="Purse", color="#000000")

    assert changed == {**account, "name": "Purse", "color": "#000000", "avatar": avatar}
    for wrong, code in (
        ({"color": "red"}, "invalid_color"),
        ({"bgColor": ""}, "invalid_bg_color"),
        ({"icon": None}, "invalid_icon"),
        ({"name": None}, "invalid_name"),
        ({"name": "Bank"}, "account_name_not_unique"),
        ({"avatarId": ""}, "invalid_avatar_id"),
        ({}, "no_update"),
    ):
        assert refusal(keeper.ask("PUT", path, wrong))[:2] == (400, code)
    assert keeper.get(path) == changed


def test_an_avatar_that_is_let_go_can_be_had_back_for_a_while(keeper: Keeper):
    """It is deleted with its grace, unless something else has it."""
    avatar = keeper.avatar("account")
    first, second = keeper.account("A", avatarId=avatar["id"]), keeper.account("B", avatarId=avatar["id"])
    keeper.put(f"/accounts/{first['id']}", avatarId=None)
    assert keeper.get(f"/upload/{avatar['id']}")["deletedAt"] is None

    keeper.put(f"/accounts/{second['id']}", avatarId=None)

    assert keeper.get(f"/upload/{avatar['id']}")["restorableUntil"] is not None
    assert refusal(keeper.ask("GET", avatar["url"].partition("/wp-json")[2] or "/upload/0"))[0] == 404
    keeper.post(f"/upload/{avatar['id']}/restore")
    assert keeper.put(f"/accounts/{first['id']}", avatarId=avatar["id"])["avatar"] == avatar


def test_a_restored_picture_is_the_avatar_again(keeper: Keeper):
    avatar = keeper.avatar("account")
    path = f"/accounts/{keeper.account(avatarId=avatar['id'])['id']}"
    keeper.delete(f"/upload/{avatar['id']}")
    assert keeper.get(path)["avatar"] is None

    keeper.post(f"/upload/{avatar['id']}/restore")

    assert keeper.get(path)["avatar"] == avatar


def test_accounts_of_others_are_not_there(house: House, keeper: Keeper):
    path = f"/accounts/{Keeper(house).account()['id']}"

    for answer in (
        keeper.ask("GET", path),
        keeper.ask("PUT", path, {"name": ""}),
        keeper.ask("DELETE", path),
        keeper.ask("GET", "/accounts/99999999"),
    ):
        assert refusal(answer) == NOWHERE
    assert keeper.get("/accounts") == []
    assert keeper.account()["name"] == "Cash"  # a name that another has is not taken


def test_an_account_is_deleted_once_no_transaction_names_it(keeper: Keeper):
    """As its destination too."""
    cash, bank = keeper.account("Cash"), keeper.account("Bank")
    moved = keeper.spend(cash, type="transfer", categoryId=keeper.category("transfer"), toAccountId=bank["id"])
    in_use = (400, "account_has_transactions", "Account has transactions. Please delete the transactions first.")
    for account in (cash, bank):
        assert refusal(keeper.ask("DELETE", f"/accounts/{account['id']}")) == in_use
    keeper.delete(f"/transactions/{moved['id']}")

    assert keeper.delete(f"/accounts/{cash['id']}") == {"message": "Account deleted successfully"}
    assert keeper.get("/accounts") == [bank]


def test_nobody_without_a_cookie_gets_in(house: House):
    for method, path in (("GET", "/people"), ("PUT", "/people/1"), ("DELETE", "/accounts/1"), ("POST", "/accounts")):
        answer = house.request(method, "/wp-json/pika/v1" + path)
        assert refusal(answer) == (401, "unauthorized", "Unauthorized access.")
