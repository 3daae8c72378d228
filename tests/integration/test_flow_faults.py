"""Each call to the store and to the database fails in turn: a story leaves nothing or the whole, never a half."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.blobs.memory import MemoryBlobStore
from holdall.adapters.chance import RandomIds
from holdall.adapters.db import schema
from holdall.adapters.db.engine import Database, open_database
from holdall.adapters.inspect.examiner import InTurn
from holdall.adapters.limits import FairTurns, NoLimiter
from holdall.adapters.passwords import Argon2Passwords
from holdall.dialects.bika.policy import attachment_policy
from holdall.domain.access import Actor, Scope, TokenKind
from holdall.domain.files import Family, Inspection, Purpose, Rendition, Staged, Upload
from holdall.domain.policy import InspectionLimits
from holdall.domain.variants import NAMED, Master, Recipe
from holdall.errors import DatabaseUnavailable, HoldallError, StorageUnavailable
from holdall.flows import leftovers
from holdall.flows.access import authenticate, nothing
from holdall.flows.accounts import mint
from holdall.flows.once import LEASE, Once, fingerprint
from holdall.flows.record_writes import Order, RowChange, update_records
from holdall.flows.records import Place, find_record
from holdall.flows.reservations import FRESH, ReservedKeys
from holdall.flows.sweep import sweep
from holdall.flows.texts import read_texts
from holdall.flows.upload import UploadRequest, upload
from holdall.flows.variants import Variants
from holdall.ports import BlobStore, Incoming, Ledger, Services, Source, StoredObject, UnitOfWork, Verdict
from holdall.web.staging import StagingFile
from tests.crash.clients import disorder, rows
from tests.support.images import jpeg
from tests.support.rendering import CalmRenderer
from tests.support.rows import PHOTOS, TEXT, World, make_record, make_world

T = TypeVar("T")

Moment = Literal["before", "after"]
PICTURE = jpeg(16, 16)
MORE_CALLS_THAN_A_STORY_MAKES = 60


# ── the world, and what fails in it ──────────────────────────────────────────────────────────────────────────────


@dataclass
class Fuse:
    """Counts calls; the one numbered ``at`` fails, before or after it took effect, and if ``lasts`` all that follow."""

    at: int = -1
    moment: Moment = "before"
    lasts: bool = False
    calls: list[str] = field(default_factory=list)

    @property
    def has_struck(self) -> bool:
        """Whether a call has failed."""
        return 0 <= self.at < len(self.calls)

    async def around(self, call: str, error: type[HoldallError], work: Callable[[], Awaitable[T]]) -> T:
        """Do the work, unless it is its turn to fail."""
        number = len(self.calls)
        self.calls.append(call)
        strikes = number == self.at or (self.lasts and 0 <= self.at < number)
        if strikes and self.moment == "before":
            raise error(f"{call} failed")
        result = await work()
        if strikes:
            raise error(f"the answer to {call} got lost")
        return result


@pytest.fixture(autouse=True)
def _in_one_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the looks at sixteen parts of the store one stands for all."""
    monkeypatch.setattr(leftovers, "PORTIONS", ("",))


class FailingBlobs:
    """A ``BlobStore`` with a fuse."""

    def __init__(self, store: BlobStore, fuse: Fuse) -> None:
        self._store = store
        self._fuse = fuse

    async def put(self, key: str, source: Source) -> None:
        await self._fuse.around("put", StorageUnavailable, lambda: self._store.put(key, source))

    async def put_all(self, objects: Sequence[tuple[str, Source]]) -> None:
        await self._fuse.around("put", StorageUnavailable, lambda: self._store.put_all(objects))

    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        return await self._fuse.around("open", StorageUnavailable, lambda: self._store.open(key, start, stop))

    async def delete(self, key: str) -> None:
        await self._fuse.around("delete", StorageUnavailable, lambda: self._store.delete(key))

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        if prefix not in {"", "00/"}:  # one folder of the 256 stands for all
            async for stored in self._store.list(prefix):
                yield stored
            return
        found = await self._fuse.around("list", StorageUnavailable, lambda: _all(self._store.list(prefix)))
        for stored in found:
            yield stored

    async def incoming(self) -> Sequence[Incoming]:
        return await self._fuse.around("incoming", StorageUnavailable, self._store.incoming)

    async def sweep_incoming(self, before: datetime) -> int:
        return await self._fuse.around("sweep", StorageUnavailable, lambda: self._store.sweep_incoming(before))

    def close(self) -> None:
        self._store.close()


async def _all(found: AsyncIterator[StoredObject]) -> list[StoredObject]:
    return [stored async for stored in found]


