"""(l) What it costs to count calls: not at all, in the process, in a Redis beside it."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

from bench import servers
from bench.cases.setting import Setting
from bench.report import cell, figure, new_table, show
from bench.requests import Get
from bench.rounds import Stretch, interleave, spread_of, talking

OFF, LOCAL, REDIS = "not counted", "counted in the process", "counted in Redis"
_PLENTY = str(10**9)
_PATIENCE_SECONDS = 20.0


def run(setting: Setting) -> None:
    """Measure and show."""
    with ExitStack() as stack:
        counted = {"RATE_LIMIT": "on", "CALLS_PER_MINUTE": _PLENTY}
        given: dict[str, dict[str, str]] = {OFF: {}, LOCAL: counted}
        if program := shutil.which("redis-server") or shutil.which("valkey-server"):
            given[REDIS] = counted | {"REDIS_URL": stack.enter_context(_redis(program))}
        else:
            setting.tell("there is no redis-server")
        contestants = {}
        for number, (name, settings) in enumerate(given.items()):
            folder = stack.enter_context(servers.new_folder(setting.folder / str(number)))
            ours = stack.enter_context(servers.holdall(folder, **settings))
            talk = Get("/wp-json/pika/v1/auth/me", ours.person)
            for at_once in (1, 8):
                contestants[f"{name}, {at_once} at once"] = talking(
                    setting.load, ours.server, talk, at_once, setting.seconds(3.0)
                )
        _show(interleave(setting.rounds, contestants, setting.tell))


def _show(found: Mapping[str, Sequence[Stretch]]) -> None:
    table = new_table("(l) GET /auth/me", "", "per second", "p50 ms", "p99 ms", "CPU ms")
    for name, stretches in found.items():
        table.add_row(
            name,
            cell(spread_of(stretches, "per_second")),
            figure(spread_of(stretches, "p50_ms").median),
            figure(spread_of(stretches, "p99_ms").median),
            cell(spread_of(stretches, "cpu_ms")),
        )
    show("l", table, [], ["CPU of Holdall's processes; Redis's own is not in it."])


@contextmanager
def _redis(program: str) -> Iterator[str]:
    """A Redis that keeps nothing on the disk; its address."""
    port = servers.free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{program} does not serve")
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
