"""Links that need no header."""

from urllib.parse import parse_qs, urlsplit

import pytest

from holdall.domain.files import Blob, BlobState, Purpose, Upload
from holdall.web.links import Links
from tests.support.rows import NOW

LINKS = Links("https://files.example.test", b"secret", ttl_seconds=400)
PATH = "openapi/abc.png"
BLOB = Blob(1, 1, "00/" + "0" * 32, "0" * 64, 3, "image/png", BlobState.READY)
UPLOAD = Upload(1, "att", 1, 1, BLOB, "me.png", PATH, Purpose(), NOW)
BEGAN = 1_000_000.0


def signed() -> tuple[str, str]:
    """Expiry and signature of a link made at ``BEGAN``."""
    query = parse_qs(urlsplit(LINKS.signed(UPLOAD, BEGAN)).query)
    return query["e"][0], query["s"][0]


def test_a_signed_link_ends():
    """After its lifetime at the least, and a quarter of it later at the most."""
    expires, signature = signed()
    lasts = int(expires) - BEGAN

    assert 400 <= lasts <= 500
    assert LINKS.is_valid(PATH, "", expires, signature, int(expires) - 1)
    assert not LINKS.is_valid(PATH, "", expires, signature, int(expires))


def test_a_signed_link_is_bound_to_file_variant_expiry_and_installation():
    expires, signature = signed()
    at = BEGAN + 1

    assert not LINKS.is_valid("openapi/abd.png", "", expires, signature, at)
    assert not LINKS.is_valid(PATH, "thumb256", expires, signature, at)
    assert not LINKS.is_valid(PATH, "", str(int(expires) + 1), signature, at)
    assert not Links(LINKS.site_url, b"other", 400).is_valid(PATH, "", expires, signature, at)


@pytest.mark.parametrize("place", range(22))
def test_a_signature_that_differs_anywhere_is_refused(place: int):
    expires, signature = signed()
    changed = signature[:place] + ("A" if signature[place] != "A" else "B") + signature[place + 1 :]

    assert len(signature) == 22
    assert not LINKS.is_valid(PATH, "", expires, changed, BEGAN + 1)


@pytest.mark.parametrize("expires", ["", "-1", "1e9", "9" * 13, "\u0661", " 1", "1\n"])
def test_an_expiry_that_is_no_number_is_refused(expires: str):
    assert not LINKS.is_valid(PATH, "", expires, signed()[1], BEGAN)
