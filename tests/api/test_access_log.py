"""The access log, over both APIs and at the command line: each kind of event, and no secret in any of them."""

import asyncio
import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import httpx
import pytest
from starlette.routing import Mount, Route

from holdall import logbook
from holdall.adapters.db.engine import open_database
from holdall.app import Site
from holdall.dialects.bika import routes as bika_routes
from holdall.dialects.pika import routes as pika_routes
from holdall.domain.access_log import Action, LoggedEvent, Outcome, Search
from holdall.flows.access_log import GATHER_SECONDS
from holdall.settings import read_settings
from holdall.web.dialect import Dialect
from tests.acceptance.doors import Door, doors, exchange
from tests.api.test_openapi import make_lonely_app
from tests.support.engines import on_sqlite
from tests.support.images import eicar, jpeg, png
from tests.support.server import RunningServer, command, run_command, running_server

BIKA, PIKA = bika_routes.PREFIX, pika_routes.PREFIX
PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class House:
    """A running server, and those who call it."""

    server: RunningServer
    closing: ExitStack

    @cached_property
    def mine(self) -> dict[str, str]:
        ids: dict[str, str] = self.server.demo["bika"]
        return ids

    @cached_property
    def bika(self) -> httpx.Client:
        return self._client(Authorization=f"Bearer {self.mine['token']}")

    @cached_property
    def stranger(self) -> httpx.Client:
        return self._client(Authorization=f"Bearer {self.server.demo['bika_other']['token']}")

    @cached_property
    def pika(self) -> httpx.Client:
        return self._client(Cookie=f"pika_token={self.server.demo['pika'][0]['cookie']}")

    @cached_property
    def other(self) -> httpx.Client:
        return self._client(Cookie=f"pika_token={self.server.demo['pika'][1]['cookie']}")

    @cached_property
    def nobody(self) -> httpx.Client:
        return self._client()

    def stop(self) -> int:
        """Let go of every connection, which a server waits for, and stop it."""
        self.closing.close()
        return self.server.stop()

    @property
    def space(self) -> str:
        return f"{BIKA}/v1/spaces/{self.mine['space_id']}"

    @property
    def database(self) -> str:
        return f"{self.space}/resources/databases/{self.mine['database_id']}"

    def upload(self, name: str = "a.png", data: bytes = b"", client: httpx.Client | None = None) -> httpx.Response:
        return (client or self.bika).post(f"{self.space}/attachments", files={"file": (name, data or png())})

    def uploaded(self) -> dict[str, Any]:
        answer = self.upload()
        assert answer.status_code == 200, answer.text
        item: dict[str, Any] = answer.json()["data"][0]
        return item

    def avatar(self, name: str = "me.jpg", data: bytes = b"", entity: str = "person") -> httpx.Response:
        files = {"file": (name, data or jpeg())}
        return self.pika.post(f"{PIKA}/upload/avatar", data={"entityType": entity}, files=files)

    def events(self, answer: httpx.Response) -> list[dict[str, Any]]:
        """What the log has of this answer, once it has it; in the order of writing."""
        return self.events_of(answer.headers["x-request-id"])

    def events_of(self, request_id: str) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = [event for event in self.newest() if event.request_id == request_id]
            if found:
                return [json.loads(logbook.told(event, "json")) for event in reversed(found)]
            time.sleep(0.05)
        raise AssertionError(f"no event of {request_id}")

    def newest(self, limit: int = 2000) -> list[LoggedEvent]:
        """What the log has, newest first, without the way through the command line."""

        async def look() -> list[LoggedEvent]:
            database = open_database(read_settings(self.server.env).database)
            try:
                return await database.read(lambda ledger: ledger.access_log.page(Search(), limit=limit))
            finally:
                await database.close()

        return asyncio.run(look())

    def log(self, *arguments: str) -> list[dict[str, Any]]:
        lines = run_command(self.server.env, "log", "--json", *arguments).splitlines()
        return [json.loads(line) for line in lines]

    def _client(self, **headers: str) -> httpx.Client:
        client = httpx.Client(base_url=self.server.base_url, headers=headers, timeout=30)
        return self.closing.enter_context(client)


@contextmanager
def housing(data: Path, **env: str) -> Iterator[House]:
    """A house of one's own."""
    with running_server(data, **env) as server, ExitStack() as closing:
        yield House(server, closing)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with housing(tmp_path_factory.mktemp("house") / "data") as house:
        yield house


def part(event: Mapping[str, Any], **expected: Any) -> bool:
    """Whether the event says what is expected, of what is named."""
    said = {name: event[name] for name in expected}
    assert said == expected
    return True


