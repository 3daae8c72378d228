"""What a rule matched is held, sealed and capped; operators release or delete it; rescans find what was kept before."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.blobs.memory import MemoryBlobStore
from holdall.adapters.blobs.s3 import S3BlobStore
from holdall.adapters.blobs.sealed import Inner
from holdall.adapters.db import schema
from holdall.domain.audit import Entry
from holdall.domain.files import Upload
from holdall.domain.quarantine import Caution, QuarantinedFile, QuarantineState, Rescan
from holdall.domain.variants import THUMBNAIL
from holdall.errors import (
    CellRefused,
    Conflict,
    DatabaseUnavailable,
    HoldallError,
    Infected,
    Missing,
    NotScanned,
    StorageUnavailable,
)
from holdall.flows import quarantine
from holdall.flows.record_writes import Order, create_records
from holdall.flows.records import Place
from holdall.flows.rescan import BATCH
from holdall.flows.sweep import sweep
from holdall.ports import Services
from tests.integration.test_flow_faults import FailingBlobs, FailingWork, Fuse, fuses
from tests.support.images import jpeg
from tests.support.postgres import postgres
from tests.support.rows import PAPERS
from tests.support.seaweed import seaweed
from tests.support.ward import EVIL, RULE, Ward, contents, ward_over

__all__ = ["postgres", "seaweed"]

Story = Callable[[Ward], Awaitable[None]]
Tell = Callable[[Story], None]
NEW_RULE = "Newly_Known"


def stores(request: pytest.FixtureRequest, folder: Path, kind: str) -> tuple[Inner, Inner]:
    if kind == "memory":
        return MemoryBlobStore(), MemoryBlobStore()
    if kind == "local":
        return LocalBlobStore(folder / "blobs"), LocalBlobStore(folder / "quarantine")
    server = request.getfixturevalue("seaweed")
    prefix = uuid.uuid4().hex

    def bucket(name: str) -> S3BlobStore:
        return S3BlobStore(
            server.bucket,
            endpoint=server.endpoint,
            region=server.region,
            access_key=server.access_key,
            secret_key=server.secret_key,
            prefix=f"{prefix}/{name}",
        )

    return bucket("blobs"), bucket("quarantine")


@pytest.fixture(params=["memory", "local", "s3", "postgres"])
def tell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tell]:
    """Tells a story in a ward, over each kind of store and of database."""
    url = "sqlite://"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").make_database()
        schema.migrate(url)
    blobs, held = stores(request, tmp_path, "memory" if request.param == "postgres" else request.param)

    def run(story: Story) -> None:
        async def within() -> None:
            async with ward_over(tmp_path / "ward", blobs, held, url) as ward:
                await story(ward)

        asyncio.run(within())

    yield run
    blobs.close()
    held.close()


async def know(ward: Ward, word: bytes, rule: str = NEW_RULE) -> None:
    """From now on the scanner finds this word."""
    ward.scanner.words[word] = rule


async def is_readable(ward: Ward, upload: Upload) -> bool:
    try:
        await ward.read(upload)
    except Missing:
        return False
    return True


# ── in, at the door ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refused_file_is_held_with_all_that_is_known_of_it(tell: Tell):
    """And lies nowhere else."""

    async def story(ward: Ward) -> None:
        file = await ward.refused(b"an evil text", "bo\u202ett/../ok.txt")

        assert (file.signature, file.scanner, file.times) == (RULE, "words 1", 1)
        assert (file.name, file.size, file.mime) == ("ok.txt", 12, "text/plain")
        assert (file.user, file.space) == (ward.world.user.login, ward.world.space.id)
        assert (file.state, file.blob_id, file.purpose.entity) == (QuarantineState.HELD, None, "person")
        assert await contents(ward.services.blobs) == {}
        assert await contents(ward.services.quarantine) == {file.key: b"an evil text"}

    tell(story)


def test_what_is_held_is_noise_to_whoever_finds_it(tell: Tell):
    async def story(ward: Ward) -> None:
        await ward.refused(EVIL * 100_000)

        found = await contents(ward.bare_quarantine)
        assert len(found) == 1
        assert all(EVIL not in data for data in found.values())

    tell(story)


def test_the_same_file_from_the_same_hands_is_held_once(tell: Tell):
    """Nobody fills the quarantine by sending one thing a thousand times; another uploader's is another matter."""

    async def story(ward: Ward) -> None:
        for _ in range(5):
            await ward.refused(EVIL)
        assert [file.times for file in await ward.held()] == [5]
        assert len(await contents(ward.services.quarantine)) == 1

        await ward.refused(EVIL, world=await ward.neighbour())
        await ward.refused(EVIL + b"!")
        assert [file.times for file in await ward.held()] == [5, 1, 1]

    tell(story)


