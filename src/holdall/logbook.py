"""The two logs at the command line: as lines to read, as JSON, as a table for a spreadsheet."""

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from holdall.domain.access_log import LoggedEvent, Search
from holdall.domain.audit import Entry, Head, iso
from holdall.domain.escaping import one_line, spreadsheet_cell
from holdall.ports import Services

Form = Literal["lines", "json", "csv"]
Say = Callable[[str], None]
_PAGE = 1000
TRACE_LENGTH = 400
"""Characters of a line of a traceback."""
_ASK_AGAIN_SECONDS = 0.5
_LOOK_BACK = 1000
"""Numbers looked at again while following: on PostgreSQL a smaller one may be committed after a larger one."""
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


def moment(text: str, now: datetime) -> datetime:
    """A time as an operator writes it: ISO 8601 (UTC where it has no zone), or how long ago: ``90m``, ``2h``, ``7d``.

    Raises:
        ValueError: it is neither.

    """
    ago = _AGO.fullmatch(text)
    if ago:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text} is no time; write 2026-11-22T14:30, or 90m, 2h, 7d for so long ago") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def head(text: str) -> Head:
    """The end of a chain as it was printed.

    Raises:
        ValueError: it was not printed here.

    """
    match = _HEAD.fullmatch(text)
    if match is None:
        raise ValueError(f"{text} is not what `holdall log head` prints: a number, a colon, 64 hex digits")
    return Head(int(match[1]), match[2])


async def show(services: Services, search: Search, form: Form, say: Say, *, before: int | None, limit: int) -> None:
    """The newest events that are wanted, newest first; ``limit`` 0: all of them, however many."""
    if form == "csv":
        say(_csv(field.name for field in fields(LoggedEvent)))
    left = limit
    while not limit or left > 0:
        size, bound = min(_PAGE, left) if limit else _PAGE, before
        page = await services.work.read(lambda ledger: ledger.access_log.page(search, before=bound, limit=size))  # noqa: B023  awaited at once
        for event in page:
            say(told(event, form))
        if len(page) < size:
            return
        before, left = page[-1].number, left - size


async def follow(services: Services, search: Search, form: Form, say: Say) -> None:
    """Events as they are written, oldest first, until interrupted."""
    async for event in _written(services, search):
        say(told(event, form))


async def _written(services: Services, search: Search) -> AsyncIterator[LoggedEvent]:
    newest = await services.work.read(lambda ledger: ledger.access_log.newest())
    known: set[int] = set(range(max(0, newest - _LOOK_BACK), newest + 1))
    while True:
        after = max(0, newest - _LOOK_BACK)
        page = await services.work.read(lambda ledger: ledger.access_log.after(search, after=after, limit=2 * _PAGE))  # noqa: B023  awaited at once
        for event in page:
            if event.number not in known:
                yield event
        known = {event.number for event in page} | {number for number in known if number > after}
        newest = max([newest, *(event.number for event in page)])
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


def log_line(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> str:
    """An entry of the server's log, to be read: when, how grave, what; then each field as JSON, a traceback below."""
    trace = entry.pop("exception", "")
    head = f"{entry.pop('timestamp')} {entry.pop('level'):<7} {one_line(str(entry.pop('event')))}"
    told = [f"{name}={json.dumps(value, default=str)}" for name, value in entry.items()]
    return " ".join([head, *told]) + "".join(f"\n    {one_line(line, TRACE_LENGTH)}" for line in trace.splitlines())


def audit_line(entry: Entry, *, is_json: bool) -> str:
    """One act, as a line to read or with all that its digest is taken over."""
    if is_json:
        return _json(asdict(entry) | {"at": iso(entry.at), "details": msgspec.json.decode(entry.details)})
    return f"{entry.number} {iso(entry.at)} {entry.actor} {entry.act} {entry.subject or '-'} {entry.details}"


def told(event: LoggedEvent, form: Form) -> str:
    """One event, on one line."""
    match form:
        case "json":
            return _json(_plain(event))
        case "csv":
            return _csv(str(value) for value in _plain(event).values())
        case "lines":
            return _line(event)


def _plain(event: LoggedEvent) -> dict[str, str | int]:
    """Every field under its name; those that come from other tables are made printable like the rest."""
    return asdict(event) | {
        "at": iso(event.at),
        "action": event.action.value,
        "outcome": event.outcome.value,
        "login": one_line(event.login),
        "file_name": one_line(event.file_name),
    }


def _line(event: LoggedEvent) -> str:
    """What, what came of it, who and from where; then what it was about."""
    result = " ".join(filter(None, [event.outcome.value, str(event.status or "-"), event.error]))
    named = one_line(event.file_name) or event.detail
    about = " ".join(filter(None, [event.file_id, _json(named) if named else ""]))
    who = f"{one_line(event.login) or '-'} {event.address or '-'}"
    tail = f"{event.bytes} B, {event.door or '-'} {event.route or '-'}, request {event.request_id or '-'}"
    return f"{event.number} {iso(event.at)} {event.action.value} {result} | {who} | {about or '-'} | {tail}"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _csv(cells: Iterator[str]) -> str:
    """A row in which no cell is a formula."""
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="").writerow(spreadsheet_cell(cell) for cell in cells)
    return buffer.getvalue()
