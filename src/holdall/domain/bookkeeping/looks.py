"""How things in books are drawn: an icon that Lucide has, and two colours (contract pika, sections 1.1, 5 and 7)."""

import re
from importlib.resources import files
from typing import Any

from holdall.domain.bookkeeping.entries import Look
from holdall.errors import BookRefused

_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


def _names() -> frozenset[str]:
    """What ``lucide.txt`` lists: a constant that is too long to stand here."""
    lines = files(__package__).joinpath("lucide.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


ICONS = _names()
"""Every name that Lucide's icons have, and the former ones, which clients still use."""


def checked_icon(value: Any) -> str:
    """The name of an icon.

    Raises:
        BookRefused: ``invalid_icon``: Lucide has none of this name.

    """
    if not isinstance(value, str) or value not in ICONS:
        raise BookRefused("invalid_icon")
    return value


def checked_color(value: Any) -> str:
    """A colour to draw with: ``#`` and six hex digits, in the letter case that they came in.

    Raises:
        BookRefused: ``invalid_color``: it is none.

    """
    return _color(value, "invalid_color")


def checked_bg_color(value: Any) -> str:
    """A colour to draw on, as ``checked_color``.

    Raises:
        BookRefused: ``invalid_bg_color``: it is none.

    """
    return _color(value, "invalid_bg_color")


def checked_look(icon: Any, color: Any, bg_color: Any) -> Look:
    """All three, as an account is checked: the icon first, then the background, then the colour.

    Raises:
        BookRefused: as above.

    """
    icon, bg_color = checked_icon(icon), checked_bg_color(bg_color)
    return Look(icon, checked_color(color), bg_color)


def _color(value: Any, code: str) -> str:
    if not isinstance(value, str) or not _COLOR.fullmatch(value):
        raise BookRefused(code)
    return value
