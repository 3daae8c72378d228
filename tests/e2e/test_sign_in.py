"""Signing in as Pika's front-end does it, in a real browser: through the consent page, and back with a secret."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from holdall.demo import passwords
from tests.support.browsers import chromium, visitor, wants_chromium
from tests.support.server import RunningServer, operate, running_server

pytestmark = wants_chromium
PAGE = "/wp-admin/authorize-application.php"
LOG_IN = """async (given) => {
    const answer = await fetch("/wp-json/pika/v1/auth/login", {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(given)
    })
    return answer.status
}"""
ME = """async () => {
    const answer = await fetch("/wp-json/pika/v1/auth/me")
    return [answer.status, (await answer.json()).username ?? null]
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("sign-in") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A visitor of their own, whose browser has nothing to refuse.

    There is no front-end at the two addresses that it is sent to; what one would call is called from there.
    """
    with visitor(browser, viewport={"width": 390, "height": 844}) as page:
        yield page


def open_consent(server: RunningServer, page: Page) -> None:
    back = {"success_url": "/pika/authorize", "reject_url": "/pika/reject-auth"}
    asked = {"app_name": "Pika <i>Finance", **{name: server.base_url + path for name, path in back.items()}}
    page.goto(f"{server.base_url}{PAGE}?{urlencode(asked)}")


def test_a_browser_goes_the_whole_way(server: RunningServer, page: Page):
    """Wrong password, right password, back with a secret, three log-ins at once, and signed in."""
    password = operate(server, passwords)["mira"]
    open_consent(server, page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Pika <i>Finance wants to sign in")

    page.get_by_label("Login or e-mail address").fill("mira@example.test")
    page.get_by_label("Password").fill("not-the-password")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("Login or e-mail address")).to_have_value("mira@example.test")
    expect(page.get_by_label("Password")).to_be_focused()

    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/pika/authorize?**")
    given = parse_qs(urlsplit(page.url).query)
    assert {"site_url", "user_login", "password"} == set(given)
    assert re.fullmatch(r"([0-9A-Za-z]{4} ){5}[0-9A-Za-z]{4}", given["password"][0])

    credentials = {"user_login": given["user_login"][0], "password": given["password"][0]}
    assert page.evaluate(f"given => Promise.all([1, 2, 3].map(() => ({LOG_IN})(given)))", credentials) == [200] * 3
    [cookie] = page.context.cookies()
    told = (cookie["name"], cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["path"])
    assert told == ("pika_token", True, True, "Lax", "/")
    assert page.evaluate(ME) == [200, "mira"]


def test_a_browser_refuses(server: RunningServer, page: Page):
    """Without filling in anything; nobody is signed in."""
    open_consent(server, page)

    page.get_by_role("button", name="Refuse").click()

    page.wait_for_url("**/pika/reject-auth?success=false")
    assert page.evaluate(ME) == [401, None]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_every_screen(server: RunningServer, browser: Browser, scheme: str, width: int):
    """Nothing is cut off, and what is written stands out from its ground (WCAG 1.4.3)."""
    context = browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme)
    page = context.new_page()
    open_consent(server, page)
    page.get_by_label("Login or e-mail address").fill("mira")
    page.get_by_label("Password").fill("not-the-password")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alert")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for selector in ("h1", "p.bad", "label", "input", "button.yes", "button.no", ".small"):
        assert page.evaluate(CONTRAST, selector) >= 4.5, (selector, scheme)
    context.close()


CONTRAST = """selector => {
    const parse = text => text.match(/[\\d.]+/g).map(Number)
    const light = ([r, g, b]) => [r, g, b].map(value => value / 255)
        .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0)
    const ground = element => {
        const colour = parse(getComputedStyle(element).backgroundColor)
        return colour.length === 4 && colour[3] === 0 ? ground(element.parentElement) : colour
    }
    const element = document.querySelector(selector)
    const both = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((a, b) => b - a)
    return (both[0] + 0.05) / (both[1] + 0.05)
}"""
