"""From one type of field to another: which pairs there are, and what becomes of values."""

from itertools import count, product
from typing import Any

import pytest

from holdall.domain.conversions import Conversion, conversion, is_free
from holdall.domain.fieldtypes import coerce, show, show_text
from holdall.domain.fieldtypes.kind import PLAIN, Beside, Reader
from holdall.domain.fieldtypes.properties import MAX_OPTIONS
from holdall.domain.people import People, Person
from holdall.domain.records import Field, FieldType

TEXTS = "SINGLE_TEXT LONG_TEXT URL EMAIL PHONE AI_TEXT"
NUMBERS = "NUMBER CURRENCY PERCENT RATING"
DOCUMENTS = "CASCADER JSON WORK_DOC"
READ = f"{NUMBERS} CHECKBOX SINGLE_SELECT MULTI_SELECT DATETIME DATERANGE {DOCUMENTS}"
GOES_TO = {
    **dict.fromkeys(TEXTS.split(), f"{TEXTS} {READ}"),
    **dict.fromkeys(NUMBERS.split(), f"{TEXTS} {NUMBERS} CHECKBOX"),
    **dict.fromkeys(DOCUMENTS.split(), f"{TEXTS} {DOCUMENTS}"),
    "AUTO_NUMBER": f"{TEXTS} {NUMBERS}",
    "CHECKBOX": f"{TEXTS} {NUMBERS}",
    "SINGLE_SELECT": f"{TEXTS} MULTI_SELECT",
    "MULTI_SELECT": f"{TEXTS} SINGLE_SELECT",
    "DATETIME": f"{TEXTS} DATERANGE",
    "DATERANGE": f"{TEXTS} DATETIME",
    **dict.fromkeys("MEMBER ATTACHMENT LINK ONE_WAY_LINK".split(), TEXTS),
}
"""Every type that can be turned into another, and into which."""
OPTIONS = {"options": [{"id": "optA", "name": "a", "color": ""}, {"id": "optB", "name": "b", "color": "red"}]}
NO_OPTIONS: dict[str, Any] = {"options": []}
PEOPLE = Reader(beside=Beside(People({"memA": Person("memA", "Ann")})))


def field(type: FieldType | str, **properties: Any) -> Field:
    return Field("fldX", "X", FieldType(type), properties=properties)


def convert(before: Field, kept: Any, after: Field) -> tuple[Any, bool, Field]:
    """What becomes of one value, whether it is whole, and what became of the field."""
    numbers = count()
    names = {"recA": "One", "recB": "Two, or three"}
    job = Conversion(before, after, lambda prefix: f"{prefix}{next(numbers)}", PEOPLE, names)
    rule = conversion(before, after)
    assert rule is not None
    done = rule(job, kept)
    return done.kept, done.is_whole, job.result


@pytest.mark.parametrize("before", FieldType)
def test_every_pair_of_types_is_possible_or_not(before: FieldType):
    """Nine hundred pairs; a field can always stay what it is."""
    wanted = {before.value, *GOES_TO.get(before.value, "").split()}
    assert {after.value for after in FieldType if conversion(field(before), field(after))} == wanted


