"""Commands of ``holdall``, run as processes of their own that need not import everything first.

A command spends a second on imports before it does its few milliseconds of work, and the tests run hundreds of them.
So one process imports what the command line is made of, and forks for each command. What is forked has one thread and
has opened nothing; ``holdall.cli`` itself, which looks at the terminal as it is imported, is imported by the fork, as
``python -m holdall.cli`` would.
"""

import functools
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

SECONDS = 120.0
"""For a command to end in."""
_STREAMS = 3
_WORD = "utf-8"


def completed(env: Mapping[str, str], *arguments: str, input: str = "") -> "subprocess.CompletedProcess[str]":
    """What a ``holdall`` command with these arguments said, and how it ended.

    Raises:
        subprocess.TimeoutExpired: it did not end in time, and was killed.

    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        stdin.write(input.encode())
        stdin.seek(0)
        code = _forge().run(env, arguments, (stdin.fileno(), out.fileno(), err.fileno()))
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, out.read().decode(), err.read().decode())


class _Forge:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="commands-")
        self._address = str(Path(self._folder.name) / "socket")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self._address)
            listening.listen()
            own = [sys.executable, "-m", __name__, str(listening.fileno())]
            self._process = subprocess.Popen(own, pass_fds=[listening.fileno()], start_new_session=True)

    def run(self, env: Mapping[str, str], arguments: tuple[str, ...], streams: tuple[int, int, int]) -> int:
        """The exit code of a command; negative: the signal that ended it."""
        told = json.dumps({"arguments": arguments, "env": dict(env), "folder": str(Path.cwd())}).encode()
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(SECONDS)
            asking.connect(self._address)
            socket.send_fds(asking, [len(told).to_bytes(4, "big")], streams)
            asking.sendall(told)
            with asking.makefile("r", encoding=_WORD) as answers:
                pid = int(answers.readline())
                try:
                    return int(answers.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(list(arguments), SECONDS) from None


@functools.cache
def _forge() -> _Forge:
    """One for this process; it ends with it, as nobody else can reach its socket."""
    return _Forge()


# ── the process that forks ───────────────────────────────────────────────────────────────────────────────────────


def _serve(listening: socket.socket) -> None:
    """Fork for each command, until the process that wants them is gone."""
    importlib.import_module("holdall.cli")
    del sys.modules["holdall.cli"]
    assert threading.active_count() == 1
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listening.settimeout(1.0)
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            asked, _ = listening.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            listening.close()
            _attend(asked)
        asked.close()


def _attend(asked: socket.socket) -> NoReturn:
    """Run one command in a fork of this fork, and tell its pid, then how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams = _receive(asked)
    told = json.loads(asked.recv(length, socket.MSG_WAITALL))
    command = os.fork()
    if command == 0:
        asked.close()
        _become(told, streams)
    asked.sendall(f"{command}\n".encode())
    _, status = os.waitpid(command, 0)
    asked.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _receive(asked: socket.socket) -> tuple[int, list[int]]:
    head, streams, _, _ = socket.recv_fds(asked, 4, _STREAMS)
    assert len(streams) == _STREAMS
    return int.from_bytes(head, "big"), streams


def _become(told: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be ``python -m holdall.cli`` with these arguments, in this environment, on these streams."""
    code = 1
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, encoding=_WORD) for number, mode in enumerate("rww")
        )
        os.chdir(told["folder"])
        os.environ.clear()
        os.environ.update(told["env"])
        sys.argv[1:] = told["arguments"]
        runpy.run_module("holdall.cli", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  as the interpreter itself does with what nobody caught
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
