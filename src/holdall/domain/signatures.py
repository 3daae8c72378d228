"""What the first bytes of a file show, and the table of the types that Holdall knows.

Identification only ever narrows: it picks the parser that then has to agree with every byte of the file. It is
written to err towards danger: bytes that two programs could read in two ways get the more active of the two names.
The order of looking is the order of trust:

1. marks at offset 0 that no text begins with by chance (image, archive and program headers);
2. markup and scripts, before anything that may start later in the file, so that a page with a PDF or a tar behind
   it stays a page;
3. marks at a later offset (``ftyp``, ``ustar``, ``%PDF-`` after junk);
4. text, which is only the absence of control characters;
5. ``application/octet-stream``.
"""

import codecs
import re
from dataclasses import replace
from itertools import chain

from holdall.domain.files import Family, FileType

EMPTY = "application/x-empty"
UNKNOWN = "application/octet-stream"
TEXT_PLAIN = "text/plain"
XML_PLAIN = "application/xml"

_PDF_WINDOW = 1024
"""Acrobat takes ``%PDF-`` anywhere in the first 1024 bytes (ISO 32000-1, annex H.3.4.1), and so do many after it."""
_MARKUP_WINDOW = 256
"""How far from the start old browsers looked for tags when they ignored the declared type."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"II+\x00", "image/tiff"),
    (b"MM\x00+", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"PK\x07\x08", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"OggS\x00", "audio/ogg"),
    (b"fLaC\x00", "audio/flac"),
    (b"\x7fELF", "application/x-executable"),
    (b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\x00asm", "application/wasm"),
)

_MARKS = tuple(magic for magic, _ in _MAGIC)
_FOURCC_OF_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_QUICKTIME_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"skip", b"free", b"pnot"})

_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_PDF_AFTER_JUNK = re.compile(rb"%PDF-\d\.\d")
_PDF_ON_ITS_OWN_LINE = re.compile(rb"[\r\n]%PDF-\d\.\d")

_FORBIDDEN_IN_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_FORBIDDEN_IN_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")

_BEFORE_MARKUP = b" \t\r\n\f"
_PHP = re.compile(rb"<\?(?:php|=|\s)")
_SCRIPT = re.compile(rb"#!|<%")
_PAGE_AT_START = re.compile(rb"<(?:!doctype\s+html|(?:html|head|body|script|iframe|object|embed|base|meta|form)[\s/>])")
_PAGE_NEAR_START = re.compile(rb"<(?:!doctype\s+html|(?:html|script|iframe)[\s/>])")
_SVG_ROOT = re.compile(rb"<(?:[\w.-]+:)?svg[\s/>]")
_HTML_ROOT = re.compile(rb"<(?:[\w.-]+:)?html[\s/>]")
_XML_PROLOG = re.compile(rb"\A<\?xml[\s?]")
_SKIPPED_IN_PROLOG = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->|<!doctype(?:[^\[>]*\[.*?\]\s*>|[^\[>]*>)", re.DOTALL)
_SVG_DOCTYPE = re.compile(rb"<!doctype\s+svg[\s\[>]")


def identify(head: bytes) -> str:
    """Name the MIME type that a file's first bytes (8 KiB are plenty) show.

    Never raises. Types without a registered name get the one that ``file(1)`` uses. ``%PDF-`` that is not at offset 0
    makes a PDF only when what stands before it is neither markup, nor another format's header, nor plain text with
    the mark in the middle of a line: readers that skip junk exist, and a text about PDF is not a PDF.
    """
    if not head:
        return EMPTY
    return (
        _by_magic(head) or _by_program(head) or _by_markup(_markup_view(head)) or _by_later_mark(head) or _by_text(head)
    )


def _by_magic(head: bytes) -> str:
    """The type whose mark stands at offset 0; ``""`` when there is none."""
    if head.startswith(_MARKS):
        return next(mime for magic, mime in _MAGIC if head.startswith(magic))
    if head.startswith(b"RIFF"):
        return _FOURCC_OF_RIFF.get(head[8:12], "")
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"ID3") and len(head) > 4 and head[3] < 0x10 and head[4] < 0x10:  # noqa: PLR2004
        return "audio/mpeg"
    if _BZIP2.match(head):
        return "application/x-bzip2"
    return "image/bmp" if _is_bmp(head) else ""


def _is_bmp(head: bytes) -> bool:
    """``BM`` alone begins many a text, so the reserved field and the size of the second header must fit too."""
    return head[:2] == b"BM" and head[6:10] == bytes(4) and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES


def _by_program(head: bytes) -> str:
    """Programs whose two- or four-byte marks need a second look."""
    if head.startswith(b"\xca\xfe\xba\xbe"):
        return _java_or_mach(head)
    if head.startswith((b"MZ", b"ZM")) and _by_text(head) != TEXT_PLAIN:
        return "application/x-msdownload"
    return ""


def _java_or_mach(head: bytes) -> str:
    """Both begin ``CAFEBABE``; then a Java class has its version (45 and up), a fat Mach-O a count of processors."""
    oldest_java = 45
    second_word = int.from_bytes(head[4:8], "big")
    return "application/java-vm" if second_word >= oldest_java else "application/x-mach-binary"


def _markup_view(head: bytes) -> bytes:
    """The bytes as one who looks for tags reads them: UTF-16 undone, BOM and white space gone, lower case."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    return head.removeprefix(codecs.BOM_UTF8).lstrip(_BEFORE_MARKUP).lower()


