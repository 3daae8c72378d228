"""Links both ways: what a record's cell says of another is said in that one's cell too, in the same transaction.

A LINK field names, in ``foreignFieldId``, the field of the linked database that leads back. Where the records of a
request are linked among themselves, all of their own values are written first; links that one of them names and links
that one of them drops are then followed up in the others, so that both sides say the same whatever the order was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from holdall.domain.access import Space, User
from holdall.domain.fieldtypes.kind import MAX_ITEMS
from holdall.domain.history import update
from holdall.domain.records import Database, Field, FieldType, Record
from holdall.errors import CellRefused
from holdall.flows.outbox import Tell, untold
from holdall.ports import Ledger, RecordChange

Step = tuple[str, Mapping[str, Any], Mapping[str, Any]]
"""A record's id, its cells before and its cells after; none where it was not there yet, or is not there any more."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What becomes of the cells that lead back, of the records of one database."""

    link: Field
    added: dict[str, list[str]] = field(default_factory=dict)
    """By the id of the record that was linked to: those that link to it now."""
    dropped: dict[str, list[str]] = field(default_factory=dict)


def keep_in_step(
    ledger: Ledger,
    space: Space,
    database: Database,
    steps: Iterable[Step],
    user: User,
    now: datetime,
    tell: Tell = untold,
) -> set[str]:
    """Follow up what changed in the links of these records; returns the ids of the records that were changed for it.

    ``tell`` is told of those records, too.

    Raises:
        CellRefused: a record cannot be linked to, since it is gone or has no room left for the link back.

    """
    taken, changed = list(steps), set[str]()
    for link in database.fields:
        if link.type is FieldType.LINK and link.back_field_id:
            turn = _turn(link, taken)
            if turn.added or turn.dropped:
                changed |= _follow(ledger, space, turn, user, now, tell)
    return changed


def _turn(link: Field, steps: Iterable[Step]) -> _Turn:
    turn = _Turn(link)
    for id, before, after in steps:
        was, is_now = before.get(link.id, ()), after.get(link.id, ())
        for added in is_now:
            if added not in was:
                turn.added.setdefault(added, []).append(id)
        for dropped in was:
            if dropped not in is_now:
                turn.dropped.setdefault(dropped, []).append(id)
    return turn


def _follow(ledger: Ledger, space: Space, turn: _Turn, user: User, now: datetime, tell: Tell) -> set[str]:
    foreign = ledger.spaces.find_database(turn.link.foreign_database_id, space, for_writing=True)
    back = None if foreign is None else foreign.find_field(turn.link.back_field_id)
    if foreign is None or back is None or back.type is not FieldType.LINK:
        return set()  # the way back was taken away: it is a link one way now
    records = ledger.records.find_all(foreign, [*{**turn.added, **turn.dropped}], for_update=True)
    for id in turn.added:
        if id not in records:
            raise CellRefused(turn.link.name, id, "no such record in the linked database")
    changes = [change for record in records.values() if (change := _change(turn, back, record)) is not None]
    if changes:
        changed = ledger.records.change_all(changes, user, now)
        deeds = [update(change.record, after) for change, after in zip(changes, changed, strict=True)]
        ledger.history.add(foreign, deeds, user, now)
        tell(foreign, changed)
    return {change.record.id for change in changes}


def _change(turn: _Turn, back: Field, record: Record) -> RecordChange | None:
    """What leads back from a record, with the added and without the dropped; ``None``: that is what it says already."""
    was: Sequence[str] = record.cells.get(back.id, ())
    dropped = turn.dropped.get(record.id, ())
    is_now = [id for id in dict.fromkeys([*was, *turn.added.get(record.id, ())]) if id not in dropped]
    if is_now == [*was]:
        return None
    if len(is_now) > max(MAX_ITEMS, len(was)):
        raise CellRefused(turn.link.name, record.id, f"{MAX_ITEMS} records are linked to it already")
    cells: Mapping[str, Any] = {**record.cells, back.id: is_now} if is_now else _without(record.cells, back.id)
    return RecordChange(record, cells)


def _without(cells: Mapping[str, Any], field_id: str) -> dict[str, Any]:
    return {id: value for id, value in cells.items() if id != field_id}
