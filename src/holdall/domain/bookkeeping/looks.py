"""Looks."""

import re
from typing import Any

from holdall.domain.bookkeeping.entries import Look
from holdall.errors import BookRefused


def checked_look(icon: Any, color: Any, bg_color: Any) -> Look:
    """A look."""
    for value, pattern, code in (
        (icon, r"[a-z][a-z0-9-]*", "invalid_icon"),
        (bg_color, r"#[0-9A-Fa-f]{6}", "invalid_bg_color"),
        (color, r"#[0-9A-Fa-f]{6}", "invalid_color"),
    ):
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise BookRefused(code)
    return Look(icon, color, bg_color)
