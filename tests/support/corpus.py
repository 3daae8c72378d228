"""The folder of real files: ``HOLDALL_CORPUS``, else ``../shared/corpus`` beside the checkout."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[3] / "shared" / "corpus"
CORPUS = Path(os.environ.get("HOLDALL_CORPUS", _BESIDE))


def corpus(part: str) -> list[Path]:
    """The files of ``good`` or ``hostile``, in order; skips the test, saying so, where there is no corpus."""
    folder = CORPUS / part
    if not folder.is_dir():
        pytest.skip("no corpus: set HOLDALL_CORPUS to a folder with good/ and hostile/")
    return sorted(folder.iterdir())
