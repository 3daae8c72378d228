"""A renderer that looks at nothing."""

from pathlib import Path

from holdall.domain.files import Rendition
from holdall.domain.policy import InspectionLimits
from holdall.domain.variants import Recipe


class CalmRenderer:
    """Makes small renditions of anything, and reads a word in it."""

    async def render(self, path: Path, mime: str, limits: InspectionLimits, recipe: Recipe) -> Rendition:
        del path, mime, limits
        return Rendition(recipe.name, "image/webp", 1, 1, b"made " + recipe.name.encode())

    async def read_text(self, path: Path, mime: str, limits: InspectionLimits) -> str:
        del path, mime, limits
        return "word"
