"""Every port: what the stories in ``flows`` need from the world, each method with its promise.

An adapter is any class with these methods; none inherits. The contract suites in ``tests/contract`` hold every
adapter to the promises written here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from holdall.domain.access import UNSEEN, Role, Sight, Space, Token, TokenKind, User
from holdall.domain.access_log import Event, LoggedEvent, Search
from holdall.domain.audit import Entry, Head
from holdall.domain.bookkeeping.entries import Account, Booking, Category, Person, Tag
from holdall.domain.bookkeeping.figures import Tallies
from holdall.domain.conditions import Position, Question
from holdall.domain.files import Attachment, Blob, Family, Inspection, Purpose, Rendition, Upload, Variant
from holdall.domain.history import DoneDeed, NewDeed
from holdall.domain.leftovers import Owner
from holdall.domain.people import People
from holdall.domain.policy import InspectionLimits, SpaceRules
from holdall.domain.preferences import Preferences
from holdall.domain.quarantine import USUAL, Allowance, Caution, QuarantinedFile, Rescan
from holdall.domain.quota import Holder, Holds, Quota, Quotas, Usage
from holdall.domain.readiness import Light, Part
from holdall.domain.records import Database, Field, Node, NodeType, Record
from holdall.domain.scrubs import Scrub
from holdall.domain.structure import Removal
from holdall.domain.variants import Master, Recipe
from holdall.domain.views import View
from holdall.domain.webhooks import Delivery, DeliveryState, NewEvent, OutboxEvent, Try, Webhook

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


@dataclass(frozen=True, slots=True)
class Incoming:
    """An object on its way into a store, or stuck there."""

    size: int
    touched_at: datetime


class BlobStore(Protocol):
    """Keeps immutable bytes under keys that we made. Every method goes through one choke point for keys."""

    async def put(self, key: str, source: Source) -> None:
        """Keep the bytes of ``source`` under ``key``: create-only, whole or not at all, durable on return.

        ``source`` itself is left in place. Not safe to repeat blindly: a second put of a key raises.

        Raises:
            FileExistsError: the key is taken; what is there is unchanged.
            ValueError: the key is not one that ``Ids.blob_keys`` could have made.
            StorageFull, StorageUnavailable: nothing was kept under the key.

        """

    async def put_all(self, objects: Sequence[tuple[str, Source]]) -> None:
        """Put several objects, each as ``put`` does; on failure none of them is left behind, as far as that can be.

        Raises:
            FileExistsError, ValueError, StorageFull, StorageUnavailable: as ``put``, for the first that failed.

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

    async def incoming(self) -> Sequence["Incoming"]:
        """What lies half-written: by puts under way, and by those that broke off."""

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


@runtime_checkable
class SignedUrls(Protocol):
    """The ability of a blob store whose objects clients can be sent to, one by one and for a short while."""

    async def signed_url(self, key: str, size: int, answer: Mapping[str, str], seconds: int) -> str:
        """A URL that whoever has it may read the object by, whole or in ranges, for ``seconds``.

        ``answer`` gives headers of the answer, in lower case, that nobody can change: content-type,
        content-disposition and cache-control.

        Raises:
            FileNotFoundError: no such key.
            BytesDamaged: the object has another size.
            StorageUnavailable: the store did not answer.

        """


class Replacing(Protocol):
    """The ability to write an object anew, for a store around this one that keeps the same bytes in another form."""

    async def replace(self, key: str, source: Source) -> None:
        """Have the bytes of ``source`` in the place of those under ``key``, in one step and durable on return.

        Who opened the object before goes on reading what was there. Safe to repeat.

        Raises:
            FileNotFoundError: there is nothing under the key to replace.
            ValueError: the key is not one that ``Ids.blob_keys`` could have made.
            StorageFull, StorageUnavailable: what is under the key is whole, either as before or anew.

        """


@runtime_checkable
class KeyRotation(Protocol):
    """The ability of a blob store that encrypts what it keeps."""

    async def renew(self, key: str, size: int, sha256: str) -> bool:
        """Have the object encrypted with the current key; whether there was anything to do.

        ``size`` and ``sha256`` (hex) are what its row says of the plain bytes, which are compared before anything is
        written. Beside readers, and safe to repeat.

        Raises:
            FileNotFoundError: no such key.
            StorageUnavailable: it does not open, or holds other bytes; it is as it was.

        """


# ── what is inside a file ────────────────────────────────────────────────────────────────────────────────────────


class Inspector(Protocol):
    """Parses client bytes in a process of its own, with limits on memory, CPU, wall clock and no network."""

    async def inspect(
        self,
        path: Path,
        mime: str,
        family: Family,
        limits: InspectionLimits,
        recipes: Sequence[Recipe],
        master: Master | None = None,
    ) -> Inspection:
        """Check that the file is, all through, what ``mime`` says; make the renditions from the same decode.

        With a ``master``, also the replacement of a picture, which is never ``None`` then.

        Raises:
            ContentCorrupt: it is not; also when the parser crashed or ran out of its limits.
            ImageTooLarge: more pixels or frames than ``limits`` allow; told from the header, before decoding.
            InspectorUnavailable: no process could be had. Safe to repeat.

        """


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a scanner says: clean, or infected by a named rule, or not scanned for a reason.

    It may be infected by one rule and not scanned to its end, which counts if an operator overrules the rule.
    """

    signature: str = ""
    not_scanned: str = ""
    also: tuple[str, ...] = ()
    """Rules that matched besides, of the same scanner or of others."""
    scanner: str = field(default="", compare=False)
    """Who says so, and by which rules; told where there is a ``signature``."""

    @property
    def is_clean(self) -> bool:
        """Only when it was scanned, whole, and nothing matched."""
        return not self.signature and not self.not_scanned

    @property
    def signatures(self) -> tuple[str, ...]:
        """All rules that are known to have matched; empty unless it is infected."""
        return (self.signature, *self.also) if self.signature else ()


class Scanner(Protocol):
    """Looks for malware."""

    async def scan(self, path: Path, mime: str) -> Verdict:
        """Scan every byte of the file. Never raises for what a file holds; a failure is ``not_scanned``."""

    async def edition(self) -> str:
        """What it goes by at present: its rules and signatures, so named that every change of them shows."""


@dataclass(frozen=True, slots=True)
class Examination:
    """Both looks at a file."""

    inspection: Inspection
    verdict: Verdict


class Examiner(Protocol):
    """Inspects a file, and scans what passed: in one visit where both happen in the same process."""

    async def examine(
        self,
        path: Path,
        mime: str,
        family: Family,
        limits: InspectionLimits,
        recipes: Sequence[Recipe],
        master: Master | None = None,
    ) -> Examination:
        """See ``Inspector.inspect``, for the errors too, and ``Scanner.scan``. An opaque file is only scanned."""

    async def edition(self) -> str:
        """See ``Scanner.edition``."""


class Renderer(Protocol):
    """Makes renditions of files that are kept, and reads their text; in a process of its own, as an ``Inspector``."""

    async def render(self, path: Path, mime: str, limits: InspectionLimits, recipe: Recipe) -> Rendition:
        """Make one rendition of a picture, or of a document's first page.

        Raises:
            ContentCorrupt, ImageTooLarge: none can be made of this file, now or later.
            InspectorUnavailable: no process could be had, or too many wait for one. Safe to repeat.

        """

    async def read_text(self, path: Path, mime: str, limits: InspectionLimits) -> str:
        """Read the words of a document, ``MAX_TEXT_CHARACTERS`` of them at most; ``""`` where it has none.

        Raises: as ``render``.
        """


MAX_TEXT_CHARACTERS = 1 << 20
"""As much of a document's text as is kept to be searched: a thousand pages have about two million characters."""


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

    def touch_token(self, id: str, now: datetime, sight: Sight = UNSEEN) -> None:
        """Note that a credential was used; from where and with what too, where that is told."""

    def revoke_token(self, id: str, now: datetime) -> bool:
        """Kill a credential; ``False`` when there is none of this id. Safe to repeat."""

    def tokens(self, user: User) -> list[Token]:
        """A user's credentials, newest first."""

    def live_tokens(self, user: User, kind: TokenKind, now: datetime) -> list[Token]:
        """Those of one kind that still open their door, newest first."""

    def password(self, user: User) -> str | None:
        """The hash of a user's password (``Passwords.hash``); ``None`` where there is none."""

    def set_password(self, user: User, hash: str | None) -> None:
        """Keep the hash of a new password, or none. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A space as one of its members sees it."""

    space: Space
    member_id: str
    role: Role