# ── each kind of event ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_upload_tells_who_what_when_from_where_and_how(house: House):
    before = datetime.now(UTC)
    answer = house.upload("Roof\u202e, north.png", data := png())
    item = answer.json()["data"][0]

    [event] = house.events(answer)

    assert part(
        event,
        action="upload",
        outcome="ok",
        status=200,
        error="",
        door="bika",
        route="POST /v1/spaces/{space_id}/attachments",
        address="127.0.0.1",
        agent=f"python-httpx/{httpx.__version__}",
        login="ada",
        space_id=house.mine["space_id"],
        file_id=item["id"],
        file_name=item["originalName"],
        bytes=len(data),
    )
    assert event["token"].startswith("tok")
    assert before - timedelta(seconds=1) <= datetime.fromisoformat(event["at"]) <= datetime.now(UTC)
    assert event["at"].endswith("Z")


def test_each_file_of_an_upload_is_an_event(house: House):
    """With one request id; and when one of them is refused, so are all."""
    files = [("file", ("a.png", png())), ("file", ("b.txt", b"text\n"))]
    taken = house.bika.post(f"{house.space}/attachments", files=files)
    refused = house.bika.post(f"{house.space}/attachments", files=[*files, ("file", ("c.exe", b"MZ"))])

    assert [event["detail"] for event in house.events(taken)] == ["a.png", "b.txt"]
    assert [(event["detail"], event["outcome"]) for event in house.events(refused)] == [
        ("a.png", "refused"),
        ("b.txt", "refused"),
        ("c.exe", "refused"),
    ]


def test_a_repeated_upload_is_told_with_its_files(house: House):
    """An answer repeated for an Idempotency-Key gives a file out like the first one."""
    form = {"files": {"file": ("a.png", png())}, "headers": {"Idempotency-Key": "log-once"}}
    first, again = (house.bika.post(f"{house.space}/attachments", **form) for _ in range(2))

    assert first.json()["data"][0]["id"] == again.json()["data"][0]["id"]
    assert [event["file_id"] for event in house.events(again)] == [first.json()["data"][0]["id"]]


REFUSED: dict[str, tuple[Callable[[House], httpx.Response], dict[str, Any]]] = {
    "bika no token": (
        lambda house: house.upload(client=house.nobody),
        {"status": 401, "error": "Unauthenticated", "login": "", "action": "upload", "space": "mine"},
    ),
    "bika a strangers space": (
        lambda house: house.upload(client=house.stranger),
        {"status": 404, "error": "Missing", "login": "grace", "action": "upload", "space": "mine"},
    ),
    "bika no right to write": (
        lambda house: house.upload(client=reader(house)),
        {"status": 403, "error": "Forbidden", "login": "ada", "action": "upload", "space": "mine"},
    ),
    "bika type": (
        lambda house: house.upload("x.exe", b"MZ"),
        {"status": 415, "error": "TypeRefused", "login": "ada", "action": "upload", "detail": "x.exe", "bytes": 2},
    ),
    "bika content": (
        lambda house: house.upload("x.png", b"<html>"),
        {"status": 415, "error": "ContentRefused", "login": "ada", "action": "upload", "detail": "x.png"},
    ),
    "bika corrupt": (
        lambda house: house.upload("x.png", png()[:60]),
        {"status": 422, "error": "ContentCorrupt", "login": "ada", "action": "upload", "detail": "x.png"},
    ),
    "bika infected": (
        lambda house: house.upload("x.txt", eicar()),
        {"status": 422, "error": "Infected", "login": "ada", "action": "upload", "detail": "x.txt", "space": "mine"},
    ),
    "bika no file": (
        lambda house: house.bika.post(f"{house.space}/attachments", files={"other": ("a", b"x")}),
        {"status": 400, "error": "FileMissing", "login": "ada", "action": "upload"},
    ),
    "bika no form": (
        lambda house: house.bika.post(f"{house.space}/attachments", content=b"x"),
        {"status": 400, "error": "Malformed", "login": "ada", "action": "upload", "space": "mine"},
    ),
    "bika no route": (
        lambda house: house.bika.get(f"{BIKA}/v9/nothing"),
        {"status": 404, "error": "Missing", "action": "unknown", "door": "bika", "route": ""},
    ),
    "bika no method": (
        lambda house: house.bika.delete(f"{house.space}/attachments"),
        {"status": 404, "error": "Missing", "action": "unknown", "door": "bika"},
    ),
    "bika another spaces file in a cell": (
        lambda house: house.bika.patch(
            f"{house.database}/records",
            json={"id": house.mine["record_id"], "cells": {"Images": [{"id": "attNobody"}]}},
        ),
        {"status": 400, "error": "CellRefused", "login": "ada", "action": "change", "space": "mine"},
    ),
    "pika no cookie": (
        lambda house: house.nobody.post(f"{PIKA}/upload/avatar"),
        {"status": 401, "error": "Unauthenticated", "login": "", "action": "upload", "door": "pika"},
    ),
    "pika entity": (
        lambda house: house.avatar(entity="pet"),
        {"status": 400, "error": "ChoiceRefused", "login": "mira", "action": "upload", "detail": "me.jpg"},
    ),
    "pika type": (
        lambda house: house.avatar("x.exe", b"MZ"),
        {"status": 400, "error": "TypeRefused", "login": "mira", "action": "upload", "detail": "x.exe"},
    ),
    "pika too large": (
        lambda house: house.avatar("x.jpg", jpeg() + bytes(5 << 20)),
        {"status": 400, "error": "TooLarge", "login": "mira", "action": "upload", "detail": "x.jpg"},
    ),
    "pika infected": (
        lambda house: house.pika.post(
            f"{PIKA}/upload/attachment",
            data={"entityType": "transaction", "attachmentType": "document"},
            files={"file": ("x.txt", eicar())},
        ),
        {"status": 400, "error": "Infected", "login": "mira", "action": "upload", "detail": "x.txt"},
    ),
    "pika sign-in": (
        lambda house: house.nobody.post(f"{PIKA}/auth/login", json={"user_login": "mira", "password": "hunter2"}),
        {"status": 401, "error": "Unauthenticated", "login": "", "action": "sign-in"},
    ),
    "pika no route": (
        lambda house: house.pika.get(f"{PIKA}/nothing"),
        {"status": 404, "error": "Missing", "action": "unknown", "door": "pika"},
    ),
    "no face": (
        lambda house: house.nobody.get("/.git/config"),
        {"status": 404, "error": "Missing", "action": "unknown", "door": "site", "route": ""},
    ),
}


