"""Budgets over a sliding window, things in hand, and turns: with a clock of our own."""

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any

import pytest

from holdall.adapters.limits import FairTurns, MemoryLimiter, NoLimiter
from holdall.errors import RateLimited
from holdall.ports import Budget


class Watch:
    """A clock that is set by hand."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def limiter(watch: Watch) -> MemoryLimiter:
    return MemoryLimiter({"call": 10, "upload": 3}, {"upload": 2}, watch)


def run(story: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(story)


def spend(limiter: MemoryLimiter, count: int, caller: str = "one") -> list[Budget | None]:
    async def story() -> list[Budget | None]:
        return [await limiter.spend("call", caller) for _ in range(count)]

    budgets: list[Budget | None] = run(story())
    return budgets


def refused(limiter: MemoryLimiter) -> RateLimited:
    with pytest.raises(RateLimited) as refusal:
        run(limiter.spend("call", "one"))
    return refusal.value


def test_exactly_the_budget_is_let_in_and_what_is_left_is_told(limiter: MemoryLimiter, watch: Watch):
    """However the calls lie within the minute; another caller, and another action, have their own."""
    first = spend(limiter, 1)[0]
    watch.seconds += 59
    last = spend(limiter, 9)[-1]
    assert first == Budget("call", 10, 60, 9, 60)
    assert last is not None
    assert (0, 1) == (last.remaining, round(last.reset_seconds))
    error = refused(limiter)
    assert (error.action, error.limit, error.window_seconds) == ("call", 10, 60)
    assert spend(limiter, 1, "other")[0] == Budget("call", 10, 60, 9, 60)
    run(limiter.spend("upload", "one"))


@pytest.mark.parametrize("spread", [0, 1, 5.9])
def test_after_the_wait_that_was_told_there_is_room_and_not_before(limiter: MemoryLimiter, watch: Watch, spread: float):
    """Also for calls that come evenly."""
    for _ in range(10):
        spend(limiter, 1)
        watch.seconds += spread
    wait = refused(limiter).retry_after_seconds
    watch.seconds += wait - 1
    refused(limiter)
    watch.seconds += 1.001
    spend(limiter, 1)


def test_no_minute_sees_more_than_the_budget_by_much(limiter: MemoryLimiter, watch: Watch):
    """A caller who always takes what is given, for an hour: no minute has over a fifth more than the budget."""
    taken = []
    for _ in range(3600):
        watch.seconds += 1
        try:
            spend(limiter, 1)
        except RateLimited:
            continue
        taken.append(watch.seconds)
    worst = max(sum(began <= at < began + 60 for at in taken) for began in taken)
    assert 10 <= worst <= 12
    assert 500 <= len(taken) <= 610


def test_a_refusal_costs_nothing_and_a_look_neither(limiter: MemoryLimiter, watch: Watch):
    """Hammering does not lengthen the wait."""
    spend(limiter, 9)
    for _ in range(5):
        run(limiter.peek("call", "one"))
    spend(limiter, 1)
    with pytest.raises(RateLimited):
        run(limiter.peek("call", "one"))
    for _ in range(100):
        refused(limiter)
    watch.seconds += 120
    assert len(spend(limiter, 10)) == 10


def test_whoever_is_gone_is_forgotten(limiter: MemoryLimiter, watch: Watch):
    """Memory is for those who call."""
    for number in range(1000):
        spend(limiter, 1, str(number))
    watch.seconds += 121
    spend(limiter, 1)
    assert len(limiter._windows) == 1


def test_only_so_many_are_in_hand_at_once(limiter: MemoryLimiter):
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
    assert limiter._running == {}


def test_no_limiter_never_refuses():
    """For benchmarks."""

    async def story() -> None:
        for _ in range(2000):
            await NoLimiter().spend("sign-in", "one")
            await NoLimiter().peek("sign-in", "one")
            with NoLimiter().occupy("upload", "one"):
                pass

    run(story())


def test_a_caller_with_much_to_check_does_not_hold_up_another():
    """Fifty of one are let in two at a time, in order; one of another's goes straight in."""

    async def story() -> list[str]:
        turns, order, running = FairTurns(2), list[str](), {"one": 0, "other": 0}

        async def check(caller: str, name: str) -> None:
            async with turns.turn(caller):
                running[caller] += 1
                assert running[caller] <= 2
                order.append(name)
                await asyncio.sleep(0.001)
                running[caller] -= 1

        many = [asyncio.create_task(check("one", str(number))) for number in range(50)]
        await asyncio.sleep(0)
        await check("other", "late")
        await asyncio.gather(*many)
        assert turns._running == {} == turns._waiting
        return order

    order = run(story())
    assert order.index("late") <= 4
    assert [name for name in order if name != "late"] == [str(number) for number in range(50)]


def test_whoever_stops_waiting_for_a_turn_keeps_none():
    """Neither while waiting nor in the moment of being let in."""

    async def story() -> None:
        turns = FairTurns(1)

        async def check() -> None:
            async with turns.turn("one"):
                await asyncio.sleep(0)

        for is_let_in_first in (False, True):
            holder = turns.turn("one")
            await holder.__aenter__()
            waiter = asyncio.create_task(check())
            await asyncio.sleep(0)
            if is_let_in_first:
                await holder.__aexit__(None, None, None)
                waiter.cancel()
            else:
                waiter.cancel()
                await asyncio.sleep(0)
                await holder.__aexit__(None, None, None)
            await asyncio.gather(waiter, return_exceptions=True)
            await asyncio.wait_for(check(), 1)
            assert turns._running == {}

    run(story())


def test_what_costs_more_than_the_budget_takes_all_of_it(limiter: MemoryLimiter):
    """Once; a small budget is not a closed door, and no fault of ours."""
    told = run(limiter.spend("upload", "one", 5))
    assert told is not None
    assert told.remaining == 0

    with pytest.raises(RateLimited) as refusal:
        run(limiter.spend("upload", "one", 5))
    assert 60 <= refusal.value.retry_after_seconds <= 120
