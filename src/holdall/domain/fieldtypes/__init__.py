"""The types of fields, one row each: what may stand in a cell, how it is kept, and what is shown of it.

A new type is a class beside these and a row in ``KINDS``; reading, writing, the history of records and the table in the
API's documentation follow from it. Source of the rules: contract bika, section 5.
"""

from collections.abc import Mapping
from typing import Any

from holdall.domain.fieldtypes import choices, documents, numbers, people, texts, ties, times
from holdall.domain.fieldtypes.kind import PLAIN, Kind, Reader
from holdall.domain.records import Field, FieldType

_LINE, _LINES, _JSON, _LINKS = texts.Line(), texts.Lines(), documents.Json(), ties.Links()

KINDS: Mapping[FieldType, Kind] = {
    FieldType.SINGLE_TEXT: _LINE,
    FieldType.LONG_TEXT: _LINES,
    FieldType.URL: _LINE,
    FieldType.EMAIL: _LINE,
    FieldType.PHONE: _LINE,
    FieldType.NUMBER: numbers.Number(),
    FieldType.CURRENCY: numbers.Currency(),
    FieldType.PERCENT: numbers.Percent(),
    FieldType.RATING: numbers.Rating(),
    FieldType.CHECKBOX: choices.Checkbox(),
    FieldType.SINGLE_SELECT: choices.SingleSelect(),
    FieldType.MULTI_SELECT: choices.MultiSelect(),
    FieldType.MEMBER: people.Members(),
    FieldType.DATETIME: times.DateTime(),
    FieldType.DATERANGE: times.DateRange(),
    FieldType.ATTACHMENT: ties.Attachments(),
    FieldType.LINK: _LINKS,
    FieldType.ONE_WAY_LINK: _LINKS,
    FieldType.LOOKUP: ties.Lookup(),
    FieldType.FORMULA: ties.Formula(),
    FieldType.AUTO_NUMBER: numbers.AutoNumber(),
    FieldType.CREATED_TIME: times.CreatedTime(),
    FieldType.MODIFIED_TIME: times.ModifiedTime(),
    FieldType.CREATED_BY: people.CreatedBy(),
    FieldType.MODIFIED_BY: people.ModifiedBy(),
    FieldType.CASCADER: choices.Cascader(),
    FieldType.JSON: _JSON,
    FieldType.AI_TEXT: _LINES,
    FieldType.WORK_DOC: _JSON,
    FieldType.BUTTON: ties.Unserved(),
}


def kind_of(field: Field) -> Kind:
    """What the field's type takes, keeps and shows."""
    return KINDS[field.type]


def coerce(field: Field, value: Any) -> Any:
    """The stored form of a client's value; ``None`` empties the cell. Ids in it are yet to be looked up.

    Raises:
        CellRefused: the value does not fit.

    """
    kind = kind_of(field)
    return None if value is None and kind.is_written else kind.coerce(field, value)


def show(field: Field, kept: Any, reader: Reader = PLAIN) -> Any:
    """What a reader sees of a stored value."""
    return kind_of(field).show(field, kept, reader)


def show_text(field: Field, kept: Any, reader: Reader = PLAIN) -> str:
    """What a reader sees, as one string."""
    return kind_of(field).show_text(field, kept, reader)
