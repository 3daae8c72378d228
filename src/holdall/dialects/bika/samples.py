"""One made-up database with one record, told by the dialect's own wire: the examples of its OpenAPI document."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from holdall import __version__
from holdall.dialects.bika import query, wire
from holdall.domain.access import Actor, Role, Space, User
from holdall.domain.access_log import Action, LoggedEvent, Outcome
from holdall.domain.files import Attachment, Blob, BlobState, Purpose, Upload, Variant
from holdall.domain.history import Deed, DoneDeed
from holdall.domain.people import Person
from holdall.domain.records import Database, Field, FieldType, Node, NodeType, Record
from holdall.domain.structure import Removal, Report, Sample
from holdall.domain.variants import THUMBNAIL
from holdall.domain.views import View, ViewSort, ViewType
from holdall.flows.attach import FileOutcome, Refusal
from holdall.flows.records import Tree
from holdall.flows.structure import RemovedNode
from holdall.flows.uploads import Found
from holdall.ports import Member, Membership, Use
from holdall.web.links import Links

SITE = "https://files.example.test"
SPACE_ID = "spcWoxPMxTLewNETNKUPg1Fm"
DATABASE_ID = "dat2VJVvqwD4vNbvrTLBfA2K"
VIEW_ID = "viwT7mC2xQ9bL4hVn0KsYd3R"
RECORD_ID = "rec4YDYu9Gv0dSPZAVEA2IdI"
MEMBER_ID = "memQb7Zp0cXn4sVt9RfYk2Wd"
UPLOAD_ID = "attV1Pg3ag8x7m8woCfbQcbe"
UPLOAD_PATH = "openapi/nbQeEnh2BXEBZ8mE5fSq8.png"
_SHA256 = "5f1a2e0c9d4b7386a1f0c2d4e6b8907153a4c6e8f0b2d4961728394a5b6c7d8e"
_NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
_STAGE, _OPEN = "fld8laFpfArGRX69ASCmp06Q", "optk3TLt1qSGlEcTv70Zctwp"
_NAME, _IMAGES = "fld0bE3S5GgCHsBsnDuFcPiG", "fldURMLgQ48swYsR2YCUUGCj"

_VIEW = View(VIEW_ID, "By stage", ViewType.KANBAN, "", "Stage!=Done", [ViewSort(_STAGE)], frozenset({_IMAGES}))
_USER = User(1, "usrLG3riB4Xwjz7hqoUwXKa5", "ines", "ines@example.test", "Ines", _NOW)
_SEAT = Membership(Space(1, SPACE_ID, "Field office", _USER.id, _NOW, 4), MEMBER_ID, Role.OWNER)
_ROOT = Node(1, "rotSpZPa9NoNjKxjDOTZGHNa", 1, None, NodeType.ROOT, "ROOT")
_MEMBER = Member(_USER, Role.OWNER, _SEAT.member_id, _NOW)
_NODE = Node(2, DATABASE_ID, 1, _ROOT.id, NodeType.DATABASE, "Items")
_TREE = Tree([_ROOT, _NODE], Role.OWNER)
_DATABASE = Database(
    _NODE,
    (
        Field(_NAME, "Name", FieldType.SINGLE_TEXT, is_primary=True),
        Field(
            _STAGE,
            "Stage",
            FieldType.SINGLE_SELECT,
            properties={"options": [{"id": _OPEN, "name": "Open", "color": "deepPurple"}]},
        ),
        Field(_IMAGES, "Images", FieldType.ATTACHMENT),
    ),
)
_THUMBNAIL = Variant(THUMBNAIL.name, "", 4096, "image/jpeg", _SHA256, 256, 171)
_THUMBHASH = "1QcSHQRnh493V4dIh4eXh1h4kJUI"
_BLOB = Blob(1, 1, "", _SHA256, 20_511, "image/png", BlobState.READY, 1200, 800, (_THUMBNAIL,), thumbhash=_THUMBHASH)
_UPLOAD = Upload(1, UPLOAD_ID, 1, 1, _BLOB, "roof.png", UPLOAD_PATH, Purpose(), _NOW)
_RECORD = Record(
    number=1,
    id=RECORD_ID,
    database_id=DATABASE_ID,
    revision=1,
    cells={_NAME: "Roof, north side", _STAGE: _OPEN},
    created_at=_NOW,
    updated_at=_NOW,
    created_by=_USER.number,
    updated_by=_USER.number,
    attachments=(Attachment(_UPLOAD, 1, _IMAGES, "roof.png", 0),),
)

FIELD_ID = _STAGE
REPORT = Report(records=120, converted=118, lost=2, samples=(Sample(RECORD_ID, "Opne", None),))
"""Of a change that would cost two values; the first of them is shown."""

ATTACHING: dict[str, Any] = {"Images": [{"id": UPLOAD_ID, "name": "roof.png"}]}
WRITTEN: dict[str, Any] = {"Name": "Roof, north side", "Stage": "Open", **ATTACHING}


@cache
def _wire() -> wire.Wire:
    return wire.Wire(Links(SITE, b"example", 86_400), _NOW)


def echoing() -> dict[str, Any]:
    """The six documented keys of an upload's answer in an attachment cell, as the how-to sends them back."""
    upload = _wire().upload(_UPLOAD)
    return {"Images": [{key: upload[key] for key in ("id", "path", "size", "bucket", "mimeType", "name")}]}


