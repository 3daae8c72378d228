"""Files that are there: listed, looked at, renamed, deleted and brought back, at both doors; and swept in the end."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.test_bika import Bika
from tests.api.test_pika import PREFIX, Pika
from tests.support import images
from tests.support.server import RunningServer, object_count, run_command, running_server


@pytest.fixture(scope="module")
def bika(server: RunningServer) -> Iterator[Bika]:
    client = Bika(server)
    yield client
    client.http.close()


@pytest.fixture(scope="module")
def pika(server: RunningServer) -> Iterator[Pika]:
    client = Pika(server)
    yield client
    client.http.close()


def data_of(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def found(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


# ── bika ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_space_lists_its_files_in_pages(bika: Bika):
    """Newest first, narrowed by type, name and whether they hang in a cell."""
    mark = "listed-" + images.SECRET.decode("ascii", "ignore")[:4]
    given = [bika.uploaded(f"{mark}-{number}.txt", f"{mark} {number}".encode()) for number in range(3)]
    picture = bika.uploaded(f"{mark}.png", images.png(9, 9))
    bika.new_record(Images=[{"id": picture["id"]}])
    path = f"{bika.space}/attachments"

    def listed(**params: object) -> list[str]:
        page = data_of(bika.http.get(path, params={"name": mark, **params}))
        return [item["id"] for item in page["attachments"]]

    newest_first = [picture["id"], *(item["id"] for item in reversed(given))]
    assert listed() == newest_first
    assert listed(mimeType="image/") == [picture["id"]]
    assert listed(attached="true") == [picture["id"]]
    assert listed(attached="false") == newest_first[1:]
    assert listed(deleted="true") == []

    pages, offset = [], None
    while True:
        page = data_of(
            bika.http.get(path, params={"name": mark, "pageSize": 3, **({"offset": offset} if offset else {})})
        )
        pages.append([item["id"] for item in page["attachments"]])
        offset = page.get("offset")
        if not page["hasMore"]:
            break
    assert pages == [newest_first[:3], newest_first[3:]]
    first = data_of(bika.http.get(path, params={"name": mark, "pageSize": 1}))["attachments"][0]
    assert (first["width"], first["height"], first["deletedAt"], first["originalName"]) == (9, 9, None, f"{mark}.png")


@pytest.mark.parametrize(
    "params",
    [
        {"pageSize": "0"},
        {"offset": "x"},
        {"attached": "maybe"},
        {"deleted": "1"},
        {"name": "x" * 256},
        {"name": "a\0b"},
    ],
    ids=str,
)
def test_a_list_that_cannot_be_is_refused(bika: Bika, params: dict[str, str]):
    answer = bika.http.get(f"{bika.space}/attachments", params=params)
    assert answer.status_code == 400, answer.text
    assert answer.json()["success"] is False


def test_a_file_tells_where_it_hangs(bika: Bika):
    given = bika.uploaded("a.txt", b"it hangs twice")
    records = [bika.new_record(Files=[{"id": given["id"], "name": name}]) for name in ("one.txt", "two.txt")]

    told = data_of(bika.http.get(f"{bika.space}/attachments/{given['id']}"))
    assert [(use["recordId"], use["name"]) for use in told["usedIn"]] == list(
        zip(records, ("one.txt", "two.txt"), strict=True)
    )
    assert {use["databaseId"] for use in told["usedIn"]} == {bika.ids["database_id"]}

    content = bika.http.get(f"{bika.space}/attachments/{given['id']}/content")
    assert content.status_code == 307
    assert httpx.get(content.headers["location"]).content == b"it hangs twice"


def test_a_file_is_renamed_and_cells_keep_their_names(bika: Bika):
    given = bika.uploaded("a.txt", b"under another name")
    record = bika.new_record(Files=[{"id": given["id"]}])
    path = f"{bika.space}/attachments/{given['id']}"

    assert data_of(bika.http.patch(path, json={"name": "../b\u202etxt.exe"}))["originalName"] == "btxt.exe"
    assert bika.record(record)["fields"]["Files"][0]["name"] == "a.txt"
    served = httpx.get(data_of(bika.http.get(path))["url"])
    assert "btxt.exe" in served.headers["content-disposition"]
    for body in ({}, {"name": 7}, {"name": ""}, {"name": "  "}, {"name": None}):
        assert bika.http.patch(path, json=body).status_code == 400, body


def test_a_deleted_file_is_nowhere_and_comes_back_to_where_it_was(bika: Bika):
    picture = images.png(33, 9)
    given = bika.uploaded("a.png", picture)
    other = bika.uploaded("b.txt", b"it stays")
    record = bika.new_record(Files=[{"id": given["id"]}, {"id": other["id"]}])
    path = f"{bika.space}/attachments/{given['id']}"

    def cell() -> list[str]:
        return [item["id"] for item in bika.record(record)["fields"]["Files"]]

    def statuses() -> list[int]:
        links = [httpx.get(given[link]).status_code for link in ("url", "thumbnailUrl")]
        written = bika.patch(record, Images=[{"id": given["id"]}]).status_code
        return [*links, bika.http.get(path + "/content").status_code, written]

    deleted = data_of(bika.http.delete(path))
    assert deleted["deletedAt"] < deleted["restorableUntil"]
    assert data_of(bika.http.delete(path)) == {
        **deleted,
        "url": deleted["url"],
        "thumbnailUrl": deleted["thumbnailUrl"],
    }
    assert statuses() == [404, 404, 404, 400]
    assert bika.http.patch(path, json={"name": "b.png"}).status_code == 404
    assert cell() == [other["id"]]
    listed = data_of(bika.http.get(f"{bika.space}/attachments", params={"deleted": "true"}))["attachments"]
    assert given["id"] in [item["id"] for item in listed]
    assert data_of(bika.http.get(path))["usedIn"][0]["recordId"] == record

    again = bika.uploaded("c.png", picture)
    assert httpx.get(again["url"]).status_code == 200, "the same content, brought anew, is there"

    for _ in range(2):
        assert data_of(bika.http.post(path + "/restore"))["deletedAt"] is None
    assert cell() == [given["id"], other["id"]]
    assert statuses() == [200, 200, 307, 200]


def test_strangers_delete_nothing(server: RunningServer, bika: Bika):
    """Not by the id alone, not through their own space, and not what nobody has."""
    given = bika.uploaded("a.txt", b"not theirs")
    stranger = Bika(server, "bika_other")
    mine, theirs = f"{bika.space}/attachments/{given['id']}", f"{stranger.space}/attachments/{given['id']}"
    for path in (mine, theirs, theirs[:-3] + "AAA"):
        for method, tail in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/restore"), ("GET", "/content")):
            body = {"json": {"name": "x"}} if method == "PATCH" else {}
            assert stranger.http.request(method, path + tail, **body).status_code == 404, (method, path)
    stranger.http.close()
    assert httpx.get(given["url"]).content == b"not theirs"


# ── pika ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_lists_their_files_in_pages(pika: Pika):
    avatar = found(pika.avatar("me.png", images.png(21, 21)))
    note = found(pika.document("note.txt", b"a note of mine"))

    page = found(pika.http.get(f"{PREFIX}/upload", params={"limit": 1}))
    assert [item["id"] for item in page["uploads"]] == [note["id"]]
    assert page["next"] == note["id"]
    rest = found(pika.http.get(f"{PREFIX}/upload", params={"limit": 1, "before": page["next"]}))
    assert [item["id"] for item in rest["uploads"]] == [avatar["id"]]
    assert {**rest["uploads"][0], **avatar} == rest["uploads"][0], "all that its upload was answered with"
    assert rest["uploads"][0]["entityType"] == "person"
    for params, wanted in (({"type": "IMAGE"}, avatar), ({"entityType": "transaction"}, note)):
        assert found(pika.http.get(f"{PREFIX}/upload", params=params))["uploads"][0]["id"] == wanted["id"]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"type": "video"}, "invalid_attachment_type"),
        ({"entityType": "pet"}, "invalid_entity_type"),
        ({"deleted": "x"}, "invalid_request"),
        ({"limit": "0"}, "invalid_request"),
        ({"before": "x"}, "invalid_request"),
    ],
)
def test_a_list_of_what_there_is_not_is_refused(pika: Pika, params: dict[str, str], code: str):
    answer = pika.http.get(f"{PREFIX}/upload", params=params)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_person_deletes_a_file_and_takes_it_back(pika: Pika):
    given = found(pika.avatar("me.png", images.png(23, 21)))
    path = f"{PREFIX}/upload/{given['id']}"

    deleted = found(pika.http.delete(path))
    assert deleted["deletedAt"] < deleted["restorableUntil"]
    assert found(pika.http.delete(path)) == deleted == found(pika.http.get(path))
    gone = pika.http.get(given["url"])
    assert (gone.status_code, gone.json()["code"]) == (404, "upload_not_found")
    bin = found(pika.http.get(f"{PREFIX}/upload", params={"deleted": "true"}))["uploads"]
    assert given["id"] in [item["id"] for item in bin]
    assert given["id"] not in [item["id"] for item in found(pika.http.get(f"{PREFIX}/upload"))["uploads"]]

    assert found(pika.http.post(path + "/restore"))["deletedAt"] is None
    assert pika.http.get(given["url"]).status_code == 200


def test_a_signed_link_opens_a_file_without_a_cookie(server: RunningServer, pika: Pika):
    """This file alone, for as long as it is there; nobody else gets one (contract pika, section 14, C8)."""
    given = found(pika.document("for the accountant.txt", b"two hundred"))
    path = f"{PREFIX}/upload/{given['id']}"

    link = found(pika.http.get(f"{path}/link"))

    assert datetime.fromisoformat(link["expiresAt"]) > datetime.now(UTC) + timedelta(hours=23)
    assert httpx.get(link["url"]).content == b"two hundred"
    assert httpx.get(link["url"][:-1] + "~").status_code == 404
    with closing(Pika(server, 1).http) as stranger:
        assert stranger.get(f"{path}/link").status_code == 404
    found(pika.http.delete(path))
    assert httpx.get(link["url"]).status_code == 404
    gone = pika.http.get(f"{path}/link")
    assert (gone.status_code, gone.json()["code"]) == (404, "upload_not_found")


def test_nobody_deletes_what_is_another_persons(server: RunningServer, pika: Pika):
    given = found(pika.document("a.txt", b"mine alone"))
    other = Pika(server, 1)
    for path in (f"{PREFIX}/upload/{given['id']}", f"{PREFIX}/upload/{10**17}"):
        for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/restore")):
            answer = other.http.request(method, path + tail)
            assert (answer.status_code, answer.json()["code"]) == (404, "upload_not_found"), (method, path)
    for id in ("x1", "-1", "9" * 30, "1e3"):
        assert other.http.delete(f"{PREFIX}/upload/{id}").json()["code"] == "rest_no_route", id
    other.http.close()
    assert pika.http.get(given["url"]).content == b"mine alone"


def test_a_repeated_upload_is_answered_alike_after_its_file_was_deleted(pika: Pika):
    """An Idempotency-Key stands for what was done then."""
    key = {"Idempotency-Key": "deleted-meanwhile"}
    form = {"data": {"entityType": "person"}, "files": {"file": ("a.png", images.png(29, 21))}}
    first = found(pika.http.post(f"{PREFIX}/upload/avatar", headers=key, **form))
    pika.http.delete(f"{PREFIX}/upload/{first['id']}")

    assert found(pika.http.post(f"{PREFIX}/upload/avatar", headers=key, **form)) == first


# ── the end of the grace ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_nobody_shares_goes_with_its_bytes_when_the_grace_is_over(tmp_path: Path):
    with running_server(tmp_path / "data", HOLDALL_DELETE_GRACE_DAYS="0") as server:
        bika = Bika(server)
        before = object_count(server)
        shared = [bika.uploaded("a.txt", b"brought twice") for _ in range(2)]
        picture = images.png(300, 200)
        alone = bika.uploaded("a.png", picture)
        record = bika.new_record(Files=[{"id": shared[0]["id"]}, {"id": alone["id"]}])
        for given in (shared[0], alone):
            data_of(bika.http.delete(f"{bika.space}/attachments/{given['id']}"))

        swept = json.loads(run_command(server.env, "sweep", "--grace-seconds", "0"))
        assert (swept["deleted"], swept["rows"]) == (2, 1)
        assert object_count(server) == before + 1
        assert bika.http.post(f"{bika.space}/attachments/{alone['id']}/restore").status_code == 404
        assert "Files" not in bika.record(record)["fields"]
        assert httpx.get(shared[1]["url"]).content == b"brought twice"
        assert json.loads(run_command(server.env, "sweep", "--grace-seconds", "0"))["deleted"] == 0
        assert bika.uploaded("b.png", picture)["sha256"] == alone["sha256"]
        bika.http.close()


def test_within_the_grace_a_sweep_takes_nothing(server: RunningServer, bika: Bika):
    given = bika.uploaded("a.txt", b"it may come back")
    data_of(bika.http.delete(f"{bika.space}/attachments/{given['id']}"))

    run_command(server.env, "sweep")
    data_of(bika.http.post(f"{bika.space}/attachments/{given['id']}/restore"))
    assert httpx.get(given["url"]).content == b"it may come back"


def test_uploads_and_deletions_of_the_same_content_at_once_lose_nothing(tmp_path: Path):
    """Sweeps beside them: whoever was told that a file is there can read it."""
    with running_server(tmp_path / "data", HOLDALL_DELETE_GRACE_DAYS="0") as server, ThreadPoolExecutor(8) as threads:
        bika = Bika(server)

        def come_and_go(number: int) -> None:
            for _ in range(12):
                given = bika.uploaded("a.txt", b"the same for all")
                assert httpx.get(given["url"]).content == b"the same for all"
                if number % 2:
                    data_of(bika.http.delete(f"{bika.space}/attachments/{given['id']}"))

        busy = [threads.submit(come_and_go, number) for number in range(6)]
        while not all(each.done() for each in busy):
            run_command(server.env, "sweep", "--grace-seconds", "60")
        for each in busy:
            each.result()
        page = data_of(bika.http.get(f"{bika.space}/attachments", params={"pageSize": 1000}))["attachments"]
        same = [item for item in page if item["originalName"] == "a.txt"]
        assert len(same) == 36
        assert {httpx.get(item["url"]).content for item in same} == {b"the same for all"}
        bika.http.close()


def test_a_repeated_upload_whose_file_is_gone_for_good_is_told_so(tmp_path: Path):
    """Its key was answered once, with a file that there is no more; nothing is kept anew under it."""
    with running_server(tmp_path / "data", HOLDALL_DELETE_GRACE_DAYS="0") as server:
        bika, pika, key = Bika(server), Pika(server), {"Idempotency-Key": "gone-for-good"}
        avatar = {"data": {"entityType": "person"}, "files": {"file": ("a.png", images.png(31, 21))}}
        first = data_of(bika.upload("a.txt", b"swept", **key))[0]
        number = found(pika.http.post(f"{PREFIX}/upload/avatar", headers=key, **avatar))["id"]
        data_of(bika.http.delete(f"{bika.space}/attachments/{first['id']}"))
        found(pika.http.delete(f"{PREFIX}/upload/{number}"))
        assert json.loads(run_command(server.env, "sweep", "--grace-seconds", "0"))["deleted"] == 2

        assert bika.upload("a.txt", b"swept", **key).status_code == 404
        again = pika.http.post(f"{PREFIX}/upload/avatar", headers=key, **avatar)
        assert (again.status_code, again.json()["code"]) == (404, "upload_not_found")
        bika.http.close()
        pika.http.close()
