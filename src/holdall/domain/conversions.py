"""From one type of field to another: what becomes of each value, and whether it is whole afterwards.

A value is whole where nothing that somebody put into it is missing: ``"12.50"`` as the number 12.5 is, ``"007"`` as 7
is not, and neither is a list of which one item is left. What has no form in the new type is gone, and counts as lost.
There is one rule for each pair of types, found by ``conversion``; a pair without a rule cannot be converted.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from holdall.domain.fieldtypes import coerce, show_text
from holdall.domain.fieldtypes.kind import MAX_ITEMS, PLAIN, Reader
from holdall.domain.fieldtypes.numbers import decimals
from holdall.domain.fieldtypes.properties import MAX_OPTIONS, option_name
from holdall.domain.records import Field, FieldType
from holdall.errors import CellRefused


@dataclass(frozen=True, slots=True)
class Converted:
    """What becomes of a value: its new stored form (``None``: the cell is empty), and whether that is all of it."""

    kept: Any
    is_whole: bool = True


GONE = Converted(None, is_whole=False)


@dataclass(slots=True)
class Conversion:
    """What is known while the values of one field are converted, one after the other."""

    before: Field
    after: Field
    new_id: Callable[[str], str] = str
    reader: Reader = PLAIN
    """Knows the members that cells name."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What linked records are called, by id."""
    made: dict[str, dict[str, str]] = field(default_factory=dict)
    """Options made of values, by name; they come behind those that the field has."""

    def option(self, text: str) -> str | None:
        """The id of the option of this name, made if need be; ``None``: there is none, and no room for one."""
        try:
            name = option_name(text)
        except ValueError:
            return None
        for option in self.after.properties.get("options", ()):
            if option["name"] == name:
                return str(option["id"])
        if name not in self.made:
            if len(self.after.properties.get("options", ())) + len(self.made) >= MAX_OPTIONS:
                return None
            self.made[name] = {"id": self.new_id("opt"), "name": name, "color": ""}
        return self.made[name]["id"]

    @property
    def result(self) -> Field:
        """The field as it is in the end."""
        if not self.made:
            return self.after
        options = [*self.after.properties.get("options", ()), *self.made.values()]
        return replace(self.after, properties={**self.after.properties, "options": options})


Rule = Callable[[Conversion, Any], Converted]

_LINE = frozenset({FieldType.SINGLE_TEXT, FieldType.URL, FieldType.EMAIL, FieldType.PHONE})
_TEXT = _LINE | {FieldType.LONG_TEXT, FieldType.AI_TEXT}
_NUMBER = frozenset({FieldType.NUMBER, FieldType.CURRENCY, FieldType.PERCENT, FieldType.RATING})
_DOCUMENT = frozenset({FieldType.JSON, FieldType.WORK_DOC})
_LINK = frozenset({FieldType.LINK, FieldType.ONE_WAY_LINK})
_TRUE, _FALSE = {"true", "yes", "on", "1", "checked"}, {"false", "no", "off", "0", "unchecked"}
_BREAK = re.compile(r"\r\n|\r|\n")
_DIGITS = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_LEADING = re.compile(r"\+|-?0[0-9]")


def conversion(before: Field, after: Field) -> Rule | None:
    """The rule for these two fields; ``None``: there is none, it cannot be done."""
    if before.type is after.type:
        return _SAME.get(after.type, _AS_IT_IS)
    return _RULES.get((before.type, after.type))


def is_free(before: Field, after: Field) -> bool:
    """Whether no value can be lost or take another form, whatever the values are: then none has to be looked at."""
    if before.type is not after.type:
        return before.type in _LINE and after.type in _TEXT
    if after.type is FieldType.RATING:
        return after.properties.get("max") == before.properties.get("max")
    remaining = {option.id for option in after.options}
    return all(option.id in remaining for option in before.options)


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _as_it_is(_conversion: Conversion, kept: Any) -> Converted:
    return Converted(kept)


_AS_IT_IS: Rule = _as_it_is


def _coerced(conversion: Conversion, kept: Any) -> Converted:
    """Whatever the new type takes of the stored form."""
    try:
        return Converted(coerce(conversion.after, kept))
    except CellRefused:
        return GONE


