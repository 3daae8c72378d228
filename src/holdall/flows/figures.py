"""The stories of what a user's transactions come to: of a week, a month, a person (contract pika, section 10).

Days are those of the user's time zone. Each story takes a handful of statements, whatever the month has.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Generic, TypeVar

from holdall.domain.access import Actor, User
from holdall.domain.bookkeeping.entries import Category, Person, Tag
from holdall.domain.bookkeeping.figures import Tallies, share
from holdall.domain.bookkeeping.periods import BEGINNING, END, Bucket, Month, after, edges_from, midnight, week
from holdall.domain.zones import zone_called
from holdall.errors import Missing
from holdall.flows.books import Keeper
from holdall.flows.labels import known_categories, known_tags
from holdall.flows.parties import Avatars, avatars_of
from holdall.ports import Ledger, Services

T = TypeVar("T")
SPANS = 256
"""Of a person, summed by one statement."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """A user's own: which day it is for them."""

    zone: tzinfo
    now: datetime

    @property
    def today(self) -> date:
        """The day it is."""
        return self.now.astimezone(self.zone).date()

    def month(self, number: int | None, year: int | None) -> Month:
        """The one that was asked for; what was not is that of today."""
        return Month(year or self.today.year, number or self.today.month)

    def days_so_far(self, month: Month) -> int:
        """Days of a month up to today, and with it; all of them, of any but this one."""
        is_now = (month.year, month.number) == (self.today.year, self.today.month)
        return self.today.day if is_now else len(month.days)


@dataclass(frozen=True, slots=True)
class MonthSummary:
    """A month in one."""

    month: Month
    tallies: Tallies
    days: int
    """That it has had so far."""

    @property
    def daily_expenses(self) -> int:
        """What was spent on a day of it, in units."""
        return share(self.tallies.expense.total, self.days)


@dataclass(frozen=True, slots=True)
class MonthOfDays:
    """A month day by day; every day of it is there."""

    month: Month
    zone: tzinfo
    days: Mapping[date, Tallies]


Labelled = TypeVar("Labelled", Category, Tag, Person)


@dataclass(frozen=True, slots=True)
class MonthOf(Generic[Labelled]):
    """A month by what its transactions name: that with the largest amounts first."""

    month: Month
    parts: Sequence[tuple[Labelled, Tallies]]
    whole: Tallies
    """Of all transactions of the month, those that name nothing too."""
    avatars: Avatars


