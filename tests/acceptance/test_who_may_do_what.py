"""Who may do what: role × scope × every call of both dialects, in one table; and what strangers are told."""

import inspect
import itertools
import re
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.routing import Route

from holdall.dialects.bika import routes as bika_routes
from holdall.dialects.pika import cookie
from holdall.dialects.pika import routes as pika_routes
from holdall.domain.access import Actor, Role, Scope, TokenKind
from holdall.errors import Forbidden, Missing
from holdall.flows import record_history, record_writes, records, views
from holdall.flows.accounts import create_user, known_user, mint
from holdall.flows.members import add_member
from holdall.flows.record_writes import Order, RowChange
from holdall.flows.records import Place
from holdall.flows.session import session_number
from holdall.ports import Ledger, Services
from tests.support.images import png
from tests.support.pika import GROCERIES, LOOK
from tests.support.server import RunningServer, operate, run_command, running_server

SPACE = "/v1/spaces/{space}"
V1 = SPACE + "/resources/databases/{database}"
V2 = V1.replace("/v1/", "/v2/")
SCOPES = [frozenset({Scope.READ}), frozenset({Scope.WRITE}), frozenset(Scope)]
STRANGER = "stranger"
NEWCOMER = "newcomer"
WHO = [*Role, STRANGER]