def _remaining_option(conversion: Conversion, kept: Any) -> Converted:
    return Converted(kept) if any(option.id == kept for option in conversion.after.options) else GONE


def _remaining_options(conversion: Conversion, kept: Any) -> Converted:
    known = {option.id for option in conversion.after.options}
    remaining = [id for id in kept if id in known]
    return Converted(remaining or None, is_whole=len(remaining) == len(kept))


def _one_to_many(conversion: Conversion, kept: Any) -> Converted:
    one = _remaining_option(conversion, kept)
    return one if one.kept is None else Converted([one.kept])


def _many_to_one(conversion: Conversion, kept: Any) -> Converted:
    remaining = _remaining_options(conversion, kept).kept
    return Converted(remaining[0], is_whole=len(kept) == 1) if remaining else GONE


def _to_text(told: Callable[[Conversion, Any], str]) -> Rule:
    """As text: on one line, where the new type has but one."""

    def rule(conversion: Conversion, kept: Any) -> Converted:
        text = told(conversion, kept)
        line = _BREAK.sub(" ", text) if conversion.after.type in _LINE else text
        converted = _coerced(conversion, line)
        return Converted(converted.kept, is_whole=converted.is_whole and line == text)

    return rule


def _from_text(read: Rule) -> Rule:
    """Of text that says nothing, nothing is lost."""

    def rule(conversion: Conversion, kept: Any) -> Converted:
        text = kept.strip()
        return read(conversion, text) if text else Converted(None)

    return rule


def _number(conversion: Conversion, text: str) -> Converted:
    """Plain digits, with the field's own sign for money or percent; whoever writes zeros in front means them."""
    digits = text.removeprefix(str(conversion.after.properties.get("symbol", ""))).strip()
    if conversion.after.type is FieldType.PERCENT:
        digits = digits.removesuffix("%").strip()
    if not _DIGITS.fullmatch(digits):
        return GONE
    number: int | float = int(digits) if digits.lstrip("+-").isdigit() else float(digits)
    converted = _coerced(conversion, number)
    if converted.kept is None:
        return GONE
    try:
        is_exact = Decimal(repr(number)) == Decimal(digits)
    except InvalidOperation:
        is_exact = False
    return Converted(converted.kept, is_whole=is_exact and not _LEADING.match(digits))


def _truth(_conversion: Conversion, text: str) -> Converted:
    word = text.casefold()
    return Converted(word in _TRUE) if word in _TRUE | _FALSE else GONE


def _counted(_conversion: Conversion, kept: Any) -> Converted:
    """0 and 1."""
    return Converted(kept == 1) if kept in (0, 1) else GONE


def _option(conversion: Conversion, text: str) -> Converted:
    id = conversion.option(text)
    return GONE if id is None else Converted(id)


def _options(conversion: Conversion, text: str) -> Converted:
    """One for each part between commas."""
    parts = [part for part in (each.strip() for each in text.split(",")) if part]
    ids = [conversion.option(part) for part in parts[:MAX_ITEMS]]
    found = [*dict.fromkeys(id for id in ids if id is not None)]
    return Converted(found or None, is_whole=None not in ids and len(parts) <= MAX_ITEMS)


def _document(conversion: Conversion, text: str) -> Converted:
    """An object or list, if it reads as one and takes no number for another; else the text itself."""
    try:
        value = json.loads(text, parse_float=_exact, object_pairs_hook=_unlike)
        json.dumps(value, ensure_ascii=False).encode()  # half a character can be spelled, and not be kept
    except (ValueError, RecursionError):
        value = text
    inside = _coerced(conversion, value) if isinstance(value, dict | list) else GONE
    return inside if inside.is_whole else _coerced(conversion, text)


def _exact(digits: str) -> float:
    number = float(digits)
    if Decimal(repr(number)) != Decimal(digits):
        raise ValueError(digits)
    return number


