"""Variants on demand: a rendition is made when it is first asked for, once, and kept beside its blob.

make     in a child; whoever else asks for the same meanwhile waits for this one       ports.Renderer
keep     the bytes under a reserved key, then the row that names it                     ports.Files.add_variant
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from holdall.domain.files import Blob, Rendition, Variant
from holdall.domain.policy import InspectionLimits
from holdall.domain.signatures import MORE_PICTURED, PICTURED
from holdall.domain.variants import Recipe
from holdall.errors import (
    BytesDamaged,
    Conflict,
    ContentRefused,
    InspectorUnavailable,
    Missing,
    ReservationLost,
    StorageUnavailable,
)
from holdall.flows.keep import variant_of
from holdall.flows.quarantine import fetched
from holdall.ports import LocalPaths, Services

FAILURE_TTL = timedelta(minutes=10)
"""A file that no rendition could be made of is not tried again for so long."""
MAX_FAILURES = 10_000
MAX_AT_WORK = 32
"""Renditions being made or waited for at once, in this process; half of the inspectors' queue is left to uploads."""
LIMITS = InspectionLimits(cpu_seconds=10, wall_seconds=15.0)
"""What one rendition may take; its file was proved within twice as much."""

_Key = tuple[int, str]


def is_pictured(blob: Blob) -> bool:
    """Whether renditions are made of a blob: of its type they can be, and it was looked into when it came.

    Of the images that a house has to ask for, those that were not looked into have no width.
    """
    return blob.mime in PICTURED or (blob.mime in MORE_PICTURED and blob.width is not None)


class Variants:
    """The renditions of this process's services, each made by one caller for all."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._at_work: dict[_Key, asyncio.Task[Variant]] = {}
        self._failures: dict[_Key, datetime] = {}

    async def obtain(self, blob: Blob, recipe: Recipe) -> Variant:
        """The rendition of a ready blob by this recipe, made now if it is not there yet.

        Raises:
            Missing: there is none of this type of file, or of this very file; or the blob went away meanwhile.
            InspectorUnavailable: too many are being made. Safe to repeat.
            StorageUnavailable, DatabaseUnavailable: it could not be kept.

        """
        if (kept := blob.variant(recipe.name)) is not None:
            return kept
        key = (blob.id, recipe.name)
        if not is_pictured(blob) or self._has_failed(key):
            raise Missing("variant", recipe.name)
        task = self._at_work.get(key)
        if task is None:
            task = self._begin(key, blob, recipe)
        return await asyncio.shield(task)  # who asked first may leave; the others still wait

    def _begin(self, key: _Key, blob: Blob, recipe: Recipe) -> "asyncio.Task[Variant]":
        if len(self._at_work) >= MAX_AT_WORK:
            raise InspectorUnavailable("too many renditions are being made")
        task = asyncio.create_task(self._make(key, blob, recipe))
        self._at_work[key] = task
        task.add_done_callback(lambda done: self._end(key, done))
        return task

    def _end(self, key: _Key, task: "asyncio.Task[Variant]") -> None:
        del self._at_work[key]
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told of an error whose caller has left

    async def _make(self, key: _Key, blob: Blob, recipe: Recipe) -> Variant:
        services = self._services
        try:
            async with local_copy(services, blob) as path, services.turns.turn(f"space {blob.space_id}"):
                rendition = await services.renderer.render(path, blob.mime, LIMITS, recipe)
        except ContentRefused as refusal:
            self._remember_failure(key)
            raise Missing("variant", recipe.name) from refusal
        try:
            return await self._keep(blob, rendition)
        except Conflict as gone:
            raise Missing("variant", recipe.name) from gone
        except ReservationLost as lost:  # a sweep with less grace than keys are held for; there are others next time
            services.keys.forsake()
            raise StorageUnavailable("the variant's key was swept") from lost

    async def _keep(self, blob: Blob, rendition: Rendition) -> Variant:
        """The variant that is kept: ours, or another process's that was there first."""
        services = self._services
        (key,) = await services.keys.take(1)
        variant = variant_of(key, rendition)
        await services.blobs.put(variant.key, rendition.data)
        # When this fails, the row may be there all the same, so the bytes stay.
        kept = await services.work.note(lambda ledger: ledger.files.add_variant(blob, variant))
        if kept.key != variant.key:
            with suppress(StorageUnavailable):
                await services.blobs.delete(variant.key)
        return kept

    def _has_failed(self, key: _Key) -> bool:
        until = self._failures.get(key)
        return until is not None and self._services.clock.now() < until

    def _remember_failure(self, key: _Key) -> None:
        if len(self._failures) >= MAX_FAILURES:
            self._failures.pop(next(iter(self._failures)))  # the oldest
        self._failures.pop(key, None)
        self._failures[key] = self._services.clock.now() + FAILURE_TTL


@asynccontextmanager
async def local_copy(services: Services, blob: Blob) -> AsyncIterator[Path]:
    """A blob's bytes as a file that a child may read: where they lie, or a copy for as long as it is needed.

    Raises:
        BytesDamaged: they are gone, or surely not what came.
        StorageUnavailable: the bytes cannot be had.

    """
    if isinstance(services.blobs, LocalPaths):
        path = services.blobs.local_path(blob.key)
        if not path.is_file() and path.parent.is_dir():  # else the disk is away, and nothing is known of the file
            raise BytesDamaged(f"the bytes of {blob.key} are gone")
        yield path
        return
    try:
        pieces = await services.blobs.open(blob.key)
    except FileNotFoundError as error:
        raise BytesDamaged(f"the bytes of {blob.key} are gone") from error
    async with fetched(services, pieces) as (path, _):
        yield path
