"""Any formula: refused with its place, or worth something that JSON can tell; the same whatever it is written like."""

import json
import math
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.domain.formulas.definition import define, with_names
from holdall.domain.formulas.functions import FUNCTIONS
from holdall.domain.formulas.syntax import MAX_LENGTH, BadFormula, parse
from holdall.domain.formulas.tree import Scope
from holdall.domain.formulas.values import MAX_TEXT, Fault, Value, told
from holdall.domain.records import Field, FieldType

SEEN = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)
CELLS: dict[str, Value] = {"fldA": "a b", "fldB": Decimal("2.5"), "fldC": SEEN, "fldD": ("x", Decimal(1)), "fldE": None}
FIELDS = [Field(id, f"Field {id[-1]}", FieldType.SINGLE_TEXT) for id in CELLS]
ATOMS = st.sampled_from(
    ["{Field A}", "{Field B}", "{fldC}", "fldD", "fldE", "1", "0", "-3", "2.5", "1e300", "'a'", "'2026-01-31'", "TRUE"]
) | st.integers().map(str)
SIGNS = st.sampled_from(["+", "-", "*", "/", "&", "=", "<>", "<", ">="])


def calls(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.tuples(st.sampled_from(sorted(FUNCTIONS)), st.lists(parts, max_size=4))
    between = st.tuples(parts, SIGNS, parts).map("".join)
    return joined.map(lambda call: f"{call[0]}({', '.join(call[1])})") | between | parts.map("({})".format)


FORMULAS = st.recursive(ATOMS, calls, max_leaves=20)
SOUP = st.lists(ATOMS | SIGNS | st.sampled_from(["(", ")", ",", "{", "}", "'", "\\", "IF("]) | st.text(max_size=5)).map(
    "".join
)


def worth(formula: str) -> object:
    """What it shows, or the name of why not."""
    scope = Scope(lambda id: CELLS.get(id), SEEN, UTC, "rec", SEEN, SEEN)  # noqa: PLW0108  of another type
    try:
        return told(parse(formula).evaluate(scope))
    except (Fault, ArithmeticError) as fault:
        return repr(fault)


@settings(max_examples=400, deadline=None)
@given(formula=FORMULAS | SOUP)
def test_a_formula_is_refused_or_worth_something(formula: str):
    position = 0
    try:
        kept = define(formula, FIELDS).expression
    except BadFormula as refusal:
        position = refusal.position
    if position:
        assert position <= min(len(formula), MAX_LENGTH) + 1
        return
    shown = worth(kept)
    assert len(json.dumps(shown, allow_nan=False)) <= 12 * MAX_TEXT
    assert worth(define(with_names(kept, FIELDS), FIELDS).expression) == shown


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-1000, 1000), min_size=1, max_size=50),
    st.lists(st.sampled_from("+-*"), min_size=49, max_size=49),
)
def test_arithmetic_is_that_of_everybody(numbers: list[int], signs: list[str]):
    text = str(numbers[0]) + "".join(f"{sign} {number}" for sign, number in zip(signs, numbers[1:], strict=False))
    expected = eval(text)  # noqa: S307  digits and signs
    shown = worth(text)
    assert shown == expected if abs(expected) <= 10**27 else math.isclose(float(str(shown)), expected, rel_tol=1e-12)
