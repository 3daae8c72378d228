"""What Bika's endpoints for records share: which database, how the answer is wanted, and how it is given."""

from datetime import tzinfo
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.bika import query, wire
from holdall.domain.fieldtypes.kind import NOTHING, Beside
from holdall.domain.zones import zone_called
from holdall.errors import ChoiceRefused
from holdall.flows.records import Place
from holdall.web.dialect import json_response
from holdall.web.edge import edge_of

LOCALES = ("en", "zh-CN", "zh-TW", "ja", "pt", "de")
"""What ``userLocale`` can be. Every form of a cell that Bika documents is the same in all of them."""
_SHOWN = 50


def place_of(request: Request) -> Place:
    """The database that the path names."""
    return Place(request.path_params["space_id"], request.path_params["database_id"])


def answer(data: Any, revision: int | None = None) -> Response:
    """A success; of one record, with its revision as ETag, to be sent back in If-Match."""
    headers = {} if revision is None else {"ETag": f'"{revision}"'}
    return json_response(wire.envelope(data), headers=headers)


def told_to(request: Request, beside: Beside = NOTHING) -> wire.Wire:
    """Renders for this caller.

    Raises:
        ChoiceRefused: ``timeZone`` or ``userLocale`` is none that there is.

    """
    edge = edge_of(request)
    return wire.Wire(edge.links, edge.services.clock.now(), beside, zone_of(request))


def is_by_id(request: Request, in_body: object = None) -> bool:
    """Whether fields are named by id: ``fieldKey`` comes in the body or in the query, and the body's wins."""
    given = request.query_params.get("fieldKey") if in_body is None else in_body
    return query.one_of("fieldKey", given, "name", "id") == "id"


def is_text(request: Request) -> bool:
    """Whether cells are wanted as text."""
    return query.one_of("cellFormat", request.query_params.get("cellFormat"), "json", "string") == "string"


def zone_of(request: Request) -> tzinfo | None:
    """The zone asked for. A locale is looked at, too: one that there is not would not be what the client thinks.

    Raises:
        ChoiceRefused: ``timeZone`` or ``userLocale`` is none that there is.

    """
    locale = request.query_params.get("userLocale")
    if locale and locale not in LOCALES:
        raise ChoiceRefused("userLocale", locale[:_SHOWN], LOCALES)
    name = request.query_params.get("timeZone")
    if not name:
        return None
    zone = zone_called(name)
    if zone is None:
        raise ChoiceRefused("timeZone", name[:_SHOWN], ("an IANA name such as Europe/Berlin",))
    return zone
