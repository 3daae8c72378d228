"""The OpenAPI documents say what the routes do, and what can go wrong; the page that shows them asks no other host."""

import asyncio
import base64
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import httpx
import msgspec
import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.requests import Request
from starlette.routing import Mount, Route

import holdall
from holdall import errors
from holdall.adapters.chance import RandomIds, SystemClock
from holdall.app import Site, make_app
from holdall.dialects.bika import errors as bika_errors
from holdall.dialects.bika import routes as bika_routes
from holdall.dialects.bika.schemas import CELL_FORMS
from holdall.dialects.pika import analytics, consent
from holdall.dialects.pika import errors as pika_errors
from holdall.dialects.pika import routes as pika_routes
from holdall.domain.records import FieldType
from holdall.domain.structure import Report
from holdall.flows.access_log import GATHER_SECONDS, AccessRecorder
from holdall.flows.variants import Variants
from holdall.web import docs
from holdall.web.dialect import Dialect, Unforeseen
from holdall.web.edge import Edge
from holdall.web.links import Links
from holdall.web.openapi import EXTENSION
from holdall.web.receive import BodyLimits
from tests.support.pika import GROCERIES, LOOK
from tests.support.server import RunningServer, running_server

SITE = "https://files.example.test"
WHOLE = "/openapi.json"
DOCUMENTS = {
    "bika": bika_routes.PREFIX + WHOLE,
    "pika": pika_routes.PREFIX + WHOLE,
    "both": WHOLE,
}
PREFIXES = {"bika": bika_routes.PREFIX, "pika": pika_routes.PREFIX}
RENDERERS = {"bika": bika_errors.render, "pika": pika_errors.render}
FEBRUARY = {"month": 2, "year": 2026}
"""When ``GROCERIES`` were bought."""
PAGES = (consent.PREFIX,)
"""What is no API."""
CATEGORIES = (errors.HoldallError, errors.Rejected, errors.Denied)
"""Classes that only gather others; nothing raises them."""
FIELDS: dict[str, Any] = {
    "part": "multipart",
    "reason": "the boundary is missing",
    "code": "invalid_title",
    "detail": "",
    "seconds": 20.0,
    "encoding": "gzip",
    "parameter": "fieldKey",
    "value": "label",
    "allowed": ("name", "id"),
    "field": "file",
    "max_bytes": 5 << 20,
    "kind": "image",
    "extension": "exe",
    "detected": "text/html",
    "signature": "Eicar_Test_File",
    "finding": "pdf-javascript",
    "algorithm": "sha-256",
    "key": "Stage",
    "needed": "write",
    "lacking": "role",
    "holder": "space",
    "origin": "https://evil.example",
    "action": "upload",
    "window_seconds": 60,
    "what": "bytes",
    "limit": 10 << 30,
    "retry_after_seconds": 3.0,
    "revision": 7,
    "report": Report(records=1, lost=1),
    "thing": "upload",
    "id": "attV1Pg3ag8x7m8woCfbQcbe",
    "feature": "push",
    "where": "Pika's upload API",
}
"""A plausible value for each field that an error can have."""
ASSETS = Path(docs.__file__).with_name("docs_assets")


class Stranger(errors.HoldallError):
    """An error that no dialect has heard of."""


def make_lonely_app(**services: Any) -> Site:
    """The application with hardly a service behind it."""
    pace = BodyLimits(max_file_bytes=1 << 20, max_body_bytes=1 << 20)
    told: Any = SimpleNamespace(**{"clock": SystemClock(), "ids": RandomIds(), **services})
    edge = Edge(told, Links(SITE, b"secret", 3600), pace, 1 << 20, AccessRecorder(told), Variants(told))
    return make_app(edge)


def ask(path: str, method: str = "GET", app: Site | None = None, **more: Any) -> httpx.Response:
    async def story() -> httpx.Response:
        transport = httpx.ASGITransport(app=app or make_lonely_app())
        async with httpx.AsyncClient(transport=transport, base_url=SITE) as client:
            return await client.request(method, path, **more)

    return asyncio.run(story())


