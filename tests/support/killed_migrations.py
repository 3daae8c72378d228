"""Migrations that are killed: ``python -m tests.support.killed_migrations``, one a line of standard input.

A line is an address and a number, and after it perhaps a fraction of a second. The migration kills itself, by SIGKILL,
before it sends the statement of that number, or that long after it was sent, with the server at work on it. The answer
is how many statements it would have sent; 0 where it was killed.
"""

import os
import signal
import sys
from threading import Timer
from typing import Any

from alembic import command  # noqa: F401  here once, and not in each child
from sqlalchemy import Engine, event

from holdall.adapters.db import schema


def main() -> None:
    """Fork for each line; nothing here starts a thread."""
    for line in sys.stdin:
        url, number, *delay = line.split()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, str(_migrate(url, int(number), *map(float, delay))).encode())
            os._exit(0)
        os.close(writing)
        _, status = os.waitpid(child, 0)
        said = os.read(reading, 100).decode()
        os.close(reading)
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(0 if is_killed else said or "failed", flush=True)  # noqa: T201  the answer


def _migrate(url: str, number: int, delay: float = 0.0) -> int:
    seen = 0

    def count(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number and delay:
            Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
        elif seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    schema.migrate(url)
    return seen


if __name__ == "__main__":
    main()