class FailingWork:
    """A ``UnitOfWork`` with a fuse."""

    def __init__(self, work: UnitOfWork, fuse: Fuse) -> None:
        self._work = work
        self._fuse = fuse

    async def read(self, story: Callable[[Ledger], T]) -> T:
        return await self._fuse.around("read", DatabaseUnavailable, lambda: self._work.read(story))

    async def glance(self, story: Callable[[Ledger], T]) -> T:
        return await self._fuse.around("read", DatabaseUnavailable, lambda: self._work.glance(story))

    async def write(self, story: Callable[[Ledger], T]) -> T:
        return await self._fuse.around("write", DatabaseUnavailable, lambda: self._work.write(story))

    async def note(self, story: Callable[[Ledger], T]) -> T:
        return await self._fuse.around("write", DatabaseUnavailable, lambda: self._work.note(story))

    async def close(self) -> None:
        await self._work.close()


class CalmInspector:
    """Finds nothing wrong, and makes one small rendition of a picture."""

    async def inspect(
        self,
        path: Path,
        mime: str,
        family: Family,
        limits: InspectionLimits,
        recipes: Sequence[Recipe],
        master: Master | None = None,
    ) -> Inspection:
        del path, family, limits, master
        small = tuple(
            Rendition(recipe.name, "image/webp", 1, 1, b"small " + recipe.name.encode()) for recipe in recipes
        )
        return Inspection(mime, 16, 16, renditions=small)


class CalmScanner:
    """Finds nothing wrong."""

    async def scan(self, path: Path, mime: str) -> Verdict:
        del path, mime
        return Verdict()


