"""What Pika's clients send of their books, read one value at a time; each refusal is the documented one.

Ids come as numbers or as text (contract pika, section 14, C7). One that is neither is read as ``NOBODY``, so that it
is refused where, and as, an id is that leads nowhere: the order of refusals is the contract's.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from holdall.dialects.pika.asking import whole
from holdall.domain.bookkeeping.entries import Look
from holdall.domain.bookkeeping.looks import checked_look
from holdall.domain.bookkeeping.names import checked_name
from holdall.errors import BookRefused, Malformed

Given = Mapping[str, Any]
NOBODY = -1
"""The number of nothing and nobody."""
MAX_TEXT = 5000
"""Characters of a description or a note."""
MAX_LINE = 255
MAX_TIES = 100
"""Tags, or files, of one transaction."""
_YEARS = range(1900, 3000)
_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|\+00:00))?", re.ASCII)
_ADDRESS = re.compile(r"[^@\s<>\"(),:;\\\[\]]+@[^@\s<>\"(),:;\\\[\]]+\.[^@\s<>\"(),:;\\\[\]]+")


def name(value: Any, code: str) -> str:
    """A name, without blanks around it.

    Raises:
        BookRefused: with this code.

    """
    try:
        return checked_name(value)
    except ValueError as error:
        raise BookRefused(code, str(error)) from error


def text(given: Given, key: str) -> str:
    """A description or a note; none for null.

    Raises:
        Malformed: it is no text, or too long.

    """
    value = given.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed("query", f"{key} is no text")
    if len(value) > MAX_TEXT or "\0" in value:
        raise Malformed("query", f"{key} can have {MAX_TEXT} characters at most, NUL not among them")
    return value


def email(given: Given) -> str:
    """An e-mail address, or none.

    Raises:
        BookRefused: it is no address.

    """
    value = given.get("email")
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > MAX_LINE or not _ADDRESS.fullmatch(value.strip()):
        raise BookRefused("invalid_email")
    return value.strip()


def line(given: Given, key: str) -> str:
    """A short text, as ``text``."""
    value = text(given, key).strip()
    if len(value) > MAX_LINE or not value.isprintable():
        raise Malformed("query", f"{key} can have {MAX_LINE} printable characters at most")
    return value


def number(value: Any) -> int:
    """An id; ``NOBODY`` for what is none."""
    if isinstance(value, str):
        value = whole(value.strip())
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62
    return value if is_number else NOBODY


def numbers(value: Any) -> tuple[int, ...]:
    """A list of ids, each once, in order; null is an empty one, and what is no list, or too long, that of nobody."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_TIES:
        return (NOBODY,)
    return tuple(dict.fromkeys(map(number, value)))


def moment(value: Any) -> datetime:
    """A time in UTC, to the second; a day alone is its beginning (contract pika, section 14, C10).

    Raises:
        ValueError: it is none, or of another century than ours and the next ten.

    """
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(value)
    year, *rest = (int(part or 0) for part in found.groups())
    if year not in _YEARS:
        raise ValueError(value)
    month, day, hour, minute, second = rest
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def change(given: Given, present: Given) -> Given:
    """What is present, as it would be sent, with what is sent in its place.

    Raises:
        BookRefused: ``no_update``: nothing that is known is sent.

    """
    if not present.keys() & given.keys():
        raise BookRefused("no_update")
    return {**present, **given}


def look(given: Given) -> Look:
    """How a thing is drawn.

    Raises:
        BookRefused: ``invalid_icon``, ``invalid_bg_color``, ``invalid_color``; in this order.

    """
    return checked_look(given.get("icon"), given.get("color"), given.get("bgColor"))
