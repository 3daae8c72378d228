"""What is sent: photographs of a given weight, and text. Each carries a mark that is different in every upload."""

from dataclasses import dataclass

import pyvips

MARK = b"0" * 32
"""Stands where each upload gets 32 digits of its own; without them, every upload after the first would be a copy."""
_QUANTISATION = b"\xff\xdb\x00\x43\x00"
"""Begins the segment with the 64 steps of the brightness."""
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
    """The image with the mark as the steps of its finest detail, so that each upload has pixels of its own.

    In a comment it would be lost with the rest of the metadata, and every upload after the first would be a copy again.
    """
    end = jpeg.index(_QUANTISATION) + len(_QUANTISATION) + 64
    return jpeg[: end - len(MARK)] + MARK + jpeg[end:]
