"""What can go wrong at several of Pika's doors, as the OpenAPI document tells it."""

from starlette.requests import Request
from starlette.responses import Response

from holdall.dialects.pika import cookie, errors
from holdall.errors import Malformed, OriginRefused, RateLimited, Unauthenticated
from holdall.web import doors, openapi
from holdall.web.body import MAX_JSON_BYTES
from holdall.web.openapi import Failures, Json, ref

COOKIE = "pikaCookie"
"""The name of the security scheme."""
FOREIGN: Failures = {"a page of another site sent it": OriginRefused("https://evil.example")}
"""Of everything that a browser may be made to send."""
CALLER: Failures = {
    "no cookie, or one that is not good": Unauthenticated(),
    **FOREIGN,
    "no cookie, and JSON that is none": Malformed("json", "invalid character"),
    "too many calls": RateLimited(12),
    **doors.ANY_FAILURES,
}
"""Of everything that wants the cookie."""
READING: Failures = {
    **doors.reading_failures(MAX_JSON_BYTES),
    "a body that is neither a form nor JSON": Malformed("json", "invalid character"),
}
"""Of everything that reads parameters from a body."""


def rendered(failures: Failures) -> dict[str, Response]:
    """As a client with a cookie gets them: a 401 takes it back."""
    request = Request({"type": "http", "headers": [(b"cookie", f"{cookie.NAME}=stale".encode())]})
    return {phrase: errors.render(error, request) for phrase, error in failures.items()}


def failed(failures: Failures) -> dict[str, Json]:
    """As answers of an operation, by status."""
    return openapi.failed(ref("PikaError"), rendered(failures))
