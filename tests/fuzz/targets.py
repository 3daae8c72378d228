"""What is fuzzed: each target takes any bytes, and raises only when a promise is broken.

A promise is what callers rely on: which errors may come, which words may be said, what a clean drawing may hold. That
a target ends, in little memory, is watched from outside (``tests.fuzz.run``).
"""

import asyncio
import contextlib
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from unicodedata import category

from holdall.adapters.inspect import extract, heic, more_images, office, packages, pdf, polyglot, structure, svg, text
from holdall.adapters.inspect import images as image_inspector
from holdall.adapters.inspect.messages import Job, Task
from holdall.adapters.inspect.refusals import Corrupt, ImageOverLimit
from holdall.dialects.bika.filter_language import MAX_LENGTH as MAX_FILTER_LENGTH
from holdall.dialects.bika.filter_language import parse
from holdall.dialects.bika.filter_meaning import Meaning
from holdall.domain.filename import MAX_NAME_LENGTH, display_name
from holdall.domain.files import HEAD_BYTES, Inspection, Staged
from holdall.domain.findings import FINDINGS
from holdall.domain.formulas.syntax import MAX_LENGTH as MAX_FORMULA_LENGTH
from holdall.domain.formulas.syntax import BadFormula
from holdall.domain.formulas.syntax import parse as parse_formula
from holdall.domain.formulas.tree import Scope
from holdall.domain.formulas.values import MAX_TEXT, Fault, told
from holdall.domain.policy import InspectionLimits, extension_of
from holdall.domain.records import Database, Node, NodeType
from holdall.domain.signatures import (
    ACTIVE_CONTENTS,
    DECODED_ONLY,
    DOC,
    DOCX,
    GIF,
    JPEG,
    JSON,
    MORE_IMAGES,
    ODT,
    PDF,
    PNG,
    TXT,
    WEBP,
    XLS,
    ZIP,
    identify,
)
from holdall.domain.variants import EAGER, Master
from holdall.errors import HoldallError, Malformed
from holdall.web.bytes import content_disposition
from holdall.web.receive import BodyLimits, receive_form
from tests.support import documents, hostile, images, listing, ole
from tests.support.server import FORM_TYPE, Part, encode_form

LIMITS = InspectionLimits(max_pixels=1_000_000, max_frames=10, max_animated_pixels=500_000, max_unpacked_bytes=4 << 20)
"""Small, since what is looked for is not in the size."""
MAX_BYTES = 1 << 16
_FORM_LIMITS = BodyLimits(max_file_bytes=4096, max_body_bytes=0).sized(4096, max_files=5)
_FILE = os.memfd_create("fuzzed")
_LOOP = asyncio.new_event_loop()
_SEEN = datetime(2026, 1, 31, 10, 15, tzinfo=UTC)
_MIME = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_ACTIVE = re.compile(rb"[ \t\r\n]*(?:<script[\s/>]|<\?php|#!/|<!doctype html)", re.IGNORECASE)
_UNCLEAN = re.compile(rb"<script|<style|<foreign|<image|<a[ >]|\son[a-z]+\s*=|javascript|<!|<\?|@import", re.IGNORECASE)

_LISTED = Database(Node(1, "dat", 1, None, NodeType.DATABASE, "Listed"), listing.FIELDS)

Target = Callable[[bytes], None]


@dataclass(frozen=True)
class Fuzzed:
    """A target, and files to begin with."""

    run: Target
    seeds: Callable[[], Iterable[bytes]]


# ── detection, names, forms ──────────────────────────────────────────────────────────────────────────────────────


def detection(data: bytes) -> None:
    """A type is always named, and what begins as something that runs is called so."""
    mime = identify(data)
    assert _MIME.fullmatch(mime), mime
    if _ACTIVE.match(data):
        assert mime in ACTIVE_CONTENTS, mime


def names(data: bytes) -> None:
    """A name is shown in one line, ends as it did, and goes into a header without ending it."""
    name = data.decode("utf-8", "surrogateescape")
    shown = display_name(name)
    assert 0 < len(shown) <= MAX_NAME_LENGTH
    assert "/" not in shown
    assert "\\" not in shown
    unseen = [char for char in shown if not (char.isprintable() or char == "\u200d" or category(char) == "Zs")]
    assert not unseen, ascii(shown)
    assert display_name(shown) == shown
    extension = extension_of(name)
    assert extension == extension_of(f"a.{extension}") if extension else True
    header = content_disposition(shown, inline=False)
    assert header.isascii()
    assert header.isprintable(), header


def filters(data: bytes) -> None:
    """A filter is read, bounded, and meant for some field; or it is refused, with the place where it is wrong."""
    with contextlib.suppress(Malformed):
        tree = parse(data.decode("utf-8", "replace"))
        assert len(repr(tree)) < 100 * MAX_FILTER_LENGTH
        Meaning(_LISTED, None).of(tree)


