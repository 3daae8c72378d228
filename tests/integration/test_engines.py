"""The whole server on PostgreSQL and S3: the same answers, by settings alone."""

import hashlib
import json
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.store import S3Store

from tests.support.images import jpeg
from tests.support.postgres import Postgres
from tests.support.seaweed import Seaweed
from tests.support.server import run_command, running_server


@pytest.mark.parametrize("kept_as", ["plain", "sealed"])
def test_an_upload_is_attached_and_read_back(tmp_path: Path, postgres: Postgres, seaweed: Seaweed, kept_as: str):
    """Nothing but the signing key, samples and staged bytes lies on the local disk."""
    settings = {
        "HOLDALL_DATABASE_URL": postgres.make_database(),
        "HOLDALL_S3_BUCKET": f"{seaweed.bucket}-{kept_as}",
        "HOLDALL_S3_ENDPOINT": seaweed.endpoint,
        "HOLDALL_S3_REGION": seaweed.region,
        "HOLDALL_S3_ACCESS_KEY": seaweed.access_key,
        "HOLDALL_S3_SECRET_KEY": seaweed.secret_key,
        "HOLDALL_ENCRYPTION_KEY": "7e" * 32 if kept_as == "sealed" else "",
    }
    make_bucket(seaweed, settings["HOLDALL_S3_BUCKET"])
    with running_server(tmp_path / "data", **settings) as server, httpx.Client(timeout=60) as http:
        ids = server.demo["bika"]
        http.headers["Authorization"] = f"Bearer {ids['token']}"
        space = f"{server.base_url}/api/openapi/bika/v1/spaces/{ids['space_id']}"
        records = f"{space}/resources/databases/{ids['database_id']}/records"
        data = jpeg(800, 600)

        item = http.post(f"{space}/attachments", files={"file": ("photo.jpg", data)}).json()["data"][0]
        cells = {ids["attachment_field"]: [{"id": item["id"]}]}
        patched = http.patch(records, json={"id": ids["record_id"], "cells": cells})

        assert patched.status_code == 200, patched.text
        assert item["sha256"] == hashlib.sha256(httpx.get(item["url"]).content).hexdigest()
        assert httpx.get(item["url"], headers={"Range": "bytes=5-9"}).content == data[5:10]
        assert httpx.get(item["thumbnailUrl"]).headers["content-type"] == "image/jpeg"
        files = {str(path.relative_to(server.data)) for path in server.data.rglob("*") if path.is_file()}
        samples = {"samples/example.png", "samples/avatar.jpg", "samples/receipt.jpg"}
        assert files == {"secret.key", "engines/0", *samples}  # the engine's seat, and not a byte of a client's
        if kept_as == "sealed":
            changed = server.env | {"HOLDALL_ENCRYPTION_KEY": f"{'8f' * 32} {'7e' * 32}"}
            rotated = json.loads(run_command(changed, "rotate-keys"))
            assert (rotated["current"], rotated["failed"]) == (0, [])
            assert rotated["renewed"] >= 2


def make_bucket(seaweed: Seaweed, name: str) -> None:
    """SeaweedFS makes a bucket with the first object in it."""
    store = S3Store(
        name,
        endpoint=seaweed.endpoint,
        region=seaweed.region,
        access_key_id=seaweed.access_key,
        secret_access_key=seaweed.secret_key,
        client_options={"allow_http": True},
    )
    obstore.put(store, "probe", b"probe")
    obstore.delete(store, "probe")
