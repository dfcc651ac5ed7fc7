"""What a cell may say: each value is read exactly or its row comes back with the reason."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from factories.shop import OPENING, Shop, as_csv
from keepwell.core.errors import KeepwellError
from keepwell.sources.imports import ImportReport

OK = object()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("values"))


def landed(shop: Shop, entity: str, key: str, column: str, report: ImportReport) -> dict[str, Any]:
    """Key -> value of the rows that this import wrote."""
    return {k: value for k, value, batch in shop.rows(entity, key, column, "batch_id") if batch == report.import_id}


def bring_values(shop: Shop, entity: str, column: str, cells: Mapping[str, str], **others: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Import one row a cell; returns what landed and the reasons of what did not, both by the name of the cell."""
    key = {"orders": "order_id", "products": "product_id", "customers": "customer_id", "usage": "usage_id", "visits": "visit_id"}[entity]
    # the workspace is the same for all tests, so each has keys of its own
    prefix = f"{len(shop.lake.changes())}-"
    rows = [{key: prefix + name, column: cell, **others} for name, cell in cells.items()]
    report = shop.bring_rows(entity, rows, most_rejected=0.99)
    lines = {r.line: r.reason for r in report.rejected}
    found = {k.removeprefix(prefix): value for k, value in landed(shop, entity, key, column, report).items()}
    return {name: found[name] for name in cells if name in found}, {name: lines[n] for n, name in enumerate(cells, start=2) if n in lines}


ORDER = {"ordered_at": "2026-01-01", "status": "completed", "currency": "GBP"}


# ----------------------------------------------------------------------- numbers


def test_amounts_are_exact_or_refused(shop: Shop) -> None:
    good = {
        "12": "12", "12.5": "12.5", "-0.0001": "-0.0001", "+7": "7", "1e3": "1000", "1.5E-2": "0.015", " 3.10 ": "3.1", "5.": "5", ".5": "0.5",
        "1.23450000": "1.2345", "99999999999999.9999": "99999999999999.9999", "007.10": "7.1",
    }  # fmt: skip
    bad = [
        "1.23456", "NaN", "nan", "inf", "-Infinity", "1_000", "0x10", "0b11", "twelve", "1,5", "12.5.6", "--1", "1e99", "1e-5", "1e-20",
        "100000000000000", "£5", "5%", "(5)", "１２", "true", "2026-01-01",
    ]  # fmt: skip
    found, reasons = bring_values(shop, "orders", "amount", {f"v{n}": cell for n, cell in enumerate([*good, *bad])}, **ORDER)
    assert found == {f"v{n}": Decimal(text) for n, text in enumerate(good.values())}
    for number, cell in enumerate(bad, start=len(good)):
        assert reasons[f"v{number}"] == f'amount "{cell}" is no amount with at most 4 decimals, written like 1234.56'


def test_an_amount_that_is_missing_is_told(shop: Shop) -> None:
    found, reasons = bring_values(shop, "orders", "amount", {"a": "1", "b": "", "c": "   "}, **ORDER)
    assert (set(found), reasons) == ({"a"}, {"b": "amount is missing", "c": "amount is missing"})


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ({"a": "1.234,56", "b": "-7,5", "c": "1.000.000,00", "d": "12"}, {"a": "1234.56", "b": "-7.5", "c": "1000000", "d": "12"}),
        ({"a": "1,234.56", "b": "-7.5", "c": "1,000,000", "d": "12"}, {"a": "1234.56", "b": "-7.5", "c": "1000000", "d": "12"}),
        (
            {"a": "1 234,56", "b": "1\u00a0234,5", "c": "1\u202f000 000", "d": "12"},
            {"a": "1234.56", "b": "1234.5", "c": "1000000", "d": "12"},
        ),
        ({"a": "1'234.56", "b": "1’234.5", "c": "2"}, {"a": "1234.56", "b": "1234.5", "c": "2"}),
        ({"a": "0,5", "b": "12", "c": "3,25"}, {"a": "0.5", "b": "12", "c": "3.25"}),
    ],
    ids=["German", "English", "French", "Swiss", "a comma alone"],
)
def test_the_signs_of_numbers_are_told_from_the_column(shop: Shop, cells: dict[str, str], values: dict[str, str]) -> None:
    found, reasons = bring_values(shop, "orders", "amount", cells, **ORDER)
    assert (found, reasons) == ({name: Decimal(text) for name, text in values.items()}, {})


