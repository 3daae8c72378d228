"""What Pika's dialect says of itself in OpenAPI; kept equal to ``routes`` by ``tests/api/test_openapi.py``."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from holdall.dialects.pika import (
    analytics_openapi,
    books_openapi,
    cookie,
    labels_openapi,
    sessions_openapi,
    settings_openapi,
    wire,
)
from holdall.dialects.pika.asking import DEFAULT_PAGE, MAX_PAGE
from holdall.dialects.pika.failures import CALLER, COOKIE, FOREIGN, READING, failed, rendered
from holdall.dialects.pika.policy import DOCUMENT, DOORS, ENTITIES, IMAGE, POLICIES
from holdall.dialects.pika.routes import MAX_FILES, PREFIX
from holdall.domain.access import Scope, User
from holdall.domain.access_log import Action, LoggedEvent, Outcome
from holdall.domain.files import Blob, BlobState, Purpose, Upload
from holdall.domain.findings import FINDINGS
from holdall.domain.policy import MIB
from holdall.domain.variants import NAMED
from holdall.errors import (
    BytesLost,
    ChoiceRefused,
    Conflict,
    FileMissing,
    Forbidden,
    KeyReused,
    LimitsUnavailable,
    Malformed,
    Missing,
    RateLimited,
    StorageUnavailable,
)
from holdall.flows.access_log import FileLog
from holdall.web import doors, openapi
from holdall.web.dialect import json_response
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
    text,
)

_SIGN_IN, _UPLOADS = "Pika sign-in", "Pika uploads"
_TAGS = {
    _UPLOADS: "One file at a time: avatars, receipts and other attachments; and reading them back.",
    **books_openapi.TAGS,
    **labels_openapi.TAGS_OF_OPERATIONS,
    **analytics_openapi.TAGS_OF_OPERATIONS,
    _SIGN_IN: "A device secret becomes a cookie, and is taken back.",
}
_SITE = "https://money.example.test"
_AVATAR_PATH = "pika/avatars/person-6a0c1f2e9b3d48f7a1c5e0d2b4968371-1779179310.jpg"

_TEXT = """\
Pika's upload API as Holdall speaks it.

The caller is known by the `pika_token` cookie: base64 of `login:device secret`. Ids and sizes are strings. Every
failure is `{code, message, data: {status}}` with the documented codes and texts. An unknown path, and a method that a
path does not have, is 404 `rest_no_route`. A slash at the end of a path is fine, and HEAD is answered wherever GET is.
OPTIONS tells the methods of a path. A POST can mean PUT, PATCH or DELETE by `X-HTTP-Method-Override`, or by `_method`
in the query. Every answer carries `X-Request-Id`, by which the server's logs name the call.

