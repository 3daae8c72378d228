"""People in cells: members that somebody chose, and those who made and last changed the record."""

from typing import Any

from holdall.domain.fieldtypes.kind import Computed, Kind, Reader, Reference
from holdall.domain.fieldtypes.texts import is_list_of_texts
from holdall.domain.fieldtypes.ties import ids_in
from holdall.domain.people import Person
from holdall.domain.records import Field, Record


class Members(Kind):
    """Members of the space; kept by member id. One who was let go is shown by id, without a name."""

    written = "list of member ids, or of objects with an `id`"
    shown = "list of `{id, type, name}`; as a string the names joined by `, `"
    refers_to = Reference.MEMBERS

    def coerce(self, field: Field, value: Any) -> list[str] | None:
        """Ids, each once; what was read can be written back."""
        return ids_in(field, value, "members", may_be_objects=True) or None

    def show(self, _field: Field, kept: Any, reader: Reader) -> Any:
        """With their names."""
        known = reader.beside.people.members
        people = (known.get(id) or Person(id, "") for id in kept)
        return [{"id": person.id, "type": "Member", "name": person.name} for person in people]

    def show_text(self, field: Field, kept: Any, reader: Reader) -> str:
        """Their names in a row."""
        return ", ".join(person["name"] or person["id"] for person in self.show(field, kept, reader))

    def recall(self, field: Field, kept: Any, reader: Reader) -> Any:
        """With their names."""
        return self.show(field, kept, reader) if is_list_of_texts(kept) else kept


class _Author(Computed):
    """Somebody who wrote the record."""

    names_authors = True
    shown = "`{id, name}`; as a string the name"

    def show(self, _field: Field, kept: Any, reader: Reader) -> Any:
        """With their name."""
        person = reader.beside.people.users.get(kept) or Person("", "")
        return {"id": person.id, "name": person.name}

    def show_text(self, field: Field, kept: Any, reader: Reader) -> str:
        """Their name."""
        return str(self.show(field, kept, reader)["name"])

    def show_both(self, field: Field, kept: Any, reader: Reader) -> tuple[Any, Any]:
        """By id, and with the name."""
        person = self.show(field, kept, reader)
        return person["id"], person


class CreatedBy(_Author):
    """Who made the record."""

    def kept(self, _field: Field, record: Record) -> int:
        """The number of their account."""
        return record.created_by


class ModifiedBy(_Author):
    """Who last changed it."""

    def kept(self, _field: Field, record: Record) -> int:
        """The number of their account."""
        return record.updated_by
