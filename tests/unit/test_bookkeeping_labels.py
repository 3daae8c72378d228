"""Everybody's categories and tags: transactions name them by numbers that never change (contract pika, section 7)."""

import hashlib

from holdall.domain.bookkeeping.entries import Category, Direction, Look, Tag
from holdall.domain.bookkeeping.labels import CATEGORIES, OWN_FROM, TAGS
from holdall.domain.bookkeeping.looks import checked_look
from holdall.domain.bookkeeping.names import checked_name

CATEGORIES_EVER = "ff758af127ae5f89"
"""The digest of number, type, parent and name of each."""
TAGS_EVER = "1:Recurring 2:Reimbursable 3:Business 4:Urgent 5:Personal 6:Shared 7:Holiday 8:Present 9:Tax deductible \
10:Under warranty 11:Online 12:Planned"


def test_a_number_means_for_ever_what_it_means():
    """Whoever adds one takes the next number, and writes it here."""
    meant = "\n".join(f"{each.number} {each.type} {each.parent} {each.name}" for each in CATEGORIES.values())

    assert hashlib.sha256(meant.encode()).hexdigest()[:16] == CATEGORIES_EVER, meant
    assert " ".join(f"{each.number}:{each.name}" for each in TAGS.values()) == TAGS_EVER


def test_there_are_fifty_nine_categories_of_which_sixteen_are_parents():
    assert list(CATEGORIES) == list(range(1, 60))
    assert sum(each.parent is None for each in CATEGORIES.values()) == 16
    assert {each.type for each in CATEGORIES.values()} == set(Direction)
    assert max(*CATEGORIES, *TAGS) < OWN_FROM


def test_the_two_that_the_contract_shows_are_as_it_shows_them():
    look = "#FFFFFF", "#DD6B20"
    assert CATEGORIES[4] == Category(4, "Food", "", Look("utensils", *look), Direction.EXPENSE, 1, is_system=True)
    assert TAGS[5] == Tag(5, "Personal", "", Look("user", *look), is_system=True)


def test_children_are_of_their_parents_type_and_parents_have_no_parents():
    for child in CATEGORIES.values():
        if child.parent is not None:
            parent = CATEGORIES[child.parent]
            assert (parent.parent, parent.type) == (None, child.type)


def test_they_keep_the_rules_that_users_keep():
    """Names and looks are good, and no sibling has another's name."""
    for each in (*CATEGORIES.values(), *TAGS.values()):
        assert checked_name(each.name) == each.name
        assert checked_look(each.look.icon, each.look.color, each.look.bg_color) == each.look
        assert each.is_system
    siblings = [(each.parent, each.type, each.name.casefold()) for each in CATEGORIES.values()]
    assert len(set(siblings)) == len(siblings)
    assert len({each.name.casefold() for each in TAGS.values()}) == len(TAGS) == 12
