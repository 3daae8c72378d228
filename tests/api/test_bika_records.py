"""Records of a database with a field of every type, over both versions of Bika's wire."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from holdall.dialects.bika.writing import MAX_BATCH
from holdall.domain.access import Role, TokenKind
from holdall.domain.formulas.definition import define
from holdall.domain.records import Field, FieldType
from holdall.flows.accounts import create_database, create_user, known_user, mint
from holdall.flows.members import add_member
from holdall.ports import Ledger, Services
from tests.acceptance.test_odd_values import VALUES
from tests.support.images import png
from tests.support.server import RunningServer, operate

OPTIONS = [{"id": f"opt{name:A<21}", "name": name, "color": ""} for name in ("Open", "Done")]
DONE = OPTIONS[1]["id"]
PROPERTIES: Mapping[FieldType, dict[str, Any]] = {
    FieldType.NUMBER: {"precision": 3},
    FieldType.CURRENCY: {"symbol": "€"},
    FieldType.RATING: {"max": 5},
    FieldType.SINGLE_SELECT: {"options": OPTIONS},
    FieldType.MULTI_SELECT: {"options": OPTIONS},
}
FORMULAS = {
    "Sum": "NUMBER + CURRENCY * RATING",
    "Twice": "{Sum} * 2",
    "Told": "SINGLE_TEXT & '|' & SINGLE_SELECT & '|' & MULTI_SELECT & '|' & MEMBER & ATTACHMENT & CREATED_BY",
    "Day": "DATEADD(DATETIME, 1, 'day')",
    "Is late": "DATETIME < CREATED_TIME",
    "List": "ARRAYCOMPACT(MULTI_SELECT, CHECKBOX, LINK)",
    "Broken": "1 / NUMBER",
}
NOBODY = "recAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True)
class Table:
    """A database with one field of each type, named after its type, and a caller who may write it."""

    http: httpx.Client
    space_id: str
    database_id: str
    other_id: str
    """A database beside it, which its links lead to."""
    member_id: str
    server: RunningServer

    def path(self, version: str, database: str | None = None) -> str:
        return f"/{version}/spaces/{self.space_id}/resources/databases/{database or self.database_id}/records"

    def make(self, **fields: Any) -> dict[str, Any]:
        answer = self.http.post(self.path("v2"), json={"records": [{"fields": fields}]})
        assert answer.status_code == 200, answer.text
        record: dict[str, Any] = answer.json()["data"]["records"][0]
        return record

    def change(self, id: str, headers: Mapping[str, str] | None = None, **fields: Any) -> httpx.Response:
        return self.http.put(f"{self.path('v2')}/{id}", json={"fields": fields}, headers=headers)

    def read(self, id: str, **query: str) -> dict[str, Any]:
        answer = self.http.get(f"{self.path('v2')}/{id}", params=query)
        assert answer.status_code == 200, answer.text
        record: dict[str, Any] = answer.json()["data"]
        return record

    def history(self, id: str, **query: Any) -> dict[str, Any]:
        answer = self.http.get(f"{self.path('v1')}/{id}/history", params=query)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def make_other(self, **fields: Any) -> str:
        """A record of the database beside it."""
        path = self.path("v2", self.other_id)
        id: str = self.http.post(path, json={"records": [{"fields": fields}]}).json()["data"]["records"][0]["id"]
        return id

    def back(self, id: str) -> list[str]:
        """What leads back from a record there."""
        record = self.http.get(f"{self.path('v2', self.other_id)}/{id}").json()["data"]
        links: list[str] = record["fields"].get("Back", [])
        return links

    def upload(self) -> dict[str, Any]:
        answer = self.http.post(f"/v1/spaces/{self.space_id}/attachments", files={"file": ("roof.png", png(9, 9))})
        item: dict[str, Any] = answer.json()["data"][0]
        return item


def friends(services: Services, database_id: str) -> Field:
    """Links among the records of one database: who is linked to links back by the same field."""
    id = services.ids.public("fld")
    return Field(id, "Friends", FieldType.LINK, properties={"foreignDatabaseId": database_id, "foreignFieldId": id})


@pytest.fixture(scope="module")
def table(server: RunningServer) -> Iterator[Table]:
    space_id = server.demo["bika"]["space_id"]

    async def prepare(services: Services) -> tuple[str, str, str, str]:
        def make(ledger: Ledger) -> tuple[str, str, str]:
            create_user(services, ledger, "writer", "", "Wren")
            user = known_user(ledger, "ada")
            seat = ledger.spaces.find(space_id, user)
            assert seat is not None
            name = Field(services.ids.public("fld"), "Name", FieldType.SINGLE_TEXT, is_primary=True)
            other = create_database(services, ledger, seat.space, "Others", [name])
            link, back = services.ids.public("fld"), services.ids.public("fld")
            links = {"foreignDatabaseId": other.id}
            known = {
                **PROPERTIES,
                FieldType.ONE_WAY_LINK: links,
                FieldType.LINK: {**links, "foreignFieldId": back},
            }
            fields = [
                Field(
                    link if type is FieldType.LINK else services.ids.public("fld"),
                    type.value,
                    type,
                    properties=known.get(type, {}),
                )
                for type in FieldType
            ]
            node = create_database(services, ledger, seat.space, "Everything", fields)
            backwards = {"foreignDatabaseId": node.id, "foreignFieldId": link}
            ledger.spaces.add_field(other, Field(back, "Back", FieldType.LINK, properties=backwards))
            ledger.spaces.add_field(node, friends(services, node.id))
            for called, expression in FORMULAS.items():
                columns = ledger.spaces.find_database(node.id, seat.space).fields
                kept = {"expression": define(expression, columns).expression}
                ledger.spaces.add_field(
                    node, Field(services.ids.public("fld"), called, FieldType.FORMULA, properties=kept)
                )
            for shown in (name, Field(services.ids.public("fld"), "Team", FieldType.MEMBER)):
                looking = {"linkFieldId": link, "lookupFieldId": shown.id}
                looked_up = Field(services.ids.public("fld"), f"{shown.name}s", FieldType.LOOKUP, properties=looking)
                ledger.spaces.add_field(node, looked_up)
                if shown is not name:
                    ledger.spaces.add_field(other, shown)
            return node.id, other.id, seat.member_id

        made = await services.work.write(make)
        await add_member(services, space_id, "writer", Role.EDITOR)
        return *made, (await mint(services, TokenKind.BEARER, "writer", "test")).secret

    database_id, other_id, member_id, secret = operate(server, prepare)
    with httpx.Client(
        base_url=f"{server.base_url}/api/openapi/bika", headers={"Authorization": f"Bearer {secret}"}, timeout=30
    ) as http:
        yield Table(http, space_id, database_id, other_id, member_id, server)


# ── the table of field types (5) ─────────────────────────────────────────────────────────────────────────────────


def test_a_cell_of_type_member(table: Table):
    """By id, or as it is read; nobody of another space, and nobody who is not there."""
    id = table.make(MEMBER=[table.member_id])["id"]
    shown = table.read(id)["fields"]["MEMBER"]

    assert shown == [{"id": table.member_id, "type": "Member", "name": "Ada"}]
    assert table.read(id, cellFormat="string")["fields"]["MEMBER"] == "Ada"
    assert table.change(id, MEMBER=shown).status_code == 200
    for stranger in ("memAAAAAAAAAAAAAAAAAAAAA", table.server.demo["bika_other"]["space_id"]):
        refused = table.change(id, MEMBER=[table.member_id, stranger]).json()
        assert (refused["code"], stranger in refused["message"]) == (4031, True)


def test_a_cell_of_type_one_way_link(table: Table):
    """Records of the database that the field names, and of no other."""
    target = table.make_other(Name="A")
    record = table.make(ONE_WAY_LINK=[target, target])

    assert record["fields"]["ONE_WAY_LINK"] == [target]
    assert table.read(record["id"], cellFormat="string")["fields"]["ONE_WAY_LINK"] == target
    assert table.back(target) == []
    assert table.change(record["id"], ONE_WAY_LINK=[record["id"]]).json()["code"] == 4031
    table.http.delete(f"{table.path('v2', table.other_id)}/{target}")
    assert table.change(record["id"], ONE_WAY_LINK=[target]).status_code == 200  # as it is read


def test_a_cell_of_type_link(table: Table):
    """What leads back is kept in step from either side: on creation, change and deletion, and told in the history."""
    first, second = table.make_other(Name="A"), table.make_other(Name="B")
    one, two = table.make(LINK=[first])["id"], table.make(LINK=[first, second])["id"]
    assert (table.back(first), table.back(second)) == ([one, two], [two])

    assert table.change(one, LINK=[second]).json()["data"]["fields"]["LINK"] == [second]
    assert (table.back(first), table.back(second)) == ([two], [two, one])

    path = f"{table.path('v1', table.other_id)}/{second}"
    assert table.http.put(path, json={"cells": {"Back": [two]}}).status_code == 200
    assert "LINK" not in table.read(one)["fields"]
    assert table.history(one)["changes"][0]["fields"] == {"LINK": {"before": [second], "after": None}}

    assert table.http.delete(f"{table.path('v2')}/{two}").status_code == 200
    assert (table.back(first), table.back(second)) == ([], [])
    assert table.change(one, LINK=[one]).json()["code"] == 4031


def test_a_cell_of_type_lookup(table: Table):
    """What the linked records show, on every way to a record; in string form a list, as is documented."""
    first = table.make_other(Name="A", Team=[table.member_id])
    second, third = table.make_other(Name="B"), table.make_other()
    member = {"id": table.member_id, "type": "Member", "name": "Ada"}

    record = table.make(LINK=[second, first, third])

    id = record["id"]
    assert (record["fields"]["Names"], record["fields"]["Teams"]) == (["B", "A"], [member])
    assert table.read(id)["fields"]["Names"] == ["B", "A"]
    text = table.read(id, cellFormat="string")["fields"]
    assert (text["Names"], text["Teams"]) == (["B", "A"], ["Ada"])
    listed = table.http.get(table.path("v2"), params={"pageSize": 1000}).json()["data"]["records"]
    assert next(each for each in listed if each["id"] == id)["fields"]["Names"] == ["B", "A"]
    cells = table.http.get(f"{table.path('v1')}/{id}").json()["data"]["cells"].values()
    assert next(cell["value"] for cell in cells if cell["name"] == "Names") == ["B", "A"]
    emptied = table.change(id, LINK=[third]).json()["data"]["fields"]
    assert {"Names", "Teams"} & set(emptied) == set()


def test_a_refused_link_leaves_both_sides_as_they_were(table: Table):
    target = table.make_other(Name="A")

    rows = [{"fields": {"LINK": [target]}}, {"fields": {"LINK": [NOBODY]}}]
    assert table.http.post(table.path("v2"), json={"records": rows}).json()["code"] == 4031

    assert table.back(target) == []


def test_records_linked_among_themselves_say_the_same_on_both_sides(table: Table):
    """In one batch, whatever each says for itself; and the answer tells how they are."""
    one, two, three = (table.make()["id"] for _ in range(3))
    rows = [{"id": one, "fields": {"Friends": [two, one]}}, {"id": two, "fields": {"Friends": [three]}}]

    answer = table.http.patch(table.path("v2"), json={"records": rows}).json()["data"]["records"]

    told = {record["id"]: record["fields"]["Friends"] for record in answer}
    assert told == {one: [two, one], two: [three, one]}
    assert [table.read(id)["fields"]["Friends"] for id in (one, two, three)] == [[two, one], [three, one], [two]]
    emptied = table.http.patch(table.path("v2"), json={"records": [{"id": two, "fields": {"Friends": []}}]})
    assert emptied.json()["data"]["records"][0]["fields"].get("Friends") is None
    assert [table.read(id)["fields"].get("Friends") for id in (one, three)] == [[one], None]
    assert table.http.request("DELETE", table.path("v2"), json={"recordIds": [one, two]}).status_code == 200


def test_more_ids_than_a_statement_takes_are_refused(table: Table):
    """In all cells of a request together; 400, and never a fault of ours."""
    ids = [f"mem{n:021}" for n in range(1000)]
    rows = [{"fields": {"MEMBER": [f"{id}{n}" for id in ids], "LINK": [f"{id}l{n}" for id in ids]}} for n in range(10)]

    answer = table.http.post(table.path("v2"), json={"records": rows})

    assert (answer.status_code, "10000 ids" in answer.json()["message"]) == (400, True)


def test_cells_that_nobody_writes(table: Table):
    """Number, times and authors come by themselves."""
    first, second = table.make(), table.make()
    ada = mint_for(table, "ada")
    changed = table.change(first["id"], ada, SINGLE_TEXT="x").json()["data"]

    told = changed["fields"]
    assert second["fields"]["AUTO_NUMBER"] == first["fields"]["AUTO_NUMBER"] + 1 == told["AUTO_NUMBER"] + 1
    assert (told["CREATED_TIME"], told["MODIFIED_TIME"]) == (first["createdAt"], changed["updatedAt"])
    assert (told["CREATED_BY"]["name"], told["MODIFIED_BY"]["name"]) == ("Wren", "Ada")
    assert told["MODIFIED_BY"]["id"] == table.member_id
    text = table.read(first["id"], cellFormat="string", timeZone="Asia/Tokyo")["fields"]
    made = datetime.fromisoformat(first["createdAt"]).astimezone(ZoneInfo("Asia/Tokyo"))
    assert text["CREATED_TIME"] == f"{made:%Y-%m-%d %H:%M:%S}"
    assert (text["CREATED_BY"], text["MODIFIED_BY"]) == ("Wren", "Ada")
    assert {"LOOKUP", "FORMULA", "BUTTON"} & set(told) == set()


def test_formulas_are_worked_out_of_the_record(table: Table):
    """As JSON and as text, also of other formulas; what is blank is left out, and what goes wrong says so."""
    file = table.upload()
    there = table.make_other(Name="There")
    record = table.make(
        NUMBER=0.5,
        CURRENCY=12.5,
        RATING=3,
        SINGLE_TEXT="Roof",
        SINGLE_SELECT="Done",
        MULTI_SELECT=["Done", "Open"],
        MEMBER=[table.member_id],
        ATTACHMENT=[{"id": file["id"], "name": "roof.png"}],
        DATETIME="2026-03-02T23:30:00Z",
        CHECKBOX=True,
        LINK=[there],
    )

    told = table.read(record["id"])["fields"]
    assert {name: told.get(name) for name in FORMULAS} == {
        "Sum": 38,
        "Twice": 76,
        "Told": "Roof|Done|Done, Open|Adaroof.pngWren",
        "Day": "2026-03-03T23:30:00.000Z",
        "Is late": True,
        "List": ["Done", "Open", True, there],
        "Broken": 2,
    }
    text = table.read(record["id"], cellFormat="string", timeZone="Asia/Tokyo")["fields"]
    assert (text["Day"], text["List"], text["Is late"]) == ("2026-03-04 08:30:00", f"Done, Open, true, {there}", "true")
    cells = table.http.get(f"{table.path('v1')}/{record['id']}").json()["data"]["cells"].values()
    assert {"Sum": 38, "Twice": 76}.items() <= {cell["name"]: cell["value"] for cell in cells}.items()
    empty = table.make()["fields"]
    assert (empty["Sum"], empty["Broken"], "Day" in empty, "List" in empty) == (0, "#DIV/0!", False, False)


def test_a_formula_tells_the_names_that_fields_have(table: Table):
    fields = table.http.get(table.path("v1").removesuffix("records") + "fields").json()["data"]
    told = {field["name"]: field["property"].get("expression") for field in fields if field["name"] in FORMULAS}
    assert told["Twice"] == "{Sum} * 2"
    assert told["Sum"] == "{NUMBER} + {CURRENCY} * {RATING}"


@pytest.mark.parametrize(
    "type",
    "AUTO_NUMBER CREATED_TIME MODIFIED_TIME CREATED_BY MODIFIED_BY LOOKUP FORMULA BUTTON".split(),
)
@pytest.mark.parametrize("value", [None, 1, "x", []])
def test_a_computed_cell_is_not_written(table: Table, type: str, value: Any):
    """4031, whatever it is to be."""
    refused = table.http.post(table.path("v1"), json={"cells": {type: value}})

    assert (400, 4031) == (refused.status_code, refused.json()["code"])
    assert type in refused.json()["message"]


def mint_for(table: Table, login: str) -> dict[str, str]:
    minted = operate(table.server, lambda services: mint(services, TokenKind.BEARER, login, "test"))
    return {"Authorization": f"Bearer {minted.secret}"}


@pytest.mark.parametrize("type", FieldType)
def test_any_json_in_a_cell_of_type(table: Table, type: FieldType):
    """Is kept, and read in every form, or refused."""
    kept, zone = [], {"timeZone": "Pacific/Kiritimati"}
    for value in [*VALUES, '"2026-03-02"', '"9999-12-31T23:59:59-14:00"', '{"id":"x"}', "[[1]]", "-1e-320"]:
        body = f'{{"records":[{{"fields":{{"{type.value}":{value}}}}}]}}'
        answer = table.http.post(table.path("v2"), content=body.encode(), params=zone)
        assert answer.status_code in (200, 400), (value[:50], answer.text[:300])
        assert answer.json()["success"] is (answer.status_code == 200)
        if answer.status_code == 200:
            kept.append(answer.json()["data"]["records"][0])
    for record in kept:
        assert table.read(record["id"], **zone)["fields"] == record["fields"]
        table.read(record["id"], cellFormat="string", **zone)
        assert table.http.get(f"{table.path('v1')}/{record['id']}").status_code == 200
        table.history(record["id"])


def test_v1_cells_tell_the_stored_and_the_shown_form(table: Table):
    """Option ids and names, member ids and people."""
    cells = {"SINGLE_SELECT": "Done", "MULTI_SELECT": ["Done"], "MEMBER": [table.member_id], "DATETIME": "2026-03-02"}
    answer = table.http.post(table.path("v1"), json={"cells": cells}).json()["data"]

    told = {cell["name"]: (cell["data"], cell["value"]) for cell in answer["cells"].values()}
    assert told["SINGLE_SELECT"] == ([DONE], ["Done"])
    assert told["MULTI_SELECT"] == ([DONE], ["Done"])
    assert told["MEMBER"][0] == [table.member_id]
    assert told["MEMBER"][1][0]["name"] == "Ada"
    assert told["DATETIME"] == ("2026-03-02T00:00:00.000Z",) * 2
    assert told["CREATED_BY"][1] == {"id": told["CREATED_BY"][0], "name": "Wren"}
    read = table.http.get(f"{table.path('v1')}/{answer['id']}")
    assert read.json()["data"] == answer
    assert read.headers["etag"] == '"0"'


@pytest.mark.parametrize("query", ["timeZone=Mars/Base", "userLocale=tlh", "timeZone=../../etc/passwd"])
def test_a_zone_or_locale_that_there_is_not_is_refused(table: Table, query: str):
    """On every call that shows cells; a write that would be answered in it changes nothing."""
    id = table.make(SINGLE_TEXT="a")["id"]

    for version in ("v1", "v2"):
        assert table.http.get(f"{table.path(version)}?{query}").status_code == 400
        assert table.http.get(f"{table.path(version)}/{id}?{query}").status_code == 400
        answer = table.http.put(f"{table.path(version)}/{id}?{query}", json={"fields": {}, "cells": {}})
        assert answer.status_code == 400
    assert table.http.get(f"{table.path('v1')}/{id}/history?{query}").status_code == 400
    assert len(table.history(id)["changes"]) == 1


# ── batches (4.4) ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("key", ["id", "recordId"])
def test_v2_changes_several_records_at_once(table: Table, method: str, key: str):
    """By both methods, in the order of the request."""
    ids = [table.make(SINGLE_TEXT="a", NUMBER=1)["id"] for _ in range(3)]
    rows = [{key: id, "fields": {"NUMBER": place}} for place, id in enumerate(reversed(ids))]

    answer = table.http.request(method, table.path("v2"), json={"records": rows})

    shown = answer.json()["data"]["records"]
    assert [(record["id"], record["fields"]["NUMBER"]) for record in shown] == [
        *zip(reversed(ids), range(3), strict=True)
    ]
    assert {record["fields"]["SINGLE_TEXT"] for record in shown} == {"a"}


@pytest.mark.parametrize(
    ("second", "status", "named"),
    [
        ({"id": NOBODY, "fields": {}}, 404, NOBODY),
        ({"fields": {"NUMBER": "x"}}, 400, "record 2 of 2"),
        ({"fields": {"MEMBER": ["memNobody"]}}, 400, "record 2 of 2"),
        ({"fields": {"ATTACHMENT": [{"id": "attNobody"}]}}, 400, "record 2 of 2"),
        ({"fields": {"Nmuber": 1}}, 400, "Nmuber"),
        ({"id": "same", "fields": {}}, 400, "twice"),
        ({"id": 5, "fields": {}}, 400, "id"),
        ({"fields": []}, 400, "fields"),
    ],
)
def test_a_batch_of_changes_is_all_or_nothing(table: Table, second: dict[str, Any], status: int, named: str):
    """The item is named, and the good ones are as they were."""
    good, bad = (table.make(NUMBER=1)["id"] for _ in range(2))
    row = {"id": bad, **second}
    row["id"] = good if row["id"] == "same" else row["id"]

    answer = table.http.patch(table.path("v2"), json={"records": [{"id": good, "fields": {"NUMBER": 2}}, row]})

    assert (status, False) == (answer.status_code, answer.json()["success"])
    assert named in answer.json()["message"]
    assert table.read(good)["fields"]["NUMBER"] == 1
    assert len(table.history(good)["changes"]) == 1


@pytest.mark.parametrize("records", [None, {}, [], [5], [{"fields": {}}] * (MAX_BATCH + 1)])
def test_a_batch_has_one_to_ten_items(table: Table, records: Any):
    """For each kind of write."""
    for method in ("POST", "PUT", "PATCH"):
        assert table.http.request(method, table.path("v2"), json={"records": records}).status_code == 400
    ids = records if records is None or len(records) < MAX_BATCH else ["x"] * (MAX_BATCH + 1)
    assert table.http.request("DELETE", table.path("v2"), json={"recordIds": ids}).status_code == 400


def test_the_largest_batch_numbers_its_records_in_order(table: Table):
    answer = table.http.post(table.path("v2"), json={"records": [{"fields": {"NUMBER": n}} for n in range(MAX_BATCH)]})

    shown = [record["fields"] for record in answer.json()["data"]["records"]]
    first = shown[0]["AUTO_NUMBER"]
    assert [(cells["NUMBER"], cells["AUTO_NUMBER"] - first) for cells in shown] == [(n, n) for n in range(MAX_BATCH)]


def test_a_refused_creation_uses_up_no_number(table: Table):
    before = table.make()["fields"]["AUTO_NUMBER"]
    table.http.post(table.path("v2"), json={"records": [{"fields": {}}, {"fields": {"NUMBER": "x"}}]})

    assert table.make()["fields"]["AUTO_NUMBER"] == before + 1


@pytest.mark.parametrize("where", ["query", "body"])
@pytest.mark.parametrize("key", ["fieldKey"])
def test_field_key_stands_in_the_query_or_in_the_body(table: Table, where: str, key: str):
    """For one record and for several."""
    id = table.make(NUMBER=1)["id"]
    fields = {field["name"]: field["id"] for field in fields_of(table)}
    told = {key: "id"}
    more: dict[str, Any] = {"params": told} if where == "query" else {}
    body = told if where == "body" else {}

    one = table.http.put(f"{table.path('v2')}/{id}", json={"fields": {fields["NUMBER"]: 2}, **body}, **more)
    batch = {"records": [{"id": id, "fields": {fields["NUMBER"]: 3}}], **body}
    [several] = table.http.patch(table.path("v2"), json=batch, **more).json()["data"]["records"]

    assert one.json()["data"]["fields"][fields["NUMBER"]] == 2
    assert several["fields"][fields["NUMBER"]] == 3
    assert table.http.put(f"{table.path('v2')}/{id}", json={"fields": {}, key: "label"}).status_code == 400
    assert table.http.put(f"{table.path('v2')}/{id}", json={"fields": {}, key: ["id"]}).status_code == 400


def fields_of(table: Table) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = table.http.get(table.path("v1").removesuffix("records") + "fields").json()["data"]
    return fields


# ── deletion ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["query", "body"])
def test_v2_deletes_several_records(table: Table, where: str):
    """Ids in the query or in the body; all of them, or none."""
    ids = [table.make()["id"] for _ in range(2)]

    def delete(*named: str) -> httpx.Response:
        if where == "query":
            return table.http.delete(table.path("v2"), params={"records": named})
        return table.http.request("DELETE", table.path("v2"), json={"recordIds": named})

    assert delete(*ids, NOBODY).status_code == 404
    assert [table.read(id)["id"] for id in ids] == ids
    assert delete(*ids, ids[0]).json()["data"] == {"records": [{"id": id, "deleted": True} for id in ids]}
    assert delete(*ids).status_code == 404
    assert delete().status_code == 400


def test_a_deleted_record_lets_its_files_go(table: Table):
    """They stay in the space, and can be hung on another one; links to them go on."""
    item = table.upload()
    record = table.make(ATTACHMENT=[{"id": item["id"]}])
    [shown] = record["fields"]["ATTACHMENT"]

    assert table.http.delete(f"{table.path('v2')}/{record['id']}").status_code == 200

    assert httpx.get(shown["url"]).status_code == 200
    assert table.make(ATTACHMENT=[{"id": item["id"]}])["fields"]["ATTACHMENT"][0]["id"] == item["id"]


def test_a_record_of_another_database_is_not_deleted_nor_changed(table: Table):
    """Nor told of."""
    id = table.make()["id"]
    path = table.path("v2", table.other_id)

    assert table.http.delete(f"{path}/{id}").status_code == 404
    assert table.http.request("DELETE", path, json={"recordIds": [id]}).status_code == 404
    assert table.http.patch(path, json={"records": [{"id": id, "fields": {}}]}).status_code == 404
    assert table.http.get(f"{table.path('v1', table.other_id)}/{id}/history").status_code == 404
    assert table.read(id)["id"] == id


# ── If-Match ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("spelled", ['"0"', "0", 'W/"0"', '"7", "0"', "*"])
def test_a_change_goes_through_at_the_revision_that_the_client_knows(table: Table, spelled: str):
    """As it was read in ETag."""
    id = table.make(NUMBER=1)["id"]
    assert table.http.get(f"{table.path('v2')}/{id}").headers["etag"] == '"0"'

    answer = table.change(id, {"If-Match": spelled}, NUMBER=2)

    assert (200, '"1"') == (answer.status_code, answer.headers["etag"])


@pytest.mark.parametrize("spelled", ['"1"', '"x"', '""', '"00"x', "-1"])
def test_a_change_is_refused_at_any_other_revision(table: Table, spelled: str):
    """412 in the dialect's envelope, by every call about one record; nothing is changed."""
    id = table.make(NUMBER=1)["id"]
    headers = {"If-Match": spelled}
    calls = [
        ("PUT", f"{table.path('v2')}/{id}", {"fields": {"NUMBER": 2}}),
        ("PUT", f"{table.path('v1')}/{id}", {"cells": {"NUMBER": 2}}),
        ("PATCH", f"{table.path('v1')}/{id}", {"cells": {"NUMBER": 2}}),
        ("PATCH", table.path("v1"), {"id": id, "cells": {"NUMBER": 2}}),
        ("DELETE", f"{table.path('v1')}/{id}", {}),
        ("DELETE", f"{table.path('v2')}/{id}", {}),
    ]

    for method, path, body in calls:
        answer = table.http.request(method, path, json=body, headers=headers)
        assert (412, 412, False) == (answer.status_code, answer.json()["code"], answer.json()["success"])
    assert table.read(id)["fields"]["NUMBER"] == 1


