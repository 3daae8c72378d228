"""What can be chosen in books, at once (contract pika, section 9, and section 14, C11)."""

import pytest

from tests.support.inprocess import House
from tests.support.pika import Keeper, refusal

PATH = "/wp-json/pika/v1/app/lists"


@pytest.mark.parametrize("cookie", [None, "x", "bWlyYTpubw%3D%3D"])
def test_strangers_see_what_is_everybodys(house: House, cookie: str | None):
    """Also those whose cookie is no longer good: the front-end asks before it knows."""
    keeper = Keeper(house)
    keeper.account()
    keeper.post("/categories", name="Mine", icon="tag", color="#000000", bgColor="#ffffff", type="expense")

    answer = house.request("GET", PATH, headers={} if cookie is None else {"Cookie": f"pika_token={cookie}"})

    body = answer.json()
    assert answer.status_code == 200
    assert (body["accounts"], body["people"]) == ([], [])
    assert len(body["categories"]) == 16
    assert sum(len(each["children"]) for each in body["categories"]) == 59 - 16
    assert all(each["isSystem"] for each in (*body["categories"], *body["tags"]))


def test_a_user_sees_their_own_too(house: House):
    """The very objects of the four lists."""
    keeper = Keeper(house)
    keeper.account("Cash", avatarId=keeper.avatar("account")["id"])
    keeper.person("Noor", avatarId=keeper.avatar()["id"])
    keeper.post("/tags", name="Mine", icon="tag", color="#000000", bgColor="#ffffff")
    keeper.post("/categories", name="Mine", icon="tag", color="#000000", bgColor="#ffffff", type="expense")

    lists = keeper.get("/app/lists")

    assert set(lists) == {"categories", "accounts", "people", "tags"}
    for name, shown in lists.items():
        assert shown == keeper.get(f"/{name}")


def test_a_credential_that_may_not_read_is_refused(house: House):
    keeper = Keeper(house, scopes=())

    assert refusal(keeper.ask("GET", "/app/lists")) == (403, "upload_not_allowed", "Upload not allowed.")
