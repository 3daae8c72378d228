# Each call to the system is a step that can fail. They are written, and in the tests made to fail, one by one.
# ruff: noqa: PTH100, PTH102, PTH103, PTH104, PTH108, PTH112, PTH120
"""Blobs as files of one folder on a local disk.

    root/                     0700
      00/ … ff/               0700, made when the store is made
        <32 hex digits>       0600, a whole object
      .incoming/              0700, objects on their way in; never listed

An object appears under its key by ``link``, which is atomic and fails when the name is taken: there is no moment at
which half an object can be seen, and no way to replace one. Before the link the bytes are synced, after it the folder
is; only then is the object there to stay. A sync that fails is final: the kernel may have dropped the pages it could
not write and call the next sync a success, so the whole put is undone and reported.

Many small objects at once (a backup, a restore) would wait some milliseconds for each sync, so the whole file system is
synced instead, once before the names are given and once after: the same promise at a tenth of the time.

All work on files is done in threads of the store's own. Readers have theirs and writers theirs, so that a disk busy
syncing does not hold up those who only read.
"""

import asyncio
import ctypes
import errno
import os
import stat
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, groupby
from pathlib import Path
from typing import Self, TypeVar

from holdall.adapters.blobs.keys import SHARDS, check_key, check_prefix, check_span, end_of_span, is_key
from holdall.errors import BytesDamaged, StorageFull, StorageUnavailable
from holdall.ports import Incoming, Source, StoredObject

T = TypeVar("T")

_PIECE_BYTES = 256 * 1024
_COPY_BYTES = 1024 * 1024
_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_GROUP_FILE_MODE = 0o640
_GROUP_FOLDER_MODE = 0o750
_INCOMING = ".incoming"
_MANY = 16
"""So many objects in memory are synced together; fewer cost less one by one, and leave the disk to others."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe in the way is refused, not waited for
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE_NAMELESS = os.O_WRONLY | getattr(os, "O_TMPFILE", os.O_CREAT | os.O_EXCL) | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_syncfs: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
"""Not every system has it."""
_serial = count()  # with the process id it makes the names of incoming files unique, however many stores there are


@dataclass(frozen=True, slots=True)
class _Draft:
    """An open file that holds an object's bytes, and the path from which it can be linked."""

    fd: int
    path: str
    is_nameless: bool = False
    """``path`` leads to the open file by way of the system's list of them."""


_Making = AbstractContextManager[_Draft]