def _by_markup(view: bytes) -> str:
    """Scripts, pages and XML by what stands first, or, for pages, near the start.

    Near the start, only the tags that make a browser run something count, and only in the bytes that an old browser
    would sniff: a README that opens with ``<p align=center>`` is text.
    """
    if _XML_PROLOG.match(view):
        return _by_root(view) or XML_PLAIN
    if _PHP.match(view):
        return "text/x-php"
    if _SCRIPT.match(view):
        return "text/x-script"
    if _PAGE_AT_START.match(view) or _PAGE_NEAR_START.search(view[:_MARKUP_WINDOW]):
        return "text/html"
    return _by_root(view) if view.startswith(b"<") else ""


def _by_root(view: bytes) -> str:
    """The type of an XML document by its root element, past prolog, comments and doctype; ``""`` when it tells none.

    A comment or doctype that does not end within the head hides the root: that is XML, and never plain text.
    """
    position = 0
    while skipped := _SKIPPED_IN_PROLOG.match(view, position):
        if _SVG_DOCTYPE.match(view, position):
            return "image/svg+xml"
        position = skipped.end()
    if _SVG_ROOT.match(view, position):
        return "image/svg+xml"
    if _HTML_ROOT.match(view, position) or _PAGE_AT_START.match(view, position):
        return "text/html"
    return XML_PLAIN if view.startswith((b"<!--", b"<!doctype"), position) else ""


def _by_later_mark(head: bytes) -> str:
    """Types whose mark stands after the first bytes."""
    if head[4:8] == b"ftyp":
        return _by_brands(head)
    if head[4:8] in _QUICKTIME_ATOMS and head[0] == 0:
        return "video/quicktime"
    if head[257:262] == b"ustar":
        return "application/x-tar"
    if _is_pdf_after_junk(head[:_PDF_WINDOW]):
        return "application/pdf"
    return "audio/mpeg" if _is_mpeg_audio(head) else ""


def _by_brands(head: bytes) -> str:
    """Tell the ISO base media types apart: the major brand first, then the compatible ones."""
    end = min(int.from_bytes(head[:4], "big"), len(head), 256)
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if brands[0] == b"qt  ":
        return "video/quicktime"
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return "image/avif"
        if brand in _HEIC_BRANDS:
            return "image/heic"
    return "image/heic" if brands[0] in {b"mif1", b"msf1"} else "video/mp4"


