"""The contract's table of field types, row by row: what is written, what is kept, what is read as JSON and as text."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from holdall.domain.fieldtypes import KINDS, coerce, kind_of, show, show_text
from holdall.domain.fieldtypes.kind import MAX_ITEMS, Beside, LookedUp, Reader
from holdall.domain.files import Attachment, Blob, BlobState, Purpose, Upload
from holdall.domain.people import People, Person
from holdall.domain.records import Field, FieldType, Record
from holdall.domain.zones import zone_called
from holdall.errors import CellRefused

OPEN, DONE = "optAAAAAAAAAAAAAAAAAAAAA", "optBBBBBBBBBBBBBBBBBBBBB"
OPTIONS = {"options": [{"id": OPEN, "name": "Open", "color": ""}, {"id": DONE, "name": "Done", "color": ""}]}
ANN, BOB = "memAAAAAAAAAAAAAAAAAAAAA", "memBBBBBBBBBBBBBBBBBBBBB"
MADE, CHANGED = datetime(2026, 3, 2, 23, 30, tzinfo=UTC), datetime(2026, 3, 3, 8, 0, 5, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = People({ANN: Person(ANN, "Ann"), BOB: Person(BOB, "Bob")}, {1: Person(ANN, "Ann"), 2: Person(BOB, "Bob")})
READER = Reader(None, Beside(PEOPLE), tell_file_text=lambda tie: f"{tie.name}(https://x.test/{tie.upload.id})")
BLOB = Blob(1, 1, "", "", 7, "image/png", BlobState.READY)
TIE = Attachment(Upload(1, "attA", 1, 1, BLOB, "a.png", "openapi/x.png", Purpose(), MADE), 1, "fldX", "roof.png", 0)


def record(**cells: Any) -> Record:
    return Record(1, "recA", "datA", 3, cells, MADE, CHANGED, created_by=1, updated_by=2, attachments=(TIE,))


@dataclass(frozen=True)
class Row:
    """One row of the table; ``kept`` and what is read follow from ``written``, or from the record."""

    written: Any
    kept: Any
    json: Any
    text: str
    properties: dict[str, Any] = field(default_factory=dict)


UNWRITTEN = object()
ROWS = {
    FieldType.SINGLE_TEXT: Row("Roof", "Roof", "Roof", "Roof"),
    FieldType.LONG_TEXT: Row("a\nb\r\nc", "a\nb\r\nc", "a\nb\r\nc", "a<br>b<br>c"),
    FieldType.URL: Row("https://x.test/?a=1", "https://x.test/?a=1", "https://x.test/?a=1", "https://x.test/?a=1"),
    FieldType.EMAIL: Row("a@x.test", "a@x.test", "a@x.test", "a@x.test"),
    FieldType.PHONE: Row("+49301234567", "+49301234567", "+49301234567", "+49301234567"),
    FieldType.NUMBER: Row(2.5, 2.5, 2.5, "2.500", {"precision": 3}),
    FieldType.CURRENCY: Row(12.5, 12.5, 12.5, "€12.50", {"symbol": "€"}),
    FieldType.PERCENT: Row(12.5, 12.5, 12.5, "12.50%"),
    FieldType.RATING: Row(4, 4, 4, "4", {"max": 5}),
    FieldType.CHECKBOX: Row(True, True, True, "true"),
    FieldType.SINGLE_SELECT: Row("Done", DONE, "Done", "Done", OPTIONS),
    FieldType.MULTI_SELECT: Row(["Done", OPEN], [DONE, OPEN], ["Done", "Open"], "Done, Open", OPTIONS),
    FieldType.MEMBER: Row(
        [BOB, ANN],
        [BOB, ANN],
        [{"id": BOB, "type": "Member", "name": "Bob"}, {"id": ANN, "type": "Member", "name": "Ann"}],
        "Bob, Ann",
    ),
    FieldType.DATETIME: Row(
        "2026-03-02T10:00:00+01:00", "2026-03-02T09:00:00.000Z", "2026-03-02T09:00:00.000Z", "2026-03-02 09:00:00"
    ),
    FieldType.DATERANGE: Row(
        "2026-03-02T00:00:00Z/2026-03-05T00:00:00Z",
        "2026-03-02T00:00:00.000Z/2026-03-05T00:00:00.000Z",
        "2026-03-02 -> 2026-03-05",
        "2026-03-02 -> 2026-03-05",
    ),
    FieldType.ATTACHMENT: Row(
        [{"id": "attA", "name": "roof.png", "size": 1}],
        (TIE,),
        [{"id": "attA", "name": "roof.png"}],
        "roof.png(https://x.test/attA)",
    ),
    FieldType.LINK: Row(["recA", "recB"], ["recA", "recB"], ["recA", "recB"], "recA, recB"),
    FieldType.ONE_WAY_LINK: Row(["recA", "recB"], ["recA", "recB"], ["recA", "recB"], "recA, recB"),
    FieldType.LOOKUP: Row(UNWRITTEN, None, None, ""),
    FieldType.FORMULA: Row(UNWRITTEN, None, None, ""),
    FieldType.AUTO_NUMBER: Row(UNWRITTEN, 7, 7, "7"),
    FieldType.CREATED_TIME: Row(
        UNWRITTEN, "2026-03-02T23:30:00.000Z", "2026-03-02T23:30:00.000Z", "2026-03-02 23:30:00"
    ),
    FieldType.MODIFIED_TIME: Row(
        UNWRITTEN, "2026-03-03T08:00:05.000Z", "2026-03-03T08:00:05.000Z", "2026-03-03 08:00:05"
    ),
    FieldType.CREATED_BY: Row(UNWRITTEN, 1, {"id": ANN, "name": "Ann"}, "Ann"),
    FieldType.MODIFIED_BY: Row(UNWRITTEN, 2, {"id": BOB, "name": "Bob"}, "Bob"),
    FieldType.CASCADER: Row(["EU", "DE"], ["EU", "DE"], ["EU", "DE"], "EU / DE"),
    FieldType.JSON: Row({"a": [1, None]}, {"a": [1, None]}, {"a": [1, None]}, '{"a":[1,null]}'),
    FieldType.AI_TEXT: Row("a\nb", "a\nb", "a\nb", "a<br>b"),
    FieldType.WORK_DOC: Row({"id": "docA"}, {"id": "docA"}, {"id": "docA"}, '{"id":"docA"}'),
    FieldType.BUTTON: Row(UNWRITTEN, None, None, ""),
}


def of_type(type: FieldType, **properties: Any) -> Field:
    return Field("fldX", "Column", type, properties=properties)


def test_the_table_has_every_type():
    assert set(ROWS) == set(FieldType) == set(KINDS)


@pytest.mark.parametrize("type", ROWS)
def test_row_of_the_contracts_table(type: FieldType):
    """Section 5."""
    row = ROWS[type]
    column = of_type(type, **row.properties)
    if row.written is UNWRITTEN:
        with pytest.raises(CellRefused):
            coerce(column, 7)
        written: Any = row.kept if type is FieldType.AUTO_NUMBER else None
    else:
        written = coerce(column, row.written)

    kept = kind_of(column).kept(column, record(**({} if written is None else {"fldX": written})))

    assert kept == row.kept
    if kept is not None:
        assert show(column, kept, READER) == row.json
        assert show_text(column, kept, READER) == row.text


@pytest.mark.parametrize("type", ROWS)
def test_what_is_read_can_be_written_back(type: FieldType):
    """Of every type that is written at all; an attachment's links go by the board."""
    row = ROWS[type]
    column = of_type(type, **row.properties)
    if row.written is not UNWRITTEN and type is not FieldType.ATTACHMENT:
        assert coerce(column, show(column, row.kept, READER)) == row.kept


