"""What is made of pictures and documents: masters, renditions, previews, text; upright, in sRGB, and nothing hidden."""

import asyncio
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image, ImageCms, ImageSequence

from holdall.adapters.inspect.inspector import ChildInspector, inspection_of
from holdall.adapters.inspect.messages import RenditionHead, Reply
from holdall.adapters.inspect.renderer import ChildRenderer
from holdall.domain.files import Family, FileType, Inspection, Rendition
from holdall.domain.policy import InspectionLimits, extension_of
from holdall.domain.signatures import DOC, DOCX, GIF, JPEG, ODT, PDF, PICTURED, PNG, READABLE, TXT, TYPES, WEBP, XLSX
from holdall.domain.variants import BARE, NAMED, THUMBNAIL, Master, Recipe
from holdall.errors import ContentCorrupt, ContentRefused
from tests.support import documents, images, ole
from tests.support.children import Children, children
from tests.support.corpus import corpus
from tests.support.images import CORNERS, SECRET
from tests.support.likeness import ssim

LIMITS = InspectionLimits()
LARGE = Master(4096)
FORMATS = {"JPEG": JPEG, "PNG": PNG, "GIF": GIF, "WEBP": WEBP}


@pytest.fixture(scope="module")
def kids() -> Iterator[Children]:
    with children(size=1) as kids:
        yield kids


@pytest.fixture
def inspect(kids: Children, tmp_path: Path) -> Callable[..., Inspection]:
    """Inspect these bytes as a picture, for this master."""

    def inspect(data: bytes, type: FileType, master: Master = LARGE, recipes: tuple[Recipe, ...] = ()) -> Inspection:
        path = tmp_path / "file"
        path.write_bytes(data)
        return kids.run(ChildInspector(kids.pool).inspect(path, type.mime, type.family, LIMITS, recipes, master))

    return inspect


@pytest.fixture
def render(kids: Children, tmp_path: Path) -> Callable[..., Rendition]:
    """One rendition of these bytes."""

    def render(data: bytes, type: FileType, recipe: Recipe = THUMBNAIL) -> Rendition:
        path = tmp_path / "file"
        path.write_bytes(data)
        return kids.run(ChildRenderer(kids.pool).render(path, type.mime, LIMITS, recipe))

    return render


@pytest.fixture
def read(kids: Children, tmp_path: Path) -> Callable[[bytes, FileType], str]:
    """The text of these bytes."""

    def read(data: bytes, type: FileType) -> str:
        path = tmp_path / "file"
        path.write_bytes(data)
        return kids.run(ChildRenderer(kids.pool).read_text(path, type.mime, LIMITS))

    return read


def opened(made: Rendition | None) -> Image.Image:
    """A rendition as a picture; its own words about itself must be true."""
    assert made is not None
    picture = Image.open(io.BytesIO(made.data))
    assert picture.size == (made.width, made.height)
    assert Image.MIME[picture.format or ""] == made.mime
    return picture


def assert_upright(picture: Image.Image) -> None:
    """Each quarter has its own colour."""
    width, height = picture.size
    for index, colour in enumerate(CORNERS):
        at = ((index % 2 * 2 + 1) * width // 4, (index // 2 * 2 + 1) * height // 4)
        found = picture.convert("RGB").getpixel(at)
        assert all(abs(a - b) < 40 for a, b in zip(found, colour, strict=True)), (index, found)  # type: ignore[arg-type]


# ── orientation, colours, metadata ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_applied_to_all_that_is_made(
    inspect: Callable[..., Inspection], render: Callable[..., Rendition], orientation: int
):
    data = images.oriented_jpeg(600, 400, orientation)
    kept = inspect(data, JPEG, recipes=(THUMBNAIL, NAMED["crop-64"]))
    bounded = inspect(data, JPEG, Master(300))

    assert (kept.width, kept.height) == (600, 400) == opened(kept.replacement).size
    assert (bounded.width, bounded.height) == (300, 200) == opened(bounded.replacement).size
    made = [kept.replacement, bounded.replacement, *kept.renditions]
    made += [render(data, JPEG, recipe) for recipe in (THUMBNAIL, NAMED["crop-64"], NAMED["1024"].as_webp())]
    for each in made:
        picture = opened(each)
        assert_upright(picture)
        assert picture.getexif().get(0x0112, 1) == 1
    assert_upright(as_shown(opened(render(data, JPEG, BARE))))


