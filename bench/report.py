"""Tables: what was measured, what was aimed at, and figures published by others for scale."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from bench.rounds import Spread

OURS = "Holdall"
_WIDTH = 120

console = Console(width=_WIDTH, highlight=False)

PUBLISHED = {
    "a": "nginx DAV 0.50 GB/s, Directus 0.25, NocoDB 0.10, PocketBase 0.08",
    "b": "WordPress Pika 25 ms CPU, 39/s at 1, 73/s at 8; CPU of NocoDB 14–29 ms, Directus 16–22, PocketBase 2.2–3.3",
    "c": "NocoDB 28 flows/s, Directus 38, PocketBase 844",
    "d": "PocketBase 3262/s (200 KB), 408/s (4 MB) and 6331/s (304)",
    "f": "from upload to thumbnail Directus 94 ms, PocketBase 317; a thumbnail that is there PocketBase 1145/s",
    "e": "PocketBase 57 MB, NocoDB 395",
}


@dataclass(frozen=True, slots=True)
class Goal:
    """What was aimed at, and whether it was met."""

    wanted: str
    found: str
    is_met: bool


def new_table(title: str, *columns: str) -> Table:
    """The first column is what a row is about; figures stand right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def show(letter: str, table: Table, goals: Sequence[Goal], notes: Sequence[str] = ()) -> None:
    """The table, its goals, and the published figures, where there are any."""
    console.print(table)
    for goal in goals:
        mark = "[green]met   [/]" if goal.is_met else "[red]missed[/]"
        console.print(f"  {mark} {goal.wanted}: {goal.found}")
    for note in notes:
        console.print(f"  [dim]{note}[/]")
    if letter in PUBLISHED:
        console.print(f"  [dim]Published, other machine of the same size: {PUBLISHED[letter]}.[/]")
    console.print()


def at_least(what: str, wanted: float, found: float, unit: str = "") -> Goal:
    return Goal(f"{what} ≥ {wanted:g}{unit}", f"{found:.2f}{unit}", found >= wanted)


def at_most(what: str, wanted: float, found: float, unit: str = "") -> Goal:
    return Goal(f"{what} ≤ {wanted:g}{unit}", f"{found:.2f}{unit}", found <= wanted)


def cell(spread: Spread) -> str:
    """``median (lowest–highest)``."""
    return f"{figure(spread.median)} ({figure(spread.low)}–{figure(spread.high)})"


def figure(value: float) -> str:
    """About three digits: 0.47, 13.9, 482."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f}"


def ratio(ours: Spread, reference: Spread) -> str:
    return f"{ours.median / reference.median:.2f}"
