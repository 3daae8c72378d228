"""The composition root: settings become services. The only importer of adapters."""

import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import structlog

from holdall.adapters.blobs.keys import PROBE_KEY
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.chance import RandomIds, SystemClock
from holdall.adapters.db import schema
from holdall.adapters.db.engine import open_database
from holdall.adapters.inspect.examiner import ChildExaminer
from holdall.adapters.inspect.pool import ChildPool
from holdall.adapters.limits import MemoryLimiter, NoLimiter
from holdall.adapters.scan.yara import YaraScanner
from holdall.ports import BlobStore, Limiter, Services
from holdall.settings import Settings, SettingsError
from holdall.web.edge import Edge
from holdall.web.links import Links
from holdall.web.receive import BodyLimits

if TYPE_CHECKING:
    from holdall.adapters.blobs.keyring import Keyring
    from holdall.adapters.blobs.s3 import S3BlobStore
    from holdall.adapters.blobs.sealed import SealedBlobStore

log = structlog.get_logger()
_PRIVATE = 0o700
SECRET_LENGTH = 64
"""Hex digits: 256 bits, the size of the digest that signs."""


def prepare(settings: Settings) -> None:
    """Make the data folder, private to the service user, and bring the database to this version. Safe to repeat.

    Raises:
        DatabaseUnavailable, OSError: it cannot be done; nothing is half-made that a second try would trip over.

    """
    for folder in (settings.data, settings.data / "staging", settings.data / "blobs"):
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    schema.migrate(settings.database)


@asynccontextmanager
async def open_services(settings: Settings, *, with_files: bool = True) -> AsyncIterator[Services]:
    """The services of this installation, closed in order when the context ends.

    ``with_files=False`` is for who touches no file: whether the keys fit the blob store is not looked into, and the
    store may be out of reach.

    Raises:
        SettingsError: the blob store is encrypted, and there is no key, or none that opens it.
        StorageUnavailable: the blob store does not answer.

    """
    with closing(open_blobs(settings)) as blobs:
        if with_files:
            await _check_keys(settings, blobs)
        pool = ChildPool(settings.inspector_processes)
        work = open_database(settings.database)
        try:
            yield Services(
                blobs=blobs,
                work=work,
                examiner=ChildExaminer(pool, YaraScanner(pool)),
                limiter=_limiter(settings),
                clock=SystemClock(),
                ids=RandomIds(),
                staging=settings.data / "staging",
            )
        finally:
            await pool.close()
            await work.close()


@asynccontextmanager
async def open_edge(settings: Settings) -> AsyncIterator[Edge]:
    """What the public faces share."""
    async with open_services(settings) as services:
        yield Edge(
            services=services,
            links=Links(settings.site_url, signing_secret(settings), settings.url_ttl_seconds),
            pace=BodyLimits(
                max_file_bytes=settings.max_upload_bytes,
                max_body_bytes=settings.max_upload_bytes,
                stall_seconds=settings.stall_seconds,
                body_seconds=settings.body_seconds,
                min_bytes_per_second=settings.min_bytes_per_second,
            ),
            max_upload_bytes=settings.max_upload_bytes,
        )


def open_blobs(settings: Settings) -> BlobStore:
    """The blob store that the settings name: a bucket, or a folder of ours; encrypted where there are keys.

    Raises:
        SettingsError: the keys cannot be read.

    """
    if not settings.is_encrypted:
        return _open_bare_blobs(settings)
    from holdall.adapters.blobs.sealed import SealedBlobStore  # noqa: PLC0415  40 ms, for who encrypts only

    keys = read_keys(settings)
    scratch = settings.data / "sealing"
    return SealedBlobStore(_open_bare_blobs(settings), keys, scratch, plain_too=settings.encryption_plain == "allow")


async def _check_keys(settings: Settings, blobs: BlobStore) -> None:
    """Look whether the store is encrypted, and whether our keys open it, before anybody reads sealed bytes as plain."""
    has_probe = await _has_probe(settings, blobs)
    if settings.is_encrypted:
        await cast("SealedBlobStore", blobs).ensure_probe()
    elif has_probe:
        raise SettingsError("HOLDALL_ENCRYPTION_KEY: the blob store is encrypted, and there is no key")


async def is_sealed(settings: Settings) -> bool:
    """Whether the blob store holds sealed objects; where there are keys, they open it.

    Raises:
        SettingsError: they do not, or cannot be read.
        StorageUnavailable: the blob store does not answer.

    """
    with closing(open_blobs(settings)) as blobs:
        return await _has_probe(settings, blobs)


async def _has_probe(settings: Settings, blobs: BlobStore) -> bool:
    if not settings.is_encrypted:
        try:
            await blobs.open(PROBE_KEY, 0, 0)
        except FileNotFoundError:
            return False
        return True
    from holdall.adapters.blobs.sealed import UnknownKey  # noqa: PLC0415  as in open_blobs

    try:
        return await cast("SealedBlobStore", blobs).has_probe()
    except UnknownKey as error:
        raise SettingsError(f"HOLDALL_ENCRYPTION_KEY: {error.reason}") from error


def read_keys(settings: Settings) -> "Keyring":
    """The master keys, current one first.

    Raises:
        SettingsError: there are two sources, the file cannot be read, or what it holds are no keys.

    """
    from holdall.adapters.blobs.keyring import read_keyring  # noqa: PLC0415  as above

    if settings.encryption_key and settings.encryption_key_file:
        raise SettingsError("HOLDALL_ENCRYPTION_KEY and HOLDALL_ENCRYPTION_KEY_FILE: set one of the two")
    variable = "HOLDALL_ENCRYPTION_KEY" + ("_FILE" if settings.encryption_key_file else "")
    try:
        path = settings.encryption_key_file
        return read_keyring(Path(path).read_text() if path else settings.encryption_key)
    except (ValueError, OSError) as error:
        raise SettingsError(f"{variable}: {error}") from error


def _open_bare_blobs(settings: Settings) -> LocalBlobStore | "S3BlobStore":
    if not settings.s3_bucket:
        return LocalBlobStore(settings.data / "blobs")
    from holdall.adapters.blobs.s3 import S3BlobStore  # noqa: PLC0415  an optional extra

    return S3BlobStore(
        bucket=settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
    )


def signing_secret(settings: Settings) -> bytes:
    """The key that links are signed with: the one that is set, else one made once and kept in the data folder.

    Raises:
        SettingsError: the kept key is damaged.

    """
    if settings.secret_key:
        return settings.secret_key.encode()
    path = settings.data / "secret.key"
    if not path.exists():
        _make_secret(path)
    secret = path.read_bytes()
    if len(secret) < SECRET_LENGTH:
        raise SettingsError(f"{path} is damaged. Delete it to have a new one made; links given out so far will end.")
    return secret


def _make_secret(path: Path) -> None:
    """Whole or not at all: a key that a crash cut short would sign links that anybody can forge."""
    fd, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret-")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_hex(SECRET_LENGTH // 2).encode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process of this installation was first; its key is everybody's
            os.link(draft, path)
    finally:
        Path(draft).unlink()


def _limiter(settings: Settings) -> Limiter:
    if settings.rate_limit == "on":
        return MemoryLimiter()
    log.warning("rate limits are off", setting="HOLDALL_RATE_LIMIT")
    return NoLimiter()
