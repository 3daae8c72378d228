"""Whatever is sealed opens to the same bytes, in whole and in part; whatever was tampered with does not open."""

import asyncio
import hashlib
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.adapters.blobs.keyring import MasterKey, read_keyring
from holdall.adapters.blobs.memory import MemoryBlobStore
from holdall.adapters.blobs.sealed import MEMORY_BYTES, SealedBlobStore
from holdall.adapters.blobs.sealing import (
    CHUNK_BYTES,
    HEADER_BYTES,
    STRIDE,
    TAG_BYTES,
    NotGenuine,
    ObjectCipher,
    new_header,
    plain_size,
    read_header,
    sealed_size,
)
from holdall.errors import StorageUnavailable

KEYS = read_keyring("5e" * 32)
KEY, OTHER = "00/" + "0" * 32, "01/" + "01" * 16
NOISE = hashlib.shake_128(b"noise").digest(5 * CHUNK_BYTES)
BORDERS = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 4 * CHUNK_BYTES, 4 * CHUNK_BYTES + 9]
sizes = st.one_of(st.sampled_from(BORDERS), st.integers(0, len(NOISE)))


@contextmanager
def sealed_store(inner: MemoryBlobStore, *, plain_too: bool = False) -> Iterator[SealedBlobStore]:
    with tempfile.TemporaryDirectory() as scratch:
        store = SealedBlobStore(inner, KEYS, Path(scratch), plain_too=plain_too)
        try:
            yield store
        finally:
            store.close()


