"""Quotas at both doors: told before the body, never overstepped, given back, and one user's are not another's."""

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import httpx
import pytest

from holdall.flows.accounts import known_user
from holdall.ports import Ledger
from tests.acceptance.doors import Answer, Door, chunked, doors, exchange, request
from tests.support.images import jpeg
from tests.support.server import (
    FORM_TYPE,
    Part,
    RunningServer,
    encode_form,
    object_count,
    operate,
    run_command,
    running_server,
)

KIB = 1 << 10


@dataclass
class Customer:
    """One door with a quota behind it."""

    dialect: str
    server: RunningServer

    @property
    def name(self) -> str:
        return "bika" if self.dialect == "bika" else "pika-attachment"

    @cached_property
    def door(self) -> Door:
        """That of somebody who has nothing yet: the demo put a sample into the first tenant's space."""
        door, demo = doors(self.server)[self.name], self.server.demo
        if self.dialect == "pika":
            return door
        path = door.path.replace(demo["bika"]["space_id"], demo["bika_other"]["space_id"])
        return replace(door, path=path, credential=f"Authorization: Bearer {demo['bika_other']['token']}")

    @property
    def login(self) -> str:
        return "grace" if self.dialect == "bika" else "mira"

    def body(self, size: int, content: bytes | None = None) -> bytes:
        text = content or os.urandom(size // 2).hex().encode()
        return encode_form(*self.door.fields, Part("file", text, "a.txt"))

    def send(self, size: int = 10 * KIB, content: bytes | None = None, *lines: str) -> Answer:
        return exchange(self.server, self.door.post(self.body(size, content), *lines))

    def is_full(self, answer: Answer) -> bool:
        """The documented refusal."""
        body = answer.json()
        if self.dialect == "bika":
            return answer.status == 507 and body["code"] == 507 and body["success"] is False
        return answer.status == 403 and body["code"] == "upload_not_allowed" and "No room" in body["data"]["detail"]

    def rush(self, count: int, size: int = 10 * KIB) -> list[int]:
        """So many uploads at once, each of its own bytes; their statuses."""
        door = self.door
        name, _, value = door.credential.partition(": ")
        headers = {name: value, "Content-Type": FORM_TYPE}

        async def post() -> list[int]:
            limits = httpx.Limits(max_connections=count)
            async with httpx.AsyncClient(base_url=self.server.base_url, timeout=60, limits=limits) as http:
                bodies = [self.body(size) for _ in range(count)]
                answers = await asyncio.gather(*(http.post(door.path, content=b, headers=headers) for b in bodies))
                return sorted(answer.status_code for answer in answers)

        return asyncio.run(post())


Start = Callable[..., Customer]


@pytest.fixture(params=["bika", "pika"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts a server with these quotas; what the demo brought along is not there yet."""
    running = []

    def make(**env: str) -> Customer:
        context = running_server(tmp_path / f"data-{len(running)}", **env)
        running.append(context)
        return Customer(request.param, context.__enter__())

    yield make
    for context in running:
        context.__exit__(None, None, None)


def usage(customer: Customer) -> dict[str, int]:
    """What the space behind the door keeps, counted anew."""

    def look(ledger: Ledger) -> dict[str, int]:
        user = known_user(ledger, customer.login)
        spaces = [
            seat.space for seat in ledger.spaces.of(user) if seat.space.is_personal is (customer.dialect == "pika")
        ]
        blobs = [blob for blob in ledger.files.ready(after=0, limit=1000) if blob.space_id == spaces[0].number]
        return {"files": len(blobs), "bytes": sum(blob.size for blob in blobs)}

    return operate(customer.server, lambda services: services.work.read(look))


@pytest.mark.parametrize(
    ("env", "size"),
    [
        ({"HOLDALL_SPACE_QUOTA_FILES": "10"}, 10 * KIB),
        ({"HOLDALL_USER_QUOTA_FILES": "10"}, 10 * KIB),
        ({"HOLDALL_SPACE_QUOTA_BYTES": str(1000 * KIB)}, 100 * KIB),
        ({"HOLDALL_USER_QUOTA_BYTES": str(1000 * KIB)}, 100 * KIB),
    ],
    ids=["files of a space", "files of a user", "bytes of a space", "bytes of a user"],
)
def test_of_fifty_uploads_at_once_exactly_those_pass_that_there_is_room_for(
    start: Start, env: dict[str, str], size: int
):
    """Room for ten, to the byte; the other forty are told so, and leave nothing."""
    customer = start(**env)
    taken = usage(customer)
    if taken["files"]:  # the demo's own sample
        customer = start(
            **{name: str(int(value) + taken["files" if "FILES" in name else "bytes"]) for name, value in env.items()}
        )
    refused = 507 if customer.dialect == "bika" else 403
    assert customer.rush(50, size) == sorted([200] * 10 + [refused] * 40)
    assert usage(customer)["files"] == 10
    assert customer.server.staged() == []
    assert customer.is_full(customer.send(size))


def test_a_full_space_refuses_before_the_body_is_sent(start: Start):
    """Whether the length is announced or not: nothing of the body has to come for the answer."""
    customer = start(HOLDALL_SPACE_QUOTA_FILES="1", HOLDALL_USER_QUOTA_FILES="1")
    door = customer.door
    customer.send()
    head = request("POST", door.path, door.credential, f"Content-Type: {FORM_TYPE}", "Content-Length: 100000")
    endless = request("POST", door.path, door.credential, f"Content-Type: {FORM_TYPE}", "Transfer-Encoding: chunked")
    assert customer.is_full(exchange(customer.server, head))
    assert customer.is_full(exchange(customer.server, endless))


def test_what_is_announced_to_be_too_much_is_refused_unread(start: Start):
    """And what is not announced as soon as it is too much."""
    customer = start(HOLDALL_USER_QUOTA_BYTES=str(100 * KIB))
    door = customer.door
    head = request("POST", door.path, door.credential, f"Content-Type: {FORM_TYPE}", f"Content-Length: {4 << 20}")
    assert customer.is_full(exchange(customer.server, head))
    endless = request("POST", door.path, door.credential, f"Content-Type: {FORM_TYPE}", "Transfer-Encoding: chunked")
    assert customer.is_full(exchange(customer.server, endless, *chunked(customer.body(4 << 20), end=b"")))
    assert customer.send().status == 200


def test_what_is_stored_once_counts_once(start: Start):
    """The same bytes again fit where nothing else does, as long as their length alone does not rule it out."""
    customer = start(HOLDALL_USER_QUOTA_BYTES=str(25 * KIB))
    content = b"the same words " * 1000
    assert [customer.send(0, content).status for _ in range(3)] == [200, 200, 200]
    assert customer.is_full(customer.send(20 * KIB))


def test_what_the_space_has_already_counts_for_whoever_brings_it_too(tmp_path: Path):
    """A second member's copy costs the space nothing, and them a file."""
    with running_server(tmp_path / "data", HOLDALL_USER_QUOTA_FILES="2") as server:
        first = Customer("bika", server)
        run_command(server.env, "user", "add", "otto")
        run_command(server.env, "space", "member", "add", server.demo["bika_other"]["space_id"], "otto")
        _, secret = run_command(server.env, "token", "create", "--user", "otto").split()
        second = Customer("bika", server)
        second.door = replace(first.door, credential=f"Authorization: Bearer {secret}")
        content = b"for all of us " * 100
        assert second.send().status == 200  # their sum is known from here on
        assert [each.send(0, content).status for each in (first, second)] == [200, 200]
        assert usage(first)["files"] == 2
        assert second.is_full(second.send())
        assert first.send().status == 200


def test_a_repeat_is_answered_in_a_full_space(start: Start):
    """Its answer may have been lost; nothing of it would be kept again."""
    customer = start(HOLDALL_USER_QUOTA_FILES="1")
    content = b"once " * 1000
    first = customer.send(0, content, "Idempotency-Key: k1")
    assert customer.send(0, content, "Idempotency-Key: k1").json() == first.json()
    assert customer.is_full(customer.send(0, content * 2, "Idempotency-Key: k2"))


def test_a_failed_upload_holds_no_room(start: Start):
    """One that breaks off, one that is refused: the next finds all the room there was."""
    customer = start(HOLDALL_USER_QUOTA_FILES="1")
    door = customer.door
    whole = door.post(customer.body(100 * KIB))
    for _ in range(3):
        with closing(socket.create_connection(("127.0.0.1", customer.server.port))) as connection:
            connection.sendall(whole[: len(whole) // 2])
    deadline = time.monotonic() + 5
    while customer.is_full(refused := customer.send(0, b"\x00\x01 no text")) and time.monotonic() < deadline:
        time.sleep(0.02)  # it takes a moment until the server sees that the others went away
    assert refused.status in (400, 415, 422)
    assert customer.send().status == 200


def test_a_neighbour_is_not_concerned(start: Start):
    """One user's quota is full, another's is not."""
    customer = start(HOLDALL_USER_QUOTA_BYTES=str(15 * KIB))
    assert customer.send().status == 200
    assert customer.is_full(customer.send())
    demo = customer.server.demo
    with httpx.Client(base_url=customer.server.base_url) as http:
        if customer.dialect == "bika":
            path = f"/api/openapi/bika/v1/spaces/{demo['bika']['space_id']}/attachments"
            bearer = {"Authorization": f"Bearer {demo['bika']['token']}"}
            answer = http.post(path, headers=bearer, files={"file": ("a.txt", b"mine")})
        else:
            cookie = {"Cookie": f"pika_token={demo['pika'][1]['cookie']}"}
            form = {"data": {"entityType": "person"}, "files": {"file": ("a.jpg", jpeg())}}
            answer = http.post("/wp-json/pika/v1/upload/avatar", headers=cookie, **form)
        assert answer.status_code == 200


def test_what_is_deleted_gives_its_room_back(start: Start):
    """Also over a process that counts for itself; a crash's leftovers with the sweep that takes them."""
    customer = start(HOLDALL_USER_QUOTA_FILES="1")
    assert customer.send().status == 200
    assert customer.is_full(customer.send())

    def condemn(ledger: Ledger) -> None:
        for blob in ledger.files.ready(after=0, limit=1000):
            ledger.files.condemn(blob)

    operate(customer.server, lambda services: services.work.write(condemn))
    assert customer.send().status == 200


def test_what_is_refused_at_the_last_moment_leaves_no_bytes(start: Start):
    """The store holds what is kept, and no sweep is needed for that."""
    customer = start(HOLDALL_USER_QUOTA_BYTES=str(100 * KIB))
    statuses = customer.rush(30)
    assert {200} < set(statuses)
    kept = operate(customer.server, lambda services: services.work.read(lambda all: all.files.ready(after=0, limit=99)))
    assert object_count(customer.server) == sum(1 + len(blob.variants) for blob in kept)


def test_a_space_may_have_a_quota_of_its_own(tmp_path: Path):
    """Set and taken back while the server runs."""
    with running_server(tmp_path / "data") as server:
        customer, space = Customer("bika", server), server.demo["bika_other"]["space_id"]
        shown = json.loads(run_command(server.env, "space", "quota", space))
        assert shown["max_bytes"] == shown["max_files"] == 0
        assert customer.send().status == 200
        kept = json.loads(run_command(server.env, "space", "quota", space, "--max-files", str(shown["files"] + 1)))
        assert kept["files"] == kept["max_files"] == shown["files"] + 1
        assert customer.is_full(customer.send())
        run_command(server.env, "space", "quota", space, "--clear")
        assert customer.send().status == 200