START, END = "2026-03-01T23:00:00.000Z", "2026-03-02T23:00:00.000Z"
GOLDEN: list[tuple[str, Any, str, Any, bool]] = [
    ("SINGLE_TEXT", " 12.50 ", "NUMBER", 12.5, True),
    ("SINGLE_TEXT", "-3", "NUMBER", -3, True),
    ("SINGLE_TEXT", "1e3", "NUMBER", 1000.0, True),
    ("SINGLE_TEXT", "007", "NUMBER", 7, False),
    ("SINGLE_TEXT", "+4915", "NUMBER", 4915, False),
    ("SINGLE_TEXT", "0.12345678901234567890123", "NUMBER", 0.12345678901234568, False),
    ("SINGLE_TEXT", "1,234.5", "NUMBER", None, False),
    ("SINGLE_TEXT", "9007199254740993", "NUMBER", None, False),
    ("SINGLE_TEXT", "1e999", "NUMBER", None, False),
    ("SINGLE_TEXT", "٣", "NUMBER", None, False),
    ("SINGLE_TEXT", "NaN", "NUMBER", None, False),
    ("SINGLE_TEXT", "  ", "NUMBER", None, True),
    ("SINGLE_TEXT", "€ 5", "CURRENCY", 5, True),
    ("SINGLE_TEXT", "5 %", "PERCENT", 5, True),
    ("SINGLE_TEXT", "5 %", "NUMBER", None, False),
    ("SINGLE_TEXT", "4", "RATING", 4, True),
    ("SINGLE_TEXT", "6", "RATING", None, False),
    ("SINGLE_TEXT", "4.5", "RATING", None, False),
    ("SINGLE_TEXT", "Yes", "CHECKBOX", True, True),
    ("SINGLE_TEXT", "0", "CHECKBOX", False, True),
    ("SINGLE_TEXT", "maybe", "CHECKBOX", None, False),
    ("SINGLE_TEXT", "a", "SINGLE_SELECT", "optA", True),
    ("SINGLE_TEXT", "A", "SINGLE_SELECT", "opt0", True),
    ("SINGLE_TEXT", "x" * 101, "SINGLE_SELECT", None, False),
    ("LONG_TEXT", "a\nb", "SINGLE_SELECT", None, False),
    ("SINGLE_TEXT", "b, c,a,,b", "MULTI_SELECT", ["optB", "opt0", "optA"], True),
    ("SINGLE_TEXT", f"a, {'x' * 101}", "MULTI_SELECT", ["optA"], False),
    ("SINGLE_TEXT", "2026-03-02", "DATETIME", START, True),
    ("SINGLE_TEXT", "2.3.2026", "DATETIME", None, False),
    ("SINGLE_TEXT", "2026-03-02T10Z", "DATERANGE", None, False),
    ("SINGLE_TEXT", f"{START}/{END}", "DATERANGE", f"{START}/{END}", True),
    ("SINGLE_TEXT", "2026-03-02", "DATERANGE", None, False),
    ("SINGLE_TEXT", "a", "CASCADER", "a", True),
    ("SINGLE_TEXT", '{"a": [1, "x"]}', "JSON", {"a": [1, "x"]}, True),
    ("SINGLE_TEXT", '{"a": 1, "a": 2}', "JSON", '{"a": 1, "a": 2}', True),
    ("SINGLE_TEXT", '["\\ud800"]', "JSON", '["\\ud800"]', True),
    ("SINGLE_TEXT", "[1e400]", "JSON", "[1e400]", True),
    ("SINGLE_TEXT", "[0.12345678901234567890123]", "JSON", "[0.12345678901234567890123]", True),
    ("SINGLE_TEXT", "[" * 5000, "JSON", "[" * 5000, True),
    ("SINGLE_TEXT", "12", "JSON", "12", True),
    ("LONG_TEXT", "a\r\nb", "SINGLE_TEXT", "a b", False),
    ("LONG_TEXT", "a", "URL", "a", True),
    ("URL", "a", "LONG_TEXT", "a", True),
    ("NUMBER", 12.5, "SINGLE_TEXT", "12.5", True),
    ("NUMBER", 1e21, "SINGLE_TEXT", "1000000000000000000000", True),
    ("CURRENCY", 3, "LONG_TEXT", "3", True),
    ("NUMBER", 3, "RATING", 3, True),
    ("NUMBER", 3.5, "RATING", None, False),
    ("NUMBER", 2, "CURRENCY", 2, True),
    ("NUMBER", 1, "CHECKBOX", True, True),
    ("NUMBER", 2, "CHECKBOX", None, False),
    ("AUTO_NUMBER", 7, "NUMBER", 7, True),
    ("AUTO_NUMBER", 7, "SINGLE_TEXT", "7", True),
    ("CHECKBOX", True, "SINGLE_TEXT", "true", True),
    ("CHECKBOX", False, "NUMBER", 0, True),
    ("CHECKBOX", True, "RATING", 1, True),
    ("SINGLE_SELECT", "optA", "SINGLE_TEXT", "a", True),
    ("SINGLE_SELECT", "optA", "MULTI_SELECT", ["optA"], True),
    ("MULTI_SELECT", ["optA", "optB"], "SINGLE_TEXT", "a, b", True),
    ("MULTI_SELECT", ["optB"], "SINGLE_SELECT", "optB", True),
    ("MULTI_SELECT", ["optB", "optA"], "SINGLE_SELECT", "optB", False),
    ("MEMBER", ["memA", "memB"], "SINGLE_TEXT", "Ann, memB", True),
    ("LINK", ["recA", "recB", "recC"], "SINGLE_TEXT", "One, Two, or three, recC", True),
    ("DATETIME", START, "SINGLE_TEXT", START, True),
    ("DATETIME", START, "DATERANGE", f"{START}/{START}", True),
    ("DATERANGE", f"{START}/{END}", "DATETIME", START, False),
    ("CASCADER", ["a", "b"], "SINGLE_TEXT", "a / b", True),
    ("CASCADER", ["a", "b"], "JSON", ["a", "b"], True),
    ("JSON", {"a": 1}, "SINGLE_TEXT", '{"a":1}', True),
    ("JSON", "a\nb", "SINGLE_TEXT", "a b", False),
    ("JSON", {"a": 1}, "WORK_DOC", {"a": 1}, True),
    ("JSON", {"a": 1}, "CASCADER", None, False),
]
PROPERTIES: dict[str, dict[str, Any]] = {
    "CURRENCY": {"symbol": "€"},
    "SINGLE_SELECT": OPTIONS,
    "MULTI_SELECT": OPTIONS,
    "DATETIME": {"timeZone": "Europe/Berlin"},
}


