"""Backups: whole, small, honest about what is wrong; and installations made of them."""

import asyncio
import hashlib
import secrets
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from alembic import command
from msgspec import structs
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from holdall import backups
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.db import codec, schema
from holdall.adapters.db.snapshots import SqlSnapshots
from holdall.adapters.db.tables import metadata
from holdall.bootstrap import open_services, prepare, signing_secret
from holdall.domain.backups import BackupRefused
from holdall.domain.files import Blob, Upload
from holdall.domain.records import NodeType
from holdall.errors import StorageUnavailable
from holdall.flows import backup as backup_story
from holdall.flows.backup_target import reopen
from holdall.flows.quarantine import seize
from holdall.flows.sweep import sweep
from holdall.ports import NewBlob, Services, Verdict
from holdall.settings import Settings, SettingsError, read_settings
from tests.support.postgres import Postgres
from tests.support.rows import NOW, World, make_record, make_world, new_upload, new_variant
from tests.support.seaweed import Seaweed

T = TypeVar("T")
KEY, OTHER_KEY = "01" * 32, "02" * 32
LARGE = backup_story.MEMORY_BYTES + 1000


def SILENT(done: int, total: int) -> None:  # noqa: N802  an argument of nearly every call
    """Progress that nobody looks at."""


@dataclass
class House:
    """An installation with files, and a target."""

    settings: Settings
    target: str
    uploads: list[Upload]
    world: World

    def back_up(self, keep: int = 0) -> dict[str, Any]:
        return asyncio.run(backups.make(self.settings, "os:test", self.target, keep, SILENT))

    def verify(self) -> Any:
        return asyncio.run(backups.verify(self.settings, self.target, "", SILENT))

    def tell(self, story: Callable[[Services], Awaitable[T]]) -> T:
        return tell(self.settings, story)

    def add(self, *contents: bytes) -> list[Upload]:
        async def story(services: Services) -> list[Upload]:
            return [await add_file(services, self.world, content) for content in contents]

        self.uploads += (added := self.tell(story))
        return added


def tell(settings: Settings, story: Callable[[Services], Awaitable[T]]) -> T:
    async def inside() -> T:
        async with open_services(settings, "os:test") as services:
            return await story(services)

    return asyncio.run(inside())


