"""The doctor: looks at an installation, changes nothing, and says what is wrong and how to mend it."""

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import msgspec

from holdall.adapters.db import schema
from holdall.adapters.inspect.pool import ChildPool
from holdall.adapters.scan.clamd import Address, Unanswered, Version, ask_version
from holdall.adapters.scan.rulebook import Rules, RulesBroken
from holdall.bootstrap import (
    clamd_addresses,
    frontend_folder,
    is_sealed,
    look_into_bucket,
    open_redis,
    open_rules,
    open_services,
)
from holdall.domain.files import Family
from holdall.domain.policy import InspectionLimits
from holdall.domain.readiness import WORDS, Light, Part, State
from holdall.domain.scrubs import Scrub
from holdall.errors import HoldallError, LimitsUnavailable, StorageUnavailable
from holdall.flows.readiness import Readiness
from holdall.settings import Settings, SettingsError
from holdall.web import frontend

FENCES = ("memory", "parent-death", "landlock", "no-network", "no-exec", "no-fork", "no-reading", "no-writing")
"""What keeps a parser that a crafted file has taken over from doing harm; not every platform has all."""
ROOM_BYTES = 1 << 30
ROOM_FILES = 1000
"""Less room than this on the data folder's disk is worth a warning."""
PARTS_SECONDS = 30.0
"""For a part to be looked at: nobody waits for the doctor, and the first process may take its time to start."""
ASKING_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 << 10
STALE_DAYS = 7
"""ClamAV's signatures change every day."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; ``remedy`` says how to mend it."""

    is_good: bool
    what: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that an upload needs, in the order that it needs it."""
    checks = (
        _server,
        _data_folder,
        _store,
        _private,
        _room,
        _database,
        _lost,
        _bucket,
        _encryption,
        _rules,
        _inspector,
        _fences,
        _clamav,
        _redis,
        _frontend,
        _parts,
    )
    return [finding for check in checks for finding in _guarded(check, settings)]


def _guarded(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    """What a check found; a check that fails is itself a finding."""
    try:
        return list(check(settings))
    except (HoldallError, SettingsError, OSError, ValueError) as error:
        return [Finding(is_good=False, what=f"{check.__name__.strip('_').replace('_', ' ')}: {error}")]


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data
    if not folder.is_dir():
        remedy = "Run `holdall migrate`, or set HOLDALL_DATA_DIR to the folder that holds your data."
        yield Finding(is_good=False, what=f"There is no data folder {folder}", remedy=remedy)
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            yield Finding(is_good=True, what=f"The data folder {folder} can be written to")
    except OSError as error:
        remedy = f"Make {folder} belong to the user that runs Holdall (chown), and check that the disk is not full."
        yield Finding(is_good=False, what=f"The data folder cannot be written to: {error.strerror}", remedy=remedy)


def _store(settings: Settings) -> Iterator[Finding]:
    """Look for the folder of the files before anything is opened that would make it anew."""
    if settings.data.is_dir() and not _has_store(settings):
        what = f"There is no folder {settings.data / 'blobs'}, where the files are"
        yield Finding(is_good=False, what=what, remedy=f"{WORDS[Part.STORE].remedy} `holdall migrate` makes a new one.")


def _has_store(settings: Settings) -> bool:
    return settings.data.is_dir() and (bool(settings.s3_bucket) or (settings.data / "blobs").is_dir())


def _private(settings: Settings) -> Iterator[Finding]:
    is_shared = settings.blobs_read_by == "group" and not settings.s3_bucket
    meant = {settings.data: 0o710, settings.data / "blobs": 0o750} if is_shared else {}
    open_to_others = [
        path for path in _data_paths(settings.data) if stat.S_IMODE(path.stat().st_mode) & 0o077 & ~meant.get(path, 0)
    ]
    if open_to_others:
        what = f"{len(open_to_others)} files or folders can be read by other users, {open_to_others[0]} for one"
        remedy = f"chmod go= {open_to_others[0]}" if is_shared else f"chmod -R go= {settings.data}"
        yield Finding(is_good=False, what=what, remedy=remedy)
    elif is_shared and (path := _unread(settings.data / "blobs")):
        what = f"HOLDALL_BLOBS_READ_BY is group, and the group cannot read {path}, which was kept before"
        remedy = f"find {settings.data / 'blobs'} -mindepth 2 -type f -not -path '*/.*' -exec chmod 0640 {{}} +"
        yield Finding(is_good=False, what=what, remedy=remedy)
    elif settings.data.is_dir():
        yield Finding(is_good=True, what="The data folder is private to the service user")


def _unread(blobs: Path) -> Path | None:
    """A file that the group cannot read, among the first of each folder."""
    for shard in sorted(blobs.glob("??")):
        with os.scandir(shard) as entries:
            first = next((entry for entry in entries if entry.is_file(follow_symlinks=False)), None)
        if first and not first.stat(follow_symlinks=False).st_mode & stat.S_IRGRP:
            return Path(first.path)
    return None


def _data_paths(folder: Path) -> list[Path]:
    """The folder and what lies at its top: a private folder keeps all below it private."""
    return [folder, *folder.iterdir()] if folder.is_dir() else []


def _room(settings: Settings) -> Iterator[Finding]:
    if not settings.data.is_dir():
        return
    free = shutil.disk_usage(settings.data).free
    inodes = os.statvfs(settings.data).f_favail
    enough = free >= ROOM_BYTES and (inodes >= ROOM_FILES or inodes == 0)  # some systems count none
    what = f"{free / (1 << 30):.1f} GiB and {inodes} files are free on the disk of the data folder"
    yield Finding(is_good=enough, what=what, remedy="" if enough else "Free some room, or move HOLDALL_DATA_DIR.")


def _database(settings: Settings) -> Iterator[Finding]:
    revision = schema.current(settings.database)
    if revision == schema.HEAD:
        yield Finding(is_good=True, what=f"The database answers and is at schema {revision}")
    else:
        what = f"The database is at schema {revision or 'none'}, this version needs {schema.HEAD}"
        is_newer = revision is not None and not schema.is_known(revision)
        newer = "A newer version wrote it: start that again, or restore a backup that was made before the upgrade."
        yield Finding(is_good=False, what=what, remedy=newer if is_newer else "Run `holdall migrate`.")


def _lost(settings: Settings) -> Iterator[Finding]:
    """Ask for files whose bytes are lost, and how long ago all of them were looked at."""

    async def ask() -> tuple[int, Scrub | None]:
        async with open_services(settings, with_files=False) as services:
            return await services.work.read(lambda ledger: (ledger.scrubs.count_lost(), ledger.scrubs.last_finished()))

    if not _has_store(settings) or schema.current(settings.database) != schema.HEAD:
        return
    count, scrub = asyncio.run(ask())
    seen = (
        "was never looked at" if scrub is None else f"was last looked at from {scrub.started_at:%Y-%m-%d %H:%M} UTC on"
    )
    if count:
        remedy = "`holdall scrub --list` names them. Put their bytes back from a backup, or have them uploaded again."
        yield Finding(is_good=False, what=f"The bytes of {count} files are lost; what is stored {seen}", remedy=remedy)
    else:
        yield Finding(is_good=True, what=f"No file is known to be lost; what is stored {seen}")


def _bucket(settings: Settings) -> Iterator[Finding]:
    """See whether broken-off uploads show in the bucket, and whether clients can be led there."""
    if not settings.s3_bucket:
        return
    from holdall.adapters.blobs.s3_parts import PartsHidden  # noqa: PLC0415  an optional extra

    try:
        count = asyncio.run(look_into_bucket(settings, public=False))
    except PartsHidden as error:
        remedy = (
            "Let our key list and abort multipart uploads (s3:ListBucketMultipartUploads, s3:ListMultipartUploadParts, "
            "s3:AbortMultipartUpload). If the store has no such requests, give the bucket a lifecycle rule with "
            "AbortIncompleteMultipartUpload after 1 day: whether it has one cannot be seen from here."
        )
        what = f"What uploads that broke off left in the bucket is not seen, and not swept: {error.reason}"
        yield Finding(is_good=False, what=what, remedy=remedy)
    else:
        yield Finding(is_good=True, what=f"{count} unfinished uploads lie in the bucket; a sweep takes the old ones")
    yield from _redirects(settings)


def _redirects(settings: Settings) -> Iterator[Finding]:
    """Ask the bucket as a client would that was led there."""
    if not settings.s3_redirect_from:
        return
    where = settings.s3_public_endpoint
    if settings.is_encrypted or settings.blobs_move_to:
        why = "encrypted" if settings.is_encrypted else "on the move"
        yield Finding(is_good=True, what=f"No download leads to {where} (HOLDALL_S3_REDIRECT_FROM): files are {why}")
        return
    try:
        asyncio.run(look_into_bucket(settings, public=True))
    except StorageUnavailable as error:
        remedy = (
            "HOLDALL_S3_PUBLIC_ENDPOINT has to lead to the store and keep the Host header, which is signed. Until "
            "then unset HOLDALL_S3_REDIRECT_FROM."
        )
        yield Finding(is_good=False, what=f"Large downloads lead to {where}, and fail: {error.reason}", remedy=remedy)
    else:
        size = settings.s3_redirect_from
        what = f"Downloads of {size} bytes and more lead to {where}, which answers here; from clients it was not tried"
        yield Finding(is_good=True, what=what)


def _encryption(settings: Settings) -> Iterator[Finding]:
    """Have the keys read, and the probe object opened with them."""
    if settings.encryption_key_file and stat.S_IMODE(Path(settings.encryption_key_file).stat().st_mode) & 0o077:
        what = f"The key file {settings.encryption_key_file} can be read by other users"
        yield Finding(is_good=False, what=what, remedy=f"chmod go= {settings.encryption_key_file}")
    if settings.encryption_plain == "allow":
        what = "Files that are not encrypted are taken for genuine (HOLDALL_ENCRYPTION_PLAIN=allow)"
        yield Finding(is_good=False, what=what, remedy="Run `holdall rotate-keys`, then take the setting away.")
    if not _has_store(settings):
        return
    is_opened = asyncio.run(is_sealed(settings))
    if settings.is_encrypted:
        what = "The files are encrypted, and the keys open them" if is_opened else "The next start turns encryption on"
        yield Finding(is_good=True, what=what)
    elif is_opened:
        remedy = "Set HOLDALL_ENCRYPTION_KEY or HOLDALL_ENCRYPTION_KEY_FILE to the key that they were encrypted with."
        yield Finding(is_good=False, what="The files are encrypted, and there is no key", remedy=remedy)


def _rules(settings: Settings) -> Iterator[Finding]:
    """Have the malware rules compiled."""

    async def load() -> Rules:
        rules = open_rules(settings)
        try:
            return await rules.current()
        finally:
            rules.close()

    if settings.yara == "off":
        return
    try:
        rules = asyncio.run(load())
    except RulesBroken as error:
        what = f"The malware rules of HOLDALL_RULES_DIR are broken: {error}"
        yield Finding(
            is_good=False, what=what, remedy="Mend or remove the file; a running server keeps the rules it has."
        )
        return
    what = f"The malware rules are version {rules.digest[:12]}, {rules.count} of them your own"
    yield Finding(is_good=True, what=what)


def _clamav(settings: Settings) -> Iterator[Finding]:
    """Ask each clamd who it is, and how old its signatures are."""
    for address in clamd_addresses(settings):
        try:
            version = asyncio.run(ask_version(address, settings.clamav_seconds))
        except Unanswered as silence:
            remedy = "Start clamd there, and let Holdall's user reach it; or mend HOLDALL_CLAMAV."
            yield Finding(is_good=False, what=f"clamd at {address}: {silence}", remedy=remedy)
        else:
            yield _age(address, version)


def _age(address: Address, version: Version) -> Finding:
    what = f"clamd at {address} answers: ClamAV {version.program}"
    if version.made_at is None:
        return Finding(is_good=True, what=f"{what}, with signatures of unknown age")
    days = (datetime.now(UTC) - version.made_at).days
    what += f", signatures {version.signatures} of {days} days ago"
    remedy = "" if days <= STALE_DAYS else "Let freshclam run: new malware is not found with old signatures."
    return Finding(is_good=days <= STALE_DAYS, what=what, remedy=remedy)


def _redis(settings: Settings) -> Iterator[Finding]:
    """Have the Redis that counts for all nodes count once."""

    async def ask() -> str:
        async with open_redis(settings) as limiter:
            return await limiter.check()

    if not settings.redis_url or settings.rate_limit == "off":
        return
    try:
        version = asyncio.run(ask())
    except LimitsUnavailable as error:
        remedy = "Start Redis, and let Holdall reach it; or mend HOLDALL_REDIS_URL. Sign-ins may be closed until then."
        yield Finding(is_good=False, what=f"Redis does not count: {error.reason}", remedy=remedy)
    else:
        yield Finding(is_good=True, what=f"Redis {version} counts the rate limits of all nodes")


def _frontend(settings: Settings) -> Iterator[Finding]:
    """Look for the page that Pika's front-end starts from."""
    folder = frontend_folder(settings)
    if folder is None:
        return
    if frontend.find(folder, "") is not None:
        yield Finding(is_good=True, what=f"Pika's front-end is in {folder}")
        return
    remedy = "Set HOLDALL_PIKA_FRONTEND to the folder that a build of it wrote, and let Holdall's user read it."
    yield Finding(is_good=False, what=f"There is no {frontend.INDEX} in {folder} that can be served", remedy=remedy)


