"""What a dry run tells is what then happens: for any values, and any pair of types that there is a rule for."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.adapters.db.engine import Database, open_database
from holdall.domain.conversions import Conversion, conversion
from holdall.domain.fieldtypes import kind_of, show
from holdall.domain.records import Field, FieldType, Record
from holdall.domain.structure import MAX_SAMPLES, Report
from holdall.flows.rewriting import Rewriting, Writer
from holdall.ports import Ledger, NewRecord
from tests.support.rows import LATER, NOW, make_world, unique

OPTIONS = {"options": [{"id": f"opt{name}", "name": name, "color": ""} for name in ("a", "b", "c")]}
FEWER = {"options": OPTIONS["options"][:2]}
TEXT = st.one_of(
    st.sampled_from(["12", "007", " 1.5", "yes", "a", "a, b,new", "2026-03-02", '{"a": [1]}', "", "x\ny", "x" * 600]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
)
NUMBER = st.one_of(st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9), st.integers(0, 9))
VALUES: dict[FieldType, tuple[dict[str, Any], st.SearchStrategy[Any]]] = {
    FieldType.SINGLE_TEXT: ({}, TEXT),
    FieldType.LONG_TEXT: ({}, TEXT),
    FieldType.NUMBER: ({}, NUMBER),
    FieldType.RATING: ({"max": 9}, st.integers(0, 9)),
    FieldType.CHECKBOX: ({}, st.booleans()),
    FieldType.SINGLE_SELECT: (OPTIONS, st.sampled_from(["opta", "optc", "optGone"])),
    FieldType.MULTI_SELECT: (OPTIONS, st.lists(st.sampled_from(["opta", "optb", "optc", "optGone"]), min_size=1)),
    FieldType.JSON: ({}, st.recursive(TEXT | NUMBER | st.booleans(), lambda inner: st.lists(inner, max_size=3))),
}
PROPERTIES = {FieldType.SINGLE_SELECT: FEWER, FieldType.MULTI_SELECT: FEWER, FieldType.RATING: {"max": 5}}
PAIRS = [
    (before, after)
    for before in VALUES
    for after in FieldType
    if conversion(Field("fld", "F", before), Field("fld", "F", after)) is not None
]


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database = open_database("sqlite://")
    yield database
    asyncio.run(database.close())


@settings(deadline=None)
@given(st.data())
def test_a_dry_run_tells_what_then_happens(database: Database, data: st.DataObject):
    """The same report; as many values missing as it said, each sample as it said, and nothing else changed."""
    type, target = data.draw(st.sampled_from(PAIRS))
    properties, values = VALUES[type]
    drawn = data.draw(st.lists(st.none() | values, max_size=2 * MAX_SAMPLES))
    before = Field(unique("fld"), "F", type, properties=properties)
    after = replace(before, type=target, properties=PROPERTIES.get(target, {}))
    rule = conversion(before, after)
    numbers = count()

    def story(ledger: Ledger) -> tuple[Report, Report, list[Record], list[Record], Field]:
        world = make_world(ledger)
        new = [
            NewRecord(unique("rec"), {"fldOther": "x"} | ({} if value is None else {before.id: value}))
            for value in drawn
        ]
        made = ledger.records.add_all(world.database, new, world.user, NOW) if new else []
        job = Conversion(before, after, lambda prefix: f"{prefix}{next(numbers)}")
        work = Rewriting(ledger, world.space, world.database, job, rule)
        dry = work.weigh()
        assert [*ledger.records.find_all(world.database, [each.id for each in made]).values()] == made
        done = work.carry_out(Writer(world.user, LATER))
        return dry, done, made, [*ledger.records.find_all(world.database, [r.id for r in made]).values()], job.result

    dry, done, were, are, result = asyncio.run(database.write(story))
    shown = {was.id: (_shown(before, was), _shown(result, record)) for was, record in zip(were, are, strict=True)}

    assert dry == done
    assert done.records == sum(was is not None for was, _ in shown.values())
    assert done.converted + done.lost == done.records
    assert sum(is_now is not None for _, is_now in shown.values()) <= done.records
    assert len(done.samples) == min(done.lost, MAX_SAMPLES)
    for sample in done.samples:
        assert sample.after is None or isinstance(sample.after, str) or sample.after == shown[sample.record_id][1]
        assert (sample.after is None) == (shown[sample.record_id][1] is None)
    for was, record in zip(were, are, strict=True):
        is_same = repr(was.cells.get(before.id)) == repr(record.cells.get(before.id))
        assert record.revision == (0 if is_same else 1)
        assert record.cells["fldOther"] == "x"


def _shown(field: Field, record: Record) -> Any:
    kept = kind_of(field).kept(field, record)
    return None if kept is None else show(field, kept)
