"""What a user chose for themselves: money, time, and how their uploads are taken and kept.

Preferences of uploads are the innermost of three rings: what the house allows, what it allows one space
(``domain.policy``), and what the user wants of that. They narrow; what goes beyond is refused when it is chosen, and
passed over where an operator took it back afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from holdall.domain.files import FileType
from holdall.domain.policy import Kind, UploadPolicy

KINDS = ("avatar", "image", "document")
"""What is chosen for each: an avatar is an image too, with limits of its own."""
LOWEST_QUALITY, HIGHEST_QUALITY = 30, 95
"""Below, a receipt cannot be read; above, libjpeg's files grow and nobody sees why."""


@dataclass(frozen=True, slots=True)
class KindPreference:
    """What is wanted of one kind of file; what is empty, or ``None``, is as the operator has it."""

    types: tuple[str, ...] = ()
    """Extensions, the one that each type is stored under."""
    max_bytes: int | None = None


AS_THEY_ARE = KindPreference()


@dataclass(frozen=True, slots=True)
class UploadPreferences:
    """How a user's uploads are taken and kept."""

    kinds: Mapping[str, KindPreference] = field(default_factory=dict)
    """By the names of ``KINDS``."""
    quality: int | None = None
    """Of pictures that are encoded anew; ``None``: as the house has it."""
    keeps_originals: bool = False
    """Whether pictures other than avatars keep every pixel as it came."""
    strips_metadata: bool = True
    """Whether such originals lose their metadata; pictures that are encoded anew always do."""

    def of(self, kind: str) -> KindPreference:
        """What is wanted of a kind."""
        return self.kinds.get(kind, AS_THEY_ARE)


AS_THE_HOUSE_HAS_IT = UploadPreferences()


@dataclass(frozen=True, slots=True)
class Preferences:
    """All that a user chose."""

    currency: str = "INR"
    timezone: str = "Asia/Kolkata"
    sealed_key: str = field(default="", repr=False)
    """The key of the user's account with an AI service, sealed (``ports.Vault``); ``""``: there is none."""
    uploads: UploadPreferences = AS_THE_HOUSE_HAS_IT


DEFAULTS = Preferences()


def narrowed(policy: UploadPolicy, wanted: KindPreference) -> UploadPolicy:
    """The policy, as far as it is wanted."""
    if wanted == AS_THEY_ARE:
        return policy
    kind = policy.kind
    max_bytes = kind.max_bytes if wanted.max_bytes is None else min(kind.max_bytes, wanted.max_bytes)
    return replace(policy, kind=Kind(kind.name, _wanted_types(kind, wanted), max_bytes))


def _wanted_types(kind: Kind, wanted: KindPreference) -> tuple[FileType, ...]:
    """Those that are wanted, of those that there are; where none of them is left, all that there are."""
    return tuple(type for type in kind.types if type.extension in wanted.types) or kind.types
