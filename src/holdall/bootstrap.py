"""The composition root: settings become services. The only importer of adapters."""

import asyncio
import os
import secrets
import shutil
import socket
import stat
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, contextmanager, nullcontext, suppress
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import structlog
from sqlalchemy.exc import ArgumentError

from holdall.adapters import parts
from holdall.adapters.blobs.deferred import DeferredBlobStore
from holdall.adapters.blobs.keys import PROBE_KEY
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.blobs.moving import MovingBlobStore
from holdall.adapters.chance import RandomIds, SystemClock
from holdall.adapters.db import moving, occupancy, schema
from holdall.adapters.db.engine import open_database, parse
from holdall.adapters.inspect.examiner import ChildExaminer, InTurn
from holdall.adapters.inspect.inspector import ChildInspector
from holdall.adapters.inspect.pool import ChildPool
from holdall.adapters.inspect.renderer import ChildRenderer
from holdall.adapters.job_books import JobBooks
from holdall.adapters.jobs import DbosJobs
from holdall.adapters.limits import FairTurns, MemoryLimiter, NoLimiter
from holdall.adapters.passwords import Argon2Passwords
from holdall.adapters.post import PublicPost
from holdall.adapters.scan import clamd
from holdall.adapters.scan.rulebook import RuleBook, RulesBroken
from holdall.adapters.scan.together import Beside
from holdall.adapters.scan.yara import YaraScanner
from holdall.adapters.seats import Seats
from holdall.adapters.vault import SealedSecrets
from holdall.domain.addresses import parse_networks
from holdall.domain.backups import BackupRefused
from holdall.domain.files import FileType
from holdall.domain.findings import Action, parse_changes
from holdall.domain.policy import HouseRules, InspectionLimits, parse_images
from holdall.domain.quarantine import Caution
from holdall.domain.quota import Quota, Quotas
from holdall.domain.readiness import Part
from holdall.domain.signatures import DECODED_ONLY, MORE_IMAGES
from holdall.domain.variants import Master
from holdall.errors import HoldallError
from holdall.flows.access_log import AccessRecorder
from holdall.flows.courier import DELIVER, Courier, TellOf, dispatch
from holdall.flows.move_blobs import Removal
from holdall.flows.readiness import Readiness
from holdall.flows.reservations import ReservedKeys
from holdall.flows.schedule import Schedule, keep
from holdall.flows.variants import Variants
from holdall.flows.webhooks import Desk
from holdall.ports import (
    BlobStore,
    Check,
    Clock,
    Examiner,
    Handler,
    Limiter,
    Meter,
    Services,
    Traffic,
    UnitOfWork,
    Unmetered,
)
from holdall.settings import PREFIX, Settings, SettingsError
from holdall.web.edge import Edge
from holdall.web.elsewhere import parse_public_endpoint
from holdall.web.handover import Handover, parse_send_file
from holdall.web.links import Links
from holdall.web.origins import Origins, normal_origin, parse_origins
from holdall.web.proxies import parse_proxies
from holdall.web.receive import BodyLimits

if TYPE_CHECKING:
    from holdall.adapters.blobs.keyring import Keyring
    from holdall.adapters.blobs.s3 import S3BlobStore
    from holdall.adapters.blobs.sealed import SealedBlobStore
    from holdall.adapters.redis_limits import RedisLimiter

    Bare = LocalBlobStore | S3BlobStore | MovingBlobStore

T = TypeVar("T")

log = structlog.get_logger()
_PRIVATE = 0o700
_PASSED_THROUGH = 0o710
"""Of the data folder, where the group may read files below it: nothing in it can be listed, and all else is private."""
_OTHER = {"local": "s3", "s3": "local"}
TURNS = 2
"""Files of one user at each inspecting process: one in it, and one ready to follow, so that it never idles."""
TAKE_UP_SECONDS = 10.0
"""Between two looks at who of this machine's processes died with jobs in hand."""
SECRET_LENGTH = 64
"""Hex digits: 256 bits, the size of the digest that signs."""


