"""Estimators on their own from Python: every name works again and again, and odd plain tables are refused with a hint."""

import math
import pkgutil
import subprocess
import sys
from datetime import date
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import keepwell as kw
from factories import cdnow
from factories.boosting import boosted
from keepwell import models
from keepwell.core.errors import WrongUseError
from keepwell.models.btyd.model import FittedBuying
from keepwell.models.refusal import RefusedError


@pytest.mark.parametrize(("package", "names"), [(models, models.__all__), (kw, [n for n in kw.__all__ if n != "models"])])
def test_no_lazily_loaded_name_is_that_of_a_submodule(package: ModuleType, names: list[str]) -> None:
    """Loading a submodule puts it in the package under its own name, in the place of what was lazily loaded."""
    assert not set(names) & {m.name for m in pkgutil.iter_modules(package.__path__)}


def test_every_name_is_the_same_again() -> None:
    code = "import keepwell as kw; assert all(getattr(kw.models, n) is getattr(kw.models, n) for n in dir(kw.models)); kw.models.importance.__call__"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importance_can_be_asked_for_twice() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=300)
    first, again = (kw.models.importance(x + rng.normal(size=300), {"x": x}) for _ in range(2))
    assert first.drivers == again.drivers == ("x",)


# ------------------------------------------------------------ what is given

# what is given here is not what it should be, so types would tell only what the errors do
SUMMARY: Any = kw.models.Summary
CLUSTERS: Any = kw.models.Clusters
DAY = date(2026, 1, 5)
HUNDRED = np.arange(1.0, 101.0)
SOME = {"recency": HUNDRED, "frequency": HUNDRED, "money": HUNDRED}
THREE = np.tile([1.0, 50.0, 900.0], 100) * np.linspace(1, 1.2, 300)


@pytest.mark.parametrize(
    "wrong", [[1.0, math.nan], [1.0, None], [1.0, math.inf], ["1", "2"], [[1], [2]], "12", pd.Series([1, None], dtype="Int64")]
)
def test_numbers_are_finite_numbers(wrong: Any) -> None:
    for call in (
        lambda: kw.models.Rfm().fit({"recency": wrong, "frequency": [1, 2], "money": [1, 2]}),
        lambda: kw.models.Rfm().fit(SOME).score({"recency": wrong, "frequency": [1, 2], "money": [1, 2]}),
        lambda: kw.models.Tiers().assign(wrong),
        lambda: kw.models.BetaGeo().fit({"x": wrong, "t_x": [0, 0], "age": [9, 9]}),
        lambda: SUMMARY(np.array([0, 0]), wrong, np.array([9.0, 9.0])),
        lambda: kw.models.importance(wrong, {"x": [1, 2]}),
        lambda: CLUSTERS().fit({"recency": wrong}),
    ):
        with pytest.raises(WrongUseError) as error:
            call()
        assert error.value.hint


@pytest.mark.parametrize(
    "table",
    [
        {"recency": [1, 2], "frequency": [1], "money": [1]},
        {"recency": [1], "frequency": [1]},
        [1],
        pa.table([[1], [2]], names=["money", "money"]),
    ],
)
def test_tables_are_whole(table: Any) -> None:
    with pytest.raises(WrongUseError) as error:
        kw.models.Rfm().fit(table)
    assert error.value.hint


def test_what_is_asked_of_rfm_is_checked() -> None:
    for wrong in ({"thresholds": ([1, 2, 3, 4],) * 2}, {"thresholds": ([1, 2, 3, math.nan],) * 3}, {"weights": (1, 1, math.nan)}):
        with pytest.raises(WrongUseError):
            kw.models.Rfm(**wrong)
    with pytest.raises(RefusedError, match="no customers"):
        kw.models.Rfm().fit({"recency": [], "frequency": [], "money": []})


