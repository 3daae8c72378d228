"""(h) Lists of records: a page of 100 out of a thousand, a hundred thousand, a million; 10 fields and a file each."""

import asyncio
import base64
import http.client
import json
import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from sqlalchemy import Engine, event

from bench import servers
from bench.cases.setting import Setting
from bench.report import OURS, at_most, figure, new_table, show
from bench.servers import Holdall
from holdall.bootstrap import open_services
from holdall.domain.access import Actor, Scope
from holdall.domain.conditions import Question, Sort
from holdall.domain.records import Database, FieldType
from holdall.domain.views import View
from holdall.flows.accounts import known_user
from holdall.flows.records import Asked, Place, list_records
from holdall.settings import read_settings

SMALL, LARGE, MILLION = 1_000, 100_000, 1_000_000
REFERENCE = "JSON column"
PAGE = 100
ASKED, QUICKLY_ASKED = 100, 15
GROWTH, PAGE_MS = 1.5, 15.0
_FIELDS: Mapping[str, FieldType] = {
    "Title": FieldType.SINGLE_TEXT,
    "Amount": FieldType.NUMBER,
    "Count": FieldType.NUMBER,
    "Done": FieldType.CHECKBOX,
    "Notes": FieldType.LONG_TEXT,
    "Mail": FieldType.EMAIL,
    "Link": FieldType.URL,
    "Seen": FieldType.DATETIME,
    "Stars": FieldType.RATING,
    "Pictures": FieldType.ATTACHMENT,
}
_INDEXED = ("Title", "Amount")
_CHUNK = 10_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class _Question:
    """The same question to both."""

    ours: Mapping[str, str]
    theirs: Mapping[str, str]
    is_deep: bool = False
    """Behind the record in the middle."""
    sorted_by: str = ""


_TITLE, _DOWN = '[{"field":"Title"}]', '[{"field":"Amount","order":"desc"}]'
QUESTIONS: Mapping[str, _Question] = {
    "unsorted": _Question({}, {}),
    "sorted by text": _Question({"sort": _TITLE}, {"sort": "Title"}),
    "sorted by number, downwards": _Question({"sort": _DOWN}, {"sort": "-Amount"}),
    "filtered, indexed": _Question({"filter": "Amount==5"}, {"field": "Amount", "value": "5"}),
    "filtered, not indexed": _Question({"filter": "Mail==nobody"}, {"field": "Mail", "value": "nobody"}),
    "from the middle, unsorted": _Question({}, {}, is_deep=True),
    "from the middle, sorted by text": _Question({"sort": _TITLE}, {"sort": "Title"}, is_deep=True, sorted_by="Title"),
}
_UNINDEXED = "filtered, not indexed"


@dataclass(frozen=True, slots=True)
class _Times:
    """Milliseconds."""

    p50: float
    p99: float


def run(setting: Setting) -> None:
    """Measure and show."""
    sizes = [SMALL, LARGE, *([MILLION] if setting.has_million else [])]
    found: dict[tuple[str, str], list[_Times]] = {}
    statements: dict[int, int] = {}
    for size in sizes:
        with servers.new_folder(setting.folder / str(size)) as folder:
            for who, times in _measured(setting, folder, size, statements):
                setting.tell(", ".join(f"{name} {figure(each.p50)} ms" for name, each in times.items()))
                for question, each in times.items():
                    found.setdefault((question, who), []).append(each)
    _show(sizes, found, statements)


def _show(sizes: list[int], found: Mapping[tuple[str, str], list[_Times]], statements: Mapping[int, int]) -> None:
    columns = [f"{size} p50 / p99" for size in sizes]
    table = new_table(f"(h) a page of {PAGE} records, ms, one caller", "", "", *columns, "growth")
    goals = []
    for (question, who), times in found.items():
        growth = times[-1].p50 / times[0].p50
        told = [f"{figure(each.p50)} / {figure(each.p99)}" for each in times]
        table.add_row(question, who, *told, figure(growth))
        if who == OURS and question != _UNINDEXED:
            goals.append(at_most(f"{question}: growth", GROWTH, growth))
        if who == OURS and question in QUESTIONS and question != _UNINDEXED:
            goals.append(at_most(f"{question}: p50 at {sizes[-1]}", PAGE_MS, times[-1].p50, " ms"))
    told = ", ".join(f"{count} for a page of {page}" for page, count in statements.items())
    notes = [
        "Indexed: Title and Amount, of which each value is that of some 100 records. No record has the mail asked for.",
        f"Statements of a page, sorted by an indexed field, once the caller is known: {told}.",
    ]
    show("h", table, goals, notes)


