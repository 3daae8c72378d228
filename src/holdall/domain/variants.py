"""Recipes: which renditions are made of an image, and what they are called."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """A rendition's recipe: fit into a ``box`` × ``box`` square without enlarging, in this quality.

    JPEG, which every reader of mail and every browser shows and which encodes in a sixth of WebP's time; a picture
    that one can see through becomes WebP.
    """

    name: str
    box: int
    quality: int = 80


THUMBNAIL = Recipe("thumb-256", 256)
RECIPES = (THUMBNAIL,)
