"""One message to one channel, by apprise, which knows the services."""

import io
import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from keepwell.access.webhooks.destination import RefusedDestinationError, Resolve, allowed_hosts, checked, system_resolve
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.settings import Settings
from keepwell.performance.schedules.channels import SERVICES, service_of
from keepwell.performance.schedules.messages import Answer, Fault

if TYPE_CHECKING:
    from apprise.plugins import NotifyBase

MOST_TEXT = 3_000  # characters: what the strictest of the services takes
# where the address itself says which server is written to
_OWN_HOSTS = ("custom", "teams")
_STATUS = re.compile(r"error=(?:HTTP )?([1-5][0-9]{2})")


def check_address(settings: Settings, address: str, resolve: Resolve = system_resolve) -> str:
    """The service that the address belongs to. Raises where it is none, is malformed, or leads where nothing may be sent."""
    service = service_of(address)
    _check_host(settings, service, address, resolve)
    if _notifier_or_none(address) is None:
        raise WrongUseError("The address of the channel is incomplete.", f"See how apprise writes {SERVICES[service][0]}://.")
    return service


def send_to_channel(settings: Settings, address: str, title: str, text: str, hand_over: Callable[[], bool]) -> Answer | None:
    """Write to a channel; whatever happens is told, not raised. None where ``hand_over`` said no.

    ``hand_over`` is called before the service is. A service that answers with a status has refused; where there was no answer, nobody knows.
    """
    from apprise import LogCapture, NotifyFormat  # noqa: PLC0415 - see _notifier_or_none

    try:
        _check_host(settings, service_of(address), address, system_resolve)
        found = _notifier_or_none(address)
    except RefusedDestinationError as error:
        return Answer(Fault.UNREACHABLE, error.message)
    except KeepwellError as error:
        return Answer(Fault.REFUSED, error.message, is_final=True)
    if found is None:
        return Answer(Fault.REFUSED, "the address is incomplete", is_final=True)
    if not hand_over():
        return None
    with LogCapture(level=logging.WARNING) as told:  # type: ignore[no-untyped-call]  # it has no types there
        is_there = bool(found.notify(body=text[:MOST_TEXT], title=title, body_format=NotifyFormat.TEXT))
    return Answer() if is_there else _failed(told)


def _notifier_or_none(address: str) -> "NotifyBase | None":
    """The service behind the address. It follows nobody elsewhere and tries once, whatever the address asks for."""
    # it takes half a second to load
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - see above

    found = Apprise.instantiate(address, asset=AppriseAsset(secure_logging=True), suppress_exceptions=True)
    if found is not None:
        found.redirects, found.retry = False, 0
    return found


def _failed(told: io.StringIO) -> Answer:
    status = _STATUS.search(told.getvalue())
    if status is None:
        return Answer(Fault.BROKEN_OFF, "the service did not answer")
    return Answer(Fault.REFUSED, f"status {status[1]}")


def _check_host(settings: Settings, service: str, address: str, resolve: Resolve) -> None:
    if service not in _OWN_HOSTS:
        return
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise WrongUseError("The address of the channel is malformed.", "Check its host and its port.") from error
    known = allowed_hosts(settings.webhook_hosts)
    if service == "custom" and host.lower() not in known:
        raise WrongUseError(f"{host} is not among webhook_hosts.", "An administrator names it there, in keepwell.toml.")
    scheme = "http" if parts.scheme.lower() == "json" else "https"
    checked(f"{scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}/", known, resolve)
