"""What the port promises of a blob store, asked of every one there is."""

import asyncio
import hashlib
import socket
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdall.adapters.blobs.keyring import read_keyring
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.blobs.memory import MemoryBlobStore
from holdall.adapters.blobs.moving import MovingBlobStore
from holdall.adapters.blobs.s3 import ONE_REQUEST_BYTES, S3BlobStore
from holdall.adapters.blobs.sealed import Inner, SealedBlobStore
from holdall.errors import StorageUnavailable
from holdall.ports import BlobStore, Source, StoredObject

MIB = 1024 * 1024
KEY = "00/" + "0" * 32
PATTERN = bytes(range(251)) * 4

BAD_KEYS = {
    "empty": "",
    "no shard": "0" * 32,
    "shard of another": "01/" + "0" * 32,
    "too short": "00/" + "0" * 31,
    "too long": "00/" + "0" * 33,
    "upper case": "AA/" + "A" * 32,
    "not hex": "gg/" + "g" * 32,
    "parent": "../" + "0" * 32,
    "parent inside": "00/../" + "0" * 29,
    "absolute": "/00/" + "0" * 32,
    "empty shard": "/" + "0" * 32,
    "backslash": "00\\" + "0" * 32,
    "NUL at the end": KEY + "\0",
    "NUL inside": "00/" + "0" * 15 + "\0" + "0" * 16,
    "line end": KEY + "\n",
    "Arabic digits": "\u0660\u0660/" + "\u0660" * 32,
    "full-width digits": "\uff10\uff10/" + "\uff10" * 32,
    "escaped": "%30/" + "0" * 32,
    "deeper": KEY + "/x",
    "incoming": ".incoming/" + "0" * 32,
}


KEYRING = read_keyring("5e" * 32)


@pytest.fixture(params=["memory", "local", "s3", "moving"])
def bare_store(request: pytest.FixtureRequest, tmp_path: Path) -> Inner:
    if request.param == "memory":
        return MemoryBlobStore()
    if request.param == "moving":
        return MovingBlobStore(new=MemoryBlobStore(), old=LocalBlobStore(tmp_path / "blobs"))
    return LocalBlobStore(tmp_path / "blobs") if request.param == "local" else s3_store(request, uuid.uuid4().hex)


@pytest.fixture(params=["bare", "sealed", "sealed, plain too"])
def store(request: pytest.FixtureRequest, bare_store: Inner, tmp_path: Path) -> Iterator[BlobStore]:
    """Each of them as it is, and with encryption around it."""
    sealed = SealedBlobStore(bare_store, KEYRING, tmp_path / "scratch", plain_too=request.param == "sealed, plain too")
    yield bare_store if request.param == "bare" else sealed
    sealed.close()


def s3_store(request: pytest.FixtureRequest, prefix: str) -> S3BlobStore:
    server = request.getfixturevalue("seaweed")
    return S3BlobStore(
        server.bucket,
        endpoint=server.endpoint,
        region=server.region,
        access_key=server.access_key,
        secret_key=server.secret_key,
        prefix=prefix,
    )


def new_key(shard: str = "") -> str:
    digits = (shard + uuid.uuid4().hex)[:32]
    return f"{digits[:2]}/{digits}"


