"""A front-end that calls as Pika's own does works here, in a real browser, from one origin (contract pika, 16.9).

The original's cannot be had (its code is its own); this one makes the calls that were recorded of it.
"""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from holdall.demo import passwords
from tests.support.documents import pdf
from tests.support.images import jpeg
from tests.support.server import RunningServer, operate, running_server

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (apt-get install chromium)")
FRONT_END = Path(__file__).parent / "front_end"
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("front") / "data", HOLDALL_PIKA_FRONTEND=str(FRONT_END)) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-quic"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser that has nothing to refuse."""
    context = browser.new_context()
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


def receipts() -> list[dict[str, str]]:
    """Four photos and a PDF, in base64."""
    photos = [("image/jpeg", f"receipt {number}.jpg", jpeg(900 + number, 700)) for number in range(4)]
    files = [*photos, ("application/pdf", "invoice-märz.pdf", pdf())]
    return [{"type": mime, "name": name, "data": base64.b64encode(data).decode()} for mime, name, data in files]


FILES = """files.map(({type, name, data}) =>
    new File([Uint8Array.from(atob(data), each => each.charCodeAt(0))], name, {type}))"""


def test_the_front_end_goes_its_whole_way(server: RunningServer, page: Page):
    """Sign-in, home, a person with an avatar, five receipts at once, an edit, and everything deleted again."""
    password = operate(server, passwords)["mira"]

    page.goto(server.base_url + "/pika/transactions/7")  # any address of the app
    before = page.evaluate("started()")
    assert {name: answer["status"] for name, answer in before.items()} == {"info": 200, "lists": 200, "me": 401}
    page.evaluate("toConsent()")
    page.get_by_label("Login or e-mail address").fill("mira")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url("**/pika/authorize?**")
    assert page.evaluate("authorize()") == [200, 200, 200]
    assert page.evaluate("started()")["me"]["data"]["username"] == "mira"

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
