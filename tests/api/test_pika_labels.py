"""Pika's categories and tags (contract pika, sections 7, 12, 14 and 15)."""

from typing import Any

import pytest

from holdall.domain.bookkeeping.labels import CATEGORIES, OWN_FROM, TAGS
from tests.api.test_pika_parties import MYSQL_TIME
from tests.support.inprocess import House
from tests.support.pika import LOOK, Keeper, refusal

FORBIDDEN = (403, "rest_forbidden", "Sorry, you are not allowed to do that.")
UNAUTHORIZED = (401, "unauthorized", "Unauthorized access.")
NO_CATEGORY = (404, "category_not_found", "Category not found.")
NO_TAG = (404, "tag_not_found", "Tag not found.")
BAD_NAME = (400, "invalid_name", "Invalid category name.")
BAD_TAG_NAME = (400, "invalid_name", "Invalid tag name.")
BAD_ICON = (400, "invalid_icon", "Invalid icon.")
BAD_COLOR = (400, "invalid_color", "Invalid color. Use hex format like #000000.")
BAD_BACKGROUND = (400, "invalid_bg_color", "Invalid background color. Use hex format like #000000.")
BAD_TYPE = (400, "invalid_type", 'Invalid type, must be "income", "expense" or "transfer"')
BAD_PARENT = (400, "invalid_parent_category", "Invalid parent category.")
TAKEN = (400, "category_name_not_unique", "Category with this name already exists")
TAG_TAKEN = (400, "tag_name_not_unique", "Tag with this name already exists")
HAS_CHILDREN = (
    400,
    "category_has_children",
    "Category has child categories. Please delete the child categories first.",
)
HAS_TRANSACTIONS = (
    400,
    "category_has_transactions",
    "Category has transactions. Please delete the transactions first.",
)
NOTHING = (400, "no_update", "Nothing to update.")
BAD_REQUEST = (400, "invalid_request", "Invalid request.")
CONFUSED: list[Any] = [None, True, 5, 1.5, [], ["x"], {}, {"a": 1}]
BAD_NAMES = [*CONFUSED, "", "   ", "x" * 10_000, "<b>Fruit</b>", "</b", "a\u202eb", "a\u2066b", "a\0b"]
NEW = {"name": "Fruit", "type": "expense", "description": "of the garden", **LOOK}
FOOD = {
    "id": "4",
    "name": "Food",
    "icon": "utensils",
    "color": "#FFFFFF",
    "bgColor": "#DD6B20",
    "description": "",
    "isSystem": True,
    "isParent": False,
    "type": "expense",
    "parentId": "1",
    "children": [],
}
PERSONAL = {
    "id": "5",
    "name": "Personal",
    "color": "#FFFFFF",
    "bgColor": "#DD6B20",
    "icon": "user",
    "description": "",
    "isSystem": True,
}


@pytest.fixture
def keeper(house: House) -> Keeper:
    return Keeper(house)


def names(labels: list[Any]) -> list[str]:
    return [each["name"] for each in labels]


# ── categories ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_everybodys_categories_are_listed_as_parents_with_children(keeper: Keeper):
    """59, of which 16 are parents; by name, each as the contract shows one."""
    parents = keeper.get("/categories")

    assert len(parents) == 16
    assert sum(len(parent["children"]) for parent in parents) == 59 - 16
    assert {(each["parentId"], each["isParent"], each["isSystem"]) for each in parents} == {(None, True, True)}
    assert names(parents) == sorted(names(parents), key=str.casefold)
    [of_food] = [parent for parent in parents if parent["id"] == "1"]
    assert FOOD in of_food["children"]
    assert names(of_food["children"]) == sorted(names(of_food["children"]), key=str.casefold)


def test_own_categories_stand_behind_everybodys(keeper: Keeper):
    """Children under their parents, whoever's these are; each list by name."""
    zoo = keeper.new_category("Zoo")
    apes = keeper.new_category("apes")
    lions, bears = keeper.new_category("Lions", zoo["id"]), keeper.new_category("Bears", int(zoo["id"]))
    aardvark = keeper.new_category("Aardvark", "1")

    parents = keeper.get("/categories")

    assert parents[16:] == [apes, {**zoo, "children": [bears, lions]}]
    [everyday] = [parent for parent in parents if parent["id"] == "1"]
    assert everyday["children"][-1] == aardvark
    assert keeper.get(f"/categories/{zoo['id']}") == parents[-1]
    assert keeper.get("/categories/1") == everyday


