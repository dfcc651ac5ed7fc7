"""One try to send a webhook: to the address that was checked, within a time, following nobody elsewhere."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import httpx2

from keepwell.access.webhooks.destination import Destination, Fault, RefusedDestinationError, Resolve, checked, system_resolve

PATIENCE_SECONDS = 15.0  # from the first byte to the last of the answer's headers, however slowly they come
MOST_WAIT_SECONDS = 24 * 3600
AGENT = "Keepwell-Webhooks"


@dataclass(frozen=True)
class Sent:
    """What came of a try. Of the answer nothing is read but its status and when to come again."""

    milliseconds: int
    status: int | None = None
    fault: Fault | None = None
    retry_after_seconds: int | None = None

    @property
    def is_delivered(self) -> bool:
        return self.fault is None


def send(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    allowed: Collection[str],
    resolve: Resolve = system_resolve,
    patience: float = PATIENCE_SECONDS,
) -> Sent:
    """Post the body; whatever happens is told, not raised. ``patience`` is in seconds."""
    began = time.monotonic()

    def sent(status: int | None = None, fault: Fault | None = None, wait: int | None = None) -> Sent:
        return Sent(round((time.monotonic() - began) * 1000), status, fault, wait)

    try:
        status, wait = asyncio.run(_posted(checked(url, allowed, resolve), headers, body, patience))
    except RefusedDestinationError as error:
        return sent(fault=error.fault)
    except (TimeoutError, httpx2.TimeoutException):
        return sent(fault=Fault.TIMEOUT)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
        return sent(fault=Fault.UNREACHABLE)
    if 300 <= status < 400:
        return sent(status, Fault.REDIRECTED)
    return sent(status, None if 200 <= status < 300 else Fault.REFUSED, wait)


async def _posted(to: Destination, headers: Mapping[str, str], body: bytes, patience: float) -> tuple[int, int | None]:
    """The status, and the seconds after which to come again, where the answer says so."""
    own = {"host": to.url.netloc.decode("ascii"), "content-type": "application/json", "user-agent": AGENT}
    # a proxy of the environment would look the name up itself; of the environment only the trusted certificates count
    client = httpx2.AsyncClient(verify=httpx2.create_ssl_context(), timeout=patience, trust_env=False, follow_redirects=False)
    async with asyncio.timeout(patience), client:
        pinned = to.url.copy_with(host=to.address)
        # the certificate must be the name's, not the address's
        request = client.build_request("POST", pinned, headers={**own, **headers}, content=body, extensions={"sni_hostname": to.url.host})
        answer = await client.send(request, stream=True)
        await answer.aclose()
        return answer.status_code, _wait_or_none(answer.headers.get("retry-after", ""))


def _wait_or_none(told: str) -> int | None:
    return min(int(told), MOST_WAIT_SECONDS) if told.isascii() and told.isdecimal() and len(told) < 9 else None
