"""Intervals against other libraries, published numbers and hand calculations. Their coverage: test_coverage.py."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from keepwell.metrics import intervals
from keepwell.metrics.intervals import Interval, Spread

NAN = math.nan
amounts = st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 2)), min_size=2, max_size=30)


def spread_of(z: Any) -> Spread:
    """The sums over customers of what each adds."""
    z = np.asarray(z, dtype=float)
    return Spread(len(z), float((z**2).sum()), float((z**3).sum()))


def linearised(x: Any, y: Any) -> tuple[float, Spread]:
    """Σx ÷ Σy, and what each customer adds to it."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    r = x.sum() / y.sum()
    return float(r), spread_of((x - r * y) / y.sum())


def ends(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None
    return interval.low, interval.high


# flows


def test_count_of_customers_has_the_interval_of_a_poisson_count() -> None:
    # 100 customers, each counted once: 100 ± 1.96 · √100
    assert ends(intervals.of_flow(100.0, Spread(100, 100.0))) == pytest.approx((100 - 19.59964, 100 + 19.59964), abs=1e-4)


def test_skewness_brings_a_poisson_count_near_its_exact_interval() -> None:
    # Garwood (1936) for 100: 81.36 to 121.63; its mid-P version is narrower by less than half a count on either side
    low, high = ends(intervals.of_flow(100.0, Spread(100, 100.0, 100.0)))
    exact = stats.chi2.ppf(0.025, 200) / 2, stats.chi2.ppf(0.975, 202) / 2
    assert exact == pytest.approx((81.36, 121.63), abs=0.01)
    assert 0 < low - exact[0] < 0.6
    assert -0.6 < high - exact[1] < 0.6


def test_sum_follows_the_totals_of_customers() -> None:
    # by hand: totals 3, 4, 12 -> √(9 + 16 + 144) = 13; 19 ± 1.959964 · 13, cut off at nothing
    assert ends(intervals.of_flow(19.0, Spread(3, 169.0))) == pytest.approx((0.0, 19 + 1.959963984540054 * 13))


def test_sum_of_both_signs_may_be_negative() -> None:
    # 5 and -4: nothing says that the sum 1 can't be below 0; √41 = 6.4031
    assert ends(intervals.of_flow(1.0, Spread(2, 41.0))) == pytest.approx((1 - 12.5499, 1 + 12.5499), abs=1e-3)


@given(amounts)
def test_a_flow_of_refunds_mirrors_a_flow_of_sales(totals: list[float]) -> None:
    low, high = ends(intervals.of_flow(math.fsum(totals), spread_of(totals)))
    mirrored = [-x for x in totals]
    assert ends(intervals.of_flow(math.fsum(mirrored), spread_of(mirrored))) == pytest.approx((-high, -low), abs=1e-6)


@given(st.lists(st.floats(0, 1e6).map(lambda x: round(x, 2)), min_size=1, max_size=30))
def test_a_sum_without_negative_parts_is_not_negative(totals: list[float]) -> None:
    low, high = ends(intervals.of_flow(math.fsum(totals), spread_of(totals)))
    assert 0 <= low <= math.fsum(totals) <= high < math.inf


# ratios and means


def test_ratio_is_the_mean_with_its_t_interval_when_each_customer_has_one_row() -> None:
    values = [12.5, 7.0, 30.25, 9.0, 18.75, 4.0]
    expected = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    value, spread = linearised(values, np.ones(6))
    assert ends(intervals.of_ratio(value, Spread(6, spread.second))) == pytest.approx(expected)


def test_symmetric_customers_have_the_t_interval() -> None:
    values = [1.0, 2.0, 4.0, 6.0, 7.0]
    value, spread = linearised(values, np.ones(5))
    expected = stats.t.interval(0.95, 4, loc=4.0, scale=stats.sem(values))
    assert ends(intervals.of_ratio(value, spread)) == pytest.approx(expected)


def test_skewed_customers_have_halls_interval() -> None:
    # Hall (1992): where g(t) = t + γt²/3 + γ²t³/27 + γ/6 is ± the quantile; here the cubic is solved by search
    values = [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 5.0, 17.0]
    deviations = np.array(values) - 4.0  # their mean
    skewness = (deviations**3).sum() / (deviations**2).sum() ** 1.5

    def g(t: float) -> float:
        return float(t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6)

    quantile = stats.t.ppf(0.975, 7)
    upper, lower = (optimize.brentq(lambda t, x=x: g(t) - x, -50, 50) for x in (quantile, -quantile))
    scale = stats.sem(values)
    value, spread = linearised(values, np.ones(8))
    found = intervals.of_ratio(value, spread)
    assert ends(found) == pytest.approx((4 - upper * scale, 4 - lower * scale))
    assert found is not None
    assert found.high - 4 > 4 - found.low  # the truth of such customers is rather above than below


@given(amounts)
def test_ratio_interval_is_finite_and_holds_the_value(values: list[float]) -> None:
    value, spread = linearised(values, np.ones(len(values)))
    low, high = ends(intervals.of_ratio(value, spread))
    assert -math.inf < low <= value <= high < math.inf


@given(st.integers(2, 1_000), st.floats(0, 1e6), st.floats(-1.0, 1.0), st.floats(-1e-6, 1e-6))
def test_a_little_more_skewness_moves_the_ends_a_little(customers: int, second: float, skewness: float, step: float) -> None:
    def at(skewness: float) -> tuple[float, float]:
        return ends(intervals.of_ratio(0.0, Spread(customers, second, skewness * second**1.5)))

    # a cube root is steep at 0, but continuous: ∛(1e-6 · 12.7) = 0.023, thrice, for two customers
    assert at(skewness + step) == pytest.approx(at(skewness), abs=0.3 * math.sqrt(second) + 1e-9)


def test_one_customer_gives_no_interval() -> None:
    alone = Spread(1, 0.0)
    assert intervals.of_ratio(5.0, alone) is None
    assert intervals.of_share(0.5, alone) is None
    assert intervals.of_nps(1.0, 0.0, 2.0, alone) is None


# shares


def test_wilson_is_scipys_wilson() -> None:
    for successes, n in ((1, 10), (5, 50), (0, 20), (97, 100), (20, 20)):
        expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
        assert ends(intervals.wilson(successes / n, n)) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.integers(2, 500), st.data())
