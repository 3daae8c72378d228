"""The contract's table of endpoints, row by row and variant by variant: status, keys and values, all of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from holdall import __version__
from holdall.dialects.bika.routes import PREFIX
from holdall.domain.access import Role, TokenKind
from holdall.domain.records import Field, FieldType, NodeType
from holdall.flows.accounts import create_space, create_user, known_user, mint
from holdall.flows.members import add_member
from holdall.ports import Ledger, Services
from tests.support.images import png
from tests.support.inprocess import SITE, House
from tests.support.likes import ID, ISO, LINK, MILLISECONDS, Like

OPEN, CLOSED = "optAAAAAAAAAAAAAAAAAAAAA", "optBBBBBBBBBBBBBBBBBBBBB"
OPTIONS = [{"id": OPEN, "name": "Open", "color": "deepPurple"}, {"id": CLOSED, "name": "Closed", "color": ""}]
NOBODY = "recAAAAAAAAAAAAAAAAAAAAA"
JSON = {"Content-Type": "application/json"}
SHA256 = Like(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Tenant:
    """A space with somebody in it who may do everything."""

    house: House
    space_id: str
    token: str
    user_id: str
    member_id: str
    other_id: str
    """A user who is an editor there."""
    other_member_id: str

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        known = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.house.request(method, PREFIX + path, headers=known, **more)

    def told(self, method: str, path: str, **more: Any) -> Any:
        """The data of a success, whose envelope is as it has to be."""
        answer = self.ask(method, path, **more)
        body = answer.json()
        assert (answer.status_code, set(body)) == (200, {"success", "code", "message", "data"}), answer.text
        assert (body["success"], body["code"], body["message"]) == (True, 200, "SUCCESS")
        return body["data"]

    @property
    def space(self) -> str:
        return f"/v1/spaces/{self.space_id}"


@dataclass(frozen=True)
class Photos:
    """A new database in a folder of the space, without a record."""

    tenant: Tenant
    root: str
    folder: str
    id: str
    title: str
    stage: str
    pictures: str

    @property
    def v1(self) -> str:
        return f"{self.tenant.space}/resources/databases/{self.id}"

    @property
    def v2(self) -> str:
        return self.v1.replace("/v1/", "/v2/")

    @property
    def fields(self) -> list[dict[str, Any]]:
        common = {"description": ""}
        return [
            {**common, "id": self.title, "name": "Title", "type": "SINGLE_TEXT", "primary": True, "property": {}},
            {
                **common,
                "id": self.stage,
                "name": "Stage",
                "type": "SINGLE_SELECT",
                "primary": False,
                "property": {"options": OPTIONS},
            },
            {**common, "id": self.pictures, "name": "Pictures", "type": "ATTACHMENT", "primary": False, "property": {}},
        ]

    def make(self, **fields: Any) -> str:
        data = self.tenant.told("POST", f"{self.v2}/records", json={"records": [{"fields": fields}]})
        id: str = data["records"][0]["id"]
        return id

    def upload(self) -> dict[str, Any]:
        [item] = self.tenant.told("POST", f"{self.tenant.space}/attachments", files={"file": ("roof.png", png(9, 9))})
        told: dict[str, Any] = item
        return told

    def cells(self, title: str) -> dict[str, Any]:
        """The cells of a record that has this title, and is open."""
        return {
            self.title: {
                "id": self.title,
                "name": "Title",
                "fieldType": "SINGLE_TEXT",
                "data": title,
                "value": title,
            },
            self.stage: {
                "id": self.stage,
                "name": "Stage",
                "fieldType": "SINGLE_SELECT",
                "data": [OPEN],
                "value": ["Open"],
            },
        }

    def record_cells(self, title: str, revision: int) -> dict[str, Any]:
        return {
            "id": ID("rec"),
            "databaseId": self.id,
            "revision": revision,
            "commentCount": 0,
            "groupCount": 0,
            "cells": self.cells(title),
        }


def record(id: Any = None, **fields: Any) -> dict[str, Any]:
    """A record of v2."""
    return {"id": id or ID("rec"), "fields": fields, "createdAt": ISO, "updatedAt": ISO}


@pytest.fixture(scope="module")
def tenant(house: House) -> Tenant:
    async def prepare(services: Services) -> Tenant:
        def make(ledger: Ledger) -> tuple[str, str, str]:
            create_user(services, ledger, "ines", "ines@example.test", "Ines")
            create_user(services, ledger, "otto", "", "Otto")
            user = known_user(ledger, "ines")
            space = create_space(services, ledger, "Field office", user, is_personal=False)
            return space.id, user.id, known_user(ledger, "otto").id

        space_id, user_id, other_id = await services.work.write(make)
        await add_member(services, space_id, "otto", Role.EDITOR)
        token = (await mint(services, TokenKind.BEARER, "ines", "test")).secret
        space = await services.work.read(lambda ledger: ledger.spaces.named(space_id))
        assert space is not None
        first, second = await services.work.read(lambda ledger: ledger.spaces.members(space))
        return Tenant(house, space_id, token, user_id, first.id, other_id, second.id)

    return house.tell(prepare)


@pytest.fixture
def photos(tenant: Tenant) -> Photos:
    async def prepare(services: Services) -> Photos:
        id, now = services.ids.public, services.clock.now()

        def make(ledger: Ledger) -> Photos:
            space = ledger.spaces.named(tenant.space_id)
            assert space is not None
            root = next(node for node in ledger.spaces.nodes(space) if node.type is NodeType.ROOT)
            folder = ledger.spaces.add_node(id("fod"), space, root.id, NodeType.FOLDER, "Claims", now)
            node = ledger.spaces.add_node(id("dat"), space, folder.id, NodeType.DATABASE, "Photos", now)
            title, stage, pictures = id("fld"), id("fld"), id("fld")
            ledger.spaces.add_field(node, Field(title, "Title", FieldType.SINGLE_TEXT, is_primary=True))
            ledger.spaces.add_field(
                node, Field(stage, "Stage", FieldType.SINGLE_SELECT, properties={"options": OPTIONS})
            )
            ledger.spaces.add_field(node, Field(pictures, "Pictures", FieldType.ATTACHMENT))
            return Photos(tenant, root.id, folder.id, node.id, title, stage, pictures)

        return await services.work.write(make)

    return tenant.house.tell(prepare)


def not_found(answer: httpx.Response) -> bool:
    """Whether this is a refusal of what is not there, with the words that clients look for."""
    body = answer.json()
    assert set(body) == {"success", "code", "message", "data"}
    assert (body["success"], body["code"], body["data"]) == (False, answer.status_code, {})
    return answer.status_code == 404 and "not found" in body["message"].lower()


# ── system, user, spaces, nodes ──────────────────────────────────────────────────────────────────────────────────


def test_endpoint_01_get_v1_system_meta(tenant: Tenant):
    data = tenant.told(
        "GET", "/v1/system/meta", headers={"User-Agent": "node", "Cookie": "a=b", "X-Forwarded-For": "::1"}
    )

    headers = {
        "Host": "holdall.test",
        "Accept": "*/*",
        "Accept-Encoding": Like(".*"),
        "Connection": "keep-alive",
        "User-Agent": "node",
        "X-Forwarded-For": "::1",
    }
    assert data == {"version": __version__, "appEnv": "LOCAL", "hostname": SITE, "headers": headers}
    assert tenant.ask("GET", "/v1/system/meta", headers={"Authorization": ""}).status_code == 401


def test_endpoint_02_get_v1_user_profile(tenant: Tenant):
    """Bare."""
    answer = tenant.ask("GET", "/v1/user/profile")

    assert answer.status_code == 200
    assert answer.json() == {
        "id": tenant.user_id,
        "name": "Ines",
        "email": "ines@example.test",
        "avatar": {"type": "COLOR", "color": "teal"},
        "settings": {"locale": "en"},
        "timeZone": "UTC",
        "status": "ACTIVE",
        "metadata": {"isChinaUser": False},
        "createdAt": ISO,
    }


def the_space(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": tenant.space_id,
        "name": "Field office",
        "createBy": tenant.user_id,
        "owner": tenant.user_id,
        "createdAt": ISO,
        "memberCount": 2,
        "subscription": {"plan": "FREE", "planName": "Free"},
        "slug": "",
        "logo": None,
        "settings": {},
    }


@pytest.mark.parametrize("tail", ["", "?"])
@pytest.mark.parametrize("headers", [{}, JSON], ids=["plain", "json"])
def test_endpoint_03_get_v1_spaces(tenant: Tenant, tail: str, headers: dict[str, str]):
    """Also as the MCP clients ask: as JSON, without any; with a lone question mark. The own space comes last."""
    shared, own = tenant.told("GET", f"/v1/spaces{tail}", headers=headers)

    assert shared == the_space(tenant)
    alike = {key: own[key] for key in ("id", "name", "createdAt")}
    assert own == {**shared, **alike, "memberCount": 1, "isPersonal": True}


def test_endpoint_04_get_v1_space(tenant: Tenant):
    assert tenant.told("GET", tenant.space) == the_space(tenant)
    assert not_found(tenant.ask("GET", "/v1/spaces/spcAAAAAAAAAAAAAAAAAAAAA"))


def the_nodes(photos: Photos, before: str | None = None) -> list[dict[str, Any]]:
    """The root, and the folder and database of this test; other tests left other folders before them."""
    common = {
        "description": "",
        "scope": "SPACE",
        "permission": {"read": True, "write": True, "administer": True},
        "hasPermissions": False,
        "hasShareLock": False,
        "sharing": False,
        "statusBadge": [],
    }
    return [
        {**common, "id": photos.root, "name": "ROOT", "type": "ROOT", "parentId": None, "preNodeId": None},
        {
            **common,
            "id": photos.folder,
            "name": "Claims",
            "type": "FOLDER",
            "parentId": photos.root,
            "preNodeId": before,
            "path": "/ROOT",
        },
        {
            **common,
            "id": photos.id,
            "name": "Photos",
            "type": "DATABASE",
            "parentId": photos.folder,
            "preNodeId": None,
            "path": "/ROOT/Claims",
        },
    ]


def test_endpoint_05_get_v1_nodes(photos: Photos):
    """Flat, with the root; the path is that of the ancestors."""
    told = photos.tenant.told("GET", f"{photos.tenant.space}/nodes")

    folders = [node["id"] for node in told if node["parentId"] == photos.root]
    before = folders[folders.index(photos.folder) - 1] if folders.index(photos.folder) else None
    mine = [node for node in told if node["id"] in (photos.root, photos.folder, photos.id)]
    assert mine == the_nodes(photos, before)


def test_endpoint_06_get_v1_node(photos: Photos):
    """With those directly below it."""
    path = f"{photos.tenant.space}/nodes"
    _, folder, database = the_nodes(photos)

    told = photos.tenant.told("GET", f"{path}/{photos.folder}")
    assert told == {**folder, "preNodeId": told["preNodeId"], "children": [database]}
    assert photos.tenant.told("GET", f"{path}/{photos.id}") == {**database, "children": []}
    assert not_found(photos.tenant.ask("GET", f"{path}/datAAAAAAAAAAAAAAAAAAAAA"))


# ── database metadata ────────────────────────────────────────────────────────────────────────────────────────────


def test_endpoint_07_get_v1_database(photos: Photos):
    told = photos.tenant.told("GET", photos.v1)

    assert told == {
        "id": photos.id,
        "name": "Photos",
        "description": "",
        "spaceId": photos.tenant.space_id,
        "revision": 0,
        "fields": photos.fields,
        "views": told["views"],
    }
    assert isinstance(told["views"], list)
    assert not_found(photos.tenant.ask("GET", photos.v1.replace(photos.id, photos.folder)))


def test_endpoint_08_get_v1_fields(photos: Photos):
    """A plain array."""
    assert photos.tenant.told("GET", f"{photos.v1}/fields", headers=JSON) == photos.fields
    assert not_found(photos.tenant.ask("GET", f"{photos.v1.replace(photos.id, NOBODY)}/fields"))


def test_endpoint_09_get_v1_views(photos: Photos):
    """A plain array."""
    demo = photos.tenant.house.demo["bika"]
    path = f"/v1/spaces/{demo['space_id']}/resources/databases/{demo['database_id']}/views"
    [view] = photos.tenant.told("GET", path, headers={"Authorization": f"Bearer {demo['token']}"})

    assert view == {
        "id": Like(r"viw[A-Za-z0-9]{21}"),
        "name": "All items",
        "type": "TABLE",
        "description": "",
        "filter": "",
        "sort": [],
        "hiddenFields": [],
    }
    assert not_found(photos.tenant.ask("GET", f"{photos.v1.replace(photos.id, NOBODY)}/views"))


# ── records, v1 ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_endpoint_10_get_v1_records(photos: Photos):
    """By page number; times in milliseconds, ``recordId``, fields by name, numbers as text in the query."""
    ids = [photos.make(Title=title, Stage="Open") for title in ("A", "B")]
    listed = [
        {
            "recordId": id,
            "fields": {"Title": title, "Stage": "Open"},
            "createdAt": MILLISECONDS,
            "updatedAt": MILLISECONDS,
        }
        for id, title in zip(ids, "AB", strict=True)
    ]
    path = f"{photos.v1}/records"

    assert photos.tenant.told("GET", path) == {"total": 2, "pageNum": 1, "pageSize": 100, "records": listed}
    second = photos.tenant.told("GET", path, params={"pageNum": "2", "pageSize": "1", "fields": "Title,Pictures"})
    assert second == {
        "total": 2,
        "pageNum": 2,
        "pageSize": 1,
        "records": [{**listed[1], "fields": {"Title": "B"}}],
    }
    item = photos.upload()
    photos.tenant.told("PATCH", path, json={"id": ids[0], "cells": {"Pictures": [{"id": item["id"]}]}})
    [first, _] = photos.tenant.told("GET", path)["records"]
    assert first["fields"]["Pictures"] == [{**attachment(item), "path": item["path"], "bucket": "bika"}]


@pytest.mark.parametrize("stage", ["Open", OPEN, ["Open"], [OPEN]], ids=["name", "id", "[name]", "[id]"])
@pytest.mark.parametrize("by_id", [False, True], ids=["names", "ids"])
def test_endpoint_11_post_v1_records(photos: Photos, stage: Any, by_id: bool):
    """In cell form; a select in each spelling that clients send, fields by name or id."""
    title, select = (photos.title, photos.stage) if by_id else ("Title", "Stage")

    data = photos.tenant.told("POST", f"{photos.v1}/records", json={"cells": {title: "Roof", select: stage}})

    assert data == photos.record_cells("Roof", 0)


def test_endpoint_12_patch_v1_records(photos: Photos):
    """The id in the body, after or before the cells; only named cells change, and the revision grows by one."""
    id, path = photos.make(Title="Roof", Stage="Open"), f"{photos.v1}/records"

    changed = photos.tenant.told("PATCH", path, json={"cells": {"Title": "Gutter"}, "id": id})
    again = photos.tenant.told("PATCH", path, json={"id": id, "cells": {"Title": "Eaves"}})

    assert (changed, again) == (photos.record_cells("Gutter", 1), photos.record_cells("Eaves", 2))
    missing = photos.tenant.ask("PATCH", path, json={"id": NOBODY, "cells": {}})
    assert not_found(missing)
    assert missing.json()["message"] == f"Record not found: {NOBODY}"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_endpoint_12a_put_and_patch_v1_record(photos: Photos, method: str):
    """The id in the path."""
    id = photos.make(Title="Roof", Stage="Open")

    told = photos.tenant.told(method, f"{photos.v1}/records/{id}", json={"cells": {"Title": "Gutter"}})

    assert told == photos.record_cells("Gutter", 1)
    assert not_found(photos.tenant.ask(method, f"{photos.v1}/records/{NOBODY}", json={"cells": {}}))


def test_endpoint_13_delete_v1_record(photos: Photos):
    """``data`` is true; JSON is announced, and none comes. A second time there is nothing to delete."""
    path = f"{photos.v1}/records/{photos.make(Title='Roof')}"

    assert photos.tenant.told("DELETE", path, headers=JSON) is True
    assert not_found(photos.tenant.ask("DELETE", path, headers=JSON))


# ── attachments ──────────────────────────────────────────────────────────────────────────────────────────────────


def attachment(item: Mapping[str, Any], name: str = "roof.png") -> dict[str, Any]:
    """The uploaded file as a cell shows it."""
    return {
        "id": item["id"],
        "name": name,
        "mimeType": "image/png",
        "size": item["size"],
        "url": LINK,
        "thumbnailUrl": LINK,
    }


@pytest.mark.parametrize("end", [b"--b--\r\n", b"--b--"], ids=["CRLF", "none"])
def test_endpoint_14_post_v1_attachments(photos: Photos, end: bytes):
    """An array, six documented keys and ours; raw UTF-8 in the name, with the last line end or without."""
    data = png(9, 9)
    head = (
        '--b\r\nContent-Disposition: form-data; name="file"; filename="naïve 图.png"\r\nContent-Type: image/png\r\n\r\n'
    )
    body = head.encode() + data + b"\r\n" + end
    form = {"Content-Type": "multipart/form-data; boundary=b"}

    [item] = photos.tenant.told("POST", f"{photos.tenant.space}/attachments", content=body, headers=form)

    stored = re.sub("^openapi/", "", item["path"])
    assert item == {
        "id": ID("att"),
        "path": Like(r"openapi/[A-Za-z0-9]{21}\.png"),
        "size": len(data),
        "bucket": "bika",
        "mimeType": "image/png",
        "name": stored,
        "originalName": "naïve 图.png",
        "sha256": SHA256,
        "findings": [],
        "thumbhash": Like(".+"),
        "url": LINK,
        "thumbnailUrl": LINK,
    }


# ── automations, links to embed ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/v1/automations/{}/triggers", "/v1/spaces/{space}/resources/automation/{}/triggers"])
def test_endpoint_15_get_v1_triggers(photos: Photos, path: str):
    """In both spellings: none, for a node that is there."""
    for id in (photos.id, photos.folder):
        assert photos.tenant.told("GET", path.format(id, space=photos.tenant.space_id), headers=JSON) == []
    for id in ("autAAAAAAAAAAAAAAAAAAAAA", photos.tenant.house.demo["bika"]["database_id"]):
        assert not_found(photos.tenant.ask("GET", path.format(id, space=photos.tenant.space_id)))


def test_a_node_of_ones_other_space_is_none_of_this_one(photos: Photos):
    """Of two spaces of one's own, the one that is named counts."""

    async def prepare(services: Services) -> str:
        def make(ledger: Ledger) -> str:
            return create_space(services, ledger, "Second", known_user(ledger, "ines"), is_personal=False).id

        return await services.work.write(make)

    path = f"/v1/spaces/{photos.tenant.house.tell(prepare)}/resources/automation/{photos.id}/triggers"
    assert not_found(photos.tenant.ask("GET", path))


