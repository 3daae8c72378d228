"""What only the limiter of one process does, no limiter, and turns. The contract of limiters: tests/contract."""

import asyncio

from holdall.adapters.limits import FairTurns, MemoryLimiter, NoLimiter


def test_whoever_is_gone_is_forgotten():
    """Memory is for those who call."""
    seconds = [1000.0]

    async def story() -> int:
        limiter = MemoryLimiter({"call": 10}, {}, lambda: seconds[0])
        for number in range(1000):
            await limiter.spend("call", str(number))
        seconds[0] += 121
        await limiter.spend("call", "one")
        return len(limiter._windows)

    assert asyncio.run(story()) == 1


def test_no_limiter_never_refuses():
    """For benchmarks."""

    async def story() -> None:
        for _ in range(2000):
            await NoLimiter().spend("sign-in", "one")
            await NoLimiter().peek("sign-in", "one")
            with NoLimiter().occupy("upload", "one"):
                pass

    asyncio.run(story())


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

    order = asyncio.run(story())
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

    asyncio.run(story())
