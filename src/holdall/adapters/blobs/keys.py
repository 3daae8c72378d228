"""What every blob store checks before it touches anything: the key, the prefix of a listing, the span of a read.

A key becomes a path or a URL. The only ones let through are those that ``Ids.blob_keys`` makes, so that no store has
to think about ``..``, absolute paths, letter case, NUL or Unicode digits. Each method of each adapter calls in here
first; the contract suite tries every bad key on every method.
"""

import re

from holdall.errors import BytesDamaged

_KEY = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{30}")
_PREFIX = re.compile(r"[0-9a-f]{0,2}|[0-9a-f]{2}/[0-9a-f]{0,32}")

SHARDS = tuple(f"{number:02x}" for number in range(256))
"""The first part of every key there can be. A folder each keeps folders small on any file system."""

PROBE_KEY = "5e/5ea1ed00000000000000000000000000"
"""Where an encrypted store keeps the object that tells that it is one; no random key is ever this one."""


def is_key(text: str) -> bool:
    """Whether ``text`` is a key that ``Ids.blob_keys`` could have made."""
    return _KEY.fullmatch(text) is not None


def check_key(key: str) -> str:
    """Return ``key`` itself.

    Raises:
        ValueError: it is not ``xx/`` and 32 lower-case hex digits that begin with the same ``xx``. A bug of ours,
            or an attack: no key ever comes from a client.

    """
    if not is_key(key):
        raise ValueError(f"not a blob key: {key!r}")
    return key


def check_prefix(prefix: str) -> str:
    """Return ``prefix`` itself.

    Raises:
        ValueError: no key could begin with it.

    """
    if _PREFIX.fullmatch(prefix) is None:
        raise ValueError(f"not the beginning of a blob key: {prefix!r}")
    return prefix


def check_span(start: int, stop: int | None) -> None:
    """Let through a span whose ends are in order.

    Raises:
        ValueError: an end is negative, or ``stop`` comes before ``start``.

    """
    if start < 0 or (stop is not None and stop < start):
        raise ValueError(f"not a span of bytes: {start} to {stop}")


def end_of_span(key: str, start: int, stop: int | None, size: int) -> int:
    """Where reading ends in an object of ``size`` bytes: at ``stop``, or at the end of the object.

    Raises:
        BytesDamaged: the object is shorter than what was asked. Callers know the size of what they stored, so
            this is damage, and they must hear of it before they promise a length to anyone.

    """
    end = size if stop is None else stop
    if max(start, end) > size:
        raise BytesDamaged(f"{key} has {size} bytes, and {start} to {end} were asked")
    return end
