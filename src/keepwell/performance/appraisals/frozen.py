"""What a round keeps as it was when it was opened: the plan's definition and the readings of each person or team, as plain values and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from keepwell.metrics.kpi import Better
from keepwell.metrics.reading import Status
from keepwell.performance.appraisals.plan import Kind, Of, Plan, PlanItem, RaterKind
from keepwell.performance.scorecards.card import Grades, Missing
from keepwell.performance.scorecards.curve import Curve, Versus


@dataclass(frozen=True)
class Kept:
    """A KPI's reading of one person or team. Below the least number of results the value is not kept, only how many there were.

    Where the mix is allowed for, ``value`` is the fair reading, ``observed`` the own, ``expected`` that of an average peer with these customers, and
    ``keeps`` how much of its own difference it keeps. ``earlier`` are values by the first day of earlier periods, for curves with a baseline.
    """

    status: Status
    n: int
    value: Decimal | None = None
    low: float | None = None
    high: float | None = None
    observed: float | None = None
    expected: float | None = None
    keeps: float | None = None
    earlier: Mapping[date, Decimal] = field(default_factory=dict)


def kept_json(kept: Kept) -> dict[str, Any]:
    """The reading in plain values, from which :func:`kept_of` makes the same."""
    return {
        "status": str(kept.status),
        "n": kept.n,
        "value": _text_or_none(kept.value),
        "low": kept.low,
        "high": kept.high,
        "observed": kept.observed,
        "expected": kept.expected,
        "keeps": kept.keeps,
        "earlier": {d.isoformat(): f"{v:f}" for d, v in kept.earlier.items()},
    }


def kept_of(told: Mapping[str, Any]) -> Kept:
    """The reading that these plain values tell."""
    value = None if told["value"] is None else Decimal(told["value"])
    earlier = {date.fromisoformat(d): Decimal(v) for d, v in told["earlier"].items()}
    return Kept(
        Status(told["status"]), told["n"], value, told["low"], told["high"], told["observed"], told["expected"], told["keeps"], earlier
    )


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan's definition in plain values, exact: from it :func:`plan_of` makes the same plan."""
    return {
        "name": plan.name,
        "title": dict(plan.title),
        "meaning": dict(plan.meaning),
        "version": plan.version,
        "of": str(plan.of),
        "missing": str(plan.missing),
        "least_known": f"{plan.least_known:f}",
        "grades": {g: f"{getattr(plan.grades, g):f}" for g in ("excellent", "good", "fair")},
        "items": [_item_json(i) for i in plan.items],
    }


def plan_of(told: Mapping[str, Any]) -> Plan:
    """The plan that these plain values define."""
    return Plan(
        told["name"],
        told["title"],
        told["meaning"],
        told["version"],
        Of(told["of"]),
        tuple(_item_of(i) for i in told["items"]),
        Missing(told["missing"]),
        Decimal(told["least_known"]),
        Grades(*(Decimal(told["grades"][g]) for g in ("excellent", "good", "fair"))),
    )


def _item_json(item: PlanItem) -> dict[str, Any]:
    curve = item.curve
    return {
        "item": item.name,
        "kind": str(item.kind),
        "weight": f"{item.weight:f}",
        "title": dict(item.title),
        "guidance": dict(item.guidance),
        "by": item.by,
        "least": item.least,
        "mix": item.mix,
        # fractions as text: a third has no decimal
        "curve": None
        if curve is None
        else {"versus": str(curve.versus), "better": str(curve.better), "knots": [[str(x), str(y)] for x, y in curve.knots]},
        "most": f"{item.most:f}",
        "raters": {str(k): f"{w:f}" for k, w in item.raters.items()},
    }


def _item_of(told: Mapping[str, Any]) -> PlanItem:
    given = told["curve"]
    curve = None
    if given is not None:
        knots = tuple((Fraction(x), Fraction(y)) for x, y in given["knots"])
        curve = Curve(knots, Better(given["better"]), Versus(given["versus"]))
    raters = {RaterKind(k): Decimal(w) for k, w in told["raters"].items()}
    return PlanItem(
        told["item"], Kind(told["kind"]), Decimal(told["weight"]), told["title"], told["guidance"], told["by"], told["least"], told["mix"],
        curve, Decimal(told["most"]), raters,
    )  # fmt: skip


def _text_or_none(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"
