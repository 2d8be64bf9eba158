"""The address of the client of a request, which a proxy in front may tell (RFC 7239).

Only a proxy that the administrator trusts is believed, and of what it sends only what trusted proxies have appended:
addresses are read from the right, and the first that is not trusted is the client's. Whatever stands further to the
left may be the client's invention.
"""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, TypeAlias

from litestar.types import HTTPScope

from crm_http.headers.request_headers import headers_of
from crm_http.settings import Network

Address: TypeAlias = IPv4Address | IPv6Address

#: The IPv4 addresses as IPv6 ones.
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_SCHEMES: Final = frozenset({"http", "https"})
#: How many requests' headers are remembered with the address that they gave.
_REMEMBERED: Final = 4_096

#: A pair of ``Forwarded`` and what ends it. Values may be unquoted that RFC 7239 wants in quotes, as some proxies do.
_PAIR = re.compile(rb'[ \t]*(?:([\w!#$%&\'*+.^`|~-]+)=("(?:[^"\\]|\\.)*"|[^ \t",;]+))?[ \t]*([;,]|$)')
#: A node: an address, or one in brackets, and perhaps a port.
_NODE = re.compile(r"(?:\[([^\]]*)\]|([0-9.]+))(?::[0-9A-Za-z._-]+)?")


class ClientAddresses:
    """Finds the addresses of clients.

    Args:
        trusted: the networks of the proxies that are believed.
    """

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(map(_unmapped, trusted))
        self._find = lru_cache(_REMEMBERED)(self._find_uncached)
        self._believes = lru_cache(_REMEMBERED)(self._believes_uncached)

    def of(self, scope: HTTPScope) -> str:
        """Return the address of a request's client in its usual form; empty for a client that has none."""
        client = scope.get("client")
        peer = client[0] if client else ""
        if not self._trusted:
            return self._find(peer, b"", b"")
        headers = headers_of(scope)
        return self._find(peer, headers.get(b"forwarded", b""), headers.get(b"x-forwarded-for", b""))

    def scheme(self, scope: HTTPScope) -> str:
        """Return the scheme by which the client asks; a trusted proxy may tell that by ``X-Forwarded-Proto``."""
        own = str(scope.get("scheme", "http"))
        client = scope.get("client")
        if not (self._trusted and client and self._believes(client[0])):
            return own
        sent = headers_of(scope).get(b"x-forwarded-proto", b"")
        nearest = sent.decode("latin-1").rpartition(",")[2].strip().lower()
        return nearest if nearest in _SCHEMES else own

    def _believes_uncached(self, peer: str) -> bool:
        address = read_node(peer)
        return address is not None and self._is_trusted(address)

    def _find_uncached(self, peer: str, forwarded: bytes, x_forwarded_for: bytes) -> str:
        address = read_node(peer)
        if address is None:
            return ""
        told = [hops for hops in (forwarded_nodes(forwarded), x_forwarded_for_nodes(x_forwarded_for)) if hops]
        found = {self._client(address, hops) for hops in told}
        # Two headers that differ: one was passed on as the client sent it, and which one cannot be known.
        return str(found.pop() if len(found) == 1 else address)

    def _client(self, peer: Address, hops: Sequence[Address | None]) -> Address:
        """Return the first address from the right that is not trusted, or else the last before one that is unknown."""
        nearest = peer
        for hop in reversed(hops):
            if hop is None or not self._is_trusted(nearest):
                break
            nearest = hop
        return nearest

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def read_node(text: str) -> Address | None:
    """Return the address of a node, which may have brackets, a port and a zone; None for what has no address.

    An IPv4 address that is written as an IPv6 one is an IPv4 address.
    """
    match = _NODE.fullmatch(text.strip())
    try:
        address = ipaddress.ip_address((match[1] or match[2] if match else text.strip()).partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def x_forwarded_for_nodes(header: bytes) -> Sequence[Address | None]:
    """Return the nodes of ``X-Forwarded-For``; None stands for each that has no address."""
    return [read_node(part) for part in header.decode("latin-1").split(",") if part.strip()]


def forwarded_nodes(header: bytes) -> Sequence[Address | None]:
    """Return the ``for`` of each element of ``Forwarded``; None for those without an address.

    Of a header that is malformed nothing is known: in a quoted text that does not end, commas mean something else.
    """
    nodes: list[Address | None] = []
    position, node, is_empty = 0, None, True
    while position < len(header):
        if not (match := _PAIR.match(header, position)):
            return [None]
        name, value, end = match.groups()
        position = match.end()
        if name is not None:
            is_empty = False
            node = read_node(_unquoted(value)) if name.lower() == b"for" else node
        if (end == b"," or position == len(header)) and not is_empty:
            nodes.append(node)
            node, is_empty = None, True
    return nodes


def _unmapped(network: Network) -> Network:
    """Return a network of IPv4 addresses written as IPv6 ones as what it is."""
    if not isinstance(network, IPv6Network) or not network.subnet_of(_MAPPED):
        return network
    return IPv4Network((int(network.network_address) % 2**32, network.prefixlen - _MAPPED.prefixlen))


def _unquoted(value: bytes) -> str:
    text = value.decode("latin-1")
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
