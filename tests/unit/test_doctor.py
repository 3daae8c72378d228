"""The doctor explains each red light: of the server that runs, and of the parts as it finds them itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from holdall import doctor
from holdall.bootstrap import prepare
from holdall.domain.readiness import WORDS, Light, Part, State
from holdall.settings import Settings, read_settings
from holdall.web.watching import lights_response
from tests.support.server import free_port


def settings(data: Path, **more: str) -> Settings:
    return read_settings({"HOLDALL_DATA_DIR": str(data), "HOLDALL_PORT": str(free_port()), **more})


@contextmanager
def answering(body: bytes, port: int) -> Iterator[None]:
    """Whoever answers one question there, with this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize("part", Part)
def test_each_red_light_of_the_running_server_is_explained(part: Part, tmp_path: Path):
    """With what to do about it, in the words of this program and not of whoever answered."""
    house = settings(tmp_path)
    with answering(bytes(lights_response([Light(part, State.SILENT)]).body), house.port):
        [found] = doctor._server(house)

    assert (found.is_good, found.remedy) == (False, WORDS[part].remedy)
    assert f"{part.value} is silent" in found.what


def test_a_running_server_that_is_ready_is_told(tmp_path: Path):
    house = settings(tmp_path)
    with answering(bytes(lights_response([Light(Part.SERVER, State.OK)]).body), house.port):
        [found] = doctor._server(house)

    assert found.is_good


def test_whoever_else_listens_there_is_told(tmp_path: Path):
    house = settings(tmp_path)
    with answering(b"<html>", house.port):
        [found] = doctor._server(house)

    assert not found.is_good
    assert "HOLDALL_PORT" in found.remedy


def test_no_server_is_no_finding(tmp_path: Path):
    """The doctor is asked before the first start, too."""
    assert list(doctor._server(settings(tmp_path))) == []


def test_a_part_that_is_missing_is_told_with_its_cause(tmp_path: Path):
    house = settings(tmp_path / "data", HOLDALL_READY_FREE_BYTES=str(1 << 60))
    prepare(house)
    [found] = doctor._parts(house)

    assert (found.is_good, found.remedy) == (False, WORDS[Part.ROOM].remedy)
    assert str(house.data) in found.what


def test_a_lost_folder_is_told_and_not_made_anew(tmp_path: Path):
    """By looking alone: an empty one would hide that the files are elsewhere."""
    house = settings(tmp_path / "data")
    prepare(house)
    (house.data / "blobs").rmdir()
    found = doctor.examine(house)

    assert [each.what for each in found if not each.is_good and "blobs" in each.what]
    assert not (house.data / "blobs").exists()


def test_what_a_group_may_read_is_no_fault_where_it_is_meant(tmp_path: Path):
    """Files that it cannot read are one, and so is all else that it can."""
    data = tmp_path / "data"
    (data / "blobs" / "aa").mkdir(parents=True)
    file, key = data / "blobs" / "aa" / "kept-before", data / "secret.key"
    for path, mode in ((data, 0o710), (data / "blobs", 0o750), (file, 0o600), (key, 0o600)):
        if not path.is_dir():
            path.touch()
        path.chmod(mode)
    shared = settings_of(data, HOLDALL_BLOBS_READ_BY="group")

    [before] = doctor._private(shared)
    file.chmod(0o640)
    [after] = doctor._private(shared)
    [unmeant] = doctor._private(settings_of(data))
    key.chmod(0o640)
    [leaking] = doctor._private(shared)

    assert not before.is_good
    assert "kept-before" in before.what
    assert "chmod 0640" in before.remedy
    assert after.is_good
    assert not unmeant.is_good
    assert not leaking.is_good
    assert leaking.remedy == f"chmod go= {key}"


def settings_of(data: Path, **more: str) -> Settings:
    return read_settings({"HOLDALL_DATA_DIR": str(data), **more})
