"""Pika's accounts: where money is (contract pika, section 5)."""

from dataclasses import replace
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika import reading, wire
from holdall.dialects.pika.asking import caller, parameters, path_number
from holdall.domain.access import Scope
from holdall.domain.bookkeeping.entries import Account, Look
from holdall.flows.access import holding
from holdall.flows.parties import ACCOUNTS, add_party, change_party, find_party, list_parties, remove_party
from holdall.web.dialect import json_response
from holdall.web.edge import edge_of
from holdall.web.visit import visit_of

_LOOK = Look("wallet", "#ffffff", "#3B82F6")


async def list_accounts(request: Request) -> Response:
    """The caller's accounts, by name."""
    actor, _ = await caller(request, holding(Scope.READ))
    edge = edge_of(request)
    accounts, avatars = await list_parties(edge.services, actor, ACCOUNTS)
    return json_response([wire.account(account, avatars, edge.links.site_url) for account in accounts])


async def get_account(request: Request) -> Response:
    """One of the caller's accounts."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.READ))
    edge = edge_of(request)
    account, avatars = await find_party(edge.services, actor, ACCOUNTS, number)
    return json_response(wire.account(account, avatars, edge.links.site_url))


async def create_account(request: Request) -> Response:
    """A new account, with nothing in it."""
    actor, _ = await caller(request, holding(Scope.WRITE))
    given, edge = await parameters(request), edge_of(request)
    kept = await add_party(edge.services, actor, ACCOUNTS, lambda: _new(given, edge.services.clock.now()))
    visit_of(request).tie(f"account {kept.party.number}", kept.ties.linked, kept.ties.unlinked)
    return json_response(wire.account(kept.party, kept.avatars, edge.links.site_url))


async def update_account(request: Request) -> Response:
    """An account as it is to be from now on; what is not named stays."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    given, edge = await parameters(request), edge_of(request)
    now = edge.services.clock.now()
    kept = await change_party(edge.services, actor, ACCOUNTS, number, lambda account: _changed(given, account, now))
    visit_of(request).tie(f"account {number}", kept.ties.linked, kept.ties.unlinked)
    return json_response(wire.account(kept.party, kept.avatars, edge.links.site_url))


async def delete_account(request: Request) -> Response:
    """An account that no transaction names."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    ties = await remove_party(edge_of(request).services, actor, ACCOUNTS, number)
    visit_of(request).tie(f"account {number}", ties.linked, ties.unlinked)
    return json_response({"message": "Account deleted successfully"})


def _new(given: reading.Given, now: datetime) -> Account:
    blank = Account(0, "", "", _LOOK, None, 0, 0, None, now, now)
    return _read({**_as_sent(blank), "name": None, **given}, blank)


def _changed(given: reading.Given, account: Account, now: datetime) -> Account:
    return replace(_read(reading.change(given, _as_sent(account)), account), updated_at=now)


def _as_sent(account: Account) -> reading.Given:
    return {
        "name": account.name,
        "icon": account.look.icon,
        "bgColor": account.look.bg_color,
        "color": account.look.color,
        "avatarId": account.avatar,
        "description": account.description,
    }


def _read(given: reading.Given, account: Account) -> Account:
    avatar = given["avatarId"]
    return replace(
        account,
        name=reading.name(given["name"], "invalid_name"),
        look=reading.look(given),
        description=reading.text(given, "description"),
        avatar=None if avatar is None else reading.number(avatar),
    )
