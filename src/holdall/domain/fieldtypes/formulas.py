"""Formulas in cells: worked out from the record's other cells whenever they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, ClassVar

from holdall.domain.fieldtypes.kind import Computed, Reader, zone_for
from holdall.domain.fieldtypes.properties import Asked, Rule, zone
from holdall.domain.fieldtypes.times import local_text
from holdall.domain.formulas import values
from holdall.domain.formulas.definition import PROPERTY, tree_of
from holdall.domain.formulas.syntax import MAX_LENGTH
from holdall.domain.formulas.tree import Scope
from holdall.domain.formulas.values import Fault, Scalar, Value
from holdall.domain.records import Field, Record

MAX_CHAIN = 10
"""Formulas that look at formulas, one behind the other."""


def _expression(_asked: Asked, value: Any) -> str:
    """Some text; whether it is a formula is said by whoever knows the other fields (``define``)."""
    if not isinstance(value, str) or len(value) > MAX_LENGTH or "\0" in value:
        raise ValueError(f"a formula of at most {MAX_LENGTH} characters expected")
    return value


class Formula(Computed):
    """An expression over the record (``domain.formulas``)."""

    properties: ClassVar[Mapping[str, Rule]] = {PROPERTY: _expression, "timeZone": zone}
    needs: ClassVar[frozenset[str]] = frozenset({PROPERTY})
    shown = "what it is worth: text, number, boolean, ISO 8601 in UTC, or a list; as a string, that as text"

    def kept(self, field: Field, record: Record) -> Record | None:
        """The record that it is worked out for."""
        return record if field.properties.get(PROPERTY) else None

    def show(self, field: Field, kept: Any, reader: Reader) -> Any:
        """As JSON; what cannot be worked out shows why."""
        try:
            return values.told(_Evaluation(kept, reader).of(field))
        except Fault as fault:
            return fault.name

    def show_text(self, field: Field, kept: Any, reader: Reader) -> str:
        """Times as clocks there showed them, lists in a row."""
        try:
            value = _Evaluation(kept, reader).of(field)
        except Fault as fault:
            return fault.name
        zone = zone_for(reader, field)
        return ", ".join(_text(item, zone) for item in values.items([value]))

    def show_told(self, field: Field, kept: Any, reader: Reader) -> Any:
        """As text; nothing, where there is none."""
        return self.show_text(field, kept, reader) or None

    def show_both(self, field: Field, kept: Any, reader: Reader) -> tuple[Any, Any]:
        """Nothing is stored of it."""
        shown = self.show(field, kept, reader)
        return shown, shown

    def value(self, field: Field, kept: Any, reader: Reader) -> Value:
        """What it is worth."""
        return _Evaluation(kept, reader).of(field)


@dataclass(slots=True)
class _Evaluation:
    """One record's formulas, each worked out once."""

    record: Record
    reader: Reader
    _worth: dict[str, Value] = field(default_factory=dict)
    _under_way: list[str] = field(default_factory=list)

    def of(self, field: Field) -> Value:
        """What a formula field is worth.

        Raises:
            Fault: it cannot be worked out.

        """
        if field.id in self._worth:
            return self._worth[field.id]
        if field.id in self._under_way:
            raise Fault(values.CYCLE)
        if len(self._under_way) >= MAX_CHAIN:
            raise Fault(values.LIMIT)
        self._under_way.append(field.id)
        try:
            self._worth[field.id] = value = self._evaluated(field)
        finally:
            self._under_way.pop()
        return value

    def _evaluated(self, field: Field) -> Value:
        tree = tree_of(str(field.properties[PROPERTY]))
        if tree is None:
            raise Fault(values.REFERENCE)
        record = self.record
        scope = Scope(self._look, self.reader.now, field.zone or UTC, record.id, record.created_at, record.updated_at)
        try:
            return tree.evaluate(scope)
        except RecursionError as error:
            raise Fault(values.LIMIT) from error
        except ArithmeticError as error:  # of the decimal module, and of dates beyond what calendars have
            raise Fault(values.NUMBER) from error

    def _look(self, field_id: str) -> Value:
        """The value of any field of the record."""
        column = self.reader.beside.columns.get(field_id)
        if column is None:
            raise Fault(values.REFERENCE)
        field, kind = column
        kept = kind.kept(field, self.record)
        if kept is None:
            return None
        return self.of(field) if isinstance(kind, Formula) else kind.value(field, kept, self.reader)


def _text(value: Scalar, zone: tzinfo) -> str:
    return local_text(values.utc_text(value), zone) if isinstance(value, datetime) else values.text(value)
