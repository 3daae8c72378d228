"""Sound files pass and get their renditions; files that are cut, false or too large do not."""

import io
import os
import signal
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pikepdf
import pytest
import pyvips
from PIL import Image

from holdall.adapters.inspect.images import ALLOWED_LOADERS
from holdall.adapters.inspect.inspector import ChildInspector
from holdall.domain.files import HEAD_BYTES, FileType, Inspection
from holdall.domain.policy import InspectionLimits, extension_of
from holdall.domain.signatures import (
    CSV,
    DOC,
    DOCX,
    GIF,
    JPEG,
    JSON,
    MD,
    ODT,
    OPAQUE,
    PDF,
    PNG,
    PPTX,
    TIFF,
    TXT,
    TYPES,
    WEBP,
    ZIP,
    identify,
)
from holdall.domain.variants import EAGER, THUMBNAIL, Recipe
from holdall.errors import ContentCorrupt, ImageTooLarge, InspectorUnavailable
from tests.support import documents, images, ole
from tests.support.children import Children, children
from tests.support.corpus import corpus

LIMITS = InspectionLimits()
Inspect = Callable[..., Inspection]


@pytest.fixture(scope="module")
def kids() -> Iterator[Children]:
    with children(size=1) as kids:
        yield kids


@pytest.fixture
def inspect(kids: Children, tmp_path: Path) -> Inspect:
    """Inspect these bytes as a file of this type."""

    def inspect(
        data: bytes, type: FileType, limits: InspectionLimits = LIMITS, recipes: tuple[Recipe, ...] = EAGER
    ) -> Inspection:
        path = tmp_path / "file"
        path.write_bytes(data)
        return kids.run(ChildInspector(kids.pool).inspect(path, type.mime, type.family, limits, recipes))

    return inspect


def opened(inspection: Inspection) -> Image.Image:
    """The first rendition as a picture."""
    return Image.open(io.BytesIO(inspection.renditions[0].data))


# ── images ───────────────────────────────────────────────────────────────────────────────────────────────────────

