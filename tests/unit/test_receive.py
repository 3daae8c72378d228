"""The front gate: what it lets through, what it refuses, and that it leaves nothing behind."""

import asyncio
import base64
import errno
import hashlib
import os
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from holdall.errors import (
    DigestMismatch,
    EncodingRefused,
    HoldallError,
    Malformed,
    StorageFull,
    StorageUnavailable,
    TooLarge,
    TooManyFiles,
    TooSlow,
)
from holdall.web import staging
from holdall.web.receive import (
    FORM_SLACK_BYTES,
    MAX_FIELD_BYTES,
    MAX_HEADER_BYTES,
    MAX_PART_HEADERS,
    MAX_PARTS,
    BodyLimits,
    Form,
    receive_form,
)
from tests.support.server import BOUNDARY, FORM_TYPE, Part, encode_form

T = TypeVar("T")

MIB = 1 << 20
PIECE = 64 << 10
LIMITS = BodyLimits(max_file_bytes=MIB, max_body_bytes=MIB).sized(MIB)
HEADERS = {"content-type": FORM_TYPE}
FILE = Part("file", b"the bytes of the file", "a.txt")
NOTE = Part("note", b"hello")
DISCONNECT = {"type": "http.disconnect"}
SHA256 = hashlib.sha256(FILE.content).digest()
SHA512 = hashlib.sha512(FILE.content).digest()


class Client:
    """A client that sends these pieces, pausing where a number stands, and then ends the body.

    A message instead of a piece is delivered as it is. ``stalls``: after the last piece nothing comes any more.
    """

    def __init__(self, *steps: bytes | float | dict[str, Any], stalls: bool = False) -> None:
        self._steps: Iterable[bytes | float | dict[str, Any]] = iter(steps)
        self._stalls = stalls
        self.sent = 0

    async def __call__(self) -> dict[str, Any]:
        for step in self._steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
                continue
            self.sent += 1
            return step if isinstance(step, dict) else {"type": "http.request", "body": step, "more_body": True}
        if self._stalls:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


def receive(
    folder: Path,
    client: Client,
    headers: Mapping[str, str] = HEADERS,
    limits: BodyLimits = LIMITS,
    look: Callable[[Form], T] = lambda form: form,  # type: ignore[assignment,return-value]
) -> T:
    """What ``look`` sees of the received form; whatever happens, the folder is empty afterwards."""

    async def run() -> T:
        async with receive_form(client, headers, folder, limits) as form:
            return look(form)

    try:
        return asyncio.run(run())
    finally:
        assert list(folder.iterdir()) == []


def refused(
    folder: Path,
    error: type[HoldallError],
    client: Client,
    headers: Mapping[str, str] = HEADERS,
    limits: BodyLimits = LIMITS,
) -> Any:
    """The error with which this body is refused."""
    with pytest.raises(error) as caught:
        receive(folder, client, headers, limits)
    assert type(caught.value) is error
    return caught.value


def contents(form: Form) -> list[bytes]:
    return [staged.path.read_bytes() for staged in form.files]


def cut(body: bytes, size: int = PIECE) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


def digest_of(algorithm: str, digest: bytes) -> str:
    return f"{algorithm}=:{base64.b64encode(digest).decode()}:"


# ── what is let through ──────────────────────────────────────────────────────────────────────────────────────────


def test_fields_and_files_arrive(folder: Path):
    """Text becomes a field; a part with a file name becomes a staged file, counted and hashed."""

    def look(form: Form) -> None:
        (staged,) = form.files
        assert form.fields == {"note": "hello"}
        assert (staged.client_name, staged.field, staged.is_over) == ("a.txt", "file", False)
        assert (staged.size, staged.sha256, staged.head) == (len(FILE.content), SHA256.hex(), FILE.content)
        assert staged.path.read_bytes() == FILE.content
        assert staged.path.stat().st_mode & 0o777 == 0o600

    receive(folder, Client(encode_form(NOTE, FILE)), look=look)


