"""The scrub names what is rotten and nothing else; nobody is served from it; the same content heals it."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from holdall.adapters.blobs.keyring import read_keyring
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.blobs.memory import MemoryBlobStore
from holdall.adapters.blobs.s3 import S3BlobStore
from holdall.adapters.blobs.sealed import Inner, SealedBlobStore
from holdall.adapters.db import schema
from holdall.domain.audit import Entry
from holdall.domain.files import Blob, BlobState, Upload
from holdall.domain.quota import Holder, HolderKind
from holdall.domain.scrubs import Scrub
from holdall.errors import BytesLost, StorageUnavailable
from holdall.flows import scrub as scrubbing
from holdall.flows.scrub import Look, Pace, scrub, scrub_when_due
from holdall.flows.sweep import sweep
from holdall.ports import BlobStore, Ledger
from tests.support.images import jpeg
from tests.support.postgres import postgres
from tests.support.rot import flip, put_in_place, raw
from tests.support.seaweed import seaweed
from tests.support.ward import Ward, contents, ward_over

__all__ = ["postgres", "seaweed"]

Story = Callable[[Ward], Awaitable[None]]
Tell = Callable[[Story], None]
FREE = Pace(0)


def bare_store(request: pytest.FixtureRequest, folder: Path, kind: str) -> Inner:
    if kind == "local":
        return LocalBlobStore(folder / "blobs")
    if kind == "s3":
        server = request.getfixturevalue("seaweed")
        keys = {"access_key": server.access_key, "secret_key": server.secret_key, "prefix": uuid.uuid4().hex}
        return S3BlobStore(server.bucket, endpoint=server.endpoint, region=server.region, **keys)
    return MemoryBlobStore()


@pytest.fixture(params=["memory", "local", "s3", "postgres"])
def tell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tell]:
    """Tells a story in a ward, over each kind of store and of database."""
    url = "sqlite://"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").make_database()
        schema.migrate(url)
    blobs = bare_store(request, tmp_path, request.param)

    def run(story: Story) -> None:
        async def within() -> None:
            async with ward_over(tmp_path / "ward", blobs, MemoryBlobStore(), url) as ward:
                await story(ward)

        asyncio.run(within())

    yield run
    blobs.close()


class Told:
    """What a scrub says on its way."""

    def __init__(self) -> None:
        self.looks: list[Look] = []

    def __call__(self, _state: Scrub, looks: Sequence[Look]) -> None:
        self.looks += looks

    @property
    def keys(self) -> list[str]:
        return sorted(look.blob.key for look in self.looks if look.variant is None)


async def look_through(ward: Ward, **options: bool) -> tuple[Scrub, Told]:
    told = Told()
    return await scrub(ward.services, FREE, told, **options), told


async def lost(ward: Ward) -> list[Blob]:
    return await ward.services.work.read(lambda ledger: ledger.scrubs.lost())


async def acts(ward: Ward) -> list[Entry]:
    return await ward.services.work.read(lambda ledger: ledger.audit.entries(limit=1000))


async def is_lost(ward: Ward, upload: Upload) -> bool:
    try:
        await ward.read(upload)
    except BytesLost:
        return True
    return False


def test_twenty_flipped_bytes_are_twenty_named_files(tell: Tell):
    """C18. Of two hundred; none other, each on record, none of them served, and healed by bringing them again."""

    async def story(ward: Ward) -> None:
        texts = [f"file {number} ".encode() * (1 + number % 7) for number in range(200)]
        uploads = [await ward.upload(text) for text in texts]
        rotten = uploads[3::10]
        await flip(ward.services.blobs, [upload.blob.key for upload in rotten])

        done, told = await look_through(ward)

        named = sorted(upload.blob.key for upload in rotten)
        assert (done.checked, done.lost, done.unread, done.is_finished) == (200, 20, 0, True)
        assert told.keys == named
        assert sorted(blob.key for blob in await lost(ward)) == named
        assert sorted(act.subject for act in await acts(ward) if act.act == "scrub.lose") == named
        served = {upload.id: await is_lost(ward, upload) for upload in uploads}
        assert [id for id, gone in served.items() if gone] == [upload.id for upload in rotten]

        for text, upload in zip(texts[3::10], rotten, strict=True):
            await ward.upload(text, "again.txt")
            assert await ward.read(upload) == text
        assert await lost(ward) == []
        assert [act.act for act in await acts(ward)].count("scrub.heal") == 20
        again, told = await look_through(ward)
        assert (again.checked, again.lost, told.looks) == (200, 0, [])
        ward.clock.ahead = timedelta(days=1)
        await sweep(ward.services, timedelta(0))
        assert len(await contents(ward.services.blobs)) == 200
        assert [await ward.read(upload) for upload in uploads] == texts

    tell(story)


@pytest.mark.parametrize("harm", ["gone", "short", "longer", "empty"])
def test_a_file_that_is_gone_or_of_another_length_is_lost(tell: Tell, harm: str):
    async def story(ward: Ward) -> None:
        sound, hurt = await ward.upload(b"as it came"), await ward.upload(b"will be hurt")
        if harm == "gone":
            await ward.services.blobs.delete(hurt.blob.key)
        else:
            left = {"short": b"will be", "longer": b"will be hurt and more", "empty": b""}[harm]
            await put_in_place(ward.services.blobs, hurt.blob.key, left)

        done, told = await look_through(ward)

        assert (done.lost, told.keys) == (1, [hurt.blob.key])
        assert await ward.read(sound) == b"as it came"
        assert await is_lost(ward, hurt)

    tell(story)


def test_bytes_that_are_put_back_make_a_file_whole_again(tell: Tell):
    async def story(ward: Ward) -> None:
        upload = await ward.upload(b"as it came")
        await put_in_place(ward.services.blobs, upload.blob.key, b"as IT came")
        await look_through(ward)
        assert await is_lost(ward, upload)

        await put_in_place(ward.services.blobs, upload.blob.key, b"as it came")
        done, _ = await look_through(ward)

        assert (done.found, done.lost) == (1, 0)
        assert await ward.read(upload) == b"as it came"
        assert ['"its own bytes"' in act.details for act in await acts(ward) if act.act == "scrub.heal"] == [True]

    tell(story)


def test_a_lost_file_counts_against_no_quota_until_it_is_back(tell: Tell):
    async def story(ward: Ward) -> None:
        holder = Holder(HolderKind.SPACE, ward.world.space.number)

        async def kept() -> int:
            return (await ward.services.work.read(lambda ledger: ledger.quotas.used(holder))).bytes

        upload = await ward.upload(b"0123456789")
        await ward.upload(b"and another")
        await ward.services.blobs.delete(upload.blob.key)
        await look_through(ward)
        assert await kept() == 11

        await ward.upload(b"0123456789")
        assert await kept() == 21

    tell(story)


def test_another_space_s_same_content_heals_nothing(tell: Tell):
    """Nobody learns by an upload what others have."""

    async def story(ward: Ward) -> None:
        upload = await ward.upload(b"as it came")
        await flip(ward.services.blobs, [upload.blob.key])
        await look_through(ward)

        await ward.upload(b"as it came", world=await ward.another_world())

        assert await is_lost(ward, upload)

    tell(story)


def test_a_damaged_rendition_is_forgotten_and_its_file_stays(tell: Tell):
    async def story(ward: Ward) -> None:
        photo = jpeg()
        picture = await ward.upload(photo, "a.jpg")
        [variant] = picture.blob.variants
        await flip(ward.services.blobs, [variant.key])

        done, _ = await look_through(ward)

        assert (done.lost, done.renditions) == (0, 1)
        assert await ward.read(picture) == photo
        found = await ward.services.work.read(lambda ledger: ledger.files.find_by_path(picture.path))
        assert found is not None
        assert found.blob.variants == ()
        ward.clock.ahead = timedelta(days=1)
        await sweep(ward.services, timedelta(0))
        assert [*await contents(ward.services.blobs)] == [picture.blob.key]

    tell(story)


def test_a_lost_picture_s_renditions_go_with_it(tell: Tell):
    async def story(ward: Ward) -> None:
        picture = await ward.upload(jpeg(), "a.jpg")
        await flip(ward.services.blobs, [picture.blob.key])
        await look_through(ward)
        ward.clock.ahead = timedelta(days=1)
        await sweep(ward.services, timedelta(0))

        [blob] = await lost(ward)
        assert blob.variants == ()
        assert [*await contents(ward.services.blobs)] == [picture.blob.key]

    tell(story)


def test_a_lost_file_can_be_deleted_and_leaves_nothing(tell: Tell):
    async def story(ward: Ward) -> None:
        upload = await ward.upload(b"as it came")
        await flip(ward.services.blobs, [upload.blob.key])
        await look_through(ward)
        now = ward.services.clock.now()
        await ward.services.work.write(lambda ledger: ledger.files.delete_upload(upload, now))
        ward.clock.ahead = timedelta(days=30)
        await sweep(ward.services, timedelta(0))
        await sweep(ward.services, timedelta(0))

        assert await lost(ward) == []
        assert await contents(ward.services.blobs) == {}

    tell(story)


def test_a_store_that_seems_away_loses_nothing(tell: Tell):
    """A disk that is not mounted has not one of the files; whoever knows better says so."""

    async def story(ward: Ward) -> None:
        uploads = [await ward.upload(f"{number}".encode()) for number in range(40)]
        for upload in uploads:
            await ward.services.blobs.delete(upload.blob.key)

        with pytest.raises(StorageUnavailable, match="mounted"):
            await look_through(ward)
        assert await lost(ward) == []

        done, _ = await look_through(ward, believes_emptiness=True)
        assert done.lost == 40

    tell(story)


class Trouble:
    """A store that does not answer for some keys."""

    def __init__(self, store: BlobStore, keys: set[str]) -> None:
        self._store = store
        self._keys = keys

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def open(self, key: str, start: int = 0, stop: int | None = None) -> object:
        if key in self._keys:
            raise StorageUnavailable("no answer")
        return await self._store.open(key, start, stop)


def test_what_the_store_does_not_answer_for_is_not_lost(tell: Tell):
    async def story(ward: Ward) -> None:
        uploads = [await ward.upload(f"{number}".encode()) for number in range(25)]
        silent = Trouble(ward.services.blobs, {uploads[7].blob.key})
        services = replace(ward.services, blobs=silent)  # type: ignore[arg-type]

        done = await scrub(services, FREE)
        assert (done.lost, done.unread, done.checked) == (0, 1, 25)

        mute = Trouble(ward.services.blobs, {upload.blob.key for upload in uploads})
        with pytest.raises(StorageUnavailable, match="no answer"):
            await scrub(replace(services, blobs=mute), FREE)  # type: ignore[arg-type]
        assert await lost(ward) == []

    tell(story)


def test_a_scrub_goes_on_where_it_was_stopped(tell: Tell, monkeypatch: pytest.MonkeyPatch):
    """What it had looked at it does not look at again; the next one begins with what was looked at longest ago."""
    monkeypatch.setattr(scrubbing, "BATCH", 4)

    async def story(ward: Ward) -> None:
        uploads = [await ward.upload(f"{number}".encode()) for number in range(10)]

        def stop(state: Scrub, _looks: Sequence[Look]) -> None:
            if state.after >= uploads[7].blob.id:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await scrub(ward.services, FREE, stop)
        await flip(ward.services.blobs, [uploads[0].blob.key, uploads[9].blob.key])
        first, told = await look_through(ward)
        assert (first.checked, told.keys) == (10, [uploads[9].blob.key])
        second, told = await look_through(ward)
        assert (second.number, told.keys) == (first.number + 1, [uploads[0].blob.key])

    tell(story)


def test_two_scrubs_side_by_side_count_nothing_twice(tell: Tell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scrubbing, "BATCH", 4)

    async def story(ward: Ward) -> None:
        uploads = [await ward.upload(f"{number}".encode()) for number in range(30)]
        await flip(ward.services.blobs, [upload.blob.key for upload in uploads[::3]])

        one, other = await asyncio.gather(scrub(ward.services, FREE), scrub(ward.services, FREE))

        assert (one.number, one.checked) == (other.number, other.checked)
        assert len(await lost(ward)) == 10
        assert len([act for act in await acts(ward) if act.act == "scrub.lose"]) == 10

    tell(story)


def test_a_scrub_comes_when_it_is_due(tell: Tell):
    async def story(ward: Ward) -> None:
        await ward.upload(b"as it came")
        every = timedelta(days=30)

        assert await scrub_when_due(ward.services, FREE, every) is not None
        assert await scrub_when_due(ward.services, FREE, every) is None
        ward.clock.ahead = timedelta(days=31)
        assert await scrub_when_due(ward.services, FREE, every) is not None

        begun = await ward.services.work.write(lambda ledger: ledger.scrubs.begin(ward.clock.now()))
        assert await scrub_when_due(ward.services, FREE, every) is None  # somebody is at it
        ward.clock.ahead += scrubbing.AT_WORK
        ended = await scrub_when_due(ward.services, FREE, every)
        assert ended is not None
        assert (ended.number, ended.is_finished) == (begun.number, True)

    tell(story)


def test_what_was_deleted_meanwhile_is_not_lost(tell: Tell):
    async def story(ward: Ward) -> None:
        upload = await ward.upload(b"as it came")

        def condemn(ledger: Ledger) -> None:
            ledger.files.condemn(upload.blob)

        await ward.services.work.write(condemn)
        await ward.services.blobs.delete(upload.blob.key)

        assert not await scrubbing.lose(ward.services, upload.blob, "gone")
        assert [act for act in await acts(ward) if act.act == "scrub.lose"] == []

    tell(story)


def test_a_blob_found_whole_beside_a_twin_gives_way_to_it(tell: Tell):
    """Two of one content were lost and brought at once, or the other came while nobody looked."""

    async def story(ward: Ward) -> None:
        upload = await ward.upload(b"as it came")
        await flip(ward.services.blobs, [upload.blob.key])
        await look_through(ward)
        [blob] = await lost(ward)
        twin = await ward.upload(b"as it came", "twin.txt")

        await ward.services.work.write(lambda ledger: ledger.scrubs.regain(blob))
        found = await ward.services.work.read(lambda ledger: ledger.files.find_by_path(upload.path))
        assert found is not None
        assert (found.blob.id, found.blob.state) == (twin.blob.id, BlobState.READY)

    tell(story)


def test_a_sealed_object_that_does_not_open_is_lost(tmp_path: Path):
    async def story() -> None:
        bare = LocalBlobStore(tmp_path / "bare")
        sealed = SealedBlobStore(bare, read_keyring("7a" * 32), tmp_path / "scratch")
        async with ward_over(tmp_path / "ward", sealed, MemoryBlobStore()) as ward:
            uploads = [await ward.upload(f"text {number}".encode()) for number in range(30)]
            hurt = [upload.blob.key for upload in uploads[::3]]
            for key in hurt:
                data = bytearray(await raw(bare, key))
                data[-1] ^= 1
                await put_in_place(bare, key, bytes(data))
            _, told = await look_through(ward)
            assert told.keys == sorted(hurt)
        sealed.close()

    asyncio.run(story())


class Watch:
    """A clock that only sleeping moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_the_pace_is_kept():
    """Ten MiB at one MiB a second are ten seconds, whatever the pieces; an idle hour is not saved up."""

    async def story(piece: int) -> float:
        watch = Watch()
        pace = Pace(1 << 20, lambda: watch.seconds, watch.sleep)
        await pace.spend(1 << 20)
        watch.seconds += 3600
        before = watch.seconds
        for _ in range((10 << 20) // piece):
            await pace.spend(piece)
        return watch.seconds - before

    assert [round(asyncio.run(story(piece)), 1) for piece in (4096, 1 << 18, 10 << 20)] == [10.0, 10.0, 10.0]


def test_a_small_file_counts_for_what_a_look_at_it_costs(tmp_path: Path):
    async def story() -> float:
        watch = Watch()
        async with ward_over(tmp_path / "ward", MemoryBlobStore(), MemoryBlobStore()) as ward:
            for number in range(64):
                await ward.upload(f"{number}".encode())
            await scrub(ward.services, Pace(1 << 20, lambda: watch.seconds, watch.sleep))
        return watch.seconds

    assert 3.9 < asyncio.run(story()) < 4.1
