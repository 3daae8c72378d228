"""The stories of records: look, list, create, change; cells are coerced, attachments are looked up.

Of an attachment that a client sends back, only ``id`` is believed (and ``name``, for showing). Size, type, path
and bucket are ours to know; an id of another space does not exist here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdall.domain.access import Actor, Scope
from holdall.domain.fields import coerce
from holdall.domain.filename import display_name
from holdall.domain.files import BlobState, Upload
from holdall.domain.records import Database, Field, FieldType, Node, Record
from holdall.errors import CellRefused, FieldUnknown, Missing
from holdall.flows.access import demand, enter
from holdall.ports import AttachmentChange, Ledger, Membership, Services

MAX_ATTACHMENTS = 1000
"""In one cell; a cell is read and shown whole."""


@dataclass(frozen=True, slots=True)
class Place:
    """A database in a space, by their public ids."""

    space_id: str
    database_id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Some records of a database, and how many there are in all."""

    database: Database
    records: list[Record]
    total: int | None
    """Counted only for callers that show it."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A record after a change, and which files the change hung on it or took off it."""

    database: Database
    record: Record
    linked: tuple[Upload, ...]
    unlinked: tuple[Upload, ...]


@dataclass(frozen=True, slots=True)
class _Cells:
    """Coerced input: plain cells (``None`` empties) and attachment cells."""

    plain: Mapping[str, Any]
    attachments: Sequence[AttachmentChange]


async def list_spaces(services: Services, actor: Actor) -> list[Membership]:
    """The shared spaces the caller belongs to; a personal one has no databases to offer."""
    demand(actor, Scope.READ)
    memberships = await services.work.read(lambda ledger: ledger.spaces.of(actor.user))
    return [membership for membership in memberships if not membership.space.is_personal]


async def find_space(services: Services, actor: Actor, space_id: str) -> Membership:
    """One space that the caller belongs to."""
    return await services.work.read(lambda ledger: enter(ledger, actor, space_id))


async def list_nodes(services: Services, actor: Actor, space_id: str) -> list[Node]:
    """A space's whole tree, flat."""
    return await services.work.read(lambda ledger: ledger.spaces.nodes(enter(ledger, actor, space_id).space))


async def find_database(services: Services, actor: Actor, place: Place) -> Database:
    """A database with its fields."""
    return await services.work.read(lambda ledger: _database(ledger, actor, place))


async def find_record(services: Services, actor: Actor, place: Place, record_id: str) -> tuple[Database, Record]:
    """One record."""

    def look(ledger: Ledger) -> tuple[Database, Record]:
        database = _database(ledger, actor, place)
        return database, _record(ledger, database, record_id)

    return await services.work.read(look)


async def list_records(
    services: Services, actor: Actor, place: Place, *, after: int = 0, skip: int = 0, limit: int, counted: bool
) -> Listing:
    """A page of records in order of creation."""

    def look(ledger: Ledger) -> Listing:
        database = _database(ledger, actor, place)
        records = ledger.records.page(database, after=after, skip=skip, limit=limit)
        return Listing(database, records, ledger.records.count(database) if counted else None)

    return await services.work.read(look)


async def create_records(
    services: Services, actor: Actor, place: Place, rows: Sequence[Mapping[str, Any]]
) -> tuple[Database, list[Record]]:
    """Create all of the records, or none. Keys are field names or ids.

    Raises:
        FieldUnknown, CellRefused: for the first key or value that does not fit.

    """
    return await services.work.write(lambda ledger: add_records(services, ledger, actor, place, rows))


def add_records(
    services: Services, ledger: Ledger, actor: Actor, place: Place, rows: Sequence[Mapping[str, Any]]
) -> tuple[Database, list[Record]]:
    """As ``create_records``, inside a transaction."""
    database = _database(ledger, actor, place, Scope.WRITE)
    return database, [_create(services, ledger, actor, database, cells) for cells in rows]