def test_a_new_category_is_answered_as_it_is_shown(keeper: Keeper):
    made = keeper.post("/categories", **{**NEW, "name": " Fruit ", "parentId": 1, "isSystem": True, "id": 4})

    assert int(made["id"]) >= OWN_FROM
    assert made == {
        "id": made["id"],
        "name": "Fruit",
        "icon": "apple",
        "color": "#FFFFFF",
        "bgColor": "#276749",
        "description": "of the garden",
        "isSystem": False,
        "isParent": False,
        "type": "expense",
        "parentId": "1",
        "children": [],
    }
    assert keeper.get(f"/categories/{made['id']}") == made


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_category_without_a_parent_is_one(keeper: Keeper, nothing: Any):
    made = keeper.post("/categories", **NEW, parentId=nothing)

    assert (made["parentId"], made["isParent"]) == (None, True)


def test_a_form_does_as_well(keeper: Keeper):
    answer = keeper.ask("POST", "/categories", data={**NEW, "parentId": "1"})

    assert (answer.status_code, answer.json()["parentId"]) == (200, "1")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_category_needs_a_name(keeper: Keeper, name: Any):
    """And is refused for that alone."""
    assert refusal(keeper.ask("POST", "/categories", {"name": name})) == BAD_NAME


def test_categories_are_refused_for_the_first_fault_in_the_documented_order(keeper: Keeper):
    given: dict[str, Any] = {}
    keeper.new_category("Fruit", "1")
    for key, value, refused in (
        ("name", "fruit", BAD_NAME),
        ("icon", "apple", BAD_ICON),
        ("color", "#FFFFFF", BAD_COLOR),
        ("bgColor", "#276749", BAD_BACKGROUND),
        ("type", "expense", BAD_TYPE),
    ):
        assert refusal(keeper.ask("POST", "/categories", {**given, "parentId": "x"})) == refused
        given[key] = value
    assert refusal(keeper.ask("POST", "/categories", {**given, "parentId": "x"})) == BAD_PARENT
    assert refusal(keeper.ask("POST", "/categories", {**given, "parentId": "1"})) == TAKEN


@pytest.mark.parametrize(
    ("key", "wrong", "refused"),
    [
        *(("icon", value, BAD_ICON) for value in [*CONFUSED, "", "no-such-icon", "Apple"]),
        *(("color", value, BAD_COLOR) for value in [*CONFUSED, "", "red", "#fff", "#12345g"]),
        *(("bgColor", value, BAD_BACKGROUND) for value in [*CONFUSED, "", "red", "#1234567"]),
        *(("type", value, BAD_TYPE) for value in [*CONFUSED, "", "EXPENSE", "loan"]),
        *(("parentId", value, BAD_PARENT) for value in [True, 1.5, [], ["1"], {}, "x", "-1", -1, 0, 10**30, 999_999]),
        *(("description", value, BAD_REQUEST) for value in [True, 5, [], {}, "x" * 5001, "a\0b"]),
    ],
)
def test_a_category_is_held_to_the_rules_when_it_is_new_and_when_it_changes(
    keeper: Keeper, key: str, wrong: Any, refused: tuple[int, str, str]
):
    made = keeper.new_category(parent="1")

    assert refusal(keeper.ask("POST", "/categories", {**NEW, "name": "Other", key: wrong})) == refused
    assert refusal(keeper.ask("PUT", f"/categories/{made['id']}", {key: wrong})) == refused


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null"])
def test_a_body_that_is_no_object_says_nothing(keeper: Keeper, body: bytes):
    made = keeper.new_category()

    assert refusal(keeper.ask("POST", "/categories", content=body)) == BAD_NAME
    assert refusal(keeper.ask("PUT", f"/categories/{made['id']}", content=body)) == NOTHING


def test_halves_of_characters_are_refused(keeper: Keeper):
    for path, refused in (("/categories", BAD_NAME), ("/tags", BAD_TAG_NAME)):
        answer = keeper.ask("POST", path, content=rb'{"name": "a\ud800b"}')
        assert answer.json()["code"] in (refused[1], "rest_invalid_json")
        assert answer.status_code == 400


