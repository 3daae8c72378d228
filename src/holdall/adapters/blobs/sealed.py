"""Encryption at rest: a blob store around another one, which gets to see sealed objects only.

The form of an object stands in ``sealing``. A read opens the chunks that it needs and no others; nothing leaves here
that did not open, so that damaged, exchanged or cut objects are an error and never wrong bytes. What the other store
can still do, and encryption cannot prevent: lose an object, or bring back an earlier one of the same key, which holds
the same plain bytes. Keys, sizes to within a few bytes, and times are in the clear.

**Plain objects**, from before encryption was turned on, are told by their first bytes. Taking them for granted would
let whoever can write to the other store put any bytes in the place of a sealed object, so they are refused unless
``plain_too`` is given, until all of them are sealed (``renew``, which compares them with what their rows say).

Objects do not change, so a new master key means writing them anew: ``renew`` does it for one object, in one step,
beside readers. A reader that meets the change looks a second time.

Small things are sealed and opened on the event loop: 64 KiB take 9 µs where the processor knows AES, a change of
thread 90. Larger ones have threads of the store's own. Files over ``MEMORY_BYTES`` are sealed into a file in
``scratch``, which is best on the file system of the other store: there it is linked and not copied.
"""

import asyncio
import errno
import hashlib
import io
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO, Protocol, Self, TypeVar

from holdall.adapters.blobs.keyring import Keyring
from holdall.adapters.blobs.keys import PROBE_KEY, check_key, check_prefix, check_span, end_of_span
from holdall.adapters.blobs.sealing import (
    CHUNK_BYTES,
    HEADER_BYTES,
    STRIDE,
    Header,
    NotGenuine,
    ObjectCipher,
    new_header,
    plain_size,
    read_header,
    sealed_size,
    seems_sealed,
)
from holdall.errors import BytesDamaged, StorageFull, StorageUnavailable
from holdall.ports import BlobStore, Incoming, Replacing, Source, StoredObject

T = TypeVar("T")

MEMORY_BYTES = 4 * 1024 * 1024
"""Files up to this size are sealed in memory, larger ones into a file."""
INLINE_BYTES = CHUNK_BYTES
"""Up to this much is sealed or opened on the event loop."""
PROBE = b"This store is sealed.\n"
"""What lies under ``PROBE_KEY``: says of a store that it is sealed, and of keys whether they open it."""

_READ_BYTES = 16 * CHUNK_BYTES
_LOOKS = 3
_FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_serial = count()


class UnknownKey(StorageUnavailable):
    """The object is sealed with a key that is not among ours."""


class Inner(BlobStore, Replacing, Protocol):
    """What a sealed store can be put around."""


