"""That users keep books."""

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from holdall.adapters.db.tables import books

# PostgreSQL's insert compiles for SQLite as well: both spell ON CONFLICT the same.
_OPEN = insert_or_not(books).on_conflict_do_nothing(index_elements=[books.c.user_id])
_HOLD = select(books.c.turnover).where(books.c.user_id == bindparam("of_user")).with_for_update()
_TURN_OVER = (
    update(books)
    .where(books.c.user_id == bindparam("of_user"))
    .values(turnover=books.c.turnover + bindparam("units", type_=books.c.turnover.type))
)


class SqlBooks:
    """``ports.Books`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hold(self, user_id: int) -> int:
        """Hold a user's books, and say what was turned over in them so far."""
        held: int | None = self._connection.scalar(_HOLD, {"of_user": user_id})
        if held is None:
            self._connection.execute(_OPEN, {"user_id": user_id, "turnover": 0})
            held = self._connection.execute(_HOLD, {"of_user": user_id}).scalar_one()
        return held

    def turn_over(self, user_id: int, units: int) -> None:
        """Add to what was turned over."""
        self._connection.execute(_TURN_OVER, {"of_user": user_id, "units": units})
