"""Everything that can go wrong, in one tree; no HTTP status and no dialect word.

    HoldallError
    ├── Rejected            the caller must change the request
    │   ├── Malformed           it cannot be read: multipart, JSON, a header, a truncated body
    │   ├── HeadersTooLarge     its header lines are over what is read
    │   ├── TooSlow             the body came too slowly
    │   ├── EncodingRefused     the body is compressed, and only plain bodies are read
    │   ├── ChoiceRefused       a parameter is not one of its values
    │   ├── FileMissing         no file part of the expected name
    │   ├── TooManyFiles        more files in one request than allowed
    │   ├── TooLarge            the file or the body is over its limit
    │   ├── TypeRefused         the name's extension is not allowed here
    │   ├── ContentRefused      the bytes are not what the extension says
    │   │   ├── ContentCorrupt      they claim to be, and do not decode
    │   │   ├── ImageTooLarge       more pixels or frames than allowed
    │   │   └── FindingRefused      sound, and with something in it that is not taken here
    │   ├── Infected            a malware rule matched
    │   ├── DigestMismatch      the bytes are not those the client announced
    │   ├── FieldUnknown        a record has no such field
    │   ├── CellRefused         a value does not fit its field
    │   ├── StructureRefused    a database or field cannot be made like that
    │   ├── LossRefused         it would cost values, and nobody agreed to that
    │   ├── BookRefused         what is to stand in somebody's books breaks a rule
    │   ├── KeyReused           an idempotency key came with another request
    │   ├── SettingUnknown      there is no such setting
    │   ├── SettingRefused      a setting cannot have that value
    │   ├── NotEnabled          this installation does not offer it
    │   └── Stale               a record is not what the client takes it for
    ├── Denied              the caller may not
    │   ├── Unauthenticated     who are you?
    │   ├── Forbidden           known, and not allowed
    │   ├── ReadOnly            it may be looked at here, and changed elsewhere
    │   ├── OriginRefused       a page of another site sent it in a visitor's name
    │   ├── QuotaExceeded       allowed, and no room of theirs is left
    │   └── RateLimited         allowed, and too often
    ├── Missing             it does not exist, or the caller may not know that it does
    │   └── BytesLost           it does, and its bytes do not any more
    ├── Conflict            it clashes with what is going on now
    │   └── BlobGone            a sweep came for the content that a file was to share
    └── Unavailable         ours: logged, and worth a second try
        ├── StorageUnavailable
        │   ├── StorageFull
        │   └── BytesDamaged        what lies under a key is not what was put there, or nothing does
        ├── DatabaseUnavailable
        ├── ReservationLost     a sweep came for the keys of an upload that was not done yet
        ├── InspectorUnavailable
        ├── LimitsUnavailable   nobody counts, and what is not counted is not let in
        └── NotScanned          the scanner could not say, and the policy refuses what is not scanned

Each class carries typed fields; a dialect turns them into its own words. ``str(error)`` is for logs.
"""

from dataclasses import dataclass


class HoldallError(Exception):
    """Base of everything that Holdall raises on purpose."""

    def __str__(self) -> str:
        """The class and its fields, for logs."""
        return repr(self)


class Rejected(HoldallError):
    """The caller must change the request."""


@dataclass(eq=False)
class Malformed(Rejected):
    """The request cannot be read. ``part`` names what (``multipart``, ``json``, ``header``), ``reason`` why."""

    part: str
    reason: str


@dataclass(eq=False)
class HeadersTooLarge(Rejected):
    """The request's header lines, the address among them, are over ``max_bytes`` together."""

    max_bytes: int


@dataclass(eq=False)
class TooSlow(Rejected):
    """The body stalled, or came at fewer bytes a second than the floor, for ``seconds``."""

    seconds: float


@dataclass(eq=False)
class EncodingRefused(Rejected):
    """The body carries a Content-Encoding; only plain bodies are read, so that limits mean what they say."""

    encoding: str


@dataclass(eq=False)
class ChoiceRefused(Rejected):
    """``parameter`` is not one of ``allowed``."""

    parameter: str
    value: str
    allowed: tuple[str, ...]


@dataclass(eq=False)
class FileMissing(Rejected):
    """There is no file part called ``field`` with a file name."""

    field: str


@dataclass(eq=False)
class TooManyFiles(Rejected):
    """The request carries more files than ``allowed``."""

    allowed: int


@dataclass(eq=False)
class TooLarge(Rejected):
    """A file (or the whole body) is over ``max_bytes``."""

    max_bytes: int


@dataclass(eq=False)
class TypeRefused(Rejected):
    """The file name ends in ``extension`` (``""``: none), which ``kind`` does not allow."""

    kind: str
    extension: str
    allowed: tuple[str, ...]


@dataclass(eq=False)
class ContentRefused(Rejected):
    """The bytes are ``detected`` (a MIME type), which is not what ``kind`` allows or the extension says."""

    kind: str
    detected: str
    allowed: tuple[str, ...]


@dataclass(eq=False)
class ContentCorrupt(ContentRefused):
    """The bytes begin like ``detected`` and do not decode; ``reason`` says where they break."""

    reason: str = ""


@dataclass(eq=False)
class ImageTooLarge(ContentRefused):
    """The image has more pixels or frames than the policy takes."""

    reason: str = ""


@dataclass(eq=False)
class FindingRefused(ContentRefused):
    """The file is sound and has ``finding`` (see ``domain.findings``), which the policy refuses."""

    finding: str = ""


