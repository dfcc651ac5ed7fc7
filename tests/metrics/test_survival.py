"""Durations against published data, NumPy, SciPy and hand calculations."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from keepwell.metrics.survival import QuantileEstimate, kaplan_meier, kaplan_meier_quantile, order_statistics

# Freireich et al. (1963), Blood 21, 699-716: weeks in remission; the 6-MP arm is partly censored, the placebo arm is not
MP_WEEKS = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35])
MP_RELAPSED = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
PLACEBO_WEEKS = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23])

durations_and_events = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=60)


def arrays(rows: list[tuple[int, bool]]) -> tuple[Any, Any]:
    return np.array([duration for duration, _ in rows]), np.array([is_event for _, is_event in rows])


def test_remission_under_6_mp_is_as_published() -> None:
    # Kalbfleisch & Prentice (2002) and every text since
    published = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    curve = kaplan_meier(MP_WEEKS, MP_RELAPSED)
    is_relapse = curve.events > 0
    assert dict(zip(curve.times[is_relapse].tolist(), curve.survival[is_relapse].round(3).tolist(), strict=True)) == published
    assert curve.at_risk[is_relapse].tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert curve.events[is_relapse].tolist() == [3, 1, 1, 1, 1, 1, 1]


def test_medians_of_remission_are_as_published() -> None:
    # by hand: at 11 weeks the lower bound is 0.503, at 13 it is 0.432; the upper one ends at 0.680 and never falls to a half
    assert kaplan_meier_quantile(MP_WEEKS, MP_RELAPSED, None, 0.5) == QuantileEstimate(23.0, 13.0, None)
    # no censoring: S(5) = 12/21, S(8) = 8/21, so 8; the lower bound falls from 0.519 to 0.425 at 4 weeks, the upper one to 0.482 at 11
    assert kaplan_meier_quantile(PLACEBO_WEEKS, np.ones(21, dtype=bool), None, 0.5) == QuantileEstimate(8.0, 4.0, 11.0)


def test_interval_at_six_weeks_is_the_hand_calculation() -> None:
    # S = 18/21; Greenwood: 3 / (21 · 18) = 0.0079365; √ / log S = 0.0890871 / -0.1541507 = -0.5779222; e^(1.959964 · 0.5779222) = 3.1043
    curve = kaplan_meier(MP_WEEKS, MP_RELAPSED)
    assert curve.low[0] == pytest.approx((6 / 7) ** 3.1043, abs=1e-4)
    assert curve.high[0] == pytest.approx((6 / 7) ** (1 / 3.1043), abs=1e-4)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # SciPy's own, where survival is 0 or 1
@given(durations_and_events)
def test_curve_is_scipys(rows: list[tuple[int, bool]]) -> None:
    durations, is_event = arrays(rows)
    expected = stats.ecdf(stats.CensoredData(durations[is_event], right=durations[~is_event])).sf
    curve = kaplan_meier(durations, is_event)
    assert curve.times.tolist() == expected.quantiles.tolist()
    assert curve.survival == pytest.approx(expected.probabilities, abs=1e-12)
    bounds = expected.confidence_interval(0.95, method="log-log")
    is_inside = (expected.probabilities > 1e-9) & (expected.probabilities < 1 - 1e-9)
    assert curve.low[is_inside] == pytest.approx(bounds.low.probabilities[is_inside], abs=1e-12)
    assert curve.high[is_inside] == pytest.approx(bounds.high.probabilities[is_inside], abs=1e-12)
    assert np.isnan(curve.low[~is_inside]).all()
    assert np.isnan(curve.high[~is_inside]).all()


def test_median_is_the_middle_of_a_level_stretch() -> None:
    every = np.ones(4, dtype=bool)
    assert kaplan_meier_quantile(np.array([1, 2, 3, 4]), every, None, 0.5).value == 2.5  # as the plain median
    # S(2) = 1/2 and nobody ends after: the stretch is seen until 10 (R: quantile.survfit)
    assert kaplan_meier_quantile(np.array([1, 2, 7, 10]), np.array([True, True, False, False]), None, 0.5).value == 6.0


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=40))
def test_median_without_censoring_is_the_plain_one(values: list[int]) -> None:
    found = kaplan_meier_quantile(np.array(values), np.ones(len(values), dtype=bool), None, 0.5)
    assert found.value == float(np.median(values))


def test_a_curve_that_does_not_fall_that_far_has_no_quantile() -> None:
    nobody = np.zeros(3, dtype=bool)
    assert kaplan_meier_quantile(np.array([1, 2, 3]), nobody, None, 0.5) == QuantileEstimate(None, None, None)
    # S ends at 0.448
    assert kaplan_meier_quantile(MP_WEEKS, MP_RELAPSED, None, 0.9).value is None


def test_no_rows_have_no_quantile() -> None:
    nothing = np.array([], dtype=int)
    assert kaplan_meier_quantile(nothing, nothing.astype(bool), None, 0.5) == QuantileEstimate(None, None, None)
    assert order_statistics(nothing, None, 0.5, None) == QuantileEstimate(None, None, None)


def test_half_as_many_effective_rows_double_greenwoods_variance() -> None:
    # every row twice, of which half are effective, is every row once
    twice = np.full(len(MP_WEEKS), 2)
    once, halved = kaplan_meier(MP_WEEKS, MP_RELAPSED), kaplan_meier(MP_WEEKS, MP_RELAPSED, twice, 21.0)
    assert halved.low == pytest.approx(once.low)
    assert halved.high == pytest.approx(once.high)
    assert kaplan_meier_quantile(MP_WEEKS, MP_RELAPSED, twice, 0.5, 21.0) == QuantileEstimate(23.0, 13.0, None)


def test_more_effective_rows_than_rows_do_not_narrow_the_curve() -> None:
    assert kaplan_meier(MP_WEEKS, MP_RELAPSED, None, 99.0).low == pytest.approx(kaplan_meier(MP_WEEKS, MP_RELAPSED).low)


@pytest.mark.parametrize("n_effective", [math.nan, 0.0])
def test_unknown_effective_rows_leave_the_median_without_bounds(n_effective: float) -> None:
    assert kaplan_meier_quantile(MP_WEEKS, MP_RELAPSED, None, 0.5, n_effective) == QuantileEstimate(23.0, None, None)


@given(durations_and_events)
def test_counted_rows_are_the_rows(rows: list[tuple[int, bool]]) -> None:
    durations, is_event = arrays(rows)
    pairs, counts = np.unique(np.column_stack([durations, is_event]), axis=0, return_counts=True)
    expected = kaplan_meier_quantile(durations, is_event, None, 0.5)
    assert kaplan_meier_quantile(pairs[:, 0], pairs[:, 1].astype(bool), counts, 0.5) == expected
    values, counts = np.unique(durations, return_counts=True)
    assert order_statistics(values, counts, 0.75, None) == order_statistics(np.sort(durations), None, 0.75, None)


def test_a_duration_that_counts_for_nothing_changes_nothing() -> None:
    counts = np.array([2, 0, 1, 0])
    found = kaplan_meier_quantile(np.array([1, 2, 3, 9]), np.ones(4, dtype=bool), counts, 0.9)
    assert found.value == 3.0
    assert order_statistics(np.array([0, 1, 2]), np.array([0, 3, 0]), 0.5, None).value == 1.0


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=50), st.sampled_from([0.1, 0.25, 0.5, 0.9]))
def test_sample_quantile_is_numpys(values: list[int], q: float) -> None:
    found = order_statistics(np.sort(values), None, q, None)
    assert found.value == pytest.approx(float(np.quantile(values, q)))


@pytest.mark.parametrize(("n", "low", "high"), [(6, 1, 6), (7, 1, 7), (10, 2, 9), (20, 6, 15), (25, 8, 18), (50, 18, 33), (100, 40, 61)])
def test_ranks_around_the_median_are_the_published_ones(n: int, low: int, high: int) -> None:
    # tables of the sign test, such as Hollander & Wolfe; the values are their ranks
    found = order_statistics(np.arange(1, n + 1), None, 0.5, None)
    assert (found.low, found.high) == (low, high)


@given(st.integers(1, 400), st.sampled_from([0.05, 0.25, 0.5, 0.9]))
def test_ranks_are_the_closest_that_leave_two_and_a_half_percent(n: int, q: float) -> None:
    # rank r is a lower end when more than r - 1 of n lie below the quantile in 97.5 % of samples, and likewise above
    low = int((stats.binom.cdf(np.arange(n), n, q) <= 0.025).sum())
    high = int((stats.binom.sf(np.arange(n), n, q) <= 0.025).argmax()) + 1 if stats.binom.sf(n - 1, n, q) <= 0.025 else 0
    found = order_statistics(np.arange(1, n + 1), None, q, None)
    assert (found.low, found.high) == (low or None, high or None)


def test_a_median_of_five_has_no_bounds() -> None:
    # the smallest of five lies above the median in 1 of 32 samples: more than 2.5 %
    assert order_statistics(np.array([3, 4, 5, 6, 9]), None, 0.5, None) == QuantileEstimate(5.0, None, None)


def test_a_high_quantile_may_have_a_lower_bound_alone() -> None:
    # 0.9^20 = 12 % of samples of 20 have no value above the ninth decile; P(Binomial(20, 0.9) <= 14) = 1.1 %, <= 15: 4.3 %
    found = order_statistics(np.arange(1, 21), None, 0.9, None)
    assert (found.low, found.high) == (15.0, None)


def test_fewer_effective_rows_widen_the_ranks() -> None:
    # 25 effective of 100 rows: ranks 8 and 18 of 25 lie at (8 - ½) · 4 + ½ = 30.5 and 70.5, outwards 30 and 71
    found = order_statistics(np.arange(1, 101), None, 0.5, 25.0)
    assert (found.value, found.low, found.high) == (50.5, 30.0, 71.0)


def test_more_effective_rows_than_rows_do_not_narrow() -> None:
    assert order_statistics(np.arange(1, 101), None, 0.5, 150.0) == order_statistics(np.arange(1, 101), None, 0.5, None)


@pytest.mark.parametrize("n_effective", [math.nan, 0.5, 5.9])
def test_too_few_or_unknown_effective_rows_give_no_bounds(n_effective: float) -> None:
    assert order_statistics(np.arange(1, 101), None, 0.5, n_effective) == QuantileEstimate(50.5, None, None)


@given(st.integers(1, 200), st.floats(1, 200), st.sampled_from([0.25, 0.5, 0.9]))
def test_bounds_enclose_the_value(n: int, n_effective: float, q: float) -> None:
    found = order_statistics(np.arange(1, n + 1), None, q, n_effective)
    assert found.value is not None
    assert found.low is None or 1 <= found.low <= found.value
    assert found.high is None or n >= found.high >= found.value
