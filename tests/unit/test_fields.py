"""What may stand in a cell."""

from typing import Any

import pytest

from holdall.domain.fieldtypes import coerce, show, show_text
from holdall.domain.records import Field, FieldType
from holdall.errors import CellRefused

OPEN, DONE = "optAAAAAAAAAAAAAAAAAAAAA", "optBBBBBBBBBBBBBBBBBBBBB"
OPTIONS = {"options": [{"id": OPEN, "name": "Open", "color": ""}, {"id": DONE, "name": "Done", "color": ""}]}


def field(type: FieldType, **properties: Any) -> Field:
    return Field("fldX", "Column", type, properties=properties)


ACCEPTED = [
    (field(FieldType.SINGLE_TEXT), "one line", "one line"),
    (field(FieldType.SINGLE_TEXT), "", ""),
    (field(FieldType.LONG_TEXT), "two\nlines", "two\nlines"),
    (field(FieldType.NUMBER), 2.5, 2.5),
    (field(FieldType.NUMBER), 0, 0),
    (field(FieldType.RATING, max=5), 5, 5),
    (field(FieldType.RATING, max=5), 0, 0),
    (field(FieldType.RATING, max=5), 4.0, 4),
    (field(FieldType.CHECKBOX), False, False),
    (field(FieldType.SINGLE_SELECT, **OPTIONS), "Open", OPEN),
    (field(FieldType.SINGLE_SELECT, **OPTIONS), DONE, DONE),
    (field(FieldType.SINGLE_SELECT, **OPTIONS), [DONE], DONE),
    (field(FieldType.SINGLE_SELECT, **OPTIONS), ["Open"], OPEN),
    (field(FieldType.SINGLE_SELECT, **OPTIONS), [], None),
    (field(FieldType.MULTI_SELECT, **OPTIONS), ["Done", OPEN, "Done"], [DONE, OPEN]),
    (field(FieldType.MULTI_SELECT, **OPTIONS), [], None),
    (field(FieldType.SINGLE_TEXT), None, None),
]


@pytest.mark.parametrize(("column", "value", "stored"), ACCEPTED)
def test_a_fitting_value_becomes_its_stored_form(column: Field, value: Any, stored: Any):
    """As the contract's table of field types says."""
    assert stored == coerce(column, value)


REFUSED = [
    (field(FieldType.SINGLE_TEXT), 5),
    (field(FieldType.SINGLE_TEXT), "two\nlines"),
    (field(FieldType.LONG_TEXT), ["x"]),
    (field(FieldType.LONG_TEXT), "x" * 100_001),
    (field(FieldType.SINGLE_TEXT), "nul\x00"),
    (field(FieldType.NUMBER), "5"),
    (field(FieldType.NUMBER), True),
    (field(FieldType.NUMBER), float("nan")),
    (field(FieldType.NUMBER), float("inf")),
    (field(FieldType.RATING, max=5), 6),
    (field(FieldType.RATING, max=5), -1),
    (field(FieldType.RATING, max=5), 2.5),
    (field(FieldType.CHECKBOX), "true"),
    (field(FieldType.CHECKBOX), 1),
    (field(FieldType.SINGLE_SELECT, **OPTIONS), "open"),
    (field(FieldType.SINGLE_SELECT, **OPTIONS), ["Open", "Done"]),
    (field(FieldType.SINGLE_SELECT, **OPTIONS), {"id": OPEN}),
    (field(FieldType.MULTI_SELECT, **OPTIONS), "Open"),
    (field(FieldType.MULTI_SELECT, **OPTIONS), ["Nope"]),
]


@pytest.mark.parametrize(("column", "value"), REFUSED)
def test_a_value_of_another_type_is_refused(column: Field, value: Any):
    """With the field's name, for the client to find it."""
    with pytest.raises(CellRefused) as refusal:
        coerce(column, value)

    assert refusal.value.field == "Column"


def test_options_are_shown_by_name():
    """Whatever they are stored as."""
    assert show(field(FieldType.SINGLE_SELECT, **OPTIONS), DONE) == "Done"
    assert show(field(FieldType.MULTI_SELECT, **OPTIONS), [DONE, OPEN]) == ["Done", "Open"]


@pytest.mark.parametrize(
    ("column", "stored", "text"),
    [
        (field(FieldType.CHECKBOX), True, "true"),
        (field(FieldType.NUMBER, precision=3), 2.5, "2.500"),
        (field(FieldType.NUMBER), 7, "7"),
        (field(FieldType.RATING), 4, "4"),
        (field(FieldType.LONG_TEXT), "a\nb", "a<br>b"),
        (field(FieldType.MULTI_SELECT, **OPTIONS), [OPEN, DONE], "Open, Done"),
    ],
)
def test_every_value_has_a_text(column: Field, stored: Any, text: str):
    """For clients that ask for cellFormat=string."""
    assert text == show_text(column, stored)
