"""Photographs: the JPEG of every camera and phone, in grey or YCbCr with sRGB's colours, by Pillow.

libvips makes threads and pipelines for every operation, which for a large picture is nothing and for an avatar is most
of the cost: 20 KB take it 4.5 ms and Pillow 1.8, 200 KB 8 and 4, 4 MB 50 and 43 (docs/decisions/0030). What needs more
than shrinking (CMYK, a profile of other colours) is left to libvips.
"""

import io
from typing import cast

from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError
from PIL import MpoImagePlugin as _Mpo  # noqa: F401  as below
from PIL import TiffImagePlugin as _Tiff  # noqa: F401  Pillow would import it later, when no file can be opened
from PIL import WebPImagePlugin as _WebP  # noqa: F401  as above

from holdall.adapters.inspect import optimise
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.pixels import WEBP_EFFORT
from holdall.adapters.inspect.refusals import Corrupt, ImageOverLimit
from holdall.adapters.inspect.renditions import NEARLY, Made, decoded_box
from holdall.adapters.inspect.strip import LYING
from holdall.adapters.inspect.structure import Bytes
from holdall.adapters.inspect.thumbhash import SIDE, thumbhash
from holdall.domain.files import Rendition
from holdall.domain.policy import InspectionLimits
from holdall.domain.variants import Format, Master, Recipe

_FORMATS = ("JPEG",)
_MIME = "image/jpeg"
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
        return (height, width) if self._orientation in LYING else (width, height)

    def made(self, data: Bytes, job: Job) -> Made:
        """Decode the file to its end, and make what the job asks for on the way.

        Raises:
            Corrupt: it does not decode.

        """
        if not (job.recipes or job.master):
            self._decoded(1)
            return Made()
        box = max((decoded_box(*self._stored, recipe) for recipe in job.recipes), default=SIDE)
        master = job.master if job.master and self._is_to_change(data, job.master) else None
        largest = self._decoded(box) if master is None else self._decoded(max(box, master.box), NEARLY)
        return Made(
            tuple(_rendition(largest, recipe, self._orientation) for recipe in job.recipes),
            self._replacement(data, largest, master, job.master) if job.master else None,
            self._hash(largest),
        )

    def rendition(self, recipe: Recipe) -> Rendition:
        """One rendition; for errors see ``made``."""
        return _rendition(self._decoded(decoded_box(*self._stored, recipe)), recipe, self._orientation)

    def _is_to_change(self, data: Bytes, master: Master) -> bool:
        """Whether a copy would not do as the master, or would be heavier than need be."""
        if master.copies:
            return False
        return self._is_turned or max(self._stored) > master.box or optimise.is_finer(data, master.quality)

    def _replacement(self, data: Bytes, largest: Image.Image, master: Master | None, wanted: Master) -> Rendition:
        """The master that is ``wanted``; with ``None``, a copy."""
        if wanted.copies:
            return optimise.original(self._stored, data, _MIME, self._orientation)
        if master is None:
            return optimise.copied(self.size, data, _MIME)
        size = _fitted(largest.size, master.box)
        image = largest if largest.size == size else _shrunk(largest, size)
        upright = image.transpose(_UPRIGHT[self._orientation]) if self._is_turned else image
        made = Rendition(optimise.NAME, _MIME, *upright.size, _saved(upright, "JPEG", master.quality))
        return made if self._is_turned else optimise.lighter(made, self.size, data)

    def _hash(self, largest: Image.Image) -> bytes:
        small = largest.resize(_fitted(largest.size, SIDE), Image.Resampling.BOX, reducing_gap=_BY_WHOLE_PIXELS)
        upright = small.transpose(_UPRIGHT[self._orientation]) if self._is_turned else small
        return thumbhash(*upright.size, upright.convert("RGB").tobytes(), 3)

    @property
    def _is_turned(self) -> bool:
        return self._orientation in _UPRIGHT

    def _decoded(self, box: int, spare: float = _SPARE) -> Image.Image:
        """The whole stream read, at the smallest scale that leaves enough for this box."""
        width, height = _fitted(self._stored, box)
        try:
            self._image.draft(self._image.mode, (round(width * spare), round(height * spare)))
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
    dot_recipe = Recipe("dot", 16)
    photo.made(dot.getvalue(), Job("image", _MIME, InspectionLimits(), (dot_recipe, dot_recipe.as_webp())))


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
    if recipe.crops:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    small = _shrunk(image, _fitted(image.size, recipe.box))
    if orientation in _UPRIGHT:
        small = small.transpose(_UPRIGHT[orientation])
    format, mime = ("WEBP", "image/webp") if recipe.format is Format.WEBP else ("JPEG", _MIME)
    return Rendition(recipe.name, mime, small.width, small.height, _saved(small, format, recipe.quality))


def _shrunk(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.HAMMING, reducing_gap=_BY_WHOLE_PIXELS)


def _saved(image: Image.Image, format: str, quality: int) -> bytes:
    """The image as a file. What the original has to say beside its pixels would come along if it were not denied."""
    out = io.BytesIO()
    bare = {"exif": b"", "icc_profile": None, "xmp": b""}
    if format == "WEBP":
        image.save(out, format, quality=quality, method=WEBP_EFFORT, **bare)
    else:
        image.save(out, format, quality=quality, comment=b"", **bare)
    return out.getvalue()
