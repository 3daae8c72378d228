"""Bad requests, one table against every upload call, over plain sockets: refused in JSON, at once, without a trace."""

import gzip
import json
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.doors import DOORS, Door, check_refusal, check_unharmed, chunked, doors, exchange, request
from tests.support.server import BOUNDARY, Part, RunningServer, encode_form, running_server

MIB = 1 << 20
MAX_UPLOAD_BYTES = MIB
TOO_MUCH = bytes(24 * MIB)
"""More than any call reads."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with little patience and a low limit."""
    folder = tmp_path_factory.mktemp("impatient") / "data"
    with running_server(folder, HOLDALL_STALL_SECONDS="1", HOLDALL_MAX_UPLOAD_BYTES=str(MAX_UPLOAD_BYTES)) as running:
        yield running


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, server: RunningServer) -> Door:
    return doors(server)[request.param]


@pytest.fixture(autouse=True)
def unharmed(server: RunningServer) -> Iterator[None]:
    yield
    check_unharmed(server)


# ── uploads ──────────────────────────────────────────────────────────────────────────────────────────────────────

BAD_FORMS: dict[str, Callable[[Door], bytes]] = {
    "another boundary than announced": lambda door: door.post(door.form(boundary="another")),
    "no boundary": lambda door: door.post(door.form(), content_type="multipart/form-data"),
    "an empty boundary": lambda door: door.post(door.form(), content_type="multipart/form-data; boundary="),
    "an over-long boundary": lambda door: door.post(
        door.form(boundary="b" * 300), content_type=f"multipart/form-data; boundary={'b' * 300}"
    ),
    "no content type": lambda door: door.post(door.form(), content_type=None),
    "an urlencoded form": lambda door: door.post(b"file=x", content_type="application/x-www-form-urlencoded"),
    "json": lambda door: door.post(b'{"file": "x"}', content_type="application/json"),
    "another kind of multipart": lambda door: door.post(
        door.form(), content_type=f"multipart/related; boundary={BOUNDARY}"
    ),
    "no body": lambda door: door.post(b""),
    "no body and no length": lambda door: door.post(b"", length=""),
    "no parts": lambda door: door.post(encode_form()),
    "a truncated form": lambda door: door.post(door.form()[:-40]),
    "a length too small": lambda door: door.post(door.form(), length=len(door.form()) - 10),
    "ten thousand parts": lambda door: door.post(
        encode_form(*(Part(f"f{number}", b"x") for number in range(10_000)), *door.parts)
    ),
    "a part header of a megabyte": lambda door: door.post(
        door.form(replace(door.file, headers={"X-Long": "x" * MIB}))[: MIB + 200]
    ),
    "a hundred part headers": lambda door: door.post(
        door.form(replace(door.file, headers={f"X-{number}": "x" for number in range(100)}))
    ),
    "a text field of a hundred kilobytes": lambda door: door.post(door.form(Part("note", b"x" * 100_000), door.file)),
    "a part without a disposition": lambda door: door.post(
        door.form().replace(b"Content-Disposition: form-data", b"Content-Type: form-data")
    ),
    "a name that is no UTF-8": lambda door: door.post(door.form().replace(b'filename="', b'filename="\xff\xfe')),
    "a bare line feed in a header": lambda door: door.post(door.form().replace(b'filename="', b'filename="\n')),
    "file[] in place of file": lambda door: door.post(door.form(replace(door.file, name="file[]"))),
    "another name for file": lambda door: door.post(door.form(replace(door.file, name="File"))),
    "a file without a file name": lambda door: door.post(door.form(door.named(None))),
    "an empty file name": lambda door: door.post(door.form(door.named(""))),
    "a file name of 5,000 characters": lambda door: door.post(door.form(door.named("x" * 5000 + "." + door.extension))),
    "zero bytes": lambda door: door.post(door.form(replace(door.file, content=b""))),
    "a hundred files": lambda door: door.post(door.form(*[door.file] * 60)),
    "gzip": lambda door: door.post(gzip.compress(door.form()), "Content-Encoding: gzip"),
    "a wrong digest": lambda door: door.post(door.form(), f"Content-Digest: sha-256=:{'A' * 43}=:"),
    "a malformed digest": lambda door: door.post(door.form(), "Repr-Digest: sha-256=nonsense"),
    "an over-long idempotency key": lambda door: door.post(door.form(), f"Idempotency-Key: {'k' * 300}"),
    "an empty idempotency key": lambda door: door.post(door.form(), "Idempotency-Key: "),
    "more bytes announced than are read": lambda door: door.post(door.form(), length=10**12),
    "more bytes announced and sent than are read": lambda door: door.post(TOO_MUCH),
    "a file far over the limit": lambda door: door.post(door.form(replace(door.file, content=TOO_MUCH))),
}