def settings_of(data: Path, **env: str) -> Settings:
    return read_settings({"HOLDALL_DATA_DIR": str(data), **env})


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Three files with a variant each, one of them large, one empty; and a record that one hangs in."""
    settings = settings_of(tmp_path_factory.mktemp("template") / "data")
    prepare(settings)
    world = tell(settings, lambda services: services.work.write(make_world))
    house = House(settings, "", [], world)
    house.add(b"", secrets.token_bytes(3000), secrets.token_bytes(LARGE))
    house.tell(lambda services: services.work.write(lambda ledger: make_record(ledger, world, house.uploads[:1])))
    return house


def copy_of(template: House, tmp_path: Path, **env: str) -> House:
    shutil.copytree(template.settings.data, tmp_path / "data")
    return House(settings_of(tmp_path / "data", **env), str(tmp_path / "target"), [*template.uploads], template.world)


@pytest.fixture(params=["plain", "sealed"])
def house(template: House, tmp_path: Path, request: pytest.FixtureRequest) -> House:
    """An installation of each kind of backup."""
    return copy_of(template, tmp_path, **({"HOLDALL_BACKUP_KEY": KEY} if request.param == "sealed" else {}))


@pytest.fixture
def plain(template: House, tmp_path: Path) -> House:
    """One whose backups are not encrypted."""
    return copy_of(template, tmp_path)


@pytest.fixture
def sealed(template: House, tmp_path: Path) -> House:
    """One whose backups are."""
    return copy_of(template, tmp_path, HOLDALL_BACKUP_KEY=KEY)


async def add_file(services: Services, world: World, content: bytes) -> Upload:
    """A file with one variant."""
    key, variant_key = services.ids.blob_keys(2)
    tiny = b"variant of " + content[:1000]
    variant = replace(new_variant(0), key=variant_key, size=len(tiny), sha256=sha256(tiny))
    blob = NewBlob(world.space.number, key, sha256(content), len(content), "application/pdf", None, None, (variant,))
    await services.work.write(lambda ledger: ledger.files.reserve([key, variant_key], NOW))
    await services.blobs.put_all([(key, content), (variant_key, tiny)])
    return await services.work.write(
        lambda ledger: ledger.files.add_upload(new_upload(world), ledger.files.add(blob, NOW), NOW)
    )


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def restored(house: House, folder: Path, **env: str) -> tuple[Settings, Any]:
    """The newest backup, elsewhere."""
    backup_key = {"HOLDALL_BACKUP_KEY": house.settings.backup_key} if house.settings.backup_key else {}
    settings = settings_of(folder, **(backup_key | env))
    return settings, asyncio.run(backups.restore(settings, "os:test", house.target, "", SILENT))


def unreadable(settings: Settings, uploads: list[Upload]) -> list[str]:
    """What does not read back by its digest: blobs and variants."""

    async def story(services: Services) -> list[str]:
        found = list[str]()
        for blob in [upload.blob for upload in uploads]:
            for key, wanted in [(blob.key, blob.sha256), *((v.key, v.sha256) for v in blob.variants)]:
                try:
                    data = b"".join([piece async for piece in await services.blobs.open(key)])
                except FileNotFoundError:
                    data = b"not there"
                if sha256(data) != wanted:
                    found.append(key)
        return found

    return tell(settings, story)


def acts(settings: Settings) -> list[str]:
    """What the audit log has of backups."""

    async def story(services: Services) -> list[str]:
        entries = await services.work.read(lambda ledger: ledger.audit.entries(after=0, limit=1000))
        return [entry.act for entry in entries if entry.act.startswith("backup.")]

    return tell(settings, story)


def all_rows(url: str) -> dict[str, list[Any]]:
    """Every row of every table, save those of the audit log, which goes on."""
    address = url.replace("postgresql:", "postgresql+psycopg:")
    with create_engine(address, poolclass=NullPool, **codec.ENGINE_OPTIONS).connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
            if table.name != "audit"
        }


def objects(folder: str) -> list[Path]:
    return sorted(path for path in (Path(folder) / "contents").rglob("*") if path.is_file())


# ── whole ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_everything_reads_back_elsewhere(house: House, tmp_path: Path):
    """Rows, files of every size, variants; into an installation that encrypts, too."""
    made = house.back_up()
    assert (made["lost"], made["rows"]["uploads"]) == ((), 3)
    assert house.verify().wrong == []

    settings, done = restored(house, tmp_path / "elsewhere", HOLDALL_ENCRYPTION_KEY=OTHER_KEY,
                              HOLDALL_BACKUP_KEY=house.settings.backup_key or "none")  # fmt: skip

    assert (done.files, done.lost) == (6, 0)
    assert unreadable(settings, house.uploads) == []
    assert all_rows(settings.database) == all_rows(house.settings.database)
    assert acts(settings) == ["backup.restore"]
    assert acts(house.settings) == ["backup.make"]
    assert oct((tmp_path / "elsewhere" / "holdall.sqlite3").stat().st_mode)[-3:] == "600"


def test_a_sealed_backup_holds_nothing_in_the_clear_and_an_open_one_no_key(template: House, tmp_path: Path):
    """Of an encrypted installation too, where nobody thought of a key for backups."""
    house = copy_of(template, tmp_path, HOLDALL_ENCRYPTION_KEY=KEY, HOLDALL_ENCRYPTION_PLAIN="allow")
    (upload,) = house.add(b"the plainest of words " * 100)
    secret = signing_secret(house.settings)

    assert house.back_up()["has_secret_key"] is True
    stored = [path.read_bytes() for path in Path(house.target).rglob("*") if path.is_file()]
    assert not any(b"plainest" in data or secret in data or b"SQLite" in data for data in stored)
    assert not any(upload.blob.sha256[:30] in str(path) for path in objects(house.target))

    house = replace(house, target=str(tmp_path / "open"), settings=structs.replace(house.settings, backup_key="none"))
    assert house.back_up()["has_secret_key"] is False
    stored = [path.read_bytes() for path in Path(house.target).rglob("*") if path.is_file()]
    assert any(b"plainest" in data for data in stored)
    assert not any(secret in data for data in stored)


def test_the_key_of_links_and_webhooks_comes_back(sealed: House, tmp_path: Path):
    """And is not put in the place of another."""
    secret = signing_secret(sealed.settings)
    sealed.back_up()

    settings, _ = restored(sealed, tmp_path / "elsewhere")
    assert signing_secret(settings) == secret

    with pytest.raises(BackupRefused, match="is another key"):
        restored(sealed, tmp_path / "third", HOLDALL_SECRET_KEY="x" * 64)


def test_quarantined_bytes_are_kept_where_nobody_can_look(house: House, tmp_path: Path):
    """Sealed or not at all; where they are not, the file says so, and its variants are there for a release."""
    blob = house.uploads[1].blob
    house.tell(lambda services: take_away(services, blob))

    house.back_up()
    settings, done = restored(house, tmp_path / "elsewhere")

    is_sealed = bool(house.settings.backup_key)
    assert done.left_out == (0 if is_sealed else 1)
    assert tell(settings, quarantined_digests) == [blob.sha256 if is_sealed else ""]
    assert unreadable(settings, house.uploads) == [blob.key]
    clear = [path for path in objects(house.target) if sha256(path.read_bytes()) == blob.sha256]
    assert clear == []


async def take_away(services: Services, blob: Blob) -> None:
    path = services.staging / "seized"
    path.write_bytes(b"".join([piece async for piece in await services.blobs.open(blob.key)]))
    assert await seize(services, blob, Verdict("Test-Rule"), path) is not None


async def quarantined_digests(services: Services) -> list[str]:
    files = await services.work.read(lambda ledger: ledger.quarantine.page(after=0, limit=10))
    found = list[str]()
    for file in files:
        pieces = await services.quarantine.open(file.key) if file.key else None
        found.append("" if pieces is None else sha256(b"".join([piece async for piece in pieces])))
    return found


# ── small ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_second_backup_copies_what_is_new(plain: House):
    """Files by their content, whoever has them; the database by those of its pieces that changed."""
    first = plain.back_up()
    assert first["copied"] == len(objects(plain.target)) == 3 + 3 + 1 + bool(plain.settings.backup_key)
    before = objects(plain.target)

    assert plain.back_up()["copied"] == 1  # the database, with the entry of the first backup in its audit log
    plain.add(b"something new")
    assert plain.back_up()["copied"] == 3

    assert set(before) < set(objects(plain.target))
    assert plain.verify().backups == 3


def test_contents_are_shared_among_spaces(plain: House):
    plain.add(b"the same")
    other = plain.tell(lambda services: services.work.write(make_world))
    plain.back_up()
    plain.tell(lambda services: add_file(services, other, b"the same"))

    assert plain.back_up()["copied"] == 1  # the database


def test_old_backups_go_with_what_only_they_name(plain: House, tmp_path: Path):
    """Leftovers of runs that broke off go too; what is kept is whole."""
    (gone,) = plain.add(b"to be deleted")
    plain.back_up()
    plain.tell(lambda services: delete_for_good(services, gone))
    plain.uploads.remove(gone)
    plain.back_up()
    before = len(objects(plain.target))
    stray = "ff/ff" + "0" * 30
    with closing(LocalBlobStore(Path(plain.target) / "contents")) as store:
        asyncio.run(store.put(stray, b"left by a run that broke off"))

    made = plain.back_up(keep=1)

    assert (made["backups_removed"], made["contents_removed"]) == (2, 2 + 2 + 1)
    assert len(objects(plain.target)) == before + 1 - 4
    verified = plain.verify()
    assert (verified.backups, verified.unnamed, verified.wrong) == (1, 0, [])
    settings, _ = restored(plain, tmp_path / "elsewhere")
    assert unreadable(settings, plain.uploads) == []


async def delete_for_good(services: Services, upload: Upload) -> None:
    """As if it had been deleted a week ago, and the sweep had come."""
    long_ago = services.clock.now() - timedelta(days=8)
    await services.work.write(lambda ledger: ledger.files.delete_upload(upload, long_ago))
    await sweep(services, timedelta(0))


# ── while things happen ──────────────────────────────────────────────────────────────────────────────────────────


class Eventful(SqlSnapshots):
    """Something happens behind each of the first snapshots."""

    events: list[Callable[[], object]]

    def take(self, path: Path) -> None:
        super().take(path)
        if self.events:
            self.events.pop(0)()


@pytest.fixture
def eventful(monkeypatch: pytest.MonkeyPatch) -> type[Eventful]:
    monkeypatch.setattr(backups, "SqlSnapshots", Eventful)
    monkeypatch.setattr(Eventful, "events", [], raising=False)
    return Eventful


@pytest.mark.parametrize("happening", ["sweep", "rescan"])
def test_what_goes_away_during_a_backup_is_not_named_by_it(
    plain: House, tmp_path: Path, eventful: type[Eventful], happening: str
):
    """A sweep, and a rescan's quarantine, between the snapshot and the bytes' turn, twice: every row reads back."""
    first, *_ = uploads = plain.add(b"first to go")
    away = delete_for_good if happening == "sweep" else lambda services, upload: take_away(services, upload.blob)

    def take_first() -> None:
        plain.tell(lambda services: away(services, first))
        uploads.extend(plain.add(b"comes in between"))

    eventful.events += [take_first, lambda: plain.tell(lambda services: away(services, uploads[1]))]

    made = plain.back_up()

    assert (eventful.events, made["lost"]) == ([], ())
    settings, done = restored(plain, tmp_path / "elsewhere")
    assert done.lost == 0
    rest = [upload for upload in plain.uploads if upload not in uploads]
    assert unreadable(settings, rest) == []
    readable = tell(settings, lambda s: s.work.read(lambda ledger: ledger.files.ready(after=0, limit=100)))
    assert {blob.key for blob in readable} == {upload.blob.key for upload in rest}


def test_files_that_go_faster_than_they_are_copied_are_no_backup(
    plain: House, eventful: type[Eventful], monkeypatch: pytest.MonkeyPatch
):
    """Rather none than one that names what it does not have."""
    monkeypatch.setattr(backup_story, "PASSES", 2)
    uploads = plain.add(b"short-lived")

    def exchange() -> None:
        plain.tell(lambda services: delete_for_good(services, uploads[-1]))
        uploads.extend(plain.add(b"short-lived %d" % len(uploads)))

    eventful.events += [exchange, exchange]

    with pytest.raises(BackupRefused, match="faster than they are copied"):
        plain.back_up()

    with pytest.raises(BackupRefused, match="no backups"):
        plain.verify()


def test_bytes_that_are_gone_are_told(plain: House, tmp_path: Path):
    """One file is missing, one has rotten; the rest is backed up, and restored."""
    missing, rotten = (upload.blob.key for upload in plain.add(b"missing", b"rotten"))
    blobs = plain.settings.data / "blobs"
    (blobs / missing).unlink()
    (blobs / rotten).write_bytes(b"rotted")

    made = plain.back_up()

    assert made["lost"] == tuple(sorted((missing, rotten)))
    settings, done = restored(plain, tmp_path / "elsewhere")
    assert done.lost == 2
    assert unreadable(settings, plain.uploads) == [missing, rotten]


def test_bytes_that_are_gone_under_one_name_are_taken_from_another(plain: House):
    """The same content of another space."""
    (upload,) = plain.add(b"the same")
    other = plain.tell(lambda services: services.work.write(make_world))
    plain.tell(lambda services: add_file(services, other, b"the same"))
    (plain.settings.data / "blobs" / upload.blob.key).unlink()

    assert plain.back_up()["lost"] == ()


def test_a_store_that_does_not_answer_is_no_store_of_lost_files(plain: House, tmp_path: Path, eventful: type[Eventful]):
    """A disk that is not mounted must not become a backup of nothing."""
    eventful.events.append(lambda: (plain.settings.data / "blobs").rename(tmp_path / "not mounted"))

    with pytest.raises(StorageUnavailable, match="No such file"):
        plain.back_up()

    with pytest.raises(BackupRefused, match="no backups"):
        plain.verify()


def test_a_run_that_broke_off_is_no_backup_and_is_gone_on_with(house: House, monkeypatch: pytest.MonkeyPatch):
    """What it copied is there for the next."""
    monkeypatch.setattr(backup_story, "BATCH", 1)
    with monkeypatch.context() as patch:
        fail_at_put(patch, 4)
        with pytest.raises(StorageUnavailable):
            house.back_up()
    there = len(objects(house.target))
    assert there >= 2

    with pytest.raises(BackupRefused, match="no backups"):
        house.verify()
    made = house.back_up()

    assert made["copied"] == 7 + bool(house.settings.backup_key) - there
    assert house.verify().wrong == []
    assert [path for path in Path(house.target).rglob("scratch/*") if path.is_file()] == []
    assert {path.name for path in (house.settings.data / "backup").iterdir()} == {"lock"}


def fail_at_put(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let this put into the target fail."""
    real, numbers = LocalBlobStore.put_all, count(1)

    async def put_all(self: LocalBlobStore, objects: Any) -> None:
        if "contents" in self._root and next(numbers) == number:
            raise StorageUnavailable("unplugged")
        await real(self, objects)

    monkeypatch.setattr(LocalBlobStore, "put_all", put_all)