@dataclass(frozen=True)
class Call:
    """One call, and what it takes to be let in."""

    method: str
    path: str
    scope: Scope | None
    """``None``: any good credential."""
    in_space: bool = False
    right: Scope | None = None
    """What the role has to allow, where that is more than ``scope``."""
    owners: bool = False
    """Whether it takes an owner of the space."""
    body: Mapping[str, Any] = field(default_factory=dict)
    good: int = 200
    """What it answers to those whom it lets in."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def send(self, http: httpx.Client, headers: Mapping[str, str], **ids: str) -> httpx.Response:
        return http.request(self.method, self.path.format(**ids), headers=headers, **filled(self.body, ids))


def filled(body: Any, ids: Mapping[str, str]) -> Any:
    """The body with its ids; a record is named in many a body."""
    if isinstance(body, str) and body.startswith("{"):
        return body.format(**ids)
    if isinstance(body, Mapping):
        return {key: filled(value, ids) for key, value in body.items()}
    return [filled(each, ids) for each in body] if isinstance(body, list) else body


CELL = V1 + "/records/{record}/fields/Images/attachments"
FILE = {"files": {"file": ("a.png", png(7, 5))}}
NAMED = {"id": "{record}", "fields": {"Name": "x"}}
COUNT = itertools.count()
READ, WRITE = Scope.READ, Scope.WRITE
DRY = {"json": {"dryRun": True}}
SHAPING = (
    Call("POST", SPACE + "/nodes", WRITE, body={"json": {"type": "FOLDER", "name": "x"}}),
    Call("PATCH", SPACE + "/nodes/{database}", WRITE, body={"json": {"description": "x"}}),
    Call("DELETE", SPACE + "/nodes/{database}", WRITE, body=DRY),
    Call("POST", SPACE + "/nodes/{database}/restore", WRITE),
    Call("POST", V1 + "/fields", WRITE, body={"json": {"type": "URL", "name": "{goner}"}}),
    Call("PATCH", V1 + "/fields/{field}", WRITE, body={"json": {"description": "x"}}),
    Call("DELETE", V1 + "/fields/{field}", WRITE, body=DRY),
    Call("POST", V1 + "/views", WRITE, body={"json": {"name": "{goner}"}}),
    Call("PATCH", V1 + "/views/{view}", WRITE, body={"json": {"description": "x"}}),
    Call("DELETE", V1 + "/views/{seen}", WRITE),
)
BIKA = (
    *(replace(call, in_space=True, owners=True) for call in SHAPING),
    Call("GET", "/v1/system/meta", READ),
    Call("GET", "/v1/user/profile", READ),
    Call("GET", "/v1/spaces", READ),
    Call("GET", SPACE, READ, in_space=True),
    Call("GET", SPACE + "/nodes", READ, in_space=True),
    Call("GET", SPACE + "/nodes/{database}", READ, in_space=True),
    Call("GET", SPACE + "/resources/automation/{database}/triggers", READ, in_space=True),
    Call("GET", "/v1/automations/{database}/triggers", READ, in_space=True),
    Call("GET", SPACE + "/embed-links", READ, in_space=True),
    Call("GET", SPACE + "/roles", READ, in_space=True),
    Call("GET", SPACE + "/members", READ, in_space=True),
    Call(
        "POST",
        SPACE + "/members",
        WRITE,
        in_space=True,
        owners=True,
        body={"json": {"login": "{newcomer}", "role": "viewer"}},
    ),
    Call("PATCH", SPACE + "/members/{member}", WRITE, in_space=True, owners=True, body={"json": {"role": "viewer"}}),
    Call("DELETE", SPACE + "/members/{leaver}", WRITE, in_space=True, owners=True),
    Call("POST", SPACE + "/attachments", WRITE, in_space=True, body=FILE),
    Call("GET", SPACE + "/attachments", READ, in_space=True),
    Call("GET", SPACE + "/attachments/{attachment}", READ, in_space=True),
    Call("GET", SPACE + "/attachments/{attachment}/content", READ, in_space=True, good=307),
    Call("GET", SPACE + "/attachments/{attachment}/download", READ, in_space=True),
    Call("PATCH", SPACE + "/attachments/{attachment}", WRITE, in_space=True, body={"json": {"name": "b.png"}}),
    Call("DELETE", SPACE + "/attachments/{doomed}", WRITE, in_space=True),
    Call("POST", SPACE + "/attachments/{doomed}/restore", WRITE, in_space=True),
    Call("GET", SPACE + "/attachments/{attachment}/log", READ, in_space=True, right=WRITE),
    Call("POST", SPACE + "/outgoing-webhooks", WRITE, in_space=True, body={"json": {"url": "https://192.0.43.7/"}}),
    Call("GET", SPACE + "/outgoing-webhooks", READ, in_space=True, right=WRITE),
    Call("GET", SPACE + "/outgoing-webhooks/{webhook}", READ, in_space=True, right=WRITE),
    Call("PATCH", SPACE + "/outgoing-webhooks/{webhook}", WRITE, in_space=True, body={"json": {"name": "x"}}),
    Call("DELETE", SPACE + "/outgoing-webhooks/{mute}", WRITE, in_space=True),
    Call("GET", SPACE + "/outgoing-webhooks/{webhook}/deliveries", READ, in_space=True, right=WRITE),
    Call("POST", SPACE + "/outgoing-webhooks/{webhook}/deliveries/{delivery}/replay", WRITE, in_space=True),
    Call("GET", V1, READ, in_space=True),
    Call("GET", V1 + "/fields", READ, in_space=True),
    Call("GET", V1 + "/views", READ, in_space=True),
    Call("GET", V1 + "/views/{view}", READ, in_space=True),
    Call("GET", V1 + "/records", READ, in_space=True),
    Call("POST", V1 + "/records", WRITE, in_space=True, body={"json": {"cells": {"Name": "x"}}}),
    Call("PATCH", V1 + "/records", WRITE, in_space=True, body={"json": {"id": "{record}", "cells": {"Name": "x"}}}),
    Call("GET", V1 + "/records/{record}", READ, in_space=True),
    Call("GET", V1 + "/records/{record}/history", READ, in_space=True),
    Call("GET", CELL, READ, in_space=True),
    Call("PATCH", CELL, WRITE, in_space=True, body={"json": {"append": [{"id": "{attachment}"}]}}),
    Call("POST", CELL, WRITE, in_space=True, body=FILE),
    Call("DELETE", V1 + "/records/{goner}", WRITE, in_space=True),
    Call("PATCH", V1 + "/records/{record}", WRITE, in_space=True, body={"json": {"cells": {"Name": "x"}}}),
    Call("PUT", V1 + "/records/{record}", WRITE, in_space=True, body={"json": {"cells": {"Name": "x"}}}),
    Call("GET", V2 + "/records", READ, in_space=True),
    Call("POST", V2 + "/records", WRITE, in_space=True, body={"json": {"records": [{"fields": {"Name": "x"}}]}}),
    Call("PUT", V2 + "/records", WRITE, in_space=True, body={"json": {"records": [NAMED]}}),
    Call("PATCH", V2 + "/records", WRITE, in_space=True, body={"json": {"records": [NAMED]}}),
    Call("DELETE", V2 + "/records", WRITE, in_space=True, body={"json": {"recordIds": ["{goner}"]}}),
    Call("GET", V2 + "/records/{record}", READ, in_space=True),
    Call("DELETE", V2 + "/records/{goner}", WRITE, in_space=True),
    Call("PUT", V2 + "/records/{record}", WRITE, in_space=True, body={"json": {"fields": {"Name": "x"}}}),
)
PIKA_FORM = {**FILE, "data": {"entityType": "person"}}
PIKA = (
    Call("GET", "/wp-json/pika/v1/auth/me", READ),
    Call("POST", "/wp-json/pika/v1/upload/avatar", WRITE, body=PIKA_FORM),
    Call("GET", "{file}", READ),
    Call("GET", "/wp-json/pika/v1/upload", READ),
    Call("GET", "/wp-json/pika/v1/upload/{upload}", READ),
    Call("GET", "/wp-json/pika/v1/upload/{upload}/link", READ),
    Call("DELETE", "/wp-json/pika/v1/upload/{upload}", WRITE),
    Call("POST", "/wp-json/pika/v1/upload/{upload}/restore", WRITE),
    Call("GET", "/wp-json/pika/v1/upload/{upload}/log", READ),
    Call("GET", "/wp-json/pika/v1/settings", READ),
    Call("PUT", "/wp-json/pika/v1/settings", WRITE, body={"json": {"currency": "EUR"}}),
    Call("GET", "/wp-json/pika/v1/app/info", None),
    Call("GET", "/wp-json/pika/v1/app/lists", READ),
    *(Call("GET", f"/wp-json/pika/v1/push/{what}", READ) for what in ("status", "vapid-key", "notifications")),
    *(Call(method, "/wp-json/pika/v1/push/notifications/7", WRITE, good=404) for method in ("PUT", "DELETE")),
    *(
        Call("POST", f"/wp-json/pika/v1/{what}", WRITE, good=400)
        for what in (
            *(f"push/{word}" for word in ("subscribe", "unsubscribe", "enable", "disable")),
            *(f"ai/{word}-to-transaction" for word in ("text", "receipt")),
        )
    ),
    *(
        Call("GET", f"/wp-json/pika/v1/analytics/{what}", READ)
        for what in (
            "weekly-expenses",
            "monthly-summary",
            "daily-summaries",
            "monthly-category-spending",
            "monthly-tag-activity",
            "monthly-person-activity",
        )
    ),
    Call(
        "GET", "/wp-json/pika/v1/analytics/person-transaction-summary", READ, body={"params": {"personId": "{person}"}}
    ),
    Call("GET", "/wp-json/pika/v1/auth/sessions", READ),
    Call("POST", "/wp-json/pika/v1/auth/sessions/revoke", WRITE, body={"json": {"uuid": "{session}"}}),
    Call("POST", "/wp-json/pika/v1/auth/logout", None),
    *(
        each
        for things, name, form in (
            ("people", "person", {"name": "{fresh}"}),
            ("accounts", "account", {"name": "{fresh}"}),
            ("transactions", "transaction", {**GROCERIES, "accountId": "{used}"}),
            ("categories", "category", {"name": "{fresh}", "type": "expense", **LOOK}),
            ("tags", "tag", {"name": "{fresh}", **LOOK}),
        )
        for each in (
            Call("GET", f"/wp-json/pika/v1/{things}", READ),
            Call("POST", f"/wp-json/pika/v1/{things}", WRITE, body={"json": form}),
            Call("GET", f"/wp-json/pika/v1/{things}/{{{name}}}", READ),
            Call("PUT", f"/wp-json/pika/v1/{things}/{{{name}}}", WRITE, body={"json": form}),
            Call("DELETE", f"/wp-json/pika/v1/{things}/{{{name}}}", WRITE),
        )
    ),
)
LOGIN = ("POST", "/auth/login")
"""Takes no credential but the one in its body."""


@dataclass(frozen=True)
class Cast:
    """A space with members of every role, and a stranger, each with a token of every combination of scopes."""

    server: RunningServer
    bika: httpx.Client
    site: httpx.Client
    ids: Mapping[str, str]
    tokens: Mapping[tuple[str, frozenset[Scope]], str]

    def headers(self, who: str, scopes: frozenset[Scope]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who, scopes]}"}


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    with running_server(tmp_path_factory.mktemp("cast") / "data", HOLDALL_WEBHOOK_ALLOW="127.0.0.1/32") as server:
        demo = server.demo["bika"]
        ids = {"space": demo["space_id"], "database": demo["database_id"], "record": demo["record_id"]}

        async def admit(services: Services) -> dict[tuple[str, frozenset[Scope]], str]:
            logins = {who: f"{who}-of-it" for who in WHO}
            for login in (*logins.values(), NEWCOMER, "changing"):
                await services.work.write(lambda ledger, login=login: create_user(services, ledger, login, "", login))
            for role in Role:
                await add_member(services, ids["space"], logins[role], role)
            return {
                (who, scopes): (await mint(services, TokenKind.BEARER, logins[who], "test", scopes)).secret
                for who, scopes in product(WHO, SCOPES)
            }

        tokens = operate(server, admit)
        with (
            httpx.Client(base_url=f"{server.base_url}{bika_routes.PREFIX}", timeout=30) as bika,
            httpx.Client(base_url=server.base_url, timeout=30) as site,
        ):
            cast = Cast(server, bika, site, ids, tokens)
            owner = cast.headers(Role.OWNER, frozenset(Scope))
            for name in ("attachment", "doomed"):
                [item] = bika.post(SPACE.format(**ids) + "/attachments", headers=owner, **FILE).json()["data"]
                ids[name] = item["id"]
            [shown] = bika.get(V1.format(**ids) + "/views", headers=owner).json()["data"]
            ids["view"] = shown["id"]
            ids |= {"newcomer": NEWCOMER, "leaver": seat(cast, NEWCOMER), "member": seat(cast, "changing")}
            ids["field"] = a_field(cast, owner, ids)
            ids["webhook"] = make_webhook(cast, "webhook-of-the-space")
            ids["goner"] = make_record(cast)
            path = f"{SPACE.format(**ids)}/outgoing-webhooks/{ids['webhook']}/deliveries"
            ids["delivery"] = bika.get(path, headers=owner).json()["data"]["deliveries"][0]["id"]
            ids["mute"], ids["seen"] = make_webhook(cast, "mute"), make_view(cast)
            yield cast


def a_field(cast: Cast, headers: Mapping[str, str], ids: Mapping[str, str]) -> str:
    """The id of a field that is not the primary one."""
    fields = cast.bika.get(V1.format(**ids) + "/fields", headers=headers).json()["data"]
    return next(str(field["id"]) for field in fields if not field["primary"])


def make_webhook(cast: Cast, name: str) -> str:
    """One more webhook of the space, of records that are deleted; nobody is told, for nobody listens."""
    owner = cast.headers(Role.OWNER, frozenset(Scope))
    wanted = {"name": name, "url": "http://127.0.0.1:9/", "events": ["ON_RECORD_CREATED"]}
    answer = cast.bika.post(SPACE.format(**cast.ids) + "/outgoing-webhooks", headers=owner, json=wanted)
    id: str = answer.json()["data"]["id"]
    return id


def make_view(cast: Cast) -> str:
    """One more view of the database, to be deleted."""
    owner = cast.headers(Role.OWNER, frozenset(Scope))
    name = {"name": f"View {next(COUNT)}"}
    answer = cast.bika.post(V1.format(**cast.ids) + "/views", headers=owner, json=name)
    id: str = answer.json()["data"]["id"]
    return id


def make_record(cast: Cast) -> str:
    """One more record of the space, to be deleted."""
    owner = cast.headers(Role.OWNER, frozenset(Scope))
    path = V1.format(**cast.ids) + "/records"
    id: str = cast.bika.post(path, headers=owner, json={"cells": {}}).json()["data"]["id"]
    return id


def routed(application: Any) -> set[tuple[str, str]]:
    """Every route, with its parameters' names struck out."""
    return {
        (method, re.sub(r"{[^}]*}", "{}", route.path))
        for route in application.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }


