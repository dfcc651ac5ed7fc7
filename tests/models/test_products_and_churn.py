"""Rules, next product and churn on plain tables, beside published counts and planted truths."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as pacsv
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from factories.boosting import boosted
from factories.journey import DATA, needs
from keepwell.core.errors import WrongUseError
from keepwell.models.estimators.basket import Basket
from keepwell.models.estimators.churn import Churn, calibration_line
from keepwell.models.estimators.next_product import NextProduct
from keepwell.models.judging import discrimination
from keepwell.models.refusal import RefusedError

GROCERIES: Path = DATA / "groceries_arules" / "groceries.csv"
TELCO: Path = DATA / "telco_churn_ibm" / "telco_customer_churn.csv"


# ------------------------------------------------------------------- basket


@needs(GROCERIES)
@pytest.mark.parametrize(("support", "confidence", "rules"), [(0.001, 0.8, 410), (0.001, 0.6, 2918), (0.006, 0.25, 463)])
def test_as_many_rules_as_published(support: float, confidence: float, rules: int) -> None:
    """Counts of arules on its Groceries data, single-item consequents, antecedent not empty."""
    baskets = [line.split(",") for line in GROCERIES.read_text(encoding="utf-8").splitlines()]
    found = Basket(support, confidence).fit(baskets)
    assert len(found) == rules
    if rules == 463:
        top = found[0]
        assert (top.antecedent, top.consequent) == (("herbs",), "root vegetables")
        assert (top.support, top.confidence, top.lift) == pytest.approx((0.00702, 0.4312, 3.956), rel=1e-3)


def test_a_rule_by_hand() -> None:
    """Bread in 4 of 5 baskets, butter in 3, both in 3: butter → bread 3 ÷ 3, lift 1 ÷ (4 ÷ 5)."""
    baskets = [["bread", "butter"], ["bread", "butter", "butter"], ["bread", "butter"], ["bread"], ["milk"]]
    found = {(r.antecedent, r.consequent): r for r in Basket(0.4, 0.1).fit(baskets)}
    rule = found[("butter",), "bread"]
    assert (rule.baskets, rule.support, rule.confidence, rule.lift) == pytest.approx((3, 0.6, 1.0, 1.25))
    assert found[("bread",), "butter"].confidence == pytest.approx(0.75)


def test_pairs_are_those_of_fp_growth() -> None:
    rng = np.random.default_rng(2)
    baskets = [[f"p{i}" for i in np.flatnonzero(rng.random(12) < 0.3)] for _ in range(400)]
    of_two = Basket(0.02, 0.2, 2).fit(baskets)
    grown = [r for r in Basket(0.02, 0.2, 3).fit(baskets) if len(r.antecedent) == 1]
    assert of_two == grown


def test_no_baskets_are_refused() -> None:
    with pytest.raises(RefusedError, match="no baskets"):
        Basket().fit([])
    with pytest.raises(WrongUseError, match="shares"):
        Basket(support=2)


# ------------------------------------------------------------- next product


def test_what_goes_together_is_offered() -> None:
    """Two kinds of customers who buy from ten products of their own: popularity hits half of what similarity does."""
    rng = np.random.default_rng(8)
    customer, product, day = [], [], []
    for c in range(400):
        own = np.arange(20) if c % 2 else np.arange(20, 40)
        for d in sorted(rng.integers(0, 300, 8).tolist()):
            customer.append(c)
            product.append(int(rng.choice(own)))
            day.append(d)
    found = NextProduct().evaluate(np.array(customer), np.array(product), np.array(day), 200)
    assert found.low > 0.05
    assert found.ours > found.popular
    assert found.gain == pytest.approx(found.ours - found.popular)
    assert found.low < found.gain < found.high
    assert found.offered == 10


def test_a_shop_of_few_products_names_no_more_than_it_has() -> None:
    rng = np.random.default_rng(9)
    customer, day = np.repeat(np.arange(200), 4), np.tile([10, 50, 210, 250], 200)
    found = NextProduct().evaluate(customer, rng.integers(0, 4, 800), day, 200)
    assert found.offered == 4
    assert found.ours == found.popular == 1.0
    assert found.low == found.high == 0.0


def test_too_few_customers_are_refused() -> None:
    one = np.array([0, 0])
    with pytest.raises(RefusedError, match="bought before and after"):
        NextProduct().evaluate(one, np.array([0, 1]), np.array([1, 300]), 200)


# -------------------------------------------------------------------- churn


@pytest.fixture(scope="module")
def telco() -> tuple[dict[str, Any], Any]:
    table = pacsv.read_csv(TELCO)
    columns = {n: table.column(n).to_numpy(zero_copy_only=False) for n in table.column_names if n != "Churn"}
    return columns, np.array(table.column("Churn").to_pylist()) == "Yes"


@boosted
@needs(TELCO)
def test_telco_customers_are_ranked_and_calibrated(telco: tuple[dict[str, Any], Any]) -> None:
    table, left = telco
    found = Churn().fit(table, left)
    assert found.judged.n == 7043
    assert found.judged.auc >= 0.845
    assert found.judged.calibration_error <= 0.015
    assert found.leaks == ()
    # the customer's number is no feature
    assert "customerID" not in found.encoding.origins


@boosted
@needs(TELCO)
def test_reasons_add_up_to_the_odds_and_name_the_contract(telco: tuple[dict[str, Any], Any]) -> None:
    table, left = telco
    some = {n: v[:1500] for n, v in table.items()}
    fitted = Churn(rounds=60).fit(some, left[:1500], judge=False)
    names, each = fitted.contributions(some)
    odds = np.log(fitted.predict(some) / (1 - fitted.predict(some)))
    # what is not explained by features is the same for all
    assert np.ptp(odds - each.sum(axis=1)) < 1e-6
    assert names[int(np.abs(each).mean(axis=0).argmax())] == "Contract"


def planted(size: int = 3000) -> tuple[dict[str, Any], Any]:
    rng = np.random.default_rng(9)
    late, spend = rng.poisson(0.5, size), rng.lognormal(3, 1, size)
    left = rng.random(size) < 1 / (1 + np.exp(2.0 - 1.2 * late))
    return {"late": late, "spend": spend}, left


@boosted
def test_scores_are_the_same_again_and_with_other_threads() -> None:
    table, left = planted()
    first = Churn(rounds=40).fit(table, left)
    assert (first.out_of_fold == Churn(rounds=40).fit(table, left).out_of_fold).all()


@boosted
def test_a_column_that_holds_the_answer_is_named() -> None:
    table, left = planted()
    table["cancelled"] = left.astype(float)
    assert Churn(rounds=20).fit(table, left, judge=False).leaks == ("cancelled",)


def test_too_few_leavers_are_refused() -> None:
    table, left = planted(200)
    with pytest.raises(RefusedError, match="the model needs 50"):
        Churn().fit(table, np.zeros(len(left), bool))


@boosted
def test_a_table_without_the_columns_is_wrong_use() -> None:
    table, left = planted()
    fitted = Churn(rounds=10).fit(table, left, judge=False)
    with pytest.raises(WrongUseError, match="lacks late"):
        fitted.predict({"spend": table["spend"]})


# ------------------------------------------------------------------ judging


def test_measures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(12)
    y = rng.random(500) < 0.3
    score = np.round(np.clip(0.3 + 0.3 * y + rng.normal(0, 0.3, 500), 0, 1), 2)  # with ties
    found = discrimination(score, y)
    assert found.auc == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert found.average_precision == pytest.approx(average_precision_score(y, score), abs=1e-12)
    assert found.auc_low < found.auc < found.auc_high


def test_interval_of_the_area_by_hand() -> None:
    """Two who left (.8, .4), two who stayed (.6, .2): three of four pairs are right, so .75."""
    found = discrimination(np.array([0.8, 0.4, 0.6, 0.2]), np.array([True, True, False, False]))
    # of the leavers 1 and ½ of the stayers are below, of the stayers ½ and 1 of the leavers above: variances ⅛ ÷ 2 each
    assert found.auc == pytest.approx(0.75)
    assert (found.auc_high, found.auc_low) == pytest.approx((1.0, 0.75 - 1.959964 * np.sqrt(0.125)), abs=1e-6)


def test_calibration_line_brings_doubled_odds_back() -> None:
    rng = np.random.default_rng(13)
    odds = rng.normal(0, 1.5, 40_000)
    y = rng.random(40_000) < 1 / (1 + np.exp(-odds))
    slope, shift = calibration_line(2 * odds + 1, y)
    assert (slope, shift) == pytest.approx((0.5, -0.5), abs=0.03)
