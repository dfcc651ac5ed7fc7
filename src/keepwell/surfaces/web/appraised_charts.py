"""Charts of a round of appraisals: how totals are spread, and a funnel for each KPI that is compared fairly."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

from keepwell.metrics.kpi import Unit
from keepwell.performance.appraisals.frozen import Kept
from keepwell.performance.appraisals.plan import PlanItem
from keepwell.surfaces.appraisal_sight import ShownRound
from keepwell.surfaces.appraised import row_of
from keepwell.surfaces.rounds import BANDS
from keepwell.surfaces.web.charts import Chart
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

INNER, OUTER = 1.959964, 3.090232  # standard errors: 95 and 99.8 of 100 cases
STEPS = 40  # of the funnel's lines


def spread_chart(visit: Visit, found: ShownRound) -> Chart | None:
    """Totals by tens: of those whom one sees, or, of who sees only the own, the published ones of everybody without names."""
    totals = [t for t in (row_of(s)["total"] for s in found.shown) if t is not None]
    if len(found.shown) > 1:
        counts = [sum(min(BANDS - 1, int(t // (100 / BANDS))) == band for t in totals) for band in range(BANDS)]
    elif found.bands is not None:
        counts = list(found.bands)
    else:
        return None
    if not any(counts):
        return None
    width = 100 // BANDS
    places = [f"{band * width} – {band * width + width}" for band in range(BANDS)]
    name = visit.say("appraisals.how_many")
    drawn = {
        "places": places,
        "groups": [{"name": name, "values": counts, "words": [str(c) for c in counts]}],
        "x": visit.say("appraisals.total"),
    }
    columns = (Column("from", visit.say("appraisals.total")), Column("count", name, True))
    rows = [[band * width, c] for band, c in enumerate(counts)]
    figures = [[place, str(c)] for place, c in zip(places, counts, strict=True)]
    return Chart("spread", visit.say("appraisals.spread"), "columns", drawn, Sheet("spread", columns, rows), height="low", figures=figures)


def funnel_charts(visit: Visit, found: ShownRound) -> list[Chart]:
    """A funnel for each KPI of which a fair comparison is frozen: between its lines chance alone may put one with so many results."""
    made = []
    for item in found.round.plan.items:
        compared = found.round.compared.get(item.name)
        kept = [(s.appraisal.name, k) for s in found.shown if (k := s.appraisal.kept.get(item.name)) is not None and k.observed is not None]
        if compared and kept:
            made.append(_funnel(visit, item, compared, kept))
    return made


def _funnel(visit: Visit, item: PlanItem, compared: dict[str, Any], kept: Sequence[tuple[str, Kept]]) -> Chart:
    known = visit.workspace.kpis.get(item.name)
    unit = known.unit if known else Unit.SHARE
    mean, one = compared["mean"], compared["one"]
    most = max(k.n for _, k in kept) * 1.15
    least = max(1.0, min(k.n for _, k in kept) * 0.6)
    sizes = [least + (most - least) * step / STEPS for step in range(STEPS + 1)]
    lines = [
        {
            "name": visit.say(f"appraisals.funnel_{sure}"),
            "dashed": sure == "outer",
            "points": [[n, _within(mean + side * times * one / sqrt(n), unit)] for n in sizes],
        }
        for sure, times in (("inner", INNER), ("outer", OUTER))
        for side in (-1, 1)
    ]
    rows = [[name, k.n, mean + (k.observed or 0) - (k.expected or 0), float(k.value or 0)] for name, k in kept]
    points = [{"name": r[0], "n": r[1], "value": r[2], "words": f"{visit.figure(r[2], unit)} · n = {r[1]:,}"} for r in rows]
    columns = (
        Column("name", visit.say("appraisals.name")),
        Column("n", visit.say("appraisals.n"), True),
        Column("adjusted", visit.say("appraisals.adjusted"), True),
        Column("fair", visit.say("appraisals.fair"), True),
    )
    figures = [[r[0], f"{r[1]:,}", visit.figure(r[2], unit), visit.figure(r[3], unit)] for r in rows]
    drawn = {
        "points": points, "lines": lines, "mean": mean, "mean_words": visit.say("appraisals.mean", value=visit.figure(mean, unit)),
        "share": unit is Unit.SHARE, "x": visit.say("appraisals.n"), "from": least, "to": most,
    }  # fmt: skip
    title = visit.say("appraisals.funnel_of", title=item.title[visit.locale])
    return Chart(
        f"funnel-{item.name}", title, "funnel", drawn, Sheet(f"funnel-{item.name}", columns, rows),
        note=visit.say("appraisals.funnel_note"), figures=figures,
    )  # fmt: skip


def _within(value: float, unit: Unit) -> float:
    # no share lies beyond 0 and 1, whatever the normal curve says
    return min(1.0, max(0.0, value)) if unit is Unit.SHARE else value
