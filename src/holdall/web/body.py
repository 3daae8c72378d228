"""JSON bodies: read with a ceiling and a watch, whatever Content-Type a client gave."""

import asyncio
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request

from holdall.errors import EncodingRefused, Malformed, TooLarge, TooSlow
from holdall.web.receive import BodyLimits, announced_length

MAX_JSON_BYTES = 4 << 20
MAX_JSON_DEPTH = 64
"""Arrays and objects inside each other. What comes deeper would be read, and then trip whoever walks through it."""


async def read_body(request: Request, pace: BodyLimits, max_bytes: int = MAX_JSON_BYTES) -> bytes:
    """The whole body of a request that carries no file.

    Raises:
        TooLarge, TooSlow, EncodingRefused, Malformed: it cannot be had.

    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise EncodingRefused(encoding)
    if announced_length(request.headers) > max_bytes:
        raise TooLarge(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(pace.stall_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise TooLarge(max_bytes)
    except TimeoutError as error:
        raise TooSlow(pace.stall_seconds) from error
    except ClientDisconnect as error:
        raise Malformed("body", "the client went away in mid-body") from error
    return bytes(body)


async def read_json(request: Request, pace: BodyLimits) -> dict[str, Any]:
    """The body as a JSON object.

    Raises:
        Malformed: it is no JSON, or no object, or nested too deep.

    """
    return _object(await read_body(request, pace))


async def read_json_if_any(request: Request, pace: BodyLimits) -> dict[str, Any]:
    """As ``read_json``; no body at all is an empty object: clients name JSON as the type of what they do not send."""
    body = await read_body(request, pace)
    return _object(body) if body.strip() else {}


def decode_json(body: bytes) -> Any:
    """What a body says in JSON.

    Raises:
        Malformed: it is no JSON, or nested too deep.

    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed("json", str(error)) from error
    if _may_be_deep(body) and _is_deeper(value, MAX_JSON_DEPTH):
        raise Malformed("json", f"arrays and objects go more than {MAX_JSON_DEPTH} levels deep")
    return value


def _object(body: bytes) -> dict[str, Any]:
    value = decode_json(body)
    if not isinstance(value, dict):
        raise Malformed("json", "a JSON object is expected")
    return value


def _may_be_deep(body: bytes) -> bool:
    """Whether there are brackets enough: counting them costs next to nothing, and few bodies have so many."""
    return body.count(b"[") + body.count(b"{") > MAX_JSON_DEPTH


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether it has containers below so many levels of them; level by level, without recursion."""
    inside = [value]
    for _ in range(levels):
        children = (each.values() if isinstance(each, dict) else each for each in inside)
        inside = [child for some in children for child in some if isinstance(child, dict | list)]
        if not inside:
            return False
    return True