def reader(house: House) -> httpx.Client:
    """A client of ada's with a token that may only read."""
    _, secret = run_command(house.server.env, "token", "create", "--user", "ada", "--scope", "read").split()
    return house._client(Authorization=f"Bearer {secret}")


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_tells_who_asked_for_what_and_why_not(house: House, name: str):
    """Wherever it was raised."""
    call, expected = REFUSED[name]
    if expected.pop("space", ""):
        expected["space_id"] = house.mine["space_id"]
    answer = call(house)
    assert answer.status_code == expected["status"], answer.text

    [event] = house.events(answer)

    assert part(event, outcome="refused", **expected)


def test_a_body_over_the_limit_is_told(tmp_path: Path):
    """413, before the file is whole."""
    with housing(tmp_path / "data", HOLDALL_MAX_UPLOAD_BYTES="1000") as house:
        answer = house.upload("x.bin", bytes(5000))
        assert answer.status_code == 413

        [event] = house.events(answer)

    assert part(event, action="upload", outcome="refused", status=413, error="TooLarge", login="ada")


def test_too_many_calls_are_told(tmp_path: Path):
    """429 in both dialects, with the caller."""
    uploads = 10
    with housing(tmp_path / "data", HOLDALL_RATE_LIMIT="on", HOLDALL_UPLOADS_PER_MINUTE=str(uploads)) as house:
        bika = [house.bika.post(f"{house.space}/attachments") for _ in range(uploads + 1)][-1]
        pika = [house.pika.post(f"{PIKA}/upload/avatar") for _ in range(uploads + 1)][-1]

        for answer, login in ((bika, "ada"), (pika, "mira")):
            [event] = house.events(answer)
            assert part(event, action="upload", outcome="refused", status=429, error="RateLimited", login=login)


def test_reads_tell_the_file_the_variant_and_the_bytes(house: House):
    """200, 206, 304, HEAD, and what a variant is read by; of a signed link nobody knows who holds it."""
    item = house.uploaded()
    url, size = item["url"], item["size"]
    etag = {"If-None-Match": house.nobody.get(url).headers["etag"]}
    answers = [
        (house.nobody.get(url), 200, size, ""),
        (house.nobody.get(url, headers={"Range": "bytes=0-9"}), 206, 10, ""),
        (house.nobody.get(url, headers=etag), 304, 0, ""),
        (house.nobody.head(url), 200, 0, ""),
        (house.nobody.get(item["thumbnailUrl"]), 200, None, "256"),
    ]

    for answer, status, length, recipe in answers:
        [event] = house.events(answer)
        assert part(event, action="read", outcome="ok", status=status, door="files", login="", detail=recipe)
        assert (event["file_id"], event["space_id"]) == (item["id"], house.mine["space_id"])
        assert event["bytes"] == (len(answer.content) if length is None else length)


def test_refused_reads_stand_in_the_log_of_the_file(house: House):
    """A forged link, and another user's cookie."""
    item, avatar = house.uploaded(), house.avatar().json()
    forged = house.nobody.get(item["url"].replace("s=", "s=x"))
    foreign = house.other.get(avatar["url"])
    mine = house.pika.get(avatar["url"])

    [told] = house.events(forged)
    assert part(told, action="read", outcome="refused", status=404, error="Missing", file_id=item["id"], login="")
    [told] = house.events(foreign)
    assert part(told, action="read", outcome="refused", status=404, error="Missing", login="noor")
    [other] = house.events(mine)
    assert part(other, action="read", outcome="ok", login="mira", door="pika-files", bytes=int(avatar["size"]))
    assert told["file_id"] == other["file_id"] != ""


