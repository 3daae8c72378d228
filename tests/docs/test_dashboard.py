"""The dashboard asks for metrics that there are, with labels that they have; the page tells of each."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdall.adapters.metrics import GAUGES, PrometheusMeter
from holdall.domain.readiness import Light, Part, State
from holdall.ports import Answered

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "holdall.json").read_text())
PAGE = (ROOT / "docs" / "how-to" / "watch.md").read_text()
SCRAPER_S = {"job", "instance"}
"""Labels that Prometheus adds by itself."""
ASKED = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def labels_by_name() -> dict[str, set[str]]:
    """Everything that the meter tells, once each part of it has been used."""
    meter = PrometheusMeter()
    for gauge in GAUGES:
        if gauge != "holdall_requests_in_flight":
            meter.watch(gauge, lambda: 1)
    meter.arrive()
    meter.leave(Answered("bika", "GET", "/", 200, 1, 1, 1, ["Missing"]))
    text = asyncio.run(meter.expose([Light(part, State.OK) for part in Part])).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


TOLD = labels_by_name()


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:holdall|process)_\w+", expression))


@pytest.mark.parametrize(("title", "expression"), ASKED)
def test_a_panel_asks_for_what_there_is(title: str, expression: str):
    names = names_in(expression)
    grouped = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in re.split(r",\s*", group)}
    chosen = set(re.findall(r"(\w+)=~?\"", expression))

    assert names, title
    assert names <= TOLD.keys()
    for name in names:
        assert (grouped | chosen) - SCRAPER_S <= TOLD[name]


def test_every_metric_of_ours_has_a_panel_and_a_line_on_the_page():
    asked = set().union(*(names_in(expression) for _, expression in ASKED))
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in TOLD if name.startswith("holdall_")}

    assert ours - {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} == set()
    assert {name for name in ours if f"`{name}`" not in PAGE} == set()


def test_panels_lie_beside_each_other_and_have_ids_of_their_own():
    """What Grafana would otherwise push around, or lose."""
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    cells = [
        (place["x"] + x, place["y"] + y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["w"])
        for y in range(place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_page_names_no_metric_that_there_is_not():
    """In its table, its sample and its alerts."""
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in TOLD}

    assert names_in(PAGE) - TOLD.keys() - families == set()
