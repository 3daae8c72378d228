"""Who of the processes of one machine is who: each that runs the job engine sits on a seat of its own, by number.

A seat is a lock on a file in the data folder, which the system drops with its process, however that ends. So whoever
can lock a seat knows that nobody sits there, and may take up what was left. On other machines names are others.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from holdall.adapters.db.occupancy import locked
from holdall.errors import Conflict

_TAKEN = "somebody sits there"


class Seats:
    """The seats of the processes that share a data folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        """What every seat's name begins with; it tells of the machine where the jobs are several machines'."""

    @contextmanager
    def taken(self) -> Iterator[str]:
        """The lowest free seat is ours as long as the context is open: its name.

        Raises:
            OSError: the folder cannot be written to.

        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        number = 0
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(locked(self._path(number), _TAKEN))
                    break
                except Conflict:
                    number += 1
            yield self._name_of(number)

    @contextmanager
    def left(self) -> Iterator[list[str]]:
        """The seats that somebody sat on and nobody does; nobody takes one of them as long as the context is open."""
        with ExitStack() as stack:
            names = []
            for number in self._numbers():
                with suppress(Conflict):
                    stack.enter_context(locked(self._path(number), _TAKEN))
                    names.append(self._name_of(number))
            yield names

    def _numbers(self) -> list[int]:
        return sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdecimal())

    def _path(self, number: int) -> Path:
        return self._folder / str(number)

    def _name_of(self, number: int) -> str:
        return f"{self._name}.{number}" if number else self._name