def test_endpoint_17_get_v1_embed_links(tenant: Tenant):
    assert tenant.told("GET", f"{tenant.space}/embed-links") == []


def test_endpoint_16_outgoing_webhooks(photos: Photos):
    """Registered in both spellings, listed, and let go."""
    tenant, hooks = photos.tenant, f"{photos.tenant.space}/outgoing-webhooks"
    asked = {"eventType": "ON_RECORD_CREATED", "name": "to-ledger", "callbackURL": "https://192.0.43.7/in"}

    made = tenant.told("POST", hooks, json={**asked, "databaseId": photos.id})
    assert made["id"] == Like(r"owh[A-Za-z0-9]{21}")
    node = {"id": photos.id, "name": "Photos", "type": "DATABASE"}
    assert made | {**asked, "description": "", "databaseId": photos.id, "node": node} == made
    other = tenant.told("POST", hooks, json={"name": "n8n", "url": "https://192.0.43.7/", "secret": "s3cret-s3cret"})
    assert (other["eventType"], other["callbackURL"]) == ("ON_RECORD_CREATED", "https://192.0.43.7/")
    listed = tenant.told("GET", hooks)
    assert [(hook["id"], hook["name"]) for hook in listed] == [(made["id"], "to-ledger"), (other["id"], "n8n")]
    assert {"id", "name", "description", "eventType", "callbackURL"} <= set(listed[0])
    for hook in listed:
        assert tenant.told("DELETE", f"{hooks}/{hook['id']}") is True
        assert not_found(tenant.ask("DELETE", f"{hooks}/{hook['id']}"))
    assert tenant.told("GET", hooks) == []


