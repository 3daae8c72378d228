"""A user of Pika's, new and with nothing in their books."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from holdall.dialects.pika import cookie
from holdall.dialects.pika.routes import PREFIX
from holdall.domain.access import Scope, TokenKind
from holdall.domain.bookkeeping.labels import CATEGORIES
from holdall.flows.accounts import ALL_SCOPES, add_user, mint
from tests.support.images import jpeg, png
from tests.support.inprocess import House

_COUNT = itertools.count()
GROCERIES: Mapping[str, Any] = {
    "title": "Groceries",
    "amount": 23.9,
    "date": "2026-02-11T18:00:00.000Z",
    "type": "expense",
    "categoryId": "4",
}
"""A transaction as Pika's front-end sends it, but for its account."""
LOOK: Mapping[str, str] = {"icon": "apple", "color": "#FFFFFF", "bgColor": "#276749"}
"""How a category or a tag is drawn."""


class Keeper:
    """One who keeps books, and their cookie."""

    def __init__(self, house: House, login: str = "", scopes: Iterable[Scope] = ALL_SCOPES) -> None:
        self.house = house
        self.login = login or f"keeper{next(_COUNT)}"
        user = house.tell(lambda services: add_user(services, self.login, f"{self.login}@example.test"))
        minted = house.tell(lambda services: mint(services, TokenKind.DEVICE, self.login, "a browser", scopes))
        self.number = user.number
        self.headers = {"Cookie": f"{cookie.NAME}={cookie.value_of(cookie.Credential(self.login, minted.secret))}"}

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """One call below the prefix; ``body`` goes as JSON."""
        sent = {} if body is None else {"json": body}
        return self.house.request(method, PREFIX + path, headers=self.headers, **sent, **more)

    def get(self, path: str, **query: Any) -> Any:
        """What a GET that has to go well answers."""
        return _good(self.ask("GET", path, params=query))

    def post(self, path: str, **body: Any) -> Any:
        """What a POST that has to go well answers."""
        return _good(self.ask("POST", path, body))

    def put(self, path: str, **body: Any) -> Any:
        """What a PUT that has to go well answers."""
        return _good(self.ask("PUT", path, body))

    def delete(self, path: str) -> Any:
        """What a DELETE that has to go well answers."""
        return _good(self.ask("DELETE", path))

    def upload(self, door: str = "attachment", entity: str = "transaction", kind: str = "image") -> Any:
        """A file of its own content, as answered."""
        fields = {"entityType": entity, "attachmentType": kind}
        size = 8 + next(_COUNT)
        data = png(size, 9) if kind == "image" else f"Receipt {size}\n".encode()
        file = ("receipt.png" if kind == "image" else "receipt.txt", data)
        return _good(self.ask("POST", f"/upload/{door}", data=fields, files={"file": file}))

    def avatar(self, entity: str = "person") -> Any:
        """A picture for a person or an account, as answered."""
        file = ("avatar.jpg", jpeg(20 + next(_COUNT), 20))
        return _good(self.ask("POST", "/upload/avatar", data={"entityType": entity}, files={"file": file}))

    def category(self, type: str) -> str:
        """The id of one of everybody's categories, of this type."""
        return next(str(each.number) for each in CATEGORIES.values() if each.type.value == type)

    def account(self, name: str = "Cash", **more: Any) -> Any:
        """A new account."""
        return self.post("/accounts", name=name, **more)

    def person(self, name: str = "Noor", **more: Any) -> Any:
        """Somebody new, as the row that is answered."""
        return self.post("/people", name=name, **more)

    def new_category(self, name: str = "Fruit", parent: str | None = None, **more: Any) -> Any:
        """A new category of their own, of expenses unless said otherwise."""
        return self.post("/categories", **{"name": name, "parentId": parent, "type": "expense", **LOOK, **more})

    def new_tag(self, name: str = "Garden", **more: Any) -> Any:
        """A new tag of their own."""
        return self.post("/tags", **{"name": name, **LOOK, **more})

    def spend(self, account: Any, **more: Any) -> Any:
        """A new transaction, of groceries unless said otherwise."""
        return self.post("/transactions", **{**GROCERIES, "accountId": account["id"], **more})


def _good(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and text of an answer that says no."""
    body = answer.json()
    assert body["data"]["status"] == answer.status_code
    return answer.status_code, body["code"], body["message"]
