"""What formulas reckon with: blank, yes or no, numbers, text, times and lists; and how each counts as another.

What cannot be worked out is a ``Fault``, which has a name to be shown in the cell instead of a value.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any, TypeAlias

MAX_TEXT = 100_000
"""Characters of any text on the way, as of a cell."""
MAX_ITEMS = 1000
"""Of any list on the way, as of a cell."""
MAX_DIGITS = 100
"""Of a number that is read from text."""
MAX_SAFE_INTEGER = 2**53
"""Whole numbers past this are told as doubles, as JSON's clients read them anyway."""
DIGITS = Context(
    prec=28, rounding=ROUND_HALF_EVEN, Emin=-400, Emax=400, traps=[DivisionByZero, InvalidOperation, Overflow]
)
"""Numbers are reckoned in decimal, so that 0.1 + 0.2 is 0.3."""

Scalar: TypeAlias = bool | Decimal | str | datetime | None
Value: TypeAlias = "Scalar | tuple[Scalar, ...]"
Told: TypeAlias = "bool | int | float | str | list[bool | int | float | str] | None"
"""As JSON has it."""


class Fault(Exception):  # noqa: N818  a value of the language, which happens to travel fast
    """A formula cannot be worked out. ``name`` is what the cell shows."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


DIVISION = "#DIV/0!"
"""Something is divided by nothing."""
VALUE = "#VALUE!"
"""A value is of a kind that cannot be reckoned with there."""
NUMBER = "#NUM!"
"""A number, or a time, is out of bounds."""
REFERENCE = "#REF!"
"""A field is gone, or the formula itself cannot be read any more."""
CYCLE = "#CYCLE!"
"""A formula leads back to itself."""
LIMIT = "#LIMIT!"
"""A text or a list grew past its bound."""
ERROR = "#ERROR!"
"""The formula says so itself."""


def number(value: Value) -> Decimal:
    """The value as a number: blank is 0, yes is 1, and text counts if it reads as a number.

    Raises:
        Fault: it is none.

    """
    value = one(value)
    match value:
        case None:
            return Decimal(0)
        case bool():
            return Decimal(int(value))
        case Decimal():
            return value
        case str():
            return parse_number(value)
        case _:
            raise Fault(VALUE)


def parse_number(text: str) -> Decimal:
    """A number in digits, with a point and an exponent at most.

    Raises:
        Fault: it is none.

    """
    try:
        read = Decimal(text.strip()) if len(text) <= MAX_DIGITS and text.isascii() and "_" not in text else None
    except InvalidOperation:
        read = None
    if read is None or not read.is_finite():
        raise Fault(VALUE)
    try:
        return DIGITS.plus(read)
    except Overflow as error:
        raise Fault(NUMBER) from error


def whole(value: Value) -> int:
    """The value as a whole number; what it has behind the point is cut off.

    Raises:
        Fault: it is no number, or one past ``MAX_SAFE_INTEGER``.

    """
    exact = number(value)
    if abs(exact) > MAX_SAFE_INTEGER:
        raise Fault(NUMBER)
    return int(exact)


def text(value: Value) -> str:
    """The value as text: blank is ``""``, lists are joined by ``, ``, times are in ISO 8601.

    Raises:
        Fault: it is too long.

    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return digits(value)
        case str():
            return value
        case datetime():
            return utc_text(value)
        case _:
            return bounded(", ".join(text(item) for item in value))


def digits(value: Decimal) -> str:
    """A number as text, without an exponent and without zeros at its end."""
    plain = value.normalize(DIGITS)
    return f"{plain.quantize(Decimal(1)) if plain == plain.to_integral_value() and abs(plain) < 10**27 else plain:f}"


def utc_text(time: datetime) -> str:
    """``2026-03-02T10:00:00.000Z``."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(value: Value) -> datetime:
    """The value as a time: one in a cell, or text in ISO 8601 (UTC, unless it names a zone).

    Raises:
        Fault: it is none.

    """
    value = one(value)
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise Fault(VALUE)
    try:
        time = datetime.fromisoformat(value.strip())
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Fault(VALUE) from error


def truth(value: Value) -> bool:
    """Whether the value counts as yes: blank, 0, no, empty text and the empty list do not."""
    match value:
        case None:
            return False
        case bool():
            return value
        case Decimal():
            return value != 0
        case datetime():
            return True
        case _:
            return len(value) > 0


def one(value: Value) -> Scalar:
    """The value, or the only item of a list; of several, their text."""
    if not isinstance(value, tuple):
        return value
    if len(value) > 1:
        return text(value)
    return value[0] if value else None


def items(values: Iterable[Value]) -> Iterator[Scalar]:
    """All values, those in lists one by one."""
    for value in values:
        if isinstance(value, tuple):
            yield from value
        else:
            yield value


def listed(values: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """A list.

    Raises:
        Fault: it is too long.

    """
    if len(values) > MAX_ITEMS:
        raise Fault(LIMIT)
    return tuple(values)


def bounded(value: str) -> str:
    """The text.

    Raises:
        Fault: it is too long.

    """
    if len(value) > MAX_TEXT:
        raise Fault(LIMIT)
    return value


def order(left: Value, right: Value) -> int | None:
    """Below zero where ``left`` comes first, zero where both are equal; ``None``: they cannot be compared.

    Blank counts as 0, no or empty text beside a value of that kind; text that reads as a number counts as one beside
    a number, and as a time beside a time.
    """
    first, second = one(left), one(right)
    for kind, read in ((datetime, moment), (Decimal, number), (bool, number)):
        if isinstance(first, kind) or isinstance(second, kind):
            try:
                return _sign(read(first), read(second))
            except Fault:
                return None
    return _sign(text(first), text(second))


def _sign(first: Any, second: Any) -> int:
    return int(first > second) - int(first < second)


def told(value: Value) -> Told:
    """The value as JSON has it; ``None``: there is nothing to be seen.

    Raises:
        Fault: a number is too large for JSON's clients.

    """
    if isinstance(value, tuple):
        return [shown for item in value if (shown := _told(item)) is not None] or None
    return _told(value)


def reckoned(shown: Any) -> Value:
    """What a cell shows in JSON, as formulas reckon with it; of people and files, their names."""
    if isinstance(shown, list):
        return listed([_reckoned(item) for item in shown])
    return _reckoned(shown)


def _reckoned(shown: Any) -> Scalar:
    match shown:
        case None | bool() | str():
            return shown
        case int() | float():
            return Decimal(repr(shown))
        case {"name": str(name)}:
            return name
        case _:
            return str(shown)


def _told(value: Scalar) -> bool | int | float | str | None:
    match value:
        case Decimal():
            if value == value.to_integral_value() and abs(value) <= MAX_SAFE_INTEGER:
                return int(value)
            double = float(value)
            if not math.isfinite(double):
                raise Fault(NUMBER)
            return double
        case datetime():
            return utc_text(value)
        case "":
            return None
        case _:
            return value
