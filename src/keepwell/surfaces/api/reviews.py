"""Reviews: what was written down in them, with what came of it. The assembled review is a file of `/reports/review`."""

from datetime import date
from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.surfaces.api.call import AsKnown, Call, Caller
from keepwell.surfaces.api.cursor import MOST, PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.meetings import Meetings, Written, entry_json, meeting_json

ROUTES = ApiRoutes("Reviews")
READ, WRITE, MAY = "reviews:read", "reviews:write", Capability.SET_TARGETS


class WrittenEntry(BaseModel):
    """Something that is written down in a review."""

    kind: str = Field(max_length=20, description="decision, action, point (of the agenda) or note (about the market).")
    text: str = Field(max_length=1_000)
    period: str = Field(
        "last-month", max_length=20, description="The review's week, month, quarter or year: 2026-W43, 2026-10, 2026-Q3, 2026."
    )
    owner: str | None = Field(None, max_length=320, description="Of an action: a user's address or id.")
    due: date | None = Field(None, description="Of an action: until when.")
    kpi: str | None = Field(None, max_length=100, description="The KPI that it should move, or is about.")
    effect: str | None = Field(None, max_length=40, description="What the KPI should change by: +2% (points of a share), -30min, 5000.")
    source: str | None = Field(None, max_length=300, description="Of a note: where it stands.")
    noted_on: date | None = Field(None, description="Of a note: its date.")
    value: str | None = Field(None, max_length=40, description="Of a note: what the KPI is there, a benchmark: 45, 12%, 4h.")


class Closing(BaseModel):
    """What becomes of an action."""

    state: str = Field(max_length=20, description="done, dropped, or open again.")
    note: str | None = Field(None, max_length=1_000)


@ROUTES.get("/reviews/{period}", READ, Capability.SEE_KPIS)
def show_review(call: AsKnown, period: str) -> Response:
    """What the review of a period tells of what was written down: decisions with what came of them, actions, points, notes."""
    desk = _desk(call)
    return call.answer(meeting_json(desk.meeting(desk.period(period))))


@ROUTES.get("/review-entries", READ, Capability.SEE_KPIS)
def list_entries(
    call: Caller,
    kind: Annotated[str | None, Query(description="Only those of this kind.", max_length=20)] = None,
    cursor: str | None = None,
    limit: PageSize = MOST,
) -> Response:
    """Everything that was written down, the oldest first."""
    return paged(call, [entry_json(e) for e in _desk(call).all() if kind in {None, str(e.entry.kind)}], cursor, limit)


@ROUTES.post("/review-entries", WRITE, MAY)
def add_entry(call: Caller, wanted: WrittenEntry) -> Response:
    """Write something down in the review of a period."""
    desk = _desk(call)
    made = desk.add(call.at, call.actor, Written(**wanted.model_dump()))
    return call.answer(_told(desk, made.entry_id), HTTPStatus.CREATED)


@ROUTES.post("/review-entries/{entry_id}/close", WRITE, MAY)
def close_entry(call: Caller, entry_id: str, wanted: Closing) -> Response:
    """An action is done or dropped, or open again after all."""
    desk = _desk(call)
    desk.close(call.at, call.actor, entry_id, wanted.state, wanted.note)
    return call.answer(_told(desk, entry_id))


@ROUTES.post("/review-entries/{entry_id}/withdraw", WRITE, MAY)
def withdraw_entry(call: Caller, entry_id: str) -> Response:
    """A mistake is shown no more; `restore` takes that back."""
    return call.answer({"entry_id": _desk(call).withdraw(call.at, call.actor, entry_id).entry_id, "is_withdrawn": True})


@ROUTES.post("/review-entries/{entry_id}/restore", WRITE, MAY)
def restore_entry(call: Caller, entry_id: str) -> Response:
    """One that was withdrawn is there again."""
    desk = _desk(call)
    desk.restore(call.at, call.actor, entry_id)
    return call.answer(_told(desk, entry_id))


def _desk(call: Call) -> Meetings:
    return Meetings(call.workspace, call.site.store, call.bearer.user.user_id)


def _told(desk: Meetings, entry_id: str) -> dict[str, object]:
    return next((entry_json(e) for e in desk.all() if e.entry.entry_id == entry_id), {"entry_id": entry_id})
