"""People as cells name them: members of a space by their own id, authors of records by their account."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to be shown."""

    id: str
    """As a member of the space; as a user, where they are a member no longer."""
    name: str


@dataclass(frozen=True, slots=True)
class People:
    """Those whom some cells name, as far as they are known."""

    members: Mapping[str, Person] = field(default_factory=dict)
    """By member id: who belongs to the space."""
    users: Mapping[int, Person] = field(default_factory=dict)
    """By the number of the account: who wrote, whether they still belong to the space or not."""


NOBODY = People()
