"""Events in: rows that are pushed, many at once, the same ones twice without harm."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Body
from starlette.responses import Response

from keepwell.access import repeats
from keepwell.access.roles import Capability
from keepwell.lake.entity import entities, entity
from keepwell.surfaces.api.call import Call, Caller
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.api.landing import MOST_BYTES, MOST_ROWS, check_writable, landed, report_to_json, rows_read
from keepwell.surfaces.api.once import Key, done_once
from keepwell.surfaces.api.problem import RefusedError

ROUTES = ApiRoutes("Data in")
Rows = Annotated[
    list[dict[str, str | int | float | bool | dict[str, str] | None]],
    Body(max_length=MOST_ROWS, description="Rows by the entity's columns."),
]


@ROUTES.post("/entities/{name}", "data:write", Capability.IMPORT)
def push(call: Caller, name: str, rows: Rows, idempotency_key: Key = None, source: str = "main") -> Response:
    """Land rows of an entity: what was inserted, updated, unchanged, and each rejected row with its reason.

    Rows of a known key are updated, equal ones change nothing. Rows that are rejected do not keep the others out; where all of them are,
    the answer is a problem (409) whose `errors` are the rows.
    """
    found = entity(name)
    if found.is_derived:
        raise RefusedError(
            HTTPStatus.BAD_REQUEST,
            f"{name} is computed, never brought.",
            f"Entities: {', '.join(n for n, e in entities().items() if not e.is_derived)}.",
        )
    text = "\n".join(json.dumps(r, ensure_ascii=False) for r in rows)
    if not rows:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "There are no rows.", "Send a list of at least one.")
    check_writable(text)
    if len(text) > MOST_BYTES:
        raise RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The rows are longer than {MOST_BYTES:,} characters.", "Send them in several batches."
        )
    told = repeats.fingerprint(name, source, text)
    return done_once(call, idempotency_key, told, lambda: _landed(call, name, source, text))


def _landed(call: Call, name: str, source: str, text: str) -> Mapping[str, Any]:
    report = landed(call.site, call.workspace.lake, text, source=source, entity=name)
    call.note("pushed", "entity", name, rows=rows_read(report), import_id=report.import_id)
    return report_to_json(report)
