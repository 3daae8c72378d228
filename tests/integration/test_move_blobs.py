"""Blobs move to another place: what is copied, what is refused, what is found on the way."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest

from holdall.adapters.blobs.keyring import Keyring, MasterKey
from holdall.adapters.blobs.memory import MemoryBlobStore
from holdall.adapters.blobs.moving import MovingBlobStore
from holdall.adapters.blobs.sealed import SealedBlobStore
from holdall.bootstrap import open_removals, open_services, prepare
from holdall.domain.access import Space
from holdall.errors import Conflict, StorageFull, StorageUnavailable
from holdall.flows.move_blobs import MEMORY_BYTES, Copied, Removal, Removed, move_blobs, remove_originals
from holdall.ports import BlobStore, Services, Source
from holdall.settings import Settings, SettingsError
from tests.support.rows import add_blob, make_world, new_blob

CONTENTS = (b"small", b"", os.urandom(MEMORY_BYTES + 1), *(bytes([n]) * 1000 for n in range(20)))
KEYS = Keyring((MasterKey.of(b"k" * 32),))


@dataclass
class Site:
    """An installation whose blobs are in the first of two places."""

    services: Services
    space: Space
    old: MemoryBlobStore
    new: MemoryBlobStore
    scratch: Path
    old_plain: BlobStore
    removal: Removal

    async def keep(self, data: bytes) -> str:
        """The key of a new blob with these bytes."""
        blob = replace(new_blob(self.space, data, variants=0), size=len(data))
        await self.old_plain.put(blob.key, data)
        await self.services.work.write(lambda ledger: add_blob(ledger, blob))
        return blob.key

    async def move(self) -> Copied:
        return await move_blobs(self.services, [self.removal], self.scratch)

    async def remove(self) -> Removed:
        return await remove_originals(self.services, [self.removal], self.scratch)


@asynccontextmanager
async def a_site(folder: Path, *, sealed: bool = False) -> AsyncIterator[Site]:
    settings = Settings(data_dir=str(folder))
    prepare(settings)
    (folder / "moving").mkdir()
    old, new = MemoryBlobStore(), MemoryBlobStore()

    def plain(bare: MemoryBlobStore) -> BlobStore:
        return SealedBlobStore(bare, KEYS, folder / "sealing") if sealed else bare

    async with open_services(settings) as services:
        space = (await services.work.write(make_world)).space
        removal = Removal(old, new, plain(new), is_served=True)
        yield Site(services, space, old, new, folder / "moving", plain(old), removal)
    assert list((folder / "moving").iterdir()) == []


def tell(folder: Path, story: Callable[[Site], Awaitable[None]], *, sealed: bool = False) -> None:
    async def told() -> None:
        async with a_site(folder, sealed=sealed) as site:
            await story(site)

    asyncio.run(told())


async def contents(store: BlobStore) -> dict[str, bytes]:
    return {stored.key: await read(store, stored.key) async for stored in store.list()}


async def read(store: BlobStore, key: str) -> bytes:
    return b"".join([piece async for piece in await store.open(key)])


async def damage(store: MemoryBlobStore, key: str) -> None:
    data = await read(store, key)
    await store.replace(key, data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize("sealed", [False, True])
def test_every_object_is_copied_once_and_then_compared(tmp_path: Path, sealed: bool):
    async def story(site: Site) -> None:
        kept = {await site.keep(data): data for data in CONTENTS}
        await site.old.put(stray := f"00/{'0' * 32}", b"no row names it")

        first, second = await site.move(), await site.move()

        assert (first.copied, first.there, first.failed, first.lost) == (len(kept) + 1, 0, [], [])
        assert (second.copied, second.there, second.failed) == (0, len(kept) + 1, [])
        assert await contents(site.new) == await contents(site.old)
        assert await read(site.new, stray) == b"no row names it"
        assert {key: await read(site.removal.new_plain, key) for key in kept} == kept

    tell(tmp_path, story, sealed=sealed)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_rotten_original_is_named_and_not_taken_for_moved(tmp_path: Path, sealed: bool):
    async def story(site: Site) -> None:
        rotten, _sound = [await site.keep(data) for data in (b"will rot", b"will not")]
        await damage(site.old, rotten)

        done = await site.move()
        removed = await site.remove()

        assert (done.copied, done.failed) == (1, [rotten])
        assert removed == Removed(removed=1, kept=[rotten])
        assert [*await contents(site.old)] == [rotten]

    tell(tmp_path, story, sealed=sealed)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_rotten_copy_is_taken_back_and_made_again(tmp_path: Path, sealed: bool):
    async def story(site: Site) -> None:
        named, stray = await site.keep(b"named by a row"), f"00/{'0' * 32}"
        await site.old.put(stray, b"not named")
        await site.move()
        await damage(site.new, named)
        await damage(site.new, stray)

        assert sorted((await site.remove()).kept) == sorted([named, stray])
        assert sorted((await site.move()).failed) == sorted([named, stray])
        assert (await site.move()).copied == 2
        assert await contents(site.new) == await contents(site.old)

    tell(tmp_path, story, sealed=sealed)


def test_originals_are_removed_only_where_there_is_a_copy(tmp_path: Path):
    async def story(site: Site) -> None:
        copied = [await site.keep(data) for data in CONTENTS]
        await site.move()
        late = await site.keep(b"came later")

        assert await site.remove() == Removed(removed=len(copied), kept=[late])
        assert await contents(site.old) == {late: b"came later"}
        assert sorted(await contents(site.new)) == sorted(copied)

    tell(tmp_path, story)


def test_what_is_in_neither_place_is_named(tmp_path: Path):
    async def story(site: Site) -> None:
        key = await site.keep(b"x")
        await site.old.delete(key)

        assert (await site.move()).lost == [key]

    tell(tmp_path, story)


class Meddled(MemoryBlobStore):
    """A new place in which something happens once, just before the first copy is put there."""

    def __init__(self, happens: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._happens: Callable[[str], Awaitable[None]] | None = happens

    async def put(self, key: str, source: Source) -> None:
        happens, self._happens = self._happens, None
        if happens:
            await happens(key)
        await super().put(key, source)


def test_what_is_deleted_while_it_is_copied_does_not_come_back(tmp_path: Path):
    """The service deletes in both places, and the row; the copy is made just after that."""

    async def story(site: Site) -> None:
        await site.old.put(f"00/{'0' * 32}", b"not named")

        async def delete(key: str) -> None:
            await MovingBlobStore(new, site.old).delete(key)

        new = Meddled(delete)
        done = await move_blobs(site.services, [Removal(site.old, new, new, is_served=True)], site.scratch)

        assert (done.copied, done.gone) == (0, 1)
        assert await contents(new) == {}

    tell(tmp_path, story)


def test_what_comes_to_the_old_place_after_it_was_listed_is_copied_too(tmp_path: Path):
    """By a process that was not restarted yet."""

    async def story(site: Site) -> None:
        await site.keep(b"first")

        async def upload(_key: str) -> None:
            await site.keep(b"second")

        new = Meddled(upload)
        done = await move_blobs(site.services, [Removal(site.old, new, new, is_served=True)], site.scratch)

        assert (done.copied, done.lost) == (2, [])
        assert sorted((await contents(new)).values()) == [b"first", b"second"]

    tell(tmp_path, story)


@pytest.mark.parametrize("error", [StorageFull, StorageUnavailable])
def test_a_new_place_that_takes_nothing_stops_the_move(tmp_path: Path, error: type[StorageUnavailable]):
    class Refusing(MemoryBlobStore):
        async def put(self, _key: str, _source: Source) -> None:
            raise error("no")

        async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
            if error is StorageUnavailable:
                raise error("no")
            return await super().open(key, start, stop)

    async def story(site: Site) -> None:
        await site.keep(b"x")
        new = Refusing()
        with pytest.raises(error):
            await move_blobs(site.services, [Removal(site.old, new, new, is_served=True)], site.scratch)

    tell(tmp_path, story)


# ── the store in between ─────────────────────────────────────────────────────────────────────────────────────────


def a_key() -> str:
    text = uuid4().hex
    return f"{text[:2]}/{text}"


def test_an_object_is_found_in_either_place_and_while_it_comes_over():
    async def story() -> list[bytes]:
        old, new = MemoryBlobStore(), MemoryBlobStore()
        store, keys = MovingBlobStore(new, old), [a_key(), a_key(), a_key()]
        await old.put(keys[0], b"old")
        await store.put(keys[1], b"new")
        await old.put(keys[2], b"on its way")
        looked = old.open

        async def come_over(key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
            if key == keys[2]:
                await new.put(key, b"on its way")
                await old.delete(key)
            return await looked(key, start, stop)

        old.open = come_over  # type: ignore[method-assign]
        assert keys[1] in [stored.key async for stored in new.list()]
        return [await read(store, key) for key in keys]

    assert asyncio.run(story()) == [b"old", b"new", b"on its way"]


def test_an_object_in_both_places_is_listed_once_and_deleted_in_both():
    async def story() -> tuple[list[str], list[str]]:
        old, new, key = MemoryBlobStore(), MemoryBlobStore(), a_key()
        store = MovingBlobStore(new, old)
        await old.put(key, b"x")
        await new.put(key, b"x")
        before = [stored.key async for stored in store.list()] + [stored.key async for stored in store.list(key)]
        await store.delete(key)
        assert before == [key, key]
        return [*await contents(old)], [*await contents(new)]

    assert asyncio.run(story()) == ([], [])


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "to", "is_last"),
    [
        ({}, "s3", False),
        ({"blobs_move_to": "s3"}, "s3", False),
        ({"s3_bucket": "b"}, "s3", False),
        ({"s3_bucket": "b", "blobs_move_to": "local"}, "s3", False),
        ({"s3_bucket": "b"}, "local", True),
    ],
)
def test_a_service_that_does_not_write_there_is_not_moved_behind_its_back(
    tmp_path: Path, given: dict[str, str], to: str, is_last: bool
):
    with pytest.raises(SettingsError), open_removals(Settings(data_dir=str(tmp_path), **given), to, is_last=is_last):
        pass


def test_two_moves_at_once_are_refused(tmp_path: Path):
    """One that removes originals would have the other take back the only copies."""
    given = {"s3_endpoint": "http://127.0.0.1:9", "s3_access_key": "a", "s3_secret_key": "b"}
    settings = Settings(data_dir=str(tmp_path), s3_bucket="b", blobs_move_to="s3", **given)
    with (
        open_removals(settings, "s3", is_last=False),
        pytest.raises(Conflict, match="another"),
        open_removals(settings, "s3", is_last=True),
    ):
        pass