class SealedBlobStore:
    """A ``BlobStore`` that seals what it hands on to ``inner``. It has no files to be sent from (``LocalPaths``)."""

    def __init__(
        self, inner: Inner, keys: Keyring, scratch: Path, *, plain_too: bool = False, threads: int = 4
    ) -> None:
        self._inner = inner
        self._keys = keys
        self._key_ids = tuple(key.id for key in keys.keys)
        self._scratch = scratch
        self._plain_too = plain_too
        self._threads = ThreadPoolExecutor(threads, "blob-sealer")
        with _storage_errors():
            scratch.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)

    async def put(self, key: str, source: Source) -> None:
        """Keep the bytes of ``source`` under ``key``; see the port."""
        check_key(key)
        async with self._sealed(key, source) as sealed:
            await self._inner.put(key, sealed)

    async def put_all(self, objects: Sequence[tuple[str, Source]]) -> None:
        """Put several objects; see the port."""
        async with AsyncExitStack() as seals:
            sealed = [
                (key, await seals.enter_async_context(self._sealed(check_key(key), source))) for key, source in objects
            ]
            await self._inner.put_all(sealed)

    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes from ``start`` to ``stop`` in pieces; see the port. The first of them has been opened."""
        check_key(key)
        check_span(start, stop)
        if start == 0 and not (self._plain_too and stop is not None):
            opened = await self._open_from_the_start(key, stop)
            if opened is not None:
                return opened
        return await self._open_inside(key, start, stop)

    async def delete(self, key: str) -> None:
        """Forget ``key``; see the port."""
        await self._inner.delete(key)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object whose key starts with ``prefix``, with the size of its plain bytes; see the port.

        Where plain objects are taken, the beginning of each object is read to tell its size.
        """
        check_prefix(prefix)
        async for stored in self._inner.list(prefix):
            if stored.key != PROBE_KEY:
                with suppress(FileNotFoundError):  # deleted meanwhile
                    yield replace(stored, size=await self._size_of(stored))

    async def incoming(self) -> Sequence[Incoming]:
        """What is half-sealed here, and half-written in the other store; see the port."""
        return [*await self._on_a_thread(_half_sealed, self._scratch), *await self._inner.incoming()]

    async def sweep_incoming(self, before: datetime) -> int:
        """Remove what broken puts left, here and in the other store; see the port."""
        swept = await self._on_a_thread(_sweep, self._scratch, before.timestamp())
        return swept + await self._inner.sweep_incoming(before)

    def close(self) -> None:
        """Let go of the threads, and close the other store. Safe to repeat."""
        self._threads.shutdown()
        self._inner.close()

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def has_probe(self) -> bool:
        """Whether the store says of itself that it is sealed.

        Raises:
            UnknownKey: it does, and none of our keys opens it.
            StorageUnavailable: the probe is damaged, or the store does not answer.

        """
        try:
            found = b"".join([piece async for piece in await self.open(PROBE_KEY)])
        except FileNotFoundError:
            return False
        if found != PROBE:
            raise StorageUnavailable("the probe object is not ours")
        return True

    async def ensure_probe(self) -> None:
        """Have a probe, sealed with the current key. Safe to repeat, and beside others that do the same.

        Raises:
            UnknownKey, StorageUnavailable: as ``has_probe``.

        """
        if await self.has_probe():
            await self.renew(PROBE_KEY, len(PROBE), hashlib.sha256(PROBE).hexdigest())
        else:
            with suppress(FileExistsError):
                await self.put(PROBE_KEY, PROBE)

    async def renew(self, key: str, size: int, sha256: str) -> bool:
        """Seal an object with the current key; see the port."""
        check_key(key)
        header = await self._look(key)
        if header is not None and header.key_id == self._keys.current.id:
            return False
        plain = _Pieces(await (self._inner.open(key) if header is None else self._open_inside(key, 0, None)))
        try:
            async with self._sealed_anew(key, plain, size, sha256) as sealed:
                await self._inner.replace(key, sealed)
        finally:
            await plain.aclose()
        return True

    # ── sealing ──────────────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def _sealed(self, key: str, source: Source) -> AsyncGenerator[Source, None]:
        """The source, sealed: in memory, or in a file that is gone on leaving."""
        if isinstance(source, bytes):
            yield await self._where_it_fits(len(source), self._seal_bytes, key, source)
            return
        sealed = await self._on_a_thread(self._seal_file, key, source)
        try:
            yield sealed
        finally:
            await self._on_a_thread(_discard, sealed)

    @asynccontextmanager
    async def _sealed_anew(self, key: str, plain: "_Pieces", size: int, sha256: str) -> AsyncGenerator[Source, None]:
        """The plain bytes, sealed; if they are those of this size and digest."""
        digest = hashlib.sha256()
        with _storage_errors(), self._target(key, size) as file:
            sealer = self._sealer(key, size, file)
            async for piece in plain.rest():
                digest.update(piece)
                await self._where_it_fits(len(piece), sealer.feed, piece)
            sealer.end()
            if digest.hexdigest() != sha256:
                raise StorageUnavailable(f"{key} holds other bytes than its row says")
            sealed = _finished(file)
        try:
            yield sealed
        finally:
            await self._on_a_thread(_discard, sealed)

    def _seal_bytes(self, key: str, data: bytes) -> bytes:
        header = new_header(self._keys.current, len(data))
        return header.pack() + ObjectCipher(header, self._keys.current, key).seal(0, data)

    def _seal_file(self, key: str, source: Path) -> Source:
        """On a thread."""
        with _storage_errors(), _open_file(source) as plain:
            size = os.fstat(plain.fileno()).st_size
            with self._target(key, size) as file:
                sealer = self._sealer(key, size, file)
                while piece := plain.read(_READ_BYTES):
                    sealer.feed(piece)
                sealer.end()
                return _finished(file)

    def _sealer(self, key: str, size: int, file: BinaryIO) -> "_Sealer":
        header = new_header(self._keys.current, size)
        return _Sealer(header, ObjectCipher(header, self._keys.current, key), file)

    @contextmanager
    def _target(self, key: str, size: int) -> Iterator[BinaryIO]:
        """Where an object of this size is sealed to; if that fails, nothing of it is left."""
        if size <= MEMORY_BYTES:
            yield io.BytesIO()
            return
        path = self._scratch / f"{key[3:]}-{os.getpid()}-{next(_serial)}"
        try:
            with open(path, "wb", opener=_create_private) as file:
                yield file
        except BaseException:
            _discard(path)
            raise

    # ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _open_from_the_start(self, key: str, stop: int | None) -> "_Opened | None":
        """The whole object, in one go; ``None`` when it turns out that only its beginning was asked for."""
        try:
            pieces = _Pieces(await self._inner.open(key, 0, None if stop is None else sealed_size(stop)))
        except StorageUnavailable as error:
            raise type(error)(f"{error.reason} (of a sealed object; plain objects are refused)") from error
        try:
            head = await pieces.take(HEADER_BYTES)
            header = self._header(key, head)
            if header is None:
                self._check_plain_may_be(key)
                pieces.put_back(head)
                return await _Opened.begin(pieces.rest(), pieces)
            if stop in {None, header.size}:
                return await _Opened.begin(self._plain(key, header, pieces, 0, header.size), pieces)
        except BaseException:
            await pieces.aclose()
            raise
        await pieces.aclose()
        return None

    async def _open_inside(self, key: str, start: int, stop: int | None) -> "_Opened":
        """A look at the header, then the span. The object may be renewed between the two: look again."""
        seen = await self._look(key)
        for _ in range(_LOOKS):
            failure = opened = None
            try:
                opened = await self._open_span(key, seen, start, stop)
                if seen is not None:  # it opened under this header
                    return opened
            except StorageUnavailable as error:
                failure = error
            now = await self._look(key)
            if now == seen:
                if opened is None:
                    raise failure or StorageUnavailable(key)
                return opened
            if opened is not None:
                await opened.aclose()
            seen = now
        raise StorageUnavailable(f"{key} changes again and again")

    async def _open_span(self, key: str, header: Header | None, start: int, stop: int | None) -> "_Opened":
        if header is None:
            self._check_plain_may_be(key)
            pieces = _Pieces(await self._inner.open(key, start, stop))
            return await _Opened.begin(pieces.rest(), pieces)
        end = end_of_span(key, start, stop, header.size)
        begin = header.end_of_chunk(start // CHUNK_BYTES - 1)
        inner_stop = None if stop is None else header.end_of_chunk(_chunk_before(end))
        pieces = _Pieces(await self._inner.open(key, begin, inner_stop))
        return await _Opened.begin(self._plain(key, header, pieces, start, end), pieces)

    async def _plain(
        self, key: str, header: Header, pieces: "_Pieces", start: int, stop: int
    ) -> AsyncGenerator[bytes, None]:
        """The plain bytes of a span, from the sealed chunks that hold it."""
        cipher = self._cipher(key, header)
        index, last = start // CHUNK_BYTES, _chunk_before(stop)
        skip, left = start % CHUNK_BYTES, stop - start
        while index <= last:
            sealed = await pieces.whole_chunks(header.end_of_chunk(last) - header.end_of_chunk(index - 1))
            if not sealed:
                raise BytesDamaged(f"{key} ended before its chunk {index}")
            try:
                plain = await self._where_it_fits(len(sealed), cipher.open, index, sealed)
            except NotGenuine as error:
                raise BytesDamaged(f"{key} is damaged at chunk {index}, or not what was put there") from error
            index += -(-len(sealed) // STRIDE)
            if index > last and await pieces.has_more():
                raise BytesDamaged(f"{key} goes on after its last chunk")
            piece = plain[skip : skip + left]
            skip, left = 0, left - len(piece)
            if piece:
                yield piece

    async def _look(self, key: str) -> Header | None:
        """The object's header; ``None`` for a plain object."""
        try:
            pieces = _Pieces(await self._inner.open(key, 0, HEADER_BYTES))
        except StorageUnavailable:  # most likely it is shorter than that; else this fails too
            pieces = _Pieces(await self._inner.open(key))
        try:
            return self._header(key, await pieces.take(HEADER_BYTES))
        finally:
            await pieces.aclose()

    def _header(self, key: str, head: bytes) -> Header | None:
        header = read_header(head)
        if header is None and seems_sealed(head, self._key_ids):
            raise BytesDamaged(f"the header of {key} is damaged, or of a later version")
        return header

    def _check_plain_may_be(self, key: str) -> None:
        if not self._plain_too:
            raise StorageUnavailable(f"{key} is not sealed, and plain objects are refused")

    def _cipher(self, key: str, header: Header) -> ObjectCipher:
        master = self._keys.find(header.key_id)
        if master is None:
            raise UnknownKey(f"{key} is sealed with key {header.key_id.hex()}, which is not among ours")
        return ObjectCipher(header, master, key)

    async def _size_of(self, stored: StoredObject) -> int:
        if self._plain_too:
            with suppress(StorageUnavailable):
                if await self._look(stored.key) is None:
                    return stored.size
        size = plain_size(stored.size)
        return stored.size if size is None else size

    async def _where_it_fits(self, size: int, work: Callable[..., T], *arguments: object) -> T:
        if size <= INLINE_BYTES:
            return work(*arguments)
        return await self._on_a_thread(work, *arguments)

    async def _on_a_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


class _Sealer:
    """Takes plain bytes as they come and writes an object of exactly the size that its header says."""

    def __init__(self, header: Header, cipher: ObjectCipher, file: BinaryIO) -> None:
        self._header = header
        self._cipher = cipher
        self._file = file
        self._held = b""
        self._index = 0
        file.write(header.pack())

    def feed(self, plain: bytes) -> None:
        held = self._held + plain
        whole = len(held) - len(held) % CHUNK_BYTES
        self._held = held[whole:]
        if whole:
            self._seal(held[:whole])

    def end(self) -> None:
        """Write what is left. Raises ``StorageUnavailable`` when it was not as much as was said."""
        size = self._index * CHUNK_BYTES + len(self._held)
        if size != self._header.size:
            raise StorageUnavailable(f"there were {size} bytes to seal, and {self._header.size} were announced")
        if self._held or not size:
            self._seal(self._held)

    def _seal(self, plain: bytes) -> None:
        self._file.write(self._cipher.seal(self._index, plain))
        self._index += len(plain) // CHUNK_BYTES


class _Pieces:
    """What another store gives, piece by piece, cut anew."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    async def take(self, size: int) -> bytes:
        """As many bytes as this, or all that there are."""
        while len(self._held) < size and await self._fetch():
            pass
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    def put_back(self, taken: bytes) -> None:
        """Have them come first again."""
        self._held = taken + self._held

    async def whole_chunks(self, wanted: int) -> memoryview:
        """Sealed chunks, as many as are at hand and at least one, of the ``wanted`` bytes; none at a torn end."""
        while len(self._held) < min(STRIDE, wanted):
            if not await self._fetch():
                return memoryview(b"")
        held, at_hand = memoryview(self._held), len(self._held)
        end = wanted if at_hand >= wanted else at_hand - at_hand % STRIDE
        self._held = bytes(held[end:])
        return held[:end]

    async def has_more(self) -> bool:
        """Whether anything is left."""
        return bool(self._held) or await self._fetch()

    async def rest(self) -> AsyncGenerator[bytes, None]:
        """All that is left, as it comes."""
        while await self.has_more():
            piece, self._held = self._held, b""
            yield piece

    async def aclose(self) -> None:
        """Let go of the other store's object. Safe to repeat."""
        close = getattr(self._pieces, "aclose", None)
        if close is not None:
            await close()

    async def _fetch(self) -> bool:
        piece = await anext(self._pieces, b"")
        self._held = self._held + piece if self._held else piece
        return bool(piece)


class _Opened:
    """The pieces of one open object, of which the first is there already."""

    def __init__(self, first: bytes, plain: AsyncGenerator[bytes, None], pieces: _Pieces) -> None:
        self._first = first
        self._plain = plain
        self._pieces = pieces

    @classmethod
    async def begin(cls, plain: AsyncGenerator[bytes, None], pieces: _Pieces) -> Self:
        """Have the first piece, so that what does not open fails now."""
        try:
            return cls(await anext(plain, b""), plain, pieces)
        except BaseException:
            await pieces.aclose()
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, b""
        return first or await anext(self._plain)

    async def aclose(self) -> None:
        """Let go. Safe to repeat."""
        self._first = b""
        await self._plain.aclose()
        await self._pieces.aclose()


def _chunk_before(stop: int) -> int:
    """The chunk that the last byte before ``stop`` lies in."""
    return max(0, stop - 1) // CHUNK_BYTES


def _finished(file: BinaryIO) -> Source:
    """What was sealed."""
    if isinstance(file, io.BytesIO):
        return file.getvalue()
    file.flush()
    return Path(file.name)


def _create_private(path: str, _flags: int) -> int:
    return os.open(path, _CREATE, _FILE_MODE)


def _discard(sealed: Source) -> None:
    if isinstance(sealed, Path):
        with suppress(OSError):  # what stays is for a sweep
            sealed.unlink()


def _open_file(source: Path) -> BinaryIO:
    """The file, which must be a plain one: links, folders and devices are refused."""
    fd = os.open(source, _READ)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a plain file", str(source))
    return os.fdopen(fd, "rb")


def _sweep(folder: Path, before: float) -> int:
    with _storage_errors():
        return sum(_unlink_if_older(path, before) for path in folder.iterdir())


def _half_sealed(folder: Path) -> list[Incoming]:
    found: list[Incoming] = []
    with _storage_errors():
        for path in folder.iterdir():
            with suppress(FileNotFoundError):  # its own put removed it meanwhile
                status = path.lstat()
                found.append(Incoming(status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)))
    return found


def _unlink_if_older(path: Path, before: float) -> bool:
    with suppress(FileNotFoundError):  # its own put removed it meanwhile
        if path.lstat().st_mtime < before:
            path.unlink()
            return True
    return False


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Turn the system's errors into Holdall's."""
    try:
        yield
    except OSError as error:
        kind = StorageFull if error.errno in _NO_ROOM else StorageUnavailable
        raise kind(str(error)) from error
