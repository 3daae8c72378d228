"""Pika's settings (contract pika, section 8), and preferences of uploads among them, which are an extension.

``PUT`` changes the keys that it names and answers with those. What is wrong with any of them leaves all as they were.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika import taking
from holdall.dialects.pika.asking import caller
from holdall.domain.access import Scope, Space, User
from holdall.domain.currencies import CODES
from holdall.domain.policy import Kind
from holdall.domain.preferences import (
    DEFAULTS,
    HIGHEST_QUALITY,
    KINDS,
    LOWEST_QUALITY,
    KindPreference,
    Preferences,
    UploadPreferences,
    narrowed,
)
from holdall.domain.zones import zone_called
from holdall.errors import Malformed, SettingRefused, SettingUnknown
from holdall.flows.access import at_home
from holdall.flows.preferences import Change, change_preferences, seal_key, unseal_key, with_preferences
from holdall.web.body import read_body
from holdall.web.dialect import json_response
from holdall.web.edge import Edge, edge_of

MAX_KEY_LENGTH = 500
"""Of a key to an AI service; they have some 40 characters."""
KEYS = ("currency", "gemini_api_key", "timezone", "uploads")


async def get_settings(request: Request) -> Response:
    """What the caller chose, and what holds where they did not."""
    actor, (space, chosen) = await caller(request, with_preferences(at_home(Scope.READ)))
    return json_response(shown(edge_of(request), actor.user, space, chosen))


async def change_settings(request: Request) -> Response:
    """Other values for some keys. JSON only: neither a form nor the query says anything here."""
    edge = edge_of(request)
    actor, space = await caller(request, at_home(Scope.WRITE))
    given = await _given(request)
    if not given:
        raise Malformed("settings", "there are none in it")
    changes = [_change(edge, actor.user, space, key, value) for key, value in given.items()]

    def change(chosen: Preferences) -> Preferences:
        for each in changes:
            chosen = each(chosen)
        return chosen

    chosen = await change_preferences(edge.services, actor, change)
    told = shown(edge, actor.user, space, chosen)
    return json_response({key: told[key] for key in given})


def shown(edge: Edge, user: User, space: Space, chosen: Preferences) -> dict[str, Any]:
    """Every setting."""
    return {
        "currency": chosen.currency,
        "gemini_api_key": unseal_key(edge.vault, user, chosen.sealed_key) if edge.vault else "",
        "timezone": chosen.timezone,
        "uploads": _shown_uploads(edge, space, chosen.uploads),
    }


def _shown_uploads(edge: Edge, space: Space, wanted: UploadPreferences) -> dict[str, Any]:
    kinds = {name: narrowed(taking.ceiling(edge, name, space), wanted.of(name)).kind for name in KINDS}
    return {
        **{name: _shown_kind(kind) for name, kind in kinds.items()},
        "image_quality": edge.picture.quality if wanted.quality is None else wanted.quality,
        "keep_original": wanted.keeps_originals,
        "strip_metadata": taking.strips_metadata(edge, space, wanted),
    }


def _shown_kind(kind: Kind) -> dict[str, Any]:
    return {"types": [type.extension for type in kind.types], "max_bytes": kind.max_bytes}


async def _given(request: Request) -> Mapping[str, Any]:
    """The keys of the body; none, where it is something else than an object, or a form.

    Raises:
        Malformed: it says that it is JSON, or nothing, and is not.

    """
    body = await read_body(request, edge_of(request).pace)
    kind = request.headers.get("content-type", "")
    if not body.strip() or "urlencoded" in kind or "multipart" in kind:
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed("json", str(error)) from error
    return value if isinstance(value, dict) else {}


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _change(edge: Edge, user: User, space: Space, key: str, value: Any) -> Change:
    """What one key of the body comes to.

    Raises:
        SettingUnknown, SettingRefused: there is no such key, or it cannot have this value.

    """
    match key:
        case "currency":
            currency = _currency(value)
            return lambda chosen: replace(chosen, currency=currency)
        case "timezone":
            timezone = _timezone(value)
            return lambda chosen: replace(chosen, timezone=timezone)
        case "gemini_api_key":
            sealed = _sealed(edge, user, value)
            return lambda chosen: replace(chosen, sealed_key=sealed)
        case "uploads":
            changes = _upload_changes(edge, space, value)
            return lambda chosen: replace(chosen, uploads=_changed(chosen.uploads, changes))
        case _:
            raise SettingUnknown(key)


def _currency(value: Any) -> str:
    if isinstance(value, str) and value.strip().upper() in CODES:
        return value.strip().upper()
    raise SettingRefused("currency", "it is a code of ISO 4217, such as EUR")


def _timezone(value: Any) -> str:
    if isinstance(value, str) and zone_called(value.strip()) is not None:
        return value.strip()
    raise SettingRefused("timezone", "it is a name of the IANA database, such as Europe/Berlin")


def _sealed(edge: Edge, user: User, value: Any) -> str:
    key = value.strip() if isinstance(value, str) else None
    if key is None or len(key) > MAX_KEY_LENGTH or not (key.isascii() and key.isprintable()):
        raise SettingRefused("gemini_api_key", f"it has at most {MAX_KEY_LENGTH} characters of ASCII")
    if edge.vault is None:
        raise SettingRefused("gemini_api_key", "nothing is sealed here")
    return seal_key(edge.vault, user, key)


# ── preferences of uploads ───────────────────────────────────────────────────────────────────────────────────────

_UploadChange = Callable[[UploadPreferences], UploadPreferences]


def _changed(wanted: UploadPreferences, changes: list[_UploadChange]) -> UploadPreferences:
    for each in changes:
        wanted = each(wanted)
    return wanted


def _upload_changes(edge: Edge, space: Space, value: Any) -> list[_UploadChange]:
    """What the object under ``uploads`` comes to; ``null`` takes a choice back."""
    if not isinstance(value, dict) or not value:
        raise SettingRefused("uploads", "it is an object with something in it")
    return [_upload_change(edge, space, key, each) for key, each in value.items()]


def _upload_change(edge: Edge, space: Space, key: str, value: Any) -> _UploadChange:
    match key:
        case "avatar" | "image" | "document":
            return _kind_change(key, taking.ceiling(edge, key, space).kind, value)
        case "image_quality":
            quality = _quality(value)
            return lambda wanted: replace(wanted, quality=quality)
        case "keep_original":
            keeps = _yes_or_no(key, value, usual=DEFAULTS.uploads.keeps_originals)
            return lambda wanted: replace(wanted, keeps_originals=keeps)
        case "strip_metadata":
            strips = _yes_or_no(key, value, usual=DEFAULTS.uploads.strips_metadata)
            if not strips and taking.must_strip(edge, space):
                raise SettingRefused("uploads.strip_metadata", "the operator has metadata stripped")
            return lambda wanted: replace(wanted, strips_metadata=strips)
        case _:
            raise SettingUnknown(f"uploads.{key}")


def _kind_change(name: str, ceiling: Kind, value: Any) -> _UploadChange:
    place = f"uploads.{name}"
    if value is None:
        return lambda wanted: replace(wanted, kinds={**wanted.kinds, name: KindPreference()})
    if not isinstance(value, dict) or not value:
        raise SettingRefused(place, "it is an object with types, max_bytes or both")
    parts: dict[str, Any] = {}
    for key, each in value.items():
        match key:
            case "types":
                parts["types"] = _types(f"{place}.types", ceiling, each)
            case "max_bytes":
                parts["max_bytes"] = _max_bytes(f"{place}.max_bytes", ceiling, each)
            case _:
                raise SettingUnknown(f"{place}.{key}")
    return lambda wanted: replace(wanted, kinds={**wanted.kinds, name: replace(wanted.of(name), **parts)})


def _types(place: str, ceiling: Kind, value: Any) -> tuple[str, ...]:
    """Those of the ceiling's types that are named by any of their extensions; ``()``: all of them."""
    if value is None:
        return ()
    names = value if isinstance(value, list) and all(isinstance(name, str) for name in value) else []
    named = {name.strip().lower().removeprefix(".") for name in names}
    if not named or not named <= set(ceiling.extensions):
        raise SettingRefused(place, f"it is a list of some of {', '.join(ceiling.extensions)}")
    wanted = tuple(type.extension for type in ceiling.types if named.intersection(type.extensions))
    return () if len(wanted) == len(ceiling.types) else wanted


def _max_bytes(place: str, ceiling: Kind, value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= ceiling.max_bytes:
        raise SettingRefused(place, f"it is a whole number from 1 to {ceiling.max_bytes}")
    return value


def _quality(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not LOWEST_QUALITY <= value <= HIGHEST_QUALITY:
        raise SettingRefused(
            "uploads.image_quality", f"it is a whole number from {LOWEST_QUALITY} to {HIGHEST_QUALITY}"
        )
    return value


def _yes_or_no(key: str, value: Any, *, usual: bool) -> bool:
    if value is None:
        return usual
    if not isinstance(value, bool):
        raise SettingRefused(f"uploads.{key}", "it is true or false")
    return value
