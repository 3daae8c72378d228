"""What commands print of quarantined files, jobs, rescans and moves: a line, a page, or JSON.

Names come from clients; ``domain.filename`` has taken out of them what a terminal would obey.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import make_url

from holdall.adapters.db.moving import Moved
from holdall.domain.escaping import one_line
from holdall.domain.files import Upload
from holdall.domain.quarantine import QuarantinedFile, Rescan
from holdall.ports import KnownJob
from holdall.settings import Settings


def file_line(file: QuarantinedFile) -> str:
    """One line: id, when, rule, size, uploader, name."""
    when = file.found_at.strftime("%Y-%m-%d %H:%M")
    return f"{file.id}  {when}  {file.signature}  {file.size}  {file.user}  {file.name}"


def file_text(file: QuarantinedFile, uploads: Sequence[Upload]) -> str:
    """One fact a line."""
    facts = _facts(file, uploads)
    width = max(map(len, facts))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())


def file_json(file: QuarantinedFile, uploads: Sequence[Upload] | None = None) -> str:
    """As JSON, on one line."""
    return msgspec.json.encode(_facts(file, uploads)).decode()


def job_line(job: KnownJob, now: datetime) -> str:
    """One line: id, kind, state, for how long, by whom or why."""
    seconds = max(0, int((now - job.since).total_seconds()))
    age = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{job.id}  {job.kind}  {job.state}  {age}  {one_line(job.worker or job.reason)}".rstrip()


def rescan_text(rescan: Rescan) -> str:
    """What a rescan found, in a sentence."""
    return (
        f"{rescan.checked} files looked at by {rescan.edition}: {rescan.infected} infected and now in quarantine, "
        f"{rescan.not_scanned} not scanned, {rescan.missing} not there."
    )


def rescan_json(rescan: Rescan) -> str:
    """As JSON, on one line."""
    facts = asdict(rescan)
    del facts["number"], facts["after"]
    return msgspec.json.encode(facts).decode()


def moved_text(moved: Moved) -> str:
    """One line for each table that has rows, and a sentence."""
    filled = [table for table in moved.tables if table.rows]
    width = max((len(table.name) for table in filled), default=0)
    lines = [f"{table.name:<{width}}  {table.rows:>10}  {table.digest[:16]}" for table in filled]
    told = f"{moved.rows} rows are the same on both sides, {moved.copied} of them copied by this run"
    return "\n".join([*lines, f"{told}; {moved.indexes} indexes of fields made."])


def next_database(settings: Settings, target: str) -> str:
    """What to do once a database is moved."""
    default = f"sqlite:///{settings.data / 'holdall.sqlite3'}"
    known = make_url(target).render_as_string(hide_password=True)
    change = "Take HOLDALL_DATABASE_URL away" if target == default else f"Set HOLDALL_DATABASE_URL={known}"
    return f"{change}, then start the service again. The database that was moved from is as it was."


def next_place(to: str) -> str:
    """What to do once blobs are moved."""
    change = "HOLDALL_BLOBS_MOVE_TO" if to == "s3" else "HOLDALL_BLOBS_MOVE_TO and HOLDALL_S3_BUCKET"
    removal = (
        f"`holdall move-blobs --to {to} --remove-originals` removes the originals, once each has been compared again"
    )
    return f"All files are in the new place. Take {change} away and restart the service. {removal}{_BEFORE[to]}."


_BEFORE = {"s3": "", "local": "; it needs both settings, so do that first"}


def _facts(file: QuarantinedFile, uploads: Sequence[Upload] | None) -> dict[str, Any]:
    facts = {
        "id": file.id,
        "state": file.state.value,
        "signature": file.signature,
        "scanner": file.scanner,
        "name": file.name,
        "size": file.size,
        "mime": file.mime,
        "sha256": file.sha256,
        "user": file.user,
        "space": file.space,
        "door": f"{file.purpose.door} {file.purpose.kind} {file.purpose.entity}".strip(),
        "found_at": file.found_at.isoformat(),
        "last_at": file.last_at.isoformat(),
        "times": file.times,
        "has_bytes": bool(file.key),
        "was_stored": file.blob_id is not None,
    }
    return facts if uploads is None else {**facts, "uploads": [upload.id for upload in uploads]}