@pytest.mark.skipif(not staging._HAS_MEMORY_FILES, reason="the system has no files in memory")
@pytest.mark.parametrize("size", [0, 1, staging.INLINE_BYTES, staging.INLINE_BYTES + 1, staging.BLOCK_BYTES - 1])
def test_a_small_file_never_touches_the_folder(folder: Path, size: int):
    """Its bytes are at hand, and behind a path all the same."""
    content = os.urandom(size)

    def look(form: Form) -> None:
        (staged,) = form.files
        assert list(folder.iterdir()) == []
        assert staged.data == staged.path.read_bytes() == content
        assert staged.sha256 == hashlib.sha256(content).hexdigest()

    receive(folder, Client(*cut(encode_form(Part("file", content, "a.bin")))), look=look)


@pytest.mark.parametrize(("size", "has_memory_files"), [(1, False), (2 * MIB, False), (2 * MIB, True)])
def test_a_file_in_the_folder_is_private(
    folder: Path, monkeypatch: pytest.MonkeyPatch, size: int, *, has_memory_files: bool
):
    """A large one, and, where the system has no files in memory, any."""
    monkeypatch.setattr(staging, "_HAS_MEMORY_FILES", has_memory_files)
    content = os.urandom(size)

    def look(form: Form) -> None:
        (staged,) = form.files
        assert list(folder.iterdir()) == [staged.path]
        assert staged.path.stat().st_mode & 0o777 == 0o600
        assert (staged.data, staged.path.read_bytes()) == (None, content)

    client = Client(*cut(encode_form(Part("file", content, "a.bin"))))
    receive(folder, client, limits=LIMITS.sized(4 * MIB), look=look)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors cannot be counted here")
