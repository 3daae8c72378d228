"""Both ways of looking at a file say the same: in one visit to a child, and in turn."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdall.adapters.inspect.examiner import ChildExaminer, InTurn
from holdall.adapters.inspect.inspector import ChildInspector
from holdall.adapters.inspect.pool import ChildPool
from holdall.adapters.scan.yara import YaraScanner
from holdall.domain.files import Family
from holdall.domain.policy import InspectionLimits
from holdall.domain.signatures import DOCX, ZIP
from holdall.domain.variants import EAGER
from holdall.errors import ContentCorrupt, ImageTooLarge
from holdall.ports import Examination, Examiner
from tests.support import documents
from tests.support.images import eicar, jpeg, png_of_zeros


def in_one_visit(pool: ChildPool) -> Examiner:
    return ChildExaminer(pool, YaraScanner(pool))


def in_turn(pool: ChildPool) -> Examiner:
    return InTurn(ChildInspector(pool), YaraScanner(pool))


class Bench:
    """One examiner, and a loop to run it in."""

    def __init__(self, make: Callable[[ChildPool], Examiner], folder: Path) -> None:
        self._runner = asyncio.Runner()
        self._folder = folder
        self._pool = self._runner.run(self._open())
        self._examiner = make(self._pool)

    async def _open(self) -> ChildPool:
        return ChildPool(1)

    def examine(self, data: bytes, mime: str, family: Family) -> Examination:
        path = self._folder / "file"
        path.write_bytes(data)
        recipes = EAGER if family is Family.IMAGE else ()
        return self._runner.run(self._examiner.examine(path, mime, family, InspectionLimits(), recipes))

    def close(self) -> None:
        self._runner.run(self._pool.close())
        self._runner.close()


@pytest.fixture(scope="module", params=[in_one_visit, in_turn])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(request.param, tmp_path_factory.mktemp("examiner"))
    yield made
    made.close()


def test_a_sound_image_has_a_rendition_and_a_clean_verdict(bench: Bench):
    """Both looks at once."""
    found = bench.examine(jpeg(300, 200), "image/jpeg", Family.IMAGE)

    assert (300, 200, 1) == (found.inspection.width, found.inspection.height, len(found.inspection.renditions))
    assert found.verdict.is_clean


def test_a_sound_file_may_be_infected(bench: Bench):
    """The rule is named."""
    found = bench.examine(b"Dear Sir\n" + eicar(), "text/plain", Family.TEXT)

    assert found.verdict.signature == "Eicar_Test_File"


def test_an_image_with_a_script_behind_its_end_is_infected(bench: Bench):
    """It decodes, and the scan is told its type."""
    found = bench.examine(jpeg() + b"<?php system($_GET[0]);", "image/jpeg", Family.IMAGE)

    assert found.verdict.signature == "Script_In_Image"
    assert "trailing-data" in found.inspection.findings


@pytest.mark.parametrize("data", [jpeg(300, 200)[:-500], b"\xff\xd8\xff\xe0", b""])
def test_a_broken_image_is_refused_before_it_is_scanned(bench: Bench, data: bytes):
    """With the type that was asked for."""
    with pytest.raises(ContentCorrupt) as refusal:
        bench.examine(data, "image/jpeg", Family.IMAGE)

    assert refusal.value.detected == "image/jpeg"


def test_too_many_pixels_are_told_from_the_header(bench: Bench):
    """Nothing is decoded."""
    with pytest.raises(ImageTooLarge):
        bench.examine(png_of_zeros(30_000, 30_000), "image/png", Family.IMAGE)


def test_a_member_of_a_sound_package_may_be_infected(bench: Bench):
    """The rules see what a program would unpack, not only packed bytes."""
    clean = bench.examine(documents.docx({"word/media/a.txt": "x"}), DOCX.mime, Family.OFFICE)
    infected = bench.examine(documents.docx({"word/media/a.txt": eicar()}), DOCX.mime, Family.OFFICE)

    assert (True, "Eicar_Test_File") == (clean.verdict.is_clean, infected.verdict.signature)


def test_members_that_cannot_be_unpacked_do_not_stop_a_scan(bench: Bench):
    """Which ones could not is among the findings."""
    data = documents.package({"a": bytes(range(256)) * 9, "b": "x"})
    at = data.index(bytes(range(20))) if bytes(range(20)) in data else 40
    found = bench.examine(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :], ZIP.mime, Family.OFFICE)

    assert found.verdict.is_clean
    assert "zip-unreadable-member" in found.inspection.findings


def test_an_opaque_file_is_only_scanned(bench: Bench):
    """Nobody parses it."""
    clean = bench.examine(b"\x00\x01\x02", "application/octet-stream", Family.OPAQUE)
    infected = bench.examine(b"\x00" + eicar(), "application/octet-stream", Family.OPAQUE)

    assert (True, "Eicar_Test_File") == (clean.verdict.is_clean, infected.verdict.signature)
