"""What is asked for beside records: once, however many they are, and no more than an answer may hold."""

from dataclasses import replace

import pytest

from holdall.domain.records import Database, Field, FieldType, NodeType
from holdall.errors import Malformed
from holdall.flows import beside
from holdall.ports import Ledger, NewRecord
from tests.contract.test_unit_of_work import count_statements
from tests.support.databases import Work
from tests.support.rows import NOW, TEXT, World, make_world, unique

MEMBERS = Field("fldMembers", "Members", FieldType.MEMBER)
AUTHOR = Field("fldAuthor", "Author", FieldType.CREATED_BY)


@pytest.fixture
def world(work: Work) -> World:
    return work.write(make_world)


def make_linked(ledger: Ledger, world: World, count: int) -> tuple[Database, list[str]]:
    """A database of so many records, each linked to one of its own in another database, which it looks into."""
    node = ledger.spaces.add_node(unique("dat"), world.space, world.root.id, NodeType.DATABASE, "Linking", NOW)
    link = Field("fldLink", "Link", FieldType.LINK, properties={"foreignDatabaseId": world.database.node.id})
    looked_up = [
        Field(f"fld{number}", f"No {number}", FieldType.LOOKUP, properties={"linkFieldId": id, "lookupFieldId": shown})
        for number, (id, shown) in enumerate(
            [(link.id, TEXT.id), (link.id, MEMBERS.id), (link.id, "fldNone"), ("fldNone", TEXT.id), (TEXT.id, TEXT.id)]
        )
    ]
    ledger.spaces.add_field(world.database.node, MEMBERS)
    fields = (TEXT, link, MEMBERS, AUTHOR, *looked_up)
    for field in fields:
        ledger.spaces.add_field(node, field)
    seat = ledger.spaces.find(world.space.id, world.user)
    assert seat is not None
    database = Database(node, fields)
    cells = {TEXT.id: "there", MEMBERS.id: [seat.member_id]}
    foreign = [NewRecord(unique("rec"), cells) for _ in range(count)]
    ledger.records.add_all(world.database, foreign, world.user, NOW)
    new = [NewRecord(unique("rec"), {link.id: [each.id]}) for each in foreign]
    ledger.records.add_all(database, new, world.user, NOW)
    return database, [each.id for each in new]


def test_people_and_linked_records_are_asked_for_once_however_many_records_there_are(work: Work, world: World):
    database, ids = work.write(lambda ledger: make_linked(ledger, world, 20))

    def look(ledger: Ledger, count: int):
        records = [*ledger.records.find_all(database, ids[:count]).values()]
        return beside.beside(ledger, world.space, database, records)

    few, many = (count_statements(work, lambda ledger, n=count: look(ledger, n)) for count in (1, 20))
    assert few == many

    found = work.read(lambda ledger: look(ledger, 20))
    assert set(found.looked_up) == {"fld0", "fld1"}
    assert len(found.looked_up["fld0"].records) == 20
    assert [person.name for person in found.people.members.values()] == ["Ann"]
    assert set(found.people.users) == {world.user.number}


def test_nothing_is_asked_for_where_no_field_shows_it(work: Work, world: World):
    database, ids = work.write(lambda ledger: make_linked(ledger, world, 1))
    plain = replace(database, fields=(TEXT,))
    records = [*work.read(lambda ledger: ledger.records.find_all(database, ids)).values()]

    assert count_statements(work, lambda ledger: beside.beside(ledger, world.space, plain, records)) == 0


def test_no_answer_looks_into_more_records_than_it_may(work: Work, world: World, monkeypatch: pytest.MonkeyPatch):
    database, ids = work.write(lambda ledger: make_linked(ledger, world, 3))
    records = [*work.read(lambda ledger: ledger.records.find_all(database, ids)).values()]
    monkeypatch.setattr(beside, "MAX_LOOKED_UP", 2)

    work.read(lambda ledger: beside.beside(ledger, world.space, database, records[:2]))
    with pytest.raises(Malformed):
        work.read(lambda ledger: beside.beside(ledger, world.space, database, records))


def test_what_is_looked_up_lies_in_the_same_space(work: Work, world: World):
    """A link to a database of another space leads nowhere."""
    database, ids = work.write(lambda ledger: make_linked(ledger, world, 1))
    other = work.write(make_world)
    records = [*work.read(lambda ledger: ledger.records.find_all(database, ids)).values()]

    assert work.read(lambda ledger: beside.beside(ledger, other.space, database, records)).looked_up == {}