@pytest.mark.parametrize(
    ("who", "when", "told"),
    [
        (["a", None], [DAY, DAY], "row 2"),
        (["a", math.nan], [DAY, DAY], "row 2"),
        (["", "a"], [DAY, DAY], "row 1"),
        (["a", "b"], [20_190_101, 20_190_102], "the number 20190101 in row 1"),
        (["a", "b"], ["20190101", "2019-01-02"], "no date"),
        (["a", "b"], ["now", "2019-01-02"], "no date"),
        (["a", "b"], [DAY, None], "row 2"),
        (["a", "b"], np.array(["2026-01-05", "NaT"], "datetime64[D]"), "row 2"),
        (["a", "b"], [None, None], "row 1"),
        (["a"], [DAY, DAY], "differ in length"),
    ],
)
def test_a_log_has_a_customer_and_a_date_in_every_row(who: Any, when: Any, told: str) -> None:
    for read in (kw.models.Summary.of_log, kw.models.Cohorts().fit):
        with pytest.raises(WrongUseError, match=told) as error:
            read({"customer_id": who, "ordered_on": when}, DAY)
        assert error.value.hint
    with pytest.raises(WrongUseError):
        kw.models.Cohorts().fit({"customer_id": ["a"], "ordered_on": [DAY]}, "")


def test_a_day_may_be_told_as_text() -> None:
    log = {"customer_id": [7, 7], "ordered_on": ["2026-01-01", "2026-01-05T10:00:00"]}
    assert kw.models.Summary.of_log(log, "2026-01-31").t_x.tolist() == [4.0]
    assert kw.models.Cohorts().fit(log, "2026-01-31").size.tolist() == [1]


@pytest.mark.parametrize("days", [-30, 0, math.nan, math.inf, "a", None, True, 10**9])
def test_a_forecast_looks_ahead(days: Any) -> None:
    with pytest.raises(WrongUseError, match="days ahead"):
        FittedBuying(None, None).predict(days)  # type: ignore[arg-type]


def test_a_summary_counts_whole_days_of_each_customer() -> None:
    with pytest.raises(WrongUseError, match=r"1\.5"):
        kw.models.BetaGeo().fit({"x": [1.5], "t_x": [3], "age": [9]})
    with pytest.raises(WrongUseError, match="differ in length"):
        SUMMARY([1], [3], [9], ["a", "b"])
    assert SUMMARY([1], [3], [9], ["a"]).x.tolist() == [1]


def test_importance_of_what_does_not_differ_is_refused() -> None:
    for score, customer in ((np.ones(50), None), (HUNDRED, np.ones(100))):
        with pytest.raises(RefusedError):
            kw.models.importance(score, {"x": np.arange(len(score))}, customer)
    with pytest.raises(WrongUseError):
        kw.models.importance(HUNDRED, {"x": HUNDRED}, ["a", None] * 50)
    found = kw.models.importance(HUNDRED.tolist(), {"x": [*HUNDRED[1:], None]}, [f"c{i % 9}" for i in range(100)])
    assert np.isfinite([found.r2, found.tested_r2, *found.low, *found.high]).all()


def test_tiers_take_lists() -> None:
    assert kw.models.Tiers().assign([80, 15, 5]).tolist() == [0, 1, 2]
    assert kw.models.Tiers().assign(pa.array([80, 15, 5])).tolist() == [0, 1, 2]


def test_clusters_read_features_only() -> None:
    table = {"customer_id": [f"c{i}" for i in range(300)], "spend": THREE, "plan": ["a"] * 300}
    assert CLUSTERS(k=3).fit({n: table[n] for n in ("customer_id", "spend")}).features == ("spend",)
    for features in (None, ["spent"], "spend", [3]):
        with pytest.raises(WrongUseError):
            CLUSTERS().fit(table, features)
    for wrong in ("3", 1, 2.5, True):
        with pytest.raises(WrongUseError):
            CLUSTERS(k=wrong)
    with pytest.raises(WrongUseError):
        CLUSTERS().fit({"customer_id": table["customer_id"]})


