"""A rendition is made once, however many ask; what fails is not tried again at once; nothing is left behind."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from holdall.adapters.blobs.memory import MemoryBlobStore
from holdall.adapters.chance import RandomIds
from holdall.adapters.db.engine import Database, open_database
from holdall.adapters.limits import FairTurns
from holdall.domain.files import Blob, Rendition, Variant
from holdall.domain.policy import InspectionLimits
from holdall.domain.quarantine import USUAL
from holdall.domain.variants import NAMED, Recipe
from holdall.errors import ContentCorrupt, InspectorUnavailable, Missing, StorageUnavailable
from holdall.flows.reservations import ReservedKeys
from holdall.flows.sweep import sweep
from holdall.flows.texts import ReadTexts, read_texts, text_of
from holdall.flows.variants import FAILURE_TTL, MAX_AT_WORK, Variants
from holdall.ports import Ledger, Services
from tests.support.rows import add_blob, make_world, new_blob

SMALL = NAMED["64"]
BYTES = b"the file's own bytes"


class Renderer:
    """Makes what it is told to, when it is told to, and counts."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.given: list[bytes] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.error: Exception | None = None

    async def render(self, path: Path, mime: str, limits: InspectionLimits, recipe: Recipe) -> Rendition:
        del mime, limits
        self.made.append(recipe.name)
        self.given.append(path.read_bytes())  # noqa: ASYNC240  a few bytes
        await self.may_go_on.wait()
        if self.error:
            raise self.error
        return Rendition(recipe.name, "image/jpeg", 64, 48, b"made " + recipe.name.encode())

    async def read_text(self, path: Path, mime: str, limits: InspectionLimits) -> str:
        made = await self.render(path, mime, limits, Recipe("text", 0))
        return made.data.decode()


class World:
    """Services around a renderer, and one ready blob with its bytes in the store."""

    def __init__(self, folder: Path, work: Database) -> None:
        self.renderer, self.store, self.work = Renderer(), MemoryBlobStore(), work
        self.now = datetime(2026, 3, 1, tzinfo=UTC)
        clock: Any = SimpleNamespace(now=lambda: self.now)
        own: Any = SimpleNamespace(
            blobs=self.store,
            quarantine=MemoryBlobStore(),
            work=work,
            renderer=self.renderer,
            turns=FairTurns(MAX_AT_WORK),
            clock=clock,
            loose_for=None,
            ids=RandomIds(),
            keys=ReservedKeys(work, RandomIds(), clock),
            staging=folder,
            caution=USUAL,
            log_ttl=timedelta(days=90),
            log_rows=1000,
            delete_grace=timedelta(days=7),
            operator="test",
        )
        self.services: Services = own
        self.variants = Variants(own)
        self.blob: Blob

    async def furnish(self, mime: str = "image/png") -> Blob:
        """A ready blob, in a space of its own."""

        def story(ledger: Ledger) -> Blob:
            new = replace(new_blob(make_world(ledger).space, variants=0), mime=mime)
            return add_blob(ledger, new, self.now)

        self.blob = await self.work.write(story)
        path = self.services.staging / "source"
        path.write_bytes(BYTES)
        await self.store.put(self.blob.key, path)
        path.unlink()
        return self.blob

    async def keys(self) -> set[str]:
        """What the store holds beside the file itself."""
        return {stored.key async for stored in self.store.list()} - {self.blob.key}

    async def kept(self) -> tuple[Variant, ...]:
        """The blob's variants, as the rows have them."""
        found = await self.work.read(lambda ledger: ledger.files.ready(after=self.blob.id - 1, limit=1))
        return found[0].variants


