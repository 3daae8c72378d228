"""What Pika's dialect says in OpenAPI of people, accounts and transactions."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from holdall.dialects.pika import wire
from holdall.dialects.pika.book_lists import shown
from holdall.dialects.pika.failures import CALLER, COOKIE, READING, failed
from holdall.dialects.pika.reading import MAX_LINE, MAX_TEXT, MAX_TIES
from holdall.dialects.pika.transactions import MAX_LIST
from holdall.domain.access import Scope, User
from holdall.domain.bookkeeping.entries import Account, Booking, Category, Direction, Look, Named, Person, Tag
from holdall.domain.files import Blob, BlobState, Purpose, Upload
from holdall.errors import BookRefused, Forbidden, Malformed, Missing, Unauthenticated
from holdall.flows.book_lists import everybodys_lists
from holdall.web import openapi
from holdall.web.openapi import Failures, Json, Operation, list_of, object_of, parameter, ref, text

_PEOPLE, _ACCOUNTS, _TRANSACTIONS = "Pika people", "Pika accounts", "Pika transactions"
TAGS = {
    _PEOPLE: "Whom money comes from, and goes to.",
    _ACCOUNTS: "Where money is.",
    _TRANSACTIONS: "Income, expenses and transfers, with their receipts.",
}

# ── schemas ──────────────────────────────────────────────────────────────────────────────────────────────────────

ID = text("Digits.", pattern="^[0-9]+$")
MONEY = text("Exact, with four places.", pattern=r"^-?[0-9]+\.[0-9]{4}$")
TIME = {"type": ["string", "null"], "description": "`2026-02-11 18:00:00`, UTC.", "examples": ["2026-02-11 18:00:00"]}
AVATAR = {"anyOf": [ref("PikaUpload"), {"type": "null"}]}
_REFERENCE = {
    "type": ["string", "integer", "null"],
    "description": "An id, as text or as a number.",
    "examples": ["204", 204],
}


def _references(description: str) -> Json:
    return {"type": ["array", "null"], "items": _REFERENCE, "maxItems": MAX_TIES, "description": description}


_NAME = text("Trimmed; no HTML, no control characters.", minLength=1, maxLength=MAX_LINE)
_TEXT = {"type": ["string", "null"], "maxLength": MAX_TEXT}
_COLOR = text("`#` and six hex digits.", pattern="^#[0-9A-Fa-f]{6}$")
_PERSON_KEYS: dict[str, Json] = {
    "id": ID,
    "name": text(),
    "description": text(),
    "email": text(),
    "phone": text(),
    "avatar": AVATAR,
    "lastTransactionAt": TIME,
    "totalTransactions": text("How many, transfers too.", pattern="^[0-9]+$"),
    "balance": MONEY,
}
_SUM = {"type": ["string", "null"], "description": "As a balance; null without transactions."}
_ACCOUNT_KEYS: dict[str, Json] = {
    "id": ID,
    "name": text(),
    "description": text(),
    "avatar": AVATAR,
    "lastTransactionAt": TIME,
    "totalTransactions": openapi.whole("How many; here a number."),
    "balance": MONEY,
    "icon": text("A name of Lucide's."),
    "bgColor": _COLOR,
    "color": _COLOR,
}
SCHEMAS: dict[str, Json] = {
    "PikaPerson": object_of(_PERSON_KEYS),
    "PikaPersonWithSums": object_of(
        {**_PERSON_KEYS, "totalSummary": object_of({"totalSpent": _SUM, "totalReceived": _SUM})}
    ),
    "PikaPersonRow": object_of(
        {
            "id": ID,
            "user_id": ID,
            "name": text(),
            "email": text(),
            "phone": text(),
            "avatar_id": {"type": ["string", "null"]},
            "description": text(),
            "is_active": text(),
            "created_at": TIME,
            "updated_at": TIME,
        },
        description="A new person, as the original's database has them.",
    ),
    "PikaPersonForm": object_of(
        {
            "name": _NAME,
            "email": {"type": ["string", "null"], "maxLength": MAX_LINE},
            "phone": {"type": ["string", "null"], "maxLength": MAX_LINE},
            "avatarId": _REFERENCE,
            "description": _TEXT,
        },
        optional=["name", "email", "phone", "avatarId", "description"],
    ),
    "PikaAccount": object_of(_ACCOUNT_KEYS),
    "PikaAccountForm": object_of(
        {
            "name": _NAME,
            "icon": text("A name of Lucide's."),
            "bgColor": _COLOR,
            "color": _COLOR,
            "avatarId": _REFERENCE,
            "description": _TEXT,
        },
        optional=["name", "icon", "bgColor", "color", "avatarId", "description"],
    ),
    "PikaLists": object_of(
        {
            "categories": list_of(ref("PikaCategory"), "Parents with their children."),
            "accounts": list_of(ref("PikaAccount")),
            "people": list_of(ref("PikaPerson")),
            "tags": list_of(ref("PikaTag")),
        }
    ),
    "PikaTransaction": object_of(
        {
            "id": ID,
            "title": text(),
            "amount": MONEY,
            "date": text("`2026-02-11T18:00:00+00:00`.", format="date-time"),
            "type": text(enum=[each.value for each in Direction]),
            "category": {"anyOf": [ref("PikaCategory"), {"type": "null"}]},
            "account": ref("PikaAccount"),
            "person": {"anyOf": [ref("PikaPerson"), {"type": "null"}]},
            "toAccount": {"anyOf": [ref("PikaAccount"), {"type": "null"}], "description": "Of a transfer."},
            "note": text(),
            "attachments": list_of(ref("PikaUpload"), "Those that are there, in order."),
            "tags": list_of(ref("PikaTag")),
        }
    ),
    "PikaTransactionForm": object_of(
        {
            "title": _NAME,
            "amount": {
                "type": ["number", "string"],
                "description": "Over 0, to 99999999999.9999; more than four places are rounded.",
                "examples": [23.9, "23.9000"],
            },
            "date": text("ISO 8601 in UTC (`Z` or `+00:00`), or a day; of the years 1900 to 2999."),
            "type": text(enum=[each.value for each in Direction]),
            "categoryId": _REFERENCE,
            "accountId": _REFERENCE,
            "personId": _REFERENCE,
            "toAccountId": _REFERENCE,
            "note": _TEXT,
            "tags": _references("Each once."),
            "attachments": _references("Uploads by the door `attachment`; each once."),
        },
        optional=[
            "title",
            "amount",
            "date",
            "type",
            "categoryId",
            "accountId",
            "personId",
            "toAccountId",
            "note",
            "tags",
            "attachments",
        ],
    ),
}

# ── examples, told by the dialect's own wire ─────────────────────────────────────────────────────────────────────

_SITE = "https://money.example.test"
_NOW = datetime(2026, 2, 11, 18, 0, tzinfo=UTC)
_SHA256 = "0b6d3f8a2c41e597d0fb8263a9c4e15f7d2860b3954ac1e8f6072d9b3c5a4e81"
_USER = User(7, "", "mira", "mira@example.test", "Mira", _NOW)


def _upload(number: int, path: str, mime: str, name: str, purpose: Purpose) -> Upload:
    blob = Blob(number, 1, "", _SHA256, 48_120, mime, BlobState.READY)
    return Upload(number, "", 1, 7, blob, name, path, purpose, _NOW)


_AVATARS = {
    204: _upload(
        204,
        "pika/avatars/person-6a0c1f2e9b3d48f7a1c5e0d2b4968371-1779179310.jpg",
        "image/jpeg",
        "me.jpg",
        Purpose("avatar", "image", "person"),
    )
}
_RECEIPT = _upload(
    205,
    "pika/attachments/transaction-c3e1908b7fd24a65b0d9e8f7a6152433-1779179328.pdf",
    "application/pdf",
    "invoice-march.pdf",
    Purpose("attachment", "document", "transaction"),
)
_NOOR = Person(31, "Noor", "", "", "flat mate", 204, 0, 239_000, 1, _NOW, _NOW, _NOW)
_CASH = Account(3, "Cash", "", Look("wallet", "#ffffff", "#3B82F6"), None, -239_000, 1, _NOW, _NOW, _NOW)
_FOOD = Category(4, "Food", "", Look("utensils", "#FFFFFF", "#DD6B20"), Direction.EXPENSE, 1, is_system=True)
_PERSONAL = Tag(5, "Personal", "", Look("user", "#FFFFFF", "#DD6B20"), is_system=True)
_BOOKING = Booking(88, "Groceries", 239_000, _NOW, Direction.EXPENSE, 4, 3, None, 31, "", (5,), (205,))
_NAMED = Named({3: _CASH}, {31: _NOOR}, {4: _FOOD}, {5: _PERSONAL}, {**_AVATARS, 205: _RECEIPT})
_NEW = replace(_NOOR, income=0, expense=0, transactions=0, last_at=None)
_SENT = {
    "title": "Groceries",
    "amount": 23.9,
    "date": "2026-02-11T18:00:00.000Z",
    "type": "expense",
    "categoryId": "4",
    "accountId": "3",
    "personId": None,
    "toAccountId": None,
    "note": "",
    "tags": ["5"],
    "attachments": ["205"],
}


def _person() -> dict[str, Any]:
    return wire.person(_NOOR, _AVATARS, _SITE)


def _account() -> dict[str, Any]:
    return wire.account(_CASH, {}, _SITE)


def _transaction() -> dict[str, Any]:
    return wire.transaction(_BOOKING, _NAMED, _SITE)


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────

_READER: Failures = {**CALLER, "a credential without the right to read": Forbidden(Scope.READ)}
_WRITER: Failures = {**CALLER, "a credential without the right to change anything": Forbidden(Scope.WRITE)}
_ONE: Failures = {"an id that is no number": Missing("route", f"{wire.PREFIX}/people/x1")}
_TEXTS: Failures = {"a text that is none, or too long": Malformed("query", "description is no text")}


def _refused(**phrases: str) -> Failures:
    """What books do not take, by the rule."""
    return {phrase: BookRefused(rule) for rule, phrase in phrases.items()}


_NOT_THEIRS: Failures = _refused(rest_forbidden="no such person, or another user's")
_PERSON_RULES: Failures = {
    **_TEXTS,
    **_refused(
        invalid_person_name="a name that is none",
        invalid_email="an address that is none",
        invalid_avatar="an avatar that is no picture of a person, of the caller's own",
        person_already_exists="another has this name and address",
    ),
}
_ACCOUNT_RULES: Failures = {
    **_TEXTS,
    **_refused(
        invalid_name="a name that is none",
        invalid_icon="an icon that Lucide has not",
        invalid_bg_color="a background that is no colour",
        invalid_color="a colour that is none",
        account_name_not_unique="another has this name",
        invalid_avatar_id="an avatar that is no picture of an account, of the caller's own",
    ),
}
_TRANSACTION_RULES: Failures = {
    **_TEXTS,
    **_refused(
        invalid_title="a title that is none",
        invalid_amount="an amount that is none, or not over 0",
        invalid_date="a date that is none",
        invalid_type="a type that is none of the three",
        invalid_category_id="a category that is not there, or of another type",
        invalid_account_id="an account that is not there",
        invalid_person_id="a person who is not there",
        invalid_to_account_id="a transfer to no account, or to the same",
        invalid_tags="tags that are not there",
        invalid_attachments="attachments that are not there, or came in by another door",
    ),
}
_NO_UPDATE: Failures = _refused(no_update="nothing that is known is named")


# ── operations ───────────────────────────────────────────────────────────────────────────────────────────────────


def operations() -> list[Operation]:
    """Those of people, accounts and transactions."""
    return [*_people(), *_accounts(), *_transactions(), _lists()]


def operation(
    method: str,
    path: str,
    id: str,
    tag: str,
    summary: str,
    answers: Mapping[str, Json],
    description: str = "",
    body: Json | None = None,
    parameters: tuple[Json, ...] = (),
) -> Operation:
    """An operation on somebody's books."""
    number = parameter("path", "id", {"type": "string", "pattern": "^[0-9]+$"}, "", "31")
    return Operation(
        method=method,
        path=wire.PREFIX + path,
        id=f"pika{id}",
        summary=summary,
        description=description,
        parameters=[*([number] if "{id}" in path else []), *parameters],
        request_body=body,
        responses=answers,
        tags=[tag],
        security=[{COOKIE: []}],
    )


