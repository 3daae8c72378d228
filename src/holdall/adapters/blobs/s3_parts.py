"""Puts in parts that nobody finished: a bucket keeps their parts, and charges for them, where no listing shows them.

The client library has no word for them, so these few requests are our own. A store need not know them, and may refuse
them to our key: then ``PartsHidden`` says so, and the bucket has to be given a lifecycle rule.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit
from xml.parsers import expat

from holdall.adapters.blobs.keys import is_key
from holdall.adapters.blobs.presign import Signer
from holdall.errors import StorageUnavailable

_GONE = 404
_REFUSALS = {400, 401, 403, 405, 501}
_SECONDS = 60
_MAX_ANSWER = 16 << 20
_FINE = range(200, 300)
_BETWEEN = " "
"""Between namespace and name, as expat gives them; no namespace name has a space in it."""

Leaves = dict[str, str]
"""The names and texts of elements that have no others in them."""


class PartsHidden(StorageUnavailable):
    """The store does not show, or not to our key, which puts are unfinished."""


@dataclass(frozen=True, slots=True)
class UnfinishedPut:
    """A put in parts that is under way, or broke off."""

    name: str
    """The object's, as the bucket calls it."""
    id: str
    begun_at: datetime


class UnfinishedPuts:
    """Those of one bucket whose objects are ours, under the folder ``prefix`` of it. Every method blocks."""

    def __init__(self, signer: Signer, prefix: str, timeout_seconds: float) -> None:
        self._signer = signer
        self._folder = f"{prefix}/" if prefix else ""
        self._timeout = timeout_seconds

    def find(self) -> list[UnfinishedPut]:
        """All there are.

        Raises:
            PartsHidden: the store refuses to tell.
            StorageUnavailable: it does not answer, or in no way that is understood.

        """
        asked = {"uploads": "", "prefix": self._folder}
        pages = self._pages(
            asked, "", "Upload", {"NextKeyMarker": "key-marker", "NextUploadIdMarker": "upload-id-marker"}
        )
        return [
            UnfinishedPut(found["Key"], found["UploadId"], _time(found["Initiated"]))
            for found in pages
            if found.get("Key", "").startswith(self._folder) and is_key(found["Key"].removeprefix(self._folder))
        ]

    def size(self, put: UnfinishedPut) -> int:
        """Bytes of the parts that are there; 0 where it ended meanwhile. Raises as ``find``."""
        parts = self._pages({"uploadId": put.id}, put.name, "Part", {"NextPartNumberMarker": "part-number-marker"})
        return sum(int(part["Size"]) for part in parts)

    def abort(self, put: UnfinishedPut) -> None:
        """Have the store drop its parts. Safe to repeat. Raises as ``find``."""
        self._ask("DELETE", put.name, {"uploadId": put.id})

    def _pages(self, asked: Mapping[str, str], name: str, item: str, markers: Mapping[str, str]) -> Iterator[Leaves]:
        """The items of a listing, page by page; ``markers`` says how the next page is asked for."""
        since: dict[str, str] = {}
        while True:
            top, items = _read(self._ask("GET", name, {**asked, **since}), item)
            yield from items
            following = {markers[told]: top[told] for told in markers if top.get(told)}
            if top.get("IsTruncated") != "true" or not following or following == since:
                return
            since = following

    def _ask(self, method: str, name: str, asked: Mapping[str, str]) -> bytes:
        url = self._signer.sign(method, name, asked, datetime.now(UTC), _SECONDS)
        status, told = _answer(method, url, self._timeout)
        if status in _FINE:
            return told
        if status == _GONE and name:
            return b""  # it ended meanwhile
        kind = PartsHidden if status in _REFUSALS else StorageUnavailable
        raise kind(f"unfinished puts: the store answers {status}")


def expect_nothing(url: str, timeout_seconds: float) -> None:
    """Ask for what there is not.

    Raises:
        StorageUnavailable: nobody answers, or not that there is nothing.

    """
    status, _ = _answer("GET", url, timeout_seconds)
    if status != _GONE:
        raise StorageUnavailable(f"the answer to a signed request is {status}")


def _answer(method: str, url: str, timeout_seconds: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    with closing(_connection(parts.scheme, parts.netloc, timeout_seconds)) as connection:
        try:
            connection.request(method, f"{parts.path}?{parts.query}")
            answer = connection.getresponse()
            return answer.status, answer.read(_MAX_ANSWER)
        except (OSError, HTTPException) as error:
            raise StorageUnavailable(str(error) or type(error).__name__) from error


def _connection(scheme: str, host: str, timeout_seconds: float) -> HTTPConnection:
    if scheme == "http":
        return HTTPConnection(host, timeout=timeout_seconds)
    return HTTPSConnection(host, timeout=timeout_seconds, context=ssl.create_default_context())


def _read(xml: bytes, item: str) -> tuple[Leaves, list[Leaves]]:
    """The leaves of a listing itself, and those of each of its items."""
    top: Leaves = {}
    items: list[Leaves] = []
    path: list[str] = []
    text: list[str] = []

    def begin(name: str, _attributes: Mapping[str, str]) -> None:
        path.append(name.rpartition(_BETWEEN)[2])
        text.clear()
        if path[1:] == [item]:
            items.append({})

    def end(_name: str) -> None:
        name = path.pop()
        if path[1:] == [item]:
            items[-1][name] = "".join(text)
        elif len(path) == 1 and name != item:
            top[name] = "".join(text)
        text.clear()

    def refuse(*_: object) -> None:
        raise StorageUnavailable("unfinished puts: the store's listing has a DOCTYPE")

    if not xml:
        return top, items
    parser = expat.ParserCreate(namespace_separator=_BETWEEN)
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, text.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise StorageUnavailable(f"unfinished puts: the store's listing is none: {error}") from error
    return top, items


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise StorageUnavailable(f"unfinished puts: {text!r} is no time") from error