def test_the_quarantine_is_capped_oldest_first(tell: Tell):
    """In bytes, and in files."""

    async def story(ward: Ward) -> None:
        caution = Caution(quarantine_max_bytes=100, quarantine_max_files=4)
        ward.services = replace(ward.services, caution=caution)
        for number in range(12):
            ward.clock.ahead += timedelta(seconds=1)
            await ward.refused(EVIL + b"," * number + b"." * (26 - number))  # 30 bytes each
        held = await ward.held()
        assert [file.size for file in held] == [30, 30, 30]
        assert sorted(await contents(ward.services.quarantine)) == sorted(file.key for file in held)

        for number in range(9):
            ward.clock.ahead += timedelta(seconds=1)
            await ward.refused(EVIL + str(number).encode())
        assert [file.size for file in await ward.held()] == [5, 5, 5, 5]

    tell(story)


def test_a_file_larger_than_the_quarantine_is_noted_without_its_bytes(tell: Tell):
    async def story(ward: Ward) -> None:
        ward.services = replace(ward.services, caution=Caution(quarantine_max_bytes=10))
        small = await ward.refused(EVIL)
        large = await ward.refused(EVIL * 3)

        assert await contents(ward.services.quarantine) == {small.key: EVIL}
        assert (large.key, large.size) == ("", 12)
        with pytest.raises(Missing):
            await quarantine.release(ward.services, large.id, "op", "why not")

    tell(story)


def test_what_is_too_old_goes_with_the_next_sweep(tell: Tell):
    async def story(ward: Ward) -> None:
        await ward.refused(EVIL)
        ward.clock.ahead += timedelta(days=89)
        await sweep(ward.services, timedelta(0))
        assert len(await ward.held()) == 1

        ward.clock.ahead += timedelta(days=2)
        await sweep(ward.services, timedelta(0))
        assert await ward.held() == []
        assert await contents(ward.services.quarantine) == {}

    tell(story)


class Out:
    """A store that is out."""

    def __getattr__(self, name: str) -> object:
        async def fail(*_: object) -> None:
            raise StorageUnavailable("out")

        return fail


def test_a_refusal_does_not_hang_on_the_quarantine(tell: Tell):
    """The client is told the same, the log says what happened, and a sweep clears up."""

    async def story(ward: Ward) -> None:
        out: Services = replace(ward.services, quarantine=Out())  # type: ignore[arg-type]
        with capture_logs() as logs, pytest.raises(Infected):
            await ward.upload(EVIL, services=out)
        assert [line["event"] for line in logs] == ["not quarantined"]

        await sweep(ward.services, timedelta(0))
        assert await ward.held() == []

    tell(story)


# ── out ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def audited(ward: Ward, file: QuarantinedFile) -> list[Entry]:
    """What was done to a file, by the audit log."""
    entries = await ward.services.work.read(lambda ledger: ledger.audit.entries(limit=9999))
    return [entry for entry in entries if entry.subject == file.id]


