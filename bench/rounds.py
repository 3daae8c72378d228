"""Rounds: every contestant in turn, again and again, so that a slow moment of the machine meets all of them."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from bench import tree
from bench.load import ClosedLoop, Generator, Job, Outcome
from bench.requests import Talk
from bench.servers import Server

T = TypeVar("T")
_SETTLE_SECONDS = 0.05
"""A server may still tidy up after its last answer; that is part of the price."""
_WARM_UP_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one contestant did in one round."""

    count: int
    seconds: float
    cpu_seconds: float
    latencies: Sequence[float]
    bytes_received: int = 0

    @property
    def per_second(self) -> float:
        """Requests, or whole conversations."""
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        """For each request."""
        return 1000 * self.cpu_seconds / self.count

    @property
    def p50_ms(self) -> float:
        """Half of the requests were answered within this."""
        return 1000 * statistics.median(self.latencies)

    @property
    def p99_ms(self) -> float:
        """All but one in a hundred were; of few requests, all but the slowest."""
        ranked = sorted(self.latencies)
        return 1000 * ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))]

    @property
    def received_gb_per_second(self) -> float:
        """Bodies only, in thousands of millions of bytes."""
        return self.bytes_received / self.seconds / 1e9


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, and the lowest and highest of them."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def spread_of(stretches: Sequence[Stretch], figure: str) -> Spread:
    return spread([getattr(stretch, figure) for stretch in stretches])


def interleave(
    rounds: int, contestants: Mapping[str, Callable[[], T]], tell: Callable[[str], None]
) -> dict[str, list[T]]:
    """A B C A B C …; the disk is given its peace before each turn, or one would pay for what another left unwritten."""
    found: dict[str, list[T]] = {name: [] for name in contestants}
    for number in range(1, rounds + 1):
        for name, measure in contestants.items():
            tell(f"round {number} of {rounds}: {name}")
            os.sync()
            found[name].append(measure())
    return found


def under_load(load: Generator, server: Server, job: Job) -> Stretch:
    """One stretch of load on a server, and what it cost the server's whole tree."""
    load.prepare(job)
    cpu_before = tree.cpu_seconds(server.pid)
    outcome = load.go()
    time.sleep(_SETTLE_SECONDS)
    return _stretch(outcome, tree.cpu_seconds(server.pid) - cpu_before)


def _stretch(outcome: Outcome, cpu_seconds: float) -> Stretch:
    return Stretch(
        count=len(outcome.latencies),
        seconds=outcome.seconds,
        cpu_seconds=cpu_seconds,
        latencies=outcome.latencies,
        bytes_received=outcome.bytes_received,
    )


def talking(load: Generator, server: Server, talk: Talk, at_once: int, seconds: float) -> Callable[[], Stretch]:
    """A contestant for ``interleave``, warmed up."""
    under_load(load, server, ClosedLoop(server.port, at_once, seconds * _WARM_UP_SHARE, talk))
    return lambda: under_load(load, server, ClosedLoop(server.port, at_once, seconds, talk))
