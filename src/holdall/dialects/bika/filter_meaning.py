"""What a filter means for the fields of one database: each condition typed as its field's type says.

Source of the operators and of what they mean: contract bika, section 6.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo

from holdall.dialects.bika.filter_language import Both, Either, Term, Tree, Value, wrong
from holdall.domain.conditions import (
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
    Relation,
    SetHas,
    SetIs,
    Shape,
    TextHas,
    TextIs,
    TimeIs,
    shape_of,
)
from holdall.domain.fieldtypes.times import parse_time
from holdall.domain.records import Database, Field
from holdall.errors import Malformed

_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EXACT_INTEGER = 2**53
_COUNT = "count"
_RELATIONS: Mapping[str, tuple[Relation, bool]] = {
    "==": (Relation.EQUAL, True),
    "!=": (Relation.EQUAL, False),
    "<": (Relation.LESS, True),
    "<=": (Relation.LESS_OR_EQUAL, True),
    ">": (Relation.MORE, True),
    ">=": (Relation.MORE_OR_EQUAL, True),
}
"""Each with whether it is meant so, or the other way round."""


class Meaning:
    """Knows the fields, and in which zone days are meant (``None``: in the field's own, else in UTC)."""

    def __init__(self, database: Database, zone: tzinfo | None) -> None:
        self._database = database
        self._zone = zone

    def of(self, tree: Tree) -> Condition:
        """The condition.

        Raises:
            Malformed: a field that there is not, an operator that its type does not have, a value that does not fit.

        """
        match tree:
            case Both(terms):
                return AllOf(tuple(self.of(term) for term in terms))
            case Either(terms):
                return AnyOf(tuple(self.of(term) for term in terms))
            case Term():
                return self._condition(tree)

    def _condition(self, term: Term) -> Condition:
        field, part = self._field(term)
        if part:
            return _of_files(term, field, part)
        if term.values[0].is_null and not term.is_list:
            return _null(term, field)
        if any(value.is_null for value in term.values):
            raise wrong(term.position, "null stands alone, not in a list")
        shape = shape_of(field)
        if shape in (Shape.TIME, Shape.CREATED, Shape.MODIFIED):
            return self._time(term, field)
        means = _MEANINGS.get(shape)
        if means is None:
            raise wrong(term.position, f"{field.name} is {field.type.value}, which takes == null and != null only")
        return means(term, field)

    def _field(self, term: Term) -> tuple[Field, str]:
        """The field, and the part of its files that is asked about."""
        field, part = self._database.find_field(term.field), term.part
        if field is None and not part and "." in term.field:
            name, _, part = term.field.rpartition(".")
            field = self._database.find_field(name)
        if field is None:
            raise wrong(term.position, f"Field {term.field[:100]} not found")
        if part and (shape_of(field) is not Shape.FILES or part not in _PARTS):
            raise wrong(term.position, f"only attachments have parts, and these are {', '.join(_PARTS)}")
        return field, part

    def _time(self, term: Term, field: Field) -> Condition:
        """A day is all of it, a time its millisecond."""
        relation, is_meant = _relation(term, field)
        start, end = self._stretch(_single(term), field)
        match relation:
            case Relation.EQUAL:
                found = TimeIs(field, start, end)
            case Relation.LESS:
                found = TimeIs(field, None, start)
            case Relation.LESS_OR_EQUAL:
                found = TimeIs(field, None, end)
            case Relation.MORE:
                found = TimeIs(field, end, None)
            case Relation.MORE_OR_EQUAL:
                found = TimeIs(field, start, None)
        return found if is_meant else Not(found)

    def _stretch(self, value: Value, field: Field) -> tuple[datetime, datetime]:
        zone = self._zone or field.zone or UTC
        try:
            start = parse_time(value.text, zone)
            if not _DAY.fullmatch(value.text):
                start = start.replace(microsecond=start.microsecond // 1000 * 1000)
                return start, start + timedelta(milliseconds=1)
            following = datetime.fromisoformat(value.text) + timedelta(days=1)
            return start, parse_time(following.date().isoformat(), zone)
        except (ValueError, OverflowError) as error:
            raise wrong(value.position, "a day (YYYY-MM-DD) or a time in ISO 8601 expected") from error


def _null(term: Term, field: Field) -> Condition:
    if term.operator == "==":
        return IsEmpty(field)
    if term.operator == "!=":
        return Not(IsEmpty(field))
    raise wrong(term.position, "null takes == and != only")


def _text(term: Term, field: Field) -> Condition:
    match term.operator:
        case "==" | "!=":
            return _meant(term, TextIs(field, (_single(term).text,)))
        case "=c=" | "=nc=":
            return _meant(term, TextHas(field, _texts(term)))
    raise _unserved(term, field, "== != =c= =nc=")


def _number(term: Term, field: Field) -> Condition:
    relation, is_meant = _relation(term, field)
    found = NumberIs(field, relation, _parsed(_single(term)))
    return found if is_meant else Not(found)


def _truth(term: Term, field: Field) -> Condition:
    if term.operator not in ("==", "!="):
        raise _unserved(term, field, "==")
    word = _single(term)
    if word.text.lower() not in ("true", "false", "1", "0"):
        raise wrong(word.position, "true, false, 1 or 0 expected")
    is_checked = (word.text.lower() in ("true", "1")) is (term.operator == "==")
    return IsChecked(field) if is_checked else Not(IsChecked(field))


def _option(term: Term, field: Field) -> Condition:
    if term.operator in ("==", "!="):
        _single(term)
    elif term.operator not in ("=c=", "=nc="):
        raise _unserved(term, field, "== != =c= =nc=")
    return _meant(term, TextIs(field, tuple(_option_id(field, value) for value in term.values)))


def _options(term: Term, field: Field) -> Condition:
    return _set(term, field, frozenset(_option_id(field, value) for value in term.values))


def _ids(term: Term, field: Field) -> Condition:
    return _set(term, field, frozenset(value.text for value in term.values))


def _set(term: Term, field: Field, ids: frozenset[str]) -> Condition:
    match term.operator:
        case "==" | "!=":
            return _meant(term, SetIs(field, ids))
        case "=c=" | "=nc=":
            return _meant(term, SetHas(field, ids))
    raise _unserved(term, field, "== != =c= =nc=")


def _author(term: Term, field: Field) -> Condition:
    if term.operator not in ("==", "!=", "=c=", "=nc="):
        raise _unserved(term, field, "== != =c= =nc=")
    return _meant(term, AuthorIs(field, _texts(term)))


_MEANINGS: Mapping[Shape, Callable[[Term, Field], Condition]] = {
    Shape.TEXT: _text,
    Shape.NUMBER: _number,
    Shape.TRUTH: _truth,
    Shape.OPTION: _option,
    Shape.OPTIONS: _options,
    Shape.IDS: _ids,
    Shape.CREATOR: _author,
    Shape.MODIFIER: _author,
}

_PARTS = (_COUNT, *(part.value for part in FilePart))


def _of_files(term: Term, field: Field, part: str) -> Condition:
    """An extension: ``Pictures.count>=2``, ``Pictures.type=c="image/"``."""
    if any(value.is_null for value in term.values):
        raise wrong(term.position, "parts of attachments are never null")
    if part in (_COUNT, FilePart.SIZE.value):
        relation, is_meant = _relation(term, field)
        asked = FileCountIs if part == _COUNT else AnyFileSizeIs
        found: Condition = asked(field, relation, _parsed(_single(term)))
        return found if is_meant else Not(found)
    match term.operator:
        case "==" | "!=":
            return _meant(term, AnyFileIs(field, FilePart(part), (_single(term).text,)))
        case "=c=" | "=nc=":
            return _meant(term, AnyFileHas(field, FilePart(part), _texts(term)))
    raise _unserved(term, field, "== != =c= =nc=")


def _meant(term: Term, condition: Condition) -> Condition:
    return Not(condition) if term.operator in ("!=", "=nc=") else condition


def _texts(term: Term) -> tuple[str, ...]:
    return tuple(value.text for value in term.values)


def _single(term: Term) -> Value:
    if len(term.values) != 1:
        raise wrong(term.position, f"{term.operator} takes one value here")
    return term.values[0]


def _relation(term: Term, field: Field) -> tuple[Relation, bool]:
    if term.operator not in _RELATIONS:
        raise _unserved(term, field, " ".join(_RELATIONS))
    return _RELATIONS[term.operator]


def _parsed(value: Value) -> float:
    if not _NUMBER.fullmatch(value.text):
        raise wrong(value.position, "a number expected")
    number = float(value.text)
    if not math.isfinite(number):
        raise wrong(value.position, "a number expected that is not that large")
    return int(number) if number == int(number) and abs(number) <= _EXACT_INTEGER else number


def _option_id(field: Field, value: Value) -> str:
    """The id of the option that is called so; an option that there is not stands in no cell."""
    options = field.options
    by_id = next((option.id for option in options if option.id == value.text), None)
    return by_id or next((option.id for option in options if option.name == value.text), value.text)


def _unserved(term: Term, field: Field, operators: str) -> Malformed:
    return wrong(term.position, f"{field.name} is {field.type.value}, which takes {operators}")
