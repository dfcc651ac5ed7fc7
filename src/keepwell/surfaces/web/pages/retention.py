"""Retention: who comes back, cohort by cohort, and whether two groups differ."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from keepwell.access.roles import Capability
from keepwell.engine.sql import literal, quoted
from keepwell.metrics.intervals import of_difference
from keepwell.metrics.kpi import Kpi, Unit
from keepwell.metrics.reading import Reading
from keepwell.surfaces.web.charts import Chart, Point, trend
from keepwell.surfaces.web.page import Page
from keepwell.surfaces.web.paged import PageRoutes
from keepwell.surfaces.web.readings import cohorts
from keepwell.surfaces.web.readings import members as members_of
from keepwell.surfaces.web.refusals import NotFoundError
from keepwell.surfaces.web.saved_views import Menu, menu
from keepwell.surfaces.web.tables import Column, Sheet
from keepwell.surfaces.web.visit import Visit

ROUTES = PageRoutes()
PAGE = Page("retention", "/retention", Capability.SEE_KPIS, ROUTES, group=1, filters=("measure", "by", "first", "second"))

MEASURES = {"classic": "cohort_retention_classic", "unbounded": "cohort_retention_unbounded"}
Z = 1.959963984540054
MOST_COHORTS, MOST_LINES = 24, 6
HALF = Decimal("0.5")
Triangle = Mapping[str, Mapping[int, Reading]]


@dataclass(frozen=True)
class Choice:
    """A member that two groups can be told apart by."""

    value: str
    label: str


@dataclass(frozen=True)
class RetentionPage:
    """All that Retention shows."""

    title: str
    measure: str
    meaning: str
    charts: tuple[Chart, ...]
    median: str
    dimensions: tuple[Choice, ...]
    by: str
    members: tuple[Choice, ...]
    first: str
    second: str
    comparison: Chart | None
    verdict: str
    views: Menu
    sheets: tuple[Sheet, ...]


@dataclass(frozen=True)
class Pooled:
    """Of all cohorts that reached an age: how many there were and how many came back."""

    age: int
    size: Decimal
    active: Decimal

    @property
    def share(self) -> float:
        return float(self.active / self.size)

    @property
    def variance(self) -> float:
        return self.share * (1 - self.share) / float(self.size)


@ROUTES.page("/retention", Capability.SEE_KPIS, "retention.html")
def retention(visit: Visit) -> RetentionPage:
    measure = visit.asked("measure", "classic")
    if measure not in MEASURES:
        raise NotFoundError(visit.say("retention.unknown", measure=measure))
    kpi = visit.workspace.kpis[MEASURES[measure]]
    whole = _triangle(cohorts(visit, kpi))
    charts = (_heat(visit, kpi, whole), _curves(visit, whole), _survival(visit)) if whole else ()
    dimensions = tuple(Choice(d, visit.dimension(d)) for d in kpi.dimensions if d != "age")
    by = visit.asked("by") if visit.asked("by") in kpi.dimensions else ""
    comparison, verdict, members, chosen = _compared(visit, kpi, by) if by and whole else (None, "", (), ("", ""))
    shown = tuple(c for c in (*charts, comparison) if c is not None)
    return RetentionPage(
        visit.say("retention.title"), measure, kpi.meaning[visit.locale], tuple(c for c in charts if c is not None), _median(visit), dimensions, by,
        tuple(Choice(m, visit.label(by, m)) for m in members), *chosen, comparison, verdict, menu(visit, PAGE), tuple(c.sheet for c in shown),
    )  # fmt: skip


def _triangle(readings: Sequence[Reading]) -> Triangle:
    found: dict[str, dict[int, Reading]] = defaultdict(dict)
    for r in readings:
        if r.member is not None and r.member.isdecimal() and r.value is not None:
            found[r.period][int(r.member)] = r
    return {period: found[period] for period in sorted(found)[-MOST_COHORTS:]}


def _heat(visit: Visit, kpi: Kpi, whole: Triangle) -> Chart:
    """A cell that is not over is not there: it is no low number."""
    ages = sorted({a for cells in whole.values() for a in cells})
    periods = list(whole)
    cells = [
        {
            "x": ages.index(age), "y": periods.index(period), "value": float(r.value or 0), "label": f"{float(r.value or 0):.0%}",
            "title": visit.say("retention.cell", cohort=period, age=age), "words": _words(visit, r, kpi),
            "href": f"/kpi/{kpi.name}/rows?period={period}&by=age&member={age}",
        }
        for period, found in whole.items() for age, r in found.items()
    ]  # fmt: skip
    heads = (
        Column("cohort", visit.say("retention.cohort")),
        Column("customers", visit.say("retention.customers"), is_number=True),
        *(Column(f"month_{a}", str(a), is_number=True) for a in ages),
    )
    rows = [[p, found[min(found)].n, *(found[a].value if a in found else None for a in ages)] for p, found in whole.items()]
    figures = [
        [p, f"{found[min(found)].n:,}", *(visit.figure(found[a].value or 0, Unit.SHARE) if a in found else "" for a in ages)]
        for p, found in whole.items()
    ]
    drawn = {"columns": [str(a) for a in ages], "rows": periods, "cells": cells, "x": visit.say("retention.months"), "y": "", "light": True}
    return Chart(
        "triangle",
        visit.say("retention.triangle"),
        "heat",
        drawn,
        Sheet("triangle", heads, rows),
        note=visit.say("retention.empty_cells"),
        height="high",
        figures=figures,
    )


def _words(visit: Visit, r: Reading, kpi: Kpi) -> str:
    interval = (
        "" if r.ci_low is None or r.ci_high is None else f" ({visit.figure(r.ci_low, kpi.unit)} – {visit.figure(r.ci_high, kpi.unit)})"
    )
    return f"{visit.figure(r.value or 0, kpi.unit)}{interval}, {visit.say('retention.of', active=_count(r.numerator), size=_count(r.denominator))}"


def _count(value: Decimal | None) -> str:
    return "—" if value is None else f"{value:,.0f}"


def _curves(visit: Visit, whole: Triangle) -> Chart:
    """The newest cohorts, and all together."""
    newest = list(whole)[-MOST_LINES + 1 :]
    lines = [{"name": visit.say("retention.all"), "points": [_point(visit, p) for p in pooled(whole)]}]
    for period in newest:
        points = [Point(str(a), float(r.value or 0), visit.figure(r.value or 0, Unit.SHARE)) for a, r in sorted(whole[period].items())]
        lines.append({"name": period, "points": trend(points)["points"]})
    ages = sorted({a for cells in whole.values() for a in cells})
    by_age = {p.age: p for p in pooled(whole)}
    rows = [[a, by_age[a].share if a in by_age else None, *(whole[p][a].value if a in whole[p] else None for p in newest)] for a in ages]
    heads = (
        Column("age_months", visit.say("retention.months"), is_number=True),
        Column("all", visit.say("retention.all"), is_number=True),
        *(Column(p, p, is_number=True) for p in newest),
    )
    figures = [[str(r[0]), *("" if v is None else visit.figure(v, Unit.SHARE) for v in r[1:])] for r in rows]
    return Chart(
        "curves", visit.say("retention.curves"), "trend", {"lines": lines, "share": True}, Sheet("curves", heads, rows), figures=figures
    )


def pooled(whole: Triangle) -> list[Pooled]:
    """All cohorts together, each at the ages that it has reached."""
    size: dict[int, Decimal] = defaultdict(Decimal)
    active: dict[int, Decimal] = defaultdict(Decimal)
    for cells in whole.values():
        for age, r in cells.items():
            size[age] += r.denominator or 0
            active[age] += r.numerator or 0
    return [Pooled(a, size[a], active[a]) for a in sorted(size) if size[a]]


def _point(visit: Visit, p: Pooled) -> dict[str, object]:
    half = Z * p.variance**0.5
    return {
        "at": str(p.age), "value": p.share, "words": f"{visit.figure(p.share, Unit.SHARE)}, {visit.say('retention.of', active=_count(p.active), size=_count(p.size))}",
        "low": max(0.0, p.share - half), "high": min(1.0, p.share + half), "open": False, "href": None,
    }  # fmt: skip


def _survival(visit: Visit) -> Chart | None:
    """How many are not gone for good: who bought at that age or later."""
    found = pooled(_triangle(cohorts(visit, visit.workspace.kpis[MEASURES["unbounded"]])))
    if not found:
        return None
    line = {"name": "", "points": [_point(visit, p) for p in found], "step": True}
    heads = (
        Column("age_months", visit.say("retention.months"), is_number=True),
        Column("share", visit.say("retention.still"), is_number=True),
        Column("active", visit.say("retention.active"), is_number=True),
        Column("size", visit.say("retention.customers"), is_number=True),
    )
    rows = [[p.age, p.share, p.active, p.size] for p in found]
    figures = [[str(p.age), visit.figure(p.share, Unit.SHARE), _count(p.active), _count(p.size)] for p in found]
    half = [(visit.say("retention.half"), 0.5, "benchmark")]
    drawn = {"lines": [line], "share": True, "targets": [{"name": n, "value": v, "style": s} for n, v, s in half]}
    return Chart(
        "survival", visit.say("retention.survival"), "trend", drawn, Sheet("survival", heads, rows), note=_median(visit), figures=figures
    )


def _median(visit: Visit) -> str:
    found = pooled(_triangle(cohorts(visit, visit.workspace.kpis[MEASURES["unbounded"]])))
    below = next((p.age for p in found if p.active / p.size < HALF), None)
    if not found:
        return ""
    return visit.say("retention.median", months=below) if below is not None else visit.say("retention.no_median", months=found[-1].age)


def _compared(visit: Visit, kpi: Kpi, by: str) -> tuple[Chart | None, str, tuple[str, ...], tuple[str, str]]:
    """Two members side by side; at the oldest age that both reached with enough, whether they differ."""
    members = members_of(visit, by)
    first, second = visit.asked("first") or next(iter(members), ""), visit.asked("second") or next(iter(members[1:]), "")
    if not first or not second or first not in members or second not in members:
        return None, visit.say("retention.choose"), members, (first, second)
    found = {m: pooled(_triangle(cohorts(visit, kpi, f"{quoted(by)} = {literal(m)}"))) for m in (first, second)}
    words = {m: visit.label(by, m) for m in found}
    lines = [{"name": words[m], "points": [_point(visit, p) for p in points]} for m, points in found.items()]
    ages = sorted({p.age for points in found.values() for p in points})
    by_age = {m: {p.age: p for p in points} for m, points in found.items()}
    rows = [[a, *(by_age[m][a].share if a in by_age[m] else None for m in found)] for a in ages]
    heads = (Column("age_months", visit.say("retention.months"), is_number=True), *(Column(m, words[m], is_number=True) for m in found))
    figures = [[str(r[0]), *("" if v is None else visit.figure(v, Unit.SHARE) for v in r[1:])] for r in rows]
    chart = Chart(
        "compared",
        visit.say("retention.compared", first=words[first], second=words[second]),
        "trend",
        {"lines": lines, "share": True, "bands": True},
        Sheet("compared", heads, rows),
        figures=figures,
    )
    return chart, _verdict(visit, (first, second), words, by_age), members, (first, second)


def _verdict(visit: Visit, two: tuple[str, str], words: Mapping[str, str], by_age: Mapping[str, Mapping[int, Pooled]]) -> str:
    first, second = two
    both = [a for a in by_age[first] if a > 0 and a in by_age[second]]
    age = 3 if 3 in both else max(both, default=None)
    if age is None:
        return visit.say("retention.too_young")
    one, other = by_age[first][age], by_age[second][age]
    difference = one.share - other.share
    interval = of_difference(difference, one.variance + other.variance)
    if interval is None:
        return visit.say("retention.too_young")
    name = "differ" if interval.low > 0 or interval.high < 0 else "alike"
    return visit.say(
        f"retention.{name}",
        first=words[first],
        second=words[second],
        age=age,
        difference=visit.points(difference),
        low=visit.points(interval.low),
        high=visit.points(interval.high),
    )