def test_who_left_is_true_or_false() -> None:
    late = np.arange(200.0)
    left = late > 99
    for wrong in (np.where(left, 1.0, math.nan), np.where(left, "Yes", "No"), [2, *left[1:]], [None, *left[1:]], left[1:]):
        with pytest.raises(WrongUseError):
            kw.models.Churn(rounds=2).fit({"late": late}, wrong, judge=False)
    for customers in (["a"], [None] * 200):
        with pytest.raises(WrongUseError):
            kw.models.Churn(rounds=2).fit({"late": late}, left, customers=customers, judge=False)
    for setting in ({"folds": 1}, {"rounds": 0}, {"folds": "5"}):
        with pytest.raises(WrongUseError):
            kw.models.Churn(**setting)


@boosted
def test_values_that_churn_has_not_seen_are_unknown() -> None:
    rng = np.random.default_rng(3)
    late, left = rng.poisson(1, 600), rng.random(600) < 0.4
    table = {"late": late, "plan": rng.choice(["a", "b", "c"], 600), "paper": rng.choice(["yes", "no"], 600)}
    fitted = kw.models.Churn(rounds=5).fit(table, left.astype(int), judge=False)
    found = fitted.predict({"late": [1, None, 3], "plan": ["d", None, math.nan], "paper": ["maybe", None, "no"]})
    assert np.isfinite(found).all()
    assert np.isnan(
        fitted.encoding.apply({n: np.array([v], object) for n, v in (("late", None), ("plan", "d"), ("paper", "maybe"))})[0, [0, -1]]
    ).all()
    for wrong in ({"late": ["often"], "plan": ["a"], "paper": ["no"]}, {"late": [1, 2], "plan": ["a"], "paper": ["no"]}):
        with pytest.raises(WrongUseError):
            fitted.predict(wrong)


def test_contracts_are_counted() -> None:
    for family in ("sbg", "kaplan_meier", "constant"):
        for left, goes_on in (([1, math.nan], [0, 5]), ([1, -1], [0, 5]), ([1], [0, 5]), (["1"], [5]), (3, 5)):
            with pytest.raises(WrongUseError):
                kw.models.Contracts().fit(left, goes_on, family)
        for left, goes_on in (([0, 0], [0, 0]), ([], [])):
            with pytest.raises(RefusedError, match="no contracts"):
                kw.models.Contracts().fit(left, goes_on, family)
    with pytest.raises(WrongUseError):
        kw.models.Contracts().fit([10], [90], "weibull")
    fitted = kw.models.Contracts().fit([10], [90], "constant")
    assert fitted.stays([0, 3], 1) == pytest.approx([0.9, 0.9])
    for months, ahead in (([-1], 1), ([1.5], 1), ([1], "1")):
        with pytest.raises(WrongUseError):
            fitted.payments(months, ahead, 0.1)  # type: ignore[arg-type]


def test_survivors_are_of_several_moments() -> None:
    for wrong in ([], [100]):
        with pytest.raises(RefusedError, match="moments"):
            kw.models.ShiftedBetaGeometric.of_survivors(wrong)
    for odd in ([100, math.nan], [100, 120]):
        with pytest.raises(WrongUseError):
            kw.models.ShiftedBetaGeometric.of_survivors(odd)


def test_baskets_are_lists_or_a_table() -> None:
    baskets = [["bread", "butter"], ["bread", "butter"], ["bread"]]
    rows = [(str(i), p) for i, b in enumerate(baskets) for p in b]
    table = pa.table({"order_id": [r[0] for r in rows], "product_id": [r[1] for r in rows]})
    expected = kw.models.Basket(0.1, 0.1).fit(baskets)
    assert expected
    assert kw.models.Basket(0.1, 0.1).fit(table) == expected
    assert kw.models.Basket(0.1, 0.1).fit(table.rename_columns(["order", "item"]), order="order", product="item") == expected
    for wrong in (
        [["bread", None]],
        ["bread"],
        [None],
        table.rename_columns(["order", "item"]),
        {"o1": ["bread"], "o2": ["bread", "milk"]},
    ):
        with pytest.raises(WrongUseError):
            kw.models.Basket(0.1, 0.1).fit(wrong)
    with pytest.raises(WrongUseError):
        kw.models.Basket(longest=1)


