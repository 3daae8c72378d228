"""Where rules come from: Holdall brings some along, the operator's folder has others; and a version for them all."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

_PACKAGED = resources.files("holdall.adapters.scan") / "rules"
RULE_FILES = ("eicar.yar", "programs.yar", "scripts.yar", "pages.yar", "shells.yar")
"""Each is compiled by itself. A handful of strings is searched for at 7 GB/s, all of them together at 0.9, and a file
whose conditions rule the type out is not searched for at all: five passes cost a third of one."""
SUFFIXES = (".yar", ".yara")
Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One file of rules."""

    name: str
    text: str


def packaged() -> tuple[Source, ...]:
    """The rules that Holdall brings along."""
    return tuple(Source(name, (_PACKAGED / name).read_text(encoding="utf-8")) for name in RULE_FILES)


def of_folder(folder: Path) -> tuple[Source, ...]:
    """The operator's rules, subfolders and all, in order of their names.

    Raises:
        OSError: there is no such folder, or a file in it cannot be read.
        UnicodeDecodeError: a file is not UTF-8.

    """
    return tuple(Source(str(path.relative_to(folder)), path.read_text(encoding="utf-8")) for path in _files(folder))


def stamp(folder: Path) -> Stamp:
    """What changes whenever a file of the folder does; cheaper than reading them. Raises as ``of_folder``."""
    looks = ((str(path), path.stat()) for path in _files(folder))
    return tuple((path, look.st_mtime_ns, look.st_size, look.st_ino) for path, look in looks)


def digest(sources: Sequence[Source]) -> str:
    """SHA-256 over names and texts: the version of a set of rules."""
    summed = hashlib.sha256()
    for source in sources:
        for part in (source.name.encode(), source.text.encode()):
            summed.update(len(part).to_bytes(8, "big") + part)
    return summed.hexdigest()


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise NotADirectoryError(20, "there is no such folder", str(folder))
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
