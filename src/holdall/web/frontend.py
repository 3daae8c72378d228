"""Pika's built front-end: the files of one folder under ``/pika``, and its index for every address within the app.

The folder is the operator's; the addresses are anybody's. So nothing outside of it is reached, whatever is asked for,
and nothing in it that is hidden. Files are looked for and read in a thread: a disk may take its time.
"""

import asyncio
import base64
import hashlib
import os
import re
import stat
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from holdall.errors import Missing
from holdall.web.budgets import neighbourhood, spend
from holdall.web.dialect import route
from holdall.web.edge import edge_of

PREFIX = "/pika"
INDEX = "index.html"
MAX_BYTES = 64 << 20
"""Of one file: it is held in memory while it is sent. Bundles have a few MB at most."""
_TYPES = {
    "css": "text/css; charset=utf-8",
    "gif": "image/gif",
    "html": "text/html; charset=utf-8",
    "ico": "image/vnd.microsoft.icon",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "map": "application/json",
    "mjs": "text/javascript; charset=utf-8",
    "otf": "font/otf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "ttf": "font/ttf",
    "txt": "text/plain; charset=utf-8",
    "wasm": "application/wasm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xml": "application/xml",
}
"""By extension; all else is bytes. The system's own table differs from machine to machine."""
_HASHED = re.compile(r"assets/(?:.*/)?[^/]+[-.](?=[^/.]*[0-9A-Z])[0-9A-Za-z_-]{8,}\.\w+(?:\.map)?")
"""What a bundler names after its content: another content would have another name."""
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_POLICY = (
    "default-src 'self'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""Scripts are the folder's own, and those that the index itself carries (by digest), and no others. Pictures are
cropped on a canvas, which takes ``blob:`` and ``data:``."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the folder."""

    name: str
    """Its path within the folder."""
    data: bytes
    etag: str

    @property
    def is_index(self) -> bool:
        """Whether it is the page that the app starts from."""
        return self.name == INDEX


def routes() -> list[Route]:
    """The prefix and everything below it. Nobody is asked who they are, and no access is noted: it is nobody's file."""
    below = route("GET", PREFIX + "/{path:path}", get_asset, None)
    below.path_regex = re.compile(below.path_regex.pattern, re.DOTALL)  # as ``app._face``
    return [route("GET", PREFIX, get_asset, None), below]


async def get_asset(request: Request) -> Response:
    """A file of the folder; for what looks like a page of the app, and is no file, the index."""
    await spend(request, "download", neighbourhood(request))
    folder, path = edge_of(request).frontend, request.path_params.get("path", "")
    if folder is None:
        raise Missing("route", request.url.path)
    asset = await asyncio.to_thread(find, folder, path)
    if asset is None:
        raise Missing("file", request.url.path)
    return _answer(request, asset)


def _answer(request: Request, asset: Asset) -> Response:
    headers = {
        "Cache-Control": _FOR_EVER if _HASHED.fullmatch(asset.name) else _ASK_AGAIN,
        "Content-Security-Policy": _POLICY.format(scripts=_digests(asset) if asset.is_index else ""),
        "ETag": asset.etag,
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    extension = asset.name.rpartition(".")[2].lower()
    if extension in ("js", "mjs"):
        headers["Service-Worker-Allowed"] = PREFIX
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(None, 304, headers)
    headers |= {"Content-Type": _TYPES.get(extension, "application/octet-stream")}
    headers |= {"Content-Length": str(len(asset.data))}
    return Response(None if request.method == "HEAD" else asset.data, 200, headers)


# ── the folder; in a thread ──────────────────────────────────────────────────────────────────────────────────────


def find(folder: Path, path: str) -> Asset | None:
    """What is served for this path; ``None``: nothing is."""
    names = path.split("/") if path else [INDEX]
    if not all(_is_plain(name) for name in names):
        return None
    asset = _read(folder, names)
    if asset is None and "." not in names[-1]:
        return _read(folder, [INDEX])
    return asset


def _is_plain(name: str) -> bool:
    """Whether it can be a file's name, and no way out of the folder, nor to what is hidden in it."""
    return bool(name) and not name.startswith(".") and name.isprintable() and "\\" not in name


def _read(folder: Path, names: list[str]) -> Asset | None:
    """A file, wherever links in the folder lead, as long as that is in the folder too."""
    try:
        root = folder.resolve(strict=True)
        found = root.joinpath(*names).resolve(strict=True)
        within = found.relative_to(root)  # ValueError: it is not within
        if any(part.startswith(".") for part in within.parts):
            return None
        descriptor = os.open(found, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, RuntimeError, ValueError):  # not there, or outside; links in a circle; no name at all
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return Asset("/".join(names), file.read(), f'"{status.st_mtime_ns:x}-{status.st_size:x}"')
    finally:
        os.close(descriptor)


class _Scripts(HTMLParser):
    """Hears which scripts a page carries in itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and "src" not in dict(attrs):
            self._open = True
            self.found.append("")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._open = False


def _digests(index: Asset) -> str:
    """The index's own scripts, as the policy names them."""
    scripts = _Scripts()
    scripts.feed(index.data.decode("utf-8", "replace"))
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts.found)
    return "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