@dataclass(frozen=True, slots=True)
class Member:
    """A user as a space's other members see them."""

    user: User
    role: Role
    id: str
    """As cells name them."""
    joined_at: datetime


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

    def named(self, id: str) -> Space | None:
        """The space of this id, whoever belongs to it: for operators."""

    def members(self, space: Space, *, for_update: bool = False) -> list[Member]:
        """Who belongs to a space, the oldest member first. ``for_update`` holds them until the transaction ends."""

    def set_member(self, member_id: str, space: Space, user: User, role: Role, now: datetime) -> None:
        """Let the user belong to the space in this role; one who does already keeps their id. Safe to repeat."""

    def remove_member(self, space: Space, user: User) -> None:
        """Let the user no longer belong to the space. Safe to repeat."""

    def set_quota(self, space: Space, max_bytes: int | None, max_files: int | None) -> None:
        """Give the space a quota of its own, or take it back (``None``). Safe to repeat."""

    def set_rules(self, space: Space, rules: SpaceRules) -> None:
        """Give the space rules of its own, or take them back (an empty one). Safe to repeat."""

    def rules(self, space_id: int) -> SpaceRules:
        """A space's own rules, empty where it has none; ``Space.rules`` tells the same."""

    def people(self, space_id: int, members: Collection[str], users: Collection[int]) -> People:
        """Those of these members who belong to the space, by id, and these users, by number."""

    def hand_over(self, space: Space, owner: User) -> None:
        """Make this user the one whom the space names as its owner. Safe to repeat."""

    def add_node(self, id: str, space: Space, parent_id: str | None, type: NodeType, name: str, now: datetime) -> Node:
        """Keep a new node, last among its siblings."""

    def find_node(self, id: str, user: User) -> Node | None:
        """The node of this id, in whichever of this user's spaces it is."""

    def nodes(self, space: Space) -> list[Node]:
        """The whole tree, flat, parents before children."""

    def add_field(self, database: Node, field: Field) -> None:
        """Keep a new field, last in order."""

    def find_database(self, id: str, space: Space, *, for_writing: bool = False) -> Database | None:
        """The database of this id in this space, with its fields.

        ``for_writing`` keeps its fields as they are until the transaction ends (see ``Structure.hold_database``).
        """


@dataclass(frozen=True, slots=True)
class Cell:
    """What one record has in one field."""

    number: int
    """The record's; cells are told in its order."""
    record_id: str
    revision: int
    kept: Any
    """The stored form; of an attachment field, nothing."""


@dataclass(frozen=True, slots=True)
class DeletedNode:
    """A node that can still be restored."""

    node: Node
    deleted_at: datetime
    with_number: int
    """The number of the node that was deleted: this one, or one that it is below."""


@dataclass(frozen=True, slots=True)
class DroppedField:
    """A field that is gone, of which values may still be kept in records, where nobody sees them."""

    node_number: int
    field_id: str


class Structure(Protocol):
    """The structure of spaces: nodes and fields, changed after they were made.

    A deleted node is out of sight with everything below it, here and in ``Spaces``, until it is restored.
    """

    def hold_space(self, space: Space) -> None:
        """Have nobody else change the space's nodes until the transaction ends."""

    def hold_database(self, space: Space, id: str) -> Database | None:
        """As ``Spaces.find_database``; nobody else changes its fields or writes its records until the transaction ends.

        Whoever writes records takes their database ``for_writing``, so that no value comes in that fits a field as it
        was before a change.
        """

    def databases(self, space: Space) -> list[Database]:
        """Every database of the space, with its fields, in three statements at most."""

    def describe_node(self, node: Node, name: str, description: str) -> None:
        """Call a node this."""

    def place_nodes(self, parent: Node, children: Sequence[Node]) -> None:
        """Have exactly these nodes below ``parent``, in this order."""

    def weigh(self, nodes: Sequence[Node]) -> Removal:
        """What there is in these nodes."""

    def delete_nodes(self, top: Node, nodes: Sequence[Node], now: datetime) -> None:
        """Put ``nodes``, of which ``top`` is the topmost, out of sight."""

    def find_deleted(self, space: Space, id: str) -> DeletedNode | None:
        """The deleted node of this id."""

    def restore_nodes(self, top: Node) -> int:
        """Bring back what was deleted with ``top``; says how many nodes."""

    def deleted(self, before: datetime, limit: int) -> list[Node]:
        """Nodes deleted before this time, some of the oldest."""

    def forget_records(self, node: Node, limit: int) -> int:
        """Forget records of a deleted database, their history and what hangs on them; says how many."""

    def forget_node(self, node: Node) -> None:
        """Forget a deleted node without records, with its fields and views; one that was restored meanwhile stays."""

    def change_field(self, database: Database, field: Field) -> None:
        """Keep what ``field`` says of the field of its id."""

    def order_fields(self, database: Database, ids: Sequence[str]) -> None:
        """Have the fields in this order."""

    def drop_field(self, database: Database, field: Field, now: datetime) -> None:
        """Forget a field, and let go of the files that hang in it; its values are stripped from records later."""

    def detach_field(self, database: Database, field: Field) -> None:
        """Let go of the files that hang in a field, deleted ones too, which would come back to it when restored."""

    def cells(self, node_number: int, field: Field, *, after: int = 0, limit: int) -> list[Cell]:
        """What the records numbered over ``after`` have in this field, in order, as far as they have anything."""

    def rewrite(self, field: Field, values: Sequence[tuple[Cell, Any]], user: User, now: datetime) -> None:
        """Put other stored forms in these cells (``None``: nothing), of a held database; revisions grow by one.

        Not for attachment fields.
        """

    def dropped(self, limit: int) -> list[DroppedField]:
        """Some fields whose values are yet to be stripped."""

    def strip(self, dropped: DroppedField, limit: int) -> bool:
        """Strip values from some records, unseen: no revision grows. Whether there may be more; if not, it is done."""


