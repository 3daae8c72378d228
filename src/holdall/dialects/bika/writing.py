"""Bika's endpoints for single records and batches of them (contract bika, sections 4.3 and 4.4), and their history."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.bika import query
from holdall.dialects.bika.asking import answer, is_by_id, is_text, place_of, told_to
from holdall.domain.access import Actor
from holdall.domain.fieldtypes.kind import Beside
from holdall.errors import Malformed
from holdall.flows.once import Once, message_fingerprint
from holdall.flows.record_history import record_history
from holdall.flows.record_writes import (
    Order,
    RowChange,
    Tied,
    Written,
    create_records,
    delete_records,
    update_records,
)
from holdall.flows.records import find_record
from holdall.web.body import read_json, read_json_if_any
from holdall.web.edge import edge_of
from holdall.web.visit import visit_of

MAX_BATCH = 10
"""Records in one v2 call (contract bika, section 8)."""
_REVISION = re.compile(r'(?:W/)?"?([0-9]{1,18})"?')


# ── v1 (4.3) ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def get_record_v1(request: Request, actor: Actor) -> Response:
    """One record in cell form."""
    services, record_id = edge_of(request).services, request.path_params["record_id"]
    found = await find_record(services, actor, place_of(request), record_id)
    [record] = found.records
    return answer(told_to(request, found.beside).record_cells(found.database, record), record.revision)


async def create_record_v1(request: Request, actor: Actor) -> Response:
    """One new record from ``{cells}``."""
    body = await _body(request)
    cells = _mapping(body, "cells")
    written = await create_records(edge_of(request).services, order_of(request, actor, body), [cells])
    return _told_v1(request, written)


async def update_record_v1(request: Request, actor: Actor) -> Response:
    """Changed cells of one record; its id stands in the body, or in the path for clients that put it there."""
    body = await _body(request)
    record_id = request.path_params.get("record_id") or body.get("id")
    if not isinstance(record_id, str):
        raise Malformed("json", "id, the id of the record to change, is missing")
    change = RowChange(record_id, _mapping(body, "cells"), revisions_of(request))
    written = await update_records(edge_of(request).services, order_of(request, actor, body), [change])
    return _told_v1(request, written)


async def delete_record_v1(request: Request, actor: Actor) -> Response:
    """One record less."""
    await _delete(request, actor, {}, [request.path_params["record_id"]])
    return answer(True)


def _told_v1(request: Request, written: Written) -> Response:
    tell(request, written.ties)
    [record] = written.found.records
    render = told_to(request, written.found.beside)
    return answer(render.record_cells(written.found.database, record), record.revision)


# ── v2 (4.4) ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def get_record_v2(request: Request, actor: Actor) -> Response:
    """One record."""
    by_id, as_text = is_by_id(request), is_text(request)
    services, record_id = edge_of(request).services, request.path_params["record_id"]
    found = await find_record(services, actor, place_of(request), record_id)
    [record] = found.records
    render = told_to(request, found.beside)
    return answer(render.record_v2(found.database, record, by_id=by_id, as_text=as_text), record.revision)


async def create_records_v2(request: Request, actor: Actor) -> Response:
    """One to ten new records, all or none."""
    body = await _body(request)
    by_id = is_by_id(request, body.get("fieldKey"))
    rows = [_mapping(row, "fields") for row in _batch(body, dict, "objects")]
    written = await create_records(edge_of(request).services, order_of(request, actor, body), rows)
    return answer({"records": _told_v2(request, written, by_id=by_id)})


async def update_record_v2(request: Request, actor: Actor) -> Response:
    """Changed fields of one record; those not named stay."""
    body = await _body(request)
    by_id = is_by_id(request, body.get("fieldKey"))
    change = RowChange(request.path_params["record_id"], _mapping(body, "fields"), revisions_of(request))
    written = await update_records(edge_of(request).services, order_of(request, actor, body), [change])
    [shown] = _told_v2(request, written, by_id=by_id)
    return answer(shown, written.found.records[0].revision)


async def update_records_v2(request: Request, actor: Actor) -> Response:
    """Changed fields of one to ten records, all or none."""
    _refuse_revisions(request)
    body = await _body(request)
    by_id = is_by_id(request, body.get("fieldKey"))
    changes = [RowChange(_record_id(row), _mapping(row, "fields")) for row in _batch(body, dict, "objects")]
    written = await update_records(edge_of(request).services, order_of(request, actor, body), changes)
    return answer({"records": _told_v2(request, written, by_id=by_id)})


async def delete_record_v2(request: Request, actor: Actor) -> Response:
    """One record less."""
    [id] = await _delete(request, actor, {}, [request.path_params["record_id"]])
    return answer({"id": id, "deleted": True})


async def delete_records_v2(request: Request, actor: Actor) -> Response:
    """One to ten records less, all or none; their ids stand in the query or in the body."""
    _refuse_revisions(request)
    body = await read_json_if_any(request, edge_of(request).pace)
    named = request.query_params.getlist("records")
    ids = _batch({"recordIds": named} if named else body, str, "ids", key="recordIds")
    deleted = await _delete(request, actor, body, ids)
    return answer({"records": [{"id": id, "deleted": True} for id in deleted]})


def _told_v2(request: Request, written: Written, *, by_id: bool) -> list[dict[str, Any]]:
    tell(request, written.ties)
    found = written.found
    render = told_to(request, found.beside)
    return [render.record_v2(found.database, record, by_id=by_id, as_text=False) for record in found.records]


# ── history (an extension) ───────────────────────────────────────────────────────────────────────────────────────


async def list_history(request: Request, actor: Actor) -> Response:
    """What was done to a record, newest first, behind a cursor."""
    params, by_id = request.query_params, is_by_id(request)
    cursor, size = query.decode_cursor(params.get("offset")), query.page_size(params)
    past = await record_history(
        edge_of(request).services,
        actor,
        place_of(request),
        request.path_params["record_id"],
        before=cursor.after or None,
        limit=size,
    )
    render = told_to(request, Beside(past.people))
    following = query.Cursor(past.deeds[-1].number, cursor.seen + size).encode() if past.has_more else None
    shown = [render.deed(past.database, deed, by_id=by_id) for deed in past.deeds]
    return answer({"changes": shown, "hasMore": past.has_more, **({"offset": following} if following else {})})


# ── what they share ──────────────────────────────────────────────────────────────────────────────────────────────


async def _body(request: Request) -> dict[str, Any]:
    """The message of a write, of which the answer's form is looked at first: a refusal changes nothing."""
    told_to(request)
    return await read_json(request, edge_of(request).pace)


