"""Addresses of other servers."""

import ipaddress
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

IP = IPv4Address | IPv6Address

# beside what the registries call not global: tunnels that carry another address within, what old networks still hold to be local, and
# the one address of a cloud's own services that looks like anybody's
_NOBODYS = tuple(
    ipaddress.ip_network(n)
    for n in ("::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "5f00::/16", "fec0::/10", "192.88.99.0/24", "168.63.129.16/32")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_protected(address: str) -> bool:
    """Whether nobody on the way can read or change what is sent there: HTTPS, or a server on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(str(host))))


def is_public(address: str) -> bool:
    """Whether an IP address is somebody's on the open internet: not this machine's, nor one of a network behind it, nor of nobody.

    An address within another one (IPv4-mapped, NAT64) counts as the one within. What is no IP address is not public.
    """
    found = _ip_or_none(address)
    if found is None:
        return False
    inner = _within(found)
    return inner.is_global and not _is_for_nobody(inner) and not any(inner in n for n in _NOBODYS if n.version == inner.version)


def is_private_host(address: str) -> bool:
    """Whether an IP address may be a server of one's own: of this machine or a private network, but none of many or of the link."""
    found = _ip_or_none(address)
    if found is None:
        return False
    inner = _within(found)
    return (
        not is_public(address) and not _is_for_nobody(inner) and not inner.is_link_local and not (inner.is_reserved and inner.version == 4)
    )


def _ip_or_none(address: str) -> IP | None:
    try:
        # a zone (%eth0) names a network card of this machine
        return None if "%" in address else ipaddress.ip_address(address)
    except ValueError:
        return None


def _within(found: IP) -> IP:
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped
        if found in _NAT64:
            return IPv4Address(found.packed[-4:])
    return found


def _is_for_nobody(found: IP) -> bool:
    return found.is_multicast or found.is_unspecified


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
