"""Every test that the security page names is there; so is every one that is tried with its control taken out."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.mutations import MUTATIONS

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src" / "holdall"
PAGE = TESTS.parent / "docs" / "explanation" / "security.md"
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text())


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((TESTS / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_every_test_that_is_named_exists(path: str, name: str):
    assert name in names_in(path)


def test_every_row_of_threats_names_a_test():
    """Those of tables whose last column is the test."""
    tables = re.findall(
        r"^\| (?:threat|fault) \|.*?\| test \|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE.read_text(), re.MULTILINE
    )
    rows = [row for table in tables for row in table.splitlines()]

    assert len(rows) > 50
    assert [row for row in rows if "::test_" not in row.rsplit("|", 2)[1]] == []


def test_every_control_that_is_taken_out_has_its_test_on_the_page():
    named = {f"tests/{path}::{name}" for path, name in NAMED}

    assert [one.control for one in MUTATIONS if one.test not in named] == []


def test_every_control_that_is_taken_out_is_where_it_is_looked_for():
    """Otherwise nobody knows any more whether its test notices; the mutation has to follow the code."""
    assert [one.control for one in MUTATIONS if one.old not in (SOURCE / one.module).read_text()] == []