SIZES = [(1, 1), (16, 16), (333, 257), (641, 487), (1025, 769), (2051, 37), (37, 2051), (1, 3000)]
ENCODERS = {
    "jpeg": (JPEG, lambda w, h: images.jpeg(w, h, quality=85)),
    "jpeg-progressive": (JPEG, lambda w, h: images.jpeg(w, h, quality=85, progressive=True)),
    "jpeg-restarts": (JPEG, lambda w, h: images.jpeg(w, h, quality=85, restart_marker_rows=1)),
    "jpeg-444": (JPEG, lambda w, h: images.jpeg(w, h, quality=90, subsampling=0)),
    "png": (PNG, lambda w, h: images.png(w, h, compress_level=1)),
    "gif": (GIF, images.gif),
    "gif-animated": (GIF, lambda w, h: images.gif(w, h, frames=3)),
    "webp": (WEBP, images.webp),
    "webp-lossless": (WEBP, lambda w, h: images.webp(w, h, lossless=True, quality=0)),
    "webp-animated": (WEBP, lambda w, h: images.webp(w, h, frames=3)),
}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_picture_passes_whole_and_nowhere_cut(inspect: Inspect, encoder: str, size: tuple[int, int]):
    type, encode = ENCODERS[encoder]
    data = encode(*size)
    whole = inspect(data, type)

    assert (whole.width, whole.height) == size
    assert whole.frames == (3 if "animated" in encoder else 1)
    assert whole.findings == ()
    assert whole.thumbhash
    # what moves would have to move, so it is made when asked for
    assert [made.mime for made in whole.renditions] == ([] if "animated" in encoder else ["image/jpeg"])
    length = len(data)
    cuts = {length - off for off in (1, 2, 3, 4, 5, 8, 12, 13, 16, 30, 100, 1000)}
    for cut in sorted(cuts | {length * part // 5 for part in range(1, 5)}):
        if cut > 0:
            with pytest.raises(ContentCorrupt):
                inspect(data[:cut], type)


@pytest.mark.parametrize("type", [JPEG, PNG, GIF, WEBP], ids=lambda type: type.extension)
def test_magic_bytes_alone_are_no_picture(inspect: Inspect, type: FileType):
    heads = {
        JPEG: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
        PNG: b"\x89PNG\r\n\x1a\n",
        GIF: b"GIF89a",
        WEBP: b"RIFF\x10\x00\x00\x00WEBPVP8 ",
    }
    for tail in (b"", b"\0" * 100, b"<?php echo 1; ?>" * 10):
        with pytest.raises(ContentCorrupt) as refusal:
            inspect(heads[type] + tail, type)
        assert (refusal.value.kind, refusal.value.detected, refusal.value.allowed) == ("", type.mime, ())
        assert refusal.value.reason


def test_damage_in_the_middle_is_noticed(inspect: Inspect):
    data = bytearray(images.png(400, 300))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(ContentCorrupt):
        inspect(bytes(data), PNG)


def test_an_image_of_another_type_is_refused(inspect: Inspect):
    with pytest.raises(ContentCorrupt, match="not image/png"):
        inspect(images.jpeg(), PNG)


def test_an_empty_file_is_refused(inspect: Inspect):
    for type in (JPEG, PDF, DOCX, DOC, TXT):
        with pytest.raises(ContentCorrupt, match="empty"):
            inspect(b"", type)


SHUT = """
import sys, pyvips
from holdall.adapters.inspect import images
images.allow_loaders()
pyvips.Image.new_from_buffer(sys.stdin.buffer.read(), "")
"""
OF_LIBVIPS = ["TIFF", "AVIF"]
"""Blocked formats that our libvips could read."""
BLOCKED = ["TIFF", "BMP", "PPM", "ICO", "JPEG2000", "TGA", "PCX", "SGI", "AVIF"]


@pytest.mark.parametrize("format", BLOCKED)
def test_a_loader_that_is_not_on_the_list_stays_shut(inspect: Inspect, format: str):
    data = images.encoded(images.flat(16, 16), format)
    for claimed in (JPEG, PNG, GIF, WEBP):
        with pytest.raises(ContentCorrupt):
            inspect(data, claimed)
    shut, open = (
        subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=False)
        for program in (SHUT, SHUT.replace("images.allow_loaders()", ""))
    )
    assert shut.returncode != 0
    assert b"not in a known format" in shut.stderr
    assert (open.returncode == 0) == (format in OF_LIBVIPS)


@pytest.mark.parametrize("text", [b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", b"1,2\n3,4\n"])
def test_text_is_never_read_as_a_picture(inspect: Inspect, text: bytes):
    with pytest.raises(ContentCorrupt):
        inspect(text, PNG)


@pytest.mark.parametrize("name", ALLOWED_LOADERS)
def test_every_loader_on_the_list_exists(name: str):
    assert pyvips.type_find("VipsForeignLoad", name) or pyvips.type_from_name(name)


def test_too_many_pixels_are_told_from_the_header(inspect: Inspect):
    few = InspectionLimits(max_pixels=64 * 48)
    for type, make in ((JPEG, images.jpeg), (PNG, images.png), (GIF, images.gif), (WEBP, images.webp)):
        inspect(make(64, 48), type, few)
        with pytest.raises(ImageTooLarge, match="64 x 49"):
            inspect(make(64, 49), type, few)


def test_too_many_frames_are_told_from_the_header(inspect: Inspect):
    for type, make in ((GIF, images.gif), (WEBP, images.webp)):
        data = make(20, 20, frames=5)
        inspect(data, type, InspectionLimits(max_frames=5, max_animated_pixels=2000))
        with pytest.raises(ImageTooLarge, match="5 frames"):
            inspect(data, type, InspectionLimits(max_frames=4))
        with pytest.raises(ImageTooLarge, match="5 frames"):
            inspect(data, type, InspectionLimits(max_animated_pixels=1999))


def test_frames_of_an_animated_png_count_although_only_the_first_is_decoded(inspect: Inspect):
    frames = [images.noise(20, 20) for _ in range(5)]
    data = images.encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])

    assert inspect(data, PNG).frames == 5
    with pytest.raises(ImageTooLarge, match="5 frames"):
        inspect(data, PNG, InspectionLimits(max_frames=4))


FITS = [((512, 256), (256, 128)), ((100, 50), (100, 50)), ((3000, 2), (256, 1))]


@pytest.mark.parametrize(("size", "fitted"), FITS)
def test_a_rendition_fits_its_box_and_is_never_enlarged(
    inspect: Inspect, size: tuple[int, int], fitted: tuple[int, int]
):
    inspection = inspect(images.jpeg(*size), JPEG)
    [rendition] = inspection.renditions

    assert (rendition.width, rendition.height) == fitted == opened(inspection).size
    assert (rendition.recipe, rendition.mime) == (THUMBNAIL.name, "image/jpeg")


def test_a_rendition_of_what_one_can_see_through_can_be_seen_through(inspect: Inspect):
    clear = images.encoded(images.flat(300, 300, (255, 0, 0, 40), "RGBA"), "PNG")
    inspection = inspect(clear, PNG)

    assert inspection.renditions[0].mime == "image/png"
    assert 30 < opened(inspection).convert("RGBA").getpixel((5, 5))[3] < 50  # type: ignore[index]


def test_each_recipe_has_its_rendition(inspect: Inspect):
    recipes = (Recipe("small", 32), Recipe("large", 200), Recipe("other", 200, quality=10))
    inspection = inspect(images.jpeg(400, 200), JPEG, recipes=recipes)

    assert [(made.recipe, made.width, made.height) for made in inspection.renditions] == [
        ("small", 32, 16),
        ("large", 200, 100),
        ("other", 200, 100),
    ]


def test_without_recipes_the_picture_is_decoded_all_the_same(inspect: Inspect):
    data = images.jpeg(400, 300)

    assert inspect(data, JPEG, recipes=()).renditions == ()
    with pytest.raises(ContentCorrupt):
        inspect(data[:-200], JPEG, recipes=())


@pytest.mark.parametrize(("orientation", "upper_left"), [(1, "red"), (3, "blue"), (6, "blue"), (8, "red")])
def test_orientation_is_applied(inspect: Inspect, orientation: int, upper_left: str):
    inspection = inspect(images.turned_jpeg(80, 40, orientation), JPEG)
    picture = opened(inspection).convert("RGB")
    red, _, blue = picture.getpixel((3, 3))  # type: ignore[misc]

    turned = orientation in {6, 8}
    assert (inspection.width, inspection.height) == ((40, 80) if turned else (80, 40)) == picture.size
    assert (red > blue) == (upper_left == "red")


def test_metadata_does_not_reach_the_rendition(inspect: Inspect):
    exif = Image.Exif()
    exif[0x010E] = "at home, 50.0755 N"
    inspection = inspect(images.jpeg(exif=exif, comment=b"secret"), JPEG)

    assert opened(inspection).getexif() == {}
    assert b"home" not in inspection.renditions[0].data
    assert b"secret" not in inspection.renditions[0].data


@pytest.mark.parametrize(
    ("data", "type"),
    [
        (images.encoded(images.flat(50, 50, (0, 200, 200, 0), "CMYK"), "JPEG", quality=95), JPEG),
        (images.encoded(images.flat(50, 50, (255, 30, 30)), "PNG"), PNG),
        (images.encoded(images.flat(50, 50, (255, 30, 30)).convert("P"), "PNG"), PNG),
        (images.encoded(images.flat(50, 50, (255, 30, 30)), "GIF"), GIF),
        (images.encoded(images.flat(50, 50, (255, 30, 30, 255), "RGBA"), "WEBP", lossless=True), WEBP),
    ],
)
def test_colours_arrive_as_srgb(inspect: Inspect, data: bytes, type: FileType):
    red, green, blue = opened(inspect(data, type)).convert("RGB").getpixel((25, 25))  # type: ignore[misc]

    assert red > 180
    assert green < 110
    assert blue < 110


def test_sixteen_bits_become_eight(inspect: Inspect):
    grey = Image.new("I;16", (50, 50), 0x8000)
    red, green, blue = opened(inspect(images.encoded(grey, "PNG"), PNG)).convert("RGB").getpixel((9, 9))  # type: ignore[misc]

    assert red == green == blue
    assert 100 < red < 200


def test_a_colour_profile_that_does_not_fit_is_no_reason_to_refuse(inspect: Inspect):
    assert inspect(images.profiled_jpeg(), JPEG).renditions


@pytest.mark.parametrize(
    ("data", "type"), [(images.jpeg(), JPEG), (images.png(), PNG), (images.gif(frames=2), GIF), (images.webp(), WEBP)]
)
def test_what_follows_the_image_is_found(inspect: Inspect, data: bytes, type: FileType):
    for tail in (data, b"\0" * 100 + b"x", b"SEFH" + bytes(8), b"\0\0\0\x18ftypmp42"):
        assert inspect(data + tail, type).findings == ("trailing-data",)
    assert inspect(data + b"\0" * 100, type).findings == ()


def test_a_photograph_with_a_second_picture_passes(inspect: Inspect):
    """As phones write them; the library knows them by another name, which it must not have to look up by then."""
    data = images.encoded(images.noise(99, 77), "MPO", save_all=True, append_images=[images.noise(20, 20)])
    found = inspect(data, JPEG)

    assert (found.width, found.height, found.findings) == (99, 77, ("trailing-data",))
    assert found.renditions


def test_an_end_mark_within_metadata_is_not_the_end(inspect: Inspect):
    assert inspect(images.jpeg(comment=b"\xff\xd9PK\x03\x04"), JPEG).findings == ()


# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pdf_passes_whole_and_nowhere_cut(inspect: Inspect):
    data = documents.pdf(pages=3)

    assert inspect(data, PDF) == Inspection(PDF.mime)
    for cut in range(1, len(data) - 8, 25):
        with pytest.raises(ContentCorrupt):
            inspect(data[:cut], PDF)


def test_a_pdf_that_miscounts_its_pages_is_refused_and_costs_no_child(inspect: Inspect, kids: Children):
    """Found by fuzzing: the library has an error of its own for it, and what nobody foresees costs a child."""
    data = documents.pdf().replace(b"/Count 1 /Kids [ 3 0 R ]", b"/Kids [3 0 R/]C uont 1  ")
    inspect(documents.pdf(), PDF)
    before = kids.pool.pids
    with pytest.raises(ContentCorrupt, match="structure is broken"):
        inspect(data, PDF)
    assert kids.pool.pids == before


def test_a_pdf_without_pages_is_refused(inspect: Inspect):
    with pytest.raises(ContentCorrupt, match="no page"):
        inspect(documents.pdf(pages=0), PDF)


def action(**entries: object) -> pikepdf.Object:
    return pikepdf.Dictionary({f"/{name}": value for name, value in entries.items()})


ACTIVE_PDFS = [
    (documents.pdf(OpenAction=action(S=pikepdf.Name.JavaScript, JS="app.alert(1)")), ("pdf-javascript",)),
    (documents.pdf(OpenAction=action(S=pikepdf.Name.Launch, F="cmd.exe")), ("pdf-launch",)),
    (documents.pdf(AcroForm=action(XFA=pikepdf.Array([]))), ("pdf-xfa",)),
    (documents.pdf(Names=action(EmbeddedFiles=action(Names=pikepdf.Array([])))), ("pdf-embedded-files",)),
    (documents.pdf(OpenAction=pikepdf.Array([0, pikepdf.Name.Fit])), ()),
    (documents.pdf(Lang="/JavaScripture"), ()),
]


@pytest.mark.parametrize(("data", "findings"), ACTIVE_PDFS)
def test_what_is_active_in_a_pdf_is_named(inspect: Inspect, data: bytes, findings: tuple[str, ...]):
    assert inspect(data, PDF).findings == findings


def test_a_name_written_in_escapes_hides_nothing(inspect: Inspect):
    data = documents.pdf(OpenAction=action(S=pikepdf.Name.JavaScript, JS="1"))
    hidden = data.replace(b"/JavaScript", b"/J#61v#61Script").replace(b"/JS", b"/J#53")
    with pikepdf.open(io.BytesIO(hidden)) as document:
        buffer = io.BytesIO()
        document.save(buffer)  # mends the offsets, and object streams hide the rest
        document.save(buffer := io.BytesIO(), object_stream_mode=pikepdf.ObjectStreamMode.generate)

    assert inspect(buffer.getvalue(), PDF).findings == ("pdf-javascript",)


@pytest.mark.parametrize("password", ["", "secret"])
def test_encryption_is_named(inspect: Inspect, password: str):
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(documents.pdf())) as document:
        document.save(buffer, encryption=pikepdf.Encryption(owner="owner", user=password))

    assert inspect(buffer.getvalue(), PDF).findings == ("pdf-encrypted",)