class Clock:
    """The system's time, and what was skipped."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class House:
    """An installation in a folder, with a tenant in it."""

    data: Path
    services: Services
    clock: Clock
    world: World
    place: Place
    record_id: str
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def actor(self) -> Actor:
        return Actor(self.world.user, "tok", frozenset(Scope))

    def failing(self, fuse: Fuse) -> Services:
        """The services, with a fuse in each that can fail."""
        services = self.services
        blobs, work = FailingBlobs(services.blobs, fuse), FailingWork(services.work, fuse)
        keys = ReservedKeys(work, services.ids, services.clock, at_once=4)
        return replace(services, blobs=blobs, work=work, keys=keys)

    async def upload(self, services: Services, key: str | None, contents: Sequence[tuple[str, bytes]]) -> Sequence[str]:
        """As a dialect does it: staged, uploaded once for its key, discarded. Returns ids."""
        stagings = [StagingFile(services.staging, name, "file", 1 << 20) for name, _ in contents]
        try:
            files = [await _staged(staging, data) for staging, (_, data) in zip(stagings, contents, strict=True)]
            once = Once(services, self.actor, key, fingerprint("/here", {}, files))
            return await once.run(lambda: self._ids(services, files, once))
        finally:
            for staging in stagings:
                await staging.discard()

    async def _ids(self, services: Services, files: Sequence[Staged], once: Once) -> list[str]:
        order = UploadRequest(
            actor=self.actor,
            space=self.world.space,
            policy=attachment_policy(1 << 20),
            purpose=Purpose(),
            path_for=lambda type: f"openapi/{services.ids.path_token()}.{type.extension}",
        )
        return [upload.id for upload in await upload(services, order, files, once)]

    def contents(self) -> list[tuple[str, bytes]]:
        """A picture and a text like no others, and a text that the space already has."""
        number = str(next(self.numbers)).encode()
        picture = PICTURE[:2] + b"\xff\xfe" + (len(number) + 2).to_bytes(2, "big") + number + PICTURE[2:]
        return [("a.jpg", picture), ("a.txt", b"text " + number), ("known.txt", b"known")]

    async def found(self, ids: Sequence[str]) -> dict[str, Upload]:
        return await self.services.work.read(lambda ledger: ledger.files.find_uploads(self.world.space.number, ids))

    async def bytes_of(self, upload: Upload) -> bytes:
        return b"".join([piece async for piece in await self.services.blobs.open(upload.blob.key)])

    def count_uploads(self) -> int:
        return int(rows(self.data, "SELECT count(*) FROM uploads")[0][0])

    async def check_swept(self) -> None:
        """One sweep puts everything in order, whatever happened."""
        self.clock.ahead += LEASE
        await sweep(self.services, timedelta())
        assert disorder(self.data) == []


async def _staged(staging: StagingFile, data: bytes) -> Staged:
    await staging.write(data)
    return await staging.finish()


@asynccontextmanager
async def house_in(data: Path) -> AsyncIterator[House]:
    """A house in this folder."""
    (data / "staging").mkdir()
    url = f"sqlite:///{data / 'holdall.sqlite3'}"
    schema.migrate(url)
    store, work, clock = LocalBlobStore(data / "blobs"), open_database(url), Clock()
    try:
        ids = RandomIds()
        services = Services(
            blobs=store,
            work=work,
            examiner=InTurn(CalmInspector(), CalmScanner()),
            renderer=CalmRenderer(),
            limiter=NoLimiter(),
            turns=FairTurns(4),
            clock=clock,
            ids=ids,
            keys=ReservedKeys(work, ids, clock, at_once=4),
            staging=data / "staging",
            quarantine=MemoryBlobStore(),
            passwords=Argon2Passwords(),
        )
        yield await _furnished(data, services, work, clock)
    finally:
        store.close()
        await work.close()


async def _furnished(data: Path, services: Services, work: Database, clock: Clock) -> House:
    world = await work.write(make_world)
    record = await work.write(lambda ledger: make_record(ledger, world))
    house = House(data, services, clock, world, Place(world.space.id, world.database.node.id), record.id)
    await house.upload(services, None, [("known.txt", b"known")])
    return house


def in_house(data: Path, story: Callable[[House], Awaitable[None]]) -> None:
    """Tell the story in a house."""

    async def run() -> None:
        async with house_in(data) as house:
            await story(house)

    asyncio.run(run())


def fuses(moment: Moment, *, lasts: bool) -> Iterator[Fuse]:
    """A fuse for each call in turn, until one has not struck. What is tried must make some calls."""
    for at in range(MORE_CALLS_THAN_A_STORY_MAKES):
        fuse = Fuse(at, moment, lasts)
        yield fuse
        if not fuse.has_struck:
            assert at > 0
            return
    pytest.fail("the story never ends")


async def outcome(work: Awaitable[T]) -> T | None:
    """What it returns; ``None`` when it was unavailable. Any other error is a fault."""
    try:
        return await work
    except (StorageUnavailable, DatabaseUnavailable):
        return None


FAILURES = pytest.mark.parametrize(
    ("moment", "lasts"), [("before", False), ("after", False), ("before", True), ("after", True)]
)


# ── the stories ──────────────────────────────────────────────────────────────────────────────────────────────────


@FAILURES
def test_an_upload_that_fails_anywhere_is_absent_or_whole(tmp_path: Path, moment: Moment, *, lasts: bool):
    """It succeeds only when nothing failed; the next one works; a sweep leaves rows and bytes in agreement."""

    async def story(house: House) -> None:
        for fuse in fuses(moment, lasts=lasts):
            before, contents = house.count_uploads(), house.contents()
            ids = await outcome(house.upload(house.failing(fuse), None, contents))
            assert (ids is None) == fuse.has_struck, fuse.calls
            assert house.count_uploads() - before in ((0, len(contents)) if ids is None else (len(contents),))
            await _check_whole(house, contents)

    in_house(tmp_path, story)


@FAILURES
def test_an_upload_with_a_key_is_done_once_however_it_failed(tmp_path: Path, moment: Moment, *, lasts: bool):
    """Tried again with its key, after the lease at the latest, it is there exactly once."""

    async def story(house: House) -> None:
        for number, fuse in enumerate(fuses(moment, lasts=lasts)):
            before, contents, key = house.count_uploads(), house.contents(), f"key {number}"
            first = await outcome(house.upload(house.failing(fuse), key, contents))
            house.clock.ahead += LEASE
            again = await house.upload(house.services, key, contents)
            assert first is None or first == again
            assert house.count_uploads() - before == len(contents), fuse.calls
            found = await house.found(again)
            assert [await house.bytes_of(found[id]) for id in again] == [data for _, data in contents]
            await house.check_swept()

    in_house(tmp_path, story)


async def _check_whole(house: House, contents: Sequence[tuple[str, bytes]]) -> None:
    """The same files go in at the next try, and stay through a sweep."""
    ids = await house.upload(house.services, None, contents)
    await house.check_swept()
    found = await house.found(ids)
    assert [await house.bytes_of(found[id]) for id in ids] == [data for _, data in contents]


@FAILURES
def test_a_record_that_fails_to_change_is_unchanged_or_changed(tmp_path: Path, moment: Moment, *, lasts: bool):
    """Cells and attachments together."""

    async def story(house: House) -> None:
        ids = await house.upload(house.services, None, house.contents())
        for number, fuse in enumerate(fuses(moment, lasts=lasts)):
            old, new = await _shown(house), (f"name {number}", [ids[number % 3], ids[(number + 1) % 3]])
            cells: dict[str, Any] = {TEXT.name: new[0], PHOTOS.name: [{"id": id} for id in new[1]]}
            services = house.failing(fuse)
            order, change = Order(house.actor, house.place), RowChange(house.record_id, cells)
            done = await outcome(update_records(services, order, [change]))
            assert (done is None) == fuse.has_struck
            assert await _shown(house) == (old if fuse.has_struck and moment == "before" else new)
            await update_records(house.services, order, [change])
            assert await _shown(house) == new
            await house.check_swept()

    in_house(tmp_path, story)


async def _shown(house: House) -> tuple[str, list[str]]:
    """The record's name and the ids of its photos."""
    found = await find_record(house.services, house.actor, house.place, house.record_id)
    [record] = found.records
    return str(record.cells[TEXT.id]), [tie.upload.id for tie in record.attached(PHOTOS.id)]


