"""What is asked all the time is found by an index, never by walking through a table."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from holdall.adapters.db import schema
from holdall.adapters.db.engine import Database, open_database
from holdall.domain.access import TokenKind
from holdall.domain.access_log import Search
from holdall.domain.bookkeeping.entries import Account, Booking, Category, Direction, Look, Person, Tag
from holdall.domain.conditions import (
    AllOf,
    Condition,
    IsEmpty,
    Not,
    NumberIs,
    Position,
    Question,
    Relation,
    SetHas,
    Sort,
    TextHas,
    TextIs,
)
from holdall.domain.files import Upload
from holdall.domain.records import Field
from holdall.domain.views import View
from holdall.ports import AttachmentChange, BookingSearch, DroppedField, Due, Ledger, UploadSearch
from tests.support.books import Row, put_account, put_person, put_transactions
from tests.support.databases import sqlite_url
from tests.support.hooks import make_webhook, publish
from tests.support.listing import AMOUNT, DONE, MADE, NAME, SEEN, STAGE, TAGS, make_listed
from tests.support.logs import make_event
from tests.support.rows import LATER, NOW, PAPERS, TEXT, World, make_ready, make_record, make_upload, make_world

EMPTIED = [AttachmentChange(PAPERS.id, [])]


def keep_books(ledger: Ledger, world: World) -> None:
    """Everything that is asked of books, once."""
    user = world.user.number
    ledger.books.hold(user)
    ledger.books.turn_over(user, 1)
    look = Look("wallet", "#ffffff", "#000000")
    person = ledger.parties.add_person(user, Person(0, "Noor", "", "", "", None, 0, 0, 0, None, NOW, NOW))
    account = ledger.parties.add_account(user, Account(0, "Cash", "", look, None, 0, 0, None, NOW, NOW))
    ledger.parties.has_person(user, "Noor", "", besides=0)
    ledger.parties.has_account(user, "Cash", besides=0)
    ledger.parties.add_to_person(person.number, 0, 1, 1)
    ledger.parties.add_to_account(account.number, -1, 1)
    upload = make_upload(ledger, world).number
    spent = Booking(0, "Food", 1, NOW, Direction.EXPENSE, 4, account.number, None, None, "", (5,), (upload,))
    spent = replace(spent, number=ledger.transactions.add(user, spent, NOW))
    for search in (
        BookingSearch(),
        BookingSearch(person=person.number),
        BookingSearch(account=account.number, since=NOW, until=LATER),
        BookingSearch(category=4),
    ):
        ledger.transactions.page(user, search, limit=10, offset=10)
    ledger.transactions.find(user, spent.number)
    ledger.transactions.change(user, spent, NOW)
    ledger.files.there([upload])
    ledger.files.hold_uploads([upload])
    ledger.files.is_used(upload)
    ledger.transactions.remove(user, spent)
    for number in (person.number, account.number):
        ledger.parties.find_person(user, number)
        ledger.parties.find_account(user, number)
    ledger.parties.people(user)
    ledger.parties.people(user, [person.number])
    ledger.parties.accounts(user)
    ledger.parties.accounts(user, [account.number])
    ledger.parties.change_person(user, person)
    ledger.parties.change_account(user, account)
    ledger.parties.remove_person(user, person)
    ledger.parties.remove_account(user, account)


def keep_labels(ledger: Ledger, world: World) -> None:
    """Everything that is asked of categories and tags, once."""
    user, look = world.user.number, Look("apple", "#ffffff", "#000000")
    fruit = ledger.labels.add_category(user, Category(0, "Fruit", "", look, Direction.EXPENSE, 1, is_system=False), NOW)
    garden = ledger.labels.add_tag(user, Tag(0, "Garden", "", look, is_system=False), NOW)
    ledger.labels.categories(user)
    ledger.labels.tags(user)
    ledger.labels.change_category(user, fruit)
    ledger.labels.change_tag(user, garden)
    ledger.labels.is_filed_under(user, fruit.number)
    ledger.labels.remove_category(user, fruit.number)
    ledger.labels.remove_tag(user, garden.number)


def add_up(ledger: Ledger, world: World) -> None:
    """Every figure, once."""
    user, edges = world.user.number, [NOW + timedelta(days=days) for days in range(32)]
    person = put_person(ledger, user)
    row = Row(NOW, Direction.EXPENSE, 1, person=person, tags=(5,))
    put_transactions(ledger, user, put_account(ledger, user), [row])
    ledger.figures.by_span(user, edges)
    ledger.figures.by_span_of_person(person, edges)
    ledger.figures.next_of_person(person, NOW)
    for ask in (ledger.figures.by_category, ledger.figures.by_tag, ledger.figures.by_person):
        ask(user, edges[0], edges[-1])


def list_all(ledger: Ledger, world: World, search: UploadSearch) -> list[Upload]:
    return ledger.files.list_uploads(world.space.number, search, before=99, limit=10)


def delete(ledger: Ledger, upload: Upload) -> None:
    ledger.files.delete_upload(upload, NOW)
    ledger.files.forget_upload(upload)


def change_view(ledger: Ledger, world: World) -> None:
    view = View("x", "x")
    ledger.views.change(world.database.node, view)
    ledger.views.order(world.database.node, [view.id])
    ledger.views.remove(world.database.node, view)


def shape(ledger: Ledger, world: World) -> None:
    ledger.structure.hold_space(world.space)
    ledger.structure.hold_database(world.space, world.database.node.id)
    ledger.structure.describe_node(world.database.node, "x", "y")
    ledger.structure.place_nodes(world.root, [world.database.node])
    ledger.structure.change_field(world.database, PAPERS)
    ledger.structure.order_fields(world.database, [PAPERS.id])


def delete_node(ledger: Ledger, world: World) -> None:
    ledger.structure.weigh([world.database.node])
    ledger.structure.delete_nodes(world.database.node, [world.database.node], NOW)
    ledger.structure.find_deleted(world.space, world.database.node.id)
    ledger.structure.restore_nodes(world.database.node)
    ledger.structure.delete_nodes(world.database.node, [world.database.node], NOW)
    ledger.structure.deleted(LATER, 10)
    ledger.structure.forget_records(world.database.node, 10)
    ledger.structure.forget_node(world.database.node)


def drop(ledger: Ledger, world: World) -> None:
    for field in (TEXT, PAPERS):
        ledger.structure.cells(world.database.node.number, field, after=0, limit=10)
        ledger.structure.drop_field(world.database, field, NOW)
    ledger.structure.strip(DroppedField(world.database.node.number, TEXT.id), 10)


def walk_over(ledger: Ledger, world: World) -> None:
    """Everything that a scrub asks, save for what counts all that is lost."""
    scrub = ledger.scrubs.begin(NOW)
    ledger.scrubs.last()
    ledger.scrubs.last_finished()
    ledger.scrubs.left(after=0)
    ledger.files.ready(after=0, limit=10)
    ledger.scrubs.advance(replace(scrub, after=9), after=0)
    blob = make_upload(ledger, world).blob
    ledger.scrubs.drop_variant(blob, blob.variants[0], NOW)
    ledger.scrubs.lose(blob, NOW)
    ledger.scrubs.regain(blob)


def remove_told(ledger: Ledger, world: World) -> None:
    webhook = make_webhook(ledger, world)
    publish(ledger, world, webhook)
    ledger.webhooks.remove(webhook)


QUESTIONS: dict[str, Callable[[Ledger, World], object]] = {
    "a token": lambda ledger, _: ledger.accounts.find_token(TokenKind.BEARER, "x"),
    "a user": lambda ledger, _: ledger.accounts.find_user("x"),
    "a space": lambda ledger, world: ledger.spaces.find(world.space.id, world.user),
    "spaces": lambda ledger, world: ledger.spaces.of(world.user),
    "a personal space": lambda ledger, world: ledger.spaces.personal(world.user),
    "preferences": lambda ledger, world: ledger.preferences.hold(world.user),
    "a node": lambda ledger, world: ledger.spaces.find_node("x", world.user),
    "members": lambda ledger, world: ledger.spaces.members(world.space),
    "a database": lambda ledger, world: ledger.spaces.find_database(world.database.node.id, world.space),
    "a record": lambda ledger, world: ledger.records.find(world.database, "x"),
    "several records": lambda ledger, world: ledger.records.find_all(world.database, ["x", "y"], for_update=True),
    "new records": lambda ledger, world: make_record(ledger, world, [make_upload(ledger, world)]),
    "a change": lambda ledger, world: ledger.records.change(make_record(ledger, world), {}, EMPTIED, world.user, NOW),
    "deleted records": lambda ledger, world: ledger.records.remove_all([make_record(ledger, world)]),
    "linked records": lambda ledger, world: ledger.records.present(world.space.number, "x", ["y", "z"]),
    "numbers": lambda ledger, world: ledger.records.take_numbers(world.database, 3),
    "people": lambda ledger, world: ledger.spaces.people(world.space.number, ["x", "y"], [1, 2]),
    "a record's history": lambda ledger, world: ledger.history.page(world.database, "x", before=9, limit=10),
    "a held database": shape,
    "a tree": lambda ledger, world: [ledger.spaces.nodes(world.space), ledger.structure.databases(world.space)],
    "a deleted node": delete_node,
    "a deleted field": drop,
    "a page": lambda ledger, world: ledger.records.page(world.database, after=0, skip=0, limit=10),
    "views": lambda ledger, world: ledger.views.of(world.database.node),
    "a view": lambda ledger, world: ledger.views.find(world.database.node, "x"),
    "a view's change": change_view,
    "a filter": lambda ledger, world: ledger.records.search(world.database, Question(TextIs(TEXT, ("x",))), limit=10),
    "a count": lambda ledger, world: ledger.records.count(world.database),
    "a blob by content": lambda ledger, world: ledger.files.find_ready(world.space.number, "x", "image/png"),
    "condemned blobs": lambda ledger, _: ledger.files.condemned(LATER, 10),
    "old reservations": lambda ledger, _: ledger.files.condemn_reserved(LATER, 10),
    "a new blob": lambda ledger, world: make_ready(ledger, world.space),
    "ready blobs": lambda ledger, _: ledger.files.ready(after=0, limit=10),
    "named keys": lambda ledger, _: ledger.files.named(["x", "y"]),
    "uploads": lambda ledger, world: ledger.files.find_uploads(world.space.number, ["x", "y"]),
    "deleted uploads too": lambda ledger, world: ledger.files.find_uploads(
        world.space.number, ["x"], with_deleted=True
    ),
    "a space's files": lambda ledger, world: list_all(ledger, world, UploadSearch()),
    "its loose pictures": lambda ledger, world: list_all(
        ledger, world, UploadSearch(mime="image/", name="x", kind="image", entity="person", is_attached=False)
    ),
    "its deleted files": lambda ledger, world: list_all(ledger, world, UploadSearch(is_deleted=True)),
    "its files of a size and time": lambda ledger, world: list_all(
        ledger, world, UploadSearch(min_size=1, max_size=9, created_from=NOW, created_before=LATER, is_flagged=True)
    ),
    "its infected files": lambda ledger, world: list_all(ledger, world, UploadSearch(is_infected=True)),
    "its lost files": lambda ledger, world: list_all(ledger, world, UploadSearch(is_lost=True)),
    "the files of a database": lambda ledger, world: list_all(ledger, world, UploadSearch(used_in="x")),
    "what hangs in a cell": lambda ledger, world: ledger.records.hanging(make_record(ledger, world), PAPERS.id),
    "old deleted files": lambda ledger, _: ledger.files.deleted(LATER, 10),
    "a deletion": lambda ledger, world: delete(ledger, make_upload(ledger, world)),
    "a restoration": lambda ledger, world: ledger.files.restore_upload(make_upload(ledger, world)),
    "a new name": lambda ledger, world: ledger.files.rename_upload(make_upload(ledger, world), "x"),
    "uses": lambda ledger, world: ledger.records.uses(make_upload(ledger, world), 10),
    "a space's rules": lambda ledger, world: ledger.spaces.rules(world.space.number),
    "a public name": lambda ledger, _: ledger.files.find_by_path("x"),
    "a key": lambda ledger, _: [ledger.idempotency.claim("usr", "x", "", NOW, LATER) for _ in range(2)],
    "old keys": lambda ledger, _: ledger.idempotency.forget(NOW, 10),
    "a number": lambda ledger, _: ledger.files.find_by_number(7),
    "an event": lambda ledger, _: ledger.access_log.add([make_event(path="x", space_id="y")]),
    "a file's log": lambda ledger, _: ledger.access_log.page(Search(upload=1), before=9, limit=10),
    "the log of a time": lambda ledger, _: ledger.access_log.page(Search(since=NOW, until=LATER), limit=10),
    "the whole log": lambda ledger, _: ledger.access_log.page(Search(), limit=10),
    "old events": lambda ledger, _: ledger.access_log.forget(NOW, 100, 10),
    "the end of the audit log": lambda ledger, _: ledger.audit.head(),
    "the audit log": lambda ledger, _: ledger.audit.entries(after=1, limit=10),
    "books": keep_books,
    "labels": keep_labels,
    "words": lambda ledger, world: ledger.files.find_text(make_upload(ledger, world).blob),
    "scrubs": walk_over,
    "owners of keys": lambda ledger, _: ledger.leftovers.owners("a", NOW),
    "uploads that hang nowhere": lambda ledger, _: (
        ledger.loose.last(),
        ledger.loose.hung(),
        ledger.loose.due(NOW, 10),
        ledger.loose.fresh(after=0, last=1000),
        ledger.loose.note([1], NOW),
        ledger.loose.delete([1], LATER, LATER),
        ledger.loose.count_due(NOW),
    ),
    "what is past its time": lambda ledger, _: [
        ledger.leftovers.deleted(NOW),
        ledger.leftovers.claims(NOW),
        ledger.leftovers.events(NOW, 100),
    ],
    "new words": lambda ledger, world: ledger.files.keep_text(make_upload(ledger, world).blob, "words"),
    "unread blobs": lambda ledger, _: ledger.files.unread(["application/pdf"], after=0, limit=10),
    "webhooks": lambda ledger, world: [make_webhook(ledger, world), ledger.webhooks.of(world.space.number)],
    "a webhook": lambda ledger, world: ledger.webhooks.find(world.space, "x"),
    "what is due": lambda ledger, _: [ledger.webhooks.due(NOW, 10), ledger.webhooks.hand_over([Due("x", 0)], LATER)],
    "what waits": lambda ledger, _: [ledger.webhooks.count_waiting(10), ledger.webhooks.first_due()],
    "an event for webhooks": lambda ledger, world: publish(ledger, world, make_webhook(ledger, world)),
    "a delivery": lambda ledger, _: ledger.webhooks.find_delivery("x"),
    "deliveries": lambda ledger, world: ledger.webhooks.deliveries(make_webhook(ledger, world), before=9, limit=10),
    "old deliveries": lambda ledger, _: ledger.webhooks.forget(LATER, 10),
    "a webhook's removal": remove_told,
    "figures": add_up,
    "a removal": lambda ledger, world: ledger.files.remove(make_upload(ledger, world).blob),
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = sqlite_url(tmp_path)
    schema.migrate(url)
    database = open_database(url)
    yield database
    asyncio.run(database.close())


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_found_by_an_index(database: Database, question: str):
    def story(ledger: Ledger) -> list[str]:
        world = make_world(ledger)
        make_record(ledger, world, [make_upload(ledger, world)])
        driver: sqlite3.Connection = ledger.files._connection.connection.driver_connection
        statements: list[str] = []
        driver.set_trace_callback(statements.append)
        QUESTIONS[question](ledger, world)
        driver.set_trace_callback(None)
        return [row[3] for statement in statements for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]

    steps = asyncio.run(database.write(story))

    assert steps
    # One that is named for it was walked through in its order, up to a limit, before it is scanned.
    assert [step for step in steps if step.startswith("SCAN") and not step.endswith("_side")] == []


def plans(ledger: Ledger, ask: Callable[[], object]) -> list[str]:
    """The steps of every statement on records that the question takes."""
    driver: sqlite3.Connection = ledger.files._connection.connection.driver_connection
    statements: list[str] = []
    driver.set_trace_callback(statements.append)
    ask()
    driver.set_trace_callback(None)
    asked = [statement for statement in statements if "FROM records" in statement]
    return [row[3] for statement in asked for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize(("field", "key"), [(NAME, "m"), (AMOUNT, 5), (DONE, 0), (SEEN, "2026"), (MADE, NOW)])
def test_an_indexed_order_is_walked_and_never_sorted(database: Database, field: Field, key: Any, is_descending: bool):
    """At the beginning, and behind any position: no step sorts, and each is a seek in the field's own index."""

    def story(ledger: Ledger) -> list[str]:
        world = make_listed(ledger)
        ledger.records.add_index(world.database, field, is_descending=is_descending)
        question = Question(sorts=[Sort(field, is_descending)])
        return [
            step
            for after in (None, Position(1, (key,)), *([] if field in (DONE, MADE) else [Position(1, (None,))]))
            for step in plans(
                ledger, lambda place=after: ledger.records.search(world.database, question, after=place, limit=9)
            )
        ]

    steps = asyncio.run(database.write(story))

    assert steps
    assert [step for step in steps if "TEMP B-TREE" in step or "ix_cell_" not in step] == []


