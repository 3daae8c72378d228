"""Where clients may be led to: the setting, and a start that refuses a bad one."""

import asyncio
from pathlib import Path

import pytest

from holdall.bootstrap import open_edge
from holdall.settings import Settings, SettingsError
from holdall.web.elsewhere import parse_public_endpoint

SITE = "https://files.example.org"


@pytest.mark.parametrize(
    ("text", "site", "expected"),
    [
        ("https://S3.example.org:443/", SITE, "https://s3.example.org"),
        ("http://s3.example.org:8333", "http://127.0.0.1:8000", "http://s3.example.org:8333"),
    ],
)
def test_an_endpoint(text: str, site: str, expected: str):
    assert parse_public_endpoint(text, site) == expected


@pytest.mark.parametrize(
    "text",
    [
        "s3.example.org",
        "ftp://s3.example.org",
        "https://s3.example.org/path",
        "https://me:secret@s3.example.org",
        "https://files.example.org",
        "https://FILES.example.org:8443",
        "http://s3.example.org",
    ],
)
def test_an_endpoint_that_is_none(text: str):
    """Nor one of our own host, whatever its port, where strangers' files would be our pages; nor one in the clear."""
    with pytest.raises(ValueError, match="example"):
        parse_public_endpoint(text, SITE)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"s3_bucket": "files"},
        {"s3_public_endpoint": "https://s3.example.org"},
        {"s3_bucket": "files", "s3_public_endpoint": "nonsense"},
    ],
)
def test_no_start_with_nowhere_to_lead_to(tmp_path: Path, given: dict[str, str]):
    async def story() -> None:
        async with open_edge(Settings(data_dir=str(tmp_path), s3_redirect_from=1, **given)):
            pass

    with pytest.raises(SettingsError, match="HOLDALL_S3_"):
        asyncio.run(story())
