"""The words of a document, to be searched later and to be shown on the preview of its first page.

Best effort over documents that were proved when they came in: what cannot be read has no words, and is no error.
Everything has a ceiling, so that a bomb costs a second at most.
"""

import os
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from xml.parsers import expat

import pypdfium2

from holdall.adapters.inspect import ole, text
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt
from holdall.domain.files import Inspection, Rendition
from holdall.ports import MAX_TEXT_CHARACTERS

_MAX_XML_BYTES = 32 << 20
"""As much of a part's XML, which is mostly tags."""
_MAX_PARTS = 1000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def read(file: int, job: Job) -> Inspection:
    """The words of a file, as a rendition of plain text."""
    words = text_of(file, job.mime).encode()
    return Inspection(job.mime, renditions=(Rendition("text", "text/plain", 0, 0, words),))


def text_of(file: int, mime: str, limit: int = MAX_TEXT_CHARACTERS) -> str:
    """The first ``limit`` characters of a document's text, lines apart; ``""`` where none can be read."""
    reader = _READERS.get(mime)
    if reader is None:
        return ""
    pieces, length = list[str](), 0
    try:
        for piece in reader(file):
            pieces.append(_CONTROL.sub("", piece))
            length += len(pieces[-1])
            if length >= limit:
                break
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001, S110  parsers may raise anything; what was read until then is what there is
        pass
    return "".join(pieces)[:limit].strip()


def _plain(file: int) -> Iterator[str]:
    """Text as the inspector reads it."""
    yield from text.characters(file)


def _pdf(file: int) -> Iterator[str]:
    """Page after page."""
    with os.fdopen(os.dup(file), "rb") as stream, pypdfium2.PdfDocument(stream) as document:
        for number in range(min(len(document), _MAX_PARTS)):
            page = document[number]
            words = page.get_textpage()
            yield words.get_text_range(count=min(words.count_chars(), MAX_TEXT_CHARACTERS)).replace("\r\n", "\n") + "\n"
            words.close()
            page.close()


# ── packages of XML ──────────────────────────────────────────────────────────────────────────────────────────────


def _package(parts: str, words: frozenset[str], ends: frozenset[str]) -> Callable[[int], Iterator[str]]:
    """A reader of the parts of this name, whose text stands in ``words`` elements; ``ends`` elements end a line."""
    name_of_part = re.compile(parts)

    def read(file: int) -> Iterator[str]:
        with os.fdopen(os.dup(file), "rb") as stream, zipfile.ZipFile(stream) as archive:
            for name in [name for name in archive.namelist() if name_of_part.fullmatch(name)][:_MAX_PARTS]:
                with archive.open(name) as part:
                    yield from _words(part.read(_MAX_XML_BYTES), words, ends)

    return read


def _words(xml: bytes, words: frozenset[str], ends: frozenset[str]) -> list[str]:
    """The text of one part. What follows a mistake is left out; entities of its own making are not followed."""
    found: list[str] = []
    depth = 0

    def start(name: str, _attributes: object) -> None:
        nonlocal depth
        local = name.rpartition(":")[2]
        depth += local in words
        if local in {"tab", "s"}:
            found.append(" ")
        elif local in {"br", "cr", "line-break"}:
            found.append("\n")

    def end(name: str) -> None:
        nonlocal depth
        local = name.rpartition(":")[2]
        depth -= local in words
        if local in ends:
            found.append("\n")

    def data(characters: str) -> None:
        if depth:
            found.append(characters)

    def refuse(*_: object) -> None:
        raise Corrupt("a document type declaration")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, data
    parser.StartDoctypeDeclHandler = refuse
    with suppress(expat.ExpatError):  # cut off at the ceiling, or by its maker
        parser.Parse(xml, True)
    return found


# ── Word before 2007 ─────────────────────────────────────────────────────────────────────────────────────────────

_WORD = 0xA5EC
_ENCRYPTED, _TABLE_ONE = 0x0100, 0x0200
_FLAGS_AT, _CHARACTERS_AT, _PIECES_AT = 0x0A, 0x4C, 0x01A2
_PROPERTIES, _PIECE_TABLE = 1, 2
_ONE_BYTE = 1 << 30
_FIELD_CODE = re.compile("\x13[^\x13\x14\x15]*\x14?")


def _doc(file: int) -> Iterator[str]:
    """The main text by its piece table ([MS-DOC], 2.4.1): pieces of one or two bytes a character."""
    with os.fdopen(os.dup(file), "rb") as stream, ole.opened(stream) as container:
        main = container.openstream("WordDocument").read()
        (flags,) = struct.unpack_from("<H", main, _FLAGS_AT)
        if struct.unpack_from("<H", main)[0] != _WORD or flags & _ENCRYPTED:
            return
        table = container.openstream("1Table" if flags & _TABLE_ONE else "0Table").read()
    start, length = struct.unpack_from("<II", main, _PIECES_AT)
    (characters,) = struct.unpack_from("<I", main, _CHARACTERS_AT)
    wanted = min(characters, MAX_TEXT_CHARACTERS)
    words = "".join(_first(_pieces(main, table[start : start + length]), wanted))[:wanted]
    yield _FIELD_CODE.sub("", words).replace("\r", "\n").replace("\x07", "\t").replace("\x0b", "\n")


def _first(pieces: Iterator[str], wanted: int) -> Iterator[str]:
    """As many pieces as have the wanted characters: a table can name the same bytes a million times."""
    length = 0
    for piece in pieces:
        yield piece[:wanted]
        length += len(piece)
        if length >= wanted:
            return


def _pieces(main: bytes, table: bytes) -> Iterator[str]:
    """Each piece of text, in order."""
    position = 0
    while table[position] == _PROPERTIES:
        position += 3 + struct.unpack_from("<H", table, position + 1)[0]
    if table[position] != _PIECE_TABLE:
        return
    (size,) = struct.unpack_from("<I", table, position + 1)
    count = (size - 4) // 12
    ends = struct.unpack_from(f"<{count + 1}I", table, position + 5)
    for number in range(count):
        (where,) = struct.unpack_from("<I", table, position + 5 + 4 * (count + 1) + 8 * number + 2)
        length = max(0, ends[number + 1] - ends[number])
        if where & _ONE_BYTE:
            start = (where & ~_ONE_BYTE) // 2
            yield main[start : start + length].decode("cp1252", "replace")
        else:
            yield main[where : where + 2 * length].decode("utf-16-le", "replace")


_OOXML = "application/vnd.openxmlformats-officedocument"
_ODF = "application/vnd.oasis.opendocument"
_T, _P = frozenset({"t"}), frozenset({"p", "si"})
_odf = _package("content.xml", frozenset({"p", "h"}), frozenset({"p", "h"}))
_READERS: dict[str, Callable[[int], Iterator[str]]] = {
    **dict.fromkeys(("text/plain", "text/csv", "text/markdown", "application/json"), _plain),
    "application/pdf": _pdf,
    "application/msword": _doc,
    f"{_OOXML}.wordprocessingml.document": _package(r"word/document\d*\.xml", _T, _P),
    f"{_OOXML}.spreadsheetml.sheet": _package(r"xl/sharedStrings\.xml", _T, _P),
    f"{_OOXML}.presentationml.presentation": _package(r"ppt/slides/slide\d+\.xml", _T, _P),
    **dict.fromkeys((f"{_ODF}.text", f"{_ODF}.spreadsheet", f"{_ODF}.presentation"), _odf),
}
