"""Calls that follow from each other, by the links of the OpenAPI documents: what was made is looked at, changed, gone.

As in ``test_openapi``, no answer is a fault of ours, and none is other than documented. What was deleted is not there.
"""

import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.core.transport import Response
from schemathesis.specs.openapi import checks as openapi_checks

from tests.support.fuzzed import DESCRIBED, EXAMPLES, HELD, Fuzzed, document_of, opened_to_all

FEW, STEPS = 20, 10
"""Walks through each document, unless more are asked for; calls in each."""
SETTINGS = settings(
    max_examples=10,
    stateful_step_count=STEPS,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
HELD_OF_WALKS = [*HELD, openapi_checks.ensure_resource_availability]
FIXED = ("space_id", "database_id", "field")
"""Where every walk goes on; the rest is what links lead to, or nothing."""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with opened_to_all(tmp_path_factory.mktemp("linked") / "data") as opened:
        yield opened


@pytest.mark.parametrize("dialect", DESCRIBED)
def test_walks_along_the_links_end_nowhere_undocumented(fuzzed: Fuzzed, dialect: str):
    tally, wanted = Tally(), EXAMPLES or FEW
    walk = walker(fuzzed, dialect, tally)
    for seed in itertools.count(time.time_ns() if EXAMPLES else 0):
        walk._hypothesis_internal_use_seed = seed
        # What is answered (ids, and so what links lead to) differs from walk to walk, which Hypothesis takes for
        # flakiness where it compares two of them.
        with suppress(FlakyStrategyDefinition):
            walk.run(settings=SETTINGS)
        if tally.walks >= wanted:
            break
    assert tally.followed[200] >= wanted // 2, tally


@dataclass
class Tally:
    """How far it went."""

    walks: int = 0
    followed: Counter[int] = field(default_factory=Counter)
    """Calls along a link, by the status of the answer."""


def documented_body(operation: Mapping[str, Any]) -> Any:
    """The first example of its body in JSON, of another name each time; ``None``: there is none."""
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    example = next((each["value"] for each in media.get("examples", {}).values()), None)
    return {**example, "name": uuid4().hex} if isinstance(example, dict) and "name" in example else example


def walker(fuzzed: Fuzzed, dialect: str, tally: Tally) -> Any:
    """Callers who go on with what the last answer named."""
    turns = itertools.count()

    class Walk(document_of(dialect).as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            tally.walks += 1

        def step(self, input: Any) -> Any:
            self.is_linked = input.is_applied
            return super().step(input)

        def before_call(self, case: Any) -> None:
            for name in case.path_parameters or {}:
                if name in FIXED and name in fuzzed.ids:
                    case.path_parameters[name] = fuzzed.ids[name]
            example = documented_body(case.operation.definition.raw)
            if example is not None and next(turns) % 2:  # made-up ones are seldom taken, and lead nowhere
                case.body = example
            case.cookies.clear()  # one caller goes all the way; others are for ``test_openapi``
            case.headers.pop("Authorization", None)

        def call(self, case: Any, **_: Any) -> Any:
            answer = Response.from_any(fuzzed.send(case, dialect))
            if self.is_linked:
                tally.followed[answer.status_code] += 1
            return answer

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, checks=HELD_OF_WALKS)

    return Walk
