"""The real servers that the contract suites run against."""

from tests.support.databases import url, work
from tests.support.postgres import postgres
from tests.support.seaweed import seaweed

__all__ = ["postgres", "seaweed", "url", "work"]
