"""How the tests are run."""

import os

import pytest


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker more than there are processors: many tests wait for a clock, or for a server that starts."""
    del config
    return len(os.sched_getaffinity(0)) + 1
