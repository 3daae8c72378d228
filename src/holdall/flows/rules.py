"""Rules of one space, on top of the house's: changed by operators, and on record."""

from collections.abc import Callable, Mapping
from typing import Any

from holdall.domain.policy import SpaceRules
from holdall.flows.members import known_space
from holdall.ports import Ledger, Services

Change = Callable[[SpaceRules], SpaceRules]


async def change_space_rules(services: Services, space_id: str, change: Change) -> SpaceRules:
    """Give a space other rules, for the next request on; return them.

    Raises:
        Missing: no such space.

    """

    def story(ledger: Ledger) -> SpaceRules:
        space = known_space(ledger, space_id)
        rules = change(space.rules)
        ledger.spaces.set_rules(space, rules)
        ledger.audit.record(services.operator, "space.rules", space.id, told(rules))
        return rules

    return await services.work.write(story)


async def space_rules(services: Services, space_id: str) -> SpaceRules:
    """The rules of a space.

    Raises:
        Missing: no such space.

    """
    return await services.work.read(lambda ledger: known_space(ledger, space_id).rules)


def told(rules: SpaceRules) -> Mapping[str, Any]:
    """Rules as people are told of them: every key, always."""
    strips = {None: "house", True: "on", False: "off"}[rules.hides_places]
    return {"findings": dict(rules.findings), "images": list(rules.images), "strip_location": strips}
