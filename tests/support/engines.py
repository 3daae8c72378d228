"""Which engines the tests of whole installations run on: SQLite and a folder, or what the environment names.

``TEST_DATABASE=postgres`` and ``TEST_STORE=s3`` have every server and every house that does not name its own get a
database, or a bucket, of a real server of ours, which starts with the first of them and ends with the run.
"""

import atexit
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.postgres import Postgres, running_postgres
from tests.support.seaweed import Seaweed, running_seaweed, s3_settings

DATABASE = os.environ.get("TEST_DATABASE", "sqlite")
STORE = os.environ.get("TEST_STORE", "local")
_NAMED = {"sqlite", "postgres"}, {"local", "s3"}

on_sqlite = pytest.mark.skipif(DATABASE != "sqlite", reason="looks into the SQLite file")
"""For tests of what only that database has."""
on_a_folder = pytest.mark.skipif(STORE != "local", reason="looks at the files of a local store")
"""For tests of what only that store has."""

_running = ExitStack()
atexit.register(_running.close)


def engines_for(data: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The settings that give the installation in this folder its engines, where ``given`` does not; always the same."""
    settings: dict[str, str] = {}
    if DATABASE == "postgres" and "HOLDALL_DATABASE_URL" not in given:
        settings["HOLDALL_DATABASE_URL"] = _database_of(data)
    if STORE == "s3" and not any(name.startswith(("HOLDALL_S3_", "HOLDALL_BLOBS_")) for name in given):
        settings |= _bucket_of(data)
    return settings


@cache
def _database_of(data: Path) -> str:
    del data
    return _postgres().make_database()


@cache
def _bucket_of(data: Path) -> dict[str, str]:
    del data
    return s3_settings(_seaweed(), f"tests-{uuid4().hex[:12]}")


@cache
def _postgres() -> Postgres:
    return _running.enter_context(running_postgres())


@cache
def _seaweed() -> Seaweed:
    return _running.enter_context(running_seaweed(_make_folder))


def _make_folder(name: str) -> Path:
    return Path(
        _running.enter_context(tempfile.TemporaryDirectory(prefix=f"holdall-{name}-", ignore_cleanup_errors=True))
    )


if DATABASE not in _NAMED[0] or STORE not in _NAMED[1]:
    raise SystemExit(f"TEST_DATABASE is one of {sorted(_NAMED[0])}, TEST_STORE one of {sorted(_NAMED[1])}")
