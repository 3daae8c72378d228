"""Bika's lists of records (contract bika, sections 4.3 and 4.4): what is asked for, page by page."""

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.bika import query
from holdall.dialects.bika.asking import answer, is_by_id, is_text, place_of, told_to, zone_of
from holdall.dialects.bika.filter_language import NO_TEXT, parse
from holdall.dialects.bika.filter_meaning import Meaning
from holdall.domain.access import Actor
from holdall.domain.conditions import UNSORTED, AllOf, Condition, Position, Question, Shape, Sort, shape_of
from holdall.domain.records import Database, Field
from holdall.domain.views import View
from holdall.errors import ChoiceRefused, FieldUnknown, Malformed
from holdall.flows.records import Asked, list_records
from holdall.web.edge import edge_of

MAX_SORTS = 5
"""Keys in one order."""
_MAX_SORT_LENGTH = 4000
_MAX_CURSOR_LENGTH = 8000
_MAX_NUMBER = 2**53
_SORT_KEY = re.compile(r"sort\[([0-9]{1,3})\]\[(field|order)\]")
_ALIEN = "offset is not a cursor of ours"
_TEXT_SHAPES = (Shape.TEXT, Shape.TIME, Shape.SPAN)
_TIME_SHAPES = (Shape.CREATED, Shape.MODIFIED)


async def list_records_v1(request: Request, actor: Actor) -> Response:
    """A numbered page of records."""
    params = request.query_params
    asking = _Asking(params, zone_of(request))
    size, number = query.page_size(params), query.whole_number(params, "pageNum", 1)
    listing = await list_records(
        edge_of(request).services,
        actor,
        place_of(request),
        asking.of,
        view_id=asking.view_id,
        skip=(number - 1) * size,
        limit=size,
        counted=True,
    )
    render, wanted = told_to(request, listing.beside), _wanted(params, listing.database, listing.view)
    return answer(
        {
            "total": listing.total,
            "pageNum": number,
            "pageSize": size,
            "records": [render.record_v1(listing.database, record, wanted) for record in listing.records],
        }
    )


async def list_records_v2(request: Request, actor: Actor) -> Response:
    """A page of records behind a cursor."""
    params = request.query_params
    asking = _Asking(params, zone_of(request))
    cursor = _Cursor.decode(params.get("offset"))
    asking.cursor = cursor
    by_id, as_text = is_by_id(request), is_text(request)
    seen = cursor.seen if cursor else 0
    left = query.whole_number(params, "maxRecords", query.UNLIMITED) - seen
    size = max(0, min(query.page_size(params), left))
    listing = await list_records(
        edge_of(request).services, actor, place_of(request), asking.of, view_id=asking.view_id, limit=size + 1
    )
    page, has_more = listing.records[:size], len(listing.records) > size and left > size
    render, wanted = told_to(request, listing.beside), _wanted(params, listing.database, listing.view)
    shown = [render.record_v2(listing.database, record, by_id=by_id, as_text=as_text, wanted=wanted) for record in page]
    following = _Cursor(asking.mark, seen + size, listing.positions[size - 1]).encode() if has_more else None
    return answer({"records": shown, "hasMore": has_more, **({"offset": following} if following else {})})


class _Asking:
    """The parameters of a list that say which records are meant, and in which order."""

    def __init__(self, params: QueryParams, zone: tzinfo | None) -> None:
        self._filter = params.get("filter") or ""
        self._tree = parse(self._filter) if self._filter.strip() else None
        self._sorts = _sorts(params)
        self._zone = zone
        self.view_id = params.get("viewId") or params.get("view") or None
        self.cursor: _Cursor | None = None
        self.mark = ""
        """Of what was asked for, set once the database is known: a cursor is good for that alone."""

    def of(self, database: Database, view: View | None) -> Asked:
        """What is meant in this database, through this view.

        The view's filter holds beside the request's; the request's order goes before the view's.
        """
        meaning = Meaning(database, self._zone)
        conditions: list[Condition] = []
        if view is not None and view.filter.strip():
            conditions.append(meaning.of(parse(view.filter)))
        if self._tree is not None:
            conditions.append(meaning.of(self._tree))
        where = AllOf(tuple(conditions)) if len(conditions) > 1 else next(iter(conditions), None)
        sorts = _sorts_of(database, self._sorts) if self._sorts else _view_sorts(database, view)
        told = [
            self._filter,
            view.filter if view else "",
            [(sort.field.id, sort.is_descending) for sort in sorts],
            str(self._zone),
        ]
        self.mark = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
        return Asked(Question(where, sorts), None if self.cursor is None else self.cursor.place(self.mark, sorts))


def _sorts(params: QueryParams) -> list[tuple[str, bool]]:
    """The keys of the wanted order with whether each goes downwards, in either spelling.

    Raises:
        Malformed: it is neither, or both, or too long.
        ChoiceRefused: an order is neither upwards nor downwards.

    """
    bracketed: dict[int, dict[str, str]] = {}
    for name, value in params.multi_items():
        match = _SORT_KEY.fullmatch(name)
        if match:
            bracketed.setdefault(int(match[1]), {})[match[2]] = value
        elif name.startswith("sort["):
            raise Malformed("query", f"{name[:50]} is not sort[0][field] or sort[0][order]")
    listed = params.get("sort")
    if listed and bracketed:
        raise Malformed("query", "sort comes in two spellings at once")
    given: Sequence[Any] = _listed(listed) if listed else [bracketed[place] for place in sorted(bracketed)]
    if len(given) > MAX_SORTS:
        raise Malformed("query", f"sort has more than {MAX_SORTS} keys")
    return [_sort(each) for each in given]


