"""The courier: what it makes of answers, crashes and turns; with a post and an engine that do as they are told."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.testing import capture_logs

from holdall.adapters.chance import RandomIds
from holdall.adapters.db import schema
from holdall.adapters.db.engine import Database, open_database
from holdall.adapters.vault import SealedSecrets
from holdall.dialects.bika.telling import Teller
from holdall.domain.access import Space
from holdall.domain.webhooks import MAX_TRIES, Delivery, DeliveryState, OutboxEvent, Webhook
from holdall.flows.courier import LEASE, Courier, hand_over
from holdall.flows.outbox import tell_of_node
from holdall.ports import Job, Ledger, NotSent, Reply, Unmetered
from holdall.web.links import Links
from tests.support.databases import sqlite_url
from tests.support.hooks import make_webhook, publish
from tests.support.rows import NOW, make_world


@dataclass
class House:
    """A database, a clock that stands still, a post that answers as it is told, and an engine that remembers."""

    work: Database
    now: datetime = NOW
    status: int = 200
    retry_after: timedelta = timedelta()
    sent: list[Mapping[str, str]] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    is_engine_broken: bool = False
    log_ttl: timedelta = timedelta(days=90)

    @property
    def services(self) -> Any:
        clock = SimpleNamespace(now=lambda: self.now)
        return SimpleNamespace(work=self.work, clock=clock, log_ttl=self.log_ttl, ids=RandomIds(), meter=Unmetered())

    async def send(self, _url: str, headers: Mapping[str, str], _body: bytes) -> Reply:
        self.sent.append(headers)
        if not self.status:
            raise NotSent("nobody there")
        return Reply(self.status, self.retry_after, "")

    async def enqueue(self, jobs: Sequence[Job]) -> None:
        self.jobs += [job.argument for job in jobs if job.argument not in self.jobs]
        if self.is_engine_broken:
            raise RuntimeError("killed between the engine's commit and ours")

    def turn(self) -> None:
        """Hand over what is due, and deliver it."""
        already = len(self.jobs)
        asyncio.run(hand_over(self.services, self))  # type: ignore[arg-type]
        vault = SealedSecrets(b"house")
        courier = Courier(self.services, self, vault, lambda *_: {"told": True})  # type: ignore[arg-type]
        for job in self.jobs[already:]:
            asyncio.run(courier.deliver(job))

    def look(self, id: str) -> tuple[Delivery, Webhook]:
        found = asyncio.run(self.work.read(lambda ledger: ledger.webhooks.find_delivery(id)))
        assert found
        return found[0], found[2]


@pytest.fixture
def house(tmp_path: Path) -> House:
    schema.migrate(sqlite_url(tmp_path))
    return House(open_database(sqlite_url(tmp_path)))


@pytest.fixture
def id(house: House) -> str:
    """A delivery that waits."""
    sealed = SealedSecrets(b"house").seal(b"key", "owhA")

    def story(ledger: Any) -> str:
        world = make_world(ledger)
        return publish(ledger, world, make_webhook(ledger, world, id="owhA", sealed_secret=sealed))[0]

    return asyncio.run(house.work.write(story))


def test_a_crash_between_engine_and_row_gives_the_same_turn_again(house: House, id: str):
    house.is_engine_broken = True
    for _ in range(2):
        with pytest.raises(RuntimeError):
            house.turn()
    house.is_engine_broken = False
    asyncio.run(hand_over(house.services, house))  # type: ignore[arg-type]
    assert house.jobs == [f"{id}.0"]
    assert house.look(id)[0].turn == 1


def test_a_turn_of_which_nothing_is_heard_is_followed_by_the_next_and_does_nothing_later(house: House, id: str):
    for moment in (NOW, NOW, NOW + LEASE):
        house.now = moment
        asyncio.run(hand_over(house.services, house))  # type: ignore[arg-type]
    assert house.jobs == [f"{id}.0", f"{id}.1"]
    courier = Courier(house.services, house, SealedSecrets(b"house"), lambda *_: {})  # type: ignore[arg-type]
    counts = []
    for turn in (0, 1, 1, 2):
        asyncio.run(courier.deliver(f"{id}.{turn}"))
        counts.append(len(house.sent))
    assert counts == [0, 1, 1, 1]
    assert house.look(id)[0].state is DeliveryState.DELIVERED


def test_what_fails_for_a_day_is_given_up_and_disables_the_webhook(house: House, id: str):
    house.status = 0
    for tries in range(1, MAX_TRIES + 1):
        house.turn()
        delivery, webhook = house.look(id)
        assert len(delivery.tries) == tries
        assert webhook.is_enabled is (tries < MAX_TRIES)
        house.turn()  # not due yet
        assert len(house.look(id)[0].tries) == tries
        house.now = max(house.now, delivery.due_at)

    assert (delivery.state, delivery.tries[0].error) == (DeliveryState.FAILED, "nobody there")
    assert timedelta(hours=18) < house.now - NOW < timedelta(hours=30)
    assert webhook.disabled_for == f"nothing was taken since {NOW:%Y-%m-%d %H:%M} UTC"
    assert len({headers["webhook-id"] for headers in house.sent}) == 1


def test_what_is_taken_forgets_that_the_receiver_failed(house: House, id: str):
    house.status = 503
    house.turn()
    assert house.look(id)[1].failing_since == NOW
    house.status, house.now = 204, NOW + timedelta(minutes=1)
    house.turn()
    delivery, webhook = house.look(id)
    assert (delivery.state, webhook.failing_since) == (DeliveryState.DELIVERED, None)


def test_the_request_that_made_it_happen_is_in_the_courier_s_lines_and_told_to_nobody(house: House):
    """From the outbox on: whoever reads the log finds a request and its deliveries by one id."""
    sealed = SealedSecrets(b"house").seal(b"key", "owhB")

    def story(ledger: Ledger) -> None:
        world = make_world(ledger)
        make_webhook(ledger, world, id="owhB", sealed_secret=sealed)
        space = replace(world.space, has_webhooks=True)
        tell_of_node(house.services, ledger, space, world.database.node)

    with bound_contextvars(request_id="one-request"):
        asyncio.run(house.work.write(story))
    told: list[Mapping[str, Any]] = []

    def tell(ledger: Ledger, space: Space, event: OutboxEvent) -> Mapping[str, Any]:
        links = Links("http://holdall.test", b"key", 60)
        told.append(Teller(links, house.services.clock).tell(ledger, space, event))
        return told[-1]

    asyncio.run(hand_over(house.services, house))  # type: ignore[arg-type]
    with capture_logs(processors=[merge_contextvars]) as lines:
        asyncio.run(Courier(house.services, house, SealedSecrets(b"house"), tell).deliver(house.jobs[0]))  # type: ignore[arg-type]

    assert [(line["event"], line["request_id"]) for line in lines] == [("webhook told", "one-request")]
    assert told
    assert "one-request" not in str(told)


def test_a_receiver_that_asks_to_wait_is_granted_it(house: House, id: str):
    house.status, house.retry_after = 429, timedelta(hours=2)
    house.turn()
    assert house.look(id)[0].due_at == NOW + timedelta(hours=2)


def test_a_secret_that_does_not_open_sends_nothing(house: House, id: str):
    asyncio.run(hand_over(house.services, house))  # type: ignore[arg-type]
    courier = Courier(house.services, house, SealedSecrets(b"other"), lambda *_: {})  # type: ignore[arg-type]
    asyncio.run(courier.deliver(f"{id}.0"))
    assert house.sent == []
    assert "does not open" in house.look(id)[0].tries[0].error