def _inspector(settings: Settings) -> Iterator[Finding]:
    """Have a small text inspected and scanned, as an upload would."""

    async def look(path: Path) -> str:
        async with open_services(settings, with_files=False) as services:
            examined = await services.examiner.examine(path, "text/plain", Family.TEXT, InspectionLimits(), ())
            return examined.verdict.signature or examined.verdict.not_scanned

    if not _has_store(settings):
        return
    with tempfile.NamedTemporaryFile(dir=settings.data, suffix=".txt") as file:
        file.write(b"All is well.\n")
        file.flush()
        reason = asyncio.run(look(Path(file.name)))
    if not reason:
        yield Finding(is_good=True, what="The inspecting process and the malware scanner answer")
        return
    remedy = "Mend the scanner below." if settings.clamav else "Reinstall Holdall: its scanner's rules do not work."
    yield Finding(is_good=False, what=f"A plain text would not be taken: {reason}", remedy=remedy)


def _parts(settings: Settings) -> Iterator[Finding]:
    """Look at each part as ``/readyz`` does, with the causes that it keeps to itself."""

    async def look() -> Sequence[Light]:
        async with open_services(settings, with_files=False) as services:
            readiness = Readiness(services.checks, PARTS_SECONDS)
            try:
                return await readiness.look()
            finally:
                await readiness.close()

    if not _has_store(settings):
        return
    lights = asyncio.run(look())
    missing = [light for light in lights if not light.is_green]
    for light in missing:
        what = f"{light.part} is {light.state}. {light.words.why}: {light.detail}"
        yield Finding(is_good=False, what=what, remedy=light.words.remedy)
    if not missing:
        yield Finding(is_good=True, what=f"Nothing is missing of: {', '.join(light.part for light in lights[1:])}")


