"""The demo workspace: two tenants, two people, sample files, and the commands that a newcomer pastes."""

import asyncio
import json
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from holdall.dialects.bika import routes as bika
from holdall.dialects.bika.policy import attachment_policy
from holdall.dialects.bika.wire import documented_keys
from holdall.dialects.pika import consent, cookie
from holdall.dialects.pika import routes as pika
from holdall.domain.access import Actor, TokenKind
from holdall.domain.files import Purpose, Upload
from holdall.domain.records import Database, Field, FieldType
from holdall.domain.views import View
from holdall.flows.access import enter
from holdall.flows.accounts import actor_for, create_database, create_space, create_user, known_user, mint
from holdall.flows.once import Once
from holdall.flows.passwords import set_password
from holdall.flows.record_writes import add_records
from holdall.flows.records import Place
from holdall.flows.upload import UploadRequest, upload
from holdall.ports import Ledger, Services
from holdall.settings import Settings
from holdall.web.staging import StagingFile

TENANTS = (("ada", "Field office"), ("grace", "Back office"))
PEOPLE = ("mira", "noor")
DATABASE = "Items"
VIEW = "All items"
ATTACHMENT_FIELD = "Images"
SAMPLES = ("example.png", "avatar.jpg", "receipt.jpg")
CREDENTIAL_TTL = timedelta(days=30)
"""Only hashes of credentials are kept, so each asking mints new ones; these pass away by themselves."""
PASSWORD_LENGTH = 16
_STAGES = ("Open", "In progress", "Done")
_ROWS: Sequence[dict[str, Any]] = (
    {"Name": "Roof, north side", "Stage": "Open", "Score": 4},
    {"Name": "Cellar window", "Stage": "In progress", "Score": 2},
    {"Name": "Garden gate", "Stage": "Done", "Score": 5},
)


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant's ids and a token for it, as scripts read them."""

    token: str
    space_id: str
    database_id: str
    record_id: str
    attachment_field: str = ATTACHMENT_FIELD


async def fill(services: Services) -> bool:
    """Make what is missing of the demo workspace; ``False`` when it was all there."""
    made = False
    for login, space in TENANTS:
        made |= await _fill_tenant(services, login, space)
    for login in PEOPLE:
        made |= await services.work.write(partial(_ensure_user, services, login))
    return made


async def credentials(services: Services, site_url: str) -> dict[str, Any]:
    """What a script needs to call this installation as the demo's tenants and people."""
    tenants = [await _tenant(services, login) for login, _ in TENANTS]
    people = [{"user": login, "cookie": await _cookie(services, login)} for login in PEOPLE]
    first, other = ({name: getattr(tenant, name) for name in Tenant.__slots__} for tenant in tenants)
    return {"base_url": site_url, "bika": first, "bika_other": other, "pika": people}


def place_samples(settings: Settings) -> Path:
    """Put the sample files into the data folder, where the printed commands find them."""
    folder = settings.data / "samples"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in SAMPLES:
        if not (folder / name).exists():
            with resources.as_file(resources.files("holdall") / "samples" / name) as source:
                shutil.copyfile(source, folder / name)
    return folder


async def commands(services: Services, settings: Settings) -> str:
    """The four commands of the two how-tos with every placeholder replaced."""
    samples = place_samples(settings)
    given = await credentials(services, settings.site_url)
    tenant = given["bika"]
    example = await _upload_sample(services, tenant["space_id"], samples / SAMPLES[0])
    space = f"{settings.site_url}{bika.PREFIX}/v1/spaces/{tenant['space_id']}"
    records = f"{space}/resources/databases/{tenant['database_id']}/records"
    body = {"cells": {ATTACHMENT_FIELD: [documented_keys(example)]}, "id": tenant["record_id"]}
    uploads = f"{settings.site_url}{pika.PREFIX}/upload"
    bearer = f'-H "Authorization: Bearer {tenant["token"]}"'
    person = f'-H "Cookie: {cookie.NAME}={given["pika"][0]["cookie"]}"'
    json_type = '-H "Content-Type: application/json"'
    avatar = ['-F "entityType=person"', _file(samples / SAMPLES[1])]
    receipt = ['-F "entityType=transaction"', '-F "attachmentType=image"', _file(samples / SAMPLES[2])]
    blocks = [
        ("1. Bika: upload a file to the space", f"'{space}/attachments'", [bearer, _file(samples / SAMPLES[0])]),
        ("2. Bika: attach it to a record", f'-X PATCH "{records}"', [bearer, json_type, f"-d {_quoted(body)}"]),
        (
            "3. Pika: upload an avatar",
            f"-X POST {uploads}/avatar",
            [person, *avatar],
        ),
        ("4. Pika: upload a receipt", f"-X POST {uploads}/attachment", [person, *receipt]),
    ]
    printed = [_command(title, target, options) for title, target, options in blocks]
    return "\n\n".join([*printed, await _sign_ins(services, settings)])


