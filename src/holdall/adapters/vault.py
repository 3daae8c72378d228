"""Secrets that are to be used again, sealed with AES-256-GCM under a key derived from the installation's."""

import base64
import os
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class SealedSecrets:
    """``ports.Vault``; the owner is what is authenticated besides, so that no row's secret serves another."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, secret: bytes, owner: str) -> str:
        """Encrypt, under a nonce of its own."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, secret, owner.encode())).decode()

    def unseal(self, sealed: str, owner: str) -> bytes:
        """Decrypt, or refuse."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  as below

        data = base64.b64decode(sealed, validate=True)
        try:
            return self._cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], owner.encode())
        except InvalidTag as error:
            raise ValueError("it does not open with this installation's key") from error

    @cached_property
    def _cipher(self) -> "AESGCM":
        """Made when it is first needed: 40 ms, for who has webhooks only."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  as above

        from holdall.adapters.blobs.keyring import KEY_BYTES, derive  # noqa: PLC0415  as above

        return AESGCM(derive(self._secret, b"", b"holdall webhook secrets", KEY_BYTES))
