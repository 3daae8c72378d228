"""Webhooks over the API, with somebody who listens: what is told, how it is signed, and what becomes of it."""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdall.dialects.bika.routes import PREFIX
from holdall.domain.files import Blob
from holdall.domain.webhooks import MAX_WEBHOOKS
from holdall.flows.accounts import known_user
from holdall.flows.quarantine import seize
from holdall.ports import Ledger, Services, Verdict
from tests.support.hooks import Message, Receiver, listening
from tests.support.images import png
from tests.support.server import RunningServer, operate, running_server

OWN_SECRET = "our-own-secret"  # noqa: S105  made up
EVERYTHING = [
    "ON_RECORD_CREATED",
    "ON_RECORD_UPDATED",
    "ON_RECORD_DELETED",
    "ON_ATTACHMENT_ATTACHED",
    "ON_ATTACHMENT_REMOVED",
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("hooks") / "data", HOLDALL_WEBHOOK_ALLOW="127.0.0.0/8") as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def bika(house: RunningServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {house.demo['bika']['token']}"}
    with httpx.Client(base_url=house.base_url + PREFIX, headers=headers, timeout=30) as client:
        yield client
        for webhook in client.get(hooks_of(house)).json()["data"]:
            assert client.delete(f"{hooks_of(house)}/{webhook['id']}").json()["data"] is True


def hooks_of(house: RunningServer) -> str:
    return f"/v1/spaces/{house.demo['bika']['space_id']}/outgoing-webhooks"


def records_of(house: RunningServer) -> str:
    mine = house.demo["bika"]
    return f"/v2/spaces/{mine['space_id']}/resources/databases/{mine['database_id']}/records"


def register(bika: httpx.Client, house: RunningServer, **body: Any) -> dict[str, Any]:
    answer = bika.post(hooks_of(house), json=body)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def deliveries(bika: httpx.Client, house: RunningServer, id: str, count: int = 1) -> list[dict[str, Any]]:
    """A webhook's deliveries, once so many tries were made."""
    for _ in range(200):
        found: list[dict[str, Any]] = bika.get(f"{hooks_of(house)}/{id}/deliveries").json()["data"]["deliveries"]
        if sum(len(each["tries"]) for each in found) >= count:
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def is_signed(message: Message, key: bytes) -> bool:
    """As a receiver would look at it, by the standard's own words."""
    headers = {name.lower(): value for name, value in message.headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return (
        headers["webhook-signature"] == f"v1,{expected}" and abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    )


def test_what_happens_to_a_record_is_told_with_its_files_and_signed(
    house: RunningServer, bika: httpx.Client, receiver: Receiver
):
    made = register(bika, house, name="all", url=receiver.url, events=EVERYTHING)
    records, mine, picture = records_of(house), house.demo["bika"], png(9, 9)
    [item] = bika.post(f"/v1/spaces/{mine['space_id']}/attachments", files={"file": ("roof.png", picture)}).json()[
        "data"
    ]
    record = bika.post(records, json={"records": [{"fields": {"Name": "Roof", "Images": [{"id": item["id"]}]}}]})
    id = record.json()["data"]["records"][0]["id"]
    bika.put(f"{records}/{id}", json={"fields": {"Images": []}})
    bika.delete(f"{records}/{id}")

    messages = receiver.wait(5)
    told = {message.told["eventType"]: message.told for message in messages}
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))

    assert sorted(told) == sorted(EVERYTHING)
    assert all(is_signed(message, key) for message in messages)
    assert len({message.told["id"] for message in messages}) == 5
    for each in told.values():
        assert (each["spaceId"], each["databaseId"], each["record"]["id"]) == (
            mine["space_id"],
            mine["database_id"],
            id,
        )
    created = told["ON_RECORD_CREATED"]["record"]
    assert created["fields"]["Name"] == "Roof"
    assert set(created) == {"id", "fields", "createdAt", "updatedAt"}
    assert httpx.get(created["fields"]["Images"][0]["url"]).content == picture
    assert told["ON_ATTACHMENT_ATTACHED"]["attachment"]["name"] == "roof.png"
    assert told["ON_ATTACHMENT_REMOVED"]["attachment"]["id"] == item["id"]
    assert "Images" not in told["ON_RECORD_UPDATED"]["record"]["fields"]
    assert told["ON_RECORD_DELETED"]["record"]["fields"]["Name"] == "Roof"
    assert {each["state"] for each in deliveries(bika, house, made["id"], 5)} == {"DELIVERED"}