class LocalBlobStore:
    """A ``BlobStore`` in the folder ``root``, which nobody else may write to.

    A file that is put from the same file system is linked, not copied: afterwards the source and the object are one
    file under two names, and the source must not be written to again.

    With ``for_group`` the group of the folder's owner may read what is whole: a web server that sends it.
    """

    def __init__(self, root: Path, threads: int = 8, *, for_group: bool = False) -> None:
        self._root = str(root)
        self._file_mode = _GROUP_FILE_MODE if for_group else _FILE_MODE
        self._readers = ThreadPoolExecutor(threads, "blob-reader")
        self._writers = ThreadPoolExecutor(threads, "blob-writer")
        with _storage_errors():
            _make_folders(self._root, _GROUP_FOLDER_MODE if for_group else _FOLDER_MODE)
        self._is_nameless = _can_be_nameless(self._root)

    async def put(self, key: str, source: Source) -> None:
        """Keep the bytes of ``source`` under ``key``; see the port."""
        await self.put_all([(key, source)])

    async def put_all(self, objects: Sequence[tuple[str, Source]]) -> None:
        """Put several objects in one go, with one sync for each folder; see the port."""
        await _on(self._writers, self._put_all, [(check_key(key), source) for key, source in objects])

    async def replace(self, key: str, source: Source) -> None:
        """Have the bytes of ``source`` in the place of those under ``key``; see the port."""
        await _on(self._writers, self._replace, check_key(key), source)

    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes from ``start`` to ``stop`` in pieces; see the port.

        The first piece is read along with the opening: an object of one piece costs one change of thread.
        """
        check_span(start, stop)
        path = self._path(key)
        return await _on(self._readers, _Reading, path, key, start, stop, self._readers)

    async def delete(self, key: str) -> None:
        """Forget ``key``; see the port. Durable on return."""
        await _on(self._writers, _unlink_durably, self._path(key))

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object whose key starts with ``prefix``, folder by folder; see the port."""
        check_prefix(prefix)
        for shard in SHARDS:
            if shard.startswith(prefix[:2]):
                for stored in await _on(self._readers, self._shard, shard):
                    if stored.key.startswith(prefix):
                        yield stored

    async def incoming(self) -> Sequence[Incoming]:
        """What lies in ``.incoming``; see the port. What has no name there is not seen, and leaves nothing."""
        return await _on(self._readers, self._incoming_files)

    async def sweep_incoming(self, before: datetime) -> int:
        """Remove what a crash left in ``.incoming``; see the port."""
        return await _on(self._writers, self._sweep, before.timestamp())

    def local_path(self, key: str) -> Path:
        """Where the object of ``key`` lies, whether or not there is one: for zero-copy sending only.

        Whoever opens it must not write to it, nor keep the path.
        """
        return Path(self._path(key))

    def close(self) -> None:
        """Let go of the threads, once what they are doing is done. Safe to repeat."""
        self._readers.shutdown()
        self._writers.shutdown()

    def _path(self, key: str) -> str:
        return f"{self._root}/{check_key(key)}"

    # ── on a writer's thread ─────────────────────────────────────────────────────────────────────────────────────

    def _put_all(self, objects: Sequence[tuple[str, Source]]) -> None:
        with _storage_errors(FileExistsError):
            try:
                self._publish(objects, self._linked)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._publish(objects, self._copied)

    def _publish(self, objects: Sequence[tuple[str, Source]], from_file: Callable[[Path], _Making]) -> None:
        """Make a draft of each, sync them all, then give them their names."""
        with ExitStack() as drafts:
            together = _Together(self._root) if _are_many(objects) else None
            if together is not None:
                drafts.callback(together.close)
            synced = [
                (key, drafts.enter_context(self._written(source) if isinstance(source, bytes) else from_file(source)))
                for key, source in objects
            ]
            if together is not None:
                together.sync()
            for (_, draft), (_, source) in zip(synced, objects, strict=True):
                if together is None or not isinstance(source, bytes):
                    os.fsync(draft.fd)
            _give_names(self._root, synced, together)

    def _replace(self, key: str, source: Source) -> None:
        """By ``rename``. Should the object be deleted at the same moment, a sweep finds what has no row then."""
        final = self._path(key)
        with _storage_errors(FileNotFoundError):
            _close(_open(final))
        with _storage_errors(), self._named() as draft:
            if isinstance(source, bytes):
                _write(draft.fd, source)
            else:
                _copy_from(source, draft.fd)
            os.fsync(draft.fd)
            os.rename(draft.path, final)
            _sync_folder(os.path.dirname(final))

    @contextmanager
    def _written(self, data: bytes) -> Iterator[_Draft]:
        """Bytes from memory, in a new file."""
        with self._incoming() as draft:
            _write(draft.fd, data)
            yield draft

    @contextmanager
    def _linked(self, source: Path) -> Iterator[_Draft]:
        """A file that gets a second name."""
        with _source(source) as fd:
            if stat.S_IMODE(os.fstat(fd).st_mode) != self._file_mode:
                os.fchmod(fd, self._file_mode)
            yield _Draft(fd, os.fspath(source))

    @contextmanager
    def _copied(self, source: Path) -> Iterator[_Draft]:
        """A file of another file system."""
        with self._incoming() as draft:
            _copy_from(source, draft.fd)
            yield draft

    @contextmanager
    def _incoming(self) -> Iterator[_Draft]:
        """A new private file, gone on leaving save for the names it was given.

        It has no name of its own where the system can do that, and nobody has to remove it.
        """
        if not self._is_nameless:
            with self._named() as draft:
                yield draft
            return
        fd = os.open(f"{self._root}/{_INCOMING}", _CREATE_NAMELESS, _FILE_MODE)
        try:
            self._open_to_readers(fd)
            yield _Draft(fd, f"/proc/self/fd/{fd}", is_nameless=True)
        finally:
            _close(fd)

    @contextmanager
    def _named(self) -> Iterator[_Draft]:
        """A new private file, gone on leaving under the name that it has here."""
        path = f"{self._root}/{_INCOMING}/{os.getpid()}-{next(_serial)}"
        fd = os.open(path, _CREATE, _FILE_MODE)
        try:
            self._open_to_readers(fd)
            yield _Draft(fd, path)
        finally:
            _close(fd)
            with suppress(OSError):  # what cannot be removed is for ``sweep_incoming``
                os.unlink(path)

    def _open_to_readers(self, fd: int) -> None:
        """The mode is set, for what a file is made with loses what the process's mask takes away."""
        if self._file_mode != _FILE_MODE:
            os.fchmod(fd, self._file_mode)

    def _sweep(self, before: float) -> int:
        with _storage_errors(), os.scandir(f"{self._root}/{_INCOMING}") as entries:
            return sum(_unlink_if_older(entry, before) for entry in entries)

    def _incoming_files(self) -> Sequence[Incoming]:
        with _storage_errors(), os.scandir(f"{self._root}/{_INCOMING}") as entries:
            return [found for entry in entries if (found := _half_written(entry))]

    # ── on a reader's thread ─────────────────────────────────────────────────────────────────────────────────────

    def _shard(self, shard: str) -> tuple[StoredObject, ...]:
        with _storage_errors(), os.scandir(f"{self._root}/{shard}") as entries:
            found = (_stored(f"{shard}/{entry.name}", entry) for entry in entries)
            return tuple(stored for stored in found if stored)