# ── honest ───────────────────────────────────────────────────────────────────────────────────────────────────────


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_verify_names_what_is_wrong(house: House, tmp_path: Path):
    """A flipped bit, a file that is cut, one that is not there, two that are exchanged."""
    house.add(*(secrets.token_bytes(500 + number) for number in range(5)))
    house.back_up()
    assert house.verify().wrong == []
    by_size = {path.stat().st_size: path for path in objects(house.target)}
    more = 64 + 16 if house.settings.backup_key else 0
    flipped, cut, missing, one, other = (by_size[500 + number + more] for number in range(5))
    flip(flipped)
    cut.write_bytes(cut.read_bytes()[:-1])
    missing.unlink()
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)

    wrong = house.verify().wrong

    keys = {f"{path.parent.name}/{path.name}" for path in (flipped, cut, missing, one, other)}
    assert {w.key for w in wrong} == keys
    assert {w.what for w in wrong} == {"content"}
    assert {w.id for w in wrong} == {upload.blob.sha256 for upload in house.uploads[3:]}
    with pytest.raises(BackupRefused, match="is damaged"):
        restored(house, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere" / "holdall.sqlite3").exists()


def test_a_damaged_database_is_named_and_not_restored(house: House, tmp_path: Path):
    made = house.back_up()
    more = 64 + 16 * -(-made["database_bytes"] // 65536) if house.settings.backup_key else 0
    (piece,) = [path for path in objects(house.target) if path.stat().st_size == made["database_bytes"] + more]
    flip(piece)

    (wrong,) = house.verify().wrong

    assert (wrong.what, wrong.backups) == ("database", (made["id"],))
    with pytest.raises(BackupRefused, match="piece of the database"):
        restored(house, tmp_path / "elsewhere")


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "another's"])
def test_a_torn_manifest_is_never_taken_for_a_backup(plain: House, damage: str):
    """Nor are backups let go of while nobody knows what it needs."""
    first, second = (plain.back_up()["id"] for _ in range(2))
    path = Path(plain.target) / "manifests" / second[:2] / second
    match damage:
        case "flipped":
            flip(path)
        case "another's":
            path.write_bytes((path.parents[1] / first[:2] / first).read_bytes())
        case _:
            path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else -5])

    (wrong,) = plain.verify().wrong

    assert (wrong.what, wrong.id) == ("manifest", second)
    with pytest.raises(BackupRefused, match=f"manifest of backup {second} does not read"):
        plain.back_up(keep=1)
    listed = asyncio.run(backups.list_all(plain.settings, plain.target))
    assert first in [told["id"] for told in listed]
    assert second not in [told["id"] for told in listed]


