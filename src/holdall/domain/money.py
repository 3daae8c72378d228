"""Exact money: whole numbers of ten-thousandths, so that no sum is ever rounded (contract pika, section 1)."""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

UNITS = 10_000
"""In one of the currency: four places behind the point."""
MAX_AMOUNT = 10**15
"""Of one transaction, in units: a hundred thousand million of the currency."""
MAX_TURNOVER = 4 * 10**18
"""Of all transactions of one user, in units: under what a column of eight bytes can hold."""
_MAX_LENGTH = 40


def parse_amount(value: Any) -> int:
    """Units of what a client sent: a number, or its text. More than four places are rounded to the nearest even.

    Raises:
        ValueError: it is no number, not over 0 once rounded, or over ``MAX_AMOUNT``.

    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)  # noqa: TRY004  a wrong kind of value is a wrong value here
    written = str(value).strip()
    if len(written) > _MAX_LENGTH or not written.isascii() or "_" in written:
        raise ValueError(written)
    try:
        exact = Decimal(written)
    except InvalidOperation as error:
        raise ValueError(written) from error
    if not exact.is_finite() or not 0 < exact <= MAX_AMOUNT:
        raise ValueError(written)
    units = int((exact * UNITS).to_integral_value(ROUND_HALF_EVEN))
    if not 0 < units <= MAX_AMOUNT:
        raise ValueError(written)
    return units


def written(units: int) -> str:
    """``"-12.5000"``."""
    whole, rest = divmod(abs(units), UNITS)
    return f"{'-' if units < 0 else ''}{whole}.{rest:04d}"


def number(units: int) -> int | float:
    """As a JSON number, for the figures; exact up to fifteen digits."""
    return units // UNITS if units % UNITS == 0 else units / UNITS
