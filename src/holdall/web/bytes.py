"""Bytes as an HTTP answer: which of them, under which headers, and whether the client already has them.

Follows RFC 9110 (conditions, section 13; ranges, section 14), RFC 6266 with RFC 8187 (the file's name) and RFC 9530
(its digest). What is served here was uploaded by strangers, so each answer forbids the browser to guess the type, to
run anything, and to let other sites embed it; types that can carry scripts go out as plain octets.
"""

import asyncio
import re
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from holdall.errors import BytesDamaged, StorageUnavailable
from holdall.web.digests import digest_field
from holdall.web.elsewhere import UNKEPT, Elsewhere, may_be_led
from holdall.web.handover import PATHSEND, may_be_path, reads_one_way

Open = Callable[[int, int], Awaitable[AsyncIterator[bytes]]]
"""Opens the bytes from a start (inclusive) to a stop (exclusive); raises before the first of them or not at all."""

Span = tuple[int, int]
"""The bytes from a start (inclusive) to a stop (exclusive)."""

MAX_RANGE_HEADER = 4096
MAX_RANGE_PARTS = 100
MAX_RANGES = 16
"""Ranges in one answer, once those that touch are one. Who wants more gets the whole file, which costs less."""

ACTIVE_MIMES = frozenset(
    {
        "application/ecmascript",
        "application/javascript",
        "application/x-ecmascript",
        "application/x-javascript",
        "application/xhtml+xml",
        "application/xml",
        "image/svg+xml",
        "multipart/x-mixed-replace",
        "text/ecmascript",
        "text/html",
        "text/javascript",
        "text/xml",
        "text/xsl",
    }
)
"""Types in which a browser may run something. So may it in any ``…+xml``, whether listed or not."""

