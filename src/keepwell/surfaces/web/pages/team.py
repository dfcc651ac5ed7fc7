"""The Team page: targets, how they stand, and where they are set, changed and ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Form
from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError
from keepwell.metrics.kpi import Kpi
from keepwell.performance.targets.service import Objective
from keepwell.performance.targets.target import Target
from keepwell.surfaces.targets import Checked, Targets, Wanted
from keepwell.surfaces.web.aimed import Aimed, aimed, kept, people, way_chart
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Here, Visit, redirect

ROUTES = PageRoutes()
PATH = "/team"
PAGE = Page("team", PATH, Capability.SEE_KPIS, ROUTES, group=2)
COLUMNS = ("kpi", "scope", "member", "period", "baseline", "value", "expected", "target", "forecast", "probability", "state")
TEXTS = {"kpi", "scope", "member", "period", "state"}


@dataclass(frozen=True)
class Grouped:
    """An objective with its targets; the last one is of those without."""

    title: str
    objective_id: str | None
    targets: tuple[Aimed, ...]


@dataclass(frozen=True)
class TeamPage:
    """All that the page of targets shows."""

    title: str
    groups: tuple[Grouped, ...]
    may_set: bool
    with_ended: bool
    sheets: tuple[Sheet, ...]


@ROUTES.page(PATH, Capability.SEE_KPIS, "team.html")
def show(visit: Visit) -> TeamPage:
    desk, with_ended = _desk(visit), visit.asked("ended") == "yes"
    found = [kept(visit, desk, t) for t in desk.seen(with_ended=with_ended)]
    names = people(visit)
    told = [aimed(visit, c, names) for c in found]
    groups = [Grouped(o.title, o.objective_id, tuple(t for t in told if t.objective_id == o.objective_id)) for o in desk.objectives()]
    known = {g.objective_id for g in groups}
    others = tuple(t for t in told if t.objective_id not in known)
    if others:
        groups.append(Grouped(visit.say("team.objective_none") if groups else visit.say("team.targets"), None, others))
    return TeamPage(visit.say("team.title"), tuple(groups), visit.may_set_targets, with_ended, (_sheet(visit, found),))


@dataclass(frozen=True)
class NewPage:
    """The form of a target, and what it would be."""

    title: str
    kpi: Kpi | None
    kpis: tuple[Kpi, ...]
    dimensions: tuple[str, ...]
    objectives: tuple[Objective, ...]
    people: tuple[tuple[str, str], ...]
    preview: Aimed | None
    chart: Chart | None
    fault: tuple[str, str | None] | None
    sheets: tuple[Sheet, ...]


@ROUTES.page(f"{PATH}/new", (Capability.SEE_KPIS, Capability.SET_TARGETS), "team_new.html")
def new(visit: Visit) -> NewPage:
    visit.workspace.scope.check_whole()
    known, desk = visit.workspace.kpis, _desk(visit)
    found = known.get(visit.asked("kpi"))
    preview, chart, fault = None, None, None
    if found is not None and visit.asked("value"):
        try:
            checked = desk.preview(_wanted(visit), visit.at)
            preview, chart = aimed(visit, checked, people(visit)), way_chart(visit, checked)
        except KeepwellError as error:
            fault = (visit.told(error.message), visit.told(error.hint) if error.hint else None)
    return NewPage(
        visit.say("team.set"),
        found,
        tuple(sorted(known.values(), key=lambda k: k.title[visit.locale])),
        tuple(d for d in found.dimensions if d != "age") if found else (),
        tuple(desk.objectives()),
        tuple(sorted(people(visit).items(), key=lambda p: p[1])),
        preview,
        chart,
        fault,
        (chart.sheet,) if chart else (),
    )


def _wanted(visit: Visit) -> Wanted:
    dimension, member = visit.asked("dimension"), visit.asked("member")
    return Wanted(
        visit.asked("kpi"), visit.asked("value"), visit.asked("by"), f"{dimension}={member}" if dimension else None,
        visit.asked("owner") or None, visit.asked("reason") or None, visit.asked("objective") or None, visit.asked("change") or None,
    )  # fmt: skip


@ROUTES.post(f"{PATH}/targets", (Capability.SEE_KPIS, Capability.SET_TARGETS))
def set_one(  # noqa: PLR0913, PLR0917 - the fields of the form
    visit: Here,
    kpi: Annotated[str, Form()] = "",
    value: Annotated[str, Form()] = "",
    by: Annotated[str, Form()] = "",
    dimension: Annotated[str, Form()] = "",
    member: Annotated[str, Form()] = "",
    owner: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
    objective: Annotated[str, Form()] = "",
    change: Annotated[str, Form()] = "",
) -> Response:
    """Set it as the preview showed it."""
    wanted = Wanted(
        kpi, value, by, f"{dimension}={member}" if dimension else None, owner or None, reason or None, objective or None, change or None
    )
    made = _desk(visit).set(visit.at, visit.actor, wanted)
    return redirect(f"{PATH}/targets/{made.target.target_id}")


@dataclass(frozen=True)
class TargetPage:
    """A target: how it stands, the way, the check, its versions."""

    title: str
    aimed: Aimed
    chart: Chart | None
    versions: tuple[tuple[str, ...], ...]
    may_set: bool
    change_href: str
    sheets: tuple[Sheet, ...]


@ROUTES.page(f"{PATH}/targets/{{target_id}}", Capability.SEE_KPIS, "team_target.html")
def show_one(visit: Visit) -> TargetPage:
    desk = _desk(visit)
    found = kept(visit, desk, desk.known(visit.request.path_params["target_id"]))
    told, chart = aimed(visit, found, people(visit)), way_chart(visit, found)
    return TargetPage(
        told.title,
        told,
        chart,
        tuple(_versions(visit, found.target, found.kpi)),
        visit.may_set_targets,
        _change(found),
        (chart.sheet,),
    )


def _versions(visit: Visit, found: Target, kpi: Kpi) -> list[tuple[str, ...]]:
    return [
        (
            str(v.version),
            visit.moment(v.set_at),
            visit.figure(v.aim.value, kpi.unit),
            ""
            if v.baseline is None
            else visit.say("team.baseline_of", value=visit.figure(v.baseline, kpi.unit), period=v.baseline_period or ""),
            v.change or v.aim.reason or "",
        )
        for v in reversed(found.versions)
    ]


def _change(found: Checked) -> str:
    aim = found.target.aim
    told = {
        "kpi": aim.kpi, "value": f"{aim.value.normalize():f}", "by": aim.period, "dimension": aim.slice.dimension, "member": aim.slice.member,
        "owner": aim.owner_id, "reason": aim.reason, "objective": aim.objective_id, "is_change": "yes",
    }  # fmt: skip
    return f"{PATH}/new?{urlencode({k: v for k, v in told.items() if v})}"


@ROUTES.post(f"{PATH}/targets/{{target_id}}/end", (Capability.SEE_KPIS, Capability.SET_TARGETS))
def end_one(visit: Here, target_id: str, reason: Annotated[str, Form()] = "") -> Response:
    """It counts no more; its page offers to take that back."""
    _desk(visit).end(visit.at, visit.actor, target_id, reason)
    return redirect(f"{PATH}/targets/{quote(target_id)}")


@ROUTES.post(f"{PATH}/targets/{{target_id}}/resume", (Capability.SEE_KPIS, Capability.SET_TARGETS))
def resume_one(visit: Here, target_id: str) -> Response:
    """It counts again."""
    _desk(visit).resume(visit.at, visit.actor, target_id)
    return redirect(f"{PATH}/targets/{quote(target_id)}")


@ROUTES.post(f"{PATH}/objectives", (Capability.SEE_KPIS, Capability.SET_TARGETS))
def add_objective(visit: Here, title: Annotated[str, Form()] = "") -> Response:
    """Add an objective, the own one."""
    _desk(visit).add_objective(visit.at, visit.actor, title, visit.who.user_id)
    return redirect(PATH)


def _desk(visit: Visit) -> Targets:
    return Targets(visit.workspace, visit.site.store)


def _sheet(visit: Visit, found: Sequence[Checked]) -> Sheet:
    rows = []
    for c in found:
        aim, stands = c.target.aim, c.standing
        rows.append(
            [aim.kpi, str(aim.slice.kind), aim.slice.member, aim.period, c.target.now.baseline, stands.value, stands.expected, aim.value,
             stands.forecast.value if stands.forecast else None, stands.probability, str(stands.state)]
        )  # fmt: skip
    words = {"scope": "of_whom", "member": "of_whom", "period": "by", "value": "now", "target": "aim"}
    return Sheet("targets", tuple(Column(n, visit.say(f"team.{words.get(n, n)}"), n not in TEXTS) for n in COLUMNS), rows)
