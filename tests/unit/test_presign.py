"""Signed URLs against the worked example of the scheme's own documentation."""

from datetime import UTC, datetime

from holdall.adapters.blobs.presign import Signer

EXAMPLE = Signer(
    "https://examplebucket.s3.amazonaws.com",
    "us-east-1",
    "",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)
MAY = datetime(2013, 5, 24, tzinfo=UTC)


def test_the_example_of_the_documentation():
    url = EXAMPLE.sign("GET", "test.txt", {}, MAY, 86_400)
    assert url == (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_a_secret_is_not_shown():
    assert "wJalr" not in repr(EXAMPLE)


def test_what_is_asked_is_spelled_out_and_sorted():
    signer = Signer("http://store.test:8333", "eu", "box", "me", "secret")
    url = signer.sign("GET", "ab/cd", {"response-content-disposition": 'attachment; filename="a b+ü"'}, MAY, 60)
    assert url.startswith("http://store.test:8333/box/ab/cd?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert "response-content-disposition=attachment%3B%20filename%3D%22a%20b%2B%C3%BC%22&X-Amz-Signature=" in url
