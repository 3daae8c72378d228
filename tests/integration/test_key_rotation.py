"""Turning encryption on, changing keys, and losing them; on a store in a folder and a real database."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from holdall.adapters.blobs.keys import PROBE_KEY
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.blobs.sealed import MEMORY_BYTES, SealedBlobStore
from holdall.bootstrap import open_services, prepare
from holdall.domain.access import Space
from holdall.errors import StorageFull, StorageUnavailable
from holdall.flows.rotate import Rotated, count_objects, rotate_keys
from holdall.flows.sweep import sweep
from holdall.ports import KeyRotation, LocalPaths, Services
from holdall.settings import Settings, SettingsError
from tests.support.rows import add_blob, make_world, new_blob

OLD, NEW, STRANGE = "0d" * 32, "1e" * 32, "5a" * 32
SMALL, LARGE = b"A receipt for four bags of gravel.\n" * 30, os.urandom(1 << 20) * 5
MAGIC = b"\x93HOLDALL"


@asynccontextmanager
async def installation(folder: Path, **given: Any) -> AsyncIterator[Services]:
    settings = Settings(data_dir=str(folder), **given)
    prepare(settings)
    async with open_services(settings) as services:
        yield services


async def new_space(services: Services) -> Space:
    return (await services.work.write(make_world)).space


async def keep(services: Services, space: Space, data: bytes) -> str:
    """The key of a new blob with these bytes."""
    blob = replace(new_blob(space, data, variants=0), size=len(data))
    await services.blobs.put(blob.key, data)
    await services.work.write(lambda ledger: add_blob(ledger, blob))
    return blob.key


async def read(services: Services, key: str, start: int = 0, stop: int | None = None) -> bytes:
    return b"".join([piece async for piece in await services.blobs.open(key, start, stop)])


async def rotate(services: Services) -> Rotated:
    assert isinstance(services.blobs, KeyRotation)
    return await rotate_keys(services, services.blobs)


def objects(folder: Path) -> list[Path]:
    """All that is kept, the probe aside."""
    found = (path for path in (folder / "blobs").rglob("*") if path.is_file())
    return [path for path in found if path.name != PROBE_KEY[3:]]


def plain_objects(folder: Path) -> list[Path]:
    return [path for path in objects(folder) if not path.read_bytes().startswith(MAGIC)]


def fill(folder: Path, contents: Sequence[bytes] = (SMALL, LARGE), **given: Any) -> dict[str, bytes]:
    """An installation with these bytes in it, by key."""

    async def story() -> dict[str, bytes]:
        async with installation(folder, **given) as services:
            space = await new_space(services)
            return {await keep(services, space, data): data for data in contents}

    return asyncio.run(story())


def contents_of(folder: Path, keys: Sequence[str], **given: Any) -> dict[str, bytes]:
    async def story() -> dict[str, bytes]:
        async with installation(folder, **given) as services:
            return {key: await read(services, key) for key in keys}

    return asyncio.run(story())


def rotated(folder: Path, **given: Any) -> Rotated:
    async def story() -> Rotated:
        async with installation(folder, **given) as services:
            return await rotate(services)

    return asyncio.run(story())


# ── turned on ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_kept_is_plain_and_nothing_is_sent_past_the_store(tmp_path: Path):
    kept = fill(tmp_path, encryption_key=OLD)

    async def story() -> bool:
        async with installation(tmp_path, encryption_key=OLD) as services:
            return isinstance(services.blobs, LocalPaths)

    assert plain_objects(tmp_path) == []
    assert not any(SMALL[:20] in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert list((tmp_path / "sealing").iterdir()) == []
    assert asyncio.run(story()) is False
    assert contents_of(tmp_path, [*kept], encryption_key=OLD) == kept


def test_plain_files_from_before_are_refused_until_they_are_allowed(tmp_path: Path):
    kept = fill(tmp_path)

    with pytest.raises(StorageUnavailable, match="plain objects are refused"):
        contents_of(tmp_path, [*kept], encryption_key=NEW)
    assert contents_of(tmp_path, [*kept], encryption_key=NEW, encryption_plain="allow") == kept


@pytest.mark.parametrize("plain", ["allow", "refuse"])
def test_a_rotation_seals_plain_files(tmp_path: Path, plain: str):
    kept = fill(tmp_path)

    done = rotated(tmp_path, encryption_key=NEW, encryption_plain=plain)

    assert done == Rotated(renewed=2)
    assert plain_objects(tmp_path) == []
    assert contents_of(tmp_path, [*kept], encryption_key=NEW) == kept


def test_a_plain_file_that_is_not_what_its_row_says_is_not_sealed(tmp_path: Path):
    """Or who can write to the store could have any bytes made ours, just before the door is closed."""
    [key] = fill(tmp_path, [SMALL])
    path = tmp_path / "blobs" / key
    path.write_bytes(SMALL.replace(b"four", b"nine"))

    done = rotated(tmp_path, encryption_key=NEW, encryption_plain="allow")

    assert done == Rotated(failed=[key])
    assert plain_objects(tmp_path) == [path]


def test_a_plain_file_in_the_place_of_a_sealed_one_is_refused(tmp_path: Path):
    """The downgrade."""
    [key] = fill(tmp_path, [SMALL], encryption_key=OLD)
    (tmp_path / "blobs" / key).write_bytes(SMALL.replace(b"four", b"nine"))

    with pytest.raises(StorageUnavailable, match="plain objects are refused"):
        contents_of(tmp_path, [key], encryption_key=OLD)


def test_what_no_row_names_is_left_as_it_is_and_told(tmp_path: Path):
    fill(tmp_path, [SMALL], encryption_key=OLD)
    stray = tmp_path / "blobs" / "00" / ("0" * 32)
    stray.write_bytes(b"planted")

    done = rotated(tmp_path, encryption_key=f"{NEW} {OLD}")

    assert (done.renewed, done.unnamed, done.failed) == (1, 1, [])
    assert stray.read_bytes() == b"planted"


# ── keys change ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_after_a_rotation_the_old_key_can_go(tmp_path: Path):
    kept = fill(tmp_path, encryption_key=OLD)
    before = contents_of(tmp_path, [*kept], encryption_key=f"{NEW} {OLD}")

    first = rotated(tmp_path, encryption_key=f"{NEW} {OLD}")
    second = rotated(tmp_path, encryption_key=f"{NEW} {OLD}")

    assert before == kept
    assert (first, second) == (Rotated(renewed=2), Rotated(current=2))
    assert contents_of(tmp_path, [*kept], encryption_key=NEW) == kept


def test_a_rotation_is_a_scrub_too(tmp_path: Path):
    """What does not open is named, all else is done."""
    kept = fill(tmp_path, encryption_key=OLD)
    small = next(key for key, data in kept.items() if data == SMALL)
    path = tmp_path / "blobs" / small
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)

    done = rotated(tmp_path, encryption_key=f"{NEW} {OLD}")

    assert done == Rotated(renewed=1, failed=[small])
    assert path.read_bytes() == bytes(damaged)


def test_a_disk_that_is_full_stops_a_rotation_and_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept = fill(tmp_path, encryption_key=OLD)

    async def refuse(*_arguments: object) -> None:
        raise StorageFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(LocalBlobStore, "replace", refuse)
        with pytest.raises(StorageFull):
            asyncio.run(_rotate_only(tmp_path))

    assert contents_of(tmp_path, [*kept], encryption_key=OLD + " " + NEW) == kept


async def _rotate_only(folder: Path) -> None:
    """Past the start, which renews the probe."""
    async with open_services(
        Settings(data_dir=str(folder), encryption_key=f"{NEW} {OLD}"), with_files=False
    ) as services:
        await rotate(services)


def test_readers_and_a_rotation_do_not_disturb_each_other(tmp_path: Path):
    """Whole, in part, beginning before and ending after: the bytes are the same throughout."""
    kept = fill(tmp_path, [LARGE[: 300_000 + number] for number in range(12)] + [LARGE], encryption_key=OLD)

    async def read_on(services: Services, until: "asyncio.Task[Rotated]") -> int:
        reads = 0
        while not until.done():
            for key, data in kept.items():
                assert await read(services, key) == data
                assert await read(services, key, 70_000, 200_000) == data[70_000:200_000]
                reads += 2
        return reads

    async def story() -> tuple[Rotated, int]:
        async with (
            installation(tmp_path, encryption_key=f"{OLD} {NEW}") as one,
            installation(tmp_path, encryption_key=f"{NEW} {OLD}") as other,
        ):
            rotating = asyncio.create_task(rotate(other))
            reads = await read_on(one, rotating)
            return await rotating, reads

    done, reads = asyncio.run(story())

    assert done == Rotated(renewed=13)
    assert reads > 0


@pytest.mark.parametrize("was_plain", [True, False])
def test_a_reader_that_meets_the_change_looks_again(tmp_path: Path, was_plain: bool):
    """The object is renewed between a reader's look at its header and its reading of the chunks."""
    keys = NEW if was_plain else f"{NEW} {OLD}"
    [key] = fill(tmp_path, [LARGE], **({} if was_plain else {"encryption_key": OLD}))

    async def story() -> bytes:
        async with installation(tmp_path, encryption_key=keys, encryption_plain="allow") as services:
            store = services.blobs
            assert isinstance(store, SealedBlobStore)
            look, looks = store._look, 0

            async def look_then_renew(at: str) -> Any:
                nonlocal looks
                seen, looks = await look(at), looks + 1
                if looks == 1:
                    store._look = look  # type: ignore[method-assign]
                    assert await store.renew(key, len(LARGE), hashlib.sha256(LARGE).hexdigest())
                return seen

            store._look = look_then_renew  # type: ignore[method-assign]
            return await read(services, key, 100, 500_000)

    assert asyncio.run(story()) == LARGE[100:500_000]


