"""Pika's app info (contract pika, section 9): public, and with what is taken in files as an extension."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from holdall import __version__
from holdall.dialects.pika import taking
from holdall.dialects.pika.policy import DOORS
from holdall.domain.policy import Kind
from holdall.domain.variants import NAMED
from holdall.web.budgets import neighbourhood, spend
from holdall.web.dialect import json_response
from holdall.web.edge import Edge, edge_of

NAME = "Pika"
DESCRIPTION = "Personal finance in Pika's API, kept by Holdall."


async def get_info(request: Request) -> Response:
    """What this is, for whoever asks. A cookie is not looked at, so a stale one does no harm."""
    await spend(request, "api", neighbourhood(request))
    return json_response(info(edge_of(request)))


def info(edge: Edge) -> dict[str, Any]:
    """What is said."""
    return {
        "name": NAME,
        "version": __version__,
        "description": DESCRIPTION,
        "app_id": edge.app_id,
        "base_url": edge.links.site_url,
        "files": files(edge),
    }


def files(edge: Edge) -> dict[str, Any]:
    """What the doors take of everybody; what a user wants of it stands in their settings."""
    return {
        "doors": {door: _door(edge, door) for door in DOORS},
        "thumbnails": {
            "size": [recipe.box for recipe in NAMED.values() if not recipe.crops],
            "crop": [recipe.box for recipe in NAMED.values() if recipe.crops],
        },
        "resumable": None,
    }


def _door(edge: Edge, door: str) -> dict[str, Any]:
    kinds = [taking.house_ceiling(edge, kind).kind for kind in taking.AT_DOOR[door]]
    return {"entityTypes": list(taking.entities(edge, door)), "kinds": {kind.name: _kind(kind) for kind in kinds}}


def _kind(kind: Kind) -> dict[str, Any]:
    return {"extensions": list(kind.extensions), "mimeTypes": list(kind.mimes), "maxBytes": kind.max_bytes}
