"""What the local blob store leaves on the disk, above all when the disk fails it."""

import asyncio
import errno
import gc
import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdall.adapters.blobs import local
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.errors import StorageFull, StorageUnavailable
from holdall.ports import Source, StoredObject

KEY = "ab/ab" + "0" * 30
DATA = b"some bytes" * 1000
LARGE = bytes(1024 * 1024)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture(params=["nameless", "named"])
def store(root: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[LocalBlobStore]:
    """A store on a system that can make files without a name, and on one that cannot."""
    if request.param == "named":
        monkeypatch.setattr(local, "_can_be_nameless", lambda _: False)
    store = LocalBlobStore(root)
    assert store._is_nameless is (request.param == "nameless")
    yield store
    store.close()


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    path = tmp_path / "staged"
    path.write_bytes(DATA)
    path.chmod(0o644)
    return path


class FailingOs:
    """The system, except that one of the calls it is asked for fails. With ``at`` 0 it only counts.

    ``only`` restricts what is counted to one function.
    """

    def __init__(self, at: int, code: int = errno.EIO, only: str = "") -> None:
        self._at = at
        self._code = code
        self._only = only
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> object:
        real = getattr(os, name)
        if not callable(real) or name == "fspath" or (self._only and name != self._only):
            return real

        def call(*arguments: object, **options: object) -> object:
            self.calls.append(name)
            if len(self.calls) == self._at:
                if name == "close":
                    real(*arguments)  # a close that fails has closed all the same
                raise OSError(self._code, os.strerror(self._code))
            return real(*arguments, **options)

        return call


def is_across_file_systems(monkeypatch: pytest.MonkeyPatch, staged: Path) -> None:
    """Let links of the staged file fail as they do between two file systems, and all other links work."""
    real = os.link

    def link(source: str, target: str, *, dst_dir_fd: int, follow_symlinks: bool) -> None:
        if source == str(staged):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        real(source, target, dst_dir_fd=dst_dir_fd, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "link", link)


def put(store: LocalBlobStore, source: Source) -> None:
    asyncio.run(store.put(KEY, source))


def read(store: LocalBlobStore) -> bytes:
    async def story() -> bytes:
        return b"".join([piece async for piece in await store.open(KEY)])

    return asyncio.run(story())


def listed(store: LocalBlobStore) -> list[StoredObject]:
    async def story() -> list[StoredObject]:
        return [stored async for stored in store.list()]

    return asyncio.run(story())


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# ── what lies where ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("store")
def test_every_folder_is_there_from_the_start_and_ours_alone(root: Path):
    folders = [root, *(path for path in root.rglob("*"))]

    assert len(folders) == 1 + 1 + 256
    assert {mode(path) for path in folders} == {0o700}


@pytest.mark.parametrize("kind", ["bytes", "file", "file across file systems"])
def test_an_object_is_a_private_file_and_nothing_else_is_left(
    store: LocalBlobStore, root: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    if kind == "file across file systems":
        is_across_file_systems(monkeypatch, staged)

    put(store, DATA if kind == "bytes" else staged)

    assert files(root) == [KEY]
    assert mode(root / KEY) == 0o600
    assert read(store) == DATA
    assert staged.read_bytes() == DATA


@pytest.mark.parametrize("kind", ["bytes", "file", "file across file systems", "replaced", "with a name"])
def test_what_is_whole_may_be_read_by_the_group_where_that_is_meant(
    root: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    """Also what was made before; and never by anybody else, nor what is half-written."""
    LocalBlobStore(root).close()
    if kind == "file across file systems":
        is_across_file_systems(monkeypatch, staged)
    if kind == "with a name":
        monkeypatch.setattr(local, "_can_be_nameless", lambda _root: False)
    mask = os.umask(0o077)
    try:
        store = LocalBlobStore(root, for_group=True)
        put(store, DATA if kind in ("bytes", "replaced", "with a name") else staged)
        if kind == "replaced":
            asyncio.run(store.replace(KEY, DATA[::-1]))
    finally:
        os.umask(mask)

    assert mode(root / KEY) == 0o640
    assert {mode(path) for path in [root, *root.glob("??")]} == {0o750}
    assert mode(root / ".incoming") == 0o700


def test_a_file_of_the_same_file_system_is_linked_and_not_copied(store: LocalBlobStore, root: Path, staged: Path):
    put(store, staged)

    assert (root / KEY).stat().st_ino == staged.stat().st_ino


def test_a_second_store_on_the_same_folder_sees_the_same_objects(store: LocalBlobStore, root: Path):
    put(store, DATA)
    again = LocalBlobStore(root)

    assert read(again) == DATA
    again.close()


def test_the_local_path_is_where_the_object_lies(store: LocalBlobStore):
    put(store, DATA)

    assert store.local_path(KEY).read_bytes() == DATA
    with pytest.raises(ValueError, match="not a blob key"):
        store.local_path("../" + "0" * 32)


# ── every call to the system fails once ──────────────────────────────────────────────────────────────────────────

SOURCES = ["bytes", "file", "file across file systems"]


def calls_of_a_put(monkeypatch: pytest.MonkeyPatch, store: LocalBlobStore, source: Source) -> list[str]:
    system = FailingOs(at=0)
    with monkeypatch.context() as patch:
        patch.setattr(local, "os", system)
        put(store, source)
    asyncio.run(store.delete(KEY))
    return system.calls


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(("code", "error"), [(errno.EIO, StorageUnavailable), (errno.ENOSPC, StorageFull)])
def test_whichever_call_fails_nothing_half_done_remains(
    store: LocalBlobStore,
    root: Path,
    staged: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    code: int,
    error: type[StorageUnavailable],
):
    if kind == "file across file systems":
        is_across_file_systems(monkeypatch, staged)
    source: Source = DATA if kind == "bytes" else staged
    steps = calls_of_a_put(monkeypatch, store, source)
    before = open_files()

    for number, name in enumerate(steps, start=1):
        staged.chmod(0o644)
        system = FailingOs(number, code)
        with monkeypatch.context() as patch:
            patch.setattr(local, "os", system)
            failure = outcome(lambda: put(store, source))

        # A file that cannot be closed or removed after its bytes are safe under their key is no failed put.
        assert failure is None or type(failure) is error, name
        assert failure is not None or name in {"close", "unlink"}
        assert failure is None or isinstance(failure.__cause__, OSError)
        assert [file for file in files(root) if file != KEY and name != "unlink"] == []
        assert (KEY in files(root)) is (failure is None), name
        assert failure is not None or read(store) == DATA
        assert staged.read_bytes() == DATA
        asyncio.run(store.delete(KEY))
        asyncio.run(store.sweep_incoming(datetime.now(UTC) + timedelta(hours=1)))

    assert {"open", "fsync", "link", "close"} <= set(steps)
    assert open_files() == before
    put(store, source)
    assert files(root) == [KEY]


def outcome(work: Callable[[], object]) -> BaseException | None:
    try:
        work()
    except StorageUnavailable as error:
        return error
    return None


def test_whichever_call_fails_several_objects_are_all_there_or_none(
    store: LocalBlobStore, root: Path, staged: Path, monkeypatch: pytest.MonkeyPatch
):
    objects: list[tuple[str, Source]] = [(KEY, staged), ("ab/ab" + "1" * 30, DATA), ("cd/cd" + "1" * 30, b"small")]
    keys = [key for key, _ in objects]

    def put_and_delete(system: FailingOs) -> tuple[BaseException | None, list[str]]:
        with monkeypatch.context() as patch:
            patch.setattr(local, "os", system)
            failure = outcome(lambda: asyncio.run(store.put_all(objects)))
        kept = [file for file in files(root) if file in keys]
        for key in keys:
            asyncio.run(store.delete(key))
        return failure, kept

    counted = FailingOs(at=0)
    assert put_and_delete(counted) == (None, keys)
    assert counted.calls.count("fsync") == len(objects) + 2  # and two folders

    for number, name in enumerate(counted.calls, start=1):
        failure, kept = put_and_delete(FailingOs(number))
        assert kept == (keys if failure is None else []), name


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_many_objects_are_synced_together_and_all_there_or_none(
    store: LocalBlobStore, root: Path, monkeypatch: pytest.MonkeyPatch, failing: int
):
    """The whole file system, before the names are given and after; no file and no folder by itself."""
    syncs = list[int]()

    def sync(fd: int) -> int:
        syncs.append(fd)
        return -(len(syncs) == failing)

    counted = FailingOs(0, only="fsync")
    monkeypatch.setattr(local, "os", counted)
    monkeypatch.setattr(local, "_syncfs", sync)
    objects = [(f"{number:02x}/{number:02x}{'0' * 30}", DATA) for number in range(local._MANY)]

    failure = outcome(lambda: asyncio.run(store.put_all(objects)))

    assert isinstance(failure, StorageUnavailable) is bool(failing)
    assert len(syncs) == (failing or 2)
    assert counted.calls == []
    monkeypatch.setattr(local, "os", os)
    assert len(files(root)) == (0 if failing else len(objects))


@pytest.mark.skipif(local._syncfs is None, reason="this system syncs file by file")
def test_the_call_that_syncs_a_file_system_is_the_real_one(store: LocalBlobStore, root: Path):
    """And says what is wrong."""
    together = local._Together(str(root))
    together.sync()
    together.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        together.sync()
    assert listed(store) == []


@pytest.mark.parametrize("kind", SOURCES)
def test_a_failed_sync_is_never_tried_again(
    store: LocalBlobStore, root: Path, staged: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    if kind == "file across file systems":
        is_across_file_systems(monkeypatch, staged)
    source: Source = DATA if kind == "bytes" else staged
    syncs = calls_of_a_put(monkeypatch, store, source).count("fsync")

    for number in range(1, syncs + 1):
        system = FailingOs(number, only="fsync")
        with monkeypatch.context() as patch:
            patch.setattr(local, "os", system)
            with pytest.raises(StorageUnavailable):
                put(store, source)

        assert len(system.calls) == number
        assert files(root) == []


def test_a_folder_that_does_not_sync_leaves_nothing_to_see(
    store: LocalBlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr(local, "os", FailingOs(2, only="fsync"))
        with pytest.raises(StorageUnavailable):
            put(store, DATA)

    assert files(root) == []
    assert listed(store) == []
    with pytest.raises(FileNotFoundError):
        read(store)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("name", ["open", "write", "fsync", "link"])
def test_no_room_is_told_apart(store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch, name: str, code: int):
    monkeypatch.setattr(local, "os", FailingOs(1, code, only=name))

    with pytest.raises(StorageFull) as failure:
        put(store, DATA)

    assert isinstance(failure.value.__cause__, OSError)


def test_a_write_that_takes_only_some_of_the_bytes_goes_on(store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:4096]))
    put(store, DATA)
    monkeypatch.undo()

    assert read(store) == DATA


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_failed_read_is_our_failure_and_leaves_no_file_open(
    store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch, number: int
):
    put(store, LARGE)
    before = open_files()
    with monkeypatch.context() as patch:
        patch.setattr(local, "os", FailingOs(number))
        with pytest.raises(StorageUnavailable):
            read(store)
    gc.collect()

    assert open_files() == before


def test_a_delete_that_does_not_sync_fails_and_may_be_repeated(
    store: LocalBlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
):
    put(store, DATA)
    with monkeypatch.context() as patch:
        patch.setattr(local, "os", FailingOs(1, only="fsync"))
        with pytest.raises(StorageUnavailable):
            asyncio.run(store.delete(KEY))
    asyncio.run(store.delete(KEY))

    assert files(root) == []


# ── what others may have put in the folder ───────────────────────────────────────────────────────────────────────


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(b"not for you")
    return path


def test_a_planted_link_is_not_read(store: LocalBlobStore, root: Path, secret: Path):
    (root / KEY).symlink_to(secret)

    with pytest.raises(StorageUnavailable):
        read(store)
    assert listed(store) == []


def test_a_planted_link_is_not_written_through(store: LocalBlobStore, root: Path, secret: Path):
    (root / KEY).symlink_to(secret)

    with pytest.raises(FileExistsError):
        put(store, DATA)
    assert secret.read_bytes() == b"not for you"


def test_deleting_a_planted_link_spares_what_it_points_to(store: LocalBlobStore, root: Path, secret: Path):
    (root / KEY).symlink_to(secret)
    asyncio.run(store.delete(KEY))

    assert files(root) == []
    assert secret.read_bytes() == b"not for you"


def test_a_link_is_not_taken_as_a_source(store: LocalBlobStore, root: Path, secret: Path, tmp_path: Path):
    (tmp_path / "link").symlink_to(secret)

    with pytest.raises(StorageUnavailable):
        put(store, tmp_path / "link")
    assert files(root) == []


@pytest.mark.parametrize("plant", [Path.mkdir, lambda path: os.mkfifo(path, 0o600)])
def test_what_is_no_plain_file_is_no_object(store: LocalBlobStore, root: Path, plant: Callable[[Path], None]):
    plant(root / KEY)

    with pytest.raises(StorageUnavailable):
        read(store)
    assert listed(store) == []


def test_a_folder_that_is_a_link_is_refused_at_the_start(root: Path, tmp_path: Path):
    root.mkdir()
    (root / "ab").symlink_to(tmp_path)

    with pytest.raises(StorageUnavailable):
        LocalBlobStore(root)


def test_files_of_other_names_are_not_listed(store: LocalBlobStore, root: Path):
    put(store, DATA)
    (root / "ab" / "README").touch()
    (root / "ab" / ("cd" + "0" * 30)).touch()

    assert [stored.key for stored in listed(store)] == [KEY]


def test_a_disk_that_is_not_there_is_not_an_empty_one(store: LocalBlobStore, root: Path):
    root.rename(root.with_name("elsewhere"))

    for attempt in (lambda: read(store), lambda: put(store, DATA), lambda: listed(store)):
        with pytest.raises(StorageUnavailable):
            attempt()
    with pytest.raises(StorageUnavailable):
        asyncio.run(store.delete(KEY))


# ── damage ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_shrinks_while_it_is_read_breaks_the_reading(store: LocalBlobStore, root: Path):
    put(store, LARGE)

    async def story() -> None:
        pieces = await store.open(KEY)
        os.truncate(root / KEY, 300_000)
        with pytest.raises(StorageUnavailable):
            async for _ in pieces:
                pass

    asyncio.run(story())


# ── leftovers and open files ─────────────────────────────────────────────────────────────────────────────────────


def test_a_sweep_removes_old_leftovers_and_spares_young_ones(store: LocalBlobStore, root: Path):
    now = datetime.now(UTC)
    for name, age in {"old": 7200, "older": 9000, "young": 60}.items():
        leftover = root / ".incoming" / name
        leftover.write_bytes(b"half")
        os.utime(leftover, times=(now.timestamp() - age, now.timestamp() - age))

    assert listed(store) == []
    assert asyncio.run(store.sweep_incoming(now - timedelta(hours=1))) == 2
    assert asyncio.run(store.sweep_incoming(now - timedelta(hours=1))) == 0
    assert files(root) == [".incoming/young"]


@pytest.mark.parametrize("pieces_read", [0, 1, 2])
def test_closing_a_reader_midway_closes_its_file(store: LocalBlobStore, pieces_read: int):
    put(store, LARGE)
    before = open_files()

    async def story() -> tuple[int, int]:
        pieces = await store.open(KEY)
        for _ in range(pieces_read):
            await anext(pieces)
        while_open = open_files()
        await pieces.aclose()
        return while_open, open_files()

    while_open, after = asyncio.run(story())

    assert while_open == after + 1
    assert open_files() == before


def test_a_reader_at_its_end_has_closed_its_file(store: LocalBlobStore):
    put(store, LARGE)

    async def story() -> tuple[int, int]:
        await (await store.open(KEY)).aclose()  # starts the threads
        before = open_files()
        pieces = await store.open(KEY)
        async for _ in pieces:
            pass
        return before, open_files()

    before, after = asyncio.run(story())

    assert before == after


def test_a_reader_that_was_dropped_has_closed_its_file(store: LocalBlobStore):
    put(store, LARGE)

    async def story() -> None:
        await store.open(KEY)

    gc.collect()  # what earlier tests dropped is not ours to count
    before = open_files()
    asyncio.run(story())
    gc.collect()

    assert open_files() == before
