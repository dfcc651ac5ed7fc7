"""Every KPI of the catalogue executes its own worked example, through the evaluator that everyone uses."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.periods import Calendar
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.metrics.evaluate import Question, evaluate
from keepwell.metrics.example import ExampleTables
from keepwell.metrics.kpi import Kpi, kpi
from keepwell.metrics.kpi_file import built_in, catalogue
from keepwell.metrics.session import Ground

CALENDAR = Calendar("Asia/Shanghai")
TODAY = date(2026, 11, 21)
GROUND = Ground(CALENDAR, "CNY", TODAY)


@pytest.mark.parametrize("definition", built_in().values(), ids=lambda k: k.name)
def test_worked_example_gives_the_value_it_says(definition: Kpi, tmp_path: Path) -> None:
    question = Question(CALENDAR.parse(definition.example.period, today=TODAY))
    with DuckDBEngine(Resources(tmp_path)) as engine:
        found = evaluate(engine, ExampleTables(definition.example.rows), [definition], question, GROUND)
    assert len(found) == 1
    assert found[0].value == Decimal(str(definition.example.value))
    assert found[0].n == definition.example.n


def test_catalogue_has_the_first_kpis() -> None:
    assert {"revenue", "orders", "active_customers", "average_order_value", "identified_revenue_share", "new_customers"} <= set(built_in())


def test_unknown_kpi_answers_with_the_nearest() -> None:
    with pytest.raises(WrongUseError, match="revnue") as caught:
        kpi("revnue", built_in())
    assert caught.value.hint == "Did you mean revenue?"


OWN = """
- name: big_orders
  title: {en: Big orders, zh: 大额订单数}
  meaning: {en: Completed orders of 100 and more., zh: 金额不少于一百的已完成订单。}
  formula: {en: number of such orders, zh: 此类订单的数量}
  kind: simple
  fact: orders
  time: ordered_on
  where: "status = 'completed' and amount >= 100"
  expression: "count(*)"
  unit: count
  better: up
  additivity: additive
  when_empty: zero
  version: 1
  example:
    rows: {orders: [{order_id: a, ordered_on: 2026-10-01, status: completed, amount: 100, currency: CNY}]}
    period: 2026-10
    value: 1
    n: 1
"""


def test_own_kpi_is_added_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN, encoding="utf-8")
    found = catalogue(tmp_path)["big_orders"]
    assert found.is_users
    assert found.title["zh"] == "大额订单数"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("kind: simple", "kind: simpel", 6, "Did you mean simple?"),
        ("fact: orders", "fact: order", 7, "Did you mean orders"),
        ("time: ordered_on", "time: ordered_at", 8, "Did you mean ordered_on?"),
        ('expression: "count(*)"', 'expression: "avg(amount)"', 10, "does not add up"),
        ('expression: "count(*)"', 'expression: "sum(amount) / count(*)"', 10, "does not add up"),
        ('expression: "count(*)"', "expression: \"(select count(*) from read_csv('/etc/passwd'))\"", 10, ""),
        ('amount >= 100"', 'amount >= 100; drop table orders"', 9, "statements"),
        ("better: up", "bettr: up", 12, "Did you mean better?"),
        ("name: big_orders", "name: revenue", 2, "already"),
        ("{en: Big orders, zh: 大额订单数}", "{en: Big orders}", 3, "both languages"),
    ],
)  # fmt: skip
def test_fault_in_an_own_kpi_names_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in OWN
    (tmp_path / "mine.yaml").write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(KeepwellError) as caught:
        catalogue(tmp_path)
    assert f"mine.yaml, line {line}" in str(caught.value)
    assert says in str(caught.value)