@pytest.mark.parametrize("case", BAD_FORMS)
def test_a_bad_form_is_refused(server: RunningServer, door: Door, case: str):
    """With a reason, in the dialect's JSON."""
    check_refusal(door.dialect, exchange(server, BAD_FORMS[case](door)))


@pytest.mark.parametrize(
    ("name", "field", "code"),
    [
        ("pika-avatar", "entityType", "invalid_entity_type"),
        ("pika-avatar", "file", "invalid_file"),
        ("pika-attachment", "entityType", "invalid_entity_type"),
        ("pika-attachment", "attachmentType", "invalid_attachment_type"),
        ("pika-attachment", "file", "invalid_file"),
    ],
)
def test_a_field_with_brackets_counts_as_missing(server: RunningServer, name: str, field: str, code: str):
    """``entityType[]`` and ``file[]`` make real Pika fall over; here they are fields that nobody asked for."""
    door = doors(server)[name]
    parts = [replace(part, name=f"{field}[]") if part.name == field else part for part in door.parts]
    answer = exchange(server, door.post(encode_form(*parts)))
    check_refusal("pika", answer, 400)
    assert answer.json()["code"] == code


def test_of_two_files_the_documented_ones_are_kept(server: RunningServer, door: Door):
    """Bika keeps both, Pika the last one called ``file``."""
    answer = exchange(server, door.post(door.form(door.named(f"one.{door.extension}"), door.file)))
    assert answer.status == 200
    if door.dialect == "bika":
        assert [item["originalName"] for item in answer.json()["data"]] == ["one.txt", door.file.filename]
    else:
        assert answer.json()["name"] == door.file.filename


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_the_last_boundary_may_do_without_a_final_line_end(server: RunningServer, door: Door, end: bytes):
    """Clients differ in it."""
    assert exchange(server, door.post(encode_form(*door.parts, end=end))).status == 200


def test_a_chunked_body_is_as_good_as_any(server: RunningServer, door: Door):
    """As long as it is short enough."""
    head = door.post(b"", "Transfer-Encoding: chunked", length="")
    assert exchange(server, head, *chunked(door.form(), 100)).status == 200


def test_a_chunked_body_over_the_limit_is_refused(server: RunningServer, door: Door):
    """It is read no further than the limit."""
    head = door.post(b"", "Transfer-Encoding: chunked", length="")
    answer = exchange(server, head, *chunked(door.form(replace(door.file, content=TOO_MUCH))))
    check_refusal(door.dialect, answer, 413 if door.dialect == "bika" else 400)


def test_a_chunked_body_that_breaks_off_is_refused(server: RunningServer, door: Door):
    """The last chunk never comes."""
    head = door.post(b"", "Transfer-Encoding: chunked", length="")
    check_refusal(door.dialect, exchange(server, head, *chunked(door.form(), end=b""), is_half_closed=True), 400)
    check_refusal(door.dialect, exchange(server, head, b"zz\r\nnonsense\r\n"), 400)


def test_a_stalling_client_is_told_so(server: RunningServer, door: Door):
    """After the patience that is set, which is a second here."""
    for body in (door.form()[:60], b""):
        answer = exchange(server, door.post(body, length=len(door.form())))
        check_refusal(door.dialect, answer, 408)
        assert 0.9 < answer.seconds < 3


def test_a_length_too_big_is_a_stall(server: RunningServer, door: Door):
    """The whole form came, and yet more was promised."""
    check_refusal(door.dialect, exchange(server, door.post(door.form(), length=len(door.form()) + 100)), 408)


def test_a_client_that_stops_sending_is_told_so(server: RunningServer, door: Door):
    """It closed its side in mid-body and still listens."""
    pieces = door.post(door.form()[:80], length=len(door.form()))
    check_refusal(door.dialect, exchange(server, pieces, is_half_closed=True), 400)


