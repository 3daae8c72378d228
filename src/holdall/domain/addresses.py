"""Where the server may be sent by those who use it: addresses of the public internet, and networks an operator allows.

Names say nothing, and numbers are written in many ways (``0x7f.1``, ``2130706433``, ``::ffff:127.0.0.1``): what is
judged is the address that a connection would go to, after everything has been looked up (OWASP ASVS 1.3.6, CWE-918).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
MAX_URL_LENGTH = 2000
_PORTS = {"http": 80, "https": 443}
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "64:ff9b:1::/48",
        "2001::/23",
        "fec0::/10",
    )
)
"""What some versions of Python take for global, and is not (the registries of RFC 6890)."""
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(ValueError):  # noqa: N818  as in ``errors``
    """A URL or an address that nothing is sent to; the message says why, to the one who asked for it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart."""

    scheme: str
    host: str
    """In ASCII, without brackets."""
    port: int
    path: str
    """With its query."""

    @property
    def authority(self) -> str:
        """What a Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """Take an http or https URL apart.

    Raises:
        AddressRefused: it is none, or has in it what does not belong there.

    """
    if len(url) > MAX_URL_LENGTH:
        raise AddressRefused(f"it has more than {MAX_URL_LENGTH} characters")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise AddressRefused("it has a character in it that a URL cannot have; write others than ASCII percent-encoded")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused("it is no URL") from error
    if parts.scheme not in _PORTS or not host:
        raise AddressRefused("it is no URL of http or https")
    if "@" in parts.netloc:
        raise AddressRefused("it has a user's name or password in it")
    if "%" in host or port == 0:
        raise AddressRefused("its host or port is none")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks between commas: ``10.1.0.0/16, ::1``.

    Raises:
        ValueError: one is none.

    """
    return tuple(ip_network(word.strip()) for word in text.split(",") if word.strip())


def choose(addresses: Iterable[str], allowed: Sequence[Network] = ()) -> str:
    """The address to connect to, of those that a name leads to. One bad one spoils them all: the name is no good.

    Raises:
        AddressRefused: one of them is not public, and in no allowed network; or there is none.

    """
    found = [*addresses]
    for address in found:
        if not _is_allowed(_parsed(address), allowed):
            raise AddressRefused(f"it leads to {address}, which is no public address and not allowed here")
    if not found:
        raise AddressRefused("its host has no address")
    return found[0]


def _is_allowed(address: IPv4Address | IPv6Address, allowed: Sequence[Network]) -> bool:
    inner = _inner(address)
    return _is_public(inner) or any(each in network for network in allowed for each in (address, inner))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    is_odd = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not is_odd


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, or itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64 or 1 < int(address) < 1 << 32:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _parsed(address: str) -> IPv4Address | IPv6Address:
    return ip_address(address.partition("%")[0])
