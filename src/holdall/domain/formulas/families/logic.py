"""Logic: choices, and what to do about blanks and faults. What is not chosen is not worked out."""

from holdall.domain.formulas import values
from holdall.domain.formulas.tree import Function, Node, Scope
from holdall.domain.formulas.values import Fault, Value


def _if(scope: Scope, condition: Node, then: Node, otherwise: Node | None = None) -> Value:
    if values.truth(condition.evaluate(scope)):
        return then.evaluate(scope)
    return None if otherwise is None else otherwise.evaluate(scope)


def _switch(scope: Scope, value: Node, *rest: Node) -> Value:
    wanted = value.evaluate(scope)
    for case, result in zip(rest[0::2], rest[1::2], strict=False):
        if values.order(wanted, case.evaluate(scope)) == 0:
            return result.evaluate(scope)
    return rest[-1].evaluate(scope) if len(rest) % 2 else None


def _and(scope: Scope, *parts: Node) -> Value:
    return all(values.truth(part.evaluate(scope)) for part in parts)


def _or(scope: Scope, *parts: Node) -> Value:
    return any(values.truth(part.evaluate(scope)) for part in parts)


def _xor(_scope: Scope, *parts: Value) -> Value:
    return sum(values.truth(part) for part in parts) % 2 == 1


def _is_error(scope: Scope, part: Node) -> Value:
    try:
        part.evaluate(scope)
    except (Fault, ArithmeticError):
        return True
    return False


def _if_error(scope: Scope, part: Node, otherwise: Node) -> Value:
    try:
        return part.evaluate(scope)
    except (Fault, ArithmeticError):
        return otherwise.evaluate(scope)


def _error(_scope: Scope, *_message: Value) -> Value:
    raise Fault(values.ERROR)


def _is_blank(_scope: Scope, value: Value) -> Value:
    return value is None or value in ("", ())


FUNCTIONS = (
    Function(
        "IF", 2, 3, _if, "condition, then, [else]", "`then` if the condition holds, otherwise `else`", is_lazy=True
    ),
    Function(
        "SWITCH",
        3,
        None,
        _switch,
        "value, case, result, …, [default]",
        "the result behind the first case that equals the value",
        is_lazy=True,
    ),
    Function("AND", 1, None, _and, "condition, …", "whether all hold", is_lazy=True),
    Function("OR", 1, None, _or, "condition, …", "whether any holds", is_lazy=True),
    Function("XOR", 1, None, _xor, "condition, …", "whether an odd number of them holds"),
    Function("NOT", 1, 1, lambda _, value: not values.truth(value), "condition", "whether it does not hold"),
    Function("TRUE", 0, 0, lambda _: True, "", "yes"),
    Function("FALSE", 0, 0, lambda _: False, "", "no"),
    Function("BLANK", 0, 0, lambda _: None, "", "nothing"),
    Function("ISBLANK", 1, 1, _is_blank, "value", "whether there is nothing in it"),
    Function("ERROR", 0, 1, _error, "[message]", "`#ERROR!`"),
    Function("ISERROR", 1, 1, _is_error, "value", "whether it cannot be worked out", is_lazy=True),
    Function(
        "IFERROR", 2, 2, _if_error, "value, else", "the value or, where it cannot be worked out, `else`", is_lazy=True
    ),
)
