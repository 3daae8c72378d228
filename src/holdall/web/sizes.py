"""Which rendition of a file a request asks for: ``?size=256``, ``?crop=64``; in WebP for clients that name it."""

from collections.abc import Mapping

from holdall.domain.variants import NAMED, Format, Recipe
from holdall.errors import ChoiceRefused

SIZES = tuple(name for name, recipe in NAMED.items() if not recipe.crops)
PARAMETERS = ("size", "crop")


def asked_recipe(params: Mapping[str, str]) -> Recipe | None:
    """The named recipe that the query asks for; ``None`` when it asks for the file itself.

    Raises:
        ChoiceRefused: there is no such size, or it asks for two renditions at once.

    """
    asked = [(name, params[name]) for name in PARAMETERS if name in params]
    if not asked:
        return None
    parameter, value = asked[-1]
    if len(asked) > 1 or value not in SIZES:
        raise ChoiceRefused(parameter, value[:50], SIZES)
    return NAMED[value if parameter == "size" else f"crop-{value}"]


def in_best_format(recipe: Recipe, accept: str) -> Recipe:
    """The recipe in WebP, where the ``Accept`` header names it. ``*/*`` is what programs send that may not read it."""
    return recipe.as_webp() if recipe.format is Format.PLAIN and _takes_webp(accept) else recipe


def _takes_webp(accept: str) -> bool:
    for offer in accept.split(","):
        mime, *parameters = (part.strip().lower() for part in offer.split(";"))
        if mime == "image/webp":
            return not any(_is_zero(parameter) for parameter in parameters)
    return False


def _is_zero(parameter: str) -> bool:
    """Whether it is ``q=0``, in any of its spellings."""
    name, _, value = parameter.partition("=")
    return name == "q" and not value.strip("0.")
