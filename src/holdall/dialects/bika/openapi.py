"""What Bika's dialect says of itself in OpenAPI; kept equal to ``routes`` by ``tests/api/test_openapi.py``."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from holdall.dialects.bika import errors, query
from holdall.dialects.bika import samples as sample
from holdall.dialects.bika.policy import attachment_policy
from holdall.dialects.bika.routes import MAX_BATCH, MAX_FILES, PREFIX
from holdall.dialects.bika.schemas import SCHEMAS, envelope
from holdall.domain.access import Scope
from holdall.errors import (
    CellRefused,
    ChoiceRefused,
    Conflict,
    FieldUnknown,
    FileMissing,
    Forbidden,
    KeyReused,
    Malformed,
    Missing,
    RateLimited,
    StorageUnavailable,
    Unauthenticated,
)
from holdall.web import openapi
from holdall.web.body import MAX_JSON_BYTES
from holdall.web.links import SIGNED_PREFIX
from holdall.web.openapi import EXTENSION, Description, Failures, Json, Operation, parameter, ref

TOKEN = "bikaToken"  # noqa: S105  the name of a scheme
_SPACE = PREFIX + "/v1/spaces/{space_id}"
_V1 = _SPACE + "/resources/databases/{database_id}"
_V2 = _V1.replace("/v1/", "/v2/", 1)
_GIB = 1 << 30

_ACCOUNT = "Bika account and spaces"
_DATABASES = "Bika databases"
_RECORDS_V1 = "Bika records, v1"
_RECORDS_V2 = "Bika records, v2"
_ATTACHMENTS = "Bika attachments"
_TAGS = {
    _ATTACHMENTS: "Files into a space, to be named in attachment cells later; and the links to read them.",
    _RECORDS_V1: "Pages by number, cells by field id, times in milliseconds.",
    _RECORDS_V2: "Pages behind a cursor, fields by name or id, times in ISO 8601.",
    _DATABASES: "A database and its fields.",
    _ACCOUNT: "Who is calling, their spaces, and the tree of each.",
}

_TEXT = f"""\
Bika.ai's OpenAPI as Holdall speaks it: upload files to a space, then attach them to records.

Every call but a signed link carries `Authorization: Bearer <token>`. Every answer in JSON is an envelope of
`success`, `code`, `message` and `data`; a failure has the HTTP status as its `code`, except {errors.INVALID_CELL},
which is answered with 400. An unknown path, and a method that a path does not have, is a 404 in the same envelope.
HEAD is answered wherever GET is.

