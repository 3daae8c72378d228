"""What a change of a field does to the values in it: looked at for a report, or carried out.

Both go through the same rule for the same values, so that a dry run tells what then happens. Values are read in
portions, whatever their number.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdall.domain.access import Space, User
from holdall.domain.conversions import GONE, Conversion, Converted, Rule
from holdall.domain.fieldtypes import kind_of, show, show_text
from holdall.domain.fieldtypes.kind import PLAIN, Beside, Reader, Reference
from holdall.domain.history import Deed, NewDeed, update
from holdall.domain.records import Database, Record
from holdall.domain.structure import MAX_REWRITTEN, MAX_SAMPLES, Report, Sample
from holdall.errors import StructureRefused
from holdall.ports import AttachmentChange, Cell, Ledger, RecordChange

_PORTION = 500
"""Records that are looked at together: a cell may have a hundred thousand characters."""
_SHOWN = 500
"""As many characters of a lost value are worth showing."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who changes records, and when."""

    user: User
    now: datetime


@dataclass(slots=True)
class _Tally:
    records: int = 0
    lost: int = 0
    rewritten: int = 0


class Rewriting:
    """One change of one field, of which the values are looked at."""

    def __init__(self, ledger: Ledger, space: Space, database: Database, job: Conversion, rule: Rule | None) -> None:
        """``rule`` is that of the conversion; ``None``: the field goes, with every value."""
        self._ledger = ledger
        self._space = space
        self._database = database
        self._job = job
        self._rule = rule
        self._foreign = ledger.spaces.find_database(job.before.foreign_database_id, space) if self._leads else None

    def weigh(self) -> Report:
        """What would become of the values; nothing is changed.

        Raises:
            StructureRefused: more than ``MAX_REWRITTEN`` records would be rewritten.

        """
        return self._run(None)

    def carry_out(self, writer: Writer) -> Report:
        """Rewrite the records whose values take another form, each with a new revision and a line in its history.

        Raises:
            StructureRefused: as ``weigh``.

        """
        return self._run(writer)

    @property
    def _leads(self) -> bool:
        return self._rule is not None and kind_of(self._job.before).refers_to is Reference.RECORDS

    def _run(self, writer: Writer | None) -> Report:
        tally, samples = _Tally(), list[Sample]()
        for portion in self._portions():
            rewritten: list[tuple[Record, Any, Any]] = []
            for record, kept in portion:
                done = self._convert(kept)
                tally.records += kept is not None
                if not done.is_whole:
                    tally.lost += 1
                    if len(samples) < MAX_SAMPLES:
                        samples.append(self._sample(record, kept, done.kept))
                was = self._stored(record, kept)
                if self._rule is not None and not _is_same(was, done.kept):
                    rewritten.append((record, was, done.kept))
            tally.rewritten += len(rewritten)
            if tally.rewritten > MAX_REWRITTEN:
                raise StructureRefused("type", f"more than {MAX_REWRITTEN} records would have to be rewritten")
            if writer is not None and rewritten:
                self._write(writer, rewritten)
        converted = tally.records - tally.lost
        return Report(tally.records, converted, tally.lost, tuple(samples), len(self._job.made))

    def _portions(self) -> Iterator[list[tuple[Record, Any]]]:
        """Records with what they hold in the field, as their type sees it."""
        field, node, after = self._job.before, self._database.node.number, 0
        while cells := self._ledger.structure.cells(node, field, after=after, limit=_PORTION):
            after = cells[-1].number
            seen = ((record, kind_of(field).kept(field, record)) for record in self._records(cells))
            portion = [*seen]
            self._learn([kept for _, kept in portion if kept is not None])
            yield portion

    def _convert(self, kept: Any) -> Converted:
        """What becomes of a value; of an option that is gone already, nothing is left to be lost."""
        if kept is None:
            return Converted(None)
        return GONE if self._rule is None else self._rule(self._job, kept)

    def _stored(self, record: Record, kept: Any) -> Any:
        """What the record has in its cell, seen or not; of an attachment field, what hangs there."""
        return (
            kept if kind_of(self._job.before).refers_to is Reference.UPLOADS else record.cells.get(self._job.before.id)
        )

    def _records(self, cells: Sequence[Cell]) -> Sequence[Record]:
        """Of attachment fields, what hangs on the records; of any other, this one cell is enough."""
        field = self._job.before
        if kind_of(field).refers_to is Reference.UPLOADS:
            return [*self._ledger.records.find_all(self._database, [cell.record_id for cell in cells]).values()]
        node = self._database.node
        epoch = self._space.created_at
        return [
            Record(cell.number, cell.record_id, node.id, cell.revision, {field.id: cell.kept}, epoch, epoch, 0, 0)
            for cell in cells
        ]

    def _learn(self, values: Sequence[Any]) -> None:
        """What members and linked records are called."""
        reference = kind_of(self._job.before).refers_to
        if reference is Reference.MEMBERS:
            ids = {id for kept in values for id in kept}
            self._job.reader = Reader(beside=Beside(self._ledger.spaces.people(self._space.number, ids, ())))
        if reference is Reference.RECORDS and self._foreign is not None:
            self._job.names = self._named(self._foreign, {id for kept in values for id in kept})

    def _named(self, foreign: Database, ids: set[str]) -> dict[str, str]:
        primary = next((field for field in foreign.fields if field.is_primary), None)
        if primary is None or not ids:
            return {}
        found = self._ledger.records.find_all(foreign, [*ids]).values()
        told = ((record.id, kind_of(primary).kept(primary, record)) for record in found)
        return {id: show_text(primary, kept, PLAIN) for id, kept in told if kept is not None}

    def _write(self, writer: Writer, values: Sequence[tuple[Record, Any, Any]]) -> None:
        """Records with what they had and are to have; what else is in them is neither read nor sent."""
        ledger, field = self._ledger, self._job.before
        if kind_of(field).refers_to is Reference.UPLOADS:
            ties = [AttachmentChange(field.id, [])]
            changes = [RecordChange(record, {**record.cells, field.id: value}, ties) for record, _, value in values]
            changed = ledger.records.change_all(changes, writer.user, writer.now)
            deeds = [update(change.record, after) for change, after in zip(changes, changed, strict=True)]
        else:
            cells = [(Cell(record.number, record.id, record.revision, was), value) for record, was, value in values]
            ledger.structure.rewrite(field, cells, writer.user, writer.now)
            deeds = [
                NewDeed(cell.record_id, cell.revision + 1, Deed.UPDATE, {field.id: [cell.kept, value]})
                for cell, value in cells
            ]
        ledger.history.add(self._database, deeds, writer.user, writer.now)

    def _sample(self, record: Record, before: Any, after: Any) -> Sample:
        result = self._job.result
        left = None if after is None else show(result, after, self._job.reader)
        return Sample(record.id, _short(show(self._job.before, before, self._job.reader)), _short(left))


def _is_same(one: Any, other: Any) -> bool:
    """As JSON: to Python, 1 is true and 1.0."""
    return one is other or (one == other and repr(one) == repr(other))


def _short(value: Any) -> Any:
    """The value; of a long one, how its JSON begins."""
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