def test_a_new_node_is_told_of(house: RunningServer, bika: httpx.Client, receiver: Receiver):
    """Made over the API, folder or database."""
    register(bika, house, name="nodes", url=receiver.url, eventType="ON_NODE_CREATED")
    nodes = f"/v1/spaces/{house.demo['bika']['space_id']}/nodes"
    folder = bika.post(nodes, json={"type": "FOLDER", "name": "Told of"}).json()["data"]
    inside = {"type": "DATABASE", "name": "Told of, too", "parentId": folder["id"]}
    database = bika.post(nodes, json=inside).json()["data"]

    told = {message.told["node"]["id"]: message.told for message in receiver.wait(2)}
    assert told[folder["id"]]["node"] == {key: folder[key] for key in ("id", "name", "type", "parentId")}
    assert (told[database["id"]]["eventType"], told[database["id"]]["databaseId"]) == (
        "ON_NODE_CREATED",
        database["id"],
    )


def test_a_file_that_turns_out_infected_is_told_of_without_a_link(
    house: RunningServer, bika: httpx.Client, receiver: Receiver, tmp_path: Path
):
    register(bika, house, name="infections", url=receiver.url, eventType="ON_ATTACHMENT_INFECTED")
    files = f"/v1/spaces/{house.demo['bika']['space_id']}/attachments"
    [item] = bika.post(files, files={"file": ("late.txt", b"known only later")}).json()["data"]
    copy = tmp_path / "late.txt"
    copy.write_bytes(b"known only later")

    async def find_out(services: Services) -> None:
        def look(ledger: Ledger) -> Blob:
            seat = ledger.spaces.find(house.demo["bika"]["space_id"], known_user(ledger, "ada"))
            assert seat is not None
            return ledger.files.find_uploads(seat.space.number, [item["id"]])[item["id"]].blob

        await seize(services, await services.work.read(look), Verdict("New_Rule", scanner="test"), copy)

    operate(house, find_out)

    [message] = receiver.wait(1)
    told = message.told["attachment"]
    assert (told["id"], told["name"], message.told["eventType"]) == (item["id"], "late.txt", "ON_ATTACHMENT_INFECTED")
    assert "New_Rule" in message.body.decode()
    assert not told.get("url")


def test_bikas_spelling_and_its_default_event(house: RunningServer, bika: httpx.Client, receiver: Receiver):
    """And a webhook of one database hears of no other; ``secret`` is not told again."""
    mine = house.demo["bika"]
    made = register(bika, house, name="to-ledger", callbackURL=receiver.url, databaseId=mine["database_id"])
    assert (made["eventType"], made["databaseId"]) == ("ON_RECORD_CREATED", mine["database_id"])
    assert made["node"] == {"id": mine["database_id"], "name": made["node"]["name"], "type": "DATABASE"}

    [listed] = bika.get(hooks_of(house)).json()["data"]
    assert listed == {key: value for key, value in made.items() if key != "secret"}
    assert bika.get(f"{hooks_of(house)}/{made['id']}").json()["data"] == listed


def test_a_secret_that_was_brought_signs_the_body_too_and_is_never_told(
    house: RunningServer, bika: httpx.Client, receiver: Receiver
):
    made = register(bika, house, name="own", url=receiver.url, secret=OWN_SECRET, events=["ON_RECORD_CREATED"])
    bika.post(records_of(house), json={"records": [{"fields": {"Name": "x"}}]})
    [message] = receiver.wait(1)

    assert "secret" not in made
    assert is_signed(message, OWN_SECRET.encode())
    expected = hmac.new(OWN_SECRET.encode(), message.body, hashlib.sha256).hexdigest()
    assert message.headers["X-Bika-Signature"] == f"sha256={expected}"
    assert OWN_SECRET not in bika.get(hooks_of(house)).text + house.log()


def test_gone_disables_and_what_was_missed_can_be_replayed(
    house: RunningServer, bika: httpx.Client, receiver: Receiver
):
    receiver.status_for = lambda _message: 410
    made = register(bika, house, name="gone", url=receiver.url)
    path = f"{hooks_of(house)}/{made['id']}"
    bika.post(records_of(house), json={"records": [{"fields": {"Name": "x"}}]})
    [failed] = deliveries(bika, house, made["id"])
    replay = f"{path}/deliveries/{failed['id']}/replay"

    assert (failed["state"], failed["tries"][0]["status"], failed["tries"][0]["response"]) == ("FAILED", 410, "thanks")
    disabled = bika.get(path).json()["data"]
    assert (disabled["enabled"], disabled["disabledReason"]) == (False, "the receiver answered 410 Gone")
    assert "webhook disabled" in house.log()
    bika.post(records_of(house), json={"records": [{"fields": {"Name": "nobody is told"}}]})
    assert len(deliveries(bika, house, made["id"])) == 1
    assert bika.post(replay).status_code == 409

    receiver.status_for = lambda _message: 200
    assert bika.patch(path, json={"enabled": True}).json()["data"]["enabled"] is True
    assert bika.post(replay).json()["data"]["state"] == "WAITING"
    [again] = deliveries(bika, house, made["id"], 2)

    assert (again["state"], [each["status"] for each in again["tries"]]) == ("DELIVERED", [410, 200])
    assert len({message.headers["webhook-id"] for message in receiver.wait(2)}) == 1