def test_an_office_package_passes_whole_and_nowhere_cut(inspect: Inspect):
    data = documents.docx()

    assert inspect(data, DOCX) == Inspection(DOCX.mime)
    for cut in range(1, len(data), 7):
        with pytest.raises(ContentCorrupt):
            inspect(data[:cut], DOCX)


def test_a_damaged_part_is_noticed_by_its_checksum(inspect: Inspect):
    data = documents.docx(text="<w>" + "abc" * 50 + "</w>")
    at = data.index(b"word/document.xml") + len("word/document.xml") + 3
    with pytest.raises(ContentCorrupt):
        inspect(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :], DOCX)


MACRO_MAIN = "application/vnd.ms-word.document.macroEnabled.main+xml"
TEMPLATE = (
    '<Relationships><Relationship TargetMode="External" Target="http://198.51.100.1/a.dotm" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate"/></Relationships>'
)
LINK = TEMPLATE.replace("attachedTemplate", "hyperlink")
BOMB_TEXT = "<!DOCTYPE w [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><w>&b;</w>"
XXE_TEXT = "<!DOCTYPE w [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><w>&a;</w>"


@pytest.mark.parametrize(
    ("data", "findings"),
    [
        (documents.docx({"word/vbaProject.bin": b"x"}), ("ooxml-macros",)),
        (documents.docx({"word/embeddings/oleObject1.bin": b"x"}), ("ooxml-embedded",)),
        (documents.docx({"word/_rels/settings.xml.rels": TEMPLATE}), ("ooxml-external-template",)),
        (documents.docx({"word/_rels/document.xml.rels": LINK}), ()),
    ],
)
def test_what_is_active_in_a_package_is_named(inspect: Inspect, data: bytes, findings: tuple[str, ...]):
    assert inspect(data, DOCX).findings == findings


