"""Why a number is what it is: explanations that add up, rows behind a reading, lineage; on the command line and in Python."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from factories.surfaces import Surfaces
from keepwell.core.errors import KeepwellError
from keepwell.surfaces.cli.app import app
from keepwell.surfaces.explained import explanation_or_none

CUSTOMERS = [
    {"customer_id": "ann", "kind": "person", "region": "North"},
    {"customer_id": "bob", "kind": "person", "region": "South"},
    {"customer_id": "cem", "kind": "person", "region": "South"},
]


def order(key: str, customer: str, day: str, amount: float, **more: Any) -> dict[str, Any]:
    return {
        "order_id": key, "customer_id": customer, "ordered_at": f"{day} 10:00:00", "status": "completed", "amount": amount, "currency": "CNY",
    } | more  # fmt: skip


ORDERS = [
    order("1", "ann", "2026-08-03", 100),
    order("2", "ann", "2026-08-09", 50),
    order("3", "bob", "2026-08-20", 40),
    order("4", "ann", "2026-09-02", 60),
    order("5", "ann", "2026-09-03", 60),
    order("6", "ann", "2026-09-04", 60),
    order("7", "cem", "2026-09-20", 70),
    order("8", "", "2026-09-21", 5),
]


@pytest.fixture
def shop(tmp_path: Path) -> Surfaces:
    made = Surfaces.made(tmp_path)
    made.bring("customers", CUSTOMERS)
    made.bring("orders", ORDERS)
    return made


def told(workspace: Surfaces, *command: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workspace.ask(*command)
    return found


def test_revenue_by_customers_and_regions_adds_up(shop: Surfaces) -> None:
    # 190 → 255: new cem 70, lost bob 40, without a customer 5; ann 2 orders of 75 → 3 of 60:
    # frequency (3 − 2) · 67.5 = 67.5, value (60 − 75) · 2.5 = −37.5
    parts = told(shop, "explain", "revenue", "--period", "2026-09", "--by", "region")
    assert {p["change"] for p in parts} == {65}
    customers = {p["effect"]: p["amount"] for p in parts if p["by"] == "customers"}
    assert customers == {"new": 70, "lost": -40, "anonymous": 5, "frequency": 67.5, "value": -37.5}
    regions = {p["member"]: p["amount"] for p in parts if p["by"] == "region"}
    assert regions == {"North": 30, "South": 30, "(none)": 5}


def test_average_by_two_dimensions_at_once_adds_up(shop: Surfaces) -> None:
    parts = told(shop, "explain", "average_order_value", "--period", "2026-09", "--by", "region+kind")
    found = shop.python.explain("average_order_value", period="2026-09", by=["region+kind"]).explanation
    assert {p["by"] for p in parts} == {"region × kind"}
    assert sum((p.amount for p in found.decompositions[0].parts), Decimal(0)) == found.change
    assert "North × person" in {p["member"] for p in parts}


def test_formula_is_explained_by_its_kpis(shop: Surfaces) -> None:
    shop.bring(
        "interactions",
        [
            {"interaction_id": f"i{i}", "customer_id": "ann", "occurred_at": f"2026-0{month}-05 10:00:00", "channel": "call", "direction": "outbound"}
            for i, month in enumerate((8, 8, 9, 9, 9))
        ],
    )  # fmt: skip
    # 2 ÷ 2 → 3 ÷ 2: the customers are as many, so all of it comes from the interactions
    parts = told(shop, "explain", "interactions_per_customer", "--period", "2026-09")
    formula = {p["member"]: p["amount"] for p in parts if p["by"] == "formula"}
    assert formula == {"interactions": 0.5}
    said = CliRunner().invoke(app, ["-w", str(shop.folder), "explain", "interactions_per_customer", "--period", "2026-09"]).stdout
    assert "most came from Interactions (+0.5)" in " ".join(said.split())


def test_median_is_explained_by_whose_rows_changed(shop: Surfaces) -> None:
    tickets = [
        {"ticket_id": f"t{day}{i}", "customer_id": who, "opened_at": f"2026-{month}-{day} 00:00:00", "resolved_at": f"2026-{month}-{day} {hours:02}:00:00",
         "kind": "question", "status": "closed", "team": team}
        for i, (month, day, who, hours, team) in enumerate(
            [("08", "03", "ann", 2, "a"), ("08", "04", "ann", 2, "a"), ("08", "05", "bob", 6, "b"), ("09", "03", "ann", 4, "a"), ("09", "04", "ann", 4, "a"), ("09", "05", "bob", 6, "b")]
        )
    ]  # fmt: skip
    shop.bring("tickets", tickets)
    # 2 h → 4 h, all of it team a's rows
    parts = told(shop, "explain", "resolution_time", "--period", "2026-09", "--by", "team")
    assert {p["member"]: p["amount"] for p in parts} == {"a": 7200}


def test_rows_behind_a_median_are_those_that_count(shop: Surfaces) -> None:
    """One was resolved after 2 h, one is waited for; one was closed without the instant, one is resolved before it was opened."""
    tickets = [
        {"ticket_id": "a", "resolved_at": "2026-09-03 02:00:00", "status": "closed"},
        {"ticket_id": "b", "resolved_at": "", "status": "open"},
        {"ticket_id": "c", "resolved_at": "", "status": "closed"},
        {"ticket_id": "d", "resolved_at": "2026-09-02 23:00:00", "status": "closed"},
    ]
    shop.bring("tickets", [t | {"customer_id": "ann", "kind": "question", "opened_at": "2026-09-03 00:00:00"} for t in tickets])
    reading = shop.reading("resolution_time", period="2026-09")
    (behind,) = shop.python.rows("resolution_time", period="2026-09")
    assert {row["ticket_id"]: row["contribution"] for row in behind.rows} == {"a": 7200, "b": None}
    assert (reading["n"], reading["missing"]) == (2, 2)


def test_sentence_names_the_largest_parts_in_both_languages(shop: Surfaces) -> None:
    english = CliRunner().invoke(app, ["-w", str(shop.folder), "explain", "revenue", "--period", "2026-09", "--by", "region"]).stdout
    assert "Revenue rose by CN¥65.00 (+34.2%) from 2026-08 to 2026-09" in " ".join(english.split())
    assert "customers who are new" in english
    settings = shop.folder / "keepwell.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('"en"', '"zh"'), encoding="utf-8")
    chinese = CliRunner().invoke(app, ["-w", str(shop.folder), "explain", "revenue", "--period", "2026-09", "--by", "region"]).stdout
    assert "营业收入从 2026-08 到 2026-09 上升" in chinese
    assert "新增客户" in chinese


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["--period", "2026-09", "--versus", "2026-09"], "against itself"),
        (["--period", "2026-09", "--versus", "2026"], "different length"),
        (["--period", "2026-08..2026-09"], "no single period"),
        (["--period", "2026-09", "--by", "regoin"], "can't be broken down"),
        (["--period", "all"], "no period before"),
    ],
)
def test_comparison_that_makes_no_sense_is_refused(shop: Surfaces, command: list[str], says: str) -> None:
    done = CliRunner().invoke(app, ["-w", str(shop.folder), "explain", "revenue", *command])
    assert isinstance(done.exception, KeepwellError)
    assert says in str(done.exception)


def test_rows_behind_a_ratio_stand_apart_and_add_up(shop: Surfaces) -> None:
    rows = told(shop, "rows", "average_order_value", "--period", "2026-09")
    assert sum(r["contribution"] for r in rows if r["part"] == "numerator") == 255
    assert sum(r["contribution"] for r in rows if r["part"] == "denominator") == 5
    only = told(shop, "rows", "average_order_value", "--period", "2026-09", "--part", "numerator", "--where", "region = 'North'")
    assert sorted(r["order_id"] for r in only) == ["4", "5", "6"]


def test_rows_behind_customers_are_their_lines(shop: Surfaces) -> None:
    rows = told(shop, "rows", "repeat_purchase_rate", "--period", "2026-09")
    assert {(r["part"], r["customer_id"], r["bought"]) for r in rows} == {
        ("numerator", "ann", 5), ("denominator", "ann", 5), ("denominator", "bob", 1), ("denominator", "cem", 1),
    }  # fmt: skip
    retained = told(shop, "rows", "retention_rate", "--period", "2026-09")
    assert {(r["part"], r["customer_id"]) for r in retained} == {("numerator", "ann"), ("denominator", "ann"), ("denominator", "bob")}


def test_rows_of_a_formula_are_those_of_its_kpis(shop: Surfaces) -> None:
    shop.bring(
        "tickets", [{"ticket_id": "t1", "customer_id": "bob", "opened_at": "2026-09-03 00:00:00", "kind": "complaint", "status": "open"}]
    )
    rows = told(shop, "rows", "complaint_rate_orders", "--period", "2026-09")
    assert {r["part"] for r in rows} == {"complaints", "orders"}
    assert [r["ticket_id"] for r in rows if r["part"] == "complaints"] == ["t1"]


def test_unknown_part_answers_with_those_that_there_are(shop: Surfaces) -> None:
    with pytest.raises(KeepwellError, match="numertor") as caught:
        shop.python.rows("average_order_value", period="2026-09", part="numertor")
    assert caught.value.hint == "Did you mean numerator?"


def test_definition_says_where_a_number_comes_from(shop: Surfaces) -> None:
    (found,) = told(shop, "kpis", "revenue_per_customer")
    assert set(found["lineage"]["entities"]["orders"]) == {"amount", "status", "customer_id", "ordered_on"}
    assert found["lineage"]["sources"][0]["source"] == "main"
    assert found["lineage"]["sources"][0]["rows"] == len(ORDERS)
    assert found["definition"]["denominator"] == "count(distinct customer_id) filter (where status = 'completed')"
    assert len(found["definition_hash"]) == 16


def test_difference_to_what_a_run_knew_is_definition_late_and_corrected(shop: Surfaces) -> None:
    (run,) = told(shop, "refresh")
    # a late order of September, and order 4 was of 80, not of 60
    shop.bring("orders", [order("9", "bob", "2026-09-29", 25), order("4", "ann", "2026-09-02", 80)])
    parts = told(shop, "explain", "revenue", "--period", "2026-09", "--run", run["run_id"])
    assert {p["effect"]: p["amount"] for p in parts} == {"late": 25, "corrected": 20}
    assert (parts[0]["before"], parts[0]["now"]) == (255, 300)
    (known,) = told(shop, "kpi", "revenue", "--period", "2026-09", "--run", run["run_id"])
    assert known["value"] == 255


def test_own_kpi_that_changed_is_told_from_changed_data(shop: Surfaces) -> None:
    own = shop.folder / "kpis"
    own.mkdir(exist_ok=True)
    text = """
