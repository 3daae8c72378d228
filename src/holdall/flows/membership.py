"""Who belongs to a space: seen by its members, decided by its owners. What operators do is in `members`."""

from holdall.domain.access import Actor, Role, Scope, Space
from holdall.errors import Conflict, Forbidden, Missing
from holdall.flows.access import enter
from holdall.flows.accounts import known_user
from holdall.flows.members import ensure_owner, shared_space
from holdall.ports import Ledger, Member, Services


async def members_of(services: Services, actor: Actor, space_id: str) -> list[Member]:
    """Who belongs to a space, the oldest member first, for those who belong to it themselves.

    Raises:
        Missing, Forbidden: see ``flows.access``.

    """
    return await services.work.read(lambda ledger: ledger.spaces.members(enter(ledger, actor, space_id).space))


async def admit(services: Services, actor: Actor, space_id: str, login: str, role: Role) -> Member:
    """Let a user belong to the space.

    Raises:
        Missing, Forbidden: see ``flows.access``; the caller does not own the space; there is no such user.
        Conflict: they belong to it already, or the space is personal.

    """
    member_id, now = services.ids.public("mem"), services.clock.now()

    def story(ledger: Ledger) -> Member:
        space = _administered(ledger, actor, space_id)
        user = known_user(ledger, login)
        if any(member.user.id == user.id for member in ledger.spaces.members(space, for_update=True)):
            raise Conflict(f"{user.login} is a member already; a change of role is another call", 0)
        ledger.spaces.set_member(member_id, space, user, role, now)
        ledger.audit.record(actor.user.id, "member.set", space.id, {"user": user.id, "role": role.value})
        return Member(user, role, member_id, now)

    return await services.work.write(story)


async def change_role(services: Services, actor: Actor, space_id: str, member_id: str, role: Role) -> Member:
    """Let a member have another role. Safe to repeat.

    Raises:
        Missing, Forbidden: see ``flows.access``; the caller does not own the space; there is no such member.
        Conflict: the space would be left without an owner, or is personal.

    """
    now = services.clock.now()

    def story(ledger: Ledger) -> Member:
        space = _administered(ledger, actor, space_id)
        member = _member(ledger, space, member_id)
        ledger.spaces.set_member(member.id, space, member.user, role, now)
        ensure_owner(ledger, space)
        ledger.audit.record(actor.user.id, "member.set", space.id, {"user": member.user.id, "role": role.value})
        return Member(member.user, role, member.id, member.joined_at)

    return await services.work.write(story)


async def dismiss(services: Services, actor: Actor, space_id: str, member_id: str) -> None:
    """Let a user no longer belong to the space; what they brought stays there.

    Raises:
        Missing, Forbidden: see ``flows.access``; the caller does not own the space; there is no such member.
        Conflict: the space would be left without an owner, or is personal.

    """

    def story(ledger: Ledger) -> None:
        space = _administered(ledger, actor, space_id)
        member = _member(ledger, space, member_id)
        ledger.spaces.remove_member(space, member.user)
        ensure_owner(ledger, space)
        ledger.audit.record(actor.user.id, "member.remove", space.id, {"user": member.user.id})

    await services.work.write(story)


def _administered(ledger: Ledger, actor: Actor, space_id: str) -> Space:
    """The space, for one of its owners."""
    if not enter(ledger, actor, space_id, Scope.WRITE).role.administers:
        raise Forbidden("decide who belongs to it", lacking="role")
    return shared_space(ledger, space_id)


def _member(ledger: Ledger, space: Space, id: str) -> Member:
    found = next((each for each in ledger.spaces.members(space, for_update=True) if each.id == id), None)
    if found is None:
        raise Missing("member", id)
    return found
