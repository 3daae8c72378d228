"""Webhooks, the outbox of what they are told, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, insert, select, update

from holdall.adapters.db.access_log import MAX_NUMBER
from holdall.adapters.db.rows import insert_row, portions
from holdall.adapters.db.spaces import SPACES, read_space
from holdall.adapters.db.tables import IS_WAITING, deliveries, outbox, spaces, webhooks
from holdall.domain.access import Space
from holdall.domain.webhooks import Delivery, DeliveryState, EventType, NewEvent, OutboxEvent, Try, Webhook
from holdall.ports import Due

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_WEBHOOK = (
    webhooks.c.id,
    webhooks.c.public_id,
    webhooks.c.space_id,
    webhooks.c.name,
    webhooks.c.description,
    webhooks.c.url,
    webhooks.c.events,
    webhooks.c.database,
    webhooks.c.secret,
    webhooks.c.has_own_secret,
    webhooks.c.created_at,
    webhooks.c.failing_since,
    webhooks.c.disabled_at,
    webhooks.c.disabled_for,
)
"""In the order of ``Webhook``'s fields."""
_EVENT = (
    outbox.c.public_id,
    outbox.c.type,
    outbox.c.space_id,
    outbox.c.database,
    outbox.c.content,
    outbox.c.created_at,
)
"""In the order of ``OutboxEvent``'s fields."""
_DELIVERY = (
    deliveries.c.id,
    deliveries.c.public_id,
    outbox.c.public_id,
    outbox.c.type,
    deliveries.c.state,
    deliveries.c.turn,
    deliveries.c.tries,
    deliveries.c.first_try,
    deliveries.c.due_at,
    deliveries.c.created_at,
)
"""In the order of ``Delivery``'s fields."""
_of_webhook = webhooks.c.id == bindparam("of_webhook")
_FIND = select(*_WEBHOOK).where(webhooks.c.public_id == bindparam("id"), webhooks.c.space_id == bindparam("space_id"))
_HOLD = _FIND.with_for_update()
_OF_SPACE = select(*_WEBHOOK).where(webhooks.c.space_id == bindparam("space_id")).order_by(webhooks.c.id)
_ADD = insert(webhooks)
_CHANGE = (
    update(webhooks)
    .where(_of_webhook)
    .values({name: bindparam(f"to_{name}") for name in ("name", "description", "url", "events", "failing_since")})
    .values({name: bindparam(f"to_{name}") for name in ("disabled_at", "disabled_for")})
)
_MARK = (
    update(spaces)
    .where(spaces.c.id == bindparam("of_space"))
    .values(has_webhooks=exists().where(and_(webhooks.c.space_id == spaces.c.id, webhooks.c.disabled_at.is_(None))))
)
_REMOVE = delete(webhooks).where(_of_webhook)
_ADD_EVENT, _ADD_DELIVERY = insert(outbox), insert(deliveries)
_DUE = (
    select(deliveries.c.public_id, deliveries.c.turn)
    .where(IS_WAITING, deliveries.c.due_at <= bindparam("now"))
    .order_by(deliveries.c.due_at)
    .limit(bindparam("limit"))
)
_HAND_OVER = (
    update(deliveries)
    .where(IS_WAITING, deliveries.c.public_id == bindparam("of_delivery"), deliveries.c.turn == bindparam("at_turn"))
    .values(turn=deliveries.c.turn + 1, due_at=bindparam("until"))
)
_ANY_WAITING = select(deliveries.c.id).where(IS_WAITING).limit(1)
_COUNT_WAITING = select(func.count()).select_from(
    select(deliveries.c.id)
    .where(IS_WAITING, deliveries.c.due_at >= bindparam("ever"))  # all of them, by the index that has no others
    .limit(bindparam("most"))
    .subquery("waiting_side")
)
_FIRST_DUE = select(func.min(deliveries.c.due_at, type_=deliveries.c.due_at.type)).where(IS_WAITING)
_FIND_DELIVERY = (
    select(*_DELIVERY, *_EVENT, *_WEBHOOK)
    .join_from(deliveries, outbox, deliveries.c.event_id == outbox.c.id)
    .join(webhooks, deliveries.c.webhook_id == webhooks.c.id)
    .where(deliveries.c.public_id == bindparam("id"))
)
_HOLD_DELIVERY = _FIND_DELIVERY.with_for_update(of=(deliveries, webhooks))
_SPACE = SPACES.where(spaces.c.id == bindparam("space_id"))
_SETTLE = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("of_delivery"))
    .values({name: bindparam(f"to_{name}") for name in ("state", "tries", "first_try", "due_at", "turn")})
)
_PAGE = (
    select(*_DELIVERY)
    .join_from(deliveries, outbox, deliveries.c.event_id == outbox.c.id)
    .where(deliveries.c.webhook_id == bindparam("of_webhook"), deliveries.c.id < bindparam("before"))
    .order_by(deliveries.c.id.desc())
    .limit(bindparam("limit"))
)
_OF_WEBHOOK = select(deliveries.c.id, deliveries.c.event_id).where(deliveries.c.webhook_id == bindparam("of_webhook"))
_OLD = (
    select(deliveries.c.id, deliveries.c.event_id)
    .where(deliveries.c.state != DeliveryState.WAITING.value, deliveries.c.created_at < bindparam("before"))
    .order_by(deliveries.c.created_at)
    .limit(bindparam("limit"))
)
_DROP = delete(deliveries).where(deliveries.c.id.in_(bindparam("numbers", expanding=True)))
_DROP_EVENTS = delete(outbox).where(
    outbox.c.id.in_(bindparam("numbers", expanding=True)), ~exists().where(deliveries.c.event_id == outbox.c.id)
)


