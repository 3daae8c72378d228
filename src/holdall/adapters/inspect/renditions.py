"""What is made of a picture: of the decode that proves it (``made``), or later, one by one (``render``)."""

import mmap
import os
from dataclasses import dataclass

import pyvips

from holdall.adapters.inspect import optimise, pixels, structure
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.strip import Kept, stripped
from holdall.adapters.inspect.thumbhash import SIDE, thumbhash
from holdall.domain.files import Rendition
from holdall.domain.variants import Format, Master, Recipe

_HELD_BYTES = 1 << 20
"""A file up to this size is read at once: libvips takes 0.4 ms less for a buffer than for a source."""
HASH_BOX = SIDE
_SMALL_ENOUGH = 512
"""A picture that its decoder brought to this is averaged in one step."""
NEARLY = 0.9
"""A master that is bounded may be so much smaller than its box: a 12-megapixel photograph is then just decoded at a
quarter of its size, in half of the time."""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of one decode."""

    renditions: tuple[Rendition, ...] = ()
    replacement: Rendition | None = None
    thumbhash: bytes = b""


def read(file: int) -> structure.Bytes:
    """The file, mapped where it is large."""
    size = os.fstat(file).st_size
    return os.pread(file, size, 0) if size <= _HELD_BYTES else mmap.mmap(file, 0, access=mmap.ACCESS_READ)


def made(header: pyvips.Image, data: structure.Bytes, job: Job) -> Made:
    """Decode every scanline of every frame, and make what the job asks for on the way.

    Of an animation no rendition is made here, since it would have to move, which takes as long as it has frames.
    """
    moves = pixels.is_animated(header)
    if moves or not (job.recipes or job.master):
        pixels.read_all(pixels.opened(data, n=-1) if moves else pixels.opened(data))
    if not (job.recipes or job.master):
        return Made()
    image = _largest(header, data, job).copy_memory()  # decoded once, whatever is made of it
    recipes = () if moves else job.recipes
    return Made(
        tuple(pixels.encoded(pixels.rendered(image, recipe), recipe) for recipe in recipes),
        optimise.replacement(header, data, job.mime, job.master, image) if job.master else None,
        hash_of(image),
    )


def _largest(header: pyvips.Image, data: structure.Bytes, job: Job) -> pyvips.Image:
    """The picture as large as anything asks for, upright and in sRGB."""
    master = job.master if job.master and optimise.is_decoded_for(header, data, job.mime, job.master) else None
    if master is not None and not pixels.is_animated(header):
        return _whole(header, data, master)
    box = max((decoded_box(header.width, header.height, recipe) for recipe in job.recipes), default=SIDE)
    image = pixels.shrunk_on_load(header, data, box)
    is_for_hash = not job.recipes and max(image.width, image.height) <= _SMALL_ENOUGH
    return pixels.plain(image if is_for_hash else pixels.fitted(image, box))


def _whole(header: pyvips.Image, data: structure.Bytes, master: Master) -> pyvips.Image:
    """The picture as its master shows it."""
    image = pixels.shrunk_on_load(header, data, master.box, NEARLY)
    return pixels.plain(pixels.upright_within(image, master.box))


def decoded_box(width: int, height: int, recipe: Recipe) -> int:
    """The box that leaves enough for a recipe: where it crops, the shorter side has to fill it."""
    if not recipe.crops:
        return recipe.box
    return -(-recipe.box * max(width, height) // min(width, height))


def hash_of(image: pyvips.Image) -> bytes:
    """The ThumbHash of a picture in sRGB or grey."""
    small = pixels.averaged(image, SIDE)
    if small.interpretation != "srgb":
        small = small.colourspace("srgb")
    return thumbhash(small.width, small.height, bytes(small.write_to_memory()), small.bands)


def of_picture(data: structure.Bytes, job: Job, recipe: Recipe) -> Rendition:
    """One rendition of a picture that was proved when it came in; of a moving one, moving.

    Raises:
        pyvips.Error: it does not decode after all.
        Corrupt: as ``strip.stripped``.

    """
    header = pixels.opened(data)
    if recipe.format is Format.SAME:
        return _bare(header, data, job.mime, recipe)
    if pixels.is_animated(header):
        return pixels.encoded(pixels.each_frame(data, lambda frame: pixels.rendered(frame, recipe)), recipe)
    image = pixels.shrunk_on_load(header, data, decoded_box(header.width, header.height, recipe))
    return pixels.encoded(pixels.rendered(image, recipe), recipe)


def _bare(header: pyvips.Image, data: structure.Bytes, mime: str, recipe: Recipe) -> Rendition:
    """The file less its metadata, still the right way up and in its own colours."""
    orientation = int(header.get("orientation")) if pixels.is_turned(header) else 1
    bytes_of_it = stripped(data[:], mime, Kept(orientation, profile=True))
    return Rendition(recipe.name, mime, header.width, header.get_page_height(), bytes_of_it)
