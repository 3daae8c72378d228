"""A few warm child processes, in which every byte of a client's file is parsed.

A child does one job at a time. A child that dies, overruns the wall clock or talks nonsense is killed and replaced,
and only its own job fails. Children are kept between jobs because starting one costs some 300 ms and most jobs a few.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from holdall.adapters.inspect.messages import (
    LENGTH_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_RENDITION_BYTES,
    Hello,
    Job,
    Reply,
    framed,
)
from holdall.adapters.scan.rulebook import RuleBook, Rules, RulesBroken
from holdall.errors import InspectorUnavailable

log = structlog.get_logger()

START_SECONDS = 30.0
"""How long a child may take to load its parsers; a third of a second is usual, a cold disk can make it ten."""
JOBS_PER_CHILD = 2000
"""A child is replaced after so many jobs, which bounds what a leak in a parser can add up to."""
_READ_BYTES = 1 << 18
_Message = TypeVar("_Message", Hello, Reply)

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""All that a child sees of our environment, which may hold the passwords of the database and the object store."""
_FOR_PARSERS = {
    "MALLOC_ARENA_MAX": "1",  # glibc reserves 64 MiB of address space for each thread's arena, which is counted
    "VIPS_CONCURRENCY": "1",  # children run beside each other already
    "VIPS_WARNING": "0",
    "PYTHONUTF8": "1",
}


class ChildFailed(Exception):  # noqa: N818 - said of a child, as the others are of files
    """The child died, overran the wall clock or broke the protocol, so nothing good is known of its file."""


class ChildPool:
    """At most ``size`` children at work, and at most ``max_waiting`` jobs waiting for one.

    A child goes by the rules that were in force when it started; when others are, it is replaced before its next job.
    """

    def __init__(self, size: int = 2, max_waiting: int = 64, rules: RuleBook | None = None) -> None:
        self._rules = rules or RuleBook()
        self._size = size
        self._turns = asyncio.Semaphore(size)
        self._max_waiting = max_waiting
        self._free_places = size + max_waiting
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._enforced: tuple[str, ...] = ()
        self._is_closed = False
        self.started = 0
        """Children so far."""
        self.failed = 0
        """Of those, the ones that died over a file, took too long or talked nonsense."""

    @property
    def busy(self) -> int:
        """Children that are at a file."""
        return len(self._busy)

    @property
    def idle(self) -> int:
        """Children that wait for one."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Jobs that wait for a child."""
        return max(0, self._max_waiting - self._free_places)

    @property
    def enforced(self) -> tuple[str, ...]:
        """The limits that this platform enforces on children, by name; empty before the first child has started."""
        return self._enforced

    async def edition(self) -> str:
        """The version of the rules in force.

        Raises:
            InspectorUnavailable: they are broken.

        """
        return (await self._current_rules()).edition

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the children, idle and busy, for tests and for whoever watches memory."""
        return tuple(child.process.pid for child in (*self._idle, *self._busy))

    async def warm(self) -> None:
        """Start one child ahead of the first job.

        Raises:
            InspectorUnavailable: it did not start, and none will.

        """
        async with self._turns:
            if not self._idle:
                self._idle.append(await self._start())

    async def look(self) -> None:
        """See that there is a child, or that one starts.

        Raises:
            InspectorUnavailable: none does, or the pool is closed.

        """
        if self._is_closed:
            raise InspectorUnavailable("the pool is closed")
        if not any(child.is_alive() for child in (*self._busy, *self._idle)):
            async with self._turns:
                await self._put_back(await self._take(), is_sound=True)

    async def run(self, job: Job, path: Path, wall_seconds: float) -> tuple[Reply, list[bytes]]:
        """Have a child do ``job`` on the file at ``path``; the time spent waiting for a child is not counted.

        Returns the reply and the bytes of its renditions, in the order of ``reply.renditions``. Safe to repeat.

        Raises:
            ChildFailed: this file's child died, was too slow or broke the protocol.
            InspectorUnavailable: the queue is full, no child starts, the file cannot be opened, the pool is closed.

        """
        if self._free_places <= 0:
            raise InspectorUnavailable("too many files are waiting to be looked at")
        self._free_places -= 1
        try:
            async with self._turns:
                return await self._run_now(job, path, wall_seconds)
        finally:
            self._free_places += 1

    async def close(self) -> None:
        """Kill every child and wait for the jobs at work and in the queue, which fail. Safe to repeat."""
        self._is_closed = True
        for child in self._busy:
            child.process.kill()  # its job wakes up, fails and clears up
        for _ in range(self._size):
            await self._turns.acquire()
        while self._idle:
            await self._idle.pop().end()
        for _ in range(self._size):
            self._turns.release()

    async def _run_now(self, job: Job, path: Path, wall_seconds: float) -> tuple[Reply, list[bytes]]:
        """Do the job on an idle child, or on a new one."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise InspectorUnavailable(f"the staged file cannot be opened: {error.strerror}") from error
        try:
            child = await self._take()
            is_sound = False
            try:
                async with asyncio.timeout(wall_seconds):
                    reply, renditions = await child.ask(job, file)
                is_sound = not reply.is_last and child.jobs < JOBS_PER_CHILD
            except TimeoutError as error:
                self._note_failure(f"took more than {wall_seconds:g} s")
                raise ChildFailed(f"took more than {wall_seconds:g} s") from error
            except ChildFailed as failure:
                self._note_failure(str(failure))
                raise
            finally:
                await self._put_back(child, is_sound=is_sound)
        finally:
            os.close(file)
        return reply, renditions

    def _note_failure(self, reason: str) -> None:
        self.failed += 1
        log.warning("a child failed", reason=reason, pids=self.pids)

    async def _take(self) -> "_Child":
        """An idle child that lives, else a new one; it counts as busy."""
        if self._is_closed:
            raise InspectorUnavailable("the pool is closed")
        while self._idle:
            child = self._idle.pop()
            if child.is_alive() and child.rules == self._rules.in_force:
                break
            await child.end()
        else:
            child = await self._start()
        self._busy.add(child)
        return child

    async def _put_back(self, child: "_Child", *, is_sound: bool) -> None:
        """Keep a child that is fit for another job; kill any other."""
        self._busy.discard(child)
        if is_sound and not self._is_closed:
            self._idle.append(child)
        else:
            await child.end()

    async def _start(self) -> "_Child":
        """A child that has said hello."""
        child = _Child(await self._current_rules())
        try:
            async with asyncio.timeout(START_SECONDS):
                hello = await child.greet()
        except (ChildFailed, TimeoutError, asyncio.CancelledError) as error:
            await child.end()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise InspectorUnavailable(f"no child process starts: {error}") from error
        if hello.failure:
            await child.end()
            raise InspectorUnavailable(f"no child process starts: {hello.failure}")
        self._enforced = hello.enforced
        self.started += 1
        return child

    async def _current_rules(self) -> Rules:
        try:
            return await self._rules.current()
        except RulesBroken as error:
            raise InspectorUnavailable(f"the malware rules are broken: {error}") from error


