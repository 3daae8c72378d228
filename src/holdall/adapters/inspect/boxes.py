"""Boxes of the ISO base media file format (ISO 14496-12), as AVIF and HEIC have them: their end, and what they hold."""

from collections.abc import Iterator

from holdall.adapters.inspect.refusals import Corrupt
from holdall.adapters.inspect.structure import Bytes

_OF_AN_IMAGE = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"free", b"skip", b"uuid", b"wide", b"idat"})
_HEAD_BYTES = 8
_FULL_HEAD_BYTES = 4
"""Version and flags, in boxes that have them."""
_LONG_COUNT_FROM = 1
"""The version of ``iinf`` from which its count has four bytes."""
_LONG_ITEMS_FROM = 2
"""The version of ``iloc`` from which its count and its items' numbers have four bytes."""
_IN_IDAT = 1
"""The way in which ``iloc`` says that an item lies in ``idat``; 0: in the file."""
_TYPED_FROM, _LONG_ID_FROM = 2, 3
"""The versions of ``infe`` from which it names the type of its item, and from which an item's number has four bytes."""


def end_of_boxes(data: Bytes) -> int:
    """The offset behind the last box (4.2) whose type an image may have; what follows is something else.

    Raises:
        Corrupt: a box ends behind the file.

    """
    position = 0
    while position + _HEAD_BYTES <= len(data) and data[position + 4 : position + 8] in _OF_AN_IMAGE:
        size = int.from_bytes(data[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        position += size if size >= _HEAD_BYTES else len(data)  # 0: to the end of the file
        if position > len(data) and size:
            raise Corrupt("the file ends before the image does")
    return min(position, len(data))


def items(data: Bytes) -> dict[int, bytes]:
    """The type of each item that the file announces (8.11.6): of a picture its coding, of metadata its kind.

    Raises:
        Corrupt: a box on the way there is broken, or an item is of no type or has an unreadable name.

    """
    found = {}
    for fields in _of_meta(data, b"iinf"):
        count_bytes = 4 if fields.number(1) >= _LONG_COUNT_FROM else 2
        start = fields.start + _FULL_HEAD_BYTES + count_bytes
        for at, stop in _children(data, start, fields.end, b"infe"):
            item = _Fields(data, at, stop)
            version, _ = item.number(1), item.number(3)
            if version < _TYPED_FROM:
                raise Corrupt("an item is of no type")
            number, _ = item.number(4 if version >= _LONG_ID_FROM else 2), item.number(2)
            found[number] = item.number(4).to_bytes(4, "big")
            item.check_texts()
    return found


def extents(data: Bytes) -> dict[int, list[tuple[int, int]]]:
    """From where to where the bytes of each item go (8.11.3), piece by piece; all of it is in the file.

    Raises:
        Corrupt: a piece goes beyond the file or the box it is in, or the sizes of the fields are unusual.

    """
    inside = [(fields.start, fields.end) for fields in _of_meta(data, b"idat")] or [(0, 0)]
    found: dict[int, list[tuple[int, int]]] = {}
    for fields in _of_meta(data, b"iloc"):
        version, _ = fields.number(1), fields.number(3)
        sizes = fields.number(2)
        offset, length, base, index = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
        if length not in {4, 8} or not {offset, base, index if version else 0} <= {0, 4, 8}:
            raise Corrupt("its directory is of an unusual kind")
        id_bytes = 4 if version >= _LONG_ITEMS_FROM else 2
        for _ in range(fields.number(id_bytes)):
            number = fields.number(id_bytes)
            method = fields.number(2) & 15 if version else 0
            fields.number(2)
            start = fields.number(base) + (inside[0][0] if method == _IN_IDAT else 0)
            end = inside[0][1] if method == _IN_IDAT else len(data)
            pieces = found.setdefault(number, [])
            for _ in range(fields.number(2)):
                fields.number(index if version else 0)
                at = start + fields.number(offset)
                pieces.append((at, at + fields.number(length)))
                if pieces[-1][1] > end:
                    raise Corrupt("the file ends before the image does")
    return found


def properties(data: Bytes, kind: bytes) -> list[bytes]:
    """What the properties of this kind hold (8.11.14)."""
    return [
        data[at:stop]
        for fields in _of_meta(data, b"iprp")
        for start, end in _children(data, fields.start, fields.end, b"ipco")
        for at, stop in _children(data, start, end, kind)
    ]


class _Fields:
    """Numbers that stand one behind the other in a box."""

    def __init__(self, data: Bytes, start: int, end: int) -> None:
        self.start, self.end = start, end
        self._data, self._position = data, start

    def number(self, size: int) -> int:
        """The next number, of so many bytes.

        Raises:
            Corrupt: the box ends before it does.

        """
        at = self._position
        self._position += size
        if self._position > self.end:
            raise Corrupt("a box is broken")
        return int.from_bytes(self._data[at : self._position], "big")

    def check_texts(self) -> None:
        """See that the rest is readable: pi-heif 1.4 dies of a content type that is not (found by fuzzing).

        Raises:
            Corrupt: it is not.

        """
        try:
            self._data[self._position : self.end].decode()
        except UnicodeDecodeError as error:
            raise Corrupt("an item has an unreadable name") from error


def _of_meta(data: Bytes, kind: bytes) -> Iterator[_Fields]:
    """The boxes of this kind in the file's ``meta``."""
    for start, end in _children(data, 0, len(data), b"meta"):
        for at, stop in _children(data, start + _FULL_HEAD_BYTES, end, kind):
            yield _Fields(data, at, stop)


def _children(data: Bytes, start: int, end: int, kind: bytes) -> Iterator[tuple[int, int]]:
    """From where to where the contents of each box of a kind go, among the boxes between two offsets."""
    while start + _HEAD_BYTES <= end:
        size, head = int.from_bytes(data[start : start + 4], "big"), _HEAD_BYTES
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 2 * _HEAD_BYTES
        size = size or end - start
        if size < head:
            raise Corrupt("a box is broken")
        if data[start + 4 : start + 8] == kind:
            if start + size > end:
                raise Corrupt("the file ends before the image does")
            yield start + head, start + size
        start += size
