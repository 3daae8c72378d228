"""Time zones by their IANA names."""

from datetime import tzinfo
from zoneinfo import ZoneInfo


def zone_called(name: str) -> tzinfo | None:
    """The zone of this name; ``None``: there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):  # no name at all; a name that nobody has; one of a region
        return None
