"""Whether this server is of use: every part is looked at, side by side, and none is waited for long.

Probes come every few seconds from several places, and may come from strangers. So what was seen is kept for a second,
and a part that does not answer is asked once, however many probes come meanwhile.
"""

import asyncio
from collections.abc import Sequence

import structlog

from holdall.domain.readiness import Light, Part, State
from holdall.ports import Check

log = structlog.get_logger()

PATIENCE_SECONDS = 2.0
"""For all parts together, as they are looked at side by side; less than any prober's own patience."""
KEPT_SECONDS = 1.0


class Readiness:
    """Looks at the parts of one server. Belongs to one event loop."""

    def __init__(
        self, checks: Sequence[Check], patience_seconds: float = PATIENCE_SECONDS, kept_seconds: float = KEPT_SECONDS
    ) -> None:
        self._checks = checks
        self._patience = patience_seconds
        self._kept = kept_seconds
        self._turn = asyncio.Lock()
        self._lights: Sequence[Light] = ()
        self._good_until = float("-inf")
        self._asked: dict[Part, asyncio.Task[None]] = {}
        self._is_stopping = False

    def stop(self) -> None:
        """From now on the server is not ready: it was asked to stop."""
        self._is_stopping = True

    async def look(self) -> Sequence[Light]:
        """Every part's light, the server's own first; not older than a second."""
        async with self._turn:
            now = asyncio.get_running_loop().time
            if now() >= self._good_until:
                seen = await self._look_at_all()
                self._tell_changes(seen)
                self._lights, self._good_until = seen, now() + self._kept
        server = Light(Part.SERVER, State.STOPPING if self._is_stopping else State.OK)
        return (server, *self._lights)

    async def close(self) -> None:
        """Give up what was asked and not answered. Safe to repeat."""
        asked, self._asked = self._asked, {}
        for task in asked.values():
            task.cancel()
        await asyncio.gather(*asked.values(), return_exceptions=True)

    async def _look_at_all(self) -> list[Light]:
        tasks = [self._ask(check) for check in self._checks]
        if tasks:
            await asyncio.wait(tasks, timeout=self._patience)
        return [self._light(check, task) for check, task in zip(self._checks, tasks, strict=True)]

    def _ask(self, check: Check) -> "asyncio.Task[None]":
        """Look at a part, or go on waiting for an answer that was asked for before."""
        task = self._asked.get(check.part)
        if task is None or task.done():  # done: it came when nobody waited for it any more
            task = self._asked[check.part] = asyncio.ensure_future(check.look())
            task.add_done_callback(_heard)
        return task

    def _light(self, check: Check, task: "asyncio.Task[None]") -> Light:
        if not task.done():
            return Light(check.part, State.SILENT, f"no answer in {self._patience:g} s", check.is_needed)
        if task.cancelled():
            return Light(check.part, State.FAILED, "cut short", check.is_needed)
        error = task.exception()
        if error is None:
            return Light(check.part, State.OK, is_needed=check.is_needed)
        return Light(check.part, State.FAILED, str(error) or type(error).__name__, check.is_needed)

    def _tell_changes(self, seen: Sequence[Light]) -> None:
        """Have the log say when a light turns, with the cause that strangers are not told."""
        before = {light.part: light.state for light in self._lights}
        for light in seen:
            if light.state is before.get(light.part, State.OK):
                continue
            if light.is_green:
                log.info("a part is back", part=light.part.value)
            else:
                log.warning("a part is missing", part=light.part.value, state=light.state.value, error=light.detail)


def _heard(task: "asyncio.Task[None]") -> None:
    """An error that comes too late is nobody's."""
    if not task.cancelled():
        task.exception()
