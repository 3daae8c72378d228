"""The Renderer of the port, by way of the same pool of child processes that inspects."""

from pathlib import Path

from holdall.adapters.inspect.inspector import inspection_of, visit
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.pool import ChildPool
from holdall.domain.files import Rendition
from holdall.domain.policy import InspectionLimits
from holdall.domain.variants import Recipe
from holdall.errors import ContentCorrupt, ImageTooLarge
from holdall.ports import MAX_TEXT_CHARACTERS


class ChildRenderer:
    """Sends each file to a child of ``pool`` (see ``ports.Renderer``)."""

    def __init__(self, pool: ChildPool) -> None:
        self._pool = pool

    async def render(self, path: Path, mime: str, limits: InspectionLimits, recipe: Recipe) -> Rendition:
        """See ``ports.Renderer``."""
        reply, bytes_of_it = await visit(self._pool, Job("render", mime, limits, (recipe,)), path)
        found = inspection_of(reply, bytes_of_it, mime).renditions
        if len(found) != 1 or found[0].recipe != recipe.name:
            raise ContentCorrupt("", mime, (), reason="the parser failed: its process broke the protocol")
        return found[0]

    async def read_text(self, path: Path, mime: str, limits: InspectionLimits) -> str:
        """See ``ports.Renderer``. Text travels in the place of a rendition, as UTF-8."""
        reply, bytes_of_it = await visit(self._pool, Job("read", mime, limits), path)
        if reply.outcome == "image-too-large":
            raise ImageTooLarge("", mime, (), reason=reply.reason)
        if reply.outcome != "fine":
            raise ContentCorrupt("", mime, (), reason=reply.reason)
        return b"".join(bytes_of_it).decode("utf-8", "replace").replace("\0", "")[:MAX_TEXT_CHARACTERS]
