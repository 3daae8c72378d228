"""(s) Sweep and scrub: what their questions cost over a thousand, a hundred thousand, a million files."""

import asyncio
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bench import servers
from bench.cases.setting import Setting
from bench.report import Goal, at_most, figure, new_table, show
from holdall.adapters.db.engine import Database, open_database
from holdall.bootstrap import prepare
from holdall.flows.leftovers import PORTIONS
from holdall.flows.scrub import BATCH
from holdall.ports import Ledger
from holdall.settings import read_settings

SMALL, LARGE, MILLION = 1_000, 100_000, 1_000_000
ASKED, QUICKLY_ASKED = 200, 20
GROWTH = 1.5
WALK_SECONDS = 300.0
"""For all the questions of a scrub of a million files; it reads their bytes besides."""
_CHUNK = 10_000
_SHARE = 1000
"""One file in so many is condemned, one was deleted for good, and for each there is a key that was never used."""
_BOUNDED = {"scrub: the next 32 files, and the note", "scrub: what is lost", "sweep: what is due, nothing"}


def run(setting: Setting) -> None:
    """Measure and show."""
    sizes = [SMALL, LARGE, *([MILLION] if setting.has_million else [])]
    found: dict[str, list[float]] = {}
    for size in sizes:
        with servers.new_folder(setting.folder / str(size)) as folder:
            setting.tell(f"{size} files are made up")
            url = _database(folder, size)
            times = asyncio.run(_measured(url, size, QUICKLY_ASKED if setting.is_quick else ASKED))
        setting.tell(", ".join(f"{name}: {figure(ms)} ms" for name, ms in times.items()))
        for name, ms in times.items():
            found.setdefault(name, []).append(ms)
    table = new_table("(s) sweep and scrub: their questions on SQLite, ms", "", *map(str, sizes), "growth")
    goals: list[Goal] = []
    for name, times_of in found.items():
        growth = times_of[-1] / times_of[0]
        table.add_row(name, *map(figure, times_of), figure(growth))
        if name in _BOUNDED:
            goals.append(at_most(f"{name}: growth", GROWTH, growth))
    walk = found["scrub: all questions of a walk"][-1] / 1000
    goals.append(at_most(f"scrub: all questions over {sizes[-1]} files", WALK_SECONDS, walk, " s"))
    show("s", table, goals, [f"Each file has a rendition and an upload; one in {_SHARE} is condemned, one is deleted."])


def _database(folder: Path, size: int) -> str:
    settings = read_settings({"HOLDALL_DATA_DIR": str(folder / "data")})
    prepare(settings)
    with closing(sqlite3.connect(settings.data / "holdall.sqlite3")) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            "INSERT INTO users (id, public_id, login, login_key, email, email_key, name, created_at)"
            " VALUES (1, 'usr', 'a', 'a', '', '', 'A', 0)"
        )
        connection.execute(
            "INSERT INTO spaces (id, public_id, name, owner_id, is_personal, created_at)"
            " VALUES (1, 'spc', 'S', 1, 0, 0)"
        )
        for start in range(0, size, _CHUNK):
            numbers = range(start + 1, min(size, start + _CHUNK) + 1)
            connection.executemany(
                "INSERT INTO blobs (id, space_id, key, sha256, size, mime, state, touched_at)"
                " VALUES (?, 1, ?, ?, 200000, 'image/jpeg', ?, ?)",
                [_blob(number) for number in numbers],
            )
            connection.executemany(
                "INSERT INTO variants (blob_id, recipe, key, size, mime, sha256, width, height)"
                " VALUES (?, 'thumb', ?, 9000, 'image/webp', ?, 256, 192)",
                [(number, _key(), f"{number:064x}") for number in numbers],
            )
            connection.executemany(
                "INSERT INTO uploads (id, public_id, space_id, user_id, blob_id, name, path, door, kind, entity,"
                " created_at, deleted_at) VALUES (?, ?, 1, 1, ?, 'a.jpg', ?, 'attachment', 'image', '', 0, ?)",
                [(number, f"att{number}", number, f"a/{number}", _deleted(number)) for number in numbers],
            )
            connection.executemany(
                "INSERT INTO reservations (key, is_condemned, reserved_at) VALUES (?, 0, 0)",
                [(_key(),) for number in numbers if number % _SHARE == 0],
            )
            connection.commit()
    return settings.database


def _blob(number: int) -> tuple[Any, ...]:
    return number, _key(), f"{number:064x}", "condemned" if number % _SHARE == 1 else "ready", number


def _deleted(number: int) -> int | None:
    return number if number % _SHARE == 2 else None


def _key() -> str:
    key = uuid.uuid4().hex
    return f"{key[:2]}/{key}"


async def _measured(url: str, size: int, asked: int) -> dict[str, float]:
    database = open_database(url)
    now = datetime.now(UTC)
    try:
        return {
            **await _scrub(database, size, asked, now),
            **await _sweep(database, asked, now),
        }
    finally:
        await database.close()


async def _scrub(database: Database, size: int, asked: int, now: datetime) -> dict[str, float]:
    state = await database.write(lambda ledger: ledger.scrubs.begin(now))
    steps: list[float] = []
    began = time.perf_counter()
    while True:
        step = time.perf_counter()
        blobs = await database.read(lambda ledger, after=state.after: ledger.files.ready(after=after, limit=BATCH))
        if not blobs:
            break
        moved = replace(state, after=blobs[-1].id, checked=state.checked + len(blobs))
        await database.note(lambda ledger, moved=moved, after=state.after: ledger.scrubs.advance(moved, after=after))
        state = moved
        steps.append(time.perf_counter() - step)
    walk = time.perf_counter() - began
    middle = steps[len(steps) // 2 :]
    left = await _timed(lambda: database.read(lambda ledger: ledger.scrubs.left(after=size // 2)), 3)
    return {
        "scrub: the next 32 files, and the note": 1000 * median(middle),
        "scrub: what is lost": await _timed(lambda: database.read(lambda ledger: ledger.scrubs.lost()), asked),
        "scrub: how much is left": left,
        "scrub: all questions of a walk": 1000 * walk,
    }


async def _sweep(database: Database, asked: int, now: datetime) -> dict[str, float]:
    long_ago = now - timedelta(days=36_500)

    def ask(before: datetime) -> Callable[[Ledger], object]:
        return lambda ledger: [
            ledger.files.deleted(before, 200),
            ledger.files.condemned(before, 200),
            ledger.quarantine.unsettled(before, 200),
            ledger.leftovers.deleted(before),
            ledger.leftovers.claims(before),
        ]

    portion = await _timed(lambda: database.read(lambda ledger: ledger.leftovers.owners("7", now)), 3)
    return {
        "sweep: what is due, nothing": await _timed(lambda: database.read(ask(long_ago)), asked),
        "sweep: what is due, one in a thousand": await _timed(lambda: database.read(ask(now)), asked // 10),
        "sweep: rows of a sixteenth of the store": portion,
        "sweep: rows of the whole store": portion * len(PORTIONS),
    }


async def _timed(ask: Callable[[], Awaitable[object]], times: int) -> float:
    """Milliseconds, the median."""
    return 1000 * median([taken async for taken in _turns(ask, times)])


async def _turns(ask: Callable[[], Awaitable[object]], times: int) -> AsyncIterator[float]:
    for _ in range(times):
        began = time.perf_counter()
        await ask()
        yield time.perf_counter() - began
