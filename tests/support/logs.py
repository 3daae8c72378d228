"""Events for tests, and as many services as the logs need."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdall.domain.access_log import Action, Event, Outcome
from tests.support.rows import NOW, unique


def make_event(**given: Any) -> Event:
    """A download, but for what is given."""
    plain = Event(
        at=NOW,
        request_id=unique("req"),
        action=Action.READ,
        outcome=Outcome.OK,
        status=200,
        error="",
        door="files",
        route="GET /{path:path}",
        address="203.0.113.7",
        agent="test",
        user=None,
        token="",
        space=None,
        space_id="",
        upload=None,
        path="",
        bytes=0,
        detail="",
    )
    return plain._replace(**given)


@dataclass
class LogServices:
    """What ``ports.Services`` has of use to the logs."""

    work: Any
    now: datetime = NOW
    log_ttl: timedelta = timedelta(days=90)
    log_rows: int = 1_000_000
    operator: str = "os:ines"

    @property
    def clock(self) -> Any:
        """A clock that stands still."""
        services = self

        class Clock:
            def now(self) -> datetime:
                return services.now

        return Clock()
