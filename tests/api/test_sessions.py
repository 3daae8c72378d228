"""Where one is signed in, and what every route of Pika's does (contract pika, sections 1, 2.2, 2.3, 16.1)."""

import base64
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

import httpx
import pytest

from holdall.domain.access import Scope, TokenKind
from holdall.flows.accounts import Minted, mint
from tests.support.images import png
from tests.support.inprocess import House, opened_house

PIKA = "/wp-json/pika/v1"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
UNKNOWN = {
    "device_type": "unknown",
    "brand": None,
    "model": None,
    "client_type": None,
    "client_name": None,
    "os_name": None,
}


def device(house: House, login: str = "mira", **more: object) -> tuple[Minted, str]:
    """A new secret, and the cookie that it makes."""
    made = house.tell(lambda services: mint(services, TokenKind.DEVICE, login, "Pika Finance", **more))  # type: ignore[arg-type]
    return made, "pika_token=" + quote(base64.b64encode(f"{login}:{made.secret}".encode()).decode())


def ask(house: House, method: str, path: str, cookie: str = "", **more: object) -> httpx.Response:
    headers = {"User-Agent": FIREFOX} | ({"Cookie": cookie} if cookie else {}) | more.pop("headers", {})  # type: ignore[operator]
    return house.request(method, PIKA + path, headers=headers, **more)


def sessions(house: House, cookie: str) -> list[dict[str, object]]:
    answer = ask(house, "GET", "/auth/sessions", cookie)
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, object]] = answer.json()
    return listed


def failed(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert body["data"]["status"] == answer.status_code
    return answer.status_code, body["code"], body["message"]


# ── sessions (2.3) ───────────────────────────────────────────────────────────────────────────────────────────────


def test_sessions_are_listed_as_the_contract_shows(house: House):
    """The one in use with its device; one that was never used without."""
    _, unused = device(house)
    _, cookie = device(house)
    ask(house, "GET", "/auth/me", cookie)

    used, other = sessions(house, cookie)[:2]

    assert UUID.fullmatch(str(used.pop("uuid")))
    assert UUID.fullmatch(str(other["uuid"]))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(used.pop("created")))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(used.pop("last_used")))
    assert used == {
        "app_id": house.app.edge.app_id,
        "name": "Pika Finance",
        "last_ip": "127.0.0.1",
        "is_currently_using": True,
        "device_info": {
            "device_type": "desktop",
            "brand": "",
            "model": "",
            "client_type": "browser",
            "client_name": "Firefox",
            "os_name": "GNU/Linux",
        },
    }
    assert (None, None, False, UNKNOWN) == tuple(
        other[key] for key in ("last_used", "last_ip", "is_currently_using", "device_info")
    )
    assert sessions(house, unused)[1]["is_currently_using"] is True


def test_signing_in_tells_the_device_too(house: House):
    """Before any other call."""
    made, cookie = device(house)
    phone = {
        "User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1"
    }
    ask(house, "POST", "/auth/login", json={"user_login": "mira", "password": made.secret}, headers=phone)

    info = sessions(house, cookie)[0]["device_info"]

    assert isinstance(info, dict)
    assert ("smartphone", "Apple", "iPhone", "Safari", "iOS") == tuple(
        info[key] for key in ("device_type", "brand", "model", "client_name", "os_name")
    )


def test_a_session_has_the_same_number_whenever_one_asks(house: House):
    _, cookie = device(house)

    assert sessions(house, cookie)[0]["uuid"] == sessions(house, cookie)[0]["uuid"]


def test_revoking_a_session_ends_it(house: House):
    """At once, and it is listed no longer; a second time there is none; then the caller's own."""
    _, doomed = device(house)
    _, cookie = device(house)
    mine, number = sessions(house, cookie)[0]["uuid"], sessions(house, doomed)[1]["uuid"]

    answers = [ask(house, "POST", "/auth/sessions/revoke", cookie, json={"uuid": number}) for _ in range(2)]

    assert (200, {"message": "Session revoked successfully"}) == (answers[0].status_code, answers[0].json())
    assert (404, "session_not_found", "Session not found") == failed(answers[1])
    assert ask(house, "GET", "/auth/me", doomed).status_code == 401
    assert number not in [each["uuid"] for each in sessions(house, cookie)]
    assert ask(house, "POST", "/auth/sessions/revoke", cookie, data={"uuid": str(mine).upper()}).status_code == 200
    assert ask(house, "GET", "/auth/sessions", cookie).status_code == 401


def test_nobody_revokes_anothers_session(house: House):
    """It does not exist for them, and goes on."""
    _, cookie = device(house)
    _, theirs = device(house, "noor")
    number = sessions(house, theirs)[0]["uuid"]

    answer = ask(house, "POST", "/auth/sessions/revoke", cookie, json={"uuid": number})

    assert (404, "session_not_found", "Session not found") == failed(answer)
    assert number not in [each["uuid"] for each in sessions(house, cookie)]
    assert ask(house, "GET", "/auth/me", theirs).status_code == 200


