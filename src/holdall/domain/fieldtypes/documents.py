"""Cells with an inside of their own, which is kept and given back as it came."""

import json
from typing import Any

from holdall.domain.fieldtypes.kind import Kind, Reader, refuse
from holdall.domain.fieldtypes.numbers import MAX_SAFE_INTEGER
from holdall.domain.formulas.values import Value
from holdall.domain.records import Field

MAX_JSON_LENGTH = 100_000
MAX_JSON_DEPTH = 32


class Json(Kind):
    """Any JSON."""

    written = f"any JSON of at most {MAX_JSON_LENGTH} characters, {MAX_JSON_DEPTH} levels deep"
    shown = "as it was written; as a string its JSON"

    def coerce(self, field: Field, value: Any) -> Any:
        """What every database keeps and every client reads as it is."""
        if not _can_be_kept(value, MAX_JSON_DEPTH):
            reason = f"at most {MAX_JSON_DEPTH} levels, numbers up to ±{MAX_SAFE_INTEGER} and no NUL characters"
            raise refuse(field, value, reason)
        if len(_text(value)) > MAX_JSON_LENGTH:
            raise refuse(field, value, f"longer than {MAX_JSON_LENGTH} characters")
        return value

    def show_text(self, _field: Field, kept: Any, _reader: Reader) -> str:
        """Its JSON, without blanks."""
        return _text(kept)

    def value(self, _field: Field, kept: Any, _reader: Reader) -> Value:
        """Its JSON."""
        return _text(kept)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _can_be_kept(value: Any, levels: int) -> bool:
    """PostgreSQL keeps no NUL, and spells a large double with all its digits, which is another number in JSON."""
    if isinstance(value, dict):
        inside = (*value.keys(), *value.values())
        return levels > 0 and all(_can_be_kept(each, levels - 1) for each in inside)
    if isinstance(value, list):
        return levels > 0 and all(_can_be_kept(each, levels - 1) for each in value)
    if isinstance(value, str):
        return "\x00" not in value
    return value is None or isinstance(value, bool) or abs(value) <= MAX_SAFE_INTEGER
