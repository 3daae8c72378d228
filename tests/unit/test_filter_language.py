"""The filter language: every row of contract bika's section 6, and where a filter is wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from holdall.dialects.bika.filter_language import MAX_CONDITIONS, MAX_DEPTH, MAX_LENGTH, MAX_VALUES, parse
from holdall.dialects.bika.filter_meaning import Meaning
from holdall.domain.conditions import (
    SHAPES,
    AllOf,
    AnyFileHas,
    AnyFileIs,
    AnyFileSizeIs,
    AnyOf,
    AuthorIs,
    Condition,
    FileCountIs,
    FilePart,
    IsChecked,
    IsEmpty,
    Not,
    NumberIs,
    Relation,
    SetHas,
    SetIs,
    Shape,
    TextHas,
    TextIs,
    TimeIs,
)
from holdall.domain.fieldtypes import KINDS
from holdall.domain.records import Database, Field, FieldType, Node, NodeType
from holdall.errors import Malformed
from tests.support.listing import (
    AMOUNT,
    CHANGED,
    DONE,
    EXTRA,
    FIELDS,
    MADE,
    MAKER,
    NAME,
    OWNERS,
    PICTURES,
    SEEN,
    STAGE,
    TAGS,
)

LINKS = Field("fldLinks", "Links", FieldType.LINK)
DOTTED = Field("fldDotted", "Pictures.count.x", FieldType.NUMBER)
DATABASE = Database(Node(1, "dat1", 1, None, NodeType.DATABASE, "Things"), (*FIELDS, LINKS, DOTTED))
DAY = datetime(2026, 2, 28, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)


def meaning(text: str, zone: Any = None) -> Condition:
    return Meaning(DATABASE, zone).of(parse(text))


A, B = TextIs(NAME, ("a",)), NumberIs(AMOUNT, Relation.EQUAL, 1)
C = IsChecked(DONE)
ROWS: dict[str, Condition] = {
    # text
    "Title==a": A,
    'fldTitle=="a"': A,
    "{Title} == a": A,
    "Title!=a": Not(A),
    "Title=c=a": TextHas(NAME, ("a",)),
    "Title=nc=a": Not(TextHas(NAME, ("a",))),
    'Title=c=(a,"b c")': TextHas(NAME, ("a", "b c")),
    r'Title=="say \"x\" \\ y"': TextIs(NAME, ('say "x" \\ y',)),
    'Title=="null"': TextIs(NAME, ("null",)),
    'Notes=="a;b,c(d)"': TextIs(FIELDS[1], ("a;b,c(d)",)),
    # empty, of every type
    "Title==null": IsEmpty(NAME),
    "Amount!=NULL": Not(IsEmpty(AMOUNT)),
    "Pictures!=null": Not(IsEmpty(PICTURES)),
    "Extra==null": IsEmpty(EXTRA),
    "Span==null": IsEmpty(FIELDS[8]),
    # numbers
    'Amount=="12.5"': NumberIs(AMOUNT, Relation.EQUAL, 12.5),
    "Amount==1": B,
    "Amount!=1": Not(B),
    "Amount>-5": NumberIs(AMOUNT, Relation.MORE, -5),
    "Amount<5": NumberIs(AMOUNT, Relation.LESS, 5),
    'Amount>="12.5"': NumberIs(AMOUNT, Relation.MORE_OR_EQUAL, 12.5),
    "Amount<=12.5": NumberIs(AMOUNT, Relation.LESS_OR_EQUAL, 12.5),
    # checkbox
    "Done==true": C,
    "Done==1": C,
    "Done==false": Not(C),
    "Done==0": Not(C),
    # selects
    "Stage==Open": TextIs(STAGE, ("optB",)),
    "Stage==optB": TextIs(STAGE, ("optB",)),
    'Stage!="Closed"': Not(TextIs(STAGE, ("optA",))),
    "Stage=c=(Open,Closed)": TextIs(STAGE, ("optB", "optA")),
    "Stage=nc=(Open)": Not(TextIs(STAGE, ("optB",))),
    "Stage==Gone": TextIs(STAGE, ("Gone",)),
    # several
    "Tags==(Open,Closed)": SetIs(TAGS, frozenset({"optA", "optB"})),
    "Tags!=(Open)": Not(SetIs(TAGS, frozenset({"optB"}))),
    'Tags=c=("Open","Closed")': SetHas(TAGS, frozenset({"optA", "optB"})),
    "Tags=nc=(Open)": Not(SetHas(TAGS, frozenset({"optB"}))),
    "Links==(rec1)": SetIs(LINKS, frozenset({"rec1"})),
    "Links=nc=(rec1,rec2)": Not(SetHas(LINKS, frozenset({"rec1", "rec2"}))),
    'Owners=="mem1"': SetIs(OWNERS, frozenset({"mem1"})),
    'Maker=="mem1"': AuthorIs(MAKER, ("mem1",)),
    # times, by day
    '{Seen on}=="2026-02-28"': TimeIs(SEEN, DAY, NEXT),
    '{Seen on}!="2026-02-28"': Not(TimeIs(SEEN, DAY, NEXT)),
    '{Seen on}>"2026-02-28"': TimeIs(SEEN, NEXT, None),
    '{Seen on}<"2026-02-28"': TimeIs(SEEN, None, DAY),
    'Made>="2026-02-28"': TimeIs(MADE, DAY, None),
    'Changed<="2026-02-28"': TimeIs(CHANGED, None, NEXT),
    # and, or
    "Title==a;Amount==1": AllOf((A, B)),
    "Title==a and Amount==1": AllOf((A, B)),
    "Title==a,Amount==1": AnyOf((A, B)),
    "Title==a or Amount==1": AnyOf((A, B)),
    'Title=="a"and Amount==1': AllOf((A, B)),
    # extensions
    "Title==a;Amount==1,Done==1": AnyOf((AllOf((A, B)), C)),
    "Title==a or Amount==1 and Done==1": AnyOf((A, AllOf((B, C)))),
    "Title==a;(Amount==1,Done==1)": AllOf((A, AnyOf((B, C)))),
    "(Title==a)and(Amount==1)": AllOf((A, B)),
    '{Seen on}=="2026-02-28T10:00:00+01:00"': TimeIs(
        SEEN, DAY + timedelta(hours=9), DAY + timedelta(hours=9, milliseconds=1)
    ),
    "Pictures.count>=2": FileCountIs(PICTURES, Relation.MORE_OR_EQUAL, 2),
    "{Pictures}.count==0": FileCountIs(PICTURES, Relation.EQUAL, 0),
    'Pictures.type=="image/png"': AnyFileIs(PICTURES, FilePart.TYPE, ("image/png",)),
    'Pictures.type!="image/png"': Not(AnyFileIs(PICTURES, FilePart.TYPE, ("image/png",))),
    'Pictures.type=c="image/"': AnyFileHas(PICTURES, FilePart.TYPE, ("image/",)),
    "Pictures.size>1000": AnyFileSizeIs(PICTURES, Relation.MORE, 1000),
    "Pictures.name=nc=roof": Not(AnyFileHas(PICTURES, FilePart.NAME, ("roof",))),
    "Pictures.count.x==1": NumberIs(DOTTED, Relation.EQUAL, 1),
}


@pytest.mark.parametrize("text", ROWS)
def test_each_row_of_the_language(text: str):
    assert meaning(text) == ROWS[text]


def test_a_day_is_one_of_the_zone_that_is_asked_for():
    """It has 23 hours when clocks go forward."""
    found = meaning('{Seen on}=="2026-03-29"', ZoneInfo("Europe/Berlin"))

    assert found == TimeIs(SEEN, datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC))


WRONG = {
    "": 1,
    " ": 2,
    "Title": 6,
    "Title==": 8,
    "Title==a;": 10,
    "Title==a b": 10,
    "Title='a'": 6,
    "Title=='a'": 8,
    'Title=="a': 8,
    r'Title=="\n"': 8,
    "Title=(a)": 6,
    "(Title==a": 10,
    "Title==a)": 9,
    "Title==(a": 10,
    "Title==()": 9,
    "{}==a": 1,
    "Nothing==a": 1,
    "Title==a;Nothing==a": 10,
    "Title>a": 1,
    "Title>null": 1,
    "Amount==x": 9,
    "Amount==nan": 9,
    "Amount==1e999": 9,
    "Amount=c=1": 1,
    "Amount==(1,2)": 1,
    "Done>1": 1,
    "Done==maybe": 7,
    "Stage>Open": 1,
    "Stage==(Open,Closed)": 1,
    "Tags>(Open)": 1,
    "Tags=c=(Open,null)": 1,
    '{Seen on}=="yesterday"': 12,
    '{Seen on}=="2026-02-30"': 12,
    '{Seen on}=="9999-12-31"': 12,
    "{Seen on}=c=2026-02-28": 1,
    "Extra==1": 1,
    "Pictures==att1": 1,
    "Pictures.colour==1": 1,
    "Title.count==1": 1,
    "Pictures.count==null": 1,
    "Title==a And": 10,
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_filter_is_told_with_the_place_where_it_is_wrong(text: str):
    with pytest.raises(Malformed) as refused:
        meaning(text)

    assert refused.value.part == "filter"
    assert refused.value.reason.endswith(f"(position {WRONG[text]})")


@pytest.mark.parametrize(
    "text",
    [
        "Title==" + "a" * MAX_LENGTH,
        ";".join(["Amount==1"] * (MAX_CONDITIONS + 1)),
        "(" * (MAX_DEPTH + 1) + "Amount==1" + ")" * (MAX_DEPTH + 1),
        f"Title=c=({','.join('a' for _ in range(MAX_VALUES + 1))})",
        "Title==\x00",
        "Title==\ud800",
    ],
    ids=["long", "many conditions", "deep", "many values", "nul", "surrogate"],
)
def test_a_filter_is_bounded(text: str):
    with pytest.raises(Malformed):
        parse(text)


def test_a_filter_at_each_bound_is_read():
    parse(";".join(["Amount==1"] * MAX_CONDITIONS))
    parse("(" * MAX_DEPTH + "Amount==1" + ")" * MAX_DEPTH)
    parse(f"Title=c=({','.join('a' for _ in range(MAX_VALUES))})")


def test_every_type_that_fields_have_is_compared_as_something():
    """What is not in the table of shapes is asked only whether it is empty."""
    opaque = {type for type in KINDS if type not in SHAPES}

    assert opaque == {
        FieldType.LOOKUP,
        FieldType.FORMULA,
        FieldType.CASCADER,
        FieldType.JSON,
        FieldType.WORK_DOC,
        FieldType.BUTTON,
    }
    assert Shape.OPAQUE not in SHAPES.values()