def _listed(text: str) -> list[Any]:
    wrong = Malformed("query", 'sort is a JSON array of {"field": …, "order": …}')
    if len(text) > _MAX_SORT_LENGTH:
        raise wrong
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise wrong from error
    if not isinstance(given, list):
        raise wrong
    return given


def _sort(given: Any) -> tuple[str, bool]:
    field = given.get("field") if isinstance(given, Mapping) else None
    if not isinstance(field, str) or not field:
        raise Malformed("query", "each key of sort names a field")
    order = given.get("order")
    order = "asc" if order is None else order
    if not isinstance(order, str) or order.lower() not in ("asc", "desc"):
        raise ChoiceRefused("order", str(order)[:50], ("asc", "desc"))
    return field, order.lower() == "desc"


def _sorts_of(database: Database, given: Sequence[tuple[str, bool]]) -> tuple[Sort, ...]:
    sorts: dict[str, Sort] = {}
    for name, is_descending in given:
        field = database.find_field(name)
        if field is None:
            raise FieldUnknown(name[:100])
        if shape_of(field) in UNSORTED:
            raise Malformed("query", f"{field.name} is {field.type.value}, which has no order")
        sorts.setdefault(field.id, Sort(field, is_descending))
    return tuple(sorts.values())


def sort_keys(given: Sequence[Mapping[str, Any]], database: Database) -> tuple[Sort, ...]:
    """An order as a message has it, for the fields of this database.

    Raises:
        Malformed, ChoiceRefused, FieldUnknown: a key names no field that can be sorted by, or goes no way.

    """
    return _sorts_of(database, [_sort(each) for each in given])


def _view_sorts(database: Database, view: View | None) -> tuple[Sort, ...]:
    fields = {field.id: field for field in database.fields if shape_of(field) not in UNSORTED}
    given = view.sorts if view else ()
    return tuple(Sort(fields[sort.field_id], sort.is_descending) for sort in given if sort.field_id in fields)


def _wanted(params: QueryParams, database: Database, view: View | None) -> set[str] | None:
    """The fields to show, by id: those asked for, less those that the view hides; ``None``: all."""
    names, hidden = query.field_names(params), view.hidden if view else frozenset()
    if names is None and not hidden:
        return None
    return {
        field.id
        for field in database.fields
        if field.id not in hidden and (names is None or field.id in names or field.name in names)
    }


class _Cursor:
    """A place in a listing: what was asked for, how many records were shown before it, and behind which it is."""

    def __init__(self, mark: str, seen: int, position: Position) -> None:
        self._mark = mark
        self.seen = seen
        self._position = position

    def encode(self) -> str:
        """The opaque text that stands for it."""
        keys = [key.isoformat() if isinstance(key, datetime) else key for key in self._position.keys]
        told = [self._mark, self.seen, self._position.number, *keys]
        text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str | None) -> "_Cursor | None":
        """The place that a cursor of ours stands for; ``None``: the beginning.

        Raises:
            Malformed: it was not made here.

        """
        if not text:
            return None
        if len(text) > _MAX_CURSOR_LENGTH:
            raise Malformed("query", _ALIEN)
        try:
            told = json.loads(base64.b64decode(text.encode() + b"=" * (-len(text) % 4), b"-_", validate=True).decode())
            mark, seen, number, *keys = told
        except (binascii.Error, ValueError, TypeError, RecursionError) as error:
            raise Malformed("query", _ALIEN) from error
        if not isinstance(mark, str) or not _is_count(seen) or not _is_count(number):
            raise Malformed("query", _ALIEN)
        return cls(mark, seen, Position(number, tuple(keys)))

    def place(self, mark: str, sorts: Sequence[Sort]) -> Position:
        """The place, if it is one in this listing.

        Raises:
            Malformed: it was made for another filter, order or view, or not by us.

        """
        if self._mark != mark:
            raise Malformed("query", "offset belongs to a listing with another filter, sort, view or timeZone")
        if len(self._position.keys) != len(sorts):
            raise Malformed("query", _ALIEN)
        keys = (_key(sort.field, value) for sort, value in zip(sorts, self._position.keys, strict=True))
        return Position(self._position.number, tuple(keys))


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MAX_NUMBER


def _key(field: Field, value: Any) -> Any:
    """A sort key out of a cursor, as the database knows it.

    Raises:
        Malformed: the field has no such key.

    """
    if value is None:
        return None
    shape = shape_of(field)
    if shape in _TIME_SHAPES:
        return _time(value)
    if shape in _TEXT_SHAPES:
        is_good = isinstance(value, str) and not NO_TEXT.search(value)
    elif shape is Shape.NUMBER:
        is_good = type(value) in (int, float) and math.isfinite(value) and abs(value) <= _MAX_NUMBER
    else:
        is_good = type(value) is int and abs(value) <= _MAX_NUMBER
    if not is_good:
        raise Malformed("query", _ALIEN)
    return value


def _time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (ValueError, TypeError) as error:
        raise Malformed("query", _ALIEN) from error
    if time.tzinfo is None:
        raise Malformed("query", _ALIEN)
    return time