_PARTIAL = 206
_OCTETS = "application/octet-stream"
_CONDITIONS = frozenset(
    {
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"range",
    }
)
_GUARDS = [
    (b"accept-ranges", b"bytes"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
]

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PLAIN_NAME = re.compile(r"[ !#$&-\[\]-~]+")  # printable ASCII without " % \
_NOT_PLAIN = re.compile(r"[^ !#$&-\[\]-~]")
_ATTR_CHARS = "!#$&+-.^_`|~"  # what RFC 8187 leaves bare, letters and digits aside

_BYTES_UNIT = re.compile(r"bytes=", re.IGNORECASE)
_RANGE = re.compile(r"[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*")
_TAG = re.compile(r'[ \t]*(?:(W/)?("[\x21\x23-\x7e\x80-\xff]*"))?[ \t]*(?:,|$)')


class RangeUnsatisfiable(Exception):  # noqa: N818 - the name of the field, and of the status
    """None of the ranges asked for touches the file."""


@dataclass(frozen=True, slots=True)
class Served:
    """What is to be served, and how."""

    size: int
    etag: str
    """Strong, with its quotes; from the digest, so that equal bytes have equal tags."""
    mime: str
    name: str
    """What the client may call the file; anything at all, it cannot break the header."""
    inline: bool
    """May be shown in the browser. Never honoured for types that can carry scripts."""
    last_modified: datetime
    sha256: str
    """Lower-case hex, of the whole file."""
    cache_control: str
    vary: str = ""
    """The request headers that this was chosen by."""


async def respond(
    request: Request, served: Served, open: Open, path: Path | None = None, elsewhere: Elsewhere | None = None
) -> Response:
    """The answer to a GET or HEAD of ``served``: 200, 206, 304, 412 or 416; or 302 to where it can be had.

    ``path`` is where the bytes lie, if they lie on this machine: a server that can will send a whole file itself, and
    a proxy that can a range of it too (``web.handover``). ``elsewhere`` leads clients to the store.

    The store is opened, and the first piece read, before there is an answer: what ``open`` raises comes out of here
    and can still become an error answer. HEAD and the answers without a body do not open it.
    """
    conditions = _conditions(request)
    if conditions and (status := _failed_precondition(conditions, served)):
        return _refusal(status, served) if status == 412 else _Head(304, _file_headers(served))  # noqa: PLR2004
    if request.method == "HEAD":
        return _Head(200, _parts_of(None, served).headers)
    try:
        spans = _asked_spans(conditions, served) if conditions else None
    except RangeUnsatisfiable:
        return _refusal(416, served)
    plan = _parts_of(spans, served)
    extensions = request.scope.get("extensions", {})
    if path is not None and may_be_path(extensions, conditions, is_whole=spans is None):
        return _Path.found(plan, path, served.size)
    if elsewhere is not None and plan.length >= elsewhere.min_bytes and _may_be_elsewhere(request, served, plan.status):
        return _Head(302, await _leading(served, plan.length, elsewhere))
    return await _Bytes.opened(plan, open)


# ── the name ─────────────────────────────────────────────────────────────────────────────────────────────────────


def content_disposition(name: str, *, inline: bool) -> str:
    """The Content-Disposition of a file called ``name``: printable ASCII, whatever the name holds.

    A name that is not plain goes out twice: as it is, percent-encoded, for all current clients, and with ``_`` for
    what is not plain, for the others. ``%`` counts as not plain, since some clients decode it where they must not.
    """
    kind = "inline" if inline else "attachment"
    if _PLAIN_NAME.fullmatch(name):
        return f'{kind}; filename="{name}"'
    clean = _CONTROLS.sub("", name)
    if not clean:
        return kind
    fallback = _NOT_PLAIN.sub("_", clean)
    if fallback == clean:
        return f'{kind}; filename="{clean}"'
    encoded = quote(clean.encode("utf-8", "replace"), safe=_ATTR_CHARS)
    return f"{kind}; filename=\"{fallback}\"; filename*=UTF-8''{encoded}"


# ── ranges ───────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_range(header: str, size: int) -> list[Span] | None:
    """The spans of a file of ``size`` bytes that a Range header asks for; ``None`` when it is to be ignored.

    Spans come in the order asked, those that overlap or touch as one, so that together they never exceed the file.
    Ignored, and answered with the whole file, are headers that are malformed, of another unit, or asking for too
    many parts; also the last bytes of an empty file, which are all there are.

    Raises:
        RangeUnsatisfiable: the header is in order, and asks for nothing that exists.

    """
    asked = _parse_parts(header)
    if not asked:
        return None
    spans = [span for first, last in asked if (span := _resolve(first, last, size))]
    if not spans:
        if size == 0 and any(first is None and last for first, last in asked):
            return None
        raise RangeUnsatisfiable
    merged = _merge(spans)
    return merged if len(merged) <= MAX_RANGES else None


def _parse_parts(header: str) -> list[tuple[int | None, int | None]] | None:
    """The (first, last) positions of each part, either of which may be missing; ``None`` when malformed."""
    unit = _BYTES_UNIT.match(header) if len(header) <= MAX_RANGE_HEADER else None
    if unit is None:
        return None
    parts = [part for part in header[unit.end() :].split(",") if part.strip(" \t")]  # a list may have empty elements
    matches = [_RANGE.fullmatch(part) for part in parts]
    if len(parts) > MAX_RANGE_PARTS or not all(matches):
        return None
    asked = [_positions(match) for match in matches if match]
    return None if any(first is not None and last is not None and last < first for first, last in asked) else asked


def _positions(match: "re.Match[str]") -> tuple[int | None, int | None]:
    first, last, suffix = match.groups()
    if first is None:
        return None, int(suffix)
    return int(first), int(last) if last else None


def _resolve(first: int | None, last: int | None, size: int) -> Span | None:
    """The bytes that a part stands for; ``None`` when it stands for none."""
    if first is None:
        start, stop = max(0, size - (last or 0)), size
    else:
        start, stop = first, size if last is None else min(last + 1, size)
    return (start, stop) if start < stop else None


def _merge(spans: list[Span]) -> list[Span]:
    """The spans with those that overlap or touch made one, each where its first member was asked."""
    if len(spans) == 1:
        return spans
    merged: list[tuple[int, int, int]] = []  # place in the request, start, stop
    for place, (start, stop) in sorted(enumerate(spans), key=lambda asked: asked[1]):
        if merged and start <= merged[-1][2]:
            before = merged[-1]
            merged[-1] = (min(place, before[0]), before[1], max(stop, before[2]))
        else:
            merged.append((place, start, stop))
    return [(start, stop) for _, start, stop in sorted(merged)]


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────


def _conditions(request: Request) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for name, value in request.scope["headers"]:
        if name in _CONDITIONS:
            text = value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _failed_precondition(conditions: dict[bytes, str], served: Served) -> int | None:
    """The status that a failed condition calls for, in the order of precedence of RFC 9110, section 13.2.2."""
    if (tags := conditions.get(b"if-match")) is not None:
        if not _names(tags, served.etag, strongly=True):
            return 412
    elif _is_before(conditions.get(b"if-unmodified-since"), served.last_modified):
        return 412
    if (tags := conditions.get(b"if-none-match")) is not None:
        return 304 if _names(tags, served.etag, strongly=False) else None
    since = _parse_date(conditions.get(b"if-modified-since"))
    return 304 if since is not None and _seconds(served.last_modified) <= since else None


def _asked_spans(conditions: dict[bytes, str], served: Served) -> list[Span] | None:
    asked = conditions.get(b"range")
    if asked is None or not _may_range(conditions.get(b"if-range"), served):
        return None
    return parse_range(asked, served.size)


def _may_range(validator: str | None, served: Served) -> bool:
    """Whether the part that the client has, by its If-Range, is of these very bytes. There weak tags do not count."""
    if validator is None or validator == served.etag:
        return True
    # The date may be taken as a strong validator: what is served under one name never changes.
    return '"' not in validator and _parse_date(validator) == _seconds(served.last_modified)


def _names(tags: str, etag: str, *, strongly: bool) -> bool:
    """Whether a list of entity tags, or ``*``, holds ``etag``. A malformed list holds nothing."""
    if tags.strip() == "*":
        return True
    is_named, position = False, 0
    while position < len(tags):
        match = _TAG.match(tags, position)
        if match is None:
            return False
        weak, tag = match.groups()
        is_named = is_named or (tag == etag and not (weak and strongly))
        position = match.end()
    return is_named


def _is_before(date: str | None, moment: datetime) -> bool:
    parsed = _parse_date(date)
    return parsed is not None and parsed < _seconds(moment)


def _parse_date(date: str | None) -> int | None:
    """The seconds since 1970 of an HTTP date in any of its three spellings; ``None`` when it is none."""
    if date is None or not date.isascii():
        return None
    try:
        parsed = parsedate_to_datetime(date)
        return _seconds(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _seconds(moment: datetime) -> int:
    """HTTP dates know no fractions, so neither may what they are compared with."""
    return int(moment.timestamp())


# ── headers ──────────────────────────────────────────────────────────────────────────────────────────────────────

Headers = list[tuple[bytes, bytes]]


def _validators(served: Served) -> Headers:
    date = format_datetime(served.last_modified.astimezone(UTC), usegmt=True)
    vary = [(b"vary", served.vary.encode("latin-1"))] if served.vary else []
    return [*_GUARDS, *vary, (b"etag", served.etag.encode("latin-1")), (b"last-modified", date.encode("ascii"))]


def _file_headers(served: Served, content_type: str = "") -> Headers:
    """What every answer says that stands for the file."""
    inline = served.inline and not _is_active(served.mime)
    return [
        *_validators(served),
        (b"content-type", (content_type or _content_type(served.mime)).encode("latin-1")),
        (b"content-disposition", content_disposition(served.name, inline=inline).encode("ascii")),
        (b"cache-control", served.cache_control.encode("latin-1")),
        (b"repr-digest", _digest(served)),
    ]


def _digest(served: Served) -> bytes:
    """The SHA-256 as RFC 9530 writes it: of the representation always, of the content where that is all of it."""
    return digest_field(served.sha256).encode("ascii")


def _refusal(status: int, served: Served) -> Response:
    """An answer that does not stand for the file. It must not be kept: a cache would hand it to those who ask well."""
    headers = [*_validators(served), (b"cache-control", b"no-store"), _length(0)]
    if status == 416:  # noqa: PLR2004 - the one that tells the size
        headers.append((b"content-range", f"bytes */{served.size}".encode("ascii")))
    return _Head(status, headers)


def _length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", str(size).encode("ascii")


def _content_type(mime: str) -> str:
    return _OCTETS if _is_active(mime) else mime


def _is_active(mime: str) -> bool:
    kind = mime.partition(";")[0].strip().lower()
    return kind in ACTIVE_MIMES or kind.endswith("+xml")


def _may_be_elsewhere(request: Request, served: Served, status: int) -> bool:
    """Whether the store may answer in our place: to what it cannot misread, and with what no browser runs."""
    is_plain = reads_one_way(_conditions(request), is_whole=status != _PARTIAL)
    return is_plain and may_be_led(request) and not _is_active(served.mime)


async def _leading(served: Served, length: int, elsewhere: Elsewhere) -> Headers:
    """What an answer says that leads to the file; those who find it later find a URL that is good for nothing."""
    answer = {
        "content-type": _content_type(served.mime),
        "content-disposition": content_disposition(served.name, inline=served.inline),
        "cache-control": UNKEPT,
    }
    where = await elsewhere.sign(length, answer)
    return [
        *_GUARDS,
        (b"location", where.encode("ascii")),
        (b"cache-control", UNKEPT.encode("ascii")),
        _length(0),
    ]


# ── bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Part:
    """A span of the file, and what goes before it."""

    span: Span
    preamble: bytes = b""


@dataclass(frozen=True, slots=True)
class _Parts:
    """An answer with a body, planned to the byte."""

    status: int
    headers: Headers
    length: int
    parts: Sequence[_Part]
    ending: bytes = b""


def _parts_of(spans: list[Span] | None, served: Served) -> _Parts:
    if spans is None:
        headers = [*_file_headers(served), (b"content-digest", _digest(served)), _length(served.size)]
        return _Parts(200, headers, served.size, [_Part((0, served.size))])
    return _one_part(spans[0], served) if len(spans) == 1 else _many_parts(spans, served)


def _one_part(span: Span, served: Served) -> _Parts:
    length = span[1] - span[0]
    content_range = (b"content-range", _content_range(span, served).encode("ascii"))
    return _Parts(206, [*_file_headers(served), content_range, _length(length)], length, [_Part(span)])


def _many_parts(spans: list[Span], served: Served) -> _Parts:
    # The boundary must not occur in the file, and whoever made the file knows how it is chosen. None can be made that
    # holds a good part of its own digest.
    boundary = served.sha256[:48]
    mime = _content_type(served.mime)
    parts = [
        _Part(
            span, f"\r\n--{boundary}\r\nContent-Type: {mime}\r\n{_range_line(span, served)}\r\n\r\n".encode("latin-1")
        )
        for span in spans
    ]
    ending = f"\r\n--{boundary}--\r\n".encode("ascii")
    length = sum(len(part.preamble) + part.span[1] - part.span[0] for part in parts) + len(ending)
    headers = _file_headers(served, f"multipart/byteranges; boundary={boundary}")
    return _Parts(206, [*headers, _length(length)], length, parts, ending)


def _range_line(span: Span, served: Served) -> str:
    return f"Content-Range: {_content_range(span, served)}"


def _content_range(span: Span, served: Served) -> str:
    return f"bytes {span[0]}-{span[1] - 1}/{served.size}"


class _Head(Response):
    """An answer without a body."""

    def __init__(self, status: int, headers: Headers) -> None:
        self.status_code = status
        self.raw_headers = headers
        self.body = b""
        self.background = None


class _Bytes(_Head):
    """An answer that reads the store no faster than the client takes it, and lets go of it whatever happens."""

    def __init__(self, plan: _Parts, open: Open, first: bytes, rest: AsyncIterator[bytes]) -> None:
        super().__init__(plan.status, plan.headers)
        self._plan = plan
        self._open = open
        self._first = first
        self._rest = rest

    @classmethod
    async def opened(cls, plan: _Parts, open: Open) -> "_Bytes":
        """The answer, with the store open and its first piece at hand."""
        pieces = await open(*plan.parts[0].span)
        try:
            first = await anext(pieces, b"")
            _check_left(len(first) - (plan.length > 0))
        except BaseException:
            await _close(pieces)
            raise
        return cls(plan, open, first, pieces)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Send it."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        try:
            if not await _deliver(send, start):
                return
            if len(self._first) == self._plan.length:
                await _deliver(send, {"type": "http.response.body", "body": self._first})
            else:
                await self._stream(receive, send)
        finally:
            await _close(self._rest)

    async def _stream(self, receive: Receive, send: Send) -> None:
        # Not every server fails ``send`` when the client is gone, and none does at once; all of them tell ``receive``.
        leaving = asyncio.ensure_future(_client_leaves(receive))
        try:
            async with aclosing(self._pieces()) as pieces:
                left = self._plan.length
                async for piece in pieces:
                    left -= len(piece)
                    _check_left(left)
                    body = {"type": "http.response.body", "body": piece, "more_body": left > 0}
                    if not await _deliver(send, body) or leaving.done():
                        return
                _check_left(-left)
        finally:
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        for part in self._plan.parts:
            if part.preamble:
                yield part.preamble
            if part is not self._plan.parts[0]:
                self._rest = await self._open(*part.span)
            elif self._first:
                yield self._first
            async for piece in self._rest:
                yield piece
            await _close(self._rest)
        if self._plan.ending:
            yield self._plan.ending


class _Path(_Head):
    """A file, or one range of it, that a server sends by itself, without a byte of it passing through here."""

    def __init__(self, plan: _Parts, path: Path) -> None:
        super().__init__(plan.status, plan.headers)
        self._path = path

    @classmethod
    def found(cls, plan: _Parts, path: Path, size: int) -> "_Path":
        """The answer, for a file that is there and whole: the server would break off at one that is not."""
        try:
            found = path.stat(follow_symlinks=False)
        except OSError as error:
            # Where the folder is gone too, the disk is not mounted, and nothing is known of the file.
            is_gone = isinstance(error, FileNotFoundError) and path.parent.is_dir()
            kind = BytesDamaged if is_gone else StorageUnavailable
            raise kind(f"the file cannot be sent: {error.strerror}") from error
        if not stat.S_ISREG(found.st_mode):  # the server would follow a link
            raise StorageUnavailable("the file cannot be sent: it is none")
        if found.st_size != size:
            raise BytesDamaged(f"{found.st_size} bytes, and {size} came")
        return cls(plan, path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Send it."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if await _deliver(send, start):
            await _deliver(send, {"type": PATHSEND, "path": str(self._path)})


def _check_left(left: int) -> None:
    """Break the connection rather than send what the headers do not say."""
    if left < 0:
        raise StorageUnavailable("the store gave more or fewer bytes than were asked")


async def _deliver(send: Send, message: Message) -> bool:
    """Whether the client is still there to take it."""
    try:
        await send(message)
    except OSError:
        return False
    return True


async def _client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _close(pieces: AsyncIterator[bytes]) -> None:
    """Let go of a store's iterator, if it holds on to anything."""
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()