def test_an_object_that_was_deleted_meanwhile_is_no_failure(tmp_path: Path):
    [key] = fill(tmp_path, [SMALL], encryption_key=OLD)

    async def story() -> Rotated:
        async with installation(tmp_path, encryption_key=f"{NEW} {OLD}") as services:
            store = services.blobs
            assert isinstance(store, SealedBlobStore)
            renew = store.renew

            async def delete_first(*arguments: Any) -> bool:
                await store.delete(key)
                return await renew(*arguments)

            store.renew = delete_first  # type: ignore[method-assign]
            return await rotate(services)

    assert asyncio.run(story()) == Rotated()


def test_a_sweep_takes_what_a_broken_rotation_left_and_spares_the_probe(tmp_path: Path):
    fill(tmp_path, [SMALL], encryption_key=OLD)
    for folder in ("sealing", "blobs/.incoming"):
        (tmp_path / folder / uuid4().hex).write_bytes(b"half")

    async def story() -> Any:
        async with installation(tmp_path, encryption_key=OLD) as services:
            assert await count_objects(services) == 1
            return await sweep(services, timedelta(seconds=-1))

    swept = asyncio.run(story())

    assert (swept.staged, swept.strays) == (2, 0)
    assert (tmp_path / "blobs" / PROBE_KEY).exists()