@pytest.mark.parametrize(
    "condition",
    [
        TextIs(NAME, ("x" * 200,)),
        NumberIs(AMOUNT, Relation.MORE, 5),
        TextIs(STAGE, ("optA",)),
        AllOf((NumberIs(AMOUNT, Relation.EQUAL, 1), Not(IsEmpty(SEEN)))),
    ],
    ids=lambda condition: type(condition).__name__,
)
def test_an_indexed_filter_is_a_seek(database: Database, condition: Condition):
    def story(ledger: Ledger) -> list[str]:
        world = make_listed(ledger)
        for field in (NAME, AMOUNT, STAGE):
            ledger.records.add_index(world.database, field, is_descending=False)
        return plans(ledger, lambda: ledger.records.count_found(world.database, Question(condition)))

    steps = asyncio.run(database.write(story))

    assert steps
    assert [step for step in steps if "ix_cell_" not in step] == []


@pytest.mark.parametrize(
    ("condition", "is_read"),
    [
        (TextIs(NAME, ("nobody",)), False),
        (TextHas(NAME, ("nobody", 'some "one"')), False),
        (SetHas(TAGS, frozenset({"optA"})), False),
        (TextIs(NAME, ("ab",)), True),
        (NumberIs(AMOUNT, Relation.EQUAL, 5), True),
    ],
    ids=str,
)
def test_json_that_does_not_mention_the_value_is_not_read(database: Database, condition: Condition, is_read: bool):
    """Tried with cells that are no JSON: whoever reads them fails."""
    world = asyncio.run(database.write(make_listed))
    asyncio.run(database.write(lambda ledger: ledger.records.add(world.database, "recBroken", {}, [], world.user, NOW)))
    asyncio.run(
        database.write(lambda ledger: ledger.records._connection.exec_driver_sql("UPDATE records SET cells = 'x'"))
    )

    def count(ledger: Ledger) -> int:
        return ledger.records.count_found(world.database, Question(condition))

    if is_read:
        with pytest.raises(Exception, match="malformed JSON"):
            asyncio.run(database.read(count))
    else:
        assert asyncio.run(database.read(count)) == 0


