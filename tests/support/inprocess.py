"""The whole application in this process, without a socket: real database, real store, real children."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from holdall import demo
from holdall.app import Site, make_app
from holdall.bootstrap import open_edge, prepare
from holdall.ports import Services
from holdall.settings import read_settings
from tests.support.engines import engines_for

SITE = "http://holdall.test"
T = TypeVar("T")


class House:
    """An installation with the demo workspace, and a way to call it."""

    def __init__(self, portal: BlockingPortal, app: Site) -> None:
        self._portal = portal
        self.app = app
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url=SITE
        )
        self.demo: dict[str, Any] = portal.call(demo.credentials, self.services, SITE)

    @property
    def services(self) -> Services:
        """What the stories are told with."""
        return self.app.edge.services

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        """One call and its answer."""

        async def ask() -> httpx.Response:
            return await self._http.request(method, url, **more)

        return self._portal.call(ask)

    def tell(self, story: Callable[[Services], Awaitable[T]]) -> T:
        """Tell a story beside the server."""
        return self._portal.call(story, self.services)


@contextmanager
def opened_house(data: Path, **env: str) -> Iterator[House]:
    """An installation of its own in ``data``. Rate limits are off unless set."""
    given = {"HOLDALL_DATA_DIR": str(data), "HOLDALL_RATE_LIMIT": "off", "HOLDALL_BASE_URL": SITE, **env}
    settings = read_settings(engines_for(data, env) | given)
    prepare(settings)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(open_edge(settings)) as edge:
        portal.call(demo.fill, edge.services)
        yield House(portal, make_app(edge))
