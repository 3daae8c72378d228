"""Images that a house asks for: sound ones pass and get their renditions, others do not, and no door stays open."""

import io
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from holdall.adapters.inspect.inspector import ChildInspector
from holdall.domain.files import FileType, Inspection
from holdall.domain.policy import InspectionLimits
from holdall.domain.signatures import JPEG, MORE_IMAGES, PNG
from holdall.domain.variants import EAGER
from holdall.errors import ContentCorrupt, ImageTooLarge
from tests.support import images
from tests.support.children import Children, children
from tests.support.corpus import corpus
from tests.support.hostile import DRAWINGS, zip_file

AVIF, TIFF, BMP, SVG = MORE_IMAGES["avif"], MORE_IMAGES["tiff"], MORE_IMAGES["bmp"], MORE_IMAGES["svg"]
LIMITS = InspectionLimits()
Inspect = Callable[..., Inspection]


@pytest.fixture(scope="module")
def kids() -> Iterator[Children]:
    with children(size=1) as kids:
        yield kids


@pytest.fixture
def inspect(kids: Children, tmp_path: Path) -> Inspect:
    def inspect(data: bytes, type: FileType, limits: InspectionLimits = LIMITS) -> Inspection:
        path = tmp_path / "file"
        path.write_bytes(data)
        return kids.run(ChildInspector(kids.pool).inspect(path, type.mime, type.family, limits, EAGER))

    return inspect


RED = images.flat(301, 200, (200, 40, 40))
SOUND = {
    "avif": (AVIF, lambda: images.encoded(RED, "AVIF")),
    "avif-clear": (AVIF, lambda: images.encoded(RED.convert("RGBA"), "AVIF")),
    "tiff": (TIFF, lambda: images.encoded(RED, "TIFF")),
    "tiff-lzw": (TIFF, lambda: images.encoded(RED, "TIFF", compression="tiff_lzw")),
    "tiff-jpeg": (TIFF, lambda: images.encoded(RED, "TIFF", compression="jpeg")),
    "bmp": (BMP, lambda: images.encoded(RED, "BMP")),
    "bmp-palette": (BMP, lambda: images.encoded(RED.convert("P"), "BMP")),
    "bmp-clear": (BMP, lambda: images.encoded(RED.convert("RGBA"), "BMP")),
    "bmp-from-the-top": (BMP, lambda: from_the_top(images.encoded(RED, "BMP"))),
}


def from_the_top(data: bytes) -> bytes:
    """The same BMP, saying that its rows begin at the top."""
    turned = bytearray(data)
    struct.pack_into("<i", turned, 22, -struct.unpack_from("<i", data, 22)[0])
    return bytes(turned)


