"""Bika's wire: the path of the how-to, and what its clients send (contract bika)."""

import base64
import hashlib
import re
from typing import Any

import httpx
import pytest

from tests.support.images import jpeg, png
from tests.support.server import RunningServer, object_count, run_command

ID = r"[A-Za-z0-9]{21}"


class Bika:
    """A client of one tenant."""

    def __init__(self, server: RunningServer, tenant: str = "bika") -> None:
        self.ids = server.demo[tenant]
        self.http = httpx.Client(
            base_url=f"{server.base_url}/api/openapi/bika",
            headers={"Authorization": f"Bearer {self.ids['token']}"},
            timeout=30,
        )
        self.space = f"/v1/spaces/{self.ids['space_id']}"
        self.database = f"{self.space}/resources/databases/{self.ids['database_id']}"
        self.database_v2 = self.database.replace("/v1/", "/v2/")

    def upload(self, name: str, data: bytes, **headers: str) -> httpx.Response:
        return self.http.post(f"{self.space}/attachments", files={"file": (name, data)}, headers=headers)

    def uploaded(self, name: str, data: bytes) -> dict[str, Any]:
        answer = self.upload(name, data)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"][0]

    def new_record(self, **fields: Any) -> str:
        answer = self.http.post(f"{self.database_v2}/records", json={"records": [{"fields": fields}]})
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["records"][0]["id"]

    def patch(self, record_id: str, **cells: Any) -> httpx.Response:
        return self.http.patch(f"{self.database}/records", json={"id": record_id, "cells": cells})

    def record(self, record_id: str, **query: str) -> dict[str, Any]:
        return self.http.get(f"{self.database_v2}/records/{record_id}", params=query).json()["data"]


@pytest.fixture(scope="module")
def bika(server: RunningServer):
    client = Bika(server)
    yield client
    client.http.close()


@pytest.fixture(scope="module")
def stranger(server: RunningServer):
    client = Bika(server, "bika_other")
    yield client
    client.http.close()


# ── the how-to, step by step ─────────────────────────────────────────────────────────────────────────────────────


def test_an_upload_answers_the_six_documented_keys(bika: Bika):
    """Step 2: an array of one object; name is the stored name, as the how-to shows."""
    data = png(40, 30)

    answer = bika.upload("example.png", data)

    body = answer.json()
    assert (200, True, 200, "SUCCESS") == (answer.status_code, body["success"], body["code"], body["message"])
    [item] = body["data"]
    assert re.fullmatch("att" + ID, item["id"])
    assert re.fullmatch(rf"openapi/{ID}\.png", item["path"])
    assert item["path"] == f"openapi/{item['name']}"
    assert (len(data), "bika", "image/png") == (item["size"], item["bucket"], item["mimeType"])
    assert item["originalName"] == "example.png"
    assert hashlib.sha256(data).hexdigest() == item["sha256"]


def test_the_echoed_object_attaches_the_file(bika: Bika):
    """Step 3: PATCH with the id in the body; the answer is the record in cell form."""
    item = bika.uploaded("example.png", png(41, 30))
    record_id = bika.new_record(Name="How-to")
    echoed = {key: item[key] for key in ("id", "path", "size", "bucket", "mimeType", "name")}

    answer = bika.patch(record_id, Images=[echoed])

    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (record_id, 1) == (data["id"], data["revision"])
    cell = next(cell for cell in data["cells"].values() if cell["name"] == "Images")
    assert cell["fieldType"] == "ATTACHMENT"
    assert [shown["id"] for shown in cell["data"]] == [item["id"]]
    assert (item["path"], "bika") == (cell["data"][0]["path"], cell["data"][0]["bucket"])


