"""What has to be known beside some records to show their cells: people by name, and what is looked up elsewhere.

Each is asked for once, however many records there are, and not at all where no field of the database shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from holdall.domain.access import Space
from holdall.domain.fieldtypes import kind_of
from holdall.domain.fieldtypes.kind import Beside, LookedUp, Reference
from holdall.domain.people import People
from holdall.domain.records import Database, Field, FieldType, Record
from holdall.errors import Malformed
from holdall.ports import Ledger

MAX_LOOKED_UP = 20_000
"""Linked records that one answer may look into: a thousand records may each be linked to a thousand."""
_NOT_FOLLOWED = {FieldType.LOOKUP, FieldType.FORMULA}


@dataclass(frozen=True, slots=True)
class _Lookup:
    """A lookup field, the link that it follows, and what it shows of which database."""

    field: Field
    link: Field
    foreign: Database
    shown: Field


def beside(ledger: Ledger, space: Space, database: Database, records: Sequence[Record]) -> Beside:
    """All that it takes to show the cells of these records.

    Raises:
        Malformed: that would be more than ``MAX_LOOKED_UP`` linked records.

    """
    looked_up: dict[str, LookedUp] = {}
    named = [_Named(database.fields, records)]
    linked = _linked(ledger, lookups := _lookups(ledger, space, database), records)
    for lookup in lookups:
        found = linked[lookup.foreign.node.id]
        looked_up[lookup.field.id] = LookedUp(lookup.shown, kind_of(lookup.shown), found)
        named.append(_Named([lookup.shown], [*found.values()]))
    has_formulas = any(field.type is FieldType.FORMULA for field in database.fields)
    columns = {field.id: (field, kind_of(field)) for field in database.fields} if has_formulas else {}
    return Beside(_people(ledger, space, named), looked_up, columns)


def _lookups(ledger: Ledger, space: Space, database: Database) -> list[_Lookup]:
    """The lookup fields that lead anywhere."""
    by_id = {field.id: field for field in database.fields}
    databases: dict[str, Database | None] = {}
    lookups: list[_Lookup] = []
    for field in database.fields:
        link = by_id.get(field.link_field_id) if field.type is FieldType.LOOKUP else None
        if link is None or kind_of(link).refers_to is not Reference.RECORDS:
            continue
        foreign_id = link.foreign_database_id
        if foreign_id not in databases:
            databases[foreign_id] = ledger.spaces.find_database(foreign_id, space)
        foreign = databases[foreign_id]
        shown = None if foreign is None else foreign.find_field(field.lookup_field_id)
        if foreign is not None and shown is not None and shown.type not in _NOT_FOLLOWED:
            lookups.append(_Lookup(field, link, foreign, shown))
    return lookups


def _linked(ledger: Ledger, lookups: Sequence[_Lookup], records: Sequence[Record]) -> dict[str, dict[str, Record]]:
    """The linked records by database and id, each database asked once."""
    wanted: dict[str, tuple[Database, dict[str, None]]] = {}
    for lookup in lookups:
        _, ids = wanted.setdefault(lookup.foreign.node.id, (lookup.foreign, {}))
        for record in records:
            ids.update(dict.fromkeys(record.cells.get(lookup.link.id, ())))
    if sum(len(ids) for _, ids in wanted.values()) > MAX_LOOKED_UP:
        raise Malformed("query", f"these records look up more than {MAX_LOOKED_UP} others; ask for fewer at once")
    return {id: ledger.records.find_all(foreign, [*ids]) if ids else {} for id, (foreign, ids) in wanted.items()}


@dataclass(frozen=True, slots=True)
class _Named:
    """Fields that are shown of some records."""

    fields: Sequence[Field]
    records: Sequence[Record]


def _people(ledger: Ledger, space: Space, named: Sequence[_Named]) -> People:
    """Those whom the cells name."""
    members: set[str] = set()
    authors: set[int] = set()
    for each in named:
        for field in each.fields:
            kind = kind_of(field)
            if kind.refers_to is Reference.MEMBERS:
                members.update(id for record in each.records for id in record.cells.get(field.id, ()))
            if kind.names_authors:
                authors.update(number for record in each.records for number in (record.created_by, record.updated_by))
    return ledger.spaces.people(space.number, members, authors)
