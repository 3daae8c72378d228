"""The meter by prometheus-client. Imported by a server that was asked for metrics, and by no other.

Labels take few values, all of them ours: dialects, routes as patterns, classes of statuses and errors. So whatever
clients send, the number of series is bounded by the program's text.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from types import TracebackType
from typing import Any, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from holdall import __version__
from holdall.domain.readiness import Light
from holdall.ports import METHODS, Answered, Step

PATIENCE_SECONDS = 2.0
"""For what an exposition has to wait for; Prometheus itself waits ten."""
_REQUEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_STEP = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_WAIT = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

_UNKNOWN = float("nan")

GAUGES = {
    "holdall_requests_in_flight": "Requests in hand.",
    "holdall_inspector_busy": "Processes that are looking through a file.",
    "holdall_inspector_idle": "Processes that wait for a file.",
    "holdall_inspector_waiting": "Files that wait for such a process.",
    "holdall_inspector_started_total": "Such processes that were started since this server was.",
    "holdall_inspector_failed_total": "Of those, the ones that died, took too long or talked nonsense.",
    "holdall_jobs_running": "Jobs that this server is at.",
    "holdall_webhooks_waiting": "Deliveries to webhooks that wait for their time, or for being made; at most 10000.",
    "holdall_webhooks_late_seconds": "For how long the oldest of them should have been made.",
    "holdall_lost_files": "Files whose bytes are known to be lost.",
    "holdall_redis_away": "1 while Redis does not count rate limits, else 0.",
    "holdall_limits_without_redis_total": "Calls whose limits were not counted in Redis, as it was away.",
    "holdall_clamd_answering": "How many clamd answer.",
    "holdall_clamd_signatures_age_seconds": "How long ago the oldest signatures of those that answer were made.",
    "holdall_clamd_unanswered_total": "Scans to which a clamd gave no verdict; another may have.",
    "holdall_free_bytes": "Free on the disk of the data folder.",
    "holdall_free_files": "Files that still fit on it.",
}
"""What can be watched, and what it says of itself. Whoever has nothing to tell of one leaves it out."""


class PrometheusMeter:
    """``ports.Traffic`` with a registry of its own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Histogram(
            "holdall_request_seconds",
            "Requests, from their first header to the last byte of the answer.",
            ("dialect", "method", "route", "status"),
            registry=registry,
            buckets=_REQUEST,
        )
        self._received = Counter(
            "holdall_received_bytes", "Bytes of requests' bodies that were read.", ("dialect",), registry=registry
        )
        self._sent = Counter("holdall_sent_bytes", "Bytes of answers' bodies.", ("dialect",), registry=registry)
        self._refusals = Counter(
            "holdall_refusals",
            "Requests, and files among others in a request, that were refused or failed, by class of error.",
            ("dialect", "reason"),
            registry=registry,
        )
        steps = Histogram(
            "holdall_upload_step_seconds",
            "Each step of uploads.",
            ("step",),
            registry=registry,
            buckets=_STEP,
        )
        self._steps: dict[str, Histogram] = {step: steps.labels(step) for step in get_args(Step)}
        self._waits = Histogram(
            "holdall_database_wait_seconds",
            "How long writing stories waited for the thread that writes.",
            registry=registry,
            buckets=_WAIT,
        )
        self._ready = Gauge(
            "holdall_ready", "Whether a part is there: 1 or 0, as in /readyz.", ("part",), registry=registry
        )
        Gauge("holdall_build_info", "The version.", ("version",), registry=registry).labels(__version__).set(1)
        self._series: dict[tuple[str, str, str, int], Histogram] = {}
        self._volumes: dict[str, tuple[Counter, Counter]] = {}
        self._questions: dict[str, Callable[[], Coroutine[Any, Any, float]]] = {}
        self._answers: dict[str, float] = {}
        self._watched = _Watched()
        registry.register(self._watched)
        self._in_flight = 0
        self.watch("holdall_requests_in_flight", lambda: self._in_flight)

    def step(self, step: Step) -> AbstractContextManager[None]:
        """See ``ports.Meter``."""
        return _Stopwatch(self._steps[step])

    def job(self, kind: str) -> AbstractContextManager[None]:  # noqa: ARG002  the engine's books tell of each
        """See ``ports.Meter``."""
        return nullcontext()

    def waited(self, seconds: float) -> None:
        """See ``ports.Meter``."""
        self._waits.observe(seconds)

    def watch(self, gauge: str, read: Callable[[], float]) -> None:
        """See ``ports.Meter``."""
        self._watched.add(gauge, read)

    def ask(self, gauge: str, read: Callable[[], Coroutine[Any, Any, float]]) -> None:
        """See ``ports.Meter``."""
        self._questions[gauge] = read
        self.watch(gauge, lambda: self._answers.get(gauge, _UNKNOWN))

    def arrive(self) -> None:
        """See ``ports.Traffic``."""
        self._in_flight += 1

    def leave(self, answered: Answered) -> None:
        """See ``ports.Traffic``."""
        self._in_flight -= 1
        method = answered.method if answered.method in METHODS else "other"
        key = (answered.dialect, method, answered.route, answered.status // 100)
        (self._series.get(key) or self._series_of(key)).observe(answered.seconds)
        received, sent = self._volumes.get(answered.dialect) or self._volumes_of(answered.dialect)
        if answered.received:
            received.inc(answered.received)
        if answered.sent:
            sent.inc(answered.sent)
        for reason in answered.refusals:
            self._refusals.labels(answered.dialect, reason).inc()

    async def expose(self, lights: Sequence[Light]) -> bytes:
        """See ``ports.Traffic``."""
        for light in lights:
            self._ready.labels(light.part.value).set(light.is_green)
        answers = await asyncio.gather(*(_answer(read) for read in self._questions.values()))
        self._answers.update(zip(self._questions, answers, strict=True))
        return generate_latest(self._registry)

    def _series_of(self, key: tuple[str, str, str, int]) -> Histogram:
        dialect, method, route, status = key
        series = self._requests.labels(dialect, method, route, f"{status}xx" if status else "none")
        self._series[key] = series
        return series

    def _volumes_of(self, dialect: str) -> tuple[Counter, Counter]:
        volumes = self._volumes[dialect] = (self._received.labels(dialect), self._sent.labels(dialect))
        return volumes


class _Stopwatch:
    """Observes how long its block took."""

    __slots__ = ("_began", "_histogram")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._histogram.observe(perf_counter() - self._began)


class _Watched(Collector):
    """Figures that are read when they are asked for; those that only grow are told as counters."""

    def __init__(self) -> None:
        self._reads: dict[str, tuple[str, Callable[[], float]]] = {}

    def add(self, name: str, read: Callable[[], float]) -> None:
        """Tell this one too; ``KeyError`` where nobody has written what it means."""
        self._reads[name] = GAUGES[name], read

    def collect(self) -> Iterator[Metric]:
        """What prometheus-client asks."""
        for name, (meaning, read) in self._reads.items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(name, meaning, value=read())


async def _answer(read: Callable[[], Coroutine[Any, Any, float]]) -> float:
    """The answer; where there is none, what Prometheus calls no number."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await read()
    except Exception:  # noqa: BLE001  a part that fails is told of by its light
        return _UNKNOWN
