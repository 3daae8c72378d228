"""Quotas in the stories: what is left is told at the door, and every file is charged for where its row is written.

Where no quota binds, none of this costs a statement. The charge is part of the transaction that keeps the file: what
fails, or crashes, before its commit was never charged for.
"""

from holdall.domain.access import Actor, Space
from holdall.domain.files import Blob
from holdall.domain.quota import Holder, HolderKind, Quota, Room, Usage
from holdall.flows.members import known_space
from holdall.ports import Ledger, NewBlob, Services


async def room_for(services: Services, actor: Actor, space: Space) -> Room:
    """How much the caller may still bring into the space."""
    binding = services.quotas.binding(space, actor.user)
    if not binding:
        return Room()
    return await services.work.read(
        lambda ledger: Room([(holder, quota, ledger.quotas.used(holder)) for holder, quota in binding])
    )


def charge(services: Services, ledger: Ledger, space: Space, actor: Actor, blob: NewBlob | Blob) -> None:
    """Charge for a file whose rows are about to be written: the space for its bytes, the user for having brought it.

    Raises:
        QuotaExceeded: it does not fit.

    """
    binding = services.quotas.binding(space, actor.user)
    if not binding:
        return
    known = blob if isinstance(blob, Blob) else ledger.files.find_ready(blob.space_id, blob.sha256, blob.mime)
    has_brought = known is not None and ledger.files.has_brought(actor.user.number, known)
    for holder, quota in binding:
        if known is None or (holder.kind is HolderKind.USER and not has_brought):
            ledger.quotas.charge(holder, Usage(blob.size, 1), quota)


async def set_space_quota(services: Services, space_id: str, max_bytes: int | None, max_files: int | None) -> None:
    """Give a space a quota of its own, 0 for none; ``None``: what holds for every space.

    Raises:
        Missing: no such space.

    """

    def story(ledger: Ledger) -> None:
        space = known_space(ledger, space_id)
        ledger.spaces.set_quota(space, max_bytes, max_files)
        ledger.quotas.forget(Holder(HolderKind.SPACE, space.number))
        told = {"bytes": max_bytes, "files": max_files}
        ledger.audit.record(services.operator, "space.quota", space.id, told)

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
