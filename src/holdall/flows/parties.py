"""The stories of people and accounts, which are the same but for their names (contract pika, sections 4 and 5)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from holdall.domain.access import Actor
from holdall.domain.bookkeeping.entries import Account, Person
from holdall.domain.files import Upload
from holdall.errors import BookRefused, Missing
from holdall.flows.books import Keeper, Ties
from holdall.ports import Ledger, Services

Party = TypeVar("Party", Person, Account)
Avatars = Mapping[int, Upload]
"""The pictures that are there, by number."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[Party]):
    """People, or accounts: how they are kept, and what is said of those that are not taken."""

    thing: str
    """Also the entity that its avatars are uploaded for."""
    invalid_avatar: str
    taken: str
    has_transactions: str
    is_name_first: bool
    """Whether a name that is taken is told of before an avatar that is none."""
    all: Callable[[Ledger, int], Sequence[Party]]
    find: Callable[[Ledger, int, int], Party | None]
    is_taken: Callable[[Ledger, int, Party], bool]
    add: Callable[[Ledger, int, Party], Party]
    change: Callable[[Ledger, int, Party], None]
    remove: Callable[[Ledger, int, Party], None]


PEOPLE: Kind[Person] = Kind(
    thing="person",
    invalid_avatar="invalid_avatar",
    taken="person_already_exists",
    has_transactions="person_has_transactions",
    is_name_first=False,
    all=lambda ledger, user: ledger.parties.people(user),
    find=lambda ledger, user, number: ledger.parties.find_person(user, number),
    is_taken=lambda ledger, user, it: ledger.parties.has_person(user, it.name, it.email, besides=it.number),
    add=lambda ledger, user, it: ledger.parties.add_person(user, it),
    change=lambda ledger, user, it: ledger.parties.change_person(user, it),
    remove=lambda ledger, user, it: ledger.parties.remove_person(user, it),
)
ACCOUNTS: Kind[Account] = Kind(
    thing="account",
    invalid_avatar="invalid_avatar_id",
    taken="account_name_not_unique",
    has_transactions="account_has_transactions",
    is_name_first=True,
    all=lambda ledger, user: ledger.parties.accounts(user),
    find=lambda ledger, user, number: ledger.parties.find_account(user, number),
    is_taken=lambda ledger, user, it: ledger.parties.has_account(user, it.name, besides=it.number),
    add=lambda ledger, user, it: ledger.parties.add_account(user, it),
    change=lambda ledger, user, it: ledger.parties.change_account(user, it),
    remove=lambda ledger, user, it: ledger.parties.remove_account(user, it),
)


@dataclass(frozen=True, slots=True)
class Kept(Generic[Party]):
    """A party as it is now, with its picture, and what became of files."""

    party: Party
    avatars: Avatars
    ties: Ties


async def list_parties(services: Services, actor: Actor, kind: Kind[Party]) -> tuple[Sequence[Party], Avatars]:
    """All of the caller's, by name."""
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> tuple[Sequence[Party], Avatars]:
        keeper.read()
        parties = kind.all(ledger, keeper.user)
        return parties, avatars_of(ledger, parties)

    return await services.work.read(story)


async def find_party(services: Services, actor: Actor, kind: Kind[Party], number: int) -> tuple[Party, Avatars]:
    """One of the caller's.

    Raises:
        Missing: they have none of this number.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> tuple[Party, Avatars]:
        keeper.read()
        party = _known(kind, ledger, keeper, number)
        return party, avatars_of(ledger, [party])

    return await services.work.read(story)


async def add_party(services: Services, actor: Actor, kind: Kind[Party], make: Callable[[], Party]) -> Kept[Party]:
    """A new one; ``make`` reads what it is to be.

    Raises:
        BookRefused: it breaks a rule.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> Kept[Party]:
        keeper.hold(ledger)
        party = make()
        _check(kind, ledger, keeper, party)
        party = kind.add(ledger, keeper.user, party)
        return Kept(party, avatars_of(ledger, [party]), keeper.settle(ledger, (), (party.avatar,)))

    return await services.work.write(story)


async def change_party(
    services: Services, actor: Actor, kind: Kind[Party], number: int, fill: Callable[[Party], Party]
) -> Kept[Party]:
    """Change one; ``fill`` reads what it is to be. An avatar that it lets go is deleted, where nothing else has it.

    Raises:
        Missing: the caller has none of this number.
        BookRefused: it breaks a rule.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> Kept[Party]:
        keeper.hold(ledger)
        before = _known(kind, ledger, keeper, number)
        after = fill(before)
        _check(kind, ledger, keeper, after, has_new_avatar=after.avatar != before.avatar)
        kind.change(ledger, keeper.user, after)
        ties = keeper.settle(ledger, (before.avatar,), (after.avatar,))
        return Kept(after, avatars_of(ledger, [after]), ties)

    return await services.work.write(story)


async def remove_party(services: Services, actor: Actor, kind: Kind[Party], number: int) -> Ties:
    """Forget one that no transaction names; its avatar is deleted, where nothing else has it.

    Raises:
        Missing: the caller has none of this number.
        BookRefused: there are transactions.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> Ties:
        keeper.hold(ledger)
        party = _known(kind, ledger, keeper, number)
        if party.transactions:
            raise BookRefused(kind.has_transactions)
        kind.remove(ledger, keeper.user, party)
        return keeper.settle(ledger, (party.avatar,), ())

    return await services.work.write(story)


def avatars_of(ledger: Ledger, parties: Iterable[Person | Account]) -> Avatars:
    """The pictures of these that are there."""
    return ledger.files.there({party.avatar for party in parties if party.avatar is not None})


def _known(kind: Kind[Party], ledger: Ledger, keeper: Keeper, number: int) -> Party:
    party = kind.find(ledger, keeper.user, number)
    if party is None:
        raise Missing(kind.thing, str(number))
    return party


def _check(kind: Kind[Party], ledger: Ledger, keeper: Keeper, party: Party, *, has_new_avatar: bool = True) -> None:
    if kind.is_name_first:
        _check_name(kind, ledger, keeper, party)
    if has_new_avatar:
        keeper.avatar(ledger, party.avatar, kind.thing, kind.invalid_avatar)
    if not kind.is_name_first:
        _check_name(kind, ledger, keeper, party)


def _check_name(kind: Kind[Party], ledger: Ledger, keeper: Keeper, party: Party) -> None:
    if kind.is_taken(ledger, keeper.user, party):
        raise BookRefused(kind.taken)
