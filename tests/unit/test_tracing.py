"""What traces tell: one for each request, under the request's id, and nothing of what clients sent."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from uuid import uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from structlog.contextvars import bound_contextvars

from holdall.adapters.metrics import PrometheusMeter
from holdall.adapters.tracing import Spans
from holdall.bootstrap import watched
from holdall.errors import StorageUnavailable
from holdall.ports import Answered
from holdall.settings import SettingsError, read_settings


class Process:
    """Spans of one process, and what it exported."""

    def __init__(self, within: PrometheusMeter | None = None) -> None:
        self._exporter = InMemorySpanExporter()
        self.meter = Spans(SimpleSpanProcessor(self._exporter), within)

    def told(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def process() -> Iterator[Process]:
    process = Process()
    yield process
    process.meter.close()


def answered(status: int = 200, refusals: Sequence[str] = (), method: str = "POST") -> Answered:
    return Answered("bika", method, "/v1/spaces/{space_id}/attachments", status, 0.02, 3, 5, refusals)


def request(meter: Spans, id: str, answer: Answered) -> None:
    """One with two steps."""
    with bound_contextvars(request_id=id):
        meter.arrive()
        with meter.step("receive"):
            pass
        with meter.step("commit"):
            pass
        meter.leave(answer)


def test_a_request_is_a_trace_under_its_own_id_with_its_steps_below_it(process: Process):
    id = uuid4().hex

    request(process.meter, id, answered())

    told = process.told()
    root = told["POST /v1/spaces/{space_id}/attachments"]
    assert set(told) == {root.name, "receive", "commit"}
    assert {f"{span.context.trace_id:032x}" for span in told.values()} == {id}
    assert root.parent is None
    assert {told[step].parent.span_id for step in ("receive", "commit")} == {root.context.span_id}
    assert dict(root.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/spaces/{space_id}/attachments",
        "http.response.status_code": 200,
        "http.request.body.size": 3,
        "http.response.body.size": 5,
        "holdall.dialect": "bika",
    }


def test_what_another_process_does_for_a_request_is_below_it(process: Process):
    id, worker = uuid4().hex, Process()
    request(process.meter, id, answered())
    with bound_contextvars(request_id=id), worker.meter.job("webhook"):
        pass

    root, job = process.told()["POST /v1/spaces/{space_id}/attachments"], worker.told()["job webhook"]
    assert job.context.trace_id == root.context.trace_id
    assert job.parent is not None
    assert job.parent.span_id == root.context.span_id


@pytest.mark.parametrize("id", ["", "one-request", "0" * 32, "f" * 31])
def test_a_job_of_no_request_is_a_trace_of_its_own(process: Process, id: str):
    with bound_contextvars(request_id=id), process.meter.job("sweep"):
        pass

    assert process.told()["job sweep"].parent is None


def test_requests_at_once_are_told_apart(process: Process):
    ids = [uuid4().hex for _ in range(5)]

    async def one(id: str) -> None:
        with bound_contextvars(request_id=id):
            process.meter.arrive()
            with process.meter.step("store"):
                await asyncio.sleep(0)
            process.meter.leave(answered())

    async def all_of_them() -> None:
        await asyncio.gather(*map(one, ids))

    asyncio.run(all_of_them())

    spans = process._exporter.get_finished_spans()
    assert sorted(f"{span.context.trace_id:032x}" for span in spans) == sorted(ids * 2)
    parents = {span.parent.span_id for span in spans if span.parent}
    assert parents == {span.context.span_id for span in spans if not span.parent}
    assert len(parents) == 5


def test_a_refusal_has_its_class_and_a_fault_is_an_error(process: Process):
    with pytest.raises(StorageUnavailable), process.meter.step("store"):
        raise StorageUnavailable("the name of a private file")
    with pytest.raises(ValueError, match="secret"), process.meter.step("examine"):
        raise ValueError("secret.pdf")
    request(process.meter, uuid4().hex, answered(503, ["StorageUnavailable"], method="made up"))

    told = process.told()
    root = told["_OTHER /v1/spaces/{space_id}/attachments"]
    assert root.status.status_code is StatusCode.ERROR
    assert [(span.attributes or {})["error.type"] for span in (told["store"], told["examine"], root)] == [
        "StorageUnavailable",
        "ValueError",
        "StorageUnavailable",
    ]
    assert [told[step].status.status_code for step in ("store", "examine")] == [StatusCode.UNSET, StatusCode.ERROR]
    everything = " ".join(span.to_json() for span in told.values())
    assert "secret" not in everything
    assert "made up" not in everything
    assert "private" not in everything


def test_metrics_are_told_too():
    process = Process(PrometheusMeter())
    request(process.meter, uuid4().hex, answered())

    text = asyncio.run(process.meter.expose(())).decode()

    assert 'holdall_upload_step_seconds_count{step="receive"} 1.0' in text
    assert 'route="/v1/spaces/{space_id}/attachments",status="2xx"} 1.0' in text
    assert len(process.told()) == 3


def test_nothing_of_it_is_imported_unless_it_is_asked_for():
    script = (
        "import sys, holdall.server, holdall.worker;"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'google.protobuf', 'requests'))])"
    )

    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


async def is_watched(said: str) -> bool:
    async with watched(read_settings({"HOLDALL_TRACING": said})) as traffic:
        return traffic is not None


def test_the_setting():
    assert not asyncio.run(is_watched("off"))
    assert asyncio.run(is_watched("http://127.0.0.1:9"))
    with pytest.raises(SettingsError, match="HOLDALL_TRACING is on, off, or the URL"):
        asyncio.run(is_watched("collector:4318"))


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "holdall.adapters.tracing", None)

    with pytest.raises(SettingsError, match=r"pip install 'holdall\[tracing\]'"):
        asyncio.run(is_watched("on"))
