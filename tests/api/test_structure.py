"""Nodes and fields, made and changed over Bika's API (an extension; docs/reference/bika.md)."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from holdall.domain.access import Role
from holdall.domain.structure import MAX_DEPTH
from holdall.flows import rewriting
from holdall.flows.structure import sweep_structure
from tests.support.desk import Desk, Desktop, open_desk
from tests.support.rows import make_ready, unique


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("desk")) as desk:
        yield desk


def tree(desk: Desk) -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in desk.good("GET", f"{desk.space}/nodes")}


def folder(desk: Desk, name: str = "Folder", **more: Any) -> str:
    id: str = desk.good("POST", f"{desk.space}/nodes", {"type": "FOLDER", "name": name, **more})["id"]
    return id


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_database_is_made_with_a_field_of_text(desk: Desk):
    """Without a word of fields there is one, by which records are known."""
    node = desk.good("POST", f"{desk.space}/nodes", {"type": "DATABASE", "name": " Claims ", "description": "of all"})

    assert (node["name"], node["description"], node["path"], node["type"]) == ("Claims", "of all", "/ROOT", "DATABASE")
    [field] = desk.good("GET", f"{desk.space}/resources/databases/{node['id']}")["fields"]
    assert (field["name"], field["type"], field["primary"]) == ("Name", "SINGLE_TEXT", True)


def test_nodes_move_and_say_which_comes_before_them(desk: Desk):
    """``parentId`` moves, ``preNodeId`` orders, and paths follow."""
    home = folder(desk, "Home")
    first, second = folder(desk, "First", parentId=home), folder(desk, "Second", parentId=home)
    assert (tree(desk)[first]["preNodeId"], tree(desk)[second]["preNodeId"]) == (None, first)

    moved = desk.good("PATCH", f"{desk.space}/nodes/{second}", {"preNodeId": None, "name": "Sooner"})
    assert (moved["preNodeId"], tree(desk)[first]["preNodeId"], moved["path"]) == (None, second, "/ROOT/Home")

    desk.good("PATCH", f"{desk.space}/nodes/{second}", {"parentId": first})
    assert tree(desk)[second]["path"] == "/ROOT/Home/First"
    desk.bad(400, "PATCH", f"{desk.space}/nodes/{home}", {"parentId": second})
    desk.bad(404, "PATCH", f"{desk.space}/nodes/{second}", {"preNodeId": home})
    root = next(id for id, node in tree(desk).items() if node["type"] == "ROOT")
    desk.bad(400, "PATCH", f"{desk.space}/nodes/{root}", {"name": "Roots"})
    desk.bad(400, "DELETE", f"{desk.space}/nodes/{root}")


def test_folders_are_only_so_deep(desk: Desk):
    """As deep as the documented number, also for what is moved."""
    top = above = folder(desk, "Deep")
    for _ in range(MAX_DEPTH - 1):
        above = folder(desk, parentId=above)
    desk.bad(400, "POST", f"{desk.space}/nodes", {"type": "FOLDER", "name": "x", "parentId": above})
    desk.good("POST", f"{desk.space}/nodes", {"type": "DATABASE", "name": "x", "parentId": above})
    desk.bad(400, "PATCH", f"{desk.space}/nodes/{top}", {"parentId": folder(desk)})


def test_a_folder_goes_with_all_that_is_in_it_and_comes_back(desk: Desk):
    """Only where that was said; out of sight until it is restored; gone for good once swept."""
    home = folder(desk, "Doomed")
    things = desk.database("Things", parentId=home)
    record = things.add(Name="x")
    path = f"{desk.space}/nodes/{home}"

    refused = desk.bad(409, "DELETE", path)
    assert refused["data"] == {"nodes": 2, "databases": 1, "records": 1}
    dry = desk.good("DELETE", f"{path}?dryRun=true")
    assert (dry["deleted"], dry["change"], things.read(record)) == (False, refused["data"], {"Name": "x"})

    gone = desk.good("DELETE", f"{path}?recursive=true")
    assert (gone["deleted"], gone["change"], gone["restorableUntil"] is not None) == (True, refused["data"], True)
    assert home not in tree(desk)
    desk.bad(404, "GET", things.path)
    desk.bad(404, "POST", f"{things.path}/records", {"cells": {"Name": "y"}})
    desk.bad(400, "POST", f"{desk.space}/nodes/{things.id}/restore")

    back = desk.good("POST", f"{path}/restore")
    assert (back["name"], tree(desk)[things.id]["parentId"], things.read(record)) == ("Doomed", home, {"Name": "x"})

    desk.good("DELETE", f"{path}?recursive=true")
    now = desk.services.clock.now()
    asyncio.run(sweep_structure(desk.services, now - timedelta(hours=1)))
    desk.good("POST", f"{path}/restore")
    desk.good("DELETE", f"{path}?recursive=true")
    assert asyncio.run(sweep_structure(desk.services, desk.services.clock.now())) >= 2
    desk.bad(404, "POST", f"{path}/restore")


@pytest.mark.parametrize(
    "new",
    [
        {"type": "ROOT", "name": "x"},
        {"type": "FOLDER", "name": "  "},
        {"type": "FOLDER", "name": "x" * 101},
        {"type": "FOLDER", "name": "a\nb"},
        {"type": "FOLDER", "name": "a\u202eb\u2028"},
        {"type": "FOLDER"},
        {"type": "FOLDER", "name": 7},
        {"type": "FOLDER", "name": "x", "fields": [{"name": "a", "type": "NUMBER"}]},
        {"type": "FOLDER", "name": "x", "colour": "red"},
        {"type": "DATABASE", "name": "x", "description": "\x00"},
        {"type": "DATABASE", "name": "x", "description": "x" * 2001},
        {"type": "DATABASE", "name": "x", "fields": {}},
        {"type": "DATABASE", "name": "x", "fields": [{"name": "a", "type": "CHECKBOX"}]},
        {"type": "DATABASE", "name": "x", "fields": [{"name": "a", "type": "URL"}, {"name": "A", "type": "URL"}]},
        {"type": "DATABASE", "name": "x", "fields": [{"name": "a", "type": "URL", "primary": True}] * 2},
        {"type": "DATABASE", "name": "x", "fields": [{"name": f"f{n}", "type": "URL"} for n in range(201)]},
    ],
    ids=lambda new: str(new)[:60],
)
def test_a_node_that_cannot_be_is_refused(desk: Desk, new: dict[str, Any]):
    """And nothing is left of it."""
    before = tree(desk)
    desk.bad(400, "POST", f"{desk.space}/nodes", new)
    assert tree(desk) == before


def test_what_was_made_is_not_made_twice(desk: Desk):
    """The same Idempotency-Key, the same node, field or deletion; another request is refused."""
    new = {"type": "DATABASE", "name": "Once"}
    one, two = (desk.ask("POST", f"{desk.space}/nodes", new, Idempotency_Key="n1").json()["data"] for _ in range(2))
    assert one["id"] == two["id"]
    assert desk.ask("POST", f"{desk.space}/nodes", {**new, "name": "x"}, Idempotency_Key="n1").status_code == 422
    things = Desktop(desk, one["id"])
    sent = {"name": "Done", "type": "CHECKBOX"}
    one, two = (desk.ask("POST", f"{things.path}/fields", sent, Idempotency_Key="f1").json()["data"] for _ in range(2))
    assert one == two
    path = f"{things.path}/fields/{one['id']}"
    change = {"type": "SINGLE_TEXT"}
    record = things.add(Name="x", Done=True)
    one, two = (desk.ask("PATCH", path, change, Idempotency_Key="f2").json()["data"] for _ in range(2))
    assert one == two
    assert one["change"]["converted"] == 1
    assert things.read(record)["Done"] == "true"
    gone = f"{path}?allowLoss=true"
    one, two = (desk.ask("DELETE", gone, Idempotency_Key="f3").json()["data"] for _ in range(2))
    assert one == two
    assert one["change"]["lost"] == 1


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_owners_shape_and_editors_do_not(desk: Desk):
    """Nor do dry runs tell them what is there."""
    things = desk.database("Guarded", [{"name": "Note", "type": "SINGLE_TEXT"}])
    editor = desk.member(Role.EDITOR, "ed")
    note = things.field("Note")
    for method, path, body in (
        ("POST", f"{desk.space}/nodes", {"type": "FOLDER", "name": "x"}),
        ("PATCH", f"{desk.space}/nodes/{things.id}", {"name": "x"}),
        ("DELETE", f"{desk.space}/nodes/{things.id}?dryRun=true", None),
        ("POST", f"{desk.space}/nodes/{things.id}/restore", None),
        ("POST", f"{things.path}/fields", {"name": "x", "type": "URL"}),
        ("PATCH", note, {"name": "x"}),
        ("DELETE", f"{note}?dryRun=true", None),
    ):
        answer = desk.ask(method, path, body, token=editor)
        assert (answer.status_code, "role" in answer.json()["message"]) == (403, True), path


def test_what_shapes_the_space_is_on_record(desk: Desk):
    """Who did it, what, to which field."""
    things = desk.database("Recorded")
    made = desk.good("POST", f"{things.path}/fields", {"name": "Due", "type": "DATETIME"})

    entries = asyncio.run(desk.work.read(lambda ledger: ledger.audit.entries(limit=10_000)))
    [entry] = [entry for entry in entries if entry.subject == made["id"]]
    assert (entry.act, '"name":"Due"' in entry.details, entry.actor[:3]) == ("field.add", True, "usr")


# ── fields ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fields_are_made_named_ordered_and_deleted(desk: Desk):
    """In their place, each under a name of its own."""
    things = desk.database("Ordered", [{"name": "B", "type": "NUMBER", "property": {"precision": 2}}])
    made = desk.good("POST", f"{things.path}/fields", {"name": "A", "type": "URL", "position": 1, "description": "d"})
    assert (made["type"], made["description"], [*things.fields()]) == ("URL", "d", ["Name", "A", "B"])
    assert things.fields()["B"]["property"] == {"precision": 2}

    desk.good("PATCH", things.field("A"), {"name": "C", "position": 9})
    assert [*things.fields()] == ["Name", "B", "C"]
    desk.bad(400, "PATCH", things.field("C"), {"name": "b"})
    desk.bad(400, "POST", f"{things.path}/fields", {"name": "c", "type": "URL"})
    desk.bad(400, "POST", f"{things.path}/fields", {"name": made["id"], "type": "URL"})
    desk.good("PATCH", things.field("C"), {"name": "c"})

    gone = desk.good("DELETE", things.field("c"))
    assert (gone["id"], gone["deleted"], gone["change"]["records"]) == (made["id"], True, 0)
    assert [*things.fields()] == ["Name", "B"]
    desk.bad(400, "DELETE", things.field("Name"))
    desk.bad(400, "PATCH", things.field("Name"), {"type": "CHECKBOX"})
    desk.bad(404, "DELETE", f"{things.path}/fields/{made['id']}")


@pytest.mark.parametrize(
    ("type", "property"),
    [
        ("NUMBER", {"precision": 21}),
        ("NUMBER", {"precision": True}),
        ("NUMBER", {"symbol": "€"}),
        ("CURRENCY", {"symbol": "x" * 11}),
        ("CURRENCY", {"symbol": "a\u0007"}),
        ("RATING", {"max": 0}),
        ("DATETIME", {"timeZone": "Mars/Base"}),
        ("DATERANGE", {"includeTime": 1}),
        ("SINGLE_SELECT", {"options": "Open"}),
        ("SINGLE_SELECT", {"options": [{"name": "a"}, {"name": "a"}]}),
        ("SINGLE_SELECT", {"options": [{"name": "a", "id": "optMine"}]}),
        ("SINGLE_SELECT", {"options": [{"name": "a", "color": "red;"}]}),
        ("MULTI_SELECT", {"options": [{"name": "a\nb"}]}),
        ("MULTI_SELECT", {"options": [{"name": str(n)} for n in range(501)]}),
        ("LINK", {}),
        ("LINK", {"foreignDatabaseId": "datNowhere"}),
        ("ONE_WAY_LINK", {"foreignDatabaseId": ["dat"]}),
        ("LOOKUP", {"linkFieldId": "fldX", "lookupFieldId": "fldY"}),
        ("FORMULA", {}),
        ("FORMULA", {"expression": 5}),
        ("FORMULA", {"expression": "1 +"}),
        ("FORMULA", {"expression": "{Gone} + 1"}),
        ("FORMULA", {"expression": "1", "precision": 2}),
        ("SINGLE_TEXT", {"max": 3}),
        ("SINGLE_TEXT", {"options": []}),
    ],
)
def test_a_property_that_cannot_be_is_refused(desk: Desk, type: str, property: dict[str, Any]):
    """By its name, in each type's own words."""
    things = desk.database("Refused")
    refused = desk.bad(400, "POST", f"{things.path}/fields", {"name": "x", "type": type, "property": property})
    assert refused["message"].startswith("property.")
    assert [*things.fields()] == ["Name"]


