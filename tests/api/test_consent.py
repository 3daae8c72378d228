"""The consent page, as a browser without scripts uses it (contract pika, section 2.1)."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from holdall.demo import passwords
from holdall.dialects.pika.consent import PATH
from holdall.domain.access_log import LoggedEvent, Search
from holdall.domain.audit import Entry
from holdall.flows.accounts import known_user
from holdall.flows.passwords import set_password
from holdall.ports import Ledger
from tests.support.inprocess import SITE, House, opened_house

PAGE = "/wp-admin/authorize-application.php"
PIKA = "/wp-json/pika/v1"
SUCCESS, REJECT = f"{SITE}/pika/authorize", f"{SITE}/pika/reject-auth"
ASKED = {"app_name": "Pika Finance", "app_id": "8a1d", "success_url": SUCCESS, "reject_url": REJECT}
HEADERS = {
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


@pytest.fixture(scope="module")
def people(house: House) -> dict[str, str]:
    """Their passwords."""
    return house.tell(passwords)


def show(house: House, **asked: str) -> httpx.Response:
    return house.request("GET", PAGE, params=ASKED | asked)


def send(house: House, login: str, password: str, decision: str = "approve", **asked: str) -> httpx.Response:
    form = {"user_login": login, "password": password, "decision": decision}
    return house.request("POST", PAGE, params=ASKED | asked, data=form, headers={"Origin": SITE})


def text_of(answer: httpx.Response) -> str:
    """What people read."""
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", "", answer.text, flags=re.DOTALL))


def sign_in(house: House, login: str, secret: str) -> httpx.Response:
    return house.request("POST", f"{PIKA}/auth/login", json={"user_login": login, "password": secret})


# ── approving ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("login", ["mira", "MIRA", " mira@example.test "])
def test_approval_sends_back_a_secret_that_signs_in(house: House, people: dict[str, str], login: str):
    """By login or e-mail address; the three parameters, and six groups of four."""
    answer = send(house, login, people["mira"])

    target = urlsplit(answer.headers["location"])
    given = parse_qs(target.query, strict_parsing=True)
    assert (303, SUCCESS) == (answer.status_code, f"{target.scheme}://{target.netloc}{target.path}")
    assert {"site_url": [SITE], "user_login": ["mira"]} == {k: v for k, v in given.items() if k != "password"}
    assert re.fullmatch(r"([0-9A-Za-z]{4} ){5}[0-9A-Za-z]{4}", given["password"][0])
    assert HEADERS == {name: answer.headers[name] for name in HEADERS}
    assert sign_in(house, "mira", given["password"][0]).status_code == 200


def test_three_identical_log_ins_follow_an_approval(house: House, people: dict[str, str]):
    """As Pika's front-end sends them; the limits allow it."""
    secret = parse_qs(urlsplit(send(house, "mira", people["mira"]).headers["location"]).query)["password"][0]

    assert [200] * 3 == [sign_in(house, "mira", secret).status_code for _ in range(3)]


def test_a_password_does_not_sign_in_by_itself(house: House, people: dict[str, str]):
    """Nor does a device's secret approve another device: each opens one door."""
    secret = parse_qs(urlsplit(send(house, "mira", people["mira"]).headers["location"]).query)["password"][0]

    assert sign_in(house, "mira", people["mira"]).json()["code"] == "invalid_credentials"
    assert send(house, "mira", secret).status_code == 401


def test_what_the_address_has_stays_in_it(house: House, people: dict[str, str]):
    """Less what would be taken for the answer; the fragment stays behind."""
    url = f"{SUCCESS}?next=%2Fhome&password=old&x=1#top"

    location = send(house, "mira", people["mira"], success_url=url).headers["location"]

    names = [name for name, _ in parse_qsl(urlsplit(location).query)]
    assert ["next", "x", "site_url", "user_login", "password"] == names
    assert location.endswith("#top")


def test_without_an_address_the_secret_is_shown_once(house: House, people: dict[str, str]):
    """On a page that nobody keeps."""
    answer = send(house, "mira", people["mira"], success_url="")

    [secret] = re.findall(r"(?:[0-9A-Za-z]{4} ){5}[0-9A-Za-z]{4}", text_of(answer))
    assert (200, "no-store") == (answer.status_code, answer.headers["cache-control"])
    assert sign_in(house, "mira", secret).status_code == 200


def test_the_secret_is_named_after_the_application(house: House, people: dict[str, str]):
    """And is listed with the browser it was made in, before its first use."""
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    form = {"user_login": "mira", "password": people["mira"], "decision": "approve"}
    answer = house.request(
        "POST", PAGE, params=ASKED | {"app_name": "Purse <3"}, data=form, headers={"User-Agent": agent}
    )
    given = parse_qs(urlsplit(answer.headers["location"]).query)
    cookie = sign_in(house, "mira", given["password"][0]).headers["set-cookie"].partition(";")[0]

    first = house.request("GET", f"{PIKA}/auth/sessions", headers={"Cookie": cookie}).json()[0]

    assert ("Purse <3", True) == (first["name"], first["is_currently_using"])