async def update_record(
    services: Services, actor: Actor, place: Place, record_id: str, cells: Mapping[str, Any]
) -> Changed:
    """Change the named cells of a record; the others stay.

    Raises:
        Missing: no such record here.
        FieldUnknown, CellRefused: nothing was changed.

    """

    def change(ledger: Ledger) -> Changed:
        database = _database(ledger, actor, place, Scope.WRITE)
        record = _record(ledger, database, record_id, for_update=True)
        coerced = _coerce_cells(ledger, database, cells)
        plain = _filled({**record.cells, **coerced.plain})
        now = services.clock.now()
        changed = ledger.records.change(record, plain, coerced.attachments, actor.user, now)
        return Changed(database, changed, _less(changed, record), _less(record, changed))

    return await services.work.write(change)


def uploads_of(record: Record) -> tuple[Upload, ...]:
    """What hangs on a record, each once."""
    return tuple({tie.upload.number: tie.upload for tie in record.attachments}.values())


def _less(record: Record, other: Record) -> tuple[Upload, ...]:
    """What hangs on one record and not on the other."""
    numbers = {tie.upload.number for tie in other.attachments}
    return tuple(upload for upload in uploads_of(record) if upload.number not in numbers)


def _database(ledger: Ledger, actor: Actor, place: Place, scope: Scope = Scope.READ) -> Database:
    space = enter(ledger, actor, place.space_id, scope).space
    database = ledger.spaces.find_database(place.database_id, space)
    if database is None:
        raise Missing("database", place.database_id)
    return database


def _record(ledger: Ledger, database: Database, id: str, *, for_update: bool = False) -> Record:
    record = ledger.records.find(database, id, for_update=for_update)
    if record is None:
        raise Missing("record", id)
    return record


def _create(services: Services, ledger: Ledger, actor: Actor, database: Database, cells: Mapping[str, Any]) -> Record:
    coerced = _coerce_cells(ledger, database, cells)
    now, id = services.clock.now(), services.ids.public("rec")
    return ledger.records.add(database, id, _filled(coerced.plain), coerced.attachments, actor.user, now)


def _filled(cells: Mapping[str, Any]) -> dict[str, Any]:
    """The cells that hold something; an empty cell is one that is not there."""
    return {field_id: value for field_id, value in cells.items() if value is not None}


def _coerce_cells(ledger: Ledger, database: Database, cells: Mapping[str, Any]) -> _Cells:
    """Every key a known field, every value one that fits it."""
    plain: dict[str, Any] = {}
    attachments: list[AttachmentChange] = []
    for key, value in cells.items():
        field = database.find_field(key)
        if field is None:
            raise FieldUnknown(key)
        if field.type is FieldType.ATTACHMENT:
            attachments.append(AttachmentChange(field.id, _coerce_attachments(ledger, database, field, value)))
        else:
            plain[field.id] = coerce(field, value)
    return _Cells(plain, attachments)


def _coerce_attachments(ledger: Ledger, database: Database, field: Field, value: Any) -> list[tuple[Upload, str]]:
    """The uploads that an attachment cell's new value names, each once, with the names to show."""
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_ATTACHMENTS:
        raise CellRefused(field.name, value, f"list of at most {MAX_ATTACHMENTS} attachment objects expected")
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            raise CellRefused(field.name, item, "attachment object with an id expected")
    wanted = {item["id"]: item for item in value}
    uploads = ledger.files.find_uploads(database.node.space_id, list(wanted))
    for id, item in wanted.items():
        if id not in uploads or uploads[id].blob.state is not BlobState.READY:
            raise CellRefused(field.name, item, "no such attachment in this space")
    return [(uploads[id], _shown_name(field, uploads[id], item.get("name"))) for id, item in wanted.items()]


def _shown_name(field: Field, upload: Upload, name: object) -> str:
    """What the cell shows: the client's name, unless the client gives another.

    The stored name, which an upload's answer carries as ``name``, comes back in every echoed object: it is not a
    wish to show it.
    """
    if name is None or name == "" or name == upload.path.rsplit("/", 1)[-1]:
        return upload.name
    if not isinstance(name, str):
        raise CellRefused(field.name, name, "the name of an attachment is text")
    return display_name(name, fallback=upload.name)
