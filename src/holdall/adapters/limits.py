"""Rate limits in this process's memory, over a sliding window; or none. And turns at what is scarce."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from holdall.errors import RateLimited
from holdall.ports import Budget

WINDOW_SECONDS = 60
CROWDED_SECONDS = 1.0
"""After which a caller with too much in hand may try again."""


@dataclass(slots=True)
class _Window:
    """What one caller spent on one action: in the window that is open, and in the one before it."""

    began_at: float
    before: int = 0
    spent: int = 0

    def move_to(self, now: float) -> float:
        """Open the window that ``now`` lies in; return which part of it has passed."""
        passed = (now - self.began_at) / WINDOW_SECONDS
        if passed >= 1:
            self.before, self.spent = (self.spent if passed < 2 else 0), 0  # noqa: PLR2004
            self.began_at += WINDOW_SECONDS if passed < 2 else now - self.began_at  # noqa: PLR2004
            passed = (now - self.began_at) / WINDOW_SECONDS
        return passed


class MemoryLimiter:
    """The limiter of one process.

    A caller's first call opens their first window, in which exactly the budget fits. Of the window before, that part
    counts which the last sixty seconds still touch, as if its calls had been spread evenly: two numbers a caller
    instead of a list of times.
    """

    def __init__(
        self, budgets: Mapping[str, int], at_once: Mapping[str, int], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._budgets = budgets
        self._at_once = at_once
        self._now = now
        self._windows: dict[tuple[str, str], _Window] = {}
        self._running: dict[tuple[str, str], int] = {}
        self._tidy_at = now() + WINDOW_SECONDS

    async def spend(self, action: str, caller: str, cost: int = 1) -> Budget | None:
        """See ``ports.Limiter``."""
        limit = self._budgets[action]
        cost = min(cost, limit)
        now = self._now()
        window = self._windows.get((action, caller))
        if window is None:
            self._tidy(now)
            window = self._windows[action, caller] = _Window(now)
        passed = window.move_to(now)
        left = limit - window.spent - window.before * (1 - passed) - cost
        if left < 0:
            raise RateLimited(_wait(window, limit - cost, passed), action, limit, WINDOW_SECONDS)
        window.spent += cost
        return Budget(action, limit, WINDOW_SECONDS, int(left), WINDOW_SECONDS * (1 - passed))

    async def peek(self, action: str, caller: str) -> None:
        """See ``ports.Limiter``."""
        if (action, caller) in self._windows:
            await self.spend(action, caller)
            self._windows[action, caller].spent -= 1

    @contextmanager
    def occupy(self, action: str, caller: str) -> Iterator[None]:
        """See ``ports.Limiter``."""
        key = action, caller
        running = self._running.get(key, 0)
        if running >= self._at_once[action]:
            raise RateLimited(CROWDED_SECONDS)
        self._running[key] = running + 1
        try:
            yield
        finally:
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]

    def _tidy(self, now: float) -> None:
        """Forget who has not been seen for two windows: once a window, so that it costs each call next to nothing."""
        if now >= self._tidy_at:
            self._tidy_at = now + WINDOW_SECONDS
            oldest = now - 2 * WINDOW_SECONDS
            self._windows = {key: window for key, window in self._windows.items() if window.began_at > oldest}


def _wait(window: _Window, room: float, passed: float) -> float:
    """Seconds until no more than ``room`` counts, if nothing more is spent; at least one."""
    if window.spent <= room:  # enough of the window before has to slide out
        wait = 1 - (room - window.spent) / window.before - passed
    else:  # of this one as well, once it is the one before
        wait = 2 - passed - room / window.spent
    return max(1.0, wait * WINDOW_SECONDS)


class NoLimiter:
    """Lets everybody do everything: for benchmarks."""

    async def spend(self, action: str, caller: str, cost: int = 1) -> None:
        """See ``ports.Limiter``; never refuses."""

    async def peek(self, action: str, caller: str) -> None:
        """See ``ports.Limiter``; never refuses."""

    @contextmanager
    def occupy(self, action: str, caller: str) -> Iterator[None]:
        """See ``ports.Limiter``; never refuses."""
        del action, caller
        yield


class FairTurns:
    """At most ``at_once`` of each caller; the others of theirs wait, in order."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._running: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        """See ``ports.Turns``."""
        if self._running.get(caller, 0) < self._at_once:
            self._running[caller] = self._running.get(caller, 0) + 1
        else:
            await self._wait(caller)
        try:
            yield
        finally:
            self._pass_on(caller)

    async def _wait(self, caller: str) -> None:
        """Until one that ends hands its place over."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # given a place in the moment of giving up
                self._pass_on(caller)
            raise

    def _pass_on(self, caller: str) -> None:
        waiting = self._waiting.get(caller, ())
        while waiting:
            place = waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._waiting.pop(caller, None)
        self._running[caller] -= 1
        if not self._running[caller]:
            del self._running[caller]
