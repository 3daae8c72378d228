"""Pages of other sites: which may read our answers (CORS), and which may use a visitor's cookie (none but listed ones).

A browser sends the cookie with every request to us, whatever page made it. So a request that a cookie speaks for is
taken only where it surely comes from a page of ours, of a listed origin, or from no page at all (curl, an app): a
browser tells by ``Sec-Fetch-Site``, older ones by ``Origin``, and scripts can forge neither. No preflight is relied on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdall.errors import OriginRefused

_SAFE = ("GET", "HEAD")
_PORTS = {"http": 80, "https": 443}
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS = (
    b"Authorization, Content-Type, Content-Digest, Repr-Digest, Idempotency-Key, Range, If-Match, If-None-Match, "
    b"If-Modified-Since, If-Unmodified-Since, If-Range"
)
_EXPOSED = (
    b"Content-Disposition, Content-Range, Accept-Ranges, ETag, Content-Digest, Repr-Digest, RateLimit, "
    b"RateLimit-Policy, Retry-After"
)
"""Beside those that every page may read."""
_PREFLIGHT_SECONDS = b"600"


@dataclass(frozen=True, slots=True)
class Origins:
    """Our own origin, and those listed."""

    own: str = ""
    listed: frozenset[str] = frozenset()

    def refuse_foreign(self, request: Request) -> None:
        """Refuse what a page of another site had a visitor's browser send.

        Raises:
            OriginRefused: it did.

        """
        headers = request.headers
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site in ("same-origin", "none") or (origin is not None and self._is_welcome(origin, request)):
            return
        if site is None and origin is None:
            return
        if origin is None and _is_a_followed_link(request.method, headers):
            return
        raise OriginRefused(origin or site or "")

    def _is_welcome(self, origin: str, request: Request) -> bool:
        """Listed; or ours by the configured address, or by the one that this very request went to."""
        host = request.headers.get("host", "")
        is_ours = origin == self.own or origin == normal_origin(f"{request.scope['scheme']}://{host}")
        # A browser that tells the site knows better than we do which origin is its own.
        return origin in self.listed or (is_ours and request.headers.get("sec-fetch-site") is None)

    async def answer(self, scope: Scope, receive: Receive, send: Send, app: ASGIApp) -> None:
        """Let the application answer, and tell the browser whether a page of a listed origin may read it.

        With an empty list nothing is added: no page of another site may read anything.
        """
        if not self.listed:
            await app(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin", "")
        is_listed = origin in self.listed
        if is_listed and scope["method"] == "OPTIONS" and _has(scope, b"access-control-request-method"):
            await _send_preflight(origin, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_marks(origin if is_listed else "")]
            await send(message)

        await app(scope, receive, send_marked)


def _is_a_followed_link(method: str, headers: Mapping[str, str]) -> bool:
    """A visitor who follows a link to a file of theirs; nothing is changed by it, and the other page sees nothing."""
    return (
        method in _SAFE and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )


def _has(scope: Scope, name: bytes) -> bool:
    return any(key == name for key, _ in scope["headers"])


async def _send_preflight(origin: str, send: Send) -> None:
    headers = [
        *_marks(origin),
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _REQUEST_HEADERS),
        (b"access-control-max-age", _PREFLIGHT_SECONDS),
        (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _marks(origin: str) -> Sequence[tuple[bytes, bytes]]:
    """What tells a browser that a page of this origin may read the answer; caches learn that it depends on it."""
    vary = (b"vary", b"Origin")
    if not origin:
        return [vary]
    return [
        vary,
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _EXPOSED),
    ]


def parse_origins(text: str) -> frozenset[str]:
    """Origins, apart by commas or blanks, as browsers send them.

    Raises:
        ValueError: one of them is none; ``*`` and ``null`` are nobody in particular.

    """
    origins = set()
    for word in text.replace(",", " ").split():
        origin = normal_origin(word)
        if not origin:
            raise ValueError(f"{word} is not an origin such as https://app.example.org")
        origins.add(origin)
    return frozenset(origins)


def normal_origin(url: str) -> str:
    """``scheme://host[:port]`` in lower case and without a port that goes without saying; ``""`` where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query or "@" in url:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != _PORTS[parts.scheme] else "")
