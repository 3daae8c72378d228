"""What every route of Pika's has from the REST server that it was written for (contract pika, section 1).

OPTIONS, methods in a header, which methods a path has, that no search engine lists it, and that a bad cookie is told
before anything else, a path that there is not included.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Message, Receive, Scope, Send

from holdall.dialects.pika import cookie
from holdall.dialects.pika.asking import caller
from holdall.errors import Denied, Missing
from holdall.flows.access import nothing
from holdall.web.dialect import Dialect, Render, json_response
from holdall.web.visit import visit_in

_MEANT = ("PUT", "PATCH", "DELETE")
"""What a POST can say that it means. None of them is less than a POST, for whoever checks where it comes from."""
_NAMESPACE = "pika/v1"


class RestDialect(Dialect):
    """A dialect with these habits."""

    def __init__(self, name: str, routes: Sequence[BaseRoute], render: Render) -> None:
        super().__init__(name, routes, render)
        self._methods = _methods_by_path(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, by the method that it means."""
        if scope["method"] == "OPTIONS":
            description = self._describe(scope)
            if description is not None:
                await description(scope, receive, send)
                return
        await super().__call__(_as_meant(scope), receive, self._marking(scope, send))

    def _marking(self, scope: Scope, send: Send) -> Send:
        """``send``, telling with every answer what the path can do, where there is one, and that it is not listed."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                allowed = self._methods.get(visit_in(scope).route.partition(" ")[2], "")
                message = {**message, "headers": [*message["headers"], *_marks(allowed)]}
            await send(message)

        return marked

    def _describe(self, scope: Scope) -> Response | None:
        """The description of a path; ``None`` where there is none."""
        path = scope["path"].rstrip("/")
        bare = {**scope, "path": path, "method": "GET"}
        found = [each for each in self.routes if isinstance(each, Route) and each.matches(bare)[0] is not Match.NONE]
        if not found:
            return None
        methods = sorted({method for each in found for method in each.methods or ()} - {"HEAD"})
        body = {
            "namespace": _NAMESPACE,
            "route": f"/{_NAMESPACE}{found[0].path}",
            "methods": methods,
            "endpoints": [{"methods": sorted((each.methods or set()) - {"HEAD"}), "args": {}} for each in found],
        }
        headers = {name.decode().title(): value.decode() for name, value in _marks(", ".join(methods))}
        return json_response(body, headers=headers)

    async def _refuse(self, fault: BaseException, scope: Scope, receive: Receive, send: Send) -> None:
        """A bad cookie is told first, whatever else is wrong with the path."""
        request = Request(scope, receive)
        if _is_no_route(fault) and visit_in(scope).actor is None:
            fault = await _denial(request) or fault
        await super()._refuse(fault, scope, receive, send)


def _is_no_route(fault: BaseException) -> bool:
    """No such path, or no such method on it, which the router tells in its own way."""
    return isinstance(fault, HTTPException) or (isinstance(fault, Missing) and fault.thing == "route")


async def _denial(request: Request) -> Denied | None:
    """Why the cookie that came is not good; ``None`` where it is, or where there is none."""
    if not cookie.is_sent(request):
        return None
    try:
        await caller(request, nothing)
    except Denied as denial:
        return denial
    return None


def _as_meant(scope: Scope) -> Scope:
    """The request with the method that a POST says it means; an odd one leads to no route."""
    if scope["method"] != "POST":
        return scope
    meant = parse_qs(scope["query_string"].decode("latin-1")).get("_method", [""])[-1]
    meant = (meant or Headers(scope=scope).get("x-http-method-override", "")).strip().upper()
    if not meant or meant == "POST":
        return scope
    return {**scope, "method": meant if meant in _MEANT else "UNKNOWN"}


def _methods_by_path(routes: Sequence[BaseRoute]) -> Mapping[str, str]:
    """The methods of each path, as a header tells them; paths that differ in a parameter's name alone are one path."""
    known = [each for each in routes if isinstance(each, Route)]
    found: dict[str, set[str]] = {}
    for each in known:
        found.setdefault(_shape(each.path), set()).update((each.methods or set()) - {"HEAD"})
    return {each.path: ", ".join(sorted(found[_shape(each.path)])) for each in known}


def _shape(path: str) -> str:
    return re.sub(r"{[^}]*}", "{}", path)


def _marks(allowed: str) -> list[tuple[bytes, bytes]]:
    marks = [(b"x-robots-tag", b"noindex")]
    return [*marks, (b"allow", allowed.encode("ascii"))] if allowed else marks
