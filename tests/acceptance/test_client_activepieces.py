"""The activepieces piece as it was recorded: the newest version, and those still installed in places."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.replay import NOBODY, Client, Told, client_of, picture
from tests.support.server import RunningServer

AXIOS = ("Accept: application/json, text/plain, */*", "User-Agent: axios/1.13.1", "Accept-Encoding: gzip, compress")
MOST_PAGES = 20
"""Then the piece gives up."""


@pytest.fixture(scope="module")
def piece(server: RunningServer) -> Iterator[Client]:
    with client_of(server, *AXIOS, "Content-Type: application/json", upload=AXIOS) as client:
        yield client


def told_as_record(record: Any) -> dict[str, Any]:
    """What the piece makes of a record: without a string ``id`` it throws, and times that are numbers are dropped."""
    assert isinstance(record["id"], str)
    assert isinstance(record["fields"], dict)
    assert all(isinstance(record[key], str) for key in ("createdAt", "updatedAt"))
    told: dict[str, Any] = record
    return told


def all_pages(piece: Client, size: int) -> list[dict[str, Any]]:
    """As the piece walks: on while there is more and a cursor that is not empty."""
    records: list[dict[str, Any]] = []
    offset = ""
    for _ in range(MOST_PAGES):
        data = piece.call("GET", f"{piece.v2}/records?pageSize={size}&fieldKey=name&cellFormat=json{offset}").data
        records += [told_as_record(record) for record in data["records"]]
        if data["hasMore"] is not True or not isinstance(data.get("offset"), str) or not data["offset"]:
            return records
        offset = f"&offset={data['offset']}"
    raise AssertionError("too many pages")


def test_the_newest_tests_its_token(piece: Client):
    """With the list of spaces: 401 is an invalid token, and anything else is passed on."""
    assert piece.call("GET", "/v1/spaces").data
    refused = piece.call("GET", "/v1/spaces", token="wrong")  # noqa: S106  it is meant to be wrong
    assert (refused.status, refused.failure) == (401, "Unauthorized")


def test_the_newest_finds_its_way_to_a_database(piece: Client):
    """Spaces, nodes, of which it keeps databases, and fields."""
    space, own = piece.call("GET", "/v1/spaces").data
    assert own["isPersonal"]
    assert {type(space[key]) for key in ("id", "name", "createdAt")} == {str}
    assert (type(space["memberCount"]), type(space["subscription"]["plan"])) == (int, str)
    nodes = piece.call("GET", f"/v1/spaces/{space['id']}/nodes").data
    [database] = [node for node in nodes if node["type"] == "DATABASE"]
    assert (database["id"], database["path"].removeprefix("/ROOT")) == (piece.ids["database_id"], "")
    fields = piece.call("GET", f"{piece.v1}/fields").data
    assert [field["name"] for field in fields if field["primary"] is True] == ["Name"]
    assert {type(field[key]) for field in fields for key in ("id", "name", "type", "description")} == {str}
    options = next(field["property"]["options"] for field in fields if field["name"] == "Stage")
    assert [option["name"] for option in options] == ["Open", "In progress", "Done"]


def test_the_newest_creates_reads_changes_and_deletes_a_record(piece: Client):
    """With a file in it under its own name, which is passed to people as a plain link."""
    data = picture(31)
    [item] = piece.upload("Dach, naïve 图.png", data).data
    cell = [{"id": item["id"], "name": "Dach, naïve 图.png"}]
    body = {"fieldKey": "name", "records": [{"fields": {"Name": "From a flow", "Stage": "Open", "Images": cell}}]}

    made = told_as_record(piece.call("POST", f"{piece.v2}/records", body).data["records"][0])

    [file] = made["fields"]["Images"]
    assert (file["name"], file["mimeType"], file["size"]) == ("Dach, naïve 图.png", "image/png", len(data))
    assert piece.fetch(file["url"]) == data
    path = f"{piece.v2}/records/{made['id']}"
    got = told_as_record(piece.call("GET", f"{path}?fieldKey=name&cellFormat=json").data)
    assert got["fields"]["Name"] == "From a flow"
    put = told_as_record(
        piece.call("PUT", path, {"fieldKey": "name", "fields": {"Stage": "Done", "Images": None}}).data
    )
    assert put["fields"] == {"Name": "From a flow", "Stage": "Done"}
    deleted = piece.call("DELETE", path).data
    assert (deleted["id"], deleted["deleted"]) == (made["id"], True)
    assert "not found" in piece.call("DELETE", path).failure.lower()


def test_the_newest_walks_all_pages(piece: Client):
    """Each record once."""
    made = [
        piece.call("POST", f"{piece.v2}/records", {"records": [{"fields": {"Name": f"Page {number}"}}]})
        for number in range(3)
    ]
    size = max(1, len(all_pages(piece, 1000)) // 3)

    walked = [record["id"] for record in all_pages(piece, size)]

    assert len(walked) == len(set(walked))
    assert {each.data["records"][0]["id"] for each in made} <= set(walked)


@pytest.mark.parametrize(
    ("method", "body"), [("GET", None), ("PUT", {"fieldKey": "name", "fields": {"Name": "x"}}), ("DELETE", None)]
)
def test_the_newest_tells_a_missing_record_from_any_other_failure(piece: Client, method: str, body: Any):
    """By 404, and by the words."""
    told = piece.call(method, f"{piece.v2}/records/{NOBODY}", body)

    assert (told.status, told.failure) == (404, f"Record not found: {NOBODY}")


def test_the_newest_shows_people_what_is_wrong_with_a_value(piece: Client):
    """The message as it is: field, value and reason; and the code that is no status."""
    told = piece.call("POST", f"{piece.v2}/records", {"fieldKey": "name", "records": [{"fields": {"Score": "five"}}]})

    assert (told.status, told.body["code"], told.body["success"]) == (400, 4031, False)
    assert told.body["message"].startswith("The input value of field Score is invalid: five")


def older(piece: Client, method: str, path: str, body: Any = None) -> Told:
    """The answer is passed on unparsed, if ``success`` is truthy."""
    told = piece.call(method, path, body)
    assert told.body["success"]
    return told


def test_an_older_one_leaves_out_field_key(piece: Client):
    """And is answered by field names."""
    body = {"records": [{"fields": {"Name": "Older", "Stage": "Open"}}]}
    made = older(piece, "POST", f"{piece.v2}/records", body).data["records"][0]

    changed = older(piece, "PUT", f"{piece.v2}/records/{made['id']}", {"fields": {"Score": 3}}).data

    assert changed["fields"] == {"Name": "Older", "Stage": "Open", "Score": 3}
    assert older(piece, "GET", f"{piece.v2}/records/{made['id']}").data == changed
    assert older(piece, "GET", f"{piece.v2}/records?pageSize=100").data["records"]
    assert older(piece, "DELETE", f"{piece.v2}/records/{made['id']}").data["deleted"] is True
