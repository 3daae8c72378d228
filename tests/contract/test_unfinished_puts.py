"""Puts in parts that nobody finished: seen and taken away in a real bucket, and told of where a store hides them."""

import asyncio
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from holdall import doctor
from holdall.adapters.blobs.s3 import S3BlobStore
from holdall.errors import StorageUnavailable
from holdall.settings import read_settings
from tests.support.seaweed import Seaweed

HOUR = timedelta(hours=1)
LISTING = b"""<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>%s</IsTruncated>
<NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>%s</ListMultipartUploadsResult>"""
UPLOAD = b"""<Upload><Key>%s</Key><UploadId>id</UploadId><Initiated>2026-11-23T10:00:00.000Z</Initiated>
<Owner><ID>me</ID></Owner></Upload>"""
OURS = b"ab/ab" + b"0" * 30


def store_at(server: Seaweed, prefix: str = "") -> S3BlobStore:
    keys = {"access_key": server.access_key, "secret_key": server.secret_key}
    return S3BlobStore(server.bucket, endpoint=server.endpoint, region=server.region, prefix=prefix, **keys)


def begin(store: S3BlobStore, name: str, data: bytes) -> None:
    """Begin a put, and send one part of it."""

    def signed(method: str, **asked: str) -> str:
        return store._public.sign(method, name, asked, datetime.now(UTC), 60)

    begun = httpx.post(signed("POST", uploads=""))
    assert begun.status_code == 200, begun.text
    upload = begun.text.partition("<UploadId>")[2].partition("<")[0]
    assert httpx.put(signed("PUT", uploadId=upload, partNumber="1"), content=data).status_code == 200


def sizes(store: S3BlobStore) -> list[int]:
    return sorted(each.size for each in asyncio.run(store.incoming()))


def sweep(store: S3BlobStore, ago: timedelta) -> int:
    return asyncio.run(store.sweep_incoming(datetime.now(UTC) - ago))


def test_old_ones_go_and_young_ones_stay(seaweed: Seaweed):
    prefix = uuid.uuid4().hex
    store = store_at(seaweed, prefix)
    for digit in "ab":
        begin(store, f"{prefix}/{digit * 2}/{digit * 32}", digit.encode() * 100)

    assert sizes(store) == [100, 100]
    assert sweep(store, HOUR) == 0
    assert sizes(store) == [100, 100]
    assert sweep(store, -HOUR) == 2
    assert (sizes(store), sweep(store, -HOUR)) == ([], 0)


def test_what_is_not_ours_is_left_alone(seaweed: Seaweed):
    """Of another program, and of another folder of ours in the same bucket."""
    prefix, other = uuid.uuid4().hex, uuid.uuid4().hex
    store, neighbour = store_at(seaweed, prefix), store_at(seaweed, other)
    begin(store, f"{prefix}/holiday.mp4", b"theirs")
    begin(store, f"{other}/aa/{'a' * 32}", b"the neighbour's")

    assert (sizes(store), sweep(store, -HOUR)) == ([], 0)
    assert sizes(neighbour) == [len(b"the neighbour's")]


@contextmanager
def answering(status: int, *bodies: bytes) -> Iterator[tuple[Seaweed, list[str]]]:
    """A store that says this, one body after the other, whatever it is asked; and what it was asked."""
    asked: list[str] = []
    told = list(bodies)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = told.pop(0) if len(told) > 1 else told[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Seaweed(f"http://127.0.0.1:{server.server_port}"), asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [403, 405, 501])
def test_a_store_that_hides_them_stops_no_sweep(status: int):
    with answering(status, b"") as (server, _):
        assert (sizes(store_at(server)), sweep(store_at(server), -HOUR)) == ([], 0)


def test_a_store_that_fails_is_an_error():
    with answering(503, b"") as (server, _), pytest.raises(StorageUnavailable):
        sizes(store_at(server))


def test_the_second_page_is_read_too():
    pages = LISTING % (b"true", UPLOAD % b"other"), LISTING % (b"false", UPLOAD % OURS)
    with answering(200, *pages) as (server, asked):
        assert asyncio.run(store_at(server).find_unfinished()) == 1
    assert ["key-marker=k" in path and "upload-id-marker=u" in path for path in asked] == [False, True]


def test_a_listing_that_never_ends_does():
    """A store that gives the same page for ever."""
    with answering(200, LISTING % (b"true", UPLOAD % OURS)) as (server, asked):
        assert asyncio.run(store_at(server).find_unfinished()) == 2
    assert len(asked) == 2


@pytest.mark.parametrize(
    "told",
    [
        b"<html>",
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]>" + LISTING % (b"false", UPLOAD % OURS),
        LISTING % (b"false", (UPLOAD % OURS).replace(b"2026-11-23T10:00:00.000Z", b"yesterday")),
    ],
)
def test_a_listing_that_is_none_is_an_error(told: bytes):
    with answering(200, told) as (server, _), pytest.raises(StorageUnavailable):
        sizes(store_at(server))


def settings(server: Seaweed, data: Path, **more: str):
    return read_settings(
        {
            "HOLDALL_DATA_DIR": str(data),
            "HOLDALL_S3_BUCKET": server.bucket,
            "HOLDALL_S3_ENDPOINT": server.endpoint,
            "HOLDALL_S3_ACCESS_KEY": server.access_key,
            "HOLDALL_S3_SECRET_KEY": server.secret_key,
            **more,
        }
    )


def test_the_doctor_says_whether_they_are_seen(seaweed: Seaweed, tmp_path: Path):
    [good] = doctor._bucket(settings(seaweed, tmp_path))
    with answering(403, b"") as (server, _):
        [bad] = doctor._bucket(settings(server, tmp_path))

    assert good.is_good
    assert not bad.is_good
    assert "AbortIncompleteMultipartUpload" in bad.remedy


def test_the_doctor_tries_where_clients_are_led(seaweed: Seaweed, tmp_path: Path):
    led = {"HOLDALL_S3_REDIRECT_FROM": "1000", "HOLDALL_BASE_URL": "http://holdall.test"}
    _, good = doctor._bucket(settings(seaweed, tmp_path, HOLDALL_S3_PUBLIC_ENDPOINT=seaweed.endpoint, **led))
    with answering(200, b"another server") as (server, _):
        _, bad = doctor._bucket(settings(seaweed, tmp_path, HOLDALL_S3_PUBLIC_ENDPOINT=server.endpoint, **led))

    assert (good.is_good, bad.is_good) == (True, False)
    assert "Host" in bad.remedy
