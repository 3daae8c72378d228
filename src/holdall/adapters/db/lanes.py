"""Threads that run stories, and the way back to the event loop that waits for them."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from holdall.ports import Ledger

T = TypeVar("T")


@dataclass(slots=True)
class Task(Generic[T]):
    """A story on its way through a lane, and later what became of it."""

    story: Callable[[Ledger], T]
    loop: asyncio.AbstractEventLoop
    arrival: asyncio.Future[None]
    """Done when the outcome is known; cancelled when nobody waits for it any more."""
    is_durable: bool = True
    """Whether its commit is to be on disk before the outcome is told."""
    context: Context = field(default_factory=copy_context)
    """That of the caller, so that what the story logs is told of their request."""
    came_at: float = 0.0
    """On the clock of ``perf_counter``; told where somebody counts how long stories wait."""
    result: Any = None
    error: BaseException | None = None

    def run(self, ledger: Ledger) -> None:
        """Run the story and note what becomes of it."""
        self.error = None
        try:
            self.result = self.context.run(self.story, ledger)
        except BaseException as error:  # noqa: BLE001  whatever it is, it belongs to the caller, not to this thread
            self.error = error

    def outcome(self) -> T:
        """Return what the story returned, or raise what it raised."""
        error, self.error = self.error, None
        if error is None:
            result: T = self.result
            return result
        try:
            raise error
        finally:
            del error  # or the error would keep this frame, and the frame the error, until the next collection


class Worker(Protocol):
    """What one thread of a lane does; made, used and closed in that thread."""

    def serve(self, tasks: Sequence[Task[Any]]) -> None:
        """Give each of these tasks its outcome, whatever happens."""

    def close(self) -> None:
        """Let go of the connection."""


@dataclass(slots=True)
class _Farewell:
    """The last thing that a thread takes from its queue."""

    loop: asyncio.AbstractEventLoop
    arrival: asyncio.Future[None] = field(init=False)

    def __post_init__(self) -> None:
        self.arrival = self.loop.create_future()


class Lane:
    """A queue of stories with one or more threads behind it, each with a worker of its own.

    A thread takes everything that waits, up to ``portion`` stories, before it reports; on one queue, stories begin in
    the order in which they came. One put and one wake-up of the loop is all that a story costs on top of its work.
    """

    def __init__(
        self, name: str, workers: Sequence[Worker], portion: int = 1, waited: Callable[[float], None] | None = None
    ) -> None:
        """``waited`` is told, on the lane's threads, how many seconds each story waited for its turn."""
        self._queue: SimpleQueue[Task[Any] | _Farewell] = SimpleQueue()
        self._workers = workers
        self._portion = portion
        self._waited = waited
        # Daemons, so that a forgotten ``close`` cannot keep a process from ending; a commit is atomic either way.
        self._threads = [
            Thread(target=self._work, args=(worker,), name=f"holdall-{name}-{number}", daemon=True)
            for number, worker in enumerate(workers)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, story: Callable[[Ledger], T], *, is_durable: bool = True) -> T:
        """Run the story on one of the lane's threads.

        A cancelled caller stops waiting at once; a story that has begun goes on to its end, one that has not is
        never begun.
        """
        loop = asyncio.get_running_loop()
        task = Task(story, loop, loop.create_future(), is_durable)
        if self._waited is not None:
            task.came_at = perf_counter()
        self._queue.put(task)
        await task.arrival
        return task.outcome()

    async def close(self) -> None:
        """Finish what waits, then end the threads."""
        loop = asyncio.get_running_loop()
        farewells = [_Farewell(loop) for _ in self._threads]
        for farewell in farewells:
            self._queue.put(farewell)
        for farewell in farewells:
            await farewell.arrival
        for thread in self._threads:
            thread.join()

    def _work(self, worker: Worker) -> None:
        while self._serve_next(worker):
            pass

    def _serve_next(self, worker: Worker) -> bool:
        """Serve what waits; ``False`` when that was the last. A frame of its own, to hold nothing while it idles."""
        tasks, farewell = self._take()
        if tasks:
            self._tell_waits(tasks)
            worker.serve(tasks)
            _report(tasks)
        if farewell is not None:
            worker.close()
            _report([farewell])
        return farewell is None

    def _tell_waits(self, tasks: Sequence[Task[Any]]) -> None:
        if self._waited is not None:
            now = perf_counter()
            for task in tasks:
                self._waited(now - task.came_at)

    def _take(self) -> tuple[list[Task[Any]], _Farewell | None]:
        tasks: list[Task[Any]] = []
        item = self._queue.get()
        while True:
            if isinstance(item, _Farewell):
                return tasks, item
            if not item.arrival.cancelled():
                tasks.append(item)
            if len(tasks) == self._portion:
                return tasks, None
            try:
                item = self._queue.get_nowait()
            except Empty:
                return tasks, None


def _report(items: Sequence[Task[Any] | _Farewell]) -> None:
    """Wake every waiter, with one call for each loop."""
    for loop in {item.loop for item in items}:
        arrivals = [item.arrival for item in items if item.loop is loop]
        try:
            loop.call_soon_threadsafe(_arrive, arrivals)
        except RuntimeError:
            # The loop was closed under us, so nobody waits there any more.
            continue


def _arrive(arrivals: Sequence[asyncio.Future[None]]) -> None:
    for arrival in arrivals:
        if not arrival.done():
            arrival.set_result(None)
