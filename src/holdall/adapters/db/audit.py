"""Administrative acts, as lines of the log."""

from collections.abc import Mapping
from typing import Any

import structlog

log = structlog.get_logger()


class LoggedAudit:
    """``ports.Audit``, for whoever keeps the log."""

    def record(self, actor: str, act: str, subject: str, details: Mapping[str, Any]) -> None:
        """Write one line."""
        log.info("audit", actor=actor, act=act, subject=subject, details=dict(details))
