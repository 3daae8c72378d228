"""The real servers that the integration tests run against."""

from tests.support.postgres import postgres
from tests.support.redis import own_redis, redis, shared_redis
from tests.support.seaweed import seaweed

__all__ = ["own_redis", "postgres", "redis", "seaweed", "shared_redis"]