@dataclass(frozen=True, slots=True)
class Range:
    """From when to when; a day is there whole. What is ``None`` bounds nothing."""

    since: date | datetime | None = None
    until: date | datetime | None = None
    """A time is the first that is not meant any more."""

    def edges(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """When it begins, and before when it ends."""
        since, until = self.since, self.until
        if since is not None and not isinstance(since, datetime):
            since = midnight(since, zone)
        if until is not None and not isinstance(until, datetime):
            until = after(until, zone)
        return since or BEGINNING, until or END


async def week_of_expenses(services: Services, actor: Actor) -> list[int]:
    """What was spent on each day of this week, in units, from Monday on."""

    def story(ledger: Ledger, user: int, calendar: Calendar) -> list[int]:
        days = week(calendar.today)
        edges = [*(midnight(day, calendar.zone) for day in days), after(days[-1], calendar.zone)]
        return [tallies.expense.total for tallies in ledger.figures.by_span(user, edges)]

    return await _told(services, actor, story)


async def month_summary(services: Services, actor: Actor, number: int | None, year: int | None) -> MonthSummary:
    """A month in one."""

    def story(ledger: Ledger, user: int, calendar: Calendar) -> MonthSummary:
        month = calendar.month(number, year)
        return MonthSummary(month, _whole(ledger, user, month, calendar.zone), calendar.days_so_far(month))

    return await _told(services, actor, story)


async def month_of_days(services: Services, actor: Actor, number: int | None, year: int | None) -> MonthOfDays:
    """A month day by day."""

    def story(ledger: Ledger, user: int, calendar: Calendar) -> MonthOfDays:
        month = calendar.month(number, year)
        found = ledger.figures.by_span(user, month.edges(calendar.zone))
        return MonthOfDays(month, calendar.zone, dict(zip(month.days, found, strict=True)))

    return await _told(services, actor, story)


async def month_of_categories(
    services: Services, actor: Actor, number: int | None, year: int | None
) -> MonthOf[Category]:
    """What was spent in a month, by category; of those alone that something was spent on."""

    def story(ledger: Ledger, user: int, calendar: Calendar) -> MonthOf[Category]:
        month = calendar.month(number, year)
        found = ledger.figures.by_category(user, *_ends(month, calendar.zone))
        known = known_categories(ledger, user)
        parts = [(known[each], tallies) for each, tallies in found.items() if each in known and tallies.expense.count]
        parts.sort(key=lambda part: (-part[1].expense.total, part[0].number))
        return MonthOf(month, parts, _whole(ledger, user, month, calendar.zone), {})

    return await _told(services, actor, story)


async def month_of_tags(services: Services, actor: Actor, number: int | None, year: int | None) -> MonthOf[Tag]:
    """What a month's transactions come to, by tag; of those alone that a transaction has."""

    def story(ledger: Ledger, user: int, calendar: Calendar) -> MonthOf[Tag]:
        month = calendar.month(number, year)
        found = ledger.figures.by_tag(user, *_ends(month, calendar.zone))
        known = known_tags(ledger, user)
        parts = [(known[each], tallies) for each, tallies in found.items() if each in known]
        parts.sort(key=lambda part: (-part[1].together.total, part[0].number))
        return MonthOf(month, parts, _whole(ledger, user, month, calendar.zone), {})

    return await _told(services, actor, story)


async def month_of_people(services: Services, actor: Actor, number: int | None, year: int | None) -> MonthOf[Person]:
    """What a month's transactions come to, by person; of everybody, those whom no transaction names last, by name."""

    def story(ledger: Ledger, user: int, calendar: Calendar) -> MonthOf[Person]:
        month = calendar.month(number, year)
        found = ledger.figures.by_person(user, *_ends(month, calendar.zone))
        people = ledger.parties.people(user)
        parts = [(person, found.get(person.number, Tallies())) for person in people]
        parts.sort(key=lambda part: -part[1].together.total)
        return MonthOf(month, parts, _whole(ledger, user, month, calendar.zone), avatars_of(ledger, people))

    return await _told(services, actor, story)


async def periods_of_person(
    services: Services, actor: Actor, person: int, bucket: Bucket, range: Range
) -> list[tuple[datetime, Tallies]]:
    """What came from a person and went to them, by period, the first first; of those alone in which anything did.

    The beginning of a period is told in the user's zone.

    Raises:
        Missing: the caller knows nobody of this number.

    """

    def story(ledger: Ledger, user: int, calendar: Calendar) -> list[tuple[datetime, Tallies]]:
        if ledger.parties.find_person(user, person) is None:
            raise Missing("person", str(person))
        return [
            (start.astimezone(calendar.zone), tallies)
            for start, tallies in _periods(ledger, person, bucket, range, calendar.zone)
            if tallies.income.count or tallies.expense.count
        ]

    return await _told(services, actor, story)


def zone_of(ledger: Ledger, user: User) -> tzinfo:
    """In which zone a user's days are; UTC, where this installation does not know theirs any more."""
    return zone_called(ledger.preferences.of(user).timezone) or UTC


async def _told(services: Services, actor: Actor, story: Callable[[Ledger, int, Calendar], T]) -> T:
    keeper, now = Keeper(services, actor), services.clock.now()

    def whole_story(ledger: Ledger) -> T:
        keeper.read()
        return story(ledger, keeper.user, Calendar(zone_of(ledger, actor.user), now))

    return await services.work.read(whole_story)


def _periods(
    ledger: Ledger, person: int, bucket: Bucket, range: Range, zone: tzinfo
) -> Iterator[tuple[datetime, Tallies]]:
    """Some at a time, and over what is empty at a leap: a date that somebody mistyped costs no more than another."""
    since, until = range.edges(zone)
    at = ledger.figures.next_of_person(person, since)
    while at is not None and at < until:
        starts = edges_from(bucket, at, zone, SPANS)
        edges = [min(max(start, since), until) for start in starts]
        yield from zip(starts, ledger.figures.by_span_of_person(person, edges), strict=False)
        at = ledger.figures.next_of_person(person, edges[-1])


def _whole(ledger: Ledger, user: int, month: Month, zone: tzinfo) -> Tallies:
    [whole] = ledger.figures.by_span(user, _ends(month, zone))
    return whole


def _ends(month: Month, zone: tzinfo) -> tuple[datetime, datetime]:
    days = month.days
    return midnight(days[0], zone), after(days[-1], zone)