# ── records, v2 ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_endpoint_18_get_v2_records(photos: Photos):
    """Behind a cursor; fields repeated or joined by commas, by name or id, as JSON or text; a cap over all pages."""
    ids = [photos.make(Title=title, Stage="Open") for title in "ABC"]
    path, tenant = f"{photos.v2}/records", photos.tenant
    shown = [record(id, Title=title, Stage="Open") for id, title in zip(ids, "ABC", strict=True)]

    assert tenant.told("GET", path) == {"records": shown, "hasMore": False}
    first = tenant.told("GET", path, params={"pageSize": 2, "fieldKey": "name", "cellFormat": "json"})
    assert first == {"records": shown[:2], "hasMore": True, "offset": Like(r"[A-Za-z0-9_-]+")}
    rest = tenant.told("GET", path, params={"pageSize": 2, "offset": first["offset"]})
    assert rest == {"records": shown[2:], "hasMore": False}
    assert tenant.told("GET", path, params={"maxRecords": 1}) == {"records": shown[:1], "hasMore": False}
    for fields in (["Title", "Pictures"], ["Title,Pictures"]):
        told = tenant.told("GET", path, params={"fields": fields, "maxRecords": 1})["records"]
        assert told == [record(ids[0], Title="A")]
    by_id = tenant.told("GET", path, params={"fieldKey": "id", "maxRecords": 1})["records"]
    assert by_id == [record(ids[0], **{photos.title: "A", photos.stage: "Open"})]


