"""Scrubs: walks over everything that is stored, which find out whether it is still what came."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Scrub:
    """One walk over all blobs, in the order of their ids, and what it has found so far."""

    number: int
    after: int
    """The last id that was looked at."""
    checked: int
    """Blobs and renditions looked at."""
    bytes: int
    """Read, as far as their rows say."""
    lost: int
    """Blobs whose bytes were found gone or damaged."""
    found: int
    """Lost blobs whose bytes were found whole again."""
    renditions: int
    """Renditions that were gone or damaged; they are made anew when next asked for."""
    unread: int
    """Objects that the store could not read out just then; nothing is said about them."""
    started_at: datetime
    touched_at: datetime
    is_finished: bool = False