def test_a_released_file_is_the_upload_that_it_was_meant_to_be(tell: Tell):
    """Name, path, owner, thumbnail and all; and what it was held for is on record."""

    async def story(ward: Ward) -> None:
        data = jpeg() + EVIL
        file = await ward.refused(data, "me.jpg")
        (upload,) = await quarantine.release(ward.services, file.id, "operator:ann", "a false alarm")

        assert (upload.name, upload.path, upload.user_id) == ("me.jpg", file.path, ward.world.user.number)
        assert upload.purpose == file.purpose
        assert await ward.read(upload) == data
        assert await ward.read(upload, THUMBNAIL.name) == b"small"
        assert (await ward.held(), await contents(ward.services.quarantine)) == ([], {})
        (audit,) = await audited(ward, file)
        assert (audit.actor, audit.act) == ("operator:ann", "quarantine.release")
        assert json.loads(audit.details)["reason"] == "a false alarm"

    tell(story)


def test_a_rule_that_was_overruled_is_so_for_this_content_in_this_space_only(tell: Tell):
    async def story(ward: Ward) -> None:
        file = await ward.refused(EVIL)
        await quarantine.release(ward.services, file.id, "op", "a false alarm")

        assert await ward.read(await ward.upload(EVIL)) == EVIL
        assert (await ward.rescan()).infected == 0
        await ward.refused(EVIL + b"!")
        await ward.refused(EVIL, world=await ward.another_world())
        await know(ward, b"vil")
        ward.scanner.words = {b"vil": NEW_RULE}
        assert (await ward.refused(EVIL)).signature == NEW_RULE

    tell(story)


def test_a_file_is_released_or_deleted_once(tell: Tell):
    async def story(ward: Ward) -> None:
        file = await ward.refused(EVIL)
        both = await asyncio.gather(
            *(quarantine.release(ward.services, file.id, "op", "x") for _ in range(2)), return_exceptions=True
        )
        assert sum(isinstance(one, list) for one in both) == 1, both
        assert all(isinstance(one, list | Missing | Conflict) for one in both), both
        for late in (
            quarantine.release(ward.services, file.id, "op", "x"),
            quarantine.delete(ward.services, file.id, "op"),
            quarantine.release(ward.services, "qua" + "x" * 21, "op", "x"),
        ):
            with pytest.raises(Missing):
                await late

    tell(story)


def test_a_deleted_file_is_gone_and_on_record(tell: Tell):
    async def story(ward: Ward) -> None:
        file = await ward.refused(EVIL)
        await quarantine.delete(ward.services, file.id, "operator:ann")

        assert (await ward.held(), await contents(ward.services.quarantine)) == ([], {})
        assert [entry.act for entry in await audited(ward, file)] == ["quarantine.delete"]
        await ward.refused(EVIL)

    tell(story)


def test_bytes_that_were_changed_in_quarantine_are_not_released(tell: Tell):
    async def story(ward: Ward) -> None:
        file = await ward.refused(EVIL)
        ((key, sealed),) = (await contents(ward.bare_quarantine)).items()
        await ward.bare_quarantine.replace(key, sealed[:-1] + bytes([sealed[-1] ^ 1]))

        with pytest.raises(StorageUnavailable):
            await quarantine.release(ward.services, file.id, "op", "x")
        assert len(await ward.held()) == 1

    tell(story)


# ── what was kept before ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_newly_known_file_is_out_of_reach_under_all_its_names(tell: Tell):
    """And its bytes, and only its bytes, are in quarantine."""

    async def story(ward: Ward) -> None:
        known = jpeg() + b"known later"
        first, second = await ward.upload(known, "a.jpg"), await ward.upload(known, "b.jpg")
        other = await ward.upload(b"harmless")
        assert (await ward.rescan()).infected == 0

        await know(ward, b"known later")
        done = await ward.rescan()

        assert (done.checked, done.infected, done.not_scanned, done.missing) == (2, 1, 0, 0)
        for upload in (first, second):
            for recipe in (None, THUMBNAIL.name):
                with pytest.raises(Missing):
                    await ward.read(upload, recipe)
        assert await ward.read(other) == b"harmless"
        (file,) = await ward.held()
        assert (file.signature, file.name, file.state) == (NEW_RULE, "a.jpg", QuarantineState.HELD)
        assert [upload.id for upload in (await quarantine.find(ward.services, file.id))[1]] == [first.id, second.id]
        assert await contents(ward.services.quarantine) == {file.key: known}
        assert known not in (await contents(ward.services.blobs)).values()

    tell(story)


