"""The real servers that the contract suites run against."""

from tests.support.seaweed import seaweed

__all__ = ["seaweed"]
