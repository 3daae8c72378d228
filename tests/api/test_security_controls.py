"""Controls that hold for both dialects together, each asked over the wire; docs/explanation/security.md names them."""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.doors import DOORS, doors, exchange
from tests.crash.clients import local_part
from tests.support.engines import on_a_folder
from tests.support.images import eicar, jpeg
from tests.support.server import BOUNDARY, Part, RunningServer, rows

BIKA, PIKA = "/api/openapi/bika/v1/spaces", "/wp-json/pika/v1"


def bika_upload(server: RunningServer, data: bytes, tenant: str = "bika", **headers: str) -> httpx.Response:
    given = server.demo[tenant]
    path = f"{server.base_url}{BIKA}/{given['space_id']}/attachments"
    headers = {"Authorization": f"Bearer {given['token']}", **headers}
    return httpx.post(path, headers=headers, files={"file": ("a.bin", data)}, timeout=30)


def pika_upload(server: RunningServer, data: bytes, person: int = 0, **headers: str) -> httpx.Response:
    cookie = {"Cookie": f"pika_token={server.demo['pika'][person]['cookie']}", **headers}
    form = {"entityType": "person"}
    path = f"{server.base_url}{PIKA}/upload/avatar"
    return httpx.post(path, headers=cookie, data=form, files={"file": ("me.jpg", data)}, timeout=30)


def unique_jpeg() -> bytes:
    picture = jpeg()
    return picture[:2] + b"\xff\xfe\x00\x22" + os.urandom(32) + picture[2:]


# ── links and who may follow them ────────────────────────────────────────────────────────────────────────────────


def test_a_foreign_host_is_in_no_link(server: RunningServer):
    """Neither by Host nor by what proxies say of it: no proxy is configured (Starlette CVE-2026-54282)."""
    lies = dict.fromkeys(("Host", "X-Forwarded-Host", "X-Forwarded-Server", "Forwarded"), "evil.example")
    answers = [bika_upload(server, os.urandom(9), **lies), pika_upload(server, unique_jpeg(), **lies)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.text for answer in answers if "evil.example" in answer.text] == []
    assert all(server.base_url in answer.text for answer in answers)


def test_a_stranger_is_told_the_same_of_what_is_there_and_what_is_not(server: RunningServer):
    """Status, headers and body, so that nobody learns what exists (CWE-204)."""
    path = local_part(pika_upload(server, unique_jpeg()).json()["url"])
    stranger = {"Cookie": f"pika_token={server.demo['pika'][1]['cookie']}"}
    real, made_up = (
        httpx.get(server.base_url + at, headers=stranger) for at in (path, path.replace("person-", "person-0"))
    )
    given, other = server.demo["bika"], server.demo["bika_other"]
    there, not_there = (
        httpx.get(f"{server.base_url}{BIKA}/{id}/nodes", headers={"Authorization": f"Bearer {other['token']}"})
        for id in (given["space_id"], "spc" + "A" * 21)
    )

    assert plain(real, path) == plain(made_up, path.replace("person-", "person-0"))
    assert plain(there, given["space_id"]) == plain(not_there, "spc" + "A" * 21)
    assert (real.status_code, there.status_code) == (404, 404)


def plain(answer: httpx.Response, asked: str) -> tuple[int, dict[str, str], str]:
    """An answer, less what was asked and when."""
    headers = {
        name: value for name, value in answer.headers.items() if name not in {"date", "content-length", "x-request-id"}
    }
    return answer.status_code, headers, answer.text.replace(asked, "…")


def test_equal_bytes_of_two_tenants_are_two_files(server: RunningServer):
    """Neither can find out that the other has them (the dedup oracle)."""
    data = os.urandom(1000)
    mine, theirs = (bika_upload(server, data, tenant).json()["data"][0] for tenant in ("bika", "bika_other"))
    digest = hashlib.sha256(data).hexdigest()
    kept = [key for key, sha256 in rows(server, "SELECT key, sha256 FROM blobs") if sha256 == digest]

    assert mine["id"] != theirs["id"]
    assert local_part(mine["url"]).partition("?")[0] != local_part(theirs["url"]).partition("?")[0]
    assert len(set(kept)) == 2


# ── what is refused is never there ───────────────────────────────────────────────────────────────────────────────


