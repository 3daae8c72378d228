"""What real clients send of filters, orders, views and webhooks, as it was recorded, and what they need back."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import pytest

from tests.acceptance.replay import Client, client_of
from tests.support.server import RunningServer

JSON = "Content-Type: application/json"
UPWARDS = '[{"field":"Name","order":"asc"}]'


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[Client]:
    with client_of(server, JSON, "Accept: */*", "User-Agent: node-fetch") as it:
        yield it


@pytest.fixture(scope="module")
def marked(client: Client) -> dict[str, str]:
    """Three records that a filter by name finds, and others do not; ids by name."""
    rows = [
        {"fields": {"Name": f"Marked {letter}", "Stage": "Open", "Score": score}}
        for letter, score in zip("BAC", (1, 3, 2), strict=True)
    ]
    told = client.call("POST", f"{client.v2}/records", {"fieldKey": "name", "records": rows}).data["records"]
    return {record["fields"]["Name"]: record["id"] for record in told}


def names(data: Mapping[str, Any]) -> list[str]:
    return [record["fields"]["Name"] for record in data["records"]]


FILTER = quote('Name=c="Marked"')


@pytest.mark.parametrize(
    "brackets",
    [("[", "]"), ("%5B", "%5D")],
    ids=["raw", "encoded"],
)
def test_activepieces_filters_and_sorts(client: Client, marked: dict[str, str], brackets: tuple[str, str]):
    """``sort[0][field]`` with its brackets as they are, or encoded; and pages that go on in the order."""
    left, right = brackets
    sort = f"sort{left}0{right}{left}field{right}=Score&sort{left}0{right}{left}order{right}=desc"
    asked = f"{client.v2}/records?pageSize=2&fieldKey=name&cellFormat=json&filter={FILTER}&{sort}"

    first = client.call("GET", asked).data
    rest = client.call("GET", f"{asked}&offset={first['offset']}").data

    assert (names(first), first["hasMore"]) == (["Marked A", "Marked C"], True)
    assert (names(rest), rest["hasMore"], rest.get("offset")) == (["Marked B"], False, None)
    assert {record["id"] for record in first["records"] + rest["records"]} == set(marked.values())


def test_activepieces_shows_where_a_filter_is_wrong(client: Client):
    """The message as it is."""
    told = client.call("GET", f"{client.v2}/records?filter={quote('Name==')}")

    assert told.status == 400
    assert told.failure


def test_hamchowderr_stdio_sorts_by_brackets_and_repeats_fields(client: Client, marked: dict[str, str]):
    assert marked
    asked = f"filter={FILTER}&sort[0][field]=Name&sort[0][order]=asc&fields=Name&fields=Stage&fieldKey=name"

    data = client.call("GET", f"{client.v2}/records?{asked}").data

    assert names(data) == ["Marked A", "Marked B", "Marked C"]
    assert {key for record in data["records"] for key in record["fields"]} == {"Name", "Stage"}


def test_hamchowderr_over_http_sorts_by_json(client: Client, marked: dict[str, str]):
    assert marked
    asked = f"filter={FILTER}&sort={quote(UPWARDS)}&fields=Name,Stage&maxRecords=2"

    data = client.call("GET", f"{client.v2}/records?{asked}").data

    assert (names(data), data["hasMore"]) == (["Marked A", "Marked B"], False)


def test_bikas_mcp_server_sorts_by_json_in_version_one(client: Client, marked: dict[str, str]):
    """With numbers as text, and through a view, which it finds with the database."""
    [view, *_] = client.call("GET", client.v1).data["views"]
    asked = f"pageNum=1&pageSize=1000&sort={quote(UPWARDS)}&viewId={view['id']}&filter={FILTER}"

    data = client.call("GET", f"{client.v1}/records?{asked}").data

    assert (data["total"], names(data)) == (3, sorted(marked))


@pytest.mark.parametrize("key", ["view", "viewId"])
def test_bika_provider_names_a_view(client: Client, marked: dict[str, str], key: str):
    """By either word; and views are listed with their ids, names and types."""
    views = client.call("GET", f"{client.v1}/views").data
    assert {type(view[word]) for view in views for word in ("id", "name", "type")} == {str}

    data = client.call("GET", f"{client.v2}/records?maxRecords=100&fieldKey=name&{key}={views[0]['id']}").data

    assert set(marked) <= set(names(data))


WEBHOOKS = {
    "documented": {
        "eventType": "ON_RECORD_CREATED",
        "name": "to-ledger",
        "callbackURL": "https://hooks.example.org/in",
    },
    "with a description": {
        "eventType": "ON_NODE_CREATED",
        "name": "nodes",
        "description": "of nodes",
        "callbackURL": "https://hooks.example.org/in",
    },
    "hamchowderr's": {
        "name": "to-ledger",
        "url": "https://hooks.example.org/in",
        "secret": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "events": ["ON_RECORD_CREATED"],
    },
    "without events": {"name": "to-ledger", "url": "https://hooks.example.org/in"},
}


@pytest.mark.parametrize("spelling", WEBHOOKS)
def test_webhooks_are_registered_listed_and_deleted(client: Client, spelling: str):
    """In both spellings; the answer has the documented keys, the list has it, and deletion is told by true."""
    body, path = WEBHOOKS[spelling], f"{client.space}/outgoing-webhooks"

    made = client.call("POST", path, body).data

    wanted = body.get("eventType", "ON_RECORD_CREATED")
    assert (made["eventType"], made["name"], made["description"]) == (wanted, body["name"], body.get("description", ""))
    assert made["callbackURL"] == "https://hooks.example.org/in"
    listed = [hook for hook in client.call("GET", path).data if hook["id"] == made["id"]]
    assert [set(hook) >= {"id", "name", "description", "eventType", "callbackURL"} for hook in listed] == [True]
    assert "MfKQ9r8" not in json.dumps(listed)
    assert client.call("DELETE", f"{path}/{made['id']}").data is True
    assert "not found" in client.call("DELETE", f"{path}/{made['id']}").failure.lower()


def test_a_webhook_of_one_database_says_which(client: Client):
    """``databaseId`` is echoed, and the node told of."""
    body = {**WEBHOOKS["documented"], "databaseId": client.ids["database_id"]}

    made = client.call("POST", f"{client.space}/outgoing-webhooks", body).data

    assert (made["databaseId"], made["node"]["id"]) == (body["databaseId"], body["databaseId"])
    assert made["node"]["type"] == "DATABASE"
    assert client.call("DELETE", f"{client.space}/outgoing-webhooks/{made['id']}").data is True