def prepare(settings: Settings) -> None:
    """Make the data folder, private to the service user, and bring the database to this version. Safe to repeat.

    Its group may pass through to the files, where ``HOLDALL_BLOBS_READ_BY`` says so.

    Raises:
        DatabaseUnavailable, OSError: it cannot be done; nothing is half-made that a second try would trip over.
        Conflict: the database is being moved, or is where a move was not finished.

    """
    for folder in (settings.data, settings.data / "staging", settings.data / "blobs"):
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    if settings.blobs_read_by == "group" and stat.S_IMODE(settings.data.stat().st_mode) == _PRIVATE:
        settings.data.chmod(_PASSED_THROUGH)
    schema.migrate(settings.database)
    moving.ensure_whole(settings.database)


def move_database(settings: Settings, target: str, on_step: moving.OnStep) -> moving.Moved:
    """Copy the database that the settings name to ``target``; see ``adapters.db.moving``.

    Raises:
        SettingsError: ``target`` is no address of a database.
        Conflict, DatabaseUnavailable, StorageFull: it could not be done, or not to its end.

    """
    try:
        parse(target)
    except (ArgumentError, ValueError) as error:
        raise SettingsError(f"--to: {error}") from error
    return moving.move_database(settings.database, target, on_step)


@asynccontextmanager
async def open_services(
    settings: Settings,
    operator: str = "server",
    *,
    with_files: bool = True,
    is_serving: bool = False,
    meter: Meter | None = None,
) -> AsyncIterator[Services]:
    """The services of this installation, closed in order when the context ends.

    ``operator`` is who acts where no user does, for the audit log. ``with_files=False`` is for who touches no file:
    whether the keys fit the blob store is not looked into, and the store may be out of reach. ``is_serving`` is for
    who stays: changed malware rules are taken up on the way. ``meter`` counts what goes on.

    Raises:
        SettingsError: the blob store is encrypted, and there is no key, or none that opens it; or malware rules that
            are to be served by are broken.
        StorageUnavailable: the blob store does not answer.
        Conflict: the database is being moved.

    """
    async with AsyncExitStack() as stack:
        stack.enter_context(occupancy.at_work(settings.database))
        blobs = stack.enter_context(closing(open_blobs(settings)))
        limiter = await stack.enter_async_context(_limiting(settings))
        if with_files:
            await _check_keys(settings, blobs)
        rules = open_rules(settings)
        pool = ChildPool(settings.inspector_processes, rules=rules)
        work = open_database(settings.database, meter.waited if meter else None)
        clock, ids = SystemClock(), RandomIds()
        keys = ReservedKeys(work, ids, clock)
        quarantine = DeferredBlobStore(lambda: open_quarantine(settings))
        passwords = Argon2Passwords()
        clamav = _clamav(settings)
        try:
            services = Services(
                blobs=blobs,
                work=work,
                examiner=_examiner(settings, pool, clamav),
                renderer=ChildRenderer(pool),
                limiter=limiter,
                turns=FairTurns(TURNS * settings.inspector_processes),
                clock=clock,
                ids=ids,
                keys=keys,
                staging=settings.data / "staging",
                quarantine=quarantine,
                passwords=passwords,
                caution=_caution(settings),
                operator=operator,
                meter=_reading(meter, settings, pool, work, clock, limiter, clamav) if meter else Unmetered(),
                checks=_checks(settings, blobs, work, pool, limiter),
                log_ttl=timedelta(days=settings.log_days),
                delete_grace=timedelta(days=settings.delete_grace_days),
                loose_for=timedelta(days=settings.unattached_days) if settings.unattached_days else None,
                log_rows=settings.log_rows,
                quotas=Quotas(
                    space=Quota(settings.space_quota_bytes, settings.space_quota_files),
                    user=Quota(settings.user_quota_bytes, settings.user_quota_files),
                ),
            )
            async with _watched(rules) if is_serving else nullcontext():
                yield services
        finally:
            await pool.close()
            await keys.give_back()
            await work.close()
            quarantine.close()
            rules.close()
            passwords.close()


