"""Appraisals of people and teams: opened, assessed, approved, published, appealed; seen by whom they concern."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.performance.appraisals.development import EntryKind
from keepwell.performance.appraisals.frozen import plan_json
from keepwell.performance.appraisals.outcome import Objective
from keepwell.performance.appraisals.plan import RaterKind
from keepwell.performance.appraisals.steps import Judged
from keepwell.surfaces.api.call import Call, Caller
from keepwell.surfaces.api.cursor import MOST, PageSize, paged
from keepwell.surfaces.api.door import ApiRoutes
from keepwell.surfaces.appraisal_sight import Shown, viewer_of
from keepwell.surfaces.appraised import (
    appraisal_json,
    asked_json,
    entry_json,
    round_json,
    simulated_json,
    to_rate_json,
    whole_round_json,
)
from keepwell.surfaces.appraised_sheet import export_sheet
from keepwell.surfaces.freezing import Chosen
from keepwell.surfaces.rounds import Rounds
from keepwell.surfaces.web.tables import download

ROUTES = ApiRoutes("Appraisals")
READ, WRITE, SEES = "appraisals:read", "appraisals:write", Capability.SEE_KPIS
KEEPS = (Capability.SEE_KPIS, Capability.APPRAISE)
Reason = Annotated[str, Field(max_length=2_000)]


class ExportKind(StrEnum):
    """How a round is exported."""

    CSV = "csv"
    XLSX = "xlsx"


class WantedRound(BaseModel):
    """A round to be opened."""

    plan: str = Field(max_length=100)
    period: str = Field(max_length=20, description="A month, quarter or year that is over: 2026-10, 2026-Q3, 2026.")
    who: list[str] = Field(default_factory=list, max_length=2_000, description="Employees or teams; by default everybody with results.")
    team: str | None = Field(None, max_length=200, description="Only who was in this team on the last day of the period.")


class Because(BaseModel):
    """Why."""

    reason: Reason


class Words(BaseModel):
    """What is said of it."""

    words: str | None = Field(None, max_length=2_000)


class Weights(BaseModel):
    """Weights to try, by item; the others stay, and together they come to 100."""

    weights: dict[str, Decimal]


class GivenObjective(BaseModel):
    """What somebody was to achieve."""

    text: str = Field(max_length=500)
    weight: Decimal = Field(description="Percent of the item.")
    attained: Decimal = Field(description="Percent of the objective, 0 to 150.")


class Given(BaseModel):
    """Marks by item, objectives, words."""

    marks: dict[str, Decimal] = Field(default_factory=dict)
    objectives: list[GivenObjective] = Field(default_factory=list)
    words: str | None = Field(None, max_length=2_000)

    def judged(self) -> Judged:
        """The same as the service takes it."""
        return Judged(self.marks, [Objective(o.text, o.weight, o.attained) for o in self.objectives], self.words)


class OwnMarks(BaseModel):
    """What the person gives the own work."""

    marks: dict[str, Decimal] = Field(default_factory=dict)
    words: str | None = Field(None, max_length=2_000)


class Answering(BaseModel):
    """The answer to an appeal; with marks or objectives it is judged anew."""

    words: Reason
    marks: dict[str, Decimal] | None = None
    objectives: list[GivenObjective] | None = None


class AskedRater(BaseModel):
    """Somebody to be asked."""

    rater: str = Field(max_length=200, description="A user's address or id; of a customer any name.")
    kind: RaterKind


class Rating(BaseModel):
    """What a rater says: a mark of every item that asks the kind."""

    marks: dict[str, Decimal]
    rater: str | None = Field(None, max_length=200, description="The customer whose answer is written down; without it one's own.")


class WantedEntry(BaseModel):
    """A coaching note, or a training with the day until which it is due."""

    kind: EntryKind
    text: str = Field(max_length=1_000)
    due: date | None = None


@ROUTES.get("/appraisals/plans", READ, SEES)
def list_appraisal_plans(call: Caller, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """Every plan with its items, weights and curves."""
    return paged(call, [plan_json(p) for p in _desk(call).plans().values()], cursor, limit)


@ROUTES.get("/appraisals/rounds", READ, SEES)
def list_appraisal_rounds(
    call: Caller,
    withdrawn: Annotated[bool, Query(description="Withdrawn ones too.")] = False,
    cursor: str | None = None,
    limit: PageSize = MOST,
) -> Response:
    """The rounds in which the user sees somebody, the latest period first."""
    return paged(call, [round_json(r) for r in _desk(call).all(with_withdrawn=withdrawn)], cursor, limit)


@ROUTES.post("/appraisals/rounds", WRITE, KEEPS)
def open_appraisal_round(call: Caller, wanted: WantedRound) -> Response:
    """Open a round: the plan's definition and everybody's readings are kept as they are now."""
    found = _desk(call).open(call.at, call.actor, wanted.plan, wanted.period, Chosen(wanted.who, wanted.team))
    return call.answer(whole_round_json(found), HTTPStatus.CREATED)


@ROUTES.get("/appraisals/rounds/{round_id}", READ, SEES)
def show_appraisal_round(call: Caller, round_id: str) -> Response:
    """A round with its definition, each person or team once, and how totals are spread."""
    return call.answer(whole_round_json(_desk(call).round(round_id)))


@ROUTES.post("/appraisals/rounds/{round_id}/withdraw", WRITE, KEEPS)
def withdraw_appraisal_round(call: Caller, round_id: str, wanted: Because) -> Response:
    """It counts no more; the plan may be opened for the period anew."""
    found = _desk(call).withdraw(call.at, call.actor, round_id, wanted.reason)
    return call.answer({"round_id": found.round_id, "withdrawn_at": found.withdrawn_at, "withdrawn_because": found.withdrawn_because})


@ROUTES.post("/appraisals/rounds/{round_id}/publish", WRITE, KEEPS)
def publish_appraisal_round(call: Caller, round_id: str) -> Response:
    """Tell everybody's result, once all are approved; nothing that changes later changes it."""
    return call.answer(whole_round_json(_desk(call).publish(call.at, call.actor, round_id)))


