"""Users and their credentials."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, bindparam, case, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from holdall.adapters.db.prepared import Prepared
from holdall.adapters.db.tables import tokens, users
from holdall.domain.access import UNSEEN, Scope, Sight, Token, TokenKind, User
from holdall.errors import Conflict

USER = (users.c.id, users.c.public_id, users.c.login, users.c.email, users.c.name, users.c.created_at)
"""In the order of ``User``'s fields."""
_TOKEN = (
    tokens.c.public_id,
    tokens.c.kind,
    tokens.c.name,
    tokens.c.scopes,
    tokens.c.created_at,
    tokens.c.expires_at,
    tokens.c.last_used_at,
    tokens.c.revoked_at,
    tokens.c.last_address,
    tokens.c.last_agent,
)

# PostgreSQL's insert compiles for SQLite as well: both spell ON CONFLICT the same.
_ADD_USER = insert_or_not(users).on_conflict_do_nothing(index_elements=[users.c.login_key]).returning(users.c.id)
_FIND_USER = (
    select(*USER)
    .where((users.c.login_key == bindparam("wanted")) | (users.c.email_key == bindparam("wanted")))
    .order_by(case((users.c.login_key == bindparam("wanted"), 0), else_=1), users.c.id)
    .limit(1)
)
_ADD_TOKEN = insert(tokens)
_TOKENS = select(*_TOKEN, *USER).join_from(tokens, users, tokens.c.user_id == users.c.id)
_FIND_TOKEN = Prepared(_TOKENS.where(tokens.c.kind == bindparam("kind"), tokens.c.hash == bindparam("hash")))
_TOKENS_OF = _TOKENS.where(tokens.c.user_id == bindparam("user_id")).order_by(tokens.c.id.desc())
_LIVE_TOKENS_OF = _TOKENS_OF.where(
    tokens.c.kind == bindparam("kind"),
    tokens.c.revoked_at.is_(None),
    tokens.c.expires_at.is_(None) | (tokens.c.expires_at > bindparam("now", type_=tokens.c.expires_at.type)),
)
_TOUCH_TOKEN = (
    update(tokens)
    .where(tokens.c.public_id == bindparam("token"))
    .values(
        last_used_at=bindparam("now"),
        last_address=func.coalesce(bindparam("address", type_=String), tokens.c.last_address),
        last_agent=func.coalesce(bindparam("agent", type_=String), tokens.c.last_agent),
    )
)
_REVOKE_TOKEN = (
    update(tokens)
    .where(tokens.c.public_id == bindparam("token"))
    .values(revoked_at=func.coalesce(tokens.c.revoked_at, bindparam("now", type_=tokens.c.revoked_at.type)))
)
_PASSWORD = select(users.c.password).where(users.c.id == bindparam("user_id"))
_SET_PASSWORD = update(users).where(users.c.id == bindparam("user_id")).values(password=bindparam("hash"))


class SqlAccounts:
    """``ports.Accounts`` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_user(self, id: str, login: str, email: str, name: str, now: datetime) -> User:
        """Keep a new user."""
        row = {"public_id": id, "login": login, "email": email, "name": name, "created_at": now}
        keys = {"login_key": login.casefold(), "email_key": email.casefold()}
        number = self._connection.scalar(_ADD_USER, row | keys)
        if number is None:
            raise Conflict("login taken")
        return User(number, id, login, email, name, now)

    def find_user(self, login: str) -> User | None:
        """The user of this login or, failing that, the oldest with this e-mail address; letter case aside."""
        if "\0" in login:  # PostgreSQL has no such text, and nobody such a name
            return None
        row = self._connection.execute(_FIND_USER, {"wanted": login.casefold()}).first()
        return None if row is None else User(*row)

    def add_token(self, token: Token, hash: str) -> None:
        """Keep a credential by its hash."""
        self._connection.execute(
            _ADD_TOKEN,
            {
                "public_id": token.id,
                "user_id": token.user.number,
                "kind": token.kind.value,
                "name": token.name,
                "hash": hash,
                "scopes": " ".join(sorted(token.scopes)),
                "created_at": token.created_at,
                "expires_at": token.expires_at,
                "last_used_at": token.last_used_at,
                "revoked_at": token.revoked_at,
                "last_address": token.last_seen.address,
                "last_agent": token.last_seen.agent,
            },
        )

    def find_token(self, kind: TokenKind, hash: str) -> Token | None:
        """The credential with this hash, dead or alive, and its user, in one statement."""
        row = _FIND_TOKEN.row(self._connection, {"kind": kind.value, "hash": hash})
        return None if row is None else _token(row)

    def touch_token(self, id: str, now: datetime, sight: Sight = UNSEEN) -> None:
        """Note that a credential was used; what is not told of it stays as it was."""
        self._connection.execute(
            _TOUCH_TOKEN, {"token": id, "now": now, "address": sight.address, "agent": sight.agent}
        )

    def revoke_token(self, id: str, now: datetime) -> bool:
        """Kill a credential; one that is dead already keeps the time of its death."""
        return self._connection.execute(_REVOKE_TOKEN, {"token": id, "now": now}).rowcount > 0

    def tokens(self, user: User) -> list[Token]:
        """A user's credentials, newest first."""
        return [_token(row) for row in self._connection.execute(_TOKENS_OF, {"user_id": user.number})]

    def live_tokens(self, user: User, kind: TokenKind, now: datetime) -> list[Token]:
        """Those of one kind that still open their door, newest first."""
        wanted = {"user_id": user.number, "kind": kind.value, "now": now}
        return [_token(row) for row in self._connection.execute(_LIVE_TOKENS_OF, wanted)]

    def password(self, user: User) -> str | None:
        """The hash of a user's password, if they have one."""
        hash: str | None = self._connection.scalar(_PASSWORD, {"user_id": user.number})
        return hash

    def set_password(self, user: User, hash: str | None) -> None:
        """Keep the hash of a new password, or none."""
        self._connection.execute(_SET_PASSWORD, {"user_id": user.number, "hash": hash})


def _token(row: Sequence[Any]) -> Token:
    id, kind, name, scopes, created_at, expires_at, last_used_at, revoked_at, address, agent, *user = row
    return Token(
        id,
        TokenKind(kind),
        name,
        User(*user),
        frozenset(map(Scope, scopes.split())),
        created_at,
        expires_at,
        last_used_at,
        revoked_at,
        UNSEEN if address is agent is None else Sight(address, agent),
    )