async def read(store: SealedBlobStore | MemoryBlobStore, key: str, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([piece async for piece in await store.open(key, start, stop)])


def sealed(data: bytes, key: str = KEY) -> bytes:
    """The object as the other store gets it."""

    async def story() -> bytes:
        inner = MemoryBlobStore()
        with sealed_store(inner) as store:
            await store.put(key, data)
        return await read(inner, key)

    return asyncio.run(story())


def opened(object: bytes, start: int = 0, stop: int | None = None, *, plain_too: bool = False) -> bytes:
    """What is read of such an object."""

    async def story() -> bytes:
        inner = MemoryBlobStore()
        await inner.put(KEY, object)
        with sealed_store(inner, plain_too=plain_too) as store:
            return await read(store, KEY, start, stop)

    return asyncio.run(story())


# ── what goes in comes out ───────────────────────────────────────────────────────────────────────────────────────


@settings(deadline=None)
@given(data=st.data(), size=sizes, plain_too=st.booleans())
def test_any_span_of_any_size_is_the_slice(data: st.DataObject, size: int, plain_too: bool):
    start = data.draw(st.one_of(st.just(0), st.integers(0, size)))
    stop = data.draw(st.one_of(st.none(), st.just(size), st.integers(start, size)))

    assert opened(sealed(NOISE[:size]), start, stop, plain_too=plain_too) == NOISE[start:size][: _length(start, stop)]


def _length(start: int, stop: int | None) -> int | None:
    return None if stop is None else stop - start


@settings(deadline=None)
@given(data=st.data(), size=sizes)
def test_a_span_of_a_plain_object_is_the_slice_too(data: st.DataObject, size: int):
    start = data.draw(st.integers(0, size))
    stop = data.draw(st.one_of(st.none(), st.integers(start, size)))

    assert opened(NOISE[:size], start, stop, plain_too=True) == NOISE[start:size][: _length(start, stop)]


@settings(deadline=None)
@given(data=st.data(), size=sizes)
def test_a_span_that_goes_over_the_end_is_an_error(data: st.DataObject, size: int):
    stop = size + data.draw(st.sampled_from([1, TAG_BYTES, CHUNK_BYTES, STRIDE + 5]))

    with pytest.raises(StorageUnavailable):
        opened(sealed(NOISE[:size]), data.draw(st.integers(0, stop)), stop)


@settings(max_examples=20, deadline=None)
@given(
    size=st.sampled_from([MEMORY_BYTES - 1, MEMORY_BYTES, MEMORY_BYTES + 1, MEMORY_BYTES + CHUNK_BYTES]),
    start=st.integers(0, MEMORY_BYTES - 1),
)
def test_a_file_that_is_sealed_into_a_file_opens_as_one_that_is_sealed_in_memory(
    tmp_path_factory: pytest.TempPathFactory, size: int, start: int
):
    source = tmp_path_factory.mktemp("source") / "file"
    data = (NOISE * 14)[:size]
    source.write_bytes(data)

    async def story() -> tuple[bytes, bytes]:
        inner = MemoryBlobStore()
        with sealed_store(inner) as store:
            await store.put(KEY, source)
            await store.put(OTHER, data)
            return await read(store, KEY, start), await read(store, OTHER, start)

    of_file, of_bytes = asyncio.run(story())

    assert of_file == of_bytes == data[start:]


@settings(deadline=None)
@given(st.integers(0, 20 * STRIDE))
def test_lengths_are_told_both_ways(size: int):
    assert plain_size(sealed_size(size)) == size


@settings(deadline=None)
@given(st.integers(0, 20 * STRIDE))
def test_a_length_that_no_sealed_object_has_is_told(length: int):
    size = plain_size(length)

    assert size is None or sealed_size(size) == length


def test_the_other_store_gets_what_the_size_says():
    for size in BORDERS:
        assert len(sealed(NOISE[:size])) == sealed_size(size)


# ── what was tampered with ───────────────────────────────────────────────────────────────────────────────────────

SMALL = NOISE[:100]


@pytest.mark.parametrize("plain_too", [False, True])
@pytest.mark.parametrize("stop", [None, len(SMALL)])
def test_whichever_byte_is_changed_nothing_is_read(plain_too: bool, stop: int | None):
    """Every byte of an object, header and all, one after the other."""
    object = sealed(SMALL)
    for place in range(len(object)):
        changed = bytearray(object)
        changed[place] ^= 1 << place % 8
        with pytest.raises(StorageUnavailable):
            opened(bytes(changed), 0, stop, plain_too=plain_too)


def test_every_chunk_is_bound_to_the_whole_header():
    """A header that lies about the size opens not even the chunks that are where they would be anyway."""
    key, place = KEYS.current, KEY
    header = new_header(key, 2 * CHUNK_BYTES)
    first = ObjectCipher(header, key, place).seal(0, NOISE[:CHUNK_BYTES])
    assert ObjectCipher(header, key, place).open(0, first) == NOISE[:CHUNK_BYTES]
    for lie in (replace(header, size=3 * CHUNK_BYTES), replace(header, key_id=bytes(len(header.key_id)))):
        with pytest.raises(NotGenuine):
            ObjectCipher(lie, key, place).open(0, first)


@settings(deadline=None)
@given(data=st.data(), size=sizes.filter(bool))
def test_a_changed_byte_breaks_its_own_chunk_and_no_byte_of_it_is_read(data: st.DataObject, size: int):
    object = bytearray(sealed(NOISE[:size]))
    place = data.draw(st.integers(HEADER_BYTES, len(object) - 1))
    object[place] ^= data.draw(st.integers(1, 255))
    chunk = (place - HEADER_BYTES) // STRIDE
    start, stop = chunk * CHUNK_BYTES, min((chunk + 1) * CHUNK_BYTES, size)

    with pytest.raises(StorageUnavailable):
        opened(bytes(object))
    with pytest.raises(StorageUnavailable):
        opened(bytes(object), start, stop)
    if stop < size:
        assert opened(bytes(object), stop, size) == NOISE[stop:size]


@settings(deadline=None)
@given(size=sizes.filter(bool), cut=st.integers(1, 4 * STRIDE))
def test_an_object_that_was_cut_is_not_read_to_its_end(size: int, cut: int):
    object = sealed(NOISE[:size])

    with pytest.raises(StorageUnavailable):
        opened(object[: max(0, len(object) - cut)])


@pytest.mark.parametrize("chunks", range(5))
@pytest.mark.parametrize("stop", [None, len(NOISE)])
def test_an_object_that_was_cut_between_two_chunks_is_not_read_to_its_end(chunks: int, stop: int | None):
    with pytest.raises(StorageUnavailable):
        opened(sealed(NOISE)[: HEADER_BYTES + chunks * STRIDE], 0, stop)


@settings(deadline=None)
@given(size=sizes, tail=st.binary(min_size=1, max_size=STRIDE + 1))
def test_bytes_that_were_added_are_noticed_and_never_read(size: int, tail: bytes):
    object = sealed(NOISE[:size]) + tail

    with pytest.raises(StorageUnavailable):
        opened(object)
    assert opened(object, 0, size) == NOISE[:size]


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(range(4), 2)])
def test_chunks_that_changed_places_do_not_open(one: int, other: int):
    object = sealed(NOISE)
    chunks = [object[HEADER_BYTES + index * STRIDE :][:STRIDE] for index in range(5)]
    chunks[one], chunks[other] = chunks[other], chunks[one]

    with pytest.raises(StorageUnavailable):
        opened(object[:HEADER_BYTES] + b"".join(chunks))


