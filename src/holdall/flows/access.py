"""Who is calling, and what they may do: a presented secret becomes an actor, or nobody.

Two things are asked of whoever does something: a credential with the scope for it and, in a space, a role with the
right to it. The stories ask; a door asks as well where it would otherwise read a body that can only be refused.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from holdall.domain.access import UNSEEN, Actor, Scope, Sight, Space, Token, TokenKind
from holdall.errors import Forbidden, Missing, Unauthenticated, Unavailable
from holdall.ports import Ledger, Membership, Services

T = TypeVar("T")
Look = Callable[[Ledger, Actor], T]
"""What a door wants to know of the caller, asked in the transaction that recognises it."""

LAST_USED_GRAIN = timedelta(minutes=1)
"""A credential's last use is noted at most this often: a write for each read would cost more than the read."""


def hash_secret(secret: str) -> str:
    """The form in which a secret is kept. Secrets have 140 random bits and more, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def authenticate(
    services: Services, kind: TokenKind, secret: str, look: Look[T], sight: Sight = UNSEEN
) -> tuple[Actor, T]:
    """The actor whose live credential this is, and what ``look`` finds for it, in one transaction.

    From where and with what it was used is noted with its last use.

    Raises:
        Unauthenticated: unknown, expired or revoked; which of them is not told.

    """
    hashed, now = hash_secret(secret), services.clock.now()

    def story(ledger: Ledger) -> tuple[Token, Actor, T]:
        token = ledger.accounts.find_token(kind, hashed)
        if token is None or not token.is_live(now):
            raise Unauthenticated("unknown, expired or revoked")
        actor = Actor(user=token.user, token_id=token.id, scopes=token.scopes)
        return token, actor, look(ledger, actor)

    token, actor, found = await services.work.glance(story)
    await note_use(services, token, now, sight)
    return actor, found


async def note_use(services: Services, token: Token, now: datetime, sight: Sight) -> None:
    """Keep when, from where and with what a credential was used, unless it was used just before."""
    if token.last_used_at is None or now - token.last_used_at >= LAST_USED_GRAIN:
        with suppress(Unavailable):  # a full disk stops uploads, and not those who only read
            await services.work.note(lambda ledger: ledger.accounts.touch_token(token.id, now, sight))


def nothing(_ledger: Ledger, _actor: Actor) -> None:
    """For what any credential may do: give itself up."""


def holding(scope: Scope) -> "Look[None]":
    """Looks for nothing but the scope, as ``demand``."""
    return lambda _ledger, actor: demand(actor, scope)


def demand(actor: Actor, scope: Scope) -> None:
    """Refuse a credential that lacks a scope.

    Raises:
        Forbidden: it does.

    """
    if scope not in actor.scopes:
        raise Forbidden(scope.value)


def enter(ledger: Ledger, actor: Actor, space_id: str, scope: Scope = Scope.READ) -> Membership:
    """The space, for a member who may do that in it; strangers are not told that it exists.

    Asked anew in every transaction, so that whoever is let go, or made a viewer, is refused with the next request.

    Raises:
        Missing: no such space for this caller.
        Forbidden: the credential lacks the scope, or the member's role the right.

    """
    demand(actor, scope)
    membership = ledger.spaces.find(space_id, actor.user)
    if membership is None:
        raise Missing("space", space_id)
    if not membership.role.may(scope):
        raise Forbidden(scope.value, lacking="role")
    return membership


def entering(space_id: str, scope: Scope) -> "Look[Space]":
    """Looks for the space of this id, as ``enter``."""
    return lambda ledger, actor: enter(ledger, actor, space_id, scope).space


def at_home(scope: Scope) -> "Look[Space]":
    """Looks for the user's own space, in which they are the owner and alone.

    Raises:
        Missing: this user has none.
        Forbidden: the credential lacks the scope.

    """

    def look(ledger: Ledger, actor: Actor) -> Space:
        demand(actor, scope)
        space = ledger.spaces.personal(actor.user)
        if space is None:
            raise Missing("space")
        return space

    return look
