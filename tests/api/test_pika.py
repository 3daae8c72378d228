"""Pika's wire: sign-in, the whole upload page, files for their owner (contract pika, sections 2, 3, 13, 14, 16)."""

import base64
import re
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest

from tests.support.images import eicar, gif, jpeg, png, webp
from tests.support.server import RunningServer, run_command

PREFIX = "/wp-json/pika/v1"
MIB = 1 << 20
PDF_HEAD = b"%PDF-1.7\n"


class Pika:
    """A client of one person."""

    def __init__(self, server: RunningServer, index: int = 0) -> None:
        self.cookie = server.demo["pika"][index]["cookie"]
        self.login = server.demo["pika"][index]["user"]
        self.http = httpx.Client(base_url=server.base_url, headers={"Cookie": f"pika_token={self.cookie}"}, timeout=30)

    @property
    def secret(self) -> str:
        return base64.b64decode(unquote(self.cookie)).decode().partition(":")[2]

    def post(self, door: str, name: str | None, data: bytes, **fields: str) -> httpx.Response:
        files = {} if name is None else {"file": (name, data)}
        return self.http.post(f"{PREFIX}/upload/{door}", data=fields, files=files or {"x": (None, b"")})

    def avatar(self, name: str, data: bytes, entity: str = "person") -> httpx.Response:
        return self.post("avatar", name, data, entityType=entity)

    def document(self, name: str, data: bytes) -> httpx.Response:
        return self.post("attachment", name, data, entityType="transaction", attachmentType="document")


@pytest.fixture(scope="module")
def pika(server: RunningServer):
    client = Pika(server)
    yield client
    client.http.close()


@pytest.fixture(scope="module")
def other(server: RunningServer):
    client = Pika(server, 1)
    yield client
    client.http.close()


# ── the page's two examples ──────────────────────────────────────────────────────────────────────────────────────


def test_an_avatar_answers_as_the_page_shows(pika: Pika):
    """Flat, id and size strings, the documented path with a random token."""
    data = jpeg(300, 300)

    answer = pika.avatar("avatar.jpg", data)

    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert {"id", "url", "type", "name", "size"} <= set(body)
    assert re.fullmatch(r"\d+", body["id"])
    assert re.fullmatch(r"http://[^/]+/wp-content/uploads/pika/avatars/person-[0-9a-f]{32}-\d{10}\.jpg", body["url"])
    assert ("image", "avatar.jpg", str(len(data))) == (body["type"], body["name"], body["size"])


@pytest.mark.parametrize(
    ("kind", "name", "folder"), [("image", "receipt.jpg", "attachments"), ("document", "notes.txt", "attachments")]
)
def test_an_attachment_answers_as_the_page_shows(pika: Pika, kind: str, name: str, folder: str):
    """Type is the kind that was declared."""
    data = jpeg(20, 20) if kind == "image" else b"thank you"

    body = pika.post("attachment", name, data, entityType="transaction", attachmentType=kind).json()

    assert kind == body["type"]
    assert f"/wp-content/uploads/pika/{folder}/transaction-" in body["url"]


@pytest.mark.parametrize(
    ("name", "data", "extension"),
    [
        ("a.JPG", jpeg(9, 9), "jpg"),
        ("a.jpeg", jpeg(9, 8), "jpg"),
        ("a.png", png(9, 9), "png"),
        ("a.gif", gif(9, 9), "gif"),
        ("a.webp", webp(9, 9), "webp"),
    ],
)
def test_every_promised_image_type_is_taken(pika: Pika, name: str, data: bytes, extension: str):
    """JPG, JPEG, PNG, GIF and WebP; the stored extension is the type's, in lower case."""
    answer = pika.avatar(name, data, "account")

    assert answer.status_code == 200, answer.text
    assert answer.json()["url"].endswith(f".{extension}")


def test_names_are_kept_verbatim_less_their_path(pika: Pika):
    """HTML and Unicode stay; whoever prints them escapes them."""
    assert "<b>né 图.png" == pika.avatar("C:\\dir\\<b>né 图.png", png(10, 9)).json()["name"]


