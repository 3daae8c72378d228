"""The front gate: a multipart body becomes text fields and staged files, in bounded memory, time and number."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import multipart
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from holdall.domain.files import Staged
from holdall.errors import EncodingRefused, Malformed, TooLarge, TooManyFiles, TooSlow
from holdall.web.digests import ALGORITHMS, check_digests, parse_digests
from holdall.web.staging import StagingFile

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_PARTS = 64
"""Clients send two to four; ten thousand parts cost a parser more than their bytes."""
MAX_PART_HEADERS = 8
"""RFC 7578 knows three."""
MAX_HEADER_BYTES = 4096
"""Room for a file name of 1,000 characters in any script."""
MAX_FIELD_BYTES = 64 << 10
FORM_SLACK_BYTES = 256 << 10
"""What boundaries, part headers and text fields may add to the files of a body."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How much of a body is read, how fast it must come, and for how long."""

    max_file_bytes: int
    """Kept of one file; what comes after is counted and dropped, so that the form's other fields are still read."""
    max_body_bytes: int
    """Read at all; past it the request ends at once."""
    max_files: int = 1
    stall_seconds: float = 20.0
    body_seconds: float = 3600.0
    min_bytes_per_second: int = 1024
    grace_seconds: float = 10.0
    """The floor on speed holds after this long."""

    def sized(self, max_file_bytes: int, *, max_files: int = 1, tolerance_bytes: int = 0) -> "BodyLimits":
        """The same pace for another ceiling.

        ``tolerance_bytes`` past it are still read: where text fields decide which error a client gets, an oversized
        file must not hide the fields that follow it.
        """
        body = max_file_bytes + tolerance_bytes + FORM_SLACK_BYTES
        return replace(self, max_file_bytes=max_file_bytes, max_files=max_files, max_body_bytes=body)


@dataclass(slots=True)
class Form:
    """What a multipart body held."""

    fields: dict[str, str] = field(default_factory=dict)
    """Text fields; of several of one name, the last."""
    files: list[Staged] = field(default_factory=list)


@asynccontextmanager
async def receive_form(
    receive: Receive, headers: Mapping[str, str], folder: Path, limits: BodyLimits
) -> AsyncIterator[Form]:
    """Read a multipart/form-data body; its staged files live as long as the context.

    Raises:
        Malformed: no form, no boundary, broken or truncated parts, too many parts, a header too long.
        EncodingRefused: the body is compressed.
        TooLarge: the body announces or has more bytes than are read.
        TooManyFiles: more files than allowed.
        TooSlow: it stalled, crawled, or took too long in all.
        DigestMismatch: it is not what its digest header announced.
        StorageFull, StorageUnavailable: the bytes could not be written.

    """
    reader = _FormReader(folder, limits, _parser(headers, limits), headers)
    try:
        yield await reader.read(receive)
    finally:
        for staging in reader.stagings:
            await staging.discard()


