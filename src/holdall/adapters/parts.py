"""How each part of an installation is looked at: little is asked, nothing is changed, and silence is left to others.

Each function raises what is wrong with its part, in words for operators.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from holdall.adapters.scan.clamd import Address, Unanswered, Version, ask_version
from holdall.errors import StorageFull, StorageUnavailable
from holdall.ports import Clock, UnitOfWork

if TYPE_CHECKING:
    from holdall.adapters.redis_limits import RedisLimiter

COUNTED = 10_000
"""What waits is counted up to here: beyond, all that matters is that it is too much."""
_MIN_FILES = 1000
_SHARD = "00"
"""A folder that every local store has (``adapters.blobs.local``); an empty mount point has none."""


async def look_at_database(work: UnitOfWork) -> None:
    """Begin and end a transaction of either kind; the commit has nothing in it, and waits for no disk.

    Raises:
        DatabaseUnavailable: it does not read, or does not write.

    """
    await work.read(lambda _: None)
    await work.note(lambda _: None)


async def look_at_folder(root: Path) -> None:
    """See that a local blob store's folders are there, and may be written to.

    Raises:
        StorageUnavailable: they are not.

    """

    def look() -> None:
        for folder in (root, root / _SHARD):
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise StorageUnavailable(f"{folder} is not there, or not for us to write to")

    await asyncio.to_thread(look)


async def look_at_room(folder: Path, min_bytes: int) -> None:
    """See that the disk of the data folder has room.

    Raises:
        StorageFull: it has less than ``min_bytes``, or fewer than a thousand files fit on it.
        OSError: it cannot be asked.

    """
    free_bytes, free_files = await asyncio.to_thread(room, folder)
    if free_bytes < min_bytes or free_files < _MIN_FILES:
        raise StorageFull(f"{free_bytes} bytes and {free_files} files are free on the disk of {folder}")


async def free_bytes(folder: Path) -> float:
    """For the meter: free on the disk of this folder."""
    return (await asyncio.to_thread(room, folder))[0]


async def free_files(folder: Path) -> float:
    """For the meter: files that still fit there."""
    return (await asyncio.to_thread(room, folder))[1]


async def lost_files(work: UnitOfWork) -> float:
    """For the meter: files whose bytes are known to be lost."""
    return await work.read(lambda ledger: ledger.scrubs.count_lost())


async def clamd_answering(addresses: Sequence[Address], seconds: float) -> float:
    """For the meter: how many clamd answer."""
    return len(await _versions(addresses, seconds))


async def clamd_signatures_age(addresses: Sequence[Address], seconds: float, clock: Clock) -> float:
    """For the meter: of those that answer, how many seconds ago the oldest signatures were made."""
    made = [version.made_at for version in await _versions(addresses, seconds) if version.made_at is not None]
    return (clock.now() - min(made)).total_seconds() if made else float("nan")


async def _versions(addresses: Sequence[Address], seconds: float) -> list[Version]:
    answers = await asyncio.gather(*(ask_version(each, seconds) for each in addresses), return_exceptions=True)
    return [answer for answer in answers if isinstance(answer, Version)]


async def webhooks_waiting(work: UnitOfWork) -> float:
    """For the meter: deliveries that wait, up to a bound."""
    return await work.read(lambda ledger: ledger.webhooks.count_waiting(COUNTED))


async def webhooks_late(work: UnitOfWork, clock: Clock) -> float:
    """For the meter: for how many seconds the oldest of them should have been made."""
    due = await work.read(lambda ledger: ledger.webhooks.first_due())
    return 0.0 if due is None else max(0.0, (clock.now() - due).total_seconds())


def room(folder: Path) -> tuple[int, float]:
    """Bytes and files that are free for us on the disk of this folder; a disk may wait, so not on the event loop."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize, found.f_favail if found.f_files else float("inf")


async def look_at_redis(limiter: "RedisLimiter") -> None:
    """Have it count once: a Redis that only reads would answer all the same.

    Raises:
        LimitsUnavailable: it does not.

    """
    await limiter.check()


async def look_at_clamd(addresses: Sequence[Address], seconds: float) -> None:
    """Ask all clamd at once; one that answers is enough.

    Raises:
        Unanswered: none does.

    """
    asked = [asyncio.ensure_future(ask_version(address, seconds)) for address in addresses]
    silences = []
    try:
        for next_answer in asyncio.as_completed(asked):
            try:
                await next_answer
            except Unanswered as silence:
                silences.append(str(silence))
            else:
                return
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    raise Unanswered("; ".join(silences))