def test_choices_are_trimmed_and_case_does_not_matter(pika: Pika):
    """The path's type too."""
    answer = pika.post("Attachment", "a.png", png(11, 9), entityType=" Transaction ", attachmentType="IMAGE ")

    assert answer.status_code == 200, answer.text


def test_a_trailing_slash_is_taken(pika: Pika):
    """On every route."""
    assert pika.avatar("a.png", png(12, 9)).status_code == 200
    assert pika.post("avatar/", "a.png", png(12, 9), entityType="person").status_code == 200


def test_of_two_files_the_last_counts(pika: Pika):
    """As clients of PHP expect."""
    files = [("file", ("first.png", png(13, 9))), ("file", ("last.png", png(14, 9)))]
    answer = pika.http.post(f"{PREFIX}/upload/avatar", data={"entityType": "person"}, files=files)

    assert "last.png" == answer.json()["name"]


# ── the errors, byte for byte (3.2, 14) ──────────────────────────────────────────────────────────────────────────

TYPE = ("invalid_type", "File type not allowed. Allowed file types are: avatar, attachment, other.")
ATTACHMENT = (
    "invalid_attachment_type",
    "Attachment type not allowed. Allowed attachment types are: image, document.",
)
ENTITY = (
    "invalid_entity_type",
    "Entity type not allowed. Allowed entity types are: person, account, transaction, other.",
)
FILE = ("invalid_file", "File missing you request.")
IMAGE_TYPE = ("invalid_image_type", "Image type not allowed. Allowed image types are: jpg, jpeg, png, gif, webp.")
IMAGE_MIME = (
    "invalid_image_mime_type",
    "Image mime type not allowed. Allowed image mime types are: image/png, image/jpeg, image/gif, image/webp.",
)
DOCUMENT_TYPE = (
    "invalid_document_type",
    "Document type not allowed. Allowed document types are: pdf, doc, docx, txt.",
)
SIZE_5 = ("file_size_exceeded", "File size exceeded, max file size is 5MB.")
SIZE_10 = ("file_size_exceeded", "File size exceeded, max file size is 10MB.")
P, D, X = {"entityType": "person"}, {"attachmentType": "document"}, {"entityType": "nobody"}
BIG = 5 * MIB + 1

ORDER: list[tuple[str, str | None, bytes, dict[str, str], tuple[str, str]]] = [
    ("bogus", "a.exe", b"", {}, TYPE),
    ("attachment", "a.exe", b"", {"attachmentType": "video", **X}, ATTACHMENT),
    ("attachment", "a.png", png(9, 9), P, ATTACHMENT),
    ("attachment", "a.exe", b"", {**D, **X}, ENTITY),
    ("avatar", "a.exe", b"", {}, ENTITY),
    ("avatar", None, b"", P, FILE),
    ("avatar", "a.exe", bytes(BIG), P, IMAGE_TYPE),
    ("avatar", "a.pdf", PDF_HEAD, P, IMAGE_TYPE),
    ("avatar", "a.svg", b"<svg/>", P, IMAGE_TYPE),
    ("avatar", "noextension", png(9, 9), P, IMAGE_TYPE),
    ("avatar", "a.png", bytes(BIG), P, IMAGE_MIME),
    ("avatar", "a.png", b"", P, IMAGE_MIME),
    ("avatar", "a.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", P, IMAGE_MIME),
    ("avatar", "a.png", jpeg(9, 9), P, IMAGE_MIME),
    ("avatar", "a.gif", b"GIF89a;<?php echo 1;", P, IMAGE_MIME),
    ("avatar", "a.jpg", b"\xff\xd8\xff\xe0 text", P, IMAGE_MIME),
    ("avatar", "a.jpg", jpeg(200, 200)[:-300], P, IMAGE_MIME),
    ("avatar", "a.png", png(9, 9) + bytes(BIG), P, SIZE_5),
    ("attachment", "a.png", png(9, 9) + bytes(BIG), {"attachmentType": "image", **P}, SIZE_5),
    ("attachment", "a.png", png(9, 9), {**D, **P}, DOCUMENT_TYPE),
    ("attachment", "a.txt", b"x" * (10 * MIB + 1), {**D, **P}, SIZE_10),
]