@ROUTES.post("/appraisals/rounds/{round_id}/simulate", WRITE, KEEPS)
def simulate_appraisal_round(call: Caller, round_id: str, wanted: Weights) -> Response:
    """Totals, grades and ranks as they would be with other weights; nothing is changed."""
    return call.answer([simulated_json(s) for s in _desk(call).simulated(round_id, wanted.weights)])


@ROUTES.get("/appraisals/rounds/{round_id}/export", READ, (*KEEPS, Capability.EXPORT))
def export_appraisal_round(call: Caller, round_id: str, format_: Annotated[ExportKind, Query(alias="format")] = ExportKind.CSV) -> Response:
    """A row a person or team, each once, for the staff department."""
    found = _desk(call).round(round_id)
    call.note("exported", "appraisal round", round_id, format=str(format_))
    return download(export_sheet(found, call.workspace.place.settings.locale), str(format_), f"appraisals-{found.round.period.label}")


@ROUTES.get("/appraisals/to-rate", READ, SEES)
def list_appraisals_to_rate(call: Caller, cursor: str | None = None, limit: PageSize = MOST) -> Response:
    """About whom the user is asked and has not answered."""
    return paged(call, [to_rate_json(a, str(k)) for a, k in _desk(call).to_rate()], cursor, limit)


@ROUTES.get("/appraisals/{appraisal_id}", READ, SEES)
def show_appraisal(call: Caller, appraisal_id: str) -> Response:
    """An appraisal with its items, trail, notes and trainings. The person sees what others judged when it is published."""
    desk = _desk(call)
    return _told(call, desk, desk.one(appraisal_id))


@ROUTES.post("/appraisals/{appraisal_id}/self-assessment", WRITE, SEES)
def self_assess_appraisal(call: Caller, appraisal_id: str, given: OwnMarks) -> Response:
    """What the person gives the own work."""
    desk = _desk(call)
    return _told(call, desk, desk.self_assess(call.at, call.actor, appraisal_id, Judged(given.marks, (), given.words)))


@ROUTES.post("/appraisals/{appraisal_id}/assessment", WRITE, SEES)
def assess_appraisal(call: Caller, appraisal_id: str, given: Given) -> Response:
    """The assessor's judgement, or its next version. The first one ends the asking of raters."""
    desk = _desk(call)
    return _told(call, desk, desk.assess(call.at, call.actor, appraisal_id, given.judged()))


