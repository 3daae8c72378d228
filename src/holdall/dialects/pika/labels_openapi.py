"""What Pika's dialect says in OpenAPI of categories and tags."""

from datetime import UTC, datetime
from typing import Any

from holdall.dialects.pika import labels, wire
from holdall.dialects.pika.books_openapi import ID, TIME, operation, said, sent, told
from holdall.dialects.pika.failures import CALLER, READING
from holdall.dialects.pika.reading import MAX_LINE, MAX_TEXT
from holdall.domain.access import Scope, User
from holdall.domain.bookkeeping.entries import Category, Direction, Look, Tag
from holdall.domain.bookkeeping.labels import CATEGORIES, OWN_FROM, TAGS
from holdall.errors import BookRefused, Forbidden, Malformed, Missing
from holdall.web.openapi import Failures, Json, Operation, list_of, object_of, ref, text

_CATEGORIES, _TAGS = "Pika categories", "Pika tags"
TAGS_OF_OPERATIONS = {
    _CATEGORIES: "What transactions are filed under: everybody's, which nobody changes, and the caller's own.",
    _TAGS: "Words on transactions: everybody's, which nobody changes, and the caller's own.",
}

# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────

_NUMBER: Json = {**ID, "description": f"Digits; from {OWN_FROM} on, the caller's own."}
_ICON = text("A name of Lucide's.")
_COLOR = text("`#` and six hex digits.", pattern="^#[0-9A-Fa-f]{6}$")
_IS_SYSTEM: Json = {"type": "boolean", "description": "Whether it is everybody's."}
_TYPES = [each.value for each in Direction]
_FORM: dict[str, Json] = {
    "name": text("Trimmed; no HTML, no control characters.", minLength=1, maxLength=MAX_LINE),
    "icon": _ICON,
    "color": _COLOR,
    "bgColor": _COLOR,
    "description": {"type": ["string", "null"], "maxLength": MAX_TEXT},
}
_CATEGORY_FORM: dict[str, Json] = {
    **_FORM,
    "type": text("That of the parent, where there is one.", enum=_TYPES),
    "parentId": {
        "type": ["string", "integer", "null"],
        "description": "The id of a parent, as text or as a number; without one, it is a parent itself.",
        "examples": ["1", 1],
    },
}
SCHEMAS: dict[str, Json] = {
    "PikaCategory": object_of(
        {
            "id": _NUMBER,
            "name": text(),
            "icon": _ICON,
            "color": _COLOR,
            "bgColor": _COLOR,
            "description": text(),
            "isSystem": _IS_SYSTEM,
            "isParent": {"type": "boolean", "description": "Whether it has no parent."},
            "type": text("What transactions it is for.", enum=_TYPES),
            "parentId": {"type": ["string", "null"], "pattern": "^[0-9]+$"},
            "children": list_of(
                ref("PikaCategory"), "By name, everybody's first; none where a transaction tells of its category."
            ),
        }
    ),
    "PikaCategoryForm": object_of(_CATEGORY_FORM, optional=list(_CATEGORY_FORM)),
    "PikaTag": object_of(
        {
            "id": _NUMBER,
            "name": text(),
            "color": _COLOR,
            "bgColor": _COLOR,
            "icon": _ICON,
            "description": text(),
            "isSystem": _IS_SYSTEM,
        }
    ),
    "PikaTagRow": object_of(
        {
            "id": _NUMBER,
            "user_id": ID,
            "name": text(),
            "color": _COLOR,
            "bg_color": _COLOR,
            "icon": _ICON,
            "description": text(),
            "is_active": text(),
            "created_at": TIME,
        },
        description="A changed tag, as the original's database has it.",
    ),
    "PikaTagForm": object_of(_FORM, optional=list(_FORM)),
}

# ── examples, told by the dialect's own wire ─────────────────────────────────────────────────────────────────────

_NOW = datetime(2026, 2, 11, 18, 0, tzinfo=UTC)
_USER = User(7, "", "mira", "mira@example.test", "Mira", _NOW)
_LOOK = Look("apple", "#FFFFFF", "#276749")
_FRUIT = Category(OWN_FROM, "Fruit", "", _LOOK, Direction.EXPENSE, 1, is_system=False)
_GARDEN = Tag(OWN_FROM, "Garden", "", _LOOK, is_system=False, created_at=_NOW)
_SENT = {"name": "Fruit", "icon": "apple", "color": "#FFFFFF", "bgColor": "#276749", "description": ""}


def _fruit() -> dict[str, Any]:
    return labels.category(_FRUIT)


def _everyday() -> dict[str, Any]:
    return labels.category(CATEGORIES[1], [CATEGORIES[4], _FRUIT])


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────

