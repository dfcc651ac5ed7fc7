"""An import as people see it: what it counts, what it hands back, and that it can be tried without a trace."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factories.shop import Shop, counted, warnings_of
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.sources.imports import ImportRefusedError

ORDERS = """order_id,customer_id,ordered_at,status,amount,currency
1,a,2026-01-05,completed,10.50,GBP
2,b,2026-02-05,completed,many,GBP
3,,2026-02-30,completed,5,GBP
4,"c, d",2026-02-05,completed,7,GBP
5,b,2026-02-06,completed,8,GBP
"""
SALES = """
version: 1
constants: {status: completed}
entities:
  customers: {columns: {customer_id: Customer}, where: Customer is not null}
  orders: {columns: {order_id: Order, customer_id: Customer, ordered_at: Day, amount: Amount, currency: Currency}}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ------------------------------------------------------------------------ dry run


def test_a_dry_run_counts_the_same_and_leaves_no_trace(shop: Shop) -> None:
    shop.bring("orders", "order_id,ordered_at,status,amount,currency\n1,2026-01-05,completed,9,GBP\n4,2026-02-05,completed,7,GBP\n")
    before = shop.listing()
    tried = shop.bring("orders", ORDERS, is_dry_run=True)
    assert shop.listing() == before
    assert (tried.import_id, len(shop.lake.changes())) == (None, 1)
    done = shop.bring("orders", ORDERS)
    assert tried.entities == done.entities
    assert tried.rejected == done.rejected
    assert counted(done, "orders") == {"read": 5, "inserted": 1, "updated": 2, "rejected": 2}


def test_a_dry_run_hands_the_rejected_rows_back_when_asked_to(shop: Shop) -> None:
    errors = shop.workspace.folder / "deep" / "errors.csv"
    report = shop.bring("orders", ORDERS, is_dry_run=True, errors=errors)
    assert report.rejected_file == errors
    assert [r["_line"] for r in read_csv(errors)] == ["3", "4"]


def test_a_dry_run_of_a_file_that_is_refused_is_refused(shop: Shop) -> None:
    with pytest.raises(ImportRefusedError):
        shop.bring("customers", "customer_id,birth_date\na,x\nb,y\n", is_dry_run=True)


# ------------------------------------------------------------------ rejected rows


def test_rejected_rows_come_back_as_a_file_with_line_and_reason(shop: Shop) -> None:
    errors = shop.workspace.folder / "errors.csv"
    report = shop.bring("orders", ORDERS, errors=errors, name="january, 一月.csv")
    assert report.rejected_file == errors
    assert read_csv(errors) == [
        {
            "_file": "january, 一月.csv", "_line": "3", "_entity": "orders", "_reason": 'amount "many" is no amount with at most 4 decimals, written like 1234.56',
            "order_id": "2", "customer_id": "b", "ordered_at": "2026-02-05", "status": "completed", "amount": "many", "currency": "GBP",
        },
        {
            "_file": "january, 一月.csv", "_line": "4", "_entity": "orders",
            "_reason": 'ordered_at "2026-02-30" is no moment between 1900 and 2199 written as ISO 8601, such as 2026-10-31',
            "order_id": "3", "customer_id": "", "ordered_at": "2026-02-30", "status": "completed", "amount": "5", "currency": "GBP",
        },
    ]  # fmt: skip
    kept = shop.lake.folder / "imports" / str(report.import_id) / "rejected.csv"
    assert kept.read_bytes() == errors.read_bytes(), "it lies beside the import's record too"


def test_the_file_of_rejected_rows_is_corrected_and_imported_again(shop: Shop) -> None:
    errors = shop.workspace.folder / "errors.csv"
    shop.bring("orders", ORDERS, errors=errors)
    errors.write_text(errors.read_text().replace("many,", "12,").replace(",2026-02-30,", ",2026-02-28,"))
    report = shop.bring_files([errors], entity="orders")
    assert counted(report, "orders") == {"read": 2, "inserted": 2}
    assert "passed over" not in report.files[0].understood, "the columns that Keepwell added are its own"
    assert shop.rows("orders", "order_id", "amount", "ordered_on")[1:3] == [
        ("2", Decimal(12), date(2026, 2, 5)),
        ("3", Decimal(5), date(2026, 2, 28)),
    ]


