"""The table of functions: every family's rows, by name. The documentation's table is made of it."""

from collections.abc import Mapping

from holdall.domain.formulas.families import dates, lists, logic, numbers, texts
from holdall.domain.formulas.tree import Function

FAMILIES: Mapping[str, tuple[Function, ...]] = {
    "Logic": logic.FUNCTIONS,
    "Numbers": numbers.FUNCTIONS,
    "Text": texts.FUNCTIONS,
    "Dates and times": dates.FUNCTIONS,
    "Lists, and the record": lists.FUNCTIONS,
}
FUNCTIONS: Mapping[str, Function] = {row.name: row for family in FAMILIES.values() for row in family}
