"""The Scorecard: every KPI over the last periods, by perspective."""

from collections.abc import Sequence
from dataclasses import dataclass

from keepwell.access.roles import Capability
from keepwell.metrics.kpi import Kpi
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.picked import Picked, picked
from keepwell.surfaces.web.readings import Series, at, series, up_to
from keepwell.surfaces.web.saved_views import Menu, menu
from keepwell.surfaces.web.shown import Shown, shown
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

ROUTES = PageRoutes()
PAGE = Page("scorecard", "/scorecard", Capability.SEE_KPIS, ROUTES, group=1, filters=("grain", "period", "compare", "only"))

# the perspectives of a balanced scorecard -> the themes of the catalogue that belong to them
PERSPECTIVES = {
    "financial": ("value", "sales"),
    "customer": ("base", "retention", "satisfaction", "complaints", "relationship", "loyalty"),
    "process": ("service", "acquisition", "marketing"),
    "growth": ("people",),
}
OTHER = "other"
COLUMNS = (
    "kpi",
    "title",
    "period",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "status",
    "change_previous",
    "change_previous_is_real",
    "change_last_year",
    "change_last_year_is_real",
    "benchmark",
)


@dataclass(frozen=True)
class Group:
    """A perspective with its KPIs."""

    name: str
    title: str
    rows: tuple[Shown, ...]


@dataclass(frozen=True)
class ScorecardPage:
    """All that the Scorecard shows."""

    title: str
    picked: Picked
    only: str
    groups: tuple[Group, ...]
    counts: dict[str, int]
    without_data: int
    views: Menu
    sheets: tuple[Sheet, ...]


@ROUTES.page("/scorecard", Capability.SEE_KPIS, "scorecard.html")
def scorecard(visit: Visit) -> ScorecardPage:
    known, which, only = visit.workspace.kpis, picked(visit), visit.asked("only", "all")
    found = series(visit, which.grain)
    rows = {name: _row(visit, known[name], found, which) for name in known if at(found.get(name, ()), which.period.label)}
    counts = {tone: sum(r.chip.tone == tone for r in rows.values()) for tone in ("better", "worse")}
    groups = tuple(g for g in _groups(visit, known, [r for r in rows.values() if only in {"all", r.chip.tone}]) if g.rows)
    return ScorecardPage(
        visit.say("scorecard.title"),
        which,
        only,
        groups,
        counts | {"all": len(rows)},
        len(known) - len(rows),
        menu(visit, PAGE),
        (_sheet(visit, known, groups),),
    )


def _row(visit: Visit, kpi: Kpi, found: Series, which: Picked) -> Shown:
    reading = at(found[kpi.name], which.period.label)
    if reading is None:
        raise ValueError(f"{kpi.name} has no reading in {which.period.label}")
    return shown(reading, kpi, up_to(found[kpi.name], which.period.label), visit, which.compare)


def _groups(visit: Visit, known: dict[str, Kpi], rows: Sequence[Shown]) -> list[Group]:
    of_theme = {theme: name for name, themes in PERSPECTIVES.items() for theme in themes}
    made: dict[str, list[Shown]] = {name: [] for name in (*PERSPECTIVES, OTHER)}
    for row in rows:
        made[of_theme.get(known[row.kpi].theme, OTHER)].append(row)
    return [Group(name, visit.say(f"scorecard.{name}"), tuple(rows)) for name, rows in made.items()]


def _sheet(visit: Visit, known: dict[str, Kpi], groups: Sequence[Group]) -> Sheet:
    rows = []
    for r in (r for g in groups for r in g.rows):
        benchmark = known[r.kpi].benchmark
        rows.append(
            [
                r.kpi,
                r.title,
                *(getattr(r.exact, c) if c != "status" else str(r.exact.status) for c in COLUMNS[2:-1]),
                benchmark.value if benchmark else None,
            ]
        )
    texts = {"kpi", "title", "period", "status", "change_previous_is_real", "change_last_year_is_real"}
    return Sheet("scorecard", tuple(Column(c, visit.say(f"column.{c}"), c not in texts) for c in COLUMNS), rows)
