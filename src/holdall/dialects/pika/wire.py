"""Pika's JSON: flat objects whose ids and sizes are strings (contract pika, sections 2.3 and 3.3)."""

from datetime import UTC, datetime
from typing import Any

from holdall.domain.access import User
from holdall.domain.access_log import LoggedEvent
from holdall.domain.files import Upload
from holdall.domain.preferences import DEFAULTS, Preferences
from holdall.domain.variants import NAMED
from holdall.flows.access_log import FileLog
from holdall.flows.variants import is_pictured

FILES_PREFIX = "/wp-content/uploads/"
_THUMBNAILS = tuple(
    (name, f"crop={recipe.box}" if recipe.crops else f"size={recipe.box}") for name, recipe in NAMED.items()
)


def upload(upload: Upload, site_url: str) -> dict[str, Any]:
    """The upload object. ``type`` is the kind that was declared, not the door it came in by."""
    url = f"{site_url}{FILES_PREFIX}{upload.path}"
    return {
        "id": str(upload.number),
        "url": url,
        "type": upload.purpose.kind if upload.purpose.entity else _kind(upload),
        "name": upload.name,
        "size": str(upload.blob.size),
        "sha256": upload.blob.sha256,
        "findings": list(upload.blob.findings),
        "thumbhash": upload.blob.thumbhash,
        "thumbnails": {name: f"{url}?{query}" for name, query in _THUMBNAILS} if is_pictured(upload.blob) else {},
    }


def _kind(upload: Upload) -> str:
    """What a file is that was brought by another dialect, which knows no such words."""
    return "image" if upload.blob.mime.startswith("image/") else "document"


def listed(upload_: Upload, until: datetime | None, site_url: str) -> dict[str, Any]:
    """An upload as a list tells it; ``until`` is when a deleted one goes for good."""
    return {
        **upload(upload_, site_url),
        "entityType": upload_.purpose.entity or "other",
        "createdAt": iso(upload_.created_at),
        "deletedAt": None if upload_.deleted_at is None else iso(upload_.deleted_at),
        "restorableUntil": None if until is None else iso(until),
    }


def file_log(found: FileLog) -> dict[str, Any]:
    """A page of what was done with a file; ``next`` is what ``before`` takes for the following one."""
    following = str(found.events[-1].number) if found.has_more else None
    return {"events": [_event(event) for event in found.events], "next": following}


def _event(event: LoggedEvent) -> dict[str, Any]:
    return {
        "id": str(event.number),
        "date": iso(event.at),
        "action": event.action.value,
        "outcome": event.outcome.value,
        "status": event.status,
        "error": event.error or None,
        "user": event.login or None,
        "address": event.address,
        "userAgent": event.agent,
        "route": event.route,
        "size": str(event.bytes),
        "detail": event.detail,
        "requestId": event.request_id,
    }


def iso(time: datetime) -> str:
    """``2026-02-11T18:00:00.000Z``."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def user(user: User, chosen: Preferences = DEFAULTS) -> dict[str, Any]:
    """The signed-in user; here alone the id is a number."""
    return {
        "id": user.number,
        "username": user.login,
        "email": user.email,
        "display_name": user.name,
        "avatar_url": "",
        "settings": {"currency": chosen.currency, "is_api_key_set": bool(chosen.sealed_key)},
    }
