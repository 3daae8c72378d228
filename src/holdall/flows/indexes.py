"""Indexes of single fields: made by operators where a database grew large, and on record."""

from holdall.domain.conditions import Shape, shape_of
from holdall.domain.records import Database, Field
from holdall.errors import FieldUnknown, Malformed, Missing
from holdall.flows.members import known_space
from holdall.flows.records import Place
from holdall.ports import Ledger, Services

INDEXABLE = frozenset(
    {
        Shape.TEXT,
        Shape.NUMBER,
        Shape.TRUTH,
        Shape.OPTION,
        Shape.IDS,
        Shape.TIME,
        Shape.SPAN,
        Shape.CREATED,
        Shape.MODIFIED,
    }
)
"""Of an option, for filters alone: which place it has among the others is not kept with the record."""


async def add_index(services: Services, place: Place, key: str) -> Field:
    """Keep a field's cells in order from now on; return the field. Nothing else is written meanwhile.

    Raises:
        Missing, FieldUnknown: no such space, database or field.
        Malformed: cells of its type cannot be kept in order.

    """

    def story(ledger: Ledger) -> Field:
        database, field = _known(ledger, place, key)
        if shape_of(field) not in INDEXABLE:
            raise Malformed("field", f"{field.name} is {field.type.value}, which cannot be indexed")
        ledger.records.add_index(database, field)
        ledger.audit.record(services.operator, "index.add", database.node.id, {"field": field.id})
        return field

    return await services.work.write(story)


async def drop_index(services: Services, place: Place, key: str) -> Field:
    """Do so no longer; return the field.

    Raises:
        Missing, FieldUnknown: no such space, database or field.

    """

    def story(ledger: Ledger) -> Field:
        database, field = _known(ledger, place, key)
        ledger.records.drop_index(database, field)
        ledger.audit.record(services.operator, "index.drop", database.node.id, {"field": field.id})
        return field

    return await services.work.write(story)


def _known(ledger: Ledger, place: Place, key: str) -> tuple[Database, Field]:
    database = ledger.spaces.find_database(place.database_id, known_space(ledger, place.space_id))
    if database is None:
        raise Missing("database", place.database_id)
    field = database.find_field(key)
    if field is None:
        raise FieldUnknown(key)
    return database, field
