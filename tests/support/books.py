"""Rows of books, put there as they are: what stands in them is for the stories to say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert

from holdall.adapters.db.tables import money_accounts, people, tags, transaction_tags, transactions
from holdall.domain.bookkeeping.entries import Direction
from holdall.domain.bookkeeping.labels import OWN_FROM
from holdall.ports import Ledger
from tests.support.rows import NOW


@dataclass(frozen=True)
class Row:
    """A transaction, as far as figures are about it."""

    at: datetime
    type: Direction
    amount: int
    category: int = 4
    person: int | None = None
    tags: Sequence[int] = ()


def put_account(ledger: Ledger, user: int, name: str = "Cash") -> int:
    """The number of a new account of theirs."""
    look = {"icon": "wallet", "color": "#ffffff", "bg_color": "#3B82F6"}
    sums = {"balance": 0, "transactions": 0, "created_at": NOW, "updated_at": NOW}
    return _put(ledger, money_accounts, {"user_id": user, "name": name, "description": "", **look, **sums})


def put_person(ledger: Ledger, user: int, name: str = "Noor") -> int:
    """The number of somebody new whom they know."""
    texts = {"name": name, "email": "", "phone": "", "description": ""}
    sums = {"income": 0, "expense": 0, "transactions": 0, "created_at": NOW, "updated_at": NOW}
    return _put(ledger, people, {"user_id": user, **texts, **sums})


def put_tag(ledger: Ledger, user: int, name: str = "Garden") -> int:
    """The number of a new tag of theirs, as transactions name it."""
    look = {"icon": "apple", "color": "#ffffff", "bg_color": "#3B82F6"}
    row = {"user_id": user, "name": name, "description": "", **look, "created_at": NOW}
    return _put(ledger, tags, row) + OWN_FROM - 1


def put_transactions(ledger: Ledger, user: int, account: int, rows: Iterable[Row]) -> None:
    """These transactions, with their tags; nothing is added to any sum."""
    for row in rows:
        number = _put(
            ledger,
            transactions,
            {
                "user_id": user,
                "title": "x",
                "amount": row.amount,
                "at": row.at,
                "type": row.type.value,
                "category": row.category,
                "account_id": account,
                "person_id": row.person,
                "note": "",
                "created_at": NOW,
                "updated_at": NOW,
            },
        )
        for place, tag in enumerate(row.tags):
            tie = {"transaction_id": number, "tag": tag, "position": place}
            connection_of(ledger).execute(insert(transaction_tags), tie)


def connection_of(ledger: Ledger) -> Connection:
    """What the repositories of an open transaction share."""
    connection: Connection = ledger.figures._connection  # type: ignore[attr-defined]
    return connection


def _put(ledger: Ledger, table: Table, row: dict[str, Any]) -> int:
    key = connection_of(ledger).execute(insert(table), row).inserted_primary_key
    assert key is not None
    return int(key[0])
