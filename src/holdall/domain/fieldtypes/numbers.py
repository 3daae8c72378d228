"""Numbers: plain, as money, as a part of a hundred, as stars; and those that Holdall counts itself."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar, TypeVar

from holdall.domain.fieldtypes.kind import Computed, Kind, Reader, refuse
from holdall.domain.fieldtypes.properties import Rule, short_text, whole
from holdall.domain.records import Field

MAX_SAFE_INTEGER = 2**53
"""JSON clients read numbers as doubles; past this they change under way."""
MAX_PRECISION = 20
MAX_SYMBOL_LENGTH = 10
MAX_STARS = 100
"""As many as a rating that is made now may go up to."""
STARS = 5
"""What a rating goes up to where its field does not say."""


def number_of(field: Field, value: Any) -> int | float:
    """The value, if it is a number that comes back as it went."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_SAFE_INTEGER:
        raise refuse(field, value, "number expected")
    return value


def decimals(value: float, precision: int | None) -> str:
    """The number in digits: rounded half up to ``precision`` decimals; ``None``: as many as it has."""
    exact = Decimal(repr(value))
    if precision is None:
        exact = exact.to_integral_value() if exact == exact.to_integral_value() else exact.normalize()
        return f"{exact:f}"
    return f"{exact.quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP):f}"


T = TypeVar("T", int, int | None)


def whole_property(field: Field, name: str, usual: T, most: int) -> int | T:
    """A whole number from 0 to ``most`` that the field may say; ``usual`` where it does not, or says something else."""
    given = field.properties.get(name)
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= most:
        return usual
    return given


class Number(Kind):
    """A number."""

    written = f"number up to ±{MAX_SAFE_INTEGER}"
    shown = "number; as a string with the field's `precision`"
    usual_precision: int | None = None
    properties: ClassVar[Mapping[str, Rule]] = {"precision": whole(0, MAX_PRECISION)}

    def coerce(self, field: Field, value: Any) -> int | float:
        """A number, never its text."""
        return number_of(field, value)

    def show_text(self, field: Field, kept: Any, _reader: Reader) -> str:
        """In digits."""
        return decimals(kept, self._precision(field))

    def _precision(self, field: Field) -> int | None:
        return whole_property(field, "precision", self.usual_precision, MAX_PRECISION)


class Currency(Number):
    """Money: a number with a symbol before it."""

    shown = "number; as a string with the field's `symbol` and `precision` (2 unless set): `€12.50`"
    usual_precision = 2
    properties: ClassVar[Mapping[str, Rule]] = {**Number.properties, "symbol": short_text(MAX_SYMBOL_LENGTH)}

    def show_text(self, field: Field, kept: Any, reader: Reader) -> str:
        """The sign goes before the symbol."""
        digits = super().show_text(field, kept, reader)
        symbol = str(field.properties.get("symbol", ""))
        return f"-{symbol}{digits[1:]}" if digits.startswith("-") else f"{symbol}{digits}"


class Percent(Number):
    """Parts of a hundred: 12.5 means 12.5 %."""

    shown = "number, 12.5 for 12.5 %; as a string with `precision` (2 unless set): `12.50%`"
    usual_precision = 2

    def show_text(self, field: Field, kept: Any, reader: Reader) -> str:
        """With the sign behind."""
        return f"{super().show_text(field, kept, reader)}%"


class Rating(Kind):
    """Stars; none of them is a rating too."""

    written = "whole number from 0 to the field's `max`"
    shown = "number"
    properties: ClassVar[Mapping[str, Rule]] = {"max": whole(1, MAX_STARS)}

    def coerce(self, field: Field, value: Any) -> int:
        """A whole number within the field's bounds."""
        top = whole_property(field, "max", STARS, MAX_SAFE_INTEGER)
        number = number_of(field, value)
        if number != int(number) or not 0 <= number <= top:
            raise refuse(field, value, f"whole number from 0 to {top} expected")
        return int(number)


class AutoNumber(Computed):
    """A record's number in its database, given when it is made and never given again."""

    shown = "number"
