"""One byte over a limit is refused, and exactly at it is stored and read back whole."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

from tests.acceptance.doors import Door, check_refusal, check_unharmed, doors, exchange, request
from tests.support.images import padded_jpeg
from tests.support.server import Part, RunningServer, running_server

MIB = 1 << 20
BIKA_LIMIT = MIB
IMAGE_LIMIT = 5_242_880
DOCUMENT_LIMIT = 10_485_760


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose general limit is a megabyte, which Pika's own limits have nothing to do with."""
    folder = tmp_path_factory.mktemp("limited") / "data"
    with running_server(folder, HOLDALL_MAX_UPLOAD_BYTES=str(BIKA_LIMIT)) as running:
        yield running


def lines(size: int) -> bytes:
    """Text of exactly this size."""
    line = b"the same line over and over again\n"
    return (line * (size // len(line) + 1))[:size]


@dataclass(frozen=True)
class Limit:
    """A limit, and how its excess is answered."""

    door: str
    size: int
    fields: tuple[Part, ...]
    name: str
    status: int
    message: str

    def content(self, size: int) -> bytes:
        """A good file of this size."""
        return padded_jpeg(size) if self.name.endswith(".jpg") else lines(size)


def _entity(*more: Part) -> tuple[Part, ...]:
    return (Part("entityType", b"transaction"), *more)


LIMITS = {
    "bika": Limit("bika", BIKA_LIMIT, (), "a.txt", 413, "Too large: at most 1048576 bytes are taken"),
    "pika avatar": Limit(
        "pika-avatar", IMAGE_LIMIT, _entity(), "a.jpg", 400, "File size exceeded, max file size is 5MB."
    ),
    "pika image": Limit(
        "pika-attachment",
        IMAGE_LIMIT,
        _entity(Part("attachmentType", b"image")),
        "a.jpg",
        400,
        "File size exceeded, max file size is 5MB.",
    ),
    "pika document": Limit(
        "pika-attachment",
        DOCUMENT_LIMIT,
        _entity(Part("attachmentType", b"document")),
        "a.txt",
        400,
        "File size exceeded, max file size is 10MB.",
    ),
}


@pytest.fixture(params=LIMITS)
def limit(request: pytest.FixtureRequest) -> Limit:
    return LIMITS[request.param]


@pytest.fixture
def door(limit: Limit, server: RunningServer) -> Iterator[Door]:
    yield replace(doors(server)[limit.door], fields=limit.fields)
    check_unharmed(server)


def test_a_file_exactly_at_the_limit_is_stored(server: RunningServer, door: Door, limit: Limit):
    """And reads back byte for byte, save Pika's pictures, of which the master is kept: it reads back as it is told."""
    content = limit.content(limit.size)
    assert len(content) == limit.size
    answer = exchange(server, door.post(door.form(Part("file", content, limit.name))))
    assert answer.status == 200, answer.body
    item = answer.json()["data"][0] if door.dialect == "bika" else answer.json()
    url = urlsplit(item["url"])
    got = exchange(server, request("GET", f"{url.path}?{url.query}", door.credential))
    assert len(got.body) == int(item["size"])
    if door.dialect == "pika" and limit.name.endswith(".jpg"):
        assert sha256(got.body).hexdigest() == item["sha256"]
    else:
        assert got.body == content


@pytest.mark.parametrize("excess", [1, 1000, 300_000])
def test_a_file_over_the_limit_is_refused(server: RunningServer, door: Door, limit: Limit, excess: int):
    """By one byte, or by more than the form may add to the file."""
    content = limit.content(limit.size + excess)
    answer = exchange(server, door.post(door.form(Part("file", content, limit.name))))
    check_refusal(door.dialect, answer, limit.status)
    assert answer.json()["message"] == limit.message


def test_a_file_over_the_limit_is_refused_before_its_fields_come(server: RunningServer, door: Door, limit: Limit):
    """The order of the parts of a form makes no difference."""
    content = limit.content(limit.size + 1)
    late = replace(door, fields=())
    answer = exchange(server, late.post(late.form(Part("file", content, limit.name), *limit.fields)))
    check_refusal(door.dialect, answer, limit.status)
    assert answer.json()["message"] == limit.message