def test_a_parent_is_one_itself_and_of_the_same_type(house: House, keeper: Keeper):
    """Not a child, nor of another type, nor another user's; and neither itself nor its own child."""
    parent = keeper.new_category("Garden")
    child = keeper.new_category("Fruit", parent["id"])
    foreign = Keeper(house).new_category("Theirs")
    for wrong in ("4", child["id"], "40", foreign["id"]):
        assert refusal(keeper.ask("POST", "/categories", {**NEW, "name": "New", "parentId": wrong})) == BAD_PARENT
    for wrong in (parent["id"], child["id"], "1"):
        assert refusal(keeper.ask("PUT", f"/categories/{parent['id']}", {"parentId": wrong})) == BAD_PARENT
    assert refusal(keeper.ask("PUT", f"/categories/{child['id']}", {"parentId": "40"})) == BAD_PARENT


def test_names_are_there_once_among_siblings(house: House, keeper: Keeper):
    """In any letter case; of everybody's and of one's own, and not beside other parents, types and users."""
    keeper.new_category("Fruit", "1")
    other = keeper.new_category("Wood", "1")
    for name, parent in (("fruit", "1"), ("FOOD", "1"), ("everyday", None)):
        assert refusal(keeper.ask("POST", "/categories", {**NEW, "name": name, "parentId": parent})) == TAKEN
    assert refusal(keeper.ask("PUT", f"/categories/{other['id']}", {"name": "Fruit"})) == TAKEN
    assert keeper.put(f"/categories/{other['id']}", name="WOOD")["name"] == "WOOD"
    keeper.new_category("Fruit", "6")
    keeper.new_category("Fruit")
    keeper.new_category("Fruit", type="income")
    Keeper(house).new_category("Fruit", "1")


def test_what_is_not_named_of_a_category_stays(keeper: Keeper):
    made = keeper.new_category("Fruit", "1", description="of the garden")
    path = f"/categories/{made['id']}"

    assert keeper.put(path, name="Berries") == {**made, "name": "Berries"}
    assert keeper.put(path, icon="grape", color="#000000", bgColor="#ffffff") == {
        **made,
        "name": "Berries",
        "icon": "grape",
        "color": "#000000",
        "bgColor": "#ffffff",
    }
    assert keeper.put(path, description=None)["description"] == ""
    assert keeper.put(path, parentId="6")["parentId"] == "6"
    changed = keeper.put(path, parentId=None)
    assert (changed["parentId"], changed["isParent"], changed["name"]) == (None, True, "Berries")
    assert keeper.get(path) == changed


@pytest.mark.parametrize("nothing", [{}, {"colour": "red"}, {"isSystem": True, "id": "4"}])
def test_a_change_of_nothing_in_a_category_is_refused(keeper: Keeper, nothing: Any):
    made = keeper.new_category()

    assert refusal(keeper.ask("PUT", f"/categories/{made['id']}", nothing)) == NOTHING


def test_a_changed_parent_is_answered_with_its_children(keeper: Keeper):
    parent = keeper.new_category("Garden")
    child = keeper.new_category("Fruit", parent["id"])

    assert keeper.put(f"/categories/{parent['id']}", name="Yard")["children"] == [child]


def test_a_type_stays_where_others_hang_on_it(keeper: Keeper):
    """Transactions, or children; without them it changes."""
    used, parent, free = (keeper.new_category(name) for name in ("Used", "Parent", "Free"))
    keeper.new_category("Child", parent["id"])
    spent = keeper.spend(keeper.account(), categoryId=used["id"])
    for made in (used, parent):
        answer = keeper.ask("PUT", f"/categories/{made['id']}", {"type": "income"})
        assert refusal(answer) == BAD_TYPE
        assert "keeps its type" in answer.json()["data"]["detail"]
        assert keeper.put(f"/categories/{made['id']}", type="expense", description="same")["type"] == "expense"
    assert keeper.put(f"/categories/{free['id']}", type="income")["type"] == "income"
    keeper.delete(f"/transactions/{spent['id']}")
    assert keeper.put(f"/categories/{used['id']}", type="transfer")["type"] == "transfer"


def test_a_category_goes_when_nothing_hangs_on_it(keeper: Keeper):
    """Its children first, then its transactions."""
    parent = keeper.new_category("Garden")
    child = keeper.new_category("Fruit", parent["id"])
    spent = keeper.spend(keeper.account(), categoryId=child["id"])
    parents_own = keeper.spend(keeper.account("Bank"), categoryId=parent["id"])
    assert spent["category"] == child

    assert refusal(keeper.ask("DELETE", f"/categories/{child['id']}")) == HAS_TRANSACTIONS
    assert refusal(keeper.ask("DELETE", f"/categories/{parent['id']}")) == HAS_CHILDREN
    keeper.delete(f"/transactions/{spent['id']}")
    assert keeper.delete(f"/categories/{child['id']}") == {"message": "Category deleted successfully"}
    assert refusal(keeper.ask("DELETE", f"/categories/{parent['id']}")) == HAS_TRANSACTIONS
    keeper.put(f"/transactions/{parents_own['id']}", categoryId="4")
    keeper.delete(f"/categories/{parent['id']}")
    assert refusal(keeper.ask("GET", f"/categories/{parent['id']}")) == NO_CATEGORY
    assert len(keeper.get("/categories")) == 16