@on_a_folder
def test_what_is_refused_never_lies_where_files_lie(server: RunningServer):
    """No window between scan and store (ASVS 5.4.3, Forminator CVE-2023-4596): the store is watched all the while."""
    blobs = server.data / "blobs"
    before, seen, is_over = stored(blobs), set[Path](), threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            seen.update(stored(blobs) - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(4) as threads:
            bodies = [eicar() + b"\n" + os.urandom(8).hex().encode() for _ in range(100)]
            statuses = {answer.status_code for answer in threads.map(lambda body: bika_upload(server, body), bodies)}
    finally:
        is_over.set()
        watcher.join()

    assert statuses & {200, 500, 502, 503} == set()
    assert seen == set()
    assert server.staged() == []


def stored(blobs: Path) -> set[Path]:
    return {path for path in blobs.rglob("*") if path.is_file()}


# ── check and act are one step ───────────────────────────────────────────────────────────────────────────────────


def test_fifty_requests_with_one_key_make_one_file(server: RunningServer):
    """At once; each is answered with that one, or told to come again (C12)."""
    data, key = os.urandom(500), os.urandom(8).hex()

    with ThreadPoolExecutor(50) as threads:
        tries = [threads.submit(bika_upload, server, data, **{"Idempotency-Key": key}) for _ in range(50)]
        answers = [each.result() for each in tries]
    ids = {answer.json()["data"][0]["id"] for answer in answers if answer.status_code == 200}
    digest = hashlib.sha256(data).hexdigest()
    kept = rows(server, "SELECT blobs.sha256 FROM uploads JOIN blobs ON blobs.id = uploads.blob_id")

    assert {answer.status_code for answer in answers} <= {200, 409}
    assert (len(ids), kept.count((digest,))) == (1, 1)


# ── costly requests ──────────────────────────────────────────────────────────────────────────────────────────────


def test_five_thousand_ranges_cost_no_more_than_the_file(server: RunningServer):
    """Starlette CVE-2025-62727."""
    data = os.urandom(200_000)
    link = server.base_url + local_part(bika_upload(server, data).json()["data"][0]["url"])
    spans = {
        "apart": ",".join(f"{2 * number}-{2 * number}" for number in range(5000)),
        "over each other": ",".join("0-" for _ in range(5000)),
        "over the limit of one header": ",".join(f"{number}-" for number in range(90)),
    }
    for asked in spans.values():
        began = time.monotonic()
        answer = httpx.get(link, headers={"Range": f"bytes={asked}"})
        assert time.monotonic() - began < 2
        assert answer.status_code in {200, 206, 400, 431}
        assert len(answer.content) <= len(data) + 10_000


MIB = 1 << 20
COSTLY: dict[str, Callable[[Any], bytes]] = {
    "before the first boundary": lambda door: b"\r\n" * MIB + door.form(),
    "behind the last boundary": lambda door: door.form() + b"\r\n" * MIB,
    "a part of carriage returns": lambda door: door.form(Part("file", b"\r" * 2 * MIB, f"a.{door.extension}")),
    "near boundaries": lambda door: door.form().replace(
        b"--" + BOUNDARY.encode() + b"--", f"\r\n--{BOUNDARY[:-1]}".encode() * 50_000
    ),
}
"""python-multipart CVE-2024-53981, CVE-2026-40347; Werkzeug CVE-2023-46136."""


@pytest.mark.parametrize("case", COSTLY)
@pytest.mark.parametrize("name", DOORS)
def test_a_body_made_to_be_costly_is_not(server: RunningServer, case: str, name: str):
    door = doors(server)[name]
    body = COSTLY[case](door)
    answer = exchange(server, door.post(body))

    assert answer.seconds < 3
    assert answer.status in {200, 400, 413, 415, 422}


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("value", ["x=" + "\\" * 3000, 'boundary="' + '\\"' * 1500, ";" * 3500, "a=b;" * 900])
def test_a_content_type_made_to_be_costly_is_not(server: RunningServer, name: str, value: str):
    """FastAPI CVE-2024-24762."""
    door = doors(server)[name]
    answer = exchange(server, door.post(door.form(), content_type=f"multipart/form-data; {value}"))

    assert answer.seconds < 1
    assert answer.status in {400, 415}
    with closing(httpx.Client(base_url=server.base_url)) as client:
        assert client.get("/healthz").status_code == 200