def test_share_with_one_row_a_customer_is_wilson_with_their_number(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    value, spread = linearised([1.0] * successes + [0.0] * (n - successes), np.ones(n))
    if min(successes, n - successes) in {1, 2, 3}:
        # next to none or all the ends are those of a Poisson count
        return
    expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    for rows in (None, float(n)):
        assert ends(intervals.of_share(value, spread, rows)) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(("counted", "low"), [(1, 0.051293), (2, 0.355362), (3, 0.817691)])
def test_lower_end_of_a_rare_share_is_that_of_a_poisson_count(counted: int, low: float) -> None:
    # ½ χ² at 5 % with 2x degrees of freedom; for x = 1 that is −ln 0.95
    value, spread = linearised([1.0] * counted + [0.0] * (100 - counted), np.ones(100))
    found = intervals.of_share(value, spread, 100.0)
    assert found is not None
    assert found.low == pytest.approx(low / 100, rel=1e-5)
    mirrored = intervals.of_share(1 - value, spread, 100.0)
    assert mirrored is not None
    assert mirrored.high == pytest.approx(1 - low / 100, rel=1e-5)


def test_share_of_clustered_rows_is_korn_and_graubards() -> None:
    # five customers of 4 rows with 0, 1, 1, 2, 4 of them: p = 8/20, z = (-1.6, -0.6, -0.6, 0.4, 2.4) ÷ 20, Σz² = 9.2/400 = 0.023;
    # unbiased 0.023 · 5/4 = 0.02875; n = 1 + 0.24 / 0.02875 = 9.3478; t(19) = 2.093024, t(4) = 2.776445: 9.3478 · 0.568282 = 5.31220
    value, spread = linearised([0, 1, 1, 2, 4], [4] * 5)
    expected = intervals.wilson(0.4, 5.31220)
    assert ends(intervals.of_share(value, spread, 20.0)) == pytest.approx(ends(expected), abs=1e-5)
    # with the number of rows not known there are at least 9.3478: t(8.3478) = 2.289173, and 9.3478 · 0.679806 = 6.3547
    t = stats.t.ppf(0.975, 8.3478)
    assert ends(intervals.of_share(value, spread)) == pytest.approx(ends(intervals.wilson(0.4, 9.3478 * (t / 2.776445) ** 2)), abs=1e-5)


def test_share_widens_when_few_customers_hold_the_rows() -> None:
    one_row_each = ends(intervals.of_share(*linearised([1.0] * 20 + [0.0] * 30, np.ones(50))))
    ten_rows_each = ends(intervals.of_share(*linearised([10.0] * 2 + [0.0] * 3, [10.0] * 5)))
    assert ten_rows_each[1] - ten_rows_each[0] > 2 * (one_row_each[1] - one_row_each[0])


@pytest.mark.parametrize(("p", "second"), [(0.0, 0.0), (1.0, 0.0), (0.5, 0.0), (0.5, 1e-35)])
def test_customers_count_where_all_rows_or_all_customers_agree(p: float, second: float) -> None:
    assert intervals.of_share(p, Spread(12, second)) == intervals.wilson(p, 12)


def test_rows_are_never_more_than_there_are() -> None:
    # 10 customers of 2 rows, almost alike: the spread alone would make it 1,000 rows
    found = ends(intervals.of_share(0.5, Spread(10, 0.00025), 20.0))
    assert found[1] - found[0] >= ends(intervals.wilson(0.5, 20))[1] - ends(intervals.wilson(0.5, 20))[0]


# net promoter score


def test_nps_of_known_counts_is_the_known_interval() -> None:
    # 690 promoters and 1,271 detractors of 2,353: -24.69 ± 3.55, around (690 - 1271) / 2356 = -24.66
    value, spread = linearised([100.0] * 690 + [0.0] * 392 + [-100.0] * 1271, np.ones(2353))
    assert value == pytest.approx(-24.69, abs=0.005)
    low, high = ends(intervals.of_nps(690, 1271, 2353, spread))
    assert (high - low) / 2 == pytest.approx(3.55, abs=0.005)
    assert (high + low) / 2 == pytest.approx(-58100 / 2356)


def test_nps_with_one_answer_a_customer_is_the_plain_formula() -> None:
    # 6, 2 and 2 of 10: p = 6.75/13, d = 2.75/13, score 4/13; 9.5/13 - 16/169 = 0.636095, ÷ 13 -> 0.220202, · 1.959964 = 0.431600
    _, spread = linearised([100.0] * 6 + [0.0] * 2 + [-100.0] * 2, np.ones(10))
    assert ends(intervals.of_nps(6, 2, 10, spread)) == pytest.approx((100 * (4 / 13) - 43.355, 100 * (4 / 13) + 43.355), abs=0.01)


def test_nps_of_nothing_but_promoters_is_cut_off_at_100() -> None:
    # 20 of 20: p = 20.75/23, d = 0.75/23, score 20/23 = 0.869565; (21.5/23 - 0.756144) / 23 = 0.0077670, √ · 1.959964 = 0.172732
    low, high = ends(intervals.of_nps(20, 0, 20, Spread(20, 0.0)))
    assert low == pytest.approx(100 * (0.869565 - 0.172732), abs=0.01)
    assert high == 100.0


def test_nps_widens_when_customers_answer_repeatedly() -> None:
    # 50 customers and their one answer four times over: as wide as 50 answers, but for the degrees of freedom, which are 50's then
    once, four_times = [100.0] * 25 + [0.0] * 15 + [-100.0] * 10, [400.0] * 25 + [0.0] * 15 + [-400.0] * 10
    narrow = ends(intervals.of_nps(25, 10, 50, linearised(once, np.ones(50))[1]))
    wide = ends(intervals.of_nps(100, 40, 200, linearised(four_times, np.full(50, 4.0))[1]))
    plain = ends(intervals.of_nps(100, 40, 200, linearised(once * 4, np.ones(200))[1]))
    # n = 50 · (t(199) ÷ t(49))² = 50 · (1.971957 ÷ 2.009575)² = 48.15, so wider by √(51.15/53) = 1.8 %
    assert wide[1] - wide[0] == pytest.approx((narrow[1] - narrow[0]) * math.sqrt(53 / 51.15), rel=2e-3)
    assert wide[1] - wide[0] > 1.8 * (plain[1] - plain[0])


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_nps_interval_holds_the_score(promoters: int, passives: int, detractors: int) -> None:
    answered = promoters + passives + detractors
    if answered < 2:
        assert intervals.of_nps(promoters, detractors, answered, Spread(answered, 0.0)) is None
        return
    value, spread = linearised([100.0] * promoters + [0.0] * passives + [-100.0] * detractors, np.ones(answered))
    low, high = ends(intervals.of_nps(promoters, detractors, answered, spread))
    assert -100 <= low <= value <= high <= 100


# changes


def test_change_is_paired_by_customer() -> None:
    # differences 1, -2, 4 -> variance 1 + 4 + 16
    now, before = np.array([5.0, 1.0, 4.0]), np.array([4.0, 3.0, 0.0])
    assert intervals.change_variance((now**2).sum(), (before**2).sum(), (now * before).sum()) == pytest.approx(21.0)


def test_change_between_disjoint_groups_adds_the_variances() -> None:
    assert intervals.change_variance(9.0, 16.0, 0.0) == 25.0


def test_variance_of_no_difference_is_not_negative() -> None:
    assert intervals.change_variance(0.1 + 0.2, 0.3, 0.30000000000000004) == 0.0


def test_difference_is_within_1_96_deviations() -> None:
    assert ends(intervals.of_difference(10.0, 25.0)) == pytest.approx((10 - 9.79982, 10 + 9.79982), abs=1e-5)


# what is not known


def test_unknown_spread_gives_no_interval() -> None:
    unknown = Spread(10, NAN, NAN)
    assert intervals.of_flow(1.0, unknown) is None
    assert intervals.of_ratio(1.0, unknown) is None
    assert intervals.of_share(0.5, unknown) is None
    assert intervals.of_nps(5, 2, 10, unknown) is None
    assert math.isnan(intervals.change_variance(1.0, NAN, 0.0))
    assert intervals.of_difference(1.0, NAN) is None


def test_unknown_value_gives_no_interval() -> None:
    known = Spread(10, 1.0, 1.0)
    assert intervals.of_flow(NAN, known) is None
    assert intervals.of_ratio(NAN, known) is None
    assert intervals.of_share(NAN, known) is None
    assert intervals.of_nps(NAN, 2, 10, known) is None
    assert intervals.of_nps(0, 0, 0, known) is None
    assert intervals.of_difference(NAN, 1.0) is None


def test_unknown_third_moment_gives_the_symmetric_interval() -> None:
    for third in (None, NAN):
        assert ends(intervals.of_flow(100.0, Spread(100, 100.0, third))) == pytest.approx((80.40036, 119.59964), abs=1e-4)
