"""Events in from systems that sign what they send (Standard Webhooks): no token, but a secret that both sides know."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from keepwell.access import audit
from keepwell.access.audit import Actor
from keepwell.access.sealing import Sealer
from keepwell.access.webhooks import hooks
from keepwell.access.webhooks.hooks import Hook, RefusedHookError
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.surfaces.api.call import json_answer
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.api.landing import MOST_BYTES, MOST_ROWS, check_writable, landed, report_to_json, rows_read
from keepwell.surfaces.api.problem import RefusedError
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.web.site import Site

ROUTES = ApiRoutes("Data in")
TOO_LARGE = f"The message is longer than {MOST_BYTES:,} bytes."


async def whole_body(request: Request) -> bytes:
    """The body as it came, for that is what is signed. One that is too large is refused before it is read to its end."""
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > MOST_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE, "Send it in several messages.", {"Connection": "close"})
    return bytes(found)


@ROUTES.signed("/hooks/{hook_id}")
def receive_hook(request: Request, hook_id: str, body: Annotated[bytes, Depends(whole_body)]) -> Response:
    """Land rows that another system sends, signed as Standard Webhooks has it (`webhook-id`, `webhook-timestamp`, `webhook-signature`).

    The body is a row, a list of rows, or `{"type": …, "timestamp": …, "data": …}` with either in `data`. The same `webhook-id` is landed once.
    """
    site: Site = request.app.state.site
    at, address = site.clock.now(), request.client.host if request.client else "unknown"
    given = {name.lower(): value for name, value in request.headers.items()}
    try:
        hook, message = hooks.accepted(site.store, at, Sealer(site.place.folder), hook_id, given, body, address)
    except RefusedHookError as error:
        status = HTTPStatus.TOO_MANY_REQUESTS if error.is_flood else HTTPStatus.UNAUTHORIZED
        told = {"Retry-After": str(int(hooks.WINDOW.total_seconds()))} if error.is_flood else {"WWW-Authenticate": "Signature"}
        raise RefusedError(status, error.message, error.hint, told) from error
    allowance = request.app.state.limits.take(hook.hook_id)
    if not allowance.is_allowed:
        raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "Too many messages.", "Wait as long as Retry-After says.", allowance.headers)
    request.state.rate_headers = allowance.headers
    with site.store.transaction() as session:
        known = hooks.begun(session, at, hook.hook_id, message.message_id, body)
    if known is not None:
        return json_answer(known.body, known.status, {"Idempotent-Replayed": "true"})
    return _taken(site, hook, message.message_id, body, Actor(None, f"webhook {hook.name}", address))


def _taken(site: Site, hook: Hook, message_id: str, body: bytes, actor: Actor) -> Response:
    try:
        report = _landed(site, hook, body)
    except KeepwellError:
        with site.store.transaction() as session:
            hooks.forgotten(session, hook.hook_id, message_id)
        raise
    told: Mapping[str, Any] = report_to_json(report)
    with site.store.transaction() as session:
        hooks.ended(session, hook.hook_id, message_id, HTTPStatus.OK, told)
        audit.noted(
            session, site.clock.now(), actor, "pushed", "hook", hook.hook_id, rows=rows_read(report), import_id=report.import_id
        )  # fmt: skip
    return json_answer(told)


def _landed(site: Site, hook: Hook, body: bytes) -> Any:
    text = "\n".join(json.dumps(r, ensure_ascii=False) for r in _rows(body))
    check_writable(text)
    lake = Workspace(site.place, site.clock).lake
    mapping = site.place.mapping_folder / hook.mapping if hook.mapping else None
    return landed(site, lake, text, source=hook.source, entity=hook.entity, mapping=mapping)


def _rows(body: bytes) -> list[dict[str, Any]]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WrongUseError("The message is no JSON.", "Send a row, or a list of rows.") from error
    if isinstance(told, dict) and {"type", "timestamp", "data"} <= set(told) and isinstance(told["data"], dict | list):
        told = told["data"]
    rows = told if isinstance(told, list) else [told]
    if not rows or not all(isinstance(r, dict) and r for r in rows):
        raise WrongUseError("The message holds no rows.", 'A row is an object: {"order_id": "1", …}.')
    if len(rows) > MOST_ROWS:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The message has more than {MOST_ROWS:,} rows.", "Send several.")
    return rows
