"""Bika and Pika see the same files: a person's own space, which either opens with a credential of theirs."""

from typing import Any

import httpx
import pytest

from holdall.dialects.bika import routes as bika_routes
from holdall.dialects.pika import routes as pika_routes
from holdall.domain.access import TokenKind
from holdall.domain.quota import Usage
from holdall.flows.accounts import mint
from holdall.flows.quota import set_space_quota, space_usage
from tests.api.test_settings import Client
from tests.support.images import png
from tests.support.inprocess import House

BIKA, PIKA = bika_routes.PREFIX, pika_routes.PREFIX


class Both(Client):
    """Somebody with a credential for each dialect."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        token = house.tell(lambda services: mint(services, TokenKind.BEARER, self.login, "script")).secret
        self.bearer = {"Authorization": f"Bearer {token}"}

    def bika(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.house.request(method, BIKA + path, headers=self.bearer, **more)

    @property
    def space(self) -> str:
        [space] = self.bika("GET", "/v1/spaces").json()["data"]
        return f"/v1/spaces/{space['id']}"

    def attachments(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.bika("GET", f"{self.space}/attachments{query}").json()["data"]["attachments"]
        return found


@pytest.fixture
def both(house: House) -> Both:
    return Both(house)


def test_the_own_space_is_listed_last(house: House):
    """Many clients take the first."""
    token = house.demo["bika"]["token"]
    spaces = house.request("GET", f"{BIKA}/v1/spaces", headers={"Authorization": f"Bearer {token}"}).json()["data"]

    assert [None, True] == [space.get("isPersonal") for space in spaces]
    assert spaces[0]["id"] == house.demo["bika"]["space_id"]


def test_bika_lists_looks_at_and_reads_what_pika_took(both: Both):
    made = both.upload("me.png", png(40, 30), "avatar").json()
    [listed] = both.attachments()
    path = f"{both.space}/attachments/{listed['id']}"

    assert (listed["originalName"], listed["size"], listed["sha256"]) == ("me.png", int(made["size"]), made["sha256"])
    assert both.bika("GET", path).json()["data"]["id"] == listed["id"]
    mine = both.ask("GET", made["url"]).content
    assert mine == both.bika("GET", f"{path}/download").content == both.house.request("GET", listed["url"]).content
    assert both.bika("GET", f"{path}/content").headers["location"].startswith("http")


def test_bika_changes_nothing_of_what_pika_took(both: Both):
    """Refused, and said why; deleted by Pika, it is Pika's to restore."""
    made = both.upload("me.png", png(41, 30), "avatar").json()
    [listed] = both.attachments()
    path = f"{both.space}/attachments/{listed['id']}"

    def refused() -> None:
        calls = [("PATCH", "", {"json": {"name": "you.png"}}), ("DELETE", "", {}), ("POST", "/restore", {})]
        answers = [both.bika(method, path + tail, **more) for method, tail, more in calls]
        assert {answer.status_code for answer in answers[1:]} == {403}
        assert all("Pika" in answer.json()["message"] for answer in answers[1:])
        assert answers[0].status_code in (403, 404)

    refused()
    assert both.ask("GET", f"/upload/{made['id']}").json()["name"] == "me.png"
    both.ask("DELETE", f"/upload/{made['id']}")
    refused()
    assert both.ask("GET", f"/upload/{made['id']}").json()["deletedAt"] is not None


def test_what_bika_took_into_the_own_space_is_bikas_to_change_and_pikas_to_see(both: Both):
    [mine] = both.bika("POST", f"{both.space}/attachments", files={"file": ("b.png", png(42, 30))}).json()["data"]
    [seen] = both.ask("GET", "/upload").json()["uploads"]

    assert (seen["name"], seen["type"], seen["entityType"]) == ("b.png", "image", "other")
    assert both.ask("GET", seen["url"]).status_code == 200
    path = f"{both.space}/attachments/{mine['id']}"
    assert both.bika("PATCH", path, json={"name": "c.png"}).status_code == 200
    assert both.bika("DELETE", path).status_code == 200
    assert both.bika("POST", f"{path}/restore").status_code == 200


def test_strangers_see_neither_side(both: Both, house: House):
    both.upload("me.png", png(43, 30), "avatar")
    other = Both(house)

    assert other.bika("GET", f"{both.space}/attachments").status_code == 404
    assert other.ask("GET", "/upload").json()["uploads"] == []


def test_what_is_stored_once_counts_once(both: Both):
    """The same document by both doors, and twice by one: one blob in the space, and room for one other."""
    text = b"the same receipt"
    space_id = both.space.rpartition("/")[2]
    both.house.tell(lambda services: set_space_quota(services, space_id, 1 << 20, 2))

    assert both.upload("a.txt", text).status_code == 200
    assert both.upload("b.txt", text).status_code == 200
    again = both.bika("POST", f"{both.space}/attachments", files={"file": ("c.txt", text, "text/plain")})
    assert again.status_code == 200, again.text

    assert len(both.attachments()) == 3
    used, _ = both.house.tell(lambda services: space_usage(services, space_id))
    assert used == Usage(len(text), 1)
    assert both.bika("POST", f"{both.space}/attachments", files={"file": ("d.txt", b"another")}).status_code == 200
    refused = both.upload("e.txt", b"one too many")
    assert (403, "upload_not_allowed") == (refused.status_code, refused.json()["code"])
    assert both.bika("POST", f"{both.space}/attachments", files={"file": ("e.txt", b"1 too many")}).status_code == 507
