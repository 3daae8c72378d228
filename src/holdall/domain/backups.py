"""Backups: what one holds, and the form in which that is written down.

A manifest is text: a JSON object on the first line, a line for each content (its SHA-256 and its size), and last the
SHA-256 of all lines before. Whatever lacks a part of it, or has one changed, is no manifest.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

FORM = 1
"""The version of the form; what is newer is not read."""
_END = b"sha256 "


class BackupRefused(Exception):  # noqa: N818  said of what was asked
    """A backup cannot be made, or not be restored, as things are; the message says why.

    Told to operators: no request ever meets it, so that it stands in no dialect's list of errors.
    """


class ManifestDamaged(ValueError):  # noqa: N818  said of the bytes
    """These bytes are no whole manifest; the message says why."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes, as what they are."""

    sha256: str
    """In hex."""
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup."""

    id: str
    """32 hex digits, which say nothing."""
    made_at: datetime
    """The backup point: what was acknowledged before is in it. In UTC."""
    version: str
    """Holdall's, that made it."""
    schema: str
    """The revision of the database."""
    counts: Mapping[str, int]
    """How many rows the tables that people ask about have."""
    database: Content
    """The snapshot of the database: a SQLite file, whatever the engine."""
    pieces: tuple[Content, ...]
    """The snapshot, cut up, in order."""
    contents: Mapping[str, int]
    """What the rows of the snapshot name and nothing else: sizes in bytes by SHA-256 in hex."""
    secret: str = ""
    """SHA-256 of the key that links are signed with, where that is in the backup; it is among the contents then."""
    lost: tuple[str, ...] = ()
    """Keys of blobs whose bytes were not to be had any more when the backup was made."""

    @property
    def size(self) -> int:
        """Of all that it holds, in bytes; what several backups share counts for each."""
        return self.database.size + sum(self.contents.values())

    def needed(self) -> Iterable[Content]:
        """Everything that has to be there for it to be whole."""
        return chain(self.pieces, (Content(sha256, size) for sha256, size in self.contents.items()))


def encode(manifest: Manifest) -> bytes:
    """Write a manifest down."""
    head = {
        "form": FORM,
        "id": manifest.id,
        "made_at": manifest.made_at.isoformat(),
        "version": manifest.version,
        "schema": manifest.schema,
        "counts": dict(manifest.counts),
        "database": [manifest.database.sha256, manifest.database.size],
        "pieces": [[piece.sha256, piece.size] for piece in manifest.pieces],
        "contents": len(manifest.contents),
        "secret": manifest.secret,
        "lost": list(manifest.lost),
    }
    lines = chain(
        [json.dumps(head, sort_keys=True)], (f"{sha256} {size}" for sha256, size in manifest.contents.items())
    )
    text = "".join(f"{line}\n" for line in lines).encode()
    return text + _END + hashlib.sha256(text).hexdigest().encode() + b"\n"


def decode(data: bytes) -> Manifest:
    """Read what ``encode`` wrote.

    Raises:
        ManifestDamaged: it is not that, or not all of it; or a later version wrote it.

    """
    end = data.rfind(_END)
    if end < 0 or data[end:] != _END + hashlib.sha256(data[:end]).hexdigest().encode() + b"\n":
        raise ManifestDamaged("it is cut short, or was changed")
    first, *lines = data[:end].decode().splitlines()
    head = json.loads(first)
    if head["form"] != FORM:
        raise ManifestDamaged(f"it has form {head['form']}, and this version reads {FORM}")
    contents = {sha256: int(size) for sha256, size in (line.split() for line in lines)}
    return Manifest(
        id=head["id"],
        made_at=datetime.fromisoformat(head["made_at"]),
        version=head["version"],
        schema=head["schema"],
        counts=head["counts"],
        database=Content(*head["database"]),
        pieces=tuple(Content(*piece) for piece in head["pieces"]),
        contents=contents,
        secret=head["secret"],
        lost=tuple(head["lost"]),
    )