async def read(store: BlobStore, key: str, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([piece async for piece in await store.open(key, start, stop)])


async def listed(store: BlobStore, prefix: str = "") -> list[StoredObject]:
    return sorted([stored async for stored in store.list(prefix)], key=lambda stored: stored.key)


async def put_and_read(store: BlobStore, source: Source) -> bytes:
    key = new_key()
    await store.put(key, source)
    return await read(store, key)


def staged(folder: Path, data: bytes) -> Path:
    path = folder / "staged"
    path.write_bytes(data)
    return path


# ── what goes in comes out ───────────────────────────────────────────────────────────────────────────────────────


def test_bytes_come_back_as_they_were_put(store: BlobStore):
    assert asyncio.run(put_and_read(store, PATTERN)) == PATTERN


def test_a_file_comes_back_as_it_was_put_and_stays_where_it_was(store: BlobStore, tmp_path: Path):
    source = staged(tmp_path, PATTERN)

    assert asyncio.run(put_and_read(store, source)) == PATTERN
    assert source.read_bytes() == PATTERN


def test_removing_the_source_afterwards_does_not_matter(store: BlobStore, tmp_path: Path):
    source, key = staged(tmp_path, PATTERN), new_key()

    asyncio.run(store.put(key, source))
    source.unlink()

    assert asyncio.run(read(store, key)) == PATTERN


@pytest.mark.parametrize("kind", ["bytes", "file"])
def test_an_empty_object_is_an_object(store: BlobStore, tmp_path: Path, kind: str):
    source: Source = b"" if kind == "bytes" else staged(tmp_path, b"")
    key = new_key()

    async def story() -> tuple[bytes, bytes, list[StoredObject]]:
        await store.put(key, source)
        return await read(store, key), await read(store, key, 0, 0), await listed(store)

    whole, nothing, objects = asyncio.run(story())

    assert (whole, nothing) == (b"", b"")
    assert [(stored.key, stored.size) for stored in objects] == [(key, 0)]


def test_a_large_file_comes_back_in_pieces(store: BlobStore, tmp_path: Path):
    data = hashlib.shake_128(b"large").digest(MIB) * 40
    source, key = staged(tmp_path, data), new_key()

    async def story() -> list[bytes]:
        await store.put(key, source)
        return [piece async for piece in await store.open(key)]

    pieces = asyncio.run(story())

    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 8 * MIB
    assert asyncio.run(read(store, key, 39 * MIB + 7, 39 * MIB + 9)) == data[39 * MIB + 7 : 39 * MIB + 9]


def test_pieces_are_bytes_and_never_empty(store: BlobStore):
    key = new_key()

    async def story() -> list[bytes]:
        await store.put(key, b"x" * MIB)
        return [piece async for piece in await store.open(key)]

    assert all(type(piece) is bytes and piece for piece in asyncio.run(story()))


# ── spans ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, None), (0, 1), (0, 1004), (5, 6), (5, 1004), (5, None), (1003, 1004), (1003, None), (7, 7), (1004, None)],
)
def test_a_span_is_what_a_slice_is(store: BlobStore, start: int, stop: int | None):
    key = new_key()

    async def story() -> bytes:
        await store.put(key, PATTERN)
        return await read(store, key, start, stop)

    assert asyncio.run(story()) == PATTERN[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(0, 1005), (1000, 2000), (1004, 1005), (1005, None), (2000, 2001)])
def test_bytes_that_should_be_there_and_are_not_are_an_error(store: BlobStore, start: int, stop: int | None):
    key = new_key()

    async def story() -> bytes:
        await store.put(key, PATTERN)
        return await read(store, key, start, stop)

    with pytest.raises(StorageUnavailable):
        asyncio.run(story())


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (-2, -1), (2, 1)])
def test_a_span_that_is_none_is_refused(store: BlobStore, start: int, stop: int | None):
    with pytest.raises(ValueError, match="span"):
        asyncio.run(read(store, KEY, start, stop))


# ── one put a key ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["bytes", "file", "large file"])
def test_a_key_is_put_once(store: BlobStore, tmp_path: Path, kind: str):
    data = b"second" * (ONE_REQUEST_BYTES // 5 if kind == "large file" else 1)
    second: Source = data if kind == "bytes" else staged(tmp_path, data)
    key = new_key()

    async def story() -> None:
        await store.put(key, b"first")
        with pytest.raises(FileExistsError):
            await store.put(key, second)

    asyncio.run(story())

    assert asyncio.run(read(store, key)) == b"first"


def test_of_many_puts_of_one_key_at_once_one_wins(store: BlobStore):
    key = new_key()
    contents = [bytes([number]) * 20_000 for number in range(8)]

    async def story() -> tuple[list[BaseException | None], bytes]:
        outcomes = await asyncio.gather(*(store.put(key, data) for data in contents), return_exceptions=True)
        return outcomes, await read(store, key)

    outcomes, kept = asyncio.run(story())
    losers = [outcome for outcome in outcomes if outcome is not None]

    assert [type(loser) for loser in losers] == [FileExistsError] * 7
    assert kept == contents[outcomes.index(None)]


def test_a_source_that_is_not_there_is_an_error_and_keeps_nothing(store: BlobStore, tmp_path: Path):
    async def story() -> list[StoredObject]:
        with pytest.raises(StorageUnavailable):
            await store.put(KEY, tmp_path / "absent")
        return await listed(store)

    assert asyncio.run(story()) == []


# ── what is not there ────────────────────────────────────────────────────────────────────────────────────────────


def test_several_objects_are_put_together(store: BlobStore, tmp_path: Path):
    sources: list[Source] = [PATTERN, staged(tmp_path, b"from a file"), b"", b"x" * MIB]
    objects = [(new_key(shard), source) for shard, source in zip(("ab", "ab", "cd", "ab"), sources, strict=True)]

    async def story() -> list[bytes]:
        await store.put_all(objects)
        return [await read(store, key) for key, _ in objects]

    assert asyncio.run(story()) == [PATTERN, b"from a file", b"", b"x" * MIB]


def test_of_several_objects_none_is_kept_when_one_fails(store: BlobStore, tmp_path: Path):
    taken = new_key()

    async def story() -> tuple[list[StoredObject], bytes]:
        await store.put(taken, b"first")
        for failing, error in (((taken, b"second"), FileExistsError), ((KEY, tmp_path / "absent"), StorageUnavailable)):
            with pytest.raises(error):
                await store.put_all([(new_key(), PATTERN), failing, (new_key(), PATTERN)])
        return await listed(store), await read(store, taken)

    found, data = asyncio.run(story())

    assert [stored.key for stored in found] == [taken]
    assert data == b"first"


@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 0), (3, None), (3, 4)])
def test_an_unknown_key_is_told_before_the_first_byte(store: BlobStore, start: int, stop: int | None):
    with pytest.raises(FileNotFoundError):
        asyncio.run(store.open(KEY, start, stop))


