"""A receiver may answer what it likes, as slowly as it likes: little of it is read, and no redirect is followed."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from holdall.adapters import post as module
from holdall.adapters.post import MAX_EXCERPT, PublicPost
from holdall.domain.addresses import parse_networks
from holdall.ports import NotSent, Reply

LOCAL = parse_networks("127.0.0.1")
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def says(*pieces: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    return answer


def told(answer: Answer, seconds: float = 5, *, stays: bool = False) -> tuple[Reply, list[bytes]]:
    """What is made of an answer, and the heads of the requests that came; ``stays``: it does not hang up."""
    heads: list[bytes] = []
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with suppress(ConnectionError):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            await answer(writer)
            if stays:
                await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def story() -> Reply:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                return await PublicPost(LOCAL, seconds=seconds).send(f"http://127.0.0.1:{port}/in", {}, b"{}")
            finally:
                await asyncio.gather(*filter(None, serving))

    return asyncio.run(story()), heads


def test_a_redirect_is_an_answer_like_any_other():
    reply, heads = told(says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"))
    assert reply.status == 302
    assert len(heads) == 1
    assert heads[0].startswith(b"POST /in HTTP/1.1\r\nHost: 127.0.0.1:")


def test_an_answer_on_a_connection_that_stays_open_is_whole_by_its_length():
    reply, _ = told(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), stays=True)
    assert (reply.status, reply.excerpt) == (200, "ok")


def test_an_answer_in_chunks_is_read():
    reply, _ = told(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), stays=True)
    assert reply.excerpt == "ok"


def test_no_more_of_a_long_answer_is_read_than_is_kept():
    reply, _ = told(says(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 3_000_000))
    assert reply.excerpt == "a" * MAX_EXCERPT


def test_what_nobody_can_see_is_not_kept():
    assert told(says(b"HTTP/1.1 200 OK\r\n\r\n\x00\x1b[31m\xff"))[0].excerpt == "\ufffd\ufffd[31m\ufffd"


def test_a_status_counts_though_the_body_never_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "BODY_SECONDS", 0.1)
    assert told(says(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n"), stays=True)[0].status == 503


@pytest.mark.parametrize(
    ("value", "wait"),
    [("120", timedelta(seconds=120)), ("soon", timedelta()), ("-1", timedelta()), ("", timedelta())],
)
def test_retry_after_is_read_in_seconds(value: str, wait: timedelta):
    answer = f"HTTP/1.1 429 Slow\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode()
    assert told(says(answer))[0].retry_after == wait


def test_retry_after_is_read_as_a_date():
    until = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    answer = f"HTTP/1.1 429 Slow\r\nRetry-After: {until}\r\nContent-Length: 0\r\n\r\n".encode()
    assert timedelta(minutes=4) < told(says(answer))[0].retry_after <= timedelta(minutes=5)


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000],
    ids=["nothing", "another protocol", "no status", "a head without end"],
)
def test_what_is_no_http_is_no_answer(answer: bytes):
    with pytest.raises(NotSent):
        told(says(answer))


def test_a_receiver_that_says_nothing_is_given_up():
    with pytest.raises(NotSent, match=r"no answer within 0\.1 s"):
        told(says(), seconds=0.1, stays=True)


def test_a_receiver_that_drips_is_given_up():
    """Each byte is in time; all of them together are not."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        for _ in range(100):
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.02)

    with pytest.raises(NotSent, match="no answer within"):
        told(drip, seconds=0.2)