def test_links_tell_the_file_and_the_record(house: House):
    """Made with a record, added to one, taken off one; a change that links nothing is a change."""
    first, second = house.uploaded(), house.uploaded()
    record = f"{house.database}/records"
    made = house.bika.post(record, json={"cells": {"Name": "x", "Images": [{"id": first["id"]}]}})
    id = made.json()["data"]["id"]
    images = {"Images": [{"id": first["id"]}, {"id": second["id"]}]}
    added = house.bika.patch(record, json={"id": id, "cells": images})
    again = house.bika.patch(record, json={"id": id, "cells": images})
    both = [{"fields": {"Images": [{"id": first["id"]}]}}, {"fields": {"Images": [{"id": second["id"]}]}}]
    several = house.bika.post(f"{house.database.replace('/v1/', '/v2/')}/records", json={"records": both})
    moved = house.bika.put(
        f"{house.database.replace('/v1/', '/v2/')}/records/{id}", json={"fields": {"Images": [{"id": second["id"]}]}}
    )

    def told(answer: httpx.Response) -> list[tuple[str, str, str]]:
        assert answer.status_code == 200, answer.text
        return [(event["action"], event["file_id"], event["detail"]) for event in house.events(answer)]

    ids = [record["id"] for record in several.json()["data"]["records"]]
    assert told(made) == [("link", first["id"], id)]
    assert told(added) == [("link", second["id"], id)]
    assert told(again) == [("change", "", "")]
    assert told(several) == [("link", first["id"], ids[0]), ("link", second["id"], ids[1])]
    assert told(moved) == [("unlink", first["id"], id)]