class SqlWebhooks:
    """``ports.Webhooks`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, webhook: Webhook) -> Webhook:
        """Keep a new webhook."""
        row = {
            "public_id": webhook.id,
            "space_id": webhook.space_id,
            "database": webhook.database_id,
            "secret": webhook.sealed_secret,
            "has_own_secret": webhook.has_own_secret,
            "created_at": webhook.created_at,
        }
        number = insert_row(self._connection, _ADD, row | _changeable(webhook))
        self._connection.execute(_MARK, {"of_space": webhook.space_id})
        return replace(webhook, number=number)

    def find(self, space: Space, id: str, *, for_update: bool = False) -> Webhook | None:
        """The webhook of this id in this space."""
        found = self._connection.execute(_HOLD if for_update else _FIND, {"id": id, "space_id": space.number}).first()
        return None if found is None else _webhook(found)

    def of(self, space_id: int) -> list[Webhook]:
        """A space's webhooks, oldest first."""
        return [_webhook(row) for row in self._connection.execute(_OF_SPACE, {"space_id": space_id})]

    def change(self, webhook: Webhook) -> None:
        """Keep what can change of a webhook."""
        row = {f"to_{name}": value for name, value in _changeable(webhook).items()}
        self._connection.execute(_CHANGE, row | {"of_webhook": webhook.number})
        self._connection.execute(_MARK, {"of_space": webhook.space_id})

    def remove(self, webhook: Webhook) -> None:
        """Forget a webhook, and what it was or was to be told."""
        row = {"of_webhook": webhook.number}
        self._drop(self._connection.execute(_OF_WEBHOOK, row).all())
        self._connection.execute(_REMOVE, row)
        self._connection.execute(_MARK, {"of_space": webhook.space_id})

    def publish(self, space_id: int, events: Sequence[tuple[NewEvent, Mapping[str, Webhook]]], now: datetime) -> None:
        """Keep events, with a delivery to each of their webhooks."""
        rows: list[dict[str, Any]] = []
        for event, receivers in events:
            row = {
                "public_id": event.id,
                "space_id": space_id,
                "type": event.type.value,
                "database": event.database_id,
                "content": event.content,
                "created_at": now,
            }
            number = insert_row(self._connection, _ADD_EVENT, row)
            rows += [_new_delivery(id, webhook, number, now) for id, webhook in receivers.items()]
        if rows:
            self._connection.execute(_ADD_DELIVERY, rows)

    def due(self, now: datetime, limit: int) -> list[Due]:
        """Waiting deliveries whose time has come."""
        return [Due(id, turn) for id, turn in self._connection.execute(_DUE, {"now": now, "limit": limit})]

    def hand_over(self, handed: Sequence[Due], until: datetime) -> None:
        """These turns were given to the engine."""
        if handed:
            rows = [{"of_delivery": due.id, "at_turn": due.turn, "until": until} for due in handed]
            self._connection.execute(_HAND_OVER, rows)

    def is_any_waiting(self) -> bool:
        """Whether any delivery waits."""
        return self._connection.scalar(_ANY_WAITING) is not None

    def count_waiting(self, most: int) -> int:
        """How many deliveries wait."""
        return self._connection.execute(_COUNT_WAITING, {"ever": _EVER, "most": most}).scalar_one()

    def first_due(self) -> datetime | None:
        """When the first that waits is due."""
        return self._connection.execute(_FIRST_DUE).scalar()

    def find_delivery(
        self, id: str, *, for_update: bool = False
    ) -> tuple[Delivery, OutboxEvent, Webhook, Space] | None:
        """A delivery with all that belongs to it."""
        found = self._connection.execute(_HOLD_DELIVERY if for_update else _FIND_DELIVERY, {"id": id}).first()
        if found is None:
            return None
        row = tuple(found)
        rest = len(_DELIVERY) + len(_EVENT)
        webhook = _webhook(row[rest:])
        space = self._connection.execute(_SPACE, {"space_id": webhook.space_id}).one()
        return _delivery(row[: len(_DELIVERY)]), _event(row[len(_DELIVERY) : rest]), webhook, read_space(space)

    def settle(
        self, delivery: Delivery, state: DeliveryState, tries: Sequence[Try], due_at: datetime, *, turn: int
    ) -> None:
        """Keep what a try came to."""
        self._settle(replace(delivery, state=state, tries=tries, due_at=due_at, turn=turn))

    def replay(self, delivery: Delivery, now: datetime) -> None:
        """Have a delivery made once more."""
        again = replace(delivery, state=DeliveryState.WAITING, first_try=len(delivery.tries), due_at=now)
        self._settle(replace(again, turn=delivery.turn + 1))

    def deliveries(self, webhook: Webhook, *, before: int | None, limit: int) -> list[Delivery]:
        """Deliveries to a webhook, newest first."""
        before = MAX_NUMBER if before is None else before
        row = {"of_webhook": webhook.number, "before": before, "limit": limit}
        return [_delivery(found) for found in self._connection.execute(_PAGE, row)]

    def forget(self, before: datetime, limit: int) -> int:
        """Drop settled deliveries from before this time."""
        found = self._connection.execute(_OLD, {"before": before, "limit": limit}).all()
        self._drop(found)
        return len(found)

    def _settle(self, delivery: Delivery) -> None:
        row = {
            "of_delivery": delivery.number,
            "to_state": delivery.state.value,
            "to_tries": [_try_as_json(each) for each in delivery.tries],
            "to_first_try": delivery.first_try,
            "to_due_at": delivery.due_at,
            "to_turn": delivery.turn,
        }
        self._connection.execute(_SETTLE, row)

    def _drop(self, rows: Sequence[Any]) -> None:
        for numbers in portions([number for number, _ in rows]):
            self._connection.execute(_DROP, {"numbers": numbers})
        for numbers in portions({event for _, event in rows}):
            self._connection.execute(_DROP_EVENTS, {"numbers": numbers})


