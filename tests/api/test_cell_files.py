"""Attachment cells as a resource: filled straight from a form, changed without sending the rest; and lists of files."""

import http.client
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from holdall.web.staging import BLOCK_BYTES
from tests.api.test_bika import Bika
from tests.support.images import eicar, png
from tests.support.server import FORM_TYPE, Part, RunningServer, encode_form, run_command

PATIENCE_SECONDS = 10


@pytest.fixture(scope="module")
def bika(server: RunningServer) -> Iterator[Bika]:
    client = Bika(server)
    yield client
    client.http.close()


@pytest.fixture(scope="module")
def stranger(server: RunningServer) -> Iterator[Bika]:
    client = Bika(server, "bika_other")
    yield client
    client.http.close()


def cell_of(bika: Bika, record: str, field: str = "Files") -> str:
    return f"{bika.database}/records/{record}/fields/{field}/attachments"


def attach(bika: Bika, cell: str, *files: tuple[str, bytes], **headers: str) -> httpx.Response:
    return bika.http.post(cell, files=[("file", file) for file in files], headers=headers)


def data_of(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def names(items: Sequence[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


def revision(bika: Bika, record: str) -> int:
    return int(data_of(bika.http.get(f"{bika.database}/records/{record}"))["revision"])


def filled(bika: Bika, *given: str) -> tuple[str, list[str]]:
    """A record with these files, and their ids."""
    ids = [bika.uploaded(name, f"{name} {time.monotonic_ns()}".encode())["id"] for name in given]
    return bika.new_record(Files=[{"id": id} for id in ids]), ids


# ── one-shot attach ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("named_by", ["name", "id"])
def test_files_go_straight_into_a_cell(bika: Bika, named_by: str):
    """In order, behind what hangs there; in one revision with one line of history."""
    record, [old] = filled(bika, "old.txt")
    fields = {field["name"]: field["id"] for field in data_of(bika.http.get(f"{bika.database}/fields"))}
    cell = cell_of(bika, record, fields["Files"] if named_by == "id" else "Files")

    answer = attach(bika, cell, ("roof.png", png(7, 5)), ("note.txt", b"two at once"))
    told = data_of(answer)

    assert told["attached"] is True
    assert names(told["attachments"]) == ["old.txt", "roof.png", "note.txt"]
    assert [file["fileName"] for file in told["files"]] == ["roof.png", "note.txt"]
    uploads = [file["attachment"] for file in told["files"]]
    assert [old, *(upload["id"] for upload in uploads)] == [item["id"] for item in told["attachments"]]
    assert (uploads[0]["mimeType"], uploads[1]["size"]) == ("image/png", 11)
    assert httpx.get(uploads[1]["url"]).content == b"two at once"
    assert bika.record(record)["fields"]["Files"] == told["attachments"] == data_of(bika.http.get(cell))["attachments"]
    assert (answer.headers["etag"], revision(bika, record)) == ('"1"', 1)
    [change, _] = data_of(bika.http.get(f"{bika.database}/records/{record}/history"))["changes"]
    assert (change["action"], [*change["fields"]]) == ("update", ["Files"])
    assert names(change["fields"]["Files"]["after"]) == names(told["attachments"])


def test_a_bad_file_does_not_lose_the_good_ones(bika: Bika):
    """Each is refused as it would be alone."""
    record, _ = filled(bika)
    alone = bika.upload("run.exe", b"MZ").json()

    bad = [("run.exe", b"MZ"), ("liar.png", b"no picture"), ("sick.txt", eicar()), ("empty.txt", b"")]
    told = data_of(attach(bika, cell_of(bika, record), bad[0], ("a.txt", b"fine"), *bad[1:], ("b.txt", b"fine too")))

    assert names(told["attachments"]) == ["a.txt", "b.txt"]
    codes = [file.get("error", {}).get("code") for file in told["files"]]
    assert codes == [415, None, 415, 422, 415, None]
    assert told["files"][0]["error"] == {"code": alone["code"], "message": alone["message"]}
    assert "Eicar" in told["files"][3]["error"]["message"]


def test_where_no_file_may_come_in_the_answer_is_the_first_ones(bika: Bika):
    record, _ = filled(bika)
    answer = attach(bika, cell_of(bika, record), ("sick.txt", eicar()), ("run.exe", b"MZ"))

    assert (answer.status_code, answer.json()["success"], answer.json()["code"]) == (422, False, 422)
    assert (revision(bika, record), "Files" in bika.record(record)["fields"]) == (0, False)
    assert attach(bika, cell_of(bika, record), ("", b"nameless")).status_code == 400


def test_files_that_do_not_fit_the_quota_are_left_out(server: RunningServer, stranger: Bika):
    """The largest first; the others hang in the cell."""
    record, space = stranger.new_record(), stranger.ids["space_id"]
    used = json.loads(run_command(server.env, "space", "quota", space))["bytes"]
    run_command(server.env, "space", "quota", space, "--max-bytes", str(used + 3000))
    try:
        files = [("a.txt", b"a" * 900), ("b.txt", b"b" * 1400), ("c.txt", b"c" * 800)]
        told = data_of(attach(stranger, cell_of(stranger, record), *files))
    finally:
        run_command(server.env, "space", "quota", space, "--clear")
    assert names(told["attachments"]) == ["a.txt", "c.txt"]
    assert told["files"][1]["error"]["code"] == 507


def asked(server: RunningServer, bika: Bika, cell: str, **headers: str) -> int:
    """The status of a request of which no byte of the body is sent."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        connection.putrequest("POST", "/api/openapi/bika" + cell)
        token = {"Authorization": f"Bearer {bika.ids['token']}"}
        for name, value in {**token, "Content-Type": FORM_TYPE, "Content-Length": "1000000", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_cell_is_looked_for_before_the_body_is_read(server: RunningServer, bika: Bika, stranger: Bika):
    """As are the caller, their right to write there, and the revision."""
    record, _ = filled(bika)
    cell = cell_of(bika, record)
    assert asked(server, bika, cell, Authorization="Bearer bktnobody") == 401
    assert asked(server, stranger, cell) == 404
    assert asked(server, bika, cell_of(bika, "recNobody")) == 404
    assert asked(server, bika, cell.replace("/databases/dat", "/databases/dax")) == 404
    assert asked(server, bika, cell_of(bika, record, "Nothing")) == 400
    assert asked(server, bika, cell_of(bika, record, "Name")) == 400
    assert asked(server, bika, cell, **{"If-Match": '"7"'}) == 412
    refused = attach(bika, cell_of(bika, record, "Name"), ("a.txt", b"a")).json()
    assert refused["code"] == 4031
    assert "SINGLE_TEXT fields hold no files" in refused["message"]


def test_a_repeated_form_is_answered_alike_and_attaches_once(bika: Bika):
    record, _ = filled(bika)
    cell, key = cell_of(bika, record), {"Idempotency-Key": f"cell-{record}"}
    files = [("a.txt", b"once"), ("run.exe", b"MZ")]

    first, again = (attach(bika, cell, *files, **key) for _ in range(2))

    assert data_of(first) == data_of(again)
    assert names(data_of(again)["attachments"]) == ["a.txt"]
    assert revision(bika, record) == 1
    assert attach(bika, cell, ("a.txt", b"another"), **key).status_code == 422
    assert attach(bika, cell, *files, **{"Content-Digest": "sha-256=:" + "A" * 43 + "=:"}).status_code == 400


@pytest.mark.parametrize("change", ["deleted", "changed"])
def test_a_record_that_changes_while_the_body_comes(server: RunningServer, bika: Bika, change: str):
    """One that is gone leaves the files loose; one at another revision than the client wants, nothing at all."""
    record, _ = filled(bika)
    mark = f"meanwhile-{record}.txt"
    body = encode_form(Part("file", b"x" * 3 * BLOCK_BYTES, mark))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/api/openapi/bika" + cell_of(bika, record))
    headers = {"Authorization": f"Bearer {bika.ids['token']}", "Content-Type": FORM_TYPE, "If-Match": '"0"'}
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body[: 2 * BLOCK_BYTES])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not server.staged():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if change == "deleted":
        data_of(bika.http.delete(f"{bika.database}/records/{record}"))
    else:
        data_of(bika.patch(record, Name="another revision"))
    connection.send(body[2 * BLOCK_BYTES :])
    answer = connection.getresponse()
    told = httpx.Response(answer.status, content=answer.read())
    connection.close()

    listed = data_of(bika.http.get(f"{bika.space}/attachments", params={"name": mark}))["attachments"]
    if change == "deleted":
        assert (data_of(told)["attached"], data_of(told)["attachments"]) == (False, None)
        assert [data_of(told)["files"][0]["attachment"]["id"]] == [item["id"] for item in listed]
    else:
        assert (told.status_code, listed) == (412, [])


# ── changing a cell ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cell_is_changed_without_sending_the_rest(bika: Bika):
    """Less, then more, then the order; each call one revision."""
    record, [a, b, c] = filled(bika, "a.txt", "b.txt", "c.txt")
    d = bika.uploaded("d.txt", b"the fourth")["id"]
    cell = cell_of(bika, record)

    def edit(**change: Any) -> list[str]:
        return names(data_of(bika.http.patch(cell, json=change))["attachments"])

    assert edit(append=[{"id": d, "name": "fourth.txt"}]) == ["a.txt", "b.txt", "c.txt", "fourth.txt"]
    assert edit(append=[{"id": d}, {"id": a, "name": "first.txt"}]) == ["first.txt", "b.txt", "c.txt", "fourth.txt"]
    assert edit(order=[c, a]) == ["c.txt", "first.txt", "b.txt", "fourth.txt"]
    assert edit(remove=[b, c]) == ["first.txt", "fourth.txt"]
    assert edit(remove=[a], append=[{"id": b}], order=[b]) == ["b.txt", "fourth.txt"]
    assert edit(remove=[d], append=[{"id": d}], order=[b]) == ["b.txt", "d.txt"]
    assert edit(remove=[b, d]) == []
    assert revision(bika, record) == 7
    history = data_of(bika.http.get(f"{bika.database}/records/{record}/history"))["changes"]
    assert [change["revision"] for change in history] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert names(history[5 - 1]["fields"]["Files"]["after"]) == ["c.txt", "first.txt", "b.txt", "fourth.txt"]


def test_an_edit_that_cannot_be_changes_nothing(bika: Bika, stranger: Bika):
    record, [a] = filled(bika, "a.txt")
    foreign = stranger.uploaded("theirs.txt", b"theirs")["id"]
    cell = cell_of(bika, record)

    def refused(**change: Any) -> int:
        answer = bika.http.patch(cell, json=change)
        assert answer.status_code == 400, answer.text
        return int(answer.json()["code"])

    for id in ("attNobody", foreign):
        assert refused(append=[{"id": id}]) == 4031
        assert refused(remove=[id]) == 4031
        assert refused(order=[a, id]) == 4031
        assert refused(remove=[a], append=[{"id": id}]) == 4031
    assert refused(append=["x"]) == 4031
    for change in ({}, {"append": []}, {"append": {}}, {"remove": [7]}, {"order": "x"}, {"remove": ["x"] * 1001}):
        assert refused(**change) == 400
    assert bika.http.patch(cell_of(bika, record, "Name"), json={"remove": [a]}).json()["code"] == 4031
    assert bika.http.patch(cell_of(bika, record, "Nope"), json={"remove": [a]}).json()["code"] == 400
    assert bika.http.patch(cell_of(bika, "recNobody"), json={"remove": [a]}).status_code == 404
    for method in ("GET", "PATCH"):
        assert stranger.http.request(method, cell, json={"remove": [a]}).status_code == 404
    assert (revision(bika, record), names(data_of(bika.http.get(cell))["attachments"])) == (0, ["a.txt"])


def test_an_edit_goes_through_at_the_known_revision_and_once(bika: Bika):
    record, [a, b] = filled(bika, "a.txt", "b.txt")
    cell, key = cell_of(bika, record), {"Idempotency-Key": f"edit-{record}"}

    stale = bika.http.patch(cell, json={"remove": [a]}, headers={"If-Match": '"1"'})
    first, again = (bika.http.patch(cell, json={"remove": [a]}, headers={"If-Match": '"0"', **key}) for _ in range(2))

    assert stale.status_code == 412
    assert data_of(first) == data_of(again)
    assert (first.headers["etag"], again.headers["etag"]) == ('"1"', '"1"')
    assert [item["id"] for item in data_of(bika.http.get(cell))["attachments"]] == [b]


def test_a_full_cell_takes_no_more(bika: Bika):
    """A thousand files, as in a written cell."""
    ids = []
    for start in range(0, 1000, 20):
        files = [("file", (f"{number}.txt", b"all alike")) for number in range(start, start + 20)]
        ids += [item["id"] for item in data_of(bika.http.post(f"{bika.space}/attachments", files=files))]
    record = bika.new_record(Files=[{"id": id} for id in ids])
    one = bika.uploaded("one.txt", b"one too many")["id"]
    cell = cell_of(bika, record)

    assert bika.http.patch(cell, json={"append": [{"id": one}]}).json()["code"] == 4031
    assert attach(bika, cell, ("a.txt", b"a")).json()["code"] == 4031
    data_of(bika.http.patch(cell, json={"remove": [ids[0]], "append": [{"id": one}]}))
    assert attach(bika, cell, ("a.txt", b"a")).json()["code"] == 4031
    data_of(bika.http.patch(cell, json={"remove": [ids[1]]}))
    assert attach(bika, cell, ("a.txt", b"a"), ("b.txt", b"b")).json()["code"] == 4031, "room for one, and two came"
    assert data_of(attach(bika, cell, ("a.txt", b"a")))["attached"] is True


def test_an_edit_leaves_deleted_files_their_places(bika: Bika):
    """They come back to where they were, which a cell that is written anew does not let them."""
    record, [a, b, _] = filled(bika, "a.txt", "b.txt", "c.txt")
    cell, path = cell_of(bika, record), f"{bika.space}/attachments/{b}"
    data_of(bika.http.delete(path))

    told = data_of(attach(bika, cell, ("d.txt", b"behind")))
    assert names(told["attachments"]) == ["a.txt", "c.txt", "d.txt"] == names(bika.record(record)["fields"]["Files"])
    assert bika.http.patch(cell, json={"remove": [b]}).json()["code"] == 4031
    assert bika.http.patch(cell, json={"order": [b]}).json()["code"] == 4031
    assert names(data_of(bika.http.patch(cell, json={"remove": [a]}))["attachments"]) == ["c.txt", "d.txt"]
    data_of(bika.http.post(path + "/restore"))
    assert names(data_of(bika.http.get(cell))["attachments"]) == ["b.txt", "c.txt", "d.txt"]


def test_those_who_change_a_cell_at_the_same_time_lose_nothing(bika: Bika):
    """Forms, appended ids and removals, all at once."""
    gone = [f"gone-{number}.txt" for number in range(8)]
    record, doomed = filled(bika, *gone)
    cell = cell_of(bika, record)
    loose = [bika.uploaded(f"loose-{number}.txt", f"loose {number}".encode())["id"] for number in range(8)]

    def change(number: int) -> None:
        data_of(attach(bika, cell, (f"form-{number}.txt", f"form {number}".encode())))
        data_of(bika.http.patch(cell, json={"append": [{"id": loose[number]}]}))
        data_of(bika.http.patch(cell, json={"remove": [doomed[number]]}))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(change, range(8)))

    wanted = {f"{kind}-{number}.txt" for kind in ("form", "loose") for number in range(8)}
    shown = names(data_of(bika.http.get(cell))["attachments"])
    assert (set(shown), len(shown)) == (wanted, len(wanted))
    assert revision(bika, record) == 24


# ── download, and lists ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_downloads_a_file_as_a_signed_link_does(bika: Bika, stranger: Bika):
    """The same headers, ranges, conditions and renditions."""
    given = bika.uploaded("roof.png", data := png(90, 60))
    path = f"{bika.space}/attachments/{given['id']}/download"

    whole, linked = bika.http.get(path), httpx.get(given["url"])
    assert whole.content == data
    for name in ("etag", "content-type", "content-disposition", "cache-control", "x-content-type-options"):
        assert whole.headers[name] == linked.headers[name]
    assert bika.http.head(path).headers["content-length"] == str(len(data))
    part = bika.http.get(path, headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, data[1:4])
    assert bika.http.get(path, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert bika.http.get(path, params={"size": "64"}).content == httpx.get(given["url"] + "&size=64").content != data
    assert bika.http.get(path, params={"size": "65"}).status_code == 400
    assert httpx.get(str(whole.url)).status_code == 401
    theirs = path.replace(bika.ids["space_id"], stranger.ids["space_id"])
    assert [stranger.http.get(each).status_code for each in (path, theirs)] == [404, 404]
    data_of(bika.http.delete(f"{bika.space}/attachments/{given['id']}"))
    assert bika.http.get(path).status_code == 404


def test_a_list_of_files_is_narrowed(bika: Bika):
    """By type, size, time, state and the database that uses them."""
    mark = f"narrow{time.monotonic_ns()}"
    small = bika.uploaded(f"{mark}.txt", b"12345")
    large = bika.uploaded(f"{mark}.csv", b"a,b\n" * 100)
    picture = bika.uploaded(f"{mark}.png", png(8, 8))
    bika.new_record(Images=[{"id": picture["id"]}])
    path = f"{bika.space}/attachments"
    created = data_of(bika.http.get(f"{path}/{small['id']}"))["createdAt"]

    def listed(**params: object) -> list[str]:
        page = data_of(bika.http.get(path, params={"name": mark, **params}))
        return [{small["id"]: "s", large["id"]: "l", picture["id"]: "p"}[item["id"]] for item in page["attachments"]]

    assert listed() == ["p", "l", "s"]
    assert listed(mimeType="image/*") == listed(mimeType="image/png") == listed(mimeType="image") == ["p"]
    assert listed(mimeType="text/pla") == []
    assert listed(mimeType="text/*") == ["l", "s"]
    assert listed(minSize=400) == ["l"] == listed(minSize=400, maxSize=400)
    assert "l" not in listed(maxSize=399)
    assert listed(state="attached") == ["p"] == listed(usedIn=bika.ids["database_id"])
    assert listed(state="unattached") == ["l", "s"]
    assert listed(usedIn="datNobody") == listed(state="flagged") == listed(state="infected") == []
    assert listed(createdFrom=created) == ["p", "l", "s"]
    assert listed(createdFrom="2999-01-01") == listed(createdBefore="2001-01-01T00:00:00Z") == []
    assert listed(createdBefore="2999-01-01") == ["p", "l", "s"]
    for params in ({"state": "x"}, {"minSize": "-1"}, {"maxSize": "1e3"}, {"createdFrom": "soon"}, {"usedIn": "\0"}):
        assert bika.http.get(path, params=params).status_code == 400, params
