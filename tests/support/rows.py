"""Rows for tests: a user with a space and a database in it, and blobs, uploads and records to put there."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

from holdall.domain.access import Space, User
from holdall.domain.files import Blob, Purpose, Upload, Variant
from holdall.domain.records import Database, Field, FieldType, Node, NodeType, Record
from holdall.ports import AttachmentChange, Ledger, NewBlob, NewUpload

NOW = datetime(2026, 11, 22, 14, 30, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
TEXT = Field("fldName", "Name", FieldType.SINGLE_TEXT, is_primary=True)
PAPERS = Field("fldPapers", "Papers", FieldType.ATTACHMENT)
PHOTOS = Field("fldPhotos", "Photos", FieldType.ATTACHMENT, description="of the thing")
_numbers = count()


def unique(prefix: str) -> str:
    """An id that nothing else in this database has."""
    return f"{prefix}{uuid4().hex[:21]}"


@dataclass(frozen=True)
class World:
    """Somebody with a space, and an empty database in it."""

    user: User
    space: Space
    root: Node
    database: Database


def make_user(ledger: Ledger) -> User:
    """Keep a user."""
    id = unique("usr")
    return ledger.accounts.add_user(id, f"Login-{id}", f"{id}@Example.org", "Ann", NOW)


def make_world(ledger: Ledger) -> World:
    """Keep a user, a space, a tree and a database of three fields."""
    user = make_user(ledger)
    space = ledger.spaces.add(unique("spc"), "Space", user, unique("mem"), NOW, is_personal=False)
    root = ledger.spaces.add_node(unique("nod"), space, None, NodeType.ROOT, "Root", NOW)
    node = ledger.spaces.add_node(unique("dat"), space, root.id, NodeType.DATABASE, "Things", NOW)
    fields = (TEXT, PAPERS, PHOTOS)
    for field in fields:
        ledger.spaces.add_field(node, field)
    return World(user, space, root, Database(node, fields))


def new_blob(space: Space, content: bytes | None = None, variants: int = 1, mime: str = "image/png") -> NewBlob:
    """What is known of a blob; the same ``content`` gives the same digest."""
    key = uuid4().hex
    bytes_of_it = key.encode() if content is None else content
    return NewBlob(
        space.number,
        f"{key[:2]}/{key}",
        hashlib.sha256(bytes_of_it).hexdigest(),
        5_000_000_000,
        mime,
        640,
        480,
        tuple(new_variant(number) for number in range(variants)),
        ("polyglot", "trailing-data"),
        "utf-16",
        "3OcRJYB4d3h/iIeHeJh4eIhoh3g",
    )


def make_ready(ledger: Ledger, space: Space, variants: int = 1) -> Blob:
    """Keep a ready blob."""
    return add_blob(ledger, new_blob(space, variants=variants))


def add_blob(ledger: Ledger, blob: NewBlob, now: datetime = NOW) -> Blob:
    """Keep a blob, as if its bytes had been stored."""
    ledger.files.reserve(keys_of(blob), now)
    return ledger.files.add(blob, now)


def keys_of(blob: NewBlob | Blob) -> list[str]:
    """Where its bytes and its variants' bytes lie."""
    return [blob.key, *(variant.key for variant in blob.variants)]


def make_upload(ledger: Ledger, world: World, variants: int = 1) -> Upload:
    """Keep an upload of a ready blob of its own."""
    blob = make_ready(ledger, world.space, variants)
    return ledger.files.add_upload(new_upload(world), blob, NOW)


def new_upload(world: World) -> NewUpload:
    """What is known of an upload."""
    purpose = Purpose("attachment", "file", "person")
    return NewUpload(unique("att"), world.space.number, world.user.number, "my cat.png", f"{unique('')}.png", purpose)


def make_record(ledger: Ledger, world: World, uploads: Sequence[Upload] = ()) -> Record:
    """Keep a record with these papers."""
    papers = AttachmentChange(PAPERS.id, [(upload, upload.name) for upload in uploads])
    cells = {TEXT.id: f"thing {next(_numbers)}"}
    return ledger.records.add(world.database, unique("rec"), cells, [papers], world.user, NOW)


def new_variant(number: int) -> Variant:
    """What is known of a variant; the same number gives the same recipe."""
    key = uuid4().hex
    return Variant(f"recipe-{number}", f"{key[:2]}/{key}", 700, "image/webp", f"{number:064x}", 256, 192)