def test_the_table_has_every_call_of_both_dialects():
    """A new route has to say here who may call it."""
    bika = {(call.method, re.sub(r"{[^}]*}", "{}", call.path)) for call in BIKA}
    bika = {(method, path.replace("/Images/", "/{}/")) for method, path in bika}
    pika = {(call.method, call.path.removeprefix(pika_routes.PREFIX)) for call in PIKA}
    assert bika == routed(bika_routes.bika())
    pika = {(method, re.sub(r"avatar|{(?!file)[^}]*}|(?<=notifications/)7", "{}", path)) for method, path in pika}
    assert pika == {
        *(routed(pika_routes.pika()) - {LOGIN}),
        ("GET", "{file}"),
    }


def expected(call: Call, who: str, scopes: frozenset[Scope]) -> int:
    """The rule, said once more: the scope first, then whether one may know of the space, then the role."""
    if call.scope not in scopes:
        return 403
    if call.in_space and who == STRANGER:
        return 404
    if call.owners and who != Role.OWNER:
        return 403
    return 403 if call.in_space and who == Role.VIEWER and WRITE in (call.scope, call.right) else call.good


@pytest.mark.parametrize("call", BIKA, ids=str)
def test_role_and_scope_decide_every_bika_call(cast: Cast, call: Call):
    """Twelve callers a call; what is refused changes nothing."""
    for who, scopes in product(WHO, SCOPES):
        ids = {**cast.ids, "goner": make_record(cast)} if "{goner}" in f"{call} {call.body}" else cast.ids
        ids = renewed(cast, call, ids)
        ids = {**ids, "mute": make_webhook(cast, "mute")} if "{mute}" in call.path else ids
        ids = {**ids, "seen": make_view(cast)} if "{seen}" in call.path else ids
        before = records_of(cast), seats(cast)
        answer = call.send(cast.bika, cast.headers(who, scopes), **ids)
        wanted = expected(call, who, scopes)
        assert answer.status_code == wanted, (who, sorted(scopes), answer.text)
        assert wanted == call.good or answer.json()["success"] is False
        assert wanted == call.good or (records_of(cast), seats(cast)) == before