def as_shown(picture: Image.Image) -> Image.Image:
    """The picture as a browser turns it."""
    from PIL import ImageOps  # noqa: PLC0415  only here

    turned = ImageOps.exif_transpose(picture)
    assert turned is not None
    return turned


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("frames", [1, 3])
def test_nothing_but_the_picture_survives(
    inspect: Callable[..., Inspection], render: Callable[..., Rendition], format: str, frames: int
):
    """EXIF with its place, XMP, comments and what stands behind the end: in the master, and in every rendition."""
    data = images.telling(format, frames=1 if format == "JPEG" else frames)
    assert data.count(SECRET) >= (2 if format == "GIF" else 3)

    kept = inspect(data, FORMATS[format], recipes=(THUMBNAIL,))
    made = [kept.replacement, inspect(data, FORMATS[format], Master(64)).replacement, *kept.renditions]
    made += [render(data, FORMATS[format], recipe) for recipe in (BARE, THUMBNAIL, NAMED["crop-64"].as_webp())]
    for each in made:
        assert each is not None
        assert b"50.07" not in each.data
        assert b"home" not in each.data
        assert b"PK\x03\x04" not in each.data
        assert not opened(each).getexif()


@pytest.mark.parametrize("format", FORMATS)
def test_a_copied_master_shows_the_very_same_pixels(inspect: Callable[..., Inspection], format: str):
    """What a new encoding would not make smaller is not encoded anew."""
    image = images.noise(90, 70).convert("P") if format == "PNG" else images.noise(90, 70)
    data = images.telling(format, image) if format != "JPEG" else images.jpeg(90, 70, quality=60, comment=SECRET)
    kept = opened(inspect(data, FORMATS[format]).replacement)

    assert kept.convert("RGB").tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes()


def test_bared_pictures_keep_their_pixels_their_turn_and_their_colours(render: Callable[..., Rendition]):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, SECRET.decode()
    for type, format in ((JPEG, "JPEG"), (PNG, "PNG"), (WEBP, "WEBP")):
        data = images.encoded(images.corners(80, 40), format, exif=exif, icc_profile=profile)
        bare = opened(render(data, type, BARE))
        assert SECRET not in render(data, type, BARE).data
        assert dict(bare.getexif()) == {0x0112: 6}
        assert bare.info["icc_profile"] == profile
        assert bare.convert("RGB").tobytes() == Image.open(io.BytesIO(data)).convert("RGB").tobytes()


@pytest.mark.parametrize(
    ("data", "type"),
    [
        (images.encoded(images.flat(50, 50, (0, 200, 200, 0), "CMYK"), "JPEG", quality=95), JPEG),
        (images.profiled_jpeg(), JPEG),
        (images.encoded(Image.new("I;16", (50, 50), 0x8000), "PNG"), PNG),
    ],
    ids=["cmyk", "foreign-profile", "sixteen-bits"],
)
def test_a_master_is_in_srgb_or_grey_with_eight_bits(inspect: Callable[..., Inspection], data: bytes, type: FileType):
    kept = opened(inspect(data, type).replacement)

    assert kept.mode in {"RGB", "L"}
    assert "icc_profile" not in kept.info


def test_wide_colours_become_those_of_srgb(inspect: Callable[..., Inspection]):
    """A profile is followed, then dropped: colours do not merely lose their name."""
    swapped = swapped_profile()
    data = images.encoded(images.flat(50, 50, (200, 20, 20)), "JPEG", quality=95, icc_profile=swapped)
    red, green, _ = opened(inspect(data, JPEG).replacement).convert("RGB").getpixel((25, 25))  # type: ignore[misc]

    assert green > red + 60


