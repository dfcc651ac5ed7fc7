"""Events in: rows that are pushed, many at once, the same ones twice without harm."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import Body
from starlette.responses import Response

from keepwell.access import repeats
from keepwell.access.roles import Capability
from keepwell.lake.entity import entities, entity
from keepwell.sources import imports
from keepwell.sources.imports import ImportRefusedError, ImportRequest
from keepwell.surfaces.api.call import Caller
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.api.once import Key, done_once
from keepwell.surfaces.api.problem import RefusedError

ROUTES = ApiRoutes("Data in")
MOST_ROWS = 5_000
MOST_BYTES = 10 * 1024 * 1024
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
    if len(text) > MOST_BYTES:
        raise RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The rows are longer than {MOST_BYTES:,} characters.", "Send them in several batches."
        )
    told = repeats.fingerprint(name, source, text)
    return done_once(call, idempotency_key, told, lambda: _landed(call, name, source, text))


def _landed(call: Caller, name: str, source: str, text: str) -> Mapping[str, Any]:
    with TemporaryDirectory(prefix="keepwell-push-") as scratch:
        file = Path(scratch) / "rows.jsonl"
        file.write_text(text + "\n", encoding="utf-8")
        request = ImportRequest((file,), name, source=source, most_rejected=1.0)
        try:
            report = imports.run(call.site.place, call.workspace.lake, request, call.site.clock)
        except ImportRefusedError as error:
            if not error.rejected:
                raise
            # none of the rows can be used; a program looks at the status, and finds each row in what it is told
            refused = [{"row": r.line, "entity": r.entity, "reason": r.reason} for r in error.rejected]
            message = f"All rows were rejected, so nothing was landed: {name}."
            raise RefusedError(HTTPStatus.CONFLICT, message, "`errors` tells what is wrong with each row.", errors=refused) from error
    call.note("pushed", "entity", name, rows=float(sum(e.read for e in report.entities)), import_id=report.import_id)
    counts = [
        {
            "entity": e.entity,
            "read": e.read,
            "inserted": e.inserted,
            "updated": e.updated,
            "unchanged": e.unchanged,
            "rejected": e.rejected,
            "warnings": list(e.warnings),
        }
        for e in report.entities
    ]
    rejected = [{"row": r.line, "entity": r.entity, "reason": r.reason} for r in report.rejected]
    return {"import_id": report.import_id, "source": report.source, "entities": counts, "rejected": rejected}
