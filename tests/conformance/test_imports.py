"""Faults of shipped products that an import must not have. The numbers are those of the conformance catalogue."""

import csv
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.nursery import Nursery
from factories.shop import Shop, as_csv, counted

MAPPING = """
version: 1
constants: {currency: GBP, status: completed}
entities:
  customers: {columns: {customer_id: Customer, email: Mail}}
  orders: {columns: {order_id: Order, customer_id: Customer, ordered_at: Day, amount: Amount}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as opened:
        yield opened


def sales(count: int) -> list[dict[str, object]]:
    return [
        {"Order": n, "Customer": f"c{n}", "Mail": f"c{n}@example.org", "Day": f"2026-0{n % 5 + 1}-{n % 28 + 1:02}", "Amount": n}
        for n in range(count)
    ]


# 15: at the borders of batches nothing is left out and nothing taken twice


@pytest.mark.parametrize("count", [1, 300, 301, 2048, 2049, 10_000, 10_001, 122_881])
def test_15_every_row_is_processed_whatever_their_number(shop: Shop, count: int) -> None:
    report = shop.bring_rows("customers", ({"customer_id": f"c{n}", "name": f"name {n}"} for n in range(count)))
    assert counted(report, "customers") == {"read": count, "inserted": count}
    with shop.lake.engine() as engine:
        shop.lake.snapshot().register(engine, "customers")
        shop.lake.snapshot().register(engine, "profiles")
        numbers = "cast(substr(customer_id, 2) as bigint)"
        # each number from 0 once: as many as there are, all different, from the first to the last
        assert engine.rows(f"select count(*), count(distinct {numbers}), min({numbers}), max({numbers}) from customers") == [
            (count, count, 0, count - 1)
        ]
        assert engine.value("select count(*) from profiles where name = 'name ' || substr(id, 2)") == count


@pytest.mark.parametrize("count", [301, 10_001])
def test_15_every_rejected_row_is_handed_back(shop: Shop, count: int) -> None:
    errors = shop.workspace.folder / "errors.csv"
    rows = [{"customer_id": f"c{n}", "birth_date": "1990-01-01" if n % 2 else "never"} for n in range(2 * count)]
    report = shop.bring_rows("customers", rows, errors=errors)
    assert counted(report, "customers") == {"read": 2 * count, "inserted": count, "rejected": count}
    with errors.open(encoding="utf-8", newline="") as file:
        found = [(int(r["_line"]), r["customer_id"]) for r in csv.DictReader(file)]
    # the header is line 1, so row n stands on line n + 2
    assert found == [(n + 2, f"c{n}") for n in range(0, 2 * count, 2)]


# 22: an upsert knows a row by the same rule by which the store does


def test_22_a_row_is_known_by_its_id_trimmed_and_composed_and_never_by_another_case(shop: Shop) -> None:
    shop.bring("customers", "customer_id,country\nA1,GB\ncaf\u00e9,FR\n客户 1,CN\n")
    report = shop.bring("customers", "customer_id,country\n A1 ,IE\ncafe\u0301,BE\n\u3000客户 1\u3000,HK\na1,US\nCAF\u00c9,CH\n")
    assert counted(report, "customers") == {"read": 5, "inserted": 2, "updated": 3}
    assert shop.rows("customers", "customer_id", "country") == [
        ("A1", "IE"),
        ("CAF\u00c9", "CH"),
        ("a1", "US"),
        ("caf\u00e9", "BE"),
        ("客户 1", "HK"),
    ]


def test_22_two_spellings_of_one_id_in_a_file_are_one_row(shop: Shop) -> None:
    report = shop.bring("customers", "customer_id,country\ncaf\u00e9,FR\n cafe\u0301 ,FR\nx,GB\nx ,FR\ny,GB\nz,GB\n")
    assert counted(report, "customers") == {"read": 6, "inserted": 3, "unchanged": 1, "rejected": 2}


def test_22_an_e_mail_in_another_case_or_with_spaces_is_the_same(shop: Shop) -> None:
    shop.bring("customers", "customer_id,name,email\na,Ann,Ann.Lee@Example.ORG\nb,Bo,\nc,Cy,not an address\n")
    report = shop.bring("customers", "customer_id,name,email\na,Ann, ann.lee@example.org \nb,Bo,   \nc,Cy,not an address\n")
    assert counted(report, "customers") == {"read": 3, "unchanged": 3}
    assert shop.rows("profiles", "id", "email") == [("a", "ann.lee@example.org"), ("b", None), ("c", "not an address")]
    assert shop.rows("customers", "customer_id", "has_valid_email") == [("a", True), ("b", None), ("c", False)]


def test_22_every_key_of_the_lake_stands_once(shop: Shop) -> None:
    shop.bring("products", "product_id,name\np,Pen\n")
    for name in ("Pencil", "Pen", "Pencil"):
        shop.bring("products", f"product_id,name\n p,{name}\np ,{name}\n")
    assert shop.rows("products", "product_id", "name") == [("p", "Pencil")]


# 35: twice changes nothing; half, death and again loses and doubles nothing


def test_35_the_same_file_twice_changes_nothing(shop: Shop) -> None:
    file = shop.file("sales.csv", as_csv(sales(2000)))
    shop.bring_mapped(MAPPING, file)
    before = {path: held for path, held in shop.listing().items() if not path.startswith("imports")}
    report = shop.bring_mapped(MAPPING, file)
    assert counted(report, "customers") == counted(report, "orders") == {"read": 2000, "unchanged": 2000}
    after = {path: held for path, held in shop.listing().items() if not path.startswith("imports")}
    assert {p for p in after if p.endswith(".parquet")} == {p for p in before if p.endswith(".parquet")}
    assert {p: after[p] for p in after if p != "head.json"} == {p: before[p] for p in before if p != "head.json"}


def test_35_a_part_of_a_file_and_then_all_of_it_is_the_same_as_all_of_it(tmp_path: Path) -> None:
    parts, whole = Shop(tmp_path / "parts"), Shop(tmp_path / "whole")
    rows = sales(1000)
    for some in (rows[:500], rows, rows[250:750]):
        parts.bring_mapped(MAPPING, parts.file("sales.csv", as_csv(some)))
    whole.bring_mapped(MAPPING, whole.file("sales.csv", as_csv(rows)))
    tables = ("orders", "profiles")
    assert parts.contents(*tables) == whole.contents(*tables)
    assert parts.rows("customers", "customer_id") == whole.rows("customers", "customer_id")


def test_35_an_import_that_dies_halfway_and_comes_again_loses_and_doubles_nothing(shop: Shop, nursery: Nursery) -> None:
    # tests/lake/test_killed.py does this fifty times, over a filled lake, and in every phase
    file, mapping = shop.file("sales.csv", as_csv(sales(5000))), shop.file("mapping.yaml", MAPPING)
    work = ("bring", str(shop.workspace.folder), [str(file)], str(mapping))
    child = nursery.start(*work)
    while not any(shop.lake.folder.glob("orders/*/*.parquet")):
        time.sleep(0.001)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    nursery.do(*work)
    assert len(shop.rows("orders", "order_id")) == len(set(shop.rows("orders", "order_id"))) == 5000
    assert len(shop.rows("customers", "customer_id")) == 5000
    assert sum(int(amount) for (amount,) in shop.rows("orders", "amount")) == 4999 * 5000 // 2
    assert list((shop.lake.folder / "staging").iterdir()) == []
