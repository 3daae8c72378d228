"""The scanner finds what its rules describe, leaves alone what they do not, and never calls a failure clean."""

import asyncio
import os
import signal
import struct
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import yara_x

from holdall.adapters.inspect.pool import ChildPool
from holdall.adapters.scan import matching
from holdall.adapters.scan.matching import OVERLAP_BYTES, WINDOW_BYTES, Matcher
from holdall.adapters.scan.sources import RULE_FILES
from holdall.adapters.scan.yara import YaraScanner
from holdall.domain.policy import extension_of
from holdall.domain.signatures import OPAQUE, TYPES
from holdall.ports import Verdict
from tests.support import images
from tests.support.children import Children, children
from tests.support.corpus import corpus

CLEAN = Verdict()
PHP = b"<?php system($_GET['c']); ?>"
PE = (
    b"MZ".ljust(0x3C, b"\0")
    + struct.pack("<I", 0x80)
    + b"\x0e\x1f!This program cannot be run in DOS mode.\r\r\n$".ljust(0x40, b"\0")
    + b"PE\0\0"
    + bytes(200)
)


@pytest.fixture(scope="module")
def kids() -> Iterator[Children]:
    with children(size=1) as kids:
        yield kids


def scanned(kids: Children, folder: Path, data: bytes, mime: str) -> Verdict:
    path = folder / "file"
    path.write_bytes(data)
    return kids.run(YaraScanner(kids.pool).scan(path, mime))


@pytest.mark.parametrize("mime", ["text/plain", "application/octet-stream", "image/png", "application/zip"])
@pytest.mark.parametrize("around", [(b"", b""), (b"x" * 5000, b""), (b"", b"\0" * 5000), (b"a" * (1 << 20), b"b")])
def test_eicar_is_found_anywhere_in_anything(kids: Children, tmp_path: Path, mime: str, around: tuple[bytes, bytes]):
    before, after = around

    assert scanned(kids, tmp_path, before + images.eicar() + after, mime).signatures == ("Eicar_Test_File",)


INFECTED = [
    (images.jpeg() + PHP, "image/jpeg", "Script_In_Image"),
    (images.jpeg(comment=b"<?PHP echo 1;"), "image/jpeg", "Script_In_Image"),
    (images.png() + b"<%@ page import='java.io.*' %>", "image/png", "Script_In_Image"),
    (images.gif() + b"<%eval request('x')%>", "image/gif", "Script_In_Image"),
    (images.webp() + b"#!/bin/sh\nid", "image/webp", "Script_In_Image"),
    (images.gif() + b"<script>alert(1)</script>", "image/gif", "Page_In_Image"),
    (images.jpeg() + b"<HTML><body>", "image/jpeg", "Page_In_Image"),
    (b"GIF89a/*" + images.gif()[8:] + b"*/=1;alert(1)", "image/gif", "Page_In_Image"),
    (b"%PDF-1.4\n" + PHP, "application/pdf", "Web_Shell"),
    (b"PK\x03\x04" + b"<? eval(base64_decode($_POST['x']));", "application/zip", "Web_Shell"),
    (b"<?php assert($_REQUEST[0]);", "application/octet-stream", "Web_Shell"),
    (PE, "application/octet-stream", "Program"),
    (PE, "text/plain", "Program"),
    (b"\x7fELF\x02\x01\x01" + bytes(60), "application/octet-stream", "Program"),
    (b"\xcf\xfa\xed\xfe" + bytes(60), "application/octet-stream", "Program"),
    (images.jpeg() + PE, "image/jpeg", "Program_In_File"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + PE, "application/msword", "Program_In_File"),
]


@pytest.mark.parametrize(("data", "mime", "rule"), INFECTED)
def test_what_a_rule_describes_is_found(kids: Children, tmp_path: Path, data: bytes, mime: str, rule: str):
    assert rule in scanned(kids, tmp_path, data, mime).signatures


