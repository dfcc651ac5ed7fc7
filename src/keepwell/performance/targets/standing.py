"""How a target stands: what is reached, what was expected by now, and where it ends if things go on as they do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from keepwell.core.periods import Calendar, Grain, Period
from keepwell.metrics.kpi import Additivity, Better, Kpi, Unit
from keepwell.performance.targets.forecast import Forecast, forecasts, total
from keepwell.performance.targets.path import Way, shares, way
from keepwell.performance.targets.target import Aim, Point, Version, attainment, is_reached

LIKELY, UNLIKELY = 0.7, 0.3
AMOUNTS = (Unit.COUNT, Unit.MONEY, Unit.SECONDS, Unit.DAYS)


class State(StrEnum):
    """A target in a word."""

    REACHED = "reached"  # the deadline is over
    MISSED = "missed"
    ON_TRACK = "on_track"  # 70 percent likely or more
    AT_RISK = "at_risk"
    OFF_TRACK = "off_track"  # under 30 percent
    UNKNOWN = "unknown"  # too few readings to tell


@dataclass(frozen=True)
class Standing:
    """A version of a target, and how it stands on a day.

    ``value`` is the last whole period's reading, of a quarter's or year's amount that so far; ``expected`` what the way expects of it;
    ``attained`` the share of the way from the baseline. ``probability`` is None where it is not told from chance, or the deadline is over.
    """

    version: Version
    state: State
    period: str | None
    value: float | None
    expected: float | None
    attained: float | None
    forecast: Forecast | None
    probability: float | None


@dataclass(frozen=True)
class History:
    """Whole periods' readings of the slice, oldest first: by month, and at the aim's own grain where that is another."""

    months: Sequence[Point]
    own: Sequence[Point]


def adds_up(kpi: Kpi, grain: Grain) -> bool:
    """Whether months of the KPI make up the target's period."""
    return grain is not Grain.MONTH and kpi.additivity is Additivity.ADDITIVE


def is_amount(kpi: Kpi) -> bool:
    """Whether it is compared in factors: amounts, counts and times; shares, points and scores in differences."""
    return kpi.unit in AMOUNTS


def baseline_of(aim: Aim, history: History, calendar: Calendar) -> tuple[Period, float] | None:
    """The reading from which the target starts: the last whole period's at its grain; None without one."""
    found = history.own or (history.months if aim.grain is Grain.MONTH else ())
    if not found:
        return None
    last = found[-1]
    return calendar.containing(aim.grain, last.start), last.value


def way_of(kpi: Kpi, aim: Aim, history: History, calendar: Calendar) -> tuple[list[Period], Way]:
    """The periods up to the deadline, months where they add up to the target's, with what is expected of each."""
    end = calendar.containing(aim.grain, aim.deadline)
    if adds_up(kpi, aim.grain):
        months = calendar.periods(Grain.MONTH, end.start, end.end)
        return months, shares(history.months, [p.start for p in months], _years_before(calendar, months, history.months), float(aim.value))
    points = history.months if aim.grain is Grain.MONTH else history.own
    if not points:
        return [end], Way((float(aim.value),), is_seasonal=False)
    after = calendar.containing(aim.grain, points[-1].start)
    ahead = [p for p in calendar.periods(aim.grain, after.start, max(end.end, after.end)) if p.start > after.start] or [end]
    before = _years_before(calendar, ahead, points)
    return ahead, way(points, [p.start for p in ahead], before, float(aim.value), is_amount=is_amount(kpi))


def standing(kpi: Kpi, version: Version, history: History, calendar: Calendar) -> Standing:
    """How that version stands by the readings there are: periods that are over."""
    aim = version.aim
    if adds_up(kpi, aim.grain):
        return _of_a_sum(kpi, version, history.months, calendar)
    points = history.months if aim.grain is Grain.MONTH else history.own
    end = calendar.containing(aim.grain, aim.deadline)
    if not points:
        return Standing(version, State.UNKNOWN, None, None, None, None, None, None)
    known = {p.start: p.value for p in points}
    last = points[-1] if points[-1].start < end.start else Point(end.start, known.get(end.start, points[-1].value))
    expected = version.expected(last.start)
    label = calendar.containing(aim.grain, last.start).label
    attained = _attained(kpi, version, last.value)
    if end.start in known:
        state = State.REACHED if is_reached(kpi, known[end.start], aim.value) else State.MISSED
        return Standing(version, state, label, last.value, float(aim.value), attained, None, None)
    ahead = [p for p in calendar.periods(aim.grain, points[-1].start, end.end) if p.start > points[-1].start]
    before = _years_before(calendar, ahead, points)
    told = forecasts(points, [p.start for p in ahead], before, is_amount=is_amount(kpi)) if ahead else ()
    forecast = told[-1] if told else None
    return _judged(kpi, version, label, last.value, None if expected is None else float(expected), attained, forecast)


