"""95 % intervals. The unit of randomness is the customer, not the row; an anonymous row is a customer of its own.

Every function takes exact sums over customers and gives plain floats, so that the same sums always give the same interval.
"""

import math
from dataclasses import dataclass
from decimal import Decimal

Z = 1.959963984540054  # the 97.5 % point of the normal distribution
LEVEL = 0.975


@dataclass(frozen=True)
class Interval:
    """The lower and the upper end, both included."""

    low: float
    high: float


@dataclass(frozen=True)
class Sums:
    """Over customers: how many, Σ numerator, Σ denominator, and the sums of their products."""

    customers: int
    num: Decimal
    den: Decimal
    nn: Decimal
    nd: Decimal
    dd: Decimal

    @property
    def ratio(self) -> Decimal:
        return self.num / self.den


@dataclass(frozen=True)
class CrossSums:
    """Over customers who are in both of two periods: sums of products of the one period's sums with the other's."""

    nn: Decimal
    nd: Decimal  # this period's numerator, the other's denominator
    dn: Decimal
    dd: Decimal


def of_flow(sums: Sums) -> Interval:
    """A count or a sum of what happened in a period: ± 1.96 · √Σ(customer's total)².

    The variance of a compound Poisson sum, estimated by the sum of squares: customers come and buy independently.
    """
    half = Z * math.sqrt(sums.nn)
    value = float(sums.num)
    low = value - half
    # a sum without negative parts is not negative
    return Interval(max(0.0, low) if value >= 0 and sums.num * sums.num >= sums.nn else low, value + half)


def ratio_variance(sums: Sums) -> float:
    """The delta-method variance of Σ numerator ÷ Σ denominator over customers, with the small-sample factor m ÷ (m − 1).

    Cochran (1977), Sampling Techniques, 3rd ed., section 6.4 (ratio estimate), without finite-population correction.
    """
    m = sums.customers
    if m < 2 or sums.den == 0:
        return math.nan
    r = sums.ratio
    residual = sums.nn - 2 * r * sums.nd + r * r * sums.dd
    return float(residual) * m / (m - 1) / float(sums.den) ** 2


def of_ratio(sums: Sums) -> Interval | None:
    """The delta method over customers, with the t quantile of their number; None for fewer than two customers."""
    # loading SciPy takes a quarter of a second, and most commands read no ratio
    from scipy import special  # noqa: PLC0415 - see above

    variance = ratio_variance(sums)
    if math.isnan(variance):
        return None
    half = float(special.stdtrit(sums.customers - 1, LEVEL)) * math.sqrt(max(0.0, variance))
    value = float(sums.ratio)
    return Interval(value - half, value + half)


def of_share(sums: Sums) -> Interval | None:
    """Wilson's interval with the effective number of observations n_eff = p(1 − p) ÷ Var clustered by customer.

    Wilson (1927); Korn & Graubard (1998) for the effective sample size. With p at 0 or 1 the customers are the observations.
    """
    variance = ratio_variance(sums)
    p = float(sums.ratio)
    if math.isnan(variance):
        return None
    spread = p * (1 - p)
    n = spread / variance if variance > 0 and spread > 0 else float(sums.customers)
    return wilson(p, n)


def wilson(p: float, n: float) -> Interval:
    """Wilson's score interval for a share ``p`` of ``n`` observations."""
    z2 = Z * Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def flow_change_variance(now: Sums, before: Sums, cross: CrossSums) -> float:
    """The variance of the difference of two flows: Σ(customer's difference)², since most customers are in both periods."""
    return max(0.0, float(now.nn + before.nn - 2 * cross.nn))


def ratio_change_variance(now: Sums, before: Sums, cross: CrossSums) -> float:
    """The variance of the difference of two ratios, linearised for each customer: Var(a − b) = Var a + Var b − 2 Cov(a, b)."""
    first, second = ratio_variance(now), ratio_variance(before)
    if math.isnan(first) or math.isnan(second):
        return math.nan
    r1, r0 = now.ratio, before.ratio
    covariance = cross.nn - r0 * cross.nd - r1 * cross.dn + r1 * r0 * cross.dd
    return max(0.0, first + second - 2 * float(covariance) / float(now.den) / float(before.den))


def of_difference(value: float, variance: float) -> Interval | None:
    """± 1.96 standard deviations; None where the variance is not known."""
    if math.isnan(variance):
        return None
    half = Z * math.sqrt(variance)
    return Interval(value - half, value + half)
