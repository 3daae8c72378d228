"""The form of a sealed object: a header, then the plain bytes chunk by chunk, each encrypted and authenticated.

    header   64 bytes, in the clear
      0       8   magic
      8       1   version of this form
      9       7   zero
      16      8   id of the master key
      24      8   size of the plain bytes, big-endian
      32     32   salt
    chunk    65,536 plain bytes (the last: what is left, perhaps none) and a tag of 16

Each object has a key of its own, derived from the master key and the salt (HKDF with SHA-256), so that a chunk's
number can be its nonce: no nonce is ever used twice under one key. The chunks are sealed with AES-256-GCM; the nonce
says which chunk it is and whether it is the last, the associated data are the whole header and the key that the object
lies under. A chunk that was changed, moved to another place, taken from another object, or left out does not open.
"""

import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdall.adapters.blobs.keyring import ID_BYTES, KEY_BYTES, MasterKey, derive

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
STRIDE = CHUNK_BYTES + TAG_BYTES
"""From one sealed chunk's beginning to the next one's."""
HEADER_BYTES = 64

_MAGIC = b"\x93HOLDALL"
_VERSION = 1
_BEGINNING = _MAGIC + bytes([_VERSION]) + bytes(7)
_SIZE_BYTES = 8
_SALT_BYTES = 32
_ID = slice(len(_BEGINNING), len(_BEGINNING) + ID_BYTES)
_SIZE = slice(_ID.stop, _ID.stop + _SIZE_BYTES)
_SALT = slice(_SIZE.stop, _SIZE.stop + _SALT_BYTES)
_PURPOSE = b"holdall sealed object"


class NotGenuine(Exception):  # noqa: N818  said of the bytes, not of the code
    """The bytes are not those that were sealed under this header and this key."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the chunks."""

    key_id: bytes
    size: int
    """Of the plain bytes."""
    salt: bytes

    @property
    def chunks(self) -> int:
        """At least one: an empty object has an empty chunk, so that its emptiness is authenticated."""
        return max(1, -(-self.size // CHUNK_BYTES))

    def pack(self) -> bytes:
        """The header as it is kept."""
        return _BEGINNING + self.key_id + self.size.to_bytes(_SIZE_BYTES, "big") + self.salt

    def end_of_chunk(self, index: int) -> int:
        """Where in the sealed object this chunk ends, and the next would begin."""
        return HEADER_BYTES + min((index + 1) * CHUNK_BYTES, self.size) + (index + 1) * TAG_BYTES


def new_header(key: MasterKey, size: int) -> Header:
    """The header of a new object."""
    return Header(key.id, size, secrets.token_bytes(_SALT_BYTES))


def read_header(head: bytes) -> Header | None:
    """The header that these bytes begin with; ``None`` when they begin with none of this version.

    Nothing in it is to be believed before a chunk has opened under it.
    """
    if len(head) < HEADER_BYTES or not head.startswith(_BEGINNING):
        return None
    return Header(bytes(head[_ID]), int.from_bytes(head[_SIZE], "big"), bytes(head[_SALT]))


def seems_sealed(head: bytes, key_ids: tuple[bytes, ...]) -> bool:
    """Whether these bytes are, or were before somebody damaged them, the beginning of a sealed object."""
    return head.startswith(_MAGIC) or bytes(head[_ID]) in key_ids


def sealed_size(size: int) -> int:
    """How long an object of ``size`` plain bytes is when sealed."""
    chunks = max(1, -(-size // CHUNK_BYTES))
    return HEADER_BYTES + size + chunks * TAG_BYTES


def plain_size(sealed: int) -> int | None:
    """How many plain bytes a sealed object of this length holds; ``None`` when none can be this long."""
    body = sealed - HEADER_BYTES
    size = body - max(1, -(-body // STRIDE)) * TAG_BYTES
    return size if size >= 0 and sealed_size(size) == sealed else None


class ObjectCipher:
    """Seals and opens the chunks of the object with this header under the blob key ``place``."""

    def __init__(self, header: Header, key: MasterKey, place: str) -> None:
        self._last = header.chunks - 1
        self._bound = header.pack() + place.encode()
        self._cipher = AESGCM(derive(key.secret, header.salt, _PURPOSE, KEY_BYTES))

    def seal(self, first: int, plain: bytes) -> bytes:
        """Seal these bytes as the chunks from number ``first`` on; only the object's last may be a short one."""
        view = memoryview(plain)
        starts = range(0, len(plain), CHUNK_BYTES) or (0,)
        return b"".join(
            self._cipher.encrypt(self._nonce(index), view[start : start + CHUNK_BYTES], self._bound)
            for index, start in enumerate(starts, first)
        )

    def open(self, first: int, sealed: bytes | memoryview) -> bytes:
        """Open these bytes, which are whole sealed chunks from number ``first`` on.

        Raises:
            NotGenuine: they are not.

        """
        view = memoryview(sealed)
        try:
            return b"".join(
                self._cipher.decrypt(self._nonce(index), view[start : start + STRIDE], self._bound)
                for index, start in enumerate(range(0, len(sealed), STRIDE), first)
            )
        except InvalidTag as error:
            raise NotGenuine from error

    def _nonce(self, index: int) -> bytes:
        return index.to_bytes(11, "big") + (b"\1" if index == self._last else b"\0")
