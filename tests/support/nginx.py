"""A real nginx for tests, on the configuration that ``deploy/`` has, in front of a server of ours."""

import getpass
import grp
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.server import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "holdall.conf"
NODES = CONFIGURATION.with_name("nodes.conf")
NAME = "files.example.org"
PREFIX = "/_blobs"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
WORKER = "nobody" if os.getuid() == 0 else getpass.getuser()
"""Who the workers are: another user than Holdall's, where the tests may become one."""
_PATIENCE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Nginx:
    """Where it answers, and what it wrote."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        """Where clients reach it."""
        return f"https://127.0.0.1:{self.port}"

    def trust(self) -> ssl.SSLContext:
        """What trusts its certificate, whatever name it is reached by."""
        context = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        context.check_hostname = False
        return context

    def access_log(self) -> str:
        """One line for each answer."""
        return (self.folder / "access.log").read_text()

    def error_log(self) -> str:
        """What it complained of."""
        return (self.folder / "error.log").read_text()


@contextmanager
def running_nginx(folder: Path, blobs: Path, upstream: int, port: int) -> Iterator[Nginx]:
    """One in front of the server at ``upstream``; it knows each thing that an operator changes, and nothing else."""
    folder.mkdir()
    _make_certificate(folder)
    configuration = folder / "nginx.conf"
    configuration.write_text(configured(CONFIGURATION.read_text(), changes_for(folder, blobs, upstream, port)))
    assert NGINX is not None
    command = [NGINX, "-c", str(configuration), "-p", str(folder), "-g", "daemon off;"]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (folder / "nginx.pid").exists() or not (folder / "nginx.pid").read_text().strip():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((folder / "output").read_text())
            time.sleep(0.01)
        yield Nginx(port, folder)
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


def changes_for(folder: Path, blobs: Path, upstream: int, port: int) -> Mapping[str, str]:
    """What an operator changes, and the places that are root's."""
    return {
        "user www-data holdall;": f"user {WORKER} {_own_group()};",
        "worker_processes auto;": "worker_processes 1;",
        "/run/nginx-holdall.pid": f"{folder}/nginx.pid",
        "/var/log/nginx/holdall-error.log": f"{folder}/error.log",
        "/var/log/nginx/holdall-access.log": f"{folder}/access.log",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream};",
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "        listen [::]:80;\n": "",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "        listen [::]:443 ssl http2;\n": "",
        "/etc/ssl/holdall": str(folder),
        "/var/lib/holdall/blobs": str(blobs),
        "default_type application/octet-stream;\n": "default_type application/octet-stream;\n"
        + "".join(
            f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        ),
    }


NODES_HEAD = """\
# nginx in front of several nodes that keep their files in an object store: deploy/nginx/holdall.conf without the files
# that it would send, as deploy/compose/full.yaml uses it. Written by `python -m tests.support.nginx`.
"""


def of_nodes(text: str) -> str:
    """The configuration in front of several nodes with an object store, made of the one with a local folder."""
    begin = text.index("        # Files that Holdall, after all its checks")
    end = text.index("    }\n}\n", begin)
    text = text[text.index("\n\n") + 1 : begin].rstrip() + "\n" + text[end:]
    return NODES_HEAD + configured(
        text,
        {
            "# A user of its own, in Holdall's group: with HOLDALL_BLOBS_READ_BY=group it can read the files, and "
            "neither the database\n# nor the keys. Without HOLDALL_SEND_FILE it needs no such group.\n": "",
            "user www-data holdall;": "user nginx;",
            "/var/log/nginx/holdall-error.log": "/dev/stderr",
            "/var/log/nginx/holdall-access.log": "/dev/stdout",
            "server 127.0.0.1:8000;": "server 172.30.0.11:8000;\n        server 172.30.0.12:8000;",
            "/run/nginx-holdall.pid": "/run/nginx.pid",
        },
    )


def configured(text: str, changes: Mapping[str, str]) -> str:
    """The configuration with each of these changed; each of them must be there."""
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


def _own_group() -> str:
    return grp.getgrgid(os.getgid()).gr_name


def _make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "privkey.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))


if __name__ == "__main__":
    NODES.write_text(of_nodes(CONFIGURATION.read_text()))
