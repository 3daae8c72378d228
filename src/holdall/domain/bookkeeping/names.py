"""Names."""

import re
from typing import Any

_BAD = re.compile(r"<[A-Za-z/!?]|[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def checked_name(value: Any) -> str:
    """A name."""
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 255 or _BAD.search(value):
        raise ValueError("name")
    return value.strip()
