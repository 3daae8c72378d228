"""Signing in with a device secret, and out again."""

from contextlib import suppress
from typing import TypeVar
from uuid import UUID, uuid5

from holdall.domain.access import UNSEEN, Actor, Sight, Token, TokenKind
from holdall.errors import LimitsUnavailable, Missing, Unauthenticated
from holdall.flows.access import Look, authenticate, hash_secret, note_use
from holdall.ports import Ledger, Services

T = TypeVar("T")

_SESSIONS = UUID("6f0d2a54-6d4b-5c0a-9a3e-0d5a1b7f7c11")
"""The name space of sessions' numbers; ours, and never another."""


async def sign_in(services: Services, login: str, secret: str, address: str, sight: Sight = UNSEEN) -> Actor:
    """The actor behind a login (or e-mail address) and one of its device secrets.

    Safe to repeat: browsers send the same sign-in two or three times within a second. ``address`` is what limits count
    by; ``sight`` is kept with the secret, for its owner to see.

    Raises:
        RateLimited: too many tries from this address, or on this login.
        LimitsUnavailable: tries cannot be counted now.
        Unauthenticated: they do not belong together; which of them is wrong is not told.

    """
    await services.limiter.spend("sign-in", address)
    await services.limiter.spend("sign-in", f"login:{login.lower()[:100]}")
    hashed, now = hash_secret(secret), services.clock.now()

    def look(ledger: Ledger) -> Token | None:
        token, user = ledger.accounts.find_token(TokenKind.DEVICE, hashed), ledger.accounts.find_user(login)
        if token is None or user is None or token.user.id != user.id or not token.is_live(now):
            return None
        return token

    token = await services.work.read(look)
    if token is None:
        raise Unauthenticated("login and secret do not belong together")
    await note_use(services, token, now, sight)
    return Actor(user=token.user, token_id=token.id, scopes=token.scopes)


async def recognise(
    services: Services, login: str, secret: str, address: str, look: Look[T], sight: Sight = UNSEEN
) -> tuple[Actor, T]:
    """The actor of a credential that comes with every request, and what ``look`` finds for it.

    Without a login it is known by its secret alone, which is as much as there is to know.

    A wrong one is a guess, and counts like a sign-in: for this login from this address, so that nobody is kept out of
    their own account by others who guess at it.

    Raises:
        RateLimited: too many guesses.
        Unauthenticated: it is not, or no longer, good.

    """
    guesser = f"{address} {login.lower()[:100]}"
    await services.limiter.peek("sign-in", guesser)

    def look_as(ledger: Ledger, actor: Actor) -> T:
        if login and login.lower() not in (actor.user.login.lower(), actor.user.email.lower()):
            raise Unauthenticated("login and secret do not belong together")
        return look(ledger, actor)

    try:
        return await authenticate(services, TokenKind.DEVICE, secret, look_as, sight)
    except Unauthenticated:
        with suppress(LimitsUnavailable):  # wrong is wrong, whoever counts
            await services.limiter.spend("sign-in", guesser)
        raise


async def sign_out(services: Services, actor: Actor) -> None:
    """Kill the device secret in use. Safe to repeat."""
    now = services.clock.now()

    def kill(ledger: Ledger) -> None:
        ledger.accounts.revoke_token(actor.token_id, now)
        ledger.audit.record(actor.user.id, "token.sign-out", actor.token_id, {"user": actor.user.login})

    await services.work.write(kill)


async def devices(services: Services, actor: Actor) -> list[Token]:
    """The device secrets by which the actor's user can still be signed in, newest first."""
    now = services.clock.now()
    return await services.work.read(lambda ledger: ledger.accounts.live_tokens(actor.user, TokenKind.DEVICE, now))


async def revoke_device(services: Services, actor: Actor, number: UUID) -> Token:
    """Kill one of the user's device secrets, by its session's number.

    Raises:
        Missing: none of theirs that is alive has it.

    """
    now = services.clock.now()

    def kill(ledger: Ledger) -> Token:
        alive = ledger.accounts.live_tokens(actor.user, TokenKind.DEVICE, now)
        token = next((token for token in alive if session_number(token) == number), None)
        if token is None:
            raise Missing("session", str(number))
        ledger.accounts.revoke_token(token.id, now)
        ledger.audit.record(actor.user.id, "token.revoke", token.id, {"user": actor.user.login, "by": actor.token_id})
        return token

    return await services.work.write(kill)


def session_number(token: Token) -> UUID:
    """What clients call the session of a device secret: made of its public id, so always the same."""
    return uuid5(_SESSIONS, token.id)
