"""What can go wrong with Bika's operations, for its OpenAPI document: phrases and the errors behind them."""

from holdall.dialects.bika import samples as sample
from holdall.dialects.bika.asking import LOCALES
from holdall.dialects.bika.attachments import STATES
from holdall.dialects.bika.policy import attachment_policy
from holdall.dialects.bika.routes import MAX_FILES
from holdall.domain.access import Role, Scope
from holdall.domain.structure import Removal
from holdall.errors import (
    BytesLost,
    CellRefused,
    ChoiceRefused,
    Conflict,
    FieldUnknown,
    FileMissing,
    Forbidden,
    KeyReused,
    LossRefused,
    Malformed,
    Missing,
    RateLimited,
    ReadOnly,
    Stale,
    StorageUnavailable,
    StructureRefused,
    Unauthenticated,
)
from holdall.flows.once import MAX_KEY_LENGTH
from holdall.web import doors
from holdall.web.body import MAX_JSON_BYTES
from holdall.web.openapi import Failures

_POLICY = attachment_policy(5 << 30)

_CALLER: Failures = {
    "no token, or one that is unknown, expired or revoked": Unauthenticated(),
    "too many calls": RateLimited(12),
    **doors.ANY_FAILURES,
}
READER: Failures = {**_CALLER, "a token without the scope": Forbidden(Scope.READ)}
WRITER: Failures = {
    **_CALLER,
    "a token without the scope": Forbidden(Scope.WRITE),
    "a member whose role does not let them": Forbidden(Scope.WRITE, lacking="role"),
}

SPACE_MISSING: Failures = {"no such space for this caller": Missing("space", sample.SPACE_ID)}
NO_SUCH_NODE: Failures = {"no such node": Missing("node", sample.DATABASE_ID)}
NODE_MISSING: Failures = {**SPACE_MISSING, **NO_SUCH_NODE}
DATABASE_MISSING: Failures = {**SPACE_MISSING, "no such database": Missing("database", sample.DATABASE_ID)}
RECORD_MISSING: Failures = {**DATABASE_MISSING, "no such record": Missing("record", sample.RECORD_ID)}

READING: Failures = {
    **doors.reading_failures(MAX_JSON_BYTES),
    "a body that is not JSON, or not the expected object": Malformed("json", "a JSON object is expected"),
}
CELLS: Failures = {
    **READING,
    "a field that the database does not have": FieldUnknown("Stadge"),
    "a value that does not fit its field": CellRefused("Stage", "Opne", "no such option"),
    "an attachment that the space does not have": CellRefused(
        "Images", {"id": sample.UPLOAD_ID}, "no such attachment in this space"
    ),
}

REPEATED: Failures = {
    "an Idempotency-Key that is none": Malformed(
        "header", f"an Idempotency-Key has 1 to {MAX_KEY_LENGTH} printable characters"
    ),
    "an Idempotency-Key that came with another request": KeyReused("a1f4c0de-0001"),
    "a repeat whose file was deleted, and is gone for good": Missing("upload", sample.UPLOAD_ID),
    "a request with this key that is not finished": Conflict(
        "a request with this Idempotency-Key is still being worked on"
    ),
}
STALE: Failures = {"an If-Match that names other revisions": Stale(7)}
SEVERAL: Failures = {
    "an If-Match, which is about one record": Malformed(
        "header", "If-Match names the revision of one record, and this call is about several"
    )
}

