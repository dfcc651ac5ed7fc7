"""What a run may know of who was there on its day, what a look back leaves as it was, and amounts and shops of unusual size."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factories.shop import Shop
from keepwell.core.settings import Locale
from keepwell.lake.runs import Run
from keepwell.metrics.session import Session
from keepwell.models.choices import Choices
from keepwell.models.estimator import Sight, estimator
from keepwell.models.features import features
from keepwell.models.population import kept_purchases, population
from keepwell.models.refusal import RefusedError
from keepwell.models.stored import rows_of_run
from keepwell.surfaces.worker.refresh import ground_of, refresh

EARLY, LATE = date(2026, 1, 31), date(2026, 5, 31)


def order(number: int, customer: str, day: date, amount: float = 10.0) -> dict[str, Any]:
    return {
        "order_id": f"o{number}", "customer_id": customer, "ordered_at": f"{day} 10:00:00", "status": "completed", "amount": amount, "currency": "GBP",
    }  # fmt: skip


def subscription(customer: str, started: date, ended: date | None) -> dict[str, Any]:
    return {
        "subscription_id": f"u-{customer}", "customer_id": customer, "started_at": f"{started} 08:00:00",
        "ended_at": f"{ended} 08:00:00" if ended else "", "monthly_amount": 20, "currency": "GBP", "is_trial": "false",
    }  # fmt: skip


def scores(shop: Shop, run: Run, columns: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rows_of_run(shop.lake, run, "customer_scores", columns, "order by customer_id").to_pylist()
    return found


def computed(shop: Shop, day: date) -> Run:
    return refresh(shop.workspace, shop.lake, shop.clock, as_of=day)


@pytest.fixture
def buyers(tmp_path: Path) -> Shop:
    """Six hundred buyers, half of them since January, and a customer on file from March on who has bought nothing."""
    shop = Shop(tmp_path)
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for i in range(600):
        first = date(2025, 6, 1) + timedelta(days=int(rng.integers(0, 230 if i < 300 else 350)))
        days = {first, *(first + timedelta(days=int(d)) for d in rng.integers(1, 300, rng.integers(0, 4)))}
        rows += [
            order(len(rows) + k, f"c{i:03}", d, round(5 + 40 * float(rng.random()), 2)) for k, d in enumerate(sorted(days)) if d <= LATE
        ]
    shop.bring_rows("orders", rows)
    shop.bring_rows("customers", [{"customer_id": "later", "kind": "person", "created_at": "2026-03-01 09:00:00"}])
    return shop


def test_who_was_not_there_yet_is_no_lead(buyers: Shop) -> None:
    assert not [r for r in scores(buyers, computed(buyers, EARLY), "customer_id") if r["customer_id"] == "later"]
    (row,) = [r for r in scores(buyers, computed(buyers, LATE), "customer_id, lifecycle_stage") if r["customer_id"] == "later"]
    assert row["lifecycle_stage"] == "lead"


def test_a_look_back_changes_no_later_run(buyers: Shop) -> None:
    states = ", ".join(f"{s}, {s}_previous, {s}_since" for s in ("rfm_group", "tier", "lifecycle_stage"))
    before = scores(buyers, computed(buyers, LATE), f"customer_id, {states}")
    back = scores(buyers, computed(buyers, EARLY), "customer_id, tier, tier_previous")
    assert {r["tier_previous"] for r in back} == {None}
    assert scores(buyers, computed(buyers, LATE), f"customer_id, {states}") == before


def test_who_leaves_within_the_embargo_is_not_learned_from(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    cut = date(2026, 2, 1)
    ends = {"stays": None, "at once": 3, "on the last day of the embargo": 7, "soon": 8, "within": 97, "after": 98}
    shop.bring_rows(
        "subscriptions", [subscription(c, date(2025, 6, 1), None if d is None else cut + timedelta(days=d)) for c, d in ends.items()]
    )
    with shop.lake.engine() as engine:
        session = Session(engine, shop.lake.snapshot(), ground_of(shop.workspace, LATE), LATE, keeps=True)
        kept_purchases(session)
        rows = features(session, [cut], 90, (7, 90)).to_pylist()
    assert {r["customer_id"]: r["has_left"] for r in rows} == {"stays": False, "soon": True, "within": True, "after": False}


def test_subscribers_without_orders_have_scores(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    rng = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    for i in range(900):
        started = date(2024, 6, 1) + timedelta(days=int(rng.integers(0, 500)))
        months = int(rng.geometric(0.06))
        ended = started + timedelta(days=30 * months)
        rows.append(subscription(f"s{i:04}", started, ended if ended <= LATE else None))
    shop.bring_rows("subscriptions", rows)
    run = computed(shop, LATE)
    found = scores(shop, run, "customer_id, contract_value, churn_probability, lifecycle_stage")
    paying = {r["customer_id"] for r in rows if not r["ended_at"]}
    assert {r["customer_id"] for r in found if r["contract_value"] is not None} == paying
    assert {r["customer_id"] for r in found if r["churn_probability"] is not None} == paying
    assert {r["lifecycle_stage"] for r in found} == {None}


def test_amounts_of_ten_thousand_million_are_counted(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.bring_rows("orders", [order(1, "ann", EARLY, 10_000_000_000), order(2, "ann", LATE, 99_999_999_999)])
    with shop.lake.engine() as engine:
        session = Session(engine, shop.lake.snapshot(), ground_of(shop.workspace, LATE), LATE, keeps=True)
        assert population(kept_purchases(session), LATE).amount.tolist() == [109_999_999_999.0]


@pytest.mark.parametrize("products", [1, 2, 3, 10])
def test_a_few_products_are_not_foretold(tmp_path: Path, products: int) -> None:
    shop = Shop(tmp_path)
    rng = np.random.default_rng(7)
    rows = [order(i, f"c{i % 200}", date(2025, 6, 1) + timedelta(days=int(rng.integers(0, 360)))) for i in range(800)]
    shop.bring_rows("orders", rows)
    lines = [
        {"order_id": r["order_id"], "line_no": 1, "product_id": f"p{i % products}", "quantity": 1, "unit_price": 10, "amount": 10}
        for i, r in enumerate(rows)
    ]
    shop.bring_rows("order_lines", lines)
    with shop.lake.engine() as engine:
        session = Session(engine, shop.lake.snapshot(), ground_of(shop.workspace, LATE), LATE, keeps=True)
        sight = Sight.of(session, Choices(), Locale.ENGLISH)
        with pytest.raises(RefusedError, match=f"{products} products have been bought"):
            estimator("next_product").estimate(sight)