name: big_orders
title: {en: Big orders, zh: 大额订单数}
meaning: {en: Completed orders of 70 and more., zh: 金额较大的已完成订单。}
formula: {en: number of such orders, zh: 此类订单的数量}
kind: simple
fact: orders
time: ordered_on
where: "status = 'completed' and amount >= 70"
expression: "count(*)"
unit: count
better: up
additivity: additive
when_empty: zero
version: 1
example: {rows: {orders: [{order_id: a, ordered_on: 2026-10-01, status: completed, amount: 100, currency: CNY}]}, period: 2026-10, value: 1, n: 1}
"""
    (own / "mine.yaml").write_text(text, encoding="utf-8")
    assert told(shop, "kpis", "--check") == [
        {"kpi": "big_orders", "is_right": True, "expected": 1, "expected_n": 1, "found": "value 1.0000000000, n 1"}
    ]
    (run,) = told(shop, "refresh")
    (own / "mine.yaml").write_text(text.replace("amount >= 70", "amount >= 60").replace("version: 1", "version: 2"), encoding="utf-8")
    # known 1 (cem); with the new definition 4 on the same rows
    parts = told(shop, "explain", "big_orders", "--period", "2026-09", "--run", run["run_id"])
    assert {p["effect"]: p["amount"] for p in parts} == {"definition": 3}


def test_wrong_example_of_an_own_kpi_fails_the_check(shop: Surfaces) -> None:
    own = shop.folder / "kpis"
    own.mkdir(exist_ok=True)
    text = json.dumps(
        {
            "name": "mine", "title": {"en": "Mine", "zh": "我的"}, "meaning": {"en": "m", "zh": "我"}, "formula": {"en": "f", "zh": "公"}, "kind": "simple",
            "fact": "orders", "time": "ordered_on", "expression": "count(*)", "unit": "count", "better": "up", "additivity": "additive", "version": 1,
            "example": {"rows": {"orders": [{"order_id": "a", "ordered_on": "2026-10-01"}]}, "period": "2026-10", "value": 2, "n": 2},
        }
    )  # fmt: skip
    (own / "mine.yaml").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["-w", str(shop.folder), "kpis", "--check"])
    assert done.exit_code == 1
    assert "value 1.0000000000, n 1" in done.stdout


def test_rows_of_the_top_customers_are_theirs_alone(shop: Surfaces) -> None:
    # of two buyers with a name and one without the largest fifth is one: ann, 180 of 255
    reading = shop.reading("top_20_share", period="2026-09")
    top, everyone = shop.python.rows("top_20_share", period="2026-09")
    assert [(row["customer_id"], row["contribution"]) for row in top.rows] == [("ann", 180)]
    assert reading["numerator"] == 180
    assert sum(row["contribution"] for row in everyone.rows) == reading["denominator"]


def test_a_run_writes_down_why_its_last_month_changed(tmp_path: Path) -> None:
    """Six times the orders of the month before: the run tells why, and it is what `explain` says of the same day."""
    made = Surfaces.made(tmp_path)
    made.bring("customers", [{"customer_id": f"c{n}", "kind": "person", "region": ("North", "South")[n % 2]} for n in range(80)])
    rows = [order(f"a{n}", f"c{n}", f"2026-08-{1 + n % 28:02}", 10 + n % 7, channel="web") for n in range(40)]
    rows += [order(f"s{n}", f"c{n % 80}", f"2026-09-{1 + n % 28:02}", 12 + n % 5, channel="shop") for n in range(240)]
    made.bring("orders", rows)
    made.ask("refresh", "--as-of", "2026-09-30")
    python = made.python
    run = python.runs()[-1]
    found = {
        k: explanation_or_none(python.lake, run, python.kpis[k], "2026-09", "2026-08") for k in ("revenue", "average_order_value", "orders")
    }
    written = {k: e for k, e in found.items() if e is not None}
    assert {"revenue", "orders"} <= set(written)
    for name, told in written.items():
        assert told == python.explain(name, period="2026-09", versus="2026-08", as_of=date(2026, 9, 30)).explanation
        assert all(sum(p.amount for p in way.parts) == told.change for way in told.decompositions if way.parts)
    # 40 orders of 10 + n % 7 came to 515, 240 of 12 + n % 5 to 3,360
    assert (written["revenue"].before, written["revenue"].now) == (Decimal(515), Decimal(3360))
    # another pair of periods, and a KPI that is defined otherwise since, were not written down
    assert explanation_or_none(python.lake, run, python.kpis["revenue"], "2026-08", "2026-07") is None
    otherwise = replace(run, definitions={**run.definitions, "revenue": "another"})
    assert explanation_or_none(python.lake, otherwise, python.kpis["revenue"], "2026-09", "2026-08") is None