def test_what_hangs_in_books_tells_the_file_and_its_place(house: House):
    """Avatars and a receipt, hung up and taken down; a deletion takes down too."""

    def send(method: str, path: str, **body: Any) -> httpx.Response:
        answer = house.pika.request(method, f"{PIKA}{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer

    form = {"data": {"entityType": "transaction", "attachmentType": "image"}, "files": {"file": ("r.png", png())}}
    receipt = house.pika.post(f"{PIKA}/upload/attachment", **form).json()
    avatar, purse = house.avatar().json(), house.avatar(entity="account").json()
    spent = {"title": "x", "amount": 1, "date": "2026-02-11", "type": "expense", "categoryId": "4"}
    answers = [
        made := send("POST", "/accounts", name="Logged", avatarId=purse["id"]),
        send("PUT", f"/accounts/{(account := made.json()['id'])}", avatarId=None),
        made := send("POST", "/people", name="Logged", avatarId=avatar["id"]),
        send("DELETE", f"/people/{(person := made.json()['id'])}"),
        made := send("POST", "/transactions", **spent, accountId=account, attachments=[receipt["id"]]),
        send("PUT", f"/transactions/{(transaction := made.json()['id'])}", attachments=[]),
    ]

    told = [house.events(answer) for answer in answers]

    assert [(event["action"], event["detail"], event["login"]) for [event] in told] == [
        ("link", f"account {account}", "mira"),
        ("unlink", f"account {account}", "mira"),
        ("link", f"person {person}", "mira"),
        ("unlink", f"person {person}", "mira"),
        ("link", f"transaction {transaction}", "mira"),
        ("unlink", f"transaction {transaction}", "mira"),
    ]
    files = [event["file_id"] for [event] in told]
    assert files == [files[at] for at in (0, 0, 2, 2, 4, 4)]
    assert all(files)


def test_signing_in_and_out_is_told(tmp_path: Path):
    """With who it was; the end of a credential stands in the audit log as well."""
    with housing(tmp_path / "data") as house:
        given = {"user_login": "mira", "password": run_command(
            house.server.env, "token", "create", "--user", "mira", "--kind", "device").split()[1]}  # fmt: skip
        entered = house.nobody.post(f"{PIKA}/auth/login", json=given)
        cookie = {"Cookie": entered.headers["set-cookie"].partition(";")[0]}
        left = httpx.post(f"{house.server.base_url}{PIKA}/auth/logout", headers=cookie)

        [told_in], [told_out] = house.events(entered), house.events(left)
        acts = [json.loads(line) for line in run_command(house.server.env, "log", "audit", "--json").splitlines()]

    assert part(told_in, action="sign-in", outcome="ok", login="mira")
    assert part(told_out, action="sign-out", outcome="ok", login="mira", token=told_in["token"])
    assert [(act["actor"], act["subject"]) for act in acts if act["act"] == "token.sign-out"] == [
        (told_in["user_id"], told_in["token"])
    ]


def test_a_client_that_leaves_in_mid_upload_is_told_of(house: House):
    """There was no answer to send an id with."""
    door: Door = doors(house.server)["bika"]
    whole = door.post(door.form(door.named("left.txt")))
    with socket.create_connection(("127.0.0.1", house.server.port)) as connection:
        connection.sendall(whole[:-30])
        time.sleep(0.2)
    deadline = time.monotonic() + PATIENCE_SECONDS
    told: list[LoggedEvent] = []
    while not told and time.monotonic() < deadline:
        told = [event for event in house.newest(5) if event.bytes == 0 or event.error == "Malformed"]
        time.sleep(0.05)

    assert [(event.action, event.login, event.outcome, event.error) for event in told] == [
        (Action.UPLOAD, "ada", Outcome.REFUSED, "Malformed")
    ]


def test_what_is_no_access_is_not_told(house: House):
    """Whoever watches the health would fill the log."""
    answers = [house.nobody.get(path) for path in ("/healthz", "/docs", "/openapi.json")]
    assert [answer.status_code for answer in answers] == [200] * 3
    last = house.nobody.get("/nothing")
    house.events(last)

    ids = {event.request_id for event in house.newest()}

    assert all(answer.headers["x-request-id"] for answer in answers)
    assert not ids & {answer.headers["x-request-id"] for answer in answers}


def test_every_answer_has_an_id_of_its_own_making(house: House):
    """Whatever the client sends under that name."""
    sent = {"X-Request-Id": "mine" * 100}
    ids = [house.nobody.get(path, headers=sent).headers.get_list("x-request-id") for path in ("/healthz", "/x", BIKA)]

    assert all(len(each) == 1 and re.fullmatch("[0-9a-f]{32}", each[0]) for each in ids)
    assert len({each[0] for each in ids}) == len(ids)


# ── the table of routes ──────────────────────────────────────────────────────────────────────────────────────────

CELL = BIKA + "/v1/spaces/{space_id}/resources/databases/{database_id}/records/{record_id}/fields/{field}/attachments"
TOLD: Mapping[tuple[str, str], Action] = {
    ("POST", BIKA + "/v1/spaces/{space_id}/attachments"): Action.UPLOAD,
    ("POST", CELL): Action.UPLOAD,
    ("GET", BIKA + "/v1/spaces/{space_id}/attachments/{attachment_id}/download"): Action.READ,
    ("DELETE", BIKA + "/v1/spaces/{space_id}/attachments/{attachment_id}"): Action.DELETE,
    ("POST", BIKA + "/v1/spaces/{space_id}/attachments/{attachment_id}/restore"): Action.RESTORE,
    ("GET", BIKA + "/v1/spaces/{space_id}/attachments/{attachment_id}/log"): Action.LOG,
    ("POST", PIKA + "/upload/{door}"): Action.UPLOAD,
    ("DELETE", PIKA + "/upload/{id}"): Action.DELETE,
    ("POST", PIKA + "/upload/{id}/restore"): Action.RESTORE,
    ("GET", PIKA + "/upload/{id}/log"): Action.LOG,
    ("POST", PIKA + "/auth/login"): Action.SIGN_IN,
    ("POST", PIKA + "/auth/logout"): Action.SIGN_OUT,
    ("POST", PIKA + "/auth/sessions/revoke"): Action.SIGN_OUT,
    ("POST", "/wp-admin/authorize-application.php"): Action.SIGN_IN,
    ("GET", "/wp-content/uploads/{path:path}"): Action.READ,
    ("GET", "/files/{path:path}"): Action.READ,
}
"""What is more than looking at records and changing them. A new door is entered here, and in the tests above."""


def routed(app: Site) -> Iterator[tuple[str, str, Route]]:
    for mount in app.routes:
        if isinstance(mount, Mount) and isinstance(mount.app, Dialect):
            for route in mount.app.routes:
                assert isinstance(route, Route)
                [method] = (route.methods or set()) - {"HEAD"}
                yield method, mount.path + route.path, route


def test_every_route_of_every_dialect_tells_the_log_what_it_is_about():
    """No dialect has a route that the log does not hear of, or calls by another name than its method suggests."""
    told = {(method, path): route.app.action for method, path, route in routed(make_lonely_app())}  # type: ignore[attr-defined]

    assert None not in told.values()
    assert {key: action for key, action in told.items() if action not in (Action.VIEW, Action.CHANGE)} == TOLD
    assert {method for (method, _), action in told.items() if action is Action.VIEW} == {"GET"}
    assert "GET" not in {method for (method, _), action in told.items() if action is Action.CHANGE}


def test_a_form_for_a_cell_tells_of_each_file_and_of_each_tie(house: House):
    """What came in, what was put into the cell, and what was refused of the same request."""
    cell = f"{house.database}/records/{house.mine['record_id']}/fields/Files/attachments"
    answer = house.bika.post(cell, files=[("file", ("a.txt", b"fine")), ("file", ("sick.txt", eicar()))])
    item = answer.json()["data"]["files"][0]["attachment"]
    less = house.bika.patch(cell, json={"remove": [item["id"]]})

    brought, refused, tied = house.events(answer)
    [untied] = house.events(less)

    assert part(brought, action="upload", outcome="ok", status=200, error="", file_id=item["id"], bytes=4)
    assert part(refused, action="upload", outcome="refused", status=422, error="Infected", detail="sick.txt")
    assert part(tied, action="link", outcome="ok", file_id=item["id"], detail=house.mine["record_id"])
    assert part(untied, action="unlink", outcome="ok", file_id=item["id"], detail=house.mine["record_id"])


def test_a_download_by_token_is_a_read_of_the_file(house: House):
    item = house.uploaded()

    [event] = house.events(house.bika.get(f"{house.space}/attachments/{item['id']}/download"))

    assert part(event, action="read", outcome="ok", file_id=item["id"], login="ada", bytes=item["size"])


# ── the log of one file ──────────────────────────────────────────────────────────────────────────────────────────


def wait(house: House, answer: httpx.Response) -> None:
    """Until this answer, and so all before it, stands in the log."""
    house.events(answer)


def test_bika_lists_what_was_done_with_a_file(house: House):
    """Newest first, in pages; with what strangers tried."""
    item = house.uploaded()
    path = f"{house.space}/attachments/{item['id']}/log"
    house.nobody.get(item["url"], headers={"User-Agent": "reader\\"})
    wait(house, house.nobody.get(item["url"].replace("s=", "s=x")))

    first = house.bika.get(path, params={"pageSize": 2})
    body = first.json()["data"]
    rest = house.bika.get(path, params={"pageSize": 2, "offset": body["offset"]}).json()["data"]

    assert [(event["action"], event["outcome"], event["status"]) for event in body["events"]] == [
        ("read", "refused", 404),
        ("read", "ok", 200),
    ]
    assert body["hasMore"] is True
    assert (body["events"][0]["error"], body["events"][1]["userAgent"]) == ("Missing", r"reader\\")
    [brought] = rest["events"]
    assert (brought["action"], brought["user"]["name"], brought["address"]) == ("upload", "ada", "127.0.0.1")
    assert (rest["hasMore"], "offset" in rest) == (False, False)
    wait(house, first)
    assert house.bika.get(path).json()["data"]["events"][-1] == brought
    assert {event["action"] for event in house.bika.get(path).json()["data"]["events"]} == {"log", "read", "upload"}


def test_bika_keeps_the_log_from_strangers(house: House):
    """No such space, no such file; and a token that may not read."""
    item = house.uploaded()
    path = f"{house.space}/attachments/{item['id']}/log"
    theirs = path.replace(house.mine["space_id"], house.server.demo["bika_other"]["space_id"])

    assert house.nobody.get(path).status_code == 401
    assert house.stranger.get(path).status_code == 404
    assert house.stranger.get(theirs).status_code == 404
    assert house.bika.get(path.replace(item["id"], "attNobody")).status_code == 404
    assert [house.bika.get(path, params=bad).status_code for bad in ({"pageSize": "0"}, {"offset": "x"})] == [400, 400]


@on_sqlite
def test_bika_shows_the_log_to_owners_and_editors_only(house: House):
    """A viewer of the space knows the file, and not who reads it."""
    item = house.uploaded()
    path = f"{house.space}/attachments/{item['id']}/log"
    role_of_ada(house, "viewer")
    try:
        refused = house.bika.get(path)
        role_of_ada(house, "editor")
        shown = house.bika.get(path)
    finally:
        role_of_ada(house, "owner")

    assert (403, 200) == (refused.status_code, shown.status_code)


def role_of_ada(house: House, role: str) -> None:
    """Change her role in the shared space, from a process of its own."""
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        'c.execute("UPDATE members SET role = ? WHERE space_id = (SELECT id FROM spaces WHERE public_id = ?)",'
        "sys.argv[2:]); c.commit()"
    )
    arguments = [str(house.server.data / "holdall.sqlite3"), role, house.mine["space_id"]]
    subprocess.run([sys.executable, "-c", script, *arguments], check=True)


