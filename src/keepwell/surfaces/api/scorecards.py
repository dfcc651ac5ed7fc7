"""Scorecards: which there are, and what they come to."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.surfaces.api.call import AsKnown, Call
from keepwell.surfaces.api.cursor import MOST, PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.api.kpis import PeriodParameter
from keepwell.surfaces.scorecards import Scorecards, card_json, published_json, rows_of

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
    return call.answer(rows_of(_desk(call).scored(name, period, as_known=as_known)))


class WantedCard(BaseModel):
    """A card to be published."""

    period: str = Field(max_length=20, description="A month, quarter or year that is over.")
    marks: dict[str, Decimal] = Field(default_factory=dict, description="Marks of items that are judged, by item.")
    note: str | None = Field(None, max_length=500)


@ROUTES.post("/scorecards/{name}/published", "targets:write", Capability.SET_TARGETS)
def publish_scorecard(call: AsKnown, name: str, wanted: WantedCard) -> Response:
    """Keep a card as it is today, for good: nothing that changes later changes it."""
    made = _desk(call).publish(call.at, call.actor, name, wanted.period, wanted.marks, wanted.note)
    return call.answer(published_json(made), HTTPStatus.CREATED)


@ROUTES.get("/scorecards/{name}/published", "kpis:read", Capability.SEE_KPIS)
def list_published_scorecards(call: AsKnown, name: str, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """Its published cards, the latest period first."""
    return paged(call, [published_json(c) for c in _desk(call).published(name)], cursor, limit)


@ROUTES.get("/scorecards/{name}/published/{period}", "kpis:read", Capability.SEE_KPIS)
def show_published_scorecard(call: AsKnown, name: str, period: str) -> Response:
    """A card as it was published, and `restated`: what comes to something else today."""
    before, differing = _desk(call).restated(name, period)
    return call.answer(published_json(before) | {"restated": [asdict(r) for r in differing]})


def _desk(call: Call) -> Scorecards:
    return Scorecards(call.workspace, call.site.store)
