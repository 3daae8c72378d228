"""The migrations lead to the tables that the code speaks of, once, and back."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from holdall.adapters.db import schema, tables
from holdall.adapters.db.engine import parse
from holdall.errors import DatabaseUnavailable
from tests.support.databases import sqlite_url

PARTIAL_INDEXES = {
    "uq_spaces_personal": "is_personal",
    "uq_blobs_ready": "ready",
    "ix_blobs_unfinished": "ready",
    "ix_blobs_lost": "lost",
    "uq_scrubs_under_way": "is_finished",
}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    address: str = request.getfixturevalue("postgres").make_database()
    return address


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Look at a database from outside."""
    engine = create_engine(parse(url), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def test_head_is_the_newest_revision():
    scripts = ScriptDirectory(str(Path(schema.__file__).with_name("migrations")))

    assert scripts.get_heads() == [schema.HEAD]


VERSIONS = Path(schema.__file__).parent / "migrations" / "versions"


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("r*.py")), ids=lambda path: path.stem)
def test_what_a_revision_does_for_good_comes_first(path: Path):
    """An index made beside writers ends the transaction: after a kill, what stood before it would be done twice."""
    module = ast.parse(path.read_text())
    [upgrade] = [part for part in module.body if isinstance(part, ast.FunctionDef) and part.name == "upgrade"]
    calls = [node.func for node in ast.walk(upgrade) if isinstance(node, ast.Call)]
    steps = [(f.value.id, f.lineno) for f in calls if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name)]
    for_good = [line for name, line in steps if name == "beside"]
    at_the_end = [line for name, line in steps if name == "op"]

    assert max(for_good, default=0) < min(at_the_end, default=1 << 20)


def test_an_empty_database_has_no_revision_and_looking_makes_no_file(url: str, tmp_path: Path):
    assert schema.current(url) is None
    assert list(tmp_path.iterdir()) == []


def test_migrating_twice_is_harmless(url: str):
    schema.migrate(url)
    schema.migrate(url)

    assert schema.current(url) == schema.HEAD


def test_many_may_migrate_at_once(url: str):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(schema.migrate, [url] * 4))

    assert schema.current(url) == schema.HEAD


def test_migrated_tables_are_those_of_the_code(url: str):
    schema.migrate(url)

    with connected(url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []


def test_migrated_constraints_and_indexes_are_those_of_the_code(url: str, request: pytest.FixtureRequest):
    schema.migrate(url)
    other = sqlite_other(url, request)
    with connected(other) as connection:
        tables.metadata.create_all(connection)
        connection.commit()

    with connected(url) as migrated, connected(other) as created:
        assert describe(migrated) == describe(created)


def sqlite_other(url: str, request: pytest.FixtureRequest) -> str:
    """The address of another empty database of the same kind."""
    if url.startswith("sqlite"):
        return f"{url}-other"
    address: str = request.getfixturevalue("postgres").make_database()
    return address


def describe(connection: Connection) -> dict[str, Any]:
    """Everything that the database says of its tables, but for the order of columns' constraints."""
    seen = inspect(connection)
    looks: list[Callable[[str], Any]] = [
        lambda table: [seen.get_pk_constraint(table)],
        seen.get_foreign_keys,
        seen.get_unique_constraints,
        seen.get_indexes,
        lambda table: [column | {"type": str(column["type"])} for column in seen.get_columns(table)],
    ]
    return {
        table: [sorted(str(plain(found)) for found in look(table)) for look in looks]
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


def plain(value: Any) -> Any:
    """Spell out the clauses in what an inspector says."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else str(value)


@pytest.mark.parametrize("name", PARTIAL_INDEXES)
def test_partial_indexes_are_partial(url: str, name: str):
    schema.migrate(url)

    with connected(url) as connection:
        assert PARTIAL_INDEXES[name] in condition(connection, name)


def condition(connection: Connection, index: str) -> str:
    """What stands behind WHERE in an index."""
    catalogue = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE name = :index",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE indexname = :index",
    }
    definition: str = connection.scalar(text(catalogue[connection.dialect.name]), {"index": index})
    return definition.partition(" WHERE ")[2]


def test_numbers_are_not_given_twice_on_sqlite(tmp_path: Path):
    url = sqlite_url(tmp_path)
    schema.migrate(url)

    with connected(url) as connection:
        counting = connection.scalars(text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")).all()

    expected = {
        table.name for table in tables.metadata.tables.values() if table.dialect_options["sqlite"]["autoincrement"]
    }
    assert set(counting) == expected


def test_a_downgrade_leaves_nothing_behind(url: str):
    schema.migrate(url)

    with schema.connected(url) as connection:
        command.downgrade(schema.config(connection), "base")
        connection.commit()

    with connected(url) as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    assert schema.current(url) is None
    schema.migrate(url)
    assert schema.current(url) == schema.HEAD


def test_a_migration_that_fails_changes_nothing(url: str, monkeypatch: pytest.MonkeyPatch):
    def fail(_: Connection) -> None:
        raise DatabaseUnavailable("on purpose")

    monkeypatch.setattr(schema, "_ensure_whole", fail)
    with pytest.raises(DatabaseUnavailable):
        schema.migrate(url)

    assert schema.current(url) is None
    with connected(url) as connection:
        assert inspect(connection).get_table_names() == []


def test_rows_that_refer_to_nothing_are_not_passed_on(tmp_path: Path):
    url = sqlite_url(tmp_path)
    schema.migrate(url)
    with connected(url) as connection:
        connection.execute(text("INSERT INTO members VALUES (1, 'mem', 1, 1, 'owner', 0)"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        connection.commit()

    with schema.connected(url) as connection, pytest.raises(DatabaseUnavailable):
        schema._ensure_whole(connection)


def test_a_database_that_does_not_answer_is_unavailable(tmp_path: Path):
    for url in (f"postgresql://nobody@/none?host={tmp_path}", f"sqlite:///{tmp_path}/missing/holdall.db"):
        with pytest.raises(DatabaseUnavailable) as caught:
            schema.migrate(url)
        assert caught.value.__cause__ is not None


def test_looking_up_the_revision_does_not_import_alembic(tmp_path: Path):
    url = sqlite_url(tmp_path)
    schema.migrate(url)
    script = (
        f"import sys; from holdall.adapters.db import schema; schema.migrate({url!r}); print('alembic' in sys.modules)"
    )

    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout == "False\n"


def test_the_file_and_those_beside_it_are_for_our_eyes_only(tmp_path: Path):
    old = os.umask(0)
    try:
        url = sqlite_url(tmp_path)
        schema.migrate(url)
        with connected(url) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(old)

    assert modes == {"holdall.db": 0o600, "holdall.db-wal": 0o600, "holdall.db-shm": 0o600}
