"""Whatever JSON a client puts into a cell of any type: it is kept and told, or refused; nothing else happens."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.domain.fieldtypes import coerce, kind_of, show, show_text
from holdall.domain.records import Field, FieldType
from holdall.errors import CellRefused

OPTIONS = [{"id": "optA", "name": "Open", "color": ""}, {"id": "optB", "name": "2026-03-02", "color": ""}]
times = st.datetimes().map(str) | st.datetimes().map(lambda time: f"{time.isoformat()}+14:00")
likely = st.sampled_from(["", "Open", "optA", "optB", "recA", "-1", "a/b", "2026-03-02 -> 2026-03-01"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | likely
    | times
    | st.tuples(times, st.sampled_from(["/", " -> "]), times).map("".join)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(likely | st.just("id"), inner, max_size=3),
    max_leaves=8,
)
properties = st.fixed_dictionaries(
    {"options": st.just(OPTIONS)},
    optional={
        "max": values,
        "precision": values,
        "symbol": values,
        "timeZone": values | st.sampled_from(["Europe/Berlin", "Pacific/Kiritimati", "America/New_York"]),
        "includeTime": values,
    },
)


@settings(max_examples=1500)
@given(st.sampled_from(FieldType), properties, values)
def test_any_value_in_any_field_is_kept_and_told_or_refused(type: FieldType, of_it: dict[str, Any], value: Any):
    field = Field("fldX", "Column", type, properties=of_it)
    try:
        kept = coerce(field, value)
    except CellRefused:
        return
    if kept is None or not kind_of(field).is_written:
        return
    assert msgspec.json.decode(msgspec.json.encode(kept)) == kept
    if type is not FieldType.ATTACHMENT:
        json.dumps(show(field, kept), allow_nan=False)
        assert isinstance(show_text(field, kept), str)
        assert coerce(field, kept) == kept


@settings(max_examples=300)
@given(st.sampled_from([FieldType.DATETIME, FieldType.DATERANGE]), st.datetimes(), st.datetimes())
def test_kept_times_sort_as_the_times_do(type: FieldType, one: Any, other: Any):
    """So that a database compares them as text."""
    field = Field("fldX", "Column", type)
    first, second = sorted([one.replace(microsecond=0), other.replace(microsecond=0)])
    written = [(f"{time}/{second}" if type is FieldType.DATERANGE else str(time)) for time in (first, second)]

    kept = [coerce(field, each) for each in written]

    assert (kept[0] < kept[1]) is (first < second)
