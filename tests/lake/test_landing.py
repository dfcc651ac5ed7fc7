"""What lands: new rows, changed rows, nothing twice; months, defaults, personal data, history, children."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factories.shop import OPENING, Shop, counted
from keepwell.lake import delta, head
from keepwell.lake.entity import entities
from keepwell.lake.head import Head
from keepwell.lake.table import Table, table

CUSTOMERS = "customer_id,kind,name,email,country,city\na,person,Ann,Ann@x.org,GB,Leeds\nb,company,Big Ltd,,CN,\n"
ORDERS = """order_id,customer_id,ordered_at,status,amount,currency
1,a,2026-01-05 10:00:00,completed,10.50,GBP
2,b,2026-02-05 10:00:00,completed,20,GBP
3,,2026-02-06 10:00:00,refund,-5,GBP
"""
LINES = """order_id,line_no,product_id,quantity,unit_price,amount
1,1,p,1,10,10
1,2,q,0.5,1,0.50
2,1,p,2,10,20
"""
ORDER_LINES_BY_ORDER = """
version: 1
entities:
  order_lines:
    replace_by: order_id
    columns: {order_id: order_id, line_no: line_no, product_id: product_id, quantity: quantity, unit_price: unit_price, amount: amount}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_the_first_file_lands_whole(shop: Shop) -> None:
    report = shop.bring("orders", ORDERS)
    assert counted(report, "orders") == {"read": 3, "inserted": 3}
    assert shop.rows(
        "orders", "order_id", "customer_id", "ordered_at", "ordered_on", "status", "amount", "currency", "source", "batch_id"
    ) == [
        (
            "1",
            "a",
            datetime(2026, 1, 5, 10, tzinfo=UTC),
            date(2026, 1, 5),
            "completed",
            Decimal("10.5000"),
            "GBP",
            "main",
            report.import_id,
        ),
        (
            "2",
            "b",
            datetime(2026, 2, 5, 10, tzinfo=UTC),
            date(2026, 2, 5),
            "completed",
            Decimal("20.0000"),
            "GBP",
            "main",
            report.import_id,
        ),
        ("3", None, datetime(2026, 2, 6, 10, tzinfo=UTC), date(2026, 2, 6), "refund", Decimal("-5.0000"), "GBP", "main", report.import_id),
    ]


def test_landing_the_same_again_changes_nothing(shop: Shop) -> None:
    first = shop.bring("orders", ORDERS)
    before = shop.rows("orders")
    assert counted(shop.bring("orders", ORDERS), "orders") == {"read": 3, "unchanged": 3}
    assert shop.rows("orders") == before
    assert next(c.import_id for c in shop.lake.changes()) == first.import_id


def test_only_what_differs_is_written(shop: Shop) -> None:
    first = shop.bring("orders", ORDERS)
    second = shop.bring("orders", ORDERS.replace("20,GBP", "21,GBP") + "4,a,2026-03-01 00:00:00,completed,1,GBP\n")
    assert counted(second, "orders") == {"read": 4, "inserted": 1, "updated": 1, "unchanged": 2}
    assert shop.rows("orders", "order_id", "amount", "batch_id") == [
        ("1", Decimal("10.5000"), first.import_id),
        ("2", Decimal("21.0000"), second.import_id),
        ("3", Decimal("-5.0000"), first.import_id),
        ("4", Decimal("1.0000"), second.import_id),
    ]


def test_columns_that_a_file_lacks_keep_what_they_hold(shop: Shop) -> None:
    shop.bring("customers", CUSTOMERS)
    report = shop.bring("customers", "customer_id,country\na,FR\nc,DE\n")
    assert counted(report, "customers") == {"read": 2, "inserted": 1, "updated": 1}
    assert shop.rows("customers", "customer_id", "kind", "country", "city", "has_valid_email") == [
        ("a", "person", "FR", "Leeds", True),
        ("b", "company", "CN", None, None),
        ("c", "person", "DE", None, None),
    ]
    assert shop.rows("profiles", "id", "name", "email") == [("a", "Ann", "ann@x.org"), ("b", "Big Ltd", None)]


def test_an_empty_field_empties_the_column(shop: Shop) -> None:
    shop.bring("customers", CUSTOMERS)
    shop.bring("customers", "customer_id,city,name\na,,Anna\n")
    assert shop.rows("customers", "customer_id", "city", "country") == [("a", None, "GB"), ("b", None, "CN")]
    assert shop.rows("profiles", "id", "name") == [("a", "Anna"), ("b", "Big Ltd")]