def _unlike(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key stands twice: one of the values would be lost."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError(pairs)
    return dict(pairs)


def _range(conversion: Conversion, kept: Any) -> Converted:
    return _coerced(conversion, f"{kept}/{kept}")


def _start(_conversion: Conversion, kept: Any) -> Converted:
    start, _, end = str(kept).partition("/")
    return Converted(start, is_whole=start == end)


def _stored_text(_conversion: Conversion, kept: Any) -> str:
    """Text, and times in UTC: as they are kept."""
    return str(kept)


def _digits(_conversion: Conversion, kept: Any) -> str:
    """All of them; a symbol, or a rounding, was only for show."""
    return decimals(kept, None)


def _shown(conversion: Conversion, kept: Any) -> str:
    return show_text(conversion.before, kept, conversion.reader)


def _json(_conversion: Conversion, kept: Any) -> str:
    return kept if isinstance(kept, str) else json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def _linked_names(conversion: Conversion, kept: Any) -> str:
    return ", ".join(conversion.names.get(id) or str(id) for id in kept)


def _file_names(_conversion: Conversion, kept: Any) -> str:
    return ", ".join(tie.name for tie in kept)


T = TypeVar("T")


def _pairs(befores: Iterable[FieldType], afters: Iterable[FieldType], rule: T) -> dict[tuple[FieldType, FieldType], T]:
    targets = [*afters]
    return {(before, after): rule for before in befores for after in targets if before is not after}


_TOLD: Mapping[FieldType, Callable[[Conversion, Any], str]] = {
    **dict.fromkeys(_TEXT, _stored_text),
    **dict.fromkeys(_NUMBER, _digits),
    FieldType.AUTO_NUMBER: _digits,
    FieldType.CHECKBOX: _shown,
    FieldType.SINGLE_SELECT: _shown,
    FieldType.MULTI_SELECT: _shown,
    FieldType.MEMBER: _shown,
    FieldType.DATETIME: _stored_text,
    FieldType.DATERANGE: _stored_text,
    FieldType.CASCADER: _shown,
    **dict.fromkeys(_DOCUMENT, _json),
    **dict.fromkeys(_LINK, _linked_names),
    FieldType.ATTACHMENT: _file_names,
}
"""How each type reads as text."""
_READ: Mapping[FieldType, Rule] = {
    **dict.fromkeys(_NUMBER, _number),
    FieldType.CHECKBOX: _truth,
    FieldType.SINGLE_SELECT: _option,
    FieldType.MULTI_SELECT: _options,
    FieldType.DATETIME: _coerced,
    FieldType.DATERANGE: _coerced,
    FieldType.CASCADER: _coerced,
    **dict.fromkeys(_DOCUMENT, _document),
}
"""How each type is read from text."""
_SAME: Mapping[FieldType, Rule] = {
    FieldType.RATING: _coerced,
    FieldType.SINGLE_SELECT: _remaining_option,
    FieldType.MULTI_SELECT: _remaining_options,
}
"""Of fields that keep their type, and have other properties."""
_RULES: Mapping[tuple[FieldType, FieldType], Rule] = {
    **{pair: rule for type, told in _TOLD.items() for pair, rule in _pairs([type], _TEXT, _to_text(told)).items()},
    **{pair: rule for type, read in _READ.items() for pair, rule in _pairs(_TEXT, [type], _from_text(read)).items()},
    **_pairs(_NUMBER | {FieldType.AUTO_NUMBER, FieldType.CHECKBOX}, _NUMBER, _coerced),
    **_pairs([FieldType.CHECKBOX], _NUMBER, lambda conversion, kept: _coerced(conversion, int(kept))),
    **_pairs(_NUMBER, [FieldType.CHECKBOX], _counted),
    (FieldType.SINGLE_SELECT, FieldType.MULTI_SELECT): _one_to_many,
    (FieldType.MULTI_SELECT, FieldType.SINGLE_SELECT): _many_to_one,
    (FieldType.DATETIME, FieldType.DATERANGE): _range,
    (FieldType.DATERANGE, FieldType.DATETIME): _start,
    **_pairs(_DOCUMENT | {FieldType.CASCADER}, _DOCUMENT | {FieldType.CASCADER}, _coerced),
}
"""From, to."""
