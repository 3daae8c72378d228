"""Recipes: which renditions are made of an image, and what they are called."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """A rendition's recipe: fit into a ``box`` × ``box`` square without enlarging, in this format and quality."""

    name: str
    box: int
    mime: str = "image/webp"
    quality: int = 80


THUMBNAIL = Recipe("thumb-256", 256)
RECIPES = (THUMBNAIL,)
