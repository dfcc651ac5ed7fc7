"""Where a KPI gets to if it goes on as it does, and how likely that is good enough.

With a year and a half of readings or more, growth over the same period of the year before is followed by simple exponential smoothing
(averaged over its weight), and its forecast put upon last year's period: the season is that of last year, the trend the present one. With fewer readings a random
walk with drift. Widths of both are the textbook ones (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed.,
table 5.2 and section 8.7) with Student's t for the few observations that the spread is estimated from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from keepwell.performance.targets.target import Point

LEAST = 6  # readings, or growths over the year before
STEPS = np.linspace(0.02, 1.0, 50)  # of the smoothing, tried
INNER = 0.8  # the band that is shown
MOST_MOVED = 200.0  # of a logarithm: a factor with 87 digits
Floats = NDArray[np.float64]


class Way(StrEnum):
    """How a forecast was made."""

    SEASONAL = "seasonal"  # growth over the year before, smoothed
    DRIFT = "drift"  # a random walk with drift


@dataclass(frozen=True)
class Errors:
    """How far forecasts go wrong: each step's own error (``noise``), of which ``carried`` stays for all after it.

    To these comes what is not known of the level and of the drift a step from which they all start. ``freedom`` are the degrees of Student's t.
    """

    noise: float
    carried: float
    of_level: float
    of_drift: float
    freedom: int

    def spread(self, step: int) -> float:
        """The standard error so many steps ahead."""
        own = self.noise**2 * (1 + (step - 1) * self.carried**2)
        return sqrt(own + self.of_level**2 + (step * self.of_drift) ** 2)

    def spread_of_sum(self, units: Floats) -> float:
        """The standard error of the sum of the steps, an error of 1 in a step being ``units`` of the sum."""
        after = np.array([units[i] + self.carried * units[i + 1 :].sum() for i in range(len(units))]) * self.noise
        drift = self.of_drift * (units * np.arange(1, len(units) + 1)).sum()
        return sqrt(float(after @ after) + (self.of_level * units.sum()) ** 2 + drift**2)

    def reach(self, spread: float) -> float:
        """From the middle to the end of the band that is shown."""
        return float(stats.t.ppf((1 + INNER) / 2, self.freedom)) * spread


@dataclass(frozen=True)
class Forecast:
    """A value to come: the middle, and the ends between which it lies in 80 of 100 cases. ``is_log``: its spread is in factors."""

    start: date
    value: float
    low: float
    high: float
    way: Way
    is_log: bool
    spread: float
    errors: Errors

    def probability(self, aim: float, *, or_more: bool) -> float:
        """How likely the value is ``aim`` or more, or ``aim`` or less."""
        if self.is_log and aim <= 0:
            return 1.0 if or_more else 0.0
        gap = log(aim / self.value) if self.is_log else aim - self.value
        if self.spread == 0:
            reaches = gap <= 0 if or_more else gap >= 0
            return 1.0 if reaches else 0.0
        above = float(stats.t.sf(gap / self.spread, self.errors.freedom))
        return above if or_more else 1.0 - above


def forecasts(history: Sequence[Point], ahead: Sequence[date], before: Mapping[date, date], *, is_amount: bool) -> tuple[Forecast, ...]:
    """A forecast for each of the periods ``ahead``, which follow the history; none where fewer than six readings are there.

    ``before`` gives the same period of the year before. Amounts, all above 0, are followed in factors.
    """
    known = {p.start: p.value for p in history}
    is_log = is_amount and all(p.value > 0 for p in history)
    growths = [_moved(known[before[p.start]], p.value, is_log=is_log) for p in history if before.get(p.start) in known]
    if len(growths) >= LEAST and _has_bases(ahead, before, known):
        return _seasonal(np.array(growths), ahead, before, known, is_log=is_log)
    if len(history) >= LEAST:
        return _drift(history, ahead, is_log=is_log)
    return ()


def total(found: Sequence[Forecast], so_far: float) -> Forecast:
    """The sum of forecasts that follow each other from the first step on, of amounts that add up, on top of what is known of the whole.

    Spreads in factors are taken as shares of the values.
    """
    if not found:
        raise ValueError("nothing is to come")
    first, values = found[0], np.array([f.value for f in found])
    spread = first.errors.spread_of_sum(values if first.is_log else np.ones(len(found)))
    middle, reach = so_far + float(values.sum()), first.errors.reach(spread)
    return Forecast(found[-1].start, middle, middle - reach, middle + reach, first.way, False, spread, first.errors)


def _moved(before: float, after: float, *, is_log: bool) -> float:
    return log(after / before) if is_log else after - before


def _put(base: float, moved: float, *, is_log: bool) -> float:
    # what is followed in factors far ahead outgrows the numbers of a machine
    return base * exp(min(max(moved, -MOST_MOVED), MOST_MOVED)) if is_log else base + moved


def _has_bases(ahead: Sequence[date], before: Mapping[date, date], known: Mapping[date, float]) -> bool:
    coming = set(ahead)
    return all(before.get(p) in known or before.get(p) in coming for p in ahead)


def _seasonal(
    growths: Floats, ahead: Sequence[date], before: Mapping[date, date], known: Mapping[date, float], *, is_log: bool
) -> tuple[Forecast, ...]:
    level, errors = _smoothed(growths)
    made: dict[date, Forecast] = {}
    for step, start in enumerate(ahead, 1):
        earlier, spread = before[start], errors.spread(step)
        if earlier in known:
            base = known[earlier]
        else:
            base, spread = made[earlier].value, sqrt(spread**2 + made[earlier].spread ** 2)
        made[start] = _forecast(start, base, level, spread, Way.SEASONAL, errors, is_log=is_log)
    return tuple(made[s] for s in ahead)


def _smoothed(growths: Floats) -> tuple[float, Errors]:
    """The level that simple exponential smoothing ends with, and its errors: over all weights, each counting as likely as it makes the growths.

    One weight alone, the likeliest, would promise too much: a dozen growths hardly tell a level that stays from one that wanders.
    """
    count, freedom = len(growths), max(len(growths) - 2, 1)
    levels, squares = np.empty(len(STEPS)), np.empty(len(STEPS))
    for place, weight in enumerate(STEPS):
        # begins with the mean of the first half: one reading alone would decide too much
        level, squared = float(growths[: max(count // 2, 1)].mean()), 0.0
        for growth in growths:
            error = growth - level
            squared += error**2
            level += weight * error
        levels[place], squares[place] = level, squared
    if squares.min() <= 1e-24 * max(float(growths @ growths), 1.0):
        return float(levels[squares.argmin()]), Errors(0.0, 0.0, 0.0, 0.0, freedom)
    likely = (squares / squares.min()) ** (-count / 2)
    likely /= likely.sum()
    middle = float(likely @ levels)
    doubt = sqrt(float(likely @ (levels - middle) ** 2))
    return middle, Errors(sqrt(float(likely @ squares) / freedom), sqrt(float(likely @ STEPS**2)), doubt, 0.0, freedom)


def _drift(history: Sequence[Point], ahead: Sequence[date], *, is_log: bool) -> tuple[Forecast, ...]:
    values = [p.value for p in history]
    moves = np.array([_moved(a, b, is_log=is_log) for a, b in pairwise(values)])
    drift, noise = float(moves.mean()), float(moves.std(ddof=1))
    errors = Errors(noise, 1.0, 0.0, noise / sqrt(len(moves)), len(moves) - 1)
    return tuple(
        _forecast(start, values[-1], drift * h, errors.spread(h), Way.DRIFT, errors, is_log=is_log) for h, start in enumerate(ahead, 1)
    )


def _forecast(start: date, base: float, moved: float, spread: float, way: Way, errors: Errors, *, is_log: bool) -> Forecast:
    reach = errors.reach(spread)
    low, middle, high = (_put(base, moved + by, is_log=is_log) for by in (-reach, 0.0, reach))
    return Forecast(start, middle, low, high, way, is_log, spread, errors)