async def passwords(services: Services) -> dict[str, str]:
    """A new password for each of the people; like other credentials, it is kept as a hash and told when it is made."""
    given = {login: services.ids.secret("", PASSWORD_LENGTH) for login in PEOPLE}
    await asyncio.gather(*(set_password(services, login, password) for login, password in given.items()))
    return given


async def _sign_ins(services: Services, settings: Settings) -> str:
    people = await passwords(services)
    told = "\n".join(f"#    login {login}, password {password}" for login, password in people.items())
    return f"# 5. Pika: sign in at {settings.site_url}{consent.PREFIX}{consent.PATH}\n{told}"


def _command(title: str, target: str, options: Sequence[str]) -> str:
    return " \\\n  ".join([f"# {title}\ncurl {target}", *options])


def _quoted(body: dict[str, Any]) -> str:
    return shlex.quote(json.dumps(body, indent=2))


def _file(path: Path) -> str:
    return f"-F {shlex.quote(f'file=@{path}')}"


async def _fill_tenant(services: Services, login: str, space_name: str) -> bool:
    """The tenant's user, space, database and records, made in one transaction or found."""

    def ensure(ledger: Ledger) -> bool:
        if not _ensure_user(services, login, ledger):
            return False
        user = known_user(ledger, login)
        space = create_space(services, ledger, space_name, user, is_personal=False)
        node = create_database(services, ledger, space, DATABASE, _fields(services))
        ledger.views.add(node, View(services.ids.public("viw"), VIEW))
        add_records(services, ledger, actor_for(user), Place(space.id, node.id), _ROWS)
        return True

    return await services.work.write(ensure)


def _fields(services: Services) -> list[Field]:
    options = [{"id": services.ids.public("opt"), "name": name, "color": ""} for name in _STAGES]
    id = services.ids.public
    return [
        Field(id("fld"), "Name", FieldType.SINGLE_TEXT, is_primary=True),
        Field(id("fld"), "Stage", FieldType.SINGLE_SELECT, properties={"options": options}),
        Field(id("fld"), "Score", FieldType.RATING, properties={"max": 5}),
        Field(id("fld"), ATTACHMENT_FIELD, FieldType.ATTACHMENT),
        Field(id("fld"), "Files", FieldType.ATTACHMENT),
    ]


def _ensure_user(services: Services, login: str, ledger: Ledger) -> bool:
    """Whether the user had to be made."""
    if ledger.accounts.find_user(login) is not None:
        return False
    create_user(services, ledger, login, f"{login}@example.test", login.capitalize())
    return True


async def _tenant(services: Services, login: str) -> Tenant:
    def look(ledger: Ledger) -> tuple[str, str, str]:
        user = known_user(ledger, login)
        space = next(seat.space for seat in ledger.spaces.of(user) if not seat.space.is_personal)
        node = next(node for node in ledger.spaces.nodes(space) if node.name == DATABASE)
        database = Database(node, fields=())
        return space.id, node.id, ledger.records.page(database, limit=1)[0].id

    space_id, database_id, record_id = await services.work.read(look)
    minted = await mint(services, TokenKind.BEARER, login, "demo", ttl=CREDENTIAL_TTL)
    return Tenant(minted.secret, space_id, database_id, record_id)


async def _cookie(services: Services, login: str) -> str:
    minted = await mint(services, TokenKind.DEVICE, login, "demo", ttl=CREDENTIAL_TTL)
    return cookie.value_of(cookie.Credential(login, minted.secret))


async def _upload_sample(services: Services, space_id: str, sample: Path) -> Upload:
    """The sample, taken in like any other file; the second time it is the same blob."""
    staging = StagingFile(services.staging, sample.name, "file", 1 << 20)
    try:
        await staging.write(await asyncio.to_thread(sample.read_bytes))
        staged = await staging.finish()
        actor, space = await services.work.read(lambda ledger: _owner(ledger, space_id))
        order = UploadRequest(
            actor=actor,
            space=space,
            policy=attachment_policy(1 << 20),
            purpose=Purpose(),
            path_for=lambda type: f"openapi/{services.ids.path_token()}.{type.extension}",
        )
        return (await upload(services, order, [staged], Once(services, actor, None, "")))[0]
    finally:
        await staging.discard()


def _owner(ledger: Ledger, space_id: str) -> tuple[Actor, Any]:
    actor = actor_for(known_user(ledger, TENANTS[0][0]))
    return actor, enter(ledger, actor, space_id).space
