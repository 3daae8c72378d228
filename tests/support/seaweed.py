"""A real S3-compatible store for tests: a SeaweedFS server of our own, on free ports, its data in a temp folder."""

import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

_WEED = Path(sys.executable).with_name("weed")
_GRPC = 10_000  # the server listens for its own kind on each port plus this
_PORTS = range(12_000, 22_000)  # these, and these plus _GRPC, lie below what the system gives to clients
_PATIENCE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Seaweed:
    """How to reach the running server. The bucket exists and is shared: each test takes a prefix of its own."""

    endpoint: str
    region: str = "us-east-1"
    bucket: str = "holdall-tests"
    access_key: str = "tester"
    secret_key: str = "not-a-secret"  # noqa: S105 - of a server that lives as long as the test run


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """A server for the whole run; each xdist worker has its own."""
    with running_seaweed(tmp_path_factory.mktemp) as server:
        yield server


@contextmanager
def running_seaweed(make_folder: Callable[[str], Path]) -> Iterator[Seaweed]:
    """A server of our own, as long as the context is open."""
    for _ in range(3):  # another worker may take a port between our look and the server's start
        with _running(make_folder("seaweed")) as server:
            if server:
                yield server
                return
    raise AssertionError("no SeaweedFS server would start")


@contextmanager
def _running(folder: Path) -> Iterator[Seaweed | None]:
    ports = _free_ports(4)
    server = Seaweed(f"http://127.0.0.1:{ports[3]}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(_command(folder, ports, server), stdout=log, stderr=log, cwd=folder)
    try:
        yield server if _answers(server, process) else None
    finally:
        process.kill()  # nothing in it is worth an orderly end
        process.wait()


def _command(folder: Path, ports: list[int], server: Seaweed) -> list[str]:
    volume, master, filer, s3 = ports
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [_identity(server)]}))
    data = folder / "data"
    data.mkdir()
    # Each bucket has volumes of its own; by default seven at once, of which most would stay empty.
    (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
    return [
        str(_WEED),
        "server",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={data}",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=1024",
        "-volume.max=4000",
        f"-volume.port={volume}",
        f"-master.port={master}",
        "-filer",
        f"-filer.port={filer}",
        f"-filer.localSocket={folder}/filer.sock",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.localSocket={folder}/s3.sock",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={config}",
    ]


def _identity(server: Seaweed) -> dict[str, object]:
    credentials = {"accessKey": server.access_key, "secretKey": server.secret_key}
    return {"name": "tester", "credentials": [credentials], "actions": ["Admin", "Read", "Write", "List"]}


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        port = random.choice(_PORTS)  # noqa: S311 - only to keep workers off each other's ports
        if port not in found and _is_free(port) and _is_free(port + _GRPC):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _answers(server: Seaweed, process: "subprocess.Popen[bytes]") -> bool:
    """Wait until the server takes an object, which also makes the bucket; ``False`` when it ended instead."""
    store = S3Store(
        server.bucket,
        endpoint=server.endpoint,
        region=server.region,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        client_options={"allow_http": True, "timeout": "5s"},
        retry_config={"max_retries": 0},
    )
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(BaseError):
            obstore.put(store, "probe", b"probe")
            obstore.delete(store, "probe")
            return True
        time.sleep(0.1)
    return False


def s3_settings(server: Seaweed, bucket: str) -> dict[str, str]:
    """The settings of an installation with its files in a bucket of its own, which is made."""
    store = S3Store(
        bucket,
        endpoint=server.endpoint,
        region=server.region,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        client_options={"allow_http": True},
    )
    obstore.put(store, "probe", b"probe")  # SeaweedFS makes a bucket with the first object in it
    obstore.delete(store, "probe")
    return {
        "HOLDALL_S3_BUCKET": bucket,
        "HOLDALL_S3_ENDPOINT": server.endpoint,
        "HOLDALL_S3_REGION": server.region,
        "HOLDALL_S3_ACCESS_KEY": server.access_key,
        "HOLDALL_S3_SECRET_KEY": server.secret_key,
    }