def test_a_failed_delivery_says_why_and_when_it_is_tried_again(
    house: RunningServer, bika: httpx.Client, receiver: Receiver
):
    receiver.status_for, receiver.headers = lambda _message: 503, {"Retry-After": "3600"}
    made = register(bika, house, name="busy", url=receiver.url)
    bika.post(records_of(house), json={"records": [{"fields": {"Name": "x"}}]})
    [waiting] = deliveries(bika, house, made["id"])

    assert (waiting["state"], waiting["tries"][0]["status"]) == ("WAITING", 503)
    wait = datetime.fromisoformat(waiting["nextTryAt"]) - datetime.fromisoformat(waiting["tries"][0]["at"])
    assert timedelta(seconds=3600) <= wait < timedelta(seconds=3660)
    assert bika.get(f"{hooks_of(house)}/{made['id']}").json()["data"]["failingSince"] is not None


def test_a_space_hears_of_its_own_things_alone(house: RunningServer, bika: httpx.Client, receiver: Receiver):
    register(bika, house, name="all", url=receiver.url, events=EVERYTHING)
    other = house.demo["bika_other"]
    path = f"{PREFIX}/v2/spaces/{other['space_id']}/resources/databases/{other['database_id']}/records"
    theirs = {"records": [{"fields": {"Name": "theirs"}}]}
    headers = {"Authorization": f"Bearer {other['token']}"}
    assert httpx.post(house.base_url + path, json=theirs, headers=headers).status_code == 200
    bika.post(records_of(house), json={"records": [{"fields": {"Name": "ours"}}]})

    assert [message.told["record"]["fields"]["Name"] for message in receiver.wait(1)] == ["ours"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x"},
        {"url": 7},
        {"url": ""},
        {"url": "ftp://hooks.example.org/"},
        {"url": "http://user:word@hooks.example.org/"},
        {"url": "http://10.0.0.1/"},
        {"url": "http://[::ffff:10.0.0.1]/"},
        {"url": "http://0xa.1/"},
        {"url": "http://169.254.169.254/latest/meta-data"},
        {"callbackURL": "https://192.0.43.7/", "eventType": "ON_MOON"},
        {"callbackURL": "https://192.0.43.7/", "events": [7]},
        {"callbackURL": "https://192.0.43.7/", "events": {"a": 1}},
        {"callbackURL": "https://192.0.43.7/", "name": "x" * 256},
        {"callbackURL": "https://192.0.43.7/", "name": "\0"},
        {"callbackURL": "https://192.0.43.7/", "secret": "whsec_?"},
        {"callbackURL": "https://192.0.43.7/", "description": []},
    ],
    ids=str,
)
def test_a_webhook_that_cannot_be_is_refused_and_not_kept(house: RunningServer, bika: httpx.Client, body: Any):
    answer = bika.post(hooks_of(house), json=body)
    assert (answer.status_code, answer.json()["success"]) == (400, False), answer.text
    assert bika.get(hooks_of(house)).json()["data"] == []


def test_a_change_is_checked_as_a_registration_is(house: RunningServer, bika: httpx.Client):
    made = register(bika, house, url="https://192.0.43.7/")
    path = f"{hooks_of(house)}/{made['id']}"
    assert bika.patch(path, json={"callbackURL": "http://10.0.0.1/"}).status_code == 400
    assert bika.patch(path, json={"enabled": "yes"}).status_code == 400
    changed = bika.patch(path, json={"name": "new", "events": ["ON_NODE_CREATED"]}).json()["data"]
    assert (changed["name"], changed["events"]) == ("new", ["ON_NODE_CREATED"])
    assert changed["callbackURL"] == "https://192.0.43.7/"


def test_a_space_has_so_many_webhooks_and_no_more(house: RunningServer, bika: httpx.Client):
    for _ in range(MAX_WEBHOOKS):
        register(bika, house, url="https://192.0.43.7/")
    assert bika.post(hooks_of(house), json={"url": "https://192.0.43.7/"}).status_code == 409


def test_what_is_not_there_is_missing(house: RunningServer, bika: httpx.Client):
    nobody = f"{hooks_of(house)}/owhAAAAAAAAAAAAAAAAAAAAA"
    calls = [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/deliveries/dlvA/replay")]
    assert {bika.request(method, nobody + path, json={}).status_code for method, path in calls} == {404}
    wanted = {"url": "https://192.0.43.7/", "databaseId": "datAAAAAAAAAAAAAAAAAAAAA"}
    assert bika.post(hooks_of(house), json=wanted).status_code == 404