@asynccontextmanager
async def open_edge(settings: Settings) -> AsyncIterator[Edge]:
    """What the public faces share.

    Raises:
        SettingsError: a list in the settings cannot be read.

    """
    origins = Origins(
        normal_origin(settings.site_url), _read_list("cors_origins", parse_origins, settings.cors_origins)
    )
    proxies = _read_list("trusted_proxies", parse_proxies, settings.trusted_proxies)
    handover, redirect_from = _handover(settings), _redirect_from(settings)
    async with watched(settings) as traffic, open_services(settings, is_serving=True, meter=traffic) as services:
        # What was kept while no quota was set was not added up.
        await services.work.note(lambda ledger: ledger.quotas.forget())
        recorder = AccessRecorder(services)
        readiness = Readiness(services.checks)
        try:
            yield Edge(
                services=services,
                links=make_links(settings),
                pace=BodyLimits(
                    max_file_bytes=settings.max_upload_bytes,
                    max_body_bytes=settings.max_upload_bytes,
                    stall_seconds=settings.stall_seconds,
                    body_seconds=settings.body_seconds,
                    min_bytes_per_second=settings.min_bytes_per_second,
                ),
                max_upload_bytes=settings.max_upload_bytes,
                variants=Variants(services),
                rules=house_rules(settings),
                avatar=Master(settings.avatar_box),
                picture=Master(settings.image_box),
                hides_places=settings.strip_location == "on",
                origins=origins,
                proxies=proxies,
                handover=handover,
                redirect_from=redirect_from,
                access_log=recorder,
                webhooks=webhook_desk(settings, services),
                vault=SealedSecrets(signing_secret(settings)),
                app_id=await _app_id(services),
                strict_entities=settings.pika_strict_entities == "on",
                frontend=frontend_folder(settings),
                readiness=readiness,
                traffic=traffic,
            )
        finally:
            await readiness.close()
            await recorder.close()


def make_links(settings: Settings) -> Links:
    """How files are linked to from outside."""
    return Links(settings.site_url, signing_secret(settings), settings.url_ttl_seconds)


@asynccontextmanager
async def watched(settings: Settings) -> AsyncIterator[Traffic | None]:
    """What is told of requests, steps and jobs: metrics, traces, both, or nothing.

    Raises:
        SettingsError: what makes traces is not installed, or their address is none.

    """
    traffic = _metrics() if settings.metrics_address else None
    if settings.tracing == "off":
        yield traffic
        return
    endpoint = "" if settings.tracing == "on" else settings.tracing
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise SettingsError("HOLDALL_TRACING is on, off, or the URL of a collector, such as http://127.0.0.1:4318")
    try:
        from holdall.adapters.tracing import tracing  # noqa: PLC0415  an optional extra
    except ModuleNotFoundError as error:
        needed = "HOLDALL_TRACING needs what is not installed: pip install 'holdall[tracing]'"
        raise SettingsError(needed) from error
    async with tracing(endpoint, traffic) as spans:
        yield spans


def _metrics() -> Traffic:
    from holdall.adapters.metrics import PrometheusMeter  # noqa: PLC0415  for who is asked for metrics only

    return PrometheusMeter()


def _checks(
    settings: Settings, blobs: BlobStore, work: UnitOfWork, pool: ChildPool, limiter: Limiter
) -> Sequence[Check]:
    """How each part of this installation is looked at, for ``/readyz`` and the doctor."""
    folder = None if settings.s3_bucket else settings.data / "blobs"

    async def look_at_store() -> None:
        await _has_probe(settings, blobs)
        if folder is not None:
            await parts.look_at_folder(folder)

    checks = [
        Check(Part.DATABASE, lambda: parts.look_at_database(work)),
        Check(Part.STORE, look_at_store),
        Check(Part.ROOM, lambda: parts.look_at_room(settings.data, settings.ready_free_bytes)),
        Check(Part.INSPECTOR, pool.look),
    ]
    addresses = clamd_addresses(settings)
    if addresses:
        is_needed = settings.unscanned == "refuse"
        checks.append(
            Check(Part.CLAMAV, lambda: parts.look_at_clamd(addresses, settings.clamav_seconds), is_needed=is_needed)
        )
    if redis := _redis_of(limiter):
        # Were it needed, all nodes would be out of use together, while most of what they do goes on without it.
        checks.append(Check(Part.REDIS, lambda: parts.look_at_redis(redis), is_needed=False))
    return tuple(checks)


