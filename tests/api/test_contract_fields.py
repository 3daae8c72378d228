"""The contract's table of field types, row by row: every form to write, what is read as JSON and as text, exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from json import dumps, loads
from typing import Any

import httpx
import pytest

from holdall.dialects.bika.routes import PREFIX
from holdall.domain.records import Field, FieldType
from holdall.flows.accounts import create_database, known_user
from holdall.ports import Ledger, Services
from tests.support.images import png
from tests.support.inprocess import House
from tests.support.likes import ISO, LINK, Like

OPEN, DONE = "optAAAAAAAAAAAAAAAAAAAAA", "optBBBBBBBBBBBBBBBBBBBBB"
OPTIONS = [{"id": OPEN, "name": "Open", "color": ""}, {"id": DONE, "name": "Done", "color": ""}]
PROPERTIES: Mapping[FieldType, dict[str, Any]] = {
    FieldType.NUMBER: {"precision": 3},
    FieldType.CURRENCY: {"symbol": "€"},
    FieldType.RATING: {"max": 5},
    FieldType.SINGLE_SELECT: {"options": OPTIONS},
    FieldType.MULTI_SELECT: {"options": OPTIONS},
}
BERLIN = {"timeZone": "Europe/Berlin", "userLocale": "de"}
STORED = {"path": Like(r"openapi/[A-Za-z0-9]{21}\.[a-z]+"), "bucket": "bika"}
"""What files in lists of v1 have besides."""
LOCAL = Like(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


@dataclass(frozen=True)
class Everything:
    """A database with a field of each type, named after it."""

    house: House
    space: str
    database_id: str
    other_id: str
    """The database that its links lead to."""
    fields: Mapping[str, str]
    """Field ids by name."""
    member_id: str
    token: str = ""
    """The demo's first tenant's, unless given."""

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token or self.house.demo['bika']['token']}"}
        return self.house.request(method, PREFIX + path, headers=headers, **more)

    def records(self, version: str, database_id: str = "") -> str:
        return f"/{version}/spaces/{self.space}/resources/databases/{database_id or self.database_id}/records"

    def make_other(self, name: str) -> str:
        body = {"records": [{"fields": {"Name": name}}]}
        id: str = self.ask("POST", self.records("v2", self.other_id), json=body).json()["data"]["records"][0]["id"]
        return id


@pytest.fixture(scope="module")
def everything(house: House) -> Everything:
    space_id = house.demo["bika"]["space_id"]

    async def prepare(services: Services) -> Everything:
        id = services.ids.public

        def make(ledger: Ledger) -> Everything:
            seat = ledger.spaces.find(space_id, known_user(ledger, "ada"))
            assert seat is not None
            name = Field(id("fld"), "Name", FieldType.SINGLE_TEXT, is_primary=True)
            other = create_database(services, ledger, seat.space, "Others", [name])
            back, ids = id("fld"), {type: id("fld") for type in FieldType}
            links = {"foreignDatabaseId": other.id}
            known: Mapping[FieldType, dict[str, Any]] = {
                **PROPERTIES,
                FieldType.ONE_WAY_LINK: links,
                FieldType.LINK: {**links, "foreignFieldId": back},
                FieldType.FORMULA: {"expression": f"IF({{{ids[FieldType.NUMBER]}}}, {{{ids[FieldType.NUMBER]}}} * 2)"},
                FieldType.LOOKUP: {"linkFieldId": ids[FieldType.LINK], "lookupFieldId": name.id},
            }
            fields = [Field(ids[type], type.value, type, properties=known.get(type, {})) for type in FieldType]
            node = create_database(services, ledger, seat.space, "Everything", fields)
            backwards = {"foreignDatabaseId": node.id, "foreignFieldId": ids[FieldType.LINK]}
            ledger.spaces.add_field(other, Field(back, "Back", FieldType.LINK, properties=backwards))
            named = {type.value: ids[type] for type in FieldType}
            return Everything(house, space_id, node.id, other.id, named, seat.member_id)

        return await services.work.write(make)

    return house.tell(prepare)


def check(it: Everything, type: str, forms: list[Any], json: Any, text: Any) -> None:
    """Each form is taken by both versions, by name and by id; read as is documented; and emptied by ``null``."""
    key = it.fields[type]
    for form in forms:
        made = it.ask("POST", it.records("v2"), json={"records": [{"fields": {type: form}}]}, params=BERLIN)
        assert made.status_code == 200, made.text
        [record] = made.json()["data"]["records"]
        assert record["fields"][type] == json
        path = f"{it.records('v2')}/{record['id']}"
        cells = it.ask("PATCH", it.records("v1"), json={"id": record["id"], "cells": {key: form}}, params=BERLIN)
        assert cells.json()["data"]["cells"][key]["name"] == type
        check_read(it, record["id"], type, json, text)
        emptied = it.ask("PUT", path, json={"fields": {type: None}})
        assert type not in emptied.json()["data"]["fields"]


def check_read(it: Everything, id: str, type: str, json: Any, text: Any) -> None:
    """One record and a list, of v2 and of v1."""
    path = f"{it.records('v2')}/{id}"
    assert it.ask("GET", path, params=BERLIN).json()["data"]["fields"][type] == json
    assert it.ask("GET", path, params={**BERLIN, "cellFormat": "string"}).json()["data"]["fields"][type] == text
    by_id = it.ask("GET", path, params={**BERLIN, "fieldKey": "id"}).json()["data"]["fields"]
    assert by_id[it.fields[type]] == json
    listed = it.ask("GET", it.records("v1"), params={**BERLIN, "pageSize": "1000", "fields": type}).json()
    [fields] = [record["fields"] for record in listed["data"]["records"] if record["recordId"] == id]
    assert fields == {type: [{**file, **STORED} for file in json] if type == "ATTACHMENT" else json}


def check_refused(it: Everything, type: str, values: list[Any]) -> None:
    """400 with code 4031, naming field and value."""
    for value in values:
        refused = it.ask("POST", it.records("v2"), json={"records": [{"fields": {type: value}}]})
        body = refused.json()
        assert (refused.status_code, body["success"], body["code"], body["data"]) == (400, False, 4031, {}), value
        assert body["message"].startswith(f"The input value of field {type} is invalid: "), body["message"]


def check_computed(it: Everything, type: str, json: Any, text: Any, **fields: Any) -> str:
    """Read as is documented, never written."""
    body = {"records": [{"fields": {"SINGLE_TEXT": "x", **fields}}]}
    id: str = it.ask("POST", it.records("v2"), json=body).json()["data"]["records"][0]["id"]
    check_read(it, id, type, json, text)
    check_refused(it, type, [None, "x", 7, []])
    return id


def test_field_single_text(everything: Everything):
    check(everything, "SINGLE_TEXT", ["Roof"], "Roof", "Roof")
    check_refused(everything, "SINGLE_TEXT", ["a\nb", 5, True, ["x"]])


def test_field_long_text(everything: Everything):
    check(everything, "LONG_TEXT", ["a\nb"], "a\nb", "a<br>b")
    check_refused(everything, "LONG_TEXT", [5, ["x"]])


def test_field_url(everything: Everything):
    check(everything, "URL", ["https://x.test/?a=1"], "https://x.test/?a=1", "https://x.test/?a=1")
    check_refused(everything, "URL", [5, "a\nb"])


def test_field_email(everything: Everything):
    check(everything, "EMAIL", ["a@x.test"], "a@x.test", "a@x.test")
    check_refused(everything, "EMAIL", [5, ["a@x.test"]])


def test_field_phone(everything: Everything):
    check(everything, "PHONE", ["+49301234567"], "+49301234567", "+49301234567")
    check_refused(everything, "PHONE", [49301234567])


def test_field_number(everything: Everything):
    check(everything, "NUMBER", [2.5], 2.5, "2.500")
    check_refused(everything, "NUMBER", ["2.5", True, [2.5]])


def test_field_currency(everything: Everything):
    check(everything, "CURRENCY", [12.5], 12.5, "€12.50")
    check_refused(everything, "CURRENCY", ["12.5", "€12.50"])


def test_field_percent(everything: Everything):
    """12.5 is 12.5 %."""
    check(everything, "PERCENT", [12.5], 12.5, "12.50%")
    check_refused(everything, "PERCENT", ["12.5%"])


def test_field_rating(everything: Everything):
    """0 is a value, and not an empty cell."""
    check(everything, "RATING", [4], 4, "4")
    check(everything, "RATING", [0], 0, "0")
    check_refused(everything, "RATING", [6, -1, 2.5, "4"])


def test_field_checkbox(everything: Everything):
    check(everything, "CHECKBOX", [True], True, "true")
    check(everything, "CHECKBOX", [False], False, "false")
    check_refused(everything, "CHECKBOX", ["true", 1, "x"])


def test_field_single_select(everything: Everything):
    """By name or id, bare or in a list of one."""
    check(everything, "SINGLE_SELECT", ["Done", DONE, ["Done"], [DONE]], "Done", "Done")
    check_refused(everything, "SINGLE_SELECT", ["done", "Other", ["Open", "Done"], 5])


def test_field_multi_select(everything: Everything):
    check(everything, "MULTI_SELECT", [["Done", "Open"], [DONE, OPEN], [DONE, "Open"]], ["Done", "Open"], "Done, Open")
    check_refused(everything, "MULTI_SELECT", ["Done", ["done"], [5]])


def test_field_member(everything: Everything):
    """By id; also as it is read."""
    shown = [{"id": everything.member_id, "type": "Member", "name": "Ada"}]
    check(everything, "MEMBER", [[everything.member_id], shown], shown, "Ada")
    check_refused(everything, "MEMBER", [everything.member_id, ["memAAAAAAAAAAAAAAAAAAAAA"], [5]])


def test_field_datetime(everything: Everything):
    """Any ISO 8601, also a bare date; told in UTC, or by the clock of the reader."""
    forms = ["2026-03-02T10:00:00.000Z", "2026-03-02T11:00:00+01:00", "2026-03-02T10:00:00Z", "2026-03-02T10:00:00"]
    check(everything, "DATETIME", forms, "2026-03-02T10:00:00.000Z", "2026-03-02 11:00:00")
    check(everything, "DATETIME", ["2026-03-02"], "2026-03-02T00:00:00.000Z", "2026-03-02 01:00:00")
    check_refused(everything, "DATETIME", ["soon", 1772445600000, ["2026-03-02"]])


def test_field_daterange(everything: Everything):
    """Days in the reader's zone; what is read can be written."""
    told = "2026-03-03 -> 2026-03-05"
    check(everything, "DATERANGE", ["2026-03-02T23:30:00Z/2026-03-05T10:00:00Z"], told, told)
    check(everything, "DATERANGE", ["2026-03-03T00:00:00Z/2026-03-05T00:00:00Z", told], told, told)
    check_refused(everything, "DATERANGE", ["2026-03-02", "2026-03-05/2026-03-02", ["2026-03-02", "2026-03-05"]])


