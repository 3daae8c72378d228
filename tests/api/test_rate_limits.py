"""Rate limits in each dialect's own words, told before they bind, by actor, address and action."""

import base64
import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from holdall.dialects.pika.cookie import Credential, value_of
from tests.support.images import png
from tests.support.server import RunningServer, running_server

CALLS, UPLOADS, SIGN_INS = 40, 12, 8
LOGIN = "/wp-json/pika/v1/auth/login"
ME = "/wp-json/pika/v1/auth/me"
AVATAR = "/wp-json/pika/v1/upload/avatar"
SPACES = "/api/openapi/bika/v1/spaces"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server with small budgets that sits behind a proxy on this machine."""
    with running_server(
        tmp_path / "data",
        HOLDALL_RATE_LIMIT="on",
        HOLDALL_CALLS_PER_MINUTE=str(CALLS),
        HOLDALL_UPLOADS_PER_MINUTE=str(UPLOADS),
        HOLDALL_SIGN_INS_PER_MINUTE=str(SIGN_INS),
        HOLDALL_DOWNLOADS_PER_MINUTE="5",
        HOLDALL_UPLOADS_AT_ONCE="2",
        HOLDALL_TRUSTED_PROXIES="127.0.0.1",
    ) as running:
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, timeout=30) as client:
        yield client


def bearer(server: RunningServer, tenant: str = "bika") -> dict[str, str]:
    return {"Authorization": f"Bearer {server.demo[tenant]['token']}"}


def cookie(server: RunningServer, person: int = 0) -> dict[str, str]:
    return {"Cookie": f"pika_token={server.demo['pika'][person]['cookie']}"}


def attachments(server: RunningServer) -> str:
    return f"{SPACES}/{server.demo['bika']['space_id']}/attachments"


def budgets(answer: httpx.Response) -> dict[str, tuple[int, int, int, int]]:
    """Each budget's quota, window, rest and reset, as the two headers tell them."""
    policies = re.findall(r'"([a-z-]+)";q=(\d+);w=(\d+)', answer.headers.get("RateLimit-Policy", ""))
    rests = re.findall(r'"([a-z-]+)";r=(\d+);t=(\d+)', answer.headers.get("RateLimit", ""))
    left = {name: (int(rest), int(reset)) for name, rest, reset in rests}
    assert {name for name, _, _ in policies} == set(left)
    return {name: (int(quota), int(window), *left[name]) for name, quota, window in policies}


def test_what_is_left_is_told_with_every_answer(server: RunningServer, http: httpx.Client):
    """Refusals too; an upload counts twice."""
    first, second = (http.get(SPACES, headers=bearer(server)) for _ in range(2))
    missing = http.get(f"{SPACES}/spc123", headers=bearer(server))
    form = {"data": {"entityType": "person"}, "files": {"file": ("a.png", png(9, 9))}}
    uploaded = http.post(AVATAR, headers=cookie(server), **form)

    assert [budgets(answer)["api"][:3] for answer in (first, second, missing)] == [
        (CALLS, 60, CALLS - 1 - spent) for spent in range(3)
    ]
    assert missing.status_code == 404
    assert {name: told[:3] for name, told in budgets(uploaded).items()} == {
        "api": (CALLS, 60, CALLS - 1),
        "upload": (UPLOADS, 60, UPLOADS - 1),
    }
    assert 1 <= budgets(first)["api"][3] <= 60


@pytest.mark.parametrize("dialect", ["bika", "pika"])
def test_too_many_requests_are_told_in_each_dialect(server: RunningServer, http: httpx.Client, dialect: str):
    """429 with Retry-After; Bika's text has no word that makes its clients think of a quota."""
    path, headers = (attachments(server), bearer(server)) if dialect == "bika" else (AVATAR, cookie(server))
    answers = [http.post(path, headers=headers) for _ in range(UPLOADS + 1)]

    assert [answer.status_code for answer in answers] == [400] * UPLOADS + [429]
    refusal = answers[-1]
    if dialect == "bika":
        assert refusal.json() == {"success": False, "code": 429, "message": "Too many requests", "data": {}}
    else:
        assert refusal.json()["code"] == "too_many_requests"
    assert budgets(refusal)["upload"] == (UPLOADS, 60, 0, int(refusal.headers["Retry-After"]))
    others = bearer(server, "bika_other") if dialect == "bika" else cookie(server, 1)
    assert http.get(ME if dialect == "pika" else SPACES, headers=others).status_code == 200


def test_calls_are_counted_for_the_user_whatever_token_they_use(server: RunningServer, http: httpx.Client):
    """A second token is no second budget."""
    tokens = [bearer(server)]
    server.__dict__.pop("demo")
    tokens.append(bearer(server))
    assert tokens[0] != tokens[1]
    statuses = [http.get(SPACES, headers=tokens[number % 2]).status_code for number in range(CALLS + 1)]
    assert statuses == [200] * CALLS + [429]