def test_options_are_renamed_ordered_added_and_deleted(desk: Desk):
    """Records follow a name; a deleted option costs the values that name it, and only if that was agreed to."""
    things = desk.database("Picked", [{"name": "Tags", "type": "MULTI_SELECT", "property": {"options": [
        {"name": "a", "color": "red"}, {"name": "b"}]}}])  # fmt: skip
    a, b = things.fields()["Tags"]["property"]["options"]
    one, both = things.add(Tags=["a"]), things.add(Tags=["b", "a"])
    path = things.field("Tags")

    renamed = [{"id": b["id"], "name": "B"}, {"name": "new"}, {"id": a["id"]}]
    changed = desk.good("PATCH", path, {"property": {"options": renamed}})
    options = changed["field"]["property"]["options"]
    assert [option["name"] for option in options] == ["B", "new", "a"]
    assert (options[2], options[0]["id"]) == (a, b["id"])
    assert (things.read(both)["Tags"], changed["change"]["lost"]) == (["B", "a"], 0)

    less = {"property": {"options": options[:2]}}
    refused = desk.bad(409, "PATCH", path, less)
    assert (refused["data"]["records"], refused["data"]["lost"]) == (2, 2)
    assert refused["data"]["samples"] == [
        {"recordId": one, "before": ["a"], "after": None},
        {"recordId": both, "before": ["B", "a"], "after": ["B"]},
    ]
    assert things.read(one)["Tags"] == ["a"]
    changed = desk.good("PATCH", f"{path}?allowLoss=true", less)
    assert changed["change"] == refused["data"]
    assert (things.read(both)["Tags"], "Tags" in things.read(one)) == (["B"], False)


