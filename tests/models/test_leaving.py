"""Who will leave, on a workspace: a planted reason is found and told, its absence too; nothing of later days is read."""

import hashlib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from factories.boosting import boosted
from factories.buyers import TODAY, orders
from factories.shop import Shop
from keepwell.core.settings import Locale
from keepwell.metrics.session import Session
from keepwell.models.choices import Choices
from keepwell.models.estimator import Estimate, Sight, estimator
from keepwell.models.estimators.leaving import MOVED, TENURE, Rows, _drift
from keepwell.models.features import FEATURES, features, reason
from keepwell.models.population import kept_purchases
from keepwell.surfaces.worker.refresh import ground_of

pytestmark = boosted

FIRST = date(2025, 3, 1)
SUBSCRIBERS = 1200
MONTHS = [date(2025 + (m // 12), m % 12 + 1, 1) for m in range(2, 17)]  # March 2025 to May 2026


def subscribers(after_late: float, seed: int = 17) -> dict[str, list[dict[str, Any]]]:
    """Each month 2 % leave, ``after_late`` of those whose ticket was late in one of the two months before."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[dict[str, Any]]] = {"customers": [], "orders": [], "subscriptions": [], "tickets": []}
    for c in range(SUBSCRIBERS):
        who = f"s{c:04}"
        start = int(rng.integers(0, 6))
        late: set[int] = set()
        ended = None
        for m in range(start, len(MONTHS)):
            if m > start and rng.random() < (after_late if {m - 1, m - 2} & late else 0.02):
                ended = MONTHS[m] + timedelta(days=int(rng.integers(1, 27)))
                break
            if rng.random() < 0.25:
                opened = MONTHS[m] + timedelta(days=int(rng.integers(0, 20)))
                is_late = rng.random() < 0.4
                if is_late:
                    late.add(m)
                taken = timedelta(days=5 if is_late else 1)
                found["tickets"].append({
                    "ticket_id": f"t{len(found['tickets'])}", "customer_id": who, "opened_at": f"{opened} 09:00:00", "kind": "question",
                    "resolution_due_at": f"{opened + timedelta(days=2)} 09:00:00", "resolved_at": f"{opened + taken} 09:00:00", "status": "closed",
                })  # fmt: skip
        started = f"{MONTHS[start]} 08:00:00"
        found["customers"].append({"customer_id": who, "kind": "person"})
        found["orders"].append(
            {"order_id": f"o{c}", "customer_id": who, "ordered_at": started, "status": "completed", "amount": 50, "currency": "GBP"}
        )
        found["subscriptions"].append({
            "subscription_id": f"u{c}", "customer_id": who, "started_at": started, "ended_at": f"{ended} 08:00:00" if ended else "",
            "monthly_amount": 20, "currency": "GBP", "is_trial": "false",
        })  # fmt: skip
    return found


def a_shop(folder: Path, rows: dict[str, list[dict[str, Any]]]) -> Shop:
    folder.mkdir()
    made = Shop(folder)
    for entity, lines in rows.items():
        made.bring_rows(entity, lines)
    return made


def estimate(shop: Shop, locale: Locale = Locale.ENGLISH) -> Estimate:
    with shop.lake.engine() as engine:
        session = Session(engine, shop.lake.snapshot(), ground_of(shop.workspace, TODAY), TODAY, keeps=True)
        return estimator("churn").estimate(Sight.of(session, Choices(), locale))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return a_shop(tmp_path_factory.mktemp("leaving") / "shop", subscribers(0.55))


@pytest.fixture(scope="module")
def found(shop: Shop) -> Estimate:
    return estimate(shop)


def measures(found: Estimate) -> dict[str, Any]:
    return {j.measure: j for j in found.judgements}


def test_late_service_is_the_reason_of_those_at_risk(found: Estimate) -> None:
    assert found.of_some is not None
    rows = found.of_some.to_pylist()
    high = [r for r in rows if r["churn_band"] == "high"]
    assert len(high) >= 10
    assert np.mean(["resolved late" in (r["top_reasons"] or "") for r in high]) >= 0.5
    assert {r["churn_band"] for r in rows if r["churn_probability"] < 0.33} == {"low"}
    assert min(r["churn_probability"] for r in high) >= 0.66


def test_the_model_beats_the_rule_and_says_so(found: Estimate) -> None:
    auc, drift = measures(found)["auc"], measures(found)["drift"]
    assert ("PSI" in found.verdict) == (drift.value > MOVED)
    assert drift.note is None or not drift.note.startswith(TENURE)
    assert auc.beats_baseline
    assert auc.value > auc.baseline_value + 0.05
    assert auc.trained_until < auc.tested_until == TODAY
    assert "the model is used" in found.verdict


def test_calibration_and_lift_are_told_bin_by_bin(found: Estimate) -> None:
    points = found.tables["calibration_points"].to_pylist()
    assert [p["bin"] for p in points] == list(range(1, 11))
    assert sum(p["n"] for p in points) == measures(found)["auc"].n
    assert [p["predicted"] for p in points] == sorted((p["predicted"] for p in points), reverse=True)
    assert points[0]["cumulative_lift"] == pytest.approx(measures(found)["lift_at_10"].value, rel=0.05)
    assert points[-1]["cumulative_lift"] == pytest.approx(1)
    error = sum(p["n"] * abs(p["predicted"] - p["observed"]) for p in points) / sum(p["n"] for p in points)
    assert error == pytest.approx(measures(found)["calibration_error"].value)


def rows_of(values: dict[str, Any]) -> Rows:
    size = len(next(iter(values.values())))
    return Rows(pa.table({"customer_id": [str(i) for i in range(size)]}), {n: np.asarray(v, float) for n, v in values.items()})


def test_a_feature_that_has_moved_is_named_and_the_time_that_passes_is_none() -> None:
    before = rows_of({"orders_90": np.arange(1000) % 10, "days_subscribed": np.arange(1000), "days_since_first_order": np.arange(1000)})
    later = rows_of(
        {"orders_90": np.arange(1000) % 10 // 2, "days_subscribed": np.arange(1000) + 900, "days_since_first_order": np.arange(1000) + 900}
    )
    assert _drift(before, before) == ("", 0.0)
    name, index = _drift(before, later)
    assert name == "orders_90"
    assert index > MOVED


def test_without_the_effect_it_falls_back_and_says_so(tmp_path: Path) -> None:
    told = estimate(a_shop(tmp_path / "shop", subscribers(0.02)))
    assert "the simple rule is used" in told.verdict
    assert measures(told)["auc"].beats_baseline is False


def test_it_speaks_chinese(shop: Shop) -> None:
    told = estimate(shop, Locale.CHINESE)
    assert "采用模型" in told.verdict
    assert told.of_some is not None
    assert any("超时" in (r or "") for r in told.of_some.column("top_reasons").to_pylist())


def test_again_is_the_same_to_the_last_digit(shop: Shop, found: Estimate) -> None:
    again = estimate(shop)
    assert again.of_some is not None
    assert again.of_some.equals(found.of_some)


def test_those_who_only_order_are_judged_by_their_orders(tmp_path: Path) -> None:
    rows, _ = orders()
    told = estimate(a_shop(tmp_path / "shop", {"orders": rows}))
    assert "customers are at high risk" in told.verdict
    assert {p.name: p.value for p in told.parameters}["is_contract"] == 0


# ------------------------------------------------------------------ features


def at(shop: Shop, cut: date, known_until: date, share: float = 1.0) -> list[dict[str, Any]]:
    with shop.lake.engine() as engine:
        session = Session(engine, shop.lake.snapshot(), ground_of(shop.workspace, known_until), known_until, keeps=True)
        kept_purchases(session)
        rows: list[dict[str, Any]] = features(session, [cut], 90, None, share).to_pylist()
        return rows


def test_features_know_nothing_of_later_days(shop: Shop) -> None:
    cut = date(2026, 1, 31)
    assert at(shop, cut, TODAY) == at(shop, cut, cut)


def test_a_share_of_the_customers_is_the_same_ones_on_every_day(shop: Shop) -> None:
    earlier, later = date(2025, 12, 31), date(2026, 1, 31)
    drawn = [
        r
        for r in at(shop, later, later)
        if hashlib.md5(r["customer_id"].encode(), usedforsecurity=False).hexdigest()[:4] < f"{int(0.3 * 0xFFFF):04x}"
    ]
    assert at(shop, later, later, 0.3) == drawn
    assert 0.25 < len(drawn) / len(at(shop, later, later)) < 0.35
    before = {r["customer_id"] for r in at(shop, earlier, earlier, 0.3)}
    still_there = {r["customer_id"] for r in at(shop, earlier, earlier)} & {r["customer_id"] for r in drawn}
    assert still_there <= before


def test_features_by_hand(tmp_path: Path) -> None:
    rows: dict[str, list[dict[str, Any]]] = {
        "customers": [{"customer_id": "ann", "kind": "person"}],
        "orders": [
            {"order_id": f"a{i}", "customer_id": "ann", "ordered_at": f"{day} 10:00:00", "status": status, "amount": amount, "currency": "GBP"}
            for i, (day, status, amount) in enumerate(
                [("2026-01-01", "completed", 10), ("2026-01-31", "completed", 20), ("2026-03-02", "completed", 30), ("2026-03-05", "refund", -5)]
            )
        ],
        "tickets": [
            {"ticket_id": "late", "customer_id": "ann", "opened_at": "2026-03-01 09:00:00", "kind": "complaint", "status": "closed",
             "resolution_due_at": "2026-03-02 09:00:00", "resolved_at": "2026-03-09 09:00:00"},
            {"ticket_id": "open", "customer_id": "ann", "opened_at": "2026-03-20 09:00:00", "kind": "question", "status": "open",
             "resolution_due_at": "2026-04-30 09:00:00", "resolved_at": ""},
        ],
    }  # fmt: skip
    (row,) = at(a_shop(tmp_path / "shop", rows), date(2026, 4, 1), date(2026, 4, 1))
    known = {
        "days_since_order": 30,
        "days_since_first_order": 90,
        "mean_gap": 30,
        "gaps_missed": 1,
        "orders_365": 3,
        "amount_90": 45,
        "refund_days_180": 1,
    }
    assert {n: row[n] for n in known} == known
    assert (row["tickets_90"], row["late_tickets_90"], row["complaints_180"], row["open_tickets"]) == (2, 1, 1, 1)


def test_every_feature_has_words_in_both_languages() -> None:
    for name in FEATURES:
        english, chinese = (reason(name, 2.0, "GBP", is_chinese=is_chinese) for is_chinese in (False, True))
        assert "2" in english
        assert "2" in chinese
        assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
