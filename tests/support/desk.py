"""Bika's API in process, over SQLite: for tests that want many calls and no server."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from holdall.adapters.chance import RandomIds, SystemClock
from holdall.adapters.db import schema
from holdall.adapters.db.engine import Database, open_database
from holdall.app import Site, make_app
from holdall.dialects.bika import routes as bika_routes
from holdall.domain.access import Role, Scope, TokenKind
from holdall.flows.access_log import AccessRecorder
from holdall.flows.accounts import add_space, add_user, mint
from holdall.flows.variants import Variants
from holdall.web.edge import Edge
from holdall.web.links import Links
from holdall.web.receive import BodyLimits
from tests.support.databases import sqlite_url

SITE = "https://files.example.test"


@dataclass
class Desk:
    """A space with its owner, who asks."""

    services: Any
    work: Database
    app: Site
    space_id: str
    token: str

    @property
    def space(self) -> str:
        return f"/v1/spaces/{self.space_id}"

    def ask(self, method: str, path: str, json: Any = None, token: str | None = None, **headers: str) -> httpx.Response:
        """Call ``path`` below Bika's prefix."""

        async def story() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            sent = {"Authorization": f"Bearer {token or self.token}"}
            sent |= {name.replace("_", "-"): value for name, value in headers.items()}
            async with httpx.AsyncClient(transport=transport, base_url=SITE) as client:
                return await client.request(method, bika_routes.PREFIX + path, json=json, headers=sent)

        return asyncio.run(story())

    def good(self, method: str, path: str, json: Any = None) -> Any:
        """The data of a success."""
        answer = self.ask(method, path, json)
        assert answer.status_code == 200, answer.text[:1000]
        return answer.json()["data"]

    def bad(self, status: int, method: str, path: str, json: Any = None) -> Any:
        """The envelope of a refusal of this status."""
        answer = self.ask(method, path, json)
        assert answer.status_code == status, answer.text[:1000]
        body = answer.json()
        assert (body["success"], body["code"]) == (False, status)
        return body

    def database(self, name: str = "Things", fields: Sequence[Mapping[str, Any]] = (), **more: Any) -> "Desktop":
        """A new database; the fields come behind one of text called Name."""
        primary = {"name": "Name", "type": "SINGLE_TEXT"}
        new = {"type": "DATABASE", "name": name, "fields": [primary, *fields], **more}
        return Desktop(self, self.good("POST", f"{self.space}/nodes", new)["id"])

    def member(self, role: Role, login: str) -> str:
        """Somebody else of this role; their token."""

        async def story() -> str:
            user = await add_user(self.services, login)
            space_id = self.space_id

            def join(ledger: Any) -> None:
                space = ledger.spaces.named(space_id)
                ids = self.services.ids
                ledger.spaces.set_member(ids.public("mem"), space, user, role, self.services.clock.now())

            await self.work.write(join)
            return (await mint(self.services, TokenKind.BEARER, login, "test")).secret

        return asyncio.run(story())


@dataclass
class Desktop:
    """One database."""

    desk: Desk
    id: str

    @property
    def path(self) -> str:
        return f"{self.desk.space}/resources/databases/{self.id}"

    def fields(self) -> dict[str, dict[str, Any]]:
        """By name, in order."""
        return {field["name"]: field for field in self.desk.good("GET", f"{self.path}/fields")}

    def field(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}/fields/{self.fields()[name]['id']}"

    def add(self, **fields: Any) -> str:
        """A record; its id."""
        new = {"records": [{"fields": fields}]}
        made = self.desk.good("POST", f"{self.path.replace('/v1/', '/v2/')}/records", new)
        id: str = made["records"][0]["id"]
        return id

    def read(self, id: str) -> dict[str, Any]:
        """A record's fields by name."""
        fields: dict[str, Any] = self.desk.good("GET", f"{self.path.replace('/v1/', '/v2/')}/records/{id}")["fields"]
        return fields

    def history(self, id: str) -> list[dict[str, Any]]:
        """What was done to a record, newest first."""
        changes: list[dict[str, Any]] = self.desk.good("GET", f"{self.path}/records/{id}/history")["changes"]
        return changes


@contextmanager
def open_desk(folder: Path) -> Iterator[Desk]:
    """A new house with one space, whose owner asks."""
    url = sqlite_url(folder)
    schema.migrate(url)
    work = open_database(url)

    async def nothing(*_: Any) -> None:
        return None

    services: Any = SimpleNamespace(
        work=work,
        clock=SystemClock(),
        ids=RandomIds(),
        limiter=SimpleNamespace(spend=nothing, peek=nothing),
        operator="test",
        claim_ttl=timedelta(hours=1),
        delete_grace=timedelta(days=7),
    )
    pace = BodyLimits(max_file_bytes=1 << 20, max_body_bytes=1 << 20)
    edge = Edge(services, Links(SITE, b"secret", 3600), pace, 1 << 20, AccessRecorder(services), Variants(services))

    async def furnish() -> tuple[str, str]:
        await add_user(services, "ada")
        space = await add_space(services, "Space", "ada")
        return space.id, (await mint(services, TokenKind.BEARER, "ada", "test", frozenset(Scope))).secret

    space_id, token = asyncio.run(furnish())
    try:
        yield Desk(services, work, make_app(edge), space_id, token)
    finally:
        asyncio.run(work.close())
