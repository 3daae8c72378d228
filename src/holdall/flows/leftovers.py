"""The survey: every object in the stores and every row past its time is told by what it is there for.

Whoever looks at the disk and finds more than they know of sees here what it is, why it is still there, and whether a
sweep takes it. It changes nothing. A portion of the store at a time is compared with the rows that name it: first the
objects, then the rows, so that whatever came between the two has a row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from holdall.domain.files import BlobState
from holdall.domain.leftovers import Owner, Pile, Times, Use
from holdall.domain.quarantine import QuarantineState
from holdall.ports import Services, StoredObject

SHARDS = tuple(f"{number:02x}" for number in range(256))
PORTIONS = tuple("0123456789abcdef")
"""Beginnings of keys, of which one at a time is compared: a sixteenth of a million files is some 30 MB."""
_BATCH = 200
WHY = {
    "files": "uploads lead to them",
    "renditions": "made of files that are there",
    "lost files": "damaged or gone, and kept on record until the same content comes again",
    "deleted files in their grace": "their uploads were deleted, and can still be brought back",
    "files under way": "their keys are reserved, by uploads that run or ran a short while ago",
    "files on their way out": "nothing leads to them any more, for a short while only",
    "files going into quarantine": "a rule matched them, and their bytes are being moved",
    "quarantined files": "a malware rule matched them; they are held until an operator decides, or their time is up",
    "young objects without a row": "too young to be told from an upload that runs",
    "half-written by uploads under way": "touched a short while ago",
    "uploads that hang nowhere": "nothing refers to them, and lists show them; HOLDALL_UNATTACHED_DAYS lets them go",
    "uploads that hung nowhere for too long": "HOLDALL_UNATTACHED_DAYS: deleted now, and gone once their grace is over",
    "deleted uploads past their grace": "nobody can bring them back any more",
    "deleted files past their grace": "every upload of them was deleted, and none can be brought back",
    "condemned files": "nothing leads to them any more",
    "reservations past their time": "an upload broke off, or was given another key",
    "objects without a row": "no row names them: a restored database, or a copy that somebody made",
    "files without bytes": "their rows name nothing; they are marked as lost, and healed by the same content",
    "renditions without bytes": "their rows name nothing; they are made anew when asked for",
    "left half-written": "a crash or a failure left them in the staging folder, or on their way into the store",
    "files leaving quarantine": "released, deleted, too old, too many, or never come in whole",
    "old idempotency keys": "their requests may not be repeated any more",
    "deleted nodes and fields": "their grace is over, with the records and values in them",
    "old events of the access log": "past their time, or beyond the number that is kept",
}
"""The piles, those that stay first; and why each is there."""
STAY = 11
"""So many of them stay."""
_ORDER = {what: place for place, what in enumerate(WHY)}


@dataclass
class Survey:
    """What was found."""

    piles: Sequence[Pile] = ()
    strays: list[str] = field(default_factory=list)
    """Keys of the blob store that no row names, old enough to go."""
    missing: list[Owner] = field(default_factory=list)
    """Rows under whose keys nothing was listed; to be looked at again before anything is done about them."""
    named: int = 0
    """Objects that a row names."""
    has_bytes: int = 0
    """Rows of files that were found with their bytes."""


class _Piles:
    """Adds up."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, what: str, size: int = 0, number: int = 1) -> None:
        sums = self._sums[what]
        sums[0] += number
        sums[1] += size

    def told(self) -> list[Pile]:
        """In the order of ``WHY``; none that is empty."""
        return [
            Pile(what, number, size, WHY[what], goes=_ORDER[what] >= STAY)
            for what, (number, size) in sorted(self._sums.items(), key=lambda each: _ORDER[each[0]])
            if number
        ]


async def survey(services: Services, times: Times, on_step: Callable[[str], None] = lambda _: None) -> Survey:
    """Look at everything that is stored; changes nothing.

    Raises:
        StorageUnavailable, DatabaseUnavailable: it cannot be looked at.

    """
    found, piles = Survey(), _Piles()
    await _rows_past_their_time(services, times, piles)
    _staged(services.staging, times, piles)
    for store in (services.blobs, services.quarantine):
        for each in await store.incoming():
            _half_written(piles, each.size, each.touched_at, times)
    for place, beginning in enumerate(PORTIONS):
        on_step(f"what is stored and which rows name it, {100 * place // len(PORTIONS)} %")
        await _portion(services, times, beginning, found, piles)
    on_step("what is in quarantine")
    await _quarantine(services, times, piles)
    found.piles = piles.told()
    return found


async def _rows_past_their_time(services: Services, times: Times, piles: _Piles) -> None:
    loose, due = await services.work.read(
        lambda ledger: (ledger.loose.count(), 0 if times.loose is None else ledger.loose.count_due(times.loose))
    )
    piles.add("uploads that hang nowhere", number=loose - due)
    piles.add("uploads that hung nowhere for too long", number=due)
    counts = await services.work.read(
        lambda ledger: {
            "deleted uploads past their grace": ledger.leftovers.deleted(times.deleted),
            "old idempotency keys": ledger.leftovers.claims(times.now),
            "deleted nodes and fields": ledger.leftovers.structure(times.deleted),
            "old events of the access log": ledger.leftovers.events(times.events, services.log_rows),
        }
    )
    for what, number in counts.items():
        piles.add(what, number=number)


