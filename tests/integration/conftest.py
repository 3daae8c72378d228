"""The real servers that the integration tests run against."""

from tests.support.postgres import postgres

__all__ = ["postgres"]
