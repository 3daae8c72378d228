# ruff: noqa: S311 - nothing here is a secret
"""The drill: a backup is begun, killed and made while clients upload; another machine has everything from it."""

import asyncio
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from holdall import backups
from holdall.domain.backups import BackupRefused
from holdall.settings import read_settings
from tests.crash.clients import Broken, Client, Told, lost, unique_picture, upload
from tests.support.server import RunningServer, command, free_port, run_command, running_server, server_env

KEY = "0b" * 32
CLIENTS = 2


def test_all_that_was_acknowledged_before_a_backup_reads_back_elsewhere(tmp_path: Path):
    """By digest and under the same links, from a backup that was made under load, after one that was killed."""
    target, told = tmp_path / "target", Told()
    with running_server(tmp_path / "data", HOLDALL_BACKUP_KEY=KEY) as server:
        threads, stop = _begin_to_upload(server, told)
        _wait_until(lambda: len(told.acknowledged) >= 20)
        _kill_midway(server, target)
        assert _is_whole_or_none(server, target)
        before = list(told.acknowledged)
        made = json.loads(run_command(server.env, "backup", str(target)))
        after = len(told.acknowledged)
        stop.set()
        for thread in threads:
            thread.join()

    elsewhere = server_env(tmp_path / "elsewhere", free_port(), {"HOLDALL_BACKUP_KEY": KEY})
    restored = json.loads(run_command(elsewhere, "restore", str(target)))
    with running_server(tmp_path / "elsewhere") as server:
        missing = lost(server, server.demo, before)
        print(  # noqa: T201  the figures are what this test is for
            f"\nof {len(before)} files acknowledged before the backup {len(before) - len(missing)} read back; "
            f"{after - len(before)} more came while it was made"
        )

    assert missing == []
    assert made["lost"] == []
    assert restored["files"] >= len(before)
    assert after > len(before), "the backup was made under load"
    assert told.refused == []


def _begin_to_upload(server: RunningServer, told: Told) -> tuple[list[threading.Thread], threading.Event]:
    stop = threading.Event()

    def go_on(seed: int) -> None:
        chance = random.Random(seed)
        with closing(Client(server, demo)) as client:
            while not stop.is_set():
                try:
                    if chance.random() < 0.3:
                        upload(client, told, "pika", "me.jpg", unique_picture(chance))
                    else:
                        upload(
                            client, told, "bika", "a.txt", chance.randbytes(chance.choice([5, 50_000])).hex().encode()
                        )
                except Broken:
                    return

    demo = server.demo
    threads = [threading.Thread(target=go_on, args=(seed,)) for seed in range(CLIENTS)]
    for thread in threads:
        thread.start()
    return threads, stop


def _kill_midway(server: RunningServer, target: Path) -> None:
    """As soon as there is something in the target."""
    process = subprocess.Popen(
        command("backup", str(target)), env=server.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    _wait_until(lambda: _contents(target) > 0)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_whole_or_none(server: RunningServer, target: Path) -> bool:
    try:
        return asyncio.run(backups.verify(read_settings(server.env), str(target), "", lambda *_: None)).wrong == []
    except BackupRefused as refusal:
        return "There are no backups" in str(refusal)


def _contents(target: Path) -> int:
    return sum(1 for path in target.glob("contents/??/*"))


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.002)