@pytest.mark.parametrize("is_reset", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_client_that_goes_away_leaves_nothing(server: RunningServer, door: Door, share: float, *, is_reset: bool):
    """With a close or with a reset, wherever in the body it was."""
    content = door.file.content + bytes(MIB // 2)
    whole = door.post(door.form(replace(door.file, content=content)))
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(whole[: int(len(whole) * share)])
        time.sleep(0.05)
        if is_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: -5"],
        ["Content-Length: five"],
        ["Content-Length: 5, 6"],
        ["Content-Length: 0x10"],
        ["Content-Length: 1e3"],
        ["Content-Length: 99999999999999999999"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "X-Null: a\0b"],
        ["Content-Length : 5"],
        [f"X-{number}: many" for number in range(300)],
    ],
)
def test_a_head_that_is_no_http_is_refused(server: RunningServer, door: Door, lines: list[str]):
    """By the HTTP parser, before there is a dialect to speak: no body, no page, and the connection is closed."""
    answer = exchange(server, door.post(door.form(), *lines, length=""))
    assert answer.status in (400, 431)
    assert answer.seconds < 5
    assert answer.body == b""


@pytest.mark.parametrize("length", [70_000, 1_000_000, MIB])
def test_headers_of_a_megabyte_are_refused(server: RunningServer, door: Door, length: int):
    """In the words of the dialect, though the form itself is fine; just below the limit it is taken."""
    check_refusal(door.dialect, exchange(server, door.post(door.form(), f"X-Much: {'a' * length}")), 431)


def test_headers_within_their_limit_are_taken(server: RunningServer, door: Door):
    """They count together, with the address."""
    assert exchange(server, door.post(door.form(), f"X-Much: {'a' * 64_000}")).status == 200