def test_a_key_that_does_not_fit_is_said_to_be_one(sealed: House, tmp_path: Path):
    """Another key, none, and one for backups that are not encrypted."""
    sealed.back_up()
    for key, message in ((OTHER_KEY, "encrypted with another key"), ("", "are encrypted, and there is no key")):
        wrong = replace(sealed, settings=structs.replace(sealed.settings, backup_key=key))
        for act in (wrong.back_up, wrong.verify, lambda w=wrong: restored(w, tmp_path / "elsewhere")):
            with pytest.raises(SettingsError, match=message):
                act()
    both = replace(sealed, settings=structs.replace(sealed.settings, backup_key=f"{OTHER_KEY} {KEY}"))
    both.back_up()
    assert both.verify().wrong == []

    plain = replace(sealed, target=str(tmp_path / "open"), settings=structs.replace(sealed.settings, backup_key=""))
    plain.back_up()
    with pytest.raises(SettingsError, match="are not encrypted"):
        replace(sealed, target=plain.target).back_up()


# ── only where there is nothing ──────────────────────────────────────────────────────────────────────────────────


def test_a_restore_spares_what_is_there(plain: House, template: House, tmp_path: Path):
    """A database, or files of another installation; a target of another installation, or of something else."""
    plain.back_up()
    with pytest.raises(BackupRefused, match="database already"):
        asyncio.run(backups.restore(plain.settings, "os:test", plain.target, "", SILENT))

    (tmp_path / "files" / "blobs").mkdir(parents=True)
    with closing(LocalBlobStore(tmp_path / "files" / "blobs")) as store:
        asyncio.run(store.put("ff/ff" + "0" * 30, b"somebody's"))
    with pytest.raises(BackupRefused, match="files already"):
        restored(plain, tmp_path / "files")
    assert not (tmp_path / "files" / "holdall.sqlite3").exists()

    (tmp_path / "b").mkdir()
    other = copy_of(template, tmp_path / "b")
    with pytest.raises(BackupRefused, match="another installation"):
        replace(other, target=plain.target).back_up()
    with pytest.raises(BackupRefused, match="holds something else"):
        replace(other, target=str(tmp_path)).back_up()


