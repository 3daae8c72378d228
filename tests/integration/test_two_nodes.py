"""Two app processes on one PostgreSQL and one Redis: limits and quotas are exact over both."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.acceptance.doors import doors
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.support.server import FORM_TYPE, Part, RunningServer, encode_form, running_server

LOGIN = "/wp-json/pika/v1/auth/login"


@pytest.fixture(scope="module")
def nodes(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, shared_redis: RedisServer
) -> Iterator[list[RunningServer]]:
    shared_redis.tell("FLUSHALL")
    data: Path = tmp_path_factory.mktemp("nodes") / "data"
    env = {
        "HOLDALL_DATABASE_URL": postgres.make_database(),
        "HOLDALL_REDIS_URL": shared_redis.url,
        "HOLDALL_RATE_LIMIT": "on",
        "HOLDALL_SIGN_INS_PER_MINUTE": "10",
        "HOLDALL_SPACE_QUOTA_FILES": "10",
    }
    with running_server(data, **env) as first, running_server(data, **env) as second:
        yield [first, second]


def rush(nodes: list[RunningServer], call: Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]) -> list[int]:
    """Fifty calls at once, every other one to the other node; their statuses."""

    async def story() -> list[int]:
        limits = httpx.Limits(max_connections=50)
        clients = [httpx.AsyncClient(base_url=node.base_url, timeout=60, limits=limits) for node in nodes]
        answers = await asyncio.gather(*(call(clients[number % len(nodes)], number) for number in range(50)))
        for client in clients:
            await client.aclose()
        return [answer.status_code for answer in answers]

    return asyncio.run(story())


def test_of_fifty_sign_ins_at_once_over_two_nodes_ten_are_looked_at(nodes: list[RunningServer]):
    """At one account; neither node knows of more than half of them."""

    def sign_in(client: httpx.AsyncClient, number: int) -> Awaitable[httpx.Response]:
        return client.post(LOGIN, json={"user_login": "mira", "password": f"guess {number}"})

    assert Counter(rush(nodes, sign_in)) == {401: 10, 429: 40}


def test_of_fifty_uploads_at_once_over_two_nodes_ten_find_room(nodes: list[RunningServer]):
    """The quota holds in the database, without Redis having a part in it."""
    demo, door = nodes[0].demo, doors(nodes[0])["bika"]
    path = door.path.replace(demo["bika"]["space_id"], demo["bika_other"]["space_id"])
    headers = {"Authorization": f"Bearer {demo['bika_other']['token']}", "Content-Type": FORM_TYPE}

    def upload(client: httpx.AsyncClient, number: int) -> Awaitable[httpx.Response]:
        body = encode_form(*door.fields, Part("file", f"the text of {number}".encode(), "a.txt"))
        return client.post(path, content=body, headers=headers)

    assert Counter(rush(nodes, upload)) == {200: 10, 507: 40}