class _Child:
    """One child process and our end of the socket to it.

    It is started from the thread that runs the event loop, never from a pool thread: the kernel ends a child with the
    *thread* that made it (prctl(2), PR_SET_PDEATHSIG).
    """

    def __init__(self, rules: Rules) -> None:
        ours, theirs = socket.socketpair()
        compiled = [] if rules.file is None else [rules.file]
        with theirs:
            try:
                self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
                    [*_COMMAND, str(theirs.fileno()), str(os.getpid()), *map(str, compiled)],
                    pass_fds=[theirs.fileno(), *compiled],
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,  # libraries quote the file in their warnings
                )
            except OSError as error:
                ours.close()
                raise InspectorUnavailable(f"no child process starts: {error.strerror}") from error
        ours.setblocking(False)
        self.jobs = 0
        self.rules = rules
        self._socket = ours
        self._unread = b""

    def is_alive(self) -> bool:
        """Whether the process still runs (the kernel may have chosen it when memory ran out)."""
        return self.process.poll() is None

    async def greet(self) -> Hello:
        """Wait until it is ready."""
        return await self._receive(Hello)

    async def ask(self, job: Job, file: int) -> tuple[Reply, list[bytes]]:
        """Send a job with its open file and wait for all of the answer."""
        self.jobs += 1
        message = framed(job)
        try:
            # A job is a few hundred bytes and the child reads nothing else, so the socket has room for all of it.
            sent = socket.send_fds(self._socket, [message], [file])
        except OSError as error:
            raise ChildFailed("its process has died") from error
        if sent != len(message):
            raise ChildFailed("its process does not read")
        reply = await self._receive(Reply)
        sizes = [head.size for head in (*reply.renditions, *([reply.replacement] if reply.replacement else []))]
        if min(sizes, default=0) < 0 or sum(sizes) > MAX_RENDITION_BYTES:
            raise ChildFailed("its process broke the protocol")
        renditions = [await self._read(size) for size in sizes]
        if self._unread:
            raise ChildFailed("its process broke the protocol")
        return reply, renditions

    async def end(self) -> None:
        """Kill it and leave no zombie. Safe to repeat."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self._socket.close()
        # A killed process is gone in microseconds, but giving back a gigabyte of memory takes longer than a loop may.
        if self.process.returncode is None:
            await asyncio.shield(asyncio.to_thread(self.process.wait))

    async def _receive(self, type: type[_Message]) -> _Message:
        """The next message, which must be exactly of this type."""
        size = int.from_bytes(await self._read(LENGTH_BYTES), "big")
        if size > MAX_MESSAGE_BYTES:
            raise ChildFailed("its process broke the protocol")
        try:
            return msgspec.json.decode(await self._read(size), type=type)
        except msgspec.MsgspecError as error:
            raise ChildFailed("its process broke the protocol") from error

    async def _read(self, size: int) -> bytes:
        """Exactly so many bytes."""
        pieces = [self._unread]
        missing = size - len(self._unread)
        loop = asyncio.get_running_loop()
        while missing > 0:
            try:
                piece = await loop.sock_recv(self._socket, _READ_BYTES)
            except OSError as error:
                raise ChildFailed("its process has died") from error
            if not piece:
                raise ChildFailed("its process has died")
            pieces.append(piece)
            missing -= len(piece)
        data = b"".join(pieces)
        self._unread = data[size:]
        return data[:size]


# -P: the working folder, which may be anyone's, is not where modules come from.
_COMMAND: Sequence[str] = (sys.executable, "-P", "-m", "holdall.adapters.inspect.child")


def _environment() -> dict[str, str]:
    """The whole environment of a child."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _FOR_PARSERS
