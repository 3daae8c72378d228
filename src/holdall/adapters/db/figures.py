"""Sums over transactions: one range of an index for each statement, whole numbers throughout."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
)

from holdall.adapters.db.tables import transaction_tags, transactions
from holdall.domain.bookkeeping.entries import Direction
from holdall.domain.bookkeeping.figures import NONE, Tallies, Tally, tallies

_at, _amount = transactions.c.at, transactions.c.amount
_in_time = (_at >= bindparam("since"), _at < bindparam("until"))
_of_user = transactions.c.user_id == bindparam("of_user")
_of_person = transactions.c.person_id == bindparam("of_person")


def _tallied(key: ColumnElement[Any], type: ColumnElement[Any], amount: ColumnElement[Any]) -> Select[Any]:
    """By key and direction. PostgreSQL adds whole numbers up to decimals, which they are not."""
    return select(
        key, type, func.count(), cast(func.sum(amount), BigInteger), func.max(amount), func.min(amount)
    ).group_by(key, type)


def _by(key: ColumnElement[Any]) -> Select[Any]:
    return _tallied(key, transactions.c.type, _amount).where(_of_user, *_in_time)


_BY_CATEGORY = _by(transactions.c.category)
_BY_PERSON = _by(transactions.c.person_id).where(transactions.c.person_id.is_not(None))
_BY_TAG = _by(transaction_tags.c.tag).join(transaction_tags, transaction_tags.c.transaction_id == transactions.c.id)
_NEXT_OF_PERSON = select(func.min(_at)).where(_of_person, _at >= bindparam("since"))


@cache
def _by_span(count: int, *, of_person: bool) -> Select[Any]:
    """By the number of the stretch between two of ``count + 1`` edges; ``count`` is a power of two.

    Each row finds its stretch by halving. The statement is one of a few, whatever the edges.
    """
    whose = _of_person if of_person else _of_user
    spans = (
        select(_halved(0, count).label("span"), transactions.c.type, transactions.c.amount)
        .where(whose, *_in_time)
        .subquery()
    )
    return _tallied(spans.c.span, spans.c.type, spans.c.amount)


def _halved(low: int, high: int) -> ColumnElement[Any]:
    if high - low == 1:
        return literal_column(f"{low:d}")
    middle = (low + high) // 2
    return case((_at < bindparam(f"edge_{middle}"), _halved(low, middle)), else_=_halved(middle, high))


class SqlFigures:
    """``ports.Figures`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_span(self, user_id: int, edges: Sequence[datetime]) -> list[Tallies]:
        """Of each stretch between two edges."""
        return self._spans(edges, of_user=user_id)

    def by_category(self, user_id: int, since: datetime, until: datetime) -> dict[int, Tallies]:
        """Of each category."""
        return self._grouped(_BY_CATEGORY, {"of_user": user_id, "since": since, "until": until})

    def by_tag(self, user_id: int, since: datetime, until: datetime) -> dict[int, Tallies]:
        """Of each tag."""
        return self._grouped(_BY_TAG, {"of_user": user_id, "since": since, "until": until})

    def by_person(self, user_id: int, since: datetime, until: datetime) -> dict[int, Tallies]:
        """Of each person."""
        return self._grouped(_BY_PERSON, {"of_user": user_id, "since": since, "until": until})

    def by_span_of_person(self, person: int, edges: Sequence[datetime]) -> list[Tallies]:
        """Of each stretch between two edges, of one person."""
        return self._spans(edges, of_person=person)

    def next_of_person(self, person: int, since: datetime) -> datetime | None:
        """When the first of theirs was from this time on."""
        found: datetime | None = self._connection.scalar(_NEXT_OF_PERSON, {"of_person": person, "since": since})
        return found

    def _spans(self, edges: Sequence[datetime], **whose: int) -> list[Tallies]:
        wanted = len(edges) - 1
        count = 1 << (wanted - 1).bit_length()
        # Those that are too many begin and end with the last edge: nothing is in them.
        inner = {f"edge_{place}": edges[min(place, wanted)] for place in range(1, count)}
        statement = _by_span(count, of_person="of_person" in whose)
        found = self._grouped(statement, {**whose, **inner, "since": edges[0], "until": edges[-1]})
        return [found.get(place, NONE) for place in range(wanted)]

    def _grouped(self, statement: Select[Any], wanted: Mapping[str, Any]) -> dict[int, Tallies]:
        groups: dict[int, list[tuple[Direction, Tally]]] = {}
        for key, type, *sums in self._connection.execute(statement, wanted):
            groups.setdefault(key, []).append((Direction(type), Tally(*sums)))
        return {key: tallies(found) for key, found in groups.items()}
