"""Where an image ends: a walk over the file's own structure that decodes nothing.

Decoders stop at the last pixel and say nothing of what follows, nor of a missing end mark. What follows is where
polyglots keep their second face (a ZIP, a PHP page behind a JPEG); a missing end mark is a file cut short.
"""

import re
from collections.abc import Callable, Iterator
from mmap import mmap

Bytes = bytes | mmap

_JPEG_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JPEG_START_OF_SCAN, _JPEG_END = 0xDA, 0xD9
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length: TEM, the restart markers and a second SOI."""
_JPEG_TABLES = 0xDB
_TABLES_WITHIN = 1 << 18
"""Where tables stand: behind EXIF, its preview and a profile at most."""
_FILL = 0xFF
_PADDING = b"\x00\r\n \xff"
"""What cameras and careless writers leave behind the end, and no program reads."""


def end_of_image(data: Bytes, mime: str) -> int | None:
    """The offset behind the last byte of the image; ``None`` when the file ends, or goes wrong, before its end."""
    return _WALKS[mime](data)


def has_trailing_data(data: Bytes, end: int) -> bool:
    """Whether anything but padding stands behind ``end``."""
    return bool(data[end:].strip(_PADDING))


def announced_pixels(data: Bytes, mime: str) -> int:
    """Width × height of a GIF's screen, which decoders forgive and browsers make room for; 0 for other types."""
    if mime != "image/gif":
        return 0
    return int.from_bytes(data[6:8], "little") * int.from_bytes(data[8:10], "little")


def trailing_data(data: Bytes, end: int) -> bytes:
    """What stands behind ``end`` and behind the padding there."""
    return data[end:].lstrip(_PADDING)


def count_png_frames(data: Bytes) -> int:
    """The frames that an animated PNG announces before its pixels (``acTL``); 1 for a still one.

    The decoder reads the first frame only, but browsers play them all.
    """
    position = 8
    while position + 8 <= len(data):
        kind = data[position + 4 : position + 8]
        if kind == b"acTL":
            return int.from_bytes(data[position + 8 : position + 12], "big")
        if kind == b"IDAT":
            break
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return 1


def _end_of_png(data: Bytes) -> int | None:
    """Chunk after chunk (length, type, data, checksum) to ``IEND``."""
    position = 8
    while position + 12 <= len(data):
        kind = data[position + 4 : position + 8]
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        if kind == b"IEND":
            return position if position <= len(data) else None
    return None


def _end_of_jpeg(data: Bytes) -> int | None:
    """Segment after segment, and through the entropy-coded data of each scan, to the end mark."""
    position = 2
    while position + 2 <= len(data):
        if data[position] != _FILL:
            return None
        marker = data[position + 1]
        if marker == _JPEG_END:
            return position + 2
        if marker == _FILL:
            position += 1
        elif marker in _JPEG_BARE:
            position += 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
            if marker == _JPEG_START_OF_SCAN:
                found = _JPEG_MARKER_IN_SCAN.search(data, position)
                if found is None:
                    return None
                position = found.start()
    return None


def _end_of_gif(data: Bytes) -> int | None:
    """Header, colour table, then blocks and their sub-blocks to the trailer."""
    position = 13 + _colour_table_bytes(data, 10)
    while position < len(data):
        introducer = data[position : position + 1]
        if introducer == b";":
            return position + 1
        if introducer == b"!":
            position = _behind_sub_blocks(data, position + 2)
        elif introducer == b",":
            position = _behind_sub_blocks(data, position + 11 + _colour_table_bytes(data, position + 9))
        else:
            return None
    return None


def _colour_table_bytes(data: Bytes, flags_at: int) -> int:
    """The size of the colour table that a packed field at this offset announces."""
    flags = data[flags_at] if flags_at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _behind_sub_blocks(data: Bytes, position: int) -> int:
    """The offset behind a chain of sub-blocks, each led by its length, that ends with an empty one."""
    while position < len(data) and (size := data[position]):
        position += 1 + size
    return position + 1


def _end_of_webp(data: Bytes) -> int | None:
    """What the RIFF header says."""
    end = 8 + int.from_bytes(data[4:8], "little")
    return end if end <= len(data) else None


def jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The segments of a sound JPEG in order, less its first and last mark: marker, segment, entropy-coded data.

    Ends early where the file does.
    """
    position = 2
    while position + 4 <= len(data) and data[position] == _FILL:
        marker = data[position + 1]
        if marker == _JPEG_END:
            return
        if marker == _FILL or marker in _JPEG_BARE:
            position += 1 if marker == _FILL else 2
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        behind = end
        if marker == _JPEG_START_OF_SCAN:
            found = _JPEG_MARKER_IN_SCAN.search(data, end)
            behind = found.start() if found else len(data)
        yield marker, data[position:end], data[end:behind]
        position = behind


def jpeg_steps(data: Bytes) -> bytes | None:
    """The steps that a JPEG's brightness is rounded to, from coarse to fine detail; ``None`` when it tells none."""
    for marker, segment, _ in jpeg_segments(data[:_TABLES_WITHIN]):
        if marker == _JPEG_TABLES and segment[4] == 0:
            return segment[5:69]
    return None


def gif_blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the blocks of a sound GIF begin and end: the head with its colours, extensions, frames, the trailer."""
    position = 13 + _colour_table_bytes(data, 10)
    yield 0, position
    while position < len(data):
        start, introducer = position, data[position : position + 1]
        if introducer == b"!":
            position = _behind_sub_blocks(data, position + 2)
        elif introducer == b",":
            position = _behind_sub_blocks(data, position + 11 + _colour_table_bytes(data, position + 9))
        else:
            position += 1
        yield start, position
        if introducer == b";":
            return


_WALKS: dict[str, Callable[[Bytes], int | None]] = {
    "image/jpeg": _end_of_jpeg,
    "image/png": _end_of_png,
    "image/gif": _end_of_gif,
    "image/webp": _end_of_webp,
}