def told(description: str, schema: Json, example: Any, *failures: Failures) -> dict[str, Json]:
    """What an operation answers when it goes well, and when it does not."""
    merged = {phrase: error for each in failures for phrase, error in each.items()}
    return {**openapi.success(description, schema, {"an example": example}), **failed(merged)}


def said(message: str, *failures: Failures) -> dict[str, Json]:
    """As ``told``, of an operation that only says that it is done."""
    return told("Done.", ref("PikaMessage"), {"message": message}, *failures)


def sent(schema: str, example: Any) -> Json:
    """A body in JSON, as a form, or in the query."""
    return openapi.json_body(ref(schema), "In JSON, as a form, or in the query.", {"an example": example})


def _people() -> list[Operation]:
    missing: Failures = {**_ONE, "no such person, or another user's": Missing("person", "31")}
    form = {"name": "Noor", "avatarId": "204", "description": "flat mate"}
    shown, row = ref("PikaPerson"), wire.person_row(_NEW, _USER)
    return [
        operation(
            "GET",
            "/people",
            "ListPeople",
            _PEOPLE,
            "List people",
            told("By name.", list_of(shown), [_person()], _READER),
        ),
        operation(
            "POST",
            "/people",
            "CreatePerson",
            _PEOPLE,
            "Add a person",
            told("The row that is kept.", ref("PikaPersonRow"), row, _WRITER, READING, _PERSON_RULES),
            body=sent("PikaPersonForm", form),
        ),
        operation(
            "GET",
            "/people/{id}",
            "GetPerson",
            _PEOPLE,
            "Look at a person",
            told(
                "The person, with what was spent and received in all.",
                ref("PikaPersonWithSums"),
                {**_person(), "totalSummary": wire.total_summary(_NOOR)},
                _READER,
                missing,
            ),
        ),
        operation(
            "PUT",
            "/people/{id}",
            "UpdatePerson",
            _PEOPLE,
            "Change a person",
            told("The person.", shown, _person(), _WRITER, READING, _ONE, _NOT_THEIRS, _PERSON_RULES, _NO_UPDATE),
            "What is not named stays; `null` takes the avatar away. An avatar that nothing has any more is deleted, "
            "and can be restored for a week unless set otherwise.",
            sent("PikaPersonForm", {"phone": "+49 30 1"}),
        ),
        operation(
            "DELETE",
            "/people/{id}",
            "DeletePerson",
            _PEOPLE,
            "Delete a person",
            said(
                "Person deleted successfully",
                _WRITER,
                _ONE,
                _NOT_THEIRS,
                _refused(person_has_transactions="transactions name them"),
            ),
        ),
    ]


