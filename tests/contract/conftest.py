"""The real servers that the contract suites run against."""

from tests.support.databases import url, work
from tests.support.postgres import postgres
from tests.support.redis import redis, shared_redis
from tests.support.seaweed import seaweed

__all__ = ["postgres", "redis", "seaweed", "shared_redis", "url", "work"]