INNOCENT = [
    (b"", "text/plain"),
    (b"In PHP, <?php system($_GET['c']); is how one is taken over. <script> is how a page is.", "text/plain"),
    (b'{"example": "<?php eval($_POST[0]);"}', "application/json"),
    (b"#!/bin/sh\n", "text/markdown"),
    (b"%PDF-1.4\n(about <?php and <script>)", "application/pdf"),
    (b"MZ is the country code of Mozambique" + bytes(100), "application/octet-stream"),
    (images.jpeg(), "image/jpeg"),
    (images.png(300, 300), "image/png"),
    (images.gif(61, 47, frames=3), "image/gif"),
    (images.webp(), "image/webp"),
    (images.jpeg() + b"MZ" + bytes(100), "image/jpeg"),
]


@pytest.mark.parametrize(("data", "mime"), INNOCENT)
def test_what_only_looks_like_it_is_left_alone(kids: Children, tmp_path: Path, data: bytes, mime: str):
    assert scanned(kids, tmp_path, data, mime) == CLEAN


def test_good_files_are_clean(kids: Children):
    for path in corpus("good"):
        type = next((type for type in TYPES if extension_of(path.name) in type.extensions), OPAQUE)

        assert kids.run(YaraScanner(kids.pool).scan(path, type.mime)) == CLEAN, path.name


