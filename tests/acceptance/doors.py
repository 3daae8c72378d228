"""The upload calls of both dialects as one table, and a client that sends any bytes and reads one answer."""

import http.client
import json
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from tests.support.images import jpeg
from tests.support.server import FORM_TYPE, Part, RunningServer, encode_form

PATIENCE_SECONDS = 10.0
PROMPT_SECONDS = 5.0
"""Within this every request has its answer, good or bad."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: "http.client.HTTPMessage"
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Door:
    """One upload call, and all that a good request to it needs."""

    dialect: str
    path: str
    credential: str
    """A header line."""
    fields: tuple[Part, ...]
    file: Part

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a good form."""
        return (*self.fields, self.file)

    @property
    def extension(self) -> str:
        """That of the good file."""
        return (self.file.filename or "").rpartition(".")[2]

    def form(self, *parts: Part, boundary: str = "") -> bytes:
        """A body of the good fields and these parts."""
        options = {"boundary": boundary} if boundary else {}
        return encode_form(*self.fields, *(parts or (self.file,)), **options)

    def named(self, filename: str | None) -> Part:
        """The good file under another name."""
        return replace(self.file, filename=filename)

    def post(self, body: bytes, *lines: str, content_type: str | None = FORM_TYPE, length: object = None) -> bytes:
        """A whole request with this body; ``length`` is what it announces, ``""``: nothing."""
        announced = len(body) if length is None else length
        headers = [self.credential, *lines]
        headers += [f"Content-Type: {content_type}"] if content_type is not None else []
        headers += [f"Content-Length: {announced}"] if announced != "" else []
        return request("POST", self.path, *headers) + body


def doors(server: RunningServer) -> dict[str, Door]:
    """Bika's upload, and Pika's two."""
    bika, pika = server.demo["bika"], server.demo["pika"][0]
    cookie = f"Cookie: pika_token={pika['cookie']}"
    picture = Part("file", jpeg(), "me.jpg")
    return {
        "bika": Door(
            "bika",
            f"/api/openapi/bika/v1/spaces/{bika['space_id']}/attachments",
            f"Authorization: Bearer {bika['token']}",
            (),
            Part("file", b"plain text\n", "a.txt"),
        ),
        "pika-avatar": Door(
            "pika", "/wp-json/pika/v1/upload/avatar", cookie, (Part("entityType", b"person"),), picture
        ),
        "pika-attachment": Door(
            "pika",
            "/wp-json/pika/v1/upload/attachment",
            cookie,
            (Part("entityType", b"transaction"), Part("attachmentType", b"document")),
            Part("file", b"plain text\n", "a.txt"),
        ),
    }


DOORS = ("bika", "pika-avatar", "pika-attachment")


def request(method: str, path: str, *lines: str) -> bytes:
    """The head of a request; header lines may hold any Latin-1 text."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: example.test", *lines, "", ""]).encode("latin-1")


def chunked(body: bytes, size: int = 65_536, end: bytes = b"0\r\n\r\n") -> Iterable[bytes]:
    """A body without a length."""
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    yield end


def exchange(
    server: RunningServer, *pieces: bytes, is_half_closed: bool = False, patience: float = PATIENCE_SECONDS
) -> Answer:
    """Send all of these bytes, or as much as is wanted, and read one answer."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=patience) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # an answer may come before the whole request is read
            for piece in pieces:
                connection.sendall(piece)
            if is_half_closed:
                connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return Answer(answer.status, answer.msg, answer.read(), time.monotonic() - began)


def check_refusal(dialect: str, answer: Answer, *statuses: int) -> None:
    """It is a prompt refusal in the dialect's own JSON, and nothing of it is a web page."""
    assert 400 <= answer.status < 500, answer
    assert not statuses or answer.status in statuses, answer
    assert answer.seconds < PROMPT_SECONDS, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    body = answer.json()
    if dialect == "bika":
        assert sorted(body) == ["code", "data", "message", "success"], body
        assert (body["success"], body["data"]) == (False, {})
        assert body["code"] in (answer.status, 4031)
    else:
        assert sorted(body) == ["code", "data", "message"], body
        assert body["data"]["status"] == answer.status
        assert isinstance(body["code"], str)
    assert isinstance(body["message"], str)
    assert body["message"]


def check_unharmed(server: RunningServer) -> None:
    """It still answers, and nothing is left in its staging folder."""
    deadline = time.monotonic() + 3
    while server.staged() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.staged() == []
    assert server.process.poll() is None
    assert server.is_healthy()