def test_field_attachment(everything: Everything):
    """The id alone, with a name, the upload's object as a whole, and the object as it is read."""
    path = f"/v1/spaces/{everything.space}/attachments"
    [item] = everything.ask("POST", path, files={"file": ("roof.png", png(9, 9))}).json()["data"]
    shown = {
        "id": item["id"],
        "name": "roof.png",
        "mimeType": "image/png",
        "size": item["size"],
        "url": LINK,
        "thumbnailUrl": LINK,
    }
    echoed = {key: item[key] for key in ("id", "path", "size", "bucket", "mimeType", "name")}
    read = {**shown, "url": item["url"], "thumbnailUrl": item["thumbnailUrl"]}
    text = Like(rf"roof\.png\({LINK.pattern}\)")
    check_file(
        everything, [[{"id": item["id"]}], [{"id": item["id"], "name": "roof.png"}], [echoed], [read]], shown, text
    )
    [note] = everything.ask("POST", path, files={"file": ("a.bin", bytes(range(9)))}).json()["data"]
    check_file(everything, [[{"id": note["id"]}]], {**shown, **note_of(note)}, Like(rf"a\.bin\({LINK.pattern}\)"))
    both = {"ATTACHMENT": [{"id": item["id"]}, {"id": note["id"]}]}
    made = everything.ask(
        "POST", everything.records("v1"), json={"cells": both}, params={"cellFormat": "string"}
    ).json()
    record = everything.ask("GET", f"{everything.records('v2')}/{made['data']['id']}", params={"cellFormat": "string"})
    two = Like(rf"roof\.png\({LINK.pattern}\), a\.bin\({LINK.pattern}\)")
    assert record.json()["data"]["fields"]["ATTACHMENT"] == two
    cell = made["data"]["cells"][everything.fields["ATTACHMENT"]]
    assert cell["data"][0] == {**shown, "path": item["path"], "bucket": "bika"}
    assert cell["value"] == [shown, {**shown, **note_of(note)}]
    nobody = "attAAAAAAAAAAAAAAAAAAAAA"
    check_refused(everything, "ATTACHMENT", [{"id": item["id"]}, [item["id"]], [{"name": "x"}], [{"id": nobody}]])