def test_what_is_no_http_at_all_is_refused(server: RunningServer):
    """A TLS client that took the wrong port, for one."""
    assert exchange(server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").status == 400


def test_what_follows_a_short_body_is_not_taken_for_its_rest(server: RunningServer, door: Door):
    """A second request that hides behind a length too small is answered on its own, or not at all."""
    hidden = request("GET", "/healthz")
    body = door.form()
    check_refusal(door.dialect, exchange(server, door.post(body + hidden, length=len(body) - 10)), 400)
    assert exchange(server, door.post(body + hidden, length=len(body))).status == 200


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE_NAMES = [
    "../../etc/passwd",
    "../../etc/passwd.@",
    "..\\..\\windows\\a.@",
    "C:\\windows\\a.@",
    "/etc/cron.d/a.@",
    "....//a.@",
    "%2e%2e%2fa.@",
    "a.@\x00.php",
    "a\x00.@",
    "a.php\r\nX-Evil: 1.@",
    "a.php.@",
    "a.@.php",
    "\u202egpj.@",
    "a\u200b\ufeff\u2028.@",
    'say "hi".@',
    "say 'hi';x=y.@",
    "<script>alert(1)</script>.@",
    "$(reboot).@",
    ".htaccess",
    ".@",
    "..",
    ".",
    " ",
    "/",
    "a.@/",
    "a.@ ",
    "a.@.",
    "CON.@",
    "-rf.@",
    "naïve 图 👨\u200d👩.@",
    "x" * 300 + ".@",
    "图" * 300 + ".@",
    "a." + "@" * 300,
]
_UNSEEN = re.compile(r"[\x00-\x1f\x7f/\\\u202a-\u202e\u200b\u2028\u2029\ufeff]")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_does_no_harm(server: RunningServer, door: Door, name: str):
    """It is refused, or it is cleaned for showing, while the stored name is ours."""
    filename = name.replace("@", door.extension)
    answer = exchange(server, door.post(door.form(door.named(filename))))
    if answer.status != 200:
        check_refusal(door.dialect, answer)
        return
    shown, path = _shown_and_path(door, answer.json())
    assert 0 < len(shown) <= 255
    assert not _UNSEEN.search(shown)
    assert re.fullmatch(
        r"/files/openapi/[A-Za-z0-9]{21}\.(txt|bin|md)"
        r"|/wp-content/uploads/pika/(avatars|attachments)/(person|transaction)-[0-9a-f]{32}-\d+\.(jpg|txt)",
        urlsplit(path).path,
    )
    got = exchange(server, request("GET", path, door.credential))
    assert (got.status, got.body) == (200, door.file.content)
    assert _stray_files(server.data) == []


@pytest.mark.parametrize("letter", ["x", "图"])
def test_a_long_name_is_kept_as_far_as_it_fits(server: RunningServer, door: Door, letter: str):
    """300 characters are cut to 255, and the extension stays."""
    answer = exchange(server, door.post(door.form(door.named(f"{letter * 300}.{door.extension}"))))
    assert answer.status == 200
    shown, _ = _shown_and_path(door, answer.json())
    assert len(shown) == 255
    assert shown.endswith(f"{letter}.{door.extension}")


def _shown_and_path(door: Door, body: dict) -> tuple[str, str]:
    """The name that people see, and where the file is read from."""
    item = body["data"][0] if door.dialect == "bika" else body
    url = urlsplit(item["url"])
    return item["originalName" if door.dialect == "bika" else "name"], url.path + (f"?{url.query}" if url.query else "")


_OURS = re.compile(
    r"holdall\.sqlite3(-wal|-shm|\.lock)?|secret\.key|samples/.+|blobs/([0-9a-f]{2})/\2[0-9a-f]{30}|staging/.+|engines/\d+"
)


def _stray_files(data: Path) -> list[str]:
    """Files in the data folder under names that are not of our making."""
    files = [str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()]
    return [name for name in files if not _OURS.fullmatch(name)]


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────

GARBAGE = {
    "a lone brace": b"{",
    "text": b"hello",
    "bytes": bytes(range(256)),
    "NUL": b"\x00",
    "UTF-16": '{"cells": {}}'.encode("utf-16"),
    "half a character": b'{"cells": {"Name": "\xc3"}}',
    "half a pair": b'{"cells": {"Name": "\\ud800"}, "id": "x", "records": [{"fields": {"Name": "\\ud800"}}]}',
    "two values": b"{}{}",
    "single quotes": b"{'cells': {}}",
    "not a number": b'{"cells": {"Score": NaN}}',
    "a number without end": b'{"cells": {"Score": 1e999999}, "fields": {"Score": 1e999999}}',
    "many digits": b'{"cells": {"Score": ' + b"9" * 10_000 + b"}}",
    "100,000 brackets": b"[" * 100_000,
    "100,000 braces": b'{"a":' * 100_000,
    "100,000 brackets, closed": b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "1,000 brackets in a cell": b'{"id": "x", "cells": {"Name": ' + b"[" * 1000 + b"]" * 1000 + b"}}",
    "950 braces beside": b'{"beside": ' + b'{"a":' * 950 + b"1" + b"}" * 950 + b', "cells": {}}',
    "wrong kinds": b'{"id": 5, "cells": 5, "fields": 5, "records": 5, "user_login": 5, "password": 5}',
    "wrong kinds inside": b'{"id": "x", "records": [5], "cells": {"Images": {"id": []}}, "fields": {"Images": [5]}}',
    "unknown fields": b'{"id": "x", "records": [{"fields": {"\\u0000": 1}}], "cells": {"": 1}, "fields": {"": 1}}',
    "nulls": b'{"id": null, "cells": null, "fields": null, "records": null, "user_login": null, "password": null}',
    "a list": b"[]",
    "null": b"null",
    "nothing": b"",
    "five megabytes": b'{"cells": {"Name": "' + b"x" * 5 * MIB + b'"}}',
    "a NUL in a login": b'{"user_login": "\\u0000", "password": "\\u0000"}',
    "a strange login": '{"user_login": "🐘\u202e", "password": "🐘"}'.encode(),
}


def _json_calls(server: RunningServer) -> dict[str, tuple[str, str, str, str]]:
    """Every call that takes JSON: dialect, method, path, credential."""
    bika = server.demo["bika"]
    base = f"/spaces/{bika['space_id']}/resources/databases/{bika['database_id']}/records"
    v1, v2 = f"/api/openapi/bika/v1{base}", f"/api/openapi/bika/v2{base}"
    bearer, record = f"Authorization: Bearer {bika['token']}", bika["record_id"]
    return {
        "create v1": ("bika", "POST", v1, bearer),
        "update v1": ("bika", "PATCH", v1, bearer),
        "update v1, id in the path": ("bika", "PUT", f"{v1}/{record}", bearer),
        "create v2": ("bika", "POST", v2, bearer),
        "update v2": ("bika", "PUT", f"{v2}/{record}", bearer),
        "sign in": ("pika", "POST", "/wp-json/pika/v1/auth/login", "X-Nothing: x"),
    }


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize(
    "call", ["create v1", "update v1", "update v1, id in the path", "create v2", "update v2", "sign in"]
)
def test_json_garbage_is_refused(server: RunningServer, call: str, garbage: str):
    """Whatever is wrong with it."""
    dialect, method, path, credential = _json_calls(server)[call]
    body = GARBAGE[garbage]
    head = request(method, path, credential, "Content-Type: application/json", f"Content-Length: {len(body)}")
    check_refusal(dialect, exchange(server, head, body))


@pytest.mark.parametrize("call", ["create v1", "update v2", "sign in"])
def test_a_json_body_that_never_ends_is_refused(server: RunningServer, call: str):
    """It stalls, is too long for a length, or breaks off."""
    dialect, method, path, credential = _json_calls(server)[call]
    head = [credential, "Content-Type: application/json"]
    check_refusal(dialect, exchange(server, request(method, path, *head, "Content-Length: 50"), b"{"), 408)
    endless = request(method, path, *head, "Transfer-Encoding: chunked")
    check_refusal(dialect, exchange(server, endless, *chunked(b" " * 6 * MIB)), 413 if dialect == "bika" else 400)
    check_refusal(
        dialect, exchange(server, request(method, path, *head, "Content-Encoding: gzip", "Content-Length: 2"), b"{}")
    )
    check_refusal(
        dialect, exchange(server, request(method, path, *head, "Content-Length: 50"), b"{", is_half_closed=True), 400
    )


# ── routes ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "FOO", "post"])
def test_a_wrong_method_is_no_route(server: RunningServer, door: Door, method: str):
    """In both dialects 404, not 405; Pika's tells the methods of a path to whoever asks for them."""
    answer = exchange(server, request(method, door.path, door.credential, "Content-Length: 0"))
    if (door.dialect, method) == ("pika", "OPTIONS"):
        assert (200, "DELETE, GET, POST") == (answer.status, answer.headers["Allow"])
    else:
        check_refusal(door.dialect, answer, 404)


@pytest.mark.parametrize(
    "path",
    [
        "/api/openapi/bika/v1",
        "/api/openapi/bika/v3/spaces",
        "/api/openapi/bika/v1/spaces/x/y/z",
        "/api/openapi/bika/v1/spaces/../../../../etc/passwd",
        "/api/openapi/bika/v1/spaces/..%2f..%2f..%2fetc%2fpasswd",
        "/api/openapi/bika/v1/spaces/%00",
        "/api/openapi/bika/v1/spaces/%ff%fe/nodes",
        f"/api/openapi/bika/v1/spaces/{'x' * 5000}",
        "/files/..%2f..%2fholdall.sqlite3",
        "/files/%2e%2e/%2e%2e/secret.key?e=1&s=x",
        "/files/openapi/x.txt?e=99999999999999999999&s=%ff",
        "/files/openapi/x.txt?e=-1&s=",
        "/files/openapi/x.txt?e=٣&s=x".encode().decode("latin-1"),
    ],
)
def test_an_unknown_bika_route_is_not_found(server: RunningServer, path: str):
    """In Bika's JSON, however the path is written."""
    credential = f"Authorization: Bearer {server.demo['bika']['token']}"
    check_refusal("bika", exchange(server, request("GET", path, credential)), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/wp-json/pika/v1/nope",
        "/wp-json/pika/v1/uploads",
        "/wp-json/pika/v1/upload/1",
        "/wp-json/pika/v1/upload/..%2f..%2fauth%2fme",
        "/wp-json/pika/v1/upload/../../../../etc/passwd",
        "/wp-json/pika/v1/%00",
        "/wp-content/uploads/pika/avatars/",
        "/wp-content/uploads/pika/avatars/person-0-0.jpg",
        "/wp-content/uploads/..%2f..%2fsecret.key",
        "/wp-content/uploads/pika/..%2f..%2f..%2fetc%2fpasswd",
        "/wp-content/uploads/%00%ff",
        f"/wp-content/uploads/{'x' * 5000}.jpg",
    ],
)
def test_an_unknown_pika_route_is_not_found(server: RunningServer, path: str):
    """In Pika's JSON, however the path is written."""
    credential = f"Cookie: pika_token={server.demo['pika'][0]['cookie']}"
    check_refusal("pika", exchange(server, request("GET", path, credential)), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/nope"),
        ("GET", "//"),
        ("GET", "/%00"),
        ("GET", "/api/openapi/bika"),
        ("GET", "/wp-json/pika/v1"),
        ("GET", "/wp-content/uploads"),
        ("GET", "/files"),
        ("GET", "/api/openapi/bika/"),
        ("GET", "/wp-json/pika/v1/"),
        ("GET", "/wp-content/uploads/"),
        ("GET", "/files/"),
        ("POST", "/healthz"),
        ("GET", "/../../etc/passwd"),
    ],
)
def test_a_path_of_no_dialect_is_not_found(server: RunningServer, method: str, path: str):
    """In JSON too, and never a redirect to where the Host header points."""
    answer = exchange(server, request(method, path, "Content-Length: 0"))
    assert answer.status in (404, 405)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["message"]
    assert "location" not in answer.headers