def test_a_type_changes_with_its_values(desk: Desk):
    """A dry run says what would be lost, the change says the same, and history goes on telling what was there."""
    things = desk.database("Turned", [{"name": "Price", "type": "SINGLE_TEXT"}])
    good, odd, blank = things.add(Price="12.50"), things.add(Price="ask"), things.add(Price="")
    path, change = things.field("Price"), {"type": "CURRENCY", "property": {"symbol": "€"}}

    dry = desk.good("PATCH", f"{path}?dryRun=true", change)
    assert (dry["dryRun"], dry["field"]["type"], things.read(good)["Price"]) == (True, "CURRENCY", "12.50")
    assert dry["change"] == {
        "records": 3, "converted": 2, "lost": 1, "optionsMade": 0, "dependents": [],
        "samples": [{"recordId": odd, "before": "ask", "after": None}],
    }  # fmt: skip
    assert desk.bad(409, "PATCH", path, change)["data"] == dry["change"]
    assert things.fields()["Price"]["type"] == "SINGLE_TEXT"

    changed = desk.good("PATCH", path, {**change, "allowLoss": True})
    assert (changed["change"], changed["dryRun"]) == (dry["change"], False)
    assert (things.read(good), things.read(odd), things.read(blank)) == ({"Price": 12.5}, {}, {})
    assert things.fields()["Price"]["property"] == {"symbol": "€"}
    assert [deed["fields"]["Price"] for deed in things.history(odd)] == [
        {"before": "ask", "after": None}, {"before": None, "after": "ask"},
    ]  # fmt: skip
    assert [deed["revision"] for deed in things.history(good)] == [1, 0]


