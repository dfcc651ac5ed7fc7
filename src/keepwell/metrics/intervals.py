"""95 % intervals. The unit of randomness is the customer, not the row; an anonymous row is a customer of its own.

A KPI is a function of sums over customers. What one customer adds to it, linearised, is z = Σ (∂f ÷ ∂sum) · (the customer's part of
the sum), in the KPI's own units: the customer's total for a count or a sum, (x − r·y) ÷ Σy for a ratio r = Σx ÷ Σy. Every function
here takes the value and the sums of z², perhaps z³; it is pure, so the same sums always give the same interval. What is not known
(NaN) gives None.
"""

import math
from dataclasses import dataclass

Z = 1.959963984540054  # the 97.5 % point of the normal distribution
LEVEL = 0.975
_POINTS = 100.0  # of a net promoter score
_MANY_ROWS = 1e9  # a customer; more effective observations than these come from a variance that is zero but for rounding


@dataclass(frozen=True)
class Interval:
    """The lower and the upper end, both included, in the units of the value."""

    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """How much customers differ in what they add to a value: their number, Σz² and Σz³ (None where that is not known).

    ``customers`` are those with a row behind the value: of a ratio, those with a part of its denominator.
    """

    customers: int
    second: float
    third: float | None = None


def of_flow(value: float, spread: Spread) -> Interval | None:
    """A count or a sum of what happened in a period: value ± 1.96 · √Σz², bent by the skewness of customers' totals.

    It holds what such a period is expected to bring when customers come independently, as many as they happen to, and each brings
    as much as they happen to: a compound Poisson sum, with cumulants Σz, Σz² and Σz³. Its studentised value has the expansion of a
    studentised mean, so Hall's transformation applies with z for t. Without Σz³ it is symmetric.

    A sum that may well have no negative part (value² ≥ Σz²) does not reach below 0; one without a positive part, not above.
    """
    if not _is_known(value, spread):
        return None
    second = max(0.0, spread.second)
    found = _bent(value, math.sqrt(second), Z, _skewness(spread))
    if value * value < second:
        return found
    return Interval(max(0.0, found.low), found.high) if value >= 0 else Interval(found.low, min(0.0, found.high))


def of_ratio(value: float, spread: Spread) -> Interval | None:
    """A ratio of sums, or a mean over customers: the delta method with t and m ÷ (m − 1), bent by the skewness of customers.

    Cochran (1977), Sampling Techniques, 3rd ed., section 6.4, for the variance; Hall (1992), On the removal of skewness by
    transformation, J. R. Statist. Soc. B 54, 221-228, for the ends. The usual t interval where Σz³ is 0 or not known; None for
    fewer than two customers.
    """
    if not _is_known(value, spread) or spread.customers < 2:
        return None
    deviation = math.sqrt(_variance(spread))
    return _bent(value, deviation, _t(spread.customers), _skewness(spread))


def of_share(p: float, spread: Spread, rows: float | None = None) -> Interval | None:
    """A share 0…1: Wilson's interval with the effective number of rows, which is the number where each customer has one.

    Customers are the observations where all rows agree (p at 0 or 1) or the customers do not differ. ``rows`` (the denominator),
    where given, is the most that n can be and settles the degrees of freedom; else they are taken as low as the spread allows.
    None for fewer than two customers.
    """
    if not _is_known(p, spread) or spread.customers < 2:
        return None
    p = min(1.0, max(0.0, p))
    return _near_the_ends(p, n := _effective_rows(p * (1 - p), spread, rows), wilson(p, n))


# up to so many counted rows, and below that share, Wilson's lower end is too high
FEW_COUNTED = 3
RARE = 0.1


def _near_the_ends(p: float, n: float, found: Interval) -> Interval:
    """Wilson's interval with the ends of a Poisson count where next to none, or next to all, are counted.

    There Wilson's holds the truth too rarely (92 of 100 times at 1 of 50): Brown, Cai & DasGupta (2001), Statistical Science 16, 101-133,
    section 4.1.1, take ½ χ² with 2x degrees of freedom at 5 % as the lower end for x.
    """
    low, high = found.low, found.high
    if p < RARE and 0 < p * n < FEW_COUNTED + 0.5:
        low = min(low, _poisson_low(p * n) / n)
    if 1 - p < RARE and 0 < (1 - p) * n < FEW_COUNTED + 0.5:
        high = max(high, 1 - _poisson_low((1 - p) * n) / n)
    return Interval(low, high)


def _poisson_low(count: float) -> float:
    from scipy import special  # noqa: PLC0415 - loading it takes a quarter of a second, and rare shares alone need it here

    return float(special.gammaincinv(count, 0.05))


