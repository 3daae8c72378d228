"""One rendition of a file: a picture's own, of a document its first page, else a sheet with the letters of its type.

PDF is drawn by PDFium. Of office documents and text the first words are set on a sheet with the fonts of this machine;
no office suite is asked. Where there are no fonts, or no words, there are the letters, which PDFium draws with a font
of its own.
"""

import ctypes
import html
import os
from functools import cache

import pypdfium2
import pyvips
from pypdfium2 import raw

from holdall.adapters.inspect import images, more_images, pixels
from holdall.adapters.inspect.extract import text_of
from holdall.adapters.inspect.messages import Job
from holdall.domain.files import Family, Inspection, Rendition
from holdall.domain.signatures import TYPES
from holdall.domain.variants import Recipe

_TYPES = {type.mime: type for type in TYPES}
_SHEET_WIDTH, _SHEET_HEIGHT, _MARGIN = 724, 1024, 69
"""A4, 1024 pixels high, with margins of 2 cm."""
_DPI = 87
"""Makes ten points on that sheet what they are on paper."""
_SCRIPTS = ("Holdall", "Ελληνικά", "Кириллица", "עברית", "العربية", "हिन्दी", "ไทย", "中文", "日本語かな", "한국어")
"""A word in each of the scripts whose fonts are opened, where the machine has them."""
_LETTERS, _LINES = 4000, 70
"""More does not fit on a sheet in this size of type."""
_TYPE = "sans 10"
_MAX_SIDE = 4096
_WHITE = 255


def render(file: int, job: Job) -> Inspection:
    """The job's one recipe, made.

    Raises:
        Corrupt: it is a picture that does not decode after all.

    """
    (recipe,) = job.recipes
    made = _of(file, job, recipe)
    return Inspection(job.mime, made.width, made.height, renditions=(made,))


def _of(file: int, job: Job, recipe: Recipe) -> Rendition:
    if job.mime in more_images.MIMES:
        return more_images.rendition(file, job, recipe)
    if _TYPES[job.mime].family is Family.IMAGE:
        return images.rendition(file, job, recipe)
    page = _first_page(file, job.mime, 2 * recipe.box if recipe.crops else recipe.box)
    return pixels.encoded(pixels.rendered(page, recipe), recipe)


def _first_page(file: int, mime: str, box: int) -> pyvips.Image:
    """The first page, its longer side as long as the box."""
    if mime == "application/pdf":
        return _pdf_page(file, box) or _letters(mime, box)
    words = text_of(file, mime, _LETTERS)
    return _sheet(words) if words and _has_fonts() else _letters(mime, box)


def _pdf_page(file: int, box: int) -> pyvips.Image | None:
    """The first page of a PDF; ``None`` when it needs a password or cannot be drawn."""
    with os.fdopen(os.dup(file), "rb") as stream:
        try:
            with pypdfium2.PdfDocument(stream) as document:
                return _drawn(document[0], box)
        except pypdfium2.PdfiumError:
            return None


def _drawn(page: pypdfium2.PdfPage, box: int) -> pyvips.Image | None:
    """A page, its longer side filling the box; annotations and forms as they are, nothing run."""
    width, height = page.get_size()
    if not (width > 0 and height > 0):
        return None
    scale = box / max(width, height)
    if min(width, height) * scale < 1:
        return None
    bitmap = page.render(scale=scale, may_draw_forms=False)
    try:
        rows = pyvips.Image.new_from_memory(bytes(bitmap.buffer), bitmap.stride, bitmap.height, 1, "uchar")
        bands = pyvips.Image.new_from_memory(
            rows.crop(0, 0, 3 * bitmap.width, bitmap.height).write_to_memory(), bitmap.width, bitmap.height, 3, "uchar"
        )
    finally:
        bitmap.close()
    return bands[2].bandjoin([bands[1], bands[0]]).copy(interpretation="srgb")


def prepare() -> None:
    """Have the fonts opened that text is set in, as long as files can be opened."""
    if _has_fonts():
        for sample in _SCRIPTS:
            pyvips.Image.text(sample, font=_TYPE, dpi=_DPI)


def _sheet(words: str) -> pyvips.Image:
    """The words on a white sheet, set by Pango with the machine's fonts, always in the one size that is open."""
    lines = "\n".join(words.expandtabs(4).splitlines()[:_LINES])
    ink = pyvips.Image.text(
        html.escape(lines), width=_SHEET_WIDTH - 2 * _MARGIN, wrap="word-char", font=_TYPE, dpi=_DPI
    )
    inside = ink.crop(0, 0, min(ink.width, _SHEET_WIDTH - 2 * _MARGIN), min(ink.height, _SHEET_HEIGHT - 2 * _MARGIN))
    sheet = inside.embed(_MARGIN, _MARGIN, _SHEET_WIDTH, _SHEET_HEIGHT, extend="black")
    return (_WHITE - sheet).cast("uchar").copy(interpretation="b-w")


@cache
def _has_fonts() -> bool:
    """Whether there is a real font: without one, every letter is the same box."""
    narrow, wide = (pyvips.Image.text(letter * 4, font=_TYPE, dpi=_DPI).width for letter in "iW")
    return bool(narrow != wide)


def _letters(mime: str, box: int) -> pyvips.Image:
    """A white sheet with the letters of the type in the middle."""
    with pypdfium2.PdfDocument.new() as document:
        page = document.new_page(_SHEET_WIDTH, _SHEET_HEIGHT)
        word = _TYPES[mime].extension.upper()
        size = 580 / max(3, len(word))
        item = raw.FPDFPageObj_NewTextObj(document.raw, b"Helvetica-Bold", size)
        letters = ctypes.create_string_buffer((word + "\0").encode("utf-16-le"))
        raw.FPDFText_SetText(item, ctypes.cast(letters, ctypes.POINTER(ctypes.c_ushort)))
        raw.FPDFPageObj_SetFillColor(item, 90, 100, 115, 255)
        left, bottom, right, top = (ctypes.c_float() for _ in range(4))
        raw.FPDFPageObj_GetBounds(item, left, bottom, right, top)
        raw.FPDFPageObj_Transform(
            item,
            1,
            0,
            0,
            1,
            (_SHEET_WIDTH - right.value - left.value) / 2,
            (_SHEET_HEIGHT - top.value - bottom.value) / 2,
        )
        raw.FPDFPage_InsertObject(page.raw, item)
        page.gen_content()
        image = _drawn(page, min(box, _MAX_SIDE))
    assert image is not None  # noqa: S101  a page of our own has a size
    return image
