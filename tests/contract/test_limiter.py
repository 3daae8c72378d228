"""One contract for every limiter: in the process, and in a real Redis. With a clock of our own."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from holdall.adapters.limits import MemoryLimiter
from holdall.adapters.redis_limits import RedisLimiter
from holdall.errors import RateLimited
from holdall.ports import Budget
from tests.support.redis import RedisServer

BUDGETS = {"call": 10, "upload": 3}
Limiter = MemoryLimiter | RedisLimiter


class Watch:
    """A clock that is set by hand."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """One loop for a whole test, as connections need it."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(params=["memory", "redis"])
def limiter(request: pytest.FixtureRequest, watch: Watch, runner: asyncio.Runner) -> Iterator[Limiter]:
    memory = MemoryLimiter(BUDGETS, {"upload": 2}, watch)
    if request.param == "memory":
        yield memory
        return
    server: RedisServer = request.getfixturevalue("redis")
    limiter = RedisLimiter(server.url, BUDGETS, memory, now=watch)
    yield limiter
    assert not limiter.is_away
    assert memory._windows == {}
    runner.run(limiter.close())


def spend(runner: asyncio.Runner, limiter: Limiter, count: int, caller: str = "one") -> list[Budget | None]:
    async def story() -> list[Budget | None]:
        return [await limiter.spend("call", caller) for _ in range(count)]

    budgets: list[Budget | None] = runner.run(story())
    return budgets


def refused(runner: asyncio.Runner, limiter: Limiter) -> RateLimited:
    with pytest.raises(RateLimited) as refusal:
        runner.run(limiter.spend("call", "one"))
    return refusal.value


def test_exactly_the_budget_is_let_in_and_what_is_left_is_told(runner: asyncio.Runner, limiter: Limiter, watch: Watch):
    """However the calls lie within the minute; another caller, and another action, have their own."""
    first = spend(runner, limiter, 1)[0]
    watch.seconds += 59
    last = spend(runner, limiter, 9)[-1]
    assert first == Budget("call", 10, 60, 9, 60)
    assert last is not None
    assert (0, 1) == (last.remaining, round(last.reset_seconds))
    error = refused(runner, limiter)
    assert (error.action, error.limit, error.window_seconds) == ("call", 10, 60)
    assert spend(runner, limiter, 1, "other")[0] == Budget("call", 10, 60, 9, 60)
    runner.run(limiter.spend("upload", "one"))


@pytest.mark.parametrize("spread", [0, 1, 5.9])
def test_after_the_wait_that_was_told_there_is_room_and_not_before(
    runner: asyncio.Runner, limiter: Limiter, watch: Watch, spread: float
):
    """Also for calls that come evenly."""
    for _ in range(10):
        spend(runner, limiter, 1)
        watch.seconds += spread
    wait = refused(runner, limiter).retry_after_seconds
    watch.seconds += wait - 1
    refused(runner, limiter)
    watch.seconds += 1.001
    spend(runner, limiter, 1)


def test_no_minute_sees_more_than_the_budget_by_much(runner: asyncio.Runner, limiter: Limiter, watch: Watch):
    """A caller who always takes what is given, for an hour: no minute has over a fifth more than the budget."""
    taken = []
    for _ in range(3600):
        watch.seconds += 1
        try:
            spend(runner, limiter, 1)
        except RateLimited:
            continue
        taken.append(watch.seconds)
    worst = max(sum(began <= at < began + 60 for at in taken) for began in taken)
    assert 10 <= worst <= 12
    assert 500 <= len(taken) <= 610


def test_a_refusal_costs_nothing_and_a_look_neither(runner: asyncio.Runner, limiter: Limiter, watch: Watch):
    """Hammering does not lengthen the wait."""
    spend(runner, limiter, 9)
    for _ in range(5):
        runner.run(limiter.peek("call", "one"))
    spend(runner, limiter, 1)
    with pytest.raises(RateLimited):
        runner.run(limiter.peek("call", "one"))
    for _ in range(100):
        refused(runner, limiter)
    watch.seconds += 120
    assert len(spend(runner, limiter, 10)) == 10


def test_only_so_many_are_in_hand_at_once(limiter: Limiter):
    """One that ends makes room; another caller is not concerned."""
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(limiter.occupy("upload", "one"))
        second.enter_context(limiter.occupy("upload", "one"))
        with pytest.raises(RateLimited), limiter.occupy("upload", "one"):
            pass
        with limiter.occupy("upload", "other"):
            pass
        first.close()
        with limiter.occupy("upload", "one"):
            pass
    memory = limiter if isinstance(limiter, MemoryLimiter) else limiter._local
    assert memory._running == {}


def test_a_dear_call_takes_more_and_is_refused_whole(runner: asyncio.Runner, limiter: Limiter):
    """Three at once, while two are left: none is taken."""
    spend(runner, limiter, 8)
    with pytest.raises(RateLimited):
        runner.run(limiter.spend("call", "one", 3))
    assert runner.run(limiter.spend("call", "one", 2)) == Budget("call", 10, 60, 0, 60)


def test_fifty_at_once_take_exactly_the_budget(runner: asyncio.Runner, limiter: Limiter):
    """No more, and no fewer."""

    async def story() -> list[Budget | BaseException | None]:
        return await asyncio.gather(*(limiter.spend("call", "one") for _ in range(50)), return_exceptions=True)

    outcomes = runner.run(story())
    assert sum(isinstance(outcome, Budget) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 40


def test_what_costs_more_than_the_budget_takes_all_of_it(runner: asyncio.Runner, limiter: Limiter):
    """Once; a small budget is not a closed door, and no fault of ours."""
    told = runner.run(limiter.spend("upload", "one", 5))
    assert told is not None
    assert told.remaining == 0

    with pytest.raises(RateLimited) as refusal:
        runner.run(limiter.spend("upload", "one", 5))
    assert 60 <= refusal.value.retry_after_seconds <= 120