@pytest.mark.parametrize("type", ["SINGLE_SELECT", "MULTI_SELECT", "DATERANGE", "DATETIME", "CHECKBOX", "NUMBER"])
def test_history_tells_values_of_a_type_that_a_field_had(desk: Desk, type: str):
    """As they were kept, where they are nothing in the type that it has now."""
    things = desk.database("Past", [{"name": "It", "type": "SINGLE_TEXT"}])
    record = things.add(It="x, y")
    desk.good("PATCH", f"{things.field('It')}?allowLoss=true", {"type": type})
    assert things.history(record)[-1]["fields"]["It"] == {"before": None, "after": "x, y"}
    desk.good("PATCH", f"{things.field('It')}?allowLoss=true", {"type": "LONG_TEXT"})
    assert things.history(record)[-1]["fields"]["It"] == {"before": None, "after": "x, y"}


def test_values_become_options(desk: Desk):
    """Each made once."""
    things = desk.database("Made", [{"name": "It", "type": "SINGLE_TEXT"}])
    records = [things.add(It=text) for text in ("red", "blue, red", "red")]
    changed = desk.good("PATCH", things.field("It"), {"type": "MULTI_SELECT"})
    assert changed["change"]["optionsMade"] == 2
    assert [option["name"] for option in changed["field"]["property"]["options"]] == ["red", "blue"]
    assert [things.read(id)["It"] for id in records] == [["red"], ["blue", "red"], ["red"]]


