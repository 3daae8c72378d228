"""Passwords by argon2id, in threads of their own."""

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from holdall.errors import RateLimited

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")

AT_ONCE = 2
"""Each takes 64 MiB, and a processor for as long as an upload of many megabytes."""
MAX_WAITING = 32
"""Some three seconds of work; who comes later is told to come again."""
CROWDED_SECONDS = 3.0
_SALT_BYTES, _HASH_BYTES = 16, 32


class Argon2Passwords:
    """argon2id with the parameters that RFC 9106 gives for little memory: 64 MiB, three passes, four lanes."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password")
        self._inside = 0

    async def hash(self, password: str) -> str:
        """See ``ports.Passwords``."""
        return await self._in_turn(lambda: self._hasher.hash(password))

    async def matches(self, password: str, hash: str | None) -> bool:
        """See ``ports.Passwords``."""
        is_same = await self._in_turn(lambda: self._is_of(password, hash or self._nobodys))
        return is_same and hash is not None

    def is_outdated(self, hash: str) -> bool:
        """See ``ports.Passwords``."""
        return self._hasher.check_needs_rehash(hash)

    def close(self) -> None:
        """Let go of the threads, once what they are doing is done. Safe to repeat."""
        self._threads.shutdown(cancel_futures=True)

    @cached_property
    def _hasher(self) -> "PasswordHasher":
        from argon2 import PasswordHasher  # noqa: PLC0415  most commands never need it
        from argon2.profiles import RFC_9106_LOW_MEMORY  # noqa: PLC0415  as above

        return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

    @cached_property
    def _nobodys(self) -> str:
        """A hash of today's parameters that no password is known for: what an unknown login is compared with."""
        hasher = self._hasher
        salt, digest = (base64.b64encode(bytes(size)).rstrip(b"=").decode() for size in (_SALT_BYTES, _HASH_BYTES))
        costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
        return f"$argon2id$v=19${costs}${salt}${digest}"

    def _is_of(self, password: str, hash: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415  as above

        try:
            return self._hasher.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[[], T]) -> T:
        """Do it in a thread, behind what came before."""
        if self._inside >= AT_ONCE + MAX_WAITING:
            raise RateLimited(CROWDED_SECONDS)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._inside -= 1
