"""The Scanner of the port: ClamAV's daemon, over TCP or a unix socket, with a protocol of four commands.

What clamd says is believed only where it says it in full: the whole file went over, and the answer to it is exactly one
of the two that mean something. Whatever else happens (a limit, an error, silence, a closed connection, nonsense) is
``not_scanned``. Limits deserve care: clamd takes only so much of a stream, and looks only so far into a file; beyond
that, unless it is told to say so (``AlertExceedsMax``), it calls the rest clean. So files over ``max_bytes``, which is
to be no more than clamd's own limits, are not sent at all.

Protocol: https://docs.clamav.net/manual/Usage/Scanning.html and clamd(8): ``zINSTREAM``, then pieces with their length
in four bytes, then a length of nought; the answer ends in NUL.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from holdall.ports import Verdict

PIECE_BYTES = 256 << 10
"""Read on the event loop: what was just staged lies in the page cache, and so much of it takes some 30 µs."""
MAX_ANSWER_BYTES = 4096
CONNECT_SECONDS = 3.0
SHUN_SECONDS = 30.0
"""An address that failed is asked last for so long, and then first again if it was."""
AT_ONCE = 8
"""Scans under way: clamd's default is ten threads, and a longer queue there would only use up our patience."""
_FOUND = re.compile(r"(?:stream|instream\([^)]*\)): (?P<signature>\S[^\0\n]*) FOUND")
_CLEAN = re.compile(r"(?:stream|instream\([^)]*\)): OK")
_OVER_LIMIT = "Heuristics.Limits.Exceeded"
"""How a clamd with ``AlertExceedsMax`` says that it did not look at all of a file."""
_VERSION = re.compile(r"ClamAV (?P<program>[^/\n]+)(?:/(?P<signatures>\d+)/(?P<date>[^\n]+))?")


