"""Text: one line, several lines, and what is kept as text without being looked at any further."""

import re
from typing import Any

from holdall.domain.fieldtypes.kind import Kind, Reader, refuse
from holdall.domain.records import Field

MAX_TEXT_LENGTH = 100_000
_BREAK = re.compile(r"\r\n|\r|\n")


def text_of(field: Field, value: Any) -> str:
    """The value, if it is text that every database can keep."""
    if not isinstance(value, str):
        raise refuse(field, value, "text expected")
    if len(value) > MAX_TEXT_LENGTH:
        raise refuse(field, value, f"longer than {MAX_TEXT_LENGTH} characters")
    if "\x00" in value:
        raise refuse(field, value, "NUL characters are not text")
    return value


def is_list_of_texts(value: Any) -> bool:
    """Whether it is what ids, names and levels are kept as."""
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


class Line(Kind):
    """One line. Addresses and numbers to call are not checked any further, as in Bika."""

    written = "text without line breaks"
    shown = "text"

    def coerce(self, field: Field, value: Any) -> str:
        """Text without a break."""
        text = text_of(field, value)
        if _BREAK.search(text):
            raise refuse(field, value, "one line expected")
        return text


class Lines(Kind):
    """Several lines."""

    written = "text"
    shown = "text; as a string with `<br>` for line breaks"

    def coerce(self, field: Field, value: Any) -> str:
        """Any text."""
        return text_of(field, value)

    def show_text(self, _field: Field, kept: Any, _reader: Reader) -> str:
        """With breaks that show in HTML, as Bika has them."""
        return _BREAK.sub("<br>", str(kept))
