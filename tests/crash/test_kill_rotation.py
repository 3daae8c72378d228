# ruff: noqa: S311 - nothing here is a secret
"""A rotation of keys that is killed at any moment, again and again, beside a server that is being read from."""

import json
import os
import random
import signal
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

from tests.crash.clients import Acknowledged, Client, Told, disorder, lost, unique_picture, upload
from tests.crash.test_kill import ENCRYPTION_KEY, _unseal
from tests.support.server import RunningServer, command, run_command, running_server, start_server

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "15")) // 5 or 2
OLD_KEY = "01d" * 21 + "0"
MIB = 1 << 20
MAGIC = b"\x93HOLDALL"


def test_a_rotation_that_is_killed_is_taken_up_again(tmp_path: Path):
    """Plain files, files of the old key, then one that is not interrupted: all is current, and nothing is lost."""
    data = tmp_path / "data"
    told, chance = Told(), random.Random()
    with running_server(data) as server:
        _fill(server, told, chance)
    with running_server(data, HOLDALL_ENCRYPTION_KEY=OLD_KEY, HOLDALL_ENCRYPTION_PLAIN="allow") as server:
        _fill(server, told, chance)
    keys = {"HOLDALL_ENCRYPTION_KEY": f"{ENCRYPTION_KEY} {OLD_KEY}", "HOLDALL_ENCRYPTION_PLAIN": "allow"}
    server = start_server(data, **keys)
    try:
        for _ in range(ROUNDS):
            _rotate_until_killed(server, chance.uniform(0.2, 1.5))
            assert lost(server, server.demo, chance.sample(told.acknowledged, 10)) == []
        done = json.loads(run_command(server.env, "rotate-keys"))
        assert (done["failed"], done["unnamed"]) == ([], 0)
        assert lost(server, server.demo, told.acknowledged) == []
        assert server.stop() == 0
    finally:
        server.kill()
    with running_server(data, HOLDALL_ENCRYPTION_KEY=ENCRYPTION_KEY) as server:
        assert lost(server, server.demo, told.acknowledged) == []
        again = json.loads(run_command(server.env, "rotate-keys"))
        assert again == {"renewed": 0, "current": done["renewed"] + done["current"], "unnamed": 0, "failed": []}
        assert server.stop() == 0
        run_command(server.env, "sweep", "--grace-seconds", "0")
    assert disorder(data, lambda key: _unseal(data, key)) == []
    assert [path for path in (data / "blobs").rglob("*") if path.is_file() and not _is_sealed(path)] == []


def _fill(server: RunningServer, told: Told, chance: random.Random) -> list[Acknowledged | None]:
    with closing(Client(server, server.demo)) as client:
        texts = [chance.randbytes(size).hex().encode() for size in (10, *[100_000] * 20, 3 * MIB)]
        files = [upload(client, told, "bika", "a.txt", text) for text in texts]
        return [*files, upload(client, told, "pika", "me.jpg", unique_picture(chance))]


def _rotate_until_killed(server: RunningServer, seconds: float) -> None:
    process = subprocess.Popen(
        command("rotate-keys"), env=server.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_sealed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC
