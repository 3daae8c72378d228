"""Large files that clients fetch from the bucket: a real one answers, and only after all of our own checks."""

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from holdall.domain.access_log import Search
from holdall.domain.files import BlobState, Upload
from holdall.ports import Services
from tests.support.images import jpeg
from tests.support.inprocess import SITE, House, opened_house
from tests.support.seaweed import Seaweed, s3_settings

LEAST = 100_000
LARGE = b"A line of a large text, which goes on for a while.\n" * 4000
PICTURE = jpeg(900, 900, quality=100)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg">' + b'<rect width="1" height="1" fill="#abcdef"/>' * 3000 + b"</svg>"
RANGE = {"Range": "bytes=0-99999"}


@pytest.fixture(scope="module")
def house(seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = s3_settings(seaweed, "redirects") | {
        "HOLDALL_S3_PUBLIC_ENDPOINT": seaweed.endpoint.replace("127.0.0.1", "localhost"),
        "HOLDALL_S3_REDIRECT_FROM": str(LEAST),
        "HOLDALL_BIKA_IMAGES": "svg",
    }
    with opened_house(tmp_path_factory.mktemp("house") / "data", **settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def large(house: House) -> dict[str, Any]:
    return send(house, "grüße.txt", LARGE)


def send(house: House, name: str, data: bytes) -> dict[str, Any]:
    """A file of Bika's, with its link."""
    mine = house.demo["bika"]
    answer = house.request(
        "POST",
        f"/api/openapi/bika/v1/spaces/{mine['space_id']}/attachments",
        headers={"Authorization": f"Bearer {mine['token']}"},
        files={"file": (name, data)},
    )
    assert answer.status_code == 200, answer.text
    [sent] = answer.json()["data"]
    return sent


def ask(house: House, url: str, method: str = "GET", **headers: str) -> httpx.Response:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return house.request(method, url.removeprefix(SITE), headers=told)


def known(house: House, sent: dict[str, Any]) -> Upload:
    async def find(services: Services) -> Upload | None:
        return await services.work.read(lambda ledger: ledger.files.find_by_path(sent["path"]))

    found = house.tell(find)
    assert found is not None
    return found


def test_the_bucket_serves_it_under_the_headers_that_were_signed(house: House, large: dict[str, Any]):
    led = ask(house, large["url"])
    there = httpx.get(led.headers["location"])

    assert (led.status_code, led.content) == (302, b"")
    assert hashlib.sha256(there.content).digest() == hashlib.sha256(LARGE).digest()
    assert there.headers["content-type"] == "text/plain; charset=utf-8"
    assert (
        there.headers["content-disposition"]
        == "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt"
    )
    assert there.headers["cache-control"] == "private, no-store"


def test_a_redirect_is_kept_by_nobody_and_told_to_nobody(house: House, large: dict[str, Any]):
    led = ask(house, large["url"])
    assert led.headers["cache-control"] == "private, no-store"
    assert led.headers["referrer-policy"] == "no-referrer"
    assert led.headers["cross-origin-resource-policy"] == "same-origin"
    assert "etag" not in led.headers


def test_a_url_is_good_for_a_minute_and_for_nothing_else(house: House, large: dict[str, Any]):
    url = ask(house, large["url"]).headers["location"]
    query = parse_qs(urlsplit(url).query)

    assert int(query["X-Amz-Expires"][0]) <= 60
    assert "not-a-secret" not in url
    changed = [
        url.replace("text%2Fplain", "text%2Fhtml"),
        url.replace("attachment", "inline"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        url.replace(urlsplit(url).path, f"/{urlsplit(url).path.split('/')[1]}"),
    ]
    assert url not in changed
    assert [httpx.get(other).status_code for other in changed] == [403] * len(changed)
    assert [httpx.request(method, url, content=b"x").status_code for method in ("PUT", "DELETE")] == [403, 403]
    assert httpx.get(url).content == LARGE


def test_a_range_goes_along(house: House, large: dict[str, Any]):
    led = ask(house, large["url"], **RANGE)
    there = httpx.get(led.headers["location"], headers=RANGE)

    assert (led.status_code, there.status_code) == (302, 206)
    assert there.content == LARGE[:100_000]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, {"Range": "bytes=0-99998"}),
        (206, {"Range": "bytes=0-99999,100002-199999"}),
        (206, {"Range": "bytes=0-99999", "If-Range": "{etag}"}),
        (200, {"Range": "bytes=0-99999", "If-Range": '"another"'}),
        (200, {"If-Match": "*"}),
        (200, {"If-None-Match": '"another"'}),
        (304, {"If-None-Match": "{etag}"}),
        (412, {"If-Match": '"another"'}),
        (416, {"Range": "bytes=999999999-"}),
        (200, {"Origin": SITE}),
        (200, {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}),
    ],
)
def test_what_the_bucket_could_misread_is_answered_here(
    house: House, large: dict[str, Any], status: int, headers: dict[str, str]
):
    """Small parts too; and what a page's own script asks for, which the bucket would have to allow."""
    etag = f'"sha256-{hashlib.sha256(LARGE).hexdigest()}"'
    answer = ask(house, large["url"], **{name: value.replace("{etag}", etag) for name, value in headers.items()})
    assert (answer.status_code, "location" in answer.headers) == (status, False)


