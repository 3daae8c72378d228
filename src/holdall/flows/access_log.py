"""The access log: events are gathered in memory and written together, beside the requests that they tell of.

An event costs its request an append to a list. Twice a second what has gathered is written in one commit that nobody
waits for. A crash loses the events of the last half second; of uploads, the uploads themselves tell.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from dataclasses import dataclass

import structlog

from holdall.domain.access import Actor, Scope
from holdall.domain.access_log import Action, Event, LoggedEvent, Outcome, Search
from holdall.domain.files import Upload
from holdall.errors import Forbidden, Missing, Unavailable
from holdall.flows.access import demand, enter
from holdall.ports import Ledger, Services

log = structlog.get_logger()

GATHER_SECONDS = 0.5
RETRY_SECONDS = 5.0
"""After the database did not take a batch."""
BATCH = 200
"""Events in one commit at most: some 2 ms, in which an upload may have to wait for its own."""
ROOM = 20_000
"""Events held while the database takes none; about 10 MB."""
_FORGET_BATCH = 5000


class AccessRecorder:
    """Takes events at any time, and writes them when there are some. Belongs to one event loop."""

    def __init__(self, services: Services, gather_seconds: float = GATHER_SECONDS, room: int = ROOM) -> None:
        self._services = services
        self._gather_seconds = gather_seconds
        self._room = room
        self._waiting: deque[Event] = deque()
        self._lost = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def note(self, events: Iterable[Event]) -> None:
        """Take events in. Never waits and never fails: what there is no room for is counted, and told of later."""
        for event in events:
            if len(self._waiting) < self._room:
                self._waiting.append(event)
            else:
                self._lost += 1
        if self._writing is None and self._timer is None and self._waiting:
            self._begin_after(self._gather_seconds)

    async def close(self) -> None:
        """Write what waits, as far as the database takes it. Safe to repeat."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await asyncio.wait([self._writing])
        while self._waiting and await self._write_batch():
            pass
        if self._waiting or self._lost:
            log.error("access log is short", lost=len(self._waiting) + self._lost)

    def _begin_after(self, seconds: float) -> None:
        nobodys = Context()  # or what is logged would seem to be of the request that came first
        self._timer = asyncio.get_running_loop().call_later(seconds, self._begin, context=nobodys)

    def _begin(self) -> None:
        self._timer = None
        self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        """Write until less than a batch waits; that gathers again. Where it is not taken, wait longer."""
        try:
            while is_taken := await self._write_batch():
                if len(self._waiting) < BATCH:
                    break
        finally:
            self._writing = None
        if self._waiting:
            self._begin_after(self._gather_seconds if is_taken else RETRY_SECONDS)

    async def _write_batch(self) -> bool:
        """Whether a batch was dealt with; one that the database does not take now goes back to its place."""
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        gap, self._lost = self._lost, 0
        told = [*batch, *self._gap(gap)]
        try:
            await self._services.work.note(lambda ledger: ledger.access_log.add(told))
        except (Unavailable, asyncio.CancelledError) as error:
            # After a cancellation nobody knows whether it was written: rather twice than never.
            self._waiting.extendleft(reversed(batch))
            self._lost += gap
            if isinstance(error, asyncio.CancelledError):
                raise
            log.warning("access log waits", events=len(self._waiting), lost=self._lost, error=str(error))
            return False
        except Exception as error:
            self._lost += gap + len(batch)  # what is wrong with this batch would be wrong the next time too
            log.exception("access log loses events", events=len(batch), error=str(error))
        return True

    def _gap(self, lost: int) -> Sequence[Event]:
        if not lost:
            return ()
        log.warning("access log lost events", lost=lost)
        now, detail = self._services.clock.now(), f"{lost} events were lost before this one"
        return (
            Event(now, "", Action.GAP, Outcome.FAILED, 0, "", "", "", "", "", None, "", None, "", None, "", 0, detail),
        )


async def forget_old(services: Services) -> int:
    """Drop events past their time, and those beyond the number that is kept; little by little, to hold up nobody."""
    before, dropped = services.clock.now() - services.log_ttl, 0
    while True:
        some = await services.work.note(
            lambda ledger: ledger.access_log.forget(before, services.log_rows, _FORGET_BATCH)
        )
        dropped += some
        if some < _FORGET_BATCH:
            return dropped


@dataclass(frozen=True, slots=True)
class FileLog:
    """A page of what was done with one file, newest first."""

    upload: Upload
    events: Sequence[LoggedEvent]
    has_more: bool


Find = Callable[[Ledger], Upload]
"""Finds the file, inside the reading transaction; raises where the caller may not see its log."""


async def file_log(services: Services, find: Find, *, before: int | None, limit: int) -> FileLog:
    """What was done with a file, by anybody, and what was tried.

    Raises:
        Missing, Forbidden: as ``find``.

    """

    def look(ledger: Ledger) -> FileLog:
        upload = find(ledger)
        events = ledger.access_log.page(Search(upload=upload.number), before=before, limit=limit + 1)
        return FileLog(upload, events[:limit], len(events) > limit)

    return await services.work.read(look)


def in_space(actor: Actor, space_id: str, id: str) -> Find:
    """A file of a space, for its owners and editors.

    Raises (when used):
        Missing: no such space for this caller, or no such file in it.
        Forbidden: this member may not see logs.

    """

    def find(ledger: Ledger) -> Upload:
        membership = enter(ledger, actor, space_id)
        if not membership.role.may(Scope.WRITE):
            raise Forbidden(Scope.WRITE.value, lacking="role")
        upload = ledger.files.find_uploads(membership.space.number, [id], with_deleted=True).get(id)
        if upload is None:
            raise Missing("attachment", id)
        return upload

    return find


def of_uploader(actor: Actor, number: int) -> Find:
    """A file that the caller uploaded; of all others it is not told whether they exist.

    Raises (when used):
        Missing: it is none of theirs.
        Forbidden: the credential may not read.

    """

    def find(ledger: Ledger) -> Upload:
        demand(actor, Scope.READ)
        upload = ledger.files.find_by_number(number)
        if upload is None or upload.user_id != actor.user.number:
            raise Missing("upload", str(number))
        return upload

    return find