@cache
def read(name: str) -> dict[str, Any]:
    answer = ask(DOCUMENTS[name])
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def routed(app: Site) -> set[tuple[str, str]]:
    """What the dialects answer, less the pages for people; HEAD goes with GET."""
    return {
        (method, mount.path + re.sub(r"{(\w+):\w+}", r"{\1}", route.path))
        for mount in app.routes
        if isinstance(mount, Mount) and isinstance(mount.app, Dialect) and mount.path not in PAGES
        for route in mount.app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }


def every_error() -> list[errors.HoldallError]:
    """One of each class of the tree, also of those that are declared elsewhere."""
    return [build(kind) for kind in classes(errors.HoldallError) if kind not in CATEGORIES]


def classes(kind: type[errors.HoldallError]) -> Iterator[type[errors.HoldallError]]:
    if kind.__module__.startswith("holdall."):
        yield kind
        for below in kind.__subclasses__():
            yield from classes(below)


def build(kind: type[errors.HoldallError]) -> errors.HoldallError:
    if not is_dataclass(kind):
        return kind()
    return kind(**{field.name: FIELDS[field.name] for field in fields(kind)})


def rendered(dialect: str, error: errors.HoldallError) -> tuple[int, dict[str, Any]]:
    answer = RENDERERS[dialect](error, Request({"type": "http", "headers": []}))
    return answer.status_code, msgspec.json.decode(answer.body)


