"""Where bytes lie: out of reach, under names that nobody guesses, never under a client's; and what links open."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.acceptance.doors import DOORS, Door, doors, exchange
from tests.support.engines import on_a_folder
from tests.support.images import png
from tests.support.server import Part, RunningServer, running_server

NAME = "../../Very Private/secret-plan.php.png"


pytestmark = on_a_folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("lie") / "data") as running:
        yield running


@pytest.fixture
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, timeout=30) as client:
        yield client


def objects(server: RunningServer) -> dict[str, Path]:
    """Every file of the store by its key."""
    root = server.data / "blobs"
    return {str(path.relative_to(root)): path for path in root.rglob("*") if not path.is_dir()}


def sent(server: RunningServer, door: Door, part: Part) -> dict[str, str]:
    """What an upload is answered with, and the credential to read it by."""
    answer = exchange(server, door.post(door.form(part)))
    assert answer.status == 200, answer
    body = answer.json()
    return body["data"][0] if door.dialect == "bika" else body


def readers(door: Door) -> dict[str, str]:
    """Bika's links need no header."""
    name, _, value = door.credential.partition(": ")
    return {} if door.dialect == "bika" else {name: value}


@pytest.mark.parametrize("name", DOORS)
def test_a_stored_file_is_private_cannot_be_run_and_has_no_name_of_a_clients(server: RunningServer, name: str):
    """Mode 0600 in folders of 0700, under random hex digits; so are what it was staged as and its renditions."""
    door = doors(server)[name]
    before = objects(server)
    for size in (5, 6, 7):
        picture = Part("file", png(size, 40), NAME)
        sent(server, door, picture if name != "pika-attachment" else Part("file", b"x" * size, NAME + ".txt"))
    new = {key: path for key, path in objects(server).items() if key not in before}
    assert len(new) >= 3
    for key, path in new.items():
        assert re.fullmatch(r"([0-9a-f]{2})/\1[0-9a-f]{30}", key)
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        assert path.is_file()
        assert not path.is_symlink()
    assert len({key[3:11] for key in new}) == len(new)
    everything = list(server.data.rglob("*"))  # the data folder itself was there before, and is its maker's
    assert [path for path in everything if "secret" in path.name.lower() and path.name != "secret.key"] == []
    assert {stat.S_IMODE(path.lstat().st_mode) for path in everything if path.is_dir()} == {0o700}
    assert [path for path in everything if not path.is_dir() and path.lstat().st_mode & 0o177] == []


def test_keys_are_random_and_not_counted(server: RunningServer):
    """Of some hundred keys every bit is set in about half of them: 120 bits, for some share the first eight."""
    door = doors(server)["bika"]
    for number in range(120):
        sent(server, door, Part("file", f"number {number}".encode(), "a.txt"))
    keys = [int(key[5:], 16) for key in objects(server)]
    shares = [sum(key >> bit & 1 for key in keys) / len(keys) for bit in range(120)]
    assert all(0.25 < share < 0.75 for share in shares)


@pytest.mark.parametrize("header", [{}, {"Range": "bytes=0-9"}], ids=["whole", "a range"])
@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("target", ["a file", "the database", "nothing"])
def test_a_link_planted_in_the_store_is_not_followed(
    server: RunningServer, http: httpx.Client, tmp_path: Path, name: str, header: dict[str, str], target: str
):
    """Whoever gets as far as to put one there reads nothing through us; the answer is an error, and no byte."""
    door = doors(server)[name]
    before = set(objects(server))
    content = b"twenty bytes or more " + f"{name}{header}{target}".encode()
    part = Part("file", content, "a.txt") if name != "pika-avatar" else Part("file", png(11, 12), "a.png")
    url = sent(server, door, part)["url"]
    known = objects(server)
    targets = {"a file": tmp_path / "secret", "the database": server.data / "holdall.sqlite3", "nothing": Path("none")}
    targets["a file"].write_bytes(b"s" * 10_000)
    for key in set(known) - before or set(known):
        known[key].unlink()
        known[key].symlink_to(targets[target])
    answer = http.get(urlsplit(url).path + "?" + urlsplit(url).query, headers=readers(door) | header)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/json"
    assert b"sss" not in answer.content


def test_pikas_public_name_has_the_pages_shape_with_a_random_token(server: RunningServer):
    """``{entity}-{token}-{seconds}.{ext}``: the entity that was told, 128 random bits, the time, the real type."""
    door = doors(server)["pika-avatar"]
    urls = [sent(server, door, Part("file", png(13, 14), "x.PNG"))["url"] for _ in range(20)]
    shape = re.compile(r".*/wp-content/uploads/pika/avatars/person-([0-9a-f]{32})-(\d{10})\.png")
    tokens = {match[1] for match in map(shape.fullmatch, urls) if match}
    assert len(tokens) == 20


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def link(server: RunningServer) -> str:
    url = sent(server, doors(server)["bika"], Part("file", png(15, 16), "a.png"))["url"]
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def test_a_link_changed_by_one_character_opens_nothing(http: httpx.Client, link: str):
    """Any character, and each into several others: the answer is always the same 404."""
    assert http.get(link).status_code == 200
    start = link.index("/files/") + len("/files/")
    told = set()
    for place in range(start, len(link)):
        for char in {"a", "0", "Z", "-"} - {link[place]}:
            answer = http.get(link[:place] + char + link[place + 1 :])
            told.add((answer.status_code, re.sub("openapi.*", "", answer.json()["message"])))
    assert {status for status, _ in told} == {404}


def test_a_link_opens_its_file_for_reading_only(http: httpx.Client, link: str):
    """No other method is answered, and no variant by the file's signature."""
    assert [http.request(method, link).status_code for method in ("GET", "HEAD")] == [200, 200]
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE"):
        assert http.request(method, link).status_code == 404
    path, _, query = link.partition("?")
    assert http.get(f"{path}/thumb-256?{query}").status_code == 404


@pytest.mark.parametrize("name", DOORS)
def test_a_served_file_is_for_nobodys_cache_and_tells_no_referrer(server: RunningServer, http: httpx.Client, name: str):
    """Nor may another site embed it, or a browser take it for something else."""
    door = doors(server)[name]
    part = Part("file", png(17, 18), "a.png") if name != "pika-attachment" else Part("file", b"words", "a.txt")
    parts = urlsplit(sent(server, door, part)["url"])
    answer = http.get(f"{parts.path}?{parts.query}", headers=readers(door))
    assert answer.status_code == 200
    assert "private" in answer.headers["cache-control"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_no_link_stands_in_the_log(server: RunningServer, http: httpx.Client, link: str):
    """Whoever reads the log can open nothing by it."""
    signature = link.rpartition("s=")[2]
    http.get(link)
    http.get(link[:-1])
    assert signature[:-1] not in server.log()


@pytest.mark.parametrize(
    "path",
    [
        "/blobs/",
        "/staging/",
        "/holdall.sqlite3",
        "/secret.key",
        "/.git/config",
        "/files/",
        "/files/%2e%2e/secret.key",
        "/wp-content/uploads/",
        "/wp-content/uploads/pika/avatars/",
        "/wp-content/uploads/%2e%2e/secret.key",
    ],
)
def test_nothing_of_the_data_folder_is_served_as_a_file(server: RunningServer, http: httpx.Client, path: str):
    """No listing, no database, no key."""
    cookie = {"Cookie": f"pika_token={server.demo['pika'][0]['cookie']}"}
    assert http.get(path, headers=cookie).status_code == 404
