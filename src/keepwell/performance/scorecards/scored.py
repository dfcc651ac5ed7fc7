"""A scorecard for a period: the points of each item, the total, the grade, and how sure they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import sqrt

from keepwell.core.periods import Calendar, Period
from keepwell.metrics.kpi import Better
from keepwell.metrics.reading import PLACES, Reading, Status
from keepwell.performance.scorecards.card import Card, Grade, Item, Missing, Perspective
from keepwell.performance.scorecards.curve import FULL, Versus

MEAN_OF = 12  # periods before


class Without(StrEnum):
    """Why an item has no points."""

    NO_READING = "no_data"
    TOO_FEW = "too_few"
    NO_BASELINE = "no_baseline"
    NOT_JUDGED = "not_judged"


@dataclass(frozen=True)
class ScoredItem:
    """An item of a period. Points are 0–100, more where the curve goes further; ``share`` is its weight in the whole card in percent.

    ``low`` and ``high`` are the points at the ends of the reading's interval. ``adds`` is what it brings to the total.
    """

    perspective: str
    item: Item
    reading: Reading | None
    baseline: Decimal | None
    target: Decimal | None
    judged: Decimal | None
    points: Decimal | None
    low: Decimal | None
    high: Decimal | None
    share: Decimal
    adds: Decimal | None
    without: Without | None
    is_aimed: bool = False  # the target is the workspace's, not the card's


@dataclass(frozen=True)
class ScoredPerspective:
    """A perspective's own total, 0–100, over the items that have points."""

    perspective: Perspective
    points: Decimal | None
    items: tuple[ScoredItem, ...]


@dataclass(frozen=True)
class Scored:
    """A card for a period. ``total`` is None where too little is known; ``known`` is the share of weight that has points, in percent.

    The interval of the total takes the items' for independent.
    """

    card: Card
    period: Period
    perspectives: tuple[ScoredPerspective, ...]
    total: Decimal | None
    low: Decimal | None
    high: Decimal | None
    grade: Grade | None
    known: Decimal
    is_open: bool

    @property
    def items(self) -> list[ScoredItem]:
        return [i for p in self.perspectives for i in p.items]


@dataclass(frozen=True)
class _Line:
    """An item while the card is added up."""

    perspective: Perspective
    item: Item
    weight: Fraction  # of the whole card, 1 is all of it
    reading: Reading | None
    baseline: Fraction | None
    judged: Decimal | None
    points: Fraction | None
    ends: tuple[Fraction, Fraction] | None
    without: Without | None
    aim: Fraction | None = None


@dataclass(frozen=True)
class Given:
    """What is known beside the readings, by item: marks of what assessors judge, and what the workspace's targets expect of the period."""

    judged: Mapping[str, Decimal] = field(default_factory=dict)
    aims: Mapping[str, Decimal] = field(default_factory=dict)


def scored(card: Card, period: Period, readings: Mapping[str, Sequence[Reading]], calendar: Calendar, given: Given = Given()) -> Scored:
    """The card for a period.

    ``readings`` are series by KPI at the period's grain, with the periods that baselines need. A target of the workspace takes the place of the card's.
    """
    lines = [replace(_line(p, i, period, readings, calendar, given), aim=_aim_or_none(i, given)) for p, i in card.items]
    weighing = _weights(card, lines)
    known = sum((line.weight for line in lines if line.points is not None), Fraction(0)) * 100
    has_total = weighing is not None and known >= Fraction(card.least_known)
    total = _total(lines, weighing) if has_total and weighing is not None else None
    half = _half(lines, weighing) if has_total and weighing is not None else 0.0
    items = [_scored_item(line, weighing[place] if has_total and weighing is not None else None) for place, line in enumerate(lines)]
    return Scored(
        card,
        period,
        tuple(
            _perspective(p, [(line, item) for line, item in zip(lines, items, strict=True) if line.perspective is p])
            for p in card.perspectives
        ),
        None if total is None else _decimal(total),
        None if total is None else _decimal(_within(total - Fraction(half))),
        None if total is None else _decimal(_within(total + Fraction(half))),
        None if total is None else card.grades.of(total),
        _decimal(known),
        any(line.reading is not None and line.reading.is_open for line in lines),
    )


