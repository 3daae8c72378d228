"""People and accounts, and the sums over their transactions."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, Select, bindparam, delete, func, insert, select, update

from holdall.adapters.db.rows import insert_row, portions
from holdall.adapters.db.tables import money_accounts, people, transactions
from holdall.domain.bookkeeping.entries import Account, Look, Person

_PERSON = (
    people.c.id,
    people.c.name,
    people.c.email,
    people.c.phone,
    people.c.description,
    people.c.avatar_id,
    people.c.income,
    people.c.expense,
    people.c.transactions,
    # The end of an index, for each; ``max`` over a group would walk through all of theirs.
    select(func.max(transactions.c.at)).where(transactions.c.person_id == people.c.id).scalar_subquery(),
    people.c.created_at,
    people.c.updated_at,
)
"""In the order of ``Person``'s fields."""
_its_number: BindParameter[int] = bindparam("its_number", type_=people.c.id.type)
_PEOPLE = select(*_PERSON).where(people.c.user_id == bindparam("of_user")).order_by(people.c.name, people.c.id)
_SOME_PEOPLE = _PEOPLE.where(people.c.id.in_(bindparam("numbers", expanding=True)))
_FIND_PERSON = _PEOPLE.where(people.c.id == _its_number)
_HAS_PERSON = select(people.c.id).where(
    people.c.user_id == bindparam("of_user"),
    people.c.name == bindparam("name"),
    people.c.email == bindparam("email"),
    people.c.id != _its_number,
)
_ADD_PERSON = insert(people)
_is_person = (people.c.id == _its_number) & (people.c.user_id == bindparam("of_user"))
_CHANGE_PERSON = (
    update(people)
    .where(_is_person)
    .values({name: bindparam(name) for name in ("name", "email", "phone", "description", "avatar_id", "updated_at")})
)
_REMOVE_PERSON = delete(people).where(_is_person)
_ADD_TO_PERSON = (
    update(people)
    .where(people.c.id == _its_number)
    .values(
        income=people.c.income + bindparam("more_income", type_=people.c.income.type),
        expense=people.c.expense + bindparam("more_expense", type_=people.c.expense.type),
        transactions=people.c.transactions + bindparam("more", type_=people.c.transactions.type),
    )
)

_LAST_FROM, _LAST_TO = (
    select(func.max(transactions.c.at)).where(side == money_accounts.c.id).scalar_subquery()
    for side in (transactions.c.account_id, transactions.c.to_account_id)
)
_ACCOUNTS = (
    select(money_accounts, _LAST_FROM.label("last_from"), _LAST_TO.label("last_to"))
    .where(money_accounts.c.user_id == bindparam("of_user"))
    .order_by(money_accounts.c.name, money_accounts.c.id)
)
_SOME_ACCOUNTS = _ACCOUNTS.where(money_accounts.c.id.in_(bindparam("numbers", expanding=True)))
_FIND_ACCOUNT = _ACCOUNTS.where(money_accounts.c.id == _its_number)
_HAS_ACCOUNT = select(money_accounts.c.id).where(
    money_accounts.c.user_id == bindparam("of_user"),
    money_accounts.c.name == bindparam("name"),
    money_accounts.c.id != _its_number,
)
_ADD_ACCOUNT = insert(money_accounts)
_is_account = (money_accounts.c.id == _its_number) & (money_accounts.c.user_id == bindparam("of_user"))
_KEPT_OF_ACCOUNT = ("name", "description", "icon", "color", "bg_color", "avatar_id", "updated_at")
_CHANGE_ACCOUNT = update(money_accounts).where(_is_account).values({name: bindparam(name) for name in _KEPT_OF_ACCOUNT})
_REMOVE_ACCOUNT = delete(money_accounts).where(_is_account)
_ADD_TO_ACCOUNT = (
    update(money_accounts)
    .where(money_accounts.c.id == _its_number)
    .values(
        balance=money_accounts.c.balance + bindparam("more_balance", type_=money_accounts.c.balance.type),
        transactions=money_accounts.c.transactions + bindparam("more", type_=money_accounts.c.transactions.type),
    )
)