def test_pika_lists_what_was_done_with_a_file(house: House):
    """Flat, ids and sizes strings; for who uploaded it, and to nobody else."""
    avatar = house.avatar().json()
    path = f"{PIKA}/upload/{avatar['id']}/log"
    house.pika.get(avatar["url"])
    wait(house, house.other.get(avatar["url"]))

    first = house.pika.get(path, params={"limit": "2"}).json()
    rest = house.pika.get(path, params={"limit": "1", "before": first["next"]}).json()

    assert [(event["action"], event["outcome"], event["user"]) for event in first["events"]] == [
        ("read", "refused", "noor"),
        ("read", "ok", "mira"),
    ]
    assert [(event["action"], event["size"]) for event in rest["events"]] == [("upload", avatar["size"])]
    assert rest["next"] is None
    assert house.other.get(path).json()["code"] == "upload_not_found"
    assert house.nobody.get(path).status_code == 401
    assert house.pika.get(f"{PIKA}/upload/999999999999999999/log").json()["code"] == "upload_not_found"
    assert house.pika.get(f"{PIKA}/upload/x1/log").json()["code"] == "rest_no_route"
    bad = [{"limit": "0"}, {"limit": "x"}, {"limit": "501"}, {"before": "-1"}, {"before": "9" * 30}]
    assert [house.pika.get(path, params=each).json()["code"] for each in bad] == ["invalid_request"] * 5


