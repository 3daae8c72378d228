"""Messages to URLs that strangers name: every address is checked, and the connection goes to the one that was.

Over asyncio's streams, with the standard library's reader of answers: no HTTP client of the packages here lets the
address be chosen apart from the name, which is what keeps a name from changing its mind after it was checked.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from io import BytesIO
from typing import cast

from holdall.domain.addresses import AddressRefused, Network, Target, choose, parse_target
from holdall.ports import NotSent, Reply

SECONDS = 15.0
"""For one message, from looking up the name to the last byte of the answer that is read."""
LOOKUP_SECONDS = 5.0
BODY_SECONDS = 2.0
"""For the rest of an answer whose head has come."""
MAX_HEAD = 16 << 10
MAX_EXCERPT = 1000
"""Characters of an answer that are kept."""
_MAX_BODY = 4096
_END_OF_HEAD = b"\r\n\r\n"

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


async def look_up(host: str, port: int) -> list[str]:
    """Every address of a name, as the system's resolver tells them; numbers in whatever form it takes for numbers."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class PublicPost:
    """``ports.Post`` to public addresses, and to those in ``allowed`` networks."""

    def __init__(self, allowed: Sequence[Network] = (), lookup: Lookup = look_up, seconds: float = SECONDS) -> None:
        self._allowed = allowed
        self._lookup = lookup
        self._seconds = seconds
        self._tls: ssl.SSLContext | None = None

    async def check(self, url: str) -> None:
        """Refuse a URL that nothing would be sent to; a name that is not known now may be later."""
        target = parse_target(url)
        with suppress(OSError, UnicodeError, TimeoutError):
            choose(await self._addresses(target), self._allowed)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST the body to the address that was checked."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._send(parse_target(url), headers, body)
        except AddressRefused as error:
            raise NotSent(f"refused: {error}") from error
        except TimeoutError as error:
            raise NotSent(f"no answer within {self._seconds:g} s") from error
        except socket.gaierror as error:
            raise NotSent("the host's name is not known") from error
        except ssl.SSLError as error:
            raise NotSent(f"TLS: {error.reason or 'failed'}") from error
        except (OSError, EOFError, HTTPException, UnicodeError, ValueError) as error:
            raise NotSent(f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'no HTTP answer'}") from error

    async def _send(self, target: Target, headers: Mapping[str, str], body: bytes) -> Reply:
        address = choose(await self._addresses(target), self._allowed)
        context = self._context() if target.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            address, target.port, ssl=context, server_hostname=target.host if context else None, limit=MAX_HEAD
        )
        try:
            writer.write(_request(target, headers, body) + body)
            await writer.drain()
            return _reply(await _answer(reader))
        finally:
            writer.transport.abort()

    async def _addresses(self, target: Target) -> Sequence[str]:
        return await asyncio.wait_for(self._lookup(target.host, target.port), LOOKUP_SECONDS)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = {"Host": target.authority, **headers, "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode("ascii") + _END_OF_HEAD


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """Its head, and as much of its body as is wanted, and comes soon."""
    try:
        head = await reader.readuntil(_END_OF_HEAD)
        if head.startswith((b"HTTP/1.1 100", b"HTTP/1.0 100")):
            head = await reader.readuntil(_END_OF_HEAD)
    except asyncio.LimitOverrunError as error:
        raise HTTPException("too long a head") from error
    body = bytearray()
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(BODY_SECONDS):
            while len(body) < _MAX_BODY and (piece := await reader.read(_MAX_BODY - len(body))):
                body += piece
                if _is_whole(head, body):
                    break
    return head + bytes(body)


def _is_whole(head: bytes, body: bytes | bytearray) -> bool:
    """Whether there is no more to come, though the connection stays open."""
    lowered = head.lower()
    if b"transfer-encoding" in lowered:
        return body.endswith(b"0\r\n\r\n")
    _, found, rest = lowered.partition(b"content-length:")
    length = rest.split(b"\r\n", 1)[0].strip()
    return bool(found) and length.isdigit() and len(body) >= int(length[:18])


class _Received:
    """What was read, as the standard library's reader takes it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> BytesIO:
        return BytesIO(self._data)


def _reply(data: bytes) -> Reply:
    with HTTPResponse(cast("socket.socket", _Received(data)), method="POST") as response:
        response.begin()
        try:
            body = response.read(_MAX_BODY)
        except HTTPException:  # cut off where we stopped reading
            body = b""
        return Reply(response.status, _wait(response.getheader("Retry-After", "")), _excerpt(body))


def _excerpt(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return "".join(each if each.isprintable() or each == "\n" else "�" for each in text[:MAX_EXCERPT])


def _wait(value: str) -> timedelta:
    """Retry-After in either of its forms (RFC 9110, 10.2.3); nothing for what is neither."""
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 10**6))
    with suppress(ValueError, TypeError, OverflowError):
        until = parsedate_to_datetime(value)
        return max(timedelta(), until - datetime.now(UTC))
    return timedelta()
