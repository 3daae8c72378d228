"""The scanner finds what its rules describe, leaves alone what they do not, and never calls a failure clean."""

import asyncio
import os
import signal
import struct
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import psutil
import pytest
import yara_x

from holdall.adapters.inspect.pool import ChildPool
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

    assert scanned(kids, tmp_path, before + images.eicar() + after, mime) == Verdict(signature="Eicar_Test_File")


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
    assert scanned(kids, tmp_path, data, mime) == Verdict(signature=rule)


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

    assert kids.run(YaraScanner(kids.pool).scan(path, "application/zip")) == Verdict(signature="Eicar_Test_File")


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
        assert matcher.match(file.fileno(), "image/jpeg", 5) == "Script_In_Image"
        assert matcher.match(file.fileno(), "text/plain", 5) == ""


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
