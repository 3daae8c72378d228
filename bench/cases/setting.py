"""What every case is given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.load import Generator


@dataclass(frozen=True, slots=True)
class Setting:
    """How long to measure, where, and whom to tell."""

    folder: Path
    load: Generator
    rounds: int
    is_quick: bool
    tell: Callable[[str], None]
    has_million: bool = False

    def seconds(self, full: float) -> float:
        """How long a stretch lasts that takes ``full`` seconds in a whole run."""
        return max(0.3, full / 4) if self.is_quick else full
