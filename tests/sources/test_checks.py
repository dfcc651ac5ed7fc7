"""What a row must hold before it lands, beside its values: a key of its own, its parents, the rules of its entity."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from factories.shop import Shop, counted, warnings_of
from keepwell.core.errors import KeepwellError, WrongUseError
from keepwell.sources.imports import ImportRefusedError

ORDERS = "order_id,customer_id,ordered_at,status,amount,currency\n"
LINES = "order_id,line_no,product_id,quantity,unit_price,amount\n"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


# -------------------------------------------------------------------------- keys


def test_of_rows_that_are_the_same_throughout_one_is_kept_and_told(shop: Shop) -> None:
    row = "1,a,2026-01-01,completed,1.00,GBP\n"
    report = shop.bring(
        "orders", ORDERS + row + "2,,2026-01-01,completed,1,GBP\n" + row.replace("1.00", "1.0") + row + "2,,2026-01-01,completed,1,GBP\n"
    )
    assert counted(report, "orders") == {"read": 5, "inserted": 2, "unchanged": 3}
    assert report.rejected == ()
    assert "3 rows repeat another row in every column; one of each is kept" in warnings_of(report, "orders")
    assert [o for (o,) in shop.rows("orders", "order_id")] == ["1", "2"]


@pytest.mark.parametrize(
    "second", ["1,a,2026-01-01,completed,2,GBP\n", "1,,2026-01-01,completed,1,GBP\n"], ids=["another amount", "no customer"]
)
def test_rows_that_share_a_key_and_differ_are_all_rejected_with_their_lines(shop: Shop, second: str) -> None:
    first, other = "1,a,2026-01-01,completed,1,GBP\n", "{},a,2026-01-01,completed,1,GBP\n"
    report = shop.bring("orders", ORDERS + first + other.format(2) + second + other.format(3) + other.format(4))
    assert counted(report, "orders") == {"read": 5, "inserted": 3, "rejected": 2}
    assert [(r.line, r.reason) for r in report.rejected] == [
        (2, "order_id '1' stands 2 times with different values"),
        (4, "order_id '1' stands 2 times with different values"),
    ]


def test_a_key_of_several_columns_is_compared_whole(shop: Shop) -> None:
    shop.bring("orders", ORDERS + "1,,2026-01-01,completed,1,GBP\n2,,2026-01-01,completed,1,GBP\n")
    report = shop.bring("order_lines", LINES + "1,1,p,1,1,1\n1,2,p,1,1,1\n2,1,p,1,1,1\n1,1,p,2,1,2\n")
    assert [(r.line, r.reason) for r in report.rejected] == [
        (2, "order_id and line_no '1, 1' stands 2 times with different values"),
        (5, "order_id and line_no '1, 1' stands 2 times with different values"),
    ]


def test_attributes_count_when_rows_are_compared(shop: Shop) -> None:
    report = shop.bring("customers", 'customer_id,attributes\na,"{""x"": 1}"\na,"{""x"": 1}"\nb,"{""x"": 1}"\nb,"{""x"": 2}"\nc,\nd,\n')
    assert counted(report, "customers") == {"read": 6, "inserted": 3, "unchanged": 1, "rejected": 2}


def test_a_key_that_is_missing_is_told(shop: Shop) -> None:
    report = shop.bring("orders", ORDERS + "1,,2026-01-01,completed,1,GBP\n ,,2026-01-01,completed,1,GBP\n2,,2026-01-01,completed,1,GBP\n")
    assert [(r.line, r.entity, r.reason) for r in report.rejected] == [(3, "orders", "order_id is missing")]


# ------------------------------------------------------------------------ parents


def test_a_row_whose_parent_nobody_knows_is_kept_and_told(shop: Shop) -> None:
    shop.bring("customers", "customer_id\na\n")
    report = shop.bring(
        "orders",
        ORDERS
        + "1,a,2026-01-01,completed,1,GBP\n2,nobody,2026-01-01,completed,1,GBP\n3,,2026-01-01,completed,1,GBP\n4,who,2026-01-01,completed,1,GBP\n",
    )
    assert counted(report, "orders") == {"read": 4, "inserted": 4}
    assert warnings_of(report, "orders") == (
        "customer_id: 2 rows name one of customers that is not known, such as 'nobody', 'who'; they are kept",
    )


def test_a_parent_may_come_in_the_same_file(shop: Shop) -> None:
    mapping = """
version: 1
entities:
  orders: {columns: {order_id: o, customer_id: c, ordered_at: t, amount: a}, constants: {status: completed, currency: GBP}}
  customers: {columns: {customer_id: c}}