def test_groups_that_are_not_of_three_digits_are_refused_and_not_run_together(shop: Shop) -> None:
    cells = {f"good{n}": "3,456.78" for n in range(5)} | {
        "a": "1,234.56",
        "b": "2,345.00",
        "c": "1,5",
        "d": "12,34",
        "e": "1.234,56",
        "f": "1,2345",
        "g": ",5",
    }
    found, reasons = bring_values(shop, "orders", "amount", cells, **ORDER)
    assert {n: v for n, v in found.items() if "good" not in n} == {"a": Decimal("1234.56"), "b": Decimal(2345)}
    assert set(reasons) == {"c", "d", "e", "f", "g"}
    assert reasons["c"] == 'amount "1,5" is no amount with at most 4 decimals, written like 1,234.56'


def test_numbers_that_can_be_read_in_two_ways_are_refused_until_the_mapping_says_which(shop: Shop) -> None:
    text = 'order_id,ordered_at,status,currency,amount\n1,2026-01-01,completed,GBP,"1,234"\n2,2026-01-01,completed,GBP,"5,678"\n'
    with pytest.raises(KeepwellError, match="amount: every number can be read as") as caught:
        shop.bring("orders", text)
    assert "decimal:" in str(caught.value.hint)
    mapping = "version: 1\ndecimal: '{sign}'\nentities: {{orders: {{columns: {{{columns}}}}}}}\n"
    columns = ", ".join(f"{c}: {c}" for c in ("order_id", "ordered_at", "status", "currency", "amount"))
    for sign, values in ((".", [Decimal(1234), Decimal(5678)]), (",", [Decimal("1.234"), Decimal("5.678")])):
        report = shop.bring_mapped(mapping.format(sign=sign, columns=columns), shop.file("numbers.csv", text))
        assert list(landed(shop, "orders", "order_id", "amount", report).values()) == values


def test_whole_numbers_are_whole(shop: Shop) -> None:
    others = {"customer_id": "c", "used_on": "2026-01-01", "feature": "f"}
    good = {"0": 0, "12": 12, "12.0": 12, "12.": 12, "1e3": 1000, "+5": 5, "9223372036854775807": 9223372036854775807}
    bad = ["1.5", "-1", "1e-20", "nan", "1_000", "0x1F", "9223372036854775808", "x", "1e400"]
    found, reasons = bring_values(shop, "usage", "count", {f"v{n}": cell for n, cell in enumerate([*good, *bad])}, **others)
    assert found == {f"v{n}": value for n, value in enumerate(good.values())}
    assert len(reasons) == len(bad)
    assert reasons[f"v{len(good)}"] == 'count "1.5" is no whole number'
    assert reasons[f"v{len(good) + 1}"] == 'count "-1" is below 0'


def test_measured_numbers_are_finite(shop: Shop) -> None:
    others = {"customer_id": "c", "used_on": "2026-01-01", "feature": "f"}
    found, reasons = bring_values(
        shop,
        "usage",
        "duration_s",
        {"a": "1.23456789", "b": "1e-20", "c": "nan", "d": "inf", "e": "1e999", "f": "1_0", "g": "0x1", "h": "two"},
        **others,
    )
    assert found == {"a": 1.23456789, "b": 1e-20}
    assert set(reasons) == set("cdefgh")
    assert reasons["c"] == 'duration_s "nan" is no finite number, written like 1234.56'


