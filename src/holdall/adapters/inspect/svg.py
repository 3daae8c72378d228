"""SVG: only what draws is kept, and that is written anew.

A drawing in SVG is a page to a browser: scripts, handlers, links, other documents, styles that fetch. Nothing is
searched for and cut out here; the file is parsed as XML, elements and attributes on a list of those that only draw
are written out again, and everything else is left behind. What is kept is what was written, never what came.

The parser (expat) is told to refuse a DOCTYPE, so there are no entities (OWASP ASVS 5.0, 1.3.4 and 1.5.1).
"""

import os
import re
from collections import Counter, defaultdict
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt, ImageOverLimit
from holdall.domain.files import Inspection, Rendition

MAX_BYTES = 4 << 20
"""A larger drawing is a bomb, or a map that does not belong into a cell."""
MAX_ELEMENTS = 100_000
MAX_DEPTH = 100
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_XML = "http://www.w3.org/XML/1998/namespace"
_SEPARATOR = " "
"""Between namespace and name, as expat gives them; no namespace name has a space in it."""

_ELEMENTS = frozenset(
    "svg g defs symbol use title desc path rect circle ellipse line polyline polygon text tspan textPath "
    "linearGradient radialGradient stop pattern clipPath mask marker filter feBlend feColorMatrix feComponentTransfer "
    "feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap feDistantLight feDropShadow feFlood feFuncA "
    "feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset fePointLight feSpecularLighting "
    "feSpotLight feTile feTurbulence switch".split()
)
"""What draws. Not ``script``, ``style``, ``foreignObject``, ``image``, ``feImage``, ``a``, nor anything that animates:
an animation may set the attributes that are not let through here."""
_ATTRIBUTES = frozenset(
    "id class x y x1 y1 x2 y2 cx cy r rx ry fx fy fr dx dy d points width height viewBox version transform "
    "preserveAspectRatio gradientUnits gradientTransform spreadMethod offset patternUnits patternContentUnits "
    "patternTransform clipPathUnits maskUnits maskContentUnits markerUnits markerWidth markerHeight refX refY orient "
    "filterUnits primitiveUnits in in2 result mode values type tableValues slope intercept amplitude exponent operator "
    "k1 k2 k3 k4 order kernelMatrix divisor bias targetX targetY edgeMode preserveAlpha surfaceScale diffuseConstant "
    "specularConstant specularExponent azimuth elevation pointsAtX pointsAtY pointsAtZ limitingConeAngle z scale "
    "xChannelSelector yChannelSelector stdDeviation radius baseFrequency numOctaves seed stitchTiles textLength "
    "lengthAdjust rotate startOffset method spacing side pathLength "
    "fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit "
    "stroke-dasharray stroke-dashoffset opacity color stop-color stop-opacity clip-path clip-rule mask filter marker "
    "marker-start marker-mid marker-end flood-color flood-opacity lighting-color color-interpolation "
    "color-interpolation-filters display visibility overflow vector-effect paint-order shape-rendering text-rendering "
    "image-rendering font-family font-size font-style font-weight font-stretch font-variant text-anchor "
    "text-decoration letter-spacing word-spacing dominant-baseline alignment-baseline baseline-shift writing-mode "
    "direction unicode-bidi mix-blend-mode isolation enable-background".split()
)
"""What says how. Not ``style`` (its properties come one by one in ``_declared``), no ``on…``, no ``href``."""
_PROPERTIES = _ATTRIBUTES - {"id", "class", "d", "points", "in", "in2", "type", "mode", "values", "method"}
_HREF = re.compile(r"#[\w:.-]{1,200}")
"""A link within the drawing, which gradients and ``use`` need; no other is kept."""
_HAS_FUNCTION = re.compile(r"[a-z-]*\s*\(", re.IGNORECASE)
_PLAIN_FUNCTIONS = frozenset(
    "rgb rgba hsl hsla matrix translate translatex translatey scale scalex scaley rotate skewx skewy".split()
)
_LOCAL_URL = re.compile(r"""url\(\s*(["']?)#[\w:.-]{1,200}\1\s*\)""", re.IGNORECASE)
_NEVER = re.compile(r"[\\@<\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|/\*|expression|javascript|data:", re.IGNORECASE)
"""A backslash is CSS's way of writing one character as another; none is needed to draw."""
_LENGTH = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:px)?\s*")
MAX_DRAWN = 200_000
"""Elements drawn, with what ``use`` repeats: groups of ten that use groups of ten, ten deep, are a hundred elements in
the file and ten thousand million on the screen."""
_WHOLE = ""
"""The drawing itself, among the ids of its parts."""


def inspect(file: int, job: Job) -> Inspection:
    """Write the drawing anew with nothing in it but what draws; that is the replacement to be kept.

    Raises:
        Corrupt: it is no well-formed SVG in UTF-8, UTF-16 or Latin-1, or has a DOCTYPE.
        ImageOverLimit: it has more elements, deeper ones or more bytes than any drawing needs.

    """
    size = os.fstat(file).st_size
    if size > MAX_BYTES:
        raise ImageOverLimit(f"{size} bytes are over {MAX_BYTES} for a drawing")
    writer = _Writer()
    data = writer.written(os.pread(file, size, 0))
    replacement = Rendition("", job.mime, writer.width, writer.height, data)
    findings = ("svg-cleaned",) if writer.has_left_out else ()
    return Inspection(job.mime, writer.width or None, writer.height or None, 1, findings, (), replacement)