def seats(cast: Cast) -> dict[str, str]:
    """Who belongs to the space, as its owner sees it: member ids by name."""
    owner = cast.headers(Role.OWNER, frozenset(Scope))
    members = cast.bika.get(SPACE.format(**cast.ids) + "/members", headers=owner).json()["data"]
    return {member["name"]: member["id"] for member in members}


def seat(cast: Cast, login: str) -> str:
    """The member id of this user, who belongs to the space from now on."""
    owner = cast.headers(Role.OWNER, frozenset(Scope))
    cast.bika.post(SPACE.format(**cast.ids) + "/members", headers=owner, json={"login": login})
    return seats(cast)[login]


def unseat(cast: Cast, login: str) -> None:
    owner = cast.headers(Role.OWNER, frozenset(Scope))
    cast.bika.delete(SPACE.format(**cast.ids) + f"/members/{seat(cast, login)}", headers=owner)


def renewed(cast: Cast, call: Call, ids: Mapping[str, str]) -> Mapping[str, str]:
    """A user who belongs to the space not yet, and a member who does no longer after the call."""
    if "{newcomer}" in str(call.body):
        unseat(cast, NEWCOMER)
        return ids
    return {**ids, "leaver": seat(cast, NEWCOMER)} if "{leaver}" in call.path else ids