def _redis_of(limiter: Limiter) -> "RedisLimiter | None":
    """The limiter that counts in Redis, where it is one."""
    if isinstance(limiter, NoLimiter | MemoryLimiter):
        return None
    return cast("RedisLimiter", limiter)


def _reading(
    meter: Meter,
    settings: Settings,
    pool: ChildPool,
    work: UnitOfWork,
    clock: Clock,
    limiter: Limiter,
    clamav: clamd.ClamdScanner | None,
) -> Meter:
    """The meter, which reads from now on what there is to be read of the installation."""
    meter.watch("holdall_inspector_busy", lambda: pool.busy)
    meter.watch("holdall_inspector_idle", lambda: pool.idle)
    meter.watch("holdall_inspector_waiting", lambda: pool.waiting)
    meter.watch("holdall_inspector_started_total", lambda: pool.started)
    meter.watch("holdall_inspector_failed_total", lambda: pool.failed)
    meter.ask("holdall_free_bytes", lambda: parts.free_bytes(settings.data))
    meter.ask("holdall_free_files", lambda: parts.free_files(settings.data))
    meter.ask("holdall_webhooks_waiting", lambda: parts.webhooks_waiting(work))
    meter.ask("holdall_webhooks_late_seconds", lambda: parts.webhooks_late(work, clock))
    meter.ask("holdall_lost_files", lambda: parts.lost_files(work))
    if redis := _redis_of(limiter):
        meter.watch("holdall_redis_away", lambda: redis.is_away)
        meter.watch("holdall_limits_without_redis_total", lambda: redis.uncounted)
    if clamav:
        addresses, seconds = clamd_addresses(settings), settings.clamav_seconds
        meter.watch("holdall_clamd_unanswered_total", lambda: clamav.unanswered)
        meter.ask("holdall_clamd_answering", lambda: parts.clamd_answering(addresses, seconds))
        meter.ask("holdall_clamd_signatures_age_seconds", lambda: parts.clamd_signatures_age(addresses, seconds, clock))
    return meter


async def _app_id(services: Services) -> str:
    """What this installation is called by Pika's clients: a UUID made once, and the same on every node."""
    fresh = str(uuid.uuid4())
    return await services.work.write(lambda ledger: ledger.preferences.remember("app_id", fresh))


def frontend_folder(settings: Settings) -> Path | None:
    """Where Pika's built front-end lies; ``None``: it is not served."""
    return Path(settings.pika_frontend).expanduser().absolute() if settings.pika_frontend else None


def webhook_desk(settings: Settings, services: Services) -> Desk:
    """Where webhooks are registered.

    Raises:
        SettingsError: the allowed networks cannot be read, or the key is damaged.

    """
    allowed = _read_list("webhook_allow", parse_networks, settings.webhook_allow)
    return Desk(services, PublicPost(allowed), SealedSecrets(signing_secret(settings)))


@asynccontextmanager
async def webhooks_delivered(settings: Settings, desk: Desk, tell: TellOf) -> AsyncIterator[None]:
    """Webhooks are told of what happens, as long as the context is open."""
    courier = Courier(desk.services, desk.post, desk.vault, tell)
    async with (
        _engine(settings, {DELIVER: courier.deliver}) as jobs,
        _beside(dispatch(desk.services, jobs)),
    ):
        desk.services.meter.watch("holdall_jobs_running", lambda: jobs.running)
        yield


@asynccontextmanager
async def jobs_done(
    settings: Settings, services: Services, tell: TellOf, schedules: Sequence[Schedule], patience: float
) -> AsyncIterator[None]:
    """Whatever servers leave to workers is done, as long as the context is open; it is left within ``patience`` s.

    Raises:
        DatabaseUnavailable: the job engine does not start.

    """
    desk = webhook_desk(settings, services)
    courier = Courier(services, desk.post, desk.vault, tell)
    handlers = {DELIVER: courier.deliver} | {each.kind: _timed(services.meter, each) for each in schedules}
    hasty = [schedule.kind for schedule in schedules]
    async with _engine(settings, handlers, hasty=hasty, patience=patience) as jobs:
        await jobs.launch()
        async with _beside(dispatch(services, jobs), keep(schedules, jobs, services.clock)):
            yield


