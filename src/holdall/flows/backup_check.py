"""Looking after backups that there are: is every byte of them still there, and which of them are to go.

Whether a backup is whole is found out by reading all of it, without restoring anything.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from holdall.domain.backups import BackupRefused, Content, Manifest, ManifestDamaged
from holdall.flows.backup_target import ContentDamaged, Target

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is not as it was put there."""

    what: str
    """``manifest``, ``database`` or ``content``."""
    id: str
    """Of the backup, for a manifest; else the SHA-256 of what is to be there."""
    key: str
    """Where it lies in the target."""
    reason: str
    backups: tuple[str, ...]
    """The backups that it belongs to."""


@dataclass(slots=True)
class Verified:
    """What was read, and what of it is wrong."""

    backups: int = 0
    contents: int = 0
    bytes: int = 0
    unnamed: int = 0
    """Contents that no backup names: left by runs that broke off, and gone with the next ``--keep``."""
    wrong: list[Wrong] = field(default_factory=list)


async def verify(target: Target, beginning: str, on_progress: Callable[[int, int], None]) -> Verified:
    """Read every content of the backups whose ids begin so, and compare it with its digest.

    Raises:
        BackupRefused: there is no such backup.
        StorageUnavailable: the target does not answer.

    """
    verified = Verified()
    needed = dict[Content, list[str]]()
    database = set[Content]()
    ids = [id for id in await target.manifest_ids() if id.startswith(beginning)]
    if not ids:
        raise BackupRefused(
            f"There is no backup whose id begins with {beginning}" if beginning else "There are no backups"
        )
    for id in sorted(ids):
        manifest = await _manifest(target, id, verified)
        if manifest is not None:
            database.update(manifest.pieces)
            for content in manifest.needed():
                needed.setdefault(content, []).append(id)
    await _read_all(target, needed, database, verified, on_progress)
    if not beginning:
        named = {target.key_of(content.sha256) for content in needed}
        verified.unnamed = len(set(await target.sizes()) - named)
    return verified


async def _manifest(target: Target, id: str, verified: Verified) -> Manifest | None:
    verified.backups += 1
    try:
        return await target.manifest(id)
    except ManifestDamaged as error:
        verified.wrong.append(Wrong("manifest", id, f"{id[:2]}/{id}", str(error), (id,)))
        return None


async def _read_all(
    target: Target,
    needed: dict[Content, list[str]],
    database: set[Content],
    verified: Verified,
    on_progress: Callable[[int, int], None],
) -> None:
    total = sum(content.size for content in needed)
    on_progress(0, total)
    for portion in _portions(needed):
        reasons = await asyncio.gather(*(_wrong_with(target, content) for content in portion))
        for content, reason in zip(portion, reasons, strict=True):
            verified.contents += 1
            verified.bytes += content.size
            if reason:
                what = "database" if content in database else "content"
                key = target.key_of(content.sha256)
                verified.wrong.append(Wrong(what, content.sha256, key, reason, tuple(needed[content])))
        on_progress(verified.bytes, total)


async def _wrong_with(target: Target, content: Content) -> str:
    try:
        async for _ in target.pieces(content):
            pass
    except ContentDamaged as error:
        return str(error)
    return ""


def _portions(contents: Iterable[Content]) -> Iterator[list[Content]]:
    rest = iter(contents)
    while portion := list(islice(rest, AT_ONCE)):
        yield portion


async def keep_newest(target: Target, count: int) -> tuple[int, int]:
    """Let go of all backups but the newest so many: how many that were, and how many contents went with them.

    Manifests go first: what a crash leaves then is contents that nobody names, which go with the next time.

    Raises:
        BackupRefused: a manifest does not read, so that nobody knows which contents it needs; nothing was removed.
        StorageUnavailable: the target does not answer.

    """
    manifests = list[tuple[Manifest, set[str]]]()
    for id in await target.manifest_ids():
        try:
            manifest = await target.manifest(id)
        except ManifestDamaged as error:
            reason = f"The manifest of backup {id} does not read ({error}), so that none is let go of"
            raise BackupRefused(
                f"{reason}: delete manifests/{id[:2]}/{id} in the target, which is of no use"
            ) from error
        manifests.append((manifest, {target.key_of(content.sha256) for content in manifest.needed()}))
    manifests.sort(key=lambda pair: pair[0].made_at, reverse=True)
    for manifest, _ in manifests[count:]:
        await target.forget_manifest(manifest.id)
    named = {key for _, keys in manifests[:count] for key in keys}
    unnamed = [key for key in await target.sizes() if key not in named]
    for portion in (unnamed[start : start + AT_ONCE] for start in range(0, len(unnamed), AT_ONCE)):
        await asyncio.gather(*(target.forget(key) for key in portion))
    return len(manifests[count:]), len(unnamed)
