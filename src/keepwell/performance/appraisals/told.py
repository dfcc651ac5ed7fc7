"""What an appraisal came to in plain values, as it is published and shown."""

from decimal import Decimal
from typing import Any

from keepwell.performance.appraisals.appraisal import Appraisal, StepKind
from keepwell.performance.appraisals.plan import Kind, PlanItem
from keepwell.performance.scorecards.card import Missing
from keepwell.performance.scorecards.scored import Scored, ScoredItem, Without


def result_of(found: Appraisal, scored: Scored, rank: int | None, among: int) -> dict[str, Any]:
    """The result: total with its interval, grade, rank among so many, and a row an item."""
    return {
        "total": _plain(scored.total),
        "low": _plain(scored.low),
        "high": _plain(scored.high),
        "grade": str(scored.grade) if scored.grade else None,
        "known": _plain(scored.known),
        "rank": rank,
        "among": among,
        "rows": rows_of(found, scored),
    }


def rows_of(found: Appraisal, scored: Scored) -> list[dict[str, Any]]:
    """A row an item, in the plan's order."""
    items = {i.name: i for i in found.round.plan.items}
    return [_row(found, items[s.item.name], s) for s in scored.items]


def _row(found: Appraisal, item: PlanItem, scored: ScoredItem) -> dict[str, Any]:
    kept = found.kept.get(item.name)
    marks = found.marks
    own = found.own_marks.get(item.name)
    told = marks.said.get(item.name, {}) if item.kind is Kind.RATER else {}
    return {
        "item": item.name,
        "kind": str(item.kind),
        "weight": _plain(item.weight),
        "value": _plain(kept.value) if kept else None,
        "low": kept.low if kept else None,
        "high": kept.high if kept else None,
        "n": kept.n if kept else None,
        "observed": kept.observed if kept else None,
        "expected": kept.expected if kept else None,
        "baseline": _plain(scored.baseline),
        "target": _plain(scored.target),
        "mark": _plain(scored.judged),
        "own_mark": _plain(own),
        "raters": {str(k): {"n": s.n, "mean": _plain(s.mean)} for k, s in told.items()} if item.kind is Kind.RATER else None,
        "objectives": [{"text": o.text, "weight": _plain(o.weight), "attained": _plain(o.attained)} for o in marks.objectives]
        if item.kind is Kind.MBO
        else None,
        "points": _plain(scored.points),
        "points_low": _plain(scored.low),
        "points_high": _plain(scored.high),
        # of what has no points the weight went to the others, unless the plan counts it as none
        "adds": None if scored.points is None and found.round.plan.missing is not Missing.ZERO else _plain(scored.adds),
        "without": _without(found, item, scored),
    }


def _without(found: Appraisal, item: PlanItem, scored: ScoredItem) -> str | None:
    """Why there are no points. Raters of whom nothing may be told were too few, once nobody is asked any more."""
    if item.kind is Kind.RATER and scored.without is Without.NOT_JUDGED and found.last_or_none(StepKind.ASSESSED) is not None:
        return str(Without.TOO_FEW)
    return str(scored.without) if scored.without else None


def _plain(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
