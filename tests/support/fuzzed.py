"""An installation to be called without care, from what the OpenAPI documents say; and what holds of every answer."""

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import schemathesis
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from holdall.dialects.bika import openapi as bika_openapi
from holdall.dialects.bika import routes as bika
from holdall.dialects.pika import openapi as pika_openapi
from holdall.dialects.pika.wire import PREFIX
from holdall.web.openapi import describe
from tests.support.images import png
from tests.support.inprocess import SITE, House, opened_house
from tests.support.pika import GROCERIES

EXAMPLES = int(os.environ.get("HOLDALL_FUZZ_EXAMPLES", "0"))
"""For each operation; 0: few, and the same every time."""
DESCRIBED = {"bika": bika_openapi.describe, "pika": pika_openapi.describe}
HELD = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]


_SPACE = "/v1/spaces/{space_id}"
_DATABASE = _SPACE + "/resources/databases/{database_id}"
FRESH: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "record_id": (_DATABASE + "/records", {"cells": {"Name": "Fuzzed"}}),
    "field_id": (_DATABASE + "/fields", {"type": "NUMBER"}),
    "node_id": (_SPACE + "/nodes", {"type": "FOLDER", "name": "Fuzzed"}),
    "view_id": (_DATABASE + "/views", {}),
    "webhook_id": (_SPACE + "/outgoing-webhooks", {"name": "Fuzzed", "url": "https://192.0.43.7/"}),
}
"""What is made anew for each request that names it, since it may take it away."""
COUNT = itertools.count()
MANY = 10
"""Of what walks take away."""


@dataclass(frozen=True)
class Fuzzed:
    """An installation to be called without care, and what there is in it."""

    house: House
    ids: Mapping[str, str]

    def credential(self, dialect: str) -> dict[str, str]:
        if dialect == "bika":
            return {"Authorization": f"Bearer {self.house.demo['bika']['token']}"}
        return {"Cookie": f"pika_token={self.house.demo['pika'][0]['cookie']}"}

    def ask(self, method: str, path: str, **more: Any) -> Any:
        path = bika.PREFIX + path.format(**self.ids)
        return self.house.request(method, path, headers=self.credential("bika"), **more).json()["data"]

    def keep_books(self) -> None:
        """Somebody, an account, and a transaction between them, in Pika's books."""
        headers = self.credential("pika")

        def make(things: str, **form: Any) -> str:
            path = f"{PREFIX}/{things}"
            return str(self.house.request("POST", path, headers=headers, json=form).json()["id"])

        account, person = make("accounts", name=f"Account {next(COUNT)}"), make("people", name=f"Person {next(COUNT)}")
        make("transactions", **GROCERIES, accountId=account, personId=person)
        make("accounts", name=f"Account {next(COUNT)}")
        make("people", name=f"A person {next(COUNT)}")

    def send(self, case: Any, dialect: str) -> Any:
        """The answer to a call that was made up."""
        sent = case.as_transport_kwargs(base_url=SITE, headers=self.credential(dialect))
        request = requests.Request(**sent).prepare()
        return self.house.request(
            str(request.method), str(request.url), headers=raw(request.headers), content=request.body
        )

    def real(self, name: str) -> str | None:
        """The id of something that is there, also where an example before took it away."""
        if name not in FRESH:
            return self.ids.get(name)
        path, body = FRESH[name]
        if name in ("webhook_id", "view_id"):  # of which there are only so many
            for other in self.ask("GET", path):
                self.ask("DELETE", f"{path}/{other['id']}")
        if name in ("field_id", "view_id"):  # of which there are no two of one name
            body = {**body, "name": f"Fuzzed {next(COUNT)}"}
        return str(self.ask("POST", path, json=body)["id"])


@contextmanager
def opened_to_all(data: Path) -> Iterator[Fuzzed]:
    """A new installation, with one of everything."""
    with opened_house(data) as house:
        demo = house.demo["bika"]
        ids = {"space_id": demo["space_id"], "database_id": demo["database_id"], "field": "Images"}
        made = Fuzzed(house, ids)
        [item] = made.ask("POST", _SPACE + "/attachments", files={"file": ("roof.png", png(9, 9))})
        member = made.ask("POST", _SPACE + "/members", json={"login": "mira", "role": "viewer"})
        for _ in range(MANY):
            made.keep_books()
        path = item["url"].partition("/files/")[2].partition("?")[0]
        known = {"attachment_id": item["id"], "member_id": member["id"], "path": path}
        yield Fuzzed(house, ids | known)


def document_of(dialect: str) -> Any:
    """What a dialect says of itself, to be called by."""
    return schemathesis.openapi.from_dict(describe(DESCRIBED[dialect](), "0", SITE))


def operations(dialect: str) -> dict[str, Any]:
    """By their ids."""
    found = (result.ok() for result in document_of(dialect).get_all_operations())
    return {operation.definition.raw["operationId"]: operation for operation in found}


def raw(headers: Mapping[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    """As they go over the wire, where any byte may stand in a value."""
    return [
        (name.encode(), value if isinstance(value, bytes) else value.encode("utf-8")) for name, value in headers.items()
    ]