def test_the_cell_shows_the_clients_name_and_links_that_work_without_a_header(bika: Bika):
    """The original file name is not lost, and a plain link opens the bytes and the thumbnail."""
    data = jpeg(640, 480)
    item = bika.uploaded("Roof, north side.JPG", data)
    record_id = bika.new_record(Name="Links")
    bika.patch(record_id, Images=[{key: item[key] for key in ("id", "path", "size", "bucket", "mimeType", "name")}])

    [shown] = bika.record(record_id)["fields"]["Images"]

    assert ["id", "name", "mimeType", "size", "url", "thumbnailUrl"] == list(shown)
    assert shown["name"] == "Roof, north side.JPG"
    assert data == httpx.get(shown["url"]).content
    thumbnail = httpx.get(shown["thumbnailUrl"])
    assert (200, "image/jpeg") == (thumbnail.status_code, thumbnail.headers["content-type"])
    assert len(thumbnail.content) < len(data)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, "Original.png"),
        ({"name": "Given.png"}, "Given.png"),
        ({"name": "../../x/Given\u202e.png"}, "Given.png"),
        ({"name": ""}, "Original.png"),
        ({"name": None}, "Original.png"),
        ({"size": 1, "bucket": "other", "path": "openapi/other.png", "mimeType": "text/html"}, "Original.png"),
    ],
)
def test_of_an_attachment_object_only_id_and_name_are_believed(bika: Bika, given: dict[str, Any], shown: str):
    """Size, type, path and bucket are ours to know."""
    item = bika.uploaded("Original.png", png(42, 30))
    record_id = bika.new_record(Name="Forms")

    answer = bika.patch(record_id, Images=[{"id": item["id"], **given}])

    assert answer.status_code == 200, answer.text
    [cell] = bika.record(record_id)["fields"]["Images"]
    assert (shown, item["size"], "image/png") == (cell["name"], cell["size"], cell["mimeType"])


def test_several_attachments_keep_their_order_and_each_is_there_once(bika: Bika):
    """The array replaces the cell."""
    first, second = (bika.uploaded(f"{width}.png", png(width, 9)) for width in (43, 44))
    record_id = bika.new_record(Name="Several")

    bika.patch(record_id, Files=[{"id": second["id"]}, {"id": first["id"]}, {"id": second["id"]}])

    assert [second["id"], first["id"]] == [item["id"] for item in bika.record(record_id)["fields"]["Files"]]


@pytest.mark.parametrize("empty", [[], None])
def test_an_empty_list_or_null_empties_the_cell(bika: Bika, empty: Any):
    """And an empty cell is left out of the record."""
    item = bika.uploaded("a.png", png(45, 9))
    record_id = bika.new_record(Name="Emptied", Images=[{"id": item["id"]}])

    bika.patch(record_id, Images=empty)

    assert bika.record(record_id)["fields"] == {"Name": "Emptied"}


def test_what_was_read_can_be_written_back(bika: Bika):
    """Read objects carry url and thumbnailUrl; read-modify-write works."""
    item = bika.uploaded("a.png", png(46, 9))
    record_id = bika.new_record(Name="Back", Images=[{"id": item["id"], "name": "Mine.png"}])
    read = bika.record(record_id)["fields"]

    answer = bika.http.put(f"{bika.database_v2}/records/{record_id}", json={"fields": read})

    assert answer.status_code == 200, answer.text
    assert ["Mine.png"] == [shown["name"] for shown in answer.json()["data"]["fields"]["Images"]]


@pytest.mark.parametrize(
    "value", ["att", {"id": "att1"}, ["attX"], [{"name": "x"}], [{"id": "attAAAAAAAAAAAAAAAAAAAAA"}], [{"id": 5}], 7]
)
def test_an_attachment_cell_takes_nothing_but_known_objects(bika: Bika, value: Any):
    """Code 4031, naming the field; the record stays as it was."""
    record_id = bika.new_record(Name="Strict")

    answer = bika.patch(record_id, Name="Changed", Images=value)

    body = answer.json()
    assert (400, False, 4031) == (answer.status_code, body["success"], body["code"])
    assert body["message"].startswith("The input value of field Images is invalid: ")
    assert bika.record(record_id)["fields"] == {"Name": "Strict"}


def test_an_attachment_of_another_space_does_not_exist_here(bika: Bika, stranger: Bika):
    """The same answer as for an id that nobody has."""
    item = stranger.uploaded("theirs.png", png(47, 9))
    record_id = bika.new_record(Name="Foreign")

    answer = bika.patch(record_id, Images=[{"id": item["id"]}])

    assert answer.json()["code"] == 4031


