"""Nothing is sent to where a stranger must not send us, however it is written, and whatever a name says later."""

import asyncio
from collections.abc import Sequence

import pytest

from holdall.adapters.post import PublicPost, look_up
from holdall.domain.addresses import AddressRefused, choose, parse_networks, parse_target
from holdall.ports import NotSent
from tests.support.hooks import listening


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.0.9",
        "0.0.0.0",  # noqa: S104  refused, not bound
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "203.0.113.5",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "fc00::1",
        "fd12::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str):
    with pytest.raises(AddressRefused):
        choose([address])


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:8.8.8.8"])
def test_a_public_address_is_chosen(address: str):
    assert choose([address]) == address


def test_one_private_address_spoils_a_name_that_has_public_ones_too():
    with pytest.raises(AddressRefused):
        choose(["93.184.215.14", "10.0.0.1"])


def test_an_operator_allows_networks_and_no_more_than_those():
    allowed = parse_networks("10.1.0.0/16, ::1")
    assert choose(["10.1.2.3"], allowed) == "10.1.2.3"
    assert choose(["::ffff:10.1.2.3"], allowed) == "::ffff:10.1.2.3"
    assert choose(["::1"], allowed) == "::1"
    for address in ("10.2.0.1", "127.0.0.1"):
        with pytest.raises(AddressRefused):
            choose([address], allowed)


@pytest.mark.parametrize("text", ["10.1.0.0/33", "localhost", "10.1.2.3/16"])
def test_what_is_no_network_is_no_network(text: str):
    with pytest.raises(ValueError, match=r"\w"):
        parse_networks(text)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.org",
        "ftp://hooks.example.org/",
        "file:///etc/passwd",
        "gopher://hooks.example.org/",
        "http://",
        "http:///x",
        "http://user@hooks.example.org/",
        "http://user:word@hooks.example.org/",
        "http://@hooks.example.org/",
        "http://hooks.example.org:0/",
        "http://hooks.example.org:99999/",
        "http://hooks.example.org:x/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://hooks.example.org\\@127.0.0.1/",
        "http://hooks.example.org/a b",
        "http://hooks.example.org/\r\nHost: x",
        "http://höoks.example.org/",
        "http://hooks.example.org/" + "a" * 2000,
    ],
)
def test_what_is_no_plain_url_is_refused(url: str):
    with pytest.raises(AddressRefused):
        parse_target(url)


def test_a_url_is_taken_apart():
    target = parse_target("https://Hooks.example.org:8443/in?key=1#part")
    assert (target.host, target.port, target.path) == ("hooks.example.org", 8443, "/in?key=1")
    assert target.authority == "hooks.example.org:8443"
    assert parse_target("http://[2606::1]/").authority == "[2606::1]"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://017700000001/",
        "http://127.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://localhost/",
    ],
)
def test_every_way_to_write_this_machine_is_refused_at_registration_and_at_delivery(url: str):
    """Numbers are read by the system's own resolver, as a connection would read them."""
    post = PublicPost()
    with pytest.raises(AddressRefused):
        asyncio.run(post.check(url))
    with pytest.raises(NotSent, match="refused"):
        asyncio.run(post.send(url, {}, b""))


def test_a_name_that_leads_to_a_private_address_is_refused():
    async def lookup(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.215.14", "192.168.7.7"]

    post = PublicPost(lookup=lookup)
    with pytest.raises(AddressRefused, match=r"192\.168\.7\.7"):
        asyncio.run(post.check("https://hooks.example.org/"))


def test_a_name_that_is_not_known_may_be_registered_and_is_not_sent_to():
    async def lookup(_host: str, _port: int) -> Sequence[str]:
        return await look_up("no-such-host.invalid", 80)

    post = PublicPost(lookup=lookup)
    asyncio.run(post.check("http://no-such-host.invalid/"))
    with pytest.raises(NotSent, match="not known"):
        asyncio.run(post.send("http://no-such-host.invalid/", {}, b""))


def test_a_name_is_asked_once_for_each_message_and_the_checked_address_is_connected_to():
    """Rebinding: the first answer is good, every later one leads inside; and the other way round."""
    asked: list[str] = []

    async def lookup(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with listening() as receiver:
        post = PublicPost(parse_networks("127.0.0.1"), lookup)
        url = f"http://hooks.example.org:{receiver.port}/in"
        reply = asyncio.run(post.send(url, {"X-One": "1"}, b"{}"))
        with pytest.raises(NotSent, match=r"refused: it leads to 127\.0\.0\.2"):
            asyncio.run(post.send(url, {}, b"{}"))

    assert (reply.status, reply.excerpt) == (200, "thanks")
    assert asked == ["hooks.example.org"] * 2
    [message] = receiver.messages
    assert message.headers["Host"] == f"hooks.example.org:{receiver.port}"
