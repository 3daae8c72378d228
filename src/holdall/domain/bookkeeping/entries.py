"""What stands in books. Amounts and balances are whole units (``domain.money``); times are in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from holdall.domain.files import Upload


class Direction(StrEnum):
    """What a transaction does, and what a category is for."""

    INCOME = "income"
    EXPENSE = "expense"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Look:
    """How a thing is drawn."""

    icon: str
    """A name of Lucide's."""
    color: str
    """``#`` and six hex digits."""
    bg_color: str


@dataclass(frozen=True, slots=True)
class Category:
    """What a transaction is filed under; parents hold others, and may be filed under as well."""

    number: int
    name: str
    description: str
    look: Look
    type: Direction
    parent: int | None
    is_system: bool
    """Everybody's: seen by all, changed by nobody."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A word on a transaction."""

    number: int
    name: str
    description: str
    look: Look
    is_system: bool
    created_at: datetime | None = None
    """When a user made it; everybody's were always there."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom money comes from, or goes to."""

    number: int
    name: str
    email: str
    phone: str
    description: str
    avatar: int | None
    """The number of an upload, which may be out of sight now."""
    income: int
    expense: int
    transactions: int
    """How many, transfers among them."""
    last_at: datetime | None
    """When the newest of them was."""
    created_at: datetime
    updated_at: datetime

    @property
    def balance(self) -> int:
        """What came from them, less what went to them."""
        return self.income - self.expense


@dataclass(frozen=True, slots=True)
class Account:
    """Where money is."""

    number: int
    name: str
    description: str
    look: Look
    avatar: int | None
    """The number of an upload, which may be out of sight now."""
    balance: int
    transactions: int
    """How many: transfers to and from it among them."""
    last_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Booking:
    """A transaction, by the numbers of what it names."""

    number: int
    title: str
    amount: int
    at: datetime
    type: Direction
    category: int
    account: int
    to_account: int | None
    """Of a transfer alone."""
    person: int | None
    note: str
    tags: tuple[int, ...] = ()
    receipts: tuple[int, ...] = ()
    """Numbers of uploads, in order; some may be out of sight now."""


@dataclass(frozen=True, slots=True)
class Named:
    """What some bookings, people and accounts name, by number."""

    accounts: Mapping[int, Account] = field(default_factory=dict)
    people: Mapping[int, Person] = field(default_factory=dict)
    categories: Mapping[int, Category] = field(default_factory=dict)
    tags: Mapping[int, Tag] = field(default_factory=dict)
    uploads: Mapping[int, Upload] = field(default_factory=dict)
    """Avatars and receipts that are there: neither deleted nor in quarantine."""
