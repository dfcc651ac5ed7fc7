"""Models, runs and transitions."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.lake import runs as run_store
from keepwell.surfaces.api.call import Caller
from keepwell.surfaces.api.cursor import PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes

ROUTES = ApiRoutes("Models and runs")
SEE = Capability.SEE_MODELS
RunId = Annotated[str | None, Query(description="A run's id; by default the published one.", max_length=100)]


@ROUTES.get("/models", "models:read", SEE)
def list_models(call: Caller, run: RunId = None) -> Response:
    """What each model found and how well it holds, beside its naive baseline."""
    return call.answer({"data": [m.to_json() for m in call.workspace.models(run)]})


@ROUTES.get("/models/{name}", "models:read", SEE)
def show_model(call: Caller, name: str, run: RunId = None) -> Response:
    """One model with its rows."""
    return call.answer(call.workspace.model(name, run).to_json())


@ROUTES.get("/transitions/{state}", "models:read", (SEE, Capability.SEE_CUSTOMERS))
def transitions(call: Caller, state: str, since: RunId = None, until: RunId = None) -> Response:
    """How many customers went from each tier, stage or RFM group to each other between two runs."""
    return call.answer({"data": call.workspace.transitions(state, since=since, until=until).to_json()})


@ROUTES.get("/runs", "data:read", Capability.SEE_DATA)
def list_runs(call: Caller, cursor: str | None = None, limit: PageSize = 100) -> Response:
    """Every run, the newest first, the published one marked."""
    published = run_store.published_or_none(call.workspace.lake)
    found = [
        r.to_json() | {"is_published": published is not None and r.run_id == published.run_id} for r in reversed(call.workspace.runs())
    ]
    return paged(call, found, cursor, limit)


@ROUTES.get("/imports", "data:read", Capability.SEE_DATA)
def list_imports(call: Caller, cursor: str | None = None, limit: PageSize = 100) -> Response:
    """Every import, undo and erasure, the newest first."""
    return paged(call, [c.to_json() for c in reversed(call.workspace.lake.changes())], cursor, limit)
