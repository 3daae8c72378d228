"""ZIP packages: measured by their directory before anything is unpacked, then unpacked in memory, window by window.

Nothing is ever unpacked to disk, so a member's name is only looked at, never followed.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from mmap import mmap

from holdall.domain.policy import InspectionLimits

END_BYTES = 22
_END_MARK = b"PK\x05\x06"
_END = struct.Struct("<4s4H2LH")
"""End of central directory (APPNOTE.TXT 4.3.16): mark, disks, members, size and place of the directory, comment."""
_END64_LOCATOR, _END64_MARK = b"PK\x06\x07", b"PK\x06\x06"
_MEMBER_MARK, _DIRECTORY_MARK = b"PK\x03\x04", b"PK\x01\x02"
_MEMBER = struct.Struct("<4s5H3L2H")
"""Local header (4.3.7): mark, version, flags, method, time, date, checksum, packed, unpacked, name, extra."""
_MAX_COMMENT_BYTES = 0xFFFF
_MAX_ENTRY_BYTES = 1024
"""Of a directory, entry by entry, with name, extra field and comment; honest ones have under 200."""
_ENCRYPTED, _SIZES_FOLLOW, _UTF8_NAME = 1, 8, 0x800
_UNKNOWN_SIZE = 0xFFFFFFFF
_RATIO_COUNTS_FROM_BYTES = 1 << 20
_DOS_LINK = 0x400
"""The reparse-point attribute that Windows puts on links."""
_USUAL_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})

WINDOW_BYTES = 1 << 20
OVERLAP_BYTES = 4096
"""A window begins with the last bytes of the one before, so that what is looked for cannot hide between two."""

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, NotImplementedError, RuntimeError)
"""What ``zipfile`` raises over a package that does not read (``RuntimeError``: it needs a password)."""

ReadAt = Callable[[int, int], bytes]
"""Reads so many bytes from a place."""
Look = Callable[[bytes, bool], None]
"""Is shown each window of a member, and whether it is the member's first."""


def in_file(file: int) -> ReadAt:
    """Reads from an open file."""
    return partial(os.pread, file)


def in_memory(data: bytes | mmap) -> ReadAt:
    """Reads from bytes."""
    return lambda count, start: data[start : start + count]


def is_at_end(read: ReadAt, size: int, behind: int = 0) -> bool:
    """Whether a ZIP reader would find a package in the file: they look from its end, whatever stands at its start.

    What ends before ``behind`` does not count.
    """
    tail, start = _tail(read, size)
    at = tail.rfind(_END_MARK)
    if at < 0 or at + END_BYTES > len(tail) or start + at < behind:
        return False
    directory_bytes = _END.unpack_from(tail, at)[5]
    directory_at = start + at - directory_bytes
    return directory_bytes > 0 and directory_at >= 0 and read(4, directory_at) == _DIRECTORY_MARK


def announces_too_many(read: ReadAt, size: int, limits: InspectionLimits) -> bool:
    """Whether the directory is larger than the allowed members need; told without reading it."""
    tail, start = _tail(read, size)
    at = tail.rfind(_END_MARK)
    if at < 0 or at + END_BYTES > len(tail):
        return False
    members, directory_bytes = _END.unpack_from(tail, at)[4:6]
    if tail[max(at - 20, 0) : at][:4] == _END64_LOCATOR:
        place = int.from_bytes(tail[at - 12 : at - 4], "little")
        record = read(56, place) if place < start + at else b""
        if record[:4] == _END64_MARK:
            members, directory_bytes = struct.unpack_from("<2Q", record, 32)
    return bool(members > limits.max_members or directory_bytes > (limits.max_members + 1) * _MAX_ENTRY_BYTES)


def _tail(read: ReadAt, size: int) -> tuple[bytes, int]:
    """The end of the file in which the end of the directory can stand, and where it starts."""
    start = max(0, size - END_BYTES - _MAX_COMMENT_BYTES)
    return read(size - start, start), start


def oddities(package: zipfile.ZipFile, read: ReadAt, size: int, limits: InspectionLimits) -> Iterator[str]:
    """What no honest package has, by its directory and its members' headers alone: bombs, lies, links, doubles."""
    members = package.infolist()
    if len(members) > limits.max_members:
        yield "zip-too-many-members"
    if sum(member.file_size for member in members) > limits.max_unpacked_bytes:
        yield "zip-too-large-unpacked"
    if len({member.filename.casefold() for member in members}) < len(members):
        yield "zip-duplicate-names"  # two readers may each take another of them
    for member in members:
        yield from _member_oddities(member, limits)
    if len(members) <= limits.max_members:
        yield from _layout_oddities(members, package.start_dir, read)
    if end_of_package(read, size) < size:
        yield "trailing-data"


