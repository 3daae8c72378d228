"""The composition root: settings become services. The only importer of adapters."""

import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import structlog

from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.chance import RandomIds, SystemClock
from holdall.adapters.db import schema
from holdall.adapters.db.engine import open_database
from holdall.adapters.inspect.examiner import ChildExaminer
from holdall.adapters.inspect.pool import ChildPool
from holdall.adapters.limits import MemoryLimiter, NoLimiter
from holdall.adapters.scan.yara import YaraScanner
from holdall.flows.access_log import AccessRecorder
from holdall.ports import BlobStore, Limiter, Services
from holdall.settings import Settings, SettingsError
from holdall.web.edge import Edge
from holdall.web.links import Links
from holdall.web.receive import BodyLimits

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
async def open_services(settings: Settings, operator: str = "server") -> AsyncIterator[Services]:
    """The services of this installation, closed in order when the context ends.

    ``operator`` is who acts where no user does, for the audit log.
    """
    blobs = open_blobs(settings)
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
            operator=operator,
            log_ttl=timedelta(days=settings.log_days),
            log_rows=settings.log_rows,
        )
    finally:
        await pool.close()
        await work.close()
        blobs.close()


@asynccontextmanager
async def open_edge(settings: Settings) -> AsyncIterator[Edge]:
    """What the public faces share."""
    async with open_services(settings) as services:
        recorder = AccessRecorder(services)
        try:
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
                access_log=recorder,
            )
        finally:
            await recorder.close()


def open_blobs(settings: Settings) -> BlobStore:
    """The blob store that the settings name: a bucket, or a folder of ours."""
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
