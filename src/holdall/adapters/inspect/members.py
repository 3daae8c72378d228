"""Members of packages under the scanner: rules look at what a program would unpack, not only at packed bytes."""

import time

from holdall.adapters.scan.matching import OF_THE_TIME, Matcher
from holdall.domain.signatures import identify

_HEAD_BYTES = 8192
_MARKUP = frozenset({"text/html", "application/xml", "text/plain", "image/svg+xml"})


class MemberScan:
    """Is shown the windows of every member, one after the other, and keeps which rules matched.

    Once one has, others are looked for while a quarter of ``seconds`` is not used up, as ``Matcher`` does it.
    """

    def __init__(self, matcher: Matcher, seconds: float) -> None:
        self.rules: dict[str, None] = {}
        """In the order in which they matched."""
        self.failure = ""
        """Why a window could not be scanned: then nothing is known of the file."""
        self._matcher = matcher
        self._mime = ""
        self._until = time.monotonic() + seconds / OF_THE_TIME

    def __call__(self, window: bytes, is_first: bool) -> None:  # noqa: FBT001  the shape of a Look
        """Look at one window."""
        if self.failure or (self.rules and time.monotonic() >= self._until):
            return
        if is_first:
            detected = identify(window[:_HEAD_BYTES])
            self._mime = "text/plain" if detected in _MARKUP else detected
        try:
            for rule in self._matcher.match_member(window, self._mime, is_start=is_first):
                self.rules.setdefault(rule)
        except Exception as error:  # noqa: BLE001 - every failure is the same answer
            self.failure = f"{type(error).__name__}: {error}"[:200]
