"""What Bika's dialect says of itself in OpenAPI; kept equal to ``routes`` by ``tests/api/test_openapi.py``."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from holdall.dialects.bika import errors, failures, filter_language, listing, query, webhooks_openapi
from holdall.dialects.bika import samples as sample
from holdall.dialects.bika.asking import LOCALES
from holdall.dialects.bika.attachments import STATES
from holdall.dialects.bika.routes import MAX_FILES, PREFIX
from holdall.dialects.bika.schemas import DESCRIPTION, NAME, SCHEMAS, envelope
from holdall.dialects.bika.writing import MAX_BATCH
from holdall.domain.access import Role
from holdall.domain.fieldtypes.kind import MAX_ITEMS
from holdall.errors import StructureRefused
from holdall.flows.once import MAX_KEY_LENGTH
from holdall.web import doors, openapi
from holdall.web.links import SIGNED_PREFIX
from holdall.web.openapi import (
    EXTENSION,
    Description,
    Failures,
    Json,
    Names,
    Operation,
    list_of,
    object_of,
    parameter,
    ref,
)

TOKEN = "bikaToken"  # noqa: S105  the name of a scheme
_SPACE = PREFIX + "/v1/spaces/{space_id}"
_DATABASE = _SPACE + "/resources/databases/{database_id}"
_RECORDS_V1 = _DATABASE + "/records"
_RECORD_V1 = _RECORDS_V1 + "/{record_id}"
_RECORDS_V2 = _RECORDS_V1.replace("/v1/", "/v2/", 1)
_RECORD_V2 = _RECORDS_V2 + "/{record_id}"

_TAGS = {
    "Bika attachments": "Files into a space, to be named in attachment cells later; and the links to read them.",
    "Bika records, v1": "Pages by number, cells by field id, times in milliseconds.",
    "Bika records, v2": "Pages behind a cursor, fields by name or id, times in ISO 8601.",
    "Bika databases": "A database and its fields.",
    "Bika structure": "Folders, databases and fields: made, changed and deleted by the owners of a space.",
    "Bika members": "Who belongs to a space, and as what.",
    "Bika webhooks": "Who is told of what happens in a space, and what became of it.",
    "Bika account and spaces": "Who is calling, their spaces, and the tree of each.",
}
_ATTACHMENTS, _V1, _V2, _DATABASES, _STRUCTURE, _PEOPLE, _WEBHOOKS, _ACCOUNT = _TAGS

_TEXT = f"""\
Bika.ai's OpenAPI as Holdall speaks it: upload files to a space, then attach them to records.

Every call but a signed link carries `Authorization: Bearer <token>`. Every answer in JSON is an envelope of
`success`, `code`, `message` and `data`; a failure has the HTTP status as its `code`, except {errors.INVALID_CELL},
which is answered with 400. An unknown path, and a method that a path does not have, is a 404 in the same envelope.
HEAD is answered wherever GET is. Every answer carries `X-Request-Id`, by which the server's logs name the call.

