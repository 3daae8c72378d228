"""Metadata away, pixels untouched: a picture's file copied part by part, less what does not draw it.

Only what is known to be needed is copied (an allow-list for each format): EXIF with its places, XMP, comments,
previews, makers' notes, and whatever stands behind the end, go. A file that is turned by its EXIF may keep just that.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from holdall.adapters.inspect import structure
from holdall.adapters.inspect.refusals import Corrupt

_UPRIGHT = 1
LYING = frozenset({5, 6, 7, 8})
"""Orientations that are stored on their side: as they are shown, width and height change places."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What may stay beside the pixels: how they are to be turned, and what their colours mean."""

    orientation: int = _UPRIGHT
    profile: bool = False


NOTHING = Kept()


def stripped(data: bytes, mime: str, kept: Kept = NOTHING) -> bytes:
    """The file with nothing in it but the picture.

    Raises:
        Corrupt: its parts do not follow each other to an end.

    """
    try:
        return b"".join(_COPIES[mime](data, kept))
    except (IndexError, struct.error) as error:
        raise Corrupt("the file's parts do not follow each other") from error


def _exif(orientation: int) -> bytes:
    """A TIFF header and one entry: which way up."""
    return b"MM\x00*\x00\x00\x00\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


# ── JPEG ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
"""Version 1.1, square pixels, no preview."""
_COM, _APP0, _APP2, _APP14, _APP15 = 0xFE, 0xE0, 0xE2, 0xEE, 0xEF
_ADOBE_BYTES = 12
"""What Adobe's marker holds: without it, the colours of many CMYK and RGB files are read wrongly."""


def _jpeg(data: bytes, kept: Kept) -> Iterator[bytes]:
    yield _SOI + (_JFIF if data[6:11] == b"JFIF\x00" else b"")
    if kept.orientation != _UPRIGHT:
        body = b"Exif\x00\x00" + _exif(kept.orientation)
        yield struct.pack(">BBH", 0xFF, 0xE1, len(body) + 2) + body
    for marker, segment, scan in structure.jpeg_segments(data):
        if _is_needed(marker, segment, kept):
            yield segment + scan
    yield _EOI


def _is_needed(marker: int, segment: bytes, kept: Kept) -> bool:
    """Whether the picture is not the same without this segment."""
    if marker == _APP14:
        return segment[4:9] == b"Adobe" and len(segment) == _ADOBE_BYTES + 4
    if marker == _APP2:
        return kept.profile and segment[4:16] == b"ICC_PROFILE\x00"
    return marker != _COM and not _APP0 <= marker <= _APP15


# ── PNG ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_PNG_CHUNKS = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"pHYs"}
    | {b"acTL", b"fcTL", b"fdAT"}
)


def _png(data: bytes, kept: Kept) -> Iterator[bytes]:
    from zlib import crc32  # noqa: PLC0415  only for the rare picture that is turned

    yield data[:8]
    position, kind = 8, b""
    while kind != b"IEND":
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = data[position + 4 : position + 8], position + 12 + length
        if end > len(data):
            raise Corrupt("the file ends before the image does")
        if kind in _PNG_CHUNKS or (kept.profile and kind == b"iCCP"):
            yield data[position:end]
        if kind == b"IHDR" and kept.orientation != _UPRIGHT:
            body = b"eXIf" + _exif(kept.orientation)
            yield struct.pack(">I", len(body) - 4) + body + struct.pack(">I", crc32(body))
        position = end


# ── GIF ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_LOOP_BYTES = 19
"""Introducer, label, name with its length, the block of three that counts the rounds, and the end."""


def _gif(data: bytes, _kept: Kept) -> Iterator[bytes]:
    for start, end in structure.gif_blocks(data):
        block = data[start:end]
        if start == 0 or block[:1] in (b",", b";") or block[1] == _GRAPHIC_CONTROL or _counts_rounds(block):
            yield block


def _counts_rounds(block: bytes) -> bool:
    return block[1] == _APPLICATION and block[3:14] in _LOOPS and len(block) == _LOOP_BYTES


# ── WebP ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_WEBP_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"})
_FRAME_CHUNKS = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_FRAME_HEAD = 16
_HAS_PROFILE, _HAS_EXIF, _HAS_XMP = 0x20, 0x08, 0x04


def _webp(data: bytes, kept: Kept) -> Iterator[bytes]:
    end = 8 + int.from_bytes(data[4:8], "little")
    body = b"".join(_webp_chunks(data[12:end], kept))
    yield b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _webp_chunks(data: bytes, kept: Kept) -> Iterator[bytes]:
    wanted = _WEBP_CHUNKS | ({b"ICCP"} if kept.profile else set())
    turned = kept.orientation != _UPRIGHT
    has_exif = False
    for kind, body in _riff(data):
        if kind == b"VP8X":
            flags = body[0] & ~(_HAS_EXIF | _HAS_XMP) & ~(0 if kept.profile else _HAS_PROFILE)
            has_exif = turned
            yield _chunk(kind, bytes([flags | (_HAS_EXIF if turned else 0)]) + body[1:10])
        elif kind == b"ANMF":
            inner = (_chunk(*part) for part in _riff(body[_FRAME_HEAD:]) if part[0] in _FRAME_CHUNKS)
            yield _chunk(kind, body[:_FRAME_HEAD] + b"".join(inner))
        elif kind in wanted:
            yield _chunk(kind, body)
    if has_exif:
        yield _chunk(b"EXIF", _exif(kept.orientation))


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Chunk after chunk: name and content."""
    position = 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        yield data[position : position + 4], data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


_COPIES: dict[str, Callable[[bytes, Kept], Iterator[bytes]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
}
STRIPPED = frozenset(_COPIES)
"""The types that this can be done to."""
