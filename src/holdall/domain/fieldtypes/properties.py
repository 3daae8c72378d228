"""Properties of fields on their way in: what a client sends becomes what is kept, or a reason why not.

Each type names its properties and their rules (``Kind.properties``); this is what rules are made of. A rule returns
what is kept of a value, or raises ``ValueError`` with what it should be.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holdall.domain.filename import has_unseen
from holdall.domain.zones import zone_called
from holdall.errors import StructureRefused

MAX_OPTIONS = 500
"""Of one field: they are told whenever the field is."""
MAX_OPTION_LENGTH = 100
_COLOR = re.compile(r"#?[A-Za-z0-9_-]{0,32}")
_ID = re.compile(r"[A-Za-z0-9]{1,64}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A field's properties as a client wants them."""

    given: Mapping[str, Any]
    """What is to change; ``None`` takes a property away."""
    kept: Mapping[str, Any]
    """What the field has; empty for a new one, and for one that is to have another type."""
    new_id: Callable[[str], str]
    """Makes a public id of this prefix."""


Rule = Callable[[Asked, Any], Any]


def defined(rules: Mapping[str, Rule], needed: frozenset[str], asked: Asked) -> dict[str, Any]:
    """What is kept. A property that comes back as it is kept is no change, whatever it is.

    Raises:
        StructureRefused: a value does not fit, a needed one is missing, or the type has no such property.

    """
    kept = dict(asked.kept)
    for name, value in asked.given.items():
        if name in kept and kept[name] == value:
            continue
        if name not in rules:
            known = ", ".join(rules) or "none"
            raise StructureRefused(f"property.{name[:50]}", f"this type has no such property; it has: {known}")
        if value is None:
            kept.pop(name, None)
            continue
        try:
            kept[name] = rules[name](asked, value)
        except ValueError as unfit:
            raise StructureRefused(f"property.{name}", str(unfit)) from unfit
    for name in sorted(needed - kept.keys()):
        raise StructureRefused(f"property.{name}", "it is missing")
    return kept


def whole(least: int, most: int) -> Rule:
    """A whole number within bounds."""

    def rule(_asked: Asked, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most} expected")
        return value

    return rule


def short_text(most: int) -> Rule:
    """Some characters that can be seen."""

    def rule(_asked: Asked, value: Any) -> str:
        if not isinstance(value, str) or len(value) > most or has_unseen(value):
            raise ValueError(f"text of at most {most} characters expected, without any that nobody sees")
        return value

    return rule


def flag(_asked: Asked, value: Any) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise ValueError("true or false expected")  # noqa: TRY004  a reason, as every rule gives
    return value


def zone(_asked: Asked, value: Any) -> str:
    """A time zone by its IANA name."""
    if not isinstance(value, str) or zone_called(value) is None:
        raise ValueError("an IANA name such as Europe/Berlin expected")
    return value


def id_of_ours(_asked: Asked, value: Any) -> str:
    """A public id; whether there is such a thing is for others to say."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError("an id expected")
    return value


def options(asked: Asked, value: Any) -> list[dict[str, str]]:
    """The whole list, in order: those with a known id (or name) stay what they are, others are new, the rest goes."""
    if not isinstance(value, list) or len(value) > MAX_OPTIONS or not all(isinstance(each, dict) for each in value):
        raise ValueError(f"a list of at most {MAX_OPTIONS} options expected")
    kept: list[dict[str, str]] = [*asked.kept.get("options", ())]
    by_id = {option["id"]: option for option in kept}
    ids_by_name = {option["name"]: option["id"] for option in reversed(kept)}
    named = {each["id"] for each in value if isinstance(each.get("id"), str)}
    made: dict[str, dict[str, str]] = {}
    for each in value:
        option = _option(asked, each, by_id, {name: id for name, id in ids_by_name.items() if id not in named})
        if option["id"] in made or any(option["name"] == other["name"] for other in made.values()):
            raise ValueError(f"the option {option['name']} is there twice")
        made[option["id"]] = option
    return [*made.values()]


def option_name(text: str) -> str:
    """A name as it is kept. Raises ``ValueError``: it cannot be one."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 0 < len(name) <= MAX_OPTION_LENGTH or has_unseen(name):
        raise ValueError(f"the name of an option has 1 to {MAX_OPTION_LENGTH} characters, all of which are seen")
    return name


def _option(
    asked: Asked, given: Mapping[str, Any], by_id: Mapping[str, dict[str, str]], ids_by_name: Mapping[str, str]
) -> dict[str, str]:
    id, name, color = given.get("id"), given.get("name"), given.get("color")
    known = by_id.get(id) if isinstance(id, str) else None
    if id is not None and known is None:
        raise ValueError("an option's id is none of this field; leave it out for a new option")
    if name is None and known is not None:
        name = known["name"]
    if not isinstance(name, str):
        raise ValueError("each option has a name")  # noqa: TRY004  a reason, as every rule gives
    if color is not None and not (isinstance(color, str) and _COLOR.fullmatch(color)):
        raise ValueError("the color of an option is a word or a hex value")
    if known is None:
        known = by_id.get(ids_by_name.get(name, ""))
    shown = name if known is not None and known["name"] == name else option_name(name)
    usual = "" if known is None else known.get("color", "")
    return {
        "id": asked.new_id("opt") if known is None else known["id"],
        "name": shown,
        "color": usual if color is None else color,
    }