def _line(
    perspective: Perspective,
    item: Item,
    period: Period,
    readings: Mapping[str, Sequence[Reading]],
    calendar: Calendar,
    given: Given,
) -> _Line:
    weight = Fraction(perspective.weight) * Fraction(item.weight) / _sum(perspective) / 100
    if item.manual is not None:
        mark = given.judged.get(item.name)
        points = None if mark is None else Fraction(mark) / Fraction(item.manual.most) * 100
        return _Line(perspective, item, weight, None, None, mark, points, None, Without.NOT_JUDGED if mark is None else None)
    found = {r.period_start: r for r in readings.get(item.name, ())}
    reading = found.get(period.start)
    if reading is not None and reading.status is Status.TOO_FEW:
        return _Line(perspective, item, weight, reading, None, None, None, None, Without.TOO_FEW)
    if item.curve is None or reading is None or reading.value is None:
        return _Line(perspective, item, weight, reading, None, None, None, None, Without.NO_READING)
    baseline = _baseline(item.curve.versus, period, found, calendar)
    if item.curve.versus is not Versus.ABSOLUTE and (baseline is None or baseline <= 0):
        return _Line(perspective, item, weight, reading, baseline, None, None, None, Without.NO_BASELINE)
    curve, aim = item.curve, _aim_or_none(item, given)
    if aim is not None:
        curve = curve.aimed(aim, baseline)
    points = curve.points(Fraction(reading.value), baseline)
    ends = None
    if reading.ci_low is not None and reading.ci_high is not None:
        low, high = (Fraction(str(end)) for end in (reading.ci_low, reading.ci_high))
        ends = curve.span(min(low, Fraction(reading.value)), max(high, Fraction(reading.value)), baseline)
    return _Line(perspective, item, weight, reading, baseline, None, points, ends, None)


def _aim_or_none(item: Item, given: Given) -> Fraction | None:
    aim = given.aims.get(item.name) if item.curve is not None and item.curve.better is not Better.TARGET else None
    return None if aim is None else Fraction(aim)


def _sum(perspective: Perspective) -> Fraction:
    # weights may come to 99.99: the whole is what they come to
    return sum((Fraction(i.weight) for i in perspective.items), Fraction(0))


def _baseline(versus: Versus, period: Period, found: Mapping[date, Reading], calendar: Calendar) -> Fraction | None:
    if versus is Versus.ABSOLUTE:
        return None
    if versus is Versus.LAST_YEAR:
        before = calendar.same_last_year_or_none(period)
        return _value_or_none(found, before)
    earlier, values = period, []
    for _ in range(MEAN_OF if versus is Versus.MEAN else 1):
        previous = calendar.previous_or_none(earlier)
        value = _value_or_none(found, previous)
        if previous is None or value is None:
            break
        values.append(value)
        earlier = previous
    return sum(values, Fraction(0)) / len(values) if values else None


def _value_or_none(found: Mapping[date, Reading], period: Period | None) -> Fraction | None:
    reading = found.get(period.start) if period else None
    return Fraction(reading.value) if reading is not None and reading.value is not None and reading.status is Status.OK else None


def _weights(card: Card, lines: Sequence[_Line]) -> list[Fraction] | None:
    """How much each item counts, together 1; None where the card refuses a total."""
    whole = sum((line.weight for line in lines), Fraction(0))
    if card.missing is Missing.ZERO:
        return [line.weight / whole for line in lines]
    present = sum((line.weight for line in lines if line.points is not None), Fraction(0))
    if not present or (card.missing is Missing.REFUSE and present != whole):
        return None
    return [line.weight / present if line.points is not None else Fraction(0) for line in lines]


def _total(lines: Sequence[_Line], weighing: Sequence[Fraction]) -> Fraction:
    return _within(sum((w * (line.points or 0) for line, w in zip(lines, weighing, strict=True)), Fraction(0)))


def _half(lines: Sequence[_Line], weighing: Sequence[Fraction]) -> float:
    halves = [float(w * (line.ends[1] - line.ends[0]) / 2) for line, w in zip(lines, weighing, strict=True) if line.ends is not None]
    return sqrt(sum(h * h for h in halves))


def _within(total: Fraction) -> Fraction:
    return max(Fraction(0), min(FULL, total))


def _scored_item(line: _Line, weight: Fraction | None) -> ScoredItem:
    curve = line.item.curve
    has_target = curve is not None and (curve.versus is Versus.ABSOLUTE or (line.baseline is not None and line.baseline > 0))
    target = line.aim if line.aim is not None else curve.target(line.baseline) if curve is not None and has_target else None
    low, high = line.ends or (None, None)
    return ScoredItem(
        line.perspective.name,
        line.item,
        line.reading,
        _decimal_or_none(line.baseline),
        _decimal_or_none(target),
        line.judged,
        _decimal_or_none(line.points),
        _decimal_or_none(low),
        _decimal_or_none(high),
        _decimal(line.weight * 100),
        None if weight is None else _decimal(weight * (line.points or 0)),
        line.without,
        line.aim is not None,
    )


def _perspective(perspective: Perspective, found: Sequence[tuple[_Line, ScoredItem]]) -> ScoredPerspective:
    present = [(line.weight, line.points) for line, _ in found if line.points is not None]
    weight = sum((w for w, _ in present), Fraction(0))
    # what goes beyond the target stays, for it makes up for others in the total
    points = sum((w * p for w, p in present), Fraction(0)) / weight if weight else None
    return ScoredPerspective(perspective, _decimal_or_none(points), tuple(item for _, item in found))


def _decimal_or_none(value: Fraction | None) -> Decimal | None:
    return None if value is None else _decimal(value)


def _decimal(value: Fraction) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(PLACES)
