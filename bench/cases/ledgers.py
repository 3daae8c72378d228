"""(i) Books: lists and sums of a thousand, a hundred thousand, a million transactions, a receipt each; and uploads."""

import http.client
import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench import servers
from bench.cases.setting import Setting
from bench.load import ClosedLoop
from bench.report import OURS, Goal, at_most, cell, figure, new_table, ratio, show
from bench.requests import Get, Talk, upload
from bench.rounds import Stretch, interleave, spread_of, talking, under_load
from bench.samples import photo
from bench.servers import Holdall, Server

SMALL, LARGE, MILLION = 1_000, 100_000, 1_000_000
PAGE = 50
ASKED, QUICKLY_ASKED = 100, 15
GROWTH, PAGE_MS = 1.5, 15.0
RECEIPTS = 5
PIKAS_ME_MS, PIKAS_AVATAR_MS = 18, 22
"""CPU of the real Pika for a request, on such a core."""
PLAIN = "plain service"
_API = "/wp-json/pika/v1"
_YEARS = 10
_ACCOUNTS, _PEOPLE = 10, 10
_CATEGORIES = {"expense": (2, 3, 4, 5, 7, 11, 16, 26), "income": (41, 45), "transfer": (50, 55)}
_CHUNK = 10_000
_SEED = 7
_SUMMARIES = ("GET /accounts", "GET /people", "monthly-summary")
"""What is called the balances of a summary."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of the books."""

    path: str
    parameters: Mapping[str, str]
    is_bounded: bool = True
    """Whether it may not grow with what stands in the books."""


@dataclass(frozen=True, slots=True)
class _Times:
    """Milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class _Books:
    """Somebody's, as they are filled."""

    user: int
    space: int
    blob: int
    first_upload: int
    accounts: Sequence[int]
    people: Sequence[int]


def run(setting: Setting) -> None:
    """Measure and show."""
    _show_lists(*_lists(setting))
    _show_uploads(*_uploads(setting))


# ── lists and sums ───────────────────────────────────────────────────────────────────────────────────────────────


def _lists(setting: Setting) -> tuple[list[int], dict[str, list[_Times]]]:
    sizes = [SMALL, LARGE, *([MILLION] if setting.has_million else [])]
    found: dict[str, list[_Times]] = {}
    for size in sizes:
        with servers.new_folder(setting.folder / str(size)) as folder:
            times = _measured(setting, folder, size)
        setting.tell(", ".join(f"{name} {figure(each.p50)} ms" for name, each in times.items()))
        for question, each in times.items():
            found.setdefault(question, []).append(each)
    return sizes, found


def _measured(setting: Setting, folder: Path, size: int) -> Mapping[str, _Times]:
    with servers.holdall(folder) as ours:
        _receipt(ours)
    setting.tell(f"{size} transactions are made")
    began = time.monotonic()
    books = _fill(folder / "data" / "holdall.sqlite3", size)
    setting.tell(f"in {time.monotonic() - began:.0f} s")
    asked = QUICKLY_ASKED if setting.is_quick else ASKED
    with servers.holdall_again(folder) as server:
        call = _caller(server, ours)
        now = time.gmtime()
        month = {"month": str(now.tm_mon), "year": str(now.tm_year)}
        times = {name: _timed(call, each, asked) for name, each in _questions(books, size, month)}
        return {**times, "a transaction is added": _added(call, books, asked)}


