"""Two processes that import into one lake at the same time both finish; nothing is lost and nothing doubled."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake

from factories.nursery import Nursery
from factories.shop import Shop, as_csv
from keepwell.core.errors import KeepwellError

MAPPING = """
version: 1
entities:
  customers: {columns: {customer_id: Customer, city: City}}
  orders:
    columns: {order_id: Order, customer_id: Customer, ordered_at: Day, amount: Amount}
    constants: {currency: GBP, status: completed}
"""
WRITERS, FILES = 2, 3


@pytest.fixture(scope="module")
def nurseries() -> Iterator[list[Nursery]]:
    opened = [Nursery() for _ in range(WRITERS)]
    yield opened
    for nursery in opened:
        nursery.__exit__()


def test_both_finish_and_the_lake_holds_what_either_brought(tmp_path: Path, nurseries: list[Nursery]) -> None:
    shop = Shop(tmp_path)
    mapping = str(shop.file("mapping.yaml", MAPPING))
    # each writer has orders of its own, and both write the same customers
    for number in range(FILES):
        children = []
        for writer, nursery in enumerate(nurseries):
            file = shop.file(f"{writer}.{number}.csv", as_csv(_rows(writer, number)))
            children.append(nursery.start("bring", str(shop.workspace.folder), [str(file)], mapping))
        assert [child.wait() for child in children] == [0] * WRITERS
    expected = {(r["Order"], r["Amount"]) for writer in range(WRITERS) for number in range(FILES) for r in _rows(writer, number)}
    found = shop.rows("orders", "order_id", "amount")
    assert len(found) == len(expected)
    assert {(order, int(amount)) for order, amount in found} == expected
    assert len(shop.rows("customers", "customer_id")) == len(set(shop.rows("customers", "customer_id"))) == 20
    changes = shop.lake.changes()
    assert len(changes) == WRITERS * FILES
    assert sum(e.inserted for c in changes for e in c.entities if e.entity == "orders") == len(expected)
    # whoever landed later saw what the other had made: each version follows from the one before
    order = sorted(changes, key=lambda c: c.versions_after["orders"])
    assert all(later.versions_before == earlier.versions_after for earlier, later in itertools.pairwise(order))
    assert list((shop.lake.folder / "staging").iterdir()) == []


def _rows(writer: int, number: int) -> list[dict[str, object]]:
    dice = random.Random(f"{writer} {number}")
    return [
        {"Order": f"{writer}-{number}-{i}", "Customer": f"c{i % 20}", "City": f"city {i % 20}", "Day": f"2026-0{dice.randrange(1, 6)}-11", "Amount": dice.randrange(1000)}
        for i in range(300)
    ]  # fmt: skip


def test_rows_that_another_program_put_into_a_table_never_become_data(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    first = "order_id,customer_id,ordered_at,status,amount,currency\n1,a,2026-05-01 10:00:00,completed,1,EUR\n"
    shop.bring("orders", first)
    table = DeltaTable(str(shop.lake.folder / "orders"))
    write_deltalake(table, table.to_pyarrow_table(), mode="append")
    with pytest.raises(KeepwellError, match="Another program wrote 1 files"):
        shop.bring("orders", first.replace("\n1,", "\n2,"))
    assert shop.rows("orders", "order_id") == [("1",)]
    assert list((shop.lake.folder / "staging").iterdir()) == []
