"""Rate limits in this process's memory, over a moving window; or none."""

import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from holdall.errors import RateLimited

BUDGETS = {"api": "1200/minute", "upload": "300/minute", "sign-in": "30/minute"}
"""Per caller. A page that sends five receipts in parallel, or a batch import of one file each 200 ms, stays well
under; a loop that fills a disk does not. Sign-in: three tries a second apart, thirty guesses a minute at most."""


class MemoryLimiter:
    """The limiter of one process."""

    def __init__(self) -> None:
        self._budgets: dict[str, RateLimitItem] = {action: parse(budget) for action, budget in BUDGETS.items()}
        self._storage = MemoryStorage()
        self._window = MovingWindowRateLimiter(self._storage)

    async def spend(self, action: str, caller: str, cost: int = 1) -> None:
        """See ``ports.Limiter``."""
        budget = self._budgets[action]
        if self._window.hit(budget, action, caller, cost=cost):
            return
        reset_at = self._window.get_window_stats(budget, action, caller).reset_time
        raise RateLimited(max(1.0, reset_at - time.time()))


class NoLimiter:
    """Lets everybody do everything: for benchmarks."""

    async def spend(self, action: str, caller: str, cost: int = 1) -> None:
        """See ``ports.Limiter``; never refuses."""
