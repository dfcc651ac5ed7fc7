"""What an appraisal comes to: points of each item, total, grade, and how people or teams rank. Pure arithmetic over what a round has frozen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from math import hypot

from keepwell.core.periods import Calendar, Period
from keepwell.metrics.reading import PLACES, Reading, Status
from keepwell.performance.appraisals.frozen import Kept
from keepwell.performance.appraisals.plan import FULL_MARK, Kind, Plan, RaterKind
from keepwell.performance.appraisals.raters import Said, mark_or_none
from keepwell.performance.scorecards.scored import Given, Scored, scored


@dataclass(frozen=True)
class Objective:
    """What somebody was to achieve; ``weight`` is percent of the item, ``attained`` percent of the objective."""

    text: str
    weight: Decimal
    attained: Decimal


@dataclass(frozen=True)
class Marks:
    """What people gave: marks by item, objectives, and what raters said as far as it may be told."""

    judged: Mapping[str, Decimal] = field(default_factory=dict)
    objectives: tuple[Objective, ...] = ()
    said: Mapping[str, Mapping[RaterKind, Said]] = field(default_factory=dict)


@dataclass(frozen=True)
class Total:
    """A total between its ends, as far as there is one."""

    total: Decimal | None
    low: Decimal | None
    high: Decimal | None


def outcome(
    plan: Plan,
    period: Period,
    kept: Mapping[str, Kept],
    marks: Marks,
    calendar: Calendar,
    weights: Mapping[str, Decimal] | None = None,
) -> Scored:
    """The appraisal as a scored card, with the plan's weights or others."""
    readings = {name: _series(name, period, k) for name, k in kept.items()}
    return scored(plan.card(weights), period, readings, calendar, Given(_judged(plan, marks)))


def attained_or_none(objectives: Sequence[Objective]) -> Decimal | None:
    """The mark of objectives, 0 to 100; None where there are none."""
    if not objectives:
        return None
    return min(FULL_MARK, sum((o.weight * o.attained for o in objectives), Decimal(0)) / 100)


def ranks(totals: Mapping[str, Total]) -> dict[str, int | None]:
    """One more than how many are surely better, counted from 1: whom the intervals do not tell apart share a rank. None without a total.

    One is surely better where the totals differ by more than the two intervals' halves that face each other, put together as errors are.
    """
    known = {
        name: (float(t.total), float(t.low), float(t.high))
        for name, t in totals.items()
        if t.total is not None and t.low is not None and t.high is not None
    }
    made: dict[str, int | None] = dict.fromkeys(totals)
    for name, (total, _, high) in known.items():
        made[name] = 1 + sum(
            other - total > hypot(other - low, high - total) for key, (other, low, _) in known.items() if key != name and other > total
        )
    return made


def _judged(plan: Plan, marks: Marks) -> dict[str, Decimal]:
    made = {i.name: marks.judged[i.name] for i in plan.items_of(Kind.MANUAL) if i.name in marks.judged}
    for item in plan.items_of(Kind.RATER):
        mark = mark_or_none(item, marks.said.get(item.name, {}))
        if mark is not None:
            made[item.name] = mark
    attained = attained_or_none(marks.objectives)
    if attained is not None:
        made |= {i.name: attained.quantize(PLACES) for i in plan.items_of(Kind.MBO)}
    return made


def _series(name: str, period: Period, kept: Kept) -> list[Reading]:
    earlier = [_reading(name, start, v, None, None, 0, Status.OK) for start, v in kept.earlier.items()]
    return [*earlier, _reading(name, period.start, kept.value, kept.low, kept.high, kept.n, kept.status)]


def _reading(name: str, start: date, value: Decimal | None, low: float | None, high: float | None, n: int, status: Status) -> Reading:
    return Reading(
        kpi=name, grain="", period="", period_start=start, period_end=start, dimension=None, member=None, value=value, ci_low=low,
        ci_high=high, n=n, missing=0, numerator=None, denominator=None, status=status, is_open=False, coverage=None, fresh_until=None,
        change_previous=None, change_previous_ci_low=None, change_previous_ci_high=None, change_previous_is_real=None,
        change_last_year=None, change_last_year_ci_low=None, change_last_year_ci_high=None, change_last_year_is_real=None,
        definition_hash="",
    )  # fmt: skip
