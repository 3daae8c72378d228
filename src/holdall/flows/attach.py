"""The story of files that go straight into a cell: each is checked for itself, and what is fine hangs there at the end.

The files that may come in are kept, and hung on the record, in one commit (``flows.keep``). Where the record, its
database or its field went away while the bytes came, the files are kept all the same, and hang nowhere.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from holdall.domain.access import Actor, Scope, Space
from holdall.domain.filename import display_name
from holdall.domain.files import Staged, Upload
from holdall.domain.policy import admit
from holdall.errors import CellRefused, FieldUnknown, HoldallError, Missing, QuotaExceeded
from holdall.flows.access import Look, demand, enter
from holdall.flows.cell_files import Cell, CellPlace, attachment_field, cell_in, demand_room, fill, hanging, look_up
from holdall.flows.keep import Candidate, keep
from holdall.flows.once import Once
from holdall.flows.record_writes import demand_revision, hold
from holdall.flows.records import enter_both
from holdall.flows.upload import UploadRequest, check
from holdall.ports import Ledger, Services


@dataclass(frozen=True, slots=True)
class Target:
    """A cell that files may be put into: it was there, and had room, when it was asked for."""

    space: Space
    where: CellPlace
    """With the field's id, whatever it is called meanwhile."""
    revisions: Collection[int] | None = None
    """Those that the record may be at; ``None``: any."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file did not come in, as the dialect tells it."""

    code: int
    message: str
    error: HoldallError | None = None
    """``None``: it is told once more, of a request that was answered before."""


