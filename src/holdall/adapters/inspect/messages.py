"""What the pool and its children say to each other, and how: length, JSON, then the bytes of the renditions.

The parent believes nothing of what a child sends: it may have been taken over by the file it was parsing. Replies are
decoded into exact types and have a ceiling, and whatever does not fit is a broken child.
"""

from typing import Literal

import msgspec

from holdall.domain.policy import InspectionLimits
from holdall.domain.variants import Master, Recipe

Task = Literal["image", "pdf", "office", "text", "vector", "scan", "render", "read"]
Outcome = Literal["fine", "corrupt", "image-too-large", "matched", "not-scanned"]

LENGTH_BYTES = 4
MAX_MESSAGE_BYTES = 1 << 18
"""A ceiling for the JSON part: the longest honest reply (findings and a reason) is a few hundred bytes."""
MAX_RULES = 200
"""Rules that are told of one file: their names are 128 characters long at most, so that they fit a message."""
MAX_RENDITION_BYTES = 16 << 20
"""A ceiling for all renditions of one reply; a 2048-pixel WebP is about 1 MiB."""


class Job(msgspec.Struct, frozen=True):
    """One file to look at; its open descriptor travels beside the message."""

    task: Task
    mime: str
    limits: InspectionLimits
    recipes: tuple[Recipe, ...] = ()
    master: Master | None = None
    scans_too: bool = False
    """After an inspection that went well, scan the file as well: one change of process instead of two."""


class RenditionHead(msgspec.Struct, frozen=True):
    """What is told of a rendition ahead of its ``size`` bytes."""

    recipe: str
    mime: str
    width: int
    height: int
    size: int


class Hello(msgspec.Struct, frozen=True):
    """A child's first words: which limits its platform enforces, or why it cannot start."""

    enforced: tuple[str, ...] = ()
    failure: str = ""


class Reply(msgspec.Struct, frozen=True):
    """What a child found. ``reason`` explains an outcome other than fine and matched."""

    outcome: Outcome
    reason: str = ""
    width: int | None = None
    height: int | None = None
    frames: int = 1
    findings: tuple[str, ...] = ()
    renditions: tuple[RenditionHead, ...] = ()
    replacement: RenditionHead | None = None
    """What is to be kept instead of the file; its bytes follow those of the renditions."""
    encoding: str = ""
    """Of text."""
    thumbhash: str = ""
    """Of pictures, base64."""
    matched: tuple[str, ...] = ()
    """For a job that scans: the rules that matched, in the order in which they did."""
    not_scanned: str = ""
    """For a job that scans: why there was no scan to the end."""
    is_last: bool = False
    """The child met something after which it should not go on (out of memory, say) and wants to be replaced."""


def framed(message: msgspec.Struct) -> bytes:
    """The message as it goes over the socket."""
    body = msgspec.json.encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body