def wilson(p: float, n: float) -> Interval:
    """Wilson's score interval for a share ``p`` of ``n`` observations. Wilson (1927), J. Am. Statist. Ass. 22, 209-212."""
    z2 = Z * Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # rounding must not move an end past a value that lies on the edge
    return Interval(0.0 if p <= 0 else max(0.0, centre - half), 1.0 if p >= 1 else min(1.0, centre + half))


def of_nps(promoters: float, detractors: float, answered: float, spread: Spread) -> Interval | None:
    """A net promoter score in points, −100…100; the spread is the score's, in points².

    Adjusted Wald: ¾, 1½ and ¾ are added to promoters, passives and detractors, and the interval is centred at the score of those
    (the reading's value stays unadjusted): Rocks (2016), Interval estimation for the net promoter score, Am. Statistician 70,
    365-372. With several answers a customer, all counts are first scaled to the effective number of answers. None without
    answers, or from fewer than two customers.
    """
    if not all(map(math.isfinite, (promoters, detractors))) or not _is_known(answered, spread):
        return None
    if answered <= 0 or spread.customers < 2:
        return None
    p, d = promoters / answered, detractors / answered
    n = _effective_rows((p + d - (p - d) ** 2) * _POINTS**2, spread, answered)
    p, d = (p * n + 0.75) / (n + 3), (d * n + 0.75) / (n + 3)
    half = Z * math.sqrt(max(0.0, p + d - (p - d) ** 2) / (n + 3))
    return Interval(max(-1.0, p - d - half) * _POINTS, min(1.0, p - d + half) * _POINTS)


def change_variance(now: float, before: float, cross: float) -> float:
    """The variance of a change from Σz₁², Σz₀² and Σz₁z₀: that of each customer's difference, Σ(z₁ − z₀)², not below 0.

    Most customers are in both periods, so two samples taken as independent would hide real changes; for disjoint groups Σz₁z₀ is 0.
    """
    variance = now + before - 2 * cross
    return variance if math.isnan(variance) else max(0.0, variance)


def of_difference(value: float, variance: float) -> Interval | None:
    """± 1.96 standard deviations; None where the variance is not known."""
    if not (math.isfinite(value) and math.isfinite(variance)):
        return None
    half = Z * math.sqrt(max(0.0, variance))
    return Interval(value - half, value + half)


def _is_known(value: float, spread: Spread) -> bool:
    return math.isfinite(value) and math.isfinite(spread.second)


def _variance(spread: Spread) -> float:
    return max(0.0, spread.second) * spread.customers / (spread.customers - 1)


def _t(observations: float) -> float:
    # loading SciPy takes a quarter of a second, and most commands read no ratio
    from scipy import special  # noqa: PLC0415 - see above

    return float(special.stdtrit(observations - 1, LEVEL))


def _skewness(spread: Spread) -> float:
    """The skewness of the sum: Σz³ ÷ (Σz²)^1.5, at most 1 in size whatever the customers; 0 where it is not known."""
    if spread.third is None or spread.second <= 0:
        return 0.0
    skewness = spread.third / spread.second / math.sqrt(spread.second)
    return 0.0 if math.isnan(skewness) else min(1.0, max(-1.0, skewness))


def _bent(value: float, deviation: float, quantile: float, skewness: float) -> Interval:
    return Interval(value - deviation * _hall(quantile, skewness), value - deviation * _hall(-quantile, skewness))


def _hall(quantile: float, skewness: float) -> float:
    """The quantile of a studentised sum of this skewness: the inverse of Hall's (1992) cubic g(t) = t + γt²/3 + γ²t³/27 + γ/6.

    With y = x − γ/6 and c = ∛(1 + γy) it is 3(c − 1) ÷ γ = 3y ÷ (c² + c + 1): monotone, smooth at γ = 0, and finite for every γ.
    """
    y = quantile - skewness / 6
    c = math.cbrt(1 + skewness * y)
    return 3 * y / (c * c + c + 1)


def _effective_rows(variance_of_one: float, spread: Spread, rows: float | None) -> float:
    """How many independent rows would vary as the customers do, from the variance of one row; their number if each has one.

    The unbiased variance over customers, Σz² · m ÷ (m − 1), is equated to that of n rows, variance of one ÷ (n − 1). Then n is
    lowered for the variance being estimated from few customers: Korn & Graubard (1998), Confidence intervals for proportions with
    small expected number of positive counts, Survey Methodology 24, 193-201: n · (t of the rows ÷ t of the customers)².
    """
    customers = float(spread.customers)
    variance = _variance(spread)
    if variance_of_one <= 0 or variance * customers * _MANY_ROWS <= variance_of_one:
        return customers
    n = 1 + variance_of_one / variance
    if rows is None or not 1 <= rows < math.inf:
        rows = max(customers, n)  # as few as there can be
    else:
        n = min(n, rows)
    return n * (_t(max(customers, rows)) / _t(customers)) ** 2