@pytest.mark.parametrize("type", ROWS)
def test_null_empties_what_is_written_and_is_refused_for_what_is_not(type: FieldType):
    column = of_type(type)
    if KINDS[type].is_written:
        assert coerce(column, None) is None
    else:
        with pytest.raises(CellRefused, match="read-only"):
            coerce(column, None)


@pytest.mark.parametrize(
    ("type", "properties", "value", "text"),
    [
        (FieldType.NUMBER, {}, 5.0, "5"),
        (FieldType.NUMBER, {}, 1e-7, "0.0000001"),
        (FieldType.NUMBER, {}, 9007199254740992, "9007199254740992"),
        (FieldType.NUMBER, {}, 1200.0, "1200"),
        (FieldType.NUMBER, {"precision": 2}, 2.675, "2.68"),
        (FieldType.NUMBER, {"precision": 0}, 2.5, "3"),
        (FieldType.NUMBER, {"precision": 1}, -2.25, "-2.3"),
        (FieldType.NUMBER, {"precision": "2"}, 2.5, "2.5"),
        (FieldType.NUMBER, {"precision": True}, 2.5, "2.5"),
        (FieldType.NUMBER, {"precision": 10**9}, 2.5, "2.5"),
        (FieldType.CURRENCY, {"symbol": "$", "precision": 0}, -12.5, "-$13"),
        (FieldType.CURRENCY, {}, 3, "3.00"),
        (FieldType.PERCENT, {"precision": 0}, 12.5, "13%"),
    ],
)
def test_numbers_are_told_in_digits_rounded_half_up(type: FieldType, properties: Any, value: Any, text: str):
    """As people round, and never in powers of ten."""
    assert show_text(of_type(type, **properties), value) == text