class Unanswered(Exception):  # noqa: N818  said of a daemon
    """A daemon gave no answer that means anything; says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a clamd listens: ``unix:/path`` or ``host:port``."""

    host: str
    port: int
    """0: ``host`` is the path of a unix socket."""

    def __str__(self) -> str:
        """As it is written in the settings."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else f"unix:{self.host}"


@dataclass(frozen=True, slots=True)
class Version:
    """What a clamd says of itself."""

    program: str
    signatures: str
    """The number of its daily signatures; ``""`` where it has none of ClamAV's own."""
    made_at: datetime | None
    """When those were made."""


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Addresses between commas.

    Raises:
        ValueError: one is neither ``unix:/path`` nor ``host:port``.

    """
    return tuple(_address(part.strip()) for part in text.split(",") if part.strip())


def _address(text: str) -> Address:
    if text.startswith("unix:/"):
        return Address(text.removeprefix("unix:"), 0)
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise ValueError(f"{text} is neither unix:/path nor host:port")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


class ClamdScanner:
    """Asks the first of several daemons that answers (see ``ports.Scanner``).

    ``seconds`` is how long one of them may take over one file, all in all.
    """

    def __init__(self, addresses: Sequence[Address], max_bytes: int, seconds: float) -> None:
        self._addresses = tuple(addresses)
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._shunned: dict[Address, float] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._unanswered = 0

    @property
    def unanswered(self) -> int:
        """How often one of them gave no verdict on a file, since this process began."""
        return self._unanswered

    async def scan(self, path: Path, mime: str) -> Verdict:
        """Have the file scanned. Never raises; whatever goes wrong is ``not_scanned``, never clean."""
        del mime  # clamd finds out for itself
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            return Verdict(not_scanned=f"the file cannot be opened: {error.strerror}")
        try:
            size = os.fstat(file).st_size
            if size > self._max_bytes:
                return Verdict(not_scanned=f"clamd looks into files of at most {self._max_bytes} bytes")
            async with self._turns:
                return await self._ask_in_turn(file, size)
        finally:
            os.close(file)

    async def edition(self) -> str:
        """Programs and signatures of the daemon that answers first; ``clamd ?`` when none does."""
        for address in self._in_order():
            with suppress(Unanswered):
                version = await ask_version(address, self._seconds)
                return f"clamd {version.program}/{version.signatures}"
        return "clamd ?"

    async def _ask_in_turn(self, file: int, size: int) -> Verdict:
        """The first verdict; when there is none, every reason."""
        reasons: list[str] = []
        for address in self._in_order():
            try:
                verdict = await self._ask(address, file, size)
            except Unanswered as silence:
                self._shunned[address] = time.monotonic()
                self._unanswered += 1
                reasons.append(f"clamd at {address}: {silence}")
            else:
                self._shunned.pop(address, None)
                return verdict
        return Verdict(not_scanned="; ".join(reasons))

    def _in_order(self) -> list[Address]:
        """As they were given, those that failed a moment ago last."""
        now = time.monotonic()
        return sorted(self._addresses, key=lambda address: now - self._shunned.get(address, -now) < SHUN_SECONDS)

    async def _ask(self, address: Address, file: int, size: int) -> Verdict:
        async with _connected(address, self._seconds) as (reader, writer):
            answer = asyncio.ensure_future(_read_answer(reader))
            try:
                is_whole = await _send(writer, file, size, answer)
                said = await answer
            finally:
                answer.cancel()
                await asyncio.gather(answer, return_exceptions=True)
        return _understood(said, is_whole=is_whole)


async def ask_version(address: Address, seconds: float) -> Version:
    """What the clamd there says of itself.

    Raises:
        Unanswered: nothing, or nothing that a clamd would say.

    """
    async with _connected(address, seconds) as (reader, writer):
        writer.write(b"zVERSION\0")
        said = await _read_answer(reader)
    found = _VERSION.fullmatch(said)
    if found is None:
        raise Unanswered(f"said {_quoted(said)}")
    return Version(found["program"], found["signatures"] or "", _moment(found["date"] or ""))


@asynccontextmanager
async def _connected(
    address: Address, seconds: float
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection for so long; everything that goes wrong on it is ``Unanswered``."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await _connect(address)
            try:
                yield reader, writer
            finally:
                writer.transport.abort()
    except TimeoutError as error:
        raise Unanswered(f"no answer within {seconds:g} s") from error
    except (OSError, EOFError) as error:
        raise Unanswered(str(error) or "it closed the connection") from error


async def _connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if address.port:
                return await asyncio.open_connection(address.host, address.port, limit=MAX_ANSWER_BYTES)
            return await asyncio.open_unix_connection(address.host, limit=MAX_ANSWER_BYTES)
    except TimeoutError as error:
        raise Unanswered(f"no connection within {CONNECT_SECONDS:g} s") from error
    except OSError as error:
        raise Unanswered(f"no connection: {error.strerror or error}") from error


async def _send(writer: asyncio.StreamWriter, file: int, size: int, answer: "asyncio.Future[str]") -> bool:
    """Send the whole file; ``False`` when clamd answered, or hung up, before it had it."""
    writer.write(b"zINSTREAM\0")
    sent = 0
    while sent < size:
        piece = os.pread(file, min(PIECE_BYTES, size - sent), sent)
        if not piece:
            raise Unanswered("the file became shorter while it was read")
        writer.write(len(piece).to_bytes(4, "big") + piece)
        sent += len(piece)
        with suppress(ConnectionError):  # its last words tell more
            await writer.drain()
        if answer.done():
            return False
    if os.pread(file, 1, size):
        raise Unanswered("the file became longer while it was read")
    writer.write(bytes(4))
    with suppress(ConnectionError):
        await writer.drain()
    return True


async def _read_answer(reader: asyncio.StreamReader) -> str:
    """All that it says, up to its NUL."""
    try:
        said = await reader.readuntil(b"\0")
    except asyncio.IncompleteReadError as error:
        raise Unanswered(
            "it closed the connection" + (f" after {_quoted(error.partial)}" if error.partial else "")
        ) from (error)
    except asyncio.LimitOverrunError as error:
        raise Unanswered("it said more than clamd ever does") from error
    return said[:-1].decode("utf-8", "replace").strip()


def _understood(said: str, *, is_whole: bool) -> Verdict:
    """The verdict that an answer is.

    Raises:
        Unanswered: it is none.

    """
    if found := _FOUND.fullmatch(said):
        signature = _printable(found["signature"])
        if signature.startswith(_OVER_LIMIT):
            raise Unanswered(f"it did not look at all of the file ({signature})")
        return Verdict(signature=signature, scanner="clamd")
    if is_whole and _CLEAN.fullmatch(said):
        return Verdict()
    raise Unanswered(f"said {_quoted(said)}" + ("" if is_whole else " before it had the whole file"))


def _moment(date: str) -> datetime | None:
    """``Sat Nov 21 09:00:00 2026``, as ctime(3) writes it; in clamd's own time zone, taken for UTC."""
    try:
        return datetime.strptime(date.strip(), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None


def _quoted(said: str | bytes) -> str:
    """As much of it as is worth logging."""
    return repr(said[:80])


def _printable(signature: str) -> str:
    """A name that may stand in a log line and in an answer."""
    return "".join(char if char.isprintable() else "?" for char in signature)[:200]
