"""Credentials and rate limits."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdall.adapters.limits import BUDGETS, MemoryLimiter, NoLimiter
from holdall.domain.access import Scope, Token, TokenKind, User
from holdall.errors import RateLimited

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
USER = User(1, "usr" + "A" * 21, "ines", "", "Ines", NOW)
TOKEN = Token("tok" + "A" * 21, TokenKind.BEARER, "x", USER, frozenset(Scope), NOW, None, None, None)


@pytest.mark.parametrize(
    ("changes", "is_live"),
    [
        ({}, True),
        ({"expires_at": NOW + timedelta(seconds=1)}, True),
        ({"expires_at": NOW}, False),
        ({"revoked_at": NOW}, False),
    ],
)
def test_a_token_is_live_until_it_expires_or_is_revoked(changes: dict[str, datetime], is_live: bool):
    """At its expiry it is dead."""
    assert is_live is replace(TOKEN, **changes).is_live(NOW)


def test_a_budget_is_spent_and_the_wait_is_told():
    """Per caller and action."""

    async def story() -> float:
        limiter = MemoryLimiter()
        for _ in range(int(BUDGETS["sign-in"].split("/")[0])):
            await limiter.spend("sign-in", "one")
        await limiter.spend("sign-in", "other")
        await limiter.spend("upload", "one")
        with pytest.raises(RateLimited) as refusal:
            await limiter.spend("sign-in", "one")
        return refusal.value.retry_after_seconds

    assert 1 <= asyncio.run(story()) <= 60


def test_no_limiter_never_refuses():
    """For benchmarks."""

    async def story() -> None:
        for _ in range(2000):
            await NoLimiter().spend("sign-in", "one")

    asyncio.run(story())
