"""Blobs in a bucket of an S3-compatible store.

The store says no to a second ``put`` of a key by itself (``If-None-Match: *``), as long as the object goes over in one
request. Objects over ``ONE_REQUEST_BYTES`` go over in parts, of which only a few are in memory at a time, and the
client library cannot attach the condition to those. For them the key is looked up first. Two puts of one large object
at the same moment would then both succeed; but keys are 128 random bits that nobody reuses, so the condition is a
safety belt and not a lock.

The library's calls are made in threads of the store's own, not on the event loop, though it could do that too: there
it hands over each result from a thread that nobody waits for, and an interpreter that ends at that moment, as one that
runs a short command often does, is aborted by it.

Parts of a put that broke off stay in the bucket, where no listing shows them: a sweep finds them by requests of our
own (``s3_parts``), in a store that has such requests. In another the bucket needs a lifecycle rule.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from holdall.adapters.blobs.batches import put_side_by_side
from holdall.adapters.blobs.keys import check_key, check_prefix, check_span, end_of_span, is_key
from holdall.adapters.blobs.presign import Signer
from holdall.adapters.blobs.s3_parts import PartsHidden, UnfinishedPut, UnfinishedPuts, expect_nothing
from holdall.errors import BytesDamaged, StorageUnavailable
from holdall.ports import Incoming, Source, StoredObject

if TYPE_CHECKING:
    from obstore import BytesStream, ObjectMeta
    from obstore.store import ClientConfig, RetryConfig

T = TypeVar("T")

log = structlog.get_logger()

ONE_REQUEST_BYTES = 16 * 1024 * 1024
"""The largest object that is sent in one request, from memory."""

_PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE = 2
_PIECE_BYTES = 256 * 1024
_PAGE = 1000
_CONNECT = timedelta(seconds=5)
_TRANSFER = timedelta(days=1)
_SOON = 60


class S3BlobStore:
    """A ``BlobStore`` in ``bucket``, which must exist, under the folder ``prefix`` of it.

    ``timeout_seconds`` bounds how long a store that does not answer is waited for: a whole request, and, while an
    object is being read, each wait for its next bytes. (A whole read has no bound, for the reader may be slow.)
    ``threads`` is how many requests are under way at once; a reader holds one only while it waits for bytes.
    ``public_endpoint`` is the URL that clients reach the store by, of which one that ``signed_url`` gives begins.
    """

    def __init__(
        self,
        bucket: str,
        *,
        endpoint: str,
        region: str,
        access_key: str,
        secret_key: str,
        prefix: str = "",
        timeout_seconds: float = 30,
        threads: int = 16,
        public_endpoint: str = "",
    ) -> None:
        wait = timedelta(seconds=timeout_seconds)
        allow_http = endpoint.startswith("http://")
        asking: ClientConfig = {"allow_http": allow_http, "connect_timeout": min(_CONNECT, wait), "timeout": wait}
        # No retry begins once one wait has been used up, so that a dead store is an error after one, not several.
        patience: RetryConfig = {"max_retries": 2, "retry_timeout": wait}

        def client(options: "ClientConfig") -> S3Store:
            return S3Store(
                bucket,
                prefix=prefix or None,
                endpoint=endpoint,
                region=region,
                access_key_id=access_key,
                secret_access_key=secret_key,
                client_options=options,
                retry_config=patience,
            )

        self._threads = ThreadPoolExecutor(threads, "blob-s3")
        self._store = client(asking)
        self._reading = client(asking | {"timeout": _TRANSFER, "read_timeout": wait})
        self._prefix = prefix
        self._timeout = timeout_seconds
        ours = Signer(endpoint or f"https://s3.{region}.amazonaws.com", region, bucket, access_key, secret_key)
        self._public = replace(ours, endpoint=public_endpoint) if public_endpoint else ours
        self._unfinished = UnfinishedPuts(ours, prefix, timeout_seconds)

    async def put(self, key: str, source: Source) -> None:
        """Keep the bytes of ``source`` under ``key``; see the port.

        A put whose answer got lost and was repeated by the client library may report ``FileExistsError`` for bytes
        of its own. The caller gives the key up either way, and a sweep finds it.
        """
        await self._on_a_thread(self._put, check_key(key), source)

    async def put_all(self, objects: Sequence[tuple[str, Source]]) -> None:
        """Put several objects; see the port."""
        await put_side_by_side(self, objects)

    async def replace(self, key: str, source: Source) -> None:
        """Have the bytes of ``source`` in the place of those under ``key``; see the port."""
        await self._on_a_thread(self._replace, check_key(key), source)

    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes from ``start`` to ``stop`` in pieces; see the port.

        One request, save that a span which is empty, or begins inside and has no end, is looked up first.
        """
        check_key(key)
        check_span(start, stop)
        stream, size = await self._on_a_thread(self._open, key, start, stop)
        return self._pieces(stream, key, size)

    async def delete(self, key: str) -> None:
        """Forget ``key``; see the port."""
        await self._on_a_thread(self._delete, check_key(key))

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object whose key starts with ``prefix``; see the port. What is not under a key of ours is skipped."""
        check_prefix(prefix)
        folder, slash, _ = prefix.partition("/")  # the client library lists whole folders only
        pages = obstore.list(self._store, folder if slash else None, chunk_size=_PAGE)
        while page := await self._on_a_thread(_next_page, pages):
            for found in page:
                if is_key(found["path"]) and found["path"].startswith(prefix):
                    yield StoredObject(found["path"], found["size"], found["last_modified"])

    async def signed_url(self, key: str, size: int, answer: Mapping[str, str], seconds: int) -> str:
        """A URL that one object may be read by; see the port."""
        await self._on_a_thread(self._check_size, check_key(key), size)
        name = f"{self._prefix}/{key}" if self._prefix else key
        asked = {f"response-{header}": value for header, value in answer.items()}
        return self._public.sign("GET", name, asked, datetime.now(UTC), seconds)

    async def check_public(self) -> None:
        """Ask for an object that there is not, by a URL as ``signed_url`` gives them.

        Raises:
            StorageUnavailable: the answer is another one than that there is none.

        """
        url = self._public.sign("GET", f"{'0' * 2}/{'0' * 32}", {}, datetime.now(UTC), _SOON)
        await self._on_a_thread(expect_nothing, url, self._timeout)

    async def incoming(self) -> Sequence[Incoming]:
        """Puts in parts that are not finished; nothing where the store does not show them; see the port."""
        return await self._on_a_thread(self._incoming)

    async def sweep_incoming(self, before: datetime) -> int:
        """Abort puts in parts that began before ``before``; none where the store does not show them; see the port."""
        return await self._on_a_thread(self._sweep_incoming, before)

    async def find_unfinished(self) -> int:
        """How many puts in parts are not finished.

        Raises:
            PartsHidden: the store does not tell, or not by our key.
            StorageUnavailable: it does not answer.

        """
        return len(await self._on_a_thread(self._unfinished.find))

    def close(self) -> None:
        """Let go of the threads, once what they are doing is done. Safe to repeat."""
        self._threads.shutdown()

    async def _on_a_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def _pieces(self, stream: "BytesStream | None", key: str, size: int) -> AsyncIterator[bytes]:
        while stream is not None and (piece := await self._on_a_thread(_next_piece, stream, key)):
            size -= len(piece)
            yield piece
        if size:
            raise StorageUnavailable(f"{key} ended {size} bytes early")

    # ── on a thread ──────────────────────────────────────────────────────────────────────────────────────────────

    def _put(self, key: str, source: Source) -> None:
        with _storage_errors(key):
            if _size(source) <= ONE_REQUEST_BYTES:
                obstore.put(self._store, key, source, mode="create", use_multipart=False)
            else:
                self._put_in_parts(key, source)

    def _put_in_parts(self, key: str, source: Source) -> None:
        if self._exists(key):
            raise FileExistsError(key)
        self._send_in_parts(key, source)

    def _replace(self, key: str, source: Source) -> None:
        with _storage_errors(key):
            is_there = self._exists(key)
            if is_there and _size(source) <= ONE_REQUEST_BYTES:
                obstore.put(self._store, key, source, use_multipart=False)
            elif is_there:
                self._send_in_parts(key, source)
        if not is_there:
            raise FileNotFoundError(key)

    def _send_in_parts(self, key: str, source: Source) -> None:
        obstore.put(
            self._store, key, source, use_multipart=True, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
        )

    def _exists(self, key: str) -> bool:
        try:
            obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        return True

    def _open(self, key: str, start: int, stop: int | None) -> "tuple[BytesStream | None, int]":
        """The stream of a span and its length; no stream for no bytes, which cannot be asked for."""
        with _storage_errors(key, FileNotFoundError):
            if start == stop or (stop is None and start):
                stop = end_of_span(key, start, stop, obstore.head(self._store, key)["size"])
            if start == stop:
                return None, 0
            found = obstore.get(self._reading, key, options={} if stop is None else {"range": (start, stop)})
            return found.stream(_PIECE_BYTES), end_of_span(key, start, stop, found.meta["size"]) - start

    def _check_size(self, key: str, size: int) -> None:
        with _storage_errors(key, FileNotFoundError):
            found = obstore.head(self._store, key)["size"]
        if found != size:
            raise BytesDamaged(f"{found} bytes, and {size} came")

    def _incoming(self) -> Sequence[Incoming]:
        return [Incoming(self._unfinished.size(put), put.begun_at) for put in self._all_unfinished()]

    def _sweep_incoming(self, before: datetime) -> int:
        stale = [put for put in self._all_unfinished() if put.begun_at < before]
        for put in stale:
            self._unfinished.abort(put)
        return len(stale)

    def _all_unfinished(self) -> Sequence[UnfinishedPut]:
        """What the store shows; the doctor tells of one that shows nothing, and a sweep goes on to the rest."""
        try:
            return self._unfinished.find()
        except PartsHidden as error:
            log.warning("unfinished uploads cannot be seen", error=error.reason)
            return ()

    def _delete(self, key: str) -> None:
        with _storage_errors(key), suppress(FileNotFoundError):
            obstore.delete(self._store, key)


def _size(source: Source) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _next_piece(stream: "BytesStream", key: str) -> bytes:
    with _storage_errors(key):
        return bytes(next(stream, b""))


def _next_page(pages: "Iterator[Sequence[ObjectMeta]]") -> "Sequence[ObjectMeta]":
    with _storage_errors("the list"):
        return next(pages, ())


@contextmanager
def _storage_errors(key: str, *passed: type[OSError]) -> Iterator[None]:
    """Turn the client library's errors into Holdall's, save those that the port promises by their own names."""
    try:
        yield
    except (AlreadyExistsError, FileExistsError) as error:
        raise FileExistsError(key) from error
    except passed:
        raise FileNotFoundError(key) from None
    except (BaseError, OSError) as error:
        # What follows the first line is the library's own structure, for its own authors.
        raise StorageUnavailable(str(error).partition("\n")[0]) from error
