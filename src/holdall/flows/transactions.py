"""The stories of transactions: what hangs on them, and what they do to the balances (contract pika, section 6)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from holdall.domain.access import Actor
from holdall.domain.bookkeeping.entries import Booking, Direction, Named
from holdall.domain.money import MAX_TURNOVER
from holdall.errors import BookRefused, Missing
from holdall.flows.books import Keeper, Ties
from holdall.flows.labels import known_categories, known_tags
from holdall.ports import BookingSearch, Ledger, Services

ATTACHMENT = "attachment"
"""The door that receipts come in by; what came in by another is none."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A transaction as it is now, with all that it names, and what became of files."""

    booking: Booking
    named: Named
    ties: Ties


async def list_transactions(
    services: Services, actor: Actor, search: BookingSearch, *, limit: int, offset: int
) -> tuple[Sequence[Booking], Named]:
    """The caller's newest, by their dates, with all that they name."""
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> tuple[Sequence[Booking], Named]:
        keeper.read()
        bookings = ledger.transactions.page(keeper.user, search, limit=limit, offset=offset)
        return bookings, named(ledger, keeper.user, bookings)

    return await services.work.read(story)


async def find_transaction(services: Services, actor: Actor, number: int) -> tuple[Booking, Named]:
    """One of the caller's.

    Raises:
        Missing: they have none of this number.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> tuple[Booking, Named]:
        keeper.read()
        booking = _known(ledger, keeper, number)
        return booking, named(ledger, keeper.user, [booking])

    return await services.work.read(story)


async def add_transaction(services: Services, actor: Actor, make: Callable[[], Booking]) -> Kept:
    """A new one; ``make`` reads what it is to be.

    Raises:
        BookRefused: it breaks a rule.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> Kept:
        turnover = keeper.hold(ledger)
        booking = make()
        _check(ledger, keeper, booking, receipts=booking.receipts)
        _turn_over(ledger, keeper, turnover, booking.amount)
        _count(ledger, booking, 1)
        number = ledger.transactions.add(keeper.user, booking, services.clock.now())
        booking = replace(booking, number=number)
        return Kept(booking, named(ledger, keeper.user, [booking]), keeper.settle(ledger, (), booking.receipts))

    return await services.work.write(story)


async def change_transaction(services: Services, actor: Actor, number: int, fill: Callable[[Booking], Booking]) -> Kept:
    """Change one; ``fill`` reads what it is to be. Receipts that it lets go are deleted, where nothing else has them.

    Raises:
        Missing: the caller has none of this number.
        BookRefused: it breaks a rule.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> Kept:
        turnover = keeper.hold(ledger)
        before = _known(ledger, keeper, number)
        after = fill(before)
        _check(ledger, keeper, after, receipts=set(after.receipts).difference(before.receipts))
        there = ledger.files.there(before.receipts)
        # A deleted receipt is not shown, so nobody who leaves it out means to: it keeps its place, to be restored to.
        hidden = [each for each in before.receipts if each not in there and each not in after.receipts]
        after = replace(after, receipts=(*after.receipts, *hidden))
        _turn_over(ledger, keeper, turnover, after.amount - before.amount)
        _count(ledger, before, -1)
        _count(ledger, after, 1)
        ledger.transactions.change(keeper.user, after, services.clock.now())
        ties = keeper.settle(ledger, before.receipts, after.receipts)
        return Kept(after, named(ledger, keeper.user, [after]), ties)

    return await services.work.write(story)


async def remove_transaction(services: Services, actor: Actor, number: int) -> Ties:
    """Forget one; its receipts are deleted, where nothing else has them.

    Raises:
        Missing: the caller has none of this number.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> Ties:
        turnover = keeper.hold(ledger)
        booking = _known(ledger, keeper, number)
        _turn_over(ledger, keeper, turnover, -booking.amount)
        _count(ledger, booking, -1)
        ledger.transactions.remove(keeper.user, booking)
        return keeper.settle(ledger, booking.receipts, ())

    return await services.work.write(story)


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _known(ledger: Ledger, keeper: Keeper, number: int) -> Booking:
    booking = ledger.transactions.find(keeper.user, number)
    if booking is None:
        raise Missing("transaction", str(number))
    return booking


