"""What a child may not ask of the kernel: a seccomp filter, set through ctypes so that no compiled package is needed.

A parser that is taken over by a crafted file (libwebp CVE-2023-4863, say) runs the attacker's code in the child. The
filter leaves that code the one open file, memory, threads and the socket to its parent: no network, no program, no
process, nothing opened, be it for reading or for writing, nobody signalled. What a parser would load later has to be
loaded before (``child``). The child's environment is emptied by the pool.

A denied call answers EPERM rather than killing the child, because honest libraries probe (glibc tries ``clone3``, gets
ENOSYS and falls back to ``clone``, whose flags a filter can see).
"""

import ctypes
import errno
import os
import platform
import signal
import struct
import sys
from dataclasses import dataclass

# The numbers of this section are the kernel's: include/uapi/linux/{prctl,seccomp,filter,audit,sched}.h
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_TSYNC = 1
_RET_KILL_PROCESS = 0x80000000
_RET_ERRNO = 0x00050000
_RET_ALLOW = 0x7FFF0000
_LOAD_WORD = 0x20
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_JUMP_IF_ANY_BIT = 0x45
_RETURN = 0x06
_OFFSET_OF_NUMBER = 0
_OFFSET_OF_ARCHITECTURE = 4
_OFFSET_OF_ARGUMENTS = 16
_X32_BIT = 0x40000000
_CLONE_THREAD = 0x00010000


@dataclass(frozen=True, slots=True)
class _Machine:
    """A processor architecture: its audit number, its number for seccomp(2), and which column of the table is its."""

    audit: int
    seccomp: int
    column: int


_MACHINES = {
    "x86_64": _Machine(audit=0xC000003E, seccomp=317, column=0),
    "aarch64": _Machine(audit=0xC00000B7, seccomp=277, column=1),
}

_DENIED: dict[str, tuple[int | None, int | None]] = {
    # the network
    "socket": (41, 198),
    "socketpair": (53, 199),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "connect": (42, 203),
    # programs and processes
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    # the shape of the system
    "mount": (165, 40),
    "umount2": (166, 39),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    # ways around a filter, and places where kernels broke
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "open_by_handle_at": (304, 265),
    # opening files; what was opened before stays open
    "open": (2, None),
    "openat": (257, 56),
    # changing files
    "creat": (85, None),
    "truncate": (76, 45),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "link": (86, None),
    "linkat": (265, 37),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
}
_ABSENT = {"clone3": (435, 435), "openat2": (437, 437)}
"""Calls whose flags lie behind a pointer, where a filter cannot look: the kernel is made to look too old for them."""
_CLONE = (56, 220)
_KILL = (62, 129)
_TGKILL = (234, 131)
_PRLIMIT64 = (302, 261)


def die_with_parent(parent_pid: int) -> tuple[str, ...]:
    """Ask the kernel to kill this process when its parent is gone; returns what is enforced."""
    if not sys.platform.startswith("linux"):
        return ()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit(0)  # the parent died before the kernel was asked
    return ("parent-death",)


def deny_system_calls() -> tuple[str, ...]:
    """Set the filter for every thread of this process, for good; returns what is enforced.

    On another kernel or processor, and where a container forbids filters, nothing is set and nothing is claimed: the
    resource limits and the wall clock hold all the same.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None or not sys.platform.startswith("linux"):
        return ()
    program = b"".join(_program(machine, os.getpid()))
    instructions = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(struct.pack("HL", len(program) // 8, ctypes.addressof(instructions)))
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1) != 0:
        return ()
    flags = ctypes.c_ulong(_SECCOMP_FILTER_FLAG_TSYNC)
    failed = ctypes.CDLL(None).syscall(machine.seccomp, _SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(head))
    return () if failed else ("no-network", "no-exec", "no-fork", "no-signals", "no-reading", "no-writing")


def _prctl(option: int, argument: int) -> int:
    """prctl(2), whose arguments are all longs."""
    zero = ctypes.c_ulong(0)
    return int(ctypes.CDLL(None).prctl(option, ctypes.c_ulong(argument), zero, zero, zero))


def _program(machine: _Machine, own_pid: int) -> list[bytes]:
    """The filter, instruction by instruction; calls of another architecture's table end the process."""
    column = machine.column
    deny, absent = _RET_ERRNO | errno.EPERM, _RET_ERRNO | errno.ENOSYS
    program = [
        _instruction(_LOAD_WORD, _OFFSET_OF_ARCHITECTURE),
        _instruction(_JUMP_IF_EQUAL, machine.audit, 1, 0),
        _instruction(_RETURN, _RET_KILL_PROCESS),
        _instruction(_LOAD_WORD, _OFFSET_OF_NUMBER),
    ]
    if column == 0:
        program += [_instruction(_JUMP_IF_AT_LEAST, _X32_BIT, 0, 1), _instruction(_RETURN, deny)]
    for numbers in _DENIED.values():
        program += _answer(numbers[column], deny)
    for numbers in _ABSENT.values():
        program += _answer(numbers[column], absent)
    program += _unless_any_bit(_CLONE[column], argument=0, bits=_CLONE_THREAD)
    for numbers in (_KILL, _TGKILL):
        program += _unless_equal(numbers[column], argument=0, values=(own_pid,))
    program += _unless_equal(_PRLIMIT64[column], argument=0, values=(0, own_pid))
    return [*program, _instruction(_RETURN, _RET_ALLOW)]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One ``struct sock_filter``."""
    return struct.pack("HBBI", code, if_true, if_false, value)


def _argument(index: int) -> bytes:
    """Load the low half of a call's argument (both machines are little-endian)."""
    return _instruction(_LOAD_WORD, _OFFSET_OF_ARGUMENTS + 8 * index)


def _answer(number: int | None, answer: int) -> list[bytes]:
    """Give this answer to this call."""
    if number is None:
        return []
    return [_instruction(_JUMP_IF_EQUAL, number, 0, 1), _instruction(_RETURN, answer)]


def _unless_any_bit(number: int | None, argument: int, bits: int) -> list[bytes]:
    """Deny this call unless its argument has one of these bits."""
    return _judged(number, [_argument(argument), _instruction(_JUMP_IF_ANY_BIT, bits, 0, 1)])


def _unless_equal(number: int | None, argument: int, values: tuple[int, ...]) -> list[bytes]:
    """Deny this call unless its argument is one of these values."""
    last = len(values) - 1
    tests = [_instruction(_JUMP_IF_EQUAL, value, last - at, 0 if at < last else 1) for at, value in enumerate(values)]
    return _judged(number, [_argument(argument), *tests])


def _judged(number: int | None, judgement: list[bytes]) -> list[bytes]:
    """A call with its own judgement, which ends by jumping to the first answer (allow) or the second (deny)."""
    if number is None:
        return []
    answers = [_instruction(_RETURN, _RET_ALLOW), _instruction(_RETURN, _RET_ERRNO | errno.EPERM)]
    body = [*judgement, *answers]
    return [_instruction(_JUMP_IF_EQUAL, number, 0, len(body)), *body]
