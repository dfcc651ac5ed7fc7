"""Where a webhook may be sent: over HTTPS to a public address, or to a host that the workspace allows by name."""

import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import httpx2

from keepwell.core.addresses import is_private_host, is_public
from keepwell.core.errors import WrongUseError

MOST_URL = 1_000
# the addresses of a name; raises OSError where it has none
Resolve = Callable[[str, int], Sequence[str]]


class Fault(StrEnum):
    """Why nothing was sent, or nothing came back."""

    MALFORMED = "malformed"
    INSECURE = "insecure"  # neither https nor allowed by name
    UNRESOLVED = "unresolved"
    PRIVATE = "private"
    REDIRECTED = "redirected"  # which is not followed
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    SEALED = "sealed"  # our secret can't be opened
    REFUSED = "refused"  # any other status than 2xx


class RefusedDestinationError(WrongUseError):
    """Nothing is sent there."""

    def __init__(self, fault: Fault, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.fault = fault


@dataclass(frozen=True)
class Destination:
    """A URL that was checked, and the very address to connect to: asked again, its name might lead elsewhere."""

    url: httpx2.URL
    address: str


def system_resolve(host: str, port: int) -> Sequence[str]:
    """What this machine's resolver says; old ways to write an address (``127.1``, ``0x7f000001``) are addresses here too."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def allowed_hosts(setting: str) -> frozenset[str]:
    """The hosts of ``webhook_hosts``, by commas."""
    return frozenset(h for part in setting.split(",") if (h := part.strip().lower().strip("[]")))


def checked(written: str, allowed: Collection[str], resolve: Resolve = system_resolve) -> Destination:
    """Where that URL leads now. Raises :class:`RefusedDestinationError`.

    Every address of the name must be public; of a host that is ``allowed`` by name also of this machine or of a private network.
    """
    url = _url(written)
    is_allowed = url.host.lower() in allowed
    if url.scheme != "https" and not is_allowed:
        raise RefusedDestinationError(Fault.INSECURE, f"{_shown(url)} does not begin with https://.", "Give an address that does.")
    try:
        found = resolve(url.host, url.port or (443 if url.scheme == "https" else 80))
    except (OSError, UnicodeError) as error:
        raise RefusedDestinationError(Fault.UNRESOLVED, f"{url.host} has no address.", "Check how it is written.") from error
    if not found or not all(is_public(a) or (is_allowed and is_private_host(a)) for a in found):
        raise RefusedDestinationError(
            Fault.PRIVATE,
            f"{url.host} is not on the open internet.",
            "To send within your own network, an administrator names the host in webhook_hosts of keepwell.toml.",
        )
    return Destination(url, found[0])


def _url(written: str) -> httpx2.URL:
    try:
        url = httpx2.URL(written.strip())
    except httpx2.InvalidURL as error:
        raise _malformed(written) from error
    is_whole = url.scheme in {"http", "https"} and url.host and not url.fragment and not url.userinfo
    if not is_whole or len(written) > MOST_URL or "%" in url.host:
        raise _malformed(written)
    return url


def _malformed(written: str) -> RefusedDestinationError:
    # an address may hold a password, so it is not repeated
    del written
    return RefusedDestinationError(
        Fault.MALFORMED, "This is no address for webhooks.", "It is like https://example.com/hooks, without a user, a password or a #."
    )


def _shown(url: httpx2.URL) -> str:
    return f"{url.scheme}://{url.host}"
