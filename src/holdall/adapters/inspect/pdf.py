"""PDF documents: whole by their own cross-reference table, with at least one page; what is active in them is named.

Nothing is repaired: a reader that mends a truncated file would have us keep half a document. Nothing is rendered and
no content stream is decoded, so a bomb in a stream stays packed.
"""

import io
import os
import re
from collections.abc import Iterator

import pikepdf

from holdall.adapters.inspect import polyglot
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt
from holdall.domain.files import Inspection

_MARKS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("pdf-javascript", re.compile(rb"/(?:JavaScript|JS)(?![\w.-])")),
    ("pdf-launch", re.compile(rb"/(?:Launch|SubmitForm|ImportData|GoToE|GoToR)(?![\w.-])")),
    ("pdf-embedded-files", re.compile(rb"/(?:EmbeddedFiles?|EF)(?![\w.-])")),
    ("pdf-xfa", re.compile(rb"/XFA(?![\w.-])")),
    ("pdf-rich-media", re.compile(rb"/(?:RichMedia\w*|Movie|Sound|3D|Rendition)(?![\w.-])")),
)
"""What runs by itself or at a click. An ``/OpenAction`` that only turns to a page is in most documents, and is not
named; one that does more has one of these beside it. They are looked for in objects as qpdf writes them back, in which
``/J#61vaScript`` has become ``/JavaScript``, and what object streams held lies open."""
_STRING = re.compile(rb"\((?:[^()\\]|\\.)*\)", re.DOTALL)
"""A string as qpdf writes it, with its brackets escaped: a title that speaks of ``/JavaScript`` runs nothing."""
_MAX_OBJECTS = 50_000
"""Objects looked through for active content: about a second's work. A 500-page book has some 10,000."""
_HEADER = b"%PDF-"
_HEADER_WINDOW = 1024
_BEFORE_HEADER = b"\xef\xbb\xbf \t\r\n\x0c\x00"
"""A byte order mark and white space, which careless writers leave before the header."""


def prepare() -> None:
    """Do once what qpdf would open a file for at its first encrypted document: its source of random numbers."""
    with pikepdf.new() as document, io.BytesIO() as kept:
        document.add_blank_page()
        document.save(kept, encryption=pikepdf.Encryption(owner="o", user="u"))


def inspect(file: int, job: Job) -> Inspection:
    """Prove a PDF and name what is active in it.

    An encrypted document that opens only with a password is reported (``pdf-encrypted``) and not looked into.

    Raises:
        Corrupt: it has no sound structure, or no page.

    """
    with os.fdopen(os.dup(file), "rb") as stream:
        try:
            with pikepdf.open(stream, attempt_recovery=False, suppress_warnings=True) as document:
                if len(document.pages) == 0:
                    raise Corrupt("the document has no page")
                findings = list(_findings(document))
        except pikepdf.PasswordError:
            findings = ["pdf-encrypted"]
        except (pikepdf.PikepdfError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Corrupt(f"the document's structure is broken ({type(error).__name__})") from error
    return Inspection(job.mime, findings=(*_framing(file), *findings))


def _framing(file: int) -> Iterator[str]:
    """What stands around the document."""
    head = os.pread(file, _HEADER_WINDOW, 0)
    if head[: head.find(_HEADER)].strip(_BEFORE_HEADER):
        yield "leading-data"
    yield from polyglot.of_document(file, os.fstat(file).st_size)


def _findings(document: pikepdf.Pdf) -> Iterator[str]:
    """What is active or odd, each by its name, once."""
    if document.is_encrypted:
        yield "pdf-encrypted"
    unseen = dict(_MARKS)
    for number, text in enumerate(_objects(document)):
        for name in [
            name for name, mark in unseen.items() if mark.search(text) and mark.search(_STRING.sub(b"", text))
        ]:
            del unseen[name]
            yield name
        if number >= _MAX_OBJECTS:
            yield "pdf-many-objects"
            break
    if document.get_warnings():
        yield "pdf-warnings"


def _objects(document: pikepdf.Pdf) -> Iterator[bytes]:
    """The trailer and every indirect object as text; of a stream, its dictionary."""
    yield document.trailer.unparse()
    for item in document.objects:
        if isinstance(item, pikepdf.Stream):
            yield item.stream_dict.unparse(resolved=True)
        elif isinstance(item, pikepdf.Object):
            yield item.unparse(resolved=True)