SORTS = {
    "brackets": {"sort[0][field]": "Title", "sort[0][order]": "desc"},
    "a JSON array": {"sort": '[{"field":"Title","order":"desc"}]'},
}


@pytest.mark.parametrize("spelling", SORTS)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_endpoints_10_and_18_filter_and_sort(photos: Photos, version: str, spelling: str):
    """In both spellings of the order; whoever asks for what there is not is told the place."""
    for title, stage in (("A", "Open"), ("B", "Closed"), ("C", "Open"), ("D", None)):
        photos.make(Title=title, Stage=stage)
    path, tenant = f"{photos.v1 if version == 'v1' else photos.v2}/records", photos.tenant

    def titles(filter: str, **more: str) -> list[str]:
        told = tenant.told("GET", path, params={"filter": filter, **SORTS[spelling], **more})
        return [record["fields"]["Title"] for record in told["records"]]

    assert titles('Stage=="Open"') == ["C", "A"]
    assert titles('Stage!="Open"') == ["D", "B"]
    assert titles("Stage!=null;Title!=C") == ["B", "A"]
    assert titles("Title==A,Stage==null") == ["D", "A"]
    assert titles("Title=c=(A,D)", pageSize="1") == ["D"]
    wrong = tenant.ask("GET", path, params={"filter": 'Title=="A'})
    assert (wrong.status_code, wrong.json()["code"], "position 8" in wrong.json()["message"]) == (400, 400, True)