def test_a_row_whose_date_is_corrected_moves_to_its_month_and_stands_once(shop: Shop) -> None:
    shop.bring("orders", ORDERS)
    report = shop.bring("orders", ORDERS.replace("2026-02-05 10:00:00", "2026-04-30 23:30:00"))
    assert counted(report, "orders") == {"read": 3, "updated": 1, "unchanged": 2}
    assert shop.rows("orders", "order_id", "ordered_on") == [("1", date(2026, 1, 5)), ("2", date(2026, 4, 30)), ("3", date(2026, 2, 6))]
    months = {f.month: f.rows for f in shop.lake.snapshot().data_files("orders")}
    assert months == {"2026-01": 1, "2026-02": 1, "2026-04": 1}


def test_a_customer_was_made_when_first_seen_where_the_file_does_not_say(shop: Shop) -> None:
    shop.bring("customers", CUSTOMERS)
    made = [("a", OPENING, OPENING.date()), ("b", OPENING, OPENING.date())]
    assert shop.rows("customers", "customer_id", "created_at", "created_on") == made
    shop.bring("customers", CUSTOMERS.replace("Leeds", "York"))
    assert shop.rows("customers", "customer_id", "created_at", "created_on") == made, "first seen, not last"
    report = shop.bring("customers", "customer_id,created_at\na,2020-02-29 00:00:00\nb,\n")
    assert counted(report, "customers") == {"read": 2, "updated": 1, "unchanged": 1}
    assert shop.rows("customers", "customer_id", "created_on") == [("a", date(2020, 2, 29)), ("b", OPENING.date())]


def test_the_day_of_first_sight_is_that_of_the_workspace_s_zone(tmp_path: Path) -> None:
    # the shop opens at 08:00 UTC on June 1st, when it is 22:00 on May 31st in Honolulu
    shop = Shop(tmp_path, timezone="Pacific/Honolulu")
    shop.bring("customers", CUSTOMERS)
    assert shop.rows("customers", "customer_id", "created_on") == [("a", date(2026, 5, 31)), ("b", date(2026, 5, 31))]


def test_personal_columns_lie_in_profiles_and_texts_and_nowhere_else(shop: Shop) -> None:
    people = "kind,name,email,phone,address,birth_date,gender"
    shop.bring("customers", f"customer_id,{people}\na,person,Ann,ann@x.org,+44 20 7946 0958,1 High St,1990-05-01,female\n")
    shop.bring("employees", "employee_id,name,email,team\ne,Eve,eve@us.org,blue\n")
    shop.bring(
        "interactions",
        "interaction_id,customer_id,occurred_at,channel,direction,subject,body\ni,a,2026-05-01 10:00:00,call,inbound,Hello,SECRET\n",
    )
    shop.bring("tickets", "ticket_id,opened_at,kind,status,subject\nt,2026-05-01 10:00:00,question,open,Where is it?\n")
    personal = {c.name for e in entities().values() for c in e.personal_columns}
    for entity in ("customers", "employees", "interactions", "tickets"):
        own = {c.name for c in entities()[entity].personal_columns}
        for file in shop.lake.snapshot().data_files(entity):
            held = set(pq.ParquetFile(shop.lake.folder / entity / file.path).schema_arrow.names)
            assert held & own == set(), entity
            assert "batch_id" in held
    assert {"name", "email", "phone", "subject", "body"} <= personal
    everything = {p for p in shop.lake.folder.rglob("*.parquet") if b"SECRET" in p.read_bytes() or b"Hello" in p.read_bytes()}
    assert {p.relative_to(shop.lake.folder).parts[0] for p in everything} == {"texts"}
    assert shop.rows("profiles", "person", "id", "name", "email", "birth_date") == [
        ("customer", "a", "Ann", "ann@x.org", date(1990, 5, 1)),
        ("employee", "e", "Eve", "eve@us.org", None),
    ]
    assert shop.rows("texts", "entity", "row_key", "subject", "body") == [
        ("interactions", "i", "Hello", "SECRET"),
        ("tickets", "t", "Where is it?", None),
    ]
    # born on 1990-05-01, seen on 2026-06-01: 36 years
    assert shop.rows("customers", "has_valid_email", "has_valid_phone", "age_band") == [(True, True, "35-44")]


def test_a_change_of_personal_data_alone_is_an_update(shop: Shop) -> None:
    shop.bring("customers", CUSTOMERS)
    report = shop.bring("customers", CUSTOMERS.replace("Ann,", "Anna,"))
    assert counted(report, "customers") == {"read": 2, "updated": 1, "unchanged": 1}


def test_a_customer_without_personal_data_has_no_profile(shop: Shop) -> None:
    shop.bring("customers", "customer_id,name,email\na,,\nb,Bo,\n")
    assert shop.rows("profiles", "id") == [("b",)]


