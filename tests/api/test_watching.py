"""What probers and operators see: in this process, and once of a server that runs and is asked to stop."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from holdall import cli, logbook
from holdall.dialects.bika import routes as bika_routes
from holdall.errors import StorageUnavailable
from holdall.ports import Unmetered
from holdall.settings import read_settings
from holdall.web.watching import watching
from tests.support.engines import on_a_folder
from tests.support.images import png
from tests.support.inprocess import House, opened_house
from tests.support.server import free_port, running_server

PATIENCE_SECONDS = 30
BIKA = bika_routes.PREFIX


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened_house(tmp_path_factory.mktemp("watched") / "data", HOLDALL_METRICS="on") as opened:
        assert upload(opened, ("first.png", png(29, 31))).status_code == 200  # so that there is a child
        yield opened


def metrics(house: House) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Every sample by its name, as an operator's Prometheus reads them."""
    edge = house.app.edge
    assert edge.traffic is not None
    app = watching(edge.readiness, edge.traffic)

    async def ask(_services: object) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://ops") as client:
            return await client.get("/metrics")

    answer = house.tell(ask)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def value(samples: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float:
    return sum(number for its, number in samples.get(name, []) if labels.items() <= its.items())


def upload(house: House, *files: tuple[str, bytes]) -> httpx.Response:
    mine = house.demo["bika"]
    return house.request(
        "POST",
        f"{BIKA}/v1/spaces/{mine['space_id']}/attachments",
        headers={"Authorization": f"Bearer {mine['token']}"},
        files=[("file", file) for file in files],
    )


def test_an_upload_is_told_with_each_of_its_steps(house: House):
    before = metrics(house)
    assert upload(house, ("a.png", png(31, 33))).status_code == 200
    after = metrics(house)

    where = {"dialect": "bika", "method": "POST", "route": "/v1/spaces/{space_id}/attachments", "status": "2xx"}
    name = "holdall_request_seconds_count"
    assert value(after, name, **where) - value(before, name, **where) == 1
    grown = {
        labels["step"]: number - value(before, "holdall_upload_step_seconds_count", **labels)
        for labels, number in after["holdall_upload_step_seconds_count"]
    }
    assert grown == dict.fromkeys(("receive", "admit", "wait", "examine", "store", "commit"), 1)
    assert value(after, "holdall_received_bytes_total", dialect="bika") > len(png(31, 33))
    assert value(after, "holdall_database_wait_seconds_count") > value(before, "holdall_database_wait_seconds_count")
    assert value(after, "holdall_inspector_idle") == 1
    assert value(after, "holdall_requests_in_flight") == 0
    assert value(after, "holdall_free_bytes") > 0
    assert value(after, "holdall_webhooks_waiting") == 0
    assert value(after, "process_resident_memory_bytes") > 1 << 20


def test_a_refusal_is_told_by_the_class_of_its_error(house: House):
    before = metrics(house)
    assert upload(house, ("a.png", b"no picture")).status_code >= 400
    after = metrics(house)

    told = {labels["reason"] for labels, _ in after["holdall_refusals_total"] if labels["dialect"] == "bika"}
    name = "holdall_refusals_total"
    grown = value(after, name, dialect="bika") - value(before, name, dialect="bika")
    assert told & {"ContentRefused", "ContentCorrupt"}
    assert grown == 1


def test_no_client_makes_a_series(house: House):
    """Paths, methods, queries and ids that clients send are in no label."""
    space = house.demo["bika"]["space_id"]

    def stir(mark: str) -> None:
        for path in (f"/{mark}", f"{BIKA}/{mark}", f"{BIKA}/v1/spaces/{mark}/attachments", f"/healthz?{mark}"):
            house.request("GET", path)
            house.request(mark.upper(), path)

    stir("first")
    before = metrics(house)
    for number in range(20):
        stir(f"made{number}")
    after = metrics(house)

    assert {name: len(samples) for name, samples in after.items()} == {
        name: len(samples) for name, samples in before.items()
    }
    labels = json.dumps([labels for samples in after.values() for labels, _ in samples])
    assert "made" not in labels
    assert space not in labels


@on_a_folder
def test_a_lost_store_is_told_to_probers_and_its_place_is_not(house: House, tmp_path: Path):
    assert house.request("GET", "/readyz").status_code == 200
    blobs = read_settings({"HOLDALL_DATA_DIR": str(house.services.staging.parent)}).data / "blobs"
    blobs.rename(tmp_path / "away")
    try:
        house.app.edge.readiness._good_until = float("-inf")  # a second later
        answer = house.request("GET", "/readyz")
    finally:
        (tmp_path / "away").rename(blobs)
    house.app.edge.readiness._good_until = float("-inf")

    assert (answer.status_code, answer.json()["parts"]["store"]["state"]) == (503, "failed")
    assert answer.json()["parts"]["store"]["remedy"]
    assert str(blobs) not in answer.text
    assert house.request("GET", "/readyz").status_code == 200


def test_metrics_are_not_at_the_address_of_clients(house: House):
    assert house.request("GET", "/metrics").status_code == 404


def test_who_is_not_asked_for_metrics_has_none(tmp_path: Path):
    with opened_house(tmp_path / "data") as house:
        assert house.app.edge.traffic is None
        assert isinstance(house.services.meter, Unmetered)


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The server's log, as the command line sets it up."""
    buffer = io.StringIO()
    with redirect_stderr(buffer):
        cli._configure_log(read_settings({}))
    yield lambda: [json.loads(line) for line in buffer.getvalue().splitlines()]
    structlog.reset_defaults()


def test_every_line_of_a_request_has_its_id(house: House, lines: Callable[[], list[dict[str, Any]]]):
    """Wherever it is written: on the event loop, on a database's thread, beside a child that failed."""
    log = structlog.get_logger()

    async def fail(*_: object) -> None:
        log.info("on the loop")
        await house.services.work.read(lambda _ledger: log.info("on a thread"))
        raise StorageUnavailable("gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.services.blobs, "put_all", fail)
        answer = upload(house, ("b.png", png(35, 37)))

    assert answer.status_code == 503
    told = {line["event"]: line["request_id"] for line in lines() if "request_id" in line}
    assert {"on the loop", "on a thread", "unavailable"} <= {*told}
    assert {*told.values()} == {answer.headers["x-request-id"]}


def test_a_line_to_read_is_one_line_whatever_is_in_it():
    """And a traceback stands below it, without a control character either."""
    entry = {
        "event": "gone\nwrong",
        "level": "error",
        "timestamp": "2026-11-23T08:00:00Z",
        "path": "/a\n\x1b[31m",
        "exception": "Traceback\n  File",
    }

    line = logbook.log_line(None, "error", entry)

    assert line.splitlines()[0].startswith("2026-11-23T08:00:00Z error   gone")
    assert '"/a\\n\\u001b[31m"' in line.splitlines()[0]
    assert line.splitlines()[1:] == ["    Traceback", "      File"]
    assert "\x1b" not in line


def test_a_server_that_is_asked_to_stop_says_so_while_it_still_serves(tmp_path: Path):
    """For as long as a load balancer needs to notice; metrics are at their own address, on the loopback one alone."""
    port = free_port()
    env = {"HOLDALL_METRICS": f"127.0.0.1:{port}", "HOLDALL_STOP_DELAY_SECONDS": "60"}
    with running_server(tmp_path / "data", **env) as server:
        ops = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        wait_for(server.base_url, 200)
        server.process.terminate()
        stopping = wait_for(server.base_url, 503)
        healthy = server.is_healthy()
        code = server.stop()  # the second time, it waits no longer

    assert 'holdall_ready{part="server"} 1.0' in ops
    assert stopping["parts"]["server"]["state"] == "stopping"
    assert healthy
    assert code == 0


def wait_for(base_url: str, status: int) -> dict[str, Any]:
    """What ``/readyz`` says once it answers like this; the first process that inspects takes a moment to start."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = httpx.get(f"{base_url}/readyz", timeout=PATIENCE_SECONDS)
        if answer.status_code == status:
            told: dict[str, Any] = answer.json()
            return told
    pytest.fail(f"/readyz was never {status}")