@pytest.mark.parametrize("kind", SOUND)
def test_a_picture_passes_whole_and_nowhere_cut(inspect: Inspect, kind: str):
    type, make = SOUND[kind]
    data = make()
    found = inspect(data, type)
    [thumbnail] = found.renditions
    red, green, blue = Image.open(io.BytesIO(thumbnail.data)).convert("RGB").getpixel((99, 99))  # type: ignore[misc]

    assert (found.width, found.height, found.frames, found.findings) == (301, 200, 1, ())
    assert max(thumbnail.width, thumbnail.height) == 256
    assert red > 180
    assert max(green, blue) < 60
    for cut in (64, len(data) // 4, len(data) // 2, len(data) * 3 // 4, len(data) - 30):
        with pytest.raises(ContentCorrupt):
            inspect(data[:-cut], type)


def test_a_bmp_stands_on_its_feet(inspect: Inspect):
    upright = images.flat(40, 40, (0, 0, 255))
    upright.paste((255, 0, 0), (0, 0, 40, 20))
    data = images.encoded(upright, "BMP")
    for made, top in ((data, (255, 0, 0)), (from_the_top(data), (0, 0, 255))):
        shown = Image.open(io.BytesIO(inspect(made, BMP).renditions[0].data)).getpixel((20, 5))
        assert all(abs(is_ - should) < 40 for is_, should in zip(shown, top, strict=True))  # type: ignore[arg-type]


def test_every_page_of_a_tiff_counts(inspect: Inspect):
    pages = images.encoded(RED, "TIFF", save_all=True, append_images=[RED, RED])

    assert inspect(pages, TIFF).frames == 3
    with pytest.raises(ImageTooLarge, match="3 frames"):
        inspect(pages, TIFF, InspectionLimits(max_frames=2))
    with pytest.raises(ImageTooLarge, match="3"):
        inspect(pages, TIFF, InspectionLimits(max_animated_pixels=2 * 301 * 200))


@pytest.mark.parametrize("kind", ["avif", "tiff", "bmp"])
def test_too_many_pixels_are_told_from_the_header(inspect: Inspect, kind: str):
    type, make = SOUND[kind]

    inspect(make(), type, InspectionLimits(max_pixels=301 * 200))
    with pytest.raises(ImageTooLarge, match="301 x 200"):
        inspect(make(), type, InspectionLimits(max_pixels=301 * 200 - 1))


@pytest.mark.parametrize("kind", ["avif", "tiff", "bmp"])
def test_what_is_also_an_archive_is_named(inspect: Inspect, kind: str):
    type, make = SOUND[kind]

    assert "polyglot" in inspect(make() + zip_file(), type).findings


def test_a_decoder_is_there_for_its_own_type_only(inspect: Inspect):
    """Also after it was: the child that decoded a TIFF as a TIFF does not decode it as anything else."""
    for kind in ("tiff", "avif", "bmp"):
        type, make = SOUND[kind]
        inspect(make(), type)
        for other in {AVIF, TIFF, BMP, PNG, JPEG} - {type}:
            with pytest.raises(ContentCorrupt):
                inspect(make(), other)


SHUT = """
import os, sys, pyvips
from holdall.adapters.inspect import images, more_images
from holdall.adapters.inspect.messages import Job
from holdall.domain.policy import InspectionLimits
images.allow_loaders()
file = os.open(sys.argv[1], os.O_RDONLY)
more_images.inspect(file, Job("image", sys.argv[2], InspectionLimits()))
pyvips.Image.new_from_buffer(os.pread(file, 1 << 20, 0), "")
"""


@pytest.mark.parametrize("kind", ["tiff", "avif"])
def test_a_loader_is_shut_behind_its_file(tmp_path: Path, kind: str):
    """The decoder is asked for, and libvips knows it no more."""
    type, make = SOUND[kind]
    path = tmp_path / "file"
    path.write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", SHUT, str(path), type.mime], capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "not in a known format" in done.stderr


@pytest.mark.parametrize(
    ("at", "value"),
    [(14, 12), (18, -5), (18, 0), (22, 0), (26, 2), (28, 4), (28, 16), (30, 1), (10, 5), (10, 1 << 20)],
    ids=str,
)
def test_an_unusual_bmp_is_refused(inspect: Inspect, at: int, value: int):
    data = bytearray(images.encoded(RED, "BMP"))
    struct.pack_into("<i" if at not in {26, 28} else "<h", data, at, value)
    with pytest.raises(ContentCorrupt):
        inspect(bytes(data), BMP)


def test_a_palette_that_is_too_short_is_refused(inspect: Inspect):
    data = bytearray(images.encoded(RED.convert("P"), "BMP"))
    struct.pack_into("<I", data, 46, 100_000)
    with pytest.raises(ContentCorrupt, match="palette"):
        inspect(bytes(data), BMP)


def test_a_clean_drawing_comes_back_over_the_socket(inspect: Inspect):
    found = inspect(DRAWINGS[1], SVG)

    assert found.replacement is not None
    assert b"198.51" not in found.replacement.data
    assert b"<svg" in found.replacement.data
    assert (found.findings, found.renditions) == (("svg-cleaned",), ())


def test_no_broken_tiff_of_the_corpus_does_harm(inspect: Inspect, kids: Children):
    for path in corpus("hostile"):
        if path.suffix == ".tif":
            try:
                inspect(path.read_bytes(), TIFF)
            except ContentCorrupt:
                continue
    assert inspect(SOUND["tiff"][1](), TIFF).renditions
    assert len(kids.pool.pids) == 1