@pytest.mark.parametrize("size", [1, staging.INLINE_BYTES + 1, 2 * MIB, 4 * MIB + 1])
def test_no_descriptor_is_left_open(folder: Path, size: int):
    """Small, large, or over the ceiling; whole or broken off."""
    body = encode_form(Part("file", bytes(size), "a.bin"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    receive(folder, Client(*cut(body)), limits=LIMITS.sized(4 * MIB))
    refused(folder, Malformed, Client(*cut(body[:-10])), limits=LIMITS.sized(4 * MIB))
    refused(folder, Malformed, Client(*cut(body[:-10]), DISCONNECT), limits=LIMITS.sized(4 * MIB))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\nan epilogue"])
def test_the_last_boundary_may_end_the_body_in_any_way(folder: Path, end: bytes):
    """With, without or with more than a final CRLF the form is whole."""
    assert [FILE.content] == receive(folder, Client(encode_form(FILE, end=end)), look=contents)


def test_one_byte_at_a_time_is_the_same_form(folder: Path):
    """Pieces may be cut anywhere."""
    client = Client(*cut(encode_form(NOTE, FILE), 1))
    assert [FILE.content] == receive(folder, client, look=contents)


def test_a_body_of_no_parts_is_an_empty_form(folder: Path):
    """A lone last boundary is a form that holds nothing."""
    assert Form() == receive(folder, Client(encode_form()))


def test_an_empty_file_is_staged(folder: Path):
    """Zero bytes are a file; whether they are wanted is for the policy to say."""
    form = receive(folder, Client(encode_form(Part("file", b"", "a.txt"))))
    assert (form.files[0].size, form.files[0].sha256) == (0, hashlib.sha256().hexdigest())


def test_of_several_fields_of_one_name_the_last_counts(folder: Path):
    """As clients of PHP expect."""
    assert {"note": "two"} == receive(folder, Client(encode_form(Part("note", b"one"), Part("note", b"two")))).fields


def test_a_boundary_inside_a_file_is_content(folder: Path):
    """Only CRLF and the whole boundary end a part."""
    content = f"--{BOUNDARY}\n\r\n--{BOUNDARY[:-1]}\r\n-{BOUNDARY}--\r\r\n\n".encode()
    assert [content] == receive(folder, Client(*cut(encode_form(Part("file", content, "a.txt")), 7)), look=contents)


@pytest.mark.parametrize("name", ["naïve 图.png", "عربي.txt", "👨\u200d👩\u200d👧.jpg", "a;b=c.txt", "ſ'``.txt"])
def test_raw_utf8_names_survive(folder: Path, name: str):
    """File names come as raw UTF-8, as every client of ours sends them."""
    form = receive(folder, Client(encode_form(Part("file", b"x", name))))
    assert name == form.files[0].client_name


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [
        ('form-data; name="file"; filename="a.txt"; filename*=UTF-8\'\'evil.exe', "a.txt"),
        ('form-data; name="file"; filename*=UTF-8\'\'evil.exe; filename="a.txt"', "a.txt"),
        ('form-data; filename="a.txt"; name="file"', "a.txt"),
        ("form-data; name=file; filename=a.txt", "a.txt"),
        ('form-data; name="file"; filename="say \\"hi\\".txt"', 'say "hi".txt'),
        ('form-data; name="file"; filename="say %22hi%22.txt"', 'say "hi".txt'),
        ('form-data; name="file"; filename="C:\\temp\\a.txt"', "a.txt"),
    ],
)
def test_the_plain_file_name_is_the_one_that_counts(folder: Path, disposition: str, expected: str):
    """``filename*``, which RFC 7578 forbids in forms, is not looked at."""
    part = Part("", b"x", headers={"Content-Disposition": disposition})
    (staged,) = receive(folder, Client(encode_form(part))).files
    assert (staged.field, staged.client_name) == ("file", expected)


def test_an_extended_file_name_alone_makes_no_file(folder: Path):
    """A part with nothing but ``filename*`` is a field: there is no second way to name a file."""
    part = Part("", b"x", headers={"Content-Disposition": "form-data; name=\"file\"; filename*=UTF-8''a.exe"})
    form = receive(folder, Client(encode_form(part)))
    assert (form.files, form.fields) == ([], {"file": "x"})


@pytest.mark.parametrize("encoding", ["identity", "Identity ", ""])
def test_an_identity_encoding_is_no_encoding(folder: Path, encoding: str):
    """Saying that nothing was done to the body is fine."""
    client = Client(encode_form(FILE))
    assert [FILE.content] == receive(folder, client, {**HEADERS, "content-encoding": encoding}, look=contents)


def test_a_quoted_boundary_is_the_same_boundary(folder: Path):
    """As clients write it whose boundary has a colon or a blank in it."""
    body, headers = encode_form(FILE, boundary="a b:c"), {"content-type": 'Multipart/Form-Data; boundary="a b:c"'}
    assert [FILE.content] == receive(folder, Client(body), headers, look=contents)


# ── headers of the request ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "application/x-www-form-urlencoded",
        f"multipart/mixed; boundary={BOUNDARY}",
        f"multipart/form-datas; boundary={BOUNDARY}",
        f"text/plain, multipart/form-data; boundary={BOUNDARY}",
        "multipart/form-data",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        f"multipart/form-data; boundary={'b' * 201}",
        'multipart/form-data; boundary="a\r\nb"',
        'multipart/form-data; boundary="a\nb"',
        'multipart/form-data; boundary="a\x00b"',
        'multipart/form-data; boundary="grün"',
    ],
)
def test_a_content_type_without_a_usable_boundary_is_refused_unread(folder: Path, content_type: str):
    """No form, no boundary, or one that is empty, over-long or unprintable: not a byte of the body is read."""
    client = Client(encode_form(FILE))
    refused(folder, Malformed, client, {"content-type": content_type})
    assert client.sent == 0


def test_a_missing_content_type_is_refused(folder: Path):
    """A body of unknown kind is not guessed at."""
    refused(folder, Malformed, Client(encode_form(FILE)), {})


def test_a_body_with_another_boundary_is_refused(folder: Path):
    """The boundary that was announced never comes."""
    refused(folder, Malformed, Client(encode_form(FILE, boundary="another")))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_refused_unread(folder: Path, encoding: str):
    """Limits count the bytes that come, so these must be the bytes that are meant."""
    client = Client(encode_form(FILE))
    refused(folder, EncodingRefused, client, {**HEADERS, "content-encoding": encoding})
    assert client.sent == 0


def test_a_body_that_announces_too_much_is_refused_unread(folder: Path):
    """Its Content-Length is over the limit: not a byte is read, and the file's limit is what is told."""
    client = Client(encode_form(FILE))
    length = str(LIMITS.max_body_bytes + 1)
    error = refused(folder, TooLarge, client, {**HEADERS, "content-length": length})
    assert (client.sent, error.max_bytes) == (0, LIMITS.max_file_bytes)


def test_a_body_may_announce_as_much_as_is_read(folder: Path):
    """The limit itself is no excess."""
    headers = {**HEADERS, "content-length": str(LIMITS.max_body_bytes)}
    assert [FILE.content] == receive(folder, Client(encode_form(FILE)), headers, look=contents)