def _staged(folder: Path, times: Times, piles: _Piles) -> None:
    for path in folder.iterdir():
        if path.is_file():
            status = path.stat()
            _half_written(piles, status.st_size, datetime.fromtimestamp(status.st_mtime, times.now.tzinfo), times)


def _half_written(piles: _Piles, size: int, touched_at: datetime, times: Times) -> None:
    piles.add("left half-written" if touched_at < times.unfinished else "half-written by uploads under way", size)


async def _portion(services: Services, times: Times, beginning: str, found: Survey, piles: _Piles) -> None:
    """Part of the blob store: keys of this beginning."""
    objects = {
        stored.key: stored
        for shard in SHARDS  # each by itself: an object store lists whole folders
        if shard.startswith(beginning)
        async for stored in services.blobs.list(f"{shard}/")
    }
    owners = await services.work.read(lambda ledger: ledger.leftovers.owners(beginning, times.deleted))
    for owner in owners:
        stored = objects.pop(owner.key, None)
        if stored is None:
            _without_bytes(owner, times, found, piles)
            continue
        found.named += 1
        found.has_bytes += owner.blob_id is not None and not owner.is_rendition
        piles.add(_kind(owner, times), stored.size)
    for stored in objects.values():
        _without_row(stored, times, found, piles)


def _kind(owner: Owner, times: Times) -> str:
    """The pile of an object that a row names."""
    if owner.blob_id is None:
        return "reservations past their time" if owner.since < times.unfinished else "files under way"
    if owner.state is BlobState.QUARANTINED:
        return "files going into quarantine"
    if owner.state is BlobState.CONDEMNED or owner.use is Use.DUE:
        is_condemned = owner.state is BlobState.CONDEMNED
        old = "condemned files" if is_condemned else "deleted files past their grace"
        return old if owner.since < times.unfinished else "files on their way out"
    return _kind_kept(owner)


def _kind_kept(owner: Owner) -> str:
    if owner.use is Use.DELETED:
        return "deleted files in their grace"
    if owner.is_rendition:
        return "renditions"
    return "lost files" if owner.state is BlobState.LOST else "files"


def _without_bytes(owner: Owner, times: Times, found: Survey, piles: _Piles) -> None:
    """Of a reservation there need not be any; the bytes of a blob on its way out may be gone already."""
    is_old = owner.since < times.unfinished
    if owner.blob_id is None or owner.state is BlobState.CONDEMNED or owner.use is Use.DUE:
        if is_old:
            piles.add(_kind(owner, times))
    elif owner.state is BlobState.LOST:
        piles.add("lost files")
    elif owner.state is BlobState.READY and is_old:
        piles.add("renditions without bytes" if owner.is_rendition else "files without bytes")
        found.missing.append(owner)


def _without_row(stored: StoredObject, times: Times, found: Survey, piles: _Piles) -> None:
    if stored.modified_at < times.unfinished:
        found.strays.append(stored.key)
        piles.add("objects without a row", stored.size)
    else:
        piles.add("young objects without a row", stored.size)


async def _quarantine(services: Services, times: Times, piles: _Piles) -> None:
    """The quarantine's own store, which is small: it has a ceiling."""
    caution = services.caution
    before = times.now - caution.quarantine_for
    leaving = await services.work.read(
        lambda ledger: [
            *ledger.quarantine.unsettled(times.unfinished, caution.quarantine_max_files),
            *ledger.quarantine.surplus(before, caution.quarantine_max_bytes, caution.quarantine_max_files),
        ]
    )
    going = {file.key for file in leaving if file.state is not QuarantineState.ARRIVING or file.blob_id is None}
    batch: list[StoredObject] = []
    seen: set[str] = set()
    async for stored in services.quarantine.list():
        batch.append(stored)
        seen.add(stored.key)
        if len(batch) >= _BATCH:
            await _held(services, times, batch, going, piles)
            batch = []
    await _held(services, times, batch, going, piles)
    for key in going - seen:
        piles.add("files leaving quarantine", number=1 if key is not None else 0)


async def _held(
    services: Services, times: Times, batch: Iterable[StoredObject], going: set[str], piles: _Piles
) -> None:
    keys = [stored.key for stored in batch]
    named = await services.work.read(lambda ledger: ledger.quarantine.named(keys))
    for stored in batch:
        if stored.key in going:
            piles.add("files leaving quarantine", stored.size)
        elif stored.key in named:
            piles.add("quarantined files", stored.size)
        else:
            is_old = stored.modified_at < times.unfinished
            piles.add("objects without a row" if is_old else "young objects without a row", stored.size)
