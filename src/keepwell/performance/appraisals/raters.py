"""What raters say of somebody, told so that nobody's answer can be found out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from keepwell.metrics.reading import PLACES
from keepwell.performance.appraisals.plan import PlanItem, RaterKind

LEAST_RATERS = 3  # of a kind; of fewer nothing is told


@dataclass(frozen=True)
class Answer:
    """What one rater said: a mark by item. It does not say who."""

    kind: RaterKind
    marks: Mapping[str, Decimal]


@dataclass(frozen=True)
class Said:
    """What at least three raters of a kind said of an item."""

    n: int
    mean: Decimal


def said(items: Iterable[PlanItem], answers: Iterable[Answer]) -> dict[str, dict[RaterKind, Said]]:
    """Mean marks by item and kind of raters. Kinds with fewer than three answers are left out altogether.

    They count nowhere: if they were in a total, it would tell them by difference.
    """
    given: dict[tuple[str, RaterKind], list[Decimal]] = defaultdict(list)
    for answer in answers:
        for name, mark in answer.marks.items():
            given[name, answer.kind].append(mark)
    made: dict[str, dict[RaterKind, Said]] = {}
    for item in items:
        enough = {k: given[item.name, k] for k in item.raters if len(given[item.name, k]) >= LEAST_RATERS}
        made[item.name] = {k: Said(len(marks), _mean(marks)) for k, marks in enough.items()}
    return made


def mark_or_none(item: PlanItem, told: Mapping[RaterKind, Said]) -> Decimal | None:
    """The item's mark: the means of the kinds that are told, each as much as it weighs; None where none is."""
    whole = sum((Fraction(item.raters[k]) for k in told), Fraction(0))
    if not whole:
        return None
    mark = sum((Fraction(item.raters[k]) * Fraction(s.mean) for k, s in told.items()), Fraction(0)) / whole
    return (Decimal(mark.numerator) / Decimal(mark.denominator)).quantize(PLACES)


def _mean(marks: list[Decimal]) -> Decimal:
    return (sum(marks, Decimal(0)) / len(marks)).quantize(PLACES)
