"""What is sent: photographs of a given weight, and text. Each carries a mark that is different in every upload."""

from dataclasses import dataclass

import pyvips

MARK = b"0" * 32
"""Stands where each upload gets 32 digits of its own; without them, every upload after the first would be a copy."""
_START_OF_IMAGE, _COMMENT = b"\xff\xd8", b"\xff\xfe"
_QUALITIES = range(20, 98)
_GRAIN, _SMALLEST_SHAPE = 8.0, 8


@dataclass(frozen=True, slots=True)
class Sample:
    """A file to send, with the mark somewhere inside."""

    title: str
    name: str
    mime: str
    data: bytes


def photo(title: str, width: int, height: int, wanted_bytes: int) -> Sample:
    """A JPEG of about this many bytes: soft shapes under film grain, so that the decoder works as on a photograph."""
    pixels = _pixels(width, height)
    low, high = _QUALITIES.start, _QUALITIES.stop
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if len(_jpeg(pixels, middle)) <= wanted_bytes else (low, middle)
    return Sample(title, "photo.jpg", "image/jpeg", _marked(_jpeg(pixels, low)))


def text(title: str, wanted_bytes: int) -> Sample:
    """Prose, one sentence a line."""
    line = b"The crew found the north side of the roof sound, and noted it on sheet %04d.\n"
    lines = b"".join(line % number for number in range(wanted_bytes // 70))
    return Sample(title, "notes.txt", "text/plain", MARK + b"\n" + lines[: wanted_bytes - 33])


def _pixels(width: int, height: int) -> pyvips.Image:
    bands = [_band(width, height, seed) for seed in (1, 2, 3)]
    return bands[0].bandjoin(bands[1:]).copy(interpretation="srgb").copy_memory()


def _band(width: int, height: int, seed: int) -> pyvips.Image:
    """Shapes of every size, the smaller the fainter, as nature has them; over all of it the grain of a sensor."""
    band = pyvips.Image.gaussnoise(width, height, mean=128, sigma=_GRAIN, seed=seed)
    strength, cell = 70.0, min(width, height) // 2
    while cell >= _SMALLEST_SHAPE:
        band += pyvips.Image.perlin(width, height, cell_size=cell, seed=seed) * strength
        strength, cell = strength * 0.7, cell // 2
    return band.cast("uchar")


def _jpeg(pixels: pyvips.Image, quality: int) -> bytes:
    return bytes(pixels.jpegsave_buffer(Q=quality, subsample_mode="on", keep="none"))


def _marked(jpeg: bytes) -> bytes:
    """The image with the mark in a comment segment, right after its first segment (JFIF wants to be first)."""
    end = 4 + int.from_bytes(jpeg[4:6], "big")
    comment = _COMMENT + (len(MARK) + 2).to_bytes(2, "big") + MARK
    return jpeg[:end] + comment + jpeg[end:] if jpeg.startswith(_START_OF_IMAGE) else jpeg
