"""Public ids: a three-letter prefix and 21 random alphanumerics (contract bika, section 1)."""

import re

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
RANDOM_LENGTH = 21
"""125 bits: over the 120 that stored names need, so that nobody finds a file by guessing."""
_SHAPE = re.compile(r"[a-z]{3}[A-Za-z0-9]{21}")


def is_public_id(text: object, prefix: str) -> bool:
    """Whether ``text`` has the shape of an id of this prefix; says nothing on whether it exists."""
    return isinstance(text, str) and text.startswith(prefix) and _SHAPE.fullmatch(text) is not None
