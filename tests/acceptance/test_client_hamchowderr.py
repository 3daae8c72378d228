"""hamchowderr/bika-mcp as it was recorded, in its two flavours, which speak different wires."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.replay import Client, client_of
from tests.support.server import RunningServer

JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def stdio(server: RunningServer) -> Iterator[Client]:
    with client_of(server, JSON, "Accept: */*", "User-Agent: node-fetch", "Accept-Encoding: gzip,deflate,br") as client:
        yield client


@pytest.fixture(scope="module")
def over_http(server: RunningServer) -> Iterator[Client]:
    with client_of(server, JSON, "accept: */*", "user-agent: node", "sec-fetch-mode: cors") as client:
        yield client


@pytest.fixture(params=["stdio", "over_http"])
def either(request: pytest.FixtureRequest) -> Client:
    client: Client = request.getfixturevalue(request.param)
    return client


def made(client: Client, *names: str) -> list[str]:
    """New records of these names; ``fieldKey`` stands in the query."""
    body = {"records": [{"fields": {"Name": name, "Stage": "Open"}} for name in names]}
    return [record["id"] for record in client.call("POST", f"{client.v2}/records?fieldKey=name", body).data["records"]]


def test_both_look_around(either: Client):
    """Every answer is passed on as text: it only has to be JSON."""
    profile = either.call("GET", "/v1/user/profile")
    assert (profile.status, profile.body["name"]) == (200, "Ada")
    assert either.call("GET", "/v1/system/meta").data["version"]
    assert either.call("GET", either.space).data["id"] == either.ids["space_id"]
    for path in (f"{either.space}/nodes/{either.ids['database_id']}", either.v1):
        assert either.call("GET", path).data["id"] == either.ids["database_id"]
    assert next(field["name"] for field in either.call("GET", f"{either.v1}/fields").data) == "Name"


def test_both_read_one_record_in_every_form(either: Client):
    """Keys and cells as asked for; a zone and a language."""
    [id] = made(either, "Read")
    asked = "fieldKey=id&cellFormat=string&timeZone=Asia%2FShanghai&userLocale=zh-CN"

    told = either.call("GET", f"{either.v2}/records/{id}?{asked}").data

    assert sorted(told["fields"].values()) == ["Open", "Read"]
    assert all(key.startswith("fld") for key in told["fields"])


@pytest.mark.parametrize("ask", ["fields=Name&fields=Score", "fields=Name,Score"], ids=["stdio", "over_http"])
def test_each_names_fields_its_own_way(either: Client, ask: str):
    made(either, "Fields")

    data = either.call("GET", f"{either.v2}/records?{ask}&maxRecords=3&pageSize=2").data

    assert all(set(record["fields"]) <= {"Name", "Score"} for record in data["records"])


def test_stdio_changes_and_deletes(stdio: Client):
    """v1 PATCH with the id in the body; v2 batches by PUT; several ids in the query, JSON announced and none there."""
    first, second = made(stdio, "A", "B")
    changed = stdio.call("PATCH", f"{stdio.v1}/records", {"id": first, "cells": {"Name": "A2"}}).data
    assert (changed["id"], changed["revision"]) == (first, 1)
    rows = [{"id": id, "fields": {"Stage": "Done"}} for id in (first, second)]
    batch = stdio.call("PUT", f"{stdio.v2}/records?fieldKey=name", {"records": rows}).data["records"]
    assert [(record["id"], record["fields"]["Stage"]) for record in batch] == [(first, "Done"), (second, "Done")]
    one = stdio.call("PUT", f"{stdio.v2}/records/{first}?fieldKey=name", {"fields": {"Score": 5}}).data
    assert one["fields"] == {"Name": "A2", "Stage": "Done", "Score": 5}

    deleted = stdio.call("DELETE", f"{stdio.v2}/records?records={first}&records={second}").data

    assert deleted == {"records": [{"id": id, "deleted": True} for id in (first, second)]}
    [third] = made(stdio, "C")
    assert stdio.call("DELETE", f"{stdio.v1}/records/{third}").data is True


def test_over_http_changes_and_deletes(over_http: Client):
    """v1 PUT with the id in the path; v2 batches by PATCH; DELETE with a body of JSON."""
    first, second = made(over_http, "A", "B")
    changed = over_http.call("PUT", f"{over_http.v1}/records/{first}", {"cells": {"Name": "A2"}}).data
    assert (changed["id"], changed["revision"]) == (first, 1)
    rows = [{"id": id, "fields": {"Stage": "Done"}} for id in (first, second)]
    batch = over_http.call("PATCH", f"{over_http.v2}/records?fieldKey=name", {"records": rows}).data["records"]
    assert [record["fields"]["Stage"] for record in batch] == ["Done", "Done"]

    deleted = over_http.call("DELETE", f"{over_http.v2}/records", {"recordIds": [first, second]}).data

    assert deleted == {"records": [{"id": id, "deleted": True} for id in (first, second)]}


@pytest.mark.parametrize("body", [None, {}, {"unused": True}])
def test_a_delete_may_have_a_body_or_none(over_http: Client, body: Any):
    """Of one record, too."""
    [id] = made(over_http, "Gone")

    assert over_http.call("DELETE", f"{over_http.v2}/records/{id}", body).data == {"id": id, "deleted": True}
