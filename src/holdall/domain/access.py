"""Who is calling, and what they may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from holdall.domain.policy import NO_RULES, SpaceRules


class Scope(StrEnum):
    """What a token may be used for, and what a role may do in its space."""

    READ = "read"
    WRITE = "write"


class Role(StrEnum):
    """What a member is in a space. Changed by the space's owners, and by operators (``holdall space member``)."""

    OWNER = "owner"
    """As an editor, and shapes the space and decides who else belongs to it; a space is never without one."""
    EDITOR = "editor"
    VIEWER = "viewer"

    def may(self, scope: Scope) -> bool:
        """Whether a member of this role may do that in the space."""
        return scope in _RIGHTS[self]

    @property
    def administers(self) -> bool:
        """Whether a member of this role shapes the space (its nodes and fields), and decides who belongs to it.

        An editor fills what is there.
        """
        return self is Role.OWNER


_RIGHTS: dict[Role, frozenset[Scope]] = {
    Role.OWNER: frozenset(Scope),
    Role.EDITOR: frozenset(Scope),
    Role.VIEWER: frozenset({Scope.READ}),
}


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    number: int
    id: str
    login: str
    email: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated caller: the user, the credential used, and what that credential allows."""

    user: User
    token_id: str
    scopes: frozenset[Scope]

    @property
    def key(self) -> str:
        """Names the actor for rate limits and idempotency keys."""
        return self.user.id


@dataclass(frozen=True, slots=True)
class Space:
    """A workspace: owns blobs, databases and members."""

    number: int
    id: str
    name: str
    owner_id: str
    created_at: datetime
    member_count: int = 1
    is_personal: bool = False
    max_bytes: int | None = None
    """A quota of its own (``domain.quota``), 0 for none; ``None``: what holds for every space."""
    max_files: int | None = None
    rules: SpaceRules = NO_RULES
    has_webhooks: bool = False
    """Whether anybody is told of what happens in it; read with the space, so that writes ask no more for it."""


class TokenKind(StrEnum):
    """Which door a credential opens."""

    BEARER = "bearer"
    DEVICE = "device"
    """A per-device secret (application password), carried in a cookie."""


@dataclass(frozen=True, slots=True)
class Sight:
    """From where, and with what, a credential was used."""

    address: str | None = None
    agent: str | None = None
    """The User-Agent, as far as logs keep it."""


UNSEEN = Sight()


@dataclass(frozen=True, slots=True)
class Token:
    """A credential as it is kept: only its hash, never itself."""

    id: str
    kind: TokenKind
    name: str
    user: User
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    last_seen: Sight = UNSEEN

    def is_live(self, now: datetime) -> bool:
        """Whether it still opens its door."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
