"""The rules in force: read, compiled once for all children, and changed while the server runs.

Rules that do not compile never come into force: those before them stay, and the log says why.
"""

import asyncio
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

from holdall.adapters.scan import sources
from holdall.adapters.scan.sources import Source

log = structlog.get_logger()
COMPILE_SECONDS = 120.0
WATCH_SECONDS = 2.0
"""Between two looks at the operator's folder."""
_COUNT_BYTES = 4
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class RulesBroken(Exception):  # noqa: N818  said of the rules
    """The operator's rules cannot be read or do not compile; says where."""


@dataclass(frozen=True, slots=True)
class Rules:
    """One set of rules."""

    digest: str
    """Its version: the same rules have the same one on every machine."""
    count: int = 0
    """Of the operator's rules."""
    file: int | None = None
    """An open descriptor of the compiled rules of the operator; the packaged ones a child compiles by itself."""

    @property
    def edition(self) -> str:
        """The version, as short as is told people."""
        return f"yara {self.digest[:12]}"


class RuleBook:
    """The packaged rules, and those of the operator's ``folder`` if there is one."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._current: Rules | None = None
        self._seen: sources.Stamp | None = None
        self._broken = ""
        self._turn = asyncio.Lock()

    async def current(self) -> Rules:
        """The rules in force; compiled when first asked for.

        Raises:
            RulesBroken: there are none, for the first that there were did not compile.

        """
        if self._current is None:
            async with self._turn:
                if self._current is None:
                    self._current = await self._load()
        return self._current

    @property
    def in_force(self) -> Rules | None:
        """As ``current``; ``None`` before the first time."""
        return self._current

    async def refresh(self) -> bool:
        """Look at the folder; whether other rules are in force now. Broken ones are told of once."""
        async with self._turn:
            try:
                return await self._refresh()
            except RulesBroken as error:
                if str(error) != self._broken:
                    log.error("broken rules, the old ones stay in force", error=str(error))  # noqa: TRY400
                self._broken = str(error)
        return False

    async def watch(self) -> None:
        """Refresh every few seconds, for ever."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self.refresh()

    def close(self) -> None:
        """Let go of the compiled rules. Safe to repeat."""
        if self._current is not None and self._current.file is not None:
            os.close(self._current.file)
        self._current = None

    async def _refresh(self) -> bool:
        if self._folder is None or await _stamp(self._folder) == self._seen:
            return False
        before, loaded = self._current, await self._load()
        if before is not None and before.digest == loaded.digest:
            _close(loaded)
            return False
        self._current, self._broken = loaded, ""
        if before is not None:
            _close(before)
        log.info("rules", digest=loaded.digest, operators=loaded.count)
        return True

    async def _load(self) -> Rules:
        if self._folder is None:
            return Rules(sources.digest(sources.packaged()))
        self._seen = await _stamp(self._folder)
        theirs = await _read(self._folder)
        digest = sources.digest((*sources.packaged(), *theirs))
        if not theirs:
            return Rules(digest)
        packed = await _compile(theirs)
        return Rules(digest, int.from_bytes(packed[:_COUNT_BYTES], "big"), _in_file(packed[_COUNT_BYTES:]))


async def _stamp(folder: Path) -> sources.Stamp:
    try:
        return await asyncio.to_thread(sources.stamp, folder)
    except OSError as error:
        raise RulesBroken(f"{folder}: {error.strerror}") from error


async def _read(folder: Path) -> tuple[Source, ...]:
    try:
        return await asyncio.to_thread(sources.of_folder, folder)
    except OSError as error:
        raise RulesBroken(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RulesBroken(f"{folder}: a file of rules is not UTF-8") from error


async def _compile(theirs: tuple[Source, ...]) -> bytes:
    """What ``compiling`` makes of the rules, in a process of its own."""
    compiler = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "holdall.adapters.scan.compiling"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"PYTHONUTF8": "1"},
    )
    text = json.dumps([(source.name, source.text) for source in theirs])
    try:
        async with asyncio.timeout(COMPILE_SECONDS):
            packed, complaint = await compiler.communicate(text.encode())
    except TimeoutError as error:
        raise RulesBroken(f"compiling took more than {COMPILE_SECONDS:g} s") from error
    finally:
        if compiler.returncode is None:
            compiler.kill()
            await compiler.wait()
    if compiler.returncode:
        raise RulesBroken(complaint.decode("utf-8", "replace").strip()[-2000:] or "the compiler died")
    return packed


def _in_file(packed: bytes) -> int:
    """The compiled rules behind a descriptor that children are handed."""
    with tempfile.TemporaryFile() as file:
        file.write(packed)
        file.flush()
        return os.dup(file.fileno())


def _close(rules: Rules) -> None:
    if rules.file is not None:
        os.close(rules.file)
