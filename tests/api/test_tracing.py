"""An upload and what it leaves to a worker are one trace at a collector, whoever sends its parts."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from holdall.dialects.bika.routes import PREFIX
from tests.crash.test_kill_workers import add_webhook, start_worker
from tests.support.hooks import listening
from tests.support.server import running_server

STEPS = {"receive", "admit", "wait", "examine", "store", "commit"}


class Collector:
    """What came to ``/v1/traces`` by OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self.paths: set[str] = set()

    def take(self, path: str, body: bytes) -> None:
        self.paths.add(path)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {
                each.value.string_value for each in resource.resource.attributes if each.key == "service.name"
            }
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def trace(self, id: str) -> dict[str, Any]:
        return {span.name: span for span in self.spans if span.trace_id.hex() == id}


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """A collector and its URL."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield collector, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_upload_and_the_webhook_that_it_leads_to_are_one_trace(tmp_path: Path):
    settings = {"HOLDALL_JOBS": "worker", "HOLDALL_WEBHOOK_ALLOW": "127.0.0.1/32"}
    with (
        collecting() as (collector, url),
        listening() as receiver,
        running_server(tmp_path / "data", **settings, HOLDALL_TRACING=url) as server,
    ):
        add_webhook(server, receiver)
        mine = server.demo["bika"]
        headers = {"Authorization": f"Bearer {mine['token']}"}
        worker = start_worker(server, "worker").wait()
        try:
            uploaded = httpx.post(
                f"{server.base_url}{PREFIX}/v1/spaces/{mine['space_id']}/attachments",
                files={"file": ("secret-plan.txt", b"a plan that nobody has had before")},
                headers=headers,
            )
            assert uploaded.status_code == 200
            told = httpx.post(
                f"{server.base_url}{PREFIX}/v2/spaces/{mine['space_id']}/resources/databases/{mine['database_id']}/records",
                json={"records": [{"fields": {"Name": "secret-roof"}}]},
                headers=headers,
            )
            receiver.wait(1)
            assert worker.stop() == 0  # which sends what is left
            assert server.stop() == 0
        finally:
            worker.kill()

    upload, written = (collector.trace(answer.headers["X-Request-Id"]) for answer in (uploaded, told))
    root = upload["POST /v1/spaces/{space_id}/attachments"]
    assert set(upload) == {root.name} | STEPS
    assert {upload[step].parent_span_id for step in STEPS} == {root.span_id}
    (writing,) = (span for name, span in written.items() if name.startswith("POST "))
    assert written["job webhook"].parent_span_id == writing.span_id
    assert collector.paths == {"/v1/traces"}
    assert collector.services == {"holdall"}
    everything = " ".join(map(str, collector.spans))
    assert "secret" not in everything
    assert mine["token"] not in everything
    assert mine["space_id"] not in everything
