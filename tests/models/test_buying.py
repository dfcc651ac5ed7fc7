"""Models of buying until inactive, beside published numbers on the CDNOW sample.

BG/NBD: Fader, Hardie & Lee (2005), Marketing Science 24(2), table 2; Pareto/NBD: the same paper and the BTYD package's walk-through;
MBG/NBD: Batislam et al. (2007) and CLVTools; Gamma-Gamma: Fader & Hardie (2013) as fitted by lifetimes; sBG: Fader & Hardie (2007).
"""

import dataclasses
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.special import hyp2f1

from factories import cdnow
from keepwell.core.errors import WrongUseError
from keepwell.models.btyd.contracts import ShiftedBetaGeometric
from keepwell.models.btyd.gamma_gamma import GammaGamma
from keepwell.models.btyd.hold_out import HoldOut, compared
from keepwell.models.btyd.hypergeometric import excess
from keepwell.models.btyd.model import BetaGeo, FittedBuying, Forecaster, ModifiedBetaGeo, ParetoNBD
from keepwell.models.btyd.nbd import NegativeBinomial
from keepwell.models.btyd.summary import Summary, grouped
from keepwell.models.refusal import RefusedError

WEEKS_39 = 273
ENTRIES: dict[str, type[BetaGeo]] = {"bg_nbd": BetaGeo, "mbg_nbd": ModifiedBetaGeo, "pareto_nbd": ParetoNBD}
PUBLISHED = {
    "bg_nbd": ({"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}, -9582.429, 0.005),
    "mbg_nbd": ({"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}, -9582.136, 0.005),
    "pareto_nbd": ({"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}, -9594.976, 0.01),
}
HOLD_OUT = {"bg_nbd": (-7573.59, 1653.4), "mbg_nbd": (-7568.09, 1576.7), "pareto_nbd": (-7576.53, 1665.4)}


@pytest.fixture(scope="module")
def calibration() -> Summary:
    return Summary.of_log(cdnow.log(), cdnow.CALIBRATED)


@pytest.fixture(scope="module")
def fitted(calibration: Summary) -> dict[str, FittedBuying]:
    return {name: entry().fit(calibration) for name, entry in ENTRIES.items()}


@pytest.fixture(scope="module")
def held_out(calibration: Summary) -> list[HoldOut]:
    return compared(calibration, Summary.of_log(cdnow.log(), cdnow.UNTIL))


def test_the_summary_is_the_published_one(calibration: Summary) -> None:
    assert (len(calibration), int(calibration.x.sum()), calibration.repeaters) == (2357, 2457, 946)
    later = Summary.of_log(cdnow.log(), cdnow.UNTIL)
    assert int((later.x - calibration.x).sum()) == 1882


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_likelihood_are_the_published_ones(fitted: dict[str, FittedBuying], name: str) -> None:
    parameters, log_likelihood, tolerance = PUBLISHED[name]
    assert dict(fitted[name].parameters) == pytest.approx(parameters, rel=tolerance)
    assert fitted[name].log_likelihood == pytest.approx(log_likelihood, abs=0.01)


def test_standard_errors_are_those_of_the_bootstrap(calibration: Summary, fitted: dict[str, FittedBuying]) -> None:
    """Twenty-five resamples of the customers scatter as much as the Hessian says, within what twenty-five can tell."""
    rng = np.random.default_rng(3)
    drawn = []
    for _ in range(25):
        who = rng.integers(0, len(calibration), len(calibration))
        found = BetaGeo().fit(Summary(calibration.x[who], calibration.t_x[who], calibration.age[who]))
        drawn.append([found.parameters["r"], found.parameters["alpha"]])
    told = fitted["bg_nbd"].standard_errors
    assert told is not None
    spread = np.std(np.array(drawn), axis=0, ddof=1)
    # a standard deviation of 25 draws is off by 14 % at one sigma; the model's own misfit adds to it
    assert spread == pytest.approx([told["r"], told["alpha"]], rel=0.5)


@pytest.mark.parametrize(
    ("wrong", "r"),
    [("same-day purchases apart", 0.218), ("calendar weeks", 0.291)],
)
def test_a_wrong_convention_misses_them(wrong: str, r: float) -> None:
    rows = [(who, day) for who, day, _ in cdnow.rows() if day <= cdnow.CALIBRATED]
    x: dict[str, list[float]] = {}
    for who, day in rows:
        x.setdefault(who, []).append((day - date(1997, 1, 1)).days)
    summaries = []
    for days in x.values():
        if wrong == "calendar weeks":
            weeks = sorted({int(d // 7) for d in days})
            summaries.append((len(weeks) - 1, (weeks[-1] - weeks[0]) * 7.0, (38 - weeks[0]) * 7.0))
        else:
            # purchases of the first day can't be repeats of it; all others count one by one
            repeats = [d for d in days if d > min(days)]
            summaries.append((len(repeats), max(days) - min(days), 272.0 - min(days)))
    columns = np.array(summaries)
    found = BetaGeo().fit(Summary(columns[:, 0].astype(np.int64), columns[:, 1], columns[:, 2]))
    assert found.parameters["r"] != pytest.approx(0.2426, rel=0.02)
    assert abs(found.parameters["r"] - 0.2426) > 0.5 * abs(r - 0.2426)


def test_expected_purchases_of_one_customer_are_the_published_ones(fitted: dict[str, FittedBuying]) -> None:
    one = {"x": [2], "t_x": [30.43 * 7], "age": [38.86 * 7]}
    assert fitted["bg_nbd"].predict(WEEKS_39, one).column("expected_orders").to_pylist() == pytest.approx([1.226], abs=5e-4)


@pytest.mark.parametrize("name", HOLD_OUT)
def test_hold_out_is_the_published_one(held_out: list[HoldOut], name: str) -> None:
    found = next(h for h in held_out if h.family == name)
    log_likelihood, total = HOLD_OUT[name]
    assert found.log_likelihood == pytest.approx(log_likelihood, abs=0.01)
    assert found.total_predicted == pytest.approx(total, rel=0.005)
    assert (found.total_actual, found.days) == (1882, 273)


def test_the_likeliest_in_the_hold_out_comes_first(held_out: list[HoldOut]) -> None:
    assert [h.family for h in held_out] == ["mbg_nbd", "bg_nbd", "pareto_nbd"]


def test_gamma_gamma_is_the_published_one() -> None:
    found = GammaGamma.fitted(*cdnow.spend())
    assert found.parameters == pytest.approx({"p": 6.25, "q": 3.74, "v": 15.44}, rel=0.005)
    assert found.log_likelihood == pytest.approx(-4055.918, abs=0.01)


def test_gamma_gamma_with_the_first_purchase_misses_it() -> None:
    x, mean = cdnow.spend(with_first=True)
    assert GammaGamma.fitted(x, mean).p == pytest.approx(9.88, rel=0.02)


HIGH_END = [100, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1]
REGULAR = [100, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1]


@pytest.mark.parametrize(
    ("survivors", "alpha", "beta", "log_likelihood"),
    [(HIGH_END, 0.668, 3.806, -1611.16), (REGULAR, 0.704, 1.182, -1680.27)],
)
def test_renewals_are_the_published_ones(survivors: list[float], alpha: float, beta: float, log_likelihood: float) -> None:
    found = ShiftedBetaGeometric.of_survivors([10 * s for s in survivors])
    assert found.parameters == pytest.approx({"alpha": alpha, "beta": beta}, rel=0.005)
    assert found.log_likelihood == pytest.approx(log_likelihood, abs=0.01)
    # the years after the seventh, which it has not seen, within two points (their figure 5)
    later = [46.8, 44.5, 42.7, 40.9, 39.4] if survivors is HIGH_END else [22.3, 20.7, 19.4, 18.3, 17.3]
    assert (100 * found.survival(np.arange(8.0, 13.0))).tolist() == pytest.approx(later, abs=2.0)


def test_contracts_that_all_go_on_are_refused() -> None:
    with pytest.raises(RefusedError, match="No contract has ended"):
        ShiftedBetaGeometric.fitted([0, 0], [0, 10])


# ------------------------------------------------------------- distribution


@pytest.mark.parametrize("name", ENTRIES)
def test_the_distribution_has_the_expected_mean(fitted: dict[str, FittedBuying], name: str) -> None:
    model = fitted[name].model
    x, age = np.array([0, 2, 10, 300]), np.array([10.0, 38.86, 30.0, 39.0])
    chances = np.diff(model.outlook(x, age, 39.0).at_most(2000), axis=1, prepend=0)
    assert (chances @ np.arange(2001)).tolist() == pytest.approx(model.expected_if_active(x, age, 39.0).tolist(), rel=1e-5)
    assert (chances @ np.arange(2001) ** 2).tolist() == pytest.approx(model.outlook(x, age, 39.0).second_moment().tolist(), rel=1e-4)
    assert (1 - chances[:, 0]).tolist() == pytest.approx(model.buys_within_if_active(x, age, 39.0).tolist(), rel=1e-4)


@pytest.mark.parametrize("name", ENTRIES)
def test_after_the_told_days_the_chance_is_reached(fitted: dict[str, FittedBuying], calibration: Summary, name: str) -> None:
    seen = Forecaster(fitted[name].model, calibration)
    days = seen.days_to_chance(0.5)
    place = int(np.nanargmin(np.where(calibration.x > 2, days, np.nan)))
    assert seen.buys_within(float(days[place]))[place] == pytest.approx(0.5, abs=1e-6)
    assert np.isnan(days[seen.active <= 0.5]).all()


def test_simulated_customers_give_their_parameters_back() -> None:
    """20,000 customers drawn by the model's own story: α, r and the share who leave come out within three standard errors."""
    rng = np.random.default_rng(11)
    n, weeks = 20_000, 78.0
    rates, leaves = rng.gamma(0.8, 1 / 6.0, n), rng.beta(0.9, 4.0, n)
    x, last = np.zeros(n, np.int64), np.zeros(n)
    now, is_active = np.zeros(n), np.ones(n, bool)
    while is_active.any():
        now = now + rng.exponential(1 / rates)
        is_active &= now < weeks
        x[is_active] += 1
        last[is_active] = now[is_active]
        is_active &= rng.random(n) > leaves
    found = BetaGeo().fit(Summary(x, last * 7, np.full(n, weeks * 7)))
    errors = found.standard_errors
    assert errors is not None
    for name, truth in {"r": 0.8, "alpha": 6.0, "a": 0.9, "b": 4.0}.items():
        assert abs(found.parameters[name] - truth) < 3.5 * errors[name], name


@pytest.mark.parametrize("a", [0.3, 1.0, 1.0000001, 2.7])
def test_the_series_is_the_hypergeometric_function(a: float) -> None:
    c, z = np.array([3.0, 12.0, 5003.0]), np.array([0.9, 0.5, 0.7])
    if a == 1.0:
        near = (excess(1 - 1e-6, 2.1, c, z) + excess(1 + 1e-6, 2.1, c, z)) / 2
        assert excess(a, 2.1, c, z).tolist() == pytest.approx(near.tolist(), rel=1e-6)
        return
    plain = (1 - (1 - z) ** (a - 1) * hyp2f1(a - 1, 2.1, c, z)) / (a - 1)
    assert excess(a, 2.1, c, z).tolist() == pytest.approx(plain.tolist(), rel=1e-6)


# --------------------------------------------------------------- degenerate


def a_summary(x: list[int], t_x: list[float], age: list[float], times: int = 1) -> Summary:
    return Summary(np.array(x * times), np.array(t_x * times), np.array(age * times))


REFUSED = {
    "one customer": a_summary([3], [20.0], [40.0]),
    "all one-time buyers": a_summary([0], [0.0], [40.0], 500),
    "all the same day": a_summary([0], [0.0], [0.0], 500),
    "nobody": a_summary([], [], []),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("entry", ENTRIES.values())
def test_too_little_is_refused_with_the_reason(entry: type[BetaGeo], name: str) -> None:
    with pytest.raises(RefusedError, match="customers bought on a second day"):
        entry().fit(REFUSED[name])


@pytest.mark.parametrize("entry", ENTRIES.values())
def test_a_customer_with_thousands_of_purchases_gets_finite_numbers(calibration: Summary, entry: type[BetaGeo]) -> None:
    whale = Summary(np.append(calibration.x, 5000), np.append(calibration.t_x, 270.0), np.append(calibration.age, 270.0))
    told = entry().fit(whale).predict(365).to_pylist()[-1]
    assert all(np.isfinite(v) for v in told.values() if v is not None)
    assert 0.5 < told["probability_active"] <= 1
    assert told["expected_orders_low"] < told["expected_orders"] < told["expected_orders_high"]


def test_a_summary_that_cannot_be_is_refused() -> None:
    with pytest.raises(WrongUseError, match="Row 2 of the summary"):
        a_summary([1, 0], [5.0, 3.0], [10.0, 10.0])


def test_nobody_leaving_is_told_as_the_limit() -> None:
    """Purchases at rates of their own for ever: activity can't be told, and the model says so."""
    rng = np.random.default_rng(5)
    days = [np.unique(np.cumsum(rng.exponential(1 / rate, 400)).astype(int)) for rate in rng.gamma(2.0, 0.02, 800)]
    seen = [(d[d <= 200], d) for d in days]
    rows = [(len(d), float(d[-1]) if len(d) else 0.0) for d, _ in seen]
    found = BetaGeo().fit(a_summary([r[0] if r[1] > 0 else 0 for r in rows], [r[1] for r in rows], [200.0] * len(rows)))
    assert found.model.name == NegativeBinomial.name
    assert not found.is_activity_identifiable
    assert set(found.predict(30).column("probability_active").to_pylist()) == {1.0}


def test_leaving_at_its_bound_is_told() -> None:
    """Everybody leaves with the same chance, so b runs to its bound: activity can be told, but only where leaving surely can."""
    rng = np.random.default_rng(3)
    rows = []
    for rate in rng.gamma(1.0, 0.05, 800):
        left = rng.geometric(0.1)
        days = np.unique(np.cumsum(rng.exponential(1 / rate, left)).astype(int))
        seen = days[(days > 0) & (days <= 300)]
        rows.append((len(seen), float(seen.max(initial=0))))
    found = BetaGeo().fit(a_summary([r[0] for r in rows], [r[1] for r in rows], [300.0] * len(rows)))
    assert found.is_leaving_at_bound
    assert found.standard_errors is None
    assert found.is_activity_identifiable
    limit = NegativeBinomial.fitted(grouped(found.summary)[0])
    for gain, is_told in ((0.6, False), (2.0, True)):
        model: Any = dataclasses.replace(found.model, log_likelihood=limit.log_likelihood + gain)  # type: ignore[type-var]
        assert dataclasses.replace(found, model=model).is_activity_identifiable is is_told


def test_order_of_rows_does_not_show(calibration: Summary) -> None:
    shuffled = np.random.default_rng(1).permutation(len(calibration))
    again = Summary(calibration.x[shuffled], calibration.t_x[shuffled], calibration.age[shuffled])
    assert BetaGeo().fit(again).parameters == BetaGeo().fit(calibration).parameters


def test_groups_hold_every_customer(calibration: Summary) -> None:
    groups, place = grouped(calibration)
    assert groups.size == len(calibration)
    assert (groups.x[place] == calibration.x).all()
    assert (groups.age[place] * 7).tolist() == pytest.approx(calibration.age.tolist())


def test_a_log_after_its_end_is_not_seen() -> None:
    found: dict[str, Any] = {"customer_id": ["a", "a", "b"], "ordered_on": [date(2026, 1, 1), date(2026, 3, 1), date(2026, 4, 1)]}
    one = Summary.of_log(found, date(2026, 3, 31))
    assert (one.x.tolist(), one.t_x.tolist(), one.age.tolist()) == ([1], [59.0], [89.0])
    assert timedelta(days=89) == date(2026, 3, 31) - date(2026, 1, 1)


@pytest.mark.parametrize(
    ("a", "b", "r", "x", "z", "expected"),
    [
        (0.9, 4, 0.8, 0, 0.85, 0.7017041796841385),
        (0.9, 4, 0.8, 30, 0.6, 0.8974316035510124),
        (5000, 3, 0.8, 1, 0.9, 0.0001968654759544929),
        (22000, 20000, 0.5, 0, 0.99, 3.920411853795853e-5),
        (800, 2, 0.7, 2, 0.97, 0.001251466422424771),
        (200, 9000, 0.7, 300, 0.9, 0.005025125628140704),
        (3, 2, 0.5, 5000, 0.3, 0.2548971406364156),
        (6, 2, 5, 1, 0.5, 0.186226334070812),
    ],
)
def test_the_hypergeometric_part_holds_for_large_and_small_exponents(
    a: float, b: float, r: float, x: int, z: float, expected: float
) -> None:
    # by mpmath with 60 digits: (1 - (1-z)^(r+x) 2F1(r+x, b+x; a+b+x-1; z)) / (a-1)
    assert excess(a, a + b - 1 - r, np.array([a + b + x - 1.0]), np.array([z]))[0] == pytest.approx(expected, rel=1e-9)
