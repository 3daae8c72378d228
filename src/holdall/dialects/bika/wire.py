"""Bika's JSON: nodes, fields, records and attachments as its clients read them (contract bika, sections 4 and 5)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any

from holdall.dialects.bika.filter_language import renamed
from holdall.domain.access import Actor, Role, Scope
from holdall.domain.access_log import LoggedEvent
from holdall.domain.fieldtypes import kind_of
from holdall.domain.fieldtypes.kind import NOTHING, Beside, Reader
from holdall.domain.fieldtypes.times import utc_text
from holdall.domain.files import Attachment, BlobState, Upload
from holdall.domain.formulas.definition import PROPERTY, with_names
from holdall.domain.history import DoneDeed
from holdall.domain.records import Database, Field, FieldType, Node, NodeType, Record
from holdall.domain.structure import Removal, Report
from holdall.domain.variants import THUMBNAIL
from holdall.domain.views import View
from holdall.flows.attach import FileOutcome
from holdall.flows.records import Tree
from holdall.flows.structure import RemovedNode
from holdall.flows.uploads import Found
from holdall.flows.variants import is_pictured
from holdall.ports import Member, Membership
from holdall.web.links import Links

BUCKET = "bika"
_SECRET = re.compile(
    "auth|cookie|token|secret|signature|key|password|credential|session|jwt|assertion|csrf", re.IGNORECASE
)
"""In the name of a header: what it carries is not told again, be it to the caller alone; answers are kept and shown."""


def envelope(data: Any) -> dict[str, Any]:
    """What every success is wrapped in."""
    return {"success": True, "code": 200, "message": "SUCCESS", "data": data}


iso = utc_text
"""``2026-03-02T10:00:00.000Z``."""


def epoch_ms(time: datetime) -> int:
    """Milliseconds since 1970, as v1 lists tell times."""
    return int(time.timestamp() * 1000)


def documented_keys(upload: Upload) -> dict[str, Any]:
    """The six keys of an upload's answer, which clients echo into cells; ``name`` is the stored name."""
    return {
        "id": upload.id,
        "path": upload.path,
        "size": upload.blob.size,
        "bucket": BUCKET,
        "mimeType": upload.blob.mime,
        "name": upload.path.rsplit("/", 1)[-1],
    }