def records_of(cast: Cast) -> Any:
    """What the space's records are, as its owner sees them."""
    owner = cast.headers(Role.OWNER, frozenset(Scope))
    path = V1.format(**cast.ids) + "/records"
    return cast.bika.get(path, headers=owner, params={"pageSize": 1000}).json()["data"]["records"]


@pytest.mark.parametrize("scopes", SCOPES, ids=lambda scopes: "+".join(sorted(scopes)))
@pytest.mark.parametrize("call", PIKA, ids=str)
def test_scope_decides_every_pika_call(cast: Cast, call: Call, scopes: frozenset[Scope]):
    """A person is alone in their own space; what the credential may do is what counts."""
    file, upload = upload_avatar(cast, own_cookie(cast.server))
    minted = operate(cast.server, lambda services: mint(services, TokenKind.DEVICE, "mira", "test", scopes))
    ids = {"file": file, "upload": upload, "session": str(session_number(minted.token))}
    books = make_books(cast, own_cookie(cast.server)) if "{" in f"{call.path}{call.body}" else {}
    answer = call.send(cast.site, cookie_of("mira", minted.secret), **ids, **books)
    assert answer.status_code == (call.good if call.scope is None or call.scope in scopes else 403)


def own_cookie(server: RunningServer) -> dict[str, str]:
    return {"Cookie": f"{cookie.NAME}={server.demo['pika'][0]['cookie']}"}


