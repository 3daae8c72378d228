"""The Inspector of the port, by way of a pool of child processes."""

from collections.abc import Sequence
from pathlib import Path

from holdall.adapters.inspect.messages import Job, Reply, Task
from holdall.adapters.inspect.pool import ChildFailed, ChildPool
from holdall.domain.files import Family, Inspection, Rendition
from holdall.domain.policy import InspectionLimits
from holdall.domain.variants import Master, Recipe
from holdall.errors import ContentCorrupt, ImageTooLarge

TASKS: dict[Family, Task] = {
    Family.IMAGE: "image",
    Family.PDF: "pdf",
    Family.OFFICE: "office",
    Family.TEXT: "text",
    Family.VECTOR: "vector",
}
SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""What a rendition can be. A child may have been taken over, so its word for a type is not taken."""


class ChildInspector:
    """Sends each file to a child of ``pool`` (see ``ports.Inspector``).

    An inspector knows neither the name of the group of types that was asked for nor its other types: the errors it
    raises carry ``kind=""`` and ``allowed=()``, with the asked-for type as ``detected``, and the story that knows
    them fills them in.
    """

    def __init__(self, pool: ChildPool) -> None:
        self._pool = pool

    async def inspect(
        self,
        path: Path,
        mime: str,
        family: Family,
        limits: InspectionLimits,
        recipes: Sequence[Recipe],
        master: Master | None = None,
    ) -> Inspection:
        """Check the file in a child; opaque types are never parsed, so of them nothing more is known.

        Raises:
            ContentCorrupt: it is not what ``mime`` says, or its child died or ran out of time over it.
            ImageTooLarge: told from the header.
            InspectorUnavailable: no child could be had. Safe to repeat.

        """
        if family is Family.OPAQUE:
            return Inspection(mime)
        reply, renditions = await visit(self._pool, Job(TASKS[family], mime, limits, tuple(recipes), master), path)
        return inspection_of(reply, renditions, mime)


async def visit(pool: ChildPool, job: Job, path: Path) -> tuple[Reply, list[bytes]]:
    """Have a child do a job; a file that breaks its child is broken itself.

    Raises:
        ContentCorrupt: the child died, was too slow or talked nonsense over this file.
        InspectorUnavailable: no child could be had.

    """
    try:
        return await pool.run(job, path, job.limits.wall_seconds)
    except ChildFailed as failure:
        raise ContentCorrupt("", job.mime, (), reason=f"the parser failed: {failure}") from failure


def inspection_of(reply: Reply, renditions: list[bytes], mime: str) -> Inspection:
    """What the child found, as a value or as the error that it means."""
    if reply.outcome == "image-too-large":
        raise ImageTooLarge("", mime, (), reason=reply.reason)
    if reply.outcome != "fine":
        raise ContentCorrupt("", mime, (), reason=reply.reason)
    heads = (*reply.renditions, *([reply.replacement] if reply.replacement else []))
    made = [
        Rendition(head.recipe, head.mime, head.width, head.height, data)
        for head, data in zip(heads, renditions, strict=True)
    ]
    replacement = made.pop() if reply.replacement else None
    if any(each.mime not in SHOWN for each in made) or (replacement and replacement.mime != mime):
        raise ContentCorrupt("", mime, (), reason="the parser failed: its process broke the protocol")
    return Inspection(
        mime,
        reply.width,
        reply.height,
        reply.frames,
        reply.findings,
        tuple(made),
        replacement,
        reply.encoding,
        reply.thumbhash,
    )
