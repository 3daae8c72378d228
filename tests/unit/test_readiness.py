"""Every part's light: looked at side by side, for a bounded time, at most once a second, and told without secrets."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from holdall.domain.readiness import WORDS, Light, Part, State, is_ready
from holdall.errors import DatabaseUnavailable
from holdall.flows.readiness import Readiness
from holdall.ports import Check
from holdall.web.watching import lights_response

SECRET = "postgresql://holdall:hunter2@db.internal/holdall"  # noqa: S105  of a test
LONG, SHORT = 30.0, 0.05

Look = Callable[[], Coroutine[Any, Any, None]]


@dataclass
class Asked:
    """A part that is well, or not, and how often it was asked."""

    error: Exception | None = None
    times: int = 0

    async def look(self) -> None:
        self.times += 1
        if self.error is not None:
            raise self.error


def states(lights: Sequence[Light]) -> dict[str, str]:
    return {light.part.value: light.state.value for light in lights}


def test_every_part_that_is_well_is_green_and_the_server_ready():
    async def story() -> Sequence[Light]:
        return await Readiness([Check(Part.DATABASE, Asked().look), Check(Part.STORE, Asked().look)]).look()

    lights = asyncio.run(story())

    assert states(lights) == {"server": "ok", "database": "ok", "store": "ok"}
    answer = lights_response(lights)
    assert (answer.status_code, json.loads(answer.body)["status"]) == (200, "ready")


def test_a_part_that_fails_is_told_with_a_remedy_and_without_its_cause():
    """Strangers learn the same words on every installation; the address of operators tells the cause."""
    failing = Check(Part.DATABASE, Asked(DatabaseUnavailable(SECRET)).look)

    async def story() -> Sequence[Light]:
        return await Readiness([failing, Check(Part.STORE, Asked().look)]).look()

    lights = asyncio.run(story())
    public, private = lights_response(lights), lights_response(lights, with_details=True)

    assert public.status_code == 503
    told = json.loads(public.body)["parts"]
    assert told["store"] == {"state": "ok"}
    assert (told["database"]["state"], told["database"]["remedy"]) == ("failed", WORDS[Part.DATABASE].remedy)
    assert b"hunter2" not in public.body
    assert b"hunter2" in private.body


def test_parts_are_looked_at_side_by_side():
    """Each of these two is well only once the other has been asked."""
    one, two = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        one.set()
        await two.wait()

    async def second() -> None:
        two.set()
        await one.wait()

    async def story() -> Sequence[Light]:
        return await Readiness([Check(Part.DATABASE, first), Check(Part.STORE, second)], LONG).look()

    assert states(asyncio.run(asyncio.wait_for(story(), LONG)))["database"] == "ok"


def test_a_silent_part_is_given_up_soon_and_asked_once():
    """However many probes come while it is silent; the others are told all the same."""
    asked = 0

    async def never() -> None:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()

    async def story() -> list[Sequence[Light]]:
        checks = [Check(Part.STORE, never), Check(Part.DATABASE, Asked().look)]
        readiness = Readiness(checks, SHORT, kept_seconds=0)
        try:
            return [await asyncio.wait_for(readiness.look(), LONG) for _ in range(3)]
        finally:
            await readiness.close()

    seen = asyncio.run(story())

    assert [states(lights) for lights in seen] == [{"server": "ok", "store": "silent", "database": "ok"}] * 3
    assert asked == 1


def test_an_answer_that_came_too_late_is_not_taken_for_news():
    asked = Asked()
    released = asyncio.Event()

    async def slow_at_first() -> None:
        await asked.look()
        if asked.times == 1:
            await released.wait()
            raise DatabaseUnavailable("then")

    async def story() -> tuple[Sequence[Light], Sequence[Light]]:
        readiness = Readiness([Check(Part.DATABASE, slow_at_first)], SHORT, kept_seconds=0)
        before = await readiness.look()
        released.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return before, await readiness.look()

    before, after = asyncio.run(story())

    assert (states(before)["database"], states(after)["database"]) == ("silent", "ok")


def test_probes_share_what_was_seen_within_a_second():
    """A hundred at once, and as many afterwards, cost one look."""
    asked = Asked()

    async def story() -> None:
        readiness = Readiness([Check(Part.DATABASE, asked.look)], kept_seconds=LONG)
        await asyncio.gather(*(readiness.look() for _ in range(100)))
        for _ in range(100):
            await readiness.look()

    asyncio.run(story())

    assert asked.times == 1


def test_a_server_that_stops_is_not_ready_however_fresh_the_last_look():
    async def story() -> Sequence[Light]:
        readiness = Readiness([Check(Part.DATABASE, Asked().look)], kept_seconds=LONG)
        assert is_ready(await readiness.look())
        readiness.stop()
        return await readiness.look()

    lights = asyncio.run(story())

    assert states(lights) == {"server": "stopping", "database": "ok"}
    assert lights_response(lights).status_code == 503


def test_what_is_not_needed_is_told_and_keeps_nobody_away():
    async def story() -> Sequence[Light]:
        return await Readiness([Check(Part.CLAMAV, Asked(OSError("gone")).look, is_needed=False)]).look()

    answer = lights_response(asyncio.run(story()))

    assert answer.status_code == 200
    assert json.loads(answer.body)["parts"]["clamav"]["isNeeded"] is False


def test_the_log_tells_the_cause_once_and_when_it_is_over():
    asked = Asked(DatabaseUnavailable(SECRET))

    async def story() -> None:
        readiness = Readiness([Check(Part.DATABASE, asked.look)], kept_seconds=0)
        for _ in range(3):
            await readiness.look()
        asked.error = None
        for _ in range(3):
            await readiness.look()

    with capture_logs() as lines:
        asyncio.run(story())

    assert [line["event"] for line in lines] == ["a part is missing", "a part is back"]
    assert SECRET in lines[0]["error"]


@pytest.mark.parametrize("part", Part)
def test_every_part_has_words_for_its_light(part: Part):
    words = Light(part, State.FAILED).words

    assert words.why
    assert words.remedy
