"""``python -m bench [LETTER …] [--rounds 5] [--quick] [--dir .bench]``: prints a table for each letter."""

import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import cyclopts
from rich.console import Console

from bench.cases import (
    backing_up,
    buckets,
    downloads,
    flows,
    fronts,
    images,
    keeping,
    large,
    ledgers,
    records,
    shared,
    start,
    thumbnails,
    upkeep,
)
from bench.cases.setting import Setting
from bench.load import generator
from bench.report import console
from bench.servers import new_folder

CASES: Mapping[str, Callable[[Setting], None]] = {
    "a": large.run,
    "b": images.run,
    "c": flows.run,
    "d": downloads.run,
    "e": start.run,
    "f": thumbnails.run,
    "g": keeping.run,
    "h": records.run,
    "i": ledgers.run,
    "k": backing_up.run,
    "l": shared.run,
    "n": fronts.run,
    "o": buckets.run,
    "s": upkeep.run,
}
QUICK_ROUNDS = 2

progress = Console(stderr=True, highlight=False)


def bench(
    *letters: Literal["a", "b", "c", "d", "e", "f", "g", "h", "i", "k", "l", "n", "o", "s"],
    rounds: int = 5,
    quick: bool = False,
    million: bool = False,
    dir: Path = Path(".bench"),
) -> None:
    """Measure Holdall against the references and print a table for each letter; all of them if none is named.

    Args:
        letters: a: a large file; b: photographs and text; c: upload and attach; d: downloads; e: start and memory;
            f: thumbnails; g: scanning, and encryption at rest; h: lists of records; i: books; k: backups;
            l: calls that are counted; n: downloads through nginx; o: a large file and a bucket;
            s: sweep and scrub.
        rounds: How often each contestant has its turn.
        quick: Two short rounds: whether it runs, not how fast.
        million: Lists of a million records, and books of a million transactions, and sweeps of a million
            files, too.
        dir: Where the servers keep their files; removed afterwards.

    """
    began = time.monotonic()
    rounds, is_whole = min(rounds, QUICK_ROUNDS) if quick else rounds, True
    with new_folder(dir.absolute() / f"run-{os.getpid()}") as folder, generator() as load:
        for letter in letters or CASES:
            is_whole &= _measure(letter, Setting(folder / letter, load, rounds, quick, _teller(letter, began), million))
    console.print(f"{time.monotonic() - began:.0f} s, medians of {rounds} rounds (lowest–highest).")
    sys.exit(0 if is_whole else 1)


def _measure(letter: str, setting: Setting) -> bool:
    """Whether the table came to be; where it did not, the others are still worth having."""
    try:
        CASES[letter](setting)
    except Exception as error:  # noqa: BLE001  told, and shown by the exit code
        progress.print(f"({letter}) failed:\n{''.join(traceback.format_exception(error))}", markup=False)
        console.print(f"({letter}) failed; standard error tells why.\n")
        return False
    return True


def _teller(letter: str, began: float) -> Callable[[str], None]:
    return lambda what: progress.print(f"[dim]{time.monotonic() - began:5.0f} s[/] ({letter}) {what}")


if __name__ == "__main__":
    cyclopts.run(bench)
