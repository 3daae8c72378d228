"""Stored bytes that go bad: flipped, cut short, gone; whatever the store."""

import random
from collections.abc import Sequence

from holdall.ports import BlobStore, Replacing


async def raw(store: BlobStore, key: str) -> bytes:
    """What lies under a key."""
    return b"".join([piece async for piece in await store.open(key)])


async def put_in_place(store: BlobStore, key: str, data: bytes) -> None:
    """Have these bytes there instead, as a disk has that forgot some of its own."""
    replacing: Replacing = store  # type: ignore[assignment]  every bare store can
    await replacing.replace(key, data)


async def flip(store: BlobStore, keys: Sequence[str], seed: int = 18) -> None:
    """Flip one bit of one byte of each."""
    chance = random.Random(seed)  # noqa: S311  a test repeats
    for key in keys:
        data = bytearray(await raw(store, key))
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        await put_in_place(store, key, bytes(data))