def _changeable(webhook: Webhook) -> dict[str, Any]:
    return {
        "name": webhook.name,
        "description": webhook.description,
        "url": webhook.url,
        "events": [event.value for event in webhook.events],
        "failing_since": webhook.failing_since,
        "disabled_at": webhook.disabled_at,
        "disabled_for": webhook.disabled_for,
    }


def _new_delivery(id: str, webhook: Webhook, event: int, now: datetime) -> dict[str, Any]:
    return {
        "public_id": id,
        "webhook_id": webhook.number,
        "event_id": event,
        "state": DeliveryState.WAITING.value,
        "turn": 0,
        "tries": [],
        "first_try": 0,
        "due_at": now,
        "created_at": now,
    }


def _webhook(row: Sequence[Any]) -> Webhook:
    values = list(row)
    events = values.pop(6)
    values.insert(6, tuple(EventType(event) for event in events))
    return Webhook(*values)


def _event(row: Sequence[Any]) -> OutboxEvent:
    id, type, *rest = row
    return OutboxEvent(id, EventType(type), *rest)


def _delivery(row: Sequence[Any]) -> Delivery:
    number, id, event_id, type, state, turn, tries, first_try, due_at, created_at = row
    made = [_try(each) for each in tries]
    state = DeliveryState(state)
    return Delivery(number, id, event_id, EventType(type), state, turn, made, first_try, due_at, created_at)


def _try_as_json(each: Try) -> list[Any]:
    return [each.at.timestamp(), each.milliseconds, each.status, each.error, each.response]


def _try(row: Sequence[Any]) -> Try:
    at, *rest = row
    return Try(datetime.fromtimestamp(at, UTC), *rest)
