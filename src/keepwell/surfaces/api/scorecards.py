"""Scorecards: which there are, and what they come to."""

from datetime import date
from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.surfaces.api.call import AsKnown
from keepwell.surfaces.api.cursor import MOST, PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.api.kpis import PeriodParameter
from keepwell.surfaces.scorecards import Scorecards, card_json, rows_of

ROUTES = ApiRoutes("Scorecards")


@ROUTES.get("/scorecards", "kpis:read", Capability.SEE_KPIS)
def list_scorecards(call: AsKnown, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """Every card with its perspectives, items, weights and curves."""
    return paged(call, [card_json(c) for c in Scorecards(call.workspace).all().values()], cursor, limit)


@ROUTES.get("/scorecards/{name}", "kpis:read", Capability.SEE_KPIS)
def show_scorecard(
    call: AsKnown,
    name: str,
    period: PeriodParameter = "last-month",
    as_known: Annotated[date | None, Query(description="As it was known at the end of that day.")] = None,
) -> Response:
    """What a card comes to: a row an item, and a last one, `total`."""
    return call.answer(rows_of(Scorecards(call.workspace).scored(name, period, as_known=as_known)))