def note_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """What has no picture has no link to one."""
    return {
        "id": item["id"],
        "name": "a.bin",
        "mimeType": "application/octet-stream",
        "size": item["size"],
        "thumbnailUrl": "",
    }


def check_file(it: Everything, forms: list[Any], shown: dict[str, Any], text: Like) -> None:
    check(it, "ATTACHMENT", forms, [shown], text)
    made = it.ask("POST", it.records("v2"), json={"records": [{"fields": {"ATTACHMENT": forms[0]}}]})
    [record] = made.json()["data"]["records"]
    emptied = it.ask("PUT", f"{it.records('v2')}/{record['id']}", json={"fields": {"ATTACHMENT": []}})
    assert "ATTACHMENT" not in emptied.json()["data"]["fields"]


def test_field_link(everything: Everything):
    """Kept in step on the other side."""
    first, second = (everything.make_other(name) for name in "AB")
    check(everything, "LINK", [[first, second]], [first, second], f"{first}, {second}")
    made = everything.ask("POST", everything.records("v1"), json={"cells": {"LINK": [first]}}).json()["data"]["id"]
    other = everything.ask("GET", f"{everything.records('v2', everything.other_id)}/{first}").json()["data"]
    assert other["fields"]["Back"] == [made]
    check_refused(everything, "LINK", [first, ["recAAAAAAAAAAAAAAAAAAAAA"], [5], [{"id": first}]])


