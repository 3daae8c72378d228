"""Lists, such as linked records, files and what is looked up; and what is known of the record itself."""

from holdall.domain.formulas import values
from holdall.domain.formulas.tree import Function, Scope
from holdall.domain.formulas.values import MAX_TEXT, Fault, Value


def _joined(_scope: Scope, items: Value, separator: Value = ", ") -> Value:
    pieces, between = [values.text(item) for item in values.items([items])], values.text(separator)
    if sum(map(len, pieces)) + len(between) * max(0, len(pieces) - 1) > MAX_TEXT:
        raise Fault(values.LIMIT)
    return between.join(pieces)


def _unique(_scope: Scope, *given: Value) -> Value:
    return values.listed([*dict.fromkeys(values.items(given))])


def _compact(_scope: Scope, *given: Value) -> Value:
    return values.listed([item for item in values.items(given) if item not in (None, "")])


def _flat(_scope: Scope, *given: Value) -> Value:
    return values.listed([*values.items(given)])


FUNCTIONS = (
    Function("ARRAYJOIN", 1, 2, _joined, "list, [separator]", "one text of its items"),
    Function("ARRAYUNIQUE", 1, None, _unique, "list, …", "each item once"),
    Function("ARRAYCOMPACT", 1, None, _compact, "list, …", "without what is blank"),
    Function("ARRAYFLATTEN", 1, None, _flat, "list, …", "one list of all"),
    Function("RECORD_ID", 0, 0, lambda scope: scope.record_id, "", "the record's id"),
    Function("CREATED_TIME", 0, 0, lambda scope: scope.created_at, "", "when the record was made"),
    Function("LAST_MODIFIED_TIME", 0, 0, lambda scope: scope.updated_at, "", "when it was last changed"),
)