def test_if_match_is_no_matter_of_batches(table: Table):
    """Whoever sends it counts on it."""
    row = {"id": table.make()["id"], "fields": {}}

    for method, body in (("PATCH", {"records": [row]}), ("PUT", {"records": [row]}), ("DELETE", {"recordIds": ["x"]})):
        answer = table.http.request(method, table.path("v2"), json=body, headers={"If-Match": '"0"'})
        assert answer.status_code == 400


# ── Idempotency-Key ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_repeated_write_is_done_once(table: Table):
    """And answered alike: creation, change and deletion, single and several."""
    kept = table.make(NUMBER=1)["id"]
    doomed = [table.make()["id"] for _ in range(3)]
    v1, v2 = table.path("v1"), table.path("v2")
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", v1, {"cells": {"NUMBER": 1}}),
        ("POST", v2, {"records": [{"fields": {"NUMBER": n}} for n in range(3)]}),
        ("PATCH", v1, {"id": kept, "cells": {"NUMBER": 2}}),
        ("PUT", f"{v2}/{kept}", {"fields": {"NUMBER": 3}}),
        ("PATCH", v2, {"records": [{"id": kept, "fields": {"NUMBER": 4}}]}),
        ("DELETE", f"{v1}/{doomed[0]}", {}),
        ("DELETE", f"{v2}/{doomed[1]}", {}),
        ("DELETE", v2, {"recordIds": [doomed[2]]}),
    ]

    for place, (method, path, body) in enumerate(calls):
        headers = {"Idempotency-Key": f"records-{place}"}
        first, again = (table.http.request(method, path, json=body, headers=headers) for _ in range(2))
        other = table.http.request(method, f"{path}?more=1", json=body, headers=headers)
        assert first.status_code == 200, first.text
        assert (again.status_code, again.json()) == (200, first.json())
        assert other.status_code == 422
    assert table.http.get(f"{v1}/{kept}").json()["data"]["revision"] == 3


