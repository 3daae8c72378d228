"""What may come in: types, extensions, sizes, and how far a file is inspected. Pure values and one decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from holdall.domain.files import Family, FileType, Staged
from holdall.domain.findings import STRICT, Action, FindingsPolicy
from holdall.domain.signatures import DECODED_ONLY, MORE_IMAGES, identify
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
    max_members: int = 2000
    """Members of a package; a 1000-page document with a picture on each page has some 1100."""
    max_unpacked_bytes: int = 512 * MIB
    """Of all members of a package together."""
    max_ratio: int = 200
    """Unpacked to packed, of one member: XML seldom passes 50, a bomb is near deflate's own limit of 1032."""
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
    findings: FindingsPolicy = STRICT
    recipes: tuple[Recipe, ...] = EAGER
    """The renditions that are made of a picture while its client waits."""
    master: Master | None = None
    """How pictures are kept; ``None``: byte for byte as they came."""

    def under(self, rules: "HouseRules") -> "UploadPolicy":
        """This policy as the rules of a house change it; a door with a master takes no image that cannot be encoded."""
        images = rules.images if any(type.family is Family.IMAGE for type in self.kind.types) else ()
        if self.master is not None:
            images = tuple(type for type in images if type.mime not in DECODED_ONLY)
        mimes = {type.mime for type in images}
        return replace(
            self,
            kind=replace(
                self.kind,
                types=(*(type for type in self.kind.types if type.mime not in mimes), *images),
                max_bytes=rules.max_bytes.get(self.kind.name, self.kind.max_bytes),
            ),
            refused_extensions=self.refused_extensions - {name for type in images for name in type.extensions},
            refused_contents=self.refused_contents - mimes,
            limits=rules.limits,
            findings=self.findings.with_changes(rules.findings),
        )


@dataclass(frozen=True, slots=True)
class SpaceRules:
    """What the operator changes for one space, behind every door into it; goes on top of what the house has."""

    findings: Mapping[str, Action] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    """Names of ``signatures.MORE_IMAGES``, decoded besides those of the house."""
    hides_places: bool | None = None
    """Whether pictures are served without their metadata; ``None``: as the house has it."""


NO_RULES = SpaceRules()


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What the operator changes of a door's policy."""

    limits: InspectionLimits = InspectionLimits()
    images: tuple[FileType, ...] = ()
    """Image types that are decoded besides those that every door decodes; see ``signatures.MORE_IMAGES``."""
    findings: Mapping[str, Action] = field(default_factory=dict)
    max_bytes: Mapping[str, int] = field(default_factory=dict)
    """Other limits than the door's own, by the name of the kind of file."""

    def with_space(self, rules: SpaceRules) -> "HouseRules":
        """The same rules, with a space's own on top."""
        more = tuple(MORE_IMAGES[name] for name in rules.images if MORE_IMAGES[name] not in self.images)
        return replace(self, images=(*self.images, *more), findings={**self.findings, **rules.findings})


def parse_images(text: str) -> tuple[str, ...]:
    """Names of ``MORE_IMAGES``, separated by commas, as the settings write them.

    Raises:
        ValueError: one of them is none.

    """
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    for name in names:
        if name not in MORE_IMAGES:
            raise ValueError(f"{name} is not one of {', '.join(MORE_IMAGES)}")
    return names


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
