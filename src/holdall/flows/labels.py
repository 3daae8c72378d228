"""The stories of categories and tags: everybody's are seen by all, users' own by them (contract pika, section 7)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from holdall.domain.access import Actor
from holdall.domain.bookkeeping.entries import Category, Tag
from holdall.domain.bookkeeping.labels import CATEGORIES, TAGS
from holdall.errors import BookRefused, Missing
from holdall.flows.books import Keeper
from holdall.ports import Ledger, Services


@dataclass(frozen=True, slots=True)
class Family:
    """A category, and those it holds."""

    category: Category
    children: Sequence[Category] = ()


# ── what is known ────────────────────────────────────────────────────────────────────────────────────────────────


def known_categories(ledger: Ledger, user: int) -> dict[int, Category]:
    """Everybody's and this user's own, by number."""
    return {**CATEGORIES, **{each.number: each for each in ledger.labels.categories(user)}}


def known_tags(ledger: Ledger, user: int) -> dict[int, Tag]:
    """Everybody's and this user's own, by number."""
    return {**TAGS, **{each.number: each for each in ledger.labels.tags(user)}}


def families(categories: Iterable[Category]) -> list[Family]:
    """Parents with their children: everybody's first, then the user's own, each by name."""
    ordered = sorted(categories, key=_place)
    children: dict[int | None, list[Category]] = {}
    for each in ordered:
        children.setdefault(each.parent, []).append(each)
    return [Family(parent, children.get(parent.number, ())) for parent in children.get(None, ())]


def in_order(tags: Iterable[Tag]) -> list[Tag]:
    """Everybody's first, then the user's own, each by name."""
    return sorted(tags, key=_place)


def _place(label: Category | Tag) -> tuple[bool, str, int]:
    return not label.is_system, label.name.casefold(), label.number


# ── categories ───────────────────────────────────────────────────────────────────────────────────────────────────


async def list_categories(services: Services, actor: Actor) -> list[Family]:
    """Everybody's and the caller's own."""
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> list[Family]:
        keeper.read()
        return families(known_categories(ledger, keeper.user).values())

    return await services.work.read(story)


async def find_category(services: Services, actor: Actor, number: int) -> Family:
    """One of everybody's, or of the caller's own.

    Raises:
        Missing: there is none of this number.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> Family:
        keeper.read()
        known = known_categories(ledger, keeper.user)
        if number not in known:
            raise Missing("category", str(number))
        return _family(known, known[number])

    return await services.work.read(story)


async def add_category(services: Services, actor: Actor, make: Callable[[], Category]) -> Family:
    """A new one; ``make`` reads what it is to be.

    Raises:
        BookRefused: it breaks a rule.

    """
    keeper, now = Keeper(services, actor), services.clock.now()

    def story(ledger: Ledger) -> Family:
        keeper.hold(ledger)
        category = make()
        _check_place(known_categories(ledger, keeper.user), category)
        return Family(ledger.labels.add_category(keeper.user, category, now))

    return await services.work.write(story)


async def change_category(
    services: Services, actor: Actor, number: int, fill: Callable[[Category], Category]
) -> Family:
    """Change one of the caller's own; ``fill`` reads what it is to be.

    Its type stays while there are transactions or children, since theirs is the same.

    Raises:
        Missing: the caller has made none of this number.
        BookRefused: it breaks a rule.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> Family:
        keeper.hold(ledger)
        known = known_categories(ledger, keeper.user)
        before = _own_category(known, number)
        after = fill(before)
        if after.type is not before.type and _is_in_use(ledger, keeper, known, number):
            raise BookRefused("invalid_type", "A category with transactions or children keeps its type.")
        _check_place(known, after)
        ledger.labels.change_category(keeper.user, after)
        return _family(known, after)

    return await services.work.write(story)


async def remove_category(services: Services, actor: Actor, number: int) -> None:
    """Forget one of the caller's own that has no children, and that no transaction is filed under.

    Raises:
        Missing: the caller has made none of this number.
        BookRefused: it has.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> None:
        keeper.hold(ledger)
        known = known_categories(ledger, keeper.user)
        _own_category(known, number)
        if _children(known, number):
            raise BookRefused("category_has_children")
        if ledger.labels.is_filed_under(keeper.user, number):
            raise BookRefused("category_has_transactions")
        ledger.labels.remove_category(keeper.user, number)

    await services.work.write(story)


