"""The courier: what waits in the outbox is given to the job engine, each turn once, and delivered by its jobs.

A turn is a delivery's id and a count. It is given to the engine first and noted second: a crash in between gives the
same turn to the engine again, which takes each once. A turn of which nothing is heard for ``LEASE`` is followed by the
next. So nothing that was committed is lost, whatever dies when; and a receiver may see a message twice, under one id.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from structlog.contextvars import bind_contextvars

from holdall.domain.access import Space
from holdall.domain.webhooks import (
    GONE,
    MAX_TRIES,
    Delivery,
    DeliveryState,
    OutboxEvent,
    Try,
    Webhook,
    body_signature,
    next_wait,
    signature,
)
from holdall.errors import HoldallError
from holdall.flows.outbox import REQUEST_ID
from holdall.ports import Due, Job, Jobs, Ledger, NotSent, Post, Reply, Services, Vault

log = structlog.get_logger()
DELIVER = "webhook"
"""The kind of our jobs."""
LEASE = timedelta(minutes=15)
LOOK_SECONDS = 0.5
"""Between two looks into the outbox."""
_BATCH = 100
_TIDY_SECONDS = 3600.0
_JOB_TTL = timedelta(days=1)
_CHANCES = 1 << 128

TellOf = Callable[[Ledger, Space, OutboxEvent], Mapping[str, Any]]
"""What a receiver is told of an event, as the dialect words it."""


@dataclass(frozen=True, slots=True)
class _Message:
    """What is about to be sent."""

    delivery: Delivery
    event: OutboxEvent
    webhook: Webhook
    told: Mapping[str, Any]


class Courier:
    """Delivers, given the port to send by and the words to tell with."""

    def __init__(self, services: Services, post: Post, vault: Vault, tell: TellOf) -> None:
        self._services = services
        self._post = post
        self._vault = vault
        self._tell = tell

    async def deliver(self, argument: str) -> None:
        """Make one turn of a delivery. A turn that has passed is left alone.

        Raises:
            DatabaseUnavailable: what came of it was not kept; the next turn follows.

        """
        id, _, turn = argument.partition(".")
        message = await self._services.work.read(lambda ledger: self._look(ledger, id, int(turn)))
        if message is None:
            return
        bind_contextvars(request_id=message.event.content.get(REQUEST_ID, ""))
        with self._services.meter.job(DELIVER):
            made, wait = await self._try(message)
        log.info(
            "webhook told" if made.is_taken else "webhook not told",
            delivery=id,
            event_id=message.event.id,
            status=made.status,
            error=made.error,
        )
        await self._services.work.write(lambda ledger: self._settle(ledger, id, int(turn), made, wait))

    def _look(self, ledger: Ledger, id: str, turn: int) -> _Message | None:
        found = ledger.webhooks.find_delivery(id)
        if found is None or not _is_turn(found[0], turn):
            return None
        delivery, event, webhook, space = found
        return _Message(delivery, event, webhook, self._tell(ledger, space, event) if webhook.is_enabled else {})

    async def _try(self, message: _Message) -> tuple[Try, timedelta]:
        """One try, and how long the receiver asks us to wait."""
        began, at = time.monotonic(), self._services.clock.now()

        def took() -> int:
            return int((time.monotonic() - began) * 1000)

        if not message.webhook.is_enabled:
            return Try(at, 0, error="the webhook is disabled"), timedelta()
        try:
            reply = await self._send(message, at)
        except (NotSent, ValueError) as error:
            return Try(at, took(), error=str(error)), timedelta()
        return Try(at, took(), reply.status, "", reply.excerpt), reply.retry_after

    async def _send(self, message: _Message, now: datetime) -> Reply:
        webhook, event = message.webhook, message.event
        body = msgspec.json.encode(message.told)
        key = self._vault.unseal(webhook.sealed_secret, webhook.id)
        timestamp = int(now.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Holdall-Webhooks",
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(key, event.id, timestamp, body),
        }
        if webhook.has_own_secret:
            headers["X-Bika-Signature"] = body_signature(key, body)
        return await self._post.send(webhook.url, headers, body)

    def _settle(self, ledger: Ledger, id: str, turn: int, made: Try, retry_after: timedelta) -> None:
        """Keep what came of it, and judge the receiver by it."""
        found = ledger.webhooks.find_delivery(id, for_update=True)
        if found is None or not _is_turn(found[0], turn):
            return
        delivery, _, webhook, _ = found
        tries = [*delivery.tries, made][-2 * MAX_TRIES :]
        state, due_at = self._judge(delivery, webhook, made, retry_after)
        first = max(0, delivery.first_try - max(0, len(delivery.tries) + 1 - 2 * MAX_TRIES))
        ledger.webhooks.settle(replace(delivery, first_try=first), state, tries, due_at, turn=turn + 1)
        judged = _after(webhook, delivery, made, state)
        if judged != webhook:
            ledger.webhooks.change(judged)
        if judged.is_enabled != webhook.is_enabled:
            log.warning("webhook disabled", id=webhook.id, reason=judged.disabled_for)

    def _judge(
        self, delivery: Delivery, webhook: Webhook, made: Try, retry_after: timedelta
    ) -> tuple[DeliveryState, datetime]:
        now = self._services.clock.now()
        if made.is_taken:
            return DeliveryState.DELIVERED, now
        tries = len(delivery.tries) + 1 - delivery.first_try
        wait = next_wait(tries, int(self._services.ids.hex_token(), 16) / _CHANCES, retry_after)
        if wait is None or made.status == GONE or not webhook.is_enabled:
            return DeliveryState.FAILED, now
        return DeliveryState.WAITING, now + wait


def _is_turn(delivery: Delivery, turn: int) -> bool:
    """Whether this turn is the one at hand, noted or not."""
    return delivery.state is DeliveryState.WAITING and delivery.turn in (turn, turn + 1)


def _after(webhook: Webhook, delivery: Delivery, made: Try, state: DeliveryState) -> Webhook:
    """The webhook, as a try leaves it. One that took nothing while a whole delivery was tried is told no more."""
    if made.is_taken:
        return webhook if webhook.failing_since is None else replace(webhook, failing_since=None)
    if not webhook.is_enabled:
        return webhook
    since = webhook.failing_since or made.at
    if made.status == GONE:
        return replace(webhook, failing_since=since, disabled_at=made.at, disabled_for="the receiver answered 410 Gone")
    first = delivery.tries[delivery.first_try].at if len(delivery.tries) > delivery.first_try else made.at
    if state is DeliveryState.FAILED and since <= first:
        reason = f"nothing was taken since {since:%Y-%m-%d %H:%M} UTC"
        return replace(webhook, failing_since=since, disabled_at=made.at, disabled_for=reason)
    return replace(webhook, failing_since=since)


async def dispatch(services: Services, jobs: Jobs) -> None:
    """Give what is due to the engine, for ever; what fails is tried again with the next look.

    The engine is started for what is due, or for what it may have been at when a crash came; not otherwise.
    """
    is_resumed, tidied = False, float("-inf")
    while True:
        try:
            if not is_resumed and await services.work.read(lambda ledger: ledger.webhooks.is_any_waiting()):
                await jobs.enqueue([])
            is_resumed = True
            while await hand_over(services, jobs) == _BATCH:
                pass
            if time.monotonic() - tidied > _TIDY_SECONDS:
                await _tidy(services, jobs)
                tidied = time.monotonic()
        except HoldallError as error:
            log.warning("webhooks wait", error=str(error))
        await asyncio.sleep(LOOK_SECONDS)


async def _tidy(services: Services, jobs: Jobs) -> None:
    """Forget deliveries as old as what the access log forgets, and jobs that no turn can come back to."""
    now = services.clock.now()
    while await services.work.write(lambda ledger: ledger.webhooks.forget(now - services.log_ttl, _BATCH)) == _BATCH:
        pass
    await jobs.forget(now - _JOB_TTL)


async def hand_over(services: Services, jobs: Jobs) -> int:
    """Give some of what is due to the engine, then note it; says how many.

    Raises:
        DatabaseUnavailable: some may have been given and not noted. Safe to repeat.

    """
    now = services.clock.now()
    due = await services.work.glance(lambda ledger: ledger.webhooks.due(now, _BATCH))
    if due:
        await jobs.enqueue([_job(each) for each in due])
        await services.work.write(lambda ledger: ledger.webhooks.hand_over(due, now + LEASE))
    return len(due)


def _job(due: Due) -> Job:
    argument = f"{due.id}.{due.turn}"
    return Job(argument, DELIVER, argument)
