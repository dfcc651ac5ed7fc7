"""KPIs: the catalogue, readings, explanations, the rows behind."""

from collections.abc import Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.periods import Grain
from keepwell.surfaces.answers import kpi_json
from keepwell.surfaces.api.call import AsKnown, Call
from keepwell.surfaces.api.cursor import MOST, PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.api.problem import RefusedError

ROUTES = ApiRoutes("KPIs")
PeriodParameter = Annotated[
    str, Query(description="all, 2026, 2026-H1, 2026-Q3, 2026-10, 2026-W41, 2026-10-05, FY2026-Q1, last-month, or A..B.", max_length=60)
]


@ROUTES.get("/kpis", "kpis:read", Capability.SEE_KPIS)
def list_kpis(call: AsKnown, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """The catalogue: every KPI with its definition, unit and dimensions."""
    return paged(call, [kpi_json(k) for k in call.workspace.kpis.values()], cursor, limit)


@ROUTES.get("/kpis/{name}", "kpis:read", Capability.SEE_KPIS)
def show_kpi(call: AsKnown, name: str) -> Response:
    """A KPI's definition and lineage: entities, columns, sources, coverage."""
    return call.answer(call.workspace.definition(name).to_json())


@ROUTES.get("/kpis/{name}/events", "kpis:read", Capability.SEE_KPIS)
def kpi_events(call: AsKnown, name: str, period: PeriodParameter = "last-month") -> Response:
    """What may have moved a KPI: campaigns that began, definitions that changed, imports that came or were taken back."""
    return call.answer([asdict(e) for e in call.workspace.events(name, period)])


@ROUTES.get("/readings", "kpis:read", Capability.SEE_KPIS)
def read(  # noqa: PLR0913, PLR0917 - the ways to cut a reading, each a parameter
    call: AsKnown,
    kpi_: Annotated[list[str], Query(alias="kpi", description="Names; several are several parameters.", max_length=200)],
    period: PeriodParameter = "last-month",
    grain: Grain | None = None,
    by: Annotated[str | None, Query(description="A dimension of the KPI.", max_length=100)] = None,
    where: Annotated[str | None, Query(description="SQL over the fact's and the customer's columns.", max_length=2_000)] = None,
    cursor: str | None = None,
    limit: PageSize = MOST,
) -> Response:
    """Readings with interval, n, change and whether the change is real."""
    check_tells_no_rows(call, kpi_, [by] if by else [], where)
    found = call.workspace.kpi(*kpi_, period=period, grain=grain, by=by, where=where)
    return paged(call, found.to_json(), cursor, limit)


@ROUTES.get("/explanations/{name}", "kpis:read", Capability.SEE_KPIS)
def explain(
    call: AsKnown,
    name: str,
    period: PeriodParameter = "last-month",
    versus: Annotated[str | None, Query(description="The period to compare with; by default the one before.", max_length=60)] = None,
    by: Annotated[list[str] | None, Query(description="Dimensions; `a+b` means their combinations.", max_length=20)] = None,
) -> Response:
    """Why a KPI moved: parts that add up exactly."""
    check_tells_no_rows(call, [name], by or [], None)
    return call.answer(call.workspace.explain(name, period=period, versus=versus, by=by or ()).to_json())


@ROUTES.get("/rows/{name}", "customers:read", (Capability.SEE_KPIS, Capability.SEE_CUSTOMERS, Capability.EXPORT))
def rows(
    call: AsKnown,
    name: str,
    period: PeriodParameter = "last-month",
    part: Annotated[str | None, Query(description="numerator, denominator, …; by default all.", max_length=100)] = None,
    by: Annotated[str | None, Query(max_length=100)] = None,
    limit: PageSize = MOST,
) -> Response:
    """The rows behind a reading, of each part so many; `total` tells how many there are."""
    found = call.workspace.rows(name, period=period, part=part, by=by, limit=limit)
    call.note("exported", "rows", name)
    return call.answer([{"part": b.part, "total": b.total, "rows": b.rows.to_json()} for b in found])


def check_tells_no_rows(call: Call, names: Sequence[str], by: Sequence[str], where: str | None) -> None:
    """Raise 403 where a token that may not read customers asks so finely that it would: by a key, or with a condition of its own."""
    if call.bearer.may("customers:read"):
        return
    known = call.workspace.kpis
    listed = set.intersection(*({*known[n].dimensions} for n in names)) if names and all(n in known for n in names) else set()
    asked = {part for b in by for part in b.split("+")}
    if where is not None or not asked <= listed:
        raise RefusedError(
            HTTPStatus.FORBIDDEN,
            "This would tell of single customers, which this token may not read.",
            "Ask by a dimension that the KPI lists, without a condition, or use a token with customers:read.",
        )
