"""Formulas as trees, whose nodes know what they are worth for one record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Protocol

from holdall.domain.formulas import values
from holdall.domain.formulas.values import DIGITS, Fault, Value


@dataclass(frozen=True, slots=True)
class Scope:
    """One record, as a formula sees it."""

    look: Callable[[str], Value]
    """The value of a field, by its id; raises ``Fault`` where there is none to be had."""
    now: datetime | None
    """``None``: nobody says what time it is."""
    zone: tzinfo
    """In which days begin, and hours are told."""
    record_id: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Node(Protocol):
    """A part of a formula."""

    @property
    def position(self) -> int:
        """Where it begins in the text, from 1."""

    def evaluate(self, scope: Scope) -> Value:
        """What it is worth.

        Raises:
            Fault: it cannot be worked out.

        """

    def parts(self) -> Sequence["Node"]:
        """What it is made of."""


@dataclass(frozen=True, slots=True)
class Function:
    """A row of the table of functions."""

    name: str
    least: int
    most: int | None
    """Arguments; ``None``: any number."""
    call: Callable[..., Value]
    """Takes the scope and the arguments' values; where ``is_lazy``, the scope and the nodes of the arguments."""
    takes: str
    """The arguments, as they are written."""
    gives: str
    """What it is worth, in a line."""
    is_lazy: bool = False


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the text."""

    position: int
    value: Value

    def evaluate(self, _scope: Scope) -> Value:
        """Itself."""
        return self.value

    def parts(self) -> Sequence[Node]:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A field, by what the text calls it: its id, once the formula is defined."""

    position: int
    end: int
    """Just behind it, in the text."""
    field: str

    def evaluate(self, scope: Scope) -> Value:
        """What stands in the cell."""
        return scope.look(self.field)

    def parts(self) -> Sequence[Node]:
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    position: int
    function: Function
    arguments: tuple[Node, ...]

    def evaluate(self, scope: Scope) -> Value:
        """What the function makes of them."""
        if self.function.is_lazy:
            return self.function.call(scope, *self.arguments)
        return self.function.call(scope, *[argument.evaluate(scope) for argument in self.arguments])

    def parts(self) -> Sequence[Node]:
        """The arguments."""
        return self.arguments


@dataclass(frozen=True, slots=True)
class Negation:
    """A minus before something."""

    position: int
    part: Node

    def evaluate(self, scope: Scope) -> Value:
        """Less than nothing."""
        return DIGITS.minus(values.number(self.part.evaluate(scope)))

    def parts(self) -> Sequence[Node]:
        """What is negated."""
        return (self.part,)


@dataclass(frozen=True, slots=True)
class Row:
    """Parts with signs between them that bind alike: reckoned from the left, however many they are."""

    position: int
    first: Node
    rest: tuple[tuple[str, Node], ...]

    def evaluate(self, scope: Scope) -> Value:
        """What the signs make of them, one after the other."""
        value = self.first.evaluate(scope)
        for sign, part in self.rest:
            value = OPERATORS[sign](value, part.evaluate(scope))
        return value

    def parts(self) -> Sequence[Node]:
        """All of them."""
        return self.first, *(part for _, part in self.rest)


def walk(node: Node) -> Iterator[Node]:
    """A node and all that it is made of."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(each.parts())


def _divided(left: Value, right: Value) -> Value:
    by = values.number(right)
    if by == 0:
        raise Fault(values.DIVISION)
    return DIGITS.divide(values.number(left), by)


def _equal(left: Value, right: Value) -> bool:
    return values.order(left, right) == 0


def _ordered(holds: Callable[[int], bool]) -> Callable[[Value, Value], Value]:
    def compare(left: Value, right: Value) -> Value:
        order = values.order(left, right)
        if order is not None:
            return holds(order)
        if values.one(left) is None or values.one(right) is None:  # a time, and no time
            return False
        raise Fault(values.VALUE)

    return compare


def _reckoned(operation: Callable[[Any, Any], Value]) -> Callable[[Value, Value], Value]:
    return lambda left, right: operation(values.number(left), values.number(right))


OPERATORS: Mapping[str, Callable[[Value, Value], Value]] = {
    "+": _reckoned(DIGITS.add),
    "-": _reckoned(DIGITS.subtract),
    "*": _reckoned(DIGITS.multiply),
    "/": _divided,
    "&": lambda left, right: values.bounded(values.text(left) + values.text(right)),
    "=": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda order: order < 0),
    "<=": _ordered(lambda order: order <= 0),
    ">": _ordered(lambda order: order > 0),
    ">=": _ordered(lambda order: order >= 0),
}
