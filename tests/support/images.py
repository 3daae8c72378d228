"""Tiny image makers, and the EICAR test file; all made at run time, so that no scanner frowns at the checkout."""

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin

_MOST_OF_A_SEGMENT = 65_537
"""Marker, length, and 65,533 bytes of comment."""


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """The image as a file of this format."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Soft noise: compresses about as badly as a photograph."""
    coarse = (max(1, width // 4), max(1, height // 4))
    bands = [Image.effect_noise(coarse, 80).resize((width, height), Image.Resampling.BICUBIC) for _ in range(3)]
    return Image.merge("RGB", bands).convert(mode)


def flat(width: int, height: int, colour: Any = (180, 60, 20), mode: str = "RGB") -> Image.Image:
    """One colour."""
    return Image.new(mode, (width, height), colour)


def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    """A baseline JPEG of noise; options as Pillow's (``quality``, ``progressive``, ``exif`` …)."""
    return encoded(noise(width, height), "JPEG", **options)


def padded_jpeg(size: int) -> bytes:
    """A JPEG of exactly this size, by comments that every decoder skips."""
    picture = jpeg()
    missing, segments = size - len(picture), [b""]
    while missing:
        length = missing if missing <= _MOST_OF_A_SEGMENT else min(_MOST_OF_A_SEGMENT, missing - 4)
        segments.append(b"\xff\xfe" + (length - 2).to_bytes(2, "big") + b"c" * (length - 4))
        missing -= length
    return picture[:2] + b"".join(segments) + picture[2:]


def png(width: int = 64, height: int = 48, **options: Any) -> bytes:
    """A PNG of noise."""
    return encoded(noise(width, height), "PNG", **options)


def gif(width: int = 64, height: int = 48, frames: int = 1) -> bytes:
    """A GIF of noise, animated if it has more than one frame."""
    return _animated(width, height, frames, "GIF")


def webp(width: int = 64, height: int = 48, frames: int = 1, **options: Any) -> bytes:
    """A WebP of noise, animated if it has more than one frame."""
    return _animated(width, height, frames, "WEBP", method=0, **options)


def _animated(width: int, height: int, frames: int, format: str, **options: Any) -> bytes:
    mode = "P" if format == "GIF" else "RGB"
    first, *others = [noise(width, height, mode) for _ in range(frames)]
    if others:
        options |= {"save_all": True, "append_images": others}
    return encoded(first, format, **options)


def turned_jpeg(width: int, height: int, orientation: int) -> bytes:
    """A JPEG whose upper stored half is red and lower half blue, with an EXIF orientation."""
    image = flat(width, height, (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, width, height // 2))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, "JPEG", quality=95, exif=exif)


def profiled_jpeg(width: int = 64, height: int = 48) -> bytes:
    """A JPEG with an embedded colour profile."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return encoded(noise(width, height), "JPEG", icc_profile=profile.tobytes())


def png_of_zeros(width: int, height: int) -> bytes:
    """A black grey-scale PNG of any size, made row by row: a bomb when it is large."""
    packer = zlib.compressobj(1)
    row = bytes(1 + width)
    packed = b"".join([packer.compress(row) for _ in range(height)]) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def eicar() -> bytes:
    """The EICAR anti-malware test file, put together here so that it stands nowhere on disk."""
    return rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-" + b"TEST-FILE!" + b"$H+H*"


CORNERS = ((220, 30, 30), (30, 200, 30), (30, 30, 220), (230, 220, 40))
"""Red, green, blue, yellow: upper left, upper right, lower left, lower right."""
_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera that notes this orientation lays down what it saw."""


def corners(width: int, height: int) -> Image.Image:
    """A picture whose quarters have the colours of ``CORNERS``."""
    image = flat(width, height, CORNERS[3])
    image.paste(CORNERS[0], (0, 0, width // 2, height // 2))
    image.paste(CORNERS[1], (width // 2, 0, width, height // 2))
    image.paste(CORNERS[2], (0, height // 2, width // 2, height))
    return image


def oriented_jpeg(width: int, height: int, orientation: int) -> bytes:
    """``corners``, stored as this orientation says, so that it is to be seen upright and of this size."""
    turn = _STORED[orientation]
    stored = corners(width, height) if turn is None else corners(width, height).transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(stored, "JPEG", quality=95, subsampling=0, exif=exif)


SECRET = b"50.0755N 14.4378E at home"
"""Stands in each place where a picture can tell more than it shows."""


def telling(format: str, image: Image.Image | None = None, frames: int = 1, orientation: int = 1) -> bytes:
    """A picture with ``SECRET`` in every kind of metadata that its format has, and behind its end."""
    image = image or noise(120, 80)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[29] = SECRET.decode()
    options: dict[str, Any] = {"exif": exif, "xmp": SECRET}
    if format == "JPEG":
        options |= {"comment": SECRET, "quality": 90}
    elif format == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Comment", SECRET.decode())
        texts.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        options = {"pnginfo": texts, "exif": exif}
    elif format == "GIF":
        image, options = image.convert("P"), {"comment": SECRET}
    if frames > 1:
        more = [noise(*image.size, mode="P" if format == "GIF" else "RGB") for _ in range(frames - 1)]
        options |= {"save_all": True, "append_images": more, "duration": 70, "loop": 3}
    return encoded(image, format, **options) + b"PK\x03\x04" + SECRET
