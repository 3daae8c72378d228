"""Manifests: whatever is not all of one, unchanged, is none."""

from datetime import UTC, datetime

import pytest

from holdall.domain import backups
from holdall.domain.backups import Content, Manifest, ManifestDamaged, decode, encode

MANIFEST = Manifest(
    id="0123456789abcdef" * 2,
    made_at=datetime(2026, 11, 23, 6, 30, 0, 5, tzinfo=UTC),
    version="0.1.0",
    schema="0016",
    counts={"users": 2},
    database=Content("d" * 64, 5),
    pieces=(Content("e" * 64, 3), Content("f" * 64, 2)),
    contents={"a" * 64: 10, "b" * 64: 0},
    secret="a" * 64,
    lost=("ab/ab" + "0" * 30,),
)


def test_what_is_written_down_is_read_again():
    assert decode(encode(MANIFEST)) == MANIFEST
    assert MANIFEST.size == 15
    assert [content.size for content in MANIFEST.needed()] == [3, 2, 10, 0]


def test_every_changed_byte_and_every_cut_is_noticed():
    data = encode(MANIFEST)
    for at in range(len(data)):
        with pytest.raises(ManifestDamaged):
            decode(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(ManifestDamaged):
            decode(data[:at])


def test_a_later_form_is_not_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(backups, "FORM", 2)
    data = encode(MANIFEST)
    monkeypatch.undo()

    with pytest.raises(ManifestDamaged, match="form 2"):
        decode(data)