@pytest.mark.parametrize(("door", "name", "data", "fields", "expected"), ORDER)
def test_the_first_failure_wins_with_the_documented_words(
    pika: Pika, door: str, name: str | None, data: bytes, fields: dict[str, str], expected: tuple[str, str]
):
    """Section 3.2, row by row."""
    answer = pika.post(door, name, data, **fields)

    body = answer.json()
    assert expected == (body["code"], body["message"])
    assert (400, 400) == (answer.status_code, body["data"]["status"])


def test_the_fields_may_follow_the_file(pika: Pika):
    """Also behind a file that is too large: the file must not hide them."""
    files = [("file", ("a.exe", bytes(6 * MIB))), ("entityType", (None, b"nobody"))]

    assert ENTITY[0] == pika.http.post(f"{PREFIX}/upload/avatar", files=files).json()["code"]


def test_malware_is_refused(pika: Pika):
    """The general code of the page; what matched stands in the detail."""
    answer = pika.document("invoice.txt", b"Dear Sir\n" + eicar())

    body = answer.json()
    assert (400, "upload_failed", "Upload failed.") == (answer.status_code, body["code"], body["message"])
    assert "malware" in body["data"]["detail"]


def test_an_unknown_route_is_told_as_wordpress_tells_it(pika: Pika):
    """404, also for a wrong method."""
    for method, path in (("GET", "/nothing"), ("GET", "/upload/avatar"), ("POST", "/upload/a1")):
        answer = pika.http.request(method, PREFIX + path)

        assert (404, "rest_no_route") == (answer.status_code, answer.json()["code"])


def test_an_idempotency_key_replays_the_first_answer(pika: Pika):
    """One upload, one id."""
    data = png(15, 9)
    answers = [
        pika.http.post(
            f"{PREFIX}/upload/avatar",
            data=P,
            files={"file": ("a.png", data)},
            headers={"Idempotency-Key": "same"},
        ).json()
        for _ in range(2)
    ]

    assert answers[0] == answers[1]


# ── sign-in (2) ──────────────────────────────────────────────────────────────────────────────────────────────────

BAD_COOKIES = [
    "",
    "%%%",
    "bm9jb2xvbg==",
    quote(base64.b64encode(b"nobody:secret").decode()),
    quote(base64.b64encode(b"mira:wrongwrongwrongwrongwron").decode()),
    "x" * 5000,
]


@pytest.mark.parametrize("cookie", BAD_COOKIES)
def test_a_bad_cookie_is_401_and_taken_back(pika: Pika, cookie: str):
    """Which part of it was wrong is not told."""
    answer = pika.http.get(f"{PREFIX}/auth/me", headers={"Cookie": f"pika_token={cookie}"})

    assert (401, "unauthorized") == (answer.status_code, answer.json()["code"])
    assert answer.headers["set-cookie"].startswith("pika_token=")
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_a_good_secret_under_another_login_is_a_bad_cookie(pika: Pika, server: RunningServer):
    """Nobody's, or another person's: the secret alone does not say who one is."""
    for login in ("nobody", Pika(server, 1).login):
        assert login != pika.login
        cookie = quote(base64.b64encode(f"{login}:{pika.secret}".encode()).decode())
        answer = httpx.get(
            str(pika.http.base_url).rstrip("/") + f"{PREFIX}/auth/me", headers={"Cookie": f"pika_token={cookie}"}
        )
        assert (401, "unauthorized") == (answer.status_code, answer.json()["code"])


def test_no_cookie_is_401(pika: Pika):
    """Also for an upload type that does not exist: authentication comes first."""
    for path in ("/auth/me", "/upload/avatar", "/upload/bogus"):
        method = "GET" if path.startswith("/auth") else "POST"
        answer = httpx.request(method, f"{pika.http.base_url}".rstrip("/") + PREFIX + path)

        assert (401, "unauthorized") == (answer.status_code, answer.json()["code"])


