"""ClamAV's daemon is asked in full and believed only in full: what is no clear answer is not scanned, never clean."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from holdall.adapters.scan.clamd import Address, ClamdScanner, Unanswered, Version, ask_version, parse_addresses
from holdall.ports import Verdict
from tests.support import documents, images
from tests.support.clamav import LIMIT_BYTES, MARK, MARK_SIGNATURE, SIGNATURE, Clamd, clamd, running_clamd
from tests.support.server import free_port

__all__ = ["clamd"]

SECONDS = 20.0
MANY = 1 << 30


def scanned(address: str, path: Path, *, max_bytes: int = MANY, seconds: float = SECONDS) -> Verdict:
    return asyncio.run(ClamdScanner(parse_addresses(address), max_bytes, seconds).scan(path, "text/plain"))


def written(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


# ── a real clamd ─────────────────────────────────────────────────────────────────────────────────────────────────


def pdf_with(data: bytes) -> bytes:
    return documents.pdf() + b"\n% " + data + b"\n"


INFECTED = {
    "plain": images.eicar(),
    "in a text": b"x" * 200_000 + images.eicar() + b"\n",
    "zip": documents.package({"a.txt": images.eicar()}),
    "zip in zip": documents.package({"a.zip": documents.package({"b.txt": images.eicar()})}),
    "docx": documents.docx({"word/media/a.txt": images.eicar()}),
    "pdf": pdf_with(images.eicar()),
    "by its digest": b"known by its digest",
}
CLEAN = {
    "empty": b"",
    "text": b"all is well\n",
    "docx": documents.docx(),
    "jpeg": images.jpeg(),
    "several pieces": bytes(3 << 20),
}


@pytest.mark.parametrize("way", ["address", "unix_address"])
@pytest.mark.parametrize("name", INFECTED)
def test_what_a_signature_describes_is_found(clamd: Clamd, tmp_path: Path, name: str, way: str):
    """Also inside packages, over TCP and the unix socket."""
    verdict = scanned(getattr(clamd, way), written(tmp_path, INFECTED[name]))

    expected = "Holdall.Test.Digest.UNOFFICIAL" if name == "by its digest" else SIGNATURE
    assert verdict == Verdict(signature=expected)
    assert verdict.scanner == "clamd"


@pytest.mark.parametrize("name", CLEAN)
def test_what_none_describes_is_clean(clamd: Clamd, tmp_path: Path, name: str):
    assert scanned(clamd.address, written(tmp_path, CLEAN[name])).is_clean


def test_the_last_bytes_of_a_large_package_are_looked_at(clamd: Clamd, tmp_path: Path):
    """Files that a scanner looks into only so far are the classic hole."""
    filler = {f"word/media/{number}.bin": images.noise(512, 512).tobytes() for number in range(6)}
    data = documents.docx({**filler, "word/media/last.txt": images.eicar()})

    assert len(data) > 4 << 20
    assert scanned(clamd.address, written(tmp_path, data)).signature == SIGNATURE


def test_a_stream_over_clamds_limit_is_not_scanned(clamd: Clamd, tmp_path: Path):
    """Whatever it holds, and though clamd hangs up while we still send."""
    for tail in (b"", images.eicar()):
        verdict = scanned(clamd.address, written(tmp_path, bytes(4 * LIMIT_BYTES) + tail))

        assert not verdict.is_clean
        assert not verdict.signature
        assert "clamd at" in verdict.not_scanned


def test_a_file_that_clamd_only_looks_into_so_far_is_not_scanned(tmp_path: Path):
    """It says so by a heuristic that is no infection."""
    with running_clamd(tmp_path, MaxFileSize="1M", MaxScanSize="2M") as short:
        verdict = scanned(short.address, written(tmp_path, bytes(3 << 20) + images.eicar()))

        assert not verdict.is_clean
        assert not verdict.signature
        assert "did not look at all of the file" in verdict.not_scanned


def test_a_file_over_our_limit_is_not_even_sent(tmp_path: Path):
    verdict = scanned(f"127.0.0.1:{free_port()}", written(tmp_path, bytes(11)), max_bytes=10)

    assert verdict.not_scanned == "clamd looks into files of at most 10 bytes"


def test_a_clamd_that_hangs_is_not_waited_for(tmp_path: Path):
    """And found again when it goes on."""
    path = written(tmp_path, MARK)
    with running_clamd(tmp_path) as troubled:
        troubled.hang()
        began = time.monotonic()
        verdict = scanned(troubled.address, path, seconds=0.5)
        assert time.monotonic() - began < 5
        assert "no answer within 0.5 s" in verdict.not_scanned

        troubled.go_on()
        assert scanned(troubled.address, path).signature == MARK_SIGNATURE


def test_a_clamd_that_is_gone_is_missed_and_found_again(tmp_path: Path):
    path = written(tmp_path, MARK)
    with running_clamd(tmp_path) as troubled:
        scanner = ClamdScanner(parse_addresses(troubled.address), MANY, SECONDS)
        troubled.stop()
        assert "no connection" in asyncio.run(scanner.scan(path, "")).not_scanned

        troubled.start()
        assert asyncio.run(scanner.scan(path, "")).signature == MARK_SIGNATURE


def test_the_next_address_is_asked_when_one_fails(clamd: Clamd, tmp_path: Path):
    """Nobody listens at the first, and the second never answers; only the first scan waits for it."""
    path = written(tmp_path, MARK)
    with lying(lambda _: time.sleep(3)) as silent:
        addresses = f"127.0.0.1:{free_port()},{silent},{clamd.unix_address}"
        scanner = ClamdScanner(parse_addresses(addresses), MANY, 1.0)

        async def twice() -> tuple[Verdict, float]:
            await scanner.scan(path, "")
            began = time.monotonic()
            return await scanner.scan(path, ""), time.monotonic() - began

        verdict, seconds = asyncio.run(twice())

    assert verdict.signature == MARK_SIGNATURE
    assert seconds < 0.9


def test_many_files_at_once_are_told_apart(clamd: Clamd, tmp_path: Path):
    paths = []
    for number in range(40):
        path = tmp_path / str(number)
        path.write_bytes(MARK if number % 2 else b"clean")
        paths.append(path)

    async def story() -> list[Verdict]:
        scanner = ClamdScanner(parse_addresses(clamd.address), MANY, SECONDS)
        return await asyncio.gather(*(scanner.scan(path, "") for path in paths))

    assert [bool(verdict.signature) for verdict in asyncio.run(story())] == [number % 2 == 1 for number in range(40)]


def test_it_says_what_it_is(clamd: Clamd):
    version = asyncio.run(ask_version(parse_addresses(clamd.address)[0], SECONDS))

    assert version.program[0].isdigit()
    assert version.program in asyncio.run(ClamdScanner(parse_addresses(clamd.address), MANY, SECONDS).edition())


# ── a server that lies ───────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def lying(behave: Callable[[Any], None]) -> Iterator[str]:
    """A server that behaves so towards each connection; its address."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            behave(self.request)

    class Server(ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hung up is what some of these lies are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def reading_all(connection: Any) -> None:
    """Take a whole stream."""
    data = b""
    while not data.endswith(bytes(4)):
        piece = connection.recv(1 << 16)
        if not piece:
            return
        data = (data + piece)[-4:]


def saying(answer: bytes) -> Callable[[Any], None]:
    """Take the whole stream, then answer."""

    def behave(connection: Any) -> None:
        reading_all(connection)
        connection.sendall(answer)

    return behave


def saying_early(answer: bytes) -> Callable[[Any], None]:
    """Answer before the stream has come."""

    def behave(connection: Any) -> None:
        connection.recv(10)
        connection.sendall(answer)
        time.sleep(0.2)

    return behave


LIES = {
    "nothing": saying(b""),
    "no end": saying(b"stream: OK"),
    "garbage": saying(b"\xff\xfe\x00"),
    "a web server": saying(b"HTTP/1.1 200 OK\r\n\r\nOK\0"),
    "ok of something else": saying(b"PONG\0"),
    "nearly ok": saying(b"stream: OKAY\0"),
    "ok and more": saying(b"stream: OK\nstream: Evil FOUND\0"),
    "an error": saying(b"stream: lstat() failed: No such file or directory. ERROR\0"),
    "the size limit": saying(b"INSTREAM size limit exceeded. ERROR\0"),
    "the size limit, early": saying_early(b"INSTREAM size limit exceeded. ERROR\0"),
    "ok, early": saying_early(b"stream: OK\0"),
    "limits as a heuristic": saying(b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0"),
    "found nothing": saying(b"stream:  FOUND\0"),
    "very much": saying(b"stream: " + b"x" * 100_000 + b" FOUND\0"),
    "unknown command": saying_early(b"UNKNOWN COMMAND\0"),
    "hanging up": lambda connection: connection.close(),
    "silence": lambda _: time.sleep(5),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_clear_answer_is_not_scanned(tmp_path: Path, lie: str):
    """Neither clean nor infected, and never an error. The file is more than the system takes for a stalled reader."""
    path = written(tmp_path, b"x" * (24 << 20))
    with lying(LIES[lie]) as address:
        verdict = scanned(address, path, seconds=3.0)

    assert verdict.not_scanned.startswith(f"clamd at {address}: "), verdict
    assert not verdict.signature


def test_a_signature_is_fit_for_a_log_line(tmp_path: Path):
    with lying(saying("stream: Evil\x1b[31m\u202eName FOUND\0".encode())) as address:
        verdict = scanned(address, written(tmp_path, b"x"))

    assert verdict.signature == "Evil?[31m?Name"


def test_a_file_that_cannot_be_read_is_not_scanned(clamd: Clamd, tmp_path: Path):
    assert "cannot be opened" in scanned(clamd.address, tmp_path / "absent").not_scanned


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"ClamAV 1.4.6\0", Version("1.4.6", "", None)),
        (b"ClamAV 1.4.6/27500/Sat Nov 21 09:00:00 2026\0", "2026-11-21T09:00:00+00:00"),
        (b"ClamAV 1.4.6/27500/some day\0", Version("1.4.6", "27500", None)),
        (b"Apache 2\0", None),
        (b"", None),
    ],
)
def test_the_age_of_signatures_is_read(answer: bytes, expected: object):
    def behave(connection: Any) -> None:
        connection.recv(100)
        connection.sendall(answer)

    with lying(behave) as address:
        asking = ask_version(parse_addresses(address)[0], 1.0)
        if expected is None:
            with pytest.raises(Unanswered):
                asyncio.run(asking)
        else:
            version = asyncio.run(asking)
            assert expected in (version, version.made_at and version.made_at.isoformat())


# ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_addresses_are_read_as_they_are_written():
    text = "unix:/run/clamav/clamd.ctl, scanner.example:3310,[::1]:3311"

    addresses = parse_addresses(text)

    assert addresses == (Address("/run/clamav/clamd.ctl", 0), Address("scanner.example", 3310), Address("::1", 3311))
    assert ",".join(map(str, addresses)) == text.replace(" ", "")
    assert parse_addresses("") == ()


@pytest.mark.parametrize("text", ["clamd", "host:", ":3310", "host:99999", "host:-1", "unix:relative", "host:0"])
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(ValueError, match="is neither"):
        parse_addresses(text)
