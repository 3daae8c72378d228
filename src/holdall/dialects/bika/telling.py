"""What webhooks are told, in Bika's words (contract bika, section 7): records as v2 reads them, with signed links."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdall.dialects.bika.wire import Wire, iso
from holdall.domain.access import Space
from holdall.domain.fieldtypes.kind import NOTHING, Beside
from holdall.domain.files import Attachment, BlobState, Upload
from holdall.domain.records import Database, Record
from holdall.domain.webhooks import EventType, OutboxEvent
from holdall.errors import Malformed
from holdall.flows.beside import beside
from holdall.ports import Clock, Ledger
from holdall.web.links import Links


@dataclass(frozen=True, slots=True)
class Teller:
    """Words events; files are linked to as of now, and those that are out of reach are not."""

    links: Links
    clock: Clock

    def tell(self, ledger: Ledger, space: Space, event: OutboxEvent) -> Mapping[str, Any]:
        """The body of a message."""
        told: dict[str, Any] = {
            "id": event.id,
            "eventType": event.type.value,
            "spaceId": space.id,
            "databaseId": event.database_id or None,
            "createdAt": iso(event.created_at),
        }
        if event.type is EventType.NODE_CREATED:
            return {**told, "node": event.content["node"]}
        if event.type is EventType.ATTACHMENT_INFECTED:
            return {**told, "attachment": _infected(event.content)}
        return {**told, **self._record(ledger, space, event)}

    def _record(self, ledger: Ledger, space: Space, event: OutboxEvent) -> dict[str, Any]:
        kept: Mapping[str, Any] = event.content["record"]
        upload_id = event.content.get("attachment")
        ids = {id for id, _, _ in kept["attachments"]} | ({upload_id} if upload_id else set())
        found = ledger.files.find_uploads(space.number, [*ids]) if ids else {}
        uploads = {id: upload for id, upload in found.items() if upload.blob.state is BlobState.READY}
        database = ledger.spaces.find_database(event.database_id, space)
        record = _rebuilt(kept, event.database_id, uploads)
        wire = Wire(self.links, self.clock.now(), _beside(ledger, space, database, record))
        told = {"record": _shown(wire, database, record)}
        return {**told, "attachment": _attachment(wire, record, uploads, upload_id)} if upload_id else told


def _beside(ledger: Ledger, space: Space, database: Database | None, record: Record) -> Beside:
    """What goes with the record; nothing, where that is too much to be told."""
    try:
        return NOTHING if database is None else beside(ledger, space, database, [record])
    except Malformed:
        return NOTHING


def _shown(wire: Wire, database: Database | None, record: Record) -> dict[str, Any]:
    """As v2 reads it; without fields, where the database is gone, or has made of a field what its value was none of."""
    if database is not None:
        with suppress(ValueError, TypeError, LookupError, AttributeError):
            return wire.record_v2(database, record, by_id=False, as_text=False)
    return {"id": record.id, "fields": {}, "createdAt": iso(record.created_at), "updatedAt": iso(record.updated_at)}


def _rebuilt(kept: Mapping[str, Any], database_id: str, uploads: Mapping[str, Upload]) -> Record:
    ties = [
        Attachment(uploads[id], kept["number"], field_id, name, place)
        for place, (id, field_id, name) in enumerate(kept["attachments"])
        if id in uploads
    ]
    return Record(
        number=kept["number"],
        id=kept["id"],
        database_id=database_id,
        revision=kept["revision"],
        cells=kept["cells"],
        created_at=datetime.fromisoformat(kept["createdAt"]),
        updated_at=datetime.fromisoformat(kept["updatedAt"]),
        created_by=kept["createdBy"],
        updated_by=kept["updatedBy"],
        attachments=tuple(ties),
    )


def _attachment(wire: Wire, record: Record, uploads: Mapping[str, Upload], id: str) -> dict[str, Any]:
    """The file that it is about, by the name that its cell gives it; its id alone, where it is out of reach by now."""
    tie = next((tie for tie in record.attachments if tie.upload.id == id), None)
    if tie is not None:
        return {**wire.attachment(tie), "fieldId": tie.field_id}
    if id not in uploads:
        return {"id": id}
    return wire.attachment(Attachment(uploads[id], record.number, "", uploads[id].name, 0))


def _infected(content: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: content[name] for name in ("name", "mimeType", "size", "signature")}
    return {"id": content["attachment"], **told}
