"""Credentials."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdall.domain.access import Scope, Token, TokenKind, User

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
