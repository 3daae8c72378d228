"""The JSON that Bika's dialect reads and writes, as JSON Schema."""

from holdall.dialects.bika.wire import BUCKET
from holdall.domain.access import Role
from holdall.domain.access_log import Action, Outcome
from holdall.domain.fieldtypes import KINDS
from holdall.domain.findings import FINDINGS
from holdall.domain.history import Deed
from holdall.domain.records import FieldType, NodeType
from holdall.domain.structure import MAX_DESCRIPTION_LENGTH, MAX_NAME_LENGTH, MAX_SAMPLES
from holdall.domain.views import ViewType
from holdall.web.openapi import EXTENSION, Json, list_of, object_of, ref, text, whole

CELL_FORMS = {type: (kind.written, kind.shown) for type, kind in KINDS.items()}
"""For each type of field: what may be written, and what is read."""


def envelope(data: Json) -> Json:
    """What every success but the profile is wrapped in."""
    return object_of(
        {"success": {"const": True}, "code": {"const": 200}, "message": {"const": "SUCCESS"}, "data": data}
    )


def _cell_table() -> str:
    rows = "\n".join(f"| {type} | {written} | {read} |" for type, (written, read) in CELL_FORMS.items())
    return f"| Field type | Written as | Read as |\n| --- | --- | --- |\n{rows}"


_TIME = text("ISO 8601, UTC.", format="date-time")
_MILLISECONDS = whole("Milliseconds since 1970.")
_MIME = text("The type that the content proved to be.")
_FILE_LINK = text("A signed link to the file; needs no token, and expires.", format="uri")
_THUMBNAIL = text('A signed link to a small picture; `""` for what has none.')

_UPLOAD_KEYS = {
    "id": text("Names the upload in attachment cells."),
    "path": text("The public name: made here, never the client's."),
    "size": whole("Bytes."),
    "bucket": text(enum=[BUCKET]),
    "mimeType": _MIME,
    "name": text("The last part of `path`, as Bika has it."),
    "originalName": text(f"What the client called the file. {EXTENSION}"),
    "sha256": text(f"The digest of the stored bytes, lower-case hex. {EXTENSION}", pattern="^[0-9a-f]{64}$"),
    "findings": list_of(text(enum=list(FINDINGS)), f"What was found in it and let in, often nothing. {EXTENSION}"),
    "thumbhash": text(f'The picture in some 25 bytes, base64; `""` for what is none. {EXTENSION}'),
    "url": {**_FILE_LINK, "description": f"{_FILE_LINK['description']} {EXTENSION}"},
    "thumbnailUrl": {**_THUMBNAIL, "description": f"{_THUMBNAIL['description']} {EXTENSION}"},
}
_UPLOAD = object_of(_UPLOAD_KEYS, description="The answer to an upload.")
_LISTED_UPLOAD = object_of(
    {
        **_UPLOAD_KEYS,
        "width": {"type": ["integer", "null"], "description": "Pixels, of what has any."},
        "height": {"type": ["integer", "null"], "description": "Pixels, of what has any."},
        "createdAt": _TIME,
        "deletedAt": {"type": ["string", "null"], "format": "date-time"},
        "restorableUntil": {
            "type": ["string", "null"],
            "format": "date-time",
            "description": "When a deleted one goes for good.",
        },
        "usedIn": list_of(
            object_of(
                {"databaseId": text(), "recordId": text(), "fieldId": text(), "name": text("As it is shown there.")}
            ),
            "The cells that it hangs in; of one file alone, not in lists.",
        ),
    },
    description=f"An upload as it is listed. {EXTENSION}",
    optional=["usedIn"],
)

_ATTACHMENT = object_of(
    {
        "id": text("The upload."),
        "name": text("The name to show."),
        "mimeType": _MIME,
        "size": whole("Bytes."),
        "url": _FILE_LINK,
        "thumbnailUrl": _THUMBNAIL,
        "path": text("As an upload's answer has it; in v1 alone."),
        "bucket": text("In v1 alone.", enum=[BUCKET]),
    },
    description="One item of an attachment cell, as it is read.",
    optional=["path", "bucket"],
)