def _timed(meter: Meter, schedule: Schedule) -> Handler:
    """Its handler, with the meter told of it; the courier tells it of each delivery by itself."""

    async def handle(argument: str) -> None:
        with meter.job(schedule.kind):
            await schedule.handler(argument)

    return handle


def job_books(settings: Settings) -> JobBooks:
    """What the job engine knows, for who does not run it."""
    return JobBooks(settings.jobs_database)


@asynccontextmanager
async def _engine(
    settings: Settings, handlers: Mapping[str, Handler], *, hasty: Collection[str] = (), patience: float | None = None
) -> AsyncIterator[DbosJobs]:
    """The job engine, which starts when it is needed; it takes up what other processes of this machine died at."""
    seats = Seats(settings.data / "engines", _executor(settings))
    with seats.taken() as executor:
        jobs = DbosJobs(settings.jobs_database, handlers, executor, hasty=hasty, patience=patience)
        try:
            async with _beside(_take_up(seats, jobs)):
                yield jobs
        finally:
            await jobs.close()


async def _take_up(seats: Seats, jobs: DbosJobs) -> None:
    """Look for the dead, for ever."""
    while True:
        await asyncio.sleep(TAKE_UP_SECONDS)
        try:
            with seats.left() as names:
                if taken := await jobs.take_up(names):
                    log.info("jobs taken up", jobs=taken, left_by=names)
        except (HoldallError, OSError) as error:
            log.warning("jobs not taken up", error=str(error))