def _is_pdf_after_junk(window: bytes) -> bool:
    """Whether a PDF reader that skips junk would begin here."""
    mark = _PDF_AFTER_JUNK.search(window)
    if mark is None:
        return False
    is_text_before = _by_text(window[: mark.start()]) == TEXT_PLAIN
    return not is_text_before or _PDF_ON_ITS_OWN_LINE.search(window) is not None


def _is_mpeg_audio(head: bytes) -> bool:
    """Whether a frame header of MPEG layer I to III stands first; its reserved values rule out most other bytes.

    ``FF FE`` would pass as layer I and is the byte order mark of UTF-16, so layer I is not looked for.
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    reserved, layer_three, layer_two = 1, 1, 2
    return (
        version != reserved and layer in {layer_three, layer_two} and bitrate not in {0, 15} and rate != 3  # noqa: PLR2004
    )


def _by_text(head: bytes) -> str:
    """``text/plain`` when no control character stands in it that text does not have; else unknown.

    Every byte from 0x20 up is a character in some eight-bit code, so UTF-8 (also cut in mid-sequence) and Latin texts
    need no decoding here; the text inspector decodes the whole file. UTF-16 is taken with its mark only.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return TEXT_PLAIN if _is_utf16(head) else UNKNOWN
    return UNKNOWN if _FORBIDDEN_IN_TEXT.search(head) else TEXT_PLAIN


def _is_utf16(head: bytes) -> bool:
    """Whether the bytes after the mark are UTF-16 text, whose last unit the head may have cut."""
    try:
        text = codecs.getincrementaldecoder("utf-16")().decode(head)
    except UnicodeDecodeError:
        return False
    return not _FORBIDDEN_IN_CHARACTERS.search(text)


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────

_ZIP = ("application/zip",)
_OLE = ("application/x-ole-storage",)
_TEXT = (TEXT_PLAIN,)
_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"

JPEG = FileType("image/jpeg", ("jpg", "jpeg"), Family.IMAGE, is_inline=True)
PNG = FileType("image/png", ("png",), Family.IMAGE, is_inline=True)
GIF = FileType("image/gif", ("gif",), Family.IMAGE, is_inline=True)
WEBP = FileType("image/webp", ("webp",), Family.IMAGE, is_inline=True)

# Unless a space asks for it (MORE_IMAGES), no decoder of ours reads these (fewer decoders, fewer holes), so they are
# kept and handed out as they came; and what was not decoded here is not shown in a tab either, AVIF too.
AVIF = FileType("image/avif", ("avif",), Family.OPAQUE)
HEIC = FileType("image/heic", ("heic", "heif"), Family.OPAQUE)
TIFF = FileType("image/tiff", ("tif", "tiff"), Family.OPAQUE)
BMP = FileType("image/bmp", ("bmp",), Family.OPAQUE)

MORE_IMAGES: dict[str, FileType] = {
    "avif": replace(AVIF, family=Family.IMAGE),
    "tiff": replace(TIFF, family=Family.IMAGE),
    "bmp": replace(BMP, family=Family.IMAGE),
    "heic": replace(HEIC, family=Family.IMAGE),
    "svg": FileType("image/svg+xml", ("svg",), Family.VECTOR),
}
"""Images that a house may have decoded (SVG: cleaned) besides the four. The decoder of HEIC is an extra."""
DECODED_ONLY: frozenset[str] = frozenset({HEIC.mime})
"""Images that nothing here can encode, so that no door takes them that keeps a picture made anew."""