def test_members_are_counted_and_not_believed(inspect: Inspect):
    """The end of the directory says that there is one."""
    data = bytearray(documents.docx({f"word/{number}": "" for number in range(6)}))
    end = data.rindex(b"PK\5\6")
    data[end + 8 : end + 12] = b"\1\0\1\0"
    inspect(bytes(documents.docx()), DOCX, InspectionLimits(max_members=5))
    with pytest.raises(ContentCorrupt, match="zip-too-many-members"):
        inspect(bytes(data), DOCX, InspectionLimits(max_members=5))


def test_unpacked_bytes_are_added_up(inspect: Inspect):
    """None of the members is large or dense."""
    noise = images.noise(300, 100).tobytes()
    data = documents.docx({"word/media/a": noise, "word/media/b": noise[::-1]})
    inspect(data, DOCX, InspectionLimits(max_unpacked_bytes=3 * len(noise)))
    with pytest.raises(ContentCorrupt, match="zip-too-large-unpacked"):
        inspect(data, DOCX, InspectionLimits(max_unpacked_bytes=2 * len(noise)))


@pytest.mark.parametrize(
    ("data", "type", "reason"),
    [
        (documents.docx(text=BOMB_TEXT), DOCX, "DOCTYPE"),
        (documents.docx(text=XXE_TEXT), DOCX, "DOCTYPE"),
        (documents.docx({"word/_rels/a.rels": BOMB_TEXT}), DOCX, "DOCTYPE"),
        (documents.docx(text="<w>"), DOCX, "well-formed"),
        (documents.docx(main_type=MACRO_MAIN), DOCX, "main part"),
        (documents.docx(), PPTX, "main part"),
        (documents.package({"a.txt": "not a document"}), DOCX, "no item named"),
        (documents.package({"a.txt": "not a document"}), ODT, "naming its type"),
        (documents.docx({f"{number}": "" for number in range(2000)}), DOCX, "zip-too-many-members"),
        (documents.docx({"bomb": bytes(2 << 20)}), DOCX, "zip-ratio"),
        (documents.docx({"../climbing": ""}), DOCX, "zip-climbing-name"),
        (documents.docx({"/absolute": ""}), DOCX, "zip-climbing-name"),
        (documents.docx({"..\\climbing": ""}), DOCX, "zip-climbing-name"),
        (documents.docx({"C:\\drive": ""}), DOCX, "zip-climbing-name"),
        (documents.docx({"WORD/document.xml": ""}), DOCX, "zip-duplicate-names"),
        (b"PK\x03\x04" + bytes(100), DOCX, "broken"),
    ],
)
def test_a_package_that_is_false_or_dangerous_is_refused(inspect: Inspect, data: bytes, type: FileType, reason: str):
    with pytest.raises(ContentCorrupt, match=reason):
        inspect(data, type)


