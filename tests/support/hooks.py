"""Webhooks for tests: rows, and somebody who listens."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from holdall.domain.webhooks import EventType, NewEvent, Webhook
from holdall.ports import Ledger
from tests.support.rows import NOW, World, unique


def make_webhook(ledger: Ledger, world: World, **more: Any) -> Webhook:
    """A webhook of the space, told of everything."""
    given: dict[str, Any] = {
        "number": 0,
        "id": unique("owh"),
        "space_id": world.space.number,
        "name": "ledger",
        "description": "",
        "url": "https://hooks.example.org/in",
        "events": tuple(EventType),
        "database_id": "",
        "sealed_secret": "sealed",
        "has_own_secret": False,
        "created_at": NOW,
    }
    return ledger.webhooks.add(Webhook(**given | more))


def publish(ledger: Ledger, world: World, *webhooks: Webhook, content: Mapping[str, Any] | None = None) -> list[str]:
    """One event for these webhooks; the ids of its deliveries."""
    event = NewEvent(unique("evt"), EventType.RECORD_CREATED, world.database.node.id, content or {})
    receivers = {unique("dlv"): webhook for webhook in webhooks}
    ledger.webhooks.publish(world.space.number, [(event, receivers)], NOW)
    return [*receivers]


@dataclass
class Message:
    """One message that came in."""

    headers: Mapping[str, str]
    body: bytes
    told: Any


@dataclass
class Receiver:
    """Listens on a port of this machine, and answers as ``status_for`` says."""

    port: int = 0
    messages: list[Message] = field(default_factory=list)
    status_for: Callable[[Message], int] = lambda _message: 200
    headers: Mapping[str, str] = field(default_factory=dict)
    arrival: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/in?key=1"

    def wait(self, count: int, seconds: float = 20) -> list[Message]:
        """The messages, once there are so many."""
        with self.arrival:
            assert self.arrival.wait_for(lambda: len(self.messages) >= count, seconds), (count, len(self.messages))
            return [*self.messages]


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver, gone with the context."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            message = Message(dict(self.headers), body, json.loads(body))
            status = receiver.status_for(message)
            with receiver.arrival:
                receiver.messages.append(message)
                receiver.arrival.notify_all()
            with suppress(ConnectionError):  # the server that asked was killed
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"thanks")

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