@asynccontextmanager
async def _beside(*stories: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """These go on as long as the context is open."""
    tasks = [asyncio.create_task(story) for story in stories]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _executor(settings: Settings) -> str:
    """Whose unfinished jobs are ours: a file's are, whatever this machine is called by now."""
    is_file = settings.jobs_database.startswith("sqlite")
    return "local" if is_file else f"{socket.gethostname()}:{settings.data}"


@asynccontextmanager
async def _watched(rules: RuleBook) -> AsyncIterator[None]:
    """Rules that are there, and that are taken up when they change.

    Raises:
        SettingsError: they do not compile. Less would be looked for than the operator wants, so nobody is served.

    """
    try:
        await rules.current()
    except RulesBroken as error:
        raise SettingsError(f"HOLDALL_RULES_DIR: {error}") from error
    watching = asyncio.create_task(rules.watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def house_rules(settings: Settings) -> dict[str, HouseRules]:
    """What the settings change of each dialect's policies.

    Raises:
        SettingsError: a list names a type or a finding that there is not.

    """
    limits = InspectionLimits(
        max_pixels=settings.max_image_pixels,
        max_frames=settings.max_image_frames,
        max_animated_pixels=settings.max_animated_pixels,
        max_members=settings.max_package_members,
        max_unpacked_bytes=settings.max_unpacked_bytes,
        max_ratio=settings.max_unpacked_ratio,
    )
    pika_bytes = {"image": settings.pika_image_bytes, "document": settings.pika_document_bytes}
    return {
        "bika": HouseRules(limits, *_rules("BIKA", settings.bika_images, settings.bika_findings)),
        "pika": HouseRules(limits, *_rules("PIKA", settings.pika_images, settings.pika_findings), pika_bytes),
    }


def _rules(dialect: str, images: str, findings: str) -> tuple[tuple[FileType, ...], dict[str, Action]]:
    """The two lists that a dialect has."""
    names = _read_list(f"{dialect}_images", decodable_images if dialect == "BIKA" else _encodable_images, images)
    try:
        return tuple(MORE_IMAGES[name] for name in names), parse_changes(findings)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}{dialect}_FINDINGS: {error}; see docs/reference/files.md") from error


def decodable_images(text: str) -> tuple[str, ...]:
    """As ``domain.policy.parse_images``, of images whose decoders are installed.

    Raises:
        ValueError: also when one is not.

    """
    names = parse_images(text)
    if "heic" in names and find_spec("pi_heif") is None:
        raise ValueError("heic needs a decoder that is not installed: pip install 'holdall[heic]'")
    return names


def _encodable_images(text: str) -> tuple[str, ...]:
    """As ``decodable_images``, for a door that keeps its pictures made anew."""
    names = decodable_images(text)
    for name in names:
        if MORE_IMAGES[name].mime in DECODED_ONLY:
            raise ValueError(f"{name} can be decoded and not encoded, and Pika keeps its pictures encoded anew")
    return names


def open_blobs(settings: Settings) -> BlobStore:
    """The blob store that the settings name: a bucket, or a folder of ours; encrypted where there are keys.

    Raises:
        SettingsError: the keys cannot be read.

    """
    return _unsealing(settings, _open_bare_blobs(settings))


def _unsealing(settings: Settings, bare: "Bare") -> "Bare | SealedBlobStore":
    """The store as it is used: encrypted where there are keys."""
    if not settings.is_encrypted:
        return bare
    from holdall.adapters.blobs.sealed import SealedBlobStore  # noqa: PLC0415  40 ms, for who encrypts only

    scratch = settings.data / "sealing"
    return SealedBlobStore(bare, read_keys(settings), scratch, plain_too=settings.encryption_plain == "allow")


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
    return read_keyring_from("ENCRYPTION_KEY", settings.encryption_key, settings.encryption_key_file)


def read_keyring_from(setting: str, text: str, path: str) -> "Keyring":
    """Keys that a setting gives, or a file that another of its name and ``_FILE`` names; the current one first.

    Raises:
        SettingsError: as ``read_keys``.

    """
    from holdall.adapters.blobs.keyring import read_keyring  # noqa: PLC0415  as above

    variable = PREFIX + setting
    if text and path:
        raise SettingsError(f"{variable} and {variable}_FILE: set one of the two")
    try:
        return read_keyring(Path(path).read_text() if path else text)
    except (ValueError, OSError) as error:
        raise SettingsError(f"{variable}{'_FILE' if path else ''}: {error}") from error


def _open_bare_blobs(settings: Settings) -> "Bare":
    return _open_places(settings, lambda place: _open_place(settings, place))


def _open_places(settings: Settings, open_place: Callable[[str], "LocalBlobStore | S3BlobStore"]) -> "Bare":
    """The place where blobs are; both, while they move.

    Raises:
        SettingsError: they move, and there is no bucket to move to or from.

    """
    if not settings.blobs_move_to:
        return open_place(settings.blobs_place)
    _ensure_bucket(settings)
    return MovingBlobStore(new=open_place(settings.blobs_move_to), old=open_place(_OTHER[settings.blobs_move_to]))


def _open_place(settings: Settings, place: str) -> "LocalBlobStore | S3BlobStore":
    if place == "s3":
        return _open_bucket(settings)
    return LocalBlobStore(settings.data / "blobs", for_group=settings.blobs_read_by == "group")


def _open_quarantine_place(settings: Settings, place: str) -> "LocalBlobStore | S3BlobStore":
    return _open_bucket(settings, "quarantine") if place == "s3" else LocalBlobStore(settings.data / "quarantine")


def _ensure_bucket(settings: Settings) -> None:
    if not settings.s3_bucket:
        raise SettingsError("HOLDALL_S3_BUCKET: blobs move to a bucket or from one, and none is set")


@contextmanager
def open_removals(settings: Settings, to: str, *, is_last: bool) -> Iterator[tuple[tuple[Removal, ...], Path]]:
    """The stores that move to ``local`` or ``s3``, each with its two places; and a folder for what is on its way.

    ``is_last``: what is left in the old places is to be removed.

    Raises:
        SettingsError: the service is not set to write there.
        Conflict: another move is under way.

    """
    _ensure_bucket(settings)
    if settings.blobs_place != to or not (is_last or settings.blobs_move_to):
        raise SettingsError(f"HOLDALL_BLOBS_MOVE_TO: set it to {to} for the service too, restart that, and begin then")
    scratch = settings.data / "moving"
    with ExitStack() as held:
        held.enter_context(occupancy.locked(settings.data / "moving.lock", "another `holdall move-blobs` is under way"))
        scratch.mkdir(mode=_PRIVATE, exist_ok=True)
        held.callback(shutil.rmtree, scratch)
        for left in scratch.iterdir():  # by one that was killed
            left.unlink()

        def removal(open_place: "Callable[[Settings, str], Bare]", *, is_served: bool) -> Removal:
            old, new = (held.enter_context(closing(open_place(settings, place))) for place in (_OTHER[to], to))
            plain = held.enter_context(closing(_unsealing(settings, new))) if is_served else new
            return Removal(old, new, plain, is_served)

        yield (removal(_open_place, is_served=True), removal(_open_quarantine_place, is_served=False)), scratch


def _open_bucket(settings: Settings, prefix: str = "") -> "S3BlobStore":
    from holdall.adapters.blobs.s3 import S3BlobStore  # noqa: PLC0415  an optional extra

    return S3BlobStore(
        prefix=prefix,
        bucket=settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        public_endpoint=public_endpoint(settings),
    )


async def look_into_bucket(settings: Settings, *, public: bool) -> int:
    """How many uploads to the bucket are unfinished; or (``public``) ask for one object as clients are led to it.

    Raises:
        PartsHidden: the bucket does not tell.
        StorageUnavailable: it does not answer, or not as a store does that knows our key.
        SettingsError: the public endpoint is none.

    """
    with closing(_open_bucket(settings)) as bucket:
        if not public:
            return await bucket.find_unfinished()
        await bucket.check_public()
        return 0


def public_endpoint(settings: Settings) -> str:
    """By which address clients reach the bucket; ``""``: they do not.

    Raises:
        SettingsError: it is none, or our own.

    """
    text = settings.s3_public_endpoint
    return (
        _read_list("s3_public_endpoint", lambda _: parse_public_endpoint(text, settings.site_url), text) if text else ""
    )


def open_quarantine(settings: Settings) -> BlobStore:
    """The quarantine's own store, beside the one that is served from; always encrypted.

    Its key is derived from the one that links are signed with, so that every node of an installation has it.

    Raises:
        SettingsError: the key is damaged.
        StorageUnavailable: the store does not answer.

    """
    from holdall.adapters.blobs.keyring import KEY_BYTES, Keyring, MasterKey, derive  # noqa: PLC0415  40 ms
    from holdall.adapters.blobs.sealed import SealedBlobStore  # noqa: PLC0415  as above

    secret = derive(signing_secret(settings), b"", b"holdall quarantine", KEY_BYTES)
    bare = _open_places(settings, lambda place: _open_quarantine_place(settings, place))
    return SealedBlobStore(bare, Keyring((MasterKey.of(secret),)), settings.data / "quarantine-sealing")


def open_rules(settings: Settings) -> RuleBook:
    """The malware rules: ours, and the operator's."""
    return RuleBook(Path(settings.rules_dir).expanduser().absolute() if settings.rules_dir else None)


def clamd_addresses(settings: Settings) -> tuple[clamd.Address, ...]:
    """Where ClamAV listens; empty where there is none.

    Raises:
        SettingsError: an address is none.

    """
    try:
        return clamd.parse_addresses(settings.clamav)
    except ValueError as error:
        raise SettingsError(f"HOLDALL_CLAMAV: {error}") from error


def _clamav(settings: Settings) -> clamd.ClamdScanner | None:
    """The scanner that asks clamd; ``None``: there is none to ask."""
    addresses = clamd_addresses(settings)
    return clamd.ClamdScanner(addresses, settings.clamav_max_bytes, settings.clamav_seconds) if addresses else None


def _examiner(settings: Settings, pool: ChildPool, clamav: clamd.ClamdScanner | None) -> Examiner:
    """Inspector and scanners: YARA in the inspector's own visit, ClamAV beside it or instead."""
    ours = ChildExaminer(pool, YaraScanner(pool))
    if clamav is None:
        if settings.yara == "off":
            raise SettingsError("HOLDALL_YARA: without YARA and without HOLDALL_CLAMAV nothing would be scanned")
        return ours
    return Beside(ours, clamav) if settings.yara == "on" else InTurn(ChildInspector(pool), clamav)


def _caution(settings: Settings) -> Caution:
    return Caution(
        keeps_unscanned=settings.unscanned == "allow",
        quarantine_for=timedelta(days=settings.quarantine_days),
        quarantine_max_bytes=settings.quarantine_max_bytes,
        quarantine_max_files=settings.quarantine_max_files,
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
        _make_secret(path, secrets.token_hex(SECRET_LENGTH // 2).encode())
    secret = path.read_bytes()
    if len(secret) < SECRET_LENGTH:
        raise SettingsError(f"{path} is damaged. Delete it to have a new one made; links given out so far will end.")
    return secret


def keep_signing_secret(settings: Settings, secret: bytes) -> None:
    """Have the key that a backup brought be the one that links are signed with.

    Raises:
        BackupRefused: there is another one.

    """
    path = settings.data / "secret.key"
    if not settings.secret_key and not path.exists():
        _make_secret(path, secret)
    if signing_secret(settings) != secret:
        where = "HOLDALL_SECRET_KEY" if settings.secret_key else path
        raise BackupRefused(f"{where} is another key than the one in the backup: take it away to have that one")


def _make_secret(path: Path, secret: bytes) -> None:
    """Whole or not at all: a key that a crash cut short would sign links that anybody can forge."""
    fd, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret-")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process of this installation was first; its key is everybody's
            os.link(draft, path)
    finally:
        Path(draft).unlink()


def _read_list(name: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}{name.upper()}: {error}") from error


def _handover(settings: Settings) -> Handover | None:
    """How files are left to our proxies; none of them could be told apart from a stranger if there were no list."""
    found = _read_list("send_file", lambda text: parse_send_file(text, settings.data / "blobs"), settings.send_file)
    if found and not settings.trusted_proxies:
        raise SettingsError("HOLDALL_SEND_FILE: files are left to HOLDALL_TRUSTED_PROXIES only, and none is set")
    return found


def _redirect_from(settings: Settings) -> int:
    """From how many bytes on an answer leads to the bucket. Whether clients reach that, only the operator knows."""
    if settings.s3_redirect_from and not (settings.s3_bucket and public_endpoint(settings)):
        raise SettingsError("HOLDALL_S3_REDIRECT_FROM: needs HOLDALL_S3_BUCKET and HOLDALL_S3_PUBLIC_ENDPOINT")
    return settings.s3_redirect_from


@asynccontextmanager
async def _limiting(settings: Settings) -> AsyncIterator[Limiter]:
    """Who counts: nobody, this process, or Redis for all.

    Raises:
        SettingsError: as ``open_redis``.

    """
    if settings.rate_limit == "off":
        log.warning("rate limits are off", setting="HOLDALL_RATE_LIMIT")
        yield NoLimiter()
    elif settings.redis_url:
        async with open_redis(settings) as limiter:
            yield limiter
    else:
        yield _local_limiter(settings)


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator["RedisLimiter"]:
    """The limiter of several nodes; nothing is asked yet, so Redis may be away.

    Raises:
        SettingsError: the URL cannot be read, nor what to do without Redis; or the client is not installed.

    """
    if find_spec("redis") is None:
        raise SettingsError("HOLDALL_REDIS_URL needs a client that is not installed: pip install 'holdall[redis]'")
    from holdall.adapters.redis_limits import RedisLimiter, parse_without  # noqa: PLC0415  an optional extra

    without = _read_list("limits_without_redis", parse_without, settings.limits_without_redis)
    try:
        limiter = RedisLimiter(settings.redis_url, _budgets(settings), _local_limiter(settings), without)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}REDIS_URL: {error}") from error
    try:
        yield limiter
    finally:
        await limiter.close()


def _local_limiter(settings: Settings) -> MemoryLimiter:
    return MemoryLimiter(_budgets(settings), {"upload": settings.uploads_at_once})


def _budgets(settings: Settings) -> dict[str, int]:
    return {
        "api": settings.calls_per_minute,
        "upload": settings.uploads_per_minute,
        "sign-in": settings.sign_ins_per_minute,
        "download": settings.downloads_per_minute,
    }
