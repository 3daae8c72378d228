"""Whatever a client asks for and a file is called: the answer holds those bytes, and nothing else gets through."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from holdall.web.bytes import MAX_RANGES, RangeUnsatisfiable, Served, content_disposition, parse_range, respond

DATA = bytes(range(256)) * 2
SERVED = Served(
    size=0,
    etag='"tag"',
    mime="image/png",
    name="photo.png",
    inline=True,
    last_modified=datetime(2024, 2, 29, tzinfo=UTC),
    sha256=hashlib.sha256(DATA).hexdigest(),
    cache_control="no-cache",
)

sizes = st.integers(0, len(DATA))
positions = st.integers(0, 600).map(str) | st.integers(0, 10**20).map(str)
parts = st.one_of(
    st.builds("{}-{}".format, positions, positions),
    st.builds("{}-".format, positions),
    st.builds("-{}".format, positions),
)
small = st.integers(0, 500)
ordered = st.tuples(small, small).map(lambda ends: f"{min(ends)}-{max(ends)}")
range_headers = st.one_of(
    st.lists(ordered, min_size=1, max_size=40).map(lambda found: "bytes=" + ",".join(found)),
    st.lists(parts, max_size=8).map(lambda found: "bytes=" + ", ".join(found)),
    st.text("bytes=0123456789-, \t", max_size=40).map("bytes={}".format),
    st.text(max_size=40),
)


def spans_of(header: str, size: int) -> list[tuple[int, int]] | None:
    """What ``parse_range`` says, with ``[]`` for what cannot be satisfied."""
    try:
        return parse_range(header, size)
    except RangeUnsatisfiable:
        return []


@given(range_headers, sizes)
def test_spans_lie_in_the_file_apart_from_each_other_and_are_few(header: str, size: int):
    spans = sorted(spans_of(header, size) or [])

    assert all(0 <= start < stop <= size for start, stop in spans)
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    assert sum(stop - start for start, stop in spans) <= size
    assert len(spans) <= MAX_RANGES


@given(st.lists(st.tuples(small, small).map(sorted), min_size=1, max_size=12), sizes)
def test_spans_hold_every_byte_asked_for_and_no_other(asked: list[list[int]], size: int):
    header = "bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
    wanted = {position for first, last in asked for position in range(first, min(last + 1, size))}
    spans = spans_of(header, size)

    assert spans is not None
    assert {position for span in spans for position in range(*span)} == wanted


@given(range_headers.filter(lambda header: header.isprintable() and header.isascii()), sizes)
@example("bytes=0-0,2-2,4-4", 5)
@example("bytes=-1", 0)
def test_an_answer_holds_the_bytes_it_says(header: str, size: int):
    data = DATA[:size]
    status, headers, body = asyncio.run(answer_to(header, data))

    assert int(headers[b"content-length"]) == len(body)
    if status == 200:
        assert body == data
    elif status == 416:
        assert (body, headers[b"content-range"]) == (b"", f"bytes */{size}".encode())
    else:
        assert status == 206
        assert said_and_sent(headers, body) == [data[start:stop] for start, stop in spans_of(header, size) or []]


async def answer_to(header: str, data: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    async def pieces(start: int, stop: int) -> AsyncIterator[bytes]:
        for position in range(start, stop, 50):
            yield data[position : min(position + 50, stop)]

    async def open(start: int, stop: int) -> AsyncIterator[bytes]:
        return pieces(start, stop)

    async def receive() -> Message:
        return await asyncio.Future()

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"range", header.encode("ascii"))]}
    response = await respond(Request(scope), replace(SERVED, size=len(data)), open)
    await response(scope, receive, send)
    start, *bodies = sent
    return start["status"], dict(start["headers"]), b"".join(body["body"] for body in bodies)


def said_and_sent(headers: dict[bytes, bytes], body: bytes) -> list[bytes]:
    """The bytes of each part, read the way a client reads them: by the length that its Content-Range says."""
    if b"content-range" in headers:
        assert span_length(headers[b"content-range"]) == len(body)
        return [body]
    boundary = headers[b"content-type"].partition(b"boundary=")[2]
    found = []
    while not body.startswith(b"\r\n--" + boundary + b"--\r\n"):
        head, _, body = body.partition(b"\r\n\r\n")
        assert head.startswith(b"\r\n--" + boundary + b"\r\nContent-Type: image/png\r\nContent-Range: bytes ")
        length = span_length(head.rpartition(b"Content-Range: ")[2])
        found.append(body[:length])
        body = body[length:]
    assert body == b"\r\n--" + boundary + b"--\r\n"
    return found


def span_length(content_range: bytes) -> int:
    first, last = re.fullmatch(rb"bytes (\d+)-(\d+)/\d+", content_range).groups()
    return int(last) - int(first) + 1


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────

lines = st.text(st.characters(min_codepoint=9, max_codepoint=255, exclude_characters="\n\r"), max_size=60) | st.text(
    'W/"*, Thu29Feb:GMT+-0123456789tag', max_size=40
)
condition_names = st.sampled_from(["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"])


@given(st.lists(st.tuples(condition_names, lines), max_size=4))
def test_no_condition_breaks_the_server(conditions: list[tuple[str, str]]):
    headers = [(name.encode(), value.encode("latin-1")) for name, value in conditions]
    scope = {"type": "http", "method": "HEAD", "path": "/", "headers": headers}

    async def open(_start: int, _stop: int) -> AsyncIterator[bytes]:
        raise AssertionError("a HEAD reads nothing")

    assert asyncio.run(respond(Request(scope), SERVED, open)).status_code in {200, 304, 412}


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────

DISPOSITION = re.compile(
    r'(?:attachment|inline)(?:; filename="(?P<plain>[^"\\\x00-\x1f\x7f]*)"'
    r"(?:; filename\*=UTF-8''(?P<encoded>(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})*))?)?"
)


@given(st.text(), st.booleans())
@example('"; filename="evil.exe', False)
@example("a\r\nX-Injected: yes\r\n\r\n<script>", True)
def test_a_name_never_breaks_out_of_its_header_and_comes_back(name: str, inline: bool):
    header = content_disposition(name, inline=inline)
    match = DISPOSITION.fullmatch(header)

    assert header.isascii()
    assert header.isprintable()
    assert match is not None
    clean = re.sub(r"[\x00-\x1f\x7f-\x9f]", "", name)
    back = match["plain"] if match["encoded"] is None else unquote(match["encoded"])
    assert (back or "") == clean.encode("utf-8", "replace").decode("utf-8")
