"""A file being staged: pieces arrive on the event loop, and a thread hashes and writes them a block at a time.

A file that ends within its first block never touches the disk: it is held in memory, behind a descriptor that the
inspecting process can be handed (memfd_create(2)); where the system has no such thing, it is written like any other.
Most receipts and avatars are that small, and a file made, written and unlinked for each of them costs two changes of
thread and more system calls than keeping it does.
"""

import asyncio
import errno
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from holdall.domain.files import HEAD_BYTES, Staged
from holdall.errors import StorageFull, StorageUnavailable

T = TypeVar("T")

BLOCK_BYTES = 1 << 20
"""Pieces are gathered to about this much before a thread is asked to write them: the hop costs as much as 100 KB
of hashing, and two blocks in flight bound the memory of one upload."""
INLINE_BYTES = 256 << 10
"""As much as is hashed on the event loop: 0.16 ms at 1.6 GB/s, less than a change of thread costs the loop."""
FLUSH_BYTES = 32 << 20
"""After so much, the disk is set to work while the rest arrives: the sync at the end of a gigabyte then has a tenth
left to wait for. The kernel by itself would begin when a tenth of the memory is waiting to be written."""
_HAS_MEMORY_FILES = hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir()
_MAX_IOVECS = 512
_FULL = {errno.ENOSPC, errno.EDQUOT}

_writers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="staging")
_flushers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="flushing")


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
        self._memory: int | None = None
        self._is_threaded = False
        self._writing: asyncio.Future[None] | None = None
        self._flushing: asyncio.Future[None] | None = None
        self._flushed = 0
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
        await self._flushed_so_far()
        data = None
        if not self.is_over:
            data = await self._end(self._take())
        return Staged(
            path=self.path,
            size=self.size,
            sha256="" if self.is_over else self.digests["sha-256"].hexdigest(),
            head=self._head,
            client_name=self._client_name,
            field=self._field,
            data=data,
            is_over=self.is_over,
        )

    async def _end(self, pieces: list[bytes]) -> bytes | None:
        """Write the last pieces; the bytes themselves where they are all there is, and can be held in memory."""
        if self._is_threaded or not _HAS_MEMORY_FILES:
            await self._in_thread(self._write_last, pieces)
            return None
        data = b"".join(pieces)
        if len(data) <= INLINE_BYTES:
            with _storage_errors():
                self._hold(data)
        else:
            await self._in_thread(self._hold, data)
        return data

    def _hold(self, data: bytes) -> None:
        """Hash the bytes and put them behind a descriptor of their own."""
        for digest in self.digests.values():
            digest.update(data)
        with self._lock:
            if not self._is_discarded:
                self._memory = os.memfd_create("staged", os.MFD_CLOEXEC)
                os.fchmod(self._memory, 0o600)
                _write_all(self._memory, [data])
                self.path = Path(f"/proc/self/fd/{self._memory}")

    async def discard(self) -> None:
        """Leave nothing behind. Safe to repeat; never raises for a file that is gone."""
        under_way = [work for work in (self._writing, self._flushing) if work is not None]
        await asyncio.gather(*under_way, return_exceptions=True)
        if self._is_threaded:
            await asyncio.get_running_loop().run_in_executor(_writers, self._remove)
        else:
            self._remove()

    async def _hand_over(self) -> None:
        await self._written()
        self._is_threaded = True
        self._writing = asyncio.get_running_loop().run_in_executor(_writers, self._write_block, self._take())
        if self.size - self._flushed >= FLUSH_BYTES and (self._flushing is None or self._flushing.done()):
            await self._flushed_so_far()
            self._flushed = self.size
            self._flushing = asyncio.get_running_loop().run_in_executor(_flushers, self._flush)

    async def _in_thread(self, work: Callable[[T], None], given: T) -> None:
        self._is_threaded = True
        with _storage_errors():
            await asyncio.get_running_loop().run_in_executor(_writers, work, given)

    async def _written(self) -> None:
        """Wait for the block in flight, if any."""
        writing, self._writing = self._writing, None
        if writing is not None:
            with _storage_errors():
                await writing

    async def _flushed_so_far(self) -> None:
        """Wait for the flush under way, if any; one that failed is told once, and never by a later sync."""
        flushing, self._flushing = self._flushing, None
        if flushing is not None:
            with _storage_errors():
                await flushing

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
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        for piece in pieces:
            for digest in self.digests.values():
                digest.update(piece)
        _write_all(self._fd, pieces)

    def _flush(self) -> None:
        """In a thread: have what was written so far brought to the disk."""
        if self._fd is not None:
            os.fdatasync(self._fd)

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
            if self._memory is None:
                self.path.unlink(missing_ok=True)
            else:
                os.close(self._memory)
                self._memory = None


def _write_all(fd: int, pieces: list[bytes]) -> None:
    """Write the pieces, however little of them the system takes at once."""
    views = [memoryview(piece) for piece in pieces if piece]
    while views:
        written = os.writev(fd, views)
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if written:
            views[0] = views[0][written:]


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except OSError as error:
        kind = StorageFull if error.errno in _FULL else StorageUnavailable
        raise kind(f"staging: {error.strerror}") from error
