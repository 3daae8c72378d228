"""Recipes: which renditions are made of a file, what they are called, and in which format a client gets them."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum


class Format(StrEnum):
    """What a rendition is encoded as."""

    PLAIN = "plain"
    """What every program reads: JPEG; PNG where one can see through; GIF where it moves."""
    WEBP = "webp"
    """About a third smaller, for clients that say they take it."""
    SAME = "same"
    """The format of the file itself."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A rendition's recipe: fit into a ``box`` × ``box`` square without enlarging, in this quality.

    Where it ``crops``, the middle of the picture fills the square instead, which is then as large as the picture's
    shorter side allows.
    """

    name: str
    box: int
    quality: int = 80
    crops: bool = False
    format: Format = Format.PLAIN

    def as_webp(self) -> "Recipe":
        """The same rendition in WebP."""
        return replace(self, name=f"{self.name}-webp", format=Format.WEBP)


@dataclass(frozen=True, slots=True)
class Master:
    """How a picture is kept that is served optimised: fitted into ``box`` × ``box``, upright, in sRGB, nothing hidden.

    Quality 82 is where re-encoded photographs still pass for their source (decision 0020 has the figures).
    """

    box: int
    quality: int = 82
    copies: bool = False
    """Whether every pixel stays as it came, whatever the box and the quality: only what is hidden goes."""


AVATAR = Master(1024)
"""Shown in a corner, and never larger than this."""
PICTURE = Master(4096)
"""A receipt has to stay legible: most cameras' pictures keep every pixel."""

ORIGINAL = Master(0, quality=95, copies=True)
"""The file as it came, less what its maker did not mean to tell. The quality is for types of which no copy is made."""

NAMED = {
    recipe.name: recipe
    for recipe in (
        *(Recipe(str(box), box) for box in (64, 256, 1024)),
        *(Recipe(f"crop-{box}", box, crops=True) for box in (64, 256, 1024)),
    )
}
"""What anybody who may read a file may ask for; few, so that nobody can have us fill the disk."""
THUMBNAIL = NAMED["256"]
EAGER = (THUMBNAIL,)
"""Made from the decode that proves the file; all else is made when first asked for."""
BARE = Recipe("bare", 0, format=Format.SAME)
"""The file as it came, less what its maker did not mean to tell: place, time, camera, comments. No pixel changes."""
BARED = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""The types that can be bared."""

SMALLEST_BOX, LARGEST_BOX = 16, 2048
_FREE = re.compile(r"(box|crop)-([1-9][0-9]{1,3})")


def recipe_called(name: str) -> Recipe | None:
    """The recipe of this name; ``None`` when no recipe is called so.

    Besides the named ones these are ``box-N`` and ``crop-N`` of any N from 16 to 2048, which only a signed link opens.
    """
    if name in NAMED:
        return NAMED[name]
    match = _FREE.fullmatch(name)
    if match is None or not SMALLEST_BOX <= int(match[2]) <= LARGEST_BOX:
        return None
    return Recipe(name, int(match[2]), crops=match[1] == "crop")
