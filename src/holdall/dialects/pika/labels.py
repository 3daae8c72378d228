"""What categories and tags have in common at Pika's doors (contract pika, section 7)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from holdall.dialects.pika.reading import Given
from holdall.domain.bookkeeping.entries import Category, Look, Tag
from holdall.domain.bookkeeping.looks import checked_bg_color, checked_color, checked_icon
from holdall.errors import BookRefused, Missing


def category(category: Category, children: Iterable[Category] = ()) -> dict[str, Any]:
    """A category as it is shown, with those it holds where these are asked for."""
    return {
        "id": str(category.number),
        "name": category.name,
        "icon": category.look.icon,
        "color": category.look.color,
        "bgColor": category.look.bg_color,
        "description": category.description,
        "isSystem": category.is_system,
        "isParent": category.parent is None,
        "type": category.type.value,
        "parentId": None if category.parent is None else str(category.parent),
        "children": [_child(each) for each in children],
    }


def _child(child: Category) -> dict[str, Any]:
    return category(child)


def tag(tag: Tag) -> dict[str, Any]:
    """A tag as it is shown."""
    return {
        "id": str(tag.number),
        "name": tag.name,
        "color": tag.look.color,
        "bgColor": tag.look.bg_color,
        "icon": tag.look.icon,
        "description": tag.description,
        "isSystem": tag.is_system,
    }


def as_sent(label: Category | Tag) -> dict[str, Any]:
    """What both have, as a client would send it."""
    return {
        "name": label.name,
        "icon": label.look.icon,
        "color": label.look.color,
        "bgColor": label.look.bg_color,
        "description": label.description,
    }


def look(given: Given) -> Look:
    """How a label is drawn.

    Raises:
        BookRefused: ``invalid_icon``, ``invalid_color``, ``invalid_bg_color``; in this order, which is not accounts'.

    """
    icon, color = checked_icon(given.get("icon")), checked_color(given.get("color"))
    return Look(icon, color, checked_bg_color(given.get("bgColor")))


@contextmanager
def hidden_as(rule: str) -> Iterator[None]:
    """Refuse to change what is not there as what is everybody's, or somebody else's, is refused."""
    try:
        yield
    except Missing as missing:
        raise BookRefused(rule) from missing
