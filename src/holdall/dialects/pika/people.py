"""Pika's people (contract pika, section 4)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika import reading, wire
from holdall.dialects.pika.asking import caller, parameters, path_number
from holdall.domain.access import Scope
from holdall.domain.bookkeeping.entries import Person
from holdall.errors import BookRefused, Missing
from holdall.flows.access import holding
from holdall.flows.parties import PEOPLE, add_party, change_party, find_party, list_parties, remove_party
from holdall.web.dialect import json_response
from holdall.web.edge import edge_of
from holdall.web.visit import visit_of


async def list_people(request: Request) -> Response:
    """The caller's people, by name."""
    actor, _ = await caller(request, holding(Scope.READ))
    edge = edge_of(request)
    people, avatars = await list_parties(edge.services, actor, PEOPLE)
    return json_response([wire.person(person, avatars, edge.links.site_url) for person in people])


async def get_person(request: Request) -> Response:
    """One of the caller's people, with what was spent and received in all."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.READ))
    edge = edge_of(request)
    person, avatars = await find_party(edge.services, actor, PEOPLE, number)
    shown = wire.person(person, avatars, edge.links.site_url)
    return json_response({**shown, "totalSummary": wire.total_summary(person)})


async def create_person(request: Request) -> Response:
    """Somebody new, answered as the row that is kept."""
    actor, _ = await caller(request, holding(Scope.WRITE))
    given, services = await parameters(request), edge_of(request).services
    kept = await add_party(services, actor, PEOPLE, lambda: _new(given, services.clock.now()))
    visit_of(request).tie(f"person {kept.party.number}", kept.ties.linked, kept.ties.unlinked)
    return json_response(wire.person_row(kept.party, actor.user))


async def update_person(request: Request) -> Response:
    """Somebody as they are to be from now on; what is not named stays."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    given, edge = await parameters(request), edge_of(request)
    now = edge.services.clock.now()
    with _hiding():
        kept = await change_party(edge.services, actor, PEOPLE, number, lambda person: _changed(given, person, now))
    visit_of(request).tie(f"person {number}", kept.ties.linked, kept.ties.unlinked)
    return json_response(wire.person(kept.party, kept.avatars, edge.links.site_url))


async def delete_person(request: Request) -> Response:
    """Somebody whom no transaction names."""
    number = path_number(request)
    actor, _ = await caller(request, holding(Scope.WRITE))
    with _hiding():
        ties = await remove_party(edge_of(request).services, actor, PEOPLE, number)
    visit_of(request).tie(f"person {number}", ties.linked, ties.unlinked)
    return json_response({"message": "Person deleted successfully"})


@contextmanager
def _hiding() -> Iterator[None]:
    """Say of one who is not there what the original says of one who is somebody else's."""
    try:
        yield
    except Missing as missing:
        raise BookRefused("rest_forbidden") from missing


def _new(given: reading.Given, now: datetime) -> Person:
    return _read(given, Person(0, "", "", "", "", None, 0, 0, 0, None, now, now))


def _changed(given: reading.Given, person: Person, now: datetime) -> Person:
    # An empty id changes nothing, as in the original.
    given = {key: value for key, value in given.items() if (key, value) != ("avatarId", "")}
    return replace(_read(reading.change(given, _as_sent(person)), person), updated_at=now)


def _as_sent(person: Person) -> reading.Given:
    return {
        "name": person.name,
        "email": person.email,
        "phone": person.phone,
        "avatarId": person.avatar,
        "description": person.description,
    }


def _read(given: reading.Given, person: Person) -> Person:
    avatar = given.get("avatarId")
    return replace(
        person,
        name=reading.name(given.get("name"), "invalid_person_name"),
        email=reading.email(given),
        phone=reading.line(given, "phone"),
        description=reading.text(given, "description"),
        avatar=None if avatar is None or avatar == "" else reading.number(avatar),
    )