# ── credentials ──────────────────────────────────────────────────────────────────────────────────────────────────

BAD_AUTHORIZATIONS = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer  ",
    "bearer null",
    "Basic bWlyYTp4",
    "Digest x",
    "Bearer \xff\xfe\x80",
    "Bearer " + "a" * 8000,
    "Bearer bkt'; DROP TABLE tokens; --",
    "Bearer bktx, Bearer bkty",
    "=====",
]
BAD_COOKIES = [
    "",
    "pika_token",
    "pika_token=",
    "pika_token==",
    "pika_token=%",
    "pika_token=%ff%fe%00",
    "pika_token=\xff\xfe",
    "pika_token=bm9jb2xvbg%3D%3D",
    "pika_token=//79OnNlY3JldA==",
    "pika_token=bWlyYTo=",
    "pika_token=AAA6AAA=",
    "pika_token=bWlyYTp4eHh4eHh4eHh4eHg=",
    "pika_token=" + "a" * 8000,
    'pika_token="quoted"; pika_token=other',
    "; ; =; ===; ,",
]


@pytest.mark.parametrize("value", BAD_AUTHORIZATIONS)
def test_a_bad_token_is_refused_before_the_body(server: RunningServer, value: str):
    """Of a body of gigabytes not a byte is waited for."""
    door = replace(doors(server)["bika"], credential=f"Authorization: {value}")
    check_refusal("bika", exchange(server, door.post(b"", length=10**10)), 401)


