r"""Bika's filter language (contract bika, section 6), read into a tree; what it means is for ``filter_meaning``.

    query      = all *( OR all )
    all        = term *( AND term )                 ; AND binds tighter than OR
    term       = "(" query ")" / condition
    condition  = field op value
    field      = bare / "{" text "}" [ "." part ]   ; a name or an id
    op         = "==" / "!=" / ">" / "<" / ">=" / "<=" / "=c=" / "=nc="
    value      = one / "(" one *( "," one ) ")"
    one        = bare / DQUOTE text DQUOTE          ; \" and \\ inside
    AND        = ";" / "and"                        ; a word stands between blanks or parentheses
    OR         = "," / "or"

Blanks may stand between any two of these. Parentheses that group, and both connectives in one query, are extensions.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from holdall.errors import Malformed

MAX_LENGTH = 8000
"""Characters."""
MAX_DEPTH = 20
"""Parentheses within parentheses."""
MAX_CONDITIONS = 100
MAX_VALUES = 500
"""In all lists together."""

_OPERATOR = re.compile(r"=nc=|=c=|==|!=|>=|<=|>|<")
_BARE = re.compile(r"[^\"'();,=!~<> \t\r\n{}]+")
_BLANKS = re.compile(r"[ \t\r\n]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_BRACED = re.compile(r"\{([^{}]+)\}")
_PART = re.compile(r"\.([a-z]+)")
_WORD = re.compile(r"(and|or)(?=[ \t\r\n(])", re.IGNORECASE)
NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What no database keeps as text."""
_ESCAPED = re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True)
class Value:
    """One value, and where it stands."""

    text: str
    is_quoted: bool
    position: int

    @property
    def is_null(self) -> bool:
        """Whether it is the word that means nothing at all."""
        return not self.is_quoted and self.text in ("null", "NULL")


@dataclass(frozen=True, slots=True)
class Term:
    """A field, an operator and one or more values. ``part`` is what stands behind a field in braces."""

    field: str
    part: str
    operator: str
    values: tuple[Value, ...]
    is_list: bool
    position: int
    """Of the field, counted from 1."""


@dataclass(frozen=True, slots=True)
class Both:
    """Terms that must all hold."""

    terms: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Terms of which one must hold."""

    terms: tuple["Tree", ...]


Tree = Term | Both | Either


def parse(text: str) -> Tree:
    """Read a filter.

    Raises:
        Malformed: it is none, with the position where that shows; or it is too long, too deep or of too many parts.

    """
    if len(text) > MAX_LENGTH:
        raise Malformed("filter", f"longer than {MAX_LENGTH} characters")
    if NO_TEXT.search(text):
        raise Malformed("filter", "it holds what is no text")
    return _Parser(text).whole()


def renamed(text: str, rename: Callable[[str], str]) -> str:
    """The filter with its fields called otherwise; one that braces cannot hold stays as it is.

    Raises:
        Malformed: it is no filter.

    """
    pieces: list[str] = []
    place = 0
    for term in sorted(_terms(parse(text)), key=lambda term: term.position):
        start = term.position - 1
        found = _BRACED.match(text, start) or _BARE.match(text, start)
        new = _called(term.field, rename)
        if found is not None and new is not None:
            pieces += [text[place:start], new]
            place = found.end()
    return "".join([*pieces, text[place:]])


def _called(field: str, rename: Callable[[str], str]) -> str | None:
    """A field under its new name, in braces; ``None``: it has none, or one that braces cannot hold."""
    name, dot, part = (field, "", "") if rename(field) != field else field.rpartition(".")
    new = f"{{{rename(name)}}}"
    return f"{new}{dot}{part}" if name and rename(name) != name and _BRACED.fullmatch(new) else None


def _terms(tree: Tree) -> Iterator[Term]:
    if isinstance(tree, Term):
        yield tree
    else:
        for part in tree.terms:
            yield from _terms(part)


def wrong(position: int, reason: str) -> Malformed:
    """What is wrong with a filter, and where; counted from 1."""
    return Malformed("filter", f"{reason} (position {position})")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._conditions = 0
        self._values = 0

    def whole(self) -> Tree:
        tree = self._query(0)
        if self._place < len(self._text):
            raise self._expected("the end, or ; or , or and or or")
        return tree

    def _query(self, depth: int) -> Tree:
        terms = [self._all(depth)]
        while self._connective(",", "or"):
            terms.append(self._all(depth))
        return terms[0] if len(terms) == 1 else Either(tuple(terms))

    def _all(self, depth: int) -> Tree:
        terms = [self._term(depth)]
        while self._connective(";", "and"):
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else Both(tuple(terms))

    def _term(self, depth: int) -> Tree:
        self._skip()
        if not self._takes("("):
            return self._condition()
        if depth == MAX_DEPTH:
            raise wrong(self._place, f"more than {MAX_DEPTH} parentheses deep")
        tree = self._query(depth + 1)
        if not self._takes(")"):
            raise self._expected(")")
        self._skip()
        return tree

    def _condition(self) -> Term:
        self._conditions += 1
        position = self._place + 1
        if self._conditions > MAX_CONDITIONS:
            raise wrong(position, f"more than {MAX_CONDITIONS} conditions")
        field, part = self._field()
        self._skip()
        operator = self._match(_OPERATOR)
        if operator is None:
            raise self._expected("one of == != > < >= <= =c= =nc=")
        self._skip()
        is_list = self._takes("(")
        values = [self._value()]
        while is_list and self._takes(","):
            values.append(self._value())
        if is_list and not self._takes(")"):
            raise self._expected(", or )")
        self._skip()
        return Term(field, part, operator[0], tuple(values), is_list, position)

    def _field(self) -> tuple[str, str]:
        braced = self._match(_BRACED)
        if braced is not None:
            part = self._match(_PART)
            return braced[1], part[1] if part else ""
        bare = self._match(_BARE)
        if bare is None:
            raise self._expected("a field, bare or in braces")
        return bare[0], ""

    def _value(self) -> Value:
        self._skip()
        position = self._place + 1
        self._values += 1
        if self._values > MAX_VALUES:
            raise wrong(position, f"more than {MAX_VALUES} values")
        quoted = self._match(_QUOTED)
        if quoted is not None:
            value = Value(_ESCAPED.sub(r"\1", quoted[1]), is_quoted=True, position=position)
        elif self._text.startswith('"', self._place):
            raise wrong(position, 'a quote that does not end, or a \\ before something else than " or \\')
        else:
            bare = self._match(_BARE)
            if bare is None:
                raise self._expected("a value, bare or in double quotes")
            value = Value(bare[0], is_quoted=False, position=position)
        self._skip()
        return value

    def _connective(self, sign: str, word: str) -> bool:
        if self._takes(sign):
            return True
        found = _WORD.match(self._text, self._place)
        if found is None or found[1].lower() != word:
            return False
        self._place = found.end()
        return True

    def _takes(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._place):
            return False
        self._place += 1
        return True

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._place)
        if found is not None:
            self._place = found.end()
        return found

    def _skip(self) -> None:
        self._match(_BLANKS)

    def _expected(self, what: str) -> Malformed:
        here = self._text[self._place : self._place + 1]
        return wrong(self._place + 1, f"{what} expected, {here!r} found" if here else f"{what} expected, the end found")
