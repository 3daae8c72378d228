"""What ties a record to something else: files, other records, and what is looked up in those."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from holdall.domain.fieldtypes.kind import MAX_ITEMS, Computed, Kind, Reader, Reference, refuse
from holdall.domain.fieldtypes.properties import Rule, id_of_ours
from holdall.domain.formulas.values import Value, items, listed
from holdall.domain.records import Field, Record


def ids_in(field: Field, value: Any, what: str, *, may_be_objects: bool = False) -> list[str]:
    """The ids in a list, each once; whether there are such things is for others to say."""
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise refuse(field, value, f"list of at most {MAX_ITEMS} ids of {what} expected")
    ids: dict[str, None] = {}
    for item in value:
        id = item.get("id") if may_be_objects and isinstance(item, dict) else item
        if not isinstance(id, str):
            raise refuse(field, item, f"list of ids of {what} expected")
        ids[id] = None
    return [*ids]


class Attachments(Kind):
    """Files, in order. They hang on the record and do not stand in its cells."""

    written = "list of objects, of which only `id` and `name` count"
    shown = "list of attachments; as a string `name(url)` joined by `, `"
    refers_to = Reference.UPLOADS

    def coerce(self, field: Field, value: Any) -> list[dict[str, Any]]:
        """The objects, of each id the last; whether there are such files is for others to say."""
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise refuse(field, value, f"list of at most {MAX_ITEMS} attachment objects expected")
        for item in value:
            if not isinstance(item, dict) or not isinstance(item.get("id"), str):
                raise refuse(field, item, "attachment object with an id expected")
        return list({item["id"]: item for item in value}.values())

    def kept(self, field: Field, record: Record) -> Any | None:
        """The ties."""
        return record.attached(field.id) or None

    def show(self, _field: Field, kept: Any, reader: Reader) -> Any:
        """As the dialect tells files."""
        return [reader.tell_file(tie) for tie in kept]

    def show_text(self, _field: Field, kept: Any, reader: Reader) -> str:
        """In a row."""
        return ", ".join(reader.tell_file_text(tie) for tie in kept)

    def show_both(self, _field: Field, kept: Any, reader: Reader) -> tuple[Any, Any]:
        """With and without what is only known of stored files."""
        return [reader.tell_kept_file(tie) for tie in kept], [reader.tell_file(tie) for tie in kept]

    def value(self, _field: Field, kept: Any, _reader: Reader) -> Value:
        """Their names."""
        return tuple(tie.name for tie in kept)

    def recall(self, _field: Field, kept: Any, _reader: Reader) -> Any:
        """By id and name: a link to a file that was taken off long ago would be too much."""
        return kept


class Links(Kind):
    """Records of another database."""

    written = "list of record ids"
    shown = "list of record ids; as a string joined by `, `"
    properties: ClassVar[Mapping[str, Rule]] = {"foreignDatabaseId": id_of_ours}
    needs = frozenset({"foreignDatabaseId"})
    refers_to = Reference.RECORDS

    def coerce(self, field: Field, value: Any) -> list[str] | None:
        """Ids, each once."""
        return ids_in(field, value, "records") or None

    def show_text(self, _field: Field, kept: Any, _reader: Reader) -> str:
        """In a row."""
        return ", ".join(kept)


class Lookup(Computed):
    """A field of the linked records, one value after the other. What is itself looked up is not followed."""

    shown = "list of what the looked-up field shows; as strings, a list of those"
    properties: ClassVar[Mapping[str, Rule]] = {"linkFieldId": id_of_ours, "lookupFieldId": id_of_ours}
    needs = frozenset({"linkFieldId", "lookupFieldId"})

    def kept(self, field: Field, record: Record) -> Any | None:
        """The ids of the linked records."""
        return record.cells.get(field.link_field_id) or None

    def show(self, field: Field, kept: Any, reader: Reader) -> Any:
        """What those show; the items of lists in one list."""
        values: list[Any] = []
        for found, kind, cell in _looked_up(field, kept, reader):
            value = kind.show(found, cell, reader)
            values += value if isinstance(value, list) else [value]
        return values or None

    def show_told(self, field: Field, kept: Any, reader: Reader) -> Any:
        """As texts."""
        return [kind.show_text(found, cell, reader) for found, kind, cell in _looked_up(field, kept, reader)] or None

    def show_both(self, field: Field, kept: Any, reader: Reader) -> tuple[Any, Any]:
        """The linked records, and what they show."""
        return kept, self.show(field, kept, reader)

    def value(self, field: Field, kept: Any, reader: Reader) -> Value:
        """What formulas there would reckon with; the items of lists in one list."""
        return listed(
            [*items(kind.value(found, cell, reader) for found, kind, cell in _looked_up(field, kept, reader))]
        )


def _looked_up(field: Field, ids: Sequence[str], reader: Reader) -> Iterator[tuple[Field, Kind, Any]]:
    """The cells that a lookup field leads to, as far as there is anything in them."""
    looked_up = reader.beside.looked_up.get(field.id)
    if looked_up is not None:
        for record in (looked_up.records[id] for id in ids if id in looked_up.records):
            cell = looked_up.kind.kept(looked_up.field, record)
            if cell is not None:
                yield looked_up.field, looked_up.kind, cell


class Unserved(Computed):
    """A type that fields can have, and whose cells Holdall does not fill."""

    shown = "nothing: the cell is empty"

    def kept(self, _field: Field, _record: Record) -> None:
        """Nothing."""
        return