@pytest.mark.parametrize(
    "uuid", [None, "", "nonsense", 7, ["x"], {}, "{0f6f4b0e-3f0a-4a53-9d6f-2c7b4d1f9a10}", "0" * 32, "x" * 10_000]
)
def test_what_is_no_uuid_is_told(house: House, uuid: object):
    _, cookie = device(house)

    answer = ask(house, "POST", "/auth/sessions/revoke", cookie, json={"uuid": uuid})

    assert (400, "invalid_uuid", "Invalid UUID") == failed(answer)


def test_sessions_need_a_good_cookie_and_the_right(house: House):
    """A credential that may only read revokes none."""
    _, reader = device(house, scopes=[Scope.READ])
    for method, path in (("GET", "/auth/sessions"), ("POST", "/auth/sessions/revoke")):
        assert (401, "unauthorized", "Unauthorized access.") == failed(ask(house, method, path))
    number = sessions(house, reader)[0]["uuid"]

    assert ask(house, "POST", "/auth/sessions/revoke", reader, json={"uuid": number}).status_code == 403
    assert ask(house, "GET", "/auth/me", reader).status_code == 200


# ── what every route does (1) ────────────────────────────────────────────────────────────────────────────────────


def test_options_describes_a_route(house: House):
    """To anybody; methods that share a path are told together; an unknown path is none."""
    answer, slash = (ask(house, "OPTIONS", f"/upload/12{end}") for end in ("", "/"))

    told = answer.json()
    assert (200, "pika/v1", ["DELETE", "GET", "POST"]) == (answer.status_code, told["namespace"], told["methods"])
    assert {"methods": ["DELETE"], "args": {}} in told["endpoints"]
    assert ("DELETE, GET, POST", "noindex") == (answer.headers["allow"], answer.headers["x-robots-tag"])
    assert slash.json() == told
    assert (404, "rest_no_route") == failed(ask(house, "OPTIONS", "/nothing"))[:2]


def test_answers_tell_the_methods_of_their_path(house: House):
    """Good ones and bad ones; nothing is for search engines."""
    _, cookie = device(house)
    answers = [
        ask(house, "GET", "/auth/me", cookie),
        ask(house, "GET", "/auth/me"),
        ask(house, "POST", "/auth/login", json={}),
        ask(house, "GET", "/upload/999", cookie),
    ]

    assert ["GET", "GET", "POST", "DELETE, GET, POST"] == [answer.headers["allow"] for answer in answers]
    assert {"noindex"} == {answer.headers["x-robots-tag"] for answer in [*answers, ask(house, "GET", "/nothing")]}


@pytest.mark.parametrize("way", [{"headers": {"X-HTTP-Method-Override": "delete"}}, {"params": {"_method": "DELETE"}}])
def test_a_post_can_mean_another_method(house: House, way: dict[str, object]):
    """It reaches that method's route, with that method's rights and checks."""
    _, cookie = device(house)
    _, reader = device(house, scopes=[Scope.READ])
    form = {"data": {"entityType": "person"}, "files": {"file": ("a.png", png(9, 9))}}
    path = "/upload/" + ask(house, "POST", "/upload/avatar", cookie, **form).json()["id"]
    foreign = {"Origin": "https://evil.example", **way.get("headers", {})}  # type: ignore[dict-item]

    assert ask(house, "POST", path, reader, **way).status_code == 403
    assert ask(house, "POST", path, cookie, **{**way, "headers": foreign}).json()["code"] == "rest_forbidden"
    assert ask(house, "GET", path, cookie).json()["deletedAt"] is None
    assert ask(house, "POST", path, cookie, **way).json()["deletedAt"] is not None


@pytest.mark.parametrize("meant", ["GET", "HEAD", "TRACE", "NONSENSE", "PUT,DELETE", "\u00e9"])
def test_a_post_can_mean_nothing_less(house: House, meant: str):
    """No reading by a request that pages of other sites can send; an odd word leads nowhere."""
    _, cookie = device(house)

    assert (404, "rest_no_route") == failed(ask(house, "POST", "/auth/me", cookie, params={"_method": meant}))[:2]


def test_only_a_post_can_mean_another_method(house: House):
    _, cookie = device(house)
    way = {"X-HTTP-Method-Override": "DELETE"}

    assert ask(house, "GET", "/auth/me", cookie, headers=way).status_code == 200