@dataclass(eq=False)
class Infected(Rejected):
    """The malware rule ``signature`` matched."""

    signature: str


@dataclass(eq=False)
class DigestMismatch(Rejected):
    """The ``algorithm`` digest that the client sent is not that of the bytes that arrived."""

    algorithm: str


@dataclass(eq=False)
class FieldUnknown(Rejected):
    """The database has no field with this name or id."""

    key: str


@dataclass(eq=False)
class CellRefused(Rejected):
    """``value`` does not fit the field called ``field``; ``reason`` says which rule."""

    field: str
    value: object
    reason: str


@dataclass(eq=False)
class StructureRefused(Rejected):
    """A node or field cannot be made, or become, like that: ``part`` (``name``, ``property.options``), ``reason``."""

    part: str
    reason: str


@dataclass(eq=False)
class LossRefused(Rejected):
    """The change would cost what ``report`` (``domain.structure``) says, and was not made."""

    report: object


@dataclass(eq=False)
class BookRefused(Rejected):
    """The books do not take it; ``code`` names the rule, in the words of the contract (pika, sections 4 to 7).

    ``detail`` says what the code alone does not.
    """

    code: str
    detail: str = ""


@dataclass(eq=False)
class KeyReused(Rejected):
    """The idempotency key was used before, with a different request."""

    key: str


@dataclass(eq=False)
class SettingUnknown(Rejected):
    """There is no setting called ``key``."""

    key: str


@dataclass(eq=False)
class SettingRefused(Rejected):
    """The setting ``key`` cannot have the value that was sent; ``reason`` says which it can have."""

    key: str
    reason: str


@dataclass(eq=False)
class NotEnabled(Rejected):
    """This installation does not offer the ``feature`` (``push``, ``ai``)."""

    feature: str


@dataclass(eq=False)
class Stale(Rejected):
    """The record is at ``revision``, which is none of those that the client will have changed or deleted."""

    revision: int


class Denied(HoldallError):
    """The caller may not."""


@dataclass(eq=False)
class Unauthenticated(Denied):
    """No credential, or one that is unknown, expired or revoked (the caller is not told which)."""

    reason: str = ""


@dataclass(eq=False)
class Forbidden(Denied):
    """The caller is known and may not ``needed`` (``read``, ``write``): their token or, in a space, their role says so.

    ``lacking`` is ``token`` or ``role``. Only ever told of places that the caller may know of.
    """

    needed: str
    lacking: str = "token"


@dataclass(eq=False)
class ReadOnly(Denied):
    """The ``thing`` may be looked at here, and is changed through ``where`` only, by which it came."""

    thing: str
    where: str


@dataclass(eq=False)
class OriginRefused(Denied):
    """A cookie speaks for the request, and a page of ``origin``, which is not listed, had the browser send it."""

    origin: str


@dataclass(eq=False)
class QuotaExceeded(Denied):
    """There is no room: the ``holder`` (``space``, ``user``) may keep ``limit`` of ``what`` (``bytes``, ``files``)."""

    holder: str
    what: str
    limit: int


@dataclass(eq=False)
class RateLimited(Denied):
    """Too many calls; the next is taken after ``retry_after_seconds``.

    ``action`` names the budget that is used up (``""``: no budget, but too many at once), of ``limit`` a window.
    """

    retry_after_seconds: float
    action: str = ""
    limit: int = 0
    window_seconds: int = 60


@dataclass(eq=False)
class Missing(HoldallError):
    """There is no such ``thing`` (``space``, ``record``, ``upload``, ``route`` …) for this caller."""

    thing: str
    id: str = ""


@dataclass(eq=False)
class BytesLost(Missing):
    """The file is known, and what was kept of it is gone or damaged; whoever has it may bring it again."""


@dataclass(eq=False)
class Conflict(HoldallError):
    """The request clashes with another one that is not finished, or with how things are; ``reason`` says with what."""

    reason: str
    retry_after_seconds: float = 1.0
    """0: repeating it does not help."""


@dataclass(eq=False)
class BlobGone(Conflict):
    """The blob that an upload or a variant was to share is on its way out."""

    reason: str = "its content is being removed"


class Unavailable(HoldallError):
    """Ours. The cause is logged; the caller may try again."""


@dataclass(eq=False)
class StorageUnavailable(Unavailable):
    """The blob store or the staging folder failed."""

    reason: str


@dataclass(eq=False)
class StorageFull(StorageUnavailable):
    """There is no room for the bytes (``ENOSPC``, ``EDQUOT``, too few inodes)."""


@dataclass(eq=False)
class BytesDamaged(StorageUnavailable):
    """The store answered, and what it has under a key is not what was put there; or there is nothing."""


@dataclass(eq=False)
class DatabaseUnavailable(Unavailable):
    """The database did not answer or did not commit."""

    reason: str


@dataclass(eq=False)
class ReservationLost(Unavailable):
    """Keys are not reserved any more: a sweep came for them, with less grace than the upload took."""

    reason: str = "the keys are not reserved any more"


@dataclass(eq=False)
class InspectorUnavailable(Unavailable):
    """The inspecting process could not be started or reached; nothing is said about the file."""

    reason: str


@dataclass(eq=False)
class LimitsUnavailable(Unavailable):
    """The node that counts for all does not answer, and this budget is closed without it."""

    reason: str


@dataclass(eq=False)
class NotScanned(Unavailable):
    """No scanner could give a verdict, and what is not scanned is not kept."""

    reason: str
