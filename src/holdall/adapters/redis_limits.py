"""Rate limits that several nodes share: counted in Redis, by a script that looks and adds in one step.

The arithmetic is that of ``limits.MemoryLimiter``, and the clock Redis's own, the only one that all nodes have. One
call costs one round trip; callers are kept as digests, and forgotten after two windows.

Where Redis fails to answer, be it dead, hung, full or a replica, nobody waits for it a second time: from then on each
budget is dealt with as the settings say, and a task of its own tries until Redis counts again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b, sha1
from typing import cast

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from holdall.adapters.limits import WINDOW_SECONDS, MemoryLimiter, Window, wait_for_room
from holdall.errors import LimitsUnavailable, RateLimited
from holdall.ports import Budget

log = structlog.get_logger()
PATIENCE_SECONDS = 0.5
"""For a whole count, with connecting. It takes a thousandth of that; what takes longer is as good as dead."""
RETRY_SECONDS = 1.0
"""Between two tries to reach a Redis that is away."""
CONNECTIONS = 16
"""For one process; who comes when all are busy waits, within the same patience."""
_BOUNDLESS = 1 << 40
_FAULTS = (RedisError, OSError, TimeoutError)
_COUNT = """
local now = tonumber(ARGV[5])
if not now then
  local clock = redis.call('TIME')
  now = clock[1] * 1000 + math.floor(clock[2] / 1000)
end
local limit, cost, length = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'began', 'before', 'spent')
local began, before, spent = tonumber(kept[1]) or now, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if began > now then
  began = now
end
local passed = (now - began) / length
if passed >= 1 then
  before = passed < 2 and spent or 0
  began = passed < 2 and began + length or now
  spent = 0
  passed = (now - began) / length
end
local fits = limit - spent - before * (1 - passed) - cost >= 0
if fits and ARGV[4] == 'take' then
  spent = spent + cost
  redis.call('HSET', KEYS[1], 'began', began, 'before', before, 'spent', spent)
  redis.call('PEXPIRE', KEYS[1], began + 2 * length - now)
end
return {fits and 1 or 0, spent, before, now - began}
"""
"""``Window.move_to`` and ``MemoryLimiter.spend``, in milliseconds.