def _parser(headers: Mapping[str, str], limits: BodyLimits) -> PushMultipartParser:
    """A parser for this body, or the reason why there can be none; before a byte of it is read."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise EncodingRefused(encoding)
    content_type, options = multipart.parse_options_header(headers.get("content-type", ""))
    if content_type != "multipart/form-data":
        raise Malformed("multipart", "the body must be multipart/form-data")
    boundary = options.get("boundary", "")
    if not 1 <= len(boundary) <= 200 or not boundary.isascii() or not boundary.isprintable():  # noqa: PLR2004
        raise Malformed("multipart", "the Content-Type has no usable boundary")
    if announced_length(headers) > limits.max_body_bytes:
        raise TooLarge(limits.max_file_bytes)
    return PushMultipartParser(
        boundary,
        max_header_size=MAX_HEADER_BYTES,
        max_header_count=MAX_PART_HEADERS,
        max_segment_count=MAX_PARTS,
        strict=False,
    )


def announced_length(headers: Mapping[str, str]) -> int:
    """The Content-Length, 0 when there is none.

    Raises:
        Malformed: it is not a plain number.

    """
    text = headers.get("content-length", "0").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004
        raise Malformed("header", "Content-Length is not a number")
    return int(text)


class _FormReader:
    """Reads one body: the watch on its pace, the parser, the staging files."""

    def __init__(
        self, folder: Path, limits: BodyLimits, parser: PushMultipartParser, headers: Mapping[str, str]
    ) -> None:
        self.stagings: list[StagingFile] = []
        self._folder = folder
        self._limits = limits
        self._parser = parser
        self._announced = [
            parse_digests(headers[name]) for name in ("content-digest", "repr-digest") if name in headers
        ]
        self._body_digests = {name: ALGORITHMS[name]() for names in self._announced for name in names}
        self._form = Form()
        self._received = 0
        self._file: StagingFile | None = None
        self._file_announced: dict[str, bytes] = {}
        self._field_name = ""
        self._field_bytes = bytearray()

    async def read(self, receive: Receive) -> Form:
        try:
            async with asyncio.timeout(self._limits.stall_seconds) as watch:
                await self._read_chunks(receive, watch)
            self._parser.close()
        except TimeoutError as error:
            raise TooSlow(self._limits.stall_seconds) from error
        except ParserLimitReached as error:
            raise Malformed("multipart", f"too many parts, or a part header too long ({error})") from error
        except (MultipartError, UnicodeDecodeError) as error:
            raise Malformed("multipart", f"the body breaks off or is not well-formed ({error})") from error
        self._check_body_digests()
        return self._form

    async def _read_chunks(self, receive: Receive, watch: asyncio.Timeout) -> None:
        """The body as it comes. The watch runs only while we wait for the client, not while we work."""
        loop = asyncio.get_running_loop()
        began, more = loop.time(), True
        while more:
            message = await receive()
            watch.reschedule(None)
            if message["type"] == "http.disconnect":
                raise Malformed("multipart", "the client went away in mid-body")
            chunk, more = message.get("body", b""), message.get("more_body", False)
            self._count(len(chunk), loop.time() - began)
            await self._parse(chunk)
            watch.reschedule(loop.time() + self._limits.stall_seconds)

    async def _parse(self, chunk: bytes) -> None:
        for digest in self._body_digests.values():
            digest.update(chunk)
        if chunk:
            for event in self._parser.parse(chunk):
                await self._take(event)

    def _count(self, count: int, elapsed: float) -> None:
        limits = self._limits
        self._received += count
        if self._received > limits.max_body_bytes:
            raise TooLarge(limits.max_file_bytes)
        is_crawling = self._received < limits.min_bytes_per_second * (elapsed - limits.grace_seconds)
        if is_crawling or elapsed > limits.body_seconds:
            raise TooSlow(elapsed)

    async def _take(self, event: MultipartSegment | bytes | None) -> None:
        """One parser event: a part begins, a piece of it, or its end."""
        if event is None:
            await self._end_part()
        elif not isinstance(event, MultipartSegment):
            await self._take_piece(bytes(event))
        elif any("\n" in value for _, value in event.headerlist):  # the parser sees it only where a piece ends there
            raise Malformed("multipart", "a part header has a bare line feed")
        elif event.filename is None:
            self._field_name, self._field_bytes = event.name, bytearray()
        else:
            self._begin_file(event)

    def _begin_file(self, part: MultipartSegment) -> None:
        if len(self.stagings) >= self._limits.max_files:
            raise TooManyFiles(self._limits.max_files)
        self._file_announced = parse_digests(part.header("Content-Digest", "") or part.header("Repr-Digest", ""))
        self._file = StagingFile(self._folder, part.filename, part.name, self._limits.max_file_bytes)
        if "sha-512" in self._file_announced or any("sha-512" in names for names in self._announced):
            self._file.digests["sha-512"] = ALGORITHMS["sha-512"]()
        self.stagings.append(self._file)

    async def _take_piece(self, piece: bytes) -> None:
        if self._file is not None:
            await self._file.write(piece)
            return
        self._field_bytes += piece
        if len(self._field_bytes) > MAX_FIELD_BYTES:
            raise Malformed("multipart", f"the field {self._field_name!r} is over {MAX_FIELD_BYTES} bytes")

    async def _end_part(self) -> None:
        if self._file is None:
            self._form.fields[self._field_name] = self._field_bytes.decode("utf-8", "replace")
            return
        file, self._file = self._file, None
        self._form.files.append(await file.finish())
        if not file.is_over:
            check_digests(self._file_announced, _digests(file.digests))

    def _check_body_digests(self) -> None:
        if any(staging.is_over for staging in self.stagings):
            return  # not all of it was hashed, and it can only be refused
        body = _digests(self._body_digests)
        only_file = _digests(self.stagings[0].digests) if len(self.stagings) == 1 else {}
        for announced in self._announced:
            check_digests(announced, body, only_file)


def _digests(running: Mapping[str, Any]) -> dict[str, bytes]:
    return {name: digest.digest() for name, digest in running.items()}