@pytest.mark.parametrize("length", ["-1", "+1", "1.0", "0x10", "ten", "1 2", "٣", "9" * 20, ""])
def test_a_length_that_is_no_number_is_refused(folder: Path, length: str):
    """Plain digits or nothing."""
    refused(folder, Malformed, Client(encode_form(FILE)), {**HEADERS, "content-length": length})


# ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [0, 1, 30, 60, 100, 150])
def test_a_truncated_body_is_refused(folder: Path, size: int):
    """Wherever it breaks off before the last boundary."""
    body = encode_form(NOTE, FILE)
    assert size < len(body) - 4
    refused(folder, Malformed, Client(body[:size]))


def test_every_prefix_of_a_body_is_refused(folder: Path):
    """Up to the two dashes that end it."""
    body = encode_form(NOTE, FILE, end=b"")
    for size in range(len(body)):
        refused(folder, Malformed, Client(body[:size]))


def test_ten_thousand_parts_are_refused(folder: Path):
    """And no more of them is read than the limit."""
    parts = [Part(f"f{number}", b"x") for number in range(10_000)]
    client = Client(*cut(encode_form(*parts)))
    refused(folder, Malformed, client)
    assert client.sent == 1


def test_as_many_parts_as_allowed_are_read(folder: Path):
    """The limit itself is no excess."""
    parts = [Part(f"f{number}", b"x") for number in range(MAX_PARTS)]
    assert len(receive(folder, Client(encode_form(*parts))).fields) == MAX_PARTS


@pytest.mark.parametrize("size", [1, 1000, PIECE, 2 * MIB])
def test_a_part_header_of_a_megabyte_is_refused(folder: Path, size: int):
    """However it is cut, it is not gathered."""
    part = Part("file", b"x", "a.txt", {"X-Long": "x" * MIB})
    client = Client(*cut(encode_form(part)[:PIECE], size))
    refused(folder, Malformed, client)
    assert client.sent * size <= max(MAX_HEADER_BYTES + 2 * PIECE, size)


@pytest.mark.parametrize("size", [1, 1000, PIECE])
def test_a_part_header_over_its_limit_is_refused(folder: Path, size: int):
    """Of a body in which all else is well."""
    part = Part("file", b"x", "a.txt", {"X-Long": "x" * MAX_HEADER_BYTES})
    refused(folder, Malformed, Client(*cut(encode_form(part), size)))


def test_too_many_headers_of_a_part_are_refused(folder: Path):
    """RFC 7578 knows three."""
    headers = {f"X-{number}": "x" for number in range(MAX_PART_HEADERS)}
    refused(folder, Malformed, Client(encode_form(Part("file", b"x", "a.txt", headers))))


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Disposition form-data",
        b'Content-Disposition: attachment; name="file"; filename="a.txt"',
        b"Content-Type: text/plain",
        b'Content-Disposition: form-data; name="file"; filename="\xff\xfe.txt"',
        b'Content-Disposition: form-data; name="file"\nX: y',
        b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Length: -5',
        b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Length: 999',
        b" Content-Disposition: form-data",
    ],
)
def test_a_part_with_a_broken_header_is_refused(folder: Path, header: bytes):
    """No colon, no disposition or another one, no UTF-8, bare line feeds, a length that lies."""
    mark = b"--" + BOUNDARY.encode()
    refused(folder, Malformed, Client(mark + b"\r\n" + header + b"\r\n\r\nx\r\n" + mark + b"--"))


def test_a_text_field_over_its_limit_is_refused(folder: Path):
    """Text is kept in memory, so there is little of it."""
    refused(folder, Malformed, Client(*cut(encode_form(Part("note", b"x" * (MAX_FIELD_BYTES + 1024))))))
    refused(folder, Malformed, Client(*cut(encode_form(Part("note", b"x" * (MAX_FIELD_BYTES + 1))))))


def test_a_text_field_at_its_limit_is_read(folder: Path):
    """The limit itself is no excess."""
    form = receive(folder, Client(*cut(encode_form(Part("note", b"x" * MAX_FIELD_BYTES)))))
    assert len(form.fields["note"]) == MAX_FIELD_BYTES


