"""Every operation that the OpenAPI documents tell of, called with what they allow and with what they do not.

Whatever comes, there is no fault of ours, no status that is not documented, and no body of another form than is. The
number of examples is bounded and chance is fixed; ``make fuzz`` tries more (``HOLDALL_FUZZ_EXAMPLES``) from anywhere.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode

from tests.support.fuzzed import DESCRIBED, EXAMPLES, HELD, Fuzzed, opened_to_all, operations

FEW = 6
"""Examples for each operation, unless more are asked for."""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    with opened_to_all(tmp_path_factory.mktemp("fuzzed") / "data") as opened:
        yield opened


OPERATIONS = {(dialect, id): each for dialect in DESCRIBED for id, each in operations(dialect).items()}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize(("dialect", "id"), OPERATIONS)
def test_an_operation_answers_as_it_is_documented(fuzzed: Fuzzed, dialect: str, id: str, mode: GenerationMode):
    """Whatever it is asked; about things that are there, and about others."""
    operation = OPERATIONS[dialect, id]

    @settings(
        max_examples=EXAMPLES or FEW,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.sampled_from([True, True, True, False]))
    def ask(case: Any, is_real: bool) -> None:
        for name in case.path_parameters or {}:
            known = fuzzed.real(name) if is_real else None
            case.path_parameters[name] = known or case.path_parameters[name]
        case.validate_response(fuzzed.send(case, dialect), checks=HELD)

    with suppress(Unsatisfiable):  # there is no wrong way to call what takes nothing
        ask()