class Wire:
    """Renders values; knows how files are linked to now, what goes with records, and a reader's time zone."""

    def __init__(self, links: Links, now: datetime, beside: Beside = NOTHING, zone: tzinfo | None = None) -> None:
        self._links = links
        self._now = now.timestamp()
        self._reader = Reader(
            zone,
            beside,
            now,
            tell_file=self.attachment,
            tell_kept_file=self._kept_attachment,
            tell_file_text=self._attachment_text,
        )
        self._v1_reader = replace(self._reader, tell_file=self._kept_attachment)

    def upload(self, upload: Upload) -> dict[str, Any]:
        """The answer to an upload: the six documented keys, and ours beside them."""
        return {
            **documented_keys(upload),
            "originalName": upload.name,
            "sha256": upload.blob.sha256,
            "findings": list(upload.blob.findings),
            "thumbhash": upload.blob.thumbhash,
            "url": self._links.signed(upload, self._now) if upload.blob.state is BlobState.READY else "",
            "thumbnailUrl": self._thumbnail(upload),
        }

    def listed(self, upload: Upload, until: datetime | None) -> dict[str, Any]:
        """An upload as a list tells it; ``until`` is when a deleted one goes for good."""
        return {
            **self.upload(upload),
            "width": upload.blob.width,
            "height": upload.blob.height,
            "createdAt": iso(upload.created_at),
            "deletedAt": None if upload.deleted_at is None else iso(upload.deleted_at),
            "restorableUntil": None if until is None else iso(until),
        }

    def found(self, found: Found, until: datetime | None) -> dict[str, Any]:
        """One upload, with where it hangs."""
        return {
            **self.listed(found.upload, until),
            "usedIn": [
                {"databaseId": use.database_id, "recordId": use.record_id, "fieldId": use.field_id, "name": use.name}
                for use in found.uses
            ],
        }

    def attachment(self, tie: Attachment) -> dict[str, Any]:
        """One item of an attachment cell."""
        return {
            "id": tie.upload.id,
            "name": tie.name,
            "mimeType": tie.upload.blob.mime,
            "size": tie.upload.blob.size,
            "url": self._links.signed(tie.upload, self._now),
            "thumbnailUrl": self._thumbnail(tie.upload),
        }

    def outcome(self, outcome: FileOutcome) -> dict[str, Any]:
        """What became of one file of several."""
        if outcome.upload is not None:
            return {"fileName": outcome.file_name, "attachment": self.upload(outcome.upload)}
        refusal = outcome.refusal
        error = None if refusal is None else {"code": refusal.code, "message": refusal.message}
        return {"fileName": outcome.file_name, "error": error}

    def record_v2(
        self, database: Database, record: Record, *, by_id: bool, as_text: bool, wanted: set[str] | None = None
    ) -> dict[str, Any]:
        """A record as v2 tells it, of all fields or of those wanted (names or ids); empty cells are left out."""
        return {
            "id": record.id,
            "fields": self._fields(database, record, wanted, self._reader, by_id=by_id, as_text=as_text),
            "createdAt": iso(record.created_at),
            "updatedAt": iso(record.updated_at),
        }

    def record_v1(self, database: Database, record: Record, wanted: set[str] | None) -> dict[str, Any]:
        """A record as v1 lists tell it: cells as in v2, but for files, which have ``path`` and ``bucket`` besides."""
        return {
            "recordId": record.id,
            "fields": self._fields(database, record, wanted, self._v1_reader, by_id=False, as_text=False),
            "createdAt": epoch_ms(record.created_at),
            "updatedAt": epoch_ms(record.updated_at),
        }

    def record_cells(self, database: Database, record: Record) -> dict[str, Any]:
        """A record as v1 writes answer it: cells by field id, each with its stored and its shown form."""
        return {
            "id": record.id,
            "databaseId": database.node.id,
            "revision": record.revision,
            "commentCount": 0,
            "groupCount": 0,
            "cells": {field.id: cell for field in database.fields if (cell := self._cell(field, record)) is not None},
        }

    def deed(self, database: Database, deed: DoneDeed, *, by_id: bool) -> dict[str, Any]:
        """One thing that was done to a record. A field that is gone is named by its id, with what was kept in it."""
        fields = {field.id: field for field in database.fields}
        return {
            "revision": deed.revision,
            "action": deed.deed.value,
            "at": iso(deed.at),
            "by": {"id": deed.by.id, "name": deed.by.name},
            "fields": {
                id if by_id or id not in fields else fields[id].name: self._change(fields.get(id), before, after)
                for id, (before, after) in deed.changes.items()
            },
        }

    def _thumbnail(self, upload: Upload) -> str:
        """A link to a small picture; ``""`` for what has none."""
        has_one = upload.blob.state is BlobState.READY and is_pictured(upload.blob)
        return self._links.signed(upload, self._now, THUMBNAIL.name) if has_one else ""

    def _kept_attachment(self, tie: Attachment) -> dict[str, Any]:
        return {**self.attachment(tie), "path": tie.upload.path, "bucket": BUCKET}

    def _attachment_text(self, tie: Attachment) -> str:
        return f"{tie.name}({self._links.signed(tie.upload, self._now)})"

    def _fields(
        self,
        database: Database,
        record: Record,
        wanted: set[str] | None,
        reader: Reader,
        *,
        by_id: bool,
        as_text: bool,
    ) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        for field in database.fields:
            if wanted is None or field.name in wanted or field.id in wanted:
                kind = kind_of(field)
                kept = kind.kept(field, record)
                show = kind.show_told if as_text else kind.show
                value = None if kept is None else show(field, kept, reader)
                if value is not None:
                    shown[field.id if by_id else field.name] = value
        return shown

    def _cell(self, field: Field, record: Record) -> dict[str, Any] | None:
        kind = kind_of(field)
        kept = kind.kept(field, record)
        data, value = (None, None) if kept is None else kind.show_both(field, kept, self._reader)
        if data is None and value is None:
            return None
        return {"id": field.id, "name": field.name, "fieldType": field.type.value, "data": data, "value": value}

    def _change(self, field: Field | None, before: Any, after: Any) -> dict[str, Any]:
        return {"before": self._recalled(field, before), "after": self._recalled(field, after)}

    def _recalled(self, field: Field | None, kept: Any) -> Any:
        return kept if field is None or kept is None else kind_of(field).recall(field, kept, self._reader)


def event(event: LoggedEvent) -> dict[str, Any]:
    """One event of a file's log."""
    return {
        "at": iso(event.at),
        "action": event.action.value,
        "outcome": event.outcome.value,
        "status": event.status,
        "error": event.error or None,
        "user": {"id": event.user_id, "name": event.login} if event.user_id else None,
        "address": event.address,
        "userAgent": event.agent,
        "door": event.door,
        "route": event.route,
        "bytes": event.bytes,
        "detail": event.detail,
        "requestId": event.request_id,
    }


def space(membership: Membership) -> dict[str, Any]:
    """A space in the list."""
    space = membership.space
    return {
        "id": space.id,
        "name": space.name,
        "createBy": space.owner_id,
        "owner": space.owner_id,
        "createdAt": iso(space.created_at),
        "memberCount": space.member_count,
        "subscription": {"plan": "FREE", "planName": "Free"},
        "slug": "",
        "logo": None,
        "settings": {},
        **({"isPersonal": True} if space.is_personal else {}),
    }


def member(member: Member) -> dict[str, Any]:
    """A member of a space. ``id``, ``type`` and ``name`` are as in a member cell."""
    return {
        "id": member.id,
        "type": "Member",
        "name": member.user.name,
        "userId": member.user.id,
        "role": member.role.value,
        "createdAt": iso(member.joined_at),
    }


