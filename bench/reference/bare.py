"""The least that can take a large body: hash it, write it, sync it, answer. ``python -m bench.reference.bare PORT``.

One asyncio server, standard library only; no parser, no checks, no database.
"""

import asyncio
import hashlib
import os
import secrets
import sys
from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
READ_BYTES = 1 << 20


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take one request after the other from this connection."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await keep_body(reader, announced_length(head))
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def announced_length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    return next((int(value) for name, _, value in lines if name.lower() == b"content-length"), 0)


async def keep_body(reader: asyncio.StreamReader, length: int) -> None:
    """Hash and write what comes, then make it durable."""
    digest, left = hashlib.sha256(), length
    with Path(secrets.token_hex(16)).open("wb", buffering=0) as file:  # noqa: ASYNC230  bare means without threads
        while left:
            piece = await reader.read(min(left, READ_BYTES))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            digest.update(piece)
            file.write(piece)
            left -= len(piece)
        os.fsync(file.fileno())


async def main(port: int) -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", port, limit=READ_BYTES)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
