"""Names that clients gave, made fit to be shown; never fit to be a path."""

import unicodedata

MAX_NAME_LENGTH = 255
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that a reader does not see: controls, bidi and zero-width marks, surrogates, line separators.
They make ``gpj.exe`` look like ``exe.jpg``, split log lines, and break headers."""
_JOINER = "\u200d"
"""Zero-width joiner: unseen, and what holds a family emoji together; kept."""


def display_name(client_name: str, fallback: str = "file") -> str:
    """The last component of a client's file name, without unseen characters, at most 255 characters long.

    Everything else stays as sent: any script, HTML, quotes. Whoever prints it escapes it. A name that is cut keeps
    its extension. A name of which nothing is left becomes ``fallback``.
    """
    base = client_name.replace("\\", "/").rsplit("/", 1)[-1]
    seen = "".join(char for char in base if not _is_unseen(char)).strip()
    if not seen.strip(". "):
        return fallback
    return seen if len(seen) <= MAX_NAME_LENGTH else _cut(seen)


def has_unseen(text: str) -> bool:
    """Whether there is anything in it that a reader does not see."""
    return any(_is_unseen(char) for char in text)


def _is_unseen(char: str) -> bool:
    return char != _JOINER and unicodedata.category(char) in _UNSEEN


def _cut(name: str) -> str:
    """A long name shortened in its stem, so that it still ends in its extension."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension) >= MAX_NAME_LENGTH // 2:
        return name[:MAX_NAME_LENGTH].rstrip()
    return stem[: MAX_NAME_LENGTH - 1 - len(extension)] + "." + extension
