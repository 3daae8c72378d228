"""A database is moved to the other engine and back: every row of every table, whatever interrupts it."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, create_engine, delete, func, insert, select, text, update
from sqlalchemy.pool import NullPool

from holdall.adapters.db import moving, schema, sqlite
from holdall.adapters.db.engine import parse
from holdall.adapters.db.moving import ensure_whole, move_database
from holdall.adapters.db.tables import history, installation, metadata, nodes, records, users
from holdall.errors import Conflict
from holdall.flows.indexes import add_index
from holdall.flows.records import Place
from tests.support.every_table import MOMENT, fill_every_table, next_number
from tests.support.inprocess import House, opened_house
from tests.support.pika import Keeper
from tests.support.postgres import Postgres
from tests.support.server import command, free_port, run_command, server_env

TABLES = len(metadata.sorted_tables)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A look from outside, in one transaction."""
    address = parse(url)
    is_file = address.drivername == "sqlite"
    engine = sqlite.make_engine(str(address.database)) if is_file else create_engine(address, poolclass=NullPool)
    with engine.connect() as connection:
        if is_file:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.commit()


@pytest.fixture
def source(tmp_path: Path) -> str:
    """A SQLite file with seven rows in every table, less one in two of them."""
    url = f"sqlite:///{tmp_path / 'here.sqlite3'}"
    schema.migrate(url)
    with connected(url) as connection:
        fill_every_table(connection)
    return url


@pytest.fixture
def target(postgres: Postgres) -> str:
    """An empty PostgreSQL database."""
    return postgres.make_database()


def all_rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """What is in each table, as the code sees it."""
    with connected(url) as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def break_off(after: int) -> Callable[..., None]:
    """A progress that stops the move, as Ctrl-C would, once so many rows are through."""

    def on_step(_step: str, done: int, _total: int) -> None:
        if done >= after:
            raise KeyboardInterrupt

    return on_step


def is_comparing(step: str, *_: int) -> None:
    if step.startswith("comparing"):
        raise KeyboardInterrupt


def test_every_row_of_every_table_goes_there_and_back(source: str, target: str, tmp_path: Path):
    back = f"sqlite:///{tmp_path / 'back.sqlite3'}"

    there = move_database(source, target)
    returned = move_database(target, back)

    assert len(there.tables) == TABLES
    assert (there.rows, there.copied) == (TABLES * 7 - 2, TABLES * 7 - 2)
    assert returned.tables == there.tables
    assert all_rows(source) == all_rows(target) == all_rows(back)
    assert (tmp_path / "back.sqlite3").stat().st_mode & 0o777 == 0o600
    ensure_whole(target)


def test_numbers_go_on_where_they_were(source: str, target: str, tmp_path: Path):
    """Also where the last row is gone: its number is in use somewhere."""
    back = f"sqlite:///{tmp_path / 'back.sqlite3'}"
    move_database(source, target)
    move_database(target, back)

    for url in (source, target, back):
        with connected(url) as connection:
            assert [next_number(connection, name) for name in ("rescans", "deliveries", "records")] == [8, 8, 8]


@pytest.mark.parametrize("after", [0, 1, TABLES * 3, TABLES * 7 - 3])
def test_a_move_that_was_broken_off_goes_on(source: str, target: str, after: int, monkeypatch: pytest.MonkeyPatch):
    """And nothing is there twice; a service does not start in between."""
    monkeypatch.setattr(moving, "BATCH", 2)
    with pytest.raises(KeyboardInterrupt):
        move_database(source, target, break_off(after))
    with pytest.raises(Conflict, match="unfinished target"):
        ensure_whole(target)

    moved = move_database(source, target)

    assert moved.rows == TABLES * 7 - 2
    assert moved.copied <= moved.rows - after
    assert all_rows(source) == all_rows(target)
    ensure_whole(target)


