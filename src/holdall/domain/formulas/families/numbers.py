"""Numbers. Those that take several look into lists, and pass over what is blank."""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from functools import reduce

from holdall.domain.formulas import values
from holdall.domain.formulas.tree import Function, Scope
from holdall.domain.formulas.values import DIGITS, Fault, Value

_MAX_PLACES = 20
_WIDE = Context(prec=80)
"""For what has all of its digits and some zeros behind them."""
_LESS = Context(prec=20)
"""For what is worked out by way of logarithms, whose last digits are not to be trusted."""


def _numbers(given: tuple[Value, ...]) -> list[Decimal]:
    """Those that are numbers, as spreadsheets do: text in between does not count."""
    found: list[Decimal] = []
    for item in values.items(given):
        match item:
            case bool():
                found.append(Decimal(int(item)))
            case Decimal():
                found.append(item)
            case str() if item:
                try:
                    found.append(values.parse_number(item))
                except Fault:
                    continue
    return found


def _sum(_scope: Scope, *given: Value) -> Value:
    return reduce(DIGITS.add, _numbers(given), Decimal(0))


def _average(scope: Scope, *given: Value) -> Value:
    count = len(_numbers(given))
    if not count:
        raise Fault(values.DIVISION)
    return DIGITS.divide(values.number(_sum(scope, *given)), Decimal(count))


def _count(_scope: Scope, *given: Value) -> Value:
    return Decimal(sum(isinstance(item, Decimal) for item in values.items(given)))


def _count_filled(_scope: Scope, *given: Value) -> Value:
    return Decimal(sum(item not in (None, "") for item in values.items(given)))


def _count_all(_scope: Scope, *given: Value) -> Value:
    return Decimal(sum(1 for _ in values.items(given)))


def _rounded(how: str) -> Callable[..., Value]:
    def rounded(_scope: Scope, value: Value, places: Value = None) -> Value:
        digits = values.whole(places)
        if abs(digits) > _MAX_PLACES:
            raise Fault(values.NUMBER)
        exact = values.number(value)
        if int(exact.as_tuple().exponent) >= -digits:  # it has no more places than that
            return exact
        return DIGITS.plus(exact.quantize(Decimal(1).scaleb(-digits), how, _WIDE))

    return rounded


def _stepped(how: str) -> Callable[..., Value]:
    def stepped(_scope: Scope, value: Value, step: Value = Decimal(1)) -> Value:
        width = DIGITS.abs(values.number(step))
        if width == 0:
            raise Fault(values.DIVISION)
        return DIGITS.multiply(DIGITS.divide(values.number(value), width).to_integral_value(how), width)

    return stepped


def _modulo(_scope: Scope, value: Value, by: Value) -> Value:
    """With the sign of the divisor, as in spreadsheets."""
    exact, width = values.number(value), values.number(by)
    if width == 0:
        raise Fault(values.DIVISION)
    rest = DIGITS.remainder(exact, width)
    return DIGITS.add(rest, width) if rest and (rest < 0) != (width < 0) else rest


def _power(_scope: Scope, base: Value, exponent: Value) -> Value:
    exact, power = values.number(base), values.number(exponent)
    if exact == 0 and power <= 0:
        if power == 0:
            return Decimal(1)
        raise Fault(values.DIVISION)
    return DIGITS.power(exact, power)


def _root(_scope: Scope, value: Value) -> Value:
    return DIGITS.sqrt(values.number(value))


def _logarithm(_scope: Scope, value: Value, base: Value = Decimal(10)) -> Value:
    exact, foot = values.number(value), values.number(base)
    if exact <= 0 or foot <= 0 or foot == 1:
        raise Fault(values.NUMBER)
    return _LESS.plus(DIGITS.divide(DIGITS.ln(exact), DIGITS.ln(foot)))


def _least(_scope: Scope, *given: Value) -> Value:
    return min(_numbers(given), default=Decimal(0))


def _greatest(_scope: Scope, *given: Value) -> Value:
    return max(_numbers(given), default=Decimal(0))


FUNCTIONS = (
    Function("SUM", 1, None, _sum, "number, …", "all together"),
    Function("AVERAGE", 1, None, _average, "number, …", "their mean"),
    Function("MIN", 1, None, _least, "number, …", "the least"),
    Function("MAX", 1, None, _greatest, "number, …", "the greatest"),
    Function("COUNT", 1, None, _count, "value, …", "how many are numbers"),
    Function("COUNTA", 1, None, _count_filled, "value, …", "how many are not blank"),
    Function("COUNTALL", 1, None, _count_all, "value, …", "how many there are"),
    Function("ABS", 1, 1, lambda _, value: DIGITS.abs(values.number(value)), "number", "without its sign"),
    Function("ROUND", 1, 2, _rounded(ROUND_HALF_UP), "number, [places]", "rounded, halves away from zero"),
    Function("ROUNDUP", 1, 2, _rounded(ROUND_UP), "number, [places]", "rounded away from zero"),
    Function("ROUNDDOWN", 1, 2, _rounded(ROUND_DOWN), "number, [places]", "rounded towards zero"),
    Function("INT", 1, 1, _stepped(ROUND_FLOOR), "number", "the next whole number below"),
    Function("CEILING", 1, 2, _stepped(ROUND_CEILING), "number, [step]", "the next multiple of the step above"),
    Function("FLOOR", 1, 2, _stepped(ROUND_FLOOR), "number, [step]", "the next multiple of the step below"),
    Function("MOD", 2, 2, _modulo, "number, divisor", "what is left, with the sign of the divisor"),
    Function("POWER", 2, 2, _power, "base, exponent", "the base raised to the exponent"),
    Function("SQRT", 1, 1, _root, "number", "its square root"),
    Function("LOG", 1, 2, _logarithm, "number, [base]", "its logarithm, to the base of 10 unless another is given"),
    Function("VALUE", 1, 1, lambda _, value: values.number(value), "text", "the number that it reads as"),
)