def _accounts() -> list[Operation]:
    missing: Failures = {**_ONE, "no such account, or another user's": Missing("account", "3")}
    shown = ref("PikaAccount")
    return [
        operation(
            "GET",
            "/accounts",
            "ListAccounts",
            _ACCOUNTS,
            "List accounts",
            told("By name.", list_of(shown), [_account()], _READER),
        ),
        operation(
            "POST",
            "/accounts",
            "CreateAccount",
            _ACCOUNTS,
            "Add an account",
            told("The account.", shown, _account(), _WRITER, READING, _ACCOUNT_RULES),
            body=sent("PikaAccountForm", {"name": "Cash", "icon": "wallet", "bgColor": "#3B82F6", "color": "#ffffff"}),
        ),
        operation(
            "GET",
            "/accounts/{id}",
            "GetAccount",
            _ACCOUNTS,
            "Look at an account",
            told("The account.", shown, _account(), _READER, missing),
        ),
        operation(
            "PUT",
            "/accounts/{id}",
            "UpdateAccount",
            _ACCOUNTS,
            "Change an account",
            told("The account.", shown, _account(), _WRITER, READING, missing, _ACCOUNT_RULES, _NO_UPDATE),
            "As of a person.",
            sent("PikaAccountForm", {"name": "Purse"}),
        ),
        operation(
            "DELETE",
            "/accounts/{id}",
            "DeleteAccount",
            _ACCOUNTS,
            "Delete an account",
            said(
                "Account deleted successfully",
                _WRITER,
                missing,
                _refused(account_has_transactions="transactions name it"),
            ),
        ),
    ]


