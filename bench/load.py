"""The load: a process of its own, so that what it costs is never counted as the server's."""

import asyncio
import multiprocessing
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Protocol, cast

import uvloop

from bench.requests import Answer, Conversation, Talk, check

_BUFFER_BYTES = 1 << 20
_KEPT_BYTES = 64 << 10
"""Larger bodies are counted and dropped."""
_BLOCK_BYTES = 64 << 20
_GIVE_UP_SECONDS = 120.0


@dataclass(slots=True)
class Outcome:
    """What one stretch of load came to."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds, one for each conversation."""
    bytes_received: int = 0


class Job(Protocol):
    """A stretch of load."""

    def prepare(self) -> None:
        """Do what need not be timed."""
        ...

    def run(self) -> Outcome:
        """Put the load on."""
        ...


@dataclass
class ClosedLoop:
    """So many connections, each of which begins a new conversation when the last one is answered."""

    port: int
    at_once: int
    seconds: float
    talk: Talk

    def prepare(self) -> None:
        """Nothing: requests are ready-made."""

    def run(self) -> Outcome:
        """Talk for this long, and finish what was begun."""
        return uvloop.run(self._run())

    async def _run(self) -> Outcome:
        loop, outcome = asyncio.get_running_loop(), Outcome()
        began = time.perf_counter()
        talkers = [_Talker(self.talk, number, began + self.seconds, outcome) for number in range(self.at_once)]
        for talker in talkers:
            await loop.create_connection(lambda talker=talker: talker, "127.0.0.1", self.port)
        async with asyncio.timeout(self.seconds + _GIVE_UP_SECONDS):
            await asyncio.gather(*(talker.done for talker in talkers))
        outcome.seconds = time.perf_counter() - began
        return outcome


class _Talker(asyncio.BufferedProtocol):
    """One connection: says what its conversation yields, reads just enough of the answer to know its end."""

    def __init__(self, talk: Talk, number: int, until: float, outcome: Outcome) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._talk = talk
        self._number = number
        self._until = until
        self._outcome = outcome
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._head = b""
        self._body = bytearray()
        self._answer: Answer | None = None
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start talking."""
        self._transport = cast("asyncio.Transport", transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, or a failure where more was to come."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))

    def get_buffer(self, sizehint: int) -> memoryview:
        """The same buffer each time: what is read is counted, seldom kept."""
        del sizehint
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came."""
        try:
            self._take(self._buffer[:nbytes])
        except Exception as error:  # noqa: BLE001  whatever it is, it belongs to who started the load
            if not self.done.done():
                self.done.set_exception(error)
            self._transport.close()

    def _begin(self) -> None:
        self._began = time.perf_counter()
        self._conversation: Conversation = self._talk.begin(self._number)
        self._transport.writelines(next(self._conversation))

    def _take(self, piece: memoryview) -> None:
        if self._answer is None:
            self._head += piece
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            piece = memoryview(self._head)[end + 4 :]
            self._answer, self._left = _read_head(self._head[:end])
        self._left -= len(piece)
        if self._answer.size <= _KEPT_BYTES:
            self._body += piece
        if self._left <= 0:
            self._go_on(self._answer._replace(body=bytes(self._body)))

    def _go_on(self, answer: Answer) -> None:
        self._outcome.bytes_received += answer.size
        self._answer, self._head = None, b""
        self._body.clear()
        try:
            self._transport.writelines(self._conversation.send(answer))
        except StopIteration:
            now = time.perf_counter()
            self._outcome.latencies.append(now - self._began)
            if now < self._until:
                self._begin()
            else:
                self.done.set_result(None)
                self._transport.close()


def _read_head(head: bytes) -> tuple[Answer, int]:
    """The answer so far, and how many bytes of body it announces."""
    status = int(head[9:12])
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at < 0 and status not in (204, 304):
        raise RuntimeError(f"an answer without Content-Length: {head.decode(errors='replace')}")
    length = int(lower[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 and status not in (204, 304) else 0
    return Answer(status, b"", length), length


@dataclass
class Stream:
    """One large body in one request, sent by the kernel from memory: the client costs next to nothing."""

    port: int
    head: bytes
    tail: bytes
    size: int

    def prepare(self) -> None:
        """Fill a block of memory with what cannot be compressed; it is sent again and again after a new mark."""
        self._mark = os.urandom(64)
        self._block = os.memfd_create("block")
        for _ in range(_BLOCK_BYTES >> 20):
            os.write(self._block, os.urandom(1 << 20))

    def run(self) -> Outcome:
        """Send it all, and wait for the answer."""
        with socket.create_connection(("127.0.0.1", self.port), _GIVE_UP_SECONDS) as connection:
            began = time.perf_counter()
            connection.sendall(self.head + self._mark)
            self._send_blocks(connection)
            connection.sendall(self.tail)
            answer = _read_answer(connection)
            seconds = time.perf_counter() - began
        os.close(self._block)
        return Outcome(seconds, [seconds], len(check(answer).body))

    def _send_blocks(self, connection: socket.socket) -> None:
        connection.setblocking(True)
        left = self.size - len(self._mark)
        while left:
            offset = (self.size - left) % _BLOCK_BYTES
            left -= os.sendfile(connection.fileno(), self._block, offset, min(left, _BLOCK_BYTES - offset))


def _read_answer(connection: socket.socket) -> Answer:
    received = b""
    while b"\r\n\r\n" not in received:
        received += _some(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    answer, length = _read_head(head)
    while len(body) < length:
        body += _some(connection)
    return answer._replace(body=body)


def _some(connection: socket.socket) -> bytes:
    piece = connection.recv(_BUFFER_BYTES)
    if not piece:
        raise ConnectionError("the server closed the connection")
    return piece


class Generator:
    """The handle on the process that makes the load."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def prepare(self, job: Job) -> None:
        """Have the job made ready; on return, nothing is left to do but to start."""
        self._connection.send(job)
        self._receive()

    def go(self) -> Outcome:
        """Run what was made ready.

        Raises:
            RuntimeError: it went wrong; the message says how.

        """
        self._connection.send(None)
        return self._receive()

    def _receive(self) -> Outcome:
        answer = self._connection.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)  # noqa: TRY004  the text of what went wrong in the other process
        return answer


@contextmanager
def generator() -> Iterator[Generator]:
    """A process that makes load until the context ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Generator(ours)
    finally:
        ours.close()
        process.join(5)


def _serve(connection: Connection) -> None:
    while True:
        try:
            job: Job = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            job.prepare()
            connection.send(None)
            connection.recv()
            connection.send(job.run())
        except Exception as error:  # noqa: BLE001  told to who asked for the load
            connection.send(f"{type(error).__name__}: {error}")
