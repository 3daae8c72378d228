"""Requests, built once before the clock starts; only the mark in them changes from one to the next."""

import secrets
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

import msgspec

from bench.samples import MARK, Sample

BOUNDARY = "holdall-bench-5f3c1d"
_IDS = ("id", "path", "size", "bucket", "mimeType", "name")
"""What Bika's clients send back of an upload when they attach it."""


class Answer(NamedTuple):
    """What came back; ``body`` is empty where nobody reads it."""

    status: int
    body: bytes
    size: int


Pieces = Sequence[bytes]
Conversation = Generator[Pieces, Answer, None]
"""Yields one request after the other, and is sent the answer to each."""


class Talk(Protocol):
    """What a connection says, over and over. One conversation is what is counted and timed."""

    def begin(self, connection: int) -> Conversation:
        """A new conversation on the connection of this number."""
        ...


@dataclass(frozen=True, slots=True)
class Get:
    """One request without a body."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200

    def begin(self, connection: int) -> Conversation:
        """The request, the same each time."""
        del connection
        check((yield [head("GET", self.path, self.headers)]), self.status)


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with one marked file."""

    before: bytes
    after: bytes

    def begin(self, connection: int) -> Conversation:
        """The form with a new mark."""
        del connection
        check((yield self.pieces()))

    def pieces(self) -> Pieces:
        """The request in the pieces that it is sent in; the large ones are shared by all requests."""
        return [self.before, fresh_mark(), self.after]


@dataclass(frozen=True, slots=True)
class ThenThumbnail:
    """Upload a photograph, then read its thumbnail, as a page that shows it does."""

    upload: Upload
    dialect: Literal["bika", "pika"]
    headers: Mapping[str, str]

    def begin(self, connection: int) -> Conversation:
        """Two requests, the second made of the answer to the first."""
        del connection
        given = msgspec.json.decode(check((yield self.upload.pieces())).body)
        url = given["data"][0]["thumbnailUrl"] if self.dialect == "bika" else f"{given['url']}?size=256"
        check((yield [head("GET", target(url), self.headers)]))


@dataclass(frozen=True, slots=True)
class BikaFlow:
    """Upload a file, then hang it on a record, as Bika's clients do."""

    upload: Upload
    records_path: str
    headers: Mapping[str, str]
    field_name: str
    record_ids: Sequence[str]

    def begin(self, connection: int) -> Conversation:
        """Two requests, the second made of the answer to the first; each connection has a record of its own."""
        given = msgspec.json.decode(check((yield self.upload.pieces())).body)["data"][0]
        file = {name: given[name] for name in _IDS}
        record = self.record_ids[connection % len(self.record_ids)]
        body = {"cells": {self.field_name: [file]}, "id": record}
        check((yield json_request("PATCH", self.records_path, self.headers, body)))


@dataclass(frozen=True, slots=True)
class PlainFlow:
    """The same on the plain service."""

    upload: Upload

    def begin(self, connection: int) -> Conversation:
        """Two requests, as ``BikaFlow``."""
        given = msgspec.json.decode(check((yield self.upload.pieces())).body)
        check((yield json_request("PATCH", f"/records/{connection}", {}, {"file": given["id"]})))


def upload(path: str, headers: Mapping[str, str], fields: Mapping[str, str], sample: Sample) -> Upload:
    """The form that sends this sample."""
    opening = form_opening(fields, sample.name, sample.mime)
    start, _, rest = sample.data.partition(MARK)
    closing = form_closing()
    length = len(opening) + len(sample.data) + len(closing)
    return Upload(form_head(path, headers, length) + opening + start, rest + closing)


def form_head(path: str, headers: Mapping[str, str], length: int) -> bytes:
    content = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Length": str(length)}
    return head("POST", path, {**headers, **content})


def form_opening(fields: Mapping[str, str], file_name: str, mime: str) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = f'Content-Disposition: form-data; name="file"; filename="{file_name}"\r\nContent-Type: {mime}'
    return "".join([*parts, f"--{BOUNDARY}\r\n{file}\r\n\r\n"]).encode()


def form_closing() -> bytes:
    return f"\r\n--{BOUNDARY}--\r\n".encode()


def json_request(method: str, path: str, headers: Mapping[str, str], body: Any) -> Pieces:
    encoded = msgspec.json.encode(body)
    content = {"Content-Type": "application/json", "Content-Length": str(len(encoded))}
    return [head(method, path, {**headers, **content}) + encoded]


def target(url: str) -> str:
    """What stands in the first line of a request for it."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def check(answer: Answer, status: int = 200) -> Answer:
    """A benchmark of refusals would be fast and wrong.

    Raises:
        RuntimeError: the answer has another status.

    """
    if answer.status != status:
        raise RuntimeError(f"{answer.status} instead of {status}: {answer.body[:500].decode(errors='replace')}")
    return answer


def fresh_mark() -> bytes:
    return secrets.token_hex(len(MARK) // 2).encode()