def test_nodes_below_later_ones_are_moved_though_the_move_was_broken_off_before_they_were_tied(
    source: str, target: str, monkeypatch: pytest.MonkeyPatch
):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(moving, "_tie", stop)
        with pytest.raises(KeyboardInterrupt):
            move_database(source, target)

    move_database(source, target)

    with connected(target) as connection:
        assert connection.scalar(select(func.count()).where(nodes.c.parent_id > nodes.c.id)) == 6


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_target_that_holds_data_is_refused_and_left_alone(source: str, target: str):
    schema.migrate(target)
    with connected(target) as connection:
        connection.execute(insert(installation), {"name": "app_id", "value": "another"})
    before = all_rows(target)

    with pytest.raises(Conflict, match="holds data already, installation"):
        move_database(source, target)

    assert all_rows(target) == before


def test_a_target_that_is_somebody_elses_is_refused_and_left_alone(source: str, target: str):
    with connected(target) as connection:
        connection.execute(text("CREATE TABLE invoices (id int)"))

    with pytest.raises(Conflict, match="invoices"):
        move_database(source, target)

    assert schema.current(target) is None


def test_the_unfinished_target_of_another_database_is_refused(source: str, target: str):
    with pytest.raises(KeyboardInterrupt):
        move_database(source, target, break_off(0))
    with connected(source) as connection:
        connection.execute(update(installation).where(installation.c.name == "app_id").values(value="another"))

    with pytest.raises(Conflict, match="part of another database"):
        move_database(source, target)


def test_the_same_database_and_one_in_memory_are_refused(source: str):
    for target in (source, "sqlite://"):
        with pytest.raises(Conflict):
            move_database(source, target)


def test_a_source_of_another_version_is_refused(source: str, target: str):
    with connected(source) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    with pytest.raises(Conflict, match="holdall migrate"):
        move_database(source, target)


@pytest.mark.parametrize("change", ["a row changed", "a row gone", "a row more"])
def test_a_difference_is_found_and_the_target_stays_unfinished(source: str, target: str, change: str):
    """A source that was written to between two runs."""
    with pytest.raises(KeyboardInterrupt):
        move_database(source, target, is_comparing)
    with connected(target) as connection:
        if change == "a row changed":
            connection.execute(update(records).where(records.c.id == 3).values(cells={"zz": 2}))
        elif change == "a row gone":
            connection.execute(delete(history).where(history.c.id == 3))
        else:
            row = {"node_id": 1, "record": "r", "revision": 1, "deed": "x", "changes": {}, "user_id": 1, "at": MOMENT}
            connection.execute(insert(history), {"id": 99, **row})

    with pytest.raises(Conflict, match="not the same"):
        move_database(source, target)
    with pytest.raises(Conflict, match="unfinished"):
        ensure_whole(target)


def test_a_row_that_cannot_be_kept_there_is_named(source: str, target: str):
    """SQLite keeps the character NUL, PostgreSQL does not; the rows before it are kept, and the move goes on later."""
    with connected(source) as connection:
        connection.execute(update(users).where(users.c.id == 4).values(name="a\0b"))

    with pytest.raises(Conflict, match="row 4 of users"):
        move_database(source, target)
    with connected(target) as connection:
        assert connection.scalar(select(func.count()).select_from(users)) == 3

    with connected(source) as connection:
        connection.execute(update(users).where(users.c.id == 4).values(name="ab"))
    assert move_database(source, target).rows == TABLES * 7 - 2


# ── beside a service ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_served_database_is_not_moved(engine: str, postgres: Postgres, tmp_path: Path):
    """And once the service is stopped, it is."""
    own = {"HOLDALL_DATABASE_URL": postgres.make_database()} if engine == "postgres" else {}
    here = own.get("HOLDALL_DATABASE_URL", f"sqlite:///{tmp_path / 'data' / 'holdall.sqlite3'}")
    there = f"sqlite:///{tmp_path / 'there.sqlite3'}"

    with opened_house(tmp_path / "data", **own), pytest.raises(Conflict, match="at work"):
        move_database(here, there)

    assert move_database(here, there).rows > 0


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_no_service_starts_while_its_database_is_moved(engine: str, postgres: Postgres, tmp_path: Path):
    own = {"HOLDALL_DATABASE_URL": postgres.make_database()} if engine == "postgres" else {}
    here = own.get("HOLDALL_DATABASE_URL", f"sqlite:///{tmp_path / 'data' / 'holdall.sqlite3'}")
    (tmp_path / "data").mkdir()
    schema.migrate(here)
    with connected(here) as connection:
        connection.execute(insert(installation), {"name": "app_id", "value": "ours"})
    tried = []

    def try_to_start(*_: object) -> None:
        if not tried:
            with pytest.raises(Conflict, match="being moved"), opened_house(tmp_path / "data", **own):
                pass
            tried.append(True)

    move_database(here, f"sqlite:///{tmp_path / 'there.sqlite3'}", try_to_start)

    assert tried


