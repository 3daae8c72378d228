"""Two servers and two workers, each with a data folder of its own, on one PostgreSQL, one bucket and one Redis.

Nothing of what a client sees depends on which server it asks: files, limits, quotas, keys of repeated requests.
"""

import asyncio
import hashlib
import os
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.doors import doors
from tests.crash.clients import local_part
from tests.integration.test_engines import make_bucket
from tests.support.hooks import Receiver, listening
from tests.support.images import jpeg
from tests.support.postgres import Postgres
from tests.support.redis import RedisServer
from tests.support.seaweed import Seaweed
from tests.support.server import FORM_TYPE, Part, RunningServer, encode_form, start_server
from tests.support.workers import Worker

LOGIN = "/wp-json/pika/v1/auth/login"
PREFIX = "/api/openapi/bika"
ROOM = 10
"""Files that a space may have, and sign-ins in a minute."""


@dataclass
class Cluster:
    """The processes; a server that is started again has another port."""

    folder: Path
    env: Mapping[str, str]
    nodes: list[RunningServer] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)

    def start(self) -> None:
        """Two of each."""
        self.nodes += [start_server(self.folder / name, **self.env) for name in ("app-1", "app-2")]
        for name in ("worker-1", "worker-2"):
            env = {**self.nodes[0].env, "HOLDALL_DATA_DIR": str(self.folder / name)}
            self.workers.append(Worker(env, self.folder / f"{name}.log"))
        for worker in self.workers:
            worker.wait()

    def end(self) -> None:
        """All of them."""
        for process in (*self.nodes, *self.workers):
            process.kill()

    @cached_property
    def demo(self) -> dict[str, Any]:
        """What the demo has, whichever node is asked."""
        return self.nodes[0].demo


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, seaweed: Seaweed, shared_redis: RedisServer
) -> Iterator[Cluster]:
    shared_redis.tell("FLUSHALL")
    env = {
        "HOLDALL_DATABASE_URL": postgres.make_database(),
        "HOLDALL_S3_BUCKET": f"{seaweed.bucket}-nodes",
        "HOLDALL_S3_ENDPOINT": seaweed.endpoint,
        "HOLDALL_S3_REGION": seaweed.region,
        "HOLDALL_S3_ACCESS_KEY": seaweed.access_key,
        "HOLDALL_S3_SECRET_KEY": seaweed.secret_key,
        "HOLDALL_REDIS_URL": shared_redis.url,
        "HOLDALL_SECRET_KEY": "4c" * 32,
        "HOLDALL_JOBS": "worker",
        "HOLDALL_WEBHOOK_ALLOW": "127.0.0.1/32",
        "HOLDALL_RATE_LIMIT": "on",
        "HOLDALL_CALLS_PER_MINUTE": "100000",
        "HOLDALL_UPLOADS_PER_MINUTE": "100000",
        "HOLDALL_SIGN_INS_PER_MINUTE": str(ROOM),
    }
    make_bucket(seaweed, env["HOLDALL_S3_BUCKET"])
    running = Cluster(tmp_path_factory.mktemp("nodes"), env)
    try:
        running.start()
        yield running
    finally:
        running.end()


def rush(cluster: Cluster, call: Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """Fifty calls at once, every other one to the other node."""

    async def story() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=50)
        clients = [httpx.AsyncClient(base_url=node.base_url, timeout=60, limits=limits) for node in cluster.nodes]
        answers = await asyncio.gather(*(call(clients[number % len(clients)], number) for number in range(50)))
        for client in clients:
            await client.aclose()
        return answers

    return asyncio.run(story())


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def upload(base_url: str, demo: Mapping[str, str], data: bytes, name: str = "a.txt", **headers: str) -> httpx.Response:
    """By bika's door, into the space of this tenant."""
    address = f"{base_url}{PREFIX}/v1/spaces/{demo['space_id']}/attachments"
    told = {"Authorization": f"Bearer {demo['token']}", **headers}
    return httpx.post(address, files={"file": (name, data)}, headers=told, timeout=60)


def test_what_one_node_took_the_other_shows_at_once(cluster: Cluster):
    """The record, the file and its thumbnail, by the links that the first one signed."""
    first, second = (node.base_url for node in cluster.nodes)
    mine, data = cluster.demo["bika"], jpeg(640, 480)
    records = f"{PREFIX}/v1/spaces/{mine['space_id']}/resources/databases/{mine['database_id']}/records"
    headers = {"Authorization": f"Bearer {mine['token']}"}

    for here, there in ((first, second), (second, first)):
        item = upload(here, mine, data, "photo.jpg").json()["data"][0]
        change = {"id": mine["record_id"], "cells": {mine["attachment_field"]: [{"id": item["id"]}]}}
        assert httpx.patch(here + records, json=change, headers=headers).status_code == 200
        shown = httpx.get(f"{there}{records}/{mine['record_id']}", headers=headers).json()["data"]
        [[cell]] = [each["data"] for each in shown["cells"].values() if each.get("name") == mine["attachment_field"]]
        assert cell["id"] == item["id"]
        kept = httpx.get(there + local_part(item["url"])).content
        assert hashlib.sha256(kept).hexdigest() == item["sha256"]
        assert httpx.get(there + local_part(item["thumbnailUrl"])).status_code == 200


def test_of_fifty_sign_ins_at_once_over_two_nodes_ten_are_looked_at(cluster: Cluster):
    """At one account; neither node knows of more than half of them."""

    def sign_in(client: httpx.AsyncClient, number: int) -> Awaitable[httpx.Response]:
        return client.post(LOGIN, json={"user_login": "mira", "password": f"guess {number}"})

    assert statuses(rush(cluster, sign_in)) == {401: ROOM, 429: 50 - ROOM}


