"""Reserved keys: names for bytes about to be written, on record before a byte is.

Keys are reserved some at a time, for uploads yet to come, so that an upload has one commit to wait for and not two.
What a crash leaves under a reserved key is found by asking for old reservations, without listing the store. A key
that was reserved and not used is given back at the end or, after a crash, costs a row until the sweep.
"""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta

from holdall.errors import Unavailable
from holdall.ports import Clock, Ids, UnitOfWork

RESERVED_AT_ONCE = 64
"""One commit for so many uploads; so many rows to sweep after each crash."""
FRESH = timedelta(minutes=5)
"""A key is not used later than this after its reservation: the sweep comes for old ones."""


class ReservedKeys:
    """``ports.Keys``: a stock of reserved keys in this process, replenished when it runs out."""

    def __init__(self, work: UnitOfWork, ids: Ids, clock: Clock, at_once: int = RESERVED_AT_ONCE) -> None:
        self._work = work
        self._at_once = at_once
        self._ids = ids
        self._clock = clock
        self._stock: deque[str] = deque()
        self._reserved_at = clock.now()
        self._turn = asyncio.Lock()

    async def take(self, count: int) -> list[str]:
        """See ``ports.Keys``."""
        async with self._turn:
            now = self._clock.now()
            if len(self._stock) < count or now - self._reserved_at > FRESH:
                await self._replenish(max(count, self._at_once), now)
            return [self._stock.popleft() for _ in range(count)]

    def forsake(self) -> None:
        """See ``ports.Keys``."""
        self._stock.clear()

    async def give_back(self) -> None:
        """Release what was not used, so that no sweep has to come for it; the last thing to do."""
        unused = list(self._stock)
        self._stock.clear()
        if unused:
            with suppress(Unavailable):
                await self._work.note(lambda ledger: ledger.files.release(unused))

    async def _replenish(self, count: int, now: datetime) -> None:
        keys = self._ids.blob_keys(count)
        # Not waited for: should the power fail now, bytes may outlive the row, and a sweep of the store finds them.
        await self._work.note(lambda ledger: ledger.files.reserve(keys, now))
        self._stock, self._reserved_at = deque(keys), now