def examples(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every example of a JSON body: where it stands, its schema, its value."""
    for method, path, operation in operations(document):
        bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for place, body in bodies.items():
            media = body.get("content", {}).get("application/json", {})
            for name, example in media.get("examples", {}).items():
                yield f"{method} {path} {place} {name}", media["schema"], example["value"]


def documented_failures(name: str) -> set[tuple[int, int | str]]:
    return {
        (int(status), example["value"]["code"])
        for _, _, operation in operations(read(name))
        for status, response in operation["responses"].items()
        if int(status) >= 400
        for example in response.get("content", {}).get("application/json", {}).get("examples", {}).values()
    }


def closed(schema: Any) -> Any:
    """The schema with no room for keys that it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {"additionalProperties": False} if "properties" in schema and "type" in schema else {}
    return {**shut, **{key: closed(value) for key, value in schema.items()}}


# ── the documents ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_document_is_valid_openapi_3_1(name: str):
    """Every document follows the specification, and has the site's configured address."""
    document = read(name)
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": SITE}]
    assert document["info"]["version"] == holdall.__version__


def test_every_route_is_documented_and_every_documented_operation_is_routed():
    """The document of both dialects has the methods and paths of the dialects' routes, no more and no fewer."""
    documented = {(method, path) for method, path, _ in operations(read("both"))}
    assert documented == routed(make_lonely_app())


def test_the_document_of_both_is_the_two_together():
    """Nothing is lost where the two are merged."""
    both, bika, pika = read("both"), read("bika"), read("pika")
    assert both["paths"] == bika["paths"] | pika["paths"]
    assert both["components"]["schemas"] == bika["components"]["schemas"] | pika["components"]["schemas"]
    ids = [operation["operationId"] for _, _, operation in operations(both)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", ["bika", "pika"])
def test_every_operation_is_tagged_by_its_dialect(name: str):
    """The tags of a dialect begin with its name, and each is told about."""
    told = {tag["name"] for tag in read(name)["tags"]}
    used = {tag for _, _, operation in operations(read(name)) for tag in operation["tags"]}
    assert used == told
    assert all(tag.startswith(name.capitalize()) for tag in told)


@pytest.mark.parametrize("name", ["bika", "pika"])
def test_every_example_fits_its_schema_and_has_no_other_keys(name: str):
    """Examples come from the wire, so a key that the wire gains or loses shows here."""
    document = read(name)
    components = closed(document["components"])
    count = 0
    for place, schema, value in examples(document):
        checker = OAS31Validator({**closed(schema), "components": components}, format_checker=oas31_format_checker)
        assert [error.message for error in checker.iter_errors(value)] == [], place
        count += 1
    assert count > 30


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_from_what_an_answer_names_to_what_takes_it(name: str):
    """Its target is there, gets all that its path takes, and what it gets stands in each example of the answer."""
    targets = {operation["operationId"]: path for _, path, operation in operations(read(name))}
    count = 0
    for _, path, operation in operations(read(name)):
        answer = operation["responses"].get("200", {})
        for link in answer.get("links", {}).values():
            assert set(re.findall(r"{(\w+)}", targets[link["operationId"]])) == set(link["parameters"])
            for expression in link["parameters"].values():
                count += 1
                where, _, pointer = expression.partition("#")
                if where != "$response.body":
                    assert expression.removeprefix("$request.path.") in re.findall(r"{(\w+)}", path)
                    continue
                for example in answer["content"]["application/json"]["examples"].values():
                    assert isinstance(pointed_at(example["value"], pointer), str), (path, example)
    assert count > 30


def pointed_at(value: Any, pointer: str) -> Any:
    """What a JSON pointer leads to; an empty list leads nowhere, and is no fault of the pointer's."""
    for part in pointer.split("/")[1:]:
        if value == []:
            return ""
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def test_what_is_made_is_linked_to_all_that_is_done_with_it():
    """From a new record to its look, its change, its history and its end; of Pika's, never to another kind of thing."""
    made = {
        operation["operationId"]: set(operation["responses"]["200"].get("links", {}))
        for method, _, operation in operations(read("both"))
        if method == "POST" and "200" in operation["responses"]
    }
    assert made["bikaCreateRecords"] == {
        "bikaGetRecord",
        "bikaUpdateRecord",
        "bikaDeleteRecord",
        *made["bikaCreateRecordV1"],
    }
    assert {"bikaGetRecordV1", "bikaDeleteRecordV1", "bikaListRecordHistory"} <= made["bikaCreateRecordV1"]
    assert made["pikaCreatePerson"] == {"pikaGetPerson", "pikaUpdatePerson", "pikaDeletePerson"}
    assert made["pikaLogin"] == set()


def test_every_field_type_has_its_forms_told():
    """The table of cells has a row for each type that a field can have."""
    assert set(CELL_FORMS) == set(FieldType)


def test_extensions_are_marked():
    """What the original APIs do not have says so."""
    schemas = read("both")["components"]["schemas"]
    upload = schemas["BikaUpload"]["properties"]
    marked = [upload[key] for key in ("originalName", "sha256", "findings", "thumbhash", "url", "thumbnailUrl")]
    marked += [schemas["PikaUpload"]["properties"][key] for key in ("sha256", "findings", "thumbhash")]
    marked += [schemas["PikaError"]["properties"]["data"]["properties"]["detail"]]
    there = [(path, operation) for _, path, operation in operations(read("both"))]
    cells = [operation for path, operation in there if path.endswith("/fields/{field}/attachments")]
    assert [EXTENSION in each["description"] for each in cells] == [True] * 3
    uploads = [operation for path, operation in there if re.search(r"(spaces/{space_id}/attachments|{door})$", path)]
    headers = [each for operation in uploads for each in operation["parameters"] if each["in"] == "header"]
    assert [header["name"] for header in headers] == 2 * ["Idempotency-Key", "Content-Digest", "Repr-Digest"]
    assert all(EXTENSION in each["description"] for each in [*marked, *headers])


# ── a running server ─────────────────────────────────────────────────────────────────────────────────────────────


def deletions(client: httpx.Client, records: str, v1: str, v2: str) -> Iterator[tuple[str, str, httpx.Response]]:
    """The answer to each way of deleting a record."""
    made = client.post(records, json={"records": [{"fields": {}}] * 3}).json()["data"]["records"]
    first, second, third = (record["id"] for record in made)
    yield "DELETE", f"{v1}/{{record_id}}", client.delete(f"{records.replace('/v2/', '/v1/')}/{first}")
    yield "DELETE", f"{v2}/{{record_id}}", client.delete(f"{records}/{second}")
    yield "DELETE", v2, client.delete(records, params={"records": [third]})


def answers_of(server: RunningServer) -> Iterator[tuple[str, str, httpx.Response]]:
    """The answer of a running server to each operation that has one in JSON, by method and documented path."""
    png = ("roof.png", (resources.files("holdall") / "samples" / "example.png").read_bytes())
    yield from answers_of_bika(server, png)
    yield from answers_of_pika(server, png)


def answers_of_bika(server: RunningServer, png: tuple[str, bytes]) -> Iterator[tuple[str, str, httpx.Response]]:
    mine, prefix = server.demo["bika"], bika_routes.PREFIX
    fields = {"Name": "Gutter", "Stage": "Open", "Score": 3}
    with httpx.Client(base_url=server.base_url, headers={"Authorization": f"Bearer {mine['token']}"}) as client:
        ids = {name: mine[name] for name in ("space_id", "database_id", "record_id")}
        space = prefix + "/v1/spaces/{space_id}"
        v1 = space + "/resources/databases/{database_id}"
        v2 = v1.replace("/v1/", "/v2/")

        def call(method: str, path: str, **more: Any) -> tuple[str, str, httpx.Response]:
            return method, path, client.request(method, path.format(**ids), **more)

        upload = call("POST", space + "/attachments", files=[("file", png), ("file", ("note.txt", b"two files\n"))])
        yield upload
        hung = {"Images": upload[2].json()["data"]}
        ids["attachment_id"] = hung["Images"][0]["id"]
        ids["node_id"], ids["field"] = ids["database_id"], "Images"
        yield call("POST", v1 + "/records", json={"cells": fields | hung})
        yield call("PATCH", v1 + "/records", json={"id": ids["record_id"], "cells": hung})
        yield call("PATCH", v1 + "/records/{record_id}", json={"cells": {"Score": None}})
        yield call("PUT", v1 + "/records/{record_id}", json={"cells": fields})
        yield call("POST", v2 + "/records", json={"records": [{"fields": fields | hung}]})
        yield call("PUT", v2 + "/records/{record_id}", json={"fields": hung})
        yield call("GET", v2 + "/records/{record_id}", params={"cellFormat": "string"})
        yield call("GET", v1 + "/records/{record_id}")
        yield call("GET", v1 + "/records/{record_id}/history", params={"pageSize": 1})
        yield from cell_calls(call, v1 + "/records/{record_id}/fields/{field}/attachments", png)
        for method in ("PUT", "PATCH"):
            batch = {"records": [{"id": ids["record_id"], "fields": hung}]}
            yield call(method, v2 + "/records", json=batch)
        yield from deletions(client, v2.format(**ids) + "/records", v1 + "/records", v2 + "/records")
        yield call("GET", v2 + "/records", params={"pageSize": 1})
        for path in ("/v1/system/meta", "/v1/user/profile", "/v1/spaces"):
            yield call("GET", prefix + path)
        yield call("GET", space + "/attachments", params={"pageSize": 1})
        file = space + "/attachments/{attachment_id}"
        yield call("PATCH", file, json={"name": "eaves.png"})
        yield call("DELETE", file)
        yield call("GET", file)
        yield call("POST", file + "/restore")
        time.sleep(2 * GATHER_SECONDS)
        yield call("GET", space + "/attachments/{attachment_id}/log", params={"pageSize": 1})
        yield from answers_about_webhooks(call, ids, v1, space + "/outgoing-webhooks")
        yield call("GET", space + "/resources/automation/{node_id}/triggers")
        yield call("GET", prefix + "/v1/automations/{node_id}/triggers")
        yield call("GET", space + "/embed-links")
        yield call("GET", space + "/roles")
        yield from membership(call, space + "/members", ids)
        for path in (
            space,
            space + "/nodes",
            space + "/nodes/{node_id}",
            v1,
            v1 + "/fields",
            v1 + "/views",
            v1 + "/records",
        ):
            yield call("GET", path)
        views = client.get(v1.format(**ids) + "/views").json()["data"]
        ids["view_id"] = views[0]["id"]
        yield call("GET", v1 + "/views/{view_id}")
        yield from shaping(call, ids)


def membership(
    call: Callable[..., tuple[str, str, httpx.Response]], path: str, ids: dict[str, str]
) -> Iterator[tuple[str, str, httpx.Response]]:
    """Somebody comes, becomes another, and goes."""
    added = call("POST", path, json={"login": "mira", "role": "viewer"})
    yield added
    yield call("GET", path)
    ids["member_id"] = added[2].json()["data"]["id"]
    yield call("PATCH", path + "/{member_id}", json={"role": "editor"})
    yield call("DELETE", path + "/{member_id}")


def shaping(call: Callable[..., tuple[str, str, httpx.Response]], ids: dict[str, str]) -> Iterator[Any]:
    """The answers to those who shape the space: a database is made, changed and deleted, with a field."""
    space = bika_routes.PREFIX + "/v1/spaces/{space_id}"
    nodes, fields = space + "/nodes", space + "/resources/databases/{database_id}/fields"
    made = call("POST", nodes, json={"type": "DATABASE", "name": "Shaped", "fields": [{"name": "a", "type": "URL"}]})
    yield made
    ids["node_id"] = ids["database_id"] = made[2].json()["data"]["id"]
    field = call("POST", fields, json={"name": "Price", "type": "SINGLE_TEXT"})
    yield field
    ids["field_id"] = field[2].json()["data"]["id"]
    yield call("POST", fields.replace("/fields", "/records"), json={"cells": {"Price": "ask"}})
    change = {"type": "NUMBER", "allowLoss": True}
    views = fields.replace("/fields", "/views")
    view = call(
        "POST", views, json={"name": "Dear", "filter": "a!=null", "sort": [{"field": "a"}], "hiddenFields": ["a"]}
    )
    yield view
    ids["view_id"] = view[2].json()["data"]["id"]
    yield call("PATCH", views + "/{view_id}", json={"type": "GALLERY", "position": 0})
    yield call("DELETE", views + "/{view_id}")
    yield call("PATCH", fields + "/{field_id}", params={"dryRun": "true"}, json=change)
    yield call("PATCH", fields + "/{field_id}", json=change)
    yield call("DELETE", fields + "/{field_id}")
    yield call("PATCH", nodes + "/{node_id}", json={"name": "Reshaped", "preNodeId": None})
    yield call("DELETE", nodes + "/{node_id}")
    yield call("POST", nodes + "/{node_id}/restore")


def cell_calls(
    call: Callable[..., tuple[str, str, httpx.Response]], cell: str, png: tuple[str, bytes]
) -> Iterator[tuple[str, str, httpx.Response]]:
    """A form of which one file is refused, and what becomes of the cell."""
    attached = call("POST", cell, files=[("file", png), ("file", ("run.exe", b"MZ"))])
    yield attached
    yield call("PATCH", cell, json={"order": [attached[2].json()["data"]["files"][0]["attachment"]["id"]]})
    yield call("GET", cell)


def answers_about_webhooks(
    call: Callable[..., tuple[str, str, httpx.Response]], ids: dict[str, str], v1: str, hooks: str
) -> Iterator[tuple[str, str, httpx.Response]]:
    """Nothing listens where they lead to: a delivery fails, which is told too."""
    wanted = {"name": "ledger", "url": "http://127.0.0.1:9/in", "databaseId": ids["database_id"]}
    made = call("POST", hooks, json=wanted)
    yield made
    hook = hooks + "/{webhook_id}"
    ids["webhook_id"] = made[2].json()["data"]["id"]
    yield call("GET", hooks)
    yield call("GET", hook)
    yield call("POST", v1 + "/records", json={"cells": {}})
    listed = call("GET", hook + "/deliveries")
    yield listed
    ids["delivery_id"] = listed[2].json()["data"]["deliveries"][0]["id"]
    yield call("POST", hook + "/deliveries/{delivery_id}/replay")
    yield call("PATCH", hook, json={"enabled": False})
    yield call("DELETE", hook)


def answers_of_pika(server: RunningServer, png: tuple[str, bytes]) -> Iterator[tuple[str, str, httpx.Response]]:
    person = server.demo["pika"][0]
    with httpx.Client(base_url=server.base_url + pika_routes.PREFIX) as client:
        client.headers["Cookie"] = f"pika_token={person['cookie']}"
        form = {"entityType": "person"}
        avatar = client.post("/upload/avatar", data=form, files={"file": png})
        yield "POST", pika_routes.PREFIX + "/upload/{door}", avatar
        number = avatar.json()["id"]
        yield "GET", pika_routes.PREFIX + "/upload", client.get("/upload", params={"limit": 1})
        yield "DELETE", pika_routes.PREFIX + "/upload/{id}", client.delete(f"/upload/{number}")
        yield "GET", pika_routes.PREFIX + "/upload/{id}", client.get(f"/upload/{number}")
        yield "POST", pika_routes.PREFIX + "/upload/{id}/restore", client.post(f"/upload/{number}/restore")
        time.sleep(2 * GATHER_SECONDS)
        yield "GET", pika_routes.PREFIX + "/upload/{id}/link", client.get(f"/upload/{number}/link")
        path = f"/upload/{number}/log"
        yield "GET", pika_routes.PREFIX + "/upload/{id}/log", client.get(path, params={"limit": 1})
        yield "GET", pika_routes.PREFIX + "/auth/me", client.get("/auth/me")
        yield from answers_of_books(client, png)
        for path in ("/settings", "/app/info", "/app/lists", "/push/status", "/push/vapid-key", "/push/notifications"):
            yield "GET", pika_routes.PREFIX + path, client.get(path)
        change = {"currency": "EUR", "uploads": {"document": {"types": ["pdf"]}}}
        yield "PUT", pika_routes.PREFIX + "/settings", client.put("/settings", json=change)
        sessions = client.get("/auth/sessions")
        yield "GET", pika_routes.PREFIX + "/auth/sessions", sessions
        doomed = {"uuid": next(each["uuid"] for each in sessions.json() if not each["is_currently_using"])}
        revoke = client.post("/auth/sessions/revoke", json=doomed)
        yield "POST", pika_routes.PREFIX + "/auth/sessions/revoke", revoke
        login, _, secret = base64.b64decode(unquote(person["cookie"])).decode().partition(":")
        given = {"user_login": login, "password": secret}
        yield "POST", pika_routes.PREFIX + "/auth/login", client.post("/auth/login", json=given)
        yield "POST", pika_routes.PREFIX + "/auth/logout", client.post("/auth/logout")


def answers_of_books(client: httpx.Client, png: tuple[str, bytes]) -> Iterator[tuple[str, str, httpx.Response]]:
    """A transaction with all that it can have, and what it names; each changed, and deleted in the end."""
    form = {"entityType": "person", "attachmentType": "image"}
    avatar = client.post("/upload/avatar", data=form, files={"file": png}).json()["id"]
    receipt = client.post("/upload/attachment", data=form, files={"file": png}).json()["id"]
    ids = {}

    def call(method: str, path: str, **more: Any) -> tuple[str, str, httpx.Response]:
        things = path.split("/")[1]
        answer = client.request(method, path.format(id=ids.get(things)), **more)
        if method == "POST":
            ids[things] = answer.json()["id"]
        return method, pika_routes.PREFIX + path, answer

    yield call("POST", "/people", json={"name": "Noor", "avatarId": avatar})
    yield call("POST", "/tags", json={"name": "Garden", **LOOK})
    yield call("POST", "/categories", json={"name": "Fruit", "type": "expense", **LOOK})
    yield call("POST", "/accounts", json={"name": "Cash"})
    named = {
        "accountId": ids["accounts"],
        "personId": ids["people"],
        "tags": ["5", ids["tags"]],
        "attachments": [receipt],
    }
    yield call("POST", "/transactions", json={**GROCERIES, **named})
    changes = [(path, "name") for path in ("people", "accounts", "tags", "categories")]
    for path, change in (*changes, ("transactions", "title")):
        yield call("GET", f"/{path}")
        yield call("GET", f"/{path}/{{id}}")
        yield call("PUT", f"/{path}/{{id}}", json={change: "Changed"})
    for _, path, _, _ in analytics.ROUTES:
        yield call("GET", path, params={"personId": ids["people"]} if "person-tran" in path else {**FEBRUARY})
    for path in ("transactions", "people", "accounts", "tags", "categories"):
        yield call("DELETE", f"/{path}/{{id}}")


def test_a_running_servers_answers_fit_their_schemas(tmp_path: Path):
    """Every operation that answers in JSON answers what its document says, with no other keys."""
    document = read("both")
    components = closed(document["components"])
    seen = set()
    with running_server(tmp_path / "data", HOLDALL_WEBHOOK_ALLOW="127.0.0.1/32") as server:
        for method, path, answer in answers_of(server):
            assert answer.status_code == 200, answer.text
            schema = document["paths"][path][method.lower()]["responses"]["200"]["content"]["application/json"][
                "schema"
            ]
            checker = OAS31Validator({**closed(schema), "components": components}, format_checker=oas31_format_checker)
            assert [error.message for error in checker.iter_errors(answer.json())] == [], f"{method} {path}"
            seen.add((method, path))
    files = {
        (method, path) for method, path, _ in operations(document) if path.endswith(("{path}", "/content", "/download"))
    }
    refused = {
        (method, path) for method, path, operation in operations(document) if "200" not in operation["responses"]
    }
    assert seen | files | refused == routed(make_lonely_app())


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_every_error_has_a_documented_answer_of_its_own(name: str, error: errors.HoldallError):
    """Whatever is raised, the dialect knows it, and some operation lists the status and the code it answers with."""
    status, body = rendered(name, error)
    assert body != rendered(name, Stranger())[1]
    assert (status, body["code"]) in documented_failures(name)


def test_the_tree_is_walked_to_its_leaves():
    """The classes declared outside ``errors`` are among those walked."""
    walked = {type(error) for error in every_error()}
    assert {errors.ImageTooLarge, errors.StorageFull, errors.NotScanned, Unforeseen} <= walked


def test_nothing_raises_a_mere_category():
    """What is left out of the walk is never raised."""
    names = "|".join(kind.__name__ for kind in CATEGORIES)
    raising = re.compile(rf"raise (?:errors\.)?(?:{names})\b")
    sources = Path(holdall.__file__).parent.rglob("*.py")
    assert [str(path) for path in sources if raising.search(path.read_text(encoding="utf-8"))] == []


def test_the_sign_ins_own_refusals_are_documented_as_they_are():
    """The two answers that ``login`` gives on the spot stand in the document word for word."""

    async def nothing(*_: Any) -> None:
        return None

    nobody = make_lonely_app(
        limiter=SimpleNamespace(spend=nothing),
        clock=SimpleNamespace(now=lambda: datetime(2026, 3, 2, tzinfo=UTC)),
        work=SimpleNamespace(read=nothing),
    )
    path = pika_routes.PREFIX + "/auth/login"
    told = [value for place, _, value in examples(read("pika")) if place.startswith(f"POST {path} 4")]
    missing = ask(path, "POST", nobody, json={})
    wrong = ask(path, "POST", nobody, json={"user_login": "mira", "password": "wrong"})
    assert missing.json()["code"] == "missing_fields"
    assert wrong.json()["code"] == "invalid_credentials"
    assert missing.json() in told
    assert wrong.json() in told


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────


class References(HTMLParser):
    """The addresses that a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset", "data")]


def policy_of(answer: httpx.Response) -> dict[str, str]:
    directives = answer.headers["content-security-policy"].split(";")
    return {name: value for name, _, value in (directive.strip().partition(" ") for directive in directives)}


def test_the_page_forbids_itself_everything_foreign():
    """The page's policy lets it run its own scripts and speak to its own site, and nothing else."""
    answer = ask("/docs")
    policy = policy_of(answer)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert policy["img-src"] == "'self' data:"
    assert policy["frame-ancestors"] == "'none'"


def test_the_page_refers_to_its_own_assets_only():
    """Each address on the page is relative, or an empty data: one, and answers."""
    references = References()
    references.feed(ask("/docs").text)
    addresses = [address for address in references.found if address != "data:,"]
    assert "docs/swagger-ui-bundle.js" in addresses
    assert "docs/init.js" in addresses
    assert [address for address in addresses if re.match(r"[a-z]+:|//|/", address)] == []
    for address in addresses:
        answer = ask(f"/{address}")
        assert answer.status_code == 200, address
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_offers_both_documents():
    """The list that the page reads names each dialect's document, by an address relative to the page."""
    offered = ask("/docs/documents.json").json()
    assert [f"/{each['url']}" for each in offered] == [DOCUMENTS["bika"], DOCUMENTS["pika"]]
    assert [each["title"] for each in offered] == ["Bika's API", "Pika's API"]


def test_the_shipped_assets_lead_nowhere_else():
    """No source map is named, no style loads from elsewhere, and the validator of swagger.io is off."""
    assert [path.name for path in ASSETS.iterdir() if "sourceMappingURL=" in _text(path) and path.suffix != ".md"] == []
    assert re.findall(r"(?:url\(\s*[\"']?|@import\s+[\"'])(?:https?:)?//", _text(ASSETS / "swagger-ui.css")) == []
    assert "http" not in _text(ASSETS / "page.css")
    assert "http" not in _text(ASSETS / "init.js")
    assert "validatorUrl: null" in _text(ASSETS / "init.js")
    assert "Apache License" in _text(ASSETS / "LICENSE")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["/docs/README.md", "/docs/..%2fdocs.py", "/docs/%2e%2e/docs.py", "/docs/index.htm"])
def test_only_the_pages_own_files_are_handed_out(path: str):
    """A name that is not on the list is not found."""
    assert ask(path).status_code == 404


def test_an_asset_that_the_browser_has_is_not_sent_again():
    """The entity tag of an asset is that of its content."""
    first = ask("/docs/init.js")
    again = ask("/docs/init.js", headers={"If-None-Match": first.headers["etag"]})
    other = ask("/docs/page.css", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.content == b""


@pytest.mark.parametrize("path", ["%0A", "v1/%0A/spaces", "v1/spaces/x%0Ay/nodes", "%0D%0A/upload"])
@pytest.mark.parametrize("name", ["bika", "pika"])
def test_a_line_feed_in_a_path_is_refused_in_the_dialect_that_was_asked(name: str, path: str):
    """And not by the house."""
    answer = ask(f"{PREFIXES[name]}/{path}")
    assert (answer.status_code in (401, 404), "code" in answer.json()) == (True, True)


def test_documents_are_built_once():
    """The second asking is answered from memory."""
    app = make_lonely_app()
    first = ask(WHOLE, app=app)
    assert first.headers["x-content-type-options"] == "nosniff"
    assert ask(WHOLE, app=app).content == first.content
