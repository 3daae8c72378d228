"""The stories of those who look at views."""

from collections.abc import Sequence
from dataclasses import dataclass

from holdall.domain.access import Actor
from holdall.domain.records import Database
from holdall.domain.views import View
from holdall.errors import Missing
from holdall.flows.records import Place, enter_database
from holdall.ports import Ledger, Services


@dataclass(frozen=True, slots=True)
class Viewed:
    """A database and its views, in order."""

    database: Database
    views: Sequence[View]


async def list_views(services: Services, actor: Actor, place: Place) -> Viewed:
    """A database with its views."""

    def look(ledger: Ledger) -> Viewed:
        database = enter_database(ledger, actor, place)
        return Viewed(database, ledger.views.of(database.node))

    return await services.work.read(look)


async def find_view(services: Services, actor: Actor, place: Place, view_id: str) -> Viewed:
    """One view, with its database.

    Raises:
        Missing: the database has no such view.

    """

    def look(ledger: Ledger) -> Viewed:
        database = enter_database(ledger, actor, place)
        return Viewed(database, [known_view(ledger, database, view_id)])

    return await services.work.read(look)


def known_view(ledger: Ledger, database: Database, view_id: str) -> View:
    """The view of this id, inside a transaction.

    Raises:
        Missing: the database has none.

    """
    view = ledger.views.find(database.node, view_id)
    if view is None:
        raise Missing("view", view_id)
    return view