What Holdall adds to Bika's API is marked as an extension.
"""


def describe() -> Description:
    """Every operation, with everything it can answer."""
    return Description(
        title="Bika's API",
        text=_TEXT,
        operations=[
            *_attachments(),
            *_records_v1(),
            *_records_v2(),
            *_databases(),
            *_shaping_of_nodes(),
            *_shaping_of_fields(),
            *_shaping_of_views(),
            *_people(),
            *_webhooks(),
            *_account(),
        ],
        schemas={**SCHEMAS, **webhooks_openapi.SCHEMAS},
        security_schemes={
            TOKEN: {
                "type": "http",
                "scheme": "bearer",
                "description": "A personal access token: `bkt` and 32 letters and digits. Reading needs its scope "
                "`read`, changing needs `write`.",
            }
        },
        tags=_TAGS,
        names=_NAMES,
    )


_NAMES = {
    "bikaListSpaces": Names("space_id", "/data/0/id"),
    "bikaListNodes": Names("node_id", "/data/0/id"),
    "bikaCreateNode": Names("node_id", "/data/id"),
    "bikaListFields": Names("field_id", "/data/0/id"),
    "bikaCreateField": Names("field_id", "/data/id"),
    "bikaListViews": Names("view_id", "/data/0/id"),
    "bikaCreateView": Names("view_id", "/data/id"),
    "bikaCreateAttachment": Names("attachment_id", "/data/0/id"),
    "bikaListAttachments": Names("attachment_id", "/data/attachments/0/id"),
    "bikaListRecordsV1": Names("record_id", "/data/records/0/recordId"),
    "bikaCreateRecordV1": Names("record_id", "/data/id"),
    "bikaListRecords": Names("record_id", "/data/records/0/id"),
    "bikaCreateRecords": Names("record_id", "/data/records/0/id"),
    "bikaListMembers": Names("member_id", "/data/0/id"),
    "bikaAddMember": Names("member_id", "/data/id"),
    "bikaListWebhooks": Names("webhook_id", "/data/0/id"),
    "bikaCreateWebhook": Names("webhook_id", "/data/id"),
    "bikaListDeliveries": Names("delivery_id", "/data/deliveries/0/id"),
}
"""What answers name that other calls take; the first of a list. Links follow from it (``web.openapi``)."""


def _operation(
    method: str,
    path: str,
    id: str,
    tag: str,
    summary: str,
    responses: Mapping[str, Json],
    description: str = "",
    parameters: Sequence[Json] = (),
    request_body: Json | None = None,
) -> Operation:
    """An operation that wants a token."""
    return Operation(
        method=method,
        path=path,
        id=f"bika{id}",
        summary=summary,
        description=description,
        parameters=[*_ids(path), *parameters],
        request_body=request_body,
        responses=responses,
        tags=[tag],
        security=[{TOKEN: []}],
    )


_IDS = {
    "space_id": sample.SPACE_ID,
    "node_id": sample.DATABASE_ID,
    "database_id": sample.DATABASE_ID,
    "record_id": sample.RECORD_ID,
    "field_id": sample.FIELD_ID,
    "attachment_id": sample.UPLOAD_ID,
    "view_id": sample.VIEW_ID,
    "field": "Images",
    "member_id": sample.MEMBER_ID,
    "webhook_id": webhooks_openapi.WEBHOOK_ID,
    "delivery_id": webhooks_openapi.DELIVERY_ID,
}


def _ids(path: str) -> list[Json]:
    return [
        parameter("path", name, {"type": "string"}, example=id) for name, id in _IDS.items() if f"{{{name}}}" in path
    ]


def _answers(
    description: str, data: Json, examples: Mapping[str, Any], failures: Failures, headers: Json | None = None
) -> dict[str, Json]:
    """The success envelope around ``data``, and the failures."""
    return {**openapi.success(description, envelope(data), examples, headers), **_failed(failures)}


def _failed(failures: Failures) -> dict[str, Json]:
    return openapi.failures(errors.render, ref("BikaError"), failures, Request({"type": "http", "headers": []}))


_FORM = openapi.form_body(
    object_of(
        {
            "file": list_of(
                openapi.FILE,
                f"One file or several. More than one in a request: {EXTENSION}",
                minItems=1,
                maxItems=MAX_FILES,
            )
        }
    ),
    "Parts called `file`, each with a file name. The type that a part declares is not looked at.",
)


# ── attachments ──────────────────────────────────────────────────────────────────────────────────────────────────


def _attachments() -> list[Operation]:
    description = (
        "Each file is checked from its first byte to its last, and for malware, before it is kept; all files of a "
        'request are kept, or none. An upload attaches nothing by itself: write `[{"id": …}]` into an attachment '
        "cell afterwards."
    )
    answers = _answers(
        "One object for each file, in the order of the parts.",
        list_of(ref("BikaUpload")),
        {"one image": sample.uploaded()},
        failures.UPLOAD,
    )
    return [
        _operation(
            "POST",
            _SPACE + "/attachments",
            "CreateAttachment",
            _ATTACHMENTS,
            "Upload files to a space",
            answers,
            description,
            doors.UPLOAD_HEADERS,
            _FORM,
        ),
        *_cell(),
        *_files_of_space(),
        _download(),
        _file_log(),
        _signed_link(),
    ]


def _cell() -> list[Operation]:
    """An attachment cell as a resource."""
    path = _RECORD_V1 + "/fields/{field}/attachments"
    cell = ref("BikaAttachmentCell")
    read = _answers("The cell.", cell, {"one image": sample.cell()}, {**failures.READER, **failures.CELL}, _ETAG)
    changed = _answers("The cell.", cell, {"one image": sample.cell()}, failures.EDITING, _ETAG)
    attached = _answers(
        "At least one file came in.",
        ref("BikaAttached"),
        {
            "one of two": sample.attached(),
            "the record was deleted while they came": sample.attached(is_there=False),
        },
        failures.ATTACHING,
        _ETAG,
    )
    ids = list_of(openapi.text(), maxItems=MAX_ITEMS)
    body = openapi.json_body(
        object_of(
            {
                "remove": {**ids, "description": "Ids to take out; first of all."},
                "append": list_of(ref("BikaAttachmentToWrite"), "To hang at the end.", maxItems=MAX_ITEMS),
                "order": {**ids, "description": "Ids to stand first; the others follow as they are. Last of all."},
            },
            optional=["remove", "append", "order"],
        ),
        "What is to change.",
        {
            "one more": {"append": [{"id": sample.UPLOAD_ID, "name": "roof.png"}]},
            "one less": {"remove": [sample.UPLOAD_ID]},
            "to the front": {"order": [sample.UPLOAD_ID]},
        },
    )
    return [
        _file_operation("GET", path, "ListCell", "List the files of a cell", read, "In order."),
        _file_operation(
            "PATCH",
            path,
            "EditCell",
            "Append, remove and reorder files of a cell",
            changed,
            "The rest stays as it is, whoever else changes the cell meanwhile. What hangs there already is not hung "
            "there twice.",
            [_ONCE, _IF_MATCH],
            body,
        ),
        _file_operation(
            "POST",
            path,
            "AttachFiles",
            "Upload files straight into a cell",
            attached,
            "Each is checked as any upload, and has an outcome of its own; those that are fine are hung at the end of "
            "the cell in one change of the record. Where none is, the answer is the first one's error.",
            [*doors.UPLOAD_HEADERS, _IF_MATCH],
            _FORM,
        ),
    ]


def _download() -> Operation:
    return _file_operation(
        "GET",
        _FILE_OF_SPACE + "/download",
        "DownloadAttachment",
        "Read a file by token",
        {**doors.served_file("roof.png"), **_failed(failures.DOWNLOAD)},
        "The bytes themselves, as by a signed link.",
        doors.FILE_HEADERS,
    )


_FILE_OF_SPACE = _SPACE + "/attachments/{attachment_id}"


def _files_of_space() -> list[Operation]:
    """Attachments as a resource of their own."""
    listed, deleted = sample.listed(), sample.listed(deleted=True)
    page = object_of(
        {"attachments": list_of(ref("BikaListedUpload")), "hasMore": {"type": "boolean"}, "offset": openapi.text()},
        optional=["offset"],
    )
    lists = _answers(
        "A page, newest first.",
        page,
        {"the only page": sample.enveloped({"attachments": [listed], "hasMore": False})},
        failures.FILES,
    )
    one, gone = ref("BikaListedUpload"), {"a deleted file": sample.enveloped(deleted)}
    reading = {**failures.READER, **failures.FILE_OF_SPACE}
    writing = {**failures.WRITER, **failures.FILE_OF_SPACE, **failures.PIKAS}
    found = {"an image in a cell": sample.enveloped(sample.found())}
    there = {"a file": sample.enveloped(listed)}
    moved = {"307": {"description": "To a signed link.", "headers": {"Location": openapi.header("The link.")}}}
    flag: Json = {"type": "string", "enum": ["true", "false"]}
    narrowing = [
        parameter("query", "mimeType", {"type": "string", "maxLength": 255}, "A type, or `image/*`.", "image/*"),
        parameter("query", "name", {"type": "string", "maxLength": 255}, "A part of what the client called it."),
        parameter("query", "attached", flag, "Those that hang in a cell, or those that hang in none."),
        parameter("query", "deleted", flag, "Those that can be restored."),
        parameter(
            "query",
            "state",
            {"type": "string", "enum": list(STATES)},
            "`flagged`: something was found in it. `infected`: in quarantine, with no links. "
            "`lost`: its bytes are, and it has no links until they come again.",
        ),
        parameter("query", "minSize", {"type": "integer", "minimum": 0}, "Bytes, inclusive."),
        parameter("query", "maxSize", {"type": "integer", "minimum": 0}, "Bytes, inclusive."),
        parameter("query", "createdFrom", {"type": "string"}, "ISO 8601, inclusive; in UTC unless it says otherwise."),
        parameter("query", "createdBefore", {"type": "string"}, "As createdFrom, exclusive."),
        parameter("query", "usedIn", {"type": "string"}, "The id of a database; those that hang in its records."),
    ]
    new_name = openapi.json_body(
        object_of({"name": openapi.text("To be shown; paths and what nobody sees are taken out.")}),
        "",
        {"a name": {"name": "r.png"}},
    )
    return [
        _file_operation(
            "GET",
            _SPACE + "/attachments",
            "ListAttachments",
            "List the files of a space",
            lists,
            "Newest first.",
            [*narrowing, _PAGE_SIZE, _CURSOR],
        ),
        _file_operation(
            "GET",
            _FILE_OF_SPACE,
            "GetAttachment",
            "Look at a file",
            _answers("The file, and where it hangs.", one, found, reading),
            "Deleted ones are told of until they are gone for good.",
        ),
        _file_operation(
            "PATCH",
            _FILE_OF_SPACE,
            "RenameAttachment",
            "Rename a file",
            _answers("The file.", one, there, {**writing, **failures.NEW_NAME}),
            "Cells keep the names that they show.",
            [],
            new_name,
        ),
        _file_operation(
            "DELETE",
            _FILE_OF_SPACE,
            "DeleteAttachment",
            "Delete a file",
            _answers("The deleted file.", one, gone, writing),
            "Out of links, cells and lists at once; it can be restored for a week unless set "
            "otherwise. Safe to repeat.",
        ),
        _file_operation(
            "POST",
            _FILE_OF_SPACE + "/restore",
            "RestoreAttachment",
            "Restore a deleted file",
            _answers("The file.", one, there, writing),
            "To every cell that it hung in. Safe to repeat.",
        ),
        _file_operation(
            "GET",
            _FILE_OF_SPACE + "/content",
            "GetContent",
            "Read a file",
            {**moved, **_failed(reading)},
            "For those who have its id and no link.",
        ),
    ]


def _file_operation(
    method: str,
    path: str,
    id: str,
    summary: str,
    answers: Mapping[str, Json],
    description: str,
    parameters: Sequence[Json] = (),
    request_body: Json | None = None,
) -> Operation:
    """An extension."""
    told = f"{description} {EXTENSION}"
    return _operation(method, path, id, _ATTACHMENTS, summary, answers, told, parameters, request_body)


def _file_log() -> Operation:
    answers = _answers(
        "A page of events, newest first.",
        ref("BikaFileLog"),
        {"the last page": sample.file_log(), "with a page to follow": sample.file_log(more=True)},
        failures.FILE_LOG,
    )
    return _operation(
        "GET",
        _SPACE + "/attachments/{attachment_id}/log",
        "ListFileEvents",
        _ATTACHMENTS,
        "List what was done with a file",
        answers,
        "Uploads, reads, links and refusals: who, when, from where, and what came of it. For owners and editors of "
        f"the space. An event shows up within a second, and is kept for 90 days unless set otherwise. {EXTENSION}",
        [_PAGE_SIZE, _CURSOR],
    )


def _signed_link() -> Operation:
    return Operation(
        method="GET",
        path=SIGNED_PREFIX + "{path}",
        id="bikaGetFile",
        summary="Read a file by a signed link",
        description="Use the `url` and `thumbnailUrl` of an attachment as they come: the signature is the permission, "
        f"no token is needed, and the link expires. {EXTENSION}",
        parameters=[
            parameter("path", "path", {"type": "string"}, "With its slashes.", sample.UPLOAD_PATH),
            parameter("query", "e", {"type": "string"}, "When the link expires, in seconds since 1970."),
            parameter("query", "s", {"type": "string"}, "The signature."),
            *doors.FILE_HEADERS,
        ],
        responses={**doors.served_file("roof.png"), **_failed(failures.FILE)},
        tags=[_ATTACHMENTS],
    )


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────

_PAGE_SIZE = parameter(
    "query",
    "pageSize",
    {"type": "integer", "minimum": 1, "maximum": query.MAX_PAGE, "default": query.DEFAULT_PAGE},
)
_CURSOR = parameter("query", "offset", {"type": "string"}, "The cursor of the previous answer.")
_WHICH = (
    parameter(
        "query",
        "filter",
        {"type": "string", "maxLength": filter_language.MAX_LENGTH},
        "Which records: conditions joined by `;` or `and`, `,` or `or`, such as `Stage==Open;Score>=3`. Parentheses "
        f"that group, both kinds of connectives in one filter, date-times and parts of attachments: {EXTENSION}",
        example="Stage!=Done;Score>=3",
    ),
    parameter(
        "query",
        "sort",
        {"type": "string"},
        f"A JSON array of at most {listing.MAX_SORTS} keys; `sort[0][field]` and `sort[0][order]` say the same. Empty "
        "cells come last either way.",
        example='[{"field":"Name","order":"asc"}]',
    ),
    parameter("query", "sort[0][field]", {"type": "string"}, "The first key of the order, by name or id."),
    parameter("query", "sort[0][order]", {"type": "string", "enum": ["asc", "desc"], "default": "asc"}),
    parameter(
        "query",
        "viewId",
        {"type": "string"},
        "Through which view: its filter holds beside the one asked for, its order where none is asked for, and its "
        "hidden fields are left out. `view` says the same.",
    ),
)
_FIELD_KEY = parameter(
    "query",
    "fieldKey",
    {"type": "string", "enum": ["name", "id"], "default": "name"},
    "What names the fields in the answer.",
)
_FIELD_KEY_IN_BODY = openapi.text("As in the query, which it outweighs.", enum=["name", "id"])
_WANTED_FIELDS = parameter("query", "fields", {"type": "string"}, "Only these fields: repeated, or joined by commas.")
_CELL_FORMAT = parameter(
    "query",
    "cellFormat",
    {"type": "string", "enum": ["json", "string"], "default": "json"},
    "`string`: every cell as text, files as `name(url)`.",
)
_LOCAL = (
    parameter(
        "query",
        "timeZone",
        {"type": "string"},
        "An IANA name, in which times as strings and days are told; without it, the field's own, else UTC.",
        example="Europe/Berlin",
    ),
    parameter(
        "query", "userLocale", {"type": "string", "enum": list(LOCALES)}, "Every form of a cell is the same in all."
    ),
)
_ONCE = parameter(
    "header",
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
    "Makes a repeated request safe: the same key with the same request does nothing again, and is answered with the "
    f"same records as they are now, for a day. The same key with another request is refused. {EXTENSION}",
)
_IF_MATCH = parameter(
    "header",
    "If-Match",
    {"type": "string"},
    f"The ETag of the record as the client knows it, which is its revision; 412 if it has changed. {EXTENSION}",
    example='"7"',
)
_ETAG = {"ETag": openapi.header(f"The record's revision, for If-Match. {EXTENSION}", '"7"')}
_READ_OF_ONE = {**failures.READER, **failures.RECORD_MISSING, **failures.LOCAL}
_CREATION = {
    **failures.WRITER,
    **failures.DATABASE_MISSING,
    **failures.CELLS,
    **failures.REPEATED,
    **failures.LOCAL,
}
_WRITING = {**failures.WRITER, **failures.RECORD_MISSING, **failures.CELLS, **failures.REPEATED, **failures.LOCAL}
_DELETION = {**failures.WRITER, **failures.RECORD_MISSING, **failures.REPEATED}


def _records_v1() -> list[Operation]:
    page = _answers(
        "A page of records in the order asked for, else oldest first.",
        ref("BikaPageV1"),
        {"the first page": sample.page_v1()},
        {
            **failures.READER,
            **failures.LISTING,
            **failures.PAGE_SIZE,
            **failures.PAGE_NUMBER,
            **failures.LOCAL,
        },
    )
    page_parameters = [
        *_LOCAL,
        parameter("query", "pageNum", {"type": "integer", "minimum": 1, "default": 1}),
        _PAGE_SIZE,
        _WANTED_FIELDS,
        *_WHICH,
    ]
    created = _answers("The new record.", ref("BikaRecordCells"), {"created": sample.record_cells()}, _CREATION, _ETAG)
    new = _cells_body({"with an attachment": {"cells": sample.WRITTEN}})
    list_page = _operation(
        "GET", _RECORDS_V1, "ListRecordsV1", _V1, "List records by page number", page, "", page_parameters
    )
    create = _operation(
        "POST", _RECORDS_V1, "CreateRecordV1", _V1, "Create a record", created, "", [_ONCE, *_LOCAL], new
    )
    return [list_page, create, *_one_v1(), *_updates_v1(), _history()]


def _one_v1() -> list[Operation]:
    """Reading, which Bika has in v2 alone, and deletion."""
    read = _answers("The record.", ref("BikaRecordCells"), {"a record": sample.record_cells()}, _READ_OF_ONE, _ETAG)
    deleted = _answers(
        "It is deleted.", {"const": True}, {"deleted": sample.deleted_v1()}, {**_DELETION, **failures.STALE}
    )
    return [
        _operation("GET", _RECORD_V1, "GetRecordV1", _V1, "Read a record", read, f"In cell form. {EXTENSION}", _LOCAL),
        _operation(
            "DELETE", _RECORD_V1, "DeleteRecordV1", _V1, "Delete a record", deleted, _LET_GO, [_ONCE, _IF_MATCH]
        ),
    ]


_LET_GO = "Files that hung on it stay in the space."


def _history() -> Operation:
    answers = _answers(
        "A page of what was done, newest first.",
        ref("BikaHistory"),
        {"the last page": sample.history(), "with a page to follow": sample.history(more=True)},
        {**_READ_OF_ONE, **failures.FIELD_KEY, **failures.PAGE_SIZE, **failures.CURSOR},
    )
    return _operation(
        "GET",
        _RECORD_V1 + "/history",
        "ListRecordHistory",
        _V1,
        "List what was done to a record",
        answers,
        f"Who made, changed or deleted it, when, and each cell before and after. It outlives the record. {EXTENSION}",
        [_PAGE_SIZE, _CURSOR, _FIELD_KEY, *_LOCAL],
    )


def _updates_v1() -> list[Operation]:
    """The documented form with the id in the body, and the two with the id in the path that clients use."""
    changed = _answers(
        "The record after the change.",
        ref("BikaRecordCells"),
        {"changed": sample.record_cells()},
        {**_WRITING, **failures.STALE},
        _ETAG,
    )
    named_in_body = openapi.json_body(
        object_of({"id": openapi.text("The record."), "cells": ref("BikaCells")}),
        "The record's id and its new cells.",
        {
            "attach an upload": {"id": sample.RECORD_ID, "cells": sample.ATTACHING},
            "the whole upload object, as the how-to sends it": {"id": sample.RECORD_ID, "cells": sample.echoing()},
        },
    )
    by_body = _operation(
        "PATCH",
        _RECORDS_V1,
        "UpdateRecordV1",
        _V1,
        "Change a record, named in the body",
        changed,
        "Cells that are not named stay; `null` empties a cell.",
        [_ONCE, _IF_MATCH, *_LOCAL],
        named_in_body,
    )
    by_path = [
        _operation(
            method,
            _RECORD_V1,
            f"UpdateRecordV1By{method.capitalize()}",
            _V1,
            "Change a record, named in the path",
            changed,
            "As PATCH without the id in the path, which is the documented form.",
            [_ONCE, _IF_MATCH, *_LOCAL],
            _cells_body({"attach an upload": {"cells": sample.ATTACHING}}),
        )
        for method in ("PATCH", "PUT")
    ]
    return [by_body, *by_path]


def _cells_body(examples: Mapping[str, Any]) -> Json:
    return openapi.json_body(object_of({"cells": ref("BikaCells")}), "The cells.", examples)


def _records_v2() -> list[Operation]:
    asked = {**failures.FIELD_KEY, **failures.CELL_FORMAT}
    page = _answers(
        "A page of records in the order asked for, else oldest first. `offset` is there only while there is more.",
        ref("BikaPage"),
        {"the last page": sample.page_v2(), "with a page to follow": sample.page_v2(more=True)},
        {
            **failures.READER,
            **failures.LISTING,
            **failures.PAGE_SIZE,
            **failures.CURSOR,
            **failures.FOREIGN_CURSOR,
            **failures.LOCAL,
            **asked,
        },
    )
    most = parameter("query", "maxRecords", {"type": "integer", "minimum": 1}, "The cap over all pages.")
    page_parameters = [
        _PAGE_SIZE,
        _CURSOR,
        most,
        _WANTED_FIELDS,
        *_WHICH,
        _FIELD_KEY,
        _CELL_FORMAT,
        *_LOCAL,
    ]
    record = _answers(
        "The record.",
        ref("BikaRecord"),
        {"as JSON": sample.record_v2(), "cellFormat=string": sample.record_v2(as_text=True)},
        {**_READ_OF_ONE, **asked},
        _ETAG,
    )
    list_page = _operation(
        "GET", _RECORDS_V2, "ListRecords", _V2, "List records behind a cursor", page, "", page_parameters
    )
    get = _operation(
        "GET",
        _RECORD_V2,
        "GetRecord",
        _V2,
        "Read a record",
        record,
        "",
        [_FIELD_KEY, _CELL_FORMAT, *_LOCAL],
    )
    return [list_page, _create_v2(), get, _update_v2(), *_updates_v2(), *_deletions_v2()]


def _create_v2() -> Operation:
    row = object_of({"fields": ref("BikaCells")})
    records = list_of(row, minItems=1, maxItems=MAX_BATCH)
    return _operation(
        "POST",
        _RECORDS_V2,
        "CreateRecords",
        _V2,
        f"Create 1 to {MAX_BATCH} records",
        _answers(
            "The new records, in the order of the request.",
            object_of({"records": list_of(ref("BikaRecord"))}),
            {"created": sample.created_v2()},
            {**_CREATION, **failures.FIELD_KEY},
        ),
        "All of them, or none.",
        [_FIELD_KEY, _ONCE, *_LOCAL],
        openapi.json_body(
            object_of({"fieldKey": _FIELD_KEY_IN_BODY, "records": records}, optional=["fieldKey"]),
            "The fields of each record.",
            {"with an attachment": {"records": [{"fields": sample.WRITTEN}]}},
        ),
    )


def _update_v2() -> Operation:
    return _operation(
        "PUT",
        _RECORD_V2,
        "UpdateRecord",
        _V2,
        "Change a record",
        _answers(
            "The record after the change.",
            ref("BikaRecord"),
            {"changed": sample.record_v2()},
            {**_WRITING, **failures.FIELD_KEY, **failures.STALE},
            _ETAG,
        ),
        "Fields that are not named stay, although it is a PUT; `null` empties a cell.",
        [_FIELD_KEY, _ONCE, _IF_MATCH, *_LOCAL],
        openapi.json_body(
            object_of({"fieldKey": _FIELD_KEY_IN_BODY, "fields": ref("BikaCells")}, optional=["fieldKey"]),
            "The new fields.",
            {"attach an upload": {"fields": sample.ATTACHING}},
        ),
    )


def _updates_v2() -> list[Operation]:
    """The same by the two methods that clients use."""
    row = object_of(
        {
            "id": openapi.text("The record."),
            "recordId": openapi.text("As `id`, which it stands in for."),
            "fields": ref("BikaCells"),
        },
        optional=["id", "recordId"],
    )
    body = openapi.json_body(
        object_of(
            {"fieldKey": _FIELD_KEY_IN_BODY, "records": list_of(row, minItems=1, maxItems=MAX_BATCH)},
            optional=["fieldKey"],
        ),
        "The records and their new fields; each record once.",
        {"attach an upload": {"records": [{"id": sample.RECORD_ID, "fields": sample.ATTACHING}]}},
    )
    answers = _answers(
        "The records after the change, in the order of the request.",
        object_of({"records": list_of(ref("BikaRecord"))}),
        {"changed": sample.created_v2()},
        {**_WRITING, **failures.FIELD_KEY, **failures.SEVERAL},
    )
    return [
        _operation(
            method,
            _RECORDS_V2,
            f"UpdateRecordsBy{method.capitalize()}",
            _V2,
            f"Change 1 to {MAX_BATCH} records",
            answers,
            "All of them, or none. Fields that are not named stay; `null` empties a cell.",
            [_FIELD_KEY, _ONCE, *_LOCAL],
            body,
        )
        for method in ("PUT", "PATCH")
    ]


def _deletions_v2() -> list[Operation]:
    one = _answers(
        "It is deleted.", ref("BikaDeleted"), {"deleted": sample.deleted_v2()}, {**_DELETION, **failures.STALE}
    )
    several = _answers(
        "They are deleted.",
        object_of({"records": list_of(ref("BikaDeleted"))}),
        {"deleted": sample.deleted_v2(several=True)},
        {**_DELETION, **failures.READING, **failures.SEVERAL},
    )
    named = parameter(
        "query",
        "records",
        {"type": "array", "items": {"type": "string"}, "maxItems": MAX_BATCH},
        "Ids, as `records=…&records=…`; without them, the body has them.",
    )
    body = openapi.json_body(
        object_of({"recordIds": list_of(openapi.text(), minItems=1, maxItems=MAX_BATCH)}),
        "Ids, where the query has none.",
        {"one": {"recordIds": [sample.RECORD_ID]}},
    )
    return [
        _operation("DELETE", _RECORD_V2, "DeleteRecord", _V2, "Delete a record", one, _LET_GO, [_ONCE, _IF_MATCH]),
        _operation(
            "DELETE",
            _RECORDS_V2,
            "DeleteRecords",
            _V2,
            f"Delete 1 to {MAX_BATCH} records",
            several,
            f"All of them, or none. {_LET_GO}",
            [named, _ONCE],
            {**body, "required": False},
        ),
    ]


# ── databases, spaces, the caller ────────────────────────────────────────────────────────────────────────────────


def _read(
    path: str, id: str, tag: str, summary: str, told: str, data: Json, example: Any, missing: Failures
) -> Operation:
    """A plain question that takes nothing but ids."""
    responses = _answers(told, data, {"an example": example}, {**failures.READER, **missing})
    return _operation("GET", path, id, tag, summary, responses)


def _databases() -> list[Operation]:
    missing = failures.DATABASE_MISSING
    database, fields = ref("BikaDatabase"), list_of(ref("BikaField"))
    path, field_path, view_path, tag = _DATABASE, _DATABASE + "/fields", _DATABASE + "/views", _DATABASES
    views = list_of(ref("BikaView"))
    return [
        _read(
            path,
            "GetDatabase",
            tag,
            "Read a database",
            "With its fields and views.",
            database,
            sample.database(),
            missing,
        ),
        _read(field_path, "ListFields", tag, "List a database's fields", "In order.", fields, sample.fields(), missing),
        _read(view_path, "ListViews", tag, "List a database's views", "In order.", views, sample.views(), missing),
        _read(
            view_path + "/{view_id}",
            "GetView",
            tag,
            "Read a view",
            f"With its filter, order and hidden fields. {EXTENSION}",
            ref("BikaView"),
            sample.view(),
            failures.VIEW_MISSING,
        ),
    ]


def _account() -> list[Operation]:
    tag, spaces_path = _ACCOUNT, PREFIX + "/v1/spaces"
    meta_path, node_path = PREFIX + "/v1/system/meta", _SPACE + "/nodes"
    meta_told = "The version, and the request's headers without those that carry credentials."
    meta, space, node = ref("BikaMeta"), ref("BikaSpace"), ref("BikaNode")
    spaces, nodes = list_of(ref("BikaSpace")), list_of(node)
    no_space, no_node = failures.SPACE_MISSING, failures.NODE_MISSING
    one_node = node_path + "/{node_id}"
    return [
        _read(meta_path, "SystemMeta", tag, "What runs here", meta_told, meta, sample.meta(), {}),
        _profile(),
        _read(spaces_path, "ListSpaces", tag, "List the caller's spaces", "Oldest first.", spaces, sample.spaces(), {}),
        _read(_SPACE, "GetSpace", tag, "Read a space", "The space.", space, sample.space(), no_space),
        _read(
            node_path, "ListNodes", tag, "List a space's tree", "Flat, parents first.", nodes, sample.nodes(), no_space
        ),
        _read(one_node, "GetNode", tag, "Read a node", "The node.", node, sample.node(), no_node),
        *_absent(),
    ]


def _absent() -> list[Operation]:
    """What Holdall has none of."""
    tag, none = _ACCOUNT, sample.enveloped([])
    told, triggers = "There are none: Holdall has no automations.", list_of(ref("BikaTrigger"))
    in_space, anywhere = (
        _SPACE + "/resources/automation/{node_id}/triggers",
        PREFIX + "/v1/automations/{node_id}/triggers",
    )
    asked = "List a node's triggers"
    links, no_links = list_of(ref("BikaEmbedLink")), "There are none."
    return [
        _read(in_space, "ListTriggersInSpace", tag, asked, told, triggers, none, failures.NODE_MISSING),
        _read(anywhere, "ListTriggers", tag, asked, told, triggers, none, failures.NO_SUCH_NODE),
        _read(
            _SPACE + "/embed-links",
            "ListEmbedLinks",
            tag,
            "List a space's links to embed",
            no_links,
            links,
            none,
            failures.SPACE_MISSING,
        ),
    ]


def _shaping_of_views() -> list[Operation]:
    views, view = _DATABASE + "/views", _DATABASE + "/views/{view_id}"
    shown, there = ref("BikaView"), {"a view": sample.view()}
    board = {"name": "By stage", "type": "KANBAN", "filter": "Stage!=Done", "sort": [{"field": "Stage"}]}
    gone = object_of({"id": openapi.text(), "deleted": {"type": "boolean"}})
    return [
        _shaping_operation(
            "POST",
            views,
            "CreateView",
            "Make a view",
            _answers("The view.", shown, there, failures.VIEW_SHAPING),
            "Last among the database's views unless `position` says where.",
            [],
            openapi.json_body(ref("BikaNewView"), "", {"a board": board}),
        ),
        _shaping_operation(
            "PATCH",
            view,
            "ChangeView",
            "Change a view",
            _answers("The view.", shown, there, {**failures.VIEW_SHAPING, **failures.NO_VIEW}),
            "What is left out stays.",
            [],
            openapi.json_body(ref("BikaViewToChange"), "", {"hidden fields": {"hiddenFields": ["Images"]}}),
        ),
        _shaping_operation(
            "DELETE",
            view,
            "DeleteView",
            "Delete a view",
            _answers(
                "What went.",
                gone,
                {"deleted": sample.deleted_view()},
                {**failures.SHAPER, **failures.READING, **failures.NO_VIEW},
            ),
            "No record is touched.",
        ),
    ]


def _people() -> list[Operation]:
    """Members and roles."""
    path, member, one = _SPACE + "/members", ref("BikaSpaceMember"), {"a member": sample.member()}
    role = openapi.text(enum=[role.value for role in Role])
    new = openapi.json_body(
        object_of({"login": openapi.text("The name that they sign in with."), "role": role}, optional=["role"]),
        "Who, and as what: an editor unless said otherwise.",
        {"a viewer": {"login": "otto", "role": "viewer"}},
    )
    changed = openapi.json_body(object_of({"role": role}), "", {"a viewer": {"role": "viewer"}})
    gone = {"removed": sample.enveloped({"id": sample.MEMBER_ID, "deleted": True})}
    added = _answers("The new member.", member, one, failures.ADDING)
    shown = _answers("The member.", member, one, failures.CHANGING)
    removed = _answers("They belong to the space no longer.", ref("BikaDeleted"), gone, failures.REMOVING)
    owners = f"For owners of the space; it stands in the audit log. {EXTENSION}"
    missing, listed = failures.SPACE_MISSING, list_of(member)
    return [
        _read(
            path, "ListMembers", _PEOPLE, "List a space's members", "Oldest first.", listed, sample.members(), missing
        ),
        _operation("POST", path, "AddMember", _PEOPLE, "Add a member", added, owners, [], new),
        _operation(
            "PATCH", path + "/{member_id}", "ChangeMember", _PEOPLE, "Change a role", shown, owners, [], changed
        ),
        _operation(
            "DELETE",
            path + "/{member_id}",
            "RemoveMember",
            _PEOPLE,
            "Remove a member",
            removed,
            f"What they brought stays. {owners}",
        ),
        _read(
            _SPACE + "/roles",
            "ListRoles",
            _PEOPLE,
            "List what a member can be",
            "The same in every space.",
            list_of(ref("BikaRole")),
            sample.roles(),
            missing,
        ),
    ]


# ── structure ────────────────────────────────────────────────────────────────────────────────────────────────────

_FLAG: Json = {"type": "string", "enum": ["false", "true"], "default": "false"}
_DRY = parameter("query", "dryRun", _FLAG, "Only say what it would do.")
_ALLOW_LOSS = parameter("query", "allowLoss", _FLAG, "Do it whatever that costs; else 409, with the same report.")


def _shaping_operation(
    method: str,
    path: str,
    id: str,
    summary: str,
    answers: Mapping[str, Json],
    description: str,
    parameters: Sequence[Json] = (),
    request_body: Json | None = None,
) -> Operation:
    """An extension for owners, safe to repeat."""
    told = f"{description} For owners of the space. {EXTENSION}"
    return _operation(method, path, id, _STRUCTURE, summary, answers, told, [*parameters, _ONCE], request_body)


def _shaping_of_nodes() -> list[Operation]:
    nodes, node = _SPACE + "/nodes", _SPACE + "/nodes/{node_id}"
    shown, there = ref("BikaNode"), {"a node": sample.node()}
    new = object_of(
        {
            "type": openapi.text(enum=["FOLDER", "DATABASE"]),
            "name": NAME,
            "description": DESCRIPTION,
            "parentId": openapi.text("A folder; left out: the root."),
            "fields": list_of(
                ref("BikaNewField"),
                "Of a database; the first is the primary one, or that which says `primary`. Left out: one of text.",
            ),
        },
        optional=["description", "parentId", "fields"],
    )
    other = object_of(
        {
            "name": NAME,
            "description": DESCRIPTION,
            "parentId": openapi.text("Move it there."),
            "preNodeId": {"type": ["string", "null"], "description": "Put it behind this sibling; `null`: first."},
        },
        optional=["name", "description", "parentId", "preNodeId"],
    )
    gone = object_of(
        {
            "id": openapi.text(),
            "deleted": {"type": "boolean"},
            "restorableUntil": {"type": ["string", "null"], "format": "date-time"},
            "change": ref("BikaNodeRemoval"),
            "dryRun": {"type": "boolean"},
        }
    )
    found = failures.NODE_GONE
    deleting = {**failures.SHAPING, **found, **failures.NODE_STAYS, **failures.NODES_LOST, **failures.DRY}
    fields: list[Json] = [{"name": "Title", "type": "SINGLE_TEXT"}, {"name": "Due", "type": "DATETIME"}]
    return [
        _shaping_operation(
            "POST",
            nodes,
            "CreateNode",
            "Make a folder or a database",
            _answers("The node.", shown, there, {**failures.SHAPING, **found}),
            "Last among its siblings.",
            [],
            openapi.json_body(new, "", {"a database": {"type": "DATABASE", "name": "Items", "fields": fields}}),
        ),
        _shaping_operation(
            "PATCH",
            node,
            "ChangeNode",
            "Rename, describe or move a node",
            _answers("The node.", shown, there, {**failures.SHAPING, **found, **failures.NODE_STAYS}),
            "What is left out stays.",
            [],
            openapi.json_body(other, "", {"a name": {"name": "Claims"}, "first of all": {"preNodeId": None}}),
        ),
        _shaping_operation(
            "DELETE",
            node,
            "DeleteNode",
            "Delete a node",
            _answers(
                "What went.",
                gone,
                {"deleted": sample.deleted_node(), "a dry run": sample.deleted_node(dry=True)},
                deleting,
            ),
            "Out of sight at once, with everything below it; it can be restored for a week unless set otherwise.",
            [parameter("query", "recursive", _FLAG, "Also with nodes below it; else 409."), _DRY],
        ),
        _shaping_operation(
            "POST",
            node + "/restore",
            "RestoreNode",
            "Restore a deleted node",
            _answers("The node.", shown, there, {**failures.SHAPER, **found, **failures.NODE_STUCK}),
            "With what was deleted with it, to where it was. Safe to repeat.",
        ),
    ]


def _shaping_of_fields() -> list[Operation]:
    fields, field = _DATABASE + "/fields", _DATABASE + "/fields/{field_id}"
    dry: Json = {"type": "boolean"}
    changed = object_of({"field": ref("BikaField"), "change": ref("BikaFieldChange"), "dryRun": dry})
    gone = object_of(
        {"id": openapi.text(), "deleted": {"type": "boolean"}, "change": ref("BikaFieldChange"), "dryRun": dry}
    )
    terms, lossy = (
        [_DRY, _ALLOW_LOSS],
        {**failures.SHAPING, **failures.NO_FIELD, **failures.VALUES_LOST, **failures.DRY},
    )
    select = {"name": "Stage", "type": "SINGLE_SELECT", "property": {"options": [{"name": "Open", "color": "red"}]}}
    return [
        _shaping_operation(
            "POST",
            fields,
            "CreateField",
            "Make a field",
            _answers(
                "The field.",
                ref("BikaField"),
                {"a field": sample.field()},
                {**failures.SHAPING, **failures.NO_DATABASE},
            ),
            "A LINK makes the field that leads back, in the database that it leads to.",
            [],
            openapi.json_body(ref("BikaNewField"), "", {"a choice": select}),
        ),
        _shaping_operation(
            "PATCH",
            field,
            "ChangeField",
            "Change a field, with its values",
            _answers(
                "The field, and what became of its values.",
                changed,
                {"changed": sample.changed_field(), "a dry run": sample.changed_field(dry=True)},
                lossy,
            ),
            "Its name, description, place, properties, or type: then its values are converted.",
            terms,
            openapi.json_body(
                ref("BikaFieldToChange"), "", {"a type": {"type": "CURRENCY", "property": {"symbol": "€"}}}
            ),
        ),
        _shaping_operation(
            "DELETE",
            field,
            "DeleteField",
            "Delete a field, with its values",
            _answers(
                "What went.",
                gone,
                {"deleted": sample.deleted_field(), "a dry run": sample.deleted_field(dry=True)},
                {**lossy, "the primary field": StructureRefused("field", "records are known by it")},
            ),
            "What leads back from a LINK stays, as a ONE_WAY_LINK.",
            terms,
        ),
    ]


def _profile() -> Operation:
    told = "The caller: the one answer without an envelope."
    answers = openapi.success(told, ref("BikaProfile"), {"an example": sample.profile()})
    path = PREFIX + "/v1/user/profile"
    return _operation("GET", path, "UserProfile", _ACCOUNT, "Who is calling", {**answers, **_failed(failures.READER)})


# ── webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _webhooks() -> list[Operation]:
    paging = {**failures.PAGE_SIZE, **failures.CURSOR}
    return [
        _operation(
            call.method,
            _SPACE + "/outgoing-webhooks" + call.path,
            call.id,
            _WEBHOOKS,
            call.summary,
            _answers(
                call.told,
                call.data,
                {"a success": sample.enveloped(call.example)},
                {
                    **(failures.READER if call.method == "GET" else failures.WRITER),
                    **(webhooks_openapi.NOT_EDITOR if call.method == "GET" else {}),
                    **failures.SPACE_MISSING,
                    **call.failures,
                    **(paging if call.is_paged else {}),
                },
            ),
            call.description,
            [_PAGE_SIZE, _CURSOR] if call.is_paged else [],
            call.body,
        )
        for call in webhooks_openapi.CALLS
    ]
