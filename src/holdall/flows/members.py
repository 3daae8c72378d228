"""Who belongs to a space, and as what: told and changed by operators. Every change holds from the next request on."""

from holdall.domain.access import Role, Space
from holdall.errors import Conflict, Missing
from holdall.flows.accounts import known_user
from holdall.ports import Ledger, Member, Membership, Services


async def list_members(services: Services, space_id: str) -> list[Member]:
    """Who belongs to a space, the oldest member first.

    Raises:
        Missing: no such space.

    """
    return await services.work.read(lambda ledger: ledger.spaces.members(known_space(ledger, space_id)))


async def spaces_of(services: Services, login: str) -> list[Membership]:
    """The spaces that a user belongs to, the oldest first.

    Raises:
        Missing: no such user.

    """
    return await services.work.read(lambda ledger: ledger.spaces.of(known_user(ledger, login)))


async def add_member(services: Services, space_id: str, login: str, role: Role) -> None:
    """Let a user belong to a shared space, or change the role of one who does. Safe to repeat.

    Raises:
        Missing: no such space, no such user.
        Conflict: the space is personal, or would be left without an owner.

    """
    member_id, now = services.ids.public("mem"), services.clock.now()

    def story(ledger: Ledger) -> None:
        space, user = shared_space(ledger, space_id), known_user(ledger, login)
        ledger.spaces.set_member(member_id, space, user, role, now)
        ensure_owner(ledger, space)
        ledger.audit.record(services.operator, "member.set", space.id, {"user": user.id, "role": role.value})

    await services.work.write(story)


async def remove_member(services: Services, space_id: str, login: str) -> None:
    """Let a user no longer belong to a shared space; what they brought stays there.

    Raises:
        Missing: no such space, no such user, or not a member of it.
        Conflict: the space is personal, or would be left without an owner.

    """

    def story(ledger: Ledger) -> None:
        space, user = shared_space(ledger, space_id), known_user(ledger, login)
        if all(member.user.id != user.id for member in ledger.spaces.members(space, for_update=True)):
            raise Missing("member", login)
        ledger.spaces.remove_member(space, user)
        ensure_owner(ledger, space)
        ledger.audit.record(services.operator, "member.remove", space.id, {"user": user.id})

    await services.work.write(story)


def known_space(ledger: Ledger, id: str) -> Space:
    """The space of this id, whoever belongs to it.

    Raises:
        Missing: there is none.

    """
    space = ledger.spaces.named(id)
    if space is None:
        raise Missing("space", id)
    return space


def shared_space(ledger: Ledger, id: str) -> Space:
    """The space of this id, if others may belong to it.

    Raises:
        Missing: there is none.
        Conflict: it is personal.

    """
    space = known_space(ledger, id)
    if space.is_personal:
        raise Conflict("a personal space belongs to its user alone", 0)
    return space


def ensure_owner(ledger: Ledger, space: Space) -> None:
    """Undo what would leave a space without an owner; else see that it names one who still is.

    Raises:
        Conflict: it would be left without one.

    """
    owners = [member.user for member in ledger.spaces.members(space, for_update=True) if member.role is Role.OWNER]
    if not owners:
        raise Conflict("a space keeps at least one owner: make another member the owner first", 0)
    if all(owner.id != space.owner_id for owner in owners):
        ledger.spaces.hand_over(space, owners[0])
