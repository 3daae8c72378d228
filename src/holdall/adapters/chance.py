"""The system's clock and randomness."""

import secrets
from datetime import UTC, datetime

from holdall.domain.ids import ALPHABET, RANDOM_LENGTH


class SystemClock:
    """Now."""

    def now(self) -> datetime:
        """See ``ports.Clock``."""
        return datetime.now(UTC)


class RandomIds:
    """Ids from the operating system's generator."""

    def public(self, prefix: str) -> str:
        """See ``ports.Ids``."""
        return prefix + _alphanumerics(RANDOM_LENGTH)

    def blob_keys(self, count: int) -> list[str]:
        """See ``ports.Ids``."""
        shard = secrets.token_hex(1)
        return [f"{shard}/{shard}{secrets.token_hex(15)}" for _ in range(count)]

    def path_token(self) -> str:
        """See ``ports.Ids``."""
        return _alphanumerics(RANDOM_LENGTH)

    def hex_token(self) -> str:
        """See ``ports.Ids``."""
        return secrets.token_hex(16)

    def secret(self, prefix: str, length: int) -> str:
        """See ``ports.Ids``."""
        return prefix + _alphanumerics(length)


def _alphanumerics(length: int) -> str:
    """Uniform: bytes that would favour some letters are thrown away."""
    fair = 256 - 256 % len(ALPHABET)
    chars: list[str] = []
    while len(chars) < length:
        chars += [ALPHABET[byte % len(ALPHABET)] for byte in secrets.token_bytes(2 * length) if byte < fair]
    return "".join(chars[:length])