PAGE_SIZE: Failures = {
    "a page size out of bounds": Malformed("query", "pageSize is '0'; it can be a whole number from 1 to 1000"),
}
PAGE_NUMBER: Failures = {
    "a page number out of bounds": Malformed("query", "pageNum is 'x'; it can be a whole number from 1"),
}
VIEW_MISSING: Failures = {**DATABASE_MISSING, "no such view": Missing("view", sample.VIEW_ID)}
FILTER: Failures = {
    "a filter that cannot be read": Malformed(
        "filter", "one of == != > < >= <= =c= =nc= expected, 'a' found (position 7)"
    ),
    "an operator that the field's type does not have": Malformed(
        "filter", "Name is SINGLE_TEXT, which takes == != =c= =nc= (position 1)"
    ),
}
SORT: Failures = {
    "a sort that cannot be read": Malformed("query", 'sort is a JSON array of {"field": …, "order": …}'),
    "an order that is neither": ChoiceRefused("order", "up", ("asc", "desc")),
    "a sort by a field that there is not": FieldUnknown("Stadge"),
}
LISTING: Failures = {**VIEW_MISSING, **FILTER, **SORT}
FOREIGN_CURSOR: Failures = {
    "an offset of another listing": Malformed(
        "query", "offset belongs to a listing with another filter, sort, view or timeZone"
    )
}
CURSOR: Failures = {"an offset that was not made here": Malformed("query", "offset is not a cursor of ours")}
FIELD_KEY: Failures = {"a fieldKey that is neither": ChoiceRefused("fieldKey", "label", ("name", "id"))}
CELL_FORMAT: Failures = {"a cellFormat that is neither": ChoiceRefused("cellFormat", "html", ("json", "string"))}
LOCAL: Failures = {
    "a timeZone that there is not": ChoiceRefused("timeZone", "Mars/Base", ("an IANA name such as Europe/Berlin",)),
    "a userLocale that there is not": ChoiceRefused("userLocale", "tlh", LOCALES),
}

_ADMINISTRATOR: Failures = {
    **WRITER,
    "a member who does not own the space": Forbidden("decide who belongs to it", lacking="role"),
    **SPACE_MISSING,
}
_ROLE: Failures = {
    **READING,
    "a role that there is not": ChoiceRefused("role", "admin", tuple(role.value for role in Role)),
}
_LAST_OWNER: Failures = {
    "no such member": Missing("member", sample.MEMBER_ID),
    "the last owner would go": Conflict("a space keeps at least one owner: make another member the owner first", 0),
}
ADDING: Failures = {
    **_ADMINISTRATOR,
    **_ROLE,
    "no such user": Missing("user", "otto"),
    "a member already": Conflict("otto is a member already; a change of role is another call", 0),
}
CHANGING: Failures = {**_ADMINISTRATOR, **_ROLE, **_LAST_OWNER}
REMOVING: Failures = {**_ADMINISTRATOR, **_LAST_OWNER}

_FORM: Failures = {
    **doors.form_failures(MAX_FILES),
    "no file part with a file name": FileMissing("file"),
    **doors.file_failures(_POLICY),
    **doors.image_failures(_POLICY),
    **doors.KEEPING_FAILURES,
    **REPEATED,
}
UPLOAD: Failures = {**WRITER, **SPACE_MISSING, **_FORM}

CELL: Failures = {
    **RECORD_MISSING,
    "a field that the database does not have": FieldUnknown("Stadge"),
    "a field that holds no files": CellRefused("Stage", "attachments", "SINGLE_SELECT fields hold no files"),
}
FULL: Failures = {
    "more files than a cell can have": CellRefused("Images", "1001 files", "at most 1000 hang in one cell")
}
ATTACHING: Failures = {**WRITER, **CELL, **FULL, **STALE, **_FORM}
EDITING: Failures = {
    **WRITER,
    **CELL,
    **FULL,
    **STALE,
    **READING,
    "nothing that is to change": Malformed("json", "append, remove or order is to say what changes"),
    "an attachment that the space does not have": CellRefused(
        "Images", {"id": sample.UPLOAD_ID}, "no such attachment in this space"
    ),
    "an attachment to remove, or to order, that the cell does not have": CellRefused(
        "Images", sample.UPLOAD_ID, "no such attachment in this cell"
    ),
    **REPEATED,
}

FILE_LOG: Failures = {
    **READER,
    "a member who is neither owner nor editor of the space": Forbidden("editor"),
    **SPACE_MISSING,
    "no such file in this space": Missing("attachment", sample.UPLOAD_ID),
    **PAGE_SIZE,
    **CURSOR,
}

