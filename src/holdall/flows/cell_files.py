"""The stories of one attachment cell: what hangs in it, more of it, less of it, in another order.

A change says only what is to change, so that those who change a cell at the same time do not undo each other's work:
the record is held from the first look at it to the commit. Deleted files keep their places, to be restored to.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from holdall.domain.access import Actor, Scope, Space
from holdall.domain.fieldtypes.kind import MAX_ITEMS
from holdall.domain.files import Attachment, Upload
from holdall.domain.records import Database, Field, FieldType, Record
from holdall.errors import CellRefused, FieldUnknown, Missing
from holdall.flows.cells import Row, coerce_rows
from holdall.flows.record_writes import Order, Tied, demand_revision, hold, retied, rewrite
from holdall.flows.records import Place, enter_both
from holdall.ports import AttachmentChange, Ledger, RecordChange, Services

Items = dict[str, tuple[Upload, str]]
"""What hangs in a cell, in order: uploads and the names that they are shown by, by the uploads' ids."""


@dataclass(frozen=True, slots=True)
class CellPlace:
    """An attachment cell, by the public ids of its record, and the id or name of its field."""

    place: Place
    record_id: str
    field: str


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change about a cell: first less, then more, then the order."""

    remove: Sequence[str] = ()
    append: Sequence[Any] = ()
    """Attachment objects as in a written cell. A file that hangs there already stays in its place."""
    order: Sequence[str] = ()
    """These first; the others follow in the order that they have."""


@dataclass(frozen=True, slots=True)
class Cell:
    """An attachment cell as it is."""

    field: Field
    record: Record
    tied: Tied | None = None
    """What a story did to files; ``None``, where it did nothing, or did it before."""

    @property
    def ties(self) -> Sequence[Attachment]:
        """What is seen of it."""
        return self.record.attached(self.field.id)


async def find_cell(services: Services, actor: Actor, where: CellPlace) -> Cell:
    """One attachment cell.

    Raises:
        Missing, Forbidden: there is no such record here, or not for this caller.
        FieldUnknown, CellRefused: the field is none, or holds no files.

    """
    return await services.work.read(lambda ledger: look_up(ledger, actor, where))


async def edit_cell(
    services: Services, order: Order, where: CellPlace, edit: Edit, revisions: Collection[int] | None = None
) -> Cell:
    """Change what hangs in one attachment cell; ``order`` says who, and ``where`` which.

    Raises:
        Missing, Forbidden, FieldUnknown: as ``find_cell``.
        CellRefused: the field holds no files, or an id in ``edit`` is of nothing that there is, or there are too many.
        Stale: the record is at none of ``revisions``.
        KeyReused, Conflict: see ``flows.once``.

    """

    def story(ledger: Ledger) -> Cell:
        if order.once is not None and order.once.settle(ledger) is not None:
            return look_up(ledger, order.actor, where, Scope.WRITE)
        space, database = enter_both(ledger, order.actor, where.place, Scope.WRITE)
        [record] = hold(ledger, database, [where.record_id])
        demand_revision(record, revisions)
        field = attachment_field(database, where.field)
        items = edited(field, hanging(ledger, record, field), edit, _found(ledger, database, field, edit.append))
        cell = fill(services, ledger, order.actor, space, database, Cell(field, record), items)
        if order.once is not None:
            order.once.finish(ledger, [record.id])
        return cell

    return await services.work.write(story)


def fill(
    services: Services, ledger: Ledger, actor: Actor, space: Space, database: Database, cell: Cell, items: Items
) -> Cell:
    """Have ``items`` hang in a cell whose record is held.

    Raises:
        CellRefused: they are more than a cell can have.

    """
    demand_room(cell.field, len(items))
    change = RecordChange(cell.record, cell.record.cells, [AttachmentChange(cell.field.id, [*items.values()])])
    [record] = rewrite(services, ledger, actor, space, database, [change])
    return Cell(cell.field, record, retied(cell.record, record))


def edited(field: Field, there: Items, edit: Edit, new: Items) -> Items:
    """What hangs in a cell after an edit. ``new`` is what ``edit.append`` names.

    Raises:
        CellRefused: an id to be removed, or to be put in order, is not there to be seen.

    """
    items = dict(there)
    for id in dict.fromkeys(edit.remove):
        _demand_seen(field, items, id)
        del items[id]
    names = {given["id"]: given.get("name") for given in edit.append}
    for id, (upload, name) in new.items():
        items[id] = (upload, items[id][1] if id in items and not names[id] else name)
    for id in edit.order:
        _demand_seen(field, items, id)
    return {**{id: items[id] for id in edit.order}, **items}


def hanging(ledger: Ledger, record: Record, field: Field) -> Items:
    """What hangs in a cell, deleted files too."""
    return {tie.upload.id: (tie.upload, tie.name) for tie in ledger.records.hanging(record, field.id)}


def attachment_field(database: Database, key: str) -> Field:
    """The field of this id or name.

    Raises:
        FieldUnknown: there is none.
        CellRefused: it holds no files.

    """
    field = database.find_field(key)
    if field is None:
        raise FieldUnknown(key)
    if field.type is not FieldType.ATTACHMENT:
        raise CellRefused(field.name, "attachments", f"{field.type.value} fields hold no files")
    return field


def demand_room(field: Field, count: int) -> None:
    """Refuse more files than a cell can have.

    Raises:
        CellRefused: they are.

    """
    if count > MAX_ITEMS:
        raise CellRefused(field.name, f"{count} files", f"at most {MAX_ITEMS} hang in one cell")


def look_up(ledger: Ledger, actor: Actor, where: CellPlace, scope: Scope = Scope.READ) -> Cell:
    """As ``find_cell``, inside a transaction."""
    _, database = enter_both(ledger, actor, where.place, scope, only_looks=True)
    return cell_in(ledger, database, where)


def cell_in(ledger: Ledger, database: Database, where: CellPlace) -> Cell:
    """The cell, in a database that the caller may look into.

    Raises:
        Missing, FieldUnknown, CellRefused: as ``find_cell``.

    """
    record = ledger.records.find(database, where.record_id)
    if record is None:
        raise Missing("record", where.record_id)
    return Cell(attachment_field(database, where.field), record)


def _found(ledger: Ledger, database: Database, field: Field, append: Sequence[Any]) -> Items:
    """The uploads that are to hang there from now on, in the order given."""
    [cells] = coerce_rows(ledger, database, [Row({field.id: [*append]})])
    return {upload.id: (upload, name) for change in cells.attachments for upload, name in change.items}


def _demand_seen(field: Field, items: Items, id: str) -> None:
    if id not in items or items[id][0].deleted_at is not None:
        raise CellRefused(field.name, id, "no such attachment in this cell")
