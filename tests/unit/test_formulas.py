"""The language of formulas: what each function and sign is worth, what cannot be, and what is refused."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from holdall.domain.formulas import values
from holdall.domain.formulas.definition import define, fields_in, with_names
from holdall.domain.formulas.functions import FUNCTIONS
from holdall.domain.formulas.syntax import MAX_DEPTH, MAX_LENGTH, MAX_NODES, BadFormula, parse
from holdall.domain.formulas.tree import Scope
from holdall.domain.formulas.values import Fault, Told, Value
from holdall.domain.records import Field, FieldType

NOW = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
CELLS: Mapping[str, Value] = {
    "Name": "Roof, north side",
    "Price": Decimal("12.5"),
    "Count": Decimal(3),
    "Done": True,
    "Tags": ("hail", "storm", "hail"),
    "Seen": datetime(2026, 1, 31, 10, 15, 30, 250_000, tzinfo=UTC),
    "Empty": None,
}


def look(field: str) -> Value:
    if field not in CELLS:
        raise Fault(values.REFERENCE)
    return CELLS[field]


def worth(formula: str, zone: tzinfo = UTC) -> Told:
    scope = Scope(look, NOW, zone, "recA", NOW, NOW)
    try:
        return values.told(parse(formula).evaluate(scope))
    except Fault as fault:
        return fault.name
    except ArithmeticError:
        return values.NUMBER


WORTH: dict[str, Told] = {
    # signs
    "1 + 2 * 3": 7,
    "(1 + 2) * 3": 9,
    "10 - 4 - 3": 3,
    "2 / 4 / 2": 0.25,
    "0.1 + 0.2": 0.3,
    "1 / 3 * 3": 1.0,
    "--3": 3,
    "-+-+3": 3,
    "- Price": -12.5,
    "Price * Count": 37.5,
    "{Price} * {Count}": 37.5,
    "Empty + 1": 1,
    "Done + 1": 2,
    "'4' * '2.5'": 10,
    "Name * 2": "#VALUE!",
    "1 / 0": "#DIV/0!",
    "1 / Empty": "#DIV/0!",
    "1e300 * 1e300": "#NUM!",
    "9007199254740992 + 1": 9007199254740992.0,
    "1e350": "#NUM!",
    "'a' & 1 & TRUE & Empty & 2.50": "a1true2.5",
    "1 + 1 & 'x'": "2x",
    "1 & 2 + 1": 13,
    "'a' = 'a'": True,
    "'a' = 'A'": False,
    "'a' == 'a'": True,
    "1 = '1.0'": True,
    "1 <> 2": True,
    "1 != 1": False,
    "'b' > 'a'": True,
    "2 >= 2": True,
    "2 < 10": True,
    "'2' < '10'": False,
    "1 < 'x'": "#VALUE!",
    "1 = 'x'": False,
    "Empty = ''": True,
    "Empty = 0": True,
    "Empty = FALSE": True,
    "Seen > '2026-01-31'": True,
    "Seen < '2026-02-01'": True,
    "Seen = Empty": False,
    "Empty < Seen": False,
    "Tags = 'hail, storm, hail'": True,
    '"say \\"hi\\"\\n"': 'say "hi"\n',
    "Gone": "#REF!",
    "Tags": ["hail", "storm", "hail"],
    "''": None,
    "Seen": "2026-01-31T10:15:30.250Z",
    # logic
    "IF(Count > 2, 'many', 'few')": "many",
    "IF(Empty, 1)": None,
    "IF(Empty, 1, 2)": 2,
    "IF(TRUE, 1, 1 / 0)": 1,
    "IF(Name, Tags, 0)": ["hail", "storm", "hail"],
    "SWITCH(Count, 1, 'one', 3, 'three', 'other')": "three",
    "SWITCH(Count, 1, 'one', 'other')": "other",
    "SWITCH(Count, 1, 'one', 2, 'two')": None,
    "AND(1, 'a', Done)": True,
    "AND(1, 0, 1 / 0)": False,
    "OR(0, Empty)": False,
    "OR(0, Tags, 1 / 0)": True,
    "XOR(1, 1, 1)": True,
    "XOR(1, 1)": False,
    "NOT(Done)": False,
    "TRUE()": True,
    "FALSE()": False,
    "false": False,
    "BLANK()": None,
    "ISBLANK(Empty)": True,
    "ISBLANK('')": True,
    "ISBLANK(0)": False,
    "ERROR()": "#ERROR!",
    "ISERROR(1 / 0)": True,
    "ISERROR(1)": False,
    "IFERROR(Name * 2, 'no')": "no",
    "IFERROR(1e300 * 1e300, 'big')": "big",
    "IFERROR(5, 1 / 0)": 5,
    # numbers
    "SUM(1, '2', Empty, 'x', TRUE)": 4,
    "AVERAGE(1, 2, 6)": 3,
    "AVERAGE(Empty)": "#DIV/0!",
    "MIN(3, 1, Empty)": 1,
    "MAX(-3, -1)": -1,
    "MIN('x')": 0,
    "COUNT(1, 'a', Price)": 2,
    "COUNTA(Tags, Empty, '')": 3,
    "COUNTALL(Tags, Empty)": 4,
    "ABS(-2.5)": 2.5,
    "ROUND(2.5)": 3,
    "ROUND(-2.5)": -3,
    "ROUND(2.345, 2)": 2.35,
    "ROUND(1234567890.126, 2)": 1234567890.13,
    "ROUND(1234, -2)": 1200,
    "ROUNDUP(2.01, 1)": 2.1,
    "ROUNDDOWN(-2.09, 1)": -2,
    "ROUND(1, 99)": "#NUM!",
    "INT(-2.5)": -3,
    "CEILING(7, 5)": 10,
    "CEILING(7.1)": 8,
    "FLOOR(7, 5)": 5,
    "FLOOR(7, 0)": "#DIV/0!",
    "MOD(7, 3)": 1,
    "MOD(-7, 3)": 2,
    "MOD(7, 0)": "#DIV/0!",
    "POWER(2, 10)": 1024,
    "POWER(4, 0.5)": 2,
    "POWER(0, 0)": 1,
    "POWER(0, -1)": "#DIV/0!",
    "POWER(-8, 0.5)": "#NUM!",
    "POWER(10, 1000)": "#NUM!",
    "SQRT(9)": 3,
    "SQRT(-1)": "#NUM!",
    "LOG(1000)": 3,
    "LOG(8, 2)": 3,
    "LOG(0)": "#NUM!",
    "VALUE(' 12.5 ')": 12.5,
    "VALUE('1_000')": "#VALUE!",
    "VALUE('nan')": "#VALUE!",
    # text
    "CONCATENATE('a', 1, Empty)": "a1",
    "CONCAT('a', 'b')": "ab",
    "LEN(Name)": 16,
    "LEN('🙂')": 1,
    "LOWER('ÄB')": "äb",
    "UPPER('äb')": "ÄB",
    "PROPER('a bc')": "A Bc",
    "TRIM('  a \t b ')": "a b",
    "LEFT(Name, 4)": "Roof",
    "LEFT(Name)": "R",
    "LEFT(Name, -1)": "#VALUE!",
    "RIGHT(Name, 4)": "side",
    "RIGHT('ab', 9)": "ab",
    "RIGHT('ab', 0)": None,
    "MID(Name, 7, 5)": "north",
    "MID(Name, 0, 5)": "#VALUE!",
    "FIND('o', Name)": 2,
    "FIND('o', Name, 4)": 8,
    "FIND('x', Name)": 0,
    "SEARCH('ROOF', Name)": 1,
    "SEARCH('x', Name)": None,
    "REPLACE('abcdef', 2, 3, 'X')": "aXef",
    "SUBSTITUTE('a-b-c', '-', '+')": "a+b+c",
    "SUBSTITUTE('a-b-c', '-', '+', 2)": "a-b+c",
    "SUBSTITUTE('a-b-c', '-', '+', 3)": "a-b-c",
    "SUBSTITUTE('aa', '', 'b')": "aa",
    "REPT('ab', 3)": "ababab",
    "REPT('ab', 100000)": "#LIMIT!",
    "EXACT('a', 'A')": False,
    "TEXT(2.50)": "2.5",
    "TEXT(1e20)": "100000000000000000000",
    "ENCODE_URL_COMPONENT('a b/ä')": "a%20b%2F%C3%A4",
    # dates and times
    "NOW()": "2026-03-02T23:30:00.000Z",
    "TODAY()": "2026-03-02T00:00:00.000Z",
    "DATE(2026, 2, 28)": "2026-02-28T00:00:00.000Z",
    "DATE(2026, 2, 30)": "#NUM!",
    "DATETIME_PARSE('2026-03-02T10:00:00+02:00')": "2026-03-02T08:00:00.000Z",
    "DATETIME_PARSE('soon')": "#VALUE!",
    "DATEADD(Seen, 1, 'month')": "2026-02-28T10:15:30.250Z",
    "DATEADD(Seen, -1, 'years')": "2025-01-31T10:15:30.250Z",
    "DATEADD(Seen, 2, 'days')": "2026-02-02T10:15:30.250Z",
    "DATEADD(Empty, 1, 'day')": None,
    "DATETIME_DIFF(Empty, Seen)": None,
    "DATETIME_PARSE('')": None,
    "IS_BEFORE(Empty, Seen)": False,
    "IS_SAME(Empty, Empty)": False,
    "DATEADD(Seen, 1.5, 'h')": "2026-01-31T11:45:30.250Z",
    "DATEADD(Seen, 1, 'moons')": "#VALUE!",
    "DATEADD(Seen, 1e15, 'days')": "#NUM!",
    "DATEADD(Seen, 99999, 'years')": "#NUM!",
    "DATETIME_DIFF('2026-03-02', '2026-03-01')": 86400,
    "DATETIME_DIFF('2026-03-02', '2026-01-31', 'months')": 1,
    "DATETIME_DIFF('2026-01-31', '2026-03-02', 'months')": -1,
    "DATETIME_DIFF('2026-03-02', '2026-02-28', 'd')": 2,
    "DATETIME_DIFF('2026-02-28T12:00', '2026-03-02', 'd')": -1,
    "DATETIME_FORMAT(Seen, 'DD.MM.YY H:mm:ss.SSS A')": "31.01.26 10:15:30.250 AM",
    "DATETIME_FORMAT(Seen, '[Day] dddd, MMMM D')": "Day Saturday, January 31",
    "DATETIME_FORMAT(Seen)": "2026-01-31 10:15",
    "DATETIME_FORMAT(Empty)": None,
    "DATESTR(Seen)": "2026-01-31",
    "TIMESTR(Seen)": "10:15:30",
    "YEAR(Seen)": 2026,
    "MONTH(Seen)": 1,
    "DAY(Seen)": 31,
    "HOUR(Seen)": 10,
    "MINUTE(Seen)": 15,
    "SECOND(Seen)": 30,
    "WEEKDAY('2026-03-01')": 0,
    "WEEKNUM('2026-01-01')": 1,
    "YEAR(Empty)": None,
    "YEAR('x')": "#VALUE!",
    "IS_BEFORE(Seen, NOW())": True,
    "IS_AFTER(Seen, NOW())": False,
    "IS_SAME(Seen, '2026-01-31', 'day')": True,
    "IS_SAME(Seen, '2026-01-31')": False,
    "IS_SAME(Seen, '2026-03-31', 'quarter')": True,
    "IS_SAME(Seen, '2026-01-26', 'weeks')": True,
    # lists, and the record
    "ARRAYJOIN(Tags, '; ')": "hail; storm; hail",
    "ARRAYJOIN(Empty)": None,
    "ARRAYUNIQUE(Tags)": ["hail", "storm"],
    "ARRAYCOMPACT(Tags, Empty, '', 1)": ["hail", "storm", "hail", 1],
    "ARRAYFLATTEN(Tags, 1)": ["hail", "storm", "hail", 1],
    "RECORD_ID()": "recA",
    "CREATED_TIME()": "2026-03-02T23:30:00.000Z",
    "LAST_MODIFIED_TIME() = NOW()": True,
}


@pytest.mark.parametrize("formula", WORTH)
def test_what_a_formula_is_worth(formula: str):
    shown = worth(formula)
    assert (type(shown), shown) == (type(WORTH[formula]), WORTH[formula])


def test_every_function_is_tried():
    tried = " ".join(WORTH)
    assert [name for name in FUNCTIONS if f"{name}(" not in tried] == []


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("TODAY()", "2026-03-02T23:00:00.000Z"),
        ("DAY(NOW())", 3),
        ("DATE(2026, 7, 1)", "2026-06-30T22:00:00.000Z"),
        ("HOUR(DATEADD('2026-03-28T12:00:00+01:00', 1, 'day'))", 12),
        ("HOUR(DATEADD('2026-03-28T12:00:00+01:00', 24, 'hours'))", 13),
        ("DATETIME_FORMAT(NOW(), 'HH:mm Z')", "00:30 +01:00"),
    ],
)
def test_days_begin_where_the_formula_is(formula: str, shown: Told):
    assert worth(formula, BERLIN) == shown


@pytest.mark.parametrize(
    ("formula", "position", "reason"),
    [
        ("", 1, "a value is missing"),
        ("1 +", 4, "a value is missing"),
        ("1 2", 3, "'2' is not expected here"),
        ("(1", 3, "')' is missing"),
        ("1)", 2, "')' is not expected here"),
        ("* 2", 1, "'*' is no value"),
        ("'abc", 1, "a quote that does not end"),
        ("1 + {abc", 5, "a brace that does not end"),
        ("1 ; 2", 3, "';' is not of this language"),
        ("NOPE(1)", 1, "there is no function NOPE"),
        ("IF(1)", 1, "IF is written IF(condition, then, [else])"),
        ("1 + NOW(2)", 5, "NOW is written NOW()"),
        ("SUM(1, )", 8, "')' is no value"),
        ("1e999", 1, "the number is out of bounds"),
        ("1" * 101, 1, "a number has at most 100 digits"),
        ("1" + " " * MAX_LENGTH, MAX_LENGTH + 1, f"a formula has at most {MAX_LENGTH} characters"),
        ("+".join(["1"] * (MAX_NODES + 1)), 2 * MAX_NODES + 2, f"a formula has at most {MAX_NODES} parts"),
        ("(" * (MAX_DEPTH + 1), MAX_DEPTH + 1, f"a formula is at most {MAX_DEPTH} parentheses deep"),
    ],
)
def test_what_is_no_formula_is_refused_with_the_place(formula: str, position: int, reason: str):
    with pytest.raises(BadFormula) as refusal:
        parse(formula)
    assert (refusal.value.position, refusal.value.reason) == (position, reason)


def test_a_formula_at_each_bound_is_worked_out():
    assert worth("+".join(["1"] * (MAX_NODES - 1))) == MAX_NODES - 1
    assert worth("(" * (MAX_DEPTH - 1) + "1" + ")" * (MAX_DEPTH - 1)) == 1
    assert worth("ABS(" * (MAX_DEPTH - 1) + "1" + ")" * (MAX_DEPTH - 1)) == 1
    assert worth("-" * (MAX_LENGTH - 1) + "1") == -1


PRICE, COUNT = Field("fldPrice", "Price", FieldType.NUMBER), Field("fldCount", "How many {pieces}", FieldType.NUMBER)
TOTAL = Field("fldTotal", "Total", FieldType.FORMULA, properties={"expression": "{fldPrice} * {fldCount}"})
FIELDS = (PRICE, COUNT, TOTAL)


def test_a_formula_names_fields_by_id_and_shows_their_names():
    kept = define("IF(Price>1,{How many \\{pieces\\}} , 'Price') & {fldTotal}", FIELDS)
    assert kept.expression == "IF({fldPrice}>1,{fldCount} , 'Price') & {fldTotal}"
    assert kept.fields == ("fldPrice", "fldCount", "fldTotal")
    renamed = (Field("fldPrice", "Cost", FieldType.NUMBER), COUNT, TOTAL)
    assert with_names(kept.expression, renamed) == "IF({Cost}>1,{How many \\{pieces\\}} , 'Price') & {Total}"
    assert with_names(kept.expression, ()) == kept.expression
    assert fields_in(TOTAL) == ("fldPrice", "fldCount")


def test_a_field_that_is_not_there_is_named_with_its_place():
    with pytest.raises(BadFormula, match=r"there is no field Weight \(position 9\)"):
        define("Price * Weight", FIELDS)


def test_a_formula_does_not_lead_back_to_itself():
    twice = Field("fldTwice", "Twice", FieldType.FORMULA, properties={"expression": "{fldTotal} * 2"})
    with pytest.raises(BadFormula, match="Twice leads back to this formula"):
        define("Price + Twice", (*FIELDS, twice), "fldTotal")
    with pytest.raises(BadFormula, match="Total leads back to this formula"):
        define("Total", FIELDS, "fldTotal")
    assert define("Total + Twice", (*FIELDS, twice), "fldOther").fields == ("fldTotal", "fldTwice")
