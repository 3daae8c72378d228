"""The contract's acceptance list (pika, section 16), one test for each line, against a server as users run it.

Other tests go deeper into each; these say that the line holds. The front-end of line 9 is a stand-in: the
original's code is its own, and this one makes the calls that were recorded of it.
"""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from playwright.sync_api import Page

from holdall.demo import passwords
from tests.acceptance.test_pika_order import FIRST_WRONG
from tests.support import hostile
from tests.support.browsers import chromium, visitor, wants_chromium
from tests.support.documents import pdf
from tests.support.images import SECRET, jpeg, padded_jpeg, png, telling, webp
from tests.support.server import FORM_TYPE, Part, RunningServer, encode_form, operate, running_server

FRONT_END = Path(__file__).parent / "front_end"
API = "/wp-json/pika/v1"
LIMIT = 5_242_880
SPENT = {
    "title": "Groceries",
    "amount": 23.9,
    "date": "2026-02-11T18:00:00.000Z",
    "type": "expense",
    "categoryId": "4",
    "toAccountId": None,
    "note": "",
    "tags": ["5"],
}


class Client:
    """One of the demo's people, by their cookie."""

    def __init__(self, server: RunningServer, index: int = 0) -> None:
        given = server.demo["pika"][index]
        self.login, self.cookie = given["user"], given["cookie"]
        self.secret = base64.b64decode(unquote(self.cookie)).decode().partition(":")[2]
        self.http = httpx.Client(base_url=server.base_url, timeout=30)

    def ask(self, method: str, path: str, body: Any = None, cookie: str | None = None, **more: Any) -> httpx.Response:
        """A call below the API's base, or to an address; ``cookie`` instead of the user's, ``""``: none."""
        credential = self.cookie if cookie is None else cookie
        headers = {"Cookie": f"pika_token={credential}"} if credential else {}
        sent = {} if body is None else {"json": body}
        headers |= more.pop("headers", {})
        address = path if path.startswith(("http", "/wp-content")) else API + path
        return self.http.request(method, address, headers=headers, **sent, **more)

    def good(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """What a call that has to go well answers."""
        answer = self.ask(method, path, body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post_file(self, name: str, data: bytes, door: str = "avatar", **fields: str) -> httpx.Response:
        """An upload, of a person's avatar or a transaction's receipt unless said otherwise."""
        kind = "image" if name.rpartition(".")[2].lower() in {"jpg", "jpeg", "png", "gif", "webp"} else "document"
        entity = "person" if door == "avatar" else "transaction"
        sent = {"entityType": entity, "attachmentType": kind, **fields}
        return self.ask("POST", f"/upload/{door}", data=sent, files={"file": (name, data)})

    def upload(self, name: str, data: bytes, door: str = "avatar", **fields: str) -> Any:
        """An upload that has to go well, as answered."""
        answer = self.post_file(name, data, door, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that says no, as JSON of the documented form."""
    body = answer.json()
    assert (set(body), body["data"]["status"]) == ({"code", "message", "data"}, answer.status_code)
    return answer.status_code, body["code"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("list") / "data", HOLDALL_PIKA_FRONTEND=str(FRONT_END)) as running:
        yield running


@pytest.fixture(scope="module")
def mira(server: RunningServer) -> Iterator[Client]:
    client = Client(server)
    with client.http:
        yield client


@pytest.fixture(scope="module")
def other(server: RunningServer) -> Iterator[Client]:
    client = Client(server, 1)
    with client.http:
        yield client


def test_line_1_cookies_that_are_none_and_three_log_ins_at_once(mira: Client):
    """The 401 of every kind of cookie; the attributes of a good one (section 2.2)."""
    assert refused(mira.ask("GET", "/auth/me", cookie="")) == (401, "unauthorized")
    for credential in ("!!!", "bm9jb2xvbg==", quote(base64.b64encode(b"nobody:x").decode()), mira.cookie[:-8]):
        answer = mira.ask("GET", "/auth/me", cookie=credential)
        assert refused(answer) == (401, "unauthorized")
        assert "max-age=0" in answer.headers["set-cookie"].lower()

    credentials = {"user_login": mira.login, "password": mira.secret}
    with ThreadPoolExecutor(3) as three:
        answers = list(three.map(lambda _: mira.ask("POST", "/auth/login", credentials, cookie=""), range(3)))

    for answer in answers:
        assert answer.status_code == 200, answer.text
        name, *attributes = answer.headers["set-cookie"].lower().split("; ")
        assert name.startswith("pika_token=")
        assert {"max-age=31536000", "path=/", "secure", "httponly", "samesite=lax"} <= set(attributes)
        assert any(each.startswith("expires=") for each in attributes)
        cookie = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
        assert mira.good("GET", "/auth/me", cookie=cookie)["username"] == mira.login


def test_line_2_the_order_of_validation_and_the_limit(mira: Client):
    """Every text byte for byte (section 3.2); 5 242 880 bytes pass, and one more does not."""
    for what, attempt, told in FIRST_WRONG:
        body = encode_form(*attempt.parts())
        answer = mira.ask(
            "POST",
            f"/upload/{attempt.door}",
            cookie=None if attempt.is_known else "",
            content=body,
            headers={"Content-Type": FORM_TYPE},
        )
        assert (*refused(answer), answer.json()["message"]) == told, what
    assert mira.post_file("a.jpg", padded_jpeg(LIMIT)).status_code == 200
    assert refused(mira.post_file("a.jpg", padded_jpeg(LIMIT + 1))) == (400, "file_size_exceeded")


def test_line_3_what_an_upload_answers(mira: Client):
    """The kind, ids and sizes as text, and the name as it was sent (section 3.3)."""
    for name, data, door, kind in (
        ("Größe <b>& 写真.jpg", jpeg(), "avatar", "image"),
        ("faktura-č. 7 \U0001f9fe.pdf", pdf(), "attachment", "document"),
        ("scan.png", png(), "other", "image"),
    ):
        answer = mira.upload(name, data, door)
        assert (answer["type"], answer["name"]) == (kind, name)
        assert isinstance(answer["id"], str)
        assert answer["id"].isdigit()
        assert isinstance(answer["size"], str)
        folder = "avatars" if door == "avatar" else "attachments"
        assert f"/wp-content/uploads/pika/{folder}/" in answer["url"]
        assert len(mira.ask("GET", answer["url"]).content) == int(answer["size"])


def test_line_4_letter_case_and_blanks(mira: Client):
    """Of ``type``, ``entityType`` and ``attachmentType``."""
    assert mira.upload("a.jpg", jpeg(), "AVATAR", entityType=" Person ")["type"] == "image"
    receipt = mira.upload("a.PDF", pdf(), "Attachment", entityType="\tTRANSACTION", attachmentType=" Document ")
    assert (receipt["type"], receipt["name"]) == ("document", "a.PDF")


def test_line_5_whose_files_and_of_which_kind(mira: Client, other: Client):
    """Of ``avatarId`` and ``attachments``, as text and as numbers (sections 4 to 6)."""
    of_person, of_account = mira.upload("a.jpg", jpeg()), mira.upload("a.jpg", jpeg(), entityType="account")
    receipt, foreign = mira.upload("a.pdf", pdf(), "attachment"), other.upload("a.jpg", jpeg())
    foreign_receipt = other.upload("a.pdf", pdf(), "attachment")

    for number, good in enumerate((of_person["id"], int(of_person["id"]))):
        row = mira.good("POST", "/people", {"name": f"Noor {number}", "avatarId": good})
        assert row["avatar_id"] == of_person["id"]
        account = mira.good(
            "POST", "/accounts", {"name": f"Cash {number}", "avatarId": type(good)(int(of_account["id"]))}
        )
        assert account["avatar"]["id"] == of_account["id"]
    for bad in (of_account["id"], receipt["id"], foreign["id"], int(foreign["id"]), "99999999", "x"):
        answer = mira.ask("POST", "/people", {"name": "Ali", "avatarId": bad})
        assert refused(answer) == (400, "invalid_avatar"), bad
    for bad in (of_person["id"], receipt["id"], foreign["id"], "99999999", ""):
        answer = mira.ask("POST", "/accounts", {"name": "Bank", "avatarId": bad})
        assert refused(answer) == (400, "invalid_avatar_id"), bad

    spent = {**SPENT, "accountId": account["id"]}
    twice = mira.good("POST", "/transactions", {**spent, "attachments": [receipt["id"], int(receipt["id"])]})
    assert [each["id"] for each in twice["attachments"]] == [receipt["id"]]
    for bad in ([of_person["id"]], [foreign_receipt["id"]], [int(foreign_receipt["id"])], ["99999999"], receipt["id"]):
        answer = mira.ask("POST", "/transactions", {**spent, "attachments": bad})
        assert refused(answer) == (400, "invalid_attachments"), bad
    for path in (f"/people/{row['id']}", f"/accounts/{account['id']}", f"/transactions/{twice['id']}"):
        assert other.ask("GET", path).status_code == 404


def test_line_6_unlinking_deleting_and_lists(mira: Client):
    """What is let go stays away; what has transactions stays; lists are narrowed."""
    noor, ali = (mira.good("POST", "/people", {"name": name}) for name in ("Noor of six", "Ali of six"))
    cash, bank = (mira.good("POST", "/accounts", {"name": name}) for name in ("Cash of six", "Bank of six"))
    kept, let_go = (mira.upload(name, pdf(), "attachment") for name in ("kept.pdf", "let-go.pdf"))
    base = {**SPENT, "accountId": cash["id"], "personId": noor["id"]}
    first = mira.good("POST", "/transactions", {**base, "attachments": [kept["id"], let_go["id"]]})
    later = mira.good("POST", "/transactions", {**base, "personId": ali["id"], "date": "2026-03-01T08:00:00Z"})
    paid = mira.good("POST", "/transactions", {**base, "accountId": bank["id"], "categoryId": "5"})

    changed = mira.good("PUT", f"/transactions/{first['id']}", {"attachments": [kept["id"]]})
    assert ([each["id"] for each in changed["attachments"]], changed["title"]) == ([kept["id"]], first["title"])
    assert mira.ask("GET", let_go["url"]).status_code == 404
    assert mira.ask("GET", kept["url"]).status_code == 200

    def ids(**query: str) -> list[str]:
        return [each["id"] for each in mira.good("GET", "/transactions", params=query)]

    assert ids(personId=noor["id"]) == [paid["id"], first["id"]]
    assert ids(accountId=cash["id"]) == [later["id"], first["id"]]
    assert ids(accountId=cash["id"], limit="1", offset="1") == [first["id"]]
    assert ids(accountId=cash["id"], dateFrom="2026-02-20T00:00:00Z") == [later["id"]]
    assert ids(accountId=cash["id"], dateTo="2026-02-20T00:00:00Z") == [first["id"]]
    assert ids(accountId=bank["id"], categoryId="5") == [paid["id"]]

    assert refused(mira.ask("DELETE", f"/people/{noor['id']}")) == (400, "person_has_transactions")
    assert refused(mira.ask("DELETE", f"/accounts/{cash['id']}")) == (400, "account_has_transactions")
    for made in (first, later, paid):
        told = mira.good("DELETE", f"/transactions/{made['id']}")
        assert told == {"message": "Transaction deleted successfully"}
    assert mira.ask("GET", kept["url"]).status_code == 404
    assert mira.good("DELETE", f"/people/{noor['id']}") == {"message": "Person deleted successfully"}
    assert mira.good("DELETE", f"/accounts/{cash['id']}") == {"message": "Account deleted successfully"}


def test_line_7_what_breaks_the_original_is_refused_in_json(mira: Client):
    """Bodies over every limit, and lists where one value belongs."""
    entity, file = Part("entityType", b"person"), Part("file", jpeg(), "a.jpg")
    tries = {
        "file_size_exceeded": encode_form(entity, Part("file", jpeg() + bytes(20 << 20), "a.jpg")),
        "invalid_file": encode_form(entity, Part("file[]", jpeg(), "a.jpg")),
        "invalid_entity_type": encode_form(Part("entityType[]", b"person"), file),
    }
    for code, body in tries.items():
        answer = mira.ask("POST", "/upload/avatar", content=body, headers={"Content-Type": FORM_TYPE})
        assert refused(answer) == (400, code)


def test_line_8_contents_are_what_they_say_and_private(mira: Client, other: Client):
    """WebP; what is no image, or too much of one; what a picture told; thumbnails; whose cookie opens a file."""
    assert mira.upload("a.webp", webp())["url"].endswith(".webp")

    bomb = hostile.png_announcing(30_000, 30_000)
    refusals = {
        "a.gif": b"GIF89a;<?php echo 1;",
        "a.jpg": jpeg(200, 200)[:-600],
        "a.png": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        "b.jpg": png(),
        "b.png": bomb,
        "c.gif": hostile.gif_that_is_a_script(),
        "c.jpg": hostile.jpeg_that_is_a_script(),
    }
    for name, data in refusals.items():
        assert refused(mira.post_file(name, data)) == (400, "invalid_image_mime_type"), name

    for name, format in (("d.jpg", "JPEG"), ("d.png", "PNG"), ("d.gif", "GIF"), ("d.webp", "WEBP")):
        told = telling(format).removesuffix(b"PK\x03\x04" + SECRET)
        assert SECRET in told
        kept = mira.upload(name, told)
        assert SECRET not in mira.ask("GET", kept["url"]).content
        for url in kept["thumbnails"].values():
            small = mira.ask("GET", url)
            assert (small.status_code, SECRET in small.content) == (200, False)
        assert len(kept["thumbnails"]) == 6

    for address in (kept["url"], *kept["thumbnails"].values()):
        assert mira.ask("GET", address, cookie="").status_code == 401
        assert other.ask("GET", address).status_code == 404


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser that has nothing to refuse."""
    with chromium() as browser, visitor(browser) as page:
        yield page


def receipts() -> list[dict[str, str]]:
    """Four photos and a PDF, in base64."""
    photos = [("image/jpeg", f"receipt {number}.jpg", jpeg(900 + number, 700)) for number in range(4)]
    files = [*photos, ("application/pdf", "invoice-märz.pdf", pdf())]
    return [{"type": mime, "name": name, "data": base64.b64encode(data).decode()} for mime, name, data in files]


FILES = """files.map(({type, name, data}) =>
    new File([Uint8Array.from(atob(data), each => each.charCodeAt(0))], name, {type}))"""


@wants_chromium
def test_line_9_the_front_end_goes_its_whole_way(server: RunningServer, other: Client, page: Page):
    """Sign-in, home, a person with an avatar, five receipts at once, an edit, and everything deleted again."""
    password = operate(server, passwords)[other.login]

    page.goto(server.base_url + "/pika/transactions/7")  # any address of the app
    before = page.evaluate("started()")
    assert {name: answer["status"] for name, answer in before.items()} == {"info": 200, "lists": 200, "me": 401}
    page.evaluate("toConsent()")
    page.get_by_label("Login or e-mail address").fill(other.login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/pika/authorize?**")
    assert page.evaluate("authorize()") == [200, 200, 200]
    assert page.evaluate("started()")["me"]["data"]["username"] == other.login

    empty = page.evaluate("home(2, 2026)")
    assert empty["analytics/monthly-summary"]["expenses"] == 0
    assert empty["push/status"] == {"enabled": False, "has_subscription": False, "can_receive": False}

    noor = page.evaluate("person('Noor')")
    cash = page.evaluate("account('Cash of the front-end')")
    assert page.evaluate("url => shown(url)", noor["avatar"]["url"]) is not None
    made = page.evaluate(
        f"([sent, files]) => transaction(sent, {FILES})",
        [{**SPENT, "accountId": cash["id"], "personId": noor["id"]}, receipts()],
    )
    saved: dict[str, Any] = made["saved"]
    assert [each["name"] for each in saved["attachments"]] == [each["name"] for each in receipts()]
    assert [each["type"] for each in saved["attachments"]] == ["image"] * 4 + ["document"]
    assert page.evaluate("url => shown(url)", saved["attachments"][2]["url"]) is not None
    assert made["account"]["balance"] == "-23.9000"

    told = page.evaluate("home(2, 2026)")
    assert told["analytics/monthly-summary"]["expenses"] == 23.9
    assert [each["id"] for each in told["transactions"]] == [saved["id"]]

    edited = page.evaluate(
        "([id, sent]) => good('PUT', `transactions/${id}`, sent)",
        [
            saved["id"],
            {
                **SPENT,
                "amount": 30,
                "accountId": cash["id"],
                "personId": None,
                "attachments": [each["id"] for each in saved["attachments"][1:]],
            },
        ],
    )
    assert (edited["amount"], len(edited["attachments"]), edited["person"]) == ("30.0000", 4, None)
    assert page.evaluate("url => shown(url)", saved["attachments"][0]["url"]) is None

    for path in (f"transactions/{saved['id']}", f"people/{noor['id']}", f"accounts/{cash['id']}"):
        assert "deleted" in page.evaluate("path => good('DELETE', path)", path)["message"]
    assert page.evaluate("good('POST', 'auth/logout')") == {"message": "Logged out successfully"}
    assert page.evaluate("started()")["me"]["status"] == 401
