"""Pages of other sites: what they may have a visitor's browser do with the cookie, and which may read our answers."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.images import png
from tests.support.server import RunningServer, command, free_port, running_server, server_env

APP, EVIL = "https://app.example.org", "https://evil.example"
FORM = {"data": {"entityType": "person"}, "files": {"file": ("a.png", png(8, 8))}}
PIKA = "/wp-json/pika/v1"
SPACES = "/api/openapi/bika/v1/spaces"
SIGN_IN = {"json": {"user_login": "mira", "password": "wrong"}}

CALLS: Mapping[str, tuple[str, str, dict[str, Any], int]] = {
    "upload": ("POST", f"{PIKA}/upload/avatar", FORM, 200),
    "upload as text": (
        "POST",
        f"{PIKA}/upload/avatar",
        {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
        400,
    ),
    "sign in": ("POST", f"{PIKA}/auth/login", SIGN_IN, 401),
    "sign in, JSON as text": (
        "POST",
        f"{PIKA}/auth/login",
        {"content": b'{"user_login": "mira", "password": "x"}', "headers": {"Content-Type": "text/plain"}},
        401,
    ),
    "who am I": ("GET", f"{PIKA}/auth/me", {}, 200),
    "read a file": ("GET", "{file}", {}, 200),
}
"""Method, path, the rest, and what it is answered with from nowhere in particular."""

FOREIGN = {
    "a foreign origin": {"Origin": EVIL},
    "no origin to speak of": {"Origin": "null"},
    "our host on another port": {"Origin": "http://127.0.0.1:1"},
    "our host as a prefix": {"Origin": "{site}.evil.example"},
    "a cross-site page": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a cross-site page with its origin": {"Sec-Fetch-Site": "cross-site", "Origin": EVIL},
    "a neighbour's page": {"Sec-Fetch-Site": "same-site", "Origin": "http://neighbour.example"},
    "a cross-site page that claims to be ours": {"Sec-Fetch-Site": "cross-site", "Origin": "{site}"},
    "a frame": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
}
OWN = {
    "curl": {},
    "our own page": {"Sec-Fetch-Site": "same-origin", "Origin": "{site}"},
    "our own page behind another name": {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    "an old browser on our own page": {"Origin": "{site}"},
    "typed by the visitor": {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    "a listed page": {"Sec-Fetch-Site": "cross-site", "Origin": APP},
}


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that lists one origin."""
    folder = tmp_path_factory.mktemp("origins") / "data"
    with running_server(folder, HOLDALL_CORS_ORIGINS=f"{APP}, http://other.example:8080/") as running:
        yield running


@pytest.fixture(scope="module")
def file(listing: RunningServer) -> str:
    answer = call(listing, "upload", {})
    url: str = answer.json()["url"]
    return url.removeprefix(listing.base_url)


def call(server: RunningServer, name: str, headers: Mapping[str, str], file: str = "") -> httpx.Response:
    method, path, more, _ = CALLS[name]
    cookie = {"Cookie": f"pika_token={server.demo['pika'][0]['cookie']}"}
    told = {name: value.format(site=server.base_url) for name, value in headers.items()}
    more = {**more, "headers": {**more.get("headers", {}), **cookie, **told}}
    return httpx.request(method, server.base_url + path.format(file=file), timeout=30, **more)


@pytest.mark.parametrize("who", FOREIGN)
@pytest.mark.parametrize("name", CALLS)
def test_a_page_of_another_site_cannot_use_the_cookie(listing: RunningServer, file: str, name: str, who: str):
    """Whatever content type spares it the preflight; before the body is looked at."""
    answer = call(listing, name, FOREIGN[who], file)
    assert (403, "rest_forbidden") == (answer.status_code, answer.json()["code"])
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("who", OWN)
@pytest.mark.parametrize("name", CALLS)
def test_all_others_are_let_in(listing: RunningServer, file: str, name: str, who: str):
    """The page's own curl above all."""
    answer = call(listing, name, OWN[who], file)
    assert answer.status_code == CALLS[name][3], answer.text


def test_a_link_that_a_visitor_follows_works(listing: RunningServer, file: str):
    """From a mail, say; reading only."""
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert call(listing, "read a file", followed, file).status_code == 200
    assert call(listing, "upload", followed).status_code == 403