def _family(known: Mapping[int, Category], category: Category) -> Family:
    return Family(category, sorted(_children(known, category.number), key=_place))


def _children(known: Mapping[int, Category], number: int) -> list[Category]:
    return [each for each in known.values() if each.parent == number]


def _is_in_use(ledger: Ledger, keeper: Keeper, known: Mapping[int, Category], number: int) -> bool:
    return bool(_children(known, number)) or ledger.labels.is_filed_under(keeper.user, number)


def _own_category(known: Mapping[int, Category], number: int) -> Category:
    category = known.get(number)
    if category is None or category.is_system:
        raise Missing("category", str(number))
    return category


def _check_place(known: Mapping[int, Category], category: Category) -> None:
    """Refuse a parent that cannot have this child, then a name that a sibling has."""
    if category.parent is not None and not _may_hold(known, category.parent, category):
        raise BookRefused("invalid_parent_category")
    place = (category.parent, category.type)
    siblings = [each for each in known.values() if (each.parent, each.type) == place]
    if _is_taken(category, siblings):
        raise BookRefused("category_name_not_unique")


def _may_hold(known: Mapping[int, Category], number: int, child: Category) -> bool:
    """Whether there is such a parent: one with a parent of its own is none, nor has a child children."""
    parent = known.get(number)
    if parent is None or parent.parent is not None or parent.number == child.number:
        return False
    return parent.type is child.type and not _children(known, child.number)


# ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_tags(services: Services, actor: Actor) -> list[Tag]:
    """Everybody's and the caller's own."""
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> list[Tag]:
        keeper.read()
        return in_order(known_tags(ledger, keeper.user).values())

    return await services.work.read(story)


async def find_tag(services: Services, actor: Actor, number: int) -> Tag:
    """One of everybody's, or of the caller's own.

    Raises:
        Missing: there is none of this number.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> Tag:
        keeper.read()
        tag = known_tags(ledger, keeper.user).get(number)
        if tag is None:
            raise Missing("tag", str(number))
        return tag

    return await services.work.read(story)


async def add_tag(services: Services, actor: Actor, make: Callable[[], Tag]) -> Tag:
    """A new one; ``make`` reads what it is to be.

    Raises:
        BookRefused: it breaks a rule.

    """
    keeper, now = Keeper(services, actor), services.clock.now()

    def story(ledger: Ledger) -> Tag:
        keeper.hold(ledger)
        tag = make()
        _check_name(known_tags(ledger, keeper.user), tag)
        return ledger.labels.add_tag(keeper.user, tag, now)

    return await services.work.write(story)


async def change_tag(services: Services, actor: Actor, number: int, fill: Callable[[Tag], Tag]) -> Tag:
    """Change one of the caller's own; ``fill`` reads what it is to be.

    Raises:
        Missing: the caller has made none of this number.
        BookRefused: it breaks a rule.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> Tag:
        keeper.hold(ledger)
        known = known_tags(ledger, keeper.user)
        tag = fill(_own_tag(known, number))
        _check_name(known, tag)
        ledger.labels.change_tag(keeper.user, tag)
        return tag

    return await services.work.write(story)


async def remove_tag(services: Services, actor: Actor, number: int) -> None:
    """Forget one of the caller's own; it is taken off their transactions.

    Raises:
        Missing: the caller has made none of this number.

    """
    keeper = Keeper(services, actor)

    def story(ledger: Ledger) -> None:
        keeper.hold(ledger)
        _own_tag(known_tags(ledger, keeper.user), number)
        ledger.labels.remove_tag(keeper.user, number)

    await services.work.write(story)


def _own_tag(known: Mapping[int, Tag], number: int) -> Tag:
    tag = known.get(number)
    if tag is None or tag.is_system:
        raise Missing("tag", str(number))
    return tag


def _check_name(known: Mapping[int, Tag], tag: Tag) -> None:
    if _is_taken(tag, known.values()):
        raise BookRefused("tag_name_not_unique")


def _is_taken(label: Category | Tag, others: Iterable[Category | Tag]) -> bool:
    """Whether another has its name, in any letter case."""
    name = label.name.casefold()
    return any(each.number != label.number and each.name.casefold() == name for each in others)
