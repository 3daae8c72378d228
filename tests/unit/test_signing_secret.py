"""The key that links are signed with."""

import stat
from pathlib import Path

import pytest

from holdall.bootstrap import SECRET_LENGTH, signing_secret
from holdall.settings import Settings, SettingsError


def test_a_key_is_made_once_and_kept_to_ourselves(tmp_path: Path):
    """Nothing else is left in the folder."""
    settings = Settings(data_dir=str(tmp_path))

    first, second = signing_secret(settings), signing_secret(settings)

    assert first == second
    assert len(first) == SECRET_LENGTH
    assert {"secret.key": 0o600} == {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}


def test_two_installations_have_two_keys(tmp_path: Path):
    """A link of one says nothing to the other."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()

    assert len({signing_secret(Settings(data_dir=str(folder))) for folder in folders}) == 2


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_damaged_key_is_refused(tmp_path: Path, content: bytes):
    """Whoever knows that it is empty could sign any link."""
    (tmp_path / "secret.key").write_bytes(content)

    with pytest.raises(SettingsError, match=r"secret\.key is damaged"):
        signing_secret(Settings(data_dir=str(tmp_path)))


def test_a_key_that_is_set_is_used(tmp_path: Path):
    """And none is made."""
    settings = Settings(data_dir=str(tmp_path), secret_key="of many nodes")  # noqa: S106  of a test

    assert signing_secret(settings) == b"of many nodes"
    assert not list(tmp_path.iterdir())