def test_the_file_of_a_mapping_has_the_columns_of_the_source_and_each_row_once(shop: Shop) -> None:
    errors = shop.workspace.folder / "errors.csv"
    text = (
        "_id;Order;Customer;Day;Amount;Currency\n1;1;a;2026-01-01;1;GBP\n2;;;2026-01-01;x;GBP\n3;3;b;2026-01-01;2;EUR\n4;4;b;2026-01-01\n"
    )
    report = shop.bring_mapped(SALES, shop.file("s.csv", text), errors=errors)
    # line 3 has neither an order number nor an amount; line 5 lacks two columns
    rows = read_csv(errors)
    assert [(r["_line"], r["_entity"], r["_id"], r["Order"]) for r in rows] == [("3", "orders", "2", ""), ("5", "", "4;4;b;2026-01-01", "")]
    assert rows[0]["_reason"] == 'order_id is missing; amount "x" is no amount with at most 4 decimals, written like 1234.56'
    assert counted(report, "orders") == {"read": 3, "inserted": 2, "rejected": 1}
    errors.write_text("_file,_line,_entity,_reason,_id,Order,Customer,Day,Amount,Currency\ns.csv,3,orders,why,2,2,c,2026-01-01,7,GBP\n")
    again = shop.bring_mapped(SALES, errors)
    assert counted(again, "orders") == {"read": 1, "inserted": 1}


def test_rejected_rows_of_several_files_name_their_file(shop: Shop) -> None:
    errors = shop.workspace.folder / "errors.csv"
    head = "order_id,ordered_at,status,amount,currency\n"
    good = "".join(f"{{}}{n},2026-01-01,completed,1,GBP\n" for n in range(3))
    files = [
        shop.file("a.csv", head + good.format(*"aaa") + "x,never,completed,1,GBP\nonly,two\n"),
        shop.file("b.csv", head + "y,2026-01-01,completed,z,GBP\n" + good.format(*"bbb") + "four,of,the,five\n"),
    ]
    report = shop.bring_files(files, entity="orders", errors=errors)
    places = [("a.csv", 5), ("a.csv", 6), ("b.csv", 2), ("b.csv", 6)]
    assert [(r.file, r.line) for r in report.rejected] == places
    assert [(r["_file"], int(r["_line"])) for r in read_csv(errors)] == places
    assert counted(report, "orders") == {"read": 10, "inserted": 6, "rejected": 4}


def test_rejected_rows_of_excel_and_json_lines_name_their_line(shop: Shop) -> None:
    book = openpyxl.Workbook()
    assert book.active
    rows: list[list[str | date | None]] = [
        ["customer_id", "birth_date"],
        ["a", date(1990, 5, 1)],
        [None, None],
        ["b", "some day"],
        ["c", None],
    ]
    for row in rows:
        book.active.append(row)
    path = shop.file("people.xlsx", b"")
    book.save(path)
    assert [r.line for r in shop.bring_files([path], entity="customers").rejected] == [4]
    text = '{"customer_id": "d", "birth_date": "1990-05-01"}\n\n{"customer_id": "e"\n{"customer_id": "f", "birth_date": "some day"}\n{"customer_id": "g"}\n'
    report = shop.bring_files([shop.file("people.jsonl", text)], entity="customers")
    assert [r.line for r in report.rejected] == [3, 4]
    assert {k for (k,) in shop.rows("customers", "customer_id")} == {"a", "c", "d", "g"}


def test_a_line_in_quotes_over_several_lines_is_named_by_its_first(shop: Shop) -> None:
    text = 'customer_id,name,birth_date\na,"Ann\nof the\nHill",1990-05-01\nb,"Bo\nB",x\n\nc,Cy,y\nd,Di,\ne,,\n'
    report = shop.bring("customers", text)
    assert [r.line for r in report.rejected] == [5, 8]
    assert shop.rows("profiles", "id", "name")[0] == ("a", "Ann\nof the\nHill")