def _questions(books: _Books, size: int, month: Mapping[str, str]) -> Iterator[tuple[str, _Question]]:
    page = {"limit": str(PAGE)}
    yield f"newest {PAGE}", _Question("/transactions", page)
    yield f"newest {PAGE} of a person", _Question("/transactions", {**page, "personId": str(books.people[0])})
    yield f"newest {PAGE} of an account", _Question("/transactions", {**page, "accountId": str(books.accounts[0])})
    deep = {**page, "offset": str(size // 2)}
    yield f"{PAGE} from the middle", _Question("/transactions", deep, is_bounded=False)
    yield "GET /accounts", _Question("/accounts", {})
    yield "GET /people", _Question("/people", {})
    for what in ("summary", "category-spending", "tag-activity", "person-activity"):
        yield f"monthly-{what}", _Question(f"/analytics/monthly-{what}", month, is_bounded=False)
    yield "daily-summaries", _Question("/analytics/daily-summaries", month, is_bounded=False)
    yield "weekly-expenses", _Question("/analytics/weekly-expenses", {}, is_bounded=False)
    yield (
        "a person by month",
        _Question(
            "/analytics/person-transaction-summary",
            {"personId": str(books.people[0]), "timeBucket": "monthly"},
            is_bounded=False,
        ),
    )


_Call = Callable[..., bytes]


def _caller(server: Server, ours: Holdall) -> _Call:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    headers = {**ours.person, "Content-Type": "application/json"}

    def call(method: str, path: str, body: Any = None) -> bytes:
        connection.request(method, _API + path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{answer.status}: {told[:500]!r}")
        return told

    return call


def _timed(call: _Call, question: _Question, times: int) -> _Times:
    path = f"{question.path}?{urlencode(question.parameters)}"
    first = json.loads(call("GET", path))
    if question.path == "/transactions" and [len(each["attachments"]) for each in first] != [1] * PAGE:
        raise RuntimeError(f"{path}: {len(first)} transactions, and not {PAGE} with a receipt each")
    return _clocked(lambda: call("GET", path), times)


def _added(call: _Call, books: _Books, times: int) -> _Times:
    spent = {"title": "Bread", "amount": "3.2", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    filed = {"type": "expense", "categoryId": "4", "accountId": books.accounts[0], "personId": books.people[0]}
    return _clocked(lambda: call("POST", "/transactions", {**spent, **filed}), times)


def _clocked(do: Callable[[], object], times: int) -> _Times:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        do()
        taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return _Times(taken[len(taken) // 2], taken[min(len(taken) - 1, int(len(taken) * 0.99))])


def _show_lists(sizes: list[int], found: Mapping[str, list[_Times]]) -> None:
    columns = [f"{size} p50 / p99" for size in sizes]
    table = new_table("(i) books of so many transactions, a receipt each: ms, one caller", "", *columns, "growth")
    goals: list[Goal] = []
    for question, times in found.items():
        growth = times[-1].p50 / times[0].p50
        table.add_row(question, *(f"{figure(each.p50)} / {figure(each.p99)}" for each in times), figure(growth))
        is_list = question.startswith("newest")
        if is_list or question in _SUMMARIES:
            goals.append(at_most(f"{question}: p50 at {sizes[-1]}", PAGE_MS, times[-1].p50, " ms"))
        if is_list or question in _SUMMARIES[:2]:
            goals.append(at_most(f"{question}: growth", GROWTH, growth))
    monthly = ", ".join(str(size // _YEARS // 12) for size in sizes)
    notes = [
        f"Over {_YEARS} years: a month has {monthly} transactions, which its figures add up each time.",
        f"{_ACCOUNTS} accounts, {_PEOPLE} people; each transaction has one, a tag and a receipt.",
    ]
    show("i", table, goals, notes)


# ── rows, put there while no server runs ─────────────────────────────────────────────────────────────────────────


def _receipt(ours: Holdall) -> None:
    """One file, whose bytes every receipt has."""
    connection = http.client.HTTPConnection("127.0.0.1", ours.server.port, timeout=60)
    fields = {"entityType": "transaction", "attachmentType": "document"}
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    file = '--x\r\nContent-Disposition: form-data; name="file"; filename="receipt.txt"\r\n\r\nThank you\r\n--x--\r\n'
    headers = {**ours.person, "Content-Type": "multipart/form-data; boundary=x"}
    connection.request("POST", _API + "/upload/attachment", "".join([*parts, file]).encode(), headers)
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise RuntimeError(answer.read())


def _fill(path: Path, size: int) -> _Books:
    with sqlite3.connect(path) as db:
        [(user, space, blob)] = db.execute(
            "SELECT user_id, space_id, blob_id FROM uploads WHERE name = 'receipt.txt' ORDER BY id DESC LIMIT 1"
        )
        [(last_upload,)] = db.execute("SELECT max(id) FROM uploads")
        now = int(time.time())
        accounts = [_new_account(db, user, now, number) for number in range(_ACCOUNTS)]
        people = [_new_person(db, user, now, number) for number in range(_PEOPLE)]
        books = _Books(user, space, blob, last_upload + 1, accounts, people)
        [(last,)] = db.execute("SELECT coalesce(max(id), 0) FROM transactions")
        for start in range(0, size, _CHUNK):
            _put(db, books, now, last + 1, range(start, min(size, start + _CHUNK)), size)
        _add_up(db, user)
    db.close()
    return books


def _new_account(db: sqlite3.Connection, user: int, now: int, number: int) -> int:
    return _number(
        db.execute(
            "INSERT INTO money_accounts (user_id, name, description, icon, color, bg_color, balance, transactions,"
            " created_at, updated_at) VALUES (?, ?, '', 'wallet', '#ffffff', '#3B82F6', 0, 0, ?, ?)",
            [user, f"Account {number}", now * 1_000_000, now * 1_000_000],
        )
    )


def _new_person(db: sqlite3.Connection, user: int, now: int, number: int) -> int:
    return _number(
        db.execute(
            "INSERT INTO people (user_id, name, email, phone, description, income, expense, transactions,"
            " created_at, updated_at) VALUES (?, ?, '', '', '', 0, 0, 0, ?, ?)",
            [user, f"Person {number}", now * 1_000_000, now * 1_000_000],
        )
    )


def _number(done: sqlite3.Cursor) -> int:
    if done.lastrowid is None:
        raise RuntimeError("nothing was inserted")
    return done.lastrowid


def _put(db: sqlite3.Connection, books: _Books, now: int, first: int, numbers: range, size: int) -> None:
    made = now * 1_000_000
    rows = [_row(books, now, number, size) for number in numbers]
    db.executemany(
        "INSERT INTO transactions (id, user_id, title, amount, at, type, category, account_id, to_account_id,"
        " person_id, note, created_at, updated_at)"
        " VALUES (?, ?, 'Bread and butter', ?, ?, ?, ?, ?, ?, ?, 'As ever', ?, ?)",
        [(first + number, books.user, *row, made, made) for number, row in zip(numbers, rows, strict=True)],
    )
    db.executemany(
        "INSERT INTO transaction_tags (transaction_id, tag, position) VALUES (?, ?, 0)",
        [(first + number, 1 + number % 12) for number in numbers],
    )
    db.executemany(
        "INSERT INTO uploads (id, public_id, space_id, user_id, blob_id, name, path, door, kind, entity, created_at)"
        " VALUES (?, ?, ?, ?, ?, 'receipt.txt', ?, 'attachment', 'document', 'transaction', ?)",
        [
            (
                books.first_upload + number,
                f"att{number:021d}",
                books.space,
                books.user,
                books.blob,
                f"pika/attachments/transaction-{number:032x}-{now}.txt",
                made,
            )
            for number in numbers
        ],
    )
    db.executemany(
        "INSERT INTO receipts (transaction_id, upload_id, position) VALUES (?, ?, 0)",
        [(first + number, books.first_upload + number) for number in numbers],
    )


def _row(books: _Books, now: int, number: int, size: int) -> tuple[Any, ...]:
    """Amount, time, type, category, account, the one that it goes to, person."""
    chance = random.Random(_SEED + number)  # noqa: S311  a bench repeats
    type = chance.choices(tuple(_CATEGORIES), (80, 15, 5))[0]
    account, other = chance.sample(books.accounts, 2)
    at = now - (size - number) * (_YEARS * 365 * 86_400) // size
    person = chance.choice(books.people)
    amount = chance.randrange(1, 1_000_000)
    category = chance.choice(_CATEGORIES[type])
    return amount, at * 1_000_000, type, category, account, other if type == "transfer" else None, person


def _add_up(db: sqlite3.Connection, user: int) -> None:
    """The sums that are kept beside the transactions."""
    signed = "CASE type WHEN 'income' THEN amount ELSE -amount END"
    db.executescript(
        f"""
        CREATE TEMP TABLE sides AS
            SELECT account_id AS account, {signed} AS amount FROM transactions WHERE user_id = {user:d}
            UNION ALL SELECT to_account_id, amount FROM transactions
            WHERE user_id = {user:d} AND to_account_id IS NOT NULL;
        CREATE TEMP TABLE of_accounts AS
            SELECT account, sum(amount) AS balance, count(*) AS many FROM sides GROUP BY account;
        UPDATE money_accounts SET balance = o.balance, transactions = o.many
            FROM of_accounts o WHERE o.account = money_accounts.id;
        CREATE TEMP TABLE of_people AS
            SELECT person_id AS person, sum(CASE type WHEN 'income' THEN amount ELSE 0 END) AS income,
                sum(CASE type WHEN 'expense' THEN amount ELSE 0 END) AS expense, count(*) AS many
            FROM transactions WHERE user_id = {user:d} AND person_id IS NOT NULL GROUP BY person_id;
        UPDATE people SET income = o.income, expense = o.expense, transactions = o.many
            FROM of_people o WHERE o.person = people.id;
        INSERT INTO books (user_id, turnover) SELECT {user:d}, sum(amount) FROM transactions WHERE user_id = {user:d}
            ON CONFLICT (user_id) DO UPDATE SET turnover = excluded.turnover;
        """  # noqa: S608  the number of a row
    )


# ── uploads, and who one is ──────────────────────────────────────────────────────────────────────────────────────


def _uploads(setting: Setting) -> tuple[Mapping[str, Sequence[Stretch]], Mapping[str, Sequence[Stretch]]]:
    setting.tell("making photographs")
    avatar, receipt = photo("20 KB", 320, 240, 20_000), photo("4 MB", 4000, 3000, 4_000_000)
    folder, seconds = setting.folder, setting.seconds(1.5)
    with (
        servers.new_folder(folder / "ours") as our_folder,
        servers.holdall(our_folder) as ours,
        servers.new_folder(folder / "plain") as plain_folder,
        servers.plain(plain_folder) as plain,
    ):
        calls = {
            "GET /auth/me": Get(f"{_API}/auth/me", ours.person),
            "an avatar of 20 KB": upload(f"{_API}/upload/avatar", ours.person, {"entityType": "person"}, avatar),
        }
        single = interleave(
            setting.rounds,
            {name: talking(setting.load, ours.server, talk, 1, seconds) for name, talk in calls.items()},
            setting.tell,
        )
        fields = {"entityType": "transaction", "attachmentType": "image"}
        both = {
            OURS: _burst(setting, ours.server, upload(f"{_API}/upload/attachment", ours.person, fields, receipt)),
            PLAIN: _burst(setting, plain, upload("/images", {}, {"entityType": "transaction"}, receipt)),
        }
        return single, interleave(setting.rounds, both, setting.tell)


def _burst(setting: Setting, server: Server, talk: Talk) -> Callable[[], Stretch]:
    """All at once, each once; a front-end sends them so when they are chosen. One burst warms up."""
    under_load(setting.load, server, ClosedLoop(server.port, RECEIPTS, 0.0, talk))
    return lambda: under_load(setting.load, server, ClosedLoop(server.port, RECEIPTS, 0.0, talk))


def _show_uploads(single: Mapping[str, Sequence[Stretch]], bursts: Mapping[str, Sequence[Stretch]]) -> None:
    table = new_table("(i) one call after the other", "", "CPU ms/request", "p50 ms", "p99 ms", "real Pika's CPU ms")
    goals = []
    for (name, stretches), theirs in zip(single.items(), (PIKAS_ME_MS, PIKAS_AVATAR_MS), strict=True):
        cpu, p50, p99 = (spread_of(stretches, each) for each in ("cpu_ms", "p50_ms", "p99_ms"))
        table.add_row(name, cell(cpu), cell(p50), cell(p99), str(theirs))
        goals.append(at_most(f"{name}: CPU", theirs, cpu.median, " ms"))
    show("i", table, goals)
    table = new_table(
        f"(i) {RECEIPTS} receipts of 4 MB in parallel", "", "s to the last answer", "ours/it", "CPU s", ""
    )
    for name, stretches in bursts.items():
        if {stretch.count for stretch in stretches} != {RECEIPTS}:
            raise RuntimeError(f"{name}: not {RECEIPTS} answers to each burst")
        last, cpu = spread_of(stretches, "seconds"), spread_of(stretches, "cpu_seconds")
        our_last, our_cpu = (spread_of(bursts[OURS], each) for each in ("seconds", "cpu_seconds"))
        is_ours = name == OURS
        table.add_row(
            name,
            cell(last),
            "" if is_ours else ratio(our_last, last),
            cell(cpu),
            "" if is_ours else ratio(our_cpu, cpu),
        )
    ours, plain = (spread_of(bursts[name], "seconds").median for name in (OURS, PLAIN))
    goal = Goal("not slower than the plain service", f"{plain / ours:.2f} ×", ours <= plain)
    show("i", table, [goal], [f"Plain service: {servers.name_of_plain()}; it checks nothing and syncs no file."])
