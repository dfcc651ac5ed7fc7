"""The Overview: how it stands, what has changed and is real, what is to do today."""

from dataclasses import dataclass
from decimal import Decimal

from keepwell.access.roles import Capability
from keepwell.metrics.kpi import Kpi, Unit
from keepwell.surfaces.web.changes import Changes, found_changes
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.kpi_charts import trend_chart
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.picked import Picked, picked
from keepwell.surfaces.web.pinned import Pins, pins
from keepwell.surfaces.web.readings import Series, at, series, up_to
from keepwell.surfaces.web.shown import Shown, shown
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.todo import WAITING, Todos, todos
from keepwell.surfaces.web.visit import Visit

ROUTES = PageRoutes()
PAGE = Page("overview", "/", Capability.SEE_KPIS, ROUTES, group=1)

BASE = ("new_customers", "reactivated_customers", "active_customers", "dormant_customers")
# where a person sees a part of the company, these are looked at for changes, for each of them is computed
TOLD_OF = ("average_order_value", "complaint_rate_orders", "resolution_time", "churn_rate", "discount_rate", "contact_coverage")
MOST_CHANGES, MONTHS = 6, 12


@dataclass(frozen=True)
class OverviewPage:
    """All that the Overview shows; without a run it is the start of a new workspace."""

    title: str
    picked: Picked
    has_data: bool
    has_run: bool
    tiles: tuple[Shown, ...]
    changes: Changes
    shown_changes: int
    todos: Todos
    charts: tuple[Chart, ...]
    sheets: tuple[Sheet, ...]


@ROUTES.page("/", Capability.SEE_KPIS, "overview.html")
def overview(visit: Visit) -> OverviewPage:
    known, which, top = visit.workspace.kpis, picked(visit), pins(visit)
    found = _series(visit, which, top)
    tiles = _tiles(visit, known, found, which, top)
    changes = found_changes(visit, known, found, which)
    charts = tuple(c for c in (_base(visit, known, found, which), _revenue(visit, known, found, which)) if c is not None)
    return OverviewPage(
        title=visit.say("overview.title"),
        picked=which,
        has_data=bool(visit.workspace.lake.snapshot().versions),
        has_run=visit.run_or_none is not None,
        tiles=tiles,
        changes=changes,
        shown_changes=MOST_CHANGES,
        todos=todos(visit, known, found, which, waits=False),
        charts=charts,
        sheets=(_readings_sheet(visit, tiles), *(c.sheet for c in charts)),
    )


@dataclass(frozen=True)
class TodoPart:
    """What is to do, for an Overview that did not wait for the customers."""

    title: str
    todos: Todos
    sheets: tuple[Sheet, ...] = ()


@ROUTES.page("/todo", Capability.SEE_KPIS, "parts/todo.html")
def todo(visit: Visit) -> TodoPart:
    """All that is to do; the first to ask after an import or a refresh waits until the customers are in memory."""
    which = picked(visit)
    return TodoPart(visit.say("overview.todo"), todos(visit, visit.workspace.kpis, _series(visit, which, pins(visit)), which, waits=True))


def _series(visit: Visit, which: Picked, top: Pins) -> Series:
    return series(visit, which.grain, {*top.in_turn, *BASE, *WAITING, *TOLD_OF})


def _tiles(visit: Visit, known: dict[str, Kpi], found: Series, which: Picked, top: Pins) -> tuple[Shown, ...]:
    made: list[Shown] = []
    for name in top.in_turn:
        if name not in known or len(made) == top.places:
            continue
        reading = at(found.get(name, ()), which.period.label)
        if known[name].measure.models and (reading is None or reading.value is None):
            # what models expect is known of the run's own period only
            reading = next((r for r in reversed(found.get(name, ())) if r.value is not None), None)
        if reading is not None:
            made.append(shown(reading, known[name], up_to(found[name], reading.period), visit, which.compare))
    return tuple(made)


def _readings_sheet(visit: Visit, tiles: tuple[Shown, ...]) -> Sheet:
    columns = ("kpi", "period", "value", "ci_low", "ci_high", "n", "change_previous", "change_previous_is_real")
    rows = [[getattr(t.exact, c) for c in columns] for t in tiles]
    return Sheet("readings", tuple(Column(c, visit.say(f"column.{c}"), c not in {"kpi", "period"}) for c in columns), rows)


def _base(visit: Visit, known: dict[str, Kpi], found: Series, which: Picked) -> Chart | None:
    """Who is active, new, back and asleep: the catalogue's own numbers, one above the other."""
    active = up_to(found.get("active_customers", ()), which.period.label)[-MONTHS:]
    if not active or "active_customers" not in known:
        return None
    places = [r.period for r in active]

    def values(name: str) -> list[Decimal | None]:
        by = {r.period: r.value for r in found.get(name, ())}
        return [by.get(p) for p in places]

    new, back, all_active, asleep = (values(n) for n in BASE)
    going_on = [None if a is None else a - (n or 0) - (b or 0) for a, n, b in zip(all_active, new, back, strict=True)]
    layers = [("going_on", going_on, 0), ("new", new, 1), ("back", back, 3), ("asleep", asleep, 5)]
    layers = [layer for layer in layers if any(v is not None for v in layer[1])]
    figures = [
        [p, *("" if layer[1][i] is None else visit.figure(layer[1][i] or 0, Unit.COUNT) for layer in layers)] for i, p in enumerate(places)
    ]
    sheet = Sheet(
        "base",
        (Column("period", visit.say("period")), *(Column(name, visit.say(f"overview.{name}"), is_number=True) for name, _, _ in layers)),
        [[p, *(layer[1][i] for layer in layers)] for i, p in enumerate(places)],
    )
    drawn = {
        "places": places,
        "layers": [
            {
                "name": visit.say(f"overview.{name}"),
                "colour": colour,
                "values": [None if v is None else float(v) for v in values_],
                "words": ["" if v is None else visit.figure(v, Unit.COUNT) for v in values_],
            }
            for name, values_, colour in layers
        ],
    }
    return Chart("base", visit.say("overview.base"), "stack", drawn, sheet, note=visit.say("overview.base_note"), figures=figures)


def _revenue(visit: Visit, known: dict[str, Kpi], found: Series, which: Picked) -> Chart | None:
    name = "revenue" if "revenue" in found else "mrr" if "mrr" in found else None
    if name is None or name not in known:
        return None
    return trend_chart(visit, known[name], up_to(found[name], which.period.label), name="money")