def cookie_of(login: str, secret: str) -> dict[str, str]:
    return {"Cookie": f"{cookie.NAME}={cookie.value_of(cookie.Credential(login, secret))}"}


def upload_avatar(cast: Cast, headers: Mapping[str, str]) -> tuple[str, str]:
    """The path and the id of a new file of theirs."""
    uploaded = cast.site.post("/wp-json/pika/v1/upload/avatar", headers=headers, **PIKA_FORM).json()
    return str(uploaded["url"]).removeprefix(cast.server.base_url), str(uploaded["id"])


def make_books(cast: Cast, headers: Mapping[str, str]) -> dict[str, str]:
    """Ids of what is new in their books, one of each, and of an account that has a transaction."""

    def make(things: str, **form: Any) -> str:
        path = f"/wp-json/pika/v1/{things}"
        return str(cast.site.post(path, headers=headers, json={"name": uuid4().hex, **form}).json()["id"])

    used = make("accounts")
    return {
        "person": make("people"),
        "account": make("accounts"),
        "transaction": make("transactions", **GROCERIES, accountId=used),
        "category": make("categories", type="expense", **LOOK),
        "tag": make("tags", **LOOK),
        "used": used,
        "fresh": uuid4().hex,
    }


# ── what strangers are told ──────────────────────────────────────────────────────────────────────────────────────


def made_up(id: str) -> str:
    """An id of the same shape that nobody has."""
    return id[:3] + id[3:][::-1]


CHANCE = {"date", "content-length", "connection", "x-request-id"}
"""The connection is closed where the answer overtakes the body."""


def told(answer: httpx.Response, *ids: str) -> tuple[int, str, list[str]]:
    """All that an answer says, with the ids that were asked for struck out."""
    text = answer.text
    for id in ids:
        text = text.replace(id, "?")
    return answer.status_code, text, sorted(set(answer.headers) - CHANCE)


@pytest.mark.parametrize("call", [call for call in BIKA if call.in_space], ids=str)
@pytest.mark.parametrize("scopes", SCOPES, ids=lambda scopes: "+".join(sorted(scopes)))
def test_a_stranger_learns_nothing_from_bika(cast: Cast, call: Call, scopes: frozenset[Scope]):
    """The same answer for a space that is there and for one that is not."""
    headers = cast.headers(STRANGER, scopes)
    unreal = {name: made_up(id) for name, id in cast.ids.items()}
    real = call.send(cast.bika, headers, **cast.ids)
    assert told(real, *cast.ids.values()) == told(call.send(cast.bika, headers, **unreal), *unreal.values())