@dataclass(frozen=True, slots=True)
class AttachmentChange:
    """The new content of one attachment cell: (upload, shown name) in order; replaces what was there."""

    field_id: str
    items: Sequence[tuple[Upload, str]]


@dataclass(frozen=True, slots=True)
class NewRecord:
    """What a record begins with."""

    id: str
    cells: Mapping[str, Any]
    attachments: Sequence[AttachmentChange] = ()


@dataclass(frozen=True, slots=True)
class RecordChange:
    """What becomes of a record: all of its cells, and those of its attachment cells that change."""

    record: Record
    cells: Mapping[str, Any]
    attachments: Sequence[AttachmentChange] = ()


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """Records in the order asked for, and the position of each."""

    records: Sequence[Record]
    positions: Sequence[Position]


@dataclass(frozen=True, slots=True)
class Use:
    """A cell that an upload hangs in."""

    database_id: str
    record_id: str
    field_id: str
    name: str
    """What the upload is called there."""


class Records(Protocol):
    """Records and what hangs on them.

    What is done to several takes as many statements for a thousand as for one.
    """

    def add(
        self,
        database: Database,
        id: str,
        cells: Mapping[str, Any],
        attachments: Sequence[AttachmentChange],
        user: User,
        now: datetime,
    ) -> Record:
        """As ``add_all``, for one."""

    def add_all(self, database: Database, new: Sequence[NewRecord], user: User, now: datetime) -> list[Record]:
        """Keep new records, revision 0, with what hangs on them; in the order given."""

    def take_numbers(self, database: Database, count: int) -> dict[str, int]:
        """So many numbers in a row for each field that numbers records: the first of them, by field id."""

    def find(self, database: Database, id: str, *, for_update: bool = False) -> Record | None:
        """The record with its attachments. ``for_update`` holds it until the transaction ends."""

    def find_all(self, database: Database, ids: Sequence[str], *, for_update: bool = False) -> dict[str, Record]:
        """Those of these records that the database has, by id, in order of creation."""

    def present(self, space_id: int, database_id: str, ids: Sequence[str]) -> set[str]:
        """Those of ``ids`` that are records of this database of this space."""

    def change(
        self,
        record: Record,
        cells: Mapping[str, Any],
        attachments: Sequence[AttachmentChange],
        user: User,
        now: datetime,
    ) -> Record:
        """As ``change_all``, for one."""

    def change_all(self, changes: Sequence[RecordChange], user: User, now: datetime) -> list[Record]:
        """Replace each record's cells and its named attachment cells; revisions grow by one.

        The records are different ones, found for update in this transaction. Raises ``Missing`` when one is gone.
        """

    def remove_all(self, records: Sequence[Record]) -> None:
        """Forget records, and let go of what hangs on them; the uploads stay. Safe to repeat."""

    def page(self, database: Database, *, after: int = 0, skip: int = 0, limit: int) -> list[Record]:
        """Records in order of creation, with attachments: those numbered over ``after``, less the first ``skip``."""

    def count(self, database: Database) -> int:
        """How many records the database has."""

    def search(
        self, database: Database, question: Question, *, after: Position | None = None, skip: int = 0, limit: int
    ) -> FoundRecords:
        """The records asked for, with attachments: those behind ``after``, less the first ``skip``.

        A record that is made, changed or deleted meanwhile moves no other across a position.
        """

    def count_found(self, database: Database, question: Question) -> int:
        """How many records are asked for."""

    def add_index(self, database: Database, field: Field, *, is_descending: bool) -> None:
        """Keep this field's cells in order, so that sorting that way, and comparing, stay fast. Safe to repeat.

        Nothing else is written until the transaction ends: one direction is enough for one.
        """

    def drop_index(self, database: Database, field: Field) -> None:
        """Do so no longer, either way. Safe to repeat."""

    def hanging(self, record: Record, field_id: str) -> list[Attachment]:
        """What hangs on one attachment field, in order, deleted files too: those come back to where they were."""

    def uses(self, upload: Upload, limit: int) -> list[Use]:
        """The cells that an upload hangs in, the oldest record first."""


class History(Protocol):
    """What was done to records; outlives them."""

    def add(self, database: Database, deeds: Sequence[NewDeed], user: User, now: datetime) -> None:
        """Keep what was done, in the transaction that does it."""

    def page(self, database: Database, record_id: str, *, before: int | None = None, limit: int) -> list[DoneDeed]:
        """What was done to the record of this id, there or gone: the newest numbered under ``before``, newest first."""


class Views(Protocol):
    """Views of databases."""

    def add(self, database: Node, view: View) -> None:
        """Keep a new view, last in order."""

    def of(self, database: Node) -> list[View]:
        """Every view of the database, in order."""

    def find(self, database: Node, id: str) -> View | None:
        """The view of this id, if the database has it."""

    def change(self, database: Node, view: View) -> None:
        """Keep a view of the database as it is now."""

    def order(self, database: Node, ids: Sequence[str]) -> None:
        """Have the database's views in this order."""

    def remove(self, database: Node, view: View) -> None:
        """Forget a view."""