def test_it_is_out_of_reach_before_its_bytes_are_moved(tell: Tell):
    """Though the quarantine's store is out; the next rescan brings it in."""

    async def story(ward: Ward) -> None:
        upload = await ward.upload(b"known later")
        await know(ward, b"known later")
        services = ward.services
        ward.services = replace(services, quarantine=Out())  # type: ignore[arg-type]
        await ward.rescan()
        ward.services = services

        assert not await is_readable(ward, upload)
        await ward.rescan()
        (file,) = await ward.held()
        assert file.state is QuarantineState.HELD
        assert await contents(services.quarantine) == {file.key: b"known later"}
        assert await contents(services.blobs) == {}

    tell(story)


def test_sweeps_leave_alone_what_is_in_quarantine(tell: Tell):
    async def story(ward: Ward) -> None:
        upload = await ward.upload(jpeg() + b"known later", "a.jpg")
        await know(ward, b"known later")
        await ward.rescan()
        before = await contents(ward.services.quarantine)
        for _ in range(2):
            ward.clock.ahead += timedelta(hours=2)
            await sweep(ward.services, timedelta(0))

        assert await contents(ward.services.quarantine) == before
        (file,) = await ward.held()
        await quarantine.release(ward.services, file.id, "op", "x")
        assert await ward.read(upload, THUMBNAIL.name) == b"small"

    tell(story)


def test_a_release_brings_back_every_name(tell: Tell):
    """And no rescan takes it again for the same rule."""

    async def story(ward: Ward) -> None:
        uploads = [await ward.upload(b"known later", name) for name in ("a.txt", "b.txt")]
        await know(ward, b"known later")
        await ward.rescan()
        (file,) = await ward.held()

        released = await quarantine.release(ward.services, file.id, "op", "x")

        assert [upload.id for upload in released] == [upload.id for upload in uploads]
        assert [await ward.read(upload) for upload in uploads] == [b"known later"] * 2
        assert await contents(ward.services.quarantine) == {}
        assert (await ward.rescan()).infected == 0
        await know(ward, b"known", "Another_Rule")
        ward.scanner.words = {b"known": "Another_Rule", b"x": "y", b"z": "z"}
        assert (await ward.rescan()).infected == 1

    tell(story)


def test_a_release_joins_what_was_uploaded_meanwhile(tell: Tell):
    """The rule went away, the file came again, and then the old one is released."""

    async def story(ward: Ward) -> None:
        old = await ward.upload(b"known later")
        await know(ward, b"known later")
        await ward.rescan()
        (file,) = await ward.held()
        ward.scanner.words.clear()
        new = await ward.upload(b"known later")

        released = await quarantine.release(ward.services, file.id, "op", "x")

        assert [upload.id for upload in released] == [old.id, new.id]
        assert await ward.read(old) == await ward.read(new) == b"known later"
        await sweep(ward.services, timedelta(0))
        assert list((await contents(ward.services.blobs)).values()) == [b"known later"]
        assert await ward.read(old) == b"known later"

    tell(story)


