"""Several objects at once, for stores that gain nothing from knowing that they belong together."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from holdall.errors import StorageUnavailable
from holdall.ports import BlobStore, Source


async def put_side_by_side(store: BlobStore, objects: Sequence[tuple[str, Source]]) -> None:
    """Put them side by side; wait for all, also when one fails, so that none comes after we have given up.

    Raises:
        FileExistsError, ValueError, StorageFull, StorageUnavailable: what the first that failed raised; those that were
            put are deleted, as far as the store lets us.

    """
    outcomes = await asyncio.gather(*(store.put(key, source) for key, source in objects), return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if failures:
        for (key, _), outcome in zip(objects, outcomes, strict=True):
            if outcome is None:
                with suppress(StorageUnavailable):
                    await store.delete(key)
        raise failures[0]