def forms(data: bytes) -> None:
    """A form is read, or refused in our own words; nothing of it stays behind."""
    cut = data[0] + 1 if data else 1
    pieces = iter([data[start : start + cut * 7] for start in range(0, len(data), cut * 7)])

    async def next_message() -> dict[str, object]:
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def receive() -> None:
        async with receive_form(next_message, {"content-type": FORM_TYPE}, _FOLDER, _FORM_LIMITS) as form:
            for staged in form.files:
                assert isinstance(staged, Staged)
                assert staged.is_over or len(staged.sha256) == 64

    with contextlib.suppress(HoldallError):
        _LOOP.run_until_complete(receive())
    assert not list(_FOLDER.iterdir())


_HEIC = Path(__file__).parents[1] / "support" / "heic"
_FOLDER = Path(mkdtemp(prefix="holdall-fuzz-"))

# ── inspectors ───────────────────────────────────────────────────────────────────────────────────────────────────


def _inspected(inspect: Callable[[int, Job], Inspection], task: Task, mime: str, data: bytes) -> Inspection | None:
    """What an inspector says of these bytes; it may refuse them in its two ways and in no other."""
    if not data:
        return None
    os.ftruncate(_FILE, 0)
    os.pwrite(_FILE, data, 0)
    recipes, master = (EAGER, Master(1 + len(data) % 64)) if task == "image" else ((), None)
    master = None if mime in DECODED_ONLY else master
    try:
        found = inspect(_FILE, Job(task, mime, LIMITS, recipes, master))
    except (Corrupt, ImageOverLimit):
        return None
    assert set(found.findings) <= FINDINGS.keys(), found.findings
    for made in found.renditions:
        assert 0 < max(made.width, made.height) <= EAGER[0].box
        assert identify(made.data) == made.mime
    if master and identify(data[:HEAD_BYTES]) == mime:  # another beginning is no door's to pass
        assert found.replacement is not None
        assert identify(found.replacement.data) == mime
    return found


def _picture(mime: str) -> Target:
    def run(data: bytes) -> None:
        found = _inspected(image_inspector.inspect, "image", mime, data)
        end = structure.end_of_image(data, mime)
        assert end is None or 0 < end <= len(data)
        if found is not None:
            assert end is not None
            assert 0 < found.width * found.height <= LIMITS.max_pixels  # type: ignore[operator]

    return run


def _more(name: str) -> Target:
    mime = MORE_IMAGES[name].mime
    return lambda data: void(_inspected(more_images.inspect, "image", mime, data))


def drawings(data: bytes) -> None:
    """A clean drawing has nothing left to clean, and nothing that acts."""
    found = _inspected(svg.inspect, "vector", "image/svg+xml", data)
    if found is None:
        return
    assert found.replacement is not None
    clean = found.replacement.data
    assert not _UNCLEAN.search(re.sub(rb">[^<]*<", b"><", clean)), clean[:500]
    again = _inspected(svg.inspect, "vector", "image/svg+xml", clean)
    assert again is not None, clean[:500]
    assert again.replacement is not None
    assert (again.findings, again.replacement.data) == ((), clean)


def papers(data: bytes) -> None:
    """A PDF is sound or refused; its words are read or there are none."""
    if _inspected(pdf.inspect, "pdf", PDF.mime, data) is not None:
        extract.text_of(_FILE, PDF.mime)


def bundles(data: bytes) -> None:
    """A package is sound or refused; what is shown to a scanner is no more than is allowed."""
    shown = 0

    def look(window: bytes, is_first: bool) -> None:
        nonlocal shown
        shown += len(window) - (0 if is_first else packages.OVERLAP_BYTES)

    for type in (DOCX, ODT, ZIP):
        shown = 0
        _inspected(lambda file, job: office.inspect(file, job, look), "office", type.mime, data)
        assert shown <= 2 * LIMITS.max_unpacked_bytes, shown
        assert len(extract.text_of(_FILE, type.mime, 100)) <= 100
    polyglot.of_document(_FILE, len(data))
    with contextlib.suppress(packages.BROKEN):
        packages.look_into(_FILE, LIMITS, look)


def containers(data: bytes) -> None:
    """An OLE container is sound or refused."""
    for type in (DOC, XLS):
        _inspected(office.inspect, "office", type.mime, data)
        assert len(extract.text_of(_FILE, type.mime, 100)) <= 100


def texts(data: bytes) -> None:
    """What is taken as text can be read in the encoding that is said."""
    found = _inspected(text.inspect, "text", TXT.mime, data)
    if found is not None:
        read = data.decode(found.encoding, "replace" if found.encoding == "windows-1252" else "strict")
        assert "\0" not in read
    _inspected(text.inspect, "text", JSON.mime, data)


def formulas(data: bytes) -> None:
    """A formula is refused with its place, or worth something that JSON can tell."""
    position = 0
    try:
        tree = parse_formula(data.decode("utf-8", "replace"))
    except BadFormula as refusal:
        position = refusal.position
    if position:
        assert position <= MAX_FORMULA_LENGTH + 1
        return
    cells = {"Title": "a b", "Amount": Decimal("2.5"), "Seen": _SEEN, "Tags": ("x", None, Decimal(1))}
    try:
        shown = told(tree.evaluate(Scope(cells.get, _SEEN, UTC, "rec", _SEEN, _SEEN)))
    except (Fault, ArithmeticError):
        return
    assert len(json.dumps(shown, allow_nan=False)) <= 12 * MAX_TEXT