def swapped_profile() -> bytes:
    """A profile in which red and green have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile).replace(b"sRGB", b"wide").replace(b"s\0R\0G\0B", b"w\0i\0d\0e")


# ── masters ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_master_is_smaller_and_looks_the_same(inspect: Callable[..., Inspection]):
    """SSIM of brightness, over the corpus's photographs and one as cameras write them; figures: decision 0020."""
    photos = {path.name: path.read_bytes() for path in corpus("good") if path.suffix == ".jpg"}
    photos["camera"] = images.jpeg(1200, 800, quality=95, subsampling=0)
    for name, data in photos.items():
        kept = inspect(data, JPEG).replacement
        assert kept is not None
        assert ssim(data, kept.data) > 0.95, name
        assert len(kept.data) < 0.8 * len(data), name


def test_a_master_fits_its_box_and_is_never_enlarged(inspect: Callable[..., Inspection]):
    for type, data in (
        (JPEG, images.jpeg(400, 300, quality=95)),
        (PNG, images.png(400, 300)),
        (WEBP, images.webp(400, 300)),
        (GIF, images.gif(400, 300)),
    ):
        assert opened(inspect(data, type, Master(200)).replacement).size == (200, 150)
        assert opened(inspect(data, type, Master(500)).replacement).size == (400, 300)


def test_a_line_drawing_is_not_made_heavier_to_be_made_smaller(inspect: Callable[..., Inspection]):
    drawing = Image.effect_mandelbrot((900, 900), (-2, -1.5, 1, 1.5), 40).point(lambda v: 255 * (v > 9)).convert("1")
    data = images.encoded(drawing, "PNG")

    kept = inspect(data, PNG, Master(500)).replacement
    assert kept is not None
    assert len(kept.data) <= len(data)


def test_the_same_picture_has_the_same_master(inspect: Callable[..., Inspection]):
    """So that a space that has it already stores nothing."""
    data = images.jpeg(300, 200, quality=95)

    assert inspect(data, JPEG).replacement == inspect(data, JPEG).replacement