def test_what_a_customer_was_is_kept_with_the_time_for_which_it_held(shop: Shop) -> None:
    shop.bring("customers", CUSTOMERS)
    shop.bring("customers", "customer_id,country\na,FR\nb,CN\n")
    shop.bring("customers", "customer_id,country\na,DE\n")
    landed = [c.started_at for c in shop.lake.changes()]
    assert shop.rows("customers_history", "customer_id", "country", "valid_from", "valid_to") == [
        ("a", "FR", landed[1], landed[2]),
        ("a", "GB", landed[0], landed[1]),
    ]


def test_order_lines_follow_an_order_that_is_corrected(shop: Shop) -> None:
    shop.bring("orders", ORDERS)
    shop.bring("order_lines", LINES)
    report = shop.bring("orders", "order_id,customer_id,ordered_at,status,amount,currency\n1,b,2026-03-01 09:00:00,cancelled,10.50,EUR\n")
    assert counted(report, "order_lines") == {"updated": 2}
    moved = (datetime(2026, 3, 1, 9, tzinfo=UTC), date(2026, 3, 1), "b", "cancelled", "EUR")
    assert shop.rows("order_lines", "order_id", "line_no", "ordered_at", "ordered_on", "customer_id", "status", "currency") == [
        ("1", 1, *moved),
        ("1", 2, *moved),
        ("2", 1, datetime(2026, 2, 5, 10, tzinfo=UTC), date(2026, 2, 5), "b", "completed", "GBP"),
    ]


def test_order_lines_follow_although_their_own_file_names_only_some_of_them(shop: Shop) -> None:
    shop.bring("orders", ORDERS)
    shop.bring("order_lines", LINES)
    mapping = """
version: 1
entities:
  orders:
    files: orders.csv
    columns: {order_id: order_id, customer_id: customer_id, ordered_at: ordered_at, status: status, amount: amount, currency: currency}
  order_lines:
    files: lines.csv
    columns: {order_id: order_id, line_no: line_no, product_id: product_id, quantity: quantity, unit_price: unit_price, amount: amount}
"""
    orders = shop.file("orders.csv", ORDERS.replace("2026-01-05", "2026-03-05"))
    lines = shop.file("lines.csv", "order_id,line_no,product_id,quantity,unit_price,amount\n1,1,p,1,10,10\n2,1,p,2,10,20\n")
    report = shop.bring_mapped(mapping, orders, lines)
    # of the two lines read the first follows its order and the other is as it was; line 2 of order 1 follows unread
    assert counted(report, "order_lines") == {"read": 2, "updated": 2, "unchanged": 1}
    assert shop.rows("order_lines", "order_id", "line_no", "ordered_on") == [
        ("1", 1, date(2026, 3, 5)),
        ("1", 2, date(2026, 3, 5)),
        ("2", 1, date(2026, 2, 5)),
    ]


def test_lines_that_are_gone_from_a_changed_order_go(shop: Shop) -> None:
    shop.bring("orders", ORDERS)
    shop.bring("order_lines", LINES)
    lines = shop.file("lines.csv", "order_id,line_no,product_id,quantity,unit_price,amount\n1,1,p,1,10,10\n")
    report = shop.bring_mapped(ORDER_LINES_BY_ORDER, lines)
    assert counted(report, "order_lines") == {"read": 1, "unchanged": 1, "removed": 1}
    assert shop.rows("order_lines", "order_id", "line_no") == [("1", 1), ("2", 1)], "order 2 is not in the file and keeps its line"


def test_without_replace_by_nothing_goes(shop: Shop) -> None:
    shop.bring("orders", ORDERS)
    shop.bring("order_lines", LINES)
    shop.bring("order_lines", "order_id,line_no,product_id,quantity,unit_price,amount\n1,1,p,1,10,10\n")
    assert len(shop.rows("order_lines")) == 3


def test_a_line_that_is_rejected_is_not_gone(shop: Shop) -> None:
    shop.bring("orders", ORDERS)
    shop.bring("order_lines", LINES)
    lines = shop.file(
        "lines.csv", "order_id,line_no,product_id,quantity,unit_price,amount\n1,1,p,1,11,11\n1,2,q,much,1,0.50\n2,2,p,2,10,20\n"
    )
    report = shop.bring_mapped(ORDER_LINES_BY_ORDER, lines)
    assert counted(report, "order_lines") == {"read": 3, "inserted": 1, "updated": 1, "rejected": 1, "removed": 1}
    assert shop.rows("order_lines", "order_id", "line_no", "amount") == [
        ("1", 1, Decimal("11.0000")),
        ("1", 2, Decimal("0.5000")),
        ("2", 2, Decimal("20.0000")),
    ]


