"""Members of a space, as an operator keeps them with the command line, and what the ledger holds fast."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from holdall.bootstrap import open_services, prepare
from holdall.domain.access import Role
from holdall.errors import Conflict
from holdall.flows.accounts import add_space, add_user
from holdall.flows.members import add_member, list_members, remove_member
from holdall.ports import Services
from holdall.settings import Settings, read_settings
from tests.support.commands import completed
from tests.support.server import free_port, run_command, server_env


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An installation with two users, and a space of the first."""
    made = server_env(tmp_path / "data", free_port(), {})
    settings = read_settings(made)
    prepare(settings)

    async def tell() -> str:
        async with open_services(settings) as services:
            for login in ("ines", "otto"):
                await add_user(services, login)
            return (await add_space(services, "Field office", "ines")).id

    return {**made, "SPACE": asyncio.run(tell())}


def members(env: dict[str, str]) -> list[tuple[str, str]]:
    lines = run_command(env, "space", "member", "list", env["SPACE"]).splitlines()
    return [(member["login"], member["role"]) for member in map(json.loads, lines)]


def test_members_come_change_and_go(env: dict[str, str]):
    """An editor unless said otherwise; adding a member again changes the role."""
    space = env["SPACE"]
    assert members(env) == [("ines", "owner")]
    run_command(env, "space", "member", "add", space, "otto")
    assert members(env) == [("ines", "owner"), ("otto", "editor")]
    run_command(env, "space", "member", "add", space, "otto", "--role", "owner")
    run_command(env, "space", "member", "remove", space, "ines")
    assert members(env) == [("otto", "owner")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("remove", "ines"), "keeps at least one owner"),
        (("add", "ines", "--role", "viewer"), "keeps at least one owner"),
        (("remove", "otto"), "no member otto"),
        (("add", "nobody"), "no user nobody"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(env: dict[str, str], arguments: Sequence[str], message: str):
    """And changes nothing."""
    verb, *rest = arguments
    done = completed(env, "space", "member", verb, env["SPACE"], *rest)
    assert done.returncode == 1
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert members(env) == [("ines", "owner")]


def test_the_space_names_an_owner_who_is_one(tmp_path: Path):
    """Whoever hands a space on is not its owner any more; a personal space is handed to nobody."""
    settings = Settings(data_dir=str(tmp_path / "data"))
    prepare(settings)

    async def story(services: Services) -> None:
        ines, otto = await add_user(services, "ines"), await add_user(services, "otto")
        space = await add_space(services, "Field office", "ines")
        await add_member(services, space.id, "otto", Role.OWNER)
        assert (await services.work.read(lambda ledger: ledger.spaces.named(space.id))).owner_id == ines.id
        await remove_member(services, space.id, "ines")
        assert (await services.work.read(lambda ledger: ledger.spaces.named(space.id))).owner_id == otto.id
        with pytest.raises(Conflict):
            await remove_member(services, space.id, "otto")
        assert [member.role for member in await list_members(services, space.id)] == [Role.OWNER]
        own = await services.work.read(lambda ledger: ledger.spaces.personal(ines))
        with pytest.raises(Conflict):
            await add_member(services, own.id, "otto", Role.VIEWER)

    async def tell() -> None:
        async with open_services(settings) as services:
            await story(services)

    asyncio.run(tell())
