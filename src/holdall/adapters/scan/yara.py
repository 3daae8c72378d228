"""The Scanner of the port: our own YARA rules, run by the children of the pool.

What these rules are for: the EICAR test file, and things that are not what they are called (a script in a picture, a
program in a document). They are no catalogue of malware; who needs one puts ClamAV beside Holdall.
"""

import math
from pathlib import Path

from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.pool import ChildFailed, ChildPool
from holdall.domain.policy import InspectionLimits
from holdall.errors import InspectorUnavailable
from holdall.ports import Verdict

MAX_SCAN_SECONDS = 120.0
"""For the largest file: 1 GiB takes 1 to 5 s on one core."""
_MEMORY_BYTES = 512 << 20


class YaraScanner:
    """Scans in a child of ``pool``; the parent never touches a byte (see ``ports.Scanner``)."""

    def __init__(self, pool: ChildPool, max_seconds: float = MAX_SCAN_SECONDS) -> None:
        self._pool = pool
        self._max_seconds = max_seconds
        self._limits = InspectionLimits(cpu_seconds=math.ceil(max_seconds), memory_bytes=_MEMORY_BYTES)

    async def scan(self, path: Path, mime: str) -> Verdict:
        """Scan every byte of the file. Never raises; whatever goes wrong is ``not_scanned``, never clean."""
        job = Job("scan", mime, self._limits)
        try:
            reply, _ = await self._pool.run(job, path, self._max_seconds)
        except (ChildFailed, InspectorUnavailable) as failure:
            return Verdict(not_scanned=str(failure) or "the scanner failed")
        if reply.outcome == "matched":
            first, *others = reply.matched or ("unnamed",)
            return Verdict(first, reply.not_scanned, tuple(others), await self.edition())
        if reply.outcome == "fine":
            return Verdict()
        return Verdict(not_scanned=reply.not_scanned or reply.outcome)

    async def edition(self) -> str:
        """The version of the rules in force."""
        return await self._pool.edition()