def test_categories_that_are_not_ones_own_are_changed_by_nobody(house: House, keeper: Keeper):
    """Everybody's, another user's, and those that never were are refused alike, before what is sent is looked at."""
    foreign = Keeper(house).new_category()["id"]
    for number in ("4", foreign, "99999999", "999999999999999999"):
        assert refusal(keeper.ask("PUT", f"/categories/{number}", {"name": ""})) == FORBIDDEN
        assert refusal(keeper.ask("PUT", f"/categories/{number}", {})) == FORBIDDEN
        assert refusal(keeper.ask("DELETE", f"/categories/{number}")) == FORBIDDEN
    for number in (foreign, "0", "60", "99999999", "999999999999999999"):
        assert refusal(keeper.ask("GET", f"/categories/{number}")) == NO_CATEGORY
    assert keeper.get("/categories/4") == FOOD


def test_a_foreign_category_is_none_for_a_transaction(house: House, keeper: Keeper):
    foreign = Keeper(house).new_category()["id"]
    given = {"title": "x", "amount": 1, "date": "2026-02-11", "type": "expense", "accountId": keeper.account()["id"]}

    answer = keeper.ask("POST", "/transactions", {**given, "categoryId": foreign})

    assert refusal(answer) == (400, "invalid_category_id", "Invalid category id")


# ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tags_are_listed_flat_everybodys_first(keeper: Keeper):
    zoo, apes = keeper.new_tag("Zoo"), keeper.new_tag("apes")

    tags = keeper.get("/tags")

    assert len(tags) == len(TAGS) + 2
    assert tags[len(TAGS) :] == [apes, zoo]
    assert names(tags[: len(TAGS)]) == sorted((tag.name for tag in TAGS.values()), key=str.casefold)
    assert PERSONAL in tags
    assert keeper.get("/tags/5") == PERSONAL


def test_a_new_tag_is_answered_as_it_is_shown(keeper: Keeper):
    made = keeper.new_tag(" Garden ", description="all of it")

    assert int(made["id"]) >= OWN_FROM
    assert made == {
        "id": made["id"],
        "name": "Garden",
        "color": "#FFFFFF",
        "bgColor": "#276749",
        "icon": "apple",
        "description": "all of it",
        "isSystem": False,
    }
    assert keeper.get(f"/tags/{made['id']}") == made


def test_a_changed_tag_is_answered_as_the_row_that_is_kept(keeper: Keeper):
    """All strings, the original's column names; what is not named stays."""
    made = keeper.new_tag(description="all of it")

    row = keeper.put(f"/tags/{made['id']}", name="Yard")

    assert MYSQL_TIME.fullmatch(row.pop("created_at"))
    assert row == {
        "id": made["id"],
        "user_id": str(keeper.number),
        "name": "Yard",
        "color": "#FFFFFF",
        "bg_color": "#276749",
        "icon": "apple",
        "description": "all of it",
        "is_active": "1",
    }
    assert keeper.get(f"/tags/{made['id']}") == {**made, "name": "Yard"}
    keeper.put(f"/tags/{made['id']}", icon="user", color="#000000", bgColor="#ffffff", description="")
    look = {"icon": "user", "color": "#000000", "bgColor": "#ffffff"}
    assert keeper.get(f"/tags/{made['id']}") == {**made, "name": "Yard", "description": "", **look}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_tag_needs_a_name(keeper: Keeper, name: Any):
    assert refusal(keeper.ask("POST", "/tags", {"name": name})) == BAD_TAG_NAME


def test_tags_are_refused_for_the_first_fault(keeper: Keeper):
    given: dict[str, Any] = {}
    keeper.new_tag("Garden")
    for key, value, refused in (
        ("name", "garden", BAD_TAG_NAME),
        ("icon", "apple", BAD_ICON),
        ("color", "#FFFFFF", BAD_COLOR),
        ("bgColor", "#276749", BAD_BACKGROUND),
        ("description", "", TAG_TAKEN),
    ):
        assert refusal(keeper.ask("POST", "/tags", given)) == refused
        given[key] = value
    assert refusal(keeper.ask("POST", "/tags", given)) == TAG_TAKEN


