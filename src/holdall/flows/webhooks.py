"""The stories of webhooks: register one, look at it, change it, let it go, and have a delivery made once more.

They take the right to write, looking too: whoever registers one has what is written in the space sent elsewhere, and
the URLs of webhooks are often secrets themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from holdall.domain.access import Actor, Scope, Space
from holdall.domain.addresses import AddressRefused, parse_target
from holdall.domain.records import Node
from holdall.domain.webhooks import (
    MAX_WEBHOOKS,
    SECRET_BYTES,
    Delivery,
    EventType,
    Webhook,
    parse_secret,
    write_secret,
)
from holdall.errors import Conflict, Forbidden, Malformed, Missing
from holdall.flows.access import enter
from holdall.ports import Ledger, Post, Services, Vault

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Desk:
    """What these stories need besides the services."""

    services: Services
    post: Post
    vault: Vault


@dataclass(frozen=True, slots=True)
class Draft:
    """A webhook as a client wants it."""

    url: str
    events: tuple[EventType, ...] = (EventType.RECORD_CREATED,)
    name: str = ""
    description: str = ""
    database_id: str = ""
    secret: str = field(default="", repr=False)
    """``""``: one is made."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A webhook, and the database that it is about."""

    webhook: Webhook
    node: Node | None = None
    secret: str = field(default="", repr=False)
    """Told once, to the one who registers."""


async def register(desk: Desk, actor: Actor, space_id: str, draft: Draft) -> Shown:
    """Have somebody told of what happens from now on.

    Raises:
        Malformed: the URL is none that anything is sent to, or the secret is none.
        Conflict: the space has as many as it may have.
        Missing, Forbidden: see ``flows.access``; the space has no such database.

    """
    services = desk.services
    await services.work.read(lambda ledger: _enter(ledger, actor, space_id, Scope.WRITE))
    await _check(desk, draft.url)
    key, secret = _secret(desk, draft.secret)
    id, now = services.ids.public("owh"), services.clock.now()
    sealed = desk.vault.seal(key, id)

    def story(ledger: Ledger) -> Shown:
        space = _enter(ledger, actor, space_id, Scope.WRITE)
        if len(ledger.webhooks.of(space.number)) >= MAX_WEBHOOKS:
            raise Conflict(f"a space has {MAX_WEBHOOKS} webhooks at most")
        node = _node(ledger, space, draft.database_id)
        webhook = Webhook(
            number=0,
            id=id,
            space_id=space.number,
            name=draft.name or parse_target(draft.url).host,
            description=draft.description,
            url=draft.url,
            events=draft.events,
            database_id=draft.database_id,
            sealed_secret=sealed,
            has_own_secret=bool(draft.secret),
            created_at=now,
        )
        return Shown(ledger.webhooks.add(webhook), node, secret)

    return await services.work.write(story)


async def list_all(desk: Desk, actor: Actor, space_id: str) -> list[Shown]:
    """A space's webhooks, oldest first.

    Raises:
        Missing, Forbidden: see ``flows.access``.

    """

    def story(ledger: Ledger) -> list[Shown]:
        space = _enter(ledger, actor, space_id, Scope.READ)
        found = ledger.webhooks.of(space.number)
        nodes = {node.id: node for node in ledger.spaces.nodes(space)} if found else {}
        return [Shown(webhook, nodes.get(webhook.database_id)) for webhook in found]

    return await desk.services.work.read(story)


async def find(desk: Desk, actor: Actor, space_id: str, id: str) -> Shown:
    """One webhook.

    Raises:
        Missing, Forbidden: as ``list_all``; the space has none of this id.

    """

    def story(ledger: Ledger) -> Shown:
        space = _enter(ledger, actor, space_id, Scope.READ)
        return _shown(ledger, space, _known(ledger, space, id))

    return await desk.services.work.read(story)


