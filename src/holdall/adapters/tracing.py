"""Traces by OpenTelemetry. Imported by a server or a worker that was asked for them, and by no other.

A request's id is its trace's id, and the first half of it the number of its first span. So who has a line of the log,
an entry of the access log or an answer has the trace; and what a request leaves to jobs is joined to it by the id that
the outbox carries anyway, without a column for it.

No span tells more than the metrics do: routes as patterns, figures, classes of errors. Paths and queries would tell
what files are called, and links that open them.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from structlog.contextvars import get_contextvars

from holdall import __version__
from holdall.domain.readiness import Light
from holdall.errors import HoldallError
from holdall.ports import METHODS, Answered, Step, Traffic, Unmetered

EXPORT_SECONDS = 3
"""For one sending, unless ``OTEL_EXPORTER_OTLP_TIMEOUT`` says otherwise: the last one is waited for at a stop."""
_FAULT = 500

_first: ContextVar[int] = ContextVar("_first", default=0)
"""The number of the trace that begins."""
_request: ContextVar["_Opened | None"] = ContextVar("_request", default=None)


@asynccontextmanager
async def tracing(endpoint: str, within: Traffic | None) -> AsyncIterator["Spans"]:
    """Spans that are sent to a collector as long as the context is open, the last ones as it closes.

    Args:
        endpoint: A collector's URL by OTLP over HTTP, to which ``/v1/traces`` is added; ``""``: the variables
            ``OTEL_EXPORTER_OTLP_…`` say where, or else it is port 4318 of this machine.
        within: The meter that is told of everything as well.

    """
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)  # a line for what was not sent, none for tries
    seconds = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else EXPORT_SECONDS
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None, timeout=seconds)
    spans = Spans(BatchSpanProcessor(exporter), within)
    try:
        yield spans
    finally:
        await asyncio.to_thread(spans.close)


class Spans:
    """``ports.Traffic`` that makes a span of each request, step and job, and tells another meter too."""

    def __init__(self, processor: SpanProcessor, within: Traffic | None = None) -> None:
        self._within = within or _Uncounted()
        is_named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        )
        name = {} if is_named else {"service.name": "holdall"}
        resource = Resource.create({"service.version": __version__, **name})
        self._provider = TracerProvider(resource=resource, id_generator=_Ids(), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("holdall", __version__)

    def close(self) -> None:
        """Send what is left, and nothing any more; blocks for that."""
        self._provider.shutdown()

    def step(self, step: Step) -> AbstractContextManager[None]:
        """See ``ports.Meter``."""
        return _Within(self._within.step(step), lambda: self._open(step))

    def job(self, kind: str) -> AbstractContextManager[None]:
        """See ``ports.Meter``."""
        return _Within(self._within.job(kind), lambda: self._open_job(kind))

    def waited(self, seconds: float) -> None:
        """See ``ports.Meter``."""
        self._within.waited(seconds)

    def watch(self, gauge: str, read: Callable[[], float]) -> None:
        """See ``ports.Meter``."""
        self._within.watch(gauge, read)

    def ask(self, gauge: str, read: Callable[[], Coroutine[Any, Any, float]]) -> None:
        """See ``ports.Meter``."""
        self._within.ask(gauge, read)

    def arrive(self) -> None:
        """See ``ports.Traffic``."""
        self._within.arrive()
        began = _first.set(_number(get_contextvars().get("request_id", "")))
        try:
            _request.set(self._open("request", SpanKind.SERVER, context.Context()))
        finally:
            _first.reset(began)

    def leave(self, answered: Answered) -> None:
        """See ``ports.Traffic``."""
        self._within.leave(answered)
        opened = _request.get()
        if opened is None:
            return
        span = opened.span
        if span.is_recording():
            method = answered.method if answered.method in METHODS else "_OTHER"
            span.update_name(f"{method} {answered.route}".rstrip())
            span.set_attributes(
                {
                    "http.request.method": method,
                    "http.route": answered.route,
                    "http.response.status_code": answered.status,
                    "http.request.body.size": answered.received,
                    "http.response.body.size": answered.sent,
                    "holdall.dialect": answered.dialect,
                }
            )
            if answered.refusals:
                span.set_attribute("error.type", answered.refusals[0])
            if answered.status >= _FAULT:
                span.set_status(Status(StatusCode.ERROR))
        opened.close()
        _request.set(None)

    async def expose(self, lights: Sequence[Light]) -> bytes:
        """See ``ports.Traffic``."""
        return await self._within.expose(lights)

    def _open(self, name: str, kind: SpanKind = SpanKind.INTERNAL, parent: context.Context | None = None) -> "_Opened":
        return _Opened(self._tracer.start_span(name, parent, kind))

    def _open_job(self, kind: str) -> "_Opened":
        """Below the request that led to the job, where one did."""
        number = _number(get_contextvars().get("request_id", ""))
        parent = trace.set_span_in_context(NonRecordingSpan(self._first_span(number))) if number else context.Context()
        return self._open(f"job {kind}", SpanKind.CONSUMER, parent)

    def _first_span(self, number: int) -> SpanContext:
        """That of a request, made perhaps by another process: whether it is kept follows from the number."""
        decision = self._provider.sampler.should_sample(None, number, "request").decision
        is_kept = decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if is_kept else TraceFlags.DEFAULT)
        return SpanContext(number, _half(number), is_remote=True, trace_flags=flags)


class _Opened:
    """A span that is the present one of its context."""

    __slots__ = ("_token", "span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self._token = context.attach(trace.set_span_in_context(span))

    def close(self) -> None:
        context.detach(self._token)
        self.span.end()


class _Within:
    """A span around a block, and what another meter makes of it."""

    __slots__ = ("_also", "_open", "_opened")

    def __init__(self, also: AbstractContextManager[None], open: Callable[[], _Opened]) -> None:
        self._also = also
        self._open = open

    def __enter__(self) -> None:
        self._also.__enter__()
        self._opened = self._open()

    def __exit__(
        self, type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if type is not None:
            self._opened.span.set_attribute("error.type", type.__name__)
            if not isinstance(error, HoldallError | asyncio.CancelledError):
                self._opened.span.set_status(Status(StatusCode.ERROR))
        self._opened.close()
        self._also.__exit__(type, error, traceback)


class _Ids(RandomIdGenerator):
    """Random, but for the first span of a request."""

    def generate_trace_id(self) -> int:
        return _first.get() or super().generate_trace_id()

    def generate_span_id(self) -> int:
        number = _first.get()
        return _half(number) if number else super().generate_span_id()


class _Uncounted(Unmetered):
    """``ports.Traffic`` that counts nothing, for who wants traces alone."""

    def arrive(self) -> None:
        pass

    def leave(self, answered: Answered) -> None:
        pass

    async def expose(self, lights: Sequence[Light]) -> bytes:  # noqa: ARG002  nobody has anywhere to ask
        return b""


def _number(id: str) -> int:
    """A request's id as a trace's number; 0, which is none, for anything else."""
    try:
        number = int(id, 16)
    except ValueError:
        return 0
    return number if len(id) == 32 and _half(number) else 0  # noqa: PLR2004  hex digits of 128 bits


def _half(number: int) -> int:
    return number >> 64
