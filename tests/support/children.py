"""One event loop and one pool of children for all tests of a module: starting children is the slow part."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from holdall.adapters.inspect.pool import ChildPool

T = TypeVar("T")


class Children:
    """A pool, and the loop that it lives on."""

    def __init__(self, runner: asyncio.Runner, pool: ChildPool) -> None:
        self._runner = runner
        self.pool = pool

    def run(self, story: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the pool's loop."""
        return self._runner.run(story)


@contextmanager
def children(size: int = 2, max_waiting: int = 64) -> Iterator[Children]:
    """A warm pool on its own loop, closed at the end."""
    with asyncio.Runner() as runner:
        pool = ChildPool(size, max_waiting)
        runner.run(pool.warm())
        try:
            yield Children(runner, pool)
        finally:
            runner.run(pool.close())
