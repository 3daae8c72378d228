"""Rotating keys: every object that a row names is encrypted with the current key, one after the other.

Objects that have the current key are told by their headers, so that a run which was interrupted goes on where it was
when it is started again, and a run over a finished store costs a look at each object. What no row names is left to the
sweep: there is nothing to compare its bytes with, and a plain object that somebody put there must not be made ours.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from holdall.errors import StorageFull, StorageUnavailable
from holdall.ports import KeyRotation, Services

_BATCH = 200
_AT_ONCE = 4


@dataclass(slots=True)
class Rotated:
    """What a rotation did and found, in objects."""

    renewed: int = 0
    """Written anew, with the current key."""
    current: int = 0
    """Had it already."""
    unnamed: int = 0
    """No row names them; they were left as they are."""
    failed: list[str] = field(default_factory=list)
    """The keys of those that do not open, or hold other bytes than their rows say; they were left as they are."""


async def count_objects(services: Services) -> int:
    """How many objects a rotation will look at."""
    return len([stored.key async for stored in services.blobs.list()])


async def rotate_keys(
    services: Services, store: KeyRotation, on_progress: Callable[[int], None] = lambda _: None
) -> Rotated:
    """Have every object encrypted with the current key; ``on_progress`` is told how many were looked at.

    Safe to interrupt, to repeat, and beside a running server, as long as that has the same current key.

    Raises:
        StorageFull, DatabaseUnavailable: it cannot go on; what was done is done.

    """
    rotated, batch = Rotated(), list[str]()
    async for stored in services.blobs.list():
        batch.append(stored.key)
        if len(batch) >= _BATCH:
            await _renew_batch(services, store, batch, rotated)
            on_progress(len(batch))
            batch = []
    await _renew_batch(services, store, batch, rotated)
    on_progress(len(batch))
    return rotated


async def _renew_batch(services: Services, store: KeyRotation, keys: Sequence[str], rotated: Rotated) -> None:
    contents = await services.work.read(lambda ledger: ledger.files.contents(keys))
    rotated.unnamed += len(keys) - len(contents)
    named = list(contents.items())
    for start in range(0, len(named), _AT_ONCE):
        together = named[start : start + _AT_ONCE]
        await asyncio.gather(*(_renew(store, key, size, sha256, rotated) for key, (size, sha256) in together))


async def _renew(store: KeyRotation, key: str, size: int, sha256: str, rotated: Rotated) -> None:
    try:
        is_renewed = await store.renew(key, size, sha256)
    except FileNotFoundError:  # deleted meanwhile
        return
    except StorageFull:
        raise
    except StorageUnavailable:
        rotated.failed.append(key)
        return
    rotated.renewed += is_renewed
    rotated.current += not is_renewed
