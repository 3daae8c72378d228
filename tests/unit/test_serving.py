"""Which bytes, under which headers: every case of conditions, ranges and names that has an answer of its own."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import HTTP
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from holdall.errors import StorageUnavailable
from holdall.web.bytes import (
    ACTIVE_MIMES,
    MAX_RANGES,
    RangeUnsatisfiable,
    Served,
    content_disposition,
    parse_range,
    respond,
)

DATA = bytes(range(256)) * 4
SHA256 = hashlib.sha256(DATA).hexdigest()
ETAG = f'"sha256-{SHA256}"'
MODIFIED = datetime(2024, 2, 29, 12, 30, 15, 999_999, tzinfo=UTC)
DATE = "Thu, 29 Feb 2024 12:30:15 GMT"
EARLIER = "Thu, 29 Feb 2024 12:30:14 GMT"
LATER = "Thu, 29 Feb 2024 12:30:16 GMT"
DIGEST = f"sha-256=:{base64.b64encode(hashlib.sha256(DATA).digest()).decode()}:"
SERVED = Served(
    size=len(DATA),
    etag=ETAG,
    mime="image/png",
    name="photo.png",
    inline=True,
    last_modified=MODIFIED,
    sha256=SHA256,
    cache_control="private, max-age=60",
)


class Store:
    """Holds one file, in pieces of ``piece`` bytes, and knows what was asked of it."""

    def __init__(self, data: bytes = DATA, piece: int = 100) -> None:
        self.data = data
        self.piece = piece
        self.opened: list[tuple[int, int]] = []
        self.pieces_read = 0
        self.closed = 0

    async def open(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Note the span and hand out its pieces."""
        self.opened.append((start, stop))
        return self._pieces(start, stop)

    async def _pieces(self, start: int, stop: int) -> AsyncIterator[bytes]:
        try:
            for position in range(start, min(stop, len(self.data)), self.piece):
                self.pieces_read += 1
                yield self.data[position : min(position + self.piece, stop)]
        finally:
            self.closed += 1


