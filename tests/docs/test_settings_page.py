"""The settings page and the settings are the same list."""

import re
from pathlib import Path

import msgspec

from holdall.settings import PREFIX, Settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_every_setting_is_documented_and_none_else():
    """A name in the table is a field, and the other way round."""
    documented = re.findall(r"^\| `(HOLDALL_[A-Z0-9_]+)` ", PAGE.read_text(), re.MULTILINE)
    real = [PREFIX + field.name.upper() for field in msgspec.structs.fields(Settings)]

    assert sorted(real) == sorted(documented)
