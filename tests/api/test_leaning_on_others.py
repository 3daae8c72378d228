"""What a server says of the services that it leans on while they are away: to probers, and in its metrics."""

import asyncio
import math
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdall.adapters import parts
from holdall.domain.readiness import Part
from holdall.errors import LimitsUnavailable
from holdall.flows.scrub import lose
from holdall.ports import Services
from tests.support.inprocess import House, opened_house
from tests.support.server import free_port


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Neither its Redis nor its clamd is there."""
    nowhere = free_port()
    with opened_house(
        tmp_path_factory.mktemp("leaning") / "data",
        HOLDALL_RATE_LIMIT="on",
        HOLDALL_REDIS_URL=f"redis://127.0.0.1:{nowhere}/0",
        HOLDALL_CLAMAV=f"127.0.0.1:{nowhere}",
        HOLDALL_UNSCANNED="allow",
        HOLDALL_METRICS="on",
    ) as opened:
        yield opened


def figures(house: House) -> dict[str, float]:
    """Every sample without labels."""
    traffic = house.app.edge.traffic
    assert traffic is not None

    async def expose(_: Services) -> bytes:
        return await traffic.expose([])

    families = text_string_to_metric_families(house.tell(expose).decode())
    return {each.name: each.value for one in families for each in one.samples if not each.labels}


def upload(house: House, data: bytes) -> dict[str, str]:
    mine = house.demo["bika"]
    answer = house.request(
        "POST",
        f"/api/openapi/bika/v1/spaces/{mine['space_id']}/attachments",
        headers={"Authorization": f"Bearer {mine['token']}"},
        files={"file": ("a.txt", data)},
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"][0])


def test_redis_away_is_told_and_requests_still_come(house: House):
    upload(house, b"so that a process that inspects has started")
    answer = house.request("GET", "/readyz")
    told = answer.json()["parts"][Part.REDIS.value]

    assert (answer.status_code, told["state"], told["isNeeded"]) == (200, "failed", False)
    assert "HOLDALL_REDIS_URL" in told["remedy"]


def test_what_is_counted_without_redis_is_told(house: House):
    upload(house, b"counted by this process")
    found = figures(house)

    assert found["holdall_redis_away"] == 1
    assert found["holdall_limits_without_redis_total"] >= 1


def test_clamd_away_is_told(house: House):
    before = figures(house)["holdall_clamd_unanswered_total"]
    upload(house, b"scanned by one of two")
    found = figures(house)

    assert (found["holdall_clamd_answering"], found["holdall_clamd_unanswered_total"]) == (0, before + 1)
    assert math.isnan(found["holdall_clamd_signatures_age_seconds"])


def test_lost_files_are_told(house: House):
    assert figures(house)["holdall_lost_files"] == 0
    sent = upload(house, b"to be lost")

    async def lose_it(services: Services) -> None:
        found = await services.work.read(lambda ledger: ledger.files.find_by_path(sent["path"]))
        assert found is not None
        await lose(services, found.blob, "as a test has it")

    house.tell(lose_it)
    assert figures(house)["holdall_lost_files"] == 1


def test_a_redis_that_fails_is_a_red_light():
    class Limiter:
        async def check(self) -> str:
            raise LimitsUnavailable("it only reads")

    with pytest.raises(LimitsUnavailable, match="only reads"):
        asyncio.run(parts.look_at_redis(Limiter()))  # type: ignore[arg-type]
