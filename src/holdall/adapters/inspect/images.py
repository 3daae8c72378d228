"""Pictures: the header against the limits, then one decode that both proves the file and makes its renditions.

libvips decodes lazily and in order, so that a 12-megapixel photograph needs a few megabytes. Two of its habits shape
this module (found by cutting files at every hundredth byte, libvips 8.18): its one-call ``thumbnail`` forgives a
truncated file whatever ``fail_on`` says, so files are loaded with ``fail_on`` first and shrunk then; and no decoder
asks for the end mark, so the structure is walked for it. What libjpeg calls a warning (bytes between segments, as some
phones write them) is not held against a file; browsers show it too.
"""

import base64

import pyvips

from holdall.adapters.inspect import jpeg, pixels, polyglot, renditions, structure
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt, ImageOverLimit
from holdall.domain.files import Inspection, Rendition
from holdall.domain.variants import Format, Recipe

_LOADERS = {"image/jpeg": "jpegload", "image/png": "pngload", "image/gif": "gifload", "image/webp": "webpload"}
ALLOWED_LOADERS = (
    "VipsForeignLoadJpeg",
    "VipsForeignLoadPng",
    "VipsForeignLoadWebp",
    "VipsForeignLoadNsgif",
)
"""The four that the allow-list opens; every other loader of libvips (SVG, TIFF, raw, CSV …) stays shut."""

_TURNED = frozenset({5, 6, 7, 8})
"""EXIF orientations that lay the picture on its side."""


def allow_loaders() -> None:
    """Shut every loader and open the four; also do once what libvips would do at its first use.

    The cache of past operations goes too: it would keep pixels of one user's file while another's is decoded.
    """
    jpeg.allow_loader()
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in ALLOWED_LOADERS:
        pyvips.operation_block_set(name, False)
    pyvips.cache_set_max(0)
    dot = pyvips.Image.black(32, 32, bands=3).copy(interpretation="srgb")
    for saver in (dot.jpegsave_buffer, dot.pngsave_buffer, dot.webpsave_buffer, dot.gifsave_buffer):
        pixels.fitted(pixels.opened(saver()), 16).webpsave_buffer()


def inspect(file: int, job: Job) -> Inspection:
    """Prove an image and make its renditions.

    Width and height are those of the picture as it is shown, that is, after its EXIF orientation.

    Raises:
        Corrupt: it is cut short, does not decode throughout, or is of another type than ``job.mime``.
        ImageOverLimit: by its header, it has more pixels or frames than ``job.limits`` allow.

    """
    data = renditions.read(file)
    photo = jpeg.opened(data) if job.mime == "image/jpeg" else None
    return _inspected(data, job) if photo is None else _photographed(photo, data, job)


def _photographed(photo: jpeg.Photo, data: structure.Bytes, job: Job) -> Inspection:
    jpeg.hold_to_limits(photo, job)
    findings = _findings(data, job.mime)
    return found(job, photo.size, 1, findings, photo.made(data, job))


def _inspected(data: structure.Bytes, job: Job) -> Inspection:
    try:
        header = pixels.opened(data)
        frames = _frames(header, data, job.mime)
        hold_to_limits(header, frames, job)
        if structure.announced_pixels(data, job.mime) > job.limits.max_pixels:
            raise ImageOverLimit(f"its screen is over {job.limits.max_pixels} pixels")
        findings = _findings(data, job.mime)
        made = renditions.made(header, data, job)
    except pyvips.Error as error:
        raise Corrupt(first_line(error)) from error
    return found(job, shown_size(header), frames, findings, made)


def found(job: Job, size: tuple[int, int], frames: int, findings: tuple[str, ...], made: renditions.Made) -> Inspection:
    """What came of one decode; the size is that of the picture that is kept."""
    kept = made.replacement
    width, height = size if kept is None else (kept.width, kept.height)
    shown = base64.b64encode(made.thumbhash).decode()
    return Inspection(job.mime, width, height, frames, findings, made.renditions, kept, thumbhash=shown)


def rendition(file: int, job: Job, recipe: Recipe) -> Rendition:
    """One rendition of a picture that was proved when it came in.

    Raises:
        Corrupt: it does not decode after all.

    """
    data = renditions.read(file)
    try:
        photo = jpeg.opened(data) if job.mime == "image/jpeg" and recipe.format is not Format.SAME else None
        return renditions.of_picture(data, job, recipe) if photo is None else photo.rendition(recipe)
    except pyvips.Error as error:
        raise Corrupt(first_line(error)) from error


def _findings(data: structure.Bytes, mime: str) -> tuple[str, ...]:
    """What is odd about the file around the picture, which must be there to its end."""
    end = structure.end_of_image(data, mime)
    if end is None:
        raise Corrupt("the file ends before the image does")
    return polyglot.of_image(data, end, mime)


def _frames(header: pyvips.Image, data: structure.Bytes, mime: str) -> int:
    """How many frames there are; also makes sure that the decoder is the one of the type."""
    if not header.get("vips-loader").startswith(_LOADERS[mime]):
        raise Corrupt(f"it is not {mime}")
    if mime == "image/png":
        return structure.count_png_frames(data)
    return int(header.get("n-pages")) if header.get_typeof("n-pages") else 1


def hold_to_limits(header: pyvips.Image, frames: int, job: Job) -> None:
    """Refuse by the header alone: a 60 000 x 60 000 PNG is 437 KB as a file and 10 GB as pixels."""
    pixels = header.width * header.height
    if pixels > job.limits.max_pixels:
        raise ImageOverLimit(f"{header.width} x {header.height} is over {job.limits.max_pixels} pixels")
    if frames > job.limits.max_frames:
        raise ImageOverLimit(f"{frames} frames are over {job.limits.max_frames}")
    if frames > 1 and pixels * frames > job.limits.max_animated_pixels:
        raise ImageOverLimit(f"{frames} frames of {pixels} pixels are over {job.limits.max_animated_pixels}")


def shown_size(header: pyvips.Image) -> tuple[int, int]:
    """Width and height as the picture is shown."""
    is_turned = header.get_typeof("orientation") and header.get("orientation") in _TURNED
    return (header.height, header.width) if is_turned else (header.width, header.height)


def first_line(error: pyvips.Error) -> str:
    """What libvips says, without the stack of its operations."""
    lines = (error.detail or "").strip().splitlines()
    return lines[0][:200] if lines else "it does not decode"