def _measured(
    setting: Setting, folder: Path, size: int, statements: dict[int, int]
) -> Iterator[tuple[str, Mapping[str, _Times]]]:
    asked = QUICKLY_ASKED if setting.is_quick else ASKED
    fewer = asked if size < MILLION else max(5, asked // 10)
    setting.tell(f"{size} records are made")
    rows = [_row(random.Random(_SEED + number), number, size) for number in range(size)]  # noqa: S311  a bench repeats
    with servers.holdall(folder) as ours:
        path = f"/api/openapi/bika/v2/spaces/{ours.tenant['space_id']}/resources/databases/{{}}/records"
        uploaded = _upload(ours)
    database = folder / "data" / "holdall.sqlite3"
    node = _fill(database, ours, uploaded, rows)
    for field in _INDEXED:
        began = time.monotonic()
        _index(folder, ours, node, field)
        setting.tell(f"{field} of {size} records is indexed in {time.monotonic() - began:.1f} s")
    statements.update(asyncio.run(_statements(folder, ours, node)))
    with servers.holdall_again(folder) as server:
        setting.tell(f"{OURS} is asked")
        ask = _asker(server.port, path.format(node), ours.bearer)
        lists = {
            name: _timed(ask, _our_parameters(ask, each, size, rows), fewer if name == _UNINDEXED else asked)
            for name, each in QUESTIONS.items()
        }
        yield OURS, {**lists, **_writes(server.port, path.format(node), ours, uploaded, size, asked)}
    plain = folder / "plain"
    plain.mkdir()
    _fill_reference(plain / "listing.sqlite3", rows)
    with servers.listing(plain) as server:
        setting.tell(f"{REFERENCE} is asked")
        ask = _asker(server.port, "/records", {})
        yield (
            REFERENCE,
            {
                name: _timed(ask, {**each.theirs, "offset": str(size // 2 if each.is_deep else 0)}, fewer)
                for name, each in QUESTIONS.items()
            },
        )
    shutil.rmtree(plain)


# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────

_Ask = Callable[[Mapping[str, str]], bytes]


def _asker(port: int, path: str, headers: Mapping[str, str]) -> _Ask:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def ask(parameters: Mapping[str, str]) -> bytes:
        connection.request("GET", f"{path}?{urlencode(parameters)}", headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{answer.status}: {body[:500]!r}")
        return body

    return ask


async def _statements(folder: Path, ours: Holdall, node: str) -> Mapping[int, int]:
    """How many statements a page takes, by its size."""
    counts: dict[int, int] = {}

    def look(database: Database, _view: View | None) -> Asked:
        title = next(field for field in database.fields if field.name == "Title")
        return Asked(Question(None, (Sort(title),)))

    async with open_services(read_settings(servers.environ_of(folder))) as services:
        user = await services.work.read(lambda ledger: known_user(ledger, "ada"))
        place = Place(ours.tenant["space_id"], node)
        for page in (1, PAGE, 1000):
            seen: list[object] = []

            def note(*call: object, seen: list[object] = seen) -> None:
                seen.append(call)

            event.listen(Engine, "before_cursor_execute", note)
            await list_records(services, Actor(user, "", frozenset(Scope)), place, look, limit=page)
            event.remove(Engine, "before_cursor_execute", note)
            counts[page] = len(seen)
    return counts


def _writes(port: int, path: str, ours: Holdall, uploaded: str, size: int, times: int) -> Mapping[str, _Times]:
    """A record in the middle is given a file, and ten records are made; each is one call."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {**ours.bearer, "Content-Type": "application/json"}

    def write(method: str, path: str, body: Any) -> None:
        connection.request(method, path, json.dumps(body), headers)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{answer.status}: {told[:500]!r}")

    middle = json.loads(_asker(port, path, ours.bearer)({"pageSize": "1", "filter": f"Count=={size // 2}"}))
    one = f"{path}/{middle['data']['records'][0]['id']}"
    hung = {"fields": {"Pictures": [{"id": uploaded}]}}
    row = _row(random.Random(_SEED), size, size)  # noqa: S311  as above
    ten = {"records": [{"fields": row}] * 10}
    return {
        "one record is given a file": _timed(lambda _: write("PUT", one, hung), {}, times),
        "ten records are made": _timed(lambda _: write("POST", path, ten), {}, times),
    }


def _our_parameters(ask: _Ask, question: _Question, size: int, rows: list[dict[str, Any]]) -> dict[str, str]:
    """Those of the question; a deep one has the cursor of the middle, made out of that of the first page."""
    if not question.is_deep:
        return dict(question.ours)
    first = msgspec.json.decode(ask({**question.ours, "pageSize": "1"}))["data"]["offset"]
    told = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    numbers = range(size)
    if question.sorted_by:
        middle = sorted(numbers, key=lambda number: rows[number][question.sorted_by])[size // 2]
        told[2:] = [told[2] - _first_number(rows, question) + middle, rows[middle][question.sorted_by]]
    else:
        told[2] += size // 2
    offset = base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()
    return {**question.ours, "offset": offset}


def _first_number(rows: list[dict[str, Any]], question: _Question) -> int:
    """Which record is the first in this order."""
    return min(range(len(rows)), key=lambda number: rows[number][question.sorted_by])


def _timed(ask: Callable[[Mapping[str, str]], object], parameters: Mapping[str, str], times: int) -> _Times:
    ask(parameters)
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask(parameters)
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return _Times(taken[len(taken) // 2], taken[min(len(taken) - 1, int(len(taken) * 0.99))])


# ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _row(chance: random.Random, number: int, size: int) -> dict[str, Any]:
    return {
        "Title": f"{chance.randrange(10**9):09d} item",
        "Amount": chance.randrange(size // PAGE),
        "Count": number,
        "Done": chance.random() < 0.5,
        "Notes": "On the roof, north side; to be looked at again in spring. " * 2,
        "Mail": f"user{number}@example.test",
        "Link": f"https://example.test/things/{number}",
        "Seen": f"2026-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}T10:00:00.000Z",
        "Stars": chance.randrange(6),
    }


def _upload(ours: Holdall) -> str:
    """The id of one file, which hangs on every record."""
    connection = http.client.HTTPConnection("127.0.0.1", ours.server.port, timeout=60)
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nsome words\r\n--x--\r\n'
    headers = {**ours.bearer, "Content-Type": "multipart/form-data; boundary=x"}
    connection.request("POST", ours.attachments_path, form, headers)
    id: str = msgspec.json.decode(connection.getresponse().read())["data"][0]["id"]
    return id


def _fill(path: Path, ours: Holdall, upload: str, rows: list[dict[str, Any]]) -> str:
    """A new database with these records, put there while no server runs; its id."""
    node_id = f"dat{'b' * 21}"
    now = int(time.time() * 1_000_000)
    with sqlite3.connect(path) as db:
        [(node, space, parent)] = db.execute(
            "SELECT id, space_id, parent_id FROM nodes WHERE public_id = ?", [ours.tenant["database_id"]]
        )
        del node
        [(user,)] = db.execute("SELECT owner_id FROM spaces WHERE id = ?", [space])
        [(file,)] = db.execute("SELECT id FROM uploads WHERE public_id = ?", [upload])
        new = db.execute(
            "INSERT INTO nodes (public_id, space_id, parent_id, type, name, description, position, created_at)"
            " VALUES (?, ?, ?, 'DATABASE', 'Many', '', 9, ?)",
            [node_id, space, parent, now],
        ).lastrowid
        db.executemany(
            "INSERT INTO fields (public_id, node_id, name, type, is_primary, description, properties, position)"
            " VALUES (?, ?, ?, ?, ?, '', '{}', ?)",
            [
                (_id(name), new, name, type, name == "Title", place)
                for place, (name, type) in enumerate(_FIELDS.items())
            ],
        )
        [(last,)] = db.execute("SELECT coalesce(max(id), 0) FROM records")
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            numbers = range(last + 1 + start, last + 1 + start + len(chunk))
            db.executemany(
                "INSERT INTO records (id, public_id, node_id, revision, cells, created_at, created_by, updated_at,"
                " updated_by) VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?)",
                [
                    (number, f"rec{number:021d}", new, _cells(row), now, user, now, user)
                    for number, row in zip(numbers, chunk, strict=True)
                ],
            )
            db.executemany(
                "INSERT INTO attachments (record_id, field, position, upload_id, name) VALUES (?, ?, 0, ?, 'a.txt')",
                [(number, _id("Pictures"), file) for number in numbers],
            )
    db.close()
    return node_id


def _id(name: str) -> str:
    return f"fld{name:x<21}"


def _cells(row: Mapping[str, Any]) -> str:
    return json.dumps({_id(name): value for name, value in row.items()})


def _index(folder: Path, ours: Holdall, node: str, field: str) -> None:
    command = [servers.PYTHON, "-m", "holdall.cli", "space", "index", ours.tenant["space_id"], node, field]
    subprocess.run(command, env=servers.environ_of(folder), check=True, capture_output=True, cwd=servers.ROOT)


def _fill_reference(path: Path, rows: list[dict[str, Any]]) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, cells JSON NOT NULL)")
        db.execute("CREATE TABLE files (id INTEGER PRIMARY KEY, record_id INTEGER, name TEXT, size INTEGER)")
        db.executemany("INSERT INTO records (cells) VALUES (?)", ([json.dumps(row)] for row in rows))
        db.execute("INSERT INTO files (record_id, name, size) SELECT id, 'a.txt', 10 FROM records")
        db.execute("CREATE INDEX files_record_id ON files (record_id)")
    db.close()
