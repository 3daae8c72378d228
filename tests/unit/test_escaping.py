"""Text of strangers cannot begin a line of a log, hide in one, or become a formula."""

import csv
import io

import pytest

from holdall.domain.escaping import one_line, shown, spreadsheet_cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 図 🙂.png", "plain é 図 🙂.png"),
        ("a\nb", r"a\x0ab"),
        ("a\r\nb\tc", r"a\x0d\x0ab\x09c"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\x00b", r"a\x00b"),
        ("a\x85b\u2028c", r"a\x85b\u2028c"),
        ("gpj\u202eexe", r"gpj\u202eexe"),
        ("a\u200bb", r"a\u200bb"),
        ("\ud800", r"\ud800"),
        ("\U000e0001", r"\U000e0001"),
        (r"a\x0ab", r"a\\x0ab"),
    ],
)
def test_what_is_not_seen_is_spelled_out(text: str, shown: str):
    """A text that looks like a spelled one is told from it."""
    assert one_line(text) == shown
    assert one_line(text).isprintable()


def test_every_character_comes_out_printable():
    """Of all of Unicode, with surrogates."""
    assert [code for code in range(0x110000) if not one_line(chr(code)).isprintable()] == []


def test_a_long_text_is_cut():
    """Its own characters count, not those of the spelling."""
    assert one_line("x" * 1000, 200) == "x" * 199 + "…"
    assert one_line("\n" * 1000, 3) == r"\x0a\x0a…"


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1", "-1+2", "@SUM(1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "＋1", "－1", "＠x"]
)
def test_a_formula_goes_behind_an_apostrophe(text: str):
    """CWE-1236."""
    assert spreadsheet_cell(text) == "'" + text


@pytest.mark.parametrize("text", ["", "a", "a=b", "1", "report-2.pdf", "'"])
def test_any_other_cell_says_what_it_said(text: str):
    """An apostrophe of the client's own is told from ours."""
    assert spreadsheet_cell(text) == ("''" if text == "'" else text)
    row = io.StringIO()
    csv.writer(row).writerow([spreadsheet_cell(text)])


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Pika Finance", "Pika Finance"),
        ("  two \n lines\t ", "two lines"),
        ("\u202egnp\u2066.exe\u200b", "gnp.exe"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("\ud800", ""),
        ("é" * 10_000, "é" * 19 + "…"),
        ("<b>né 图</b>", "<b>né 图</b>"),
    ],
)
def test_a_name_is_shown_as_one_short_line(text: str, seen: str):
    """Without what hides or turns the direction; escaping is the page's."""
    assert seen == shown(text, 20)
