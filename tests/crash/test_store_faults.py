"""An object store that refuses, is silent, resets, is busy or cuts: an error in time, and never a short read."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from holdall.adapters.blobs.s3 import S3BlobStore
from holdall.errors import StorageUnavailable
from tests.support.faulty_proxy import FaultyProxy, busy, cut_answer_after, faulty_proxy, pass_on, reset_after, silent
from tests.support.seaweed import Seaweed

TIMEOUT = 1.0
ATTEMPTS = 3
"""One, and the two retries that the store allows itself."""
CONTENT = os.urandom(2_000_000)


@pytest.fixture
def proxy(seaweed: Seaweed) -> Iterator[FaultyProxy]:
    with faulty_proxy(urlsplit(seaweed.endpoint).port or 0) as proxy:
        yield proxy


@pytest.fixture
def prefix() -> str:
    return f"faults-{uuid4().hex}"


@pytest.fixture
def store(seaweed: Seaweed, proxy: FaultyProxy, prefix: str) -> Iterator[S3BlobStore]:
    store = opened(seaweed, proxy.endpoint, prefix)
    yield store
    store.close()


@pytest.fixture
def beside(seaweed: Seaweed, prefix: str) -> Iterator[S3BlobStore]:
    """The same objects, past the proxy."""
    store = opened(seaweed, seaweed.endpoint, prefix)
    yield store
    store.close()


def opened(seaweed: Seaweed, endpoint: str, prefix: str) -> S3BlobStore:
    return S3BlobStore(
        seaweed.bucket, endpoint=endpoint, region=seaweed.region, access_key=seaweed.access_key,
        secret_key=seaweed.secret_key, prefix=prefix, timeout_seconds=TIMEOUT,
    )  # fmt: skip


def new_key() -> str:
    digits = uuid4().hex
    return f"{digits[:2]}/{digits}"


async def read(store: S3BlobStore, key: str) -> bytes:
    return b"".join([piece async for piece in await store.open(key)])


@pytest.mark.parametrize("fault", ["refusing", "silent", "resetting", "busy"])
def test_a_put_that_cannot_be_fails_in_time_and_leaves_nothing(
    fault: str, store: S3BlobStore, beside: S3BlobStore, proxy: FaultyProxy
):
    if fault == "refusing":
        proxy.close()
    else:
        proxy.spoil({"silent": silent, "resetting": reset_after(500_000), "busy": busy}[fault])
    key, began = new_key(), time.monotonic()
    with pytest.raises(StorageUnavailable):
        asyncio.run(store.put(key, CONTENT))
    took = time.monotonic() - began
    print(f"\n{fault}: an error after {took:.2f} s and {proxy.connections} connections")  # noqa: T201  the figures
    assert took < 3 * TIMEOUT
    assert proxy.connections <= ATTEMPTS
    with pytest.raises(FileNotFoundError):
        asyncio.run(read(beside, key))


@pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
def test_a_put_outlives_a_store_that_is_busy_for_a_moment(
    times: int, store: S3BlobStore, beside: S3BlobStore, proxy: FaultyProxy
):
    proxy.spoil(busy, times)
    key = new_key()
    asyncio.run(store.put(key, CONTENT))
    print(f"\nput after {times} times 503, with {proxy.connections} connections")  # noqa: T201  the figures
    assert proxy.connections == times + 1
    assert asyncio.run(read(beside, key)) == CONTENT


def test_a_put_after_three_times_busy_fails_and_the_next_succeeds(
    store: S3BlobStore, beside: S3BlobStore, proxy: FaultyProxy
):
    proxy.spoil(busy, ATTEMPTS)
    key = new_key()
    with pytest.raises(StorageUnavailable):
        asyncio.run(store.put(key, CONTENT))
    asyncio.run(store.put(key, CONTENT))
    assert asyncio.run(read(beside, key)) == CONTENT


def test_a_read_that_is_cut_is_never_taken_for_whole(store: S3BlobStore, beside: S3BlobStore, proxy: FaultyProxy):
    key = new_key()
    asyncio.run(beside.put(key, CONTENT))
    proxy.spoil(cut_answer_after(300_000))
    got = None
    with suppress(StorageUnavailable):
        got = asyncio.run(read(store, key))
    print(f"\ncut: {'an error' if got is None else 'whole'}, {proxy.connections} connections")  # noqa: T201  the figures
    assert got in (None, CONTENT)
    assert proxy.connections <= 2 * ATTEMPTS
    proxy.spoil(pass_on)
    assert asyncio.run(read(store, key)) == CONTENT
