"""The ``pika_token`` cookie: percent-encoded base64 (contract pika, section 2.2).

What a sign-in sets is opaque: the device secret alone, which nobody can read anything in. What clients set by
themselves, as they do for the original, is ``login:device secret``; both open the same door.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from holdall.errors import Unauthenticated
from holdall.flows.accounts import DEVICE_LENGTH

NAME = "pika_token"
YEAR_SECONDS = 31_536_000
_MAX_LENGTH = 1024
_SECRET = re.compile(rf"[0-9A-Za-z]{{{DEVICE_LENGTH}}}")
_WRITTEN_WITH = re.compile(r"[^0-9A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a cookie carries."""

    login: str
    """``""``: none; the secret says whose it is."""
    secret: str


def is_sent(request: Request) -> bool:
    """Whether the request carries the cookie, good or bad."""
    return NAME in request.cookies


def read(request: Request) -> Credential:
    """The credential in the cookie; raw and percent-encoded values are both taken.

    Raises:
        Unauthenticated: there is no cookie, or it holds no credential.

    """
    value = request.cookies.get(NAME)
    if value is None or len(value) > _MAX_LENGTH:
        raise Unauthenticated("no cookie")
    encoded = unquote(value)
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        login, colon, secret = base64.b64decode(padded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("the cookie is not base64") from error
    if colon:
        return Credential(login, plain_secret(secret))
    if not _SECRET.fullmatch(login):
        raise Unauthenticated("the cookie has no colon, and is no secret")
    return Credential("", login)


def plain_secret(secret: str) -> str:
    """A device secret without the blanks and dashes that it may be written with."""
    return _WRITTEN_WITH.sub("", secret)


def value_of(credential: Credential) -> str:
    """The cookie's value for a credential."""
    told = f"{credential.login}:{credential.secret}" if credential.login else credential.secret
    return quote(base64.b64encode(told.encode()).decode(), safe="")


def set_on(response: Response, secret: str) -> None:
    """Let the browser keep a device secret for a year, out of scripts' reach."""
    value = value_of(Credential("", secret))
    year = YEAR_SECONDS
    response.set_cookie(NAME, value, year, year, path="/", secure=True, httponly=True, samesite="lax")


def clear(response: Response) -> None:
    """Take the cookie back."""
    response.delete_cookie(NAME, path="/", secure=True, httponly=True, samesite="lax")
