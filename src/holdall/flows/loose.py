"""Uploads that hang nowhere: brought, and never attached, or taken out of the last cell that they hung in.

No contract says that they go, so they stay unless the operator wants it. Then a sweep notes those that it finds loose,
takes the note off those that hang somewhere again, and deletes whatever was loose all the while: as a user would have,
with the same grace and the same way back. So nothing goes sooner after the setting than it says.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from holdall.ports import Ledger, Services

_WALK = 20_000
"""Uploads looked at in one reading transaction, which takes some 30 ms."""
_BATCH = 500


async def sweep_loose(services: Services, after: timedelta) -> int:
    """Delete uploads that sweeps have seen loose for longer than ``after``; how many. Safe to repeat.

    Raises:
        DatabaseUnavailable: not all of it was done.

    """
    now = services.clock.now()
    hung = await services.work.read(lambda ledger: ledger.loose.hung())
    await _note(services, hung, None)
    deleted = await _delete_due(services, now - after, now)
    last = await services.work.read(lambda ledger: ledger.loose.last())
    for start in range(0, last, _WALK):
        await _note(services, await services.work.read(partial(_fresh, start)), now)
    return deleted


def _fresh(start: int, ledger: Ledger) -> list[int]:
    return ledger.loose.fresh(after=start, last=start + _WALK)


async def _note(services: Services, numbers: Sequence[int], at: datetime | None) -> None:
    for start in range(0, len(numbers), _BATCH):
        await services.work.write(partial(_note_some, list(numbers[start : start + _BATCH]), at))


def _note_some(numbers: list[int], at: datetime | None, ledger: Ledger) -> None:
    ledger.loose.note(numbers, at)


async def _delete_due(services: Services, before: datetime, now: datetime) -> int:
    deleted = 0
    while due := await services.work.read(lambda ledger: ledger.loose.due(before, _BATCH)):
        gone = await services.work.write(partial(_delete, due, before, now))
        deleted += len(gone)
        if not gone:  # all of them were attached meanwhile; the next sweep takes their notes off
            break
    return deleted


def _delete(numbers: list[int], before: datetime, now: datetime, ledger: Ledger) -> list[int]:
    return ledger.loose.delete(numbers, before, now)
