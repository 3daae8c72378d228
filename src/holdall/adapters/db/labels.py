"""Categories and tags that users made."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, select, update

from holdall.adapters.db.rows import insert_row
from holdall.adapters.db.tables import categories, tags, transaction_tags, transactions
from holdall.domain.bookkeeping.entries import Category, Direction, Look, Tag
from holdall.domain.bookkeeping.labels import OWN_FROM

_SHIFT = OWN_FROM - 1
"""Rows are counted from 1, as everybody's are; outside of here, users' own come behind these."""
_KEPT = ("name", "description", "icon", "color", "bg_color")
_KEPT_OF_CATEGORY = (*_KEPT, "type", "parent")
_its_id: BindParameter[int] = bindparam("its_id", type_=categories.c.id.type)

_CATEGORIES = (
    select(categories.c.id, *(categories.c[name] for name in _KEPT_OF_CATEGORY))
    .where(categories.c.user_id == bindparam("of_user"))
    .order_by(categories.c.name, categories.c.id)
)
_ADD_CATEGORY = insert(categories)
_is_category = (categories.c.id == _its_id) & (categories.c.user_id == bindparam("of_user"))
_CHANGE_CATEGORY = update(categories).where(_is_category).values({name: bindparam(name) for name in _KEPT_OF_CATEGORY})
_REMOVE_CATEGORY = delete(categories).where(_is_category)
_FILED = (
    select(transactions.c.id)
    .where(transactions.c.user_id == bindparam("of_user"), transactions.c.category == bindparam("category"))
    .limit(1)
)

_TAGS = (
    select(tags.c.id, *(tags.c[name] for name in _KEPT), tags.c.created_at)
    .where(tags.c.user_id == bindparam("of_user"))
    .order_by(tags.c.name, tags.c.id)
)
_ADD_TAG = insert(tags)
_is_tag = (tags.c.id == _its_id) & (tags.c.user_id == bindparam("of_user"))
_CHANGE_TAG = update(tags).where(_is_tag).values({name: bindparam(name) for name in _KEPT})
_REMOVE_TAG = delete(tags).where(_is_tag)
_TAKE_OFF = delete(transaction_tags).where(transaction_tags.c.tag == bindparam("number"))


class SqlLabels:
    """``ports.Labels`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def categories(self, user_id: int) -> list[Category]:
        """All of one user's, by name."""
        return [_category(row) for row in self._connection.execute(_CATEGORIES, {"of_user": user_id})]

    def add_category(self, user_id: int, category: Category, now: datetime) -> Category:
        """Keep a new one."""
        row = {"user_id": user_id, **_category_row(category), "created_at": now}
        return replace(category, number=insert_row(self._connection, _ADD_CATEGORY, row) + _SHIFT)

    def change_category(self, user_id: int, category: Category) -> None:
        """Keep it as it is now."""
        self._connection.execute(_CHANGE_CATEGORY, {**_meant(user_id, category.number), **_category_row(category)})

    def remove_category(self, user_id: int, number: int) -> None:
        """Forget one that no transaction and no other category names."""
        self._connection.execute(_REMOVE_CATEGORY, _meant(user_id, number))

    def is_filed_under(self, user_id: int, number: int) -> bool:
        """Whether a transaction of this user's names this category."""
        return self._connection.scalar(_FILED, {"of_user": user_id, "category": number}) is not None

    def tags(self, user_id: int) -> list[Tag]:
        """All of one user's, by name."""
        return [_tag(row) for row in self._connection.execute(_TAGS, {"of_user": user_id})]

    def add_tag(self, user_id: int, tag: Tag, now: datetime) -> Tag:
        """Keep a new one."""
        row = {"user_id": user_id, **_row(tag), "created_at": now}
        return replace(tag, number=insert_row(self._connection, _ADD_TAG, row) + _SHIFT, created_at=now)

    def change_tag(self, user_id: int, tag: Tag) -> None:
        """Keep it as it is now."""
        self._connection.execute(_CHANGE_TAG, {**_meant(user_id, tag.number), **_row(tag)})

    def remove_tag(self, user_id: int, number: int) -> None:
        """Forget one, and take it off every transaction: nobody else's can have it."""
        if self._connection.execute(_REMOVE_TAG, _meant(user_id, number)).rowcount:
            self._connection.execute(_TAKE_OFF, {"number": number})


def _meant(user_id: int, number: int) -> dict[str, int]:
    return {"of_user": user_id, "its_id": number - _SHIFT}


def _row(label: Category | Tag) -> dict[str, Any]:
    look = label.look
    return {
        "name": label.name,
        "description": label.description,
        "icon": look.icon,
        "color": look.color,
        "bg_color": look.bg_color,
    }


def _category_row(category: Category) -> dict[str, Any]:
    return {**_row(category), "type": category.type.value, "parent": category.parent}


def _category(row: Sequence[Any]) -> Category:
    id, name, description, icon, color, bg_color, type, parent = row
    look = Look(icon, color, bg_color)
    return Category(id + _SHIFT, name, description, look, Direction(type), parent, is_system=False)


def _tag(row: Sequence[Any]) -> Tag:
    id, name, description, icon, color, bg_color, created_at = row
    return Tag(id + _SHIFT, name, description, Look(icon, color, bg_color), is_system=False, created_at=created_at)