class _Reading:
    """The pieces of one open object. Its file is closed with the last piece, by ``aclose``, or when it is dropped."""

    def __init__(self, path: str, key: str, start: int, stop: int | None, threads: ThreadPoolExecutor) -> None:
        self._fd = -1
        self._key = key
        self._threads = threads
        self._lock = threading.Lock()
        with _storage_errors(FileNotFoundError):
            self._fd = _open(path)
            try:
                self._position = start
                self._stop = end_of_span(key, start, stop, _check_is_file(self._fd, path))
                self._ready = self._read()
            except BaseException:
                self._let_go()
                raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece, self._ready = self._ready, b""
        if not piece and self._fd >= 0:
            piece = await _on(self._threads, self._read)
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Let go of the file. Safe to repeat."""
        self._ready = b""
        if self._fd >= 0:
            await _on(self._threads, self._close)

    def __del__(self) -> None:
        # A reader that was cancelled while the file was being opened has nothing to call aclose on.
        self._close()

    def _read(self) -> bytes:
        """The next piece; closes the file after the last one, which saves a change of thread."""
        with self._lock, _storage_errors():
            piece = os.pread(self._fd, min(_PIECE_BYTES, self._stop - self._position), self._position)
            self._position += len(piece)
            if not piece and self._position < self._stop:
                raise BytesDamaged(f"{self._key} ended at byte {self._position} of {self._stop}")
            if self._position >= self._stop:
                self._let_go()
            return piece

    def _close(self) -> None:
        with self._lock:  # a read may still be under way, and its descriptor must not become another file's
            self._let_go()

    def _let_go(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            _close(fd)


async def _on(threads: ThreadPoolExecutor, work: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work, *arguments)


@contextmanager
def _storage_errors(*passed: type[OSError]) -> Iterator[None]:
    """Turn the system's errors into Holdall's, save those that the port promises by their own names."""
    try:
        yield
    except passed:
        raise
    except OSError as error:
        kind = StorageFull if error.errno in _NO_ROOM else StorageUnavailable
        raise kind(str(error)) from error


def _make_folders(root: str, mode: int) -> None:
    if not os.path.isdir(root):
        os.makedirs(root, _FOLDER_MODE)
        _sync_folder(os.path.dirname(os.path.abspath(root)))
    for name in (_INCOMING, *SHARDS):
        _make_folder(f"{root}/{name}")
    if mode != _FOLDER_MODE:  # those that are there already, too; what is half-written stays ours alone
        for path in (root, *(f"{root}/{name}" for name in SHARDS)):
            if stat.S_IMODE(os.lstat(path).st_mode) != mode:
                Path(path).chmod(mode)
    _sync_folder(root)


def _make_folder(path: str) -> None:
    try:
        os.mkdir(path, _FOLDER_MODE)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise


class _Together:
    """Everything that was written to a file system since this was made, synced at once."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, _FOLDER)  # a failure to write anything is told to those who had this open

    def sync(self) -> None:
        assert _syncfs is not None  # noqa: S101  for the type checker
        if _syncfs(self._fd):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def close(self) -> None:
        _close(self._fd)


