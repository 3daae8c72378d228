"""The web server: one process, one event loop, our application on granian."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import structlog
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from holdall.app import make_app, teller
from holdall.bootstrap import open_edge, webhook_desk, webhooks_delivered
from holdall.errors import HoldallError
from holdall.flows.readiness import Readiness
from holdall.ports import Services
from holdall.settings import Settings
from holdall.upkeep import scrub_regularly, sweep_regularly
from holdall.web.edge import Edge
from holdall.web.readers import PATIENCE, SlowReaders
from holdall.web.watching import watching

log = structlog.get_logger()

HEADER_SECONDS = 10
"""For a request's headers to arrive whole."""
DRAIN_SECONDS = 20.0
"""For requests in hand to end after we were asked to stop; a supervisor's patience is 30 s or more."""
HEAD_BYTES = 1280 << 10
"""Of a request's head that are read at all; beyond, the HTTP server answers 431 with an empty body.

More than we take: a megabyte of headers is refused in the words of the dialect that was asked (``web.dialect``)."""
LAST_LOOK_SECONDS = 2.0
"""For whoever looks at metrics while we stop."""
CONNECTIONS = 4096
"""Open at once; a slow client costs a connection, never a thread."""


def serve(settings: Settings, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT; requests in hand are finished first, if they do not take too long."""
    uvloop.run(_serve(settings, on_ready))


async def _serve(settings: Settings, on_ready: Callable[[], None]) -> None:
    async with (
        open_edge(settings) as edge,
        _webhooks(settings, edge),
        _watched(settings, edge),
    ):
        server = Server(
            make_app(edge),
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            websockets=False,
            backlog=CONNECTIONS,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEAD_BYTES),
            log_enabled=False,
        )
        loop = asyncio.get_running_loop()
        serving = asyncio.create_task(server.serve())
        stopping = _Stopping(edge.readiness, server, serving, settings.stop_delay_seconds)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.ask)
        beside = [
            asyncio.create_task(_announce(settings, on_ready)),
            asyncio.create_task(_audit_settings(edge.services, settings)),
            asyncio.create_task(SlowReaders(settings.port, PATIENCE * settings.stall_seconds).watch()),
            asyncio.create_task(sweep_regularly(edge.services, settings)),
        ]
        if settings.jobs == "here":
            beside.append(asyncio.create_task(scrub_regularly(edge.services, settings)))
        await asyncio.wait([serving])
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await _cut_off(serving)


def _webhooks(settings: Settings, edge: Edge) -> AbstractAsyncContextManager[None]:
    """Who tells webhooks of what happens: we do, unless that is left to workers, who find it in the outbox."""
    if settings.jobs == "worker":
        return nullcontext()
    return webhooks_delivered(
        settings, edge.webhooks or webhook_desk(settings, edge.services), teller(edge.links, edge.services.clock)
    )


class _Stopping:
    """What happens when we are asked to stop: probers are told at once, clients after a delay, if there is to be one.

    Asked twice, it does not wait any longer.
    """

    def __init__(self, readiness: Readiness, server: Server, serving: "asyncio.Task[None]", delay: float) -> None:
        self._readiness = readiness
        self._server = server
        self._serving = serving
        self._delay = delay
        self._is_asked = False

    def ask(self) -> None:
        """Stop."""
        self._readiness.stop()
        if self._is_asked or not self._delay:
            self._stop()
            return
        self._is_asked = True
        log.info("stopping", delay_seconds=self._delay)
        asyncio.get_running_loop().call_later(self._delay, self._stop)

    def _stop(self) -> None:
        self._server.stop()  # type: ignore[no-untyped-call]
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._serving.cancel)


@asynccontextmanager
async def _watched(settings: Settings, edge: Edge) -> AsyncIterator[None]:
    """Operators see what goes on, where they asked to; on an address of its own, up to the last request."""
    address = settings.metrics_address
    if address is None or edge.traffic is None:
        yield
        return
    host, port = address
    server = Server(
        watching(edge.readiness, edge.traffic),
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    serving.add_done_callback(_tell_end)
    log.info("metrics", host=host, port=port)
    try:
        yield
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait([serving], timeout=LAST_LOOK_SECONDS)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def _tell_end(serving: "asyncio.Task[None]") -> None:
    """Have the log say where nobody can look at metrics: the address may have been taken at the last moment."""
    if not serving.cancelled() and (error := serving.exception()):
        log.error("no metrics", error=str(error).partition("\n")[0])


async def _cut_off(serving: "asyncio.Task[None]") -> None:
    """Cancel the requests that outlasted our patience, and let them clear up while there are services to do it with."""
    if not serving.cancelled():
        serving.result()
        return
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    log.warning("cut off", tasks=len(tasks), after_seconds=DRAIN_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _announce(settings: Settings, on_ready: Callable[[], None]) -> None:
    """Say that we are ready once a connection is taken, and not before."""
    while True:
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            break
    log.info("serving", url=settings.site_url, data=str(settings.data))
    on_ready()


async def _audit_settings(services: Services, settings: Settings) -> None:
    """Record the protections that this run does without."""
    weakened = settings.weakened
    if not weakened:
        return
    try:
        await services.work.write(
            lambda ledger: ledger.audit.record(services.operator, "settings.weaken", "", weakened)
        )
    except HoldallError as error:
        log.warning("not recorded", settings=weakened, error=str(error))


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there yet."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) != 0