class _Writer:
    """Hears what the parser reads, and writes what may stay."""

    def __init__(self) -> None:
        self.has_left_out = False
        self.width = self.height = 0
        self._out: list[str] = []
        self._depth = self._elements = 0
        self._inside: list[str] = []
        """The id of each element that is open; ``""`` where it has none."""
        self._drawn: Counter[str] = Counter()
        self._used: defaultdict[str, list[str]] = defaultdict(list)
        """By the id of a part: how many elements are in it, and which parts it uses."""
        self._left_out_from = 0
        """The depth of the element that is being left out with all that is in it; 0: none is."""

    def written(self, data: bytes) -> bytes:
        """The clean drawing."""
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.ProcessingInstructionHandler = self._instruction
        try:
            parser.Parse(data, True)
        except (expat.ExpatError, ValueError) as error:  # ValueError: an encoding that there is not
            raise Corrupt(f"it is not well-formed XML: {error}"[:200]) from error
        self._hold_to_limit()
        return "".join(self._out).encode()

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._elements > MAX_ELEMENTS or self._depth > MAX_DEPTH:
            raise ImageOverLimit(f"more than {MAX_ELEMENTS} elements, or deeper than {MAX_DEPTH}")
        if self._left_out_from:
            return
        name = _local(element, _SVG)
        if self._depth == 1 and name != "svg":
            raise Corrupt("its root is no svg element")
        if name not in _ELEMENTS:
            self.has_left_out, self._left_out_from = True, self._depth
            return
        kept = self._kept(attributes)
        if self._depth == 1:
            kept = {"xmlns": _SVG, "xmlns:xlink": _XLINK, **kept}
            self.width, self.height = _whole(kept.get("width", "")), _whole(kept.get("height", ""))
        self._inside.append(kept.get("id", _WHOLE))
        self._note(kept.get("xlink:href", "")[1:] if name == "use" else "")
        self._out.append(f"<{name}{''.join(f' {key}={quoteattr(value)}' for key, value in kept.items())}>")

    def _end(self, element: str) -> None:
        if not self._left_out_from:
            self._inside.pop()
            self._out.append(f"</{_local(element, _SVG)}>")
        elif self._left_out_from == self._depth:
            self._left_out_from = 0
        self._depth -= 1

    def _text(self, text: str) -> None:
        if not self._left_out_from:
            self._out.append(escape(text))

    def _instruction(self, *_: str) -> None:
        """``<?xml-stylesheet?>`` and its like."""
        self.has_left_out = True

    def _note(self, used: str) -> None:
        """Count an element, and the part that it uses, for every part that it stands in."""
        for part in {_WHOLE, *self._inside}:
            self._drawn[part] += 1
            if used:
                self._used[part].append(used)

    def _hold_to_limit(self) -> None:
        """Refuse what draws too much, or itself."""
        totals: dict[str, int] = {}

        def total(part: str, users: frozenset[str]) -> int:
            if part in users or len(users) > MAX_DEPTH:
                raise ImageOverLimit("it uses itself, or parts in parts without end")
            if part not in totals:
                below = sum(total(used, users | {part}) for used in self._used[part])
                totals[part] = min(self._drawn[part] + below, MAX_DRAWN + 1)
            return totals[part]

        if total(_WHOLE, frozenset()) > MAX_DRAWN:
            raise ImageOverLimit(f"it draws more than {MAX_DRAWN} elements")

    def _kept(self, attributes: dict[str, str]) -> dict[str, str]:
        """The attributes that stay, those of ``style`` among them one by one."""
        kept: dict[str, str] = {}
        declared = self._declared(attributes.pop("style", ""))
        for attribute, value in attributes.items():
            if attribute in {"href", f"{_XLINK}{_SEPARATOR}href"} and _HREF.fullmatch(value):
                kept["xlink:href"] = value
            elif attribute == f"{_XML}{_SEPARATOR}space" and value in {"preserve", "default"}:
                kept["xml:space"] = value
            elif attribute in _ATTRIBUTES and _is_plain(value):
                kept[attribute] = value
            else:
                self.has_left_out = True
        return kept | declared

    def _declared(self, style: str) -> dict[str, str]:
        """The declarations of a ``style`` attribute as attributes, which mean the same."""
        kept = {}
        for declaration in filter(None, (part.strip() for part in style.split(";"))):
            name, _, value = (side.strip() for side in declaration.partition(":"))
            if name in _PROPERTIES and _is_plain(value):
                kept[name] = value
            else:
                self.has_left_out = True
        return kept


def _is_plain(value: str) -> bool:
    """Whether a value can neither fetch nor run anything."""
    rest = _LOCAL_URL.sub("", value)
    if _NEVER.search(rest) or ":" in rest:
        return False
    called = {found.group().rstrip("( \t\r\n").lower() for found in _HAS_FUNCTION.finditer(rest)}
    return called <= _PLAIN_FUNCTIONS


def _local(name: str, namespace: str) -> str:
    """An element's name within a namespace; ``""`` when it is of another."""
    given, _, local = name.rpartition(_SEPARATOR)
    return local if given == namespace else ""


def _whole(length: str) -> int:
    """A width or height in whole pixels; 0 where it is given in another way."""
    found = _LENGTH.fullmatch(length)
    return min(round(float(found.group(1))), 1 << 24) if found and len(length) < 20 else 0  # noqa: PLR2004


def _refuse_doctype(*_: object) -> None:
    """Entities are declared there. Old drawing programs wrote one for form's sake; theirs have to be saved anew."""
    raise Corrupt("it has a DOCTYPE")