def _are_many(objects: Sequence[tuple[str, Source]]) -> bool:
    return _syncfs is not None and sum(isinstance(source, bytes) for _, source in objects) >= _MANY


def _give_names(root: str, drafts: Sequence[tuple[str, _Draft]], together: _Together | None) -> None:
    """Give each synced draft the name of its key, durably; or leave no trace of any of the names."""
    named: list[str] = []
    try:
        for shard, group in groupby(drafts, key=lambda pair: pair[0][:2]):
            folder = os.open(f"{root}/{shard}", _FOLDER)
            try:
                for key, draft in group:
                    os.link(draft.path, key[3:], dst_dir_fd=folder, follow_symlinks=draft.is_nameless)
                    named.append(key)
                if together is None:
                    os.fsync(folder)
            finally:
                _close(folder)
        if together is not None:
            together.sync()
    except BaseException:
        for key in named:
            with suppress(OSError):
                os.unlink(f"{root}/{key}")
        raise


@contextmanager
def _source(path: Path) -> Iterator[int]:
    """An open file of ours, which must be a plain one."""
    fd = os.open(path, _READ)
    try:
        _check_is_file(fd, path)
        yield fd
    finally:
        _close(fd)


def _can_be_nameless(root: str) -> bool:
    """Whether this system makes files without a name (``O_TMPFILE``) and lets us give them one afterwards."""
    try:
        fd = os.open(f"{root}/{_INCOMING}", _CREATE_NAMELESS, _FILE_MODE)
    except OSError:
        return False
    try:
        return Path(f"/proc/self/fd/{fd}").exists()
    finally:
        _close(fd)


def _sync_folder(path: str) -> None:
    fd = os.open(path, _FOLDER)
    try:
        os.fsync(fd)
    finally:
        _close(fd)


def _unlink_durably(path: str) -> None:
    """Remove a name and sync; also where there was none, for an earlier removal may have failed to sync."""
    with _storage_errors():
        with suppress(FileNotFoundError):
            os.unlink(path)
        _sync_folder(os.path.dirname(path))


def _check_is_file(fd: int, path: str | Path) -> int:
    """The size of an open file, which must be a plain one: folders and devices are refused."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    return found.st_size


def _close(fd: int) -> None:
    """Close a file of which nothing more is wanted: all that was written was synced, and that told of any loss."""
    with suppress(OSError):
        os.close(fd)


def _open(path: str) -> int:
    try:
        return os.open(path, _READ)
    except FileNotFoundError as error:
        if os.path.isdir(os.path.dirname(path)):
            raise
        # Not one object is missing, the whole store is: a disk that is not mounted must not read as an empty one.
        raise StorageUnavailable(str(error)) from error


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _copy_from(source: Path, target_fd: int) -> None:
    with _source(source) as source_fd:
        while piece := os.read(source_fd, _COPY_BYTES):
            _write(target_fd, piece)


def _unlink_if_older(entry: "os.DirEntry[str]", before: float) -> bool:
    with suppress(FileNotFoundError):  # its own put removed it meanwhile
        if entry.stat(follow_symlinks=False).st_mtime < before:
            os.unlink(entry.path)
            return True
    return False


def _stored(key: str, entry: "os.DirEntry[str]") -> StoredObject | None:
    """The object behind a folder entry; ``None`` for what is no object, or no longer there."""
    with suppress(FileNotFoundError):
        found = entry.stat(follow_symlinks=False)
        if is_key(key) and stat.S_ISREG(found.st_mode):
            return StoredObject(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
    return None


def _half_written(entry: "os.DirEntry[str]") -> Incoming | None:
    """What is behind an entry of ``.incoming``; ``None`` when its own put removed it meanwhile."""
    with suppress(FileNotFoundError):
        found = entry.stat(follow_symlinks=False)
        return Incoming(found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
    return None