def test_a_large_file_is_scanned_to_its_last_byte(kids: Children, tmp_path: Path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(640 << 20)  # more than the memory that a scan may have
        file.seek(0, os.SEEK_END)
        file.write(images.eicar())

    assert kids.run(YaraScanner(kids.pool).scan(path, "application/zip")).signatures == ("Eicar_Test_File",)


def test_a_scan_that_hangs_is_not_a_clean_one(kids: Children, tmp_path: Path):
    scanned(kids, tmp_path, b"warm up", "text/plain")
    os.kill(kids.pool.pids[0], signal.SIGSTOP)

    verdict = kids.run(YaraScanner(kids.pool, max_seconds=0.3).scan(tmp_path / "file", "text/plain"))

    assert not verdict.is_clean
    assert "0.3 s" in verdict.not_scanned


def test_a_file_that_cannot_be_read_is_not_a_clean_one(kids: Children, tmp_path: Path):
    assert kids.run(YaraScanner(kids.pool).scan(tmp_path / "absent", "text/plain")).not_scanned
    assert kids.run(YaraScanner(kids.pool).scan(tmp_path, "text/plain")).not_scanned


def test_without_children_nothing_is_clean(tmp_path: Path):
    async def story() -> Verdict:
        pool = ChildPool(1)
        await pool.close()
        return await YaraScanner(pool).scan(tmp_path, "text/plain")

    assert asyncio.run(story()).not_scanned


def test_every_packaged_rule_file_is_used_and_every_rule_has_a_version():
    folder = resources.files("holdall.adapters.scan") / "rules"
    found = {entry.name for entry in folder.iterdir() if entry.name.endswith(".yar")}
    compiler = yara_x.Compiler()
    compiler.define_global("mime", "")
    compiler.define_global("is_start", True)
    for name in sorted(found):
        compiler.add_source((folder / name).read_text())

    assert found == set(RULE_FILES)
    for rule in compiler.build():
        assert {"version", "description"} <= {key for key, _ in rule.metadata}


def test_the_repository_does_not_hold_the_eicar_string():
    root = Path(__file__).parents[2]
    for path in [*root.glob("src/**/*.*"), *root.glob("tests/**/*.*")]:
        if path.is_file() and path.suffix != ".pyc":
            assert images.eicar() not in path.read_bytes(), path


def test_a_matcher_answers_for_one_file_at_a_time(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(images.jpeg() + PHP)
    matcher = Matcher()
    with path.open("rb") as file:
        assert set(matcher.match(file.fileno(), "image/jpeg", 5)) == {"Script_In_Image", "Web_Shell"}
        assert [*matcher.match(file.fileno(), "text/plain", 5)] == []


def test_all_rules_that_match_are_told(kids: Children, tmp_path: Path):
    """Wherever in the file they match, each once, in the order in which they did."""
    found = scanned(kids, tmp_path, images.jpeg() + PHP + bytes(2 * WINDOW_BYTES) + PHP + images.eicar(), "image/jpeg")

    assert sorted(found.signatures) == ["Eicar_Test_File", "Script_In_Image", "Web_Shell"]
    assert found.not_scanned == ""


class Scripted:
    """A scanner that takes so many seconds for each window and finds what it is told to; or fails."""

    def __init__(self, clock: list[float], seconds: float, outcomes: list[str | Exception]) -> None:
        self._clock, self._seconds, self._outcomes = clock, seconds, outcomes
        self.timeouts: list[int] = []

    def set_global(self, name: str, value: object) -> None:
        del name, value

    def set_timeout(self, seconds: int) -> None:
        self.timeouts.append(seconds)

    def scan(self, window: bytes) -> SimpleNamespace:
        del window
        self._clock[0] += self._seconds
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return SimpleNamespace(matching_rules=[SimpleNamespace(identifier=outcome)] if outcome else [])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(matching, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def scripted(folder: Path, scanner: Scripted, seconds: int, windows: int = 4) -> Iterator[str]:
    path = folder / "file"
    path.write_bytes(b"")
    os.truncate(path, windows * (WINDOW_BYTES - OVERLAP_BYTES))
    matcher = Matcher()
    matcher._scanners = [scanner]
    with path.open("rb") as file:
        yield from matcher.match(file.fileno(), "text/plain", seconds)


def test_a_file_that_is_known_to_be_bad_does_not_get_away_by_being_slow(clock: list[float], tmp_path: Path):
    """Others are looked for within a quarter of the time; who matches nothing has all of it."""
    slow = Scripted(clock, 3.0, ["One", "Two", "Three", "Four"])
    assert [*scripted(tmp_path, slow, seconds=20)] == ["One", "Two"]
    assert slow.timeouts == [20, 2, 1]

    clean = Scripted(clock, 3.0, ["", "", "", "Last"])
    assert [*scripted(tmp_path, clean, seconds=20)] == ["Last"]


def test_what_was_found_before_a_failure_is_known(clock: list[float], tmp_path: Path):
    found = []
    with pytest.raises(OSError, match="gone"):  # noqa: PT012  what was found meanwhile counts
        for rule in scripted(tmp_path, Scripted(clock, 0.1, ["One", OSError("gone")]), seconds=20):
            found.append(rule)  # noqa: PERF402
    assert found == ["One"]


LARGE = 300 << 20
"""More windows than one, and more than a child may map."""


@pytest.mark.parametrize("place", [0, WINDOW_BYTES - 20, WINDOW_BYTES - OVERLAP_BYTES - 5, LARGE - 100])
def test_a_large_file_is_scanned_to_its_end(tmp_path: Path, place: int):
    """Also where a match lies across two windows; and it takes no more memory than a small one."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)
        file.seek(place)
        file.write(images.eicar())

    async def story() -> tuple[Verdict, int]:
        pool = ChildPool(1)
        try:
            verdict = await YaraScanner(pool).scan(path, "application/octet-stream")
            return verdict, psutil.Process(pool.pids[0]).memory_info().rss
        finally:
            await pool.close()

    verdict, resident_bytes = asyncio.run(story())
    assert verdict == Verdict(signature="Eicar_Test_File")
    assert resident_bytes < 128 << 20


def test_what_begins_a_window_is_not_what_begins_a_file(tmp_path: Path):
    """A program's mark in the middle of a file says nothing."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(WINDOW_BYTES * 2)
        file.seek(WINDOW_BYTES - OVERLAP_BYTES)
        file.write(b"\x7fELF")

    async def story() -> Verdict:
        pool = ChildPool(1)
        try:
            return await YaraScanner(pool).scan(path, "application/octet-stream")
        finally:
            await pool.close()

    assert asyncio.run(story()).is_clean