def test_what_is_deleted_from_quarantine_leaves_nothing(tell: Tell):
    """Not even its thumbnail; its names lead nowhere."""

    async def story(ward: Ward) -> None:
        upload = await ward.upload(jpeg() + b"known later", "a.jpg")
        await know(ward, b"known later")
        await ward.rescan()
        (file,) = await ward.held()
        await quarantine.delete(ward.services, file.id, "op")

        assert await contents(ward.services.blobs) == await contents(ward.services.quarantine) == {}
        assert not await is_readable(ward, upload)
        await sweep(ward.services, timedelta(0))
        assert not await is_readable(ward, upload)

    tell(story)


def test_what_is_in_quarantine_cannot_be_attached(tell: Tell):
    async def story(ward: Ward) -> None:
        upload = await ward.upload(b"known later")
        order = Order(ward.actor, Place(ward.world.space.id, ward.world.database.node.id))
        await know(ward, b"known later")
        await create_records(ward.services, order, [{PAPERS.id: [{"id": upload.id}]}])
        await ward.rescan()

        with pytest.raises(CellRefused):
            await create_records(ward.services, order, [{PAPERS.id: [{"id": upload.id}]}])

    tell(story)


# ── how far a rescan has come ────────────────────────────────────────────────────────────────────────────────────


class Stop(Exception):  # noqa: N818  what Ctrl-C is to a story
    """Somebody pressed Ctrl-C."""


def stopping_at(count: int) -> Callable[[Rescan, int], None]:
    def look(state: Rescan, _total: int) -> None:
        if state.checked >= count:
            raise Stop

    return look


def test_a_rescan_goes_on_where_it_was_stopped(tell: Tell):
    """What was looked at is not looked at again, and the count goes on."""

    async def story(ward: Ward) -> None:
        for number in range(BATCH + 4):
            await ward.upload(str(number).encode())
        ward.scanner.looked_at.clear()
        with pytest.raises(Stop):
            await ward.rescan(on_progress=stopping_at(BATCH))
        assert len(ward.scanner.looked_at) == BATCH

        seen: list[tuple[int, int]] = []
        done = await ward.rescan(on_progress=lambda state, total: seen.append((state.checked, total)))

        assert len(ward.scanner.looked_at) == BATCH + 4
        assert (done.checked, done.is_finished) == (BATCH + 4, True)
        assert seen == [(BATCH, BATCH + 4), (BATCH + 4, BATCH + 4)]
        await ward.rescan()
        assert len(ward.scanner.looked_at) == 2 * (BATCH + 4)

    tell(story)


def test_a_rescan_begins_anew_under_other_rules(tell: Tell):
    """Else what lies before its place would never meet them."""

    async def story(ward: Ward) -> None:
        uploads = [await ward.upload(b"old " + str(number).encode()) for number in range(BATCH + 4)]
        with pytest.raises(Stop):
            await ward.rescan(on_progress=stopping_at(BATCH))
        await know(ward, b"old 3 or so")
        await know(ward, b"old 0")
        done = await ward.rescan()

        assert (done.checked, done.infected) == (BATCH + 4, 1)
        assert not await is_readable(ward, uploads[0])

    tell(story)


def test_a_rescan_may_be_of_a_space_or_of_late_files(tell: Tell):
    async def story(ward: Ward) -> None:
        other = await ward.another_world()
        await ward.upload(b"old")
        ward.clock.ahead += timedelta(hours=1)
        since = ward.clock.now()
        await ward.upload(b"new")
        await ward.upload(b"elsewhere", world=other)

        async def looked_at(**options: object) -> list[bytes]:
            ward.scanner.looked_at.clear()
            await ward.rescan(**options)
            return sorted(ward.scanner.looked_at)

        assert await looked_at() == [b"elsewhere", b"new", b"old"]
        assert await looked_at(space_id=other.space.id) == [b"elsewhere"]
        assert await looked_at(since=since) == [b"elsewhere", b"new"]
        assert await looked_at(space_id=ward.world.space.id, since=since) == [b"new"]
        with pytest.raises(Missing):
            await looked_at(space_id="spc" + "x" * 21)

    tell(story)


