"""Making users, spaces, databases and credentials: what operators do, and what the demo is made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdall.domain.access import UNSEEN, Actor, Scope, Sight, Space, Token, TokenKind, User
from holdall.domain.audit import iso
from holdall.domain.records import Field, Node, NodeType
from holdall.errors import Missing
from holdall.flows.access import hash_secret
from holdall.flows.outbox import tell_of_node
from holdall.ports import Ledger, Services

BEARER_PREFIX, BEARER_LENGTH = "bkt", 32
DEVICE_LENGTH = 24
"""142 bits; written in six groups of four."""
ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Minted:
    """A new credential: how it is kept, and the secret itself, which is shown once and kept nowhere."""

    token: Token
    secret: str


async def add_user(services: Services, login: str, email: str = "", name: str = "") -> User:
    """A new user with a personal space.

    Raises:
        Conflict: the login is taken.

    """
    return await services.work.write(lambda ledger: create_user(services, ledger, login, email, name))


def create_user(services: Services, ledger: Ledger, login: str, email: str, name: str) -> User:
    """As ``add_user``, inside a transaction."""
    ids, now = services.ids, services.clock.now()
    user = ledger.accounts.add_user(ids.public("usr"), login, email, name or login, now)
    ledger.audit.record(services.operator, "user.add", user.id, {"login": login})
    create_space(services, ledger, f"{user.name}'s files", user, is_personal=True)
    return user


async def add_space(services: Services, name: str, owner_login: str) -> Space:
    """A new shared space with its root node.

    Raises:
        Missing: no such owner.

    """
    return await services.work.write(
        lambda ledger: create_space(services, ledger, name, known_user(ledger, owner_login), is_personal=False)
    )


def create_space(services: Services, ledger: Ledger, name: str, owner: User, *, is_personal: bool) -> Space:
    """As ``add_space``, inside a transaction."""
    ids, now = services.ids, services.clock.now()
    space = ledger.spaces.add(ids.public("spc"), name, owner, ids.public("mem"), now, is_personal=is_personal)
    ledger.spaces.add_node(ids.public("rot"), space, None, NodeType.ROOT, "ROOT", now)
    known = {"name": name, "owner": owner.login, "is_personal": is_personal}
    ledger.audit.record(services.operator, "space.add", space.id, known)
    return space


def create_database(services: Services, ledger: Ledger, space: Space, name: str, fields: Sequence[Field]) -> Node:
    """A database directly under a space's root."""
    root = next(node for node in ledger.spaces.nodes(space) if node.type is NodeType.ROOT)
    now = services.clock.now()
    node = ledger.spaces.add_node(services.ids.public("dat"), space, root.id, NodeType.DATABASE, name, now)
    for field in fields:
        ledger.spaces.add_field(node, field)
    tell_of_node(services, ledger, space, node)
    return node


async def mint(
    services: Services,
    kind: TokenKind,
    login: str,
    name: str,
    scopes: Iterable[Scope] = ALL_SCOPES,
    ttl: timedelta | None = None,
) -> Minted:
    """A new credential for a user.

    Raises:
        Missing: no such user.

    """
    ids, now = services.ids, services.clock.now()
    secret = ids.secret(BEARER_PREFIX, BEARER_LENGTH) if kind is TokenKind.BEARER else ids.secret("", DEVICE_LENGTH)

    def add(ledger: Ledger) -> Token:
        user = known_user(ledger, login)
        return add_token(services, ledger, kind, user, name, secret, now, scopes=scopes, ttl=ttl, by=services.operator)

    return Minted(await services.work.write(add), secret)


def add_token(
    services: Services,
    ledger: Ledger,
    kind: TokenKind,
    user: User,
    name: str,
    secret: str,
    now: datetime,
    *,
    by: str,
    scopes: Iterable[Scope] = ALL_SCOPES,
    ttl: timedelta | None = None,
    sight: Sight = UNSEEN,
) -> Token:
    """Keep a new credential, inside a transaction; ``by`` is who made it, for the audit log."""
    token = Token(
        id=services.ids.public("tok"),
        kind=kind,
        name=name,
        user=user,
        scopes=frozenset(scopes),
        created_at=now,
        expires_at=now + ttl if ttl else None,
        last_used_at=None,
        revoked_at=None,
        last_seen=sight,
    )
    ledger.accounts.add_token(token, hash_secret(secret))
    ledger.audit.record(by, "token.create", token.id, _said_of(token))
    return token


async def revoke(services: Services, token_id: str) -> None:
    """Kill a credential at once.

    Raises:
        Missing: there is none of this id.

    """
    now = services.clock.now()

    def kill(ledger: Ledger) -> None:
        if not ledger.accounts.revoke_token(token_id, now):
            raise Missing("token", token_id)
        ledger.audit.record(services.operator, "token.revoke", token_id, {})

    await services.work.write(kill)


def _said_of(token: Token) -> dict[str, Any]:
    """What the audit log tells of a credential: all but itself."""
    return {
        "user": token.user.login,
        "kind": token.kind.value,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "expires_at": None if token.expires_at is None else iso(token.expires_at),
    }


def known_user(ledger: Ledger, login: str) -> User:
    """The user of this login.

    Raises:
        Missing: there is none.

    """
    user = ledger.accounts.find_user(login)
    if user is None:
        raise Missing("user", login)
    return user


def actor_for(user: User) -> Actor:
    """The user acting through the command line."""
    return Actor(user, token_id="", scopes=ALL_SCOPES)
