"""One KPI: its trend, its break-down, why it changed, what it means, and the rows behind it."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from keepwell.access.roles import Capability
from keepwell.core.errors import KeepwellError, did_you_mean
from keepwell.metrics.drivers import Driver
from keepwell.metrics.kpi import Kpi
from keepwell.metrics.reading import Status
from keepwell.surfaces.answers import Definition
from keepwell.surfaces.sentences import by_in_words, member_in_words, sentence, signed, telling_way
from keepwell.surfaces.targets import Targets
from keepwell.surfaces.web.aimed import Aimed, aimed, kept, lines, people
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.kpi_charts import breakdown_chart, trend_chart, waterfall_chart
from keepwell.surfaces.web.marks import Happened, happened, marks
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.picked import Picked, picked
from keepwell.surfaces.web.pinned import pins
from keepwell.surfaces.web.readings import at, broken_down, explained, series, up_to
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.rows import Evidence, evidence
from keepwell.surfaces.web.shown import Shown, shown
from keepwell.surfaces.web.tables import Sheet
from keepwell.surfaces.web.visit import Here, Visit, whole_or

ROUTES = PageRoutes()
PAGE = Page("kpi", "/kpi", Capability.SEE_KPIS, ROUTES, group=1, is_in_navigation=False)
CHANCE = 0.05
TREND_PERIODS = 36


@dataclass(frozen=True)
class KpiPage:
    """All that a KPI's page shows at once; break-down, reasons and definition follow as they are ready."""

    title: str
    kpi: Kpi
    picked: Picked
    reading: Shown | None
    trend: Chart
    events: tuple[Happened, ...]
    dimensions: tuple[str, ...]
    by: str
    member: str
    query: str
    is_pinned: bool
    targets: tuple[Aimed, ...]
    may_set_targets: bool
    sheets: tuple[Sheet, ...]


@ROUTES.page("/kpi/{name}", Capability.SEE_KPIS, "kpi.html")
def show(visit: Visit) -> KpiPage:
    found, which = _kpi(visit), picked(visit)
    readings = series(visit, which.grain, {found.name}).get(found.name, ())
    until = up_to(readings, which.period.label)
    reading = at(readings, which.period.label)
    dimensions = tuple(d for d in found.dimensions if d != "age")
    by = visit.asked("by") if visit.asked("by") in dimensions else next(iter(dimensions), "")
    shown_readings = (until or list(readings))[-TREND_PERIODS:]
    events = happened(visit, found, shown_readings)
    desk = Targets(visit.workspace, visit.site.store)
    aims = [kept(visit, desk, t) for t in desk.seen(of_kpi=found.name)]
    names = people(visit) if aims else {}
    chart = trend_chart(visit, found, shown_readings, events=marks(visit, events), targets=lines(visit, aims, which.grain))
    query = urlencode({"period": which.period.label, "compare": which.compare})
    return KpiPage(
        title=found.title[visit.locale],
        kpi=found,
        picked=which,
        reading=shown(reading, found, until, visit, which.compare) if reading else None,
        trend=chart,
        events=events,
        dimensions=dimensions,
        by=by,
        member=visit.asked("member"),
        query=query,
        is_pinned=found.name in pins(visit).names,
        targets=tuple(aimed(visit, c, names) for c in aims),
        may_set_targets=visit.may_set_targets,
        sheets=(chart.sheet,),
    )


@dataclass(frozen=True)
class BreakdownPart:
    """The members of a dimension, and how many of their differences chance would make."""

    title: str
    chart: Chart
    real: int
    compared: int
    by_chance: float
    too_few: int
    sheets: tuple[Sheet, ...]


@ROUTES.page("/kpi/{name}/by/{dimension}", Capability.SEE_KPIS, "parts/breakdown.html")
def by_dimension(visit: Visit) -> BreakdownPart:
    found, which, dimension = _kpi(visit), picked(visit), visit.request.path_params["dimension"]
    if dimension not in found.dimensions:
        raise NotFoundError(visit.say("kpi.no_dimension", name=dimension))
    readings = broken_down(visit, found, which.grain, dimension, which.period.label)
    chart = breakdown_chart(visit, found, readings, dimension, which.period.label)
    changes = [r.change_previous_is_real for r in readings if r.change_previous_is_real is not None and r.status is Status.OK]
    return BreakdownPart(
        chart.title,
        chart,
        sum(changes),
        len(changes),
        len(changes) * CHANCE,
        sum(r.status is Status.TOO_FEW for r in readings),
        (chart.sheet,),
    )