@pytest.mark.parametrize(("before", "kept", "after", "wanted", "is_whole"), GOLDEN)
def test_values_become_what_they_were_meant_to(before: str, kept: Any, after: str, wanted: Any, is_whole: bool):
    """One row each: what was kept, what is kept then, and whether that is all of it."""
    source, target = (field(type, **PROPERTIES.get(type, {})) for type in (before, after))
    converted, whole, _ = convert(source, kept, target)
    assert (repr(converted), whole) == (repr(wanted), is_whole)


VALUES: dict[str, list[Any]] = {
    **{type: ["", "x", "12", "a, b", "2026-03-02", "{}", "é\u200d", "x" * 100_000] for type in TEXTS.split()},
    **{type: [0, 1, 5] for type in NUMBERS.split()},
    "AUTO_NUMBER": [1, 10**9],
    "CHECKBOX": [True, False],
    "SINGLE_SELECT": ["optA"],
    "MULTI_SELECT": [["optA", "optB"]],
    "MEMBER": [["memA"]],
    "LINK": [["recA"]],
    "ONE_WAY_LINK": [["recZ"]],
    "DATETIME": ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"],
    "DATERANGE": [f"{START}/{END}"],
    "CASCADER": ["x", ["a", "b"]],
    "JSON": [{"a": [1]}, [], "x", 1.5, False],
    "WORK_DOC": [{"a": [1]}],
    "ATTACHMENT": [()],
}


@pytest.mark.parametrize("before", GOES_TO)
def test_whatever_comes_out_is_a_value_of_the_new_type(before: str):
    """It can be shown, as JSON and as text, and read back; nothing raises."""
    for after, kept in product(GOES_TO[before].split(), VALUES[before]):
        source, target = (field(type, **PROPERTIES.get(type, {})) for type in (before, after))
        converted, is_whole, result = convert(source, kept, target)
        assert is_whole or converted is None or after in ("SINGLE_SELECT", "DATETIME")
        if converted is not None:
            assert repr(coerce(result, converted)) == repr(converted)
            assert show(result, converted) is not None
            assert isinstance(show_text(result, converted), str)


def test_options_are_made_once_and_end_somewhere():
    """Behind those that there are; no more of them than a field may have."""
    before, after = field("SINGLE_TEXT"), field("SINGLE_SELECT", **OPTIONS)
    numbers = count()
    job = Conversion(before, after, lambda prefix: f"{prefix}{next(numbers)}", PLAIN)
    rule = conversion(before, after)
    assert rule is not None
    done = [rule(job, f"o{number}") for number in (*range(MAX_OPTIONS), 0)]
    assert [each.is_whole for each in done] == [True] * (MAX_OPTIONS - 2) + [False, False, True]
    assert [option.name for option in job.result.options][:4] == ["a", "b", "o0", "o1"]
    assert len(job.result.options) == MAX_OPTIONS


def test_what_costs_nothing_is_not_looked_at():
    """And whatever could cost something is."""
    fewer = {"options": OPTIONS["options"][:1]}
    more = {"options": [*OPTIONS["options"], {"id": "optC", "name": "c", "color": ""}]}
    assert is_free(field("SINGLE_SELECT", **OPTIONS), field("SINGLE_SELECT", **more))
    assert not is_free(field("SINGLE_SELECT", **OPTIONS), field("SINGLE_SELECT", **fewer))
    assert is_free(field("NUMBER"), field("NUMBER", precision=2))
    assert not is_free(field("RATING", max=9), field("RATING", max=5))
    assert is_free(field("URL"), field("LONG_TEXT"))
    assert not is_free(field("LONG_TEXT"), field("URL"))
    assert not is_free(field("NUMBER"), field("CURRENCY"))


@pytest.mark.parametrize(("most", "kept", "wanted"), [(5, 4, (4, True)), (3, 4, (None, False))])
def test_a_rating_of_fewer_stars_costs_the_higher_ones(most: int, kept: int, wanted: tuple[Any, bool]):
    """The type stays; its bound does not."""
    assert convert(field("RATING", max=9), kept, field("RATING", max=most))[:2] == wanted