@pytest.mark.parametrize("value", BAD_COOKIES)
def test_a_bad_cookie_is_refused_before_the_body(server: RunningServer, value: str):
    """As above."""
    door = replace(doors(server)["pika-avatar"], credential=f"Cookie: {value}")
    answer = exchange(server, door.post(b"", length=10**10))
    check_refusal("pika", answer, 401)
    assert answer.json()["code"] == "unauthorized"


def test_one_dialects_credential_is_nothing_to_the_other(server: RunningServer):
    """Nor is one tenant's space anything to the other tenant."""
    table = doors(server)
    bika, pika = table["bika"], table["pika-avatar"]
    for door, credential in ((bika, pika.credential), (pika, bika.credential)):
        mixed = replace(door, credential=credential)
        check_refusal(door.dialect, exchange(server, mixed.post(mixed.form())), 401)
    stranger = replace(bika, credential=f"Authorization: Bearer {server.demo['bika_other']['token']}")
    check_refusal("bika", exchange(server, stranger.post(stranger.form())), 404)


def test_after_all_that_a_good_upload_still_reads_back(server: RunningServer, door: Door):
    """Byte for byte."""
    answer = exchange(server, door.post(door.form()))
    assert answer.status == 200, json.loads(answer.body)
    _, path = _shown_and_path(door, answer.json())
    got = exchange(server, request("GET", path, door.credential))
    assert sha256(got.body).hexdigest() == sha256(door.file.content).hexdigest()
