"""What a sweep takes, class by class: told beforehand, taken as told, and everything else left alone."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.blobs.memory import MemoryBlobStore
from holdall.adapters.blobs.s3 import S3BlobStore
from holdall.adapters.chance import RandomIds
from holdall.domain.files import BlobState, Upload
from holdall.domain.leftovers import Pile
from holdall.errors import StorageUnavailable
from holdall.flows.leftovers import STAY, WHY, survey
from holdall.flows.sweep import sweep, times
from tests.integration.test_scrub import acts, bare_store, is_lost
from tests.support.images import jpeg
from tests.support.postgres import postgres
from tests.support.seaweed import seaweed
from tests.support.ward import Ward, contents, ward_over

__all__ = ["postgres", "seaweed"]

Story = Callable[[Ward], Awaitable[None]]
Tell = Callable[[Story], None]
HOUR = timedelta(hours=1)


@pytest.fixture(params=["local", "s3", "postgres"])
def tell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tell]:
    """Tells a story in a ward, over each kind of store and of database."""
    url = "sqlite://"
    if request.param == "postgres":
        from holdall.adapters.db import schema  # noqa: PLC0415  by then there is a server

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


async def piles(ward: Ward, grace: timedelta = HOUR) -> dict[str, Pile]:
    return {pile.what: pile for pile in (await survey(ward.services, times(ward.services, grace))).piles}


async def everything(ward: Ward) -> tuple[dict[str, bytes], list[str]]:
    """All bytes and the acts on record."""
    return await contents(ward.services.blobs), [act.hash for act in await acts(ward)]


Mess = Callable[[Ward], Awaitable[None]]


async def nothing(_ward: Ward) -> None:
    """Leave it tidy."""


async def delete(ward: Ward, upload: Upload) -> None:
    now = ward.clock.now()
    await ward.services.work.write(lambda ledger: ledger.files.delete_upload(upload, now))


async def deleted(ward: Ward) -> None:
    """A picture whose grace is over, and a text that another upload shares."""
    for data, name in ((jpeg(), "a.jpg"), (b"shared", "b.txt")):
        upload = await ward.upload(data, name)
        await delete(ward, upload)
    await ward.upload(b"shared", "c.txt")


async def condemned(ward: Ward) -> None:
    upload = await ward.upload(b"to be condemned")
    await delete(ward, upload)
    await ward.services.work.write(lambda ledger: ledger.files.forget_upload(upload))


async def broken_off(ward: Ward) -> None:
    """Keys reserved, one of them with bytes."""
    first, *_ = keys = ward.services.ids.blob_keys(3)
    await ward.services.work.write(lambda ledger: ledger.files.reserve(keys, ward.clock.now()))
    await ward.services.blobs.put(first, b"half an upload")


async def stray(ward: Ward) -> None:
    (key,) = ward.services.ids.blob_keys(1)
    await ward.services.blobs.put(key, b"nobody knows me")


async def staged(ward: Ward) -> None:
    path = ward.services.staging / "left"
    path.write_bytes(b"half a file")


async def incoming(ward: Ward) -> None:
    blobs = ward.services.blobs
    if isinstance(blobs, LocalBlobStore):
        Path(ward.services.blobs._root, ".incoming", "1-1").write_bytes(b"half a")  # noqa: ASYNC240  a few bytes
    elif isinstance(blobs, S3BlobStore):
        begin_put(blobs)
    else:
        await staged(ward)


def begin_put(blobs: S3BlobStore) -> None:
    """Begin a put in parts that nobody will finish."""
    (key,) = RandomIds().blob_keys(1)
    url = blobs._public.sign("POST", f"{blobs._prefix}/{key}", {"uploads": ""}, datetime.now(UTC), 60)
    answer = httpx.post(url)
    assert answer.status_code == 200, answer.text
    upload = answer.text.partition("<UploadId>")[2].partition("<")[0]
    part = {"uploadId": upload, "partNumber": "1"}
    url = blobs._public.sign("PUT", f"{blobs._prefix}/{key}", part, datetime.now(UTC), 60)
    assert httpx.put(url, content=b"half a").status_code == 200


async def without_bytes(ward: Ward) -> None:
    upload = await ward.upload(b"its bytes will be gone")
    await ward.services.blobs.delete(upload.blob.key)


async def rendition_without_bytes(ward: Ward) -> None:
    upload = await ward.upload(jpeg(), "d.jpg")
    await ward.services.blobs.delete(upload.blob.variants[0].key)


async def claims(ward: Ward) -> None:
    now = ward.clock.now()
    await ward.services.work.write(lambda ledger: ledger.idempotency.claim("usr", "key", "", now, now + HOUR))


async def infected(ward: Ward) -> None:
    """Held, and over what the quarantine keeps."""
    await ward.refused(b"an evil text")


MESSES: dict[str, tuple[Mess, str, int]] = {
    "deleted uploads": (deleted, "deleted uploads past their grace", 2),
    "deleted files": (deleted, "deleted files past their grace", 2),
    "condemned files": (condemned, "condemned files", 1),
    "broken-off uploads": (broken_off, "reservations past their time", 3),
    "strays": (stray, "objects without a row", 1),
    "staged files": (staged, "left half-written", 1),
    "half-written objects": (incoming, "left half-written", 1),
    "files without bytes": (without_bytes, "files without bytes", 1),
    "renditions without bytes": (rendition_without_bytes, "renditions without bytes", 1),
    "idempotency keys": (claims, "old idempotency keys", 1),
    "quarantined files past their time": (infected, "files leaving quarantine", 1),
}
BYTES = {
    "condemned files": len(b"to be condemned"),
    "broken-off uploads": len(b"half an upload"),
    "strays": len(b"nobody knows me"),
    "staged files": len(b"half a file"),
}


@pytest.mark.parametrize("mess", MESSES)
def test_what_goes_is_told_and_goes(tell: Tell, mess: str):
    """The dry run changes nothing; the real one takes what it told of, and nothing of what stays."""
    make, what, number = MESSES[mess]

    async def story(ward: Ward) -> None:
        kept = await ward.upload(b"stays where it is")
        photo = await ward.upload(jpeg(40, 30), "kept.jpg")
        ward.clock.ahead -= 2 * timedelta(days=100)
        await make(ward)
        ward.clock.ahead += 2 * timedelta(days=100)
        for path in ward.services.staging.iterdir():
            os.utime(path, (0, 0))
        ward.clock.ahead += timedelta(days=1)  # what lies in a store is as old as it is

        before = await everything(ward)
        told = await piles(ward)
        assert await everything(ward) == before
        spare = 2 * 3 if mess == "broken-off uploads" else 0  # keys that are reserved ahead
        assert told[what].goes
        assert number <= told[what].number <= number + spare
        if mess in BYTES:
            assert told[what].bytes == BYTES[mess]

        await sweep(ward.services, HOUR)

        after = await piles(ward)
        assert [pile.what for pile in after.values() if pile.goes] == []
        stays = {name: pile for name, pile in told.items() if not pile.goes}
        assert {name: after[name] for name in stays if name != "lost files"} == stays
        gone = sum(pile.bytes for pile in told.values() if pile.goes)
        held = sum(pile.bytes for pile in after.values())
        assert sum(pile.bytes for pile in told.values()) == held + gone
        assert await ward.read(kept) == b"stays where it is"
        assert len(await ward.read(photo)) == photo.blob.size

    tell(story)


def test_every_byte_in_the_store_is_in_one_pile(tell: Tell):
    async def story(ward: Ward) -> None:
        for make in (deleted, condemned, broken_off, stray, rendition_without_bytes):
            await make(ward)
        await ward.upload(jpeg(50, 20), "kept.jpg")
        ward.clock.ahead = timedelta(days=100)
        await delete(ward, await ward.upload(b"may come back", "z.txt"))

        told = await piles(ward)

        lying = sum(len(data) for data in (await contents(ward.services.blobs)).values())
        assert sum(pile.bytes for pile in told.values()) == lying
        assert told["deleted files in their grace"].bytes == len(b"may come back")
        assert told["objects without a row"].number == 1

    tell(story)


def test_uploads_that_hang_nowhere_go_if_the_operator_wants_it(tell: Tell):
    """And stay, told of, if not; what goes can be brought back until its grace is over, and is on record."""

    async def story(ward: Ward) -> None:
        upload = await ward.upload(b"brought, and forgotten about")
        ward.clock.ahead = timedelta(days=400)
        await sweep(ward.services, HOUR)
        assert (await piles(ward))["uploads that hang nowhere"].number == 1

        ward.services = replace(ward.services, loose_for=timedelta(days=30))
        assert (await sweep(ward.services, HOUR)).loose == 0
        ward.clock.ahead += timedelta(days=31)
        assert (await piles(ward))["uploads that hung nowhere for too long"].number == 1
        assert (await sweep(ward.services, HOUR)).loose == 1

        told = [json.loads(act.details) for act in await acts(ward) if act.act == "sweep.remove"]
        assert [each["loose"] for each in told if "loose" in each] == [1]
        assert (await piles(ward))["deleted files in their grace"].number == 1
        assert await ward.services.work.write(lambda ledger: ledger.files.restore_upload(upload))
        assert await ward.read(upload) == b"brought, and forgotten about"
        for days in (0, 31):
            ward.clock.ahead += timedelta(days=days)
            await sweep(ward.services, HOUR)
        ward.clock.ahead += timedelta(days=8)
        swept = await sweep(ward.services, HOUR)
        assert (swept.deleted, await contents(ward.services.blobs)) == (1, {})

    tell(story)


def test_a_row_without_bytes_is_lost_and_said_so(tell: Tell):
    async def story(ward: Ward) -> None:
        upload = await ward.upload(b"its bytes will be gone")
        await ward.services.blobs.delete(upload.blob.key)
        ward.clock.ahead = timedelta(days=1)

        swept = await sweep(ward.services, HOUR)

        assert swept.lost == 1
        assert await is_lost(ward, upload)
        assert [act.subject for act in await acts(ward) if act.act == "scrub.lose"] == [upload.blob.key]
        await ward.upload(b"its bytes will be gone")
        assert await ward.read(upload) == b"its bytes will be gone"

    tell(story)


def test_another_database_s_store_is_not_swept_away(tell: Tell):
    """Thirty objects and not a row of them: whoever knows better says so."""

    async def story(ward: Ward) -> None:
        for _ in range(30):
            await stray(ward)
        ward.clock.ahead = timedelta(days=1)

        with pytest.raises(StorageUnavailable, match="database"):
            await sweep(ward.services, HOUR)
        assert len(await contents(ward.services.blobs)) == 30

        assert (await sweep(ward.services, HOUR, believes_emptiness=True)).strays == 30

    tell(story)


def test_an_empty_store_loses_nothing(tell: Tell):
    async def story(ward: Ward) -> None:
        uploads = [await ward.upload(f"{number}".encode()) for number in range(30)]
        for upload in uploads:
            await ward.services.blobs.delete(upload.blob.key)
        ward.clock.ahead = timedelta(days=1)

        with pytest.raises(StorageUnavailable, match="mounted"):
            await sweep(ward.services, HOUR)
        assert [await is_damaged(ward, upload.path) for upload in uploads] == [False] * 30

    tell(story)


async def is_damaged(ward: Ward, path: str) -> bool:
    upload = await ward.services.work.read(lambda ledger: ledger.files.find_by_path(path))
    return upload is None or upload.blob.state is not BlobState.READY


def test_the_piles_are_told_in_two_halves():
    """Those that stay come first, so that a table can be cut there."""
    names = list(WHY)
    assert (names[STAY - 1], names[STAY]) == ("uploads that hang nowhere", "uploads that hung nowhere for too long")
