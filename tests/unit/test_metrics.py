"""What the meter tells, and that nobody outside can make it tell more and more."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdall.adapters.db.engine import open_database
from holdall.adapters.metrics import GAUGES, PrometheusMeter
from holdall.domain.readiness import Light, Part, State
from holdall.ports import Answered, Unmetered
from tests.support.databases import sqlite_url

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def told(meter: PrometheusMeter, lights: Sequence[Light] = ()) -> Samples:
    """Every sample by its name and labels."""
    text = asyncio.run(meter.expose(lights)).decode()
    families = text_string_to_metric_families(text)
    return {(each.name, frozenset(each.labels.items())): each.value for one in families for each in one.samples}


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def answered(method: str = "GET", status: int = 200, refusals: Sequence[str] = ()) -> Answered:
    return Answered("bika", method, "/v1/spaces", status, 0.02, received=3, sent=5, refusals=refusals)


def test_a_request_is_counted_and_timed_by_dialect_method_route_and_class_of_status():
    meter = PrometheusMeter()
    for status in (200, 201, 404, 0):
        meter.arrive()
        meter.leave(answered(status=status, refusals=["Missing"] if status == 404 else []))

    samples = told(meter)

    where = {"dialect": "bika", "method": "GET", "route": "/v1/spaces"}
    counts = {status: of(samples, "holdall_request_seconds_count", **where, status=status) for status in ("2xx", "4xx")}
    assert counts == {"2xx": 2, "4xx": 1}
    assert of(samples, "holdall_request_seconds_count", **where, status="none") == 1
    assert of(samples, "holdall_request_seconds_bucket", **where, status="2xx", le="0.01") == 0
    assert of(samples, "holdall_request_seconds_bucket", **where, status="2xx", le="0.025") == 2
    assert of(samples, "holdall_received_bytes_total", dialect="bika") == 12
    assert of(samples, "holdall_sent_bytes_total", dialect="bika") == 20
    assert of(samples, "holdall_refusals_total", dialect="bika", reason="Missing") == 1


def test_requests_in_hand_are_told_until_they_are_answered():
    meter = PrometheusMeter()
    meter.arrive()
    meter.arrive()
    meter.leave(answered())

    assert of(told(meter), "holdall_requests_in_flight") == 1


def test_a_method_that_a_client_made_up_is_no_series_of_its_own():
    meter = PrometheusMeter()
    meter.leave(answered("GET"))
    meter.leave(answered("MADE0"))
    before = len(told(meter))
    for number in range(1, 50):
        meter.leave(answered(f"MADE{number}"))

    assert len(told(meter)) == before


def test_a_step_is_timed_however_it_ends():
    meter = PrometheusMeter()
    with meter.step("store"):
        pass
    with pytest.raises(OSError, match="full"), meter.step("store"):
        raise OSError("full")

    samples = told(meter)

    assert of(samples, "holdall_upload_step_seconds_count", step="store") == 2
    assert of(samples, "holdall_upload_step_seconds_count", step="commit") == 0


def test_the_wait_of_every_story_that_writes_is_told_and_of_none_that_reads(tmp_path: Path):
    meter = PrometheusMeter()

    async def story() -> None:
        database = open_database(sqlite_url(tmp_path), meter.waited)
        try:
            await asyncio.gather(*(database.write(lambda _: None) for _ in range(5)))
            await database.read(lambda _: None)
        finally:
            await database.close()

    asyncio.run(story())
    samples = told(meter)

    assert of(samples, "holdall_database_wait_seconds_count") == 5
    assert 0 <= of(samples, "holdall_database_wait_seconds_sum") < 60


def test_what_is_watched_is_read_anew_each_time_and_what_fails_says_that_it_has_no_number():
    meter, free = PrometheusMeter(), iter([7.0, 8.0])

    async def room() -> float:
        return next(free)

    async def late() -> float:
        raise OSError("the disk is gone")

    meter.ask("holdall_free_bytes", room)
    meter.ask("holdall_webhooks_late_seconds", late)
    meter.watch("holdall_inspector_started_total", lambda: 3)
    first, second = told(meter), told(meter)

    assert [of(samples, "holdall_free_bytes") for samples in (first, second)] == [7, 8]
    assert math.isnan(of(first, "holdall_webhooks_late_seconds"))
    assert of(first, "holdall_inspector_started_total") == 3


def test_lights_are_told_as_they_are():
    meter = PrometheusMeter()

    samples = told(meter, [Light(Part.STORE, State.SILENT), Light(Part.DATABASE, State.OK)])

    assert of(samples, "holdall_ready", part="store") == 0
    assert of(samples, "holdall_ready", part="database") == 1


def test_a_gauge_that_nobody_described_cannot_be_watched():
    with pytest.raises(KeyError):
        PrometheusMeter().watch("holdall_anything", lambda: 1)


def test_who_is_not_asked_for_metrics_counts_nothing():
    meter = Unmetered()
    meter.watch("holdall_jobs_running", lambda: pytest.fail("asked"))
    with meter.step("store"):
        meter.waited(1)

    assert GAUGES["holdall_jobs_running"]
