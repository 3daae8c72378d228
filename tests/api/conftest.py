"""One running server for all the tests of a worker."""

import pytest

from tests.support.server import running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory):
    """A server with the demo workspace."""
    with running_server(tmp_path_factory.mktemp("data")) as running:
        yield running
