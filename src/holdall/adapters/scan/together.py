"""Several scanners as one: all of them look at the same time, and the worst verdict counts."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from holdall.domain.files import Family
from holdall.domain.policy import InspectionLimits
from holdall.domain.variants import Master, Recipe
from holdall.ports import Examination, Examiner, Scanner, Verdict


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Infected if anybody says so, else not scanned if anybody could not, else clean."""
    infected = [verdict for verdict in verdicts if verdict.signature]
    not_scanned = "; ".join(verdict.not_scanned for verdict in verdicts if verdict.not_scanned)
    if infected:
        first, *others = infected
        also = (*first.also, *(signature for other in others for signature in other.signatures))
        return Verdict(first.signature, not_scanned, also, ", ".join(verdict.scanner for verdict in infected))
    return Verdict(not_scanned=not_scanned)


class Beside:
    """An examiner, and a scanner of another kind that looks at the file meanwhile (see ``ports.Examiner``)."""

    def __init__(self, examiner: Examiner, scanner: Scanner) -> None:
        self._examiner = examiner
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
        """Both at once. A file that does not pass inspection is refused for that, and its scan given up."""
        scanning = asyncio.ensure_future(self._scanner.scan(path, mime))
        try:
            examined = await self._examiner.examine(path, mime, family, limits, recipes, master)
            verdict = await scanning
        finally:
            scanning.cancel()
            await asyncio.gather(scanning, return_exceptions=True)
        return Examination(examined.inspection, worst((examined.verdict, verdict)))

    async def edition(self) -> str:
        """Both editions."""
        return f"{await self._examiner.edition()}, {await self._scanner.edition()}"
