"""A migration that is killed at any statement is made by the next run, and the rows are those of one that was not."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from holdall.adapters.db import schema
from tests.integration.test_migrations import connected, describe
from tests.support.earlier_data import SCHEMAS, all_rows, carry_over, unpack
from tests.support.postgres import Postgres, postgres

__all__ = ["postgres"]
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "4"))
"""Statements to be killed at; all of them if there are not so many."""
Killed = Callable[[str, int, float], int]


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_migration_that_is_killed_is_made_by_the_next_run(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
):
    earlier = unpack(SCHEMAS[0], tmp_path / "data")
    if engine == "sqlite":
        copy = _file_copier(earlier.data / "holdall.sqlite3", tmp_path)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        original = server.make_database()
        carry_over(earlier, original)
        copy = _database_copier(server, original)
    with _migrating() as killed:
        whole = copy()
        statements = killed(whole, 0, 0)
        wanted_rows, wanted_tables = all_rows(whole), _tables(whole)
        chosen = random.sample(range(1, statements + 1), min(ROUNDS, statements))
        stages = set()
        for number in chosen:
            url = copy()
            delay = random.choice((0, 0.001))  # noqa: S311  as above
            assert not killed(url, number, delay) or delay  # the last ones may be through within a millisecond
            stages.add(schema.current(url))
            schema.migrate(url)
            assert schema.current(url) == schema.HEAD
            assert all_rows(url) == wanted_rows, number
            assert _tables(url) == wanted_tables, number
    print(  # noqa: T201  the figures are what this test is for
        f"\n{engine}: killed at {len(chosen)} of {statements} statements from {SCHEMAS[0]} to {schema.HEAD}; "
        f"found at {', '.join(sorted(map(str, stages)))}; 0 rows other than those of a migration left alone"
    )
    assert statements > 50
    if engine == "sqlite":
        assert stages <= {SCHEMAS[0], schema.HEAD}  # all of it or nothing
    elif len(chosen) == statements:
        assert len(stages) > 2  # revision by revision


def _file_copier(path: Path, folder: Path) -> Callable[[], str]:
    def copy() -> str:
        file = folder / f"{random.getrandbits(64):x}.db"
        shutil.copy(path, file)
        return f"sqlite:///{file}"

    return copy


def _database_copier(server: Postgres, original: str) -> Callable[[], str]:
    template = urlsplit(original).path[1:]

    def copy() -> str:
        url = server.make_database()
        name = urlsplit(url).path[1:]
        with server.connect("postgres") as connection:
            connection.execute(f'DROP DATABASE "{name}"')
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return url

    return copy


def _tables(url: str) -> dict[str, object]:
    """What the database says of its tables, and that no index is left half-made."""
    with connected(url) as connection:
        if connection.dialect.name == "postgresql":
            assert connection.scalar(text("SELECT count(*) FROM pg_index WHERE NOT indisvalid")) == 0
        return describe(connection)


@contextmanager
def _migrating() -> Iterator[Killed]:
    """One process for all rounds, which forks: most of a migration's time is to import what makes it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.killed_migrations"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdin
    assert process.stdout

    def killed(url: str, number: int, delay: float) -> int:
        print(url, number, delay or "", file=process.stdin, flush=True)
        return int(process.stdout.readline())

    try:
        yield killed
    finally:
        process.communicate(timeout=30)