A window that begins in the future is one from before Redis's clock was put back.
"""
_DIGEST = sha1(_COUNT.encode(), usedforsecurity=False).hexdigest()
"""By which Redis calls a script that it has seen."""


class Without(StrEnum):
    """What becomes of a budget while Redis is away."""

    CLOSED = "closed"
    """Nobody gets through."""
    LOCAL = "local"
    """Each process counts for itself."""
    OPEN = "open"
    """Everybody gets through."""


DEFAULTS: Mapping[str, Without] = {
    "sign-in": Without.CLOSED,
    "api": Without.LOCAL,
    "upload": Without.LOCAL,
    "download": Without.LOCAL,
}
"""Guessing at passwords is held off by the count alone; reads go on."""


def parse_without(text: str) -> dict[str, Without]:
    """``DEFAULTS``, changed by ``budget=way`` pairs between commas, as the setting writes them.

    Raises:
        ValueError: there is no such budget, or no such way; the argument says which.

    """
    ways = dict(DEFAULTS)
    for pair in filter(None, (part.strip() for part in text.split(","))):
        budget, _, way = (side.strip() for side in pair.partition("="))
        if budget not in ways:
            raise ValueError(f"{budget} is not a budget; there are {', '.join(ways)}")
        if way not in {*Without}:
            raise ValueError(f"{budget} can be closed, local or open")
        ways[budget] = Without(way)
    return ways


@dataclass(frozen=True, slots=True)
class _Count:
    """What the script said of one caller."""

    fits: bool
    window: Window
    passed: float
    """Which part of the window."""


class RedisLimiter:
    """``ports.Limiter`` over a Redis (5 or newer) or Valkey that several processes share.

    What is in hand at once is counted by ``local``, in the process: it guards this node's disk and children, and a
    count of it in Redis would have to outlive nodes that die.
    """

    def __init__(
        self,
        url: str,
        budgets: Mapping[str, int],
        local: MemoryLimiter,
        without: Mapping[str, Without] = DEFAULTS,
        now: Callable[[], float] | None = None,
    ) -> None:
        """Open nothing yet. ``now``, in seconds, is a clock in the place of Redis's own.

        Raises:
            ValueError: this is no URL of a Redis.

        """
        self._redis = _client(url)
        self._budgets = budgets
        self._local = local
        self._without = without
        self._now = now
        self._watch: asyncio.Task[None] | None = None
        self._uncounted = 0
        self._is_open = True

    @property
    def is_away(self) -> bool:
        """Whether Redis failed, and has not counted since."""
        return self._watch is not None

    @property
    def uncounted(self) -> int:
        """How often a budget was to be spent while Redis did not count, since this process began."""
        return self._uncounted

    async def spend(self, action: str, caller: str, cost: int = 1) -> Budget | None:
        """See ``ports.Limiter``.

        Raises:
            LimitsUnavailable: Redis is away, and this budget is closed without it.

        """
        limit = self._budgets[action]
        cost = min(cost, limit)
        count = await self._count(action, caller, cost)
        if count is None:
            return await self._spend_without(action, caller, cost)
        window = count.window
        if not count.fits:
            raise RateLimited(wait_for_room(window, limit - cost, count.passed), action, limit, WINDOW_SECONDS)
        left = limit - window.spent - window.before * (1 - count.passed)
        return Budget(action, limit, WINDOW_SECONDS, int(left), WINDOW_SECONDS * (1 - count.passed))

    async def peek(self, action: str, caller: str) -> None:
        """See ``ports.Limiter``; without Redis, as far as this process knows, for a look opens no door."""
        count = await self._count(action, caller, 1, take=False)
        if count is None:
            if self._without[action] is not Without.OPEN:
                await self._local.peek(action, caller)
        elif not count.fits:
            limit = self._budgets[action]
            raise RateLimited(wait_for_room(count.window, limit - 1, count.passed), action, limit, WINDOW_SECONDS)

    @contextmanager
    def occupy(self, action: str, caller: str) -> Iterator[None]:
        """See ``ports.Limiter``; of this process."""
        with self._local.occupy(action, caller):
            yield

    async def check(self) -> str:
        """Count once, and return which version counted.

        Raises:
            LimitsUnavailable: it does not, and why.

        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._try()
                about = await self._redis.info("server")
        except _FAULTS as error:
            raise LimitsUnavailable(_why(error)) from error
        return str(about.get("redis_version", "of an unknown version"))

    async def close(self) -> None:
        """Let go of the connections."""
        self._is_open = False  # should the client, in the middle of a try, not pass the cancelling on
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        with suppress(*_FAULTS):
            await self._redis.aclose()

    async def _count(self, action: str, caller: str, cost: int, *, take: bool = True) -> _Count | None:
        """What Redis says; ``None``: it is away."""
        if self.is_away:
            return None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._ask(_key(action, caller), self._budgets[action], cost, take=take)
        except _FAULTS as error:
            self._lose(error)
            return None

    async def _ask(self, key: str, limit: int, cost: int, *, take: bool) -> _Count:
        now = "" if self._now is None else str(int(self._now() * 1000))
        arguments = (key, limit, cost, WINDOW_SECONDS * 1000, "take" if take else "look", now)
        try:
            reply = await cast("Awaitable[list[int]]", self._redis.evalsha(_DIGEST, 1, *arguments))
        except NoScriptError:  # a Redis that has just begun
            reply = await cast("Awaitable[list[int]]", self._redis.eval(_COUNT, 1, *arguments))
        fits, spent, before, elapsed = reply
        return _Count(bool(fits), Window(0, before, spent), elapsed / 1000 / WINDOW_SECONDS)

    async def _spend_without(self, action: str, caller: str, cost: int) -> Budget | None:
        self._uncounted += 1
        match self._without[action]:
            case Without.OPEN:
                return None
            case Without.LOCAL:
                return await self._local.spend(action, caller, cost)
            case Without.CLOSED:
                with suppress(RateLimited):  # for who peeks
                    await self._local.spend(action, caller, cost)
                raise LimitsUnavailable("Redis is away")

    def _lose(self, error: BaseException) -> None:
        """Do without Redis until it counts again; said once, however many were asking."""
        if self._watch is None:
            log.warning("redis is away", reason=_why(error), **{name: str(way) for name, way in self._without.items()})
            self._watch = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        lost_at = time.monotonic()
        is_back = False
        while self._is_open and not is_back:
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(*_FAULTS):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    # Those that were open died with it, and each would look like another outage.
                    await self._redis.connection_pool.disconnect(inuse_connections=False)
                    await self._try()
                is_back = True
        self._watch = None
        if is_back:
            log.warning("redis is back", seconds=round(time.monotonic() - lost_at, 1))

    async def _try(self) -> None:
        """Count something: a Redis that only reads would answer a PING."""
        await self._ask(_key("try", ""), _BOUNDLESS, 1, take=True)


def _client(url: str) -> "Redis":
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=PATIENCE_SECONDS,
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),  # a count that was cut short may have been taken
    )
    try:
        pool.connection_class(**pool.connection_kwargs)
    except TypeError as error:
        raise ValueError(f"an option in the URL is unknown: {error}") from error
    return Redis.from_pool(pool)


def _key(action: str, caller: str) -> str:
    """Short, of plain characters, and without names or addresses for who looks into Redis."""
    return f"holdall:limit:{action}:{blake2b(caller.encode(errors='replace'), digest_size=16).hexdigest()}"


def _why(error: BaseException) -> str:
    return str(error) or "no answer in time"
