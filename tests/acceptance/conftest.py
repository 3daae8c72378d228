"""One running server for the tests of a worker. Nothing here imports Holdall: any server of the same wire will do."""

import pytest

from tests.support.server import running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory):
    """A server with the demo workspace."""
    with running_server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running