def test_a_change_rewrites_only_so_many_records(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """Others wait for it: what would take too long is refused, in a dry run too, and nothing is changed."""
    things = desk.database("Many", [{"name": "It", "type": "SINGLE_TEXT"}])
    records = [things.add(It=text) for text in ("1", "2")]
    monkeypatch.setattr(rewriting, "MAX_REWRITTEN", 1)
    for query in ("", "?allowLoss=true", "?dryRun=true"):
        desk.bad(400, "PATCH", things.field("It") + query, {"type": "NUMBER"})
    assert [things.read(id)["It"] for id in records] == ["1", "2"]
    monkeypatch.setattr(rewriting, "MAX_REWRITTEN", 2)
    desk.good("PATCH", things.field("It"), {"type": "NUMBER"})


def test_what_cannot_be_converted_is_refused(desk: Desk):
    """Whatever was allowed."""
    things = desk.database("Stuck", [{"name": "It", "type": "ATTACHMENT"}, {"name": "Made", "type": "CREATED_TIME"}])
    for name in ("It", "Made"):
        desk.bad(400, "PATCH", f"{things.field(name)}?allowLoss=true", {"type": "NUMBER"})


# ── links and lookups ────────────────────────────────────────────────────────────────────────────────────────────


def linked(desk: Desk) -> tuple[Desktop, Desktop]:
    """Two databases, the first with a link to the second and a lookup of its names."""
    there = desk.database("There")
    here = desk.database("Here")
    link = desk.good("POST", f"{here.path}/fields", {"name": "To", "type": "LINK", "property": {
        "foreignDatabaseId": there.id}})  # fmt: skip
    shown = {"linkFieldId": link["id"], "lookupFieldId": there.fields()["Name"]["id"]}
    desk.good("POST", f"{here.path}/fields", {"name": "Names", "type": "LOOKUP", "property": shown})
    return here, there


def test_a_link_makes_the_way_back(desk: Desk):
    """Called after the database that it leads back to; both sides are kept in step."""
    here, there = linked(desk)
    target = there.add(Name="t")
    record = here.add(Name="r", To=[target])
    back = there.fields()["Here"]
    assert back["property"] == {"foreignDatabaseId": here.id, "foreignFieldId": here.fields()["To"]["id"]}
    assert (there.read(target)["Here"], here.read(record)["Names"]) == ([record], ["t"])
    desk.bad(400, "PATCH", here.field("To"), {"property": {"foreignDatabaseId": here.id}})


def test_a_deleted_link_leaves_the_other_side_one_way(desk: Desk):
    """With what is in it; and what depended on the link is told."""
    here, there = linked(desk)
    target = there.add(Name="t")
    record = here.add(Name="r", To=[target])
    refused = desk.bad(409, "DELETE", here.field("To"))["data"]
    assert (refused["lost"], [each["name"] for each in refused["dependents"]]) == (1, ["Names"])
    assert desk.good("DELETE", f"{here.field('To')}?dryRun=true")["change"] == refused

    assert desk.good("DELETE", f"{here.field('To')}?allowLoss=true")["change"] == refused
    assert there.fields()["Here"]["type"] == "ONE_WAY_LINK"
    assert "foreignFieldId" not in there.fields()["Here"]["property"]
    assert (there.read(target)["Here"], here.read(record)) == ([record], {"Name": "r"})
    there.add(Name="u", Here=[record])


def test_a_link_becomes_the_names_of_what_it_led_to(desk: Desk):
    """And lookups that followed it are told, for they are empty then."""
    here, there = linked(desk)
    record = here.add(Name="r", To=[there.add(Name="t"), there.add(Name="u")])
    refused = desk.bad(409, "PATCH", here.field("To"), {"type": "SINGLE_TEXT"})["data"]
    assert (refused["lost"], [each["name"] for each in refused["dependents"]]) == (0, ["Names"])
    desk.good("PATCH", here.field("To"), {"type": "SINGLE_TEXT", "allowLoss": True})
    assert here.read(record) == {"Name": "r", "To": "t, u"}
    assert there.fields()["Here"]["type"] == "ONE_WAY_LINK"


def test_a_field_that_is_looked_up_elsewhere_is_missed(desk: Desk):
    """Its database has no record with a value, and still somebody would miss it."""
    here, there = linked(desk)
    other = desk.good("POST", f"{there.path}/fields", {"name": "Size", "type": "NUMBER"})
    shown = {"linkFieldId": here.fields()["To"]["id"], "lookupFieldId": other["id"]}
    desk.good("POST", f"{here.path}/fields", {"name": "Sizes", "type": "LOOKUP", "property": shown})
    refused = desk.bad(409, "DELETE", there.field("Size"))["data"]
    assert [each["name"] for each in refused["dependents"]] == ["Sizes"]


def test_databases_of_other_spaces_are_not_there(desk: Desk, tmp_path_factory: pytest.TempPathFactory):
    """Neither to be linked to, nor to be moved into."""
    here = desk.database("Mine")
    with open_desk(tmp_path_factory.mktemp("other")) as other:
        theirs = other.database("Theirs")
        asked = {"name": "To", "type": "ONE_WAY_LINK", "property": {"foreignDatabaseId": theirs.id}}
        desk.bad(400, "POST", f"{here.path}/fields", asked)
        desk.bad(404, "PATCH", f"{desk.space}/nodes/{here.id}", {"parentId": theirs.id})
        desk.bad(404, "PATCH", f"{desk.space}/nodes/{theirs.id}", {"name": "x"})


# ── deletion of fields ───────────────────────────────────────────────────────────────────────────────────────────


def test_values_of_a_deleted_field_are_stripped_by_the_sweep(desk: Desk):
    """At once they are out of sight; after the sweep they are nowhere but in the record's history."""
    things = desk.database("Stripped", [{"name": "Hushed", "type": "SINGLE_TEXT"}])
    record = things.add(Name="x", Hushed="hidden")
    field_id = things.fields()["Hushed"]["id"]
    desk.good("DELETE", f"{things.field('Hushed')}?allowLoss=true")
    assert things.read(record) == {"Name": "x"}

    def cells(ledger: Any) -> dict[str, Any]:
        space = ledger.spaces.named(desk.space_id)
        database = ledger.spaces.find_database(things.id, space)
        return dict(ledger.records.find(database, record).cells)

    assert asyncio.run(desk.work.read(cells))[field_id] == "hidden"
    asyncio.run(sweep_structure(desk.services, desk.services.clock.now() - timedelta(days=1)))
    assert field_id not in asyncio.run(desk.work.read(cells))
    assert things.history(record)[0]["fields"][field_id] == {"before": None, "after": "hidden"}


def test_files_are_let_go_with_their_field_and_become_names_in_text(desk: Desk):
    """The uploads stay; what is left of an attachment in a text is what it was called."""
    things = desk.database("Filed", [{"name": "One", "type": "ATTACHMENT"}, {"name": "Two", "type": "ATTACHMENT"}])

    def upload(ledger: Any) -> str:
        space = ledger.spaces.named(desk.space_id)
        user = ledger.accounts.find_user("ada")
        from holdall.domain.files import Purpose  # noqa: PLC0415
        from holdall.ports import NewUpload  # noqa: PLC0415

        new = NewUpload(unique("att"), space.number, user.number, "roof.png", f"openapi/{unique('x')}.png", Purpose())
        id: str = ledger.files.add_upload(new, make_ready(ledger, space), desk.services.clock.now()).id
        return id

    file = asyncio.run(desk.work.write(upload))
    lost = asyncio.run(desk.work.write(upload))
    record = things.add(One=[{"id": file}], Two=[{"id": file}])
    other = things.add(Two=[{"id": lost}])
    desk.good("DELETE", f"{desk.space}/attachments/{lost}")
    assert desk.bad(409, "DELETE", things.field("One"))["data"]["lost"] == 1
    desk.good("DELETE", f"{things.field('One')}?allowLoss=true")
    used = desk.good("GET", f"{desk.space}/attachments/{file}")["usedIn"]
    assert [use["fieldId"] for use in used] == [things.fields()["Two"]["id"]]

    changed = desk.good("PATCH", things.field("Two"), {"type": "LONG_TEXT"})
    assert (changed["change"]["lost"], things.read(record)) == (0, {"Two": "roof.png"})
    assert desk.good("GET", f"{desk.space}/attachments/{file}")["usedIn"] == []
    assert desk.good("POST", f"{desk.space}/attachments/{lost}/restore")["id"] == lost
    assert (things.read(other), desk.good("GET", f"{desk.space}/attachments/{lost}")["usedIn"]) == ({}, [])


# ── formulas ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_formula_follows_what_it_names(desk: Desk):
    """By whatever name; a dry run tells of it before its field goes, and it says so itself afterwards."""
    things = desk.database("Reckoned")
    price = desk.good("POST", f"{things.path}/fields", {"name": "Price", "type": "NUMBER"})
    asked = {"name": "Twice", "type": "FORMULA", "property": {"expression": "Price*2 & '!'"}}
    twice = desk.good("POST", f"{things.path}/fields", asked)
    assert twice["property"]["expression"] == "{Price}*2 & '!'"
    desk.good("POST", f"{things.path}/records", {"cells": {"Price": 4}})

    desk.good("PATCH", f"{things.path}/fields/{price['id']}", {"name": "Cost {net}"})
    assert things.fields()["Twice"]["property"]["expression"] == "{Cost \\{net\\}}*2 & '!'"
    changed = {"property": {"expression": "{Cost \\{net\\}} * 3"}}
    assert (
        desk.good("PATCH", f"{things.path}/fields/{twice['id']}", changed)["field"]["property"] == changed["property"]
    )
    [record] = desk.good("GET", f"{things.path}/records")["records"]
    assert record["fields"]["Twice"] == 12

    leading_back = {"property": {"expression": "Twice + 1"}}
    refused = desk.bad(400, "PATCH", f"{things.path}/fields/{twice['id']}", leading_back)
    assert "Twice leads back to this formula (position 1)" in refused["message"]
    dry = desk.good("DELETE", f"{things.path}/fields/{price['id']}?dryRun=true")
    assert [one["name"] for one in dry["change"]["dependents"]] == ["Twice"]
    desk.good("DELETE", f"{things.path}/fields/{price['id']}?allowLoss=true")
    [record] = desk.good("GET", f"{things.path}/records")["records"]
    assert record["fields"]["Twice"] == "#REF!"


# ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_view_is_made_changed_ordered_and_deleted(desk: Desk):
    """Lists answer to it at once; it goes on meaning its fields when they are called otherwise."""
    things = desk.database("Viewed")
    views = f"{things.path}/views"
    stage = desk.good("POST", f"{things.path}/fields", {"name": "Stage", "type": "SINGLE_TEXT"})
    files = desk.good("POST", f"{things.path}/fields", {"name": "Files", "type": "ATTACHMENT"})
    for name, told in (("a", "Open"), ("b", "Done"), ("c", "Open")):
        desk.good("POST", f"{things.path}/records", {"cells": {"Name": name, "Stage": told}})
    asked = {
        "name": "Open ones",
        "type": "KANBAN",
        "filter": 'Stage=="Open";Files.count==0',
        "sort": [{"field": "Name", "order": "desc"}],
        "hiddenFields": ["Stage"],
    }

    [usual] = desk.good("GET", views)
    made = desk.good("POST", views, asked)
    name = things.fields()["Name"]["id"]
    told = {"filter": '{Stage}=="Open";{Files}.count==0', "sort": [{"field": name, "order": "desc"}]}
    assert made == {**asked, **told, "hiddenFields": [stage["id"]], "id": made["id"], "description": ""}
    listed = desk.good("GET", f"{things.path}/records?viewId={made['id']}")["records"]
    assert [record["fields"] for record in listed] == [{"Name": "c"}, {"Name": "a"}]

    desk.good("PATCH", f"{things.path}/fields/{stage['id']}", {"name": "State of it"})
    desk.good("PATCH", f"{things.path}/fields/{files['id']}", {"name": "Papers"})
    assert desk.good("GET", f"{views}/{made['id']}")["filter"] == '{State of it}=="Open";{Papers}.count==0'
    changed = desk.good(
        "PATCH", f"{views}/{made['id']}", {"filter": "", "hiddenFields": [], "position": 0, "name": "All"}
    )
    assert (changed["filter"], changed["hiddenFields"], changed["sort"]) == ("", [], made["sort"])
    assert [view["id"] for view in desk.good("GET", views)] == [made["id"], usual["id"]]
    listed = desk.good("GET", f"{things.path}/records?viewId={made['id']}")["records"]
    assert [record["fields"]["Name"] for record in listed] == ["c", "b", "a"]
    assert desk.good("DELETE", f"{views}/{made['id']}") == {"id": made["id"], "deleted": True}
    assert [view["id"] for view in desk.good("GET", views)] == [usual["id"]]
    desk.bad(404, "GET", f"{things.path}/records?viewId={made['id']}")


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 400),
        ({"name": ""}, 400),
        ({"name": "ALL RECORDS"}, 400),
        ({"name": "x", "type": "GANTT"}, 400),
        ({"name": "x", "filter": "Name=="}, 400),
        ({"name": "x", "filter": "Gone==1"}, 400),
        ({"name": "x", "sort": [{"field": "Gone"}]}, 400),
        ({"name": "x", "sort": [{"field": "Name", "order": "up"}]}, 400),
        ({"name": "x", "sort": [{"field": "Name"}] * 6}, 400),
        ({"name": "x", "hiddenFields": ["Gone"]}, 400),
        ({"name": "x", "hiddenFields": "Name"}, 400),
        ({"name": "x", "hidden": ["Name"]}, 400),
    ],
)
def test_a_view_that_cannot_be_is_refused(desk: Desk, asked: dict[str, Any], status: int):
    """And is not there afterwards."""
    things = desk.database("Unviewed")
    desk.bad(status, "POST", f"{things.path}/views", asked)
    assert [view["name"] for view in desk.good("GET", f"{things.path}/views")] == ["All records"]
