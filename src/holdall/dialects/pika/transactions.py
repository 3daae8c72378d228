"""Pika's transactions (contract pika, section 6)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika import reading, wire
from holdall.dialects.pika.asking import MAX_NUMBER, caller, parameters, path_number, whole
from holdall.domain.access import Scope
from holdall.domain.bookkeeping.entries import Booking, Direction
from holdall.domain.money import parse_amount, written
from holdall.errors import BookRefused, Malformed
from holdall.flows import transactions as stories
from holdall.flows.access import holding
from holdall.ports import BookingSearch
from holdall.web.dialect import json_response
from holdall.web.edge import edge_of
from holdall.web.visit import visit_of

T = TypeVar("T")

MAX_LIST = 10_000
"""Transactions in one answer; as many as there are, up to here, where no limit is sent."""


async def list_transactions(request: Request) -> Response:
    """The caller's newest transactions, by their dates."""
    actor, _ = await caller(request, holding(Scope.READ))
    edge = edge_of(request)
    limit = _counted(request, "limit", MAX_LIST)
    offset = _counted(request, "offset", MAX_NUMBER)
    bookings, named = await stories.list_transactions(
        edge.services, actor, _search(request), limit=MAX_LIST if limit is None else limit, offset=offset or 0
    )
    return json_response([wire.transaction(each, named, edge.links.site_url) for each in bookings])


async def get_transaction(request: Request) -> Response:
    """One of the caller's transactions."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.READ))
    edge = edge_of(request)
    booking, named = await stories.find_transaction(edge.services, actor, number)
    return json_response(wire.transaction(booking, named, edge.links.site_url))


async def create_transaction(request: Request) -> Response:
    """A new transaction, with its receipts."""
    actor, _ = await caller(request, holding(Scope.WRITE))
    given = await parameters(request)
    kept = await stories.add_transaction(edge_of(request).services, actor, lambda: _read(given))
    return _answer(request, kept)


async def update_transaction(request: Request) -> Response:
    """A transaction as it is to be from now on; what is not named stays, tags and receipts too."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    given = await parameters(request)
    kept = await stories.change_transaction(
        edge_of(request).services,
        actor,
        number,
        lambda booking: replace(_read(reading.change(given, _as_sent(booking))), number=number),
    )
    return _answer(request, kept)


async def delete_transaction(request: Request) -> Response:
    """A transaction goes, and its receipts with it."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    ties = await stories.remove_transaction(edge_of(request).services, actor, number)
    visit_of(request).tie(f"transaction {number}", ties.linked, ties.unlinked)
    return json_response({"message": "Transaction deleted successfully"})


def _answer(request: Request, kept: stories.Kept) -> Response:
    visit_of(request).tie(f"transaction {kept.booking.number}", kept.ties.linked, kept.ties.unlinked)
    return json_response(wire.transaction(kept.booking, kept.named, edge_of(request).links.site_url))


# ── what is asked for ────────────────────────────────────────────────────────────────────────────────────────────


def _search(request: Request) -> BookingSearch:
    return BookingSearch(
        person=_counted(request, "personId", MAX_NUMBER),
        account=_counted(request, "accountId", MAX_NUMBER),
        category=_counted(request, "categoryId", MAX_NUMBER),
        since=_moment(request, "dateFrom"),
        until=_moment(request, "dateTo"),
    )


def _counted(request: Request, name: str, most: int) -> int | None:
    """A whole number of the query, from 0; an empty one is none, as the original's front-end sends it."""
    sent = request.query_params.get(name, "")
    number = whole(sent) if sent else None
    if sent and (number is None or number > most):
        raise Malformed("query", f"{name} is {sent[:50]!r}; it can be a whole number from 0 to {most}")
    return number


def _moment(request: Request, name: str) -> Any:
    sent = request.query_params.get(name, "")
    try:
        found = reading.moment(sent) if sent else None
    except ValueError as error:
        raise Malformed("query", f"{name} is {sent[:50]!r}; it can be a date like 2026-02-11T18:00:00Z") from error
    is_whole_day = found is not None and "T" not in sent and name == "dateTo"
    return found.replace(hour=23, minute=59, second=59) if found is not None and is_whole_day else found


# ── what it is to be ─────────────────────────────────────────────────────────────────────────────────────────────


def _as_sent(booking: Booking) -> reading.Given:
    return {
        "title": booking.title,
        "amount": written(booking.amount),
        "date": wire.date(booking.at),
        "type": booking.type.value,
        "categoryId": booking.category,
        "accountId": booking.account,
        "personId": booking.person,
        "toAccountId": booking.to_account,
        "note": booking.note,
        "tags": list(booking.tags),
        "attachments": list(booking.receipts),
    }


def _read(given: reading.Given) -> Booking:
    """In the documented order, as far as it shows without looking further; the story sees to the rest."""
    person, to_account = given.get("personId"), given.get("toAccountId")
    return Booking(
        number=0,
        title=reading.name(given.get("title"), "invalid_title"),
        amount=_read_as(parse_amount, given.get("amount"), "invalid_amount"),
        at=_read_as(reading.moment, given.get("date"), "invalid_date"),
        type=(type := _read_as(Direction, given.get("type"), "invalid_type")),
        category=reading.number(given.get("categoryId")),
        account=reading.number(given.get("accountId")),
        person=None if person is None or person == "" else reading.number(person),
        to_account=reading.number(to_account) if type is Direction.TRANSFER else None,
        note=reading.text(given, "note"),
        tags=reading.numbers(given.get("tags")),
        receipts=reading.numbers(given.get("attachments")),
    )


def _read_as(read: Callable[[Any], T], value: Any, code: str) -> T:
    try:
        return read(value)
    except (ValueError, TypeError) as error:
        raise BookRefused(code) from error