# ── errors (2.1) ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_field_is_named(bika: Bika):
    """As the how-to's troubleshooting says."""
    answer = bika.patch(bika.ids["record_id"], attachmentField=[])

    assert (400, "Field attachmentField not found") == (answer.status_code, answer.json()["message"])


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic x", "Bearer bkt" + "x" * 32])
def test_without_a_good_token_everything_is_401(bika: Bika, header: str):
    """Missing, wrong and unknown are told alike."""
    answer = httpx.get(bika.http.base_url.join("v1/spaces"), headers={"Authorization": header} if header else {})

    assert (401, "Unauthorized") == (answer.status_code, answer.json()["message"])


def test_a_read_only_token_may_not_write(server: RunningServer, bika: Bika):
    """403, and reading goes on."""
    token = run_command(server.env, "token", "create", "--user", "ada", "--scope", "read").split()[1]
    headers = {"Authorization": f"Bearer {token}"}

    refused = bika.http.post(f"{bika.space}/attachments", files={"file": ("a.txt", b"x")}, headers=headers)

    assert (403, 403) == (refused.status_code, refused.json()["code"])
    assert bika.http.get("/v1/spaces", headers=headers).status_code == 200


def test_a_revoked_token_is_dead_at_once(server: RunningServer, bika: Bika):
    """The next request is refused."""
    id, token = run_command(server.env, "token", "create", "--user", "ada").split()
    headers = {"Authorization": f"Bearer {token}"}
    assert bika.http.get("/v1/spaces", headers=headers).status_code == 200

    run_command(server.env, "token", "revoke", id)

    assert bika.http.get("/v1/spaces", headers=headers).status_code == 401


MISSING = [
    ("GET", "/v1/spaces/spcAAAAAAAAAAAAAAAAAAAAA"),
    ("GET", "/v1/spaces/{other_space}"),
    ("GET", "/v1/spaces/{other_space}/nodes"),
    ("GET", "/v1/spaces/{space}/nodes/datAAAAAAAAAAAAAAAAAAAAA"),
    ("GET", "/v1/spaces/{space}/resources/databases/datAAAAAAAAAAAAAAAAAAAAA/fields"),
    ("GET", "/v1/spaces/{space}/resources/databases/{other_database}/records"),
    ("GET", "/v2/spaces/{space}/resources/databases/{database}/records/recAAAAAAAAAAAAAAAAAAAAA"),
    ("GET", "/v2/spaces/{space}/resources/databases/{database}/records/{other_record}"),
    ("POST", "/v1/spaces/{other_space}/attachments"),
    ("GET", "/v1/nothing"),
    ("DELETE", "/v1/spaces"),
]


@pytest.mark.parametrize(("method", "path"), MISSING)
def test_what_is_not_there_and_what_is_not_yours_are_404(bika: Bika, stranger: Bika, method: str, path: str):
    """With the words "not found", whatever their case, in every message."""
    own = {"space": bika.ids["space_id"], "database": bika.ids["database_id"]}
    other = {f"other_{key}": stranger.ids[f"{key}_id"] for key in ("space", "database", "record")}

    answer = bika.http.request(method, path.format(**own, **other))

    assert (404, False) == (answer.status_code, answer.json()["success"])
    assert "not found" in answer.json()["message"].lower()


def test_a_missing_record_is_named(bika: Bika):
    """404, where Bika itself says 500."""
    answer = bika.patch("recAAAAAAAAAAAAAAAAAAAAA", Name="x")

    assert (404, "Record not found: recAAAAAAAAAAAAAAAAAAAAA") == (answer.status_code, answer.json()["message"])


# ── reading (4) ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_spaces_nodes_and_fields_have_the_shapes_that_clients_read(bika: Bika):
    """Sections 4.1 and 4.2."""
    spaces = bika.http.get("/v1/spaces").json()["data"]
    space, own = spaces
    assert (space["id"], own["isPersonal"]) == (bika.ids["space_id"], True)
    assert {"id", "name", "createBy", "owner", "createdAt", "memberCount", "subscription"} <= set(space)
    nodes = bika.http.get(f"{bika.space}/nodes").json()["data"]
    assert ["ROOT", "DATABASE"] == [node["type"] for node in nodes]
    assert (None, "/ROOT") == (nodes[0]["parentId"], nodes[1]["path"])
    fields = bika.http.get(f"{bika.database}/fields").json()["data"]
    assert [
        ("Name", "SINGLE_TEXT", True),
        ("Stage", "SINGLE_SELECT", False),
        ("Score", "RATING", False),
        ("Images", "ATTACHMENT", False),
        ("Files", "ATTACHMENT", False),
    ] == [(field["name"], field["type"], field["primary"]) for field in fields]
    assert ["Open", "In progress", "Done"] == [option["name"] for option in fields[1]["property"]["options"]]
    assert fields[2]["property"]["max"] == 5


