"""Where backups lie: two blob stores side by side, of which one keeps contents and the other manifests.

A content lies under a key that is worked out from its digest, so that no content is there twice, whoever names it and
in however many backups. A number that only the target knows goes into the key: who reads the names in a bucket cannot
tell whether a file that they have is among the contents, and nobody can make two contents that share a key. Whether
bytes are in the clear is not known here; the stores seal what they keep, or they do not.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdall.domain.backups import BackupRefused, Content, Manifest, ManifestDamaged, decode, encode
from holdall.errors import StorageUnavailable
from holdall.ports import BlobStore, Ids, LocalPaths, Source

ABOUT_KEY = "ab/ab00e700000000000000000000000000"
"""Where the target says what it is; no random key is ever this one."""
FORM = 1


class ContentDamaged(Exception):  # noqa: N818  said of the bytes
    """A content of the target is not there, does not open, or is another; the message says which of these."""


@dataclass(frozen=True, slots=True)
class Depot:
    """The two stores, and a folder for what is under way."""

    contents: BlobStore
    manifests: BlobStore
    scratch: Path
    is_sealed: bool
    """Whether the stores seal what they keep."""


@dataclass(frozen=True, slots=True)
class Target:
    """An opened target."""

    depot: Depot
    installation: str
    """Whose backups these are."""
    naming: bytes
    """What contents are named with."""

    def key_of(self, sha256: str) -> str:
        """Where this content lies."""
        name = hmac.digest(self.naming, bytes.fromhex(sha256), "sha256").hex()[:32]
        return f"{name[:2]}/{name}"

    async def sizes(self) -> dict[str, int]:
        """The contents that are there, by key, each with its size."""
        return {stored.key: stored.size async for stored in self.depot.contents.list()}

    async def put(self, contents: Sequence[tuple[Content, Source]]) -> None:
        """Keep contents that are not there: each whole or not at all, durable on return.

        Raises:
            StorageFull, StorageUnavailable: as ``BlobStore.put_all``.

        """
        objects = [(self.key_of(content.sha256), source) for content, source in contents]
        try:
            await self.depot.contents.put_all(objects)
        except FileExistsError:  # a request whose answer got lost was sent again: what lies there is what we sent
            for key, source in objects:
                with suppress(FileExistsError):
                    await self.depot.contents.put(key, source)

    async def forget(self, key: str) -> None:
        """Forget the content under this key. Safe to repeat."""
        await self.depot.contents.delete(key)

    async def pieces(self, content: Content) -> AsyncIterator[bytes]:
        """The bytes of a content, compared with its digest before the last of them is out.

        Raises:
            ContentDamaged: it is not there, or not what it is to be.

        """
        digest, size, held = hashlib.sha256(), 0, b""
        try:
            async for piece in await self.depot.contents.open(self.key_of(content.sha256)):
                if held:
                    yield held
                await asyncio.to_thread(digest.update, piece)
                size, held = size + len(piece), piece
        except FileNotFoundError as error:
            raise ContentDamaged("is not there") from error
        except StorageUnavailable as error:
            await self._ensure_it_answers()
            raise ContentDamaged(f"does not read: {error.reason}") from error
        if size != content.size or digest.hexdigest() != content.sha256:
            raise ContentDamaged("holds other bytes")
        if held:
            yield held

    async def read(self, content: Content) -> bytes:
        """As ``pieces``, in one."""
        return b"".join([piece async for piece in self.pieces(content)])

    async def read_all(self, contents: Sequence[Content]) -> list[bytes | ContentDamaged]:
        """Small contents, in the order asked for; in the place of each that is damaged, what is wrong with it."""
        quickly = await read_quickly(self.depot.contents, [self.key_of(content.sha256) for content in contents])
        digests = await asyncio.to_thread(digests_of, quickly)
        return await asyncio.gather(
            *(
                self._read_again(content) if data is None or digest != content.sha256 else _itself(data)
                for content, data, digest in zip(contents, quickly, digests, strict=True)
            )
        )

    async def _read_again(self, content: Content) -> bytes | ContentDamaged:
        try:
            return await self.read(content)
        except ContentDamaged as error:
            return error

    async def add(self, manifest: Manifest) -> None:
        """Put a backup on record: from now on it is one."""
        await self.depot.manifests.put(_key_of_manifest(manifest.id), encode(manifest))

    async def manifest_ids(self) -> list[str]:
        """The ids of all backups."""
        return [stored.key[3:] async for stored in self.depot.manifests.list() if stored.key != ABOUT_KEY]

    async def manifest(self, id: str) -> Manifest:
        """The manifest of a backup.

        Raises:
            ManifestDamaged: it is not there, or not whole.

        """
        try:
            pieces = await self.depot.manifests.open(_key_of_manifest(id))
            data = b"".join([piece async for piece in pieces])
        except FileNotFoundError as error:
            raise ManifestDamaged("it is not there") from error
        except StorageUnavailable as error:
            await self._ensure_it_answers()
            raise ManifestDamaged(error.reason) from error
        manifest = await asyncio.to_thread(decode, data)
        if manifest.id != id:
            raise ManifestDamaged(f"it is that of {manifest.id}")
        return manifest

    async def forget_manifest(self, id: str) -> None:
        """From now on it is no backup any more. Safe to repeat."""
        await self.depot.manifests.delete(_key_of_manifest(id))

    async def _ensure_it_answers(self) -> None:
        """A store that fails with every object has none that is damaged.

        Raises:
            StorageUnavailable: it does not answer.

        """
        async for _ in self.depot.contents.list("00"):
            break


async def begin(depot: Depot, installation: str, ids: Ids) -> Target:
    """Open a target to write backups of this installation to; make one of a place where there is nothing.

    Raises:
        BackupRefused: there are another installation's.

    """
    about: dict[str, Any] = {"form": FORM, "installation": installation, "naming": ids.hex_token() + ids.hex_token()}
    try:
        await depot.manifests.put(ABOUT_KEY, json.dumps(about).encode())
    except FileExistsError:
        target = await reopen(depot)
        if target.installation != installation:
            raise BackupRefused("There are backups of another installation: choose a place of its own") from None
        return target
    return _target(depot, about)


async def reopen(depot: Depot) -> Target:
    """Open a target that there is.

    Raises:
        BackupRefused: there is none, or a later version made it.

    """
    try:
        data = b"".join([piece async for piece in await depot.manifests.open(ABOUT_KEY)])
    except FileNotFoundError as error:
        raise BackupRefused("There are no backups") from error
    about = json.loads(data)
    if about["form"] != FORM:
        raise BackupRefused(f"The backups have form {about['form']}, and this version reads {FORM}")
    return _target(depot, about)


async def newest(target: Target) -> list[Manifest]:
    """Every backup that is whole, the newest first."""
    found = list[Manifest]()
    for id in await target.manifest_ids():
        try:
            found.append(await target.manifest(id))
        except ManifestDamaged:
            continue
    return sorted(found, key=lambda manifest: manifest.made_at, reverse=True)


async def chosen(target: Target, beginning: str) -> Manifest:
    """The one backup whose id begins so; the newest, where nothing is asked for.

    Raises:
        BackupRefused: there is none, or several.

    """
    if not beginning:
        found = (await newest(target))[:1]
    else:
        ids = [id for id in await target.manifest_ids() if id.startswith(beginning)]
        try:
            found = [await target.manifest(id) for id in ids]
        except ManifestDamaged as error:
            raise BackupRefused(f"The manifest of backup {ids[0]} is damaged: {error}") from error
    if len(found) != 1:
        which = f" whose id begins with {beginning}" if beginning else ""
        raise BackupRefused(f"There is {'no' if not found else 'more than one'} whole backup{which}")
    return found[0]


async def read_quickly(store: BlobStore, keys: Sequence[str]) -> list[bytes | None]:
    """Whole small objects; ``None`` where that did not work out, for whatever reason.

    Where they are files, all of them take one change of thread, which costs more than to read one.
    """
    if isinstance(store, LocalPaths):
        paths = [store.local_path(key) for key in keys]
        return await asyncio.to_thread(lambda: [_content_of(path) for path in paths])
    return await asyncio.gather(*(_joined(store, key) for key in keys))


def digests_of(all_data: Sequence[bytes | None]) -> list[str]:
    """SHA-256 in hex of each; ``""`` of none."""
    return ["" if data is None else hashlib.sha256(data).hexdigest() for data in all_data]


def _content_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


async def _joined(store: BlobStore, key: str) -> bytes | None:
    try:
        return b"".join([piece async for piece in await store.open(key)])
    except (FileNotFoundError, StorageUnavailable):
        return None


async def _itself(data: bytes) -> bytes:
    return data


def _target(depot: Depot, about: dict[str, Any]) -> Target:
    return Target(depot, about["installation"], bytes.fromhex(about["naming"]))


def _key_of_manifest(id: str) -> str:
    return f"{id[:2]}/{id}"
