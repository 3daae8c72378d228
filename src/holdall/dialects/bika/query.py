"""Bika's query parameters and cursors."""

import base64
import binascii

from starlette.datastructures import QueryParams

from holdall.errors import ChoiceRefused, Malformed

DEFAULT_PAGE = 100
MAX_PAGE = 1000
_MAX_NUMBER_LENGTH = 9


def whole_number(query: QueryParams, name: str, default: int, most: int | None = None) -> int:
    """A parameter that counts from 1.

    Raises:
        Malformed: it is no number from 1 to ``most``; numbers are never clamped in silence.

    """
    text = query.get(name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_NUMBER_LENGTH
    if not is_number or int(text) < 1 or (most is not None and int(text) > most):
        upper = f" to {most}" if most else ""
        raise Malformed("query", f"{name} is {text[:50]!r}; it can be a whole number from 1{upper}")
    return int(text)


def page_size(query: QueryParams) -> int:
    """How many records a page may have."""
    return whole_number(query, "pageSize", DEFAULT_PAGE, MAX_PAGE)


def one_of(name: str, value: object, default: str, other: str) -> str:
    """One of two words; ``default`` when absent.

    Raises:
        ChoiceRefused: neither.

    """
    if value is None:
        return default
    if value not in (default, other):
        raise ChoiceRefused(name, str(value)[:50], (default, other))
    return str(value)


def field_names(query: QueryParams) -> set[str] | None:
    """The wanted fields, repeated or joined by commas; ``None``: all."""
    values = query.getlist("fields")
    if not values:
        return None
    return {name for value in values for name in (value, *value.split(",")) if name}


def encode_cursor(number: int) -> str:
    """An opaque cursor that stands behind the record of this number."""
    return base64.urlsafe_b64encode(f"after:{number}".encode()).rstrip(b"=").decode()


def decode_cursor(text: str | None) -> int:
    """The number of the record that a cursor stands behind; 0 without one.

    Raises:
        Malformed: it was not made here.

    """
    if not text:
        return 0
    try:
        plain = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise Malformed("query", "offset is not a cursor of ours") from error
    prefix, _, number = plain.partition(":")
    if prefix != "after" or not (number.isascii() and number.isdigit() and len(number) <= 18):  # noqa: PLR2004
        raise Malformed("query", "offset is not a cursor of ours")
    return int(number)
