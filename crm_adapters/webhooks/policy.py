"""The policy for URLs that users name: public addresses may be called, and those that an administrator allows."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Final, TypeAlias, TypeVar

from ssrfguard import DEFAULT_DENIED, AddressTable, Block, Policy, Reach

Network: TypeAlias = IPv4Network | IPv6Network
_N = TypeVar("_N", IPv4Network, IPv6Network)

_LOOPBACK: Final[tuple[Network, ...]] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

# Reachable from inside Azure only, although it looks public: its metadata and the keys of virtual machines.
_WIRE_SERVER: Final = IPv4Network("168.63.129.16/32")
_DENIED: Final = AddressTable(
    (*DEFAULT_DENIED.blocks, Block(_WIRE_SERVER, "Cloud metadata (Azure WireServer)", "Azure", Reach.DENIED))
)

# Networks that must be allowed by themselves, not by a wider network: link-local addresses, the metadata services of
# clouds, and the prefixes that embed an IPv4 address, which must be decoded before it can be checked.
_EXPLICIT_4: Final = (
    IPv4Network("169.254.0.0/16"),
    IPv4Network("100.100.100.200/32"),  # Alibaba Cloud
    IPv4Network("192.0.0.192/32"),  # Oracle Cloud
    _WIRE_SERVER,
)
_EXPLICIT_6: Final = (
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::254/128"),  # Amazon
    IPv6Network("fd20:ce::254/128"),  # Google
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0/96"),
    IPv6Network("64:ff9b::/96"),
    IPv6Network("2001::/32"),
    IPv6Network("2002::/16"),
)

_PORTS: Final = frozenset(range(1, 65_536))
_MAX_URL_LENGTH: Final = 65_536


def policy_of(allow: Sequence[Network] = (), *, allow_loopback: bool = False) -> Policy:
    """Return the policy: http and https, any port, public addresses and the allowed ones.

    Link-local addresses and the metadata services of clouds are refused unless `allow` has a network within theirs; a
    wider network does not open them.

    Args:
        allow: networks that may be called although they are not public.
        allow_loopback: whether 127.0.0.0/8 and ::1 may be.

    Raises:
        ValueError: a network in `allow` is a prefix that carries IPv4 addresses, such as 64:ff9b::/96 (RFC 6052).
    """
    opened = [part for network in allow for part in _opened(network)]
    return Policy(
        denied_networks=_DENIED,
        allowed_networks=(*opened, *(_LOOPBACK if allow_loopback else ())),
        allowed_ports=_PORTS,
        max_url_length=_MAX_URL_LENGTH,
    )


def _opened(network: Network) -> Sequence[Network]:
    if isinstance(network, IPv4Network):
        return _without(network, _EXPLICIT_4)
    return _without(network, _EXPLICIT_6)


def _without(network: _N, holes: Iterable[_N]) -> list[_N]:
    """Return a network without the holes inside it; a network that equals a hole, or is inside one, is unchanged."""
    parts = [network]
    for hole in holes:
        parts = [piece for part in parts for piece in (part.address_exclude(hole) if _holds(part, hole) else (part,))]
    return parts


def _holds(network: _N, hole: _N) -> bool:
    return network.supernet_of(hole) and network != hole


def opens_metadata(network: Network) -> bool:
    """Return whether allowing a network opens link-local addresses or metadata services."""
    if isinstance(network, IPv4Network):
        return any(network.subnet_of(hole) for hole in _EXPLICIT_4)
    return any(network.subnet_of(hole) for hole in _EXPLICIT_6)
