"""The page where people let a device in (contract pika, section 2.1): who they are, and whether they want it.

A front-end sends its user here with ``app_name`` and two addresses of its own. Whoever approves is sent back with a
secret made for that device; whoever refuses, without one. The secret is in the address that they are sent to, so that
address has to be of our own origin, or nobody is sent anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from holdall import errors
from holdall.dialects.pika import consent_page as page
from holdall.dialects.pika.asking import sight_of
from holdall.domain.access import Actor
from holdall.domain.access_log import Action
from holdall.domain.escaping import shown
from holdall.flows.passwords import MAX_GIVEN, grant
from holdall.web.body import read_body
from holdall.web.budgets import neighbourhood
from holdall.web.dialect import Dialect, route
from holdall.web.edge import Edge, edge_of
from holdall.web.visit import visit_of

PREFIX = "/wp-admin"
PATH = "/authorize-application.php"
MAX_NAME = 60
"""Characters of an application's name, as it is shown and kept."""
MAX_FORM_BYTES, MAX_FORM_FIELDS = 16 << 10, 20
MAX_URL = 2000
_NAMELESS = "An application"
_GROUP = 4
_ANSWERED_WITH = ("site_url", "user_login", "password", "success")
"""What is added to the addresses, and taken out of them where it stands there already."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an application asks for."""

    name: str
    success_url: str
    reject_url: str


class _Elsewhere(Exception):  # noqa: N818  said of an address
    """An address to send people back to is not of our own origin; the message is the parameter's name."""


def consent() -> Dialect:
    """The application that answers with the page."""
    return Dialect(
        "pika-consent", [route("GET", PATH, show, Action.VIEW), route("POST", PATH, decide, Action.SIGN_IN)], render
    )


async def show(request: Request) -> Response:
    """The form, empty."""
    edge = edge_of(request)
    edge.origins.refuse_foreign(request)
    try:
        return _answer(edge, page.form(*_shown(_read(edge, request))))
    except _Elsewhere as refusal:
        return _refused(edge, refusal)


async def decide(request: Request) -> Response:
    """The form, filled in: sent back with a secret, sent back without one, or asked again."""
    edge = edge_of(request)
    edge.origins.refuse_foreign(request)
    given = await _fields(request, edge)
    try:
        asked = _read(edge, request)
    except _Elsewhere as refusal:
        return _refused(edge, refusal)
    if given.get("decision") == "refuse":
        return _refuse(request, edge, asked)
    return await _approve(request, edge, asked, given)


async def _approve(request: Request, edge: Edge, asked: _Asked, given: Mapping[str, str]) -> Response:
    login, password = given.get("user_login", "").strip(), given.get("password", "")
    if not login or not password:
        return _asked_again(edge, asked, login, page.INCOMPLETE, 400)
    try:
        minted = await grant(
            edge.services, login, password[:MAX_GIVEN], asked.name, neighbourhood(request), sight_of(request)
        )
    except (errors.Unauthenticated, errors.RateLimited) as refusal:
        visit_of(request).fail(refusal)
        if isinstance(refusal, errors.RateLimited):
            answer = _asked_again(edge, asked, login, page.TOO_MANY, 429)
            answer.headers["Retry-After"] = str(max(1, round(refusal.retry_after_seconds)))
            return answer
        return _asked_again(edge, asked, login, page.WRONG, 401)
    user = minted.token.user
    visit_of(request).actor = Actor(user, minted.token.id, minted.token.scopes)
    secret = " ".join(minted.secret[at : at + _GROUP] for at in range(0, len(minted.secret), _GROUP))
    if not asked.success_url:
        return _answer(edge, page.secret(asked.name, user.login, secret))
    more = {"site_url": edge.links.site_url, "user_login": user.login, "password": secret}
    return _sent_to(edge, asked.success_url, more)


def _refuse(request: Request, edge: Edge, asked: _Asked) -> Response:
    visit_of(request).action = Action.VIEW
    if not asked.reject_url:
        return _answer(edge, page.refused(asked.name))
    return _sent_to(edge, asked.reject_url, {"success": "false"})


def _read(edge: Edge, request: Request) -> _Asked:
    query = request.query_params
    name = shown(query.get("app_name", ""), MAX_NAME) or _NAMELESS
    for parameter in ("success_url", "reject_url"):
        if not _is_ours(edge.origins.own, query.get(parameter, "")):
            raise _Elsewhere(parameter)
    return _Asked(name, query.get("success_url", ""), query.get("reject_url", ""))


def _is_ours(own: str, url: str) -> bool:
    """Whether it is no address at all, or surely one of our own origin, however a browser reads it.

    Browsers take a backslash for a slash and leave out line ends, so an address with any of those is nobody's.
    """
    if not url:
        return True
    if not own or len(url) > MAX_URL or not url.isascii() or not url.isprintable() or set(url) & set("\\ "):
        return False
    return url == own or url.startswith((f"{own}/", f"{own}?", f"{own}#"))


async def _fields(request: Request, edge: Edge) -> dict[str, str]:
    """The form's fields; never the query's, so that no link fills in a password."""
    body = await read_body(request, edge.pace, MAX_FORM_BYTES)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS))
    except ValueError as error:
        raise errors.Malformed("form", "it is no form") from error


def _sent_to(edge: Edge, url: str, more: Mapping[str, str]) -> Response:
    """On to an address of ours, with more in its query."""
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in _ANSWERED_WITH]
    query = [*kept, *more.items()]
    target = SplitResult(parts.scheme, parts.netloc, parts.path or "/", urlencode(query, quote_via=quote), "")
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return Response(status_code=303, headers={**_headers(edge), "Location": target.geturl() + fragment})


def _shown(asked: _Asked, login: str = "", fault: str = "") -> tuple[str, str, str, str]:
    return asked.name, asked.success_url.partition("?")[0], login, fault


def _asked_again(edge: Edge, asked: _Asked, login: str, fault: str, status: int) -> Response:
    return _answer(edge, page.form(*_shown(asked, login, fault)), status)


def _refused(edge: Edge, refusal: _Elsewhere) -> Response:
    return _answer(edge, page.elsewhere(str(refusal), edge.origins.own), 400)


def _answer(edge: Edge, text: str, status: int = 200) -> Response:
    return Response(text, status, _headers(edge), media_type="text/html")


def _headers(edge: Edge) -> dict[str, str]:
    """Nobody frames it, keeps it, or learns from it where one was; what it may do is to send its own form."""
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src '{page.STYLE_DIGEST}'; form-action 'self' {edge.origins.own}; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def render(error: errors.HoldallError, request: Request) -> Response:
    """The page for whatever else goes wrong."""
    status, text = _told(error)
    return _answer(edge_of(request), page.fault(text), status)


def _told(error: errors.HoldallError) -> tuple[int, str]:
    """Status and words: those of the first class that fits."""
    return next((told for kind, told in _FAULTS.items() if isinstance(error, kind)), (400, page.UNREADABLE))


_FAULTS: Mapping[type[errors.HoldallError], tuple[int, str]] = {
    errors.OriginRefused: (403, page.FOREIGN),
    errors.RateLimited: (429, page.TOO_MANY),
    errors.Missing: (404, "There is no such page."),
    errors.HeadersTooLarge: (431, "The request is too large."),
    errors.TooLarge: (413, "The form is too large."),
    errors.TooSlow: (408, "The form came too slowly."),
    errors.StorageFull: (507, "The server has no room left."),
    errors.Unavailable: (503, "The server could not do this now. Try again later."),
}
