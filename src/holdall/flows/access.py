"""Who is calling: a presented secret becomes an actor, or nobody."""

import hashlib
from datetime import timedelta

from holdall.domain.access import Actor, Scope, Space, Token, TokenKind
from holdall.errors import Forbidden, Missing, Unauthenticated
from holdall.ports import Ledger, Membership, Services

LAST_USED_GRAIN = timedelta(minutes=1)
"""A credential's last use is noted at most this often: a write for each read would cost more than the read."""


def hash_secret(secret: str) -> str:
    """The form in which a secret is kept. Secrets have 140 random bits and more, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def authenticate(services: Services, kind: TokenKind, secret: str) -> Actor:
    """The actor whose live credential this is.

    Raises:
        Unauthenticated: unknown, expired or revoked; which of them is not told.

    """
    hashed, now = hash_secret(secret), services.clock.now()
    token = await services.work.read(lambda ledger: ledger.accounts.find_token(kind, hashed))
    if token is None or not token.is_live(now):
        raise Unauthenticated("unknown, expired or revoked")
    if token.last_used_at is None or now - token.last_used_at >= LAST_USED_GRAIN:
        id = token.id
        await services.work.write(lambda ledger: ledger.accounts.touch_token(id, now))
    return actor_of(token)


def actor_of(token: Token) -> Actor:
    """The caller that a live credential stands for."""
    return Actor(user=token.user, token_id=token.id, scopes=token.scopes)


def demand(actor: Actor, scope: Scope) -> None:
    """Refuse a credential that lacks a scope.

    Raises:
        Forbidden: it does.

    """
    if scope not in actor.scopes:
        raise Forbidden(scope.value)


def enter(ledger: Ledger, actor: Actor, space_id: str) -> Membership:
    """The space, for a member of it; strangers are not told that it exists.

    Raises:
        Missing: no such space for this caller.

    """
    membership = ledger.spaces.find(space_id, actor.user)
    if membership is None:
        raise Missing("space", space_id)
    return membership


async def enter_space(services: Services, actor: Actor, space_id: str) -> Space:
    """As ``enter``, in a transaction of its own."""
    membership = await services.work.read(lambda ledger: enter(ledger, actor, space_id))
    return membership.space


async def personal_space(services: Services, actor: Actor) -> Space:
    """The user's own space.

    Raises:
        Missing: this user has none.

    """
    space = await services.work.read(lambda ledger: ledger.spaces.personal(actor.user))
    if space is None:
        raise Missing("space")
    return space
