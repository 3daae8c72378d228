"""JSON bodies have a ceiling and a bottom."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from holdall.errors import Malformed, TooLarge
from holdall.web.body import MAX_JSON_BYTES, MAX_JSON_DEPTH, read_json, read_json_if_any
from holdall.web.receive import BodyLimits

PACE = BodyLimits(max_file_bytes=1, max_body_bytes=1)


def read(body: bytes, reader: Any = read_json) -> dict[str, Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    told: dict[str, Any] = asyncio.run(reader(Request({"type": "http", "headers": []}, receive), PACE))
    return told


@pytest.mark.parametrize("reader", [read_json, read_json_if_any])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('[{"b":', "}]"), ('{"b":', "}")])
def test_a_body_goes_so_deep_and_no_deeper(reader: Any, opening: str, closing: str):
    """Where it is only wide, it is taken."""
    per = opening.count("[") + opening.count("{")
    value = "" if opening == "[" else "1"
    turns = (MAX_JSON_DEPTH - 1) // per

    def body(turns: int) -> bytes:
        return f'{{"beside": [{",".join(["[]"] * 99)}], "a": {opening * turns}{value}{closing * turns}}}'.encode()

    assert "a" in read(body(turns), reader)
    for many in (turns + 1, turns + 2, 400, 490, 900, 990, 100_000):
        with pytest.raises(Malformed):
            read(body(many), reader)


@pytest.mark.parametrize("reader", [read_json, read_json_if_any])
def test_a_body_is_so_long_and_no_longer(reader: Any):
    """By what arrives, whatever it announces."""
    empty = b'{"a":""}'

    def body(length: int) -> bytes:
        return b'{"a":"' + b"x" * (length - len(empty)) + b'"}'

    assert read(body(MAX_JSON_BYTES), reader)
    with pytest.raises(TooLarge):
        read(body(MAX_JSON_BYTES + 1), reader)
