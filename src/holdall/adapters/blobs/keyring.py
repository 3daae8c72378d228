"""Master keys: what an operator writes down becomes keys with names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
ID_BYTES = 8
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")
_COMMENT = re.compile(r"#.*")


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key that no byte is encrypted with: others are derived from it."""

    id: bytes
    """Derived from the secret too, so that nobody has to name keys, and no two share a name."""
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> "MasterKey":
        """The key of this secret."""
        return cls(derive(secret, b"", b"holdall master key id", ID_BYTES), secret)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of an installation: the first seals, all of them open."""

    keys: tuple[MasterKey, ...]

    @property
    def current(self) -> MasterKey:
        """The key that new objects are sealed with."""
        return self.keys[0]

    def find(self, id: bytes) -> MasterKey | None:
        """The key of this id."""
        return next((key for key in self.keys if key.id == id), None)


def read_keyring(text: str) -> Keyring:
    """Keys of 64 hex digits each, between blanks, commas or line ends; what follows a ``#`` is a comment.

    Raises:
        ValueError: there is none, one is no key, or one stands there twice. Never quotes what it was given.

    """
    keys = tuple(MasterKey.of(secret) for secret in _secrets(text))
    if not keys:
        raise ValueError("there is no key")
    if len({key.id for key in keys}) < len(keys):
        raise ValueError("a key stands there twice")
    return Keyring(keys)


def derive(secret: bytes, salt: bytes, purpose: bytes, length: int) -> bytes:
    """HKDF with SHA-256 (RFC 5869)."""
    return HKDF(SHA256(), length, salt, purpose).derive(secret)


def _secrets(text: str) -> Iterator[bytes]:
    for number, word in enumerate(_COMMENT.sub("", text).replace(",", " ").split(), 1):
        if _HEX_KEY.fullmatch(word) is None:
            raise ValueError(f"key {number} is not 64 hex digits")
        yield bytes.fromhex(word)
