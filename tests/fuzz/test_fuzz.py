"""Half a minute of fuzzing, shared among the targets; ``make fuzz`` takes an hour."""

import importlib.util
import os
from pathlib import Path

import pytest

from tests.fuzz import run
from tests.fuzz.targets import TARGETS, prepare

SEED = "20261122"
"""The same every time, so that a change that fails here failed by itself; chance is for ``make fuzz``."""
SECONDS = int(os.environ.get("HOLDALL_FUZZ_SECONDS", "32"))


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    prepare()


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_keep_every_promise(name: str):
    for seed in TARGETS[name].seeds():
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_promise(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not there for this platform")
    monkeypatch.setattr(run, "FOLDER", tmp_path)
    monkeypatch.setenv("HOLDALL_FUZZ_DIR", str(tmp_path))
    monkeypatch.setenv("HOLDALL_FUZZ_SEED", SEED)

    assert run.fuzz(name, max(1, SECONDS // len(TARGETS))), (tmp_path / f"{name}.log").read_text(errors="replace")[
        -3000:
    ]
