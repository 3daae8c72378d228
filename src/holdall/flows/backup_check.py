"""Looking after backups that there are: is every byte of them still there, and which of them are to go.

Whether a backup is whole is found out by reading all of it, without restoring anything.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from holdall.domain.backups import BackupRefused, Content, Manifest, ManifestDamaged
from holdall.flows.backup_target import ContentDamaged, Target
from holdall.flows.batches import in_batches

MEMORY_BYTES = 8 << 20
"""Larger contents are read piece by piece."""
BATCH = 512
BATCH_BYTES = 16 << 20
"""Contents that are read together: so many, or of so many bytes, save the last one of them."""
FORGOTTEN_AT_ONCE = 16


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
    rest = iter(needed)

    async def read(batch: list[Content]) -> None:
        for content, reason in await _wrong_with(target, batch):
            what = "database" if content in database else "content"
            key = target.key_of(content.sha256)
            verified.wrong.append(Wrong(what, content.sha256, key, reason, tuple(needed[content])))
        verified.contents += len(batch)
        verified.bytes += sum(content.size for content in batch)
        on_progress(verified.bytes, total)

    await in_batches(lambda: _next_batch(rest), read)
    verified.wrong.sort(key=lambda wrong: (wrong.what, wrong.id))


async def _wrong_with(target: Target, batch: list[Content]) -> list[tuple[Content, str]]:
    """Those that are not what they are to be, and why."""
    small = [content for content in batch if content.size <= MEMORY_BYTES]
    found = zip(small, await target.read_all(small), strict=True)
    wrong = [(content, str(data)) for content, data in found if isinstance(data, ContentDamaged)]
    for content in batch:
        if content.size > MEMORY_BYTES:
            try:
                async for _ in target.pieces(content):
                    pass
            except ContentDamaged as error:
                wrong.append((content, str(error)))
    return wrong


def _next_batch(contents: Iterator[Content]) -> list[Content]:
    batch, size = list[Content](), 0
    while len(batch) < BATCH and size < BATCH_BYTES and (content := next(contents, None)):
        batch.append(content)
        size += content.size
    return batch


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
    for portion in (unnamed[start : start + FORGOTTEN_AT_ONCE] for start in range(0, len(unnamed), FORGOTTEN_AT_ONCE)):
        await asyncio.gather(*(target.forget(key) for key in portion))
    return len(manifests[count:]), len(unnamed)
