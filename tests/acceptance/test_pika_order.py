"""Of several things wrong with a Pika upload, the first of the documented order is told (contract pika, 3.2)."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.acceptance.doors import check_refusal, check_unharmed, exchange, request
from tests.support.images import jpeg, png
from tests.support.server import FORM_TYPE, Part, RunningServer, encode_form

MIB = 1 << 20
JPEG = jpeg()
BIG_JPEG = JPEG + bytes(5 * MIB)
BIG_JUNK = b"\x01" * (5 * MIB + 1)
BIG_TEXT = b"text\n" * (2 * MIB + 1)
BIGGER_JUNK = b"\x01" * (10 * MIB + 1)

UNAUTHORIZED = (401, "unauthorized", "Unauthorized access.")
TYPE = (400, "invalid_type", "File type not allowed. Allowed file types are: avatar, attachment, other.")
ATTACHMENT_TYPE = (
    400,
    "invalid_attachment_type",
    "Attachment type not allowed. Allowed attachment types are: image, document.",
)
ENTITY_TYPE = (
    400,
    "invalid_entity_type",
    "Entity type not allowed. Allowed entity types are: person, account, transaction, other.",
)
FILE = (400, "invalid_file", "File missing you request.")
IMAGE_TYPE = (
    400,
    "invalid_image_type",
    "Image type not allowed. Allowed image types are: jpg, jpeg, png, gif, webp.",
)
DOCUMENT_TYPE = (
    400,
    "invalid_document_type",
    "Document type not allowed. Allowed document types are: pdf, doc, docx, txt.",
)
IMAGE_MIME = (
    400,
    "invalid_image_mime_type",
    "Image mime type not allowed. Allowed image mime types are: image/png, image/jpeg, image/gif, image/webp.",
)
DOCUMENT_MIME = (
    400,
    "invalid_document_mime_type",
    (
        "Document mime type not allowed. Allowed document mime types are: application/pdf, application/msword, "
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document, text/plain."
    ),
)
IMAGE_SIZE = (400, "file_size_exceeded", "File size exceeded, max file size is 5MB.")
DOCUMENT_SIZE = (400, "file_size_exceeded", "File size exceeded, max file size is 10MB.")
NO_ROUTE = (404, "rest_no_route", "No route was found matching the URL and request method.")


@dataclass(frozen=True)
class Try:
    """An upload; what is ``None`` is left out."""

    door: str = "avatar"
    entity: str | None = "person"
    attachment: str | None = None
    name: str | None = "a.jpg"
    content: bytes = JPEG
    is_known: bool = True

    def parts(self) -> Iterator[Part]:
        """The parts of its form."""
        if self.attachment is not None:
            yield Part("attachmentType", self.attachment.encode())
        if self.entity is not None:
            yield Part("entityType", self.entity.encode())
        if self.name is not None:
            yield Part("file", self.content, self.name)


def _image(**wrong: object) -> Try:
    return Try(**{"door": "attachment", "attachment": "image", **wrong})  # type: ignore[arg-type]


def _document(**wrong: object) -> Try:
    return Try(**{"door": "attachment", "attachment": "document", "name": "a.txt", "content": b"text\n", **wrong})  # type: ignore[arg-type]


FIRST_WRONG = [
    ("a stranger is told nothing of the rest", Try(door="bogus", entity=None, name=None, is_known=False), UNAUTHORIZED),
    ("a stranger at a good door", Try(is_known=False), UNAUTHORIZED),
    ("no letters make no route, stranger or not", Try(door="1", is_known=False), NO_ROUTE),
    ("no letters make no route", Try(door="avatar2"), NO_ROUTE),
    ("a bad type", Try(door="bogus"), TYPE),
    ("type before attachmentType", Try(door="bogus", attachment="bogus"), TYPE),
    ("type before entityType", Try(door="bogus", entity="bogus"), TYPE),
    ("type before file", Try(door="bogus", name=None), TYPE),
    ("type before size", Try(door="bogus", content=BIG_JPEG), TYPE),
    ("a bad attachmentType", _image(attachment="bogus"), ATTACHMENT_TYPE),
    ("no attachmentType", _image(attachment=None), ATTACHMENT_TYPE),
    ("an empty attachmentType", _image(attachment=" "), ATTACHMENT_TYPE),
    ("no attachmentType at the third door", _image(door="other", attachment=None), ATTACHMENT_TYPE),
    ("attachmentType before entityType", _image(attachment="bogus", entity="bogus"), ATTACHMENT_TYPE),
    ("attachmentType before file", _image(attachment="bogus", name=None), ATTACHMENT_TYPE),
    ("attachmentType before extension", _image(attachment="bogus", name="a.exe"), ATTACHMENT_TYPE),
    ("attachmentType before size", _image(attachment="bogus", content=BIG_JPEG), ATTACHMENT_TYPE),
    ("attachmentType is nothing to an avatar", Try(attachment="bogus", entity="bogus"), ENTITY_TYPE),
    ("a bad entityType", Try(entity="bogus"), ENTITY_TYPE),
    ("no entityType", Try(entity=None), ENTITY_TYPE),
    ("entityType before file", Try(entity="bogus", name=None), ENTITY_TYPE),
    ("entityType before extension", _document(entity="bogus", name="a.exe"), ENTITY_TYPE),
    ("entityType before size", Try(entity="bogus", content=BIG_JPEG), ENTITY_TYPE),
    ("no file", Try(name=None), FILE),
    ("no file, document", _document(name=None), FILE),
    ("a bad extension", Try(name="a.exe"), IMAGE_TYPE),
    ("no extension", Try(name="a"), IMAGE_TYPE),
    ("an empty file name", Try(name=""), IMAGE_TYPE),
    ("a name that is all extension", Try(name=".jpg"), IMAGE_TYPE),
    ("a document is no image", Try(name="a.pdf", content=b"%PDF-1.7\n"), IMAGE_TYPE),
    ("svg is no image here", Try(name="a.svg", content=b"<svg xmlns='http://www.w3.org/2000/svg'/>"), IMAGE_TYPE),
    ("extension before mime", Try(name="a.exe", content=b"MZ\x90\x00\x03\x00\x00\x00"), IMAGE_TYPE),
    ("extension before size", Try(name="a.exe", content=BIG_JPEG), IMAGE_TYPE),
    ("extension before mime and size", Try(name="a.exe", content=BIG_JUNK), IMAGE_TYPE),
    ("extension before emptiness", Try(name="a.exe", content=b""), IMAGE_TYPE),
    ("an image is no document", _document(name="a.png", content=png()), DOCUMENT_TYPE),
    ("a spreadsheet is no document here", _document(name="a.xlsx", content=b"PK\x03\x04"), DOCUMENT_TYPE),
    ("markdown is no document here", _document(name="a.md"), DOCUMENT_TYPE),
    ("a log is no document here", _document(name="a.log"), DOCUMENT_TYPE),
    ("extension before mime, document", _document(name="a.exe", content=b"\x7fELF"), DOCUMENT_TYPE),
    ("extension before size, document", _document(name="a.exe", content=BIGGER_JUNK), DOCUMENT_TYPE),
    ("zero bytes", Try(content=b""), IMAGE_MIME),
    ("text called jpg", Try(content=b"text\n"), IMAGE_MIME),
    ("svg called png", Try(name="a.png", content=b"<svg xmlns='http://www.w3.org/2000/svg'/>"), IMAGE_MIME),
    ("png called jpg", Try(content=png()), IMAGE_MIME),
    ("half a jpeg", Try(content=JPEG[: len(JPEG) // 2]), IMAGE_MIME),
    ("a page called webp", Try(name="a.webp", content=b"<!doctype html><script>"), IMAGE_MIME),
    ("mime before size", Try(content=BIG_JUNK), IMAGE_MIME),
    ("mime before size, attachment", _image(content=BIG_JUNK), IMAGE_MIME),
    ("zero bytes, document", _document(content=b""), DOCUMENT_MIME),
    ("text called pdf", _document(name="a.pdf"), DOCUMENT_MIME),
    ("a zip called docx", _document(name="a.docx", content=b"PK\x05\x06" + bytes(18)), DOCUMENT_MIME),
    ("no ole called doc", _document(name="a.doc", content=b"text\n"), DOCUMENT_MIME),
    ("a page called txt", _document(content=b"<html><script>alert(1)</script>"), DOCUMENT_MIME),
    ("mime before size, document", _document(content=BIGGER_JUNK), DOCUMENT_MIME),
    ("too big", Try(content=BIG_JPEG), IMAGE_SIZE),
    ("too big, attachment", _image(content=BIG_JPEG), IMAGE_SIZE),
    ("too big, document", _document(content=BIG_TEXT), DOCUMENT_SIZE),
]


@pytest.fixture(autouse=True)
def unharmed(server: RunningServer) -> Iterator[None]:
    yield
    check_unharmed(server)


@pytest.mark.parametrize("is_reversed", [False, True], ids=["fields first", "file first"])
@pytest.mark.parametrize(("attempt", "told"), [row[1:] for row in FIRST_WRONG], ids=[row[0] for row in FIRST_WRONG])
def test_the_first_wrong_thing_is_told(
    server: RunningServer, attempt: Try, told: tuple[int, str, str], *, is_reversed: bool
):
    """With the documented status, code and text, in whatever order the parts come."""
    answer = _send(server, attempt, is_reversed=is_reversed)
    check_refusal("pika", answer, told[0])
    assert (answer.status, answer.json()["code"], answer.json()["message"]) == told


@pytest.mark.parametrize("door", ["avatar", "AVATAR", "aVaTaR"])
@pytest.mark.parametrize("entity", ["person", " Person\t", "ACCOUNT", "transaction", "other"])
def test_letter_case_and_blanks_make_no_difference(server: RunningServer, door: str, entity: str):
    """In the door and in the fields."""
    answer = _send(server, Try(door=door, entity=entity))
    assert answer.status == 200
    assert answer.json()["type"] == "image"
    answer = _send(server, Try(door="OTHER", entity=entity, attachment=" DocumenT ", name="A.TXT", content=b"text\n"))
    assert (answer.status, answer.json()["type"], answer.json()["name"]) == (200, "document", "A.TXT")


def _send(server: RunningServer, attempt: Try, *, is_reversed: bool = False):
    parts = list(attempt.parts())
    body = encode_form(*(reversed(parts) if is_reversed else parts))
    cookie = server.demo["pika"][0]["cookie"] if attempt.is_known else ""
    head = request(
        "POST",
        f"/wp-json/pika/v1/upload/{attempt.door}",
        f"Cookie: pika_token={cookie}" if cookie else "X-Nothing: x",
        f"Content-Type: {FORM_TYPE}",
        f"Content-Length: {len(body)}",
    )
    return exchange(server, head, body)
