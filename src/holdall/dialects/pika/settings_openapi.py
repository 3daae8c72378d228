"""What Pika's dialect says in OpenAPI of its settings, of app info, and of what it has none of."""

from typing import Any

from holdall.dialects.pika import push, wire
from holdall.dialects.pika.failures import CALLER, COOKIE, READING, failed
from holdall.dialects.pika.policy import DOCUMENT, DOORS, ENTITIES, IMAGE
from holdall.dialects.pika.push import MOST_IN_A_PAGE, NO_KEY, NOTIFICATIONS_IN_A_PAGE, STATUS
from holdall.dialects.pika.taking import AT_DOOR
from holdall.domain.access import Scope
from holdall.domain.policy import Kind
from holdall.domain.preferences import HIGHEST_QUALITY, KINDS, LOWEST_QUALITY
from holdall.domain.variants import NAMED, PICTURE
from holdall.errors import Forbidden, Malformed, Missing, NotEnabled, RateLimited, SettingRefused, SettingUnknown
from holdall.web import doors, openapi
from holdall.web.openapi import EXTENSION, Failures, Json, Operation, list_of, object_of, parameter, ref, text, whole

_SETTINGS, _PUSH = "Pika settings", "Pika push and AI"
TAGS = {
    _SETTINGS: "What a user chose, and what this installation takes.",
    _PUSH: "Neither is offered here; the front-end asks all the same.",
}
_KINDS = {"avatar": IMAGE.kind, "image": IMAGE.kind, "document": DOCUMENT.kind}
_BOXES = [recipe.box for recipe in NAMED.values() if recipe.crops]

# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _nullable(type: str, description: str, **more: Any) -> Json:
    return {"type": [type, "null"], "description": f"{description} `null` takes the choice back.", **more}


_TYPES_TEXT = "By extension; all extensions of a type go together."
_BYTES_TEXT = "The largest file, in bytes."
_QUALITY: dict[str, Any] = {"minimum": LOWEST_QUALITY, "maximum": HIGHEST_QUALITY}
_QUALITY_TEXT = "Of pictures that are encoded anew."
_ORIGINAL_TEXT = "Whether pictures other than avatars keep every pixel as it came."
_STRIP_TEXT = "Whether such originals lose their metadata; all other pictures always do."
_THREE: dict[str, Json] = {
    "currency": text("A code of ISO 4217."),
    "gemini_api_key": text('Of an AI service; kept sealed. `""`: there is none.'),
    "timezone": text("A name of the IANA database."),
}
_WORDS = list_of(text())
SCHEMAS: dict[str, Json] = {
    "PikaUploadPreferences": object_of(
        {
            **{name: ref("PikaKindPreference") for name in KINDS},
            "image_quality": whole(_QUALITY_TEXT, **_QUALITY),
            "keep_original": {"type": "boolean", "description": _ORIGINAL_TEXT},
            "strip_metadata": {"type": "boolean", "description": _STRIP_TEXT},
        },
        description=f"How the caller's uploads are taken and kept; what was not chosen is as the house has it. "
        f"{EXTENSION}",
    ),
    "PikaKindPreference": object_of({"types": list_of(text(), _TYPES_TEXT), "max_bytes": whole(_BYTES_TEXT)}),
    "PikaSettings": object_of({**_THREE, "uploads": ref("PikaUploadPreferences")}),
    "PikaChangedSettings": object_of(
        {**_THREE, "uploads": ref("PikaUploadPreferences")},
        description="The keys that were sent.",
        optional=[*_THREE, "uploads"],
    ),
    "PikaSettingsChange": object_of(
        {
            **_THREE,
            "uploads": object_of(
                {
                    **{name: ref("PikaKindChange") for name in KINDS},
                    "image_quality": _nullable("integer", _QUALITY_TEXT, **_QUALITY),
                    "keep_original": _nullable("boolean", _ORIGINAL_TEXT),
                    "strip_metadata": _nullable("boolean", _STRIP_TEXT),
                },
                optional=[*KINDS, "image_quality", "keep_original", "strip_metadata"],
                description=f"Only what is to change; never beyond what the operator allows. {EXTENSION}",
            ),
        },
        optional=[*_THREE, "uploads"],
    ),
    "PikaKindChange": {
        **object_of(
            {
                "types": {**_nullable("array", _TYPES_TEXT), "items": text(), "minItems": 1},
                "max_bytes": _nullable("integer", _BYTES_TEXT, minimum=1),
            },
            optional=["types", "max_bytes"],
        ),
        "type": ["object", "null"],
    },
    "PikaAppInfo": object_of(
        {
            "name": text(),
            "version": text("Holdall's."),
            "description": text(),
            "app_id": text("A UUID, made once for this installation.", format="uuid"),
            "base_url": text("Where it is reached.", format="uri"),
            "files": object_of(
                {
                    "doors": object_of({door: ref("PikaDoor") for door in DOORS}, description="The uploads' `{door}`."),
                    "thumbnails": object_of(
                        {"size": list_of(whole()), "crop": list_of(whole())},
                        description="What `?size=` and `?crop=` behind a file's `url` can be.",
                    ),
                    "resumable": {"type": ["object", "null"], "description": "`null`: no upload can be resumed."},
                },
                description=f"What is taken in files. {EXTENSION}",
            ),
        }
    ),
    "PikaDoor": object_of(
        {
            "entityTypes": list_of(text(enum=list(ENTITIES))),
            "kinds": object_of({"image": ref("PikaKind"), "document": ref("PikaKind")}, optional=["image", "document"]),
        }
    ),
    "PikaKind": object_of({"extensions": _WORDS, "mimeTypes": _WORDS, "maxBytes": whole()}),
    "PikaPushStatus": object_of({name: {"type": "boolean"} for name in STATUS}),
    "PikaPushKey": object_of({"public_key": text('`""`: there is none.'), "web_push_ready": {"type": "boolean"}}),
    "PikaNotifications": object_of(
        {
            "notifications": list_of({"type": "object"}),
            "pagination": object_of(
                {name: whole() for name in ("page", "per_page", "total", "total_pages", "unread_count")}
            ),
        }
    ),
}

