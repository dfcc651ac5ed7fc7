"""What calls for an alert: a change that is more than chance, a target at risk, a reading that its own past does not lead one to expect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import exp
from typing import Any

from scipy import stats

from keepwell.core.periods import Calendar, Grain
from keepwell.metrics.kpi import Better, Kpi
from keepwell.metrics.reading import Reading, Status
from keepwell.performance.targets.forecast import Forecast, forecasts
from keepwell.performance.targets.standing import Standing, State, is_amount
from keepwell.performance.targets.target import Point

ALARMING = (State.AT_RISK, State.OFF_TRACK, State.MISSED)
RARE = 0.01  # a reading outside the band in which 99 of 100 lie is an anomaly


class When(StrEnum):
    """What somebody wants to be told of."""

    CHANGE = "change"  # any change from the period before that is more than chance
    WORSE = "worse"  # the same, for the worse
    TARGET = "target"  # one of its targets is at risk, off track or missed
    ANOMALY = "anomaly"  # outside what the readings before lead one to expect


@dataclass(frozen=True)
class Finding:
    """Something to be told. ``key`` is the same for the same thing, however often it is found; ``data`` are the numbers behind it."""

    key: str
    period: str
    data: Mapping[str, Any]


def changed_or_none(kpi: Kpi, reading: Reading, *, is_worse_only: bool) -> Finding | None:
    """A reading of a period that is over, changed from the one before by more than chance (its 95 % interval excludes 0)."""
    r = reading
    if r.is_open or r.status is not Status.OK or r.value is None or not r.change_previous or not r.change_previous_is_real:
        return None
    is_better = None if kpi.better is Better.TARGET else (r.change_previous > 0) is (kpi.better is Better.UP)
    if is_worse_only and is_better is not False:
        return None
    return Finding(
        r.period,
        r.period,
        {
            "value": float(r.value),
            "before": float(r.value - r.change_previous),
            "change": float(r.change_previous),
            "low": r.change_previous_ci_low,
            "high": r.change_previous_ci_high,
            "is_better": is_better,
        },
    )


def alarming_or_none(target_id: str, found: Standing) -> Finding | None:
    """A target that is at risk, off track or missed; another state, or another period's, is told anew."""
    if found.state not in ALARMING:
        return None
    period = found.period or ""
    data = {
        "target_id": target_id,
        "state": str(found.state),
        "aim": float(found.version.aim.value),
        "by": found.version.aim.period,
        "value": found.value,
        "expected": found.expected,
        "probability": found.probability,
    }
    return Finding(f"{target_id}:{found.state}:{period}", period, data)


def anomaly_or_none(kpi: Kpi, readings: Sequence[Reading], calendar: Calendar) -> Finding | None:
    """The last of the readings (months that are over, oldest first), where it lies outside the 99 % band of the forecast from those before.

    The forecast is that of targets: with a year and a half behind it the season of last year with the present growth, else a random walk with drift.
    """
    points = _unbroken(
        [Point(r.period_start, float(r.value)) for r in readings if r.value is not None and r.status is Status.OK and not r.is_open],
        calendar,
    )
    if not points or not readings or points[-1].start != readings[-1].period_start:
        return None
    last, history = points[-1], points[:-1]
    found = forecasts(history, [last.start], _years_before([p.start for p in points], calendar), is_amount=is_amount(kpi))
    if not found:
        return None
    low, high = band(found[0], 1 - RARE)
    if low <= last.value <= high:
        return None
    data = {
        "value": last.value,
        "expected": found[0].value,
        "low": low,
        "high": high,
        "way": str(found[0].way),
        "is_above": last.value > high,
    }
    period = calendar.label(Grain.MONTH, last.start)
    return Finding(period, period, data)


def band(found: Forecast, share: float) -> tuple[float, float]:
    """The ends between which the value lies in that share of cases, with Student's t as the forecast has it."""
    reach = float(stats.t.ppf((1 + share) / 2, found.errors.freedom)) * found.spread
    if found.is_log:
        return found.value * exp(-reach), found.value * exp(reach)
    return found.value - reach, found.value + reach


def _unbroken(points: Sequence[Point], calendar: Calendar) -> Sequence[Point]:
    """The points after the last month that is missing."""
    first = 0
    for i in range(1, len(points)):
        before = calendar.previous_or_none(calendar.containing(Grain.MONTH, points[i].start))
        if before is None or before.start != points[i - 1].start:
            first = i
    return points[first:]


def _years_before(starts: Sequence[date], calendar: Calendar) -> dict[date, date]:
    pairs = ((s, calendar.same_last_year_or_none(calendar.containing(Grain.MONTH, s))) for s in starts)
    return {s: found.start for s, found in pairs if found is not None}