def void(_: object) -> None:
    """Nothing more is promised."""


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────


def _of(*extensions: str) -> Callable[[], list[bytes]]:
    """Bad and good files of the shared table, those that are small."""

    def seeds() -> list[bytes]:
        bad = [row.make() for row in hostile.BAD_FILES.values() if row.name.rpartition(".")[2] in extensions]
        good = [make() for name, make in hostile.GOOD_FILES.values() if name.rpartition(".")[2] in extensions]
        return [data for data in bad + good if 0 < len(data) < MAX_BYTES]

    return seeds


def _encoded(format: str, extra: Callable[[], bytes] | None = None) -> Callable[[], list[bytes]]:
    """Small sound pictures, besides the table's bad ones."""
    extension = {"JPEG": "jpg"}.get(format, format.lower())
    modes = [images.noise(9, 7), images.noise(9, 7, "L"), images.noise(9, 7, "P" if format != "JPEG" else "L")]

    def seeds() -> list[bytes]:
        sound = [images.encoded(mode.convert("RGB") if format in {"WEBP", "AVIF"} else mode, format) for mode in modes]
        return sound + _of(extension)() + ([extra()] if extra else [])

    return seeds


def _some_forms() -> list[bytes]:
    file = Part("file", b"\r\n--x", "a\u00e9.txt", {"Content-Type": "text/plain", "Content-Digest": "sha-256=:YWJj:"})
    starred = encode_form(Part("file", b"x", "a.txt")).replace(b'filename="a.txt"', b"filename*=UTF-8''a%2e.txt")
    return [b"\x05" + form for form in (encode_form(Part("note", b"x"), file), encode_form(file, file), starred)]


def _some_packages() -> list[bytes]:
    stored = documents.package({"[Content_Types].xml": "<Types/>", "word/document.xml": "<w/>"}, zipfile.ZIP_STORED)
    return [documents.docx(), documents.odt(), stored, *_of("docx", "zip")()]


TARGETS: dict[str, Fuzzed] = {
    "detection": Fuzzed(detection, lambda: [data[:8192] for data in _of("jpg", "png", "pdf", "docx", "doc", "txt")()]),
    "filters": Fuzzed(
        filters,
        lambda: [
            b'Title=="a b";(Score>=2 or Tags=c=(x,"y"))',
            b'{Seen on}!="2026-03-01",Pictures.count>1;Pictures.type=c="image/"',
            b'Done==1 and Title=nc=("\\"", null)',
        ],
    ),
    "formulas": Fuzzed(
        formulas,
        lambda: [
            b"IF({Title}='a', ROUND(Amount*1.5, 2), -Amount) & \"x\\n\"",
            b"DATEADD(Seen, 1, 'month')<TODAY() & SUBSTITUTE(Title, 'a', REPT('b', 9))",
            b"ARRAYJOIN(ARRAYUNIQUE(Tags, 1e9), '; ')=SWITCH(POWER(Amount, 99), 1, 2, LOG(Amount))",
        ],
    ),
    "names": Fuzzed(names, lambda: [b"a.txt", "\u202egpj.exe".encode(), b"..\\..\\a.tar.gz", b"a" * 300 + b".jpeg"]),
    "forms": Fuzzed(forms, _some_forms),
    "jpeg": Fuzzed(_picture(JPEG.mime), _encoded("JPEG", lambda: images.turned_jpeg(8, 8, 6))),
    "png": Fuzzed(_picture(PNG.mime), _encoded("PNG")),
    "gif": Fuzzed(_picture(GIF.mime), _encoded("GIF", lambda: images.gif(8, 8, 3))),
    "webp": Fuzzed(_picture(WEBP.mime), _encoded("WEBP", lambda: images.webp(8, 8, 3))),
    "avif": Fuzzed(_more("avif"), _encoded("AVIF")),
    "tiff": Fuzzed(_more("tiff"), _encoded("TIFF")),
    "bmp": Fuzzed(_more("bmp"), _encoded("BMP")),
    "heic": Fuzzed(_more("heic"), lambda: [path.read_bytes() for path in sorted(_HEIC.glob("*.heic"))]),
    "svg": Fuzzed(drawings, lambda: [hostile.SVG, *hostile.DRAWINGS]),
    "pdf": Fuzzed(papers, _of("pdf")),
    "packages": Fuzzed(bundles, _some_packages),
    "ole": Fuzzed(containers, lambda: [ole.word({"1Table": b"x"}), ole.container({"Workbook": b"x"})]),
    "text": Fuzzed(texts, lambda: [b"plain", "\ufeffwide".encode("utf-16"), b"caf\xe9", b'{"a": [1, null]}']),
}


def prepare() -> None:
    """What a child does before its first file."""
    image_inspector.allow_loaders()
    heic.prepare()