def test_links_secrets_and_shared_bytes_in_a_package_are_refused(inspect: Inspect):
    buffer = io.BytesIO(documents.docx())
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ContentCorrupt, match="zip-symlink"):
        inspect(buffer.getvalue(), DOCX)

    data = bytearray(documents.docx())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ContentCorrupt, match="zip-encrypted-member"):
        inspect(bytes(data), DOCX)

    data = bytearray(documents.docx())
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 20, 100_000)
    with pytest.raises(ContentCorrupt, match="zip-overlapping-members"):
        inspect(bytes(data), DOCX)


def test_a_plain_zip_is_kept_with_its_oddities_named(inspect: Inspect):
    odd = documents.package({"../a": "", "bomb": bytes(2 << 20)})

    assert inspect(documents.package({"a": "b"}), ZIP).findings == ()
    assert inspect(odd, ZIP).findings == ("zip-climbing-name", "zip-ratio")


def test_an_opendocument_names_its_type_first(inspect: Inspect):
    assert inspect(documents.odt(), ODT).findings == ()
    assert inspect(documents.odt("<m><encryption-data/></m>", "not xml"), ODT).findings == ("odf-encrypted",)
    with pytest.raises(ContentCorrupt, match="well-formed"):
        inspect(documents.odt(content="not xml"), ODT)