# ── examples ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _preferred(kind: Kind) -> dict[str, Any]:
    return {"types": [type.extension for type in kind.types], "max_bytes": kind.max_bytes}


_UPLOADS = {
    **{name: _preferred(kind) for name, kind in _KINDS.items()},
    "image_quality": PICTURE.quality,
    "keep_original": False,
    "strip_metadata": True,
}
_CHOSEN = {"currency": "EUR", "gemini_api_key": "", "timezone": "Europe/Berlin", "uploads": _UPLOADS}
_NARROWED = {**_UPLOADS, "document": {"types": ["pdf"], "max_bytes": 1 << 20}}


def _door(door: str) -> dict[str, Any]:
    kinds = [_KINDS[name] for name in AT_DOOR[door]]
    told = {
        kind.name: {"extensions": list(kind.extensions), "mimeTypes": list(kind.mimes), "maxBytes": kind.max_bytes}
        for kind in kinds
    }
    return {"entityTypes": list(ENTITIES), "kinds": told}


_INFO = {
    "name": "Pika",
    "version": "1.0.0",
    "description": "Personal finance in Pika's API, kept by Holdall.",
    "app_id": "8a1d6c0e-52f3-4b7a-9d15-0c7be1f2a943",
    "base_url": "https://money.example.test",
    "files": {
        "doors": {door: _door(door) for door in DOORS},
        "thumbnails": {"size": _BOXES, "crop": _BOXES},
        "resumable": None,
    },
}

# ── operations ───────────────────────────────────────────────────────────────────────────────────────────────────


