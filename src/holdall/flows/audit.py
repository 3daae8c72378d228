"""The audit log from outside: is the chain whole, and where does it end?"""

from collections.abc import AsyncIterator

from holdall.domain.audit import EMPTY, Entry, Fault, Head, follow
from holdall.ports import Services

_PAGE = 500


async def entries(services: Services, after: int = 0) -> AsyncIterator[Entry]:
    """Every entry numbered over ``after``, in order."""
    while page := await _page(services, after):
        for entry in page:
            yield entry
        after = page[-1].number


async def verify(services: Services, kept: Head | None = None) -> Head | Fault:
    """Walk the whole chain: where it ends, or the first entry at which it is broken.

    ``kept`` is an end that was noted down earlier: the chain must lead through it, so that entries cut off at the
    end, or a chain written anew from some entry on, are found out too.
    """
    head, is_met = EMPTY, kept is None or kept == EMPTY
    while page := await _page(services, head.number):
        for entry in page:
            followed = follow(head, [entry])
            if isinstance(followed, Fault):
                return followed
            head = followed
            if kept is not None and head.number == kept.number:
                if head.hash != kept.hash:
                    return Fault(head.number, "its digest is not the one that was noted down: the chain was rewritten")
                is_met = True
    if not is_met and kept is not None:
        return Fault(head.number + 1, f"it is missing; the chain once went on to entry {kept.number}")
    return head


async def _page(services: Services, after: int) -> list[Entry]:
    return await services.work.read(lambda ledger: ledger.audit.entries(after=after, limit=_PAGE))