@pytest.mark.parametrize(
    "call", [call for call in BIKA if set(re.findall("{[^}]*}", call.path)) - {"{space}"}], ids=str
)
def test_another_tenants_things_do_not_exist_in_ones_own_space(cast: Cast, call: Call):
    """A database, a record, a file or a member of another space, named below one's own, is one that is not there."""
    other = cast.server.demo["bika_other"]
    headers = {"Authorization": f"Bearer {other['token']}"}
    own = {"space": other["space_id"], "database": other["database_id"], "record": other["record_id"]}
    own |= {"goner": own["record"], **{name: cast.ids[name] for name in ("attachment", "webhook", "delivery")}}
    own["view"] = own["seen"] = cast.bika.get(V1.format(**own) + "/views", headers=headers).json()["data"][0]["id"]
    own["field"] = a_field(cast, headers, own)
    for name in re.findall("{([^}]*)}", call.path):
        if name != "space":
            foreign, unreal = own | {name: cast.ids[name]}, own | {name: made_up(cast.ids[name])}
            answer = call.send(cast.bika, headers, **foreign)
            assert answer.status_code == 404
            assert told(answer, foreign[name]) == told(call.send(cast.bika, headers, **unreal), unreal[name])


def test_another_tenants_attachment_cannot_be_linked_nor_told_from_none(cast: Cast):
    """The same refusal for a real one and a made-up one."""
    owner = cast.headers(Role.OWNER, frozenset(Scope))
    [item] = cast.bika.post(SPACE.format(**cast.ids) + "/attachments", headers=owner, **FILE).json()["data"]
    other = cast.server.demo["bika_other"]
    headers = {"Authorization": f"Bearer {other['token']}"}
    path = V1.format(space=other["space_id"], database=other["database_id"]) + f"/records/{other['record_id']}"
    real, unreal = (
        told(cast.bika.patch(path, headers=headers, json={"cells": {"Images": [{"id": id}]}}), id)
        for id in (item["id"], made_up(item["id"]))
    )
    assert real[0] == 400
    assert real == unreal


def test_another_persons_file_cannot_be_told_from_none(cast: Cast):
    """By status, words, headers, nor by time: medians of sixty turns each, taken in turn."""
    file, _ = upload_avatar(cast, own_cookie(cast.server))
    unreal = re.sub("[0-9a-f]{32}", "0" * 32, file)
    headers = {"Cookie": f"{cookie.NAME}={cast.server.demo['pika'][1]['cookie']}"}

    seconds: dict[str, list[float]] = {file: [], unreal: []}
    for _ in range(60):
        for path, times in seconds.items():
            began = time.perf_counter()
            answer = cast.site.get(path, headers=headers)
            times.append(time.perf_counter() - began)
            assert (404, "upload_not_found") == (answer.status_code, answer.json()["code"])

    assert told(cast.site.get(file, headers=headers)) == told(cast.site.get(unreal, headers=headers))
    real, none = (statistics.median(times) for times in seconds.values())
    assert abs(real - none) < 0.5 * max(real, none)


def test_without_a_credential_every_real_thing_is_as_unknown_as_a_made_up_one(cast: Cast):
    """401 for both."""
    for call in BIKA:
        real, unreal = (
            call.send(cast.bika, {}, **ids) for ids in (cast.ids, {name: made_up(id) for name, id in cast.ids.items()})
        )
        assert real.status_code == 401
        assert told(real, *cast.ids.values()) == told(unreal)


