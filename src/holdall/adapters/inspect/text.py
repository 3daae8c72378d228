"""Text: every byte is a character of one encoding, from beginning to end; JSON besides follows its grammar."""

import codecs
import os
import re
from collections.abc import Iterator

import msgspec

from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt
from holdall.domain.files import Inspection

_PIECE_BYTES = 1 << 20
_MAX_PARSED_JSON_BYTES = 16 << 20
"""JSON up to this size is parsed; more is checked to be text. The parser needs it in memory."""
_NAMES = {"utf-8": "utf-8", "utf-16": "utf-16", "latin-1": "windows-1252"}
"""What HTTP calls the encodings. Browsers read ``iso-8859-1`` as ``windows-1252``, and so do we (WHATWG Encoding)."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
"""Control characters that no text has; tab, line feed, form feed, carriage return and escape (colours) it may."""


def inspect(file: int, job: Job) -> Inspection:
    """Prove that a file is text: UTF-8, else UTF-16 with its mark, else an eight-bit code without control characters.

    Raises:
        Corrupt: a control character (the NUL of a binary file, mostly), broken UTF-16, or JSON that does not parse.

    """
    encoding = _encoding(file)
    for piece in _decoded(file, encoding):
        if found := _CONTROL.search(piece):
            raise Corrupt(f"the control character U+{ord(found.group()):04X} is no text")
    if job.mime == "application/json" and os.fstat(file).st_size <= _MAX_PARSED_JSON_BYTES:
        _parse_json(b"".join(_pieces(file)), encoding)
    return Inspection(job.mime, encoding=_NAMES[encoding])


def characters(file: int) -> Iterator[str]:
    """A text as characters, piece by piece, in the encoding that ``inspect`` would find."""
    return _decoded(file, _encoding(file))


def _encoding(file: int) -> str:
    """The encoding in which the file is to be read."""
    if os.pread(file, 2, 0) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return "utf-16"
    try:
        for _ in _decoded(file, "utf-8"):
            pass
    except Corrupt:
        return "latin-1"
    return "utf-8"


def _decoded(file: int, encoding: str) -> Iterator[str]:
    """The file as characters, piece by piece."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for piece in _pieces(file):
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise Corrupt(f"it is not {encoding} throughout") from error


def _pieces(file: int) -> Iterator[bytes]:
    """The file from its start, in pieces."""
    position = 0
    while piece := os.pread(file, _PIECE_BYTES, position):
        position += len(piece)
        yield piece


def _parse_json(data: bytes, encoding: str) -> None:
    """Follow the grammar to the end, without building what it says."""
    text = data if encoding == "utf-8" else data.decode(encoding).encode()
    try:
        msgspec.json.decode(text.removeprefix(codecs.BOM_UTF8), type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Corrupt(f"it is not JSON: {error}"[:200]) from error