FILE_OF_SPACE: Failures = {
    **SPACE_MISSING,
    "no such file in this space": Missing("attachment", sample.UPLOAD_ID),
}
FILES: Failures = {
    **READER,
    **SPACE_MISSING,
    "a word of more than 255 characters": Malformed("query", "name has at most 255 characters, and no NUL"),
    "attached or deleted is neither true nor false": ChoiceRefused("deleted", "maybe", ("true", "false")),
    "a state that there is not": ChoiceRefused("state", "mislaid", tuple(STATES)),
    "a size that is no number": Malformed("query", "minSize is '1 MB'; it can be a number of bytes"),
    "a time that is none": Malformed("query", "createdFrom is 'soon'; it can be a time in ISO 8601"),
    **PAGE_SIZE,
    **CURSOR,
}
DOWNLOAD: Failures = {
    **READER,
    **FILE_OF_SPACE,
    "too many downloads from this address": RateLimited(12, "download", 6000),
    **doors.RENDITION_FAILURES,
    "the bytes are lost": BytesLost("upload", sample.UPLOAD_PATH),
    "the bytes cannot be had": StorageUnavailable("no answer"),
}
NEW_NAME: Failures = {
    **doors.reading_failures(MAX_JSON_BYTES),
    "a body that is not JSON, or has no name": Malformed("json", "name, the new name, is missing"),
}

SHAPER: Failures = {
    **WRITER,
    "a member who does not own the space": Forbidden("change its structure", lacking="role"),
    **SPACE_MISSING,
    **REPEATED,
}
SHAPING: Failures = {
    **SHAPER,
    **READING,
    "a name, property or place that cannot be taken": StructureRefused("name", "it has 1 to 100 characters"),
    "a type that there is not": ChoiceRefused("type", "TEXTS", ("SINGLE_TEXT", "LONG_TEXT")),
}
NODE_GONE: Failures = {"no such node": Missing("node", sample.DATABASE_ID)}
NODE_STAYS: Failures = {"the root, which stays as it is": StructureRefused("node", "the root stays as it is")}
NODES_LOST: Failures = {"nodes below it, which nobody said are to go": LossRefused(Removal(3, 2, 120))}
NODE_STUCK: Failures = {
    "a node whose folder is deleted": StructureRefused(
        "node", "the folder that it was in is deleted: restore that first"
    )
}
NO_DATABASE: Failures = {"no such database": Missing("database", sample.DATABASE_ID)}
NO_FIELD: Failures = {**NO_DATABASE, "no such field": Missing("field", sample.FIELD_ID)}
DRY: Failures = {"dryRun is neither true nor false": ChoiceRefused("dryRun", "maybe", ("false", "true"))}
VALUES_LOST: Failures = {"values that would be lost": LossRefused(sample.REPORT)}

VIEW_SHAPING: Failures = {
    **SHAPER,
    **READING,
    **NO_DATABASE,
    "a name that cannot be taken": StructureRefused("name", "it has 1 to 100 characters"),
    "a type that there is not": ChoiceRefused("type", "GANTT", ("TABLE", "GALLERY", "KANBAN")),
    "a field that the database does not have": FieldUnknown("Stadge"),
    **FILTER,
    **SORT,
}
NO_VIEW: Failures = {**NO_DATABASE, "no such view": Missing("view", sample.VIEW_ID)}

FILE: Failures = {
    "too many downloads from this address": RateLimited(12, "download", 6000),
    "a link that is not ours, or has expired": Missing("file", "the link is not valid, or no longer"),
    "no such file": Missing("upload", sample.UPLOAD_PATH),
    **doors.RENDITION_FAILURES,
    "the bytes are lost": BytesLost("upload", sample.UPLOAD_PATH),
    "the bytes cannot be had": StorageUnavailable("no answer"),
    **doors.ANY_FAILURES,
}

PIKAS: Failures = {"a file that came by Pika's upload API": ReadOnly("file", "Pika's upload API")}