def test_pages_keep_their_order_while_records_come(photos: Photos):
    """A cursor is a place in the order: what is inserted before it is not shown twice, nor moves anything."""
    for title in "ACE":
        photos.make(Title=title)
    path, tenant = f"{photos.v2}/records", photos.tenant
    asked = {"pageSize": 2, "sort[0][field]": "Title", "sort[0][order]": "asc"}

    first = tenant.told("GET", path, params=asked)
    photos.make(Title="B")
    photos.make(Title="D")
    rest = tenant.told("GET", path, params={**asked, "offset": first["offset"]})
    assert [record["fields"]["Title"] for record in (*first["records"], *rest["records"])] == ["A", "C", "D", "E"]


def test_endpoint_19_get_v2_record(photos: Photos):
    """The record itself; files as objects, or as ``name(url)``."""
    item = photos.upload()
    id = photos.make(Title="Roof", Pictures=[{"id": item["id"], "name": "Dach.png"}])
    path, tenant = f"{photos.v2}/records/{id}", photos.tenant

    assert tenant.told("GET", path) == record(id, Title="Roof", Pictures=[attachment(item, "Dach.png")])
    text = tenant.told("GET", path, params={"cellFormat": "string", "timeZone": "Europe/Berlin", "userLocale": "de"})
    assert text == record(id, Title="Roof", Pictures=Like(rf"Dach\.png\({LINK.pattern}\)"))
    by_id = tenant.told("GET", path, params={"fieldKey": "id"})
    assert by_id == record(id, **{photos.title: "Roof", photos.pictures: [attachment(item, "Dach.png")]})
    assert not_found(tenant.ask("GET", f"{photos.v2}/records/{NOBODY}"))


