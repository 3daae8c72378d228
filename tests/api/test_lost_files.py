"""What callers see of a file whose bytes are lost: an answer that says so, in each dialect, and never other bytes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdall.flows.scrub import Pace, lose, scrub
from holdall.ports import LocalPaths, Services
from tests.support.engines import on_a_folder
from tests.support.images import jpeg
from tests.support.inprocess import SITE, House, opened_house

pytestmark = on_a_folder


@pytest.fixture(scope="module", params=["plain", "sealed"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    env = {"HOLDALL_ENCRYPTION_KEY": "7a" * 32} if request.param == "sealed" else {}
    with opened_house(tmp_path_factory.mktemp("house") / "data", **env) as house:
        yield house


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


def stored(house: House, sent: dict[str, Any], *, is_thumbnail: bool = False) -> Path:
    """Where the bytes lie on the disk."""

    async def find(services: Services) -> str:
        upload = await services.work.read(lambda ledger: ledger.files.find_by_path(sent["path"]))
        assert upload is not None
        return upload.blob.variants[0].key if is_thumbnail else upload.blob.key

    blobs = house.services.blobs
    folder = blobs if isinstance(blobs, LocalPaths) else blobs._inner  # type: ignore[attr-defined]
    return Path(folder.local_path(house.tell(find)))


def get(house: House, url: str) -> Any:
    return house.request("GET", url.removeprefix(SITE))


def hurt(path: Path, how: str) -> None:
    data = path.read_bytes()
    path.chmod(0o600)
    if how == "gone":
        path.unlink()
    elif how == "short":
        path.write_bytes(data[:-5])
    else:
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize("how", ["gone", "short"])
def test_a_file_found_gone_is_410_and_whole_again_once_it_is_brought(house: House, how: str):
    """Without a scrub: who reads it finds it out. HEAD, and the same upload's link afterwards, as usual."""
    data = f"lost by being {how}".encode()
    sent = send(house, "a.txt", data)
    hurt(stored(house, sent), how)

    first, second = get(house, sent["url"]), get(house, sent["url"])
    head = house.request("HEAD", sent["url"].removeprefix(SITE))

    assert [first.status_code, second.status_code, head.status_code] == [410, 410, 410]
    assert "upload it again" in first.json()["message"]
    assert first.headers["cache-control"] == "no-store"
    send(house, "b.txt", data)
    healed = get(house, sent["url"])
    assert (healed.status_code, healed.content) == (200, data)


def test_a_flipped_byte_is_never_served_once_it_is_found(house: House):
    """Of a plain store a scrub finds it; a sealed one opens no damaged chunk, scrub or not."""
    data = b"as it came, to the last byte"
    sent = send(house, "a.txt", data)
    hurt(stored(house, sent), "flipped")
    if isinstance(house.services.blobs, LocalPaths):
        house.tell(lambda services: scrub(services, Pace(0)))

    assert get(house, sent["url"]).status_code == 410


@pytest.mark.parametrize("how", ["gone", "short"])
def test_a_rendition_found_damaged_is_made_anew(house: House, how: str):
    sent = send(house, "a.jpg", jpeg())
    before = get(house, sent["thumbnailUrl"])
    hurt(stored(house, sent, is_thumbnail=True), how)

    after = get(house, sent["thumbnailUrl"])

    assert (before.status_code, after.status_code) == (200, 200)
    assert after.headers["content-type"] == before.headers["content-type"]
    assert len(after.content) > 100


def test_a_lost_file_stays_in_lists_and_cells_without_a_link(house: House):
    """So that a client that echoes a cell takes nothing out of it."""
    mine = house.demo["bika"]
    sent = send(house, "a.txt", b"hangs in a cell")
    base = f"/api/openapi/bika/v1/spaces/{mine['space_id']}"
    auth = {"Authorization": f"Bearer {mine['token']}"}
    records = f"{base}/resources/databases/{mine['database_id']}/records"
    cells = {"Images": [sent]}
    body = {"id": mine["record_id"], "cells": cells}
    assert house.request("PATCH", records, headers=auth, json=body).status_code == 200
    hurt(stored(house, sent), "gone")
    get(house, sent["url"])

    listed = house.request("GET", f"{base}/attachments", headers=auth).json()["data"]["attachments"]
    [told] = [each for each in listed if each["id"] == sent["id"]]
    assert told["url"] == ""
    again = house.request("PATCH", records, headers=auth, json=body)
    assert again.status_code == 200, again.text
    record = house.request("GET", f"{records}/{mine['record_id']}", headers=auth).json()["data"]
    assert sent["id"] in str(record)


def test_pika_says_so_in_its_own_words(house: House):
    cookie = {"Cookie": f"pika_token={house.demo['pika'][0]['cookie']}"}
    form = {"entityType": "person", "attachmentType": "image"}
    sent = house.request(
        "POST", "/wp-json/pika/v1/upload/avatar", headers=cookie, data=form, files={"file": ("a.jpg", jpeg())}
    )
    assert sent.status_code == 200, sent.text
    url = sent.json()["url"]

    async def lose_it(services: Services) -> None:
        path = url.partition("/wp-content/uploads/")[2]
        upload = await services.work.read(lambda ledger: ledger.files.find_by_path(path))
        assert upload is not None
        await lose(services, upload.blob, "a test says so")

    house.tell(lose_it)
    answer = house.request("GET", url.removeprefix(SITE), headers=cookie)

    assert answer.status_code == 410
    assert answer.json()["code"] == "file_lost"
    assert house.request("GET", url.removeprefix(SITE)).status_code != 410, "told to nobody else"