async def _delete(request: Request, actor: Actor, body: Mapping[str, Any], ids: Sequence[str]) -> Sequence[str]:
    order = order_of(request, actor, body)
    deleted = await delete_records(edge_of(request).services, order, ids, revisions_of(request))
    tell(request, deleted.ties)
    return deleted.ids


def order_of(request: Request, actor: Actor, body: Mapping[str, Any]) -> Order:
    """Who writes where; with an Idempotency-Key, once."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return Order(actor, place_of(request))
    asked = f"{request.method} {request.url.path}?{request.url.query}"
    once = Once(edge_of(request).services, actor, key, message_fingerprint(asked, body))
    return Order(actor, place_of(request), once)


def revisions_of(request: Request) -> frozenset[int] | None:
    """The revisions that If-Match names; ``None``: any. What is no revision of ours is one that no record is at."""
    given = ",".join(request.headers.getlist("if-match"))
    if not given or given.strip() == "*":
        return None
    matches = (_REVISION.fullmatch(each.strip()) for each in given.split(","))
    return frozenset(int(match[1]) for match in matches if match)


def _refuse_revisions(request: Request) -> None:
    """Whoever sends If-Match counts on it."""
    if "if-match" in request.headers:
        raise Malformed("header", "If-Match names the revision of one record, and this call is about several")


def _batch(body: Mapping[str, Any], of: type, what: str, key: str = "records") -> list[Any]:
    """One to ten things of a kind."""
    items = body.get(key)
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_BATCH or not all(isinstance(row, of) for row in items):
        raise Malformed("json", f"{key} is a list of 1 to {MAX_BATCH} {what}")
    return items


def _record_id(row: Mapping[str, Any]) -> str:
    """``id``; one client writes ``recordId``."""
    id = row.get("id", row.get("recordId"))
    if not isinstance(id, str):
        raise Malformed("json", "each record to change has an id")
    return id


def _mapping(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    if not isinstance(value, dict):
        raise Malformed("json", f"{key} is an object of field names and values")
    return value


def tell(request: Request, ties: Sequence[Tied]) -> None:
    """Have the access log know which files were put into cells, and taken out."""
    visit = visit_of(request)
    for tied in ties:
        visit.tie(tied.record_id, tied.linked, tied.unlinked)
