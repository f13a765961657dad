"""Addresses that no model, judge or embedding service is asked at: a cloud tells its credentials there."""

import ipaddress
import socket

from aiohappyeyeballs import AddrInfoType

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

FORBIDDEN = [
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local, RFC 3927; metadata of AWS, Azure, Google and others
        "fe80::/10",  # link-local, RFC 4291
        "fd00:ec2::/32",  # metadata of AWS
        "fd20:ce::254/128",  # metadata of Google
        "100.100.100.200/32",  # metadata of Alibaba
    )
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def is_forbidden(address: str) -> bool:
    """Tell whether an IP address is one of those, or leads to one; what is no address is none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(one in network for one in (found, *_within(found)) for network in FORBIDDEN)


def is_forbidden_host(host: str) -> bool:
    """Tell whether a host of an address is one of those, in any spelling that the system reads as a number."""
    try:
        return is_forbidden(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, UnicodeError, ValueError):
        return is_forbidden(host)


def allowed(addresses: list[AddrInfoType]) -> list[AddrInfoType]:
    """Keep what may be connected to, of what a name was resolved to."""
    return [one for one in addresses if not is_forbidden(str(one[4][0]))]


def _within(address: Address) -> list[ipaddress.IPv4Address]:
    """Give the IPv4 addresses that an IPv6 address carries: mapped, 6to4, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    carried = [address.ipv4_mapped, address.sixtofour]
    if address in _NAT64:
        carried.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in carried if one]
