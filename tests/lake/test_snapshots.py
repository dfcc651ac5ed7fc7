"""Readers see one moment of the lake; customers are read through their identities; a lake lies in any folder."""

from decimal import Decimal
from pathlib import Path

import pytest

from factories.shop import Shop, counted
from keepwell.core.errors import KeepwellError
from keepwell.lake.lake import Lake

CUSTOMERS = "customer_id,country\na,GB\nb,CN\nc,FR\n"
ORDERS = """order_id,customer_id,ordered_at,status,amount,currency
1,a,2026-01-05,completed,1,GBP
2,b,2026-01-06,completed,2,GBP
3,c,2026-01-07,completed,4,GBP
4,,2026-01-08,completed,8,GBP
"""


def test_a_snapshot_shows_the_lake_as_it_was(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.bring("customers", CUSTOMERS)
    old = shop.lake.snapshot().versions
    shop.bring("customers", "customer_id,country\na,DE\nd,US\n")
    shop.bring("orders", ORDERS)
    assert shop.rows("customers", "customer_id", "country", versions=old) == [("a", "GB"), ("b", "CN"), ("c", "FR")]
    assert shop.rows("orders", versions=old) == [], "there were no orders then"
    assert len(shop.rows("customers")) == 4


def test_a_merge_is_read_without_rewriting_a_fact_and_taken_back_so(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.bring("customers", CUSTOMERS)
    shop.bring("orders", ORDERS)
    facts = {path: held for path, held in shop.listing().items() if path.startswith("orders/")}
    # customer b turns out to be customer a
    merge = shop.bring("identities", "source,source_customer_id,customer_id\nmain,b,a\n")
    assert shop.rows("orders", "order_id", "customer_id") == [("1", "a"), ("2", "a"), ("3", "c"), ("4", None)]
    assert shop.rows("customers", "customer_id", "country") == [("a", "GB"), ("c", "FR")]
    shop.undo(merge.import_id)
    assert shop.rows("orders", "order_id", "customer_id") == [("1", "a"), ("2", "b"), ("3", "c"), ("4", None)]
    assert shop.rows("customers", "customer_id") == [("a",), ("b",), ("c",)]
    assert {path: held for path, held in shop.listing().items() if path.startswith("orders/")} == facts


def test_a_customer_of_another_source_is_merged_by_its_own_number(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.bring("customers", CUSTOMERS)
    shop.bring("customers", "customer_id,country\n7,GB\n", source="crm")
    shop.bring("orders", ORDERS.replace("3,c", "3,7"), source="crm")
    shop.bring("identities", "source,source_customer_id,customer_id\ncrm,7,a\n")
    assert shop.rows("orders", "order_id", "customer_id") == [("crm:1", "crm:a"), ("crm:2", "crm:b"), ("crm:3", "a"), ("crm:4", None)]
    assert shop.rows("customers", "customer_id") == [("a",), ("b",), ("c",)]


def test_an_identity_that_is_told_twice_doubles_no_fact(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.bring("orders", ORDERS.replace("2,b", "2,crm:7"))
    shop.bring("identities", "source,source_customer_id,customer_id\ncrm,7,c\nmain,crm:7,a\n")
    assert [amount for (amount,) in shop.rows("orders", "amount")] == [Decimal(1), Decimal(2), Decimal(4), Decimal(8)]


@pytest.mark.parametrize(
    "name",
    ["客户 一", ' it\'s "mine" #1; 50% & a+b=c', "country=GB", "star* {braces} ~$HOME `x` 🛒", "month=2026-01, café"],
)
def test_a_lake_lies_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    shop = Shop(tmp_path, lake_name=name)
    shop.bring("orders", ORDERS)
    report = shop.bring("orders", ORDERS.replace("4,GBP", "5,GBP"))
    assert counted(report, "orders") == {"read": 4, "updated": 1, "unchanged": 3}
    assert shop.rows("orders", "order_id", "amount")[2] == ("3", Decimal(5))
    shop.undo(report.import_id)
    assert shop.rows("orders", "order_id", "amount")[2] == ("3", Decimal(4))
    assert (shop.workspace.folder / name / "head.json").is_file()


@pytest.mark.parametrize("name", ["a[1]", "a^b", "a|b", "per%41cent", "back\\slash", "new\nline", "what?"])
def test_a_name_that_can_not_be_opened_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeepwellError, match="can't lie in") as caught:
        Lake(tmp_path / name)
    assert "Choose a folder" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_a_lake_may_be_named_from_the_folder_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path)
    monkeypatch.chdir(shop.workspace.folder)
    shop.lake = Lake(Path("lake"))
    shop.bring("orders", ORDERS)
    assert counted(shop.bring("orders", ORDERS), "orders") == {"read": 4, "unchanged": 4}


def test_a_table_that_is_gone_is_an_error_and_no_empty_answer(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.bring("orders", ORDERS)
    (shop.lake.folder / "orders").rename(tmp_path / "elsewhere")
    with pytest.raises(KeepwellError, match="orders is gone"):
        shop.rows("orders")
