"""Those who change one cell at the same time lose nothing, on every database."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from holdall.domain.access import Actor, Scope
from holdall.domain.files import Upload
from holdall.errors import CellRefused
from holdall.flows.cell_files import CellPlace, Edit, edit_cell, find_cell
from holdall.flows.record_writes import Order
from holdall.flows.records import Place
from holdall.ports import AttachmentChange, Ledger
from tests.support.databases import Work
from tests.support.rows import NOW, PAPERS, PHOTOS, World, make_record, make_upload, make_world

CROWD = 12


@pytest.fixture
def world(work: Work) -> World:
    return work.write(make_world)


class Clients:
    """Those who write to one record, which begins with some papers."""

    def __init__(self, work: Work, world: World, papers: int) -> None:
        self.work, self.world = work, world
        self.services: Any = SimpleNamespace(work=work.database, clock=SimpleNamespace(now=lambda: NOW))
        self.actor = Actor(world.user, "tok", frozenset(Scope))
        self.papers = self.make(papers)
        self.record = work.write(lambda ledger: make_record(ledger, world, self.papers))
        place = Place(world.space.id, world.database.node.id)
        self.order, self.cell = Order(self.actor, place), CellPlace(place, self.record.id, PAPERS.name)

    def make(self, count: int) -> list[Upload]:
        return self.work.write(lambda ledger: [make_upload(ledger, self.world) for _ in range(count)])

    def edit_all(self, edits: Sequence[Edit]) -> list[Any]:
        """What came of each, all at once."""

        async def run() -> list[Any]:
            each = (edit_cell(self.services, self.order, self.cell, edit) for edit in edits)
            return await asyncio.gather(*each, return_exceptions=True)

        return asyncio.run(run())

    def shown(self) -> tuple[list[str], int]:
        """What hangs there, and the revision."""
        cell = asyncio.run(find_cell(self.services, self.actor, self.cell))
        return [tie.upload.id for tie in cell.ties], cell.record.revision


def test_edits_of_one_cell_at_once_lose_nothing(work: Work, world: World):
    """More of it, less of it, and another order, all of which count."""
    clients = Clients(work, world, CROWD)
    new = clients.make(CROWD)
    last = clients.papers[-1].id
    edits = [
        *(Edit(append=[{"id": upload.id}]) for upload in new),
        *(Edit(remove=[upload.id]) for upload in clients.papers[:-1]),
        Edit(order=[last]),
    ]

    done = clients.edit_all(edits)

    assert [each for each in done if isinstance(each, BaseException)] == []
    ids, revision = clients.shown()
    assert (ids[0], sorted(ids[1:])) == (last, sorted(upload.id for upload in new))
    assert revision == len(edits)
    assert sorted(cell.record.revision for cell in done) == list(range(1, len(edits) + 1))
    deeds = work.read(lambda ledger: ledger.history.page(world.database, clients.record.id, limit=99))
    assert sorted(deed.revision for deed in deeds) == list(range(1, len(edits) + 1))


def test_of_those_who_take_off_the_same_file_one_does(work: Work, world: World):
    clients = Clients(work, world, 2)
    done = clients.edit_all([Edit(remove=[clients.papers[0].id])] * 4)

    assert sorted(isinstance(each, CellRefused) for each in done) == [False, True, True, True]
    assert clients.shown() == ([clients.papers[1].id], 1)


def test_a_cell_tells_its_deleted_files_to_those_who_change_it_alone(work: Work, world: World):
    """In order; other cells are not in the way, and what is told after a change is what is read then."""
    clients = Clients(work, world, 3)
    first, second, third = clients.papers

    def delete(ledger: Ledger) -> None:
        ledger.files.delete_upload(second, NOW)
        ledger.records.change(clients.record, {}, [AttachmentChange(PHOTOS.id, [(first, "x")])], world.user, NOW)

    work.write(delete)
    hanging = work.read(lambda ledger: ledger.records.hanging(clients.record, PAPERS.id))
    assert [tie.upload.id for tie in hanging] == [first.id, second.id, third.id]
    [cell] = clients.edit_all([Edit(order=[third.id])])
    assert [tie.upload.id for tie in cell.ties] == [third.id, first.id] == clients.shown()[0]
    work.write(lambda ledger: ledger.files.restore_upload(second))
    assert clients.shown()[0] == [third.id, first.id, second.id]
