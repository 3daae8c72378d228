"""Every operation that the OpenAPI documents tell of, called with what they allow and with what they do not.

Whatever comes, there is no fault of ours, no status that is not documented, and no body of another form than is. The
number of examples is bounded and chance is fixed; ``make fuzz`` tries more (``HOLDALL_FUZZ_EXAMPLES``) from anywhere.
"""

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import checks
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks as openapi_checks

from holdall.dialects.bika import openapi as bika_openapi
from holdall.dialects.bika import routes as bika
from holdall.dialects.pika import openapi as pika_openapi
from holdall.web.openapi import describe
from tests.support.images import png
from tests.support.inprocess import SITE, House, opened_house

EXAMPLES = int(os.environ.get("HOLDALL_FUZZ_EXAMPLES", "0"))
"""For each operation; 0: few, and the same every time."""
FEW = 6
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


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with opened_house(tmp_path_factory.mktemp("fuzzed") / "data") as house:
        demo = house.demo["bika"]
        ids = {"space_id": demo["space_id"], "database_id": demo["database_id"], "field": "Images"}
        made = Fuzzed(house, ids)
        [item] = made.ask("POST", _SPACE + "/attachments", files={"file": ("roof.png", png(9, 9))})
        member = made.ask("POST", _SPACE + "/members", json={"login": "mira", "role": "viewer"})
        path = item["url"].partition("/files/")[2].partition("?")[0]
        known = {"attachment_id": item["id"], "member_id": member["id"], "path": path}
        yield Fuzzed(house, ids | known)


def operations(dialect: str) -> dict[str, Any]:
    """By their ids."""
    schema = schemathesis.openapi.from_dict(describe(DESCRIBED[dialect](), "0", SITE))
    found = (result.ok() for result in schema.get_all_operations())
    return {operation.definition.raw["operationId"]: operation for operation in found}


def raw(headers: Mapping[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    """As they go over the wire, where any byte may stand in a value."""
    return [
        (name.encode(), value if isinstance(value, bytes) else value.encode("utf-8")) for name, value in headers.items()
    ]


OPERATIONS = {(dialect, id): each for dialect in DESCRIBED for id, each in operations(dialect).items()}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize(("dialect", "id"), OPERATIONS)
def test_an_operation_answers_as_it_is_documented(fuzzed: Fuzzed, dialect: str, id: str, mode: GenerationMode):
    """Whatever it is asked; about things that are there, and about others."""
    operation = OPERATIONS[dialect, id]

    @settings(
        max_examples=EXAMPLES or FEW,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.sampled_from([True, True, True, False]))
    def ask(case: Any, is_real: bool) -> None:
        for name in case.path_parameters or {}:
            known = fuzzed.real(name) if is_real else None
            case.path_parameters[name] = known or case.path_parameters[name]
        sent = case.as_transport_kwargs(base_url=SITE, headers=fuzzed.credential(dialect))
        request = requests.Request(**sent).prepare()
        answer = fuzzed.house.request(
            str(request.method), str(request.url), headers=raw(request.headers), content=request.body
        )
        case.validate_response(answer, checks=HELD)

    with suppress(Unsatisfiable):  # there is no wrong way to call what takes nothing
        ask()