def test_what_is_meant_stands_in_the_log(house: House):
    """The route and the action of the method that was meant."""
    _, cookie = device(house)
    form = {"data": {"entityType": "person"}, "files": {"file": ("a.png", png(9, 8))}}
    path = "/upload/" + ask(house, "POST", "/upload/avatar", cookie, **form).json()["id"]
    visits: list[tuple[str, str]] = []
    noted = house.app.edge.access_log.note
    try:
        house.app.edge.access_log.note = lambda events: visits.extend((e.action, e.route) for e in events)  # type: ignore[method-assign]
        ask(house, "POST", path, cookie, params={"_method": "DELETE"})
    finally:
        house.app.edge.access_log.note = noted  # type: ignore[method-assign]

    assert [("delete", "DELETE /upload/{id}")] == visits


# ── which is told first (1.2) ────────────────────────────────────────────────────────────────────────────────────

BAD = "pika_token=" + quote(base64.b64encode(b"mira:wrongwrongwrongwrongwron").decode())
JSON = {"Content-Type": "application/json"}
DEEP = b'{"uuid":' + b"[" * 70 + b"]" * 70 + b"}"


@pytest.mark.parametrize("path", ["/nothing", "/upload/x1", "/auth/me"])
def test_a_bad_cookie_is_told_before_an_unknown_route(house: House, path: str):
    """And taken back; without one, or with a good one, there is no such route."""
    _, cookie = device(house)
    answers = [ask(house, "PUT", path, each) for each in (BAD, "", cookie)]

    assert [(401, "unauthorized"), (404, "rest_no_route"), (404, "rest_no_route")] == [
        failed(answer)[:2] for answer in answers
    ]
    assert "Max-Age=0" in answers[0].headers["set-cookie"]


@pytest.mark.parametrize("content", [b"{", b"nonsense", b'{"uuid": NaN}', b"\xff", DEEP, b'{"a":1}}'])
def test_malformed_json_is_told_before_who_one_is_not(house: House, content: bytes):
    """Anonymous or not; a bad cookie comes before, a parameter after."""
    _, cookie = device(house)
    path = "/auth/sessions/revoke"
    answers = [ask(house, "POST", path, each, content=content, headers=JSON) for each in ("", cookie, BAD)]

    assert [400, 400, 401] == [answer.status_code for answer in answers]
    assert (400, "rest_invalid_json", "Invalid JSON body passed.") == failed(answers[0])
    assert {"status": 400, "json_error_code": 4, "json_error_message": "Syntax error"} == answers[0].json()["data"]


def test_sound_json_does_not_make_one_known(house: House):
    assert ask(house, "POST", "/auth/sessions/revoke", json={}).status_code == 401


# ── signing in (2.1, 2.3, 16.1) ──────────────────────────────────────────────────────────────────────────────────


def test_a_stale_cookie_does_not_stand_in_the_way(house: House):
    """The first try works."""
    made, _ = device(house)

    answer = ask(house, "POST", "/auth/login", BAD, json={"user_login": "mira", "password": made.secret})

    assert answer.status_code == 200


def test_the_cookie_tells_nothing_to_whoever_reads_it(house: House):
    """It is the secret alone, which says neither whose it is nor for how long it is good; scripts do not see it."""
    made, _ = device(house)
    login = {"user_login": "mira@example.test", "password": made.secret}
    told, *attributes = ask(house, "POST", "/auth/login", json=login).headers["set-cookie"].split("; ")

    assert base64.b64decode(unquote(told.partition("=")[2])).decode() == made.secret
    assert {"httponly", "secure", "samesite=lax", "path=/"} < {each.lower() for each in attributes}
    assert ask(house, "GET", "/auth/me", told).json()["username"] == "mira"


@pytest.mark.parametrize("login", ["mi\\u0000ra", "\\ud800", "\\u202emira", "x" * 100_000, "%", "' OR 1=1 --"])
def test_a_login_that_nobody_can_have_is_nobodys(house: House, login: str):
    """Never a fault of ours; half of a surrogate pair is no JSON."""
    content = f'{{"user_login": "{login}", "password": "x"}}'.encode()
    answer = ask(house, "POST", "/auth/login", content=content, headers=JSON)

    told = (400, "rest_invalid_json") if "ud800" in login else (401, "invalid_credentials")
    assert told == failed(answer)[:2]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("guarded") / "data"
    with opened_house(data, HOLDALL_RATE_LIMIT="on", HOLDALL_SIGN_INS_PER_MINUTE="5") as opened:
        yield opened


def test_three_log_ins_are_fine_and_guessing_is_not(guarded: House):
    """All in one second."""
    made, _ = device(guarded)
    given = {"user_login": "mira", "password": made.secret}
    good = [ask(guarded, "POST", "/auth/login", json=given).status_code for _ in range(3)]
    bad = [ask(guarded, "POST", "/auth/login", json={**given, "password": "x"}) for _ in range(3)]

    assert [200] * 3 == good
    assert [401, 401, 429] == [answer.status_code for answer in bad]
    assert int(bad[-1].headers["retry-after"]) >= 1
