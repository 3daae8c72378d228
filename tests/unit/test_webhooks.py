"""Signatures as Standard Webhooks has them, secrets as they are given, and how long is waited."""

from datetime import timedelta

import pytest

from holdall.adapters.vault import SealedSecrets
from holdall.domain.webhooks import (
    LONGEST_WAIT,
    MAX_TRIES,
    body_signature,
    next_wait,
    parse_secret,
    signature,
    write_secret,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  a published one
"""With the id, time and body below: the vector of the specification and of its reference libraries."""
ID, TIME, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'


def test_the_reference_vector_of_standard_webhooks():
    signed = signature(parse_secret(SECRET), ID, TIME, BODY)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_any_of_id_time_and_body_changes_the_signature():
    key = parse_secret(SECRET)
    others = [(ID + "x", TIME, BODY), (ID, TIME + 1, BODY), (ID, TIME, BODY + b" ")]
    assert len({signature(key, *each) for each in [(ID, TIME, BODY), *others]}) == 4


def test_the_signature_of_the_body_alone_is_plain_hmac():
    """RFC 4231, test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert body_signature(b"Jefe", b"what do ya want for nothing?") == f"sha256={expected}"


def test_a_secret_without_the_prefix_is_its_own_bytes():
    assert parse_secret("Jefe") == b"Jefe"
    assert parse_secret(write_secret(b"k" * 32)) == b"k" * 32


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_?", "whsec_abc", "x" * 257])
def test_what_is_no_secret_is_refused(secret: str):
    with pytest.raises(ValueError, match=r"\w"):
        parse_secret(secret)


def test_waits_grow_over_a_day_and_then_end():
    waits = [next_wait(tries, 0.5) for tries in range(1, MAX_TRIES)]
    known = [wait for wait in waits if wait is not None]
    assert known == sorted(known)
    assert (known[0], known[1]) == (timedelta(seconds=5), timedelta(seconds=30))
    assert timedelta(hours=20) < sum(known, timedelta()) < timedelta(hours=30)
    assert next_wait(MAX_TRIES, 0.5) is None


def test_waits_differ_by_chance_and_grant_what_is_asked_for():
    assert next_wait(2, 0.0) == timedelta(seconds=24)
    assert next_wait(2, 1.0) == timedelta(seconds=36)
    assert next_wait(1, 0.5, timedelta(minutes=10)) == timedelta(minutes=10)
    assert next_wait(1, 0.5, timedelta(days=400)) == LONGEST_WAIT


def test_a_sealed_secret_opens_for_its_owner_and_key_alone():
    vault = SealedSecrets(b"house" * 8)
    sealed = vault.seal(b"secret", "owhA")
    assert "secret" not in sealed
    assert sealed != vault.seal(b"secret", "owhA")
    assert SealedSecrets(b"house" * 8).unseal(sealed, "owhA") == b"secret"
    for other, owner in ((vault, "owhB"), (SealedSecrets(b"other" * 8), "owhA")):
        with pytest.raises(ValueError, match="does not open"):
            other.unseal(sealed, owner)
