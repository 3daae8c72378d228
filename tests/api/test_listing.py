"""Lists of records over the wire: filters, orders, cursors and views (contract bika, sections 4.3, 4.4 and 6)."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from holdall.domain.records import Field, FieldType
from holdall.domain.views import View, ViewSort, ViewType
from holdall.flows.accounts import create_database, known_user
from holdall.ports import Ledger, Services
from tests.support.images import png
from tests.support.server import RunningServer, operate

OPTIONS = [{"id": "optOpen", "name": "Open", "color": ""}, {"id": "optDone", "name": "Done", "color": ""}]
FIELDS = (
    Field("fldTitle", "Title", FieldType.SINGLE_TEXT, is_primary=True),
    Field("fldScore", "Score", FieldType.NUMBER),
    Field("fldStage", "Stage", FieldType.SINGLE_SELECT, properties={"options": OPTIONS}),
    Field("fldSeen", "Seen on", FieldType.DATETIME),
    Field("fldPictures", "Pictures", FieldType.ATTACHMENT),
    Field("fldExtra", "Extra", FieldType.JSON),
)
ROWS: list[dict[str, Any]] = [
    {"Title": "b", "Score": 2, "Stage": "Done", "Seen on": "2026-03-01T23:30:00Z"},
    {"Title": "a", "Score": 10, "Stage": "Open"},
    {"Title": "d", "Stage": "Open", "Seen on": "2026-03-02"},
    {"Title": "c", "Score": 2},
    {"Score": 0.5},
]
KANBAN = View(
    "viwStages",
    "Stages",
    ViewType.KANBAN,
    filter="Stage!=null",
    sorts=(ViewSort("fldStage"), ViewSort("fldTitle", is_descending=True)),
    hidden=frozenset({"fldScore"}),
)
GALLERY = View("viwPictures", "Pictures", ViewType.GALLERY, filter="Pictures.count>0")


class Client:
    """Asks for lists of one database."""

    def __init__(self, server: RunningServer, database: str) -> None:
        self.ids = server.demo["bika"]
        self.http = httpx.Client(
            base_url=f"{server.base_url}/api/openapi/bika",
            headers={"Authorization": f"Bearer {self.ids['token']}"},
            timeout=30,
        )
        self.v1 = f"/v1/spaces/{self.ids['space_id']}/resources/databases/{database}"
        self.v2 = self.v1.replace("/v1/", "/v2/")

    def ask(self, **params: Any) -> httpx.Response:
        return self.http.get(f"{self.v2}/records", params=params)

    def page(self, **params: Any) -> dict[str, Any]:
        answer = self.ask(**params)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def titles(self, **params: Any) -> list[Any]:
        return [record["fields"].get("Title") for record in self.page(**params)["records"]]

    def add(self, *rows: dict[str, Any]) -> None:
        answer = self.http.post(f"{self.v2}/records", json={"records": [{"fields": row} for row in rows]})
        assert answer.status_code == 200, answer.text


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    """A new database with the rows above, the second with a picture."""

    async def make(services: Services) -> str:
        def story(ledger: Ledger) -> str:
            user = known_user(ledger, "ada")
            space = next(seat.space for seat in ledger.spaces.of(user) if not seat.space.is_personal)
            node = create_database(services, ledger, space, "Listed", FIELDS)
            for number, view in enumerate((KANBAN, GALLERY)):
                ledger.views.add(
                    node,
                    View(
                        f"{view.id}{node.number}",
                        view.name,
                        view.type,
                        view.description,
                        view.filter,
                        view.sorts,
                        view.hidden,
                    ),
                )
                assert number < 2
            return node.id

        return await services.work.write(story)

    client = Client(server, operate(server, make))
    uploads = client.http.post(
        f"/v1/spaces/{client.ids['space_id']}/attachments", files={"file": ("roof.png", png(7, 5))}
    ).json()["data"]
    rows = [dict(row) for row in ROWS]
    rows[1]["Pictures"] = [{"id": uploads[0]["id"]}]
    client.add(*rows)
    yield client
    client.http.close()


@pytest.mark.parametrize(
    ("filter", "titles"),
    [
        ("Title==a", ["a"]),
        ("Title!=a", ["b", "d", "c", None]),
        ('Score>="2"', ["b", "a", "c"]),
        ("Score==0.5", [None]),
        ("Stage==Open", ["a", "d"]),
        ("Stage==null", ["c", None]),
        ('{Seen on}=="2026-03-01"', ["b"]),
        ("Stage==Open,Stage==Done", ["b", "a", "d"]),
        ("Score==2;(Stage==Done or Title==c)", ["b", "c"]),
        ("Pictures!=null", ["a"]),
        ('Pictures.type=="image/png" and Pictures.count==1 and Pictures.name=c=roof', ["a"]),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_filter_holds_in_both_versions(client: Client, version: str, filter: str, titles: list[Any]):
    database = client.v1 if version == "v1" else client.v2

    data = client.http.get(f"{database}/records", params={"filter": filter}).json()["data"]

    assert [record["fields"].get("Title") for record in data["records"]] == titles
    assert data.get("total", len(titles)) == len(titles)


def test_a_day_is_one_of_the_time_zone_asked_for(client: Client):
    assert client.titles(filter='{Seen on}=="2026-03-02"', timeZone="Europe/Berlin") == ["b", "d"]


BY_SCORE = ["a", "b", "c", None, "d"]


@pytest.mark.parametrize(
    "params",
    [
        {"sort[0][field]": "Score", "sort[0][order]": "desc"},
        {"sort": '[{"field":"fldScore","order":"DESC"}]'},
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_either_spelling_of_sort_orders_with_empty_cells_last(client: Client, version: str, params: dict[str, str]):
    database = client.v1 if version == "v1" else client.v2

    records = client.http.get(f"{database}/records", params=params).json()["data"]["records"]

    assert [record["fields"].get("Title") for record in records] == BY_SCORE


def test_selects_are_sorted_by_the_order_of_their_options(client: Client):
    assert client.titles(**{"sort[0][field]": "Stage", "sort[1][field]": "Title"}) == ["a", "d", "b", "c", None]


def test_sorted_pages_are_numbered_in_v1(client: Client):
    pages = [
        client.http.get(
            f"{client.v1}/records",
            params={"pageSize": 2, "pageNum": number, "sort": '[{"field":"Score","order":"desc"}]'},
        ).json()["data"]
        for number in (1, 2, 3, 4)
    ]

    titles = [record["fields"].get("Title") for page in pages for record in page["records"]]
    assert titles == BY_SCORE
    assert [page["total"] for page in pages] == [5] * 4


def test_pages_stay_in_order_while_records_are_inserted(client: Client):
    """What is new stands where it belongs; nothing that was there is told twice or passed over."""
    params: dict[str, Any] = {"pageSize": 1, "sort": '[{"field":"Score","order":"desc"}]', "filter": "Title!=x"}
    told: list[Any] = []
    while True:
        page = client.page(**params)
        told += [record["fields"].get("Title") for record in page["records"]]
        client.add({"Title": "x", "Score": 3}, {"Title": f"early{len(told)}", "Score": 99}, {"Title": "x"})
        if not page["hasMore"]:
            break
        params["offset"] = page["offset"]

    assert told == BY_SCORE


def test_the_cap_over_all_pages_holds_under_a_sort(client: Client):
    params: dict[str, Any] = {"pageSize": 2, "maxRecords": 3, "sort[0][field]": "Title"}
    first = client.page(**params)
    second = client.page(**params, offset=first["offset"])

    assert [len(page["records"]) for page in (first, second)] == [2, 1]
    assert (second["hasMore"], "offset" in second) == (False, False)


@pytest.mark.parametrize(
    "changed", [{"filter": "Score==2"}, {"sort[0][field]": "Score"}, {"timeZone": "Asia/Tokyo"}], ids=str
)
def test_a_cursor_is_good_for_the_listing_that_it_was_made_for(client: Client, changed: dict[str, str]):
    asked = {"pageSize": 1, "sort[0][field]": "Title"}
    offset = client.page(**asked)["offset"]

    assert client.ask(**{**asked, **changed}, offset=offset).status_code == 400
    assert client.titles(**{**asked, "pageSize": 2}, offset=offset) == ["b", "c"]


@pytest.mark.parametrize(
    "key", ["x", True, None, [], {}, 1e400, 10**40, -(2**70), float("nan")], ids=lambda key: repr(key)[:10]
)
def test_a_forged_cursor_is_refused_and_harms_nothing(client: Client, key: Any):
    asked = {"pageSize": 1, "sort[0][field]": "Score"}
    offset = client.page(**asked)["offset"]
    mark, seen, number, _ = json.loads(base64.urlsafe_b64decode(offset + "=="))

    for forged in ([mark, seen, number, key], [mark, seen, number], [mark, key, key, 1], key):
        text = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode()
        expected = (200, 400) if key is None and isinstance(forged, list) and len(forged) == 4 else (400,)
        assert client.ask(**asked, offset=text).status_code in expected


@pytest.mark.parametrize(
    "params",
    [
        {"filter": "Title=a"},
        {"filter": "Nothing==1"},
        {"filter": "(" * 1000},
        {"sort": "Title"},
        {"sort": "[" * 3000},
        {"sort": '[{"field":"Nothing"}]'},
        {"sort": '[{"field":"Title","order":"up"}]'},
        {"sort": '[{"field":"Extra"}]'},
        {"sort": '["Title"]'},
        {"sort[0][order]": "asc"},
        {"sort[x][field]": "Title"},
        {"sort": '[{"field":"Title"}]', "sort[0][field]": "Score"},
        {f"sort[{number}][field]": "Title" for number in range(6)},
    ],
    ids=lambda params: str(params)[:30],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_what_cannot_be_understood_is_refused(client: Client, version: str, params: dict[str, str]):
    database = client.v1 if version == "v1" else client.v2

    answer = client.http.get(f"{database}/records", params=params)

    assert (answer.status_code, answer.json()["success"]) == (400, False)


def test_the_place_of_a_mistake_is_told(client: Client):
    answer = client.ask(filter="Title==a;Score=2")

    assert "(position 15)" in answer.json()["message"]


@pytest.mark.parametrize("name", ["view", "viewId"])
def test_a_view_applies_its_filter_its_order_and_hides_its_fields(client: Client, name: str):
    views = client.http.get(f"{client.v1}/views").json()["data"]
    kanban = next(view for view in views if view["type"] == "KANBAN")

    page = client.page(**{name: kanban["id"]})

    assert [record["fields"]["Title"] for record in page["records"]] == ["d", "a", "b"]
    assert all("Score" not in record["fields"] for record in page["records"])
    assert client.titles(**{name: kanban["id"]}, filter="Score>0") == ["a", "b"]
    assert client.titles(**{name: kanban["id"]}, sort='[{"field":"Title"}]') == ["a", "b", "d"]


def test_views_are_told_with_the_database_and_one_by_one(client: Client):
    listed = client.http.get(f"{client.v1}/views").json()["data"]
    database = client.http.get(client.v1).json()["data"]

    assert [view["type"] for view in listed] == ["KANBAN", "GALLERY"]
    assert database["views"] == listed
    assert client.http.get(f"{client.v1}/views/{listed[0]['id']}").json()["data"] == listed[0]
    assert listed[0]["sort"] == [{"field": "fldStage", "order": "asc"}, {"field": "fldTitle", "order": "desc"}]


def test_a_view_of_another_database_is_not_found(client: Client):
    own = f"/v1/spaces/{client.ids['space_id']}/resources/databases/{client.ids['database_id']}"
    [demo] = client.http.get(f"{own}/views").json()["data"]

    for answer in (client.ask(viewId=demo["id"]), client.http.get(f"{client.v1}/views/{demo['id']}")):
        assert answer.status_code == 404
        assert "Not Found" in answer.json()["message"]