def test_downloads_by_link_are_counted_for_the_address(server: RunningServer, http: httpx.Client):
    """Nobody has to sign in for them."""
    [item] = http.post(attachments(server), headers=bearer(server), files={"file": ("a.txt", b"a")}).json()["data"]
    here, there = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
    assert [http.get(item["url"], headers=here).status_code for _ in range(6)] == [200] * 5 + [429]
    assert http.get(item["url"], headers=there).status_code == 200


# ── guessing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def sign_in(http: httpx.Client, login: str, address: str, password: str = "wrong") -> int:  # noqa: S107  a wrong one
    body = {"user_login": login, "password": password}
    return http.post(LOGIN, json=body, headers={"X-Forwarded-For": address}).status_code


def test_guesses_at_one_account_are_stopped_wherever_they_come_from(http: httpx.Client):
    """A new address for each."""
    statuses = [sign_in(http, "mira", f"203.0.113.{number}") for number in range(SIGN_INS + 1)]
    assert statuses == [401] * SIGN_INS + [429]
    assert sign_in(http, "MIRA", "198.51.100.1") == 429
    assert sign_in(http, "noor", "198.51.100.1") == 401


def test_guesses_from_one_address_are_stopped_whatever_account_they_are_at(http: httpx.Client):
    """A new login for each; of an IPv6 caller's own network, any address."""
    statuses = [sign_in(http, f"user{number}", f"2001:db8:1:2::{number:x}") for number in range(SIGN_INS + 1)]
    assert statuses == [401] * SIGN_INS + [429]
    assert sign_in(http, "somebody", "2001:db8:1:3::1") == 401


def test_guesses_by_cookie_are_stopped_and_keep_nobody_out(server: RunningServer, http: httpx.Client):
    """The same login with its right secret goes on from elsewhere."""

    def guess(number: int) -> int:
        value = value_of(Credential("mira", f"wrong{number}"))
        headers = {"Cookie": f"pika_token={value}", "X-Forwarded-For": "203.0.113.7"}
        return http.get(ME, headers=headers).status_code

    assert [guess(number) for number in range(SIGN_INS + 1)] == [401] * SIGN_INS + [429]
    assert http.get(ME, headers=cookie(server) | {"X-Forwarded-For": "203.0.113.8"}).status_code == 200


def test_three_identical_sign_ins_within_a_second_are_fine(server: RunningServer, http: httpx.Client):
    """Pika's own page sends them (contract pika, section 2.1)."""
    login, _, secret = base64.b64decode(unquote(server.demo["pika"][0]["cookie"])).decode().partition(":")
    assert [sign_in(http, login, "203.0.113.7", secret) for _ in range(3)] == [200] * 3


# ── who is who ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_made_up_address_is_no_way_out(http: httpx.Client):
    """What a client writes into the header stands left of what our proxy adds, and is not believed."""
    statuses = [sign_in(http, f"user{number}", f"192.0.2.{number}, 203.0.113.7") for number in range(SIGN_INS + 1)]
    assert statuses == [401] * SIGN_INS + [429]


def test_without_a_named_proxy_the_header_says_nothing(tmp_path: Path):
    """The default: everybody who calls directly is who they are."""
    with (
        running_server(tmp_path / "data", HOLDALL_RATE_LIMIT="on", HOLDALL_SIGN_INS_PER_MINUTE="3") as server,
        httpx.Client(base_url=server.base_url) as http,
    ):
        statuses = [sign_in(http, f"user{number}", f"192.0.2.{number}") for number in range(4)]
    assert statuses == [401] * 3 + [429]


def test_only_so_many_uploads_of_one_user_are_in_hand(server: RunningServer, http: httpx.Client):
    """The third is told to come back in a second; another user's is taken."""
    started, done = threading.Barrier(3), threading.Event()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    mine, theirs = cookie(server), cookie(server, 1)

    def slow_body() -> Iterator[bytes]:
        yield b"--b\r\n"
        started.wait(10)
        done.wait(10)

    def upload(credential: Mapping[str, str]) -> None:
        httpx.post(f"{server.base_url}{AVATAR}", headers={**headers, **credential}, content=slow_body(), timeout=30)

    threads = [threading.Thread(target=upload, args=(mine,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    started.wait(10)
    try:
        for _ in range(UPLOADS - 3):  # until both are in hand
            time.sleep(0.1)
            third = http.post(AVATAR, headers={**headers, **mine}, content=b"--b--")
            if third.status_code == 429:
                break
        other = http.post(AVATAR, headers=theirs)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert (429, "1") == (third.status_code, third.headers["Retry-After"])
    assert other.status_code == 400


def test_all_limits_can_be_lifted(tmp_path: Path):
    """For benchmarks; the log says so, and no header tells of a budget."""
    with running_server(tmp_path / "data", HOLDALL_RATE_LIMIT="off", HOLDALL_CALLS_PER_MINUTE="1") as server:
        answers = [httpx.get(f"{server.base_url}{ME}", headers=cookie(server)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert "ratelimit" not in answers[-1].headers
        assert "rate limits are off" in server.log()