def test_more_files_than_allowed_are_refused(folder: Path):
    """The first of them is not kept either."""
    assert refused(folder, TooManyFiles, Client(encode_form(FILE, FILE))).allowed == 1


def test_as_many_files_as_allowed_are_read(folder: Path):
    """Each is a file of its own."""
    client, limits = Client(encode_form(FILE, FILE)), LIMITS.sized(MIB, max_files=2)
    assert [FILE.content] * 2 == receive(folder, client, limits=limits, look=contents)


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("ceiling", [10, PIECE, 3 * MIB + 1])
def test_a_file_at_the_ceiling_is_kept(folder: Path, ceiling: int):
    """To the last byte."""
    content = os.urandom(ceiling)

    def look(form: Form) -> None:
        (staged,) = form.files
        assert (staged.is_over, staged.size) == (False, ceiling)
        assert staged.sha256 == hashlib.sha256(content).hexdigest()
        assert staged.path.read_bytes() == content

    client = Client(*cut(encode_form(Part("file", content, "a.bin"))))
    receive(folder, client, limits=LIMITS.sized(ceiling), look=look)


@pytest.mark.parametrize("ceiling", [10, PIECE, 3 * MIB + 1])
def test_a_file_one_byte_over_the_ceiling_is_not_kept(folder: Path, ceiling: int):
    """It is told to be over, its head is known, and what follows it is still read."""
    content = os.urandom(ceiling + 1)

    def look(form: Form) -> None:
        (staged,) = form.files
        assert (staged.is_over, staged.size, staged.sha256) == (True, ceiling + 1, "")
        assert staged.head == content[: len(staged.head)]
        assert not staged.path.exists() or staged.path.stat().st_size <= ceiling
        assert form.fields == {"note": "hello"}

    client = Client(*cut(encode_form(Part("file", content, "a.bin"), NOTE)))
    receive(folder, client, limits=LIMITS.sized(ceiling), look=look)


def test_a_chunked_body_past_the_ceiling_is_refused(folder: Path):
    """A body that announced nothing is read no further than the limit."""
    client = Client(*cut(encode_form(Part("file", bytes(4 * MIB), "a.bin"))))
    error = refused(folder, TooLarge, client)
    assert error.max_bytes == MIB
    assert client.sent <= (MIB + FORM_SLACK_BYTES) // PIECE + 1


def test_a_body_that_brings_more_than_it_announced_is_refused(folder: Path):
    """What counts is what comes."""
    client = Client(*cut(encode_form(Part("file", bytes(4 * MIB), "a.bin"))))
    refused(folder, TooLarge, client, {**HEADERS, "content-length": "10"})


