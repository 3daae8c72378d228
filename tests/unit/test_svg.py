"""A drawing is written anew: what draws is in it, and nothing else can be."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from holdall.adapters.inspect import svg
from holdall.adapters.inspect.messages import Job
from holdall.adapters.inspect.refusals import Corrupt, ImageOverLimit
from holdall.domain.files import Inspection
from holdall.domain.policy import InspectionLimits
from tests.support.hostile import DRAWINGS

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
JOB = Job("vector", "image/svg+xml", InspectionLimits())
Clean = Callable[[str], str]


@pytest.fixture
def inspect(tmp_path: Path) -> Callable[[bytes], Inspection]:
    def inspect(data: bytes) -> Inspection:
        path = tmp_path / "drawing"
        path.write_bytes(data)
        file = os.open(path, os.O_RDONLY)
        try:
            return svg.inspect(file, JOB)
        finally:
            os.close(file)

    return inspect


@pytest.fixture
def clean(inspect: Callable[[bytes], Inspection]) -> Clean:
    """What is left of this content of a drawing."""

    def clean(content: str) -> str:
        found = inspect(f"<svg {NAMESPACES}>{content}</svg>".encode())
        assert found.replacement is not None
        text = found.replacement.data.decode()
        assert (text != f"<svg {NAMESPACES}>{content}</svg>") == (found.findings == ("svg-cleaned",)) or "></" in text
        return re.sub(r"^<svg [^>]*>|</svg>$", "", text)

    return clean


PLAIN = [
    '<path d="M0 0L9 9" fill="#f00" stroke="rgb(1, 2, 3)"></path>',
    '<g transform="translate(1 2) rotate(3) matrix(1 0 0 1 0 0)"><rect rx="2" opacity=".5"></rect></g>',
    (
        '<defs><linearGradient id="a"><stop offset="0" stop-color="red"></stop></linearGradient></defs>'
        '<circle fill="url(#a)" clip-path="url(\'#b\')"></circle>'
    ),
    '<g id="a"><rect></rect></g><use xlink:href="#a"></use>',
    '<text xml:space="preserve" font-family="Arial, sans-serif">a &lt; b &amp; c</text>',
    '<filter id="f"><feGaussianBlur stdDeviation="2"></feGaussianBlur></filter>',
]


@pytest.mark.parametrize("content", PLAIN)
def test_what_draws_stays(clean: Clean, inspect: Callable[[bytes], Inspection], content: str):
    assert clean(content) == content
    assert inspect(f"<svg {NAMESPACES}>{content}</svg>".encode()).findings == ()


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ("<script>alert(1)</script>", ""),
        ("<SCRIPT>alert(1)</SCRIPT>", ""),
        ('<s:script xmlns:s="http://www.w3.org/2000/svg">alert(1)</s:script>', ""),
        ('<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>', ""),
        ('<rect onclick="a()" onload="b()"/>', "<rect></rect>"),
        ('<a xlink:href="javascript:alert(1)"><rect/></a>', ""),
        ("<foreignObject><b xmlns='http://www.w3.org/1999/xhtml'/></foreignObject>", ""),
        ("<style>@import url(//198.51.100.1)</style>", ""),
        ('<image href="http://198.51.100.1/a.png"/>', ""),
        ('<use href="http://198.51.100.1/a#b"/>', "<use></use>"),
        ('<use xlink:href="data:image/svg+xml,x"/>', "<use></use>"),
        ('<rect fill="url(http://198.51.100.1)"/>', "<rect></rect>"),
        ('<rect fill="url(#a) url(//198.51.100.1)"/>', "<rect></rect>"),
        ('<rect fill="u\\72l(#a)"/>', "<rect></rect>"),
        ('<rect fill="image-set(a)"/>', "<rect></rect>"),
        ('<rect style="fill:red;behavior:url(a);mask:url(#m)"/>', '<rect fill="red" mask="url(#m)"></rect>'),
        ('<rect style="fill:red/**/;stroke:expression(a)"/>', "<rect></rect>"),
        ('<animate attributeName="href" to="javascript:a()"/>', ""),
        ('<set attributeName="onload" to="a()"/>', ""),
        ('<rect xml:base="http://198.51.100.1/"/>', "<rect></rect>"),
        ('<rect class="a" data-x="1" aria-label="b"/>', '<rect class="a"></rect>'),
        ("<!-- <script> --><?php echo 1 ?><rect/>", "<rect></rect>"),
        ("<text><![CDATA[<script>]]></text>", "<text>&lt;script&gt;</text>"),
        ('<text id="&quot;>&lt;script>">a</text>', "<text>a</text>"),
    ],
)
def test_what_acts_or_fetches_is_left_behind(clean: Clean, content: str, left: str):
    assert clean(content) == left


def test_what_is_clean_is_not_changed_again(inspect: Callable[[bytes], Inspection]):
    for drawing in DRAWINGS:
        once = inspect(drawing).replacement
        assert once is not None
        again = inspect(once.data)
        assert again.replacement is not None
        assert (again.findings, again.replacement.data) == ((), once.data)


def test_an_entity_is_never_read(inspect: Callable[[bytes], Inspection]):
    for doctype in ("<!DOCTYPE svg>", "<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"):
        with pytest.raises(Corrupt, match="DOCTYPE"):
            inspect(f"{doctype}<svg {NAMESPACES}/>".encode())


@pytest.mark.parametrize(
    "data",
    [
        b"<svg",
        b"<svg/>",
        b"<html xmlns='http://www.w3.org/2000/svg'/>",
        b"<?xml version='1.0' encoding='utf-7'?><svg/>",
    ],
)
def test_what_is_no_drawing_is_refused(inspect: Callable[[bytes], Inspection], data: bytes):
    with pytest.raises(Corrupt):
        inspect(data)


def nested(levels: int) -> str:
    """Groups of ten that use groups of ten."""

    def use(level: int) -> str:
        return f'<use xlink:href="#a{level - 1}"></use>' * 10

    groups = ["<g id='a0'><rect/></g>"]
    groups += [f"<g id='a{level}'>{use(level)}</g>" for level in range(1, levels)]
    return "".join(groups)


@pytest.mark.parametrize(
    "content",
    [
        "<g>" * 101 + "</g>" * 101,
        "<rect/>" * 100_001,
        nested(10),
        "<g id='a'><use xlink:href='#a'/></g>",
        "<g id='a'><use xlink:href='#b'/></g><g id='b'><use xlink:href='#a'/></g>",
        "<!-- -->" + " " * (4 << 20),
    ],
)
def test_a_drawing_that_is_too_much_is_refused(inspect: Callable[[bytes], Inspection], content: str):
    with pytest.raises(ImageOverLimit):
        inspect(f"<svg {NAMESPACES}>{content}</svg>".encode())


def test_a_little_repetition_is_fine(clean: Clean):
    assert clean(nested(4)).count("<use ") == 30


def test_its_size_is_told_where_it_is_in_pixels(inspect: Callable[[bytes], Inspection]):
    sizes = {"width='12.6px' height='20'": (13, 20), "width='100%' height='2em'": (None, None), "": (None, None)}
    for attributes, size in sizes.items():
        found = inspect(f"<svg {NAMESPACES} {attributes}/>".encode())
        assert (found.width, found.height) == size
