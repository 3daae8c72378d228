"""Every port: what the stories in ``flows`` need from the world, each method with its promise.

An adapter is any class with these methods; none inherits. The contract suites in ``tests/contract`` hold every
adapter to the promises written here.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from holdall.domain.access import Space, Token, TokenKind, User
from holdall.domain.access_log import Event, LoggedEvent, Search
from holdall.domain.audit import Entry, Head
from holdall.domain.files import Blob, Family, Inspection, Purpose, Upload, Variant
from holdall.domain.policy import InspectionLimits
from holdall.domain.records import Database, Field, Node, NodeType, Record
from holdall.domain.variants import Recipe

T = TypeVar("T")
Source = Path | bytes
"""Where the bytes of a ``put`` come from: a file of ours, or a small rendition in memory."""


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object in a blob store."""

    key: str
    size: int
    modified_at: datetime


class BlobStore(Protocol):
    """Keeps immutable bytes under keys that we made. Every method goes through one choke point for keys."""

    async def put(self, key: str, source: Source) -> None:
        """Keep the bytes of ``source`` under ``key``: create-only, whole or not at all, durable on return.

        ``source`` itself is left in place. Not safe to repeat blindly: a second put of a key raises.

        Raises:
            FileExistsError: the key is taken; what is there is unchanged.
            ValueError: the key is not one that ``Ids.blob_key`` could have made.
            StorageFull, StorageUnavailable: nothing was kept under the key.

        """

    async def open(self, key: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Return the bytes ``start`` (inclusive) to ``stop`` (exclusive; ``None``: the end) in order, in pieces.

        Fails before the first byte or not at all, except that a store that breaks midway raises
        ``StorageUnavailable`` from the iterator. The caller iterates to the end or calls ``aclose``.

        Raises:
            FileNotFoundError: no such key.
            StorageUnavailable: the store did not answer.

        """

    async def delete(self, key: str) -> None:
        """Forget ``key``. Safe to repeat: an absent key is no error."""

    def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Every whole object whose key starts with ``prefix``, in no order. Half-written ones never appear."""

    async def sweep_incoming(self, before: datetime) -> int:
        """Remove what puts that broke off left half-written and was last touched before ``before``; returns how many.

        Safe to repeat, and safe beside running puts as long as ``before`` is further back than a put can last.
        """

    def close(self) -> None:
        """Let go of threads and connections, once what they are doing is done. Safe to repeat."""


@runtime_checkable
class LocalPaths(Protocol):
    """The ability of a blob store whose objects are files of this machine."""

    def local_path(self, key: str) -> Path:
        """Where the object lies, whether or not there is one; to be sent from, never to be written to or kept."""


# ── what is inside a file ────────────────────────────────────────────────────────────────────────────────────────


class Inspector(Protocol):
    """Parses client bytes in a process of its own, with limits on memory, CPU, wall clock and no network."""

    async def inspect(
        self, path: Path, mime: str, family: Family, limits: InspectionLimits, recipes: Sequence[Recipe]
    ) -> Inspection:
        """Check that the file is, all through, what ``mime`` says; make the renditions from the same decode.

        Raises:
            ContentCorrupt: it is not; also when the parser crashed or ran out of its limits.
            ImageTooLarge: more pixels or frames than ``limits`` allow; told from the header, before decoding.
            InspectorUnavailable: no process could be had. Safe to repeat.

        """


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a scanner says: clean, or infected by a named rule, or not scanned for a reason."""

    signature: str = ""
    not_scanned: str = ""

    @property
    def is_clean(self) -> bool:
        """Only when it was scanned, whole, and nothing matched."""
        return not self.signature and not self.not_scanned


class Scanner(Protocol):
    """Looks for malware."""

    async def scan(self, path: Path, mime: str) -> Verdict:
        """Scan every byte of the file. Never raises for what a file holds; a failure is ``not_scanned``."""


@dataclass(frozen=True, slots=True)
class Examination:
    """Both looks at a file."""

    inspection: Inspection
    verdict: Verdict


class Examiner(Protocol):
    """Inspects a file, and scans what passed: in one visit where both happen in the same process."""

    async def examine(
        self, path: Path, mime: str, family: Family, limits: InspectionLimits, recipes: Sequence[Recipe]
    ) -> Examination:
        """See ``Inspector.inspect``, for the errors too, and ``Scanner.scan``. An opaque file is only scanned."""


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Accounts(Protocol):
    """Users and their credentials."""

    def add_user(self, id: str, login: str, email: str, name: str, now: datetime) -> User:
        """Keep a new user. Raises ``Conflict`` when the login (letter case aside) is taken."""

    def find_user(self, login: str) -> User | None:
        """The user of this login, letter case aside, or of this e-mail address."""

    def add_token(self, token: Token, hash: str) -> None:
        """Keep a credential by its hash (hex SHA-256 of the secret)."""

    def find_token(self, kind: TokenKind, hash: str) -> Token | None:
        """The credential with this hash, dead or alive."""

    def touch_token(self, id: str, now: datetime) -> None:
        """Note that a credential was used."""

    def revoke_token(self, id: str, now: datetime) -> bool:
        """Kill a credential; ``False`` when there is none of this id. Safe to repeat."""

    def tokens(self, user: User) -> list[Token]:
        """A user's credentials, newest first."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A space as one of its members sees it."""

    space: Space
    member_id: str
    role: str


class Spaces(Protocol):
    """Spaces, who belongs to them, and their trees."""

    def add(self, id: str, name: str, owner: User, member_id: str, now: datetime, *, is_personal: bool) -> Space:
        """Keep a new space with its owner as first member. Raises ``Conflict`` for a second personal one."""

    def of(self, user: User) -> list[Membership]:
        """The spaces this user belongs to, oldest first."""

    def find(self, id: str, user: User) -> Membership | None:
        """The space of this id, if this user belongs to it."""

    def personal(self, user: User) -> Space | None:
        """The user's own space, where files of record-less apps lie."""

    def add_node(self, id: str, space: Space, parent_id: str | None, type: NodeType, name: str, now: datetime) -> Node:
        """Keep a new node, last among its siblings."""

    def nodes(self, space: Space) -> list[Node]:
        """The whole tree, flat, parents before children."""

    def add_field(self, database: Node, field: Field) -> None:
        """Keep a new field, last in order."""

    def find_database(self, id: str, space: Space) -> Database | None:
        """The database of this id in this space, with its fields."""


@dataclass(frozen=True, slots=True)
class AttachmentChange:
    """The new content of one attachment cell: (upload, shown name) in order; replaces what was there."""

    field_id: str
    items: Sequence[tuple[Upload, str]]


class Records(Protocol):
    """Records and what hangs on them."""

    def add(
        self,
        database: Database,
        id: str,
        cells: Mapping[str, Any],
        attachments: Sequence[AttachmentChange],
        user: User,
        now: datetime,
    ) -> Record:
        """Keep a new record, revision 0, with what hangs on it."""

    def find(self, database: Database, id: str, *, for_update: bool = False) -> Record | None:
        """The record with its attachments. ``for_update`` holds it until the transaction ends."""

    def change(
        self,
        record: Record,
        cells: Mapping[str, Any],
        attachments: Sequence[AttachmentChange],
        user: User,
        now: datetime,
    ) -> Record:
        """Replace the record's cells and the named attachment cells; the revision grows by one."""

    def page(self, database: Database, *, after: int = 0, skip: int = 0, limit: int) -> list[Record]:
        """Records in order of creation, with attachments: those numbered over ``after``, less the first ``skip``."""

    def count(self, database: Database) -> int:
        """How many records the database has."""


@dataclass(frozen=True, slots=True)
class NewBlob:
    """What is known of a blob before its bytes are in the store."""

    space_id: int
    key: str
    sha256: str
    size: int
    mime: str
    width: int | None
    height: int | None
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What is known of an upload before its blob is ready."""

    id: str
    space_id: int
    user_id: int
    name: str
    path: str
    purpose: Purpose


class Files(Protocol):
    """Blobs and uploads."""

    def find_ready(self, space_id: int, sha256: str, mime: str) -> Blob | None:
        """The space's ready blob with this content, if it already has one."""

    def reserve(self, blob: NewBlob, now: datetime) -> Blob:
        """Keep a ``pending`` row that names the keys about to be written, the variants' too."""

    def confirm(self, blob: Blob) -> Blob:
        """Make a pending blob ready; one that is ready stays so.

        When another blob with the same content of the same space became ready first, that one is returned, and
        this one is condemned. Raises ``Conflict`` when the blob is condemned or gone (a sweep took it).
        """

    def condemn(self, blob: Blob) -> None:
        """Mark a blob's bytes for deletion. Safe to repeat."""

    def remove(self, blob: Blob) -> None:
        """Forget a condemned or pending blob whose bytes are gone. Safe to repeat."""

    def unfinished(self, before: datetime, limit: int) -> list[Blob]:
        """Pending and condemned blobs last touched before this time, oldest first."""

    def named(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that some row names, be it as a blob's or a variant's."""

    def ready(self, *, after: int, limit: int) -> list[Blob]:
        """Ready blobs with ids over ``after``, in order of id."""

    def add_upload(self, upload: NewUpload, blob: Blob, now: datetime) -> Upload:
        """Keep an upload of a ready blob. Raises ``Conflict`` when the blob is not ready any more."""

    def find_uploads(self, space_id: int, ids: Sequence[str]) -> dict[str, Upload]:
        """Those of these uploads that belong to the space, by id."""

    def find_by_path(self, path: str) -> Upload | None:
        """The upload with this public name."""

    def find_by_number(self, number: int) -> Upload | None:
        """The upload of this number, whoever's it is."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What an idempotency key stands for now: mine to do (``is_mine``), done before (``answer``), or in hand."""

    is_mine: bool
    fingerprint: str
    answer: Any | None = None


class Idempotency(Protocol):
    """Remembers what was answered to a request that carried an Idempotency-Key."""

    def claim(self, actor: str, key: str, fingerprint: str, now: datetime, expires_at: datetime) -> Claim:
        """Take the key, or say what became of it. A claim past its time is taken over."""

    def finish(self, actor: str, key: str, answer: Any, expires_at: datetime) -> None:
        """Keep the answer (JSON-able) in the same transaction as what it reports.

        Raises ``Conflict`` when the claim is gone, so that what it stood for is not done twice.
        """

    def release(self, actor: str, key: str) -> None:
        """Give back an unfinished claim, so that the request may be tried again. Safe to repeat."""

    def forget(self, before: datetime) -> int:
        """Drop what expired; returns how many."""


class AccessLog(Protocol):
    """What was done with files, and asked in vain; kept for a while."""

    def add(self, events: Sequence[Event]) -> None:
        """Keep events. A space or file that is only named by what a client asked for is looked up, if it is real."""

    def page(self, search: Search, *, before: int | None = None, limit: int) -> list[LoggedEvent]:
        """The newest events that ``search`` wants, of those numbered under ``before``; newest first.

        Raises:
            Missing: there is no user, space or file as named in ``search``.

        """

    def after(self, search: Search, *, after: int, limit: int) -> list[LoggedEvent]:
        """As ``page``: the oldest of those numbered over ``after``, oldest first."""

    def newest(self) -> int:
        """The number of the newest event; 0 when there is none."""

    def forget(self, before: datetime, keep: int, limit: int) -> int:
        """Drop events older than ``before``, and those beyond the newest ``keep``; at most ``limit``; says how many."""


class Audit(Protocol):
    """Administrative acts, in a chain (see ``domain.audit``)."""

    def record(self, actor: str, act: str, subject: str, details: Mapping[str, Any]) -> Entry:
        """Append an act to the chain, in the transaction that does it: there is neither one without the other.

        Appending is done by one transaction at a time, from here to its commit. The time is that of the appending, so
        that the order of entries and of their times agree.
        """

    def entries(self, *, after: int = 0, limit: int) -> list[Entry]:
        """Entries numbered over ``after``, in order."""

    def head(self) -> Head:
        """The end of the chain; ``domain.audit.EMPTY`` when nothing was recorded yet."""


class Ledger(Protocol):
    """The rows of one open transaction."""

    @property
    def accounts(self) -> Accounts:
        """Users and credentials."""
        ...

    @property
    def spaces(self) -> Spaces:
        """Spaces and their trees."""
        ...

    @property
    def records(self) -> Records:
        """Records and their attachments."""
        ...

    @property
    def files(self) -> Files:
        """Blobs and uploads."""
        ...

    @property
    def idempotency(self) -> Idempotency:
        """Answers to repeat."""
        ...

    @property
    def access_log(self) -> AccessLog:
        """What was done with files."""
        ...

    @property
    def audit(self) -> Audit:
        """Administrative acts."""
        ...


class UnitOfWork(Protocol):
    """Runs one short transaction off the event loop: one hop to a database thread, however many statements."""

    async def read(self, story: Callable[[Ledger], T]) -> T:
        """Run ``story`` on a consistent snapshot and return what it returns. It must not write."""

    async def write(self, story: Callable[[Ledger], T]) -> T:
        """Run ``story``; when it returns, commit durably, then return its value; when it raises, undo all of it.

        ``story`` is synchronous, touches nothing but the ledger, and may be run again after a serialisation
        failure. Raises ``DatabaseUnavailable`` (``StorageFull`` where the disk is) when it was not committed, and
        ``Conflict`` when a row clashes with one that is kept.
        """

    async def note(self, story: Callable[[Ledger], T]) -> T:
        """As ``write``, without waiting for the disk: a crash of ours loses nothing, a power cut may lose it whole.

        What is noted is on disk at the latest with the next ``write``, and never without what was written before it.
        """

    async def close(self) -> None:
        """Finish what was begun, then let go of the database."""


# ── limits, time, chance ─────────────────────────────────────────────────────────────────────────────────────────


class Limiter(Protocol):
    """Counts what callers do."""

    async def spend(self, action: str, caller: str, cost: int = 1) -> None:
        """Take ``cost`` from the caller's budget for this action.

        Raises:
            RateLimited: the budget is used up; nothing was taken.

        """


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Now, in UTC, with its zone."""


class Ids(Protocol):
    """The only source of randomness."""

    def public(self, prefix: str) -> str:
        """A public id: three-letter prefix and 21 random alphanumerics."""

    def blob_key(self) -> str:
        """A storage key: ``xx/`` + 32 lower-case hex digits, of which the first two are ``xx``; 128 random bits."""

    def path_token(self) -> str:
        """21 random alphanumerics for a public file name."""

    def hex_token(self) -> str:
        """32 random hex digits (128 bits)."""

    def secret(self, prefix: str, length: int) -> str:
        """A credential: the prefix and ``length`` random alphanumerics."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a story may use; made once, by ``bootstrap``."""

    blobs: BlobStore
    work: UnitOfWork
    examiner: Examiner
    limiter: Limiter
    clock: Clock
    ids: Ids
    staging: Path
    """The folder of staged bytes."""
    claim_ttl: timedelta = timedelta(hours=24)
    """How long an idempotency key is remembered."""
    operator: str = "server"
    """Who acts where no user does, for the audit log: the server itself, or somebody at the command line."""
    log_ttl: timedelta = timedelta(days=90)
    """How long an event of the access log is kept."""
    log_rows: int = 10_000_000
    """How many of them are kept at most: whoever floods the server with requests shall not fill its disk."""