Tell = Callable[[HoldallError], Refusal]
"""How the dialect tells a client of an error."""


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file: there is an upload or a refusal."""

    file_name: str
    upload: Upload | None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """What became of all of them, and the cell that they hang in; ``None``: it is not there any more."""

    outcomes: Sequence[FileOutcome]
    cell: Cell | None


def target(where: CellPlace, revisions: Collection[int] | None) -> Look[Target]:
    """Looks for the cell, as a door asks before it reads a body.

    Raises:
        Missing, Forbidden: there is no such record here, or the caller may not write.
        FieldUnknown, CellRefused: the field is none, holds no files, or no more files.
        Stale: the record is at none of ``revisions``.

    """

    def look(ledger: Ledger, actor: Actor) -> Target:
        space, database = enter_both(ledger, actor, where.place, Scope.WRITE, only_looks=True)
        cell = cell_in(ledger, database, where)
        demand_revision(cell.record, revisions)
        demand_room(cell.field, len(cell.ties) + 1)
        return Target(space, CellPlace(where.place, cell.record.id, cell.field.id), revisions)

    return look


async def attach(
    services: Services, request: UploadRequest, target: Target, files: Sequence[Staged], once: Once, tell: Tell
) -> Attached:
    """Take those of the files that may come in, and hang them on the end of the cell.

    Raises:
        HoldallError: none may come in; this is why the first may not.
        Stale, CellRefused: the record is at another revision by now, or the cell is full; nothing was kept.
        KeyReused, Conflict: see ``flows.once``.
        Missing: the request was answered before, and a file that it led to was deleted, and swept.

    """
    done: list[Attached] = []

    async def story() -> list[str]:
        attached = await _Attaching(services, request, target, once, tell).run(files)
        done.append(attached)
        return _remembered(attached.outcomes)

    kept = await once.run(story)
    return done[0] if done else await services.work.read(lambda ledger: _recall(ledger, request.actor, target, kept))


class _Attaching:
    """One request's files on their way in."""

    def __init__(self, services: Services, request: UploadRequest, target: Target, once: Once, tell: Tell) -> None:
        self._services = services
        self._request = request
        self._target = target
        self._once = once
        self._tell = tell
        self._files: Sequence[Staged] = ()
        self._candidates: dict[int, Candidate] = {}
        self._errors: dict[int, HoldallError] = {}
        self._cell: Cell | None = None
        """As of the last run of the story that keeps the files; so are the outcomes."""
        self._outcomes: Sequence[FileOutcome] = ()

    async def run(self, files: Sequence[Staged]) -> Attached:
        demand(self._request.actor, Scope.WRITE)
        self._files = files
        for place, staged in enumerate(files):
            await self._check(place, staged)
        await self._keep()
        return Attached(self._outcomes, self._cell)

    async def _check(self, place: int, staged: Staged) -> None:
        try:
            with self._services.meter.step("admit"):
                type = admit(staged, self._request.policy)
            self._candidates[place] = await check(self._services, self._request, staged, type)
        except HoldallError as error:
            self._errors[place] = error

    async def _keep(self) -> None:
        """All that were found fine or, where they do not fit into a quota, those that are left without the largest."""
        request = self._request
        while self._candidates:
            candidates = [*self._candidates.values()]
            try:
                await keep(self._services, request.space, request.actor, candidates, self._finish)
            except QuotaExceeded as error:
                largest = max(self._candidates, key=lambda place: self._candidates[place].staged.size)
                del self._candidates[largest]
                self._errors[largest] = error
            else:
                return
        raise self._errors[0]

    def _finish(self, ledger: Ledger, uploads: Sequence[Upload]) -> None:
        """In the commit that keeps the files."""
        self._cell = self._hang(ledger, uploads)
        kept = dict(zip(self._candidates, uploads, strict=True))
        self._outcomes = [self._outcome(place, kept.get(place)) for place in range(len(self._files))]
        self._once.finish(ledger, _remembered(self._outcomes))

    def _hang(self, ledger: Ledger, uploads: Sequence[Upload]) -> Cell | None:
        actor, where = self._request.actor, self._target.where
        space = enter(ledger, actor, where.place.space_id, Scope.WRITE).space
        database = ledger.spaces.find_database(where.place.database_id, space)
        if database is None:
            return None
        try:
            [record] = hold(ledger, database, [where.record_id])
            field = attachment_field(database, where.field)
        except (Missing, FieldUnknown, CellRefused):  # the last: the field has become one of another type
            return None
        demand_revision(record, self._target.revisions)
        items = hanging(ledger, record, field) | {upload.id: (upload, upload.name) for upload in uploads}
        return fill(self._services, ledger, actor, space, database, Cell(field, record), items)

    def _outcome(self, place: int, upload: Upload | None) -> FileOutcome:
        name = display_name(self._files[place].client_name)
        return FileOutcome(name, upload, None if upload is not None else self._tell(self._errors[place]))


def _remembered(outcomes: Sequence[FileOutcome]) -> list[str]:
    """Outcomes as what an idempotency key led to."""
    return [
        json.dumps([each.file_name, each.upload.id if each.upload else "", *_told(each.refusal)]) for each in outcomes
    ]


def _told(refusal: Refusal | None) -> tuple[int, str]:
    return (0, "") if refusal is None else (refusal.code, refusal.message)


def _recall(ledger: Ledger, actor: Actor, target: Target, kept: Sequence[str]) -> Attached:
    """What a request did when it first came, as that is now."""
    rows = [json.loads(each) for each in kept]
    ids = [id for _, id, *_ in rows if id]
    uploads = ledger.files.find_uploads(target.space.number, ids, with_deleted=True)
    return Attached([_recalled(row, uploads) for row in rows], _cell_now(ledger, actor, target.where))


def _recalled(row: Sequence[str], uploads: Mapping[str, Upload]) -> FileOutcome:
    name, id, code, message = row
    if not id:
        return FileOutcome(name, None, Refusal(int(code), message))
    if id not in uploads:
        raise Missing("upload", id)
    return FileOutcome(name, uploads[id])


def _cell_now(ledger: Ledger, actor: Actor, where: CellPlace) -> Cell | None:
    try:
        return look_up(ledger, actor, where, Scope.WRITE)
    except (Missing, FieldUnknown, CellRefused):
        return None
