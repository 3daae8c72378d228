"""Files that a malware rule matched, what is known of them, and how much caution the house asks for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from holdall.domain.files import Purpose

MIB = 1 << 20


class QuarantineState(StrEnum):
    """Where a quarantined file is on its way."""

    ARRIVING = "arriving"
    """Its bytes are being moved in; a sweep finishes what a crash left here."""
    HELD = "held"
    LEAVING = "leaving"
    """Released, deleted or too old: its bytes are to be deleted, then its row."""


@dataclass(frozen=True, slots=True)
class Caution:
    """What the house does about malware, and about what could not be scanned."""

    keeps_unscanned: bool = False
    """Files that no scanner could look at are kept, and flagged, instead of refused."""
    quarantine_for: timedelta = timedelta(days=90)
    """After this a quarantined file goes, evidence and all."""
    quarantine_max_bytes: int = 1024 * MIB
    quarantine_max_files: int = 10_000
    """Over either, the oldest go first: no client fills our disk with what we refuse."""


USUAL = Caution()
"""What a house does that has not said otherwise."""


@dataclass(frozen=True, slots=True)
class QuarantinedFile:
    """One file in quarantine. Nobody can read it but an operator, and they only by releasing it."""

    number: int
    id: str
    """``qua`` + 21 random alphanumerics."""
    space_id: int
    space: str
    """The space's public id."""
    user_id: int
    user: str
    """The login of who uploaded it, first where there were several."""
    blob_id: int | None
    """The blob it was, where it had been kept and a later scan took it back."""
    state: QuarantineState
    key: str
    """Its key in the quarantine's own store; ``""`` where the bytes were more than the quarantine holds in all."""
    sha256: str
    size: int
    mime: str
    signature: str
    """The rule that matched."""
    scanner: str
    """Who found it, and by which rules."""
    name: str
    """The client's name, sanitised for showing."""
    path: str
    """The public name that it has, or would have had."""
    purpose: Purpose
    found_at: datetime
    last_at: datetime
    """When it last came; the same file from the same uploader is held once."""
    times: int
    """How often it came."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """An operator's word that a rule is wrong about a content, in one space."""

    space_id: int
    sha256: str
    signature: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rescan:
    """How far a scan of what is stored has come."""

    number: int
    scope: str
    """Which blobs it is about; a scan of others is another one."""
    edition: str
    """The rules it goes by; under other rules it would have to begin anew."""
    after: int
    """Blobs up to this id are done."""
    checked: int
    infected: int
    not_scanned: int
    missing: int
    """Blobs whose bytes were not there or could not be read."""
    started_at: datetime
    is_finished: bool = False