@dataclass(frozen=True)
class Decomposed:
    """One way to take the change apart: its name, and whether it is the one that is shown."""

    by: str
    index: int
    is_shown: bool
    reason: str | None


@dataclass(frozen=True)
class WhyPart:
    """Why the KPI changed: a sentence, parts that add up, and other ways to take the change apart."""

    title: str
    sentence: str
    chart: Chart | None
    ways: tuple[Decomposed, ...]
    missing: str | None
    sheets: tuple[Sheet, ...]


@ROUTES.page("/kpi/{name}/why", Capability.SEE_KPIS, "parts/why.html")
def why(visit: Visit) -> WhyPart:
    found, which = _kpi(visit), picked(visit)
    title = visit.say("kpi.why")
    if which.before is None:
        return WhyPart(title, visit.say("kpi.no_earlier"), None, (), None, ())
    try:
        told = explained(visit, found, which.period.label, which.before.label)
    except KeepwellError as error:
        return WhyPart(title, visit.told(error.message), None, (), visit.told(error.hint), ())
    parts = [d for d in told.decompositions if d.parts]
    asked = whole_or(visit.asked("way"), 0)
    index = asked if asked < len(parts) else 0
    ways = tuple(Decomposed(by_in_words(d.by, visit.settings), i, i == index, d.reason) for i, d in enumerate(parts))
    chart = waterfall_chart(visit, found, told, parts[index]) if parts else None
    reasons = "; ".join(f"{d.by}: {d.reason}" for d in told.decompositions if d.reason and not d.parts)
    return WhyPart(title, sentence(told, found, visit.settings), chart, ways, reasons or None, (chart.sheet,) if chart else ())


@ROUTES.get("/kpi/{name}/reason", Capability.SEE_KPIS)
def reason(visit: Here) -> Response:
    """The reason of a change in one line, for the Overview."""
    found, which = _kpi(visit), picked(visit)
    words = ""
    if which.before is not None:
        try:
            words = _reason(visit, found, which)
        except KeepwellError as error:
            words = visit.told(error.message)
    return visit.html("parts/reason.html", words=words)


def _reason(visit: Visit, found: Kpi, which: Picked) -> str:
    told = explained(visit, found, which.period.label, which.before.label if which.before else "")
    largest = telling_way(told)
    if largest is None or not told.change:
        return visit.say("kpi.no_reason")
    top = sorted(largest.parts, key=lambda p: -abs(p.amount))[:2]
    return visit.say(
        "kpi.reason",
        by=by_in_words(largest.by, visit.settings),
        parts=visit.say("kpi.and").join(_part(visit, found, p, largest.by) for p in top),
    )


def _part(visit: Visit, found: Kpi, part: Driver, by: str) -> str:
    return f"{member_in_words(part, visit.settings, by)} {signed(part.amount, found.unit, visit.settings)}"


@dataclass(frozen=True)
class DefinitionPart:
    """What the KPI means, how it is computed, from what, and how complete that is."""

    title: str
    definition: Definition
    json: dict[str, object]
    sheets: tuple[Sheet, ...] = ()


@ROUTES.page("/kpi/{name}/definition", Capability.SEE_KPIS, "parts/definition.html")
def definition(visit: Visit) -> DefinitionPart:
    found = _kpi(visit)
    run = visit.run_or_none
    told = visit.kept(
        ("definition", run.run_id if run else None, found.name, found.definition_hash), lambda: visit.workspace.definition(found.name)
    )
    return DefinitionPart(visit.say("definition"), told, told.to_json())


@ROUTES.page("/kpi/{name}/rows", (Capability.SEE_KPIS, Capability.SEE_CUSTOMERS), "parts/rows.html")
def rows(visit: Visit) -> Evidence:
    """The rows behind a reading, numerator and denominator apart."""
    found, which = _kpi(visit), picked(visit)
    return evidence(visit, found, which)


def _kpi(visit: Visit) -> Kpi:
    name = visit.request.path_params["name"]
    known = visit.workspace.kpis
    if name not in known:
        raise NotFoundError(visit.say("kpi.unknown", name=name), did_you_mean(name, known))
    return known[name]