async def change(desk: Desk, actor: Actor, space_id: str, id: str, *, is_enabled: bool | None, **changes: Any) -> Shown:
    """Change ``name``, ``description``, ``url`` or ``events`` of a webhook; have it told of things again, or no more.

    Raises:
        Malformed, Missing, Forbidden: as ``register`` and ``find``.

    """
    await desk.services.work.read(lambda ledger: _known(ledger, _enter(ledger, actor, space_id, Scope.WRITE), id))
    if "url" in changes:
        await _check(desk, changes["url"])
    now = desk.services.clock.now()

    def story(ledger: Ledger) -> Shown:
        space = _enter(ledger, actor, space_id, Scope.WRITE)
        webhook = replace(_known(ledger, space, id, for_update=True), **changes)
        if is_enabled and not webhook.is_enabled:
            webhook = replace(webhook, disabled_at=None, disabled_for="", failing_since=None)
        if is_enabled is False and webhook.is_enabled:
            webhook = replace(webhook, disabled_at=now, disabled_for="disabled by a member")
        ledger.webhooks.change(webhook)
        return _shown(ledger, space, webhook)

    return await desk.services.work.write(story)


async def remove(desk: Desk, actor: Actor, space_id: str, id: str) -> None:
    """Let a webhook go, with the log of its deliveries; what waited is not told.

    Raises:
        Missing, Forbidden: as ``find``.

    """

    def story(ledger: Ledger) -> None:
        ledger.webhooks.remove(_known(ledger, _enter(ledger, actor, space_id, Scope.WRITE), id, for_update=True))

    await desk.services.work.write(story)


async def list_deliveries(
    desk: Desk, actor: Actor, space_id: str, id: str, *, before: int | None, limit: int
) -> tuple[Sequence[Delivery], bool]:
    """A page of a webhook's deliveries, newest first; and whether there are more.

    Raises:
        Missing, Forbidden: as ``find``.

    """

    def story(ledger: Ledger) -> tuple[Sequence[Delivery], bool]:
        webhook = _known(ledger, _enter(ledger, actor, space_id, Scope.READ), id)
        found = ledger.webhooks.deliveries(webhook, before=before, limit=limit + 1)
        return found[:limit], len(found) > limit

    return await desk.services.work.read(story)


async def replay(desk: Desk, actor: Actor, space_id: str, id: str, delivery_id: str) -> Delivery:
    """Have a delivery made once more, whatever became of it: the same message, under the same id.

    Raises:
        Missing, Forbidden: as ``find``; the webhook has no such delivery.
        Conflict: the webhook is disabled.

    """
    now = desk.services.clock.now()

    def story(ledger: Ledger) -> Delivery:
        webhook = _known(ledger, _enter(ledger, actor, space_id, Scope.WRITE), id, for_update=True)
        found = ledger.webhooks.find_delivery(delivery_id, for_update=True)
        if found is None or found[2].number != webhook.number:
            raise Missing("delivery", delivery_id)
        if not webhook.is_enabled:
            raise Conflict("the webhook is disabled; enable it first")
        ledger.webhooks.replay(found[0], now)
        again = ledger.webhooks.find_delivery(delivery_id)
        return found[0] if again is None else again[0]

    return await desk.services.work.write(story)


async def _check(desk: Desk, url: str) -> None:
    try:
        await desk.post.check(url)
    except AddressRefused as error:
        raise Malformed("json", f"nothing is sent to this callbackURL: {error}") from error


def _secret(desk: Desk, given: str) -> tuple[bytes, str]:
    """The key that signs, and the secret as it is told."""
    if not given:
        key = b"".join(bytes.fromhex(desk.services.ids.hex_token()) for _ in range(SECRET_BYTES // 16))
        return key, write_secret(key)
    try:
        return parse_secret(given), ""
    except ValueError as error:
        raise Malformed("json", f"secret: {error}") from error


def _enter(ledger: Ledger, actor: Actor, space_id: str, scope: Scope) -> Space:
    """The space, for a credential of this scope and a member who may write, whatever they are about to do."""
    membership = enter(ledger, actor, space_id, scope)
    if not membership.role.may(Scope.WRITE):
        raise Forbidden("editor")
    return membership.space


def _known(ledger: Ledger, space: Space, id: str, *, for_update: bool = False) -> Webhook:
    webhook = ledger.webhooks.find(space, id, for_update=for_update)
    if webhook is None:
        raise Missing("webhook", id)
    return webhook


def _shown(ledger: Ledger, space: Space, webhook: Webhook) -> Shown:
    found = ledger.spaces.find_database(webhook.database_id, space) if webhook.database_id else None
    return Shown(webhook, None if found is None else found.node)


def _node(ledger: Ledger, space: Space, database_id: str) -> Node | None:
    if not database_id:
        return None
    found = ledger.spaces.find_database(database_id, space)
    if found is None:
        raise Missing("database", database_id)
    return found.node
