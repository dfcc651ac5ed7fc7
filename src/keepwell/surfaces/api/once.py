"""Requests under an ``Idempotency-Key``: done once, answered alike however often they are sent."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header
from starlette.responses import Response

from keepwell.access import repeats
from keepwell.core.errors import KeepwellError
from keepwell.surfaces.api.call import Call

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="The same key with the same request is answered as before, and nothing is done again.",
    ),
]


def done_once(call: Call, key: str | None, told: str, do: Callable[[], Mapping[str, Any]], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Answer with what ``do`` gives; under a key that was used before with what it gave then. ``told`` is what the request says."""
    if key is None:
        return call.answer(do(), status)
    token_id = call.bearer.token.token_id
    with call.site.store.transaction() as session:
        known = repeats.begun(session, call.at, token_id, key, told)
    if known is not None:
        return call.answer(known.body, known.status, {"Idempotent-Replayed": "true"})
    try:
        body = do()
    except KeepwellError:
        with call.site.store.transaction() as session:
            repeats.forgotten(session, token_id, key)
        raise
    with call.site.store.transaction() as session:
        repeats.ended(session, token_id, key, status, body)
    return call.answer(body, status)
