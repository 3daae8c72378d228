"""Names, icons and colours in books (contract pika, sections 1.1, 5 and 7)."""

from typing import Any

import pytest

from holdall.domain.bookkeeping.entries import Look
from holdall.domain.bookkeeping.looks import ICONS, checked_bg_color, checked_color, checked_icon, checked_look
from holdall.domain.bookkeeping.names import checked_name
from holdall.errors import BookRefused

ODD: list[Any] = [None, True, 7, 1.5, [], ["utensils"], {}, {"icon": "utensils"}, b"utensils"]


@pytest.mark.parametrize(
    "name", ["Food", "É", "家計簿", "a < b", "<3", "5>4", "O'Neil & Söhne", "👩‍👩‍👧", "x" * 255, "السوق"]
)
def test_a_name_may_be_anything_that_is_shown_as_it_stands(name: str):
    assert checked_name(name) == name
    assert checked_name(f"  {name}\t\n") == name


@pytest.mark.parametrize(
    "name",
    [
        *ODD,
        "",
        "  ",
        "x" * 256,
        "<b>Food",
        "Food</b",
        "<!--",
        "<?php",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        *(f"a{mark}b" for mark in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
        *(f"a{half}b" for half in "\ud800\udfff"),
    ],
)
def test_a_name_that_is_none_is_refused(name: Any):
    with pytest.raises(ValueError, match="A name "):
        checked_name(name)


def test_icons_are_lucides_with_those_of_its_past():
    """Of now, an alias of now, and one that was taken out before version 1."""
    assert {"utensils", "house", "home", "user", "wallet", "github"} <= ICONS
    assert len(ICONS) > 2000
    assert all(name == checked_icon(name) for name in ICONS)


@pytest.mark.parametrize("icon", [*ODD, "", "Utensils", " utensils", "utensils\n", "no-such-icon", "#", "# Names"])
def test_an_icon_that_lucide_has_not_is_refused(icon: Any):
    with pytest.raises(BookRefused) as refused:
        checked_icon(icon)
    assert refused.value.code == "invalid_icon"


@pytest.mark.parametrize(
    "color", [*ODD, "", "red", "#fff", "#12345", "#1234567", "#12345g", "123456", "#123456\n", "#１２３４５６"]
)
def test_a_colour_is_a_hash_and_six_hex_digits(color: Any):
    with pytest.raises(BookRefused) as refused:
        checked_color(color)
    assert refused.value.code == "invalid_color"
    with pytest.raises(BookRefused) as refused:
        checked_bg_color(color)
    assert refused.value.code == "invalid_bg_color"


def test_a_look_is_kept_as_it_is_written():
    assert checked_look("wallet", "#ffffff", "#3B82F6") == Look("wallet", "#ffffff", "#3B82F6")


@pytest.mark.parametrize(
    ("look", "first"),
    [
        (("no-such", "x", "x"), "invalid_icon"),
        (("user", "x", "x"), "invalid_bg_color"),
        (("user", "x", "#000000"), "invalid_color"),
    ],
)
def test_a_look_is_refused_for_its_first_fault(look: tuple[str, str, str], first: str):
    with pytest.raises(BookRefused) as refused:
        checked_look(*look)
    assert refused.value.code == first
