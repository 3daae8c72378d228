"""HEIC where it is asked for: sound pictures pass and get their renditions, others do not."""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from holdall import bootstrap
from holdall.adapters.inspect import boxes, heic
from holdall.adapters.inspect.inspector import ChildInspector
from holdall.adapters.inspect.refusals import Corrupt
from holdall.adapters.inspect.renderer import ChildRenderer
from holdall.bootstrap import decodable_images, house_rules
from holdall.domain.files import FileType, Inspection
from holdall.domain.policy import InspectionLimits
from holdall.domain.signatures import JPEG, MORE_IMAGES, identify
from holdall.domain.variants import EAGER, NAMED
from holdall.errors import ContentCorrupt, ImageTooLarge
from holdall.settings import Settings, SettingsError
from tests.support import images
from tests.support.children import Children, children
from tests.support.hostile import zip_file

FOLDER = Path(__file__).parents[1] / "support" / "heic"
HEIC, AVIF = MORE_IMAGES["heic"], MORE_IMAGES["avif"]
LIMITS = InspectionLimits()
SIZE_AT, COLOURS_AT = 8, 8
"""How far behind the name of ``ispe`` its width stands, and behind that of ``colr`` the colour primaries."""
Inspect = Callable[..., Inspection]


@pytest.fixture(scope="module")
def kids() -> Iterator[Children]:
    with children(size=1) as kids:
        yield kids


@pytest.fixture
def inspect(kids: Children, tmp_path: Path) -> Inspect:
    def inspect(data: bytes, type: FileType = HEIC, limits: InspectionLimits = LIMITS) -> Inspection:
        path = tmp_path / "file"
        path.write_bytes(data)
        return kids.run(ChildInspector(kids.pool).inspect(path, type.mime, type.family, limits, EAGER))

    return inspect


def heic_file(name: str) -> bytes:
    return (FOLDER / f"{name}.heic").read_bytes()


def changed(data: bytes, box: bytes, at: int, value: bytes) -> bytes:
    """The file with some bytes of its first box of a kind replaced; ``at`` is counted from the name of the box."""
    start = data.index(box) + at
    return data[:start] + value + data[start + len(value) :]


def shown(found: Inspection) -> Image.Image:
    [thumbnail] = found.renditions
    return Image.open(io.BytesIO(thumbnail.data))


def is_near(colour: object, wanted: tuple[int, ...], by: int = 12) -> bool:
    """Whether no sample is further from what it should be than JPEG takes it."""
    assert isinstance(colour, tuple)
    return len(colour) == len(wanted) and all(
        abs(is_ - should) <= by for is_, should in zip(colour, wanted, strict=True)
    )


@pytest.mark.parametrize("name", ["red", "tiles"])
def test_a_picture_passes_whole(inspect: Inspect, name: str):
    found = inspect(heic_file(name))

    assert (found.width, found.height, found.frames, found.findings) == (301, 200, 1, ())
    assert shown(found).size == (256, 170)
    assert is_near(shown(found).getpixel((99, 99)), (200, 40, 40))
    assert len(found.thumbhash) > 20


@pytest.mark.parametrize("name", ["red", "tiles", "corners-6"])
def test_no_cut_passes(inspect: Inspect, name: str):
    """Cut behind each of its bytes; and also where its last box says that it goes to the end, wherever that is."""
    data = heic_file(name)
    start = data.rindex(b"mdat") - 4
    for whole in (data, data[:start] + bytes(4) + data[start + 4 :]):
        assert inspect(whole).renditions
        for length in range(1, len(whole)):
            with pytest.raises(ContentCorrupt):
                inspect(whole[:length])