@pytest.mark.parametrize("where", ["nowhere", "body", "query"])
def test_endpoint_20_post_v2_records(photos: Photos, where: str):
    """In the order of the request; ``fieldKey`` in the body, in the query, or not at all."""
    told = {"fieldKey": "id"}
    body: dict[str, Any] = {"records": [{"fields": {photos.title: title}} for title in "AB"]}

    data = photos.tenant.told(
        "POST",
        f"{photos.v2}/records",
        json=body | (told if where == "body" else {}),
        params=told if where == "query" else {},
    )

    key = "Title" if where == "nowhere" else photos.title
    assert data == {"records": [record(**{key: title}) for title in "AB"]}


def test_endpoint_21_put_v2_record(photos: Photos):
    """Partial, in spite of its name; ``null`` empties."""
    id = photos.make(Title="Roof", Stage="Open")
    path, tenant = f"{photos.v2}/records/{id}", photos.tenant

    changed = tenant.told("PUT", path, json={"fieldKey": "name", "fields": {"Stage": "Closed"}})
    emptied = tenant.told("PUT", path, json={"fields": {"Title": None}}, params={"fieldKey": "id"})

    assert changed == record(id, Title="Roof", Stage="Closed")
    assert emptied == record(id, **{photos.stage: "Closed"})
    assert not_found(tenant.ask("PUT", f"{photos.v2}/records/{NOBODY}", json={"fields": {}}))


