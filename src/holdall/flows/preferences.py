"""The stories of what a user chose for themselves: looked at beside who is calling, and changed."""

from collections.abc import Callable
from typing import TypeVar

import structlog

from holdall.domain.access import Actor, Scope, User
from holdall.domain.preferences import Preferences
from holdall.flows.access import Look, demand
from holdall.ports import Ledger, Services, Vault

T = TypeVar("T")
Change = Callable[[Preferences], Preferences]

log = structlog.get_logger()


def with_preferences(look: Look[T]) -> "Look[tuple[T, Preferences]]":
    """Looks for the caller's preferences as well, in the same transaction."""

    def both(ledger: Ledger, actor: Actor) -> tuple[T, Preferences]:
        return look(ledger, actor), ledger.preferences.of(actor.user)

    return both


async def preferences_of(services: Services, user: User) -> Preferences:
    """What a user chose."""
    return await services.work.glance(lambda ledger: ledger.preferences.of(user))


async def change_preferences(services: Services, actor: Actor, change: Change) -> Preferences:
    """Have other preferences from the next request on; return them. Of two changes at once, neither is lost.

    Raises:
        Forbidden: the credential may not write.

    """
    demand(actor, Scope.WRITE)

    def story(ledger: Ledger) -> Preferences:
        changed = change(ledger.preferences.hold(actor.user))
        ledger.preferences.keep(actor.user, changed)
        return changed

    return await services.work.write(story)


def seal_key(vault: Vault, user: User, key: str) -> str:
    """A key in the form in which it is kept; ``""`` for none."""
    return vault.seal(key.encode(), _owner(user)) if key else ""


def unseal_key(vault: Vault, user: User, sealed: str) -> str:
    """The key; ``""`` where there is none, or none that opens: the installation's own key was changed."""
    if not sealed:
        return ""
    try:
        return vault.unseal(sealed, _owner(user)).decode()
    except ValueError as error:
        log.warning("a user's key does not open", user=user.id, reason=str(error))
        return ""


def _owner(user: User) -> str:
    """What the key is sealed for: neither another user's row nor another secret of theirs can take its place."""
    return f"{user.id} ai-key"
