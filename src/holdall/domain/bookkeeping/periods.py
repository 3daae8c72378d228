"""Days, weeks, months and years of a time zone, as stretches of time in UTC.

A stretch is given by its edges: it begins with the first and ends before the second, where the next one begins. So each
moment is in exactly one, whatever a zone's clocks did that day: a day has 23, 24 or 25 hours, and one that a zone left
out has none.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import islice

BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 1900, 9999
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAY = timedelta(days=1)


class Bucket(StrEnum):
    """How long the stretches are that a time is divided into."""

    DAILY = "daily"
    WEEKLY = "weekly"
    """From Monday on."""
    MONTHLY = "monthly"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True)
class Month:
    """A month of a year."""

    year: int
    number: int
    """From 1."""

    @property
    def name(self) -> str:
        """In English, as the wire has it."""
        return _MONTHS[self.number - 1]

    @property
    def days(self) -> list[date]:
        """Every day of it."""
        first = date(self.year, self.number, 1)
        return [first + place * _DAY for place in range(_length(first))]

    def edges(self, zone: tzinfo) -> list[datetime]:
        """Of its days."""
        return [*(midnight(day, zone) for day in self.days), after(self.days[-1], zone)]


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins: where clocks skip midnight, when they do; where they show it twice, at the first."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def after(day: date, zone: tzinfo) -> datetime:
    """When a day is over; the last of all ends with the calendar."""
    return END if day == date.max else midnight(day + _DAY, zone)


def week(day: date) -> list[date]:
    """The week of a day, Monday to Sunday."""
    monday = _first_day(Bucket.WEEKLY, day)
    return [monday + place * _DAY for place in range(len(DAYS))]


def edges_from(bucket: Bucket, at: datetime, zone: tzinfo, count: int) -> list[datetime]:
    """Of so many stretches, the first of which has this moment in it."""
    return [midnight(day, zone) for day in islice(_first_days(bucket, at, zone), count + 1)]


def _first_days(bucket: Bucket, at: datetime, zone: tzinfo) -> Iterator[date]:
    day = _first_day(bucket, at.astimezone(zone).date())
    while True:
        yield day
        day = _next_first_day(bucket, day)


def _first_day(bucket: Bucket, day: date) -> date:
    """Of the stretch that a day is in."""
    match bucket:
        case Bucket.DAILY:
            return day
        case Bucket.WEEKLY:
            return day - day.weekday() * _DAY
        case Bucket.MONTHLY:
            return day.replace(day=1)
        case Bucket.YEARLY:
            return day.replace(month=1, day=1)


def _next_first_day(bucket: Bucket, first: date) -> date:
    match bucket:
        case Bucket.DAILY:
            return first + _DAY
        case Bucket.WEEKLY:
            return first + len(DAYS) * _DAY
        case Bucket.MONTHLY:
            return first + _length(first) * _DAY
        case Bucket.YEARLY:
            return first.replace(year=first.year + 1)


def _length(first: date) -> int:
    """Days of the month that begins with this one."""
    return monthrange(first.year, first.month)[1]
