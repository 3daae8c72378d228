"""What Bika has and Holdall has none of: automations with their triggers, and links to embed (contract bika, 4.6)."""

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.bika.asking import answer
from holdall.domain.access import Actor
from holdall.flows.records import find_node, find_space
from holdall.web.edge import edge_of


async def list_triggers(request: Request, actor: Actor) -> Response:
    """The triggers of a node, of which none has any; the node has to be there. Clients name its space, or do not."""
    space_id = request.path_params.get("space_id")
    await find_node(edge_of(request).services, actor, request.path_params["node_id"], space_id)
    return answer([])


async def list_embed_links(request: Request, actor: Actor) -> Response:
    """The space's links to embed: there are none."""
    await find_space(edge_of(request).services, actor, request.path_params["space_id"])
    return answer([])