PDF = FileType("application/pdf", ("pdf",), Family.PDF)
DOC = FileType("application/msword", ("doc",), Family.OFFICE, _OLE)
XLS = FileType("application/vnd.ms-excel", ("xls",), Family.OFFICE, _OLE)
PPT = FileType("application/vnd.ms-powerpoint", ("ppt",), Family.OFFICE, _OLE)
DOCX = FileType(f"{_OOXML}.wordprocessingml.document", ("docx",), Family.OFFICE, _ZIP)
XLSX = FileType(f"{_OOXML}.spreadsheetml.sheet", ("xlsx",), Family.OFFICE, _ZIP)
PPTX = FileType(f"{_OOXML}.presentationml.presentation", ("pptx",), Family.OFFICE, _ZIP)
ODT = FileType(f"{_ODF}.text", ("odt",), Family.OFFICE, _ZIP)
ODS = FileType(f"{_ODF}.spreadsheet", ("ods",), Family.OFFICE, _ZIP)
ODP = FileType(f"{_ODF}.presentation", ("odp",), Family.OFFICE, _ZIP)
ZIP = FileType("application/zip", ("zip",), Family.OFFICE, _ZIP)

TXT = FileType("text/plain", ("txt", "text", "log"), Family.TEXT, _TEXT)
CSV = FileType("text/csv", ("csv",), Family.TEXT, _TEXT)
MD = FileType("text/markdown", ("md", "markdown"), Family.TEXT, _TEXT)
JSON = FileType("application/json", ("json",), Family.TEXT, _TEXT)

RTF = FileType("application/rtf", ("rtf",), Family.OPAQUE)
GZIP = FileType("application/gzip", ("gz", "tgz"), Family.OPAQUE)
TAR = FileType("application/x-tar", ("tar",), Family.OPAQUE)
MP4 = FileType("video/mp4", ("mp4", "m4v"), Family.OPAQUE)
MOV = FileType("video/quicktime", ("mov", "qt"), Family.OPAQUE, ("video/quicktime", "video/mp4"))
WEBM = FileType("video/webm", ("webm",), Family.OPAQUE, ("video/webm", "video/x-matroska"))
MP3 = FileType("audio/mpeg", ("mp3",), Family.OPAQUE)
WAV = FileType("audio/wav", ("wav",), Family.OPAQUE)
OGG = FileType("audio/ogg", ("ogg", "oga", "ogv", "opus"), Family.OPAQUE)
FLAC = FileType("audio/flac", ("flac",), Family.OPAQUE)
OPAQUE = FileType(UNKNOWN, ("bin",), Family.OPAQUE, ("*",))

_IMAGES = (JPEG, PNG, GIF, WEBP, AVIF, HEIC, TIFF, BMP)
_DOCUMENTS = (PDF, DOC, XLS, PPT, DOCX, XLSX, PPTX, ODT, ODS, ODP, RTF)
_TEXTS = (TXT, CSV, MD, JSON)
_ARCHIVES = (ZIP, GZIP, TAR)
_MEDIA = (MP4, MOV, WEBM, MP3, WAV, OGG, FLAC)

TYPES: tuple[FileType, ...] = tuple(chain(_IMAGES, _DOCUMENTS, _TEXTS, _ARCHIVES, _MEDIA, (OPAQUE,)))
"""Every type that Holdall knows; no two share an extension or a MIME type."""

PICTURED: frozenset[str] = frozenset(
    type.mime for type in TYPES if type.family is not Family.OPAQUE and type is not ZIP
)
"""Types of which renditions are made: pictures, and documents by their first page."""

MORE_PICTURED: frozenset[str] = frozenset(type.mime for type in MORE_IMAGES.values() if type.family is Family.IMAGE)
"""As ``PICTURED``, where the house had them looked into."""
READABLE: frozenset[str] = PICTURED - {type.mime for type in (*_IMAGES, XLS, PPT)}
"""Types whose text can be read."""

ACTIVE_CONTENTS: frozenset[str] = frozenset(
    {
        "application/x-executable",
        "application/x-msdownload",
        "application/x-mach-binary",
        "application/java-vm",
        "application/wasm",
        "text/html",
        "text/x-php",
        "text/x-script",
        "image/svg+xml",
    }
)
"""What a machine or a browser would run. Doors that take any type refuse at least these."""


def type_of(mime: str) -> FileType:
    """The type of this MIME name; of one that is not known, what is kept and never looked into."""
    return next((type for type in TYPES if type.mime == mime), OPAQUE)