# ------------------------------------------------------------------- what is asked


def test_a_request_that_makes_no_sense_is_wrong_use(shop: Shop, tmp_path: Path) -> None:
    file = shop.file("a.csv", "a\n1\n")
    mapping = shop.file("m.yaml", SALES)
    for request in (
        {},
        {"entity": "orders", "mapping": mapping},
        {"entity": "ordrs"},
        {"entity": "kpi_values"},
        {"entity": "orders", "source": "My CRM"},
    ):
        with pytest.raises(WrongUseError):
            shop.bring_files([file], **request)
    for files in ([], [tmp_path / "nowhere.csv"], [tmp_path]):
        with pytest.raises(WrongUseError):
            shop.bring_files(files, entity="orders")
    with pytest.raises(WrongUseError, match="no entity named 'ordrs'") as caught:
        shop.bring_files([file], entity="ordrs")
    assert "orders" in str(caught.value.hint)
    assert shop.lake.changes() == []
    assert list((shop.lake.folder / "staging").glob("*")) == []


def test_what_was_understood_of_a_file_is_kept_with_the_import(shop: Shop) -> None:
    text = "order_id;ordered_at;status;amount;currency;note\n1;31.01.2026;completed;1.234,50;EUR;x\n"
    report = shop.bring("orders", text.encode("utf-8-sig"))
    record = shop.lake.change(str(report.import_id))
    assert record.files[0].understood == {
        "encoding": "utf-8-sig", "delimiter": "semicolon", "passed over": "note", "orders.ordered_at": "dates %d.%m.%Y", "orders.amount": "numbers 1.234,56",
    }  # fmt: skip
    assert (record.files[0].name, record.files[0].rows, record.mapping, record.source) == ("orders.csv", 1, "as orders", "main")


# ------------------------------------------------------------------------- sources


def test_ids_of_another_source_carry_its_name_and_so_do_references(shop: Shop) -> None:
    head = "order_id,customer_id,ordered_at,status,amount,currency,employee_id\n"
    shop.bring("orders", head + "1,a,2026-01-01,completed,1,GBP,e\n")
    report = shop.bring("orders", head + "1,a,2026-01-01,completed,2,GBP,e\n", source="web-shop")
    assert shop.rows("orders", "order_id", "customer_id", "employee_id", "amount", "source") == [
        ("1", "a", "e", Decimal(1), "main"),
        ("web-shop:1", "web-shop:a", "web-shop:e", Decimal(2), "web-shop"),
    ]
    assert report.source == "web-shop"


def test_a_mapping_may_say_whose_ids_they_are(shop: Shop) -> None:
    mapping = SALES.replace("constants:", "ids: {customer_id: main}\nconstants:").replace(
        "Currency}}", "Currency}, ids: {order_id: old-shop}}"
    )
    shop.bring_mapped(mapping, shop.file("s.csv", "Order,Customer,Day,Amount,Currency\n1,a,2026-01-01,1,GBP\n"), source="crm")
    assert shop.rows("orders", "order_id", "customer_id") == [("old-shop:1", "a")]
    assert shop.rows("customers", "customer_id") == [("a",)]


def test_a_constant_that_is_an_id_belongs_to_the_source_too(shop: Shop) -> None:
    mapping = SALES.replace("{status: completed}", "{status: completed, employee_id: e1}")
    shop.bring_mapped(mapping, shop.file("s.csv", "Order,Customer,Day,Amount,Currency\n1,a,2026-01-01,1,GBP\n"), source="crm")
    assert shop.rows("orders", "order_id", "employee_id") == [("crm:1", "crm:e1")]


# ------------------------------------------------------------------------ mappings