def test_meta_echoes_the_headers_less_the_credentials(bika: Bika):
    """Our rule on an echo: nothing comes back that is called a secret."""
    secrets = ("Cookie", "X-Bika-Signature", "X-Api-Key", "X-Session-Token")
    headers = {"X-Plain": "seen", **dict.fromkeys(secrets, "s3cret")}
    meta = bika.http.get("/v1/system/meta", headers=headers).json()["data"]

    assert {"version", "appEnv", "hostname", "headers"} <= set(meta)
    assert meta["headers"]["X-Plain"] == "seen"
    assert {"Authorization", "Cookie", "X-Bika-Signature", "X-Api-Key", "X-Session-Token"} & set(
        meta["headers"]
    ) == set()


def test_v1_lists_number_their_pages(bika: Bika):
    """total, pageNum, pageSize, recordId, epoch milliseconds."""
    bika.new_record(Name="Listed")
    page = bika.http.get(f"{bika.database}/records", params={"pageSize": 1, "pageNum": 2, "fields": "Name"}).json()

    data = page["data"]
    assert (2, 1, 1) == (data["pageNum"], data["pageSize"], len(data["records"]))
    assert data["total"] >= 2
    [record] = data["records"]
    assert {"recordId", "fields", "createdAt", "updatedAt"} == set(record)
    assert ["Name"] == list(record["fields"])
    assert isinstance(record["createdAt"], int)


def test_v2_lists_go_on_behind_a_cursor(bika: Bika):
    """Every record once, in order, and no offset on the last page."""
    created = [bika.new_record(Name=f"Cursor {number}") for number in range(5)]
    seen: list[str] = []
    params: dict[str, Any] = {"pageSize": 2}
    while True:
        data = bika.http.get(f"{bika.database_v2}/records", params=params).json()["data"]
        seen += [record["id"] for record in data["records"]]
        if not data["hasMore"]:
            break
        params["offset"] = data["offset"]

    assert len(seen) == len(set(seen))
    assert created == [id for id in seen if id in created]
    assert "offset" not in data


def test_v2_lists_end_at_max_records_over_all_pages(bika: Bika):
    """And show only the wanted fields."""
    for number in range(4):
        bika.new_record(Name=f"Capped {number}", Score=1)
    params: dict[str, Any] = {"pageSize": 2, "maxRecords": 3, "fields": "Name"}

    first = bika.http.get(f"{bika.database_v2}/records", params=params).json()["data"]
    second = bika.http.get(f"{bika.database_v2}/records", params={**params, "offset": first["offset"]}).json()["data"]

    assert (2, True, 1, False) == (len(first["records"]), first["hasMore"], len(second["records"]), second["hasMore"])
    assert {"Name"} == {name for record in first["records"] for name in record["fields"]}


@pytest.mark.parametrize(
    "query", ["maxRecords=0", "pageSize=0", "pageSize=1001", "pageSize=x", "offset=zzz", "cellFormat=xml"]
)
def test_a_bad_parameter_is_refused_and_never_clamped(bika: Bika, query: str):
    """400, by contract section 12."""
    assert bika.http.get(f"{bika.database_v2}/records?{query}").status_code == 400


def test_v2_shows_fields_by_name_or_id_as_json_or_text(bika: Bika):
    """FieldKey and cellFormat."""
    item = bika.uploaded("a.png", png(48, 9))
    record_id = bika.new_record(Name="Both", Stage="Done", Score=0, Images=[{"id": item["id"]}])
    fields = {field["name"]: field["id"] for field in bika.http.get(f"{bika.database}/fields").json()["data"]}

    by_id = bika.record(record_id, fieldKey="id")["fields"]
    text = bika.record(record_id, cellFormat="string")["fields"]

    assert "Both" == by_id[fields["Name"]]
    assert ("Done", "0") == (text["Stage"], text["Score"])
    assert re.fullmatch(r"a\.png\(http://.*\)", text["Images"])


