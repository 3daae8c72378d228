"""Dates and times. Days begin, and hours are told, in the formula's `timeZone` or in UTC. Of no time comes nothing."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from holdall.domain.formulas import values
from holdall.domain.formulas.tree import Function, Scope
from holdall.domain.formulas.values import Fault, Value

_SECONDS = {
    "milliseconds": Decimal("0.001"),
    "seconds": Decimal(1),
    "minutes": Decimal(60),
    "hours": Decimal(3600),
    "days": Decimal(86_400),
    "weeks": Decimal(604_800),
}
_MONTHS = {"months": 1, "quarters": 3, "years": 12}
_UNITS = {
    "ms": "milliseconds",
    "s": "seconds",
    "m": "minutes",
    "h": "hours",
    "d": "days",
    "w": "weeks",
    "M": "months",
    "Q": "quarters",
    "y": "years",
}
_MAX_FORM = 200
_MONTH_NAMES: Sequence[str] = (
    "January February March April May June July August September October November December".split()
)
_DAY_NAMES: Sequence[str] = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_FORMS: Mapping[str, Callable[[datetime], str]] = {
    "YYYY": lambda time: f"{time.year:04}",
    "YY": lambda time: f"{time.year % 100:02}",
    "MMMM": lambda time: _MONTH_NAMES[time.month - 1],
    "MMM": lambda time: _MONTH_NAMES[time.month - 1][:3],
    "MM": lambda time: f"{time.month:02}",
    "M": lambda time: str(time.month),
    "DD": lambda time: f"{time.day:02}",
    "D": lambda time: str(time.day),
    "dddd": lambda time: _DAY_NAMES[time.weekday()],
    "ddd": lambda time: _DAY_NAMES[time.weekday()][:3],
    "HH": lambda time: f"{time.hour:02}",
    "H": lambda time: str(time.hour),
    "hh": lambda time: f"{(time.hour - 1) % 12 + 1:02}",
    "h": lambda time: str((time.hour - 1) % 12 + 1),
    "mm": lambda time: f"{time.minute:02}",
    "ss": lambda time: f"{time.second:02}",
    "SSS": lambda time: f"{time.microsecond // 1000:03}",
    "A": lambda time: "AM" if time.hour < 12 else "PM",  # noqa: PLR2004  noon
    "a": lambda time: "am" if time.hour < 12 else "pm",  # noqa: PLR2004  noon
    "Z": lambda time: time.strftime("%z")[:3] + ":" + time.strftime("%z")[3:5],
}
_FORM = re.compile(r"\[([^\]]*)\]|" + "|".join(sorted(_FORMS, key=len, reverse=True)))


def _local(scope: Scope, value: Value) -> datetime:
    try:
        return values.moment(value).astimezone(scope.zone)
    except OverflowError as error:
        raise Fault(values.NUMBER) from error


def _utc(local: datetime) -> datetime:
    try:
        return local.astimezone(UTC)
    except OverflowError as error:
        raise Fault(values.NUMBER) from error


def _is_none(*times: Value) -> bool:
    """Whether any of them is blank."""
    return any(values.one(time) in (None, "") for time in times)


def _part(read: Callable[[datetime], int]) -> Callable[[Scope, Value], Value]:
    """A part of a time; of nothing, nothing."""
    return lambda scope, value: None if _is_none(value) else Decimal(read(_local(scope, value)))


def _midnight(local: datetime) -> datetime:
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _now(scope: Scope) -> datetime:
    if scope.now is None:
        raise Fault(values.VALUE)
    return scope.now


def _today(scope: Scope) -> Value:
    return _utc(_midnight(_now(scope).astimezone(scope.zone)))


def _date(scope: Scope, year: Value, month: Value, day: Value) -> Value:
    try:
        return _utc(datetime(values.whole(year), values.whole(month), values.whole(day), tzinfo=scope.zone))
    except (ValueError, OverflowError) as error:
        raise Fault(values.NUMBER) from error


def _unit(value: Value) -> str:
    given = values.text(value).strip()
    unit = _UNITS.get(given) or given.lower().removesuffix("s") + "s"
    if unit not in _SECONDS and unit not in _MONTHS:
        raise Fault(values.VALUE)
    return unit


def _added(scope: Scope, time: Value, count: Value, unit: Value) -> Value:
    """Months end with their last day; days and weeks keep the hour on the clock."""
    if _is_none(time):
        return None
    local, wanted = _local(scope, time), _unit(unit)
    try:
        if wanted in _MONTHS:
            return _utc(_months_later(local, values.whole(count) * _MONTHS[wanted]))
        seconds = float(values.number(count) * _SECONDS[wanted])
        span = timedelta(seconds=seconds)
        return _utc(local + span) if wanted in ("days", "weeks") else values.moment(time) + span
    except (OverflowError, ValueError) as error:
        raise Fault(values.NUMBER) from error


def _months_later(local: datetime, months: int) -> datetime:
    years, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    for day in (local.day, 30, 29, 28):
        try:
            return local.replace(year=years, month=month + 1, day=min(day, local.day))
        except ValueError:
            continue
    raise Fault(values.NUMBER)


def _difference(scope: Scope, later: Value, earlier: Value, unit: Value = "seconds") -> Value:
    """In whole units, cut off."""
    if _is_none(later, earlier):
        return None
    wanted = _unit(unit)
    last, first = _local(scope, later), _local(scope, earlier)
    if wanted in _MONTHS:
        return Decimal(int(_months_between(first, last) / _MONTHS[wanted]))
    microseconds = (values.moment(later) - values.moment(earlier)) // timedelta(microseconds=1)
    return Decimal(int(microseconds / (_SECONDS[wanted] * 1_000_000)))


def _months_between(first: datetime, last: datetime) -> int:
    if last < first:
        return -_months_between(last, first)
    months = (last.year - first.year) * 12 + last.month - first.month
    is_short = (last.day, last.time()) < (first.day, first.time())
    return months - is_short


def _formatted(scope: Scope, time: Value, form: Value = "YYYY-MM-DD HH:mm") -> Value:
    if _is_none(time):
        return None
    wanted, local = values.text(form), _local(scope, time)
    if len(wanted) > _MAX_FORM:
        raise Fault(values.LIMIT)
    return _FORM.sub(lambda match: match[1] if match[0].startswith("[") else _FORMS[match[0]](local), wanted)


def _is(holds: Callable[[datetime, datetime], bool]) -> Callable[[Scope, Value, Value], Value]:
    def compared(_scope: Scope, first: Value, second: Value) -> Value:
        return not _is_none(first, second) and holds(values.moment(first), values.moment(second))

    return compared


def _is_same(scope: Scope, first: Value, second: Value, unit: Value = "milliseconds") -> Value:
    if _is_none(first, second):
        return False
    wanted = _unit(unit)
    one, other = _local(scope, first), _local(scope, second)
    return _begun(one, wanted) == _begun(other, wanted)


def _begun(local: datetime, unit: str) -> tuple[int, ...]:
    """Which unit of the calendar a time is in."""
    year, week, _ = local.isocalendar()
    match unit:
        case "weeks":
            return year, week
        case "quarters":
            return local.year, (local.month - 1) // 3
    places = {"years": 1, "months": 2, "days": 3, "hours": 4, "minutes": 5, "seconds": 6, "milliseconds": 7}
    whole = (*local.timetuple()[:6], local.microsecond // 1000)
    return whole[: places[unit]]


FUNCTIONS = (
    Function("NOW", 0, 0, _now, "", "this very time"),
    Function("TODAY", 0, 0, _today, "", "midnight, when today began"),
    Function("DATE", 3, 3, _date, "year, month, day", "midnight of that day"),
    Function(
        "DATETIME_PARSE",
        1,
        1,
        lambda _, text: None if _is_none(text) else values.moment(text),
        "text",
        "the time that it is in ISO 8601",
    ),
    Function("DATEADD", 3, 3, _added, "time, count, unit", "later by that much; months end with their last day"),
    Function(
        "DATETIME_DIFF",
        2,
        3,
        _difference,
        "time, earlier, [unit]",
        "from the earlier on, in whole units; seconds unless said",
    ),
    Function(
        "DATETIME_FORMAT",
        1,
        2,
        _formatted,
        "time, [form]",
        "as text: `YYYY MM DD HH mm ss`, `MMMM`, `dddd`, `h A`, … and what is in brackets as it is",
    ),
    Function("DATESTR", 1, 1, lambda scope, time: _formatted(scope, time, "YYYY-MM-DD"), "time", "`2026-03-02`"),
    Function("TIMESTR", 1, 1, lambda scope, time: _formatted(scope, time, "HH:mm:ss"), "time", "`17:04:00`"),
    Function("YEAR", 1, 1, _part(lambda time: time.year), "time", "its year"),
    Function("MONTH", 1, 1, _part(lambda time: time.month), "time", "its month, 1 to 12"),
    Function("DAY", 1, 1, _part(lambda time: time.day), "time", "its day of the month"),
    Function("HOUR", 1, 1, _part(lambda time: time.hour), "time", "its hour, 0 to 23"),
    Function("MINUTE", 1, 1, _part(lambda time: time.minute), "time", "its minute"),
    Function("SECOND", 1, 1, _part(lambda time: time.second), "time", "its second"),
    Function("WEEKDAY", 1, 1, _part(lambda time: time.isoweekday() % 7), "time", "its day of the week; Sunday is 0"),
    Function("WEEKNUM", 1, 1, _part(lambda time: time.isocalendar()[1]), "time", "its week (ISO 8601)"),
    Function(
        "IS_BEFORE", 2, 2, _is(lambda first, second: first < second), "time, time", "whether the first is earlier"
    ),
    Function("IS_AFTER", 2, 2, _is(lambda first, second: first > second), "time, time", "whether the first is later"),
    Function("IS_SAME", 2, 3, _is_same, "time, time, [unit]", "whether both are in the same unit of the calendar"),
)
