"""The nouns: staged bytes, blobs, uploads, attachments, variants, and the types they can have."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Family(StrEnum):
    """Which inspector looks at a type."""

    IMAGE = "image"
    PDF = "pdf"
    OFFICE = "office"
    TEXT = "text"
    VECTOR = "vector"
    """Drawings in XML, which are kept only after everything that can act was taken out of them."""
    OPAQUE = "opaque"
    """Kept and handed out as a download; nothing in it is interpreted here."""


@dataclass(frozen=True, slots=True)
class FileType:
    """A type of file that Holdall knows: what it is called, how it begins, who inspects it."""

    mime: str
    extensions: tuple[str, ...]
    """Lower case, without the dot; the first is the one that stored names carry."""
    family: Family
    content: tuple[str, ...] = ()
    """What ``signatures.identify`` may say of such a file's first bytes; empty: just ``mime``; ``*``: anything."""
    is_inline: bool = False
    """May be shown in a browser tab. Only raster images are; all else is a download."""

    @property
    def extension(self) -> str:
        """The extension that a stored name of this type carries."""
        return self.extensions[0]

    def may_begin_as(self, detected: str) -> bool:
        """Whether first bytes identified as ``detected`` can be the beginning of a file of this type."""
        return detected in self.content or "*" in self.content if self.content else detected == self.mime


@dataclass(frozen=True, slots=True)
class Staged:
    """Bytes on our own disk that are not yet ours: counted, hashed and capped while they arrived."""

    path: Path
    size: int
    """Bytes received. Over the ceiling, the bytes that were received and not kept count too."""
    sha256: str
    """Lower-case hex; ``""`` where ``is_over``."""
    head: bytes
    """The first ``HEAD_BYTES`` bytes, for identification."""
    client_name: str
    """What the client called it; never trusted."""
    field: str = "file"
    data: bytes | None = dataclasses.field(default=None, repr=False)
    """The bytes themselves, where they are few enough to be held in memory; ``path`` leads to them all the same."""
    is_over: bool = False
    """The file went over the ceiling: only its head is known, and it can only be refused."""


HEAD_BYTES = 8192


class BlobState(StrEnum):
    """Where a blob is in its life; only ``READY`` is readable, linkable or counted."""

    READY = "ready"
    CONDEMNED = "condemned"
    """Its bytes are to be deleted, then its row."""
    QUARANTINED = "quarantined"
    """A rule that is newer than the blob matched it: for readers it is not there, until an operator releases it."""
    LOST = "lost"
    """Its bytes are gone, or are others than came: never served, and whole again once the same content comes."""

    @property
    def is_told(self) -> bool:
        """Whether who may see the file is told of it: of one whose bytes are lost too, until they are back."""
        return self in {BlobState.READY, BlobState.LOST}


@dataclass(frozen=True, slots=True)
class Variant:
    """A rendition of a blob, made by a recipe (see ``domain.variants``)."""

    recipe: str
    key: str
    size: int
    mime: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Blob:
    """Ours, immutable, identified by what it is, owned by one space."""

    id: int
    space_id: int
    key: str
    sha256: str
    size: int
    mime: str
    state: BlobState
    width: int | None = None
    height: int | None = None
    variants: tuple[Variant, ...] = ()
    findings: tuple[str, ...] = ()
    """What is active or odd in it and was taken all the same: see ``domain.findings``."""
    encoding: str = ""
    """Of text: how its bytes are to be read; ``""`` where that is not known."""
    thumbhash: str = ""
    """See ``Inspection``."""

    @property
    def content_type(self) -> str:
        """The type as HTTP says it."""
        is_told = self.encoding and self.mime.startswith("text/")  # JSON has no such parameter
        return f"{self.mime}; charset={self.encoding}" if is_told else self.mime

    def variant(self, recipe: str) -> Variant | None:
        """The rendition made by ``recipe``, if there is one."""
        return next((variant for variant in self.variants if variant.recipe == recipe), None)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a client says an upload is for; plain words that the dialect chose and the core only keeps."""

    door: str = "attachment"
    kind: str = "file"
    entity: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """One acknowledged arrival of a file: its public ids, its names, whose it is, and the blob behind it."""

    number: int
    """Short and guessable: only ever looked up together with its owner."""
    id: str
    """``att`` + 21 random alphanumerics."""
    space_id: int
    user_id: int
    blob: Blob
    name: str
    """The client's name, sanitised for showing; never a path on our disk."""
    path: str
    """The public name: unique, made by us, with the extension of the detected type."""
    purpose: Purpose
    created_at: datetime
    deleted_at: datetime | None = None
    """When it was deleted: out of sight since then, and to be restored until a sweep comes for it."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """The tie between an upload and a cell of a record, with its own shown name and place."""

    upload: Upload
    record_id: int
    field_id: str
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Rendition:
    """What an inspector made of an image by one recipe; bytes that are about to become a variant."""

    recipe: str
    mime: str
    width: int
    height: int
    data: bytes = dataclasses.field(repr=False)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a full structural check found."""

    mime: str
    """The type that the structure proves (a ZIP may turn out to be a DOCX)."""
    width: int | None = None
    height: int | None = None
    frames: int = 1
    findings: tuple[str, ...] = ()
    """Active or odd content, by name: see ``domain.findings``."""
    renditions: tuple[Rendition, ...] = ()
    replacement: Rendition | None = None
    """What is to be kept instead of the bytes that came, where the inspector made something better of them."""
    encoding: str = ""
    """Of text: how its bytes are to be read, by the name that HTTP gives it."""
    thumbhash: str = ""
    """A picture in some 25 bytes (base64), to be shown until the real one is there; ``""`` where there is none."""
