"""Appraisals as pages show them: figures and words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from keepwell.performance.appraisals.plan import Kind, PlanItem
from keepwell.surfaces.appraisal_sight import Shown
from keepwell.surfaces.appraised import result_json, row_of, trail_json
from keepwell.surfaces.web.visit import Visit

TONES = {"published": "better", "answered": "better", "approved": "better", "appealed": "worse", "returned": "warn"}
GRADE_TONES = {"excellent": "better", "good": "better", "fair": "warn", "poor": "worse"}


@dataclass(frozen=True)
class Told:
    """A number as people read it, and exactly."""

    words: str
    exact: float | None


@dataclass(frozen=True)
class Row:
    """An appraisal in one row."""

    appraisal_id: str
    subject: str
    name: str
    team: str
    state: str
    state_words: str
    tone: str
    total: Told
    interval: str
    grade: str
    grade_words: str
    grade_tone: str
    rank: Told
    among: int
    known: Told


@dataclass(frozen=True)
class ItemRow:
    """An item with all that its row shows; ``evidence`` is the address of the rows behind a KPI."""

    item: str
    kind: str
    title: str
    guidance: str
    weight: Told
    value: Told
    interval: str
    n: Told
    expected: str
    target: Told
    own_mark: Told
    mark: Told
    points: Told
    adds: Told
    without: str
    raters: tuple[str, ...]
    evidence: str


@dataclass(frozen=True)
class TrailRow:
    """A step in words."""

    number: int
    what: str
    at: str
    by: str
    words: str
    total: Told


def state_words(visit: Visit, state: str) -> str:
    """How far an appraisal is."""
    return visit.say(f"appraisals.is_{state}")


def row_in_words(visit: Visit, shown: Shown) -> Row:
    """An appraisal in one row, in figures and words."""
    told = row_of(shown)
    interval = "" if told["low"] is None or told["low"] == told["high"] else f"{told['low']:.1f} – {told['high']:.1f}"
    grade = told["grade"] or ""
    return Row(
        told["appraisal_id"],
        told["subject"],
        told["name"],
        told["team"] or "",
        told["state"],
        state_words(visit, told["state"]),
        TONES.get(told["state"], "none"),
        _one(told["total"]),
        interval,
        grade,
        visit.say(f"appraisals.grade_{grade}") if grade else "",
        GRADE_TONES.get(grade, "none"),
        Told("" if told["rank"] is None else str(told["rank"]), told["rank"]),
        told["among"],
        Told("" if told["known"] is None else f"{told['known']:.0f}", told["known"]),
    )


def items_in_words(visit: Visit, shown: Shown) -> list[ItemRow]:
    """The items of an appraisal in the plan's order."""
    items = {i.name: i for i in shown.appraisal.round.plan.items}
    return [_item(visit, shown, items[r["item"]], r) for r in result_json(shown)["rows"]]


def trail_in_words(visit: Visit, shown: Shown) -> list[TrailRow]:
    """The steps that this person may see, oldest first."""
    at = {s.number: s.at for s in shown.appraisal.steps}
    return [
        TrailRow(t["number"], state_words(visit, t["kind"]), visit.moment(at[t["number"]]), t["by"], t["words"] or "", _one(t["total"]))
        for t in trail_json(shown)
    ]


def _item(visit: Visit, shown: Shown, item: PlanItem, row: Mapping[str, Any]) -> ItemRow:
    low, high = row["low"], row["high"]
    figure = _figures(visit, item)
    has_interval = low is not None and high is not None
    most = f" / {item.most:g}"
    return ItemRow(
        item.name,
        str(item.kind),
        item.title[visit.locale],
        item.guidance.get(visit.locale, ""),
        Told(f"{item.weight.normalize():f}", row["weight"]),
        figure(row["value"]),
        f"{figure(low).words} – {figure(high).words}" if has_interval else "",
        Told("" if row["n"] is None else f"{row['n']:,}", row["n"]),
        visit.say("appraisals.own_and_expected", own=figure(row["observed"]).words, expected=figure(row["expected"]).words)
        if row["observed"] is not None
        else "",
        figure(row["target"]),
        Told("" if row["own_mark"] is None else f"{row['own_mark']:g}{most}", row["own_mark"]),
        Told("" if row["mark"] is None else f"{row['mark']:.3g}{most}", row["mark"]),
        _one(row["points"]),
        _one(row["adds"]),
        _without(visit, item, row),
        tuple(
            visit.say("appraisals.said", kind=visit.say(f"appraisals.kind_{k}"), n=s["n"], mean=f"{s['mean']:.1f}")
            for k, s in (row["raters"] or {}).items()
        ),
        _evidence(shown, item, visit),
    )


def _figures(visit: Visit, item: PlanItem) -> Any:
    known = visit.workspace.kpis.get(item.name) if item.kind is Kind.KPI else None

    def figure(value: float | None) -> Told:
        if value is None:
            return Told("", None)
        return Told(visit.figure(value, known.unit) if known else f"{value:.4g}", value)

    return figure


def _without(visit: Visit, item: PlanItem, row: Mapping[str, Any]) -> str:
    if not row["without"]:
        return ""
    if item.kind is Kind.RATER:
        return visit.say("appraisals.too_few_raters")
    if row["without"] != "too_few":
        return visit.say(f"appraisals.{row['without']}")
    # a KPI has its own least, whatever the plan asks
    known = visit.workspace.kpis.get(item.name)
    return visit.say("appraisals.too_few", least=max(item.least, known.min_n if known else 0))


def _evidence(shown: Shown, item: PlanItem, visit: Visit) -> str:
    if item.kind is not Kind.KPI or not visit.may_see_customers:
        return ""
    found = shown.appraisal
    asked = {"period": found.round.period.label, "by": item.by or "", "member": found.subject, "run": found.round.run_id}
    return f"/kpi/{item.name}/rows?{urlencode(asked)}"


def _one(value: float | None) -> Told:
    return Told("" if value is None else f"{value:.1f}", value)
