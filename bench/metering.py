"""What watching costs a request: ``python -m bench.metering``. In this process, without a socket; CPU time.

Two applications over the same services, one that is metered and one that is not, have their turns one after the other;
a request asks for a path that there is not, so that little but the frame is measured. The least of the rounds counts.
"""

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from time import process_time

import structlog
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from structlog.contextvars import bind_contextvars

from holdall.adapters.metrics import PrometheusMeter
from holdall.adapters.tracing import Spans
from holdall.app import make_app
from holdall.bootstrap import open_edge, prepare
from holdall.ports import Meter, Step, Unmetered
from holdall.settings import read_settings

ROUNDS, REQUESTS = 15, 2000
STEPS: tuple[Step, ...] = ("receive", "admit", "wait", "examine", "store", "commit")
App = Callable[[dict, Callable, Callable], Awaitable[None]]


async def ask(app: App) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/nowhere",
        "raw_path": b"/nowhere",
        "query_string": b"",
        "headers": [(b"host", b"holdall.test"), (b"user-agent", b"bench")],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: object) -> None:
        return

    await app(scope, receive, send)


async def round_of(app: App) -> float:
    """Microseconds of CPU a request."""
    began = process_time()
    for _ in range(REQUESTS):
        await ask(app)
    return (process_time() - began) / REQUESTS * 1e6


class Nowhere(SpanExporter):
    """Sends nothing: what sending costs is a thread's, and the collector's distance."""

    def export(self, _spans: object) -> SpanExportResult:
        """Say that it went well."""
        return SpanExportResult.SUCCESS


def step_cost(meter: Meter) -> float:
    """Microseconds for the six steps of an upload and the wait of its commit."""
    began = process_time()
    for _ in range(REQUESTS):
        for step in STEPS:
            with meter.step(step):
                pass
        meter.waited(0.001)
    return (process_time() - began) / REQUESTS * 1e6


def line_cost() -> float:
    """Microseconds for the id that a request's lines have."""
    began = process_time()
    for number in range(REQUESTS):
        bind_contextvars(request_id=str(number))
    return (process_time() - began) / REQUESTS * 1e6


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        settings = read_settings(
            {"HOLDALL_DATA_DIR": str(Path(folder) / "data"), "HOLDALL_METRICS": "on", "HOLDALL_RATE_LIMIT": "off"}
        )
        prepare(settings)
        async with open_edge(settings) as edge:
            spans = Spans(BatchSpanProcessor(Nowhere()))
            apps = {
                "off": make_app(replace(edge, traffic=None)),
                "on": make_app(edge),
                "traced": make_app(replace(edge, traffic=spans)),
            }
            least = dict.fromkeys(apps, float("inf"))
            for _ in range(ROUNDS):
                for name, app in apps.items():
                    least[name] = min(least[name], await round_of(app))
                    await asyncio.sleep(0)
            assert edge.traffic is not None
            lights = await edge.readiness.look()  # which starts a child
            await edge.traffic.expose(lights)
            exposed = process_time()
            size = len(await edge.traffic.expose(lights))
            exposed = process_time() - exposed
    print(f"a request: {least['off']:.1f} us without metrics, {least['on']:.1f} with: {least['on'] - least['off']:.1f}")
    print(f"with traces: {least['traced']:.1f} us: {least['traced'] - least['off']:.1f}")
    for name, meter in (("off", Unmetered()), ("on", PrometheusMeter()), ("traces", spans)):
        print(f"the steps of an upload, {name}: {min(step_cost(meter) for _ in range(ROUNDS)):.1f} us")
    print(f"the id of its lines: {min(line_cost() for _ in range(ROUNDS)):.2f} us")
    print(f"an exposition of {size} bytes, database and disk asked: {exposed * 1000:.1f} ms of CPU")


if __name__ == "__main__":
    asyncio.run(main())
