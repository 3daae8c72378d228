"""Pika's lists of what can be chosen in books (contract pika, section 9, and section 14, C11)."""

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika import labels, wire
from holdall.dialects.pika.asking import caller
from holdall.domain.access import Scope
from holdall.errors import Unauthenticated
from holdall.flows.access import holding
from holdall.flows.book_lists import BookLists, everybodys_lists, list_books
from holdall.web.budgets import neighbourhood, spend
from holdall.web.dialect import json_response
from holdall.web.edge import edge_of


async def get_lists(request: Request) -> Response:
    """For whoever is signed in, their own too; for all others, and with a stale cookie, what is everybody's."""
    edge = edge_of(request)
    try:
        actor, _ = await caller(request, holding(Scope.READ))
    except Unauthenticated:
        await spend(request, "api", neighbourhood(request))
        return json_response(shown(everybodys_lists(), edge.links.site_url))
    return json_response(shown(await list_books(edge.services, actor), edge.links.site_url))


def shown(lists: BookLists, site_url: str) -> dict[str, object]:
    """As Pika's clients know them."""
    avatars = lists.avatars or {}
    return {
        "categories": [labels.category(family.category, family.children) for family in lists.categories],
        "accounts": [wire.account(account, avatars, site_url) for account in lists.accounts],
        "people": [wire.person(person, avatars, site_url) for person in lists.people],
        "tags": [labels.tag(tag) for tag in lists.tags],
    }
