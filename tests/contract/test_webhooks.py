"""Webhooks and their outbox keep what the port promises, on every database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from holdall.domain.webhooks import DeliveryState, EventType, Try
from holdall.ports import Due, Ledger
from tests.support.databases import Work
from tests.support.hooks import make_webhook, publish
from tests.support.rows import LATER, NOW, World, make_world

TRIED = Try(NOW, 12, 503, "", "busy")


@pytest.fixture
def world(work: Work) -> World:
    return work.write(make_world)


def due_ids(ledger: Ledger, moment: object = NOW) -> set[str]:
    return {due.id for due in ledger.webhooks.due(moment, 1000)}  # type: ignore[arg-type]


def test_a_webhook_comes_back_as_it_was_kept_and_marks_its_space(work: Work, world: World):
    kept = work.write(
        lambda ledger: make_webhook(ledger, world, events=(EventType.NODE_CREATED,), database_id="datX", url="http://x")
    )

    def look(ledger: Ledger) -> tuple[object, ...]:
        membership = ledger.spaces.find(world.space.id, world.user)
        assert membership
        return ledger.webhooks.find(world.space, kept.id), ledger.webhooks.of(world.space.number), membership.space

    found, listed, space = work.read(look)
    assert found == kept
    assert listed == [kept]
    assert (world.space.has_webhooks, space.has_webhooks) == (False, True)  # type: ignore[attr-defined]


def test_a_webhook_is_none_of_another_space(work: Work, world: World):
    kept = work.write(lambda ledger: make_webhook(ledger, world))
    other = work.write(make_world)
    assert work.read(lambda ledger: ledger.webhooks.find(other.space, kept.id)) is None
    assert work.read(lambda ledger: ledger.webhooks.of(other.space.number)) == []


def test_a_space_whose_webhooks_are_all_disabled_or_gone_is_not_marked(work: Work, world: World):
    def marked(ledger: Ledger) -> bool:
        membership = ledger.spaces.find(world.space.id, world.user)
        return membership is not None and membership.space.has_webhooks

    one, two = work.write(lambda ledger: [make_webhook(ledger, world) for _ in range(2)])
    work.write(lambda ledger: ledger.webhooks.change(replace(one, disabled_at=NOW, disabled_for="it is gone")))
    assert work.read(marked)
    assert work.read(lambda ledger: ledger.webhooks.find(world.space, one.id)).disabled_for == "it is gone"  # type: ignore[union-attr]
    work.write(lambda ledger: ledger.webhooks.remove(two))
    assert not work.read(marked)


def test_an_event_waits_for_each_of_its_webhooks(work: Work, world: World):
    one, two = work.write(lambda ledger: [make_webhook(ledger, world) for _ in range(2)])
    ids = work.write(lambda ledger: publish(ledger, world, one, two, content={"a": [1, None]}))

    assert {*ids} <= work.read(due_ids)
    assert work.read(lambda ledger: ledger.webhooks.is_any_waiting())
    assert work.read(lambda ledger: ledger.webhooks.count_waiting(1000)) >= 2
    assert work.read(lambda ledger: ledger.webhooks.count_waiting(1)) == 1
    assert work.read(lambda ledger: ledger.webhooks.first_due()) <= NOW  # type: ignore[operator]
    found = work.read(lambda ledger: ledger.webhooks.find_delivery(ids[1]))
    assert found
    delivery, event, webhook, space = found
    assert (delivery.state, delivery.turn, delivery.tries) == (DeliveryState.WAITING, 0, [])
    assert (event.content, event.id, event.created_at) == ({"a": [1, None]}, delivery.event_id, NOW)
    assert (webhook, space.id) == (two, world.space.id)


def test_an_event_of_a_story_that_fails_was_never_there(work: Work, world: World):
    webhook = work.write(lambda ledger: make_webhook(ledger, world))
    told: list[str] = []

    def story(ledger: Ledger) -> None:
        told.extend(publish(ledger, world, webhook))
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        work.write(story)
    assert work.read(lambda ledger: ledger.webhooks.find_delivery(told[0])) is None


def test_a_turn_that_was_handed_over_is_due_again_only_when_its_lease_ends(work: Work, world: World):
    [id] = work.write(lambda ledger: publish(ledger, world, make_webhook(ledger, world)))
    turn = Due(id, 0)
    for _ in range(2):  # the second time it is past: nothing happens
        work.write(lambda ledger: ledger.webhooks.hand_over([turn], LATER))
    assert id not in work.read(due_ids)
    assert [due for due in work.read(lambda ledger: ledger.webhooks.due(LATER, 1000)) if due.id == id] == [Due(id, 1)]


def test_what_a_try_came_to_is_kept_and_the_next_is_due_when_it_says(work: Work, world: World):
    webhook = work.write(lambda ledger: make_webhook(ledger, world))
    [id] = work.write(lambda ledger: publish(ledger, world, webhook))

    def settle(ledger: Ledger) -> None:
        found = ledger.webhooks.find_delivery(id, for_update=True)
        assert found
        ledger.webhooks.settle(found[0], DeliveryState.WAITING, [TRIED], LATER, turn=3)

    work.write(settle)
    [delivery] = work.read(lambda ledger: ledger.webhooks.deliveries(webhook, before=None, limit=10))
    assert (delivery.tries, delivery.turn, delivery.due_at) == ([TRIED], 3, LATER)
    assert id not in work.read(due_ids)


def test_a_replay_begins_a_new_round_under_a_new_turn(work: Work, world: World):
    webhook = work.write(lambda ledger: make_webhook(ledger, world))
    [id] = work.write(lambda ledger: publish(ledger, world, webhook))

    def story(ledger: Ledger) -> None:
        for _ in range(2):
            found = ledger.webhooks.find_delivery(id)
            assert found
            if found[0].state is DeliveryState.WAITING:
                ledger.webhooks.settle(found[0], DeliveryState.FAILED, [TRIED], NOW, turn=1)
            else:
                ledger.webhooks.replay(found[0], NOW)

    work.write(story)
    [delivery] = work.read(lambda ledger: ledger.webhooks.deliveries(webhook, before=None, limit=10))
    assert (delivery.state, delivery.turn, delivery.first_try) == (DeliveryState.WAITING, 2, 1)


def test_settled_deliveries_are_forgotten_and_events_go_with_the_last_of_them(work: Work, world: World):
    webhook = work.write(lambda ledger: make_webhook(ledger, world))
    old, waiting = work.write(lambda ledger: [publish(ledger, world, webhook)[0] for _ in range(2)])

    def settle(ledger: Ledger) -> None:
        found = ledger.webhooks.find_delivery(old)
        assert found
        ledger.webhooks.settle(found[0], DeliveryState.DELIVERED, [TRIED], NOW, turn=1)

    work.write(settle)
    assert work.write(lambda ledger: ledger.webhooks.forget(NOW, 10)) == 0
    assert work.write(lambda ledger: ledger.webhooks.forget(NOW + timedelta(seconds=1), 1000)) >= 1
    left = work.read(lambda ledger: ledger.webhooks.deliveries(webhook, before=None, limit=10))
    assert [delivery.id for delivery in left] == [waiting]


def test_a_removed_webhook_takes_its_deliveries_along_and_no_others(work: Work, world: World):
    one, two = work.write(lambda ledger: [make_webhook(ledger, world) for _ in range(2)])
    mine, theirs = work.write(lambda ledger: publish(ledger, world, one, two))
    for _ in range(2):
        work.write(lambda ledger: ledger.webhooks.remove(one))
    assert work.read(lambda ledger: ledger.webhooks.find_delivery(mine)) is None
    assert work.read(lambda ledger: ledger.webhooks.find_delivery(theirs)) is not None