def test_one_file_feeds_several_entities(shop: Shop) -> None:
    text = "Order,Customer,Day,Amount,Currency\n1,a,2026-01-01,1,GBP\n2,,2026-01-02,2,EUR\n3,a,2026-01-03,3,GBP\n"
    report = shop.bring_mapped(SALES, shop.file("s.csv", text))
    assert counted(report, "customers") == {"read": 2, "inserted": 1, "unchanged": 1}
    assert counted(report, "orders") == {"read": 3, "inserted": 3}
    assert shop.rows("orders", "order_id", "customer_id", "status", "currency") == [
        ("1", "a", "completed", "GBP"), ("2", None, "completed", "EUR"), ("3", "a", "completed", "GBP"),
    ]  # fmt: skip


def test_a_mapping_has_expressions_value_maps_constants_attributes_and_a_condition(shop: Shop) -> None:
    mapping = """
version: 1
constants: {country: XX, kind: person}
entities:
  customers:
    columns: {customer_id: ID, country: Land, city: CITY}
    expressions: {name: "trim(First) || ' ' || upper(Last)", language: "case when Land = 'EIRE' then 'en' end"}
    values: {country: {EIRE: IE, United Kingdom: GB, Unspecified: null}}
    constants: {kind: company}
    attributes: {shoe_size: Size, colour: COLOUR}
    where: ID is not null and Size <> '0'
"""
    text = "id,land,city,first,last,size,colour\n1,EIRE,Cork, Ann ,Lee,42,red\n2,United Kingdom,,Bo,Ray,,blue\n3,Unspecified,Rome,Cy,Day,43,\n4,FR,Paris,Di,Fay,0,x\n"
    report = shop.bring_mapped(mapping, shop.file("people.csv", text))
    assert counted(report, "customers") == {"read": 2, "inserted": 2}, "a size that is missing is not known to differ from 0"
    assert shop.rows("customers", "customer_id", "kind", "country", "city", "language", "attributes") == [
        ("1", "company", "IE", "Cork", "en", {"shoe_size": "42", "colour": "red"}),
        ("3", "company", None, "Rome", None, {"shoe_size": "43", "colour": None}),
    ]
    assert shop.rows("profiles", "name") == [("Ann LEE",), ("Cy DAY",)]


def test_each_entity_reads_the_files_that_are_its_own(shop: Shop) -> None:
    mapping = """
version: 1
files: ["*.csv"]
entities:
  customers: {files: ["cust*.csv", "more.csv"], columns: {customer_id: id}}
  products: {files: "prod*.parquet", columns: {product_id: id, name: name}}
"""
    files = [shop.file(name, f"id\n{name[0]}\n") for name in ("customers.csv", "custom.csv", "more.csv")]
    pq.write_table(pa.table({"id": [1, 2], "name": ["Pen", "Ink"]}), files[0].parent / "products.parquet")
    shop.bring_mapped(mapping, *files, files[0].parent / "products.parquet")
    assert shop.rows("customers", "customer_id") == [("c",), ("m",)]
    assert shop.rows("products", "product_id", "name") == [("1", "Pen"), ("2", "Ink")]


def test_a_file_that_no_entity_reads_is_an_error_and_not_lost(shop: Shop) -> None:
    mapping = "version: 1\nentities: {customers: {files: 'c*.csv', columns: {customer_id: id}}}\n"
    with pytest.raises(WrongUseError, match=r"No entity of the mapping reads x\.csv"):
        shop.bring_mapped(mapping, shop.file("c.csv", "id\n1\n"), shop.file("x.csv", "id\n2\n"))
    with pytest.raises(WrongUseError, match=r"customers|reads x\.csv"):
        shop.bring_mapped(mapping, shop.file("x.csv", "id\n2\n"))


def test_files_with_different_columns_are_read_together(shop: Shop) -> None:
    files = [shop.file("a.csv", "customer_id,country\na,GB\n"), shop.file("b.csv", "customer_id,city\nb,Rome\n")]
    shop.bring_files(files, entity="customers")
    assert shop.rows("customers", "customer_id", "country", "city") == [("a", "GB", None), ("b", None, "Rome")]