@pytest.mark.parametrize(
    ("key", "wrong", "refused"),
    [
        ("name", "<i>", BAD_TAG_NAME),
        ("icon", ["apple"], BAD_ICON),
        ("color", 0, BAD_COLOR),
        ("bgColor", {}, BAD_BACKGROUND),
        ("description", [], BAD_REQUEST),
        ("description", "x" * 5001, BAD_REQUEST),
    ],
)
def test_a_tag_is_held_to_the_rules_when_it_is_new_and_when_it_changes(
    keeper: Keeper, key: str, wrong: Any, refused: tuple[int, str, str]
):
    made = keeper.new_tag()

    assert refusal(keeper.ask("POST", "/tags", {"name": "Other", **LOOK, key: wrong})) == refused
    assert refusal(keeper.ask("PUT", f"/tags/{made['id']}", {key: wrong})) == refused
    assert refusal(keeper.ask("PUT", f"/tags/{made['id']}", {"x": 1})) == NOTHING


def test_names_of_tags_are_there_once(house: House, keeper: Keeper):
    keeper.new_tag("Garden")
    other = keeper.new_tag("Wood")
    Keeper(house).new_tag("Garden")
    for name in ("GARDEN", "personal"):
        assert refusal(keeper.ask("POST", "/tags", {"name": name, **LOOK})) == TAG_TAKEN
        assert refusal(keeper.ask("PUT", f"/tags/{other['id']}", {"name": name})) == TAG_TAKEN
    assert keeper.put(f"/tags/{other['id']}", name="WOOD")["name"] == "WOOD"


def test_a_tag_that_goes_is_taken_off_transactions(keeper: Keeper):
    tag = keeper.new_tag()
    spent = keeper.spend(keeper.account(), tags=["5", tag["id"]])
    assert spent["tags"] == [PERSONAL, tag]

    assert keeper.delete(f"/tags/{tag['id']}") == {"message": "Tag deleted successfully"}

    assert keeper.get(f"/transactions/{spent['id']}")["tags"] == [PERSONAL]
    assert refusal(keeper.ask("GET", f"/tags/{tag['id']}")) == NO_TAG


def test_tags_that_are_not_ones_own_are_changed_by_nobody(house: House, keeper: Keeper):
    """And the refusal does not take the cookie back, as one of the caller would."""
    foreign = Keeper(house).new_tag()["id"]
    for number in ("5", foreign, "99999999", "999999999999999999"):
        answer = keeper.ask("PUT", f"/tags/{number}", {"name": ""})
        assert refusal(answer) == UNAUTHORIZED
        assert "set-cookie" not in answer.headers
        assert refusal(keeper.ask("DELETE", f"/tags/{number}")) == UNAUTHORIZED
    for number in (foreign, "0", "99999999", "999999999999999999"):
        assert refusal(keeper.ask("GET", f"/tags/{number}")) == NO_TAG
    assert foreign not in [tag["id"] for tag in keeper.get("/tags")]


@pytest.mark.parametrize("things", ["categories", "tags"])
def test_strangers_are_told_nothing(house: House, things: str):
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/4"), ("PUT", "/4"), ("DELETE", "/4")):
        answer = house.request(method, f"/wp-json/pika/v1/{things}{path}")
        assert refusal(answer) == UNAUTHORIZED


@pytest.mark.parametrize("path", ["/categories/x", "/categories/-1", "/tags/1.5", "/tags/٣", "/tags/" + "9" * 40])
def test_an_id_that_is_no_number_is_no_route(keeper: Keeper, path: str):
    for method in ("GET", "PUT", "DELETE"):
        assert keeper.ask(method, path, {"name": "x"}).json()["code"] == "rest_no_route"


def test_every_one_of_everybodys_can_be_filed_under(keeper: Keeper):
    """By its own type alone."""
    account, other = keeper.account(), keeper.account("Bank")
    for type, number in (("income", "41"), ("transfer", "50"), ("expense", "1")):
        spent = keeper.spend(account, toAccountId=other["id"], type=type, categoryId=number)
        assert spent["category"]["name"] == CATEGORIES[int(number)].name
        assert spent["category"]["children"] == []
