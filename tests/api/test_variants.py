"""Renditions through both dialects: sizes and formats, under the owner, the headers and the limits of the file."""

import hashlib
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from holdall.domain.variants import NAMED
from holdall.web.links import Links
from tests.api.test_bika import Bika
from tests.api.test_pika import Pika
from tests.support import documents, images
from tests.support.images import SECRET
from tests.support.likeness import ssim
from tests.support.server import RunningServer, rows, run_command, running_server

BROWSER = {"Accept": "image/avif,image/webp,image/*,*/*;q=0.8"}


@pytest.fixture(scope="module")
def pika(server: RunningServer) -> Iterator[Pika]:
    client = Pika(server)
    yield client
    client.http.close()


@pytest.fixture(scope="module")
def bika(server: RunningServer) -> Iterator[Bika]:
    client = Bika(server)
    yield client
    client.http.close()


def kept(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def blob_of(given: dict[str, Any]) -> str:
    """SQL for the number of an upload's blob."""
    return f"SELECT blob_id FROM uploads WHERE public_id = '{given['id']}'"  # noqa: S608  an id of ours


def opened(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


# ── what pika serves ─────────────────────────────────────────────────────────────────────────────────────────────


def test_an_image_is_served_optimised_and_bare(pika: Pika):
    """``size`` and ``sha256`` tell of what ``url`` serves: smaller, alike, and without a place or a second face."""
    data = images.encoded(images.noise(900, 600), "JPEG", quality=97, comment=SECRET)
    data = data[:-2] + b"\xff\xd9"
    given = kept(pika.avatar("me.jpg", data))
    served = pika.http.get(given["url"])

    assert given["url"].endswith(".jpg")
    assert served.headers["content-type"] == "image/jpeg"
    assert len(served.content) == int(given["size"]) < 0.7 * len(data)
    assert hashlib.sha256(served.content).hexdigest() == given["sha256"]
    assert SECRET not in served.content
    assert ssim(data, served.content) > 0.95
    assert given["thumbhash"]


def test_avatars_are_bounded_and_receipts_keep_their_pixels(pika: Pika):
    data = images.oriented_jpeg(1500, 900, 6)
    avatar = kept(pika.avatar("me.jpg", data))
    receipt = kept(pika.post("attachment", "r.jpg", data, entityType="transaction", attachmentType="image"))

    assert opened(pika.http.get(avatar["url"])).size == (1024, 614)
    assert opened(pika.http.get(receipt["url"])).size == (1500, 900)


def test_the_same_image_twice_is_stored_once(server: RunningServer, pika: Pika):
    """Its metadata may differ: what is kept is the same."""
    image = images.noise(300, 200)
    first, second = (images.encoded(image, "JPEG", quality=97, comment=note) for note in (b"one", b"two"))
    before = rows(server, "SELECT count(*) FROM blobs")[0][0]
    shas = {kept(pika.avatar("me.jpg", data))["sha256"] for data in (first, second)}

    assert len(shas) == 1
    assert rows(server, "SELECT count(*) FROM blobs")[0][0] == before + 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_no_metadata_leaves_pika_by_any_url(pika: Pika, format: str):
    data = images.telling(format).removesuffix(b"PK\x03\x04" + SECRET)
    given = kept(pika.avatar(f"me.{'jpg' if format == 'JPEG' else format.lower()}", data))
    assert SECRET in data
    for query in ("", "?size=64", "?crop=256"):
        for headers in ({}, BROWSER):
            answer = pika.http.get(given["url"] + query, headers=headers)
            assert answer.status_code == 200
            assert b"50.07" not in answer.content


def test_documents_are_kept_as_they_came(pika: Pika):
    data = documents.pdf()
    given = kept(pika.document("a.pdf", data))

    assert pika.http.get(given["url"]).content == data
    assert given["thumbhash"] == ""
    assert opened(pika.http.get(given["url"] + "?size=256")).size[1] == 256


# ── sizes, formats, headers ──────────────────────────────────────────────────────────────────────────────────────


def test_named_sizes_come_by_the_files_own_url(pika: Pika, bika: Bika):
    data = images.jpeg(700, 500)
    for http, url in (
        (pika.http, kept(pika.avatar("a.jpg", data))["url"] + "?"),
        (httpx, bika.uploaded("a.jpg", data)["url"] + "&"),
    ):
        assert opened(http.get(f"{url}size=64")).size == (64, 46)
        assert opened(http.get(f"{url}crop=256")).size == (256, 256)
        assert opened(http.get(f"{url}size=1024")).size == (700, 500)


def test_webp_is_for_those_who_name_it(pika: Pika, bika: Bika):
    """And caches are told what it depends on."""
    data = images.jpeg(300, 200)
    for http, url in (
        (pika.http, kept(pika.avatar("a.jpg", data))["url"] + "?size=64"),
        (httpx, bika.uploaded("a.jpg", data)["thumbnailUrl"]),
    ):
        plain, webp = http.get(url), http.get(url, headers=BROWSER)
        assert [answer.headers["content-type"] for answer in (plain, webp)] == ["image/jpeg", "image/webp"]
        assert [answer.headers["vary"] for answer in (plain, webp)] == ["Accept", "Accept"]
        assert plain.headers["etag"] != webp.headers["etag"]
        assert 'filename="a.webp"' in webp.headers["content-disposition"]
        again = http.get(url, headers={**BROWSER, "If-None-Match": webp.headers["etag"]})
        assert (again.status_code, again.headers["vary"]) == (304, "Accept")


def test_a_rendition_has_the_headers_of_its_file(pika: Pika):
    url = kept(pika.avatar("a.jpg", images.jpeg(300, 200)))["url"]
    file, small = pika.http.get(url), pika.http.get(url + "?size=64")
    for name in ("content-security-policy", "x-content-type-options", "cross-origin-resource-policy", "cache-control"):
        assert small.headers[name] == file.headers[name]
    part = pika.http.get(url + "?size=64", headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, small.content[2:6])
    head = pika.http.head(url + "?size=64")
    assert int(head.headers["content-length"]) == len(small.content)


@pytest.mark.parametrize("query", ["size=65", "size=", "crop=0", "size=64&crop=64", "size=1024x", "size=bare"])
def test_other_sizes_are_refused_in_the_dialects_words(pika: Pika, bika: Bika, query: str):
    data = images.jpeg(300, 200)
    refused = pika.http.get(kept(pika.avatar("a.jpg", data))["url"] + "?" + query)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_size")
    refused = httpx.get(bika.uploaded("a.jpg", data)["url"] + "&" + query)
    assert (refused.status_code, refused.json()["code"]) == (400, 400)


def test_documents_have_thumbnails_and_archives_have_none(bika: Bika):
    for name, data in (
        ("a.pdf", documents.pdf()),
        ("a.txt", b"words"),
        ("a.docx", documents.docx()),
        ("a.csv", b"a,b\n1,2\n"),
    ):
        given = bika.uploaded(name, data)
        assert opened(httpx.get(given["thumbnailUrl"])).size[1] == 256
        assert httpx.get(given["url"]).content == data
    archive = bika.uploaded("a.zip", documents.package({"a": "b"}))
    assert archive["thumbnailUrl"] == ""
    assert httpx.get(archive["url"] + "&size=64").status_code == 404


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rendition_is_its_owners(server: RunningServer, pika: Pika):
    url = kept(pika.avatar("a.jpg", images.jpeg(300, 200)))["url"] + "?size=64"
    assert pika.http.get(url).status_code == 200
    stranger = Pika(server, 1)
    answers = [stranger.http.get(url), httpx.get(url), stranger.http.get(url.replace("size=64", "crop=1024"))]
    stranger.http.close()

    assert [answer.status_code for answer in answers] == [404, 401, 404]


def test_a_signature_opens_what_it_was_made_for(server: RunningServer, bika: Bika):
    """A file's opens its named sizes; a rendition's opens that rendition only, of any size that was signed."""
    given = bika.uploaded("a.jpg", images.jpeg(700, 500))
    links = Links(server.base_url, (server.data / "secret.key").read_bytes(), 3600)
    thumbnail = urlsplit(given["thumbnailUrl"])
    file = thumbnail._replace(path=thumbnail.path.rpartition("/")[0])
    other = thumbnail._replace(path=file.path + "/64")

    assert [httpx.get(url.geturl()).status_code for url in (thumbnail, file, other)] == [200, 404, 404]
    assert httpx.get(thumbnail.geturl() + "&size=64").status_code == 400
    signed = {name: signed_link(links, given["path"], name) for name in ("box-300", "crop-300", "box-9999", "bare")}
    assert opened(httpx.get(signed["box-300"])).size == (300, 214)
    assert opened(httpx.get(signed["crop-300"])).size == (300, 300)
    assert httpx.get(signed["box-300"].replace("box-300", "box-301")).status_code == 404
    assert [httpx.get(signed[name]).status_code for name in ("box-9999", "bare")] == [404, 404]


def signed_link(links: Links, path: str, recipe: str) -> str:
    """A link that this installation would make."""
    expires = 4_000_000_000
    return f"{links.site_url}/files/{path}/{recipe}?e={expires}&s={links._sign(path, recipe, expires)}"


# ── made once, gone with its file ────────────────────────────────────────────────────────────────────────────────


def test_fifty_requests_make_one_rendition(server: RunningServer, bika: Bika):
    given = bika.uploaded("a.png", images.png(500, 400))
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: httpx.get(given["url"] + "&crop=64", timeout=30), range(50)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    found = rows(server, f"SELECT recipe FROM variants WHERE blob_id = ({blob_of(given)})")  # noqa: S608  ours
    assert sorted(found) == [("256",), ("crop-64",)]


def test_every_size_of_one_picture_at_once(bika: Bika):
    """Uploads go on meanwhile."""
    url = bika.uploaded("a.png", images.png(900, 700))["url"]
    asked = [f"{'crop' if recipe.crops else 'size'}={recipe.box}" for recipe in NAMED.values()]
    with ThreadPoolExecutor(12) as threads:
        found = [
            threads.submit(httpx.get, f"{url}&{query}", headers=headers, timeout=30)
            for query in asked
            for headers in ({}, BROWSER)
        ]
        assert bika.upload("b.txt", b"meanwhile").status_code == 200
        assert {answer.result().status_code for answer in found} == {200}


def test_places_can_be_hidden_on_serve(tmp_path: Path):
    """With the setting, Bika's pictures are served without their metadata; without it, byte for byte."""
    data = images.telling("JPEG", images.corners(80, 40), orientation=6).removesuffix(b"PK\x03\x04" + SECRET)
    for setting in ("on", "off"):
        with running_server(tmp_path / setting, HOLDALL_STRIP_LOCATION=setting) as server:
            bika = Bika(server)
            served = httpx.get(bika.uploaded("a.jpg", data)["url"])
            text = httpx.get(bika.uploaded("a.txt", b"at home")["url"])
            bika.http.close()
        assert (served.content == data) == (setting == "off")
        assert (SECRET in served.content) == (setting == "off")
        assert Image.open(io.BytesIO(served.content)).getexif()[0x0112] == 6
        assert text.content == b"at home"


def test_texts_are_read_by_a_command(server: RunningServer, bika: Bika):
    given = bika.uploaded("a.txt", b"a needle in a haystack")
    first, second = (json.loads(run_command(server.env, "extract")) for _ in range(2))

    assert first["documents"] >= 1
    assert second == {"documents": 0, "wordless": 0}
    found = rows(server, f"SELECT content FROM texts WHERE blob_id = ({blob_of(given)})")  # noqa: S608  ours
    assert found == [("a needle in a haystack",)]