def test_bytes_that_are_not_there_are_counted_and_do_not_stop_a_rescan(tell: Tell):
    async def story(ward: Ward) -> None:
        gone, there = await ward.upload(b"gone"), await ward.upload(b"known later")
        await ward.services.blobs.delete(gone.blob.key)
        await know(ward, b"known later")
        done = await ward.rescan()

        assert (done.checked, done.infected, done.missing) == (2, 1, 1)
        assert not await is_readable(ward, there)

    tell(story)


# ── what could not be scanned ────────────────────────────────────────────────────────────────────────────────────


def test_a_release_overrules_every_rule_that_matches(tell: Tell):
    """Each by its name: what is in force for one is not for another file that only the other rule matches."""

    async def story(ward: Ward) -> None:
        data = EVIL + b" and worse"
        await know(ward, b"worse")
        file = await ward.refused(data)
        await quarantine.release(ward.services, file.id, "op", "two false alarms")

        assert await ward.read(await ward.upload(data)) == data
        (entry,) = await audited(ward, file)
        assert json.loads(entry.details)["signatures"] == sorted([RULE, NEW_RULE])
        await know(ward, b"and", "A_Third")
        await ward.refused(data)

    tell(story)


def test_an_overruled_rule_does_not_hide_that_the_scan_had_no_end(tell: Tell):
    async def story(ward: Ward) -> None:
        file = await ward.refused(EVIL)
        await quarantine.release(ward.services, file.id, "op", "a false alarm")
        ward.scanner.stops_short = True
        with pytest.raises(NotScanned, match="out of breath"):
            await ward.upload(EVIL)

        ward.services = replace(ward.services, caution=Caution(keeps_unscanned=True))
        await ward.upload(EVIL)
        assert await ward.services.work.read(lambda ledger: ledger.rescans.flagged()) == 1

    tell(story)


def test_what_is_not_scanned_is_refused_and_not_kept(tell: Tell):
    async def story(ward: Ward) -> None:
        ward.scanner.is_down = True
        with pytest.raises(NotScanned):
            await ward.upload(b"who knows")

        assert await contents(ward.services.blobs) == await contents(ward.services.quarantine) == {}
        assert await ward.held() == []

    tell(story)


def test_a_house_may_keep_what_was_not_scanned_until_it_is(tell: Tell):
    """Flagged; a rescan looks at just those, and takes the flag away or the file."""

    async def story(ward: Ward) -> None:
        async def flagged() -> int:
            return await ward.services.work.read(lambda ledger: ledger.rescans.flagged())

        ward.services = replace(ward.services, caution=Caution(keeps_unscanned=True))
        await ward.upload(b"scanned")
        ward.scanner.is_down = True
        good, bad = await ward.upload(b"who knows"), await ward.upload(EVIL)
        assert (await ward.read(good), await flagged()) == (b"who knows", 2)

        done = await ward.rescan(flagged_only=True)
        assert (done.checked, done.not_scanned, await flagged()) == (2, 2, 2)

        ward.scanner.is_down = False
        ward.scanner.looked_at.clear()
        done = await ward.rescan(flagged_only=True)
        assert (sorted(ward.scanner.looked_at), done.infected) == ([EVIL, b"who knows"], 1)
        assert (await is_readable(ward, good), await is_readable(ward, bad), await flagged()) == (True, False, 0)

    tell(story)


def test_infected_is_refused_though_the_house_keeps_what_was_not_scanned(tell: Tell):
    async def story(ward: Ward) -> None:
        ward.services = replace(ward.services, caution=Caution(keeps_unscanned=True))
        await ward.refused(EVIL)

    tell(story)


# ── what fails on the way ────────────────────────────────────────────────────────────────────────────────────────


def failing(services: Services, fuse: Fuse) -> Services:
    """A fuse in everything that can fail."""
    return replace(
        services,
        blobs=FailingBlobs(services.blobs, fuse),
        quarantine=FailingBlobs(services.quarantine, fuse),
        work=FailingWork(services.work, fuse),
    )