"""
    report = shop.bring_mapped(mapping, shop.file("f.csv", "o,c,t,a\n1,a,2026-01-01,1\n2,b,2026-01-01,1\n"))
    assert warnings_of(report, "orders") == ()


def test_hours_of_all_other_teams_name_no_team(shop: Shop) -> None:
    header = "team,weekday,opens_at,closes_at,time_zone,country\n"
    report = shop.bring("business_hours", header + "*,1,09:00,18:00,UTC,GB\ndesk,1,09:00,18:00,UTC,GB\n")
    assert warnings_of(report, "business_hours") == ("team: 1 rows name one of teams that is not known, such as 'desk'; they are kept",)


def test_a_customer_may_name_another_of_the_same_file(shop: Shop) -> None:
    report = shop.bring("customers", "customer_id,referred_by,parent_id\na,,\nb,a,\nc,,x\n")
    assert warnings_of(report, "customers") == ("parent_id: 1 rows name one of customers that is not known, such as 'x'; they are kept",)


def test_a_line_without_its_order_is_rejected_for_it_has_no_date(shop: Shop) -> None:
    shop.bring("orders", ORDERS + "1,,2026-01-01,completed,1,GBP\n")
    report = shop.bring("order_lines", LINES + "1,1,p,1,1,1\n9,1,p,1,1,1\n1,2,p,1,1,1\n")
    assert counted(report, "order_lines") == {"read": 3, "inserted": 2, "rejected": 1}
    (rejected,) = report.rejected
    assert (rejected.line, rejected.entity) == (3, "order_lines")
    assert rejected.reason.startswith("order_id '9' is not among the orders known; ordered_at")


def test_the_lines_of_an_order_that_is_rejected_are_rejected_too(shop: Shop) -> None:
    mapping = """
version: 1
entities:
  order_lines: {files: lines.csv, columns: {order_id: o, line_no: n, product_id: p, quantity: q, unit_price: u, amount: a}}
  orders: {files: orders.csv, columns: {order_id: o, ordered_at: t, amount: a}, constants: {status: completed, currency: GBP}}
"""
    orders = shop.file(
        "orders.csv",
        "o,t,a\n1,2026-01-01,1\n2,2026-02-30,1\n3,2026-01-01,1\n3,2026-01-01,2\n4,2026-01-01,1\n5,2026-01-01,1\n6,2026-01-01,1\n",
    )
    lines = shop.file("lines.csv", "o,n,p,q,u,a\n1,1,p,1,1,1\n2,1,p,1,1,1\n3,1,p,1,1,1\n4,1,p,1,1,1\n")
    report = shop.bring_mapped(mapping, orders, lines)
    assert {(r.file, r.line) for r in report.rejected} == {
        ("orders.csv", 3),
        ("orders.csv", 4),
        ("orders.csv", 5),
        ("lines.csv", 3),
        ("lines.csv", 4),
    }
    assert [o for (o,) in shop.rows("order_lines", "order_id")] == ["1", "4"]


# -------------------------------------------------------------------------- rules


def test_a_row_that_breaks_a_rule_is_rejected_with_what_the_rule_says(shop: Shop) -> None:
    report = shop.bring("orders", ORDERS + "1,,2026-01-01,refund,5,GBP\n2,,2026-01-01,refund,-5,GBP\n3,,2026-01-01,completed,-5,GBP\n")
    assert [(r.line, r.reason) for r in report.rejected] == [(2, "a refund has a negative amount")]
    assert counted(report, "orders") == {"read": 3, "inserted": 2, "rejected": 1}


def test_a_rule_that_only_warns_is_told_and_the_row_kept(shop: Shop) -> None:
    row = "{},c,2026-01-01,{},2026-06-30,1,GBP\n"
    report = shop.bring(
        "contracts",
        "contract_id,customer_id,signed_at,starts_on,ends_on,amount,currency\n" + row.format(1, "2026-02-01") + row.format(2, "2026-12-01"),
    )
    assert counted(report, "contracts") == {"read": 2, "inserted": 2}
    assert "1 rows: the contract ends before it starts; they are kept" in warnings_of(report, "contracts")


def test_a_number_out_of_its_range_is_rejected(shop: Shop) -> None:
    report = shop.bring(
        "business_hours",
        "team,weekday,opens_at,closes_at,time_zone,country\na,0,9:00,17:00,UTC,GB\nb,7,9:00,17:00,UTC,GB\nc,8,9:00,17:00,UTC,GB\nd,1,17:00,9:00,UTC,GB\ne,2,9:00,17:00,UTC,GB\nf,3,9:00,17:00,UTC,GB\n",
    )
    assert [(r.line, r.reason) for r in report.rejected] == [
        (2, 'weekday "0" is below 1'), (4, 'weekday "8" is above 7'), (5, "the team closes before it opens"),
    ]  # fmt: skip


def test_a_row_with_several_faults_is_told_all_of_them_at_once(shop: Shop) -> None:
    report = shop.bring("orders", ORDERS + "1,,2026-02-30,done,,GBX\n" + "".join(f"{n},,2026-01-01,completed,1,GBP\n" for n in (2, 3)))
    (rejected,) = report.rejected
    for part in ('ordered_at "2026-02-30" is no moment', 'status "done" is none of', "amount is missing", 'currency "GBX" is no currency'):
        assert part in rejected.reason


# ------------------------------------------------------------------------ columns


def test_columns_that_are_required_and_missing_are_an_error_before_anything_is_read(shop: Shop) -> None:
    before = shop.listing()
    with pytest.raises(KeepwellError, match="orders: nothing gives status, currency") as caught:
        shop.bring("orders", "order_id,ordered_at,amount\n1,2026-01-01,1\n")
    assert "keepwell map" in str(caught.value.hint)
    assert shop.listing() == before


def test_columns_that_the_model_does_not_know_are_passed_over_and_told(shop: Shop) -> None:
    report = shop.bring("customers", "Customer ID,COUNTRY,shoe size,_internal\na,GB,42,x\n")
    assert shop.rows("customers", "customer_id", "country") == [("a", "GB")]
    assert report.files[0].understood["passed over"] == "shoe size"


def test_a_file_of_which_no_column_is_known_is_an_error(shop: Shop) -> None:
    with pytest.raises(WrongUseError, match="None of the columns colour, size is one of customers") as caught:
        shop.bring("customers", "colour,size\nred,1\n")
    assert "keepwell map customers.csv --as customers" in str(caught.value.hint)


# ------------------------------------------------------------------ how much is bad


def test_when_more_than_half_is_rejected_nothing_lands_and_the_causes_are_told(shop: Shop) -> None:
    rows = "".join(f"{n},,2026-01-01,completed,{'1' if n < 3 else 'x'},GBP\n" for n in range(8)) + "8,,never,completed,1,GBP\n"
    before = shop.listing()
    with pytest.raises(ImportRefusedError, match="orders: 6 of 9 rows were rejected, so nothing was imported") as caught:
        shop.bring("orders", ORDERS + rows)
    assert '5 × orders.csv, line 5: amount "x" is no amount' in caught.value.message
    assert '1 × orders.csv, line 10: ordered_at "never" is no moment' in caught.value.message
    assert caught.value.hint == "--errors FILE writes them all, with their lines."
    assert shop.listing() == before
    assert shop.lake.changes() == []


def test_when_half_is_rejected_the_other_half_lands(shop: Shop) -> None:
    rows = "".join(f"{n},,2026-01-01,completed,{'1' if n < 3 else 'x'},GBP\n" for n in range(6))
    report = shop.bring("orders", ORDERS + rows)
    assert counted(report, "orders") == {"read": 6, "inserted": 3, "rejected": 3}
    assert report.rejected_rows == 3


def test_of_several_entities_one_that_is_mostly_wrong_stops_them_all(shop: Shop) -> None:
    mapping = """
