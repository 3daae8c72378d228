"""HEIC, as phones write it: decoded by libheif and libde265, where ``holdall[heic]`` is installed.

libheif knows many codings; only pictures in HEVC, and what is put together of such, are let through to it here. It
refuses by itself pixels that are not of the announced size, and applies the rotation that the file asks for; an EXIF
orientation besides has no say (ISO 23008-12, 6.5.10). But of a picture in tiles, as phones write it, it forgives those
that are not there or do not decode; so the bytes of each coded picture are counted through first.
"""

import mmap
from functools import cache

import pyvips

from holdall.adapters.inspect import boxes
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt, ImageOverLimit

try:
    import pi_heif
except ImportError:  # an extra: who wants HEIC decoded installs it
    pi_heif = None

MIME = "image/heic"
_ITEMS = frozenset({b"hvc1", b"grid", b"iden", b"iovl", b"tmap", b"Exif", b"mime", b"uri "})
"""Pictures in HEVC, pictures put together of others, and metadata."""
_UNIT_LENGTH_AT, _FOUR_BYTES = 21, frozenset(bytes([upper << 2 | 0b11]) for upper in range(64))
"""Where ``hvcC`` says in the lower two bits how many bytes the lengths of units have, less one: four, as everywhere."""
_FAILURES = (ValueError, RuntimeError, OSError, EOFError, SyntaxError, NotImplementedError)
_BANDS = {"L": 1, "RGB": 3, "RGBA": 4, "RGBa": 4, "I;16": 1}
_DISPLAY_P3 = 12
"""Colour primaries in ISO 23091-2, as phones of one maker use them without a profile."""
_CURVES_LIKE_SRGB = frozenset({1, 6, 13, 14, 15})
"""Transfer characteristics in ISO 23091-2; what is missing are those of high dynamic range."""


def prepare() -> None:
    """Do once what libheif does at its first use; one thread decodes, and nothing but the pictures is looked at."""
    if pi_heif is None:
        return
    pi_heif.options.DECODE_THREADS = 1
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    pi_heif.libheif_info()
    _display_p3()


def decoded(data: mmap.mmap, job: Job) -> tuple[pyvips.Image, int, int]:
    """The main picture; where the image ends; how many pictures there are, all of which decode.

    Raises:
        Corrupt: it is cut short, does not decode throughout, is coded otherwise than in HEVC, or no decoder is
            installed.
        ImageOverLimit: by its header, it has more pixels or pictures than ``job.limits`` allow.

    """
    if pi_heif is None:
        raise Corrupt("HEIC is asked for, and its decoder is not installed")
    end = boxes.end_of_boxes(data)
    _check_items(data)
    try:
        file = pi_heif.open_heif(data[:end], convert_hdr_to_8bit=True)
        if not len(file):
            raise Corrupt("there is no picture in it")
        _hold_to_limits(file, job)
        for index, picture in enumerate(file):
            if index != file.primary_index:
                _pixels_of(picture)
        return _image(file[file.primary_index]), end, len(file)
    except _FAILURES as error:
        raise Corrupt(str(error)[:200]) from error


def _check_items(data: mmap.mmap) -> None:
    """See that there are only items that may be, and that each coded picture is whole: units, each with its length."""
    items, extents = boxes.items(data), boxes.extents(data)
    if strange := set(items.values()) - _ITEMS:
        raise Corrupt(f"it holds an item of type {min(strange)!r}")
    if any(held[_UNIT_LENGTH_AT:][:1] not in _FOUR_BYTES for held in boxes.properties(data, b"hvcC")):
        raise Corrupt("its pictures are packed in an unusual way")
    for number, type in items.items():
        if type == b"hvc1":
            _check_units(b"".join(data[start:end] for start, end in extents.get(number, [])))


def _check_units(coded: bytes) -> None:
    """Count through the units of a coded picture (ISO 14496-15, 4.3.3)."""
    position = 0
    while position < len(coded):
        position += 4 + int.from_bytes(coded[position : position + 4], "big")
    if position == 0 or position != len(coded):
        raise Corrupt("a picture in it is cut short")


def _hold_to_limits(file: "pi_heif.HeifFile", job: Job) -> None:
    """Refuse by the sizes that the header announces, before a pixel is decoded."""
    limits, sizes = job.limits, [picture.size for picture in file]
    for width, height in sizes:
        if width * height > limits.max_pixels:
            raise ImageOverLimit(f"{width} x {height} is over {limits.max_pixels} pixels")
    if len(sizes) > limits.max_frames:
        raise ImageOverLimit(f"{len(sizes)} frames are over {limits.max_frames}")
    total = sum(width * height for width, height in sizes)
    if len(sizes) > 1 and total > limits.max_animated_pixels:
        raise ImageOverLimit(f"{len(sizes)} pages of {total} pixels are over {limits.max_animated_pixels}")


def _pixels_of(picture: "pi_heif.HeifImage") -> bytes:
    """The samples, row by row without padding.

    Raises:
        Corrupt: they are not of the size that was announced.

    """
    announced = picture.size
    samples = bytes(picture.data)
    width, height = picture.size
    sample_bytes = 2 if picture.mode.endswith("16") else 1
    if picture.size != announced or len(samples) != width * height * _BANDS[picture.mode] * sample_bytes:
        raise Corrupt("its pixels are not as many as announced")
    return samples


def _image(picture: "pi_heif.HeifImage") -> pyvips.Image:
    """The picture with its colour profile; eight bits a sample, but grey, which may have sixteen."""
    if picture.mode not in _BANDS:
        raise Corrupt(f"its pixels are of the unusual kind {picture.mode}")
    samples, bands = _pixels_of(picture), _BANDS[picture.mode]
    kind = "ushort" if picture.mode == "I;16" else "uchar"
    image = pyvips.Image.new_from_memory(samples, *picture.size, bands, kind)
    if bands == 1:
        return image.copy(interpretation="grey16" if kind == "ushort" else "b-w")
    image = image.copy(interpretation="srgb")
    if picture.premultiplied_alpha:
        image = image.unpremultiply().cast("uchar").copy(interpretation="srgb")
    if profile := _profile(picture):
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image


def _profile(picture: "pi_heif.HeifImage") -> bytes:
    """The profile of its colours; empty where they are sRGB's, or told by numbers that we do not convert."""
    if "icc_profile" in picture.info:
        return bytes(picture.info["icc_profile"])
    told = picture.info.get("nclx_profile") or {}
    is_p3 = told.get("color_primaries") == _DISPLAY_P3 and told.get("transfer_characteristics") in _CURVES_LIKE_SRGB
    return _display_p3() if is_p3 else b""


@cache
def _display_p3() -> bytes:
    """The profile that libvips has built in."""
    return bytes(pyvips.Operation.call("profile_load", "p3"))
