"""Webhooks: which events there are, who is told of them, how a message is signed, and when a failed one is tried again.

Signatures are those of Standard Webhooks (https://www.standardwebhooks.com), version 1 of its symmetric scheme.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

MAX_WEBHOOKS = 20
"""In one space: every change is told to each."""
MAX_SECRET_LENGTH = 256
SECRET_PREFIX = "whsec_"  # noqa: S105  how a secret begins
SECRET_BYTES = 32
_BACK_OFF = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 10_800, 21_600, 21_600, 21_600))
MAX_TRIES = len(_BACK_OFF) + 1
"""Over nearly 25 hours."""
JITTER = 0.2
LONGEST_WAIT = timedelta(hours=24)
"""However long a receiver asks us to wait."""
GONE = 410


class EventType(StrEnum):
    """What a webhook can be told of (contract bika, section 7; all but two of them are ours)."""

    RECORD_CREATED = "ON_RECORD_CREATED"
    RECORD_UPDATED = "ON_RECORD_UPDATED"
    RECORD_DELETED = "ON_RECORD_DELETED"
    ATTACHMENT_ATTACHED = "ON_ATTACHMENT_ATTACHED"
    ATTACHMENT_REMOVED = "ON_ATTACHMENT_REMOVED"
    ATTACHMENT_INFECTED = "ON_ATTACHMENT_INFECTED"
    NODE_CREATED = "ON_NODE_CREATED"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody outside who is told of what happens in a space."""

    number: int
    id: str
    space_id: int
    name: str
    description: str
    url: str
    events: tuple[EventType, ...]
    database_id: str
    """Only of what happens in this database; ``""``: in the whole space."""
    sealed_secret: str = field(repr=False)
    has_own_secret: bool
    """Whether the secret was brought, and not made here."""
    created_at: datetime
    failing_since: datetime | None = None
    """Nothing was taken since then."""
    disabled_at: datetime | None = None
    disabled_for: str = ""

    @property
    def is_enabled(self) -> bool:
        """Whether it is told of anything."""
        return self.disabled_at is None

    def wants(self, event: "NewEvent") -> bool:
        """Whether it is to be told of this event. Where nodes are made, no database is asked for."""
        is_here = not self.database_id or self.database_id == event.database_id
        return event.type in self.events and (is_here or event.type is EventType.NODE_CREATED)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened, with what was known of it then."""

    id: str
    type: EventType
    database_id: str
    content: Mapping[str, Any]
    """JSON: a record as it was kept, and what else belongs to it; links to files are made when it is told."""


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """An event as it waits in the outbox."""

    id: str
    type: EventType
    space_id: int
    database_id: str
    content: Mapping[str, Any]
    created_at: datetime


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Try:
    """One try to deliver, and what came of it."""

    at: datetime
    milliseconds: int
    status: int = 0
    """Of the HTTP answer; 0 where there was none."""
    error: str = ""
    response: str = ""
    """How the answer's body began."""

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it: any status of success."""
        return 200 <= self.status < 300  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook."""

    number: int
    id: str
    event_id: str
    event_type: EventType
    state: DeliveryState
    turn: int
    """How often it was given to the job engine."""
    tries: Sequence[Try]
    first_try: int
    """The number of the first try of this round; others came before a replay."""
    due_at: datetime
    created_at: datetime


def parse_secret(secret: str) -> bytes:
    """The key of a secret: the bytes behind ``whsec_`` in base64; of any other text, its own bytes.

    Raises:
        ValueError: it is empty, too long, or begins like one and is none.

    """
    if not secret or len(secret) > MAX_SECRET_LENGTH:
        raise ValueError(f"it has 1 to {MAX_SECRET_LENGTH} characters")
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64 is expected behind {SECRET_PREFIX}") from error
    if not key:
        raise ValueError(f"nothing stands behind {SECRET_PREFIX}")
    return key


def write_secret(key: bytes) -> str:
    """A secret as it is told to the one who registers."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def signature(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``."""
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def body_signature(key: bytes, body: bytes) -> str:
    """The value of ``X-Bika-Signature``: of the body alone."""
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def next_wait(tries: int, chance: float, retry_after: timedelta = timedelta()) -> timedelta | None:
    """How long to wait after so many tries have failed; ``None``: no more.

    ``chance``, from 0 to 1, spreads those that failed together. What the receiver asks for is granted, within bounds.
    """
    if tries >= MAX_TRIES:
        return None
    wait = _BACK_OFF[tries - 1] * (1 - JITTER + 2 * JITTER * chance)
    return min(max(wait, retry_after), LONGEST_WAIT)
