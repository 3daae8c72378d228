"""Large files that a client fetches from the object store itself: an answer leads to a URL there, good for a minute.

The checks and the choice of bytes stay here; only the bytes do not pass through. What the store answers with is what
was signed: the type, the name, and that nobody may keep it. The store sends none of our other guards, so whatever a
browser might run is never left to it, and its address must be of another host than ours.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from holdall.web.origins import normal_origin

Sign = Callable[[int, Mapping[str, str]], Awaitable[str]]
"""The URL of the file for an answer of so many bytes and with these headers; raises as ``ports.SignedUrls``."""

GOOD_FOR_SECONDS = 60
"""Within which a client has to begin."""
UNKEPT = "private, no-store"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How a file is left to the store, where an answer has at least ``min_bytes``."""

    min_bytes: int
    sign: Sign


def may_be_led(request: Request) -> bool:
    """Whether the client follows to another site and gets to see what is there.

    A page's own script would need that site's word for it (CORS), which we cannot give.
    """
    return "origin" not in request.headers and request.headers.get("sec-fetch-mode") != "cors"


def parse_public_endpoint(text: str, site_url: str) -> str:
    """The origin that clients reach the store by.

    Raises:
        ValueError: it is none; or of our host, where strangers' files would be ours; or in the clear, where we are not.

    """
    origin = normal_origin(text.rstrip("/"))
    if not origin:
        raise ValueError(f"{text!r} is not a URL such as https://s3.example.org")
    if urlsplit(origin).hostname == urlsplit(site_url).hostname:
        raise ValueError(f"{text} must be of another host than HOLDALL_BASE_URL, {site_url}")
    if site_url.startswith("https:") and not origin.startswith("https:"):
        raise ValueError(f"{text} must begin with https: as HOLDALL_BASE_URL does")
    return origin
