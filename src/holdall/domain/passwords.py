"""What may be a password of a person (NIST SP 800-63B, section 3.1.1; OWASP ASVS 5.0, section 6.2)."""

import unicodedata
from collections.abc import Collection

MIN_LENGTH = 8
MAX_LENGTH = 256
"""Characters. Longer ones would only be work."""
_MIN_DIFFERENT = 4


class PasswordRefused(ValueError):  # noqa: N818  said of a password
    """It cannot be the password; the message says why."""


def normal(password: str) -> str:
    """The same characters in one form, however a keyboard composed them (RFC 8265); case and blanks count."""
    return unicodedata.normalize("NFC", password)


def fault_of(password: str, names: Collection[str]) -> str:
    """Why it cannot be the password of somebody of these names, as a sentence goes on; ``""`` where it can."""
    if len(password) < MIN_LENGTH:
        return f"it has to be at least {MIN_LENGTH} characters long"
    if len(password) > MAX_LENGTH:
        return f"it can be at most {MAX_LENGTH} characters long"
    if len(set(password)) < _MIN_DIFFERENT:
        return "it repeats the same few characters"
    known = {"holdall", *names, *(name.partition("@")[0] for name in names)}
    if password.casefold() in {name.casefold() * times for name in known for times in (1, 2)}:
        return "it is a name that everybody knows"
    return ""