def _server(settings: Settings) -> Iterator[Finding]:
    """Ask the server, where one runs, what it lacks: it may be in another state than what is started here."""
    connection = HTTPConnection(settings.host, settings.port, timeout=ASKING_SECONDS)
    with closing(connection):
        try:
            connection.request("GET", "/readyz")
            told = msgspec.json.decode(connection.getresponse().read(MAX_ANSWER_BYTES), type=_Told)
        except ConnectionRefusedError:
            return
        except (OSError, HTTPException, msgspec.MsgspecError) as error:
            what = f"What listens on {settings.host}:{settings.port} does not say whether it is ready: {error}"
            remedy = "Should it be Holdall, look into its log. Else stop it, or set HOLDALL_PORT."
            yield Finding(is_good=False, what=what, remedy=remedy)
            return
    missing = {part: light.state for part, light in told.parts.items() if light.state is not State.OK}
    for part, state in missing.items():
        what = f"The running server says that {part} is {state}. {WORDS[part].why}"
        yield Finding(is_good=False, what=what, remedy=WORDS[part].remedy)
    if not missing:
        yield Finding(is_good=True, what="The running server is ready")


class _ToldOfPart(msgspec.Struct):
    state: State


class _Told(msgspec.Struct):
    """What ``/readyz`` answers."""

    parts: dict[Part, _ToldOfPart]


def _fences(_: Settings) -> Iterator[Finding]:
    """Ask a child what its platform holds it to."""

    async def ask() -> tuple[str, ...]:
        pool = ChildPool(1)
        try:
            await pool.warm()
            return pool.enforced
        finally:
            await pool.close()

    enforced = asyncio.run(ask())
    yield Finding(is_good=True, what=f"Inspecting processes are held to: {', '.join(enforced)}")
    if missing := [fence for fence in FENCES if fence not in enforced]:
        remedy = "Run on Linux 5.13 or newer with Landlock, and in a container that does not forbid seccomp filters."
        yield Finding(is_good=False, what=f"This platform does not enforce: {', '.join(missing)}", remedy=remedy)
