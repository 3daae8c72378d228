"""Labels."""

from holdall.domain.bookkeeping.entries import Category, Direction, Look, Tag
from holdall.ports import Ledger

_L = Look("utensils", "#FFFFFF", "#DD6B20")


def known_categories(ledger: Ledger, user: int) -> dict[int, Category]:
    """All."""
    return {
        4: Category(4, "Food", "", _L, Direction.EXPENSE, 1, True),
        40: Category(40, "Salary", "", _L, Direction.INCOME, 1, True),
        50: Category(50, "Move", "", _L, Direction.TRANSFER, 1, True),
    }


def known_tags(ledger: Ledger, user: int) -> dict[int, Tag]:
    """All."""
    return {5: Tag(5, "Personal", "", _L, True), 6: Tag(6, "Work", "", _L, True)}
