"""Names that users give: people, accounts, categories, tags; and titles of transactions."""

import re
from typing import Any

MAX_LENGTH = 255
_REFUSED = re.compile(
    r"<[A-Za-z/!?]"  # a tag of HTML begins like this, for browsers that read it as such; `a < b` and `<3` do not
    r"|[\x00-\x1f\x7f-\x9f]"  # controls
    r"|[\u202a-\u202e\u2066-\u2069]"  # bidi embeddings, overrides and isolates: they rearrange what stands beside them
    r"|[\ud800-\udfff]"  # halves of surrogate pairs, which no engine can keep
)


def checked_name(value: Any) -> str:
    """A name, without blanks around it: 1 to 255 characters, and nothing in it that would not be shown as it stands.

    Raises:
        ValueError: it is none; the text says why.

    """
    if not isinstance(value, str):
        raise ValueError("A name is a text.")  # noqa: TRY004  whoever asks wants one kind of refusal
    name = value.strip()
    if not 1 <= len(name) <= MAX_LENGTH:
        raise ValueError(f"A name has 1 to {MAX_LENGTH} characters, blanks around it aside.")
    if _REFUSED.search(name):
        raise ValueError("A name has no HTML, no control characters and no marks that change the direction of text.")
    return name