_READER: Failures = {**CALLER, "a credential without the right to read": Forbidden(Scope.READ)}
_WRITER: Failures = {**CALLER, "a credential without the right to change anything": Forbidden(Scope.WRITE)}
_ONE: Failures = {"an id that is no number": Missing("route", f"{wire.PREFIX}/categories/x1")}
_NO_CATEGORY: Failures = {**_ONE, "no such category, or another user's": Missing("category", "1001")}
_NO_TAG: Failures = {**_ONE, "no such tag, or another user's": Missing("tag", "1001")}
_NOT_THEIR_CATEGORY: Failures = {**_ONE, "one that the caller has not made": BookRefused("rest_forbidden")}
_NOT_THEIR_TAG: Failures = {**_ONE, "one that the caller has not made": BookRefused("unauthorized")}
_NO_UPDATE: Failures = {"nothing that is known is named": BookRefused("no_update")}
_LOOKS: Failures = {
    "an icon that Lucide has not": BookRefused("invalid_icon"),
    "a colour that is none": BookRefused("invalid_color"),
    "a background that is no colour": BookRefused("invalid_bg_color"),
    "a description that is no text, or too long": Malformed("query", "description is no text"),
}
_CATEGORY_RULES: Failures = {
    "a name that is none": BookRefused("invalid_category_name"),
    **_LOOKS,
    "a type that is none of the three": BookRefused("invalid_type"),
    "a parent that is none, or of another type": BookRefused("invalid_parent_category"),
    "a sibling has this name": BookRefused("category_name_not_unique"),
}
_TYPE_STAYS: Failures = {
    "another type, with transactions or children": BookRefused(
        "invalid_type", "A category with transactions or children keeps its type."
    )
}
_TAG_RULES: Failures = {
    "a name that is none": BookRefused("invalid_tag_name"),
    **_LOOKS,
    "another has this name": BookRefused("tag_name_not_unique"),
}
_IN_USE: Failures = {
    "it has children": BookRefused("category_has_children"),
    "transactions are filed under it": BookRefused("category_has_transactions"),
}


# ── operations ───────────────────────────────────────────────────────────────────────────────────────────────────


def operations() -> list[Operation]:
    """Those of categories and tags."""
    return [*_of_categories(), *_of_tags()]


def _of_categories() -> list[Operation]:
    shown = ref("PikaCategory")
    return [
        operation(
            "GET",
            "/categories",
            "ListCategories",
            _CATEGORIES,
            "List categories",
            told("Parents with their children.", list_of(shown), [_everyday()], _READER),
            "Everybody's first, then the caller's own, each by name.",
        ),
        operation(
            "POST",
            "/categories",
            "CreateCategory",
            _CATEGORIES,
            "Add a category",
            told("The category.", shown, _fruit(), _WRITER, READING, _CATEGORY_RULES),
            "Names are there once among siblings, in any letter case.",
            sent("PikaCategoryForm", {**_SENT, "type": "expense", "parentId": "1"}),
        ),
        operation(
            "GET",
            "/categories/{id}",
            "GetCategory",
            _CATEGORIES,
            "Look at a category",
            told("The category, with its children.", shown, _everyday(), _READER, _NO_CATEGORY),
        ),
        operation(
            "PUT",
            "/categories/{id}",
            "UpdateCategory",
            _CATEGORIES,
            "Change a category",
            told(
                "The category, with its children.",
                shown,
                _fruit(),
                _WRITER,
                READING,
                _NOT_THEIR_CATEGORY,
                _CATEGORY_RULES,
                _TYPE_STAYS,
                _NO_UPDATE,
            ),
            "What is not named stays; a `parentId` of `null` makes it a parent.",
            sent("PikaCategoryForm", {"name": "Fruit"}),
        ),
        operation(
            "DELETE",
            "/categories/{id}",
            "DeleteCategory",
            _CATEGORIES,
            "Delete a category",
            said("Category deleted successfully", _WRITER, _NOT_THEIR_CATEGORY, _IN_USE),
        ),
    ]


def _of_tags() -> list[Operation]:
    shown, row = ref("PikaTag"), wire.tag_row(_GARDEN, _USER)
    return [
        operation(
            "GET",
            "/tags",
            "ListTags",
            _TAGS,
            "List tags",
            told("The tags.", list_of(shown), [labels.tag(TAGS[5]), labels.tag(_GARDEN)], _READER),
            "Everybody's first, then the caller's own, each by name.",
        ),
        operation(
            "POST",
            "/tags",
            "CreateTag",
            _TAGS,
            "Add a tag",
            told("The tag.", shown, labels.tag(_GARDEN), _WRITER, READING, _TAG_RULES),
            "Names are there once, in any letter case.",
            sent("PikaTagForm", {**_SENT, "name": "Garden"}),
        ),
        operation(
            "GET",
            "/tags/{id}",
            "GetTag",
            _TAGS,
            "Look at a tag",
            told("The tag.", shown, labels.tag(_GARDEN), _READER, _NO_TAG),
        ),
        operation(
            "PUT",
            "/tags/{id}",
            "UpdateTag",
            _TAGS,
            "Change a tag",
            told(
                "The row that is kept.",
                ref("PikaTagRow"),
                row,
                _WRITER,
                READING,
                _NOT_THEIR_TAG,
                _TAG_RULES,
                _NO_UPDATE,
            ),
            "What is not named stays.",
            sent("PikaTagForm", {"name": "Garden"}),
        ),
        operation(
            "DELETE",
            "/tags/{id}",
            "DeleteTag",
            _TAGS,
            "Delete a tag",
            said("Tag deleted successfully", _WRITER, _NOT_THEIR_TAG),
            "It is taken off the caller's transactions.",
        ),
    ]
