"""Images that a house has to ask for: AVIF, TIFF, BMP, and HEIC (``heic``).

Each needs a decoder that the four everyday types do not. The loader of AVIF or TIFF is opened for the one job that is
of its type and shut again, so that no file reaches libtiff by calling itself a PNG. BMP needs none: libvips has no
loader for it here, and its plain kind (8, 24 or 32 bits, not packed) is a header with pixels behind it; the packed
kinds, which nobody has written for thirty years, are refused.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pyvips

from holdall.adapters.inspect import boxes, heic, images, optimise, pixels, polyglot, renditions
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt, ImageOverLimit
from holdall.domain.files import Inspection, Rendition
from holdall.domain.variants import Master, Recipe

_LOADERS = {"image/avif": ("heifload", "VipsForeignLoadHeif"), "image/tiff": ("tiffload", "VipsForeignLoadTiff")}
MIMES = frozenset({*_LOADERS, "image/bmp", heic.MIME})
_BMP_FILE = struct.Struct("<2sIHHI")
_BMP_INFO = struct.Struct("<IiiHHIIiiII")
"""BITMAPINFOHEADER, which V4 and V5 begin like."""
_BMP_INFO_SIZES = frozenset({40, 108, 124})
_BMP_DEPTHS = frozenset({8, 24, 32})


def inspect(file: int, job: Job) -> Inspection:
    """Prove an image, each of its pages, and make its renditions of the first.

    Raises:
        Corrupt: it is cut short, does not decode throughout, or is of another type than ``job.mime``.
        ImageOverLimit: by its header, it has more pixels or pages than ``job.limits`` allow.

    """
    data = mmap.mmap(file, 0, access=mmap.ACCESS_READ)
    try:
        first, end, pages = _decoded(data, job)
        findings = polyglot.of_image(data, end, job.mime)
        return images.found(job, images.shown_size(first), pages, findings, _made(first, job))
    except pyvips.Error as error:
        raise Corrupt(images.first_line(error)) from error


def _decoded(data: mmap.mmap, job: Job) -> tuple[pyvips.Image, int, int]:
    """The picture, or its first page; where the image ends; how many pages there are, all of which decode."""
    if job.mime == "image/bmp":
        return (*_bitmap(data, job), 1)
    return heic.decoded(data, job) if job.mime == heic.MIME else _loaded(data, job)


@contextmanager
def _open_loader(mime: str) -> Iterator[str]:
    """Open the loader of a type for a while; gives the name that libvips has for it."""
    loader, operation = _LOADERS[mime]
    pyvips.operation_block_set(operation, False)
    try:
        yield loader
    finally:
        pyvips.operation_block_set(operation, True)


def _loaded(data: mmap.mmap, job: Job) -> tuple[pyvips.Image, int, int]:
    """As ``_decoded``, by libvips."""
    end = boxes.end_of_boxes(data) if job.mime == "image/avif" else len(data)
    with _open_loader(job.mime) as loader:
        header = pixels.opened(data)
        if not header.get("vips-loader").startswith(loader):
            raise Corrupt(f"it is not {job.mime}")
        pages = int(header.get("n-pages")) if header.get_typeof("n-pages") else 1
        images.hold_to_limits(header, pages, job)
        opened = [pixels.opened(data, page=page) for page in range(pages)]
        total = sum(page.width * page.height for page in opened)
        if pages > 1 and total > job.limits.max_animated_pixels:
            raise ImageOverLimit(f"{pages} pages of {total} pixels are over {job.limits.max_animated_pixels}")
        for page in opened[1:]:
            pixels.read_all(page)
        return opened[0].copy_memory(), end, pages


def _made(image: pyvips.Image, job: Job) -> renditions.Made:
    """What the job asks for, made from decoded pixels."""
    return renditions.Made(
        tuple(pixels.encoded(pixels.rendered(image, recipe), recipe) for recipe in job.recipes),
        _master(image, job.mime, job.master) if job.master else None,
        renditions.hash_of(pixels.plain(pixels.fitted(image, renditions.HASH_BOX))),
    )


def _master(image: pyvips.Image, mime: str, master: Master) -> Rendition:
    """The picture encoded anew: there is no saying what else a TIFF or an AVIF carries. Of several pages, the first."""
    box = max(image.width, image.height) if master.copies else master.box
    kept = pixels.plain(pixels.upright_within(image, box))
    data = _bmp(kept) if mime == "image/bmp" else pixels.saved(kept, mime, master.quality)
    return Rendition(optimise.NAME, mime, kept.width, kept.height, data)


def _bmp(image: pyvips.Image) -> bytes:
    """The image as a plain BMP of 24 bits."""
    flat = (image.flatten() if image.hasalpha() else image).colourspace("srgb")
    rows = flat[2].bandjoin([flat[1], flat[0]]).flip("vertical")
    stride = (3 * flat.width + 3) // 4 * 4
    samples = pyvips.Image.new_from_memory(bytes(rows.write_to_memory()), 3 * flat.width, flat.height, 1, "uchar")
    body = bytes(samples.embed(0, 0, stride, flat.height).write_to_memory())
    head = _BMP_FILE.size + _BMP_INFO.size
    info = _BMP_INFO.pack(_BMP_INFO.size, flat.width, flat.height, 1, 24, 0, len(body), 2835, 2835, 0, 0)
    return _BMP_FILE.pack(b"BM", head + len(body), 0, 0, head) + info + body


def rendition(file: int, job: Job, recipe: Recipe) -> Rendition:
    """One rendition of a picture that was proved when it came in.

    Raises:
        Corrupt: it does not decode after all.

    """
    data = mmap.mmap(file, 0, access=mmap.ACCESS_READ)
    try:
        return pixels.encoded(pixels.rendered(_decoded(data, job)[0], recipe), recipe)
    except pyvips.Error as error:
        raise Corrupt(images.first_line(error)) from error


def _bitmap(data: mmap.mmap, job: Job) -> tuple[pyvips.Image, int]:
    """The picture in a plain BMP, and where it ends.

    Raises:
        Corrupt: it is packed, of an unusual depth, cut short, or no BMP at all.
        ImageOverLimit: told from the header.

    """
    if len(data) < _BMP_FILE.size + _BMP_INFO.size:
        raise Corrupt("the file ends before the image does")
    mark, _, _, _, pixels_at = _BMP_FILE.unpack_from(data)
    size, width, height, planes, depth, packing, _, _, _, colours, _ = _BMP_INFO.unpack_from(data, _BMP_FILE.size)
    if (mark, planes, packing) != (b"BM", 1, 0) or size not in _BMP_INFO_SIZES or depth not in _BMP_DEPTHS:
        raise Corrupt("it is no BMP of the plain kind")
    if width <= 0 or height == 0 or pixels_at < _BMP_FILE.size + size:
        raise Corrupt("its header is broken")
    rows = abs(height)
    if width * rows > job.limits.max_pixels:
        raise ImageOverLimit(f"{width} x {rows} is over {job.limits.max_pixels} pixels")
    stride = (width * depth // 8 + 3) // 4 * 4
    end = pixels_at + stride * rows
    if end > len(data):
        raise Corrupt("the file ends before the image does")
    samples = pyvips.Image.new_from_memory(data[pixels_at:end], stride, rows, 1, "uchar")
    samples = samples.crop(0, 0, width * depth // 8, rows)
    if height > 0:
        samples = samples.flip("vertical")  # from the bottom up, as is usual
    if depth == 8:  # noqa: PLR2004
        return _coloured(samples, data[_BMP_FILE.size + size : pixels_at], colours or 256), end
    bands = depth // 8
    image = pyvips.Image.new_from_memory(samples.write_to_memory(), width, rows, bands, "uchar")
    return image[2].bandjoin([image[1], image[0]]).copy(interpretation="srgb"), end


def _coloured(samples: pyvips.Image, palette: bytes, colours: int) -> pyvips.Image:
    """Samples through their palette of blue, green, red and nothing.

    Raises:
        Corrupt: the palette has not as many colours as it says, or more than samples can name.

    """
    if not 0 < colours <= 256 or len(palette) < 4 * colours:  # noqa: PLR2004  what a byte can name
        raise Corrupt("its palette is broken")
    table = pyvips.Image.new_from_memory(palette[: 4 * colours].ljust(1024, b"\0"), 256, 1, 4, "uchar")
    return samples.maplut(table[2].bandjoin([table[1], table[0]])).copy(interpretation="srgb")