@FAILURES
def test_a_variant_that_cannot_be_kept_leaves_nothing_behind(tmp_path: Path, moment: Moment, *, lasts: bool):
    """The next caller gets it, and a sweep leaves rows and bytes in agreement."""

    async def story(house: House) -> None:
        for fuse in fuses(moment, lasts=lasts):
            (id, *_) = await house.upload(house.services, None, house.contents())
            blob = (await house.found([id]))[id].blob
            made = await outcome(Variants(house.failing(fuse)).obtain(blob, NAMED["64"]))
            assert made is not None or fuse.has_struck
            again = await Variants(house.services).obtain(blob, NAMED["64"])
            await house.check_swept()
            assert b"made 64" == b"".join([piece async for piece in await house.services.blobs.open(again.key)])

    in_house(tmp_path, story)


class ForgettingWork(FailingWork):
    """Right after the next lookup, a sweep takes the last file that had the content that was looked for."""

    def __init__(self, house: House, id: str) -> None:
        super().__init__(house.services.work, Fuse())
        self._house = house
        self._id = id

    async def glance(self, story: Callable[[Ledger], T]) -> T:
        seen, house, id = await super().glance(story), self._house, self._id
        if id:
            self._id = ""
            upload = (await house.found([id]))[id]
            await house.services.work.write(lambda ledger: ledger.files.delete_upload(upload, house.clock.now()))
            await house.services.work.write(lambda ledger: ledger.files.forget_upload(upload))
        return seen


def test_content_that_goes_away_under_an_upload_is_stored_anew(tmp_path: Path):
    async def story(house: House) -> None:
        contents = [("a.txt", b"brought twice"), ("b.txt", b"brought with it")]
        (first, *_) = await house.upload(house.services, None, contents[:1])
        (second, other) = await house.upload(replace(house.services, work=ForgettingWork(house, first)), None, contents)
        await house.check_swept()
        found = await house.found([first, second, other])
        assert sorted(found) == sorted([second, other])
        assert [await house.bytes_of(found[id]) for id in (second, other)] == [data for _, data in contents]

    in_house(tmp_path, story)


@FAILURES
def test_deleted_files_go_once_however_their_sweep_failed(tmp_path: Path, moment: Moment, *, lasts: bool):
    """Deleted files go with their bytes, once; what shares those bytes stays."""

    async def story(house: House) -> None:
        for fuse in fuses(moment, lasts=lasts):
            contents = house.contents()
            gone = await house.upload(house.services, None, contents)
            (kept,) = await house.upload(house.services, None, contents[:1])
            for each in (await house.found(gone)).values():
                await house.services.work.write(
                    lambda ledger, each=each: ledger.files.delete_upload(each, house.clock.now())
                )
            house.clock.ahead += timedelta(days=8)
            await outcome(sweep(house.failing(fuse), timedelta()))
            await house.check_swept()
            found = await house.services.work.read(
                lambda ledger, gone=gone: ledger.files.find_uploads(house.world.space.number, gone, with_deleted=True)
            )
            assert found == {}
            assert await house.bytes_of((await house.found([kept]))[kept]) == contents[0][1]

    in_house(tmp_path, story)


@FAILURES
def test_reading_texts_that_fails_anywhere_is_finished_by_the_next(tmp_path: Path, moment: Moment, *, lasts: bool):
    async def story(house: House) -> None:
        for fuse in fuses(moment, lasts=lasts):
            ids = await house.upload(house.services, None, house.contents())
            await outcome(read_texts(house.failing(fuse)))
            await read_texts(house.services)
            blobs = [upload.blob for upload in (await house.found(ids)).values()]
            texts = await house.services.work.read(
                lambda ledger, blobs=blobs: [ledger.files.find_text(blob) for blob in blobs]
            )
            assert sorted(map(str, texts)) == ["None", "word", "word"]  # a picture is not read

    in_house(tmp_path, story)