# ── change of heart ──────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_is_let_go_is_refused_with_the_next_request(cast: Cast):
    """Over a connection that stays open, with the same token; a demotion too."""
    server, space = cast.server, cast.ids["space"]
    run_command(server.env, "user", "add", "leaver")
    _, secret = run_command(server.env, "token", "create", "--user", "leaver").split()
    headers = {"Authorization": f"Bearer {secret}"}
    record = V1.format(**cast.ids) + "/records/" + cast.ids["record"]

    def may() -> tuple[int, int]:
        written = cast.bika.patch(record, headers=headers, json={"cells": {"Name": "x"}}).status_code
        return cast.bika.get(SPACE.format(**cast.ids), headers=headers).status_code, written

    assert may() == (404, 404)
    run_command(server.env, "space", "member", "add", space, "leaver")
    assert may() == (200, 200)
    run_command(server.env, "space", "member", "add", space, "LEAVER", "--role", "viewer")
    assert may() == (200, 403)
    run_command(server.env, "space", "member", "remove", space, "leaver")
    assert may() == (404, 404)


async def find_a_view(services: Services, actor: Actor, place: Place) -> None:
    """One that there is, told by an operator."""

    def first(ledger: Ledger) -> str:
        space = ledger.spaces.named(place.space_id)
        assert space is not None
        database = ledger.spaces.find_database(place.database_id, space)
        assert database is not None
        return ledger.views.of(database.node)[0].id

    await views.find_view(services, actor, place, await services.work.read(first))


STORIES: Mapping[str, tuple[Scope, Callable[[Services, Actor, Place, str], Awaitable[Any]]]] = {
    "list_spaces": (READ, lambda services, actor, _place, _id: records.list_spaces(services, actor)),
    "find_space": (READ, lambda services, actor, place, _id: records.find_space(services, actor, place.space_id)),
    "find_node": (
        READ,
        lambda services, actor, place, _id: records.find_node(services, actor, place.database_id, place.space_id),
    ),
    "list_nodes": (READ, lambda services, actor, place, _id: records.list_nodes(services, actor, place.space_id)),
    "find_database": (READ, lambda services, actor, place, _id: records.find_database(services, actor, place)),
    "find_record": (READ, records.find_record),
    "find_view": (READ, lambda services, actor, place, _id: find_a_view(services, actor, place)),
    "list_views": (READ, lambda services, actor, place, _id: views.list_views(services, actor, place)),
    "list_records": (
        READ,
        lambda services, actor, place, _id: records.list_records(services, actor, place, limit=1, counted=False),
    ),
    "record_history": (
        READ,
        lambda services, actor, place, id: record_history.record_history(services, actor, place, id, limit=1),
    ),
    "create_records": (
        WRITE,
        lambda services, actor, place, _id: record_writes.create_records(services, Order(actor, place), [{}]),
    ),
    "update_records": (
        WRITE,
        lambda services, actor, place, id: record_writes.update_records(
            services, Order(actor, place), [RowChange(id, {"Name": "x"})]
        ),
    ),
    "delete_records": (
        WRITE,
        lambda services, actor, place, _id: record_writes.delete_records(services, Order(actor, place), []),
    ),
}


def test_the_table_has_every_story_of_records():
    """A new story has to say here what it asks for."""
    told = {
        name
        for module in (records, record_history, record_writes, views)
        for name, value in vars(module).items()
        if inspect.iscoroutinefunction(value)
    }
    assert told == set(STORIES)


@pytest.mark.parametrize("name", STORIES)
def test_the_stories_ask_for_themselves_whatever_the_door_did(cast: Cast, name: str):
    """In the very transaction that reads or changes: nobody comes in by a door that forgot to ask."""
    scope, story = STORIES[name]
    place = Place(cast.ids["space"], cast.ids["database"])

    async def tell(services: Services, who: str, scopes: frozenset[Scope]) -> int:
        user = await services.work.read(lambda ledger: known_user(ledger, f"{who}-of-it"))
        try:
            await story(services, Actor(user, "", scopes), place, cast.ids["record"])
        except Forbidden:
            return 403
        except Missing:
            return 404
        return 200

    async def tell_all(services: Services) -> dict[tuple[str, frozenset[Scope]], int]:
        return {(who, scopes): await tell(services, who, scopes) for who, scopes in product(WHO, SCOPES)}

    call = Call("", "", scope, in_space=name != "list_spaces")
    assert operate(cast.server, tell_all) == {
        (who, scopes): expected(call, who, scopes) for who, scopes in product(WHO, SCOPES)
    }
