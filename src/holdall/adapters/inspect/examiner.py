"""The Examiner of the port: both looks at a file, in one visit to a child, or in turn where they happen apart."""

from collections.abc import Sequence
from pathlib import Path

from holdall.adapters.inspect.inspector import TASKS, inspection_of, visit
from holdall.adapters.inspect.messages import Job, Reply
from holdall.adapters.inspect.pool import ChildPool
from holdall.domain.files import Family, Inspection
from holdall.domain.policy import InspectionLimits
from holdall.domain.variants import Master, Recipe
from holdall.ports import Examination, Inspector, Scanner, Verdict


class ChildExaminer:
    """Has a child inspect and scan a file in one visit: a change of process costs as much as scanning a megabyte."""

    def __init__(self, pool: ChildPool, scanner: Scanner) -> None:
        self._pool = pool
        self._scanner = scanner
        """For types that are only scanned, which may be of any size and take their time."""

    async def examine(
        self,
        path: Path,
        mime: str,
        family: Family,
        limits: InspectionLimits,
        recipes: Sequence[Recipe],
        master: Master | None = None,
    ) -> Examination:
        """See ``ports.Examiner``."""
        if family is Family.OPAQUE:
            return Examination(Inspection(mime), await self._scanner.scan(path, mime))
        job = Job(TASKS[family], mime, limits, tuple(recipes), master, scans_too=True)
        reply, renditions = await visit(self._pool, job, path)
        return Examination(inspection_of(reply, renditions, mime), await self._verdict(reply))

    async def _verdict(self, reply: Reply) -> Verdict:
        if not reply.matched:
            return Verdict(not_scanned=reply.not_scanned)
        first, *others = reply.matched
        return Verdict(first, reply.not_scanned, tuple(others), await self.edition())

    async def edition(self) -> str:
        """See ``ports.Scanner``."""
        return await self._scanner.edition()


class InTurn:
    """Inspects, then scans: for a scanner that is a service of its own."""

    def __init__(self, inspector: Inspector, scanner: Scanner) -> None:
        self._inspector = inspector
        self._scanner = scanner

    async def examine(
        self,
        path: Path,
        mime: str,
        family: Family,
        limits: InspectionLimits,
        recipes: Sequence[Recipe],
        master: Master | None = None,
    ) -> Examination:
        """See ``ports.Examiner``."""
        inspection = await self._inspector.inspect(path, mime, family, limits, recipes, master)
        return Examination(inspection, await self._scanner.scan(path, inspection.mime))

    async def edition(self) -> str:
        """See ``ports.Scanner``."""
        return await self._scanner.edition()
