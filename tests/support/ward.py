"""A small installation with a scanner that finds what a test tells it to, over any store."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from holdall.adapters.blobs.keyring import read_keyring
from holdall.adapters.blobs.sealed import Inner, SealedBlobStore
from holdall.adapters.chance import RandomIds
from holdall.adapters.db.engine import open_database
from holdall.adapters.inspect.examiner import InTurn
from holdall.adapters.limits import FairTurns, NoLimiter
from holdall.adapters.passwords import Argon2Passwords
from holdall.dialects.bika.policy import attachment_policy
from holdall.domain.access import Actor, Scope
from holdall.domain.files import HEAD_BYTES, Family, Inspection, Purpose, Rendition, Staged, Upload
from holdall.domain.policy import InspectionLimits
from holdall.domain.quarantine import QuarantinedFile, Rescan
from holdall.domain.variants import Master, Recipe
from holdall.errors import Infected
from holdall.flows import quarantine
from holdall.flows.once import Once
from holdall.flows.rescan import rescan
from holdall.flows.reservations import ReservedKeys
from holdall.flows.serve import anyone, as_kept, find_upload, of_variant, open_bytes, whole
from holdall.flows.upload import UploadRequest, upload
from holdall.ports import BlobStore, Services, Verdict
from tests.support.rendering import CalmRenderer
from tests.support.rows import World, make_user, make_world

EVIL = b"evil"
RULE = "Evil_Word"


class Inspector:
    """Finds nothing wrong, and makes one small rendition of a picture."""

    async def inspect(
        self,
        path: Path,
        mime: str,
        family: Family,
        limits: InspectionLimits,
        recipes: Sequence[Recipe],
        master: Master | None = None,
    ) -> Inspection:
        del path, family, limits, master
        small = tuple(Rendition(recipe.name, "image/webp", 1, 1, b"small") for recipe in recipes)
        return Inspection(mime, 16, 16, renditions=small)


@dataclass
class WordScanner:
    """Finds words; its edition is their number."""

    words: dict[bytes, str] = field(default_factory=lambda: {EVIL: RULE})
    is_down: bool = False
    stops_short: bool = False
    """It finds what it finds, and does not come to the end."""
    looked_at: list[bytes] = field(default_factory=list)

    async def scan(self, path: Path, mime: str) -> Verdict:
        del mime
        data = path.read_bytes()  # noqa: ASYNC240  a few bytes
        self.looked_at.append(data)
        if self.is_down:
            return Verdict(not_scanned="out to lunch")
        found = [rule for word, rule in self.words.items() if word in data]
        short = "out of breath" if self.stops_short else ""
        return Verdict(found[0], short, tuple(found[1:]), "words 1") if found else Verdict(not_scanned=short)

    async def edition(self) -> str:
        return f"words {len(self.words)}"


class Clock:
    """The system's time, and what was skipped."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Ward:
    """An installation with a tenant in it."""

    services: Services
    scanner: WordScanner
    clock: Clock
    world: World
    bare_quarantine: Inner
    """What lies in quarantine, as somebody would find it who has the disk."""

    @property
    def actor(self) -> Actor:
        return self.actor_of(self.world)

    def actor_of(self, world: World) -> Actor:
        return Actor(world.user, "tok", frozenset(Scope))

    async def upload(
        self, data: bytes, name: str = "a.txt", *, world: World | None = None, services: Services | None = None
    ) -> Upload:
        """As a dialect does it."""
        world, services = world or self.world, services or self.services
        path = services.staging / hashlib.sha256(data + name.encode()).hexdigest()
        path.write_bytes(data)
        staged = Staged(path, len(data), hashlib.sha256(data).hexdigest(), data[:HEAD_BYTES], name, data=data)
        order = UploadRequest(
            actor=self.actor_of(world),
            space=world.space,
            policy=attachment_policy(1 << 30),
            purpose=Purpose("attachment", "file", "person"),
            path_for=lambda type: f"openapi/{services.ids.path_token()}.{type.extension}",
        )
        try:
            return (await upload(services, order, [staged], Once(services, order.actor, None, "")))[0]
        finally:
            path.unlink(missing_ok=True)

    async def refused(self, data: bytes, name: str = "a.txt", **options: object) -> QuarantinedFile:
        """An upload that is refused, and what became of it."""
        try:
            await self.upload(data, name, **options)  # type: ignore[arg-type]
        except Infected:
            return (await self.held())[-1]
        raise AssertionError("it was taken")

    async def held(self) -> list[QuarantinedFile]:
        return [file async for file in quarantine.list_all(self.services)]

    async def read(self, upload: Upload, recipe: str | None = None) -> bytes:
        """As a dialect serves it."""
        found, _ = await find_upload(self.services, upload.path, anyone, as_kept)
        variant = None if recipe is None else found.blob.variant(recipe)
        readable = whole(found) if variant is None else of_variant(found, variant)
        return b"".join([piece async for piece in await open_bytes(self.services, readable, 0, readable.size)])

    async def rescan(self, **options: object) -> Rescan:
        chosen = {"space_id": None, "since": None, "flagged_only": False, "on_progress": lambda *_: None, **options}
        return await rescan(self.services, **chosen)  # type: ignore[arg-type]

    async def another_world(self) -> World:
        return await self.services.work.write(make_world)

    async def neighbour(self) -> World:
        """Another member of the same space."""
        user = await self.services.work.write(make_user)
        return replace(self.world, user=user)


@asynccontextmanager
async def ward_over(
    folder: Path, blobs: BlobStore, bare_quarantine: Inner, url: str = "sqlite://"
) -> AsyncIterator[Ward]:
    """A ward over these stores; ``url`` is of a database with this version's tables."""
    staging = folder / "staging"
    staging.mkdir(parents=True)
    work, clock, ids, scanner = open_database(url), Clock(), RandomIds(), WordScanner()
    sealed = SealedBlobStore(bare_quarantine, read_keyring("5e" * 32), folder / "sealing")
    try:
        services = Services(
            blobs=blobs,
            work=work,
            examiner=InTurn(Inspector(), scanner),
            renderer=CalmRenderer(),
            limiter=NoLimiter(),
            turns=FairTurns(4),
            clock=clock,
            ids=ids,
            keys=ReservedKeys(work, ids, clock, at_once=4),
            staging=staging,
            quarantine=sealed,
            passwords=Argon2Passwords(),
        )
        yield Ward(services, scanner, clock, await work.write(make_world), bare_quarantine)
        assert list(staging.iterdir()) == []
    finally:
        sealed.close()
        await work.close()


async def contents(store: BlobStore) -> dict[str, bytes]:
    """Everything in a store."""
    keys = [stored.key async for stored in store.list()]
    return {key: b"".join([piece async for piece in await store.open(key)]) for key in keys}
