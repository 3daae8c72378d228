"""The stories of those who make, change, order and delete views: what a database is looked at by, and no record."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from holdall.domain.records import Database
from holdall.domain.structure import MAX_VIEWS, checked_description, checked_name
from holdall.domain.views import View, ViewSort, ViewType
from holdall.errors import Missing, StructureRefused
from holdall.flows.shaping import Shaping
from holdall.flows.views import Viewed, known_view
from holdall.ports import Ledger, Services


@dataclass(frozen=True, slots=True)
class Look:
    """What a view shows of its database, and in which order; ``None``: as it is."""

    filter: str | None = None
    """In the language that clients filter in, with ids of fields."""
    sorts: tuple[ViewSort, ...] | None = None
    hidden: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ViewChange:
    """What is wanted of a view, new or not; ``None``: as it is, or as usual."""

    look: Callable[[Database], Look]
    """Says what is to be seen, once the database is known; raises what is wrong with that."""
    name: str | None = None
    type: ViewType | None = None
    description: str | None = None
    position: int | None = None
    """Among the database's views, from 0."""


async def create_view(services: Services, order: Shaping, database_id: str, wanted: ViewChange) -> Viewed:
    """A new view; of the database's views, it alone is told.

    Raises:
        StructureRefused: the name does not fit, or there would be too many views.
        Missing: no such database in the space.
        KeyReused, Conflict: see ``flows.once``.
        Whatever ``wanted.look`` raises.

    """

    def story(ledger: Ledger) -> Viewed:
        database, earlier = _enter(ledger, order, database_id)
        if earlier is not None:
            return Viewed(database, [known_view(ledger, database, earlier)])
        there = ledger.views.of(database.node)
        if len(there) >= MAX_VIEWS:
            raise StructureRefused("name", f"a database has at most {MAX_VIEWS} views")
        if wanted.name is None:
            raise StructureRefused("name", "it is missing")
        made = _changed(View(services.ids.public("viw"), ""), database, there, wanted)
        ledger.views.add(database.node, made)
        _place(ledger, database, made, wanted.position)
        order.finish(ledger, "view.add", made.id, {"database": database.node.id, "name": made.name})
        return Viewed(database, [made])

    return await services.work.write(story)


async def change_view(services: Services, order: Shaping, database_id: str, view_id: str, wanted: ViewChange) -> Viewed:
    """A view with another name, type, description, look or place; it alone is told.

    Raises:
        As ``create_view``; Missing: the database has no such view.

    """

    def story(ledger: Ledger) -> Viewed:
        database, earlier = _enter(ledger, order, database_id)
        before = known_view(ledger, database, view_id)
        if earlier is not None:
            return Viewed(database, [before])
        after = _changed(before, database, ledger.views.of(database.node), wanted)
        ledger.views.change(database.node, after)
        _place(ledger, database, after, wanted.position)
        order.finish(ledger, "view.change", after.id, {"database": database.node.id, "name": after.name})
        return Viewed(database, [after])

    return await services.work.write(story)


async def delete_view(services: Services, order: Shaping, database_id: str, view_id: str) -> None:
    """One view less; no record is touched.

    Raises:
        Missing: no such database in the space, no such view in it.
        KeyReused, Conflict: see ``flows.once``.

    """

    def story(ledger: Ledger) -> None:
        database, earlier = _enter(ledger, order, database_id)
        if earlier is None:
            view = known_view(ledger, database, view_id)
            ledger.views.remove(database.node, view)
            order.finish(ledger, "view.delete", view.id, {"database": database.node.id, "name": view.name})

    await services.work.write(story)


def _enter(ledger: Ledger, order: Shaping, database_id: str) -> tuple[Database, str | None]:
    """The database, held; and the view that a request with this key led to when it first came."""
    space = order.enter(ledger)
    earlier = order.earlier(ledger)
    database = ledger.structure.hold_database(space, database_id)
    if database is None:
        raise Missing("database", database_id)
    return database, None if earlier is None else earlier[0]


def _changed(view: View, database: Database, there: Iterable[View], wanted: ViewChange) -> View:
    name = view.name
    if wanted.name is not None and (wanted.name != name or not name):
        name = checked_name(wanted.name)
        if any(other.id != view.id and other.name.casefold() == name.casefold() for other in there):
            raise StructureRefused("name", f"the database has a view called {name}")
    look = wanted.look(database)
    return replace(
        view,
        name=name,
        type=wanted.type or view.type,
        description=view.description if wanted.description is None else checked_description(wanted.description),
        filter=view.filter if look.filter is None else look.filter,
        sorts=view.sorts if look.sorts is None else look.sorts,
        hidden=view.hidden if look.hidden is None else look.hidden,
    )


def _place(ledger: Ledger, database: Database, view: View, position: int | None) -> None:
    if position is not None:
        ids = [each.id for each in ledger.views.of(database.node) if each.id != view.id]
        ids.insert(position, view.id)
        ledger.views.order(database.node, ids)
