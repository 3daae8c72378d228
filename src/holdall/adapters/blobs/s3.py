"""Blobs in a bucket of an S3-compatible store.

The store says no to a second ``put`` of a key by itself (``If-None-Match: *``), as long as the object goes over in one
request. Objects over ``ONE_REQUEST_BYTES`` go over in parts, of which only a few are in memory at a time, and the
client library cannot attach the condition to those. For them the key is looked up first. Two puts of one large object
at the same moment would then both succeed; but keys are 128 random bits that nobody reuses, so the condition is a
safety belt and not a lock.

Parts of a put that broke off stay in the bucket, unseen and paid for: give it a lifecycle rule that aborts incomplete
multipart uploads after a day.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from holdall.adapters.blobs.keys import check_key, check_prefix, check_span, end_of_span, is_key
from holdall.errors import StorageUnavailable
from holdall.ports import Source, StoredObject

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import ClientConfig, RetryConfig

ONE_REQUEST_BYTES = 16 * 1024 * 1024
"""The largest object that is sent in one request, from memory."""

_PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE = 2
_PIECE_BYTES = 256 * 1024
_KEY_LENGTH = 35
_CONNECT = timedelta(seconds=5)
_TRANSFER = timedelta(days=1)


class S3BlobStore:
    """A ``BlobStore`` in ``bucket``, which must exist, under the folder ``prefix`` of it.

    ``timeout_seconds`` bounds how long a store that does not answer is waited for: a whole request, and, while an
    object is being read, each wait for its next bytes. (A whole read has no bound, for the reader may be slow.)
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

        self._store = client(asking)
        self._reading = client(asking | {"timeout": _TRANSFER, "read_timeout": wait})

    async def put(self, key: str, source: Source) -> None:
        """Keep the bytes of ``source`` under ``key``; see the port.

        A put whose answer got lost and was repeated by the client library may report ``FileExistsError`` for bytes
        of its own. The caller gives the key up either way, and a sweep finds it.
        """
        check_key(key)
        with _storage_errors(key):
            if await _size(source) <= ONE_REQUEST_BYTES:
                await obstore.put_async(self._store, key, source, mode="create", use_multipart=False)
            else:
                await self._put_in_parts(key, source)

    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes from ``start`` to ``stop`` in pieces; see the port.

        One request, save that a span which is empty, or begins inside and has no end, is looked up first.
        """
        check_key(key)
        check_span(start, stop)
        with _storage_errors(key, FileNotFoundError):
            if start == stop or (stop is None and start):
                stop = end_of_span(key, start, stop, (await obstore.head_async(self._store, key))["size"])
            if start == stop:
                return _nothing()
            return await self._open(key, start, stop)

    async def delete(self, key: str) -> None:
        """Forget ``key``; see the port."""
        check_key(key)
        with _storage_errors(key, FileNotFoundError):
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                return

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every object whose key starts with ``prefix``; see the port. What is not under a key of ours is skipped."""
        check_prefix(prefix)
        folder, slash, _ = prefix.partition("/")  # the client library lists whole folders only
        with _storage_errors(prefix):
            async for page in obstore.list(self._store, folder if slash else None, chunk_size=1000):
                for found in page:
                    if is_key(found["path"]) and found["path"].startswith(prefix):
                        yield StoredObject(found["path"], found["size"], found["last_modified"])

    async def _put_in_parts(self, key: str, source: Source) -> None:
        if await self._exists(key):
            raise FileExistsError(key)
        await obstore.put_async(
            self._store, key, source, use_multipart=True, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
        )

    async def _exists(self, key: str) -> bool:
        try:
            await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return False
        return True

    async def _open(self, key: str, start: int, stop: int | None) -> AsyncIterator[bytes]:
        if stop is None:
            found = await obstore.get_async(self._reading, key)
        else:
            found = await obstore.get_async(self._reading, key, options={"range": (start, stop)})
        return _pieces(found, key, end_of_span(key, start, stop, found.meta["size"]) - start)


async def _size(source: Source) -> int:
    if isinstance(source, bytes):
        return len(source)
    return (await asyncio.to_thread(os.stat, source)).st_size


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _pieces(found: "GetResult", key: str, size: int) -> AsyncIterator[bytes]:
    with _storage_errors(key):
        async for piece in found.stream(_PIECE_BYTES):
            size -= len(piece)
            yield bytes(piece)
    if size:
        raise StorageUnavailable(f"{key} ended {size} bytes early")


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
