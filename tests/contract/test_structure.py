"""What a ledger promises of nodes and fields that are changed after they were made, on every database."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from holdall.domain.records import Field, FieldType, NodeType
from holdall.domain.structure import Removal
from holdall.domain.views import View
from holdall.ports import AttachmentChange, Cell, DroppedField, Ledger
from tests.support.databases import Work
from tests.support.rows import LATER, NOW, PAPERS, TEXT, World, make_record, make_upload, make_world, unique

ODD = {"text": 'a"b\\ \u2028é', "true": True, "one": 1, "float": 1.5, "list": ["a", {"b": None}], "big": 2**53}


@pytest.fixture
def world(work: Work) -> World:
    return work.write(make_world)


def node_under(ledger: Ledger, world: World, parent: str, type: NodeType = NodeType.FOLDER) -> Any:
    return ledger.spaces.add_node(unique("nod"), world.space, parent, type, "Node", NOW)


def find(world: World) -> Callable[[Ledger], Any]:
    return lambda ledger: ledger.spaces.find_database(world.database.node.id, world.space)


def test_a_deleted_node_is_out_of_sight_until_it_is_restored(work: Work, world: World):
    """With what is below it: no tree, no database, no parent, no linked record has it."""

    def delete(ledger: Ledger) -> tuple[Any, Any, str]:
        folder = node_under(ledger, world, world.root.id)
        inner = node_under(ledger, world, folder.id, NodeType.DATABASE)
        record = make_record(ledger, replace(world, database=replace(world.database, node=inner)))
        assert ledger.structure.weigh([folder, inner]) == Removal(2, 1, 1)
        ledger.structure.delete_nodes(folder, [folder, inner], NOW)
        return folder, inner, record.id

    folder, inner, record_id = work.write(delete)

    def look(ledger: Ledger) -> tuple[bool, ...]:
        ids = {node.id for node in ledger.spaces.nodes(world.space)}
        databases = {database.node.id for database in ledger.structure.databases(world.space)}
        found = ledger.spaces.find_database(inner.id, world.space) is not None
        present = bool(ledger.records.present(world.space.number, inner.id, [record_id]))
        return folder.id in ids, inner.id in ids, inner.id in databases, found, present

    assert work.read(look) == (False,) * 5
    told = work.read(lambda ledger: ledger.structure.find_deleted(world.space, inner.id))
    assert (told.node.id, told.deleted_at, told.with_number) == (inner.id, NOW, folder.number)
    assert work.read(lambda ledger: ledger.structure.find_deleted(world.space, world.root.id)) is None
    assert work.write(lambda ledger: ledger.structure.restore_nodes(folder)) == 2
    assert work.read(look) == (True,) * 5


def test_a_deleted_database_is_forgotten_in_portions(work: Work, world: World):
    """Records with their ties and history first, then the fields and the node; one that was restored stays."""
    node = world.database.node

    def delete(ledger: Ledger) -> None:
        for _ in range(3):
            make_record(ledger, world, [make_upload(ledger, world)])
        ledger.structure.drop_field(world.database, TEXT, NOW)
        ledger.views.add(node, View(unique("viw"), "All"))
        ledger.structure.delete_nodes(node, [node], NOW)

    work.write(delete)
    assert node.id not in [each.id for each in work.read(lambda ledger: ledger.structure.deleted(NOW, 1000))]
    assert node.id in [each.id for each in work.read(lambda ledger: ledger.structure.deleted(LATER, 1000))]
    assert [work.write(lambda ledger: ledger.structure.forget_records(node, 2)) for _ in range(3)] == [2, 1, 0]
    work.write(lambda ledger: ledger.structure.forget_node(node))
    assert work.read(lambda ledger: ledger.structure.find_deleted(world.space, node.id)) is None
    dropped = work.read(lambda ledger: ledger.structure.dropped(1000))
    assert DroppedField(node.number, TEXT.id) not in dropped


def test_what_was_restored_is_not_forgotten(work: Work, world: World):
    """A sweep that found it before comes too late."""
    node = world.database.node

    def story(ledger: Ledger) -> None:
        make_record(ledger, world)
        assert ledger.structure.forget_records(node, 10) == 0
        ledger.structure.forget_node(node)

    work.write(story)
    assert work.read(find(world)) is not None
    assert work.read(lambda ledger: ledger.records.count(world.database)) == 1


def test_nodes_are_placed_and_described(work: Work, world: World):
    """In the order given, below the parent given."""

    def story(ledger: Ledger) -> tuple[Any, ...]:
        a, b, c = (node_under(ledger, world, world.root.id) for _ in range(3))
        ledger.structure.place_nodes(a, [c, b])
        ledger.structure.describe_node(c, "See", "of all")
        return a, b, c

    a, b, c = work.write(story)
    below = [node for node in work.read(lambda ledger: ledger.spaces.nodes(world.space)) if node.parent_id == a.id]
    assert [(node.id, node.name, node.description) for node in below] == [(c.id, "See", "of all"), (b.id, "Node", "")]


def test_fields_are_changed_and_ordered(work: Work, world: World):
    """All but the id can change."""
    other = replace(PAPERS, name="Due", type=FieldType.DATETIME, description="d", properties={"timeZone": "UTC"})

    def story(ledger: Ledger) -> None:
        ledger.structure.change_field(world.database, other)
        ledger.structure.order_fields(world.database, [other.id, *(f.id for f in world.database.fields if f != PAPERS)])

    work.write(story)
    assert work.read(find(world)).fields[0] == other
    assert (
        work.write(lambda ledger: ledger.structure.hold_database(world.space, world.database.node.id)).fields[0]
        == other
    )
    assert work.write(lambda ledger: ledger.structure.hold_database(world.space, "datNone")) is None


def odd_records(ledger: Ledger, world: World) -> dict[str, Any]:
    """Records with a value each; their ids by it."""
    made = {}
    for name, value in ODD.items():
        cells = {TEXT.id: value, "fldOther": name}
        made[name] = ledger.records.add(world.database, unique("rec"), cells, [], world.user, NOW)
    ledger.records.add(world.database, unique("rec"), {}, [], world.user, NOW)
    return made


def test_cells_of_one_field_are_read_in_portions(work: Work, world: World):
    """In order, as they were kept, of those that have any."""
    made = work.write(lambda ledger: odd_records(ledger, world))
    node = world.database.node.number

    def read(ledger: Ledger) -> list[Cell]:
        first = ledger.structure.cells(node, TEXT, limit=2)
        return [*first, *ledger.structure.cells(node, TEXT, after=first[-1].number, limit=100)]

    cells = work.read(read)
    assert [(cell.record_id, repr(cell.kept)) for cell in cells] == [
        (made[name].id, repr(value)) for name, value in ODD.items()
    ]
    assert {cell.revision for cell in cells} == {0}


def test_cells_of_an_attachment_field_are_those_with_ties(work: Work, world: World):
    """Each record once, however much hangs on it."""

    def story(ledger: Ledger) -> Any:
        uploads = [make_upload(ledger, world) for _ in range(2)]
        make_record(ledger, world)
        ties = [AttachmentChange(PAPERS.id, [(upload, "x") for upload in uploads])]
        return ledger.records.add(world.database, unique("rec"), {}, ties, world.user, NOW)

    record = work.write(story)
    node = world.database.node.number
    told = work.read(lambda ledger: ledger.structure.cells(node, PAPERS, limit=10))
    assert told == [Cell(record.number, record.id, 0, None)]
    work.write(lambda ledger: ledger.structure.drop_field(world.database, PAPERS, NOW))
    assert work.read(lambda ledger: ledger.structure.cells(node, PAPERS, limit=10)) == []
    assert PAPERS.id not in {field.id for field in work.read(find(world)).fields}


def test_cells_are_rewritten_beside_others(work: Work, world: World):
    """Any value, or none; revisions grow, times and authors change, other cells stay."""
    made = work.write(lambda ledger: odd_records(ledger, world))
    node, values = world.database.node.number, [*reversed(ODD.values())]
    values[0] = None

    def story(ledger: Ledger) -> None:
        cells = ledger.structure.cells(node, TEXT, limit=100)
        ledger.structure.rewrite(TEXT, [*zip(cells, values, strict=True)], world.user, LATER)

    work.write(story)
    found = work.read(lambda ledger: ledger.records.find_all(world.database, [each.id for each in made.values()]))
    for (name, record), value in zip(made.items(), values, strict=True):
        after = found[record.id]
        assert repr(after.cells.get(TEXT.id)) == repr(value)
        assert after.cells["fldOther"] == name
        assert (after.revision, after.updated_at, after.created_at) == (1, LATER, NOW)


def test_values_of_a_dropped_field_are_stripped_in_portions(work: Work, world: World):
    """Unseen by clients: no revision grows. In the end nothing remembers the field."""
    made = work.write(lambda ledger: odd_records(ledger, world))
    dropped = DroppedField(world.database.node.number, TEXT.id)
    work.write(lambda ledger: ledger.structure.drop_field(world.database, TEXT, NOW))
    assert dropped in work.read(lambda ledger: ledger.structure.dropped(1000))

    turns = [work.write(lambda ledger: ledger.structure.strip(dropped, 4)) for _ in range(4)]

    assert turns == [True, True, False, False]
    assert dropped not in work.read(lambda ledger: ledger.structure.dropped(1000))
    found = work.read(lambda ledger: ledger.records.find_all(world.database, [each.id for each in made.values()]))
    assert [dict(record.cells) for record in found.values()] == [{"fldOther": name} for name in ODD]
    assert {record.revision for record in found.values()} == {0}


def test_whoever_writes_records_waits_for_a_change_of_their_fields(work: Work, world: World):
    """And then sees the fields as they are after it: no value comes in that fits them as they were before."""
    other = Field(TEXT.id, TEXT.name, FieldType.LONG_TEXT, is_primary=True)
    order: list[str] = []
    overtaken = threading.Event()

    async def story() -> FieldType:
        held = asyncio.Event()
        loop = asyncio.get_running_loop()

        def change(ledger: Ledger) -> None:
            ledger.structure.hold_database(world.space, world.database.node.id)
            loop.call_soon_threadsafe(held.set)
            overtaken.wait(0.5 if work.url.startswith("postgresql") else 0)  # the others have one writer anyway
            ledger.structure.change_field(world.database, other)
            order.append("changed")

        def write(ledger: Ledger) -> FieldType:
            found = ledger.spaces.find_database(world.database.node.id, world.space, for_writing=True)
            assert found is not None
            order.append("wrote")
            overtaken.set()
            type: FieldType = found.fields[0].type
            return type

        changing = asyncio.create_task(work.database.write(change))
        await held.wait()
        writing = asyncio.create_task(work.database.write(write))
        await changing
        return await writing

    assert asyncio.run(story()) is FieldType.LONG_TEXT
    assert order == ["changed", "wrote"]