def operations() -> list[Operation]:
    """All of them."""
    reader = {**CALLER, "a credential without the right to read": Forbidden(Scope.READ)}
    writer = {**CALLER, "a credential without the right to change anything": Forbidden(Scope.WRITE)}
    homeless: Failures = {"a user without a space of their own": Missing("space")}
    changing: Failures = {
        **READING,
        **writer,
        **homeless,
        "no keys at all": Malformed("settings", "there are none in it"),
        "a key that there is not": SettingUnknown("theme"),
        "a value that the key cannot have": SettingRefused("currency", "it is a code of ISO 4217, such as EUR"),
    }

    def operation(
        method: str, path: str, id: str, summary: str, answers: Json, failures: Failures, **more: Any
    ) -> Operation:
        given = {"tags": [_PUSH], "security": [{COOKIE: []}], **more}
        return Operation(
            method=method,
            path=wire.PREFIX + path,
            id=id,
            summary=summary,
            responses={**answers, **failed(failures)},
            **given,
        )

    def settings(method: str, id: str, summary: str, answers: Json, failures: Failures, **more: Any) -> Operation:
        return operation(method, "/settings", id, summary, answers, failures, tags=[_SETTINGS], **more)

    told = openapi.success("Every setting.", ref("PikaSettings"), {"chosen": _CHOSEN})
    changed = {"a currency": {"currency": "EUR"}, "a preference of uploads": {"uploads": _NARROWED}}
    bodies = {
        "a currency": {"currency": "EUR"},
        "a preference of uploads": {"uploads": {"document": _NARROWED["document"]}},
    }
    info = openapi.success("What it is.", ref("PikaAppInfo"), {"with what is taken": _INFO})
    page = openapi.success("A page of none.", ref("PikaNotifications"), {"none": push.no_notifications(1, 20)})
    numbered = parameter("path", "id", {"type": "string"}, "A notification.", "7")
    return [
        settings("GET", "pikaGetSettings", "Read the settings", told, {**reader, **homeless}),
        settings(
            "PUT",
            "pikaChangeSettings",
            "Change settings",
            openapi.success("The keys that were sent, as they are now.", ref("PikaChangedSettings"), changed),
            changing,
            description="Only the keys that are sent change; where one of them is wrong, none does.",
            request_body=openapi.json_body(ref("PikaSettingsChange"), "JSON only.", bodies),
        ),
        operation(
            "GET",
            "/app/info",
            "pikaGetAppInfo",
            "What this is",
            info,
            {
                "a page of another site sent it": CALLER["a page of another site sent it"],
                "too many calls": RateLimited(12),
                **doors.ANY_FAILURES,
            },
            tags=[_SETTINGS],
            security=[],
            description="For whoever asks; a cookie is not looked at.",
        ),
        operation(
            "GET",
            "/push/status",
            "pikaGetPushStatus",
            "Whether push is enabled",
            openapi.success("It is not.", ref("PikaPushStatus"), {"not enabled": STATUS}),
            reader,
        ),
        operation(
            "GET",
            "/push/vapid-key",
            "pikaGetPushKey",
            "The key to subscribe with",
            openapi.success("There is none.", ref("PikaPushKey"), {"none": NO_KEY}),
            reader,
        ),
        operation(
            "GET",
            "/push/notifications",
            "pikaListNotifications",
            "List notifications",
            page,
            {
                **reader,
                "a page or a number of them out of bounds": Malformed(
                    "query", f"per_page is '0'; it can be a whole number from 1 to {MOST_IN_A_PAGE}"
                ),
            },
            parameters=[
                parameter("query", "page", {"type": "integer", "minimum": 1, "default": 1}),
                parameter(
                    "query",
                    "per_page",
                    {"type": "integer", "minimum": 1, "maximum": MOST_IN_A_PAGE, "default": NOTIFICATIONS_IN_A_PAGE},
                ),
            ],
        ),
        *(
            operation(
                method,
                "/push/notifications/{id}",
                f"pika{verb}Notification",
                f"{verb} a notification",
                {},
                {**writer, "there is none": Missing("notification", "7")},
                parameters=[numbered],
            )
            for method, verb in (("PUT", "Change"), ("DELETE", "Delete"))
        ),
        *(
            operation(
                "POST",
                f"/push/{what}",
                f"pika{what.capitalize()}Push",
                f"{what.capitalize()}: refused",
                {},
                {**writer, "push is not enabled": NotEnabled("push")},
            )
            for what in ("subscribe", "unsubscribe", "enable", "disable")
        ),
        *(
            operation(
                "POST",
                f"/ai/{what}-to-transaction",
                f"pika{what.capitalize()}ToTransaction",
                f"Read a transaction out of a {what}: refused",
                {},
                {**writer, "AI is not enabled": NotEnabled("ai")},
                description="The body is not looked at.",
            )
            for what in ("text", "receipt")
        ),
    ]
