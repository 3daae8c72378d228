# ruff: noqa: S311 - nothing here is a secret
"""Asked to stop under load: it does, soon, and each upload ends acknowledged and stored or refused and absent."""

import json
import random
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from http.client import HTTPException, HTTPResponse
from pathlib import Path

import pytest

from tests.acceptance.doors import Door, doors
from tests.crash.clients import disorder, rows, unique_picture
from tests.support.server import STOP_SECONDS, RunningServer, run_command, running_server

UPLOADS = 10
PIECES = 20


@dataclass(frozen=True)
class Slow:
    """An upload that takes its time, and what it was told in the end: ``0`` when there was no whole answer in JSON."""

    digest: str
    status: int


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path / "data", HOLDALL_STALL_SECONDS="2") as running:
        yield running


def send_slowly(
    server: RunningServer, door: Door, chance: random.Random, seconds: float, begun: threading.Barrier
) -> Slow:
    """Upload a file of its own in twenty pieces."""
    picture, comment = unique_picture(chance), b"\xff\xfe\xff\xff" + chance.randbytes(65_533)
    content = picture[:2] + comment * 8 + picture[2:]
    whole = door.post(door.form(replace(door.file, content=content, filename="a.jpg")))
    with socket.create_connection(("127.0.0.1", server.port), timeout=STOP_SECONDS) as connection:
        with suppress(OSError):
            for number, piece in enumerate(_cut(whole)):
                connection.sendall(piece)
                if number == 1:
                    begun.wait()
                time.sleep(seconds / PIECES)
        status, told = _answer(connection)
        return Slow(told.get("sha256", sha256(content).hexdigest()), status)


def _cut(whole: bytes) -> Sequence[bytes]:
    size = len(whole) // PIECES + 1
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _answer(connection: socket.socket) -> tuple[int, dict[str, str]]:
    """Status and JSON; Pika's tells the digest of what is kept, which is not what was sent."""
    answer = HTTPResponse(connection)
    try:
        answer.begin()
        told = json.loads(answer.read())
    except (OSError, HTTPException, ValueError):
        return 0, {}
    return answer.status, told


def test_a_stop_lets_every_upload_in_hand_end(server: RunningServer):
    """All of them are acknowledged when none takes long."""
    ended = _stop_amid(server, [0.5 + number / 4 for number in range(UPLOADS)])
    assert {slow.status for slow in ended} == {200}


def test_a_stop_is_not_held_up_by_the_slowest(server: RunningServer):
    """Within 30 seconds it is over, though some clients would go on much longer."""
    ended = _stop_amid(server, [2.0] * (UPLOADS - 3) + [36.0] * 3)
    assert [slow.status for slow in ended] == [200] * (UPLOADS - 3) + [503] * 3


def _stop_amid(server: RunningServer, durations: Sequence[float]) -> Sequence[Slow]:
    """Ask it to stop while an upload of each of these durations is under way."""
    table, begun = doors(server), threading.Barrier(UPLOADS + 1)
    kinds = [table["bika"], table["pika-avatar"]] * (UPLOADS // 2)
    with ThreadPoolExecutor(UPLOADS) as threads:
        running = [
            threads.submit(send_slowly, server, door, random.Random(), seconds, begun)
            for seconds, door in zip(durations, kinds, strict=True)
        ]
        begun.wait()
        time.sleep(0.3)
        asked = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - asked < STOP_SECONDS
        ended = [one.result() for one in running]
    _check_outcomes(server, ended)
    return ended


def _check_outcomes(server: RunningServer, ended: Sequence[Slow]) -> None:
    """What was acknowledged is stored; what was not is not; and no sweep is needed for that."""
    there = {digest for (digest,) in rows(server.data, "SELECT sha256 FROM blobs WHERE state = 'ready'")}
    assert [slow for slow in ended if (slow.status == 200) != (slow.digest in there)] == []
    assert server.staged() == []
    assert disorder(server.data) == []
    run_command(server.env, "sweep", "--grace-seconds", "0")
    assert disorder(server.data) == []