def expected_of(version: Version, period: Period, calendar: Calendar) -> Decimal | None:
    """What a target's way expects of a period: its own step, or of months that add up to the target's period the sum of the period's months.

    None where the way does not tell of it.
    """
    own = version.expected(period.start) if version.aim.grain is period.grain else None
    if own is not None and any(s.period == period.label for s in version.path):
        return own
    of_months = {s.start: s.value for s in version.path if s.period == calendar.label(Grain.MONTH, s.start)}
    months = [p.start for p in calendar.periods(Grain.MONTH, period.start, period.end)]
    if version.aim.grain is Grain.MONTH and period.grain is not Grain.MONTH:
        return None  # months of a share or a level do not add up
    if not months or any(m not in of_months for m in months):
        return None
    return sum((of_months[m] for m in months), Decimal(0))


def _of_a_sum(kpi: Kpi, version: Version, months: Sequence[Point], calendar: Calendar) -> Standing:
    aim = version.aim
    end = calendar.containing(aim.grain, aim.deadline)
    inside = [p for p in months if end.start <= p.start <= end.end]
    so_far = sum(p.value for p in inside)
    wanted = calendar.periods(Grain.MONTH, end.start, end.end)
    expected = sum(float(version.expected(p.start) or 0) for p in inside) if inside else None
    label = calendar.containing(Grain.MONTH, inside[-1].start).label if inside else None
    value = so_far if inside else None
    done = so_far / float(aim.value) if inside and aim.value else None
    if len(inside) == len(wanted):
        state = State.REACHED if is_reached(kpi, so_far, aim.value) else State.MISSED
        return Standing(version, state, aim.period, so_far, float(aim.value), done, None, None)
    forecast = None
    if months:
        ahead = [p for p in calendar.periods(Grain.MONTH, months[-1].start, end.end) if p.start > months[-1].start]
        told = forecasts(months, [p.start for p in ahead], _years_before(calendar, ahead, months), is_amount=is_amount(kpi))
        coming = [f for f in told if f.start >= end.start]
        forecast = total(coming, so_far) if coming else None
    return _judged(kpi, version, label, value, expected, done, forecast)


def _judged(
    kpi: Kpi,
    version: Version,
    period: str | None,
    value: float | None,
    expected: float | None,
    attained: float | None,
    forecast: Forecast | None,
) -> Standing:
    if forecast is None or kpi.better is Better.TARGET:
        return Standing(version, State.UNKNOWN, period, value, expected, attained, forecast, None)
    chance = forecast.probability(float(version.aim.value), or_more=kpi.better is Better.UP)
    state = State.ON_TRACK if chance >= LIKELY else State.AT_RISK if chance >= UNLIKELY else State.OFF_TRACK
    return Standing(version, state, period, value, expected, attained, forecast, chance)


def _attained(kpi: Kpi, version: Version, value: float) -> float | None:
    if version.baseline is None or kpi.better is Better.TARGET:
        return None
    return attainment(float(version.baseline), value, float(version.aim.value))


def _years_before(calendar: Calendar, ahead: Sequence[Period], points: Sequence[Point]) -> Mapping[date, date]:
    """The same period of the year before, of those ahead and of those behind, as far back as it goes."""
    found: dict[date, date] = {}
    if not ahead:
        return found
    grain = ahead[0].grain
    waiting = [*ahead, *(calendar.containing(grain, p.start) for p in points)]
    while waiting:
        period = waiting.pop()
        if period.start in found:
            continue
        earlier = calendar.same_last_year_or_none(period)
        if earlier is not None and earlier.start.year >= period.start.year - 1 and (not points or earlier.start >= points[0].start):
            found[period.start] = earlier.start
            waiting.append(earlier)
    return found
