"""Bika's own MCP server as it was recorded: v1 alone, JSON announced on every call, and a hand-made form."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.replay import Client, check_upload, client_of, picture
from tests.support.server import RunningServer

NODE = ("accept-language: *", "sec-fetch-mode: cors", "user-agent: node", "accept-encoding: gzip, deflate")


@pytest.fixture(scope="module")
def mcp(server: RunningServer) -> Iterator[Client]:
    lines = ("Accept: application/json", "Content-Type: application/json", *NODE)
    with client_of(server, *lines, upload=NODE) as client:
        yield client


def test_it_lists_spaces_and_nodes(mcp: Client):
    """With a content type and no body."""
    for space in mcp.call("GET", "/v1/spaces").data:
        assert {type(space[key]) for key in ("id", "name", "createBy", "createdAt", "owner")} == {str}
    for node in mcp.call("GET", f"{mcp.space}/nodes?").data:
        assert {type(node[key]) for key in ("id", "name", "type", "description")} == {str}
        assert node["type"] == "ROOT" or (isinstance(node["parentId"], str) and node["path"].startswith("/ROOT"))


def fields_schema(mcp: Client) -> list[dict[str, Any]]:
    """As its tool reads it: an object in ``property``, options with all keys, a highest rating."""
    fields: list[dict[str, Any]] = mcp.call("GET", f"{mcp.v1}/fields").data
    for field in fields:
        assert isinstance(field["property"], dict)
        for option in field["property"].get("options", ()):
            assert set(option) >= {"id", "name", "color"}
    assert next(field["property"]["max"] for field in fields if field["type"] == "RATING") == 5
    return fields


def test_it_uploads_and_creates_a_record(mcp: Client):
    """A form without the last line end; fields; then the record: a select as a list of one id, the upload whole."""
    data = picture(32)
    item = check_upload(mcp.upload("naïve 图.png", data, end=""), data)
    fields = {field["name"]: field for field in fields_schema(mcp)}
    stage = fields["Stage"]["property"]["options"][1]
    cells = {"Name": "By MCP", "Stage": [stage["id"]], "Score": 4, "Images": [item]}

    told = mcp.call("POST", f"{mcp.v1}/records", {"cells": cells}).data

    shown = {cell["name"]: (cell["id"], cell["fieldType"], cell["value"]) for cell in told["cells"].values()}
    assert shown["Stage"] == (fields["Stage"]["id"], "SINGLE_SELECT", [stage["name"]])
    assert shown["Score"][2] == 4
    assert told["cells"][fields["Stage"]["id"]]["data"] == [stage["id"]]
    [file] = shown["Images"][2]
    assert (file["id"], file["name"]) == (item["id"], "naïve 图.png")


def test_it_reads_records_by_page_number(mcp: Client):
    """Numbers as text in the query."""
    mcp.call("POST", f"{mcp.v1}/records", {"cells": {"Name": "Paged", "Stage": ["Open"]}})

    data = mcp.call("GET", f"{mcp.v1}/records?pageNum=1&pageSize=1000&fields=Name%2CStage").data

    assert (data["pageNum"], data["pageSize"], data["total"]) == (1, 1000, len(data["records"]))
    for record in data["records"]:
        assert isinstance(record["recordId"], str)
        assert set(record["fields"]) <= {"Name", "Stage"}
        assert {type(record["createdAt"]), type(record["updatedAt"])} == {int}


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/spaces/spcAAAAAAAAAAAAAAAAAAAAA/nodes", "/v3/spaces"])
def test_it_reads_json_before_it_looks_at_a_status(mcp: Client, path: str):
    """So that every failure is told, and none breaks it."""
    assert "not found" in mcp.call("GET", path).failure.lower()
