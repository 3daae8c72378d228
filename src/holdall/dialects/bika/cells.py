"""Bika's attachment cells as a resource: read, changed without sending the rest, and filled straight from a form.

An extension, in the same envelope (docs/reference/bika.md).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.bika import wire
from holdall.dialects.bika.asking import answer, place_of, told_to
from holdall.dialects.bika.errors import describe
from holdall.dialects.bika.writing import order_of, revisions_of, tell
from holdall.domain.access import Actor
from holdall.domain.fieldtypes.kind import MAX_ITEMS
from holdall.errors import FileMissing, HoldallError, Malformed, Unavailable
from holdall.flows.access import Look
from holdall.flows.attach import Attached, Refusal, Target, attach, target
from holdall.flows.cell_files import Cell, CellPlace, Edit, edit_cell, find_cell
from holdall.flows.once import Once, fingerprint
from holdall.flows.upload import UploadRequest
from holdall.web.body import read_json
from holdall.web.edge import edge_of
from holdall.web.receive import BodyLimits
from holdall.web.uploading import received
from holdall.web.visit import visit_of

log = structlog.get_logger()


async def list_cell(request: Request, actor: Actor) -> Response:
    """What hangs in the cell."""
    return _answer(request, await find_cell(edge_of(request).services, actor, _where(request)))


async def edit(request: Request, actor: Actor) -> Response:
    """More, less, or another order, and nothing said of the rest."""
    edge = edge_of(request)
    body = await read_json(request, edge.pace)
    order, revisions = order_of(request, actor, body), revisions_of(request)
    cell = await edit_cell(edge.services, order, _where(request), _edit(body), revisions)
    _tell_ties(request, cell)
    return _answer(request, cell)


def target_of(request: Request) -> Look[Target]:
    """Looks for the cell that a form's files are meant for."""
    return target(_where(request), revisions_of(request))


async def attach_files(request: Request, order: UploadRequest, target: Target, limits: BodyLimits) -> Response:
    """Files into the space and into the cell, and what became of each."""
    services = edge_of(request).services
    async with received(request, order.actor, target.space, limits) as form:
        files = [staged for staged in form.files if staged.field == "file" and staged.client_name.strip()]
        if not files:
            raise FileMissing("file")
        mark = fingerprint(request.url.path, form.fields, files)
        once = Once(services, order.actor, request.headers.get("idempotency-key"), mark)
        attached = await attach(services, order, target, files, once, _refusal)
        visit = visit_of(request)
        visit.keep([outcome.upload for outcome in attached.outcomes if outcome.upload is not None])
        for staged, outcome in zip(files, attached.outcomes, strict=True):
            error = None if outcome.refusal is None else outcome.refusal.error
            if error is not None:
                visit.turn_away(staged, error, describe(error)[0])
                _log(request, error)
    if attached.cell is not None:
        _tell_ties(request, attached.cell)
    return _told(request, attached)


def _told(request: Request, attached: Attached) -> Response:
    render, cell = told_to(request), attached.cell
    return answer(
        {
            "attached": cell is not None,
            "attachments": None if cell is None else _shown(render, cell),
            "files": [render.outcome(outcome) for outcome in attached.outcomes],
        },
        None if cell is None else cell.record.revision,
    )


def _answer(request: Request, cell: Cell) -> Response:
    return answer({"attachments": _shown(told_to(request), cell)}, cell.record.revision)


def _shown(render: wire.Wire, cell: Cell) -> list[dict[str, Any]]:
    return [render.attachment(tie) for tie in cell.ties]


def _refusal(error: HoldallError) -> Refusal:
    _, code, message = describe(error)
    return Refusal(code, message, error)


def _log(request: Request, error: HoldallError) -> None:
    """Of what is no fault of the client's, the operator hears as of any such request."""
    if isinstance(error, Unavailable):
        path, id = request.url.path, visit_of(request).id
        log.error("unavailable", dialect="bika", path=path, request_id=id, error=str(error), exc_info=error)


def _tell_ties(request: Request, cell: Cell) -> None:
    if cell.tied is not None:
        tell(request, [cell.tied])


def _where(request: Request) -> CellPlace:
    params = request.path_params
    return CellPlace(place_of(request), params["record_id"], params["field"])


def _edit(body: Mapping[str, Any]) -> Edit:
    """What the message wants changed.

    Raises:
        Malformed: it wants nothing, or something that is no list of ids; or too many.

    """
    edit = Edit(_ids(body, "remove"), _list(body, "append"), _ids(body, "order"))
    if not (edit.remove or edit.append or edit.order):
        raise Malformed("json", "append, remove or order is to say what changes")
    return edit


def _ids(body: Mapping[str, Any], key: str) -> Sequence[str]:
    ids = _list(body, key)
    if not all(isinstance(id, str) for id in ids):
        raise Malformed("json", f"{key} is a list of attachment ids")
    return ids


def _list(body: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = body.get(key, ())
    if not isinstance(value, list | tuple) or len(value) > MAX_ITEMS:
        raise Malformed("json", f"{key} is a list of at most {MAX_ITEMS}")
    return value
