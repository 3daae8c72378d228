"""Pika's JSON: flat objects whose ids and sizes are strings (contract pika, sections 2.3 and 3.3)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from holdall.dialects.pika import labels
from holdall.domain.access import User
from holdall.domain.access_log import LoggedEvent
from holdall.domain.bookkeeping.entries import Account, Booking, Named, Person, Tag
from holdall.domain.files import Upload
from holdall.domain.money import written
from holdall.domain.preferences import DEFAULTS, Preferences
from holdall.domain.variants import NAMED
from holdall.flows.access_log import FileLog
from holdall.flows.variants import is_pictured
from holdall.web.links import Links

PREFIX = "/wp-json/pika/v1"
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


def link(upload: Upload, links: Links, now: datetime) -> dict[str, str]:
    """An address that needs no cookie, and when it ends."""
    ends = datetime.fromtimestamp(links.expiry(now.timestamp()), UTC)
    return {"url": links.signed(upload, now.timestamp()), "expiresAt": iso(ends)}


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


# ── books (4 to 6) ───────────────────────────────────────────────────────────────────────────────────────────────


def person(person: Person, avatars: Mapping[int, Upload], site_url: str) -> dict[str, Any]:
    """A person, with what is between them and the user."""
    return {
        "id": str(person.number),
        "name": person.name,
        "description": person.description,
        "email": person.email,
        "phone": person.phone,
        "avatar": _avatar(person.avatar, avatars, site_url),
        "lastTransactionAt": None if person.last_at is None else _row_time(person.last_at),
        "totalTransactions": str(person.transactions),
        "balance": written(person.balance),
    }


def total_summary(person: Person) -> dict[str, Any]:
    """What went to a person and came from them; null where nothing ever did."""
    has_any = person.transactions > 0
    return {
        "totalSpent": written(person.expense) if has_any else None,
        "totalReceived": written(person.income) if has_any else None,
    }


def person_row(person: Person, user: User) -> dict[str, Any]:
    """A new person as the original answers: the row of its database."""
    return {
        "id": str(person.number),
        "user_id": str(user.number),
        "name": person.name,
        "email": person.email,
        "phone": person.phone,
        "avatar_id": None if person.avatar is None else str(person.avatar),
        "description": person.description,
        "is_active": "1",
        "created_at": _row_time(person.created_at),
        "updated_at": _row_time(person.updated_at),
    }


def tag_row(tag: Tag, user: User) -> dict[str, Any]:
    """A changed tag as the original answers: the row of its database."""
    return {
        "id": str(tag.number),
        "user_id": str(user.number),
        "name": tag.name,
        "color": tag.look.color,
        "bg_color": tag.look.bg_color,
        "icon": tag.look.icon,
        "description": tag.description,
        "is_active": "1",
        "created_at": None if tag.created_at is None else _row_time(tag.created_at),
    }


def account(account: Account, avatars: Mapping[int, Upload], site_url: str) -> dict[str, Any]:
    """An account, with what is in it."""
    return {
        "id": str(account.number),
        "name": account.name,
        "description": account.description,
        "avatar": _avatar(account.avatar, avatars, site_url),
        "lastTransactionAt": None if account.last_at is None else _row_time(account.last_at),
        "totalTransactions": account.transactions,
        "balance": written(account.balance),
        "icon": account.look.icon,
        "bgColor": account.look.bg_color,
        "color": account.look.color,
    }


def transaction(booking: Booking, named: Named, site_url: str) -> dict[str, Any]:
    """A transaction, with all that it names."""
    category = named.categories.get(booking.category)
    person_ = named.people.get(booking.person) if booking.person is not None else None
    return {
        "id": str(booking.number),
        "title": booking.title,
        "amount": written(booking.amount),
        "date": date(booking.at),
        "type": booking.type.value,
        "category": None if category is None else labels.category(category),
        "account": _account_of(booking.account, named, site_url),
        "person": None if person_ is None else person(person_, named.uploads, site_url),
        "toAccount": _account_of(booking.to_account, named, site_url),
        "note": booking.note,
        "attachments": [
            upload(named.uploads[number], site_url) for number in booking.receipts if number in named.uploads
        ],
        "tags": [labels.tag(named.tags[number]) for number in booking.tags if number in named.tags],
    }


def date(time: datetime) -> str:
    """``2026-02-11T18:00:00+00:00``."""
    return time.astimezone(UTC).isoformat(timespec="seconds")


def _row_time(time: datetime) -> str:
    """``2026-02-11 18:00:00``, in UTC, as the original's database writes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _account_of(number: int | None, named: Named, site_url: str) -> dict[str, Any] | None:
    found = None if number is None else named.accounts.get(number)
    return None if found is None else account(found, named.uploads, site_url)


def _avatar(number: int | None, avatars: Mapping[int, Upload], site_url: str) -> dict[str, Any] | None:
    found = None if number is None else avatars.get(number)
    return None if found is None else upload(found, site_url)


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
