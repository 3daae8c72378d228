"""What may stand in a cell: a client's value becomes its stored form, and a stored form what is shown."""

from collections.abc import Callable, Mapping
from typing import Any

from holdall.domain.records import Field, FieldType
from holdall.errors import CellRefused

Coerce = Callable[[Field, Any], Any]
"""Turns a client's value into the stored form, or raises ``CellRefused``."""

MAX_TEXT_LENGTH = 100_000
MAX_SAFE_INTEGER = 2**53
"""JSON clients read numbers as doubles; past this they change under way."""


def coerce(field: Field, value: Any) -> Any:
    """The stored form of a client's value for a plain (not attachment) field; ``None`` empties the cell.

    Source of the rules: contract bika, section 5, column "write".

    Raises:
        CellRefused: the value does not fit.

    """
    if value is None:
        return None
    return _COERCE[field.type](field, value)


def show(field: Field, stored: Any) -> Any:
    """What a reader sees of a stored value: option names instead of option ids, all else as it is."""
    names = {option.id: option.name for option in field.options}
    if field.type is FieldType.SINGLE_SELECT:
        return names.get(stored)
    if field.type is FieldType.MULTI_SELECT:
        return [names[id] for id in stored if id in names]
    return stored


def show_text(field: Field, stored: Any) -> str:
    """What a reader sees, as one string."""
    shown = show(field, stored)
    if field.type is FieldType.CHECKBOX:
        return "true" if shown else "false"
    if field.type is FieldType.MULTI_SELECT:
        return ", ".join(shown)
    if field.type is FieldType.LONG_TEXT:
        return str(shown).replace("\n", "<br>")
    if field.type is FieldType.NUMBER and "precision" in field.properties:
        return f"{shown:.{field.properties['precision']}f}"
    return str(shown)


def _refuse(field: Field, value: Any, reason: str) -> CellRefused:
    return CellRefused(field.name, value, reason)


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _refuse(field, value, "text expected")
    if len(value) > MAX_TEXT_LENGTH:
        raise _refuse(field, value, f"longer than {MAX_TEXT_LENGTH} characters")
    if "\x00" in value:
        raise _refuse(field, value, "NUL characters are not text")
    return value


def _line(field: Field, value: Any) -> str:
    text = _text(field, value)
    if "\n" in text or "\r" in text:
        raise _refuse(field, value, "one line expected")
    return text


def _number(field: Field, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_SAFE_INTEGER:
        raise _refuse(field, value, "number expected")
    return value


def _rating(field: Field, value: Any) -> int:
    top = int(field.properties.get("max", 5))
    number = _number(field, value)
    if number != int(number) or not 0 <= number <= top:
        raise _refuse(field, value, f"whole number from 0 to {top} expected")
    return int(number)


def _checkbox(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refuse(field, value, "true or false expected")
    return value


def _option_id(field: Field, value: Any) -> str:
    for option in field.options:
        if value in (option.id, option.name):
            return option.id
    raise _refuse(field, value, "no such option")


def _single_select(field: Field, value: Any) -> str | None:
    """A name or an id; clients of the first version wrap it in a list of one."""
    if isinstance(value, list):
        if len(value) > 1:
            raise _refuse(field, value, "one option expected")
        return _option_id(field, value[0]) if value else None
    return _option_id(field, value)


def _multi_select(field: Field, value: Any) -> list[str] | None:
    if not isinstance(value, list):
        raise _refuse(field, value, "list of options expected")
    return list(dict.fromkeys(_option_id(field, item) for item in value)) or None


_COERCE: Mapping[FieldType, Coerce] = {
    FieldType.SINGLE_TEXT: _line,
    FieldType.LONG_TEXT: _text,
    FieldType.URL: _line,
    FieldType.EMAIL: _line,
    FieldType.PHONE: _line,
    FieldType.NUMBER: _number,
    FieldType.RATING: _rating,
    FieldType.CHECKBOX: _checkbox,
    FieldType.SINGLE_SELECT: _single_select,
    FieldType.MULTI_SELECT: _multi_select,
}
