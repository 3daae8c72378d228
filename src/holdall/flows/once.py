"""Done once: a request with an Idempotency-Key is carried out by one caller, and answered alike to all.

The key is claimed after the body was received, because a key stands for a request, and the request is its bytes:
the same key with other bytes is refused. The answer is kept in the very transaction that makes the uploads ready,
so that a crash leaves both or neither.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

from holdall.domain.access import Actor
from holdall.domain.files import Staged
from holdall.errors import Conflict, KeyReused, Malformed
from holdall.ports import Claim, Ledger, Services

LEASE = timedelta(seconds=60)
"""How long a claim is held for an unfinished request: longer than any inspection, so that a crash frees the key."""
WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.05
MAX_KEY_LENGTH = 255
_IN_HAND = "a request with this Idempotency-Key is still being worked on"


class Once:
    """One request's claim on its key; without a key, nothing is claimed and nothing remembered."""

    def __init__(self, services: Services, actor: Actor, key: str | None, fingerprint: str) -> None:
        if key is not None and not (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
            raise Malformed("header", f"an Idempotency-Key has 1 to {MAX_KEY_LENGTH} printable characters")
        self._services = services
        self._actor = actor.key
        self._key = key
        self._fingerprint = fingerprint

    def finish(self, ledger: Ledger, ids: Sequence[str]) -> None:
        """Keep what the request led to, in the transaction that did it."""
        if self._key is not None:
            expires_at = self._services.clock.now() + self._services.claim_ttl
            ledger.idempotency.finish(self._actor, self._key, list(ids), expires_at)

    def settle(self, ledger: Ledger) -> Sequence[str] | None:
        """Take the key in the transaction that does all of the work and, at its end, calls ``finish``.

        ``None`` when the work is to be done, else the earlier answer. There is no lease: the key is taken if and only
        if the work is committed, and who comes with it meanwhile waits for that.

        Raises:
            KeyReused: the key came before with another request.
            Conflict: a request of this key that takes more than one transaction is still in hand.

        """
        if self._key is None:
            return None
        claim = self._try(ledger, self._key)
        if claim.fingerprint != self._fingerprint:
            raise KeyReused(self._key)
        if claim.is_mine:
            return None
        if claim.answer is None:
            raise Conflict(_IN_HAND)
        return [str(id) for id in claim.answer]

    async def run(self, story: Callable[[], Awaitable[Sequence[str]]]) -> Sequence[str]:
        """What ``story`` returns, or what it returned when this key first came.

        Raises:
            KeyReused: the key came before with another request.
            Conflict: the first request of this key is still in hand, after some patience.

        """
        key = self._key
        if key is None:
            return await story()
        earlier = await self._claim(key)
        if earlier is not None:
            return earlier
        try:
            return await story()
        except BaseException:
            await self._services.work.write(lambda ledger: ledger.idempotency.release(self._actor, key))
            raise

    async def _claim(self, key: str) -> Sequence[str] | None:
        """``None`` when the work is ours to do, else the earlier answer; waits while another is at it."""
        for _ in range(int(WAIT_SECONDS / _POLL_SECONDS)):
            claim = await self._services.work.write(lambda ledger: self._try(ledger, key))
            if claim.fingerprint != self._fingerprint:
                raise KeyReused(key)
            if claim.is_mine:
                return None
            if claim.answer is not None:
                return [str(id) for id in claim.answer]
            await asyncio.sleep(_POLL_SECONDS)
        raise Conflict(_IN_HAND)

    def _try(self, ledger: Ledger, key: str) -> Claim:
        now = self._services.clock.now()
        return ledger.idempotency.claim(self._actor, key, self._fingerprint, now, now + LEASE)


def fingerprint(place: str, fields: Mapping[str, str], files: Sequence[Staged]) -> str:
    """What makes two requests the same: where they go, their fields, and their files' names and bytes."""
    parts = [place, sorted(fields.items()), [(file.client_name, file.size, file.sha256) for file in files]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def message_fingerprint(place: str, message: object) -> str:
    """As ``fingerprint``, for a request that is a message in JSON; however it is spelled, it is the same."""
    return hashlib.sha256(json.dumps([place, message], sort_keys=True).encode()).hexdigest()
