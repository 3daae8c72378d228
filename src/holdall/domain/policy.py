"""What may come in: types, extensions, sizes, and how far a file is inspected. Pure values and one decision."""

from dataclasses import dataclass

from holdall.domain.files import FileType, Staged
from holdall.domain.signatures import identify
from holdall.domain.variants import EAGER, Master, Recipe
from holdall.errors import ContentRefused, TooLarge, TypeRefused

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class InspectionLimits:
    """How much an inspecting process may spend on one file. Figures: docs/explanation/security.md."""

    max_pixels: int = 50_000_000
    """Width × height of a still image: 50 Mpx is 200 MB decoded at four bytes a pixel."""
    max_frames: int = 100
    max_animated_pixels: int = 30_000_000
    """Width × height × frames of an animation."""
    cpu_seconds: int = 20
    wall_seconds: float = 30.0
    memory_bytes: int = 1536 * MIB


@dataclass(frozen=True, slots=True)
class Kind:
    """A named group of types that a policy takes, with its size limit."""

    name: str
    types: tuple[FileType, ...]
    max_bytes: int

    @property
    def extensions(self) -> tuple[str, ...]:
        """Every extension of the group, in the order they are told to clients."""
        return tuple(extension for type in self.types for extension in type.extensions)

    @property
    def mimes(self) -> tuple[str, ...]:
        """Every MIME type of the group."""
        return tuple(type.mime for type in self.types)


@dataclass(frozen=True, slots=True)
class UploadPolicy:
    """What one front door takes."""

    kind: Kind
    fallback: FileType | None = None
    """The type given to an extension that no type has; ``None``: such files are refused."""
    refused_extensions: frozenset[str] = frozenset()
    refused_contents: frozenset[str] = frozenset()
    limits: InspectionLimits = InspectionLimits()
    recipes: tuple[Recipe, ...] = EAGER
    """The renditions that are made of a picture while its client waits."""
    master: Master | None = None
    """How pictures are kept; ``None``: byte for byte as they came."""


def extension_of(name: str) -> str:
    """The last extension of a file name, lower case, without its dot; ``""`` when there is none.

    ``.htaccess`` has none, ``a.tar.gz`` has ``gz``, ``a.`` has none.
    """
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem.strip(". ") else ""


def admit(staged: Staged, policy: UploadPolicy) -> FileType:
    """Decide whether a staged file may go on to inspection, and as what type.

    The order is the one that clients were promised (contract pika, 3.2): name, then content, then size.

    Raises:
        TypeRefused: the extension is not allowed.
        ContentRefused: the first bytes are not of the type that the extension names; also an empty file.
        TooLarge: over the limit.

    """
    type = _named_type(extension_of(staged.client_name), policy)
    detected = identify(staged.head)
    if detected in policy.refused_contents or not type.may_begin_as(detected):
        raise ContentRefused(policy.kind.name, detected, policy.kind.mimes)
    if staged.is_over or staged.size > policy.kind.max_bytes:
        raise TooLarge(policy.kind.max_bytes)
    return type


def _named_type(extension: str, policy: UploadPolicy) -> FileType:
    """The type that an extension stands for under a policy."""
    if extension not in policy.refused_extensions:
        for type in policy.kind.types:
            if extension in type.extensions:
                return type
        if policy.fallback is not None:
            return policy.fallback
    raise TypeRefused(policy.kind.name, extension, policy.kind.extensions)