def test_a_restore_that_broke_off_is_gone_on_with(plain: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What it left is compared, and is no installation before it is whole."""
    plain.back_up()
    with monkeypatch.context() as patch:
        patch.setattr(SqlSnapshots, "install", break_off)
        with pytest.raises(StorageUnavailable):
            restored(plain, tmp_path / "elsewhere")
    blob = plain.uploads[1].blob
    left = tmp_path / "elsewhere" / "blobs" / blob.key
    assert sha256(left.read_bytes()) == blob.sha256
    assert not (tmp_path / "elsewhere" / "holdall.sqlite3").exists()
    left.write_bytes(b"rotted meanwhile")

    settings, done = restored(plain, tmp_path / "elsewhere")

    assert done.files == 6
    assert unreadable(settings, plain.uploads) == []


def break_off(self: SqlSnapshots, path: Path) -> None:
    assert path.is_file()
    raise StorageUnavailable(f"{self} is unplugged")


def test_one_at_a_time(plain: House):
    with backups._alone(plain.settings), pytest.raises(BackupRefused, match="under way"):
        plain.back_up()


def test_a_backup_of_the_release_before_is_brought_forward(
    plain: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """And one of a later release is refused, as is a database that was not migrated yet."""
    database = plain.settings.data / "holdall.sqlite3"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "HEAD", "0000")
        with pytest.raises(BackupRefused, match=r"at schema \d+, and this version's is 0000"):
            plain.back_up()
    plain.back_up()  # which notes what the installation is called
    with schema.connected(plain.settings.database) as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.downgrade(schema.config(connection), "0015")
        connection.commit()
    assert "preferences" not in tables_of(database)
    monkeypatch.setattr(SqlSnapshots, "ensure_current", lambda _: None)
    back_up_as_it_is(plain)

    settings, done = restored(plain, tmp_path / "elsewhere")

    assert done.manifest.schema == "0015"
    assert schema.current(settings.database) == schema.HEAD
    assert unreadable(settings, plain.uploads) == []

    monkeypatch.setattr(schema, "HEAD", "0014")
    with pytest.raises(BackupRefused, match="with the version that made it, or a later one"):
        restored(plain, tmp_path / "third")


def tables_of(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def back_up_as_it_is(house: House) -> None:
    """As the release before would have."""

    async def story(services: Services) -> None:
        with backups._alone(house.settings) as scratch:
            async with backups._opened(house.settings, house.target, scratch, is_new=True) as depot:
                target = await reopen(depot)
                order = backup_story.Order("0.0.9", None, SILENT)
                await backup_story.back_up(services, SqlSnapshots(house.settings.database), target, order)

    house.tell(story)


# ── other engines and stores ─────────────────────────────────────────────────────────────────────────────────────


def test_a_backup_is_of_no_engine(plain: House, tmp_path: Path, postgres: Postgres):
    """From SQLite to PostgreSQL and back: the same rows, and numbers that were given out once are not given again."""
    plain.tell(lambda services: services.work.write(lambda ledger: entangle(ledger, plain.world)))
    (gone,) = plain.add(b"the last one, and gone")
    plain.tell(lambda services: delete_for_good(services, gone))
    plain.back_up()
    rows = all_rows(plain.settings.database)
    assert sum(map(bool, rows.values())) > 10

    settings, _ = restored(plain, tmp_path / "there", HOLDALL_DATABASE_URL=postgres.make_database())
    assert all_rows(settings.database) == rows
    with pytest.raises(BackupRefused, match="database already"):
        asyncio.run(backups.restore(settings, "os:test", plain.target, "", SILENT))
    there = replace(plain, settings=settings, target=str(tmp_path / "from-there"))
    assert there.back_up()["lost"] == ()
    back, _ = restored(there, tmp_path / "back")

    assert all_rows(back.database) == rows
    for at in (settings, back):
        added = tell(at, lambda services: add_file(services, plain.world, b"new"))
        assert added.number > gone.number


def entangle(ledger: Any, world: World) -> None:
    """A tree in which a parent is younger than its child."""
    first, second = (
        ledger.spaces.add_node(f"fol{name * 21}", world.space, world.root.id, NodeType.FOLDER, name, NOW)
        for name in "AB"
    )
    ledger.structure.place_nodes(second, [first])
    ledger.structure.place_nodes(world.root, [second])


def test_a_bucket_is_a_target_too(template: House, tmp_path: Path, seaweed: Seaweed):
    """With everything that a folder can do."""
    house = copy_of(
        template,
        tmp_path,
        HOLDALL_BACKUP_KEY=KEY,
        HOLDALL_BACKUP_S3_ENDPOINT=seaweed.endpoint,
        HOLDALL_BACKUP_S3_ACCESS_KEY=seaweed.access_key,
        HOLDALL_BACKUP_S3_SECRET_KEY=seaweed.secret_key,
    )
    house.target = f"s3://{seaweed.bucket}/backups-{secrets.token_hex(4)}"
    with pytest.raises(BackupRefused, match="no backups"):
        house.verify()

    house.back_up()
    house.add(b"one more")
    made = house.back_up(keep=1)

    assert (made["copied"], made["backups_removed"], made["contents_removed"]) == (3, 1, 1)
    assert house.verify().wrong == []
    settings = structs.replace(house.settings, data_dir=str(tmp_path / "elsewhere"))
    assert asyncio.run(backups.restore(settings, "os:test", house.target, "", SILENT)).files == 8
    assert unreadable(settings, house.uploads) == []