@pytest.mark.parametrize("type", FORMATS.values(), ids=lambda type: type.extension)
def test_a_cut_picture_has_no_master(inspect: Callable[..., Inspection], type: FileType):
    whole = {
        JPEG: images.jpeg(300, 200, quality=95),
        PNG: images.png(300, 200),
        GIF: images.gif(300, 200, frames=2),
        WEBP: images.webp(300, 200),
    }[type]
    for part in range(1, 10):
        for master in (LARGE, Master(64)):
            with pytest.raises(ContentCorrupt):
                inspect(whole[: len(whole) * part // 10], type, master)


def test_a_child_that_calls_a_page_a_picture_is_not_believed():
    """It may have been taken over by the file that it was parsing."""
    page, drawing = RenditionHead("256", "text/html", 1, 1, 1), RenditionHead("", "image/png", 1, 1, 1)
    for reply in (
        Reply("fine", renditions=(page,)),
        Reply("fine", replacement=page),
        Reply("fine", replacement=drawing),
    ):
        with pytest.raises(ContentCorrupt):
            inspection_of(reply, [b"x"], "image/jpeg")


# ── renditions ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "size"),
    [("64", (64, 43)), ("256", (256, 171)), ("1024", (600, 400)), ("crop-64", (64, 64)), ("crop-1024", (400, 400))],
)
@pytest.mark.parametrize("format", FORMATS)
def test_renditions_have_their_size(render: Callable[..., Rendition], format: str, name: str, size: tuple[int, int]):
    data = images.encoded(images.corners(600, 400), format)
    for recipe in (NAMED[name], NAMED[name].as_webp()):
        picture = opened(render(data, FORMATS[format], recipe))
        assert picture.size == size
        assert_upright(picture)
        assert picture.format == ("WEBP" if recipe.name.endswith("webp") else "JPEG")


@pytest.mark.parametrize("type", [GIF, WEBP], ids=["gif", "webp"])
@pytest.mark.parametrize("name", ["64", "crop-64"])
def test_what_moves_stays_moving(render: Callable[..., Rendition], type: FileType, name: str):
    data = images.telling("GIF" if type is GIF else "WEBP", frames=4)
    for recipe, format in ((NAMED[name], "GIF"), (NAMED[name].as_webp(), "WEBP")):
        picture = opened(render(data, type, recipe))
        assert picture.format == format
        frames = [frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(picture)]
        assert len(frames) == len(set(frames)) == 4
        assert picture.info["duration"] == 70
        assert picture.size == ((64, 64) if "crop" in name else (64, 43))


def test_what_one_can_see_through_stays_clear(render: Callable[..., Rendition]):
    clear = images.encoded(images.flat(300, 300, (255, 0, 0, 40), "RGBA"), "PNG")
    for recipe, format in ((THUMBNAIL, "PNG"), (THUMBNAIL.as_webp(), "WEBP")):
        picture = opened(render(clear, PNG, recipe))
        assert picture.format == format
        assert 30 < picture.convert("RGBA").getpixel((5, 5))[3] < 50  # type: ignore[index]


# ── previews and text ────────────────────────────────────────────────────────────────────────────────────────────

WORDS = "The north side of the roof is sound"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
DOCX_TEXT = f'<w:document xmlns:w="{_W}"><w:body><w:p><w:r><w:t>{WORDS}</w:t></w:r></w:p></w:body></w:document>'
DOCX_FILE = documents.docx(text=DOCX_TEXT)
ODT_FILE = documents.odt(content=f'<office xmlns:text="t"><text:p>{WORDS}</text:p></office>')


def ink(picture: Image.Image) -> int:
    """How many pixels are not paper."""
    return sum(picture.convert("L").point(lambda value: value < 128).histogram()[1:])


@pytest.mark.parametrize(
    ("data", "type"),
    [(WORDS.encode(), TXT), (DOCX_FILE, DOCX), (ODT_FILE, ODT), (b"\xff\xfe" + "Крыша цела".encode("utf-16-le"), TXT)],
    ids=["txt", "docx", "odt", "utf-16"],
)
def test_documents_show_their_first_words_on_a_sheet(render: Callable[..., Rendition], data: bytes, type: FileType):
    picture = opened(render(data, type, NAMED["1024"]))

    assert picture.size[1] == 1024
    assert picture.convert("L").getpixel((5, 5)) == 255
    assert 100 < ink(picture.crop((0, 0, 700, 140))), "the words stand at the top"
    assert ink(picture.crop((0, 300, 700, 1000))) == 0, "letters of a type would stand in the middle"


@pytest.mark.parametrize(("data", "type"), [(documents.docx(), DOCX), (documents.package({"a": "b"}), XLSX)])
def test_documents_without_words_show_the_letters_of_their_type(
    render: Callable[..., Rendition], data: bytes, type: FileType
):
    picture = opened(render(data, type, NAMED["1024"]))

    assert ink(picture.crop((0, 0, 700, 300))) == 0
    assert ink(picture.crop((100, 400, 650, 650))) > 2000


def test_the_first_page_of_a_pdf_is_drawn(render: Callable[..., Rendition]):
    [path] = [path for path in corpus("good") if path.name == "092-pdflatex-image.pdf"]
    picture = opened(render(path.read_bytes(), PDF, NAMED["1024"]))
    square = opened(render(path.read_bytes(), PDF, NAMED["crop-256"].as_webp()))

    assert picture.size in {(724, 1024), (725, 1024)}
    assert ink(picture) > 3000
    colours = picture.convert("RGB").getcolors(1 << 24) or []
    assert any(abs(r - b) > 40 for _, (r, _, b) in colours), "the photograph in it has its colours"  # type: ignore[misc]
    assert square.size == (256, 256)


@pytest.mark.parametrize(
    ("data", "type", "text"),
    [
        (WORDS.encode(), TXT, WORDS),
        ("Größe".encode("latin-1"), TXT, "Größe"),
        (b"\xff\xfe" + "Größe".encode("utf-16-le"), TXT, "Größe"),
        (DOCX_FILE, DOCX, WORDS),
        (ODT_FILE, ODT, WORDS),
        (documents.pdf(), PDF, ""),
        (documents.docx(text="<w:t>open</w:t"), DOCX, ""),
        (documents.docx(text="<!DOCTYPE x [<!ENTITY a 'b'>]><w><t>&a;</t></w>"), DOCX, ""),
        (b"PK\x03\x04 no package", DOCX, ""),
    ],
)
def test_text_is_read(read: Callable[[bytes, FileType], str], data: bytes, type: FileType, text: str):
    assert read(data, type) == text


def test_text_has_a_ceiling(read: Callable[[bytes, FileType], str]):
    bomb = documents.docx(text=DOCX_TEXT.replace(WORDS, "x" * (30 << 20)))

    assert len(read(b"word " * (1 << 20), TXT)) <= 1 << 20
    assert len(read(bomb, DOCX)) == 1 << 20


@pytest.mark.parametrize("data", ole.BOTTOMLESS.values(), ids=ole.BOTTOMLESS)
def test_a_bottomless_container_has_no_words_and_costs_no_child(
    read: Callable[[bytes, FileType], str], kids: Children, data: bytes
):
    """Found by fuzzing: a library that believes every length reads until the memory is used up."""
    read(b"a child is there", TXT)
    before = kids.pool.pids
    assert read(data, DOC) == ""
    assert kids.pool.pids == before


def test_the_corpus_is_read_as_it_is_written(read: Callable[[bytes, FileType], str]):
    expected = {
        "090-minimal-document.pdf": "Lorem ipsum dolor sit amet",
        "122-testWORD.doc": "Sample Word Document Title",
        "123-testWORD.docx": "Sample Word Document Title",
        "124-testWORD_1img.doc": "The quick brown fox jumps over the lazy dog",
        "134-Lists.doc": "Heading Level 1",
    }
    found = {path.name: path for path in corpus("good")}
    for name, text in expected.items():
        assert text in read(found[name].read_bytes(), _type_of(found[name])), name


def test_hostile_files_cost_their_own_rendition_at_most(
    render: Callable[..., Rendition], read: Callable[[bytes, FileType], str]
):
    """Each gives a picture or a refusal, and the next file is served."""
    for path in corpus("hostile"):
        type = _type_of(path)
        if type.mime not in PICTURED:
            continue
        data = path.read_bytes()
        with suppress(ContentRefused):
            assert max(opened(render(data, type, NAMED["64"])).size) <= 64
        with suppress(ContentRefused):
            assert type.mime not in READABLE or len(read(data, type)) <= 1 << 20
    assert opened(render(WORDS.encode(), TXT))


def test_a_file_that_kills_its_child_is_refused_and_the_next_is_made(kids: Children, tmp_path: Path):
    """Here it is somebody else who kills it; what a file does to its child looks the same from outside."""
    slow = tmp_path / "slow"
    slow.write_bytes(images.png(3000, 3000))

    async def story() -> None:
        before = set(kids.pool.pids)
        hasty = InspectionLimits(wall_seconds=0.001)
        with pytest.raises(ContentCorrupt, match=r"0\.001 s"):
            await ChildRenderer(kids.pool).render(slow, PNG.mime, hasty, THUMBNAIL)
        made = await ChildRenderer(kids.pool).render(slow, PNG.mime, LIMITS, THUMBNAIL)
        assert (made.width, made.height) == (256, 256)
        assert before.isdisjoint(kids.pool.pids)

    kids.run(asyncio.wait_for(story(), 60))


def _type_of(path: Path) -> FileType:
    extension = extension_of(path.name)
    return next((type for type in TYPES if extension in type.extensions), TYPES[-1])


def test_every_pictured_type_has_its_inspector():
    """What a rendition can be made of was proved when it came in."""
    assert {type.family for type in TYPES if type.mime in PICTURED} == set(Family) - {Family.OPAQUE, Family.VECTOR}
