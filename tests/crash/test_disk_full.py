# ruff: noqa: S311 - nothing here is a secret
"""On a disk that is full, in bytes or in files: a clear refusal, reads go on, and new room is used at once."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crash.clients import Answer, Client, Demo, Told, disorder, kept, lost, unique_picture, upload
from tests.support.server import RunningServer, run_command, running_server

MIB = 1 << 20
SIZE = 48 * MIB
INODES = 720
"""A few more than a new installation takes, most for the 256 folders of the store and as many of the quarantine."""
MOST_UPLOADS = 400


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own in this folder; skips the test where that is not allowed."""
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("only root may mount a small disk")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@dataclass
class Full:
    """A server on a disk that its clients have filled."""

    server: RunningServer
    demo: Demo
    told: Told
    chance: random.Random

    def fill(self, size: int) -> None:
        """Upload files of this size until both dialects have refused ten in a row."""
        with closing(Client(self.server, self.demo)) as client:
            refused_in_a_row = 0
            for number in range(MOST_UPLOADS):
                dialect = ("bika", "pika")[number % 2]
                done = self.upload(client, dialect, size)
                refused_in_a_row = 0 if done else refused_in_a_row + 1
                if refused_in_a_row == 20:
                    return
        pytest.fail("the disk does not fill up")

    def upload(self, client: Client, dialect: str, size: int = 100) -> bool:
        """One upload, of about this size; whether it was taken."""
        if dialect == "bika":
            return bool(upload(client, self.told, "bika", "a.bin", b"Holdall" + self.chance.randbytes(size)))
        comments = (b"\xff\xfe\xff\xff" + self.chance.randbytes(65_533)) * (size // 65_537)
        picture = unique_picture(self.chance)
        return bool(upload(client, self.told, "pika", "me.jpg", picture[:2] + comments + picture[2:]))

    def check_refusals(self) -> None:
        """Each said that there is no room, in its dialect's JSON."""
        assert self.told.refused != []
        assert self.told.unknown == 0
        for answer in self.told.refused:
            check_no_room(answer)

    def check_goes_on(self) -> None:
        """It answers, what it took reads back, also for who was not here for a while, and nothing half is left."""
        assert self.server.process.poll() is None
        assert self.server.is_healthy()
        assert lost(self.server, self.demo, self.told.acknowledged) == []
        assert list((self.server.data / "blobs" / ".incoming").iterdir()) == []
        assert self.server.staged() == []
        newcomer = {"bika": self.demo["bika_other"], "pika": self.demo["pika"][1:]}
        with closing(Client(self.server, newcomer)) as client:
            assert client.ask("GET", "/wp-json/pika/v1/auth/me").status == 200
            assert client.ask("GET", f"{client.space}/nodes").status == 200
        with closing(Client(self.server, self.demo)) as client:
            assert client.list_records() != {}

    def check_works_again(self) -> None:
        """The very next upload of each dialect is taken, without a restart."""
        with closing(Client(self.server, self.demo)) as client:
            assert self.upload(client, "bika"), self.told.refused[-1]
            assert self.upload(client, "pika"), self.told.refused[-1]

    def check_order(self) -> None:
        """After a stop and a sweep, rows and bytes agree, and all that was acknowledged is among them."""
        assert self.server.stop() == 0
        run_command(self.server.env, "sweep", "--grace-seconds", "0")
        assert disorder(self.server.data) == []
        there = kept(self.server.data)
        assert [one for one in self.told.acknowledged if there.get(one.id) != one.sha256] == []


def check_no_room(answer: Answer) -> None:
    """507 in the JSON of whichever dialect it is."""
    assert (answer.status, answer.content_type) == (507, "application/json"), answer
    body = answer.json()
    assert body.get("success") is False or (body["code"], body["data"]["status"]) == ("upload_failed", 507)


@contextmanager
def serving_on(disk: Path) -> Iterator[Full]:
    """A server with its data there, which has done one upload in each dialect."""
    with running_server(disk) as server:
        full = Full(server, server.demo, Told(), random.Random())
        with closing(Client(server, full.demo)) as client:
            assert full.upload(client, "bika")
            assert full.upload(client, "pika")
        yield full


def test_a_full_disk_refuses_uploads_and_nothing_else(tmp_path: Path):
    """First the large files find no room, then, to the last byte, the small ones; then a large file goes away."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "disk", f"size={SIZE}"))
        full = stack.enter_context(serving_on(disk))
        filler = disk / "filler"
        filler.write_bytes(bytes(SIZE // 2))
        full.fill(MIB)
        with suppress(OSError), (disk / "last bytes").open("ab", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        full.fill(100)
        full.check_refusals()
        full.check_goes_on()
        filler.unlink()
        full.check_works_again()
        (disk / "last bytes").unlink()
        full.check_order()


def test_a_disk_without_room_for_more_files_refuses_uploads_and_nothing_else(tmp_path: Path):
    """Bytes there are plenty; what is used up is the number of files."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(tmp_path / "disk", f"size={SIZE},nr_inodes={INODES}"))
        full = stack.enter_context(serving_on(disk))
        fillers = [disk / f"filler {number}" for number in range(10)]
        for filler in fillers:
            filler.touch()
        full.fill(100)
        full.check_refusals()
        full.check_goes_on()
        for filler in fillers:
            filler.unlink()
        full.check_works_again()
        full.check_order()
