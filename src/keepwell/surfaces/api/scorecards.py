"""Scorecards: which there are, and what they come to."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.surfaces.api.call import AsKnown, Call
from keepwell.surfaces.api.cursor import MOST, PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.api.kpis import PeriodParameter
from keepwell.surfaces.card_edits import CardEdits, preview_rows
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


@ROUTES.get("/scorecards/{name}/definition", "kpis:read", Capability.SEE_KPIS)
def show_definition(call: AsKnown, name: str) -> Response:
    """The card as its file holds it; `is_own` tells whether it is the workspace's. Send `definition` back changed to look at it or to save it."""
    found = _edits(call).definition(name)
    return call.answer({"is_own": found.is_own, "has_shipped": found.has_shipped, "definition": dict(found.values)})


class TriedCard(BaseModel):
    """A definition that is not saved."""

    definition: dict[str, Any] = Field(description="As a card's file holds it.")
    period: str = Field("last-month", max_length=20, description="A month, quarter or year.")
    marks: dict[str, Decimal] = Field(default_factory=dict, description="Marks of items that are judged, by item.")


@ROUTES.post("/scorecards/{name}/preview", "kpis:read", Capability.SEE_KPIS)
def preview_scorecard(call: AsKnown, name: str, tried: TriedCard) -> Response:
    """What a definition would make of a period: a row an item with `…_before` and after, and a last one, `total`. Nothing is saved."""
    return call.answer(preview_rows(_edits(call).preview(name, tried.definition, tried.period, tried.marks)))


class SavedCard(BaseModel):
    """A definition that shall count."""

    definition: dict[str, Any] = Field(description="As a card's file holds it, with the version that it is a change of.")


@ROUTES.put("/scorecards/{name}", "targets:write", Capability.SET_TARGETS)
def save_scorecard(call: AsKnown, name: str, saved: SavedCard) -> Response:
    """Keep it as the workspace's own card, one version higher; refused where the card is at another version by now. Published cards stay as they are."""
    return call.answer(card_json(_edits(call).put(call.at, call.actor, name, saved.definition)))


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


def _edits(call: Call) -> CardEdits:
    return CardEdits(_desk(call))


def _desk(call: Call) -> Scorecards:
    return Scorecards(call.workspace, call.site.store)
