"""What transactions come to: exact sums, counts and extremes, in whole units (``domain.money``)."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from holdall.domain.bookkeeping.entries import Direction


@dataclass(frozen=True, slots=True)
class Tally:
    """What some transactions come to; of none, all is 0."""

    count: int = 0
    total: int = 0
    highest: int = 0
    lowest: int = 0

    @property
    def average(self) -> int:
        """Of one of them, in units, rounded to the nearest even."""
        return share(self.total, self.count)


NOTHING = Tally()


@dataclass(frozen=True, slots=True)
class Tallies:
    """The same, for each direction."""

    income: Tally = NOTHING
    expense: Tally = NOTHING
    transfer: Tally = NOTHING

    @property
    def balance(self) -> int:
        """What came in, less what went out."""
        return self.income.total - self.expense.total

    @property
    def together(self) -> Tally:
        """All directions in one; the total is that of the amounts, whichever way the money went."""
        return added(self.income, self.expense, self.transfer)

    @property
    def savings_rate(self) -> int:
        """Hundredths of a percent of the income that were not spent; under 0 where more was; 0 without income."""
        return share(self.balance * 10_000, self.income.total)


NONE = Tallies()


def tallies(found: Iterable[tuple[Direction, Tally]]) -> Tallies:
    """By direction; each is there once at most."""
    return Tallies(**{direction.value: tally for direction, tally in found})


def added(*tallies: Tally) -> Tally:
    """What they come to together."""
    some = [tally for tally in tallies if tally.count]
    return Tally(
        sum(tally.count for tally in some),
        sum(tally.total for tally in some),
        max((tally.highest for tally in some), default=0),
        min((tally.lowest for tally in some), default=0),
    )


def share(units: int, parts: int) -> int:
    """One of equal parts, rounded to the nearest even; 0 of none."""
    return round(Fraction(units, parts)) if parts else 0
