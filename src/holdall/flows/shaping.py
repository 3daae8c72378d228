"""What the stories of those who shape a space share: who may, what is done once, and what is put on record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdall.domain.access import Actor, Scope, Space
from holdall.errors import Forbidden
from holdall.flows.access import enter
from holdall.flows.once import Once
from holdall.ports import Ledger


@dataclass(frozen=True, slots=True)
class Shaping:
    """Who shapes which space, and what makes it safe to repeat."""

    actor: Actor
    space_id: str
    once: Once | None = None

    def enter(self, ledger: Ledger) -> Space:
        """The space, for who may shape it.

        Raises:
            Missing, Forbidden: see ``flows.access.enter``; the member's role has no right to it.

        """
        membership = enter(ledger, self.actor, self.space_id, Scope.WRITE)
        if not membership.role.administers:
            raise Forbidden("change its structure", lacking="role")
        return membership.space

    def earlier(self, ledger: Ledger) -> Sequence[str] | None:
        """What a request with this key led to when it first came."""
        return None if self.once is None else self.once.settle(ledger)

    def finish(self, ledger: Ledger, act: str, subject: str, details: Mapping[str, Any], *also: str) -> None:
        """Put the act on record, and remember what the request led to."""
        ledger.audit.record(self.actor.user.id, act, subject, {"space": self.space_id, **details})
        if self.once is not None:
            self.once.finish(ledger, [subject, *also])