def test_fifty_requests_with_one_key_over_two_nodes_make_one_file(cluster: Cluster):
    """Each is answered with that one, or told to come again."""
    door, data, key = doors(cluster.nodes[0])["bika"], os.urandom(400).hex().encode(), os.urandom(8).hex()
    body = encode_form(*door.fields, Part("file", data, "a.txt"))
    headers = {
        "Authorization": f"Bearer {cluster.demo['bika']['token']}",
        "Content-Type": FORM_TYPE,
        "Idempotency-Key": key,
    }

    answers = rush(cluster, lambda client, _: client.post(door.path, content=body, headers=headers))

    assert {*statuses(answers)} <= {200, 409}
    assert len({answer.json()["data"][0]["id"] for answer in answers if answer.status_code == 200}) == 1


def test_what_happens_on_either_node_is_told_by_the_workers_once(cluster: Cluster):
    mine = cluster.demo["bika"]
    headers = {"Authorization": f"Bearer {mine['token']}"}
    space = f"{PREFIX}/v2/spaces/{mine['space_id']}"
    with listening() as receiver:
        hooks = f"{cluster.nodes[0].base_url}{PREFIX}/v1/spaces/{mine['space_id']}/outgoing-webhooks"
        hook = {"name": "x", "url": receiver.url, "events": ["ON_RECORD_CREATED"]}
        assert httpx.post(hooks, json=hook, headers=headers).status_code == 200
        path, one = f"{space}/resources/databases/{mine['database_id']}/records", {"fields": {"Name": "x"}}
        answers = rush(cluster, lambda client, _: client.post(path, json={"records": [one]}, headers=headers))
        written = {answer.json()["data"]["records"][0]["id"] for answer in answers}
        told = _told(receiver, len(written))

    assert len(written) == 50
    assert {*told} == written
    assert set(told.values()) == {1}


def _told(receiver: Receiver, count: int) -> Counter[str]:
    """How often each record was told of."""
    return Counter(message.told["record"]["id"] for message in receiver.wait(count))


class Uploader(threading.Thread):
    """Uploads one file after the other, each under a key of its own; what fails is tried again on the other node."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster
        self.is_over = threading.Event()
        self.kept: dict[str, str] = {}
        """Digests by id, of what was acknowledged."""
        self.failures = 0

    def run(self) -> None:
        while not self.is_over.is_set():
            data, key, tries = os.urandom(10_000).hex().encode(), os.urandom(8).hex(), 0
            while not self._is_kept(data, key, tries):
                tries += 1
                self.failures += 1

    def _is_kept(self, data: bytes, key: str, tries: int) -> bool:
        node = self._cluster.nodes[tries % len(self._cluster.nodes)]
        try:
            answer = upload(node.base_url, self._cluster.demo["bika"], data, **{"Idempotency-Key": key})
        except httpx.TransportError:
            return False
        if answer.status_code != 200:
            assert answer.status_code in (409, 503), answer.text
            return False
        [item] = answer.json()["data"]
        assert item["id"] not in self.kept
        self.kept[item["id"]] = item["sha256"]
        assert item["sha256"] == hashlib.sha256(data).hexdigest()
        return True


def test_a_rolling_restart_loses_no_request_that_a_client_repeats(cluster: Cluster):
    """Each node in turn is stopped as a supervisor does, and started again, under load."""
    uploaders = [Uploader(cluster) for _ in range(4)]
    with ExitStack() as ending:
        for uploader in uploaders:
            uploader.start()
            ending.callback(uploader.join)
            ending.callback(uploader.is_over.set)
        for number, node in enumerate(cluster.nodes):
            assert node.stop() == 0
            cluster.nodes[number] = start_server(node.data, **cluster.env)
    kept = {id: digest for uploader in uploaders for id, digest in uploader.kept.items()}
    headers = {"Authorization": f"Bearer {cluster.demo['bika']['token']}"}
    files = f"{PREFIX}/v1/spaces/{cluster.demo['bika']['space_id']}/attachments"
    for id, digest in kept.items():
        link = httpx.get(f"{cluster.nodes[0].base_url}{files}/{id}", headers=headers).json()["data"]["url"]
        assert hashlib.sha256(httpx.get(cluster.nodes[1].base_url + local_part(link)).content).hexdigest() == digest
    print(f"\n{len(kept)} uploads, {sum(each.failures for each in uploaders)} tried again")  # noqa: T201  the figures
    assert all(uploader.kept for uploader in uploaders)


def test_of_fifty_uploads_at_once_over_two_nodes_ten_find_room(cluster: Cluster):
    """The quota holds in the database, without Redis having a part in it; set last, for it is the whole cluster's."""
    cluster.env = {**cluster.env, "HOLDALL_SPACE_QUOTA_FILES": str(ROOM)}
    for number, node in enumerate(cluster.nodes):
        node.stop()
        cluster.nodes[number] = start_server(node.data, **cluster.env)
    other, door = cluster.demo["bika_other"], doors(cluster.nodes[0])["bika"]
    path = door.path.replace(cluster.demo["bika"]["space_id"], other["space_id"])
    headers = {"Authorization": f"Bearer {other['token']}", "Content-Type": FORM_TYPE}

    def send(client: httpx.AsyncClient, number: int) -> Awaitable[httpx.Response]:
        body = encode_form(*door.fields, Part("file", f"the text of {number}".encode(), "a.txt"))
        return client.post(path, content=body, headers=headers)

    assert statuses(rush(cluster, send)) == {200: ROOM, 507: 50 - ROOM}