def test_an_approval_stands_in_both_logs(tmp_path: Path):
    """The audit log names the secret's owner as who made it; in neither log are secret, password or address."""
    with opened_house(tmp_path / "data") as house:
        password = house.tell(passwords)["mira"]
        answers = [send(house, "mira", password), send(house, "mira", "not-the-password")]
        house.tell(lambda _services: house.app.edge.access_log.close())
        acts, events = house.tell(lambda services: services.work.read(both_logs))

    secret = parse_qs(urlsplit(answers[0].headers["location"]).query)["password"][0].replace(" ", "")
    made = [act for act in acts if act.act == "token.create"][-1]
    assert made.actor.startswith("usr")
    assert "Pika Finance" in made.details
    told = [(event.action, event.outcome, event.login, event.route) for event in reversed(events)]
    assert [("sign-in", "ok", "mira", f"POST {PATH}"), ("sign-in", "refused", "", f"POST {PATH}")] == told
    assert [word for word in (secret, password, "not-the-password", SUCCESS) if word in f"{acts}{events}"] == []


def both_logs(ledger: Ledger) -> tuple[list[Entry], list[LoggedEvent]]:
    return ledger.audit.entries(limit=1000), ledger.access_log.page(Search(), limit=50)


# ── refusing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_refusal_sends_back_without_a_secret(house: House):
    """Nobody has to say who they are for it."""
    answer = send(house, "", "", "refuse")

    assert (303, f"{REJECT}?success=false") == (answer.status_code, answer.headers["location"])


def test_refusal_without_an_address_says_so(house: House):
    assert "got no key" in text_of(send(house, "", "", "refuse", reject_url=""))


@pytest.mark.usefixtures("people")
def test_a_wrong_password_is_told_and_the_login_kept(house: House):
    """The same for who is not there, and for who has no password."""
    answers = [send(house, login, "not-the-password") for login in ("mira", "nobody", "ada")]

    assert [401] * 3 == [answer.status_code for answer in answers]
    assert all('role="alert"' in answer.text for answer in answers)
    assert 'value="mira"' in answers[0].text
    told = {answer.text.replace(login, "?") for answer, login in zip(answers, ("mira", "nobody", "ada"), strict=True)}
    assert len(told) == 1
    assert "not-the-password" not in answers[0].text


def test_what_is_not_filled_in_is_asked_for(house: House):
    """Browsers without the check of required fields send it."""
    answers = [send(house, *given) for given in (("", ""), ("mira", ""), ("", "x"))]

    assert [400] * 3 == [answer.status_code for answer in answers]


def test_a_password_in_the_address_is_not_read(house: House, people: dict[str, str]):
    """A link can fill in neither field, nor approve."""
    asked = ASKED | {"user_login": "mira", "password": people["mira"], "decision": "approve"}

    assert house.request("POST", PAGE, params=asked, data={}).status_code == 400
    assert "mira" not in house.request("GET", PAGE, params=asked).text


def test_a_changed_password_holds_at_once(house: House):
    """The old one is nobody's."""
    house.tell(lambda services: set_password(services, "noor", "first words here"))
    assert send(house, "noor", "first words here").status_code == 303
    house.tell(lambda services: set_password(services, "noor", "other words here"))

    assert [401, 303] == [send(house, "noor", word + " words here").status_code for word in ("first", "other")]


def test_a_password_that_is_changed_meanwhile_is_the_old_one(house: House, monkeypatch: pytest.MonkeyPatch):
    """Between its being compared and the secret's being kept."""
    house.tell(lambda services: set_password(services, "noor", "first words here"))
    matches = house.services.passwords.matches

    async def slow(password: str, hash: str | None) -> bool:
        was_right = await matches(password, hash)
        await set_password(house.services, "noor", "other words here")
        return was_right

    monkeypatch.setattr(house.services.passwords, "matches", slow)

    assert send(house, "noor", "first words here").status_code == 401


def test_a_hash_of_old_parameters_is_made_anew(house: House, monkeypatch: pytest.MonkeyPatch):
    """When its password is there to do it with; it goes on opening the door."""
    house.tell(lambda services: set_password(services, "noor", "first words here"))
    before = house.tell(lambda services: services.work.read(noors_hash))
    monkeypatch.setattr(house.services.passwords, "is_outdated", lambda _hash: True)

    assert [303, 303] == [send(house, "noor", "first words here").status_code for _ in range(2)]
    assert house.tell(lambda services: services.work.read(noors_hash)) not in (before, None)


def noors_hash(ledger: Ledger) -> str | None:
    return ledger.accounts.password(known_user(ledger, "noor"))


