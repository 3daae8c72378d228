"""What is asked all the time is found by an index, never by walking through a table."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdall.adapters.db import schema
from holdall.adapters.db.engine import Database, open_database
from holdall.domain.access import TokenKind
from holdall.domain.access_log import Search
from holdall.domain.files import Upload
from holdall.ports import AttachmentChange, Due, Ledger, UploadSearch
from tests.support.databases import sqlite_url
from tests.support.hooks import make_webhook, publish
from tests.support.logs import make_event
from tests.support.rows import LATER, NOW, PAPERS, World, make_ready, make_record, make_upload, make_world

EMPTIED = [AttachmentChange(PAPERS.id, [])]


def list_all(ledger: Ledger, world: World, search: UploadSearch) -> list[Upload]:
    return ledger.files.list_uploads(world.space.number, search, before=99, limit=10)


def delete(ledger: Ledger, upload: Upload) -> None:
    ledger.files.delete_upload(upload, NOW)
    ledger.files.forget_upload(upload)


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
    "a page": lambda ledger, world: ledger.records.page(world.database, after=0, skip=0, limit=10),
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
    "old deleted files": lambda ledger, _: ledger.files.deleted(LATER, 10),
    "a deletion": lambda ledger, world: delete(ledger, make_upload(ledger, world)),
    "a restoration": lambda ledger, world: ledger.files.restore_upload(make_upload(ledger, world)),
    "a new name": lambda ledger, world: ledger.files.rename_upload(make_upload(ledger, world), "x"),
    "uses": lambda ledger, world: ledger.records.uses(make_upload(ledger, world), 10),
    "a space's rules": lambda ledger, world: ledger.spaces.rules(world.space.number),
    "a public name": lambda ledger, _: ledger.files.find_by_path("x"),
    "a key": lambda ledger, _: [ledger.idempotency.claim("usr", "x", "", NOW, LATER) for _ in range(2)],
    "old keys": lambda ledger, _: ledger.idempotency.forget(NOW),
    "a number": lambda ledger, _: ledger.files.find_by_number(7),
    "an event": lambda ledger, _: ledger.access_log.add([make_event(path="x", space_id="y")]),
    "a file's log": lambda ledger, _: ledger.access_log.page(Search(upload=1), before=9, limit=10),
    "the log of a time": lambda ledger, _: ledger.access_log.page(Search(since=NOW, until=LATER), limit=10),
    "the whole log": lambda ledger, _: ledger.access_log.page(Search(), limit=10),
    "old events": lambda ledger, _: ledger.access_log.forget(NOW, 100, 10),
    "the end of the audit log": lambda ledger, _: ledger.audit.head(),
    "the audit log": lambda ledger, _: ledger.audit.entries(after=1, limit=10),
    "words": lambda ledger, world: ledger.files.find_text(make_upload(ledger, world).blob),
    "new words": lambda ledger, world: ledger.files.keep_text(make_upload(ledger, world).blob, "words"),
    "unread blobs": lambda ledger, _: ledger.files.unread(["application/pdf"], after=0, limit=10),
    "webhooks": lambda ledger, world: [make_webhook(ledger, world), ledger.webhooks.of(world.space.number)],
    "a webhook": lambda ledger, world: ledger.webhooks.find(world.space, "x"),
    "what is due": lambda ledger, _: [ledger.webhooks.due(NOW, 10), ledger.webhooks.hand_over([Due("x", 0)], LATER)],
    "an event for webhooks": lambda ledger, world: publish(ledger, world, make_webhook(ledger, world)),
    "a delivery": lambda ledger, _: ledger.webhooks.find_delivery("x"),
    "deliveries": lambda ledger, world: ledger.webhooks.deliveries(make_webhook(ledger, world), before=9, limit=10),
    "old deliveries": lambda ledger, _: ledger.webhooks.forget(LATER, 10),
    "a webhook's removal": remove_told,
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
    assert [step for step in steps if step.startswith("SCAN")] == []
