"""Bad files, one table against every door: refused for the right reason, or kept as a download that nothing runs."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from tests.acceptance.doors import DOORS, Answer, Door, check_refusal, check_unharmed, doors, exchange
from tests.support.corpus import corpus
from tests.support.hostile import BAD_FILES, GOOD_FILES, BadFile, Fate
from tests.support.server import Part, RunningServer

ALL_DOORS = (*DOORS, "pika-image")
"""Bika's one, Pika's avatar, and Pika's attachment, once for documents and once for images."""
EXTENSIONS = {
    "bika": None,
    "pika-avatar": {"jpg", "jpeg", "png", "gif", "webp"},
    "pika-image": {"jpg", "jpeg", "png", "gif", "webp"},
    "pika-attachment": {"pdf", "doc", "docx", "txt"},
}


def is_named_for(name: str, file_name: str) -> bool:
    """Whether the door takes the extension, so that the content decides; the others are test_pika_order's."""
    allowed = EXTENSIONS[name]
    return allowed is None or file_name.rpartition(".")[2] in allowed


BAD_AT_DOORS = [(name, row) for name in ALL_DOORS for row, bad in BAD_FILES.items() if is_named_for(name, bad.name)]
GOOD_AT_DOORS = [(name, row) for name in ALL_DOORS for row, good in GOOD_FILES.items() if is_named_for(name, good[0])]


@pytest.fixture
def door(name: str, server: RunningServer) -> Door:
    if name != "pika-image":
        return doors(server)[name]
    fields = (Part("entityType", b"transaction"), Part("attachmentType", b"image"))
    return replace(doors(server)["pika-attachment"], fields=fields)


@pytest.fixture(autouse=True)
def unharmed(server: RunningServer) -> Iterator[None]:
    yield
    check_unharmed(server)


def sent(server: RunningServer, door: Door, file_name: str, data: bytes) -> Answer:
    return exchange(server, door.post(door.form(Part("file", data, file_name))))


def location(door: Door, answer: Answer) -> str:
    """Where the file of an acknowledged upload is."""
    body = answer.json()
    url = urlsplit(body["url"] if door.dialect == "pika" else body["data"][0]["url"])
    return f"{url.path}?{url.query}"


def fetched(server: RunningServer, door: Door, path: str) -> Answer:
    """The file, as its uploader gets it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    header, _, value = door.credential.partition(": ")
    with closing(connection):
        connection.request("GET", path, headers={header: value})
        answer = connection.getresponse()
        return Answer(answer.status, answer.msg, answer.read(), 0.0)


def check_inert(answer: Answer) -> None:
    """Nothing that a browser runs, and nothing that it shows of its own accord."""
    assert answer.status == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(("name", "row"), BAD_AT_DOORS)
def test_a_bad_file_does_no_harm(server: RunningServer, door: Door, row: str):
    bad: BadFile = BAD_FILES[row]
    data = bad.make()
    answer = sent(server, door, bad.name, data)

    if (bad.strict if door.dialect == "pika" else bad.tolerant) is Fate.REFUSED:
        check_refusal(door.dialect, answer)
        assert bad.why in json.dumps(answer.json()), answer.json()
    else:
        assert answer.status == 200, answer.body
        served = fetched(server, door, location(door, answer))
        check_inert(served)
        assert served.body == data


@pytest.mark.parametrize(("name", "row"), GOOD_AT_DOORS)
def test_what_honest_programs_write_comes_in(server: RunningServer, door: Door, row: str):
    file_name, make = GOOD_FILES[row]
    answer = sent(server, door, file_name, make())

    assert answer.status == 200, answer.body
    assert fetched(server, door, location(door, answer)).status == 200


@pytest.mark.parametrize("name", ["bika", "pika-avatar", "pika-image"])
def test_what_comes_after_an_image_is_named_an_image_and_nothing_else(server: RunningServer, door: Door):
    """A served image is an image: its type is said, and nobody is to guess another."""
    file_name, make = GOOD_FILES["a JPEG with a second picture behind it"]
    served = fetched(server, door, location(door, sent(server, door, file_name, make())))

    assert served.headers["content-type"] == "image/jpeg"
    assert served.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ALL_DOORS)
def test_the_good_files_of_the_corpus_come_in(server: RunningServer, door: Door, name: str):
    for path in corpus("good"):
        if is_named_for(name, path.name):
            answer = sent(server, door, path.name, path.read_bytes())
            assert answer.status == 200, (path.name, answer.body)


@pytest.mark.parametrize("name", ALL_DOORS)
def test_the_hostile_files_of_the_corpus_do_no_harm(server: RunningServer, door: Door):
    """Under their own names, and as every kind that the door takes: refused or inert, at once, and never a 5xx."""
    for path in corpus("hostile"):
        data = path.read_bytes()
        for extension in ("", ".jpg", ".pdf", ".docx", ".doc", ".txt"):
            answer = sent(server, door, path.name + extension, data)
            assert answer.status < 500, (path.name, extension)
            assert answer.seconds < 10, (path.name, extension)
            if answer.status == 200 and not extension:
                check_inert(fetched(server, door, location(door, answer)))