version: 1
entities:
  customers: {columns: {customer_id: c}}
  orders: {columns: {order_id: o, customer_id: c, ordered_at: t, amount: a}, constants: {status: completed, currency: GBP}}
"""
    with pytest.raises(ImportRefusedError, match="orders: 2 of 2"):
        shop.bring_mapped(mapping, shop.file("f.csv", "o,c,t,a\n1,a,never,1\n2,b,never,1\n"))
    assert shop.rows("customers") == []


@pytest.mark.parametrize(
    "bad",
    [
        lambda n: f"{n},,2026-01-01,completed,x,GBP\n",
        lambda n: f"{n},,2026-01-01,completed\n",
        lambda _: f"1,,2026-01-01,completed,{_},GBP\n",
    ],
    ids=["wrong values", "wrong width", "one key"],
)
def test_a_hundred_thousand_bad_rows_are_counted_told_and_land_nowhere(shop: Shop, bad: Callable[[int], str]) -> None:
    errors = shop.workspace.folder / "errors.csv"
    with pytest.raises(ImportRefusedError, match=r"100,000 of 100,\d\d\d rows were rejected"):
        shop.bring(
            "orders",
            ORDERS + "".join(f"g{n},,2026-01-01,completed,1,GBP\n" for n in range(5)) + "".join(bad(n) for n in range(100_000)),
            errors=errors,
        )
    assert len(errors.read_text().splitlines()) == 100_001
    assert shop.rows("orders") == []


def test_a_file_of_which_no_record_has_the_columns_is_refused_with_its_lines(shop: Shop) -> None:
    with pytest.raises(ImportRefusedError, match="3 of 3 rows") as caught:
        shop.bring("customers", "customer_id,country\na\nb\nc,GB,x\n")
    assert "2 × customers.csv, line 2: has 1 columns, expected 2" in caught.value.message


def test_a_mapping_that_gives_no_row_is_an_error(shop: Shop) -> None:
    with pytest.raises(ImportRefusedError, match="customers: the mapping gives no row"):
        shop.bring_mapped(
            "version: 1\nentities: {customers: {columns: {customer_id: c}, where: \"c = 'x'\"}}\n", shop.file("f.csv", "c\na\n")
        )


def test_an_amount_of_nothing_is_an_amount(shop: Shop) -> None:
    shop.bring("orders", ORDERS + "1,,2026-01-01,completed,0,GBP\n")
    assert shop.rows("orders", "amount") == [(Decimal(0),)]
