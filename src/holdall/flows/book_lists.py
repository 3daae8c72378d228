"""The story of those who open their books: everything that can be chosen in them, at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdall.domain.access import Actor
from holdall.domain.bookkeeping.entries import Account, Person, Tag
from holdall.domain.bookkeeping.labels import CATEGORIES, TAGS
from holdall.domain.files import Upload
from holdall.flows.books import Keeper
from holdall.flows.labels import Family, families, in_order, known_categories, known_tags
from holdall.flows.parties import avatars_of
from holdall.ports import Ledger, Services


@dataclass(frozen=True, slots=True)
class BookLists:
    """What can be chosen, each in its order, and the pictures that are there."""

    categories: Sequence[Family]
    tags: Sequence[Tag]
    accounts: Sequence[Account] = ()
    people: Sequence[Person] = ()
    avatars: Mapping[int, Upload] | None = None


def everybodys_lists() -> BookLists:
    """What there is without anybody's books."""
    return BookLists(families(CATEGORIES.values()), in_order(TAGS.values()))


async def list_books(services: Services, actor: Actor) -> BookLists:
    """Everybody's and the caller's own.

    Raises:
        Forbidden: the credential may not read.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> BookLists:
        keeper.read()
        accounts, people = ledger.parties.accounts(keeper.user), ledger.parties.people(keeper.user)
        return BookLists(
            families(known_categories(ledger, keeper.user).values()),
            in_order(known_tags(ledger, keeper.user).values()),
            accounts,
            people,
            avatars_of(ledger, [*accounts, *people]),
        )

    return await services.work.read(story)