@pytest.mark.parametrize(
    "what", ["by_span", "by_category", "by_tag", "by_person", "by_span_of_person", "next_of_person"]
)
def test_figures_look_at_no_transaction_outside_of_their_time(database: Database, what: str):
    """Whoever has a million of them waits for those of a month: each statement is one stretch of an index of times."""
    edges = [NOW, NOW + timedelta(days=7), LATER + timedelta(days=31)]
    arguments: dict[str, tuple[Any, ...]] = {
        "by_span": (edges,),
        "by_span_of_person": (edges,),
        "next_of_person": (NOW,),
    }

    def story(ledger: Ledger) -> tuple[list[str], list[str]]:
        user = make_world(ledger).user.number
        driver: sqlite3.Connection = ledger.files._connection.connection.driver_connection
        statements: list[str] = []
        driver.set_trace_callback(statements.append)
        getattr(ledger.figures, what)(user, *arguments.get(what, (NOW, LATER)))
        driver.set_trace_callback(None)
        return statements, [row[3] for each in statements for row in driver.execute(f"EXPLAIN QUERY PLAN {each}")]

    statements, steps = asyncio.run(database.write(story))

    whose = "person_id" if "person" in what and what != "by_person" else "user_id"
    assert len(statements) == 1
    [seek] = [step for step in steps if "transactions" in step and "ix_transactions" in step]
    assert re.search(rf"ix_transactions_{whose}_at_id \({whose}=\? AND at>", seek), seek
