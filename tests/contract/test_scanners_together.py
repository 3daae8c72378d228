"""Scanners side by side: the worst verdict counts, and none outlives the file that it was asked about."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from holdall.adapters.scan.together import Beside, worst
from holdall.domain.files import Family, Inspection
from holdall.domain.policy import InspectionLimits
from holdall.domain.variants import Master, Recipe
from holdall.errors import ContentCorrupt
from holdall.ports import Examination, Verdict

CLEAN = Verdict()
INFECTED = Verdict("Evil", scanner="one")
WORSE = Verdict("Worse", scanner="two")
UNSCANNED = Verdict(not_scanned="down")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([CLEAN, CLEAN], CLEAN),
        ([CLEAN, INFECTED], INFECTED),
        ([INFECTED, CLEAN], INFECTED),
        ([UNSCANNED, INFECTED], Verdict("Evil", "down")),
        ([INFECTED, UNSCANNED], Verdict("Evil", "down")),
        ([CLEAN, UNSCANNED], UNSCANNED),
        ([UNSCANNED, CLEAN], UNSCANNED),
        ([UNSCANNED, Verdict(not_scanned="up")], Verdict(not_scanned="down; up")),
        ([INFECTED, WORSE], Verdict("Evil", also=("Worse",))),
    ],
)
def test_the_worst_verdict_counts(verdicts: Sequence[Verdict], expected: Verdict):
    assert worst(verdicts) == expected


def test_all_rules_that_matched_are_known():
    """An operator who overrules one has not overruled the other."""
    verdict = worst([INFECTED, WORSE])

    assert verdict.signatures == ("Evil", "Worse")
    assert verdict.scanner == "one, two"
    assert UNSCANNED.signatures == ()


class Slow:
    """A scanner that takes its time, and an examiner that says what it is told to."""

    def __init__(self, scan_seconds: float, outcome: Verdict | Exception, examine_seconds: float = 0.0) -> None:
        self._scan_seconds = scan_seconds
        self._examine_seconds = examine_seconds
        self._outcome = outcome
        self.ended: list[str] = []

    async def scan(self, path: Path, mime: str) -> Verdict:
        del path, mime
        try:
            await asyncio.sleep(self._scan_seconds)
        except asyncio.CancelledError:
            self.ended.append("given up")
            raise
        self.ended.append("scanned")
        return WORSE

    async def examine(
        self,
        path: Path,
        mime: str,
        family: Family,
        limits: InspectionLimits,
        recipes: Sequence[Recipe],
        master: Master | None = None,
    ) -> Examination:
        del path, family, limits, recipes, master
        await asyncio.sleep(self._examine_seconds)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return Examination(Inspection(mime), self._outcome)

    async def edition(self) -> str:
        return "slow 1"


async def examined(desk: Slow) -> Examination:
    return await Beside(desk, desk).examine(Path("x"), "text/plain", Family.TEXT, InspectionLimits(), ())


def test_both_look_at_the_same_time():
    async def story() -> None:
        began = asyncio.get_running_loop().time()
        desk = Slow(0.3, INFECTED, examine_seconds=0.3)
        assert (await examined(desk)).verdict == Verdict("Evil", also=("Worse",))
        assert asyncio.get_running_loop().time() - began < 0.55
        assert await Beside(desk, desk).edition() == "slow 1, slow 1"

    asyncio.run(story())


def test_the_scan_of_a_refused_file_is_given_up():
    """At once, and it has ended when the refusal is told: nobody reads a file that is being discarded."""

    async def story() -> None:
        desk = Slow(30, ContentCorrupt("", "text/plain", ()))
        with pytest.raises(ContentCorrupt):
            await asyncio.wait_for(examined(desk), 5)
        assert desk.ended == ["given up"]

    asyncio.run(story())


def test_a_request_that_goes_away_takes_its_scan_with_it():
    async def story() -> None:
        desk = Slow(30, CLEAN)
        asking = asyncio.create_task(examined(desk))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert desk.ended == ["given up"]

    asyncio.run(story())
