"""Whom a request is from, seen through proxies; and nothing is believed of anybody else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.web.proxies import Proxies, parse_proxies

OURS = "127.0.0.1, 10.0.0.0/8 2001:db8:ffff::/48"
FORWARDED = b"x-forwarded-for"


def seen(peer: str, *headers: tuple[bytes, bytes], proxies: str = OURS) -> tuple[str, str, str]:
    """Address, scheme, host."""
    scope: dict[str, Any] = {
        "client": (peer, 4711),
        "scheme": "http",
        "headers": [(b"host", b"inner.example"), *headers],
    }
    through = parse_proxies(proxies).see_through(scope)
    assert scope["client"] == (peer, 4711)
    [host] = [value for name, value in through["headers"] if name == b"host"]
    return through["client"][0], through["scheme"], host.decode("latin-1")


@pytest.mark.parametrize(
    ("peer", "lines", "client"),
    [
        ("10.1.2.3", [b"203.0.113.7"], "203.0.113.7"),
        ("10.1.2.3", [b"203.0.113.7, 10.9.9.9, 127.0.0.1"], "203.0.113.7"),
        ("10.1.2.3", [b"203.0.113.7", b"10.9.9.9"], "203.0.113.7"),
        ("10.1.2.3", [b"1.2.3.4, 203.0.113.7"], "203.0.113.7"),
        ("10.1.2.3", [b"10.6.6.6, 203.0.113.7, 10.9.9.9"], "203.0.113.7"),
        ("10.1.2.3", [b"10.7.7.7, 10.8.8.8"], "10.7.7.7"),
        ("10.1.2.3", [b"203.0.113.7:5555"], "203.0.113.7"),
        ("10.1.2.3", [b'"[2001:db8::7]:5555"'], "2001:db8::7"),
        ("10.1.2.3", [b"2001:db8::7, 2001:db8:ffff::1"], "2001:db8::7"),
        ("::ffff:10.1.2.3", [b"::ffff:203.0.113.7"], "203.0.113.7"),
        ("10.1.2.3", [b"203.0.113.7, nonsense, 10.9.9.9"], "10.9.9.9"),
        ("10.1.2.3", [b"unknown"], "10.1.2.3"),
        ("10.1.2.3", [b""], "10.1.2.3"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("203.0.113.9", [b"1.2.3.4"], "203.0.113.9"),
        ("203.0.113.9", [b"127.0.0.1"], "203.0.113.9"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours(peer: str, lines: list[bytes], client: str):
    """What stands left of it anybody may have written."""
    assert seen(peer, *((FORWARDED, line) for line in lines))[0] == client


def test_scheme_and_host_are_believed_from_our_proxies_only():
    """The last word of a list is that of the proxy next to us."""
    headers = ((b"x-forwarded-proto", b"ftp, https"), (b"x-forwarded-host", b"evil.example, outer.example"))
    assert seen("10.0.0.1", *headers) == ("10.0.0.1", "https", "outer.example")
    assert seen("203.0.113.9", *headers) == ("203.0.113.9", "http", "inner.example")
    assert seen("10.0.0.1", (b"x-forwarded-proto", b"javascript"))[1] == "http"


def test_by_default_nobody_is_believed():
    """Not even this machine."""
    assert seen("127.0.0.1", (FORWARDED, b"1.2.3.4"), proxies="")[0] == "127.0.0.1"
    assert Proxies() == parse_proxies("")


def test_a_request_from_no_address_is_left_as_it_is():
    """From a socket of this machine."""
    scope = {"client": None, "scheme": "http", "headers": [(FORWARDED, b"1.2.3.4")]}
    assert parse_proxies(OURS).see_through(scope) is scope


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/33", "10.0.0.1/8", "*", "300.1.1.1"])
def test_what_is_no_network_is_refused(text: str):
    """At the start, by the setting's name (see ``test_origins``)."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_proxies(text)


@given(st.binary(max_size=200))
def test_no_header_breaks_it_and_none_makes_a_proxy_of_ours_up(value: bytes):
    """Whatever bytes come."""
    client = seen("10.0.0.1", (FORWARDED, value + b", 203.0.113.7"))[0]
    assert client == "203.0.113.7"
    seen("10.0.0.1", (FORWARDED, value), (b"x-forwarded-proto", value), (b"x-forwarded-host", b"x" + value))
