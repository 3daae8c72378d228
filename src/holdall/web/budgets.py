"""What callers may still do, told in the headers of every answer (draft-ietf-httpapi-ratelimit-headers-10).

``RateLimit-Policy: "api";q=1200;w=60`` and ``RateLimit: "api";r=1199;t=60``; where a call is counted twice, as a call
and as an upload, both are told.
"""

import math
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from holdall.errors import HoldallError, RateLimited
from holdall.ports import Budget
from holdall.web.edge import address_of, edge_of

_TOLD = "holdall.budgets"
_IPV6_PREFIX = 64
"""One customer has at least so many bits of addresses to choose from."""


def begin(scope: Scope) -> None:
    """Make a place for what this request's caller is told; shared by every copy of its scope."""
    scope[_TOLD] = []


async def spend(request: Request, action: str, caller: str) -> None:
    """Take one from the caller's budget, and tell what is left with the answer.

    Raises:
        RateLimited: the budget is used up.

    """
    budget = await edge_of(request).services.limiter.spend(action, caller)
    if budget is not None:
        request.scope[_TOLD].append(budget)


def tell(response: Response, scope: Scope, error: HoldallError | None = None) -> None:
    """Write the headers."""
    budgets: list[Budget] = scope.get(_TOLD, [])
    if isinstance(error, RateLimited) and error.action:
        wait = error.retry_after_seconds
        budgets = [*budgets, Budget(error.action, error.limit, error.window_seconds, 0, wait)]
    if budgets:
        response.raw_headers = [*response.raw_headers, *_fields(budgets)]


def _fields(budgets: Sequence[Budget]) -> list[tuple[bytes, bytes]]:
    policies = ", ".join(f'"{budget.action}";q={budget.limit};w={budget.window_seconds}' for budget in budgets)
    left = ", ".join(f'"{each.action}";r={each.remaining};t={math.ceil(each.reset_seconds)}' for each in budgets)
    return [(b"ratelimit-policy", policies.encode()), (b"ratelimit", left.encode())]


def neighbourhood(request: Request) -> str:
    """The caller's address as limits count it: an IPv6 caller owns a whole network, and may use any address of it."""
    text = address_of(request)
    try:
        address = ip_address(text)
    except ValueError:  # no address at all: a socket of this machine
        return text
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> _IPV6_PREFIX << _IPV6_PREFIX)) + f"/{_IPV6_PREFIX}"
    return text
