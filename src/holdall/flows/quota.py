"""Quotas in the stories: what is left is told at the door, and every file is charged for where its row is written.

Where no quota binds, none of this costs a statement. A pending row is its own reservation: it counts from the moment
it is written, and what ends it (a failure, a sweep after a crash) gives its room back.
"""

from collections.abc import Sequence

from holdall.domain.access import Actor, Space
from holdall.domain.files import Blob
from holdall.domain.quota import Holder, HolderKind, Quota, Room, Usage
from holdall.flows.access import Look
from holdall.flows.members import known_space
from holdall.ports import Ledger, NewBlob, Services


def with_room(services: Services, look: Look[Space]) -> Look[tuple[Space, Room]]:
    """Looks for a space, and for how much the caller may still bring into it."""

    def look_for_both(ledger: Ledger, actor: Actor) -> tuple[Space, Room]:
        space = look(ledger, actor)
        binding = services.quotas.binding(space, actor.user)
        return space, Room([(holder, quota, ledger.quotas.used(holder)) for holder, quota in binding])

    return look_for_both


def charge_new(services: Services, ledger: Ledger, space: Space, actor: Actor, blobs: Sequence[NewBlob]) -> None:
    """Charge for blobs that are about to have their rows.

    Raises:
        QuotaExceeded: they do not fit.

    """
    added = Usage(sum(blob.size for blob in blobs), len(blobs))
    if blobs:
        for holder, quota in services.quotas.binding(space, actor.user):
            ledger.quotas.charge(holder, added, quota)


def charge_shared(services: Services, ledger: Ledger, actor: Actor, blob: Blob) -> None:
    """Charge a user for a blob that the space has already, unless they brought it before.

    Raises:
        QuotaExceeded: it does not fit.

    """
    quota = services.quotas.user
    if quota.is_set and not ledger.files.has_brought(actor.user.number, blob):
        ledger.quotas.charge(Holder(HolderKind.USER, actor.user.number), Usage(blob.size, 1), quota)


async def set_space_quota(services: Services, space_id: str, max_bytes: int | None, max_files: int | None) -> None:
    """Give a space a quota of its own, 0 for none; ``None``: what holds for every space.

    Raises:
        Missing: no such space.

    """

    def story(ledger: Ledger) -> None:
        space = known_space(ledger, space_id)
        ledger.spaces.set_quota(space, max_bytes, max_files)
        ledger.quotas.forget(Holder(HolderKind.SPACE, space.number))

    await services.work.write(story)


async def space_usage(services: Services, space_id: str) -> tuple[Usage, Quota]:
    """What a space keeps, and what it may.

    Raises:
        Missing: no such space.

    """

    def look(ledger: Ledger) -> tuple[Usage, Quota]:
        space = known_space(ledger, space_id)
        return ledger.quotas.used(Holder(HolderKind.SPACE, space.number)), services.quotas.of_space(space)

    return await services.work.read(look)
