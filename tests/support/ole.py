"""OLE containers ([MS-CFB]), as the older office programs write them."""

import struct
from collections.abc import Mapping

_SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_ROOT, _STREAM, _STORAGE = 5, 2, 1
_IN_FAT = _SECTOR // 4


def container(streams: Mapping[str, bytes]) -> bytes:
    """A container of these streams; ``a/b`` is a stream in a storage. Room for 60 KB in all."""
    bodies = {name: _padded(data) for name, data in streams.items()}
    storages = list(dict.fromkeys(name.partition("/")[0] for name in streams if "/" in name))
    names = ["Root Entry", *storages, *streams]
    directory_sectors = -(-len(names) // 4)
    fat = [_FAT, *range(2, directory_sectors + 1), _END]
    starts = {}
    for name, data in bodies.items():
        starts[name] = len(fat)
        fat += [*range(len(fat) + 1, len(fat) + len(data) // _SECTOR), _END]
    assert len(fat) <= _IN_FAT
    entries = [_entry(names, number, starts, bodies) for number in range(len(names))]
    entries += [bytes(68) + struct.pack("<3I", _FREE, _FREE, _FREE) + bytes(48)] * (directory_sectors * 4 - len(names))
    return b"".join([_header(), struct.pack(f"<{_IN_FAT}I", *_filled(fat, _IN_FAT)), *entries, *bodies.values()])


def word(extra: Mapping[str, bytes] | None = None, flags: int = 0) -> bytes:
    """A Word document as far as anybody looks: its main stream begins like one."""
    return container({"WordDocument": struct.pack("<5HH", 0xA5EC, 0xC1, 0, 0, 0, flags), **(extra or {})})


def _padded(data: bytes) -> bytes:
    """To whole sectors, and at least as long as a stream that lies in sectors of its own."""
    return data.ljust(max(4096, -(-len(data) // _SECTOR) * _SECTOR), b"\0")


def _filled(numbers: list[int], count: int) -> list[int]:
    return numbers + [_FREE] * (count - len(numbers))


def _header() -> bytes:
    mark = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    fixed = struct.pack("<8s16s5H6s", mark, bytes(16), 0x3E, 3, 0xFFFE, 9, 6, bytes(6))
    return fixed + struct.pack("<9I109I", 0, 1, 1, 0, 4096, _END, 0, _END, 0, *_filled([0], 109))


def _entry(names: list[str], number: int, starts: Mapping[str, int], bodies: Mapping[str, bytes]) -> bytes:
    """A directory entry; siblings hang on one another's right."""
    name = names[number]
    folder = "" if number == 0 else name.rpartition("/")[0]
    later = [at for at in range(number + 1, len(names)) if number and names[at].rpartition("/")[0] == folder]
    inside = [at for at in range(1, len(names)) if names[at].rpartition("/")[0] == ("" if number == 0 else name)]
    kind = _ROOT if number == 0 else _STREAM if name in bodies else _STORAGE
    children = inside if kind != _STREAM else []
    label = name.rpartition("/")[2].encode("utf-16-le")
    links = (_FREE, *(found[0] if found else _FREE for found in (later, children)))
    size = len(bodies.get(name, b""))
    return label.ljust(64, b"\0") + struct.pack(
        "<HBB3I16sI2QIQ", len(label) + 2, kind, 1, *links, bytes(16), 0, 0, 0, starts.get(name, _END), size
    )


def _bottomless() -> dict[str, bytes]:
    """Word documents of a few kilobytes that claim gigabytes, each in another place."""
    sound, fat, first = word(), _SECTOR, 2
    entry = sound.index("WordDocument".encode("utf-16-le"))
    ring = [(fat + 4 * (len(sound) // _SECTOR - 2), first)]
    claims = {
        "sectors of 2 GiB": [(30, 31, "<H")],
        "a ring of sectors": [(entry + 120, 1 << 31, "<I"), *((at, to, "<I") for at, to in ring)],
        "a ring under the small streams": [(2 * _SECTOR + 116, first, "<I"), (2 * _SECTOR + 120, 1 << 31, "<I")],
        "a FAT of 4 Gi sectors": [(44, 0xFFFFFFF0, "<I")],
        "a second FAT of 4 Gi sectors": [(72, 0xFFFFFFF0, "<I")],
        "small sectors of 4 Gi": [(64, 0xFFFFFFF0, "<I")],
    }
    found = {}
    for name, changes in claims.items():
        data = bytearray(sound)
        for at, value, form in changes:
            struct.pack_into(form, data, at, value)
        found[name] = bytes(data)
    return found


BOTTOMLESS = _bottomless()