def test_a_deleted_object_is_gone_and_deleting_it_again_is_no_error(store: BlobStore):
    async def story() -> list[StoredObject]:
        await store.put(KEY, PATTERN)
        await store.delete(KEY)
        await store.delete(KEY)
        with pytest.raises(FileNotFoundError):
            await store.open(KEY)
        return await listed(store)

    assert asyncio.run(story()) == []


def test_a_deleted_key_may_be_put_again(store: BlobStore):
    async def story() -> bytes:
        await store.put(KEY, b"first")
        await store.delete(KEY)
        await store.put(KEY, b"second")
        return await read(store, KEY)

    assert asyncio.run(story()) == b"second"


# ── written anew ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["bytes", "file", "large file"])
def test_a_replaced_object_has_the_new_bytes_and_only_those(bare_store: Inner, tmp_path: Path, kind: str):
    data = b"second" * (ONE_REQUEST_BYTES // 5 if kind == "large file" else 1)
    second: Source = data if kind == "bytes" else staged(tmp_path, data)

    async def story() -> tuple[bytes, list[StoredObject]]:
        await bare_store.put(KEY, PATTERN)
        await bare_store.replace(KEY, second)
        return await read(bare_store, KEY), await listed(bare_store)

    kept, objects = asyncio.run(story())

    assert kept == data
    assert [(stored.key, stored.size) for stored in objects] == [(KEY, len(data))]


def test_who_opened_an_object_before_it_was_replaced_reads_what_was_there(bare_store: Inner):
    old, new = b"o" * 4 * MIB, b"n" * 4 * MIB

    async def story() -> bytes:
        await bare_store.put(KEY, old)
        pieces = await bare_store.open(KEY)
        first = await anext(pieces)
        await bare_store.replace(KEY, new)
        return first + b"".join([piece async for piece in pieces])

    assert asyncio.run(story()) == old


def test_what_is_not_there_is_not_replaced(bare_store: Inner, tmp_path: Path):
    async def story() -> list[StoredObject]:
        with pytest.raises(FileNotFoundError):
            await bare_store.replace(KEY, b"x")
        with pytest.raises(FileNotFoundError):
            await bare_store.replace(KEY, staged(tmp_path, b"x" * (ONE_REQUEST_BYTES + 1)))
        return await listed(bare_store)

    assert asyncio.run(story()) == []


def test_a_source_that_is_not_there_replaces_nothing(bare_store: Inner, tmp_path: Path):
    async def story() -> bytes:
        await bare_store.put(KEY, PATTERN)
        with pytest.raises(StorageUnavailable):
            await bare_store.replace(KEY, tmp_path / "absent")
        return await read(bare_store, KEY)

    assert asyncio.run(story()) == PATTERN


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prefix", ["", "a", "aa", "aa/", "aa/aa", "aa/aa1", "ab", "f", "00/"])
def test_a_list_holds_the_keys_that_begin_so(store: BlobStore, prefix: str):
    keys = sorted(new_key(shard) for shard in ["aa0", "aa1", "aa2", "ab", "ba"])

    async def story() -> list[StoredObject]:
        for key in keys:
            await store.put(key, key.encode())
        return await listed(store, prefix)

    found = asyncio.run(story())

    assert [stored.key for stored in found] == [key for key in keys if key.startswith(prefix)]
    assert {stored.size for stored in found} <= {35}


def test_a_listed_object_says_when_it_came(store: BlobStore):
    async def story() -> list[StoredObject]:
        await store.put(KEY, PATTERN)
        return await listed(store)

    [stored] = asyncio.run(story())

    assert abs(stored.modified_at - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "prefix", ["/", "..", "../", ".incoming", "A", "aa/..", "aaa", "aa/" + "a" * 33, "a\0", "\u0660"]
)
def test_a_prefix_that_no_key_has_is_refused(store: BlobStore, prefix: str):
    with pytest.raises(ValueError, match="beginning of a blob key"):
        asyncio.run(listed(store, prefix))


# ── the choke point ──────────────────────────────────────────────────────────────────────────────────────────────

METHODS: dict[str, Callable[[BlobStore, str], Awaitable[object]]] = {
    "put": lambda store, key: store.put(key, b"x"),
    "put_all": lambda store, key: store.put_all([(key, b"x")]),
    "open": lambda store, key: store.open(key),
    "open a span": lambda store, key: store.open(key, 1, 2),
    "delete": lambda store, key: store.delete(key),
}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_refuses_every_bad_key(store: BlobStore, method: str):
    async def story(key: str) -> None:
        with pytest.raises(ValueError, match="not a blob key"):
            await METHODS[method](store, key)

    for key in BAD_KEYS.values():
        asyncio.run(story(key))


def test_replacing_refuses_every_bad_key_too(bare_store: Inner):
    async def story(key: str) -> None:
        with pytest.raises(ValueError, match="not a blob key"):
            await bare_store.replace(key, b"x")

    for key in BAD_KEYS.values():
        asyncio.run(story(key))


# ── letting go ───────────────────────────────────────────────────────────────────────────────────────────────────


async def close(pieces: AsyncIterator[bytes]) -> None:
    await pieces.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("pieces_read", [0, 1])
def test_a_reader_may_stop_at_any_time(store: BlobStore, pieces_read: int):
    async def story() -> list[bytes]:
        await store.put(KEY, b"x" * 4 * MIB)
        pieces = await store.open(KEY)
        for _ in range(pieces_read):
            await anext(pieces)
        await close(pieces)
        await close(pieces)
        return [piece async for piece in pieces]

    assert asyncio.run(story()) == []


# ── the object store in particular ───────────────────────────────────────────────────────────────────────────────


def test_s3_objects_that_are_not_ours_are_not_listed(request: pytest.FixtureRequest):
    prefix = uuid.uuid4().hex
    ours, deeper = s3_store(request, prefix), s3_store(request, f"{prefix}/00")

    async def story() -> tuple[list[StoredObject], list[StoredObject]]:
        await deeper.put(KEY, b"x")
        return await listed(ours), await listed(deeper)

    in_ours, in_deeper = asyncio.run(story())

    assert in_ours == []
    assert [stored.key for stored in in_deeper] == [KEY]


def test_s3_a_wrong_secret_is_our_failure(request: pytest.FixtureRequest):
    server = request.getfixturevalue("seaweed")

    with pytest.raises(StorageUnavailable):
        asyncio.run(s3_at(server.endpoint).put(KEY, b"x"))


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def deaf() -> str:
    """Where a server was, and no longer is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("kind", ["silent", "deaf"])
def test_s3_a_dead_store_is_an_error_and_not_a_wait(request: pytest.FixtureRequest, tmp_path: Path, kind: str):
    store = s3_at(request.getfixturevalue(kind))
    large = staged(tmp_path, bytes(ONE_REQUEST_BYTES + 1))
    calls = [
        store.put(KEY, b"x"),
        store.put(KEY, large),
        store.open(KEY),
        store.open(KEY, 1, 2),
        store.open(KEY, 1),
        store.delete(KEY),
        listed(store),
    ]

    async def story() -> list[object]:
        async with asyncio.timeout(5):
            return await asyncio.gather(*calls, return_exceptions=True)

    assert {type(outcome) for outcome in asyncio.run(story())} == {StorageUnavailable}


@pytest.fixture
def breaking() -> Iterator[str]:
    """A server that promises an object of 1,000,000 bytes, sends the first 300,000 of it, and hangs up."""
    answer = (
        b'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nETag: "x"\r\n'
        b"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n" + bytes(300_000)
    )

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_s3_a_store_that_breaks_midway_breaks_the_reading(breaking: str):
    async def story() -> None:
        pieces = await s3_at(breaking).open(KEY)
        with pytest.raises(StorageUnavailable):
            async for _ in pieces:
                pass

    asyncio.run(story())


def s3_at(endpoint: str) -> S3BlobStore:
    return S3BlobStore(
        "bucket",
        endpoint=endpoint,
        region="us-east-1",
        access_key="tester",
        secret_key="wrong",  # noqa: S106 - opens nothing
        timeout_seconds=1,
    )
