"""Transactions, their tags and receipts."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, insert, select, union_all, update

from holdall.adapters.db.rows import insert_row, portions
from holdall.adapters.db.tables import receipts, transaction_tags, transactions
from holdall.domain.bookkeeping.entries import Booking, Direction
from holdall.ports import BookingSearch

_BOOKING = (
    transactions.c.id,
    transactions.c.title,
    transactions.c.amount,
    transactions.c.at,
    transactions.c.type,
    transactions.c.category,
    transactions.c.account_id,
    transactions.c.to_account_id,
    transactions.c.person_id,
    transactions.c.note,
)
"""In the order of ``Booking``'s fields."""
_BOOKINGS = select(*_BOOKING).where(transactions.c.user_id == bindparam("of_user"))
_is_meant = (transactions.c.id == bindparam("its_number")) & (transactions.c.user_id == bindparam("of_user"))
_FIND = select(*_BOOKING).where(_is_meant)
_ADD = insert(transactions)
_CHANGE = (
    update(transactions)
    .where(_is_meant)
    .values(
        {
            column.name: bindparam(f"new_{column.name}")
            for column in transactions.c
            if column.name not in ("id", "user_id", "created_at")
        }
    )
)
_REMOVE = delete(transactions).where(_is_meant)
_TAGS = (
    select(transaction_tags.c.transaction_id, transaction_tags.c.tag)
    .where(transaction_tags.c.transaction_id.in_(bindparam("numbers", expanding=True)))
    .order_by(transaction_tags.c.transaction_id, transaction_tags.c.position)
)
_RECEIPTS = (
    select(receipts.c.transaction_id, receipts.c.upload_id)
    .where(receipts.c.transaction_id.in_(bindparam("numbers", expanding=True)))
    .order_by(receipts.c.transaction_id, receipts.c.position)
)
_ADD_TAGS, _ADD_RECEIPTS = insert(transaction_tags), insert(receipts)
_FORGET_TAGS = delete(transaction_tags).where(transaction_tags.c.transaction_id == bindparam("its_number"))
_FORGET_RECEIPTS = delete(receipts).where(receipts.c.transaction_id == bindparam("its_number"))


class SqlTransactions:
    """``ports.Transactions`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, user_id: int, search: BookingSearch, *, limit: int, offset: int) -> list[Booking]:
        """The newest, by their dates."""
        wanted = _BOOKINGS.where(*_narrowed(search))
        if search.account is None:
            found = _newest(wanted, transactions.c, limit, offset)
        else:  # each half in the order of its own index; a transfer is in one of them only
            sides = (transactions.c.account_id, transactions.c.to_account_id)
            halves = [_newest(wanted.where(side == search.account), transactions.c, limit + offset) for side in sides]
            both = union_all(*(select(half.subquery("one_side")) for half in halves)).subquery("both_sides")
            found = _newest(select(both), both.c, limit, offset)
        return self._read(self._connection.execute(found, {"of_user": user_id}).all())

    def find(self, user_id: int, number: int) -> Booking | None:
        """The one of this number."""
        rows = self._connection.execute(_FIND, {"of_user": user_id, "its_number": number}).all()
        return next(iter(self._read(rows)), None)

    def add(self, user_id: int, booking: Booking, now: datetime) -> int:
        """Keep a new one with its tags and receipts."""
        row = {"user_id": user_id, **_row(booking), "created_at": now, "updated_at": now}
        number = insert_row(self._connection, _ADD, row)
        self._tie(number, booking)
        return number

    def change(self, user_id: int, booking: Booking, now: datetime) -> None:
        """Keep it as it is now, with its tags and receipts."""
        row = {f"new_{name}": value for name, value in {**_row(booking), "updated_at": now}.items()}
        self._connection.execute(_CHANGE, {"of_user": user_id, "its_number": booking.number, **row})
        self._untie(booking.number)
        self._tie(booking.number, booking)

    def remove(self, user_id: int, booking: Booking) -> None:
        """Forget it, with its ties to tags and receipts."""
        self._untie(booking.number)
        self._connection.execute(_REMOVE, {"of_user": user_id, "its_number": booking.number})

    def _tie(self, number: int, booking: Booking) -> None:
        tags = [{"transaction_id": number, "tag": tag, "position": at} for at, tag in enumerate(booking.tags)]
        files = [
            {"transaction_id": number, "upload_id": upload, "position": at}
            for at, upload in enumerate(booking.receipts)
        ]
        if tags:
            self._connection.execute(_ADD_TAGS, tags)
        if files:
            self._connection.execute(_ADD_RECEIPTS, files)

    def _untie(self, number: int) -> None:
        self._connection.execute(_FORGET_TAGS, {"its_number": number})
        self._connection.execute(_FORGET_RECEIPTS, {"its_number": number})

    def _read(self, rows: Sequence[Sequence[Any]]) -> list[Booking]:
        numbers = [row[0] for row in rows]
        tags, files = self._tied(_TAGS, numbers), self._tied(_RECEIPTS, numbers)
        return [_booking(row, tuple(tags.get(row[0], ())), tuple(files.get(row[0], ()))) for row in rows]

    def _tied(self, statement: Any, numbers: Sequence[int]) -> dict[int, list[int]]:
        tied: dict[int, list[int]] = {}
        for some in portions(numbers):
            for number, other in self._connection.execute(statement, {"numbers": some}):
                tied.setdefault(number, []).append(other)
        return tied


def _newest(statement: Select[Any], columns: Any, limit: int, offset: int = 0) -> Select[Any]:
    return statement.order_by(columns.at.desc(), columns.id.desc()).limit(limit).offset(offset)


def _narrowed(search: BookingSearch) -> Iterator[ColumnElement[bool]]:
    if search.person is not None:
        yield transactions.c.person_id == search.person
    if search.category is not None:
        yield transactions.c.category == search.category
    if search.since is not None:
        yield transactions.c.at >= search.since
    if search.until is not None:
        yield transactions.c.at <= search.until


def _booking(row: Sequence[Any], tags: tuple[int, ...], files: tuple[int, ...]) -> Booking:
    number, title, amount, at, type, category, account, to_account, person, note = row
    return Booking(number, title, amount, at, Direction(type), category, account, to_account, person, note, tags, files)


def _row(booking: Booking) -> dict[str, Any]:
    return {
        "title": booking.title,
        "amount": booking.amount,
        "at": booking.at,
        "type": booking.type.value,
        "category": booking.category,
        "account_id": booking.account,
        "to_account_id": booking.to_account,
        "person_id": booking.person,
        "note": booking.note,
    }