@dataclass
class Client:
    """Takes an answer; may leave after some pieces, in one of the two ways in which servers tell it."""

    leaves_after: int | None = None
    send_fails: bool = False
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    is_complete: bool = False

    async def receive(self) -> Message:
        """Wait for the client to leave; that is all that it ever says."""
        while not self._has_left:  # noqa: ASYNC110 - leaving is no event, it is a count
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message, in its right place."""
        await asyncio.sleep(0)
        if self._has_left and self.send_fails:
            raise OSError("the client went away")
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.decode("ascii"), value.decode("latin-1")) for name, value in message["headers"]]
        else:
            assert not self.is_complete
            self.pieces.append(message["body"])
            self.is_complete = not message.get("more_body", False)

    @property
    def _has_left(self) -> bool:
        return self.leaves_after is not None and len(self.pieces) >= self.leaves_after

    @property
    def body(self) -> bytes:
        """All the bytes that came."""
        return b"".join(self.pieces)

    def header(self, name: str) -> str | None:
        """The value of a header, which is there once or not at all."""
        values = [value for header, value in self.headers if header == name]
        assert len(values) <= 1, f"{name} is there twice"
        return values[0] if values else None


async def exchange(store: Store, served: Served, client: Client, method: str, headers: list[tuple[str, str]]) -> Client:
    raw = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers]
    request = Request({"type": "http", "method": method, "path": "/", "headers": raw})
    response = await respond(request, served, store.open)
    async with asyncio.timeout(5):
        await response(request.scope, client.receive, client.send)
    return client


def get(*headers: tuple[str, str], served: Served = SERVED, method: str = "GET", store: Store | None = None) -> Client:
    return asyncio.run(exchange(store or Store(), served, Client(), method, list(headers)))


# ── whole files ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_get_answers_with_the_whole_file():
    answer = get()

    assert (answer.status, answer.body, answer.is_complete) == (200, DATA, True)
    assert answer.header("content-length") == "1024"
    assert answer.header("content-range") is None


@pytest.mark.parametrize("piece", [1, 1023, 1024, 4096])
def test_no_message_is_empty_and_the_last_one_says_so(piece: int):
    answer = get(store=Store(piece=piece))

    assert answer.body == DATA
    assert all(answer.pieces)
    assert answer.is_complete


def test_a_head_has_the_same_headers_and_opens_nothing():
    store = Store()
    answer = get(("Range", "bytes=0-1"), method="HEAD", store=store)

    assert (answer.status, answer.body, answer.is_complete) == (200, b"", True)
    assert answer.headers == get().headers
    assert store.opened == []


def test_an_empty_file_is_served_and_looked_for():
    store = Store(b"")
    answer = get(served=replace(SERVED, size=0), store=store)

    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"", "0")
    assert answer.is_complete
    assert store.opened == [(0, 0)]


def test_the_headers_of_a_file():
    assert dict(get().headers) == {
        "accept-ranges": "bytes",
        "cache-control": "private, max-age=60",
        "content-digest": DIGEST,
        "content-disposition": 'inline; filename="photo.png"',
        "content-length": "1024",
        "content-security-policy": "default-src 'none'; sandbox",
        "content-type": "image/png",
        "cross-origin-resource-policy": "same-origin",
        "etag": ETAG,
        "last-modified": DATE,
        "referrer-policy": "no-referrer",
        "repr-digest": DIGEST,
        "x-content-type-options": "nosniff",
    }


@pytest.mark.parametrize(
    "mime",
    [*sorted(ACTIVE_MIMES), "TEXT/HTML", "text/html; charset=utf-8", "text/html ;x", "application/atom+xml"],
)
@pytest.mark.parametrize("inline", [False, True])
def test_what_can_carry_scripts_goes_out_as_octets_to_be_saved(mime: str, inline: bool):
    answer = get(served=replace(SERVED, mime=mime, inline=inline))

    assert answer.header("content-type") == "application/octet-stream"
    assert answer.header("content-disposition") == 'attachment; filename="photo.png"'


@pytest.mark.parametrize("mime", ["text/plain", "text/csv", "application/pdf", "application/json", "audio/mpeg"])
def test_what_cannot_keeps_its_type_and_no_charset_is_made_up(mime: str):
    answer = get(served=replace(SERVED, mime=mime, inline=False))

    assert answer.header("content-type") == mime
    assert answer.header("content-disposition") == 'attachment; filename="photo.png"'


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────

OTHER = '"other"'
WEAK = f"W/{ETAG}"

CONDITIONS: list[tuple[int, dict[str, str]]] = [
    # If-Match compares strongly.
    (200, {"If-Match": ETAG}),
    (200, {"If-Match": "*"}),
    (200, {"If-Match": f"{OTHER}, {ETAG}"}),
    (200, {"If-Match": f' ,, {OTHER} ,{ETAG}, W/"x"'}),
    (412, {"If-Match": OTHER}),
    (412, {"If-Match": WEAK}),
    (412, {"If-Match": ETAG.strip('"')}),
    (412, {"If-Match": f"{ETAG} {OTHER}"}),
    (412, {"If-Match": f'{ETAG}, "unclosed'}),
    (412, {"If-Match": ""}),
    (412, {"If-Match": f"{ETAG}, *"}),
    # If-Unmodified-Since counts only without If-Match, and only when it is a date.
    (200, {"If-Unmodified-Since": DATE}),
    (200, {"If-Unmodified-Since": LATER}),
    (412, {"If-Unmodified-Since": EARLIER}),
    (200, {"If-Unmodified-Since": "yesterday"}),
    (200, {"If-Match": ETAG, "If-Unmodified-Since": EARLIER}),
    (412, {"If-Match": OTHER, "If-Unmodified-Since": LATER}),
    # If-None-Match compares weakly.
    (304, {"If-None-Match": ETAG}),
    (304, {"If-None-Match": WEAK}),
    (304, {"If-None-Match": "*"}),
    (304, {"If-None-Match": " * "}),
    (304, {"If-None-Match": f"{OTHER},{WEAK}"}),
    (200, {"If-None-Match": OTHER}),
    (200, {"If-None-Match": ETAG.strip('"')}),
    (200, {"If-None-Match": ""}),
    # If-Modified-Since counts only without If-None-Match, and only when it is a date, in any of the three spellings.
    (304, {"If-Modified-Since": DATE}),
    (304, {"If-Modified-Since": LATER}),
    (304, {"If-Modified-Since": "Thursday, 29-Feb-24 12:30:15 GMT"}),
    (304, {"If-Modified-Since": "Thu Feb 29 12:30:15 2024"}),
    (200, {"If-Modified-Since": EARLIER}),
    (200, {"If-Modified-Since": "Thursday, 29-Feb-24 12:30:14 GMT"}),
    (200, {"If-Modified-Since": "Thu Feb 29 12:30:14 2024"}),
    (200, {"If-Modified-Since": "0"}),
    (200, {"If-Modified-Since": "Thu, 99 Feb 2024 12:30:15 GMT"}),
    (200, {"If-Modified-Since": "Thu, 29 Feb 99999999 12:30:15 GMT"}),
    (200, {"If-None-Match": OTHER, "If-Modified-Since": LATER}),
    (304, {"If-None-Match": ETAG, "If-Modified-Since": EARLIER}),
    # What fails first wins.
    (412, {"If-Match": OTHER, "If-None-Match": ETAG}),
    (304, {"If-Match": ETAG, "If-None-Match": ETAG}),
    (412, {"If-Unmodified-Since": EARLIER, "If-None-Match": ETAG}),
    (304, {"If-Unmodified-Since": DATE, "If-Modified-Since": DATE}),
    # Conditions come before ranges.
    (304, {"If-None-Match": ETAG, "Range": "bytes=0-1"}),
    (412, {"If-Match": OTHER, "Range": "bytes=9999-"}),
    (206, {"If-Match": ETAG, "Range": "bytes=0-1"}),
    (206, {"If-None-Match": OTHER, "Range": "bytes=0-1"}),
    # If-Range: a strong tag or the very date, else the whole file.
    (206, {"If-Range": ETAG, "Range": "bytes=0-1"}),
    (206, {"If-Range": DATE, "Range": "bytes=0-1"}),
    (200, {"If-Range": WEAK, "Range": "bytes=0-1"}),
    (200, {"If-Range": OTHER, "Range": "bytes=0-1"}),
    (200, {"If-Range": EARLIER, "Range": "bytes=0-1"}),
    (200, {"If-Range": LATER, "Range": "bytes=0-1"}),
    (200, {"If-Range": "*", "Range": "bytes=0-1"}),
    (200, {"If-Range": f"{ETAG}, {ETAG}", "Range": "bytes=0-1"}),
    (200, {"If-Range": OTHER, "Range": "bytes=9999-"}),
    (416, {"If-Range": ETAG, "Range": "bytes=9999-"}),
    (200, {"If-Range": ETAG}),
]


@pytest.mark.parametrize(("status", "headers"), CONDITIONS)
def test_conditions_are_weighed_in_order(status: int, headers: dict[str, str]):
    store = Store()
    answer = get(*headers.items(), store=store)

    assert answer.status == status
    assert answer.body == {200: DATA, 206: DATA[:2]}.get(status, b"")
    assert bool(store.opened) is (status in {200, 206})
    assert store.closed == len(store.opened)


@pytest.mark.parametrize(("status", "headers"), [case for case in CONDITIONS if case[0] in {200, 304, 412}])
def test_a_head_is_judged_like_a_get_without_ranges(status: int, headers: dict[str, str]):
    assert get(*headers.items(), method="HEAD").status == status


def test_a_list_may_come_in_several_lines():
    assert get(("If-None-Match", OTHER), ("If-None-Match", ETAG)).status == 304
    assert get(("If-Match", OTHER), ("If-Match", ETAG)).status == 200


def test_not_modified_says_what_a_cache_needs_and_no_length():
    answer = get(("If-None-Match", ETAG))

    assert answer.header("etag") == ETAG
    assert answer.header("last-modified") == DATE
    assert answer.header("cache-control") == "private, max-age=60"
    assert answer.header("content-length") is None


@pytest.mark.parametrize("headers", [("If-Match", OTHER), ("Range", "bytes=1024-")])
def test_a_refusal_is_empty_guarded_and_not_to_be_kept(headers: tuple[str, str]):
    answer = get(headers, served=replace(SERVED, cache_control="public, immutable"))

    assert answer.header("content-length") == "0"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("etag") == ETAG
    assert answer.header("repr-digest") is None


# ── ranges ───────────────────────────────────────────────────────────────────────────────────────────────────────

RANGES: list[tuple[str, list[tuple[int, int]] | None]] = [
    ("bytes=0-0", [(0, 1)]),
    ("bytes=0-99", [(0, 100)]),
    ("bytes=10-", [(10, 100)]),
    ("bytes=-1", [(99, 100)]),
    ("bytes=-100", [(0, 100)]),
    ("bytes=-9999", [(0, 100)]),
    ("bytes=50-9999", [(50, 100)]),
    (f"bytes=50-{10**30}", [(50, 100)]),
    ("BYTES=0-1", [(0, 2)]),
    ("bytes= 0-1 ,\t5-6", [(0, 2), (5, 7)]),
    ("bytes=,0-1,,", [(0, 2)]),
    ("bytes=5-6,0-1", [(5, 7), (0, 2)]),
    ("bytes=0-1,2-3", [(0, 4)]),
    ("bytes=0-50,10-20", [(0, 51)]),
    ("bytes=90-,10-20,0-15", [(90, 100), (0, 21)]),
    ("bytes=0-1,500-600", [(0, 2)]),
    ("bytes=-0,5-6", [(5, 7)]),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 32, 2)), [(n, n + 1) for n in range(0, 32, 2)]),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(100)), [(0, 100)]),
    # Ignored.
    ("", None),
    ("bytes", None),
    ("bytes=", None),
    ("bytes=,", None),
    ("bytes=-", None),
    ("bytes=1", None),
    ("bytes=a-b", None),
    ("bytes=2-1", None),
    ("bytes=0-1,2-1", None),
    ("bytes=0-1;2-3", None),
    ("bytes=0 - 1", None),
    ("bytes=--1", None),
    ("bytes=+1-2", None),
    ("bytes=0x1-2", None),
    ("bytes=1_0-20", None),
    ("bytes=٠-١", None),
    ("bytes=0-1\n", None),
    ("bytes =0-1", None),
    (" bytes=0-1", None),
    ("items=0-1", None),
    ("bytes=0-1, bytes=4-5", None),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 34, 2)), None),
    ("bytes=" + "0-0," * 101, None),
    ("bytes=0-" + "9" * 4096, None),
]


@pytest.mark.parametrize(("header", "spans"), RANGES)
def test_a_range_header_means(header: str, spans: list[tuple[int, int]] | None):
    assert parse_range(header, 100) == spans


@pytest.mark.parametrize(("count", "is_kept"), [(MAX_RANGES, True), (MAX_RANGES + 1, False)])
def test_more_ranges_than_allowed_are_the_whole_file(count: int, is_kept: bool):
    """Once those that touch are one."""
    apart = [f"{10 * number}-{10 * number + 1},{10 * number + 2}-{10 * number + 3}" for number in range(count)]

    assert (parse_range("bytes=" + ",".join(apart), 1000) is not None) is is_kept


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=100-,-0,200-300"])
def test_a_range_of_nothing_is_unsatisfiable(header: str):
    with pytest.raises(RangeUnsatisfiable):
        parse_range(header, 100)


def test_the_last_bytes_of_an_empty_file_are_the_whole_of_it():
    assert parse_range("bytes=-5", 0) is None
    with pytest.raises(RangeUnsatisfiable):
        parse_range("bytes=0-", 0)
    with pytest.raises(RangeUnsatisfiable):
        parse_range("bytes=-0", 0)


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-299", 100, 300), ("bytes=1000-", 1000, 1024), ("bytes=-5", 1019, 1024)],
)
def test_one_range_is_a_part_of_the_file(header: str, start: int, stop: int):
    store = Store()
    answer = get(("Range", header), store=store)

    assert (answer.status, answer.body) == (206, DATA[start:stop])
    assert answer.header("content-range") == f"bytes {start}-{stop - 1}/1024"
    assert answer.header("content-length") == str(stop - start)
    assert answer.header("content-type") == "image/png"
    assert store.opened == [(start, stop)]


def test_an_unsatisfiable_range_is_told_the_size():
    answer = get(("Range", "bytes=1024-"))

    assert (answer.status, answer.body) == (416, b"")
    assert answer.header("content-range") == "bytes */1024"


def test_an_ignored_range_gets_the_whole_file():
    assert (get(("Range", "lines=1-2")).status, get(("Range", "bytes=9-1")).body) == (200, DATA)


def test_several_ranges_are_exact_to_the_byte():
    store = Store()
    answer = get(("Range", "bytes=1000-1009,0-1"), store=store)
    boundary = SHA256[:48]

    assert answer.status == 206
    assert answer.header("content-type") == f"multipart/byteranges; boundary={boundary}"
    assert answer.header("content-range") is None
    assert answer.body == (
        f"\r\n--{boundary}\r\nContent-Type: image/png\r\nContent-Range: bytes 1000-1009/1024\r\n\r\n".encode()
        + DATA[1000:1010]
        + f"\r\n--{boundary}\r\nContent-Type: image/png\r\nContent-Range: bytes 0-1/1024\r\n\r\n".encode()
        + DATA[:2]
        + f"\r\n--{boundary}--\r\n".encode()
    )
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.is_complete
    assert store.opened == [(1000, 1010), (0, 2)]
    assert store.closed == 2


def test_another_reader_of_multipart_reads_it_alike():
    answer = get(("Range", "bytes=0-9,100-399,-7"))
    head = f"Content-Type: {answer.header('content-type')}\r\n\r\n".encode()
    parts = list(message_from_bytes(head + answer.body, policy=HTTP).iter_parts())

    assert [part["Content-Range"] for part in parts] == [
        "bytes 0-9/1024",
        "bytes 100-399/1024",
        "bytes 1017-1023/1024",
    ]


def test_parts_of_what_can_carry_scripts_are_octets_too():
    answer = get(("Range", "bytes=0-1,5-6"), served=replace(SERVED, mime="text/html"))

    assert b"text/html" not in answer.body
    assert answer.body.count(b"Content-Type: application/octet-stream\r\n") == 2


# ── when something breaks ────────────────────────────────────────────────────────────────────────────────────────


def test_a_store_that_does_not_open_is_an_error_and_no_answer():
    async def open(_start: int, _stop: int) -> AsyncIterator[bytes]:
        raise StorageUnavailable("gone")

    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})

    with pytest.raises(StorageUnavailable):
        asyncio.run(respond(request, SERVED, open))


def test_a_store_that_gives_nothing_is_an_error_and_no_answer():
    store, client = Store(b""), Client()

    with pytest.raises(StorageUnavailable):
        asyncio.run(exchange(store, SERVED, client, "GET", []))
    assert client.status == 0
    assert store.closed == 1


@pytest.mark.parametrize("data", [DATA[:-1], DATA[:100], DATA + b"x"])
def test_a_body_that_is_not_as_long_as_promised_is_broken_off(data: bytes):
    class Wrong(Store):
        async def open(self, start: int, stop: int) -> AsyncIterator[bytes]:
            return await super().open(start, stop + 1)

    store, client = Wrong(data), Client()

    with pytest.raises(StorageUnavailable):
        asyncio.run(exchange(store, SERVED, client, "GET", []))
    assert not client.is_complete
    assert len(client.body) <= len(DATA)
    assert store.closed == 1


@pytest.mark.parametrize("send_fails", [False, True])
@pytest.mark.parametrize("ranges", [[], [("Range", "bytes=0-499,600-1000")]])
def test_when_the_client_leaves_the_store_is_let_go(send_fails: bool, ranges: list[tuple[str, str]]):
    store, client = Store(piece=1), Client(leaves_after=3, send_fails=send_fails)
    asyncio.run(exchange(store, SERVED, client, "GET", ranges))

    assert not client.is_complete
    assert store.pieces_read < 10
    assert store.closed == 1


def test_a_client_that_never_was_there_costs_one_piece():
    store = Store(piece=1)
    asyncio.run(exchange(store, SERVED, Client(leaves_after=0, send_fails=True), "GET", []))

    assert (store.pieces_read, store.closed) == (1, 1)


def test_when_the_answering_is_cancelled_the_store_is_let_go():
    store, client = Store(piece=1), Client()

    async def story() -> None:
        answering = asyncio.create_task(exchange(store, SERVED, client, "GET", []))
        while not client.pieces:  # noqa: ASYNC110 - nothing tells when the first piece has come
            await asyncio.sleep(0)
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering

    asyncio.run(story())

    assert store.closed == 1


def test_a_client_that_does_not_read_holds_up_the_store():
    store, client = Store(piece=1), Client()

    async def story() -> int:
        gate = asyncio.Event()
        take = client.send

        async def send(message: Message) -> None:
            if len(client.pieces) == 5:
                await gate.wait()
            await take(message)

        client.send = send  # type: ignore[method-assign]
        answering = asyncio.create_task(exchange(store, SERVED, client, "GET", []))
        for _ in range(1000):
            await asyncio.sleep(0)
        read_meanwhile = store.pieces_read
        gate.set()
        await answering
        return read_meanwhile

    assert asyncio.run(story()) <= 7
    assert client.body == DATA


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photo.png", 'attachment; filename="photo.png"'),
        ("a b; c=d, (e)'f'.txt", "attachment; filename=\"a b; c=d, (e)'f'.txt\""),
        ("naïve.txt", "attachment; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ("日本.pdf", "attachment; filename=\"__.pdf\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.pdf"),
        ('a"b\\c.txt', "attachment; filename=\"a_b_c.txt\"; filename*=UTF-8''a%22b%5Cc.txt"),
        ("100%41.txt", "attachment; filename=\"100_41.txt\"; filename*=UTF-8''100%2541.txt"),
        ("a\r\nSet-Cookie: x", 'attachment; filename="aSet-Cookie: x"'),
        ("tab\there\x7f\x85.txt", 'attachment; filename="tabhere.txt"'),
        ("it's (1)*é", "attachment; filename=\"it's (1)*_\"; filename*=UTF-8''it%27s%20%281%29%2A%C3%A9"),
        ("\ud800", "attachment; filename=\"_\"; filename*=UTF-8''%3F"),
        ("", "attachment"),
        ("\n\0", "attachment"),
    ],
)
def test_a_name_in_a_header(name: str, expected: str):
    assert content_disposition(name, inline=False) == expected
    assert content_disposition(name, inline=True) == expected.replace("attachment", "inline", 1)


# ── files that the server sends itself ───────────────────────────────────────────────────────────────────────────

SENDS_PATHS = {"http.response.pathsend": {}}


def answer_from(path: Path, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The messages of an answer to a server that can send paths."""
    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": raw, "extensions": SENDS_PATHS}
    sent: list[dict[str, Any]] = []
    data = path.read_bytes() if path.exists() else b""

    async def story() -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            return {}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def open(start: int, stop: int) -> AsyncIterator[bytes]:
            async def pieces() -> AsyncIterator[bytes]:
                yield data[start:stop]

            return pieces()

        response = await respond(Request(scope), SERVED, open, path)
        await response(scope, receive, send)

    asyncio.run(story())
    return sent


