"""The master of a picture: what is kept and served instead of the file that came (decision 0020).

A photograph is encoded anew where that saves a tenth; what would not get smaller, or would get worse, is copied without
its metadata, pixels untouched. Either way nothing survives but the picture.
"""

import pyvips

from holdall.adapters.inspect import pixels, structure
from holdall.adapters.inspect.strip import LYING, Kept, stripped
from holdall.domain.files import Rendition
from holdall.domain.variants import Master

_WORTH_IT = 0.9
"""A new encoding loses a little, so it has to save a tenth of the bytes."""
_STANDARD_STEPS = sum((16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40))
"""Of brightness, in the order of the file (ITU-T T.81, table K.1)."""
_FINER = 0.55
"""Quality 91 against 82, below which a new encoding saves less than a tenth."""
_TRIED_PNG_PIXELS = 1 << 20
"""PNG packs a megapixel in a tenth of a second; larger ones, screenshots mostly, are copied."""
_PLAIN_FORMATS = frozenset({"uchar"})
NAME = ""
"""The master travels among the renditions, under the name that no recipe has."""


def is_decoded_for(header: pyvips.Image, data: structure.Bytes, mime: str, master: Master) -> bool:
    """Whether the master takes the pixels of the whole picture, rather than a copy of the file less its metadata."""
    if master.copies:
        return False
    if must_change(header, mime) or _is_larger(header, master):
        return True
    if mime == "image/png":
        is_small = header.width * header.height <= _TRIED_PNG_PIXELS
        return is_small and not header.get_typeof("palette") and not pixels.is_animated(header)
    return mime == "image/jpeg" and is_finer(data, master.quality)


def is_finer(data: structure.Bytes, quality: int) -> bool:
    """Whether a JPEG was encoded well above this quality, as cameras do: anew it would be a tenth smaller, or more.

    Told by the steps that its sixteen lowest frequencies are rounded to; those of libjpeg's qualities add up to
    ``_STANDARD_STEPS`` at 50, and shrink in proportion from there.
    """
    steps = structure.jpeg_steps(data)
    return steps is not None and sum(steps[:16]) < _FINER * _STANDARD_STEPS * (200 - 2 * quality) / 100


def _is_larger(header: pyvips.Image, master: Master) -> bool:
    return bool(max(header.width, header.get_page_height()) > master.box)


def must_change(header: pyvips.Image, mime: str) -> bool:
    """Whether a copy would not do: turned, of other colours, or of more than eight bits.

    One that is merely too large may do: a line drawing of one bit a pixel grows when it is made smaller.
    """
    if mime == "image/gif":
        return False
    return (
        pixels.is_turned(header)
        or header.interpretation == "cmyk"
        or header.format not in _PLAIN_FORMATS
        or pixels.has_foreign_profile(header)
    )


def replacement(
    header: pyvips.Image, data: structure.Bytes, mime: str, master: Master, image: pyvips.Image
) -> Rendition:
    """The master. ``image`` is the whole picture within the master's box, where ``is_decoded_for`` asked for it."""
    size = header.width, header.get_page_height()
    if master.copies:
        orientation = int(header.get("orientation")) if pixels.is_turned(header) else 1
        return original(size, data, mime, orientation)
    if not is_decoded_for(header, data, mime, master):
        return copied(size, data, mime)
    if pixels.is_animated(header):
        image = pixels.each_frame(data, lambda frame: pixels.plain(pixels.upright_within(frame, master.box)))
    made = Rendition(NAME, mime, image.width, image.get_page_height(), pixels.saved(image, mime, master.quality))
    return made if must_change(header, mime) else lighter(made, size, data)


def lighter(made: Rendition, size: tuple[int, int], data: structure.Bytes) -> Rendition:
    """What was encoded anew, if that saves enough; else a copy of the file, whose picture is of this size."""
    copy = copied(size, data, made.mime)
    return made if len(made.data) <= _WORTH_IT * len(copy.data) else copy


def original(size: tuple[int, int], data: structure.Bytes, mime: str, orientation: int) -> Rendition:
    """The file less its metadata, every pixel as it came: still the right way up and in its own colours.

    ``size`` is that of the pixels as they are stored; the one that is told is that of the picture as it is shown.
    """
    width, height = reversed(size) if orientation in LYING else size
    return Rendition(NAME, mime, width, height, stripped(data[:], mime, Kept(orientation, profile=True)))


def copied(size: tuple[int, int], data: structure.Bytes, mime: str) -> Rendition:
    """The file less its metadata."""
    return Rendition(NAME, mime, *size, stripped(data[:], mime))