# ── no secrets, no lines of a client's making ────────────────────────────────────────────────────────────────────


@on_sqlite
def test_no_secret_is_kept_anywhere(tmp_path: Path):
    """Tokens, cookies, device secrets, passwords tried and signatures: not in a log, not in any file of the folder."""
    with housing(tmp_path / "data") as house:
        token = house.mine["token"]
        cookie = house.server.demo["pika"][0]["cookie"]
        device = run_command(house.server.env, "token", "create", "--user", "mira", "--kind", "device").split()[1]
        item = house.uploaded()
        signature = item["url"].partition("&s=")[2]
        house.nobody.get(item["url"])
        house.nobody.get(item["url"] + "x")
        house.nobody.get(f"/files/{item['path']}/{signature}", params={"token": token})
        house.nobody.get(f"{BIKA}/v1/spaces/{token}", headers={"Authorization": f"Bearer {token}x"})
        house.nobody.get(f"{BIKA}/{token}")
        house.nobody.get(f"/{cookie}")
        house.nobody.post(f"{PIKA}/auth/login", json={"user_login": "mira", "password": device})
        house.nobody.post(f"{PIKA}/auth/login", json={"user_login": device, "password": "correct horse battery"})
        house.pika.get(f"{PIKA}/auth/me", params={"token": token})
        wait(house, house.bika.get(f"{house.space}/nodes"))
        told = run_command(house.server.env, "log", "--limit", "0") + run_command(
            house.server.env, "log", "--csv", "--limit", "0"
        )
        told += run_command(house.server.env, "log", "audit", "--json") + house.server.log()
        assert house.stop() == 0
        files = {path: path.read_bytes() for path in house.server.data.rglob("*") if path.is_file()}

    secrets = [token, cookie, device, signature, "correct horse battery"]
    assert len(files) > 5
    assert [secret for secret in secrets if secret in told] == []
    assert [(secret, path) for path, data in files.items() for secret in secrets if secret.encode() in data] == []


def test_no_client_writes_a_line_of_its_own(house: House):
    """CWE-117: an event is one line in each form, whatever the name and the agent hold."""
    evil = 'x"\n{"action":"upload"}\r\n2026-11-22 ok\u2028\x1b[2J\x85.exe'
    answer = house.upload(evil, b"MZ")
    lines = run_command(house.server.env, "log", "--limit", "1", "--outcome", "refused").splitlines()

    [event] = house.events(answer)

    assert event["detail"].isprintable()
    assert len(lines) == 1
    assert lines[0].isprintable()
    assert house.server.log().count("{") == len(house.server.log().splitlines())


def test_no_cell_of_the_table_is_a_formula(house: House):
    """CWE-1236, with the header first."""
    name = "=HYPERLINK(1).exe"
    answer = house.bika.post(
        f"{house.space}/attachments", files={"file": (name, b"MZ")}, headers={"User-Agent": "@SUM(1)"}
    )
    [event] = house.events(answer)

    head, row = run_command(house.server.env, "log", "--csv", "--limit", "1", "--outcome", "refused").splitlines()

    assert head.split(",")[0] == '"number"'
    assert (event["detail"], event["agent"]) == (name, "@SUM(1)")
    assert f'"\'{name}"' in row
    assert '"\'@SUM(1)"' in row
    assert not [cell for cell in row.strip('"').split('","') if cell.startswith(("=", "@", "+", "-"))]


def test_a_long_agent_is_cut(house: House):
    [event] = house.events(house.nobody.get("/nothing", headers={"User-Agent": "x" * 5000}))

    assert len(event["agent"]) == 200