_EVENT = object_of(
    {
        "at": text("When the answer ended: ISO 8601, UTC.", format="date-time"),
        "action": text("What it was about.", enum=[action.value for action in Action]),
        "outcome": text(
            "`refused`: the caller was told no; `failed`: our fault; `gone`: the client left before an answer.",
            enum=[outcome.value for outcome in Outcome],
        ),
        "status": whole("Of HTTP; 0 where there was no answer."),
        "error": {"type": ["string", "null"], "description": "What went wrong, in one word; the same in every API."},
        "user": {
            "anyOf": [object_of({"id": text(), "name": text("The login.")}), {"type": "null"}],
            "description": "Who; `null` for those who did not say, such as readers of a signed link.",
        },
        "address": text("From where."),
        "userAgent": text("With what, as far as 200 characters tell."),
        "door": text("By which face of the server."),
        "route": text("Method and path, parameters in braces."),
        "bytes": whole("Of the file for an upload, else of the answer."),
        "detail": text("The client's name of an uploaded file, the record of a link, the recipe of a variant."),
        "requestId": text("What the answer carried as `X-Request-Id`."),
    },
    description=f"One thing that was done with a file, or tried. {EXTENSION}",
)

_ATTACHMENT_TO_WRITE: Json = {
    **object_of(
        {
            "id": text("The upload, which must lie in the same space."),
            "name": text("The name to show; without it, the client's own at upload."),
        },
        description="Anything else in the object is ignored, so that what an upload or a reading answered can be sent "
        "back as it came.",
        optional=["name"],
    ),
    "additionalProperties": True,
}

_CELLS: Json = {
    "type": "object",
    "description": "New values by field name or field id. An attachment cell is replaced as a whole; `null` empties "
    f"any cell.\n\n{_cell_table()}",
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            list_of({"type": "string"}),
            list_of(ref("BikaAttachmentToWrite")),
            {"type": ["array", "object"], "description": "Of fields that keep any JSON; members as they are read."},
        ]
    },
}

_REFUSED: Json = object_of(
    {"code": whole("As in the envelope, had it come alone."), "message": text()}, description="Why it was refused."
)
_ATTACHED = object_of(
    {
        "attached": {"type": "boolean", "description": "False where the record went away while the files came."},
        "attachments": {
            "type": ["array", "null"],
            "items": ref("BikaAttachment"),
            "description": "The cell as it is now.",
        },
        "files": list_of(
            object_of(
                {"fileName": text(), "attachment": ref("BikaUpload"), "error": _REFUSED},
                optional=["attachment", "error"],
            ),
            "One for each file, in the order of the parts: its attachment, or an error.",
        ),
    },
    description=f"What became of files for a cell. {EXTENSION}",
)

_FIELDS: Json = {
    "type": "object",
    "description": "Values by field name, or by id where asked. Empty cells are left out.",
    "additionalProperties": {
        "anyOf": [
            {"type": ["string", "number", "boolean"]},
            list_of({"type": "string"}),
            list_of(ref("BikaAttachment")),
            ref("BikaPerson"),
            list_of(ref("BikaMember")),
            {"type": ["array", "object"], "description": "Of fields that keep any JSON."},
        ]
    },
}

_PERSON: dict[str, Json] = {
    "id": text("As a member of the space; as a user, where they belong to it no longer."),
    "name": text(),
}

_CELL = object_of(
    {
        "id": text("The field."),
        "name": text("The field's name."),
        "fieldType": text(enum=[type.value for type in FieldType]),
        "data": {"description": "As it is kept: option ids; attachments with their `path` and `bucket`."},
        "value": {"description": "As it is shown: option names."},
    }
)

_CHANGE = object_of(
    {
        "revision": whole("Of the record afterwards; of one that was deleted, the last that it had."),
        "action": text(enum=[deed.value for deed in Deed]),
        "at": _TIME,
        "by": ref("BikaPerson"),
        "fields": {
            "type": "object",
            "description": "Fields that changed, by name, or by id where asked or gone: what was there, as it was "
            "shown, and what came; `null` for an empty cell. Files are told by `id` and `name`.",
            "additionalProperties": object_of({"before": {}, "after": {}}),
        },
    },
    description=f"One thing that was done to a record. {EXTENSION}",
)

_PERMISSION = object_of(
    {
        "read": {"type": "boolean"},
        "write": {"type": "boolean"},
        "administer": {"type": "boolean", "description": "Decide who belongs to the space."},
    },
    description="What the role lets its member do.",
)

_NODE = object_of(
    {
        "id": text(),
        "name": text(),
        "type": text(enum=[type.value for type in NodeType]),
        "description": text(),
        "parentId": {"type": ["string", "null"]},
        "preNodeId": {"type": ["string", "null"], "description": "The sibling before it; `null` for the first."},
        "path": text("The names of the ancestors; the root has none."),
        "scope": text("Everybody of the space shares it.", enum=["SPACE"]),
        "permission": _PERMISSION,
        "hasPermissions": {"type": "boolean"},
        "hasShareLock": {"type": "boolean"},
        "sharing": {"type": "boolean"},
        "statusBadge": list_of({}),
        "children": list_of(ref("BikaNode"), "Those directly below it; of one node alone, not in the list."),
    },
    optional=["path", "children"],
)

