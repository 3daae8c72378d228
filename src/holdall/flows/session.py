"""Signing in with a device secret, and out again."""

from typing import TypeVar

from holdall.domain.access import Actor, TokenKind
from holdall.errors import Unauthenticated
from holdall.flows.access import Look, authenticate, hash_secret
from holdall.ports import Ledger, Services

T = TypeVar("T")


async def sign_in(services: Services, login: str, secret: str, address: str) -> Actor:
    """The actor behind a login (or e-mail address) and one of its device secrets.

    Safe to repeat: browsers send the same sign-in two or three times within a second.

    Raises:
        RateLimited: too many tries from this address, or on this login.
        Unauthenticated: they do not belong together; which of them is wrong is not told.

    """
    await services.limiter.spend("sign-in", address)
    await services.limiter.spend("sign-in", f"login:{login.lower()[:100]}")
    hashed, now = hash_secret(secret), services.clock.now()

    def look(ledger: Ledger) -> Actor | None:
        token, user = ledger.accounts.find_token(TokenKind.DEVICE, hashed), ledger.accounts.find_user(login)
        if token is None or user is None or token.user.id != user.id or not token.is_live(now):
            return None
        return Actor(user=user, token_id=token.id, scopes=token.scopes)

    actor = await services.work.read(look)
    if actor is None:
        raise Unauthenticated("login and secret do not belong together")
    return actor


async def recognise(services: Services, login: str, secret: str, address: str, look: Look[T]) -> tuple[Actor, T]:
    """The actor of a credential that comes with every request, and what ``look`` finds for it.

    A wrong one is a guess, and counts like a sign-in: for this login from this address, so that nobody is kept out of
    their own account by others who guess at it.

    Raises:
        RateLimited: too many guesses.
        Unauthenticated: it is not, or no longer, good.

    """
    guesser = f"{address} {login.lower()[:100]}"
    await services.limiter.peek("sign-in", guesser)

    def look_as(ledger: Ledger, actor: Actor) -> T:
        if login.lower() not in (actor.user.login.lower(), actor.user.email.lower()):
            raise Unauthenticated("login and secret do not belong together")
        return look(ledger, actor)

    try:
        return await authenticate(services, TokenKind.DEVICE, secret, look_as)
    except Unauthenticated:
        await services.limiter.spend("sign-in", guesser)
        raise


async def sign_out(services: Services, actor: Actor) -> None:
    """Kill the device secret in use. Safe to repeat."""
    now = services.clock.now()

    def kill(ledger: Ledger) -> None:
        ledger.accounts.revoke_token(actor.token_id, now)
        ledger.audit.record(actor.user.id, "token.sign-out", actor.token_id, {"user": actor.user.login})

    await services.work.write(kill)