def test_field_one_way_link(everything: Everything):
    first, second = (everything.make_other(name) for name in "AB")
    check(everything, "ONE_WAY_LINK", [[first, second]], [first, second], f"{first}, {second}")
    check_refused(everything, "ONE_WAY_LINK", [first, ["recAAAAAAAAAAAAAAAAAAAAA"], [5]])


def test_field_lookup(everything: Everything):
    """A list, as text too."""
    first, second = (everything.make_other(name) for name in "AB")
    check_computed(everything, "LOOKUP", ["A", "B"], ["A", "B"], LINK=[first, second])


def test_field_formula(everything: Everything):
    """What it is worth; nothing, where that is blank. Not written."""
    check_computed(everything, "FORMULA", 5, "5", NUMBER=2.5)
    made = everything.ask("POST", everything.records("v2"), json={"records": [{"fields": {}}]}).json()
    assert "FORMULA" not in made["data"]["records"][0]["fields"]


def test_field_auto_number(everything: Everything):
    body = {"records": [{"fields": {}}]}
    [before] = everything.ask("POST", everything.records("v2"), json=body).json()["data"]["records"]
    number = before["fields"]["AUTO_NUMBER"] + 1
    check_computed(everything, "AUTO_NUMBER", number, str(number))


def test_field_created_time(everything: Everything):
    check_computed(everything, "CREATED_TIME", ISO, LOCAL)


def test_field_modified_time(everything: Everything):
    id = check_computed(everything, "MODIFIED_TIME", ISO, LOCAL)
    record = everything.ask("GET", f"{everything.records('v2')}/{id}").json()["data"]
    assert record["fields"]["MODIFIED_TIME"] == record["updatedAt"]


def test_field_created_by(everything: Everything):
    """An object, and not an array."""
    check_computed(everything, "CREATED_BY", {"id": everything.member_id, "name": "Ada"}, "Ada")