_FIELD = object_of(
    {
        "id": text(),
        "name": text(),
        "type": text(enum=[type.value for type in FieldType]),
        "description": text(),
        "primary": {"type": "boolean", "description": "True for one field of the database."},
        "property": {
            "type": "object",
            "description": "By type: `options` (id, name, color) of selects, `max` of ratings, `precision` of numbers, "
            "`symbol` of money, `timeZone` and `includeTime` of times, `foreignDatabaseId` of links.",
            "additionalProperties": True,
        },
    }
)

_SPACE_KEYS: dict[str, Json] = {
    "id": text(),
    "name": text(),
    "createBy": text("A user's id."),
    "owner": text("A user's id."),
    "createdAt": _TIME,
    "memberCount": whole(),
    "subscription": object_of({"plan": text(), "planName": text()}),
    "slug": text('Always `""`: spaces go by their ids.'),
    "logo": {"type": ["string", "null"]},
    "settings": {"type": "object"},
    "isPersonal": {"type": "boolean", "description": f"Of the caller's own, which stands last: `true`. {EXTENSION}"},
}

_PROFILE = object_of(
    {
        "id": text(),
        "name": text(),
        "email": {"type": ["string", "null"]},
        "avatar": object_of({"type": text(), "color": text()}),
        "settings": object_of({"locale": text()}),
        "timeZone": text(),
        "status": text(),
        "metadata": object_of({"isChinaUser": {"type": "boolean"}}),
        "createdAt": _TIME,
    }
)

_RECORD_CELLS = object_of(
    {
        "id": text(),
        "databaseId": text(),
        "revision": whole("Grows by one with each change."),
        "commentCount": whole(),
        "groupCount": whole(),
        "cells": {"type": "object", "description": "By field id.", "additionalProperties": ref("BikaCell")},
    },
    description="A record as v1 answers a write.",
)

NAME: Json = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH}
DESCRIPTION: Json = {"type": "string", "maxLength": MAX_DESCRIPTION_LENGTH}
_FIELD_KEYS: dict[str, Json] = {
    "name": NAME,
    "type": text(enum=[type.value for type in FieldType]),
    "description": DESCRIPTION,
    "property": {
        "type": "object",
        "description": "By type. Options are the whole list, in order: those with an `id` stay what they are under "
        "whatever name, those without are new, those left out go.",
        "additionalProperties": True,
    },
    "position": whole("Counted from 0; left out: last.", minimum=0),
}

