"""What Pika's sessions say of themselves in OpenAPI (see ``openapi``)."""

from datetime import UTC, datetime
from typing import Any

from holdall.dialects.pika.errors import said
from holdall.dialects.pika.failures import CALLER, COOKIE, READING, failed, rendered
from holdall.dialects.pika.routes import PREFIX
from holdall.dialects.pika.sessions import session
from holdall.domain.access import Scope, Sight, Token, TokenKind, User
from holdall.errors import Forbidden, Missing
from holdall.web import openapi
from holdall.web.openapi import Failures, Json, Operation, list_of, object_of, ref, text

_TAG = "Pika sign-in"
_NULLABLE = {"type": ["string", "null"]}
_DEVICE = object_of(
    {
        "device_type": text("`desktop`, `smartphone`, `tablet` or `unknown`."),
        **dict.fromkeys(("brand", "model", "client_type", "client_name", "os_name"), _NULLABLE),
    },
    description="As far as the User-Agent tells.",
)
SCHEMAS: dict[str, Json] = {
    "PikaSession": object_of(
        {
            "uuid": text("What it is revoked by.", format="uuid"),
            "app_id": text("This installation's, as in `app/info`."),
            "name": text("What the application called itself."),
            "created": text("ISO 8601, UTC.", format="date-time"),
            "last_used": {**_NULLABLE, "description": "To the minute.", "format": "date-time"},
            "last_ip": {**_NULLABLE, "description": "From where."},
            "is_currently_using": {"type": "boolean"},
            "device_info": _DEVICE,
        },
        description="A device secret that is alive.",
    ),
    "PikaSessionNumber": object_of({"uuid": text("Of `auth/sessions`.", format="uuid")}),
}


def operations() -> list[Operation]:
    """Both."""
    number = _session()["uuid"]
    reader: Failures = {**CALLER, "a credential without the right to read": Forbidden(Scope.READ)}
    writer: Failures = {
        **CALLER,
        **READING,
        "a credential without the right to change anything": Forbidden(Scope.WRITE),
        "no such session, or another user's": Missing("session", number),
    }
    revoked = {**rendered(writer), "a uuid that is missing, or none": said(400, "invalid_uuid", "Invalid UUID")}
    body = openapi.json_body(
        ref("PikaSessionNumber"), "In JSON, as a form, or in the query.", {"one": {"uuid": number}}
    )
    body["content"]["application/x-www-form-urlencoded"] = {"schema": ref("PikaSessionNumber")}
    return [
        Operation(
            method="GET",
            path=PREFIX + "/auth/sessions",
            id="pikaListSessions",
            summary="Where one is signed in",
            description="Every device secret of the user that is alive, newest first.",
            responses={
                **openapi.success("The sessions.", list_of(ref("PikaSession")), {"one": [_session()]}),
                **failed(reader),
            },
            tags=[_TAG],
            security=[{COOKIE: []}],
        ),
        Operation(
            method="POST",
            path=PREFIX + "/auth/sessions/revoke",
            id="pikaRevokeSession",
            summary="Sign a device out",
            description="Its secret is dead at once, the caller's own included.",
            request_body=body,
            responses={
                **openapi.success(
                    "Revoked.", ref("PikaMessage"), {"revoked": {"message": "Session revoked successfully"}}
                ),
                **openapi.failed(ref("PikaError"), revoked),
            },
            tags=[_TAG],
            security=[{COOKIE: []}],
        ),
    ]


def _session() -> dict[str, Any]:
    at = datetime(2026, 3, 1, 8, 0, 0, tzinfo=UTC)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    user = User(7, "", "mira", "mira@example.test", "Mira", at)
    sight = Sight("198.51.100.4", agent)
    token = Token("tok", TokenKind.DEVICE, "Pika Finance", user, frozenset(Scope), at, None, at, None, sight)
    return session(token, "8a1d4c0e-5b1f-4c57-9c0e-2f6a7d3b9e10", is_current=True)