def test_a_refused_sign_out_signs_nobody_out(listing: RunningServer):
    """Nor is the cookie taken back."""
    cookie = {"Cookie": f"pika_token={listing.demo['pika'][1]['cookie']}"}
    out = httpx.post(f"{listing.base_url}{PIKA}/auth/logout", headers={**cookie, "Origin": EVIL})
    assert (403, False) == (out.status_code, "set-cookie" in out.headers)
    assert httpx.get(f"{listing.base_url}{PIKA}/auth/me", headers=cookie).status_code == 200


def test_behind_a_proxy_our_origin_is_the_one_that_the_proxy_is_asked_for(tmp_path: Path):
    """For browsers that tell no site; from a client who calls directly the header says nothing."""
    forwarded = {"X-Forwarded-Host": "files.example", "X-Forwarded-Proto": "https", "Origin": "https://files.example"}
    with running_server(tmp_path / "data", HOLDALL_TRUSTED_PROXIES="127.0.0.0/8") as server:
        assert call(server, "upload", forwarded).status_code == 200
    with running_server(tmp_path / "other") as server:
        assert call(server, "upload", forwarded).status_code == 403


# ── reading (CORS) ───────────────────────────────────────────────────────────────────────────────────────────────


def preflight(server: RunningServer, path: str, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return httpx.request("OPTIONS", server.base_url + path, headers=headers)


@pytest.mark.parametrize("path", [SPACES, f"{PIKA}/auth/me", "/files/openapi/x.png", "/nowhere"])
def test_a_listed_page_may_ask_and_read(listing: RunningServer, path: str):
    """With credentials; refusals are told to it too."""
    asked = preflight(listing, path, APP)
    read = httpx.get(listing.base_url + path, headers={"Origin": APP})

    assert (204, b"") == (asked.status_code, asked.content)
    assert {"PATCH", "PUT", "DELETE"} <= set(asked.headers["access-control-allow-methods"].split(", "))
    allowed = asked.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "idempotency-key", "range"} <= set(allowed)
    for answer in (asked, read):
        assert answer.headers["access-control-allow-origin"] == APP
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in answer.headers.get_list("vary", split_commas=True)
    exposed = read.headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "Content-Range", "Content-Disposition", "RateLimit", "Retry-After"} <= set(exposed)


@pytest.mark.parametrize("origin", [EVIL, "null", APP + ".evil.example", "http://app.example.org", APP.upper(), "*"])
def test_a_page_that_is_not_listed_may_neither_ask_nor_read(listing: RunningServer, origin: str):
    """Nor may a cache give it what it keeps for one that is."""
    for answer in (
        preflight(listing, SPACES, origin),
        httpx.get(listing.base_url + SPACES, headers={"Origin": origin}),
        httpx.get(listing.base_url + SPACES),
    ):
        assert [name for name in answer.headers if name.startswith("access-control")] == []
        assert "Origin" in answer.headers.get_list("vary", split_commas=True)


def test_by_default_nobody_is_listed(server: RunningServer):
    """No header says anything."""
    for answer in (
        preflight(server, SPACES, APP),
        httpx.get(server.base_url + SPACES, headers={"Origin": APP}),
        httpx.get(server.base_url + SPACES, headers={"Origin": server.base_url}),
    ):
        assert [name for name in answer.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOLDALL_CORS_ORIGINS", "*"),
        ("HOLDALL_CORS_ORIGINS", "null"),
        ("HOLDALL_CORS_ORIGINS", "app.example.org"),
        ("HOLDALL_CORS_ORIGINS", "https://app.example.org/path"),
        ("HOLDALL_TRUSTED_PROXIES", "proxy.example"),
        ("HOLDALL_TRUSTED_PROXIES", "10.0.0.0/99"),
    ],
)
def test_a_list_that_cannot_be_read_stops_the_start(tmp_path: Path, name: str, value: str):
    """With the setting's name."""
    env = server_env(tmp_path / "data", free_port(), {name: value})
    done = subprocess.run(command("serve"), env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (2, True) == (done.returncode, name in done.stderr)
    assert "Traceback" not in done.stderr
