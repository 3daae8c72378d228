"""Slow readers: who asks for a file and takes nothing of it is given up, be it sent by us or by the server itself.

Nothing in the HTTP server limits how long an answer may take, and of a file that it sends by itself no piece passes
through our hands. The kernel knows, for each connection, what is still to be taken and how much has been: so now and
then all connections are looked at, which costs each answer nothing. (TCP_USER_TIMEOUT would be simpler; it also hangs
up on who reads 20 KB a second, because it counts only room for as much as the kernel would like to send at once.)
"""

import asyncio
import os
import socket
import stat
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

PATIENCE = 3
"""How many times as long as for a body that does not come: a client's kernel tells of what was read in steps, of 64 KB
at most as a rule, and at 2 KB a second that takes half a minute."""
_LOOKS = 8
"""In the time after which a reader is given up."""
_INFO_BYTES = 160
_UNACKED, _ACKED, _NOT_SENT = struct.Struct("24xI"), struct.Struct("120xQ"), struct.Struct("144xI")
"""``struct tcp_info`` (include/uapi/linux/tcp.h): segments on their way, bytes that arrived in all, bytes that wait."""
_RESET = struct.pack("ii", 1, 0)
"""``struct linger``: what waits is thrown away, not kept by the kernel until the client takes it after all."""

Peer = tuple[int, str, int]
"""A descriptor, and whom it leads to."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """How far a client was, and since when."""

    acked: int
    since: float


class SlowReaders:
    """Looks at the connections that were taken on ``port``, and gives up those whose client takes nothing."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        self._seconds = seconds
        self._seen: dict[Peer, _Seen] = {}

    async def watch(self) -> None:
        """Until cancelled; returns at once where the system does not tell (elsewhere than on Linux)."""
        if not sys.platform.startswith("linux"):
            return
        while True:
            await asyncio.sleep(self._seconds / _LOOKS)
            given_up = await asyncio.to_thread(self.look, time.monotonic())
            for peer in given_up:
                log.info("gave up a slow reader", address=peer[1])

    def look(self, now: float) -> list[Peer]:
        """Look at each once; returns who was given up."""
        seen, given_up = {}, []
        for descriptor in _sockets():
            with suppress(OSError):  # closed meanwhile
                connection = socket.socket(fileno=descriptor)
                try:
                    found = self._judge(connection, now)
                finally:
                    connection.detach()  # it is the server's
                if found is None:
                    continue
                peer, where = found
                seen[peer] = where
                if now - where.since >= self._seconds:
                    given_up.append(peer)
        self._seen = seen
        return given_up

    def _judge(self, connection: socket.socket, now: float) -> tuple[Peer, _Seen] | None:
        """How far the client is, where it is one and has something to take; who has had time enough is hung up on."""
        if connection.family not in {socket.AF_INET, socket.AF_INET6} or connection.getsockname()[1] != self._port:
            return None
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        if len(info) < _NOT_SENT.size or not (_UNACKED.unpack_from(info)[0] or _NOT_SENT.unpack_from(info)[0]):
            return None
        peer = (connection.fileno(), *connection.getpeername()[:2])
        acked, before = _ACKED.unpack_from(info)[0], self._seen.get(peer)
        where = before if before is not None and before.acked == acked else _Seen(acked, now)
        if now - where.since >= self._seconds:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.shutdown(socket.SHUT_RDWR)
        return peer, where


def _sockets() -> list[int]:
    """The descriptors of this process that are sockets. No other is touched: not even a copy of it is made."""
    found = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  numbers, not paths
        with suppress(OSError):  # the list itself was read by one
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                found.append(int(name))
    return found
