r"""The grammar of formulas (docs/reference/formulas.md), read by a parser that knows each position.

expression = sum *( ( "=" / "==" / "!=" / "<>" / "<" / "<=" / ">" / ">=" ) sum )
sum        = product *( ( "+" / "-" / "&" ) product )
product    = part *( ( "*" / "/" ) part )
part       = [ "-" / "+" ] ( number / text / reference / call / "(" expression ")" )
call       = name "(" [ expression *( "," expression ) ] ")"
reference  = "{" field "}" / name            ; by id or by name; a brace or backslash in it after a backslash
text       = DQUOTE … DQUOTE / "'" … "'"     ; \" \' \\ \n \t inside
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from holdall.domain.formulas.functions import FUNCTIONS
from holdall.domain.formulas.tree import Call, Literal, Negation, Node, Reference, Row
from holdall.domain.formulas.values import MAX_DIGITS, Fault, parse_number

MAX_LENGTH = 8000
"""Characters of a formula."""
MAX_NODES = 1000
"""Parts of a formula."""
MAX_DEPTH = 30
"""Parts within parts."""

_TOKEN = re.compile(
    r"""(?P<blank>\s+)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<field>\{(?:[^{}\\]|\\.)*\})
    |(?P<name>[^\W\d]\w*)
    |(?P<sign>==|!=|<>|<=|>=|[-+*/&=<>(),])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t"}
_COMPARISONS = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_SUMS = {"+": "+", "-": "-", "&": "&"}
_PRODUCTS = {"*": "*", "/": "/"}
_WORDS = {"TRUE": True, "FALSE": False}


class BadFormula(ValueError):  # noqa: N818  named as the field names it
    """A text is no formula, or names what there is not. ``position`` counts from 1."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"{reason} (position {position})")
        self.position = position
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def parse(text: str) -> Node:
    """The tree of a formula.

    Raises:
        BadFormula: it is none, or too large.

    """
    if len(text) > MAX_LENGTH:
        raise BadFormula(MAX_LENGTH + 1, f"a formula has at most {MAX_LENGTH} characters")
    return _Parser(text).whole()


def unescaped(text: str) -> str:
    """What stands between quotes or braces, as it is meant."""
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), text)


def braced(name: str) -> str:
    """A reference to a field of this name or id, as a formula writes it."""
    return "{" + re.sub(r"([{}\\])", r"\\\1", name) + "}"


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._place = 0
        self._depth = 0
        self._nodes = 0

    def whole(self) -> Node:
        tree = self._expression()
        if self._now.kind != "end":
            self._fail(f"{self._now.text!r} is not expected here")
        return tree

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"a formula is at most {MAX_DEPTH} parentheses deep")
        tree = self._row(_COMPARISONS)
        self._depth -= 1
        return tree

    def _row(self, signs: dict[str, str]) -> Node:
        """Parts that bind tighter, with these signs between them, from the left."""
        position, first, rest = self._now.position, self._under(signs), []
        while self._now.kind == "sign" and self._now.text in signs:
            sign = signs[self._take().text]
            rest.append((sign, self._under(signs)))
        return self._counted(Row(position, first, tuple(rest))) if rest else first

    def _under(self, signs: dict[str, str]) -> Node:
        if signs is _COMPARISONS:
            return self._row(_SUMS)
        return self._row(_PRODUCTS) if signs is _SUMS else self._part()

    def _part(self) -> Node:
        position, minus = self._now.position, 0
        while self._now.kind == "sign" and self._now.text in ("-", "+"):
            minus += self._take().text == "-"
        part = self._counted(self._single())
        return self._counted(Negation(position, part)) if minus % 2 else part

    def _single(self) -> Node:
        token = self._take()
        match token.kind:
            case "number":
                if len(token.text) > MAX_DIGITS:
                    raise BadFormula(token.position, f"a number has at most {MAX_DIGITS} digits")
                try:
                    return Literal(token.position, parse_number(token.text))
                except Fault as fault:
                    raise BadFormula(token.position, "the number is out of bounds") from fault
            case "text":
                return Literal(token.position, unescaped(token.text[1:-1]))
            case "field":
                return Reference(token.position, token.position + len(token.text), unescaped(token.text[1:-1]).strip())
            case "name":
                return self._named(token)
            case "sign" if token.text == "(":
                tree = self._expression()
                self._expect(")")
                return tree
        raise BadFormula(token.position, "a value is missing" if token.kind == "end" else f"{token.text!r} is no value")

    def _named(self, name: _Token) -> Node:
        if self._now.text == "(" and self._now.kind == "sign":
            return self._call(name)
        if name.text.upper() in _WORDS:
            return Literal(name.position, _WORDS[name.text.upper()])
        return Reference(name.position, name.position + len(name.text), name.text)

    def _call(self, name: _Token) -> Node:
        function = FUNCTIONS.get(name.text.upper())
        if function is None:
            raise BadFormula(name.position, f"there is no function {name.text[:50]}")
        self._expect("(")
        arguments: list[Node] = []
        if not self._at(")"):
            arguments.append(self._expression())
            while self._at(","):
                self._take()
                arguments.append(self._expression())
        self._expect(")")
        most = len(arguments) if function.most is None else function.most
        if not function.least <= len(arguments) <= most:
            raise BadFormula(name.position, f"{function.name} is written {function.name}({function.takes})")
        return Call(name.position, function, tuple(arguments))

    @property
    def _now(self) -> _Token:
        return self._tokens[self._place]

    def _at(self, sign: str) -> bool:
        return self._now.kind == "sign" and self._now.text == sign

    def _take(self) -> _Token:
        token = self._now
        if token.kind != "end":
            self._place += 1
        return token

    def _expect(self, sign: str) -> None:
        if not self._at(sign):
            self._fail(f"{sign!r} is missing")
        self._take()

    def _counted(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._fail(f"a formula has at most {MAX_NODES} parts")
        return node

    def _fail(self, reason: str) -> NoReturn:
        raise BadFormula(self._now.position, reason)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise BadFormula(place + 1, _reason(text[place]))
        if match.lastgroup != "blank":
            tokens.append(_Token(str(match.lastgroup), match[0], place + 1))
        place = match.end()
    return [*tokens, _Token("end", "", len(text) + 1)]


def _reason(character: str) -> str:
    match character:
        case '"' | "'":
            return "a quote that does not end"
        case "{":
            return "a brace that does not end"
        case _:
            return f"{character!r} is not of this language"
