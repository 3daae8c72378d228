"""A server whose files are encrypted where they lie: nobody who calls it can tell, and nobody who reads the disk."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.commands import completed
from tests.support.engines import on_a_folder
from tests.support.images import jpeg
from tests.support.server import RunningServer, command, run_command, running_server

OLD, NEW = "0d" * 32, "1e" * 32
MIB = 1 << 20
LINE = b"The crew found the north side of the roof sound, and noted it on the sheet.\n"
CONTENTS = {
    "notes.txt": LINE * 40,
    "empty.bin": b"",
    "chunk.bin": os.urandom(64 * 1024),
    "photo.jpg": jpeg(640, 480),
    "backup.bin": LINE + os.urandom(9 * MIB),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("sealed") / "data", HOLDALL_ENCRYPTION_KEY=OLD) as running:
        yield running


@pytest.fixture(scope="module")
def links(server: RunningServer) -> dict[str, str]:
    """Where each of the files is read."""
    return upload(server, CONTENTS)


def upload(server: RunningServer, contents: dict[str, bytes]) -> dict[str, str]:
    bika = server.demo["bika"]
    path = f"/api/openapi/bika/v1/spaces/{bika['space_id']}/attachments"
    with httpx.Client(base_url=server.base_url, headers={"Authorization": f"Bearer {bika['token']}"}) as client:
        answers = {name: client.post(path, files={"file": (name, data)}) for name, data in contents.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(contents, 200)
    return {name: local(answer.json()["data"][0]["url"]) for name, answer in answers.items()}


def local(url: str) -> str:
    parts = httpx.URL(url)
    return parts.raw_path.decode()


def get(server: RunningServer, link: str, span: str = "") -> httpx.Response:
    return httpx.get(server.base_url + link, headers={"Range": f"bytes={span}"} if span else {})


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_comes_back_as_it_was_sent(server: RunningServer, links: dict[str, str], name: str):
    """The digest in its headers is that of the plain bytes."""
    answer = get(server, links[name])

    assert (answer.status_code, answer.content) == (200, CONTENTS[name])
    assert answer.headers["etag"] == f'"sha256-{hashlib.sha256(CONTENTS[name]).hexdigest()}"'


@pytest.mark.parametrize(
    ("span", "start", "stop"),
    [
        ("0-0", 0, 1),
        ("65535-65536", 65_535, 65_537),
        ("0-65535", 0, 65_536),
        ("100000-5000000", 100_000, 5_000_001),
        ("9000000-", 9_000_000, None),
        ("-1", -1, None),
    ],
)
def test_ranges_are_slices(server: RunningServer, links: dict[str, str], span: str, start: int, stop: int | None):
    answer = get(server, links["backup.bin"], span)

    assert (answer.status_code, answer.content) == (206, CONTENTS["backup.bin"][start:stop])


@on_a_folder
def test_the_same_bytes_are_kept_once(server: RunningServer, links: dict[str, str]):
    """The digest that tells is that of the plain bytes."""
    before = files(server)
    again = upload(server, {"again.txt": CONTENTS["notes.txt"]})

    assert again["again.txt"] != links["notes.txt"]
    assert files(server) == before


@on_a_folder
@pytest.mark.usefixtures("links")
def test_nothing_of_a_file_can_be_read_from_the_disk(server: RunningServer):
    """In no file of the installation, database and logs included."""
    needles = [LINE[:24], CONTENTS["chunk.bin"][:16], CONTENTS["photo.jpg"][:11], CONTENTS["backup.bin"][-16:]]
    kept = [path for path in server.data.rglob("*") if path.is_file() and path.parent.name != "samples"]

    assert len(kept) > len(CONTENTS)
    assert [path for path in kept if any(needle in path.read_bytes() for needle in needles)] == []


@on_a_folder
def test_a_changed_byte_is_an_error_and_never_a_wrong_byte(server: RunningServer):
    """In the first chunk there is no answer but 410, and the file is lost; later the answer breaks off."""
    data = {"first.bin": os.urandom(MIB), "last.bin": os.urandom(MIB)}
    found = {name: new_file(server, name, content) for name, content in data.items()}
    for name, (_, path) in found.items():
        change(path, 100 if name == "first.bin" else -100)

    assert get(server, found["first.bin"][0]).status_code == 410
    assert get(server, found["last.bin"][0], "0-99").content == data["last.bin"][:100]
    read = read_until_it_breaks(server, found["last.bin"][0])
    assert data["last.bin"].startswith(read)
    assert len(read) < MIB


def read_until_it_breaks(server: RunningServer, link: str) -> bytes:
    """What comes of a file before the connection is cut; that it is cut is part of it."""
    pieces: list[bytes] = []
    with httpx.stream("GET", server.base_url + link) as answer, pytest.raises(httpx.RemoteProtocolError):
        pieces.extend(answer.iter_raw())
    return b"".join(pieces)


@on_a_folder
def test_exchanged_files_are_an_error(server: RunningServer):
    """Of the same size, both genuine."""
    (one, one_path), (other, other_path) = (new_file(server, f"{n}.bin", os.urandom(1000)) for n in range(2))
    one_bytes, other_bytes = one_path.read_bytes(), other_path.read_bytes()
    one_path.write_bytes(other_bytes)
    other_path.write_bytes(one_bytes)

    assert [get(server, link).status_code for link in (one, other)] == [410, 410]


def new_file(server: RunningServer, name: str, data: bytes) -> tuple[str, Path]:
    """Where it is read, and where it lies."""
    before = files(server)
    [link] = upload(server, {name: data}).values()
    [path] = files(server) - before
    return link, path


def files(server: RunningServer) -> set[Path]:
    return {path for path in (server.data / "blobs").rglob("*") if path.is_file()}


def change(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_the_keys_reach_no_child_and_no_log(server: RunningServer, links: dict[str, str]):
    """Children parse hostile files; the log goes who knows where."""
    assert get(server, links["notes.txt"]).status_code == 200
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()

    assert children != []
    assert [child for child in children if OLD.encode() in Path(f"/proc/{child}/environ").read_bytes()] == []
    assert OLD not in server.log()


def test_keys_change_while_files_are_read(tmp_path: Path):
    """The new key comes first, the files are renewed, the old key goes."""
    data = tmp_path / "data"
    with running_server(data, HOLDALL_ENCRYPTION_KEY=OLD) as server:
        links = upload(server, CONTENTS)
    with running_server(data, HOLDALL_ENCRYPTION_KEY=f"{NEW},{OLD}") as server:
        rotating = subprocess.Popen(command("rotate-keys"), env=server.env)
        while rotating.poll() is None:
            assert {name: get(server, link).content for name, link in links.items()} == CONTENTS
        assert rotating.returncode == 0
    with running_server(data, HOLDALL_ENCRYPTION_KEY=NEW) as server:
        assert {name: get(server, link).content for name, link in links.items()} == CONTENTS


def test_without_its_key_a_server_does_not_start(tmp_path: Path):
    """Nor does any command that touches files; it says which setting, and shows no key."""
    with running_server(tmp_path / "data", HOLDALL_ENCRYPTION_KEY=OLD) as server:
        env = dict(server.env)
    for key in ("", NEW):
        for arguments in (["serve"], ["sweep", "--grace-seconds", "0"], ["rotate-keys"]):
            refused = run({**env, "HOLDALL_ENCRYPTION_KEY": key}, *arguments)
            assert (refused.returncode, "HOLDALL_ENCRYPTION_KEY" in refused.stderr) == (2, True), refused.stderr
            assert key not in refused.stderr or not key
            assert "Traceback" not in refused.stderr


def test_there_is_nothing_to_rotate_to_without_a_key(tmp_path: Path):
    with running_server(tmp_path / "data") as server:
        refused = run(server.env, "rotate-keys")

    assert (refused.returncode, "there is no key to rotate to" in refused.stderr) == (2, True)


def test_the_doctor_looks_at_the_keys(tmp_path: Path):
    """Whether they can be read, by whom, and whether they open what is there."""
    keys = tmp_path / "keys"
    keys.write_text(OLD)
    keys.chmod(0o600)
    with running_server(tmp_path / "data", HOLDALL_ENCRYPTION_KEY_FILE=str(keys)) as server:
        env = dict(server.env)
    server.data.chmod(0o700)
    well = run(env, "doctor")
    keys.chmod(0o644)
    open_to_others = run(env, "doctor")
    plain_too = run({**env, "HOLDALL_ENCRYPTION_PLAIN": "allow"}, "doctor")
    keys.write_text(NEW)
    wrong = run(env, "doctor")
    keys.unlink()
    gone = run(env, "doctor")
    del env["HOLDALL_ENCRYPTION_KEY_FILE"]
    without = run(env, "doctor")

    assert (well.returncode, "the keys open them" in well.stderr) == (0, True), well.stderr
    assert (open_to_others.returncode, "chmod go=" in open_to_others.stderr) == (1, True)
    assert (plain_too.returncode, "holdall rotate-keys" in plain_too.stderr) == (1, True)
    assert (wrong.returncode, "not among ours" in wrong.stderr) == (1, True)
    assert (gone.returncode, "No such file" in gone.stderr) == (1, True)
    assert (without.returncode, "there is no key" in without.stderr) == (1, True)


def run(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Its output comes in one long line, however narrow the terminal."""
    return completed(env | {"COLUMNS": "1000"}, *arguments)


@on_a_folder
def test_the_data_folder_stays_private(server: RunningServer):
    """The folders that encryption adds too."""
    run_command(server.env, "demo", "--json")

    assert (server.data / "sealing").stat().st_mode & 0o777 == 0o700
    assert [path for path in files(server) if path.stat().st_mode & 0o777 != 0o600] == []