def test_a_caller_is_known_though_nothing_can_be_written(tmp_path: Path):
    """When a credential was last used is noted, if it can be."""

    async def story(house: House) -> None:
        minted = await mint(house.services, TokenKind.BEARER, house.world.user.login, "test")
        for moment in ("before", "after"):
            fuse = Fuse(1, moment)
            actor, _ = await authenticate(house.failing(fuse), TokenKind.BEARER, minted.secret, nothing)
            assert actor.token_id == minted.token.id
            assert fuse.calls == ["read", "write"]

    in_house(tmp_path, story)


def test_an_upload_outlives_a_sweep_that_came_for_its_keys(tmp_path: Path):
    """A sweep with no patience at all, between the reservation and the commit: other keys are reserved."""

    async def story(house: House) -> None:
        blobs = SweepingBlobs(house)
        contents = house.contents()
        ids = await house.upload(replace(house.services, blobs=blobs), None, contents)
        assert blobs.sweeps == 1
        found = await house.found(ids)
        assert [await house.bytes_of(found[id]) for id in ids] == [data for _, data in contents]
        await house.check_swept()

    in_house(tmp_path, story)


class SweepingBlobs(FailingBlobs):
    """A store in which the first put is overtaken by a sweep."""

    def __init__(self, house: House) -> None:
        super().__init__(house.services.blobs, Fuse())
        self._house = house
        self.sweeps = 0

    async def put_all(self, objects: Sequence[tuple[str, Source]]) -> None:
        if self.sweeps == 0:
            self.sweeps += 1
            self._house.clock.ahead += timedelta(seconds=1)
            await sweep(self._house.services, timedelta())
        await super().put_all(objects)


def test_keys_are_used_fresh_or_not_at_all(tmp_path: Path):
    """Those reserved long ago are the sweep's, and are not given out any more."""

    async def story(house: House) -> None:
        (old,) = await house.services.keys.take(1)
        house.clock.ahead += FRESH - timedelta(seconds=10)
        (same,) = await house.services.keys.take(1)
        house.clock.ahead += timedelta(seconds=11)
        fresh = await house.services.keys.take(70)
        assert old[:2] == same[:2]
        assert len({old, same, *fresh}) == 72
        assert {key[:2] for key in fresh} == {fresh[0][:2]}
        before = house.clock.now() - FRESH
        condemned = await house.services.work.write(lambda ledger: ledger.files.condemn_reserved(before, 999))
        assert {old, same} <= {*condemned}
        assert not {*fresh} & {*condemned}

    in_house(tmp_path, story)


def test_keys_that_were_not_used_are_given_back(tmp_path: Path):
    """An orderly end leaves nothing to sweep."""

    async def story(house: House) -> None:
        keys = ReservedKeys(house.services.work, house.services.ids, house.services.clock)
        (used,) = await keys.take(1)
        await keys.give_back()
        await keys.give_back()
        left = await house.services.work.write(
            lambda ledger: ledger.files.condemn_reserved(house.clock.now() + timedelta(hours=1), 999)
        )
        assert [key for key in left if key[:2] == used[:2]] == [used]

    in_house(tmp_path, story)


@FAILURES
def test_a_sweep_that_fails_anywhere_is_finished_by_the_next(tmp_path: Path, moment: Moment, *, lasts: bool):
    """And what was acknowledged outlives them all."""

    async def story(house: House) -> None:
        kept = await house.upload(house.services, None, house.contents())
        for fuse in fuses(moment, lasts=lasts):
            await _leave_a_mess(house)
            assert disorder(house.data) != []
            await outcome(sweep(house.failing(fuse), timedelta()))
            await house.check_swept()
            assert len(await house.found(kept)) == len(kept)

    in_house(tmp_path, story)


async def _leave_a_mess(house: House) -> None:
    """What crashes leave: bytes without their row, rows without their bytes, both unfinished, a staged file."""
    ids = house.services.ids
    (stray,) = ids.blob_keys(1)
    await house.services.blobs.put(stray, b"a stray")
    (house.data / "staging" / ids.hex_token()).write_bytes(b"half a fi")
    (house.data / "blobs" / ".incoming" / ids.hex_token()).write_bytes(b"half a fi")
    for at in range(4):  # the fourth call is the commit, after the bytes were put under reserved keys
        fuse = Fuse(at, "before", lasts=True)
        assert await outcome(house.upload(house.failing(fuse), None, house.contents())) is None
    house.clock.ahead += timedelta(seconds=1)
