"""A formula as it is kept: its text names fields by id, so that it stays right when they are called otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from holdall.domain.formulas.syntax import BadFormula, braced, parse
from holdall.domain.formulas.tree import Node, Reference, walk
from holdall.domain.records import Field, FieldType

PROPERTY = "expression"
"""What it is called among a field's properties."""
_CACHED = 512
"""Trees, a few KB each."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A formula that is fit to be kept."""

    expression: str
    """With ids of fields: ``{fld0bE3S5GgCHsBsnDuFcPiG} * 2``."""
    fields: tuple[str, ...]
    """The ids that it names, each once."""


def define(expression: str, fields: Sequence[Field], own_id: str = "") -> Definition:
    """The formula of a field ``own_id`` among ``fields``, which the text calls by name or id.

    Raises:
        BadFormula: it is none, or names a field that there is not, or leads back to itself.

    """
    by_key = {field.name: field for field in reversed(fields)} | {field.id: field for field in fields}
    named = _references(parse(expression))
    for reference in named:
        if reference.field not in by_key:
            raise BadFormula(reference.position, f"there is no field {reference.field[:100]}")
        _demand_no_way_back(by_key[reference.field], own_id, by_key, reference.position)
    kept = _rewritten(expression, named, {key: field.id for key, field in by_key.items()})
    return Definition(kept, tuple(dict.fromkeys(by_key[reference.field].id for reference in named)))


def with_names(expression: str, fields: Sequence[Field]) -> str:
    """A kept formula as its readers write it: with the names that fields have now. One that is gone stays an id."""
    tree = tree_of(expression)
    if tree is None:
        return expression
    return _rewritten(expression, _references(tree), {field.id: field.name for field in fields})


@lru_cache(_CACHED)
def tree_of(expression: str) -> Node | None:
    """The tree of a kept formula; ``None``: it can no longer be read."""
    try:
        return parse(expression)
    except BadFormula:
        return None


def fields_in(field: Field) -> tuple[str, ...]:
    """The ids that a formula field's kept text names."""
    tree = tree_of(str(field.properties.get(PROPERTY, "")))
    return () if tree is None else tuple(dict.fromkeys(reference.field for reference in _references(tree)))


def _references(tree: Node) -> list[Reference]:
    """Those in a tree, in the order of the text."""
    named = (node for node in walk(tree) if isinstance(node, Reference))
    return sorted(named, key=lambda reference: reference.position)


def _demand_no_way_back(start: Field, own_id: str, by_key: Mapping[str, Field], position: int) -> None:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        field = waiting.pop()
        if field.id == own_id:
            raise BadFormula(position, f"{start.name} leads back to this formula")
        if field.type is FieldType.FORMULA and field.id not in seen:
            seen.add(field.id)
            waiting.extend(by_key[id] for id in fields_in(field) if id in by_key)


def _rewritten(expression: str, named: Sequence[Reference], names: Mapping[str, str]) -> str:
    pieces: list[str] = []
    place = 0
    for reference in named:
        pieces += [expression[place : reference.position - 1], braced(names.get(reference.field, reference.field))]
        place = reference.end - 1
    return "".join([*pieces, expression[place:]])
