"""Choices: yes or no, one option, several options, a path of options."""

from collections.abc import Mapping
from typing import Any, ClassVar

from holdall.domain.fieldtypes.kind import MAX_ITEMS, Kind, Reader, refuse
from holdall.domain.fieldtypes.properties import Rule, options
from holdall.domain.fieldtypes.texts import is_list_of_texts, text_of
from holdall.domain.records import Field, Record


class Checkbox(Kind):
    """Yes or no."""

    written = "boolean"
    shown = "boolean"

    def coerce(self, field: Field, value: Any) -> bool:
        """A boolean, never its text or number."""
        if not isinstance(value, bool):
            raise refuse(field, value, "true or false expected")
        return value

    def show_text(self, _field: Field, kept: Any, _reader: Reader) -> str:
        """As JSON spells it."""
        return "true" if kept else "false"


class SingleSelect(Kind):
    """One option; kept by its id. An option that is gone is an empty cell."""

    written = "an option's name or id, also in a list of one"
    shown = "the option's name"
    properties: ClassVar[Mapping[str, Rule]] = {"options": options}

    def coerce(self, field: Field, value: Any) -> str | None:
        """A name or an id; clients of the first version wrap it in a list of one."""
        if isinstance(value, list):
            if len(value) > 1:
                raise refuse(field, value, "one option expected")
            return _option_id(field, value[0], _ids(field)) if value else None
        return _option_id(field, value, _ids(field))

    def kept(self, field: Field, record: Record) -> Any | None:
        """The option's id."""
        id = record.cells.get(field.id)
        return id if id is not None and id in _names(field) else None

    def show(self, field: Field, kept: Any, _reader: Reader) -> Any:
        """The option's name."""
        return _names(field).get(kept)

    def show_both(self, field: Field, kept: Any, reader: Reader) -> tuple[Any, Any]:
        """Each in a list of one, as the first version's clients know selects."""
        return [kept], [self.show(field, kept, reader)]

    def recall(self, field: Field, kept: Any, _reader: Reader) -> Any:
        """By name; of an option that is gone, and of what was no option, what was kept."""
        return _names(field).get(kept, kept) if isinstance(kept, str) else kept


class MultiSelect(Kind):
    """Several options, in the order in which they were chosen."""

    written = "list of names or ids"
    shown = "list of names; as a string joined by `, `"
    properties: ClassVar[Mapping[str, Rule]] = {"options": options}

    def coerce(self, field: Field, value: Any) -> list[str] | None:
        """Each option once."""
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise refuse(field, value, f"list of at most {MAX_ITEMS} options expected")
        ids = _ids(field)
        return list(dict.fromkeys(_option_id(field, item, ids) for item in value)) or None

    def kept(self, field: Field, record: Record) -> Any | None:
        """The ids of the options that are still there."""
        names = _names(field)
        return [id for id in record.cells.get(field.id, ()) if id in names] or None

    def show(self, field: Field, kept: Any, _reader: Reader) -> Any:
        """Their names."""
        names = _names(field)
        return [names[id] for id in kept if id in names]

    def show_text(self, field: Field, kept: Any, reader: Reader) -> str:
        """Their names in a row."""
        return ", ".join(self.show(field, kept, reader))

    def recall(self, field: Field, kept: Any, _reader: Reader) -> Any:
        """By name, as one."""
        names = _names(field)
        return [names.get(each, each) for each in kept] if is_list_of_texts(kept) else kept


class Cascader(Kind):
    """A path through a tree of choices. Bika publishes no format; it is kept as it comes."""

    written = "text, or list of texts from the top down"
    shown = "as it was written; as a string joined by ` / `"

    def coerce(self, field: Field, value: Any) -> Any:
        """A text, or several."""
        if isinstance(value, list) and len(value) <= MAX_ITEMS:
            return [text_of(field, level) for level in value] or None
        return text_of(field, value)

    def show_text(self, _field: Field, kept: Any, _reader: Reader) -> str:
        """From the top down."""
        return " / ".join(kept) if isinstance(kept, list) else str(kept)


def _names(field: Field) -> Mapping[str, str]:
    return {option["id"]: option["name"] for option in field.properties.get("options", ())}


def _ids(field: Field) -> Mapping[str, str]:
    """By name and by id, which goes first; of two options of one name, the upper one."""
    options = [*field.properties.get("options", ())]
    by_name = {option["name"]: option["id"] for option in reversed(options)}
    return {**by_name, **{option["id"]: option["id"] for option in options}}


def _option_id(field: Field, value: Any, ids: Mapping[str, str]) -> str:
    if not isinstance(value, str) or value not in ids:
        raise refuse(field, value, "no such option")
    return ids[value]
