"""One call of the API: which token, what it may do, and the workspace as its user sees it."""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Query, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request
from starlette.responses import Response

from keepwell.access import audit, tokens
from keepwell.access.audit import Actor
from keepwell.access.roles import Capability
from keepwell.access.scope import Scope, scope_of
from keepwell.access.tokens import Bearer
from keepwell.core.settings import changed
from keepwell.lake import runs
from keepwell.surfaces.api.problem import RefusedError
from keepwell.surfaces.python import Workspace
from keepwell.surfaces.web.site import Site

LIVE = "live"
_BEARER = HTTPBearer(auto_error=False, description="A token made with `keepwell token create`.")


@dataclass(frozen=True)
class Call:
    """Who calls, with what the token and its user both allow, and as of which run."""

    site: Site
    request: Request
    at: datetime
    bearer: Bearer
    run: str | None = None

    @functools.cached_property
    def workspace(self) -> Workspace:
        """The workspace as the token sees it: what a user may see, less what the token was not given.

        As the run knew it that is asked for, else as the published one, as on the pages; ``live`` is what is known now.
        """
        place = self.site.place
        if self.bearer.user.locale:
            place = type(place)(place.folder, changed(place.settings, locale=self.bearer.user.locale))
        found = Workspace(place, self.site.clock).seen_by(self.scope)
        past = None if self.run == LIVE else runs.run(found.lake, self.run) if self.run else runs.published_or_none(found.lake)
        return found.at(past) if past else found

    @property
    def scope(self) -> Scope:
        user = self.bearer.user
        if not user.may(Capability.SEE_CUSTOMERS):
            return Scope(user.rows, user.employee_id)
        found = scope_of(user)
        return Scope(found.rows, found.employee_id, sees_personal=found.sees_personal and self.bearer.may("personal:read"))

    @property
    def actor(self) -> Actor:
        """Who acts: the token's user."""
        return self.bearer.user.as_actor(self.request.client.host if self.request.client else None)

    def note(self, action: str, kind: str, object_id: str | None = None, **details: str | float | list[str] | None) -> None:
        """Write a line of the audit."""
        with self.site.store.transaction() as session:
            audit.noted(session, self.at, self.actor, action, kind, object_id, token=self.bearer.token.token_id, **details)

    def answer(self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """JSON with its mark; nothing again to who has it already."""
        content = _content(body)
        mark = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        told = {"ETag": mark, "Cache-Control": "private, no-cache", "Vary": "Authorization", **(headers or {})}
        known = [m.strip().removeprefix("W/") for m in self.request.headers.get("if-none-match", "").split(",")]
        if self.request.method == "GET" and (mark in known or "*" in known):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=told)
        return Response(content, status, headers=told, media_type="application/json")


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON to who is no bearer of a token."""
    return Response(_content(body), status, headers={"Cache-Control": "no-store", **(headers or {})}, media_type="application/json")


def _content(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_plain, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Sequence | frozenset | set):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value)} has no JSON")


def call_of(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None) -> Call:
    """Who calls; raises 401 without a token that is heard, 429 where it calls too often."""
    site: Site = request.app.state.site
    at = site.clock.now()
    with site.store.transaction(writes=False) as session:
        found = tokens.bearer_or_none(session, at, given.credentials) if given else None
        is_noted = found is None or tokens.is_use_noted(found.token, at)
    if found is None:
        raise RefusedError(
            HTTPStatus.UNAUTHORIZED, "This needs a token.", "Send `Authorization: Bearer kw.…`; `keepwell token create` makes one.",
            {"WWW-Authenticate": "Bearer"},
        )  # fmt: skip
    allowance = request.app.state.limits.take(found.token.token_id)
    if not allowance.is_allowed:
        raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.", "Wait as long as Retry-After says.", allowance.headers)
    request.state.rate_headers = allowance.headers
    if not is_noted:
        with site.store.transaction() as session:
            tokens.note_use(session, at, found.token.token_id)
    return Call(site, request, at, found)


Caller = Annotated[Call, Depends(call_of)]


def call_as_known(
    call: Caller,
    run: Annotated[
        str | None, Query(description=f"A run's id; by default the published one. `{LIVE}`: what is known now.", max_length=100)
    ] = None,
) -> Call:
    """The same call, answered as the run knew it that the address names."""
    return replace(call, run=run)


AsKnown = Annotated[Call, Depends(call_as_known)]
