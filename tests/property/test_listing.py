"""What the database finds, and in which order, is what Python works out, cell by cell: on every engine, at any page."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdall.domain.conditions import (
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
    Question,
    Relation,
    SetHas,
    SetIs,
    Sort,
    TextHas,
    TextIs,
    TimeIs,
)
from holdall.domain.fieldtypes.times import utc_text
from holdall.domain.records import Record
from holdall.ports import AttachmentChange, Ledger
from tests.support import listing
from tests.support.databases import Work, url, work
from tests.support.listing import BEGINNING, FIELDS, SORTABLE, holds, in_order, make_listed
from tests.support.postgres import postgres
from tests.support.rows import World, add_blob, new_blob, new_upload, unique

__all__ = ["postgres", "url", "work"]

texts = st.one_of(
    st.sampled_from(
        [
            "",
            "a",
            "A",
            "ab",
            "b",
            "ä",
            "Z",
            "z" * 120,
            "z" * 121,
            "%",
            "_",
            "\\",
            "'",
            '"',
            "🚪",
            "ﬀ",
            "roof",
            'a\\"roof/x',
        ]
    ),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=5),
)
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([0.1, 2.5, -2.5, 1e10, 2**53, -(2**53), 1e-7]))
options = st.sampled_from(["optA", "optB"])
people = st.sampled_from(["memA", "memB", "memC"])
times = st.integers(-3, 3).map(lambda days: BEGINNING + timedelta(days=days, milliseconds=days))
relations = st.sampled_from(Relation)


def lists(items: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(items, min_size=1, max_size=3, unique=True)


CELLS: dict[str, st.SearchStrategy[Any]] = {
    listing.NAME.id: texts,
    listing.NOTES.id: texts,
    listing.AMOUNT.id: numbers,
    listing.DONE.id: st.booleans(),
    listing.STAGE.id: options,
    listing.TAGS.id: lists(options),
    listing.OWNERS.id: lists(people),
    listing.SEEN.id: times.map(utc_text),
    listing.SPAN.id: times.map(lambda time: f"{utc_text(time)}/{utc_text(time)}"),
    listing.EXTRA.id: st.sampled_from([{"a": 1}, [1], "x", 0, False]),
}
TEXTS = [listing.NAME, listing.NOTES]
files = st.lists(st.sampled_from(["a.png", "b.pdf"]), max_size=2)
rows = st.lists(
    st.tuples(
        st.fixed_dictionaries({}, optional=CELLS),
        files,
        st.integers(0, 3),
    ),
    max_size=12,
)
several_texts = lists(texts).map(tuple)
conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(
        st.builds(IsEmpty, st.sampled_from(FIELDS)),
        st.builds(TextIs, st.sampled_from(TEXTS), several_texts),
        st.builds(TextIs, st.just(listing.STAGE), lists(options).map(tuple)),
        st.builds(TextHas, st.sampled_from(TEXTS), several_texts),
        st.builds(NumberIs, st.just(listing.AMOUNT), relations, numbers),
        st.builds(IsChecked, st.just(listing.DONE)),
        st.builds(SetIs, st.just(listing.TAGS), lists(options).map(frozenset)),
        st.builds(SetHas, st.just(listing.TAGS), lists(options).map(frozenset)),
        st.builds(SetIs, st.just(listing.OWNERS), lists(people).map(frozenset)),
        st.builds(SetHas, st.just(listing.OWNERS), lists(people).map(frozenset)),
        st.builds(
            TimeIs,
            st.sampled_from([listing.SEEN, listing.MADE, listing.CHANGED]),
            st.none() | times,
            st.none() | times,
        ),
        st.builds(AuthorIs, st.just(listing.MAKER), st.sampled_from([("maker",), ("seat",), ("nobody",)])),
        st.builds(FileCountIs, st.just(listing.PICTURES), relations, st.integers(0, 2)),
        st.builds(AnyFileIs, st.just(listing.PICTURES), st.just(FilePart.NAME), st.just(("a.png",))),
        st.builds(AnyFileHas, st.just(listing.PICTURES), st.just(FilePart.TYPE), st.just(("pdf",))),
        st.builds(AnyFileSizeIs, st.just(listing.PICTURES), relations, st.just(5_000_000_000)),
    ),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
orders = st.lists(st.builds(Sort, st.sampled_from(SORTABLE), st.booleans()), max_size=3)
no_deadline = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def keep(ledger: Ledger, world: World, given: list[Any]) -> list[Record]:
    """Keep the records, with files and times."""
    return [add_record(ledger, world, cells, names, BEGINNING + timedelta(days=day)) for cells, names, day in given]


def add_record(ledger: Ledger, world: World, cells: dict[str, Any], names: list[str], now: datetime) -> Record:
    mimes = {"a.png": "image/png", "b.pdf": "application/pdf"}
    hanging = [
        (
            ledger.files.add_upload(new_upload(world), add_blob(ledger, new_blob(world.space, mime=mimes[name])), now),
            name,
        )
        for name in names
    ]
    change = AttachmentChange(listing.PICTURES.id, hanging)
    return ledger.records.add(world.database, unique("rec"), cells, [change], world.user, now)


class Undo(Exception):  # noqa: N818  carries what was found out of a transaction that is not to be kept
    """Everything is undone."""


def tried(work: Work, story: Callable[[Ledger], None]) -> None:
    """Run the story and keep nothing of it."""

    def run(ledger: Ledger) -> None:
        story(ledger)
        raise Undo

    with pytest.raises(Undo):
        work.write(run)


@no_deadline
@example(given_rows=[({}, [], 0)], condition=IsEmpty(listing.TAGS))
@given(given_rows=rows, condition=conditions)
def test_a_filter_in_sql_is_the_filter_in_python(work: Work, given_rows: list[Any], condition: Condition):
    def story(ledger: Ledger) -> None:
        world = make_listed(ledger)
        records = keep(ledger, world, given_rows)
        ids = {"maker": world.user.id, "seat": ledger.spaces.find(world.space.id, world.user).member_id, "nobody": "x"}
        asked = named(condition, ids)
        question = Question(asked)
        expected = [record.id for record in records if holds(asked, record, [ids["maker"], ids["seat"]])]
        found = ledger.records.search(world.database, question, limit=100)
        assert [record.id for record in found.records] == expected
        assert ledger.records.count_found(world.database, question) == len(expected)

    tried(work, story)


def named(condition: Condition, ids: dict[str, str]) -> Condition:
    """The condition with the ids of people who are only made when it is tried."""
    match condition:
        case AuthorIs(field, (name,)):
            return AuthorIs(field, (ids[name],))
        case Not(inner):
            return Not(named(inner, ids))
        case AllOf(inner) | AnyOf(inner):
            return type(condition)(tuple(named(each, ids) for each in inner))
    return condition


@no_deadline
@given(given_rows=rows, sorts=orders, size=st.integers(1, 4), is_indexed=st.booleans())
def test_pages_in_sql_are_the_order_in_python(
    work: Work, given_rows: list[Any], sorts: list[Sort], size: int, is_indexed: bool
):
    def story(ledger: Ledger) -> None:
        world = make_listed(ledger)
        records = keep(ledger, world, given_rows)
        if is_indexed:
            for is_descending in (False, True):
                ledger.records.add_index(world.database, listing.NAME, is_descending=is_descending)
        question = Question(sorts=sorts)
        expected = [record.id for record in in_order(question, records)]
        ids: list[str] = []
        after = None
        while True:
            found = ledger.records.search(world.database, question, after=after, limit=size)
            assert len(found.records) <= size
            ids += [record.id for record in found.records]
            if len(found.records) < size:
                break
            after = found.positions[-1]
        assert ids == expected
        for skip in range(len(expected) + 1):
            numbered = ledger.records.search(world.database, question, skip=skip, limit=size)
            assert [record.id for record in numbered.records] == expected[skip : skip + size]

    tried(work, story)