def test_field_modified_by(everything: Everything):
    check_computed(everything, "MODIFIED_BY", {"id": everything.member_id, "name": "Ada"}, "Ada")


def test_field_button(everything: Everything):
    """Nothing to read, and nothing to write."""
    body = {"records": [{"fields": {}}]}
    [made] = everything.ask("POST", everything.records("v2"), json=body).json()["data"]["records"]
    assert "BUTTON" not in made["fields"]
    check_refused(everything, "BUTTON", [None, "x", True])


def test_field_cascader(everything: Everything):
    check(everything, "CASCADER", [["EU", "DE"]], ["EU", "DE"], "EU / DE")
    check(everything, "CASCADER", ["EU"], "EU", "EU")
    check_refused(everything, "CASCADER", [5, [5]])


def test_field_json(everything: Everything):
    """Anything; numbers, text and objects alike."""
    value = {"a": "é", "b": [1, None]}
    check(everything, "JSON", [value], value, '{"a":"é","b":[1,null]}')
    check(everything, "JSON", [[1.5, True]], [1.5, True], "[1.5,true]")


def test_field_ai_text(everything: Everything):
    check(everything, "AI_TEXT", ["a\nb"], "a\nb", "a<br>b")
    check_refused(everything, "AI_TEXT", [5])


def test_field_work_doc(everything: Everything):
    check(everything, "WORK_DOC", [{"id": "docA"}], {"id": "docA"}, '{"id":"docA"}')


# ── ids of another space ─────────────────────────────────────────────────────────────────────────────────────────

BODIES: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "the record of an update": ("PATCH", "v1", {"id": "{record}", "cells": {}}),
    "a record of a batch": ("PATCH", "v2", {"records": [{"id": "{record}", "fields": {}}]}),
    "a record of the same, by the other name": ("PUT", "v2", {"records": [{"recordId": "{record}", "fields": {}}]}),
    "a record to delete": ("DELETE", "v2", {"recordIds": ["{record}"]}),
    "a linked record": ("POST", "v1", {"cells": {"LINK": ["{record}"]}}),
    "a record linked one way": ("POST", "v1", {"cells": {"ONE_WAY_LINK": ["{record}"]}}),
    "a member": ("POST", "v1", {"cells": {"MEMBER": ["{member}"]}}),
    "a member as it is read": ("POST", "v2", {"records": [{"fields": {"MEMBER": [{"id": "{member}"}]}}]}),
    "a file": ("POST", "v1", {"cells": {"ATTACHMENT": [{"id": "{file}"}]}}),
    "a file with its links": ("POST", "v2", {"records": [{"fields": {"ATTACHMENT": [{"id": "{file}", "url": "x"}]}}]}),
    "a field": ("POST", "v1", {"cells": {"{field}": "x"}}),
}


@pytest.mark.parametrize("name", BODIES)
def test_ids_of_another_space_in_a_body_are_as_good_as_made_up(everything: Everything, name: str):
    """The same refusal, to the letter, as for ids that nobody has."""
    other = everything.house.demo["bika_other"]
    theirs = Everything(everything.house, other["space_id"], other["database_id"], "", {}, "", other["token"])
    [item] = theirs.ask("POST", f"/v1/spaces/{theirs.space}/attachments", files={"file": ("a.txt", b"theirs")}).json()[
        "data"
    ]
    ids = {
        "{record}": other["record_id"],
        "{file}": item["id"],
        "{member}": theirs.ask("GET", f"/v1/spaces/{theirs.space}/members").json()["data"][0]["id"],
        "{field}": theirs.ask("GET", theirs.records("v1").replace("/records", "/fields")).json()["data"][0]["id"],
    }
    method, version, body = BODIES[name]
    used = next(key for key in ids if key in dumps(body))
    nobody = ids[used][:3] + "A" * 21

    def told(id: str) -> tuple[int, str]:
        answer = everything.ask(method, everything.records(version), json=loads(dumps(body).replace(used, id)))
        return answer.status_code, answer.text.replace(id, "?")

    real = told(ids[used])
    assert real[0] in (400, 404)
    assert real == told(nobody)
