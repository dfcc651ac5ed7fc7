"""All estimators on a lake: what a refresh writes, rereads and refuses, whatever the data, the order of rows and the threads."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from factories.boosting import boosted
from factories.buyers import CUSTOMERS, FIRST, TODAY, orders
from factories.shop import Shop
from factories.spark import spark_or_skip
from factories.surfaces import Surfaces
from factories.voices import answers
from keepwell.core.settings import Locale
from keepwell.engine.protocol import Engine
from keepwell.metrics.session import Session
from keepwell.models.choices import Choices
from keepwell.models.estimator import REGISTRY, Previous
from keepwell.models.estimators.lifecycle import LABELS
from keepwell.models.population import kept_purchases, population
from keepwell.models.results import Results, estimated, previous_of
from keepwell.surfaces.worker.refresh import ground_of

# churn is one of the estimators
pytestmark = boosted


def a_shop(
    folder: Path,
    rows: list[dict[str, Any]],
    lines: list[dict[str, Any]] | None = None,
    said: list[dict[str, Any]] | None = None,
    threads: int = 0,
) -> Shop:
    folder.mkdir(exist_ok=True)
    made = Shop(folder, threads=threads)
    made.bring_rows(
        "customers",
        [
            {"customer_id": c, "kind": "person", "created_at": "2024-01-01 09:00:00"}
            for c in sorted({r["customer_id"] for r in rows} | {"lead1", "lead2"})
        ],
    )
    if rows:
        made.bring_rows("orders", rows)
    if lines:
        made.bring_rows("order_lines", lines)
    if said:
        made.bring_rows("responses", said)
    return made


def found_in(
    shop: Shop, day: date = TODAY, previous: Previous | None = None, engine: Engine | None = None, locale: Locale = Locale.ENGLISH
) -> Results:
    if engine is not None:
        return estimated(
            Session(engine, shop.lake.snapshot(), ground_of(shop.workspace, day), day, keeps=True),
            "run_x",
            Choices(),
            locale,
            previous,
        )
    with shop.lake.engine() as own:
        return found_in(shop, day, previous, own, locale)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return a_shop(tmp_path_factory.mktemp("models") / "shop", *orders(), answers())


@pytest.fixture(scope="module")
def results(shop: Shop) -> Results:
    return found_in(shop)


def of(results: Results, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = results.tables[name].to_pylist()
    return rows


def check_finite(tables: dict[str, pa.Table]) -> None:
    for name, table in tables.items():
        for column in table.column_names:
            if pa.types.is_floating(table.schema.field(column).type):
                values = table.column(column).drop_null().to_numpy()
                assert np.isfinite(values).all(), (name, column)


def test_no_estimator_refuses_a_shop_like_this(results: Results) -> None:
    # nobody subscribes here
    assert set(results.refused) == {"contracts"}
    told = {r["model"] for r in of(results, "model_reports") if r["measure"] == "verdict" and r["note"]}
    assert told == set(REGISTRY) - {"contracts"}


def test_every_customer_has_one_line(results: Results) -> None:
    rows = of(results, "customer_scores")
    assert len(rows) == len({r["customer_id"] for r in rows}) == CUSTOMERS + 2
    assert {r["lifecycle_stage"] for r in rows} <= set(LABELS)
    leads = [r for r in rows if r["lifecycle_stage"] == "lead"]
    assert [r["customer_id"] for r in leads] == ["lead1", "lead2"]
    assert all(r["clv"] is None and r["orders"] == 0 for r in leads)
    for r in rows[:-2]:
        assert r["clv_low"] <= r["clv"] <= r["clv_high"]
        assert r["expected_orders_low"] <= r["expected_orders_high"]
        assert r["buys_within_7_days"] <= r["buys_within_30_days"] <= r["buys_within_90_days"] <= r["probability_active"] + 1e-12
        assert r["rfm_group"]
        assert r["tier"]
        assert r["cluster"]
        assert r["next_products"]
    check_finite(results.tables)


def test_value_is_margin_within_the_horizon(results: Results) -> None:
    known = {r["parameter"]: r["value"] for r in of(results, "model_parameters") if r["model"] == "clv"}
    total = sum(float(r["clv"] or 0) for r in of(results, "customer_scores"))
    assert known["is_margin"] == 1
    assert known["horizon_days"] == 365
    assert known["customer_equity"] == pytest.approx(total, rel=1e-4)
    assert known["customer_equity_low"] < known["customer_equity"] < known["customer_equity_high"]


def test_what_goes_together_is_found(results: Results) -> None:
    """Customers of even numbers buy products of even numbers: no rule crosses, and offers stay on the customer's side."""
    assert all(int(r["product_id"][1:]) % 2 == int(r["with_product_id"][1:]) % 2 for r in of(results, "basket_rules"))
    sides = [
        (int(r["customer_id"][1:]) % 2, {int(p[1:]) % 2 for p in r["next_products"].split(", ")})
        for r in of(results, "customer_scores")
        if r["orders"]
    ]
    assert np.mean([offered == {side} for side, offered in sides]) > 0.95


