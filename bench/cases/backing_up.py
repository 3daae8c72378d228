"""(k) Backups: a first one, one of what is new, a check and a restore, against ``cp -r`` of the same data folder."""

import asyncio
import hashlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import servers
from bench.cases.setting import Setting
from bench.report import OURS, cell, new_table, ratio, show
from bench.rounds import interleave, spread
from holdall import backups
from holdall.bootstrap import open_services, prepare
from holdall.domain.access import User
from holdall.domain.files import Purpose
from holdall.flows import accounts
from holdall.ports import Ledger, NewBlob, NewUpload, Services
from holdall.settings import Settings, read_settings

COPY = "cp -r, and sync"
KEY = "0b" * 32
AT_ONCE, FILL_BYTES = 64, 64 << 20
"""So many files, or so many bytes, are put at a time."""


@dataclass(frozen=True, slots=True)
class _Files:
    """What an installation is filled with."""

    title: str
    size: int
    count: int


def run(setting: Setting) -> None:
    """Measure and show."""
    share = 10 if setting.is_quick else 1
    for files in (
        _Files("photographs of 200 KB", 200_000, 1000 // share),
        _Files("thumbnails of 10 KB", 10_000, 2000 // share),
        _Files("films of 50 MB", 50_000_000, 4 // share or 1),
    ):
        with servers.new_folder(setting.folder / files.title.replace(" ", "-")) as folder:
            _compare(setting, folder, files)


def _compare(setting: Setting, folder: Path, files: _Files) -> None:
    setting.tell(f"making {files.count} {files.title}")
    house = _settings(folder / "data")
    prepare(house)
    asyncio.run(_fill(house, files))
    size = sum(path.stat().st_size for path in (folder / "data").rglob("*") if path.is_file())
    for name, settings in (("open", house), ("sealed", _settings(folder / "data", KEY))):
        asyncio.run(backups.make(settings, "bench", str(folder / name), 0, _silent))
    contestants: Mapping[str, Callable[[], float]] = {
        COPY: lambda: _timed(folder / "copy", lambda: _copy(folder / "data", folder / "copy")),
        f"{OURS}: the first backup": lambda: _backed_up(folder, house),
        f"{OURS}: the first, encrypted": lambda: _backed_up(folder, _settings(folder / "data", KEY)),
        f"{OURS}: when nothing is new": lambda: _seconds(
            backups.make(house, "bench", str(folder / "open"), 0, _silent)
        ),
        f"{OURS}: verify": lambda: _seconds(backups.verify(house, str(folder / "open"), "", _silent)),
        f"{OURS}: restore": lambda: _timed(
            folder / "restored",
            lambda: _seconds(
                backups.restore(_settings(folder / "restored"), "bench", str(folder / "open"), "", _silent)
            ),
        ),
    }
    found = interleave(setting.rounds, contestants, lambda what: setting.tell(f"{files.title}: {what}"))
    speeds = {name: spread([size / seconds / 1e6 for seconds in times]) for name, times in found.items()}
    table = new_table(
        f"(k) {files.count} {files.title}, {size // 1_000_000} MB with the database", "", "MB/s", "ours/it"
    )
    for name, speed in speeds.items():
        table.add_row(name, cell(speed), ratio(speed, speeds[COPY]))
    note = "From the page cache, to the same disk. Ours hashes everything on the way, and syncs it."
    show("k", table, [], [note])


def _settings(data: Path, key: str = "") -> Settings:
    return read_settings({"HOLDALL_DATA_DIR": str(data), "HOLDALL_LOG_LEVEL": "warning", "HOLDALL_BACKUP_KEY": key})


def _silent(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""


def _backed_up(folder: Path, settings: Settings) -> float:
    target = folder / "target"
    return _timed(target, lambda: _seconds(backups.make(settings, "bench", str(target), 0, _silent)))


def _copy(source: Path, target: Path) -> float:
    began = time.perf_counter()
    subprocess.run(["cp", "-r", source, target], check=True)
    os.sync()
    return time.perf_counter() - began


def _seconds(doing: Coroutine[Any, Any, object]) -> float:
    began = time.perf_counter()
    asyncio.run(doing)
    return time.perf_counter() - began


def _timed(folder: Path, work: Callable[[], float]) -> float:
    """What it took; the folder that came of it is gone."""
    try:
        return work()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ── an installation ──────────────────────────────────────────────────────────────────────────────────────────────


async def _fill(settings: Settings, files: _Files) -> None:
    async with open_services(settings) as services:
        user = await accounts.add_user(services, "bench", "", "")
        at_once = max(1, min(AT_ONCE, FILL_BYTES // files.size))
        for start in range(0, files.count, at_once):
            await _add(services, user, min(at_once, files.count - start), files.size)


async def _add(services: Services, user: User, count: int, size: int) -> None:
    keys = [key for _ in range(count) for key in services.ids.blob_keys(1)]
    contents = [secrets.token_bytes(size) for _ in keys]
    digests = [hashlib.sha256(data).hexdigest() for data in contents]
    await services.blobs.put_all(list(zip(keys, contents, strict=True)))

    def story(ledger: Ledger) -> None:
        space, now = ledger.spaces.personal(user), services.clock.now()
        if space is None:
            raise RuntimeError("users have a space of their own")
        ledger.files.reserve(keys, now)
        for key, digest in zip(keys, digests, strict=True):
            blob = ledger.files.add(NewBlob(space.number, key, digest, size, "image/jpeg", None, None, ()), now)
            names = services.ids.public("att"), services.ids.path_token()
            purpose = Purpose("attachment", "file", "person")
            ledger.files.add_upload(NewUpload(names[0], space.number, user.number, "a", names[1], purpose), blob, now)

    await services.work.write(story)
