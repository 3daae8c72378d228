"""A question about records as SQL: the condition, and the order as a row of segments.

A page behind a position is not found by counting from the beginning, and not by one long OR, which no engine finds its
way through by an index. It is a row of segments, asked one after the other until the page is full: first those that tie
with the position on every key, then those that tie on all keys but the last and come after it there, and so on. Each is
a seek. How many there are depends on the number of keys alone.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)

from holdall.adapters.db.cells import Expression, SqliteCells, file_count, hanging_on, key
from holdall.adapters.db.tables import attachments, blobs, members, records, uploads, users
from holdall.domain.conditions import (
    TEXT_KEY_LENGTH,
    AllOf,
    AnyFileHas,
    AnyFileIs,
    AnyFileSizeIs,
    AnyOf,
    AuthorIs,
    Condition,
    FileCountIs,
    FilePart,
    IsChecked,
    IsEmpty,
    Not,
    NumberIs,
    Position,
    Question,
    Relation,
    SetHas,
    SetIs,
    Shape,
    Sort,
    TextHas,
    TextIs,
    TimeIs,
    shape_of,
)
from holdall.domain.fieldtypes.times import utc_text
from holdall.domain.records import Field

_ALWAYS_FILLED = (Shape.TRUTH, Shape.CREATED, Shape.MODIFIED, Shape.CREATOR, Shape.MODIFIER)
_PARTS = {FilePart.TYPE: blobs.c.mime, FilePart.SIZE: blobs.c.size, FilePart.NAME: attachments.c.name}


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of an order: which records are in it, and how they are sorted."""

    where: tuple[ColumnElement[bool], ...]
    order: tuple[Any, ...]


class Listing:
    """A question about one database, on one engine."""

    def __init__(self, cells: SqliteCells, node: int, question: Question) -> None:
        self._cells = cells
        self._keys = [_Key(sort, key(cells, sort.field)) for sort in question.sorts]
        # Spelled, since an index for one database alone serves no statement that leaves open which one is meant.
        of_database = records.c.node_id == literal_column(f"{node:d}")
        self._where = [of_database, *([] if question.where is None else [self._condition(question.where)])]

    def keys(self) -> list[Expression]:
        """What the records are sorted by."""
        return [each.expression for each in self._keys]

    def statement(self, columns: Sequence[Any], segment: Segment) -> Select[Any]:
        """The records of a segment, with their keys; ``limit`` and ``skip`` are parameters."""
        return (
            select(*columns, *self.keys())
            .select_from(records)
            .where(*self._where, *segment.where)
            .order_by(*segment.order)
            .limit(bindparam("limit"))
            .offset(bindparam("skip"))
        )

    def count(self, segment: Segment | None = None) -> Select[Any]:
        """How many records there are, in all or in a segment."""
        stretch = segment.where if segment else ()
        return select(func.count()).select_from(records).where(*self._where, *stretch)

    def segments(self, after: Position | None) -> Iterator[Segment]:
        """The order, or what is left of it behind a position."""
        if after is None:
            yield from self._whole(0, ())
            return
        ties = [each.ties(value) for each, value in zip(self._keys, after.keys, strict=True)]
        yield Segment((*ties, records.c.id > after.number), (records.c.id,))
        for place in reversed(range(len(self._keys))):
            each, value, same = self._keys[place], after.keys[place], tuple(ties[:place])
            if value is not None:
                yield Segment((*same, each.comes_after(value)), self._order(place, is_filled=True))
                if each.can_be_empty:
                    yield Segment((*same, each.expression.is_(None)), self._order(place + 1))

    def _whole(self, place: int, same: tuple[ColumnElement[bool], ...]) -> Iterator[Segment]:
        if not self._keys:
            yield Segment(same, (records.c.id,))
            return
        first = self._keys[place]
        if first.can_be_empty:
            yield Segment((*same, first.expression.is_not(None)), self._order(place, is_filled=True))
            yield Segment((*same, first.expression.is_(None)), self._order(place + 1))
        else:
            yield Segment(same, self._order(place))

    def _order(self, place: int, *, is_filled: bool = False) -> tuple[Any, ...]:
        """By the keys from this place on; ``is_filled``: the first of them is known to be so."""
        order: list[Any] = []
        for each in self._keys[place:]:
            if each.can_be_empty and not is_filled:
                order.append(each.expression.is_(None))
            order.append(each.expression.desc() if each.is_descending else each.expression)
            is_filled = False
        return (*order, records.c.id)

    def _condition(self, condition: Condition) -> ColumnElement[bool]:  # noqa: C901, PLR0911, PLR0912  one case each
        cells = self._cells
        match condition:
            case AllOf(conditions):
                return and_(*(self._condition(each) for each in conditions))
            case AnyOf(conditions):
                return or_(*(self._condition(each) for each in conditions))
            case Not(inner):
                # What is unknown of an empty cell is not so.
                return func.coalesce(self._condition(inner), false()).is_(false())
            case IsEmpty(field):
                return self._is_empty(field)
            case TextIs(field, values):
                return self._text_is(field, values)
            case TextHas(field, values):
                found = or_(*(self._stands_in(cells.text(field), value) for value in values))
                return and_(*cells.mentions(values), found)
            case NumberIs(field, relation, value):
                return _related(cells.number(field), relation, cells.number_value(value))
            case IsChecked(field):
                return cells.is_true(field)
            case SetIs(field, ids):
                return and_(*cells.mentions(ids), cells.is_set(field, ids))
            case SetHas(field, ids):
                return and_(*cells.mentions(ids), cells.has_any(field, ids))
            case TimeIs(field):
                return self._time_is(condition)
            case AuthorIs(field, ids):
                people = select(users.c.id).where(users.c.public_id.in_(ids))
                seats = select(members.c.user_id).where(members.c.public_id.in_(ids))
                author = key(cells, field)
                return or_(author.in_(people), author.in_(seats))
            case FileCountIs(field, relation, value):
                return _related(file_count(field), relation, cells_number(value))
            case AnyFileIs(field, part, values):
                return _any_file(field, _PARTS[part].in_(values))
            case AnyFileHas(field, part, values):
                return _any_file(field, or_(*(self._stands_in(_PARTS[part], value) for value in values)))
            case AnyFileSizeIs(field, relation, value):
                return _any_file(field, _related(blobs.c.size, relation, cells_number(value)))

    def _is_empty(self, field: Field) -> ColumnElement[bool]:  # noqa: PLR0911  one case each
        cells, known = self._cells, [option.id for option in field.options]
        match shape_of(field):
            case Shape.CREATED | Shape.MODIFIED | Shape.CREATOR | Shape.MODIFIER:
                return false()
            case Shape.FILES:
                return ~_any_file(field, true())
            case Shape.OPTION:
                text = cells.text(field)
                return or_(text.is_(None), text.not_in(known)) if known else true()
            case Shape.OPTIONS:
                # What PostgreSQL finds in a cell that is not there is unknown.
                return func.coalesce(cells.has_any(field, known), false()).is_(false()) if known else true()
            case Shape.TEXT:
                return key(cells, field).is_(None)
            case Shape.NUMBER:
                return cells.number(field).is_(None)
            case _:
                return cells.text(field).is_(None)

    def _text_is(self, field: Field, values: tuple[str, ...]) -> ColumnElement[bool]:
        """By the key first, which an index knows, and then letter by letter."""
        bounds = [*self._cells.mentions(values)]
        if shape_of(field) is Shape.TEXT:
            bounds.append(_one_of(key(self._cells, field), [value[:TEXT_KEY_LENGTH] for value in values]))
        return and_(*bounds, _one_of(self._cells.text(field), values))

    def _time_is(self, condition: TimeIs) -> ColumnElement[bool]:
        is_column = shape_of(condition.field) in (Shape.CREATED, Shape.MODIFIED)
        time = key(self._cells, condition.field)
        bounds: list[ColumnElement[bool]] = []
        if condition.start is not None:
            bounds.append(time >= (condition.start if is_column else utc_text(condition.start)))
        if condition.end is not None:
            bounds.append(time < (condition.end if is_column else utc_text(condition.end)))
        # Without a bound, an empty cell would be in between.
        return and_(*bounds) if bounds else time.is_not(None)

    def _stands_in(self, text: Expression, value: str) -> ColumnElement[bool]:
        place: Any = getattr(func, self._cells.contains)(text, value)
        return place > 0  # type: ignore[no-any-return]


