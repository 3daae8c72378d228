"""One running server for all the tests of a worker."""

import pytest

from tests.support.inprocess import opened_house
from tests.support.server import running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory):
    """A server with the demo workspace."""
    with running_server(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory):
    """The application in this process, with the demo workspace."""
    with opened_house(tmp_path_factory.mktemp("house") / "data") as opened:
        yield opened