def test_a_batch_of_v2_is_all_or_nothing(bika: Bika):
    """One bad value, and no record is made."""
    before = bika.http.get(f"{bika.database}/records").json()["data"]["total"]

    answer = bika.http.post(
        f"{bika.database_v2}/records", json={"records": [{"fields": {"Name": "A"}}, {"fields": {"Score": 9}}]}
    )

    assert answer.json()["code"] == 4031
    assert before == bika.http.get(f"{bika.database}/records").json()["data"]["total"]


@pytest.mark.parametrize("count", [0, 11])
def test_a_batch_has_one_to_ten_records(bika: Bika, count: int):
    """Contract section 8."""
    answer = bika.http.post(f"{bika.database_v2}/records", json={"records": [{"fields": {}}] * count})

    assert answer.status_code == 400


# ── uploads ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_in_raw_utf8_survives(bika: Bika):
    """Trap 4 of section 2.2; the body ends without a final CRLF, which is trap 5."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="na\xc3\xafve \xe5\x9b\xbe.txt"\r\n\r\n'
        b"hello\r\n--b--"
    )
    answer = bika.http.post(
        f"{bika.space}/attachments", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )

    assert "naïve 图.txt" == answer.json()["data"][0]["originalName"]


def test_several_files_in_one_request_are_all_kept_or_none(bika: Bika):
    """One object for each part, in order."""
    files = [("file", ("a.txt", b"a")), ("file", ("b.txt", b"b"))]
    kept = bika.http.post(f"{bika.space}/attachments", files=files)
    refused = bika.http.post(f"{bika.space}/attachments", files=[*files, ("file", ("c.png", b"not a picture"))])

    assert ["a.txt", "b.txt"] == [item["originalName"] for item in kept.json()["data"]]
    assert refused.status_code == 415


def test_the_same_bytes_twice_are_stored_once(server: RunningServer, bika: Bika, stranger: Bika):
    """Inside a space, and never across spaces; each upload has its own id and name."""
    data = b"stored once " * 50
    before = object_count(server)

    first, second = bika.uploaded("first.txt", data), bika.uploaded("second.txt", data)
    within = object_count(server) - before
    other = stranger.uploaded("theirs.txt", data)

    assert first["id"] != second["id"] != other["id"]
    assert (1, 2) == (within, object_count(server) - before)


def test_an_idempotency_key_replays_the_first_answer(bika: Bika):
    """The same key with the same bytes: the same upload. With other bytes: refused."""
    first = bika.upload("a.txt", b"once", **{"Idempotency-Key": "k-1"}).json()["data"]
    again = bika.upload("a.txt", b"once", **{"Idempotency-Key": "k-1"}).json()["data"]
    other = bika.upload("a.txt", b"other", **{"Idempotency-Key": "k-1"})

    assert [first[0]["id"], first[0]["path"]] == [again[0]["id"], again[0]["path"]]
    assert other.status_code == 422


def test_a_failed_request_gives_its_idempotency_key_back(bika: Bika):
    """A refusal is not remembered: the client may send the right file under the same key."""
    assert bika.upload("a.png", b"no picture", **{"Idempotency-Key": "k-2"}).status_code == 415
    assert bika.upload("a.png", b"no picture", **{"Idempotency-Key": "k-2"}).status_code == 415
    assert bika.upload("a.png", png(49, 9), **{"Idempotency-Key": "k-2"}).status_code == 200


@pytest.mark.parametrize("field", ["Content-Digest", "Repr-Digest"])
def test_an_announced_digest_is_checked(bika: Bika, field: str):
    """RFC 9530: a right one passes, a wrong one is refused."""
    right = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    wrong = base64.b64encode(bytes(32)).decode()

    assert bika.upload("a.txt", b"hello", **{field: f"sha-256=:{right}:"}).status_code == 200
    assert bika.upload("a.txt", b"hello", **{field: f"sha-256=:{wrong}:"}).status_code == 400


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [
        ("page.html", b"<html><script>1</script>", 415),
        ("run.exe", b"MZ" + bytes(200), 415),
        ("page.txt", b"<html><body><script>1</script></body></html>", 415),
        ("tool.bin", b"\x7fELF" + bytes(200), 415),
        ("photo.png", b"<?php echo 1;", 415),
        ("photo.jpg", png(9, 9), 415),
        ("photo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        ("photo.png", png(64, 64)[:90], 422),
        ("photo.png", b"", 415),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(bika: Bika, name: str, data: bytes, status: int):
    """By extension, by first bytes, or by what is inside."""
    answer = bika.upload(name, data)

    assert (status, False) == (answer.status_code, answer.json()["success"])


@pytest.mark.parametrize(
    ("name", "data", "mime"),
    [
        ("notes.md", b"# Notes", "text/markdown"),
        ("table.csv", b"a,b\n1,2\n", "text/csv"),
        ("data.json", b'{"a": 1}', "application/json"),
        ("firmware.xyz", b"\x00\x01\x02", "application/octet-stream"),
        ("README", b"no extension", "application/octet-stream"),
    ],
)
def test_other_files_are_kept_and_only_ever_downloaded(bika: Bika, name: str, data: bytes, mime: str):
    """Under a type of ours."""
    item = bika.uploaded(name, data)
    answer = httpx.get(item["url"])

    assert mime == item["mimeType"]
    assert data == answer.content
    assert answer.headers["content-disposition"].startswith("attachment")


# ── serving ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_served_safely(bika: Bika):
    """The headers that keep a file from acting in our name."""
    item = bika.uploaded('quote".png', png(50, 9))
    answer = httpx.get(item["url"])

    assert "image/png" == answer.headers["content-type"]
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "same-origin" == answer.headers["cross-origin-resource-policy"]
    assert answer.headers["content-disposition"].startswith("inline")
    assert f'"sha256-{item["sha256"]}"' == answer.headers["etag"]
    digest = base64.b64encode(bytes.fromhex(item["sha256"])).decode()
    assert f"sha-256=:{digest}:" == answer.headers["repr-digest"] == answer.headers["content-digest"]
    part = httpx.get(item["url"], headers={"Range": "bytes=0-3"})
    assert ("content-digest" in part.headers, part.headers["repr-digest"]) == (False, f"sha-256=:{digest}:")


def test_ranges_and_conditions_work(bika: Bika):
    """HEAD, 206, 206 in several parts, 304, 416."""
    data = bytes(range(256)) * 40
    item = bika.uploaded("bytes.bin", data)
    url, etag = item["url"], f'"sha256-{item["sha256"]}"'

    head = httpx.head(url)
    one = httpx.get(url, headers={"Range": "bytes=10-19"})
    several = httpx.get(url, headers={"Range": "bytes=0-3,5000-5009"})

    assert (200, str(len(data)), b"") == (head.status_code, head.headers["content-length"], head.content)
    assert (206, data[10:20], f"bytes 10-19/{len(data)}") == (
        one.status_code,
        one.content,
        one.headers["content-range"],
    )
    assert several.headers["content-type"].startswith("multipart/byteranges")
    assert data[5000:5010] in several.content
    assert httpx.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert httpx.get(url, headers={"Range": "bytes=99999-"}).status_code == 416
    assert httpx.get(url, headers={"Range": "bytes=0-3", "If-Range": '"other"'}).status_code == 200


def test_a_signed_link_opens_its_own_file_only(bika: Bika):
    """One character changed, another file, the thumbnail's signature: all 404."""
    item, other = bika.uploaded("a.png", png(51, 9)), bika.uploaded("b.png", png(52, 9))
    path, _, query = item["url"].partition("?")
    expires, signature = (part.partition("=")[2] for part in query.split("&"))
    tampered = [
        f"{path}?e={expires}&s={signature[:-1]}{'A' if signature[-1] != 'A' else 'B'}",
        f"{path}?e={int(expires) + 1}&s={signature}",
        f"{path}?e={expires}",
        f"{path}/thumb-256?{query}",
        f"{other['url'].partition('?')[0]}?{query}",
        path,
    ]

    assert [404] * len(tampered) == [httpx.get(url).status_code for url in tampered]
