"""What Pika's doors take of one user: what the house allows, what their space is allowed, and what they want of it."""

from dataclasses import replace

from holdall.dialects.pika.policy import ALLOWED_AT, DOCUMENT, ENTITIES, IMAGE
from holdall.domain.access import Space
from holdall.domain.policy import UploadPolicy
from holdall.domain.preferences import UploadPreferences, narrowed
from holdall.domain.variants import ORIGINAL, Master
from holdall.web.edge import Edge

_POLICIES = {"avatar": IMAGE, "image": IMAGE, "document": DOCUMENT}
AT_DOOR = {"avatar": ("avatar",), "attachment": ("image", "document"), "other": ("image", "document")}
"""Which kinds come in by which door."""


def ceiling(edge: Edge, kind: str, space: Space) -> UploadPolicy:
    """What may be taken of a kind (``domain.preferences.KINDS``) into this space, whatever its user wants."""
    return edge.policy("pika", _POLICIES[kind], space)


def house_ceiling(edge: Edge, kind: str) -> UploadPolicy:
    """The same for a space without rules of its own."""
    return edge.house_policy("pika", _POLICIES[kind])


def taken(edge: Edge, kind: str, space: Space, wanted: UploadPreferences) -> UploadPolicy:
    """What is taken of a kind, and how it is kept. No rendition is made ahead: Pika's clients show the master."""
    policy = narrowed(ceiling(edge, kind, space), wanted.of(kind))
    return replace(policy, master=_master(edge, kind, space, wanted), recipes=())


def largest(edge: Edge, door: str, space: Space, wanted: UploadPreferences) -> int:
    """Bytes of the largest file that this door takes."""
    return max(narrowed(ceiling(edge, kind, space), wanted.of(kind)).kind.max_bytes for kind in AT_DOOR[door])


def entities(edge: Edge, door: str) -> tuple[str, ...]:
    """What a file of this door may be for (contract pika, section 14, C5)."""
    return ALLOWED_AT[door] if edge.strict_entities else ENTITIES


def strips_metadata(edge: Edge, space: Space, wanted: UploadPreferences) -> bool:
    """Whether originals lose their metadata: where the user wants it, and where the operator does."""
    return wanted.strips_metadata or must_strip(edge, space)


def must_strip(edge: Edge, space: Space) -> bool:
    """Whether the operator leaves the user no choice: in this space or, where it says nothing, in the house."""
    own = space.rules.hides_places
    return edge.hides_places if own is None else own


def _master(edge: Edge, kind: str, space: Space, wanted: UploadPreferences) -> Master | None:
    if kind != "avatar" and wanted.keeps_originals:
        return ORIGINAL if strips_metadata(edge, space, wanted) else None
    usual = edge.avatar if kind == "avatar" else edge.picture
    return usual if wanted.quality is None else replace(usual, quality=wanted.quality)
