"""PDF documents: whole by their own cross-reference table, with at least one page; what is active in them is named.

Nothing is repaired: a reader that mends a truncated file would have us keep half a document. Nothing is rendered and
no content stream is decoded, so a bomb in a stream stays packed.
"""

import io
import os
import re
from collections.abc import Iterator

import pikepdf

from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt
from holdall.domain.files import Inspection

_MARKS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("pdf-javascript", re.compile(rb"/(?:JavaScript|JS)(?![\w.-])")),
    ("pdf-launch", re.compile(rb"/(?:Launch|SubmitForm|ImportData|GoToE)(?![\w.-])")),
    ("pdf-embedded-files", re.compile(rb"/(?:EmbeddedFiles?|EF)(?![\w.-])")),
    ("pdf-xfa", re.compile(rb"/XFA(?![\w.-])")),
)
"""What runs by itself or at a click. An ``/OpenAction`` that only turns to a page is in most documents, and is not
named; one that does more has one of these beside it. They are looked for in objects as qpdf writes them back, in which
``/J#61vaScript`` has become ``/JavaScript``."""
_MAX_OBJECTS = 50_000
"""Objects looked through for active content: about a second's work. A 500-page book has some 10,000."""


def prepare() -> None:
    """Do once what qpdf would open a file for at its first encrypted document: its source of random numbers."""
    with pikepdf.new() as document, io.BytesIO() as kept:
        document.add_blank_page()
        document.save(kept, encryption=pikepdf.Encryption(owner="o", user="u"))


def inspect(file: int, job: Job) -> Inspection:
    """Prove a PDF and name what is active in it.

    An encrypted document that opens only with a password is reported (``pdf-encrypted``) and taken as it is.

    Raises:
        Corrupt: it has no sound structure, or no page.

    """
    with os.fdopen(os.dup(file), "rb") as stream:
        try:
            with pikepdf.open(stream, attempt_recovery=False, suppress_warnings=True) as document:
                if len(document.pages) == 0:
                    raise Corrupt("the document has no page")
                return Inspection(job.mime, findings=tuple(_findings(document)))
        except pikepdf.PasswordError:
            return Inspection(job.mime, findings=("pdf-encrypted",))
        except (pikepdf.PdfError, pikepdf.ForeignObjectError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Corrupt(f"the document's structure is broken ({type(error).__name__})") from error


def _findings(document: pikepdf.Pdf) -> Iterator[str]:
    """What is active or odd, each by its name, once."""
    if document.is_encrypted:
        yield "pdf-encrypted"
    unseen = dict(_MARKS)
    for number, text in enumerate(_objects(document)):
        for name in [name for name, mark in unseen.items() if mark.search(text)]:
            del unseen[name]
            yield name
        if number >= _MAX_OBJECTS:
            yield "pdf-many-objects"
            return


def _objects(document: pikepdf.Pdf) -> Iterator[bytes]:
    """Every indirect object as text; of a stream, its dictionary."""
    for item in document.objects:
        if isinstance(item, pikepdf.Stream):
            yield item.stream_dict.unparse(resolved=True)
        elif isinstance(item, pikepdf.Object):
            yield item.unparse(resolved=True)