def test_a_line_that_was_spared_follows_its_order(shop: Shop) -> None:
    shop.bring("orders", ORDERS)
    shop.bring("order_lines", LINES)
    mapping = ORDER_LINES_BY_ORDER.replace(
        "  order_lines:",
        "  orders:\n    files: orders.csv\n    columns: {order_id: order_id, ordered_at: ordered_at, status: status, amount: amount, currency: currency}\n  order_lines:\n    files: lines.csv",
    )
    orders = shop.file("orders.csv", "order_id,ordered_at,status,amount,currency\n1,2026-03-05 10:00:00,completed,10.50,GBP\n")
    lines = shop.file("lines.csv", "order_id,line_no,product_id,quantity,unit_price,amount\n1,1,p,1,10,10\n1,2,q,much,1,0.50\n")
    shop.bring_mapped(mapping, orders, lines, most_rejected=0.9)
    assert shop.rows("order_lines", "order_id", "line_no", "ordered_on") == [
        ("1", 1, date(2026, 3, 5)),
        ("1", 2, date(2026, 3, 5)),
        ("2", 1, date(2026, 2, 5)),
    ]


def test_a_column_that_was_added_later_is_empty_in_older_rows(shop: Shop) -> None:
    known = table("products")
    older = replace(known, columns=tuple(c for c in known.columns if c[0] != "category"))
    _lay_down(shop, older, {"product_id": ["p", "q"], "name": ["Pen", "Quill"], "source": ["main"] * 2, "batch_id": ["imp_0"] * 2})
    assert shop.rows("products", "product_id", "name", "category") == [("p", "Pen", None), ("q", "Quill", None)]
    report = shop.bring("products", "product_id,name,category\np,Pen,office\nr,Ruler,office\n")
    assert counted(report, "products") == {"read": 2, "inserted": 1, "updated": 1}
    found = [("p", "Pen", "office"), ("q", "Quill", None), ("r", "Ruler", "office")]
    assert shop.rows("products", "product_id", "name", "category") == found
    shop.undo(report.import_id)
    assert shop.rows("products", "product_id", "name", "category") == [("p", "Pen", None), ("q", "Quill", None)]


def test_what_is_undone_may_have_replaced_rows_of_before_a_column_was_added(shop: Shop) -> None:
    shop.bring("products", "product_id,name\np,Pen\n")
    report = shop.bring("products", "product_id,name\np,Quill\n")
    images = shop.lake.folder / "imports" / str(report.import_id) / "before" / "products.parquet"
    # as the images would be, had they been written before the model knew a category
    pq.write_table(pq.read_table(images).drop_columns("category"), images)
    shop.undo(report.import_id)
    assert shop.rows("products", "product_id", "name", "category") == [("p", "Pen", None)]


def test_every_version_can_be_read_however_old_it_is(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.bring("channels", "channel,is_paid\nweb,yes\n")
    old = shop.lake.snapshot().versions
    folder = shop.lake.folder / "channels"
    found = delta.open_for_writing(folder, table("channels"))
    # Delta sums its log up at every hundredth version, and by default forgets what is older than a month
    for number in range(105):
        delta.commit(found, f"change {number}", add=[], remove=[])
        for entry in (folder / "_delta_log").iterdir():
            os.utime(entry, (0, 0))
    assert list((folder / "_delta_log").glob("*.checkpoint.parquet"))
    assert shop.rows("channels", "channel", "is_paid", versions=old) == [("web", True)]


def _lay_down(shop: Shop, definition: Table, rows: dict[str, list[str]]) -> None:
    """Write rows as a lake of that definition would hold them."""
    folder = shop.lake.folder / definition.name
    found = delta.open_for_writing(folder, definition)
    schema = delta.schema_of(definition)
    pq.write_table(pa.table([pa.array(rows.get(f.name, [None] * 2), f.type) for f in schema], schema), folder / "old.parquet")
    file = delta.DataFile("old.parquet", 2, (folder / "old.parquet").stat().st_size, None)
    version = delta.commit(found, "imp_0", add=[file], remove=[])
    head.write(shop.lake.folder, Head(1, "imp_0", {definition.name: version}))


def test_a_customers_rows_lie_together_in_every_file(shop: Shop) -> None:
    # 25,000 orders of as many customers, in an order that has nothing to do with them: two groups of rows in the first month
    rows = [f"{n},c{n * 7919 % 25_000:05},2026-0{1 if n % 10 else 2}-05 10:00:00,completed,1,GBP" for n in range(25_000)]
    shop.bring("orders", "\n".join(["order_id,customer_id,ordered_at,status,amount,currency", *rows]))
    files = sorted((shop.lake.folder / "orders").glob("month=*/*.parquet"))
    assert [f.parent.name for f in files] == ["month=2026-01", "month=2026-02"]
    found = [pq.read_table(f, columns=["customer_id"]).column(0).to_pylist() for f in files]
    assert [len(ids) for ids in found] == [22_500, 2_500]
    assert all(ids == sorted(ids) for ids in found)
    assert pq.read_metadata(files[0]).num_row_groups > 1