def test_a_refused_write_gives_its_key_back(table: Table):
    """A refusal is not remembered."""
    headers = {"Idempotency-Key": "records-refused"}

    def make(value: Any) -> int:
        return table.http.post(table.path("v1"), json={"cells": {"NUMBER": value}}, headers=headers).status_code

    assert [make("x"), make("x"), make(1), make(2)] == [400, 400, 200, 422]


def test_a_key_is_one_callers(table: Table):
    """Another caller's same key is another key."""
    headers = {"Idempotency-Key": "records-mine"}
    other = {**headers, **mint_for(table, "ada")}

    mine, theirs = (table.http.post(table.path("v1"), json={"cells": {}}, headers=each) for each in (headers, other))

    assert mine.json()["data"]["id"] != theirs.json()["data"]["id"]


# ── history ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_history_of_a_record_tells_who_changed_what_when(table: Table):
    """Newest first, as it was shown; and it outlives the record."""
    item = table.upload()
    record = table.make(SINGLE_SELECT="Open", NUMBER=1, MEMBER=[table.member_id])
    ada = mint_for(table, "ada")
    table.change(record["id"], ada, SINGLE_SELECT="Done", NUMBER=1, ATTACHMENT=[{"id": item["id"]}])
    table.http.delete(f"{table.path('v2')}/{record['id']}")

    told = table.history(record["id"])

    assert (told["hasMore"], "offset" in told) == (False, False)
    deleted, changed, made = told["changes"]
    assert [each["action"] for each in told["changes"]] == ["delete", "update", "create"]
    assert [each["revision"] for each in told["changes"]] == [1, 1, 0]
    assert [each["by"]["name"] for each in told["changes"]] == ["Wren", "Ada", "Wren"]
    assert changed["by"]["id"] == table.member_id
    assert made["at"] == record["createdAt"]
    file = [{"id": item["id"], "name": "roof.png"}]
    assert changed["fields"] == {
        "SINGLE_SELECT": {"before": "Open", "after": "Done"},
        "ATTACHMENT": {"before": None, "after": file},
    }
    assert made["fields"]["MEMBER"]["after"][0]["name"] == "Ada"
    assert deleted["fields"]["ATTACHMENT"] == {"before": file, "after": None}
    number = next(field["id"] for field in fields_of(table) if field["name"] == "NUMBER")
    assert table.history(record["id"], fieldKey="id")["changes"][2]["fields"][number] == {"before": None, "after": 1}


def test_a_long_history_goes_on_behind_a_cursor(table: Table):
    """Everything once."""
    id = table.make(NUMBER=0)["id"]
    for number in range(1, 5):
        table.change(id, NUMBER=number)
    revisions: list[int] = []
    more: dict[str, Any] = {}
    while True:
        page = table.history(id, pageSize=2, **more)
        revisions += [change["revision"] for change in page["changes"]]
        if not page["hasMore"]:
            break
        more = {"offset": page["offset"]}

    assert revisions == [4, 3, 2, 1, 0]
    assert table.history(id, offset=more["offset"], pageSize=1)["changes"][0]["revision"] == 0


def test_a_record_that_never_was_has_no_history(table: Table):
    """404, as for the record."""
    answer = table.http.get(f"{table.path('v1')}/{NOBODY}/history")

    assert (404, f"Record not found: {NOBODY}") == (answer.status_code, answer.json()["message"])