What Holdall adds to Bika's API is marked as an extension.
"""


def describe() -> Description:
    """Every operation, with everything it can answer."""
    return Description(
        title="Bika's API",
        text=_TEXT,
        operations=[*_attachments(), *_records_v1(), *_records_v2(), *_databases(), *_account()],
        schemas=SCHEMAS,
        security_schemes={
            TOKEN: {
                "type": "http",
                "scheme": "bearer",
                "description": "A personal access token: `bkt` and 32 letters and digits. Reading needs its scope "
                "`read`, changing needs `write`.",
            }
        },
        tags=_TAGS,
    )


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────

_CALLER: Failures = {
    "no token, or one that is unknown, expired or revoked": Unauthenticated(),
    "too many calls": RateLimited(12),
    **openapi.DATABASE_FAILURES,
}
_READER: Failures = {**_CALLER, "a token without the scope": Forbidden(Scope.READ)}
_WRITER: Failures = {**_CALLER, "a token without the scope": Forbidden(Scope.WRITE)}
_SPACE_MISSING: Failures = {"no such space for this caller": Missing("space", sample.SPACE_ID)}
_DATABASE_MISSING: Failures = {**_SPACE_MISSING, "no such database": Missing("database", sample.DATABASE_ID)}
_RECORD_MISSING: Failures = {"no such record": Missing("record", sample.RECORD_ID)}
_BODY: Failures = {
    **openapi.reading_failures(MAX_JSON_BYTES),
    "a body that is not JSON, or not the expected object": Malformed("json", "a JSON object is expected"),
}
_CELLS: Failures = {
    "a field that the database does not have": FieldUnknown("Stadge"),
    "a value that does not fit its field": CellRefused("Stage", "Opne", "no such option"),
    "an attachment that the space does not have": CellRefused(
        "Images", {"id": sample.UPLOAD_ID}, "no such attachment in this space"
    ),
}
_PAGE_SIZE: Failures = {
    "a page size out of bounds": Malformed("query", "pageSize is '0'; it can be a whole number from 1 to 1000"),
}
_FIELD_KEY: Failures = {"a fieldKey that is neither": ChoiceRefused("fieldKey", "label", ("name", "id"))}
_CELL_FORMAT: Failures = {"a cellFormat that is neither": ChoiceRefused("cellFormat", "html", ("json", "string"))}


def _upload_failures() -> Failures:
    policy = attachment_policy(5 * _GIB)
    return {
        **_WRITER,
        **_SPACE_MISSING,
        **openapi.form_failures(MAX_FILES),
        "no file part with a file name": FileMissing("file"),
        **openapi.file_failures(policy),
        **openapi.image_failures(policy),
        **openapi.KEEPING_FAILURES,
        "an Idempotency-Key that came with another request": KeyReused("a1f4c0de-0001"),
        "a request with this key that is not finished": Conflict(
            "a request with this Idempotency-Key is still being worked on"
        ),
    }


def _failed(failures: Failures) -> dict[str, Json]:
    return openapi.failures(errors.render, ref("BikaError"), failures, Request({"type": "http", "headers": []}))


# ── operations ───────────────────────────────────────────────────────────────────────────────────────────────────


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
}


def _ids(path: str) -> list[Json]:
    return [
        parameter("path", name, {"type": "string"}, example=example)
        for name, example in _IDS.items()
        if f"{{{name}}}" in path
    ]


def _answers(description: str, data: Json, examples: Mapping[str, Any], failures: Failures) -> dict[str, Json]:
    """The success envelope around ``data``, and the failures."""
    return {**openapi.success(description, envelope(data), examples), **_failed(failures)}


def _attachments() -> list[Operation]:
    return [
        _operation(
            "POST",
            _SPACE + "/attachments",
            "CreateAttachment",
            _ATTACHMENTS,
            "Upload files to a space",
            _answers(
                "One object for each file, in the order of the parts.",
                openapi.list_of(ref("BikaUpload")),
                {"one image": sample.uploaded()},
                _upload_failures(),
            ),
            description="Each file is checked from its first byte to its last, and for malware, before it is kept; "
            "all files of a request are kept, or none. An upload attaches nothing by itself: write "
            '`[{"id": …}]` into an attachment cell afterwards.',
            parameters=openapi.UPLOAD_HEADERS,
            request_body=openapi.form_body(
                openapi.object_of({"file": _FILE_PARTS}),
                "Parts called `file`, each with a file name. The type that a part declares is not looked at.",
            ),
        ),
        _signed_link(),
    ]


_FILE_PARTS = openapi.list_of(
    openapi.FILE,
    f"One file or several. More than one in a request: {EXTENSION}",
    minItems=1,
    maxItems=MAX_FILES,
)


def _signed_link() -> Operation:
    missing: Failures = {
        "a link that is not ours, or has expired": Missing("file", "the link is not valid, or no longer"),
        "no such file": Missing("upload", "openapi/nbQeEnh2BXEBZ8mE5fSq8.png"),
        "the bytes cannot be had": StorageUnavailable("no answer"),
        **openapi.DATABASE_FAILURES,
    }
    return Operation(
        method="GET",
        path=SIGNED_PREFIX + "{path}",
        id="bikaGetFile",
        summary="Read a file by a signed link",
        description="Use the `url` and `thumbnailUrl` of an attachment as they come: the signature is the permission, "
        f"no token is needed, and the link expires. {EXTENSION}",
        parameters=[
            parameter("path", "path", {"type": "string"}, "With its slashes.", "openapi/nbQeEnh2BXEBZ8mE5fSq8.png"),
            parameter("query", "e", {"type": "string"}, "When the link expires, in seconds since 1970."),
            parameter("query", "s", {"type": "string"}, "The signature."),
            *openapi.FILE_HEADERS,
        ],
        responses={**openapi.served_file("roof.png"), **_failed(missing)},
        tags=[_ATTACHMENTS],
    )


def _records_v1() -> list[Operation]:
    path = _V1 + "/records"
    changed = {**_WRITER, **_DATABASE_MISSING, **_RECORD_MISSING, **_BODY, **_CELLS}
    changed_answers = _answers(
        "The record after the change.", ref("BikaRecordCells"), {"changed": sample.record_cells()}, changed
    )
    return [
        _operation(
            "GET",
            path,
            "ListRecordsV1",
            _RECORDS_V1,
            "List records by page number",
            _answers(
                "A page of records, oldest first.",
                ref("BikaPageV1"),
                {"the first page": sample.page_v1()},
                {
                    **_READER,
                    **_DATABASE_MISSING,
                    **_PAGE_SIZE,
                    "a page number out of bounds": Malformed(
                        "query", "pageNum is 'x'; it can be a whole number from 1"
                    ),
                },
            ),
            parameters=[
                parameter("query", "pageNum", {"type": "integer", "minimum": 1, "default": 1}),
                _page_size(),
                parameter("query", "fields", {"type": "string"}, "Only these fields: repeated, or joined by commas."),
            ],
        ),
        _operation(
            "POST",
            path,
            "CreateRecordV1",
            _RECORDS_V1,
            "Create a record",
            _answers(
                "The new record.",
                ref("BikaRecordCells"),
                {"created": sample.record_cells()},
                {**_WRITER, **_DATABASE_MISSING, **_BODY, **_CELLS},
            ),
            request_body=_cells_body({"with an attachment": {"cells": sample.WRITTEN}}),
        ),
        _operation(
            "PATCH",
            path,
            "UpdateRecordV1",
            _RECORDS_V1,
            "Change a record, named in the body",
            changed_answers,
            description="Cells that are not named stay; `null` empties a cell.",
            request_body=openapi.json_body(
                openapi.object_of({"id": openapi.text("The record."), "cells": ref("BikaCells")}),
                "The record's id and its new cells.",
                {
                    "attach an upload": {"id": sample.RECORD_ID, "cells": sample.ATTACHING},
                    "the whole upload object, as the how-to sends it": {
                        "id": sample.RECORD_ID,
                        "cells": sample.echoing(),
                    },
                },
            ),
        ),
        *(
            _operation(
                method,
                path + "/{record_id}",
                f"UpdateRecordV1By{method.capitalize()}",
                _RECORDS_V1,
                "Change a record, named in the path",
                changed_answers,
                description="As PATCH without the id in the path, which is the documented form.",
                request_body=_cells_body({"attach an upload": {"cells": sample.ATTACHING}}),
            )
            for method in ("PATCH", "PUT")
        ),
    ]


def _cells_body(examples: Mapping[str, Any]) -> Json:
    return openapi.json_body(openapi.object_of({"cells": ref("BikaCells")}), "The cells.", examples)


def _records_v2() -> list[Operation]:
    path = _V2 + "/records"
    fields = openapi.object_of({"fields": ref("BikaCells")})
    return [
        _operation(
            "GET",
            path,
            "ListRecords",
            _RECORDS_V2,
            "List records behind a cursor",
            _answers(
                "A page of records, oldest first. `offset` is there only while there is more.",
                ref("BikaPage"),
                {"the last page": sample.page_v2(), "with a page to follow": sample.page_v2(more=True)},
                {
                    **_READER,
                    **_DATABASE_MISSING,
                    **_PAGE_SIZE,
                    "an offset that was not made here": Malformed("query", "offset is not a cursor of ours"),
                    **_FIELD_KEY,
                    **_CELL_FORMAT,
                },
            ),
            parameters=[
                _page_size(),
                parameter("query", "offset", {"type": "string"}, "The cursor of the previous answer."),
                _field_key(),
                _cell_format(),
            ],
        ),
        _operation(
            "POST",
            path,
            "CreateRecords",
            _RECORDS_V2,
            f"Create 1 to {MAX_BATCH} records",
            _answers(
                "The new records, in the order of the request.",
                openapi.object_of({"records": openapi.list_of(ref("BikaRecord"))}),
                {"created": sample.created_v2()},
                {**_WRITER, **_DATABASE_MISSING, **_BODY, **_CELLS, **_FIELD_KEY},
            ),
            description="All of them, or none.",
            parameters=[_field_key()],
            request_body=openapi.json_body(
                openapi.object_of(
                    {
                        "fieldKey": _FIELD_KEY_IN_BODY,
                        "records": openapi.list_of(fields, minItems=1, maxItems=MAX_BATCH),
                    },
                    optional=["fieldKey"],
                ),
                "The fields of each record.",
                {"with an attachment": {"records": [{"fields": sample.WRITTEN}]}},
            ),
        ),
        _operation(
            "GET",
            path + "/{record_id}",
            "GetRecord",
            _RECORDS_V2,
            "Read a record",
            _answers(
                "The record.",
                ref("BikaRecord"),
                {"as JSON": sample.record_v2(), "cellFormat=string": sample.record_v2(as_text=True)},
                {**_READER, **_DATABASE_MISSING, **_RECORD_MISSING, **_FIELD_KEY, **_CELL_FORMAT},
            ),
            parameters=[_field_key(), _cell_format()],
        ),
        _operation(
            "PUT",
            path + "/{record_id}",
            "UpdateRecord",
            _RECORDS_V2,
            "Change a record",
            _answers(
                "The record after the change.",
                ref("BikaRecord"),
                {"changed": sample.record_v2()},
                {**_WRITER, **_DATABASE_MISSING, **_RECORD_MISSING, **_BODY, **_CELLS, **_FIELD_KEY},
            ),
            description="Fields that are not named stay, although it is a PUT; `null` empties a cell.",
            parameters=[_field_key()],
            request_body=openapi.json_body(
                openapi.object_of({"fieldKey": _FIELD_KEY_IN_BODY, "fields": ref("BikaCells")}, optional=["fieldKey"]),
                "The new fields.",
                {"attach an upload": {"fields": sample.ATTACHING}},
            ),
        ),
    ]


_FIELD_KEY_IN_BODY = openapi.text("As in the query, which it outweighs.", enum=["name", "id"])


def _field_key() -> Json:
    schema = {"type": "string", "enum": ["name", "id"], "default": "name"}
    return parameter("query", "fieldKey", schema, "What names the fields in the answer.")


def _cell_format() -> Json:
    schema = {"type": "string", "enum": ["json", "string"], "default": "json"}
    return parameter("query", "cellFormat", schema, "`string`: every cell as text, files as `name(url)`.")


def _page_size() -> Json:
    schema = {"type": "integer", "minimum": 1, "maximum": query.MAX_PAGE, "default": query.DEFAULT_PAGE}
    return parameter("query", "pageSize", schema)


def _databases() -> list[Operation]:
    failures = {**_READER, **_DATABASE_MISSING}
    return [
        _operation(
            "GET",
            _V1,
            "GetDatabase",
            _DATABASES,
            "Read a database with its fields",
            _answers("The database.", ref("BikaDatabase"), {"a database": sample.database()}, failures),
        ),
        _operation(
            "GET",
            _V1 + "/fields",
            "ListFields",
            _DATABASES,
            "List a database's fields",
            _answers("The fields, in order.", openapi.list_of(ref("BikaField")), {"fields": sample.fields()}, failures),
        ),
    ]


def _account() -> list[Operation]:
    node_missing: Failures = {"no such node": Missing("node", sample.DATABASE_ID)}
    return [
        _operation(
            "GET",
            PREFIX + "/v1/system/meta",
            "SystemMeta",
            _ACCOUNT,
            "What runs here",
            _answers(
                "The version, and the request's headers without those that carry credentials.",
                ref("BikaMeta"),
                {"meta": sample.meta()},
                _READER,
            ),
        ),
        _operation(
            "GET",
            PREFIX + "/v1/user/profile",
            "UserProfile",
            _ACCOUNT,
            "Who is calling",
            {
                **openapi.success(
                    "The caller: the one answer without an envelope.",
                    ref("BikaProfile"),
                    {"a caller": sample.profile()},
                ),
                **_failed(_READER),
            },
        ),
        _operation(
            "GET",
            PREFIX + "/v1/spaces",
            "ListSpaces",
            _ACCOUNT,
            "List the caller's spaces",
            _answers(
                "The spaces, oldest first.", openapi.list_of(ref("BikaSpace")), {"spaces": sample.spaces()}, _READER
            ),
        ),
        _operation(
            "GET",
            _SPACE,
            "GetSpace",
            _ACCOUNT,
            "Read a space",
            _answers("The space.", ref("BikaSpaceDetail"), {"a space": sample.space()}, {**_READER, **_SPACE_MISSING}),
        ),
        _operation(
            "GET",
            _SPACE + "/nodes",
            "ListNodes",
            _ACCOUNT,
            "List a space's tree, flat",
            _answers(
                "Every node, parents first.",
                openapi.list_of(ref("BikaNode")),
                {"nodes": sample.nodes()},
                {**_READER, **_SPACE_MISSING},
            ),
        ),
        _operation(
            "GET",
            _SPACE + "/nodes/{node_id}",
            "GetNode",
            _ACCOUNT,
            "Read a node",
            _answers(
                "The node.",
                ref("BikaNode"),
                {"a database": sample.node()},
                {**_READER, **_SPACE_MISSING, **node_missing},
            ),
        ),
    ]
