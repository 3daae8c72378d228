"""The story of those who look at what was done to a record."""

from collections.abc import Sequence
from dataclasses import dataclass

from holdall.domain.access import Actor
from holdall.domain.fieldtypes import kind_of
from holdall.domain.fieldtypes.kind import Reference
from holdall.domain.history import DoneDeed
from holdall.domain.people import People
from holdall.domain.records import Database
from holdall.errors import Missing
from holdall.flows.records import Place, enter_database
from holdall.ports import Ledger, Services


@dataclass(frozen=True, slots=True)
class Past:
    """A part of a record's history, newest first, and whom it names."""

    database: Database
    deeds: Sequence[DoneDeed]
    people: People
    has_more: bool


async def record_history(
    services: Services, actor: Actor, place: Place, record_id: str, *, before: int | None = None, limit: int
) -> Past:
    """What was done to a record, whether it is still there or not; less what is numbered ``before`` or over.

    Raises:
        Missing: there is no such record here, and never was.

    """

    def look(ledger: Ledger) -> Past:
        database = enter_database(ledger, actor, place)
        deeds = ledger.history.page(database, record_id, before=before, limit=limit + 1)
        if not deeds and ledger.records.find(database, record_id) is None and not _has_one(ledger, database, record_id):
            raise Missing("record", record_id)
        shown = deeds[:limit]
        return Past(database, shown, _people(ledger, database, shown), has_more=len(deeds) > limit)

    return await services.work.read(look)


def _has_one(ledger: Ledger, database: Database, record_id: str) -> bool:
    return bool(ledger.history.page(database, record_id, limit=1))


def _people(ledger: Ledger, database: Database, deeds: Sequence[DoneDeed]) -> People:
    choosing = [field.id for field in database.fields if kind_of(field).refers_to is Reference.MEMBERS]
    members = {
        id for deed in deeds for field_id in choosing for cell in deed.changes.get(field_id, ()) for id in cell or ()
    }
    return ledger.spaces.people(database.node.space_id, members, ())