class _Key:
    """One sort key."""

    def __init__(self, sort: Sort, expression: Expression) -> None:
        self.expression = expression
        self.is_descending = sort.is_descending
        self.can_be_empty = shape_of(sort.field) not in _ALWAYS_FILLED
        self._field = sort.field

    def ties(self, value: Any) -> ColumnElement[bool]:
        """Those with the same key."""
        same: ColumnElement[bool] = self.expression == self._bound(value)
        return self.expression.is_(None) if value is None else same

    def comes_after(self, value: Any) -> ColumnElement[bool]:
        """Those with a key behind it; no empty ones."""
        bound = self._bound(value)
        behind: ColumnElement[bool] = self.expression < bound if self.is_descending else self.expression > bound
        return behind

    def _bound(self, value: Any) -> Any:
        return bindparam(None, value, type_=self.expression.type, unique=True)


def cells_number(value: float) -> Any:
    """A number to be compared with one that the database counts."""
    return SqliteCells().number_value(value)


_RELATIONS: Mapping[Relation, Callable[[Any, Any], Any]] = {
    Relation.EQUAL: operator.eq,
    Relation.LESS: operator.lt,
    Relation.LESS_OR_EQUAL: operator.le,
    Relation.MORE: operator.gt,
    Relation.MORE_OR_EQUAL: operator.ge,
}


def _related(left: Expression, relation: Relation, right: Any) -> ColumnElement[bool]:
    related: ColumnElement[bool] = _RELATIONS[relation](left, right)
    return related


def _one_of(text: Expression, values: Sequence[str]) -> ColumnElement[bool]:
    return text == bindparam(None, values[0], String, unique=True) if len(values) == 1 else text.in_(values)


def _any_file(field: Field, where: ColumnElement[bool]) -> ColumnElement[bool]:
    found: Select[Any] = (
        select(literal_column("1"))
        .select_from(attachments)
        .join(uploads, attachments.c.upload_id == uploads.c.id)
        .join(blobs, uploads.c.blob_id == blobs.c.id)
        .where(hanging_on(field), where)
        .correlate(records)
    )
    return exists(found)