def test_an_ole_container_needs_the_stream_of_its_type(inspect: Inspect):
    [path, *_] = [path for path in corpus("good") if path.suffix == ".doc"]
    data = path.read_bytes()

    assert inspect(data, DOC).mime == DOC.mime
    for other in [type for type in TYPES if type.extension in {"xls", "ppt"}]:
        with pytest.raises(ContentCorrupt, match="no stream"):
            inspect(data, other)
    for cut in (len(data) // 2, 2000, 600, 100, 8):
        with pytest.raises(ContentCorrupt):
            inspect(data[:cut], DOC)


@pytest.mark.parametrize("shift", [0, 31, 0xFFFF])
def test_an_ole_container_with_impossible_sectors_costs_nothing(inspect: Inspect, kids: Children, shift: int):
    """Found by fuzzing: the library reads a whole sector at once, and a child that ran out of memory is replaced."""
    data = bytearray(ole.word())
    struct.pack_into("<H", data, 30, shift)
    inspect(ole.word(), DOC)
    before = kids.pool.pids
    with pytest.raises(ContentCorrupt, match="impossible size"):
        inspect(bytes(data), DOC)
    assert kids.pool.pids == before


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "type"),
    [
        (b"plain\r\n\ttext\x0c\x1b[0m", TXT),
        ("žluťoučký kůň\n".encode() * 100_000, TXT),
        ("caf\xe9".encode("cp1252"), TXT),
        ("\ufeffwide".encode("utf-16-le"), CSV),
        (b"\xef\xbb\xbfmarked", MD),
        (b'{"a": [1, 2.5, "\xc3\xa9", null]}', JSON),
        (b"\xef\xbb\xbf[]", JSON),
        ('\ufeff{"a": 1}'.encode("utf-16"), JSON),
    ],
)
def test_text_is_text(inspect: Inspect, data: bytes, type: FileType):
    found = inspect(data, type)
    expected = "windows-1252" if b"\xe9" in data else "utf-16" if data[:2] == b"\xff\xfe" else "utf-8"

    assert found == Inspection(type.mime, encoding=expected)