def test_a_whole_file_is_sent_by_the_server_itself(tmp_path: Path):
    """With the same headers; not a byte of it passes through here."""
    path = tmp_path / "blob"
    path.write_bytes(bytes(SERVED.size))

    start, body = answer_from(path)

    assert (200, {"type": "http.response.pathsend", "path": str(path)}) == (start["status"], body)
    assert (b"content-length", str(SERVED.size).encode()) in start["headers"]


def test_a_part_of_a_file_is_read_here(tmp_path: Path):
    """Servers send whole files only."""
    path = tmp_path / "blob"
    path.write_bytes(bytes(SERVED.size))

    start, *bodies = answer_from(path, {"Range": "bytes=0-1"})

    assert 206 == start["status"]
    assert {"http.response.body"} == {body["type"] for body in bodies}


@pytest.mark.parametrize("size", [None, SERVED.size - 1, SERVED.size + 1])
def test_a_file_that_is_gone_or_not_whole_is_an_error_before_the_first_byte(tmp_path: Path, size: int | None):
    """Never a short 200."""
    path = tmp_path / "blob"
    if size is not None:
        path.write_bytes(bytes(size))

    with pytest.raises(StorageUnavailable):
        answer_from(path)


def test_a_planted_link_is_not_sent_by_the_server(tmp_path: Path):
    """It would follow the link, even to a file that is just as long as the name of the link's target."""
    path = tmp_path / "blob"
    path.symlink_to("/etc/passwd".rjust(len(DATA), "/"))
    assert path.lstat().st_size == len(DATA)

    with pytest.raises(StorageUnavailable):
        answer_from(path)
