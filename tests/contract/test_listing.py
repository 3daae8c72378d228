"""Views, and indexes of single fields, in every kind of database."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from holdall.domain.conditions import Condition, FileCountIs, IsEmpty, Not, NumberIs, Question, Relation, Sort, TextIs
from holdall.domain.records import Field, FieldType
from holdall.domain.views import View, ViewSort, ViewType
from holdall.errors import Conflict, FieldUnknown, Malformed, Missing
from holdall.flows import indexes
from holdall.flows.records import Place
from holdall.ports import Ledger
from tests.support.databases import Work, url, work
from tests.support.listing import AMOUNT, EXTRA, NAME, make_listed
from tests.support.logs import LogServices
from tests.support.postgres import postgres
from tests.support.rows import NOW, PAPERS, World, make_record, make_upload, make_world, unique

__all__ = ["postgres", "url", "work"]


@pytest.fixture
def world(work: Work) -> World:
    return work.write(make_listed)


# ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_view_comes_back_as_it_was_kept_and_in_order(work: Work, world: World):
    order = (ViewSort(NAME.id), ViewSort(AMOUNT.id, is_descending=True))
    views = [
        View(unique("viw"), "Änd", ViewType.KANBAN, "d", 'Title=="x"', order, frozenset({EXTRA.id, NAME.id})),
        View(unique("viw"), "All"),
        View(unique("viw"), "Pictures", ViewType.GALLERY),
    ]

    def keep(ledger: Ledger) -> None:
        for view in views:
            ledger.views.add(world.database.node, view)

    work.write(keep)

    assert work.read(lambda ledger: ledger.views.of(world.database.node)) == views
    assert work.read(lambda ledger: ledger.views.find(world.database.node, views[0].id)) == views[0]


def test_a_view_is_seen_in_its_own_database_alone(work: Work, world: World):
    view, other = View(unique("viw"), "All"), work.write(make_world)
    work.write(lambda ledger: ledger.views.add(world.database.node, view))

    assert work.read(lambda ledger: ledger.views.find(other.database.node, view.id)) is None
    assert work.read(lambda ledger: ledger.views.of(other.database.node)) == []


def test_an_id_of_a_view_is_given_once(work: Work, world: World):
    view = View(unique("viw"), "All")
    work.write(lambda ledger: ledger.views.add(world.database.node, view))

    with pytest.raises(Conflict):
        work.write(lambda ledger: ledger.views.add(world.database.node, replace(view, name="Other")))


def test_views_are_changed_ordered_and_removed_in_their_own_database_alone(work: Work, world: World):
    other, views = work.write(make_world), [View(unique("viw"), name) for name in "abc"]
    changed = replace(views[1], name="B", type=ViewType.KANBAN, filter="x!=null", sorts=(ViewSort(NAME.id),))

    def keep(ledger: Ledger) -> None:
        for view in views:
            ledger.views.add(world.database.node, view)
        ledger.views.change(other.database.node, replace(views[0], name="of another"))
        ledger.views.remove(other.database.node, views[0])
        ledger.views.change(world.database.node, changed)
        ledger.views.order(world.database.node, [views[2].id, views[1].id, views[0].id])

    work.write(keep)

    assert work.read(lambda ledger: ledger.views.of(world.database.node)) == [views[2], changed, views[0]]
    work.write(lambda ledger: ledger.views.remove(world.database.node, views[2]))
    assert work.read(lambda ledger: ledger.views.of(world.database.node)) == [changed, views[0]]


# ── indexes ──────────────────────────────────────────────────────────────────────────────────────────────────────

ROWS: list[dict[str, Any]] = [{NAME.id: "b", AMOUNT.id: 2}, {NAME.id: "a", AMOUNT.id: 10}, {AMOUNT.id: 2}, {}]


def fill(work: Work, world: World) -> None:
    """Keep the rows."""

    def story(ledger: Ledger) -> None:
        for row in ROWS:
            ledger.records.add(world.database, unique("rec"), row, [], world.user, NOW)

    work.write(story)


def found(work: Work, world: World, question: Question) -> list[dict[str, Any]]:
    """The cells of the records that are asked for."""
    listed = work.read(lambda ledger: ledger.records.search(world.database, question, limit=9))
    return [dict(record.cells) for record in listed.records]


def ask(work: Work, world: World) -> list[list[dict[str, Any]]]:
    """What is found in some orders and by some filters."""
    questions = [Question(sorts=[Sort(field, way)]) for field in (NAME, AMOUNT) for way in (False, True)]
    filters: list[Condition] = [
        NumberIs(AMOUNT, Relation.EQUAL, 2),
        Not(NumberIs(AMOUNT, Relation.EQUAL, 2)),
        TextIs(NAME, ("a",)),
        IsEmpty(NAME),
    ]
    return [found(work, world, each) for each in (*questions, *map(Question, filters))]


def index(work: Work, world: World, key: str, turns: "Turns | None" = None, **given: Any) -> Field:
    """Index a field."""
    services: Any = LogServices(turns or work.database)
    return asyncio.run(indexes.add_index(services, Place(world.space.id, world.database.node.id), key, **given))


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "OTHERS_WRITE_SECONDS", 0)


@pytest.mark.usefixtures("no_pause")
def test_an_index_changes_no_answer_whether_made_twice_or_dropped(work: Work, world: World):
    fill(work, world)
    expected = ask(work, world)

    for key in ("Title", AMOUNT.id, "Title"):
        index(work, world, key)
    indexed = ask(work, world)
    services: Any = LogServices(work.database)
    for _ in range(2):
        asyncio.run(indexes.drop_index(services, Place(world.space.id, world.database.node.id), "Title"))

    assert indexed == expected
    assert ask(work, world) == expected


class Turns:
    """A unit of work in which somebody else writes a record after each story."""

    def __init__(self, work: Work, world: World) -> None:
        self._work, self._world = work, world
        self.count = 0

    async def write(self, story: Callable[[Ledger], Any]) -> Any:
        """Run the story, then theirs."""
        result = await self._work.database.write(story)
        self.count += 1
        late = {AMOUNT.id: 98 + self.count}
        await self._work.database.write(
            lambda ledger: ledger.records.add(self._world.database, unique("rec"), late, [], self._world.user, NOW)
        )
        return result


@pytest.mark.usefixtures("no_pause")
def test_who_waits_to_write_gets_through_between_the_two_ways_of_an_index(work: Work, world: World):
    """Each way is a transaction of its own; what is written after the first one is in both."""
    fill(work, world)
    turns, steps = Turns(work, world), list[str]()

    index(work, world, "Amount", turns, on_step=steps.append)

    assert (turns.count, steps) == (2, ["upwards", "downwards"])
    downwards = found(work, world, Question(sorts=[Sort(AMOUNT, is_descending=True)]))
    assert [cells.get(AMOUNT.id) for cells in downwards] == [100, 99, 10, 2, 2, None]


@pytest.mark.usefixtures("no_pause")
def test_an_index_is_on_record_and_only_of_what_has_an_order(work: Work, world: World):
    index(work, world, "Amount")

    with pytest.raises(Malformed):
        index(work, world, EXTRA.id)
    with pytest.raises(FieldUnknown):
        index(work, world, "Nothing")
    other = work.write(make_world)
    with pytest.raises(Missing):
        index(work, World(world.user, other.space, world.root, world.database), "Amount")
    last = work.read(lambda ledger: ledger.audit.entries(after=0, limit=1000))[-1]
    assert (last.act, last.subject) == ("index.add", world.database.node.id)


# ── what is out of sight ─────────────────────────────────────────────────────────────────────────────────────────


def test_deleted_files_are_not_asked_about(work: Work):
    world = work.write(make_world)
    upload = work.write(lambda ledger: make_upload(ledger, world))
    work.write(lambda ledger: make_record(ledger, world, [upload]))
    papers = Field(PAPERS.id, PAPERS.name, FieldType.ATTACHMENT)
    filled, counted = Question(Not(IsEmpty(papers))), Question(FileCountIs(papers, Relation.EQUAL, 1))

    def counts(ledger: Ledger) -> list[int]:
        return [ledger.records.count_found(world.database, each) for each in (filled, counted)]

    assert work.read(counts) == [1, 1]
    work.write(lambda ledger: ledger.files.delete_upload(upload, NOW))
    assert work.read(counts) == [0, 0]
