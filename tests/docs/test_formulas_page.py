"""The page on formulas says what the code does."""

from holdall.domain.fieldtypes.formulas import MAX_CHAIN
from holdall.domain.formulas.syntax import MAX_DEPTH, MAX_LENGTH, MAX_NODES
from holdall.domain.formulas.values import MAX_ITEMS, MAX_TEXT
from tests.support.formulas_page import PAGE, render


def test_the_functions_are_those_of_the_code():
    """`make docs` writes them."""
    assert render() == PAGE.read_text()


def test_the_bounds_are_those_of_the_code():
    text = PAGE.read_text()
    assert f"{MAX_LENGTH} characters, {MAX_NODES} parts, and {MAX_DEPTH} parentheses" in text
    assert f"{MAX_TEXT:,} characters, a list over {MAX_ITEMS} items" in text
    assert f"more than {MAX_CHAIN} deep" in text