# ── where it sends people ────────────────────────────────────────────────────────────────────────────────────────

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    f"{SITE}.evil.example/",
    f"{SITE}@evil.example/",
    f"{SITE}:81/pika",
    SITE.replace("http:", "https:") + "/pika",
    f"{SITE}\\@evil.example",
    f" {SITE}/",
    f"{SITE}/\r\nX: y",
    f"{SITE}/\t",
    "pika/authorize",
    "/pika/authorize",
    SITE + "/" + "a" * 3000,
    "http://hòldall.test/",
]


@pytest.mark.parametrize("parameter", ["success_url", "reject_url"])
@pytest.mark.parametrize("url", ELSEWHERE)
def test_nobody_is_sent_elsewhere(house: House, people: dict[str, str], url: str, parameter: str):
    """Neither when it is looked at nor when it is approved or refused; a page says why."""
    answers = [show(house, **{parameter: url})]
    answers += [send(house, "mira", people["mira"], decision, **{parameter: url}) for decision in ("approve", "refuse")]

    assert [400] * 3 == [answer.status_code for answer in answers]
    assert not any("location" in answer.headers for answer in answers)
    assert all(f"<code>{parameter}</code>" in answer.text and "<form" not in answer.text for answer in answers)


# ── the page itself ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_is_shut_in(house: House):
    """No script, no frame, one style sheet by its digest, a form that goes nowhere else."""
    answer = show(house)

    assert (200, "text/html; charset=utf-8") == (answer.status_code, answer.headers["content-type"])
    assert HEADERS == {name: answer.headers[name] for name in HEADERS}
    policy = answer.headers["content-security-policy"]
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'sha256-"):
        assert directive in policy
    assert f"form-action 'self' {SITE}" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script|<link|<img|\son\w+=|\sstyle=", answer.text)
    assert "Pika Finance wants to sign in" in text_of(answer)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "$name ${login} {0} %s",
    "\u202egnissop\u2066 \u200bBank\u0000",
    "é" * 10_000,
    "\n\n\t",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_shown_as_text(house: House, people: dict[str, str], name: str):
    """Cut, escaped, without what hides or turns it; in the page, in the secret's name, and as a login."""
    answers = [show(house, app_name=name), send(house, name, "wrong"), send(house, "", "", "refuse", app_name=name)]
    answers.append(send(house, "mira", people["mira"], app_name=name, success_url=""))

    for answer in answers:
        assert not re.search(r"<script|<img", answer.text)
        assert "\u202e" not in re.sub('value="[^"]*"', "", answer.text)
        assert len(answer.text) < 12_000
    assert answers[-1].status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Origin": SITE}, 303),
        ({}, 303),
    ],
)
def test_no_other_site_sends_the_form(house: House, people: dict[str, str], headers: dict[str, str], status: int):
    """Nobody is signed in as somebody else by a page they look at (CWE-352)."""
    form = {"user_login": "mira", "password": people["mira"], "decision": "approve"}

    answer = house.request("POST", PAGE, params=ASKED, data=form, headers=headers)

    assert (status, status == 303) == (answer.status_code, "location" in answer.headers)


def test_the_page_is_reached_by_a_link_and_in_no_frame(house: House):
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    answers = [
        house.request("GET", PAGE, params=ASKED, headers=link | {"Sec-Fetch-Dest": dest})
        for dest in ("document", "iframe")
    ]

    assert [200, 403] == [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", PAGE, b"password=" + b"x" * 20_000, 413),
        ("POST", PAGE, b"&".join(b"a=1" for _ in range(50)), 400),
        ("POST", PAGE, b"user_login=\xff\xfe", 400),
        ("POST", PAGE, b"user_login=%00&password=%00%ff", 401),
        ("PUT", PAGE, b"", 404),
        ("GET", "/wp-admin/nothing.php", b"", 404),
        ("GET", "/wp-admin", b"", 404),
    ],
)
def test_what_is_no_form_is_refused_with_a_page(house: House, method: str, path: str, content: bytes, status: int):
    """Never with a fault of ours."""
    answer = house.request(method, path, content=content)

    assert status == answer.status_code
    assert path == "/wp-admin" or answer.headers["content-type"].startswith("text/html")


# ── guessing ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("guarded") / "data"
    with opened_house(data, HOLDALL_RATE_LIMIT="on", HOLDALL_SIGN_INS_PER_MINUTE="9") as opened:
        yield opened


def test_guessing_is_throttled_by_login_and_by_address(guarded: House):
    """A guess costs a login three sign-ins and an address one; the right password does not come through either."""
    people = guarded.tell(passwords)
    at_one_login = [send(guarded, "mira", "not-the-password").status_code for _ in range(4)]
    right = send(guarded, "mira", people["mira"])
    at_others = [send(guarded, f"login{number}", "not-the-password").status_code for number in range(5)]

    assert [401] * 3 + [429] == at_one_login
    assert (429, True) == (right.status_code, int(right.headers["retry-after"]) >= 1)
    assert [401] * 4 + [429] == at_others
