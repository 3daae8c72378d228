"""Bika's query parameters and cursors."""

import base64
import binascii
import re
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from holdall.errors import ChoiceRefused, Malformed

DEFAULT_PAGE = 100
MAX_PAGE = 1000
UNLIMITED = 10**9
_MAX_NUMBER_LENGTH = 9
_CURSOR = re.compile(r"after:([0-9]{1,18}):([0-9]{1,9})")


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


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a listing: behind the record of this number, with so many shown before it."""

    after: int = 0
    seen: int = 0

    def encode(self) -> str:
        """The opaque text that stands for it."""
        return base64.urlsafe_b64encode(f"after:{self.after}:{self.seen}".encode()).rstrip(b"=").decode()


def decode_cursor(text: str | None) -> Cursor:
    """The place that a cursor of ours stands for; the beginning without one.

    Raises:
        Malformed: it was not made here.

    """
    if not text:
        return Cursor()
    try:
        plain = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise Malformed("query", "offset is not a cursor of ours") from error
    match = _CURSOR.fullmatch(plain)
    if match is None:
        raise Malformed("query", "offset is not a cursor of ours")
    return Cursor(int(match[1]), int(match[2]))
