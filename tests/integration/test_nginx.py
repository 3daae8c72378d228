"""Holdall behind a real nginx, configured as in ``deploy/nginx``: bytes, headers, addresses, and no way around."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import httpx
import pytest

from holdall.domain.access_log import Search
from holdall.ports import Services
from tests.support.nginx import NAME, NGINX, PREFIX, WORKER, Nginx, running_nginx
from tests.support.server import RunningServer, free_port, operate, running_server

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)")

SITE = f"https://{NAME}"
CONTENT = (bytes(range(256)) * 4096).hex().encode()
STRANGER = "203.0.113.9"
CLIENT = "127.0.0.2"
"""Of this machine as well, and no proxy's."""
_ITS_OWN = {"date", "server", "connection", "strict-transport-security", "x-request-id", "transfer-encoding"}
"""Headers that nginx sets of itself, and the one that no two answers share."""


@dataclass(frozen=True)
class Front:
    """nginx, what is behind it, and clients of both."""

    nginx: Nginx
    server: RunningServer
    through: httpx.Client
    direct: httpx.Client
    link: str
    """Path and arguments of a signed link to ``CONTENT``."""


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A folder through which nginx's workers come, as another user of our group. Pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="holdall-nginx-"))
    folder.chmod(0o710)
    (folder / "data").mkdir(0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    settings = {
        "HOLDALL_BLOBS_READ_BY": "group",
        "HOLDALL_BASE_URL": SITE,
        "HOLDALL_TRUSTED_PROXIES": "127.0.0.1",
        "HOLDALL_SEND_FILE": f"x-accel:{PREFIX}",
    }
    with (
        shared_folder() as folder,
        running_server(folder / "data", **settings) as server,
        running_nginx(folder / "nginx", folder / "data" / "blobs", server.port, free_port()) as nginx,
        httpx.Client(
            base_url=nginx.url,
            transport=httpx.HTTPTransport(verify=nginx.trust(), local_address=CLIENT),
            headers={"Host": NAME},
            timeout=30,
        ) as through,
        httpx.Client(base_url=server.base_url, transport=httpx.HTTPTransport(local_address=CLIENT)) as direct,
    ):
        bika = server.demo["bika"]
        answer = through.post(
            f"/api/openapi/bika/v1/spaces/{bika['space_id']}/attachments",
            headers={"Authorization": f"Bearer {bika['token']}"},
            files={"file": ("grüße.txt", CONTENT, "text/plain")},
        )
        assert answer.status_code == 200, answer.text
        url = answer.json()["data"][0]["url"]
        assert url.startswith(f"{SITE}/"), "links do not lead to where clients reach us"
        parts = urlsplit(url)
        yield Front(nginx, server, through, direct, f"{parts.path}?{parts.query}")


def same_answer(front: Front, method: str = "GET", **headers: str) -> httpx.Response:
    """What comes through nginx, which must be what Holdall sends to those who call it directly."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    through = front.through.request(method, front.link, headers=told)
    direct = front.direct.request(method, front.link, headers=told)
    assert "x-accel-redirect" not in through.headers
    assert "x-accel-redirect" not in direct.headers
    assert (through.status_code, through.content) == (direct.status_code, direct.content)
    assert sorted(_kept(through)) == sorted(_kept(direct))
    return through


def _kept(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(name, value) for name, value in answer.headers.multi_items() if name not in _ITS_OWN]


def is_handed_over(front: Front, **headers: str) -> bool:
    """Whether Holdall leaves this answer to a proxy: asked as one, past nginx."""
    answer = httpx.get(front.server.base_url + front.link, headers=headers)
    named = answer.headers.get("x-accel-redirect", "")
    assert named.startswith(f"{PREFIX}/") == bool(named)
    assert not (named and answer.content)
    return bool(named)


def test_a_whole_file(front: Front):
    """The guards of what strangers uploaded are all there."""
    assert is_handed_over(front)
    answer = same_answer(front)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(CONTENT).digest()
    for name in ("etag", "content-security-policy", "x-content-type-options", "content-disposition", "x-request-id"):
        assert answer.headers[name]
    assert answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    "asked", ["bytes=0-0", "bytes=1000-2999", "bytes=-5", "bytes=-99999999", "bytes=2097150-", "bytes=5-99999999999"]
)
def test_one_range(front: Front, asked: str):
    assert is_handed_over(front, Range=asked)
    answer = same_answer(front, Range=asked)
    assert answer.status_code == 206
    assert "content-digest" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("bytes=0-1,5-6", 206),
        ("bytes=0-5,3-9", 206),
        ("bytes=9-1", 200),
        ("bytes=x", 200),
        ("lines=1-2", 200),
        ("bytes=99999999-", 416),
        ("bytes=-0", 416),
        ("bytes=0-99999999999999999999999", 206),
    ],
)
def test_what_two_could_read_in_two_ways_is_answered_by_one(front: Front, asked: str, status: int):
    """Nginx would answer 416 to what is to be ignored, and in other parts to what is to be merged."""
    assert not is_handed_over(front, Range=asked)
    assert same_answer(front, Range=asked).status_code == status


def test_conditions(front: Front):
    """They are ours alone to judge: nginx knows the file's age, and not the upload's."""
    known = front.direct.head(front.link).headers
    etag, modified = known["etag"], known["last-modified"]
    cases = [
        ({"If-None-Match": etag}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Modified-Since": modified}, 304),
        ({"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 412),
        ({"If-Unmodified-Since": modified}, 200),
        ({"If-Match": etag}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Range": etag, "Range": "bytes=0-9"}, 206),
        ({"If-Range": '"other"', "Range": "bytes=0-9"}, 200),
        ({"If-Range": modified, "Range": "bytes=0-9"}, 206),
    ]
    assert [same_answer(front, **headers).status_code for headers, _ in cases] == [status for _, status in cases]


def test_head(front: Front):
    answer = same_answer(front, "HEAD")
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(CONTENT)))


def test_the_internal_location_is_no_address(front: Front):
    """Of a file that is there, by every spelling; also for who says that nginx was told."""
    blobs = front.server.data / "blobs"
    key = file_of(front).relative_to(blobs)
    spellings = [f"{PREFIX}/{key}", f"/%5fblobs/{key}", f"/x/..{PREFIX}/{key}", f"//{PREFIX[1:]}/{key}", f"{PREFIX}/"]
    spellings += [f"{PREFIX}/../secret.key", f"{PREFIX}../secret.key", f"{PREFIX}/..%2fsecret.key"]
    for spelling in spellings:
        answer = front.through.get(spelling, headers={"X-Accel-Redirect": f"{PREFIX}/{key}"})
        assert answer.status_code == 404, spelling


def file_of(front: Front) -> Path:
    """Where ``CONTENT`` lies."""
    [path] = [
        path
        for path in (front.server.data / "blobs").rglob("*")
        if path.is_file() and path.stat().st_size == len(CONTENT)
    ]
    return path


def test_a_client_that_says_where_the_file_is_changes_nothing(front: Front):
    named = {"X-Accel-Redirect": "/_blobs/secret", "X-Sendfile-Type": "X-Accel-Redirect", "X-Accel-Mapping": "/=/"}
    assert same_answer(front, **named).content == CONTENT


def test_only_a_proxy_of_ours_is_told_where_files_lie(front: Front):
    """Others get the bytes, also when they say that they speak for somebody."""
    for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}):
        answer = front.direct.get(front.link, headers=headers)
        assert (answer.content, answer.headers.get("x-accel-redirect")) == (CONTENT, None)


def test_the_log_has_the_clients_address_and_all_bytes(front: Front):
    """What a client says of itself is not in it; nginx's own log names the request as ours does, and no signature."""
    answer = front.through.get(
        front.link, headers={"X-Forwarded-For": STRANGER, "Forwarded": f"for={STRANGER}", "Range": "bytes=7-1006"}
    )
    assert answer.status_code == 206
    request_id = answer.headers["x-request-id"]
    assert logged(front.server, request_id) == [(CLIENT, 206, 1000)]
    [line] = [line for line in front.nginx.access_log().splitlines() if request_id in line]
    assert line.startswith(f"{CLIENT} ")
    assert " 206 1000 " in line
    assert urlsplit(front.link).query not in front.nginx.access_log()


def logged(server: RunningServer, request_id: str) -> list[tuple[str, int, int]]:
    """Address, status and bytes of this request in Holdall's own log, which is written half a second later."""

    async def look(services: Services) -> list[tuple[str, int, int]]:
        for _ in range(200):
            events = await services.work.read(lambda ledger: ledger.access_log.page(Search(), limit=50))
            found = [(event.address, event.status, event.bytes) for event in events if event.request_id == request_id]
            if found:
                return found
            await asyncio.sleep(0.05)
        return []

    return operate(server, look)


def test_nginxs_workers_read_files_and_nothing_else_of_ours(front: Front):
    """As the user that they are: of all that lies in the data folder, what is whole and served."""
    if os.getuid() != 0:
        pytest.skip("only root may become the workers' user")
    data = front.server.data
    (data / "quarantine" / "aa").mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = [data, *data.rglob("*")]
    process = subprocess.run(
        ["/bin/sh", "-c", 'while read -r path; do if [ -r "$path" ]; then echo "$path"; fi; done'],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        check=True,
        user=WORKER,
        group=os.getgid(),
        extra_groups=[],
    )

    read = {Path(line) for line in process.stdout.splitlines()}
    blobs = data / "blobs"
    files = {path for path in blobs.rglob("*") if path.is_file()}
    assert len(files) > 0
    assert read == {blobs, *(path for path in blobs.rglob("*") if path.name != ".incoming")}
    assert read >= files
    assert {path.name for path in paths} >= {"holdall.sqlite3", "secret.key"}


def test_nginx_follows_no_link_and_tells_a_lost_file_as_ours():
    """Holdall looks before it names a file; what happens in between is for nginx to see."""
    with (
        shared_folder() as folder,
        naming_server() as port,
        running_nginx(folder / "nginx", _planted(folder), port, free_port()) as nginx,
        httpx.Client(base_url=nginx.url, verify=nginx.trust(), headers={"Host": NAME}) as client,
    ):
        told = {name: client.get(f"/aa/{name}") for name in ("there", "planted", "lost", "../../secret")}
    assert {name: answer.status_code for name, answer in told.items()} == {
        "there": 200,
        "planted": 503,
        "lost": 503,
        "../../secret": 503,
    }
    assert told["there"].content == b"there"
    assert {answer.headers["content-type"] for name, answer in told.items() if name != "there"} == {"application/json"}
    assert all("strict-transport-security" in answer.headers for answer in told.values())


def _planted(folder: Path) -> Path:
    """A file, a link that leads out, and what it leads to."""
    blobs = folder / "blobs"
    (blobs / "aa").mkdir(parents=True)
    (blobs / "aa" / "there").write_bytes(b"there")
    (folder / "secret").write_bytes(b"secret")
    (blobs / "aa" / "planted").symlink_to(folder / "secret")
    return blobs


@contextmanager
def naming_server() -> Iterator[int]:
    """A server that names for each path the file of this path, without looking."""

    class Naming(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("X-Accel-Redirect", PREFIX + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Naming) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
