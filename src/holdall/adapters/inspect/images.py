"""Pictures: the header against the limits, then one decode that both proves the file and makes its renditions.

libvips decodes lazily and in order, so that a 12-megapixel photograph needs a few megabytes. Two of its habits shape
this module (found by cutting files at every hundredth byte, libvips 8.18): its one-call ``thumbnail`` forgives a
truncated file whatever ``fail_on`` says, so files are loaded with ``fail_on`` first and shrunk then; and no decoder
asks for the end mark, so the structure is walked for it. What libjpeg calls a warning (bytes between segments, as some
phones write them) is not held against a file; browsers show it too.
"""

import mmap
import os
from typing import Any

import pyvips

from holdall.adapters.inspect import jpeg, structure
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt, ImageOverLimit
from holdall.domain.files import Inspection, Rendition
from holdall.domain.variants import Recipe

_LOADERS = {"image/jpeg": "jpegload", "image/png": "pngload", "image/gif": "gifload", "image/webp": "webpload"}
ALLOWED_LOADERS = (
    "VipsForeignLoadJpeg",
    "VipsForeignLoadPng",
    "VipsForeignLoadWebp",
    "VipsForeignLoadNsgif",
)
"""The four that the allow-list opens; every other loader of libvips (SVG, TIFF, raw, CSV …) stays shut."""

_WEBP_EFFORT = 2
"""Of 0 to 6. At 256 pixels, effort 4 takes twice the time of 2 for 2 % fewer bytes, effort 0 takes 3/4 of it for 25 %
more (docs/explanation/benchmarks)."""

_HELD_BYTES = 1 << 20
"""A file up to this size is read at once: libvips takes 0.4 ms less for a buffer than for a source."""

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
        _fitted(_opened(saver()), 16).webpsave_buffer()


def inspect(file: int, job: Job) -> Inspection:
    """Prove an image and make its renditions.

    Width and height are those of the picture as it is shown, that is, after its EXIF orientation.

    Raises:
        Corrupt: it is cut short, does not decode throughout, or is of another type than ``job.mime``.
        ImageOverLimit: by its header, it has more pixels or frames than ``job.limits`` allow.

    """
    size = os.fstat(file).st_size
    data = os.pread(file, size, 0) if size <= _HELD_BYTES else mmap.mmap(file, 0, access=mmap.ACCESS_READ)
    photo = jpeg.opened(data) if job.mime == "image/jpeg" else None
    return _inspected(data, job) if photo is None else _photographed(photo, data, job)


def _photographed(photo: jpeg.Photo, data: structure.Bytes, job: Job) -> Inspection:
    jpeg.hold_to_limits(photo, job)
    findings = _findings(data, job.mime)
    return Inspection(job.mime, *photo.size, 1, findings, photo.renditions(job.recipes))


def _inspected(data: structure.Bytes, job: Job) -> Inspection:
    try:
        header = _opened(data)
        frames = _frames(header, data, job.mime)
        _hold_to_limits(header, frames, job)
        findings = _findings(data, job.mime)
        renditions = _decoded(header, data, job)
    except pyvips.Error as error:
        raise Corrupt(_first_line(error)) from error
    return Inspection(job.mime, *_shown_size(header), frames, findings, renditions)


def _findings(data: structure.Bytes, mime: str) -> tuple[str, ...]:
    """What is odd about the file around the picture, which must be there to its end."""
    end = structure.end_of_image(data, mime)
    if end is None:
        raise Corrupt("the file ends before the image does")
    return ("trailing-data",) if structure.has_trailing_data(data, end) else ()


def _opened(data: structure.Bytes, **options: Any) -> pyvips.Image:
    """The image, of which only the header is read yet; errors in its pixels will be raised, not painted grey."""
    if isinstance(data, bytes):
        return pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="error", **options)
    source = pyvips.Source.new_from_memory(data)
    return pyvips.Image.new_from_source(source, "", access="sequential", fail_on="error", **options)


def _frames(header: pyvips.Image, data: structure.Bytes, mime: str) -> int:
    """How many frames there are; also makes sure that the decoder is the one of the type."""
    if not header.get("vips-loader").startswith(_LOADERS[mime]):
        raise Corrupt(f"it is not {mime}")
    if mime == "image/png":
        return structure.count_png_frames(data)
    return int(header.get("n-pages")) if header.get_typeof("n-pages") else 1