def test_floating_numbers_of_parquet_mean_their_shortest_text(shop: Shop, tmp_path: Path) -> None:
    amounts = [2.55, 0.1 + 0.2, 1e15, -0.0001, 1.23456, float("nan"), float("inf"), None]
    table = pa.table({
        "order_id": [float(17850 + n) for n in range(len(amounts))], "ordered_at": [datetime(2026, 1, 1)] * len(amounts),
        "status": ["completed"] * len(amounts), "currency": ["GBP"] * len(amounts), "amount": amounts,
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    report = shop.bring_files([tmp_path / "a.parquet"], entity="orders", most_rejected=0.99)
    assert landed(shop, "orders", "order_id", "amount", report) == {
        "17850": Decimal("2.55"), "17851": Decimal("0.3"), "17853": Decimal("-0.0001"),
    }  # fmt: skip
    assert [r.line for r in report.rejected] == [3, 5, 6, 7, 8], "rows of Parquet are counted from 1"
    assert report.rejected[1].reason.startswith('amount "1.23456" is no amount')
    assert report.rejected[-1].reason == "amount is missing"


# ------------------------------------------------------------------------- dates


def test_iso_dates_and_instants_are_read(shop: Shop) -> None:
    cells = {
        "a": "2026-01-31", "b": "2026-1-5", "c": "2026-01-31 23:45", "d": "2026-01-31T23:45:10", "e": "2026-01-31 23:45:10.123456",
        "f": "2026-01-31T23:45:10Z", "g": "2026-01-31T23:45:10+08:00", "h": "2026-01-31 23:45:10 UTC", "i": "2026-01-31 23:45-0530", "j": "2024-02-29",
    }  # fmt: skip
    found, reasons = bring_values(shop, "orders", "ordered_at", cells, status="completed", currency="GBP", amount="1")
    assert reasons == {}
    assert found == {
        "a": datetime(2026, 1, 31, tzinfo=UTC), "b": datetime(2026, 1, 5, tzinfo=UTC), "c": datetime(2026, 1, 31, 23, 45, tzinfo=UTC),
        "d": datetime(2026, 1, 31, 23, 45, 10, tzinfo=UTC), "e": datetime(2026, 1, 31, 23, 45, 10, 123456, tzinfo=UTC),
        "f": datetime(2026, 1, 31, 23, 45, 10, tzinfo=UTC), "g": datetime(2026, 1, 31, 15, 45, 10, tzinfo=UTC),
        "h": datetime(2026, 1, 31, 23, 45, 10, tzinfo=UTC), "i": datetime(2026, 2, 1, 5, 15, tzinfo=UTC), "j": datetime(2024, 2, 29, tzinfo=UTC),
    }  # fmt: skip


def test_days_and_moments_that_do_not_exist_are_refused(shop: Shop) -> None:
    bad = [
        "2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-01-31 25:00:00", "2026-01-31 23:61:00", "2026-01-31 or so", "2026-01-31 23:45:10 or so",
        "epoch", "infinity", "now", "today", "2026", "2026-01", "45292", "0026-01-31", "1899-12-31", "2200-01-01", "2026-01-31 23:45:10 Asia/Shanghai",
        "yesterday", "2026-01-31 (BC)", "20260230",
    ]  # fmt: skip
    cells = {"ok": "2026-01-31 10:00:00", **{f"v{n}": cell for n, cell in enumerate(bad)}}
    found, reasons = bring_values(shop, "orders", "ordered_at", cells, status="completed", currency="GBP", amount="1")
    assert set(found) == {"ok"}
    for number, cell in enumerate(bad):
        assert reasons[f"v{number}"].startswith(f'ordered_at "{cell}" is no moment between 1900 and 2199 written as ISO 8601'), cell


def test_days_that_do_not_exist_are_refused_as_days_too(shop: Shop) -> None:
    cells = {
        "ok": "2024-02-29",
        "a": "2026-02-29",
        "b": "epoch",
        "c": "infinity",
        "d": "2026-01-31 23:45:10",
        "e": "2026-01-31 10:00:00 or so",
        "f": "-infinity",
    }
    report = shop.bring_rows(
        "customers", [{"customer_id": f"born-{name}", "birth_date": cell} for name, cell in cells.items()], most_rejected=0.99
    )
    assert [r.line for r in report.rejected] == [3, 4, 5, 7, 8]
    born = {k: v for k, v in shop.rows("profiles", "id", "birth_date") if k.startswith("born-")}
    assert born == {"born-ok": date(2024, 2, 29), "born-d": date(2026, 1, 31)}


def test_what_lies_in_the_future_is_refused_but_for_what_may(shop: Shop) -> None:
    # the shop's clock says 2026-06-01; a day of slack is left for clocks that differ
    tomorrow, later = (OPENING + timedelta(hours=20)).isoformat(), (OPENING + timedelta(days=2)).isoformat()
    found, reasons = bring_values(shop, "orders", "ordered_at", {"a": tomorrow, "b": later}, status="completed", currency="GBP", amount="1")
    assert set(found) == {"a"}
    assert reasons == {"b": f'ordered_at "{later}" lies in the future'}
    contracts = [
        {"contract_id": "c", "customer_id": "x", "signed_at": "2026-01-01", "amount": 1, "currency": "GBP", "ends_on": "2036-01-01"}
    ]
    assert shop.bring_rows("contracts", contracts).rejected == ()


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["31/01/2026", "05/02/2026"], [date(2026, 1, 31), date(2026, 2, 5)]),
        (["01/31/2026", "05/02/2026"], [date(2026, 1, 31), date(2026, 5, 2)]),
        (["31.01.2026", "5.2.2026"], [date(2026, 1, 31), date(2026, 2, 5)]),
        (["2026年1月31日", "2026年2月5日"], [date(2026, 1, 31), date(2026, 2, 5)]),
        (["2026/1/31", "2026/2/5"], [date(2026, 1, 31), date(2026, 2, 5)]),
        (["20260131", "20260205"], [date(2026, 1, 31), date(2026, 2, 5)]),
        (["31-Jan-26", "5-Feb-26"], [date(2026, 1, 31), date(2026, 2, 5)]),
        (["1/31/26 11:45 PM", "2/5/26 12:00 AM"], [date(2026, 1, 31), date(2026, 2, 5)]),
        (["2026年1月31日 8时30分", "2026年2月5日 23时59分"], [date(2026, 1, 31), date(2026, 2, 5)]),
    ],
    ids=str,
)
def test_the_format_of_dates_is_told_from_the_column(shop: Shop, cells: list[str], days: list[date]) -> None:
    named = {f"v{n}": cell for n, cell in enumerate(cells)}
    found, reasons = bring_values(shop, "orders", "ordered_at", named, status="completed", currency="GBP", amount="1")
    assert reasons == {}
    assert [at.date() for at in found.values()] == days