# ── keys are wrong ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "encrypted, and there is no key"),
        ({"encryption_key": STRANGE}, "not among ours"),
        ({"encryption_key": STRANGE, "encryption_plain": "allow"}, "not among ours"),
        ({"encryption_key": OLD[:-1]}, "HOLDALL_ENCRYPTION_KEY: key 1 is not 64 hex digits"),
        ({"encryption_key_file": "/nowhere/keys"}, "HOLDALL_ENCRYPTION_KEY_FILE: .*No such file"),
        ({"encryption_key": OLD, "encryption_key_file": "/nowhere/keys"}, "set one of the two"),
    ],
)
def test_without_the_right_key_there_is_no_start(tmp_path: Path, given: dict[str, str], why: str):
    """A server without keys would send sealed bytes as if they were the file."""
    fill(tmp_path, [SMALL], encryption_key=OLD)

    with pytest.raises(SettingsError, match=why) as refused:
        contents_of(tmp_path, [], **given)

    assert STRANGE not in str(refused.value)
    assert OLD[:-1] not in str(refused.value)


def test_accounts_can_be_looked_after_without_the_keys(tmp_path: Path):
    """To revoke a credential, no file has to open."""
    fill(tmp_path, [SMALL], encryption_key=OLD)

    async def story() -> Space:
        async with open_services(Settings(data_dir=str(tmp_path)), with_files=False) as services:
            return await new_space(services)

    assert asyncio.run(story()).name == "Space"


def test_keys_come_from_a_file_too(tmp_path: Path):
    path = tmp_path / "keys"
    path.write_text(f"# new\n{NEW}\n# old\n{OLD}\n")
    kept = fill(tmp_path / "data", encryption_key=OLD)

    assert contents_of(tmp_path / "data", [*kept], encryption_key_file=str(path)) == kept


def test_a_file_of_more_than_memory_takes_is_sealed_by_way_of_the_disk(tmp_path: Path):
    """And its scratch file is gone afterwards, also when the put fails."""
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    assert len(LARGE) > MEMORY_BYTES

    async def story() -> bytes:
        async with installation(tmp_path / "data", encryption_key=OLD) as services:
            (key,) = await services.keys.take(1)
            await services.blobs.put(key, source)
            with pytest.raises(FileExistsError):
                await services.blobs.put(key, source)
            return await read(services, key)

    assert asyncio.run(story()) == LARGE
    assert list((tmp_path / "data" / "sealing").iterdir()) == []


def test_no_room_to_seal_in_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = tmp_path / "source"
    source.write_bytes(LARGE)

    async def story() -> None:
        async with installation(tmp_path / "data", encryption_key=OLD) as services:
            real = os.open

            def no_room(path: Any, flags: int, *rest: Any, **more: Any) -> int:
                if "sealing" in str(path):
                    raise OSError(28, "No space left on device")
                return real(path, flags, *rest, **more)

            monkeypatch.setattr(os, "open", no_room)
            with pytest.raises(StorageFull):
                await services.blobs.put("ab/ab" + "0" * 30, source)

    asyncio.run(story())
