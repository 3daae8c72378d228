"""Recorded calls of Bika's clients, sent byte for byte as they send them: over a socket that stays open."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.images import png
from tests.support.server import RunningServer

PREFIX = "/api/openapi/bika"
SIX_KEYS = {"id": str, "path": str, "size": int, "bucket": str, "mimeType": str, "name": str}
"""What an upload answers with, by the types that clients insist on (contract bika, 4.5)."""
NOBODY = "recAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True)
class Told:
    """An answer, which is JSON whatever its status: one client parses before it looks at anything else."""

    status: int
    body: Any

    @property
    def data(self) -> Any:
        """The data of a success that every client takes for one."""
        assert 200 <= self.status < 300, self
        assert isinstance(self.body, dict), self
        assert self.body["success"] is True, self
        return self.body["data"]

    @property
    def failure(self) -> str:
        """The message of a failure, of which clients read ``success``, ``code`` and ``message``."""
        assert self.status >= 400, self
        assert (self.body["success"], self.body["code"]) == (False, self.status), self
        message: str = self.body["message"]
        return message


@dataclass
class Client:
    """One client on one connection: its own headers, and bodies as it writes them."""

    connection: socket.socket
    host: str
    token: str
    ids: Mapping[str, str]
    lines: Sequence[str]
    """Header lines of every call but uploads."""
    upload_lines: Sequence[str] = ()

    @property
    def space(self) -> str:
        return f"/v1/spaces/{self.ids['space_id']}"

    @property
    def v1(self) -> str:
        return f"{self.space}/resources/databases/{self.ids['database_id']}"

    @property
    def v2(self) -> str:
        return self.v1.replace("/v1/", "/v2/")

    def call(self, method: str, path: str, body: Any = None, *lines: str, token: str | None = None) -> Told:
        """A call with JSON, or with none: then without a length, too."""
        encoded = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        length = [] if body is None else [f"Content-Length: {len(encoded)}"]
        return self._send(method, path, [*self.lines, *lines, *length], encoded, token)

    def upload(self, name: str, data: bytes, type: str = "image/png", end: str = "\r\n") -> Told:
        """A form with one file, its name in raw UTF-8."""
        mark = "----------------------------905172349051723490517234"
        disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        head = f"--{mark}\r\n{disposition}\r\nContent-Type: {type}\r\n\r\n"
        body = head.encode() + data + f"\r\n--{mark}--{end}".encode()
        form = [f"Content-Type: multipart/form-data; boundary={mark}", f"Content-Length: {len(body)}"]
        return self._send("POST", f"{self.space}/attachments", [*self.upload_lines, *form], body, None)

    def _send(self, method: str, path: str, lines: Sequence[str], body: bytes, token: str | None) -> Told:
        said = self.token if token is None else token
        head = [f"{method} {PREFIX}{path} HTTP/1.1", f"Host: {self.host}", f"Authorization: Bearer {said}", *lines]
        self.connection.sendall("\r\n".join([*head, "Connection: keep-alive", "", ""]).encode() + body)
        answer = http.client.HTTPResponse(self.connection)
        answer.begin()
        text = answer.read()
        assert (answer.headers["content-type"] or "").startswith("application/json"), text[:200]
        return Told(answer.status, json.loads(text))

    def fetch(self, url: str) -> bytes:
        """What is behind a link that is passed on to people: no token, no header of ours."""
        path = url.partition(self.host)[2]
        with socket.create_connection(self.connection.getpeername(), timeout=20) as other:
            other.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n".encode())
            answer = http.client.HTTPResponse(other)
            answer.begin()
            assert answer.status == 200, url
            return answer.read()


@contextmanager
def client_of(server: RunningServer, *lines: str, upload: Sequence[str] = ()) -> Iterator[Client]:
    """A client of the demo's first tenant, with these header lines."""
    ids = server.demo["bika"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        yield Client(connection, f"127.0.0.1:{server.port}", ids["token"], ids, lines, upload)


def check_upload(told: Told, data: bytes) -> dict[str, Any]:
    """An array of one object with all six keys, each of its type."""
    [item] = told.data
    assert {key: type(item[key]) for key in SIX_KEYS} == SIX_KEYS
    assert item["size"] == len(data)
    echoed: dict[str, Any] = {key: item[key] for key in SIX_KEYS}
    return echoed


def picture(width: int) -> bytes:
    """A small one."""
    return png(width, 7)