@dataclass(frozen=True, slots=True)
class NewBlob:
    """A blob whose bytes are in the store, and which no row has yet."""

    space_id: int
    key: str
    sha256: str
    size: int
    mime: str
    width: int | None
    height: int | None
    variants: tuple[Variant, ...]
    findings: tuple[str, ...] = ()
    encoding: str = ""
    thumbhash: str = ""


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What is known of an upload before its blob is ready."""

    id: str
    space_id: int
    user_id: int
    name: str
    path: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class UploadSearch:
    """Which uploads of a space are listed; what is empty, or ``None``, does not narrow."""

    mime: str = ""
    """A type (``image/png``), or how it begins: what has no ``/``, or ends in one."""
    name: str = ""
    """A part of it, letter case aside (on SQLite, that of ASCII)."""
    kind: str = ""
    entity: str = ""
    is_attached: bool | None = None
    is_deleted: bool = False
    is_flagged: bool = False
    """Only those in which something was found."""
    is_infected: bool = False
    """Those in quarantine, and no others; else none of them."""
    is_lost: bool = False
    """Only those whose bytes are lost."""
    min_size: int | None = None
    """Bytes, inclusive; so is ``max_size``."""
    max_size: int | None = None
    created_from: datetime | None = None
    """Inclusive."""
    created_before: datetime | None = None
    """Exclusive."""
    used_in: str = ""
    """The public id of a database that has a record in which it hangs."""


class Files(Protocol):
    """Blobs and uploads."""

    def find_ready(self, space_id: int, sha256: str, mime: str) -> Blob | None:
        """The space's ready blob with this content, if it already has one."""

    def reserve(self, keys: Sequence[str], now: datetime) -> None:
        """Put on record that bytes may come to lie under these keys."""

    def add(self, blob: NewBlob, now: datetime) -> Blob:
        """Keep a ready blob, whose bytes and whose variants' bytes lie under reserved keys; they are reserved no more.

        What hangs on a lost blob of this content in this space is whole from then on: it hangs on this one.

        Where the space has a ready blob with this content already, that one is returned, and the keys stay reserved
        until a sweep. Raises ``ReservationLost`` when a key is not reserved (any more).
        """

    def condemn_reserved(self, before: datetime, limit: int) -> list[str]:
        """Keys reserved before this time, oldest first; from now on nothing can be kept under them."""

    def release(self, keys: Sequence[str]) -> None:
        """Forget reservations under which no bytes lie. Safe to repeat."""

    def condemn(self, blob: Blob) -> None:
        """Mark a blob's bytes for deletion. Safe to repeat."""

    def remove(self, blob: Blob) -> None:
        """Forget a condemned blob whose bytes are gone. Safe to repeat."""

    def condemned(self, before: datetime, limit: int) -> list[Blob]:
        """Condemned blobs last touched before this time, oldest first."""

    def named(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that some row names: as a blob's, as a variant's, or as reserved."""

    def contents(self, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Size and SHA-256 of what lies under those of ``keys`` that some row names, as a blob's or a variant's."""

    def ready(self, *, after: int, limit: int) -> list[Blob]:
        """Ready blobs with ids over ``after``, in order of id."""

    def add_variant(self, blob: Blob, variant: Variant) -> Variant:
        """Keep a variant of a ready blob, whose bytes lie under a reserved key; it is reserved no more.

        When the blob has one by this recipe, that one is returned, and the key stays reserved until a sweep. Raises
        ``BlobGone`` when the blob is not ready any more, ``ReservationLost`` when the key is not reserved any more.
        """

    def keep_text(self, blob: Blob, text: str) -> None:
        """Keep the text of a blob, ``""`` for one that has none. Safe to repeat; nothing is kept of one not ready."""

    def find_text(self, blob: Blob) -> str | None:
        """The text of a blob; ``None`` when it was not read yet."""

    def unread(self, mimes: Collection[str], *, after: int, limit: int) -> list[Blob]:
        """Ready blobs of these types whose text was not read yet, with ids over ``after``, in order of id."""

    def add_upload(self, upload: NewUpload, blob: Blob, now: datetime) -> Upload:
        """Keep an upload of a ready blob. Raises ``BlobGone`` when the blob is not ready any more."""

    def has_brought(self, user_id: int, blob: Blob) -> bool:
        """Whether this user has an upload of this blob."""

    def find_uploads(
        self, space_id: int, ids: Sequence[str], *, with_deleted: bool = False, to_tie: bool = False
    ) -> dict[str, Upload]:
        """Those of these uploads that belong to the space, by id; deleted ones only where they are asked for.

        ``to_tie``: they are to hang somewhere when the transaction ends; until then nobody lets go of them.
        """

    def list_uploads(self, space_id: int, search: UploadSearch, *, before: int | None, limit: int) -> list[Upload]:
        """Uploads of a space whose blobs are ready, newest first; numbers under ``before``, where that is given."""

    def there(self, numbers: Collection[int], *, to_tie: bool = False) -> dict[int, Upload]:
        """Those of these uploads that are there, by number: neither deleted nor in quarantine.

        ``to_tie`` keeps them there until the transaction ends.
        """

    def hold_uploads(self, numbers: Collection[int]) -> None:
        """Let nobody hang up these uploads until the transaction ends, so that what ``is_used`` says stays so."""

    def is_used(self, number: int) -> bool:
        """Whether an upload hangs anywhere: in a cell, on a transaction, or as an avatar."""

    def rename_upload(self, upload: Upload, name: str) -> None:
        """Give an upload another name to be shown. Safe to repeat."""

    def delete_upload(self, upload: Upload, now: datetime) -> None:
        """Put an upload out of sight: of links, cells and lists. Safe to repeat: the first time counts."""

    def restore_upload(self, upload: Upload) -> bool:
        """Bring a deleted upload back, to where it was tied to; tells whether it was there to be brought back."""

    def deleted(self, before: datetime, limit: int) -> list[Upload]:
        """Uploads deleted before this time, some of the oldest."""

    def forget_upload(self, upload: Upload) -> None:
        """Forget a deleted upload and its ties, and condemn its blob where no other upload shares it.

        One that was restored meanwhile stays. Safe to repeat.
        """

    def find_by_path(self, path: str) -> Upload | None:
        """The upload with this public name, unless it was deleted."""

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

    def forget(self, before: datetime, limit: int) -> int:
        """Drop what expired, ``limit`` at most; returns how many."""


@dataclass(frozen=True, slots=True)
class NewQuarantined:
    """What is known of a file when a rule matched it, before its bytes are in quarantine."""

    id: str
    space_id: int
    user_id: int
    blob_id: int | None
    key: str
    sha256: str
    size: int
    mime: str
    signature: str
    scanner: str
    name: str
    path: str
    purpose: Purpose


class Quarantine(Protocol):
    """Files that a malware rule matched, and what operators said about them."""

    def recur(self, new: NewQuarantined, now: datetime) -> QuarantinedFile | None:
        """Count one more arrival of a file that is held already, from the same uploader; ``None``: it is not held."""

    def arrive(self, new: NewQuarantined, now: datetime) -> QuarantinedFile:
        """Keep a row, ``ARRIVING``, that names the key about to be written."""

    def seize(self, blob: Blob, new: NewQuarantined, now: datetime) -> QuarantinedFile | None:
        """Take a ready blob out of everybody's reach from this commit on, and ``arrive``; ``None``: it is not ready."""

    def reinstate(self, file: QuarantinedFile) -> Blob:
        """Make the blob that ``file`` was ready again, or hand its uploads to a twin that came meanwhile.

        The blob that is not wanted any more is condemned; the one that now has the uploads is returned. Raises
        ``Conflict`` when the blob is not in quarantine.
        """

    def hold(self, file: QuarantinedFile) -> None:
        """Its bytes have come in. Safe to repeat."""

    def let_go(self, file: QuarantinedFile) -> bool:
        """Have it leave; ``False`` when it is leaving or gone already."""

    def remove(self, file: QuarantinedFile) -> None:
        """Forget a file whose bytes are gone. Safe to repeat."""

    def find(self, id: str) -> QuarantinedFile | None:
        """The file of this id."""

    def page(self, *, after: int = 0, limit: int) -> list[QuarantinedFile]:
        """Files numbered over ``after`` that are arriving or held, in order of arrival."""

    def unsettled(self, before: datetime, limit: int) -> list[QuarantinedFile]:
        """Files that are leaving, and those that began to arrive before this time."""

    def surplus(self, before: datetime, max_bytes: int, max_files: int) -> list[QuarantinedFile]:
        """Held files that last came before this time, and the oldest of those that are too many or too much."""

    def blob(self, file: QuarantinedFile) -> Blob | None:
        """The blob that it was."""

    def uploads(self, blob: Blob) -> list[Upload]:
        """Everything that is behind a name because of this blob, oldest first."""

    def named(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that some row names."""

    def allow(self, allowance: Allowance, now: datetime) -> None:
        """Remember that a rule is wrong about a content. Safe to repeat; the first word stands."""

    def is_allowed(self, space_id: int, sha256: str, signature: str) -> bool:
        """Whether an operator said so."""


class Rescans(Protocol):
    """How far scans of what is stored have come, and which blobs were kept without having been scanned."""

    def resume(self, scope: str, edition: str, now: datetime) -> Rescan:
        """The unfinished scan of this scope under these rules, or a new one; others of this scope are forgotten."""

    def save(self, rescan: Rescan, now: datetime) -> None:
        """Remember how far it has come."""

    def next(self, wanted: "Wanted", *, after: int, limit: int) -> list[Blob]:
        """Ready blobs with ids over ``after``, in order of id."""

    def count(self, wanted: "Wanted", *, after: int) -> int:
        """How many ``next`` would give in all."""

    def space_number(self, id: str) -> int | None:
        """The number of the space of this public id, whoever belongs to it."""

    def flag(self, blob: Blob, reason: str, now: datetime) -> None:
        """Note that a blob was kept without a verdict. Safe to repeat; the last reason stands."""

    def unflag(self, blob: Blob) -> None:
        """It has been scanned since. Safe to repeat."""

    def flagged(self) -> int:
        """How many blobs have no verdict."""


class Scrubs(Protocol):
    """How far the walks over all blobs have come, and what is known of those whose bytes are lost."""

    def last(self) -> Scrub | None:
        """The newest scrub, finished or not."""

    def last_finished(self) -> Scrub | None:
        """The newest scrub that came to its end."""

    def begin(self, now: datetime) -> Scrub:
        """A new scrub, from the first blob on; or the one that is under way."""

    def advance(self, scrub: Scrub, *, after: int) -> bool:
        """Remember how far it has come from ``after``; ``False`` when another process has taken it on from there."""

    def left(self, *, after: int) -> tuple[int, int]:
        """How many ready blobs there are with ids over ``after``, and their bytes; walks over their rows."""

    def lost(self) -> list[Blob]:
        """The lost blobs, in order of id."""

    def ready(self, ids: Collection[int]) -> list[Blob]:
        """Those of these blobs that are ready, in order of id."""

    def count_lost(self) -> int:
        """How many blobs are lost."""

    def lose(self, blob: Blob, now: datetime) -> bool:
        """Mark a ready blob as lost: it counts against no quota, and its renditions go, their bytes with a sweep.

        ``False`` when it is not ready (any more). Safe to repeat.
        """

    def regain(self, blob: Blob) -> bool:
        """Make a lost blob ready again, or give its uploads to a ready one of the same content and condemn it.

        ``False`` when it is not lost (any more). Safe to repeat.
        """

    def drop_variant(self, blob: Blob, variant: Variant, now: datetime) -> bool:
        """Forget a rendition; its bytes go with a sweep. ``False`` when it is gone already."""


class Leftovers(Protocol):
    """Which row names what lies in the blob store, and how many rows are past their time."""

    def owners(self, beginning: str, deleted_before: datetime) -> list[Owner]:
        """The rows that name keys of this beginning (two hex digits at most): blobs, renditions, reservations."""

    def deleted(self, before: datetime) -> int:
        """How many uploads were deleted before this time."""

    def claims(self, before: datetime) -> int:
        """How many idempotency keys expired before this time."""

    def structure(self, before: datetime) -> int:
        """How many nodes were deleted before this time, and fields of which values are yet to be stripped."""

    def events(self, before: datetime, keep: int) -> int:
        """How many events of the access log are older than this, or beyond the newest ``keep``."""


class Loose(Protocol):
    """Uploads that hang nowhere: in no cell, on no transaction, as no avatar.

    Neither what was deleted is loose, nor what Pika's clients bring for nothing in particular (``other``).
    """

    def last(self) -> int:
        """The highest number of an upload; 0 where there is none."""

    def fresh(self, *, after: int, last: int) -> list[int]:
        """Loose uploads that are not noted yet, of numbers over ``after`` and up to ``last``."""

    def hung(self) -> list[int]:
        """Uploads that are noted as loose, and are not any more."""

    def note(self, numbers: list[int], now: datetime | None) -> None:
        """Note that they have been loose since ``now``; ``None`` takes the note off. Safe to repeat."""

    def due(self, before: datetime, limit: int) -> list[int]:
        """Uploads that are loose, and noted as such since before this time; the longest first."""

    def delete(self, numbers: list[int], before: datetime, now: datetime) -> list[int]:
        """Delete, as ``Files.delete_upload``, those of them that are due at this very moment; which they were.

        Nobody can hang them up meanwhile: who is at it is waited for, and who comes later finds them deleted.
        """

    def count(self) -> int:
        """How many uploads are loose."""

    def count_due(self, before: datetime) -> int:
        """How many of them are noted since before this time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which blobs a scan is about."""

    space_id: int | None = None
    since: datetime | None = None
    """Only those that were uploaded at or after this time."""
    flagged_only: bool = False


class QuotaBook(Protocol):
    """How much spaces and users keep: ready blobs.

    A sum is counted from the rows once and carried on from there, as long as everything that adds to it is charged.
    What takes away forgets the sum, and the next who asks counts anew: ``Files.condemn`` does that by itself.
    """

    def used(self, holder: Holder) -> Usage:
        """How much the holder keeps."""

    def charge(self, holder: Holder, added: Usage, quota: Quota) -> None:
        """Add to what the holder keeps, in one step with the check; before the rows that it stands for are written.

        Raises:
            QuotaExceeded: it would be more than the quota.

        """

    def forget(self, holder: Holder | None = None) -> None:
        """Have the holder's sum, or everybody's, counted anew when next asked for. Safe to repeat."""


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


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose time has come."""

    id: str
    turn: int
    """With the id it names the job, so that each turn is given to the engine once."""


class Webhooks(Protocol):
    """Webhooks, the outbox of what they are told, and the log of what became of it."""

    def add(self, webhook: Webhook) -> Webhook:
        """Keep a new webhook (its ``number`` is not looked at)."""

    def find(self, space: Space, id: str, *, for_update: bool = False) -> Webhook | None:
        """The webhook of this id in this space. ``for_update`` holds it until the transaction ends."""

    def of(self, space_id: int) -> list[Webhook]:
        """A space's webhooks, oldest first."""

    def change(self, webhook: Webhook) -> None:
        """Keep its name, description, URL, events, and whether it fails or is disabled. Safe to repeat."""

    def remove(self, webhook: Webhook) -> None:
        """Forget a webhook, and what it was or was to be told. Safe to repeat."""

    def publish(self, space_id: int, events: Sequence[tuple[NewEvent, Mapping[str, Webhook]]], now: datetime) -> None:
        """Keep events, in the transaction that makes them happen, with a delivery, by id, to each of their webhooks."""

    def due(self, now: datetime, limit: int) -> list[Due]:
        """Waiting deliveries whose time has come, the longest due first."""

    def hand_over(self, handed: Sequence[Due], until: datetime) -> None:
        """These turns were given to the engine: should nothing be heard of them, they are due again at this time.

        Those whose turn has passed are left alone. Safe to repeat.
        """

    def is_any_waiting(self) -> bool:
        """Whether any delivery waits."""

    def count_waiting(self, most: int) -> int:
        """How many deliveries wait; ``most`` where there are more."""

    def first_due(self) -> datetime | None:
        """When the waiting delivery that is due first was or will be due; ``None``: none waits."""

    def find_delivery(
        self, id: str, *, for_update: bool = False
    ) -> tuple[Delivery, OutboxEvent, Webhook, Space] | None:
        """A delivery with all that belongs to it. ``for_update`` holds both rows until the transaction ends."""

    def settle(
        self, delivery: Delivery, state: DeliveryState, tries: Sequence[Try], due_at: datetime, *, turn: int
    ) -> None:
        """Keep what a try came to, and when the next is due under which turn."""

    def replay(self, delivery: Delivery, now: datetime) -> None:
        """Have a delivery made once more, in a new round of tries."""

    def deliveries(self, webhook: Webhook, *, before: int | None, limit: int) -> list[Delivery]:
        """Deliveries to a webhook, newest first; numbers under ``before``, where that is given."""

    def forget(self, before: datetime, limit: int) -> int:
        """Drop settled deliveries from before this time, and events that no other waits for; says how many."""


@dataclass(frozen=True, slots=True)
class BookingSearch:
    """Which transactions; what is ``None`` narrows nothing."""

    person: int | None = None
    account: int | None = None
    """To which or from which money went."""
    category: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Up to and with this time."""


class Books(Protocol):
    """That users keep books, and change them one at a time."""

    def hold(self, user_id: int) -> int:
        """Hold a user's books until the transaction ends, and say what was turned over in them so far, in units.

        Whoever changes anything in them holds them first, so that what they check stays as it is until they are done.
        """

    def turn_over(self, user_id: int, units: int) -> None:
        """Add to what was turned over, or take away from it; of books that are held."""


class Parties(Protocol):
    """People and accounts: whom and where money comes from and goes to. All of one user's; of nobody else's."""

    def people(self, user_id: int, among: Collection[int] | None = None) -> list[Person]:
        """All, or those of these numbers; by name."""

    def find_person(self, user_id: int, number: int) -> Person | None:
        """The one of this number."""

    def has_person(self, user_id: int, name: str, email: str, *, besides: int) -> bool:
        """Whether there is one of this name and address, of another number than ``besides``."""

    def add_person(self, user_id: int, person: Person) -> Person:
        """Keep a new one (``number`` and sums are not looked at)."""

    def change_person(self, user_id: int, person: Person) -> None:
        """Keep it as it is now, but for its sums."""

    def remove_person(self, user_id: int, person: Person) -> None:
        """Forget one that no transaction names."""

    def add_to_person(self, number: int, income: int, expense: int, transactions: int) -> None:
        """Add to the sums of one, in units, or take away from them."""

    def accounts(self, user_id: int, among: Collection[int] | None = None) -> list[Account]:
        """All, or those of these numbers; by name."""

    def find_account(self, user_id: int, number: int) -> Account | None:
        """The one of this number."""

    def has_account(self, user_id: int, name: str, *, besides: int) -> bool:
        """Whether there is one of this name, of another number than ``besides``."""

    def add_account(self, user_id: int, account: Account) -> Account:
        """Keep a new one (``number`` and sums are not looked at)."""

    def change_account(self, user_id: int, account: Account) -> None:
        """Keep it as it is now, but for its sums."""

    def remove_account(self, user_id: int, account: Account) -> None:
        """Forget one that no transaction names."""

    def add_to_account(self, number: int, balance: int, transactions: int) -> None:
        """Add to the sums of one, in units, or take away from them."""


class Labels(Protocol):
    """Categories and tags that users made; everybody's are no rows (``domain.bookkeeping.labels``)."""

    def categories(self, user_id: int) -> list[Category]:
        """All of one user's, by name."""

    def add_category(self, user_id: int, category: Category, now: datetime) -> Category:
        """Keep a new one (its ``number`` is not looked at)."""

    def change_category(self, user_id: int, category: Category) -> None:
        """Keep it as it is now."""

    def remove_category(self, user_id: int, number: int) -> None:
        """Forget one that no transaction and no other category names."""

    def is_filed_under(self, user_id: int, number: int) -> bool:
        """Whether a transaction of this user's names this category."""

    def tags(self, user_id: int) -> list[Tag]:
        """All of one user's, by name."""

    def add_tag(self, user_id: int, tag: Tag, now: datetime) -> Tag:
        """Keep a new one (its ``number`` is not looked at)."""

    def change_tag(self, user_id: int, tag: Tag) -> None:
        """Keep it as it is now."""

    def remove_tag(self, user_id: int, number: int) -> None:
        """Forget one, and take it off every transaction."""


class Transactions(Protocol):
    """Transactions, and what hangs on them. All of one user's; of nobody else's."""

    def page(self, user_id: int, search: BookingSearch, *, limit: int, offset: int) -> list[Booking]:
        """The newest, by their dates."""

    def find(self, user_id: int, number: int) -> Booking | None:
        """The one of this number."""

    def add(self, user_id: int, booking: Booking, now: datetime) -> int:
        """Keep a new one with its tags and receipts (its ``number`` is not looked at); its number."""

    def change(self, user_id: int, booking: Booking, now: datetime) -> None:
        """Keep it as it is now, with its tags and receipts."""

    def remove(self, user_id: int, booking: Booking) -> None:
        """Forget it, with its ties to tags and receipts."""


class PreferenceBook(Protocol):
    """What users chose for themselves, and what the installation remembers of itself."""

    def of(self, user: User) -> Preferences:
        """What this user chose; the defaults, where they never did."""

    def hold(self, user: User) -> Preferences:
        """As ``of``, and nobody else changes it before this transaction is over."""

    def keep(self, user: User, chosen: Preferences) -> None:
        """Keep what was held, as it is now."""

    def remember(self, name: str, value: str) -> str:
        """What the installation remembers under this name: the first value that it was ever given."""


class Figures(Protocol):
    """What transactions come to. A stretch of time begins with its first edge, and ends before its last."""

    def by_span(self, user_id: int, edges: Sequence[datetime]) -> list[Tallies]:
        """Of each stretch between two edges, which ascend; all of one user's."""

    def by_category(self, user_id: int, since: datetime, until: datetime) -> dict[int, Tallies]:
        """Of each category that a user's transactions of this time are filed under, by its number."""

    def by_tag(self, user_id: int, since: datetime, until: datetime) -> dict[int, Tallies]:
        """Of each tag on a user's transactions of this time, by its number."""

    def by_person(self, user_id: int, since: datetime, until: datetime) -> dict[int, Tallies]:
        """Of each person whom a user's transactions of this time name, by their number."""

    def by_span_of_person(self, person: int, edges: Sequence[datetime]) -> list[Tallies]:
        """As ``by_span``, of those that name a person; whose person it is, is not looked at."""

    def next_of_person(self, person: int, since: datetime) -> datetime | None:
        """When the first of those that name a person was, from this time on."""


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
    def structure(self) -> Structure:
        """Changes of nodes and fields."""
        ...

    @property
    def views(self) -> Views:
        """Views of databases."""
        ...

    @property
    def records(self) -> Records:
        """Records and their attachments."""
        ...

    @property
    def history(self) -> History:
        """What was done to records."""
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
    def quarantine(self) -> Quarantine:
        """Files that a malware rule matched."""
        ...

    @property
    def access_log(self) -> AccessLog:
        """What was done with files."""
        ...

    @property
    def audit(self) -> Audit:
        """Administrative acts."""
        ...

    @property
    def scrubs(self) -> Scrubs:
        """How far scrubs have come, and lost blobs."""
        ...

    @property
    def leftovers(self) -> Leftovers:
        """What a sweep looks for."""
        ...

    @property
    def loose(self) -> Loose:
        """Uploads that hang nowhere."""
        ...

    @property
    def rescans(self) -> Rescans:
        """How far scans of what is stored have come."""
        ...

    @property
    def quotas(self) -> QuotaBook:
        """Sums of what is kept."""
        ...

    @property
    def preferences(self) -> PreferenceBook:
        """What users chose for themselves."""
        ...

    @property
    def webhooks(self) -> Webhooks:
        """Webhooks and their outbox."""
        ...

    @property
    def books(self) -> Books:
        """That users keep books."""
        ...

    @property
    def parties(self) -> Parties:
        """People and accounts."""
        ...

    @property
    def labels(self) -> Labels:
        """Categories and tags."""
        ...

    @property
    def transactions(self) -> Transactions:
        """Transactions, their tags and receipts."""
        ...

    @property
    def figures(self) -> Figures:
        """What transactions come to."""
        ...


class UnitOfWork(Protocol):
    """Runs one short transaction off the event loop: one hop to a database thread, however many statements."""

    async def read(self, story: Callable[[Ledger], T]) -> T:
        """Run ``story`` on a consistent snapshot and return what it returns. It must not write."""

    async def glance(self, story: Callable[[Ledger], T]) -> T:
        """As ``read``, for a handful of rows found by their keys: may be run at once, on the event loop."""

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


# ── work for later, and messages to others ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Job:
    """Work to be done once, after whatever asked for it was committed."""

    id: str
    """Names it for ever: another of the same id is not done."""
    kind: str
    """Which handler does it."""
    argument: str


Handler = Callable[[str], Awaitable[None]]
"""Does a job, given its argument. A job that a crash cut short is done again, so that it has to be safe to repeat."""


class JobState(StrEnum):
    """What has become of a job so far."""

    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job, as the engine knows it."""

    id: str
    kind: str
    argument: str
    state: JobState
    since: datetime
    """When it was given to the engine, taken up, or failed."""
    reason: str
    """Why it failed."""
    worker: str
    """Who is at it: the name of a process that runs the engine."""


class Jobs(Protocol):
    """A durable job engine."""

    async def enqueue(self, jobs: Sequence[Job]) -> None:
        """Have these jobs done soon; on disk on return. Safe to repeat: each id is taken once.

        Raises:
            DatabaseUnavailable: some or all of them were not taken.

        """

    async def forget(self, before: datetime) -> None:
        """Drop what is known of jobs that were done before this time; their ids could be taken again."""

    async def close(self) -> None:
        """Take up nothing more, give what runs a moment to end, and let go. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody outside answered."""

    status: int
    retry_after: timedelta
    """How long it asks us to wait; none where it did not."""
    excerpt: str
    """How the body began."""


class NotSent(Exception):  # noqa: N818  said of a message
    """Nobody answered, or nobody was asked; the message says why, without secrets."""


class Post(Protocol):
    """Sends messages to URLs that strangers name, at addresses that are checked when they are connected to."""

    async def check(self, url: str) -> None:
        """Refuse a URL that nothing would be sent to. A name that leads nowhere now may lead somewhere later.

        Raises:
            AddressRefused: see ``domain.addresses``.

        """

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST the body; redirects are not followed, and no more of the answer is read than is kept.

        Raises:
            NotSent: there was no answer.

        """


class Vault(Protocol):
    """Seals secrets that are to be kept, and used again."""

    def seal(self, secret: bytes, owner: str) -> str:
        """The secret in a form that opens for the same ``owner`` alone, with the installation's key."""

    def unseal(self, sealed: str, owner: str) -> bytes:
        """The secret.

        Raises:
            ValueError: it was sealed with another key, for another owner, or is damaged.

        """


class Passwords(Protocol):
    """Turns the passwords of people into what may be kept. Slow on purpose, off the event loop, a few at a time."""

    async def hash(self, password: str) -> str:
        """A salted hash that tells its own parameters.

        Raises:
            RateLimited: too many wait already.

        """

    async def matches(self, password: str, hash: str | None) -> bool:
        """Whether it is the password of this hash; ``None`` costs as much, and is never matched.

        Raises:
            RateLimited: as ``hash``.

        """

    def is_outdated(self, hash: str) -> bool:
        """Whether it was made with other parameters than are used now."""


# ── backups ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class NamedBytes:
    """Bytes that a row names."""

    key: str
    sha256: str
    size: int
    is_quarantined: bool = False
    """They lie in the quarantine's store."""


class Snapshots(Protocol):
    """The whole database as it is at one moment, in a file that an installation on any engine can be made from.

    Everything here blocks: it is for commands, in threads, and not for the event loop of a server.
    """

    def take(self, path: Path) -> None:
        """Write the database as it is now into a file, in place of any, beside those who read and write it.

        Raises:
            BackupRefused: there is none, or it has another version's schema.
            DatabaseUnavailable, StorageFull: what is at ``path`` is of no use.

        """

    def schema_of(self, path: Path) -> str:
        """The revision of a snapshot; ``""`` for what is none."""

    def counts(self, path: Path) -> dict[str, int]:
        """How many rows a snapshot has in the tables that people ask about."""

    def named(self, path: Path) -> AbstractContextManager[Iterator[NamedBytes]]:
        """All bytes that the rows of a snapshot name and somebody may yet read; the same content may come often."""

    def forget_quarantined(self, path: Path, keys: Collection[str]) -> None:
        """Have the files in quarantine under these keys be there without their bytes."""

    def bring_forward(self, path: Path) -> None:
        """Bring a snapshot that an earlier version made to this one's schema. Safe to repeat.

        Raises:
            BackupRefused: a later version made it.

        """

    def is_vacant(self) -> bool:
        """Whether there is nothing yet where the database is to be."""

    def install(self, path: Path) -> None:
        """Make the database from a snapshot of this version's schema: whole or not at all, durable on return.

        Raises:
            BackupRefused: there is one by now.
            DatabaseUnavailable, StorageFull: there is none.

        """


# ── limits, time, chance ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of a caller's budget for an action."""

    action: str
    limit: int
    """Calls in a window of ``window_seconds``."""
    window_seconds: int
    remaining: int
    reset_seconds: float
    """Until the window ends that the last call was counted in."""


class Limiter(Protocol):
    """Counts what callers do."""

    async def spend(self, action: str, caller: str, cost: int = 1) -> Budget | None:
        """Take ``cost`` from the caller's budget for this action, and say what is left; ``None``: there is no limit.

        What costs more than there can be takes all of it.

        Raises:
            RateLimited: the budget is used up; nothing was taken.
            LimitsUnavailable: nobody can say, and the budget is closed then.

        """

    async def peek(self, action: str, caller: str) -> None:
        """Take nothing.

        Raises:
            RateLimited: as ``spend`` would.

        """

    def occupy(self, action: str, caller: str) -> AbstractContextManager[None]:
        """Count a caller's running actions; one that begins as the context does, and ends with it.

        Raises:
            RateLimited: too many are running.

        """


class Turns(Protocol):
    """Lets callers at what is scarce (the children that parse) a few at a time, so that none takes it all."""

    def turn(self, caller: str) -> AbstractAsyncContextManager[None]:
        """Wait for the caller's turn, behind their own earlier ones; others do not wait for them."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Now, in UTC, with its zone."""


class Ids(Protocol):
    """The only source of randomness."""

    def public(self, prefix: str) -> str:
        """A public id: three-letter prefix and 21 random alphanumerics."""

    def blob_keys(self, count: int) -> list[str]:
        """Storage keys: ``xx/`` + 32 lower-case hex digits, of which the first two are ``xx``; 128 random bits.

        Those made at once share their ``xx``, so that what is written together lies, and is synced, in one folder.
        """

    def path_token(self) -> str:
        """21 random alphanumerics for a public file name."""

    def hex_token(self) -> str:
        """32 random hex digits (128 bits)."""

    def secret(self, prefix: str, length: int) -> str:
        """A credential: the prefix and ``length`` random alphanumerics."""


class Keys(Protocol):
    """Storage keys that are on record, so that whatever comes to lie under them will be found."""

    async def take(self, count: int) -> list[str]:
        """As many reserved keys, each given out once.

        Raises:
            DatabaseUnavailable, StorageFull: none could be reserved. Safe to repeat.

        """

    def forsake(self) -> None:
        """Give out none of those reserved so far: a sweep has come for them."""


# ── seeing it ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Check:
    """How a part of the installation is looked at."""

    part: Part
    look: Callable[[], Coroutine[Any, Any, None]]
    """Returns where it is well, raises what is wrong with it. Safe to cancel."""
    is_needed: bool = True
    """Whether nobody is to send requests here without it."""


Step = Literal["receive", "admit", "wait", "examine", "store", "commit"]
"""What an upload goes through; ``wait`` is for its turn at the processes that examine."""


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A client may send any word as method; meters tell the others as one."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and its answer in figures. Every word is one of a few of ours, none is a client's."""

    dialect: str
    method: str
    """As it was sent: a meter knows which there are."""
    route: str
    """As a pattern; ``""``: none was found."""
    status: int
    """0: none was sent."""
    seconds: float
    received: int
    sent: int
    refusals: Sequence[str]
    """Classes of the errors (``errors``) that it, or a file in it, was refused for."""


class Meter(Protocol):
    """Counts and times what goes on. Never fails, never waits, may be called from any thread."""

    def step(self, step: Step) -> AbstractContextManager[None]:
        """Time a step of an upload, however it ends."""

    def job(self, kind: str) -> AbstractContextManager[None]:
        """Time a job; below the request whose id lines of the log have now (decision 49), if they have one."""

    def waited(self, seconds: float) -> None:
        """Count a story that waited so long for the thread that writes."""

    def watch(self, gauge: str, read: Callable[[], float]) -> None:
        """Read a gauge of the meter's at each exposition, on the event loop."""

    def ask(self, gauge: str, read: Callable[[], Coroutine[Any, Any, float]]) -> None:
        """As ``watch``, for what has to be waited for; without an answer in time the gauge says that it has none."""


class Unmetered:
    """Counts nothing."""

    def step(self, step: Step) -> AbstractContextManager[None]:  # noqa: ARG002  see Meter
        """See ``Meter``."""
        return _UNTIMED

    def job(self, kind: str) -> AbstractContextManager[None]:  # noqa: ARG002  see Meter
        """See ``Meter``."""
        return _UNTIMED

    def waited(self, seconds: float) -> None:
        """See ``Meter``."""

    def watch(self, gauge: str, read: Callable[[], float]) -> None:
        """See ``Meter``."""

    def ask(self, gauge: str, read: Callable[[], Coroutine[Any, Any, float]]) -> None:
        """See ``Meter``."""


_UNTIMED = nullcontext()


class Traffic(Meter, Protocol):
    """A meter that is told of requests, and tells of everything."""

    def arrive(self) -> None:
        """Count a request that is in hand from now on."""

    def leave(self, answered: Answered) -> None:
        """Count it as answered."""

    async def expose(self, lights: Sequence[Light]) -> bytes:
        """Everything in Prometheus' text format, version 0.0.4, with these lights among it."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a story may use; made once, by ``bootstrap``."""

    blobs: BlobStore
    work: UnitOfWork
    examiner: Examiner
    renderer: Renderer
    limiter: Limiter
    turns: Turns
    clock: Clock
    ids: Ids
    keys: Keys
    staging: Path
    """The folder of staged bytes."""
    quarantine: BlobStore
    """Keeps what a malware rule matched, sealed, and apart from what is served."""
    passwords: Passwords
    caution: Caution = USUAL
    claim_ttl: timedelta = timedelta(hours=24)
    delete_grace: timedelta = timedelta(days=7)
    loose_for: timedelta | None = None
    """An upload that hangs nowhere for so long is deleted; ``None``: it stays."""
    """For so long a deleted file can be brought back."""
    """How long an idempotency key is remembered."""
    quotas: Quotas = field(default_factory=Quotas)
    """What spaces and users may keep."""
    holds: Holds = field(default_factory=Holds)
    """What bodies on their way in have been promised of it."""
    operator: str = "server"
    """Who acts where no user does, for the audit log: the server itself, or somebody at the command line."""
    log_ttl: timedelta = timedelta(days=90)
    """How long an event of the access log is kept."""
    log_rows: int = 10_000_000
    """How many of them are kept at most: whoever floods the server with requests shall not fill its disk."""
    meter: Meter = field(default_factory=Unmetered)
    checks: Sequence[Check] = ()
    """How each part of the installation is looked at."""
