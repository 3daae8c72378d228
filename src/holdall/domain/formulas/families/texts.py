"""Text. Places count from 1; what is asked for beyond the ends is not there, and no fault."""

import re
from decimal import Decimal
from urllib.parse import quote

from holdall.domain.formulas import values
from holdall.domain.formulas.tree import Function, Scope
from holdall.domain.formulas.values import MAX_TEXT, Fault, Value


def _concatenated(_scope: Scope, *given: Value) -> Value:
    pieces = [values.text(each) for each in given]
    if sum(map(len, pieces)) > MAX_TEXT:
        raise Fault(values.LIMIT)
    return "".join(pieces)


def _count(value: Value) -> int:
    number = values.whole(value)
    if number < 0:
        raise Fault(values.VALUE)
    return number


def _place(value: Value) -> int:
    number = values.whole(value)
    if number < 1:
        raise Fault(values.VALUE)
    return number - 1


def _left(_scope: Scope, text: Value, count: Value = Decimal(1)) -> Value:
    return values.text(text)[: _count(count)]


def _right(_scope: Scope, text: Value, count: Value = Decimal(1)) -> Value:
    whole = values.text(text)
    return whole[max(0, len(whole) - _count(count)) :]


def _mid(_scope: Scope, text: Value, start: Value, count: Value) -> Value:
    first = _place(start)
    return values.text(text)[first : first + _count(count)]


def _repeated(_scope: Scope, text: Value, count: Value) -> Value:
    piece, times = values.text(text), _count(count)
    if len(piece) * times > MAX_TEXT:
        raise Fault(values.LIMIT)
    return piece * times


def _replaced(_scope: Scope, text: Value, start: Value, count: Value, new: Value) -> Value:
    whole, first = values.text(text), _place(start)
    return values.bounded(whole[:first] + values.text(new) + whole[first + _count(count) :])


def _substituted(_scope: Scope, text: Value, old: Value, new: Value, which: Value = None) -> Value:
    whole, piece, other = values.text(text), values.text(old), values.text(new)
    if not piece:
        return whole
    if which is None:
        if len(whole) + whole.count(piece) * (len(other) - len(piece)) > MAX_TEXT:
            raise Fault(values.LIMIT)
        return whole.replace(piece, other)
    place = -1
    for _ in range(min(_place(which) + 1, len(whole) + 1)):
        place = whole.find(piece, 0 if place < 0 else place + len(piece))
        if place < 0:
            return whole
    return values.bounded(whole[:place] + other + whole[place + len(piece) :])


def _found(_scope: Scope, piece: Value, text: Value, start: Value = Decimal(1)) -> Value:
    return Decimal(values.text(text).find(values.text(piece), _place(start)) + 1)


def _searched(_scope: Scope, piece: Value, text: Value, start: Value = Decimal(1)) -> Value:
    place = values.text(text).casefold().find(values.text(piece).casefold(), _place(start)) + 1
    return Decimal(place) if place else None


def _trimmed(_scope: Scope, text: Value) -> Value:
    return re.sub(r"\s+", " ", values.text(text)).strip()


FUNCTIONS = (
    Function("CONCATENATE", 1, None, _concatenated, "text, …", "one text of all; so is `&`"),
    Function("CONCAT", 1, None, _concatenated, "text, …", "as CONCATENATE"),
    Function("LEN", 1, 1, lambda _, text: Decimal(len(values.text(text))), "text", "how many characters it has"),
    Function("LOWER", 1, 1, lambda _, text: values.bounded(values.text(text).lower()), "text", "in small letters"),
    Function("UPPER", 1, 1, lambda _, text: values.bounded(values.text(text).upper()), "text", "in capitals"),
    Function(
        "PROPER", 1, 1, lambda _, text: values.bounded(values.text(text).title()), "text", "each word with a capital"
    ),
    Function("TRIM", 1, 1, _trimmed, "text", "without blanks at its ends, and with one between words"),
    Function("LEFT", 1, 2, _left, "text, [count]", "its first characters"),
    Function("RIGHT", 1, 2, _right, "text, [count]", "its last characters"),
    Function("MID", 3, 3, _mid, "text, start, count", "characters from the middle"),
    Function("FIND", 2, 3, _found, "part, text, [start]", "where the part begins; 0: nowhere"),
    Function("SEARCH", 2, 3, _searched, "part, text, [start]", "as FIND, letter case aside; blank: nowhere"),
    Function("REPLACE", 4, 4, _replaced, "text, start, count, new", "with other characters in that place"),
    Function(
        "SUBSTITUTE", 3, 4, _substituted, "text, old, new, [which]", "with `new` for every `old`, or for that one"
    ),
    Function("REPT", 2, 2, _repeated, "text, count", "several times in a row"),
    Function(
        "EXACT", 2, 2, lambda _, a, b: values.text(a) == values.text(b), "text, text", "whether both are the same"
    ),
    Function("TEXT", 1, 1, lambda _, value: values.text(value), "value", "the value as text"),
    Function(
        "ENCODE_URL_COMPONENT",
        1,
        1,
        lambda _, text: values.bounded(quote(values.text(text)[:MAX_TEXT], safe="")),
        "text",
        "fit for a part of an address",
    ),
)