def _member_oddities(member: zipfile.ZipInfo, limits: InspectionLimits) -> Iterator[str]:
    """As above, of one member."""
    if is_bomb(member, limits):
        yield "zip-ratio"
    if _leaves_its_folder(member.orig_filename):
        yield "zip-climbing-name"
    if stat.S_ISLNK(member.external_attr >> 16) or member.external_attr & _DOS_LINK:
        yield "zip-symlink"
    if member.flag_bits & _ENCRYPTED:
        yield "zip-encrypted-member"
    if member.compress_type not in _USUAL_METHODS:
        yield "zip-method"


def is_bomb(member: zipfile.ZipInfo, limits: InspectionLimits) -> bool:
    """Whether a member is packed more densely than allowed; small ones may be, being harmless."""
    return member.file_size > max(_RATIO_COUNTS_FROM_BYTES, member.compress_size * limits.max_ratio)


def _leaves_its_folder(name: str) -> bool:
    """Whether unpacking the member would write outside the folder it is unpacked to, on any system."""
    steps = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in steps or ":" in steps[0] or "\x00" in name


def _layout_oddities(members: list[zipfile.ZipInfo], directory_at: int, read: ReadAt) -> Iterator[str]:
    """Members one after the other from the first byte on, each with the header that the directory promises.

    Members that share packed bytes make a bomb without a dense member (Fifield, "A better zip bomb", 2019); a header
    that says something else than the directory makes two readers see two packages.
    """
    ordered = sorted(members, key=lambda member: member.header_offset)
    if ordered and ordered[0].header_offset > 0:
        yield "leading-data"
    heads = [read(_MEMBER.size + len(each.orig_filename) * 4, max(each.header_offset, 0)) for each in ordered]
    if any(len(head) < _MEMBER.size for head in heads):
        yield "zip-inconsistent"
        return
    ends = [_end_of_member(head, member) for head, member in zip(heads, ordered, strict=True)]
    starts = [*(member.header_offset for member in ordered[1:]), directory_at]
    if any(end > start for end, start in zip(ends, starts, strict=True)):
        yield "zip-overlapping-members"
    if not all(_is_as_promised(head, member) for head, member in zip(heads, ordered, strict=True)):
        yield "zip-inconsistent"


def _end_of_member(head: bytes, member: zipfile.ZipInfo) -> int:
    """The offset behind a member's packed bytes."""
    name_bytes, extra_bytes = _MEMBER.unpack_from(head)[9:]
    return int(member.header_offset + _MEMBER.size + name_bytes + extra_bytes + member.compress_size)


def _is_as_promised(head: bytes, member: zipfile.ZipInfo) -> bool:
    """Whether a member's own header says what the directory says of it."""
    mark, _, flags, method, _, _, checksum, packed, unpacked, name_bytes, _ = _MEMBER.unpack_from(head)
    name = member.orig_filename.encode("utf-8" if member.flag_bits & _UTF8_NAME else "cp437", "replace")
    said = (mark, flags & _ENCRYPTED, method, head[_MEMBER.size :][:name_bytes])
    if said != (_MEMBER_MARK, member.flag_bits & _ENCRYPTED, member.compress_type, name):
        return False
    if flags & _SIZES_FOLLOW:
        return True
    sizes = ((packed, member.compress_size), (unpacked, member.file_size))
    return checksum == member.CRC and all(local in {_UNKNOWN_SIZE, promised} for local, promised in sizes)


def end_of_package(read: ReadAt, size: int) -> int:
    """The offset behind the package's comment."""
    tail, start = _tail(read, size)
    at = tail.rfind(_END_MARK)
    return start + at + END_BYTES + int(_END.unpack_from(tail, at)[7]) if 0 <= at <= len(tail) - END_BYTES else size


def windows(package: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[tuple[bytes, bytes]]:
    """The member unpacked to its end, which checks its checksum: each piece, and the window that it ends.

    Raises:
        ``BROKEN``: it does not unpack.

    """
    last = b""
    with package.open(member) as part:
        while piece := part.read(WINDOW_BYTES - OVERLAP_BYTES):
            window = last + piece
            yield piece, window
            last = window[-OVERLAP_BYTES:]


def look_into(file: int, limits: InspectionLimits, look: Look) -> None:
    """Show every member that may be unpacked; those that may not, or do not, are the inspector's findings.

    Raises:
        ``BROKEN``: there is no package.

    """
    if announces_too_many(in_file(file), os.fstat(file).st_size, limits):
        return
    left = limits.max_unpacked_bytes
    with os.fdopen(os.dup(file), "rb") as stream, zipfile.ZipFile(stream) as package:
        for member in package.infolist()[: limits.max_members]:
            left -= member.file_size
            if left >= 0 and may_be_unpacked(member, limits):
                with suppress(*BROKEN):
                    for number, (_, window) in enumerate(windows(package, member)):
                        look(window, number == 0)


def may_be_unpacked(member: zipfile.ZipInfo, limits: InspectionLimits) -> bool:
    """Whether unpacking the member costs no more than allowed and needs no password."""
    is_plain = member.compress_type in _USUAL_METHODS and not member.flag_bits & _ENCRYPTED
    return is_plain and not is_bomb(member, limits)