def uploaded() -> dict[str, Any]:
    """The answer to an upload."""
    return wire.envelope([_wire().upload(_UPLOAD)])


def listed(*, deleted: bool = False) -> dict[str, Any]:
    """An upload as a list tells it."""
    upload = replace(_UPLOAD, deleted_at=_NOW if deleted else None)
    return _wire().listed(upload, _NOW + timedelta(days=7) if deleted else None)


def enveloped(data: Any) -> dict[str, Any]:
    """A success around this."""
    return wire.envelope(data)


def found() -> dict[str, Any]:
    """One upload, with where it hangs."""
    return _wire().found(Found(_UPLOAD, [Use(DATABASE_ID, RECORD_ID, _IMAGES, "roof.png")]), None)


def cell() -> dict[str, Any]:
    """An attachment cell."""
    return wire.envelope({"attachments": [_wire().attachment(tie) for tie in _RECORD.attachments]})


def attached(*, is_there: bool = True) -> dict[str, Any]:
    """The answer to two files for a cell, of which one is refused."""
    refused = Refusal(415, "Files ending in 'exe' are not taken here")
    files = [FileOutcome(_UPLOAD.name, _UPLOAD), FileOutcome("setup.exe", None, refused)]
    told = {"attached": is_there, "attachments": cell()["data"]["attachments"] if is_there else None}
    return wire.envelope({**told, "files": [_wire().outcome(outcome) for outcome in files]})


def file_log(*, more: bool = False) -> dict[str, Any]:
    """A page of a file's log: somebody read it by a link, after one was refused for a link that had expired."""
    route = ("files", "GET /{path:path}")
    where = ("203.0.113.7", "Mozilla/5.0")
    about = ("", "", "", SPACE_ID, UPLOAD_ID, "roof.png")
    read = LoggedEvent(
        12, _NOW, "6d0c…", Action.READ, Outcome.OK, 200, "", *route, *where, *about, bytes=20_511, detail=""
    )
    refused = LoggedEvent(
        11, _NOW, "93be…", Action.READ, Outcome.REFUSED, 404, "Missing", *route, *where, *about, bytes=102, detail=""
    )
    door = ("bika", "POST /v1/spaces/{space_id}/attachments")
    mine = (_USER.id, _USER.login, "", SPACE_ID, UPLOAD_ID, "roof.png")
    brought = LoggedEvent(
        10, _NOW, "a24d…", Action.UPLOAD, Outcome.OK, 200, "", *door, *where, *mine, bytes=20_511, detail="roof.png"
    )
    cursor = {"offset": query.Cursor(10, 3).encode()} if more else {}
    events = [wire.event(event) for event in (read, refused, brought)]
    return wire.envelope({"events": events, "hasMore": more, **cursor})


def record_cells() -> dict[str, Any]:
    """The answer to a write in v1."""
    return wire.envelope(_wire().record_cells(_DATABASE, _RECORD))


def history(*, more: bool = False) -> dict[str, Any]:
    """The history of a record that was made, then given a file."""
    by = Person(_SEAT.member_id, _USER.name)
    made = DoneDeed(3, 0, Deed.CREATE, {_NAME: [None, "Roof, north side"], _STAGE: [None, _OPEN]}, by, _NOW)
    file = {"id": UPLOAD_ID, "name": "roof.png"}
    tied = DoneDeed(4, 1, Deed.UPDATE, {_IMAGES: [None, [file]]}, by, _NOW)
    cursor = {"offset": query.Cursor(3, 2).encode()} if more else {}
    changes = [_wire().deed(_DATABASE, deed, by_id=False) for deed in (tied, made)]
    return wire.envelope({"changes": changes, "hasMore": more, **cursor})