def _check(ledger: Ledger, keeper: Keeper, booking: Booking, *, receipts: Iterable[int]) -> None:
    """Refuse what names something that is not there for the caller, in the documented order."""
    category = known_categories(ledger, keeper.user).get(booking.category)
    if category is None or category.type is not booking.type:
        raise BookRefused("invalid_category_id")
    if ledger.parties.find_account(keeper.user, booking.account) is None:
        raise BookRefused("invalid_account_id")
    if booking.person is not None and ledger.parties.find_person(keeper.user, booking.person) is None:
        raise BookRefused("invalid_person_id")
    if booking.type is Direction.TRANSFER and not _is_destination(ledger, keeper, booking):
        raise BookRefused("invalid_to_account_id")
    if booking.tags and not known_tags(ledger, keeper.user).keys() >= set(booking.tags):
        raise BookRefused("invalid_tags")
    _check_receipts(ledger, keeper, set(receipts))


def _is_destination(ledger: Ledger, keeper: Keeper, booking: Booking) -> bool:
    to = booking.to_account
    is_other = to is not None and to != booking.account
    return is_other and to is not None and ledger.parties.find_account(keeper.user, to) is not None


def _check_receipts(ledger: Ledger, keeper: Keeper, numbers: set[int]) -> None:
    found = ledger.files.there(numbers, to_tie=True)
    is_good = (upload.user_id == keeper.user and upload.purpose.door == ATTACHMENT for upload in found.values())
    if len(found) != len(numbers) or not all(is_good):
        raise BookRefused("invalid_attachments")


# ── sums ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _turn_over(ledger: Ledger, keeper: Keeper, turnover: int, units: int) -> None:
    """Count what is turned over, so that no sum of amounts outgrows its column."""
    if turnover + units > MAX_TURNOVER:
        raise BookRefused("invalid_amount", "These books are full: the sum of their amounts cannot be kept.")
    ledger.books.turn_over(keeper.user, units)


def _count(ledger: Ledger, booking: Booking, times: int) -> None:
    """Add a transaction to the sums of those it names (``times`` 1), or take it out of them (-1)."""
    amount = booking.amount * times
    is_income = booking.type is Direction.INCOME
    ledger.parties.add_to_account(booking.account, amount if is_income else -amount, times)
    if booking.to_account is not None:
        ledger.parties.add_to_account(booking.to_account, amount, times)
    if booking.person is not None:
        income, expense = _shares(booking.type, amount)
        ledger.parties.add_to_person(booking.person, income, expense, times)


def _shares(type: Direction, amount: int) -> tuple[int, int]:
    """What a transaction adds to a person's income and expense; a transfer adds to neither."""
    return (amount if type is Direction.INCOME else 0, amount if type is Direction.EXPENSE else 0)


# ── what is named ────────────────────────────────────────────────────────────────────────────────────────────────


def named(ledger: Ledger, user: int, bookings: Sequence[Booking]) -> Named:
    """Everything that these name, in a number of statements that does not grow with theirs."""
    sides = {number for each in bookings for number in (each.account, each.to_account) if number is not None}
    accounts = ledger.parties.accounts(user, sides)
    people = ledger.parties.people(user, {each.person for each in bookings if each.person is not None})
    uploads = {number for booking in bookings for number in booking.receipts}
    uploads |= {account.avatar for account in accounts if account.avatar is not None}
    uploads |= {person.avatar for person in people if person.avatar is not None}
    return Named(
        {account.number: account for account in accounts},
        {person.number: person for person in people},
        known_categories(ledger, user),
        known_tags(ledger, user),
        ledger.files.there(uploads),
    )
