"""Files that the web server in front sends by itself: an answer names the file, in words for nginx, and has no body.

The checks, the choice of bytes and the headers stay here; only the bytes do not pass through. nginx is told by
``X-Accel-Redirect``, which it takes out of the answer, and which leads to a location that nobody else can ask for
(``deploy/nginx/holdall.conf``). A caller who is no proxy of ours gets the bytes, never the name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.types import Message, Scope, Send

EXTENSION = "holdall.handover"
"""In the extensions of a request whose answer may be a path, whole or one range of it."""
PATHSEND = "http.response.pathsend"

_SPELLING = re.compile(r"x-accel:((?:/[A-Za-z0-9_-]+)+)")
_ONE_RANGE = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")
PARTIAL = 206
"""To whole files nginx adds an ``Accept-Ranges`` of its own, to parts of them it leaves ours."""
_REDIRECT = b"x-accel-redirect"


@dataclass(frozen=True, slots=True)
class Handover:
    """Where the proxy finds our files: what it calls ``root`` is ``prefix``."""

    prefix: str
    root: Path

    def offer(self, scope: Scope) -> Scope:
        """The request, which says now that its answer may be a path."""
        return {**scope, "extensions": {**scope.get("extensions", {}), PATHSEND: {}, EXTENSION: {}}}

    def taking(self, send: Send) -> Send:
        """``send``, to which an answer may be a path; the head waits until it is known whether it is one."""
        head: Message | None = None

        async def translated(message: Message) -> None:
            nonlocal head
            if message["type"] == "http.response.start":
                head = message
                return
            if head is not None:
                begun, head = head, None
                await send(self._named(begun, message["path"]) if message["type"] == PATHSEND else begun)
            await send({"type": "http.response.body"} if message["type"] == PATHSEND else message)

        return translated

    def _named(self, head: Message, path: str) -> dict[str, Any]:
        """The head of an answer without a body, which says where the body is.

        Raises:
            ValueError: the path does not lie in our folder.

        """
        dropped = {b"content-length"} if head["status"] == PARTIAL else {b"content-length", b"accept-ranges"}
        where = f"{self.prefix}/{Path(path).relative_to(self.root)}".encode("ascii")
        kept = [(name, value) for name, value in head["headers"] if name not in dropped]
        return {**head, "headers": [*kept, (b"content-length", b"0"), (_REDIRECT, where)]}


def may_be_path(extensions: Mapping[str, object], conditions: Mapping[bytes, str], *, is_whole: bool) -> bool:
    """Whether another may send this answer by itself, be it a whole file or one range.

    The server that we run in sends what is whole, and looks at nothing else. A proxy reads the request again, and with
    other eyes than ours: it gets only what cannot be read in two ways, that is one plain range, or no condition at all.
    """
    if EXTENSION not in extensions:
        return is_whole and PATHSEND in extensions
    return reads_one_way(conditions, is_whole=is_whole)


def reads_one_way(conditions: Mapping[bytes, str], *, is_whole: bool) -> bool:
    """Whether nobody can take the request for another one: no condition at all, or one plain range that is followed."""
    if not conditions:
        return True
    return conditions.keys() == {b"range"} and not is_whole and _ONE_RANGE.fullmatch(conditions[b"range"]) is not None


def parse_send_file(text: str, root: Path) -> Handover | None:
    """``x-accel:/prefix``; nothing is nobody.

    Raises:
        ValueError: it is something else.

    """
    if not text:
        return None
    match = _SPELLING.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not x-accel:/prefix")
    return Handover(match[1], root)
