"""Appraisals under Team: the rounds, and one round with its people, how they are spread, and what other weights would make of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated
from urllib.parse import quote

from fastapi import Form
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError
from keepwell.performance.appraisals.appraisal import StepKind
from keepwell.performance.appraisals.plan import Plan
from keepwell.surfaces.appraisal_sight import Listed, ShownRound, viewer_of
from keepwell.surfaces.appraised import simulated_json
from keepwell.surfaces.appraised_sheet import export_sheet
from keepwell.surfaces.freezing import Chosen
from keepwell.surfaces.rounds import Rounds
from keepwell.surfaces.web.appraised_charts import funnel_charts, spread_chart
from keepwell.surfaces.web.appraised_words import Row, row_in_words, state_words
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.pages import appraisal
from keepwell.surfaces.web.route import Routes
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
PATH = "/team/appraisals"
KEEPS = (Capability.SEE_KPIS, Capability.APPRAISE)
SIMULATED = ("name", "total", "total_then", "grade", "grade_then", "rank", "rank_then")
WEIGHT = "weight."  # before an item's name in the address


@dataclass(frozen=True)
class RoundLine:
    """A round in the list."""

    round_id: str
    title: str
    period: str
    subjects: int
    states: tuple[str, ...]


@dataclass(frozen=True)
class ToRate:
    """Somebody about whom one is asked."""

    appraisal_id: str
    name: str
    period: str


@dataclass(frozen=True)
class RoundsPage:
    """The rounds in which one sees somebody, whom one is asked about, and the form that opens a round."""

    title: str
    rounds: tuple[RoundLine, ...]
    to_rate: tuple[ToRate, ...]
    plans: tuple[Plan, ...]
    sheets: tuple[Sheet, ...]


@ROUTES.page(PATH, Capability.SEE_KPIS, "appraisals.html")
def show(visit: Visit) -> RoundsPage:
    desk = desk_of(visit)
    lines = tuple(_line(visit, r) for r in desk.all())
    waiting = tuple(ToRate(a.appraisal_id, a.name, a.round.period.label) for a, _ in desk.to_rate())
    known = tuple(desk.plans().values()) if visit.may(Capability.APPRAISE) else ()
    columns = tuple(Column(n, visit.say(f"appraisals.{n}"), n == "subjects") for n in ("round_id", "plan", "period", "subjects"))
    rows = [[r.round_id, r.title, r.period, r.subjects] for r in lines]
    return RoundsPage(visit.say("appraisals.title"), lines, waiting, known, (Sheet("rounds", columns, rows),))


def _line(visit: Visit, found: Listed) -> RoundLine:
    told = tuple(f"{state_words(visit, s)} {found.states.count(s)}" for s in dict.fromkeys(found.states))
    plan = found.round.plan
    return RoundLine(found.round.round_id, plan.title[visit.locale], found.round.period.label, found.subjects, told)


@ROUTES.post(PATH, KEEPS)
def open_one(
    visit: Here, plan: Annotated[str, Form()] = "", period: Annotated[str, Form()] = "", team: Annotated[str, Form()] = ""
) -> Response:
    """Open a round of everybody with results, or of a team."""
    found = desk_of(visit).open(visit.at, visit.actor, plan, period, Chosen((), team.strip() or None))
    return redirect(f"{PATH}/rounds/{found.round.round_id}")


@dataclass(frozen=True)
class Weighed:
    """An item with the weight that is tried."""

    item: str
    title: str
    weight: str


@dataclass(frozen=True)
class RoundPage:
    """A round: each person or team once, charts, and what other weights would make of it."""

    title: str
    round_id: str
    period: str
    opened: str
    subjects: int
    rows: tuple[Row, ...]
    charts: tuple[Chart, ...]
    may_keep: bool
    may_publish: bool
    may_withdraw: bool
    weights: tuple[Weighed, ...]
    simulated: Chart | None
    fault: tuple[str, str] | None
    sheets: tuple[Sheet, ...]


@ROUTES.page(f"{PATH}/rounds/{{round_id}}", Capability.SEE_KPIS, "appraisal_round.html")
def show_round(visit: Visit) -> RoundPage:
    desk = desk_of(visit)
    found = desk.round(visit.request.path_params["round_id"])
    plan, is_kept = found.round.plan, visit.may(Capability.APPRAISE)
    charts = tuple(c for c in (spread_chart(visit, found), *funnel_charts(visit, found)) if c is not None)
    simulated, fault = _simulated(visit, desk, found) if is_kept else (None, None)
    states = {s.appraisal.state for s in found.shown}
    sheet = export_sheet(found, visit.locale)
    asked = {i.name: visit.asked(f"{WEIGHT}{i.name}") for i in plan.items}
    return RoundPage(
        f"{plan.title[visit.locale]} · {found.round.period.label}",
        found.round.round_id,
        found.round.period.label,
        visit.moment(found.round.opened_at),
        found.subjects,
        tuple(row_in_words(visit, s) for s in found.shown),
        charts,
        is_kept,
        is_kept and states == {StepKind.APPROVED},
        is_kept and found.round.withdrawn_at is None and not any(s.appraisal.is_told for s in found.shown),
        tuple(Weighed(i.name, i.title[visit.locale], asked[i.name] or f"{i.weight:f}") for i in plan.items),
        simulated,
        fault,
        (sheet, *(c.sheet for c in charts), *((simulated.sheet,) if simulated else ())),
    )


def _simulated(visit: Visit, desk: Rounds, found: ShownRound) -> tuple[Chart | None, tuple[str, str] | None]:
    """A table of what other weights would make; as a chart without a picture, so that it is shown and taken along as one."""
    asked = {i.name: visit.asked(f"{WEIGHT}{i.name}") for i in found.round.plan.items}
    if not any(asked.values()):
        return None, None
    try:
        rows = [simulated_json(s) for s in desk.simulated(found.round.round_id, _weights(asked))]
    except KeepwellError as error:
        return None, (visit.told(error.message), visit.told(error.hint))
    columns = tuple(Column(n, visit.say(f"appraisals.{n}"), n not in {"name", "grade", "grade_then"}) for n in SIMULATED)
    exact = [[r[n] for n in SIMULATED] for r in rows]
    figures = [[_cell(visit, n, r[n]) for n in SIMULATED] for r in rows]
    return Chart("simulated", visit.say("appraisals.simulated"), "", {}, Sheet("simulated", columns, exact), figures=figures), None


def _weights(asked: dict[str, str]) -> dict[str, Decimal]:
    made = {}
    for item, text in asked.items():
        if text:
            try:
                made[item] = Decimal(text)
            except InvalidOperation:
                made[item] = Decimal("nan")
    return made


def _cell(visit: Visit, name: str, value: object) -> str:
    if value is None:
        return "–"
    if name.startswith("grade"):
        return visit.say(f"appraisals.grade_{value}")
    return f"{value:.1f}" if isinstance(value, float) else str(value)


@ROUTES.post(f"{PATH}/rounds/{{round_id}}/publish", KEEPS)
def publish(visit: Here, round_id: str) -> Response:
    """Tell everybody's result."""
    desk_of(visit).publish(visit.at, visit.actor, round_id)
    return redirect(f"{PATH}/rounds/{quote(round_id)}")


@ROUTES.post(f"{PATH}/rounds/{{round_id}}/withdraw", KEEPS)
def withdraw(visit: Here, round_id: str, reason: Annotated[str, Form()] = "") -> Response:
    """It counts no more."""
    desk_of(visit).withdraw(visit.at, visit.actor, round_id, reason)
    return redirect(PATH)


def desk_of(visit: Visit) -> Rounds:
    """The appraisals as this person sees them."""
    return Rounds(visit.workspace, visit.site.store, viewer_of(visit.who))


def _all(parts: Sequence[Routes]) -> Routes:
    return Routes(r for part in parts for r in part)


PAGE = Page("appraisals", PATH, Capability.SEE_KPIS, _all([ROUTES, appraisal.ROUTES]), group=2, is_in_navigation=False)