def test_a_large_file_passes_in_little_memory(folder: Path):
    """64 MiB in pieces of 64 KiB never take more than 8 MiB."""
    head, _, tail = encode_form(Part("file", b"@", "a.bin")).partition(b"@")
    piece = os.urandom(PIECE)
    client = Client(head, *[piece] * 1024, tail)
    tracemalloc.start()
    try:
        sizes = receive(
            folder, client, limits=LIMITS.sized(64 * MIB), look=lambda form: [file.size for file in form.files]
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [64 * MIB] == sizes
    assert peak < 8 * MIB


# ── pace ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stalling_client_is_given_up(folder: Path):
    """After the patience for one silence, not for the whole body."""
    began = time.monotonic()
    refused(folder, TooSlow, Client(encode_form(FILE)[:80], stalls=True), limits=replace(LIMITS, stall_seconds=0.05))
    assert time.monotonic() - began < 2


def test_a_client_that_never_begins_is_given_up(folder: Path):
    """Silence before the first byte is silence too."""
    refused(folder, TooSlow, Client(stalls=True), limits=replace(LIMITS, stall_seconds=0.05))


def test_pauses_shorter_than_the_patience_are_waited_for(folder: Path):
    """Also when together they are longer."""
    steps = [step for piece in cut(encode_form(FILE), 20) for step in (0.02, piece)]
    limits = replace(LIMITS, stall_seconds=0.1)
    assert len(steps) * 0.01 > limits.stall_seconds - 0.05
    assert [FILE.content] == receive(folder, Client(*steps), limits=limits, look=contents)


def test_a_crawling_client_is_given_up(folder: Path):
    """Bytes come, but fewer in a second than the floor."""
    limits = replace(LIMITS, min_bytes_per_second=100_000, grace_seconds=0.01)
    steps = [step for piece in cut(encode_form(FILE), 5) for step in (0.03, piece)]
    client = Client(*steps)
    refused(folder, TooSlow, client, limits=limits)
    assert client.sent < len(steps) // 2


def test_a_body_that_takes_too_long_in_all_is_given_up(folder: Path):
    """However steadily it comes."""
    limits = replace(LIMITS, body_seconds=0.05)
    steps = [step for piece in cut(encode_form(FILE), 5) for step in (0.02, piece)]
    client = Client(*steps)
    refused(folder, TooSlow, client, limits=limits)
    assert client.sent < len(steps) // 2


@pytest.mark.parametrize("size", [0, 20, 100, 150])
def test_a_client_that_goes_away_leaves_nothing(folder: Path, size: int):
    """Wherever in the body it was."""
    pieces = [piece for piece in (encode_form(NOTE, FILE)[:size],) if piece]
    refused(folder, Malformed, Client(*pieces, DISCONNECT))


# ── digests ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("header", ["content-digest", "repr-digest"])
@pytest.mark.parametrize(("algorithm", "digest"), [("sha-256", SHA256), ("sha-512", SHA512)])
def test_a_right_digest_of_the_file_is_accepted(folder: Path, header: str, algorithm: str, digest: bytes):
    """The digest of the one file counts as that of the body, for that is what clients know."""
    headers = {**HEADERS, header: digest_of(algorithm, digest)}
    assert [FILE.content] == receive(folder, Client(encode_form(FILE)), headers, look=contents)


def test_a_right_digest_of_the_body_is_accepted(folder: Path):
    """As RFC 9530 means it."""
    body = encode_form(NOTE, FILE)
    value = f"{digest_of('sha-256', hashlib.sha256(body).digest())}, {digest_of('sha-512', SHA512)}"
    assert [FILE.content] == receive(
        folder, Client(*cut(body, 10)), {**HEADERS, "content-digest": value}, look=contents
    )


@pytest.mark.parametrize("header", ["content-digest", "repr-digest"])
@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_a_wrong_digest_is_refused(folder: Path, header: str, algorithm: str):
    """The error names the algorithm."""
    headers = {**HEADERS, header: digest_of(algorithm, SHA256[::-1])}
    assert refused(folder, DigestMismatch, Client(encode_form(FILE)), headers).algorithm == algorithm


def test_one_wrong_digest_among_right_ones_is_refused(folder: Path):
    """Each that was announced must be true."""
    value = f"{digest_of('sha-256', SHA256)}, {digest_of('sha-512', SHA256)}"
    refused(folder, DigestMismatch, Client(encode_form(FILE)), {**HEADERS, "content-digest": value})


@pytest.mark.parametrize(
    "value", ["sha-256", "sha-256=abc", "sha-256=:abc:", "sha-256=:****:", "=:YWJj:", "sha-256=:YWJj:!", "grün=:YWJj:"]
)
def test_a_malformed_digest_is_refused_unread(folder: Path, value: str):
    """It was meant to protect, so it is not passed over."""
    client = Client(encode_form(FILE))
    refused(folder, Malformed, client, {**HEADERS, "content-digest": value})
    assert client.sent == 0


@pytest.mark.parametrize("value", ["md5=:YWJj:", "crc32c=:YWJj:, unixsum=:YWJj:", "", " , "])
def test_an_unknown_algorithm_is_passed_over(folder: Path, value: str):
    """RFC 9530, section 2, asks for it."""
    client = Client(encode_form(FILE))
    assert [FILE.content] == receive(folder, client, {**HEADERS, "content-digest": value}, look=contents)


@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize(("algorithm", "digest"), [("sha-256", SHA256), ("sha-512", SHA512)])
def test_a_right_digest_of_a_part_is_accepted(folder: Path, header: str, algorithm: str, digest: bytes):
    """A part may carry the digest of its own bytes."""
    part = replace(FILE, headers={header: digest_of(algorithm, digest)})
    assert [FILE.content] == receive(folder, Client(encode_form(part)), look=contents)


@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_a_wrong_digest_of_a_part_is_refused(folder: Path, header: str, algorithm: str):
    """Of several files, the second one's too."""
    part = replace(FILE, headers={header: digest_of(algorithm, SHA256[::-1])})
    error = refused(folder, DigestMismatch, Client(encode_form(FILE, part)), limits=LIMITS.sized(MIB, max_files=2))
    assert error.algorithm == algorithm


@pytest.mark.parametrize("header", ["content-digest", "repr-digest"])
def test_a_file_over_the_ceiling_is_not_said_to_be_damaged(folder: Path, header: str):
    """Its digest is not looked at: what is wrong with it is its size."""
    content = os.urandom(MIB + 1)
    headers = {**HEADERS, header: digest_of("sha-256", hashlib.sha256(content).digest())}
    part = Part("file", content, "a.bin", {"Content-Digest": headers[header]})
    assert receive(folder, Client(*cut(encode_form(part))), headers).files[0].is_over


def test_a_malformed_digest_of_a_part_is_refused(folder: Path):
    """As one of the request is."""
    refused(folder, Malformed, Client(encode_form(replace(FILE, headers={"Content-Digest": "sha-256=abc"}))))


# ── when the disk or the server fails ────────────────────────────────────────────────────────────────────────────


class SlowOs:
    """The system with a disk that takes its time and little at once, and fails in the end if it is told to."""

    def __init__(self, seconds: float = 0.0, code: int = 0, most: int = MIB) -> None:
        self._seconds = seconds
        self._code = code
        self._most = most

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def open(self, path: Path, flags: int, mode: int) -> int:
        time.sleep(self._seconds)
        return os.open(path, flags, mode)

    def writev(self, fd: int, views: list[memoryview]) -> int:
        time.sleep(self._seconds)
        if self._code:
            raise OSError(self._code, os.strerror(self._code))
        return os.writev(fd, [views[0][: self._most]] if len(views[0]) > self._most else views)


@pytest.mark.parametrize(
    ("code", "error"),
    [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EIO, StorageUnavailable)],
)
@pytest.mark.parametrize("size", [1, 5 * MIB])
def test_a_disk_that_fails_fails_the_upload(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[HoldallError], size: int
):
    """A full disk is told from a broken one."""
    monkeypatch.setattr(staging, "os", SlowOs(code=code))
    client = Client(*cut(encode_form(Part("file", bytes(size), "a.bin"))))
    refused(folder, error, client, limits=LIMITS.sized(8 * MIB))


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_flush_that_fails_fails_the_upload(folder: Path, monkeypatch: pytest.MonkeyPatch, failing: int):
    """Whichever it is, and though each later sync of the same file would be called a success."""
    flushed: list[int] = []

    def fdatasync(fd: int) -> None:
        flushed.append(fd)
        if len(flushed) == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(staging, "FLUSH_BYTES", 2 * MIB)
    client = Client(*cut(encode_form(Part("file", os.urandom(12 * MIB), "a.bin"))))
    refused(folder, StorageUnavailable, client, limits=LIMITS.sized(16 * MIB))
    assert len(flushed) == failing


def test_a_disk_that_takes_little_at_once_gets_every_byte(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Short writes are gone on with."""
    monkeypatch.setattr(staging, "os", SlowOs(most=77))
    content = os.urandom(300_000)
    client = Client(*cut(encode_form(Part("file", content, "a.bin")), 1000))
    assert [content] == receive(folder, client, look=contents)


@pytest.mark.parametrize("size", [1000, 300_000, 3 * MIB])
@pytest.mark.parametrize("after", [0.0, 0.01, 0.05, 0.08])
def test_a_request_that_is_cancelled_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, after: float, size: int
):
    """Also when a thread is in the midst of writing."""
    monkeypatch.setattr(staging, "os", SlowOs(seconds=0.03))
    client = Client(*cut(encode_form(Part("file", bytes(size), "a.bin"))), stalls=True)

    async def run() -> None:
        task = asyncio.create_task(_read(folder, client))
        await asyncio.sleep(after)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.2)

    asyncio.run(run())
    assert list(folder.iterdir()) == []


async def _read(folder: Path, client: Client) -> AsyncIterator[None]:
    async with receive_form(client, HEADERS, folder, LIMITS.sized(8 * MIB)):
        raise AssertionError("the client never ends its body")
