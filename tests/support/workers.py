"""Workers as processes."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.server import command

START_SECONDS = 30
STOP_SECONDS = 25
"""Documented in docs/how-to/workers.md."""


class Worker:
    """A worker with these settings, in a process group of its own; what it says goes to a file."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(command("worker"), env=env, stderr=output, start_new_session=True)

    def wait(self) -> "Worker":
        """Until it works."""
        end = time.monotonic() + START_SECONDS
        while b'"working"' not in self._log.read_bytes():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """At once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As a supervisor does."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text(errors="replace")
