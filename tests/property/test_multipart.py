"""Whatever comes in over the wire, in whatever pieces: a form or one of our errors, and an empty folder."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdall.errors import HoldallError
from holdall.web.receive import BodyLimits, receive_form
from tests.support.server import BOUNDARY, FORM_TYPE, Part, encode_form

LIMITS = BodyLimits(max_file_bytes=4096, max_body_bytes=0).sized(4096, max_files=5)
MARK = f"--{BOUNDARY}".encode()

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="%\\\r\n\x00"), max_size=30)
CONTENT = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", MARK, MARK[:-1], b"\r\n" + MARK[:-1], b"x"])).map(
        b"".join
    ),
).filter(lambda content: b"\r\n" + MARK not in content)
"""Nothing that ends a part: nobody could tell it from the end."""
FIELDS = st.builds(Part, TEXT, TEXT.map(str.encode))
FILES = st.builds(Part, TEXT, CONTENT, TEXT)
CUTS = st.lists(st.integers(0, 4000), max_size=12)
FRAGMENTS = st.sampled_from(
    [
        MARK,
        MARK + b"\r\n",
        MARK + b"--",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"Content-Disposition: form-data",
        b'; name="file"',
        b'; filename="a.txt"',
        b"; filename*=UTF-8''%00",
        b"Content-Type: text/plain; charset=nonsense\r\n",
        b"Content-Length: 7\r\n",
        b"Content-Digest: sha-256=:YWJj:\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n',
        b'Content-Disposition: form-data; name="note"\r\n\r\n',
        b"x" * 5000,
        b"\xff\xfe\x00",
        b" ",
        b":",
    ]
)
SOUP = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=20)), max_size=30).map(b"".join)


@dataclass(frozen=True)
class Seen:
    """What a handler sees of a form."""

    fields: dict[str, str]
    files: list[tuple[str, str, int, bool, str, bytes]]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder)


def pieces_of(body: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(body)}), len(body)]
    return [body[start:stop] for start, stop in pairwise(edges)]


def receive(folder: Path, pieces: Sequence[bytes], headers: dict[str, str] | None = None) -> Seen | str:
    """What a handler sees, or the name of the error; never anything else, and nothing is left in the folder."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    rest = iter([*messages, {"type": "http.request", "body": b"", "more_body": False}])

    async def next_message() -> dict[str, object]:
        return next(rest)

    async def run() -> Seen:
        async with receive_form(next_message, headers or {"content-type": FORM_TYPE}, folder, LIMITS) as form:
            return Seen(
                form.fields,
                [
                    (file.field, file.client_name, file.size, file.is_over, file.sha256, file.path.read_bytes())
                    for file in form.files
                ],
            )

    try:
        return asyncio.run(run())
    except HoldallError as error:
        return type(error).__name__
    finally:
        assert list(folder.iterdir()) == []


@settings(max_examples=150, deadline=None)
@given(fields=st.lists(FIELDS, max_size=4), files=st.lists(FILES, max_size=4), cuts=CUTS, end=st.binary(max_size=20))
def test_a_form_is_the_same_in_whatever_pieces_it_comes(
    folder: Path, fields: list[Part], files: list[Part], cuts: list[int], end: bytes
):
    """Names, text and bytes are what was sent; only the last of several fields of one name counts."""
    expected = Seen(
        {part.name: part.content.decode() for part in fields},
        [
            (part.name, part.filename or "", len(part.content), False, sha256(part.content), part.content)
            for part in files
        ],
    )
    body = encode_form(*fields, *files, end=end)
    assert expected == receive(folder, pieces_of(body, cuts))


@settings(max_examples=25, deadline=None)
@given(files=st.lists(FILES, min_size=1, max_size=2))
def test_a_form_may_come_byte_by_byte(folder: Path, files: list[Part]):
    """The smallest pieces there are."""
    body = encode_form(*files)
    assert receive(folder, [body]) == receive(folder, pieces_of(body, range(len(body))))


@settings(max_examples=300, deadline=None)
@given(body=st.one_of(SOUP, SOUP.map(lambda soup: MARK + b"\r\n" + soup), st.binary(max_size=2000)), cuts=CUTS)
def test_any_bytes_are_a_form_or_an_error_of_ours(folder: Path, body: bytes, cuts: list[int]):
    """Nothing that a client sends raises anything that a dialect could not put into words."""
    receive(folder, pieces_of(body, cuts))


@settings(max_examples=100, deadline=None)
@given(
    files=st.lists(FILES, min_size=1, max_size=3),
    at=st.integers(0, 2000),
    wrong=st.binary(max_size=4),
    length=st.integers(0, 4),
    cuts=CUTS,
)
def test_a_damaged_form_is_a_form_or_an_error_of_ours(
    folder: Path, files: list[Part], at: int, wrong: bytes, length: int, cuts: list[int]
):
    """A few bytes of a good body cut out, put in, or changed."""
    body = encode_form(*files)
    at %= len(body)
    receive(folder, pieces_of(body[:at] + wrong + body[at + length :], cuts))


HEADER_VALUES = st.one_of(
    st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=60),
    st.sampled_from([FORM_TYPE, "multipart/form-data; boundary=", "sha-256=:YWJj:", "sha-256=:", "gzip", "1e9", "-0"]),
)


@settings(max_examples=200, deadline=None)
@given(
    headers=st.dictionaries(
        st.sampled_from(["content-type", "content-length", "content-encoding", "content-digest", "repr-digest"]),
        HEADER_VALUES,
    ),
    body=SOUP,
)
def test_any_headers_are_a_form_or_an_error_of_ours(folder: Path, headers: dict[str, str], body: bytes):
    """Latin-1 text is all that HTTP lets through, and all of it may come."""
    receive(folder, [body], headers or {"content-type": ""})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
