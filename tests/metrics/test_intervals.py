"""Intervals against other libraries, published numbers and hand calculations."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from scipy import stats

from keepwell.metrics import intervals
from keepwell.metrics.intervals import CrossSums, Sums


def sums(numerators: list[float], denominators: list[float] | None = None) -> Sums:
    """The sums over customers, exactly."""
    num = [Decimal(str(x)) for x in numerators]
    den = [Decimal(str(x)) for x in denominators] if denominators else [Decimal(0)] * len(num)
    return Sums(
        len(num), sum(num, Decimal(0)), sum(den, Decimal(0)), sum((x * x for x in num), Decimal(0)),
        sum((x * y for x, y in zip(num, den, strict=True)), Decimal(0)), sum((y * y for y in den), Decimal(0)),
    )  # fmt: skip


def of_floats(num: Any, den: Any) -> Sums:
    """The sums over customers in floating numbers, where exactness is not what is tested."""
    return Sums(len(num), *(Decimal(float(x)) for x in (num.sum(), den.sum(), (num * num).sum(), (num * den).sum(), (den * den).sum())))


def cross(now: tuple[list[float], list[float]], before: tuple[list[float], list[float]]) -> CrossSums:
    def products(first: list[float], second: list[float]) -> Decimal:
        return sum((Decimal(str(x)) * Decimal(str(y)) for x, y in zip(first, second, strict=True)), Decimal(0))

    return CrossSums(products(now[0], before[0]), products(now[0], before[1]), products(now[1], before[0]), products(now[1], before[1]))


def test_wilson_is_scipys_wilson() -> None:
    for successes, n in ((1, 10), (5, 50), (0, 20), (97, 100), (20, 20)):
        expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
        found = intervals.wilson(successes / n, n)
        assert found.low == pytest.approx(expected.low, abs=1e-12)
        assert found.high == pytest.approx(expected.high, abs=1e-12)


def test_share_with_one_row_a_customer_is_wilson_with_their_number() -> None:
    # with one row each the delta-method variance is p(1 - p) / (m - 1), so n_eff = m - 1 = 49
    found = intervals.of_share(sums([1.0] * 20 + [0.0] * 30, [1.0] * 50))
    expected = intervals.wilson(0.4, 49)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_share_widens_when_few_customers_hold_the_rows() -> None:
    one_row_each = intervals.of_share(sums([1.0] * 20 + [0.0] * 30, [1.0] * 50))
    ten_rows_each = intervals.of_share(sums([10.0] * 2 + [0.0] * 3, [10.0] * 5))
    assert one_row_each is not None
    assert ten_rows_each is not None
    assert ten_rows_each.high - ten_rows_each.low > 2 * (one_row_each.high - one_row_each.low)


def test_count_of_customers_has_the_interval_of_a_poisson_count() -> None:
    # 100 customers, each counted once: 100 ± 1.96 · √100
    found = intervals.of_flow(sums([1.0] * 100))
    assert (found.low, found.high) == pytest.approx((100 - 19.59964, 100 + 19.59964), abs=1e-4)


def test_sum_follows_the_totals_of_customers() -> None:
    # by hand: totals 3, 4, 12 -> √(9 + 16 + 144) = 13; 19 ± 1.959964 · 13, cut off at nothing
    found = intervals.of_flow(sums([3.0, 4.0, 12.0]))
    assert found.low == 0.0
    assert found.high == pytest.approx(19 + 1.959963984540054 * 13)


def test_ratio_is_the_mean_with_its_t_interval_when_each_customer_has_one_row() -> None:
    values = [12.5, 7.0, 30.25, 9.0, 18.75, 4.0]
    expected = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    found = intervals.of_ratio(sums(values, [1.0] * len(values)))
    assert found is not None
    assert (found.low, found.high) == pytest.approx(expected)


def test_one_customer_gives_no_interval() -> None:
    assert intervals.of_ratio(sums([10.0], [2.0])) is None
    assert intervals.of_share(sums([1.0], [2.0])) is None


def test_change_of_a_sum_is_paired_by_customer() -> None:
    # differences 1, -2, 4 -> variance 1 + 4 + 16
    now, before = [5.0, 1.0, 4.0], [4.0, 3.0, 0.0]
    none = [0.0] * 3
    variance = intervals.flow_change_variance(sums(now), sums(before), cross((now, none), (before, none)))
    assert variance == pytest.approx(21.0)


def test_change_of_a_ratio_is_the_variance_of_linearised_differences() -> None:
    rng = np.random.default_rng(3)
    den1, den0 = rng.integers(1, 6, 40).astype(float), rng.integers(1, 6, 40).astype(float)
    base = rng.normal(20, 5, 40)
    num1, num0 = np.round(den1 * (base + rng.normal(1, 1, 40)), 2), np.round(den0 * (base + rng.normal(0, 1, 40)), 2)
    r1, r0 = num1.sum() / den1.sum(), num0.sum() / den0.sum()
    u = (num1 - r1 * den1) / den1.sum() - (num0 - r0 * den0) / den0.sum()
    first, second = ((num1 - r1 * den1) ** 2).sum() / den1.sum() ** 2, ((num0 - r0 * den0) ** 2).sum() / den0.sum() ** 2
    expected = (u**2).sum() + (first + second) / 39  # the factor m / (m - 1) on both variances, none on the covariance
    found = intervals.ratio_change_variance(
        sums(num1.tolist(), den1.tolist()),
        sums(num0.tolist(), den0.tolist()),
        cross((num1.tolist(), den1.tolist()), (num0.tolist(), den0.tolist())),
    )
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("customers", "kinds"), [(50, ("sum",)), (500, ("sum", "ratio"))])
def test_intervals_hold_the_truth_in_about_95_of_100_samples(customers: int, kinds: tuple[str, ...]) -> None:
    """A Poisson number of customers, each with Poisson orders of a gamma mean, spend log-normal with σ = 1; 2,000 samples.

    With 50 customers and spend this skewed the delta method of a ratio holds about 91 of 100: docs/roadmap.md names it.
    """
    rng = np.random.default_rng(11)
    mean_spend = math.exp(0.5)
    truths = {"ratio": mean_spend, "sum": customers * 3.0 * mean_spend}
    hits = dict.fromkeys(kinds, 0)
    samples = 2_000
    for _ in range(samples):
        orders = rng.poisson(rng.gamma(2.0, 1.5, rng.poisson(customers)))
        orders = orders[orders > 0]
        spend = np.add.reduceat(rng.lognormal(0.0, 1.0, orders.sum()), np.r_[0, np.cumsum(orders)[:-1]])
        found = of_floats(spend, orders.astype(float))
        read = {"ratio": intervals.of_ratio(found), "sum": intervals.of_flow(found)}
        for kind in kinds:
            interval = read[kind]
            assert interval is not None
            hits[kind] += interval.low <= truths[kind] <= interval.high
    assert all(0.93 <= hit / samples <= 0.975 for hit in hits.values()), hits
