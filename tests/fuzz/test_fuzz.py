"""Half a minute of fuzzing, shared among the targets; ``make fuzz`` takes an hour."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, prepare

ROOT = Path(__file__).parents[2]
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


def test_no_input_breaks_a_promise(tmp_path: Path):
    """Of any target; what each has to say is in a log of its own."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not there for this platform")
    env = {**os.environ, "HOLDALL_FUZZ_DIR": str(tmp_path), "HOLDALL_FUZZ_SEED": SEED}
    command = [sys.executable, "-m", "tests.fuzz.run", "--seconds", str(SECONDS)]

    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    broken = [line.partition(":")[0] for line in done.stdout.splitlines() if ": BROKEN;" in line]
    logs = {name: (tmp_path / f"{name}.log").read_text(errors="replace")[-3000:] for name in broken}
    assert (done.returncode, logs) == (0, {}), done.stdout + done.stderr
    assert done.stdout.count(": held;") == len(TARGETS)