_VIEW_KEYS: Json = {
    "name": NAME,
    "type": text(enum=[type.value for type in ViewType]),
    "description": DESCRIPTION,
    "filter": text("In the language of `filter`. It goes on meaning its fields when they are called otherwise."),
    "sort": list_of(
        object_of(
            {"field": text("A name or an id."), "order": text(enum=["asc", "desc"])},
            optional=["order"],
        ),
        "At most 5 keys.",
    ),
    "hiddenFields": list_of(text("The name or id of a field.")),
    "position": whole("Among the database's views, from 0."),
}
SCHEMAS: dict[str, Json] = {
    "BikaError": object_of(
        {
            "success": {"const": False},
            "code": whole("The HTTP status; 4031 for a value that does not fit its field."),
            "message": text("What is wrong, in a sentence."),
            "data": {
                "type": "object",
                "description": "Empty; of a change that was refused for what it would cost, what that is.",
                "additionalProperties": True,
            },
        }
    ),
    "BikaUpload": _UPLOAD,
    "BikaListedUpload": _LISTED_UPLOAD,
    "BikaAttachment": _ATTACHMENT,
    "BikaAttachmentCell": object_of({"attachments": list_of(ref("BikaAttachment"), "In order.")}),
    "BikaAttached": _ATTACHED,
    "BikaEvent": _EVENT,
    "BikaFileLog": object_of(
        {
            "events": list_of(ref("BikaEvent"), "Newest first."),
            "hasMore": {"type": "boolean"},
            "offset": text("The cursor of the next page; only where there is more."),
        },
        optional=["offset"],
    ),
    "BikaPerson": object_of(_PERSON, description="Who made or last changed a record."),
    "BikaMember": object_of({**_PERSON, "type": text(enum=["Member"])}, description="One item of a member cell."),
    "BikaChange": _CHANGE,
    "BikaHistory": object_of(
        {
            "changes": list_of(ref("BikaChange"), "Newest first."),
            "hasMore": {"type": "boolean"},
            "offset": text("The cursor of the next page; only where there is more."),
        },
        optional=["offset"],
    ),
    "BikaDeleted": object_of({"id": text("The record."), "deleted": {"const": True}}),
    "BikaAttachmentToWrite": _ATTACHMENT_TO_WRITE,
    "BikaCells": _CELLS,
    "BikaFields": _FIELDS,
    "BikaCell": _CELL,
    "BikaRecordCells": _RECORD_CELLS,
    "BikaRecordV1": object_of(
        {
            "recordId": text(),
            "fields": ref("BikaFields"),
            "createdAt": _MILLISECONDS,
            "updatedAt": _MILLISECONDS,
        },
        description="A record as v1 lists tell it.",
    ),
    "BikaPageV1": object_of(
        {
            "total": whole("Records in the database."),
            "pageNum": whole(),
            "pageSize": whole(),
            "records": list_of(ref("BikaRecordV1")),
        }
    ),
    "BikaRecord": object_of(
        {"id": text(), "fields": ref("BikaFields"), "createdAt": _TIME, "updatedAt": _TIME},
        description="A record as v2 tells it.",
    ),
    "BikaPage": object_of(
        {
            "records": list_of(ref("BikaRecord")),
            "hasMore": {"type": "boolean"},
            "offset": text("The cursor of the next page."),
        },
        optional=["offset"],
    ),
    "BikaNewField": object_of(_FIELD_KEYS, optional=["description", "property", "position"]),
    "BikaFieldToChange": object_of(
        {
            **_FIELD_KEYS,
            "allowLoss": {"type": "boolean", "description": "As in the query."},
            "dryRun": {"type": "boolean", "description": "As in the query."},
        },
        optional=[*_FIELD_KEYS, "allowLoss", "dryRun"],
        description="What is left out stays.",
    ),
    "BikaField": _FIELD,
    "BikaFieldChange": object_of(
        {
            "records": whole("Records that hold something in the field."),
            "converted": whole("Of which the value is whole afterwards."),
            "lost": whole("Of which it is not, or not whole."),
            "optionsMade": whole("Options that are made of values."),
            "samples": list_of(
                object_of(
                    {"recordId": text(), "before": {}, "after": {"description": "What is left; `null`: nothing."}}
                ),
                f"The first of the lost, {MAX_SAMPLES} at most. Long values are cut.",
            ),
            "dependents": list_of(
                object_of({"databaseId": text(), "fieldId": text(), "name": text()}),
                "Lookups that show nothing afterwards.",
            ),
        },
        description=f"What a change of a field does, or would do, to its values. {EXTENSION}",
    ),
    "BikaNodeRemoval": object_of(
        {"nodes": whole("It, and all that is below it."), "databases": whole(), "records": whole()},
        description=f"What goes with a node. {EXTENSION}",
    ),
    "BikaNewView": object_of(_VIEW_KEYS, optional=[key for key in _VIEW_KEYS if key != "name"]),
    "BikaViewToChange": object_of(_VIEW_KEYS, optional=[*_VIEW_KEYS], description="What is left out stays."),
    "BikaView": object_of(
        {
            "id": text(),
            "name": text(),
            "type": text(enum=[type.value for type in ViewType]),
            "description": text(),
            "filter": text(f"In the language of `filter`. {EXTENSION}"),
            "sort": list_of(object_of({"field": text("Its id."), "order": text(enum=["asc", "desc"])})),
            "hiddenFields": list_of(text("The id of a field.")),
        }
    ),
    "BikaDatabase": object_of(
        {
            "id": text(),
            "name": text(),
            "description": text(),
            "spaceId": text(),
            "revision": whole(),
            "fields": list_of(ref("BikaField")),
            "views": list_of(ref("BikaView")),
        }
    ),
    "BikaNode": _NODE,
    "BikaSpace": object_of(_SPACE_KEYS, optional=["isPersonal"]),
    "BikaSpaceMember": object_of(
        {
            **_PERSON,
            "id": text("As cells name the member."),
            "type": text(enum=["Member"]),
            "userId": text("As `createBy` and `owner` name the user."),
            "role": text(enum=[role.value for role in Role]),
            "createdAt": _TIME,
        },
        description=f"Somebody who belongs to a space. {EXTENSION}",
    ),
    "BikaRole": object_of(
        {
            "id": text("What a member's role is set to.", enum=[role.value for role in Role]),
            "type": text(enum=["Role"]),
            "name": text(),
            "permission": _PERMISSION,
        },
        description=f"What a member can be. {EXTENSION}",
    ),
    "BikaTrigger": object_of({key: text() for key in ("id", "name", "type", "status", "createdAt", "updatedAt")}),
    "BikaEmbedLink": object_of({key: text() for key in ("id", "name", "url", "createdAt")}),
    "BikaProfile": _PROFILE,
    "BikaMeta": object_of(
        {
            "version": text("Holdall's."),
            "appEnv": text(),
            "hostname": text("Where this server is reached.", format="uri"),
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        }
    ),
}
