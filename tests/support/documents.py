"""Small office packages and PDFs."""

import io
import zipfile
from collections.abc import Mapping

import pikepdf

OOXML = "application/vnd.openxmlformats-officedocument"
DOCX_MAIN = f"{OOXML}.wordprocessingml.document.main+xml"


def package(members: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of these members, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def docx(extra: Mapping[str, str | bytes] | None = None, main_type: str = DOCX_MAIN, text: str = "<w/>") -> bytes:
    """A minimal DOCX, with further members."""
    types = f'<Types><Override PartName="/word/document.xml" ContentType="{main_type}"/></Types>'
    return package({"[Content_Types].xml": types, "word/document.xml": text, **(extra or {})})


def odt(manifest: str = "<manifest/>", content: str = "<office/>") -> bytes:
    """A minimal ODT."""
    mime = "application/vnd.oasis.opendocument.text"
    return package({"mimetype": mime, "content.xml": content, "META-INF/manifest.xml": manifest})


def pdf(pages: int = 1, **root: pikepdf.Object) -> bytes:
    """A PDF of blank pages, with these entries in its catalogue."""
    buffer = io.BytesIO()
    with pikepdf.new() as document:
        for _ in range(pages):
            document.add_blank_page()
        for name, value in root.items():
            document.Root[f"/{name}"] = value
        document.save(buffer)
    return buffer.getvalue()