def test_a_picture_whose_coded_bytes_are_too_few_is_refused(inspect: Inspect):
    """The container is whole, and says that the picture has a third of the bytes that it has."""
    data = heic_file("red")
    picture = len(data) - data.rindex(b"mdat") - 4
    at = data.index(picture.to_bytes(4, "big"), data.index(b"iloc"))
    with pytest.raises(ContentCorrupt):
        inspect(data[:at] + (picture // 3).to_bytes(4, "big") + data[at + 4 :])


def test_no_tile_may_be_missing(inspect: Inspect):
    """A tile that is shorter than it says, or that is none at all; libheif would leave a hole in its place."""
    data = heic_file("tiles")
    assert list(boxes.items(data).values()).count(b"hvc1") == 6
    start, end = boxes.extents(data)[next(number for number, type in boxes.items(data).items() if type == b"hvc1")][0]
    length = (end - start).to_bytes(4, "big")
    at = data.index(length, data.index(b"iloc"))
    for shorter in (end - start - 1, (end - start) // 2, 0):
        with pytest.raises(ContentCorrupt, match="cut short"):
            inspect(data[:at] + shorter.to_bytes(4, "big") + data[at + 4 :])
    with pytest.raises(ContentCorrupt, match="cut short"):
        inspect(data[:start] + bytes([0, 0, 99]) + data[start + 3 :])


def test_no_piece_lies_outside():
    """Neither outside the file, nor outside the box that a piece is said to lie in."""
    for name in ("red", "tiles", "corners-6"):
        data = heic_file(name)
        assert boxes.extents(data)
        for cut in (1, 20):
            with pytest.raises(Corrupt, match="ends before"):
                boxes.extents(data[:-cut])
    grid = heic_file("tiles")
    [held] = [item for item, type in boxes.items(grid).items() if type == b"grid"]
    [(start, end)] = boxes.extents(grid)[held]
    assert grid.rindex(b"idat") < start < end < grid.rindex(b"mdat")
    entry = grid.index(held.to_bytes(2, "big") + b"\0\1\0\0", grid.index(b"iloc"))
    length = grid.index((end - start).to_bytes(4, "big"), entry)
    with pytest.raises(Corrupt, match="ends before"):
        boxes.extents(grid[:length] + (end - start + 1).to_bytes(4, "big") + grid[length + 4 :])


def test_a_directory_that_asks_for_endless_work_is_refused(inspect: Inspect):
    """Fields of no length: four thousand million pieces in a few bytes."""
    data = heic_file("red")
    for sizes in (0x0000, 0x4000, 0x4300, 0x1400, 0xF4F0):
        with pytest.raises(ContentCorrupt, match="unusual"):
            inspect(changed(data, b"iloc", 8, sizes.to_bytes(2, "big")))


def test_what_only_begins_as_heic_is_refused(inspect: Inspect):
    data = heic_file("red")
    size = int.from_bytes(data[:4], "big")
    for bad in (data[:12], data[:size], data[:size] + bytes(500), data[:size] + data[data.rindex(b"mdat") - 4 :]):
        assert identify(bad) == "image/heic"
        with pytest.raises(ContentCorrupt):
            inspect(bad)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright_and_tell_nothing(inspect: Inspect, orientation: int):
    data = heic_file(f"corners-{orientation}")
    assert images.SECRET in data
    found = inspect(data)
    picture = shown(found)

    assert (found.width, found.height, picture.size) == (60, 40, (60, 40))
    for corner, colour in zip(((8, 8), (52, 8), (8, 32), (52, 32)), images.CORNERS, strict=True):
        assert is_near(picture.getpixel(corner), colour, by=40), corner
    assert images.SECRET not in found.renditions[0].data


def test_colours_are_brought_to_srgb(inspect: Inspect):
    """The same numbers mean a stronger red in Display P3, told by a profile or by the number of its primaries."""
    stronger = (217, 0, 23)
    assert is_near(shown(inspect(heic_file("p3"))).getpixel((20, 15)), stronger)
    by_number = changed(heic_file("red"), b"colr", COLOURS_AT, (12).to_bytes(2, "big"))
    assert is_near(shown(inspect(by_number)).getpixel((99, 99)), stronger)


def test_every_kind_of_pixel_is_shown(inspect: Inspect):
    assert is_near(shown(inspect(heic_file("clear"))).getpixel((20, 15)), (200, 40, 40, 128), by=3)
    for name in ("grey", "deep"):
        level = shown(inspect(heic_file(name))).convert("L").getpixel((20, 15))
        assert level in range(86, 95), name


def test_too_many_pixels_are_told_from_the_header(inspect: Inspect):
    for name in ("red", "tiles"):
        inspect(heic_file(name), HEIC, InspectionLimits(max_pixels=301 * 200))
        with pytest.raises(ImageTooLarge, match="301 x 200"):
            inspect(heic_file(name), HEIC, InspectionLimits(max_pixels=301 * 200 - 1))
    announced = changed(heic_file("red"), b"ispe", SIZE_AT, (40_000).to_bytes(4, "big") * 2)
    with pytest.raises((ContentCorrupt, ImageTooLarge)):
        inspect(announced)


def test_every_picture_of_a_file_counts(inspect: Inspect):
    pages = heic_file("pages")
    total = 301 * 200 + 40 * 30

    assert inspect(pages, HEIC, InspectionLimits(max_frames=2, max_animated_pixels=total)).frames == 2
    with pytest.raises(ImageTooLarge, match="2 frames"):
        inspect(pages, HEIC, InspectionLimits(max_frames=1))
    with pytest.raises(ImageTooLarge, match="2 pages"):
        inspect(pages, HEIC, InspectionLimits(max_animated_pixels=total - 1))


def test_a_second_picture_that_does_not_decode_is_noticed(inspect: Inspect):
    """It is not the one that is shown."""
    pages = heic_file("pages")
    first, second = (at for at in range(len(pages)) if pages.startswith(b"ispe", at))
    assert (first, second) != (0, 0)
    lying = pages[: second + SIZE_AT] + (24).to_bytes(4, "big") * 2 + pages[second + SIZE_AT + 8 :]
    with pytest.raises(ContentCorrupt):
        inspect(lying)


def test_a_size_that_is_not_that_of_the_pixels_is_refused(inspect: Inspect):
    """Announced small, to come in under the limit; what is coded is larger."""
    with pytest.raises(ContentCorrupt):
        inspect(changed(heic_file("red"), b"ispe", SIZE_AT, (16).to_bytes(4, "big") * 2))


@pytest.mark.parametrize("coding", [b"unci", b"av01", b"jpeg", b"j2k1", b"vvc1", b"mski", b"????"])
def test_no_other_coding_is_let_through(inspect: Inspect, coding: bytes):
    """There is a decoder in libheif itself for pictures that are not coded, packed or plain."""
    at = 12
    with pytest.raises(ContentCorrupt, match=f"an item of type b'{coding.decode()}'".replace("?", r"\?")):
        inspect(changed(heic_file("red"), b"infe", at, coding))


def test_an_unreadable_content_type_costs_no_child(inspect: Inspect, kids: Children):
    """It let the process of the decoder die; found by fuzzing."""
    pids = kids.pool.pids
    data = heic_file("corners-1")
    at = data.index(b"application/rdf+xml")
    with pytest.raises(ContentCorrupt, match="unreadable"):
        inspect(data[:at] + b"\xff\xff" + data[at + 2 :])
    assert kids.pool.pids == pids


def test_what_is_also_an_archive_is_named(inspect: Inspect):
    assert inspect(heic_file("red") + zip_file()).findings == ("polyglot", "trailing-data")
    assert inspect(heic_file("red") + b"a film").findings == ("trailing-data",)


def test_a_file_is_decoded_as_its_own_type_only(inspect: Inspect, kids: Children):
    for data, type in ((heic_file("red"), AVIF), (heic_file("red"), JPEG), (images.jpeg(), HEIC)):
        with pytest.raises(ContentCorrupt):
            inspect(data, type)
    with pytest.raises(ContentCorrupt):
        inspect(images.encoded(images.noise(20, 20), "AVIF"))
    assert inspect(heic_file("red")).renditions
    assert len(kids.pool.pids) == 1


def test_renditions_are_made_later_too(kids: Children, tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(heic_file("corners-6"))
    made = kids.run(ChildRenderer(kids.pool).render(path, HEIC.mime, LIMITS, NAMED["crop-64"]))

    assert (made.mime, made.width, made.height) == ("image/jpeg", 40, 40)


def test_without_its_decoder_it_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch):
    assert decodable_images("heic, bmp") == ("heic", "bmp")
    assert house_rules(Settings(bika_images="heic"))["bika"].images == (HEIC,)
    monkeypatch.setattr(bootstrap, "find_spec", lambda _: None)

    assert decodable_images("bmp") == ("bmp",)
    with pytest.raises(ValueError, match=r"pip install 'holdall\[heic\]'"):
        decodable_images("heic")
    with pytest.raises(SettingsError, match=r"HOLDALL_BIKA_IMAGES: heic .*holdall\[heic\]"):
        house_rules(Settings(bika_images="heic"))


def test_without_its_decoder_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Where a space still asks for it; and a child starts all the same."""
    stub = tmp_path / "pi_heif.py"
    stub.write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(sys.path)}")
    monkeypatch.setattr(heic, "pi_heif", None)
    heic.prepare()
    path = tmp_path / "file"
    path.write_bytes(heic_file("red"))
    with children(size=1) as bare, pytest.raises(ContentCorrupt, match="not installed"):
        bare.run(ChildInspector(bare.pool).inspect(path, HEIC.mime, HEIC.family, LIMITS, EAGER))


def test_pika_which_would_have_to_encode_it_cannot_have_it():
    with pytest.raises(SettingsError, match="HOLDALL_PIKA_IMAGES: heic can be decoded and not encoded"):
        house_rules(Settings(pika_images="avif,heic"))
