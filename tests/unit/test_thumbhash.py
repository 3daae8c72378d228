"""The hash, read back by a decoder written from the format's description, looks like its picture."""

import math
import random
from collections.abc import Iterator

import pytest

from holdall.adapters.inspect.thumbhash import thumbhash


def decoded(hash: bytes, at: tuple[float, float]) -> tuple[float, float, float, float]:
    """Red, green, blue and opacity at a place (0 to 1 across and down)."""
    head, shape = int.from_bytes(hash[:3], "little"), int.from_bytes(hash[3:5], "little")
    has_alpha, is_wide = bool(head >> 23), bool(shape >> 15)
    limit = 5 if has_alpha else 7
    across = max(3, limit if is_wide else shape & 7)
    down = max(3, shape & 7 if is_wide else limit)
    nibbles = (nibble for byte in hash[6 if has_alpha else 5 :] for nibble in (byte & 15, byte >> 4))
    light = (head & 63) / 63 + _waves(nibbles, across, down, (head >> 18 & 31) / 31, at)
    yellow = (head >> 6 & 63) / 31.5 - 1 + _waves(nibbles, 3, 3, (shape >> 3 & 63) / 63, at)
    purple = (head >> 12 & 63) / 31.5 - 1 + _waves(nibbles, 3, 3, (shape >> 9 & 63) / 63, at)
    alpha = (hash[5] & 15) / 15 + _waves(nibbles, 5, 5, (hash[5] >> 4) / 15, at) if has_alpha else 1.0
    blue = light - 2 / 3 * yellow
    red = (3 * light - blue + purple) / 2
    return red, red - purple, blue, alpha


def _waves(nibbles: Iterator[int], across: int, down: int, scale: float, at: tuple[float, float]) -> float:
    total = 0.0
    for y in range(down):
        for x in range(across):
            if (x or y) and x * down < across * (down - y):
                wave = math.cos(math.pi * x * at[0]) * math.cos(math.pi * y * at[1])
                total += (next(nibbles) / 7.5 - 1) * scale * wave * (2 if x else 1) * (2 if y else 1)
    return total


def flat(width: int, height: int, *pixel: int) -> bytes:
    return bytes(pixel) * (width * height)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 40, 40), (40, 200, 40), (40, 40, 200)])
@pytest.mark.parametrize("size", [(16, 12), (12, 16), (16, 16), (16, 1), (1, 16), (1, 1)])
def test_one_colour_comes_back(colour: tuple[int, int, int], size: tuple[int, int]):
    for pixel in (colour, (*colour, 255)):
        found = decoded(thumbhash(*size, flat(*size, *pixel), len(pixel)), (0.5, 0.5))
        assert found == pytest.approx((*(value / 255 for value in colour), 1.0), abs=0.05)


def test_what_is_left_and_below_stays_there():
    rows = [[(230, 20, 20) if x < 8 else (20, 20, 230) for x in range(16)] for _ in range(12)]
    hash = thumbhash(16, 12, bytes(value for row in rows for pixel in row for value in pixel), 3)

    assert decoded(hash, (0.2, 0.5))[0] > decoded(hash, (0.8, 0.5))[0] + 0.4
    assert decoded(hash, (0.8, 0.5))[2] > decoded(hash, (0.2, 0.5))[2] + 0.4
    dark_below = b"".join(flat(12, 1, *[255 - 15 * y] * 3) for y in range(16))
    assert decoded(thumbhash(12, 16, dark_below, 3), (0.5, 0.1))[1] > 0.7
    assert decoded(thumbhash(12, 16, dark_below, 3), (0.5, 0.9))[1] < 0.3


def test_what_one_can_see_through_is_told():
    pixels = b"".join(flat(8, 1, 250, 10, 10, 255) + flat(8, 1, 0, 0, 0, 0) for _ in range(16))
    hash = thumbhash(16, 16, pixels, 4)

    assert decoded(hash, (0.2, 0.5))[3] > 0.8
    assert decoded(hash, (0.8, 0.5))[3] < 0.2
    assert decoded(hash, (0.2, 0.5))[0] > 0.8


def test_it_is_short_whatever_the_picture():
    chance = random.Random(1)  # noqa: S311  a test that fails twice alike
    for _ in range(50):
        width, height, bands = chance.randint(1, 16), chance.randint(1, 16), chance.choice((3, 4))
        hash = thumbhash(width, height, chance.randbytes(width * height * bands), bands)
        assert 5 < len(hash) <= 25 + 5
        assert decoded(hash, (0.5, 0.5))
