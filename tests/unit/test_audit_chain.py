"""The chain of the audit log: what its digests are taken over, and how tampering shows."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from holdall.domain.audit import EMPTY, GENESIS, Entry, Fault, Head, append, canonical, follow, iso

NOW = datetime(2026, 11, 22, 14, 30, 0, 123456, tzinfo=UTC)


def chain(length: int) -> list[Entry]:
    """So many entries."""
    entries: list[Entry] = []
    head = EMPTY
    for number in range(length):
        entry = append(head, NOW + timedelta(seconds=number), "os:ines", "user.add", f"usr{number}", {"login": "x"})
        entries.append(entry)
        head = Head(entry.number, entry.hash)
    return entries


def test_a_whole_chain_leads_to_its_head():
    """Also in pieces."""
    entries = chain(5)

    head = Head(5, entries[-1].hash)
    middle = follow(EMPTY, entries[:2])

    assert follow(EMPTY, entries) == head
    assert isinstance(middle, Head)
    assert follow(middle, entries[2:]) == head
    assert follow(EMPTY, []) == EMPTY


def test_the_digest_can_be_made_without_holdall():
    """SHA-256 over the digest before, a line feed, and JSON with sorted keys: by nothing but the standard library."""
    first, second = chain(2)
    fields = {
        "number": 2,
        "at": "2026-11-22T14:30:01.123456Z",
        "actor": "os:ines",
        "act": "user.add",
        "subject": "usr1",
        "details": {"login": "x"},
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))

    assert second.hash == hashlib.sha256(f"{first.hash}\n{text}".encode()).hexdigest()
    assert GENESIS == "0" * 64


@pytest.mark.parametrize(
    "change",
    [
        {"at": NOW + timedelta(microseconds=1)},
        {"actor": "os:root"},
        {"act": "user.remove"},
        {"subject": "usr9"},
        {"details": '{"login":"y"}'},
        {"details": '{"login": "x"}'},
        {"details": "{}"},
        {"details": "not JSON"},
        {"details": "NaN"},
        {"hash": "f" * 64},
    ],
)
def test_a_changed_field_breaks_the_chain_at_its_entry(change: dict[str, object]):
    """Whichever field it is."""
    entries = chain(5)
    entries[2] = replace(entries[2], **change)

    found = follow(EMPTY, entries)

    assert isinstance(found, Fault)
    assert found.number == 3


def test_a_changed_entry_with_a_digest_that_fits_breaks_the_next():
    """Whoever edits has to write anew all that follows."""
    entries = chain(5)
    before = Head(2, entries[1].hash)
    entries[2] = append(before, entries[2].at, "os:root", "user.add", "usr2", {})

    found = follow(EMPTY, entries)

    assert isinstance(found, Fault)
    assert found.number == 4


@pytest.mark.parametrize("gone", [0, 1, 3])
def test_a_removed_entry_is_named(gone: int):
    """At the beginning and in the middle."""
    entries = chain(5)
    del entries[gone]

    found = follow(EMPTY, entries)

    assert isinstance(found, Fault)
    assert (found.number, f"entry {gone + 2} comes next" in found.reason) == (gone + 1, True)


def test_entries_that_changed_places_are_named():
    """Numbers exchanged, fields and digests not."""
    entries = chain(5)
    entries[1], entries[2] = replace(entries[2], number=2), replace(entries[1], number=3)

    found = follow(EMPTY, entries)

    assert isinstance(found, Fault)
    assert found.number == 2


def test_text_is_kept_printable():
    """An entry is one line wherever it is shown, and storable on every engine."""
    entry = append(EMPTY, NOW, "os:a\nb", "x.y", "a\x00b", {"reason": "a\r\nb", "more": ["\ud800", {"k\n": 1}]})

    assert (entry.actor, entry.subject) == (r"os:a\x0ab", r"a\x00b")
    assert json.loads(entry.details) == {"reason": r"a\x0d\x0ab", "more": [r"\ud800", {r"k\x0a": 1}]}
    assert follow(EMPTY, [entry]) == Head(1, entry.hash)


@pytest.mark.parametrize("details", [{"x": float("nan")}, {"x": object()}])
def test_what_json_has_no_form_for_is_refused(details: dict[str, object]):
    """Before anything is written."""
    with pytest.raises((TypeError, ValueError)):
        append(EMPTY, NOW, "server", "x.y", "", details)


def test_times_have_one_form():
    """UTC with six digits, whatever zone they came in."""
    there = NOW.replace(microsecond=0).astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert iso(there) == "2026-11-22T14:30:00.000000Z"
    assert canonical({"b": 1, "a": "é"}) == '{"a":"\\u00e9","b":1}'
