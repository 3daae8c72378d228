"""Pixels: how a picture is opened, brought to its size, turned upright and made sRGB, and how it is encoded.

Every rendition goes through ``encoded``, which keeps no metadata, so that none can carry a place or a payload.
"""

from collections.abc import Callable
from typing import Any

import pyvips

from holdall.adapters.inspect import structure
from holdall.domain.files import Rendition
from holdall.domain.variants import Format, Recipe

WEBP_EFFORT = 2
"""Of 0 to 6. At 256 pixels, effort 4 takes twice the time of 2 for 2 % fewer bytes, effort 0 takes 3/4 of it for 25 %
more (docs/reference/benchmarks.md)."""
_GIF_EFFORT = 3
_FRACTIONS = (8, 4, 2)
"""Into which a JPEG decoder can divide a picture while it decodes."""
_EVERY_FRAME = -1
_GREYS = frozenset({"b-w", "grey16"})


def opened(data: structure.Bytes, **options: Any) -> pyvips.Image:
    """The image, of which only the header is read yet; errors in its pixels will be raised, not painted grey."""
    if isinstance(data, bytes):
        return pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error", **options)
    source = pyvips.Source.new_from_memory(data)
    return pyvips.Image.new_from_source(source, "", access="sequential", fail_on="error", **options)


def read_all(image: pyvips.Image) -> None:
    """Ask for the last pixel: an image that is read in order has then been read."""
    image.getpoint(image.width - 1, image.height - 1)


def is_animated(header: pyvips.Image) -> bool:
    """Whether the decoder sees more than one frame."""
    return bool(header.get_typeof("n-pages") and header.get("n-pages") > 1)


def shrunk_on_load(header: pyvips.Image, data: structure.Bytes, box: int, spare: float = 2.0) -> pyvips.Image:
    """The image, decoded at a fraction of its size where its format can do that; ``spare`` times the box at least.

    Twice the box costs no quality that anyone sees. A JPEG decoder that leaves out high frequencies reads the whole
    stream all the same.
    """
    shorter, longer = sorted((header.width, header.height))
    times = min(longer / box, spare * shorter)  # leave a pixel's width
    loader = header.get("vips-loader")
    if loader.startswith("jpegload"):
        fraction = next((fraction for fraction in _FRACTIONS if times >= fraction * spare), 1)
        return opened(data, shrink=fraction) if fraction > 1 else opened(data)
    if loader.startswith("webpload") and times > max(spare, 1.0):
        return opened(data, scale=max(spare, 1.0) / times)
    return opened(data)


def fitted(image: pyvips.Image, box: int) -> pyvips.Image:
    """The image turned upright and fitted into the box; never enlarged."""
    return image.thumbnail_image(box, height=box, size="down")


def averaged(image: pyvips.Image, box: int) -> pyvips.Image:
    """The image in the box, each pixel the plain average of those it stands for: a third of the work of ``fitted``."""
    times = max(image.width, image.height) / box
    if times <= 1:
        return image
    return fitted(image, box) if image.hasalpha() else image.shrink(min(times, image.width), min(times, image.height))


def upright_within(image: pyvips.Image, box: int) -> pyvips.Image:
    """As ``fitted``; what fits already keeps its pixels to the last bit."""
    if max(image.width, image.height) > box:
        return fitted(image, box)
    return image.copy_memory().autorot() if is_turned(image) else image


def cropped(image: pyvips.Image, box: int) -> pyvips.Image:
    """The middle of the image in a square, as large as the shorter side allows."""
    side = min(box, image.width, image.height)
    return image.thumbnail_image(side, height=side, crop="centre")


def is_turned(header: pyvips.Image) -> bool:
    """Whether an EXIF orientation says that the picture is to be shown otherwise than it is stored."""
    return bool(header.get_typeof("orientation") and header.get("orientation") != 1)


def plain(image: pyvips.Image) -> pyvips.Image:
    """The image in sRGB, or in grey where it has no colours; eight bits a sample.

    Converting through an ICC profile costs 10 ms whatever the size, so it is done for the profiles that change
    something, and a profile that calls itself sRGB does not.
    """
    is_cmyk = image.interpretation == "cmyk"
    if is_cmyk or has_foreign_profile(image):
        try:
            return image.icc_transform("srgb", embedded=True, **({"input_profile": "cmyk"} if is_cmyk else {}))
        except pyvips.Error:
            pass  # a broken profile: the pixels are sound, so they are shown by their numbers
    wanted = "b-w" if image.interpretation in _GREYS else "srgb"
    return image if image.interpretation == wanted else image.colourspace(wanted)


def has_foreign_profile(image: pyvips.Image) -> bool:
    """Whether it carries a profile of colours other than sRGB's."""
    if not image.get_typeof("icc-profile-data"):
        return False
    profile = image.get("icc-profile-data")
    return b"sRGB" not in profile and b"s\x00R\x00G\x00B" not in profile


def rendered(image: pyvips.Image, recipe: Recipe) -> pyvips.Image:
    """A still picture brought to the recipe's size, upright and in sRGB."""
    return plain(cropped(image, recipe.box) if recipe.crops else fitted(image, recipe.box))


def each_frame(data: structure.Bytes, change: Callable[[pyvips.Image], pyvips.Image]) -> pyvips.Image:
    """An animation with every frame changed alike; its times and its number of rounds stay."""
    roll = opened(data, n=_EVERY_FRAME).copy_memory()
    height = roll.get("page-height")
    frames = [change(roll.crop(0, top, roll.width, height)) for top in range(0, roll.height, height)]
    joined = pyvips.Image.arrayjoin(frames, across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    for name in ("delay", "loop"):
        if roll.get_typeof(name):
            joined.set_type(roll.get_typeof(name), name, roll.get(name))
    return joined


def encoded(image: pyvips.Image, recipe: Recipe) -> Rendition:
    """The image in the recipe's format, without metadata."""
    height = image.get_page_height()
    moves = image.height > height
    if recipe.format is Format.WEBP:
        mime = "image/webp"
    elif moves:
        mime = "image/gif"
    else:
        mime = "image/png" if image.hasalpha() else "image/jpeg"
    return Rendition(recipe.name, mime, image.width, height, saved(image, mime, recipe.quality))


def saved(image: pyvips.Image, mime: str, quality: int) -> bytes:
    """The image as a file of this type, without metadata."""
    return bytes(_SAVERS[mime](image, quality))


_SAVERS: dict[str, Callable[[pyvips.Image, int], bytes]] = {
    "image/jpeg": lambda image, quality: image.jpegsave_buffer(Q=quality, keep="none"),
    "image/png": lambda image, _: image.pngsave_buffer(compression=6, filter="all", keep="none"),
    "image/webp": lambda image, quality: image.webpsave_buffer(Q=quality, effort=WEBP_EFFORT, keep="none"),
    "image/gif": lambda image, _: image.gifsave_buffer(effort=_GIF_EFFORT, keep="none"),
    "image/tiff": lambda image, _: image.tiffsave_buffer(compression="deflate", predictor="horizontal", keep="none"),
    "image/avif": lambda image, quality: image.heifsave_buffer(compression="av1", Q=quality, effort=2, keep="none"),
}