def test_head_is_answered_here(house: House, large: dict[str, Any]):
    answer = ask(house, large["url"], "HEAD")
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(LARGE)))
    assert answer.headers["etag"]


def test_what_a_browser_might_run_is_never_left_to_the_bucket(house: House):
    assert len(SVG) > LEAST
    answer = ask(house, send(house, "drawing.svg", SVG)["url"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_picture_is_shown_and_a_small_file_is_sent_here(house: House):
    assert len(PICTURE) > LEAST
    there = httpx.get(ask(house, send(house, "a.jpg", PICTURE)["url"]).headers["location"])

    assert there.headers["content-type"] == "image/jpeg"
    assert there.headers["content-disposition"] == 'inline; filename="a.jpg"'
    assert ask(house, send(house, "small.txt", b"small")["url"]).status_code == 200


def test_pika_leads_its_owner_there_and_nobody_else(house: House):
    mine, other = ({"Cookie": f"pika_token={who['cookie']}"} for who in house.demo["pika"])
    answer = house.request(
        "POST",
        "/wp-json/pika/v1/upload/attachment",
        headers=mine,
        data={"entityType": "transaction", "attachmentType": "image"},
        files={"file": ("receipt.jpg", PICTURE)},
    )
    assert answer.status_code == 200, answer.text
    url = answer.json()["url"]

    led = ask(house, url, **mine)

    assert httpx.get(led.headers["location"]).headers["content-type"] == "image/jpeg"
    for stranger in (other, {}):
        refused = ask(house, url, **stranger)
        assert refused.status_code in {401, 403, 404}
        assert "location" not in refused.headers


def test_the_access_log_tells_of_it(house: House, large: dict[str, Any]):
    number = known(house, large).number
    led = ask(house, large["url"])

    async def find(services: Services) -> list[tuple[int, int]]:
        await house.app.edge.access_log.close()  # writes what waits
        found = await services.work.read(lambda ledger: ledger.access_log.page(Search(upload=number), limit=10))
        return [(each.status, each.bytes) for each in found if each.request_id == led.headers["x-request-id"]]

    assert house.tell(find) == [(302, len(LARGE))]


@pytest.mark.parametrize("state", [BlobState.QUARANTINED, BlobState.LOST, BlobState.CONDEMNED])
def test_what_is_not_served_is_not_led_to(house: House, state: BlobState):
    sent = send(house, "held.txt", state.value.encode() * 50_000)
    blob = known(house, sent).blob
    assert ask(house, sent["url"]).status_code == 302

    async def turn(services: Services) -> None:
        from sqlalchemy import update  # noqa: PLC0415

        from holdall.adapters.db.tables import blobs  # noqa: PLC0415

        await services.work.write(
            lambda ledger: ledger.files._connection.execute(  # type: ignore[attr-defined]
                update(blobs).where(blobs.c.id == blob.id).values(state=state.value)
            )
        )

    house.tell(turn)
    answer = ask(house, sent["url"])
    assert answer.status_code in {404, 410}
    assert "location" not in answer.headers


@pytest.mark.parametrize("how", ["gone", "cut"])
def test_a_file_that_the_bucket_lost_is_410(house: House, how: str):
    """Whoever is to be led there finds it out, as those do to whom it is sent."""
    sent = send(house, "lost.txt", how.encode() * 100_000)
    blob = known(house, sent).blob

    async def hurt(services: Services) -> None:
        await services.blobs.delete(blob.key)
        if how == "cut":
            await services.blobs.put(blob.key, b"c")

    house.tell(hurt)
    assert [ask(house, sent["url"]).status_code for _ in range(2)] == [410, 410]


def test_an_encrypted_file_is_never_left_to_the_bucket(seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory):
    settings = s3_settings(seaweed, "sealed-redirects") | {
        "HOLDALL_S3_PUBLIC_ENDPOINT": "http://localhost:1",
        "HOLDALL_S3_REDIRECT_FROM": "1",
        "HOLDALL_ENCRYPTION_KEY": "7a" * 32,
    }
    with opened_house(tmp_path_factory.mktemp("sealed") / "data", **settings) as sealed:
        answer = ask(sealed, send(sealed, "a.txt", LARGE)["url"])
        assert (answer.status_code, answer.content) == (200, LARGE)
