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