# ── the command line ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_log_is_searched_by_every_option(house: House):
    """All of them together find the upload; with one of them changed they do not."""
    answer = house.upload()
    [event] = house.events(answer)
    yes = {
        "--since": "1h",
        "--until": "2099-01-01",
        "--user": "ada",
        "--space": house.mine["space_id"],
        "--file": answer.json()["data"][0]["id"],
        "--action": "upload",
        "--outcome": "ok",
        "--address": "127.0.0.1",
        "--before": str(event["number"] + 1),
    }
    no = {
        "--since": "2099-01-01T00:00",
        "--until": "1d",
        "--user": "grace",
        "--space": house.server.demo["bika_other"]["space_id"],
        "--file": house.uploaded()["id"],
        "--action": "read",
        "--outcome": "refused",
        "--address": "203.0.113.9",
        "--before": str(event["number"]),
    }

    def found(options: Mapping[str, str]) -> list[dict[str, Any]]:
        return house.log(*(word for pair in options.items() for word in pair))

    assert found(yes) == [event]
    assert [name for name in yes if found({**yes, name: no[name]})] == []


def test_pages_of_the_log_join(house: House):
    """All of it at once is what the pages come to."""
    wait(house, house.upload())
    whole = [event["number"] for event in house.log("--limit", "0")]
    first = [event["number"] for event in house.log("--limit", "3")]
    second = [event["number"] for event in house.log("--limit", "3", "--before", str(first[-1]))]

    assert whole == sorted(whole, reverse=True)
    assert first + second == whole[:6]


def test_the_log_is_followed(house: House):
    """Every event from then on, once and in order; what was there before is not told."""
    wait(house, house.nobody.get("/before"))
    told: Queue[str] = Queue()
    sent: list[str] = []
    with subprocess.Popen(
        command("log", "--follow", "--json"), env=house.server.env, stdout=subprocess.PIPE, text=True
    ) as process:
        reader = Thread(target=lambda: [told.put(line) for line in process.stdout or ()])
        reader.start()
        deadline = time.monotonic() + 3 * PATIENCE_SECONDS
        while told.qsize() < 5 and time.monotonic() < deadline:
            sent.append(house.nobody.get("/following").headers["x-request-id"])
            time.sleep(0.2)
        process.terminate()
        reader.join()
    seen = [json.loads(told.get())["request_id"] for _ in range(told.qsize())]

    assert len(seen) >= 5
    assert seen == sent[sent.index(seen[0]) :][: len(seen)]


# ── rotation, stop and crash ─────────────────────────────────────────────────────────────────────────────────────


def test_the_server_drops_what_is_too_much(tmp_path: Path):
    """The sweep at the start leaves the newest, and the audit log says that events went."""
    with housing(tmp_path / "data") as house:
        for _ in range(30):
            last = house.nobody.get("/nothing")
        wait(house, last)
        assert house.stop() == 0
    with housing(tmp_path / "data", HOLDALL_LOG_ROWS="10") as house:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(house.newest()) > 10 and time.monotonic() < deadline:
            time.sleep(0.1)

        assert len(house.newest()) == 10
        assert '"events":20' in run_command(house.server.env, "log", "audit")


def test_a_stop_leaves_no_event_behind(tmp_path: Path):
    """Those of the last half second are written before the end."""
    with housing(tmp_path / "data") as house:
        ids = [house.nobody.get("/nothing").headers["x-request-id"] for _ in range(50)]
        assert house.stop() == 0
        told = {event.request_id for event in house.newest()}

    assert set(ids) <= told


def test_a_kill_loses_the_last_moment_and_no_more(tmp_path: Path):
    """Events older than the time that they are gathered for are there; and the server starts again at once."""
    with housing(tmp_path / "data") as house:
        early = [house.nobody.get("/nothing").headers["x-request-id"] for _ in range(20)]
        wait(house, house.nobody.get("/nothing"))
        time.sleep(4 * GATHER_SECONDS)
        house.server.kill()
    with housing(tmp_path / "data") as house:
        told = {event.request_id for event in house.newest()}

    assert set(early) <= told


@on_sqlite
def test_an_answer_does_not_wait_for_the_log(tmp_path: Path):
    """While another process holds the database, what needs no writing is answered at once; the events come later."""
    with housing(tmp_path / "data") as house:
        item = house.uploaded()
        wait(house, house.nobody.get(item["url"]))
        holder = sqlite3.connect(house.server.data / "holdall.sqlite3", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        answers = [house.nobody.get(item["url"]) for _ in range(30)]
        time.sleep(2 * GATHER_SECONDS)
        answers += [house.nobody.get(item["url"]) for _ in range(30)]
        seconds = time.monotonic() - began - 2 * GATHER_SECONDS
        holder.execute("ROLLBACK")
        holder.close()

        assert {answer.status_code for answer in answers} == {200}
        assert seconds < 3
        wait(house, answers[-1])
        told = {event.request_id for event in house.newest()}
        assert {answer.headers["x-request-id"] for answer in answers} <= told


def test_a_raw_request_is_told_like_any_other(house: House):
    """With no agent at all."""
    answer = exchange(house.server, b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    [event] = house.events_of(str(answer.headers["x-request-id"]))

    assert part(event, agent="", action="unknown")
