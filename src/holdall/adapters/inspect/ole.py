"""The older office documents: an OLE container with the stream that its program keeps the text in."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

import olefile

from holdall.adapters.inspect.refusals import Corrupt

STREAMS: dict[str, tuple[str, ...]] = {
    "application/msword": ("WordDocument",),
    "application/vnd.ms-excel": ("Workbook", "Book"),
    "application/vnd.ms-powerpoint": ("PowerPoint Document",),
}
"""The stream, or either of two, that a document of each type has."""

_PIECE_BYTES = 1 << 20
_HEADER = struct.Struct("<26xH2xHH10xI16xI4xI")
"""[MS-CFB] 2.2: major version, sector shift, mini sector shift; sectors of the FAT, of the mini FAT, of the DIFAT."""
_SECTOR_SHIFTS = frozenset({(3, 9, 6), (4, 12, 6)})
"""Major version, sector shift and mini sector shift, [MS-CFB] 2.2. A sector of 2^31 bytes would be read at once."""
_WORD_MARKS = frozenset({b"\xec\xa5", b"\xdc\xa5", b"\xdb\xa5"})
"""wIdent of FibBase, [MS-DOC] 2.5.2: Word 97 and on, Word 6 and 95, Word 2."""
_WORD_FLAGS_AT, _WORD_ENCRYPTED = 10, 0x0100
"""FibBase again: bit fEncrypted of the flags."""
_EXCEL_FILEPASS = b"\x2f\x00"
"""Record FilePass of [MS-XLS] 2.4.117; it follows the first record when the workbook is encrypted."""


_BROKEN = (
    OSError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    OverflowError,
    struct.error,
)
"""What ``olefile`` raises over a container that does not read."""


def opened(stream: BinaryIO) -> olefile.OleFileIO:
    """The container that a file is, to be closed. No stream of it is longer than the file.

    The library believes every length that it reads, and a chain of sectors may be a ring.

    Raises:
        Corrupt: its sectors have a size that no container has, or it claims to be longer than it is.
        Exception: one of ``_BROKEN``: it does not read.

    """
    file_bytes = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    version, shift, mini_shift, *tables = _HEADER.unpack(stream.read(_HEADER.size).ljust(_HEADER.size, b"\0"))
    if (version, shift, mini_shift) not in _SECTOR_SHIFTS:
        raise Corrupt("the container's sectors have an impossible size")
    if sum(tables) << shift > file_bytes:
        raise Corrupt("the container's tables are longer than the file")
    stream.seek(0)
    container = olefile.OleFileIO(stream)
    streams = (container.get_size(path) for path in container.listdir(streams=True, storages=False))
    if sum(streams) > file_bytes or container.root.size > file_bytes:
        container.close()
        raise Corrupt("the streams of the container overlap")
    return container


def findings(stream: BinaryIO, mime: str) -> tuple[tuple[str, ...], int]:
    """Prove an OLE document, name what is active in it, and tell where its last sector ends.

    Raises:
        Corrupt: the container is broken, or has not the stream of its type, or not all of it.

    """
    try:
        with opened(stream) as container:
            main = next((name for name in STREAMS[mime] if container.exists(name)), "")
            if not main:
                raise Corrupt(f"the container has no stream {' or '.join(STREAMS[mime])}")
            head = _head_of(container, main)
            if main == "WordDocument" and head[:2] not in _WORD_MARKS:
                raise Corrupt("the stream WordDocument is no Word document")
            _read_to_the_end(container)
            return tuple(_findings(container, main, head)), _end_of(container)
    except _BROKEN as error:
        raise Corrupt(f"the container is broken ({type(error).__name__})") from error


def _head_of(container: olefile.OleFileIO, name: str) -> bytes:
    """The first bytes of a stream."""
    with container.openstream(name) as stream:
        head: bytes = stream.read(512)
    return head


def _read_to_the_end(container: olefile.OleFileIO) -> None:
    """Read every stream through, so that a file cut short is noticed."""
    for path in container.listdir(streams=True, storages=False):
        with container.openstream(path) as stream:
            while stream.read(_PIECE_BYTES):
                pass


def _end_of(container: olefile.OleFileIO) -> int:
    """The offset behind the last sector that the container uses; before the first comes its header, as large as one."""
    used = max((number for number, next in enumerate(container.fat) if next != olefile.FREESECT), default=-1)
    return int((used + 2) * container.sector_size)


def _findings(container: olefile.OleFileIO, main: str, head: bytes) -> Iterator[str]:
    """Macros and encryption."""
    steps = {step.casefold() for path in container.listdir(streams=True, storages=True) for step in path}
    if steps & {"macros", "vba", "_vba_project", "_vba_project_cur"}:
        yield "ole-macros"
    if steps & {"objectpool", "\x01ole10native", "package"}:
        yield "ole-embedded"
    if steps & {"encryptedpackage", "encryptedsummary"} or _is_encrypted(main, head):
        yield "ole-encrypted"


def _is_encrypted(main: str, head: bytes) -> bool:
    """Whether the main stream says that it is encrypted."""
    if main == "WordDocument":
        return bool(int.from_bytes(head[_WORD_FLAGS_AT : _WORD_FLAGS_AT + 2], "little") & _WORD_ENCRYPTED)
    second_record = 4 + int.from_bytes(head[2:4], "little")
    return head[second_record : second_record + 2] == _EXCEL_FILEPASS
