"""Files that are two things at once: sound as what they are called, and something else to another program.

A reader of archives looks from the end of a file, a server of pages for its tags anywhere, a browser at the first
bytes of what a page calls a script. Tags and server scripts within images are the scanner's business
(``scan/rules``); here is what the structure tells.
"""

import re

from holdall.adapters.inspect import packages, structure
from holdall.domain.signatures import identify

_HEAD_BYTES = 8192
_SECOND_FACES = frozenset(
    {
        "application/pdf",
        "application/zip",
        "application/gzip",
        "application/x-tar",
        "application/x-7z-compressed",
        "application/vnd.rar",
        "application/x-xz",
        "application/x-bzip2",
        "application/zstd",
        "application/x-executable",
        "application/x-msdownload",
        "application/x-mach-binary",
        "application/java-vm",
        "application/wasm",
        "application/x-ole-storage",
        "application/xml",
        "text/html",
        "text/x-php",
        "text/x-script",
        "image/svg+xml",
    }
)
"""What behind the end of an image makes the file something else as well. Phones put a second picture or a short film
there, which makes it no other file to anyone."""
_SCRIPT_HEADS = {
    "image/gif": re.compile(rb"GIF8[79]a(?:/[*/]|[=;(][\t\n\r -~]{3})"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff[\xe0-\xef\xfe]/[*/]"),
    "image/bmp": re.compile(rb"BM(?:/[*/]|[=;(][\t\n\r -~]{3})"),
}
"""First bytes that are a word and then a comment or an assignment to a reader of JavaScript. As a width, ``/*`` is
10 799 pixels; as the length of a JPEG's first segment, 12 074 bytes."""


def of_image(data: structure.Bytes, end: int, mime: str) -> tuple[str, ...]:
    """What an image that ends at ``end`` is besides."""
    script = _SCRIPT_HEADS.get(mime)
    is_two = bool(script and script.match(data)) or packages.is_at_end(packages.in_memory(data), len(data))
    if not structure.has_trailing_data(data, end):
        return ("polyglot",) if is_two else ()
    is_two = is_two or identify(structure.trailing_data(data, end)[:_HEAD_BYTES]) in _SECOND_FACES
    return ("polyglot", "trailing-data") if is_two else ("trailing-data",)


def of_document(file: int, size: int, end: int = 0) -> tuple[str, ...]:
    """What a document that is no package is besides.

    Where it is known to end at ``end``, a package within it is its own: Word keeps the theme of a DOC in one.
    """
    return ("polyglot",) if packages.is_at_end(packages.in_file(file), size, end) else ()
