"""Pika's built front-end under ``/pika``: the files of one folder, and nothing else of the disk."""

import base64
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdall.doctor import examine
from holdall.settings import read_settings
from tests.support.inprocess import SITE, House, opened_house

INLINE = "document.documentElement.dataset.theme = 'dark'"
INDEX = f'<!doctype html><title>Pika</title><script>{INLINE}</script><script type="module" src="/pika/a.js"></script>'


def build(folder: Path) -> Path:
    """What a bundler leaves behind, and some of what lies around it."""
    built = folder / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text(INDEX)
    (built / "sw.js").write_text("self.skipWaiting()")
    (built / "manifest.webmanifest").write_text("{}")
    (built / "assets" / "index-BfXh3k2_.js").write_text("export {}")
    (built / "assets" / "index-d41d8cd9.css").write_text("a{}")
    (built / "assets" / "plain-wallpaper.css").write_text("b{}")
    (built / ".env").write_text("SECRET=1")
    (built / ".git").mkdir()
    (built / ".git" / "config").write_text("secret")
    (folder / "outside.txt").write_text("secret")
    (built / "way-out.txt").symlink_to(folder / "outside.txt")
    (built / "way-in.js").symlink_to("sw.js")
    (built / "shown.txt").symlink_to(".env")
    (built / "circle.txt").symlink_to("circle.txt")
    os.mkfifo(built / "pipe.txt")
    return built


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = build(tmp_path_factory.mktemp("frontend"))
    data = tmp_path_factory.mktemp("house") / "data"
    with opened_house(data, HOLDALL_PIKA_FRONTEND=str(folder)) as opened:
        yield opened


@pytest.mark.parametrize("path", ["/pika", "/pika/", "/pika/people/12", "/pika/authorize?password=x", "/pika/assets"])
def test_every_page_of_the_app_is_its_index(house: House, path: str):
    answer = house.request("GET", path)

    assert (200, INDEX) == (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "type", "cached"),
    [
        ("sw.js", "text/javascript; charset=utf-8", "no-cache"),
        ("way-in.js", "text/javascript; charset=utf-8", "no-cache"),
        ("manifest.webmanifest", "application/manifest+json", "no-cache"),
        ("assets/index-BfXh3k2_.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ("assets/index-d41d8cd9.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
        ("assets/plain-wallpaper.css", "text/css; charset=utf-8", "no-cache"),
    ],
)
def test_files_have_their_types_and_hashed_ones_are_kept_for_ever(house: House, path: str, type: str, cached: str):
    answer = house.request("GET", f"/pika/{path}")

    assert (200, type) == (answer.status_code, answer.headers["content-type"])
    assert answer.headers["cache-control"] == cached
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get("service-worker-allowed") == ("/pika" if "javascript" in type else None)
    head = house.request("HEAD", f"/pika/{path}")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(answer.content)))
    again = house.request("GET", f"/pika/{path}", headers={"If-None-Match": answer.headers["etag"]})
    assert (304, b"") == (again.status_code, again.content)


@pytest.mark.parametrize(
    "path",
    [
        "missing.js",
        "assets/missing-BfXh3k2_.js",
        ".env",
        ".git/config",
        "assets/../.env",
        "..%2foutside.txt",
        "%2e%2e/outside.txt",
        "%2e%2e%2foutside.txt",
        "..%5coutside.txt",
        "..%5c..%5coutside.txt",
        "//etc/passwd",
        "assets//index-d41d8cd9.css",
        "%2fetc/hostname.txt",
        "way-out.txt",
        "shown.txt",
        "circle.txt",
        "pipe.txt",
        "index.html%00.js",
        "sw.js%0a",
        "x" * 5000 + ".js",
    ],
)
def test_nothing_outside_the_folder_and_nothing_hidden_is_served(house: House, path: str):
    """A missing file is no page of the app: a browser would take the index for a script."""
    answer = house.request("GET", f"{SITE}/pika/{path}")

    assert (404, {"message": "Not Found"}) == (answer.status_code, answer.json())


def test_the_policy_allows_the_folders_scripts_and_the_indexs_own(house: House):
    policy = house.request("GET", "/pika").headers["content-security-policy"]

    digest = base64.b64encode(hashlib.sha256(INLINE.encode()).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in policy
    other = house.request("GET", "/pika/sw.js").headers["content-security-policy"]
    assert "script-src 'self';" in other


def test_only_reading_is_answered_and_only_below_the_prefix(house: House):
    for method, path in (("POST", "/pika/share"), ("DELETE", "/pika"), ("GET", "/pikas"), ("GET", "/pika.js")):
        assert house.request(method, path).status_code == 404


def test_without_a_folder_there_is_no_front_end(tmp_path: Path):
    with opened_house(tmp_path / "data") as house:
        for path in ("/pika", "/pika/", "/pika/people"):
            answer = house.request("GET", path)
            assert (404, {"message": "Not Found"}) == (answer.status_code, answer.json())


def test_the_doctor_misses_the_index(tmp_path: Path):
    def found(folder: Path) -> list[bool]:
        settings = {"HOLDALL_DATA_DIR": str(tmp_path / "none"), "HOLDALL_PIKA_FRONTEND": str(folder)}
        return [
            one.is_good
            for one in examine(read_settings(settings))
            if "front-end" in one.what or "index.html" in one.what
        ]

    assert found(build(tmp_path)) == [True]
    assert found(tmp_path) == [False]