def test_a_name_or_an_id_names_an_option_and_an_id_goes_first():
    """Also where one option is called as the other is identified."""
    options = [{"id": "optA", "name": "optB", "color": ""}, {"id": "optB", "name": "Twin", "color": ""}]
    column = of_type(FieldType.SINGLE_SELECT, options=[*options, {"id": "optC", "name": "Twin", "color": ""}])

    assert [coerce(column, key) for key in ("optA", "optB", "Twin")] == ["optA", "optB", "optB"]


@pytest.mark.parametrize(
    ("type", "cell"), [(FieldType.SINGLE_SELECT, "optGone"), (FieldType.MULTI_SELECT, ["optGone"])]
)
def test_an_option_that_is_gone_leaves_an_empty_cell(type: FieldType, cell: Any):
    column = of_type(type, **OPTIONS)

    assert kind_of(column).kept(column, record(fldX=cell)) is None


def test_a_lookup_shows_what_the_linked_records_show_in_one_list():
    """Of those that are there and show anything; where texts are asked for, a list of texts."""
    tags, plain = of_type(FieldType.MULTI_SELECT, **OPTIONS), of_type(FieldType.NUMBER, precision=1)
    column = Field("fldLookup", "Looked up", FieldType.LOOKUP, properties={"linkFieldId": "fldLink"})
    linking = record(fldLink=["recB", "recGone", "recC", "recA"])
    ids = kind_of(column).kept(column, linking)

    def reader(found: Field, **cells: Any) -> Reader:
        records = {id: record(**({} if cell is None else {"fldX": cell})) for id, cell in cells.items()}
        return Reader(None, Beside(PEOPLE, {"fldLookup": LookedUp(found, kind_of(found), records)}))

    chosen = reader(tags, recA=[OPEN], recB=[DONE, OPEN], recC=None)
    assert kind_of(column).show(column, ids, chosen) == ["Done", "Open", "Open"]
    assert kind_of(column).show_told(column, ids, chosen) == ["Done, Open", "Open"]
    assert kind_of(column).show(column, ids, reader(plain, recA=0, recB=2.5)) == [2.5, 0]
    assert kind_of(column).show_told(column, ids, reader(plain, recA=0, recB=2.5)) == ["2.5", "0.0"]
    for nothing in (reader(plain, recC=None), READER):
        assert kind_of(column).show(column, ids, nothing) is None
        assert kind_of(column).show_told(column, ids, nothing) is None
    assert kind_of(column).kept(column, record()) is None


def test_a_member_who_was_let_go_is_told_by_id():
    column = of_type(FieldType.MEMBER)

    assert show(column, ["memGone", ANN], READER)[0] == {"id": "memGone", "type": "Member", "name": ""}
    assert show_text(column, ["memGone", ANN], READER) == "memGone, Ann"


@pytest.mark.parametrize(
    ("given", "zone", "kept"),
    [
        ("2026-03-02", None, "2026-03-02T00:00:00.000Z"),
        ("2026-03-02", "Europe/Berlin", "2026-03-01T23:00:00.000Z"),
        ("2026-07-02T10:00", "Europe/Berlin", "2026-07-02T08:00:00.000Z"),
        ("2026-03-02T10:00:00Z", "Europe/Berlin", "2026-03-02T10:00:00.000Z"),
        ("2026-03-02 10:00:00", "No/Where", "2026-03-02T10:00:00.000Z"),
        ("2026-03-02t10:00:00.123456z", None, "2026-03-02T10:00:00.123Z"),
        ("2026-03-02T10:00:00-0330", None, "2026-03-02T13:30:00.000Z"),
        ("0001-01-02", None, "0001-01-02T00:00:00.000Z"),
    ],
)
def test_a_time_is_kept_in_utc(given: str, zone: str | None, kept: str):
    """One without a zone is of the field's."""
    assert coerce(of_type(FieldType.DATETIME, timeZone=zone), given) == kept


