"""Labels."""

from holdall.domain.bookkeeping.entries import Category, Tag


def category(it: Category) -> dict[str, object]:
    """One."""
    return {"id": str(it.number), "name": it.name}


def tag(it: Tag) -> dict[str, object]:
    """One."""
    return {"id": str(it.number), "name": it.name}
