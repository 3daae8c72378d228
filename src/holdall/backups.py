"""Backups at the command line: a target and an installation, opened for the stories of ``flows.backup`` and its kin."""

import fcntl
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from holdall import __version__
from holdall.adapters.blobs.deferred import DeferredBlobStore
from holdall.adapters.blobs.keys import PROBE_KEY
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.chance import RandomIds
from holdall.adapters.db.snapshots import SqlSnapshots
from holdall.bootstrap import (
    keep_signing_secret,
    open_blobs,
    open_quarantine,
    open_services,
    read_keyring_from,
    signing_secret,
)
from holdall.domain.backups import BackupRefused, Manifest
from holdall.flows import backup_check
from holdall.flows.backup import Made, Order, back_up
from holdall.flows.backup_target import ABOUT_KEY, Depot, begin, chosen, newest, reopen
from holdall.flows.restore import Ground, Restored
from holdall.flows.restore import restore as restore_story
from holdall.ports import BlobStore
from holdall.settings import Settings, SettingsError

if TYPE_CHECKING:
    from holdall.adapters.blobs.keyring import Keyring
    from holdall.adapters.blobs.sealed import Inner

OnProgress = Callable[[int, int], None]
NO_KEY = "none"
"""As the backup key: backups are not encrypted, also where the installation is."""
_BUCKET = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<folder>[\w!.*'()/-]*))?")
_CONTENTS, _MANIFESTS = "contents", "manifests"
_OURS = {_CONTENTS, _MANIFESTS, "scratch", "lost+found"}
_PRIVATE = 0o700


async def make(settings: Settings, operator: str, where: str, keep: int, on_progress: OnProgress) -> dict[str, Any]:
    """Make a backup, then let go of all but the newest ``keep``, if that is not 0; what was done, to be printed.

    Raises:
        BackupRefused, SettingsError: see ``flows.backup``.
        StorageUnavailable, StorageFull, DatabaseUnavailable: there is no new backup.

    """
    snapshots = SqlSnapshots(settings.database)
    snapshots.ensure_current()
    with _alone(settings) as scratch:
        async with (
            _opened(settings, where, scratch, is_new=True) as depot,
            open_services(settings, operator) as services,
        ):
            fresh = str(uuid4())
            installation = await services.work.write(lambda ledger: ledger.preferences.remember("app_id", fresh))
            target = await begin(depot, installation, services.ids)
            secret = _own_secret(settings) if depot.is_sealed else None
            made = await back_up(services, snapshots, target, Order(__version__, secret, on_progress))
            gone, freed = await backup_check.keep_newest(target, keep) if keep else (0, 0)
    return _told_of(made) | {"backups_removed": gone, "contents_removed": freed}


async def list_all(settings: Settings, where: str) -> list[dict[str, Any]]:
    """Every whole backup of a target, the newest first, to be printed."""
    with tempfile.TemporaryDirectory() as scratch:
        async with _opened(settings, where, Path(scratch)) as depot:
            return [_told(manifest) for manifest in await newest(await reopen(depot))]


async def verify(settings: Settings, where: str, id: str, on_progress: OnProgress) -> backup_check.Verified:
    """Read every byte of the backups whose ids begin so."""
    with tempfile.TemporaryDirectory() as scratch:
        async with _opened(settings, where, Path(scratch)) as depot:
            return await backup_check.verify(await reopen(depot), id, on_progress)


async def restore(settings: Settings, operator: str, where: str, id: str, on_progress: OnProgress) -> Restored:
    """Make this installation of the backup whose id begins so; of the newest, if none is named."""
    with _alone(settings) as scratch:
        async with _opened(settings, where, scratch) as depot:
            target = await reopen(depot)
            manifest = await chosen(target, id)
            for folder in ("staging", "blobs"):
                (settings.data / folder).mkdir(_PRIVATE, parents=True, exist_ok=True)
            with ExitStack() as stores:
                ground = Ground(
                    SqlSnapshots(settings.database),
                    blobs=stores.enter_context(closing(open_blobs(settings))),
                    quarantine=stores.enter_context(closing(DeferredBlobStore(lambda: open_quarantine(settings)))),
                    scratch=scratch,
                    ids=RandomIds(),
                    keep_secret=lambda secret: keep_signing_secret(settings, secret),
                )
                restored = await restore_story(target, manifest, ground, on_progress)
        async with open_services(settings, operator, with_files=False) as services:
            told = {"made_at": manifest.made_at.isoformat(), "files": restored.files, "lost": restored.lost}
            await services.work.write(lambda ledger: ledger.audit.record(operator, "backup.restore", manifest.id, told))
    return restored


def _told_of(made: Made) -> dict[str, Any]:
    copied = {"copied": made.copied, "copied_bytes": made.copied_bytes, "quarantined_left_out": made.left_out}
    return _told(made.manifest) | copied


def told_of_restore(restored: Restored) -> dict[str, Any]:
    """What was restored, to be printed."""
    done = {"files": restored.files, "file_bytes": restored.bytes, "quarantined_left_out": restored.left_out}
    return _told(restored.manifest) | done | {"lost": restored.lost}


def _told(manifest: Manifest) -> dict[str, Any]:
    return {
        "id": manifest.id,
        "made_at": manifest.made_at.isoformat(),
        "version": manifest.version,
        "schema": manifest.schema,
        "contents": len(manifest.contents),
        "bytes": manifest.size,
        "database_bytes": manifest.database.size,
        "rows": manifest.counts,
        "has_secret_key": bool(manifest.secret),
        "lost": manifest.lost,
    }


# ── the target ───────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _alone(settings: Settings) -> Iterator[Path]:
    """A folder for what is under way, held by one command at a time; what one that was killed left there is gone.

    Raises:
        BackupRefused: another command has it.

    """
    folder = settings.data / "backup"
    folder.mkdir(_PRIVATE, parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupRefused("Another backup or restore of this installation is under way") from error
        _clear(folder)
        yield folder
    finally:
        os.close(lock)


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file() and path.name != "lock":
            path.unlink()


@asynccontextmanager
async def _opened(settings: Settings, where: str, scratch: Path, *, is_new: bool = False) -> AsyncIterator[Depot]:
    """The two stores of a target: sealed where there is a key.

    Raises:
        BackupRefused: there is something else, or, unless one may be new, nothing.
        SettingsError: what is there is sealed and there is no key, none that opens it, or the other way round.

    """
    keys, name = _keys(settings)
    with ExitStack() as stores:
        bare, near = _open_bare(settings, where, is_new=is_new)
        beside = near if near is not None and is_new else scratch
        for store in bare:
            stores.enter_context(closing(store))
        is_sealed = await _has(bare[1], PROBE_KEY)
        if keys is None:
            if is_sealed:
                raise SettingsError(f"HOLDALL_BACKUP_KEY: the backups in {where} are encrypted, and there is no key")
            yield Depot(*bare, beside, is_sealed=False)
            return
        if not is_sealed and await _has(bare[1], ABOUT_KEY):
            raise SettingsError(
                f"{name}: the backups in {where} are not encrypted. Choose another target to have them encrypted; "
                f"HOLDALL_BACKUP_KEY={NO_KEY} takes them as they are"
            )
        from holdall.adapters.blobs.sealed import SealedBlobStore, UnknownKey  # noqa: PLC0415  40 ms, for who encrypts

        contents, manifests = (SealedBlobStore(store, keys, beside) for store in bare)
        stores.enter_context(closing(contents))
        stores.enter_context(closing(manifests))
        try:
            await (manifests.ensure_probe() if is_new else manifests.has_probe())
        except UnknownKey as error:
            raise SettingsError(
                f"{name}: the backups in {where} are encrypted with another key: {error.reason}"
            ) from error
        yield Depot(contents, manifests, scratch, is_sealed=True)


async def _has(store: BlobStore, key: str) -> bool:
    try:
        await store.open(key, 0, 0)
    except FileNotFoundError:
        return False
    return True


def _keys(settings: Settings) -> "tuple[Keyring | None, str]":
    """The keys that backups are sealed with, the current one first; and the setting that they come from.

    What is encrypted where it lies shall not lie in the clear elsewhere because a setting was forgotten: without keys
    of their own, backups have the installation's.
    """
    if settings.backup_key == NO_KEY and not settings.backup_key_file:
        return None, "HOLDALL_BACKUP_KEY"
    for setting, text, path in (
        ("BACKUP_KEY", settings.backup_key, settings.backup_key_file),
        ("ENCRYPTION_KEY", settings.encryption_key, settings.encryption_key_file),
    ):
        if text or path:
            return read_keyring_from(setting, text, path), f"HOLDALL_{setting}" + ("_FILE" if path else "")
    return None, "HOLDALL_BACKUP_KEY"


def _open_bare(settings: Settings, where: str, *, is_new: bool) -> "tuple[tuple[Inner, Inner], Path | None]":
    """The stores as they are; and a folder beside them, from which files are linked and not copied once more."""
    if where.startswith("s3:"):
        return _open_bucket(settings, where), None
    folder = Path(where).expanduser().absolute()
    if not is_new and not (folder / _MANIFESTS).is_dir():
        raise BackupRefused(f"There are no backups in {folder}")
    scratch = folder / "scratch"
    if is_new:
        if folder.is_dir() and {path.name for path in folder.iterdir()} - _OURS:
            raise BackupRefused(f"{folder} holds something else: choose an empty folder")
        scratch.mkdir(_PRIVATE, parents=True, exist_ok=True)
        _clear(scratch)
    return (LocalBlobStore(folder / _CONTENTS), LocalBlobStore(folder / _MANIFESTS)), scratch


def _open_bucket(settings: Settings, where: str) -> "tuple[Inner, Inner]":
    found = _BUCKET.fullmatch(where)
    if found is None:
        raise SettingsError(f"{where} is no target: s3://bucket or s3://bucket/folder is one")
    from holdall.adapters.blobs.s3 import S3BlobStore  # noqa: PLC0415  an optional extra

    folder = (found["folder"] or "").strip("/")
    contents, manifests = (
        S3BlobStore(
            found["bucket"],
            prefix=f"{folder}/{name}".lstrip("/"),
            endpoint=settings.backup_s3_endpoint or settings.s3_endpoint,
            region=settings.backup_s3_region or settings.s3_region,
            access_key=settings.backup_s3_access_key or settings.s3_access_key,
            secret_key=settings.backup_s3_secret_key or settings.s3_secret_key,
        )
        for name in (_CONTENTS, _MANIFESTS)
    )
    return contents, manifests


def _own_secret(settings: Settings) -> bytes | None:
    """The key that links are signed with; ``None``: the operator set it, and keeps it."""
    return None if settings.secret_key else signing_secret(settings)