def in_world(folder: Path, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        work = open_database("sqlite://")
        world = World(folder, work)
        try:
            await world.furnish()
            await asyncio.wait_for(story(world), 30)
            assert os.listdir(folder) == []  # noqa: PTH208  copies are cleared away
        finally:
            await work.close()

    asyncio.run(run())


def test_fifty_who_ask_at_once_are_served_by_one(tmp_path: Path):
    async def story(world: World) -> None:
        world.renderer.may_go_on.clear()
        asking = [asyncio.create_task(world.variants.obtain(world.blob, SMALL)) for _ in range(50)]
        await asyncio.sleep(0.01)
        world.renderer.may_go_on.set()
        found = await asyncio.gather(*asking)

        assert world.renderer.made == ["64"]
        assert world.renderer.given == [BYTES]
        assert set(found) == set(await world.kept())
        assert {found[0].key} == await world.keys()

    in_world(tmp_path, story)


def test_what_is_kept_is_not_made_again(tmp_path: Path):
    async def story(world: World) -> None:
        made = await world.variants.obtain(world.blob, SMALL)
        again = await world.variants.obtain(replace(world.blob, variants=(made,)), SMALL)
        assert (again, world.renderer.made) == (made, ["64"])

    in_world(tmp_path, story)


def test_who_asked_first_may_leave(tmp_path: Path):
    async def story(world: World) -> None:
        world.renderer.may_go_on.clear()
        first, second = (asyncio.create_task(world.variants.obtain(world.blob, SMALL)) for _ in range(2))
        await asyncio.sleep(0.01)
        first.cancel()
        world.renderer.may_go_on.set()
        assert (await second).recipe == "64"
        assert world.renderer.made == ["64"]

    in_world(tmp_path, story)


def test_of_two_processes_one_keeps_it_and_the_other_gives_way(tmp_path: Path):
    async def story(world: World) -> None:
        one, other = Variants(world.services), Variants(world.services)
        found = await asyncio.gather(one.obtain(world.blob, SMALL), other.obtain(world.blob, SMALL))

        assert world.renderer.made == ["64", "64"]
        assert found[0] == found[1]
        assert set(await world.kept()) == {found[0]}
        assert await world.keys() == {found[0].key}

    in_world(tmp_path, story)


def test_a_failure_is_remembered_for_a_while(tmp_path: Path):
    async def story(world: World) -> None:
        world.renderer.error = ContentCorrupt("", "image/png", (), reason="it kills its child")
        for _ in range(3):
            with pytest.raises(Missing):
                await world.variants.obtain(world.blob, SMALL)
        assert world.renderer.made == ["64"]
        with pytest.raises(Missing):
            await world.variants.obtain(world.blob, NAMED["256"])  # another recipe has its own try
        assert world.renderer.made == ["64", "256"]

        world.renderer.error = None
        world.now += FAILURE_TTL + timedelta(seconds=1)
        assert (await world.variants.obtain(world.blob, SMALL)).recipe == "64"

    in_world(tmp_path, story)


def test_being_too_busy_is_no_failure_of_the_file(tmp_path: Path):
    async def story(world: World) -> None:
        world.renderer.error = InspectorUnavailable("busy")
        with pytest.raises(InspectorUnavailable):
            await world.variants.obtain(world.blob, SMALL)
        world.renderer.error = None
        assert (await world.variants.obtain(world.blob, SMALL)).recipe == "64"

    in_world(tmp_path, story)


def test_the_queue_has_an_end(tmp_path: Path):
    async def story(world: World) -> None:
        world.renderer.may_go_on.clear()
        waiting = [
            asyncio.create_task(world.variants.obtain(world.blob, Recipe(f"box-{n}", n))) for n in range(MAX_AT_WORK)
        ]
        await asyncio.sleep(0.01)
        with pytest.raises(InspectorUnavailable, match="too many"):
            await world.variants.obtain(world.blob, SMALL)
        world.renderer.may_go_on.set()
        await asyncio.gather(*waiting)
        assert (await world.variants.obtain(world.blob, SMALL)).recipe == "64"

    in_world(tmp_path, story)


def test_a_file_that_goes_away_meanwhile_gets_no_variant_and_a_sweep_takes_them_all(tmp_path: Path):
    async def story(world: World) -> None:
        await world.variants.obtain(world.blob, SMALL)
        world.renderer.may_go_on.clear()
        late = asyncio.create_task(world.variants.obtain(world.blob, NAMED["256"]))
        await asyncio.sleep(0.01)
        await world.work.write(lambda ledger: ledger.files.condemn(world.blob))
        world.renderer.may_go_on.set()
        with pytest.raises(Missing):
            await late
        world.now = datetime.now(UTC) + timedelta(hours=1)
        await sweep(world.services, timedelta())
        assert [stored async for stored in world.store.list()] == []

    in_world(tmp_path, story)


def test_a_file_without_bytes_is_our_fault(tmp_path: Path):
    async def story(world: World) -> None:
        await world.store.delete(world.blob.key)
        with pytest.raises(StorageUnavailable):
            await world.variants.obtain(world.blob, SMALL)

    in_world(tmp_path, story)


def test_types_without_renditions_are_never_tried(tmp_path: Path):
    async def story(world: World) -> None:
        archive = await world.furnish("application/zip")
        with pytest.raises(Missing):
            await world.variants.obtain(archive, SMALL)
        assert world.renderer.made == []

    in_world(tmp_path, story)


def test_texts_are_read_once_and_a_hostile_one_counts_as_read(tmp_path: Path):
    async def story(world: World) -> None:
        good = await world.furnish("application/pdf")
        assert await read_texts(world.services) == ReadTexts(1, 0)
        assert await text_of(world.services, good) == "made text"
        bad = await world.furnish("application/msword")
        world.renderer.error = ContentCorrupt("", "application/msword", ())
        assert await read_texts(world.services) == ReadTexts(1, 1)
        assert await text_of(world.services, bad) == ""
        assert await read_texts(world.services) == ReadTexts(0, 0)
        assert world.renderer.made == ["text", "text"]

    in_world(tmp_path, story)
