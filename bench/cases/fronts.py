"""(n) Files read through nginx, on the configuration of ``deploy/``: sent by Holdall, and left to nginx by X-Accel."""

import getpass
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench import servers
from bench.cases.downloads import AT_ONCE, client_of
from bench.cases.setting import Setting
from bench.report import OURS, cell, figure, new_table, ratio, show
from bench.requests import Get, target
from bench.rounds import interleave, spread_of, talking
from bench.samples import Sample, text
from bench.servers import ROOT, Holdall, Server, free_port

WITHOUT = "the same, sent by Holdall"
_PREFIX = "/_blobs"


def run(setting: Setting) -> None:
    """Measure and show; the processor time is Holdall's alone."""
    table = new_table(
        f"(n) downloads through nginx, {AT_ONCE} at once",
        "",
        "requests/s",
        "ours/it",
        "GB/s",
        "CPU ms/request",
        "ours/it",
    )
    handing = {"TRUSTED_PROXIES": "127.0.0.1", "SEND_FILE": f"x-accel:{_PREFIX}"}
    with (
        servers.new_folder(setting.folder / "handing") as one,
        servers.new_folder(setting.folder / "sending") as other,
        servers.holdall(one, **handing) as handed,
        servers.holdall(other, TRUSTED_PROXIES="127.0.0.1") as sending,
        _nginx(one, handed) as front,
        _nginx(other, sending) as plain,
    ):
        for sample in (text("200 KB", 200_000), text("4 MB", 4_000_000)):
            seconds = setting.seconds(3)
            contestants = {
                OURS: talking(setting.load, front, _link(handed, sample), AT_ONCE, seconds),
                WITHOUT: talking(setting.load, plain, _link(sending, sample), AT_ONCE, seconds),
            }
            found = interleave(setting.rounds, contestants, lambda what, of=sample: setting.tell(f"{of.title}: {what}"))
            table.add_row(f"[bold]{sample.title}[/]")
            for name, stretches in found.items():
                requests, cpu = spread_of(stretches, "per_second"), spread_of(stretches, "cpu_ms")
                table.add_row(
                    "  X-Accel" if name == OURS else f"  {name}",
                    cell(requests),
                    "" if name == OURS else ratio(spread_of(found[OURS], "per_second"), requests),
                    figure(spread_of(stretches, "received_gb_per_second").median),
                    cell(cpu),
                    "" if name == OURS else ratio(spread_of(found[OURS], "cpu_ms"), cpu),
                )
    show("n", table, [])


def _link(ours: Holdall, sample: Sample) -> Get:
    form = {"file": (sample.name, sample.data, sample.mime)}
    with client_of(ours.server) as client:
        answer = client.post(ours.attachments_path, headers=ours.bearer, files=form).raise_for_status()
    return Get(target(answer.json()["data"][0]["url"]))


@contextmanager
def _nginx(folder: Path, ours: Holdall) -> Iterator[Server]:
    """It without TLS, which would cost both the same; known by Holdall's process, whose time is what is counted."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if nginx is None:
        raise RuntimeError("nginx is not installed (Debian: nginx-light)")
    port, own = free_port(), folder / "nginx"
    own.mkdir()
    (own / "nginx.conf").write_text(_configuration(own, folder / "data" / "blobs", ours.server.port, port))
    command = [nginx, "-c", str(own / "nginx.conf"), "-p", str(own), "-g", "daemon off;"]
    with servers.running(command, port, own) as front:
        yield replace(front, pid=ours.server.pid)


def _configuration(own: Path, blobs: Path, upstream: int, port: int) -> str:
    text = (ROOT / "deploy" / "nginx" / "holdall.conf").read_text()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    changes = {
        "user holdall;": f"user {getpass.getuser()};",
        "/run/nginx-holdall.pid": f"{own}/pid",
        "/var/log/nginx/": f"{own}/",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream};",
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen [::]:80;": "",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port};",
        "listen [::]:443 ssl http2;": "",
        "        ssl_certificate ": "        #",
        "        ssl_certificate_key ": "        #",
        "/var/lib/holdall/blobs": str(blobs),
        "    sendfile on;": "".join(f"    {kind}_temp_path {own}/{kind};\n" for kind in kinds) + "    sendfile on;",
    }
    for before, after in changes.items():
        if before not in text:
            raise RuntimeError(f"deploy/nginx/holdall.conf has no {before!r}")
        text = text.replace(before, after)
    return text
