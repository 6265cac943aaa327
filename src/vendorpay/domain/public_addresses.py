"""Which network addresses are everybody's: only to these does the service send what strangers asked for.

An address may carry another one inside it (IPv4 in IPv6 in several ways); then the inner one must be public, too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What no Python version may count as global, whatever its tables say (RFC 6890, 6598, 3927, 9637); what any network may
# serve by itself (RFC 7534, 7535, 7450); and where Azure's machines find their host.
_REFUSED: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            *("192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24", "168.63.129.16/32"),
            *("2001:db8::/32", "3fff::/20", "2620:4f:8000::/48"),
        ),
    )
)
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All that IPv6 has given out to the public; what is outside is private, local, multicast, or nobody's yet."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_BITS: Final = 0xFFFFFFFF
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""How the interface's half of an ISATAP address begins (RFC 5214)."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network; False for what is no address, or has a zone."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.scope_id is not None:
        return False
    tunnelled = _tunnelled(found)
    if tunnelled is not None and not _is_public(tunnelled):
        return False
    inner = list(_within(found))
    return all(map(_is_public, inner)) if inner else _is_public(found)


def _is_public(address: Address) -> bool:
    refused = any(address in network for network in _REFUSED if network.version == address.version)
    given_out = isinstance(address, ipaddress.IPv4Address) or address in _UNICAST
    return address.is_global and given_out and not address.is_multicast and not refused


def _tunnelled(address: Address) -> Address | None:
    """The IPv4 address at the end of an ISATAP one, to which a router of its network may pass on what comes."""
    if isinstance(address, ipaddress.IPv4Address) or int(address) >> 32 & _IPV4_BITS not in _ISATAP:
        return None
    return ipaddress.IPv4Address(int(address) & _IPV4_BITS)


def _within(address: Address) -> Iterator[Address]:
    """The IPv4 addresses that an IPv6 one stands for: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & _IPV4_BITS)