@pytest.mark.parametrize(
    "given",
    [
        *("", "today", "20260302", "2026-W10", "2026-02-30", "2026-13-01", "2026-03-02T25:00", "2026-03-02T10:00:60"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "02.03.2026", 1772445600000, ["2026-03-02"]),
        *("２０２６-03-02", "2026-03-02T10:00:00+99:99", "2026-03-02x10:00"),
    ],
)
def test_what_is_no_time_is_refused(given: Any):
    with pytest.raises(CellRefused):
        coerce(of_type(FieldType.DATETIME), given)


def test_times_are_told_in_the_readers_zone_else_in_the_fields_else_in_utc():
    column, plain = of_type(FieldType.DATETIME, timeZone="Asia/Tokyo"), of_type(FieldType.DATETIME)
    kept = "2026-07-01T22:30:00.000Z"

    assert show_text(plain, kept) == "2026-07-01 22:30:00"
    assert show_text(column, kept) == "2026-07-02 07:30:00"
    assert show_text(column, kept, Reader(BERLIN)) == "2026-07-02 00:30:00"
    assert show(column, kept, Reader(BERLIN)) == kept
    assert show_text(of_type(FieldType.CREATED_TIME), "2026-07-01T22:30:00.000Z", Reader(BERLIN))[:10] == "2026-07-02"
    assert show_text(plain, "0001-01-01T00:00:00.000Z", Reader(ZoneInfo("America/New_York")))[:4] == "0001"


def test_a_range_is_told_by_day_or_to_the_second():
    kept = "2026-03-02T23:30:00.000Z/2026-03-05T10:00:00.000Z"

    assert show(of_type(FieldType.DATERANGE), kept, Reader(BERLIN)) == "2026-03-03 -> 2026-03-05"
    timed = of_type(FieldType.DATERANGE, includeTime=True)
    assert show(timed, kept) == "2026-03-02 23:30:00 -> 2026-03-05 10:00:00"
    assert coerce(timed, show(timed, kept)) == kept


@pytest.mark.parametrize("given", ["2026-03-02", "2026-03-05/2026-03-02", "a/b", "2026-03-02/2026-03-03/2026-03-04", 5])
def test_what_is_no_range_is_refused(given: Any):
    with pytest.raises(CellRefused):
        coerce(of_type(FieldType.DATERANGE), given)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


REFUSED = [
    (FieldType.URL, "https://x\ny"),
    (FieldType.CURRENCY, "12.50"),
    (FieldType.PERCENT, "12%"),
    (FieldType.PERCENT, True),
    (FieldType.AI_TEXT, {"text": "x"}),
    (FieldType.MEMBER, ANN),
    (FieldType.MEMBER, [5]),
    (FieldType.MEMBER, [{"name": "Ann"}]),
    (FieldType.MEMBER, [ANN] * (MAX_ITEMS + 1)),
    (FieldType.LINK, "recA"),
    (FieldType.LINK, [{"id": "recA"}]),
    (FieldType.MULTI_SELECT, ["Open"] * (MAX_ITEMS + 1)),
    (FieldType.CASCADER, {"a": 1}),
    (FieldType.CASCADER, ["a", 1]),
    (FieldType.JSON, nested(33)),
    (FieldType.JSON, {"a": "nul\x00"}),
    (FieldType.JSON, {"nul\x00": 1}),
    (FieldType.JSON, [1e300]),
    (FieldType.JSON, "x" * 100_001),
    (FieldType.JSON, float("nan")),
    (FieldType.ATTACHMENT, {"id": "attA"}),
    (FieldType.ATTACHMENT, ["attA"]),
    (FieldType.ATTACHMENT, [{"id": "attA"}] * (MAX_ITEMS + 1)),
]


@pytest.mark.parametrize(("type", "value"), REFUSED)
def test_a_value_that_does_not_fit_is_refused_by_name(type: FieldType, value: Any):
    with pytest.raises(CellRefused) as refusal:
        coerce(of_type(type, **OPTIONS), value)

    assert refusal.value.field == "Column"


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "Europe", "x" * 5000, "a\x00b", "é"]
)
def test_a_zone_that_is_none_is_no_zone(name: str):
    """And no file is opened that is not one."""
    assert zone_called(name) is None
