"""The composition root: settings become services. The only importer of adapters."""

import asyncio
import os
import secrets
import socket
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, nullcontext, suppress
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import structlog

from holdall.adapters.blobs.deferred import DeferredBlobStore
from holdall.adapters.blobs.keys import PROBE_KEY
from holdall.adapters.blobs.local import LocalBlobStore
from holdall.adapters.chance import RandomIds, SystemClock
from holdall.adapters.db import schema
from holdall.adapters.db.engine import open_database
from holdall.adapters.inspect.examiner import ChildExaminer, InTurn
from holdall.adapters.inspect.inspector import ChildInspector
from holdall.adapters.inspect.pool import ChildPool
from holdall.adapters.inspect.renderer import ChildRenderer
from holdall.adapters.jobs import DbosJobs
from holdall.adapters.limits import FairTurns, MemoryLimiter, NoLimiter
from holdall.adapters.passwords import Argon2Passwords
from holdall.adapters.post import PublicPost
from holdall.adapters.scan import clamd
from holdall.adapters.scan.rulebook import RuleBook, RulesBroken
from holdall.adapters.scan.together import Beside
from holdall.adapters.scan.yara import YaraScanner
from holdall.adapters.vault import SealedSecrets
from holdall.domain.addresses import parse_networks
from holdall.domain.files import FileType
from holdall.domain.findings import Action, parse_changes
from holdall.domain.policy import HouseRules, InspectionLimits, parse_images
from holdall.domain.quarantine import Caution
from holdall.domain.quota import Quota, Quotas
from holdall.domain.signatures import DECODED_ONLY, MORE_IMAGES
from holdall.domain.variants import Master
from holdall.flows.access_log import AccessRecorder
from holdall.flows.courier import DELIVER, Courier, TellOf, dispatch
from holdall.flows.reservations import ReservedKeys
from holdall.flows.variants import Variants
from holdall.flows.webhooks import Desk
from holdall.ports import BlobStore, Examiner, Limiter, Services
from holdall.settings import PREFIX, Settings, SettingsError
from holdall.web.edge import Edge
from holdall.web.handover import Handover, parse_send_file
from holdall.web.links import Links
from holdall.web.origins import Origins, normal_origin, parse_origins
from holdall.web.proxies import parse_proxies
from holdall.web.receive import BodyLimits

if TYPE_CHECKING:
    from holdall.adapters.blobs.keyring import Keyring
    from holdall.adapters.blobs.s3 import S3BlobStore
    from holdall.adapters.blobs.sealed import SealedBlobStore

T = TypeVar("T")

log = structlog.get_logger()
_PRIVATE = 0o700
TURNS = 2
"""Files of one user at each inspecting process: one in it, and one ready to follow, so that it never idles."""
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
async def open_services(
    settings: Settings, operator: str = "server", *, with_files: bool = True, is_serving: bool = False
) -> AsyncIterator[Services]:
    """The services of this installation, closed in order when the context ends.

    ``operator`` is who acts where no user does, for the audit log. ``with_files=False`` is for who touches no file:
    whether the keys fit the blob store is not looked into, and the store may be out of reach. ``is_serving`` is for
    who stays: changed malware rules are taken up on the way.

    Raises:
        SettingsError: the blob store is encrypted, and there is no key, or none that opens it; or malware rules that
            are to be served by are broken.
        StorageUnavailable: the blob store does not answer.

    """
    with closing(open_blobs(settings)) as blobs:
        if with_files:
            await _check_keys(settings, blobs)
        rules = open_rules(settings)
        pool = ChildPool(settings.inspector_processes, rules=rules)
        work = open_database(settings.database)
        clock, ids = SystemClock(), RandomIds()
        keys = ReservedKeys(work, ids, clock)
        quarantine = DeferredBlobStore(lambda: open_quarantine(settings))
        passwords = Argon2Passwords()
        try:
            services = Services(
                blobs=blobs,
                work=work,
                examiner=_examiner(settings, pool),
                renderer=ChildRenderer(pool),
                limiter=_limiter(settings),
                turns=FairTurns(TURNS * settings.inspector_processes),
                clock=clock,
                ids=ids,
                keys=keys,
                staging=settings.data / "staging",
                quarantine=quarantine,
                passwords=passwords,
                caution=_caution(settings),
                operator=operator,
                log_ttl=timedelta(days=settings.log_days),
                delete_grace=timedelta(days=settings.delete_grace_days),
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
    handover = _handover(settings)
    async with open_services(settings, is_serving=True) as services:
        # What was kept while no quota was set was not added up.
        await services.work.note(lambda ledger: ledger.quotas.forget())
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
                variants=Variants(services),
                rules=house_rules(settings),
                avatar=Master(settings.avatar_box),
                picture=Master(settings.image_box),
                hides_places=settings.strip_location == "on",
                origins=origins,
                proxies=proxies,
                handover=handover,
                access_log=recorder,
                webhooks=webhook_desk(settings, services),
                vault=SealedSecrets(signing_secret(settings)),
                app_id=await _app_id(services),
                strict_entities=settings.pika_strict_entities == "on",
                frontend=frontend_folder(settings),
            )
        finally:
            await recorder.close()


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
    jobs = DbosJobs(settings.jobs_database, {DELIVER: courier.deliver}, _executor(settings))
    dispatching = asyncio.create_task(dispatch(desk.services, jobs))
    try:
        yield
    finally:
        dispatching.cancel()
        await asyncio.gather(dispatching, return_exceptions=True)
        await jobs.close()


def _executor(settings: Settings) -> str:
    """Whose unfinished jobs are taken up at a start: a file's are ours, whatever this machine is called by now."""
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


def _open_bare_blobs(settings: Settings) -> "LocalBlobStore | S3BlobStore":
    if not settings.s3_bucket:
        return LocalBlobStore(settings.data / "blobs")
    return _open_bucket(settings)


def _open_bucket(settings: Settings, prefix: str = "") -> "S3BlobStore":
    from holdall.adapters.blobs.s3 import S3BlobStore  # noqa: PLC0415  an optional extra

    return S3BlobStore(
        prefix=prefix,
        bucket=settings.s3_bucket,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
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
    if settings.s3_bucket:
        bare: LocalBlobStore | S3BlobStore = _open_bucket(settings, "quarantine")
    else:
        bare = LocalBlobStore(settings.data / "quarantine")
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


def _examiner(settings: Settings, pool: ChildPool) -> Examiner:
    """Inspector and scanners: YARA in the inspector's own visit, ClamAV beside it or instead."""
    addresses = clamd_addresses(settings)
    ours = ChildExaminer(pool, YaraScanner(pool))
    if not addresses:
        if settings.yara == "off":
            raise SettingsError("HOLDALL_YARA: without YARA and without HOLDALL_CLAMAV nothing would be scanned")
        return ours
    theirs = clamd.ClamdScanner(addresses, settings.clamav_max_bytes, settings.clamav_seconds)
    return Beside(ours, theirs) if settings.yara == "on" else InTurn(ChildInspector(pool), theirs)


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


def _limiter(settings: Settings) -> Limiter:
    if settings.rate_limit == "on":
        budgets = {
            "api": settings.calls_per_minute,
            "upload": settings.uploads_per_minute,
            "sign-in": settings.sign_ins_per_minute,
            "download": settings.downloads_per_minute,
        }
        return MemoryLimiter(budgets, {"upload": settings.uploads_at_once})
    log.warning("rate limits are off", setting="HOLDALL_RATE_LIMIT")
    return NoLimiter()
