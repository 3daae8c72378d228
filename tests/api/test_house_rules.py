"""What an operator changes of the doors: more images, other limits, other answers to what is found."""

import hashlib
import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.acceptance.doors import Answer, Door, check_refusal, doors, exchange
from tests.support import documents, images
from tests.support.hostile import BAD_FILES, DRAWINGS
from tests.support.server import Part, RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(
        tmp_path_factory.mktemp("house") / "data",
        HOLDALL_BIKA_IMAGES="svg, avif,bmp",
        HOLDALL_BIKA_FINDINGS="pdf-javascript=refuse",
        HOLDALL_PIKA_FINDINGS="pdf-javascript=flag",
        HOLDALL_MAX_IMAGE_PIXELS="10000",
        HOLDALL_MAX_IMAGE_FRAMES="3",
        HOLDALL_MAX_PACKAGE_MEMBERS="5",
        HOLDALL_MAX_UNPACKED_BYTES="100000",
    ) as running:
        yield running


@pytest.fixture
def bika(server: RunningServer) -> Door:
    return doors(server)["bika"]


@pytest.fixture
def pika(server: RunningServer) -> Door:
    return doors(server)["pika-attachment"]


def sent(server: RunningServer, door: Door, name: str, data: bytes) -> Answer:
    return exchange(server, door.post(door.form(Part("file", data, name))))


def fetched(server: RunningServer, answer: Answer) -> tuple[http.client.HTTPResponse, bytes]:
    """The file behind a signed link."""
    url = urlsplit(answer.json()["data"][0]["url"])
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with closing(connection):
        connection.request("GET", f"{url.path}?{url.query}")
        got = connection.getresponse()
        return got, got.read()


def test_a_drawing_is_kept_clean_and_told_as_it_is_kept(server: RunningServer, bika: Door):
    """Size and digest are those of the bytes that are served."""
    for drawing in DRAWINGS:
        answer = sent(server, bika, "a.svg", drawing)
        if answer.status != 200:
            check_refusal("bika", answer)  # a script at the very start makes it a page
            continue
        told, (got, served) = answer.json()["data"][0], fetched(server, answer)

        assert b"198.51" not in served
        assert b"script" not in served.replace(b"&lt;script", b"")
        assert told["size"] == len(served)
        assert hashlib.sha256(served).hexdigest() in got.headers["etag"]
        assert got.headers["content-disposition"].startswith("attachment")
        assert got.headers["content-type"] == "application/octet-stream"


def test_a_script_that_opens_a_drawing_makes_it_a_page(server: RunningServer, bika: Door):
    check_refusal("bika", sent(server, bika, "a.svg", BAD_FILES["a drawing by its own name"].make()), 415)


def test_a_drawing_that_cannot_be_cleaned_is_refused(server: RunningServer, bika: Door):
    check_refusal("bika", sent(server, bika, "a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><g></svg>"), 422)


def test_more_images_are_decoded(server: RunningServer, bika: Door):
    for format in ("AVIF", "BMP"):
        data = images.encoded(images.flat(50, 50), format)

        assert sent(server, bika, f"a.{format}", data).json()["data"][0]["thumbnailUrl"], format
        check_refusal("bika", sent(server, bika, f"a.{format}", data[:-200] if format == "BMP" else data[:-20]), 422)


def test_what_was_not_asked_for_is_kept_as_it_is(server: RunningServer, bika: Door):
    data = images.encoded(images.flat(500, 500), "TIFF")

    assert sent(server, bika, "a.tiff", data).status == 200


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", images.png(101, 100)),
        ("a.gif", images.gif(5, 5, frames=4)),
        ("a.docx", documents.docx({f"word/{number}": "x" for number in range(4)})),
        ("a.docx", documents.docx({"word/a": bytes(100_001)})),
    ],
    ids=["pixels", "frames", "members", "unpacked"],
)
def test_limits_are_the_settings(server: RunningServer, bika: Door, name: str, data: bytes):
    check_refusal("bika", sent(server, bika, name, data), 422)


def test_what_fits_the_limits_comes_in(server: RunningServer, bika: Door):
    for name, data in (
        ("a.png", images.png(100, 100)),
        ("a.gif", images.gif(5, 5, frames=3)),
        ("a.docx", documents.docx({f"word/{number}": "x" for number in range(3)})),
    ):
        assert sent(server, bika, name, data).status == 200, name


def test_each_dialect_has_its_own_answer_to_a_finding(server: RunningServer, bika: Door, pika: Door):
    """Here the other way round than by default."""
    scripted = BAD_FILES["a PDF that runs a script"].make()
    refusal = sent(server, bika, "a.pdf", scripted)

    check_refusal("bika", refusal, 422)
    assert "pdf-javascript" in json.dumps(refusal.json())
    assert sent(server, pika, "a.pdf", scripted).status == 200


def test_text_is_served_in_the_encoding_that_was_found(server: RunningServer, bika: Door):
    for text, encoding in (("caf\u00e9", "utf-8"), ("caf\u00e9", "windows-1252"), ("\ufeffcaf\u00e9", "utf-16")):
        got, served = fetched(server, sent(server, bika, "a.txt", text.encode(encoding)))

        assert got.headers["content-type"] == f"text/plain; charset={encoding}"
        assert served.decode(encoding).endswith("caf\u00e9")
