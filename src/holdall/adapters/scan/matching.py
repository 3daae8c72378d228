"""Malware rules at work, inside a child: compiled once, then run over one file after the other."""

import errno
import io
import os

import yara_x

from holdall.adapters.scan import sources

WINDOW_BYTES = 8 << 20
"""A scanner maps what it is given as a file and lets go of it at its next scan only: five maps of 1 GiB each."""
OVERLAP_BYTES = 4096
"""Windows overlap by more than the longest thing a rule looks for, which is a program's two headers."""


class Matcher:
    """The compiled rules."""

    def __init__(self, theirs: bytes = b"") -> None:
        """Compile the packaged rules, which takes some 10 ms, and load those of the operator, compiled before.

        Raises:
            yara_x.CompileError, ValueError: rules are broken.

        """
        self._scanners = [_scanner(source.text) for source in sources.packaged()]
        if theirs:
            self._scanners.append(_warm(yara_x.Rules.deserialize_from(io.BytesIO(theirs))))

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
    return _warm(compiler.build())


def _warm(rules: yara_x.Rules) -> yara_x.Scanner:
    scanner = yara_x.Scanner(rules)
    scanner.scan(b"")  # the first scan reserves address space, which the limits are not to count
    return scanner
