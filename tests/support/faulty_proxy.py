"""A TCP proxy that spoils connections on purpose, to stand in front of a real server."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from struct import pack

Spoil = Callable[[socket.socket, socket.socket], None]
"""What is done with one connection of a client, given a connection to the server behind."""

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class FaultyProxy:
    """Passes connections on to ``port`` of this machine; the first few may be spoiled."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.connections = 0
        self._spoil: Spoil = pass_on
        self._left = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def spoil(self, spoil: Spoil, count: int = 1_000_000) -> None:
        """Do this with the next ``count`` connections, and count connections from here."""
        self.connections, self._left, self._spoil = 0, count, spoil

    def close(self) -> None:
        """Refuse connections from here on."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            spoil = self._spoil if self._left > 0 else pass_on
            self._left -= 1
            threading.Thread(target=self._serve, args=(client, spoil), daemon=True).start()

    def _serve(self, client: socket.socket, spoil: Spoil) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._behind)) as server:
            spoil(client, server)


@contextmanager
def faulty_proxy(port: int) -> Iterator[FaultyProxy]:
    """A proxy before the server on ``port``, closed afterwards."""
    proxy = FaultyProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()


def pass_on(client: socket.socket, server: socket.socket) -> None:
    """Spoil nothing."""
    back = threading.Thread(target=_pump, args=(server, client), daemon=True)
    back.start()
    _pump(client, server)
    back.join()


def busy(client: socket.socket, _: socket.socket) -> None:
    """Read the head of a request and answer 503."""
    client.recv(65_536)
    client.sendall(BUSY)
    client.shutdown(socket.SHUT_WR)
    while client.recv(65_536):  # a close with bytes unread would reset the answer away
        pass


def silent(client: socket.socket, _: socket.socket) -> None:
    """Take everything and answer nothing."""
    while client.recv(65_536):
        pass


def reset_after(size: int) -> Spoil:
    """Pass ``size`` bytes of the request on, then reset the connection."""

    def spoil(client: socket.socket, server: socket.socket) -> None:
        _pump(client, server, size)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))

    return spoil


def cut_answer_after(size: int) -> Spoil:
    """Pass ``size`` bytes of the answer back, then hang up in good order."""

    def spoil(client: socket.socket, server: socket.socket) -> None:
        threading.Thread(target=_pump, args=(client, server), daemon=True).start()
        _pump(server, client, size)
        client.shutdown(socket.SHUT_RDWR)

    return spoil


def _pump(source: socket.socket, target: socket.socket, size: int = 1 << 62) -> None:
    with suppress(OSError):
        while size > 0 and (piece := source.recv(min(size, 65_536))):
            target.sendall(piece)
            size -= len(piece)
        if size > 0:
            target.shutdown(socket.SHUT_WR)