def test_dates_that_can_be_read_in_two_ways_are_refused_until_the_mapping_says_which(shop: Shop) -> None:
    text = as_csv(
        [
            {"order_id": n, "ordered_at": f"0{n}/02/2026", **{k: v for k, v in ORDER.items() if k != "ordered_at"}, "amount": 1}
            for n in (3, 4, 5)
        ]
    )
    with pytest.raises(KeepwellError, match="every date can be read as %d/%m/%Y or %m/%d/%Y") as caught:
        shop.bring("orders", text)
    assert "dates:" in str(caught.value.hint)
    columns = ", ".join(f"{c}: {c}" for c in ("order_id", "ordered_at", "status", "currency", "amount"))
    for pattern, days in (("%d/%m/%Y", [3, 4, 5]), ("%m/%d/%Y", [2, 2, 2])):
        mapping = f"version: 1\ndates: '{pattern}'\nentities: {{orders: {{columns: {{{columns}}}}}}}\n"
        report = shop.bring_mapped(mapping, shop.file("dates.csv", text))
        assert [at.day for at in landed(shop, "orders", "order_id", "ordered_at", report).values()] == days


def test_a_day_that_only_one_reading_has_settles_the_whole_column(shop: Shop) -> None:
    # of 5,000 ambiguous dates a single one at the end tells that the day stands first
    cells = {f"v{n}": "03/04/2026" for n in range(5000)} | {"last": "25/12/2025"}
    found, reasons = bring_values(shop, "orders", "ordered_at", cells, status="completed", currency="GBP", amount="1")
    assert reasons == {}
    assert found["v0"] == datetime(2026, 4, 3, tzinfo=UTC)


# --------------------------------------------------------- codes, flags, ids, words


def test_a_currency_is_one_of_iso_4217_and_the_nearest_is_told(shop: Shop) -> None:
    cells = {"a": "GBP", "b": "eur", "c": " usd ", "d": "GPB", "e": "XXX", "f": "£"}
    found, reasons = bring_values(shop, "orders", "currency", cells, ordered_at="2026-01-01", status="completed", amount="1")
    assert found == {"a": "GBP", "b": "EUR", "c": "USD"}
    assert reasons == {n: f'currency "{v}" is no currency of ISO 4217' for n, v in {"d": "GPB", "e": "XXX", "f": "£"}.items()}
    with pytest.raises(KeepwellError, match="'GPB' is no currency") as caught:
        shop.bring_mapped(
            "version: 1\nconstants: {currency: GPB}\nentities: {orders: {columns: {order_id: i, ordered_at: t, amount: a}, constants: {status: completed}}}\n",
            shop.file("o.csv", "i,t,a\n1,2026-01-31,1\n"),
        )
    assert "GBP" in str(caught.value.hint)


