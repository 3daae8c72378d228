"""Malware rules at work, inside a child: compiled once, then run over one file after the other."""

import errno
import io
import math
import os
import time
from collections.abc import Iterator

import yara_x

from holdall.adapters.scan import sources

WINDOW_BYTES = 8 << 20
"""A scanner maps what it is given as a file and lets go of it at its next scan only: five maps of 1 GiB each."""
OVERLAP_BYTES = 4096
"""Windows overlap by more than the longest thing a rule looks for, which is a program's two headers."""

OF_THE_TIME = 4
"""What part of the time, one in so many, is spent on a file that is known to be bad."""


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

    def match(self, file: int, mime: str, seconds: int) -> Iterator[str]:
        """The names of the rules that match the file, taken to be of type ``mime``, as they are found.

        The file is read window by window, so that its size costs no memory. Once a rule has matched, others are looked
        for while a quarter of the time is not used up: a file that is known to be bad may not get away by being slow.

        Raises:
            yara_x.TimeoutError: one window took longer than ``seconds``, or than what was left of the quarter.
            yara_x.ScanError, OSError: the file could not be scanned to its end.

        """
        size, until = os.fstat(file).st_size, time.monotonic() + seconds / OF_THE_TIME
        for scanner in self._scanners:
            scanner.set_global("mime", mime)
            scanner.set_timeout(seconds)
        start, has_matched = 0, False
        while not has_matched or time.monotonic() < until:
            window = os.pread(file, WINDOW_BYTES, start)
            if len(window) != min(WINDOW_BYTES, size - start):
                raise OSError(errno.EIO, "the file changed while it was read")
            for rule in self.match_window(window, is_start=start == 0):
                yield rule
                has_matched = True
                self._hurry(until - time.monotonic())
            if start + len(window) >= size:
                return
            start += WINDOW_BYTES - OVERLAP_BYTES

    def _hurry(self, seconds: float) -> None:
        """Leave the scanners so much time for each window from now on, a second at least."""
        for scanner in self._scanners:
            scanner.set_timeout(max(1, math.ceil(seconds)))

    def match_member(self, window: bytes, mime: str, *, is_start: bool) -> Iterator[str]:
        """As ``match``, for one window of a member of a package, which is of type ``mime`` itself."""
        for scanner in self._scanners:
            scanner.set_global("mime", mime)
        return self.match_window(window, is_start=is_start)

    def match_window(self, window: bytes, *, is_start: bool) -> Iterator[str]:
        """The rules that match this window of a file whose type is set."""
        for scanner in self._scanners:
            scanner.set_global("is_start", is_start)
            for rule in scanner.scan(window).matching_rules:
                yield str(rule.identifier)


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
