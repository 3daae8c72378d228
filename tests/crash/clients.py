"""Clients of a server that may die at any moment, what they were told, and what must then be on the disk."""

import http.client
import json
import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from holdall.adapters.blobs.keys import PROBE_KEY
from tests.support.images import encoded
from tests.support.server import FORM_TYPE, Part, RunningServer, encode_form

Demo = Mapping[str, Any]


class Broken(Exception):  # noqa: N818 - said of the connection, not of the code
    """The connection went away before there was a whole answer: whether the request was carried out is unknown."""


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Acknowledged:
    """An upload that the server said it has."""

    dialect: str
    id: str
    path: str
    """Where it is read, query and all."""
    sha256: str
    """Of what was sent; of a picture that is kept as its master, what the answer said."""


@dataclass
class Told:
    """All that the clients of one run were told."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    unknown: int = 0
    refused: list[Answer] = field(default_factory=list)


class Client:
    """One connection, opened when needed, with the credentials of the demo's first tenant and first person."""

    def __init__(self, server: RunningServer, demo: Demo, seconds: float = 30) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=seconds)
        bika = demo["bika"]
        self._headers = {
            "Authorization": f"Bearer {bika['token']}",
            "Cookie": f"pika_token={demo['pika'][0]['cookie']}",
        }
        self.space = f"/api/openapi/bika/v1/spaces/{bika['space_id']}"
        self.records = f"{self.space}/resources/databases/{bika['database_id']}/records"

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def ask(self, method: str, path: str, body: bytes | None = None, content_type: str = "") -> Answer:
        """One request. Raises ``Broken`` when there is no whole answer."""
        headers = self._headers | ({"Content-Type": content_type} if content_type else {})
        try:
            with suppress(BrokenPipeError):  # who was answered before the whole body was sent may still read the answer
                self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            return Answer(answer.status, answer.headers.get("content-type", ""), answer.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Broken(str(error)) from error

    def upload_to_bika(self, name: str, content: bytes) -> Answer:
        """One file into the tenant's space."""
        return self.ask("POST", f"{self.space}/attachments", encode_form(Part("file", content, name)), FORM_TYPE)

    def upload_to_pika(self, name: str, content: bytes) -> Answer:
        """One avatar."""
        body = encode_form(Part("entityType", b"person"), Part("file", content, name))
        return self.ask("POST", "/wp-json/pika/v1/upload/avatar", body, FORM_TYPE)

    def write_record(self, method: str, cells: Mapping[str, Any], id: str = "") -> Answer:
        """A new record, or changed cells of one."""
        body = json.dumps({"cells": cells, **({"id": id} if id else {})}).encode()
        return self.ask(method, self.records, body, "application/json")

    def list_records(self) -> dict[str, Mapping[str, Any]]:
        """Every record's fields, by id."""
        answer = self.ask("GET", f"{self.records.replace('/v1/', '/v2/')}?pageSize=1000")
        assert answer.status == 200, answer
        return {record["id"]: record["fields"] for record in answer.json()["data"]["records"]}


def upload(client: Client, told: Told, dialect: str, name: str, content: bytes) -> Acknowledged | None:
    """Upload, and note what became of it. Raises ``Broken`` when nobody can tell."""
    send = client.upload_to_bika if dialect == "bika" else client.upload_to_pika
    try:
        answer = send(name, content)
    except Broken:
        told.unknown += 1
        raise
    if answer.status != 200:
        told.refused.append(answer)
        return None
    item = answer.json()["data"][0] if dialect == "bika" else answer.json()
    digest = sha256(content).hexdigest() if dialect == "bika" or item["type"] == "document" else item["sha256"]
    done = Acknowledged(dialect, item["id"], local_part(item["url"]), digest)
    told.acknowledged.append(done)
    return done


def local_part(url: str) -> str:
    """Path and query: the port may be another after a restart."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def unique_picture(chance: random.Random) -> bytes:
    """A JPEG like no other, in its pixels too: in a comment, the difference would be lost with the metadata."""
    return encoded(Image.frombytes("RGB", (32, 24), chance.randbytes(32 * 24 * 3)), "JPEG")


def lost(server: RunningServer, demo: Demo, acknowledged: list[Acknowledged]) -> list[Acknowledged]:
    """Those that do not read back byte for byte."""
    with closing(Client(server, demo)) as client:
        return [upload for upload in acknowledged if digest_at(client, upload.path) != upload.sha256]


def digest_at(client: Client, path: str) -> str:
    """The digest of what is read there; the status when it is not read."""
    answer = client.ask("GET", path)
    return sha256(answer.body).hexdigest() if answer.status == 200 else str(answer.status)


# ── on the disk, past the server ─────────────────────────────────────────────────────────────────────────────────


def rows(data: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database holds, read with the plain driver."""
    with closing(sqlite3.connect(data / "holdall.sqlite3")) as connection:
        return connection.execute(query).fetchall()


def kept(data: Path) -> dict[str, str]:
    """The digest of every ready upload, by its public id for Bika and its number for Pika."""
    joined = "FROM uploads JOIN blobs ON blobs.id = uploads.blob_id WHERE blobs.state = 'ready'"
    found = rows(data, f"SELECT uploads.public_id, uploads.id, blobs.sha256 {joined}")
    return {key: digest for public_id, number, digest in found for key in (public_id, str(number))}


def disorder(data: Path, read: Callable[[str], bytes] | None = None) -> list[str]:
    """What is not as it should be after a sweep: rows without their bytes, bytes without a row, leftovers.

    ``read`` gives the plain bytes under a key, where those on the disk are not.
    """
    return [
        *_disorder_of_rows(data, read or (lambda key: (data / "blobs" / key).read_bytes())),
        *_disorder_of_files(data),
    ]


def _disorder_of_rows(data: Path, read: Callable[[str], bytes]) -> Iterator[str]:
    yield from (
        f"row {id} is {state}" for id, state in rows(data, "SELECT id, state FROM blobs WHERE state <> 'ready'")
    )
    for key, size, digest in rows(
        data, "SELECT key, size, sha256 FROM blobs UNION ALL SELECT key, size, sha256 FROM variants"
    ):
        content = read(key) if (data / "blobs" / key).is_file() else None
        if content is None:
            yield f"{key} has a row and no bytes"
        elif (len(content), sha256(content).hexdigest()) != (size, digest):
            yield f"{key} has {len(content)} bytes that are not those of its row"


def _disorder_of_files(data: Path) -> Iterator[str]:
    named = {key for (key,) in rows(data, "SELECT key FROM blobs UNION ALL SELECT key FROM variants")}
    named.add(PROBE_KEY)
    blobs = data / "blobs"
    for path in blobs.rglob("*"):
        if path.is_file() and str(path.relative_to(blobs)) not in named:
            yield f"{path.relative_to(data)} has no row"
    for folder in ("staging", "sealing", "blobs/.incoming"):
        yield from (f"{folder}/{path.name} was left" for path in (data / folder).glob("*"))