def deleted_v1() -> dict[str, Any]:
    """The answer to a deletion in v1."""
    return wire.envelope(data=True)


def deleted_v2(*, several: bool = False) -> dict[str, Any]:
    """The answer to a deletion in v2, of one record or of several."""
    one = {"id": RECORD_ID, "deleted": True}
    return wire.envelope({"records": [one]} if several else one)


def page_v1() -> dict[str, Any]:
    """A page in v1."""
    records = [_wire().record_v1(_DATABASE, _RECORD, None)]
    return wire.envelope({"total": 1, "pageNum": 1, "pageSize": query.DEFAULT_PAGE, "records": records})


def record_v2(*, as_text: bool = False) -> dict[str, Any]:
    """A record in v2, in its envelope."""
    return wire.envelope(_record_v2(as_text=as_text))


def created_v2() -> dict[str, Any]:
    """The answer to a creation in v2."""
    return wire.envelope({"records": [_record_v2()]})


def page_v2(*, more: bool = False) -> dict[str, Any]:
    """A page in v2."""
    cursor = {"offset": query.Cursor(1, 100).encode()} if more else {}
    return wire.envelope({"records": [_record_v2()], "hasMore": more, **cursor})


def _record_v2(*, as_text: bool = False) -> dict[str, Any]:
    return _wire().record_v2(_DATABASE, _RECORD, by_id=False, as_text=as_text)


def database() -> dict[str, Any]:
    """A database with its fields."""
    return wire.envelope(wire.database(_DATABASE, SPACE_ID, [_VIEW]))


def fields() -> dict[str, Any]:
    """A database's fields."""
    return wire.envelope([wire.field(field) for field in _DATABASE.fields])


def views() -> dict[str, Any]:
    """A database's views."""
    return wire.envelope([wire.view(_VIEW, _DATABASE.fields)])


def view() -> dict[str, Any]:
    """One view."""
    return wire.envelope(wire.view(_VIEW, _DATABASE.fields))


def spaces() -> dict[str, Any]:
    """The caller's spaces."""
    return wire.envelope([wire.space(_SEAT)])


def space() -> dict[str, Any]:
    """One space."""
    return wire.envelope(wire.space(_SEAT))


def nodes() -> dict[str, Any]:
    """A space's tree."""
    return wire.envelope(wire.nodes(_TREE))


def node() -> dict[str, Any]:
    """One node."""
    return wire.envelope({**wire.nodes(_TREE)[-1], "children": []})


def field() -> dict[str, Any]:
    """One field."""
    return wire.envelope(wire.field(_DATABASE.fields[1]))


def changed_field(*, dry: bool = False) -> dict[str, Any]:
    """A field that was, or would be, changed."""
    shown = wire.field(_DATABASE.fields[1])
    return wire.envelope({"field": shown, "change": wire.report(REPORT), "dryRun": dry})


def deleted_field(*, dry: bool = False) -> dict[str, Any]:
    """A field that was, or would be, deleted."""
    told = {"id": FIELD_ID, "deleted": not dry, "change": wire.report(REPORT), "dryRun": dry}
    return wire.envelope(told)


def deleted_view() -> dict[str, Any]:
    """A view that was deleted."""
    return wire.envelope({"id": VIEW_ID, "deleted": True})


def deleted_node(*, dry: bool = False) -> dict[str, Any]:
    """A node that was, or would be, deleted."""
    until = None if dry else _NOW + timedelta(days=7)
    return wire.envelope(wire.removed_node(RemovedNode(DATABASE_ID, Removal(1, 1, 120), until)))


def profile() -> dict[str, Any]:
    """The caller."""
    return wire.profile(Actor(_USER, "", frozenset()))


def meta() -> dict[str, Any]:
    """What runs here."""
    headers = {"host": "files.example.test", "user-agent": "curl/8.5.0"}
    return wire.envelope(wire.meta(__version__, SITE, headers))


def member() -> dict[str, Any]:
    """One member of a space."""
    return wire.envelope(wire.member(_MEMBER))


def members() -> dict[str, Any]:
    """Who belongs to a space."""
    return wire.envelope([wire.member(_MEMBER)])


def roles() -> dict[str, Any]:
    """What a member can be."""
    return wire.envelope([wire.role(role) for role in Role])