def test_cohorts_are_those_of_the_kpi(shop: Shop, results: Results) -> None:
    cells = {
        (r["cohort"], str(r["age_months"])): r
        for r in of(results, "cohort_values")
        if not r["dimension"] and r["kpi"] == "cohort_retention_classic"
    }
    workspace = Surfaces(shop.workspace.folder).python
    readings = workspace.kpi("cohort_retention_classic", period="2025-08..2026-01", by="age", as_of=TODAY)
    assert len(readings) > 20
    for r in readings:
        cell = cells[r.period_start, r.member or ""]
        assert cell["cohort_size"] == r.n
        assert float(cell["value"]) == pytest.approx(float(r.value or 0), abs=1e-4)


def test_open_cells_have_no_value(results: Results) -> None:
    cells = of(results, "cohort_values")
    assert all((r["value"] is None) == r["is_open"] for r in cells)
    assert any(r["is_open"] for r in cells)


def comparable(results: Results) -> dict[str, list[dict[str, Any]]]:
    return {name: table.to_pylist() for name, table in results.tables.items()}


def test_again_is_the_same_to_the_last_digit(shop: Shop, results: Results) -> None:
    assert comparable(found_in(shop)) == comparable(results)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_threads_and_order_of_rows_do_not_show(tmp_path: Path, results: Results, threads: int) -> None:
    rows, lines = orders()
    shuffled = np.random.default_rng(threads).permutation(len(rows))
    other = a_shop(tmp_path / "shop", [rows[i] for i in shuffled], lines[::-1], answers()[::-1], threads)
    assert comparable(found_in(other)) == comparable(results)


def as_previous(results: Results, day: date) -> Previous:
    scores = results.tables["customer_scores"].combine_chunks()
    return previous_of("run_before", day, of(results, "model_parameters"), scores)


def test_states_remember_the_one_before_and_since_when(shop: Shop, results: Results) -> None:
    earlier = TODAY - timedelta(days=60)
    before = found_in(shop, earlier)
    now = found_in(shop, TODAY, as_previous(before, earlier))
    was = {r["customer_id"]: r for r in of(before, "customer_scores")}
    moved = stayed = 0
    for r in of(now, "customer_scores"):
        old = was[r["customer_id"]]
        if old["lifecycle_stage"] == r["lifecycle_stage"]:
            assert (r["lifecycle_stage_since"], r["lifecycle_stage_previous"]) == (earlier, None)
            stayed += 1
        else:
            assert (r["lifecycle_stage_since"], r["lifecycle_stage_previous"]) == (TODAY, old["lifecycle_stage"])
            moved += 1
    assert moved > 50
    assert stayed > 50
    assert {r["lifecycle_stage_since"] for r in of(results, "customer_scores")} == {TODAY}


def test_clusters_keep_their_names(shop: Shop, results: Results) -> None:
    """The same customers a day later: nearly all stand in a cluster of the same name."""
    later = found_in(shop, TODAY + timedelta(days=1), as_previous(results, TODAY))
    was = {r["customer_id"]: r["cluster"] for r in of(results, "customer_scores")}
    same = [r["cluster"] == was[r["customer_id"]] for r in of(later, "customer_scores") if r["cluster"]]
    assert np.mean(same) > 0.9


# --------------------------------------------------------------- degenerate


def some(customer: str, day: str, amount: float = 10.0, status: str = "completed", number: str = "") -> dict[str, Any]:
    return {
        "order_id": number or f"{customer}-{day}-{status}",
        "customer_id": customer,
        "ordered_at": f"{day} 10:00:00",
        "status": status,
        "amount": amount,
        "currency": "GBP",
    }