@pytest.mark.parametrize("texts", [["good", None], ["good", math.nan], "good", [3, "good"]])
def test_texts_are_texts(texts: Any) -> None:
    for call in (
        lambda: kw.models.Topics().fit(texts),
        lambda: kw.models.Sentiment().fit(texts, [True, False]),
        lambda: kw.models.Sentiment().fit([], []).predict(texts),
    ):
        with pytest.raises(WrongUseError):
            call()


def test_what_belongs_to_texts_is_as_long_as_they_are() -> None:
    texts: Any = ["the courier never came"] * 60
    wrongs: list[Any] = [{"writers": ["a"]}, {"spoken": ["en"]}, {"spoken": ["xx"] * 60}]
    for wrong in wrongs:
        with pytest.raises(WrongUseError):
            kw.models.Topics().fit(texts, **wrong)
    moods: list[Any] = [["happy"] * 60, [math.nan] * 60, [True]]
    for mood in moods:
        with pytest.raises(WrongUseError):
            kw.models.Sentiment().fit(texts, mood)
    assert kw.models.Sentiment().fit(texts, [True] * 60, ["en"] * 60).judged == {}  # type: ignore[list-item]


# ----------------------------------------------------- by themselves as well


def test_gamma_gamma_is_fitted_on_a_table() -> None:
    rng = np.random.default_rng(7)
    x = rng.poisson(3, 900)
    own = 1 / rng.gamma(3.5, 1 / 60, 900)
    mean = np.array([rng.gamma(5 * max(k, 1), m / max(k, 1)) / 5 for k, m in zip(x, own, strict=True)])
    table = {"customer_id": [f"c{i}" for i in range(900)], "x": x, "mean": np.where(x > 0, mean, math.nan)}
    fitted = kw.models.GammaGamma().fit(table)
    assert fitted.parameters == kw.models.GammaGamma.fitted(x, mean).parameters
    found = fitted.predict(table)
    assert found.column_names == ["customer_id", "expected_value"]
    assert found.column(1).to_numpy()[x == 0] == pytest.approx(fitted.mean)
    assert fitted.predict({"frequency": [0], "monetary_value": [0.0]}).column(0).to_pylist() == pytest.approx([fitted.mean])
    for wrong in ({"x": [1, 2], "mean": [3.0, None]}, {"x": [1]}, {"x": [-1], "mean": [3.0]}, {"x": [1], "mean": ["3"]}):
        with pytest.raises(WrongUseError):
            kw.models.GammaGamma().fit(wrong)


def test_shifted_beta_geometric_is_fitted_on_counts() -> None:
    survivors = [1000, 869, 743, 653, 593]
    left = [131, 126, 90, 60]
    fitted = kw.models.ShiftedBetaGeometric().fit(left, [0, 0, 0, 593])
    assert fitted.parameters == kw.models.ShiftedBetaGeometric.of_survivors(survivors).parameters
    assert fitted.survival([0, 1])[0] == pytest.approx(1.0)  # type: ignore[arg-type]


