"""The stories of those who look at spaces, databases and records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdall.domain.access import Actor, Role, Scope, Space
from holdall.domain.conditions import Position, Question
from holdall.domain.fieldtypes.kind import NOTHING, Beside
from holdall.domain.records import Database, Node, Record
from holdall.domain.views import View
from holdall.errors import Missing
from holdall.flows.access import demand, enter
from holdall.flows.beside import beside
from holdall.ports import Ledger, Membership, Services


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
    beside: Beside = NOTHING
    positions: Sequence[Position] = ()
    """Where each of the records stands in the order asked for."""
    view: View | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which records a caller means, and behind which position."""

    question: Question
    after: Position | None = None


EVERYTHING = Asked(Question())
Ask = Callable[[Database, View | None], Asked]
"""Says what is meant once the database, and the view that was named, are known."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The nodes of a space, parents before children, and what the caller is there."""

    nodes: Sequence[Node]
    role: Role


@dataclass(frozen=True, slots=True)
class Found:
    """Records of a database, and what it takes to show them."""

    database: Database
    records: Sequence[Record]
    beside: Beside


async def list_spaces(services: Services, actor: Actor) -> list[Membership]:
    """The spaces that the caller belongs to, oldest first; their own at the end: many clients take the first."""
    demand(actor, Scope.READ)
    memberships = await services.work.read(lambda ledger: ledger.spaces.of(actor.user))
    return sorted(memberships, key=lambda membership: membership.space.is_personal)


async def find_space(services: Services, actor: Actor, space_id: str) -> Membership:
    """One space that the caller belongs to."""
    return await services.work.read(lambda ledger: enter(ledger, actor, space_id))


async def list_nodes(services: Services, actor: Actor, space_id: str) -> Tree:
    """A space's whole tree, flat."""

    def look(ledger: Ledger) -> Tree:
        seat = enter(ledger, actor, space_id)
        return Tree(ledger.spaces.nodes(seat.space), seat.role)

    return await services.work.read(look)


async def find_node(services: Services, actor: Actor, node_id: str, space_id: str | None = None) -> Node:
    """One node of a space or, for those who do not say of which, of any that the caller belongs to.

    Raises:
        Missing: no such space, or no such node in it, for this caller.

    """

    def look(ledger: Ledger) -> Node:
        demand(actor, Scope.READ)
        seat = None if space_id is None else enter(ledger, actor, space_id)
        node = ledger.spaces.find_node(node_id, actor.user)
        if node is None or (seat is not None and node.space_id != seat.space.number):
            raise Missing("node", node_id)
        return node

    return await services.work.read(look)


async def find_database(services: Services, actor: Actor, place: Place) -> Database:
    """A database with its fields."""
    return await services.work.read(lambda ledger: enter_database(ledger, actor, place))


async def find_record(services: Services, actor: Actor, place: Place, record_id: str) -> Found:
    """One record.

    Raises:
        Missing: no such record here.

    """

    def look(ledger: Ledger) -> Found:
        space, database = enter_both(ledger, actor, place)
        record = ledger.records.find(database, record_id)
        if record is None:
            raise Missing("record", record_id)
        return Found(database, [record], beside(ledger, space, database, [record]))

    return await services.work.read(look)


async def list_records(
    services: Services,
    actor: Actor,
    place: Place,
    ask: Ask = lambda _database, _view: EVERYTHING,
    *,
    view_id: str | None = None,
    skip: int = 0,
    limit: int,
    counted: bool = False,
) -> Listing:
    """A page of the records that are asked for, in the order asked for.

    Raises:
        Missing: the database has no such view.
        Whatever ``ask`` raises.

    """

    def look(ledger: Ledger) -> Listing:
        space, database = enter_both(ledger, actor, place)
        view = ledger.views.find(database.node, view_id) if view_id else None
        if view_id and view is None:
            raise Missing("view", view_id)
        asked = ask(database, view)
        found = ledger.records.search(database, asked.question, after=asked.after, skip=skip, limit=limit)
        total = ledger.records.count_found(database, asked.question) if counted else None
        shown = beside(ledger, space, database, found.records)
        return Listing(database, list(found.records), total, shown, found.positions, view)

    return await services.work.read(look)


def enter_database(ledger: Ledger, actor: Actor, place: Place, scope: Scope = Scope.READ) -> Database:
    """The database, for a member of its space who may do that there.

    Raises:
        Missing, Forbidden: see ``flows.access``; there is no such database in the space.

    """
    return enter_both(ledger, actor, place, scope)[1]


def enter_both(
    ledger: Ledger, actor: Actor, place: Place, scope: Scope = Scope.READ, *, only_looks: bool = False
) -> tuple[Space, Database]:
    """As ``enter_database``, with the space that it is in.

    ``only_looks`` is for who asks whether the caller may write, in a transaction that reads.
    """
    space = enter(ledger, actor, place.space_id, scope).space
    for_writing = scope is Scope.WRITE and not only_looks
    database = ledger.spaces.find_database(place.database_id, space, for_writing=for_writing)
    if database is None:
        raise Missing("database", place.database_id)
    return space, database
