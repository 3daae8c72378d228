"""Text of strangers made fit for a line of a log, and for a cell of a spreadsheet."""

AGENT_LENGTH = 200
DETAIL_LENGTH = 300
"""As much as a log keeps of what a client says; a User-Agent may be 64 KiB long."""
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
"""What makes a spreadsheet compute a cell (CWE-1236); the full-width ones are read like the others in some locales."""


def one_line(text: str, most: int = DETAIL_LENGTH) -> str:
    r"""``text`` in printable characters, at most ``most`` of its own: nothing in it begins a line or hides (CWE-117).

    Controls, separators, bidi and zero-width marks and halves of surrogate pairs are spelled ``\x0a`` or ``\u202e``;
    a backslash is doubled, so that nobody can write what looks like a spelled one.
    """
    cut = text if len(text) <= most else text[: most - 1] + "…"
    if cut.isprintable() and "\\" not in cut:
        return cut
    return "".join(_spelled(char) for char in cut)


def shown(text: str, most: int) -> str:
    """``text`` as one line for people, of at most ``most`` characters, with nothing that hides or misleads.

    Controls, bidi and zero-width marks, unassigned characters and halves of surrogate pairs are left out; each run of
    blanks is one blank. It still has to be escaped for whatever it is put into.
    """
    seen = "".join(char if char.isprintable() else " " * char.isspace() for char in text[: 20 * most])
    line = " ".join(seen.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def spreadsheet_cell(text: str) -> str:
    """``text`` behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) or text.startswith("'") else text


def _spelled(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if char.isprintable():
        return char
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004  what two digits can spell
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  and four