def test_a_chunk_from_another_object_does_not_open():
    """Of the same length, under the same key, with the same bytes."""
    one, other = sealed(NOISE), sealed(NOISE)

    with pytest.raises(StorageUnavailable):
        opened(one[:HEADER_BYTES] + other[HEADER_BYTES:])


@pytest.mark.parametrize("plain_too", [False, True])
def test_an_object_under_the_key_of_another_does_not_open(plain_too: bool):
    with pytest.raises(StorageUnavailable):
        opened(sealed(NOISE, OTHER), plain_too=plain_too)


@pytest.mark.parametrize("chunks", [1, 2, 4])
def test_a_shorter_object_with_a_header_to_fit_does_not_open(chunks: int):
    """The header is not secret, and may be written anew; but it is bound to every chunk."""
    object, size = sealed(NOISE), chunks * CHUNK_BYTES
    header = object[:24] + size.to_bytes(8, "big") + object[32:HEADER_BYTES]

    assert read_header(header) is not None
    with pytest.raises(StorageUnavailable):
        opened(header + object[HEADER_BYTES : HEADER_BYTES + chunks * STRIDE])


def test_the_last_chunk_is_known_as_the_last():
    """Even where the header that says how many there are is the same."""
    header = new_header(KEYS.current, 2 * CHUNK_BYTES)
    cipher = ObjectCipher(header, KEYS.current, KEY)

    assert cipher._nonce(1) != ObjectCipher(new_header(KEYS.current, 3 * CHUNK_BYTES), KEYS.current, KEY)._nonce(1)
    assert len({cipher._nonce(index) for index in range(1000)}) == 1000


def test_no_two_objects_have_one_key_and_equal_bytes_do_not_look_alike():
    one, other = sealed(SMALL), sealed(SMALL)

    body = slice(HEADER_BYTES, HEADER_BYTES + len(SMALL))  # without the tag, which tells headers apart
    assert one[32:HEADER_BYTES] != other[32:HEADER_BYTES]
    assert one[body] != other[body]


@pytest.mark.parametrize("span", [(0, None), (0, 100), (5, 50)])
def test_a_plain_object_is_not_read_unless_it_may_be(span: tuple[int, int | None]):
    with pytest.raises(StorageUnavailable, match="plain objects are refused"):
        opened(NOISE[:100], *span)


def test_an_object_of_an_unknown_key_is_not_read():
    stranger = MasterKey.of(bytes(32))
    header = new_header(stranger, 3)
    object = header.pack() + ObjectCipher(header, stranger, KEY).seal(0, b"abc")

    with pytest.raises(StorageUnavailable, match=stranger.id.hex()):
        opened(object)
    with pytest.raises(StorageUnavailable, match=stranger.id.hex()):
        opened(object, plain_too=True)
