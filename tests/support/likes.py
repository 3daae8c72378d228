"""What an answer has to look like where its value is chance: equal to whatever is of the same form."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Like:
    """Equal to every text that matches as a whole."""

    pattern: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(self.pattern, other) is not None

    def __hash__(self) -> int:
        return hash(self.pattern)


class _Milliseconds:
    """Equal to every time of this century in milliseconds."""

    def __eq__(self, other: object) -> bool:
        return type(other) is int and 946_684_800_000 < other < 4_102_444_800_000

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "milliseconds"


def ID(prefix: str) -> Like:  # noqa: N802  reads like the constants beside it
    """A public id of a kind."""
    return Like(rf"{prefix}[A-Za-z0-9]{{21}}")


ISO = Like(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MILLISECONDS = _Milliseconds()
LINK = Like(r"http://[^/]+/files/openapi/[A-Za-z0-9]{21}\.[a-z]+(/[a-z0-9-]+)?\?e=\d+&s=[A-Za-z0-9_-]+")
