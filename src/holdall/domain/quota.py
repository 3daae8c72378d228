"""How much a space and a user may keep, how much they do, and what is left of it.

A file counts once for each space that keeps it, and once for each user who brought it, however often it comes.
What counts is the file as it came; renditions that we make of it are ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum

from holdall.domain.access import Space, User
from holdall.errors import QuotaExceeded


@dataclass(frozen=True, slots=True)
class Usage:
    """So many bytes, in so many files."""

    bytes: int = 0
    files: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(self.bytes + other.bytes, self.files + other.files)

    def __sub__(self, other: "Usage") -> "Usage":
        """The difference."""
        return Usage(self.bytes - other.bytes, self.files - other.files)


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that may be kept; 0: no limit."""

    max_bytes: int = 0
    max_files: int = 0

    @property
    def is_set(self) -> bool:
        """Whether there is any limit."""
        return bool(self.max_bytes or self.max_files)

    def overstepped(self, used: Usage) -> str:
        """``bytes`` or ``files``, whichever this is too much of; ``""`` when it fits."""
        if self.max_bytes and used.bytes > self.max_bytes:
            return "bytes"
        return "files" if self.max_files and used.files > self.max_files else ""


class HolderKind(StrEnum):
    """Whose quota it is."""

    SPACE = "space"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Holder:
    """A space or a user, by their number, as somebody who has a quota."""

    kind: HolderKind
    number: int


@dataclass(frozen=True, slots=True)
class Quotas:
    """What every space, and every user, may keep where nothing else is said of them."""

    space: Quota = Quota()
    user: Quota = Quota()

    def of_space(self, space: Space) -> Quota:
        """A space's quota: what an operator said of it, else what holds for all."""
        quota = self.space
        if space.max_bytes is not None:
            quota = replace(quota, max_bytes=space.max_bytes)
        if space.max_files is not None:
            quota = replace(quota, max_files=space.max_files)
        return quota

    def binding(self, space: Space, user: User) -> list[tuple[Holder, Quota]]:
        """The quotas that bind what this user brings into this space; always in this order, lest two wait in a ring."""
        both = (
            (Holder(HolderKind.SPACE, space.number), self.of_space(space)),
            (Holder(HolderKind.USER, user.number), self.user),
        )
        return [(holder, quota) for holder, quota in both if quota.is_set]


@dataclass(frozen=True, slots=True)
class Room:
    """What the binding quotas left when somebody came in by a door. Empty: no limit."""

    limits: Sequence[tuple[Holder, Quota, Usage]] = ()
    """Who, how much, and how much of it was used."""

    @property
    def bytes(self) -> int | None:
        """The bytes left, at least 0; ``None``: no limit."""
        left = [quota.max_bytes - used.bytes for _, quota, used in self.limits if quota.max_bytes]
        return max(0, min(left)) if left else None

    def refusal(self, held: Mapping[Holder, Usage], wanted: Usage) -> QuotaExceeded | None:
        """Why what is wanted does not fit beside what is held; ``None`` when it does."""
        for holder, quota, used in self.limits:
            what = quota.overstepped(used + held.get(holder, Usage()) + wanted)
            if what:
                return exceeded(holder, quota, what)
        return None


def exceeded(holder: Holder, quota: Quota, what: str) -> QuotaExceeded:
    """The refusal of what does not fit."""
    return QuotaExceeded(holder.kind.value, what, quota.max_bytes if what == "bytes" else quota.max_files)


@dataclass(slots=True)
class Holds:
    """What bodies on their way in have been promised; one for each process.

    A hold keeps a thousand clients from sending at once what there is room for once. It is not what keeps a quota:
    the database does, which counts every file when its row is written, whatever process that is in.
    """

    held: dict[Holder, Usage] = field(default_factory=dict)

    @contextmanager
    def hold(self, room: Room, wanted: Usage) -> Iterator[None]:
        """Promise this much of the room until the context ends.

        Raises:
            QuotaExceeded: it is not there.

        """
        refusal = room.refusal(self.held, wanted)
        if refusal is not None:
            raise refusal
        holders = [holder for holder, _, _ in room.limits]
        for holder in holders:
            self.held[holder] = self.held.get(holder, Usage()) + wanted
        try:
            yield
        finally:
            for holder in holders:
                rest = self.held.pop(holder) - wanted
                if rest != Usage():
                    self.held[holder] = rest