def _lists() -> Operation:
    lists = replace(everybodys_lists(), accounts=[_CASH], people=[_NOOR], avatars=_AVATARS)
    failures: Failures = {phrase: error for phrase, error in _READER.items() if not isinstance(error, Unauthenticated)}
    return replace(
        operation(
            "GET",
            "/app/lists",
            "ListBooks",
            _ACCOUNTS,
            "List what can be chosen",
            told("Categories, accounts, people and tags.", ref("PikaLists"), shown(lists, _SITE), failures),
            "Without a cookie, or with one that is no longer good, what is everybody's.",
        ),
        security=[{}, {COOKIE: []}],
    )


def _transactions() -> list[Operation]:
    missing: Failures = {**_ONE, "no such transaction, or another user's": Missing("transaction", "88")}
    shown = ref("PikaTransaction")
    question: Failures = {"a parameter that is none": Malformed("query", "limit is 'x'")}
    whole = {"type": "string", "pattern": "^[0-9]*$"}
    return [
        operation(
            "GET",
            "/transactions",
            "ListTransactions",
            _TRANSACTIONS,
            "List transactions",
            told("The newest first, by their dates.", list_of(shown), [_transaction()], _READER, question),
            f"Without a limit, up to {MAX_LIST}.",
            parameters=(
                parameter("query", "personId", whole),
                parameter("query", "accountId", whole, "From or to this account."),
                parameter("query", "categoryId", whole),
                parameter("query", "dateFrom", {"type": "string"}, "A date, or a day from its beginning."),
                parameter("query", "dateTo", {"type": "string"}, "A date, or a day to its end."),
                parameter("query", "limit", whole, f"At most {MAX_LIST}."),
                parameter("query", "offset", whole, "How many to leave out."),
            ),
        ),
        operation(
            "POST",
            "/transactions",
            "CreateTransaction",
            _TRANSACTIONS,
            "Add a transaction",
            told("The transaction.", shown, _transaction(), _WRITER, READING, _TRANSACTION_RULES),
            f"Of what is wrong, the first in the documented order is told. At most {MAX_TIES} tags and attachments.",
            sent("PikaTransactionForm", _SENT),
        ),
        operation(
            "GET",
            "/transactions/{id}",
            "GetTransaction",
            _TRANSACTIONS,
            "Look at a transaction",
            told("The transaction.", shown, _transaction(), _READER, missing),
        ),
        operation(
            "PUT",
            "/transactions/{id}",
            "UpdateTransaction",
            _TRANSACTIONS,
            "Change a transaction",
            told("The transaction.", shown, _transaction(), _WRITER, READING, missing, _TRANSACTION_RULES, _NO_UPDATE),
            "What is not named stays, tags and attachments too. Attachments that nothing has any more are deleted, and "
            "can be restored for a week unless set otherwise.",
            sent("PikaTransactionForm", {"attachments": ["205"]}),
        ),
        operation(
            "DELETE",
            "/transactions/{id}",
            "DeleteTransaction",
            _TRANSACTIONS,
            "Delete a transaction",
            said("Transaction deleted successfully", _WRITER, missing),
            "Its attachments go with it, as if it had let go of them.",
        ),
    ]