# ── an installation ──────────────────────────────────────────────────────────────────────────────────────────────

BIKA, PIKA = "/api/openapi/bika", "/wp-json/pika/v1"
Look = tuple[str, dict[str, str]]


def good(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def a_bit_of_everything(house: House) -> list[Look]:
    """A tenant's file, records and a webhook, and somebody's books; and the addresses that tell of all that."""
    mine = house.demo["bika"]
    bearer = {"Authorization": f"Bearer {mine['token']}"}
    space, database = f"/spaces/{mine['space_id']}", f"/resources/databases/{mine['database_id']}"
    v1, v2 = f"{BIKA}/v1{space}", f"{BIKA}/v2{space}{database}"
    upload = house.request(
        "POST", f"{v1}/attachments", headers=bearer, files={"file": ("Größe 尺寸.txt", b"Ma\xc3\x9fe")}
    )
    [file] = good(upload)["data"]
    for number in range(3):
        fields = {"Name": f"Roof {number} 🧾", "Images": [{"id": file["id"]}]}
        good(house.request("POST", f"{v2}/records", headers=bearer, json={"records": [{"fields": fields}]}))
    hook = {"name": "Told", "callbackURL": "https://example.org/hook", "eventType": "ON_RECORD_CREATED"}
    good(house.request("POST", f"{v1}/outgoing-webhooks", headers=bearer, json=hook))
    keeper = Keeper(house, "bookish")
    keeper.spend(
        keeper.account(),
        personId=keeper.person("Ann")["id"],
        tags=[keeper.new_tag()["id"]],
        attachments=[keeper.upload()["id"]],
    )
    paths = ("/nodes", "/members", "/outgoing-webhooks", "/attachments", f"{database}/fields", f"{database}/views")
    return [
        (f"{v2}/records", bearer),
        *((v1 + path, bearer) for path in paths),
        (f"{v1}/attachments/{file['id']}/content", bearer),
        *((PIKA + path, keeper.headers) for path in ("/accounts", "/people", "/tags", "/transactions", "/auth/me")),
    ]


def told(house: House, looks: Sequence[Look]) -> list[str]:
    """What is answered; links apart, which are signed anew."""
    answers = [house.request("GET", path, headers=headers, follow_redirects=True) for path, headers in looks]
    assert [answer.status_code for answer in answers] == [200] * len(looks)
    return [re.sub(r"\?(?:exp|sig|e|s)=[^\"]*", "?…", answer.text) for answer in answers]


def test_an_installation_answers_alike_from_its_new_database(postgres: Postgres, tmp_path: Path):
    """And takes more: numbers and ids go on."""
    data, target = tmp_path / "data", postgres.make_database()
    with opened_house(data) as house:
        looks = a_bit_of_everything(house)
        mine = house.demo["bika"]
        house.tell(lambda services: add_index(services, Place(mine["space_id"], mine["database_id"]), "Name"))
        before = told(house, looks)

    moved = move_database(f"sqlite:///{data / 'holdall.sqlite3'}", target)

    with opened_house(data, HOLDALL_DATABASE_URL=target) as house:
        assert told(house, looks) == before
        record = {"records": [{"fields": {"Name": "One more"}}]}
        good(house.request("POST", looks[0][0], headers=looks[0][1], json=record))
        with connected(target) as connection:
            listed = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'ix_cell_%'"
            assert connection.scalar(text(listed)) == moved.indexes == 2


# ── killed ───────────────────────────────────────────────────────────────────────────────────────────────────────

PORTION = 1000


def test_a_move_that_is_killed_again_and_again_comes_to_its_end(postgres: Postgres, tmp_path: Path):
    """Ctrl-C, then SIGKILL at any row; what the target holds says where it goes on. Prints how many rounds it took."""
    data, target = tmp_path / "data", postgres.make_database()
    env = server_env(data, free_port(), {})
    here = f"sqlite:///{data / 'holdall.sqlite3'}"
    run_command(env, "migrate")
    with connected(here) as connection:
        fill_every_table(connection)
        row = {"record": "r", "revision": 1, "deed": "x", "changes": {"a": [1]}, "user_id": 1, "at": MOMENT}
        connection.execute(insert(history), [{"node_id": number, **row} for number in range(30 * PORTION)])
    stopped = _broken_off(env, target, 0, signal.SIGINT)
    assert (stopped.returncode, "Traceback" in stopped.stderr, "goes on" in stopped.stderr) == (130, False, True)
    kept, kills = _rows_there(target), 0
    while kept < 20 * PORTION:
        _broken_off(env, target, kept, signal.SIGKILL)
        kept = _rows_there(target)
        kills += 1

    done = subprocess.run(
        command("move-database", "--to", target), env=env, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "Set HOLDALL_DATABASE_URL=postgresql://postgres@/" in done.stderr
    assert all_rows(here) == all_rows(target)
    print(f"\nkilled {kills} times, {kept} rows were there by then; {done.stdout.splitlines()[-1]}")  # noqa: T201  the count
    assert kills > 0


def _broken_off(
    env: dict[str, str], target: str, before: int, by: signal.Signals
) -> "subprocess.CompletedProcess[str]":
    """Let a move begin, and send it a signal once it has got further than ``before``."""
    process = subprocess.Popen(
        command("move-database", "--to", target), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and _rows_there(target) <= before:
        time.sleep(0.01)
    process.send_signal(by)
    _, said = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, "", said)


def _rows_there(target: str) -> int:
    if schema.current(target) is None:
        return 0
    with connected(target) as connection:
        return connection.scalar(select(func.count()).select_from(history)) or 0


# ── how fast ─────────────────────────────────────────────────────────────────────────────────────────────────────

RECORDS = int(os.environ.get("MOVE_RECORDS", "2000"))


def test_how_many_rows_a_second_are_moved(postgres: Postgres, tmp_path: Path):
    """Records of eight cells, each with a line of history; there and back. Prints what docs/reference quotes."""
    here, there = (f"sqlite:///{tmp_path / name}.sqlite3" for name in ("here", "back"))
    target = postgres.make_database()
    schema.migrate(here)
    with connected(here) as connection:
        fill_every_table(connection)
        cells = {f"fld{number}": f"A text of some length, number {number}" for number in range(6)} | {
            "n": 1.5,
            "b": True,
        }
        times = {"created_at": MOMENT, "created_by": 1, "updated_at": MOMENT, "updated_by": 1}
        lines = {"revision": 1, "deed": "create", "changes": cells, "user_id": 1, "at": MOMENT, "node_id": 1}
        numbers = range(RECORDS)
        rows = [{"public_id": f"rec{n}", "node_id": 1, "revision": 1, "cells": cells, **times} for n in numbers]
        connection.execute(insert(records), rows)
        connection.execute(insert(history), [{"record": f"rec{n}", **lines} for n in numbers])

    for source, goal in ((here, target), (target, there)):
        began, copied_at = time.monotonic(), list[float]()

        def on_step(step: str, *_: int, copied_at: list[float] = copied_at) -> None:
            if step.startswith("comparing"):
                copied_at.append(time.monotonic())

        moved = move_database(source, goal, on_step)
        took, copying = time.monotonic() - began, copied_at[0] - began
        print(  # noqa: T201  the figures are what this test is for
            f"\nto {goal.partition(':')[0]}: {moved.rows} rows in {took:.1f} s, {moved.rows / took:.0f} a second"
            f" (copied in {copying:.1f} s, compared in {took - copying:.1f} s)"
        )
        assert moved.copied == moved.rows > 2 * RECORDS
