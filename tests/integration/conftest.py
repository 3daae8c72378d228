"""The real servers that the integration tests run against."""

from tests.support.postgres import postgres
from tests.support.seaweed import seaweed

__all__ = ["postgres", "seaweed"]
