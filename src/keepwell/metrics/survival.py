"""Quantiles of durations with 95 % intervals: order statistics where every duration is known, Kaplan–Meier where some have not ended.

Durations are numbers in any unit (seconds, days), and results are in the same. Rows may be counted: ``counts`` says how many rows
have each duration.
"""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from keepwell.metrics.intervals import LEVEL, Z

Array: TypeAlias = npt.NDArray[Any]

_TAIL = 1 - LEVEL
_SAME = 1.5e-8  # two heights of a curve this close are one; the tolerance of R's quantile.survfit


@dataclass(frozen=True)
class QuantileEstimate:
    """A quantile and its interval; None where the data do not reach: an open end, or no value at all."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Curve:
    """The share that lasts longer than each time, with its interval; one entry for every distinct duration, ended or not.

    ``low`` and ``high`` are NaN where the survival is 0 or 1, for there the log-log transformation is not defined (as in R).
    """

    times: Array
    survival: Array
    low: Array
    high: Array
    at_risk: Array
    events: Array


def order_statistics(values: Array, counts: Array | None, q: float, n_effective: float | None) -> QuantileEstimate:
    """The ``q`` quantile (0 < q < 1) of sorted ``values``, with the interval between two of them.

    The value interpolates linearly between the two nearest order statistics (Hyndman & Fan 1996, type 7: the default of NumPy and
    R), so a median of an even number is the mean of the middle two. The ends are order statistics whose ranks each leave at most
    2½ % of Binomial(n, q) outside (Conover 1999, Practical Nonparametric Statistics, 3rd ed., section 3.2): the coverage is at
    least 95 % for any distribution. With fewer effective than counted rows (several of one customer), ranks are those of the
    effective number, stretched to the rows (Woodruff 1952, J. Am. Statist. Ass. 47, 635-646). An end is None where there are too
    few rows for it, as for a median of fewer than six, and both where ``n_effective`` is not known (NaN).
    """
    below = np.arange(1, len(values) + 1) if counts is None else np.cumsum(counts)  # rows up to and including each value
    n = int(below[-1]) if len(below) else 0
    if n == 0:
        return QuantileEstimate(None, None, None)

    def of_rank(rank: int) -> float:
        return float(values[np.searchsorted(below, rank)])

    first = math.floor((n - 1) * q)
    part = (n - 1) * q - first
    value = of_rank(first + 1)
    if part > 0:
        value += part * (of_rank(first + 2) - value)
    low, high = _ranks(n, q, n if n_effective is None else n_effective)
    return QuantileEstimate(value, None if low is None else of_rank(low), None if high is None else of_rank(high))


def kaplan_meier(durations: Array, is_event: Array, counts: Array | None = None, n_effective: float | None = None) -> Curve:
    """The product-limit estimate of survival, with the log-log interval from Greenwood's variance.

    A row without an event is known to have lasted at least as long as its duration; at a tie the event comes first. Kaplan & Meier
    (1958), J. Am. Statist. Ass. 53, 457-481; Kalbfleisch & Prentice (2002), The Statistical Analysis of Failure Time Data, 2nd ed.,
    for the interval: S to the power exp(±1.96 · √Greenwood ÷ log S), as R's survfit with conf.type="log-log". Rows
    are taken as independent, unless ``n_effective`` says how many such rows there are: Greenwood's variance then grows by n ÷ that
    number (never below it), and where it is not known (NaN) there is no interval.
    """
    times, which = np.unique(durations, return_inverse=True)
    ended = is_event.astype(float) if counts is None else np.where(is_event, counts, 0).astype(float)
    events = np.bincount(which, ended, len(times))
    leaving = np.bincount(which, counts, len(times))
    at_risk = leaving[::-1].cumsum()[::-1]
    is_counted = at_risk > 0
    times, events, at_risk = times[is_counted], events[is_counted], at_risk[is_counted].astype(float)
    survival = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(events / (at_risk * (at_risk - events))) * _design_effect(leaving.sum(), n_effective)
        reach = np.exp(Z * np.sqrt(greenwood) / np.log(survival))  # below 1, since the logarithm is negative
        is_inside = (survival > 0) & (survival < 1)
        low = np.where(is_inside, survival ** (1 / reach), np.nan)
        high = np.where(is_inside, survival**reach, np.nan)
    return Curve(times, survival, low, high, at_risk, events)


def kaplan_meier_quantile(
    durations: Array, is_event: Array, counts: Array | None, q: float, n_effective: float | None = None
) -> QuantileEstimate:
    """The time by which the share ``q`` (0 < q < 1) has ended: where the survival curve falls to 1 − q, None if it does not.

    Where the curve runs level at exactly 1 − q, the middle of that stretch (of its observed part, at the end of the curve), so that
    without censoring and with an even number a median is the usual one. R's quantile.survfit does the same; lifelines takes the
    start of the stretch. The ends of the interval are where the bounds of the curve fall to 1 − q: Brookmeyer & Crowley (1982),
    Biometrics 38, 29-41, with the log-log transformation. Several rows of one customer: ``n_effective`` as for the curve, taken from
    the share that is known to have ended by the quantile, clustered by customer.
    """
    curve = kaplan_meier(durations, is_event, counts, n_effective)
    return QuantileEstimate(*(_falls_to(1 - q, curve.times, heights) for heights in (curve.survival, curve.low, curve.high)))


def _design_effect(n: float, n_effective: float | None) -> float:
    if n_effective is None or n == 0:
        return 1.0
    return max(1.0, n / n_effective) if n_effective > 0 else math.nan


def _falls_to(height: float, times: Array, heights: Array) -> float | None:
    reached = np.flatnonzero(heights <= height + _SAME)  # NaN is not reached
    if not len(reached):
        return None
    first = reached[0]
    if heights[first] < height - _SAME:
        return float(times[first])
    below = np.flatnonzero(heights < height - _SAME)
    return float(times[first] + times[below[0] if len(below) else -1]) / 2


def _ranks(n: int, q: float, n_effective: float) -> tuple[int | None, int | None]:
    if not n_effective >= 1:  # nor a number
        return None, None
    n_effective = min(n_effective, n)
    trials = math.floor(n_effective)
    low, high = _lower_rank(trials, q), _lower_rank(trials, 1 - q)
    return _stretched(low, n, trials), None if high == 0 else n + 1 - (_stretched(high, n, trials) or 0)


def _stretched(rank: int, n: int, trials: int) -> int | None:
    """The rank among n that lies, outwards, where this one lies among the trials; the middle of a step is its place."""
    return None if rank == 0 else math.floor((rank - 0.5) * n / trials + 0.5)


def _lower_rank(n: int, q: float) -> int:
    """The highest rank that at most 2½ % of samples have above their true quantile; 0 where there is none."""
    # loading SciPy takes a quarter of a second
    from scipy import special  # noqa: PLC0415 - see above

    rank = max(0, round(n * q - Z * math.sqrt(n * q * (1 - q))))
    while rank > 0 and special.bdtr(rank - 1, n, q) > _TAIL:
        rank -= 1
    while special.bdtr(rank, n, q) <= _TAIL:
        rank += 1
    return rank