class SqlParties:
    """``ports.Parties`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def people(self, user_id: int, among: Collection[int] | None = None) -> list[Person]:
        """All, or those of these numbers; by name."""
        return [_person(row) for row in self._rows(_PEOPLE, _SOME_PEOPLE, user_id, among)]

    def find_person(self, user_id: int, number: int) -> Person | None:
        """The one of this number."""
        row = self._connection.execute(_FIND_PERSON, {"of_user": user_id, "its_number": number}).first()
        return None if row is None else _person(row)

    def has_person(self, user_id: int, name: str, email: str, *, besides: int) -> bool:
        """Whether there is another of this name and address."""
        wanted = {"of_user": user_id, "name": name, "email": email, "its_number": besides}
        return self._connection.scalar(_HAS_PERSON, wanted) is not None

    def add_person(self, user_id: int, person: Person) -> Person:
        """Keep a new one."""
        sums = {"income": 0, "expense": 0, "transactions": 0}
        row = {"user_id": user_id, **_row_of_person(person), **sums, "created_at": person.created_at}
        number = insert_row(self._connection, _ADD_PERSON, row)
        return replace(person, number=number, income=0, expense=0, transactions=0, last_at=None)

    def change_person(self, user_id: int, person: Person) -> None:
        """Keep it as it is now, but for its sums."""
        row = {"of_user": user_id, "its_number": person.number, **_row_of_person(person)}
        self._connection.execute(_CHANGE_PERSON, row)

    def remove_person(self, user_id: int, person: Person) -> None:
        """Forget one that no transaction names."""
        self._connection.execute(_REMOVE_PERSON, {"of_user": user_id, "its_number": person.number})

    def add_to_person(self, number: int, income: int, expense: int, transactions: int) -> None:
        """Add to the sums of one."""
        more = {"more_income": income, "more_expense": expense, "more": transactions}
        self._connection.execute(_ADD_TO_PERSON, {"its_number": number, **more})

    def accounts(self, user_id: int, among: Collection[int] | None = None) -> list[Account]:
        """All, or those of these numbers; by name."""
        return [_account(row) for row in self._rows(_ACCOUNTS, _SOME_ACCOUNTS, user_id, among)]

    def find_account(self, user_id: int, number: int) -> Account | None:
        """The one of this number."""
        wanted = {"of_user": user_id, "its_number": number}
        row = self._connection.execute(_FIND_ACCOUNT, wanted).first()
        return None if row is None else _account(row)

    def has_account(self, user_id: int, name: str, *, besides: int) -> bool:
        """Whether there is another of this name."""
        wanted = {"of_user": user_id, "name": name, "its_number": besides}
        return self._connection.scalar(_HAS_ACCOUNT, wanted) is not None

    def add_account(self, user_id: int, account: Account) -> Account:
        """Keep a new one."""
        row = {"user_id": user_id, **_row_of_account(account), "created_at": account.created_at}
        number = insert_row(self._connection, _ADD_ACCOUNT, {**row, "balance": 0, "transactions": 0})
        return replace(account, number=number, balance=0, transactions=0, last_at=None)

    def change_account(self, user_id: int, account: Account) -> None:
        """Keep it as it is now, but for its sums."""
        row = {"of_user": user_id, "its_number": account.number, **_row_of_account(account)}
        self._connection.execute(_CHANGE_ACCOUNT, row)

    def remove_account(self, user_id: int, account: Account) -> None:
        """Forget one that no transaction names."""
        self._connection.execute(_REMOVE_ACCOUNT, {"of_user": user_id, "its_number": account.number})

    def add_to_account(self, number: int, balance: int, transactions: int) -> None:
        """Add to the sums of one."""
        more = {"more_balance": balance, "more": transactions}
        self._connection.execute(_ADD_TO_ACCOUNT, {"its_number": number, **more})

    def _rows(
        self, all_: Select[Any], some: Select[Any], user_id: int, among: Collection[int] | None
    ) -> Iterator[Row[Any]]:
        if among is None:
            yield from self._connection.execute(all_, {"of_user": user_id})
        else:
            for numbers in portions(among):
                yield from self._connection.execute(some, {"of_user": user_id, "numbers": numbers})


def _row_of_person(person: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "email": person.email,
        "phone": person.phone,
        "description": person.description,
        "avatar_id": person.avatar,
        "updated_at": person.updated_at,
    }


def _row_of_account(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "description": account.description,
        "icon": account.look.icon,
        "color": account.look.color,
        "bg_color": account.look.bg_color,
        "avatar_id": account.avatar,
        "updated_at": account.updated_at,
    }


def _person(row: Sequence[Any]) -> Person:
    return Person(*row)


def _account(row: Row[Any]) -> Account:
    return Account(
        number=row.id,
        name=row.name,
        description=row.description,
        look=Look(row.icon, row.color, row.bg_color),
        avatar=row.avatar_id,
        balance=row.balance,
        transactions=row.transactions,
        last_at=max((at for at in (row.last_from, row.last_to) if at is not None), default=None),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