def sign_in(pika: Pika, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(str(pika.http.base_url).rstrip("/") + f"{PREFIX}/auth/login", json=body)


def test_signing_in_gives_the_documented_cookie_and_user(pika: Pika):
    """Three times within a second, as the front-end does; the secret may be written in groups."""
    grouped = " ".join(re.findall("....", pika.secret))
    answers = [sign_in(pika, {"user_login": pika.login.upper(), "password": grouped}) for _ in range(3)]

    assert [200] * 3 == [answer.status_code for answer in answers]
    set_cookie = answers[0].headers["set-cookie"]
    for attribute in ("Max-Age=31536000", "Path=/", "Secure", "HttpOnly", "SameSite=lax"):
        assert attribute.lower() in set_cookie.lower()
    user = answers[0].json()
    assert {"id", "username", "email", "display_name", "avatar_url", "settings"} == set(user)
    assert isinstance(user["id"], int)
    assert user == pika.http.get(f"{PREFIX}/auth/me").json()


def test_signing_in_by_email_works(pika: Pika):
    """Contract section 2.2."""
    assert sign_in(pika, {"user_login": f"{pika.login}@example.test", "password": pika.secret}).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Missing required fields: user_login, password"),
        ({"user_login": "mira"}, "Missing required fields: password"),
        ({"password": "x"}, "Missing required fields: user_login"),
        ({"user_login": ["mira"], "password": 5}, "Missing required fields: user_login, password"),
    ],
)
def test_missing_fields_are_listed(pika: Pika, body: dict[str, Any], message: str):
    """Only those that are missing."""
    answer = sign_in(pika, body)

    assert (400, "missing_fields", message) == (answer.status_code, answer.json()["code"], answer.json()["message"])


def test_wrong_credentials_are_told_alike(pika: Pika):
    """Whether the user exists or not."""
    tries = [{"user_login": login, "password": "wrong" * 5} for login in (pika.login, "nobody")]

    assert len({sign_in(pika, body).text for body in tries}) == 1


def test_malformed_json_is_told_first(pika: Pika):
    """Even to the anonymous."""
    answer = httpx.post(str(pika.http.base_url).rstrip("/") + f"{PREFIX}/auth/login", content=b"{")

    assert (400, "rest_invalid_json") == (answer.status_code, answer.json()["code"])
    assert (4, "Syntax error") == (
        answer.json()["data"]["json_error_code"],
        answer.json()["data"]["json_error_message"],
    )


def test_after_signing_out_the_cookie_is_dead(server: RunningServer, pika: Pika):
    """A replay is refused; signing out again says yes."""
    _, secret = run_command(server.env, "token", "create", "--user", "mira", "--kind", "device").split()
    headers = {"Cookie": "pika_token=" + quote(base64.b64encode(f"mira:{secret}".encode()).decode())}
    assert pika.http.get(f"{PREFIX}/auth/me", headers=headers).status_code == 200

    answers = [pika.http.post(f"{PREFIX}/auth/logout", headers=headers) for _ in range(2)]

    assert [{"message": "Logged out successfully"}] * 2 == [answer.json() for answer in answers]
    assert pika.http.get(f"{PREFIX}/auth/me", headers=headers).status_code == 401


# ── files (3.5, 14 C8) ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_served_to_its_owner_only(pika: Pika, other: Pika):
    """Another person is told what a stranger to the file is told; nobody signed in, nothing."""
    data = jpeg(60, 60)
    url = pika.avatar("me.jpg", data).json()["url"]

    assert data == pika.http.get(url).content
    foreign, unreal = other.http.get(url), other.http.get(url[:-5] + "x.jpg")
    assert (404, "upload_not_found") == (foreign.status_code, foreign.json()["code"])
    assert foreign.json() == unreal.json()
    assert httpx.get(url).status_code == 401


def test_documents_are_downloads(pika: Pika):
    """Never shown in our origin."""
    answer = pika.http.get(pika.document("note.txt", b"hello").json()["url"])

    assert answer.headers["content-disposition"] == 'attachment; filename="note.txt"'
    assert "sandbox" in answer.headers["content-security-policy"]
