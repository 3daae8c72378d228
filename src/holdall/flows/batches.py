"""Much work, some of it at a time: batches are fetched in a thread, and a few of them are under way at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 2


async def in_batches(
    next_batch: Callable[[], list[T]], do: Callable[[list[T]], Awaitable[None]], at_once: int = AT_ONCE
) -> None:
    """Do every batch until there is an empty one; the first failure ends it all, and is raised as it is."""
    turns = asyncio.Semaphore(at_once)

    async def in_turn(batch: list[T]) -> None:
        try:
            await do(batch)
        finally:
            turns.release()

    try:
        async with asyncio.TaskGroup() as tasks:
            await turns.acquire()
            while batch := await asyncio.to_thread(next_batch):
                tasks.create_task(in_turn(batch))
                await turns.acquire()
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
