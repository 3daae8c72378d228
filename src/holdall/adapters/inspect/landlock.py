"""What a child may not open: a Landlock ruleset without a single rule, set through ctypes.

Whatever was opened before stays open, the file of each job among it, since its parent opens that; nothing else of the
file system can be read, listed, run, written or linked from then on, no TCP port can be bound or reached, and neither
signals nor abstract sockets lead out. Landlock holds for the thread that asks and for those it starts; the filter of
``sandbox``, which denies the calls themselves, holds for all. Each stands where the other falls: a filter knows the
calls of its day, and Landlock knows what they are for.
"""

import ctypes
import struct
import sys

# The numbers are the kernel's: include/uapi/linux/landlock.h. The calls have the same numbers on every architecture.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION_FLAG = 1
_PR_SET_NO_NEW_PRIVS = 38
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights over files there are from each version of the interface on; each is one bit, from the lowest."""
_NETWORK_FROM, _SCOPES_FROM = 4, 6
_BIND_AND_CONNECT, _SOCKETS_AND_SIGNALS = 0b11, 0b11


def close_files() -> tuple[str, ...]:
    """Close the file system to this thread and those it starts, for good; returns what is enforced.

    Where the kernel has no Landlock (before Linux 5.13, or built or started without it), nothing is set or claimed.
    """
    if not sys.platform.startswith("linux"):
        return ()
    call = ctypes.CDLL(None).syscall
    version = call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG))
    if version < 1:
        return ()
    attributes = _everything(version)
    ruleset = call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if ruleset < 0:
        return ()
    zero = ctypes.c_ulong(0)
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero)
    failed = call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0))
    return () if failed else ("landlock",)


def _everything(version: int) -> bytes:
    """``struct landlock_ruleset_attr`` that handles every right this version knows, and so takes every one away."""
    rights = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    fields = [(1 << rights) - 1]
    if version >= _NETWORK_FROM:
        fields.append(_BIND_AND_CONNECT)
    if version >= _SCOPES_FROM:
        fields.append(_SOCKETS_AND_SIGNALS)
    return struct.pack(f"{len(fields)}Q", *fields)
