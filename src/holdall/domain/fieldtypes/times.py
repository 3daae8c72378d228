"""Times: chosen ones, spans of days, and when a record was made and last changed.

They are kept as text in UTC with milliseconds, ``2026-03-02T10:00:00.000Z``, which sorts as the times do.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, ClassVar

from holdall.domain.fieldtypes.kind import Computed, Kind, Reader, refuse, zone_for
from holdall.domain.fieldtypes.properties import Rule, flag, zone
from holdall.domain.formulas.values import Value
from holdall.domain.records import Field, Record

_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_LOCAL = "%Y-%m-%d %H:%M:%S"
_PROPERTIES: Mapping[str, Rule] = {"timeZone": zone, "includeTime": flag}
_TO = "/"
_ARROW = " -> "


def utc_text(time: datetime) -> str:
    """``2026-03-02T10:00:00.000Z``."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str, zone: tzinfo) -> datetime:
    """A time in ISO 8601; one that names no zone, and midnight of a bare date, are of ``zone``.

    Raises:
        ValueError: it is none, or one that no calendar has.

    """
    if not _ISO.fullmatch(text):
        raise ValueError(text)
    time = datetime.fromisoformat(text.upper().replace(",", "."))
    try:
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def local_text(kept: str, zone: tzinfo, form: str = _LOCAL) -> str:
    """A stored time as clocks there showed it."""
    time = datetime.fromisoformat(kept)
    try:
        local = time.astimezone(zone)
    except OverflowError:  # on the first and the last day that calendars have
        local = time
    # ``strftime`` writes years before 1000 with fewer digits on some systems.
    return f"{local.year:04}{local.strftime(form.removeprefix('%Y'))}"


def _coerced(field: Field, value: Any, text: Any) -> str:
    if not isinstance(text, str):
        raise refuse(field, value, "a date or time in ISO 8601 expected")
    try:
        return utc_text(parse_time(text.strip(), field.zone or UTC))
    except ValueError as error:
        raise refuse(field, value, "a date or time in ISO 8601 expected") from error


class DateTime(Kind):
    """A point in time."""

    written = "ISO 8601; without a zone, in the field's `timeZone`, else in UTC; a bare date is its midnight"
    shown = "ISO 8601 in UTC; as a string `YYYY-MM-DD HH:mm:ss` in `timeZone`"
    properties: ClassVar[Mapping[str, Rule]] = _PROPERTIES

    def coerce(self, field: Field, value: Any) -> str:
        """As UTC."""
        return _coerced(field, value, value)

    def show_text(self, field: Field, kept: Any, reader: Reader) -> str:
        """As clocks there showed it."""
        return local_text(kept, zone_for(reader, field))

    def value(self, _field: Field, kept: Any, _reader: Reader) -> Value:
        """The time."""
        return datetime.fromisoformat(kept)


class DateRange(Kind):
    """From one time to another; shown by day, or to the second where the field says ``includeTime``."""

    written = "one string `start/end`, each in ISO 8601; also as it is read"
    shown = "`2026-03-02 -> 2026-03-05`, days in `timeZone`; with the time where the field has `includeTime`"
    properties: ClassVar[Mapping[str, Rule]] = _PROPERTIES

    def coerce(self, field: Field, value: Any) -> str:
        """Both as UTC, the first not after the last."""
        parts = re.split(f"{_ARROW}|{_TO}", value) if isinstance(value, str) else []
        if len(parts) != 2:  # noqa: PLR2004  two ends
            raise refuse(field, value, "start/end expected, each a date or time in ISO 8601")
        start, end = (_coerced(field, value, part) for part in parts)
        if start > end:
            raise refuse(field, value, "the end is before the start")
        return f"{start}{_TO}{end}"

    def show(self, field: Field, kept: Any, reader: Reader) -> Any:
        """From and to."""
        form = _LOCAL if field.properties.get("includeTime") is True else "%Y-%m-%d"
        return _ARROW.join(local_text(end, zone_for(reader, field), form) for end in str(kept).split(_TO))

    def recall(self, field: Field, kept: Any, reader: Reader) -> Any:
        """As it is told now; what was no range, as it was kept."""
        try:
            return self.show(field, kept, reader)
        except ValueError:
            return kept


class _Moment(Computed):
    """When something happened to the record."""

    shown = "ISO 8601 in UTC; as a string `YYYY-MM-DD HH:mm:ss` in `timeZone`"
    properties: ClassVar[Mapping[str, Rule]] = _PROPERTIES

    def show_text(self, field: Field, kept: Any, reader: Reader) -> str:
        """As clocks there showed it."""
        return local_text(kept, zone_for(reader, field))

    def value(self, _field: Field, kept: Any, _reader: Reader) -> Value:
        """The time."""
        return datetime.fromisoformat(kept)


class CreatedTime(_Moment):
    """When it was made."""

    def kept(self, _field: Field, record: Record) -> str:
        """As UTC."""
        return utc_text(record.created_at)


class ModifiedTime(_Moment):
    """When it was last changed."""

    def kept(self, _field: Field, record: Record) -> str:
        """As UTC."""
        return utc_text(record.updated_at)
