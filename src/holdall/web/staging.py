"""A file being staged: pieces arrive on the event loop, and a thread counts, hashes and writes them."""

import asyncio
import errno
import hashlib
import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from holdall.domain.files import HEAD_BYTES, Staged
from holdall.errors import StorageFull, StorageUnavailable

BLOCK_BYTES = 1 << 20
"""Pieces are gathered to about this much before a thread is asked to write them: the hop costs as much as 100 KB
of hashing, and two blocks in flight bound the memory of one upload."""
_MAX_IOVECS = 512
_FULL = {errno.ENOSPC, errno.EDQUOT}

_writers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="staging")


class StagingFile:
    """One file on its way in. Use ``write`` for each piece, then ``finish``; ``discard`` at any time."""

    def __init__(self, folder: Path, client_name: str, field: str, max_bytes: int) -> None:
        self.path = folder / secrets.token_hex(16)
        self.size = 0
        self.digests = {"sha-256": hashlib.sha256()}
        self._client_name = client_name
        self._field = field
        self._max_bytes = max_bytes
        self._head = b""
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._fd: int | None = None
        self._writing: asyncio.Future[None] | None = None
        self._lock = threading.Lock()  # a thread that a cancelled request left behind may still be writing
        self._is_discarded = False

    @property
    def is_over(self) -> bool:
        """Whether more bytes came than may be kept."""
        return self.size > self._max_bytes

    async def write(self, piece: bytes) -> None:
        """Take the next piece; returns at once unless two blocks are waiting for the disk.

        Past the ceiling, pieces are counted and dropped.

        Raises:
            StorageFull, StorageUnavailable: an earlier block could not be written.

        """
        if len(self._head) < HEAD_BYTES:
            self._head += piece[: HEAD_BYTES - len(self._head)]
        self.size += len(piece)
        if self.is_over:
            self._pieces.clear()
            return
        self._pieces.append(piece)
        self._gathered += len(piece)
        if self._gathered >= BLOCK_BYTES or len(self._pieces) >= _MAX_IOVECS:
            await self._hand_over()

    async def finish(self) -> Staged:
        """Write what is left and say what arrived.

        Raises:
            StorageFull, StorageUnavailable: it could not be written.

        """
        await self._written()
        if not self.is_over:
            await _in_thread(self._write_last, self._take())
        return Staged(
            path=self.path,
            size=self.size,
            sha256="" if self.is_over else self.digests["sha-256"].hexdigest(),
            head=self._head,
            client_name=self._client_name,
            field=self._field,
            is_over=self.is_over,
        )

    async def discard(self) -> None:
        """Leave nothing behind. Safe to repeat; never raises for a file that is gone."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(_writers, self._remove)

    async def _hand_over(self) -> None:
        await self._written()
        self._writing = asyncio.get_running_loop().run_in_executor(_writers, self._write_block, self._take())

    async def _written(self) -> None:
        """Wait for the block in flight, if any."""
        writing, self._writing = self._writing, None
        if writing is not None:
            await _translated(writing)

    def _take(self) -> list[bytes]:
        pieces, self._pieces, self._gathered = self._pieces, [], 0
        return pieces

    def _write_block(self, pieces: list[bytes]) -> None:
        """In a thread: hash and write, unless nobody wants it any more."""
        with self._lock:
            if not self._is_discarded:
                self._hash_and_write(pieces)

    def _hash_and_write(self, pieces: list[bytes]) -> None:
        """However little of it the system takes at once."""
        if self._fd is None:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        for piece in pieces:
            for digest in self.digests.values():
                digest.update(piece)
        views = [memoryview(piece) for piece in pieces]
        while views:
            written = os.writev(self._fd, views)
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if written:
                views[0] = views[0][written:]

    def _write_last(self, pieces: list[bytes]) -> None:
        self._write_block(pieces)
        self._close()

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _remove(self) -> None:
        with self._lock:
            self._is_discarded = True
            self._close()
            self.path.unlink(missing_ok=True)


async def _in_thread(work: object, pieces: list[bytes]) -> None:
    await _translated(asyncio.get_running_loop().run_in_executor(_writers, work, pieces))  # type: ignore[arg-type]


async def _translated(writing: "asyncio.Future[None]") -> None:
    """The outcome of a write, with the system's errors in our words."""
    try:
        await writing
    except OSError as error:
        kind = StorageFull if error.errno in _FULL else StorageUnavailable
        raise kind(f"staging: {error.strerror}") from error
