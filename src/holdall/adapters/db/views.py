"""Views of databases."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from holdall.adapters.db.rows import insert_row
from holdall.adapters.db.tables import views
from holdall.domain.records import Node
from holdall.domain.views import View, ViewSort, ViewType

_VIEW = (
    views.c.public_id,
    views.c.name,
    views.c.type,
    views.c.description,
    views.c.filter,
    views.c.sorts,
    views.c.hidden,
)
"""In the order of ``View``'s fields."""
_OF = select(*_VIEW).where(views.c.node_id == bindparam("node_id")).order_by(views.c.position, views.c.id)
_FIND = select(*_VIEW).where(views.c.public_id == bindparam("id"), views.c.node_id == bindparam("node_id"))
_NEXT = select(func.coalesce(func.max(views.c.position) + 1, 0)).where(views.c.node_id == bindparam("node_id"))
_ADD = insert(views)
_ONE = (views.c.node_id == bindparam("of_node"), views.c.public_id == bindparam("of_view"))
_CHANGE = update(views).where(*_ONE)
_PLACE = update(views).where(*_ONE).values(position=bindparam("to_place"))
_REMOVE = delete(views).where(*_ONE)


class SqlViews:
    """``ports.Views`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, database: Node, view: View) -> None:
        """Keep a new view, last in order."""
        place = self._connection.scalar(_NEXT, {"node_id": database.number})
        row = {"public_id": view.id, "node_id": database.number, **_columns(view), "position": place}
        insert_row(self._connection, _ADD, row)

    def of(self, database: Node) -> list[View]:
        """Every view of the database, in order."""
        return [_view(row) for row in self._connection.execute(_OF, {"node_id": database.number})]

    def find(self, database: Node, id: str) -> View | None:
        """The view of this id, if the database has it."""
        row = self._connection.execute(_FIND, {"id": id, "node_id": database.number}).first()
        return None if row is None else _view(row)

    def change(self, database: Node, view: View) -> None:
        """Keep it as it is now."""
        self._connection.execute(_CHANGE.values(_columns(view)), _which(database, view.id))

    def order(self, database: Node, ids: Sequence[str]) -> None:
        """Have the views in this order."""
        rows = [{**_which(database, id), "to_place": place} for place, id in enumerate(ids)]
        self._connection.execute(_PLACE, rows)

    def remove(self, database: Node, view: View) -> None:
        """Forget it."""
        self._connection.execute(_REMOVE, _which(database, view.id))


def _which(database: Node, id: str) -> dict[str, Any]:
    return {"of_node": database.number, "of_view": id}


def _columns(view: View) -> dict[str, Any]:
    return {
        "name": view.name,
        "type": view.type.value,
        "description": view.description,
        "filter": view.filter,
        "sorts": [{"field": sort.field_id, "desc": sort.is_descending} for sort in view.sorts],
        "hidden": sorted(view.hidden),
    }


def _view(row: Sequence[Any]) -> View:
    id, name, type, description, filter, sorts, hidden = row
    order = tuple(ViewSort(sort["field"], sort["desc"]) for sort in sorts)
    return View(id, name, ViewType(type), description, filter, order, frozenset(hidden))