@pytest.mark.parametrize(
    ("data", "type"),
    [
        (b"a" * (3 << 20) + b"\0", TXT),
        (b"bell\x07", TXT),
        ("\ufeffwide".encode("utf-16-le") + b"\x00\xd8", TXT),
        ("\ufeffwide\0".encode("utf-16-le"), TXT),
        (b"caf\xe9\x01", CSV),
        (b"{", JSON),
        (b"{} {}", JSON),
        (b"[1,]", JSON),
        (b"[" * 200_000, JSON),
    ],
)
def test_what_is_no_text_is_refused(inspect: Inspect, data: bytes, type: FileType):
    with pytest.raises(ContentCorrupt):
        inspect(data, type)


def test_half_a_byte_order_mark_is_no_utf8(inspect: Inspect):
    """Found by fuzzing: Python's decoder that skips the mark lets a part of it end the text."""
    assert inspect(b"\xef\xbb", TXT).encoding == "windows-1252"


# ── all ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_opaque_files_are_never_parsed(kids: Children, tmp_path: Path):
    inspector = ChildInspector(kids.pool)
    for type in (OPAQUE, TIFF):
        found = kids.run(inspector.inspect(tmp_path / "absent", type.mime, type.family, LIMITS, EAGER))
        assert found == Inspection(type.mime)


def test_a_child_that_hangs_is_a_refusal_of_the_file(inspect: Inspect, kids: Children):
    kids.run(kids.pool.warm())
    os.kill(kids.pool.pids[0], signal.SIGSTOP)
    with pytest.raises(ContentCorrupt, match=r"more than 0\.2 s"):
        inspect(b"text", TXT, InspectionLimits(wall_seconds=0.2))


def test_a_file_that_cannot_be_opened_is_not_called_corrupt(kids: Children, tmp_path: Path):
    with pytest.raises(InspectorUnavailable):
        kids.run(ChildInspector(kids.pool).inspect(tmp_path / "absent", TXT.mime, TXT.family, LIMITS, ()))


def type_of(path: Path) -> FileType:
    return next((type for type in TYPES if extension_of(path.name) in type.extensions), OPAQUE)


def test_every_good_file_passes_as_its_type(inspect: Inspect):
    for path in corpus("good"):
        type = type_of(path)
        data = path.read_bytes()

        assert type.may_begin_as(identify(data[:HEAD_BYTES])), path.name
        inspection = inspect(data, type)
        assert bool(inspection.thumbhash) == type.mime.startswith("image/"), path.name
        assert inspection.findings in {(), ("ole-embedded",)}, path.name


def test_no_hostile_file_does_harm(inspect: Inspect, kids: Children):
    refused = []
    for path in corpus("hostile"):
        type = type_of(path)
        data = path.read_bytes()
        began = time.monotonic()
        for taken_as in {type, JPEG, PNG, PDF, DOC, DOCX, TXT, OPAQUE}:
            try:
                inspect(data, taken_as)
            except ContentCorrupt:
                refused.append((path.name, taken_as.extension))
        assert time.monotonic() - began < 10, path.name

    assert len(refused) > len(corpus("hostile")) * 4
    assert inspect(images.jpeg(), JPEG).renditions
    assert len(kids.pool.pids) == 1