def many(size: int, day: str = "2026-05-01") -> list[dict[str, Any]]:
    return [some(f"c{i}", day) for i in range(size)]


WHALE = [some("whale", f"{FIRST + timedelta(days=i // 9)}", 5.0, number=f"w{i}") for i in range(5000)]
ODD: dict[str, list[dict[str, Any]]] = {
    "one customer": [some("ann", "2026-05-01")],
    "one-time buyers": [some(f"c{i}", str(FIRST + timedelta(days=i))) for i in range(600)],
    "all the same day": many(600),
    "negative nets": [*many(600), *(some(f"c{i}", "2026-05-05", -30.0, "refund") for i in range(600))],
    "a customer with 5,000 orders": [*orders()[0], *WHALE],
    "two days": [some(f"c{i}", day, number=f"{i}-{day}") for i in range(600) for day in ("2026-05-29", "2026-05-30")],
    "only refunds": [some(f"c{i}", "2026-05-05", -30.0, "refund") for i in range(5)],
    "all amounts 0": [{**o, "amount": 0.0, "margin": 0.0} for o in orders()[0]],
}


@pytest.mark.parametrize("name", ODD)
def test_odd_shops_give_finite_numbers_or_a_reason(tmp_path: Path, name: str) -> None:
    found = found_in(a_shop(tmp_path / "shop", ODD[name]))
    check_finite(found.tables)
    reports = of(found, "model_reports")
    for model in REGISTRY:
        (told,) = [r for r in reports if r["model"] == model and r["measure"] in {"verdict", "refused"}]
        assert told["note"]
        assert (told["measure"] == "refused") == (model in found.refused)


@pytest.mark.parametrize("name", ["one customer", "all the same day", "only refunds"])
def test_refusals_are_in_the_language_of_the_workspace(tmp_path: Path, name: str) -> None:
    found = found_in(a_shop(tmp_path / "shop", ODD[name]), locale=Locale.CHINESE)
    notes = [r["note"] for r in of(found, "model_reports") if r["measure"] == "refused"]
    assert len(notes) == len(found.refused) >= 5
    for note in (*notes, *found.refused.values()):
        assert any("\u4e00" <= letter <= "\u9fff" for letter in note)
        assert not re.search(r"[a-z]{3,} [a-z]{2,}", note), note


def test_clv_says_in_chinese_why_every_order_counts_alike(tmp_path: Path) -> None:
    rows = [{**o, "amount": 20.0, "margin": 8.0} for o in orders()[0]]
    found = found_in(a_shop(tmp_path / "shop", rows), locale=Locale.CHINESE)
    (verdict,) = [r["note"] for r in of(found, "model_reports") if (r["model"], r["measure"]) == ("clv", "verdict")]
    assert "每单按平均价值计算：消费金额" in verdict


def test_reports_tell_the_window_of_the_data(results: Results) -> None:
    reports = [r for r in of(results, "model_reports") if r["measure"] != "refused"]
    assert all(FIRST <= r["data_from"] < r["data_until"] == TODAY for r in reports)


def test_without_orders_and_answers_nothing_is_estimated(tmp_path: Path) -> None:
    assert found_in(a_shop(tmp_path / "shop", [])).tables == {}


# ------------------------------------------------------------------- engines


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with spark_or_skip(tmp_path_factory.mktemp("spark")) as engine:
        yield engine


@pytest.mark.xdist_group("spark")
def test_spark_finds_the_same(spark: Engine, shop: Shop, results: Results) -> None:
    found = found_in(shop, engine=spark)
    assert found.refused == results.refused
    for name in ("customer_scores", "cohort_values", "basket_rules"):
        assert found.tables[name].to_pylist() == results.tables[name].to_pylist(), name


def test_a_population_knows_nothing_of_later_days(shop: Shop) -> None:
    with shop.lake.engine() as engine:
        session = Session(engine, shop.lake.snapshot(), ground_of(shop.workspace, TODAY), TODAY, keeps=True)
        bought = kept_purchases(session)
        early, late = (population(bought, day) for day in (date(2025, 8, 31), TODAY))
    assert len(early) < len(late)
    assert (early.last_day <= early.today).all()
    rows = [r for r in orders()[0] if r["ordered_at"] < "2025-09-01"]
    assert len(early) == len({r["customer_id"] for r in rows})
    assert early.amount.sum() == pytest.approx(sum(r["amount"] for r in rows))
