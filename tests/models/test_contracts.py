"""Subscribers: how long they stay and what they will pay, beside Fader & Hardie (2007), hand calculations and made-up subscribers."""

import itertools
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factories.shop import Shop
from keepwell.core.errors import WrongUseError
from keepwell.core.settings import Locale
from keepwell.metrics.session import Session
from keepwell.models import Contracts
from keepwell.models.choices import Choices
from keepwell.models.refusal import RefusedError
from keepwell.models.results import Results, estimated
from keepwell.models.spells import whole_months
from keepwell.surfaces.worker.refresh import ground_of

TODAY = date(2026, 5, 31)
# percentages of a cohort of 1,000 still there in the years 0 to 7 (Fader & Hardie 2007, table 1)
HIGH_END = [100, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1]
HIGH_END_YEAR_12 = 39.4


def test_the_published_cohort_is_reproduced_and_foretold() -> None:
    survivors = [10 * s for s in HIGH_END]
    left = [a - b for a, b in itertools.pairwise(survivors)]
    fitted = Contracts().fit(left, [0] * 6 + [survivors[-1]])
    assert fitted.family.parameters == pytest.approx({"alpha": 0.668, "beta": 3.806}, abs=0.002)  # type: ignore[attr-defined]
    # of the 49.1 % there after 7 years, the share there after 12: the paper's figure 5 is off by up to two points of the cohort
    assert fitted.stays(np.array([7]), 5)[0] == pytest.approx(HIGH_END_YEAR_12 / HIGH_END[7], abs=2.0 / HIGH_END[7])


def test_kaplan_meier_is_that_of_a_hand_calculation_and_goes_on_at_the_mean_rate() -> None:
    """At risk in month 1: 40 + 20 + 20 + 20 = 100, of whom 40 end; in month 2: 20 + 20 = 40, of whom 20 end. Mean rate 60 ÷ 140."""
    fitted = Contracts().fit([40, 20], [20, 20], "kaplan_meier")
    later = np.array([fitted.stays(np.array([0]), k)[0] for k in (1, 2, 3)])
    assert later == pytest.approx([0.6, 0.3, 0.3 * (1 - 60 / 140)])
    assert fitted.stays(np.array([1]), 1)[0] == pytest.approx(0.5)


def test_payments_to_come_are_those_of_a_hand_calculation() -> None:
    """With 10 % leaving a month: none with 0.1, one with 0.09, two with 0.81: mean 1.71, variance 0.09 + 4 · 0.81 − 1.71²."""
    fitted = Contracts().fit([10], [90], "constant")
    mean, variance = fitted.payments(np.array([0, 30]), 2, 0.0)
    assert mean == pytest.approx([1.71, 1.71])
    assert variance == pytest.approx([3.33 - 1.71**2] * 2)
    # the first payment is due half a month from now on average, the second one and a half
    assert fitted.payments(np.array([0]), 2, 0.1)[0][0] == pytest.approx(0.9 * 1.1 ** (-0.5 / 12) + 0.81 * 1.1 ** (-1.5 / 12))


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [("2026-01-15", "2026-02-15", 1), ("2026-01-15", "2026-02-14", 0), ("2025-12-01", "2026-12-01", 12), ("2026-01-31", "2026-02-28", 0)],
)
def test_months_are_those_of_the_calendar(start: str, end: str, months: int) -> None:
    first, last = (np.array([np.datetime64(d)]).astype("datetime64[D]").astype(np.int64) for d in (start, end))
    assert whole_months(first, last).tolist() == [months]


def test_wrong_counts_are_refused() -> None:
    with pytest.raises(WrongUseError):
        Contracts().fit([1, 2], [1])
    with pytest.raises(WrongUseError, match="no family 'weibull'"):
        Contracts().fit([1], [1], "weibull")
    with pytest.raises(RefusedError, match="No contract has ended"):
        Contracts().fit([0], [5])


# -------------------------------------------------------------- workspace


def month_on(start: np.datetime64, months: int) -> str:
    return str((start.astype("datetime64[M]") + months).astype("datetime64[D]"))


def subscribers(size: int = 1_200, seed: int = 5, amount: float = 50.0) -> list[dict[str, Any]]:
    """Who begin on the first of a month of the last three years; of each the chance to end in a month is Beta(0.7, 3)."""
    rng = np.random.default_rng(seed)
    leaves, begins = rng.beta(0.7, 3.0, size), rng.integers(0, 36, size)
    lasts = rng.geometric(np.clip(leaves, 1e-6, 1.0))
    found = []
    for i in range(size):
        start = np.datetime64(month_on(np.datetime64("2023-06"), int(begins[i])))
        end = month_on(start, int(lasts[i])) if begins[i] + lasts[i] < 36 else ""
        row = {"customer_id": f"s{i:04}", "plan": "plus", "monthly_amount": amount, "currency": "GBP", "is_trial": "false"}
        # every third one had a rise of price, which is no end
        if i % 3 == 0 and lasts[i] > 2 and begins[i] + 1 < 36:
            middle = month_on(start, 1)
            found.append({**row, "subscription_id": f"u{i}a", "started_at": start, "ended_at": middle, "monthly_amount": amount / 2})
            start = np.datetime64(middle)
        found.append({**row, "subscription_id": f"u{i}", "started_at": start, "ended_at": end})
    return found