def _hold_to_limits(header: pyvips.Image, frames: int, job: Job) -> None:
    """Refuse by the header alone: a 60 000 x 60 000 PNG is 437 KB as a file and 10 GB as pixels."""
    pixels = header.width * header.height
    if pixels > job.limits.max_pixels:
        raise ImageOverLimit(f"{header.width} x {header.height} is over {job.limits.max_pixels} pixels")
    if frames > job.limits.max_frames:
        raise ImageOverLimit(f"{frames} frames are over {job.limits.max_frames}")
    if frames > 1 and pixels * frames > job.limits.max_animated_pixels:
        raise ImageOverLimit(f"{frames} frames of {pixels} pixels are over {job.limits.max_animated_pixels}")


def _decoded(header: pyvips.Image, data: structure.Bytes, job: Job) -> tuple[Rendition, ...]:
    """Decode every scanline of every frame, and make what the recipes ask for on the way."""
    is_animated = header.get_typeof("n-pages") and header.get("n-pages") > 1
    if is_animated or not job.recipes:
        _read_all(_opened(data, n=-1) if is_animated else _opened(data))
    if not job.recipes:
        return ()
    box = max(recipe.box for recipe in job.recipes)
    largest = _plain(_fitted(_shrunk_on_load(header, data, box), box))
    if len(job.recipes) > 1:
        largest = largest.copy_memory()  # decoded once, whatever is made of it
    return tuple(_rendition(largest, box, recipe) for recipe in job.recipes)


def _read_all(image: pyvips.Image) -> None:
    """Ask for the last pixel: an image that is read in order has then been read."""
    image.getpoint(image.width - 1, image.height - 1)


def _shrunk_on_load(header: pyvips.Image, data: structure.Bytes, box: int) -> pyvips.Image:
    """The image, decoded at a fraction of its size where its format can do that; still twice the box, for quality.

    A JPEG decoder that leaves out high frequencies reads the whole stream all the same.
    """
    times = min(max(header.width, header.height) / box, 2 * min(header.width, header.height))  # leave a pixel's width
    loader = header.get("vips-loader")
    if loader.startswith("jpegload"):
        fraction = next((fraction for fraction in (8, 4, 2) if times >= fraction * 2), 1)
        return _opened(data, shrink=fraction) if fraction > 1 else _opened(data)
    if loader.startswith("webpload") and times > 2:  # noqa: PLR2004 - twice the box, as above
        return _opened(data, scale=2 / times)
    return _opened(data)


def _fitted(image: pyvips.Image, box: int) -> pyvips.Image:
    """The image turned upright and fitted into the box; never enlarged."""
    return image.thumbnail_image(box, height=box, size="down")


def _plain(image: pyvips.Image) -> pyvips.Image:
    """The image in sRGB, eight bits a sample.

    Converting through an ICC profile costs 10 ms whatever the size, so it is done for the profiles that change
    something, and a profile that calls itself sRGB does not.
    """
    is_cmyk = image.interpretation == "cmyk"
    if is_cmyk or _has_foreign_profile(image):
        try:
            return image.icc_transform("srgb", embedded=True, **({"input_profile": "cmyk"} if is_cmyk else {}))
        except pyvips.Error:
            pass  # a broken profile: the pixels are sound, so they are shown by their numbers
    return image if image.interpretation == "srgb" else image.colourspace("srgb")


def _has_foreign_profile(image: pyvips.Image) -> bool:
    """Whether it carries a profile of colours other than sRGB's."""
    if not image.get_typeof("icc-profile-data"):
        return False
    profile = image.get("icc-profile-data")
    return b"sRGB" not in profile and b"s\x00R\x00G\x00B" not in profile


def _rendition(largest: pyvips.Image, box: int, recipe: Recipe) -> Rendition:
    """One rendition, without metadata."""
    image = largest if recipe.box == box else _fitted(largest, recipe.box)
    if image.hasalpha():
        data, mime = image.webpsave_buffer(Q=recipe.quality, effort=_WEBP_EFFORT, keep="none"), "image/webp"
    else:
        data, mime = image.jpegsave_buffer(Q=recipe.quality, keep="none"), "image/jpeg"
    return Rendition(recipe.name, mime, image.width, image.height, data)


def _shown_size(header: pyvips.Image) -> tuple[int, int]:
    """Width and height as the picture is shown."""
    is_turned = header.get_typeof("orientation") and header.get("orientation") in _TURNED
    return (header.height, header.width) if is_turned else (header.width, header.height)


def _first_line(error: pyvips.Error) -> str:
    """What libvips says, without the stack of its operations."""
    lines = (error.detail or "").strip().splitlines()
    return lines[0][:200] if lines else "it does not decode"