def test_a_word_of_a_list_is_one_of_it(shop: Shop) -> None:
    found, reasons = bring_values(
        shop, "orders", "status", {"a": "completed", "b": "Pending", "c": "done"}, ordered_at="2026-01-01", currency="GBP", amount="1"
    )
    assert found == {"a": "completed", "b": "pending"}
    assert reasons == {"c": 'status "done" is none of completed, pending, cancelled, refund'}


def test_flags_are_read_in_english_and_chinese(shop: Shop) -> None:
    words = {"true": True, "False": False, "YES": True, "n": False, "1": True, "0": False, "是": True, "否": False, "真": True, "假": False}
    cells = {f"v{n}": word for n, word in enumerate([*words, "maybe", "2", "不"])}
    found, reasons = bring_values(shop, "visits", "converted", cells, visitor_id="v", started_at="2026-01-01")
    assert list(found.values()) == list(words.values())
    assert list(reasons.values()) == [f'converted "{w}" is neither true nor false' for w in ("maybe", "2", "不")]


def test_identifiers_are_kept_as_they_are_but_for_space_around_and_composition(shop: Shop) -> None:
    ids = {
        "0007": "0007",
        " a b ": "a b",
        "A1": "A1",
        "a1": "a1",
        "客户-1": "客户-1",
        "cafe\u0301": "caf\u00e9",
        "\u3000x\u00a0": "x",
        "1e5": "1e5",
        "12.0": "12.0",
        "\ty\t": "y",
    }
    report = shop.bring_rows("products", [{"product_id": i, "name": "n"} for i in ids])
    assert set(landed(shop, "products", "product_id", "name", report)) == set(ids.values())


def test_a_control_character_in_an_identifier_is_refused(shop: Shop) -> None:
    report = shop.bring_rows("products", [{"product_id": "a\x1fb", "name": "n"}, {"product_id": "good", "name": "n"}])
    assert [r.reason for r in report.rejected] == ['product_id "a\x1fb" holds a control character']


def test_times_of_day_are_hours_and_minutes(shop: Shop) -> None:
    cells = {"09:30": "09:30", "9:30": "09:30", "09:30:15": "09:30", "9:05:59": "09:05", "00:00": "00:00", "23:59": "23:59"}
    bad = ["24:30", "25:00", "9", "09:60", "0930", "9.30", "09:30 PM"]
    rows = [
        {"team": f"t{n}", "weekday": 1, "opens_at": cell, "closes_at": "24:00", "time_zone": "UTC", "country": "GB"}
        for n, cell in enumerate([*cells, *bad])
    ]
    report = shop.bring_rows("business_hours", rows, most_rejected=0.99)
    assert [opens for (opens,) in shop.rows("business_hours", "opens_at")] == sorted(cells.values())
    assert {r.reason for r in report.rejected} == {f'opens_at "{cell}" is no time of day, such as 09:30' for cell in bad}


def test_an_e_mail_is_the_same_in_capitals_and_with_space_around(shop: Shop) -> None:
    cells = {"v1": "Ann@X.org", "v2": " ann@x.ORG ", "v3": "\u3000ANN@x.org", "v4": "no address", "v5": ""}
    report = shop.bring_rows("customers", [{"customer_id": k, "email": v} for k, v in cells.items()])
    assert report.rejected == ()
    valid = {k: v for k, v in shop.rows("customers", "customer_id", "has_valid_email") if k in cells}
    assert valid == {"v1": True, "v2": True, "v3": True, "v4": False, "v5": None}
    assert {k: v for k, v in shop.rows("profiles", "id", "email") if k in cells} == {
        "v1": "ann@x.org",
        "v2": "ann@x.org",
        "v3": "ann@x.org",
        "v4": "no address",
    }


def test_attributes_are_a_json_object(shop: Shop) -> None:
    cells = {"a": '{"colour": "red", "size": 3}', "b": "", "c": "red", "d": "[1]"}
    found, reasons = bring_values(shop, "customers", "attributes", cells)
    assert found == {"a": {"colour": "red", "size": "3"}, "b": None}
    assert set(reasons) == {"c", "d"}