def results_of(folder: Path, rows: list[dict[str, Any]], orders: list[dict[str, Any]] | None = None, **choices: Any) -> Results:
    shop = Shop(folder)
    shop.bring_rows("customers", [{"customer_id": c, "kind": "person"} for c in sorted({r["customer_id"] for r in rows})])
    shop.bring_rows("subscriptions", rows)
    if orders:
        shop.bring_rows("orders", orders)
    with shop.lake.engine() as engine:
        session = Session(engine, shop.lake.snapshot(), ground_of(shop.workspace, TODAY), TODAY, keeps=True)
        return estimated(session, "run_x", Choices(**choices), Locale.ENGLISH, None)


def told(found: Results) -> tuple[dict[str, float], dict[str, dict[str, Any]], str]:
    parameters = {r["parameter"]: r["value"] for r in found.tables["model_parameters"].to_pylist() if r["model"] == "contracts"}
    reports = {r["measure"]: r for r in found.tables["model_reports"].to_pylist() if r["model"] == "contracts"}
    return parameters, reports, (reports.get("verdict") or reports["refused"])["note"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return results_of(tmp_path_factory.mktemp("contracts"), subscribers())


def test_sbg_is_chosen_where_subscribers_differ_and_beats_a_constant_churn(found: Results) -> None:
    parameters, reports, verdict = told(found)
    assert (parameters["sbg.alpha"], parameters["sbg.beta"]) == pytest.approx((0.7, 3.0), rel=0.25)
    assert verdict.startswith("sBG foretells the last 11 months best")
    brier = reports["sbg.brier"]
    assert brier["value"] < brier["baseline_value"]
    assert brier["beats_baseline"]
    stayed = reports["sbg.holdout_subscribers"]
    share = stayed["value"] / stayed["n"]
    assert abs(stayed["value"] - stayed["baseline_value"]) < 2.5 * np.sqrt(stayed["n"] * share * (1 - share))
    assert stayed["trained_until"] < stayed["tested_until"] == TODAY


def test_value_is_amount_times_payments_and_adds_up_to_the_sum(found: Results) -> None:
    parameters, _, _ = told(found)
    rows = [r for r in found.tables["customer_scores"].to_pylist() if r["contract_value"] is not None]
    active = {r["customer_id"] for r in subscribers() if not r["ended_at"]}
    assert {r["customer_id"] for r in rows} == active
    assert parameters["contract_equity"] == pytest.approx(float(sum(r["contract_value"] for r in rows)), rel=1e-5)
    assert parameters["contract_equity_low"] < parameters["contract_equity"] < parameters["contract_equity_high"]
    for r in rows:
        assert 0 < r["subscribed_at_horizon"] < 1
        # at most twelve payments, at least those if all who leave left at once
        assert 12 * 0.9 * float(r["paid_monthly"]) * r["subscribed_at_horizon"] < float(r["contract_value"]) < 12 * float(r["paid_monthly"])
    # the longer somebody has stayed, the likelier they go on
    longest, shortest = (max(rows, key=lambda r: r["subscribed_months"] * s) for s in (1, -1))
    assert longest["subscribed_at_horizon"] > shortest["subscribed_at_horizon"]
    # a rise of price did not begin a new time
    raised = {r["customer_id"] for r in subscribers() if str(r["subscription_id"]).endswith("a")}
    assert max(r["subscribed_months"] for r in rows if r["customer_id"] in raised) > 20


def test_a_workspace_with_subscriptions_only_has_scores_of_them(found: Results) -> None:
    assert "contracts" not in found.refused
    assert {"clv", "rfm", "tiers", "clusters"} <= set(found.refused)


def test_a_margin_of_subscriptions_makes_it_margin(tmp_path: Path, found: Results) -> None:
    parameters, _, verdict = told(results_of(tmp_path, subscribers(), subscription_margin=0.8))
    assert parameters["is_margin"] == 1
    assert parameters["contract_equity"] == pytest.approx(0.8 * told(found)[0]["contract_equity"])
    assert "GBP of margin" in verdict


def test_payments_that_are_orders_are_not_counted_twice(tmp_path: Path) -> None:
    rows = subscribers()
    orders = []
    for r in rows:
        day, end = np.datetime64(str(r["started_at"])), np.datetime64(str(r.get("ended_at") or TODAY))
        while day < end:
            orders.append({"order_id": f"{r['subscription_id']}-{day}", "customer_id": r["customer_id"], "ordered_at": f"{day} 00:00:00", "status": "completed", "amount": r["monthly_amount"], "currency": "GBP"})  # fmt: skip
            day = np.datetime64(month_on(day, 1))
    found = results_of(tmp_path, rows, orders)
    parameters, _, verdict = told(found)
    assert "counted in CLV" in verdict
    assert "contract_equity" not in parameters
    scores = found.tables["customer_scores"]
    assert scores.column("contract_value").null_count == scores.num_rows
    assert scores.column("subscribed_at_horizon").null_count < scores.num_rows


def few(size: int, ended: int) -> list[dict[str, Any]]:
    row = {"plan": "plus", "monthly_amount": 5, "currency": "GBP", "is_trial": "false", "started_at": "2024-01-01"}
    return [{**row, "subscription_id": f"u{i}", "customer_id": f"s{i}", "ended_at": "2025-12-01" if i < ended else ""} for i in range(size)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (few(10, 5), "There are 10 paid times of subscribers; 50 are needed."),
        (few(100, 3), "3 of 100 subscribers have ended; 20 are needed"),
        (few(100, 100), "Every subscription has ended"),
        (few(100, 30), "9 months ago there were 100 subscribers, and 0 had ended"),
    ],
)
def test_what_can_not_be_told_is_refused_with_the_reason(tmp_path: Path, rows: list[dict[str, Any]], reason: str) -> None:
    _, _, note = told(results_of(tmp_path, rows))
    assert note.startswith(reason)