def test_a_select_groups_lines_into_orders_and_its_lines_are_the_first_of_their_group(shop: Shop) -> None:
    mapping = """
version: 1
constants: {currency: GBP, status: completed}
entities:
  orders:
    select: select no order_id, min(day) ordered_at, sum(qty::int * price::decimal(18, 4)) amount, any_value(who) customer_id from rows group by no
"""
    text = "no,day,qty,price,who\n1,2026-01-02,2,1.25,a\n1,2026-01-01,1,0.50,\n2,2026-02-30,1,1,b\n2,2026-02-31,1,1,b\n3,2026-01-01,3,3,c\n"
    report = shop.bring_mapped(mapping, shop.file("lines.csv", text))
    # 2 x 1.25 + 1 x 0.50 = 3.00
    assert shop.rows("orders", "order_id", "ordered_on", "amount", "customer_id") == [
        ("1", date(2026, 1, 1), Decimal(3), "a"),
        ("3", date(2026, 1, 1), Decimal(9), "c"),
    ]
    assert [(r.line, r.reason.split('"')[1]) for r in report.rejected] == [(4, "2026-02-30")]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select 1; drop table rows",
        "select customer_id from rows, read_text('/etc/passwd')",
        "select random() customer_id from rows",
    ],
)
def test_a_mapping_that_reaches_for_more_is_refused_and_the_lake_is_as_it_was(shop: Shop, sql: str) -> None:
    shop.bring("customers", "customer_id\na\n")
    before = shop.listing()
    with pytest.raises(KeepwellError, match=r"mapping\.yaml, line 4: entities\.customers\.select: This SQL may not be used"):
        shop.bring_mapped(f'version: 1\nentities:\n  customers:\n    select: "{sql}"\n', shop.file("c.csv", "customer_id\nb\n"))
    assert shop.listing() == before


def test_a_select_that_fails_on_the_rows_says_so_and_the_lake_is_as_it_was(shop: Shop) -> None:
    before = shop.listing()
    mapping = "version: 1\nentities:\n  products:\n    select: select id product_id, name, price::decimal(18, 4) unit_price from rows\n"
    with pytest.raises(KeepwellError, match="cheap"):
        shop.bring_mapped(mapping, shop.file("p.csv", "id,name,price\n1,Pen,cheap\n"))
    assert shop.listing() == before


def test_a_select_may_not_give_what_landing_computes(shop: Shop) -> None:
    mapping = "version: 1\nentities:\n  customers:\n    select: select id customer_id, true has_valid_email from rows\n"
    with pytest.raises(KeepwellError, match="has_valid_email is computed when rows land"):
        shop.bring_mapped(mapping, shop.file("c.csv", "id\n1\n"))


def test_a_select_that_gives_a_column_nobody_knows_answers_with_the_nearest(shop: Shop) -> None:
    mapping = "version: 1\nentities:\n  customers:\n    select: select id customer_id, c contry from rows\n"
    with pytest.raises(KeepwellError, match="no column of customers named 'contry'") as caught:
        shop.bring_mapped(mapping, shop.file("c.csv", "id,c\n1,GB\n"))
    assert "country" in str(caught.value.hint)


def test_a_column_that_the_file_lacks_is_an_error_with_those_it_has(shop: Shop) -> None:
    with pytest.raises(KeepwellError, match="customers: the file has no column 'Customer'") as caught:
        shop.bring_mapped(SALES, shop.file("s.csv", "Order,Client\n1,a\n"))
    assert "Order, Client" in str(caught.value.hint)


def test_warnings_are_kept_with_the_import(shop: Shop) -> None:
    report = shop.bring("orders", "order_id,customer_id,ordered_at,status,amount,currency\n1,nobody,2026-01-05,completed,10.50,GBP\n")
    assert warnings_of(shop.lake.change(str(report.import_id)), "orders") == warnings_of(report, "orders")
    assert "nobody" in warnings_of(report, "orders")[0]
