"""The API's documentation: the OpenAPI documents, and a page to read them that asks no other host for anything."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from holdall import __version__
from holdall.web import openapi
from holdall.web.edge import edge_of
from holdall.web.openapi import Description

Describe = Callable[[], Description]

DOCUMENT = "/openapi.json"
PAGE = "/docs"
_ASSETS = Path(__file__).with_name("docs_assets")
_TYPES = {
    "index.html": "text/html",
    "init.js": "text/javascript",
    "page.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_TITLE = "Holdall's APIs"
_TEXT = "Takes files in safely and attaches them to records, in the words of two APIs."

_FRESH = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
_PAGE_HEADERS = {
    **_FRESH,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
"""Swagger UI writes style attributes and draws its icons from data: addresses; it runs no script of its making."""


def routes(described: Mapping[str, Describe]) -> list[Route]:
    """The page, and a document below each dialect's prefix besides the one of all; nobody is asked who they are.

    They go before the dialects' own routes, which would say that they know no such path.
    """
    shelf = _Shelf(described)
    return [
        Route(DOCUMENT, shelf.whole),
        *(Route(prefix + DOCUMENT, shelf.one) for prefix in described),
        Route(PAGE, page),
        Route(PAGE + "/documents.json", shelf.contents),
        Route(PAGE + "/{asset}", asset),
    ]


class _Shelf:
    """The documents: each built when first asked for, since a server that takes files in should start at once."""

    def __init__(self, described: Mapping[str, Describe]) -> None:
        self._described = described
        self._built: dict[str, bytes] = {}

    async def one(self, request: Request) -> Response:
        """The document of the dialect below whose prefix it was asked for."""
        describe = self._described[request.url.path.removesuffix(DOCUMENT)]
        return self._answer(request, lambda: _document(request, describe()))

    async def whole(self, request: Request) -> Response:
        """The document of all dialects."""
        return self._answer(request, lambda: _document(request, openapi.merge(_TITLE, _TEXT, self._all())))

    async def contents(self, request: Request) -> Response:
        """What the page offers: a title and an address, relative to the page, for each document."""
        prefixes = [prefix.removeprefix("/") for prefix in self._described]
        return self._answer(
            request,
            lambda: [
                {"title": described.title, "url": prefix + DOCUMENT}
                for prefix, described in zip(prefixes, self._all(), strict=True)
            ],
        )

    def _all(self) -> list[Description]:
        return [describe() for describe in self._described.values()]

    def _answer(self, request: Request, build: Callable[[], Any]) -> Response:
        path = request.url.path
        if path not in self._built:
            self._built[path] = msgspec.json.encode(build())
        return Response(self._built[path], headers=_FRESH, media_type="application/json")


def _document(request: Request, described: Description) -> dict[str, Any]:
    return openapi.describe(described, __version__, edge_of(request).links.site_url)


async def page(request: Request) -> Response:
    """The page to read the documents on."""
    return _hand_out(request, "index.html", _PAGE_HEADERS)


async def asset(request: Request) -> Response:
    """One of the files that the page is made of."""
    name = request.path_params["asset"]
    if name not in _TYPES or name == "index.html":
        raise HTTPException(404)
    return _hand_out(request, name, _FRESH)


def _hand_out(request: Request, name: str, headers: Mapping[str, str]) -> Response:
    """A shipped file, unless the browser has this very one already."""
    content, tag = _load(name)
    tagged = {**headers, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=tagged)
    return Response(content, headers=tagged, media_type=_TYPES[name])


@cache
def _load(name: str) -> tuple[bytes, str]:
    """A shipped file and its entity tag. The names are known, so no path is made of what a client sends."""
    content = (_ASSETS / name).read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()}"'