What Holdall adds to Pika's API is marked as an extension.
"""


def describe() -> Description:
    """Every operation, with everything it can answer."""
    return Description(
        title="Pika's API",
        text=_TEXT,
        operations=[
            _create_upload(),
            _get_file(),
            *_uploads(),
            _list_events(),
            *books_openapi.operations(),
            *labels_openapi.operations(),
            *analytics_openapi.operations(),
            _login(),
            _logout(),
            _me(),
            *sessions_openapi.operations(),
            *settings_openapi.operations(),
        ],
        schemas={
            **_SCHEMAS,
            **books_openapi.SCHEMAS,
            **labels_openapi.SCHEMAS,
            **analytics_openapi.SCHEMAS,
            **sessions_openapi.SCHEMAS,
            **settings_openapi.SCHEMAS,
        },
        security_schemes={
            COOKIE: {
                "type": "apiKey",
                "in": "cookie",
                "name": cookie.NAME,
                "description": "Set by the sign-in; percent-encoded or not.",
            }
        },
        tags={**_TAGS, **settings_openapi.TAGS},
        names=_NAMES,
    )


def _below(path: str, pointer: str) -> Names:
    return Names("id", pointer, below=f"{PREFIX}{path}/")


_NAMES = {
    "pikaCreateUpload": _below("/upload", "/id"),
    "pikaListUploads": _below("/upload", "/uploads/0/id"),
    "pikaListPeople": _below("/people", "/0/id"),
    "pikaCreatePerson": _below("/people", "/id"),
    "pikaListAccounts": _below("/accounts", "/0/id"),
    "pikaCreateAccount": _below("/accounts", "/id"),
    "pikaListTransactions": _below("/transactions", "/0/id"),
    "pikaCreateTransaction": _below("/transactions", "/id"),
    "pikaListCategories": _below("/categories", "/0/id"),
    "pikaCreateCategory": _below("/categories", "/id"),
    "pikaListTags": _below("/tags", "/0/id"),
    "pikaCreateTag": _below("/tags", "/id"),
}
"""What answers name that other calls take; the first of a list. Links follow from it (``web.openapi``)."""


# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────

_UPLOAD_KEYS: dict[str, Json] = {
    "id": text("What `avatarId` and `attachments` name it by.", pattern="^[0-9]+$"),
    "url": text("Where it is read, by its owner.", format="uri"),
    "type": text("The kind that was declared; an avatar is an image.", enum=list(POLICIES)),
    "name": text("What the client called the file."),
    "size": text("Bytes.", pattern="^[0-9]+$"),
    "sha256": text(f"The digest of the stored bytes, lower-case hex. {EXTENSION}", pattern="^[0-9a-f]{64}$"),
    "findings": list_of(text(enum=list(FINDINGS)), f"What was found in it and let in, often nothing. {EXTENSION}"),
    "thumbhash": text(f'An image in some 25 bytes, base64; `""` for documents. {EXTENSION}'),
    "thumbnails": object_of(
        {name: text(format="uri") for name in NAMED},
        optional=list(NAMED),
        description=f"Renditions by name, each with its URL; none of a type of which there are none. {EXTENSION}",
    ),
}

_SCHEMAS: dict[str, Json] = {
    "PikaError": object_of(
        {
            "code": text("What went wrong, in one word."),
            "message": text("The same in a sentence, to be shown to people."),
            "data": object_of(
                {
                    "status": openapi.whole("The HTTP status."),
                    "detail": text(f"Which of the causes that the code covers it was. {EXTENSION}"),
                    "json_error_code": openapi.whole("With `rest_invalid_json`."),
                    "json_error_message": text("With `rest_invalid_json`."),
                },
                optional=["detail", "json_error_code", "json_error_message"],
            ),
        }
    ),
    "PikaUpload": object_of(_UPLOAD_KEYS),
    "PikaListedUpload": object_of(
        {
            **_UPLOAD_KEYS,
            "entityType": text("What it is for.", enum=list(ENTITIES)),
            "createdAt": text("ISO 8601, UTC.", format="date-time"),
            "deletedAt": {"type": ["string", "null"], "format": "date-time"},
            "restorableUntil": {
                "type": ["string", "null"],
                "format": "date-time",
                "description": "When a deleted one goes for good.",
            },
        },
        description=f"An upload as it is listed. {EXTENSION}",
    ),
    "PikaLink": object_of(
        {
            "url": text("Where the file is read, by whoever has this address.", format="uri"),
            "expiresAt": text("Until when. ISO 8601, UTC.", format="date-time"),
        },
        description=f"A signed link. {EXTENSION}",
    ),
    "PikaUploads": object_of(
        {
            "uploads": list_of(ref("PikaListedUpload"), "Newest first."),
            "next": {"type": ["string", "null"], "description": "What `before` takes for the next page."},
        }
    ),
    "PikaEvent": object_of(
        {
            "id": text("Its number.", pattern="^[0-9]+$"),
            "date": text("When the answer ended: ISO 8601, UTC.", format="date-time"),
            "action": text("What it was about.", enum=[action.value for action in Action]),
            "outcome": text(
                "`refused`: the caller was told no; `failed`: our fault; `gone`: the client left before an answer.",
                enum=[outcome.value for outcome in Outcome],
            ),
            "status": openapi.whole("Of HTTP; 0 where there was no answer."),
            "error": {"type": ["string", "null"], "description": "What went wrong, in one word."},
            "user": {"type": ["string", "null"], "description": "Who: a login."},
            "address": text("From where."),
            "userAgent": text("With what, as far as 200 characters tell."),
            "route": text("Method and path, parameters in braces."),
            "size": text("Bytes: of the file for an upload, else of the answer.", pattern="^[0-9]+$"),
            "detail": text("What the client called an uploaded file."),
            "requestId": text("What the answer carried as `X-Request-Id`."),
        },
        description=f"One thing that was done with a file, or tried. {EXTENSION}",
    ),
    "PikaFileLog": object_of(
        {
            "events": openapi.list_of(ref("PikaEvent"), "Newest first."),
            "next": {"type": ["string", "null"], "description": "What `before` takes for the next page."},
        }
    ),
    "PikaUser": object_of(
        {
            "id": openapi.whole("Here alone a number."),
            "username": text(),
            "email": text(),
            "display_name": text(),
            "avatar_url": text(),
            "settings": object_of({"currency": text(), "is_api_key_set": {"type": "boolean"}}),
        }
    ),
    "PikaCredentials": object_of(
        {
            "user_login": text("A login or an e-mail address, letter case aside."),
            "password": text("A device secret, with or without blanks and dashes.", format="password"),
        }
    ),
    "PikaMessage": object_of({"message": text()}),
}

# ── examples, told by the dialect's own wire ─────────────────────────────────────────────────────────────────────

_NOW = datetime(2026, 5, 19, 8, 28, 30, tzinfo=UTC)
_SHA256 = "0b6d3f8a2c41e597d0fb8263a9c4e15f7d2860b3954ac1e8f6072d9b3c5a4e81"


_BLOB = Blob(204, 1, "", _SHA256, 48_120, "image/jpeg", BlobState.READY)


def _uploaded(number: int, path: str, mime: str, name: str, size: int, purpose: Purpose) -> dict[str, Any]:
    blob = Blob(number, 1, "", _SHA256, size, mime, BlobState.READY)
    return wire.upload(Upload(number, "", 1, 7, blob, name, path, purpose, _NOW), _SITE)


def _avatar() -> dict[str, Any]:
    return _uploaded(204, _AVATAR_PATH, "image/jpeg", "me.jpg", 48_120, Purpose("avatar", "image", "person"))


def _invoice() -> dict[str, Any]:
    path = "pika/attachments/transaction-c3e1908b7fd24a65b0d9e8f7a6152433-1779179328.pdf"
    purpose = Purpose("attachment", "document", "transaction")
    return _uploaded(205, path, "application/pdf", "invoice-march.pdf", 90_211, purpose)


def _file_log(*, more: bool = False) -> dict[str, Any]:
    """It was uploaded, and read by its owner."""
    who = ("203.0.113.7", "Mozilla/5.0", "", "mira", "", "", "", "me.jpg")
    read = LoggedEvent(
        12, _NOW, "6d0c…", Action.READ, Outcome.OK, 200, "", "pika-files", "GET /{path:path}", *who, 48_120, ""
    )
    brought = LoggedEvent(
        10, _NOW, "a24d…", Action.UPLOAD, Outcome.OK, 200, "", "pika", "POST /upload/{door}", *who, 48_120, "me.jpg"
    )
    upload = Upload(204, "", 1, 7, _BLOB, "me.jpg", _AVATAR_PATH, Purpose(), _NOW)
    return wire.file_log(FileLog(upload, [read, brought], more))


def _user() -> dict[str, Any]:
    return wire.user(User(7, "", "mira", "mira@example.test", "Mira", _NOW))


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────

_UPLOAD: Failures = {
    **CALLER,
    "a door of other characters than letters": Missing("route", f"{PREFIX}/upload/x1"),
    "a credential without the right to change anything": Forbidden(Scope.WRITE),
    "a door that is not one of the three": ChoiceRefused("type", "banner", DOORS),
    "a user without a space of their own": Missing("space"),
    **doors.form_failures(MAX_FILES),
    "an attachmentType that is neither": ChoiceRefused("attachmentType", "video", tuple(POLICIES)),
    "an entityType that is none of the four": ChoiceRefused("entityType", "pet", ENTITIES),
    "no file part with a file name": FileMissing("file"),
    **doors.file_failures(IMAGE),
    **doors.file_failures(DOCUMENT),
    **doors.image_failures(IMAGE),
    **doors.KEEPING_FAILURES,
    "an Idempotency-Key that came with another request": KeyReused("a1f4c0de-0001"),
    "a repeat whose file was deleted, and is gone for good": Missing("upload", "204"),
    "a request with this key that is not finished": Conflict(
        "a request with this Idempotency-Key is still being worked on"
    ),
}

_FILE: Failures = {
    **CALLER,
    "no such file, or another user's": Missing("upload", _AVATAR_PATH),
    **doors.RENDITION_FAILURES,
    "the bytes are lost": BytesLost("upload", _AVATAR_PATH),
    "the bytes cannot be had": StorageUnavailable("no answer"),
}

_FILE_LOG: Failures = {
    **CALLER,
    "an id that is no number": Missing("route", f"{PREFIX}/upload/x1/log"),
    "a credential without the right to read": Forbidden(Scope.READ),
    "no such upload, or another user's": Missing("upload", "204"),
    "a limit or a number out of bounds": Malformed(
        "query", f"limit is '0'; it can be a whole number from 1 to {MAX_PAGE}"
    ),
}

_UPLOAD_OF_ID: Failures = {
    **CALLER,
    "an id that is no number": Missing("route", f"{PREFIX}/upload/x1"),
    "a credential without the right to read": Forbidden(Scope.READ),
    "a user without a space of their own": Missing("space"),
    "no such upload, or another user's": Missing("upload", "204"),
}

_UPLOAD_LIST: Failures = {
    **CALLER,
    "a credential without the right to read": Forbidden(Scope.READ),
    "a user without a space of their own": Missing("space"),
    "a type that is neither": ChoiceRefused("attachmentType", "video", tuple(POLICIES)),
    "an entityType that is none of the four": ChoiceRefused("entityType", "pet", ENTITIES),
    "deleted is neither true nor false": ChoiceRefused("deleted", "maybe", ("true", "false")),
    "a limit or a number out of bounds": Malformed(
        "query", f"limit is '0'; it can be a whole number from 1 to {MAX_PAGE}"
    ),
}

_SIGNING_IN: Failures = {
    **READING,
    **FOREIGN,
    "too many tries from this address, or on this login": RateLimited(12),
    "tries cannot be counted now": LimitsUnavailable("Redis is away"),
    **doors.ANY_FAILURES,
}


def _said(status: int, code: str, message: str) -> Response:
    """One of the two answers that only the sign-in gives; ``routes`` says them on the spot, and a test compares."""
    return json_response({"code": code, "message": message, "data": {"status": status}}, status)


# ── operations ───────────────────────────────────────────────────────────────────────────────────────────────────


def _create_upload() -> Operation:
    return Operation(
        method="POST",
        path=PREFIX + "/upload/{door}",
        id="pikaCreateUpload",
        summary="Upload a file",
        description="Of what is wrong, the first in this order is told: the caller, the door, attachmentType, "
        "entityType, the file part, the file name's extension, the content, the size. Every file is checked from its "
        "first byte to its last, and for malware, before it is kept.\n\n"
        f"Images ({', '.join(IMAGE.kind.extensions)}) go up to {IMAGE.kind.max_bytes // MIB} MiB, documents "
        f"({', '.join(DOCUMENT.kind.extensions)}) up to {DOCUMENT.kind.max_bytes // MIB} MiB.",
        parameters=[
            parameter("path", "door", {"type": "string", "enum": list(DOORS)}, "In any letter case.", "avatar"),
            *doors.UPLOAD_HEADERS,
        ],
        request_body=openapi.form_body(_FORM, "The type that the file part declares is not looked at."),
        responses={
            **openapi.success(
                "The upload.",
                ref("PikaUpload"),
                {"an avatar": _avatar(), "a document of a transaction": _invoice()},
            ),
            **failed(_UPLOAD),
        },
        tags=[_UPLOADS],
        security=[{COOKIE: []}],
    )


_FORM = object_of(
    {
        "entityType": text("What the file is for; trimmed, in any letter case.", enum=list(ENTITIES)),
        "attachmentType": text(
            "Needed by `attachment` and `other`; of an avatar it is not read. Trimmed, in any letter case.",
            enum=list(POLICIES),
        ),
        "file": {**openapi.FILE, "description": "One part with a file name; of several, the last counts."},
    },
    optional=["attachmentType"],
)


def _get_file() -> Operation:
    return Operation(
        method="GET",
        path=wire.FILES_PREFIX + "{path}",
        id="pikaGetFile",
        summary="Read a file",
        description="The `url` of an upload, for the user who uploaded it; for all others there is no such file.",
        parameters=[
            parameter("path", "path", {"type": "string"}, "With its slashes.", _AVATAR_PATH),
            *doors.FILE_HEADERS,
        ],
        responses={**doors.served_file("me.jpg"), **failed(_FILE)},
        tags=[_UPLOADS],
        security=[{COOKIE: []}],
    )


_LIMIT: Json = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}


def _list_events() -> Operation:
    return Operation(
        method="GET",
        path=PREFIX + "/upload/{id}/log",
        id="pikaListEvents",
        summary="List what was done with a file",
        description="Uploads, reads and refusals: who, when, from where, and what came of it; for the user who "
        "uploaded the file. An event shows up within a second, and is kept for 90 days unless set otherwise. "
        f"{EXTENSION}",
        parameters=[
            parameter("path", "id", {"type": "string", "pattern": "^[0-9]+$"}, "The upload.", "204"),
            parameter("query", "limit", _LIMIT),
            parameter("query", "before", {"type": "string"}, "`next` of the previous answer."),
        ],
        responses={
            **openapi.success(
                "A page of events, newest first.",
                ref("PikaFileLog"),
                {"the last page": _file_log(), "with a page to follow": _file_log(more=True)},
            ),
            **failed(_FILE_LOG),
        },
        tags=[_UPLOADS],
        security=[{COOKIE: []}],
    )


def _upload_operation(
    method: str, path: str, id: str, summary: str, description: str, answers: Mapping[str, Json], *more: Json
) -> Operation:
    """An operation on uploads that are there."""
    number = parameter("path", "id", {"type": "string", "pattern": "^[0-9]+$"}, "The upload.", "204")
    return Operation(
        method=method,
        path=PREFIX + path,
        id=id,
        summary=summary,
        description=f"{description} {EXTENSION}",
        parameters=[*([number] if "{id}" in path else []), *more],
        responses=answers,
        tags=[_UPLOADS],
        security=[{COOKIE: []}],
    )


_LINK = {
    "url": f"{_SITE}/files/{_AVATAR_PATH}?e=1779300000&s=Vh0uVbq2GzqYhJm0rS1l3A",
    "expiresAt": "2026-05-20T18:00:00.000Z",
}


def _uploads() -> list[Operation]:
    """Uploads as a resource of their own."""

    def told(description: str, *, deleted: bool, failures: Failures) -> dict[str, Json]:
        example = _listed(_NOW if deleted else None)
        return {**openapi.success(description, ref("PikaListedUpload"), {"an avatar": example}), **failed(failures)}

    page = {"uploads": [_listed(None)], "next": None}
    listed = openapi.success("A page, newest first.", ref("PikaUploads"), {"the only page": page})
    writer = {**_UPLOAD_OF_ID, "a credential without the right to change anything": Forbidden(Scope.WRITE)}
    return [
        _upload_operation(
            "GET",
            "/upload",
            "pikaListUploads",
            "List uploads",
            "The caller's own, newest first.",
            {**listed, **failed(_UPLOAD_LIST)},
            parameter("query", "type", {"type": "string", "enum": list(POLICIES)}, "As declared."),
            parameter("query", "entityType", {"type": "string", "enum": list(ENTITIES)}, "What they are for."),
            parameter("query", "deleted", {"type": "string", "enum": ["true", "false"]}, "Those that can be restored."),
            parameter("query", "limit", _LIMIT),
            parameter("query", "before", {"type": "string"}, "`next` of the previous answer."),
        ),
        _upload_operation(
            "GET",
            "/upload/{id}",
            "pikaGetUpload",
            "Look at an upload",
            "Deleted ones are told of until they are gone for good.",
            told("The upload.", deleted=False, failures=_UPLOAD_OF_ID),
        ),
        _upload_operation(
            "GET",
            "/upload/{id}/link",
            "pikaGetUploadLink",
            "Get a signed link to an upload",
            "It opens this file without a cookie, until it expires: for clients that are no browser, or to hand on.",
            {**openapi.success("The link.", ref("PikaLink"), {"a day's link": _LINK}), **failed(_UPLOAD_OF_ID)},
        ),
        _upload_operation(
            "DELETE",
            "/upload/{id}",
            "pikaDeleteUpload",
            "Delete an upload",
            "Out of sight at once; it can be restored for a week unless set otherwise. Safe to repeat.",
            told("The deleted upload.", deleted=True, failures=writer),
        ),
        _upload_operation(
            "POST",
            "/upload/{id}/restore",
            "pikaRestoreUpload",
            "Restore a deleted upload",
            "Back where it was. Safe to repeat.",
            told("The upload.", deleted=False, failures=writer),
        ),
    ]


def _listed(deleted_at: datetime | None) -> dict[str, Any]:
    upload = Upload(
        204, "", 1, 7, _BLOB, "me.jpg", _AVATAR_PATH, Purpose("avatar", "image", "person"), _NOW, deleted_at
    )
    return wire.listed(upload, None if deleted_at is None else deleted_at + timedelta(days=7), _SITE)


def _login() -> Operation:
    answers = {
        **rendered(_SIGNING_IN),
        "a field that is missing or empty": _said(
            400, "missing_fields", "Missing required fields: user_login, password"
        ),
        "login and device secret do not belong together": _said(
            401, "invalid_credentials", "Invalid username or password"
        ),
    }
    credentials = {"user_login": "mira", "password": "abcd EFGH 1234 ijkl MNOP 5678"}
    body = openapi.json_body(ref("PikaCredentials"), "In JSON, as a form, or in the query.", {"mira": credentials})
    body["content"]["application/x-www-form-urlencoded"] = {"schema": ref("PikaCredentials")}
    set_cookie = openapi.header(f"`{cookie.NAME}`, for a year; Secure, HttpOnly, SameSite=Lax.")
    return Operation(
        method="POST",
        path=PREFIX + "/auth/login",
        id="pikaLogin",
        summary="Sign in",
        description="Safe to repeat. A cookie that is no longer good does not stand in the way.",
        request_body=body,
        responses={
            **openapi.success(
                "The user, and the cookie.", ref("PikaUser"), {"mira": _user()}, {"Set-Cookie": set_cookie}
            ),
            **openapi.failed(ref("PikaError"), answers),
        },
        tags=[_SIGN_IN],
    )


def _logout() -> Operation:
    failures: Failures = {
        "no cookie, and JSON that is none": Malformed("json", "invalid character"),
        "too many calls": RateLimited(12),
        **doors.ANY_FAILURES,
    }
    cleared = openapi.header("Takes the cookie back.")
    return Operation(
        method="POST",
        path=PREFIX + "/auth/logout",
        id="pikaLogout",
        summary="Sign out",
        description="Kills the device secret in use. Says yes to anybody.",
        responses={
            **openapi.success(
                "Signed out.",
                ref("PikaMessage"),
                {"signed out": {"message": "Logged out successfully"}},
                {"Set-Cookie": cleared},
            ),
            **failed(failures),
        },
        tags=[_SIGN_IN],
        security=[{}, {COOKIE: []}],
    )


def _me() -> Operation:
    return Operation(
        method="GET",
        path=PREFIX + "/auth/me",
        id="pikaMe",
        summary="Who is signed in",
        responses={**openapi.success("The user.", ref("PikaUser"), {"mira": _user()}), **failed(CALLER)},
        tags=[_SIGN_IN],
        security=[{COOKIE: []}],
    )
