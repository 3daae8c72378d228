"""Who really called: ``X-Forwarded-…`` is believed from the proxies that an operator named, and from nobody else.

Anybody can send such a header. A proxy adds the address that it was called from at the right end, so the list is read
from there: the first address that is not one of our proxies is the client's, and all to its left is hearsay.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

_Address = IPv4Address | IPv6Address
_SCHEMES = (b"http", b"https")


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks that our own proxies call from; none: we are called directly."""

    networks: Sequence[IPv4Network | IPv6Network] = ()

    def called(self, scope: Scope) -> bool:
        """Whether the connection comes from one of our proxies."""
        return bool(self.networks) and self._is_ours(_parse(_peer(scope)))

    def see_through(self, scope: Scope) -> Scope:
        """The request as the client sent it to the outermost proxy: its address, its scheme, the host it asked for.

        All that comes after (limits, logs, the check of origins) reads these, and never the headers.
        """
        if not self.called(scope):
            return scope
        headers = scope["headers"]
        seen = {**scope}
        client = self._client(_values(headers, b"x-forwarded-for"))
        if client is not None:
            seen["client"] = (str(client), 0)
        scheme = _last(_values(headers, b"x-forwarded-proto"))
        if scheme in _SCHEMES:
            seen["scheme"] = scheme.decode()
        host = _last(_values(headers, b"x-forwarded-host"))
        if host:
            seen["headers"] = [(b"host", host), *((name, value) for name, value in headers if name != b"host")]
        return seen

    def _client(self, forwarded: Sequence[bytes]) -> _Address | None:
        """From the right, past our own proxies; a word that is no address ends the search where it stands."""
        client = None
        for word in reversed(forwarded):
            address = _parse(word.decode("latin-1"))
            if address is None:
                break
            client = address
            if not self._is_ours(address):
                break
        return client

    def _is_ours(self, address: _Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)


def parse_proxies(text: str) -> Proxies:
    """Addresses and networks, apart by commas or blanks.

    Raises:
        ValueError: one of them is neither.

    """
    return Proxies(tuple(ip_network(word) for word in text.replace(",", " ").split()))


def _peer(scope: Scope) -> str:
    """Whom the connection is to."""
    client = scope.get("client")
    return client[0] if client else ""


def _parse(text: str) -> _Address | None:
    """An address as proxies write it: bare, with a port, in brackets; an IPv4 one in an IPv6 coat is an IPv4 one."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """The list that a header is, over all of its lines."""
    return [part.strip() for key, value in headers if key == name for part in value.split(b",")]


def _last(values: Sequence[bytes]) -> bytes:
    """What the proxy next to us said."""
    return values[-1] if values else b""
