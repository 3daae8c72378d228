"""What an earlier version left opens in this one, whole; what a later one left is left alone, and said to be."""

import hashlib
import http.client
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from holdall.adapters.db import schema
from tests.crash.clients import local_part
from tests.support.earlier_data import SCHEMAS, Earlier, all_rows, carry_over, opened, unpack
from tests.support.server import (
    FORM_TYPE,
    Part,
    RunningServer,
    command,
    encode_form,
    run_command,
    running_server,
    server_env,
)

NEWER = "9999"
KINDS = [("sqlite", schema) for schema in SCHEMAS] + [("postgres", SCHEMAS[0])]


@dataclass(frozen=True)
class Upgraded:
    """A server of this version over an earlier one's data."""

    earlier: Earlier
    server: RunningServer

    def ask(self, method: str, path: str, body: bytes = b"", type: str = "") -> tuple[int, bytes]:
        """What an earlier client gets, with the credentials of then."""
        known = self.earlier.known
        headers = {"Authorization": f"Bearer {known['token']}", "Cookie": f"pika_token={known['cookie']}"}
        if type:
            headers["Content-Type"] = type
        with closing(http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)) as connection:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()


@pytest.fixture(scope="module", params=KINDS, ids="-".join)
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """One start for all that is looked at."""
    engine, version = request.param
    data = tmp_path_factory.mktemp("upgraded") / "data"
    earlier = unpack(version, data)
    data.with_name("data.log").touch()  # no demo: what is there was made by the earlier version
    settings = {}
    if engine == "postgres":
        settings["HOLDALL_DATABASE_URL"] = request.getfixturevalue("postgres").make_database()
        carry_over(earlier, settings["HOLDALL_DATABASE_URL"])
    with running_server(data, **settings) as server:
        yield Upgraded(earlier, server)


def test_every_file_reads_back_to_the_byte(upgraded: Upgraded):
    known = upgraded.earlier.known
    status, body = upgraded.ask("GET", f"/api/openapi/bika/v1/spaces/{known['space']}/attachments?limit=100")
    assert status == 200, body
    # Bika's links of then have run out by now; those of today are asked for.
    links = {item["id"]: local_part(item["url"]) for item in json.loads(body)["data"]["attachments"]}

    read = {
        file["id"]: hashlib.sha256(upgraded.ask("GET", links.get(file["id"], file["path"]))[1]).hexdigest()
        for file in known["files"]
    }

    assert len(read) == 7
    assert read == {file["id"]: file["sha256"] for file in known["files"]}


def test_records_are_as_they_were_and_their_pictures_have_thumbnails(upgraded: Upgraded):
    status, body = upgraded.ask("GET", upgraded.earlier.known["list"])

    found, known = json.loads(body), upgraded.earlier.known["records"]
    assert status == 200
    assert without_links(found["data"]["records"]) == without_links(known["data"]["records"])
    pictures = re.findall(r'"thumbnailUrl":"([^"]+(?:png|jpg)/[^"]+)"', body.decode())
    assert [upgraded.ask("GET", local_part(link))[0] for link in pictures] == [200, 200]


def without_links(value: Any) -> Any:
    """What was said but for links, which end, and what was said of files only later."""
    if isinstance(value, Mapping):
        kept = ("id", "fields", "name", "mimeType", "size", "Name", "Stage", "Score", "Images")
        return {key: without_links(part) for key, part in value.items() if key in kept}
    return [without_links(part) for part in value] if isinstance(value, list) else value


def test_logs_are_whole_and_the_infected_file_is_known(upgraded: Upgraded):
    env = upgraded.server.env

    assert "The chain is whole" in run_command(env, "log", "verify")
    assert "Eicar_Test_File" in run_command(env, "quarantine", "list")


def test_what_was_there_and_comes_again_is_stored_once(upgraded: Upgraded):
    known = upgraded.earlier.known
    before = sum(path.is_file() for path in (upgraded.earlier.data / "blobs").rglob("*"))
    form = encode_form(Part("file", "für später\n".encode() * 20, "more.txt"))

    status, body = upgraded.ask("POST", f"/api/openapi/bika/v1/spaces/{known['space']}/attachments", form, FORM_TYPE)

    assert status == 200, body
    assert sum(path.is_file() for path in (upgraded.earlier.data / "blobs").rglob("*")) == before


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_what_a_newer_version_left_is_left_alone(engine: str, tmp_path: Path, request: pytest.FixtureRequest):
    earlier = unpack(SCHEMAS[-1], tmp_path / "data")
    url = earlier.url if engine == "sqlite" else request.getfixturevalue("postgres").make_database()
    if engine == "postgres":
        carry_over(earlier, url)
    schema.migrate(url)
    with opened(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :newer"), {"newer": NEWER})
        connection.commit()
    before, env = all_rows(url), server_env(earlier.data, 1, {"HOLDALL_DATABASE_URL": url})

    for arguments in (("serve",), ("migrate",), ("user", "add", "x")):
        done = subprocess.run(command(*arguments), env=env, capture_output=True, text=True, check=False)
        said = " ".join(done.stderr.split())
        assert done.returncode == 1
        assert f"newer version of Holdall: its schema is {NEWER}, and this version knows those up to" in said
        assert "restore a backup" in said
        assert "Traceback" not in said

    doctor = subprocess.run(command("doctor"), env=env, capture_output=True, text=True, check=False)
    said = " ".join(doctor.stderr.split())
    assert f"is at schema {NEWER}, this version needs {schema.HEAD}" in said
    assert "A newer version wrote it: start that again" in said
    assert all_rows(url) == before