@ROUTES.post("/appraisals/{appraisal_id}/approval", WRITE, SEES)
def approve_appraisal(call: Caller, appraisal_id: str, given: Words) -> Response:
    """Agree to what somebody else assessed."""
    desk = _desk(call)
    return _told(call, desk, desk.approve(call.at, call.actor, appraisal_id, given.words))


@ROUTES.post("/appraisals/{appraisal_id}/return", WRITE, SEES)
def return_appraisal(call: Caller, appraisal_id: str, given: Because) -> Response:
    """It is to be assessed anew."""
    desk = _desk(call)
    return _told(call, desk, desk.send_back(call.at, call.actor, appraisal_id, given.reason))


@ROUTES.post("/appraisals/{appraisal_id}/appeal", WRITE, SEES)
def appeal_appraisal(call: Caller, appraisal_id: str, given: Because) -> Response:
    """Disagree with the own result, once."""
    desk = _desk(call)
    return _told(call, desk, desk.appeal(call.at, call.actor, appraisal_id, given.reason))


@ROUTES.post("/appraisals/{appraisal_id}/answer", WRITE, SEES)
def answer_appeal(call: Caller, appraisal_id: str, given: Answering) -> Response:
    """Answer an appeal, with other marks where it was right. What was published before stays in the trail."""
    desk = _desk(call)
    judged = None
    if given.marks is not None or given.objectives is not None:
        judged = Given(marks=given.marks or {}, objectives=given.objectives or [], words=None).judged()
    return _told(call, desk, desk.answer(call.at, call.actor, appraisal_id, given.words, judged))


@ROUTES.post("/appraisals/{appraisal_id}/raters", WRITE, SEES)
def ask_rater(call: Caller, appraisal_id: str, wanted: AskedRater) -> Response:
    """Ask somebody about a person or team."""
    found = _desk(call).ask(call.at, call.actor, appraisal_id, wanted.rater, wanted.kind)
    return call.answer(asked_json(found), HTTPStatus.CREATED)


@ROUTES.post("/appraisals/{appraisal_id}/ratings", WRITE, SEES)
def rate_appraisal(call: Caller, appraisal_id: str, given: Rating) -> Response:
    """What a rater says who was asked, once. Nobody can tell afterwards which answer it is; of fewer than three of a kind nothing is told."""
    _desk(call).rate(call.at, call.actor, appraisal_id, given.marks, given.rater)
    return call.answer({"appraisal_id": appraisal_id, "is_answered": True}, HTTPStatus.CREATED)


@ROUTES.post("/appraisals/{appraisal_id}/entries", WRITE, SEES)
def add_appraisal_entry(call: Caller, appraisal_id: str, wanted: WantedEntry) -> Response:
    """Write a coaching note or plan a training; it is carried into the next rounds of the same person or team."""
    found = _desk(call).add_entry(call.at, call.actor, appraisal_id, wanted.kind, wanted.text, wanted.due)
    return call.answer([entry_json(e) for e in found], HTTPStatus.CREATED)


@ROUTES.post("/appraisals/{appraisal_id}/entries/{entry_id}/done", WRITE, SEES)
def end_appraisal_training(call: Caller, appraisal_id: str, entry_id: str) -> Response:
    """A training was done."""
    return call.answer([entry_json(e) for e in _desk(call).end_training(call.at, call.actor, appraisal_id, entry_id)])


@ROUTES.get(
    "/appraisals/{appraisal_id}/evidence/{item}", "customers:read", (Capability.SEE_KPIS, Capability.SEE_CUSTOMERS, Capability.EXPORT)
)
def show_appraisal_evidence(
    call: Caller, appraisal_id: str, item: str, limit: Annotated[int, Query(ge=1, le=MOST, description="Rows of each part.")] = 200
) -> Response:
    """The rows behind a KPI of a person or team, as the round's run knew them, of the customers whom the user sees."""
    found = _desk(call).evidence(appraisal_id, item, limit)
    call.note("exported", "rows", item, appraisal=appraisal_id)
    return call.answer([{"part": b.part, "total": b.total, "rows": b.rows.to_json()} for b in found])


def _desk(call: Call) -> Rounds:
    return Rounds(call.workspace, call.site.store, viewer_of(call.bearer.user))


def _told(call: Call, desk: Rounds, found: Shown) -> Response:
    return call.answer(appraisal_json(found, desk))
