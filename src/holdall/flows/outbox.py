"""The outbox: what happened is written down for webhooks in the very commit that makes it happen, and told later.

A record is written down as it was kept; names, links and what is looked up are added when it is told (see
``flows.courier``), so that nothing is told that is out of reach by then.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from structlog.contextvars import get_contextvars

from holdall.domain.access import Space
from holdall.domain.files import Upload
from holdall.domain.records import Database, Node, Record
from holdall.domain.webhooks import EventType, NewEvent
from holdall.ports import Ledger, Services

REQUEST_ID = "request_id"
"""Beside what happened: the request that made it happen, for our own log. Receivers are not told."""

Tell = Callable[[Database, Sequence[Record]], None]
"""Tells of records that were changed."""


def untold(_database: Database, _records: Sequence[Record]) -> None:
    """Tells nobody."""


def tell_of_records(
    services: Services, ledger: Ledger, space: Space, type: EventType, database: Database, records: Iterable[Record]
) -> None:
    """Write down what happened to records of a database; nothing is asked where nobody listens."""
    if space.has_webhooks:
        told = [(type, database.node.id, {"record": as_kept(record)}) for record in records]
        _publish(services, ledger, space.number, told)


def tell_of_ties(
    services: Services,
    ledger: Ledger,
    space: Space,
    database: Database,
    record: Record,
    linked: Sequence[Upload],
    unlinked: Sequence[Upload],
) -> None:
    """Write down which files were hung on a record, and which taken off it."""
    if space.has_webhooks and (linked or unlinked):
        both = [
            *((EventType.ATTACHMENT_ATTACHED, upload) for upload in linked),
            *((EventType.ATTACHMENT_REMOVED, upload) for upload in unlinked),
        ]
        kept = as_kept(record)
        told = [(type, database.node.id, {"record": kept, "attachment": upload.id}) for type, upload in both]
        _publish(services, ledger, space.number, told)


def tell_of_infection(services: Services, ledger: Ledger, uploads: Sequence[Upload], signature: str) -> None:
    """Write down that files are out of everybody's reach from now on. This is rare: webhooks are simply asked for."""
    for upload in uploads:
        told = {
            "attachment": upload.id,
            "name": upload.name,
            "mimeType": upload.blob.mime,
            "size": upload.blob.size,
            "signature": signature,
        }
        _publish(services, ledger, upload.space_id, [(EventType.ATTACHMENT_INFECTED, "", told)])


def tell_of_node(services: Services, ledger: Ledger, space: Space, node: Node) -> None:
    """Write down that a space has one more node."""
    if space.has_webhooks:
        told = {"node": {"id": node.id, "name": node.name, "type": node.type.value, "parentId": node.parent_id}}
        database_id = node.id if node.id.startswith("dat") else ""
        _publish(services, ledger, space.number, [(EventType.NODE_CREATED, database_id, told)])


def as_kept(record: Record) -> dict[str, Any]:
    """A record as JSON, with its files by id."""
    return {
        "number": record.number,
        "id": record.id,
        "revision": record.revision,
        "cells": dict(record.cells),
        "createdAt": record.created_at.isoformat(),
        "updatedAt": record.updated_at.isoformat(),
        "createdBy": record.created_by,
        "updatedBy": record.updated_by,
        "attachments": [[tie.upload.id, tie.field_id, tie.name] for tie in record.attachments],
    }


def _publish(
    services: Services, ledger: Ledger, space_id: int, told: Sequence[tuple[EventType, str, Mapping[str, Any]]]
) -> None:
    """Those events that somebody wants, with a delivery to each who does."""
    webhooks = [webhook for webhook in ledger.webhooks.of(space_id) if webhook.is_enabled]
    asked = get_contextvars().get(REQUEST_ID)
    by = {REQUEST_ID: asked} if asked else {}
    events = [NewEvent(services.ids.public("evt"), type, of, {**content, **by}) for type, of, content in told]
    wanted = [
        (event, {services.ids.public("dlv"): webhook for webhook in webhooks if webhook.wants(event)})
        for event in events
    ]
    ledger.webhooks.publish(space_id, [each for each in wanted if each[1]], services.clock.now())