def role(role: Role) -> dict[str, Any]:
    """What a member can be; its ``id`` is what a member's role is set to. No cell takes it."""
    return {"id": role.value, "type": "Role", "name": role.value.capitalize(), "permission": _permission(role)}


def _permission(role: Role) -> dict[str, bool]:
    return {"read": role.may(Scope.READ), "write": role.may(Scope.WRITE), "administer": role.administers}


def nodes(tree: Tree) -> list[dict[str, Any]]:
    """A flat tree; ``path`` is the chain of ancestors' names, the node's own left out."""
    by_id = {node.id: node for node in tree.nodes}
    before: dict[str | None, str] = {}
    shown: list[dict[str, Any]] = []
    for node in tree.nodes:
        shown.append(_node(node, by_id, before.get(node.parent_id), tree.role))
        before[node.parent_id] = node.id
    return shown


def _node(node: Node, by_id: dict[str, Node], before: str | None, role: Role) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": node.id,
        "name": node.name,
        "type": node.type.value,
        "description": node.description,
        "parentId": node.parent_id,
        "preNodeId": before,
    }
    if node.type is not NodeType.ROOT:
        shown["path"] = _path(node, by_id)
    return {
        **shown,
        "scope": "SPACE",
        "permission": _permission(role),
        "hasPermissions": False,
        "hasShareLock": False,
        "sharing": False,
        "statusBadge": [],
    }


def _path(node: Node, by_id: dict[str, Node]) -> str:
    names: list[str] = []
    parent = by_id.get(node.parent_id or "")
    while parent is not None:
        names.append(parent.name)
        parent = by_id.get(parent.parent_id or "")
    return "".join(f"/{name}" for name in reversed(names))


def field(field: Field, among: Sequence[Field] = ()) -> dict[str, Any]:
    """A column in the list of fields. A formula calls the others by the names that they have now."""
    properties = dict(field.properties)
    if field.type is FieldType.FORMULA and PROPERTY in properties:
        properties[PROPERTY] = with_names(str(properties[PROPERTY]), among)
    return {
        "id": field.id,
        "name": field.name,
        "type": field.type.value,
        "description": field.description,
        "primary": field.is_primary,
        "property": properties,
    }


def report(report: Report) -> dict[str, Any]:
    """What a change of a field does to its values."""
    return {
        "records": report.records,
        "converted": report.converted,
        "lost": report.lost,
        "optionsMade": report.options,
        "samples": [
            {"recordId": sample.record_id, "before": sample.before, "after": sample.after} for sample in report.samples
        ],
        "dependents": [
            {"databaseId": each.database_id, "fieldId": each.field_id, "name": each.name} for each in report.dependents
        ],
    }


def removal(removal: Removal) -> dict[str, Any]:
    """What goes with a node."""
    return {"nodes": removal.nodes, "databases": removal.databases, "records": removal.records}


def removed_node(removed: RemovedNode) -> dict[str, Any]:
    """A node that was deleted, or would be."""
    until = removed.restorable_until
    return {
        "id": removed.id,
        "deleted": until is not None,
        "restorableUntil": None if until is None else iso(until),
        "change": removal(removed.removal),
        "dryRun": until is None,
    }


def view(view: View, among: Sequence[Field]) -> dict[str, Any]:
    """A view in the list of views; its filter, order and hidden fields are ours to add.

    The filter calls fields by the names that they have now.
    """
    names = {field.id: field.name for field in among}
    return {
        "id": view.id,
        "name": view.name,
        "type": view.type.value,
        "description": view.description,
        "filter": renamed(view.filter, lambda id: names.get(id, id)) if view.filter else "",
        "sort": [{"field": sort.field_id, "order": "desc" if sort.is_descending else "asc"} for sort in view.sorts],
        "hiddenFields": sorted(view.hidden),
    }


def database(database: Database, space_id: str, views: Sequence[View] = ()) -> dict[str, Any]:
    """A database with its fields and views."""
    return {
        "id": database.node.id,
        "name": database.node.name,
        "description": database.node.description,
        "spaceId": space_id,
        "revision": 0,
        "fields": [field(each, database.fields) for each in database.fields],
        "views": [view(each, database.fields) for each in views],
    }


def meta(version: str, hostname: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """What runs here. The request's headers are echoed, less those whose names say that they carry secrets."""
    kept = {name.title(): value for name, value in headers.items() if not _SECRET.search(name)}
    return {"version": version, "appEnv": "LOCAL", "hostname": hostname, "headers": kept}


def profile(actor: Actor) -> dict[str, Any]:
    """The caller; the one answer without an envelope."""
    user = actor.user
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email or None,
        "avatar": {"type": "COLOR", "color": "teal"},
        "settings": {"locale": "en"},
        "timeZone": "UTC",
        "status": "ACTIVE",
        "metadata": {"isChinaUser": False},
        "createdAt": iso(user.created_at),
    }
