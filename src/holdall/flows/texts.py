"""The text of documents, read after they were taken in, to be searched."""

from collections.abc import Callable
from dataclasses import dataclass

from holdall.domain.files import Blob
from holdall.domain.signatures import READABLE
from holdall.errors import ContentRefused
from holdall.flows.variants import LIMITS, local_copy
from holdall.ports import Services

_BATCH = 100


@dataclass(frozen=True, slots=True)
class ReadTexts:
    """What a reading of all documents came to."""

    documents: int
    """Whose text was read."""
    wordless: int
    """Of these, those in which no words were found, or that could not be read."""


async def text_of(services: Services, blob: Blob) -> str:
    """The text of a document, read now if it was not before; ``""`` for one that has none.

    Raises:
        InspectorUnavailable, StorageUnavailable, DatabaseUnavailable: it could not be read or kept now.

    """
    kept = await services.work.read(lambda ledger: ledger.files.find_text(blob))
    if kept is not None:
        return kept
    text = await _read(services, blob)
    await services.work.note(lambda ledger: ledger.files.keep_text(blob, text))
    return text


async def _read(services: Services, blob: Blob) -> str:
    if blob.mime not in READABLE:
        return ""
    try:
        async with local_copy(services, blob) as path:
            return await services.renderer.read_text(path, blob.mime, LIMITS)
    except ContentRefused:  # it cost its child; it would cost the next one too, so it counts as read
        return ""


async def read_texts(services: Services, on_step: Callable[[int], None] = lambda _: None) -> ReadTexts:
    """Read every document that was not read yet, one after the other. Safe to repeat, and to break off."""
    documents = wordless = after = 0
    while batch := await services.work.read(
        lambda ledger, after=after: ledger.files.unread(READABLE, after=after, limit=_BATCH)  # type: ignore[misc]
    ):
        for blob in batch:
            wordless += not await text_of(services, blob)
            documents += 1
            on_step(documents)
        after = batch[-1].id
    return ReadTexts(documents, wordless)
