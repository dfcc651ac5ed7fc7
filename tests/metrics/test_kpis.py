"""Every KPI of the catalogue executes its own worked example, through the evaluator that everyone uses."""

import itertools
from pathlib import Path

import pytest

from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.core.yaml_file import YamlError
from keepwell.engine.duckdb import DuckDBEngine, Resources
from keepwell.metrics.example import execute
from keepwell.metrics.kpi import Kpi, kpi
from keepwell.metrics.kpi_file import built_in, catalogue, check_built_in
from keepwell.metrics.schema import kpi_schema


@pytest.mark.parametrize("definition", built_in().values(), ids=lambda k: k.name)
def test_worked_example_gives_the_value_it_says(definition: Kpi, tmp_path: Path) -> None:
    with DuckDBEngine(Resources(tmp_path)) as engine:
        executed = execute(engine, definition)
    assert executed.is_right, executed.says


def test_catalogue_is_as_sound_as_users_must_be() -> None:
    check_built_in()
    assert len(built_in()) >= 60


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
        ('expression: "count(*)"', 'expression: "stddev(amount)"', 10, "does not add up"),
        ('expression: "count(*)"', 'expression: "count(*)"\n  numerator: "count(*)"', 11, "is not for a simple KPI"),
        ('expression: "count(*)"', 'expression: "sum(amuont)"', 10, "Did you mean amount?"),
        ('expression: "count(*)"', 'expression: "sum(amount) filter (where amount > {least})"', 10, "is no parameter"),
        ("when_empty: zero", "dimensions: [contry]", 14, "Did you mean country"),
        ("version: 1", "version: one", 15, "whole number"),
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


def test_faulty_own_kpi_is_left_out_and_named_where_asked(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        OWN + OWN.replace("big_orders", "bad_orders").replace("kind: simple", "kind: simpel"), encoding="utf-8"
    )
    (tmp_path / "broken.yaml").write_text("- name: [", encoding="utf-8")
    problems: list[YamlError] = []
    found = catalogue(tmp_path, problems)
    assert "big_orders" in found
    assert "bad_orders" not in found
    assert [str(p).split(":")[0].split(",")[0] for p in problems] == ["broken.yaml", "mine.yaml"]


ROW = "{order_id: a, ordered_on: 2026-10-01, status: completed, amount: 100, currency: CNY}"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (f"[{ROW}]", "[1, 2]", "no mapping"),
        ("{orders: [", "{ordres: [", "Did you mean orders"),
        ("order_id: a", "ordr_id: a", "Did you mean order_id"),
        ("value: 1", "value: [1]", "It is a number"),
        ("value: 1", "value: 1e999", "It is a number"),
        ("    n: 1", "    n: many", "whole number"),
        ("period: 2026-10", "period: [2026]", "no text"),
        ("version: 1", "version: 1\n  cap: -5", "greater than 0"),
        ("version: 1", "version: 1\n  cap: 1e999", "greater than 0"),
        ("version: 1", "version: 1\n  dimensions: country", "list of names"),
        ("version: 1", "version: 1\n  benchmark: {value: 1e999, source: x}", "needs value and source"),
        ("version: 1", "version: 1" + "0" * 5000, "can't be read"),
        ("kind: simple", "kind: [simple]", "Did you mean simple"),
        ("where: ", "where: [a]\n  counts: ", "no text"),
        ("amount >= 100", "amount >= " + "(" * 3000 + "1" + ")" * 3000, "can't be read"),
        ("version: 1", "version: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("version: 1", "version: &a [*a]", "nested too deeply"),
    ],
)  # fmt: skip
def test_malice_in_an_own_kpi_is_a_clear_error(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in OWN
    (tmp_path / "mine.yaml").write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(YamlError, match=r"mine\.yaml") as caught:
        catalogue(tmp_path)
    assert says in str(caught.value)


def test_anchors_that_multiply_are_refused(tmp_path: Path) -> None:
    names = "abcdefghij"
    lines = ["a: &a [x, x]", *(f"{n}: &{n} [{', '.join(['*' + before] * 9)}]" for before, n in itertools.pairwise(names))]
    (tmp_path / "mine.yaml").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(YamlError, match="holds too much"):
        catalogue(tmp_path)


DERIVED = """
name: big_share
title: {en: Share of big orders, zh: 大额订单占比}
meaning: {en: Big orders out of all., zh: 大额订单占全部订单的比例。}
formula: {en: big orders ÷ orders, zh: 大额订单 ÷ 订单}
kind: derived
expression: big_orders / orders
unit: share
better: up
additivity: non
version: 1
example: {rows: {orders: []}, period: 2026-10, value: null, n: 0}
"""


@pytest.mark.parametrize(
    "formula", ["orders / 1e999", "(" * 900 + "orders" + ")" * 900, "-" * 900 + "orders", "orders" + " + orders" * 900]
)
def test_formula_without_end_is_refused(tmp_path: Path, formula: str) -> None:
    (tmp_path / "mine.yaml").write_text(DERIVED.replace("big_orders / orders", formula), encoding="utf-8")
    with pytest.raises(YamlError, match=r"mine\.yaml, line 7: expression"):
        catalogue(tmp_path)


def test_derived_kpi_may_rest_on_one_of_another_file_whatever_their_order(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(DERIVED, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(OWN, encoding="utf-8")
    found = catalogue(tmp_path)
    assert found["big_share"].measure.needs == ("big_orders", "orders")


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("big_share / orders", "refers to itself"),
        ("ordrs / orders", "Did you mean orders?"),
        ("__import__('os') / orders", "more than arithmetic"),
        ("resolution_time / orders", "is a quantile"),
        ("orders ** 2", "more than arithmetic"),
    ],
)
def test_formula_that_makes_no_sense_is_refused(tmp_path: Path, expression: str, says: str) -> None:
    (tmp_path / "a.yaml").write_text(DERIVED.replace("big_orders / orders", f'"{expression}"'), encoding="utf-8")
    with pytest.raises(KeepwellError) as caught:
        catalogue(tmp_path)
    assert says in str(caught.value)
    assert "a.yaml, line 7" in str(caught.value)


def test_definition_hash_follows_the_value_and_not_the_words(tmp_path: Path) -> None:
    hashes = {}
    for name, (old, new) in {"same": ("Big orders", "Large orders"), "other": (">= 100", ">= 101"), "first": ("", "")}.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "mine.yaml").write_text(OWN.replace(old, new) if old else OWN, encoding="utf-8")
        hashes[name] = catalogue(folder)["big_orders"].definition_hash
    assert hashes["same"] == hashes["first"] != hashes["other"]


def test_schema_knows_every_field_of_the_shipped_entries() -> None:
    defined = {d["title"]: d for d in kpi_schema()["$defs"]["kpi"]["oneOf"]}
    for entry in built_in().values():
        schema = defined[str(entry.kind)]
        for field, value in entry.definition.items():
            assert field in schema["properties"], f"{entry.name}: {field}"
            allowed = schema["properties"][field].get("enum")
            assert allowed is None or value in allowed, f"{entry.name}: {field} {value}"
