"""Smaller clients as their sources show them: a logging app, BikaProvider, Composio's tools, MindCloud's operations."""

from collections.abc import Iterator

import pytest

from tests.acceptance.replay import Client, check_upload, client_of, picture
from tests.support.server import RunningServer

BATCH = 10


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with client_of(
        server, "Content-Type: application/json", "User-Agent: node", upload=("User-Agent: curl/8.5.0",)
    ) as it:
        yield it


def test_the_logging_app_writes_a_line_and_completes_it(client: Client):
    """Cells in v1; ``data.id`` leads on, which has to look like an id; on failure it reads ``message``."""
    made = client.call("POST", f"{client.v1}/records", {"cells": {"Name": "Signed in", "Stage": "Open"}}).data
    assert made["id"].isalnum()
    assert 10 <= len(made["id"]) <= 30

    changed = client.call("PATCH", f"{client.v1}/records/{made['id']}", {"cells": {"Stage": "Done"}}).data

    assert (changed["id"], changed["revision"]) == (made["id"], 1)
    told = client.call("PATCH", f"{client.v1}/records/{made['id']}", {"cells": {"Sta": "Done"}})
    assert told.failure == "Field Sta not found"


def test_bika_provider_works_in_batches(client: Client):
    """Ten at a time: made, listed by names, changed by ``recordId``, deleted by ``recordIds``."""
    rows = [{"fields": {"Name": f"Provider {number}"}} for number in range(BATCH)]
    made = client.call("POST", f"{client.v2}/records", {"fieldKey": "name", "records": rows}).data["records"]
    ids = [record["id"] for record in made]

    listed = client.call("GET", f"{client.v2}/records?maxRecords=100&fieldKey=name").data["records"]
    assert all(isinstance(record["id"], str) and isinstance(record["fields"], dict) for record in listed)
    changes = [{"recordId": id, "fields": {"Score": 1}} for id in ids]
    changed = client.call("PATCH", f"{client.v2}/records", {"fieldKey": "name", "records": changes}).data["records"]
    assert [(record["id"], record["fields"]["Score"]) for record in changed] == [(id, 1) for id in ids]
    deleted = client.call("DELETE", f"{client.v2}/records", {"recordIds": ids}).data["records"]
    assert [(each["id"], each["deleted"]) for each in deleted] == [(id, True) for id in ids]


def test_composio_has_no_more_than_ten_at_once(client: Client):
    """Its tools: spaces, nodes, schema, list, get, create, update, delete; paged by a cursor; a result for each id."""
    assert client.call("GET", "/v1/spaces").data
    assert client.call("GET", f"{client.space}/nodes").data
    assert {"id", "name", "fields", "views"} <= set(client.call("GET", client.v1).data)
    rows = [{"fields": {"Name": "Composio"}}] * (BATCH + 1)
    assert "1 to 10" in client.call("POST", f"{client.v2}/records", {"records": rows}).failure
    made = client.call("POST", f"{client.v2}/records", {"records": rows[:2]}).data["records"]
    page = client.call("GET", f"{client.v2}/records?pageSize=1").data
    assert (len(page["records"]), page["hasMore"], bool(page["offset"])) == (1, True, True)
    following = client.call("GET", f"{client.v2}/records?pageSize=1&offset={page['offset']}").data
    assert following["records"][0]["id"] != page["records"][0]["id"]
    results = client.call("DELETE", f"{client.v2}/records", {"recordIds": [record["id"] for record in made]}).data
    assert [result["deleted"] for result in results["records"]] == [True, True]


def test_mindcloud_uses_version_one_throughout(client: Client):
    """Meta, profile, spaces, a space, nodes, fields, records, triggers, links to embed, uploads."""
    meta = client.call("GET", "/v1/system/meta").data
    assert {"version", "appEnv", "hostname", "headers"} <= set(meta)
    profile = client.call("GET", "/v1/user/profile").body
    assert {"id", "name", "email", "avatar", "settings", "timeZone", "metadata", "createdAt"} <= set(profile)
    space = client.call("GET", client.space).data
    assert {"logo", "settings", "owner", "memberCount", "subscription"} <= set(space)
    keys = {"preNodeId", "scope", "permission", "hasPermissions", "hasShareLock", "sharing", "statusBadge"}
    assert all(keys <= set(node) for node in client.call("GET", f"{client.space}/nodes").data)
    assert client.call("GET", f"/v1/automations/{client.ids['database_id']}/triggers").data == []
    assert client.call("GET", f"{client.space}/embed-links").data == []
    data = picture(33)
    item = check_upload(client.upload("roof.png", data), data)
    made = client.call("POST", f"{client.v1}/records", {"cells": {"Name": "Mind", "Images": [{"id": item["id"]}]}}).data
    assert {"id", "databaseId", "revision", "commentCount", "groupCount", "cells"} == set(made)
    changed = client.call("PATCH", f"{client.v1}/records", {"id": made["id"], "cells": {"Name": "Cloud"}}).data
    assert changed["revision"] == made["revision"] + 1
    assert client.call("DELETE", f"{client.v1}/records/{made['id']}").data is True
