"""Addresses of other servers."""

import ipaddress
from urllib.parse import urlsplit


def is_protected(address: str) -> bool:
    """Whether nobody on the way can read or change what is sent there: HTTPS, or a server on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(str(host))))


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
