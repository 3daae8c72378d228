"""The stories of those who make, change and delete records: several at once, all of them or none.

Each is one transaction, in which a record's history is kept, and an Idempotency-Key taken and answered for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdall.domain.access import Actor, Scope, Space
from holdall.domain.files import Upload
from holdall.domain.history import creation, deletion, update
from holdall.domain.records import Database, FieldType, Record
from holdall.domain.webhooks import EventType
from holdall.errors import Malformed, Missing, Stale
from holdall.flows.back_links import Step, keep_in_step
from holdall.flows.beside import beside
from holdall.flows.cells import Cells, Row, coerce_rows
from holdall.flows.once import Once
from holdall.flows.outbox import Tell, tell_of_records, tell_of_ties
from holdall.flows.records import Found, Place, enter_both
from holdall.ports import Ledger, NewRecord, RecordChange, Services


@dataclass(frozen=True, slots=True)
class Order:
    """Who writes where, and what makes it safe to repeat."""

    actor: Actor
    place: Place
    once: Once | None = None


@dataclass(frozen=True, slots=True)
class RowChange:
    """New values of one record, by field name or id."""

    record_id: str
    values: Mapping[str, Any]
    revisions: Collection[int] | None = None
    """Those that the record may be at; ``None``: any."""


@dataclass(frozen=True, slots=True)
class Tied:
    """Which files were hung on a record, and which taken off it."""

    record_id: str
    linked: tuple[Upload, ...] = ()
    unlinked: tuple[Upload, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """Records as they are after a story, and what it did to files; nothing, where it was done before."""

    found: Found
    ties: Sequence[Tied] = ()


@dataclass(frozen=True, slots=True)
class Deleted:
    """The ids of records that are no more, and what that did to files."""

    ids: Sequence[str]
    ties: Sequence[Tied] = ()


async def create_records(services: Services, order: Order, rows: Sequence[Mapping[str, Any]]) -> Written:
    """Create all of the records, or none. Keys are field names or ids.

    Raises:
        FieldUnknown, CellRefused: for the first key or value that does not fit.
        KeyReused, Conflict: see ``flows.once``.

    """

    def story(ledger: Ledger) -> Written:
        space, database = enter_both(ledger, order.actor, order.place, Scope.WRITE)
        earlier = _earlier(ledger, order)
        if earlier is not None:
            return _recall(ledger, space, database, earlier)
        created = _create(services, ledger, order.actor, space, database, rows)
        _finish(ledger, order, [record.id for record in created])
        return _written(ledger, space, database, created, [Tied(record.id, uploads_of(record)) for record in created])

    return await services.work.write(story)


def add_records(
    services: Services, ledger: Ledger, actor: Actor, place: Place, rows: Sequence[Mapping[str, Any]]
) -> list[Record]:
    """As ``create_records``, inside a transaction."""
    return _create(services, ledger, actor, *enter_both(ledger, actor, place, Scope.WRITE), rows)


async def update_records(services: Services, order: Order, changes: Sequence[RowChange]) -> Written:
    """Change the named cells of all of the records, or of none; their other cells stay.

    Raises:
        Missing: there is no such record here.
        Stale: a record is not at the revision that was asked for.
        FieldUnknown, CellRefused: for the first key or value that does not fit.
        Malformed: a record is named twice.
        KeyReused, Conflict: see ``flows.once``.

    """
    ids = [change.record_id for change in changes]
    if len(set(ids)) < len(ids):
        raise Malformed("json", "a record is named twice")

    def story(ledger: Ledger) -> Written:
        space, database = enter_both(ledger, order.actor, order.place, Scope.WRITE)
        earlier = _earlier(ledger, order)
        if earlier is not None:
            return _recall(ledger, space, database, earlier)
        records = hold(ledger, database, ids)
        for record, change in zip(records, changes, strict=True):
            demand_revision(record, change.revisions)
        values = [change.values for change in changes]
        changed = _change(services, ledger, order.actor, space, database, records, values)
        _finish(ledger, order, ids)
        return _written(ledger, space, database, changed, _retied(records, changed))

    return await services.work.write(story)


async def delete_records(
    services: Services, order: Order, ids: Sequence[str], revisions: Collection[int] | None = None
) -> Deleted:
    """Delete all of the records, or none. What hung on them is let go, and stays in the space.

    Raises:
        Missing: there is no such record here.
        Stale: a record is at none of ``revisions``.
        KeyReused, Conflict: see ``flows.once``.

    """
    named = list(dict.fromkeys(ids))

    def story(ledger: Ledger) -> Deleted:
        space, database = enter_both(ledger, order.actor, order.place, Scope.WRITE)
        earlier = _earlier(ledger, order)
        if earlier is not None:
            return Deleted(earlier)
        records = hold(ledger, database, named)
        for record in records:
            demand_revision(record, revisions)
        ledger.records.remove_all(records)
        deeds, now = [deletion(record) for record in records], services.clock.now()
        ledger.history.add(database, deeds, order.actor.user, now)
        steps: list[Step] = [(record.id, record.cells, {}) for record in records]
        keep_in_step(ledger, space, database, steps, order.actor.user, now, _telling(services, ledger, space))
        tell_of_records(services, ledger, space, EventType.RECORD_DELETED, database, records)
        for record in records:
            tell_of_ties(services, ledger, space, database, record, (), uploads_of(record))
        _finish(ledger, order, named)
        return Deleted(named, [Tied(record.id, unlinked=uploads_of(record)) for record in records])

    return await services.work.write(story)


def uploads_of(record: Record) -> tuple[Upload, ...]:
    """What hangs on a record, each once."""
    return tuple({tie.upload.number: tie.upload for tie in record.attachments}.values())


def _create(
    services: Services,
    ledger: Ledger,
    actor: Actor,
    space: Space,
    database: Database,
    rows: Sequence[Mapping[str, Any]],
) -> list[Record]:
    coerced = coerce_rows(ledger, database, [Row(values) for values in rows])
    numbers = _take_numbers(ledger, database, len(rows))
    now = services.clock.now()
    new = [
        NewRecord(services.ids.public("rec"), {**_filled(cells.plain), **numbers[place]}, cells.attachments)
        for place, cells in enumerate(coerced)
    ]
    created = ledger.records.add_all(database, new, actor.user, now)
    ledger.history.add(database, [creation(record) for record in created], actor.user, now)
    steps: list[Step] = [(record.id, {}, record.cells) for record in created]
    touched = keep_in_step(ledger, space, database, steps, actor.user, now, _telling(services, ledger, space))
    kept = _as_they_are(ledger, database, created, touched)
    tell_of_records(services, ledger, space, EventType.RECORD_CREATED, database, kept)
    for record in kept:
        tell_of_ties(services, ledger, space, database, record, uploads_of(record), ())
    return kept


def _take_numbers(ledger: Ledger, database: Database, count: int) -> list[dict[str, int]]:
    """What the fields that number records give to each; nothing is asked for where there is no such field."""
    if all(field.type is not FieldType.AUTO_NUMBER for field in database.fields):
        return [{} for _ in range(count)]
    first = ledger.records.take_numbers(database, count)
    return [{field_id: number + place for field_id, number in first.items()} for place in range(count)]


def _change(
    services: Services,
    ledger: Ledger,
    actor: Actor,
    space: Space,
    database: Database,
    records: Sequence[Record],
    values: Sequence[Mapping[str, Any]],
) -> list[Record]:
    rows = [Row(each, record) for each, record in zip(values, records, strict=True)]
    coerced = coerce_rows(ledger, database, rows)
    changes = [_merged(record, cells) for record, cells in zip(records, coerced, strict=True)]
    return rewrite(services, ledger, actor, space, database, changes)


def rewrite(
    services: Services,
    ledger: Ledger,
    actor: Actor,
    space: Space,
    database: Database,
    changes: Sequence[RecordChange],
) -> list[Record]:
    """Change records that are held, inside a transaction, with all that goes with it: history, and links in step."""
    now = services.clock.now()
    changed = ledger.records.change_all(changes, actor.user, now)
    both = [(change.record, new) for change, new in zip(changes, changed, strict=True)]
    deeds = [update(before, after) for before, after in both]
    ledger.history.add(database, deeds, actor.user, now)
    steps = [(new.id, old.cells, new.cells) for old, new in both]
    touched = keep_in_step(ledger, space, database, steps, actor.user, now, _telling(services, ledger, space))
    kept = _as_they_are(ledger, database, changed, touched)
    tell_of_records(services, ledger, space, EventType.RECORD_UPDATED, database, kept)
    for old, new in zip((change.record for change in changes), kept, strict=True):
        tell_of_ties(services, ledger, space, database, new, _less(new, old), _less(old, new))
    return kept


def _telling(services: Services, ledger: Ledger, space: Space) -> Tell:
    """Tells webhooks of records that were changed for the sake of others."""
    return lambda database, records: tell_of_records(
        services, ledger, space, EventType.RECORD_UPDATED, database, records
    )


def _as_they_are(ledger: Ledger, database: Database, records: list[Record], touched: set[str]) -> list[Record]:
    """The same, where links among them did not change them once more."""
    ids = [record.id for record in records]
    if touched.isdisjoint(ids):
        return records
    found = ledger.records.find_all(database, ids)
    return [found[id] for id in ids]


def _merged(record: Record, cells: Cells) -> RecordChange:
    return RecordChange(record, _filled({**record.cells, **cells.plain}), cells.attachments)


def _filled(cells: Mapping[str, Any]) -> dict[str, Any]:
    """The cells that hold something; an empty cell is one that is not there."""
    return {field_id: value for field_id, value in cells.items() if value is not None}


def hold(ledger: Ledger, database: Database, ids: Sequence[str]) -> list[Record]:
    """All of these records, in this order, until the transaction ends.

    Raises:
        Missing: there is no such record here.

    """
    found = ledger.records.find_all(database, ids, for_update=True)
    for id in ids:
        if id not in found:
            raise Missing("record", id)
    return [found[id] for id in ids]


def demand_revision(record: Record, revisions: Collection[int] | None) -> None:
    """Refuse a record that is at none of ``revisions``.

    Raises:
        Stale: it is not.

    """
    if revisions is not None and record.revision not in revisions:
        raise Stale(record.revision)


def _retied(before: Sequence[Record], after: Sequence[Record]) -> list[Tied]:
    return [retied(old, new) for old, new in zip(before, after, strict=True)]


def retied(before: Record, after: Record) -> Tied:
    """Which files a change hung on a record, and which it took off."""
    return Tied(after.id, _less(after, before), _less(before, after))


def _less(record: Record, other: Record) -> tuple[Upload, ...]:
    """What hangs on one record and not on the other."""
    numbers = {tie.upload.number for tie in other.attachments}
    return tuple(upload for upload in uploads_of(record) if upload.number not in numbers)


def _written(
    ledger: Ledger, space: Space, database: Database, records: Sequence[Record], ties: Sequence[Tied] = ()
) -> Written:
    return Written(Found(database, records, beside(ledger, space, database, records)), ties)


def _earlier(ledger: Ledger, order: Order) -> Sequence[str] | None:
    return None if order.once is None else order.once.settle(ledger)


def _finish(ledger: Ledger, order: Order, ids: Sequence[str]) -> None:
    if order.once is not None:
        order.once.finish(ledger, ids)


def _recall(ledger: Ledger, space: Space, database: Database, ids: Sequence[str]) -> Written:
    """What a request did when it first came, as that is now; a record deleted since is missing."""
    found = ledger.records.find_all(database, ids)
    for id in ids:
        if id not in found:
            raise Missing("record", id)
    return _written(ledger, space, database, [found[id] for id in ids])
