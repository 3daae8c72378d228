"""The audit log: administrative acts in a chain of digests, so that nobody can change one and have it go unnoticed.

Each entry's digest is taken over the digest before it and all of its own fields. Who changes, removes or reorders an
entry has to write anew all that follow; the digest of the last entry, kept elsewhere, then gives them away, and shows
too when entries were cut off at the end.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from holdall.domain.escaping import one_line

GENESIS = "0" * 64
"""What stands in for the digest before the first entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One act."""

    number: int
    """From 1, without gaps."""
    at: datetime
    actor: str
    """Who acted: ``os:`` and a name of the operating system at the command line, a user's public id, ``server``."""
    act: str
    """What was done, as ``thing.verb``."""
    subject: str
    """What it was done to, by its public id where it has one."""
    details: str
    """What else is to be known: a JSON object in canonical form."""
    hash: str
    """Hex SHA-256 over the digest before it and the fields above; see ``digest``."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain as it was at some time; to be kept where who can write the database cannot."""

    number: int
    hash: str

    def __str__(self) -> str:
        """``12:5f1a…``, as it is printed and given back."""
        return f"{self.number}:{self.hash}"


EMPTY = Head(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the chain is broken."""

    number: int
    """The first entry that is not as it was written, or is not there."""
    reason: str


def append(before: Head, at: datetime, actor: str, act: str, subject: str, details: Mapping[str, Any]) -> Entry:
    """The entry that follows ``before``. Text is made printable, so that an entry is one line wherever it is shown.

    Raises:
        TypeError, ValueError: ``details`` holds what JSON has no form for.

    """
    number, actor, subject = before.number + 1, one_line(actor), one_line(subject)
    text = canonical(_printable(dict(details)))
    return Entry(number, at, actor, act, subject, text, digest(before.hash, number, at, actor, act, subject, text))


def digest(before: str, number: int, at: datetime, actor: str, act: str, subject: str, details: str) -> str:
    r"""SHA-256 over ``before``, a line feed, and the canonical JSON of the fields; times are ISO 8601 in UTC.

    ``printf '%s\n%s' BEFORE FIELDS | sha256sum`` says the same: the chain can be checked without Holdall.

    Raises:
        ValueError: ``details`` is no canonical JSON.

    """
    fields = {
        "number": number,
        "at": iso(at),
        "actor": actor,
        "act": act,
        "subject": subject,
        "details": json.loads(details),
    }
    if canonical(fields["details"]) != details:
        raise ValueError(details)
    return hashlib.sha256(f"{before}\n{canonical(fields)}".encode()).hexdigest()


def canonical(value: object) -> str:
    """JSON with sorted keys, without blanks, in ASCII: equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def iso(at: datetime) -> str:
    """``2026-11-22T14:30:00.123456Z``, always with six digits of fraction."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def follow(before: Head, entries: Iterable[Entry]) -> Head | Fault:
    """Walk on from ``before``: the new end, or the first entry that does not follow from the one before it."""
    for entry in entries:
        fault = _fault(before, entry)
        if fault:
            return Fault(before.number + 1, fault)
        before = Head(entry.number, entry.hash)
    return before


def _fault(before: Head, entry: Entry) -> str:
    if entry.number != before.number + 1:
        return f"it is missing; entry {entry.number} comes next"
    try:
        fields = (entry.number, entry.at, entry.actor, entry.act, entry.subject, entry.details)
        expected = digest(before.hash, *fields)
    except ValueError:
        return "its details are not as they were written"
    return "" if entry.hash == expected else "its digest does not follow from its fields and the entry before it"


def _printable(value: Any) -> Any:
    """The same, with all text in printable characters."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Mapping):
        return {one_line(str(key)): _printable(each) for key, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list | tuple) else value
