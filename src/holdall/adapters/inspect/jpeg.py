"""Photographs: the JPEG of every camera and phone, in grey or YCbCr with sRGB's colours, by Pillow.

libvips makes threads and pipelines for every operation, which for a large picture is nothing and for an avatar is most
of the cost: 20 KB take it 4.5 ms and Pillow 1.8, 200 KB 8 and 4, 4 MB 50 and 43 (docs/decisions/0030). What needs more
than shrinking (CMYK, a profile of other colours) is left to libvips.
"""

import io
from collections.abc import Sequence
from typing import cast

from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt, ImageOverLimit
from holdall.adapters.inspect.structure import Bytes
from holdall.domain.files import Rendition
from holdall.domain.variants import Recipe

_FORMATS = ("JPEG",)
_PLAIN_MODES = frozenset({"L", "RGB"})
_ORIENTATION = 0x0112
"""The EXIF tag."""
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = frozenset({5, 6, 7, 8})
"""Orientations that lay the picture on its side."""
_SPARE = 1.75
"""The decoder may leave out high frequencies as long as so many times the wanted size is left, for quality."""
_BY_WHOLE_PIXELS = 1.5
"""Pixels are first averaged in whole blocks, down to so many times the wanted size."""


class Photo:
    """A JPEG of which the header was read."""

    def __init__(self, image: JpegImagePlugin.JpegImageFile) -> None:
        self._image = image
        self._stored = image.size
        self._orientation = _orientation(image)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture as it is shown."""
        width, height = self._stored
        return (height, width) if self._orientation in _LYING else (width, height)

    def renditions(self, recipes: Sequence[Recipe]) -> tuple[Rendition, ...]:
        """Decode the file to its end, and make what the recipes ask for on the way.

        Raises:
            Corrupt: it does not decode.

        """
        largest = self._decoded(max((recipe.box for recipe in recipes), default=1))
        return tuple(_rendition(largest, recipe, self._orientation) for recipe in recipes)

    def _decoded(self, box: int) -> Image.Image:
        """The whole stream read, at the smallest scale that leaves enough for this box."""
        width, height = _fitted(self._stored, box)
        try:
            self._image.draft(self._image.mode, (round(width * _SPARE), round(height * _SPARE)))
            self._image.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise Corrupt(f"it does not decode: {error}"[:200]) from error
        return self._image


def allow_loader() -> None:
    """Do once what Pillow would do at its first use, and lift its limit on pixels in favour of ours."""
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    dot = io.BytesIO()
    Image.new("RGB", (32, 32)).save(dot, "JPEG")
    photo = opened(dot.getvalue())
    assert photo is not None  # noqa: S101  we wrote it
    photo.renditions((Recipe("dot", 16),))


def opened(data: Bytes) -> Photo | None:
    """The photograph, of which only the header is read yet; ``None`` where it takes libvips to show it.

    Raises:
        Corrupt: it has no header of a JPEG.

    """
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    file.seek(0)
    try:
        image = Image.open(cast("io.BytesIO", file), formats=_FORMATS)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise Corrupt("it has no header of a JPEG") from error
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        raise Corrupt("it is no JPEG")
    if image.mode not in _PLAIN_MODES or _has_foreign_profile(image):
        return None
    return Photo(image)


def hold_to_limits(photo: Photo, job: Job) -> None:
    """Refuse by the header alone.

    Raises:
        ImageOverLimit: more pixels than ``job.limits`` allow.

    """
    width, height = photo.size
    if width * height > job.limits.max_pixels:
        raise ImageOverLimit(f"{width} x {height} is over {job.limits.max_pixels} pixels")


def _orientation(image: Image.Image) -> int:
    """How the picture is to be turned, as its EXIF says; 1 where that cannot be read."""
    if "exif" not in image.info:
        return 1
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # noqa: BLE001  broken EXIF is no broken picture, and there is no end to how it can be broken
        return 1
    return found if found in _UPRIGHT else 1


def _has_foreign_profile(image: Image.Image) -> bool:
    """Whether it carries a profile of colours other than sRGB's."""
    profile = image.info.get("icc_profile", b"")
    return bool(profile) and b"sRGB" not in profile and b"s\x00R\x00G\x00B" not in profile


def _fitted(size: tuple[int, int], box: int) -> tuple[int, int]:
    """The size of a picture fitted into the box; never enlarged."""
    scale = min(1.0, box / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _rendition(image: Image.Image, recipe: Recipe, orientation: int) -> Rendition:
    """One rendition, upright and without metadata."""
    small = image.resize(_fitted(image.size, recipe.box), Image.Resampling.HAMMING, reducing_gap=_BY_WHOLE_PIXELS)
    if orientation in _UPRIGHT:
        small = small.transpose(_UPRIGHT[orientation])
    out = io.BytesIO()
    small.save(out, "JPEG", quality=recipe.quality, comment=b"")  # a comment of the original would come along
    return Rendition(recipe.name, "image/jpeg", small.width, small.height, out.getvalue())