async def check_whole(ward: Ward) -> None:
    """After two sweeps every quarantined file has its bytes, and every object its row."""
    for _ in range(2):
        ward.clock.ahead += timedelta(hours=1)
        await sweep(ward.services, timedelta(0))
    files = await ward.held()
    assert all(file.state is QuarantineState.HELD for file in files)
    assert sorted(await contents(ward.services.quarantine)) == sorted(file.key for file in files)


FAILURES = pytest.mark.parametrize(
    ("moment", "lasts"), [("before", False), ("after", False), ("before", True), ("after", True)]
)


async def in_memory(folder: Path) -> AsyncIterator[Ward]:
    async with ward_over(folder, MemoryBlobStore(), MemoryBlobStore()) as ward:
        yield ward


@FAILURES
def test_a_rescan_that_fails_anywhere_serves_no_infected_byte(tmp_path: Path, moment: str, lasts: bool):
    """Either it is still as before, or out of reach for good; the next rescan ends it."""

    async def story() -> None:
        async for ward in in_memory(tmp_path / "ward"):
            for number, fuse in enumerate(fuses(moment, lasts=lasts)):  # type: ignore[arg-type]
                content = b"known later " + str(number).encode()
                upload, services = await ward.upload(content), ward.services
                await know(ward, b"known later")
                ward.services = failing(services, fuse)
                try:
                    await ward.rescan()
                except (StorageUnavailable, DatabaseUnavailable):
                    assert fuse.has_struck
                ward.services = services
                was_readable = await is_readable(ward, upload)
                await check_whole(ward)
                assert await is_readable(ward, upload) == was_readable
                ward.scanner.words[str(number).encode()] = "other rules"  # so that it begins anew
                await ward.rescan()
                assert not await is_readable(ward, upload), fuse.calls
                await check_whole(ward)
                assert content in (await contents(ward.services.quarantine)).values()
                assert content not in (await contents(ward.services.blobs)).values()
                ward.scanner.words.clear()

    asyncio.run(story())


@FAILURES
def test_a_release_that_fails_anywhere_can_be_given_again(tmp_path: Path, moment: str, lasts: bool):
    """Nothing is lost, and nothing is there twice."""

    async def story() -> None:
        async for ward in in_memory(tmp_path / "ward"):
            for number, fuse in enumerate(fuses(moment, lasts=lasts)):  # type: ignore[arg-type]
                stored = await ward.upload(b"known later " + str(number).encode())
                await know(ward, b"known later")
                await ward.rescan()
                await ward.refused(EVIL + str(number).encode())
                for file in await ward.held():
                    await release_twice(ward, file.id, fuse)
                assert await ward.held() == []
                assert await ward.read(stored) == b"known later " + str(number).encode()
                del ward.scanner.words[b"known later"]
                await check_whole(ward)

    asyncio.run(story())


async def release_twice(ward: Ward, id: str, fuse: Fuse) -> None:
    """With something failing, and then again."""
    try:
        await quarantine.release(failing(ward.services, fuse), id, "op", "x")
    except HoldallError:
        assert fuse.has_struck
    await check_whole(ward)
    if any(file.id == id for file in await ward.held()):
        await quarantine.release(ward.services, id, "op", "x")


@FAILURES
def test_an_arrival_that_fails_anywhere_is_refused_and_cleared_up(tmp_path: Path, moment: str, lasts: bool):
    async def story() -> None:
        async for ward in in_memory(tmp_path / "ward"):
            for number, fuse in enumerate(fuses(moment, lasts=lasts)):  # type: ignore[arg-type]
                with pytest.raises((Infected, DatabaseUnavailable)):  # the latter when asked what was overruled
                    await ward.upload(EVIL + str(number).encode(), services=failing(ward.services, fuse))
                await check_whole(ward)
                assert await contents(ward.services.blobs) == {}

    asyncio.run(story())
