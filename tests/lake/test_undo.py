"""Undo brings back what an import replaced, takes away what it inserted, and leaves alone what has changed since."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from factories.shop import Shop, counted, warnings_of
from keepwell.core.errors import KeepwellError, WrongUseError

CUSTOMERS = "customer_id,kind,name,country\na,person,Ann,GB\nb,company,Big Ltd,CN\n"
ORDERS = "order_id,customer_id,ordered_at,status,amount,currency\n1,a,2026-01-05 10:00:00,completed,10.5,GBP\n2,b,2026-02-05 10:00:00,completed,20,GBP\n"
LINES = "order_id,line_no,product_id,quantity,unit_price,amount\n1,1,p,1,10,10\n1,2,q,0.5,1,0.50\n2,1,p,2,10,20\n"
BY_ORDER = """
version: 1
entities:
  order_lines:
    replace_by: order_id
    columns: {order_id: order_id, line_no: line_no, product_id: product_id, quantity: quantity, unit_price: unit_price, amount: amount}
"""
TABLES = ("customers", "profiles", "customers_history", "orders", "order_lines")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def filled(shop: Shop) -> Shop:
    shop.bring("customers", CUSTOMERS)
    shop.bring("orders", ORDERS)
    shop.bring("order_lines", LINES)
    return shop


def everything(shop: Shop) -> dict[str, list[tuple[object, ...]]]:
    """All rows with all that stands in them, who wrote them and when included."""
    return {t: shop.rows(t) for t in TABLES}


def test_updated_values_come_back_to_the_last_digit(filled: Shop) -> None:
    before = everything(filled)
    report = filled.bring(
        "orders", ORDERS.replace("10.5,", "11.25,").replace("2026-02-05", "2026-03-05") + "3,a,2026-03-01,completed,1,GBP\n"
    )
    assert everything(filled) != before
    record = filled.undo(report.import_id)
    assert everything(filled) == before
    assert counted(record, "orders") == {"read": 3, "updated": 2, "removed": 1}
    # both lines of order 1 and the one of order 2 had followed their orders; order 1 changed in its amount only
    assert counted(record, "order_lines") == {"read": 1, "updated": 1}


def test_personal_values_and_history_come_back(filled: Shop) -> None:
    before = everything(filled)
    report = filled.bring("customers", "customer_id,name,country\na,Anna,FR\nb,,CN\nc,Cy,US\n")
    assert filled.rows("profiles", "id", "name") == [("a", "Anna"), ("b", None), ("c", "Cy")]
    filled.undo(report.import_id)
    assert everything(filled) == before


def test_children_that_were_removed_come_back(filled: Shop) -> None:
    before = everything(filled)
    lines = filled.file("lines.csv", "order_id,line_no,product_id,quantity,unit_price,amount\n1,3,p,1,10,10\n")
    report = filled.bring_mapped(BY_ORDER, lines)
    assert [(o, n) for o, n, *_ in filled.rows("order_lines")] == [("1", 3), ("2", 1)]
    record = filled.undo(report.import_id)
    assert everything(filled) == before
    assert counted(record, "order_lines") == {"read": 3, "inserted": 2, "removed": 1}


def test_what_a_later_import_changed_is_kept_and_told(filled: Shop) -> None:
    first = filled.bring(
        "orders", ORDERS.replace("10.5,", "11,").replace("20,", "21,") + "3,a,2026-03-01,completed,1,GBP\n4,a,2026-03-02,completed,2,GBP\n"
    )
    filled.bring(
        "orders", "order_id,ordered_at,status,amount,currency\n1,2026-01-05 10:00:00,completed,12,GBP\n3,2026-03-01,completed,5,GBP\n"
    )
    record = filled.undo(first.import_id)
    assert filled.rows("orders", "order_id", "amount") == [("1", Decimal(12)), ("2", Decimal(20)), ("3", Decimal(5))]
    assert counted(record, "orders") == {"read": 4, "updated": 1, "removed": 1, "unchanged": 2}
    assert warnings_of(record, "orders") == ("2 rows were changed by a later import and are kept as they are",)


@pytest.mark.parametrize("newest_first", [True, False], ids=["newest first", "oldest first"])
def test_two_imports_are_undone_in_any_order(filled: Shop, newest_first: bool) -> None:
    before = everything(filled)
    # the first updates a and inserts c and d; the second updates a and c again and inserts e
    first = filled.bring("customers", "customer_id,name,country\na,Anna,FR\nc,Cy,US\nd,Di,US\n")
    second = filled.bring("customers", "customer_id,name,country\na,Annie,DE\nc,Cyd,CA\ne,Ed,CA\n")
    for import_id in [second.import_id, first.import_id] if newest_first else [first.import_id, second.import_id]:
        filled.undo(import_id)
    assert {t: rows for t, rows in everything(filled).items() if t != "customers_history"} == {
        t: rows for t, rows in before.items() if t != "customers_history"
    }
    assert everything(filled)["customers_history"] == before["customers_history"] == []


def test_of_three_imports_the_middle_one_is_undone_first(filled: Shop) -> None:
    ids = [filled.bring("orders", ORDERS.replace("10.5,", f"{amount},")).import_id for amount in (11, 12, 13)]
    before = [Decimal("10.5"), Decimal(11), Decimal(12), Decimal(13)]
    filled.undo(ids[1])
    assert filled.rows("orders", "amount")[0] == (before[3],), "the third stands"
    filled.undo(ids[2])
    assert filled.rows("orders", "amount")[0] == (before[1],), "what the second gave does not come back"
    filled.undo(ids[0])
    assert filled.rows("orders", "amount")[0] == (before[0],)


def test_an_undoing_is_undone(filled: Shop) -> None:
    report = filled.bring("customers", "customer_id,name,country\na,Anna,FR\nc,Cy,US\n")
    after = everything(filled)
    undoing = filled.undo(report.import_id)
    again = filled.undo(undoing.import_id)
    assert everything(filled) == after
    assert (again.undoes, filled.lake.change(str(report.import_id)).undone_by) == (undoing.import_id, None)
    filled.undo(report.import_id)
    assert filled.rows("customers", "customer_id", "country") == [("a", "GB"), ("b", "CN")]


def test_the_first_import_of_all_is_undone_to_an_empty_lake(shop: Shop) -> None:
    report = shop.bring("customers", CUSTOMERS)
    shop.undo(report.import_id)
    assert shop.rows("customers") == shop.rows("profiles") == []
    assert counted(shop.bring("customers", CUSTOMERS), "customers") == {"read": 2, "inserted": 2}


def test_an_import_that_changed_nothing_is_undone_to_the_same(filled: Shop) -> None:
    report = filled.bring("orders", ORDERS)
    before = everything(filled)
    assert filled.undo(report.import_id).entities == ()
    assert everything(filled) == before


def test_an_import_is_undone_once(filled: Shop) -> None:
    report = filled.bring("orders", ORDERS.replace("10.5,", "11,"))
    undoing = filled.undo(report.import_id)
    with pytest.raises(KeepwellError, match=undoing.import_id):
        filled.undo(report.import_id)


@pytest.mark.parametrize("unknown", ["imp_20260101T000000_abcdef", "../../etc", ""])
def test_an_unknown_import_is_an_error_that_changes_nothing(filled: Shop, unknown: str) -> None:
    before = filled.listing()
    with pytest.raises(WrongUseError, match="no import named"):
        filled.undo(unknown)
    assert filled.listing() == before


def test_undoing_leaves_readers_of_the_version_before_as_they_were(filled: Shop) -> None:
    report = filled.bring("orders", ORDERS.replace("2026-01-05", "2026-05-05"))
    pinned = filled.lake.snapshot().versions
    filled.undo(report.import_id)
    assert filled.rows("orders", "order_id", "ordered_on", versions=pinned) == [("1", date(2026, 5, 5)), ("2", date(2026, 2, 5))]
    assert filled.rows("orders", "order_id", "ordered_on") == [("1", date(2026, 1, 5)), ("2", date(2026, 2, 5))]


def test_undoing_and_undoing_that_goes_on_as_long_as_one_likes(filled: Shop) -> None:
    before = everything(filled)
    report = filled.bring("customers", "customer_id,country\nc,US\n")
    states = [before, everything(filled)]
    target = str(report.import_id)
    for number in range(5):
        target = filled.undo(target).import_id
        assert everything(filled) == states[number % 2]
        assert (filled.lake.change(str(report.import_id)).undone_by is None) == (number % 2 == 1)