@pytest.mark.parametrize("key", ["id", "recordId"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_endpoint_22_put_and_patch_v2_records(photos: Photos, method: str, key: str):
    """Several, in the order of the request, all or none."""
    first, second = photos.make(Title="A"), photos.make(Title="B")
    rows = [{key: second, "fields": {"Title": "D"}}, {key: first, "fields": {"Title": "C"}}]
    path = f"{photos.v2}/records"

    data = photos.tenant.told(method, path, json={"fieldKey": "name", "records": rows})

    assert data == {"records": [record(second, Title="D"), record(first, Title="C")]}
    rows = [{key: first, "fields": {"Title": "E"}}, {key: NOBODY, "fields": {}}]
    assert not_found(photos.tenant.ask(method, path, json={"records": rows}))
    assert photos.tenant.told("GET", f"{path}/{first}")["fields"] == {"Title": "C"}


def test_endpoint_23_delete_v2_record(photos: Photos):
    """With JSON announced and none there."""
    id = photos.make(Title="A")
    path = f"{photos.v2}/records/{id}"

    assert photos.tenant.told("DELETE", path, headers=JSON) == {"id": id, "deleted": True}
    assert not_found(photos.tenant.ask("DELETE", path))


@pytest.mark.parametrize("where", ["query", "body"])
def test_endpoint_24_delete_v2_records(photos: Photos, where: str):
    """Ids repeated in the query, or in a body."""
    ids = [photos.make(Title=title) for title in "AB"]

    def asked(*named: str) -> dict[str, Any]:
        in_query: dict[str, Any] = {"params": {"records": list(named)}, "headers": JSON}
        return in_query if where == "query" else {"json": {"recordIds": list(named)}}

    path = f"{photos.v2}/records"
    assert not_found(photos.tenant.ask("DELETE", path, **asked(*ids, NOBODY)))
    told = photos.tenant.told("DELETE", path, **asked(*ids))
    assert told == {"records": [{"id": id, "deleted": True} for id in ids]}
    assert photos.tenant.told("GET", path)["records"] == []


# ── members and roles (an extension) ─────────────────────────────────────────────────────────────────────────────


def test_extension_members(tenant: Tenant):
    """With the ids that member cells take."""
    common = {"type": "Member", "createdAt": ISO}
    ines = {**common, "id": tenant.member_id, "name": "Ines", "userId": tenant.user_id, "role": "owner"}
    otto = {**common, "id": tenant.other_member_id, "name": "Otto", "userId": tenant.other_id, "role": "editor"}
    assert tenant.told("GET", f"{tenant.space}/members") == [ines, otto]


def test_extension_roles(tenant: Tenant):
    def role(id: str, name: str, *, write: bool, administer: bool) -> dict[str, Any]:
        return {
            "id": id,
            "type": "Role",
            "name": name,
            "permission": {"read": True, "write": write, "administer": administer},
        }

    assert tenant.told("GET", f"{tenant.space}/roles") == [
        role("owner", "Owner", write=True, administer=True),
        role("editor", "Editor", write=True, administer=False),
        role("viewer", "Viewer", write=False, administer=False),
    ]


def test_extension_members_come_change_and_go(tenant: Tenant):
    """By an owner's hand, which stands in the audit log; nobody is added twice, and the last owner stays."""
    tenant.house.tell(
        lambda services: services.work.write(lambda ledger: create_user(services, ledger, "uma", "", "Uma"))
    )
    path = f"{tenant.space}/members"

    added = tenant.told("POST", path, json={"login": "uma"})
    changed = tenant.told("PATCH", f"{path}/{added['id']}", json={"role": "viewer"})
    twice = tenant.ask("POST", path, json={"login": "UMA", "role": "owner"})
    gone = tenant.told("DELETE", f"{path}/{added['id']}")

    assert added == {
        "id": ID("mem"),
        "type": "Member",
        "name": "Uma",
        "userId": ID("usr"),
        "role": "editor",
        "createdAt": ISO,
    }
    assert changed == {**added, "role": "viewer"}
    assert (twice.status_code, "retry-after" in twice.headers) == (409, False)
    assert gone == {"id": added["id"], "deleted": True}
    assert not_found(tenant.ask("DELETE", f"{path}/{added['id']}"))
    assert not_found(tenant.ask("PATCH", f"{path}/{added['id']}", json={"role": "viewer"}))
    assert not_found(tenant.ask("POST", path, json={"login": "nobody"}))
    entries = tenant.house.tell(
        lambda services: services.work.read(lambda ledger: ledger.audit.entries(after=0, limit=999))
    )
    acts = [(entry.act, entry.details) for entry in entries if entry.actor == tenant.user_id]
    details = f'"user":"{added["userId"]}"'
    assert acts == [
        ("member.set", f'{{"role":"editor",{details}}}'),
        ("member.set", f'{{"role":"viewer",{details}}}'),
        ("member.remove", f"{{{details}}}"),
    ]


@pytest.mark.parametrize("body", [{}, {"role": "admin"}, {"role": None}, {"role": ["owner"]}])
def test_extension_a_role_that_there_is_not_is_refused(tenant: Tenant, body: dict[str, Any]):
    answer = tenant.ask("PATCH", f"{tenant.space}/members/{tenant.other_member_id}", json=body)

    assert (answer.status_code, "owner, editor, viewer" in answer.json()["message"]) == (400, True)


def test_extension_the_last_owner_stays_one(tenant: Tenant):
    """409, not to be tried again."""
    path = f"{tenant.space}/members/{tenant.member_id}"

    answers = [tenant.ask("DELETE", path), tenant.ask("PATCH", path, json={"role": "editor"})]

    assert [(answer.status_code, answer.headers.get("retry-after")) for answer in answers] == [(409, None)] * 2
    assert tenant.told("GET", f"{tenant.space}/members")[0]["role"] == "owner"


def test_a_personal_space_has_no_members_to_change(tenant: Tenant):
    """It is its user's alone."""
    space = tenant.house.tell(
        lambda services: services.work.read(lambda ledger: ledger.spaces.personal(known_user(ledger, "ines")))
    )
    assert space is not None
    path = f"/v1/spaces/{space.id}/members"

    assert tenant.ask("POST", path, json={"login": "otto"}).status_code == 409
    assert [member["name"] for member in tenant.told("GET", path)] == ["Ines"]
