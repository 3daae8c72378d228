"""Passwords of people: set by operators, and exchanged for a device's own secret at the consent page."""

from collections.abc import Collection

from holdall.domain import passwords as rules
from holdall.domain.access import Sight, TokenKind, User
from holdall.errors import Unauthenticated
from holdall.flows.accounts import DEVICE_LENGTH, Minted, add_token, create_user, known_user
from holdall.ports import Ledger, Services

PRICE = 3
"""Of a guess at a password, in sign-ins: it is made by people, and shorter than a device's secret."""
MAX_GIVEN = 4 * rules.MAX_LENGTH


async def set_password(services: Services, login: str, password: str, *, sign_out: bool = False) -> int:
    """Give the user this password, and no other; says how many devices were signed out.

    Raises:
        Missing: no such user.
        PasswordRefused: it cannot be a password; the message says why.

    """
    user = await services.work.read(lambda ledger: known_user(ledger, login))
    hash = await _hash(services, (user.login, user.email, user.name), password)
    now = services.clock.now()

    def keep(ledger: Ledger) -> int:
        ledger.accounts.set_password(user, hash)
        devices = ledger.accounts.live_tokens(user, TokenKind.DEVICE, now) if sign_out else []
        for token in devices:
            ledger.accounts.revoke_token(token.id, now)
        known = {"login": user.login, "signed_out": [token.id for token in devices]}
        ledger.audit.record(services.operator, "user.password", user.id, known)
        return len(devices)

    return await services.work.write(keep)


async def add_user(services: Services, login: str, email: str, name: str, password: str) -> User:
    """A new user with a personal space and a password.

    Raises:
        Conflict: the login is taken.
        PasswordRefused: it cannot be a password; the message says why.

    """
    hash = await _hash(services, (login, email, name), password)

    def add(ledger: Ledger) -> User:
        user = create_user(services, ledger, login, email, name)
        ledger.accounts.set_password(user, hash)
        ledger.audit.record(services.operator, "user.password", user.id, {"login": login})
        return user

    return await services.work.write(add)


async def _hash(services: Services, names: Collection[str], password: str) -> str:
    """The form in which a new password of somebody of these names is kept."""
    chosen = rules.normal(password)
    fault = rules.fault_of(chosen, names)
    if fault:
        raise rules.PasswordRefused(f"This cannot be the password: {fault}")
    return await services.passwords.hash(chosen)


async def grant(services: Services, login: str, password: str, name: str, address: str, sight: Sight) -> Minted:
    """A new secret for a device of whoever this is by login (or e-mail address) and password.

    ``name`` is what the device's application calls itself, fit to be shown; ``address`` is what limits count by.

    Raises:
        RateLimited: too many tries from this address, or on this login; or too many at once.
        LimitsUnavailable: tries cannot be counted now.
        Unauthenticated: they do not belong together, or the user has no password; which of them is not told, and takes
            no other time.

    """
    await services.limiter.spend("sign-in", address)
    await services.limiter.spend("sign-in", f"login:{login.lower()[:100]}", PRICE)
    user, kept = await services.work.read(lambda ledger: _find(ledger, login))
    given = rules.normal(password[:MAX_GIVEN])
    if not await services.passwords.matches(given, kept) or user is None or kept is None:
        raise Unauthenticated("login and password do not belong together")
    newer = await services.passwords.hash(given) if services.passwords.is_outdated(kept) else None
    owner, secret, now = user, services.ids.secret("", DEVICE_LENGTH), services.clock.now()

    def add(ledger: Ledger) -> Minted:
        if ledger.accounts.password(owner) != kept:
            raise Unauthenticated("the password was changed meanwhile")
        if newer is not None:
            ledger.accounts.set_password(owner, newer)
        token = add_token(services, ledger, TokenKind.DEVICE, owner, name, secret, now, sight=sight, by=owner.id)
        return Minted(token, secret)

    return await services.work.write(add)


def _find(ledger: Ledger, login: str) -> tuple[User | None, str | None]:
    user = ledger.accounts.find_user(login)
    return user, None if user is None else ledger.accounts.password(user)