def test_stages_of_a_plain_table_are_those_of_the_rules() -> None:
    """N is 90: lost after 180 days, dormant after 90, returned after a gap of 90, new within 90, then by what was spent."""
    rows = [
        (181, 9, 400, 1, 1),
        (91, 9, 400, 1, 1),
        (90, 91, 400, 1, 1),
        (9, 0, 9, 1, 0),
        (9, 9, 400, 12, 10),
        (9, 9, 400, 6, 10),
        (9, 9, 400, 10, 10),
    ]
    names = ("recency", "gap", "age", "amount", "amount_before")
    table = {n: [r[i] for r in rows] for i, n in enumerate(names)}
    rules = kw.models.Lifecycle(inactive_days=90)
    assert [rules.stages[i] for i in rules.assign(table)] == ["lost", "dormant", "returned", "new", "growing", "declining", "mature"]
    for wrong in ({**table, "age": [1] * 7}, {**table, "gap": [-1] * 7}, {n: table[n] for n in names[:4]}):
        with pytest.raises(WrongUseError):
            rules.assign(wrong)
    with pytest.raises(WrongUseError, match="inactive"):
        kw.models.Lifecycle().assign(table)


def test_cohorts_by_what_the_first_purchase_tells() -> None:
    log = {
        "customer_id": ["a", "b", "a", "c", "b"],
        "ordered_on": ["2026-02-06", "2026-01-07", "2026-01-05", "2026-01-09", "2026-02-01"],
        "channel": ["web", "shop", "shop", None, "web"],
    }
    found = kw.models.Cohorts().fit(log, "2026-02-28", by="channel")
    assert {n: t.size.tolist() for n, t in found.items()} == {"(none)": [1], "shop": [2]}
    assert found["shop"].retention()[0].tolist() == [1.0, 1.0]
    assert found["(none)"].retention()[0].tolist() == [1.0, 0.0]
    whole = kw.models.Cohorts().fit(log, "2026-02-28")
    assert (sum(t.classic.sum(axis=0) for t in found.values()) == whole.classic.sum(axis=0)).all()
    with pytest.raises(WrongUseError, match="channels"):
        kw.models.Cohorts().fit(log, "2026-02-28", by="channels")


def test_clv_of_a_log_is_what_its_parts_give() -> None:
    """Summary, BG/NBD or its like and Gamma-Gamma, put together by hand, on CDNOW."""
    rows = cdnow.rows()
    log = {"customer_id": [r[0] for r in rows], "ordered_on": [r[1] for r in rows], "amount": [r[2] for r in rows]}
    fitted = kw.models.Clv().fit(log, cdnow.CALIBRATED)
    found = fitted.predict(273, annual_rate=0.0)
    by_hand = FittedBuying(fitted.seen.model, kw.models.Summary.of_log(log, cdnow.CALIBRATED)).predict(273)
    for name in ("customer_id", "probability_active", "expected_orders", "expected_orders_low"):
        assert found.column(name).to_pylist() == by_hand.column(name).to_pylist()
    x, mean = cdnow.spend()
    assert fitted.spend.model is not None
    assert fitted.spend.model.parameters == pytest.approx(kw.models.GammaGamma.fitted(x, mean).parameters, rel=1e-6)
    clv, low, high = (found.column(c).to_numpy() for c in ("clv", "clv_low", "clv_high"))
    assert clv == pytest.approx(by_hand.column("expected_orders").to_numpy() * fitted.spend.expected)
    assert ((low <= clv) & (clv <= high)).all()
    assert fitted.predict(273).column("clv").to_numpy().sum() < clv.sum()
    for days, rate in ((0, 0.1), ("a", 0.1), (30, -1), (30, math.nan)):
        with pytest.raises(WrongUseError):
            fitted.predict(days, rate)  # type: ignore[arg-type]


def test_clv_of_too_little_is_refused() -> None:
    log = {"customer_id": ["a"], "ordered_on": [DAY], "amount": [1.0]}
    with pytest.raises(RefusedError, match="CLV needs 100"):
        kw.models.Clv().fit(log, DAY)
    many = {"customer_id": list(range(200)), "ordered_on": [DAY] * 200, "amount": [1.0] * 200}
    with pytest.raises(RefusedError, match="CLV needs 60"):
        kw.models.Clv().fit(many, DAY)
