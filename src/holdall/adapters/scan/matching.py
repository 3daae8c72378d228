"""Malware rules at work, inside a child: compiled once, then run over one file after the other."""

import errno
import os
from importlib import resources

import yara_x

_RULES = resources.files("holdall.adapters.scan") / "rules"
WINDOW_BYTES = 8 << 20
"""A scanner maps what it is given as a file and lets go of it at its next scan only: five maps of 1 GiB each."""
OVERLAP_BYTES = 4096
"""Windows overlap by more than the longest thing a rule looks for, which is a program's two headers."""
RULE_FILES = ("eicar.yar", "programs.yar", "scripts.yar", "pages.yar", "shells.yar")
"""Each is compiled by itself. A handful of strings is searched for at 7 GB/s, all of them together at 0.9, and a file
whose conditions rule the type out is not searched for at all: five passes cost a third of one."""


class Matcher:
    """The compiled rules."""

    def __init__(self) -> None:
        """Compile the packaged rules; some 10 ms.

        Raises:
            yara_x.CompileError: a rule file is broken.

        """
        self._scanners = [_scanner((_RULES / name).read_text()) for name in RULE_FILES]

    def match(self, file: int, mime: str, seconds: int) -> str:
        """The name of the first rule that matches the file, taken to be of type ``mime``; ``""`` when none does.

        The file is read window by window, so that its size costs no memory.

        Raises:
            yara_x.TimeoutError: one window took longer than ``seconds``.
            yara_x.ScanError, OSError: the file could not be scanned to its end.

        """
        size = os.fstat(file).st_size
        for scanner in self._scanners:
            scanner.set_global("mime", mime)
            scanner.set_timeout(seconds)
        start = 0
        while True:
            window = os.pread(file, WINDOW_BYTES, start)
            if len(window) != min(WINDOW_BYTES, size - start):
                raise OSError(errno.EIO, "the file changed while it was read")
            if rule := self.match_window(window, is_start=start == 0):
                return rule
            if start + len(window) >= size:
                return ""
            start += WINDOW_BYTES - OVERLAP_BYTES

    def match_member(self, window: bytes, mime: str, *, is_start: bool) -> str:
        """As ``match``, for one window of a member of a package, which is of type ``mime`` itself."""
        for scanner in self._scanners:
            scanner.set_global("mime", mime)
        return self.match_window(window, is_start=is_start)

    def match_window(self, window: bytes, *, is_start: bool) -> str:
        """The first rule that matches this window of a file whose type is set."""
        for scanner in self._scanners:
            scanner.set_global("is_start", is_start)
            found = scanner.scan(window).matching_rules
            if found:
                return str(found[0].identifier)
        return ""


def _scanner(source: str) -> yara_x.Scanner:
    """A scanner for the rules of one file."""
    compiler = yara_x.Compiler()
    compiler.define_global("mime", "")
    compiler.define_global("is_start", True)
    compiler.add_source(source)
    scanner = yara_x.Scanner(compiler.build())
    scanner.scan(b"")  # the first scan reserves address space, which the limits are not to count
    return scanner
